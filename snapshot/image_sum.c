/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a snapshot file has of its memories, by its index alone: no page is read.
 */
#include "snapshot/image_read.h"

#include "base/endian.h"

u64 image_size(const struct image *img)
{
	return img->size;
}

enum image_codec image_codec(const struct image *img)
{
	int c;

	for (c = IMAGE_CODECS - 1; c > IMAGE_RAW && !(ld64(img->head + HEAD_MANDATORY) & FEATURE_CODEC(c)); c--)
		;
	return (enum image_codec)c;
}

/* Calls fn for each run of a memory in the file, with the record that it is in. */
static int each_run(const struct image_memory *mem, int (*fn)(void *opaque, const struct record *r, u64 mfn, u64 count, enum run_kind kind),
		    void *opaque)
{
	size_t i;
	u32 k;
	int rc = 0;

	for (i = mem->from; i < mem->to && !rc; i++) {
		struct record r;
		const u8 *run = image_record(mem->img, i, &r);
		u64 mfn = r.number;

		for (k = 0; k < r.runs && !rc; k++, run += RUN_BYTES) {
			rc = fn(opaque, &r, mfn, ld32(run + 4), (enum run_kind)ld32(run));
			mfn += ld32(run + 4);
		}
	}
	return rc;
}

static int count_run(void *opaque, const struct record *r, u64 mfn, u64 count, enum run_kind kind)
{
	struct image_usage *u = opaque;

	switch (kind) {
	case RUN_ZERO:
		u->zero += count;
		break;
	case RUN_PARENT:
		u->parent += count;
		break;
	case RUN_DATA:
		*(r->codec == IMAGE_RAW ? &u->raw : &u->packed) += count;
		break;
	default:
		break;
	}
	return 0;
}

void image_usage(const struct image_memory *mem, struct image_usage *out)
{
	struct record r;
	size_t i;

	*out = (struct image_usage){ 0 };
	each_run(mem, count_run, out);
	for (i = mem->from; i < mem->to; i++) {
		image_record(mem->img, i, &r);
		*(r.codec == IMAGE_RAW ? &out->raw_bytes : &out->packed_bytes) += r.stored;
	}
}

struct rows {
	int (*fn)(void *opaque, u64 mfn, u64 count);
	void *opaque;
	u64 mfn, count; /* a row that may go on */
};

static int put_row(struct rows *x)
{
	return x->count ? x->fn(x->opaque, x->mfn, x->count) : 0;
}

static int join_run(void *opaque, const struct record *r, u64 mfn, u64 count, enum run_kind kind)
{
	struct rows *x = opaque;
	int rc;

	if (kind == RUN_ABSENT)
		return 0;
	if (x->count && x->mfn + x->count == mfn) {
		x->count += count;
		return 0;
	}
	rc = put_row(x);
	x->mfn = mfn;
	x->count = count;
	return rc;
}

int image_rows(const struct image_memory *mem, int (*fn)(void *opaque, u64 mfn, u64 count), void *opaque)
{
	struct rows x = { .fn = fn, .opaque = opaque };
	int rc = each_run(mem, join_run, &x);

	return rc ? rc : put_row(&x);
}
