/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The page-table walker, SDM 3A chapter 4: 32-bit, PAE, 4-level and 5-level tables, with protection keys; and what contexts and
 * the TLB must know of these tables.
 */
#include "mmu/x86/paging.h"

#include <errno.h>
#include <string.h>

#include "base/endian.h"
#include "mmu/ctx.h"
#include "mmu/look.h"
#include "mmu/share.h"
#include "mmu/walk.h"

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
 * guest may execute its tables, and then the bits are code. Other memories that share the frame may use it as something
 * else, so theirs are told.
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
	else if (UNLIKELY(f && f->share))
		p = share_written(f, mem, maddr >> PAGE_SHIFT, PAGE_OFFSET(maddr), wide ? 8 : 4) ? f->data : NULL;
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
static u64 reserved(const struct x86_paging *p, const struct level *lv, u64 e, bool large)
{
	u64 r = RSVD_ADDR;

	if (p->mode == MMU_LEGACY32)
		return large ? e & 0x003fe000 & ~0x1fe000ULL : 0;
	if (!p->nxe)
		r |= PTE_NX;
	if (p->mode == MMU_PAE && lv->shift == 30)
		return e & (RSVD_ADDR | PTE_NX | 0x1e6);
	if (!lv->leaf || (lv->shift == 30 && !p->giant))
		r |= PTE_PSE;
	if (p->mode == MMU_PAE)
		r |= 0x7ff0000000000000ULL;
	if (large)
		r |= (BIT(lv->shift) - 1) & ~0x1fffULL;
	return e & r;
}

/* What the key of a user page forbids to data accesses, SDM 3A 4.6.2. */
static bool key_forbids(const struct mmu *m, u64 pte, bool write)
{
	const struct x86_paging *p = x86_paging_of(m);
	u32 rights = p->pkru >> (2 * (pte >> 59 & 15));

	return (rights & 1) || (write && (rights & 2) && (m->user || p->wp));
}

/* The levels of this mode's tables, the top one first; *end is behind the last. */
static const struct level *levels(const struct x86_paging *p, const struct level **end)
{
	switch (p->mode) {
	case MMU_LEGACY32:
		*end = levels_32 + ARRAY_SIZE(levels_32);
		return levels_32;
	case MMU_PAE:
		*end = levels_pae + ARRAY_SIZE(levels_pae);
		return levels_pae;
	default:
		*end = levels_long5 + ARRAY_SIZE(levels_long5);
		return levels_long5 + (MMU_LONG5 - p->mode);
	}
}

/* An entry on the way. */
struct entry {
	const struct level *lv;
	u64 maddr; /* where it is */
	u64 e;     /* itself */
	bool reg;   /* in a PDPTE register, not in memory */
	bool pdpte; /* of PAE's top level: it has neither rights nor an A bit */
	bool large; /* it maps a large page */
};

static void entry_at(const struct mmu *m, const struct level *lv, bool last, u64 table, u64 va, struct entry *s)
{
	const struct x86_paging *p = x86_paging_of(m);
	bool wide = p->mode != MMU_LEGACY32;
	u64 idx = va >> lv->shift & (BIT(lv->bits) - 1);

	s->lv = lv;
	s->pdpte = p->mode == MMU_PAE && lv->shift == 30;
	s->reg = s->pdpte && p->pdptes;
	s->maddr = (table + idx * (wide ? 8 : 4)) & (p->a20 << PAGE_SHIFT | 4095);
	s->e = s->reg ? p->pdpte[idx] : entry_read(m, s->maddr, wide);
	s->large = !last && lv->leaf && (s->e & PTE_PSE) && (wide || p->pse);
}

/* Rights gathered on the way to a page. SDM 3A 4.6. */
struct rights {
	u64 all; /* of bits that each entry must have: PTE_W, PTE_U */
	u64 any; /* of bits that one entry may set for all: PTE_NX */
};

/*
 * What those rights and the key of the page allow (w->perm_*). The bits of the error code with which this access is
 * refused, PF_P and perhaps PF_PK; 0: it is allowed.
 */
