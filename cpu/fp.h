/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Software floating point: binary32, binary64 and the x87's 80-bit format, as IEEE 754 and Intel SDM 1 ch. 4, 8, 11
 * define them. Integer arithmetic only, so every host computes the same bits (see `quick` for the one exception).
 */
#ifndef CPU_FP_H
#define CPU_FP_H

#include "base/types.h"

typedef u32 f32;
typedef u64 f64;

/* An x87 register: explicit integer bit in bit 63 of mant; se = sign << 15 | biased exponent. */
struct f80 {
	u64 mant;
	u16 se;
};

/* Exception flags and masks, placed as in MXCSR bits 5:0 and the x87 status and control words. */
enum {
	FP_IE = 0x01,  /* invalid operation */
	FP_DE = 0x02,  /* denormal operand */
	FP_ZE = 0x04,  /* divide by zero */
	FP_OE = 0x08,  /* overflow */
	FP_UE = 0x10,  /* underflow */
	FP_PE = 0x20,  /* precision (inexact) */
	FP_ALL = 0x3f,
	FP_PRE = 0x07, /* those found before anything is computed */
};

/* MXCSR.RC and x87 CW.RC */
enum { FP_RC_NEAREST = 0, FP_RC_DOWN = 1, FP_RC_UP = 2, FP_RC_ZERO = 3 };

enum fp_order { FP_LESS = -1, FP_EQUAL = 0, FP_GREATER = 1, FP_UNORDERED = 2 };

/*
 * The environment of one instruction. Fill it from MXCSR or the x87 control word with flags = 0, run the operation on
 * each element, call fp_settle(), then merge flags into the sticky ones; when flags & ~masks is not 0 the instruction
 * faults (SSE: nothing is written; x87: nothing is written when FP_PRE bits are among them).
 */
struct fp_env {
	u8 rounding;  /* FP_RC_NEAREST ... */
	u8 flags;     /* FP_IE ...: ORed into */
	u8 masks;     /* FP_IE ...: 1 = masked. Decides tiny and huge results, and FTZ */
	u8 precision; /* f80 only, CW.PC: 0 = 24, 2 = 53, 1 and 3 = 64 bits */
	bool daz, ftz;
	/*
	 * FP_PE is masked and already set in the sticky flags, rounding is to nearest, no daz or ftz: an inexact result
	 * need not be reported, so the host's arithmetic may serve. The bits are the same.
	 */
	bool quick;
	bool denormal; /* f80: an operand came from a denormal f32/f64 in memory: report FP_DE where its rank allows */
	bool up;       /* out: the last rounding went away from zero (x87 C1) */
};

/* The environment MXCSR describes, flags clear. SDM 1 10.2.3. */
INLINE struct fp_env fp_env_mxcsr(u32 mxcsr)
{
	struct fp_env e = { 0 };
	e.rounding = mxcsr >> 13 & 3;
	e.masks = mxcsr >> 7 & FP_ALL;
	e.precision = 3;
	e.daz = mxcsr >> 6 & 1;
	e.ftz = mxcsr >> 15 & 1;
	e.quick = (mxcsr & 0xf060) == 0x1020; /* FTZ, RC, PM, DAZ, PE */
	return e;
}

/* The environment an x87 control word describes, flags clear. SDM 1 8.1.5. */
INLINE struct fp_env fp_env_x87(u16 cw)
{
	struct fp_env e = { 0 };
	e.rounding = cw >> 10 & 3;
	e.masks = cw & FP_ALL;
	e.precision = cw >> 8 & 3;
	return e;
}

/*
 * After the last element: an unmasked invalid, denormal or divide-by-zero hides what would have been found after
 * computing. SDM 1 11.5.1. Returns the unmasked flags: not 0 means the fault is due.
 */
INLINE u8 fp_settle(struct fp_env *e)
{
	if (e->flags & ~e->masks & FP_PRE)
		e->flags &= FP_PRE;
	return e->flags & ~e->masks & FP_ALL;
}

#define F32_DEFAULT_NAN 0xffc00000u
#define F64_DEFAULT_NAN 0xfff8000000000000ull
#define F80_DEFAULT_NAN ((struct f80){ 0xc000000000000000ull, 0xffff })

/*
 * SSE arithmetic; NaNs as SDM 1 table 4-7 has them for SSE (the first operand wins), default NaN on invalid.
 * a is the first (destination) operand, b the second source.
 */
