/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The soft TLB: how entries are filled in, and how they are dropped when page tables or frames change.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "mmu/ctx.h"
#include "mmu/look.h"
#include "mmu/walk.h"

static void slot_drop(struct mmu *m, u32 i)
{
	m->tlb[i].rd = m->tlb[i].wr = m->tlb[i].ex = TLB_INVALID;
}

static u32 slot_of(u64 va)
{
	return (u32)(va >> PAGE_SHIFT) & (TLB_SIZE - 1);
}

static void slot_copy(struct mmu *m, u32 to, u32 from)
{
	m->tlb[to] = m->tlb[from];
	m->pte[to] = m->pte[from];
	m->mfn[to] = m->mfn[from];
}

/*
 * The victim way of va's slot was hit. Only each eighth hit swaps it with the first way. So a page that is used alone gets into
 * the first way soon. Two pages that are used in turns do not push each other out at every access: one of them stays in the
 * first way and is fast.
 */
static u8 *victim_hit(struct mmu *m, u64 va)
{
	u32 i = slot_of(va), k = TLB_SIZE + i;
	u8 *p = tlb_host(&m->tlb[k], va);

	if (++m->victim_hits % 8 == 0) {
		struct tlb_entry e = m->tlb[i];
		u64 pte = m->pte[i], mfn = m->mfn[i];

		slot_copy(m, i, k);
		m->tlb[k] = e;
		m->pte[k] = pte;
		m->mfn[k] = mfn;
	}
	return p;
}

const u8 *mmu_find_read(struct mmu *m, u64 va, u32 size)
{
	struct tlb_entry *e = tlb_slot(m, va);
	u64 tag = tlb_tag(m, va, size);

	if (e->rd == tag)
		return tlb_host(e, va);
	return e[TLB_SIZE].rd == tag ? victim_hit(m, va) : NULL;
}

u8 *mmu_find_write(struct mmu *m, u64 va, u32 size)
{
	struct tlb_entry *e = tlb_slot(m, va);
	u64 tag = tlb_tag(m, va, size);

	if (e->wr == tag)
		return tlb_host(e, va);
	return e[TLB_SIZE].wr == tag ? victim_hit(m, va) : NULL;
}

void mmu_flush(struct mmu *m)
{
	u32 i;

	for (i = 0; i < TLB_SLOTS; i++)
		slot_drop(m, i);
}

int mmu_init(struct mmu *m, struct mem *mem, const struct mmu_arch *arch, void *paging)
{
	memset(m, 0, sizeof *m);
	m->mem = mem;
	m->arch = arch;
	m->paging = paging;
	if (mem->mmus) {
		m->ctxs = mem->mmus->ctxs;
		m->ctxs->refs++;
	} else {
		m->ctxs = ctx_table_new();
		if (!m->ctxs)
			return -ENOMEM;
	}
	m->next = mem->mmus;
	mem->mmus = m;
	mmu_flush(m);
	mmu_update(m);
	return 0;
}

void mmu_exit(struct mmu *m)
{
	struct mmu **p;

	if (!m->ctxs)
		return;
	mmu_monitor_off(m);
	for (p = &m->mem->mmus; *p; p = &(*p)->next)
		if (*p == m) {
			*p = m->next;
			break;
		}
	if (!--m->ctxs->refs)
		free(m->ctxs);
	m->ctxs = NULL;
}

void mmu_update(struct mmu *m)
{
	u32 id[2], i;
	u32 bits = m->arch->rights(m);

	m->ctx_stale = false;
	m->linear = m->arch->linear(m);
	m->aligning = m->align && m->user;
	ctx_resolve(m, id);
	for (i = 0; i < 2; i++) {
		m->stored[i] = id[i] | bits;
		m->ctx[i] = m->aligning ? id[i] | CTX_ALIGN : m->stored[i];
	}
}

