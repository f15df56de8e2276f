/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pv/mm/type.c, pv/mm/op.c: trees of page tables that are checked and let go in pieces. What a call costs, that the end is as
 * if it had been done in one go, what others meet and do meanwhile, and that nothing stays behind.
 */
#define FRAMES 2048u
#include "tests/unit/mm_env.h"

#define BIG_L4 100u
#define BIG_L3 101u
#define BIG_L2 102u /* three of them */
#define BIG_L1 110u
#define NBIG (3 * 512u)
/* What a round may cost: the limit, and one step more, through all levels and their linear tables. */
#define ROUND (HC_WORK + 8 * PTES)

/* The smallest piece that there is. */
static struct mm_slice least(struct env *e)
{
	return (struct mm_slice){ .limit = e->pv.xen.work };
}

/* ---- a tree of 1541 tables, through the hypercalls ------------------------------------------------------------------- */

static struct env *big_new(void)
{
	struct env *e = env_running();
	u32 i;

	put(e, PTE_AT(BIG_L4, 7), MA(BIG_L3) | TBL);
	for (i = 0; i < 3; i++)
		put(e, PTE_AT(BIG_L3, i * 100), MA(BIG_L2 + i) | TBL);
	for (i = 0; i < NBIG; i++) {
		put(e, PTE_AT(BIG_L2 + i / 512, i % 512), MA(BIG_L1 + i) | TBL);
		put(e, PTE_AT(BIG_L1 + i, i % 512), MA(50) | RW);
	}
	return e;
}

/* A call in rounds, none of which may cost more than it should. Counts them. */
static i64 rounds(struct env *e, i64 (*fn)(struct hc *), const u64 args[4], u32 *n)
{
	struct hc h = { .v = e->v, .args = { args[0], args[1], args[2], args[3] } };
	i64 rc;

	*n = 0;
	do {
		h.again = false;
		e->pv.xen.work = 0;
		rc = fn(&h);
		quick_msg(e->pv.xen.work <= ROUND, "a round costs %llu", (unsigned long long)e->pv.xen.work);
		++*n;
		if (*n % 8 == 1)
			sane(e);
		ck_assert_int_ne(rc, -XEN_ERESTART);
	} while (h.again);
	sane(e);
	return rc;
}

static i64 ext_rounds(struct env *e, u32 cmd, u64 arg1, u32 *n)
{
	const u64 args[4] = { ARGS, 1, DONE, DOMID_SELF };

	put(e, ARGS, cmd);
	put(e, ARGS + 8, arg1);
	put(e, DONE, 77);
	return rounds(e, hc_mmuext_op, args, n);
}

static i64 upd_rounds(struct env *e, u64 ptr, u64 val, u32 *n)
{
	const u64 args[4] = { ARGS, 1, DONE, DOMID_SELF };

	put(e, ARGS, ptr);
	put(e, ARGS + 8, val);
	put(e, DONE, 77);
	return rounds(e, hc_mmu_update, args, n);
}

/* The tree is nothing any more. */
static void big_gone(struct env *e)
{
	u32 i;

	for (i = BIG_L4; i < BIG_L1 + NBIG; i++)
		quick_msg(pv_mm_unused(&e->pv, MFN(i)) && page(e, i)->flags == PGF_ALLOCATED, "frame %u is still something", i);
	ck_assert(pv_mm_unused(&e->pv, MFN(50)));
	ck_assert_uint_eq(e->vcpu[0].s.old_table, 0);
}

static void big_there(struct env *e, u32 uses)
{
	ck_assert_uint_eq(page(e, BIG_L4)->types, uses);
	ck_assert_uint_eq(page(e, BIG_L1 + NBIG - 1)->types, 1);
	ck_assert_uint_eq(page(e, 50)->types, NBIG);
	ck_assert_uint_eq(e->vcpu[0].s.old_table, 0);
}

