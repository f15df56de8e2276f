/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unpacking of kernel payloads, each codec by its own library when configure found it.
 * Formats: RFC 1952, the xz and zstd format papers, lz4's frame and its legacy one, lzop's container. One stream only: members
 * appended to a gzip or xz stream are not read.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "xen/load/decompress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"

#if HAVE_ZLIB
#include <zlib.h>
#endif
#if HAVE_BZ2
#include <bzlib.h>
#endif
#if HAVE_LZMA
#include <lzma.h>
#endif
#if HAVE_LZO
#include <lzo/lzo1x.h>
#endif
#if HAVE_LZ4
#include <lz4.h>
#include <lz4frame.h>
#endif
#if HAVE_ZSTD
#include <zstd.h>
#endif

/* A library gets this much room at a time, so that progress can be told and growth is even. */
#define STEP (4u << 20)

enum result { DONE, MORE, DAMAGED, TRUNCATED, TOO_BIG, NO_MEMORY, STOPPED };

struct unpack {
	const u8 *in;
	size_t len;  /* bytes of input */
	size_t used; /* of them taken so far */
	u8 *out;
	size_t have, cap;
	size_t limit;
	const struct xen_progress *progress;
	const char *what;
};

/* Makes room for at least n more bytes (n at most STEP or one block). Going past the limit is for the caller to see. */
static UNUSED enum result room(struct unpack *u, size_t n)
{
	size_t cap = u->cap;
	u8 *p;

	if (u->cap - u->have >= n)
		return MORE;
	if (u->have > u->limit || n > SIZE_MAX / 4 - u->have)
		return TOO_BIG;
	cap = MAX(cap + cap / 2, u->have + n);
	p = realloc(u->out, cap);
	if (!p)
		return NO_MEMORY;
	u->out = p;
	u->cap = cap;
	return MORE;
}

/* Books n bytes written at out + have. */
static UNUSED enum result wrote(struct unpack *u, size_t n)
{
	u->have += n;
	if (u->have > u->limit)
		return TOO_BIG;
	if (u->progress && u->progress->step)
		u->progress->step(u->progress->opaque, u->what, u->used, u->len);
	return pv_stopped(u->progress) ? STOPPED : MORE;
}

#if HAVE_ZLIB
static enum result run_gzip(struct unpack *u)
{
	z_stream z = { 0 };
	enum result r = MORE;

	if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
		return NO_MEMORY;
	z.next_in = (z_const Bytef *)u->in;
	z.avail_in = (uInt)u->len;
	while (r == MORE && (r = room(u, 1)) == MORE) {
		uInt n = (uInt)MIN(u->cap - u->have, STEP);
		int rc;

		z.next_out = u->out + u->have;
		z.avail_out = n;
		rc = inflate(&z, Z_NO_FLUSH);
		u->used = u->len - z.avail_in;
		r = wrote(u, n - z.avail_out);
		if (r != MORE)
			break;
		if (rc == Z_STREAM_END)
			r = DONE;
		else if (rc == Z_MEM_ERROR)
			r = NO_MEMORY;
		else if (rc != Z_OK && rc != Z_BUF_ERROR)
			r = DAMAGED;
		else if (!z.avail_in && z.avail_out)
			r = TRUNCATED;
	}
	inflateEnd(&z);
	return r;
}
#endif

#if HAVE_BZ2
static enum result run_bzip2(struct unpack *u)
{
	bz_stream z = { 0 };
	enum result r = MORE;

	if (BZ2_bzDecompressInit(&z, 0, 0) != BZ_OK)
		return NO_MEMORY;
	z.next_in = (char *)(uintptr_t)u->in;
	z.avail_in = (unsigned)u->len;
	while (r == MORE && (r = room(u, 1)) == MORE) {
		unsigned n = (unsigned)MIN(u->cap - u->have, STEP);
		int rc;

		z.next_out = (char *)u->out + u->have;
		z.avail_out = n;
		rc = BZ2_bzDecompress(&z);
		u->used = u->len - z.avail_in;
		r = wrote(u, n - z.avail_out);
		if (r != MORE)
			break;
		if (rc == BZ_STREAM_END)
			r = DONE;
		else if (rc == BZ_MEM_ERROR)
			r = NO_MEMORY;
		else if (rc != BZ_OK)
			r = DAMAGED;
		else if (!z.avail_in && z.avail_out)
			r = TRUNCATED;
	}
	BZ2_bzDecompressEnd(&z);
	return r;
}
#endif

#if HAVE_LZMA
/* Dictionaries of kernels are 32 MiB to 128 MiB; a stream that asks for more than this is not a kernel. */
#define LZMA_MEMORY (512u << 20)

