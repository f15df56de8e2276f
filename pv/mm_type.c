/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page types: what may stand in a page table, who uses which frame as what, and updates of single entries. Rules and
 * error numbers are those of Xen 4.17 (arch/x86/mm.c); a table is checked whole when its first use begins and
 * let go when its last one ends. Left out: superpages.
 */
#include "pv/mm_impl.h"

#define VMASST_PAE_EXTENDED_CR3 3
#define ULL(x) ((unsigned long long)(x))

/* PV64 knows no U/S: both modes run at CPL 3, so U is forced; a bit for software remembers what the guest wrote. */
static u64 adjust_l1(const struct pv_mm *mm, u64 e)
{
	if (!mm->force_u)
		return e;
	if (!(e & PTE_U))
		e |= PTE_GUEST_KERNEL | PTE_U;
	return e & PTE_GUEST_KERNEL ? e : e | PTE_G;
}

/*
 * A is set at once in entries of higher tables, as if the processor had walked them speculatively: then the walker has
 * nothing to write there.
 */
static u64 adjust_table(const struct pv_mm *mm, enum pv_page_type type, u64 e)
{
	/* A PAE processor looks at neither U nor W of an L3 entry; the one below does. */
	if (mm->is32 && type == PG_L3)
		e |= PTE_U | PTE_W;
	return e | mm->force_u | PTE_A;
}

/* ---- L1 entries ------------------------------------------------------------------------------------------------- */

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

static void type_drop(struct pv_page *pg)
{
	if (!--pg->types) {
		pg->type = PG_NONE;
		pg->flags &= (u8)~PGF_VALIDATED;
	}
}

static void l1e_put(struct pv_mm *mm, u64 e)
{
	struct pv_page *pg;

	if (!(e & PTE_P))
		return;
	pg = mm_page(mm, PTE_MFN(e));
	if (e & PTE_W)
		type_drop(pg);
	mm_unref(mm, pg);
}

static int l1_validate(struct pv_mm *mm, u64 mfn)
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

static void l1_devalidate(struct pv_mm *mm, u64 mfn)
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

/* ---- entries of higher tables ------------------------------------------------------------------------------------ */

/* The level in a message. */
static u32 level(enum pv_page_type type)
{
	return type == PG_L2_TOP ? 2 : type;
}

/*
 * A linear page table: an entry of the table at names a table of the same level, so that tables are seen as pages. It must be
 * read-only, or the guest could write its tables; the other table has been checked already. Counts that use.
 */
static bool linear_get(struct pv_mm *mm, struct pv_page *at, u64 e, enum pv_page_type type)
{
	struct pv_page *to = mm_owned(mm, PTE_MFN(e));

	if ((mm->is32 && type == PG_L3) || (e & PTE_W) || !to)
		return false;
	if (to == at)
		return true;
	if (!mm_same_level(to->type, type) || !(to->flags & PGF_VALIDATED) || at->linear < 0 || at->linear == INT16_MAX ||
	    to->linear > 0 || to->linear == INT16_MIN || !mm_ref(to))
		return false;
	to->types++;
	to->linear--;
	at->linear++;
	return true;
}

/* Counts the use of a table of the level below by a present entry of the table at, which is of this type. */
static int table_get(struct pv_mm *mm, struct pv_page *at, u64 e, enum pv_page_type type, u64 slot)
{
	struct pv_page *pg;
	int rc;

	if (UNLIKELY(e & mm_disallow(mm, type))) {
		mm_refused(mm, "L%u entry %llx: it has bits that are not allowed", level(type), ULL(e));
		return -XEN_EINVAL;
	}
	pg = mm_owned(mm, PTE_MFN(e));
	if (UNLIKELY(!pg)) {
		mm_refused(mm, "L%u entry %llx: not a frame of the guest's", level(type), ULL(e));
		return -XEN_EINVAL;
	}
	rc = mm_get_type(mm, pg, mm_below(mm, type, slot));
	return rc == -XEN_EINVAL && linear_get(mm, at, e, type) ? 0 : rc;
}

static void table_put(struct pv_mm *mm, struct pv_page *at, u64 e)
{
	struct pv_page *to = e & PTE_P ? mm_page(mm, PTE_MFN(e)) : NULL;

	if (!to || to == at)
		return;
	if (mm_same_level(to->type, at->type)) {
		to->linear++;
		at->linear--;
	}
	mm_put_type(mm, to);
}

/* The hypervisor's own slots, and those that do not exist: nothing that a guest left there may be walked. */
static int hyper_slots_clear(struct pv_mm *mm, u64 base, u32 first, u32 last)
{
	u32 i;

	for (i = first; i <= last; i++)
		if (mem_read_u64(mm->mem, base + i * 8) && !mm_store(mm, base + i * 8, 0))
			return -XEN_ENOMEM;
	return 0;
}

