/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Our side: a CPU at CPL 3 in 64-bit or compatibility mode over page tables that map what the host has mapped.
 */
#include <stdlib.h>
#include <string.h>

#include "cpu/x86/block.h"
#include "tests/silicon/silicon.h"

/* Frames: tables, then the pages in the order of emul_page(). */
enum { MFN_L4 = 1, MFN_L3, MFN_L2, MFN_L1 /* three of them */, MFN_PAGE = 8, PAGES = 7 };

struct emul {
	struct frame_pool pool;
	struct mem mem;
	struct log log;
	struct code_cache *code;
	struct x86 cpu;
	const struct sil_case *k;
	struct sil_result *out;
	u32 segments;
};

static u64 page_va(u32 n)
{
	return n < 2 ? CODE_VA + n * PAGE_SIZE : n < 5 ? DATA_VA + (n - 1) * PAGE_SIZE : STACK_VA + (n - 4) * PAGE_SIZE;
}

static bool on_trap(struct x86 *c, const struct x86_trap *t)
{
	struct emul *e = container_of(c, struct emul, cpu);

	if (e->k->step && t->vector == X86_DB && (t->dr6 & 1 << 14))
		return false;
	e->out->vector = t->vector;
	e->out->error = t->has_error ? t->error : 0;
	e->out->cr2 = t->vector == X86_PF ? t->cr2 : 0;
	c->rip = t->rip;
	if (t->soft && t->kind == TRAP_INT && t->vector != X86_BP && t->vector != X86_OF) { /* Linux has no such gate for users */
		e->out->vector = X86_GP;
		e->out->error = t->vector * 8u + 2;
		c->rip = t->start;
	}
	return false;
}

/* The segments Linux gives its programs, as far as this one has them. */
static bool on_descriptor(struct x86 *c, u16 sel, u64 *raw)
{
	if (sel >> 3 > 31 || !(container_of(c, struct emul, cpu)->segments >> (sel >> 3) & 1))
		return false;
	switch (sel & ~3) {
	case 0x10:
		*raw = 0x00af9b000000ffffULL;
		return true;
	case 0x18:
		*raw = 0x00cf93000000ffffULL;
		return true;
	case 0x20:
		*raw = 0x00cffb000000ffffULL;
		return true;
	case 0x28:
		*raw = 0x00cff3000000ffffULL;
		return true;
	case 0x30:
		*raw = 0x00affb000000ffffULL;
		return true;
	}
	return false;
}

static const struct x86_ops ops = { .trap = on_trap, .descriptor = on_descriptor };

static void on_code_written(void *opaque, struct frame *f, u32 off, u32 len)
{
	code_written(((struct emul *)opaque)->code, f, off, len);
}

static void on_code_unmapped(void *opaque)
{
	x86_code_unmapped(&((struct emul *)opaque)->cpu);
}

static const struct mem_hooks hooks = { on_code_written, on_code_unmapped };

static void map(struct emul *e, u64 va, u64 mfn, bool write)
{
	u64 l1 = MFN_L1 + (va >> 28) - 1;

	mem_write_u64(&e->mem, (u64)MFN_L4 << 12, (u64)MFN_L3 << 12 | 7);
	mem_write_u64(&e->mem, (u64)MFN_L3 << 12, (u64)MFN_L2 << 12 | 7);
	mem_write_u64(&e->mem, ((u64)MFN_L2 << 12) + (va >> 21 & 511) * 8, l1 << 12 | 7);
	mem_write_u64(&e->mem, (l1 << 12) + (va >> 12 & 511) * 8, mfn << 12 | (write ? 7 : 5));
}

struct emul *emul_open(const struct sil_window *pattern)
{
	struct emul *e = calloc(1, sizeof *e);
	struct x86_state *s;
	u32 i;

