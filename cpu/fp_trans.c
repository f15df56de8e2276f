/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The x87's transcendental instructions, SDM 1 8.3.6 to 8.3.10, by power series in 128-bit integers: about 120 correct
 * bits before the one rounding. Angles are reduced by the processor's own 66-bit pi (SDM 1 8.3.8), as programs expect.
 */
#include "cpu/fp_core.h"

/* 1/k! * 2^128, k from 2: e^t takes each, cosine and sine each second one */
static const struct u128 factorial[27] = {
	{ 0x8000000000000000, 0x0000000000000000 }, { 0x2aaaaaaaaaaaaaaa, 0xaaaaaaaaaaaaaaaa },
	{ 0x0aaaaaaaaaaaaaaa, 0xaaaaaaaaaaaaaaaa }, { 0x0222222222222222, 0x2222222222222222 },
	{ 0x005b05b05b05b05b, 0x05b05b05b05b05b0 }, { 0x000d00d00d00d00d, 0x00d00d00d00d00d0 },
	{ 0x0001a01a01a01a01, 0xa01a01a01a01a01a }, { 0x00002e3bc74aad8e, 0x671f5583911ca002 },
	{ 0x0000049f93edde27, 0xd71cbbc05b4fa999 }, { 0x0000006b99159fd5, 0x138e3f9d1f92e0df },
	{ 0x00000008f76c77fc, 0x6c4bdaa26d4c3d67 }, { 0x00000000b092309d, 0x43684be51c198e91 },
	{ 0x000000000c9cba54, 0x603e4e905d6f8a2e }, { 0x0000000000d73f9f, 0x399dc0f88ec32b58 },
	{ 0x00000000000d73f9, 0xf399dc0f88ec32b5 }, { 0x000000000000ca96, 0x3b81856a53593028 },
	{ 0x0000000000000b41, 0x3c31dcbecbbdd802 }, { 0x0000000000000097, 0xa4da340a0ab92650 },
	{ 0x0000000000000007, 0x950ae900808941ea }, { 0x0000000000000000, 0x5c6e3bdb73d5c62f },
	{ 0x0000000000000000, 0x04338e5b6dfe14a5 }, { 0x0000000000000000, 0x002ec368262c7033 },
	{ 0x0000000000000000, 0x0001f2cf01972f57 }, { 0x0000000000000000, 0x000013f3ccdd165f },
	{ 0x0000000000000000, 0x000000c4742fe352 }, { 0x0000000000000000, 0x0000000746ac70b7 },
	{ 0x0000000000000000, 0x0000000042862898 },
};

/* 1/(2k + 1) * 2^128, k from 1 */
static const struct u128 odd[24] = {
	{ 0x5555555555555555, 0x5555555555555555 }, { 0x3333333333333333, 0x3333333333333333 },
	{ 0x2492492492492492, 0x4924924924924924 }, { 0x1c71c71c71c71c71, 0xc71c71c71c71c71c },
	{ 0x1745d1745d1745d1, 0x745d1745d1745d17 }, { 0x13b13b13b13b13b1, 0x3b13b13b13b13b13 },
	{ 0x1111111111111111, 0x1111111111111111 }, { 0x0f0f0f0f0f0f0f0f, 0x0f0f0f0f0f0f0f0f },
	{ 0x0d79435e50d79435, 0xe50d79435e50d794 }, { 0x0c30c30c30c30c30, 0xc30c30c30c30c30c },
	{ 0x0b21642c8590b216, 0x42c8590b21642c85 }, { 0x0a3d70a3d70a3d70, 0xa3d70a3d70a3d70a },
	{ 0x097b425ed097b425, 0xed097b425ed097b4 }, { 0x08d3dcb08d3dcb08, 0xd3dcb08d3dcb08d3 },
	{ 0x0842108421084210, 0x8421084210842108 }, { 0x07c1f07c1f07c1f0, 0x7c1f07c1f07c1f07 },
	{ 0x0750750750750750, 0x7507507507507507 }, { 0x06eb3e45306eb3e4, 0x5306eb3e45306eb3 },
	{ 0x0690690690690690, 0x6906906906906906 }, { 0x063e7063e7063e70, 0x63e7063e7063e706 },
	{ 0x05f417d05f417d05, 0xf417d05f417d05f4 }, { 0x05b05b05b05b05b0, 0x5b05b05b05b05b05 },
	{ 0x0572620ae4c415c9, 0x882b9310572620ae }, { 0x05397829cbc14e5e, 0x0a72f05397829cbc },
};

