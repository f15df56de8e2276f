/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pv/mm/mm.c, pv/mm/type.c, pv/mm/map.c: frames, page types and their refusals, grant maps, state, the M2P window, a
 * host short of memory.
 */
#include "pv/build/bootmap.h"
#include <errno.h>

#include "tests/unit/mm_env.h"
#include "vm/x86.h"

START_TEST(frame_numbers)
{
	struct env *e = env_new();
	u64 mfn, i;

	ck_assert_uint_eq(pv_mm_total(&e->pv), FRAMES);
	ck_assert_uint_eq(pv_mm_room(&e->pv), MAX_PAGES - FRAMES);
	ck_assert_uint_eq(e->pv.xen.s.nr_pages, FRAMES);
	ck_assert_uint_eq(e->pv.xen.s.max_pages, MAX_PAGES);
	ck_assert_uint_ge(e->pv.s.mfn_end, MFN(MAX_PAGES));
	for (i = 0; i < FRAMES; i++) {
		ck_assert(pv_mm_owned(&e->pv, MFN(i)));
		ck_assert_uint_eq(pv_m2p_get(&e->pv, MFN(i)), i);
	}
	ck_assert(!pv_mm_owned(&e->pv, MFN(FRAMES)));
	ck_assert(!pv_mm_owned(&e->pv, PV_MFN_BASE - 1));
	ck_assert(!pv_mm_owned(&e->pv, 0));
	ck_assert(!pv_mm_owned(&e->pv, ~0ULL));
	ck_assert_uint_eq(pv_m2p_get(&e->pv, MFN(FRAMES)), ~0ULL);
	ck_assert_uint_eq(pv_m2p_get(&e->pv, 0), ~0ULL);
	/* The lowest number is taken again first. */
	ck_assert_int_eq(pv_mm_release(&e->pv, MFN(40)), 0);
	ck_assert_int_eq(pv_mm_release(&e->pv, MFN(20)), 0);
	ck_assert_int_eq(pv_mm_release(&e->pv, MFN(20)), -XEN_EINVAL);
	ck_assert(!pv_mm_owned(&e->pv, MFN(20)));
	ck_assert_ptr_null(mem_frame(&e->d->mem, MFN(20)));
	ck_assert_uint_eq(pv_m2p_get(&e->pv, MFN(20)), ~0ULL);
	ck_assert_uint_eq(pv_mm_total(&e->pv), FRAMES - 2);
	ck_assert_int_eq(pv_mm_alloc(&e->pv, 777, &mfn), 0);
	ck_assert_uint_eq(mfn, MFN(20));
	ck_assert_uint_eq(pv_m2p_get(&e->pv, mfn), 777);
	ck_assert_int_eq(pv_mm_alloc(&e->pv, 778, &mfn), 0);
	ck_assert_uint_eq(mfn, MFN(40));
	ck_assert_int_eq(pv_mm_alloc(&e->pv, 779, &mfn), 0);
	ck_assert_uint_eq(mfn, MFN(FRAMES));
	/* Runs are aligned, and numbered one after the other. */
	ck_assert_int_eq(pv_mm_alloc_order(&e->pv, 100, 3, &mfn), 0);
	ck_assert_uint_eq(mfn, MFN(72));
	ck_assert_uint_eq(pv_m2p_get(&e->pv, mfn + 7), 107);
	ck_assert_int_eq(pv_mm_alloc_order(&e->pv, 100, 3, &mfn), -XEN_ENOMEM);
	ck_assert_int_eq(pv_mm_alloc_order(&e->pv, 100, 63, &mfn), -XEN_ENOMEM);
	for (i = 0; i < 7; i++)
		ck_assert_int_eq(pv_mm_alloc(&e->pv, 200 + i, &mfn), 0);
	ck_assert_int_eq(pv_mm_alloc(&e->pv, 300, &mfn), -XEN_ENOMEM);
	ck_assert_uint_eq(pv_mm_room(&e->pv), 0);
	/* The host's frames are writable for ever, and not the guest's to release. */
	mfn = pv_mm_special(&e->pv);
	ck_assert_uint_ge(mfn, e->pv.s.mfn_end);
	ck_assert(pv_mm_owned(&e->pv, mfn));
	ck_assert_int_eq(pv_mm_release(&e->pv, mfn), -XEN_EINVAL);
	ck_assert_uint_ne(pv_mm_special(&e->pv), mfn);
	env_free(e);
}
END_TEST

START_TEST(frames_in_use)
{
	struct env *e = env_running();

	/* A frame that is still mapped goes when the mapping does. */
	ck_assert_int_eq(upd(e, PTE_AT(5, 100), MA(30) | RW), 0);
	ck_assert(!pv_mm_unused(&e->pv, MFN(30)));
	ck_assert(pv_mm_unused(&e->pv, MFN(31)));
	ck_assert_int_eq(pv_mm_release(&e->pv, MFN(30)), 0);
	ck_assert_ptr_nonnull(mem_frame(&e->d->mem, MFN(30)));
	ck_assert_uint_eq(pv_mm_total(&e->pv), FRAMES);
	ck_assert_int_eq(pv_mm_release(&e->pv, MFN(30)), -XEN_EINVAL);
	sane(e);
	ck_assert_int_eq(upd(e, PTE_AT(5, 100), 0), 0);
	ck_assert_ptr_null(mem_frame(&e->d->mem, MFN(30)));
	ck_assert_uint_eq(pv_mm_total(&e->pv), FRAMES - 1);
	/* Holds count as uses. */
	ck_assert_int_eq(pv_mm_hold_writable(&e->pv, MFN(33)), 0);
	ck_assert_int_eq(pv_mm_hold_writable(&e->pv, MFN(33)), 0);
	ck_assert(!pv_mm_unused(&e->pv, MFN(33)));
	ck_assert_int_eq(pv_mm_pin(&e->pv, MFN(33), PG_L1), -XEN_EINVAL);
	pv_mm_release_writable(&e->pv, MFN(33));
	sane(e);
	pv_mm_release_writable(&e->pv, MFN(33));
	pv_mm_release_writable(&e->pv, MFN(33)); /* one too many: nothing happens */
	ck_assert(pv_mm_unused(&e->pv, MFN(33)));
	ck_assert_int_eq(pv_mm_hold_writable(&e->pv, MFN(5)), -XEN_EINVAL);
	ck_assert_int_eq(pv_mm_hold_writable(&e->pv, 5), -XEN_EINVAL);
	env_free(e);
}
END_TEST

