/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Long division and square root of 128-bit integers, for the floating point library.
 */
#include <math.h>

#include "cpu/fp_core.h"

/* Schoolbook division with two 32-bit digits; each digit estimated from the top 32 bits of d, then corrected. */
u64 u128_div64(struct u128 n, u64 d, u64 *rem)
{
	unsigned s = u64_clz(d);
	u64 q = 0;

	d <<= s;
	n = u128_shl(n, s);
	u64 dh = d >> 32, dl = (u32)d, r = n.hi;
	for (int i = 0; i < 2; i++) {
		u64 next = i ? (u32)n.lo : n.lo >> 32;
		u64 digit = r / dh, left = r % dh;
		while (digit >> 32 || digit * dl > (left << 32 | next)) {
			digit--;
			left += dh;
			if (left >> 32)
				break;
		}
		r = (r << 32 | next) - digit * d;
		q = q << 32 | digit;
	}
	*rem = r >> s;
	return q;
}

/* Root of the high half bit by bit, then one division step for the other 32 bits. */
u64 u128_sqrt(struct u128 n, u64 *low)
{
	/* A guess by the host's arithmetic, made exact: which way it rounds does not matter. */
	u64 root = (u64)sqrt((double)n.hi), rest;

	if (root > 0xffffffffull)
		root = 0xffffffffull;
	while (root * root > n.hi)
		root--;
	while (root < 0xffffffffull && (root + 1) * (root + 1) <= n.hi)
		root++;
	rest = n.hi - root * root;
	/* n.hi = root^2 + rest, rest <= 2 * root: the next 32 bits are about (rest * 2^32 + digits) / (2 * root). */
	u64 top = n.lo >> 32, q, left;
	if (rest >> 32) /* rest < 2^33 <= 2 * root * 2 */
		q = u128_div64((struct u128){ rest >> 32, rest << 32 | top }, root << 1, &left);
	else
		q = (rest << 32 | top) / (root << 1);
	if (q > 0xffffffffull)
		q = 0xffffffffull;
	u64 r = root << 32 | q;
	struct u128 sq = u128_mul64(r, r);
	while (u128_less(n, sq)) {
		r--;
		sq = u128_mul64(r, r);
	}
	struct u128 d = u128_sub(n, sq);
	/* Guard bits: exact, or below a half, or above (a root of an integer is never exactly half way). */
	if (!(d.hi | d.lo))
		*low = 0;
	else
		*low = d.hi || d.lo > r ? 3ull << 62 : 1;
	return r;
}
