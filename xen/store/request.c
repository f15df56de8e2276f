/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The xenstore's requests: payloads taken apart, operations called, replies sent (Xen docs/misc/xenstore.txt). What only
 * the control domain may ask for is in admin.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xen/store/impl.h"
#include "xen/xen.h"

void xs_reply(struct xs_req *r, const void *p, size_t n)
{
	xs_send(r->c, r->type, r->req, r->tx, p, n);
}

int xs_ack(struct xs_req *r)
{
	xs_reply(r, "OK", 3);
	return 0;
}

const char *xs_arg(const struct xs_req *r, u32 i)
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

u32 xs_args(const struct xs_req *r)
{
	u32 i, n = 0;

	for (i = 0; i < r->len; i++)
		n += !r->p[i];
	return n;
}

const char *xs_only_arg(const struct xs_req *r)
{
	return r->len && !r->p[r->len - 1] && xs_args(r) == 1 ? r->p : NULL;
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

bool xs_number(const char *p, u32 *v)
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
	xs_reply(r, n->children, n->children_len);
	return 0;
}

static int do_directory_part(struct xs_req *r, const char *path)
{
	u8 out[XS_PAYLOAD_MAX];
	const char *off = xs_arg(r, 1);
	const struct xs_node *n;
	u32 at, gen, len = 0;
	int err;

	if (!off || xs_args(r) != 2 || !xs_number(off, &at))
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
	xs_reply(r, out, gen + len);
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
	xs_reply(r, n->value, n->len);
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
	xs_reply(r, out, len);
	return 0;
}

static int do_set_perms(struct xs_req *r, const char *path)
{
	struct xs_perm perms[XS_PAYLOAD_MAX / 3];
	u32 i, n = xs_args(r);
	int rc;

	if (n < 2 || r->p[r->len - 1])
		return -XEN_EINVAL;
	if (path[0] == '@' && r->t)
		return -XEN_EINVAL;
	for (i = 1; i < n; i++) {
		const char *p = xs_arg(r, i);
		const char *letters = "nrwb", *mode = p && *p ? strchr(letters, *p) : NULL;
		u32 id;

		if (!mode || i > ARRAY_SIZE(perms) || !xs_number(p + 1, &id) || id > 0xffff)
			return -XEN_EINVAL;
		perms[i - 1] = (struct xs_perm){ id, (u32)(mode - letters) };
	}
	rc = xs_do_set_perms(r->c, r->s, r->t, path, perms, n - 1);
	return rc ? rc : xs_ack(r);
}

static int do_write(struct xs_req *r, const char *path)
{
	u32 at = (u32)strlen(r->p) + 1;
	int rc = xs_do_write(r->c, r->s, r->t, path, r->p + at, r->len - at);

	return rc ? rc : xs_ack(r);
}

static int do_mkdir(struct xs_req *r, const char *path)
{
	int rc = xs_do_mkdir(r->c, r->s, r->t, path);

	return rc ? rc : xs_ack(r);
}

static int do_rm(struct xs_req *r, const char *path)
{
	int rc = xs_do_rm(r->c, r->s, r->t, path);

	return rc ? rc : xs_ack(r);
}

static int do_watch(struct xs_req *r)
{
	char buf[XS_ABS_PATH_MAX];
	const char *path = xs_arg(r, 0), *token = xs_arg(r, 1);
	u32 depth = XS_ANY_DEPTH;
	bool relative;
	int rc;

	/* A third string is a depth, or reserved and empty. */
	if (!token || (xs_arg(r, 2) && *xs_arg(r, 2) && !xs_number(xs_arg(r, 2), &depth)))
		return -XEN_EINVAL;
	relative = path[0] != '/' && path[0] != '@';
	if (path[0] == '@' ? strlen(path) >= XS_REL_PATH_MAX : !(path = full_path(r, path, buf)))
		return -XEN_EINVAL;
	if (r->type == XS_UNWATCH) {
		rc = xs_guest_unwatch(r->c, path, token);
		return rc ? rc : xs_ack(r);
	}
	rc = xs_guest_watch(r->c, path, token, relative, depth);
	if (rc)
		return rc;
	xs_ack(r);
	xs_guest_watch_first(r->c, path, token);
	return 0;
}

static int do_transaction_start(struct xs_req *r)
{
	char id[16];
	u32 n = 0;
	int rc;

	if (r->tx)
		return -XEN_EBUSY;
	rc = xs_txn_open(r->c, &n);
	if (!rc)
		xs_reply(r, id, (size_t)snprintf(id, sizeof id, "%u", n) + 1);
	return rc;
}

static int do_transaction_end(struct xs_req *r)
{
	const char *how = xs_only_arg(r);
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
	return rc ? rc : xs_ack(r);
}

static int do_domain(struct xs_req *r)
{
	const char *a = xs_only_arg(r);
	const struct xs_conn *c;
	char out[40];
	u32 id;

	if (!a || !xs_number(a, &id))
		return -XEN_EINVAL;
	if (r->type == XS_GET_DOMAIN_PATH) {
		xs_reply(r, out, (size_t)snprintf(out, sizeof out, "/local/domain/%u", id) + 1);
		return 0;
	}
	c = xs_guest(r->s, id);
	xs_reply(r, (c && c->introduced) || !id ? "T" : "F", 2);
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
	path = fns[r->type].only ? xs_only_arg(r) : xs_arg(r, 0);
	if (path && path[0] == '@' && xs_special(path) && (r->type == XS_GET_PERMS || r->type == XS_SET_PERMS))
		return fns[r->type].fn(r, path);
	path = full_path(r, path, buf);
	return path ? fns[r->type].fn(r, path) : -XEN_EINVAL;
}

int xs_request(struct xs_req *r)
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
		xs_txns_drop(r->c);
		return xs_ack(r);
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
		return r->c->domid ? -XEN_EACCES : xs_admin(r); /* for the control domain only */
	default:
		return r->type < XS_TYPES ? do_path(r) : -XEN_ENOSYS;
	}
}

