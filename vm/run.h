/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The scheduler: one execution thread, vCPUs round robin in quanta of instructions, the door between quanta.
 */
#ifndef VM_RUN_H
#define VM_RUN_H

#include "vm/domain.h"

/* Runs every domain of the host until all have ended. One that is stopped waits; what enters by its door still does. */
void host_run(struct host *h);
/* Runs one domain for at most n more instructions (all vCPUs together, to the end of a slot). False when it has ended. */
bool domain_run(struct domain *d, u64 n);
/*
 * For whoever works long inside a slot: looks at the clock and at signals now and then. True when the domain is at its
 * end, and the slot should be too. Nothing else may follow from the answer.
 */
bool vcpu_ending(struct cpu *c);

#endif
