/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside of the floating point library: 128-bit integers, numbers taken apart, one rounding for every format.
 * IEEE 754-2008 4.3, 7; SDM 1 4.8, 4.9. Only cpu/fp*.c include it.
 */
#ifndef CPU_FP_CORE_H
#define CPU_FP_CORE_H

#include "cpu/fp.h"

struct u128 {
	u64 hi, lo;
};

INLINE struct u128 u128_mul64(u64 a, u64 b)
{
#ifdef __SIZEOF_INT128__
	unsigned __int128 p = (unsigned __int128)a * b;
	return (struct u128){ (u64)(p >> 64), (u64)p };
#else
	u64 al = (u32)a, ah = a >> 32, bl = (u32)b, bh = b >> 32;
	u64 ll = al * bl, lh = al * bh, hl = ah * bl, hh = ah * bh;
	u64 mid = (ll >> 32) + (u32)lh + (u32)hl;
	return (struct u128){ hh + (lh >> 32) + (hl >> 32) + (mid >> 32), mid << 32 | (u32)ll };
#endif
}

INLINE struct u128 u128_add(struct u128 a, struct u128 b)
{
	u64 lo = a.lo + b.lo;
	return (struct u128){ a.hi + b.hi + (lo < b.lo), lo };
}

INLINE struct u128 u128_sub(struct u128 a, struct u128 b)
{
	return (struct u128){ a.hi - b.hi - (a.lo < b.lo), a.lo - b.lo };
}

INLINE bool u128_less(struct u128 a, struct u128 b)
{
	return a.hi < b.hi || (a.hi == b.hi && a.lo < b.lo);
}

INLINE struct u128 u128_shl(struct u128 a, unsigned n)
{
	if (!n)
		return a;
	if (n >= 128)
		return (struct u128){ 0, 0 };
	if (n >= 64)
		return (struct u128){ a.lo << (n - 64), 0 };
	return (struct u128){ a.hi << n | a.lo >> (64 - n), a.lo << n };
}

INLINE struct u128 u128_shr(struct u128 a, unsigned n)
{
	if (!n)
		return a;
	if (n >= 128)
		return (struct u128){ 0, 0 };
	if (n >= 64)
		return (struct u128){ 0, a.hi >> (n - 64) };
	return (struct u128){ a.hi >> n, a.lo >> n | a.hi << (64 - n) };
}

/* Shifts right; bits that fall out leave a 1 in bit 0 (the sticky bit). */
INLINE struct u128 u128_shr_sticky(struct u128 a, unsigned n)
{
	struct u128 r = u128_shr(a, n), back = u128_shl(r, n);
	if (n >= 128)
		r.lo = (a.hi | a.lo) != 0;
	else
		r.lo |= (back.hi ^ a.hi) != 0 || (back.lo ^ a.lo) != 0;
	return r;
}

INLINE unsigned u64_clz(u64 v)
{
	return (unsigned)__builtin_clzll(v);
}

/* Not for zero. */
INLINE unsigned u128_clz(struct u128 a)
{
	return a.hi ? u64_clz(a.hi) : 64 + u64_clz(a.lo);
}

/* n / d for n.hi < d: the quotient fits 64 bits. d has its top bit set or not. Remainder in *rem. */
u64 u128_div64(struct u128 n, u64 d, u64 *rem);
/* Integer square root of n (its top two bits not both 0); *low: guard bits, 0 when exact. */
u64 u128_sqrt(struct u128 n, u64 *low);

enum fp_kind { FP_NUL, FP_NUM, FP_INF, FP_QUIET, FP_SIGNALING, FP_BAD };

/* A number taken apart: value = mant / 2^63 * 2^exp with bit 63 set when kind is FP_NUM. NaNs keep their f80 mant. */
struct fp_num {
	u8 kind;
	bool sign;
	bool denormal; /* it was one */
	i32 exp;
	u64 mant;
};

struct fp_format {
	u8 prec; /* bits of significand */
	i32 emin, emax;
};

#define FP_FORMAT32 ((struct fp_format){ 24, -126, 127 })
#define FP_FORMAT64 ((struct fp_format){ 53, -1022, 1023 })
#define FP_FORMAT80 ((struct fp_format){ 64, -16382, 16383 })

/*
 * Rounds hi:lo (bit 63 of hi set, lo with sticky bits) to a multiple of 2^(64 - prec) in hi. A carry out leaves
 * hi = 0 (meaning 2^64). Returns true when inexact.
 */
