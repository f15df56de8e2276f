/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Instructions on segment registers and descriptor tables: MOV, PUSH and POP of segment registers, LES..LGS, LAR LSL VERR
 * VERW ARPL, the FS/GS base instructions, SWAPGS, LGDT.. STR. SDM 2A and 2B, SDM 3A chapters 3 and 5.
 */
#include "cpu/x86/flags.h"
#include "cpu/x86/opcodes.h"
#include "cpu/x86/seg.h"
#include "cpu/x86/stack.h"
#include "cpu/x86/xlat.h"

/* After a segment load: decoding may depend on it. */
static const struct insn *seg_loaded(struct x86 *c, const struct insn *i)
{
	x86_mode_changed(c);
	return leave_after(c, i, BX_LOOKUP);
}

/* By MOV and POP. SS so loaded holds interrupts and debug exceptions off for one instruction, which runs alone: SDM 3A 6.8.3. */
static const struct insn *seg_moved(struct x86 *c, const struct insn *i)
{
	if (i->aux != SEG_SS)
		return seg_loaded(c, i);
	c->s.shadow = SHADOW_SS;
	x86_mode_changed(c);
	return leave_after(c, i, c->native ? BX_LOOKUP : BX_EXACT);
}

static HANDLER(op_mov_to_seg)
{
	u64 sel = G16(c, i->dst);

	if (i->src) {
		if (!slow_load(c, EA(c, i), 2))
			return raise_fault(c, i);
		sel = c->tmp[0];
	}
	if (!seg_load(c, i->aux, (u16)sel))
		return raise_noted(c, i);
	return seg_moved(c, i);
}

bool x86_emit_mov_to_seg(struct xlat *x, const struct xi *dec)
{
	struct insn *r;

	if (dec->reg3 > 5 || dec->reg3 == SEG_CS)
		return emit_ud(x, dec);
	r = emit(x, dec, op_mov_to_seg);
	r->aux = dec->reg3;
	r->dst = OFF16(dec->rm);
	r->src = dec->mem;
	return true;
}

static HANDLER(op_mov_from_seg)
{
	u16 sel = c->s.seg[i->aux].sel;

	if (i->src) {
		STORE16(EA(c, i), sel);
		NEXT;
	}
	if (i->scale == 2)
		SET16(c, i->dst, sel);
	else
		c->r[i->dst / 8] = sel;
	NEXT;
}

bool x86_emit_mov_from_seg(struct xlat *x, const struct xi *dec)
{
	struct insn *r;

	if (dec->reg3 > 5)
		return emit_ud(x, dec);
	r = emit(x, dec, op_mov_from_seg);
	r->aux = dec->reg3;
	r->src = dec->mem;
	if (!dec->mem) {
		r->dst = xi_off(dec, dec->rm, dec->opsz);
		r->scale = dec->opsz;
	}
	return true;
}

static u8 named_seg(const char *name)
{
	switch (name[0]) {
	case 'E':
		return SEG_ES;
	case 'C':
		return SEG_CS;
	case 'S':
		return SEG_SS;
	case 'D':
		return SEG_DS;
	case 'F':
		return SEG_FS;
	default:
		return SEG_GS;
	}
}

static HANDLER(op_push_seg)
{
	if (!push_selector(c, c->s.seg[i->aux].sel, i->src))
		return raise_fault(c, i);
	NEXT;
}

bool x86_emit_push_seg(struct xlat *x, const struct xi *dec)
{
	struct insn *r = emit(x, dec, op_push_seg);

	r->aux = named_seg(dec->row->op[0]);
	r->src = dec->opsz;
	return true;
}

static HANDLER(op_pop_seg)
{
	u64 old = c->r[RSP];
	u64 after;

	if (!pop_selector(c, i->src, &c->tmp[1]))
		return raise_fault(c, i);
	/* POP SS moves the stack pointer by the old segment's width. */
	after = c->r[RSP];
	c->r[RSP] = old;
	if (!seg_load(c, i->aux, (u16)c->tmp[1]))
		return raise_noted(c, i);
	c->r[RSP] = after;
	return seg_moved(c, i);
}

