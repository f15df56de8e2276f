/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest memory: frames, sharing, forks, dirty lists, the hash, and what happens when memory is short.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "mmu/frames.h"
#include "tests/suites.h"

#define LIMIT (3 * LEAF_FRAMES)

struct world {
	struct frame_pool pool;
	struct mem m;
};

static void setup(struct world *w, u64 first, u64 n)
{
	u64 i;

	ck_assert_int_eq(frame_pool_init(&w->pool), 0);
	ck_assert_int_eq(mem_init(&w->m, &w->pool, LIMIT), 0);
	for (i = 0; i < n; i++)
		ck_assert_int_eq(mem_add(&w->m, first + i), 0);
}

/* Nothing is left over. */
static void teardown(struct world *w)
{
	mem_free(&w->m);
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

static u32 listed(const struct mem *m, u64 mfn)
{
	u32 i, n = 0;

	for (i = 0; i < m->ndirty; i++)
		n += m->dirty[i] == mfn;
	return n;
}

START_TEST(frames_come_and_go)
{
	struct world w;

	setup(&w, 1, 3);
	ck_assert_uint_eq(mem_count(&w.m), 3);
	ck_assert_uint_eq(w.pool.live, 0); /* all are the one page of zeros */
	ck_assert_ptr_eq(mem_frame(&w.m, 1), w.pool.zero);
	ck_assert_ptr_null(mem_frame(&w.m, 0));
	ck_assert_ptr_null(mem_frame(&w.m, 4));
	ck_assert_ptr_null(mem_frame(&w.m, LIMIT - 1));
	ck_assert_ptr_null(mem_frame(&w.m, LIMIT));
	ck_assert_ptr_null(mem_frame(&w.m, ~0ULL));
	ck_assert_ptr_null(mem_ro(&w.m, ~0ULL));
	ck_assert_ptr_null(mem_rw(&w.m, 0, 0, 1));
	ck_assert_int_eq(mem_add(&w.m, 1), -EEXIST);
	ck_assert_int_eq(mem_add(&w.m, LIMIT), -EINVAL);
	put(&w.m, 2, 0x42);
	ck_assert_uint_eq(w.pool.live, 1);
	ck_assert_uint_eq(get(&w.m, 2), 0x42);
	ck_assert_uint_eq(get(&w.m, 1), 0); /* the page of zeros is as it was */
	mem_remove(&w.m, 2);
	ck_assert_ptr_null(mem_frame(&w.m, 2));
	ck_assert_uint_eq(w.pool.live, 0);
	mem_remove(&w.m, 2);
	/* A frame that is used again has nothing of its former life. */
	ck_assert_int_eq(mem_add(&w.m, 2), 0);
	ck_assert_uint_eq(get(&w.m, 2), 0);
	teardown(&w);
}
END_TEST

START_TEST(aliases_share_the_frame)
{
	struct world w;

	setup(&w, 1, 2);
	put(&w.m, 1, 0x11);
	ck_assert_int_eq(mem_alias(&w.m, 700, mem_frame(&w.m, 1)), 0);
	ck_assert_int_eq(mem_alias(&w.m, 700, mem_frame(&w.m, 1)), -EEXIST);
	ck_assert_uint_eq(get(&w.m, 700), 0x11);
	ck_assert_uint_eq(w.pool.live, 1);
	/* The frame outlives the place it came from. */
	mem_remove(&w.m, 1);
	ck_assert_uint_eq(get(&w.m, 700), 0x11);
	ck_assert_uint_eq(w.pool.live, 1);
	mem_remove(&w.m, 700);
	ck_assert_uint_eq(w.pool.live, 0);
	teardown(&w);
}
END_TEST

START_TEST(bytes_across_frames)
{
	u8 out[PAGE_SIZE * 2], in[PAGE_SIZE * 2];
	struct world w;
	u32 i;

	setup(&w, LEAF_FRAMES - 1, 3); /* over the edge of a leaf, too */
	for (i = 0; i < sizeof out; i++)
		out[i] = (u8)(i * 13 + 1);
	ck_assert_int_eq(mem_write(&w.m, (u64)(LEAF_FRAMES - 1) * PAGE_SIZE + 100, out, sizeof out), 0);
	ck_assert_int_eq(mem_read(&w.m, (u64)(LEAF_FRAMES - 1) * PAGE_SIZE + 100, in, sizeof in), 0);
	ck_assert_mem_eq(in, out, sizeof in);
	ck_assert_int_eq(mem_read(&w.m, (u64)(LEAF_FRAMES + 1) * PAGE_SIZE + 101, in, PAGE_SIZE), -EFAULT);
	ck_assert_int_eq(mem_write(&w.m, (u64)(LEAF_FRAMES + 1) * PAGE_SIZE + 101, in, PAGE_SIZE), -EFAULT);
	ck_assert_int_eq(mem_read(&w.m, 0, in, 1), -EFAULT);
	ck_assert_int_eq(mem_read(&w.m, 0, in, 0), 0);
	mem_write_u64(&w.m, (u64)LEAF_FRAMES * PAGE_SIZE + 8, 0x1122334455667788ULL);
	ck_assert_uint_eq(mem_read_u64(&w.m, (u64)LEAF_FRAMES * PAGE_SIZE + 8), 0x1122334455667788ULL);
	ck_assert_uint_eq(mem_read_u32(&w.m, (u64)LEAF_FRAMES * PAGE_SIZE + 12), 0x11223344);
	mem_write_u32(&w.m, (u64)LEAF_FRAMES * PAGE_SIZE + 8, 0xaabbccdd);
	ck_assert_uint_eq(mem_ro(&w.m, LEAF_FRAMES)[8], 0xdd);
	ck_assert_uint_eq(mem_read_u64(&w.m, 0), 0);
	mem_write_u64(&w.m, 0, 1);
	teardown(&w);
}
END_TEST

START_TEST(fork_shares_and_separates)
{
	struct world w;
	struct mem child;
	u64 h;

	setup(&w, 1, 600);
	put(&w.m, 1, 1);
	put(&w.m, 2, 2);
	put(&w.m, 600, 3);
	ck_assert_uint_eq(w.pool.live, 3);
	ck_assert_int_eq(mem_init(&child, &w.pool, LIMIT), 0);
	ck_assert_int_eq(mem_fork(&child, &w.m), 0);
	ck_assert_uint_eq(w.pool.live, 3);
	h = mem_hash(&w.m, 0);
	ck_assert_uint_eq(mem_hash(&child, 0), h);
	ck_assert_uint_eq(mem_count(&child), 600);
	/* Each side sees its own stores only, whoever stores first. */
	put(&child, 1, 0xc1);
	ck_assert_uint_eq(get(&w.m, 1), 1);
	ck_assert_uint_eq(get(&child, 1), 0xc1);
	ck_assert_uint_eq(w.pool.live, 4);
	put(&w.m, 2, 0xd2);
	ck_assert_uint_eq(get(&child, 2), 2);
	ck_assert_uint_eq(get(&w.m, 2), 0xd2);
	put(&w.m, 600, 0xd3);
	put(&child, 600, 0xc3);
	ck_assert_uint_eq(get(&w.m, 600), 0xd3);
	ck_assert_uint_eq(get(&child, 600), 0xc3);
	ck_assert_uint_ne(mem_hash(&w.m, 0), mem_hash(&child, 0));
	/* A frame taken from one stays with the other. */
	mem_remove(&w.m, 3);
	ck_assert_ptr_nonnull(mem_frame(&child, 3));
	mem_remove(&child, 1);
	ck_assert_uint_eq(get(&w.m, 1), 1);
	/* A child outlives its parent's stores, and the parent its child. */
	mem_free(&child);
	ck_assert_uint_eq(get(&w.m, 2), 0xd2);
	ck_assert_uint_eq(w.pool.live, 3);
	teardown(&w);
}
END_TEST

START_TEST(fork_of_a_fork)
{
	struct world w;
	struct mem g[6];
	u32 i;

	setup(&w, 1, 4);
	put(&w.m, 1, 100);
	for (i = 0; i < ARRAY_SIZE(g); i++) {
		ck_assert_int_eq(mem_init(&g[i], &w.pool, LIMIT), 0);
		ck_assert_int_eq(mem_fork(&g[i], i ? &g[i - 1] : &w.m), 0);
		put(&g[i], 2, (u8)i);
	}
	for (i = 0; i < ARRAY_SIZE(g); i++) {
		ck_assert_uint_eq(get(&g[i], 1), 100);
		ck_assert_uint_eq(get(&g[i], 2), i);
	}
	/* 1 once, 2 in each but the first. */
	ck_assert_uint_eq(w.pool.live, 1 + ARRAY_SIZE(g));
	mem_free(&g[2]);
	ck_assert_uint_eq(get(&g[3], 2), 3);
	mem_free(&g[0]);
	mem_free(&g[5]);
	mem_free(&g[1]);
	mem_free(&g[4]);
	mem_free(&g[3]);
	ck_assert_uint_eq(get(&w.m, 2), 0);
	teardown(&w);
}
END_TEST

START_TEST(fork_wants_the_same_size)
{
	struct world w;
	struct mem child;

	setup(&w, 1, 1);
	ck_assert_int_eq(mem_init(&child, &w.pool, LIMIT + 1), 0);
	ck_assert_int_eq(mem_fork(&child, &w.m), -EINVAL);
	mem_free(&child);
	teardown(&w);
}
END_TEST

START_TEST(dirty_list)
{
	struct world w;

	setup(&w, 1, 5);
	ck_assert_uint_eq(w.m.ndirty, 5); /* what was added is news */
	mem_clear_dirty(&w.m);
	ck_assert_uint_eq(w.m.ndirty, 0);
	ck_assert(!mem_is_private_dirty(&w.m, 2));
	put(&w.m, 2, 1);
	put(&w.m, 2, 2);
	put(&w.m, 4, 1);
	ck_assert_uint_eq(w.m.ndirty, 2);
	ck_assert_uint_eq(listed(&w.m, 2), 1);
	ck_assert_uint_eq(listed(&w.m, 4), 1);
	ck_assert(mem_is_private_dirty(&w.m, 2));
	mem_clear_dirty(&w.m);
	ck_assert(!mem_is_private_dirty(&w.m, 2));
	put(&w.m, 2, 3);
	ck_assert_uint_eq(w.m.ndirty, 1);
	mem_remove(&w.m, 5);
	ck_assert_uint_eq(listed(&w.m, 5), 1);
	/* Reading is no news. */
	get(&w.m, 1);
	ck_assert_uint_eq(w.m.ndirty, 2);
	teardown(&w);
}
END_TEST

/* Parent and child each list their own stores, each frame once, whatever the other did before. */
START_TEST(dirty_lists_of_a_fork)
{
	struct world w;
	struct mem child;

	setup(&w, 1, 5);
	put(&w.m, 1, 1);
	ck_assert_int_eq(mem_init(&child, &w.pool, LIMIT), 0);
	ck_assert_int_eq(mem_fork(&child, &w.m), 0);
	ck_assert_uint_eq(child.ndirty, 0);
	/* The parent leaves the shared leaf, and the child keeps it. */
	put(&w.m, 1, 2);
	ck_assert_uint_eq(listed(&w.m, 1), 1);
	put(&child, 1, 3);
	put(&child, 3, 3);
	put(&child, 3, 4);
	ck_assert_uint_eq(listed(&child, 1), 1);
	ck_assert_uint_eq(listed(&child, 3), 1);
	ck_assert_uint_eq(child.ndirty, 2);
	mem_clear_dirty(&w.m);
	put(&w.m, 4, 5);
	ck_assert_uint_eq(w.m.ndirty, 1);
	ck_assert_uint_eq(listed(&w.m, 4), 1);
	mem_free(&child);
	teardown(&w);
}
END_TEST

START_TEST(dirty_list_after_a_child_died)
{
	struct world w;
	struct mem child;

	setup(&w, 1, 3);
	ck_assert_int_eq(mem_init(&child, &w.pool, LIMIT), 0);
	ck_assert_int_eq(mem_fork(&child, &w.m), 0);
	mem_clear_dirty(&w.m); /* while the leaf is shared */
	mem_free(&child);
	put(&w.m, 2, 1);
	ck_assert_uint_eq(listed(&w.m, 2), 1);
	teardown(&w);
}
END_TEST

START_TEST(dirty_list_after_the_parent_died)
{
	struct world w;
	struct mem child;

	setup(&w, 1, 3);
	put(&w.m, 2, 1);
	ck_assert_int_eq(mem_init(&child, &w.pool, LIMIT), 0);
	ck_assert_int_eq(mem_fork(&child, &w.m), 0);
	mem_free(&w.m);
	put(&child, 2, 2);
	ck_assert_uint_eq(listed(&child, 2), 1);
	mem_free(&child);
	ck_assert_uint_eq(w.pool.live, 0);
	frame_pool_free(&w.pool);
}
END_TEST

/* What one memory's caches know of a frame is not forgotten because the other one stores to it. */
START_TEST(watches_of_a_fork)
{
	struct world w;
	struct mem child;

	setup(&w, 1, 3);
	put(&w.m, 2, 1);
	*mem_watch(&w.m, 2) |= WATCH_ROOT | WATCH_RO_CACHED;
	*mem_watch(&w.m, 3) |= WATCH_LEAF;
	ck_assert_int_eq(mem_init(&child, &w.pool, LIMIT), 0);
	ck_assert_int_eq(mem_fork(&child, &w.m), 0);
	put(&child, 2, 2);
	mem_remove(&child, 3);
	ck_assert_uint_eq(*mem_watch(&w.m, 2), WATCH_ROOT | WATCH_RO_CACHED);
	ck_assert_uint_eq(*mem_watch(&w.m, 3), WATCH_LEAF);
	mem_free(&child);
	teardown(&w);
}
END_TEST

START_TEST(hash_of_contents)
{
	struct world a, b;
	u64 h;

	setup(&a, 1, 4);
	setup(&b, 1, 4);
	h = mem_hash(&a.m, HASH_SEED);
	ck_assert_uint_eq(mem_hash(&b.m, HASH_SEED), h);
	put(&a.m, 3, 9);
	ck_assert_uint_ne(mem_hash(&a.m, HASH_SEED), h);
	/* Zeros that were written are zeros. */
	put(&a.m, 3, 0);
	ck_assert_ptr_ne(mem_frame(&a.m, 3), a.pool.zero);
	ck_assert_uint_eq(mem_hash(&a.m, HASH_SEED), h);
	/* The same bytes in another frame are another memory, and so is one frame more. */
	put(&a.m, 2, 9);
	put(&b.m, 3, 9);
	ck_assert_uint_ne(mem_hash(&a.m, HASH_SEED), mem_hash(&b.m, HASH_SEED));
	put(&a.m, 3, 9);
	put(&b.m, 2, 9);
	ck_assert_uint_eq(mem_hash(&a.m, HASH_SEED), mem_hash(&b.m, HASH_SEED));
	ck_assert_int_eq(mem_add(&b.m, 5), 0);
	ck_assert_uint_ne(mem_hash(&a.m, HASH_SEED), mem_hash(&b.m, HASH_SEED));
	teardown(&a);
	teardown(&b);
}
END_TEST

START_TEST(short_of_memory)
{
	struct world w;
	struct mem child;

	setup(&w, 1, 4);
	w.pool.limit = 2;
	put(&w.m, 1, 1);
	put(&w.m, 2, 2);
	ck_assert_ptr_null(mem_rw(&w.m, 3, 0, 1));
	ck_assert_int_eq(mem_write(&w.m, 3 * PAGE_SIZE, "x", 1), -EFAULT);
	ck_assert_uint_eq(get(&w.m, 3), 0);
	put(&w.m, 1, 5); /* what is there already stays writable */
	ck_assert_int_eq(mem_init(&child, &w.pool, LIMIT), 0);
	ck_assert_int_eq(mem_fork(&child, &w.m), 0);
	ck_assert_ptr_null(mem_rw(&child, 1, 0, 1));
	ck_assert_uint_eq(get(&child, 1), 5);
	mem_free(&child);
	ck_assert_uint_eq(w.pool.live, 2);
	mem_remove(&w.m, 1);
	put(&w.m, 3, 3);
	teardown(&w);
}
END_TEST

/* Many frames of zeros at once: whole leaves are one, until somebody writes. */
START_TEST(zeros_in_bulk)
{
	struct world w;
	struct mem other;
	u64 hash;

	setup(&w, 0, 0);
	ck_assert_int_eq(mem_add_zeros(&w.m, 7, 2 * LEAF_FRAMES + 5), 0);
	ck_assert_uint_eq(mem_count(&w.m), 2 * LEAF_FRAMES + 5);
	ck_assert_ptr_null(mem_frame(&w.m, 6));
	ck_assert_ptr_null(mem_frame(&w.m, 2 * LEAF_FRAMES + 12));
	ck_assert_uint_eq(w.pool.live, 0);
	ck_assert_int_eq(mem_add_zeros(&w.m, 6, 3), -EEXIST);
	ck_assert_int_eq(mem_add_zeros(&w.m, LIMIT - 1, 2), -EINVAL);
	ck_assert_int_eq(mem_add_zeros(&w.m, 9, UINT64_MAX), -EINVAL);
	/* The same as one by one. */
	hash = mem_hash(&w.m, HASH_SEED);
	ck_assert_int_eq(mem_init(&other, &w.pool, LIMIT), 0);
	{
		u64 i;

		ck_assert_int_eq(mem_add(&other, 6), 0);
		for (i = 7; i < 2 * LEAF_FRAMES + 12; i++)
			ck_assert_int_eq(mem_add(&other, i), 0);
	}
	ck_assert_uint_eq(mem_hash(&other, HASH_SEED), hash);
	mem_free(&other);
	/* A store is seen in its frame and no other, and is listed. */
	put(&w.m, LEAF_FRAMES + 3, 0x33);
	ck_assert_uint_eq(get(&w.m, LEAF_FRAMES + 3), 0x33);
	ck_assert_uint_eq(get(&w.m, 3 + 7), 0);
	ck_assert_uint_eq(listed(&w.m, LEAF_FRAMES + 3), 1);
	ck_assert(mem_is_private_dirty(&w.m, LEAF_FRAMES + 3));
	ck_assert(!mem_is_private_dirty(&w.m, LEAF_FRAMES + 4));
	mem_remove(&w.m, LEAF_FRAMES + 4);
	ck_assert_ptr_null(mem_frame(&w.m, LEAF_FRAMES + 4));
	teardown(&w);
	/* Two leaves that are one: the second to be written is the memory's own then. */
	setup(&w, 0, 0);
	ck_assert_int_eq(mem_add_zeros(&w.m, 0, 2 * LEAF_FRAMES), 0);
	ck_assert_int_eq(mem_init(&other, &w.pool, LIMIT), 0);
	ck_assert_int_eq(mem_fork(&other, &w.m), 0);
	put(&w.m, 1, 1);
	put(&w.m, LEAF_FRAMES + 1, 2);
	put(&other, LEAF_FRAMES + 1, 3);
	ck_assert_uint_eq(get(&w.m, 1), 1);
	ck_assert_uint_eq(get(&w.m, LEAF_FRAMES + 1), 2);
	ck_assert_uint_eq(get(&other, 1), 0);
	ck_assert_uint_eq(get(&other, LEAF_FRAMES + 1), 3);
	mem_free(&other);
	teardown(&w);
}
END_TEST

/* A series reads as if it had been written, whoever looks first, and costs nothing before. */
START_TEST(series)
{
	static const u64 looks[] = { 0, 1, LEAF_FRAMES, 2 * LEAF_FRAMES - 1, 2 * LEAF_FRAMES, 2 * LEAF_FRAMES + 99 };
	u32 word, i;

	for (word = 4; word <= 8; word += 4) {
		struct world w;
		struct mem other;
		u64 per = PAGE_SIZE / word, hash, live, mfn;

		setup(&w, 0, 0);
		ck_assert_int_eq(mem_add_series(&w.m, 1, 100, 0, word), -EINVAL);
		ck_assert_int_eq(mem_add_zeros(&w.m, 0, 2 * LEAF_FRAMES + 100), 0);
		ck_assert_int_eq(mem_add_series(&w.m, 1, 2 * LEAF_FRAMES + 99, 1000, word), 0);
		live = w.pool.live;
		ck_assert_uint_eq(live, LEAF_FRAMES - 1 + 100);
		ck_assert(mem_waits(&w.m, LEAF_FRAMES) && !mem_waits(&w.m, LEAF_FRAMES - 1));
		ck_assert_uint_eq(mem_count(&w.m), 2 * LEAF_FRAMES + 100);
		hash = mem_hash(&w.m, HASH_SEED);
		ck_assert_uint_eq(w.pool.live, live);
		ck_assert_int_eq(mem_init(&other, &w.pool, LIMIT), 0);
		ck_assert_int_eq(mem_fork(&other, &w.m), 0);
		for (i = 0; i < ARRAY_SIZE(looks); i++) {
			mfn = looks[i];
			ck_assert_uint_eq(word == 8 ? mem_read_u64(&w.m, (mfn << 12) + 80) : mem_read_u32(&w.m, (mfn << 12) + 40),
					  mfn ? 1000 + (mfn - 1) * per + 10 : 0);
		}
		ck_assert(!mem_waits(&w.m, LEAF_FRAMES) && mem_waits(&other, LEAF_FRAMES));
		ck_assert_uint_eq(mem_hash(&w.m, HASH_SEED), hash);
		/* The fork makes its own when it looks; a second series is written at once. */
		put(&w.m, LEAF_FRAMES + 2, 0xff);
		ck_assert_uint_ne(mem_hash(&w.m, HASH_SEED), hash);
		ck_assert_uint_eq(mem_hash(&other, HASH_SEED), hash);
		ck_assert_uint_ne(get(&other, LEAF_FRAMES + 2), 0xff);
		ck_assert_uint_eq(mem_hash(&other, HASH_SEED), hash);
		ck_assert_int_eq(mem_add_series(&other, LEAF_FRAMES, LEAF_FRAMES, 5, word), 0);
		ck_assert(!mem_waits(&other, LEAF_FRAMES));
		ck_assert_uint_eq(mem_read_u32(&other, (u64)LEAF_FRAMES << 12), 5);
		mem_free(&other);
		/* Short of memory: the frame is not there, and later it is. */
		ck_assert_int_eq(mem_init(&other, &w.pool, LIMIT), 0);
		ck_assert_int_eq(mem_add_zeros(&other, 0, LEAF_FRAMES), 0);
		ck_assert_int_eq(mem_add_series(&other, 0, LEAF_FRAMES, 7, word), 0);
		live = w.pool.live;
		w.pool.limit = live + 100;
		ck_assert_ptr_null(mem_ro(&other, 3));
		ck_assert_uint_eq(w.pool.live, live);
		w.pool.limit = 0;
		ck_assert_uint_eq(mem_read_u32(&other, 0), 7);
		mem_free(&other);
		teardown(&w);
	}
}
END_TEST

Suite *frames_suite(void)
{
	Suite *s = suite_create("frames");
	TCase *t = tcase_create("frames");

	tcase_add_test(t, frames_come_and_go);
	tcase_add_test(t, aliases_share_the_frame);
	tcase_add_test(t, bytes_across_frames);
	tcase_add_test(t, fork_shares_and_separates);
	tcase_add_test(t, fork_of_a_fork);
	tcase_add_test(t, fork_wants_the_same_size);
	tcase_add_test(t, dirty_list);
	tcase_add_test(t, dirty_lists_of_a_fork);
	tcase_add_test(t, dirty_list_after_a_child_died);
	tcase_add_test(t, dirty_list_after_the_parent_died);
	tcase_add_test(t, watches_of_a_fork);
	tcase_add_test(t, hash_of_contents);
	tcase_add_test(t, short_of_memory);
	tcase_add_test(t, zeros_in_bulk);
	tcase_add_test(t, series);
	suite_add_tcase(s, t);
	return s;
}
