/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page types: what may stand in a page table, who uses which frame as what, and updates of single entries. Rules and
 * error numbers are those of Xen 4.17 (arch/x86/mm.c); a table is checked whole when its first use begins and
 * let go when its last one ends, in as many pieces as it takes (struct mm_slice). Left out: superpages.
 */
#include "pv/mm/impl.h"

#define VMASST_PAE_EXTENDED_CR3 3
/* How far partial tables are followed that name each other; sound ones make seven levels with their linear tables. */
#define MM_DEPTH 8u

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

static int take(struct pv_mm *mm, struct pv_page *pg, enum pv_page_type type, struct mm_slice *sl);
static int drop(struct pv_mm *mm, struct pv_page *pg, struct mm_slice *sl);
static int partial_drop(struct pv_mm *mm, struct pv_page *pg, struct mm_slice *sl);

/* Counts the use of a table of the level below by a present entry of the table at, which is of this type. */
static int table_get(struct pv_mm *mm, struct pv_page *at, u64 e, enum pv_page_type type, u64 slot, struct mm_slice *sl)
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
	rc = take(mm, pg, mm_below(mm, type, slot), sl);
	return rc == -XEN_EINVAL && linear_get(mm, at, e, type) ? 0 : rc;
}

/* The reverse. 0, or -XEN_ERESTART: the use is given up, but not the reference yet. */
static int table_put(struct pv_mm *mm, struct pv_page *at, u64 e, struct mm_slice *sl)
{
	struct pv_page *to = e & PTE_P ? mm_page(mm, PTE_MFN(e)) : NULL;

	if (!to || to == at)
		return 0;
	if (mm_same_level(to->type, at->type)) {
		to->linear++;
		at->linear--;
	}
	return drop(mm, to, sl);
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

static bool enough(const struct pv_mm *mm, const struct mm_slice *sl)
{
	return UNLIKELY(mm->pd->xen.work >= sl->limit);
}

/* An entry could not be counted: when the table it names is partial, that one is this one's to go on with or to let go. */
static void entry_stopped(struct pv_mm *mm, struct pv_page *pg, u64 e, enum pv_page_type below)
{
	struct pv_page *to = mm_owned(mm, PTE_MFN(e));

	if (to && (to->flags & PGF_PARTIAL) && to->type == below && !(pg->flags & PGF_ENTRY_REF) && mm_ref(to))
		pg->flags |= PGF_ENTRY_REF;
}

/* Counts the entries of a table of level 2 to 4 from *i on, up to the one where it stops. */
static int entries_get(struct pv_mm *mm, struct pv_page *pg, enum pv_page_type type, u32 *i, struct mm_slice *sl)
{
	u64 base = mm_mfn(mm, pg) << PAGE_SHIFT;
	u32 first = *i;

	for (; *i < PTES; ++*i) {
		u64 at = base + *i * 8;
		u64 e = mem_read_u64(mm->mem, at);
		u64 want = adjust_table(mm, type, e);
		int rc;

		if (*i > first && enough(mm, sl))
			return -XEN_ERESTART;
		if (!(e & PTE_P) || !mm_guest_slot(type, *i))
			continue;
		rc = table_get(mm, pg, e, type, *i, sl);
		if (UNLIKELY(rc)) {
			entry_stopped(mm, pg, e, mm_below(mm, type, *i));
			return rc;
		}
		if (UNLIKELY(pg->flags & PGF_ENTRY_REF)) {
			pg->flags &= (u8)~PGF_ENTRY_REF;
			mm_unref(mm, mm_page(mm, PTE_MFN(e)));
		}
		if (want != e && UNLIKELY(!mm_store(mm, at, want))) {
			++*i;
			return -XEN_ENOMEM;
		}
	}
	return 0;
}

/*
 * Checks a table of level 2 to 4, or goes on with it. Recursion ends at level 1: what is checked for an entry is one level
 * below it. When that fails or stops, the table stays partial.
 */
static int table_validate(struct pv_mm *mm, struct pv_page *pg, enum pv_page_type type, struct mm_slice *sl)
{
	bool pae = mm->is32 && type == PG_L3, partial = pg->flags & PGF_PARTIAL;
	u64 mfn = mm_mfn(mm, pg), base = mfn << PAGE_SHIFT;
	u32 i = partial ? pg->checked : 0;
	int rc = 0;

	pg->flags &= (u8)~PGF_PARTIAL;
	mm->pd->xen.work += PTES - i;
	/* Above 4 GiB it cannot be named in an old CR3. */
	if (pae && !i && mfn >> 20 && !(mm->pd->s.vm_assist & 1u << VMASST_PAE_EXTENDED_CR3))
		rc = -XEN_ERANGE;
	else if (pae)
		rc = hyper_slots_clear(mm, base, COMPAT_TOP_SLOT + 1, PTES - 1);
	if (!rc)
		rc = entries_get(mm, pg, type, &i, sl);
	if (!rc && type == PG_L4)
		rc = hyper_slots_clear(mm, base, PV_HYPER_L4_FIRST, PV_HYPER_L4_LAST);
	else if (!rc && type == PG_L2_TOP)
		rc = hyper_slots_clear(mm, base, COMPAT_HYPER_L2_FIRST, PTES - 1);
	else if (!rc && pae)
		rc = top_slot_check(mm, base);
	if (UNLIKELY(rc)) {
		pg->checked = i;
		pg->refs += !partial; /* mm_ref() leaves room */
		pg->flags |= PGF_PARTIAL;
	} else if (UNLIKELY(partial)) {
		pg->checked = 0;
		mm_unref(mm, pg);
	}
	return rc;
}

/* Lets go of what the counted entries of a table use, from the last one on. 0 or -XEN_ERESTART. */
static int entries_put(struct pv_mm *mm, struct pv_page *pg, struct mm_slice *sl)
{
	u64 base = mm_mfn(mm, pg) << PAGE_SHIFT;
	u32 first = pg->checked;

	mm->pd->xen.work += first;
	if (pg->flags & PGF_ENTRY_REF) {
		struct pv_page *to = mm_page(mm, PTE_MFN(mem_read_u64(mm->mem, base + first * 8)));

		/* It may have become something else meanwhile, so that a row of such ones can be of any length. */
		if ((to->flags & PGF_PARTIAL) && sl->depth < MM_DEPTH && partial_drop(mm, to, sl))
			return -XEN_ERESTART;
		pg->flags &= (u8)~PGF_ENTRY_REF;
		mm_unref(mm, to);
	}
	while (pg->checked) {
		u32 i = pg->checked - 1;

		if (i + 1 < first && enough(mm, sl))
			return -XEN_ERESTART;
		pg->checked = i;
		if (mm_guest_slot(pg->type, i) && table_put(mm, pg, mem_read_u64(mm->mem, base + i * 8), sl)) {
			pg->flags |= PGF_ENTRY_REF;
			return -XEN_ERESTART;
		}
	}
	return 0;
}

/* Lets a partial table go, with the use and the reference of its own. 0, or -XEN_ERESTART: it is still partial. */
static int partial_drop(struct pv_mm *mm, struct pv_page *pg, struct mm_slice *sl)
{
	int rc;

	/* Not partial while this goes on, for it may lead here again. */
	pg->flags &= (u8)~PGF_PARTIAL;
	sl->depth++;
	rc = entries_put(mm, pg, sl);
	sl->depth--;
	if (rc) {
		pg->flags |= PGF_PARTIAL;
		return rc;
	}
	mm_type_drop(pg);
	mm_unref(mm, pg);
	return 0;
}

/* The same for a table with a reference of the caller's, which is given up or left. */
static void let_go(struct pv_mm *mm, struct pv_page *pg, struct mm_slice *sl)
{
	if (UNLIKELY((pg->flags & PGF_PARTIAL) && partial_drop(mm, pg, sl)))
		sl->left = pg;
	else
		mm_unref(mm, pg);
}

/* A use of pg as type was refused: what the refusal left of it half-way is let go. */
static int refused(struct pv_mm *mm, struct pv_page *pg, enum pv_page_type type, int rc, struct mm_slice *sl)
{
	if (pg && rc != -XEN_ERESTART && pg->type == type && (pg->flags & PGF_PARTIAL) && mm_ref(pg))
		let_go(mm, pg, sl);
	return rc;
}

static int mod_table(struct pv_mm *mm, struct pv_page *pg, u64 maddr, u64 val, bool preserve_ad, struct mm_slice *sl)
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
		rc = table_get(mm, pg, val, type, slot, sl);
		if (UNLIKELY(rc))
			return refused(mm, mm_owned(mm, PTE_MFN(val)), mm_below(mm, type, slot), rc, sl);
	}
	rc = mm_store(mm, maddr, val | kept) ? 0 : -XEN_ENOMEM;
	old = rc ? val : old; /* what is not used any more */
	if (UNLIKELY(table_put(mm, pg, old, sl)))
		sl->left = mm_page(mm, PTE_MFN(old));
	return rc;
}

