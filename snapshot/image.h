/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The snapshot file: named chunks of bytes, and memories as pages, of which some may be as in a parent, another such file.
 * docs/snapshot-format.md has its layout. What the chunks mean is known above.
 *
 * A writer and a reader are each for one thread at a time, and a writer looks into its parent_image; else they share nothing. Errors are 0 or -errno, with a sentence
 * that names the file.
 */
#ifndef SNAPSHOT_IMAGE_H
#define SNAPSHOT_IMAGE_H

#include "base/log.h"
#include "snapshot/codec.h"

#define IMAGE_DIGEST_BYTES 32u
#define IMAGE_NAME_MAX 8u /* characters of a type or of a memory's name: printable ASCII without spaces */

struct image;
struct image_memory;
struct image_writer;

/* ---- writing ---- */

struct image_options {
	const u8 *parent;    /* the parent's digest, or NULL; parent_image has it too */
	struct image *parent_image; /* the open parent, or NULL: then a page that the parent has not cannot be said to be as there */
	enum image_codec codec;
};

enum { IMAGE_MANDATORY = 1 }; /* a chunk that must be understood, or the file be refused */

/*
 * Begins a file. It is written beside path, as path.part or the like, and gets its name in image_write_end(): until then, and when
 * it fails, what path has been stays whole. Only its owner may read it, for a guest's memory has secrets.
 */
int image_write_begin(const char *path, const struct image_options *o, struct image_writer **out, struct error *e);
/* The same to an open descriptor that may block, front to back without seeking; it stays open. Name is for sentences. */
int image_write_fd(int fd, const char *name, const struct image_options *o, struct image_writer **out, struct error *e);
/* The same to whoever takes bytes: write returns 0 when it has all of them, or -errno. */
struct image_output {
	int (*write)(void *opaque, const void *p, size_t n);
	void *opaque;
	const char *name;
};
int image_write_to(const struct image_output *to, const struct image_options *o, struct image_writer **out, struct error *e);
/*
 * After an error all calls but the last two do nothing and return it again; image_write_end() has its sentence. A chunk's type and
 * instance together are found once in a file.
 */
int image_write_chunk(struct image_writer *w, const char *type, u64 instance, u32 flags, const void *data, size_t len);
/* The pages of a memory: frames below limit, of which nframes are going to be told of, each once and in rising order. */
int image_write_memory_begin(struct image_writer *w, const char *name, u64 limit, u64 nframes);
/* PAGE_SIZE bytes; NULL: zeros. Pages of zeros are found out. */
int image_write_page(struct image_writer *w, u64 mfn, const void *data);
int image_write_zero(struct image_writer *w, u64 mfn, u64 count);
/* As in the parent, in the memory of this name. */
int image_write_same(struct image_writer *w, u64 mfn, u64 count);
int image_write_memory_end(struct image_writer *w);
/* Ends the file: it has its name, and is on the medium. digest (NULL is allowed): what children call it. Frees w in any case. */
int image_write_end(struct image_writer *w, u8 *digest, struct error *e);
/* Nothing is left of it. NULL is allowed. */
void image_write_cancel(struct image_writer *w);

/* ---- reading ---- */

/*
 * How to find parents: writes the path of the file with this digest to path, and returns 0 or -ENOENT. child: the path of the
 * file that wants it. Whatever it finds is compared with the digest.
 */
struct image_finder {
	int (*find)(void *opaque, const char *child, const u8 *digest, char *path, size_t n);
	void *opaque;
};

/* The finder that there is when none is given: any file in the folder of the child. */
int image_find_beside(const char *child, const u8 *digest, char *path, size_t n);

/*
 * Opens a file and its parents: their heads and indexes are read and checked, pages and chunks when they are asked for.
 * finder: NULL, the parent is in the folder of its child, under any name.
 */
int image_open(const char *path, const struct image_finder *finder, struct image **out, struct error *e);
/* The same with an open descriptor, which is closed in any case. */
int image_open_fd(int fd, const char *name, const struct image_finder *finder, struct image **out, struct error *e);
void image_close(struct image *img);
/*
 * From here on pages that are not packed are looked at where they lie in the file, without a copy. For files that nobody
 * changes: see os_map(). 0, or -errno: they are copied as before.
 */
int image_map(struct image *img);
/* Reads all, with the parents, and compares it with its sums and digest. */
int image_verify(struct image *img, struct error *e);

const u8 *image_digest(const struct image *img);
/*
 * The digests of a file and of its parent, of which neither is opened any further: only head and end are looked at. 1: it has a
 * parent, 0: none, or -errno with a sentence.
 */
int image_digests(const char *path, u8 *digest, u8 *parent, struct error *e);
const char *image_path(const struct image *img);
/* True when it, or a parent, has pages that are packed. */
bool image_packed(const struct image *img);
/* NULL: it has none. */
struct image *image_parent(const struct image *img);
/* Of the file, bytes. */
u64 image_size(const struct image *img);
/* What it is packed with, if anything. */
enum image_codec image_codec(const struct image *img);

struct image_chunk_info {
	char type[IMAGE_NAME_MAX + 1];
	u64 instance;
	u32 flags;
	u64 len;
	u64 stored; /* bytes in the file */
};
/* The chunk after number *i (which starts at 0) in the order they were written, or false: there are no more. */
bool image_next_chunk(const struct image *img, u64 *i, struct image_chunk_info *out);
/* Refuses mandatory chunks of a type that is not among these n. */
int image_expect(const struct image *img, const char *const *types, size_t n, struct error *e);
/* The contents of a chunk, to be freed. -ENOENT: there is none. */
int image_chunk(struct image *img, const char *type, u64 instance, u8 **data, size_t *len, struct error *e);

/* A memory by name, or -ENOENT. It lives as long as the image. */
int image_memory(struct image *img, const char *name, struct image_memory **out, struct error *e);
/* The i-th memory; NULL: there are fewer. */
struct image_memory *image_memory_at(struct image *img, u32 i);
const char *image_memory_name(const struct image_memory *mem);
u64 image_memory_limit(const struct image_memory *mem);
u64 image_memory_frames(const struct image_memory *mem);

/* What this file alone has of a memory: frames, and the bytes that those with data take in it. */
struct image_usage {
	u64 zero, parent, raw, packed;
	u64 raw_bytes, packed_bytes;
};
void image_usage(const struct image_memory *mem, struct image_usage *out);
/*
 * Calls fn for each row of frames that are there, of whatever kind, in rising order; none is read. 0, or what fn returned when
 * that was not 0.
 */
int image_rows(const struct image_memory *mem, int (*fn)(void *opaque, u64 mfn, u64 count), void *opaque);

enum image_kind { IMAGE_ABSENT, IMAGE_ZERO, IMAGE_DATA };
struct image_extent {
	u64 mfn, count;
	enum image_kind kind;
	const u8 *data; /* IMAGE_DATA: count pages, good until the next call for this image or a child of it; else NULL */
};
/*
 * What is from frame mfn on, through all parents, for as many frames as are alike and at hand: 1, or 0 at the memory's limit, or
 * -errno. A whole memory: begin with 0, go on with mfn + count.
 */
int image_extent(struct image_memory *mem, u64 mfn, struct image_extent *out, struct error *e);
/* The same without the pages themselves, which are not read: data is NULL. */
int image_kinds(struct image_memory *mem, u64 mfn, struct image_extent *out, struct error *e);
/* One page into PAGE_SIZE bytes: an image_kind, or -errno. Zeros for IMAGE_ZERO and IMAGE_ABSENT. */
int image_page(struct image_memory *mem, u64 mfn, u8 *out, struct error *e);

#endif