/*
 * A PAE guest's L3 must have a table for the last GiB, and that one in no other place, for the hypervisor has
 * something of its own for each address space there.
 */
static int top_slot_check(const struct pv_mm *mm, u64 base)
{
	u64 e = mem_read_u64(mm->mem, base + COMPAT_TOP_SLOT * 8);

	if (!(e & PTE_P) || mm_page(mm, PTE_MFN(e))->types != 1) {
		mm_refused(mm, "L3 frame 0x%llx: its last slot is %s", ULL(base >> PAGE_SHIFT),
			   e & PTE_P ? "used elsewhere too" : "empty");
		return -XEN_EINVAL;
	}
	return 0;
}

/* Checks a table of level 2 to 4. Recursion ends at level 1: what is checked for an entry is one level below it. */
static int table_validate(struct pv_mm *mm, struct pv_page *pg, enum pv_page_type type)
{
	bool pae = mm->is32 && type == PG_L3;
	u64 mfn = mm_mfn(mm, pg), base = mfn << PAGE_SHIFT;
	u32 i = 0;
	int rc = 0;

	/* Above 4 GiB it cannot be named in an old CR3. */
	if (pae && mfn >> 20 && !(mm->pd->s.vm_assist & 1u << VMASST_PAE_EXTENDED_CR3))
		rc = -XEN_ERANGE;
	else if (pae)
		rc = hyper_slots_clear(mm, base, COMPAT_TOP_SLOT + 1, PTES - 1);
	for (; !rc && i < PTES; i++) {
		u64 e = mem_read_u64(mm->mem, base + i * 8);
		u64 want = adjust_table(mm, type, e);

		if (!(e & PTE_P) || !mm_guest_slot(type, i))
			continue;
		rc = table_get(mm, pg, e, type, i);
		if (UNLIKELY(rc))
			break;
		if (want != e && UNLIKELY(!mm_store(mm, base + i * 8, want))) {
			table_put(mm, pg, e);
			rc = -XEN_ENOMEM;
			break;
		}
	}
	if (!rc && type == PG_L4)
		rc = hyper_slots_clear(mm, base, PV_HYPER_L4_FIRST, PV_HYPER_L4_LAST);
	else if (!rc && type == PG_L2_TOP)
		rc = hyper_slots_clear(mm, base, COMPAT_HYPER_L2_FIRST, PTES - 1);
	else if (!rc && pae)
		rc = top_slot_check(mm, base);
	if (UNLIKELY(rc))
		while (i--)
			if (mm_guest_slot(type, i))
				table_put(mm, pg, mem_read_u64(mm->mem, base + i * 8));
	return rc;
}

static void table_devalidate(struct pv_mm *mm, struct pv_page *pg)
{
	u64 base = mm_mfn(mm, pg) << PAGE_SHIFT;
	u32 i;

	for (i = 0; i < PTES; i++)
		if (mm_guest_slot(pg->type, i))
			table_put(mm, pg, mem_read_u64(mm->mem, base + i * 8));
}

static int mod_table(struct pv_mm *mm, struct pv_page *pg, u64 maddr, u64 val, bool preserve_ad)
{
	enum pv_page_type type = pg->type;
	u64 old = mem_read_u64(mm->mem, maddr);
	u64 kept = preserve_ad ? old & (PTE_A | PTE_D) : 0;
	u32 slot = PAGE_OFFSET(maddr) / 8;
	int rc;

	if (UNLIKELY(!mm_guest_slot(type, slot) || (mm->is32 && type == PG_L3 && slot >= COMPAT_TOP_SLOT))) {
		mm_refused(mm, "L%u slot %u is the hypervisor's", level(type), slot);
		return type == PG_L2_TOP ? -XEN_EPERM : -XEN_EINVAL;
	}
	if (val & PTE_P) {
		if (UNLIKELY(val & mm_disallow(mm, type))) {
			mm_refused(mm, "L%u entry %llx: it has bits that are not allowed", level(type), ULL(val));
			return -XEN_EINVAL;
		}
		val = adjust_table(mm, type, val);
		if (!((old ^ val) & ~TABLE_FREE_BITS))
			return mm_store(mm, maddr, val | kept) ? 0 : -XEN_ENOMEM;
		rc = table_get(mm, pg, val, type, slot);
		if (UNLIKELY(rc))
			return rc;
	}
	if (UNLIKELY(!mm_store(mm, maddr, val | kept))) {
		table_put(mm, pg, val);
		return -XEN_ENOMEM;
	}
	table_put(mm, pg, old);
	return 0;
}

/* A page table or descriptors begin (frame, type) or end, for -d mmu. */
static COLD void log_type(const struct pv_mm *mm, u64 mfn, u32 type, bool begins)
{
	static const char *const names[] = { "?", "an L1 table", "an L2 table", "an L3 table", "an L4 table", "descriptors", "writable",
					     "the last L2 table" };

	log_line(&mm->pd->d->host->log, LOG_MMU, "d%u: frame 0x%llx %s %s", mm->pd->d->id, ULL(mfn), begins ? "becomes" : "ceases to be",
		 names[type < ARRAY_SIZE(names) ? type : 0]);
}

