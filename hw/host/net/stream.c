/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A network that is one connection to a peer, over TCP or a Unix socket. A peer that stalls is not waited for, one that
 * talks nonsense loses its connection. Left out: TLS, more than one peer.
 */
#include "hw/host/net/stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "hw/host/net/frames.h"
#include "hw/host/sockets.h"

#define OUT_MAX NET_QUEUE_BYTES
#define READS 16               /* in one go, so that others get their turn */
#define ACCEPT_RETRY 100000000u /* ns, after the host had no descriptor for a peer */
#define FIRST_ANSWER 250000000 /* ns that opening waits to hear whether anybody is there */

struct stream {
	struct netdev *n;
	struct net_addr addr;
	char peer[160];
	bool server, connecting, quiet, told;
	struct socket_file file;
	u64 reconnect; /* ns; 0: never */
	int listen_fd, fd;
	struct poll_item *listen_it, *it, *timer;
	struct buf out; /* unsent bytes are [out_at, out.len) */
	size_t out_at;
	struct net_frames in;
};

static void begin_connect(struct stream *s);

static void watch(struct stream *s)
{
	bool read = !s->connecting && !net_blocked(s->n), write = s->connecting || s->out.len > s->out_at;
	u32 events = (read ? POLL_READABLE : 0u) | (write ? POLL_WRITABLE : 0u);

	if (s->it)
		poll_change(s->n->ps, s->it, events, !events);
}

static void on_retry(void *opaque, u32 events)
{
	struct stream *s = opaque;

	poll_remove(s->n->ps, s->timer);
	s->timer = NULL;
	if (!s->listen_it)
		begin_connect(s);
	else if (s->fd < 0)
		poll_change(s->n->ps, s->listen_it, POLL_READABLE, false);
}

/* The peer is gone: a server listens again, a client tries again if it was asked to. */
static void hang_up(struct stream *s)
{
	poll_remove(s->n->ps, s->it);
	s->it = NULL;
	if (s->fd >= 0)
		os_close(s->fd);
	s->fd = -1;
	s->connecting = false;
	s->out.len = s->out_at = 0;
	s->in.at = s->in.len = 0;
	s->peer[0] = 0;
	if (s->listen_it)
		poll_change(s->n->ps, s->listen_it, POLL_READABLE, false);
	else if (s->reconnect && !s->timer)
		s->timer = poll_every(s->n->ps, s->reconnect, on_retry, s);
}

static void push(struct stream *s)
{
	while (s->fd >= 0 && !s->connecting && s->out.len > s->out_at) {
		ssize_t done = os_send(s->fd, s->out.p + s->out_at, s->out.len - s->out_at);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS))
			break;
		if (done <= 0) {
			hang_up(s);
			return;
		}
		s->out_at += (size_t)done;
	}
	if (s->out_at == s->out.len) {
		s->out.len = s->out_at = 0;
	} else if (s->out_at > OUT_MAX / 2) {
		memmove(s->out.p, s->out.p + s->out_at, s->out.len - s->out_at);
		s->out.len -= s->out_at;
		s->out_at = 0;
	}
	watch(s);
}

/* Hands on what has come whole. False when the connection is over. */
static bool take_frames(struct stream *s)
{
	struct net_frame f;
	int rc = 0;

	while (!net_blocked(s->n) && (rc = net_frames_next(&s->in, &f)) > 0)
		net_deliver(s->n, &f);
	if (rc < 0) {
		/* Once: it may come back and do it again for ever. */
		if (!s->told)
			msg_warn("%.200s: the peer %s sent a frame of an impossible length and was hung up on, as will be those "
				 "who do so again: does it speak QEMU's format?",
				 s->n->spec, s->peer);
		s->told = true;
		hang_up(s);
		return false;
	}
	return true;
}

static void pull(struct stream *s)
{
	int i;

	for (i = 0; i < READS && s->fd >= 0 && !net_blocked(s->n); i++) {
		u8 *p;
		u32 room = net_frames_room(&s->in, &p);
		ssize_t got = room ? os_read(s->fd, p, room) : 0;

		if (got < 0 && (errno == EAGAIN || errno == EINTR || errno == EWOULDBLOCK))
			break;
		if (got <= 0) {
			hang_up(s);
			return;
		}
		net_frames_put(&s->in, (u32)got);
		if (!take_frames(s))
			return;
		if ((u32)got < room)
			break;
	}
	watch(s);
}

static void on_traffic(void *opaque, u32 events)
{
	struct stream *s = opaque;
	socklen_t len = sizeof(int);
	int err = 0;

	net_enter(s->n);
	if (s->connecting) {
		if (os_getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &err, &len) || err) {
			if (!s->quiet)
				msg_warn("%.200s: nobody answers at %s (%s)%s", s->n->spec, s->addr.text, os_strerror(err),
					 s->reconnect ? "; trying again"
						      : ": start the other side first, or use reconnect=");
			s->quiet = true;
			hang_up(s);
		} else {
			s->connecting = s->quiet = false;
			push(s);
		}
	} else {
		if (events & POLL_WRITABLE)
			push(s);
		if (s->fd >= 0 && events & (POLL_READABLE | POLL_GONE)) {
			if (!net_blocked(s->n))
				pull(s);
			else if (!(events & POLL_READABLE))
				hang_up(s);
		}
	}
	net_leave(s->n);
}

