/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "snapshot/image_stream.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/os.h"
#include "snapshot/crc32c.h"
#include "snapshot/image_read.h"

struct stream {
	struct image img; /* as of a file whose index grows */
	const struct image_input *in;
	const struct image_sink *sink;
	struct image_parse x;
	size_t pos, index_room, slot_room;
	u64 at;
	u64 given; /* frames of the memory that the sink has been told of */
	u8 *big;   /* stored bytes of a chunk */
	size_t big_room;
};

/* ---- bytes ---- */

static int get(struct stream *s, void *p, size_t n, struct error *e)
{
	ssize_t got = s->in->read(s->in->opaque, p, n);

	if (got < 0)
		return error_set(e, (int)got, "%.200s: cannot be read (%s)", s->img.path, os_strerror((int)-got));
	if ((size_t)got < n)
		return error_set(e, -EPIPE, "%.200s ends at byte %" PRIu64 ", before its end", s->img.path, s->at + (u64)got);
	s->at += n;
	return 0;
}

static int get_zeros(struct stream *s, size_t n, struct error *e)
{
	u8 some[PAGE_SIZE];
	int rc = get(s, some, n, e);

	if (!rc && n && (*some || memcmp(some, some + 1, n - 1)))
		rc = image_damaged(&s->img, e, "there is something between its records before byte %" PRIu64, s->at);
	return rc;
}

/* Room for n more bytes of the index, and for one more record. */
static int room(struct stream *s, size_t n, struct error *e)
{
	struct image *img = &s->img;
	size_t want = img->index_len + n;

	if (want > INDEX_MAX)
		return image_damaged(img, e, "its index would have more than %u MiB", INDEX_MAX >> 20);
	if (want > s->index_room) {
		size_t r = MAX(want, s->index_room * 2 + 65536);
		u8 *p = realloc(img->index, r);

		if (!p)
			return image_no_memory(img, e);
		img->index = p;
		s->index_room = r;
	}
	if (img->slots == s->slot_room) {
		size_t r = s->slot_room * 2 + 256;
		struct slot *slot = realloc(img->slot, r * sizeof *slot);
		struct chunk_slot *chunk;

		if (slot)
			img->slot = slot;
		chunk = realloc(img->chunk, r * sizeof *chunk);
		if (chunk)
			img->chunk = chunk;
		if (!slot || !chunk)
			return image_no_memory(img, e);
		s->slot_room = r;
	}
	return 0;
}

/* ---- records ---- */

/* A chunk's stored bytes: room for them comes with them, so that a head cannot ask for what never comes. */
static int get_chunk(struct stream *s, const struct record *r, struct error *e)
{
	size_t n, done;
	int rc = 0;

	for (done = 0; done < r->stored && !rc; done += n) {
		n = (size_t)MIN(r->stored - done, IMAGE_BUFFER);
		if (done + n > s->big_room) {
			u8 *p = realloc(s->big, done + MAX(n, done));

			if (!p)
				return image_no_memory(&s->img, e);
			s->big = p;
			s->big_room = done + MAX(n, done);
		}
		rc = get(s, s->big + done, n, e);
	}
	return rc;
}

static int take_chunk(struct stream *s, const struct record *r, struct error *e)
{
	struct image_chunk_info c = { .instance = r->number, .flags = r->flags, .len = r->length };
	u8 *data = NULL;
	int rc = get_chunk(s, r, e);

	if (!rc && crc32c(0, s->big, (size_t)r->stored) != r->sum)
		rc = image_damaged(&s->img, e, "the sum of \"%s\" at byte %" PRIu64 " is wrong", r->name, r->offset);
	if (!rc && r->codec != IMAGE_RAW) {
		data = malloc((size_t)r->length);
		if (!data)
			rc = image_no_memory(&s->img, e);
		else if (!codec_unpack(&s->img.state, r->codec, s->big, (size_t)r->stored, data, (size_t)r->length))
			rc = image_damaged(&s->img, e, "\"%s\" at byte %" PRIu64 " cannot be unpacked to %" PRIu64 " bytes", r->name, r->offset,
					   r->length);
	}
	memcpy(c.type, r->name, sizeof r->name);
	if (!rc)
		rc = s->sink->chunk(s->sink->opaque, &c, data ? data : s->big, e);
	free(data);
	return rc;
}

