/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Moves and conversions between MMX and XMM registers: MOVDQ2Q, MOVQ2DQ, CVTPI2PS and its kin. SDM 1 10.4.4 and 11.4.1.
 */
#include "cpu/x86/mmx.h"

#define XMM(n) (&c->s.vec[n])

static HANDLER(op_movdq2q)
{
	X87_WAIT;
	mmx_enter(c);
	mmx_set(c, i->dst, VQ(XMM(i->src), 0));
	NEXT;
}

static HANDLER(op_movq2dq)
{
	X87_WAIT;
	mmx_enter(c);
	VQ(XMM(i->dst), 0) = MM(i->src);
	VQ(XMM(i->dst), 1) = 0;
	NEXT;
}

bool x86_emit_movdq2q(struct xlat *x, const struct xi *dec)
{
	struct insn *r = mmx_emit(x, dec, op_movdq2q);

	if (r)
		r->src = dec->rm;
	return true;
}

bool x86_emit_movq2dq(struct xlat *x, const struct xi *dec)
{
	struct insn *r = mmx_emit(x, dec, op_movq2dq);

	if (r)
		r->dst = dec->reg;
	return true;
}

/* Ends an instruction that met an unmasked exception; MXCSR has the flags already. */
#define XMM_FAULT RAISE(c->s.cr4 & CR4_OSXMMEXCPT ? X86_XM : X86_UD, 0)

/* CVTPI2PS: the result into c->tmp[0]. */
static NOINLINE bool ints_to_singles(struct x86 *c, u64 v)
{
	struct fp_env e = fp_env_mxcsr(c->s.fpu.mxcsr);
	u32 lo = i32_to_f32((i32)v, &e), hi = i32_to_f32((i32)(v >> 32), &e);

	c->tmp[0] = (u64)hi << 32 | lo;
	bool due = fp_settle(&e) != 0;
	c->s.fpu.mxcsr |= e.flags;
	return !due;
}

/* CVT(T)PS2PI and CVT(T)PD2PI, from one or two words in c->tmp, into c->tmp[0]. */
static NOINLINE bool floats_to_ints(struct x86 *c, bool dbl, bool trunc)
{
	struct fp_env e = fp_env_mxcsr(c->s.fpu.mxcsr);
	u64 v = c->tmp[0], w = c->tmp[1];
	i32 lo, hi;

	if (dbl) {
		lo = trunc ? f64_to_i32_trunc(v, &e) : f64_to_i32(v, &e);
		hi = trunc ? f64_to_i32_trunc(w, &e) : f64_to_i32(w, &e);
	} else {
		lo = trunc ? f32_to_i32_trunc((f32)v, &e) : f32_to_i32((f32)v, &e);
		hi = trunc ? f32_to_i32_trunc((f32)(v >> 32), &e) : f32_to_i32((f32)(v >> 32), &e);
	}
	c->tmp[0] = (u64)(u32)hi << 32 | (u32)lo;
	bool due = fp_settle(&e) != 0;
	c->s.fpu.mxcsr |= e.flags;
	return !due;
}

static HANDLER(op_cvtpi2ps_rr)
{
	X87_WAIT;
	if (!ints_to_singles(c, MM(i->src)))
		XMM_FAULT;
	mmx_enter(c);
	VQ(XMM(i->dst), 0) = c->tmp[0];
	NEXT;
}

/* With a memory operand the x87 is left alone, but for a pending exception. */
static HANDLER(op_cvtpi2ps_rm)
{
	u64 v;

	X87_WAIT;
	LOAD64(v, EA(c, i));
	if (!ints_to_singles(c, v))
		XMM_FAULT;
	VQ(XMM(i->dst), 0) = c->tmp[0];
	NEXT;
}

static HANDLER(op_cvtpi2pd_rr)
{
	X87_WAIT;
	mmx_enter(c);
	u64 v = MM(i->src);
	VQ(XMM(i->dst), 0) = i32_to_f64((i32)v);
	VQ(XMM(i->dst), 1) = i32_to_f64((i32)(v >> 32));
	NEXT;
}

static HANDLER(op_cvtpi2pd_rm)
{
	u64 v;

	LOAD64(v, EA(c, i));
	VQ(XMM(i->dst), 0) = i32_to_f64((i32)v);
	VQ(XMM(i->dst), 1) = i32_to_f64((i32)(v >> 32));
	NEXT;
}

/* aux: bit 0 truncates, bit 1 doubles. */
static HANDLER(op_cvt2pi_rr)
{
	X87_WAIT;
	c->tmp[0] = VQ(XMM(i->src), 0);
	c->tmp[1] = VQ(XMM(i->src), 1);
	if (!floats_to_ints(c, i->aux & 2, i->aux & 1))
		XMM_FAULT;
	mmx_enter(c);
	mmx_set(c, i->dst, c->tmp[0]);
	NEXT;
}

static HANDLER(op_cvt2pi_rm)
{
	u64 ea = EA(c, i), v, w = 0;

	X87_WAIT;
	if (i->aux & 2 && ea & 15)
		RAISE(X86_GP, 0);
	LOAD64(v, ea);
	if (i->aux & 2)
		LOAD64(w, ea + 8);
	c->tmp[0] = v;
	c->tmp[1] = w;
	if (!floats_to_ints(c, i->aux & 2, i->aux & 1))
		XMM_FAULT;
	mmx_enter(c);
	mmx_set(c, i->dst, c->tmp[0]);
	NEXT;
}

static bool emit_from_ints(struct xlat *x, const struct xi *dec, insn_fn fn)
{
	struct insn *r = mmx_emit(x, dec, fn);

	if (r)
		r->dst = dec->reg;
	return true;
}

bool x86_emit_cvtpi2ps(struct xlat *x, const struct xi *dec)
{
	return emit_from_ints(x, dec, dec->mem ? op_cvtpi2ps_rm : op_cvtpi2ps_rr);
}

bool x86_emit_cvtpi2pd(struct xlat *x, const struct xi *dec)
{
	return emit_from_ints(x, dec, dec->mem ? op_cvtpi2pd_rm : op_cvtpi2pd_rr);
}

static bool emit_to_ints(struct xlat *x, const struct xi *dec, u8 aux)
{
	struct insn *r = mmx_emit(x, dec, dec->mem ? op_cvt2pi_rm : op_cvt2pi_rr);

	if (r) {
		r->src = dec->rm;
		r->aux = aux;
	}
	return true;
}

bool x86_emit_cvtps2pi(struct xlat *x, const struct xi *dec)
{
	return emit_to_ints(x, dec, 0);
}

bool x86_emit_cvttps2pi(struct xlat *x, const struct xi *dec)
{
	return emit_to_ints(x, dec, 1);
}

bool x86_emit_cvtpd2pi(struct xlat *x, const struct xi *dec)
{
	return emit_to_ints(x, dec, 2);
}

bool x86_emit_cvttpd2pi(struct xlat *x, const struct xi *dec)
{
	return emit_to_ints(x, dec, 3);
}