START_TEST(adopt)
{
	struct env *e = env_new();
	u32 i;

	put(e, PTE_AT(2, 256), 0x1234567); /* not a guest's slot: not looked at, and cleared */
	put(e, PTE_AT(2, 271), MA(3) | TBL);
	put(e, PTE_AT(5, 9), MA(9) | RW | PTE_U | PTE_NX);
	put(e, PTE_AT(5, 10), 0x123456789abcdef0); /* not present: anything goes */
	ck_assert_int_eq(pv_mm_adopt(&e->pv, MFN(2)), 0);
	sane(e);
	ck_assert_uint_eq(page(e, 2)->type, PG_L4);
	ck_assert_uint_eq(page(e, 3)->type, PG_L3);
	ck_assert_uint_eq(page(e, 4)->type, PG_L2);
	ck_assert_uint_eq(page(e, 5)->type, PG_L1);
	ck_assert_uint_eq(page(e, 5)->refs, 3); /* allocated, mapped, in the L2 */
	ck_assert_uint_eq(page(e, 5)->types, 1);
	ck_assert_uint_eq(page(e, 1)->type, PG_WRITABLE);
	ck_assert_uint_eq(get(e, PTE_AT(2, 256)), 0);
	ck_assert_uint_eq(get(e, PTE_AT(2, 271)), 0);
	/* U is forced; what was the kernel's is remembered, what was the user's is global. */
	ck_assert_uint_eq(get(e, PTE_AT(5, 1)), MA(1) | RW | PTE_U | BIT(52));
	ck_assert_uint_eq(get(e, PTE_AT(5, 9)), MA(9) | RW | PTE_U | PTE_G | PTE_NX);
	ck_assert_uint_eq(get(e, PTE_AT(5, 10)), 0x123456789abcdef0);
	ck_assert_int_eq(pv_mm_adopt(&e->pv, MFN(2)), -XEN_EINVAL);
	sane(e);
	ck_assert_int_eq(pv_mm_unpin(&e->pv, MFN(2)), 0);
	for (i = 0; i < FRAMES; i++) {
		ck_assert_uint_eq(page(e, i)->refs, 1);
		ck_assert_uint_eq(page(e, i)->types, 0);
		ck_assert_uint_eq(page(e, i)->type, PG_NONE);
		ck_assert_uint_eq(page(e, i)->flags, PGF_ALLOCATED);
	}
	env_free(e);
}
END_TEST

START_TEST(l1_rules)
{
	struct env *e = env_running();
	u64 at = PTE_AT(5, 200);
	u64 special = pv_mm_special(&e->pv);
	u32 i;
	static const struct {
		u64 entry;
		int rc;
	} bad[] = {
		{ MA(20) | RW | PTE_PSE, -XEN_EINVAL },
		{ MA(20) | RW | PTE_PCD, -XEN_EINVAL },
		{ MA(20) | PTE_P | PTE_PWT, -XEN_EINVAL },
		{ MA(2) | RW, -XEN_EBUSY }, /* page tables, writable */
		{ MA(3) | RW, -XEN_EBUSY },
		{ MA(4) | RW, -XEN_EBUSY },
		{ MA(5) | RW, -XEN_EBUSY },
		{ MA(60) | RW, -XEN_EBUSY }, /* descriptors */
		{ MA(FRAMES) | RW, -XEN_EBUSY }, /* nobody's */
		{ MA(FRAMES) | PTE_P, -XEN_EBUSY },
		{ 0x12345000 | RW, -XEN_EBUSY }, /* somebody's */
		{ 0xa0000 | RW, -XEN_EPERM }, /* devices */
		{ 0xfec00000000 | RW, -XEN_EPERM },
		{ PTE_ADDR | RW, -XEN_EINVAL }, /* INVALID_MFN */
	};

	ck_assert_int_eq(pv_mm_get_page_type(&e->pv, MFN(60), PG_SEG_DESC), 0);
	put(e, MA(20), 0);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		ck_assert_int_eq(upd(e, at, bad[i].entry), bad[i].rc);
		ck_assert_uint_eq(get(e, at), 0);
		sane(e);
	}
	/* Read-only, everything the guest has. */
	for (i = 0; i < FRAMES; i++)
		ck_assert_int_eq(upd(e, PTE_AT(5, 300 + i), MA(i) | PTE_P), 0);
	sane(e);
	for (i = 0; i < FRAMES; i++)
		ck_assert_int_eq(upd(e, PTE_AT(5, 300 + i), i * 2), 0);
	ck_assert_int_eq(upd(e, at, special << PAGE_SHIFT | RW), 0);
	sane(e);
	/* A frame mapped writable is no table and no page of descriptors until that is gone. */
	ck_assert_int_eq(upd(e, at, MA(20) | RW), 0);
	ck_assert_int_eq(pv_mm_pin(&e->pv, MFN(20), PG_L1), -XEN_EINVAL);
	ck_assert_int_eq(pv_mm_get_page_type(&e->pv, MFN(20), PG_SEG_DESC), -XEN_EINVAL);
	ck_assert_int_eq(upd(e, at, MA(20) | PTE_P), 0);
	ck_assert_int_eq(pv_mm_pin(&e->pv, MFN(20), PG_L1), 0);
	ck_assert_int_eq(upd(e, at, MA(20) | RW), -XEN_EBUSY);
	ck_assert_uint_eq(get(e, at), MA(20) | PTE_P | PTE_U | BIT(52));
	sane(e);
	/* Flags without a meaning for the frame; A and D kept when asked. */
	ck_assert_int_eq(upd(e, at, MA(20) | PTE_P | PTE_A | PTE_D | PTE_U | PTE_NX | 0xe00), 0);
	ck_assert_uint_eq(get(e, at), MA(20) | PTE_P | PTE_A | PTE_D | PTE_U | PTE_NX | PTE_G | 0xe00);
	ck_assert_int_eq(upd(e, at | 2, MA(20) | PTE_P), 0);
	ck_assert_uint_eq(get(e, at), MA(20) | PTE_P | PTE_A | PTE_D | PTE_U | BIT(52));
	ck_assert_int_eq(upd(e, at | 2, MA(21) | RW), 0);
	ck_assert_uint_eq(get(e, at), MA(21) | RW | PTE_A | PTE_D | PTE_U | BIT(52));
	ck_assert_int_eq(upd(e, at, MA(21) | RW), 0);
	ck_assert_uint_eq(get(e, at), MA(21) | RW | PTE_U | BIT(52));
	ck_assert_int_eq(upd(e, at | 3, MA(22) | RW), 0);
	ck_assert_int_eq(upd(e, at, 0), 0);
	ck_assert_int_eq(pv_mm_unpin(&e->pv, MFN(20)), 0);
	ck_assert(pv_mm_unused(&e->pv, MFN(20)));
	ck_assert(pv_mm_unused(&e->pv, MFN(21)));
	pv_mm_put_page_type(&e->pv, MFN(60));
	env_free(e);
}
END_TEST

