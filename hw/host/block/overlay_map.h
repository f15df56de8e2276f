/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the chunks of a disk with snapshot=on are: maps of numbers, page by page, over one temporary file. A copy of a map shares
 * its pages, and a chunk that several pages name is not written any more, so a disk is frozen without a copy of its data. Pages
 * and chunks are counted.
 */
#ifndef HW_HOST_BLOCK_OVERLAY_MAP_H
#define HW_HOST_BLOCK_OVERLAY_MAP_H

#include "hw/host/block/impl.h"

#define CHUNK_BITS 16
#define CHUNK ((u64)1 << CHUNK_BITS)
#define CHUNK_PAGE_SLOTS 1024u

/* A slot: one of these, or the chunk's number in the temporary file plus one. */
#define SLOT_BASE 0u          /* as in the image below */
#define SLOT_ZERO 0xffffffffu /* zeros */

INLINE bool slot_is_data(u32 slot)
{
	return slot != SLOT_BASE && slot != SLOT_ZERO;
}
INLINE u64 slot_offset(u32 slot)
{
	return (u64)(slot - 1) << CHUNK_BITS;
}

struct chunk_page {
	u32 users; /* maps; under the store's lock */
	u32 slot[CHUNK_PAGE_SLOTS];
};

/* The temporary file. It lives as long as a map of it. */
struct chunk_store {
	struct block_node *temp;
	struct os_mutex lock; /* of all below */
	u32 users;            /* maps */
	u32 used;             /* chunks of the file */
	u32 *count;           /* of each, how many pages name it */
	u32 cap;
	u32 *spare; /* chunks that nobody names */
	u32 nspare, spare_cap;
};

/* For one writer at a time; readers of a map that nobody writes need no lock, whatever becomes of maps that share its pages. */
struct chunk_map {
	struct chunk_store *store;
	struct chunk_page **page; /* NULL: SLOT_BASE all over */
	u64 npages;
};

/* An empty map of a disk of this many bytes, over a file of its own. 0, or -errno with a sentence that names name. */
int chunk_map_new(struct chunk_map *m, u64 size, const char *name, struct error *e);
/* to, which is nothing yet, becomes as from; with from NULL: empty, of size bytes and over the file of sibling. 0 or -ENOMEM. */
int chunk_map_copy(struct chunk_map *to, const struct chunk_map *from);
int chunk_map_sibling(struct chunk_map *to, const struct chunk_map *sibling, u64 size);
/* Room for a disk of this many bytes, not less than before. 0 or -ENOMEM. */
int chunk_map_grow(struct chunk_map *m, u64 size);
/* Lets go of all that only m has. One of zeros is allowed. */
void chunk_map_free(struct chunk_map *m);

INLINE u32 chunk_map_get(const struct chunk_map *m, u64 chunk)
{
	const struct chunk_page *p = m->page[chunk / CHUNK_PAGE_SLOTS];

	return p ? p->slot[chunk % CHUNK_PAGE_SLOTS] : SLOT_BASE;
}
/* How many bytes from off on, at most len, are alike: of no data, of zeros, or behind each other in the temporary file. */
u64 chunk_map_run(const struct chunk_map *m, u64 off, u64 len, u32 slot);
/* The same, of data that m alone names and may write in place; 0: not even the first chunk. */
u64 chunk_map_own_run(const struct chunk_map *m, u64 off, u64 len, u32 slot);
/* SLOT_BASE or SLOT_ZERO for a chunk. 0 or -ENOMEM. */
int chunk_map_set(struct chunk_map *m, u64 chunk, u32 slot);
/* A place of its own for chunk: fill writes its bytes there, and is given its slot. 0 or -errno: then nothing has changed. */
int chunk_map_renew(struct chunk_map *m, u64 chunk, int (*fill)(void *opaque, u32 slot), void *opaque);

#endif