INLINE bool fp_round_bits(u64 *hi, u64 lo, unsigned prec, bool sign, unsigned rounding, bool *up)
{
	unsigned drop = 64 - prec;
	u64 mask = drop ? (1ull << drop) - 1 : 0;
	u64 rest = *hi & mask, kept = *hi & ~mask;
	bool inc;

	if (!(rest | lo)) {
		*up = false;
		return false;
	}
	if (rounding == FP_RC_NEAREST) {
		u64 half_hi = drop ? 1ull << (drop - 1) : 0, half_lo = drop ? 0 : 1ull << 63;
		if (rest != half_hi)
			inc = rest > half_hi;
		else if (lo != half_lo)
			inc = lo > half_lo;
		else
			inc = kept >> drop & 1;
	} else {
		inc = rounding == (sign ? FP_RC_DOWN : FP_RC_UP);
	}
	*hi = kept + (inc ? mask + 1 : 0);
	*up = inc;
	return true;
}

/*
 * A finite nonzero result sign * hi:lo / 2^127 * 2^exp (bit 63 of hi set) brought into a format: rounding, underflow,
 * overflow, flush to zero. bias: what an unmasked overflow or underflow adds to the exponent (24576 in the x87's
 * registers, 0: the result is not looked at). SDM 1 4.9.1.4 to 4.9.1.6, 8.5.4, 8.5.5.
 * kind FP_NUM with bit 63 clear and exp = emin is a denormal result.
 */
INLINE struct fp_num fp_round(bool sign, i32 exp, u64 hi, u64 lo, struct fp_format f, i32 bias, struct fp_env *e)
{
	struct fp_num r = { FP_NUM, sign, false, exp, hi };
	bool inexact;

	if (UNLIKELY(exp < f.emin)) {
		bool tiny = true;
		if (exp == f.emin - 1) {
			u64 m = hi;
			bool up;
			fp_round_bits(&m, lo, f.prec, sign, e->rounding, &up);
			tiny = m != 0;
		}
		if (tiny && !(e->masks & FP_UE)) {
			e->flags |= FP_UE;
			inexact = fp_round_bits(&r.mant, lo, f.prec, sign, e->rounding, &e->up);
			if (!r.mant) {
				r.mant = 1ull << 63;
				r.exp++;
			}
			if (inexact)
				e->flags |= FP_PE;
			r.exp += bias;
			return r;
		}
		if (tiny && e->ftz) {
			e->flags |= FP_UE | FP_PE;
			return (struct fp_num){ FP_NUL, sign, false, 0, 0 };
		}
		struct u128 w = u128_shr_sticky((struct u128){ hi, lo }, (unsigned)(f.emin - exp));
		r.exp = f.emin;
		r.mant = w.hi;
		inexact = fp_round_bits(&r.mant, w.lo, f.prec, sign, e->rounding, &e->up);
		if (inexact)
			e->flags |= tiny ? FP_UE | FP_PE : FP_PE;
		if (!r.mant)
			r.kind = FP_NUL;
		return r;
	}
	inexact = fp_round_bits(&r.mant, lo, f.prec, sign, e->rounding, &e->up);
	if (UNLIKELY(!r.mant)) {
		r.mant = 1ull << 63;
		r.exp++;
	}
	if (UNLIKELY(r.exp > f.emax)) {
		e->flags |= FP_OE;
		if (!(e->masks & FP_OE)) {
			if (inexact)
				e->flags |= FP_PE;
			r.exp -= bias;
			return r;
		}
		e->flags |= FP_PE;
		if (e->rounding == FP_RC_NEAREST || e->rounding == (sign ? FP_RC_DOWN : FP_RC_UP)) {
			r.kind = FP_INF;
			e->up = true;
		} else {
			r.exp = f.emax;
			r.mant = ~0ull << (64 - f.prec);
			e->up = false;
		}
		return r;
	}
	if (inexact)
		e->flags |= FP_PE;
	return r;
}

