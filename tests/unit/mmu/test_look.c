/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Looking at frames: whatever is written between two looks is found, by whichever way it was written, and neither the
 * guest nor the reader of the dirty list can tell that somebody looks.
 */
#include "base/endian.h"
#include "base/hash.h"
#include "mmu/look.h"
#include "tests/suites.h"
#include "tests/unit/bare.h"

#define PIC 0x40u /* frames of the picture */
#define PICS 8u
#define VA 0x400000u

static void see(struct mem_look *l, u64 first, u64 n)
{
	u64 mfns[64], i;

	for (i = 0; i < n; i++)
		mfns[i] = first + i;
	mem_look_seen(l, mfns, n);
}

/* The new ones of the picture's frames, a bit each. */
static u32 news(const struct mem_look *l)
{
	u32 i, bits = 0;

	for (i = 0; i < PICS; i++)
		bits |= (u32)mem_look_new(l, PIC + i) << i;
	return bits;
}

/* Pages VA + i map the picture; all of them are seen. */
static struct bare *begin(struct mem_look *l)
{
	struct bare *b = bare_new(0);
	u32 i;

	memset(l, 0, sizeof *l);
	for (i = 0; i < PICS; i++)
		bare_map(b, VA + i * 0x1000, PIC + i, PTE_P | PTE_W);
	bare_paging(b);
	ck_assert_int_eq(mem_look_start(l, &b->mem), 0);
	ck_assert_uint_eq(news(l), 0xff);
	see(l, PIC, PICS);
	ck_assert_uint_eq(news(l), 0);
	return b;
}

static void end(struct bare *b, struct mem_look *l)
{
	mem_look_stop(l);
	ck_assert_uint_eq(b->mem.attentive, 0);
	ck_assert_ptr_null(b->mem.looks);
	bare_free(b);
}

static void store(struct mmu *m, u64 va)
{
	struct mmu_fault f;

	ck_assert_int_eq(mmu_write(m, va, "x", 1, &f), 0);
}

START_TEST(by_the_host)
{
	struct mem_look l;
	struct bare *b = begin(&l);
	u64 none = BARE_FRAMES + 5;

	mem_write_u32(&b->mem, (PIC + 1) << 12 | 8, 0); /* what is there already, too */
	mem_write_u64(&b->mem, (PIC + 2) << 12 | 8, 1);
	ck_assert_ptr_nonnull(mem_rw(&b->mem, PIC + 3, 0, 1));
	mem_write(&b->mem, (PIC + 5) << 12 | 4095, "xy", 2);
	mem_read_u64(&b->mem, (PIC + 4) << 12);
	mem_ro(&b->mem, PIC + 4);
	ck_assert_uint_eq(news(&l), 0x6e);
	see(&l, PIC + 2, 2);
	ck_assert_uint_eq(news(&l), 0x62);
	mem_write_u32(&b->mem, (PIC + 3) << 12, 5);
	ck_assert_uint_eq(news(&l), 0x6a);
	see(&l, PIC, PICS);
	/* Frames go, are looked at where there are none, and others come. */
	mem_remove(&b->mem, PIC + 7);
	ck_assert_uint_eq(news(&l), 0x80);
	see(&l, PIC, PICS);
	ck_assert_uint_eq(news(&l), 0);
	ck_assert_int_eq(mem_add(&b->mem, PIC + 7), 0);
	ck_assert_uint_eq(news(&l), 0x80);
	see(&l, PIC, PICS);
	mem_remove(&b->mem, PIC + 7);
	see(&l, PIC, PICS);
	ck_assert_int_eq(mem_alias(&b->mem, PIC + 7, mem_frame(&b->mem, PIC)), 0);
	ck_assert_uint_eq(news(&l), 0x80);
	/* There is nothing to be seen out there. */
	mem_look_seen(&l, &none, 1);
	none = ~0ULL;
	mem_look_seen(&l, &none, 1);
	ck_assert(mem_look_new(&l, none));
	end(b, &l);
}
END_TEST

