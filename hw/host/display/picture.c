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
#include "base/endian.h"
#include "base/os_file.h"
#include "hw/host/display/display.h"

#define STORED_MAX 65535u
#define SCREEN "Screen" /* the keyword of the text chunk with the size of the screen */

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

/* With a word about the screen that it is of, or NULL. */
static void make_png(struct buf *b, const struct surface *s, const char *screen)
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
		if (screen)
			put_chunk(b, "tEXt", (const u8 *)screen, sizeof SCREEN + strlen(screen + sizeof SCREEN));
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
		make_png(&b, s, NULL);
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

/* ---- small pictures ---------------------------------------------------------------------------------------------- */

/* The mean of four points of two lines: in the piece of the screen that a pixel of the picture is of. */
static u32 mean(const u32 *above, const u32 *below, u64 x, u64 dx)
{
	u32 i, rb = 0, g = 0;

	for (i = 0; i < 4; i++) {
		u32 c = (i & 2 ? below : above)[(x + (i & 1 ? dx * 3 : dx) / 4) >> 16];

		rb += c & 0xff00ff;
		g += c & 0x00ff00;
	}
	return (rb >> 2 & 0xff00ff) | (g >> 2 & 0x00ff00);
}

int picture_make(struct console_note *n, const void *ram, struct picture *out)
{
	u32 longer = MAX(n->width, n->height), w = n->width, h = n->height, x, y;
	u32 *lines = malloc((size_t)n->width * 2 * sizeof *lines);
	u64 dx, dy;

	*out = (struct picture){ .width = n->width, .height = n->height };
	if (longer > PICTURE_MAX) {
		w = MAX(1u, w * PICTURE_MAX / longer);
		h = MAX(1u, h * PICTURE_MAX / longer);
	}
	out->s = (struct surface){ w, h, w, malloc((size_t)w * h * sizeof(u32)) };
	if (!out->s.pixels || !lines) {
		free(lines);
		picture_free(out);
		return -ENOMEM;
	}
	/* Steps with 16 bits behind the point. */
	dx = ((u64)n->width << 16) / w;
	dy = ((u64)n->height << 16) / h;
	for (y = 0; y < h; y++) {
		n->line(n, ram, (u32)((y * dy + dy / 4) >> 16), lines);
		n->line(n, ram, (u32)((y * dy + dy * 3 / 4) >> 16), lines + n->width);
		for (x = 0; x < w; x++)
			out->s.pixels[(size_t)y * w + x] = mean(lines, lines + n->width, x * dx, dx);
	}
	free(lines);
	return 0;
}

void picture_free(struct picture *p)
{
	free(p->s.pixels);
	*p = (struct picture){ 0 };
}

int picture_png(const struct picture *p, struct buf *out)
{
	char text[40] = SCREEN;

	snprintf(text + sizeof SCREEN, sizeof text - sizeof SCREEN, "%u x %u", p->width, p->height);
	make_png(out, &p->s, text);
	return out->failed ? -ENOMEM : 0;
}

/* Unpacks exactly len bytes: 0, -EINVAL, or -ENOTSUP where only what is stored can be read. */
static int inflated(const u8 *p, size_t n, u8 *out, size_t len)
{
#if HAVE_ZLIB
	uLongf got = (uLongf)len;

	return uncompress(out, &got, p, (uLong)n) == Z_OK && got == len ? 0 : -EINVAL;
#else
	size_t at = 2, done = 0;
	bool last = false;

	if (n < 2)
		return -EINVAL;
	while (!last) {
		size_t k;

		if (n - at < 5 || p[at] > 1)
			return n - at < 5 ? -EINVAL : -ENOTSUP;
		last = p[at];
		k = ld16(p + at + 1);
		at += 5;
		if (k > n - at || k > len - done)
			return -EINVAL;
		memcpy(out + done, p + at, k);
		done += k;
		at += k;
	}
	return done == len ? 0 : -EINVAL;
#endif
}

static int take_pixels(struct picture *p, const u8 *data, size_t n, u32 w, u32 h)
{
	size_t line = (size_t)w * 3 + 1, len = line * h;
	u8 *raw = malloc(len);
	u32 x, y;
	int rc;

	p->s = (struct surface){ w, h, w, malloc((size_t)w * h * sizeof(u32)) };
	rc = raw && p->s.pixels ? inflated(data, n, raw, len) : -ENOMEM;
	for (y = 0; y < h && !rc; y++) {
		const u8 *q = raw + y * line;

		/* A filter is another program's. */
		if (*q++)
			rc = -EINVAL;
		for (x = 0; x < w; x++, q += 3)
			p->s.pixels[(size_t)y * w + x] = (u32)q[0] << 16 | (u32)q[1] << 8 | q[2];
	}
	free(raw);
	return rc;
}

static u32 be32(const u8 *p)
{
	return (u32)p[0] << 24 | (u32)p[1] << 16 | (u32)p[2] << 8 | p[3];
}

int picture_read(struct picture *p, const u8 *data, size_t n)
{
	u32 w = 0, h = 0;
	size_t at = 8;
	int rc = -EINVAL;

	*p = (struct picture){ 0 };
	while (rc == -EINVAL && n > at && n - at >= 12 && be32(data + at) <= n - at - 12) {
		u32 len = be32(data + at);
		const u8 *type = data + at + 4, *body = data + at + 8;
		char text[32] = "";

		at += 12 + (size_t)len;
		if (!memcmp(type, "IHDR", 4) && len == 13 && !memcmp(body + 8, "\x08\x02\0\0\0", 5)) {
			w = p->width = be32(body);
			h = p->height = be32(body + 4);
			if (!w || !h || w > PICTURE_MAX || h > PICTURE_MAX)
				break;
		} else if (!memcmp(type, "tEXt", 4) && len > sizeof SCREEN && len < sizeof text && !memcmp(body, SCREEN, sizeof SCREEN)) {
			memcpy(text, body + sizeof SCREEN, len - sizeof SCREEN);
			sscanf(text, "%u x %u", &p->width, &p->height);
		} else if (!memcmp(type, "IDAT", 4) && w) {
			rc = take_pixels(p, body, len, w, h);
			break;
		}
	}
	if (rc)
		picture_free(p);
	return rc;
}