/* atan(k / 16) * 2^128 */
static const struct u128 atan16[17] = {
	{ 0x0000000000000000, 0x0000000000000000 }, { 0x0ffaaddb967ef4e3, 0x6cb2792dc0e2e0d5 },
	{ 0x1fd5ba9aac2f6dc6, 0x5912f313e7d111de }, { 0x2f72f6979cb6044d, 0x1ec2d3e207271d21 },
	{ 0x3eb6ebf25901bac5, 0x5b71e7bd7de885f9 }, { 0x4d89dcdc1faf2f34, 0xe2d5da4c693d7994 },
	{ 0x5bd86507937bc239, 0xc55190916e7f2241 }, { 0x6993bb0f308ff2db, 0x213e4af4800f389b },
	{ 0x76b19c1586ed3da2, 0xb7f222f65e1d4681 }, { 0x832bf4a6d9867e2a, 0x4b6a09cb61a515c0 },
	{ 0x8f005d5ef7f59f9b, 0x5c835e1665c43747 }, { 0x9a2f80e671bdda20, 0x4226f8e2204ff3bc },
	{ 0xa4bc7d1934f70924, 0x19a87f2a457dac9e }, { 0xaeac4c38b4d8c080, 0x14725e2f3e52070a },
	{ 0xb8053e2bc2319e73, 0xcb2da55210a4443d }, { 0xc0ce85b8ac526640, 0x89dd62c46e92fa24 },
	{ 0xc90fdaa22168c234, 0xc4c6628b80dc1cd1 },
};

/* A positive number m / 2^127 * 2^exp with bit 127 of m set. */
struct fx {
	i32 exp;
	struct u128 m;
};

static const struct fx fx_ln2 = { -1, { 0xb17217f7d1cf79ab, 0xc9e3b39803f2f6af } };
static const struct fx fx_2_ln2 = { 1, { 0xb8aa3b295c17f0bb, 0xbe87fed0691d3e88 } }; /* 2 / ln 2 */
static const struct fx fx_pi = { 1, { 0xc90fdaa22168c234, 0xc4c6628b80dc1cd1 } };
/* pi / 2 * 2^65, cut to the 66 bits the processor has */
static const struct u128 half_pi65 = { 3, 0x243f6a8885a308d3 };

/* The upper half of a product of two fractions, a unit or two below the truth. */
static struct u128 mulhi(struct u128 a, struct u128 b)
{
	struct u128 h = u128_mul64(a.hi, b.hi);
	u64 x = u128_mul64(a.hi, b.lo).hi, y = u128_mul64(a.lo, b.hi).hi;

	return u128_add(u128_add(h, (struct u128){ 0, x }), (struct u128){ 0, y });
}

static struct fx fx_norm(i32 exp, struct u128 m)
{
	unsigned n = u128_clz(m);
	return (struct fx){ exp - (i32)n, u128_shl(m, n) };
}

static struct fx fx_mul(struct fx a, struct fx b)
{
	return fx_norm(a.exp + b.exp + 1, mulhi(a.m, b.m));
}

/* floor(r * 2^64 / d) for r < d, d with its top bit set; r becomes the remainder. */
static u64 div_step(struct u128 *r, struct u128 d)
{
	u64 q = ~0ull, rem, low;

	if (r->hi < d.hi)
		q = u128_div64(*r, d.hi, &rem);
	struct u128 pl = u128_mul64(q, d.lo), ph = u128_mul64(q, d.hi);
	ph = u128_add(ph, (struct u128){ 0, pl.hi });
	low = pl.lo;
	/* r * 2^64 - q * d; while q is too large, one d back. */
	while (u128_less(*r, ph) || (ph.hi == r->hi && ph.lo == r->lo && low)) {
		u64 before = low;
		q--;
		low -= d.lo;
		ph = u128_sub(ph, (struct u128){ 0, before < d.lo });
		ph = u128_sub(ph, (struct u128){ 0, d.hi });
	}
	struct u128 left = u128_sub(*r, ph);
	*r = (struct u128){ left.lo - (low != 0), 0 - low };
	return q;
}

