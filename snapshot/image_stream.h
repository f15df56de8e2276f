/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Snapshot files as they come, front to back: out of a pipe or a socket, where nothing can be gone back to. Each record is compared
 * with its sums before it is passed on. That all of them are what the writer wrote is only certain at the end, when the index comes.
 */
#ifndef SNAPSHOT_IMAGE_STREAM_H
#define SNAPSHOT_IMAGE_STREAM_H

#include "snapshot/image.h"

/* Who takes what comes. Each returns 0, or -errno with a sentence, which ends the reading. */
struct image_sink {
	int (*chunk)(void *opaque, const struct image_chunk_info *c, const u8 *data, struct error *e);
	/* A memory begins, which has frames below limit. */
	int (*memory)(void *opaque, const char *name, u64 limit, struct error *e);
	/*
	 * count frames of it, in rising order without a gap. same: they are as in the parent, else what kind says. data: count pages
	 * of IMAGE_DATA.
	 */
	int (*frames)(void *opaque, u64 mfn, u64 count, bool same, enum image_kind kind, const u8 *data, struct error *e);
	void *opaque;
};

/* Reads n bytes and waits for them: how many there were, fewer at the end only, or -errno. */
struct image_input {
	ssize_t (*read)(void *opaque, void *p, size_t n);
	void *opaque;
	const char *name; /* for sentences */
};

/*
 * One file. parent: the digest that its parent must have, or NULL: it may have none. 0, and its digest is in digest (which may be
 * parent); 1: the end was there before it; -errno with a sentence.
 */
int image_stream(const struct image_input *in, const u8 *parent, const struct image_sink *sink, u8 *digest, struct error *e);

#endif