bool x86_emit_pop_seg(struct xlat *x, const struct xi *dec)
{
	struct insn *r = emit(x, dec, op_pop_seg);

	r->aux = named_seg(dec->row->op[0]);
	r->src = dec->opsz;
	return true;
}

/* LES, LDS, LSS, LFS, LGS: aux is the segment register, src the offset's size. */
static HANDLER(op_load_far)
{
	u64 ea = EA(c, i);
	u64 off;

	if (!slow_load(c, ea, i->src))
		return raise_fault(c, i);
	off = c->tmp[0];
	if (!slow_load(c, ea + i->src, 2))
		return raise_fault(c, i);
	if (!seg_load(c, i->aux, (u16)c->tmp[0]))
		return raise_noted(c, i);
	if (i->src == 2)
		SET16(c, i->dst, off);
	else
		c->r[i->dst / 8] = off;
	return seg_loaded(c, i);
}

static bool emit_load_far(struct xlat *x, const struct xi *dec, u8 sr)
{
	struct insn *r = emit(x, dec, op_load_far);

	r->aux = sr;
	r->src = dec->opsz;
	r->dst = xi_off(dec, dec->reg, dec->opsz);
	x->end = true;
	return true;
}

#define EMIT_LFAR(name, sr)                                                                                          \
	bool x86_emit_##name(struct xlat *x, const struct xi *dec)                                                   \
	{                                                                                                            \
		return emit_load_far(x, dec, sr);                                                                    \
	}
EMIT_LFAR(les, SEG_ES)
EMIT_LFAR(lds, SEG_DS)
EMIT_LFAR(lss, SEG_SS)
EMIT_LFAR(lfs, SEG_FS)
EMIT_LFAR(lgs, SEG_GS)

/* ---- looking at descriptors ----------------------------------------------------------------------------------------- */

/*
 * Whether a descriptor may be looked at, and its attributes (what 0), limit (1); what 2: readable, 3: writable. -1: a
 * fault is noted, 0 no, 1 yes.
 */
static NOINLINE int look(struct x86 *c, u16 sel, u32 what)
{
	struct x86_seg s;
	u64 raw;
	u32 t;

	if (!(sel & ~3u))
		return 0;
	switch (desc_find(c, sel, &raw)) {
	case DESC_NONE:
		return 0;
	case DESC_FAULT:
		return -1;
	case DESC_OK:
		break;
	}
	s = desc_unpack(sel, raw);
	t = s.attr & SEGA_TYPE;
	if (!(s.attr & SEGA_S)) {
		u32 types = long_mode(c) ? BIT(2) | BIT(9) | BIT(11) : BIT(1) | BIT(2) | BIT(3) | BIT(9) | BIT(11);

		if (what == 0)
			types |= long_mode(c) ? BIT(12) : BIT(4) | BIT(5) | BIT(12);
		if (what > 1 || !(types >> t & 1))
			return 0;
	} else if (what == 2 ? (s.attr & SEGA_CODE) && !(s.attr & SEGA_RW)
			     : what == 3 && ((s.attr & SEGA_CODE) || !(s.attr & SEGA_RW))) {
		return 0;
	}
	if ((s.attr & (SEGA_S | SEGA_CODE | SEGA_CONFORM)) != (SEGA_S | SEGA_CODE | SEGA_CONFORM) &&
	    (c->s.cpl > dpl_of(&s) || (sel & 3u) > dpl_of(&s)))
		return 0;
	c->tmp[1] = what ? s.limit : raw >> 32 & 0x00ffff00;
	return 1;
}

