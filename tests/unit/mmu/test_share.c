/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames that several memories write (mem_share()): each sees the others' stores, and so do its code, its page tables, its dirty
 * list and its observers; forks, and users that go in any order.
 */
#include <errno.h>

#include "base/hash.h"
#include "cpu/x86/decode.h"
#include "hw/bare.h"
#include "mmu/look.h"
#include "tests/suites.h"
#include "tests/unit/bare.h"
#include "vm/x86.h"

#define LIMIT (2 * LEAF_FRAMES)
#define AT(mfn) ((u64)(mfn) << PAGE_SHIFT)

/* Memories a and b of one pool, with an MMU each, translation off. a has frames 1 to 4, b has 11 to 14. */
struct pair {
	struct frame_pool pool;
	struct mem a, b;
	struct mmu *ma, *mb;
};

static struct mmu *mmu_new(struct mem *m)
{
	struct mmu *u = malloc(sizeof *u);

	ck_assert_ptr_nonnull(u);
	ck_assert_int_eq(mmu_init(u, m, &mmu_flat, NULL), 0);
	return u;
}

static void mmu_done(struct mmu *u)
{
	mmu_exit(u);
	free(u);
}

static void begin(struct pair *p)
{
	u32 i;

	ck_assert_int_eq(frame_pool_init(&p->pool), 0);
	ck_assert_int_eq(mem_init(&p->a, &p->pool, LIMIT), 0);
	ck_assert_int_eq(mem_init(&p->b, &p->pool, LIMIT), 0);
	for (i = 1; i < 5; i++) {
		ck_assert_int_eq(mem_add(&p->a, i), 0);
		ck_assert_int_eq(mem_add(&p->b, 10 + i), 0);
	}
	p->ma = mmu_new(&p->a);
	p->mb = mmu_new(&p->b);
}

static void end(struct pair *p)
{
	mmu_done(p->ma);
	mmu_done(p->mb);
	mem_free(&p->a);
	mem_free(&p->b);
	ck_assert_uint_eq(p->pool.live, 0);
	frame_pool_free(&p->pool);
}

/* As a CPU stores and loads. */
static void store(struct mmu *u, u64 at, u8 v)
{
	struct mmu_fault f;

	quick_eq(mmu_write(u, at, &v, 1, &f), 0);
}

static u8 load(struct mmu *u, u64 at)
{
	struct mmu_fault f;
	u8 v = 0;

	quick_eq(mmu_read(u, at, &v, 1, &f), 0);
	return v;
}

static u8 peek(const struct mem *m, u64 mfn)
{
	const u8 *p = mem_ro(m, mfn);

	quick(p != NULL);
	return p[0];
}

static u32 listed(const struct mem *m, u64 mfn)
{
	u32 i, n = 0;

	for (i = 0; i < m->ndirty; i++)
		n += m->dirty[i] == mfn;
	return n;
}

/* ---- data ---------------------------------------------------------------------------------------------------------- */

START_TEST(both_ways)
{
	struct pair p;
	u64 mfn;

	begin(&p);
	/* a writes it the fast way; b shares it, and nobody has the fast way any more. */
	store(p.ma, AT(1), 0x11);
	ck_assert_ptr_nonnull(mmu_hit_write(p.ma, AT(1), 1));
	ck_assert_int_eq(mem_share(&p.b, 700, &p.a, 1), 0);
	ck_assert_ptr_null(mmu_hit_write(p.ma, AT(1), 1));
	ck_assert_ptr_eq(mem_frame(&p.a, 1), mem_frame(&p.b, 700));
	ck_assert_uint_eq(load(p.mb, AT(700)), 0x11);
	store(p.ma, AT(1), 0x22);
	ck_assert_ptr_null(mmu_hit_write(p.ma, AT(1), 1));
	ck_assert_uint_eq(load(p.mb, AT(700)), 0x22);
	store(p.mb, AT(700), 0x33);
	ck_assert_ptr_null(mmu_hit_write(p.mb, AT(700), 1));
	ck_assert_uint_eq(load(p.ma, AT(1)), 0x33);
	/* The other ways to write. */
	ck_assert_int_eq(mem_write(&p.a, AT(1), "\x44", 1), 0);
	ck_assert_uint_eq(load(p.mb, AT(700)), 0x44);
	mem_write_u64(&p.b, AT(700), 0x55);
	ck_assert_uint_eq(load(p.ma, AT(1)), 0x55);
	mem_write_u32(&p.b, AT(700), 0x66);
	ck_assert_uint_eq(peek(&p.a, 1), 0x66);
	memset(mem_rw(&p.a, 1, 0, PAGE_SIZE), 0, PAGE_SIZE); /* as frames are cleared */
	ck_assert_uint_eq(load(p.mb, AT(700)), 0);
	ck_assert_int_eq(mem_add_series(&p.b, 700, 1, 0x77, 8), 0);
	ck_assert_uint_eq(load(p.ma, AT(1)), 0x77);
	/* A third number, in a memory that has it already. */
	ck_assert_int_eq(mem_share(&p.a, 600, &p.b, 700), 0);
	store(p.ma, AT(600), 0x88);
	ck_assert_uint_eq(load(p.ma, AT(1)), 0x88);
	ck_assert_uint_eq(load(p.mb, AT(700)), 0x88);
	ck_assert_uint_eq(p.pool.live, 1);
	ck_assert(mem_shared_at(&p.b, mem_frame(&p.a, 1), &mfn));
	ck_assert_uint_eq(mfn, 700);
	ck_assert(!mem_shared_at(&p.b, mem_frame(&p.b, 11), &mfn));
	end(&p);
}
END_TEST