/* Frames that no record tells of are not there. */
static int absent_up_to(struct stream *s, u64 end, struct error *e)
{
	u64 n = end - s->given;

	if (!n)
		return 0;
	s->given = end;
	return s->sink->frames(s->sink->opaque, end - n, n, false, IMAGE_ABSENT, NULL, e);
}

static int give_runs(struct stream *s, const struct record *r, const u8 *tables, const u8 *pages, struct error *e)
{
	int rc = absent_up_to(s, r->number, e);
	u32 i;

	for (i = 0; i < r->runs && !rc; i++, tables += RUN_BYTES) {
		u32 kind = ld32(tables), n = ld32(tables + 4);
		bool data = kind == RUN_DATA;

		rc = s->sink->frames(s->sink->opaque, s->given, n, kind == RUN_PARENT,
				     data ? IMAGE_DATA : kind == RUN_ZERO ? IMAGE_ZERO : IMAGE_ABSENT, data ? pages : NULL, e);
		s->given += n;
		if (data)
			pages += (size_t)n * PAGE_SIZE;
	}
	return rc;
}

static int take_pages(struct stream *s, const struct record *r, const u8 *tables, struct error *e)
{
	const u8 *sums = tables + (size_t)r->runs * RUN_BYTES, *pages = s->img.buffer;
	int rc = get(s, s->img.buffer, (size_t)r->stored, e);
	size_t i;

	if (rc)
		return rc;
	if (record_aligned(r)) {
		for (i = 0; i < r->length / PAGE_SIZE; i++)
			if (crc32c(0, pages + i * PAGE_SIZE, PAGE_SIZE) != ld32(sums + i * 4))
				return image_damaged(&s->img, e, "the sum of a page of memory %s at byte %" PRIu64 " is wrong", r->name,
						     r->offset + i * PAGE_SIZE);
	} else if (r->stored) {
		if (crc32c(0, pages, (size_t)r->stored) != r->sum)
			return image_damaged(&s->img, e, "the sum of pages of memory %s at byte %" PRIu64 " is wrong", r->name, r->offset);
		if (!codec_unpack(&s->img.state, r->codec, pages, (size_t)r->stored, s->img.group, (size_t)r->length))
			return image_damaged(&s->img, e, "pages of memory %s at byte %" PRIu64 " cannot be unpacked to %" PRIu64 " bytes",
					     r->name, r->offset, r->length);
		pages = s->img.group;
	}
	return give_runs(s, r, tables, pages, e);
}

/* The memory that is under way has all its frames. */
static int end_memory(struct stream *s, struct error *e)
{
	return s->x.mem ? absent_up_to(s, s->x.mem->limit, e) : 0;
}

/* One record whose head is at the end of the index; 1: it is the index. */
static int take_record(struct stream *s, struct error *e)
{
	struct image *img = &s->img;
	u64 was = s->at, at = was;
	struct image_memory *mem = s->x.mem;
	const char *what;
	struct record r;
	size_t tables;
	int rc = room(s, RECORD_BYTES, e);

	if (!rc)
		rc = get(s, img->index + img->index_len, RECORD_BYTES, e);
	if (rc)
		return rc;
	record_decode(&r, img->index + img->index_len);
	if (r.kind == RECORD_INDEX)
		return 1;
	what = image_check_head(&r);
	if (what)
		return image_wrong(img, &r, was, e, what);
	tables = (size_t)record_tables(&r);
	rc = room(s, RECORD_BYTES + tables, e);
	if (!rc)
		rc = get(s, img->index + img->index_len + RECORD_BYTES, tables, e);
	if (rc)
		return rc;
	img->index_len += RECORD_BYTES + tables;
	what = image_check_record(img, &s->x, img->slots, &s->pos, &at, &r);
	if (what)
		return image_wrong(img, &r, was, e, what);
	img->slots++;
	if (r.kind != RECORD_PAGES && mem) {
		struct image_parse now = s->x;

		s->x.mem = mem;
		rc = end_memory(s, e);
		s->x = now;
	}
	if (!rc)
		rc = get_zeros(s, (size_t)(r.offset - s->at), e);
	if (rc)
		return rc;
	if (r.kind == RECORD_PAGES)
		return take_pages(s, &r, img->index + s->pos - tables, e);
	if (r.kind == RECORD_CHUNK)
		return take_chunk(s, &r, e);
	s->given = 0;
	return s->sink->memory(s->sink->opaque, r.name, r.length, e);
}