START_TEST(by_a_cpu)
{
	struct mem_look l;
	struct bare *b = begin(&l);
	struct mmu *m = &b->cpu.mmu;

	store(m, VA);
	store(m, VA + 0x3000);
	ck_assert_uint_eq(news(&l), 9);
	/* After the first store all go the fast way. */
	ck_assert_ptr_nonnull(mmu_hit_write(m, VA, 8));
	see(&l, PIC, PICS);
	/* The fast way is closed to stores, and only to them, and only where somebody looked. */
	ck_assert_ptr_null(mmu_hit_write(m, VA, 8));
	ck_assert_ptr_nonnull(mmu_hit_read(m, VA, 8));
	store(m, VA + 8);
	ck_assert_uint_eq(news(&l), 1);
	ck_assert_ptr_nonnull(mmu_hit_write(m, VA, 8));
	ck_assert_ptr_null(mmu_hit_write(m, VA + 0x3000, 8));
	see(&l, PIC + 3, 1);
	ck_assert_ptr_nonnull(mmu_hit_write(m, VA, 8));
	/* Reading makes nothing new, and gives nobody the right to write. */
	mmu_flush(m);
	{
		struct mmu_fault f;
		u64 v;

		see(&l, PIC, PICS);
		ck_assert_int_eq(mmu_read(m, VA, &v, 8, &f), 0);
		ck_assert_ptr_null(mmu_hit_write(m, VA, 8));
		ck_assert_uint_eq(news(&l), 0);
	}
	/* What is looked at for nothing takes nobody's rights. */
	store(m, VA + 0x6000);
	see(&l, PIC, 6);
	see(&l, PIC, 6);
	ck_assert_ptr_nonnull(mmu_hit_write(m, VA + 0x6000, 8));
	/* Nobody looks any more. */
	mem_look_stop(&l);
	store(m, VA);
	ck_assert_ptr_nonnull(mmu_hit_write(m, VA, 8));
	end(b, &l);
}
END_TEST

START_TEST(by_another_cpu)
{
	struct mem_look l;
	struct bare *b = begin(&l);
	struct mmu *m = calloc(1, sizeof *m); /* with translation off */

	ck_assert_ptr_nonnull(m);
	ck_assert_int_eq(mmu_init(m, &b->mem, &mmu_flat, NULL), 0);
	store(&b->cpu.mmu, VA + 0x2000);
	store(m, (PIC + 2) << 12);
	see(&l, PIC, PICS);
	ck_assert_ptr_null(mmu_hit_write(m, (PIC + 2) << 12, 8));
	ck_assert_ptr_null(mmu_hit_write(&b->cpu.mmu, VA + 0x2000, 8));
	store(m, (PIC + 2) << 12);
	ck_assert_uint_eq(news(&l), 4);
	ck_assert_ptr_nonnull(mmu_hit_write(m, (PIC + 2) << 12, 8));
	see(&l, PIC, PICS);
	store(&b->cpu.mmu, VA + 0x2000);
	ck_assert_uint_eq(news(&l), 4);
	mmu_exit(m);
	free(m);
	end(b, &l);
}
END_TEST

/* A page table as a picture: the walker's A and D bits are pixels. And code: it is seen when it changes. */
START_TEST(by_the_walker)
{
	struct mem_look l;
	struct bare *b = begin(&l);
	u64 table = bare_pte(b, VA) >> 12;
	struct mmu_fault f;
	u64 mfn;

	see(&l, table, 1);
	ck_assert_int_eq(mmu_translate(&b->cpu.mmu, VA + 0x5000, MMU_READ, &mfn, &f), 0);
	ck_assert(mem_look_new(&l, table));
	see(&l, table, 1);
	ck_assert_int_eq(mmu_translate(&b->cpu.mmu, VA + 0x5000, MMU_READ, &mfn, &f), 0);
	ck_assert(!mem_look_new(&l, table));
	store(&b->cpu.mmu, VA + 0x5000);
	ck_assert(mem_look_new(&l, table));
	see(&l, table, 1);
	mem_write_u64(&b->mem, bare_pte(b, VA), 0);
	ck_assert(mem_look_new(&l, table));
	end(b, &l);
}
END_TEST

