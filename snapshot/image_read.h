/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An open snapshot file, for the files that read it.
 */
#ifndef SNAPSHOT_IMAGE_READ_H
#define SNAPSHOT_IMAGE_READ_H

#include "snapshot/image.h"
#include "snapshot/image_format.h"
#include "snapshot/image_impl.h"

/* A record of the index. */
struct slot {
	size_t index;   /* of its head in the index */
	u64 at;         /* of its head in the file */
	u64 first, end; /* PAGES: its frames */
};

struct image_memory {
	struct image *img;
	char name[IMAGE_NAME_MAX + 1];
	u64 limit, frames;
	size_t from, to; /* slots of its pages */
	/* Where the last look ended, since most are in order: a run of a slot. */
	struct hint {
		size_t slot;
		u32 run;   /* number of the run */
		u64 first; /* its first frame */
		u32 page;  /* pages of data before it */
	} hint;
};

struct chunk_slot {
	char name[8];
	u64 instance;
	size_t slot;
};

#define NO_SLOT SIZE_MAX
#define IMAGE_BUFFER ((size_t)GROUP_MAX * PAGE_SIZE)

struct image {
	int fd;
	char *path;
	u64 size;
	u8 head[HEAD_BYTES];
	u8 digest[IMAGE_DIGEST];
	u8 *index; /* the head of its record, and it */
	size_t index_len; /* both */
	u64 index_at;
	struct slot *slot;
	size_t slots;
	struct chunk_slot *chunk; /* sorted */
	size_t chunks;
	struct image_memory memory[MEMORIES_MAX];
	u32 memories;
	struct image *parent;
	const u8 *map;        /* NULL: it is read */
	struct codec_state state;
	u8 *buffer;           /* IMAGE_BUFFER bytes of the file; NULL: not needed yet */
	u8 *group;            /* as many, unpacked */
	size_t group_slot;    /* whose pages they are, or NO_SLOT */
};

/* -EINVAL with a sentence: the file is damaged, and how. */
int image_damaged(const struct image *img, struct error *e, const char *fmt, ...) PRINTF(3, 4);
/* Reads n bytes at off. */
int image_read(struct image *img, u64 off, void *p, size_t n, struct error *e);
/* Makes both buffers. */
int image_buffers(struct image *img, struct error *e);
int image_no_memory(const struct image *img, struct error *e);
/* Checks the index and makes slots, chunks and memories of it. */
int image_parse(struct image *img, u64 records, struct error *e);
/* Where the check of an index is. */
struct image_parse {
	struct image_memory *mem; /* the one whose pages come */
	u64 next;                 /* frames below are done with */
	u64 left;                 /* frames still to come */
};
/* What is wrong with a record's head before its tables are looked at, whose size follows from it; or NULL. */
const char *image_check_head(const struct record *r);
/*
 * What is wrong with the record at index + *pos, which is number i and lies at *at in the file, or NULL: then *pos and *at are those
 * of the next one. There is room for it among slots and chunks.
 */
const char *image_check_record(struct image *img, struct image_parse *x, size_t i, size_t *pos, u64 *at, struct record *r);
/* image_damaged() for it. */
int image_wrong(const struct image *img, const struct record *r, u64 at, struct error *e, const char *what);
/* Checks img->head, which was read. */
int image_check_start(struct image *img, struct error *e);
/* The digest of head and index. */
void image_find_digest(const struct image *img, u8 *out);
/* A record and its tables. */
const u8 *image_record(const struct image *img, size_t slot, struct record *r);

#endif