static int adopt(struct stream *s, int fd, const char *peer)
{
	int one = 1;

	os_setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* no harm where it is no TCP */
	s->it = poll_add(s->n->ps, fd, POLL_READABLE, on_traffic, s);
	if (!s->it)
		return -ENOMEM;
	s->fd = fd;
	snprintf(s->peer, sizeof s->peer, "%s", peer);
	watch(s);
	return 0;
}

static void on_connection(void *opaque, u32 events)
{
	struct stream *s = opaque;
	struct net_addr peer = { .len = sizeof peer.ss };
	int fd = os_accept(s->listen_fd, (struct sockaddr *)&peer.ss, &peer.len);

	if (fd < 0) {
		/* The peer goes on knocking: without a pause we would do nothing but say no. */
		if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR && errno != ECONNABORTED && !s->timer &&
		    (s->timer = poll_every(s->n->ps, ACCEPT_RETRY, on_retry, s)))
			poll_change(s->n->ps, s->listen_it, 0, true);
		return;
	}
	os_prepare(fd);
	net_addr_name(&peer);
	if (adopt(s, fd, s->addr.ss.ss_family == AF_UNIX ? s->addr.text : peer.text)) {
		os_close(fd);
		return;
	}
	poll_change(s->n->ps, s->listen_it, 0, true);
}

/* 0 or -errno; -EINPROGRESS when the answer is still to come. */
static int try_connect(struct stream *s)
{
	int fd = os_socket(s->addr.ss.ss_family, SOCK_STREAM, 0), rc = 0;

	if (fd < 0)
		return -errno;
	os_prepare(fd);
	if (os_connect(fd, (const struct sockaddr *)&s->addr.ss, s->addr.len))
		rc = errno == EINTR ? -EINPROGRESS : -errno;
	if (rc && rc != -EINPROGRESS) {
		os_close(fd);
		return rc;
	}
	s->connecting = rc != 0;
	if (adopt(s, fd, s->addr.text)) {
		s->connecting = false;
		os_close(fd);
		return -ENOMEM;
	}
	return rc;
}

static void begin_connect(struct stream *s)
{
	int rc = try_connect(s);

	if (rc && rc != -EINPROGRESS)
		hang_up(s);
}

int net_bind_error(const char *spec, const struct net_addr *a, int rc, struct error *e)
{
	if (rc == -EADDRINUSE && a->ss.ss_family != AF_UNIX)
		return error_set(e, rc,
				 "%.200s: the port of %s is taken: stop the program that has it, or choose another",
				 spec, a->text);
	if (rc == -EAFNOSUPPORT && a->ss.ss_family == AF_UNIX)
		return error_set(e, rc, "%.200s: this system has no Unix sockets: use a host and a port", spec);
	if (rc == -EADDRNOTAVAIL)
		return error_set(e, rc,
				 "%.200s: %s is no address of this machine: use one that is, or leave the host out",
				 spec, a->text);
	if (rc == -EACCES || rc == -EPERM)
		return error_set(e, rc, "%.200s: no permission for %s: choose %s", spec, a->text,
				 a->ss.ss_family == AF_UNIX ? "a directory you may write to" : "a port from 1024 on");
	return error_set(e, rc, "%.200s: cannot use %s (%s): choose another address", spec, a->text, os_strerror(-rc));
}

int net_bind(int fd, const struct net_addr *a, struct socket_file *file)
{
	if (a->ss.ss_family == AF_UNIX)
		return socket_bind_file(fd, (const struct sockaddr_un *)&a->ss, file);
	return os_bind(fd, (const struct sockaddr *)&a->ss, a->len) ? -errno : 0;
}

int net_clear_stale(const char *spec, const struct net_addr *a, int type, struct error *e)
{
	return a->ss.ss_family == AF_UNIX ? socket_clear_stale(spec, (const struct sockaddr_un *)&a->ss, type, e) : 0;
}

