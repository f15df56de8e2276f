/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unix and TCP sockets as character devices, as server or client (POSIX sockets; QEMU's server, wait and nodelay).
 * One peer at a time; a server takes the next one when a peer has left. Left out: telnet, reconnect, TLS.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "hw/host/chardev/impl.h"
#include "hw/host/sockets.h"

struct options {
	bool server, wait, nodelay;
	bool wait_given;
};

/* One option word after the address. */
static int parse_option(const struct chardev *cd, const char *word, struct options *o, struct error *e)
{
	size_t len = strcspn(word, "=");
	const char *value = word[len] ? word + len + 1 : NULL;
	bool on = !value || !strcmp(value, "on") || !strcmp(value, "yes");

	bool known = (len == 6 && !memcmp(word, "server", len)) || (len == 4 && !memcmp(word, "wait", len)) ||
		     (len == 7 && !memcmp(word, "nodelay", len)) || (len == 5 && !memcmp(word, "delay", len));

	if (known && value && !on && strcmp(value, "off") && strcmp(value, "no"))
		return error_set(e, -EINVAL, "%.200s: '%.40s' must be on or off, as in %.*s=on", cd->spec, word,
				 (int)MIN(len, 40), word);
	if (len == 6 && !memcmp(word, "server", len)) {
		o->server = on;
	} else if (len == 8 && !memcmp(word, "noserver", len) && !value) {
		o->server = false;
	} else if (len == 4 && !memcmp(word, "wait", len)) {
		o->wait = on;
		o->wait_given = true;
	} else if (len == 6 && !memcmp(word, "nowait", len) && !value) {
		o->wait = false;
		o->wait_given = true;
	} else if ((len == 7 && !memcmp(word, "nodelay", len)) || (len == 5 && !memcmp(word, "delay", len))) {
		o->nodelay = on == (word[0] == 'n');
	} else {
		return error_set(e, -EINVAL,
				 "%.200s: '%.40s' is no option of it: use server=on|off, wait=on|off or nodelay=on|off",
				 cd->spec, word);
	}
	return 0;
}

/* Splits "ADDRESS,opt,opt=..." in place; ",," in the address stands for one comma. */
static int parse_spec(const struct chardev *cd, char *arg, struct options *o, struct error *e)
{
	char *d = arg, *s = arg, *next;

	while (*s && (*s != ',' || s[1] == ',')) {
		if (*s == ',')
			s++;
		*d++ = *s++;
	}
	next = *s ? s + 1 : NULL;
	*d = 0;
	while (next) {
		char *word = next;
		size_t len = strcspn(word, ",");
		int rc;

		next = word[len] ? word + len + 1 : NULL;
		word[len] = 0;
		rc = parse_option(cd, word, o, e);
		if (rc)
			return rc;
	}
	if (!o->wait_given)
		o->wait = o->server;
	else if (o->wait && !o->server)
		return error_set(e, -EINVAL, "%.200s: wait=on is for servers: add server=on, or leave it out",
				 cd->spec);
	return 0;
}

#define RETRY_NS 100000000u /* after the host had no descriptor for a peer */

static void on_retry(void *opaque, u32 events)
{
	struct chardev *cd = opaque;

	poll_remove(cd->env.poll, cd->timer);
	cd->timer = NULL;
	if (!cd->connected)
		poll_change(cd->env.poll, cd->listen_it, POLL_READABLE, false);
}

static void on_connection(void *opaque, u32 events)
{
	struct chardev *cd = opaque;
	int fd = os_accept(cd->listen_fd, NULL, NULL), one = 1;

	if (fd < 0) {
		/* The peer goes on knocking: without a pause we would do nothing but say no. */
		if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR && errno != ECONNABORTED && !cd->timer &&
		    (cd->timer = poll_every(cd->env.poll, RETRY_NS, on_retry, cd)))
			poll_change(cd->env.poll, cd->listen_it, 0, true);
		return;
	}
	os_prepare(fd);
	os_setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* no harm where it is no TCP */
	/* Before the start: a greeting that finds the peer gone hangs up, and that listens again. */
	poll_change(cd->env.poll, cd->listen_it, 0, true);
	if (chardev_start(cd, fd, fd)) {
		os_close(fd);
		poll_change(cd->env.poll, cd->listen_it, POLL_READABLE, false);
	}
}

