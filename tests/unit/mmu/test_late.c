/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pages that wait for their source, and what changed since an instant.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "mmu/frames.h"
#include "mmu/late.h"
#include "mmu/look.h"
#include "tests/suites.h"

#define LIMIT (4 * LEAF_FRAMES)
#define ZERO (LEAF_FRAMES + 5) /* a page of zeros */

struct pages {
	struct mem_source s;
	u32 reads, freed;
	u64 bad; /* this page cannot be had */
	bool lost;
};

static u8 content(u64 mfn)
{
	return (u8)(mfn * 7 + 3);
}

static enum mem_late_page read_page(struct mem_source *s, u64 mfn, u8 *page)
{
	struct pages *p = container_of(s, struct pages, s);

	p->reads++;
	p->lost |= mfn == p->bad;
	if (mfn == ZERO)
		return LATE_ZERO;
	memset(page, content(mfn), PAGE_SIZE);
	return mfn == p->bad ? LATE_LOST : LATE_DATA;
}

static const char *lost(struct mem_source *s)
{
	return container_of(s, struct pages, s)->lost ? "gone" : NULL;
}

static void freed(struct mem_source *s)
{
	container_of(s, struct pages, s)->freed++;
}

static const struct mem_source_ops ops = { read_page, lost, freed };

struct world {
	struct frame_pool pool;
	struct mem m;
	struct pages p;
};

static void setup(struct world *w)
{
	memset(w, 0, sizeof *w);
	w->p.s = (struct mem_source){ &ops, 1 };
	w->p.bad = UINT64_MAX;
	ck_assert_int_eq(frame_pool_init(&w->pool), 0);
	ck_assert_int_eq(mem_init(&w->m, &w->pool, LIMIT), 0);
}

/* Nothing is left over, the source included. */
static void teardown(struct world *w)
{
	mem_free(&w->m);
	mem_source_put(&w->p.s);
	ck_assert_uint_eq(w->p.freed, 1);
	ck_assert_uint_eq(w->pool.live, 0);
	frame_pool_free(&w->pool);
}

static void put(struct mem *m, u64 mfn, u8 v)
{
	u8 *p = mem_rw(m, mfn, 5, 1);

	ck_assert_ptr_nonnull(p);
	p[5] = v;
}

static u8 get(const struct mem *m, u64 mfn)
{
	const u8 *p = mem_ro(m, mfn);

	ck_assert_ptr_nonnull(p);
	return p[5];
}

