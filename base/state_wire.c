/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * State tables as bytes, little-endian, without padding. A list is saved with a schema: the tables by name with their fields.
 * So a file can be read by a build whose tables have more or other fields.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/state_wire.h"

#define ITEMS_MAX 65536u

u64 state_int_get(const void *p, u32 size)
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

void state_int_set(void *p, u32 size, u64 v)
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

/* ---- saving ------------------------------------------------------------------------------------------------------ */

static void put_name(struct buf *out, const char *name)
{
	size_t n = strlen(name);

	buf_put_u8(out, (u8)n);
	buf_put(out, name, n);
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
				st64(le, state_int_get(p, f->size));
				buf_put(out, le, f->size);
			}
		}
	}
}

/* The number of d in the schema; those that it refers to come before it. */
static u32 table_number(struct state_schema *s, const struct state_desc *d, struct buf *out)
{
	u32 i;

	for (i = 0; i < s->n; i++)
		if (s->used[i] == d)
			return i;
	for (i = 0; i < d->nfields; i++)
		if (d->fields[i].kind == STATE_KIND_STRUCT)
			table_number(s, d->fields[i].sub, out);
	if (s->n == TABLES_MAX) {
		out->failed = true;
		return 0;
	}
	s->used[s->n] = d;
	return s->n++;
}

void state_save(const struct state_desc *d, const void *obj, struct buf *out)
{
	if (out->schema) {
		buf_put_u16(out, (u16)table_number(out->schema, d, out));
	} else {
		put_name(out, d->name);
		buf_put_u32(out, d->version);
		buf_put_u32(out, d->size);
	}
	save_fields(d, obj, out);
}

static void put_table(struct state_schema *s, const struct state_desc *d, struct buf *out)
{
	const struct state_field *f;

	put_name(out, d->name);
	buf_put_u32(out, d->version);
	buf_put_u32(out, d->nfields);
	for (f = d->fields; f < d->fields + d->nfields; f++) {
		put_name(out, f->name);
		buf_put_u8(out, (u8)f->kind);
		buf_put_u8(out, f->optional);
		buf_put_u32(out, f->size);
		buf_put_u32(out, f->count);
		buf_put_u32(out, f->sub ? table_number(s, f->sub, out) : 0);
	}
}

static void put_item(struct state_schema *s, const struct state_item *it, struct buf *out)
{
	size_t at;
	u32 i;

	put_name(out, it->name);
	buf_put_u32(out, it->instance);
	buf_put_u64(out, 0); /* its length, when that is known */
	at = out->len;
	out->schema = s;
	if (it->save)
		it->save(it->opaque, out);
	for (i = 0; !it->save && i < it->count; i++)
		state_save(it->desc, (const u8 *)it->obj + (size_t)i * it->desc->size, out);
	out->schema = NULL;
	if (!out->failed)
		st64(out->p + at - 8, out->len - at);
}

void state_list_save(const struct state_list *l, struct buf *out)
{
	struct state_schema *s = calloc(1, sizeof *s);
	struct buf items = { 0 };
	u32 i;

	if (!s) {
		out->failed = true;
		return;
	}
	for (i = 0; i < l->n; i++)
		put_item(s, &l->items[i], &items);
	buf_put_u32(out, s->n);
	for (i = 0; i < s->n; i++)
		put_table(s, s->used[i], out);
	buf_put_u32(out, l->n);
	buf_put(out, items.p, items.len);
	out->failed |= items.failed;
	buf_free(&items);
	free(s);
}

/* ---- loading ----------------------------------------------------------------------------------------------------- */

static bool named(const u8 *name, u8 len, const char *want)
{
	return len == strlen(want) && !memcmp(name, want, len);
}

static const u8 *get_name(struct reader *in, u8 *len)
{
	*len = reader_u8(in);
	return reader_get(in, *len);
}

/* A field whose bytes could not be counted, or that refers to a table that is not there, is refused. */
static bool get_field(struct reader *in, u32 table, struct file_field *f)
{
	u8 optional;

	f->name = get_name(in, &f->namelen);
	f->kind = reader_u8(in);
	optional = reader_u8(in);
	f->optional = optional;
	f->size = reader_u32(in);
	f->count = reader_u32(in);
	f->sub = reader_u32(in);
	f->ours = NONE;
	if (in->failed || optional > 1 || !f->count)
		return false;
	switch (f->kind) {
	case STATE_KIND_INT:
		return f->size == 1 || f->size == 2 || f->size == 4 || f->size == 8;
	case STATE_KIND_BYTES:
		return f->size;
	default:
		return f->kind == STATE_KIND_STRUCT && f->sub < table;
	}
}

