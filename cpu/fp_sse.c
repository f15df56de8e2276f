/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * binary32 and binary64 as SSE computes them: arithmetic, min/max, comparison, conversion. SDM 1 4.8.3.5, 11.5;
 * SDM 2 for each instruction. 16-bit floats are not here.
 */
#include <float.h>
#include <string.h>

#include "cpu/fp_core.h"

#if defined(FLT_EVAL_METHOD) && FLT_EVAL_METHOD == 0 && FLT_RADIX == 2 && DBL_MANT_DIG == 53 && !defined(__FAST_MATH__)
#define HOST_IEEE 1
#else
#define HOST_IEEE 0
#endif

/* The first NaN of the two, quieted. */
INLINE struct fp_num sse_nan(struct fp_num a, struct fp_num b, struct fp_env *e)
{
	if (a.kind == FP_SIGNALING || b.kind == FP_SIGNALING)
		e->flags |= FP_IE;
	return fp_is_nan(a) ? a : b;
}

INLINE struct fp_num sse_op(enum fp_op op, struct fp_num a, struct fp_num b, struct fp_format f, struct fp_env *e)
{
	struct fp_num r;
	u64 lo;

	if (UNLIKELY(fp_is_nan(a) || fp_is_nan(b)))
		return sse_nan(a, b, e);
	if (!fp_arith(op, a, b, &r, &lo, e) || fp_stopped(e))
		return r;
	return fp_round(r.sign, r.exp, r.mant, lo, f, 0, e);
}

INLINE struct fp_num sse_sqrt(struct fp_num a, struct fp_format f, struct fp_env *e)
{
	struct fp_num r;
	u64 lo;

	if (fp_is_nan(a))
		return sse_nan(a, a, e);
	if (!fp_sqrt(a, &r, &lo, e) || fp_stopped(e))
		return r;
	return fp_round(r.sign, r.exp, r.mant, lo, f, 0, e);
}

/*
 * The host's arithmetic, when nobody can tell: normal operands, and a normal result away from both ends of the range
 * (so no exception but FP_PE, which e->quick says is already sticky). The host's rounding mode is always to nearest.
 */
#if HOST_IEEE
INLINE bool f32_plain(f32 a)
{
	return (a >> 23 & 0xff) - 1 < 0xfe;
}

INLINE bool f64_plain(f64 a)
{
	return (a >> 52 & 0x7ff) - 1 < 0x7fe;
}

INLINE bool f32_inside(f32 a)
{
	return (a >> 23 & 0xff) - 2 < 0xfc;
}

INLINE bool f64_inside(f64 a)
{
	return (a >> 52 & 0x7ff) - 2 < 0x7fc;
}

