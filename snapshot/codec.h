/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the contents of a snapshot file may be packed with: blocks of a known size, each by itself, by the libraries that configure
 * found.
 */
#ifndef SNAPSHOT_CODEC_H
#define SNAPSHOT_CODEC_H

#include "base/types.h"

/* Numbers of the file format. */
enum image_codec { IMAGE_RAW, IMAGE_ZLIB, IMAGE_LZ4, IMAGE_ZSTD, IMAGE_CODECS };

/* "lz4"; and "liblz4 (liblz4-dev)", what a build needs for it. */
const char *image_codec_name(enum image_codec c);
const char *image_codec_library(enum image_codec c);
bool image_codec_builtin(enum image_codec c);
/* The fastest of those that are built in; IMAGE_RAW when none is. */
enum image_codec image_codec_best(void);
/* By name ("none" is IMAGE_RAW), or IMAGE_CODECS: no such one. */
enum image_codec image_codec_find(const char *name);

/* What the libraries keep between blocks: one for each thread that packs or unpacks. All zeros at the start. */
struct codec_state {
	void *pack, *unpack;
};
void codec_state_free(struct codec_state *s);

/* Packs n bytes into at most cap. How many they are now, or 0: they do not fit, or there is no memory. */
size_t codec_pack(struct codec_state *s, enum image_codec c, const void *in, size_t n, void *out, size_t cap);
/* True when n bytes unpack to exactly len. Never writes more, whatever they say. */
bool codec_unpack(struct codec_state *s, enum image_codec c, const void *in, size_t n, void *out, size_t len);

#endif
