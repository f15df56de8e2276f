/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A machine made from bytes: a CPU in any mode (real, virtual-8086, protected, long, with odd segments and control bits)
 * over 40 frames, with descriptor tables, page tables and code that the bytes choose. The same bytes make the same machine.
 */
#ifndef TESTS_VECTORS_MACHINE_H
#define TESTS_VECTORS_MACHINE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "cpu/x86/block.h"
#include "cpu/x86/opcodes.h"
#include "cpu/x86/x86.h"

#define AM_FRAMES 40u
#define AM_GDT 0x1000u
#define AM_IDT 0x2000u
#define AM_TSS 0x3000u
#define AM_TABLES 0x4000u /* top level; the others follow */
#define AM_CODE 0x10000u
#define AM_DATA 0x14000u
#define AM_STACK 0x18000u
#define AM_ALIAS 0x40000u /* linear addresses of 64 pages that map any frame */
#define AM_HEAD 16u       /* bytes that choose the machine; what follows is code */
#define AM_TRAPS 40u      /* so many traps end a run */
#define AM_INSNS 2000u

enum am_mode {
	AM_REAL, AM_V86, AM_PROT16, AM_PROT32, AM_ODD16, AM_ODD32, AM_PAGED32, AM_PAE, AM_LONG, AM_LONG_USER, AM_COMPAT32,
	AM_COMPAT16, AM_MODES
};

/* How a run is cut into pieces: none of it may show. */
enum am_way { AM_PLAIN, AM_STEP, AM_SLICES };

struct am {
	struct x86 cpu; /* first */
	struct frame_pool pool;
	struct mem mem;
	struct code_cache *cc;
	struct log log;
	struct x86_state start;
	struct am_head {
		u8 mode, cr0, cr4, how, segs, code, off, off_hi;
		u64 seed;
	} head;
	u64 rng, trap_hash;
	u32 traps;
	enum cpu_exit why;
};

