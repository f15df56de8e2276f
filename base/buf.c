/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Byte buffers. All numbers in them are little-endian.
 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/endian.h"

void buf_free(struct buf *b)
{
	free(b->p);
	*b = (struct buf){ 0 };
}

u8 *buf_reserve(struct buf *b, size_t n)
{
	size_t cap;
	u8 *p;

	if (b->failed || n > SIZE_MAX / 4 - b->len) {
		b->failed = true;
		return NULL;
	}
	if (b->cap - b->len < n) {
		cap = b->cap ? b->cap * 2 : 256;
		while (cap - b->len < n)
			cap *= 2;
		p = realloc(b->p, cap);
		if (!p) {
			b->failed = true;
			return NULL;
		}
		b->p = p;
		b->cap = cap;
	}
	return b->p ? b->p + b->len : NULL;
}

void buf_put(struct buf *b, const void *p, size_t n)
{
	u8 *d = buf_reserve(b, n);

	if (d && n) {
		memcpy(d, p, n);
		b->len += n;
	}
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	char text[2048];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (n > 0)
		buf_put(b, text, MIN((size_t)n, sizeof text - 1));
}

void buf_put_u8(struct buf *b, u8 v)
{
	buf_put(b, &v, 1);
}

void buf_put_u16(struct buf *b, u16 v)
{
	v = le16(v);
	buf_put(b, &v, sizeof v);
}

void buf_put_u32(struct buf *b, u32 v)
{
	v = le32(v);
	buf_put(b, &v, sizeof v);
}

void buf_put_u64(struct buf *b, u64 v)
{
	v = le64(v);
	buf_put(b, &v, sizeof v);
}

void reader_init(struct reader *r, const void *p, size_t n)
{
	r->p = p;
	r->left = n;
	r->failed = false;
	r->schema = NULL;
}

const u8 *reader_get(struct reader *r, size_t n)
{
	const u8 *p = r->p;

	if (r->failed || n > r->left) {
		r->failed = true;
		return NULL;
	}
	if (n) { /* there may be nothing at all, at NULL */
		r->p += n;
		r->left -= n;
	}
	return p;
}

u8 reader_u8(struct reader *r)
{
	const u8 *p = reader_get(r, 1);

	return p ? *p : 0;
}

u16 reader_u16(struct reader *r)
{
	const u8 *p = reader_get(r, 2);

	return p ? ld16(p) : 0;
}

u32 reader_u32(struct reader *r)
{
	const u8 *p = reader_get(r, 4);

	return p ? ld32(p) : 0;
}

u64 reader_u64(struct reader *r)
{
	const u8 *p = reader_get(r, 8);

	return p ? ld64(p) : 0;
}