START_TEST(errors)
{
	struct frame_pool pool;
	struct mem other;
	struct pair p;

	begin(&p);
	ck_assert_int_eq(frame_pool_init(&pool), 0);
	ck_assert_int_eq(mem_init(&other, &pool, LIMIT), 0);
	ck_assert_int_eq(mem_add(&other, 1), 0);
	ck_assert_int_eq(mem_share(&p.b, 700, &p.a, 9), -EINVAL);
	ck_assert_int_eq(mem_share(&p.b, 700, &p.a, LIMIT), -EINVAL);
	ck_assert_int_eq(mem_share(&p.b, LIMIT, &p.a, 1), -EINVAL);
	ck_assert_int_eq(mem_share(&p.b, 700, &other, 1), -EINVAL);
	ck_assert_int_eq(mem_share(&p.b, 11, &p.a, 1), -EEXIST);
	ck_assert_int_eq(mem_share(&p.a, 1, &p.a, 1), -EEXIST);
	/* A copy-on-write alias of a shared frame would not be one. */
	ck_assert_int_eq(mem_share(&p.b, 700, &p.a, 1), 0);
	ck_assert_int_eq(mem_alias(&p.b, 701, mem_frame(&p.a, 1)), -EINVAL);
	/* a wants a frame of its own first, and there is none. */
	p.pool.limit = p.pool.live;
	ck_assert_int_eq(mem_share(&p.b, 701, &p.a, 2), -ENOMEM);
	ck_assert_ptr_eq(mem_frame(&p.a, 2), p.pool.zero);
	ck_assert_ptr_null(mem_frame(&p.b, 701));
	/* One that is shared already wants none. */
	ck_assert_int_eq(mem_share(&p.b, 702, &p.a, 1), 0);
	mem_free(&other);
	frame_pool_free(&pool);
	end(&p);
}
END_TEST

/* In the page of zeros, and in a leaf or a frame that a fork has, too, there is nothing that could be shared: the sharer's alone is. */
START_TEST(out_of_what_forks_share)
{
	struct mem child;
	struct pair p;

	begin(&p);
	ck_assert_int_eq(mem_add_zeros(&p.b, LEAF_FRAMES, LEAF_FRAMES), 0);
	store(p.ma, AT(1), 0x11);
	ck_assert_int_eq(mem_init(&child, &p.pool, LIMIT), 0);
	ck_assert_int_eq(mem_fork(&child, &p.a), 0);
	ck_assert_int_eq(mem_share(&p.b, 1, &p.a, 1), 0);
	ck_assert_int_eq(mem_share(&p.a, 700, &p.b, 512), 0);
	store(p.mb, AT(1), 0x22);
	store(p.ma, AT(700), 0x33);
	ck_assert_uint_eq(load(p.ma, AT(1)), 0x22);
	ck_assert_uint_eq(load(p.mb, AT(512)), 0x33);
	ck_assert_uint_eq(peek(&child, 1), 0x11);
	ck_assert_ptr_null(mem_frame(&child, 700));
	ck_assert_uint_eq(peek(&p.a, 2), 0);
	ck_assert_uint_eq(peek(&p.b, 513), 0);
	mem_free(&child);
	ck_assert_uint_eq(load(p.ma, AT(1)), 0x22);
	end(&p);
}
END_TEST

/* ---- who hears of a store -------------------------------------------------------------------------------------------- */

