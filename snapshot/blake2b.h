/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * BLAKE2b (RFC 7693), without keys: a cryptographic hash that 64-bit processors do in plain C at twice SHA-256's speed.
 */
#ifndef SNAPSHOT_BLAKE2B_H
#define SNAPSHOT_BLAKE2B_H

#include "base/types.h"

struct blake2b {
	u64 h[8];
	u64 bytes;   /* hashed so far, without those in block */
	u8 block[128];
	u32 have;    /* bytes in block: the last block is another, so one is kept until more follows */
	u32 out;     /* bytes of the result */
};

/* A hash of out bytes, 1 to 64. */
void blake2b_init(struct blake2b *b, u32 out);
/* Of at most 2^64 bytes in all. */
void blake2b_add(struct blake2b *b, const void *p, size_t n);
void blake2b_end(struct blake2b *b, u8 *out);

#endif
