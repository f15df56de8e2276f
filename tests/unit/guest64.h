/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest in 64-bit mode at CPL 0 with a page of code, a page of data, and a read-only page or a hole behind it. For the
 * suites that run one instruction of SSE, AVX or the x87.
 */
#ifndef TESTS_UNIT_GUEST64_H
#define TESTS_UNIT_GUEST64_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/x86/block.h"

#if defined(__x86_64__) && (defined(__linux__) || defined(__FreeBSD__) || defined(__NetBSD__) || defined(__OpenBSD__))
#define HAVE_HOST 1
#else
#define HAVE_HOST 0
#endif

enum { PT = 1, CODE = 5, DATA = 6, RODATA = 7, NFRAMES = 16 };
#define VA(frame) ((u64)(frame) << PAGE_SHIFT)

struct guest {
	struct frame_pool pool;
	struct mem mem;
	struct code_cache *cache;
	struct x86 *c;
};

static inline bool guest_trap(struct x86 *c, const struct x86_trap *t)
{
	return false;
}
static const struct x86_ops guest_ops = { .trap = guest_trap };

static inline void guest_code_written(void *opaque, struct frame *f, u32 off, u32 len)
{
	code_written(opaque, f, off, len);
}
static inline void guest_code_unmapped(void *opaque)
{
	struct code_cache *cc = opaque;

	for (struct x86 *c = cc->cpus; c; c = c->next_in_cache)
		x86_code_unmapped(c);
}
static const struct mem_hooks guest_hooks = { .code_written = guest_code_written, .code_unmapped = guest_code_unmapped };

static inline void guest_code_dropped(struct frame *f, void *opaque)
{
	code_drop_frame(f, opaque);
}

/* hole: no read-only page behind the data. */
static inline void guest_open(struct guest *g, bool hole)
{
	struct x86_state *s;
	u64 n;

	memset(g, 0, sizeof *g);
	ck_assert_int_eq(frame_pool_init(&g->pool), 0);
	ck_assert_int_eq(mem_init(&g->mem, &g->pool, NFRAMES), 0);
	for (n = 1; n < NFRAMES; n++)
		ck_assert_int_eq(mem_add(&g->mem, n), 0);
	for (n = 0; n < 3; n++)
		mem_write_u64(&g->mem, VA(PT + n), VA(PT + n + 1) | PTE_P | PTE_W);
	for (n = CODE; n <= (hole ? DATA : RODATA); n++)
		mem_write_u64(&g->mem, VA(PT + 3) + 8 * n, VA(n) | PTE_P | (n == RODATA ? 0 : PTE_W));
	g->cache = code_cache_new(1 << 20);
	g->c = calloc(1, sizeof *g->c);
	ck_assert_ptr_nonnull(g->cache);
	ck_assert_ptr_nonnull(g->c);
	ck_assert_int_eq(x86_init(g->c, &g->mem, g->cache, NULL), 0);
	g->c->ops = &guest_ops;
	g->mem.hooks = &guest_hooks;
	g->mem.opaque = g->pool.opaque = g->cache;
	g->pool.code_dropped = guest_code_dropped;
	s = &g->c->s;
	s->cr0 = CR0_PE | CR0_ET | CR0_NE | CR0_WP | CR0_PG;
	s->cr3 = VA(PT);
	s->cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE;
	s->xcr0 = 7;
	s->efer = EFER_LME | EFER_LMA;
	for (n = 0; n <= SEG_GS; n++)
		s->seg[n] = (struct x86_seg){ .limit = 0xffffffff,
					      .attr = SEGA_P | SEGA_S | SEGA_RW | SEGA_ACCESSED | SEGA_G };
	s->seg[SEG_CS].attr |= SEGA_CODE | SEGA_L;
	s->rip = VA(CODE);
	s->fpu.mxcsr = 0x1f80;
	x86_load(g->c);
}

static inline void guest_close(struct guest *g)
{
	x86_exit(g->c);
	free(g->c);
	mem_free(&g->mem);
	frame_pool_free(&g->pool);
	code_cache_free(g->cache);
}

/* Some instructions, and UD2 behind them. */
static inline void guest_code(struct guest *g, const u8 *code, u32 n)
{
	u8 *p = mem_rw(&g->mem, CODE, 0, 64);

	memcpy(p, code, n);
	p[n] = 0x0f;
	p[n + 1] = 0x0b;
}

/* Runs to the UD2: -1, or the vector of an exception before it. */
static inline int guest_run(struct guest *g, u32 len)
{
	g->c->rip = VA(CODE);
	if (x86_run(g->c, 32) != CPU_STOPPED)
		ck_abort_msg("no exception behind the instruction");
	return g->c->trap.rip == VA(CODE) + len ? -1 : g->c->trap.vector;
}

#endif