START_TEST(table_rules)
{
	struct env *e = env_running();
	u32 i;
	static const struct {
		u32 table, slot;
		u64 entry;
		int rc;
	} bad[] = {
		{ 4, 7, MA(20) | TBL | PTE_PSE, -XEN_EINVAL },
		{ 4, 7, MA(20) | TBL | PTE_G, -XEN_EINVAL },
		{ 3, 7, MA(20) | TBL | PTE_PCD, -XEN_EINVAL },
		{ 2, 7, MA(20) | TBL | PTE_PWT, -XEN_EINVAL },
		{ 4, 7, MA(FRAMES) | TBL, -XEN_EINVAL }, /* not the guest's */
		{ 4, 7, 0xfec00000000 | TBL, -XEN_EINVAL },
		{ 4, 7, MA(1) | TBL, -XEN_EINVAL }, /* mapped writable */
		{ 4, 7, MA(4) | TBL, -XEN_EINVAL }, /* linear tables, writable */
		{ 4, 7, MA(3) | TBL, -XEN_EINVAL },
		{ 3, 7, MA(3) | TBL, -XEN_EINVAL },
		{ 2, 7, MA(2) | TBL, -XEN_EINVAL },
		{ 2, 7, MA(5) | TBL, -XEN_EINVAL }, /* of another level */
		{ 3, 7, MA(5) | TBL, -XEN_EINVAL },
		{ 2, 256, MA(20) | TBL, -XEN_EINVAL }, /* the hypervisor's slots */
		{ 2, 263, 0, -XEN_EINVAL },
		{ 2, 271, MA(20) | TBL, -XEN_EINVAL },
	};

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		u64 at = PTE_AT(bad[i].table, bad[i].slot);

		ck_assert_int_eq(upd(e, at, bad[i].entry), bad[i].rc);
		ck_assert_uint_eq(get(e, at), 0);
		sane(e);
	}
	/* A table is checked when it is hung in, and all of it. */
	put(e, PTE_AT(20, 511), MA(4) | RW);
	put(e, PTE_AT(20, 0), MA(21) | RW);
	ck_assert_int_eq(upd(e, PTE_AT(4, 7), MA(20) | TBL), -XEN_EBUSY);
	ck_assert(pv_mm_unused(&e->pv, MFN(20)));
	ck_assert(pv_mm_unused(&e->pv, MFN(21)));
	put(e, PTE_AT(20, 511), MA(4) | PTE_P);
	ck_assert_int_eq(upd(e, PTE_AT(4, 7), MA(20) | PTE_P), 0);
	ck_assert_uint_eq(get(e, PTE_AT(4, 7)), MA(20) | PTE_P | PTE_U | PTE_A);
	ck_assert_uint_eq(page(e, 20)->type, PG_L1);
	ck_assert_uint_eq(page(e, 21)->type, PG_WRITABLE);
	/* The same table twice; W comes and goes. */
	ck_assert_int_eq(upd(e, PTE_AT(4, 8), MA(20) | TBL), 0);
	ck_assert_uint_eq(page(e, 20)->types, 2);
	ck_assert_int_eq(upd(e, PTE_AT(4, 8), MA(20) | PTE_P), 0);
	ck_assert_uint_eq(page(e, 20)->types, 2);
	/* Slots next to the hypervisor's are the guest's; a new tree of three levels in one go. */
	put(e, PTE_AT(30, 5), MA(31) | TBL);
	put(e, PTE_AT(31, 6), MA(32) | PTE_P);
	put(e, PTE_AT(32, 7), MA(33) | RW);
	ck_assert_int_eq(upd(e, PTE_AT(2, 272), MA(30) | TBL), 0);
	ck_assert_int_eq(upd(e, PTE_AT(2, 255), MA(30) | TBL), 0);
	sane(e);
	ck_assert_uint_eq(page(e, 33)->type, PG_WRITABLE);
	ck_assert_uint_eq(page(e, 31)->types, 1);
	ck_assert_int_eq(upd(e, PTE_AT(2, 255), 0), 0);
	ck_assert_int_eq(upd(e, PTE_AT(2, 272), 0), 0);
	ck_assert_int_eq(upd(e, PTE_AT(4, 7), 0), 0);
	ck_assert_int_eq(upd(e, PTE_AT(4, 8), 0x555554), 0);
	for (i = FREE; i < FRAMES; i++)
		ck_assert(pv_mm_unused(&e->pv, MFN(i)));
	env_free(e);
}
END_TEST

/* Counts of a table: uses, references and linear uses. */
#define COUNTS(n, t, r, l) \
	do { \
		ck_assert_uint_eq(page(e, n)->types, t); \
		ck_assert_uint_eq(page(e, n)->refs, r); \
		ck_assert_int_eq(page(e, n)->linear, l); \
		sane(e); \
	} while (0)

