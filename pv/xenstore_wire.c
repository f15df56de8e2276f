/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The xenstore protocol over a guest's ring (Xen public/io/xs_wire.h, docs/misc/xenstore.txt). Everything in the page
 * is hostile: a request is copied out whole before it is looked at, and a guest that breaks the protocol is served no
 * more, which harms only itself.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "pv/pv.h"
#include "pv/ring.h"
#include "pv/xenstore_impl.h"

/* struct xenstore_domain_interface: req[1024], rsp[1024], req_cons, req_prod, rsp_cons, rsp_prod, features, ..., error. */
static const struct byte_ring ring_req = { 0, 1024, 2048, 2052 };
static const struct byte_ring ring_rsp = { 1024, 1024, 2056, 2060 };
#define PAGE_ERROR 2072u
enum { XS_ERR_COMM = 1, XS_ERR_RINGIDX = 2, XS_ERR_PROTO = 3 }; /* what the error field of the page says */

static const char *const type_names[XS_TYPES] = {
	"control", "directory", "read", "get_perms", "watch", "unwatch", "transaction_start", "transaction_end",
	"introduce", "release", "get_domain_path", "write", "mkdir", "rm", "set_perms", "watch_event", "error",
	"is_domain_introduced", "resume", "set_target", "restrict", "reset_watches", "directory_part",
};

static const char *errno_name(int err)
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
		free(m);
	}
	return moved;
}

/* ---- requests -------------------------------------------------------------------------------------------------- */

struct xs_req {
	struct xs_conn *c;
	struct xenstore *s;
	struct xs_txn *t;
	u32 type, req, tx, len;
	const char *p; /* payload, len bytes, and a NUL after them */
};

static void reply(struct xs_req *r, const void *p, size_t n)
{
	xs_send(r->c, r->type, r->req, r->tx, p, n);
}

static int ack(struct xs_req *r)
{
	reply(r, "OK", 3);
	return 0;
}

/* The i-th string of the payload, or NULL. */
static const char *arg(const struct xs_req *r, u32 i)
{
	u32 at = 0;

	for (;;) {
		const char *end = at < r->len ? memchr(r->p + at, 0, r->len - at) : NULL;

		if (!end)
			return NULL;
		if (!i--)
			return r->p + at;
		at = (u32)(end - r->p) + 1;
	}
}

static u32 args(const struct xs_req *r)
{
	u32 i, n = 0;

	for (i = 0; i < r->len; i++)
		n += !r->p[i];
	return n;
}

/* The payload as exactly one string, or NULL. */
static const char *only_arg(const struct xs_req *r)
{
	return r->len && !r->p[r->len - 1] && args(r) == 1 ? r->p : NULL;
}

/* Makes a path absolute in buf (XS_ABS_PATH_MAX bytes). Returns buf, or NULL. */
static const char *full_path(const struct xs_req *r, const char *path, char *buf)
{
	int n;

	if (!path || path[0] == '@')
		return NULL;
	if (path[0] == '/')
		n = snprintf(buf, XS_ABS_PATH_MAX, "%s", path);
	else if (strlen(path) >= XS_REL_PATH_MAX)
		return NULL;
	else
		n = snprintf(buf, XS_ABS_PATH_MAX, "/local/domain/%u/%s", r->c->domid, path);
	return n > 0 && (u32)n < XS_ABS_PATH_MAX && xs_path_ok(buf) ? buf : NULL;
}

/* A decimal number of 32 bits and nothing else; the same on hosts of any word size. */
static bool number(const char *p, u32 *v)
{
	u64 x = 0;

	if (!*p)
		return false;
	for (; *p; p++) {
		if (*p < '0' || *p > '9' || (x = x * 10 + (u64)(*p - '0')) > UINT32_MAX)
			return false;
	}
	*v = (u32)x;
	return true;
}

static int do_directory(struct xs_req *r, const char *path)
{
	int err;
	const struct xs_node *n = xs_get(r->c, r->s, r->t, path, XS_PERM_READ, &err);

	if (!n)
		return err;
	if (n->children_len > XS_PAYLOAD_MAX)
		return -XEN_E2BIG;
	reply(r, n->children, n->children_len);
	return 0;
}

static int do_directory_part(struct xs_req *r, const char *path)
{
	u8 out[XS_PAYLOAD_MAX];
	const char *off = arg(r, 1);
	const struct xs_node *n;
	u32 at, gen, len = 0;
	int err;

	if (!off || args(r) != 2 || !number(off, &at))
		return -XEN_EINVAL;
	n = xs_get(r->c, r->s, r->t, path, XS_PERM_READ, &err);
	if (!n)
		return err;
	gen = (u32)snprintf((char *)out, sizeof out, "%llu", (unsigned long long)n->gen) + 1;
	/* Whole names only; an empty one ends the list. */
	while (at < n->children_len) {
		u32 k = (u32)strnlen(n->children + at, n->children_len - at) + 1;

		if (at + k > n->children_len || gen + len + k + 1 > XS_PAYLOAD_MAX)
			break;
		memcpy(out + gen + len, n->children + at, k);
		len += k;
		at += k;
	}
	if (at >= n->children_len)
		out[gen + len++] = 0;
	reply(r, out, gen + len);
	return 0;
}

