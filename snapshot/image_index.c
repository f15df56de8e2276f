/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The index of a snapshot file: each record is checked before anything is done with it. Where a record lies follows from the one
 * before, so none can overlap another or leave a gap.
 */
#include "snapshot/image_read.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "snapshot/crc32c.h"

const u8 *image_record(const struct image *img, size_t slot, struct record *r)
{
	const u8 *head = img->index + img->slot[slot].index;

	record_decode(r, head);
	return head + RECORD_BYTES;
}

int image_wrong(const struct image *img, const struct record *r, u64 at, struct error *e, const char *what)
{
	return image_damaged(img, e, "its record \"%.8s\" at byte %" PRIu64 " %s", record_name_good(r->name) ? r->name : "?", at, what);
}

/* Codec and sizes of something stored. */
static const char *check_stored(const struct image *img, const struct record *r, u64 raw_max, u64 packed_max)
{
	if (r->codec >= IMAGE_CODECS)
		return "is packed in an unknown way";
	if (r->codec == IMAGE_RAW)
		return r->stored != r->length ? "has two lengths" : r->length > raw_max ? "is too long" : NULL;
	if (!(ld64(img->head + HEAD_MANDATORY) & FEATURE_CODEC(r->codec)))
		return "is packed in a way that the head does not tell of";
	if (!r->stored || r->stored >= r->length || r->length > packed_max)
		return "says it is packed from a size that cannot be";
	return NULL;
}

static const char *check_runs(const struct image *img, const struct record *r, const u8 *tables, struct slot *s, u64 limit, u64 *left)
{
	u64 frame = r->number, data = 0, present = 0;
	u32 i;

	for (i = 0; i < r->runs; i++) {
		u32 kind = ld32(tables + (size_t)i * RUN_BYTES), count = ld32(tables + (size_t)i * RUN_BYTES + 4);

		if (kind >= RUN_KINDS || !count || count > limit - frame)
			return "has a run of frames that cannot be";
		if (kind == RUN_PARENT && !(ld64(img->head + HEAD_MANDATORY) & FEATURE_PARENT))
			return "has frames as in a parent, and there is no parent";
		frame += count;
		if (kind == RUN_DATA)
			data += count;
		if (kind != RUN_ABSENT)
			present += count;
	}
	if (data * PAGE_SIZE != r->length)
		return "has another number of pages than its runs";
	if (present > *left)
		return "has more frames than its memory";
	*left -= present;
	s->first = r->number;
	s->end = frame;
	return NULL;
}

static const char *check_pages(struct image *img, struct image_parse *x, const struct record *r, const u8 *tables, size_t i)
{
	struct slot *s = &img->slot[i];
	const char *what = check_stored(img, r, IMAGE_BUFFER, IMAGE_BUFFER);

	if (what)
		return what;
	if (!x->mem || strcmp(x->mem->name, r->name) || r->flags)
		return "has pages of a memory that is another one";
	if (r->number < x->next || r->number > x->mem->limit || !r->runs)
		return "has pages out of order, or beyond the end of its memory";
	what = check_runs(img, r, tables, s, x->mem->limit, &x->left);
	x->next = s->end;
	x->mem->to = i + 1;
	return what;
}

static const char *check_memory(struct image *img, struct image_parse *x, const struct record *r, size_t i)
{
	u32 k;

	if (r->codec || r->flags || r->stored)
		return "is a memory with something else";
	if (r->length > LIMIT_MAX || r->number > r->length)
		return "is a memory of a size that no machine has";
	if (img->memories == MEMORIES_MAX)
		return "is one memory too many";
	for (k = 0; k < img->memories; k++)
		if (!strcmp(img->memory[k].name, r->name))
			return "is a memory that was there before";
	x->mem = &img->memory[img->memories++];
	*x->mem = (struct image_memory){ .img = img, .limit = r->length, .frames = r->number, .from = i + 1, .to = i + 1 };
	x->mem->hint.slot = NO_SLOT;
	memcpy(x->mem->name, r->name, sizeof r->name);
	x->next = 0;
	x->left = r->number;
	return NULL;
}

static const char *check_chunk(struct image *img, const struct record *r, size_t i)
{
	if (r->flags & ~(u32)IMAGE_MANDATORY)
		return "has flags that only a newer version knows";
	memcpy(img->chunk[img->chunks].name, r->name, 8);
	img->chunk[img->chunks].instance = r->number;
	img->chunk[img->chunks++].slot = i;
	return check_stored(img, r, CHUNK_MAX, PACKED_MAX);
}

const char *image_check_head(const struct record *r)
{
	if (r->kind < RECORD_CHUNK || r->kind > RECORD_PAGES)
		return "is of a kind that only a newer version knows";
	if (r->runs > RUNS_MAX || (r->runs && r->kind != RECORD_PAGES))
		return "has too many runs";
	if (r->kind == RECORD_PAGES && (r->length > IMAGE_BUFFER || r->length % PAGE_SIZE))
		return "has too many pages";
	return NULL;
}