START_TEST(dirty_lists)
{
	struct pair p;
	u32 i;

	begin(&p);
	ck_assert_int_eq(mem_share(&p.b, 700, &p.a, 1), 0);
	ck_assert_uint_eq(listed(&p.b, 700), 1);
	for (i = 0; i < 6; i++) {
		mem_clear_dirty(&p.a);
		mem_clear_dirty(&p.b);
		ck_assert_uint_eq(p.a.ndirty + p.b.ndirty, 0);
		if (i % 3 == 0)
			store(i < 3 ? p.ma : p.mb, i < 3 ? AT(1) : AT(700), (u8)i);
		else if (i % 3 == 1)
			mem_write_u32(i < 3 ? &p.a : &p.b, i < 3 ? AT(1) : AT(700), i);
		else
			ck_assert_ptr_nonnull(mem_unshare(i < 3 ? &p.a : &p.b, i < 3 ? 1 : 700));
		ck_assert_uint_eq(listed(&p.a, 1), 1);
		ck_assert_uint_eq(listed(&p.b, 700), 1);
		ck_assert_uint_eq(p.a.ndirty + p.b.ndirty, 2);
	}
	/* One list that is emptied says nothing about the other. */
	mem_clear_dirty(&p.a);
	store(p.mb, AT(700), 9);
	ck_assert_uint_eq(listed(&p.a, 1), 1);
	ck_assert_uint_eq(listed(&p.b, 700), 1);
	end(&p);
}
END_TEST

START_TEST(observers)
{
	struct mem_look la = { 0 }, lb = { 0 };
	u64 one = 1, there = 700;
	struct pair p;
	u32 i;

	begin(&p);
	ck_assert_int_eq(mem_share(&p.b, 700, &p.a, 1), 0);
	ck_assert_int_eq(mem_look_start(&la, &p.a), 0);
	ck_assert_int_eq(mem_look_start(&lb, &p.b), 0);
	for (i = 0; i < 8; i++) {
		mem_look_seen(&la, &one, 1);
		mem_look_seen(&lb, &there, 1);
		ck_assert(!mem_look_new(&la, 1) && !mem_look_new(&lb, 700));
		load(p.ma, AT(1));
		load(p.mb, AT(700));
		ck_assert(!mem_look_new(&la, 1) && !mem_look_new(&lb, 700));
		if (i & 1)
			store(i & 2 ? p.ma : p.mb, i & 2 ? AT(1) : AT(700), (u8)i);
		else
			mem_write_u32(i & 2 ? &p.a : &p.b, i & 2 ? AT(1) : AT(700), i);
		ck_assert(mem_look_new(&la, 1) && mem_look_new(&lb, 700));
	}
	mem_look_stop(&la);
	mem_look_stop(&lb);
	end(&p);
}
END_TEST

/* A line that a CPU of a watches by MONITOR. */
START_TEST(monitored)
{
	struct pair p;

	begin(&p);
	ck_assert_int_eq(mem_share(&p.b, 700, &p.a, 1), 0);
	mmu_monitor(p.ma, AT(1) + 0x80);
	store(p.mb, AT(700) + 0x7f, 1);
	store(p.mb, AT(700) + 0xc0, 1);
	ck_assert_uint_eq(p.a.monitors, 1);
	store(p.mb, AT(700) + 0xbf, 1);
	ck_assert_uint_eq(p.a.monitors, 0);
	end(&p);
}
END_TEST

/* ---- code ------------------------------------------------------------------------------------------------------------ */

/* Real-mode code at 0000:7C00. */
static struct domain *machine(struct host *h, const void *code, size_t n)
{
	struct bare_config cfg = { .image = code, .len = n, .boot = BARE_BOOT, .memory = 1 << 20 };
	struct error e = { 0 };
	struct domain *d = bare_create(h, "share", &cfg, &e);

	ck_assert_ptr_nonnull(d);
	return d;
}

static u32 al(struct domain *d)
{
	return x86_of(d->vcpus[0])->r[RAX] & 0xff;
}

