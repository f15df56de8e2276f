/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The x87's 80-bit arithmetic, conversions and comparisons. SDM 1 ch. 8; SDM 2 for each instruction.
 * Transcendentals are in fp_trans.c.
 */
#include <string.h>

#include "cpu/fp_core.h"

/* What an unmasked overflow or underflow moves the exponent by. SDM 1 8.5.4. */
#define WRAP 24576

INLINE struct fp_format x87_format(const struct fp_env *e)
{
	struct fp_format f = FP_FORMAT80;
	f.prec = e->precision == 0 ? 24 : e->precision == 2 ? 53 : 64;
	return f;
}

/* The NaN that comes of two operands, one of which is a NaN or unsupported. SDM 1 table 4-7, 8.2.2. */
static struct fp_num x87_nan(struct fp_num a, struct fp_num b, struct fp_env *e)
{
	if (a.kind == FP_BAD || b.kind == FP_BAD)
		return fp_invalid(e);
	if (a.kind == FP_SIGNALING || b.kind == FP_SIGNALING)
		e->flags |= FP_IE;
	if (!fp_is_nan(a) || !fp_is_nan(b))
		return fp_is_nan(a) ? a : b;
	if (a.kind != b.kind)
		return a.kind == FP_QUIET ? a : b;
	if (a.mant != b.mant)
		return a.mant > b.mant ? a : b;
	return a.sign ? b : a;
}

/* Neither zero, denormal, infinite, NaN nor unsupported. */
INLINE bool plain(struct f80 a)
{
	return (a.se & 0x7fff) - 1u < 0x7ffe && a.mant >> 63;
}

INLINE struct f80 x87_op(enum fp_op op, struct f80 a, struct f80 b, struct fp_env *e)
{
	struct fp_num x, y, r;
	u64 lo;

	/* The usual case with all its facts known to the compiler. */
	if (LIKELY(plain(a) && plain(b) && !e->denormal && e->precision & 1)) {
		x = (struct fp_num){ FP_NUM, a.se >> 15, false, (a.se & 0x7fff) - 16383, a.mant };
		y = (struct fp_num){ FP_NUM, b.se >> 15, false, (b.se & 0x7fff) - 16383, b.mant };
		if (!fp_arith(op, x, y, &r, &lo, e))
			return f80_pack(r);
		return f80_pack(fp_round(r.sign, r.exp, r.mant, lo, FP_FORMAT80, WRAP, e));
	}
	x = f80_unpack(a);
	y = f80_unpack(b);
	if (UNLIKELY(fp_is_nan(x) || fp_is_nan(y)))
		return f80_pack(x87_nan(x, y, e));
	if (!fp_arith(op, x, y, &r, &lo, e) || fp_stopped(e))
		return f80_pack(r);
	return f80_pack(fp_round(r.sign, r.exp, r.mant, lo, x87_format(e), WRAP, e));
}

struct f80 f80_add(struct f80 a, struct f80 b, struct fp_env *e)
{
	return x87_op(FP_ADD, a, b, e);
}

struct f80 f80_sub(struct f80 a, struct f80 b, struct fp_env *e)
{
	return x87_op(FP_SUB, a, b, e);
}

struct f80 f80_mul(struct f80 a, struct f80 b, struct fp_env *e)
{
	return x87_op(FP_MUL, a, b, e);
}

struct f80 f80_div(struct f80 a, struct f80 b, struct fp_env *e)
{
	return x87_op(FP_DIV, a, b, e);
}

struct f80 f80_sqrt(struct f80 a, struct fp_env *e)
{
	struct fp_num x = f80_unpack(a), r;
	u64 lo;

	if (fp_is_nan(x))
		return f80_pack(x87_nan(x, x, e));
	if (!fp_sqrt(x, &r, &lo, e) || fp_stopped(e))
		return f80_pack(r);
	return f80_pack(fp_round(r.sign, r.exp, r.mant, lo, x87_format(e), WRAP, e));
}

static enum fp_order x87_compare(struct f80 a, struct f80 b, bool signal, struct fp_env *e)
{
	struct fp_num x = f80_unpack(a), y = f80_unpack(b);

	if (fp_is_nan(x) || fp_is_nan(y)) {
		if (signal || x.kind > FP_QUIET || y.kind > FP_QUIET)
			e->flags |= FP_IE;
		return FP_UNORDERED;
	}
	if (x.denormal || y.denormal || e->denormal)
		e->flags |= FP_DE;
	return fp_order(x, y);
}

