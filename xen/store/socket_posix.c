/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The xenstore's Unix socket (Xen public/io/xs_wire.h; headers in the byte order of this host). A client may send anything, read
 * slowly, or leave at any time. The worst that follows is that its connection is closed.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "xen/store/socket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/endian.h"
#include "hw/host/sockets.h"
#include "xen/store/impl.h"

#define IN_SIZE (2 * XS_MESSAGE_MAX)
#define POSTED_MAX (16u << 10) /* bytes before the door and no more are read */
#define OUT_PAUSE (64u << 10)  /* bytes unsent and no more requests are read */
#define OUT_MAX (1u << 20)     /* bytes unsent and the client, who only gathers watch events, is dropped */
#define RETRY_NS 100000000u    /* after the host had no descriptor for a client */

struct client {
	struct xs_socket *k;
	u32 id; /* 0: a free slot */
	int fd;
	struct poll_item *it;
	u32 in_len, posted;
	struct buf out; /* unsent bytes are [out_at, out.len) */
	size_t out_at;
	u8 in[IN_SIZE];
};

struct xs_socket {
	struct poll_set *poll;
	struct poll_item *listen_it, *retry;
	char *path;
	int fd;
	struct socket_file file;
	struct door *door; /* NULL: nobody is let in */
	struct xenstore *store;
	u32 next_id;
	struct client *clients[XS_CLIENTS];
};

static size_t unsent(const struct client *c)
{
	return c->out.len - c->out_at;
}

u32 xs_socket_clients(const struct xs_socket *k)
{
	u32 i, n = 0;

	for (i = 0; i < XS_CLIENTS; i++)
		n += k->clients[i] != NULL;
	return n;
}

static void listen_again(struct xs_socket *k)
{
	bool room = k->door && xs_socket_clients(k) < XS_CLIENTS && !k->retry;

	poll_change(k->poll, k->listen_it, POLL_READABLE, !room);
}

static int post(struct client *c, enum xs_client_op op, const u8 *p, size_t n)
{
	u8 msg[XS_CLIENT_HEADER + XS_MESSAGE_MAX];

	st32(msg, c->id);
	st32(msg + 4, op);
	if (n)
		memcpy(msg + XS_CLIENT_HEADER, p, n);
	return door_post(c->k->door, DOOR_STORE, XS_DOOR_TARGET, msg, (u32)(XS_CLIENT_HEADER + n));
}

/* Frees the slot. tell: the store still knows the client. */
static void drop(struct client *c, bool tell)
{
	struct xs_socket *k = c->k;
	u32 i;

	if (tell && k->door)
		post(c, XS_CLIENT_CLOSE, NULL, 0);
	for (i = 0; i < XS_CLIENTS; i++)
		if (k->clients[i] == c)
			k->clients[i] = NULL;
	poll_remove(k->poll, c->it);
	close(c->fd);
	buf_free(&c->out);
	free(c);
	listen_again(k);
}

/* What to wait for now; one that waits for neither is let alone, so that its end does not keep us busy. */
static void watch_for(struct client *c)
{
	u32 events = (c->posted < POSTED_MAX && unsent(c) < OUT_PAUSE ? POLL_READABLE : 0u) |
		     (unsent(c) ? POLL_WRITABLE : 0u);

	poll_change(c->k->poll, c->it, events, !events);
}

/* Sends what goes without waiting. False when the peer is gone. */
static bool flush(struct client *c)
{
	while (unsent(c)) {
		ssize_t n = os_send(c->fd, c->out.p + c->out_at, unsent(c));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS;
		c->out_at += (size_t)n;
	}
	c->out_at = c->out.len = 0;
	return true;
}

/* Leaves whole requests before the door. False when the client is to be dropped. */
static bool take_requests(struct client *c)
{
	u32 at = 0;

	while (c->in_len - at >= XS_HEADER) {
		u32 head[4], len, i;

		memcpy(head, c->in + at, sizeof head);
		len = head[3];
		if (len > XS_PAYLOAD_MAX)
			return false;
		if (c->in_len - at < XS_HEADER + len)
			break;
		for (i = 0; i < 4; i++)
			st32(c->in + at + 4 * i, head[i]);
		if (post(c, XS_CLIENT_REQUEST, c->in + at, XS_HEADER + len))
			return false;
		at += XS_HEADER + len;
		c->posted += XS_HEADER + len;
	}
	memmove(c->in, c->in + at, c->in_len - at);
	c->in_len -= at;
	return true;
}

static void on_client(void *opaque, u32 events)
{
	struct client *c = opaque;
	ssize_t n;

	if ((events & POLL_WRITABLE) && !flush(c)) {
		drop(c, true);
		return;
	}
	if (events & (POLL_READABLE | POLL_GONE)) {
		n = read(c->fd, c->in + c->in_len, IN_SIZE - c->in_len);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
			drop(c, true);
			return;
		}
		c->in_len += n > 0 ? (u32)n : 0;
		if (!take_requests(c)) {
			drop(c, true);
			return;
		}
	}
	watch_for(c);
}

/* ---- from the store -------------------------------------------------------------------------------------------- */

static struct client *by_id(struct xs_socket *k, u32 id)
{
	u32 i;

	for (i = 0; i < XS_CLIENTS; i++)
		if (k->clients[i] && k->clients[i]->id == id)
			return k->clients[i];
	return NULL;
}