/* A block that one machine decoded in a shared frame dies when the other stores to it, and both run what is there now. */
START_TEST(code)
{
	static const u8 caller[] = { 0x9a, 0, 0, 0, 0x20, 0xeb, 0xf9 }; /* CALL 2000:0; JMP to it */
	static const u8 writer[] = { 0xb8, 0, 0x20, 0x8e, 0xd8, 0xc6, 0x06, 1, 0, 0x22, 0xeb, 0xf9 }; /* DS=2000; L: [1]=22; JMP L */
	struct domain *a, *b, *c;
	struct host h;

	ck_assert_int_eq(host_init(&h, &x86_arch, 0), 0);
	a = machine(&h, caller, sizeof caller);
	b = machine(&h, writer, sizeof writer);
	c = machine(&h, caller, sizeof caller);
	ck_assert_int_eq(mem_write(&a->mem, 0x20000, "\xb0\x11\xcb", 3), 0); /* MOV AL, 11; RETF */
	mem_remove(&b->mem, 0x20);
	mem_remove(&c->mem, 0x20);
	ck_assert_int_eq(mem_share(&b->mem, 0x20, &a->mem, 0x20), 0);
	ck_assert_int_eq(mem_share(&c->mem, 0x20, &b->mem, 0x20), 0);
	x86_run(x86_of(a->vcpus[0]), 40);
	x86_run(x86_of(c->vcpus[0]), 40);
	ck_assert_uint_eq(al(a), 0x11);
	ck_assert_uint_eq(al(c), 0x11);
	ck_assert_ptr_nonnull(mem_frame(&a->mem, 0x20)->code);
	x86_run(x86_of(b->vcpus[0]), 4);
	x86_run(x86_of(a->vcpus[0]), 4);
	x86_run(x86_of(c->vcpus[0]), 4);
	ck_assert_uint_eq(al(a), 0x22);
	ck_assert_uint_eq(al(c), 0x22);
	/* The host writes for one of them. */
	ck_assert_int_eq(mem_write(&c->mem, 0x20001, "\x33", 1), 0);
	x86_run(x86_of(a->vcpus[0]), 4);
	ck_assert_uint_eq(al(a), 0x33);
	/* ... and again by a CPU whose memory decoded nothing. */
	x86_run(x86_of(b->vcpus[0]), 8);
	x86_run(x86_of(a->vcpus[0]), 4);
	x86_run(x86_of(c->vcpus[0]), 4);
	ck_assert_uint_eq(al(a), 0x22);
	ck_assert_uint_eq(al(c), 0x22);
	domain_destroy(a);
	x86_run(x86_of(c->vcpus[0]), 4);
	ck_assert_uint_eq(al(c), 0x22);
	domain_destroy(b);
	/* Alone, it is a frame like others. */
	ck_assert_int_eq(mem_write(&c->mem, 0x20001, "\x44", 1), 0);
	x86_run(x86_of(c->vcpus[0]), 4);
	ck_assert_uint_eq(al(c), 0x44);
	host_exit(&h);
}
END_TEST

/* A memory that has no hooks stores to code of one that has. */
START_TEST(code_of_another)
{
	struct bare *a = bare_new(0);
	struct mem b;

	ck_assert_int_eq(mem_init(&b, &a->pool, LIMIT), 0);
	ck_assert_int_eq(mem_share(&b, 5, &a->mem, BARE_CODE >> 12), 0);
	BARE_CODE_AT(a, BARE_CODE, 0xb0, 0x11, 0xeb, 0xfc); /* MOV AL, 11; JMP to it */
	x86_run(&a->cpu, 10);
	ck_assert_uint_eq(a->cpu.r[RAX] & 0xff, 0x11);
	ck_assert_ptr_nonnull(mem_frame(&a->mem, BARE_CODE >> 12)->code);
	ck_assert_int_eq(mem_write(&b, AT(5) + 1, "\x22", 1), 0);
	x86_run(&a->cpu, 2);
	ck_assert_uint_eq(a->cpu.r[RAX] & 0xff, 0x22);
	mem_free(&b);
	bare_free(a);
}
END_TEST

/* ---- page tables ----------------------------------------------------------------------------------------------------- */

#define VA 0x400000ULL
#define P 0x10u
#define Q 0x11u
#define ALT 0x300u /* frames of the other tables */

