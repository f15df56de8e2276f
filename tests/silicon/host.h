/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What this host's kernel, and a hypervisor below it, answer in the processor's place. Found out by trying.
 */
#ifndef TESTS_SILICON_HOST_H
#define TESTS_SILICON_HOST_H

#include "tests/silicon/silicon.h"

struct sil_host {
	u32 segments;      /* a bit for each entry of the GDT, as emul_segments() wants it */
	u32 interrupts[8]; /* INT n that is no plain fault here: a bit each */
	bool cpuid_at_end; /* CPUID runs at the very end of the code */
	bool rep_at_end;   /* a repeated instruction can be stepped there */
};

/* After native_open(), with its pattern. */
void host_probe(struct sil_host *h, const struct sil_window *pattern);
/* NULL, or why this host's answer to the case is not its processor's. */
const char *host_leaves(const struct sil_host *h, const struct sil_case *k);
/* What the host lacks, a line each. */
void host_report(const struct sil_host *h, FILE *f);

#endif