static enum result run_lzma_stream(struct unpack *u, lzma_stream *z)
{
	enum result r = MORE;

	z->next_in = u->in;
	z->avail_in = u->len;
	while (r == MORE && (r = room(u, 1)) == MORE) {
		size_t n = MIN(u->cap - u->have, STEP);
		lzma_ret rc;

		z->next_out = u->out + u->have;
		z->avail_out = n;
		rc = lzma_code(z, LZMA_RUN);
		u->used = u->len - z->avail_in;
		r = wrote(u, n - z->avail_out);
		if (r != MORE)
			break;
		if (rc == LZMA_STREAM_END)
			r = DONE;
		else if (rc == LZMA_MEM_ERROR || rc == LZMA_MEMLIMIT_ERROR)
			r = NO_MEMORY;
		else if (rc != LZMA_OK && rc != LZMA_BUF_ERROR)
			r = DAMAGED;
		else if (!z->avail_in && z->avail_out)
			r = TRUNCATED;
	}
	lzma_end(z);
	return r;
}

static enum result run_lzma(struct unpack *u)
{
	lzma_stream z = LZMA_STREAM_INIT;

	if (lzma_alone_decoder(&z, LZMA_MEMORY) != LZMA_OK)
		return NO_MEMORY;
	return run_lzma_stream(u, &z);
}

static enum result run_xz(struct unpack *u)
{
	lzma_stream z = LZMA_STREAM_INIT;

	if (lzma_stream_decoder(&z, LZMA_MEMORY, 0) != LZMA_OK)
		return NO_MEMORY;
	return run_lzma_stream(u, &z);
}
#endif

#if HAVE_LZO
/* lzop's header flags that say which checksums stand before each block, and the largest block it writes. */
#define LZOP_ADLER32_D 0x1u
#define LZOP_ADLER32_C 0x2u
#define LZOP_EXTRA 0x40u
#define LZOP_CRC32_D 0x100u
#define LZOP_CRC32_C 0x200u
#define LZOP_FILTER 0x800u
#define LZOP_BLOCK (64u << 20)

static enum result run_lzo(struct unpack *u)
{
	size_t at = 9, sums_d, sums_c;
	enum result r;
	u32 flags, version;

	if (lzo_init() != LZO_E_OK)
		return NO_MEMORY;
	/* Version, library version, version needed, method, level, flags, [filter], mode, mtime, name, checksum. */
	if (u->len < at + 2)
		return TRUNCATED;
	version = (u32)u->in[at] << 8 | u->in[at + 1];
	at += version >= 0x0940 ? 8 : 5;
	if (u->len < at + 4)
		return TRUNCATED;
	flags = ldbe32(u->in + at);
	if (flags & LZOP_EXTRA)
		return DAMAGED;
	at += 4 + (flags & LZOP_FILTER ? 4 : 0) + 8 + (version >= 0x0940 ? 4 : 0);
	if (u->len < at + 1 || u->len - at - 1 < (size_t)u->in[at] + 4)
		return TRUNCATED;
	at += 1 + u->in[at] + 4;
	sums_d = 4 * (!!(flags & LZOP_ADLER32_D) + !!(flags & LZOP_CRC32_D));
	sums_c = 4 * (!!(flags & LZOP_ADLER32_C) + !!(flags & LZOP_CRC32_C));

	for (;;) {
		u32 dst, src;

		if (u->len - at < 4)
			return TRUNCATED;
		dst = ldbe32(u->in + at);
		at += 4;
		if (!dst)
			break;
		if (u->len - at < 4)
			return TRUNCATED;
		src = ldbe32(u->in + at);
		at += 4;
		if (dst > LZOP_BLOCK || src > dst)
			return DAMAGED;
		if (dst > u->limit - MIN(u->have, u->limit))
			return TOO_BIG;
		/* A block that did not shrink is stored, and has no checksum of its packed form. */
		if (u->len - at < sums_d + (src < dst ? sums_c : 0))
			return TRUNCATED;
		at += sums_d + (src < dst ? sums_c : 0);
		if (u->len - at < src)
			return TRUNCATED;
		r = room(u, dst);
		if (r != MORE)
			return r;
		if (src == dst) {
			memcpy(u->out + u->have, u->in + at, dst);
		} else {
			lzo_uint n = dst;

			if (lzo1x_decompress_safe(u->in + at, src, u->out + u->have, &n, NULL) != LZO_E_OK || n != dst)
				return DAMAGED;
		}
		at += src;
		u->used = at;
		r = wrote(u, dst);
		if (r != MORE)
			return r;
	}
	u->used = at;
	return DONE;
}
#endif

