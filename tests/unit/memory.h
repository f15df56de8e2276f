/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For tests of what is kept in memory. */
#ifndef TESTS_UNIT_MEMORY_H
#define TESTS_UNIT_MEMORY_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/types.h"

/* Resident memory in MiB; 0 where the host does not say. */
static inline u32 memory_mib(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[200];
	u32 kib = 0;

	while (f && fgets(line, sizeof line, f))
		if (!strncmp(line, "VmRSS:", 6))
			kib = (u32)strtoul(line + 6, NULL, 10);
	if (f)
		fclose(f);
	return kib / 1024;
}

#endif