static void on_send(void *opaque, u32 id, u32 type, u32 req, u32 tx, const void *p, size_t n)
{
	const u32 head[4] = { type, req, tx, (u32)n };
	struct client *c = by_id(opaque, id);

	if (!c)
		return;
	if (unsent(c) + sizeof head + n > OUT_MAX) {
		drop(c, true);
		return;
	}
	if (c->out_at > c->out.len / 2) {
		memmove(c->out.p, c->out.p + c->out_at, unsent(c));
		c->out.len -= c->out_at;
		c->out_at = 0;
	}
	buf_put(&c->out, head, sizeof head);
	buf_put(&c->out, p, n);
	if (c->out.failed)
		drop(c, true); /* no memory: half a message would be worse than none */
	else
		watch_for(c);
}

static void on_served(void *opaque, u32 id, u32 n)
{
	struct client *c = by_id(opaque, id);

	if (!c)
		return;
	c->posted -= MIN(c->posted, n);
	if (!flush(c))
		drop(c, true);
	else
		watch_for(c);
}

static void on_gone(void *opaque, u32 id)
{
	struct client *c = by_id(opaque, id);

	if (!c)
		return;
	flush(c);
	drop(c, false);
}

static const struct xs_client_ops client_ops = { on_send, on_served, on_gone };

/* ---- clients come ---------------------------------------------------------------------------------------------- */

static void on_retry(void *opaque, u32 events)
{
	struct xs_socket *k = opaque;

	poll_remove(k->poll, k->retry);
	k->retry = NULL;
	listen_again(k);
}

static void on_connection(void *opaque, u32 events)
{
	struct xs_socket *k = opaque;
	int fd = accept(k->fd, NULL, NULL);
	struct client *c;
	u32 i;

	if (fd < 0) {
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED && !k->retry) {
			k->retry = poll_every(k->poll, RETRY_NS, on_retry, k);
			listen_again(k);
		}
		return;
	}
	os_prepare(fd);
	for (i = 0; i < XS_CLIENTS && k->clients[i]; i++)
		;
	c = i < XS_CLIENTS ? calloc(1, sizeof *c) : NULL;
	if (!c) {
		close(fd);
		return;
	}
	c->k = k;
	c->fd = fd;
	c->it = poll_add(k->poll, fd, POLL_READABLE, on_client, c);
	do
		c->id = ++k->next_id;
	while (!c->id || by_id(k, c->id));
	if (!c->it || post(c, XS_CLIENT_OPEN, NULL, 0)) {
		poll_remove(k->poll, c->it);
		close(fd);
		free(c);
		return;
	}
	k->clients[i] = c;
	listen_again(k);
}

/* ---- open and close -------------------------------------------------------------------------------------------- */

bool xs_socket_spec_ok(const char *spec, struct error *e)
{
	struct sockaddr_un sa;
	const char *path = spec + 5;

	if (strncmp(spec, "unix:", 5) || !*path) {
		error_set(e, -EINVAL, "-xenstore %.200s: needs a socket's path after unix:, as in -xenstore unix:/tmp/xenstore.sock",
			  spec);
		return false;
	}
	if (strlen(path) >= sizeof sa.sun_path) {
		error_set(e, -ENAMETOOLONG,
			  "-xenstore unix:%.60s...: the path is %zu bytes long and a socket's may have %zu: use a shorter one",
			  path, strlen(path), sizeof sa.sun_path - 1);
		return false;
	}
	return true;
}

static int serve_at(struct xs_socket *k, const char *spec, struct error *e)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	char said[220];
	int rc;

	memcpy(sa.sun_path, k->path, strlen(k->path) + 1);
	snprintf(said, sizeof said, "-xenstore %.200s", spec);
	rc = socket_clear_stale(said, &sa, SOCK_STREAM, e);
	if (rc)
		return rc;
	k->fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (k->fd < 0)
		return error_set(e, -errno, "-xenstore %.200s: no socket to be had (%s)", spec, strerror(errno));
	os_prepare(k->fd);
	rc = socket_bind_file(k->fd, &sa, &k->file);
	if (!rc)
		rc = listen(k->fd, 16) ? -errno : 0;
	if (rc)
		return error_set(e, rc, "-xenstore %.200s: cannot serve there (%s): name a path in a directory you may write to", spec,
				 strerror(-rc));
	k->listen_it = poll_add(k->poll, k->fd, POLL_READABLE, on_connection, k);
	if (!k->listen_it)
		return error_set(e, -ENOMEM, "-xenstore %.200s: the host is out of memory", spec);
	listen_again(k);
	return 0;
}

struct xs_socket *xs_socket_open(const char *spec, struct poll_set *ps, struct error *e)
{
	struct xs_socket *k;

	if (!xs_socket_spec_ok(spec, e))
		return NULL;
	k = calloc(1, sizeof *k);
	if (k) {
		k->fd = -1;
		k->poll = ps;
		k->path = xs_strdup(spec + 5);
	}
	if (!k || !k->path) {
		error_set(e, -ENOMEM, "-xenstore %.200s: the host is out of memory", spec);
		free(k);
		return NULL;
	}
	if (serve_at(k, spec, e)) {
		xs_socket_close(k);
		return NULL;
	}
	return k;
}

void xs_socket_attach(struct xs_socket *k, struct door *door, struct xenstore *store)
{
	k->door = door;
	k->store = store;
	xs_clients_listen(store, &client_ops, k);
	listen_again(k);
}

void xs_socket_detach(struct xs_socket *k)
{
	u32 i;

	k->door = NULL;
	k->store = NULL;
	for (i = 0; i < XS_CLIENTS; i++)
		if (k->clients[i])
			drop(k->clients[i], false);
	listen_again(k);
}

void xs_socket_close(struct xs_socket *k)
{
	if (!k)
		return;
	if (k->listen_it) {
		xs_socket_detach(k);
		poll_remove(k->poll, k->retry);
		poll_remove(k->poll, k->listen_it);
	}
	socket_file_remove(&k->file);
	if (k->fd >= 0)
		close(k->fd);
	free(k->path);
	free(k);
}