enum fp_order f80_compare(struct f80 a, struct f80 b, struct fp_env *e)
{
	return x87_compare(a, b, true, e);
}

enum fp_order f80_compare_quiet(struct f80 a, struct f80 b, struct fp_env *e)
{
	return x87_compare(a, b, false, e);
}

/* A finite result in full precision, as all instructions but the five of basic arithmetic round. */
static struct f80 x87_finish(bool sign, i32 exp, u64 hi, u64 lo, struct fp_env *e)
{
	struct fp_num r = fp_round(sign, exp, hi, lo, FP_FORMAT80, WRAP, e);

	/* Only FSCALE can be so far out that the wrapped exponent does not fit. */
	if (r.kind == FP_NUM && (r.exp > 16383 || r.exp < -16382)) {
		r.kind = r.exp > 0 ? FP_INF : FP_NUL;
		e->flags |= FP_PE;
		e->up = r.exp > 0;
	}
	return f80_pack(r);
}

struct f80 f80_rem(struct f80 a, struct f80 b, bool nearest, u64 *quotient, bool *complete, struct fp_env *e)
{
	struct fp_num x = f80_unpack(a), y = f80_unpack(b);
	u64 q = 0, rest = x.mant, rem;
	bool sign = x.sign;

	*quotient = 0;
	*complete = true;
	if (fp_is_nan(x) || fp_is_nan(y))
		return f80_pack(x87_nan(x, y, e));
	if (x.kind == FP_INF || y.kind == FP_NUL)
		return f80_pack(fp_invalid(e));
	if (x.denormal || y.denormal)
		e->flags |= FP_DE;
	if (fp_stopped(e) || x.kind == FP_NUL)
		return a;
	i32 d = x.exp - y.exp;
	if (y.kind == FP_INF || d < -1 || (d < 0 && !nearest))
		return x87_finish(sign, x.exp, x.mant, 0, e);
	if (d < 0) { /* a quarter to one of b: only FPREM1 takes a step, when it is more than half */
		if (x.mant > y.mant) {
			struct u128 half = { x.mant >> 1, x.mant << 63 };
			struct u128 w = u128_sub((struct u128){ y.mant, 0 }, half);
			unsigned n = u128_clz(w);
			w = u128_shl(w, n);
			*quotient = 1;
			return x87_finish(!sign, y.exp - (i32)n, w.hi, w.lo, e);
		}
		return x87_finish(sign, x.exp, x.mant, 0, e);
	}
	/* rest * 2^d modulo y.mant, at most 63 places at once; what d leaves over is for the next run. */
	i32 places = d < 64 ? d : 32 + d % 32;
	if (rest >= y.mant) {
		rest -= y.mant;
		q = 1;
	}
	if (places) {
		u64 more = u128_div64(u128_shl((struct u128){ 0, rest }, (unsigned)places), y.mant, &rem);
		q = (q << places) + more;
		rest = rem;
	}
	*complete = d < 64;
	if (nearest && *complete) {
		u64 other = y.mant - rest;
		if (rest > other || (rest == other && (q & 1))) {
			rest = other;
			sign = !sign;
			q++;
		}
	}
	if (*complete)
		*quotient = q;
	if (!rest)
		return (struct f80){ 0, (u16)(x.sign << 15) };
	unsigned n = u64_clz(rest);
	return x87_finish(sign, y.exp + (d - places) - (i32)n, rest << n, 0, e);
}

struct f80 f80_round_to_int(struct f80 a, struct fp_env *e)
{
	struct fp_num x = f80_unpack(a);
	bool inexact;
	u64 v;

	if (fp_is_nan(x))
		return f80_pack(x87_nan(x, x, e));
	if (x.denormal)
		e->flags |= FP_DE;
	if (x.kind != FP_NUM || x.exp >= 63 || fp_stopped(e))
		return a;
	fp_to_integer(x, e->rounding, &v, &inexact, &e->up);
	if (inexact)
		e->flags |= FP_PE;
	struct f80 r = i64_to_f80((i64)v);
	if (v >> 63)
		r.se &= 0x7fff;
	r.se |= a.se & 0x8000;
	return r;
}

