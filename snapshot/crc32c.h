/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CRC-32C (Castagnoli's polynomial; RFC 3720 12.1): it finds damage, and protects from nobody.
 */
#ifndef SNAPSHOT_CRC32C_H
#define SNAPSHOT_CRC32C_H

#include "base/types.h"

/* The sum of n bytes that follow those whose sum is crc; 0 at the start. */
u32 crc32c(u32 crc, const void *p, size_t n);

#endif
