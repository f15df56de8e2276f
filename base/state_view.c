/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Saved lists of states by the names of their schema.
 *
 * A struct has the same number of bytes wherever it is, so fields are found by their offsets. What an item is made of does not
 * stand in the list: it is taken for structs when it is nothing but structs to its last byte.
 */
#include "base/state_view.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/state_wire.h"

#define BYTES_MAX ((u64)1 << 40) /* of a struct: more are no struct's */

struct view_item {
	const u8 *name, *body;
	u8 namelen;
	bool plain; /* structs and nothing else */
	u32 instance;
	size_t len;
};

struct state_view {
	struct state_schema *schema;
	u64 *bytes; /* of a struct of each table */
	struct view_item *item; /* sorted: see compare_items() */
	u32 items;
};

static u64 field_bytes(const struct state_view *v, const struct file_field *f)
{
	u64 one = f->kind == STATE_KIND_STRUCT ? v->bytes[f->sub] : f->size;

	return one > BYTES_MAX / f->count ? BYTES_MAX : one * f->count;
}

/* Tables refer to lower ones only, so theirs are known. */
static int find_sizes(struct state_view *v)
{
	u32 i, k;

	v->bytes = calloc(v->schema->n ? v->schema->n : 1, sizeof *v->bytes);
	if (!v->bytes)
		return -ENOMEM;
	for (i = 0; i < v->schema->n; i++) {
		const struct file_table *t = &v->schema->tables[i];

		for (k = 0; k < t->nfields; k++)
			v->bytes[i] = MIN(v->bytes[i] + field_bytes(v, &t->fields[k]), BYTES_MAX);
	}
	return 0;
}

/* The next struct of an item: its table, and its bytes; NULL: there is none more. */
static const struct file_table *next_struct(const struct state_view *v, struct reader *in, const u8 **p)
{
	u16 n = reader_u16(in);

	if (in->failed || n >= v->schema->n || v->bytes[n] > in->left)
		return NULL;
	*p = reader_get(in, (size_t)v->bytes[n]);
	return &v->schema->tables[n];
}

static bool is_plain(const struct state_view *v, const struct view_item *it)
{
	struct reader in;
	const u8 *p;

	reader_init(&in, it->body, it->len);
	while (in.left)
		if (!next_struct(v, &in, &p))
			return false;
	return true;
}

static int compare_items(const void *a, const void *b)
{
	const struct view_item *x = a, *y = b;
	int rc = memcmp(x->name, y->name, MIN(x->namelen, y->namelen));

	if (rc || x->namelen != y->namelen)
		return rc ? rc : x->namelen < y->namelen ? -1 : 1;
	return x->instance < y->instance ? -1 : x->instance > y->instance;
}

static int get_items(struct state_view *v, struct reader *in, struct error *e)
{
	u32 n = reader_u32(in);

	/* An item has a name of at least no letter, a number and a length. */
	if (in->failed || n > in->left / 13)
		return error_set(e, -EINVAL, "its list of states is damaged");
	v->item = calloc(n ? n : 1, sizeof *v->item);
	if (!v->item)
		return -ENOMEM;
	for (; v->items < n; v->items++) {
		struct view_item *it = &v->item[v->items];
		u64 len;

		it->namelen = reader_u8(in);
		it->name = reader_get(in, it->namelen);
		it->instance = reader_u32(in);
		len = reader_u64(in);
		it->body = len <= in->left ? reader_get(in, (size_t)len) : NULL;
		it->len = (size_t)len;
		if (in->failed || !it->body)
			return error_set(e, -EINVAL, "its list of states is cut short or damaged");
		it->plain = is_plain(v, it);
	}
	qsort(v->item, v->items, sizeof *v->item, compare_items);
	return 0;
}

int state_view_new(const void *p, size_t n, struct state_view **out, struct error *e)
{
	struct state_view *v = calloc(1, sizeof *v);
	struct error why = { "" };
	struct reader in;
	int rc = -ENOMEM;

	*out = NULL;
	reader_init(&in, p, n);
	if (v)
		v->schema = calloc(1, sizeof *v->schema);
	if (v && v->schema) {
		rc = state_schema_read(v->schema, &in);
		why = v->schema->e;
	}
	if (!rc)
		rc = find_sizes(v);
	if (!rc)
		rc = get_items(v, &in, &why);
	if (!rc) {
		*out = v;
		return 0;
	}
	state_view_free(v);
	return error_set(e, rc, "%s", *why.text ? why.text : "its list of states has no room in the host's memory");
}