/* LAR (aux 0), LSL (1), VERR (2), VERW (3): ZF tells whether the descriptor may be looked at. */
static HANDLER(op_look)
{
	u64 sel = G16(c, i->src);
	int ok;

	if (i->imm & 0x100) {
		if (!slow_load(c, EA(c, i), 2))
			return raise_fault(c, i);
		sel = c->tmp[0];
	}
	ok = look(c, (u16)sel, i->aux);
	if (ok < 0)
		return raise_noted(c, i);
	flags_set_all(c, (flags_eval(c) & ~(u32)FL_ZF) | (ok ? FL_ZF : 0));
	if (ok && i->aux < 2) {
		if ((i->imm & 0xff) == 2)
			SET16(c, i->dst, c->tmp[1]);
		else
			c->r[i->dst / 8] = c->tmp[1];
	}
	return leave_after(c, i, BX_LOOKUP);
}

static bool emit_look(struct xlat *x, const struct xi *dec, u8 what)
{
	struct insn *r;

	if (!(x->key & KEY_PE) || (x->key & KEY_VM))
		return emit_ud(x, dec);
	r = emit(x, dec, op_look);
	r->aux = what;
	r->dst = xi_off(dec, dec->reg, dec->opsz);
	r->src = OFF16(dec->rm);
	r->imm = dec->opsz | (dec->mem ? 0x100u : 0);
	x->end = true;
	return true;
}

bool x86_emit_lar(struct xlat *x, const struct xi *dec)
{
	return emit_look(x, dec, 0);
}

bool x86_emit_lsl(struct xlat *x, const struct xi *dec)
{
	return emit_look(x, dec, 1);
}

bool x86_emit_verr(struct xlat *x, const struct xi *dec)
{
	return emit_look(x, dec, 2);
}

bool x86_emit_verw(struct xlat *x, const struct xi *dec)
{
	return emit_look(x, dec, 3);
}

/* ---- FS and GS bases ---------------------------------------------------------------------------------------------------- */

/* aux: SEG_FS or SEG_GS, bit 7: write; src: operand size. */
static HANDLER(op_segbase)
{
	u32 sr = i->aux & 15;
	u64 v;

	if (!(c->s.cr4 & CR4_FSGSBASE))
		RAISE(X86_UD, 0);
	if (!(i->aux & 0x80)) {
		v = c->s.seg[sr].base;
		c->r[i->dst / 8] = i->src != 8 ? (u32)v : v;
		NEXT;
	}
	v = i->src != 8 ? (u32)c->r[i->dst / 8] : c->r[i->dst / 8];
	if (!canonical(c, v))
		RAISE(X86_GP, 0);
	c->s.seg[sr].base = c->r[REG_ES + sr] = v;
	NEXT;
}

static bool emit_segbase(struct xlat *x, const struct xi *dec, u8 what)
{
	struct insn *r = emit(x, dec, op_segbase);

	r->aux = what;
	r->src = dec->opsz;
	r->dst = OFF64(dec->rm);
	return true;
}

bool x86_emit_rdfsbase(struct xlat *x, const struct xi *dec)
{
	return emit_segbase(x, dec, SEG_FS);
}

bool x86_emit_rdgsbase(struct xlat *x, const struct xi *dec)
{
	return emit_segbase(x, dec, SEG_GS);
}

bool x86_emit_wrfsbase(struct xlat *x, const struct xi *dec)
{
	return emit_segbase(x, dec, SEG_FS | 0x80);
}

bool x86_emit_wrgsbase(struct xlat *x, const struct xi *dec)
{
	return emit_segbase(x, dec, SEG_GS | 0x80);
}

static HANDLER(op_swapgs)
{
	u64 v = c->s.seg[SEG_GS].base;

	if (c->s.cpl) {
		int rc = X86_GP;

		if (c->ops->priv) {
			c->cur = i;
			rc = c->ops->priv(c, PRIV_SWAPGS, 0, NULL);
			c->cur = NULL;
		}
		if (rc >= 0)
			RAISE((u8)rc, 0);
		return leave_after(c, i, BX_LOOKUP);
	}
	c->s.seg[SEG_GS].base = c->r[REG_GS] = c->s.kernel_gs_base;
	c->s.kernel_gs_base = v;
	return leave_after(c, i, BX_LOOKUP);
}