START_TEST(linear_tables)
{
	struct env *e = env_running();
	u64 self = PTE_P | PTE_U;
	u32 i;

	/* A table may name itself, read-only; that counts nothing. */
	COUNTS(2, 2, 4, 0); /* pinned and in use; allocated and mapped */
	for (i = 2; i <= 4; i++) {
		ck_assert_int_eq(upd(e, PTE_AT(i, 9), MA(i) | self | PTE_W), -XEN_EINVAL);
		ck_assert_int_eq(upd(e, PTE_AT(i, 9), MA(i) | self), 0);
		ck_assert_uint_eq(get(e, PTE_AT(i, 9)), MA(i) | self | PTE_A);
		ck_assert_int_eq(upd(e, PTE_AT(i, 9), MA(i) | self | PTE_W), -XEN_EINVAL);
		ck_assert_int_eq(upd(e, PTE_AT(i, 9), MA(i) | self | PTE_NX), 0);
		COUNTS(i, i == 2 ? 2 : 1, i == 2 ? 4 : 3, 0);
		ck_assert_int_eq(upd(e, PTE_AT(i, 9), 0), 0);
	}
	COUNTS(2, 2, 4, 0);
	/* Another of its level that has been checked; a frame that is nothing yet becomes one of the level below. */
	put(e, PTE_AT(20, 9), MA(20) | self);
	put(e, PTE_AT(20, 10), MA(2) | self);
	ck_assert_int_eq(upd(e, PTE_AT(2, 10), MA(20) | self), -XEN_EINVAL); /* as an L3 that names an L4 */
	ck_assert_int_eq(pv_mm_pin(&e->pv, MFN(20), PG_L4), 0);
	COUNTS(20, 1, 2, 1);
	COUNTS(2, 3, 5, -1);
	/* No chains: who is named names nobody, and who names is not named. */
	ck_assert_int_eq(upd(e, PTE_AT(2, 10), MA(20) | self), -XEN_EINVAL);
	ck_assert_int_eq(pv_mm_pin(&e->pv, MFN(21), PG_L4), 0);
	ck_assert_int_eq(upd(e, PTE_AT(21, 10), MA(20) | self), -XEN_EINVAL);
	ck_assert_int_eq(upd(e, PTE_AT(21, 10), MA(2) | self | PTE_W), -XEN_EINVAL);
	ck_assert_int_eq(upd(e, PTE_AT(21, 10), MA(2) | self), 0);
	ck_assert_int_eq(upd(e, PTE_AT(21, 11), MA(2) | self), 0);
	ck_assert_int_eq(upd(e, PTE_AT(2, 10), MA(21) | self), -XEN_EINVAL);
	COUNTS(21, 1, 2, 2);
	COUNTS(2, 5, 7, -3);
	/* Itself is always allowed. */
	ck_assert_int_eq(upd(e, PTE_AT(2, 10), MA(2) | self), 0);
	ck_assert_int_eq(upd(e, PTE_AT(20, 11), MA(20) | self), 0);
	COUNTS(2, 5, 7, -3);
	/* A table that is only named stays one, and goes with the last who names it. */
	ck_assert_int_eq(pv_mm_unpin(&e->pv, MFN(2)), 0);
	take_apart(e, e->v);
	COUNTS(2, 3, 5, -3);
	ck_assert_uint_eq(page(e, 2)->type, PG_L4);
	ck_assert_uint_eq(page(e, 5)->type, PG_L1);
	ck_assert_int_eq(pv_mm_unpin(&e->pv, MFN(20)), 0);
	ck_assert_int_eq(upd(e, PTE_AT(21, 10), 0), 0);
	COUNTS(2, 1, 3, -1);
	ck_assert_int_eq(pv_mm_unpin(&e->pv, MFN(21)), 0);
	sane(e);
	for (i = 0; i < FRAMES; i++) {
		ck_assert(pv_mm_unused(&e->pv, MFN(i)));
		ck_assert_uint_eq(page(e, i)->type, PG_NONE);
		ck_assert_int_eq(page(e, i)->linear, 0);
	}
	env_free(e);
}
END_TEST

/* What cannot be checked whole leaves no counts behind. */
START_TEST(linear_undone)
{
	struct env *e = env_running();
	u64 self = PTE_P | PTE_U;

	put(e, PTE_AT(20, 9), MA(20) | self);
	put(e, PTE_AT(20, 10), MA(2) | self);
	put(e, PTE_AT(20, 511), MA(FRAMES) | self);
	ck_assert_int_eq(pv_mm_pin(&e->pv, MFN(20), PG_L4), -XEN_EINVAL);
	COUNTS(20, 0, 1, 0);
	COUNTS(2, 2, 4, 0);
	/* L2 and L3 likewise, when they are hung in; the other one must have been checked before. */
	put(e, PTE_AT(30, 1), MA(4) | self);
	put(e, PTE_AT(30, 2), MA(30) | self);
	put(e, PTE_AT(31, 1), MA(3) | self);
	put(e, PTE_AT(31, 2), MA(30) | self);
	ck_assert_int_eq(upd(e, PTE_AT(2, 20), MA(31) | TBL), 0);
	COUNTS(4, 2, 4, -1);
	COUNTS(3, 2, 4, -1);
	COUNTS(30, 1, 2, 1);
	COUNTS(31, 1, 2, 1);
	ck_assert_int_eq(upd(e, PTE_AT(2, 20), 0), 0);
	COUNTS(4, 1, 3, 0);
	COUNTS(3, 1, 3, 0);
	ck_assert(pv_mm_unused(&e->pv, MFN(30)));
	ck_assert(pv_mm_unused(&e->pv, MFN(31)));
	env_free(e);
}
END_TEST