static u32 page_rights(const struct mmu *m, enum mmu_access acc, bool mark, struct rights r, u64 pte, struct walk *w)
{
	const struct x86_paging *p = x86_paging_of(m);
	bool user = m->user && !p->no_us;
	bool user_page = r.all & PTE_U;
	bool keyed = p->keys && user_page;
	bool writable = (r.all & PTE_W) || (!user && !p->wp && !p->no_us);
	u32 code = PF_P;

	w->perm_w = writable && !(keyed && key_forbids(m, pte, true));
	w->perm_x = !(p->nxe && (r.any & PTE_NX)) && !(p->smep && !m->user && user_page && !p->no_us);
	w->perm_r = !(keyed && key_forbids(m, pte, false));
	if (keyed && acc != MMU_EXEC && key_forbids(m, pte, acc == MMU_WRITE))
		code |= PF_PK;
	if ((acc == MMU_WRITE && !writable) || (acc == MMU_EXEC && !w->perm_x))
		return code;
	if (!mark)
		return 0;
	if (user && !user_page)
		return code;
	if (!m->user && p->smap && user_page && !p->ac && acc != MMU_EXEC)
		return code;
	return code & PF_PK ? code : 0;
}

/* The frame that the last entry gives va: of a large page the one within it. */
static u64 page_frame(const struct x86_paging *p, const struct entry *s, u64 va)
{
	u64 within = (BIT(s->lv->shift) - 1) >> PAGE_SHIFT, mfn;

	if (p->mode != MMU_LEGACY32)
		mfn = PTE_MFN(s->e) & ~within;
	else if (s->large) /* PSE-36, SDM 3A 4.3 */
		mfn = ((s->e & 0xffc00000) | (s->e & 0x1fe000) << 19) >> PAGE_SHIFT;
	else
		mfn = PTE_MFN(s->e & 0xffffffff);
	return (mfn + (va >> PAGE_SHIFT & within)) & p->a20;
}

static bool canonical(const struct x86_paging *p, u64 va)
{
	return p->mode < MMU_LONG4 || (u64)((i64)va >> (p->mode == MMU_LONG4 ? 47 : 56)) + 1 <= 1;
}

/* The hypervisor's window, which no table maps. Where U/S counts it is a supervisor's. */
static int window(const struct mmu *m, u64 va, enum mmu_access acc, struct walk *w, struct mmu_fault *f)
{
	const struct x86_paging *p = x86_paging_of(m);
	bool there;

	w->mfn = (va - m->window.start) >> PAGE_SHIFT;
	there = mem_frame(m->window.mem, w->mfn);
	if (acc != MMU_READ || !there || (m->user && !p->no_us))
		return fault(f, va,
			     (there ? PF_P : 0u) | (acc == MMU_WRITE ? PF_W : 0u) | (acc == MMU_EXEC && p->nxe ? PF_I : 0u) |
				     (m->user ? PF_U : 0u),
			     MMU_PF);
	w->pte_maddr = ~0ULL;
	w->perm_r = w->window = true;
	return 0;
}