bool x86_emit_swapgs(struct xlat *x, const struct xi *dec)
{
	emit(x, dec, op_swapgs);
	return true;
}

/* ---- descriptor tables ---------------------------------------------------------------------------------------------------- */

/* SGDT (0), SIDT (1), LGDT (2), LIDT (3). */
static HANDLER(op_table)
{
	struct x86_dtr *t = i->aux & 1 ? &c->s.idt : &c->s.gdt;
	u32 n = c->mode_key & KEY_CS64 ? 8 : 4;
	u64 ea = EA(c, i);
	u8 b[10];

	if (i->aux >= 2) {
		if (c->s.cpl)
			RAISE(X86_GP, 0);
		if (!load_bytes(c, ea, b, 2 + n))
			return raise_fault(c, i);
		if (n == 8 && !canonical(c, ld64(b + 2)))
			RAISE(X86_GP, 0);
		t->base = n == 8 ? ld64(b + 2) : i->src == 2 ? ld32(b + 2) & 0xffffff : ld32(b + 2);
		t->limit = ld16(b);
		return leave_after(c, i, BX_LOOKUP);
	}
	if ((c->s.cr4 & CR4_UMIP) && c->s.cpl)
		RAISE(X86_GP, 0);
	st16(b, (u16)t->limit);
	st64(b + 2, t->base);
	if (!aligned(c, ea, 4) || !store_bytes(c, ea, b, 2 + n))
		return raise_fault(c, i);
	return leave_after(c, i, BX_LOOKUP);
}

static bool emit_table(struct xlat *x, const struct xi *dec, u8 what)
{
	struct insn *r = emit(x, dec, op_table);

	r->aux = what;
	r->src = dec->opsz;
	x->end = true;
	return true;
}

bool x86_emit_sgdt(struct xlat *x, const struct xi *dec)
{
	return emit_table(x, dec, 0);
}

bool x86_emit_sidt(struct xlat *x, const struct xi *dec)
{
	return emit_table(x, dec, 1);
}

bool x86_emit_lgdt(struct xlat *x, const struct xi *dec)
{
	return emit_table(x, dec, 2);
}

bool x86_emit_lidt(struct xlat *x, const struct xi *dec)
{
	return emit_table(x, dec, 3);
}

/* SLDT and STR. */
static HANDLER(op_sldt)
{
	u16 sel = c->s.seg[i->aux].sel;

	if ((c->s.cr4 & CR4_UMIP) && c->s.cpl)
		RAISE(X86_GP, 0);
	if (i->src) {
		STORE16(EA(c, i), sel);
		NEXT;
	}
	if (i->imm == 2)
		SET16(c, i->dst, sel);
	else
		c->r[i->dst / 8] = sel;
	NEXT;
}

static bool emit_sldt(struct xlat *x, const struct xi *dec, u8 sr)
{
	struct insn *r;

	if (!(x->key & KEY_PE) || (x->key & KEY_VM))
		return emit_ud(x, dec);
	r = emit(x, dec, op_sldt);
	r->aux = sr;
	r->src = dec->mem;
	r->dst = xi_off(dec, dec->rm, dec->opsz);
	r->imm = dec->opsz;
	return true;
}

bool x86_emit_sldt(struct xlat *x, const struct xi *dec)
{
	return emit_sldt(x, dec, SEG_LDTR);
}

bool x86_emit_str(struct xlat *x, const struct xi *dec)
{
	return emit_sldt(x, dec, SEG_TR);
}

