/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x87: instructions of ST0, or of ST0 and ST1: sign, examination, square root, remainder, scale, transcendentals. SDM 1
 * 8.3.5 to 8.3.10, SDM 2A.
 */
#include "cpu/x86/x87.h"

static HANDLER(op_fchs)
{
	X87_BEGIN;
	x87_clear_c1(c);
	if (UNLIKELY(x87_empty(c, 0))) {
		if (x87_stack_fault(c, i, false))
			x87_set(c, 0, F80_DEFAULT_NAN);
	} else {
		x87_reg(c, 0)->se ^= 0x8000;
	}
	NEXT;
}
X87_ROW(fchs, op_fchs)

static HANDLER(op_fabs)
{
	X87_BEGIN;
	x87_clear_c1(c);
	if (UNLIKELY(x87_empty(c, 0))) {
		if (x87_stack_fault(c, i, false))
			x87_set(c, 0, F80_DEFAULT_NAN);
	} else {
		x87_reg(c, 0)->se &= 0x7fff;
	}
	NEXT;
}
X87_ROW(fabs, op_fabs)

/* FXAM: C3, C2, C0 name the class, C1 the sign, of an empty register too. SDM 2A table 3-37. */
static HANDLER(op_fxam)
{
	static const u16 codes[] = { 0, SW_C0, SW_C2, SW_C2 | SW_C0, SW_C3, SW_C3 | SW_C2 };
	X87_BEGIN;
	u16 v = x87_empty(c, 0) ? SW_C3 | SW_C0 : codes[f80_classify(x87_st(c, 0))];

	c->s.fpu.sw &= (u16)~(SW_C3 | SW_C2 | SW_C1 | SW_C0);
	c->s.fpu.sw |= v | (x87_reg(c, 0)->se >> 15 ? SW_C1 : 0);
	NEXT;
}
X87_ROW(fxam, op_fxam)

static NOINLINE void test(struct x86 *c, const struct insn *i)
{
	struct fp_env e = fp_env_x87(c->s.fpu.cw);
	enum fp_order o = FP_UNORDERED;
	u16 codes;

	if (x87_empty(c, 0)) {
		if (!x87_stack_fault(c, i, false))
			return;
	} else {
		o = f80_compare(x87_st(c, 0), (struct f80){ 0, 0 }, &e);
		if (!x87_note(c, i, &e))
			return;
	}
	codes = o == FP_UNORDERED ? SW_C3 | SW_C2 | SW_C0 : o == FP_EQUAL ? SW_C3 : o == FP_LESS ? SW_C0 : 0;
	c->s.fpu.sw = (u16)((c->s.fpu.sw & ~(SW_C3 | SW_C2 | SW_C0)) | codes);
}

/* The others, by one switch: none is worth a handler of its own. */
enum math { SQRT, RNDINT, EXP2M1, SINE, COSINE, SCALE, PREM, PREM1, YL2X, YL2XP1, ATAN, XTRACT, TANGENT, SINCOS };

/* ST0 = f(ST0) or f(ST0, ST1), nothing pushed or popped. */
static void in_place(struct x86 *c, const struct insn *i, enum math what)
{
	struct fp_env e = fp_env_x87(c->s.fpu.cw);
	struct f80 a = x87_st(c, 0), r = a;
	bool in_range = true, complete = true, two = what == SCALE || what == PREM || what == PREM1;
	u64 q = 0;

	if (what == SINE || what == COSINE || what == PREM || what == PREM1)
		c->s.fpu.sw &= (u16)~SW_C2;
	if (UNLIKELY(x87_empty(c, 0) || (two && x87_empty(c, 1)))) {
		if (x87_stack_fault(c, i, false))
			x87_set(c, 0, F80_DEFAULT_NAN);
		return;
	}
	switch (what) {
	case SQRT:
		r = f80_sqrt(a, &e);
		break;
	case RNDINT:
		r = f80_round_to_int(a, &e);
		break;
	case EXP2M1:
		r = f80_2xm1(a, &e);
		break;
	case SINE:
		in_range = f80_sin(a, &r, &e);
		break;
	case COSINE:
		in_range = f80_cos(a, &r, &e);
		break;
	case SCALE:
		r = f80_scale(a, x87_st(c, 1), &e);
		break;
	default:
		r = f80_rem(a, x87_st(c, 1), what == PREM1, &q, &complete, &e);
		break;
	}
	if (!x87_note(c, i, &e))
		return;
	if (!in_range) {
		c->s.fpu.sw |= SW_C2;
		return;
	}
	if ((what == PREM || what == PREM1) && f80_classify(r) != F80_NAN) {
		c->s.fpu.sw &= (u16)~(SW_C3 | SW_C2 | SW_C1 | SW_C0);
		if (!complete)
			c->s.fpu.sw |= SW_C2;
		c->s.fpu.sw |= (u16)((q & 4 ? SW_C0 : 0) | (q & 2 ? SW_C3 : 0) | (q & 1 ? SW_C1 : 0));
	}
	x87_set(c, 0, r);
}

