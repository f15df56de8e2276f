/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Connections of guests to the xenstore: made, reset, saved and loaded. What goes over them is in wire.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "xen/store/impl.h"
#include "xen/xen.h"

void xs_conn_drop(struct xs_conn *c)
{
	struct xs_msg *m;

	xs_guest_watches_drop(c);
	xs_txns_drop(c);
	while ((m = c->out)) {
		c->out = m->next;
		free(m);
	}
	c->out_tail = &c->out;
	c->out_bytes = 0;
	c->out_replies = 0;
	c->in_len = 0;
	memset(c->in, 0, sizeof c->in);
	c->next_txn = 1;
	c->dead = false;
}

static struct xs_conn *conn_new(struct xenstore *s, u32 domid, u32 client)
{
	struct xs_conn *c = calloc(1, sizeof *c);
	struct xs_conn **p;

	if (!c)
		return NULL;
	c->s = s;
	c->domid = domid;
	c->client = client;
	c->introduced = true;
	c->target = XS_NO_TARGET;
	c->out_tail = &c->out;
	xs_conn_drop(c);
	for (p = &s->conns; *p && ((*p)->domid < domid || ((*p)->domid == domid && (*p)->client < client)); p = &(*p)->next)
		;
	c->next = *p;
	*p = c;
	return c;
}

struct xs_conn *xs_connect(struct xenstore *s, u32 domid, struct mem *mem, const u64 *mfn,
			   void (*notify)(void *opaque), void *opaque)
{
	struct xs_conn *c = conn_new(s, domid, 0);

	if (!c)
		return NULL;
	c->mem = mem;
	c->mfn = mfn;
	c->notify = notify;
	c->opaque = opaque;
	xs_fire_special(s, "@introduceDomain", domid);
	return c;
}

struct xs_conn *xs_guest(struct xenstore *s, u32 domid)
{
	struct xs_conn *c;

	for (c = s->conns; c && (c->client || c->domid != domid); c = c->next)
		;
	return c;
}

struct xs_conn *xs_client(struct xenstore *s, u32 id)
{
	struct xs_conn *c;

	for (c = s->conns; c && c->client != id; c = c->next)
		;
	return id ? c : NULL;
}

struct xs_conn *xs_client_new(struct xenstore *s, u32 id)
{
	const struct xs_conn *c;
	u32 n = 0;

	for (c = s->conns; c; c = c->next)
		n += c->client != 0;
	return id && n < XS_CLIENTS && !xs_client(s, id) ? conn_new(s, XEN_BACKEND_DOMID, id) : NULL;
}

void xs_clients_drop(struct xenstore *s)
{
	struct xs_conn *c, *next;

	for (c = s->conns; c; c = next) {
		u32 id = c->client;

		next = c->next;
		if (!id)
			continue;
		xs_disconnect(s, c);
		if (s->client_ops)
			s->client_ops->gone(s->client_opaque, id);
	}
}

void xs_clients_listen(struct xenstore *s, const struct xs_client_ops *ops, void *opaque)
{
	s->client_ops = ops;
	s->client_opaque = opaque;
}

void xs_disconnect(struct xenstore *s, struct xs_conn *c)
{
	struct xs_conn **p;

	for (p = &s->conns; *p && *p != c; p = &(*p)->next)
		;
	if (!*p)
		return;
	*p = c->next;
	if (!c->client && c->introduced && !c->shutdown)
		xs_fire_special(s, "@releaseDomain", c->domid);
	xs_conn_drop(c);
	free(c);
}

void xs_reset(struct xs_conn *c)
{
	xs_conn_drop(c);
}

bool xs_dead(const struct xs_conn *c)
{
	return c->dead;
}

void xs_shutdown(struct xenstore *s, u32 domid)
{
	struct xs_conn *c = xs_guest(s, domid);

	if (!c || !c->introduced || c->shutdown)
		return;
	c->shutdown = true;
	xs_fire_special(s, "@releaseDomain", domid);
}

