/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One walk of the page tables.
 */
#ifndef MMU_WALK_H
#define MMU_WALK_H

#include "mmu/mmu.h"

struct walk {
	u64 mfn;       /* of the page */
	u64 pte, pte_maddr;
	u64 tables[5]; /* frame numbers passed through, the leaf table last */
	u32 ntables;   /* set to 0 before the call */
	bool perm_r, perm_w, perm_x;
	bool dirty, large;
	bool halves;   /* the first table is of 512 entries, of which each half is a context of its own */
	bool window;   /* the page is of m->window, not of m->mem */
};

#endif
