/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The xenstore protocol over a guest's ring (Xen public/io/xs_wire.h, docs/misc/xenstore-ring.txt), and in messages of
 * clients. Everything in the page is hostile: a request is copied out whole before it is looked at, and a guest that
 * breaks the protocol is served no more, which harms only itself.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "xen/ring.h"
#include "xen/store/impl.h"
#include "xen/xen.h"

/* struct xenstore_domain_interface: req[1024], rsp[1024], req_cons, req_prod, rsp_cons, rsp_prod, features, ..., error. */
static const struct byte_ring ring_req = { 0, 1024, 2048, 2052 };
static const struct byte_ring ring_rsp = { 1024, 1024, 2056, 2060 };
#define PAGE_ERROR 2072u
enum { XS_ERR_COMM = 1, XS_ERR_RINGIDX = 2, XS_ERR_PROTO = 3 }; /* what the error field of the page says */

#define PAGE_CONNECTION 2068u
#define XS_RECONNECT 1u

const char *const xs_type_names[XS_TYPES] = {
	"control", "directory", "read", "get_perms", "watch", "unwatch", "transaction_start", "transaction_end",
	"introduce", "release", "get_domain_path", "write", "mkdir", "rm", "set_perms", "watch_event", "error",
	"is_domain_introduced", "resume", "set_target", "restrict", "reset_watches", "directory_part",
};

const char *xs_errno_name(int err)
{
	static const struct {
		int no;
		const char *name;
	} names[] = {
		{ XEN_EINVAL, "EINVAL" }, { XEN_EACCES, "EACCES" }, { XEN_EEXIST, "EEXIST" }, { XEN_ENOENT, "ENOENT" },
		{ XEN_ENOMEM, "ENOMEM" }, { XEN_ENOSPC, "ENOSPC" }, { XEN_EIO, "EIO" },       { XEN_ENOSYS, "ENOSYS" },
		{ XEN_EBUSY, "EBUSY" },   { XEN_EAGAIN, "EAGAIN" }, { XEN_E2BIG, "E2BIG" },   { XEN_EPERM, "EPERM" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].no == -err)
			return names[i].name;
	return "EINVAL";
}

static void conn_kill(struct xs_conn *c, u32 code, const char *why)
{
	if (c->dead)
		return;
	c->dead = true;
	log_line(c->s->log, LOG_GUEST_ERRORS, "xenstore: domain %u %s; it is served no more", c->domid, why);
	mem_write_u32(c->mem, (*c->mfn << PAGE_SHIFT) + PAGE_ERROR, code);
}

static void conn_ring_error(struct xs_conn *c, i64 rc)
{
	if (rc == -EPROTO)
		conn_kill(c, XS_ERR_RINGIDX, "has ring indexes further apart than the ring is long");
	else
		conn_kill(c, XS_ERR_COMM, "took its ring page away");
}

void xs_send(struct xs_conn *c, u32 type, u32 req, u32 tx, const void *p, size_t n)
{
	struct xs_msg *m;

	if (c->dead)
		return;
	if (c->client) {
		if (c->s->client_ops)
			c->s->client_ops->send(c->s->client_opaque, c->client, type, req, tx, p, n);
		return;
	}
	if (c->out_bytes + XS_HEADER + n > XS_OUT_MAX) {
		conn_kill(c, XS_ERR_COMM, "does not read its replies and watch events");
		return;
	}
	m = malloc(sizeof *m + XS_HEADER + n);
	if (!m) {
		conn_kill(c, XS_ERR_COMM, "asked for more than this host's memory");
		return;
	}
	m->next = NULL;
	m->type = type;
	m->len = XS_HEADER + (u32)n;
	m->at = 0;
	st32(m->data, type);
	st32(m->data + 4, req);
	st32(m->data + 8, tx);
	st32(m->data + 12, (u32)n);
	if (n)
		memcpy(m->data + XS_HEADER, p, n);
	*c->out_tail = m;
	c->out_tail = &m->next;
	c->out_bytes += m->len;
	c->out_replies += type != XS_WATCH_EVENT;
}

bool xs_flush(struct xs_conn *c)
{
	bool moved = false;

	while (c->out && !c->dead) {
		struct xs_msg *m = c->out;
		i64 n = ring_give(c->mem, *c->mfn, &ring_rsp, m->data + m->at, m->len - m->at);

		if (n < 0)
			conn_ring_error(c, n);
		if (n <= 0)
			break;
		moved = true;
		m->at += (u32)n;
		c->out_bytes -= (u32)n;
		if (m->at < m->len)
			break;
		c->out = m->next;
		if (!c->out)
			c->out_tail = &c->out;
		c->out_replies -= m->type != XS_WATCH_EVENT;
		free(m);
	}
	return moved;
}

/* ---- requests -------------------------------------------------------------------------------------------------- */