static int do_read(struct xs_req *r, const char *path)
{
	int err;
	const struct xs_node *n = xs_get(r->c, r->s, r->t, path, XS_PERM_READ, &err);

	if (!n)
		return err;
	if (n->len > XS_PAYLOAD_MAX)
		return -XEN_E2BIG;
	reply(r, n->value, n->len);
	return 0;
}

static int do_get_perms(struct xs_req *r, const char *path)
{
	char out[XS_PAYLOAD_MAX];
	u32 i, len = 0;
	int err;
	const struct xs_node *n = xs_get(r->c, r->s, r->t, path, XS_PERM_READ, &err);

	if (!n)
		return err;
	for (i = 0; i < n->nperms; i++) {
		if (sizeof out - len < 16)
			return -XEN_E2BIG;
		len += (u32)snprintf(out + len, sizeof out - len, "%c%u", "nrwb"[n->perms[i].mode & 3], n->perms[i].domid) + 1;
	}
	reply(r, out, len);
	return 0;
}

static int do_set_perms(struct xs_req *r, const char *path)
{
	struct xs_perm perms[XS_PAYLOAD_MAX / 3];
	u32 i, n = args(r);
	int rc;

	if (n < 2 || r->p[r->len - 1])
		return -XEN_EINVAL;
	for (i = 1; i < n; i++) {
		const char *p = arg(r, i);
		const char *letters = "nrwb", *mode = p && *p ? strchr(letters, *p) : NULL;
		u32 id;

		if (!mode || i > ARRAY_SIZE(perms) || !number(p + 1, &id) || id > 0xffff)
			return -XEN_EINVAL;
		perms[i - 1] = (struct xs_perm){ id, (u32)(mode - letters) };
	}
	rc = xs_do_set_perms(r->c, r->s, r->t, path, perms, n - 1);
	return rc ? rc : ack(r);
}

static int do_write(struct xs_req *r, const char *path)
{
	u32 at = (u32)strlen(r->p) + 1;
	int rc = xs_do_write(r->c, r->s, r->t, path, r->p + at, r->len - at);

	return rc ? rc : ack(r);
}

static int do_mkdir(struct xs_req *r, const char *path)
{
	int rc = xs_do_mkdir(r->c, r->s, r->t, path);

	return rc ? rc : ack(r);
}

static int do_rm(struct xs_req *r, const char *path)
{
	int rc = xs_do_rm(r->c, r->s, r->t, path);

	return rc ? rc : ack(r);
}

static int do_watch(struct xs_req *r)
{
	char buf[XS_ABS_PATH_MAX];
	const char *path = arg(r, 0), *token = arg(r, 1);
	bool relative;
	int rc;

	if (!token)
		return -XEN_EINVAL;
	relative = path[0] != '/' && path[0] != '@';
	if (path[0] == '@' ? strlen(path) >= XS_REL_PATH_MAX : !(path = full_path(r, path, buf)))
		return -XEN_EINVAL;
	if (r->type == XS_UNWATCH) {
		rc = xs_guest_unwatch(r->c, path, token);
		return rc ? rc : ack(r);
	}
	rc = xs_guest_watch(r->c, path, token, relative);
	if (rc)
		return rc;
	ack(r);
	xs_guest_watch_first(r->c, path, token);
	return 0;
}

static int do_transaction_start(struct xs_req *r)
{
	char id[16];
	struct xs_txn **p;
	u32 n = 0;

	if (r->tx)
		return -XEN_EBUSY;
	for (p = &r->c->txns; *p; p = &(*p)->next)
		n++;
	if (n >= XS_QUOTA_TRANSACTIONS)
		return -XEN_ENOSPC;
	*p = xs_txn_new(r->c->next_txn);
	if (!*p)
		return -XEN_ENOMEM;
	/* Ids are used again only after four billion others; 0 means none. */
	r->c->next_txn += r->c->next_txn == 0xffffffff ? 2 : 1;
	reply(r, id, (size_t)snprintf(id, sizeof id, "%u", (*p)->id) + 1);
	return 0;
}