START_TEST(read_when_looked_at)
{
	struct world w;
	u8 page[PAGE_SIZE];
	u64 hash;

	setup(&w);
	ck_assert_int_eq(mem_add_zeros(&w.m, 0, LEAF_FRAMES), 0);
	ck_assert_int_eq(mem_add_late(&w.m, LEAF_FRAMES, LEAF_FRAMES + 10, &w.p.s), 0);
	ck_assert_uint_eq(mem_count(&w.m), 2 * LEAF_FRAMES + 10);
	ck_assert_uint_eq(w.p.reads, 0);
	ck_assert(mem_waits(&w.m, LEAF_FRAMES) && !mem_waits(&w.m, 3));
	ck_assert_ptr_null(mem_ro(&w.m, 2 * LEAF_FRAMES + 10));
	/* Without making it. */
	ck_assert_ptr_eq(mem_page(&w.m, LEAF_FRAMES + 1, page), page);
	ck_assert_uint_eq(page[9], content(LEAF_FRAMES + 1));
	ck_assert(mem_waits(&w.m, LEAF_FRAMES + 1));
	hash = mem_hash(&w.m, HASH_SEED);
	ck_assert_uint_eq(w.pool.live, 0);
	w.p.reads = 0;
	mem_clear_dirty(&w.m);
	ck_assert_uint_eq(get(&w.m, LEAF_FRAMES + 1), content(LEAF_FRAMES + 1));
	ck_assert_uint_eq(get(&w.m, LEAF_FRAMES + 1), content(LEAF_FRAMES + 1));
	ck_assert_uint_eq(w.p.reads, 1);
	ck_assert_uint_eq(w.pool.live, 1);
	ck_assert_ptr_eq(mem_ro(&w.m, ZERO), w.pool.zero->data);
	ck_assert_uint_eq(w.pool.live, 1);
	ck_assert(!mem_waits(&w.m, LEAF_FRAMES + 1));
	ck_assert_uint_eq(w.m.ndirty, 0); /* nothing changed */
	ck_assert_uint_eq(mem_hash(&w.m, HASH_SEED), hash);
	put(&w.m, 2 * LEAF_FRAMES + 9, 1);
	ck_assert_uint_eq(w.m.ndirty, 1);
	ck_assert_uint_eq(mem_ro(&w.m, 2 * LEAF_FRAMES + 9)[4], content(2 * LEAF_FRAMES + 9));
	ck_assert_uint_ne(mem_hash(&w.m, HASH_SEED), hash);
	/* What waits is there: it can be removed, and not be added. */
	ck_assert_int_eq(mem_add(&w.m, LEAF_FRAMES + 2), -EEXIST);
	mem_remove(&w.m, LEAF_FRAMES + 3);
	ck_assert_ptr_null(mem_ro(&w.m, LEAF_FRAMES + 3));
	ck_assert_int_eq(mem_add(&w.m, LEAF_FRAMES + 3), 0);
	ck_assert_uint_eq(get(&w.m, LEAF_FRAMES + 3), 0);
	ck_assert_int_eq(mem_add_zeros(&w.m, LEAF_FRAMES, LEAF_FRAMES), -EEXIST);
	ck_assert_uint_eq(mem_count(&w.m), 2 * LEAF_FRAMES + 10);
	teardown(&w);
}
END_TEST

START_TEST(forks_wait_too)
{
	struct world w;
	struct mem a, b;
	u64 hash;

	setup(&w);
	ck_assert_int_eq(mem_add_late(&w.m, 0, LIMIT, &w.p.s), 0);
	hash = mem_hash(&w.m, HASH_SEED);
	get(&w.m, 0);
	ck_assert_int_eq(mem_init(&a, &w.pool, LIMIT), 0);
	ck_assert_int_eq(mem_init(&b, &w.pool, LIMIT), 0);
	ck_assert_int_eq(mem_fork(&a, &w.m), 0);
	/* Leaf 0 is shared: whoever reads another page of it has it alone, and the fork still waits. */
	put(&w.m, 1, 0xee);
	ck_assert(mem_waits(&a, 1) && !mem_waits(&w.m, 1) && !mem_waits(&a, 0));
	ck_assert_uint_eq(get(&a, 1), content(1));
	put(&a, 0, 0xdd);
	ck_assert_uint_eq(get(&w.m, 0), content(0));
	ck_assert_int_eq(mem_fork(&b, &a), 0);
	ck_assert_int_eq(mem_become(&w.m, &b), 0);
	ck_assert_uint_eq(get(&w.m, 0), 0xdd);
	put(&w.m, 0, content(0));
	ck_assert_uint_eq(mem_hash(&w.m, HASH_SEED), hash);
	mem_free(&a);
	mem_free(&b);
	teardown(&w);
}
END_TEST

START_TEST(a_page_is_lost)
{
	struct world w;
	u8 page[PAGE_SIZE];

	setup(&w);
	ck_assert_ptr_null(mem_lost(&w.m));
	ck_assert_int_eq(mem_add_late(&w.m, 5, 5, &w.p.s), 0);
	w.p.bad = 7;
	ck_assert_uint_eq(get(&w.m, 6), content(6));
	ck_assert_ptr_null(mem_lost(&w.m));
	ck_assert_uint_eq(mem_page(&w.m, 7, page)[0], 0);
	ck_assert_str_eq(mem_lost(&w.m), "gone");
	ck_assert_uint_eq(get(&w.m, 7), 0);
	/* Short of memory: not lost, only not there. */
	w.pool.limit = w.pool.live;
	ck_assert_ptr_null(mem_ro(&w.m, 8));
	w.pool.limit = 0;
	ck_assert_uint_eq(get(&w.m, 8), content(8));
	teardown(&w);
}
END_TEST

