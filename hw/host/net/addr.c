/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses of sockets from text, for the kinds of networks that use them. Left out: abstract Unix sockets.
 */
#include "base/os.h"
#include "hw/host/net/impl.h"
#include "hw/host/sockets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int net_inherit_fd(const char *spec, const char *text, struct error *e)
{
	unsigned long fd;
	char *end;

	errno = 0;
	fd = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || fd > 1u << 20 || fd < 3)
		return error_set(e, -EINVAL, "%.200s: fd=%.20s: must be the number of an open descriptor, from 3 on",
				 spec, text);
	if (!os_fd_is_open((int)fd))
		return error_set(e, -EBADF,
				 "%.200s: fd=%lu: no such descriptor is open: whoever starts the program must open it",
				 spec, fd);
	os_prepare((int)fd);
	return (int)fd;
}

void net_addr_name(struct net_addr *a)
{
	const struct sockaddr_un *un = (const struct sockaddr_un *)&a->ss;
	char host[64], port[16];

	if (a->ss.ss_family == AF_UNIX)
		snprintf(a->text, sizeof a->text, "unix:%.140s",
			 (size_t)a->len > offsetof(struct sockaddr_un, sun_path) ? un->sun_path : "");
	else if (getnameinfo((const struct sockaddr *)&a->ss, a->len, host, sizeof host, port, sizeof port,
			     NI_NUMERICHOST | NI_NUMERICSERV))
		snprintf(a->text, sizeof a->text, "?");
	else
		snprintf(a->text, sizeof a->text, a->ss.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

int net_addr_inet(struct net_addr *a, const char *spec, const char *host, const char *port, int socktype, bool passive,
		  struct error *e)
{
	struct addrinfo hints = { .ai_socktype = socktype, .ai_flags = passive ? AI_PASSIVE : 0 }, *list = NULL;
	unsigned long n;
	char *end;
	int rc;

	if (!port || !*port)
		return error_set(e, -EINVAL, "%.200s: a port is missing, as in 127.0.0.1:1234", spec);
	errno = 0;
	n = strtoul(port, &end, 10);
	if (*port < '0' || *port > '9' || *end || errno || n > 65535 || (!n && !passive))
		return error_set(e, -EINVAL, "%.200s: '%.20s' is no port: use a number from %u to 65535", spec, port,
				 !passive);
	/* IPv4 where any address will do: both ends of a pair on one machine then mean the same. */
	if (!host || !*host)
		hints.ai_family = AF_INET;
	rc = getaddrinfo(host && *host ? host : NULL, port, &hints, &list);
	if (rc)
		return error_set(e, -EINVAL,
				 "%.200s: the host '%.60s' is not known (%s): use a name that resolves, or an address",
				 spec, host ? host : "", gai_strerror(rc));
	memcpy(&a->ss, list->ai_addr, list->ai_addrlen);
	a->len = list->ai_addrlen;
	freeaddrinfo(list);
	net_addr_name(a);
	return 0;
}

int net_addr_parse(struct net_addr *a, const char *spec, const char *text, int socktype, bool passive, struct error *e)
{
	const char *colon = strrchr(text, ':');
	char host[256];
	size_t len;

	if (!colon || !colon[1])
		return error_set(e, -EINVAL, "%.200s: '%.80s' is no host and port: write it as 127.0.0.1:1234", spec,
				 text);
	len = (size_t)(colon - text);
	if (len > 1 && text[0] == '[' && colon[-1] == ']') {
		text++;
		len -= 2;
	}
	if (len >= sizeof host)
		return error_set(e, -EINVAL,
				 "%.100s: the host's name is %zu bytes long, which no host's is: use a shorter one",
				 spec, len);
	memcpy(host, text, len);
	host[len] = 0;
	return net_addr_inet(a, spec, host, colon + 1, socktype, passive, e);
}

int net_addr_unix(struct net_addr *a, const char *spec, const char *path, struct error *e)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&a->ss;

	if (!path || !*path)
		return error_set(e, -EINVAL, "%.200s: a path is missing: a Unix socket is a file", spec);
	if (strlen(path) >= sizeof un->sun_path)
		return error_set(e, -ENAMETOOLONG,
				 "%.100s: the path is %zu bytes long and a socket's may have %zu: use a shorter one",
				 spec, strlen(path), sizeof un->sun_path - 1);
	memset(&a->ss, 0, sizeof a->ss);
	un->sun_family = AF_UNIX;
	strcpy(un->sun_path, path);
	a->len = sizeof *un;
	net_addr_name(a);
	return 0;
}

bool net_addr_is_multicast(const struct net_addr *a)
{
	if (a->ss.ss_family == AF_INET)
		return (ntohl(((const struct sockaddr_in *)&a->ss)->sin_addr.s_addr) >> 28) == 14;
	return a->ss.ss_family == AF_INET6 && ((const struct sockaddr_in6 *)&a->ss)->sin6_addr.s6_addr[0] == 0xff;
}