/* a's TLB drops what it derived from a shared table, of whatever level, when b stores to it. */
START_TEST(tables)
{
	struct bare *a = bare_new(0);
	struct mmu *u = &a->cpu.mmu;
	u64 table[4], slot[4], to[4], from[4];
	struct mem b;
	u32 i;

	bare_map(a, VA, P, PTE_P | PTE_W);
	bare_map(a, VA + 0x1000, P + 2, PTE_P | PTE_W);
	ck_assert_int_eq(mem_init(&b, &a->pool, BARE_FRAMES), 0);
	mem_write_u32(&a->mem, AT(P), 0x50);
	mem_write_u32(&a->mem, AT(Q), 0x51);
	mem_write_u32(&a->mem, AT(P + 2), 0x52);
	for (i = 0; i < 4; i++) {
		table[i] = i ? PTE_MFN(from[i - 1]) : BARE_TABLES;
		slot[i] = AT(table[i]) + (VA >> (39 - 9 * i) & 511) * 8;
		from[i] = mem_read_u64(&a->mem, slot[i]);
		to[i] = i < 3 ? AT(ALT + i + 1) | (from[i] & 0xfff) : AT(Q) | PTE_P | PTE_W;
	}
	/* Tables in which VA leads to Q. */
	for (i = 1; i < 4; i++)
		mem_write_u64(&a->mem, AT(ALT + i) + PAGE_OFFSET(slot[i]), to[i]);
	bare_paging(a);
	for (i = 0; i < 4; i++)
		ck_assert_int_eq(mem_share(&b, 100 + i, &a->mem, table[i]), 0);
	for (i = 0; i < 4; i++) {
		u64 at = AT(100 + i) + PAGE_OFFSET(slot[i]);
		u32 round;

		for (round = 0; round < 20; round++) {
			ck_assert_uint_eq(load(u, VA), 0x50);
			ck_assert_ptr_nonnull(mmu_hit_read(u, VA, 1));
			ck_assert_uint_eq(load(u, VA + 0x1000), 0x52);
			mem_write_u64(&b, at, to[i]);
			ck_assert_uint_eq(load(u, VA), 0x51);
			mem_write_u64(&b, at, from[i]);
		}
		/* The whole table at once: nothing is there. */
		memset(mem_rw(&b, 100 + i, 0, PAGE_SIZE), 0, PAGE_SIZE);
		ck_assert(mmu_read(u, VA, &round, 1, &(struct mmu_fault){ 0 }));
		ck_assert_ptr_null(mmu_hit_read(u, VA, 1));
		mem_write_u64(&b, at, from[i]);
		if (i == 3)
			mem_write_u64(&b, at + 8, AT(P + 2) | PTE_P);
	}
	mem_free(&b);
	ck_assert_uint_eq(load(u, VA), 0x50);
	bare_free(a);
}
END_TEST

/* A and D bits that a's walks set are b's, too, and b hears of them. */
START_TEST(accessed_and_dirty)
{
	struct bare *a = bare_new(0);
	struct mem_look l = { 0 };
	u64 at, seen = 5;
	struct mem b;

	bare_map(a, VA, P, PTE_P | PTE_W);
	at = bare_pte(a, VA);
	ck_assert_int_eq(mem_init(&b, &a->pool, LIMIT), 0);
	ck_assert_int_eq(mem_share(&b, 5, &a->mem, at >> 12), 0);
	ck_assert_int_eq(mem_look_start(&l, &b), 0);
	bare_paging(a);
	mem_look_seen(&l, &seen, 1);
	mem_clear_dirty(&b);
	load(&a->cpu.mmu, VA);
	ck_assert_uint_eq(mem_read_u64(&b, AT(5) + PAGE_OFFSET(at)), AT(P) | PTE_P | PTE_W | PTE_A);
	ck_assert(mem_look_new(&l, 5));
	ck_assert_uint_eq(listed(&b, 5), 1);
	mem_look_seen(&l, &seen, 1);
	mem_clear_dirty(&b);
	store(&a->cpu.mmu, VA, 1);
	ck_assert_uint_eq(mem_read_u64(&b, AT(5) + PAGE_OFFSET(at)), AT(P) | PTE_P | PTE_W | PTE_A | PTE_D);
	ck_assert(mem_look_new(&l, 5));
	ck_assert_uint_eq(listed(&b, 5), 1);
	ck_assert_uint_eq(listed(&a->mem, at >> 12), 1);
	mem_free(&b);
	bare_free(a);
}
END_TEST

/* ---- forks, and users that go ----------------------------------------------------------------------------------------- */

START_TEST(forks)
{
	struct mem f[3]; /* of a; of b; of the fork of a */
	struct pair p;
	u32 i;

	begin(&p);
	store(p.ma, AT(1), 0x11);
	store(p.ma, AT(2), 0x12);
	ck_assert_int_eq(mem_share(&p.b, 700, &p.a, 1), 0);
	for (i = 0; i < 3; i++)
		ck_assert_int_eq(mem_init(&f[i], &p.pool, LIMIT), 0);
	ck_assert_int_eq(mem_fork(&f[0], &p.a), 0);
	ck_assert_int_eq(mem_fork(&f[1], &p.b), 0);
	ck_assert_int_eq(mem_fork(&f[2], &f[0]), 0);
	ck_assert_uint_eq(mem_hash(&f[0], HASH_SEED), mem_hash(&p.a, HASH_SEED));
	ck_assert_uint_eq(mem_hash(&f[1], HASH_SEED), mem_hash(&p.b, HASH_SEED));
	/* The sharers go on together; plain frames are the writer's own. */
	store(p.ma, AT(1), 0x21);
	store(p.mb, AT(700), 0x22);
	store(p.ma, AT(2), 0x23);
	ck_assert_uint_eq(load(p.ma, AT(1)), 0x22);
	ck_assert_uint_eq(peek(&f[0], 1), 0x11);
	ck_assert_uint_eq(peek(&f[0], 2), 0x12);
	ck_assert_uint_eq(peek(&f[1], 700), 0x11);
	ck_assert_uint_eq(peek(&f[2], 1), 0x11);
	/* A fork writes for itself alone. */
	mem_write_u32(&f[0], AT(1), 0x31);
	mem_write_u32(&f[1], AT(700), 0x32);
	ck_assert_uint_eq(peek(&p.a, 1), 0x22);
	ck_assert_uint_eq(peek(&p.b, 700), 0x22);
	ck_assert_uint_eq(peek(&f[2], 1), 0x11);
	ck_assert_uint_eq(peek(&f[0], 1), 0x31);
	mem_free(&p.a);
	store(p.mb, AT(700), 0x41);
	ck_assert_uint_eq(peek(&f[1], 700), 0x32);
	ck_assert_uint_eq(peek(&f[2], 1), 0x11);
	for (i = 0; i < 3; i++)
		mem_free(&f[i]);
	mmu_done(p.ma);
	mmu_done(p.mb);
	mem_free(&p.b);
	ck_assert_uint_eq(p.pool.live, 0);
	frame_pool_free(&p.pool);
}
END_TEST

