/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests of snapshot files: pages of known contents, and a mender of sums, so that what was changed in a file meets the checks
 * behind them.
 */
#ifndef TESTS_UNIT_IMAGE_ENV_H
#define TESTS_UNIT_IMAGE_ENV_H

#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "snapshot/blake2b.h"
#include "snapshot/crc32c.h"
#include "snapshot/image.h"
#include "snapshot/image_format.h"

UNUSED static u64 image_number(u64 *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x * 0x2545f4914f6cdd1dULL >> 16;
}

/* A page that depends on this number; every third one cannot be packed. */
UNUSED static void image_fill(u8 *p, u64 seed)
{
	u64 x = seed * 0x9e3779b97f4a7c15ULL + 1;
	u32 i;

	for (i = 0; i < PAGE_SIZE; i += 8)
		st64(p + i, seed % 3 && i % 64 ? seed : image_number(&x));
}

/* The sums and the hash of what a record stores, as far as it lies in the file. */
static void image_mend_stored(u8 *p, size_t len, struct record *r, u8 *tables)
{
	struct blake2b h;
	u64 i;

	if (r->offset > len || r->stored > len - r->offset)
		return;
	blake2b_init(&h, IMAGE_DIGEST);
	blake2b_add(&h, p + r->offset, (size_t)r->stored);
	blake2b_end(&h, r->hash);
	r->sum = record_aligned(r) ? 0 : crc32c(0, p + r->offset, (size_t)r->stored);
	for (i = 0; record_aligned(r) && i < MIN(r->length, r->stored) / PAGE_SIZE; i++)
		st32(tables + (size_t)r->runs * RUN_BYTES + i * 4, crc32c(0, p + r->offset + i * PAGE_SIZE, PAGE_SIZE));
}

/* Makes all sums and digests of a file right that can be found. */
UNUSED static void image_mend(u8 *p, size_t len)
{
	u8 *tail = p + len - TAIL_BYTES, *index;
	u64 index_at, at = HEAD_BYTES;
	size_t n, pos = 0;
	struct blake2b h;
	struct record r;

	if (len < HEAD_BYTES + RECORD_BYTES + TAIL_BYTES)
		return;
	st32(p + HEAD_CRC, crc32c(0, p, HEAD_CRC));
	index_at = ld64(tail + TAIL_INDEX);
	if (index_at >= HEAD_BYTES && index_at <= len - TAIL_BYTES - RECORD_BYTES) {
		index = p + index_at + RECORD_BYTES;
		n = len - TAIL_BYTES - RECORD_BYTES - (size_t)index_at;
		while (n - pos >= RECORD_BYTES) {
			u8 *head = index + pos;
			u64 tables;

			record_decode(&r, head);
			tables = r.runs <= RUNS_MAX && r.length <= (u64)1 << 40 ? record_tables(&r) : 0;
			if (tables > n - pos - RECORD_BYTES)
				tables = 0;
			if (tables)
				image_mend_stored(p, len, &r, head + RECORD_BYTES);
			else if (r.kind != RECORD_PAGES)
				image_mend_stored(p, len, &r, NULL);
			/* Not record_encode(): what is reserved is to stay as it is. */
			memcpy(head + RECORD_HASH, r.hash, IMAGE_DIGEST);
			st32(head + RECORD_SUM, r.sum);
			st32(head + RECORD_CRC, crc32c(crc32c(0, head, RECORD_CRC), head + RECORD_BYTES, (size_t)tables));
			if (at >= HEAD_BYTES && at + RECORD_BYTES + tables <= index_at)
				memcpy(p + at, head, (size_t)(RECORD_BYTES + tables));
			at = r.offset < len && r.stored < len ? r.offset + r.stored : len;
			pos += RECORD_BYTES + (size_t)tables;
		}
		r = (struct record){ .name = "index", .kind = RECORD_INDEX, .number = ld64(tail + TAIL_RECORDS), .length = n, .stored = n,
				     .offset = index_at + RECORD_BYTES };
		record_encode(&r, p + index_at, NULL);
		blake2b_init(&h, IMAGE_DIGEST);
		blake2b_add(&h, p, HEAD_BYTES);
		blake2b_add(&h, p + index_at, n + RECORD_BYTES);
		blake2b_end(&h, tail + TAIL_DIGEST);
	}
	st32(tail + TAIL_CRC, crc32c(0, tail, TAIL_CRC));
}

/* Reads all that a file has, as a program would: 0, or the first error. */
UNUSED static int image_read_all(struct image *img, struct error *e)
{
	struct image_chunk_info c;
	struct image_memory *mem;
	struct image_extent x;
	u64 i = 0, mfn;
	u32 k;
	int rc = 0;

	while (!rc && image_next_chunk(img, &i, &c)) {
		size_t len;
		u8 *data;

		rc = image_chunk(img, c.type, c.instance, &data, &len, e);
		if (!rc)
			free(data);
	}
	for (k = 0; !rc && (mem = image_memory_at(img, k)); k++)
		for (mfn = 0; !rc; mfn += x.count) {
			rc = image_extent(mem, mfn, &x, e);
			if (rc <= 0)
				break;
			rc = 0;
		}
	return rc;
}

#endif