/* Frames a translation was derived from are watched from now on. */
static void watch_tables(struct mmu *m, const struct walk *w, u64 va)
{
	u8 nonleaf = va >> 63 ? WATCH_TABLE_HI : WATCH_TABLE_LO;
	u32 i;

	if (!w->halves)
		nonleaf = WATCH_TABLE_LO | WATCH_TABLE_HI;
	for (i = 0; i < w->ntables; i++) {
		u8 bits = i + 1 == w->ntables && !w->large ? WATCH_LEAF : nonleaf;
		u8 *p;

		/* Such a top-level table is watched as the root of a context instead. */
		if (i == 0 && w->halves)
			continue;
		p = mem_watch(m->mem, w->tables[i]);
		if ((*p & bits) != bits) {
			bool fresh = !(*p & WATCH_ANY_TABLE);

			*p |= bits;
			if (fresh)
				mmu_revoke_writes(m->mem, w->tables[i]);
		}
		*p &= (u8)~WATCH_STORES;
	}
}

#define MONITOR_LINE 64u

static bool monitored(const struct mem *mem, u64 mfn)
{
	const struct mmu *m;

	for (m = mem->mmus; m; m = m->next)
		if (m->monitor && m->monitor >> PAGE_SHIFT == mfn)
			return true;
	return false;
}

void mmu_monitor(struct mmu *m, u64 paddr)
{
	mmu_monitor_off(m);
	if (!mem_frame(m->mem, paddr >> PAGE_SHIFT))
		return;
	m->monitor = (paddr & ~(u64)(MONITOR_LINE - 1)) | 1;
	m->mem->monitors++;
	m->mem->attentive++;
	mmu_revoke_writes(m->mem, paddr >> PAGE_SHIFT);
}

void mmu_monitor_off(struct mmu *m)
{
	m->mem->monitors -= m->monitor != 0;
	m->mem->attentive -= m->monitor != 0;
	m->monitor = 0;
}

void mmu_monitor_written(struct mem *mem, u64 mfn, u32 off, u32 len)
{
	struct mmu *m;

	for (m = mem->mmus; m; m = m->next)
		if (m->monitor && m->monitor >> PAGE_SHIFT == mfn && PAGE_OFFSET(m->monitor) - 1 < off + len &&
		    off < PAGE_OFFSET(m->monitor) - 1 + MONITOR_LINE)
			mmu_monitor_off(m);
}

/* Puts a translation into its slot. The write tag stands only where a store needs nobody's attention. */
static void fill(struct mmu *m, u64 va, const struct mem *mem, u64 mfn, const struct walk *w, bool window)
{
	u32 i = slot_of(va);
	struct tlb_entry *e = &m->tlb[i];
	struct frame *f = mem_frame(mem, mfn);
	u64 tag = PAGE_BASE(va) | m->stored[va >> 63];

	if (e->rd != tag)
		slot_copy(m, TLB_SIZE + i, i);
	e->addend = (uintptr_t)f->data - (uintptr_t)PAGE_BASE(va);
	e->rd = w->perm_r ? tag : TLB_INVALID;
	e->ex = w->perm_x ? tag : TLB_INVALID;
	e->wr = TLB_INVALID;
	m->pte[i] = w->pte_maddr;
	m->mfn[i] = window ? ~0ULL : mfn;
	if (window)
		return;
	if (UNLIKELY(m->nslow)) {
		u32 k;

		for (k = 0; k < m->nslow; k++)
			if (m->slow_page[k] == PAGE_BASE(va)) {
				e->rd = TLB_INVALID;
				*mem_watch(mem, mfn) |= WATCH_RO_CACHED;
				return;
			}
	}
	if (mem_is_private_dirty(mem, mfn)) {
		if (w->perm_w && w->dirty && !f->code && !(*mem_watch(mem, mfn) & WATCH_ANY_TABLE) &&
		    LIKELY(!mem->attentive || (!monitored(mem, mfn) && !mem_look_waits(mem, mfn))))
			e->wr = tag;
	} else {
		*mem_watch(mem, mfn) |= WATCH_RO_CACHED;
	}
}