/* The tables as pages: reads are true at once, stores go where the entry that maps the table lets them. */
START_TEST(linear_view)
{
	struct env *e = env_running();
	struct mmu *m = &x86_of(e->v)->mmu;
	u64 slot = 9, self = PTE_P | PTE_U;
	u64 l1 = slot << 39 | (MA(0) >> 9 & ((1ULL << 39) - 1));     /* the entries for MA(0) and up */
	u64 l2 = slot << 39 | slot << 30 | (MA(0) >> 18 & ((1ULL << 30) - 1));
	u64 l4 = slot << 39 | slot << 30 | slot << 21 | slot << 12;
	struct mmu_fault f;
	u8 b[8];

	e->pv.s.vm_assist = 1u << 2;
	ck_assert_int_eq(upd(e, PTE_AT(2, slot), MA(2) | self), 0);
	x86_paging_of(m)->mode = MMU_LONG4;
	x86_paging_of(m)->nxe = x86_paging_of(m)->wp = true;
	m->root = MA(2);
	mmu_update(m);
	ck_assert_int_eq(mmu_read(m, l4 + slot * 8, b, 8, &f), 0);
	ck_assert_uint_eq(ld64(b), MA(2) | self | PTE_A);
	ck_assert_int_eq(mmu_read(m, l2, b, 8, &f), 0);
	ck_assert_uint_eq(ld64(b), get(e, PTE_AT(4, 0)));
	ck_assert_int_eq(mmu_read(m, l1 + 20 * 8, b, 8, &f), 0);
	ck_assert_uint_eq(ld64(b), 0);
	ck_assert_int_eq(upd(e, PTE_AT(5, 20), MA(20) | RW), 0);
	ck_assert_int_eq(mmu_read(m, l1 + 20 * 8, b, 8, &f), 0);
	ck_assert_uint_eq(ld64(b), MA(20) | RW | PTE_U | PTE_GUEST_KERNEL);
	/* An L1 table appears where there was none, is replaced, and goes. */
	ck_assert_int_eq(mmu_read(m, l1 + PAGE_SIZE, b, 8, &f), -EFAULT);
	put(e, PTE_AT(21, 0), MA(22) | RW);
	ck_assert_int_eq(upd(e, PTE_AT(4, 1), MA(21) | self), 0);
	ck_assert_int_eq(mmu_read(m, l1 + PAGE_SIZE, b, 8, &f), 0);
	ck_assert_uint_eq(ld64(b), MA(22) | RW | PTE_U | PTE_GUEST_KERNEL);
	/* Read-only in the L2: a store is emulated. Writable there: it faults, for a linear table's own entry forbids it. */
	ck_assert_int_eq(mmu_write(m, l1 + PAGE_SIZE + 8, b, 8, &f), -EFAULT);
	ck_assert(store(e, l1 + PAGE_SIZE + 8, MFN(21), 8, MA(23) | RW));
	ck_assert_uint_eq(get(e, PTE_AT(21, 1)), MA(23) | RW | PTE_U | PTE_GUEST_KERNEL);
	sane(e);
	ck_assert_int_eq(upd(e, PTE_AT(4, 1), MA(21) | self | PTE_W), 0);
	ck_assert(!store(e, l1 + PAGE_SIZE + 8, MFN(21), 8, 0));
	ck_assert_int_eq(mmu_write(m, l1 + PAGE_SIZE + 8, b, 8, &f), -EFAULT);
	ck_assert_uint_eq(f.code, PF_P | PF_W | (m->user ? PF_U : 0));
	/* Tables of a higher level are never written that way. */
	ck_assert_int_eq(mmu_write(m, l2 + 16, b, 8, &f), -EFAULT);
	ck_assert(!store(e, l2 + 16, MFN(4), 8, 0));
	ck_assert(!store(e, l4 + 16, MFN(2), 8, 0));
	put(e, PTE_AT(24, 0), MA(25) | PTE_P);
	ck_assert_int_eq(upd(e, PTE_AT(4, 1), MA(24) | self), 0);
	ck_assert_int_eq(mmu_read(m, l1 + PAGE_SIZE, b, 8, &f), 0);
	ck_assert_uint_eq(ld64(b), MA(25) | PTE_P | PTE_U | PTE_GUEST_KERNEL);
	ck_assert_int_eq(upd(e, PTE_AT(4, 1), 0), 0);
	ck_assert_int_eq(mmu_read(m, l1 + PAGE_SIZE, b, 8, &f), -EFAULT);
	ck_assert_int_eq(upd(e, PTE_AT(2, slot), 0), 0);
	ck_assert_int_eq(mmu_read(m, l4, b, 8, &f), -EFAULT);
	ck_assert_int_eq(mmu_read(m, l1, b, 8, &f), -EFAULT);
	env_free(e);
}
END_TEST

START_TEST(pins)
{
	struct env *e = env_new();
	u32 i;

	ck_assert_int_eq(pv_mm_pin(&e->pv, MFN(5), PG_L1), 0);
	ck_assert_int_eq(pv_mm_pin(&e->pv, MFN(5), PG_L1), -XEN_EINVAL);
	ck_assert_int_eq(pv_mm_pin(&e->pv, MFN(5), PG_L2), -XEN_EINVAL);
	ck_assert_uint_eq(page(e, 5)->types, 1);
	ck_assert_int_eq(pv_mm_pin(&e->pv, MFN(2), PG_L3), -XEN_EBUSY); /* frame 4 as L1 */
	ck_assert_int_eq(pv_mm_pin(&e->pv, MFN(2), PG_L4), 0);
	ck_assert_uint_eq(page(e, 5)->types, 2);
	sane(e);
	ck_assert_int_eq(pv_mm_unpin(&e->pv, MFN(5)), 0);
	ck_assert_int_eq(pv_mm_unpin(&e->pv, MFN(5)), -XEN_EINVAL);
	ck_assert_int_eq(pv_mm_unpin(&e->pv, MFN(3)), -XEN_EINVAL);
	ck_assert_int_eq(pv_mm_unpin(&e->pv, 3), -XEN_EINVAL);
	ck_assert_int_eq(pv_mm_pin(&e->pv, MFN(FRAMES), PG_L1), -XEN_EINVAL);
	/* A root in use stays a table after its pin is gone. */
	ck_assert_int_eq(pv_mm_set_kernel_root(e->v, MFN(2)), 0);
	ck_assert_int_eq(pv_mm_set_user_root(e->v, MFN(2)), 0);
	ck_assert_int_eq(pv_mm_unpin(&e->pv, MFN(2)), 0);
	sane(e);
	ck_assert_uint_eq(page(e, 2)->types, 2);
	ck_assert_int_eq(pv_mm_set_user_root(e->v, 0), 0);
	ck_assert_int_eq(pv_mm_set_kernel_root(e->v, 0), -XEN_EINVAL);
	ck_assert_int_eq(pv_mm_set_kernel_root(e->v, MFN(3)), -XEN_EINVAL);
	ck_assert_int_eq(pv_mm_set_kernel_root(e->v, MFN(FRAMES)), -XEN_EINVAL);
	ck_assert_uint_eq(page(e, 5)->type, PG_L1);
	take_apart(e, e->v);
	for (i = 0; i < FRAMES; i++)
		ck_assert(pv_mm_unused(&e->pv, MFN(i)));
	env_free(e);
}
END_TEST

