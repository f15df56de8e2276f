/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x87 control: initialisation, control and status words, environment and state images, FXSAVE, WAIT. SDM 1 8.1, 8.6,
 * 10.5; SDM 2A. Pending exceptions are always #MF: there is no FERR# line (CR0.NE = 0).
 */
#include <string.h>

#include "cpu/x86/x87.h"

void x87_init(struct x86 *c)
{
	struct x86_fpu *f = &c->s.fpu;

	f->cw = 0x37f;
	f->sw = 0;
	f->top = 0;
	f->tag = 0;
	f->fop = 0;
	f->fip = f->fdp = 0;
	f->fcs = f->fds = 0;
}

static void set_sw(struct x86 *c, u16 sw)
{
	c->s.fpu.top = sw >> 11 & 7;
	c->s.fpu.sw = sw & (u16)~SW_TOP;
	x87_summarize(c);
}

/* The full tag word: two bits a register, 0 valid, 1 zero, 2 special, 3 empty. SDM 1 8.1.7. */
static u16 full_tag(const struct x86 *c)
{
	u16 v = 0;

	for (unsigned r = 0; r < 8; r++) {
		const struct x86_fpr *p = &c->s.fpu.st[r];
		enum f80_class k = f80_classify((struct f80){ p->mant, p->se });
		unsigned tag = !(c->s.fpu.tag >> r & 1) ? 3 : k == F80_NORMAL ? 0 : k == F80_ZERO ? 1 : 2;
		v |= (u16)(tag << 2 * r);
	}
	return v;
}

static void set_full_tag(struct x86 *c, u16 v)
{
	c->s.fpu.tag = 0;
	for (unsigned r = 0; r < 8; r++)
		if ((v >> 2 * r & 3) != 3)
			c->s.fpu.tag |= (u8)(1 << r);
}

/* ---- environment: 14 or 28 bytes, protected or real mode form. SDM 1 8.1.10, figures 8-9 to 8-12 --------------- */

enum { ENV_REAL = 1, ENV_SHORT = 2 }; /* i->aux */

static u32 env_size(unsigned form)
{
	return form & ENV_SHORT ? 14 : 28;
}

/* ... and how it must be aligned when that is checked. */
static u32 env_word(unsigned form)
{
	return form & ENV_SHORT ? 2 : 4;
}

static void env_write(const struct x86 *c, u8 *p, unsigned form)
{
	const struct x86_fpu *f = &c->s.fpu;
	u32 ip = (u32)f->fip, dp = (u32)f->fdp;

	if (form & ENV_SHORT) {
		st16(p, f->cw);
		st16(p + 2, x87_sw(c));
		st16(p + 4, full_tag(c));
		st16(p + 6, (u16)ip);
		st16(p + 10, (u16)dp);
		if (form & ENV_REAL) {
			st16(p + 8, (u16)((ip >> 16 & 15) << 12 | f->fop));
			st16(p + 12, (u16)((dp >> 16 & 15) << 12));
		} else {
			st16(p + 8, f->fcs);
			st16(p + 12, f->fds);
		}
		return;
	}
	st32(p, 0xffff0000u | f->cw);
	st32(p + 4, 0xffff0000u | x87_sw(c));
	st32(p + 8, 0xffff0000u | full_tag(c));
	if (form & ENV_REAL) {
		st32(p + 12, 0xffff0000u | (ip & 0xffff));
		st32(p + 16, (ip >> 16) << 12 | f->fop);
		st32(p + 20, 0xffff0000u | (dp & 0xffff));
		st32(p + 24, (dp >> 16) << 12);
	} else {
		st32(p + 12, ip);
		st32(p + 16, (u32)f->fop << 16 | f->fcs);
		st32(p + 20, dp);
		st32(p + 24, 0xffff0000u | f->fds);
	}
}

