/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SSE floating-point arithmetic: add to maximum, horizontal forms, dot products, rounding. SDM 1 10.4.1, 11.4.1, 12.10.
 * Each instruction has an exact way through cpu/fp.h and, for common operands, a quick one through the host's arithmetic
 * that is taken only when its bits and flags are the same. Comparisons are in sse_compare.c.
 */
#include "cpu/x86/sse.h"

/* ---- templates -------------------------------------------------------------------------------------------------- */

/* The exact way: expr gives each of n elements from a (destination), b (source, in TMP) and the environment e. */
#define SOFT_FN(name, T, V, n, expr)                                                                                 \
	static NOINLINE bool soft_##name(struct x86 *c, const struct insn *i)                                        \
	{                                                                                                            \
		struct fp_env env = fp_env_mxcsr(c->s.fpu.mxcsr), *e UNUSED = &env;                                   \
		union x86_vec *d = DST;                                                                              \
		T r[n];                                                                                              \
		EACH(n)                                                                                              \
		{                                                                                                    \
			T a UNUSED = V(d, k), b = V(TMP, k);                                                          \
			r[k] = (expr);                                                                               \
		}                                                                                                    \
		if (!sse_settle(c, &env))                                                                            \
			return false;                                                                                \
		EACH(n)                                                                                              \
			V(d, k) = r[k];                                                                              \
		return true;                                                                                         \
	}