START_TEST(pin_and_unpin)
{
	struct env *e = big_new();
	u32 n;

	ck_assert_int_eq(ext_rounds(e, 3, MFN(BIG_L4), &n), 0);
	ck_assert_uint_gt(n, NBIG * 512 / ROUND);
	ck_assert_uint_eq(done(e), 1);
	big_there(e, 1);
	/* One more use is had at once. */
	ck_assert_int_eq(ext_rounds(e, 15, MFN(BIG_L4), &n), 0);
	ck_assert_uint_eq(n, 1);
	ck_assert_int_eq(ext_rounds(e, 4, MFN(BIG_L4), &n), 0);
	ck_assert_uint_eq(n, 1);
	big_there(e, 1);
	/* The last one goes. */
	ck_assert_int_eq(ext_rounds(e, 15, 0, &n), 0);
	ck_assert_uint_gt(n, NBIG * 512 / ROUND);
	ck_assert_uint_eq(done(e), 1);
	big_gone(e);
	ck_assert_int_eq(ext_rounds(e, 2, MFN(BIG_L3), &n), 0);
	ck_assert_int_eq(ext_rounds(e, 2, MFN(BIG_L3), &n), -XEN_EINVAL);
	ck_assert_int_eq(ext_rounds(e, 4, MFN(BIG_L3), &n), 0);
	ck_assert_uint_gt(n, NBIG * 512 / ROUND);
	ck_assert_uint_eq(done(e), 1);
	big_gone(e);
	env_free(e);
}
END_TEST

START_TEST(roots)
{
	struct env *e = big_new();
	u32 n, k;

	put(e, PTE_AT(BIG_L4, 0), MA(3) | TBL); /* so that the arguments stay where they are */
	ck_assert_int_eq(ext_rounds(e, 5, MFN(BIG_L4), &n), 0);
	ck_assert_uint_gt(n, NBIG * 512 / ROUND);
	ck_assert_uint_eq(e->vcpu[0].s.kernel_root, MFN(BIG_L4));
	big_there(e, 1);
	ck_assert_int_eq(ext_rounds(e, 5, MFN(2), &n), 0);
	ck_assert_uint_gt(n, NBIG * 512 / ROUND);
	ck_assert_uint_eq(done(e), 1);
	big_gone(e);
	/* The way of MOV to CR3, and of vCPUs that are set up by another. */
	for (k = 0; k < 4; k++) {
		struct vcpu *v = e->d->vcpus[k / 2];
		u64 root = k % 2 ? MFN(2) : MFN(BIG_L4);
		int rc;

		for (n = 1;; n++) {
			e->pv.xen.work = 0;
			rc = pv_mm_load_roots(e->v, v, root, 0);
			quick(e->pv.xen.work <= ROUND);
			sane(e);
			if (rc != -XEN_ERESTART)
				break;
		}
		ck_assert_int_eq(rc, 0);
		ck_assert_uint_gt(n, NBIG * 512 / ROUND);
		ck_assert_uint_eq(pv_of(v)->s.kernel_root, root);
	}
	/* What is refused at the end: another call of the same vCPU ends it. */
	put(e, PTE_AT(BIG_L2 + 2, 511), MA(FRAMES) | TBL);
	do {
		e->pv.xen.work = 0;
		k = (u32)-pv_mm_load_roots(e->v, e->d->vcpus[1], MFN(BIG_L4), 0);
	} while (k == XEN_ERESTART);
	ck_assert_uint_eq(k, XEN_EINVAL);
	ck_assert_uint_ne(e->vcpu[0].s.old_table, 0);
	ck_assert_uint_eq(e->vcpu[1].s.kernel_root, MFN(2));
	ck_assert_int_eq(ext_rounds(e, 6, 0, &n), 0);
	ck_assert_uint_gt(n, 1);
	big_gone(e);
	/* A root that cannot be let go beside that stays until there is another. */
	put(e, PTE_AT(BIG_L2 + 2, 511), 0);
	while (e->pv.xen.work = 0, pv_mm_load_roots(e->v, e->d->vcpus[1], MFN(BIG_L4), 0) == -XEN_ERESTART)
		;
	e->pv.xen.work = 0;
	pv_mm_vcpu_reset(e->v, e->d->vcpus[1]);
	quick(e->pv.xen.work <= ROUND);
	ck_assert_uint_eq(e->vcpu[1].s.kernel_root, 0);
	ck_assert_uint_eq(e->vcpu[0].s.old_table, MFN(BIG_L4));
	sane(e);
	env_free(e);
}
END_TEST

