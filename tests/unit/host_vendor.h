/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose processor a test runs on. Ours behaves as Intel's: suites that compare it with the host's own unit leave out what
 * another vendor does differently (tests/silicon/vendor.c has all of that in one table, and recorded cases of both).
 */
#ifndef TESTS_UNIT_HOST_VENDOR_H
#define TESTS_UNIT_HOST_VENDOR_H

#include <string.h>

#include "base/types.h"

#if defined(__x86_64__)
#include <cpuid.h>

INLINE bool host_is_intel(void)
{
	u32 leaf, name[3] = { 0 };

	return __get_cpuid(0, &leaf, &name[0], &name[2], &name[1]) && !memcmp(name, "GenuineIntel", 12);
}
#else
INLINE bool host_is_intel(void)
{
	return false;
}
#endif

/* Rows whose results differ between vendors: the sums of DPPS and DPPD choose another NaN. */
INLINE bool vendors_differ(const char *row)
{
	return !host_is_intel() && strstr(" dpps dppd vdpps vdppd ", row) && strlen(row) >= 4;
}

#endif
