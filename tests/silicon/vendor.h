/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the vendors' processors differ. Ours behave as Intel's.
 */
#ifndef TESTS_SILICON_VENDOR_H
#define TESTS_SILICON_VENDOR_H

#include "tests/silicon/silicon.h"

enum vendor { VENDOR_INTEL = 1, VENDOR_AMD = 2 };

/* ---- known.c ---- */

/* The instruction that some processors of these vendors have at bytes that are none to us; or NULL. */
const char *known_bytes(const u8 *p, u32 vendor);

#endif