/* MOV [RBX], AL; INC RBX; LOOP: a program that draws, in a page that is a picture itself; RBX and RCX say where. */
static const u8 draws[] = { 0x88, 0x03, 0x48, 0xff, 0xc3, 0xe2, 0xf9, 0xf4 };

START_TEST(by_instructions)
{
	struct mem_look l;
	struct bare *b = begin(&l);
	u64 end_count[2];
	u32 looking;

	for (looking = 0; looking < 2; looking++) {
		u64 start, limit;
		u32 seen = 0;

		mem_write(&b->mem, (PIC + 7) << 12, draws, sizeof draws);
		see(&l, PIC, PICS);
		x86_sync(&b->cpu);
		b->cpu.s.rip = VA + 0x7000;
		b->cpu.s.gpr[RBX] = VA + 0xff8;
		b->cpu.s.gpr[RCX] = 0x1010;
		b->cpu.s.gpr[RAX] = 0x77;
		x86_load(&b->cpu);
		start = x86_icount(&b->cpu);
		limit = start + 100000;
		while (x86_icount(&b->cpu) < limit && x86_run(&b->cpu, 50) == CPU_BUDGET) {
			seen |= news(&l);
			if (looking)
				see(&l, PIC, PICS);
		}
		seen |= news(&l);
		ck_assert_uint_eq(seen, 7);
		end_count[looking] = x86_icount(&b->cpu) - start;
	}
	ck_assert_uint_eq(end_count[0], end_count[1]);
	/* It draws over itself. */
	see(&l, PIC, PICS);
	x86_sync(&b->cpu);
	b->cpu.s.rip = VA + 0x7000;
	b->cpu.s.gpr[RBX] = VA + 0x7800;
	b->cpu.s.gpr[RCX] = 2;
	x86_load(&b->cpu);
	x86_run(&b->cpu, 20);
	ck_assert_uint_eq(news(&l), 0x80);
	end(b, &l);
}
END_TEST

START_TEST(forks)
{
	struct mem_look l, of_child = { 0 };
	struct bare *b = begin(&l);
	struct mem child;

	store(&b->cpu.mmu, VA);
	see(&l, PIC, PICS);
	ck_assert_int_eq(mem_init(&child, &b->pool, BARE_FRAMES), 0);
	ck_assert_int_eq(mem_fork(&child, &b->mem), 0);
	ck_assert_uint_eq(news(&l), 0);
	ck_assert_uint_eq(child.attentive, 0);
	ck_assert_int_eq(mem_look_start(&of_child, &child), 0);
	ck_assert_uint_eq(news(&of_child), 0xff);
	/* Each sees its own stores only, whoever stores first and whoever has the leaf. */
	mem_write_u32(&child, (PIC + 1) << 12, 1);
	ck_assert_uint_eq(news(&l), 0);
	see(&of_child, PIC, PICS);
	store(&b->cpu.mmu, VA);
	ck_assert_uint_eq(news(&l), 1);
	ck_assert_uint_eq(news(&of_child), 0);
	see(&l, PIC, PICS);
	mem_write_u32(&child, PIC << 12, 1);
	store(&b->cpu.mmu, VA + 0x1000);
	ck_assert_uint_eq(news(&of_child), 1);
	ck_assert_uint_eq(news(&l), 2);
	/* A fork in a memory that is looked at already: all is new. */
	mem_free(&child);
	ck_assert_ptr_null(of_child.mem);
	ck_assert_int_eq(mem_init(&child, &b->pool, BARE_FRAMES), 0);
	ck_assert_int_eq(mem_look_start(&of_child, &child), 0);
	see(&of_child, PIC, PICS);
	ck_assert_int_eq(mem_fork(&child, &b->mem), 0);
	ck_assert_uint_eq(news(&of_child), 0xff);
	mem_look_stop(&of_child);
	mem_look_stop(&of_child);
	mem_free(&child);
	end(b, &l);
}
END_TEST

