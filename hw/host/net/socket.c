/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -netdev socket, stream and dgram: what their properties mean (QEMU's invocation manual). Left out: abstract
 * Unix sockets, addr.type=fd by name.
 */
#include <errno.h>
#include <string.h>

#include "hw/host/net/stream.h"

static const struct net_prop socket_props[] = {
	{ "fd", NET_PROP_STR, 0 },    { "listen", NET_PROP_STR, 0 }, { "connect", NET_PROP_STR, 0 },
	{ "mcast", NET_PROP_STR, 0 }, { "udp", NET_PROP_STR, 0 },    { "localaddr", NET_PROP_STR, 0 },
	{ NULL, NET_PROP_STR, 0 },
};

static const struct net_prop stream_props[] = {
	{ "server", NET_PROP_BOOL, 0 },          { "addr.type", NET_PROP_STR, 0 }, { "addr.host", NET_PROP_STR, 0 },
	{ "addr.port", NET_PROP_STR, 0 },        { "addr.path", NET_PROP_STR, 0 }, { "addr.str", NET_PROP_STR, 0 },
	{ "reconnect", NET_PROP_NUMBER, 86400 }, { NULL, NET_PROP_STR, 0 },
};

static const struct net_prop dgram_props[] = {
	{ "local.type", NET_PROP_STR, 0 },  { "local.host", NET_PROP_STR, 0 },  { "local.port", NET_PROP_STR, 0 },
	{ "local.path", NET_PROP_STR, 0 },  { "local.str", NET_PROP_STR, 0 },   { "remote.type", NET_PROP_STR, 0 },
	{ "remote.host", NET_PROP_STR, 0 }, { "remote.port", NET_PROP_STR, 0 }, { "remote.path", NET_PROP_STR, 0 },
	{ NULL, NET_PROP_STR, 0 },
};

/* A type=inet|unix|fd with what belongs to it. a->len stays 0 for an fd, whose number goes to *fd. */
static int typed_address(struct netdev *n, const struct net_args *args, const char *prefix, int socktype, bool passive,
			 struct net_addr *a, int *fd, struct error *e)
{
	char name[5][24];
	const char *type, *host, *port, *path, *str;
	static const char *const parts[5] = { "type", "host", "port", "path", "str" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(parts); i++)
		snprintf(name[i], sizeof name[i], "%s.%s", prefix, parts[i]);
	type = net_arg(args, name[0]);
	host = net_arg(args, name[1]);
	port = net_arg(args, name[2]);
	path = net_arg(args, name[3]);
	str = net_arg(args, name[4]);
	if (!type)
		return error_set(e, -EINVAL, "%.200s: %s is missing: use %s=inet with %s and %s, or %s=unix with %s",
				 n->spec, name[0], name[0], name[1], name[2], name[0], name[3]);
	if (strcmp(type, "inet") && (host || port))
		return error_set(e, -EINVAL, "%.200s: %s goes with %s=inet only", n->spec, host ? name[1] : name[2],
				 name[0]);
	if (strcmp(type, "unix") && path)
		return error_set(e, -EINVAL, "%.200s: %s goes with %s=unix only", n->spec, name[3], name[0]);
	if (strcmp(type, "fd") && str)
		return error_set(e, -EINVAL, "%.200s: %s goes with %s=fd only", n->spec, name[4], name[0]);
	if (!strcmp(type, "inet"))
		return net_addr_inet(a, n->spec, host, port, socktype, passive, e);
	if (!strcmp(type, "unix"))
		return net_addr_unix(a, n->spec, path, e);
	if (!strcmp(type, "fd") && fd) {
		if (!str)
			return error_set(e, -EINVAL, "%.200s: %s is missing: the number of an open descriptor", n->spec,
					 name[4]);
		*fd = net_inherit_fd(n->spec, str, e);
		return MIN(*fd, 0);
	}
	return error_set(e, -EINVAL, "%.200s: %s=%.20s: must be inet%s", n->spec, name[0], type,
			 fd ? ", unix or fd" : " or unix");
}

static int stream_open(struct netdev *n, const struct net_args *args, struct error *e)
{
	struct net_stream_conf c = { .fd = -1 };
	int rc;

	c.server = net_arg_on(args, "server", false);
	c.reconnect = net_arg_number(args, "reconnect", 0);
	if (c.server && c.reconnect)
		return error_set(
			e, -EINVAL,
			"%.200s: reconnect= is for clients, a server waits for the next peer anyway: leave it out",
			n->spec);
	rc = typed_address(n, args, "addr", SOCK_STREAM, c.server, &c.addr, &c.fd, e);
	return rc ? rc : net_stream_start(n, &c, e);
}

static int dgram_open(struct netdev *n, const struct net_args *args, struct error *e)
{
	struct net_dgram_conf c = { .fd = -1 };
	int rc = 0;

	if (!net_arg(args, "local.type") && !net_arg(args, "remote.type"))
		return error_set(
			e, -EINVAL,
			"%.200s: local.type is missing: dgram needs local.type=inet|unix|fd and remote.type=, or a "
			"multicast group as remote",
			n->spec);
	if (net_arg(args, "remote.type"))
		rc = typed_address(n, args, "remote", SOCK_DGRAM, false, &c.remote, NULL, e);
	if (!rc && net_arg(args, "local.type"))
		rc = typed_address(n, args, "local", SOCK_DGRAM, true, &c.local, &c.fd, e);
	if (rc)
		return rc;
	if (c.fd < 0 && !c.remote.len)
		return error_set(e, -EINVAL, "%.200s: remote.type is missing: where do the frames go?", n->spec);
	if (c.fd < 0 && !c.local.len && !net_addr_is_multicast(&c.remote))
		return error_set(e, -EINVAL, "%.200s: local.type is missing: where do the frames come in?", n->spec);
	if (c.local.len && c.remote.len && c.local.ss.ss_family != c.remote.ss.ss_family)
		return error_set(e, -EINVAL, "%.200s: %s and %s are of different families: use two of one", n->spec,
				 c.local.text, c.remote.text);
	if (c.local.len && c.remote.len && net_addr_is_multicast(&c.remote)) {
		c.interface = c.local;
		c.local.len = 0;
	}
	return net_dgram_start(n, &c, e);
}

/* An address without a port: the interface of a multicast group. */
static int interface_address(struct netdev *n, const char *text, struct net_addr *a, struct error *e)
{
	return text ? net_addr_inet(a, n->spec, text, "0", SOCK_DGRAM, true, e) : 0;
}

static int from_fd(struct netdev *n, const char *text, struct error *e)
{
	int fd = net_inherit_fd(n->spec, text, e), type = 0;
	struct net_stream_conf s = { .fd = fd };
	struct net_dgram_conf d = { .fd = fd };
	socklen_t len = sizeof type;

	if (fd < 0)
		return fd;
	if (os_getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len))
		return error_set(e, -ENOTSOCK, "%.200s: fd=%d is no socket: use file descriptors of sockets only",
				 n->spec, fd);
	return type == SOCK_STREAM ? net_stream_start(n, &s, e) : net_dgram_start(n, &d, e);
}

