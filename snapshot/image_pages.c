/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pages of the memories of a snapshot file, through its parents.
 */
#include "snapshot/image_read.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "snapshot/crc32c.h"

int image_memory(struct image *img, const char *name, struct image_memory **out, struct error *e)
{
	u32 i;

	for (i = 0; i < img->memories; i++) {
		if (!strcmp(img->memory[i].name, name)) {
			*out = &img->memory[i];
			return 0;
		}
	}
	return error_set(e, -ENOENT, "%.200s: has no memory \"%.20s\": it is a snapshot of something else", img->path, name);
}

struct image_memory *image_memory_at(struct image *img, u32 i)
{
	return i < img->memories ? &img->memory[i] : NULL;
}

const char *image_memory_name(const struct image_memory *mem)
{
	return mem->name;
}

u64 image_memory_limit(const struct image_memory *mem)
{
	return mem->limit;
}

u64 image_memory_frames(const struct image_memory *mem)
{
	return mem->frames;
}

/* What this file alone says of a frame. */
struct place {
	enum run_kind kind;
	u64 left; /* frames from it on of which it says the same */
	size_t slot;
	u32 page; /* RUN_DATA: number of its page in the record */
};

/* The last slot that begins at or before the frame, or NO_SLOT. */
static size_t find_slot(const struct image_memory *mem, u64 mfn)
{
	const struct slot *slot = mem->img->slot;
	size_t lo = mem->from, hi = mem->to;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (slot[mid].first <= mfn)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo == mem->from ? NO_SLOT : lo - 1;
}

static struct place place(struct image_memory *mem, u64 mfn)
{
	const struct slot *slot = mem->img->slot;
	struct hint *h = &mem->hint;
	struct record r;
	const u8 *run;

	if (h->slot == NO_SLOT || mfn < h->first || mfn >= slot[h->slot].end) {
		size_t i = find_slot(mem, mfn), after = i == NO_SLOT ? mem->from : i + 1;

		if (i == NO_SLOT || mfn >= slot[i].end)
			return (struct place){ .left = (after < mem->to ? slot[after].first : mem->limit) - mfn };
		*h = (struct hint){ .slot = i, .first = slot[i].first };
	}
	run = image_record(mem->img, h->slot, &r) + (size_t)h->run * RUN_BYTES;
	while (mfn - h->first >= ld32(run + 4)) {
		if (ld32(run) == RUN_DATA)
			h->page += ld32(run + 4);
		h->first += ld32(run + 4);
		h->run++;
		run += RUN_BYTES;
	}
	return (struct place){ (enum run_kind)ld32(run), h->first + ld32(run + 4) - mfn, h->slot, h->page + (u32)(mfn - h->first) };
}

bool image_has(struct image_memory *mem, u64 mfn, u64 count)
{
	if (!mem || mfn > mem->limit || count > mem->limit - mfn)
		return false;
	while (count) {
		struct place p = place(mem, mfn);

		if (p.kind == RUN_ABSENT)
			return false;
		mfn += MIN(p.left, count);
		count -= MIN(p.left, count);
	}
	return true;
}

int image_buffers(struct image *img, struct error *e)
{
	if (!img->buffer)
		img->buffer = malloc(IMAGE_BUFFER);
	if (!img->group)
		img->group = malloc(IMAGE_BUFFER);
	return img->buffer && img->group ? 0 : image_no_memory(img, e);
}

static int unpack_group(struct image *img, size_t slot, const struct record *r, struct error *e)
{
	int rc;

	if (img->group_slot == slot)
		return 0;
	img->group_slot = NO_SLOT;
	rc = image_read(img, r->offset, img->buffer, (size_t)r->stored, e);
	if (rc)
		return rc;
	if (crc32c(0, img->buffer, (size_t)r->stored) != r->sum)
		return image_damaged(img, e, "the sum of pages of memory %s at byte %" PRIu64 " is wrong", r->name, r->offset);
	if (!codec_unpack(&img->state, r->codec, img->buffer, (size_t)r->stored, img->group, (size_t)r->length))
		return image_damaged(img, e, "pages of memory %s at byte %" PRIu64 " cannot be unpacked to %" PRIu64 " bytes", r->name,
				     r->offset, r->length);
	img->group_slot = slot;
	return 0;
}

/* Count pages of a record from number page on. */
static int fetch(struct image *img, size_t slot, u32 page, u32 count, const u8 **out, struct error *e)
{
	const u8 *tables, *sums;
	struct record r;
	u64 off;
	u32 i;
	int rc = image_buffers(img, e);

	if (rc)
		return rc;
	tables = image_record(img, slot, &r);
	if (!record_aligned(&r)) {
		*out = img->group + (size_t)page * PAGE_SIZE;
		return unpack_group(img, slot, &r, e);
	}
	off = r.offset + (u64)page * PAGE_SIZE;
	if (img->map) {
		*out = img->map + off;
	} else {
		rc = image_read(img, off, img->buffer, (size_t)count * PAGE_SIZE, e);
		if (rc)
			return rc;
		*out = img->buffer;
	}
	sums = tables + (size_t)r.runs * RUN_BYTES + (size_t)page * 4;
	for (i = 0; i < count; i++)
		if (crc32c(0, *out + (size_t)i * PAGE_SIZE, PAGE_SIZE) != ld32(sums + (size_t)i * 4))
			return image_damaged(img, e, "the sum of a page of memory %s at byte %" PRIu64 " is wrong", r.name,
					     off + (u64)i * PAGE_SIZE);
	return 0;
}

/* As image_extent(), for at most max frames. */
static int extent(struct image_memory *mem, u64 mfn, u64 max, bool data, struct image_extent *out, struct error *e)
{
	struct image_memory *m = mem;
	struct place p;

	if (mfn >= mem->limit)
		return 0;
	for (;;) {
		struct image *img = m->img;

		p = place(m, mfn);
		max = MIN(max, p.left);
		if (p.kind == RUN_ABSENT && m != mem)
			return image_damaged(mem->img, e, "frame 0x%" PRIx64 " of memory %s should be as in its parent, which has none", mfn,
					     mem->name);
		if (p.kind != RUN_PARENT)
			break;
		if (image_memory(img->parent, m->name, &m, NULL) || mfn >= m->limit)
			return image_damaged(img, e, "frame 0x%" PRIx64 " of memory %s should be as in its parent, which has none", mfn,
					     mem->name);
	}
	*out = (struct image_extent){ .mfn = mfn, .count = max, .kind = IMAGE_ABSENT };
	if (p.kind == RUN_ZERO)
		out->kind = IMAGE_ZERO;
	if (p.kind == RUN_DATA) {
		int rc = data ? fetch(m->img, p.slot, p.page, (u32)max, &out->data, e) : 0;

		if (rc)
			return rc;
		out->kind = IMAGE_DATA;
	}
	return 1;
}

int image_extent(struct image_memory *mem, u64 mfn, struct image_extent *out, struct error *e)
{
	return extent(mem, mfn, UINT64_MAX, true, out, e);
}

int image_kinds(struct image_memory *mem, u64 mfn, struct image_extent *out, struct error *e)
{
	return extent(mem, mfn, UINT64_MAX, false, out, e);
}

int image_page(struct image_memory *mem, u64 mfn, u8 *out, struct error *e)
{
	struct image_extent x = { .kind = IMAGE_ABSENT };
	int rc = extent(mem, mfn, 1, true, &x, e);

	if (rc < 0)
		return rc;
	if (x.kind == IMAGE_DATA)
		memcpy(out, x.data, PAGE_SIZE);
	else
		memset(out, 0, PAGE_SIZE);
	return (int)x.kind;
}