START_TEST(entries)
{
	struct env *e = big_new();
	u32 n;

	ck_assert_int_eq(upd_rounds(e, PTE_AT(2, 7), MA(BIG_L3) | TBL, &n), 0);
	ck_assert_uint_gt(n, NBIG * 512 / ROUND);
	ck_assert_uint_eq(done(e), 1);
	ck_assert_uint_eq(page(e, BIG_L3)->types, 1);
	ck_assert_uint_eq(page(e, 50)->types, NBIG);
	/* Both ways at once: the old one goes as the new one comes. */
	put(e, PTE_AT(60, 0), MA(61) | TBL);
	ck_assert_int_eq(upd_rounds(e, PTE_AT(2, 7), MA(60) | TBL, &n), 0);
	ck_assert_uint_gt(n, NBIG * 512 / ROUND);
	ck_assert_uint_eq(done(e), 1);
	big_gone(e);
	ck_assert_int_eq(upd_rounds(e, PTE_AT(2, 7), MA(BIG_L3) | TBL, &n), 0);
	ck_assert(pv_mm_unused(&e->pv, MFN(60)));
	ck_assert_int_eq(upd_rounds(e, PTE_AT(2, 7), 0, &n), 0);
	ck_assert_uint_gt(n, NBIG * 512 / ROUND);
	big_gone(e);
	env_free(e);
}
END_TEST

/* Refused at the last entry: the result is that, and all counts are as before. */
START_TEST(refused_late)
{
	struct env *e = big_new();
	u64 args[4] = { ARGS, 3, DONE, DOMID_SELF };
	u32 n;

	put(e, PTE_AT(BIG_L2 + 2, 511), MA(2) | TBL); /* an L4 */
	ck_assert_int_eq(ext_rounds(e, 3, MFN(BIG_L4), &n), -XEN_EINVAL);
	ck_assert_uint_gt(n, 2 * NBIG * 512 / ROUND); /* there and back */
	ck_assert_uint_eq(done(e), 0);
	big_gone(e);
	ck_assert_int_eq(ext_rounds(e, 5, MFN(BIG_L4), &n), -XEN_EINVAL);
	big_gone(e);
	ck_assert_int_eq(ext_rounds(e, 15, MFN(BIG_L4), &n), -XEN_EINVAL);
	big_gone(e);
	ck_assert_int_eq(upd_rounds(e, PTE_AT(2, 7), MA(BIG_L3) | TBL, &n), -XEN_EINVAL);
	ck_assert_uint_gt(n, 2 * NBIG * 512 / ROUND);
	ck_assert_uint_eq(done(e), 0);
	ck_assert_uint_eq(get(e, PTE_AT(2, 7)), 0);
	big_gone(e);
	put(e, PTE_AT(BIG_L2 + 2, 511), MA(4) | TBL); /* an L2, whose own error is another */
	put(e, PTE_AT(BIG_L1 + NBIG - 2, 0), MA(4) | RW);
	ck_assert_int_eq(ext_rounds(e, 3, MFN(BIG_L4), &n), -XEN_EBUSY);
	big_gone(e);
	/* In a list it is counted how many went well, once. */
	put(e, ARGS, 6);
	put(e, ARGS + 24, 3);
	put(e, ARGS + 32, MFN(BIG_L4));
	put(e, ARGS + 48, 6);
	ck_assert_int_eq(rounds(e, hc_mmuext_op, args, &n), -XEN_EBUSY);
	ck_assert_uint_eq(done(e), 1);
	big_gone(e);
	/* And it goes on behind one that takes long. */
	put(e, PTE_AT(BIG_L1 + NBIG - 2, 0), 0);
	put(e, PTE_AT(BIG_L2 + 2, 511), MA(BIG_L1 + NBIG - 1) | TBL);
	ck_assert_int_eq(rounds(e, hc_mmuext_op, args, &n), 0);
	ck_assert_uint_eq(done(e), 3);
	big_there(e, 1);
	put(e, ARGS + 24, 4);
	put(e, ARGS + 48, 99);
	ck_assert_int_eq(rounds(e, hc_mmuext_op, args, &n), -XEN_ENOSYS);
	ck_assert_uint_eq(done(e), 2);
	big_gone(e);
	env_free(e);
}
END_TEST

