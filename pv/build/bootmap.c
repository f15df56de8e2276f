/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Initial page tables of a PV guest, of four levels or of PAE's three. Xen public/xen.h "Start-of-day memory layout";
 * order and protections as Xen's own tools make them. No large pages: a PV guest has none.
 */
#include "pv/build/bootmap.h"

#include "mmu/frames.h"

#define PTE_P 0x01u
#define PTE_RW 0x02u
#define PTE_US 0x04u
#define PTE_A 0x20u
#define PTE_D 0x40u

#define TOP_L2_START 0xc0000000u

static int top(const struct bootmap *b)
{
	return b->pae ? PT_L3 : PT_L4;
}

/* Address bits below what one table of this level covers. */
static u32 table_bits(u32 level)
{
	return PAGE_SHIFT + 9 * (level + 1);
}

void bootmap_count(struct bootmap *b, u32 i, u64 from, u64 to)
{
	struct bootmap_area *a = &b->area[i];
	int l;
	u32 j;

	*a = (struct bootmap_area){ .from = from, .to = to };
	if (!i)
		b->extra = b->pae && to < TOP_L2_START;
	a->npt = !i && b->extra;
	for (l = top(b); l >= PT_L1; l--) {
		u64 mask = BIT(table_bits((u32)l)) - 1;
		u64 lo = from & ~mask, hi = to | mask;
		bool covered = false;

		/* The one at the top covers everything; further areas only hang new tables into it. */
		if (l == top(b)) {
			lo = 0;
			hi = UINT64_MAX;
			covered = i > 0;
		}
		for (j = 0; j < i && !covered && l != top(b); j++) {
			const struct bootmap_area *p = &b->area[j];

			if (!p->level[l].n || hi < p->level[l].from || lo > p->level[l].to)
				continue;
			if (lo >= p->level[l].from)
				covered = true;
			else
				hi = p->level[l].from - 1;
		}
		if (covered)
			continue;
		a->level[l].from = lo;
		a->level[l].to = hi;
		a->level[l].n = l == top(b) ? 1 : (hi >> table_bits((u32)l)) - (lo >> table_bits((u32)l)) + 1;
		a->npt += a->level[l].n;
	}
}

void bootmap_place(struct bootmap *b, u32 i, u64 pfn, u64 pt_pfn)
{
	struct bootmap_area *a = &b->area[i];
	int l;

	a->pfn = pfn;
	a->pt_pfn = pt_pfn;
	for (l = top(b); l >= PT_L1; l--) {
		a->level[l].pfn = pt_pfn;
		pt_pfn += a->level[l].n;
		if (l == PT_L2 && !i && b->extra)
			b->extra_pfn = pt_pfn++;
	}
	b->n = i + 1;
}

bool bootmap_is_table(const struct bootmap *b, u64 pfn)
{
	u32 i;

	for (i = 0; i < b->n; i++)
		if (pfn - b->area[i].pt_pfn < b->area[i].npt)
			return true;
	return false;
}

/* The frame of the table of this level that covers va. bootmap_count() has made one for every address of an area. */
static u64 table_of(const struct bootmap *b, int l, u64 va)
{
	u32 i;

	if (l == top(b))
		return b->area[0].level[l].pfn;
	for (i = 0; i < b->n; i++) {
		const struct bootmap_area *a = &b->area[i];

		if (a->level[l].n && va >= a->level[l].from && va <= a->level[l].to)
			return a->level[l].pfn + ((va - a->level[l].from) >> table_bits((u32)l));
	}
	return 0;
}

static void set_entry(const struct bootmap *b, struct mem *mem, u64 mfn_base, int l, u64 va, u64 pfn, u32 flags)
{
	u64 table = (mfn_base + table_of(b, l, va)) << PAGE_SHIFT;
	u64 index = va >> (PAGE_SHIFT + 9 * (u32)l) & 511;

	mem_write_u64(mem, table + index * 8, (mfn_base + pfn) << PAGE_SHIFT | flags);
}

void bootmap_write(const struct bootmap *b, struct mem *mem, u64 mfn_base)
{
	u32 i;

	if (b->extra)
		set_entry(b, mem, mfn_base, PT_L3, TOP_L2_START, b->extra_pfn, PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D);
	for (i = 0; i < b->n; i++) {
		const struct bootmap_area *a = &b->area[i];
		u64 n, pages = ((a->to - a->from) >> PAGE_SHIFT) + 1;
		int l;

		/* Each new table into its parent. */
		for (l = top(b) - 1; l >= PT_L1; l--)
			for (n = 0; n < a->level[l].n; n++)
				set_entry(b, mem, mfn_base, l + 1, a->level[l].from + (n << table_bits((u32)l)),
					  a->level[l].pfn + n, PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D);
		for (n = 0; n < pages; n++)
			set_entry(b, mem, mfn_base, PT_L1, a->from + (n << PAGE_SHIFT), a->pfn + n,
				  bootmap_is_table(b, a->pfn + n) ? PTE_P | PTE_A : PTE_P | PTE_RW | PTE_A);
	}
}