/* A fork wants memory for its copies: when there is none it is not made, and nothing is lost. */
START_TEST(fork_without_memory)
{
	struct mem child;
	struct pair p;
	u64 live, hash;

	begin(&p);
	ck_assert_int_eq(mem_share(&p.b, 700, &p.a, 1), 0);
	ck_assert_int_eq(mem_share(&p.b, 701, &p.a, 2), 0);
	ck_assert_int_eq(mem_add_zeros(&p.a, LEAF_FRAMES, LEAF_FRAMES), 0);
	hash = mem_hash(&p.a, HASH_SEED);
	live = p.pool.live;
	p.pool.limit = live + 1;
	ck_assert_int_eq(mem_init(&child, &p.pool, LIMIT), 0);
	ck_assert_int_eq(mem_fork(&child, &p.a), -ENOMEM);
	ck_assert_uint_eq(mem_count(&child), 0);
	ck_assert_uint_eq(p.pool.live, live);
	ck_assert_uint_eq(mem_hash(&p.a, HASH_SEED), hash);
	p.pool.limit = 0;
	ck_assert_int_eq(mem_fork(&child, &p.a), 0);
	ck_assert_uint_eq(mem_hash(&child, HASH_SEED), hash);
	mem_free(&child);
	end(&p);
}
END_TEST

/* Whoever is left alone with the frame has a plain one: stores are fast, and forks share it until somebody writes. */
START_TEST(last_one)
{
	u32 how;

	for (how = 0; how < 4; how++) {
		struct mem child;
		struct pair p;
		struct mmu *u;
		struct mem *m;
		u64 mfn;

		begin(&p);
		ck_assert_int_eq(mem_share(&p.b, 700, &p.a, 1), 0);
		store(p.mb, AT(700), 0x11);
		m = how & 1 ? &p.a : &p.b;
		u = how & 1 ? p.ma : p.mb;
		mfn = how & 1 ? 1 : 700;
		if (how & 2)
			mem_free(how & 1 ? &p.b : &p.a);
		else
			mem_remove(how & 1 ? &p.b : &p.a, how & 1 ? 700 : 1);
		ck_assert_uint_eq(mem_frame(m, mfn)->share, 0);
		ck_assert_uint_eq(m->root[mfn / LEAF_FRAMES]->shared, 0);
		ck_assert_uint_eq(load(u, AT(mfn)), 0x11);
		store(u, AT(mfn), 0x12);
		ck_assert_ptr_nonnull(mmu_hit_write(u, AT(mfn), 1));
		ck_assert_int_eq(mem_init(&child, &p.pool, LIMIT), 0);
		ck_assert_int_eq(mem_fork(&child, m), 0);
		ck_assert_ptr_eq(mem_frame(&child, mfn), mem_frame(m, mfn));
		store(u, AT(mfn), 0x13);
		ck_assert_uint_eq(load(u, AT(mfn)), 0x13);
		ck_assert_uint_eq(peek(&child, mfn), 0x12);
		/* ... and it can be shared again. */
		if (!(how & 2)) {
			ck_assert_int_eq(mem_share(how & 1 ? &p.b : &p.a, 5, m, mfn), 0);
			store(how & 1 ? p.mb : p.ma, AT(5), 0x14);
			ck_assert_uint_eq(load(u, AT(mfn)), 0x14);
		}
		mem_free(&child);
		mmu_done(p.ma);
		mmu_done(p.mb);
		mem_free(&p.a);
		mem_free(&p.b);
		ck_assert_uint_eq(p.pool.live, 0);
		frame_pool_free(&p.pool);
	}
}
END_TEST

