/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Looking at frames of guest memory again and again, and finding out which were written meanwhile: for pictures. A guest
 * cannot tell, and nothing is written to what forks share: the bits belong to who looks, not to the frames. The dirty list
 * of mmu/frames.h is another matter and another reader's.
 */
#ifndef MMU_LOOK_H
#define MMU_LOOK_H

#include "mmu/frames.h"

/* One who looks at one memory. Cached facts only: never saved. */
struct mem_look {
	struct mem *mem;       /* NULL before mem_look_start() and when the memory is gone */
	struct mem_look *next; /* in mem->looks */
	u64 *seen;             /* a bit for each frame number: nothing happened to it since it was looked at */
};

/* From now on, with every frame new. l is all zeros. 0 or -ENOMEM: then every frame stays new. */
int mem_look_start(struct mem_look *l, struct mem *m);
/* Forgets everything. Stores are as fast again as if nobody had ever looked. May be called at any time, and twice. */
void mem_look_stop(struct mem_look *l);

/*
 * Whether the frame at mfn was written, came or went since mem_look_seen(). True for what was never seen, when memory was
 * short at the start, and for numbers beyond the memory's end, which cannot be seen.
 */
INLINE bool mem_look_new(const struct mem_look *l, u64 mfn)
{
	return !l->mem || mfn >= l->mem->limit || !(l->seen[mfn / 64] >> (mfn % 64) & 1);
}

/*
 * These frames are being looked at: what is written from now on is new. The first store to each of them after that goes the
 * slow way, wherever it comes from; CPUs are asked to give up their write permissions once for all frames. Those that are
 * seen already cost nothing.
 */
void mem_look_seen(struct mem_look *l, const u64 *mfns, size_t n);

/* From those who write, add and take away frames, before they do: it is new to everybody who looks. */
void mem_look_written(struct mem *m, u64 mfn);
/* ... all frames. */
void mem_look_all_written(struct mem *m);
/* Whether anybody must be told of the next store to the frame. */
bool mem_look_waits(const struct mem *m, u64 mfn);
/* The memory goes away. */
void mem_look_gone(struct mem *m);

#endif