static bool log_types(const struct pv_mm *mm, u32 type)
{
	const struct host *h = mm->pd->d->host;

	return h && log_on(&h->log, LOG_MMU) && type != PG_WRITABLE;
}

/* ---- uses as a type ---------------------------------------------------------------------------------------------- */

int mm_get_type(struct pv_mm *mm, struct pv_page *pg, enum pv_page_type type)
{
	u64 mfn = mm_mfn(mm, pg);
	int rc = 0;

	if (UNLIKELY(!mm_ref(pg)))
		return -XEN_EINVAL;
	if (pg->types) {
		if (LIKELY(pg->type == type)) {
			pg->types++;
			return 0;
		}
		/* One level too high may be a linear table: the caller knows. */
		if (!mm_is_table(type) || !mm_is_table(pg->type) || level(pg->type) != level(type) + 1)
			mm_refused(mm, "frame 0x%llx is of type %u, not %u", ULL(mfn), pg->type, type);
		mm_unref(mm, pg);
		return -XEN_EINVAL;
	}
	pg->type = (u8)type;
	pg->types = 1;
	if (type != PG_WRITABLE)
		mm->pd->work += PTES;
	if (type == PG_L1)
		rc = l1_validate(mm, mfn);
	else if (mm_is_table(type))
		rc = table_validate(mm, pg, type);
	else if (type == PG_SEG_DESC)
		rc = mm_validate_segdesc(mm, mfn);
	if (rc) {
		type_drop(pg);
		mm_unref(mm, pg);
		return rc;
	}
	pg->flags |= PGF_VALIDATED;
	if (log_types(mm, type))
		log_type(mm, mfn, type, true);
	return 0;
}

void mm_put_type(struct pv_mm *mm, struct pv_page *pg)
{
	if (UNLIKELY(pg->types == 1 && log_types(mm, pg->type)))
		log_type(mm, mm_mfn(mm, pg), pg->type, false);
	if (pg->types == 1 && mm_is_table(pg->type)) {
		pg->flags &= (u8)~PGF_VALIDATED;
		mm->pd->work += PTES;
		if (pg->type == PG_L1)
			l1_devalidate(mm, mm_mfn(mm, pg));
		else
			table_devalidate(mm, pg);
	}
	type_drop(pg);
	mm_unref(mm, pg);
}

/* ---- what hypercalls are made of --------------------------------------------------------------------------------- */

int pv_mm_update(struct pv_domain *p, u64 maddr, u64 val, bool preserve_ad)
{
	struct pv_mm *mm = p->mm;
	struct pv_page *pg = mm_owned(mm, maddr >> PAGE_SHIFT);

	if (UNLIKELY(!pg)) {
		mm_refused(mm, "update at %llx: not a frame of the guest's", ULL(maddr));
		return -XEN_EINVAL;
	}
	switch (pg->type) {
	case PG_L1:
		return mm_mod_l1(mm, maddr, val, preserve_ad, false);
	case PG_L2:
	case PG_L2_TOP:
	case PG_L3:
	case PG_L4:
		return mod_table(mm, pg, maddr, val, preserve_ad);
	case PG_NONE:
	case PG_WRITABLE:
		return mm_store(mm, maddr, val) ? 0 : -XEN_ENOMEM;
	default:
		mm_refused(mm, "update at %llx: the frame holds descriptors", ULL(maddr));
		return -XEN_EINVAL;
	}
}

int pv_mm_pin(struct pv_domain *p, u64 mfn, enum pv_page_type type)
{
	struct pv_mm *mm = p->mm;
	struct pv_page *pg = mm_owned(mm, mfn);
	int rc;

	if (!pg) {
		mm_refused(mm, "pin of frame 0x%llx, which is not the guest's", ULL(mfn));
		return -XEN_EINVAL;
	}
	rc = mm_get_type(mm, pg, type);
	if (rc)
		return rc;
	if (pg->flags & PGF_PINNED) {
		mm_refused(mm, "frame 0x%llx is pinned already", ULL(mfn));
		mm_put_type(mm, pg);
		return -XEN_EINVAL;
	}
	pg->flags |= PGF_PINNED;
	return 0;
}

int pv_mm_unpin(struct pv_domain *p, u64 mfn)
{
	struct pv_page *pg = mm_owned(p->mm, mfn);

	if (!pg || !(pg->flags & PGF_PINNED)) {
		mm_refused(p->mm, "unpin of frame 0x%llx, which is not pinned", ULL(mfn));
		return -XEN_EINVAL;
	}
	pg->flags &= (u8)~PGF_PINNED;
	mm_put_type(p->mm, pg);
	return 0;
}
