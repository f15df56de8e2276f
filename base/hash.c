/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The hash of byte strings, 8 bytes at a time.
 */
#include "base/hash.h"

#include "base/endian.h"

u64 hash_bytes(u64 h, const void *p, size_t n)
{
	const u8 *b = p;
	u64 tail = 0;
	size_t i;

	h = hash_u64(h, n);
	for (; n >= 8; n -= 8, b += 8)
		h = hash_u64(h, ld64(b));
	for (i = 0; i < n; i++)
		tail |= (u64)b[i] << (8 * i);
	return n ? hash_u64(h, tail) : h;
}