static void env_read(struct x86 *c, const u8 *p, unsigned form)
{
	struct x86_fpu *f = &c->s.fpu;
	bool brief = form & ENV_SHORT;
	const u8 *q = p + (brief ? 6 : 12);

	f->cw = (ld16(p) & 0x1f7f) | 0x40;
	set_full_tag(c, ld16(p + (brief ? 4 : 8)));
	f->fcs = f->fds = 0;
	if (form & ENV_REAL) {
		u32 high = brief ? ld16(q + 2) : ld32(q + 4), dhigh = brief ? ld16(q + 6) : ld32(q + 12);
		f->fip = ld16(q) | (high >> 12 & 0xffff) << 16;
		f->fdp = ld16(q + (brief ? 4 : 8)) | (dhigh >> 12 & 0xffff) << 16;
		f->fop = high & 0x7ff;
	} else if (brief) {
		f->fip = ld16(q);
		f->fcs = ld16(q + 2);
		f->fdp = ld16(q + 4);
		f->fds = ld16(q + 6);
		f->fop = 0;
	} else {
		f->fip = ld32(q);
		f->fcs = ld16(q + 4);
		f->fop = ld16(q + 6) & 0x7ff;
		f->fdp = ld32(q + 8);
		f->fds = ld16(q + 12);
	}
	set_sw(c, ld16(p + (brief ? 2 : 4)));
}

/* All registers for FSAVE and FRSTOR, when regs. */
static NOINLINE bool env_store(struct x86 *c, const struct insn *i, bool regs)
{
	u8 b[28 + 80];
	u32 n = env_size(i->aux);

	env_write(c, b, i->aux);
	for (unsigned k = 0; regs && k < 8; k++, n += 10) {
		struct f80 v = x87_st(c, k);
		st64(b + n, v.mant);
		st16(b + n + 8, v.se);
	}
	if (!aligned_for(c, EA(c, i), n, env_word(i->aux)) || !store_bytes(c, EA(c, i), b, n))
		return false;
	if (regs) {
		x87_init(c);
	} else {
		c->s.fpu.cw |= FP_ALL;
		x87_summarize(c);
	}
	return true;
}

static NOINLINE bool env_load(struct x86 *c, const struct insn *i, bool regs)
{
	u8 b[28 + 80];
	u32 n = env_size(i->aux);

	if (!aligned_for(c, EA(c, i), n, env_word(i->aux)) ||
	    !load_bytes(c, EA(c, i), b, regs ? n + 80 : n))
		return false;
	env_read(c, b, i->aux);
	for (unsigned k = 0; regs && k < 8; k++, n += 10) {
		struct x86_fpr *r = x87_reg(c, k);
		r->mant = ld64(b + n);
		r->se = ld16(b + n + 8);
	}
	return true;
}

static HANDLER(op_fnstenv)
{
	if (!env_store(c, i, false))
		return raise_fault(c, i);
	NEXT;
}

static HANDLER(op_fnsave)
{
	if (!env_store(c, i, true))
		return raise_fault(c, i);
	NEXT;
}

static HANDLER(op_fldenv)
{
	X87_WAIT;
	if (!env_load(c, i, false))
		return raise_fault(c, i);
	NEXT;
}

static HANDLER(op_frstor)
{
	X87_WAIT;
	if (!env_load(c, i, true))
		return raise_fault(c, i);
	NEXT;
}

static bool emit_env(struct xlat *x, const struct xi *dec, insn_fn fn)
{
	struct insn *r = x87_emit(x, dec, fn);

	if (r)
		r->aux = (x->key & KEY_PE && !(x->key & KEY_VM) ? 0 : ENV_REAL) | (dec->opsz == 2 ? ENV_SHORT : 0);
	return true;
}
#define ENV_ROW(name, fn)                                                                                            \
	bool x86_emit_##name(struct xlat *x, const struct xi *dec)                                                   \
	{                                                                                                            \
		return emit_env(x, dec, fn);                                                                         \
	}
ENV_ROW(fnstenv, op_fnstenv)
ENV_ROW(fnsave, op_fnsave)
ENV_ROW(fldenv, op_fldenv)
ENV_ROW(frstor, op_frstor)

/* ---- words --------------------------------------------------------------------------------------------------- */