const char *image_check_record(struct image *img, struct image_parse *x, size_t i, size_t *pos, u64 *at, struct record *r)
{
	const u8 *head = img->index + *pos;
	const char *what;
	u64 tables;

	memset(r, 0, sizeof *r);
	if (img->index_len - *pos < RECORD_BYTES)
		return "is not whole";
	record_decode(r, head);
	what = image_check_head(r);
	if (what)
		return what;
	tables = record_tables(r);
	if (img->index_len - *pos - RECORD_BYTES < tables)
		return "is not whole";
	if (ld32(head + RECORD_CRC) != crc32c(crc32c(0, head, RECORD_CRC), head + RECORD_BYTES, (size_t)tables))
		return "has a wrong sum";
	if (!record_name_good(r->name) || ld64(head + RECORD_ZERO))
		return "has a name or a field that cannot be";
	if (r->offset != record_offset(r, *at) || r->offset > img->index_at || r->stored > img->index_at - r->offset)
		return "lies where it cannot";
	img->slot[i] = (struct slot){ .index = *pos, .at = *at };
	*pos += RECORD_BYTES + (size_t)tables;
	*at = r->offset + r->stored;
	if (r->kind == RECORD_PAGES)
		return check_pages(img, x, r, head + RECORD_BYTES, i);
	if (x->left)
		return "comes before the end of a memory";
	x->mem = NULL;
	return r->kind == RECORD_MEMORY ? check_memory(img, x, r, i) : check_chunk(img, r, i);
}

static int compare_chunks(const void *a, const void *b)
{
	const struct chunk_slot *x = a, *y = b;
	int by_name = memcmp(x->name, y->name, sizeof x->name);

	return by_name ? by_name : x->instance < y->instance ? -1 : x->instance > y->instance;
}

int image_parse(struct image *img, u64 records, struct error *e)
{
	struct image_parse x = { 0 };
	size_t pos = RECORD_BYTES, i; /* behind the head of the index itself */
	u64 at = HEAD_BYTES;
	struct record r;

	if (records > (img->index_len - pos) / RECORD_BYTES)
		return image_damaged(img, e, "its index is too short for %" PRIu64 " records", records);
	img->slots = (size_t)records;
	img->slot = calloc(img->slots + 1, sizeof *img->slot);
	img->chunk = calloc(img->slots + 1, sizeof *img->chunk);
	if (!img->slot || !img->chunk)
		return image_no_memory(img, e);
	for (i = 0; i < img->slots; i++) {
		u64 was = at;
		const char *what = image_check_record(img, &x, i, &pos, &at, &r);

		if (what)
			return image_wrong(img, &r, was, e, what);
	}
	if (pos != img->index_len || at != img->index_at || x.left)
		return image_damaged(img, e, "its index is about another file");
	qsort(img->chunk, img->chunks, sizeof *img->chunk, compare_chunks);
	for (i = 1; i < img->chunks; i++)
		if (!compare_chunks(&img->chunk[i - 1], &img->chunk[i]))
			return image_damaged(img, e, "it has the chunk %.8s %" PRIu64 " twice", img->chunk[i].name,
					     img->chunk[i].instance);
	return 0;
}

/* ---- chunks ---- */

bool image_next_chunk(const struct image *img, u64 *i, struct image_chunk_info *out)
{
	struct record r;

	while (*i < img->slots) {
		image_record(img, (size_t)(*i)++, &r);
		if (r.kind != RECORD_CHUNK)
			continue;
		*out = (struct image_chunk_info){ .instance = r.number, .flags = r.flags, .len = r.length, .stored = r.stored };
		memcpy(out->type, r.name, sizeof r.name);
		return true;
	}
	return false;
}

int image_expect(const struct image *img, const char *const *types, size_t n, struct error *e)
{
	struct image_chunk_info c;
	u64 i = 0;
	size_t k;

	while (image_next_chunk(img, &i, &c)) {
		for (k = 0; k < n && strcmp(types[k], c.type); k++)
			;
		if (k == n && c.flags & IMAGE_MANDATORY)
			return error_set(e, -ENOTSUP, "%.200s: has \"%s\", which this version does not know and must: read it with a newer "
					 "Paravane", img->path, c.type);
	}
	return 0;
}

int image_chunk(struct image *img, const char *type, u64 instance, u8 **data, size_t *len, struct error *e)
{
	struct chunk_slot key = { .instance = instance };
	const struct chunk_slot *found = NULL;
	u8 *stored, *out;
	struct record r;
	int rc;

	if (strlen(type) <= sizeof key.name) {
		memcpy(key.name, type, strlen(type));
		found = bsearch(&key, img->chunk, img->chunks, sizeof key, compare_chunks);
	}
	if (!found)
		return error_set(e, -ENOENT, "%.200s: has no \"%.20s\" (number %" PRIu64 "): it is a snapshot of something else", img->path,
				 type, instance);
	image_record(img, found->slot, &r);
	stored = malloc((size_t)r.stored + 1);
	if (!stored)
		return image_no_memory(img, e);
	rc = image_read(img, r.offset, stored, (size_t)r.stored, e);
	if (!rc && crc32c(0, stored, (size_t)r.stored) != r.sum)
		rc = image_damaged(img, e, "the sum of \"%s\" at byte %" PRIu64 " is wrong", r.name, r.offset);
	out = stored;
	if (!rc && r.codec != IMAGE_RAW) {
		out = malloc((size_t)r.length);
		if (!out)
			rc = image_no_memory(img, e);
		else if (!codec_unpack(&img->state, r.codec, stored, (size_t)r.stored, out, (size_t)r.length))
			rc = image_damaged(img, e, "\"%s\" at byte %" PRIu64 " cannot be unpacked to %" PRIu64 " bytes", r.name, r.offset,
					   r.length);
		free(stored);
	}
	if (rc) {
		free(out);
		return rc;
	}
	*data = out;
	*len = (size_t)r.length;
	return 0;
}
