/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pictures of a surface: PNG (W3C Portable Network Graphics: 8-bit RGB, no filter) and PPM (P6). Without zlib the PNG's
 * data is stored, not compressed (RFC 1950, 1951).
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if HAVE_ZLIB
#include <zlib.h>
#endif

#include "base/buf.h"
#include "base/os_file.h"
#include "hw/host/display/display.h"

#define STORED_MAX 65535u

static void put_be32(struct buf *b, u32 v)
{
	u8 p[4] = { (u8)(v >> 24), (u8)(v >> 16), (u8)(v >> 8), (u8)v };

	buf_put(b, p, sizeof p);
}

/* The checksum of a chunk: the CRC of ISO 3309. */
static u32 chunk_crc(const u8 *p, size_t n)
{
	u32 crc = 0xffffffff, i;

	while (n--) {
		crc ^= *p++;
		for (i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

static void put_chunk(struct buf *b, const char *type, const u8 *p, size_t n)
{
	size_t start;

	put_be32(b, (u32)n);
	start = b->len;
	buf_put(b, type, 4);
	if (n)
		buf_put(b, p, n);
	if (!b->failed)
		put_be32(b, chunk_crc(b->p + start, b->len - start));
}

#if !HAVE_ZLIB
static u32 adler(const u8 *p, size_t n)
{
	u32 a = 1, s = 0;

	while (n--) {
		a = (a + *p++) % 65521;
		s = (s + a) % 65521;
	}
	return s << 16 | a;
}
#endif

/* The zlib stream of n bytes. */
static void deflated(struct buf *out, const u8 *p, size_t n)
{
#if HAVE_ZLIB
	uLongf len = compressBound((uLong)n);
	u8 *at = buf_reserve(out, len);

	if (!at || compress2(at, &len, p, (uLong)n, 6) != Z_OK)
		out->failed = true;
	else
		out->len = len;
#else
	size_t left = n;
	const u8 *q = p;

	buf_put_u16(out, 0x0178);
	do {
		u32 k = (u32)MIN(left, STORED_MAX);

		left -= k;
		buf_put_u8(out, !left);
		buf_put_u16(out, (u16)k);
		buf_put_u16(out, (u16)~k);
		buf_put(out, q, k);
		q += k;
	} while (left);
	put_be32(out, adler(p, n));
#endif
}

/* Lines of three bytes a pixel, with lead bytes of zero before each. */
static void put_lines(struct buf *b, const struct surface *s, u32 lead)
{
	u32 x, y;

	for (y = 0; y < s->height && !b->failed; y++) {
		const u32 *line = s->pixels + (size_t)y * s->stride;

		if (lead)
			buf_put_u8(b, 0);
		for (x = 0; x < s->width; x++) {
			u8 rgb[3] = { (u8)(line[x] >> 16), (u8)(line[x] >> 8), (u8)line[x] };

			buf_put(b, rgb, sizeof rgb);
		}
	}
}

static void make_png(struct buf *b, const struct surface *s)
{
	static const u8 signature[8] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n' };
	struct buf head = { 0 }, lines = { 0 }, data = { 0 };

	buf_put(b, signature, sizeof signature);
	put_be32(&head, s->width);
	put_be32(&head, s->height);
	buf_put(&head, "\x08\x02\0\0\0", 5); /* 8 bits, RGB, deflate, no filter, not interlaced */
	put_lines(&lines, s, 1);
	if (!lines.failed)
		deflated(&data, lines.p, lines.len);
	b->failed |= head.failed | lines.failed | data.failed;
	if (!b->failed) {
		put_chunk(b, "IHDR", head.p, head.len);
		put_chunk(b, "IDAT", data.p, data.len);
		put_chunk(b, "IEND", NULL, 0);
	}
	buf_free(&head);
	buf_free(&lines);
	buf_free(&data);
}

static void make_ppm(struct buf *b, const struct surface *s)
{
	char text[48];

	buf_put(b, text, (size_t)snprintf(text, sizeof text, "P6\n%u %u\n255\n", s->width, s->height));
	put_lines(b, s, 0);
}

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), k = strlen(end);

	return n >= k && !strcmp(s + n - k, end);
}

int picture_write(const struct surface *s, const char *path, enum screendump_format format, struct error *e)
{
	struct buf b = { 0 };
	int rc = 0;
	FILE *f;

	if (format == SCREENDUMP_AUTO)
		format = ends_with(path, ".ppm") || ends_with(path, ".PPM") ? SCREENDUMP_PPM : SCREENDUMP_PNG;
	if (format == SCREENDUMP_PPM)
		make_ppm(&b, s);
	else
		make_png(&b, s);
	if (b.failed) {
		buf_free(&b);
		return error_set(e, -ENOMEM, "the host is out of memory for a picture of %u x %u", s->width, s->height);
	}
	errno = 0;
	f = os_fopen(path, "wb");
	if (!f || fwrite(b.p, 1, b.len, f) != b.len)
		rc = errno ? -errno : -EIO;
	if (f && fclose(f) && !rc)
		rc = errno ? -errno : -EIO;
	buf_free(&b);
	if (rc)
		error_set(e, rc, "the picture %.200s cannot be written (%s): name a file in a directory you may write to", path,
			  os_open_error(-rc));
	return rc;
}
