/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A 64-bit running hash of byte strings, the same on every host. It is not cryptographic: it is for telling whether two
 * runs ended in the same state.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/types.h"

#define HASH_SEED 0x9e3779b97f4a7c15ULL

/* Folds one value into a hash. */
INLINE u64 hash_u64(u64 h, u64 v)
{
	h ^= v;
	h *= 0xff51afd7ed558ccdULL;
	h ^= h >> 32;
	h *= 0xc4ceb9fe1a85ec53ULL;
	return h ^ (h >> 29);
}

/* Folds n bytes (read as little-endian words) and their count into a hash. */
u64 hash_bytes(u64 h, const void *p, size_t n);

#endif