void xs_resumed(struct xenstore *s, u32 domid)
{
	struct xs_conn *c = xs_guest(s, domid);

	if (c)
		c->shutdown = false;
}

void xs_set_target(struct xs_conn *c, u32 target)
{
	c->target = target;
}

void xs_conn_save(const struct xs_conn *c, struct buf *out)
{
	const struct xs_guest_watch *w;
	const struct xs_txn *t;
	const struct xs_msg *m;
	u32 n;

	buf_put_u32(out, c->domid);
	buf_put_u32(out, c->target);
	buf_put_u8(out, (u8)(c->dead | c->introduced << 1 | c->shutdown << 2));
	buf_put_u32(out, c->next_txn);
	buf_put_u32(out, c->in_len);
	buf_put(out, c->in, c->in_len);
	for (n = 0, w = c->watches; w; w = w->next)
		n++;
	buf_put_u32(out, n);
	for (w = c->watches; w; w = w->next) {
		xs_put_str(out, w->path);
		xs_put_str(out, w->token);
		buf_put_u8(out, w->relative);
		buf_put_u32(out, w->depth);
	}
	for (n = 0, t = c->txns; t; t = t->next)
		n++;
	buf_put_u32(out, n);
	for (t = c->txns; t; t = t->next)
		xs_txn_save(t, out);
	for (n = 0, m = c->out; m; m = m->next)
		n++;
	buf_put_u32(out, n);
	for (m = c->out; m; m = m->next) {
		buf_put_u32(out, m->len);
		buf_put_u32(out, m->at);
		buf_put(out, m->data, m->len);
	}
}

int xs_conn_load(struct xs_conn *c, struct reader *in)
{
	struct xs_txn **t = &c->txns;
	const u8 *p;
	u32 n, flags;

	if (reader_u32(in) != c->domid)
		return -EINVAL;
	c->target = reader_u32(in);
	flags = reader_u8(in);
	c->dead = flags & 1;
	c->introduced = flags & 2;
	c->shutdown = flags & 4;
	c->next_txn = reader_u32(in);
	n = reader_u32(in);
	p = n <= sizeof c->in ? reader_get(in, n) : NULL;
	if (!p)
		return -EINVAL;
	memcpy(c->in, p, n);
	c->in_len = n;
	/* A half request is never longer than its own header says. */
	if (n > XS_HEADER && (ld32(c->in + 12) > XS_PAYLOAD_MAX || n > XS_HEADER + ld32(c->in + 12)))
		return -EINVAL;
	for (n = reader_u32(in); n; n--) {
		char *path = xs_get_str(in, XS_ABS_PATH_MAX), *token = xs_get_str(in, XS_PAYLOAD_MAX);
		bool relative = reader_u8(in);
		int rc = path && token ? xs_guest_watch(c, path, token, relative, reader_u32(in)) : -EINVAL;

		free(path);
		free(token);
		if (rc)
			return -EINVAL;
	}
	for (n = reader_u32(in); n; n--, t = &(*t)->next) {
		*t = xs_txn_load(in);
		if (!*t)
			return -EINVAL;
	}
	for (n = reader_u32(in); n; n--) {
		u32 len = reader_u32(in), at = reader_u32(in);
		struct xs_msg *m;

		p = len >= XS_HEADER && at < len && len <= XS_HEADER + XS_PAYLOAD_MAX ? reader_get(in, len) : NULL;
		m = p ? malloc(sizeof *m + len) : NULL;
		if (!m)
			return -EINVAL;
		memcpy(m->data, p, len);
		m->next = NULL;
		m->type = ld32(p);
		m->len = len;
		m->at = at;
		*c->out_tail = m;
		c->out_tail = &m->next;
		c->out_bytes += len - at;
		c->out_replies += m->type != XS_WATCH_EVENT;
	}
	return in->failed ? -EINVAL : 0;
}
