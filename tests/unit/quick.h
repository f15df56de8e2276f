/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Assertions for loops of many rounds: libcheck writes a file at each of its own, which takes longer than most of what is
 * tested; these call it only to fail.
 */
#ifndef TESTS_UNIT_QUICK_H
#define TESTS_UNIT_QUICK_H

#include <check.h>

#include "base/types.h"

#define quick_msg(cond, ...)                                                                                         \
	do {                                                                                                         \
		if (!(cond))                                                                                         \
			ck_abort_msg(__VA_ARGS__);                                                                   \
	} while (0)

#define quick(cond) quick_msg(cond, "not so: %s", #cond)

/* Integers of one signedness. */
#define quick_eq(got, want)                                                                                          \
	do {                                                                                                         \
		u64 got_ = (u64)(got), want_ = (u64)(want);                                                          \
                                                                                                                     \
		quick_msg(got_ == want_, "%s is %#llx; %s is %#llx", #got, (unsigned long long)got_, #want,          \
			  (unsigned long long)want_);                                                                \
	} while (0)

#endif