START_TEST(grants)
{
	struct env *e = env_running();
	struct mem other;
	u64 mfn, m2, special = PTE_AT(5, 100);

	ck_assert_int_eq(mem_init(&other, &e->host.frames, 512), 0);
	ck_assert_int_eq(mem_add(&other, 3), 0);
	ck_assert_int_eq(mem_add(&other, 4), 0);
	ck_assert_int_eq(pv_mm_alias(&e->pv, &other, 3, &mfn), 0);
	ck_assert_int_eq(pv_mm_alias(&e->pv, &other, 3, &m2), 0);
	ck_assert_uint_eq(mfn, m2); /* one number a frame */
	ck_assert_int_eq(pv_mm_alias(&e->pv, &other, 4, &m2), 0);
	ck_assert_uint_ne(mfn, m2);
	ck_assert(!pv_mm_owned(&e->pv, mfn));
	/* Only the grant code may map it; the guest cannot, nor use it for anything. */
	ck_assert_int_eq(upd(e, special, mfn << PAGE_SHIFT | RW), -XEN_EBUSY);
	ck_assert_int_eq(pv_mm_pin(&e->pv, mfn, PG_L1), -XEN_EINVAL);
	ck_assert_int_eq(pv_mm_map_pte(&e->pv, special, mfn << PAGE_SHIFT | RW | PTE_A | PTE_D), 0);
	sane(e);
	ck_assert_int_eq(upd(e, special, mfn << PAGE_SHIFT | RW | PTE_NX), 0); /* flags may change */
	ck_assert_int_eq(pv_mm_map_pte(&e->pv, special + 4, mfn << PAGE_SHIFT | RW), -XEN_EINVAL);
	ck_assert_int_eq(pv_mm_map_pte(&e->pv, PTE_AT(4, 9), mfn << PAGE_SHIFT | RW), -XEN_EINVAL);
	ck_assert_int_eq(pv_mm_map_pte(&e->pv, MA(40), mfn << PAGE_SHIFT | RW), -XEN_EINVAL);
	ck_assert_int_eq(pv_mm_map_pte(&e->pv, 0x1000, mfn << PAGE_SHIFT | RW), -XEN_EINVAL);
	ck_assert_int_eq(pv_mm_unmap_pte(&e->pv, special, m2, true, 0), -XEN_EINVAL);
	ck_assert_int_eq(pv_mm_unmap_pte(&e->pv, special, mfn, false, 0), -XEN_EINVAL);
	ck_assert_int_eq(pv_mm_unmap_pte(&e->pv, special, mfn, true, 0), 0);
	ck_assert_uint_eq(get(e, special), 0);
	ck_assert_int_eq(pv_mm_unmap_pte(&e->pv, special, mfn, true, 0), -XEN_EINVAL);
	/* The number goes with the last of its uses. */
	ck_assert_int_eq(pv_mm_map_pte(&e->pv, special, m2 << PAGE_SHIFT | PTE_P), 0);
	pv_mm_unalias(&e->pv, m2);
	ck_assert_ptr_nonnull(mem_frame(&e->d->mem, m2));
	sane(e);
	/* A table still names it: mapped again, it is what it was. */
	ck_assert_int_eq(pv_mm_alias(&e->pv, &other, 4, &m2), 0);
	ck_assert_uint_eq(m2, mfn + 1);
	sane(e);
	pv_mm_unalias(&e->pv, m2);
	ck_assert_int_eq(upd(e, special, 0), 0);
	ck_assert_ptr_null(mem_frame(&e->d->mem, m2));
	pv_mm_unalias(&e->pv, mfn);
	ck_assert_ptr_null(mem_frame(&e->d->mem, mfn));
	ck_assert_int_eq(pv_mm_alias(&e->pv, &other, 3, &m2), 0);
	ck_assert_uint_eq(mfn, m2);
	pv_mm_unalias(&e->pv, m2);
	mem_free(&other);
	env_free(e);
}
END_TEST

START_TEST(state)
{
	struct env *e = env_running();
	struct buf a = { 0 }, b = { 0 };
	struct reader r;
	u64 mfn;

	ck_assert(state_check(&pv_page_desc));
	ck_assert(state_check(&pv_mm_state_desc));
	ck_assert_int_eq(pv_mm_release(&e->pv, MFN(30)), 0);
	pv_m2p_set(&e->pv, MFN(31), 5555);
	state_list_save(&e->d->states, &a);
	/* Change everything, go back, and it is all there again. */
	ck_assert_int_eq(pv_mm_alloc(&e->pv, 9, &mfn), 0);
	ck_assert_int_eq(pv_mm_release(&e->pv, MFN(10)), 0);
	pv_m2p_set(&e->pv, MFN(31), 1);
	ck_assert_int_eq(pv_mm_pin(&e->pv, MFN(40), PG_L1), 0);
	ck_assert_uint_ne(pv_mm_special(&e->pv), 0);
	reader_init(&r, a.p, a.len);
	ck_assert_int_eq(state_list_load(&e->d->states, &r, NULL), 0);
	state_list_save(&e->d->states, &b);
	ck_assert_uint_eq(a.len, b.len);
	ck_assert(!memcmp(a.p, b.p, a.len));
	ck_assert_uint_eq(pv_m2p_get(&e->pv, MFN(31)), 5555);
	ck_assert_uint_eq(pv_m2p_get(&e->pv, MFN(30)), ~0ULL);
	ck_assert_uint_eq(page(e, 40)->types, 0);
	ck_assert_uint_eq(pv_mm_total(&e->pv), FRAMES - 1);
	/* The memory is somebody else's to restore. */
	mem_remove(&e->d->mem, MFN(30));
	mem_remove(&e->d->mem, e->pv.s.mfn_end);
	ck_assert_int_eq(mem_add(&e->d->mem, MFN(10)), 0);
	ck_assert_int_eq(pv_mm_alloc(&e->pv, 9, &mfn), 0);
	ck_assert_uint_eq(mfn, MFN(30));
	buf_free(&a);
	buf_free(&b);
	env_free(e);
}
END_TEST

