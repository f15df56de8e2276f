/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The walkers over state tables that compare, hash, print and check; and the list of a domain's tables.
 */
#include "base/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

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
				h = hash_u64(h, state_int_get(p, f->size));
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
				fprintf(out, " %0*llx", (int)f->size * 2, (unsigned long long)state_int_get(p, f->size));
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

int state_add_unseen(struct state_list *l, const char *name, u32 instance,
		     void (*save)(void *, struct buf *), int (*load)(void *, struct reader *), void *opaque)
{
	int rc = state_add_custom(l, name, instance, save, load, opaque);

	if (!rc)
		l->items[l->n - 1].unseen = true;
	return rc;
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

u64 state_list_hash(const struct state_list *l, u64 h)
{
	u32 i, j;

	for (i = 0; i < l->n; i++) {
		const struct state_item *it = &l->items[i];

		if (it->unseen)
			continue;
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

int state_list_loaded(const struct state_list *l, struct error *e)
{
	u32 i;
	int rc = 0;

	for (i = 0; !rc && i < l->nhooks; i++)
		rc = l->hooks[i].fn(l->hooks[i].opaque, e);
	return rc;
}
