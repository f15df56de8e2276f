/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory without page tables: an address is a physical one, and everything is allowed.
 */
#include <string.h>

#include "mmu/walk.h"

static int walk(const struct mmu *m, u64 va, enum mmu_access acc, bool mark, struct walk *w, struct mmu_fault *f)
{
	*w = (struct walk){ .mfn = va >> PAGE_SHIFT, .perm_r = true, .perm_w = true, .perm_x = true, .dirty = true, .pte_maddr = ~0ULL };
	return 0;
}

static u64 linear(const struct mmu *m)
{
	return ~0ULL;
}

static u32 rights(const struct mmu *m)
{
	return 0;
}

static u64 root_key(const struct mmu *m)
{
	return 0;
}

static void half(const struct mmu *m, bool high, u64 content[MMU_HALF_ENTRIES])
{
	memset(content, 0, MMU_HALF_ENTRIES * sizeof *content);
}

static u32 entry_size(const struct mmu *m)
{
	return 0;
}

static bool no_entry(u64 e)
{
	return false;
}

static u64 entry_mfn(u64 e, u32 size)
{
	return 0;
}

const struct mmu_arch mmu_flat = { walk, linear, rights, root_key, half, entry_size, no_entry, no_entry, entry_mfn };