static int start_server(struct chardev *cd, int fd, const struct options *o, struct error *e)
{
	cd->listen_it = poll_add(cd->env.poll, fd, POLL_READABLE, on_connection, cd);
	if (!cd->listen_it)
		return error_set(e, -ENOMEM, "%.200s: the host is out of memory", cd->spec);
	if (!o->wait)
		return 0;
	msg_info("waiting for a connection on %.200s", cd->spec);
	while (!cd->connected) {
		if (chardev_wait(cd, fd, POLL_READABLE) == -EINTR)
			return error_set(e, -EINTR,
					 "%.200s: interrupted while waiting for a connection (wait=off does not wait)",
					 cd->spec);
		if (!cd->connected)
			on_connection(cd, 0);
	}
	return 0;
}

/* Connects without losing the ear for signals. 0 or -errno. */
static int connect_to(struct chardev *cd, int fd, const struct sockaddr *sa, socklen_t len)
{
	int err = 0;
	socklen_t errlen = sizeof err;

	os_prepare(fd);
	if (!os_connect(fd, sa, len))
		return 0;
	if (errno != EINPROGRESS && errno != EINTR)
		return -errno; /* EAGAIN: a unix server with a full queue */
	if (chardev_wait(cd, fd, POLL_WRITABLE) == -EINTR)
		return -EINTR;
	if (os_getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &errlen))
		return -errno;
	return -err;
}

static int start_client(struct chardev *cd, int fd, struct error *e)
{
	int rc = chardev_start(cd, fd, fd);

	if (rc) {
		os_close(fd);
		return error_set(e, rc, "%.200s: the host is out of memory", cd->spec);
	}
	return 0;
}

static int unix_go(struct chardev *cd, const char *path, const struct options *o, struct error *e)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd, rc;

	if (!*path)
		return error_set(e, -EINVAL, "%.200s: needs a path, as in unix:/tmp/console.sock,server=on,wait=off",
				 cd->spec);
	if (strlen(path) >= sizeof sa.sun_path)
		return error_set(
			e, -ENAMETOOLONG,
			"unix:%.60s...: the path is %zu bytes long and a socket's may have %zu: use a shorter one",
			path, strlen(path), sizeof sa.sun_path - 1);
	strcpy(sa.sun_path, path);
	cd->path = strdup(path);
	if (!cd->path)
		return error_set(e, -ENOMEM, "%.200s: the host is out of memory", cd->spec);
	if (o->server && (rc = socket_clear_stale(cd->spec, &sa, SOCK_STREAM, e)))
		return rc;
	fd = os_socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0 && errno == EAFNOSUPPORT)
		return error_set(e, -errno, "%.200s: this system has no Unix sockets: use tcp:HOST:PORT", cd->spec);
	if (fd < 0)
		return error_set(e, -errno, "%.200s: no socket to be had (%s)", cd->spec, os_strerror(errno));
	if (o->server) {
		cd->listen_fd = fd;
		os_prepare(fd);
		rc = socket_bind_file(fd, &sa, &cd->file);
		if (!rc && os_listen(fd, 1))
			rc = -errno;
		if (rc)
			return error_set(e, rc,
					 "%.200s: cannot serve there (%s): name a path in a directory you may write to",
					 cd->spec, os_strerror(-rc));
		return start_server(cd, fd, o, e);
	}
	rc = connect_to(cd, fd, (const struct sockaddr *)&sa, sizeof sa);
	if (rc) {
		os_close(fd);
		return error_set(e, rc,
				 "%.200s: nobody answers (%s): start the server first, or add server=on to be it",
				 cd->spec, os_strerror(-rc));
	}
	return start_client(cd, fd, e);
}

/* Splits "HOST:PORT" or "[V6]:PORT" in place and checks the port. */
static int split_host(struct chardev *cd, char *arg, bool server, char **host, char **port, struct error *e)
{
	char *colon = strrchr(arg, ':'), *end;
	unsigned long n;

	if (!colon || !colon[1])
		return error_set(e, -EINVAL, "%.200s: needs a host and a port, as in tcp:127.0.0.1:4444", cd->spec);
	*colon = 0;
	*host = arg;
	*port = colon + 1;
	if (arg[0] == '[' && colon > arg + 1 && colon[-1] == ']') {
		colon[-1] = 0;
		*host = arg + 1;
	}
	n = strtoul(*port, &end, 10);
	if (**port < '0' || **port > '9' || *end || n > 65535 || (!n && !server))
		return error_set(e, -EINVAL, "%.200s: '%.20s' is no port: use a number from 1 to 65535", cd->spec,
				 *port);
	return 0;
}

/* Port 0 let the system choose: keep and tell what it chose. */
static void note_address(struct chardev *cd, bool chosen)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof ss;
	char host[64], port[16], text[96];

	if (os_getsockname(cd->listen_fd, (struct sockaddr *)&ss, &len) ||
	    getnameinfo((struct sockaddr *)&ss, len, host, sizeof host, port, sizeof port,
			NI_NUMERICHOST | NI_NUMERICSERV))
		return;
	snprintf(text, sizeof text, ss.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
	cd->path = strdup(text);
	if (chosen)
		msg_info("%.200s: listening on %s", cd->spec, text);
}