#if HAVE_LZ4
/* `lz4 -l`: magic, then blocks of {u32 packed size, bytes} that unpack to at most 8 MiB each; no end mark. */
#define LZ4_LEGACY_MAGIC 0x184c2102u
#define LZ4_LEGACY_BLOCK (8u << 20)

static enum result run_lz4(struct unpack *u)
{
	size_t at = 4;
	bool full = true;

	/* Without an end mark, what follows a block that is not full is not ours (a bzImage's size trailer). */
	while (full && u->len - at >= 4) {
		u32 n = ld32(u->in + at);
		enum result r;
		int got;

		if (n == LZ4_LEGACY_MAGIC) {
			at += 4;
			continue;
		}
		if (u->len - at == 4)
			break;
		if (!n || n > LZ4_LEGACY_BLOCK + LZ4_LEGACY_BLOCK / 16)
			return DAMAGED;
		if (u->len - at - 4 < n)
			return TRUNCATED;
		r = room(u, LZ4_LEGACY_BLOCK);
		if (r != MORE)
			return r;
		got = LZ4_decompress_safe((const char *)u->in + at + 4, (char *)u->out + u->have, (int)n,
					  (int)LZ4_LEGACY_BLOCK);
		if (got < 0)
			return DAMAGED;
		at += 4 + (size_t)n;
		u->used = at;
		full = (u32)got == LZ4_LEGACY_BLOCK;
		r = wrote(u, (size_t)got);
		if (r != MORE)
			return r;
	}
	return u->used ? DONE : TRUNCATED;
}

/* What `lz4` writes unless it is told -l. */
static enum result run_lz4_frame(struct unpack *u)
{
	LZ4F_dctx *z;
	enum result r = MORE;

	if (LZ4F_isError(LZ4F_createDecompressionContext(&z, LZ4F_VERSION)))
		return NO_MEMORY;
	while (r == MORE && (r = room(u, 1)) == MORE) {
		size_t got = MIN(u->cap - u->have, STEP), room_for = got, took = u->len - u->used;
		size_t rc = LZ4F_decompress(z, u->out + u->have, &got, u->in + u->used, &took, NULL);

		u->used += took;
		r = wrote(u, got);
		if (r != MORE)
			break;
		if (LZ4F_isError(rc))
			r = DAMAGED;
		else if (!rc)
			r = DONE;
		else if (u->used == u->len && got < room_for)
			r = TRUNCATED;
	}
	LZ4F_freeDecompressionContext(z);
	return r;
}
#endif

#if HAVE_ZSTD
static enum result run_zstd(struct unpack *u)
{
	ZSTD_DStream *z = ZSTD_createDStream();
	ZSTD_inBuffer in = { u->in, u->len, 0 };
	enum result r = MORE;

	if (!z)
		return NO_MEMORY;
	while (r == MORE && (r = room(u, 1)) == MORE) {
		ZSTD_outBuffer out = { u->out + u->have, MIN(u->cap - u->have, STEP), 0 };
		size_t rc = ZSTD_decompressStream(z, &out, &in);

		u->used = in.pos;
		r = wrote(u, out.pos);
		if (r != MORE)
			break;
		if (ZSTD_isError(rc))
			r = DAMAGED;
		else if (!rc)
			r = DONE;
		else if (in.pos == in.size && out.pos < out.size)
			r = TRUNCATED;
	}
	ZSTD_freeDStream(z);
	return r;
}
#endif

#if !HAVE_ZLIB
#define run_gzip NULL
#define BUILTIN_GZIP ""
#else
#define BUILTIN_GZIP " gzip"
#endif
#if !HAVE_BZ2
#define run_bzip2 NULL
#define BUILTIN_BZ2 ""
#else
#define BUILTIN_BZ2 " bzip2"
#endif
#if !HAVE_LZMA
#define run_lzma NULL
#define run_xz NULL
#define BUILTIN_LZMA ""
#else
#define BUILTIN_LZMA " lzma xz"
#endif
#if !HAVE_LZO
#define run_lzo NULL
#define BUILTIN_LZO ""
#else
#define BUILTIN_LZO " lzo"
#endif
#if !HAVE_LZ4
#define run_lz4 NULL
#define run_lz4_frame NULL
#define BUILTIN_LZ4 ""
#else
#define BUILTIN_LZ4 " lz4"
#endif
#if !HAVE_ZSTD
#define run_zstd NULL
#define BUILTIN_ZSTD ""
#else
#define BUILTIN_ZSTD " zstd"
#endif