/* Taking apart and putting together. DAZ is applied by f32_unpack and f64_unpack. */
INLINE struct fp_num f32_unpack(f32 a, const struct fp_env *e)
{
	u32 frac = a & 0x7fffff;
	i32 biased = a >> 23 & 0xff;
	struct fp_num r = { FP_NUM, a >> 31, false, biased - 127, (u64)(frac | 0x800000) << 40 };

	if (UNLIKELY(biased == 0xff)) {
		r.kind = !frac ? FP_INF : frac & 0x400000 ? FP_QUIET : FP_SIGNALING;
	} else if (UNLIKELY(!biased)) {
		if (!frac || e->daz) {
			r.kind = FP_NUL;
		} else {
			unsigned n = u64_clz((u64)frac << 40);
			r.mant = (u64)frac << 40 << n;
			r.exp = -126 - (i32)n;
			r.denormal = true;
		}
	}
	return r;
}

INLINE struct fp_num f64_unpack(f64 a, const struct fp_env *e)
{
	u64 frac = a & 0xfffffffffffffull;
	i32 biased = (i32)(a >> 52 & 0x7ff);
	struct fp_num r = { FP_NUM, a >> 63, false, biased - 1023, frac << 11 | 1ull << 63 };

	if (UNLIKELY(biased == 0x7ff)) {
		r.kind = !frac ? FP_INF : frac >> 51 ? FP_QUIET : FP_SIGNALING;
	} else if (UNLIKELY(!biased)) {
		if (!frac || e->daz) {
			r.kind = FP_NUL;
		} else {
			unsigned n = u64_clz(frac << 11);
			r.mant = frac << 11 << n;
			r.exp = -1022 - (i32)n;
			r.denormal = true;
		}
	}
	return r;
}

INLINE struct fp_num f80_unpack(struct f80 a)
{
	i32 biased = a.se & 0x7fff;
	struct fp_num r = { FP_NUM, a.se >> 15, false, biased - 16383, a.mant };

	if (UNLIKELY(biased == 0x7fff)) {
		if (!(a.mant >> 63))
			r.kind = FP_BAD;
		else if (!(a.mant << 1))
			r.kind = FP_INF;
		else
			r.kind = a.mant >> 62 & 1 ? FP_QUIET : FP_SIGNALING;
	} else if (UNLIKELY(!biased)) {
		if (!a.mant) {
			r.kind = FP_NUL;
		} else {
			unsigned n = u64_clz(a.mant);
			r.mant = a.mant << n;
			r.exp = -16382 - (i32)n;
			r.denormal = true;
		}
	} else if (UNLIKELY(!(a.mant >> 63))) {
		r.kind = FP_BAD;
	}
	return r;
}

INLINE f32 f32_pack(struct fp_num r)
{
	u32 s = (u32)r.sign << 31;
	switch (r.kind) {
	case FP_NUL:
		return s;
	case FP_INF:
		return s | 0x7f800000;
	case FP_NUM:
		return s | ((r.mant >> 63 ? (u32)(r.exp + 127) << 23 : 0) | (r.mant >> 40 & 0x7fffff));
	case FP_BAD:
		return F32_DEFAULT_NAN;
	default:
		return s | 0x7fc00000 | (r.mant >> 40 & 0x7fffff);
	}
}

INLINE f64 f64_pack(struct fp_num r)
{
	u64 s = (u64)r.sign << 63;
	switch (r.kind) {
	case FP_NUL:
		return s;
	case FP_INF:
		return s | 0x7ff0000000000000ull;
	case FP_NUM:
		return s | (r.mant >> 63 ? (u64)(u32)(r.exp + 1023) << 52 : 0) | (r.mant >> 11 & 0xfffffffffffffull);
	case FP_BAD:
		return F64_DEFAULT_NAN;
	default:
		return s | 0x7ff8000000000000ull | (r.mant >> 11 & 0xfffffffffffffull);
	}
}

INLINE struct f80 f80_pack(struct fp_num r)
{
	u16 s = (u16)(r.sign << 15);
	switch (r.kind) {
	case FP_NUL:
		return (struct f80){ 0, s };
	case FP_INF:
		return (struct f80){ 1ull << 63, s | 0x7fff };
	case FP_NUM:
		return (struct f80){ r.mant, (u16)(s | (r.mant >> 63 ? (r.exp + 16383) & 0x7fff : 0)) };
	case FP_BAD:
		return F80_DEFAULT_NAN;
	default:
		return (struct f80){ r.mant | 3ull << 62, s | 0x7fff };
	}
}

/* The default NaN, "real indefinite". */
INLINE struct fp_num fp_invalid(struct fp_env *e)
{
	e->flags |= FP_IE;
	return (struct fp_num){ FP_QUIET, true, false, 0, 3ull << 62 };
}

