/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Snapshots as files: what of a snapshot is in which chunk of an image (snapshot/image.h). docs/snapshot-format.md.
 */
#ifndef SNAPSHOT_FILE_H
#define SNAPSHOT_FILE_H

#include "snapshot/image.h"
#include "snapshot/snapshot.h"

/* Writes s to a file of that name; what was there before stays until the new one is whole. 0, or -errno with a sentence. */
int snapshot_write(struct snapshot *s, const char *path, enum image_codec codec, struct error *e);
/*
 * The same on a thread, while the domain runs on: s goes over to it, and is freed in the end. NULL with a sentence: then s is still
 * the caller's.
 */
struct snapshot_writing;
struct snapshot_writing *snapshot_write_begin(struct snapshot *s, const char *path, enum image_codec codec, struct error *e);
/* Waits at most ns; true when it has ended. */
bool snapshot_write_done(struct snapshot_writing *w, u64 ns);
/* Waits for its end, and frees it. As snapshot_write(). */
int snapshot_write_end(struct snapshot_writing *w, struct error *e);
/* Only what the file says of its guest. 0, or -errno with a sentence. */
int snapshot_look(const char *path, struct snapshot_about *about, struct error *e);
/*
 * Reads a file whole, and compares it with its sums; its memory is made of pool's frames. 0, or -errno with a sentence; then
 * there is none.
 */
int snapshot_read(struct snapshot *s, struct frame_pool *pool, const char *path, struct error *e);

#endif
