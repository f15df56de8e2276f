/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where there is a kernel of Debian's for tests: $PARAVANE_TEST_KERNEL or the first of /boot/vmlinuz-*-amd64.
 */
#ifndef TESTS_UNIT_TEST_KERNEL_H
#define TESTS_UNIT_TEST_KERNEL_H

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/types.h"

static inline bool find_kernel(char *path, size_t n)
{
	const char *env = getenv("PARAVANE_TEST_KERNEL");
	glob_t g;
	bool ok;

	if (env) {
		snprintf(path, n, "%s", env);
		return true;
	}
	ok = !glob("/boot/vmlinuz-*-amd64", 0, NULL, &g) && g.gl_pathc > 0;
	if (ok)
		snprintf(path, n, "%s", g.gl_pathv[0]);
	globfree(&g);
	return ok;
}

#endif