/* Halfway, the guest does something else: what it is told, and that the rest goes on as Xen's would. */
START_TEST(halfway)
{
	struct env *e = big_new();
	struct hc h = { .v = e->v, .args = { ARGS, 1, 0, DOMID_SELF } };
	u32 n, i;

	put(e, ARGS, 3);
	put(e, ARGS + 8, MFN(BIG_L4));
	for (i = 0; i < 20; i++) {
		h.again = false;
		e->pv.xen.work = 0;
		ck_assert_int_eq(hc_mmuext_op(&h), 0);
		ck_assert(h.again);
	}
	sane(e);
	ck_assert(page(e, BIG_L4)->flags & PGF_PARTIAL);
	ck_assert(page(e, BIG_L2 + 1)->flags & PGF_PARTIAL);
	ck_assert_uint_eq(page(e, BIG_L4)->types, 1);
	/* Neither a table that can be changed, nor one of its entries a use, nor anything else. */
	ck_assert_int_eq(upd(e, PTE_AT(BIG_L4, 0), MA(3) | TBL), -XEN_EINVAL);
	ck_assert_int_eq(upd(e, PTE_AT(BIG_L2 + 1, 511), 0), -XEN_EINVAL);
	ck_assert_int_eq(upd(e, PTE_AT(5, 100), MA(BIG_L4) | RW), -XEN_EBUSY);
	ck_assert_int_eq(upd(e, PTE_AT(5, 100), MA(BIG_L4) | PTE_P), 0);
	ck_assert_int_eq(ext(e, 16, MFN(BIG_L3), 0), -XEN_EINVAL);
	ck_assert_int_eq(ext(e, 2, MFN(BIG_L4), 0), -XEN_EINVAL);
	ck_assert_int_eq(ext(e, 4, MFN(BIG_L4), 0), -XEN_EINVAL);
	ck_assert_int_eq(ext(e, 0, MFN(BIG_L1 + NBIG - 1), 0), 0); /* not come to yet */
	/* A linear entry wants one that is whole. */
	ck_assert_int_eq(upd(e, PTE_AT(2, 9), MA(BIG_L4) | PTE_P), -XEN_EINVAL);
	/* Freed, it stays for now. */
	ck_assert_int_eq(pv_mm_release(&e->pv, MFN(BIG_L2 + 1)), 0);
	ck_assert_ptr_nonnull(mem_frame(&e->d->mem, MFN(BIG_L2 + 1)));
	sane(e);
	/* Another vCPU that wants one of the tables goes on with it, and the first one takes that. */
	e->v = e->d->vcpus[1];
	pv_of(e->v)->s.kernel_root = 0;
	ck_assert_int_eq(pv_mm_set_kernel_root(e->v, MFN(2)), 0);
	ck_assert_int_eq(ext_rounds(e, 1, MFN(BIG_L2 + 1), &n), 0);
	ck_assert_uint_eq(page(e, BIG_L2 + 1)->types, 1);
	ck_assert(!(page(e, BIG_L2 + 1)->flags & PGF_PARTIAL));
	put(e, ARGS, 3);
	put(e, ARGS + 8, MFN(BIG_L4));
	e->v = e->d->vcpus[0];
	do {
		h.again = false;
		e->pv.xen.work = 0;
		ck_assert_int_eq(hc_mmuext_op(&h), 0);
	} while (h.again);
	sane(e);
	ck_assert_uint_eq(page(e, BIG_L2 + 1)->types, 2);
	ck_assert_uint_eq(page(e, BIG_L1 + NBIG - 1)->types, 2);
	ck_assert(page(e, BIG_L4)->flags & PGF_PINNED);
	ck_assert_int_eq(ext(e, 4, MFN(BIG_L2 + 1), 0), 0);
	ck_assert_int_eq(ext(e, 4, MFN(BIG_L4), 0), 0);
	ck_assert_ptr_null(mem_frame(&e->d->mem, MFN(BIG_L2 + 1)));
	ck_assert_uint_eq(page(e, BIG_L1 + NBIG - 1)->types, 1);
	env_free(e);
}
END_TEST