/* ST1 = f(ST0, ST1), ST0 popped. */
static void and_pop(struct x86 *c, const struct insn *i, enum math what)
{
	struct fp_env e = fp_env_x87(c->s.fpu.cw);
	struct f80 a = x87_st(c, 0), b = x87_st(c, 1), r;

	if (UNLIKELY(x87_empty(c, 0) || x87_empty(c, 1))) {
		if (!x87_stack_fault(c, i, false))
			return;
		r = F80_DEFAULT_NAN;
	} else {
		r = what == YL2X ? f80_yl2x(a, b, &e) : what == YL2XP1 ? f80_yl2xp1(a, b, &e) : f80_atan(b, a, &e);
		if (!x87_note(c, i, &e))
			return;
	}
	x87_set(c, 1, r);
	x87_pop(c);
}

/* ST0 = first result, then the second is pushed. */
static void and_push(struct x86 *c, const struct insn *i, enum math what)
{
	struct fp_env e = fp_env_x87(c->s.fpu.cw);
	struct f80 a = x87_st(c, 0), under = a, top = a;
	bool in_range = true, empty = x87_empty(c, 0);

	if (what != XTRACT)
		c->s.fpu.sw &= (u16)~SW_C2;
	if (UNLIKELY(empty || !x87_empty(c, 7))) {
		if (x87_stack_fault(c, i, !empty)) {
			x87_set(c, 0, F80_DEFAULT_NAN);
			x87_push(c, F80_DEFAULT_NAN);
		}
		return;
	}
	if (what == XTRACT) {
		top = f80_extract(a, &under, &e);
	} else if (what == SINCOS) {
		in_range = f80_sincos(a, &under, &top, &e);
	} else {
		in_range = f80_tan(a, &under, &e);
		top = (struct f80){ 1ull << 63, 0x3fff };
		if (in_range && f80_classify(under) == F80_NAN)
			top = under;
	}
	if (!x87_note(c, i, &e))
		return;
	if (!in_range) {
		c->s.fpu.sw |= SW_C2;
		return;
	}
	x87_set(c, 0, under);
	x87_push(c, top);
}

static NOINLINE void do_math(struct x86 *c, const struct insn *i)
{
	enum math what = (enum math)i->aux;

	if (what <= PREM1)
		in_place(c, i, what);
	else if (what <= ATAN)
		and_pop(c, i, what);
	else
		and_push(c, i, what);
}

static HANDLER(op_ftst)
{
	X87_BEGIN;
	test(c, i);
	NEXT;
}
X87_ROW(ftst, op_ftst)

static HANDLER(op_math)
{
	X87_BEGIN;
	do_math(c, i);
	NEXT;
}

static bool emit_math(struct xlat *x, const struct xi *dec, enum math what)
{
	struct insn *r = x87_emit(x, dec, op_math);

	if (r)
		r->aux = (u8)what;
	return true;
}
#define MATH_ROW(name, what)                                                                                         \
	bool x86_emit_##name(struct xlat *x, const struct xi *dec)                                                   \
	{                                                                                                            \
		return emit_math(x, dec, what);                                                                      \
	}
MATH_ROW(fsqrt, SQRT)
MATH_ROW(frndint, RNDINT)
MATH_ROW(f2xm1, EXP2M1)
MATH_ROW(fsin, SINE)
MATH_ROW(fcos, COSINE)
MATH_ROW(fscale, SCALE)
MATH_ROW(fprem, PREM)
MATH_ROW(fprem1, PREM1)
MATH_ROW(fyl2x, YL2X)
MATH_ROW(fyl2xp1, YL2XP1)
MATH_ROW(fpatan, ATAN)
MATH_ROW(fxtract, XTRACT)
MATH_ROW(fptan, TANGENT)
MATH_ROW(fsincos, SINCOS)
