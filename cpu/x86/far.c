/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Segment registers and far transfers: MOV and POP to segment registers, LES..LGS, far JMP CALL RET, IRET, LAR LSL VERR
 * VERW, the FS/GS base instructions and SWAPGS. SDM 3A chapters 3, 5 and 6. Transfers stay within one privilege level
 * but for IRET and RETF to an outer one; leaves out call gates and task switches.
 */
#include "cpu/x86/block.h"
#include "cpu/x86/flags.h"
#include "cpu/x86/opcodes.h"
#include "cpu/x86/stack.h"
#include "cpu/x86/xlat.h"

static bool real_mode(const struct cpu *c)
{
	return !(c->mode_key & KEY_PE) || (c->mode_key & KEY_VM);
}

/* The descriptor of a selector. False: outside of its table, or not readable. */
static bool descriptor(struct cpu *c, u16 sel, u64 *raw)
{
	u64 base = sel & 4 ? c->s.seg[SEG_LDTR].base : c->s.gdt.base;
	u32 limit = sel & 4 ? c->s.seg[SEG_LDTR].limit : c->s.gdt.limit;
	struct mmu_fault f;
	bool user = c->mmu.user;
	u8 b[8];
	int rc;

	if (c->ops->descriptor)
		return c->ops->descriptor(c, sel, raw);
	if ((sel & ~7u) + 7 > limit)
		return false;
	/* Tables are read with supervisor rights. */
	c->mmu.user = false;
	if (user)
		mmu_update(&c->mmu);
	rc = mmu_read(&c->mmu, base + (sel & ~7u), b, 8, &f);
	c->mmu.user = user;
	if (user)
		mmu_update(&c->mmu);
	*raw = ld64(b);
	return rc == 0;
}

static struct x86_seg unpack(u16 sel, u64 raw)
{
	struct x86_seg s;

	s.sel = sel;
	s.base = (raw >> 16 & 0xffffff) | (raw >> 56 & 0xff) << 24;
	s.attr = (u16)(raw >> 40 & 0xf0ff);
	s.limit = (u32)((raw & 0xffff) | (raw >> 32 & 0xf0000));
	if (s.attr & SEGA_G)
		s.limit = s.limit << 12 | 0xfff;
	return s;
}

static u32 dpl_of(const struct x86_seg *s)
{
	return s->attr >> 5 & 3;
}

static void put_seg(struct cpu *c, enum x86_segreg sr, const struct x86_seg *s)
{
	cpu_set_seg(c, sr, s->sel, s->base, s->limit, s->attr);
}

/* Loads a data or stack segment register. -1, or the vector with *err. SDM 2B MOV. */
static int load_seg(struct cpu *c, enum x86_segreg sr, u16 sel, u32 *err)
{
	struct x86_seg s;
	u32 rpl = sel & 3;
	u64 raw;
	bool readable;

	*err = sel & ~3u;
	if (real_mode(c)) {
		c->s.seg[sr].sel = sel;
		c->s.seg[sr].base = (u64)sel << 4;
		c->r[REG_ES + sr] = (u64)sel << 4;
		return -1;
	}
	if (!(sel & ~3u)) {
		if (sr == SEG_SS && !((c->mode_key & KEY_CS64) && c->s.cpl < 3 && rpl == c->s.cpl)) {
			*err = 0;
			return X86_GP;
		}
		/* A NULL selector: the base stays in 64-bit mode for FS and GS on some processors; it is cleared here. */
		cpu_set_seg(c, sr, sel, 0, 0, sr == SEG_SS ? (u16)(SEGA_DB | rpl << 5) : 0);
		return -1;
	}
	if (!descriptor(c, sel, &raw))
		return X86_GP;
	s = unpack(sel, raw);
	if (!(s.attr & SEGA_S))
		return X86_GP;
	if (sr == SEG_SS) {
		if (rpl != c->s.cpl || (s.attr & SEGA_CODE) || !(s.attr & SEGA_RW) || dpl_of(&s) != c->s.cpl)
			return X86_GP;
		if (!(s.attr & SEGA_P))
			return X86_SS;
	} else {
		readable = !(s.attr & SEGA_CODE) || (s.attr & SEGA_RW);
		if (!readable)
			return X86_GP;
		if ((s.attr & (SEGA_CODE | SEGA_CONFORM)) != (SEGA_CODE | SEGA_CONFORM) &&
		    (rpl > dpl_of(&s) || c->s.cpl > dpl_of(&s)))
			return X86_GP;
		if (!(s.attr & SEGA_P))
			return X86_NP;
	}
	s.attr |= SEGA_ACCESSED;
	put_seg(c, sr, &s);
	return -1;
}