/* A domain that ends between two rounds, on the way there and back: nothing is left of it (as the sanitizer says). */
START_TEST(destroyed)
{
	struct env *e = big_new();
	struct hc h = { .v = e->v, .args = { ARGS, 1, 0, DOMID_SELF } };

	if (_i)
		ck_assert_int_eq(pv_mm_pin(&e->pv, MFN(BIG_L4), PG_L4), 0);
	put(e, ARGS, _i ? 4 : 3);
	put(e, ARGS + 8, MFN(BIG_L4));
	hc_mmuext_op(&h);
	ck_assert(h.again);
	ck_assert(page(e, BIG_L4)->flags & PGF_PARTIAL);
	ck_assert_uint_eq(e->vcpu[0].s.old_table, _i ? MFN(BIG_L4) : 0);
	env_free(e);
}
END_TEST

/* Saved between two rounds and loaded elsewhere, it ends the same. */
START_TEST(saved_halfway)
{
	struct env *e = big_new(), *f = big_new();
	struct hc h = { .v = e->v, .args = { ARGS, 1, 0, DOMID_SELF } };
	struct buf saved = { 0 };
	struct reader in;
	u32 i, way;

	put(e, ARGS + 8, MFN(BIG_L4));
	for (way = 3; way <= 4; way++) {
		struct hc g;

		put(e, ARGS, way);
		h.args[0] = ARGS;
		h.args[1] = 1;
		h.args[3] = DOMID_SELF;
		for (i = 0; i < 20; i++) {
			h.again = false;
			e->pv.xen.work = 0;
			ck_assert_int_eq(hc_mmuext_op(&h), 0);
			ck_assert(h.again);
		}
		buf_free(&saved);
		state_list_save(&e->d->states, &saved);
		reader_init(&in, saved.p, saved.len);
		ck_assert_int_eq(state_list_load(&f->d->states, &in, NULL), 0);
		for (i = 0; i < FRAMES; i++)
			memcpy(mem_rw(&f->d->mem, MFN(i), 0, PAGE_SIZE), mem_ro(&e->d->mem, MFN(i)), PAGE_SIZE);
		f->vcpu[0].s = e->vcpu[0].s;
		sane(f);
		g = h;
		g.v = f->v;
		do {
			h.again = g.again = false;
			e->pv.xen.work = f->pv.xen.work = 0;
			ck_assert_int_eq(hc_mmuext_op(&h), 0);
			ck_assert_int_eq(hc_mmuext_op(&g), 0);
			ck_assert_uint_eq(e->pv.xen.work, f->pv.xen.work);
			ck_assert_int_eq(h.again, g.again);
		} while (h.again);
		sane(f);
		for (i = 0; i < FRAMES; i++)
			quick(!state_differs(&pv_page_desc, page(e, i), page(f, i)));
	}
	big_gone(f);
	buf_free(&saved);
	env_free(e);
	env_free(f);
}
END_TEST

/* ---- small trees in the smallest pieces ------------------------------------------------------------------------------ */

