/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The scheduler: one execution thread runs all vCPUs in turns, in slots of so many instructions. Input is let in
 * between slots.
 */
#ifndef VM_RUN_H
#define VM_RUN_H

#include "vm/domain.h"

/*
 * vm/loop.c: runs every domain of the host until all have ended. A domain that is stopped gets no slots, but its input is let in.
 */
void host_run(struct host *h);
/* Runs one domain for at most n more instructions (all vCPUs together, to the end of a slot). False when it has ended. */
bool domain_run(struct domain *d, u64 n);
/*
 * For work that takes long inside a slot (a hypercall in pieces): checks signals and the time limit now and then. True
 * when the domain has ended; then the slot should end, too. The answer depends on the host's clock, so it must have no
 * other effect on the guest.
 */
bool vcpu_ending(struct cpu *c);

#endif
