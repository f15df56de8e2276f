/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The xenstore's records and the sorted table they lie in.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xen/store/impl.h"

char *xs_strdup(const char *s)
{
	size_t n = strlen(s) + 1;
	char *p = malloc(n);

	if (p)
		memcpy(p, s, n);
	return p;
}

struct xs_node *xs_node_new(const char *path)
{
	struct xs_node *n = calloc(1, sizeof *n);

	if (!n)
		return NULL;
	n->path = xs_strdup(path);
	n->value = calloc(1, 1);
	if (!n->path || !n->value) {
		xs_node_free(n);
		return NULL;
	}
	return n;
}

void xs_node_free(struct xs_node *n)
{
	if (!n)
		return;
	free(n->path);
	free(n->perms);
	free(n->value);
	free(n->children);
	free(n);
}

int xs_node_set(struct xs_node *n, const void *p, size_t len)
{
	u8 *v = malloc(len + 1);

	if (!v)
		return -ENOMEM;
	if (len)
		memcpy(v, p, len);
	v[len] = 0;
	free(n->value);
	n->value = v;
	n->len = (u32)len;
	return 0;
}

int xs_node_perms(struct xs_node *n, const struct xs_perm *p, u32 count)
{
	struct xs_perm *v = malloc((count ? count : 1) * sizeof *v);

	if (!v)
		return -ENOMEM;
	memcpy(v, p, count * sizeof *v);
	free(n->perms);
	n->perms = v;
	n->nperms = count;
	return 0;
}

static int set_children(struct xs_node *n, const char *p, size_t len)
{
	char *v = malloc(len ? len : 1);

	if (!v)
		return -ENOMEM;
	if (len)
		memcpy(v, p, len);
	free(n->children);
	n->children = v;
	n->children_len = (u32)len;
	return 0;
}

int xs_node_add_child(struct xs_node *n, const char *name)
{
	size_t len = strlen(name) + 1;
	char *v = realloc(n->children, n->children_len + len);

	if (!v)
		return -ENOMEM;
	memcpy(v + n->children_len, name, len);
	n->children = v;
	n->children_len += (u32)len;
	return 0;
}

void xs_node_del_child(struct xs_node *n, const char *name)
{
	u32 at = 0;

	while (at < n->children_len) {
		u32 len = (u32)strlen(n->children + at) + 1;

		if (!strcmp(n->children + at, name)) {
			memmove(n->children + at, n->children + at + len, n->children_len - at - len);
			n->children_len -= len;
			return;
		}
		at += len;
	}
}

struct xs_node *xs_node_copy(const struct xs_node *n)
{
	struct xs_node *c = xs_node_new(n->path);

	if (!c)
		return NULL;
	c->gen = n->gen;
	if (xs_node_set(c, n->value, n->len) || xs_node_perms(c, n->perms, n->nperms) ||
	    set_children(c, n->children, n->children_len)) {
		xs_node_free(c);
		return NULL;
	}
	return c;
}