int cpu_load_data_seg(struct cpu *c, enum x86_segreg sr, u16 sel, u32 *err)
{
	int v = load_seg(c, sr, sel, err);

	return v < 0 ? 0 : v;
}

/* After a segment load: decoding may depend on it. */
static const struct insn *seg_loaded(struct cpu *c, const struct insn *i)
{
	cpu_mode_changed(c);
	return leave_after(c, i, BX_LOOKUP);
}

static HANDLER(op_mov_to_seg)
{
	u64 sel = G16(c, i->dst);
	u32 err;
	int v;

	if (i->src) {
		if (!slow_load(c, EA(c, i), 2))
			return raise_fault(c, i);
		sel = c->tmp[0];
	}
	v = load_seg(c, i->aux, (u16)sel, &err);
	if (v >= 0)
		RAISE((u8)v, err);
	return seg_loaded(c, i);
}

bool x86_emit_mov_to_seg(struct xlat *x, const struct xi *d)
{
	struct insn *r;

	if (d->reg3 > 5 || d->reg3 == SEG_CS)
		return emit_ud(x, d);
	r = emit(x, d, op_mov_to_seg);
	r->aux = d->reg3;
	r->dst = OFF16(d->rm);
	r->src = d->mem;
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

bool x86_emit_mov_from_seg(struct xlat *x, const struct xi *d)
{
	struct insn *r;

	if (d->reg3 > 5)
		return emit_ud(x, d);
	r = emit(x, d, op_mov_from_seg);
	r->aux = d->reg3;
	r->src = d->mem;
	if (!d->mem) {
		r->dst = xi_off(d, d->rm, d->opsz);
		r->scale = d->opsz;
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
	if (!push_any(c, c->s.seg[i->aux].sel, i->src))
		return raise_fault(c, i);
	NEXT;
}

bool x86_emit_push_seg(struct xlat *x, const struct xi *d)
{
	struct insn *r = emit(x, d, op_push_seg);

	r->aux = named_seg(d->row->op[0]);
	r->src = d->opsz;
	return true;
}

static HANDLER(op_pop_seg)
{
	u64 old = c->r[RSP];
	u64 sel;
	u32 err;
	int v;

	if (!pop_any(c, i->src, &sel))
		return raise_fault(c, i);
	v = load_seg(c, i->aux, (u16)sel, &err);
	if (v >= 0) {
		c->r[RSP] = old;
		RAISE((u8)v, err);
	}
	return seg_loaded(c, i);
}

bool x86_emit_pop_seg(struct xlat *x, const struct xi *d)
{
	struct insn *r = emit(x, d, op_pop_seg);

	r->aux = named_seg(d->row->op[0]);
	r->src = d->opsz;
	return true;
}

/* LES, LDS, LSS, LFS, LGS: aux is the segment register, src the offset's size. */
static HANDLER(op_load_far)
{
	u64 ea = EA(c, i);
	u64 off;
	u32 err;
	int v;

	if (!slow_load(c, ea, i->src))
		return raise_fault(c, i);
	off = c->tmp[0];
	if (!slow_load(c, ea + i->src, 2))
		return raise_fault(c, i);
	v = load_seg(c, i->aux, (u16)c->tmp[0], &err);
	if (v >= 0)
		RAISE((u8)v, err);
	if (i->src == 2)
		SET16(c, i->dst, off);
	else
		c->r[i->dst / 8] = off;
	return seg_loaded(c, i);
}

static bool emit_load_far(struct xlat *x, const struct xi *d, u8 sr)
{
	struct insn *r = emit(x, d, op_load_far);

	r->aux = sr;
	r->src = d->opsz;
	r->dst = xi_off(d, d->reg, d->opsz);
	x->end = true;
	return true;
}

#define EMIT_LFAR(name, sr)                                                                                          \
	bool x86_emit_##name(struct xlat *x, const struct xi *d)                                                     \
	{                                                                                                            \
		return emit_load_far(x, d, sr);                                                                      \
	}
EMIT_LFAR(les, SEG_ES)
EMIT_LFAR(lds, SEG_DS)
EMIT_LFAR(lss, SEG_SS)
EMIT_LFAR(lfs, SEG_FS)
EMIT_LFAR(lgs, SEG_GS)

/* ---- far control transfers ---------------------------------------------------------------------------------------- */

/*
 * Loads CS for a jump or call at the current privilege, or for a return to rpl. -1, or the vector with *err.
 */
static int load_cs(struct cpu *c, u16 sel, u32 cpl, bool ret, u32 *err)
{
	struct x86_seg s;
	u64 raw;

	*err = sel & ~3u;
	if (real_mode(c)) {
		c->s.seg[SEG_CS].sel = sel;
		c->s.seg[SEG_CS].base = c->r[REG_CS] = (u64)sel << 4;
		return -1;
	}
	if (!(sel & ~3u)) {
		*err = 0;
		return X86_GP;
	}
	if (!descriptor(c, sel, &raw))
		return X86_GP;
	s = unpack(sel, raw);
	if ((s.attr & (SEGA_S | SEGA_CODE)) != (SEGA_S | SEGA_CODE))
		return X86_GP;
	if (s.attr & SEGA_CONFORM ? dpl_of(&s) > cpl : dpl_of(&s) != cpl)
		return X86_GP;
	if (!ret && !(s.attr & SEGA_CONFORM) && (sel & 3u) > cpl)
		return X86_GP;
	if (!(s.attr & SEGA_P))
		return X86_NP;
	if ((c->s.efer & EFER_LMA) && (s.attr & SEGA_L) && (s.attr & SEGA_DB))
		return X86_GP;
	s.sel = (u16)((sel & ~3u) | cpl);
	s.attr |= SEGA_ACCESSED;
	if (s.attr & SEGA_L && (c->s.efer & EFER_LMA))
		s.base = 0;
	put_seg(c, SEG_CS, &s);
	return -1;
}

/* Ends the block, retired, at an offset in the (new) code segment. */
static const struct insn *far_done(struct cpu *c, const struct insn *i, u64 off)
{
	bool long_cs;

	c->budget += i->n - 1;
	cpu_mode_changed(c);
	long_cs = c->mode_key & KEY_CS64;
	return leave(c, long_cs ? off : (u32)off + c->s.seg[SEG_CS].base, BX_LOOKUP);
}

/* aux: operand size; src: 0 pointer in the instruction, 1 in memory; dst: 1 for CALL. */
static HANDLER(op_far)
{
	struct x86_seg old = c->s.seg[SEG_CS];
	u64 old_sp = c->r[RSP];
	u64 next = NEXT_IP(c, i) - (c->mode_key & KEY_CS64 ? 0 : old.base);
	u64 off = (u32)i->imm;
	u16 sel = (u16)(i->imm >> 32);
	u32 err;
	int v;

	if (i->src) {
		u64 ea = EA(c, i);

		if (!slow_load(c, ea, i->aux))
			return raise_fault(c, i);
		off = c->tmp[0];
		if (!slow_load(c, ea + i->aux, 2))
			return raise_fault(c, i);
		sel = (u16)c->tmp[0];
	}
	v = load_cs(c, sel, c->s.cpl, false, &err);
	if (v >= 0)
		RAISE((u8)v, err);
	if (i->dst && (!push_any(c, old.sel, i->aux) || !push_any(c, next, i->aux))) {
		c->r[RSP] = old_sp;
		put_seg(c, SEG_CS, &old);
		return raise_fault(c, i);
	}
	return far_done(c, i, off);
}

static bool emit_far(struct xlat *x, const struct xi *d, bool call)
{
	struct insn *r = emit(x, d, op_far);

	r->aux = d->opsz;
	r->src = d->mem;
	r->dst = call;
	r->imm = (u32)d->imm | d->imm2 << 32;
	return true;
}

bool x86_emit_jmpf(struct xlat *x, const struct xi *d)
{
	return emit_far(x, d, false);
}

bool x86_emit_callf(struct xlat *x, const struct xi *d)
{
	return emit_far(x, d, true);
}

/* Data segments that an outer level may not see become NULL, SDM 2B RET. */
static void drop_inner_segs(struct cpu *c)
{
	static const u8 regs[4] = { SEG_ES, SEG_DS, SEG_FS, SEG_GS };
	u32 k;

	for (k = 0; k < 4; k++) {
		struct x86_seg *s = &c->s.seg[regs[k]];

		if ((s->attr & SEGA_P) && dpl_of(s) < c->s.cpl &&
		    (s->attr & (SEGA_CODE | SEGA_CONFORM)) != (SEGA_CODE | SEGA_CONFORM))
			cpu_set_seg(c, regs[k], 0, 0, 0, 0);
	}
}

/* The far part of RETF and IRET: to cs:off, with ss:sp when the level changes. */
static const struct insn *far_return(struct cpu *c, const struct insn *i, u16 cs, u64 off, bool with_stack, u64 sp, u16 ss,
				     const u64 *flags)
{
	struct x86_seg old = c->s.seg[SEG_CS];
	u32 rpl = real_mode(c) ? c->s.cpl : cs & 3u;
	u8 old_cpl = c->s.cpl;
	u32 err;
	int v;

	if (!real_mode(c) && rpl < c->s.cpl)
		RAISE(X86_GP, cs & ~3u);
	v = load_cs(c, cs, rpl, true, &err);
	if (v >= 0)
		RAISE((u8)v, err);
	if (with_stack) {
		c->s.cpl = (u8)rpl;
		/* In long mode a NULL SS is fine when returning to 64-bit code below level 3. */
		v = load_seg(c, SEG_SS, ss, &err);
		if (v >= 0 && !(!(ss & ~3u) && (c->s.seg[SEG_CS].attr & SEGA_L) && rpl < 3)) {
			c->s.cpl = old_cpl;
			put_seg(c, SEG_CS, &old);
			RAISE((u8)v, err);
		}
		if (c->s.seg[SEG_SS].attr & SEGA_DB || (c->s.seg[SEG_CS].attr & SEGA_L))
			c->r[RSP] = sp;
		else
			SET16(c, OFF16(RSP), sp);
		if (rpl > old_cpl)
			drop_inner_segs(c);
	}
	if (flags)
		cpu_set_rflags(c, *flags);
	return far_done(c, i, off);
}

static HANDLER(op_retf)
{
	u32 size = i->aux;
	u64 old = c->r[RSP];
	u64 off, cs, sp = 0, ss = 0;
	const struct insn *r;
	bool outer;

	if (!pop_any(c, size, &off) || !pop_any(c, size, &cs))
		goto fault;
	outer = !real_mode(c) && (cs & 3) > c->s.cpl;
	if (c->mode_key & KEY_CS64)
		c->r[RSP] += i->imm;
	else
		adjust_legacy(c, (i64)i->imm);
	if (outer) {
		if (!pop_any(c, size, &sp) || !pop_any(c, size, &ss))
			goto fault;
		sp += i->imm;
		c->r[RSP] = old;
	}
	r = far_return(c, i, (u16)cs, off, outer, sp, (u16)ss, NULL);
	if (c->exit == BX_TRAP)
		c->r[RSP] = old;
	return r;
fault:
	c->r[RSP] = old;
	return raise_fault(c, i);
}

bool x86_emit_retf(struct xlat *x, const struct xi *d)
{
	struct insn *r = emit(x, d, op_retf);

	r->aux = d->opsz;
	r->imm = d->row->op[0][0] == 'I' ? d->imm : 0;
	return true;
}

static HANDLER(op_iret)
{
	u32 size = i->aux;
	u64 old = c->r[RSP];
	bool wide = c->mode_key & KEY_CS64;
	u64 off, cs, fl, sp = 0, ss = 0;
	u64 can = FL_ARITH | FL_TF | FL_DF | FL_NT | FL_AC | FL_ID | FL_RF;
	const struct insn *r;
	bool stack;

	if (!real_mode(c) && (c->eflags & FL_NT))
		RAISE(X86_GP, 0);
	if (!pop_any(c, size, &off) || !pop_any(c, size, &cs) || !pop_any(c, size, &fl))
		goto fault;
	stack = !real_mode(c) && (wide || (cs & 3) > c->s.cpl);
	if (stack && (!pop_any(c, size, &sp) || !pop_any(c, size, &ss)))
		goto fault;
	if (size == 2)
		can &= 0xffff;
	if (!(c->mode_key & KEY_PE) || c->s.cpl == 0)
		can |= FL_IF | FL_IOPL;
	else if (c->s.cpl <= (c->eflags >> 12 & 3))
		can |= FL_IF;
	fl = (cpu_rflags(c) & ~can) | (fl & can);
	if (stack)
		c->r[RSP] = old;
	r = far_return(c, i, (u16)cs, off, stack, sp, (u16)ss, &fl);
	if (c->exit == BX_TRAP)
		c->r[RSP] = old;
	return r;
fault:
	c->r[RSP] = old;
	return raise_fault(c, i);
}

bool x86_emit_iret(struct xlat *x, const struct xi *d)
{
	emit(x, d, op_iret)->aux = d->opsz;
	return true;
}

/* ---- looking at descriptors ----------------------------------------------------------------------------------------- */

/*
 * These take the address of their variables, so they leave the block rather than jump on.
 *
 * LAR (aux 0), LSL (1), VERR (2), VERW (3): ZF tells whether the descriptor may be looked at.
 */
static HANDLER(op_look)
{
	u64 raw, sel = G16(c, i->src);
	struct x86_seg s = { 0 };
	bool ok, system;
	u32 dpl, fl;

	if (i->imm & 0x100) {
		if (!slow_load(c, EA(c, i), 2))
			return raise_fault(c, i);
		sel = c->tmp[0];
	}
	ok = (sel & ~3ULL) && descriptor(c, (u16)sel, &raw);
	if (ok) {
		s = unpack((u16)sel, raw);
		system = !(s.attr & SEGA_S);
		dpl = dpl_of(&s);
		if (system) {
			u32 t = s.attr & SEGA_TYPE;
			bool gate = t == 4 || t == 5 || t == 12;

			ok = i->aux < 2 && (t == 1 || t == 2 || t == 3 || t == 9 || t == 11 || (i->aux == 0 && gate));
			if ((c->s.efer & EFER_LMA) && (t == 1 || t == 3 || t == 4 || t == 5))
				ok = false;
		} else if (i->aux == 2) {
			ok = !(s.attr & SEGA_CODE) || (s.attr & SEGA_RW);
		} else if (i->aux == 3) {
			ok = !(s.attr & SEGA_CODE) && (s.attr & SEGA_RW);
		}
		if ((system || (s.attr & (SEGA_CODE | SEGA_CONFORM)) != (SEGA_CODE | SEGA_CONFORM)) &&
		    (c->s.cpl > dpl || (sel & 3) > dpl))
			ok = false;
	}
	fl = flags_eval(c) & ~(u32)FL_ZF;
	flags_set_all(c, fl | (ok ? FL_ZF : 0));
	if (ok && i->aux < 2) {
		u64 v = i->aux ? s.limit : raw >> 32 & 0x00ffff00;

		if ((i->imm & 0xff) == 2)
			SET16(c, i->dst, v);
		else
			c->r[i->dst / 8] = v;
	}
	return leave_after(c, i, BX_LOOKUP);
}

static bool emit_look(struct xlat *x, const struct xi *d, u8 what)
{
	struct insn *r;

	if (!(x->key & KEY_PE) || (x->key & KEY_VM))
		return emit_ud(x, d);
	r = emit(x, d, op_look);
	r->aux = what;
	r->dst = xi_off(d, d->reg, d->opsz);
	r->src = OFF16(d->rm);
	r->imm = d->opsz | (d->mem ? 0x100u : 0);
	x->end = true;
	return true;
}

bool x86_emit_lar(struct xlat *x, const struct xi *d)
{
	return emit_look(x, d, 0);
}

bool x86_emit_lsl(struct xlat *x, const struct xi *d)
{
	return emit_look(x, d, 1);
}

bool x86_emit_verr(struct xlat *x, const struct xi *d)
{
	return emit_look(x, d, 2);
}

bool x86_emit_verw(struct xlat *x, const struct xi *d)
{
	return emit_look(x, d, 3);
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
		c->r[i->dst / 8] = i->src == 4 ? (u32)v : v;
		NEXT;
	}
	v = i->src == 4 ? (u32)c->r[i->dst / 8] : c->r[i->dst / 8];
	if ((u64)((i64)v >> 47) + 1 > 1)
		RAISE(X86_GP, 0);
	c->s.seg[sr].base = c->r[REG_ES + sr] = v;
	NEXT;
}

static bool emit_segbase(struct xlat *x, const struct xi *d, u8 what)
{
	struct insn *r = emit(x, d, op_segbase);

	r->aux = what;
	r->src = d->opsz;
	r->dst = OFF64(d->rm);
	return true;
}

bool x86_emit_rdfsbase(struct xlat *x, const struct xi *d)
{
	return emit_segbase(x, d, SEG_FS);
}

bool x86_emit_rdgsbase(struct xlat *x, const struct xi *d)
{
	return emit_segbase(x, d, SEG_GS);
}

bool x86_emit_wrfsbase(struct xlat *x, const struct xi *d)
{
	return emit_segbase(x, d, SEG_FS | 0x80);
}

bool x86_emit_wrgsbase(struct xlat *x, const struct xi *d)
{
	return emit_segbase(x, d, SEG_GS | 0x80);
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

bool x86_emit_swapgs(struct xlat *x, const struct xi *d)
{
	emit(x, d, op_swapgs);
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
		t->limit = ld16(b);
		t->base = n == 8 ? ld64(b + 2) : i->src == 2 ? ld32(b + 2) & 0xffffff : ld32(b + 2);
		return leave_after(c, i, BX_LOOKUP);
	}
	if ((c->s.cr4 & CR4_UMIP) && c->s.cpl)
		RAISE(X86_GP, 0);
	st16(b, (u16)t->limit);
	st64(b + 2, t->base);
	if (!store_bytes(c, ea, b, 2 + n))
		return raise_fault(c, i);
	return leave_after(c, i, BX_LOOKUP);
}

static bool emit_table(struct xlat *x, const struct xi *d, u8 what)
{
	struct insn *r = emit(x, d, op_table);

	r->aux = what;
	r->src = d->opsz;
	x->end = true;
	return true;
}

bool x86_emit_sgdt(struct xlat *x, const struct xi *d)
{
	return emit_table(x, d, 0);
}

bool x86_emit_sidt(struct xlat *x, const struct xi *d)
{
	return emit_table(x, d, 1);
}

bool x86_emit_lgdt(struct xlat *x, const struct xi *d)
{
	return emit_table(x, d, 2);
}

bool x86_emit_lidt(struct xlat *x, const struct xi *d)
{
	return emit_table(x, d, 3);
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

static bool emit_sldt(struct xlat *x, const struct xi *d, u8 sr)
{
	struct insn *r;

	if (!(x->key & KEY_PE) || (x->key & KEY_VM))
		return emit_ud(x, d);
	r = emit(x, d, op_sldt);
	r->aux = sr;
	r->src = d->mem;
	r->dst = xi_off(d, d->rm, d->opsz);
	r->imm = d->opsz;
	return true;
}

bool x86_emit_sldt(struct xlat *x, const struct xi *d)
{
	return emit_sldt(x, d, SEG_LDTR);
}

bool x86_emit_str(struct xlat *x, const struct xi *d)
{
	return emit_sldt(x, d, SEG_TR);
}

/* LLDT and LTR. */
static HANDLER(op_lldt)
{
	u64 raw, high = 0, sel = G16(c, i->dst);
	struct x86_seg s;
	u32 type;

	if (i->src) {
		if (!slow_load(c, EA(c, i), 2))
			return raise_fault(c, i);
		sel = c->tmp[0];
	}
	if (!(sel & ~3ULL)) {
		if (i->aux == SEG_TR)
			RAISE(X86_GP, 0);
		c->s.seg[SEG_LDTR] = (struct x86_seg){ .sel = (u16)sel };
		return leave_after(c, i, BX_LOOKUP);
	}
	if ((sel & 4) || !descriptor(c, (u16)sel, &raw))
		RAISE(X86_GP, (u32)sel & ~3u);
	if ((c->s.efer & EFER_LMA) && !descriptor(c, (u16)(sel + 8), &high))
		RAISE(X86_GP, (u32)sel & ~3u);
	s = unpack((u16)sel, raw);
	s.base |= high << 32;
	type = s.attr & (SEGA_S | SEGA_TYPE);
	if (i->aux == SEG_LDTR ? type != 2 : type != 9 && type != 1)
		RAISE(X86_GP, (u32)sel & ~3u);
	if (!(s.attr & SEGA_P))
		RAISE(X86_NP, (u32)sel & ~3u);
	if (i->aux == SEG_TR)
		s.attr |= 2; /* busy */
	c->s.seg[i->aux] = s;
	return leave_after(c, i, BX_LOOKUP);
}

static bool emit_lldt(struct xlat *x, const struct xi *d, u8 sr)
{
	struct insn *r;

	if (!(x->key & KEY_PE) || (x->key & KEY_VM))
		return emit_ud(x, d);
	r = emit(x, d, op_lldt);
	r->aux = sr;
	r->src = d->mem;
	r->dst = OFF16(d->rm);
	x->end = true;
	return true;
}

bool x86_emit_lldt(struct xlat *x, const struct xi *d)
{
	return emit_lldt(x, d, SEG_LDTR);
}

bool x86_emit_ltr(struct xlat *x, const struct xi *d)
{
	return emit_lldt(x, d, SEG_TR);
}
