/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What of a snapshot's memory a kernel sees where: the page tables of a vCPU, walked whole (SDM 3A chapter 4). Of long mode in a
 * paravirtual guest only the upper half, the kernel's, without Xen's own slots.
 */
#include "snapshot/export.h"

#include <errno.h>
#include <stdlib.h>

#include "base/endian.h"
#include "base/state_view.h"
#include "mmu/x86/paging.h"

/* Tables of a guest may lead back to themselves, so there is an end to it: as many as map 512 GiB in pages. */
#define TABLES_MAX (1u << 18)
#define NEAR (64u << 10) /* bytes: aliases of espfix are this far apart */
#define ROWS_MAX (1u << 22)
#define XEN_END 272u /* the slots of the top-level table before it are a user's and Xen's: public/arch-x86/xen-x86_64.h */

struct find {
	struct image_memory *ram;
	struct error *e;
	bool pv, is32;
	u32 wide;   /* bytes of an entry */
	u32 levels;
	u32 tables; /* looked at */
	u64 last_va, last_mfn; /* the page before */
	struct core_map *map;
	size_t n, cap;
};

/*
 * A page that shows the same frame as the one before it is left out: kernels fill large areas with one frame (Linux its list of
 * machine frames and the stacks of espfix), and a row for each of those makes a third of a million.
 */
static int add(struct find *f, u64 va, u64 mfn, u64 count)
{
	struct core_map *last = f->n ? &f->map[f->n - 1] : NULL;
	bool again = count == 1 && f->last_mfn == mfn && va - f->last_va <= NEAR;

	f->last_va = va + (count - 1) * PAGE_SIZE;
	f->last_mfn = mfn + count - 1;
	if (again)
		return 0;
	if (last && last->va + last->count * PAGE_SIZE == va && last->mfn + last->count == mfn) {
		last->count += count;
		return 0;
	}
	if (f->n == f->cap) {
		size_t cap = f->cap ? f->cap * 2 : 256;
		struct core_map *p = cap <= ROWS_MAX ? realloc(f->map, cap * sizeof *p) : NULL;

		if (!p)
			return error_set(f->e, -ENOMEM, "the host has no memory for the guest's page tables");
		f->map = p;
		f->cap = cap;
	}
	f->map[f->n++] = (struct core_map){ va, mfn, count };
	return 0;
}

/* Bits of an address below an entry of this level, 1 the lowest. */
static u32 level_shift(const struct find *f, u32 level)
{
	return PAGE_SHIFT + (level - 1) * (f->wide == 8 ? 9 : 10);
}

/* Of the top-level table. */
static bool slot_wanted(const struct find *f, u32 i)
{
	return !f->pv || f->is32 || i >= XEN_END;
}

/* A table, from its entry first on. */
static int walk(struct find *f, u32 level, u64 mfn, u32 first, u32 entries, u64 base)
{
	u8 table[PAGE_SIZE];
	u32 i;
	int rc = 0;

	if (++f->tables > TABLES_MAX || mfn >= image_memory_limit(f->ram))
		return 0;
	rc = image_page(f->ram, mfn, table, f->e);
	if (rc != IMAGE_DATA)
		return MIN(rc, 0);
	rc = 0;
	for (i = 0; i < entries && !rc; i++) {
		const u8 *p = table + (size_t)(first + i) * f->wide;
		u64 entry = f->wide == 8 ? ld64(p) : ld32(p), va = base + ((u64)i << level_shift(f, level));
		u64 to = f->wide == 8 ? PTE_MFN(entry) : (u32)entry >> PAGE_SHIFT;

		if (!(entry & PTE_P) || (level == f->levels && !slot_wanted(f, i)))
			continue;
		if (level == f->levels && !f->is32 && va >> (level_shift(f, level) + 8))
			va |= ~0ULL << (level_shift(f, level) + 9);
		if (level == 1) {
			rc = add(f, va, to, 1);
		} else if (entry & PTE_PSE && (level == 2 || (level == 3 && !f->is32))) {
			u64 count = (u64)1 << (level_shift(f, level) - PAGE_SHIFT);

			rc = add(f, va, to & ~(count - 1), count);
		} else {
			rc = walk(f, level - 1, to, 0, PAGE_SIZE / f->wide, va);
		}
	}
	return rc;
}

/* A processor with page tables of its own: by its control registers. False: it has no paging. */
static bool bare_root(struct find *f, const struct state_view *s, u64 *mfn, u32 *first, u32 *entries)
{
	u64 cr0 = 0, cr3 = 0, cr4 = 0;

	if (!state_view_int(s, "x86", 0, "cr0", 0, NULL, &cr0) || !state_view_int(s, "x86", 0, "cr3", 0, NULL, &cr3) ||
	    !state_view_int(s, "x86", 0, "cr4", 0, NULL, &cr4) || !(cr0 & BIT(31)))
		return false;
	*mfn = PTE_MFN(cr3);
	*first = 0;
	f->wide = cr4 & BIT(5) ? 8 : 4; /* PAE */
	f->levels = f->wide == 4 ? 2 : f->is32 ? 3 : cr4 & BIT(12) ? 5 : 4;
	*entries = PAGE_SIZE / f->wide;
	if (f->levels == 3) {
		*first = (u32)(cr3 & 0xfe0) / 8;
		*entries = 4;
	}
	return true;
}

int core_map_find(struct image_memory *ram, const struct state_view *state, bool pv, bool is32, struct core_map **out, size_t *n,
		  struct error *e)
{
	struct find f = { .ram = ram, .e = e, .pv = pv, .is32 = is32, .wide = 8, .levels = is32 ? 3 : 4 };
	u32 first = 0, entries = is32 ? 4 : PAGE_SIZE / 8;
	u64 root = 0;
	int rc = 0;

	if (pv ? state_view_int(state, "pv-vcpu", 0, "kernel_root", 0, NULL, &root) : bare_root(&f, state, &root, &first, &entries))
		rc = walk(&f, f.levels, root, first, entries, 0);
	if (rc) {
		free(f.map);
		return rc;
	}
	*out = f.map;
	*n = f.n;
	return 0;
}
