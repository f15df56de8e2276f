/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The slow paths of memory access. Handlers come here when the TLB's first way does not have the page: it is in the
 * victim way, or not there, or the access crosses pages, faults, reaches a device, or is watched by a breakpoint or by the
 * alignment check.
 */
#include <string.h>

#include "cpu/x86/block.h"
#include "cpu/x86/seg.h"

static bool note_fault(struct x86 *c, const struct mmu_fault *f)
{
	/* A device is reached by a block of one instruction, so that what it brings about lands exactly. */
	if (f->kind == MMU_NO_MEMORY && c->mmu.hooks && c->mmu.hooks->device && !c->exact_now) {
		c->trap.vector = TRAP_DEVICE;
		return false;
	}
	c->trap.vector = f->kind == MMU_PF ? X86_PF : X86_GP;
	c->trap.error = f->kind == MMU_PF ? f->code : 0;
	c->trap.cr2 = f->va;
	return false;
}

/* Before the page is looked at, behind a non-canonical address: SDM 3A table 6-2 leaves the order open, Intel's does it so. */
bool align_fault(struct x86 *c, u64 va, u32 n)
{
	if (code64(c) && (!canonical(c, va) || !canonical(c, va + n - 1)))
		return true;
	return x86_fault(c, X86_AC, 0);
}

bool load_bytes(struct x86 *c, u64 va, void *dst, u32 n)
{
	struct mmu_fault f;

	if (UNLIKELY(c->breakpoints_armed))
		debug_data(c, va, n, false);
	return mmu_read(&c->mmu, va, dst, n, &f) ? note_fault(c, &f) : true;
}

static bool loaded(struct x86 *c, const u8 *p, u32 size)
{
	u32 i;

	switch (size) {
	case 1:
		c->tmp[0] = p[0];
		break;
	case 2:
		c->tmp[0] = ld16(p);
		break;
	case 4:
		c->tmp[0] = ld32(p);
		break;
	default:
		for (i = 0; i < size / 8; i++)
			c->tmp[i] = ld64(p + 8 * i);
		break;
	}
	return true;
}

/*
 * The slow path asks the TLB first: for the victim way, and because some handlers have no fast path. It has no page in
 * which alignment or breakpoints are to be checked.
 */
bool slow_load(struct x86 *c, u64 va, u32 size)
{
	const u8 *p = mmu_find_read(&c->mmu, va, size);
	u8 b[32];

	if (LIKELY(p))
		return loaded(c, p, size);
	return aligned_word(c, va, size) && load_bytes(c, va, b, size) && loaded(c, b, size);
}

/* A store the tables forbid may still be one the machine emulates. */
static bool ro_store(struct x86 *c, u64 va, u32 size, u64 v, const struct mmu_fault *f)
{
	struct mmu *m = &c->mmu;
	u64 mfn, pte;

	return m->hooks && m->hooks->ro_store && f->kind == MMU_PF && (f->code & (PF_P | PF_W)) == (PF_P | PF_W) &&
	       PAGE_OFFSET(va) + size <= PAGE_SIZE && !mmu_peek(m, va, &mfn, &pte) &&
	       m->hooks->ro_store(m->opaque, m, va, mfn, size, v);
}

bool store_bytes(struct x86 *c, u64 va, const void *src, u32 n)
{
	struct mmu_fault f;

	if (UNLIKELY(c->breakpoints_armed))
		debug_data(c, va, n, true);
	return mmu_write(&c->mmu, va, src, n, &f) ? note_fault(c, &f) : true;
}

bool slow_store(struct x86 *c, u64 va, u32 size, u64 v)
{
	u8 *p = mmu_find_write(&c->mmu, va, size);
	struct mmu_fault f;
	u8 b[8];

	st64(b, v);
	if (LIKELY(p)) {
		memcpy(p, b, size);
		return true;
	}
	if (!aligned(c, va, size))
		return false;
	if (UNLIKELY(c->breakpoints_armed))
		debug_data(c, va, size, true);
	if (!mmu_write(&c->mmu, va, b, size, &f))
		return true;
	return ro_store(c, va, size, v, &f) || note_fault(c, &f);
}

bool slow_store_vec(struct x86 *c, u64 va, const u64 *v, u32 n)
{
	u8 b[32];
	u32 i;

	for (i = 0; i < n; i++)
		st64(b + 8 * i, v[i]);
	return aligned_word(c, va, n * 8) && store_bytes(c, va, b, n * 8);
}

bool slow_load_rmw(struct x86 *c, u64 va, u32 size)
{
	const u8 *p = mmu_find_write(&c->mmu, va, size);
	struct mmu_fault f;

	if (LIKELY(p))
		return loaded(c, p, size);
	if (!aligned_word(c, va, size))
		return false;
	if (mmu_probe_write(&c->mmu, va, size, &f)) {
		/* The store decides: it may be emulated. */
		if (!c->mmu.hooks || f.kind != MMU_PF || !(f.code & PF_P))
			return note_fault(c, &f);
	}
	return slow_load(c, va, size);
}

bool slow_probe(struct x86 *c, u64 va, u32 n, bool write)
{
	struct mmu_fault f;
	u64 mfn, last = va + n - 1;

	if (!aligned_word(c, va, n))
		return false;
	if (write)
		return mmu_probe_write(&c->mmu, va, n, &f) ? note_fault(c, &f) : true;
	for (;; va = PAGE_BASE(va) + PAGE_SIZE) {
		if (mmu_translate(&c->mmu, va, MMU_READ, &mfn, &f))
			return note_fault(c, &f);
		if (PAGE_BASE(va) == PAGE_BASE(last))
			return true;
	}
}
