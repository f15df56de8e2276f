/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 128-bit products and quotients, with the compiler's 128-bit type or without.
 */
#ifndef CPU_X86_WIDE_H
#define CPU_X86_WIDE_H

#include "base/types.h"

INLINE void mul_64(u64 a, u64 b, u64 *lo, u64 *hi)
{
#ifdef __SIZEOF_INT128__
	unsigned __int128 p = (unsigned __int128)a * b;

	*lo = (u64)p;
	*hi = (u64)(p >> 64);
#else
	u64 al = (u32)a, ah = a >> 32, bl = (u32)b, bh = b >> 32;
	u64 p0 = al * bl, p1 = al * bh, p2 = ah * bl, p3 = ah * bh;
	u64 mid = (p0 >> 32) + (u32)p1 + (u32)p2;

	*lo = (u32)p0 | mid << 32;
	*hi = p3 + (p1 >> 32) + (p2 >> 32) + (mid >> 32);
#endif
}

INLINE void imul_128(i64 a, i64 b, u64 *lo, u64 *hi)
{
	mul_64((u64)a, (u64)b, lo, hi);
	*hi -= (a < 0 ? (u64)b : 0) + (b < 0 ? (u64)a : 0);
}

/* hi:lo / v. False when the quotient needs more than 64 bits (or v is 0). */
INLINE bool div_128(u64 hi, u64 lo, u64 v, u64 *q, u64 *rem)
{
	if (hi >= v)
		return false;
	if (!hi) {
		*q = lo / v;
		*rem = lo % v;
		return true;
	}
#ifdef __SIZEOF_INT128__
	{
		unsigned __int128 n = (unsigned __int128)hi << 64 | lo;

		*q = (u64)(n / v);
		*rem = (u64)(n % v);
	}
#else
	{
		u64 r = hi;
		u32 k;

		*q = 0;
		for (k = 64; k-- > 0;) {
			bool top = r >> 63;

			r = r << 1 | (lo >> k & 1);
			if (top || r >= v) {
				r -= v;
				*q |= BIT(k);
			}
		}
		*rem = r;
	}
#endif
	return true;
}

/* Signed: truncating, the remainder has the dividend's sign. */
INLINE bool idiv_128(u64 hi, u64 lo, i64 v, u64 *q, u64 *rem)
{
	bool neg = (i64)hi < 0;
	u64 uv = v < 0 ? 0 - (u64)v : (u64)v;

	if (neg) {
		lo = 0 - lo;
		hi = ~hi + !lo;
	}
	if (!div_128(hi, lo, uv, q, rem))
		return false;
	if (neg != (v < 0)) {
		if (*q > BIT(63))
			return false;
		*q = 0 - *q;
	} else if (*q > BIT(63) - 1) {
		return false;
	}
	if (neg)
		*rem = 0 - *rem;
	return true;
}

#endif
