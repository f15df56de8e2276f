/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The page-table walker, SDM 3A chapter 4: 32-bit, PAE, 4-level and 5-level tables, with protection keys.
 */
#include "mmu/walk.h"

#include <errno.h>

#include "base/endian.h"
#include "mmu/look.h"

#define PHYS_BITS 46
#define RSVD_ADDR ((~0ULL << PHYS_BITS) & 0x000fffffffffffffULL)

/* What a level's table looks like. */
struct level {
	u8 shift;  /* of the index */
	u8 bits;
	bool leaf; /* may map a page here */
};

static const struct level levels_long5[] = {
	{ 48, 9, false }, { 39, 9, false }, { 30, 9, true }, { 21, 9, true }, { 12, 9, true }
};
static const struct level levels_pae[] = { { 30, 2, false }, { 21, 9, true }, { 12, 9, true } };
static const struct level levels_32[] = { { 22, 10, true }, { 12, 10, true } };

static int fault(struct mmu_fault *f, u64 va, u32 code, int kind)
{
	f->va = va;
	f->code = code;
	f->kind = kind;
	return -EFAULT;
}

/*
 * Sets A or D bits in a table. No translation derived from the entry changes by that, so the TLBs are not told; but a
 * guest may execute its tables, and then the bits are code.
 */
static void set_bits(struct mem *mem, u64 maddr, u64 bits, bool wide)
{
	struct frame *f = mem_frame(mem, maddr >> PAGE_SHIFT);
	u8 *p;

	if (UNLIKELY(f && f->code) && mem->hooks)
		mem->hooks->code_written(mem->opaque, f, PAGE_OFFSET(maddr), wide ? 8 : 4);
	if (UNLIKELY(mem->attentive))
		mem_look_written(mem, maddr >> PAGE_SHIFT);
	if (mem_is_private_dirty(mem, maddr >> PAGE_SHIFT))
		p = mem_frame(mem, maddr >> PAGE_SHIFT)->data;
	else
		p = mem_unshare(mem, maddr >> PAGE_SHIFT);
	if (!p)
		return;
	p += PAGE_OFFSET(maddr);
	if (wide)
		st64(p, ld64(p) | bits);
	else
		st32(p, ld32(p) | (u32)bits);
}

static u64 entry_read(const struct mmu *m, u64 maddr, bool wide)
{
	const u8 *p = mem_ro(m->mem, maddr >> PAGE_SHIFT);

	if (!p)
		return wide ? RSVD_ADDR | PTE_P : 0;
	p += PAGE_OFFSET(maddr);
	return wide ? ld64(p) : ld32(p);
}

/* Reserved bits of a present entry. */
static u64 reserved(const struct mmu *m, const struct level *lv, u64 e, bool large)
{
	u64 r = RSVD_ADDR;

	if (m->mode == MMU_LEGACY32)
		return large ? e & 0x003fe000 & ~0x1fe000ULL : 0;
	if (!m->nxe)
		r |= PTE_NX;
	if (m->mode == MMU_PAE && lv->shift == 30)
		return e & (RSVD_ADDR | PTE_NX | 0x1e6);
	if (!lv->leaf || (lv->shift == 30 && !m->giant))
		r |= PTE_PSE;
	if (m->mode == MMU_PAE)
		r |= 0x7ff0000000000000ULL;
	if (large)
		r |= (BIT(lv->shift) - 1) & ~0x1fffULL;
	return e & r;
}

/* What the key of a user page forbids to data accesses, SDM 3A 4.6.2. */
static bool key_forbids(const struct mmu *m, u64 pte, bool write)
{
	u32 rights = m->pkru >> (2 * (pte >> 59 & 15));

	return (rights & 1) || (write && (rights & 2) && (m->user || m->wp));
}

