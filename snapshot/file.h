/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Snapshots as files: what of a snapshot is in which chunk of an image (snapshot/image.h). docs/snapshot-format.md.
 */
#ifndef SNAPSHOT_FILE_H
#define SNAPSHOT_FILE_H

#include "snapshot/image.h"
#include "snapshot/snapshot.h"

/* Chunks: struct snapshot_about and struct snapshot_disks, the domain's states; and the memory. */
#define SNAPSHOT_ABOUT "about"
#define SNAPSHOT_STATE "state"
#define SNAPSHOT_RAM "ram"
#define SNAPSHOT_PICTURE "picture" /* the chunk with the picture of the screen, a PNG; it may be missing */

/*
 * Writes s to a file of that name; what was there before stays until the new one is whole. A parent must be in the same folder.
 * From then on s is that file. 0, or -errno with a sentence.
 */
int snapshot_write(struct snapshot *s, const char *path, enum image_codec codec, struct error *e);
/*
 * The same on a thread, while the domain runs on: s goes over to it, and is freed in the end. NULL with a sentence: then s is still
 * the caller's.
 */
struct snapshot_writing;
struct snapshot_writing *snapshot_write_begin(struct snapshot *s, const char *path, enum image_codec codec, struct error *e);
/* Waits at most ns; true when it has ended. */
bool snapshot_write_done(struct snapshot_writing *w, u64 ns);
/* How many of its frames are written so far. */
void snapshot_write_progress(const struct snapshot_writing *w, u64 *told, u64 *all);
/* Waits for its end, and frees it. As snapshot_write(); *base (NULL is allowed) becomes what it returned in s->file. */
int snapshot_write_end(struct snapshot_writing *w, struct snapshot_base **base, struct error *e);
/*
 * What is written in an image for somebody who takes it as it comes: the memory against the image with this digest, or whole; the
 * states only at the end. 0, and the digest of this one is in digest (which may be parent); or -errno with a sentence.
 */
struct snapshot_part {
	const u8 *parent; /* NULL: none; s->changed tells of it */
	bool states;
	bool answers, paused; /* the peer can be asked and told; the guest does not run on there by itself */
	enum image_codec codec;
};
int snapshot_send(struct snapshot *s, const struct image_output *to, const struct snapshot_part *part, u8 *digest, struct error *e);

/* The same read as it comes, into a snapshot that is all zeros. */
struct image_input;
int snapshot_receive(struct snapshot *s, struct frame_pool *pool, const struct image_input *in, struct snapshot_part *part,
		     struct error *e);

enum snapshot_verify {
	SNAPSHOT_VERIFY,
	SNAPSHOT_VERIFY_PACKED, /* a file whose pages are not packed only as they are looked at: for a quick start */
};
/* Opens a file and reads what it says of its guest. 0, or -errno with a sentence: then it is not open. */
int snapshot_open(const char *path, struct image **img, struct snapshot_about *about, struct error *e);
/* Only what it says of disks. 0, or -errno with a sentence. */
int snapshot_look_disks(const char *path, struct snapshot_disks *disks, struct error *e);
/*
 * Opens a file: its memory waits there (mmu/late.h), and is made of pool's frames; its pages are compared with their sums when they
 * are looked at. verify: all of it is compared with its sums at once, so that nothing can turn out to be damaged later. 0, or -errno
 * with a sentence; then there is none.
 */
int snapshot_read(struct snapshot *s, struct frame_pool *pool, const char *path, enum snapshot_verify verify, struct error *e);

/* ---- disks with snapshot=on, for file.c (snapshot/disks.c) ---- */

/* Writes what s has of them, a memory each. 0, or -errno with a sentence. Any thread. */
int snapshot_disks_write(const struct snapshot *s, struct image_writer *w, struct error *e);
/* Whether img has what s, just read from it, says of them; then s keeps it open, and *img is NULL. 0, or -errno with a sentence. */
int snapshot_disks_read(struct snapshot *s, struct image **img, struct error *e);

#endif