/* Takes or lets go in the smallest pieces. */
static int take_least(struct env *e, u32 n, enum pv_page_type type)
{
	struct mm_slice sl = MM_WHOLE;
	int rc;

	do {
		sl = least(e);
		rc = mm_pin(e->mm, MFN(n), type, &sl);
		mm_keep(e->v, &sl);
		sane(e);
	} while (rc == -XEN_ERESTART);
	while (sl = least(e), mm_settle(e->v, &sl))
		sane(e);
	return rc;
}

static int unpin_least(struct env *e, u32 n)
{
	struct mm_slice sl = least(e);
	int rc = mm_unpin(e->mm, MFN(n), &sl);

	mm_keep(e->v, &sl);
	while (sane(e), sl = least(e), mm_settle(e->v, &sl))
		;
	return rc;
}

/* What tables 20 to 39 are to be, five of each. */
static enum pv_page_type row_type(const struct env *e, u32 n)
{
	static const u8 types[2][4] = { { PG_L4, PG_L3, PG_L2, PG_L1 }, { PG_L3, PG_L2_TOP, PG_L2, PG_L1 } };

	return types[e->mm->is32][(n - 20) / 5];
}

/* The first of the tables that the entry in a slot of table n should name. */
static u32 row_below(const struct env *e, u32 n, u32 slot)
{
	if (!e->mm->is32 || n >= 30)
		return 20 + (n - 20) / 5 * 5 + 5;
	return n >= 25 ? 35 : slot == COMPAT_TOP_SLOT ? 25 : 30;
}

/* Entries of those, at random, mostly of the level below, sometimes of their own, sometimes bad. */
static void random_tree(struct env *e, u64 *s)
{
	u32 n, k;

	for (n = 20; n < 40; n++)
		for (k = 0; k < 6; k++) {
			u32 slot = rnd(s) % 3 ? k : e->mm->is32 ? 3 + k % 2 * 10 : 506 + k;
			u32 to = rnd(s) % 4 ? row_below(e, n, slot) + rnd(s) % 5 : 20 + rnd(s) % 24;
			u64 f = rnd(s) % 8 ? TBL : rnd(s) % 4 ? PTE_P | PTE_U : rnd(s) % 2 ? TBL | PTE_PSE : 0;

			put(e, PTE_AT(n, slot), MA(to) | (n >= 35 && rnd(s) % 8 ? PTE_P : f));
		}
}

START_TEST(as_whole)
{
	u64 s = 77 + (u64)_i;
	struct env *a = env_make(_i % 2), *b = env_make(_i % 2);
	u32 i, k, good = 0, bad = 0;

	for (i = 0; i < 10; i++) {
		for (k = 20; k < 44; k++) {
			while (page(a, k)->flags & PGF_PINNED) {
				ck_assert_int_eq(pv_mm_unpin(&a->pv, MFN(k)), 0);
				ck_assert_int_eq(unpin_least(b, k), 0);
			}
		}
		for (k = 20; k < 44; k++) {
			ck_assert(pv_mm_unused(&b->pv, MFN(k)));
			memset(mem_rw(&a->d->mem, MFN(k), 0, PAGE_SIZE), 0, PAGE_SIZE);
		}
		random_tree(a, &s);
		for (k = 0; k < FRAMES && k < 64; k++)
			memcpy(mem_rw(&b->d->mem, MFN(k), 0, PAGE_SIZE), mem_ro(&a->d->mem, MFN(k)), PAGE_SIZE);
		for (k = 0; k < 8; k++) {
			u32 n = 20 + rnd(&s) % 20;
			enum pv_page_type type = row_type(a, n);
			int rc = pv_mm_pin(&a->pv, MFN(n), type);
			u32 j;

			quick_eq(take_least(b, n, type), rc);
			good += !rc;
			bad += rc != 0;
			for (j = 0; j < 64; j++)
				quick_msg(!state_differs(&pv_page_desc, page(a, j), page(b, j)), "frame %u", j);
		}
	}
	ck_assert_uint_gt(good, 10);
	ck_assert_uint_gt(bad, 10);
	env_free(a);
	env_free(b);
}
END_TEST

