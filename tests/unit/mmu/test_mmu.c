/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The walker's faults and A/D bits, and the law of the soft TLB: it always answers as a fresh walk would.
 */
#include <errno.h>

#include "base/hash.h"
#include "cpu/x86/decode.h"
#include "mmu/walk.h"
#include "tests/suites.h"
#include "tests/unit/bare.h"
#include "tests/unit/quick.h"

static u64 rng(u64 *s)
{
	*s += 0x9e3779b97f4a7c15ULL;
	return hash_u64(HASH_SEED, *s);
}

static u32 fault_of(struct bare *b, u64 va, enum mmu_access acc)
{
	struct mmu_fault f = { 0 };
	u64 mfn;

	if (!mmu_translate(&b->cpu.mmu, va, acc, &mfn, &f))
		return ~0u;
	ck_assert_uint_eq(f.va, va);
	return f.kind == MMU_PF ? f.code : 0x100u + f.kind;
}

START_TEST(error_codes)
{
	struct bare *b = bare_new(0);

	bare_map(b, 0x400000, 0x10, PTE_P);
	bare_map(b, 0x401000, 0x11, PTE_P | PTE_W | PTE_NX);
	bare_map(b, 0x402000, 0x12, PTE_P | PTE_W | PTE_U);
	bare_map(b, 0x403000, 0x13, 0);
	bare_map(b, 0x404000, BARE_FRAMES + 5, PTE_P);
	bare_map(b, 0x405000, 0x14, PTE_P);
	mem_write_u64(&b->mem, bare_pte(b, 0x405000), 0x14000 | PTE_P | 1ULL << 50);
	bare_paging(b);
	ck_assert_uint_eq(fault_of(b, 0x400123, MMU_READ), ~0u);
	ck_assert_uint_eq(fault_of(b, 0x400123, MMU_WRITE), PF_P | PF_W);
	ck_assert_uint_eq(fault_of(b, 0x400123, MMU_EXEC), ~0u);
	ck_assert_uint_eq(fault_of(b, 0x401123, MMU_WRITE), ~0u);
	ck_assert_uint_eq(fault_of(b, 0x401123, MMU_EXEC), PF_P | PF_I);
	ck_assert_uint_eq(fault_of(b, 0x403123, MMU_READ), 0);
	ck_assert_uint_eq(fault_of(b, 0x403123, MMU_WRITE), PF_W);
	ck_assert_uint_eq(fault_of(b, 0x403123, MMU_EXEC), PF_I);
	ck_assert_uint_eq(fault_of(b, 0x405000, MMU_READ), PF_P | PF_RSVD);
	ck_assert_uint_eq(fault_of(b, 0x800000000000ULL, MMU_READ), 0x100 + MMU_NONCANONICAL);
	ck_assert_uint_eq(fault_of(b, 0x404000, MMU_READ), 0x100 + MMU_NO_MEMORY);
	/* CPL 3 sees user pages only. */
	b->cpu.s.cpl = 3;
	x86_mode_changed(&b->cpu);
	ck_assert_uint_eq(fault_of(b, 0x400000, MMU_READ), PF_P | PF_U);
	ck_assert_uint_eq(fault_of(b, 0x402000, MMU_WRITE), ~0u);
	ck_assert_uint_eq(fault_of(b, 0x403000, MMU_READ), PF_U);
	bare_free(b);
}
END_TEST

