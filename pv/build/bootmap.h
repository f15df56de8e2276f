/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The page tables a PV guest starts with: which frames they take, and what is written into them.
 */
#ifndef PV_BUILD_BOOTMAP_H
#define PV_BUILD_BOOTMAP_H

#include "base/types.h"

struct mem;

enum { PT_L1, PT_L2, PT_L3, PT_L4, PT_LEVELS };

/* One run of virtual pages mapped to one run of frames, with the tables that no earlier run has given it. */
struct bootmap_area {
	u64 from, to;	 /* virtual addresses, the last byte included */
	u64 pfn;	 /* what from maps to */
	u64 pt_pfn, npt; /* the tables: the top one (first area only), then down to L1, each in order of address */
	struct {
		u64 from, to; /* virtual addresses the new tables of this level cover; valid when n is not 0 */
		u64 pfn, n;
	} level[PT_LEVELS];
};

struct bootmap {
	struct bootmap_area area[2];
	u32 n;
	bool pae;	   /* the top is an L3 of four entries, and the last always has an L2 */
	bool extra;	   /* that L2 covers nothing of an area */
	u64 extra_pfn;
};

/*
 * Sets area i to [from, to], which must lie below the areas before it (they are final), and counts its tables into npt.
 * pfn and pt_pfn stay open.
 */
void bootmap_count(struct bootmap *b, u32 i, u64 from, u64 to);
/* Settles area i: its pages lie at pfn and its tables at pt_pfn. */
void bootmap_place(struct bootmap *b, u32 i, u64 pfn, u64 pt_pfn);
/*
 * Writes every table. Frame pfn is mfn mfn_base + pfn of mem. Leaf entries are P RW A, without RW when they map a
 * table; the others are P RW A D U.
 */
void bootmap_write(const struct bootmap *b, struct mem *mem, u64 mfn_base);
/* True when a table lies in this frame. */
bool bootmap_is_table(const struct bootmap *b, u64 pfn);

#endif