INLINE bool fp_is_nan(struct fp_num a)
{
	return a.kind >= FP_QUIET;
}

/* An unmasked FP_PRE exception of this operation: what comes after computing is not reported. */
INLINE bool fp_stopped(const struct fp_env *e)
{
	return (e->flags & ~e->masks & FP_PRE) != 0;
}

/* The arithmetic shared by all formats; operands that are NaNs were dealt with. fp_ops.c. */
enum fp_op { FP_ADD, FP_SUB, FP_MUL, FP_DIV };

/* Adds two numbers that are neither zero nor infinite. False: the sum is zero. */
INLINE bool fp_add_numbers(struct fp_num a, struct fp_num b, struct fp_num *r, u64 *lo, const struct fp_env *e)
{
	struct u128 x, y;

	if (a.exp < b.exp || (a.exp == b.exp && a.mant < b.mant)) {
		struct fp_num t = a;
		a = b;
		b = t;
	}
	x = (struct u128){ a.mant, 0 };
	y = u128_shr_sticky((struct u128){ b.mant, 0 }, (unsigned)(a.exp - b.exp));
	*r = a;
	r->denormal = false;
	if (a.sign == b.sign) {
		struct u128 s = u128_add(x, y);
		if (s.hi < x.hi) {
			s.lo = s.lo >> 1 | s.hi << 63 | (s.lo & 1);
			s.hi = s.hi >> 1 | 1ull << 63;
			r->exp++;
		}
		r->mant = s.hi;
		*lo = s.lo;
	} else {
		struct u128 d = u128_sub(x, y);
		if (!(d.hi | d.lo)) {
			*r = (struct fp_num){ FP_NUL, e->rounding == FP_RC_DOWN, false, 0, 0 };
			return false;
		}
		unsigned n = u128_clz(d);
		d = u128_shl(d, n);
		r->exp -= (i32)n;
		r->mant = d.hi;
		*lo = d.lo;
	}
	return true;
}

INLINE bool fp_add(struct fp_num a, struct fp_num b, u8 denormal, struct fp_num *r, u64 *lo, struct fp_env *e)
{
	if (a.kind == FP_INF || b.kind == FP_INF) {
		if (a.kind == b.kind && a.sign != b.sign) {
			*r = fp_invalid(e);
			return false;
		}
		e->flags |= denormal;
		*r = a.kind == FP_INF ? a : b;
		return false;
	}
	e->flags |= denormal;
	if (a.kind == FP_NUL && b.kind == FP_NUL) {
		*r = a;
		if (a.sign != b.sign)
			r->sign = e->rounding == FP_RC_DOWN;
		return false;
	}
	if (b.kind == FP_NUL) {
		*r = a;
		return true;
	}
	if (a.kind == FP_NUL) {
		*r = b;
		return true;
	}
	return fp_add_numbers(a, b, r, lo, e);
}

INLINE bool fp_mul(struct fp_num a, struct fp_num b, u8 denormal, struct fp_num *r, u64 *lo, struct fp_env *e)
{
	struct u128 p;

	r->sign = a.sign ^ b.sign;
	if (a.kind == FP_INF || b.kind == FP_INF) {
		if (a.kind == FP_NUL || b.kind == FP_NUL) {
			*r = fp_invalid(e);
			return false;
		}
		e->flags |= denormal;
		r->kind = FP_INF;
		return false;
	}
	e->flags |= denormal;
	if (a.kind == FP_NUL || b.kind == FP_NUL)
		return false;
	p = u128_mul64(a.mant, b.mant);
	r->exp = a.exp + b.exp + 1;
	if (!(p.hi >> 63)) {
		p = u128_shl(p, 1);
		r->exp--;
	}
	r->kind = FP_NUM;
	r->mant = p.hi;
	*lo = p.lo;
	return true;
}

/* Divides two numbers that are neither zero nor infinite. */
INLINE void fp_div_numbers(struct fp_num a, struct fp_num b, struct fp_num *r, u64 *lo)
{
	struct u128 n;
	u64 rem;

	r->exp = a.exp - b.exp;
	if (a.mant >= b.mant) {
		n = (struct u128){ a.mant >> 1, a.mant << 63 };
	} else {
		n = (struct u128){ a.mant, 0 };
		r->exp--;
	}
	r->kind = FP_NUM;
	r->mant = u128_div64(n, b.mant, &rem);
	/* More than half a unit is left over, just half, or less. */
	*lo = !rem ? 0 : rem > b.mant - rem ? 3ull << 62 : rem == b.mant - rem ? 1ull << 63 : 1;
}

