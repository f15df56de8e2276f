/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sum of RFC 1071, in words of the host's order as long as they last. */
#include "base/inet_sum.h"

#include <string.h>

#include "base/endian.h"

u64 inet_sum(u64 sum, const u8 *p, u32 n)
{
	u64 s = 0;

	for (; n >= 16; n -= 16, p += 16) {
		u32 w[4];

		memcpy(w, p, 16);
		s += (u64)w[0] + w[1] + w[2] + w[3];
	}
	for (; n >= 4; n -= 4, p += 4) {
		u32 w;

		memcpy(&w, p, 4);
		s += w;
	}
	/* The sum is the same in either byte order, but for the order of its own bytes (RFC 1071 2B). */
	s = (s & 0xffffffff) + (s >> 32);
	s = (s & 0xffffffff) + (s >> 32);
	s = (s & 0xffff) + (s >> 16);
	s = (s & 0xffff) + (s >> 16);
	s = (s & 0xffff) + (s >> 16);
	if (!HOST_BIG_ENDIAN)
		s = (s >> 8 | s << 8) & 0xffff;
	sum += s;
	if (n >= 2) {
		sum += (u32)p[0] << 8 | p[1];
		p += 2;
		n -= 2;
	}
	return n ? sum + ((u64)*p << 8) : sum;
}

u16 inet_fold(u64 sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (u16)sum;
}