static int begin_listen(struct stream *s, struct error *e)
{
	int one = 1, rc = net_clear_stale(s->n->spec, &s->addr, SOCK_STREAM, e);

	if (rc)
		return rc;
	s->listen_fd = os_socket(s->addr.ss.ss_family, SOCK_STREAM, 0);
	if (s->listen_fd < 0)
		return net_bind_error(s->n->spec, &s->addr, -errno, e);
	os_prepare(s->listen_fd);
	os_setsockopt(s->listen_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	rc = net_bind(s->listen_fd, &s->addr, &s->file);
	if (rc)
		return net_bind_error(s->n->spec, &s->addr, rc, e);
	if (os_listen(s->listen_fd, 1))
		return net_bind_error(s->n->spec, &s->addr, -errno, e);
	if (s->addr.ss.ss_family != AF_UNIX) {
		s->addr.len = sizeof s->addr.ss; /* port 0 let the system choose */
		os_getsockname(s->listen_fd, (struct sockaddr *)&s->addr.ss, &s->addr.len);
		net_addr_name(&s->addr);
	}
	s->listen_it = poll_add(s->n->ps, s->listen_fd, POLL_READABLE, on_connection, s);
	return s->listen_it ? 0 : error_set(e, -ENOMEM, "%.200s: the host is out of memory", s->n->spec);
}

/* Somebody who is not there at all is told of at once; one far away may answer later. */
static int first_connect(struct stream *s, struct error *e)
{
	int rc = try_connect(s), err = 0;
	socklen_t len = sizeof err;

	if (rc == -EINPROGRESS) {
		if (!poll_one(NULL, s->fd, POLL_WRITABLE, FIRST_ANSWER))
			return 0;
		if (os_getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &err, &len))
			err = errno;
		rc = -err;
		s->connecting = false;
		watch(s);
	}
	if (!rc)
		return 0;
	s->quiet = true;
	if (s->reconnect) {
		hang_up(s);
		return 0;
	}
	return error_set(e, rc, "%.200s: nobody answers at %s (%s): start the other side first, or %s", s->n->spec,
			 s->addr.text, os_strerror(-rc), "let this one be the server");
}

static void stream_send(struct netdev *n, const struct net_frame *f)
{
	struct stream *s = n->own;
	u8 *p;

	if (s->fd < 0 || s->connecting || s->out.len - s->out_at + f->len > OUT_MAX) {
		net_lost(n);
		return;
	}
	p = buf_reserve(&s->out, NET_FRAMES_HEADER + f->len);
	if (!p) {
		s->out.failed = false; /* short of memory: this one is lost, later ones may not be */
		net_lost(n);
		return;
	}
	p[0] = (u8)(f->len >> 24);
	p[1] = (u8)(f->len >> 16);
	p[2] = (u8)(f->len >> 8);
	p[3] = (u8)f->len;
	memcpy(p + NET_FRAMES_HEADER, f->data, f->len);
	s->out.len += NET_FRAMES_HEADER + f->len;
	if (s->out.len - s->out_at > OUT_MAX / 2)
		push(s);
}

static void stream_flush(struct netdev *n)
{
	struct stream *s = n->own;

	if (s && s->out.len > s->out_at)
		push(s);
}

static void stream_room(struct netdev *n)
{
	struct stream *s = n->own;

	if (s && s->fd >= 0 && take_frames(s))
		watch(s);
}

static void stream_describe(const struct netdev *n, struct buf *out)
{
	const struct stream *s = n->own;
	char line[400];

	snprintf(line, sizeof line, ",%s%s%s%s", s->server ? "listening on " : "peer ",
		 s->server || s->addr.len ? s->addr.text : "fd",
		 s->fd < 0       ? ", not connected"
		 : s->connecting ? ", connecting"
				 : ", connected",
		 s->server && s->fd >= 0 && s->addr.ss.ss_family != AF_UNIX ? " to " : "");
	buf_put(out, line, strlen(line));
	if (s->server && s->fd >= 0 && s->addr.ss.ss_family != AF_UNIX)
		buf_put(out, s->peer, strlen(s->peer));
}

static void stream_close(struct netdev *n)
{
	struct stream *s = n->own;

	if (!s)
		return;
	s->reconnect = 0;
	push(s);
	poll_remove(n->ps, s->listen_it);
	s->listen_it = NULL;
	hang_up(s);
	poll_remove(n->ps, s->timer);
	socket_file_remove(&s->file);
	if (s->listen_fd >= 0)
		os_close(s->listen_fd);
	buf_free(&s->out);
	free(s);
	n->own = NULL;
}

#define STREAM_OPS                                                                                                     \
	.close = stream_close, .send = stream_send, .flush = stream_flush, .room = stream_room,                        \
	.describe = stream_describe

static const struct net_kind as_socket = { .name = "socket", STREAM_OPS };
static const struct net_kind as_stream = { .name = "stream", STREAM_OPS };

int net_stream_start(struct netdev *n, const struct net_stream_conf *c, struct error *e)
{
	struct stream *s = calloc(1, sizeof *s);

	if (!s)
		return error_set(e, -ENOMEM, "%.200s: the host is out of memory", n->spec);
	s->n = n;
	s->addr = c->addr;
	s->server = c->server;
	s->reconnect = c->reconnect * 1000000000ull;
	s->listen_fd = s->fd = -1;
	n->own = s;
	n->kind = n->kind == &net_socket ? &as_socket : &as_stream;
	if (c->fd >= 0)
		return adopt(s, c->fd, "fd") ? error_set(e, -ENOMEM, "%.200s: the host is out of memory", n->spec) : 0;
	return c->server ? begin_listen(s, e) : first_connect(s, e);
}