static int socket_open(struct netdev *n, const struct net_args *args, struct error *e)
{
	const char *fd = net_arg(args, "fd"), *listen = net_arg(args, "listen"), *connect = net_arg(args, "connect"),
		   *mcast = net_arg(args, "mcast"), *udp = net_arg(args, "udp"), *local = net_arg(args, "localaddr");
	struct net_stream_conf s = { .fd = -1 };
	struct net_dgram_conf d = { .fd = -1 };
	int rc;

	if (!!fd + !!listen + !!connect + !!mcast + !!udp != 1)
		return error_set(e, -EINVAL,
				 "%.200s: exactly one of listen=, connect=, mcast=, udp= and fd= must be given",
				 n->spec);
	if (local && !mcast && !udp)
		return error_set(e, -EINVAL, "%.200s: localaddr= goes with mcast= and udp= only: leave it out",
				 n->spec);
	if (fd)
		return from_fd(n, fd, e);
	if (listen || connect) {
		s.server = listen != NULL;
		rc = net_addr_parse(&s.addr, n->spec, listen ? listen : connect, SOCK_STREAM, s.server, e);
		return rc ? rc : net_stream_start(n, &s, e);
	}
	if (mcast) {
		rc = net_addr_parse(&d.remote, n->spec, mcast, SOCK_DGRAM, false, e);
		if (!rc && !net_addr_is_multicast(&d.remote))
			rc = error_set(e, -EINVAL,
				       "%.200s: %s is no multicast group: use one like 239.192.0.1:1234, or udp=",
				       n->spec, d.remote.text);
		rc = rc ? rc : interface_address(n, local, &d.interface, e);
		return rc ? rc : net_dgram_start(n, &d, e);
	}
	if (!local)
		return error_set(e, -EINVAL,
				 "%.200s: localaddr=HOST:PORT is missing: where do the frames of udp= come in?",
				 n->spec);
	rc = net_addr_parse(&d.remote, n->spec, udp, SOCK_DGRAM, false, e);
	rc = rc ? rc : net_addr_parse(&d.local, n->spec, local, SOCK_DGRAM, true, e);
	return rc ? rc : net_dgram_start(n, &d, e);
}

/* Of those that did not open: what did open has a kind of its own (stream.c, dgram.c). */
static void nothing_open(struct netdev *n)
{
}

const struct net_kind net_socket = {
	.name = "socket", .props = socket_props, .open = socket_open, .close = nothing_open
};
const struct net_kind net_stream = {
	.name = "stream", .props = stream_props, .open = stream_open, .close = nothing_open
};
const struct net_kind net_dgram = { .name = "dgram", .props = dgram_props, .open = dgram_open, .close = nothing_open };