/* Never twice in one expression: its parts come in any order. */
static inline u64 am_next(struct am *a)
{
	u64 z = (a->rng += 0x9e3779b97f4a7c15ULL);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static inline u32 am_below(struct am *a, u32 n)
{
	return (u32)((am_next(a) >> 32) * n >> 32);
}

/* A register's value: an address more often than not. */
static inline u64 am_value(struct am *a)
{
	bool seg16 = a->head.mode <= AM_PROT16 || a->head.mode == AM_COMPAT16;

	switch (am_below(a, 16)) {
	case 0:
		return am_next(a);
	case 1:
		return (u64)(i64)(i32)am_next(a);
	case 2:
		return am_next(a) & 0x1f;
	case 3:
		return (am_next(a) & 0xff) - 8;
	case 4: /* a page end */
		return (seg16 ? 0x1000 : AM_DATA + 0x1000) - am_below(a, 17);
	case 5: /* code that is written */
		return (seg16 ? 0xc000 : AM_CODE) + am_below(a, 0x3000);
	case 6:
		return AM_ALIAS + am_below(a, 64 * PAGE_SIZE);
	case 7: /* tables */
		return am_below(a, 0x10000);
	default:
		return (seg16 ? 0 : AM_DATA) + am_below(a, 0x3f00);
	}
}

static inline u64 am_descriptor(u32 base, u32 limit, u32 attr)
{
	return (u64)(limit & 0xffff) | (u64)(base & 0xffffff) << 16 | (u64)attr << 40 | (u64)(limit >> 16 & 15) << 48 |
	       (u64)(base >> 24) << 56;
}

static inline void am_tables(struct am *a)
{
	enum { CODE = 0x9b, DATA = 0x93, FLAT = SEGA_G | SEGA_DB };
	bool lma = a->head.mode >= AM_LONG;
	u64 entry = lma || a->head.mode == AM_PROT32 ? AM_CODE : 0;
	u64 t[32] = {
		[1] = am_descriptor(0, 0xfffff, CODE | FLAT),
		[2] = am_descriptor(0, 0xfffff, DATA | FLAT),
		[3] = am_descriptor(0, 0xfffff, CODE | SEGA_G | SEGA_L),
		[4] = am_descriptor(AM_CODE, 0xffff, CODE),
		[5] = am_descriptor(AM_DATA, 0x3fff, DATA),
		[6] = am_descriptor(0, 0xfffff, CODE | SEGA_DPL | FLAT),
		[7] = am_descriptor(0, 0xfffff, DATA | SEGA_DPL | FLAT),
		[8] = am_descriptor(0, 0xfffff, CODE | SEGA_DPL | SEGA_G | SEGA_L),
		[9] = am_descriptor(AM_CODE, 0xffff, CODE | SEGA_DPL),
		[10] = am_descriptor(AM_DATA, 0xfff, DATA | SEGA_DPL | SEGA_CONFORM),
		[11] = am_descriptor(AM_TSS, 0x3ff, 0x8b),
		[13] = am_descriptor(AM_GDT + 0x200, 0x7f, 0x82),
		[15] = am_descriptor(0, 0xfffff, CODE | SEGA_CONFORM | FLAT),
		[16] = 0x0000ec0000080000ULL | (entry & 0xffff) | (entry >> 16) << 48, /* a call gate */
		[18] = 0x0000e50000580000ULL,                                          /* a task gate */
		[19] = am_descriptor(AM_TSS + 0x400, 0x67, 0x89),
		[20] = am_descriptor(0, 0xfffff, (DATA & ~SEGA_P) | FLAT),
	};
	u32 i;

	for (i = 21; i < 32; i++) {
		u64 x = am_next(a);

		t[i] = am_descriptor((u32)x & (x >> 63 ? 0x1ffff : ~0u), (u32)am_next(a) & 0xfffff, (u32)(x >> 32) & 0xf0ff);
	}
	for (i = 0; i < 32; i++) {
		mem_write_u64(&a->mem, AM_GDT + 8 * i, t[i]);
		/* The local table has the same, of all privileges. */
		if (i < 16)
			mem_write_u64(&a->mem, AM_GDT + 0x200 + 8 * i, t[i] ^ (am_next(a) & 3) << 45);
	}
	for (i = 0; i < 256; i++) { /* gates into the code, and real mode's vectors */
		u64 off = entry + am_below(a, 0x3000);
		u64 type = am_below(a, 8) ? 0xe : am_next(a) & 0x1f;
		u64 sel = lma ? 0x18 : 0x08;
		u64 gate = (off & 0xffff) | sel << 16 | type << 40 | (type * i & 0xe0) << 40 | BIT(47) | (off >> 16) << 48;

		if (lma) {
			mem_write_u64(&a->mem, AM_IDT + 16 * i, gate);
			mem_write_u64(&a->mem, AM_IDT + 16 * i + 8, 0);
		} else {
			mem_write_u64(&a->mem, AM_IDT + 8 * i, gate);
		}
		mem_write_u32(&a->mem, 4 * i, am_below(a, 0x3000) | AM_CODE << 12);
	}
	if (lma) {
		for (i = 0; i < 10; i++)
			mem_write_u64(&a->mem, AM_TSS + 4 + 8 * i, AM_STACK + 0x1000 + am_below(a, 0x800));
	} else {
		for (i = 0; i < 3; i++) {
			mem_write_u32(&a->mem, AM_TSS + 4 + 8 * i, AM_STACK + 0x1000 + am_below(a, 0x800));
			mem_write_u32(&a->mem, AM_TSS + 8 + 8 * i, 0x10 | i);
		}
		mem_write_u32(&a->mem, AM_TSS + 0x64, 0x68u << 16);
	}
}

/* Pages 0 to 39 are themselves, with any rights; 64 more above map any of them. */
static inline void am_paging(struct am *a)
{
	bool wide = a->head.mode != AM_PAGED32, strict = a->head.segs & 1;
	u64 user = PTE_P | PTE_W | PTE_U, l1 = AM_TABLES, size = wide ? 8 : 4;
	u32 i, levels = a->head.mode >= AM_LONG ? 3 : a->head.mode == AM_PAE ? 2 : 1;

	for (i = 0; i < levels; i++, l1 += PAGE_SIZE) {
		u64 e = (l1 + PAGE_SIZE) | (a->head.mode == AM_PAE && !i ? PTE_P : user);

		mem_write_u32(&a->mem, l1, (u32)e);
		if (wide && i + 1 < levels + (levels == 1)) {
			/* The same again in the high half, and a page directory of large pages beside it. */
			if (!i && levels == 3)
				mem_write_u64(&a->mem, l1 + 8 * 511, e);
			else if (am_next(a) & 1)
				mem_write_u64(&a->mem, l1 + 8, e);
		}
	}
	for (i = 0; i < 128; i++) {
		u64 e = (u64)i << PAGE_SHIFT | PTE_P | PTE_W | PTE_U;

		if (i >= AM_ALIAS >> PAGE_SHIFT)
			e = am_next(a) & 0x67;
		else if (strict && !am_below(a, 8))
			e ^= am_next(a) & 7;
		if (i >= AM_ALIAS >> PAGE_SHIFT)
			e |= (u64)am_below(a, AM_FRAMES + 2) << PAGE_SHIFT;
		if (wide && (a->start.efer & EFER_NXE) && !am_below(a, 6))
			e |= PTE_NX;
		if (i == AM_CODE >> PAGE_SHIFT)
			e = AM_CODE | PTE_P | PTE_W | PTE_U;
		if (wide)
			mem_write_u64(&a->mem, l1 + size * i, e);
		else
			mem_write_u32(&a->mem, l1 + size * i, (u32)e);
	}
}

/* The same of a VEX-encoded row. */
static inline u32 am_vex_insn(struct am *a, u8 *p)
{
	const struct oprow *r = &x86_vex_rows[1 + am_below(a, x86_vex_nrows - 1)];
	u32 op = r->opcode, n = 0, i;
	bool three = op > 0xffff && (op >> 16 & 0xff) == 0x0f;
	u32 mand = three ? op >> 24 : op >> 16, map = !three ? 1 : (op >> 8 & 0xff) == 0x38 ? 2 : 3;
	u32 pp = mand == 0x66 ? 1 : mand == 0xf3 ? 2 : mand == 0xf2 ? 3 : 0;
	u32 l = r->flags & VL1 ? 1 : r->flags & VL0 ? 0 : am_below(a, 2);
	u32 w = r->flags & VW1 ? 1 : r->flags & VW0 ? 0 : am_below(a, 2);
	u32 v = am_below(a, 16);
	bool uses = false;

	for (i = 0; i < 4; i++)
		uses = uses || r->op[i][0] == 'H' || r->op[i][0] == 'B';
	p[n++] = 0xc4;
	p[n++] = (u8)(0xe0 | map);
	if (a->head.mode == AM_LONG || a->head.mode == AM_LONG_USER)
		p[n - 1] ^= (u8)(am_below(a, 8) << 5);
	p[n++] = (u8)(w << 7 | ((uses ? v : 0) ^ 15) << 3 | l << 2 | pp);
	p[n++] = (u8)op;
	p[n] = (u8)am_below(a, 256);
	if (r->reg >= 0)
		p[n] = (u8)((p[n] & 0xc7) | r->reg << 3);
	if ((p[n] & 0xc0) == 0x80)
		p[n] ^= 0xc0;
	for (i = 0, n++; i < 2; i++)
		p[n++] = (u8)am_next(a);
	return n;
}

/* One instruction of a random row at p, which has room for 20. Returns the bytes. */
static inline u32 am_insn(struct am *a, u8 *p)
{
	static const u8 prefixes[] = { 0x66, 0x67, 0xf3, 0xf2, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0xf0 };
	const struct oprow *r = &x86_rows[1 + am_below(a, x86_nrows - 1)];
	u32 op = r->opcode, n = 0, m = op > 0xffff && (op >> 16 & 0xff) == 0x0f ? 3 : op > 0xff ? 2 : 1;
	bool wide = a->head.mode == AM_LONG || a->head.mode == AM_LONG_USER;

	if (!am_below(a, 8))
		return am_vex_insn(a, p);
	/* Jumps are rare in the table and common in code. */
	if (!am_below(a, 5)) {
		p[0] = (u8)(am_below(a, 4) ? 0x70 + am_below(a, 16) : 0xeb);
		p[1] = (u8)(am_below(a, 36) - 12);
		return 2;
	}
	while (!am_below(a, 4) && n < 4)
		p[n++] = prefixes[am_below(a, ARRAY_SIZE(prefixes) - (am_below(a, 8) ? 1 : 0))];
	if (op >> (m * 8) || (m == 3 && op >> 24))
		p[n++] = (u8)(op >> (m == 3 ? 24 : 16));
	if (wide && am_below(a, 2))
		p[n++] = (u8)(0x40 | am_below(a, 16));
	if (m > 1)
		p[n++] = 0x0f;
	if (m > 2)
		p[n++] = (u8)(op >> 8);
	p[n++] = (u8)op;
	m = r->modrm >= 0 ? (u32)r->modrm : am_below(a, 256);
	if (r->modrm < 0 && r->reg >= 0)
		m = (m & 0xc7) | (u32)r->reg << 3;
	if ((m & 0xc0) == 0x80 && am_below(a, 4))
		m ^= 0xc0; /* far displacements lead nowhere */
	p[n++] = (u8)m;
	p[n++] = (u8)am_below(a, 256);
	for (m = am_below(a, 9); m; m--)
		p[n++] = (u8)(am_below(a, 3) ? 0 : am_next(a));
	return n;
}

static inline void am_code(struct am *a, const u8 *code, size_t len)
{
	u8 *p = malloc(4 * PAGE_SIZE + 32);
	u32 at = 0, off = a->head.off | (a->head.off_hi & 15) << 8;
	size_t i;

	if (!p)
		abort();
	while (at < 4 * PAGE_SIZE)
		switch (a->head.code & 3) {
		case 0:
			p[at++] = (u8)am_next(a);
			break;
		case 1:
			if (len) {
				p[at] = code[at % len];
				at++;
				break;
			}
			/* fallthrough */
		default:
			at += am_insn(a, p + at);
			break;
		}
	for (i = 0; i < len && i < 1024; i++)
		p[(off + i) % (4 * PAGE_SIZE)] = code[i];
	if (mem_write(&a->mem, AM_CODE, p, 4 * PAGE_SIZE))
		abort();
	free(p);
}

static inline void am_seg(struct am *a, u32 sr, u16 sel)
{
	u64 d = mem_read_u64(&a->mem, AM_GDT + (sel & ~7u));
	struct x86_seg *s = &a->start.seg[sr];

	s->sel = sel;
	s->attr = (u16)(d >> 40 & 0xf0ff);
	s->base = (u32)(d >> 16 & 0xffffff) | (u32)(d >> 56) << 24;
	s->limit = (u32)(d & 0xffff) | (u32)(d >> 32 & 0xf0000);
	if (s->attr & SEGA_G)
		s->limit = s->limit << 12 | 0xfff;
	if (!(sel & ~3))
		*s = (struct x86_seg){ .sel = sel };
}

static inline void am_seg_real(struct am *a, u32 sr, u16 sel)
{
	a->start.seg[sr] = (struct x86_seg){ .sel = sel, .base = (u64)sel << 4, .limit = 0xffff,
					     .attr = SEGA_P | SEGA_S | SEGA_RW | SEGA_ACCESSED };
}

static inline void am_segments(struct am *a)
{
	static const u16 cs[AM_MODES] = { 0x1000, 0x1000, 0x20, 0x08, 0x20, 0x08, 0x08, 0x08, 0x18, 0x43, 0x33, 0x4b };
	struct x86_state *s = &a->start;
	u32 mode = a->head.mode, i;

	if (mode == AM_REAL || mode == AM_V86) {
		for (i = SEG_ES; i <= SEG_GS; i++)
			am_seg_real(a, i, (u16)(i == SEG_CS ? 0x1000 : i == SEG_SS ? 0x1700 : 0x1400));
		am_seg_real(a, SEG_ES, (u16)am_next(a) & 0x1fff);
		s->seg[SEG_CS].attr |= SEGA_CODE;
		if (mode == AM_V86)
			for (i = SEG_ES; i <= SEG_GS; i++)
				s->seg[i].attr = SEGA_P | SEGA_S | SEGA_RW | SEGA_ACCESSED | SEGA_DPL;
		else if (a->head.segs & 2) /* unreal */
			s->seg[SEG_DS].limit = s->seg[SEG_ES].limit = 0xffffffff;
	} else {
		bool sixteen = mode == AM_PROT16 || mode == AM_ODD16;

		am_seg(a, SEG_CS, cs[mode]);
		for (i = SEG_ES; i <= SEG_GS; i++)
			if (i != SEG_CS)
				am_seg(a, i, (u16)((cs[mode] & 3) ? 0x3b : sixteen ? 0x28 : 0x10));
		if (mode == AM_COMPAT16)
			am_seg(a, SEG_DS, 0x53);
		for (i = SEG_FS; i <= SEG_GS; i++)
			s->seg[i].base = mode >= AM_LONG ? am_below(a, 64) : s->seg[i].base;
		if (mode == AM_ODD16 || mode == AM_ODD32) {
			u16 type = SEGA_P | SEGA_S | SEGA_RW | SEGA_ACCESSED;

			for (i = SEG_ES; i <= SEG_GS; i++) {
				struct x86_seg *g = &s->seg[i];

				if (i == SEG_CS || !am_below(a, 3))
					continue;
				g->attr = (u16)(type | (am_next(a) & (SEGA_DB | SEGA_CONFORM | SEGA_G)));
				if (i != SEG_SS && !am_below(a, 4))
					g->attr ^= (u16)(am_next(a) & (SEGA_RW | SEGA_CODE));
				g->base = am_below(a, 0x18000);
				g->limit = am_below(a, 3) ? 0xfff : am_below(a, 0x8000);
				if (i != SEG_SS && !am_below(a, 8))
					*g = (struct x86_seg){ .sel = 0 };
			}
			if (a->head.segs & 4)
				s->seg[SEG_CS].limit = mode == AM_ODD16 ? 0x17ff : AM_CODE + 0x17ff;
		}
	}
	s->seg[SEG_LDTR] = (struct x86_seg){ .sel = 0x68, .base = AM_GDT + 0x200, .limit = 0x7f, .attr = SEGA_P | 2 };
	s->seg[SEG_TR] = (struct x86_seg){ .sel = 0x58, .base = AM_TSS, .limit = 0x3ff, .attr = SEGA_P | 11 };
	if (mode == AM_V86 || (cs[mode] & 3) == 3)
		s->cpl = 3;
}

/* The CPU's rip is a linear address, whatever CS's base. */
static inline u64 am_entry(u32 off)
{
	return AM_CODE + off;
}

/* Registers, whatever there is to be random in them. */
static inline void am_registers(struct am *a, u64 *r)
{
	bool low = a->start.seg[SEG_SS].base != 0;
	u32 i;

	for (i = 0; i < 16; i++)
		r[i] = am_value(a);
	r[RSP] = (low ? 0x1000 : AM_STACK + 0x1000) + 2 * am_below(a, 0x400);
	if (am_below(a, 4))
		r[RCX] &= 0x1f;
	if (a->head.mode < AM_LONG)
		for (i = 0; i < 16; i++)
			r[i] = i < 8 ? (u32)r[i] : 0;
}

static inline void am_control(struct am *a)
{
	struct x86_state *s = &a->start;
	u32 mode = a->head.mode, c0 = a->head.cr0, c4 = a->head.cr4;

	s->cr0 = CR0_ET | (c0 & 1 ? 0 : CR0_NE) | (c0 & 2 ? CR0_TS : 0) | (c0 & 4 ? CR0_EM : 0) | (c0 & 8 ? CR0_MP : 0) |
		 (c0 & 16 ? 0 : CR0_WP) | (c0 & 32 ? CR0_AM : 0) | (mode == AM_REAL ? 0 : CR0_PE);
	s->cr4 = (c4 & 1 ? 0 : CR4_OSFXSR | CR4_OSXMMEXCPT) | (c4 & 2 ? CR4_OSXSAVE : 0) | (c4 & 4 ? CR4_TSD | CR4_UMIP : 0) |
		 (c4 & 8 ? CR4_DE | CR4_PCE : 0) | (c4 & 16 ? CR4_VME | CR4_PVI : 0) | (c4 & 32 ? CR4_FSGSBASE : 0) |
		 (c4 & 64 ? CR4_PGE | CR4_PSE : 0) | (c4 & 128 && mode >= AM_LONG ? CR4_SMEP | CR4_SMAP : 0);
	s->xcr0 = c4 & 2 ? 7 : 1;
	if (mode >= AM_PAGED32) {
		s->cr0 |= CR0_PG;
		s->cr3 = AM_TABLES;
	}
	if (mode >= AM_PAE) {
		s->cr4 |= CR4_PAE;
		s->efer = am_next(a) & 1 ? EFER_NXE : 0;
	}
	if (mode >= AM_LONG)
		s->efer |= EFER_LMA | EFER_LME | (am_next(a) & 1 ? EFER_SCE : 0);
	s->gdt = (struct x86_dtr){ .base = AM_GDT, .limit = 0xff };
	s->idt = mode == AM_REAL ? (struct x86_dtr){ .limit = 0x3ff } : (struct x86_dtr){ .base = AM_IDT, .limit = 0xfff };
	s->star = 0x0033000800000000ULL | AM_CODE;
	s->lstar = s->cstar = AM_CODE + am_below(a, 0x3000);
	s->sfmask = am_next(a) & 0x4700;
	s->sysenter_cs = 8;
	s->sysenter_eip = AM_CODE + am_below(a, 0x3000);
	s->sysenter_esp = AM_STACK + 0x800;
	s->kernel_gs_base = AM_DATA;
}

static inline void am_fpu(struct am *a)
{
	struct x86_fpu *f = &a->start.fpu;
	u32 i, n;

	f->cw = am_below(a, 4) ? 0x37f : (u16)(am_next(a) & 0xf7f) | 0x40;
	f->mxcsr = am_below(a, 4) ? 0x1f80 : (u32)am_next(a) & 0xffff;
	f->sw = am_below(a, 4) ? 0 : (u16)(am_next(a) & 0x477f);
	f->top = (u8)am_below(a, 8);
	f->tag = (u8)am_next(a);
	for (i = 0; i < 8; i++) {
		f->st[i].mant = am_next(a);
		f->st[i].mant |= am_below(a, 4) ? BIT(63) : 0;
		f->st[i].se = (u16)(am_below(a, 3) ? 0x3ff0 + am_below(a, 64) : am_next(a));
	}
	for (i = 0; i < 16; i++)
		for (n = 0; n < 2; n++)
			a->start.vec[i].q[n] = am_below(a, 3) ? am_next(a) : 0x3f8000003f800000ULL + am_below(a, 9);
}

static inline bool am_trap(struct x86 *c, const struct x86_trap *t)
{
	struct am *a = (struct am *)(void *)c;
	u64 h = a->trap_hash;

	h = hash_u64(h, t->vector | (u64)t->has_error << 8 | (u64)t->soft << 9);
	h = hash_u64(h, t->has_error ? t->error : 0);
	h = hash_u64(h, t->rip);
	h = hash_u64(h, t->vector == X86_PF ? t->cr2 : t->vector == X86_DB ? t->dr6 : 0);
	h = hash_u64(h, x86_icount(c));
	a->trap_hash = h;
	if (++a->traps == AM_TRAPS)
		return false;
	/* On, elsewhere; now and then as it was at the start, else the modes that were reached would be left for good. */
	x86_sync(c);
	if (a->traps % 3 == 0) {
		struct x86_state s = a->start;

		s.fpu = c->s.fpu;
		memcpy(s.vec, c->s.vec, sizeof s.vec);
		c->s = s;
	} else {
		c->s.rflags &= ~(u64)(FL_TF | FL_NT);
	}
	am_registers(a, c->s.gpr);
	c->s.rip = am_entry(am_below(a, 0x3800));
	x86_load(c);
	return true;
}

static inline u64 am_tsc(struct x86 *c)
{
	return x86_icount(c) * 3;
}

static inline void am_cpuid(struct x86 *c, u32 leaf, u32 subleaf, u32 out[4])
{
	out[0] = leaf;
	out[1] = subleaf;
	out[2] = 0x12345678;
	out[3] = ~leaf;
}

static inline u32 am_in(struct x86 *c, u16 port, u32 size)
{
	return port * 0x9e3779b1u >> (32 - 8 * size);
}

static inline void am_out(struct x86 *c, u16 port, u32 size, u32 v)
{
	struct am *a = (struct am *)(void *)c;

	a->trap_hash = hash_u64(a->trap_hash, port | (u64)size << 16 | (u64)v << 32);
}

static inline int am_priv(struct x86 *c, enum x86_priv what, u32 reg, u64 *val)
{
	struct am *a = (struct am *)(void *)c;

	a->trap_hash = hash_u64(a->trap_hash, (u64)what << 32 | reg);
	if (what & 1)
		return X86_GP;
	if (val && (what == PRIV_RDMSR || what == PRIV_MOV_FROM_CR || what == PRIV_MOV_FROM_DR || what == PRIV_IN))
		*val = reg * 77;
	return -1;
}

/* head.how bit 0: exceptions go through the machine's own tables; bit 1: privileged instructions to am_priv(). */
static const struct x86_ops am_ops[4] = {
	{ .trap = am_trap, .tsc = am_tsc, .cpuid = am_cpuid, .in = am_in, .out = am_out },
	{ .tsc = am_tsc, .cpuid = am_cpuid, .in = am_in, .out = am_out },
	{ .trap = am_trap, .tsc = am_tsc, .cpuid = am_cpuid, .in = am_in, .out = am_out, .priv = am_priv },
	{ .tsc = am_tsc, .cpuid = am_cpuid, .in = am_in, .out = am_out, .priv = am_priv },
};

static inline void am_code_written(void *opaque, struct frame *f, u32 off, u32 len)
{
	struct am *a = opaque;

	code_written(a->cc, f, off, len);
}

static inline void am_code_unmapped(void *opaque)
{
	struct am *a = opaque;

	x86_code_unmapped(&a->cpu);
}

static const struct mem_hooks am_hooks = { am_code_written, am_code_unmapped };

static inline void am_head_read(struct am *a, const u8 *p, size_t n)
{
	u8 b[AM_HEAD] = { 0 };

	memcpy(b, p, MIN(n, sizeof b));
	a->head = (struct am_head){ b[0] % AM_MODES, b[1], b[2], b[3], b[4], b[5], b[6], b[7], ld64(b + 8) };
	a->rng = a->head.seed;
}

/* A machine as these bytes say. NULL: no memory. */
static inline struct am *am_new(const u8 *bytes, size_t n, enum am_way way)
{
	struct am *a = calloc(1, sizeof *a);
	struct x86_state *s;
	bool seg16;
	u64 i, v;

	if (!a)
		return NULL;
	log_init(&a->log);
	if (frame_pool_init(&a->pool) || mem_init(&a->mem, &a->pool, AM_FRAMES))
		abort();
	a->mem.hooks = &am_hooks;
	a->mem.opaque = a;
	for (i = 0; i < AM_FRAMES; i++)
		if (mem_add(&a->mem, i))
			abort();
	a->cc = code_cache_new(way == AM_PLAIN ? 512 << 10 : 0x10000);
	a->pool.code_dropped = code_drop_frame;
	a->pool.opaque = a->cc;
	if (!a->cc || x86_init(&a->cpu, &a->mem, a->cc, &a->log))
		abort();
	am_head_read(a, bytes, n);
	a->cpu.ops = &am_ops[a->head.how & 3];
	a->cpu.cpu.uncached = way == AM_STEP;
	a->trap_hash = HASH_SEED;
	a->start = a->cpu.s;
	s = &a->start;
	seg16 = a->head.mode == AM_REAL || a->head.mode == AM_V86 || a->head.mode == AM_PROT16 || a->head.mode == AM_ODD16 ||
		a->head.mode == AM_COMPAT16;
	am_control(a);
	am_tables(a);
	am_segments(a);
	if (s->cr0 & CR0_PG)
		am_paging(a);
	for (i = 0; i < 4 * PAGE_SIZE; i += 8) {
		v = am_value(a);
		mem_write_u64(&a->mem, AM_DATA + i, v);
		mem_write_u64(&a->mem, AM_STACK + i, am_below(a, 3) ? v : seg16 ? v & 0x3fff : am_entry((u32)v & 0x3fff));
	}
	am_code(a, bytes + MIN(n, AM_HEAD), n - MIN(n, AM_HEAD));
	am_fpu(a);
	am_registers(a, s->gpr);
	s->rip = am_entry(a->head.off | (a->head.off_hi & 15) << 8);
	s->rflags = (am_next(a) & (FL_ARITH | FL_DF)) | FL_FIXED1 | (a->head.how & 4 ? FL_TF : 0) |
		    (a->head.how & 8 ? FL_AC : 0) | (a->head.how & 16 ? FL_IOPL : 0) | (a->head.mode == AM_V86 ? FL_VM : 0) |
		    (a->head.how & 32 ? FL_IF : 0);
	if (a->head.how >= 0xc0) { /* breakpoints */
		for (i = 0; i < 4; i++)
			s->dr[i] = i & 1 ? AM_DATA + am_below(a, 0x2000) : AM_CODE + am_below(a, 0x1000);
		s->dr[7] = 0x4ff | (u64)(u32)am_next(a) << 16;
	}
	a->cpu.s = *s;
	x86_load(&a->cpu);
	return a;
}

static inline void am_free(struct am *a)
{
	x86_exit(&a->cpu);
	mem_free(&a->mem);
	code_cache_free(a->cc);
	frame_pool_free(&a->pool);
	free(a);
}

/* At most n instructions. */
static inline void am_run(struct am *a, u64 n, enum am_way way)
{
	u64 r = a->head.seed, done;
	u32 idle = 0;

	a->why = CPU_BUDGET;
	while ((done = x86_icount(&a->cpu)) < n && a->why == CPU_BUDGET && idle < 1000) {
		u64 slice = n - done;

		if (way != AM_PLAIN) {
			r = r * 6364136223846793005ULL + 1442695040888963407ULL;
			slice = MIN(slice, 1 + (r >> 33) % (way == AM_STEP ? 5 : 60));
		}
		a->why = x86_run(&a->cpu, slice);
		idle = x86_icount(&a->cpu) == done ? idle + 1 : 0;
	}
	x86_sync(&a->cpu);
}

/* All that the guest can observe. */
static inline u64 am_hash(struct am *a)
{
	u64 h = state_hash(&x86_state_desc, &a->cpu.s, HASH_SEED);

	h = state_hash(&x86_sys_desc, &a->cpu.sys, h);
	h = mem_hash(&a->mem, h);
	h = hash_u64(h, a->trap_hash);
	h = hash_u64(h, a->traps);
	h = hash_u64(h, (u64)a->why);
	return hash_u64(h, x86_icount(&a->cpu));
}

#endif
