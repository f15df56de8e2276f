/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SSE conversions between integers, single and double precision. SDM 1 10.4.4, 11.4.1.6, 4.8.4.2.
 * The forms with MMX registers are elsewhere.
 */
#include "cpu/x86/sse.h"

/* ---- general register or memory to scalar ----------------------------------------------------------------------- */

/*
 * CVTSI2SS, CVTSI2SD. A 32-bit integer is always exact in double precision; the others are when small, else the host's
 * rounding must be the guest's.
 */
#define EXACT_IN(v, digits) ((u64)(v) + BIT(digits) <= 2 * BIT(digits))

#define FROM_INT(name, t, V, int_t, host_t, soft, exact)                                                             \
	static NOINLINE bool soft_##name(struct x86 *c, const struct insn *i)                                        \
	{                                                                                                            \
		struct fp_env env = fp_env_mxcsr(c->s.fpu.mxcsr), *e UNUSED = &env;                                   \
		int_t v = (int_t)c->tmp[0];                                                                          \
		t r = soft;                                                                                          \
		if (!sse_settle(c, &env))                                                                            \
			return false;                                                                                \
		V(DST, 0) = r;                                                                                       \
		return true;                                                                                         \
	}                                                                                                            \
	INLINE bool quick_##name(struct x86 *c, const struct insn *i, int_t v)                                       \
	{                                                                                                            \
		if (UNLIKELY(!HOST_FP || !(exact || sse_quick(c))))                                                  \
			return false;                                                                                \
		V(DST, 0) = t##_bits((host_t)v);                                                                     \
		return true;                                                                                         \
	}