int mmu_translate(struct mmu *m, u64 va, enum mmu_access acc, u64 *mfn, struct mmu_fault *f)
{
	struct walk w = { .ntables = 0 };
	int rc;

	if (UNLIKELY(m->ctx_stale))
		mmu_update(m);
	va = mmu_linear(m, va);
	rc = m->arch->walk(m, va, acc, true, &w, f);
	if (rc)
		return rc;
	if (UNLIKELY(w.window)) {
		fill(m, va, m->window.mem, w.mfn, &w, true);
		*mfn = ~0ULL;
		return 0;
	}
	*mfn = w.mfn;
	if (!mem_frame(m->mem, w.mfn) || (acc == MMU_WRITE && !mem_is_private_dirty(m->mem, w.mfn) &&
					  !mem_unshare(m->mem, w.mfn))) {
		*f = (struct mmu_fault){ va, 0, w.mfn << PAGE_SHIFT | PAGE_OFFSET(va), MMU_NO_MEMORY };
		return -EFAULT;
	}
	watch_tables(m, &w, va);
	/* The store follows, and perhaps many: that there is one is known now, so that they can go the fast way. */
	if (acc == MMU_WRITE && UNLIKELY(m->mem->attentive))
		mem_look_written(m->mem, w.mfn);
	fill(m, va, m->mem, w.mfn, &w, false);
	return 0;
}

int mmu_peek(const struct mmu *m, u64 va, u64 *mfn, u64 *pte)
{
	struct walk w = { .ntables = 0 };
	struct mmu_fault f;

	va = mmu_linear(m, va);
	if (m->arch->walk(m, va, MMU_READ, false, &w, &f))
		return -EFAULT;
	*mfn = w.mfn;
	*pte = w.pte;
	return mem_frame(m->mem, w.mfn) ? 0 : -EFAULT;
}

/* ---- coherence ------------------------------------------------------------------------------------------------- */

static u64 entry_at(const u8 *p, u32 size)
{
	return size == 8 ? ld64(p) : ld32(p);
}

/* A leaf entry that was walked maps a frame with decoded code. */
static bool leads_to_code(const struct mem *mem, const struct mmu_arch *arch, u64 pte, u32 size)
{
	const struct frame *f = arch->entry_used(pte) ? mem_frame(mem, arch->entry_mfn(pte, size)) : NULL;

	return f && f->code;
}

/* A leaf entry is about to change: what was derived from it goes. Entries never used were never cached. */
static void leaf_entry_written(struct mem *mem, const struct mmu_arch *arch, u64 maddr, u64 old, u32 size)
{
	u32 entries = PAGE_SIZE / size, idx = (u32)(maddr / size) & (entries - 1);
	struct mmu *m;

	if (!arch->entry_used(old))
		return;
	for (m = mem->mmus; m; m = m->next) {
		u32 i;

		for (i = idx; i < TLB_SLOTS; i += entries)
			if (m->pte[i] == maddr)
				slot_drop(m, i);
	}
	if (mem->hooks && leads_to_code(mem, arch, old, size))
		mem->hooks->code_unmapped(mem->opaque);
}

/* Everything derived from any entry of the leaf table at mfn goes, and it is watched no more. */
static void leaf_table_drop(struct mem *mem, const struct mmu_arch *arch, u64 mfn, u32 size, bool mixed)
{
	const u8 *p = mem_frame(mem, mfn)->data;
	bool code = mixed;
	struct mmu *m;
	u32 i;

	for (m = mem->mmus; m; m = m->next)
		for (i = 0; i < TLB_SLOTS; i++)
			if (m->pte[i] >> PAGE_SHIFT == mfn)
				slot_drop(m, i);
	for (i = 0; i < PAGE_SIZE && !code; i += size)
		code = leads_to_code(mem, arch, entry_at(p + i, size), size);
	if (mem->hooks && code)
		mem->hooks->code_unmapped(mem->opaque);
}