START_TEST(accessed_and_dirty)
{
	struct bare *b = bare_new(0);
	u64 pte, mfn;
	struct mmu_fault f;

	bare_map(b, 0x400000, 0x10, PTE_P | PTE_W);
	pte = bare_pte(b, 0x400000);
	bare_paging(b);
	ck_assert_uint_eq(mem_read_u64(&b->mem, pte) & (PTE_A | PTE_D), 0);
	mmu_translate(&b->cpu.mmu, 0x400000, MMU_READ, &mfn, &f);
	ck_assert_uint_eq(mem_read_u64(&b->mem, pte) & (PTE_A | PTE_D), PTE_A);
	ck_assert_ptr_null(mmu_hit_write(&b->cpu.mmu, 0x400000, 8));
	mmu_translate(&b->cpu.mmu, 0x400000, MMU_WRITE, &mfn, &f);
	ck_assert_uint_eq(mem_read_u64(&b->mem, pte) & (PTE_A | PTE_D), PTE_A | PTE_D);
	ck_assert_ptr_nonnull(mmu_hit_write(&b->cpu.mmu, 0x400000, 8));
	/* Cleared by the guest, they are set again by the next access: no cached entry stands in the way. */
	mem_write_u64(&b->mem, pte, mem_read_u64(&b->mem, pte) & ~(PTE_A | PTE_D));
	ck_assert_ptr_null(mmu_hit_read(&b->cpu.mmu, 0x400000, 8));
	bare_free(b);
}
END_TEST

/* An access over a page end, or with its tail in another page, never hits one slot. */
START_TEST(crossing_goes_the_slow_way)
{
	struct bare *b = bare_new(0);
	struct mmu_fault f;
	u64 mfn;

	bare_map(b, 0x400000, 0x10, PTE_P | PTE_W);
	bare_map(b, 0x401000, 0x20, PTE_P | PTE_W);
	bare_paging(b);
	mmu_translate(&b->cpu.mmu, 0x400000, MMU_WRITE, &mfn, &f);
	mmu_translate(&b->cpu.mmu, 0x401000, MMU_WRITE, &mfn, &f);
	ck_assert_ptr_nonnull(mmu_hit_read(&b->cpu.mmu, 0x400ff8, 8));
	ck_assert_ptr_null(mmu_hit_read(&b->cpu.mmu, 0x400ff9, 8));
	ck_assert_ptr_null(mmu_hit_write(&b->cpu.mmu, 0x400fff, 2));
	bare_free(b);
}
END_TEST

/* Two pages of one slot are both remembered, whoever is in front; a third throws one out. */
START_TEST(second_ways)
{
	struct bare *b = bare_new(0);
	struct mmu *m = &b->cpu.mmu;
	u64 va[3], mfn;
	struct mmu_fault f;
	u32 i, n, fast[2] = { 0, 0 };
	bool found = true;

	for (i = 0; i < 3; i++) {
		va[i] = 0x400000 + (u64)i * TLB_SIZE * PAGE_SIZE;
		bare_map(b, va[i], 0x40 + i, PTE_P | PTE_W);
	}
	bare_paging(b);
	for (i = 0; i < 2; i++)
		ck_assert_int_eq(mmu_translate(m, va[i], MMU_WRITE, &mfn, &f), 0);
	/* Used in turns, one of them stays in front for a while; used alone, it comes there. */
	for (n = 0; n < 64; n++)
		for (i = 0; i < 2; i++) {
			fast[i] += mmu_hit_write(m, va[i], 8) != NULL;
			found &= mmu_find_write(m, va[i], 8) == mem_ro(&b->mem, 0x40 + i);
			found &= mmu_find_read(m, va[i], 8) == mem_ro(&b->mem, 0x40 + i);
		}
	ck_assert(found);
	ck_assert_uint_ge(fast[0] + fast[1], 32);
	for (n = 0; n < 8; n++)
		mmu_find_read(m, va[1], 8);
	ck_assert_ptr_nonnull(mmu_hit_read(m, va[1], 8));
	ck_assert_int_eq(mmu_translate(m, va[2], MMU_READ, &mfn, &f), 0);
	ck_assert_ptr_null(mmu_find_read(m, va[0], 8));
	ck_assert_ptr_nonnull(mmu_find_write(m, va[1], 8));
	ck_assert_ptr_null(mmu_find_write(m, va[2], 8));
	bare_free(b);
}
END_TEST