/* Index of the record, or where it would go. */
static u32 table_at(const struct xs_table *t, const char *path, bool *found)
{
	u32 lo = 0, hi = t->n;

	*found = false;
	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;
		int c = strcmp(t->v[mid]->path, path);

		if (!c) {
			*found = true;
			return mid;
		}
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct xs_node *xs_table_find(const struct xs_table *t, const char *path)
{
	bool found;
	u32 i = table_at(t, path, &found);

	return found ? t->v[i] : NULL;
}

int xs_table_put(struct xs_table *t, struct xs_node *n)
{
	bool found;
	u32 i = table_at(t, n->path, &found);
	struct xs_node **v;
	u32 cap;

	if (found) {
		if (t->v[i] != n)
			xs_node_free(t->v[i]);
		t->v[i] = n;
		return 0;
	}
	if (t->n == t->cap) {
		cap = t->cap ? t->cap * 2 : 64;
		v = realloc(t->v, cap * sizeof *v);
		if (!v)
			return -ENOMEM;
		t->v = v;
		t->cap = cap;
	}
	memmove(t->v + i + 1, t->v + i, (t->n - i) * sizeof *t->v);
	t->v[i] = n;
	t->n++;
	return 0;
}

/* Removes records [from, to). */
static void table_cut(struct xs_table *t, u32 from, u32 to)
{
	u32 i;

	for (i = from; i < to; i++)
		xs_node_free(t->v[i]);
	memmove(t->v + from, t->v + to, (t->n - to) * sizeof *t->v);
	t->n -= to - from;
}

void xs_table_del_one(struct xs_table *t, const char *path)
{
	bool found;
	u32 at = table_at(t, path, &found);

	if (found)
		table_cut(t, at, at + 1);
}

u32 xs_table_del(struct xs_table *t, const char *path)
{
	char below[XS_ABS_PATH_MAX + 2];
	u32 from, to, at, n = strlen(path) < XS_ABS_PATH_MAX ? (u32)strlen(path) : 0;
	bool found;

	if (!n)
		return 0;
	/* What lies below is in one piece: all that sorts between "path/" and "path0"; but "path-x" may come before. */
	memcpy(below, path, n);
	below[n] = '/';
	below[n + 1] = 0;
	from = table_at(t, below, &found);
	below[n] = '/' + 1;
	to = table_at(t, below, &found);
	table_cut(t, from, to);
	at = table_at(t, path, &found);
	if (found)
		table_cut(t, at, at + 1);
	return to - from + found;
}

void xs_table_free(struct xs_table *t)
{
	u32 i;

	for (i = 0; i < t->n; i++)
		xs_node_free(t->v[i]);
	free(t->v);
	*t = (struct xs_table){ 0 };
}

void xs_put_str(struct buf *out, const char *s)
{
	u32 n = (u32)strlen(s);

	buf_put_u32(out, n);
	buf_put(out, s, n);
}

char *xs_get_str(struct reader *in, u32 max)
{
	u32 n = reader_u32(in);
	const u8 *p = n <= max ? reader_get(in, n) : NULL;
	char *s;

	if (!p || memchr(p, 0, n))
		return NULL;
	s = malloc(n + 1);
	if (!s)
		return NULL;
	memcpy(s, p, n);
	s[n] = 0;
	return s;
}

void xs_node_save(const struct xs_node *n, struct buf *out)
{
	u32 i;

	xs_put_str(out, n->path);
	buf_put_u64(out, n->gen);
	buf_put_u32(out, n->nperms);
	for (i = 0; i < n->nperms; i++) {
		buf_put_u32(out, n->perms[i].domid);
		buf_put_u32(out, n->perms[i].mode);
	}
	buf_put_u32(out, n->len);
	buf_put(out, n->value, n->len);
	buf_put_u32(out, n->children_len);
	buf_put(out, n->children, n->children_len);
}

struct xs_node *xs_node_load(struct reader *in)
{
	char *path = xs_get_str(in, XS_ABS_PATH_MAX);
	struct xs_node *n = path && (xs_path_ok(path) || xs_special(path)) ? xs_node_new(path) : NULL;
	struct xs_perm one;
	const u8 *p;
	u32 i, count, len;

	free(path);
	if (!n)
		return NULL;
	n->gen = reader_u64(in);
	count = reader_u32(in);
	if (!count || count > in->left / 8)
		goto bad;
	n->perms = calloc(count, sizeof *n->perms);
	if (!n->perms)
		goto bad;
	for (i = 0; i < count; i++) {
		one.domid = reader_u32(in);
		one.mode = reader_u32(in);
		n->perms[i] = one;
	}
	n->nperms = count;
	len = reader_u32(in);
	p = reader_get(in, len);
	if (!p || xs_node_set(n, p, len))
		goto bad;
	len = reader_u32(in);
	p = reader_get(in, len);
	if (!p || (len && p[len - 1]) || set_children(n, (const char *)p, len))
		goto bad;
	return n;
bad:
	xs_node_free(n);
	return NULL;
}