/* Two partial tables that name each other, since one of them became something else meanwhile. */
START_TEST(mutual)
{
	struct env *e = env_running();
	struct mm_slice sl = least(e);

	put(e, PTE_AT(20, 0), MA(21) | TBL);
	put(e, PTE_AT(21, 0), MA(22) | TBL);
	ck_assert_int_eq(mm_pin(e->mm, MFN(20), PG_L3, &sl), -XEN_ERESTART);
	ck_assert_uint_eq(page(e, 20)->flags & (PGF_PARTIAL | PGF_ENTRY_REF), PGF_PARTIAL | PGF_ENTRY_REF);
	ck_assert_uint_eq(page(e, 21)->flags & (PGF_PARTIAL | PGF_ENTRY_REF), PGF_PARTIAL);
	sane(e);
	ck_assert_int_eq(pv_mm_pin(&e->pv, MFN(21), PG_L2), 0);
	ck_assert_int_eq(pv_mm_unpin(&e->pv, MFN(21)), 0);
	sane(e);
	ck_assert_uint_eq(page(e, 21)->types, 0);
	put(e, PTE_AT(21, 0), MA(20) | TBL);
	sl = least(e);
	ck_assert_int_eq(mm_pin(e->mm, MFN(21), PG_L4, &sl), -XEN_EINVAL);
	mm_keep(e->v, &sl);
	sane(e);
	while (sl = least(e), mm_settle(e->v, &sl))
		sane(e);
	ck_assert(pv_mm_unused(&e->pv, MFN(20)));
	ck_assert(pv_mm_unused(&e->pv, MFN(21)));
	ck_assert(pv_mm_unused(&e->pv, MFN(22)));
	env_free(e);
}
END_TEST

/* A row of partial tables, each of which names the next: it is not followed to any depth. */
START_TEST(row)
{
	struct env *e = env_running();
	struct mm_slice sl;
	u32 i, left = 0;

	for (i = 100; i < 1000; i++) {
		if (i > 100) {
			ck_assert_int_eq(pv_mm_pin(&e->pv, MFN(i), PG_L2), 0);
			ck_assert_int_eq(pv_mm_unpin(&e->pv, MFN(i)), 0);
		}
		put(e, PTE_AT(i, 0), MA(i + 1) | TBL);
		put(e, PTE_AT(i + 1, 0), MA(50) | TBL);
		sl = least(e);
		ck_assert_int_eq(mm_pin(e->mm, MFN(i), PG_L3, &sl), -XEN_ERESTART);
	}
	sane(e);
	/* Wanted by a table that is refused, the first ones go. */
	put(e, PTE_AT(60, 0), MA(100) | TBL);
	put(e, PTE_AT(60, 1), MA(2) | TBL);
	ck_assert_int_eq(pv_mm_pin(&e->pv, MFN(60), PG_L4), -XEN_EINVAL);
	sane(e);
	for (i = 60; i <= 1000; i++)
		left += (page(e, i)->flags & PGF_PARTIAL) != 0;
	ck_assert_uint_gt(left, 800);
	ck_assert(pv_mm_unused(&e->pv, MFN(60)));
	ck_assert(pv_mm_unused(&e->pv, MFN(100)));
	/* And all the others when somebody asks. */
	for (i = 1000; i > 100; i--)
		if (page(e, i)->flags & PGF_PARTIAL && !pv_mm_pin(&e->pv, MFN(i), page(e, i)->type))
			pv_mm_unpin(&e->pv, MFN(i));
	sane(e);
	for (i = 50; i <= 1000; i++)
		quick(pv_mm_unused(&e->pv, MFN(i)));
	env_free(e);
}
END_TEST

/* ---- a random guest with two vCPUs, which is always halfway ----------------------------------------------------------- */