/* Several users in one memory, in one leaf and in two, when all of it goes at once. */
START_TEST(gone_at_once)
{
	struct pair p;

	begin(&p);
	store(p.ma, AT(1), 0x11);
	ck_assert_int_eq(mem_share(&p.a, 9, &p.a, 1), 0);
	ck_assert_int_eq(mem_share(&p.a, 600, &p.a, 9), 0);
	ck_assert_int_eq(mem_share(&p.a, 601, &p.a, 2), 0);
	ck_assert_int_eq(mem_share(&p.a, 10, &p.a, 3), 0);
	ck_assert_uint_eq(p.a.root[0]->shared, 5);
	ck_assert_uint_eq(p.a.root[1]->shared, 2);
	end(&p);
}
END_TEST

/* A series takes the place of leaves with shared frames. */
START_TEST(series_over_it)
{
	struct pair p;

	begin(&p);
	ck_assert_int_eq(mem_add_zeros(&p.b, LEAF_FRAMES, LEAF_FRAMES), 0);
	ck_assert_int_eq(mem_share(&p.a, 9, &p.b, LEAF_FRAMES + 7), 0);
	ck_assert_int_eq(mem_add_series(&p.b, LEAF_FRAMES, LEAF_FRAMES, 0, 8), 0);
	ck_assert_uint_eq(mem_frame(&p.a, 9)->share, 0);
	ck_assert_uint_eq(mem_read_u64(&p.b, AT(LEAF_FRAMES + 7)), 7 * 512);
	ck_assert_uint_eq(mem_read_u64(&p.a, AT(9)), 0);
	/* One that waits is made when it is shared. */
	ck_assert_int_eq(mem_share(&p.a, 10, &p.b, LEAF_FRAMES + 8), 0);
	ck_assert_uint_eq(mem_read_u64(&p.a, AT(10)), 8 * 512);
	end(&p);
}
END_TEST

/* Many records and many users of one. */
START_TEST(many)
{
	struct pair p;
	u32 i;

	begin(&p);
	for (i = 0; i < 100; i++) {
		ck_assert_int_eq(mem_add(&p.a, 100 + i), 0);
		ck_assert_int_eq(mem_share(&p.b, 100 + i, &p.a, 100 + i), 0);
		ck_assert_int_eq(mem_share(&p.b, 600 + i, &p.a, 1), 0);
	}
	for (i = 0; i < 100; i++) {
		store(p.ma, AT(100 + i), (u8)(i + 1));
		ck_assert_uint_eq(load(p.mb, AT(100 + i)), (u8)(i + 1));
		store(p.mb, AT(600 + i), (u8)(i + 1));
		ck_assert_uint_eq(load(p.ma, AT(1)), (u8)(i + 1));
		ck_assert_uint_eq(load(p.mb, AT(600 + (i * 7) % 100)), (u8)(i + 1));
	}
	for (i = 0; i < 100; i++) {
		mem_remove(i & 1 ? &p.a : &p.b, 100 + i);
		mem_remove(&p.b, 600 + (i * 7) % 100);
	}
	ck_assert_uint_eq(mem_frame(&p.a, 1)->share, 0);
	ck_assert_uint_eq(p.a.root[0]->shared, 0);
	ck_assert_uint_eq(p.b.root[1]->shared, 0);
	end(&p);
}
END_TEST

/* ---- anything at all -------------------------------------------------------------------------------------------------- */

#define MEMS 4u
#define SPOTS 6u
static const u64 spot[SPOTS] = { 1, 2, 3, 512, 600, 1023 };

/* What is to be found: for each place the number of a cell, of which those that share have the same; 0: no frame. */
struct model {
	u32 cell[MEMS][SPOTS];
	u8 value[1 << 16];
	u32 cells;
};

struct zoo {
	struct frame_pool pool;
	struct mem m[MEMS];
	struct mmu *u[MEMS];
	struct mem_look look[MEMS];
	struct model model;
};

static void be_born(struct zoo *z, u32 i)
{
	quick_eq(mem_init(&z->m[i], &z->pool, LIMIT), 0);
	z->u[i] = mmu_new(&z->m[i]);
	quick_eq(mem_look_start(&z->look[i], &z->m[i]), 0);
}

static void die(struct zoo *z, u32 i)
{
	mmu_done(z->u[i]);
	mem_look_stop(&z->look[i]);
	mem_free(&z->m[i]);
	memset(z->model.cell[i], 0, sizeof z->model.cell[i]);
}

