/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * AVX floating-point arithmetic, comparison, rounding and conversion, and F16C, through cpu/fp.h. SDM 1 chapter 14.
 * Fused operations are in avx_fma.c.
 */
#include "cpu/x86/sse.h"

/* Puts n results of type V into the destination and clears the rest, unless an unmasked exception is due. */
#define FINISH(V, n)                                                                                                 \
	do {                                                                                                         \
		if (!sse_settle(c, &env))                                                                            \
			return false;                                                                                \
		*VEX_D = r;                                                                                          \
		return true;                                                                                         \
	} while (0)

/* per elements in each 128 bits: x of the first source, y of the last, expr the result. */
#define PACKED(name, T, V, per, expr)                                                                                \
	VEX_FN(name)                                                                                                 \
	{                                                                                                            \
		struct fp_env env = fp_env_mxcsr(c->s.fpu.mxcsr), *e UNUSED = &env;                                   \
		const union x86_vec *a = VEX_A;                                                                      \
		union x86_vec r = { .q = { 0 } };                                                                    \
		u32 n = VEX_L ? 2 * per : per;                                                                       \
		EACH(n)                                                                                              \
		{                                                                                                    \
			T x UNUSED = V(a, k), y UNUSED = V(b, k);                                                    \
			V(&r, k) = (expr);                                                                           \
		}                                                                                                    \
		FINISH(V, n);                                                                                        \
	}                                                                                                            \
	EMIT_VEX(name, 16, 32)
/* The lowest element; the rest of 128 bits is the first source's. */
#define SCALAR(name, T, V, bytes, expr)                                                                              \
	VEX_FN(name)                                                                                                 \
	{                                                                                                            \
		struct fp_env env = fp_env_mxcsr(c->s.fpu.mxcsr), *e UNUSED = &env;                                   \
		union x86_vec r = vec_half(VEX_A, 0);                                                                \
		T x UNUSED = V(&r, 0), y UNUSED = V(b, 0);                                                           \
		V(&r, 0) = (expr);                                                                                   \
		FINISH(V, 1);                                                                                        \
	}                                                                                                            \
	EMIT_VEX(name, bytes, bytes)

/* ---- arithmetic --------------------------------------------------------------------------------------------------------- */

