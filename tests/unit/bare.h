/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A bare CPU for tests: 64-bit mode at CPL 0 over a few pages of memory, with or without paging, and every trap recorded.
 */
#ifndef TESTS_UNIT_BARE_H
#define TESTS_UNIT_BARE_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/x86/block.h"
#include "cpu/x86/x86.h"
#include "tests/unit/quick.h"

#define BARE_FRAMES 1024u
#define BARE_CODE 0x10000u
#define BARE_STACK 0x80000u
#define BARE_TABLES 0x200u /* frame of the top-level table */

struct bare {
	struct x86 cpu; /* first */
	struct frame_pool pool;
	struct mem mem;
	struct code_cache *cc;
	struct log log;
	struct x86_trap trap;
	u32 traps;
	u64 next_table;
};

static inline bool bare_trap(struct x86 *c, const struct x86_trap *t)
{
	struct bare *b = (struct bare *)(void *)c;

	b->trap = *t;
	b->traps++;
	return false;
}

static inline u64 bare_tsc(struct x86 *c)
{
	return x86_icount(c);
}

static const struct x86_ops bare_ops = { .trap = bare_trap, .tsc = bare_tsc };

static inline void bare_code_written(void *opaque, struct frame *f, u32 off, u32 len)
{
	struct bare *b = opaque;

	code_written(b->cc, f, off, len);
}

static inline void bare_code_unmapped(void *opaque)
{
	struct bare *b = opaque;

	x86_code_unmapped(&b->cpu);
}

static const struct mem_hooks bare_hooks = { bare_code_written, bare_code_unmapped };

static inline struct bare *bare_new(size_t cache)
{
	struct bare *b = calloc(1, sizeof *b);
	u64 i;

	ck_assert_ptr_nonnull(b);
	log_init(&b->log);
	ck_assert_int_eq(frame_pool_init(&b->pool), 0);
	ck_assert_int_eq(mem_init(&b->mem, &b->pool, BARE_FRAMES), 0);
	b->mem.hooks = &bare_hooks;
	b->mem.opaque = b;
	for (i = 0; i < BARE_FRAMES; i++)
		quick_eq(mem_add(&b->mem, i), 0);
	b->cc = code_cache_new(cache);
	ck_assert_ptr_nonnull(b->cc);
	b->pool.code_dropped = code_drop_frame;
	b->pool.opaque = b->cc;
	ck_assert_int_eq(x86_init(&b->cpu, &b->mem, b->cc, &b->log), 0);
	b->cpu.ops = &bare_ops;
	b->cpu.s.cr0 |= CR0_PE;
	b->cpu.s.cr4 = CR4_OSFXSR | CR4_PAE;
	b->cpu.s.efer = EFER_LMA | EFER_LME | EFER_NXE;
	b->cpu.s.fpu.cw = 0x37f;
	for (i = SEG_ES; i <= SEG_GS; i++)
		b->cpu.s.seg[i] = (struct x86_seg){ .limit = ~0u, .attr = SEGA_P | SEGA_S | SEGA_RW | SEGA_DB | SEGA_G };
	b->cpu.s.seg[SEG_CS].attr = SEGA_P | SEGA_S | SEGA_CODE | SEGA_RW | SEGA_L | SEGA_G;
	b->cpu.s.rip = BARE_CODE;
	b->cpu.s.gpr[RSP] = BARE_STACK;
	x86_load(&b->cpu);
	return b;
}

static inline void bare_free(struct bare *b)
{
	x86_exit(&b->cpu);
	mem_free(&b->mem);
	code_cache_free(b->cc);
	frame_pool_free(&b->pool);
	free(b);
}

/* Puts code at an address (physical). */
static inline void bare_put(struct bare *b, u64 at, const void *p, size_t n)
{
	ck_assert_int_eq(mem_write(&b->mem, at, p, n), 0);
}
#define BARE_CODE_AT(b, at, ...)                                                                                     \
	do {                                                                                                         \
		static const u8 code_[] = { __VA_ARGS__ };                                                           \
		bare_put(b, at, code_, sizeof code_);                                                                \
	} while (0)

/* Maps one page: tables are made as needed from frame BARE_TABLES on. */
static inline void bare_map(struct bare *b, u64 va, u64 mfn, u64 flags)
{
	u64 table = BARE_TABLES;
	int shift;

	if (!b->next_table)
		b->next_table = BARE_TABLES + 1;
	for (shift = 39; shift > 12; shift -= 9) {
		u64 at = (table << 12) + (va >> shift & 511) * 8;
		u64 e = mem_read_u64(&b->mem, at);

		if (!(e & PTE_P)) {
			e = b->next_table++ << 12 | PTE_P | PTE_W | PTE_U;
			mem_write_u64(&b->mem, at, e);
		}
		table = PTE_MFN(e);
	}
	mem_write_u64(&b->mem, (table << 12) + (va >> 12 & 511) * 8, mfn << 12 | flags);
}

/* The machine address of the leaf entry for va. */
static inline u64 bare_pte(struct bare *b, u64 va)
{
	u64 table = BARE_TABLES;
	int shift;

	for (shift = 39; shift > 12; shift -= 9)
		table = PTE_MFN(mem_read_u64(&b->mem, (table << 12) + (va >> shift & 511) * 8));
	return (table << 12) + (va >> 12 & 511) * 8;
}

static inline void bare_paging(struct bare *b)
{
	x86_sync(&b->cpu);
	b->cpu.s.cr0 |= CR0_PG | CR0_WP;
	b->cpu.s.cr3 = (u64)BARE_TABLES << 12;
	x86_load(&b->cpu);
}

/* Runs until a trap or HLT; at most limit instructions, in slices. Returns how it ended. */
static inline enum cpu_exit bare_run(struct bare *b, u64 limit, u64 slice)
{
	enum cpu_exit e = CPU_BUDGET;

	while (e == CPU_BUDGET && x86_icount(&b->cpu) < limit)
		e = x86_run(&b->cpu, slice);
	return e;
}

#endif