void state_view_free(struct state_view *v)
{
	if (!v)
		return;
	if (v->schema)
		state_schema_free(v->schema);
	free(v->bytes);
	free(v->item);
	free(v);
}

/* ---- a field by its names ---------------------------------------------------------------------------------------- */

/* A field of a table, with the bytes before it; NULL: there is none. */
static const struct file_field *field_named(const struct state_view *v, const struct file_table *t, const u8 *name, size_t len, u64 *offset)
{
	u32 i;

	*offset = 0;
	for (i = 0; i < t->nfields; i++) {
		const struct file_field *f = &t->fields[i];

		if (f->namelen == len && !memcmp(f->name, name, len))
			return f;
		*offset += field_bytes(v, f);
	}
	return NULL;
}

static u64 int_at(const u8 *p, u32 size)
{
	u8 le[8] = { 0 };

	memcpy(le, p, size);
	return ld64(le);
}

bool state_view_int(const struct state_view *v, const char *item, u32 instance, const char *field, u32 index, const char *sub, u64 *out)
{
	struct view_item key = { .name = (const u8 *)item, .namelen = (u8)strlen(item), .instance = instance };
	const struct view_item *it = bsearch(&key, v->item, v->items, sizeof key, compare_items);
	const struct file_table *t;
	const struct file_field *f;
	struct reader in;
	const u8 *p;
	u64 offset;

	if (!it || !it->plain)
		return false;
	reader_init(&in, it->body, it->len);
	t = next_struct(v, &in, &p);
	f = t ? field_named(v, t, (const u8 *)field, strlen(field), &offset) : NULL;
	if (!f || index >= f->count)
		return false;
	p += offset;
	if (sub) {
		if (f->kind != STATE_KIND_STRUCT)
			return false;
		p += v->bytes[f->sub] * index;
		f = field_named(v, &v->schema->tables[f->sub], (const u8 *)sub, strlen(sub), &offset);
		index = 0;
		if (!f)
			return false;
		p += offset;
	}
	if (f->kind != STATE_KIND_INT)
		return false;
	*out = int_at(p + (size_t)index * f->size, f->size);
	return true;
}

/* ---- comparing --------------------------------------------------------------------------------------------------- */

struct compare {
	const struct state_view *a, *b;
	void (*fn)(void *opaque, const struct state_difference *d);
	void *opaque;
	struct state_difference d;
	size_t at; /* where d.where ends */
};

static PRINTF(2, 3) void step_in(struct compare *c, const char *fmt, ...)
{
	size_t room = sizeof c->d.where - c->at;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(c->d.where + c->at, room, fmt, ap);
	va_end(ap);
	c->at += MIN((size_t)MAX(n, 0), room - 1);
}

static void step_out(struct compare *c, size_t at)
{
	c->at = at;
	c->d.where[at] = 0;
}

static void tell(struct compare *c, u8 kind, const u8 *a, u64 na, const u8 *b, u64 nb)
{
	c->d.kind = kind;
	c->d.side = !b ? STATE_ONLY_A : !a ? STATE_ONLY_B : STATE_BOTH;
	c->d.a = a;
	c->d.b = b;
	c->d.size_a = na;
	c->d.size_b = nb;
	c->fn(c->opaque, &c->d);
}

static void compare_structs(struct compare *c, const struct file_table *ta, const u8 *a, const struct file_table *tb, const u8 *b);

static void compare_element(struct compare *c, const struct file_field *fa, const u8 *a, const struct file_field *fb, const u8 *b)
{
	if (fa->kind != fb->kind)
		tell(c, STATE_KIND_STRUCT, a, 0, b, 0);
	else if (fa->kind == STATE_KIND_STRUCT)
		compare_structs(c, &c->a->schema->tables[fa->sub], a, &c->b->schema->tables[fb->sub], b);
	else if (fa->kind == STATE_KIND_INT ? int_at(a, fa->size) != int_at(b, fb->size)
					    : fa->size != fb->size || memcmp(a, b, fa->size))
		tell(c, fa->kind, a, fa->size, b, fb->size);
}

