/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The Internet's checksum (RFC 1071): a one's complement sum of big-endian 16-bit words. */
#ifndef BASE_INET_SUM_H
#define BASE_INET_SUM_H

#include "base/types.h"

/* Adds n bytes to a sum; an odd one is filled with a zero. What is added after an odd number of bytes adds up wrongly. */
u64 inet_sum(u64 sum, const u8 *p, u32 n);
/* A sum in 16 bits; 0 only for a sum of nothing but zeros. The checksum is its complement. */
u16 inet_fold(u64 sum);

#endif
