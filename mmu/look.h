/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Observers of guest memory: who reads frames from time to time and wants to know which were written since, as a
 * display does with a framebuffer, and a snapshot on a parent with all of memory. An observer has a bit ("seen") for each frame, of its own and outside the tree of
 * frames. So leaves that forks have together are not changed, and the guest notices nothing. The dirty list of
 * mmu/frames.h is independent of this.
 */
#ifndef MMU_LOOK_H
#define MMU_LOOK_H

#include "mmu/frames.h"

/* An observer of one memory. Cached facts only: never saved. */
struct mem_look {
	struct mem *mem;       /* NULL before mem_look_start() and when the memory is gone */
	struct mem_look *next; /* in mem->looks */
	u64 *seen;             /* a bit for each frame number: seen, and not written since */
};

/* Begins to observe m. Every frame is new at first. l must be all zeros. 0 or -ENOMEM: then every frame stays new. */
int mem_look_start(struct mem_look *l, struct mem *m);
/* Ends the observation. Stores are as fast as without it again. May be called at any time, and twice. */
void mem_look_stop(struct mem_look *l);

/*
 * Whether the frame at mfn was written, added or removed since mem_look_seen(). Also true for a frame that was never
 * seen, for all frames when mem_look_start() failed, and for numbers beyond the memory's end.
 */
INLINE bool mem_look_new(const struct mem_look *l, u64 mfn)
{
	return !l->mem || mfn >= l->mem->limit || !(l->seen[mfn / 64] >> (mfn % 64) & 1);
}

/*
 * Sets the seen bit of these frames: what is written from now on is new. TLBs lose their write permissions for them, in
 * one pass for all frames of a call, so the first store to each frame takes the slow path and clears the bit. Frames
 * whose bit is set already cost nothing.
 */
void mem_look_seen(struct mem_look *l, const u64 *mfns, size_t n);

/* The same for all frames there are numbers for. */
void mem_look_all_seen(struct mem_look *l);
/* The frames that are new, a bit for each and set for these, to be freed. NULL: memory is short, or there is none to look at. */
u64 *mem_look_changed(const struct mem_look *l);

/* Called before a frame is written, added or removed: it is new to all observers. */
void mem_look_written(struct mem *m, u64 mfn);
/* The same for all frames. */
void mem_look_all_written(struct mem *m);
/* Whether an observer has the frame's seen bit set, and must be told of the next store to it. */
bool mem_look_waits(const struct mem *m, u64 mfn);
/* The memory is about to be freed: ends all observations of it. */
void mem_look_gone(struct mem *m);

#endif
