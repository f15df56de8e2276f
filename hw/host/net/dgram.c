/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A network over datagrams, a frame each: UDP to one peer, UDP multicast, or a Unix socket.
 */
#include "hw/host/net/stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "hw/host/sockets.h"

#define READS 64          /* in one go, so that others get their turn */
#define RETRY_NS 1000000u /* until a peer whose queue was full is asked again */

struct dgram {
	struct netdev *n;
	struct net_addr local, remote, self; /* self: where our own multicasts come from */
	bool multicast;
	struct socket_file file;
	int fd, send_fd;
	struct poll_item *it, *retry;
	struct net_queue wait; /* what the host had no room for */
	u8 bytes[NET_FRAME_MAX];
};

static void watch(struct dgram *g)
{
	poll_change(g->n->ps, g->it, POLL_READABLE, net_blocked(g->n));
}

/* False when the host has no room now; what cannot be sent at all is lost. */
static bool send_one(struct dgram *g, const struct net_frame *f)
{
	const struct sockaddr *to = g->remote.len ? (const struct sockaddr *)&g->remote.ss : NULL;
	ssize_t done;

	do
		done = os_sendto(g->send_fd, f->data, f->len, to, to ? g->remote.len : 0);
	while (done < 0 && errno == EINTR);
	if (done < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS))
		return false;
	if (done < 0)
		net_lost(g->n); /* nobody there, or a frame too long for the medium: as on a wire */
	return true;
}

static void on_retry(void *opaque, u32 events)
{
	struct dgram *g = opaque;

	while (g->wait.head && send_one(g, &g->wait.head->f))
		free(net_queue_take(&g->wait));
	if (!g->wait.head) {
		poll_remove(g->n->ps, g->retry);
		g->retry = NULL;
	}
}

static void dgram_send(struct netdev *n, const struct net_frame *f)
{
	struct dgram *g = n->own;

	if (!g->wait.head && send_one(g, f))
		return;
	if (!net_queue_put(&g->wait, f, NULL)) {
		net_lost(n);
		return;
	}
	if (!g->retry)
		g->retry = poll_every(n->ps, RETRY_NS, on_retry, g);
}

static bool same_address(const struct net_addr *a, const struct net_addr *b)
{
	const struct sockaddr_in *a4 = (const struct sockaddr_in *)&a->ss, *b4 = (const struct sockaddr_in *)&b->ss;

	return a4->sin_family == AF_INET && b4->sin_family == AF_INET && a4->sin_port == b4->sin_port &&
	       a4->sin_addr.s_addr == b4->sin_addr.s_addr;
}

static void on_readable(void *opaque, u32 events)
{
	struct dgram *g = opaque;
	int i;

	net_enter(g->n);
	for (i = 0; i < READS && !net_blocked(g->n); i++) {
		struct net_addr from = { .len = sizeof from.ss };
		ssize_t got = os_recvfrom(g->fd, g->bytes, sizeof g->bytes, (struct sockaddr *)&from.ss, &from.len);
		struct net_frame f = { .data = g->bytes, .len = (u32)MAX(got, 0) };

		if (got < 0)
			break; /* nothing there, or the answer to a datagram that nobody took: both pass */
		if (g->multicast && same_address(&from, &g->self))
			continue; /* our own, looped back for other programs of this machine */
		net_deliver(g->n, &f);
	}
	watch(g);
	net_leave(g->n);
}

static void dgram_room(struct netdev *n)
{
	struct dgram *g = n->own;

	if (g && g->it)
		watch(g);
}

static void dgram_describe(const struct netdev *n, struct buf *out)
{
	const struct dgram *g = n->own;
	char line[400];

	snprintf(line, sizeof line, ",%s %s%s%s", g->multicast ? "multicast" : "local",
		 g->multicast   ? g->remote.text
		 : g->local.len ? g->local.text
				: "fd",
		 !g->multicast && g->remote.len ? ",remote " : "",
		 !g->multicast && g->remote.len ? g->remote.text : "");
	buf_put(out, line, strlen(line));
}

static void dgram_close(struct netdev *n)
{
	struct dgram *g = n->own;

	if (!g)
		return;
	poll_remove(n->ps, g->it);
	poll_remove(n->ps, g->retry);
	net_queue_clear(&g->wait);
	socket_file_remove(&g->file);
	if (g->send_fd >= 0 && g->send_fd != g->fd)
		os_close(g->send_fd);
	if (g->fd >= 0)
		os_close(g->fd);
	free(g);
	n->own = NULL;
}

#define DGRAM_OPS .close = dgram_close, .send = dgram_send, .room = dgram_room, .describe = dgram_describe

static const struct net_kind as_socket = { .name = "socket", DGRAM_OPS };
static const struct net_kind as_dgram = { .name = "dgram", DGRAM_OPS };

