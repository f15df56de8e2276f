/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * BLAKE2b. RFC 7693: 2.6 has the constants, 3.1 G, 3.2 F, 3.3 the whole. Left out: keys.
 */
#include "snapshot/blake2b.h"

#include <string.h>

#include "base/endian.h"

static const u64 iv[8] = {
	0x6a09e667f3bcc908ULL, 0xbb67ae8584caa73bULL, 0x3c6ef372fe94f82bULL, 0xa54ff53a5f1d36f1ULL,
	0x510e527fade682d1ULL, 0x9b05688c2b3e6c1fULL, 0x1f83d9abfb41bd6bULL, 0x5be0cd19137e2179ULL,
};

/* SIGMA (2.7): which word of the message goes where. Macros, so that the numbers are constants where they are used. */
#define ROUND(a0, a1, a2, a3, a4, a5, a6, a7, b0, b1, b2, b3, b4, b5, b6, b7)                                        \
	do {                                                                                                         \
		G(0, 4, 8, 12, a0, a1);                                                                              \
		G(1, 5, 9, 13, a2, a3);                                                                              \
		G(2, 6, 10, 14, a4, a5);                                                                             \
		G(3, 7, 11, 15, a6, a7);                                                                             \
		G(0, 5, 10, 15, b0, b1);                                                                             \
		G(1, 6, 11, 12, b2, b3);                                                                             \
		G(2, 7, 8, 13, b4, b5);                                                                              \
		G(3, 4, 9, 14, b6, b7);                                                                              \
	} while (0)
#define G(a, b, c, d, x, y)                                                                                          \
	do {                                                                                                         \
		v[a] += v[b] + m[x];                                                                                 \
		v[d] = rotr(v[d] ^ v[a], 32);                                                                        \
		v[c] += v[d];                                                                                        \
		v[b] = rotr(v[b] ^ v[c], 24);                                                                        \
		v[a] += v[b] + m[y];                                                                                 \
		v[d] = rotr(v[d] ^ v[a], 16);                                                                        \
		v[c] += v[d];                                                                                        \
		v[b] = rotr(v[b] ^ v[c], 63);                                                                        \
	} while (0)

INLINE u64 rotr(u64 x, u32 n)
{
	return x >> n | x << (64 - n);
}

/* F: one block; bytes counts up to its end. */
static void compress_block(struct blake2b *b, const u8 *p, u64 bytes, bool last)
{
	u64 v[16], m[16];
	int i;

	for (i = 0; i < 16; i++)
		m[i] = ld64(p + 8 * i);
	for (i = 0; i < 8; i++) {
		v[i] = b->h[i];
		v[i + 8] = iv[i];
	}
	v[12] ^= bytes;
	if (last)
		v[14] = ~v[14];
	ROUND(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
	ROUND(14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3);
	ROUND(11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4);
	ROUND(7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8);
	ROUND(9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13);
	ROUND(2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9);
	ROUND(12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11);
	ROUND(13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10);
	ROUND(6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5);
	ROUND(10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0);
	ROUND(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
	ROUND(14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3);
	for (i = 0; i < 8; i++)
		b->h[i] ^= v[i] ^ v[i + 8];
}

void blake2b_init(struct blake2b *b, u32 out)
{
	memset(b, 0, sizeof *b);
	memcpy(b->h, iv, sizeof iv);
	b->h[0] ^= 0x01010000u ^ out;
	b->out = out;
}

void blake2b_add(struct blake2b *b, const void *p, size_t n)
{
	const u8 *from = p;

	while (n) {
		u32 k;

		if (b->have == sizeof b->block) {
			b->bytes += sizeof b->block;
			compress_block(b, b->block, b->bytes, false);
			b->have = 0;
		}
		k = (u32)MIN(n, sizeof b->block - b->have);
		memcpy(b->block + b->have, from, k);
		b->have += k;
		from += k;
		n -= k;
	}
}

void blake2b_end(struct blake2b *b, u8 *out)
{
	u8 whole[64];
	int i;

	memset(b->block + b->have, 0, sizeof b->block - b->have);
	compress_block(b, b->block, b->bytes + b->have, true);
	for (i = 0; i < 8; i++)
		st64(whole + 8 * i, b->h[i]);
	memcpy(out, whole, b->out);
}