INLINE bool fp_div(struct fp_num a, struct fp_num b, u8 denormal, struct fp_num *r, u64 *lo, struct fp_env *e)
{
	r->sign = a.sign ^ b.sign;
	if (a.kind == b.kind && a.kind != FP_NUM) {
		*r = fp_invalid(e);
		return false;
	}
	if (b.kind == FP_NUL) {
		e->flags |= a.kind == FP_INF ? 0 : FP_ZE;
		r->kind = FP_INF;
		return false;
	}
	e->flags |= denormal;
	if (a.kind == FP_NUL || b.kind == FP_INF)
		return false;
	if (a.kind == FP_INF) {
		r->kind = FP_INF;
		return false;
	}
	fp_div_numbers(a, b, r, lo);
	return true;
}

/* The result before rounding, when it is finite and not zero; else r is final and false is returned. */
INLINE bool fp_arith(enum fp_op op, struct fp_num a, struct fp_num b, struct fp_num *r, u64 *lo, struct fp_env *e)
{
	u8 denormal = a.denormal || b.denormal || e->denormal ? FP_DE : 0;

	*r = (struct fp_num){ FP_NUL, false, false, 0, 0 };
	*lo = 0;
	switch (op) {
	case FP_SUB:
		b.sign = !b.sign;
		return fp_add(a, b, denormal, r, lo, e);
	case FP_ADD:
		return fp_add(a, b, denormal, r, lo, e);
	case FP_MUL:
		return fp_mul(a, b, denormal, r, lo, e);
	default:
		return fp_div(a, b, denormal, r, lo, e);
	}
}

/* Square root of a number that is no NaN, as fp_arith. */
INLINE bool fp_sqrt(struct fp_num a, struct fp_num *r, u64 *lo, struct fp_env *e)
{
	*r = a;
	r->denormal = false;
	if (a.kind == FP_NUL)
		return false;
	if (a.sign) {
		*r = fp_invalid(e);
		return false;
	}
	if (a.denormal)
		e->flags |= FP_DE;
	if (a.kind == FP_INF)
		return false;
	bool odd = a.exp & 1;
	r->exp = (a.exp - odd) / 2;
	r->mant = u128_sqrt(odd ? (struct u128){ a.mant, 0 } : (struct u128){ a.mant >> 1, a.mant << 63 }, lo);
	return true;
}

/* Compares numbers that are no NaNs. */
INLINE enum fp_order fp_order(struct fp_num a, struct fp_num b)
{
	if (a.kind == FP_NUL && b.kind == FP_NUL)
		return FP_EQUAL;
	if (a.kind == FP_NUL)
		return b.sign ? FP_GREATER : FP_LESS;
	if (b.kind == FP_NUL || a.sign != b.sign)
		return a.sign ? FP_LESS : FP_GREATER;
	i32 ea = a.kind == FP_INF ? 1 << 20 : a.exp, eb = b.kind == FP_INF ? 1 << 20 : b.exp;
	int c = ea != eb ? (ea > eb ? 1 : -1) : a.kind == FP_INF || a.mant == b.mant ? 0 : a.mant > b.mant ? 1 : -1;
	return (enum fp_order)(a.sign ? -c : c);
}

/*
 * Magnitude of a number as an integer by the given rounding: *inexact when bits were lost. false when it needs more
 * than 64 bits.
 */
INLINE bool fp_to_integer(struct fp_num a, unsigned rounding, u64 *value, bool *inexact, bool *up)
{
	*inexact = *up = false;
	*value = 0;
	if (a.kind == FP_NUL)
		return true;
	if (a.kind != FP_NUM || a.exp > 63)
		return false;
	struct u128 w = u128_shr_sticky((struct u128){ a.mant, 0 }, a.exp < -2 ? 65 : (unsigned)(63 - a.exp));
	*value = w.hi;
	if (!w.lo)
		return true;
	*inexact = true;
	if (rounding == FP_RC_NEAREST)
		*up = w.lo > 1ull << 63 || (w.lo == 1ull << 63 && (w.hi & 1));
	else
		*up = rounding == (a.sign ? FP_RC_DOWN : FP_RC_UP);
	*value += *up;
	return *value || !*up;
}

#endif