#define ARITH(op)                                                                                                    \
	PACKED(op##ps, f32, VD, 4, f32_##op(x, y, e))                                                                \
	PACKED(op##pd, f64, VQ, 2, f64_##op(x, y, e))                                                                \
	SCALAR(op##ss, f32, VD, 4, f32_##op(x, y, e))                                                                \
	SCALAR(op##sd, f64, VQ, 8, f64_##op(x, y, e))
ARITH(add)
ARITH(sub)
ARITH(mul)
ARITH(div)
ARITH(min)
ARITH(max)

PACKED(sqrtps, f32, VD, 4, f32_sqrt(y, e))
PACKED(sqrtpd, f64, VQ, 2, f64_sqrt(y, e))
SCALAR(sqrtss, f32, VD, 4, f32_sqrt(y, e))
SCALAR(sqrtsd, f64, VQ, 8, f64_sqrt(y, e))
PACKED(rcpps, f32, VD, 4, f32_rcp(y))
SCALAR(rcpss, f32, VD, 4, f32_rcp(y))
PACKED(rsqrtps, f32, VD, 4, f32_rsqrt(y))
SCALAR(rsqrtss, f32, VD, 4, f32_rsqrt(y))

PACKED(roundps, f32, VD, 4, f32_round_to_int(y, i->aux, e))
PACKED(roundpd, f64, VQ, 2, f64_round_to_int(y, i->aux, e))
SCALAR(roundss, f32, VD, 4, f32_round_to_int(y, i->aux, e))
SCALAR(roundsd, f64, VQ, 8, f64_round_to_int(y, i->aux, e))

PACKED(addsubps, f32, VD, 4, k & 1 ? f32_add(x, y, e) : f32_sub(x, y, e))
PACKED(addsubpd, f64, VQ, 2, k & 1 ? f64_add(x, y, e) : f64_sub(x, y, e))

/* In each 128 bits pairs of the first source give the low half, pairs of the last the high half. */
#define PAIR(V, per, m) V(k % per < per / 2 ? a : b, k / per * per + 2 * k % per + m)
#define HORIZONTAL(name, T, V, per, fn) PACKED(name, T, V, per, fn(PAIR(V, per, 0), PAIR(V, per, 1), e))
HORIZONTAL(haddps, f32, VD, 4, f32_add)
HORIZONTAL(haddpd, f64, VQ, 2, f64_add)
HORIZONTAL(hsubps, f32, VD, 4, f32_sub)
HORIZONTAL(hsubpd, f64, VQ, 2, f64_sub)

/*
 * Dot products: imm8 bits 7:4 say what is multiplied, bits 3:0 where the sum goes. Each element has a sum of its own, which
 * begins with its own product: so of several NaNs they need not choose the same (as sse_float.c).
 */
VEX_FN(dpps)
{
	struct fp_env env = fp_env_mxcsr(c->s.fpu.mxcsr);
	union x86_vec r = { .q = { 0 } };
	u32 n = VEX_L ? 8 : 4;
	f32 t[8], s[8];

	/* Each step reports before the next one begins. */
	EACH(n)
		t[k] = i->aux >> (4 + k % 4) & 1 ? f32_mul(VD(VEX_A, k), VD(b, k), &env) : 0;
	if (!sse_settle(c, &env))
		return false;
	env.flags = 0;
	EACH(n)
		s[k] = f32_add(t[k ^ 1], t[k], &env);
	if (!sse_settle(c, &env))
		return false;
	env.flags = 0;
	EACH(n)
		t[k] = f32_add(s[k], s[k ^ 2], &env);
	EACH(n)
		VD(&r, k) = i->aux >> k % 4 & 1 ? t[k] : 0;
	FINISH(VD, 8);
}
EMIT_VEX(dpps, 16, 32)

VEX_FN(dppd)
{
	struct fp_env env = fp_env_mxcsr(c->s.fpu.mxcsr);
	union x86_vec r = { .q = { 0 } };
	f64 t[2], s[2];

	EACH(2)
		t[k] = i->aux >> (4 + k) & 1 ? f64_mul(VQ(VEX_A, k), VQ(b, k), &env) : 0;
	if (!sse_settle(c, &env))
		return false;
	env.flags = 0;
	EACH(2)
		s[k] = f64_add(t[k], t[k ^ 1], &env);
	EACH(2)
		VQ(&r, k) = i->aux >> k & 1 ? s[k] : 0;
	FINISH(VQ, 2);
}
EMIT_VEX(dppd, 16, 16)

/* ---- comparison --------------------------------------------------------------------------------------------------------- */

PACKED(cmpps, f32, VD, 4, f32_cmp(x, y, i->aux & 31, e) ? ~(f32)0 : 0)
PACKED(cmppd, f64, VQ, 2, f64_cmp(x, y, i->aux & 31, e) ? ~(f64)0 : 0)
SCALAR(cmpss, f32, VD, 4, f32_cmp(x, y, i->aux & 31, e) ? ~(f32)0 : 0)
SCALAR(cmpsd, f64, VQ, 8, f64_cmp(x, y, i->aux & 31, e) ? ~(f64)0 : 0)

/* ---- conversion --------------------------------------------------------------------------------------------------------- */

/* n elements (with VEX.L; else half as many) from the last source. */
#define CONVERT_FN(name, Vto, from, Vfrom, n, expr)                                                                  \
	VEX_FN(name)                                                                                                 \
	{                                                                                                            \
		struct fp_env env = fp_env_mxcsr(c->s.fpu.mxcsr), *e UNUSED = &env;                                   \
		union x86_vec r = { .q = { 0 } };                                                                    \
		u32 count = VEX_L ? n : n / 2;                                                                       \
		EACH(count)                                                                                          \
		{                                                                                                    \
			from y = (from)Vfrom(b, k);                                                                  \
			Vto(&r, k) = (expr);                                                                         \
		}                                                                                                    \
		FINISH(Vto, n);                                                                                      \
	}
#define CONVERT(name, Vto, from, Vfrom, n, bytes, bytes256, expr)                                                    \
	CONVERT_FN(name, Vto, from, Vfrom, n, expr)                                                                  \
	EMIT_VEX(name, bytes, bytes256)
CONVERT(cvtps2pd, VQ, f32, VD, 4, 8, 16, f32_to_f64(y, e))
CONVERT(cvtpd2ps, VD, f64, VQ, 4, 16, 32, f64_to_f32(y, e))
CONVERT(cvtdq2ps, VD, i32, VD, 8, 16, 32, i32_to_f32(y, e))
CONVERT(cvtdq2pd, VQ, i32, VD, 4, 8, 16, i32_to_f64(y))
CONVERT(cvtps2dq, VD, f32, VD, 8, 16, 32, (u32)f32_to_i32(y, e))
CONVERT(cvttps2dq, VD, f32, VD, 8, 16, 32, (u32)f32_to_i32_trunc(y, e))
CONVERT(cvtpd2dq, VD, f64, VQ, 4, 16, 32, (u32)f64_to_i32(y, e))
CONVERT(cvttpd2dq, VD, f64, VQ, 4, 16, 32, (u32)f64_to_i32_trunc(y, e))

#define CONVERT_ONE(name, Vto, Vfrom, bytes, fn)                                                                     \
	VEX_FN(name)                                                                                                 \
	{                                                                                                            \
		struct fp_env env = fp_env_mxcsr(c->s.fpu.mxcsr);                                                    \
		union x86_vec r = vec_half(VEX_A, 0);                                                                \
		Vto(&r, 0) = fn(Vfrom(b, 0), &env);                                                                  \
		FINISH(Vto, 1);                                                                                      \
	}                                                                                                            \
	EMIT_VEX(name, bytes, bytes)
CONVERT_ONE(cvtss2sd, VQ, VD, 4, f32_to_f64)
CONVERT_ONE(cvtsd2ss, VD, VQ, 8, f64_to_f32)

/* ---- half precision ------------------------------------------------------------------------------------------------------- */

/* Denormals are never flushed and never reported; a signalling NaN is invalid. SDM 2C VCVTPH2PS. */
static f32 f16_to_f32(u16 h, struct fp_env *e)
{
	u32 sign = (u32)(h & 0x8000) << 16, exp = h >> 10 & 31, frac = h & 0x3ff, shift;

	if (exp == 31) {
		if (frac && !(frac & 0x200))
			e->flags |= FP_IE;
		return sign | 0x7f800000 | (frac ? 0x400000 | frac << 13 : 0);
	}
	if (exp)
		return sign | (exp + 112) << 23 | frac << 13;
	if (!frac)
		return sign;
	shift = (u32)__builtin_clz(frac) - 21;
	return sign | (113 - shift) << 23 | (frac << shift & 0x3ff) << 13;
}

/* FTZ has no say here, and a denormal is reported unless DAZ makes it zero. SDM 2C VCVTPS2PH. */
static u16 f32_to_f16(f32 a, u32 imm, struct fp_env *e)
{
	u32 mode = imm & 4 ? e->rounding : imm & 3;
	u16 sign = a >> 16 & 0x8000;
	i32 exp = (i32)(a >> 23 & 255) - 112;
	u32 frac = a & 0x7fffff, shift = 13, low, r;
	bool up, tiny;

	if (exp == 143) {
		if (frac && !(frac & 0x400000))
			e->flags |= FP_IE;
		return sign | 0x7c00 | (frac ? 0x200 | frac >> 13 : 0);
	}
	if (!(a & 0x7fffffff))
		return sign;
	if (exp == -112) {
		if (e->daz)
			return sign;
		e->flags |= FP_DE;
		exp = -111;
	} else {
		frac |= 0x800000;
	}
	/* Below 2^-14 the result is denormal: one more bit goes for each power of two. */
	tiny = exp < 1;
	if (tiny)
		shift = MIN(14u - (u32)exp, 31u);
	low = frac & (u32)((1ull << shift) - 1);
	r = shift > 24 ? 0 : frac >> shift;
	switch (mode) {
	case FP_RC_NEAREST:
		up = low > 1u << (shift - 1) || (low == 1u << (shift - 1) && (r & 1));
		break;
	case FP_RC_DOWN:
		up = low && sign;
		break;
	case FP_RC_UP:
		up = low && !sign;
		break;
	default:
		up = false;
	}
	/* Tininess is found after rounding to eleven bits: just below 2^-14 it may be gone. */
	if (exp == 0) {
		u32 low13 = frac & 0x1fff, r13 = frac >> 13;
		bool up13 = mode == FP_RC_NEAREST ? low13 > 0x1000 || (low13 == 0x1000 && (r13 & 1)) :
			    mode == FP_RC_DOWN    ? low13 && sign :
			    mode == FP_RC_UP      ? low13 && !sign :
						    false;

		if (r13 + up13 == 0x800)
			tiny = false;
	}
	r += up;
	if (!tiny && exp >= 1)
		r += (u32)(exp - 1) << 10;
	if (r >= 0x7c00 && exp >= 1) {
		/* Unmasked, the result would keep its digits with another exponent. */
		e->flags |= FP_OE | (low || (e->masks & FP_OE) ? FP_PE : 0);
		return sign | (mode == FP_RC_ZERO || mode == (sign ? FP_RC_UP : FP_RC_DOWN) ? 0x7bff : 0x7c00);
	}
	if (tiny && !(e->masks & FP_UE))
		e->flags |= FP_UE | ((frac << (__builtin_clz(frac) - 8)) & 0x1fff ? FP_PE : 0);
	else if (low)
		e->flags |= tiny ? FP_UE | FP_PE : FP_PE;
	return sign | (u16)r;
}

CONVERT_FN(cvtph2ps, VD, u16, VW, 8, f16_to_f32(y, e))
EMITTER(vcvtph2ps)
{
	return vex_emit_halves(x, dec, v_cvtph2ps);
}

/* The destination is the last operand: a register, or 8 or 16 bytes of memory. The results go to c->tmp first. */
static NOINLINE bool to_halves(struct x86 *c, const struct insn *i)
{
	struct fp_env env = fp_env_mxcsr(c->s.fpu.mxcsr);
	union x86_vec r = { .q = { 0 } };
	u32 n = VEX_L ? 8 : 4;

	EACH(n)
		VW(&r, k) = f32_to_f16(VD(VEX_D, k), i->aux, &env);
	*TMP = r;
	fp_settle(&env);
	c->tmp[2] = env.flags;
	return !(env.flags & ~env.masks & FP_ALL);
}
static NOINLINE bool store_halves(struct x86 *c, u64 ea, u32 n)
{
	u8 b[16];

	st64(b, c->tmp[0]);
	st64(b + 8, c->tmp[1]);
	return store_bytes(c, ea, b, n);
}
static HANDLER(op_cvtps2ph_r)
{
	bool ok = to_halves(c, i);

	c->s.fpu.mxcsr |= (u32)c->tmp[2];
	if (UNLIKELY(!ok))
		return sse_fault(c, i);
	vec_set(VEX_B, c->tmp[0], c->tmp[1]);
	VEX_B->q[2] = VEX_B->q[3] = 0;
	NEXT;
}
/* On Intel's, exceptions are noted and raised before the store, which may lie at any address, can fault. */
static HANDLER(op_cvtps2ph_m)
{
	u64 ea = EA(c, i);
	bool ok = to_halves(c, i);

	c->s.fpu.mxcsr |= (u32)c->tmp[2];
	if (UNLIKELY(!ok))
		return sse_fault(c, i);
	if (UNLIKELY(!store_halves(c, ea, VEX_L ? 16 : 8)))
		return raise_fault(c, i);
	NEXT;
}
EMITTER(vcvtps2ph)
{
	struct insn *r = emit(x, dec, dec->mem ? op_cvtps2ph_m : op_cvtps2ph_r);

	r->dst = (u8)(dec->reg | dec->vl << 4);
	r->src = dec->rm & 15;
	r->aux = (u8)dec->imm;
	return true;
}