static int open_plain(struct dgram *g, struct error *e)
{
	const struct net_addr *at = g->local.len ? &g->local : &g->remote;
	int one = 1, rc = g->local.len ? net_clear_stale(g->n->spec, &g->local, SOCK_DGRAM, e) : 0;

	if (rc)
		return rc;
	g->fd = os_socket(at->ss.ss_family, SOCK_DGRAM, 0);
	if (g->fd < 0)
		return net_bind_error(g->n->spec, at, -errno, e);
	os_prepare(g->fd);
	if (at->ss.ss_family == AF_INET)
		os_setsockopt(g->fd, SOL_SOCKET, SO_BROADCAST, &one, sizeof one);
	if (g->local.len)
		rc = net_bind(g->fd, &g->local, &g->file);
	if (rc)
		return net_bind_error(g->n->spec, &g->local, rc, e);
	g->send_fd = g->fd;
	return 0;
}

/* One socket hears the group, another speaks, so that what we said ourselves can be told by its address. */
static int open_multicast(struct dgram *g, const struct net_addr *interface, struct error *e)
{
	const struct sockaddr_in *group = (const struct sockaddr_in *)&g->remote.ss;
	struct sockaddr_in out = { .sin_family = AF_INET };
	struct ip_mreq req = { .imr_multiaddr = group->sin_addr };
	int one = 1;
	u8 loop = 1;

	if (group->sin_family != AF_INET)
		return error_set(e, -EINVAL, "%.200s: multicast goes over IPv4 only: use a group like 239.192.0.1:1234",
				 g->n->spec);
	if (interface->len && interface->ss.ss_family == AF_INET)
		req.imr_interface = out.sin_addr = ((const struct sockaddr_in *)&interface->ss)->sin_addr;
	g->fd = os_socket(AF_INET, SOCK_DGRAM, 0);
	g->send_fd = os_socket(AF_INET, SOCK_DGRAM, 0);
	if (g->fd < 0 || g->send_fd < 0)
		return net_bind_error(g->n->spec, &g->remote, -errno, e);
	os_prepare(g->fd);
	os_prepare(g->send_fd);
	os_setsockopt(g->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (os_bind(g->fd, (const struct sockaddr *)group, sizeof *group))
		return net_bind_error(g->n->spec, &g->remote, -errno, e);
	if (os_setsockopt(g->fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &req, sizeof req))
		return error_set(e, -errno,
				 "%.200s: cannot join %s (%s): give the address of an interface with localaddr=, as in "
				 "localaddr=127.0.0.1",
				 g->n->spec, g->remote.text, os_strerror(errno));
	os_setsockopt(g->send_fd, IPPROTO_IP, IP_MULTICAST_LOOP, &loop, sizeof loop);
	if (out.sin_addr.s_addr)
		os_setsockopt(g->send_fd, IPPROTO_IP, IP_MULTICAST_IF, &out.sin_addr, sizeof out.sin_addr);
	/* Bound to where it sends from, so that the address of what comes back is known. */
	if (!out.sin_addr.s_addr) {
		socklen_t len = sizeof out;
		int probe = os_socket(AF_INET, SOCK_DGRAM, 0);

		if (probe >= 0) {
			if (os_connect(probe, (const struct sockaddr *)group, sizeof *group) ||
			    os_getsockname(probe, (struct sockaddr *)&out, &len))
				out.sin_addr.s_addr = 0;
			os_close(probe);
		}
		out.sin_port = 0;
	}
	if (os_bind(g->send_fd, (const struct sockaddr *)&out, sizeof out))
		return net_bind_error(g->n->spec, interface->len ? interface : &g->remote, -errno, e);
	g->self.len = sizeof g->self.ss;
	os_getsockname(g->send_fd, (struct sockaddr *)&g->self.ss, &g->self.len);
	g->multicast = true;
	return 0;
}

int net_dgram_start(struct netdev *n, const struct net_dgram_conf *c, struct error *e)
{
	struct dgram *g = calloc(1, sizeof *g);
	int rc = 0;

	if (!g)
		return error_set(e, -ENOMEM, "%.200s: the host is out of memory", n->spec);
	g->n = n;
	g->fd = g->send_fd = -1;
	g->local = c->local;
	g->remote = c->remote;
	net_queue_init(&g->wait);
	n->own = g;
	n->kind = n->kind == &net_socket ? &as_socket : &as_dgram;
	if (c->fd >= 0)
		g->fd = g->send_fd = c->fd;
	else
		rc = c->remote.len && net_addr_is_multicast(&c->remote) ? open_multicast(g, &c->interface, e)
									: open_plain(g, e);
	if (rc)
		return rc;
	g->it = poll_add(n->ps, g->fd, POLL_READABLE, on_readable, g);
	return g->it ? 0 : error_set(e, -ENOMEM, "%.200s: the host is out of memory", n->spec);
}
