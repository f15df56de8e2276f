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
/* A record and its tables. */
const u8 *image_record(const struct image *img, size_t slot, struct record *r);

#endif
