/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The walkers over state tables. The wire format is little-endian: name, version and size of the struct, then the
 * fields in table order without padding.
 */
#include "base/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/hash.h"

static u64 int_get(const void *p, u32 size)
{
	switch (size) {
	case 1:
		return *(const u8 *)p;
	case 2: {
		u16 v;
		memcpy(&v, p, 2);
		return v;
	}
	case 4: {
		u32 v;
		memcpy(&v, p, 4);
		return v;
	}
	default: {
		u64 v;
		memcpy(&v, p, 8);
		return v;
	}
	}
}

static void int_set(void *p, u32 size, u64 v)
{
	u16 v16 = (u16)v;
	u32 v32 = (u32)v;

	switch (size) {
	case 1:
		*(u8 *)p = (u8)v;
		break;
	case 2:
		memcpy(p, &v16, 2);
		break;
	case 4:
		memcpy(p, &v32, 4);
		break;
	default:
		memcpy(p, &v, 8);
		break;
	}
}

static void save_fields(const struct state_desc *d, const void *obj, struct buf *out)
{
	const struct state_field *f;
	u32 i;

	for (f = d->fields; f < d->fields + d->nfields; f++) {
		const u8 *p = (const u8 *)obj + f->offset;

		for (i = 0; i < f->count; i++, p += f->size) {
			u8 le[8];

			if (f->kind == STATE_KIND_BYTES) {
				buf_put(out, p, f->size);
			} else if (f->kind == STATE_KIND_STRUCT) {
				save_fields(f->sub, p, out);
			} else {
				st64(le, int_get(p, f->size));
				buf_put(out, le, f->size);
			}
		}
	}
}

static void load_fields(const struct state_desc *d, void *obj, struct reader *in)
{
	const struct state_field *f;
	u32 i;

	for (f = d->fields; f < d->fields + d->nfields; f++) {
		u8 *p = (u8 *)obj + f->offset;

		for (i = 0; i < f->count; i++, p += f->size) {
			const u8 *src;
			u8 le[8] = { 0 };

			if (f->kind == STATE_KIND_STRUCT) {
				load_fields(f->sub, p, in);
				continue;
			}
			src = reader_get(in, f->size);
			if (!src)
				return;
			if (f->kind == STATE_KIND_BYTES) {
				memcpy(p, src, f->size);
			} else {
				memcpy(le, src, f->size);
				int_set(p, f->size, ld64(le));
			}
		}
	}
}

void state_save(const struct state_desc *d, const void *obj, struct buf *out)
{
	size_t n = strlen(d->name);

	buf_put_u8(out, (u8)n);
	buf_put(out, d->name, n);
	buf_put_u32(out, d->version);
	buf_put_u32(out, d->size);
	save_fields(d, obj, out);
}

int state_load(const struct state_desc *d, void *obj, struct reader *in)
{
	size_t n = reader_u8(in);
	const u8 *name = reader_get(in, n);
	u32 version = reader_u32(in);
	u32 size = reader_u32(in);

	if (!name || n != strlen(d->name) || memcmp(name, d->name, n) || version != d->version || size != d->size)
		return -EINVAL;
	load_fields(d, obj, in);
	return in->failed ? -EINVAL : 0;
}

u64 state_hash(const struct state_desc *d, const void *obj, u64 h)
{
	const struct state_field *f;
	u32 i;

	for (f = d->fields; f < d->fields + d->nfields; f++) {
		const u8 *p = (const u8 *)obj + f->offset;

		for (i = 0; i < f->count; i++, p += f->size) {
			if (f->kind == STATE_KIND_BYTES)
				h = hash_bytes(h, p, f->size);
			else if (f->kind == STATE_KIND_STRUCT)
				h = state_hash(f->sub, p, h);
			else
				h = hash_u64(h, int_get(p, f->size));
		}
	}
	return h;
}

const char *state_differs(const struct state_desc *d, const void *a, const void *b)
{
	const struct state_field *f;
	u32 i;

	for (f = d->fields; f < d->fields + d->nfields; f++) {
		for (i = 0; i < f->count; i++) {
			const u8 *pa = (const u8 *)a + f->offset + (size_t)i * f->size;
			const u8 *pb = (const u8 *)b + f->offset + (size_t)i * f->size;

			if (f->kind == STATE_KIND_STRUCT ? state_differs(f->sub, pa, pb) != NULL
							 : memcmp(pa, pb, f->size) != 0)
				return f->name;
		}
	}
	return NULL;
}

void state_print(const struct state_desc *d, const void *obj, FILE *out, int indent)
{
	const struct state_field *f;
	u32 i, j;

	for (f = d->fields; f < d->fields + d->nfields; f++) {
		const u8 *p = (const u8 *)obj + f->offset;

		if (f->kind == STATE_KIND_STRUCT) {
			for (i = 0; i < f->count; i++, p += f->size) {
				fprintf(out, "%*s%s[%u]:\n", indent, "", f->name, i);
				state_print(f->sub, p, out, indent + 2);
			}
			continue;
		}
		fprintf(out, "%*s%s:", indent, "", f->name);
		for (i = 0; i < f->count; i++, p += f->size) {
			if (f->kind == STATE_KIND_INT)
				fprintf(out, " %0*llx", (int)f->size * 2, (unsigned long long)int_get(p, f->size));
			else
				for (j = 0; j < MIN(f->size, 64u); j++)
					fprintf(out, "%s%02x", j ? "" : " ", p[j]);
		}
		fputc('\n', out);
	}
}