static int get_table(struct state_schema *s, struct reader *in)
{
	struct file_table *t = &s->tables[s->n];
	u32 i;

	t->name = get_name(in, &t->namelen);
	t->version = reader_u32(in);
	t->nfields = reader_u32(in);
	if (in->failed || !t->nfields || t->nfields > FIELDS_MAX)
		return error_set(&s->e, -EINVAL, "the description of its table %u is damaged", s->n);
	t->fields = calloc(t->nfields, sizeof *t->fields);
	if (!t->fields)
		return error_set(&s->e, -ENOMEM, "the host is out of memory");
	s->n++;
	for (i = 0; i < t->nfields; i++)
		if (!get_field(in, s->n - 1, &t->fields[i]))
			return error_set(&s->e, -EINVAL, "the description of its table '%.*s' is damaged", t->namelen, t->name);
	return 0;
}

void state_schema_free(struct state_schema *s)
{
	u32 i;

	for (i = 0; i < s->n; i++)
		free(s->tables[i].fields);
	free(s->tables);
	free(s);
}

int state_schema_read(struct state_schema *s, struct reader *in)
{
	u32 n = reader_u32(in);
	int rc = 0;

	if (in->failed || n > TABLES_MAX)
		return error_set(&s->e, -EINVAL, "its list of tables is damaged");
	s->tables = calloc(n ? n : 1, sizeof *s->tables);
	if (!s->tables)
		return error_set(&s->e, -ENOMEM, "the host is out of memory");
	while (s->n < n && !rc)
		rc = get_table(s, in);
	return rc;
}

static u32 field_named(const struct state_desc *d, const struct file_field *f)
{
	u32 i;

	for (i = 0; i < d->nfields && !named(f->name, f->namelen, d->fields[i].name); i++)
		;
	return i < d->nfields ? i : NONE;
}

/* A field is known, is of the same kind, and what it may hold fits; or nobody needs it. */
static int resolve_field(struct state_schema *s, const struct file_table *t, struct file_field *f, const struct state_desc *d)
{
	const struct state_field *o;

	f->ours = field_named(d, f);
	if (f->ours == NONE)
		return f->optional ? 0
				   : error_set(&s->e, -EINVAL, "this build does not know the field '%.*s' of its table '%s' (version %u)",
					       f->namelen, f->name, d->name, t->version);
	o = &d->fields[f->ours];
	if (f->kind != (u8)o->kind || (f->kind == STATE_KIND_BYTES && f->size != o->size) || f->count > o->count)
		return error_set(&s->e, -EINVAL, "the field '%.*s' of its table '%s' (version %u) is of another kind or size in this build",
				 f->namelen, f->name, d->name, t->version);
	return 0;
}

static int resolve(struct state_schema *s, struct file_table *t, const struct state_desc *d)
{
	u32 i;
	int rc = 0;

	if (t->ours == d)
		return 0;
	if (!named(t->name, t->namelen, d->name))
		return error_set(&s->e, -EINVAL, "it has a table '%.*s' where '%s' belongs", t->namelen, t->name, d->name);
	if (t->version > d->version || t->version < (d->oldest ? d->oldest : d->version))
		return error_set(&s->e, -EINVAL, "its table '%s' is of version %u, and this build reads version %u", d->name, t->version,
				 d->version);
	for (i = 0; i < t->nfields && !rc; i++)
		rc = resolve_field(s, t, &t->fields[i], d);
	if (rc)
		return rc;
	t->same = t->nfields == d->nfields;
	for (i = 0; i < t->nfields; i++) {
		struct file_field *f = &t->fields[i];
		const struct state_field *o = f->ours == NONE ? NULL : &d->fields[f->ours];

		if (o && f->kind == STATE_KIND_STRUCT) {
			rc = resolve(s, &s->tables[f->sub], o->sub);
			if (rc)
				return rc;
			t->same &= s->tables[f->sub].same;
		}
		t->same &= o && f->ours == i && f->count == o->count && (f->kind == STATE_KIND_STRUCT || f->size == o->size);
	}
	t->ours = d;
	return 0;
}

/* All fields as they are in our table. */
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
				state_int_set(p, f->size, ld64(le));
			}
		}
	}
}

static int load_mapped(struct state_schema *s, const struct file_table *t, u8 *obj, struct reader *in);

/* One element of a field; p is where it belongs, or NULL. */
static int load_element(struct state_schema *s, const struct file_table *t, const struct file_field *f, const struct state_field *o,
			u8 *p, struct reader *in)
{
	const u8 *src;
	u8 le[8] = { 0 };
	u64 v;

	if (f->kind == STATE_KIND_STRUCT) {
		/* A damaged file may use it for another table of ours with the same name. */
		int rc = p ? resolve(s, &s->tables[f->sub], o->sub) : 0;

		return rc ? rc : load_mapped(s, &s->tables[f->sub], p, in);
	}
	src = reader_get(in, f->size);
	if (!src)
		return error_set(&s->e, -EINVAL, "its table '%.*s' is cut short", t->namelen, t->name);
	if (!p)
		return 0;
	if (f->kind == STATE_KIND_BYTES) {
		memcpy(p, src, f->size);
		return 0;
	}
	memcpy(le, src, f->size);
	v = ld64(le);
	if (o->size < 8 && v >> (8 * o->size))
		return error_set(&s->e, -EINVAL, "the field '%.*s' of its table '%.*s' is %llu, more than this build has room for",
				 f->namelen, f->name, t->namelen, t->name, (unsigned long long)v);
	state_int_set(p, o->size, v);
	return 0;
}