/* What takes something away from a slot takes it from its second way too. */
START_TEST(second_ways_lose)
{
	struct bare *b = bare_new(0);
	struct mmu *m = &b->cpu.mmu;
	u64 at = 0x400000, other = at + (u64)TLB_SIZE * PAGE_SIZE, mfn, pte;
	struct mmu_fault f;

	bare_map(b, at, 0x40, PTE_P | PTE_W);
	bare_map(b, other, 0x41, PTE_P | PTE_W);
	pte = bare_pte(b, at);
	bare_paging(b);
	mmu_translate(m, at, MMU_WRITE, &mfn, &f);
	mmu_translate(m, other, MMU_WRITE, &mfn, &f);
	ck_assert_ptr_nonnull(mmu_find_write(m, at, 8));
	switch (_i) {
	case 0:
		mmu_drop_writes(&b->mem);
		break;
	case 1:
		mmu_revoke_writes(&b->mem, 0x40);
		break;
	case 2:
		mmu_frame_moved(&b->mem, 0x40);
		break;
	case 3:
		mem_write_u64(&b->mem, pte, 0);
		break;
	case 4: /* the whole table changes */
		mem_rw(&b->mem, pte >> PAGE_SHIFT, 0, PAGE_SIZE);
		break;
	default:
		mmu_flush(m);
		break;
	}
	ck_assert_ptr_null(mmu_find_write(m, at, 8));
	ck_assert(!mmu_find_read(m, at, 8) == (_i >= 2));
	bare_free(b);
}
END_TEST

#define PAGES 15u
#define LINEAR 9u /* a slot of both roots that names the first of them */

/* One random change of the tables, of memory, or one access. */
static void shake(struct bare *b, u64 *seed, const u64 *va)
{
	u64 r = rng(seed);
	u64 at = va[r % PAGES];
	u64 pte = bare_pte(b, at);
	u64 e = mem_read_u64(&b->mem, pte);
	struct mmu_fault f;
	u64 v = rng(seed);
	u64 mfn;

	/* Page tables seen through the linear one: they are only read, and their A bits go. */
	if (r % PAGES >= PAGES - 3) {
		if (r >> 8 & 3)
			mmu_read(&b->cpu.mmu, at + (r >> 40 & 0xff8), &v, 8, &f);
		else
			mem_write_u64(&b->mem, pte, e & ~(PTE_A | PTE_D));
		return;
	}
	switch (r >> 8 & 15) {
	case 0:
		mem_write_u64(&b->mem, pte, 0);
		break;
	case 1:
	case 2:
		mem_write_u64(&b->mem, pte, (0x40 + (r >> 16) % 8) << 12 | PTE_P | (r >> 20 & PTE_W));
		break;
	case 3:
		mem_write_u64(&b->mem, pte, e & ~(PTE_A | PTE_D));
		break;
	case 4: /* a whole table of page tables goes and comes back */
		at = (u64)BARE_TABLES << 12 | (va[0] >> 39 & 511) * 8;
		e = mem_read_u64(&b->mem, PTE_MFN(mem_read_u64(&b->mem, at)) << 12);
		mem_write_u64(&b->mem, PTE_MFN(mem_read_u64(&b->mem, at)) << 12, e ^ PTE_P);
		mmu_translate(&b->cpu.mmu, va[0], MMU_READ, &mfn, &f);
		mem_write_u64(&b->mem, PTE_MFN(mem_read_u64(&b->mem, at)) << 12, e | PTE_P);
		break;
	case 5: /* the other root, with other pages */
		b->cpu.s.cr3 ^= (u64)(BARE_TABLES ^ (BARE_TABLES + 0x40)) << 12;
		x86_mode_changed(&b->cpu);
		break;
	case 6: { /* memory is shared with a fork and parts again */
		struct mem other;

		quick_eq(mem_init(&other, &b->pool, BARE_FRAMES), 0);
		quick_eq(mem_fork(&other, &b->mem), 0);
		mmu_write(&b->cpu.mmu, at, &v, 8, &f);
		mem_free(&other);
		break;
	}
	case 7:
		mem_clear_dirty(&b->mem);
		break;
	default:
		if (r >> 32 & 1)
			mmu_write(&b->cpu.mmu, at + (r >> 40 & 0xff8), &v, 8, &f);
		else
			mmu_read(&b->cpu.mmu, at + (r >> 40 & 0xff8), &v, 8, &f);
		break;
	}
}

