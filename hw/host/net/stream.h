/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Networks over stream and datagram sockets: what -netdev socket, stream and dgram are made of.
 */
#ifndef HW_HOST_NET_STREAM_H
#define HW_HOST_NET_STREAM_H

#include "hw/host/net/impl.h"
#include "hw/host/sockets.h"

struct net_stream_conf {
	struct net_addr addr;
	int fd; /* an open connection; -1: none, addr it is */
	bool server;
	u32 reconnect; /* seconds; 0: never */
};

struct net_dgram_conf {
	struct net_addr local, remote; /* len 0: none */
	struct net_addr interface;     /* for multicast; len 0: any */
	int fd;
};

/* Each makes n->own and sets n->kind to one that serves it under the same name. 0 or -errno with a sentence. */
int net_stream_start(struct netdev *n, const struct net_stream_conf *c, struct error *e);
int net_dgram_start(struct netdev *n, const struct net_dgram_conf *c, struct error *e);
/* The sentence for a socket that cannot be bound. */
int net_bind_error(const char *spec, const struct net_addr *a, int rc, struct error *e);
/* Binds; a Unix socket's file is noted in file, for socket_file_remove(). 0 or -errno. */
int net_bind(int fd, const struct net_addr *a, struct socket_file *file);
/* Removes the file of a Unix socket that nobody serves any more. 0, or -errno with a sentence. */
int net_clear_stale(const char *spec, const struct net_addr *a, int type, struct error *e);

#endif