/* A page table or descriptors begin (frame, type) or end, for -d mmu. */
static COLD void log_type(const struct pv_mm *mm, u64 mfn, u32 type, bool begins)
{
	static const char *const names[] = { "?", "an L1 table", "an L2 table", "an L3 table", "an L4 table", "descriptors", "writable",
					     "the last L2 table" };

	log_line(&mm->pd->xen.d->host->log, LOG_MMU, "d%u: frame 0x%llx %s %s", mm->pd->xen.d->id, ULL(mfn), begins ? "becomes" : "ceases to be",
		 names[type < ARRAY_SIZE(names) ? type : 0]);
}

static bool log_types(const struct pv_mm *mm, u32 type)
{
	const struct host *h = mm->pd->xen.d->host;

	return h && log_on(&h->log, LOG_MMU) && type != PG_WRITABLE;
}

/* ---- uses as a type ---------------------------------------------------------------------------------------------- */

static int take(struct pv_mm *mm, struct pv_page *pg, enum pv_page_type type, struct mm_slice *sl)
{
	u64 mfn = mm_mfn(mm, pg);
	int rc = 0;

	if (UNLIKELY(!mm_ref(pg)))
		return -XEN_EINVAL;
	if (pg->types && UNLIKELY(pg->type != type)) {
		/* One level too high may be a linear table: the caller knows. */
		if (!mm_is_table(type) || !mm_is_table(pg->type) || level(pg->type) != level(type) + 1)
			mm_refused(mm, "frame 0x%llx is of type %u, not %u", ULL(mfn), pg->type, type);
		mm_unref(mm, pg);
		return -XEN_EINVAL;
	}
	if (pg->types && LIKELY(!(pg->flags & PGF_PARTIAL))) {
		pg->types++;
		return 0;
	}
	pg->type = (u8)type;
	pg->types = 1;
	if (mm_is_table(type) && type != PG_L1) {
		rc = table_validate(mm, pg, type, sl);
	} else if (type != PG_WRITABLE) {
		mm->pd->xen.work += PTES;
		rc = type == PG_L1 ? mm_l1_validate(mm, mfn) : mm_validate_segdesc(mm, mfn);
		if (rc)
			mm_type_drop(pg);
	}
	if (rc) {
		mm_unref(mm, pg);
		return rc;
	}
	pg->flags |= PGF_VALIDATED;
	if (log_types(mm, type))
		log_type(mm, mfn, type, true);
	return 0;
}