static int walk(const struct mmu *m, u64 va, enum mmu_access acc, bool mark, struct walk *w, struct mmu_fault *f)
{
	const struct x86_paging *p = x86_paging_of(m);
	const struct level *end, *lv = levels(p, &end);
	bool wide = p->mode != MMU_LEGACY32, page;
	u64 table = m->root & (p->mode == MMU_PAE ? ~31ULL : ~4095ULL);
	u32 code = (acc == MMU_WRITE ? PF_W : 0) | (m->user ? PF_U : 0), refused;
	struct rights r = { .all = PTE_W | PTE_U };
	struct entry s;

	if (p->mode == MMU_OFF) {
		mmu_flat.walk(m, va, acc, mark, w, f);
		w->mfn &= p->a20;
		return 0;
	}
	if (!canonical(p, va))
		return fault(f, va, 0, MMU_NONCANONICAL);
	if (mark && va - m->window.start < m->window.end - m->window.start)
		return window(m, va, acc, w, f);
	if (acc == MMU_EXEC && (p->nxe || p->smep))
		code |= PF_I;
	w->halves = p->mode == MMU_LONG4;
	do {
		u64 want = PTE_A;

		entry_at(m, lv, lv + 1 == end, table, va, &s);
		page = ++lv == end || s.large;
		if (!(s.e & PTE_P))
			return fault(f, va, code, MMU_PF);
		if (reserved(p, s.lv, s.e, s.large))
			return fault(f, va, code | PF_P | PF_RSVD, MMU_PF);
		if (!s.pdpte) {
			r.all &= s.e;
			r.any |= s.e;
		}
		if (page) {
			refused = page_rights(m, acc, mark, r, s.e, w);
			if (refused)
				return fault(f, va, code | refused, MMU_PF);
			want |= acc == MMU_WRITE ? PTE_D : 0;
		}
		if (mark && !s.pdpte) {
			if ((s.e & want) != want)
				set_bits(m->mem, s.maddr, want, wide);
			s.e |= want;
		}
		if (!s.reg)
			w->tables[w->ntables++] = s.maddr >> PAGE_SHIFT;
		table = wide ? PTE_MFN(s.e) << PAGE_SHIFT : s.e & 0xfffff000;
	} while (!page);
	w->dirty = s.e & PTE_D;
	w->large = s.large;
	w->pte_maddr = s.maddr;
	w->pte = s.e;
	w->mfn = page_frame(p, &s, va);
	return 0;
}

static u64 linear(const struct mmu *m)
{
	return x86_paging_of(m)->mode < MMU_LONG4 ? UINT32_MAX : ~0ULL;
}

static u32 rights(const struct mmu *m)
{
	const struct x86_paging *p = x86_paging_of(m);

	return m->user && !p->no_us ? CTX_USER : p->ac && p->smap ? CTX_AC : 0;
}

/* A root whose tables are in registers is not known by its address. */
static u64 root_key(const struct mmu *m)
{
	const struct x86_paging *p = x86_paging_of(m);

	return p->pdptes ? 0 : (m->root & ~0x1ffULL) | (u64)p->mode | 0x100;
}

/* The present entries; for modes without a 512-entry root, the root itself. */
static void half(const struct mmu *m, bool high, u64 content[MMU_HALF_ENTRIES])
{
	const struct x86_paging *p = x86_paging_of(m);
	const u8 *table = mem_ro(m->mem, m->root >> PAGE_SHIFT);
	u32 i;

	memset(content, 0, MMU_HALF_ENTRIES * sizeof *content);
	if (p->mode != MMU_LONG4) {
		content[0] = m->root | 1;
		content[1] = p->mode;
		if (p->mode == MMU_PAE && p->pdptes) {
			content[0] = 1;
			memcpy(content + 2, p->pdpte, sizeof p->pdpte);
		}
		return;
	}
	if (!table)
		return;
	for (i = 0; i < MMU_HALF_ENTRIES; i++) {
		u64 e = ld64(table + (high ? 2048 : 0) + i * 8);

		if (e & PTE_P)
			content[i] = e & ~(PTE_A | PTE_D);
	}
	if (high && p->pv)
		memset(content, 0, 16 * sizeof *content);
}

static u32 entry_size(const struct mmu *m)
{
	enum mmu_mode mode = x86_paging_of(m)->mode;

	return mode == MMU_OFF ? 0 : mode == MMU_LEGACY32 ? 4 : 8;
}

static bool entry_present(u64 e)
{
	return e & PTE_P;
}

static bool entry_used(u64 e)
{
	return (e & (PTE_P | PTE_A)) == (PTE_P | PTE_A);
}

static u64 entry_mfn(u64 e, u32 size)
{
	return size == 8 ? PTE_MFN(e) : (e & 0xfffff000) >> PAGE_SHIFT;
}

static const struct mmu_arch x86_mmu_arch = {
	walk, linear, rights, root_key, half, entry_size, entry_present, entry_used, entry_mfn
};

int x86_mmu_init(struct mmu *m, struct mem *mem, struct x86_paging *p)
{
	*p = (struct x86_paging){ .mode = MMU_OFF, .a20 = ~0ULL };
	return mmu_init(m, mem, &x86_mmu_arch, p);
}
