/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Of mmu/frames.c, for the files that make memory's pages: the tree's parts.
 */
#ifndef MMU_FRAMES_IMPL_H
#define MMU_FRAMES_IMPL_H

#include "mmu/frames.h"

/* A frame whose bytes are anything, with one reference; NULL when memory is short. */
struct frame *frame_new(struct frame_pool *p);
/* The leaf of mfn, created or unshared as needed; NULL when memory is short. */
struct mem_leaf *mem_leaf_own(struct mem *m, u64 mfn);
/* Takes leaf number n, if there is one, out of the tree. */
void mem_leaf_put(struct mem *m, u64 n);

#endif