static HANDLER(op_fldcw)
{
	u16 v;

	X87_WAIT;
	LOAD16(v, EA(c, i));
	c->s.fpu.cw = (v & 0x1f7f) | 0x40;
	x87_summarize(c);
	NEXT;
}
X87_ROW(fldcw, op_fldcw)

static HANDLER(op_fnstcw)
{
	STORE16(EA(c, i), c->s.fpu.cw);
	NEXT;
}
X87_ROW(fnstcw, op_fnstcw)

static HANDLER(op_fnstsw_mem)
{
	STORE16(EA(c, i), x87_sw(c));
	NEXT;
}

static HANDLER(op_fnstsw_ax)
{
	SET16(c, OFF16(RAX), x87_sw(c));
	NEXT;
}

bool x86_emit_fnstsw(struct xlat *x, const struct xi *dec)
{
	x87_emit(x, dec, dec->mem ? op_fnstsw_mem : op_fnstsw_ax);
	return true;
}

static HANDLER(op_fninit)
{
	x87_init(c);
	NEXT;
}
X87_ROW(fninit, op_fninit)

static HANDLER(op_fnclex)
{
	c->s.fpu.sw &= (u16)~(FP_ALL | SW_SF | SW_ES | SW_B);
	NEXT;
}
X87_ROW(fnclex, op_fnclex)

static HANDLER(op_fincstp)
{
	X87_WAIT;
	c->s.fpu.top = (c->s.fpu.top + 1) & 7;
	x87_clear_c1(c);
	NEXT;
}
X87_ROW(fincstp, op_fincstp)

static HANDLER(op_fdecstp)
{
	X87_WAIT;
	c->s.fpu.top = (c->s.fpu.top - 1) & 7;
	x87_clear_c1(c);
	NEXT;
}
X87_ROW(fdecstp, op_fdecstp)

static HANDLER(op_ffree)
{
	X87_WAIT;
	c->s.fpu.tag &= (u8)~(1 << ((c->s.fpu.top + i->src) & 7));
	x87_clear_c1(c);
	NEXT;
}
X87_ROW(ffree, op_ffree)

/* Undocumented, but every processor has it: FFREE, then a pop. */
static HANDLER(op_ffreep)
{
	X87_WAIT;
	c->s.fpu.tag &= (u8)~(1 << ((c->s.fpu.top + i->src) & 7));
	x87_clear_c1(c);
	x87_pop(c);
	NEXT;
}
X87_ROW(ffreep, op_ffreep)

static HANDLER(op_fnop)
{
	X87_WAIT;
	NEXT;
}
X87_ROW(fnop, op_fnop)

/* FENI, FDISI, FSETPM: meaningful on an 8087 or 80287, nothing since. */
static HANDLER(op_fn_nothing)
{
	NEXT;
}
X87_ROW(fneni, op_fn_nothing)
X87_ROW(fndisi, op_fn_nothing)
X87_ROW(fnsetpm, op_fn_nothing)

/* WAIT looks at CR0.MP and TS together, not at EM. SDM 2D WAIT. */
bool x86_emit_fwait(struct xlat *x, const struct xi *dec)
{
	if ((x->key & (KEY_MP | KEY_TS)) == (KEY_MP | KEY_TS))
		return emit_trap(x, dec, X86_NM, 0);
	emit(x, dec, op_fnop);
	return true;
}

/* ---- FXSAVE and FXRSTOR, SDM 1 10.5 -------------------------------------------------------------------------- */

#define MXCSR_MASK 0xffffu

void x87_save_image(const struct x86 *c, u8 image[160], bool wide)
{
	const struct x86_fpu *f = &c->s.fpu;

	st16(image, f->cw);
	st16(image + 2, x87_sw(c));
	st16(image + 4, f->tag);
	st16(image + 6, f->fop);
	if (wide) {
		st64(image + 8, f->fip);
		st64(image + 16, f->fdp);
	} else {
		st32(image + 8, (u32)f->fip);
		st32(image + 12, f->fcs);
		st32(image + 16, (u32)f->fdp);
		st32(image + 20, f->fds);
	}
	for (unsigned n = 0; n < 8; n++) {
		const struct x86_fpr *r = &f->st[(f->top + n) & 7];
		u8 *p = image + 32 + 16 * n;
		st64(p, r->mant);
		st64(p + 8, r->se);
	}
}

