/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The xenstore's tree: rights, quotas, and what the operations do to nodes (Xen docs/misc/xenstore.txt). Rights and
 * errors are those of xenstored 4.17.
 */
#include "xen/store/xenstore.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xen/store/impl.h"
#include "xen/xen.h"

static bool guest(const struct xs_conn *c)
{
	return c && c->domid;
}

static bool client(const struct xs_conn *c)
{
	return c && c->client;
}

bool xs_special(const char *path)
{
	return !strcmp(path, "@introduceDomain") || !strcmp(path, "@releaseDomain");
}

bool xs_path_ok(const char *path)
{
	size_t n = strlen(path);
	size_t i;

	if (path[0] != '/' || n >= XS_ABS_PATH_MAX || (n > 1 && path[n - 1] == '/'))
		return false;
	for (i = 0; i < n; i++) {
		char ch = path[i];

		if (ch == '/' ? i && path[i - 1] == '/'
			      : !((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') ||
				  ch == '-' || ch == '_' || ch == '@'))
			return false;
	}
	return true;
}

size_t xs_parent_len(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash > path ? (size_t)(slash - path) : 1;
}

u32 xs_rights(const struct xs_conn *c, const struct xs_perm *perms, u32 n)
{
	u32 i;

	if (!guest(c) || perms[0].domid == c->domid || perms[0].domid == c->target)
		return XS_PERM_READ | XS_PERM_WRITE | XS_PERM_OWNER;
	for (i = 1; i < n; i++)
		if (perms[i].domid == c->domid || perms[i].domid == c->target)
			return perms[i].mode;
	return perms[0].mode;
}

u32 xs_entry_size(const struct xs_node *n)
{
	return 24 + n->nperms * 8 + n->len + n->children_len;
}

u32 xs_owned(const struct xenstore *s, u32 domid)
{
	u32 i, n = 0;

	for (i = 0; i < s->nodes.n; i++)
		n += s->nodes.v[i]->perms[0].domid == domid;
	return n;
}

const struct xs_node *xs_look(struct xenstore *s, struct xs_txn *t, const char *path)
{
	const struct xs_access *a;

	if (!t)
		return xs_table_find(&s->nodes, path);
	a = xs_txn_access(s, t, path);
	return a ? a->node : NULL;
}

/* Copies the path of the nearest ancestor that exists into buf (XS_ABS_PATH_MAX bytes). Returns it, or NULL. */
static const struct xs_node *nearest(struct xenstore *s, struct xs_txn *t, const char *path, char *buf)
{
	const struct xs_node *n;
	size_t len = strlen(path);

	memcpy(buf, path, len + 1);
	do {
		len = xs_parent_len(buf);
		buf[len] = 0;
		n = xs_look(s, t, buf);
	} while (!n && len > 1);
	return n;
}

const struct xs_node *xs_get(struct xs_conn *c, struct xenstore *s, struct xs_txn *t, const char *path, u32 rights, int *err)
{
	char buf[XS_ABS_PATH_MAX];
	const struct xs_node *n;

	if (!xs_path_ok(path) && !xs_special(path)) {
		*err = -XEN_EINVAL;
		return NULL;
	}
	n = xs_look(s, t, path);
	if (n) {
		*err = (xs_rights(c, n->perms, n->nperms) & rights) == rights ? 0 : -XEN_EACCES;
		return *err ? NULL : n;
	}
	/* Who may not look into the directory is not told that a node is missing. */
	n = nearest(s, t, path, buf);
	*err = n && (xs_rights(c, n->perms, n->nperms) & rights) ? -XEN_ENOENT : -XEN_EACCES;
	if (t && t->poisoned)
		*err = -XEN_ENOSPC;
	return NULL;
}

/* The record for changing. */
static struct xs_node *node_rw(struct xenstore *s, struct xs_txn *t, const char *path)
{
	struct xs_access *a;
	struct xs_node *n;

	if (!t) {
		n = xs_table_find(&s->nodes, path);
		if (n)
			n->gen = ++s->gen;
		return n;
	}
	a = xs_txn_access(s, t, path);
	if (!a)
		return NULL;
	a->written = true;
	return a->node;
}

/* Tells watches, now or at the end of the transaction. */
static void changed(struct xenstore *s, struct xs_txn *t, const char *path, const struct xs_node *n, bool exact)
{
	struct xs_access *a;

	if (path[0] == '@')
		return;
	if (!t) {
		xs_fire(s, path, n, exact);
		return;
	}
	a = xs_txn_access(s, t, path);
	if (a) {
		a->exact = exact && (a->exact || !a->event);
		a->event = true;
	}
}

static int insert(struct xenstore *s, struct xs_txn *t, struct xs_node *n)
{
	struct xs_access *a;

	if (!t) {
		n->gen = ++s->gen;
		return xs_table_put(&s->nodes, n);
	}
	a = xs_txn_access(s, t, n->path);
	if (!a)
		return -ENOMEM;
	xs_node_free(a->node);
	a->node = n;
	a->written = true;
	return 0;
}

static u32 count_missing(struct xenstore *s, struct xs_txn *t, const char *path, const char *top)
{
	u32 n = 1;
	const char *p;

	for (p = path + (top[1] ? strlen(top) : 0) + 1; *p; p++)
		n += *p == '/';
	return n;
}

/* Nodes of the guest, with those its transaction would add. */
static u32 owned_in(struct xs_conn *c, struct xenstore *s, const struct xs_txn *t)
{
	u32 n = xs_owned(s, c->domid);
	u32 i;

	for (i = 0; t && i < t->n; i++)
		n += t->v[i]->written && t->v[i]->node && !t->v[i]->gen;
	return n;
}

static int create(struct xs_conn *c, struct xenstore *s, struct xs_txn *t, const char *path, const void *p, size_t len)
{
	char buf[XS_ABS_PATH_MAX];
	const struct xs_node *top = nearest(s, t, path, buf);
	size_t at, end, pathlen = strlen(path);
	struct xs_node *n, *parent;
	struct xs_perm *perms;
	u32 nperms;
	int rc = 0;

	if (!top)
		return t && t->poisoned ? -XEN_ENOSPC : -XEN_ENOENT;
	at = buf[1] ? strlen(buf) : 0;
	if (client(c) && s->nodes.n + (t ? t->n : 0) + count_missing(s, t, path, buf) > XS_CLIENT_NODES)
		return -XEN_ENOSPC;
	if (guest(c)) {
		const char *slash = strchr(path + at + 1, '/');
		size_t name = slash ? (size_t)(slash - path) - at : pathlen - at;

		if (owned_in(c, s, t) + count_missing(s, t, path, buf) > s->quota.nodes ||
		    xs_entry_size(top) + name > s->quota.node_size || 24 + top->nperms * 8 + len > s->quota.node_size)
			return -XEN_ENOSPC;
	}
	nperms = top->nperms;
	perms = malloc(nperms * sizeof *perms);
	if (!perms)
		return -XEN_ENOMEM;
	memcpy(perms, top->perms, nperms * sizeof *perms);
	/* Permissions are inherited, but a guest owns what it makes. */
	if (guest(c))
		perms[0].domid = c->domid;
	for (; at < pathlen && !rc; at = end) {
		for (end = at + 1; path[end] && path[end] != '/'; end++)
			;
		parent = node_rw(s, t, buf);
		memcpy(buf, path, end);
		buf[end] = 0;
		n = parent ? xs_node_new(buf) : NULL;
		if (!n || xs_node_perms(n, perms, nperms) || (end == pathlen && xs_node_set(n, p, len)) ||
		    xs_node_add_child(parent, buf + at + 1)) {
			xs_node_free(n);
			rc = -XEN_ENOMEM;
		} else if (insert(s, t, n)) {
			xs_node_del_child(parent, buf + at + 1);
			xs_node_free(n);
			rc = -XEN_ENOMEM;
		}
	}
	free(perms);
	return rc && t && t->poisoned ? -XEN_ENOSPC : rc;
}

static int do_write(struct xs_conn *c, struct xenstore *s, struct xs_txn *t, const char *path, const void *p, size_t n)
{
	struct xs_node *node;
	const struct xs_node *old;
	int err;

	old = xs_get(c, s, t, path, XS_PERM_WRITE, &err);
	if (!old) {
		if (err == -XEN_ENOENT)
			err = create(c, s, t, path, p, n);
	} else if (guest(c) && xs_entry_size(old) - old->len + n > s->quota.node_size) {
		err = -XEN_ENOSPC;
	} else {
		node = node_rw(s, t, path);
		err = !node || xs_node_set(node, p, n) ? -XEN_ENOMEM : 0;
	}
	if (!err)
		changed(s, t, path, xs_look(s, t, path), false);
	return err;
}

int xs_do_write(struct xs_conn *c, struct xenstore *s, struct xs_txn *t, const char *path, const void *p, size_t n)
{
	int rc;

	xs_enter(s);
	rc = do_write(c, s, t, path, p, n);
	xs_leave(s);
	return rc;
}

int xs_do_mkdir(struct xs_conn *c, struct xenstore *s, struct xs_txn *t, const char *path)
{
	int err;

	if (xs_get(c, s, t, path, XS_PERM_WRITE, &err) || err != -XEN_ENOENT)
		return err;
	xs_enter(s);
	err = create(c, s, t, path, "", 0);
	if (!err)
		changed(s, t, path, xs_look(s, t, path), false);
	xs_leave(s);
	return err;
}

struct path_list {
	char **v;
	u32 n, cap;
};

static bool list_add(struct path_list *l, const char *dir, const char *name)
{
	size_t n = strlen(dir), k = name ? strlen(name) : 0;
	char **v;
	char *p;
	u32 cap;

	if (l->n == l->cap) {
		cap = l->cap ? l->cap * 2 : 16;
		v = realloc(l->v, cap * sizeof *v);
		if (!v)
			return false;
		l->v = v;
		l->cap = cap;
	}
	p = malloc(n + k + 2);
	if (!p)
		return false;
	memcpy(p, dir, n + 1);
	if (name) {
		p[n] = '/';
		memcpy(p + n + 1, name, k + 1);
	}
	l->v[l->n++] = p;
	return true;
}

static void list_free(struct path_list *l)
{
	while (l->n)
		free(l->v[--l->n]);
	free(l->v);
}

static int rm_tree(struct xenstore *s, struct xs_txn *t, const char *path)
{
	char up[XS_ABS_PATH_MAX];
	struct path_list l = { 0 };
	struct xs_node *parent;
	bool ok = list_add(&l, path, NULL);
	u32 i, at;

	for (i = 0; ok && i < l.n; i++) {
		const struct xs_node *n = xs_look(s, t, l.v[i]);

		for (at = 0; ok && n && at < n->children_len; at += (u32)strlen(n->children + at) + 1)
			ok = list_add(&l, l.v[i], n->children + at);
	}
	memcpy(up, path, strlen(path) + 1);
	up[xs_parent_len(path)] = 0;
	parent = ok ? node_rw(s, t, up) : NULL;
	if (!parent || (t && t->poisoned)) {
		list_free(&l);
		return t && t->poisoned ? -XEN_ENOSPC : -XEN_ENOMEM;
	}
	xs_node_del_child(parent, strrchr(path, '/') + 1);
	for (i = 0; i < l.n; i++)
		changed(s, t, l.v[i], xs_look(s, t, l.v[i]), i > 0);
	for (i = 0; t && i < l.n; i++) {
		struct xs_access *a = xs_txn_access(s, t, l.v[i]);

		if (a) {
			xs_node_free(a->node);
			a->node = NULL;
			a->written = true;
		}
	}
	if (!t)
		s->gen += xs_table_del(&s->nodes, path);
	list_free(&l);
	return 0;
}

int xs_do_rm(struct xs_conn *c, struct xenstore *s, struct xs_txn *t, const char *path)
{
	char up[XS_ABS_PATH_MAX];
	int err;

	if (!xs_get(c, s, t, path, XS_PERM_WRITE, &err)) {
		if (err != -XEN_ENOENT)
			return err;
		/* It is gone already: fine, if the directory it would be in is there. */
		memcpy(up, path, strlen(path) + 1);
		up[xs_parent_len(path)] = 0;
		return xs_look(s, t, up) ? 0 : -XEN_ENOENT;
	}
	if (!path[1])
		return -XEN_EINVAL;
	xs_enter(s);
	err = rm_tree(s, t, path);
	xs_leave(s);
	return err;
}

int xs_do_set_perms(struct xs_conn *c, struct xenstore *s, struct xs_txn *t, const char *path, const struct xs_perm *p, u32 n)
{
	const struct xs_node *old;
	struct xs_node *node;
	int err;

	if (!n)
		return -XEN_EINVAL;
	if (guest(c) && n > s->quota.perms)
		return -XEN_ENOSPC;
	old = xs_get(c, s, t, path, XS_PERM_WRITE | XS_PERM_OWNER, &err);
	if (!old)
		return err;
	if (guest(c) && p[0].domid != old->perms[0].domid)
		return -XEN_EPERM;
	if (guest(c) && xs_entry_size(old) - old->nperms * 8 + n * 8 > s->quota.node_size)
		return -XEN_ENOSPC;
	xs_enter(s);
	node = node_rw(s, t, path);
	err = !node || xs_node_perms(node, p, n) ? -XEN_ENOMEM : 0;
	if (!err)
		changed(s, t, path, node, false);
	xs_leave(s);
	return err;
}

void xs_rm_owned(struct xenstore *s, u32 domid)
{
	char path[XS_ABS_PATH_MAX];
	u32 i;

	xs_enter(s);
	for (i = 0; i < s->nodes.n;) {
		const struct xs_node *n = s->nodes.v[i];

		if (n->perms[0].domid != domid || !n->path[1] || n->path[0] != '/') {
			i++;
			continue;
		}
		memcpy(path, n->path, strlen(n->path) + 1);
		if (xs_do_rm(NULL, s, NULL, path))
			i++;
	}
	xs_leave(s);
}

/* ---- the store as a whole -------------------------------------------------------------------------------------- */

static int store_plant(struct xenstore *s, const char *path, u32 mode)
{
	struct xs_perm perm = { 0, mode };
	struct xs_node *n = xs_node_new(path);

	if (!n || xs_node_perms(n, &perm, 1)) {
		xs_node_free(n);
		return -ENOMEM;
	}
	n->gen = ++s->gen;
	if (xs_table_put(&s->nodes, n)) {
		xs_node_free(n);
		return -ENOMEM;
	}
	return 0;
}

/* What is never missing; and the limits. */
static int store_root(struct xenstore *s)
{
	s->quota = (struct xs_quota){ 1000, 2048, 128, 10, 1024, 5, 20 }; /* xenstored's */
	if (store_plant(s, "/", XS_PERM_READ) || store_plant(s, "@introduceDomain", XS_PERM_NONE) ||
	    store_plant(s, "@releaseDomain", XS_PERM_NONE))
		return -ENOMEM;
	return 0;
}

struct xenstore *xenstore_new(struct log *log)
{
	static const struct xs_perm nobody = { 0, XS_PERM_NONE };
	struct xenstore *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->log = log;
	s->events_tail = &s->events;
	if (store_root(s) || xs_mkdir(s, "/tool") || xs_mkdir(s, "/local/domain") || xs_mkdir(s, "/vm") ||
	    xs_mkdir(s, "/libxl") || xs_set_perms(s, "/libxl", &nobody, 1)) {
		xenstore_free(s);
		return NULL;
	}
	return s;
}

void xenstore_free(struct xenstore *s)
{
	struct xs_host_watch *w;
	struct xs_host_event *e;
	struct xs_conn *c;

	if (!s)
		return;
	for (w = s->host_watches; w; w = w->next)
		w->gone = true;
	/* Guests first: those who watch hear of their end. */
	for (c = s->conns; c; c = c->next)
		if (!c->client)
			xs_shutdown(s, c->domid);
	xs_clients_drop(s);
	while (s->conns)
		xs_disconnect(s, s->conns);
	while ((e = s->events)) {
		s->events = e->next;
		free(e);
	}
	while ((w = s->host_watches)) {
		s->host_watches = w->next;
		free(w->path);
		free(w);
	}
	xs_txn_free(s->host_txn);
	xs_table_free(&s->nodes);
	free(s);
}

void xenstore_save(struct xenstore *s, struct buf *out)
{
	const struct xs_conn *c, *guests = NULL;
	u32 i, n = 0;

	buf_put_u32(out, 2); /* version */
	buf_put_u64(out, s->gen);
	for (i = 0; i < XS_QUOTAS; i++)
		buf_put_u32(out, ((const u32 *)&s->quota)[i]);
	buf_put_u32(out, s->nodes.n);
	for (i = 0; i < s->nodes.n; i++)
		xs_node_save(s->nodes.v[i], out);
	for (c = s->conns; c; c = c->next)
		n += c->client != 0;
	buf_put_u32(out, n);
	for (c = s->conns; c && c->client; c = c->next) {
		buf_put_u32(out, c->client);
		xs_conn_save(c, out);
	}
	for (n = 0; c; c = c->next, n++)
		guests = guests ? guests : c;
	buf_put_u32(out, n);
	for (c = guests; c; c = c->next)
		xs_conn_save(c, out);
}

static int store_load(struct xenstore *s, struct reader *in)
{
	struct xs_conn *c;
	u32 n;

	if (reader_u32(in) != 2)
		return -EINVAL;
	s->gen = reader_u64(in);
	for (n = 0; n < XS_QUOTAS; n++)
		((u32 *)&s->quota)[n] = reader_u32(in);
	for (n = reader_u32(in); n; n--) {
		struct xs_node *node = xs_node_load(in);

		if (!node || xs_table_put(&s->nodes, node)) {
			xs_node_free(node);
			return -EINVAL;
		}
	}
	/* Clients have no other end here; guests must be the same. */
	n = reader_u32(in);
	if (n > XS_CLIENTS)
		return -EINVAL;
	while (n--)
		if (!(c = xs_client_new(s, reader_u32(in))) || xs_conn_load(c, in))
			return -EINVAL;
	n = reader_u32(in);
	for (c = s->conns; c; c = c->next)
		if (!c->client && (!n-- || xs_conn_load(c, in)))
			return -EINVAL;
	if (n || in->failed || !xs_table_find(&s->nodes, "/") || !xs_table_find(&s->nodes, "@introduceDomain") ||
	    !xs_table_find(&s->nodes, "@releaseDomain"))
		return -EINVAL;
	return 0;
}

int xenstore_load(struct xenstore *s, struct reader *in)
{
	struct xs_conn *c;
	int rc;

	xs_table_free(&s->nodes);
	xs_clients_drop(s);
	for (c = s->conns; c; c = c->next)
		xs_conn_drop(c);
	rc = store_load(s, in);
	if (rc) {
		xs_table_free(&s->nodes);
		xs_clients_drop(s);
		for (c = s->conns; c; c = c->next)
			xs_conn_drop(c);
		store_root(s);
	}
	return rc;
}