/* Handlers of a scalar: quick_<name>(c, &a, b) tries, soft_<name> knows. */
#define SCALAR_FAST(name, form, bits, V, ea)                                                                         \
	static HANDLER(op_##name##_##form)                                                                           \
	{                                                                                                            \
		u##bits b;                                                                                           \
		FAST(ea, rd, bits / 8, op_##name##_rm, b = ld##bits(FAST_HOST));                                     \
		if (LIKELY(quick_##name(c, &V(DST, 0), b)))                                                          \
			NEXT;                                                                                        \
		HAND_OVER(op_##name##_rm);                                                                           \
	}
#define SCALAR(name, bits, V)                                                                                        \
	static NOINLINE HANDLER(op_##name##_rr_whole)                                                                \
	{                                                                                                            \
		c->tmp[0] = V(SRC, 0);                                                                               \
		SOFT(name);                                                                                          \
	}                                                                                                            \
	static NOINLINE HANDLER(op_##name##_rm)                                                                      \
	{                                                                                                            \
		u##bits b;                                                                                           \
		LOAD##bits(b, EA(c, i));                                                                             \
		c->tmp[0] = b;                                                                                       \
		SOFT(name);                                                                                          \
	}                                                                                                            \
	static HANDLER(op_##name##_rr)                                                                               \
	{                                                                                                            \
		if (LIKELY(quick_##name(c, &V(DST, 0), V(SRC, 0))))                                                  \
			NEXT;                                                                                        \
		HAND_OVER(op_##name##_rr_whole);                                                                     \
	}                                                                                                            \
	SCALAR_FAST(name, rf, bits, V, EA(c, i))                                                                     \
	SCALAR_FAST(name, rs, bits, V, ea_simple(c, i))                                                              \
	EMIT_FORMS(name, op_##name##_rr, op_##name##_rf, op_##name##_rs)

/* Handlers of a packed form: quick_<name>(c, a, b). */
#define PACKED_FAST(name, form, ea)                                                                                  \
	static HANDLER(op_##name##_##form)                                                                           \
	{                                                                                                            \
		union x86_vec s;                                                                                     \
		FAST_ALIGNED(ea, rd, op_##name##_rm, vec_load(&s, FAST_HOST));                                       \
		if (LIKELY(quick_##name(c, DST, &s)))                                                                \
			NEXT;                                                                                        \
		HAND_OVER(op_##name##_rm);                                                                           \
	}
#define PACKED(name)                                                                                                 \
	static NOINLINE HANDLER(op_##name##_rr_whole)                                                                \
	{                                                                                                            \
		AS(v_u64, TMP) = AS(v_u64, SRC);                                                                     \
		SOFT(name);                                                                                          \
	}                                                                                                            \
	static NOINLINE HANDLER(op_##name##_rm)                                                                      \
	{                                                                                                            \
		LOAD128A(*TMP, EA(c, i));                                                                            \
		SOFT(name);                                                                                          \
	}                                                                                                            \
	static HANDLER(op_##name##_rr)                                                                               \
	{                                                                                                            \
		if (LIKELY(quick_##name(c, DST, SRC)))                                                               \
			NEXT;                                                                                        \
		HAND_OVER(op_##name##_rr_whole);                                                                     \
	}                                                                                                            \
	PACKED_FAST(name, rf, EA(c, i))                                                                              \
	PACKED_FAST(name, rs, ea_simple(c, i))                                                                       \
	EMIT_FORMS(name, op_##name##_rr, op_##name##_rf, op_##name##_rs)

/* ... with the exact way alone. */
#define PACKED_SOFT(name)                                                                                            \
	static HANDLER(op_##name##_rr)                                                                               \
	{                                                                                                            \
		TMP->q[0] = SRC->q[0];                                                                               \
		TMP->q[1] = SRC->q[1];                                                                               \
		SOFT(name);                                                                                          \
	}                                                                                                            \
	static HANDLER(op_##name##_rm)                                                                               \
	{                                                                                                            \
		LOAD128A(*TMP, EA(c, i));                                                                            \
		SOFT(name);                                                                                          \
	}                                                                                                            \
	EMIT_FORMS(name, op_##name##_rr, op_##name##_rm, op_##name##_rm)
#define SCALAR_SOFT(name, bits, V)                                                                                   \
	SOFT_HANDLERS(name, bits, V)                                                                                 \
	EMIT_FORMS(name, op_##name##_rr, op_##name##_rm, op_##name##_rm)
#define SOFT_HANDLERS(name, bits, V)                                                                                 \
	static NOINLINE HANDLER(op_##name##_rr)                                                                               \
	{                                                                                                            \
		c->tmp[0] = V(SRC, 0);                                                                               \
		SOFT(name);                                                                                          \
	}                                                                                                            \
	static HANDLER(op_##name##_rm)                                                                               \
	{                                                                                                            \
		u##bits v;                                                                                           \
		LOAD##bits(v, EA(c, i));                                                                             \
		c->tmp[0] = v;                                                                                       \
		SOFT(name);                                                                                          \
	}

/* ---- add, subtract, multiply, divide, square root --------------------------------------------------------------- */

/*
 * When the host's result may stand. Operands that are no denormals are a condition of all; infinities and NaNs show in
 * the result. A sum is exact when it is small, so anything but a denormal will do; a product or quotient near the
 * denormals may have been tiny before it was rounded, but zero from zero is exact.
 */
#define SUM_OK(t, r, a, b) (t##_no_denormal(a) & t##_no_denormal(b) & t##_plain(r))
#define PRODUCT_OK(t, r, a, b)                                                                                       \
	(t##_no_denormal(a) & t##_no_denormal(b) & (t##_inside(r) || !(t)((r) << 1 | ((a) << 1 && (b) << 1))))
#define QUOTIENT_OK(t, r, a, b)                                                                                      \
	(t##_no_denormal(a) & t##_no_denormal(b) & (t##_inside(r) || !(t)((r) << 1 | (a) << 1)))

#define QUICK_SCALAR(name, t, op, ok)                                                                                \
	INLINE bool quick_##name(const struct x86 *c, t *d, t b)                                                     \
	{                                                                                                            \
		t a = *d, r;                                                                                         \
		if (UNLIKELY(!sse_quick(c)))                                                                         \
			return false;                                                                                \
		r = t##_bits(t##_host(a) op t##_host(b));                                                            \
		if (UNLIKELY(!ok(t, r, a, b)))                                                                       \
			return false;                                                                                \
		*d = r;                                                                                              \
		return true;                                                                                         \
	}
#define QUICK_PACKED(name, t, V, v_t, n, op, ok)                                                                     \
	INLINE bool quick_##name(const struct x86 *c, union x86_vec *d, const union x86_vec *s)                      \
	{                                                                                                            \
		union x86_vec r;                                                                                     \
		u32 good = 1;                                                                                    \
		if (UNLIKELY(!HOST_FP_VEC || !sse_quick(c)))                                                         \
			return false;                                                                                \
		AS(v_t, &r) = AS(v_t, d) op CAS(v_t, s);                                                             \
		EACH(n)                                                                                              \
			good &= ok(t, V(&r, k), V(d, k), V(s, k));                                                   \
		if (UNLIKELY(!good))                                                                                 \
			return false;                                                                                \
		AS(v_u64, d) = AS(v_u64, &r);                                                                        \
		return true;                                                                                         \
	}

/* The four forms of an operation. */
#define ARITH(op, sign, ok)                                                                                          \
	QUICK_SCALAR(op##ss, f32, sign, ok)                                                                          \
	SOFT_FN(op##ss, f32, VD, 1, f32_##op(a, b, e))                                                               \
	SCALAR(op##ss, 32, VD)                                                                                       \
	QUICK_SCALAR(op##sd, f64, sign, ok)                                                                          \
	SOFT_FN(op##sd, f64, VQ, 1, f64_##op(a, b, e))                                                               \
	SCALAR(op##sd, 64, VQ)                                                                                       \
	QUICK_PACKED(op##ps, f32, VD, v_f32, 4, sign, ok)                                                            \
	SOFT_FN(op##ps, f32, VD, 4, f32_##op(a, b, e))                                                               \
	PACKED(op##ps)                                                                                               \
	QUICK_PACKED(op##pd, f64, VQ, v_f64, 2, sign, ok)                                                            \
	SOFT_FN(op##pd, f64, VQ, 2, f64_##op(a, b, e))                                                               \
	PACKED(op##pd)
ARITH(add, +, SUM_OK)
ARITH(sub, -, SUM_OK)
ARITH(mul, *, PRODUCT_OK)
ARITH(div, /, QUOTIENT_OK)

SOFT_FN(sqrtss, f32, VD, 1, f32_sqrt(b, e))
SOFT_FN(sqrtsd, f64, VQ, 1, f64_sqrt(b, e))
SOFT_FN(sqrtps, f32, VD, 4, f32_sqrt(b, e))
SOFT_FN(sqrtpd, f64, VQ, 2, f64_sqrt(b, e))
SCALAR_SOFT(sqrtss, 32, VD)
PACKED_SOFT(sqrtps)
PACKED_SOFT(sqrtpd)
#if HOST_SSE2
/* Of positive normals; the result is always far from both ends. */
INLINE bool quick_sqrtsd(const struct x86 *c, f64 *d, f64 b)
{
	if (UNLIKELY(!sse_quick(c) || b - 0x0010000000000000ull >= 0x7fe0000000000000ull))
		return false;
	*d = f64_bits(_mm_cvtsd_f64(_mm_sqrt_pd(_mm_set1_pd(f64_host(b)))));
	return true;
}
SCALAR(sqrtsd, 64, VQ)
#else
SCALAR_SOFT(sqrtsd, 64, VQ)
#endif

/* ---- minimum, maximum ------------------------------------------------------------------------------------------- */

/* Of two numbers: exact whatever MXCSR says, and nothing to report. Equal ones give the source. */
#define MINMAX(op, sign)                                                                                             \
	MINMAX_OF(op##ss, op##ps, f32, VD, 32, 4, f32_##op, sign)                                                    \
	MINMAX_OF(op##sd, op##pd, f64, VQ, 64, 2, f64_##op, sign)
#define MINMAX_OF(scalar, packed, t, V, bits, n, fn, sign)                                                           \
	INLINE bool quick_##scalar(const struct x86 *c, t *d, t b)                                                   \
	{                                                                                                            \
		t a = *d;                                                                                            \
		if (UNLIKELY(!HOST_FP || !(t##_number(a) & t##_number(b))))                                          \
			return false;                                                                                \
		*d = t##_host(a) sign t##_host(b) ? a : b;                                                           \
		return true;                                                                                         \
	}                                                                                                            \
	SOFT_FN(scalar, t, V, 1, fn(a, b, e))                                                                        \
	SCALAR(scalar, bits, V)                                                                                      \
	INLINE bool quick_##packed(const struct x86 *c, union x86_vec *d, const union x86_vec *s)                    \
	{                                                                                                            \
		u32 good = HOST_FP;                                                                                 \
		EACH(n)                                                                                              \
			good &= t##_number(V(d, k)) & t##_number(V(s, k));                                           \
		if (UNLIKELY(!good))                                                                                 \
			return false;                                                                                \
		EACH(n)                                                                                              \
			V(d, k) = t##_host(V(d, k)) sign t##_host(V(s, k)) ? V(d, k) : V(s, k);                      \
		return true;                                                                                         \
	}                                                                                                            \
	SOFT_FN(packed, t, V, n, fn(a, b, e))                                                                        \
	PACKED(packed)
MINMAX(min, <)
MINMAX(max, >)

/* ---- horizontal and alternating --------------------------------------------------------------------------------- */

/* Pairs of the destination give the low half, pairs of the source the high half. b only names the source. */
#define HORIZONTAL(name, t, V, n, fn)                                                                                \
	SOFT_FN(name, t, V, n,                                                                                       \
		((void)b, fn(V(k < n / 2 ? d : TMP, 2 * k % n), V(k < n / 2 ? d : TMP, 2 * k % n + 1), e)))           \
	PACKED_SOFT(name)
HORIZONTAL(haddps, f32, VD, 4, f32_add)
HORIZONTAL(haddpd, f64, VQ, 2, f64_add)
HORIZONTAL(hsubps, f32, VD, 4, f32_sub)
HORIZONTAL(hsubpd, f64, VQ, 2, f64_sub)

SOFT_FN(addsubps, f32, VD, 4, k & 1 ? f32_add(a, b, e) : f32_sub(a, b, e))
SOFT_FN(addsubpd, f64, VQ, 2, k & 1 ? f64_add(a, b, e) : f64_sub(a, b, e))
PACKED_SOFT(addsubps)
PACKED_SOFT(addsubpd)

/*
 * Dot products: imm8 bits 7:4 say what is multiplied, bits 3:0 where the sum goes. The SDM has one sum for all elements;
 * on Intel's each has its own, that begins with its own product, so of several NaNs they need not choose the same (seen on
 * a Xeon of family 6, model 207).
 */
static NOINLINE bool soft_dpps(struct x86 *c, const struct insn *i)
{
	struct fp_env e = fp_env_mxcsr(c->s.fpu.mxcsr);
	union x86_vec *d = DST;
	f32 t[4], s[4];

	EACH(4)
		t[k] = i->aux >> (4 + k) & 1 ? f32_mul(VD(d, k), VD(TMP, k), &e) : 0;
	/* Each step reports before the next one begins. */
	if (!sse_settle(c, &e))
		return false;
	e.flags = 0;
	EACH(4)
		s[k] = f32_add(t[k ^ 1], t[k], &e);
	if (!sse_settle(c, &e))
		return false;
	e.flags = 0;
	EACH(4)
		t[k] = f32_add(s[k], s[k ^ 2], &e);
	if (!sse_settle(c, &e))
		return false;
	EACH(4)
		VD(d, k) = i->aux >> k & 1 ? t[k] : 0;
	return true;
}
PACKED_SOFT(dpps)

static NOINLINE bool soft_dppd(struct x86 *c, const struct insn *i)
{
	struct fp_env e = fp_env_mxcsr(c->s.fpu.mxcsr);
	union x86_vec *d = DST;
	f64 t[2], s[2];

	EACH(2)
		t[k] = i->aux >> (4 + k) & 1 ? f64_mul(VQ(d, k), VQ(TMP, k), &e) : 0;
	if (!sse_settle(c, &e))
		return false;
	e.flags = 0;
	EACH(2)
		s[k] = f64_add(t[k], t[k ^ 1], &e);
	if (!sse_settle(c, &e))
		return false;
	EACH(2)
		VQ(d, k) = i->aux >> k & 1 ? s[k] : 0;
	return true;
}
PACKED_SOFT(dppd)

/* ---- approximations and rounding -------------------------------------------------------------------------------- */

SOFT_FN(rcpss, f32, VD, 1, f32_rcp(b))
SOFT_FN(rcpps, f32, VD, 4, f32_rcp(b))
SOFT_FN(rsqrtss, f32, VD, 1, f32_rsqrt(b))
SOFT_FN(rsqrtps, f32, VD, 4, f32_rsqrt(b))
SCALAR_SOFT(rcpss, 32, VD)
PACKED_SOFT(rcpps)
SCALAR_SOFT(rsqrtss, 32, VD)
PACKED_SOFT(rsqrtps)

SOFT_FN(roundss, f32, VD, 1, f32_round_to_int(b, i->aux, e))
SOFT_FN(roundsd, f64, VQ, 1, f64_round_to_int(b, i->aux, e))
SOFT_FN(roundps, f32, VD, 4, f32_round_to_int(b, i->aux, e))
SOFT_FN(roundpd, f64, VQ, 2, f64_round_to_int(b, i->aux, e))
PACKED_SOFT(roundps)
PACKED_SOFT(roundpd)

/*
 * Numbers with a fraction: truncated to an integer and corrected, the sign kept for zeros. Nothing to report but PE,
 * unless imm8 bit 3 forbids it.
 */
#define ROUND(name, t, host_t, int_t, bits, V, limit, magic)                                                         \
	INLINE bool quick_##name(struct x86 *c, t *d, t b, u8 imm)                                                   \
	{                                                                                                            \
		u32 mode = imm & 4 ? c->s.fpu.mxcsr >> 13 & 3 : imm & 3u;                                            \
		host_t v = t##_host(b), r;                                                                           \
		if (UNLIKELY(!HOST_FP || !(t##_plain(b) && v > -(host_t)limit && v < (host_t)limit)))                \
			return false;                                                                                \
		if (mode == FP_RC_NEAREST)                                                                              \
			r = (host_t)(int_t)(t##_bits(v + (host_t)magic) - t##_bits((host_t)magic));                  \
		else                                                                                                 \
			r = (host_t)(int_t)v;                                                                        \
		if (mode == FP_RC_DOWN && r > v)                                                                        \
			r -= 1;                                                                                      \
		else if (mode == FP_RC_UP && r < v)                                                                     \
			r += 1;                                                                                      \
		if (r != v && !(imm & 8)) {                                                                          \
			if (!(c->s.fpu.mxcsr & FP_PE << 7))                                                          \
				return false;                                                                        \
			c->s.fpu.mxcsr |= FP_PE;                                                                     \
		}                                                                                                    \
		*d = (t##_bits(r) & ~((t)1 << (bits - 1))) | (b & (t)1 << (bits - 1));                               \
		return true;                                                                                         \
	}                                                                                                            \
	SOFT_HANDLERS(name, bits, V)                                                                                 \
	static HANDLER(op_##name##_rr_quick)                                                                         \
	{                                                                                                            \
		if (LIKELY(quick_##name(c, &V(DST, 0), V(SRC, 0), i->aux)))                                          \
			NEXT;                                                                                        \
		HAND_OVER(op_##name##_rr);                                                                           \
	}                                                                                                            \
	EMIT_FORMS(name, op_##name##_rr_quick, op_##name##_rm, op_##name##_rm)
ROUND(roundss, f32, float, i32, 32, VD, 4194304, 12582912)
ROUND(roundsd, f64, double, i64, 64, VQ, 2251799813685248, 6755399441055744)