static u64 random_table_entry(u64 *s)
{
	static const u64 flags[] = { 0, TBL, TBL, TBL, TBL, RW, PTE_P, PTE_P | PTE_U, TBL | PTE_PSE };

	return flags[rnd(s) % ARRAY_SIZE(flags)] | MA(20 + rnd(s) % 16);
}

static void random_step(struct env *e, u64 *s)
{
	struct vcpu *v = e->d->vcpus[rnd(s) % 2];
	struct mm_slice sl = { .limit = e->pv.xen.work + rnd(s) % 4 * PTES };
	u32 n = 20 + rnd(s) % 16;
	u64 mfn;

	if (mm_settle(v, &sl))
		return;
	switch (rnd(s) % 10) {
	case 0:
	case 1:
	case 2:
		mm_pin(e->mm, MFN(n), row_type(e, 20 + rnd(s) % 20), &sl);
		break;
	case 3:
	case 4:
		mm_unpin(e->mm, MFN(n), &sl);
		break;
	case 5:
		mm_set_user_root(v, rnd(s) % 2 ? MFN(n) : 0, &sl);
		break;
	case 6:
		if (rnd(s) % 8)
			break;
		pv_mm_release(&e->pv, MFN(n));
		pv_mm_alloc(&e->pv, 0, &mfn);
		break;
	default:
		mm_update(e->mm, PTE_AT(n, rnd(s) % 4 ? rnd(s) % 4 : 508 + rnd(s) % 4), random_table_entry(s), false, &sl);
		break;
	}
	mm_keep(v, &sl);
}

START_TEST(random_guest)
{
	u64 s = 0xbeef + (u64)_i;
	struct env *e = env_make(_i % 2);
	u32 i, k, partial = 0, refs = 0, left = 0, linear = 0;

	for (i = 0; i < 20000; i++) {
		random_step(e, &s);
		if (i % 16 == 0)
			sane(e);
		left += e->vcpu[0].s.old_table != 0;
		for (k = 20; k < 36; k++) {
			partial += (page(e, k)->flags & PGF_PARTIAL) != 0;
			refs += (page(e, k)->flags & PGF_ENTRY_REF) != 0;
			linear += page(e, k)->linear > 0 && (page(e, k)->flags & PGF_PARTIAL);
		}
	}
	ck_assert_uint_gt(partial, 1000);
	ck_assert_uint_gt(refs, 100);
	ck_assert_uint_gt(left, 100);
	ck_assert(e->mm->is32 || linear);
	/* Everything let go; partial ones that nobody goes on with want to be asked for. */
	for (i = 0; i < 2; i++) {
		struct mm_slice sl = MM_WHOLE;

		mm_settle(e->d->vcpus[i], &sl);
		take_apart(e, e->d->vcpus[i]);
	}
	for (i = 0; i < 8; i++)
		for (k = 0; k < MAX_PAGES; k++) {
			pv_mm_unpin(&e->pv, MFN(k));
			if ((page(e, k)->flags & PGF_PARTIAL) && !pv_mm_pin(&e->pv, MFN(k), page(e, k)->type))
				pv_mm_unpin(&e->pv, MFN(k));
		}
	sane(e);
	all_unused(e);
	env_free(e);
}
END_TEST

Suite *mm_slice_suite(void)
{
	Suite *s = suite_create("pv/mm_slice");
	TCase *t = tcase_create("calls");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, pin_and_unpin);
	tcase_add_test(t, roots);
	tcase_add_test(t, entries);
	tcase_add_test(t, refused_late);
	tcase_add_test(t, halfway);
	tcase_add_loop_test(t, destroyed, 0, 2);
	tcase_add_test(t, saved_halfway);
	suite_add_tcase(s, t);
	t = tcase_create("pieces");
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, as_whole, 0, 4);
	tcase_add_test(t, mutual);
	tcase_add_test(t, row);
	tcase_add_loop_test(t, random_guest, 0, 8);
	suite_add_tcase(s, t);
	return s;
}
