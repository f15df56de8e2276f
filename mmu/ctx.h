/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Contexts: short names for halves of address spaces. See mmu.h.
 */
#ifndef MMU_CTX_H
#define MMU_CTX_H

#include "mmu/mmu.h"

#define CTX_SLOTS 64u      /* halves remembered */
#define CTX_ROOTS 256u     /* roots remembered, by a hash of their address */
#define CTX_IDS 0x3fdu     /* names 1..CTX_IDS; bit 11: user; bit 10: a supervisor who may use users' pages */
#define CTX_USER 0x800u
#define CTX_AC 0x400u
#define CTX_ALIGN (CTX_USER | CTX_AC) /* of accesses while alignment is checked: no entry has it, so all miss */

struct ctx_half {
	u64 hash;
	u64 used; /* tick of last use; 0: free */
	u32 id;
	bool high;
	u64 content[MMU_HALF_ENTRIES];
};

struct ctx_root {
	u64 root; /* machine address | mode; 0: free */
	u32 half[2]; /* slot numbers */
};

struct mmu_ctx_table {
	u32 refs;
	u32 next_id;
	u64 tick;
	struct ctx_half halves[CTX_SLOTS];
	struct ctx_root roots[CTX_ROOTS];
};

struct mmu_ctx_table *ctx_table_new(void);
/* Contexts of both halves for m's root and mode, as ids. */
void ctx_resolve(struct mmu *m, u32 id[2]);
/*
 * Gives every context of the low or the high halves a new name, so that no TLB entry under the old name is found again.
 */
void ctx_rename(struct mem *mem, bool low, bool high);
/* Forgets everything: all of mem is another one now. */
void ctx_forget(struct mem *mem);
/*
 * The top-level table at mfn is about to change: contexts that were derived from it are looked up again at their next
 * use.
 */
void ctx_root_written(struct mem *mem, u64 mfn);

#endif