START_TEST(several_look)
{
	struct mem_look l, other = { 0 };
	struct bare *b = begin(&l);

	ck_assert_int_eq(mem_look_start(&other, &b->mem), 0);
	store(&b->cpu.mmu, VA);
	see(&other, PIC, 1);
	ck_assert_ptr_null(mmu_hit_write(&b->cpu.mmu, VA, 8));
	ck_assert_uint_eq(news(&l), 1);
	ck_assert_uint_eq(news(&other), 0xfe);
	/* One goes; the other's stay. */
	see(&l, PIC, PICS);
	mem_look_stop(&l);
	ck_assert_uint_eq(news(&other), 0xfe);
	store(&b->cpu.mmu, VA);
	ck_assert_uint_eq(news(&other), 0xff);
	see(&other, PIC, PICS);
	/* The dirty list has its own reader. */
	mem_clear_dirty(&b->mem);
	ck_assert_uint_eq(news(&other), 0);
	store(&b->cpu.mmu, VA + 0x4000);
	ck_assert_uint_eq(news(&other), 0x10);
	see(&other, PIC, PICS);
	ck_assert_uint_eq(b->mem.ndirty, 2); /* the frame and its page table */
	end(b, &other);
}
END_TEST

/* A frame that two domains have: each hears of what happens to its own bytes. */
START_TEST(two_domains)
{
	struct mem_look l, of_other = { 0 };
	struct bare *b = begin(&l);
	struct mem other;
	u32 i;

	store(&b->cpu.mmu, VA);
	ck_assert_int_eq(mem_init(&other, &b->pool, BARE_FRAMES), 0);
	for (i = 0; i < PICS; i++)
		ck_assert_int_eq(mem_alias(&other, PIC + i, mem_frame(&b->mem, PIC + i)), 0);
	ck_assert_int_eq(mem_look_start(&of_other, &other), 0);
	see(&l, PIC, PICS);
	see(&of_other, PIC, PICS);
	for (i = 0; i < 2; i++) {
		u64 had = mem_hash(&other, HASH_SEED);

		store(&b->cpu.mmu, VA + 0x1000 * i);
		ck_assert_uint_eq(news(&l), 1u << i);
		ck_assert(news(&of_other) || mem_hash(&other, HASH_SEED) == had);
		see(&l, PIC, PICS);
		see(&of_other, PIC, PICS);
		had = mem_hash(&b->mem, HASH_SEED);
		mem_write_u32(&other, (u64)(PIC + 1 - i) << 12, 3 + i);
		ck_assert_uint_eq(news(&of_other), 2u >> i);
		ck_assert(news(&l) || mem_hash(&b->mem, HASH_SEED) == had);
		see(&l, PIC, PICS);
		see(&of_other, PIC, PICS);
	}
	mem_free(&other);
	end(b, &l);
}
END_TEST

/* ---- any history ------------------------------------------------------------------------------------------------- */

static u64 rng(u64 *s)
{
	*s += 0x9e3779b97f4a7c15ULL;
	return hash_u64(HASH_SEED, *s);
}