	if (!e)
		return NULL;
	log_init(&e->log);
	if (frame_pool_init(&e->pool) || mem_init(&e->mem, &e->pool, 64))
		goto fail;
	for (i = 1; i < MFN_PAGE + PAGES; i++)
		if (mem_add(&e->mem, i))
			goto fail;
	e->code = code_cache_new(0);
	if (!e->code || x86_init(&e->cpu, &e->mem, e->code, &e->log))
		goto fail;
	e->pool.code_dropped = code_drop_frame;
	e->pool.opaque = e->code;
	e->mem.hooks = &hooks;
	e->mem.opaque = e;
	for (i = 0; i < PAGES; i++)
		map(e, page_va(i), MFN_PAGE + i, i != 4);
	memset(mem_rw(&e->mem, MFN_PAGE, 0, PAGE_SIZE), 0xcc, PAGE_SIZE);
	memset(mem_rw(&e->mem, MFN_PAGE + 1, 0, PAGE_SIZE), 0xcc, PAGE_SIZE);
	emul_poke(e, DATA_VA + PAGE_SIZE, pattern->data, DATA_BYTES);
	emul_poke(e, STACK_VA + PAGE_SIZE, pattern->stack, STACK_BYTES);
	e->cpu.ops = &ops;
	e->segments = SEGMENTS_ALL;
	e->cpu.cpu.uncached = true;
	/* Whatever model is the default: every row of the tables. */
	e->cpu.features = ~0ULL;
	s = &e->cpu.s;
	s->cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_AM | CR0_WP | CR0_PG;
	s->cr3 = (u64)MFN_L4 << 12;
	s->cr4 = CR4_PAE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_FSGSBASE | CR4_OSXSAVE | CR4_DE;
	s->efer = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;
	s->xcr0 = emul_has(e, F_AVX) ? 7 : 3;
	s->cpl = 3;
	return e;
fail:
	free(e);
	return NULL;
}

void emul_close(struct emul *e)
{
	x86_exit(&e->cpu);
	code_cache_free(e->code);
	mem_free(&e->mem);
	frame_pool_free(&e->pool);
	free(e);
}

void emul_poke(struct emul *e, u64 va, const u8 *bytes, u32 n)
{
	while (n) {
		u32 off = PAGE_OFFSET(va), part = MIN(n, PAGE_SIZE - off), i;

		for (i = 0; i < PAGES && page_va(i) != PAGE_BASE(va); i++)
			;
		memcpy(mem_rw(&e->mem, MFN_PAGE + i, off, part) + off, bytes, part);
		va += part;
		bytes += part;
		n -= part;
	}
}

const u8 *emul_page(struct emul *e, u32 n)
{
	return mem_ro(&e->mem, MFN_PAGE + n);
}

bool emul_has(struct emul *e, u32 feature)
{
	return e->cpu.features >> feature & 1;
}

void emul_segments(struct emul *e, u32 have)
{
	e->segments = have;
}

static void load(struct x86 *c, const struct sil_case *k)
{
	const struct sil_state *in = &k->in;
	struct x86_fpu *f = &c->s.fpu;
	u32 i;

	for (i = 0; i < 6; i++) {
		u16 attr = SEGA_P | SEGA_S | SEGA_DPL | SEGA_RW | SEGA_ACCESSED | SEGA_G;

		attr |= (i == SEG_CS ? SEGA_CODE : 0) | (i != SEG_CS || k->c32 ? SEGA_DB : SEGA_L);
		c->s.seg[i] = (struct x86_seg){ .sel = in->seg[i], .limit = 0xffffffff, .attr = attr };
	}
	c->s.seg[SEG_FS].base = in->fsbase;
	c->s.seg[SEG_GS].base = in->gsbase;
	c->s.seg[SEG_TR].limit = 0; /* no I/O permission bitmap */
	memcpy(c->s.gpr, in->gpr, sizeof c->s.gpr);
	c->s.rip = k->at;
	c->s.rflags = in->rflags | FL_IF | (k->step ? FL_TF : 0);
	f->cw = ld16(in->fx);
	f->sw = ld16(in->fx + 2) & ~0x3800;
	f->top = ld16(in->fx + 2) >> 11 & 7;
	f->tag = in->fx[4];
	f->fop = ld16(in->fx + 6);
	f->fip = ld64(in->fx + 8);
	f->fdp = ld64(in->fx + 16);
	f->fcs = f->fds = 0;
	f->mxcsr = ld32(in->fx + 24);
	for (i = 0; i < 8; i++) {
		struct x86_fpr *r = &f->st[(f->top + i) & 7];

		r->mant = ld64(in->fx + 32 + 16 * i);
		r->se = ld16(in->fx + 40 + 16 * i);
	}
	for (i = 0; i < 16; i++) {
		c->s.vec[i].q[0] = ld64(in->fx + 160 + 16 * i);
		c->s.vec[i].q[1] = ld64(in->fx + 168 + 16 * i);
		c->s.vec[i].q[2] = ld64(in->ymm[i] + 16);
		c->s.vec[i].q[3] = ld64(in->ymm[i] + 24);
	}
	c->s.shadow = 0;
	x86_load(c);
}