static struct fx fx_div(struct fx a, struct fx b)
{
	struct u128 n = a.m, q;
	i32 exp = a.exp - b.exp;

	if (u128_less(n, b.m))
		exp--;
	else
		n = u128_shr(n, 1);
	q.hi = div_step(&n, b.m);
	q.lo = div_step(&n, b.m);
	return fx_norm(exp, q);
}

/* a + b, or a - b for a > b. */
static struct fx fx_add(struct fx a, struct fx b, bool subtract)
{
	if (!subtract && (a.exp < b.exp || (a.exp == b.exp && u128_less(a.m, b.m)))) {
		struct fx t = a;
		a = b;
		b = t;
	}
	struct u128 w = u128_shr_sticky(b.m, (unsigned)(a.exp - b.exp));
	if (subtract)
		return fx_norm(a.exp, u128_sub(a.m, w));
	struct u128 s = u128_add(a.m, w);
	if (u128_less(s, a.m)) {
		s = u128_shr(s, 1);
		s.hi |= 1ull << 63;
		a.exp++;
	}
	return (struct fx){ a.exp, s };
}

static struct fx fx_num(struct fp_num a)
{
	return (struct fx){ a.exp, { a.mant, 0 } };
}

/* The number as a fraction of 1 in units of 2^-128; it is below 1. */
static struct u128 fx_fraction(struct fx a)
{
	return u128_shr(a.m, a.exp < -128 ? 128 : (unsigned)(-1 - a.exp));
}

/*
 * 1 + z c0 + z^2 c1 + ..., or with alternating signs, z and the coefficients c[0], c[step].. fractions of 2^128. Never
 * exactly 1: what is lost is a last bit, so that directed roundings and FP_PE come out right.
 */
static struct fx series(const struct u128 *c, int n, int step, struct u128 z, bool alternate)
{
	struct u128 acc = c[(n - 1) * step];

	for (int k = n - 2; k >= 0; k--) {
		acc = mulhi(acc, z);
		acc = alternate ? u128_sub(c[k * step], acc) : u128_add(c[k * step], acc);
	}
	acc = u128_shr(mulhi(acc, z), 1);
	acc.lo |= 1;
	struct u128 one = { 1ull << 63, 0 };
	return fx_norm(0, alternate ? u128_sub(one, acc) : u128_add(one, acc));
}

static struct f80 finish(bool sign, struct fx r, struct fp_env *e)
{
	struct f80 v = f80_pack(fp_round(sign, r.exp, r.m.hi, r.m.lo, FP_FORMAT80, 24576, e));

	/* Always inexact in the end, even where the bits at hand are all there. */
	e->flags |= v.se & 0x7fff ? FP_PE : FP_PE | FP_UE;
	return v;
}

static struct f80 zero(bool sign)
{
	return (struct f80){ 0, (u16)(sign << 15) };
}

static struct f80 infinity(bool sign)
{
	return (struct f80){ 1ull << 63, (u16)(sign << 15 | 0x7fff) };
}

/* A NaN among one or two operands. */
static bool nans(struct f80 a, struct f80 b, struct f80 *r, struct fp_env *e)
{
	if (!fp_is_nan(f80_unpack(a)) && !fp_is_nan(f80_unpack(b)))
		return false;
	*r = f80_add(a, b, e);
	return true;
}

struct f80 f80_2xm1(struct f80 a, struct fp_env *e)
{
	struct fp_num x = f80_unpack(a);
	struct f80 r;

