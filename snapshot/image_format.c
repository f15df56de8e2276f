/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Heads of records in bytes and back.
 */
#include "snapshot/image_format.h"

#include <string.h>

#include "base/endian.h"
#include "snapshot/crc32c.h"

bool record_aligned(const struct record *r)
{
	return r->kind == RECORD_PAGES && r->codec == IMAGE_RAW && r->length;
}

u64 record_tables(const struct record *r)
{
	return (u64)r->runs * RUN_BYTES + (record_aligned(r) ? r->length / PAGE_SIZE * 4 : 0);
}

u64 record_offset(const struct record *r, u64 at)
{
	at += RECORD_BYTES + record_tables(r);
	return record_aligned(r) ? ALIGN_UP(at, PAGE_SIZE) : at;
}

bool record_name_good(const char *name)
{
	size_t i, n = strnlen(name, 8);

	for (i = 0; i < n; i++)
		if (name[i] <= ' ' || name[i] > '~')
			return false;
	for (i = n; i < 8; i++)
		if (name[i])
			return false;
	return n != 0;
}

void record_encode(const struct record *r, u8 *head, const void *tables)
{
	memset(head, 0, RECORD_BYTES);
	memcpy(head + RECORD_NAME, r->name, 8);
	st8(head + RECORD_KIND, r->kind);
	st8(head + RECORD_CODEC, r->codec);
	st16(head + RECORD_FLAGS, r->flags);
	st32(head + RECORD_RUNS, r->runs);
	st64(head + RECORD_NUMBER, r->number);
	st64(head + RECORD_LENGTH, r->length);
	st64(head + RECORD_STORED, r->stored);
	st64(head + RECORD_OFFSET, r->offset);
	memcpy(head + RECORD_HASH, r->hash, IMAGE_DIGEST);
	st32(head + RECORD_SUM, r->sum);
	st32(head + RECORD_CRC, crc32c(crc32c(0, head, RECORD_CRC), tables, (size_t)record_tables(r)));
}

void record_decode(struct record *r, const u8 *head)
{
	memcpy(r->name, head + RECORD_NAME, 8);
	r->name[8] = 0;
	r->kind = ld8(head + RECORD_KIND);
	r->codec = ld8(head + RECORD_CODEC);
	r->flags = ld16(head + RECORD_FLAGS);
	r->runs = ld32(head + RECORD_RUNS);
	r->number = ld64(head + RECORD_NUMBER);
	r->length = ld64(head + RECORD_LENGTH);
	r->stored = ld64(head + RECORD_STORED);
	r->offset = ld64(head + RECORD_OFFSET);
	memcpy(r->hash, head + RECORD_HASH, IMAGE_DIGEST);
	r->sum = ld32(head + RECORD_SUM);
}