/*
 * Whose tables are in mem, and bytes of their entries: the smallest where CPUs disagree, which sets *mixed. CPUs of one memory
 * that have tables are of one architecture.
 */
static u32 entry_size_of(const struct mem *mem, const struct mmu_arch **arch, bool *mixed)
{
	const struct mmu *m;
	u32 size = 0;

	*arch = &mmu_flat;
	*mixed = false;
	for (m = mem->mmus; m; m = m->next) {
		u32 n = m->arch->entry_size(m);

		if (!n || n == size)
			continue;
		*arch = m->arch;
		*mixed |= size != 0;
		size = size ? MIN(size, n) : n;
	}
	return size ? size : 8;
}

void mmu_frame_written(struct mem *mem, u64 mfn, u32 off, u32 len)
{
	u8 *watch = mem_watch(mem, mfn);
	const u8 *p = mem_frame(mem, mfn)->data;
	const struct mmu_arch *arch;
	bool mixed;
	u32 size = entry_size_of(mem, &arch, &mixed);
	u32 first = off & ~(size - 1);
	u32 last = (off + len + size - 1) & ~(size - 1);
	u32 i;

	if (*watch & WATCH_ROOT)
		ctx_root_written(mem, mfn);
	if (*watch & (WATCH_TABLE_LO | WATCH_TABLE_HI)) {
		for (i = first; i < last; i += size)
			if (arch->entry_present(entry_at(p + i, size)))
				break;
		if (i < last) {
			u8 w = *watch;

			*watch &= (u8)~(WATCH_TABLE_LO | WATCH_TABLE_HI);
			ctx_rename(mem, w & WATCH_TABLE_LO, w & WATCH_TABLE_HI);
		}
	}
	if (*watch & WATCH_LEAF) {
		/* A page that is stored to again and again with no walk between is a table no more. */
		if ((*watch & WATCH_STORES) == WATCH_STORES || last - first > 64 || mixed) {
			leaf_table_drop(mem, arch, mfn, size, mixed);
			*watch &= (u8)~(WATCH_LEAF | WATCH_STORES);
			return;
		}
		*watch += WATCH_STORE;
		for (i = first; i < last; i += size)
			leaf_entry_written(mem, arch, (mfn << PAGE_SHIFT) + i, entry_at(p + i, size), size);
	}
}

void mmu_revoke_writes(struct mem *mem, u64 mfn)
{
	struct mmu *m;
	u32 i;

	for (m = mem->mmus; m; m = m->next)
		for (i = 0; i < TLB_SLOTS; i++)
			if (m->mfn[i] == mfn)
				m->tlb[i].wr = TLB_INVALID;
}

void mmu_revoke_looked(struct mem *mem)
{
	struct mmu *m;
	u32 i;

	for (m = mem->mmus; m; m = m->next)
		for (i = 0; i < TLB_SLOTS; i++)
			if (m->tlb[i].wr != TLB_INVALID && mem_look_waits(mem, m->mfn[i]))
				m->tlb[i].wr = TLB_INVALID;
}

void mmu_frame_moved(struct mem *mem, u64 mfn)
{
	struct mmu *m;
	u32 i;

	*mem_watch(mem, mfn) &= (u8)~WATCH_RO_CACHED;
	for (m = mem->mmus; m; m = m->next)
		for (i = 0; i < TLB_SLOTS; i++)
			if (m->mfn[i] == mfn)
				slot_drop(m, i);
}

void mmu_drop_writes(struct mem *mem)
{
	struct mmu *m;
	u32 i;

	for (m = mem->mmus; m; m = m->next)
		for (i = 0; i < TLB_SLOTS; i++) {
			m->tlb[i].wr = TLB_INVALID;
			/* The frame may be cloned under a slot that was filled while it was private. */
			if (m->mfn[i] != ~0ULL && mem_frame(mem, m->mfn[i]))
				*mem_watch(mem, m->mfn[i]) |= WATCH_RO_CACHED;
		}
}