/* The walker finds what the tables say, and the M2P in its window. */
START_TEST(window)
{
	struct env *e = env_running();
	struct mmu *m = &x86_of(e->v)->mmu;
	struct mmu_fault f;
	struct mem copy;
	u8 b[8];

	x86_paging_of(m)->mode = MMU_LONG4;
	x86_paging_of(m)->nxe = true;
	m->root = MA(2);
	x86_paging_of(m)->pv = true;
	mmu_update(m);
	put(e, MA(6), 0x6666);
	ck_assert_int_eq(mmu_read(m, MA(6), b, 8, &f), 0);
	ck_assert_uint_eq(ld64(b), 0x6666);
	ck_assert_int_ne(mmu_write(m, MA(5), b, 8, &f), 0);
	ck_assert_int_eq(mmu_write(m, MA(6), b, 8, &f), 0);
	ck_assert_int_eq(mmu_read(m, PV_M2P_START + MFN(12) * 8, b, 8, &f), 0);
	ck_assert_uint_eq(ld64(b), 12);
	pv_m2p_set(&e->pv, MFN(12), 0x1212);
	ck_assert_int_eq(mmu_read(m, PV_M2P_START + MFN(12) * 8, b, 8, &f), 0);
	ck_assert_uint_eq(ld64(b), 0x1212);
	/* After a fork the frame is cloned on the next set, and seen all the same. */
	ck_assert_int_eq(mem_init(&copy, &e->host.frames, e->pv.m2p.limit), 0);
	ck_assert_int_eq(mem_fork(&copy, &e->pv.m2p), 0);
	pv_m2p_set(&e->pv, MFN(12), 0x1313);
	ck_assert_int_eq(mmu_read(m, PV_M2P_START + MFN(12) * 8, b, 8, &f), 0);
	ck_assert_uint_eq(ld64(b), 0x1313);
	ck_assert_uint_eq(mem_read_u64(&copy, MFN(12) * 8), 0x1212);
	mem_free(&copy);
	ck_assert_int_ne(mmu_write(m, PV_M2P_START + MFN(12) * 8, b, 8, &f), 0);
	ck_assert_int_ne(mmu_read(m, PV_M2P_START, b, 8, &f), 0);
	ck_assert_int_ne(mmu_read(m, PV_M2P_START + (1ULL << 38), b, 8, &f), 0);
	x86_paging_of(m)->mode = MMU_OFF;
	m->root = 0;
	mmu_update(m);
	env_free(e);
}
END_TEST

/* The builder's tables pass, and every page of the boot region is the guest's afterwards. */
START_TEST(builder_tables)
{
	struct env *e = calloc(1, sizeof *e);
	struct bootmap map;
	u64 base = 0xffffffff80000000, i, tables = 0;

	ck_assert_ptr_nonnull(e);
	ck_assert_int_eq(host_init(&e->host, &x86_arch, 0), 0);
	e->d = domain_create(&e->host, "test", pv_mm_limit(1200), 2, 0);
	ck_assert_ptr_nonnull(e->d);
	domain_become(e->d, DOMAIN_PV, &e->pv, NULL);
	e->pv.xen.d = e->d;
	e->pv.xen.ops = &pv_guest_ops;
	ck_assert_int_eq(pv_mm_init(&e->pv, 1200, 0), 0);
	e->mm = e->pv.mm;
	memset(&map, 0, sizeof map);
	bootmap_count(&map, 0, base, base + (4u << 20) - 1);
	bootmap_place(&map, 0, 0, 700);
	bootmap_count(&map, 1, 0x8000000000, 0x8000002fff);
	bootmap_place(&map, 1, 1024, 1027);
	bootmap_write(&map, &e->d->mem, PV_MFN_BASE);
	ck_assert_int_eq(pv_mm_adopt(&e->pv, MFN(map.area[0].level[PT_L4].pfn)), 0);
	sane(e);
	for (i = 0; i < 1200; i++) {
		u32 type = page(e, (u32)i)->type;

		tables += type >= PG_L1 && type <= PG_L4;
		if (bootmap_is_table(&map, i))
			ck_assert_uint_ne(type, PG_WRITABLE);
		else
			ck_assert_uint_eq(type, i < 1027 ? PG_WRITABLE : PG_NONE);
	}
	ck_assert_uint_eq(tables, map.area[0].npt + map.area[1].npt);
	env_free(e);
}
END_TEST