f32 f32_add(f32 a, f32 b, struct fp_env *e);
f32 f32_sub(f32 a, f32 b, struct fp_env *e);
f32 f32_mul(f32 a, f32 b, struct fp_env *e);
f32 f32_div(f32 a, f32 b, struct fp_env *e);
f32 f32_sqrt(f32 a, struct fp_env *e);
f64 f64_add(f64 a, f64 b, struct fp_env *e);
f64 f64_sub(f64 a, f64 b, struct fp_env *e);
f64 f64_mul(f64 a, f64 b, struct fp_env *e);
f64 f64_div(f64 a, f64 b, struct fp_env *e);
f64 f64_sqrt(f64 a, struct fp_env *e);

/* a * b + c with one rounding; negate bit 0 negates the product, bit 1 c (VFMSUB = 2, VFNMADD = 1, VFNMSUB = 3). */
f32 f32_muladd(f32 a, f32 b, f32 c, unsigned negate, struct fp_env *e);
f64 f64_muladd(f64 a, f64 b, f64 c, unsigned negate, struct fp_env *e);

/* MINSS/MAXSS: b when either is a NaN (FP_IE, quiet ones too) or both are zero. */
f32 f32_min(f32 a, f32 b, struct fp_env *e);
f32 f32_max(f32 a, f32 b, struct fp_env *e);
f64 f64_min(f64 a, f64 b, struct fp_env *e);
f64 f64_max(f64 a, f64 b, struct fp_env *e);

/* COMISS/COMISD (signals on any NaN) and UCOMISS/UCOMISD (on signalling NaNs only). */
enum fp_order f32_compare(f32 a, f32 b, struct fp_env *e);
enum fp_order f32_compare_quiet(f32 a, f32 b, struct fp_env *e);
enum fp_order f64_compare(f64 a, f64 b, struct fp_env *e);
enum fp_order f64_compare_quiet(f64 a, f64 b, struct fp_env *e);

/* CMPPS/CMPPD and relatives: predicate 0-7 (SSE) or 0-31 (VEX), SDM 2A CMPPD table 3-1. */
bool f32_cmp(f32 a, f32 b, unsigned predicate, struct fp_env *e);
bool f64_cmp(f64 a, f64 b, unsigned predicate, struct fp_env *e);

/* ROUNDSS/ROUNDSD: imm8 bits 1:0 rounding, bit 2 take e->rounding instead, bit 3 do not report FP_PE. */
f32 f32_round_to_int(f32 a, unsigned imm8, struct fp_env *e);
f64 f64_round_to_int(f64 a, unsigned imm8, struct fp_env *e);

/* RCPSS, RSQRTSS: within 1.5 * 2^-12 of the true value, no exceptions, denormals are zero. */
f32 f32_rcp(f32 a);
f32 f32_rsqrt(f32 a);

/* Conversions. To integers by e->rounding or truncated; 0x80...0 (integer indefinite) and FP_IE when it does not fit. */
f64 f32_to_f64(f32 a, struct fp_env *e);
f32 f64_to_f32(f64 a, struct fp_env *e);
i32 f32_to_i32(f32 a, struct fp_env *e);
i64 f32_to_i64(f32 a, struct fp_env *e);
i32 f64_to_i32(f64 a, struct fp_env *e);
i64 f64_to_i64(f64 a, struct fp_env *e);
i32 f32_to_i32_trunc(f32 a, struct fp_env *e);
i64 f32_to_i64_trunc(f32 a, struct fp_env *e);
i32 f64_to_i32_trunc(f64 a, struct fp_env *e);
i64 f64_to_i64_trunc(f64 a, struct fp_env *e);
f32 i32_to_f32(i32 v, struct fp_env *e);
f32 i64_to_f32(i64 v, struct fp_env *e);
f64 i32_to_f64(i32 v);
f64 i64_to_f64(i64 v, struct fp_env *e);

/* x87 arithmetic, rounded to e->precision bits; NaNs as SDM 1 table 4-7 has them for the x87 (larger significand). */
struct f80 f80_add(struct f80 a, struct f80 b, struct fp_env *e);
struct f80 f80_sub(struct f80 a, struct f80 b, struct fp_env *e);
struct f80 f80_mul(struct f80 a, struct f80 b, struct fp_env *e);
struct f80 f80_div(struct f80 a, struct f80 b, struct fp_env *e);
struct f80 f80_sqrt(struct f80 a, struct fp_env *e);