struct f80 f80_scale(struct f80 a, struct f80 b, struct fp_env *e)
{
	struct fp_num x = f80_unpack(a), y = f80_unpack(b);
	bool inexact, up;
	u64 n;

	if (fp_is_nan(x) || fp_is_nan(y))
		return f80_pack(x87_nan(x, y, e));
	if (y.kind == FP_INF && x.kind == (y.sign ? FP_INF : FP_NUL))
		return f80_pack(fp_invalid(e));
	if (x.denormal || y.denormal)
		e->flags |= FP_DE;
	if (fp_stopped(e) || x.kind != FP_NUM)
		return a;
	if (y.kind == FP_INF) {
		x.kind = y.sign ? FP_NUL : FP_INF;
		return f80_pack(x);
	}
	if (!fp_to_integer(y, FP_RC_ZERO, &n, &inexact, &up) || n > 0x20000)
		n = 0x20000;
	return x87_finish(x.sign, x.exp + (y.sign ? -(i32)n : (i32)n), x.mant, 0, e);
}

struct f80 f80_extract(struct f80 a, struct f80 *exponent, struct fp_env *e)
{
	struct fp_num x = f80_unpack(a);

	*exponent = a;
	if (fp_is_nan(x))
		return *exponent = f80_pack(x87_nan(x, x, e));
	if (x.kind == FP_INF) {
		exponent->se = 0x7fff;
		return a;
	}
	if (x.kind == FP_NUL) {
		e->flags |= FP_ZE;
		*exponent = (struct f80){ 1ull << 63, 0xffff };
		return a;
	}
	if (x.denormal)
		e->flags |= FP_DE;
	*exponent = i64_to_f80(x.exp);
	x.exp = 0;
	return f80_pack(x);
}

static struct f80 widen(struct fp_num x, struct fp_env *e)
{
	if (x.kind == FP_SIGNALING)
		e->flags |= FP_IE;
	if (x.denormal)
		e->flags |= FP_DE;
	return f80_pack(x);
}

static struct f80 widen_raw(struct fp_num x, struct fp_env *e)
{
	if (x.denormal)
		e->denormal = true;
	if (x.kind == FP_SIGNALING)
		return (struct f80){ x.mant | 1ull << 63, (u16)(x.sign << 15 | 0x7fff) };
	return f80_pack(x);
}

struct f80 f32_to_f80(f32 a, struct fp_env *e)
{
	return widen(f32_unpack(a, e), e);
}

struct f80 f64_to_f80(f64 a, struct fp_env *e)
{
	return widen(f64_unpack(a, e), e);
}

struct f80 f32_to_f80_raw(f32 a, struct fp_env *e)
{
	return widen_raw(f32_unpack(a, e), e);
}

struct f80 f64_to_f80_raw(f64 a, struct fp_env *e)
{
	return widen_raw(f64_unpack(a, e), e);
}

INLINE struct fp_num narrow(struct f80 a, struct fp_format f, struct fp_env *e)
{
	struct fp_num x = f80_unpack(a);

	if (fp_is_nan(x))
		return x87_nan(x, x, e);
	if (x.kind != FP_NUM)
		return x;
	x = fp_round(x.sign, x.exp, x.mant, 0, f, 0, e);
	if (e->flags & ~e->masks & (FP_OE | FP_UE)) { /* nothing is stored, so nothing was lost. SDM 1 8.5.4 */
		e->flags &= (u8)~FP_PE;
		e->up = false;
	}
	return x;
}

f32 f80_to_f32(struct f80 a, struct fp_env *e)
{
	return f32_pack(narrow(a, FP_FORMAT32, e));
}

f64 f80_to_f64(struct f80 a, struct fp_env *e)
{
	return f64_pack(narrow(a, FP_FORMAT64, e));
}

struct f80 i64_to_f80(i64 v)
{
	if (!v)
		return (struct f80){ 0, 0 };
	u64 m = v < 0 ? 0 - (u64)v : (u64)v;
	unsigned n = u64_clz(m);
	return (struct f80){ m << n, (u16)((v < 0) << 15 | (16383 + 63 - (i32)n)) };
}

/* The indefinite integer (or packed BCD, by the caller) when the value does not fit. */
static bool x87_to_int(struct f80 a, u64 positive, u64 negative, unsigned rounding, u64 *v, bool *sign,
		       struct fp_env *e)
{
	struct fp_num x = f80_unpack(a);
	bool inexact, up;