/* What the slots hold is what the tables say. */
static void check_slots(struct bare *b, const u64 *va)
{
	u32 i;

	for (i = 0; i < PAGES; i++) {
		const u8 *p = mmu_find_read(&b->cpu.mmu, va[i], 8);
		u8 *q = mmu_find_write(&b->cpu.mmu, va[i], 8);
		u64 mfn, pte;
		int rc = mmu_peek(&b->cpu.mmu, va[i], &mfn, &pte);

		if (p) {
			quick_eq(rc, 0);
			quick(p == mem_ro(&b->mem, mfn));
			quick(pte & PTE_A);
		}
		if (q) {
			quick_eq(rc, 0);
			quick((pte & (PTE_W | PTE_D)) == (PTE_W | PTE_D));
			quick(mem_is_private_dirty(&b->mem, mfn));
			quick(q == mem_ro(&b->mem, mfn));
		}
	}
}

/* The same history with and without a TLB that remembers ends in the same memory, A and D bits included. */
START_TEST(coherent_whatever_happens)
{
	u64 final[2] = { 0, 0 };
	u32 flush;

	for (flush = 0; flush < 2; flush++) {
		struct bare *b = bare_new(0);
		u64 va[PAGES];
		u64 seed = 99 + (u64)_i;
		u32 i, n;

		for (i = 0; i < PAGES; i++) {
			va[i] = (i & 1 ? 0xffff900000000000ULL : 0x400000) + (i >> 1) * 0x1000 + (i & 2 ? 0x800000 : 0);
			if (i < PAGES - 3)
				bare_map(b, va[i], 0x40 + i % 8, PTE_P | PTE_W);
		}
		/* A linear table: the last three pages are the L1, L2 and L3 tables of the first ones. */
		mem_write_u64(&b->mem, (u64)BARE_TABLES << 12 | LINEAR * 8, (u64)BARE_TABLES << 12 | PTE_P);
		va[PAGES - 1] = (u64)LINEAR << 39 | (u64)LINEAR << 30 | (u64)LINEAR << 21 | (va[0] >> 27 & 0x1ff000);
		va[PAGES - 2] = (u64)LINEAR << 39 | (u64)LINEAR << 30 | (va[1] >> 18 & 0x3ffff000);
		va[PAGES - 3] = (u64)LINEAR << 39 | (va[1] >> 9 & 0x7ffffff000);
		/* A second root shares the upper half and some of the lower. */
		for (i = 0; i < 512; i++)
			mem_write_u64(&b->mem, (u64)(BARE_TABLES + 0x40) << 12 | i * 8,
				      mem_read_u64(&b->mem, (u64)BARE_TABLES << 12 | i * 8));
		bare_paging(b);
		for (n = 0; n < 4000; n++) {
			if (flush)
				mmu_flush(&b->cpu.mmu);
			shake(b, &seed, va);
			check_slots(b, va);
		}
		final[flush] = mem_hash(&b->mem, HASH_SEED);
		bare_free(b);
	}
	ck_assert_uint_eq(final[0], final[1]);
}
END_TEST