	if (nans(a, a, &r, e))
		return r;
	if (x.kind == FP_INF)
		return x.sign ? (struct f80){ 1ull << 63, 0xbfff } : a;
	if (x.denormal)
		e->flags |= FP_DE;
	if (x.kind == FP_NUL || fp_stopped(e))
		return a;
	if (x.exp >= 0) { /* 1 and -1 are exact; beyond, the result is undefined: a */
		e->flags |= FP_PE;
		if (x.exp == 0 && x.mant == 1ull << 63 && x.sign)
			a.se--;
		return a;
	}
	struct fx t = fx_mul(fx_num(x), fx_ln2);
	return finish(x.sign, fx_mul(t, series(factorial, 27, 1, fx_fraction(t), x.sign)), e);
}

/* log2((1 + s) / (1 - s)) = 2 / ln 2 * atanh(s), 0 < s < 0.2. */
static struct fx log2_series(struct fx s)
{
	return fx_mul(fx_mul(s, series(odd, 24, 1, fx_fraction(fx_mul(s, s)), false)), fx_2_ln2);
}

/* log2 of x as sign and magnitude. Not for exactly 1. */
static struct fx log2_fx(struct fx x, bool *negative)
{
	i32 n = x.exp;
	struct fx s, whole;
	bool below = false;

	x.exp = 0;
	if (x.m.hi >= 0xb504f333f9de6484ull) { /* above sqrt 2: take m in [0.707, 1) */
		n++;
		x.exp = -1;
		below = true;
	}
	struct fx one = { 0, { 1ull << 63, 0 } };
	bool exact = x.m.hi == 1ull << 63 && !x.m.lo;
	*negative = n < 0 || (!n && below);
	if (n) {
		u64 v = (u64)(n < 0 ? -n : n);
		whole = (struct fx){ 63 - (i32)u64_clz(v), { v << u64_clz(v), 0 } };
		if (exact)
			return whole;
	}
	s = fx_div(fx_add(below ? one : x, below ? x : one, true), fx_add(one, x, false));
	s = log2_series(s);
	return n ? fx_add(whole, s, (n < 0) != below) : s;
}

struct f80 f80_yl2x(struct f80 ax, struct f80 ay, struct fp_env *e)
{
	struct fp_num x = f80_unpack(ax), y = f80_unpack(ay);
	struct f80 r;
	bool negative;

	if (nans(ax, ay, &r, e))
		return r;
	if (x.kind != FP_NUL && x.sign)
		return f80_pack(fp_invalid(e));
	bool one = x.kind == FP_NUM && !x.exp && x.mant == 1ull << 63;
	if (y.kind == FP_NUL ? x.kind == FP_NUL || x.kind == FP_INF : one && y.kind == FP_INF)
		return f80_pack(fp_invalid(e));
	if (x.kind == FP_NUL) {
		if (y.kind != FP_INF)
			e->flags |= FP_ZE;
		return infinity(!y.sign);
	}
	if (x.denormal || y.denormal)
		e->flags |= FP_DE;
	negative = x.kind == FP_NUM && x.exp < 0;
	if (x.kind == FP_INF || y.kind == FP_INF)
		return infinity(y.sign ^ negative);
	if (one || y.kind == FP_NUL)
		return zero(y.sign ^ negative);
	if (fp_stopped(e))
		return ay;
	struct fx l = log2_fx(fx_num(x), &negative);
	return finish(y.sign ^ negative, fx_mul(l, fx_num(y)), e);
}

struct f80 f80_yl2xp1(struct f80 ax, struct f80 ay, struct fp_env *e)
{
	struct fp_num x = f80_unpack(ax), y = f80_unpack(ay);
	struct fx one = { 0, { 1ull << 63, 0 } }, two = { 1, { 1ull << 63, 0 } }, v = fx_num(x), l;
	struct f80 r;
	bool sign = x.sign ^ y.sign, negative = x.sign;

