/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/fp.h against fixed vectors and recorded digests, on every host. Fixed seeds.
 */
#include "tests/unit/fp_env.h"
#include "tests/unit/quick.h"

/* Arithmetic with results known by hand, on every host. */
START_TEST(test_fixed)
{
	struct fp_env e = fp_env_mxcsr(0x1f80);

	ck_assert_uint_eq(f64_add(0x3ff0000000000000, 0x3ca0000000000000, &e), 0x3ff0000000000000);
	ck_assert_uint_eq(e.flags, FP_PE);
	e.flags = 0;
	ck_assert_uint_eq(f64_add(0x3ff0000000000000, 0x3ca0000000000001, &e), 0x3ff0000000000001);
	e.flags = 0;
	ck_assert_uint_eq(f32_div(0x3f800000, 0x40400000, &e), 0x3eaaaaab);
	ck_assert_uint_eq(e.flags, FP_PE);
	e.flags = 0;
	ck_assert_uint_eq(f32_div(0x3f800000, 0x80000000, &e), 0xff800000);
	ck_assert_uint_eq(e.flags, FP_ZE);
	e.flags = 0;
	ck_assert_uint_eq(f64_sqrt(0x4000000000000000, &e), 0x3ff6a09e667f3bcd);
	ck_assert_uint_eq(e.flags, FP_PE);
	e.flags = 0;
	ck_assert_uint_eq(f64_sqrt(0xbff0000000000000, &e), F64_DEFAULT_NAN);
	ck_assert_uint_eq(e.flags, FP_IE);
	e.flags = 0;
	ck_assert_int_eq(f64_to_i32(0x41e0000000000000, &e), INT32_MIN);
	ck_assert_uint_eq(e.flags, FP_IE);
	e.flags = 0;
	ck_assert_int_eq(f64_to_i32(0x4004000000000000, &e), 2); /* 2.5, to even */
	ck_assert_uint_eq(e.flags, FP_PE);
	e.flags = 0;
	ck_assert_uint_eq(f32_mul(0x00800000, 0x3f000000, &e), 0x00400000);
	ck_assert_uint_eq(e.flags, 0); /* tiny, but exact */
	ck_assert_uint_eq(f32_mul(0x00800001, 0x3f000000, &e), 0x00400000);
	ck_assert_uint_eq(e.flags, FP_UE | FP_PE);
	e = fp_env_mxcsr(0x9fc0); /* DAZ, FTZ */
	ck_assert_uint_eq(f32_mul(0x00800001, 0xbf000000, &e), 0x80000000);
	ck_assert_uint_eq(e.flags, FP_UE | FP_PE);
	e.flags = 0;
	ck_assert_uint_eq(f32_add(0x00400000, 0x80000001, &e), 0);
	ck_assert_uint_eq(e.flags, 0);
	ck_assert_uint_eq(f64_muladd(0x3ff0000000000001, 0x3ff0000000000001, 0xbff0000000000002, 0, &e),
			  0x3970000000000000);
	ck_assert_int_eq(f64_compare_quiet(F64_DEFAULT_NAN, 0, &e), FP_UNORDERED);
	ck_assert_uint_eq(e.flags, 0);
	ck_assert_int_eq(f64_compare(F64_DEFAULT_NAN, 0, &e), FP_UNORDERED);
	ck_assert_uint_eq(e.flags, FP_IE);
}
END_TEST

/* The host's arithmetic, where it stands in, gives the same bits as ours. */
START_TEST(test_quick)
{
	struct rng r = { 77 };
	for (int i = 0; i < FP_ROUNDS; i++) {
		struct fp_env slow = fp_env_mxcsr(0x1f80), quick = fp_env_mxcsr(0x1fa0);
		f64 a = gen64(&r), b = gen64(&r);
		f32 c = gen32(&r), d = gen32(&r);
		quick(quick.quick && !slow.quick);
		quick_eq(f64_add(a, b, &slow), f64_add(a, b, &quick));
		quick_eq(f64_sub(a, b, &slow), f64_sub(a, b, &quick));
		quick_eq(f64_mul(a, b, &slow), f64_mul(a, b, &quick));
		quick_eq(f64_div(a, b, &slow), f64_div(a, b, &quick));
		quick_eq(f32_add(c, d, &slow), f32_add(c, d, &quick));
		quick_eq(f32_sub(c, d, &slow), f32_sub(c, d, &quick));
		quick_eq(f32_mul(c, d, &slow), f32_mul(c, d, &quick));
		quick_eq(f32_div(c, d, &slow), f32_div(c, d, &quick));
		quick_eq(slow.flags | FP_PE, quick.flags | FP_PE);
	}
}
END_TEST

/* RCPSS and RSQRTSS stay within 1.5 * 2^-12. */
START_TEST(test_rough)
{
	struct rng r = { 5 };
	for (int i = 0; i < 2000; i++) {
		u32 a = (u32)(next(&r) & 0x7fffff) | (u32)(64 + next(&r) % 120) << 23, q = f32_rcp(a), s = f32_rsqrt(a);
		float fa, fq, fs;
		memcpy(&fa, &a, 4);
		memcpy(&fq, &q, 4);
		memcpy(&fs, &s, 4);
		double dq = (double)fa * fq - 1, ds = (double)fs * fs * fa - 1;
		quick(dq < 3.6e-4 && dq > -3.6e-4);
		quick(ds < 7.2e-4 && ds > -7.2e-4);
	}
	ck_assert_uint_eq(f32_rcp(0x80000001), 0xff800000);
	ck_assert_uint_eq(f32_rcp(0x7f7fffff), 0);
	ck_assert_uint_eq(f32_rsqrt(0x80000001), 0xff800000);
	ck_assert_uint_eq(f32_rsqrt(0xbf800000), F32_DEFAULT_NAN);
	ck_assert_uint_eq(f32_rsqrt(0x7f800000), 0);
}
END_TEST