/* Page tables in legacy formats: 32-bit with large pages, PAE. */
START_TEST(legacy_formats)
{
	struct bare *b = bare_new(0);
	struct mmu *m = &b->cpu.mmu;
	struct mmu_fault f;
	u64 mfn;

	x86_sync(&b->cpu);
	b->cpu.s.efer = 0;
	b->cpu.s.cr4 = CR4_PSE;
	b->cpu.s.cr0 |= CR0_PG | CR0_WP;
	b->cpu.s.cr3 = 0x100000;
	mem_write_u32(&b->mem, 0x100000, 0x101000 | PTE_P | PTE_W);
	mem_write_u32(&b->mem, 0x100004, PTE_P | PTE_W | PTE_PSE);
	mem_write_u32(&b->mem, 0x101000 + 5 * 4, 0x77000 | PTE_P);
	x86_load(&b->cpu);
	ck_assert_int_eq(x86_paging_of(m)->mode, MMU_LEGACY32);
	ck_assert_int_eq(mmu_translate(m, 0x5123, MMU_READ, &mfn, &f), 0);
	ck_assert_uint_eq(mfn, 0x77);
	ck_assert_int_eq(mmu_translate(m, 0x6123, MMU_READ, &mfn, &f), -EFAULT);
	ck_assert_int_eq(mmu_translate(m, 0x400000 + 0x123000, MMU_READ, &mfn, &f), 0);
	ck_assert_uint_eq(mfn, 0x123);
	b->cpu.s.cr4 |= CR4_PAE;
	mem_write_u64(&b->mem, 0x100000, 0x102000 | PTE_P);
	mem_write_u64(&b->mem, 0x102000, 0x103000 | PTE_P | PTE_W);
	mem_write_u64(&b->mem, 0x102008, 0x200000 | PTE_P | PTE_W | PTE_PSE);
	mem_write_u64(&b->mem, 0x103000 + 7 * 8, 0x66000 | PTE_P | PTE_W);
	x86_mode_changed(&b->cpu);
	ck_assert_int_eq(x86_paging_of(m)->mode, MMU_PAE);
	ck_assert_int_eq(mmu_translate(m, 0x7fff, MMU_WRITE, &mfn, &f), 0);
	ck_assert_uint_eq(mfn, 0x66);
	ck_assert_int_eq(mmu_translate(m, 0x2ff000, MMU_READ, &mfn, &f), 0);
	ck_assert_uint_eq(mfn, 0x2ff);
	bare_free(b);
}
END_TEST

/* 1 GiB pages, SDM 3A 4.5.4: a page where pdpe1gb is, else a reserved bit; so are the bits below the address. */
START_TEST(giant_pages)
{
	struct bare *b = bare_new(0);
	struct mmu *m = &b->cpu.mmu;
	struct mmu_fault f;
	u64 mfn;

	x86_sync(&b->cpu);
	b->cpu.s.cr0 |= CR0_PG | CR0_PE | CR0_WP;
	b->cpu.s.cr4 |= CR4_PAE;
	b->cpu.s.efer = EFER_LME | EFER_LMA;
	b->cpu.s.cr3 = 0x100000;
	mem_write_u64(&b->mem, 0x100000, 0x101000 | PTE_P | PTE_W);
	mem_write_u64(&b->mem, 0x101008, PTE_P | PTE_W | PTE_PSE);
	mem_write_u64(&b->mem, 0x101010, 0x2000 | PTE_P | PTE_W | PTE_PSE);
	x86_load(&b->cpu);
	ck_assert_int_eq(mmu_translate(m, 0x40123456, MMU_WRITE, &mfn, &f), 0);
	ck_assert_uint_eq(mfn, 0x123);
	ck_assert_uint_eq(mem_read_u64(&b->mem, 0x101008), PTE_P | PTE_W | PTE_PSE | PTE_A | PTE_D);
	ck_assert_int_eq(mmu_translate(m, 0x80123456, MMU_READ, &mfn, &f), -EFAULT);
	ck_assert_uint_eq(f.code, PF_P | PF_RSVD);
	x86_set_features(&b->cpu, b->cpu.features & ~BIT(F_PDPE1GB), b->cpu.model);
	ck_assert_int_eq(mmu_translate(m, 0x40123456, MMU_READ, &mfn, &f), -EFAULT);
	ck_assert_uint_eq(f.code, PF_P | PF_RSVD);
	bare_free(b);
}
END_TEST

Suite *mmu_suite(void)
{
	Suite *s = suite_create("mmu");
	TCase *t = tcase_create("walk and TLB");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, error_codes);
	tcase_add_test(t, accessed_and_dirty);
	tcase_add_test(t, crossing_goes_the_slow_way);
	tcase_add_test(t, second_ways);
	tcase_add_loop_test(t, second_ways_lose, 0, 6);
	tcase_add_loop_test(t, coherent_whatever_happens, 0, 8);
	tcase_add_test(t, legacy_formats);
	tcase_add_test(t, giant_pages);
	suite_add_tcase(s, t);
	return s;
}