static const struct codec_desc {
	const char *name;
	const char *library; /* and the Debian package that has it */
	u8 magic_len;
	u8 magic[9];
	enum result (*run)(struct unpack *u);
} codecs[CODEC_COUNT] = {
	[CODEC_GZIP] = { "gzip", "zlib (zlib1g-dev)", 3, { 0x1f, 0x8b, 8 }, run_gzip },
	[CODEC_BZIP2] = { "bzip2", "libbz2 (libbz2-dev)", 3, { 'B', 'Z', 'h' }, run_bzip2 },
	/* The old lzma format has no magic: the usual properties byte and a dictionary of a multiple of 64 KiB. */
	[CODEC_LZMA] = { "lzma", "liblzma (liblzma-dev)", 3, { 0x5d, 0, 0 }, run_lzma },
	[CODEC_XZ] = { "xz", "liblzma (liblzma-dev)", 6, { 0xfd, '7', 'z', 'X', 'Z', 0 }, run_xz },
	[CODEC_LZO] = { "lzo",
			"liblzo2 (liblzo2-dev)",
			9,
			{ 0x89, 'L', 'Z', 'O', 0, '\r', '\n', 0x1a, '\n' },
			run_lzo },
	[CODEC_LZ4] = { "lz4", "liblz4 (liblz4-dev)", 4, { 0x02, 0x21, 0x4c, 0x18 }, run_lz4 },
	[CODEC_LZ4_FRAME] = { "lz4", "liblz4 (liblz4-dev)", 4, { 0x04, 0x22, 0x4d, 0x18 }, run_lz4_frame },
	[CODEC_ZSTD] = { "zstd", "libzstd (libzstd-dev)", 4, { 0x28, 0xb5, 0x2f, 0xfd }, run_zstd },
};

enum codec codec_detect(const u8 *in, size_t len)
{
	int c;

	for (c = CODEC_NONE + 1; c < CODEC_COUNT; c++)
		if (len >= codecs[c].magic_len && !memcmp(in, codecs[c].magic, codecs[c].magic_len))
			return (enum codec)c;
	return CODEC_NONE;
}

const char *codec_name(enum codec c)
{
	return c > CODEC_NONE && c < CODEC_COUNT ? codecs[c].name : "none";
}

bool codec_builtin(enum codec c)
{
	return c > CODEC_NONE && c < CODEC_COUNT && codecs[c].run;
}

const char *decompress_builtin(void)
{
	static const char list[] = BUILTIN_GZIP BUILTIN_BZ2 BUILTIN_LZMA BUILTIN_LZO BUILTIN_LZ4 BUILTIN_ZSTD;

	return sizeof list > 1 ? list + 1 : "none";
}

int decompress(enum codec c, const u8 *in, size_t len, size_t limit, size_t hint, const struct xen_progress *progress,
	       const char *name, struct unpacked *out, struct error *e)
{
	struct unpack u = { .in = in, .len = len, .limit = limit, .progress = progress };
	const struct codec_desc *d = &codecs[c];
	enum result r;
	int rc;

	if (!codec_builtin(c))
		return error_set(
			e, -ENOTSUP,
			"%s is packed with %s, which this build cannot unpack: build it with %s, or unpack the "
			"kernel first (extract-vmlinux)",
			name, codec_name(c), c > CODEC_NONE && c < CODEC_COUNT ? d->library : "its library");
	/* zlib and libbz2 count input in unsigned ints. */
	if (len > 0x7fffffff)
		return error_set(e, -EFBIG, "%s: a %s stream of %zu bytes is more than any kernel has", name, d->name,
				 len);
	u.what = d->name;
	/* No codec packs far better than 1 to 1000, so that a lying hint costs nothing. */
	u.cap = MIN(MIN(hint, limit), len > limit / 1024 ? limit : len * 1024) + 65536;
	u.out = malloc(u.cap);
	r = u.out ? d->run(&u) : NO_MEMORY;
	if (r == DONE) {
		*out = (struct unpacked){ .p = u.out, .len = u.have, .used = u.used };
		return 0;
	}
	free(u.out);
	switch (r) {
	case TOO_BIG:
		rc = error_set(e, -EFBIG, "%s: its %s stream unpacks to more than %zu MiB, the limit for a kernel",
			       name, d->name, limit >> 20);
		break;
	case TRUNCATED:
		rc = error_set(e, -EINVAL,
			       "%s is truncated: its %s stream breaks off after %zu bytes; get the file again", name,
			       d->name, len);
		break;
	case NO_MEMORY:
		rc = error_set(e, -ENOMEM, "%s: not enough memory to unpack its %s stream (%zu bytes unpacked so far)",
			       name, d->name, u.have);
		break;
	case STOPPED:
		rc = error_set(e, -EINTR, "%s: asked to end while its %s stream was unpacked", name, d->name);
		break;
	default:
		rc = error_set(e, -EINVAL,
			       "%s is damaged: its %s stream cannot be unpacked beyond byte %zu; get the file again",
			       name, d->name, u.used);
		break;
	}
	return rc;
}
