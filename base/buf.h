/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A growing byte buffer, and a bounded reader over bytes.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/types.h"

struct state_schema; /* base/state.h */

struct buf {
	u8 *p;
	size_t len, cap;
	bool failed; /* an allocation failed; contents are incomplete */
	struct state_schema *schema; /* state_save() names tables there; NULL: each time in full */
};

struct reader {
	const u8 *p;
	size_t left;
	bool failed; /* someone read past the end; all later reads give zeros */
	struct state_schema *schema; /* what state_load() finds tables by; NULL: each is named in full */
};

void buf_free(struct buf *b);
/* Makes room for n more bytes; NULL (and failed set) when memory is short. */
u8 *buf_reserve(struct buf *b, size_t n);
void buf_put(struct buf *b, const void *p, size_t n);
/* Text, without its zero; more than 2047 bytes of it are cut off. */
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);
void buf_put_u8(struct buf *b, u8 v);
void buf_put_u16(struct buf *b, u16 v);
void buf_put_u32(struct buf *b, u32 v);
void buf_put_u64(struct buf *b, u64 v);

void reader_init(struct reader *r, const void *p, size_t n);
/* The next n bytes, or NULL (and failed set) when fewer are left. */
const u8 *reader_get(struct reader *r, size_t n);
u8 reader_u8(struct reader *r);
u16 reader_u16(struct reader *r);
u32 reader_u32(struct reader *r);
u64 reader_u64(struct reader *r);

#endif