/* LLDT and LTR. */
static NOINLINE bool load_system(struct x86 *c, u32 sr, u16 sel)
{
	u32 err = sel & ~3u;
	struct x86_seg s;
	u64 raw, high = 0;
	u32 type;

	if (!err) {
		if (sr == SEG_TR)
			return x86_fault(c, X86_GP, 0);
		c->s.seg[SEG_LDTR] = (struct x86_seg){ .sel = sel };
		return true;
	}
	if (sel & 4)
		return x86_fault(c, X86_GP, err);
	if (!desc_get(c, sel, &raw, X86_GP, 0))
		return false;
	s = desc_unpack(sel, raw);
	type = s.attr & (SEGA_S | SEGA_TYPE);
	if (sr == SEG_LDTR ? type != 2 : type != 9 && !(type == 1 && !long_mode(c)))
		return x86_fault(c, X86_GP, err);
	if (!(s.attr & SEGA_P))
		return x86_fault(c, X86_NP, err);
	if (long_mode(c)) {
		if (!desc_get_high(c, sel, &high, X86_GP, 0))
			return false;
		s.base |= high << 32;
		if (!canonical(c, s.base) || (high >> 40 & 0x1f))
			return x86_fault(c, X86_GP, err);
	}
	if (sr == SEG_TR) {
		if (!desc_busy(c, sel, true))
			return false;
		s.attr |= 2;
	}
	c->s.seg[sr] = s;
	return true;
}

static HANDLER(op_lldt)
{
	u64 sel = G16(c, i->dst);

	if (c->s.cpl)
		RAISE(X86_GP, 0);
	if (i->src) {
		if (!slow_load(c, EA(c, i), 2))
			return raise_fault(c, i);
		sel = c->tmp[0];
	}
	if (!load_system(c, i->aux, (u16)sel))
		return raise_noted(c, i);
	return leave_after(c, i, BX_LOOKUP);
}

static bool emit_lldt(struct xlat *x, const struct xi *dec, u8 sr)
{
	struct insn *r;

	if (!(x->key & KEY_PE) || (x->key & KEY_VM))
		return emit_ud(x, dec);
	r = emit(x, dec, op_lldt);
	r->aux = sr;
	r->src = dec->mem;
	r->dst = OFF16(dec->rm);
	x->end = true;
	return true;
}

bool x86_emit_lldt(struct xlat *x, const struct xi *dec)
{
	return emit_lldt(x, dec, SEG_LDTR);
}

bool x86_emit_ltr(struct xlat *x, const struct xi *dec)
{
	return emit_lldt(x, dec, SEG_TR);
}

/* ARPL outside of 64-bit mode, SDM 2A. */
TWIN(op_arpl,
	u16 dst, src = G16(c, i->src);
	u32 fl, sr = i->seg - REG_ES;
	u64 ea = (u32)EA(c, i), off = (u32)(ea - c->r[i->seg]);

	if (i->aux) {
		dst = G16(c, i->dst);
	} else {
		if (!seg_ok(c, &c->s.seg[sr], off, 2, false))
			RAISE(sr == SEG_SS ? X86_SS : X86_GP, 0);
		TLOAD16(dst, ea);
	}
	fl = flags_eval(c) & ~(u32)FL_ZF;
	if ((dst & 3) < (src & 3)) {
		dst = (u16)((dst & ~3u) | (src & 3));
		fl |= FL_ZF;
		if (i->aux) {
			SET16(c, i->dst, dst);
		} else {
			/* Only what is written must be writable. */
			if (!seg_ok(c, &c->s.seg[sr], off, 2, true))
				RAISE(sr == SEG_SS ? X86_SS : X86_GP, 0);
			TSTORE16(ea, dst);
		}
	}
	flags_set_all(c, fl);
	NEXT;
)

bool emit_arpl(struct xlat *x, const struct xi *dec)
{
	struct insn *r;

	if (!(x->key & KEY_PE) || (x->key & KEY_VM))
		return emit_ud(x, dec);
	r = emit(x, dec, op_arpl);
	r->src = xi_off(dec, dec->reg, 2);
	r->dst = xi_off(dec, dec->rm, 2);
	r->aux = !dec->mem;
	return true;
}
