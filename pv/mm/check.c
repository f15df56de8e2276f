/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page types, counted again from nothing: what the tables, roots, descriptor tables and holders add up to must be what
 * pv/mm/type.c kept track of. For tests.
 */
#include <stdlib.h>

#include "pv/mm/impl.h"

struct counts {
	u32 refs, types;
	i32 linear;
};

/* Counts what the entries of one table use, and looks at each. Of a partial one: of its first entries. */
static const char *table_count(const struct pv_mm *mm, const struct pv_page *pg, struct counts *c)
{
	u64 base = mm_mfn(mm, pg) << PAGE_SHIFT;
	bool partial = pg->flags & PGF_PARTIAL;
	u32 i, n = partial ? pg->checked : PTES;

	if (pg->flags & PGF_ENTRY_REF) {
		u64 e = mem_read_u64(mm->mem, base + n * 8);
		const struct pv_page *to = mm_page(mm, PTE_MFN(e));

		if (!partial || n >= PTES || !(e & PTE_P) || !to || !to->refs)
			return "a reference of a partial table's entry, but no such entry";
		c[to - mm->pages].refs++;
	}
	for (i = 0; i < n; i++) {
		u64 e = mem_read_u64(mm->mem, base + i * 8);
		const struct pv_page *to;

		if (!mm_guest_slot(pg->type, i)) {
			if (e && !partial)
				return "something stands in a slot of the hypervisor's";
			continue;
		}
		if (!(e & PTE_P))
			continue;
		to = mm_page(mm, PTE_MFN(e));
		if (!to || !to->refs)
			return "an entry names a frame that is not there";
		if (pg->type != PG_L1 && to != pg && (to->flags & PGF_PARTIAL))
			return "an entry names a table that is partial";
		if ((e & mm->force_u) != mm->force_u)
			return "an entry has no U bit";
		if (pg->type != PG_L1 && mm_same_level(to->type, pg->type)) {
			if (e & PTE_W)
				return "an entry of a linear page table is writable";
			if (mm->is32 && pg->type == PG_L3)
				return "a PAE table has a linear entry";
			if (to == pg)
				continue;
			if (c[pg - mm->pages].linear < 0 || c[to - mm->pages].linear > 0)
				return "linear page tables make a chain";
			c[pg - mm->pages].linear++;
			c[to - mm->pages].linear--;
			c[to - mm->pages].refs++;
			c[to - mm->pages].types++;
			continue;
		}
		c[to - mm->pages].refs++;
		if (pg->type == PG_L1) {
			if (e & L1_DISALLOW)
				return "an L1 entry has bits it may not have";
			if (!(e & PTE_W))
				continue;
			if (to->type != PG_WRITABLE)
				return "a frame that is something else is mapped writable";
		} else {
			if (e & mm_disallow(mm, pg->type))
				return "a table's entry has bits it may not have";
			if (to->type != mm_below(mm, pg->type, i))
				return "a table's entry names a frame that is no table of the level below";
		}
		c[to - mm->pages].types++;
	}
	return NULL;
}

static void both(const struct pv_mm *mm, struct counts *c, u64 mfn)
{
	const struct pv_page *pg = mfn ? mm_page(mm, mfn) : NULL;

	if (!pg)
		return;
	c[pg - mm->pages].refs++;
	c[pg - mm->pages].types++;
}

static const char *count_all(const struct pv_mm *mm, struct counts *c, u64 *bad)
{
	const struct domain *d = mm->pd->xen.d;
	const char *what;
	u64 i;
	u32 j, k;

	for (i = 0; i < mm->n; i++) {
		const struct pv_page *pg = mm_page(mm, PV_MFN_BASE + i);
		bool partial;
		u32 holds;

		*bad = i;
		if (!pg->refs != !mem_frame(mm->mem, PV_MFN_BASE + i))
			return pg->refs ? "a frame in use is not there" : "a frame is there, but counts no references";
		partial = pg->flags & PGF_PARTIAL;
		holds = partial ? 1 : pg->holds;
		c[i].refs += holds + !!(pg->flags & PGF_ALLOCATED) + !!(pg->flags & PGF_PINNED) + !!(pg->flags & PGF_SPECIAL);
		c[i].types += holds + !!(pg->flags & PGF_PINNED) + !!(pg->flags & PGF_SPECIAL);
		if (!pg->types != (pg->type == PG_NONE) || !pg->types != !(pg->flags & (PGF_VALIDATED | PGF_PARTIAL)))
			return "type, count and validation do not agree";
		if (partial && (pg->types != 1 || !mm_is_table(pg->type) || pg->type == PG_L1 || (pg->flags & PGF_VALIDATED)))
			return "a partial table is more than that";
		what = mm_is_table(pg->type) ? table_count(mm, pg, c) : NULL;
		if (what)
			return what;
	}
	for (j = 0; j < d->nvcpus; j++) {
		const struct pv_vcpu_state *s = d->vcpus[j] && d->vcpus[j]->machine ? &pv_of(d->vcpus[j])->s : NULL;

		if (!s)
			continue;
		both(mm, c, s->kernel_root);
		both(mm, c, s->user_root);
		if (s->old_table)
			c[s->old_table - PV_MFN_BASE].refs++;
		for (k = 0; k < ARRAY_SIZE(s->gdt_frames); k++)
			both(mm, c, s->gdt_frames[k]);
	}
	return NULL;
}

const char *pv_mm_check(const struct pv_domain *p, u64 *mfn)
{
	const struct pv_mm *mm = p->mm;
	struct counts *c = calloc(mm->n, sizeof *c);
	u64 total = 0, i = 0;
	const char *what;

	if (!c)
		return "no memory for the check";
	what = count_all(mm, c, &i);
	if (!what)
		for (i = 0; i < mm->n; i++) {
			if (i < mm->special)
				total += mm->pages[i].refs != 0;
			if (c[i].refs != mm->pages[i].refs)
				what = "the count of references is wrong";
			else if (c[i].types != mm->pages[i].types)
				what = "the count of uses as a type is wrong";
			else if (c[i].linear != mm->pages[i].linear)
				what = "the count of linear uses is wrong";
			if (what)
				break;
		}
	if (!what && total != mm->s.total)
		what = "the number of frames is wrong";
	*mfn = PV_MFN_BASE + i;
	free(c);
	return what;
}