#define QUICK(type, host, expr)                                                                                      \
	if (e->quick && type##_plain(a) && type##_plain(b)) {                                                         \
		host x, y, z;                                                                                         \
		type r;                                                                                               \
		memcpy(&x, &a, sizeof x);                                                                             \
		memcpy(&y, &b, sizeof y);                                                                             \
		z = expr;                                                                                             \
		memcpy(&r, &z, sizeof r);                                                                             \
		if (type##_inside(r))                                                                                 \
			return r;                                                                                     \
	}
#else
#define QUICK(type, host, expr)
#endif

NOINLINE f32 f32_add(f32 a, f32 b, struct fp_env *e)
{
	QUICK(f32, float, x + y)
	return f32_pack(sse_op(FP_ADD, f32_unpack(a, e), f32_unpack(b, e), FP_FORMAT32, e));
}

NOINLINE f32 f32_sub(f32 a, f32 b, struct fp_env *e)
{
	QUICK(f32, float, x - y)
	return f32_pack(sse_op(FP_SUB, f32_unpack(a, e), f32_unpack(b, e), FP_FORMAT32, e));
}

NOINLINE f32 f32_mul(f32 a, f32 b, struct fp_env *e)
{
	QUICK(f32, float, x * y)
	return f32_pack(sse_op(FP_MUL, f32_unpack(a, e), f32_unpack(b, e), FP_FORMAT32, e));
}

NOINLINE f32 f32_div(f32 a, f32 b, struct fp_env *e)
{
	QUICK(f32, float, x / y)
	return f32_pack(sse_op(FP_DIV, f32_unpack(a, e), f32_unpack(b, e), FP_FORMAT32, e));
}

NOINLINE f64 f64_add(f64 a, f64 b, struct fp_env *e)
{
	QUICK(f64, double, x + y)
	return f64_pack(sse_op(FP_ADD, f64_unpack(a, e), f64_unpack(b, e), FP_FORMAT64, e));
}

NOINLINE f64 f64_sub(f64 a, f64 b, struct fp_env *e)
{
	QUICK(f64, double, x - y)
	return f64_pack(sse_op(FP_SUB, f64_unpack(a, e), f64_unpack(b, e), FP_FORMAT64, e));
}

NOINLINE f64 f64_mul(f64 a, f64 b, struct fp_env *e)
{
	QUICK(f64, double, x * y)
	return f64_pack(sse_op(FP_MUL, f64_unpack(a, e), f64_unpack(b, e), FP_FORMAT64, e));
}

NOINLINE f64 f64_div(f64 a, f64 b, struct fp_env *e)
{
	QUICK(f64, double, x / y)
	return f64_pack(sse_op(FP_DIV, f64_unpack(a, e), f64_unpack(b, e), FP_FORMAT64, e));
}

f32 f32_sqrt(f32 a, struct fp_env *e)
{
	return f32_pack(sse_sqrt(f32_unpack(a, e), FP_FORMAT32, e));
}

f64 f64_sqrt(f64 a, struct fp_env *e)
{
	return f64_pack(sse_sqrt(f64_unpack(a, e), FP_FORMAT64, e));
}

/* SDM 1 14.5.3: the NaN of the lowest position wins; infinity times zero beside a quiet NaN is not invalid. */
INLINE struct fp_num sse_muladd(struct fp_num a, struct fp_num b, struct fp_num c, unsigned negate, struct fp_format f,
				struct fp_env *e)
{
	struct u128 p, w;
	i32 pe, shift;

	if (fp_is_nan(a) || fp_is_nan(b) || fp_is_nan(c)) {
		if (a.kind == FP_SIGNALING || b.kind == FP_SIGNALING || c.kind == FP_SIGNALING)
			e->flags |= FP_IE;
		return fp_is_nan(a) ? a : fp_is_nan(b) ? b : c;
	}
	bool sign = a.sign ^ b.sign ^ (negate & 1);
	c.sign ^= negate >> 1 & 1;
	if (a.kind == FP_INF || b.kind == FP_INF) {
		if (a.kind == FP_NUL || b.kind == FP_NUL || (c.kind == FP_INF && c.sign != sign))
			return fp_invalid(e);
	}
	if (a.denormal || b.denormal || c.denormal)
		e->flags |= FP_DE;
	if (a.kind == FP_INF || b.kind == FP_INF)
		return (struct fp_num){ FP_INF, sign, false, 0, 0 };
	if (c.kind == FP_INF)
		return c;
	if (fp_stopped(e))
		return c;
	if (a.kind == FP_NUL || b.kind == FP_NUL) {
		if (c.kind == FP_NUM)
			return fp_round(c.sign, c.exp, c.mant, 0, f, 0, e);
		if (c.sign != sign)
			c.sign = e->rounding == FP_RC_DOWN;
		return c;
	}
	p = u128_mul64(a.mant, b.mant);
	pe = a.exp + b.exp + 1;
	if (!(p.hi >> 63)) {
		p = u128_shl(p, 1);
		pe--;
	}
	if (c.kind == FP_NUL)
		return fp_round(sign, pe, p.hi, p.lo, f, 0, e);
	/* The product has at most 106 bits, so what a shift loses is below any cancellation. */
	w = (struct u128){ c.mant, 0 };
	shift = pe - c.exp;
	if (shift >= 0) {
		w = u128_shr_sticky(w, (unsigned)shift);
	} else {
		p = u128_shr_sticky(p, (unsigned)-shift);
		pe = c.exp;
	}
	if (sign == c.sign) {
		struct u128 s = u128_add(p, w);
		if (u128_less(s, p)) {
			s = (struct u128){ s.hi >> 1 | 1ull << 63, s.lo >> 1 | s.hi << 63 | (s.lo & 1) };
			pe++;
		}
		return fp_round(sign, pe, s.hi, s.lo, f, 0, e);
	}
	if (u128_less(p, w)) {
		struct u128 t = p;
		p = w;
		w = t;
		sign = c.sign;
	}
	p = u128_sub(p, w);
	if (!(p.hi | p.lo))
		return (struct fp_num){ FP_NUL, e->rounding == FP_RC_DOWN, false, 0, 0 };
	unsigned n = u128_clz(p);
	p = u128_shl(p, n);
	return fp_round(sign, pe - (i32)n, p.hi, p.lo, f, 0, e);
}

f32 f32_muladd(f32 a, f32 b, f32 c, unsigned negate, struct fp_env *e)
{
	return f32_pack(sse_muladd(f32_unpack(a, e), f32_unpack(b, e), f32_unpack(c, e), negate, FP_FORMAT32, e));
}

f64 f64_muladd(f64 a, f64 b, f64 c, unsigned negate, struct fp_env *e)
{
	return f64_pack(sse_muladd(f64_unpack(a, e), f64_unpack(b, e), f64_unpack(c, e), negate, FP_FORMAT64, e));
}

INLINE enum fp_order sse_compare(struct fp_num a, struct fp_num b, bool signal, struct fp_env *e)
{
	if (UNLIKELY(fp_is_nan(a) || fp_is_nan(b))) {
		if (signal || a.kind == FP_SIGNALING || b.kind == FP_SIGNALING)
			e->flags |= FP_IE;
		return FP_UNORDERED;
	}
	if (a.denormal || b.denormal)
		e->flags |= FP_DE;
	return fp_order(a, b);
}

enum fp_order f32_compare(f32 a, f32 b, struct fp_env *e)
{
	return sse_compare(f32_unpack(a, e), f32_unpack(b, e), true, e);
}

enum fp_order f32_compare_quiet(f32 a, f32 b, struct fp_env *e)
{
	return sse_compare(f32_unpack(a, e), f32_unpack(b, e), false, e);
}

enum fp_order f64_compare(f64 a, f64 b, struct fp_env *e)
{
	return sse_compare(f64_unpack(a, e), f64_unpack(b, e), true, e);
}

enum fp_order f64_compare_quiet(f64 a, f64 b, struct fp_env *e)
{
	return sse_compare(f64_unpack(a, e), f64_unpack(b, e), false, e);
}

f32 f32_min(f32 a, f32 b, struct fp_env *e)
{
	struct fp_num x = f32_unpack(a, e), y = f32_unpack(b, e);
	if (sse_compare(x, y, true, e) == FP_LESS)
		return x.kind == FP_NUL ? f32_pack(x) : a;
	return y.kind == FP_NUL ? f32_pack(y) : b;
}

f32 f32_max(f32 a, f32 b, struct fp_env *e)
{
	struct fp_num x = f32_unpack(a, e), y = f32_unpack(b, e);
	if (sse_compare(x, y, true, e) == FP_GREATER)
		return x.kind == FP_NUL ? f32_pack(x) : a;
	return y.kind == FP_NUL ? f32_pack(y) : b;
}

f64 f64_min(f64 a, f64 b, struct fp_env *e)
{
	struct fp_num x = f64_unpack(a, e), y = f64_unpack(b, e);
	if (sse_compare(x, y, true, e) == FP_LESS)
		return x.kind == FP_NUL ? f64_pack(x) : a;
	return y.kind == FP_NUL ? f64_pack(y) : b;
}

f64 f64_max(f64 a, f64 b, struct fp_env *e)
{
	struct fp_num x = f64_unpack(a, e), y = f64_unpack(b, e);
	if (sse_compare(x, y, true, e) == FP_GREATER)
		return x.kind == FP_NUL ? f64_pack(x) : a;
	return y.kind == FP_NUL ? f64_pack(y) : b;
}

/* Which orders make a predicate true: bit 0 less, 1 equal, 2 greater, 3 unordered. SDM 2A CMPPD. */
static const u8 predicate_true[16] = { 2, 1, 3, 8, 13, 14, 12, 7, 10, 9, 11, 0, 5, 6, 4, 15 };

INLINE bool sse_predicate(struct fp_num a, struct fp_num b, unsigned p, struct fp_env *e)
{
	bool signal = ((p & 3) == 1 || (p & 3) == 2) != (p >> 4 & 1);
	return predicate_true[p & 15] >> (sse_compare(a, b, signal, e) + 1) & 1;
}

bool f32_cmp(f32 a, f32 b, unsigned predicate, struct fp_env *e)
{
	return sse_predicate(f32_unpack(a, e), f32_unpack(b, e), predicate, e);
}

bool f64_cmp(f64 a, f64 b, unsigned predicate, struct fp_env *e)
{
	return sse_predicate(f64_unpack(a, e), f64_unpack(b, e), predicate, e);
}

INLINE struct fp_num sse_round_to_int(struct fp_num a, unsigned imm8, struct fp_env *e)
{
	u64 v;
	bool inexact, up;

	if (fp_is_nan(a))
		return sse_nan(a, a, e);
	if (a.kind != FP_NUM || a.exp >= 63)
		return a;
	fp_to_integer(a, imm8 & 4 ? e->rounding : imm8 & 3, &v, &inexact, &up);
	if (inexact && !(imm8 & 8))
		e->flags |= FP_PE;
	if (!v)
		return (struct fp_num){ FP_NUL, a.sign, false, 0, 0 };
	unsigned n = u64_clz(v);
	return (struct fp_num){ FP_NUM, a.sign, false, 63 - (i32)n, v << n };
}

f32 f32_round_to_int(f32 a, unsigned imm8, struct fp_env *e)
{
	return f32_pack(sse_round_to_int(f32_unpack(a, e), imm8, e));
}

f64 f64_round_to_int(f64 a, unsigned imm8, struct fp_env *e)
{
	return f64_pack(sse_round_to_int(f64_unpack(a, e), imm8, e));
}

/* The true value rounded to 15 bits. SDM 2B RCPSS, RSQRTSS: special cases. */
static f32 rough(struct fp_num r)
{
	struct fp_env e = { .masks = FP_ALL, .ftz = true };
	bool up;

	if (r.kind == FP_NUM) {
		fp_round_bits(&r.mant, 1, 15, r.sign, FP_RC_NEAREST, &up);
		if (!r.mant) {
			r.mant = 1ull << 63;
			r.exp++;
		}
		r = fp_round(r.sign, r.exp, r.mant, 0, FP_FORMAT32, 0, &e);
	}
	return f32_pack(r);
}

/*
 * RCPPS promises 1.5 * 2^-12 and leaves the rest to the implementation; results that are tiny are 0 (SDM 2B, RCPPS: inputs
 * from about 2^126 on). A quotient of just 2^-126 is, on Intel's: so the limit here is 2^126 itself.
 */
f32 f32_rcp(f32 a)
{
	struct fp_env e = { .masks = FP_ALL, .daz = true };
	struct fp_num x = f32_unpack(a, &e), one = { FP_NUM, false, false, 0, 1ull << 63 }, r;
	u64 lo;

	if (fp_is_nan(x))
		return f32_pack(x);
	if (x.kind == FP_NUM && x.exp >= 126)
		return a & 1u << 31;
	fp_arith(FP_DIV, one, x, &r, &lo, &e);
	return rough(r);
}

f32 f32_rsqrt(f32 a)
{
	struct fp_env e = { .masks = FP_ALL, .daz = true };
	struct fp_num x = f32_unpack(a, &e), one = { FP_NUM, false, false, 0, 1ull << 63 }, r;
	u64 lo;

	if (fp_is_nan(x))
		return f32_pack(x);
	fp_sqrt(x, &r, &lo, &e);
	if (!fp_is_nan(r))
		fp_arith(FP_DIV, one, r, &r, &lo, &e);
	return rough(r);
}

f64 f32_to_f64(f32 a, struct fp_env *e)
{
	struct fp_num x = f32_unpack(a, e);
	if (x.kind == FP_SIGNALING)
		e->flags |= FP_IE;
	if (x.denormal)
		e->flags |= FP_DE;
	return f64_pack(x);
}

f32 f64_to_f32(f64 a, struct fp_env *e)
{
	struct fp_num x = f64_unpack(a, e);
	if (x.kind == FP_SIGNALING)
		e->flags |= FP_IE;
	if (x.denormal)
		e->flags |= FP_DE;
	if (x.kind == FP_NUM && !fp_stopped(e))
		x = fp_round(x.sign, x.exp, x.mant, 0, FP_FORMAT32, 0, e);
	return f32_pack(x);
}

/* To a signed integer of the given width; its minimum on overflow or NaN. SDM 1 table 4-1, 4.8.3.7. */
INLINE i64 sse_to_int(struct fp_num a, unsigned bits, unsigned rounding, struct fp_env *e)
{
	u64 v, limit = 1ull << (bits - 1);
	bool inexact, up;

	if (!fp_to_integer(a, rounding, &v, &inexact, &up) || v > limit || (v == limit && !a.sign)) {
		e->flags |= FP_IE;
		return bits == 32 ? INT32_MIN : INT64_MIN;
	}
	if (inexact)
		e->flags |= FP_PE;
	return (i64)(a.sign ? 0 - v : v);
}

i32 f32_to_i32(f32 a, struct fp_env *e)
{
	return (i32)sse_to_int(f32_unpack(a, e), 32, e->rounding, e);
}

i64 f32_to_i64(f32 a, struct fp_env *e)
{
	return sse_to_int(f32_unpack(a, e), 64, e->rounding, e);
}

i32 f64_to_i32(f64 a, struct fp_env *e)
{
	return (i32)sse_to_int(f64_unpack(a, e), 32, e->rounding, e);
}

i64 f64_to_i64(f64 a, struct fp_env *e)
{
	return sse_to_int(f64_unpack(a, e), 64, e->rounding, e);
}

i32 f32_to_i32_trunc(f32 a, struct fp_env *e)
{
	return (i32)sse_to_int(f32_unpack(a, e), 32, FP_RC_ZERO, e);
}

i64 f32_to_i64_trunc(f32 a, struct fp_env *e)
{
	return sse_to_int(f32_unpack(a, e), 64, FP_RC_ZERO, e);
}

i32 f64_to_i32_trunc(f64 a, struct fp_env *e)
{
	return (i32)sse_to_int(f64_unpack(a, e), 32, FP_RC_ZERO, e);
}

i64 f64_to_i64_trunc(f64 a, struct fp_env *e)
{
	return sse_to_int(f64_unpack(a, e), 64, FP_RC_ZERO, e);
}

/* An integer is rounded as any other result; zero is +0. */
INLINE struct fp_num from_int(i64 v, struct fp_format f, struct fp_env *e)
{
	if (!v)
		return (struct fp_num){ FP_NUL, false, false, 0, 0 };
	u64 m = v < 0 ? 0 - (u64)v : (u64)v;
	unsigned n = u64_clz(m);
	return fp_round(v < 0, 63 - (i32)n, m << n, 0, f, 0, e);
}

f32 i32_to_f32(i32 v, struct fp_env *e)
{
	return f32_pack(from_int(v, FP_FORMAT32, e));
}

f32 i64_to_f32(i64 v, struct fp_env *e)
{
	return f32_pack(from_int(v, FP_FORMAT32, e));
}

f64 i32_to_f64(i32 v)
{
	struct fp_env e = { .masks = FP_ALL };
	return f64_pack(from_int(v, FP_FORMAT64, &e));
}

f64 i64_to_f64(i64 v, struct fp_env *e)
{
	return f64_pack(from_int(v, FP_FORMAT64, e));
}