/* One address of those the name has. 0 or -errno; *fd is open on success. */
static int try_address(struct chardev *cd, const struct addrinfo *a, bool server, int *fd)
{
	int one = 1, rc;

	*fd = os_socket(a->ai_family, a->ai_socktype, a->ai_protocol);
	if (*fd < 0)
		return -errno;
	if (server) {
		os_prepare(*fd);
		os_setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
		rc = os_bind(*fd, a->ai_addr, a->ai_addrlen) || os_listen(*fd, 1) ? -errno : 0;
	} else {
		rc = connect_to(cd, *fd, a->ai_addr, a->ai_addrlen);
	}
	if (rc)
		os_close(*fd);
	return rc;
}

static int tcp_go(struct chardev *cd, char *arg, const struct options *o, struct error *e)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = o->server ? AI_PASSIVE : 0 }, *list = NULL,
			*a;
	int rc, fd = -1, one = 1;
	char *host = NULL, *port = NULL;

	rc = split_host(cd, arg, o->server, &host, &port, e);
	if (rc)
		return rc;
	rc = getaddrinfo(*host ? host : NULL, port, &hints, &list);
	if (rc)
		return error_set(e, -EINVAL,
				 "%.200s: the host '%.100s' is not known (%s): use a name that resolves, or an address",
				 cd->spec, host, gai_strerror(rc));
	rc = -EADDRNOTAVAIL;
	for (a = list; a && rc && rc != -EINTR; a = a->ai_next)
		rc = try_address(cd, a, o->server, &fd);
	freeaddrinfo(list);
	if (rc && o->server)
		return error_set(
			e, rc,
			"%.200s: cannot listen there (%s): choose another port or one of this machine's addresses",
			cd->spec, os_strerror(-rc));
	if (rc)
		return error_set(e, rc,
				 "%.200s: nobody answers (%s): start the server first, or add server=on to be it",
				 cd->spec, os_strerror(-rc));
	if (o->server) {
		cd->listen_fd = fd;
		note_address(cd, !strcmp(port, "0"));
		return start_server(cd, fd, o, e);
	}
	if (o->nodelay)
		os_setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	return start_client(cd, fd, e);
}

static int socket_open(struct chardev *cd, const char *arg, bool tcp, struct error *e)
{
	struct options o = { .nodelay = true };
	char *copy = strdup(arg);
	int rc;

	if (!copy)
		return error_set(e, -ENOMEM, "%.200s: the host is out of memory", cd->spec);
	rc = parse_spec(cd, copy, &o, e);
	cd->server = o.server;
	if (!rc)
		rc = tcp ? tcp_go(cd, copy, &o, e) : unix_go(cd, copy, &o, e);
	free(copy);
	return rc;
}

static int unix_open(struct chardev *cd, const char *arg, struct error *e)
{
	return socket_open(cd, arg, false, e);
}

static int tcp_open(struct chardev *cd, const char *arg, struct error *e)
{
	return socket_open(cd, arg, true, e);
}

static ssize_t socket_send(struct chardev *cd, const u8 *p, size_t n)
{
	ssize_t done = os_send(cd->wfd, p, n);

	if (done < 0 && (errno == EWOULDBLOCK || errno == ENOBUFS))
		return -EAGAIN;
	return done < 0 ? -errno : done;
}

static void socket_hangup(struct chardev *cd, bool output)
{
	int fd = cd->wfd;

	/* The end of its input may come before it has read all output; but a peer that leaves looks the same. */
	chardev_stop(cd);
	if (fd >= 0)
		os_close(fd);
	if (cd->listen_it)
		poll_change(cd->env.poll, cd->listen_it, POLL_READABLE, false);
}

static void socket_close(struct chardev *cd)
{
	socket_file_remove(&cd->file);
	if (cd->wfd >= 0)
		os_close(cd->wfd);
	if (cd->listen_fd >= 0)
		os_close(cd->listen_fd);
}

static bool socket_is_live(const struct chardev *cd)
{
	return cd->connected || cd->listen_it;
}

const struct chardev_kind chardev_unix = {
	.open = unix_open,
	.hangup = socket_hangup,
	.close = socket_close,
	.is_live = socket_is_live,
	.send = socket_send,
	.close_wait = 5000000000,
};

const struct chardev_kind chardev_tcp = {
	.open = tcp_open,
	.hangup = socket_hangup,
	.close = socket_close,
	.is_live = socket_is_live,
	.send = socket_send,
	.close_wait = 5000000000,
};