int mmu_walk(const struct mmu *m, u64 va, enum mmu_access acc, bool mark, struct walk *w, struct mmu_fault *f)
{
	const struct level *lv;
	const struct level *end;
	bool wide = m->mode != MMU_LEGACY32;
	u64 table = m->root & (m->mode == MMU_PAE ? ~31ULL : ~4095ULL);
	u64 all = PTE_W | PTE_U;
	u64 nx = 0;
	u32 code = (acc == MMU_WRITE ? PF_W : 0) | (m->user ? PF_U : 0);
	bool user = m->user && !m->no_us;

	if (acc == MMU_EXEC && (m->nxe || m->smep))
		code |= PF_I;
	switch (m->mode) {
	case MMU_LEGACY32:
		lv = levels_32;
		end = lv + 2;
		break;
	case MMU_PAE:
		lv = levels_pae;
		end = lv + 3;
		break;
	default:
		lv = levels_long5 + (MMU_LONG5 - m->mode);
		end = levels_long5 + 5;
		break;
	}
	for (;; lv++) {
		u64 idx = va >> lv->shift & (BIT(lv->bits) - 1);
		bool reg = m->pdptes && m->mode == MMU_PAE && lv->shift == 30;
		u64 maddr = (table + idx * (wide ? 8 : 4)) & (m->a20 << PAGE_SHIFT | 4095);
		u64 e = reg ? m->pdpte[idx] : entry_read(m, maddr, wide);
		bool large = lv + 1 != end && lv->leaf && (e & PTE_PSE) && (wide || m->pse);

		if (!(e & PTE_P))
			return fault(f, va, code, MMU_PF);
		if (reserved(m, lv, e, large))
			return fault(f, va, code | PF_P | PF_RSVD, MMU_PF);
		if (!(m->mode == MMU_PAE && lv->shift == 30)) {
			all &= e;
			nx |= e;
		}
		if (lv + 1 == end || large) {
			bool w_ok = (all & PTE_W) || (!user && !m->wp && !m->no_us);
			bool keyed = m->keys && (all & PTE_U);

			if (keyed && acc != MMU_EXEC && key_forbids(m, e, acc == MMU_WRITE))
				code |= PF_PK;
			w->perm_w = w_ok && !(keyed && key_forbids(m, e, true));
			w->perm_x = !(m->nxe && (nx & PTE_NX)) && !(m->smep && !m->user && (all & PTE_U) && !m->no_us);
			w->perm_r = !(keyed && key_forbids(m, e, false));
			if (mark && user && !(all & PTE_U))
				return fault(f, va, code | PF_P, MMU_PF);
			if (mark && !m->user && m->smap && (all & PTE_U) && !m->ac && acc != MMU_EXEC)
				return fault(f, va, code | PF_P, MMU_PF);
			if ((acc == MMU_WRITE && !w_ok) || (acc == MMU_EXEC && !w->perm_x) || (mark && (code & PF_PK)))
				return fault(f, va, code | PF_P, MMU_PF);
			if (mark) {
				u64 want = PTE_A | (acc == MMU_WRITE ? PTE_D : 0);

				if ((e & want) != want)
					set_bits(m->mem, maddr, want, wide);
				e |= want;
			}
			w->dirty = e & PTE_D;
			w->large = large;
			w->pte_maddr = maddr;
			w->pte = e;
			if (large && !wide)
				w->mfn = ((e & 0xffc00000) | (e & 0x1fe000) << 19) >> PAGE_SHIFT;
			else
				w->mfn = PTE_MFN(e & (wide ? ~0ULL : 0xffffffff)) & ~((BIT(lv->shift) - 1) >> PAGE_SHIFT);
			w->mfn += (va & (BIT(lv->shift) - 1)) >> PAGE_SHIFT;
			w->mfn &= m->a20;
			w->tables[w->ntables++] = maddr >> PAGE_SHIFT;
			return 0;
		}
		if (mark && !(e & PTE_A) && !(m->mode == MMU_PAE && lv->shift == 30))
			set_bits(m->mem, maddr, PTE_A, wide);
		if (!reg)
			w->tables[w->ntables++] = maddr >> PAGE_SHIFT;
		table = wide ? PTE_MFN(e) << PAGE_SHIFT : e & 0xfffff000;
	}
}
