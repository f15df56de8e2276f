/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The trace items of -d that show guest code and traps: in_asm, exec, cpu, int and mmu.
 */
#ifndef UI_TRACE_H
#define UI_TRACE_H

#include "vm/domain.h"

/* Lets the CPUs of d write these items to the host's log, where they are wanted. */
void trace_domain(struct domain *d);

#endif