	if (nans(ax, ay, &r, e))
		return r;
	if ((x.kind == FP_INF && (x.sign || y.kind == FP_NUL)) || (x.kind == FP_NUL && y.kind == FP_INF))
		return f80_pack(fp_invalid(e));
	if (x.denormal || y.denormal)
		e->flags |= FP_DE;
	if (x.kind == FP_INF || y.kind == FP_INF)
		return infinity(sign);
	if (x.kind == FP_NUL || y.kind == FP_NUL)
		return zero(sign);
	if (fp_stopped(e))
		return ay;
	if (x.sign && x.exp >= 0) { /* no logarithm; the SDM leaves the result undefined */
		e->flags |= FP_PE;
		return ax;
	}
	if (x.exp >= -1)
		l = log2_fx(x.sign ? fx_add(one, v, true) : fx_add(one, v, false), &negative);
	else
		l = log2_series(fx_div(v, fx_add(two, v, x.sign)));
	return finish(y.sign ^ negative, fx_mul(l, fx_num(y)), e);
}

/* atan of 0 < t <= 1. */
static struct fx atan_fx(struct fx t)
{
	struct u128 f;
	unsigned k = 0;

	if (t.exp >= 0)
		return (struct fx){ -1, fx_pi.m }; /* pi / 4 */
	if (t.exp >= -5) {
		f = fx_fraction(t);
		k = (unsigned)(f.hi >> 60) + (unsigned)(f.hi >> 59 & 1);
	}
	if (!k)
		return fx_mul(t, series(odd, 24, 1, fx_fraction(fx_mul(t, t)), true));
	/* atan t = atan c + atan((t - c) / (1 + t c)), c = k / 16 */
	struct fx c = fx_norm(0, (struct u128){ (u64)k << 59, 0 }), one = { 0, { 1ull << 63, 0 } };
	struct fx base = fx_norm(-1, atan16[k]);
	bool below = t.exp < c.exp || (t.exp == c.exp && u128_less(t.m, c.m));
	if (t.exp == c.exp && t.m.hi == c.m.hi && t.m.lo == c.m.lo)
		return base;
	struct fx d = fx_div(fx_add(below ? c : t, below ? t : c, true), fx_add(one, fx_mul(t, c), false));
	return fx_add(base, fx_mul(d, series(odd, 12, 1, fx_fraction(fx_mul(d, d)), true)), below);
}

struct f80 f80_atan(struct f80 ay, struct f80 ax, struct fp_env *e)
{
	struct fp_num x = f80_unpack(ax), y = f80_unpack(ay);
	struct fx half = { 0, fx_pi.m }, r;
	struct f80 n;

	if (nans(ax, ay, &n, e))
		return n;
	if (x.denormal || y.denormal)
		e->flags |= FP_DE;
	if (fp_stopped(e))
		return ay;
	if (y.kind == FP_NUL || (x.kind == FP_INF && y.kind != FP_INF))
		return x.sign ? finish(y.sign, fx_pi, e) : zero(y.sign);
	if (x.kind == FP_NUL || (y.kind == FP_INF && x.kind != FP_INF))
		return finish(y.sign, half, e);
	if (x.kind == FP_INF) { /* both: pi / 4 or 3 pi / 4 */
		struct fx quarter = { -1, fx_pi.m };
		return finish(y.sign, x.sign ? fx_add(half, quarter, false) : quarter, e);
	}
	if (y.exp < x.exp || (y.exp == x.exp && y.mant <= x.mant)) {
		r = atan_fx(fx_div(fx_num(y), fx_num(x)));
		if (x.sign)
			r = fx_add(fx_pi, r, true);
	} else {
		r = atan_fx(fx_div(fx_num(x), fx_num(y)));
		r = fx_add(half, r, !x.sign);
	}
	return finish(y.sign, r, e);
}

/* |a| less the nearest multiple of pi / 2: *flip when that was above; returns which multiple, modulo 4. */
static unsigned reduce(struct fp_num a, struct fx *rest, bool *flip)
{
	struct u128 r = { 0, a.mant };
	unsigned q = 0;

	*flip = false;
	*rest = fx_num(a);
	if (a.exp < -1)
		return 0;
	for (i32 k = a.exp + 2; k > 0; k--) {
		r = u128_shl(r, 1);
		q <<= 1;
		if (!u128_less(r, half_pi65)) {
			r = u128_sub(r, half_pi65);
			q++;
		}
	}
	struct u128 other = u128_sub(half_pi65, r);
	if (u128_less(other, r)) {
		r = other;
		*flip = true;
		q++;
	}
	*rest = fx_norm(127 - 65, r);
	return q & 3;
}