/* Elements that one side lacks are told of as one. */
static void compare_fields(struct compare *c, const struct file_field *fa, const u8 *a, const struct file_field *fb, const u8 *b)
{
	u64 one_a = field_bytes(c->a, fa) / fa->count, one_b = field_bytes(c->b, fb) / fb->count;
	u32 i, both = MIN(fa->count, fb->count);
	size_t at = c->at;

	for (i = 0; i < both; i++) {
		if (fa->count > 1 || fb->count > 1)
			step_in(c, "[%u]", i);
		compare_element(c, fa, a + one_a * i, fb, b + one_b * i);
		step_out(c, at);
	}
	if (fa->count == fb->count)
		return;
	step_in(c, "[%u]", both);
	if (fa->count > both)
		tell(c, fa->kind, a + one_a * both, fa->size, NULL, 0);
	else
		tell(c, fb->kind, NULL, 0, b + one_b * both, fb->size);
	step_out(c, at);
}

static void compare_structs(struct compare *c, const struct file_table *ta, const u8 *a, const struct file_table *tb, const u8 *b)
{
	size_t at = c->at;
	u64 offset = 0, other;
	u32 i;

	for (i = 0; i < ta->nfields; i++) {
		const struct file_field *fa = &ta->fields[i], *fb = field_named(c->b, tb, fa->name, fa->namelen, &other);

		step_in(c, ".%.*s", fa->namelen, (const char *)fa->name);
		if (fb)
			compare_fields(c, fa, a + offset, fb, b + other);
		else
			tell(c, fa->kind, a + offset, fa->size, NULL, 0);
		step_out(c, at);
		offset += field_bytes(c->a, fa);
	}
	for (i = 0, offset = 0; i < tb->nfields; i++) {
		const struct file_field *fb = &tb->fields[i];

		if (!field_named(c->a, ta, fb->name, fb->namelen, &other)) {
			step_in(c, ".%.*s", fb->namelen, (const char *)fb->name);
			tell(c, fb->kind, NULL, 0, b + offset, fb->size);
			step_out(c, at);
		}
		offset += field_bytes(c->b, fb);
	}
}

/* Struct by struct; what only one has too many of is told of as one. */
static void compare_plain(struct compare *c, const struct view_item *x, const struct view_item *y)
{
	struct reader a, b;
	u32 i;

	reader_init(&a, x->body, x->len);
	reader_init(&b, y->body, y->len);
	for (i = 0; a.left || b.left; i++) {
		const u8 *p = NULL, *q = NULL;
		const struct file_table *ta = a.left ? next_struct(c->a, &a, &p) : NULL, *tb = b.left ? next_struct(c->b, &b, &q) : NULL;
		const struct file_table *t = ta ? ta : tb;

		step_in(c, "%.*s", t->namelen, (const char *)t->name);
		if (i || a.left || b.left)
			step_in(c, "[%u]", i);
		if (ta && tb && ta->namelen == tb->namelen && !memcmp(ta->name, tb->name, ta->namelen))
			compare_structs(c, ta, p, tb, q);
		else
			tell(c, STATE_KIND_STRUCT, p, 0, q, 0);
		step_out(c, 0);
		if (!ta || !tb)
			return;
	}
}

static void compare_item(struct compare *c, const struct view_item *x, const struct view_item *y)
{
	const struct view_item *it = x ? x : y;

	snprintf(c->d.item, sizeof c->d.item, "%.*s", it->namelen, (const char *)it->name);
	c->d.instance = it->instance;
	step_out(c, 0);
	if (x && y && x->plain && y->plain)
		compare_plain(c, x, y);
	else if (!x || !y || x->len != y->len || memcmp(x->body, y->body, x->len))
		tell(c, STATE_KIND_BYTES, x ? x->body : NULL, x ? x->len : 0, y ? y->body : NULL, y ? y->len : 0);
}

void state_view_compare(const struct state_view *a, const struct state_view *b,
			void (*fn)(void *opaque, const struct state_difference *d), void *opaque)
{
	struct compare c = { .a = a, .b = b, .fn = fn, .opaque = opaque };
	u32 i = 0, k = 0;

	/* Both are sorted. */
	while (i < a->items || k < b->items) {
		int rc = i == a->items ? 1 : k == b->items ? -1 : compare_items(&a->item[i], &b->item[k]);

		compare_item(&c, rc <= 0 ? &a->item[i] : NULL, rc >= 0 ? &b->item[k] : NULL);
		i += rc <= 0;
		k += rc >= 0;
	}
}