	*sign = x.sign;
	if (!fp_to_integer(x, rounding, v, &inexact, &up) || *v > (x.sign ? negative : positive)) {
		e->flags |= FP_IE;
		return false;
	}
	if (inexact)
		e->flags |= FP_PE;
	e->up = up;
	return true;
}

static i64 x87_to_signed(struct f80 a, unsigned bits, unsigned rounding, struct fp_env *e)
{
	u64 limit = 1ull << (bits - 1), v;
	bool sign;

	if (!x87_to_int(a, limit - 1, limit, rounding, &v, &sign, e))
		return (i64)(0 - limit);
	return (i64)(sign ? 0 - v : v);
}

i16 f80_to_i16(struct f80 a, struct fp_env *e)
{
	return (i16)x87_to_signed(a, 16, e->rounding, e);
}

i32 f80_to_i32(struct f80 a, struct fp_env *e)
{
	return (i32)x87_to_signed(a, 32, e->rounding, e);
}

i64 f80_to_i64(struct f80 a, struct fp_env *e)
{
	return x87_to_signed(a, 64, e->rounding, e);
}

i16 f80_to_i16_trunc(struct f80 a, struct fp_env *e)
{
	return (i16)x87_to_signed(a, 16, FP_RC_ZERO, e);
}

i32 f80_to_i32_trunc(struct f80 a, struct fp_env *e)
{
	return (i32)x87_to_signed(a, 32, FP_RC_ZERO, e);
}

i64 f80_to_i64_trunc(struct f80 a, struct fp_env *e)
{
	return x87_to_signed(a, 64, FP_RC_ZERO, e);
}

struct f80 f80_from_bcd(const u8 bcd[10])
{
	u64 v = 0;

	for (int i = 8; i >= 0; i--)
		v = v * 100 + (u64)(bcd[i] >> 4) * 10 + (bcd[i] & 15);
	struct f80 r = i64_to_f80((i64)v);
	r.se |= (u16)(bcd[9] >> 7) << 15;
	return r;
}

void f80_to_bcd(struct f80 a, u8 bcd[10], struct fp_env *e)
{
	static const u8 indefinite[10] = { [7] = 0xc0, 0xff, 0xff };
	bool sign;
	u64 v;

	if (!x87_to_int(a, 999999999999999999ull, 999999999999999999ull, e->rounding, &v, &sign, e)) {
		memcpy(bcd, indefinite, sizeof indefinite);
		return;
	}
	for (int i = 0; i < 9; i++) {
		bcd[i] = (u8)(v / 10 % 10 << 4 | v % 10);
		v /= 100;
	}
	bcd[9] = (u8)(sign << 7);
}

enum f80_class f80_classify(struct f80 a)
{
	struct fp_num x = f80_unpack(a);

	switch (x.kind) {
	case FP_NUL:
		return F80_ZERO;
	case FP_NUM:
		return x.denormal ? F80_DENORMAL : F80_NORMAL;
	case FP_INF:
		return F80_INFINITY;
	case FP_BAD:
		return F80_UNSUPPORTED;
	default:
		return F80_NAN;
	}
}

/* D9 E8 to EE, with 64 more bits to round by. */
struct f80 f80_constant(unsigned index, const struct fp_env *e)
{
	static const struct {
		u64 hi, lo;
		u16 se;
	} k[7] = {
		{ 0x8000000000000000, 0, 0x3fff },                  /* 1 */
		{ 0xd49a784bcd1b8afe, 0x492bf6ff4dafdb4c, 0x4000 }, /* log2(10) */
		{ 0xb8aa3b295c17f0bb, 0xbe87fed0691d3e88, 0x3fff }, /* log2(e) */
		{ 0xc90fdaa22168c234, 0xc4c6628b80dc1cd1, 0x4000 }, /* pi */
		{ 0x9a209a84fbcff798, 0x8f8959ac0b7c9178, 0x3ffd }, /* log10(2) */
		{ 0xb17217f7d1cf79ab, 0xc9e3b39803f2f6af, 0x3ffe }, /* ln(2) */
		{ 0, 0, 0 },
	};
	struct f80 r = { k[index].hi, k[index].se };
	bool up;

	fp_round_bits(&r.mant, k[index].lo, 64, false, e->rounding, &up);
	return r;
}
