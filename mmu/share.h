/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames that several memories write: mem_share() of mmu/frames.h. This is what the files of mmu/ need to know of them.
 *
 * Such a frame has a record in its pool: a list of users, each a memory and a frame number in it. struct frame has the
 * number of the record, 0 for a plain frame. A leaf that has such a frame belongs to one memory alone, so that what the
 * caches know of the frame (enum frame_watch) is that memory's own.
 */
#ifndef MMU_SHARE_H
#define MMU_SHARE_H

#include "mmu/frames.h"

/*
 * A new user of f at mfn of m. When f is a plain frame it gets a record, and the frame at of from, which is f, becomes
 * the first user. 0 or -ENOMEM, with nothing changed.
 */
int share_join(struct frame *f, struct mem *from, u64 at, struct mem *m, u64 mfn);
/* mfn of m is a user of f no more. When one user is left the record goes, and f is a plain frame again. */
void share_leave(struct frame *f, struct mem *m, u64 mfn);
/*
 * Bytes [off, off+len) of f change now, by a store to mfn of m, which has seen to its own code, tables and observers.
 * This does it for all other users, and puts f on the dirty lists of all. False when memory is short: then the store
 * may not be made.
 */
bool share_written(struct frame *f, struct mem *m, u64 mfn, u32 off, u32 len);
/* Puts f on the dirty lists of all its users. False when memory is short. */
bool share_list_dirty(struct frame *f, struct frame_pool *p);

/* The pool goes away. */
void frame_shares_free(struct frame_pool *p);

/* Puts mfn on m's dirty list. 0 or -ENOMEM. mmu/frames.c. */
int mem_list_dirty(struct mem *m, u64 mfn);

#endif