bool state_check(const struct state_desc *d)
{
	const struct state_field *f;
	bool ok = true;
	u8 *seen = calloc(1, d->size ? d->size : 1);
	u64 i;

	if (!seen)
		return false;
	for (f = d->fields; f < d->fields + d->nfields; f++) {
		u64 n = (u64)f->size * f->count;

		if (f->offset + n > d->size || (f->kind == STATE_KIND_STRUCT && f->sub->size != f->size)) {
			ok = false;
			break;
		}
		if (f->kind == STATE_KIND_STRUCT && !state_check(f->sub))
			ok = false;
		for (i = 0; i < n; i++)
			if (seen[f->offset + i]++)
				ok = false;
	}
	for (i = 0; i < d->size; i++)
		if (seen[i] != 1)
			ok = false;
	free(seen);
	return ok;
}

static struct state_item *item_new(struct state_list *l)
{
	struct state_item *p;
	u32 cap;

	if (l->n == l->cap) {
		cap = l->cap ? l->cap * 2 : 32;
		p = realloc(l->items, cap * sizeof *p);
		if (!p)
			return NULL;
		l->items = p;
		l->cap = cap;
	}
	p = &l->items[l->n++];
	memset(p, 0, sizeof *p);
	return p;
}

int state_add(struct state_list *l, const char *name, u32 instance, const struct state_desc *d, void *obj, u32 count)
{
	struct state_item *it = item_new(l);

	if (!it)
		return -ENOMEM;
	it->name = name;
	it->instance = instance;
	it->desc = d;
	it->obj = obj;
	it->count = count;
	return 0;
}

int state_add_custom(struct state_list *l, const char *name, u32 instance,
		     void (*save)(void *, struct buf *), int (*load)(void *, struct reader *), void *opaque)
{
	struct state_item *it = item_new(l);

	if (!it)
		return -ENOMEM;
	it->name = name;
	it->instance = instance;
	it->save = save;
	it->load = load;
	it->opaque = opaque;
	return 0;
}

int state_add_loaded(struct state_list *l, int (*fn)(void *opaque, struct error *e), void *opaque)
{
	struct state_hook *p = realloc(l->hooks, (l->nhooks + 1) * sizeof *p);

	if (!p)
		return -ENOMEM;
	l->hooks = p;
	p[l->nhooks++] = (struct state_hook){ fn, opaque };
	return 0;
}

void state_remove(struct state_list *l, const void *p)
{
	u32 i, n = 0;

	for (i = 0; i < l->n; i++)
		if (l->items[i].obj != p && l->items[i].opaque != p)
			l->items[n++] = l->items[i];
	l->n = n;
	for (i = n = 0; i < l->nhooks; i++)
		if (l->hooks[i].opaque != p)
			l->hooks[n++] = l->hooks[i];
	l->nhooks = n;
}

void state_list_free(struct state_list *l)
{
	free(l->items);
	free(l->hooks);
	*l = (struct state_list){ 0 };
}

static void item_save(const struct state_item *it, struct buf *out)
{
	u32 i;

	if (it->save) {
		it->save(it->opaque, out);
		return;
	}
	for (i = 0; i < it->count; i++)
		state_save(it->desc, (const u8 *)it->obj + (size_t)i * it->desc->size, out);
}

u64 state_list_hash(const struct state_list *l, u64 h)
{
	u32 i, j;

	for (i = 0; i < l->n; i++) {
		const struct state_item *it = &l->items[i];

		h = hash_bytes(h, it->name, strlen(it->name));
		h = hash_u64(h, it->instance);
		if (it->save) {
			struct buf b = { 0 };

			it->save(it->opaque, &b);
			h = hash_bytes(h, b.p, b.len);
			buf_free(&b);
			continue;
		}
		for (j = 0; j < it->count; j++)
			h = state_hash(it->desc, (const u8 *)it->obj + (size_t)j * it->desc->size, h);
	}
	return h;
}

void state_list_save(const struct state_list *l, struct buf *out)
{
	u32 i;

	buf_put_u32(out, l->n);
	for (i = 0; i < l->n; i++) {
		struct buf b = { 0 };
		size_t n = strlen(l->items[i].name);

		buf_put_u8(out, (u8)n);
		buf_put(out, l->items[i].name, n);
		buf_put_u32(out, l->items[i].instance);
		item_save(&l->items[i], &b);
		buf_put_u64(out, b.len);
		buf_put(out, b.p, b.len);
		out->failed |= b.failed;
		buf_free(&b);
	}
}

int state_list_load(const struct state_list *l, struct reader *in)
{
	u32 n = reader_u32(in);
	u32 i, j;

	if (in->failed || n != l->n)
		return -EINVAL;
	for (i = 0; i < n; i++) {
		const struct state_item *it = &l->items[i];
		size_t namelen = reader_u8(in);
		const u8 *name = reader_get(in, namelen);
		u32 instance = reader_u32(in);
		u64 len = reader_u64(in);
		const u8 *body = len <= SIZE_MAX ? reader_get(in, (size_t)len) : NULL;
		struct reader r;
		int rc = 0;

		if (in->failed || !body || namelen != strlen(it->name) || memcmp(name, it->name, namelen) ||
		    instance != it->instance)
			return -EINVAL;
		reader_init(&r, body, (size_t)len);
		if (it->load)
			rc = it->load(it->opaque, &r);
		for (j = 0; !it->load && !rc && j < it->count; j++)
			rc = state_load(it->desc, (u8 *)it->obj + (size_t)j * it->desc->size, &r);
		if (rc || r.left)
			return rc ? rc : -EINVAL;
	}
	return 0;
}

int state_list_loaded(const struct state_list *l, struct error *e)
{
	u32 i;
	int rc = 0;

	for (i = 0; !rc && i < l->nhooks; i++)
		rc = l->hooks[i].fn(l->hooks[i].opaque, e);
	return rc;
}