/* Gives up a use and a reference. 0, or -XEN_ERESTART: the use is given up, and the table partial. */
static int drop(struct pv_mm *mm, struct pv_page *pg, struct mm_slice *sl)
{
	int rc;

	if (UNLIKELY(pg->types == 1 && log_types(mm, pg->type)))
		log_type(mm, mm_mfn(mm, pg), pg->type, false);
	if (pg->types == 1 && mm_is_table(pg->type)) {
		pg->flags &= (u8)~PGF_VALIDATED;
		if (pg->type != PG_L1) {
			pg->flags |= PGF_PARTIAL;
			pg->checked = PTES;
			pg->refs++; /* mm_ref() leaves room */
			rc = partial_drop(mm, pg, sl);
			if (!rc)
				mm_unref(mm, pg);
			return rc;
		}
		mm->pd->xen.work += PTES;
		mm_l1_devalidate(mm, mm_mfn(mm, pg));
	}
	mm_type_drop(pg);
	mm_unref(mm, pg);
	return 0;
}

int mm_take(struct pv_mm *mm, struct pv_page *pg, enum pv_page_type type, struct mm_slice *sl)
{
	int rc = take(mm, pg, type, sl);

	return LIKELY(!rc) ? 0 : refused(mm, pg, type, rc, sl);
}

void mm_drop(struct pv_mm *mm, struct pv_page *pg, struct mm_slice *sl)
{
	if (UNLIKELY(drop(mm, pg, sl)))
		sl->left = pg;
}