static void store(struct x86 *c, struct sil_state *out)
{
	const struct x86_fpu *f = &c->s.fpu;
	u32 i;

	x86_sync(c);
	memcpy(out->gpr, c->s.gpr, sizeof out->gpr);
	out->rip = c->s.rip;
	out->rflags = c->s.rflags;
	out->fsbase = c->s.seg[SEG_FS].base;
	out->gsbase = c->s.seg[SEG_GS].base;
	for (i = 0; i < 6; i++)
		out->seg[i] = c->s.seg[i].sel;
	memset(out->fx, 0, sizeof out->fx);
	st16(out->fx, f->cw);
	st16(out->fx + 2, (u16)(f->sw | f->top << 11));
	out->fx[4] = f->tag;
	st16(out->fx + 6, f->fop);
	st64(out->fx + 8, f->fip);
	st64(out->fx + 16, f->fdp);
	st32(out->fx + 24, f->mxcsr);
	for (i = 0; i < 8; i++) {
		const struct x86_fpr *r = &f->st[(f->top + i) & 7];

		st64(out->fx + 32 + 16 * i, r->mant);
		st16(out->fx + 40 + 16 * i, r->se);
	}
	for (i = 0; i < 16; i++) {
		st64(out->fx + 160 + 16 * i, c->s.vec[i].q[0]);
		st64(out->fx + 168 + 16 * i, c->s.vec[i].q[1]);
		st64(out->ymm[i] + 16, c->s.vec[i].q[2]);
		st64(out->ymm[i] + 24, c->s.vec[i].q[3]);
	}
}

/* A sequence runs as blocks of the cache do, and ends at one of two UD2. */
static void run_sequence(struct emul *e, const struct sil_case *k, struct sil_result *out)
{
	static const u8 ud2[7] = { 0x0f, 0x0b, 0xcc, 0xcc, 0xcc, 0x0f, 0x0b };
	u64 end = k->at + k->seq.len;
	struct x86 *c = &e->cpu;
	u8 nothing[SEQ_BYTES + 8];

	c->cpu.uncached = false;
	emul_poke(e, k->at, k->seq.bytes, k->seq.len);
	emul_poke(e, end, ud2, sizeof ud2);
	load(c, k);
	x86_run(c, 1000);
	store(c, &out->s);
	if (out->vector == X86_UD && (c->rip == end || (k->seq.jcc && c->rip == end + 5)))
		out->vector = NO_TRAP;
	memset(nothing, 0xcc, sizeof nothing);
	emul_poke(e, k->at, nothing, k->seq.len + sizeof ud2);
	c->cpu.uncached = true;
}

void emul_run(struct emul *e, const struct sil_case *k, struct sil_result *out)
{
	struct x86 *c = &e->cpu;
	u8 nothing[16];
	u32 turns = 0;

	memset(nothing, 0xcc, sizeof nothing);
	e->k = k;
	e->out = out;
	out->vector = NO_TRAP;
	out->error = 0;
	out->cr2 = 0;
	if (k->seq.n) {
		run_sequence(e, k, out);
		return;
	}
	emul_poke(e, k->at, k->bytes, k->put);
	load(c, k);
	do
		x86_run(c, 1);
	while (k->rep && out->vector == NO_TRAP && c->rip == k->at && ++turns < 1000);
	store(c, &out->s);
	emul_poke(e, k->at, nothing, k->put);
}