/* Serves the request of n bytes at in, which a NUL follows. */
static void serve_one(struct xs_conn *c, const u8 *in, u32 n)
{
	struct xs_req r = { .c = c, .s = c->s };
	char who[40];
	int rc;

	r.type = ld32(in);
	r.req = ld32(in + 4);
	r.tx = ld32(in + 8);
	r.len = n - XS_HEADER;
	r.p = (const char *)in + XS_HEADER;
	if (c->client)
		snprintf(who, sizeof who, "client %u", c->client);
	else
		snprintf(who, sizeof who, "domain %u", c->domid);
	xs_enter(c->s);
	rc = xs_request(&r);
	if (log_on(c->s->log, LOG_XENSTORE))
		log_line(c->s->log, LOG_XENSTORE, "xenstore: %s tx %u %s %.*s%s%s", who, r.tx,
			 r.type < XS_TYPES ? xs_type_names[r.type] : "?", (int)MIN(r.len, 200u), r.p, rc ? ": " : "",
			 rc ? xs_errno_name(rc) : "");
	if (rc)
		xs_send(c, XS_ERROR, r.req, r.tx, xs_errno_name(rc), strlen(xs_errno_name(rc)) + 1);
	xs_leave(c->s);
}

void xs_client_input(struct xenstore *s, const u8 *p, size_t n)
{
	u8 in[XS_MESSAGE_MAX + 1];
	struct xs_conn *c;
	u32 id, op;
	bool bad;

	if (n < XS_CLIENT_HEADER)
		return;
	id = ld32(p);
	op = ld32(p + 4);
	p += XS_CLIENT_HEADER;
	n -= XS_CLIENT_HEADER;
	c = xs_client(s, id);
	bad = op == XS_CLIENT_OPEN ? !xs_client_new(s, id) : !c;
	if (!bad && op == XS_CLIENT_CLOSE) {
		xs_disconnect(s, c);
		return;
	}
	if (!bad && op == XS_CLIENT_REQUEST) {
		bad = n < XS_HEADER || n > XS_MESSAGE_MAX || n != XS_HEADER + (size_t)ld32(p + 12);
		if (!bad) {
			memcpy(in, p, n);
			in[n] = 0;
			serve_one(c, in, (u32)n);
			if (s->client_ops)
				s->client_ops->served(s->client_opaque, id, (u32)n);
		} else {
			xs_disconnect(s, c);
		}
	}
	if (bad && s->client_ops)
		s->client_ops->gone(s->client_opaque, id);
}

/* Reads more of the request being assembled. True when it is whole. */
static bool assemble(struct xs_conn *c, bool *moved)
{
	u32 want = XS_HEADER;
	i64 n;

	for (;;) {
		if (c->in_len >= XS_HEADER) {
			u32 len = ld32(c->in + 12);

			if (len > XS_PAYLOAD_MAX) {
				conn_kill(c, XS_ERR_PROTO, "sent a request longer than 4096 bytes");
				return false;
			}
			want = XS_HEADER + len;
		}
		if (c->in_len == want)
			return true;
		n = ring_take(c->mem, *c->mfn, &ring_req, c->in + c->in_len, want - c->in_len);
		if (n < 0)
			conn_ring_error(c, n);
		if (n <= 0)
			return false;
		*moved = true;
		c->in_len += (u32)n;
	}
}

/* A guest that asks for a fresh start in the page gets it: indexes at 0, nothing under way, the field back at 0. */
static bool reconnect(struct xs_conn *c)
{
	const u8 *page = mem_ro(c->mem, *c->mfn);
	u8 *w;

	if (!page || ld32(page + PAGE_CONNECTION) != XS_RECONNECT)
		return false;
	xs_reset(c);
	w = mem_rw(c->mem, *c->mfn, ring_req.cons, PAGE_ERROR + 4 - ring_req.cons);
	if (!w)
		return false;
	memset(w + ring_req.cons, 0, 16); /* four indexes */
	st32(w + PAGE_CONNECTION, 0);
	st32(w + PAGE_ERROR, 0);
	return true;
}

void xs_serve(struct xs_conn *c)
{
	u8 in[XS_MESSAGE_MAX + 1];
	bool moved;
	u32 n;

	if (c->serving || !c->introduced)
		return;
	moved = reconnect(c);
	if (c->dead)
		return;
	c->serving = true;
	moved |= xs_flush(c);
	while (!c->dead && c->introduced && c->out_bytes < XS_OUT_PAUSE && c->out_replies < c->s->quota.outstanding &&
	       assemble(c, &moved)) {
		n = c->in_len;
		memcpy(in, c->in, n);
		in[n] = 0;
		c->in_len = 0;
		serve_one(c, in, n);
		moved |= xs_flush(c);
	}
	c->serving = false;
	if (moved && c->notify)
		c->notify(c->opaque);
}
