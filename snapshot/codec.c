/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packed blocks of snapshot files: zlib's streams (RFC 1950), LZ4 blocks (no frame around them), Zstandard frames (RFC 8878). All
 * at their fastest levels, since a guest may be waiting.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "snapshot/codec.h"

#include <string.h>

#if HAVE_ZLIB
#include <zlib.h>
#endif
#if HAVE_LZ4
#include <lz4.h>
#endif
#if HAVE_ZSTD
#include <zstd.h>
#endif

#define BLOCK_MAX (1u << 30) /* the libraries count in ints */

static const struct {
	const char *name, *library;
	bool builtin;
} codecs[IMAGE_CODECS] = {
	[IMAGE_RAW] = { "none", "nothing", true },
	[IMAGE_ZLIB] = { "zlib", "zlib (zlib1g-dev)", HAVE_ZLIB },
	[IMAGE_LZ4] = { "lz4", "liblz4 (liblz4-dev)", HAVE_LZ4 },
	[IMAGE_ZSTD] = { "zstd", "libzstd (libzstd-dev)", HAVE_ZSTD },
};

const char *image_codec_name(enum image_codec c)
{
	return c < IMAGE_CODECS ? codecs[c].name : "?";
}

const char *image_codec_library(enum image_codec c)
{
	return c < IMAGE_CODECS ? codecs[c].library : "?";
}

bool image_codec_builtin(enum image_codec c)
{
	return c < IMAGE_CODECS && codecs[c].builtin;
}

enum image_codec image_codec_best(void)
{
	return HAVE_LZ4 ? IMAGE_LZ4 : HAVE_ZSTD ? IMAGE_ZSTD : HAVE_ZLIB ? IMAGE_ZLIB : IMAGE_RAW;
}

enum image_codec image_codec_find(const char *name)
{
	int c;

	for (c = 0; c < IMAGE_CODECS; c++)
		if (!strcmp(codecs[c].name, name))
			break;
	return (enum image_codec)c;
}

void codec_state_free(struct codec_state *s)
{
#if HAVE_ZSTD
	ZSTD_freeCCtx(s->pack);
	ZSTD_freeDCtx(s->unpack);
#endif
	*s = (struct codec_state){ 0 };
}

size_t codec_pack(struct codec_state *s, enum image_codec c, const void *in, size_t n, void *out, size_t cap)
{
	if (n > BLOCK_MAX || !n)
		return 0;
	cap = MIN(cap, BLOCK_MAX);
	switch (c) {
#if HAVE_ZLIB
	case IMAGE_ZLIB: {
		z_stream z = { .next_in = (z_const Bytef *)in, .avail_in = (uInt)n, .next_out = out, .avail_out = (uInt)cap };
		bool whole;

		if (deflateInit(&z, 1) != Z_OK)
			return 0;
		whole = deflate(&z, Z_FINISH) == Z_STREAM_END;
		deflateEnd(&z);
		return whole ? cap - z.avail_out : 0;
	}
#endif
#if HAVE_LZ4
	case IMAGE_LZ4: {
		int got = LZ4_compress_default(in, out, (int)n, (int)cap);

		return got > 0 ? (size_t)got : 0;
	}
#endif
#if HAVE_ZSTD
	case IMAGE_ZSTD: {
		size_t got;

		if (!s->pack)
			s->pack = ZSTD_createCCtx();
		if (!s->pack)
			return 0;
		got = ZSTD_compressCCtx(s->pack, out, cap, in, n, 1);
		return ZSTD_isError(got) ? 0 : got;
	}
#endif
	default:
		return 0;
	}
}

bool codec_unpack(struct codec_state *s, enum image_codec c, const void *in, size_t n, void *out, size_t len)
{
	if (n > BLOCK_MAX || len > BLOCK_MAX)
		return false;
	switch (c) {
	case IMAGE_RAW:
		if (n == len)
			memcpy(out, in, n);
		return n == len;
#if HAVE_ZLIB
	case IMAGE_ZLIB: {
		z_stream z = { .next_in = (z_const Bytef *)in, .avail_in = (uInt)n, .next_out = out, .avail_out = (uInt)len };
		bool whole;

		if (inflateInit(&z) != Z_OK)
			return false;
		whole = inflate(&z, Z_FINISH) == Z_STREAM_END && !z.avail_out && !z.avail_in;
		inflateEnd(&z);
		return whole;
	}
#endif
#if HAVE_LZ4
	case IMAGE_LZ4:
		return LZ4_decompress_safe(in, out, (int)n, (int)len) == (int)len;
#endif
#if HAVE_ZSTD
	case IMAGE_ZSTD:
		if (!s->unpack)
			s->unpack = ZSTD_createDCtx();
		return s->unpack && ZSTD_decompressDCtx(s->unpack, out, len, in, n) == len;
#endif
	default:
		return false;
	}
}