#define FROM_INT_FORMS(name, int_t, bits)                                                                            \
	static NOINLINE HANDLER(op_##name##_rr_whole)                                                                \
	{                                                                                                            \
		c->tmp[0] = G##bits(c, i->src);                                                                      \
		SOFT(name);                                                                                          \
	}                                                                                                            \
	static NOINLINE HANDLER(op_##name##_rm)                                                                      \
	{                                                                                                            \
		u##bits v;                                                                                           \
		LOAD##bits(v, EA(c, i));                                                                             \
		c->tmp[0] = v;                                                                                       \
		SOFT(name);                                                                                          \
	}                                                                                                            \
	static HANDLER(op_##name##_rr)                                                                               \
	{                                                                                                            \
		if (LIKELY(quick_##name(c, i, (int_t)G##bits(c, i->src))))                                           \
			NEXT;                                                                                        \
		HAND_OVER(op_##name##_rr_whole);                                                                     \
	}                                                                                                            \
	static HANDLER(op_##name##_rf)                                                                               \
	{                                                                                                            \
		u##bits v;                                                                                           \
		FAST(EA(c, i), rd, bits / 8, op_##name##_rm, v = ld##bits(FAST_HOST));                               \
		if (LIKELY(quick_##name(c, i, (int_t)v)))                                                            \
			NEXT;                                                                                        \
		HAND_OVER(op_##name##_rm);                                                                           \
	}
FROM_INT(cvtsi2ss32, f32, VD, i32, float, i32_to_f32(v, e), EXACT_IN((i64)v, 24))
FROM_INT(cvtsi2ss64, f32, VD, i64, float, i64_to_f32(v, e), EXACT_IN(v, 24))
FROM_INT(cvtsi2sd32, f64, VQ, i32, double, i32_to_f64(v), true)
FROM_INT(cvtsi2sd64, f64, VQ, i64, double, i64_to_f64(v, e), EXACT_IN(v, 53))
FROM_INT_FORMS(cvtsi2ss32, i32, 32)
FROM_INT_FORMS(cvtsi2ss64, i64, 64)
FROM_INT_FORMS(cvtsi2sd32, i32, 32)
FROM_INT_FORMS(cvtsi2sd64, i64, 64)

#define EMIT_FROM_INT(name)                                                                                          \
	EMITTER(name)                                                                                                \
	{                                                                                                            \
		bool wide = dec->rex & 8;                                                                            \
		struct insn *r = emit(x, dec,                                                                        \
				      dec->mem ? (wide ? op_##name##64_rf : op_##name##32_rf) :                      \
					       (wide ? op_##name##64_rr : op_##name##32_rr));                        \
		r->dst = dec->reg;                                                                                   \
		r->src = wide ? OFF64(dec->rm & 15) : OFF32(dec->rm & 15);                                           \
		return true;                                                                                         \
	}
EMIT_FROM_INT(cvtsi2ss)
EMIT_FROM_INT(cvtsi2sd)

/* ---- scalar to general register --------------------------------------------------------------------------------- */

/* The exact way; the value comes in c->tmp[0] and goes out in c->tmp[1]. */
#define TO_INT(name, t, int_t, fn)                                                                                   \
	static NOINLINE bool soft_##name(struct x86 *c, const struct insn *i)                                        \
	{                                                                                                            \
		struct fp_env e = fp_env_mxcsr(c->s.fpu.mxcsr);                                                      \
		c->tmp[1] = (u64)(int_t)fn((t)c->tmp[0], &e);                                                        \
		return sse_settle(c, &e);                                                                            \
	}
/*
 * Truncation of a number well inside the integer's range: exact, or inexact and nothing but PE to report.
 */
#define TRUNCATE(name, t, host_t, int_t, limit)                                                                      \
	INLINE bool quick_##name(struct x86 *c, t a, u64 *out)                                                       \
	{                                                                                                            \
		int_t v;                                                                                             \
		if (UNLIKELY(!HOST_FP || !(t##_plain(a) && t##_host(a) > -(host_t)limit && t##_host(a) < (host_t)limit))) \
			return false;                                                                                \
		v = (int_t)t##_host(a);                                                                              \
		if (UNLIKELY((host_t)v != t##_host(a))) {                                                            \
			if (!(c->s.fpu.mxcsr & FP_PE << 7))                                                          \
				return false;                                                                        \
			c->s.fpu.mxcsr |= FP_PE;                                                                     \
		}                                                                                                    \
		*out = (u64)v;                                                                                       \
		return true;                                                                                         \
	}
/* To nearest: adding and taking away 1.5 * 2^(digits - 1) leaves the nearest integer, for numbers below half of it. */
#define NEAREST(name, t, host_t, int_t, limit, magic)                                                                \
	INLINE bool quick_##name(struct x86 *c, t a, u64 *out)                                                       \
	{                                                                                                            \
		t m;                                                                                                 \
		if (UNLIKELY(!sse_quick(c) ||                                                                        \
			     !(t##_plain(a) && t##_host(a) > -(host_t)limit && t##_host(a) < (host_t)limit)))        \
			return false;                                                                                \
		m = t##_bits(t##_host(a) + (host_t)magic);                                                           \
		*out = (u64)(int_t)(m - t##_bits((host_t)magic));                                                    \
		return true;                                                                                         \
	}
#define TO_INT_FORMS(name, bits, V, SET)                                                                             \
	static NOINLINE HANDLER(op_##name##_rr_whole)                                                                \
	{                                                                                                            \
		c->tmp[0] = V(SRC, 0);                                                                               \
		if (UNLIKELY(!soft_##name(c, i)))                                                                    \
			return sse_fault(c, i);                                                                      \
		SET(c, i->dst, c->tmp[1]);                                                                           \
		NEXT;                                                                                                \
	}                                                                                                            \
	static NOINLINE HANDLER(op_##name##_rm)                                                                      \
	{                                                                                                            \
		u##bits a;                                                                                           \
		LOAD##bits(a, EA(c, i));                                                                             \
		c->tmp[0] = a;                                                                                       \
		if (UNLIKELY(!soft_##name(c, i)))                                                                    \
			return sse_fault(c, i);                                                                      \
		SET(c, i->dst, c->tmp[1]);                                                                           \
		NEXT;                                                                                                \
	}                                                                                                            \
	static HANDLER(op_##name##_rr)                                                                               \
	{                                                                                                            \
		u64 r;                                                                                               \
		if (UNLIKELY(!quick_##name(c, V(SRC, 0), &r)))                                                       \
			HAND_OVER(op_##name##_rr_whole);                                                             \
		SET(c, i->dst, r);                                                                                   \
		NEXT;                                                                                                \
	}                                                                                                            \
	static HANDLER(op_##name##_rf)                                                                               \
	{                                                                                                            \
		u64 r;                                                                                               \
		u##bits a;                                                                                           \
		FAST(EA(c, i), rd, bits / 8, op_##name##_rm, a = ld##bits(FAST_HOST));                               \
		if (UNLIKELY(!quick_##name(c, a, &r)))                                                               \
			HAND_OVER(op_##name##_rm);                                                                   \
		SET(c, i->dst, r);                                                                                   \
		NEXT;                                                                                                \
	}
#define LIMIT31 2147483000
#define LIMIT62 4611686018427387904
TO_INT(cvttss2si32, f32, i32, f32_to_i32_trunc)
TO_INT(cvttss2si64, f32, i64, f32_to_i64_trunc)
TO_INT(cvttsd2si32, f64, i32, f64_to_i32_trunc)
TO_INT(cvttsd2si64, f64, i64, f64_to_i64_trunc)
TO_INT(cvtss2si32, f32, i32, f32_to_i32)
TO_INT(cvtss2si64, f32, i64, f32_to_i64)
TO_INT(cvtsd2si32, f64, i32, f64_to_i32)
TO_INT(cvtsd2si64, f64, i64, f64_to_i64)
TRUNCATE(cvttss2si32, f32, float, i32, LIMIT31)
TRUNCATE(cvttss2si64, f32, float, i64, LIMIT62)
TRUNCATE(cvttsd2si32, f64, double, i32, LIMIT31)
TRUNCATE(cvttsd2si64, f64, double, i64, LIMIT62)
NEAREST(cvtss2si32, f32, float, i32, 4194304, 12582912)
NEAREST(cvtss2si64, f32, float, i32, 4194304, 12582912)
NEAREST(cvtsd2si32, f64, double, i64, LIMIT31, 6755399441055744)
NEAREST(cvtsd2si64, f64, double, i64, 2251799813685248, 6755399441055744)
TO_INT_FORMS(cvttss2si32, 32, VD, SET32)
TO_INT_FORMS(cvttss2si64, 32, VD, SET64)
TO_INT_FORMS(cvttsd2si32, 64, VQ, SET32)
TO_INT_FORMS(cvttsd2si64, 64, VQ, SET64)
TO_INT_FORMS(cvtss2si32, 32, VD, SET32)
TO_INT_FORMS(cvtss2si64, 32, VD, SET64)
TO_INT_FORMS(cvtsd2si32, 64, VQ, SET32)
TO_INT_FORMS(cvtsd2si64, 64, VQ, SET64)

#define EMIT_TO_INT(name)                                                                                            \
	EMITTER(name)                                                                                                \
	{                                                                                                            \
		bool wide = dec->rex & 8;                                                                            \
		struct insn *r = emit(x, dec,                                                                        \
				      dec->mem ? (wide ? op_##name##64_rf : op_##name##32_rf) :                      \
					       (wide ? op_##name##64_rr : op_##name##32_rr));                        \
		r->dst = wide ? OFF64(dec->reg) : OFF32(dec->reg);                                                   \
		r->src = dec->rm;                                                                                    \
		return true;                                                                                         \
	}
EMIT_TO_INT(cvttss2si)
EMIT_TO_INT(cvttsd2si)
EMIT_TO_INT(cvtss2si)
EMIT_TO_INT(cvtsd2si)

/* ---- between the precisions ------------------------------------------------------------------------------------- */

/* Widening of zeros and normals is exact. */
INLINE bool quick_cvtss2sd(const struct x86 *c, union x86_vec *d, f32 b)
{
	if (UNLIKELY(!HOST_FP || !f32_plain(b)))
		return false;
	VQ(d, 0) = f64_bits((double)f32_host(b));
	return true;
}
INLINE bool quick_cvtsd2ss(const struct x86 *c, union x86_vec *d, f64 b)
{
	f32 r;

	if (UNLIKELY(!sse_quick(c) || !f64_no_denormal(b)))
		return false;
	r = f32_bits((float)f64_host(b));
	if (UNLIKELY(!f32_inside(r) && b << 1))
		return false;
	VD(d, 0) = r;
	return true;
}
/* n results of type to in Vto from elements of Vfrom; the rest of the 128 bits becomes zero when fill says so. */
#define CONVERT(name, to, Vto, from, Vfrom, n, fill, expr)                                                           \
	static NOINLINE bool soft_##name(struct x86 *c, const struct insn *i)                                        \
	{                                                                                                            \
		struct fp_env env = fp_env_mxcsr(c->s.fpu.mxcsr), *e UNUSED = &env;                                   \
		union x86_vec *d = DST;                                                                              \
		to r[n];                                                                                             \
		EACH(n)                                                                                              \
		{                                                                                                    \
			from b = (from)Vfrom(TMP, k);                                                                \
			r[k] = (to)(expr);                                                                           \
		}                                                                                                    \
		if (!sse_settle(c, &env))                                                                            \
			return false;                                                                                \
		if (fill)                                                                                            \
			d->q[1] = 0;                                                                                 \
		EACH(n)                                                                                              \
			Vto(d, k) = r[k];                                                                            \
		return true;                                                                                         \
	}
CONVERT(cvtss2sd, f64, VQ, f32, VD, 1, false, f32_to_f64(b, e))
CONVERT(cvtsd2ss, f32, VD, f64, VQ, 1, false, f64_to_f32(b, e))
CONVERT(cvtps2pd, f64, VQ, f32, VD, 2, false, f32_to_f64(b, e))
CONVERT(cvtpd2ps, f32, VD, f64, VQ, 2, true, f64_to_f32(b, e))
CONVERT(cvtdq2ps, f32, VD, i32, VD, 4, false, i32_to_f32(b, e))
CONVERT(cvtdq2pd, f64, VQ, i32, VD, 2, false, i32_to_f64(b))
CONVERT(cvtps2dq, u32, VD, f32, VD, 4, false, f32_to_i32(b, e))
CONVERT(cvttps2dq, u32, VD, f32, VD, 4, false, f32_to_i32_trunc(b, e))
CONVERT(cvtpd2dq, u32, VD, f64, VQ, 2, true, f64_to_i32(b, e))
CONVERT(cvttpd2dq, u32, VD, f64, VQ, 2, true, f64_to_i32_trunc(b, e))

#define SCALAR_CONVERT(name, bits, V)                                                                                \
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
		if (LIKELY(quick_##name(c, DST, V(SRC, 0))))                                                         \
			NEXT;                                                                                        \
		HAND_OVER(op_##name##_rr_whole);                                                                     \
	}                                                                                                            \
	static HANDLER(op_##name##_rf)                                                                               \
	{                                                                                                            \
		u##bits b;                                                                                           \
		FAST(EA(c, i), rd, bits / 8, op_##name##_rm, b = ld##bits(FAST_HOST));                               \
		if (LIKELY(quick_##name(c, DST, b)))                                                                 \
			NEXT;                                                                                        \
		HAND_OVER(op_##name##_rm);                                                                           \
	}                                                                                                            \
	EMIT_FORMS(name, op_##name##_rr, op_##name##_rf, op_##name##_rf)
SCALAR_CONVERT(cvtss2sd, 32, VD)
SCALAR_CONVERT(cvtsd2ss, 64, VQ)

/* Packed quick ways: all elements or none. b is the source. */
#define QUICK_CONVERT(name, n, fill, possible, element)                                                              \
	INLINE bool quick_##name(struct x86 *c, const struct insn *i, const union x86_vec *b)                        \
	{                                                                                                            \
		union x86_vec r = { .q = { 0, fill ? 0 : DST->q[1] } };                                              \
		if (UNLIKELY(!(possible)))                                                                           \
			return false;                                                                                \
		EACH(n)                                                                                              \
		{                                                                                                    \
			element;                                                                                     \
		}                                                                                                    \
		vec_set(DST, r.q[0], r.q[1]);                                                                        \
		return true;                                                                                         \
	}
QUICK_CONVERT(cvtps2pd, 2, false, HOST_FP && f32_plain(VD(b, 0)) && f32_plain(VD(b, 1)),
	      r.q[k] = f64_bits((double)f32_host(VD(b, k))))
QUICK_CONVERT(cvtdq2pd, 2, false, HOST_FP, r.q[k] = f64_bits((double)(i32)VD(b, k)))
QUICK_CONVERT(cvtdq2ps, 4, false, sse_quick(c), VD(&r, k) = f32_bits((float)(i32)VD(b, k)))
QUICK_CONVERT(cvtpd2ps, 2, true, sse_quick(c), union x86_vec t; if (!quick_cvtsd2ss(c, &t, VQ(b, k))) return false;
	      VD(&r, k) = VD(&t, 0))
/* The scalars' quick ways may set PE: here it must be set already, or a later element's fault would come with it. */
#define QUICK_INTS(name, n, fill, scalar, V)                                                                         \
	QUICK_CONVERT(name, n, fill, sse_quick(c), u64 v; if (!quick_##scalar(c, V(b, k), &v)) return false;         \
		      VD(&r, k) = (u32)v)
QUICK_INTS(cvtps2dq, 4, false, cvtss2si32, VD)
QUICK_INTS(cvttps2dq, 4, false, cvttss2si32, VD)
QUICK_INTS(cvtpd2dq, 2, true, cvtsd2si32, VQ)
QUICK_INTS(cvttpd2dq, 2, true, cvttsd2si32, VQ)

#define PACKED_CONVERT(name, load, fast)                                                                             \
	static NOINLINE HANDLER(op_##name##_rr_whole)                                                                \
	{                                                                                                            \
		AS(v_u64, TMP) = AS(v_u64, SRC);                                                                     \
		SOFT(name);                                                                                          \
	}                                                                                                            \
	static NOINLINE HANDLER(op_##name##_rm)                                                                      \
	{                                                                                                            \
		load;                                                                                                \
		SOFT(name);                                                                                          \
	}                                                                                                            \
	static HANDLER(op_##name##_rr)                                                                               \
	{                                                                                                            \
		if (LIKELY(quick_##name(c, i, SRC)))                                                                 \
			NEXT;                                                                                        \
		HAND_OVER(op_##name##_rr_whole);                                                                     \
	}                                                                                                            \
	static HANDLER(op_##name##_rf)                                                                               \
	{                                                                                                            \
		union x86_vec s;                                                                                     \
		fast;                                                                                                \
		if (LIKELY(quick_##name(c, i, &s)))                                                                  \
			NEXT;                                                                                        \
		HAND_OVER(op_##name##_rm);                                                                           \
	}                                                                                                            \
	EMIT_FORMS(name, op_##name##_rr, op_##name##_rf, op_##name##_rf)
#define CONVERT_8(name)                                                                                              \
	PACKED_CONVERT(name, LOAD64(c->tmp[0], EA(c, i)),                                                            \
		       FAST(EA(c, i), rd, 8, op_##name##_rm, vec_set(&s, ld64(FAST_HOST), 0)))
#define CONVERT_16(name)                                                                                             \
	PACKED_CONVERT(name, LOAD128A(*TMP, EA(c, i)),                                                               \
		       FAST_ALIGNED(EA(c, i), rd, op_##name##_rm, vec_load(&s, FAST_HOST)))
CONVERT_8(cvtps2pd)
CONVERT_8(cvtdq2pd)
CONVERT_16(cvtpd2ps)
CONVERT_16(cvtdq2ps)
CONVERT_16(cvtps2dq)
CONVERT_16(cvttps2dq)
CONVERT_16(cvtpd2dq)
CONVERT_16(cvttpd2dq)