void x87_load_image(struct x86 *c, const u8 image[160], bool wide)
{
	struct x86_fpu *f = &c->s.fpu;

	f->cw = (ld16(image) & 0x1f7f) | 0x40;
	f->tag = image[4];
	f->fop = ld16(image + 6) & 0x7ff;
	if (wide) {
		f->fip = ld64(image + 8);
		f->fdp = ld64(image + 16);
		f->fcs = f->fds = 0;
	} else {
		f->fip = ld32(image + 8);
		f->fcs = ld16(image + 12);
		f->fdp = ld32(image + 16);
		f->fds = ld16(image + 20);
	}
	set_sw(c, ld16(image + 2));
	for (unsigned n = 0; n < 8; n++) {
		struct x86_fpr *r = x87_reg(c, n);
		r->mant = ld64(image + 32 + 16 * n);
		r->se = ld16(image + 40 + 16 * n);
	}
}

enum { FX_WIDE = 1, FX_XMM = 2, FX_XMM16 = 4 }; /* i->aux */

static NOINLINE bool fxsave(struct x86 *c, const struct insn *i, u64 ea)
{
	u8 b[416];
	unsigned n = !(i->aux & FX_XMM) ? 0 : i->aux & FX_XMM16 ? 16 : 8;

	memset(b, 0, sizeof b);
	x87_save_image(c, b, i->aux & FX_WIDE);
	st32(b + 24, c->s.fpu.mxcsr);
	st32(b + 28, MXCSR_MASK);
	for (unsigned k = 0; k < n; k++) {
		st64(b + 160 + 16 * k, c->s.vec[k].q[0]);
		st64(b + 168 + 16 * k, c->s.vec[k].q[1]);
	}
	return store_bytes(c, ea, b, 160 + 16 * n);
}

/* -1: the memory faults; else a vector, or 0. */
static NOINLINE int fxrstor(struct x86 *c, const struct insn *i, u64 ea)
{
	u8 b[512];
	unsigned n = !(i->aux & FX_XMM) ? 0 : i->aux & FX_XMM16 ? 16 : 8;

	if (!load_bytes(c, ea, b, sizeof b))
		return -1;
	if (i->aux & FX_XMM) {
		if (ld32(b + 24) & ~MXCSR_MASK)
			return X86_GP;
		c->s.fpu.mxcsr = ld32(b + 24);
	}
	x87_load_image(c, b, i->aux & FX_WIDE);
	for (unsigned k = 0; k < n; k++) {
		c->s.vec[k].q[0] = ld64(b + 160 + 16 * k);
		c->s.vec[k].q[1] = ld64(b + 168 + 16 * k);
	}
	return 0;
}

static HANDLER(op_fxsave)
{
	u64 ea = EA(c, i);

	if (ea & 15)
		return raise_misaligned(c, i, ea);
	if (!fxsave(c, i, ea))
		return raise_fault(c, i);
	NEXT;
}

static HANDLER(op_fxrstor)
{
	u64 ea = EA(c, i);

	if (ea & 15)
		return raise_misaligned(c, i, ea);
	int v = fxrstor(c, i, ea);
	if (v < 0)
		return raise_fault(c, i);
	if (v)
		RAISE((u8)v, 0);
	NEXT;
}

static bool emit_fx(struct xlat *x, const struct xi *dec, insn_fn fn)
{
	struct insn *r = x87_emit(x, dec, fn);

	if (r)
		r->aux = (dec->opsz == 8 ? FX_WIDE : 0) | (x->key & KEY_OSFXSR ? FX_XMM : 0) |
			 (x->key & KEY_CS64 ? FX_XMM16 : 0);
	return true;
}

bool x86_emit_fxsave(struct xlat *x, const struct xi *dec)
{
	return emit_fx(x, dec, op_fxsave);
}

bool x86_emit_fxrstor(struct xlat *x, const struct xi *dec)
{
	return emit_fx(x, dec, op_fxrstor);
}