/* Something that changes memory, or does not. */
static void shake(struct bare *b, struct mmu *second, u64 *seed)
{
	u64 r = rng(seed), v = rng(seed), mfn = PIC + (r >> 8) % PICS, at = r >> 16 & 0xff8;
	u64 va = VA + (r >> 32) % PICS * 0x1000 + at;
	struct mmu_fault f;
	struct mem other;
	u8 *p;

	switch (r & 15) {
	case 0: /* another mapping, and the entry's bits are cleared */
		mem_write_u64(&b->mem, bare_pte(b, va), mfn << 12 | PTE_P | (r >> 50 & PTE_W));
		break;
	case 1:
		mem_clear_dirty(&b->mem);
		break;
	case 2:
		ck_assert_int_eq(mem_init(&other, &b->pool, BARE_FRAMES), 0);
		ck_assert_int_eq(mem_fork(&other, &b->mem), 0);
		mem_write_u64(&other, mfn << 12 | at, v);
		mmu_write(&b->cpu.mmu, va, &v, 8, &f);
		mem_free(&other);
		break;
	case 3:
		mem_remove(&b->mem, mfn);
		if (r >> 60 & 3)
			mem_add(&b->mem, mfn);
		break;
	case 4:
		mem_add(&b->mem, mfn);
		break;
	case 5:
		mem_write_u64(&b->mem, mfn << 12 | at, v);
		break;
	case 6:
		mmu_write(second, mfn << 12 | at, &v, 8, &f);
		break;
	case 7:
	case 8:
	case 9: /* as an instruction does */
		p = mmu_hit_write(&b->cpu.mmu, va, 8);
		if (p)
			st64(p, v);
		else
			mmu_write(&b->cpu.mmu, va, &v, 8, &f);
		break;
	case 10:
		mmu_read(&b->cpu.mmu, va, &v, 8, &f);
		break;
	default:
		mmu_write(&b->cpu.mmu, va, &v, 8, &f);
		break;
	}
}

/* Frames that are not new are what they were at the last look; looking changes neither memory nor the dirty list. */
START_TEST(nothing_is_missed)
{
	u64 final[2] = { 0, 0 }, dirty[2] = { 0, 0 }, missed = 0, found = 0;
	u32 looking, n, i;

	for (looking = 0; looking < 2; looking++) {
		struct mem_look l = { 0 };
		struct bare *b = bare_new(0);
		struct mmu *second = calloc(1, sizeof *second);
		u64 seed = 77 + (u64)_i, dice = 5 + (u64)_i, watched[PICS + 1];
		u64 was[PICS + 1] = { 0 };

		ck_assert_ptr_nonnull(second);
		ck_assert_int_eq(mmu_init(second, &b->mem, &mmu_flat, NULL), 0);
		for (i = 0; i < PICS; i++)
			bare_map(b, VA + i * 0x1000, PIC + i, PTE_P | PTE_W);
		bare_paging(b);
		for (i = 0; i < PICS; i++)
			watched[i] = PIC + i;
		watched[PICS] = bare_pte(b, VA) >> 12; /* the page table, too */
		if (looking)
			ck_assert_int_eq(mem_look_start(&l, &b->mem), 0);
		for (n = 0; n < 5000; n++) {
			shake(b, second, &seed);
			dirty[looking] = hash_u64(dirty[looking], b->mem.ndirty);
			if (!looking || rng(&dice) % 4)
				continue;
			for (i = 0; i <= PICS; i++) {
				const u8 *p = mem_ro(&b->mem, watched[i]);
				u64 h = p ? hash_bytes(HASH_SEED, p, PAGE_SIZE) : 1;

				if (!mem_look_new(&l, watched[i]))
					missed += h != was[i];
				else
					found += h != was[i];
				was[i] = h;
			}
			mem_look_seen(&l, watched, PICS + 1);
		}
		final[looking] = mem_hash(&b->mem, HASH_SEED);
		mmu_exit(second);
		free(second);
		mem_look_stop(&l);
		bare_free(b);
	}
	ck_assert_uint_eq(missed, 0);
	ck_assert_uint_gt(found, 1000);
	ck_assert_uint_eq(final[0], final[1]);
	ck_assert_uint_eq(dirty[0], dirty[1]);
}
END_TEST

Suite *look_suite(void)
{
	Suite *s = suite_create("look");
	TCase *t = tcase_create("look");

	tcase_set_timeout(t, 30);
	tcase_add_test(t, by_the_host);
	tcase_add_test(t, by_a_cpu);
	tcase_add_test(t, by_another_cpu);
	tcase_add_test(t, by_the_walker);
	tcase_add_test(t, by_instructions);
	tcase_add_test(t, forks);
	tcase_add_test(t, several_look);
	tcase_add_test(t, two_domains);
	tcase_add_loop_test(t, nothing_is_missed, 0, 8);
	suite_add_tcase(s, t);
	return s;
}