static bool has(const u64 *bits, u64 mfn)
{
	return bits[mfn / 64] >> (mfn % 64) & 1;
}

static u32 count(const u64 *bits)
{
	u32 n = 0, i;

	for (i = 0; i < LIMIT; i++)
		n += has(bits, i);
	return n;
}

static u64 *take(struct mem_look *l)
{
	u64 *bits = mem_look_changed(l);

	ck_assert_ptr_nonnull(bits);
	mem_look_all_seen(l);
	return bits;
}

/* Two who want to know what changed since an instant of their own. */
START_TEST(changes_since)
{
	struct mem_look a = { 0 }, b = { 0 };
	struct world w;
	struct mem fork;
	u64 *bits;

	setup(&w);
	ck_assert_ptr_null(mem_look_changed(&a));
	ck_assert_int_eq(mem_add_zeros(&w.m, 0, LEAF_FRAMES + 20), 0);
	put(&w.m, 1, 1);
	ck_assert_int_eq(mem_look_start(&a, &w.m), 0);
	mem_look_all_seen(&a);
	put(&w.m, 2, 1);
	ck_assert_int_eq(mem_look_start(&b, &w.m), 0);
	bits = take(&b);
	ck_assert_uint_eq(count(bits), LIMIT);
	free(bits);
	put(&w.m, 3, 1);
	put(&w.m, 2, 2);
	bits = take(&a);
	ck_assert(!has(bits, 1) && has(bits, 2) && has(bits, 3));
	ck_assert_uint_eq(count(bits), 2);
	free(bits);
	bits = take(&a);
	ck_assert_uint_eq(count(bits), 0);
	free(bits);
	/* A fork has no part in it, and the dirty list neither. */
	ck_assert_int_eq(mem_init(&fork, &w.pool, LIMIT), 0);
	ck_assert_int_eq(mem_fork(&fork, &w.m), 0);
	put(&fork, 9, 1);
	put(&w.m, 4, 1);
	mem_clear_dirty(&w.m);
	/* Frames that come, by whole leaves too, and go; reading what waits is no change. */
	ck_assert_int_eq(mem_add_zeros(&w.m, 2 * LEAF_FRAMES, LEAF_FRAMES), 0);
	mem_remove(&w.m, 5);
	bits = take(&b);
	ck_assert(has(bits, 2) && has(bits, 3) && has(bits, 4) && has(bits, 5) && !has(bits, 9));
	ck_assert(has(bits, 2 * LEAF_FRAMES) && has(bits, 3 * LEAF_FRAMES - 1));
	ck_assert_uint_eq(count(bits), 4 + LEAF_FRAMES);
	free(bits);
	ck_assert_int_eq(mem_add_late(&w.m, 3 * LEAF_FRAMES, 3, &w.p.s), 0);
	mem_look_all_seen(&b);
	get(&w.m, 3 * LEAF_FRAMES);
	put(&w.m, 3 * LEAF_FRAMES + 1, 1);
	bits = take(&b);
	ck_assert(!has(bits, 3 * LEAF_FRAMES) && has(bits, 3 * LEAF_FRAMES + 1));
	free(bits);
	ck_assert_int_eq(mem_become(&w.m, &fork), 0);
	bits = take(&a);
	ck_assert_uint_eq(count(bits), LIMIT);
	free(bits);
	mem_look_stop(&a);
	put(&w.m, 6, 1);
	mem_free(&fork);
	teardown(&w);
	ck_assert_ptr_null(b.mem);
}
END_TEST

Suite *late_suite(void)
{
	Suite *s = suite_create("late");
	TCase *t = tcase_create("late");

	tcase_add_test(t, read_when_looked_at);
	tcase_add_test(t, forks_wait_too);
	tcase_add_test(t, a_page_is_lost);
	tcase_add_test(t, changes_since);
	suite_add_tcase(s, t);
	return s;
}