/* FCOM (signals on any NaN) and FUCOM. */
enum fp_order f80_compare(struct f80 a, struct f80 b, struct fp_env *e);
enum fp_order f80_compare_quiet(struct f80 a, struct f80 b, struct fp_env *e);

/*
 * FPREM (nearest = false) and FPREM1 (true): a - b * q. *quotient gets the low bits of q when the reduction is
 * complete; false in *complete means the exponent was only brought down by up to 63 (C2 = 1) and must be run again.
 */
struct f80 f80_rem(struct f80 a, struct f80 b, bool nearest, u64 *quotient, bool *complete, struct fp_env *e);

struct f80 f80_round_to_int(struct f80 a, struct fp_env *e);          /* FRNDINT */
struct f80 f80_scale(struct f80 a, struct f80 b, struct fp_env *e);   /* FSCALE: a * 2^trunc(b) */
struct f80 f80_extract(struct f80 a, struct f80 *exponent, struct fp_env *e); /* FXTRACT: returns the significand */

/*
 * f80 from and to the memory formats. Widening reports FP_IE for a signalling NaN and FP_DE for a denormal; the _raw
 * forms keep a signalling NaN and report nothing, but set e->denormal (for arithmetic with a memory operand).
 * Narrowing does not report FP_DE (SDM 2A FST).
 */
struct f80 f32_to_f80(f32 a, struct fp_env *e);
struct f80 f64_to_f80(f64 a, struct fp_env *e);
struct f80 f32_to_f80_raw(f32 a, struct fp_env *e);
struct f80 f64_to_f80_raw(f64 a, struct fp_env *e);
f32 f80_to_f32(struct f80 a, struct fp_env *e);
f64 f80_to_f64(struct f80 a, struct fp_env *e);
struct f80 i64_to_f80(i64 v);
i16 f80_to_i16(struct f80 a, struct fp_env *e);
i32 f80_to_i32(struct f80 a, struct fp_env *e);
i64 f80_to_i64(struct f80 a, struct fp_env *e);
i16 f80_to_i16_trunc(struct f80 a, struct fp_env *e);
i32 f80_to_i32_trunc(struct f80 a, struct fp_env *e);
i64 f80_to_i64_trunc(struct f80 a, struct fp_env *e);

/* Packed BCD, 10 bytes, 18 digits, sign in bit 7 of byte 9. SDM 1 4.7. Digits above 9 count as they are. */
struct f80 f80_from_bcd(const u8 bcd[10]);
void f80_to_bcd(struct f80 a, u8 bcd[10], struct fp_env *e);

/* What FXAM and the FXSAVE tag word ask for. */
enum f80_class { F80_UNSUPPORTED, F80_NAN, F80_NORMAL, F80_INFINITY, F80_ZERO, F80_DENORMAL };
enum f80_class f80_classify(struct f80 a);

/*
 * Transcendentals, SDM 1 8.3.6-8.3.8, argument ranges included. sin, cos, tan return false and leave the result alone
 * when |a| >= 2^63 (C2 = 1). Angles are reduced by the 66-bit pi of SDM 1 8.3.8; results are within 1 ulp.
 */
struct f80 f80_2xm1(struct f80 a, struct fp_env *e);                 /* 2^a - 1, -1 <= a <= 1 */
struct f80 f80_yl2x(struct f80 x, struct f80 y, struct fp_env *e);   /* y * log2(x) */
struct f80 f80_yl2xp1(struct f80 x, struct f80 y, struct fp_env *e); /* y * log2(x + 1) */
struct f80 f80_atan(struct f80 y, struct f80 x, struct fp_env *e);   /* angle of the point (x, y) */
bool f80_sin(struct f80 a, struct f80 *sine, struct fp_env *e);
bool f80_cos(struct f80 a, struct f80 *cosine, struct fp_env *e);
bool f80_sincos(struct f80 a, struct f80 *sine, struct f80 *cosine, struct fp_env *e);
bool f80_tan(struct f80 a, struct f80 *tangent, struct fp_env *e);

/* FLD1 and friends: index is the ModRM.rm of D9 E8-EE (1, log2 10, log2 e, pi, log10 2, ln 2, 0), rounded by RC. */
struct f80 f80_constant(unsigned index, const struct fp_env *e);

#endif