int mm_get_type(struct pv_mm *mm, struct pv_page *pg, enum pv_page_type type)
{
	struct mm_slice sl = MM_WHOLE;

	return mm_take(mm, pg, type, &sl);
}

void mm_put_type(struct pv_mm *mm, struct pv_page *pg)
{
	struct mm_slice sl = MM_WHOLE;

	mm_drop(mm, pg, &sl);
}

void mm_keep(struct vcpu *v, struct mm_slice *sl)
{
	if (LIKELY(!sl->left))
		return;
	pv_of(v)->s.old_table = (u32)mm_mfn(pv_dom(v->d)->mm, sl->left);
	sl->left = NULL;
}

int mm_settle(struct vcpu *v, struct mm_slice *sl)
{
	struct pv_vcpu_state *s = &pv_of(v)->s;
	struct pv_mm *mm = pv_dom(v->d)->mm;
	struct pv_page *pg;

	if (LIKELY(!s->old_table))
		return 0;
	pg = mm_page(mm, s->old_table);
	s->old_table = 0;
	let_go(mm, pg, sl);
	if (!sl->left)
		return 0;
	mm_keep(v, sl);
	return -XEN_ERESTART;
}

/* ---- what hypercalls are made of --------------------------------------------------------------------------------- */

int mm_update(struct pv_mm *mm, u64 maddr, u64 val, bool preserve_ad, struct mm_slice *sl)
{
	struct pv_page *pg = mm_owned(mm, maddr >> PAGE_SHIFT);

	if (UNLIKELY(!pg)) {
		mm_refused(mm, "update at %llx: not a frame of the guest's", ULL(maddr));
		return -XEN_EINVAL;
	}
	if (UNLIKELY(pg->flags & PGF_PARTIAL)) {
		mm_refused(mm, "update at %llx: the frame is not a table yet, or ceases to be one", ULL(maddr));
		return -XEN_EINVAL;
	}
	switch (pg->type) {
	case PG_L1:
		return mm_mod_l1(mm, maddr, val, preserve_ad, false);
	case PG_L2:
	case PG_L2_TOP:
	case PG_L3:
	case PG_L4:
		return mod_table(mm, pg, maddr, val, preserve_ad, sl);
	case PG_NONE:
	case PG_WRITABLE:
		return mm_store(mm, maddr, val) ? 0 : -XEN_ENOMEM;
	default:
		mm_refused(mm, "update at %llx: the frame holds descriptors", ULL(maddr));
		return -XEN_EINVAL;
	}
}

int pv_mm_update(struct pv_domain *p, u64 maddr, u64 val, bool preserve_ad)
{
	struct mm_slice sl = MM_WHOLE;

	return mm_update(p->mm, maddr, val, preserve_ad, &sl);
}

int mm_pin(struct pv_mm *mm, u64 mfn, enum pv_page_type type, struct mm_slice *sl)
{
	struct pv_page *pg = mm_owned(mm, mfn);
	int rc;

	if (!pg) {
		mm_refused(mm, "pin of frame 0x%llx, which is not the guest's", ULL(mfn));
		return -XEN_EINVAL;
	}
	rc = mm_take(mm, pg, type, sl);
	if (rc)
		return rc;
	if (pg->flags & PGF_PINNED) {
		mm_refused(mm, "frame 0x%llx is pinned already", ULL(mfn));
		mm_drop(mm, pg, sl);
		return -XEN_EINVAL;
	}
	pg->flags |= PGF_PINNED;
	return 0;
}

int pv_mm_pin(struct pv_domain *p, u64 mfn, enum pv_page_type type)
{
	struct mm_slice sl = MM_WHOLE;

	return mm_pin(p->mm, mfn, type, &sl);
}

int mm_unpin(struct pv_mm *mm, u64 mfn, struct mm_slice *sl)
{
	struct pv_page *pg = mm_owned(mm, mfn);

	if (!pg || !(pg->flags & PGF_PINNED)) {
		mm_refused(mm, "unpin of frame 0x%llx, which is not pinned", ULL(mfn));
		return -XEN_EINVAL;
	}
	pg->flags &= (u8)~PGF_PINNED;
	mm_drop(mm, pg, sl);
	return 0;
}

int pv_mm_unpin(struct pv_domain *p, u64 mfn)
{
	struct mm_slice sl = MM_WHOLE;

	return mm_unpin(p->mm, mfn, &sl);
}
