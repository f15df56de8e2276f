/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the scheduler (vm/run.c) and the host's loop (vm/loop.c) share. For these two only. */
#ifndef VM_RUN_IMPL_H
#define VM_RUN_IMPL_H

#include "vm/run.h"

/* Runs one slot of the vCPU whose turn it is. False when nobody can run. */
bool run_slot(struct domain *d);
/* Lets posted input in, between slots. */
void run_open_door(struct domain *d);
/*
 * When no timer holds the time any more: fires timers that became due meanwhile. False while one holds it: no slot, no
 * input.
 */
bool run_catch_up(struct domain *d);

#endif
