/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page tables of level 1: what their entries may map, as in Xen 4.17 (arch/x86/mm.c), and updates of single ones. A
 * table of this level is always checked, or let go, without a pause. Left out: large pages.
 */
#include "pv/mm/impl.h"

/* PV64 knows no U/S: both modes run at CPL 3, so U is forced; a bit for software remembers what the guest wrote. */
static u64 adjust_l1(const struct pv_mm *mm, u64 e)
{
	if (!mm->force_u)
		return e;
	if (!(e & PTE_U))
		e |= PTE_GUEST_KERNEL | PTE_U;
	return e & PTE_GUEST_KERNEL ? e : e | PTE_G;
}

/* Why a frame that is not the guest's may not be mapped: memory of others, or no memory at all. */
static int foreign_error(const struct pv_mm *mm, u64 mfn)
{
	if (mfn == PTE_MFN(~0ULL))
		return -XEN_EINVAL;
	/* The first megabyte is a PC's devices. */
	return mfn < 0x100 || mfn >= PV_MFN_BASE + mm->n ? -XEN_EPERM : -XEN_EBUSY;
}

/* Counts what a present entry uses. */
static int l1e_get(struct pv_mm *mm, u64 e, bool alias)
{
	struct pv_page *pg;

	if (UNLIKELY(e & L1_DISALLOW)) {
		mm_refused(mm, "L1 entry %llx: PSE, PWT and PCD are not allowed", ULL(e));
		return -XEN_EINVAL;
	}
	pg = mm_page(mm, PTE_MFN(e));
	if (UNLIKELY(!pg || !pg->refs || ((pg->flags & PGF_ALIAS) && !alias))) {
		mm_refused(mm, "L1 entry %llx: not a frame of the guest's", ULL(e));
		return foreign_error(mm, PTE_MFN(e));
	}
	if (UNLIKELY(!mm_ref(pg)))
		return -XEN_EBUSY;
	if (e & PTE_W) {
		if (pg->type == PG_WRITABLE) {
			pg->types++;
		} else if (!pg->types) {
			pg->type = PG_WRITABLE;
			pg->types = 1;
			pg->flags |= PGF_VALIDATED;
		} else {
			mm_refused(mm, "L1 entry %llx: writable, but the frame is of type %u", ULL(e), pg->type);
			mm_unref(mm, pg);
			return -XEN_EBUSY;
		}
	}
	return 0;
}

static void l1e_put(struct pv_mm *mm, u64 e)
{
	struct pv_page *pg;

	if (!(e & PTE_P))
		return;
	pg = mm_page(mm, PTE_MFN(e));
	if (e & PTE_W)
		mm_type_drop(pg);
	mm_unref(mm, pg);
}

int mm_l1_validate(struct pv_mm *mm, u64 mfn)
{
	const u8 *p = mem_ro(mm->mem, mfn);
	u8 *rw = NULL;
	u32 i;
	int rc = 0;

	for (i = 0; i < PTES; i++) {
		u64 e = ld64(p + i * 8);
		u64 want;

		if (!(e & PTE_P))
			continue;
		rc = l1e_get(mm, e, false);
		if (UNLIKELY(rc))
			break;
		want = adjust_l1(mm, e);
		if (want == e)
			continue;
		if (!rw) {
			/* Nothing below writes guest memory, so the pointer may be kept. */
			rw = mem_rw(mm->mem, mfn, 0, PAGE_SIZE);
			if (!rw) {
				l1e_put(mm, e);
				rc = -XEN_ENOMEM;
				break;
			}
			p = rw;
		}
		st64(rw + i * 8, want);
	}
	if (UNLIKELY(rc))
		while (i--)
			l1e_put(mm, ld64(p + i * 8));
	return rc;
}

void mm_l1_devalidate(struct pv_mm *mm, u64 mfn)
{
	const u8 *p = mem_ro(mm->mem, mfn);
	u32 i;

	/* Letting go of a page can take that one away, but it never moves this one: the pointer may be kept. */
	for (i = 0; i < PTES; i++)
		l1e_put(mm, ld64(p + i * 8));
}

int mm_mod_l1(struct pv_mm *mm, u64 maddr, u64 val, bool preserve_ad, bool alias)
{
	u64 old = mem_read_u64(mm->mem, maddr);
	u64 kept = preserve_ad ? old & (PTE_A | PTE_D) : 0;
	int rc;

	if (val & PTE_P) {
		if (UNLIKELY(val & L1_DISALLOW)) {
			mm_refused(mm, "L1 entry %llx: PSE, PWT and PCD are not allowed", ULL(val));
			return -XEN_EINVAL;
		}
		val = adjust_l1(mm, val);
		if (!((old ^ val) & ~L1_FREE_BITS))
			return mm_store(mm, maddr, val | kept) ? 0 : -XEN_ENOMEM;
		rc = l1e_get(mm, val, alias);
		if (UNLIKELY(rc))
			return rc;
	}
	if (UNLIKELY(!mm_store(mm, maddr, val | kept))) {
		l1e_put(mm, val);
		return -XEN_ENOMEM;
	}
	l1e_put(mm, old);
	return 0;
}