static void write_it(struct zoo *z, u32 i, u32 k, u32 how)
{
	u32 c = z->model.cell[i][k], j, s;
	u8 v = (u8)(how >> 8);

	for (j = 0; j < MEMS; j++) {
		mem_look_seen(&z->look[j], spot, SPOTS);
		mem_clear_dirty(&z->m[j]);
	}
	if (how & 1)
		store(z->u[i], AT(spot[k]), v);
	else
		quick_eq(mem_write(&z->m[i], AT(spot[k]), &v, 1), 0);
	z->model.value[c] = v;
	for (j = 0; j < MEMS; j++)
		for (s = 0; s < SPOTS; s++) {
			bool it = z->model.cell[j][s] == c;

			quick_eq(mem_look_new(&z->look[j], spot[s]), it);
			quick_eq(listed(&z->m[j], spot[s]), it);
		}
}

static void step(struct zoo *z, u64 *seed)
{
	struct model *t = &z->model;
	u32 r, i, j, k, s;

	*seed += 0x9e3779b97f4a7c15ULL;
	r = (u32)hash_u64(HASH_SEED, *seed);
	i = r % MEMS;
	j = r / MEMS % MEMS;
	k = r / 16 % SPOTS;
	s = r / 128 % SPOTS;
	switch (r >> 24 & 15) {
	case 0:
		if (t->cell[i][k] || t->cells == ARRAY_SIZE(t->value) - SPOTS - 1)
			break;
		quick_eq(mem_add(&z->m[i], spot[k]), 0);
		t->value[t->cell[i][k] = ++t->cells] = 0;
		break;
	case 1:
		mem_remove(&z->m[i], spot[k]);
		t->cell[i][k] = 0;
		break;
	case 2:
	case 3:
	case 4:
		quick_eq(mem_share(&z->m[i], spot[k], &z->m[j], spot[s]), t->cell[j][s] ? t->cell[i][k] ? -EEXIST : 0 : -EINVAL);
		if (!t->cell[i][k])
			t->cell[i][k] = t->cell[j][s];
		break;
	case 5:
		if (i == j || r >> 28 || t->cells >= ARRAY_SIZE(t->value) - SPOTS - 1)
			break;
		die(z, i);
		be_born(z, i);
		quick_eq(mem_fork(&z->m[i], &z->m[j]), 0);
		for (k = 0; k < SPOTS; k++) {
			for (s = 0; t->cell[j][s] != t->cell[j][k]; s++)
				;
			if (t->cell[j][k] && s == k)
				t->value[++t->cells] = t->value[t->cell[j][k]];
			/* What is one frame in the one is one in the other. */
			t->cell[i][k] = !t->cell[j][k] ? 0 : s == k ? t->cells : t->cell[i][s];
		}
		break;
	case 6:
		if (r >> 29)
			break;
		die(z, i);
		be_born(z, i);
		break;
	default:
		if (t->cell[i][k])
			write_it(z, i, k, r);
	}
	for (i = 0; i < MEMS; i++)
		for (k = 0; k < SPOTS; k++) {
			quick_eq(!mem_frame(&z->m[i], spot[k]), !t->cell[i][k]);
			if (t->cell[i][k]) {
				quick_eq(peek(&z->m[i], spot[k]), t->value[t->cell[i][k]]);
				quick_eq(load(z->u[i], AT(spot[k])), t->value[t->cell[i][k]]);
			}
		}
}

START_TEST(any_order)
{
	struct zoo *z = calloc(1, sizeof *z);
	u64 seed = (u64)_i;
	u32 i;

	ck_assert_ptr_nonnull(z);
	ck_assert_int_eq(frame_pool_init(&z->pool), 0);
	for (i = 0; i < MEMS; i++)
		be_born(z, i);
	for (i = 0; i < 4000; i++)
		step(z, &seed);
	ck_assert_uint_gt(z->model.cells, 100);
	for (i = 0; i < MEMS; i++)
		die(z, i);
	ck_assert_uint_eq(z->pool.live, 0);
	frame_pool_free(&z->pool);
	free(z);
}
END_TEST

Suite *share_suite(void)
{
	Suite *s = suite_create("share");
	TCase *t = tcase_create("share");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, both_ways);
	tcase_add_test(t, errors);
	tcase_add_test(t, out_of_what_forks_share);
	tcase_add_test(t, dirty_lists);
	tcase_add_test(t, observers);
	tcase_add_test(t, monitored);
	tcase_add_test(t, code);
	tcase_add_test(t, code_of_another);
	tcase_add_test(t, tables);
	tcase_add_test(t, accessed_and_dirty);
	tcase_add_test(t, forks);
	tcase_add_test(t, fork_without_memory);
	tcase_add_test(t, last_one);
	tcase_add_test(t, gone_at_once);
	tcase_add_test(t, series_over_it);
	tcase_add_test(t, many);
	tcase_add_loop_test(t, any_order, 0, 4);
	suite_add_tcase(s, t);
	return s;
}