/* obj NULL: the bytes are read and thrown away. */
static int load_mapped(struct state_schema *s, const struct file_table *t, u8 *obj, struct reader *in)
{
	const struct file_field *f;
	int rc = 0;
	u32 i;

	for (f = t->fields; f < t->fields + t->nfields && !rc; f++) {
		const struct state_field *o = obj && f->ours != NONE ? &t->ours->fields[f->ours] : NULL;

		for (i = 0; i < f->count && !rc; i++)
			rc = load_element(s, t, f, o, o ? obj + o->offset + (size_t)i * o->size : NULL, in);
	}
	return rc;
}

static int load_by_schema(const struct state_desc *d, void *obj, struct reader *in)
{
	struct state_schema *s = in->schema;
	u32 n = reader_u16(in);
	int rc;

	if (in->failed || n >= s->n)
		return error_set(&s->e, -EINVAL, "its table '%s' is cut short or damaged", d->name);
	rc = resolve(s, &s->tables[n], d);
	if (rc)
		return rc;
	if (!s->tables[n].same)
		return load_mapped(s, &s->tables[n], obj, in);
	load_fields(d, obj, in);
	return in->failed ? error_set(&s->e, -EINVAL, "its table '%s' is cut short", d->name) : 0;
}

int state_load(const struct state_desc *d, void *obj, struct reader *in)
{
	u8 n;
	const u8 *name;
	u32 version, size;

	if (in->schema)
		return load_by_schema(d, obj, in);
	name = get_name(in, &n);
	version = reader_u32(in);
	size = reader_u32(in);
	if (!name || !named(name, n, d->name) || version != d->version || size != d->size)
		return -EINVAL;
	load_fields(d, obj, in);
	return in->failed ? -EINVAL : 0;
}

/* An item as the file has it. */
struct file_item {
	const u8 *name, *body;
	u8 namelen;
	u32 instance;
	u64 len;
};

static int get_items(struct state_schema *s, const struct state_list *l, struct reader *in, struct file_item *found)
{
	u32 n = reader_u32(in), i, k;

	for (i = 0; i < n; i++) {
		struct file_item f;

		f.name = get_name(in, &f.namelen);
		f.instance = reader_u32(in);
		f.len = reader_u64(in);
		f.body = f.len <= SIZE_MAX ? reader_get(in, (size_t)f.len) : NULL;
		if (in->failed || n > ITEMS_MAX || !f.body)
			return error_set(&s->e, -EINVAL, "its list of states is cut short or damaged");
		for (k = 0; k < l->n && !(l->items[k].instance == f.instance && named(f.name, f.namelen, l->items[k].name)); k++)
			;
		if (k == l->n)
			return error_set(&s->e, -EINVAL, "it has the state of '%.*s' number %u, which this guest does not have", f.namelen,
					 f.name, f.instance);
		if (found[k].name)
			return error_set(&s->e, -EINVAL, "it has the state of '%s' number %u twice", l->items[k].name, f.instance);
		found[k] = f;
	}
	return in->failed ? error_set(&s->e, -EINVAL, "its list of states is cut short") : 0;
}

static int load_item(struct state_schema *s, const struct state_item *it, const struct file_item *f)
{
	struct reader r;
	int rc = 0;
	u32 i;

	if (!f->name)
		return error_set(&s->e, -EINVAL, "it lacks the state of '%s' number %u, which this guest has", it->name, it->instance);
	reader_init(&r, f->body, (size_t)f->len);
	r.schema = s;
	if (it->load)
		rc = it->load(it->opaque, &r);
	for (i = 0; !it->load && !rc && i < it->count; i++)
		rc = state_load(it->desc, (u8 *)it->obj + (size_t)i * it->desc->size, &r);
	if ((rc || r.left) && !*s->e.text)
		error_set(&s->e, -EINVAL, "its state of '%s' number %u makes no sense", it->name, it->instance);
	return rc ? rc : r.left ? -EINVAL : 0;
}

int state_list_load(const struct state_list *l, struct reader *in, struct error *e)
{
	struct state_schema *s = calloc(1, sizeof *s);
	struct file_item *found = calloc(l->n ? l->n : 1, sizeof *found);
	int rc = s && found ? state_schema_read(s, in) : -ENOMEM;
	u32 i;

	if (!rc)
		rc = get_items(s, l, in, found);
	for (i = 0; i < l->n && !rc; i++)
		rc = load_item(s, &l->items[i], &found[i]);
	if (rc)
		error_set(e, rc, "%s", s && found ? s->e.text : "the host is out of memory");
	if (s)
		state_schema_free(s);
	free(found);
	return rc;
}
