/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Transactions: private copies of what was looked at, checked by generation at the end. Two transactions that touched
 * the same record conflict, and the second to end gets EAGAIN (Xen docs/misc/xenstore.txt, TRANSACTION_END).
 */
#include <stdlib.h>
#include <string.h>

#include "xen/store/impl.h"
#include "xen/xen.h"

struct xs_txn *xs_txn_new(u32 id, u32 max)
{
	struct xs_txn *t = calloc(1, sizeof *t);

	if (t) {
		t->id = id;
		t->max = max;
	}
	return t;
}

int xs_txn_open(struct xs_conn *c, u32 *id)
{
	struct xs_txn **p;
	u32 n = 0;

	for (p = &c->txns; *p; p = &(*p)->next)
		n++;
	if (n >= (c->client ? XS_CLIENT_TRANSACTIONS : c->s->quota.transactions))
		return -XEN_ENOSPC;
	*p = xs_txn_new(c->next_txn, c->client ? XS_CLIENT_ACCESSES : c->s->quota.accesses);
	if (!*p)
		return -XEN_ENOMEM;
	*id = (*p)->id;
	/* Numbers are used again only after four billion others; 0 means none. */
	c->next_txn += c->next_txn == 0xffffffff ? 2 : 1;
	return 0;
}

void xs_txns_drop(struct xs_conn *c)
{
	struct xs_txn *t;

	while ((t = c->txns)) {
		c->txns = t->next;
		xs_txn_free(t);
	}
}

static void access_free(struct xs_access *a)
{
	if (!a)
		return;
	free(a->path);
	xs_node_free(a->node);
	free(a);
}

void xs_txn_free(struct xs_txn *t)
{
	u32 i;

	if (!t)
		return;
	for (i = 0; i < t->n; i++)
		access_free(t->v[i]);
	free(t->v);
	free(t);
}

static bool txn_append(struct xs_txn *t, struct xs_access *a)
{
	struct xs_access **v;
	u32 cap;

	if (t->n == t->cap) {
		cap = t->cap ? t->cap * 2 : 16;
		v = realloc(t->v, cap * sizeof *v);
		if (!v)
			return false;
		t->v = v;
		t->cap = cap;
	}
	t->v[t->n++] = a;
	return true;
}

struct xs_access *xs_txn_access(struct xenstore *s, struct xs_txn *t, const char *path)
{
	const struct xs_node *n;
	struct xs_access *a;
	u32 i;

	for (i = 0; i < t->n; i++)
		if (!strcmp(t->v[i]->path, path))
			return t->v[i];
	if (t->n >= t->max) {
		t->poisoned = true;
		return NULL;
	}
	a = calloc(1, sizeof *a);
	if (!a)
		return NULL;
	a->path = xs_strdup(path);
	n = xs_table_find(&s->nodes, path);
	if (n) {
		a->gen = n->gen;
		a->node = xs_node_copy(n);
	}
	if (!a->path || (n && !a->node) || !txn_append(t, a)) {
		access_free(a);
		return NULL;
	}
	return a;
}

/* Nodes the guest would own more than now if t were committed. */
static i64 txn_growth(const struct xenstore *s, const struct xs_txn *t, u32 domid)
{
	i64 more = 0;
	u32 i;

	for (i = 0; i < t->n; i++) {
		const struct xs_node *old = xs_table_find(&s->nodes, t->v[i]->path);
		const struct xs_node *n = t->v[i]->node;

		if (!t->v[i]->written)
			continue;
		more += n && n->perms[0].domid == domid;
		more -= old && old->perms[0].domid == domid;
	}
	return more;
}

int xs_txn_commit(struct xs_conn *c, struct xenstore *s, struct xs_txn *t)
{
	i64 more;
	u32 i;

	if (t->poisoned)
		return -XEN_ENOSPC;
	for (i = 0; i < t->n; i++) {
		const struct xs_node *n = xs_table_find(&s->nodes, t->v[i]->path);

		if ((n ? n->gen : 0) != t->v[i]->gen)
			return -XEN_EAGAIN;
	}
	if (c && c->domid) {
		more = txn_growth(s, t, c->domid);
		if (more > 0 && xs_owned(s, c->domid) + more > s->quota.nodes)
			return -XEN_ENOSPC;
	}
	for (i = 0; i < t->n; i++) {
		struct xs_access *a = t->v[i];

		if (!a->written)
			continue;
		if (a->node) {
			a->node->gen = ++s->gen;
			if (xs_table_put(&s->nodes, a->node))
				return -XEN_ENOMEM;
			if (a->event)
				xs_fire(s, a->path, a->node, a->exact);
			a->node = NULL;
		} else if (a->gen) {
			const struct xs_node *old = xs_table_find(&s->nodes, a->path);

			if (a->event)
				xs_fire(s, a->path, old, a->exact);
			xs_table_del_one(&s->nodes, a->path);
			s->gen++;
		}
	}
	return 0;
}

void xs_txn_save(const struct xs_txn *t, struct buf *out)
{
	u32 i;

	buf_put_u32(out, t->id);
	buf_put_u32(out, t->max);
	buf_put_u8(out, t->poisoned);
	buf_put_u32(out, t->n);
	for (i = 0; i < t->n; i++) {
		const struct xs_access *a = t->v[i];

		xs_put_str(out, a->path);
		buf_put_u64(out, a->gen);
		buf_put_u8(out, (u8)(a->written | a->event << 1 | a->exact << 2 | (a->node != NULL) << 3));
		if (a->node)
			xs_node_save(a->node, out);
	}
}

struct xs_txn *xs_txn_load(struct reader *in)
{
	u32 id = reader_u32(in), n;
	struct xs_txn *t = xs_txn_new(id, reader_u32(in));

	if (!t)
		return NULL;
	t->poisoned = reader_u8(in);
	for (n = reader_u32(in); n; n--) {
		struct xs_access *a = calloc(1, sizeof *a);
		u8 flags = 0;

		if (a) {
			a->path = xs_get_str(in, XS_ABS_PATH_MAX);
			a->gen = reader_u64(in);
			flags = reader_u8(in);
			a->written = flags & 1;
			a->event = flags & 2;
			a->exact = flags & 4;
			if (flags & 8)
				a->node = xs_node_load(in);
		}
		if (!a || !a->path || ((flags & 8) && (!a->node || strcmp(a->node->path, a->path))) || !txn_append(t, a)) {
			access_free(a);
			xs_txn_free(t);
			return NULL;
		}
	}
	if (in->failed) {
		xs_txn_free(t);
		return NULL;
	}
	return t;
}