/* ---- digests of results, the same on every host ---------------------------------------------------------------- */

static void mix(u64 *h, u64 v)
{
	*h = (*h ^ v) * 0x9e3779b97f4a7c15ull;
	*h ^= *h >> 29;
}

static void mix80(u64 *h, struct f80 v)
{
	mix(h, v.mant);
	mix(h, v.se);
}

static u64 digest_f64(struct rng *r)
{
	u64 h = 0;
	for (int i = 0; i < 4000; i++) {
		struct fp_env e = fp_env_mxcsr(0x1f80 | ((u32)next(r) & 0xe040));
		f64 a = gen64(r), b = gen64(r), c = gen64(r);
		mix(&h, f64_add(a, b, &e) ^ f64_sub(b, c, &e));
		mix(&h, f64_mul(a, b, &e));
		mix(&h, f64_div(a, b, &e));
		mix(&h, f64_sqrt(a, &e));
		mix(&h, f64_muladd(a, b, c, (unsigned)i & 3, &e));
		mix(&h, f64_round_to_int(a, (unsigned)i & 15, &e) ^ f64_min(b, c, &e) ^ f64_max(a, b, &e));
		mix(&h, (u64)f64_to_i64(a, &e) ^ (u64)f64_to_i32_trunc(b, &e) ^ f64_to_f32(c, &e));
		mix(&h, f64_cmp(a, b, (unsigned)i & 31, &e));
		mix(&h, e.flags);
	}
	return h;
}

static u64 digest_f32(struct rng *r)
{
	u64 h = 0;
	for (int i = 0; i < 4000; i++) {
		struct fp_env e = fp_env_mxcsr(0x1f80 | ((u32)next(r) & 0xe040));
		f32 a = gen32(r), b = gen32(r), c = gen32(r);
		mix(&h, f32_add(a, b, &e) ^ f32_sub(b, c, &e));
		mix(&h, f32_mul(a, b, &e));
		mix(&h, f32_div(a, b, &e));
		mix(&h, f32_sqrt(a, &e));
		mix(&h, f32_muladd(a, b, c, (unsigned)i & 3, &e));
		mix(&h, f32_round_to_int(a, (unsigned)i & 15, &e) ^ f32_min(b, c, &e) ^ f32_max(a, b, &e));
		mix(&h, (u64)f32_to_i64(a, &e) ^ (u64)f32_to_i32(b, &e) ^ f32_to_f64(c, &e));
		mix(&h, f32_rcp(a) ^ f32_rsqrt(b) ^ i64_to_f32((i64)next(r), &e));
		mix(&h, e.flags);
	}
	return h;
}

static u64 digest_f80(struct rng *r)
{
	u64 h = 0, q;
	for (int i = 0; i < 4000; i++) {
		struct fp_env e = fp_env_x87((u16)(0x7f | (next(r) & 0xf00)));
		struct f80 a = gen80(r), b = gen80(r), x;
		u8 bcd[10];
		bool complete;
		mix80(&h, f80_add(a, b, &e));
		mix80(&h, f80_sub(a, b, &e));
		mix80(&h, f80_mul(a, b, &e));
		mix80(&h, f80_div(a, b, &e));
		mix80(&h, f80_sqrt(a, &e));
		mix80(&h, f80_rem(a, b, i & 1, &q, &complete, &e));
		mix80(&h, f80_round_to_int(a, &e));
		mix80(&h, f80_scale(a, b, &e));
		mix80(&h, f80_extract(a, &x, &e));
		f80_to_bcd(a, bcd, &e);
		for (int k = 0; k < 10; k++)
			mix(&h, bcd[k]);
		mix(&h, q ^ complete ^ x.mant ^ f80_to_f64(a, &e) ^ f80_to_f32(b, &e) ^ (u64)f80_to_i64(a, &e));
		mix(&h, e.flags | e.up << 8);
	}
	return h;
}

static u64 digest_trans(struct rng *r)
{
	u64 h = 0;
	for (int i = 0; i < 4000; i++) {
		struct fp_env e = fp_env_x87((u16)(0x37f | (next(r) & 0xc00)));
		struct f80 a = gen80(r), b = gen80(r), s = a, c = a, t = a;
		mix80(&h, f80_2xm1(a, &e));
		mix80(&h, f80_yl2x(a, b, &e));
		mix80(&h, f80_yl2xp1(a, b, &e));
		mix80(&h, f80_atan(a, b, &e));
		mix(&h, f80_sincos(a, &s, &c, &e) + 2 * f80_tan(b, &t, &e));
		mix80(&h, s);
		mix80(&h, c);
		mix80(&h, t);
		mix(&h, e.flags);
	}
	return h;
}

START_TEST(test_digests)
{
	struct rng r = { 2024 };
	ck_assert_uint_eq(digest_f64(&r), 0xfa0eb685e2590034);
	ck_assert_uint_eq(digest_f32(&r), 0x2597e998768ea071);
	ck_assert_uint_eq(digest_f80(&r), 0x35d8ad3c303b0828);
	ck_assert_uint_eq(digest_trans(&r), 0x2efa748b2ba7a67f);
}
END_TEST

Suite *fp_suite(void)
{
	Suite *s = suite_create("cpu/fp");
	TCase *t = tcase_create("vectors");
	tcase_add_test(t, test_fixed);
	tcase_add_test(t, test_quick);
	tcase_add_test(t, test_rough);
	tcase_add_test(t, test_digests);
	suite_add_tcase(s, t);
	return s;
}
