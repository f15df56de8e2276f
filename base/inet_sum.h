/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The Internet's checksum (RFC 1071): a one's complement sum of big-endian 16-bit words. */
#ifndef BASE_INET_SUM_H
#define BASE_INET_SUM_H

#include "base/types.h"

/*
 * Adds n bytes to a sum. When n is odd a zero byte is put behind them, so only the last piece of the data may be of odd
 * length.
 */
u64 inet_sum(u64 sum, const u8 *p, u32 n);
/* Folds a sum to 16 bits. The result is 0 only when all bytes were 0. The checksum is its complement. */
u16 inet_fold(u64 sum);

#endif
