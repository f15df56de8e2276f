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
};

/*
 * Walks for one access. With mark it does as the processor: A and D bits are set, and U/S and keys are checked. Without
 * it reads only, as a debugger wants it. Translation must be on. 0, or -EFAULT with *f.
 */
int mmu_walk(const struct mmu *m, u64 va, enum mmu_access acc, bool mark, struct walk *w, struct mmu_fault *f);

#endif