/* A host without memory says so, and no count is off afterwards. */
/* 3 GiB of which nobody has looked at anything: it costs next to nothing, and is the same guest as one that was looked at. */
START_TEST(lazy)
{
	enum { PAGES = 3 << 18 };
	struct host host;
	struct domain *d[2];
	struct pv_domain pv[2] = { { .xen.d = NULL } };
	struct buf b[3] = { { 0 } };
	struct reader r;
	u64 hash[2], mfn, live;
	u32 i;

	ck_assert_int_eq(host_init(&host, &x86_arch, 0), 0);
	for (i = 0; i < 2; i++) {
		d[i] = domain_create(&host, "test", pv_mm_limit(PAGES), 1, 0);
		ck_assert_ptr_nonnull(d[i]);
		d[i]->id = 7 + i;
		domain_become(d[i], DOMAIN_PV, &pv[i], NULL);
		pv[i].xen.d = d[i];
		pv[i].xen.ops = &pv_guest_ops;
		live = host.frames.live;
		ck_assert_int_eq(pv_mm_init(&pv[i], PAGES, PAGES), 0);
		ck_assert_uint_lt(host.frames.live - live, 4);
		ck_assert_uint_eq(pv_mm_total(&pv[i]), PAGES);
	}
	/* The second is looked at all over. */
	for (i = 0; i < PAGES; i += 100) {
		const struct pv_page *pg = pv_mm_page(&pv[1], MFN(i));

		quick(pg->refs == 1 && pg->flags == PGF_ALLOCATED && !pg->types);
		quick_eq(pv_m2p_get(&pv[1], MFN(i)), i);
	}
	ck_assert_uint_eq(pv_m2p_get(&pv[1], MFN(PAGES - 1)), PAGES - 1);
	ck_assert_uint_eq(pv_m2p_get(&pv[1], MFN(PAGES)), ~0ULL);
	ck_assert_uint_eq(pv_mm_page(&pv[1], MFN(PAGES))->refs, 0);
	for (i = 0; i < 2; i++) {
		hash[i] = domain_hash(d[i]);
		state_list_save(&d[i]->states, &b[i]);
	}
	ck_assert_uint_eq(hash[0], hash[1]);
	ck_assert_uint_lt(b[0].len, 4096);
	ck_assert(b[0].len == b[1].len && !memcmp(b[0].p, b[1].p, b[0].len));
	/* What differs from the start is saved, comes back, and goes with a load of what had it not. */
	ck_assert_int_eq(pv_mm_release(&pv[0], MFN(600000)), 0);
	ck_assert_int_eq(pv_mm_alloc(&pv[0], 0x77777, &mfn), 0);
	ck_assert_uint_eq(mfn, MFN(600000));
	ck_assert_int_eq(pv_mm_release(&pv[0], MFN(1234)), 0);
	pv_m2p_set(&pv[0], MFN(PAGES + 5), 99);
	ck_assert_uint_ne(domain_hash(d[0]), hash[0]);
	state_list_save(&d[0]->states, &b[2]);
	reader_init(&r, b[2].p, b[2].len);
	ck_assert_int_eq(state_list_load(&d[1]->states, &r, NULL), 0);
	ck_assert_uint_eq(pv_m2p_get(&pv[1], MFN(600000)), 0x77777);
	ck_assert_uint_eq(pv_m2p_get(&pv[1], MFN(1234)), ~0ULL);
	ck_assert_uint_eq(pv_m2p_get(&pv[1], MFN(PAGES + 5)), 99);
	ck_assert_uint_eq(pv_m2p_get(&pv[1], MFN(PAGES + 6)), ~0ULL);
	ck_assert_uint_eq(pv_mm_page(&pv[1], MFN(1234))->refs, 0);
	reader_init(&r, b[1].p, b[1].len);
	ck_assert_int_eq(state_list_load(&d[0]->states, &r, NULL), 0);
	ck_assert_uint_eq(pv_m2p_get(&pv[0], MFN(600000)), 600000);
	ck_assert_uint_eq(pv_m2p_get(&pv[0], MFN(1234)), 1234);
	ck_assert_uint_eq(pv_m2p_get(&pv[0], MFN(PAGES + 5)), ~0ULL);
	ck_assert_uint_eq(pv_mm_page(&pv[0], MFN(1234))->refs, 1);
	for (i = 0; i < 2; i++) {
		pv_mm_free(&pv[i]);
		d[i]->machine = NULL;
		domain_destroy(d[i]);
	}
	for (i = 0; i < 3; i++)
		buf_free(&b[i]);
	host_exit(&host);
}
END_TEST

START_TEST(memory_short)
{
	struct env *e = env_running();
	struct mem copy;
	u64 mfn;

	put(e, PTE_AT(20, 0), MA(21) | TBL);
	put(e, PTE_AT(21, 3), MA(22) | TBL);
	put(e, PTE_AT(22, 5), MA(23) | RW);
	put(e, PTE_AT(22, 6), MA(24) | PTE_P);
	ck_assert_int_eq(mem_init(&copy, &e->host.frames, e->d->mem.limit), 0);
	ck_assert_int_eq(mem_fork(&copy, &e->d->mem), 0);
	e->host.frames.limit = e->host.frames.live;
	ck_assert_int_eq(pv_mm_pin(&e->pv, MFN(22), PG_L1), -XEN_ENOMEM);
	ck_assert_int_eq(pv_mm_pin(&e->pv, MFN(21), PG_L2), -XEN_ENOMEM);
	sane(e);
	ck_assert_int_eq(pv_mm_update(&e->pv, PTE_AT(5, 100), MA(30) | RW, false), -XEN_ENOMEM);
	ck_assert_int_eq(pv_mm_update(&e->pv, PTE_AT(5, 1), 0, false), -XEN_ENOMEM);
	ck_assert_int_eq(pv_mm_update(&e->pv, PTE_AT(4, 1), MA(30) | TBL, false), -XEN_ENOMEM);
	ck_assert_int_eq(pv_mm_update(&e->pv, PTE_AT(4, 0), MA(5) | PTE_P, false), -XEN_ENOMEM);
	ck_assert_int_eq(pv_mm_update(&e->pv, MA(40), 1, false), -XEN_ENOMEM);
	sane(e);
	ck_assert(pv_mm_unused(&e->pv, MFN(30)));
	ck_assert_int_eq(pv_mm_alloc(&e->pv, 1, &mfn), 0); /* zeros cost nothing */
	e->host.frames.limit = 0;
	ck_assert_int_eq(pv_mm_pin(&e->pv, MFN(20), PG_L3), 0);
	sane(e);
	mem_free(&copy);
	env_free(e);
}
END_TEST

Suite *mm_suite(void)
{
	Suite *s = suite_create("pv/mm");
	TCase *t = tcase_create("frames");

	tcase_add_test(t, frame_numbers);
	tcase_add_test(t, frames_in_use);
	tcase_add_test(t, state);
	tcase_add_test(t, window);
	tcase_add_test(t, memory_short);
	tcase_add_test(t, lazy);
	suite_add_tcase(s, t);
	t = tcase_create("types");
	tcase_add_test(t, adopt);
	tcase_add_test(t, l1_rules);
	tcase_add_test(t, table_rules);
	tcase_add_test(t, linear_tables);
	tcase_add_test(t, linear_undone);
	tcase_add_test(t, linear_view);
	tcase_add_test(t, pins);
	tcase_add_test(t, grants);
	tcase_add_test(t, builder_tables);
	suite_add_tcase(s, t);
	return s;
}
