/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a vCPU sees through its page tables: roots, the M2P window, single entries by address, and stores to read-only
 * page tables, which are emulated as Xen does (VMASST_TYPE_writable_pagetables).
 */
#include "pv/mm/impl.h"

#define VMASST_WRITABLE_PAGETABLES 2

/* ---- roots ------------------------------------------------------------------------------------------------------ */

static int root_get(struct pv_mm *mm, u64 mfn, struct mm_slice *sl)
{
	struct pv_page *pg;

	if (!mfn)
		return 0;
	pg = mm_owned(mm, mfn);
	if (!pg) {
		mm_refused(mm, "new root 0x%llx: not a frame of the guest's", (unsigned long long)mfn);
		return -XEN_EINVAL;
	}
	return mm_take(mm, pg, mm_root_type(mm), sl);
}

static void root_put(struct pv_mm *mm, u64 mfn, struct mm_slice *sl)
{
	struct pv_page *pg = mfn ? mm_owned(mm, mfn) : NULL;

	if (pg)
		mm_drop(mm, pg, sl);
}

static int root_set(struct vcpu *v, u64 *root, u64 mfn, struct mm_slice *sl)
{
	struct pv_mm *mm = pv_dom(v->d)->mm;
	u64 old = *root;
	int rc;

	if (old == mfn)
		return 0;
	rc = root_get(mm, mfn, sl);
	if (rc)
		return rc;
	*root = mfn;
	pv_root_changed(v);
	root_put(mm, old, sl);
	return 0;
}

int mm_set_kernel_root(struct vcpu *v, u64 mfn, struct mm_slice *sl)
{
	if (!mfn)
		return -XEN_EINVAL;
	return root_set(v, &pv_of(v)->s.kernel_root, mfn, sl);
}

int mm_set_user_root(struct vcpu *v, u64 mfn, struct mm_slice *sl)
{
	return root_set(v, &pv_of(v)->s.user_root, mfn, sl);
}

int pv_mm_set_kernel_root(struct vcpu *v, u64 mfn)
{
	struct mm_slice sl = MM_WHOLE;

	return mm_set_kernel_root(v, mfn, &sl);
}

int pv_mm_set_user_root(struct vcpu *v, u64 mfn)
{
	struct mm_slice sl = MM_WHOLE;

	return mm_set_user_root(v, mfn, &sl);
}

int pv_mm_load_roots(struct vcpu *by, struct vcpu *v, u64 kernel, u64 user)
{
	struct mm_slice sl = MM_SLICE;
	int rc = mm_settle(by, &sl);

	if (!rc)
		rc = mm_set_kernel_root(v, kernel, &sl);
	if (!rc && !sl.left)
		rc = mm_set_user_root(v, user, &sl);
	mm_keep(by, &sl);
	return !rc && pv_of(by)->s.old_table ? -XEN_ERESTART : rc;
}

void pv_mm_vcpu_reset(struct vcpu *by, struct vcpu *v)
{
	struct pv_vcpu_state *s = &pv_of(v)->s;
	struct mm_slice sl = MM_SLICE;

	pv_mm_set_gdt(v, NULL, 0);
	pv_mm_set_ldt(v, 0, 0);
	if (!pv_of(by)->s.old_table)
		root_set(v, &s->user_root, 0, &sl);
	if (!pv_of(by)->s.old_table && !sl.left)
		root_set(v, &s->kernel_root, 0, &sl);
	mm_keep(by, &sl);
}

/* ---- entries by address ----------------------------------------------------------------------------------------- */

bool pv_mm_find_pte(struct vcpu *v, u64 va, u64 *maddr, u64 *pte)
{
	const struct mem *mem = &v->d->mem;
	u64 table = pv_of(v)->s.kernel_root;
	u32 shift;

	if (!table || !mm_addr_ok(va))
		return false;
	if (pv_dom(v->d)->mm->is32 && va >> 32)
		return false;
	for (shift = pv_dom(v->d)->mm->is32 ? 30 : 39;; shift -= 9) {
		u64 at = (table << PAGE_SHIFT) + (va >> shift & (PTES - 1)) * 8;
		u64 e = mem_read_u64(mem, at);

		if (shift == PAGE_SHIFT) {
			*maddr = at;
			*pte = e;
			return true;
		}
		if (!(e & PTE_P))
			return false;
		table = PTE_MFN(e);
	}
}

static bool in_l1(const struct pv_mm *mm, u64 at)
{
	const struct pv_page *pg = mm_owned(mm, at >> PAGE_SHIFT);

	return pg && pg->type == PG_L1 && !(at & 7);
}

int pv_mm_map_pte(struct pv_domain *p, u64 at, u64 entry)
{
	if (!in_l1(p->mm, at))
		return -XEN_EINVAL;
	return mm_mod_l1(p->mm, at, entry, false, true);
}

int pv_mm_unmap_pte(struct pv_domain *p, u64 at, u64 mfn, bool writable, u64 entry)
{
	u64 old;

	if (!in_l1(p->mm, at))
		return -XEN_EINVAL;
	old = mem_read_u64(p->mm->mem, at);
	if (!(old & PTE_P) || PTE_MFN(old) != mfn || !(old & PTE_W) == writable)
		return -XEN_EINVAL;
	return mm_mod_l1(p->mm, at, entry, false, true);
}

/* ---- stores to page tables -------------------------------------------------------------------------------------- */

static bool ro_store(void *opaque, struct mmu *mmu, u64 va, u64 mfn, u32 size, u64 value)
{
	struct vcpu *v = opaque;
	struct pv_domain *p = pv_dom(v->d);
	struct pv_mm *mm = p->mm;
	const struct pv_page *pg = mm_owned(mm, mfn);
	u64 at = (mfn << PAGE_SHIFT) | (PAGE_OFFSET(va) & ~7u), maddr, pte;

	if (!pg || pg->type != PG_L1 || !pv_kernel_mode(v) || !(p->s.vm_assist & 1u << VMASST_WRITABLE_PAGETABLES))
		return false;
	if (!size || size > 8 || (size & (size - 1)) || (va & (size - 1)))
		return false;
	/* The entry that maps this is writable only when it is itself one of a higher table: the guest hears of that. */
	if (!pv_mm_find_pte(v, va, &maddr, &pte) || (pte & PTE_W))
		return false;
	if (size < 8) {
		u64 mask = BIT(size * 8) - 1;
		u32 shift = (u32)(va & 7) * 8;

		value = (value & mask) << shift | (mem_read_u64(mm->mem, at) & ~(mask << shift));
	}
	if (!mm_mod_l1(mm, at, value, false, false))
		return true;
	/* The upper half of a PAE entry first: the lower half is expected next. */
	if (!p->xen.s.is32 || size != 4 || !(va & 4))
		return false;
	return !mm_mod_l1(mm, at, value & ~PTE_P, false, false);
}

static const struct mmu_hooks pv_mmu_hooks = { .ro_store = ro_store };

void pv_mm_vcpu_init(struct vcpu *v)
{
	struct pv_domain *p = pv_dom(v->d);
	struct mmu *m = &x86_of(v)->mmu;

	m->window.start = p->mm->is32 ? COMPAT_HYPER_START : PV_M2P_START;
	m->window.end = m->window.start + (p->m2p.limit << PAGE_SHIFT);
	m->window.mem = &p->m2p;
	m->hooks = &pv_mmu_hooks;
	m->opaque = v;
	x86_of(v)->paging.pv = true;
	x86_of(v)->paging.top3 = p->mm->is32;
	x86_of(v)->paging.no_us = !p->mm->is32;
}