static int do_transaction_end(struct xs_req *r)
{
	const char *how = only_arg(r);
	struct xs_txn **p;
	int rc = 0;

	if (!how || (strcmp(how, "T") && strcmp(how, "F")))
		return -XEN_EINVAL;
	if (!r->t)
		return -XEN_ENOENT;
	for (p = &r->c->txns; *p != r->t; p = &(*p)->next)
		;
	*p = r->t->next;
	if (*how == 'T')
		rc = xs_txn_commit(r->c, r->s, r->t);
	xs_txn_free(r->t);
	return rc ? rc : ack(r);
}

static int do_domain(struct xs_req *r)
{
	const char *a = only_arg(r);
	const struct xs_conn *c;
	char out[40];
	u32 id;

	if (!a || !number(a, &id))
		return -XEN_EINVAL;
	if (r->type == XS_GET_DOMAIN_PATH) {
		reply(r, out, (size_t)snprintf(out, sizeof out, "/local/domain/%u", id) + 1);
		return 0;
	}
	for (c = r->s->conns; c && c->domid != id; c = c->next)
		;
	reply(r, c || !id ? "T" : "F", 2);
	return 0;
}

/* Requests that name one path first. */
static int do_path(struct xs_req *r)
{
	static const struct {
		int (*fn)(struct xs_req *r, const char *path);
		bool only; /* the path is all there is */
	} fns[XS_TYPES] = {
		[XS_DIRECTORY] = { do_directory, true }, [XS_READ] = { do_read, true },
		[XS_GET_PERMS] = { do_get_perms, true }, [XS_WRITE] = { do_write, false },
		[XS_MKDIR] = { do_mkdir, true },         [XS_RM] = { do_rm, true },
		[XS_SET_PERMS] = { do_set_perms, false }, [XS_DIRECTORY_PART] = { do_directory_part, false },
	};
	char buf[XS_ABS_PATH_MAX];
	const char *path;

	if (!fns[r->type].fn)
		return -XEN_ENOSYS;
	path = full_path(r, fns[r->type].only ? only_arg(r) : arg(r, 0), buf);
	return path ? fns[r->type].fn(r, path) : -XEN_EINVAL;
}

static int request(struct xs_req *r)
{
	struct xs_txn *t = NULL;

	if (r->tx && r->type != XS_WATCH && r->type != XS_UNWATCH && r->type != XS_TRANSACTION_START) {
		for (t = r->c->txns; t && t->id != r->tx; t = t->next)
			;
		if (!t)
			return -XEN_ENOENT;
	}
	r->t = t;
	switch (r->type) {
	case XS_WATCH:
	case XS_UNWATCH:
		return do_watch(r);
	case XS_RESET_WATCHES:
		xs_guest_watches_drop(r->c);
		while ((t = r->c->txns)) {
			r->c->txns = t->next;
			xs_txn_free(t);
		}
		return ack(r);
	case XS_TRANSACTION_START:
		return do_transaction_start(r);
	case XS_TRANSACTION_END:
		return do_transaction_end(r);
	case XS_GET_DOMAIN_PATH:
	case XS_IS_DOMAIN_INTRODUCED:
		return do_domain(r);
	case XS_CONTROL:
	case XS_INTRODUCE:
	case XS_RELEASE:
	case XS_RESUME:
	case XS_SET_TARGET:
		return -XEN_EACCES; /* for the control domain only */
	default:
		return r->type < XS_TYPES ? do_path(r) : -XEN_ENOSYS;
	}
}

static void serve_one(struct xs_conn *c)
{
	u8 in[XS_HEADER + XS_PAYLOAD_MAX + 1];
	struct xs_req r = { .c = c, .s = c->s };
	int rc;

	memcpy(in, c->in, c->in_len);
	in[c->in_len] = 0;
	r.type = ld32(in);
	r.req = ld32(in + 4);
	r.tx = ld32(in + 8);
	r.len = c->in_len - XS_HEADER;
	r.p = (const char *)in + XS_HEADER;
	c->in_len = 0;
	xs_enter(c->s);
	rc = request(&r);
	if (log_on(c->s->log, LOG_XENSTORE))
		log_line(c->s->log, LOG_XENSTORE, "xenstore: domain %u tx %u %s %.*s%s%s", c->domid, r.tx,
			 r.type < XS_TYPES ? type_names[r.type] : "?", (int)MIN(r.len, 200u), r.p, rc ? ": " : "",
			 rc ? errno_name(rc) : "");
	if (rc)
		xs_send(c, XS_ERROR, r.req, r.tx, errno_name(rc), strlen(errno_name(rc)) + 1);
	xs_leave(c->s);
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

void xs_serve(struct xs_conn *c)
{
	bool moved;

	if (c->dead || c->serving)
		return;
	c->serving = true;
	moved = xs_flush(c);
	while (!c->dead && c->out_bytes < XS_OUT_PAUSE && assemble(c, &moved)) {
		serve_one(c);
		moved |= xs_flush(c);
	}
	c->serving = false;
	if (moved && c->notify)
		c->notify(c->opaque);
}