static struct fx sin_fx(struct fx t)
{
	return fx_mul(t, series(factorial + 1, 13, 2, fx_fraction(fx_mul(t, t)), true));
}

static struct fx cos_fx(struct fx t)
{
	return series(factorial, 14, 2, fx_fraction(fx_mul(t, t)), true);
}

/* What all four have in common: false when the angle is out of range; *done when r is the result already. */
static bool angle(struct f80 a, struct f80 *r, bool *done, struct fx *rest, unsigned *quadrant, bool *flip,
		  struct fp_env *e)
{
	struct fp_num x = f80_unpack(a);

	*done = true;
	if (nans(a, a, r, e))
		return true;
	if (x.kind == FP_INF) {
		*r = f80_pack(fp_invalid(e));
		return true;
	}
	if (x.kind == FP_NUM && x.exp >= 63)
		return false;
	if (x.denormal)
		e->flags |= FP_DE;
	*r = a;
	if (x.kind == FP_NUL || fp_stopped(e))
		return true;
	*done = false;
	*quadrant = reduce(x, rest, flip);
	return true;
}

bool f80_sincos(struct f80 a, struct f80 *sine, struct f80 *cosine, struct fp_env *e)
{
	struct fx t;
	struct f80 r;
	unsigned q;
	bool done, flip, sign = a.se >> 15;

	if (!angle(a, &r, &done, &t, &q, &flip, e))
		return false;
	if (done) {
		bool is_zero = !(r.se & 0x7fff) && !r.mant;
		if (sine)
			*sine = r;
		if (cosine)
			*cosine = is_zero ? (struct f80){ 1ull << 63, 0x3fff } : r;
		return true;
	}
	struct fx s = { 0, { 0, 0 } }, c = s;
	if (q & 1 ? cosine != NULL : sine != NULL)
		s = sin_fx(t);
	if (q & 1 ? sine != NULL : cosine != NULL)
		c = cos_fx(t);
	/* sin(q pi/2 + t), cos(q pi/2 + t) with t = -rest when flip */
	if (sine && t.exp < -64 && a.mant >> 63) {
		/* Intel's takes the sine of a tiny angle for the angle, whichever way results are rounded: so it is never tinier. */
		*sine = (struct f80){ a.mant, (u16)(a.se & 0x7fff ? a.se : a.se | 1) };
		e->flags |= FP_PE;
		e->up = false;
	} else if (sine) {
		*sine = q & 1 ? finish(sign ^ (q >> 1), c, e) : finish(sign ^ (q >> 1) ^ flip, s, e);
	}
	if (cosine)
		*cosine = q & 1 ? finish(!(q >> 1) ^ flip, s, e) : finish(q >> 1, c, e);
	return true;
}

bool f80_sin(struct f80 a, struct f80 *sine, struct fp_env *e)
{
	return f80_sincos(a, sine, NULL, e);
}

bool f80_cos(struct f80 a, struct f80 *cosine, struct fp_env *e)
{
	return f80_sincos(a, NULL, cosine, e);
}

bool f80_tan(struct f80 a, struct f80 *tangent, struct fp_env *e)
{
	struct fx t;
	struct f80 r;
	unsigned q;
	bool done, flip, sign = a.se >> 15;

	if (!angle(a, &r, &done, &t, &q, &flip, e))
		return false;
	if (done) {
		*tangent = r;
		return true;
	}
	if (t.exp < -64) { /* a trace above its angle */
		t.m.lo |= 1;
		*tangent = finish(sign, t, e);
		return true;
	}
	struct fx s = sin_fx(t), c = cos_fx(t);
	*tangent = q & 1 ? finish(!sign ^ flip, fx_div(c, s), e) : finish(sign ^ flip, fx_div(s, c), e);
	return true;
}