/* The index comes again as a whole, and then the tail. */
static int take_end(struct stream *s, u64 index_at, u8 *digest, struct error *e)
{
	struct image *img = &s->img;
	struct record r = { .name = "index", .kind = RECORD_INDEX, .number = img->slots, .length = img->index_len - RECORD_BYTES,
			    .stored = img->index_len - RECORD_BYTES, .offset = index_at + RECORD_BYTES };
	u8 tail[TAIL_BYTES], sum[IMAGE_DIGEST];
	size_t n, done;
	int rc = 0;

	record_encode(&r, img->index, NULL);
	if (memcmp(img->index, img->index + img->index_len, RECORD_BYTES))
		return image_damaged(img, e, "what stands before its index does not fit it");
	for (done = RECORD_BYTES; done < img->index_len; done += n) {
		n = MIN(img->index_len - done, IMAGE_BUFFER);
		rc = get(s, img->buffer, n, e);
		if (rc)
			return rc;
		if (memcmp(img->buffer, img->index + done, n))
			return image_damaged(img, e, "its index is about another file");
	}
	rc = get(s, tail, sizeof tail, e);
	if (rc)
		return rc;
	image_find_digest(img, sum);
	if (memcmp(tail, IMAGE_TAIL_MAGIC, 8) || ld32(tail + TAIL_CRC) != crc32c(0, tail, TAIL_CRC) || ld32(tail + TAIL_ZERO) ||
	    ld64(tail + TAIL_INDEX) != index_at || ld64(tail + TAIL_RECORDS) != img->slots ||
	    memcmp(tail + TAIL_DIGEST, sum, sizeof sum))
		return image_damaged(img, e, "its index does not fit its digest");
	memcpy(digest, sum, sizeof sum);
	return 0;
}

static int start(struct stream *s, const u8 *parent, struct error *e)
{
	struct image *img = &s->img;
	ssize_t got = s->in->read(s->in->opaque, img->head, HEAD_BYTES);
	bool has;
	int rc;

	if (got < 0)
		return error_set(e, (int)got, "%.200s: cannot be read (%s)", img->path, os_strerror((int)-got));
	if (!got)
		return 1;
	if (got < (ssize_t)HEAD_BYTES)
		return error_set(e, -EPIPE, "%.200s ends at byte %zu, before its end", img->path, (size_t)got);
	s->at = HEAD_BYTES;
	rc = image_check_start(img, e);
	has = !rc && ld64(img->head + HEAD_MANDATORY) & FEATURE_PARENT;
	if (!rc && has && (!parent || memcmp(img->head + HEAD_PARENT, parent, IMAGE_DIGEST)))
		return error_set(e, -EINVAL, "%.200s has a parent that did not come before it: send that one first, or save it whole", img->path);
	if (!rc)
		rc = image_buffers(img, e);
	return rc;
}

int image_stream(const struct image_input *in, const u8 *parent, const struct image_sink *sink, u8 *digest, struct error *e)
{
	struct stream *s = calloc(1, sizeof *s);
	u64 at = 0;
	int rc;

	if (s)
		s->img.path = strdup(in->name);
	if (!s || !s->img.path) {
		free(s);
		return error_set(e, -ENOMEM, "%.200s: the host is out of memory", in->name);
	}
	s->in = in;
	s->sink = sink;
	s->img.index_at = INT64_MAX; /* records lie before it, wherever it will be */
	s->img.group_slot = NO_SLOT;
	s->pos = RECORD_BYTES;
	rc = start(s, parent, e);
	if (rc)
		goto out;
	rc = room(s, RECORD_BYTES, e);
	s->img.index_len = RECORD_BYTES;
	while (!rc) {
		at = s->at;
		rc = take_record(s, e);
	}
	if (rc == 1) {
		rc = s->x.left ? image_damaged(&s->img, e, "its index comes before the end of a memory") : end_memory(s, e);
		if (!rc)
			rc = take_end(s, at, digest, e);
	}
out:
	codec_state_free(&s->img.state);
	free(s->img.path);
	free(s->img.index);
	free(s->img.slot);
	free(s->img.chunk);
	free(s->img.buffer);
	free(s->img.group);
	free(s->big);
	free(s);
	return rc;
}
