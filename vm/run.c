/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The scheduler: whose turn it is, in slots and rounds, and what happens between two slots. When the host sleeps is decided in
 * vm/loop.c.
 */
#include "vm/run_impl.h"

#include <stdio.h>

#include "mmu/late.h"

#define HELD_WAIT 100000000LL  /* host ns between looks at a domain whose time is held */
#define SOLO_QUANTUM 500000ULL /* instructions, when one vCPU is alone */

static u32 runnable(const struct domain *d, u64 *mask)
{
	u32 i, n = 0;

	*mask = 0;
	for (i = 0; i < d->nvcpus; i++)
		if (d->vcpus[i]->s.run == VCPU_RUNNABLE) {
			*mask |= BIT(i);
			n++;
		}
	return n;
}

/* A page of memory could not be read where it waited, so that the guest has seen zeros: what it did with them does not count. */
static void look_for_lost(struct domain *d)
{
	const char *why = mem_lost(&d->mem);

	if (!why)
		return;
	snprintf(d->crash, sizeof d->crash, "%s", why);
	d->end = END_LOST;
}

bool run_slot(struct domain *d)
{
	struct vcpu *v = NULL;
	u64 mask, done, quantum;

	while (d->s.round && !v) {
		u32 i = (u32)__builtin_ctzll(d->s.round);

		d->s.round &= d->s.round - 1;
		if (d->vcpus[i]->s.run == VCPU_RUNNABLE)
			v = d->vcpus[i];
	}
	if (!v) {
		u32 n = runnable(d, &mask);

		if (!n)
			return false;
		timeline_round(&d->time, n);
		v = d->vcpus[__builtin_ctzll(mask)];
		d->s.round = mask & (mask - 1);
	}
	v->cpu->yield_on_pause = d->time.s.div > 1;
	d->running = v;
	d->host->log.who = d;
	d->slot_start_icount = cpu_icount(v->cpu);
	if (d->ops->enter)
		d->ops->enter(v);
	/* Entering may have armed a timer. */
	quantum = d->time.s.div > 1 ? d->host->quantum : SOLO_QUANTUM;
	quantum = MIN(quantum, timeline_until(&d->time, timeline_next(&d->time)));
	if (UNLIKELY(d->host->log.want.from.kind | d->host->log.want.to.kind))
		log_piece(&d->host->log, d->s.retired, d->time.s.now, quantum, quantum << d->time.s.shift);
	cpu_run(v->cpu, quantum);
	if (d->ops->leave)
		d->ops->leave(v);
	done = cpu_icount(v->cpu) - d->slot_start_icount;
	d->running = NULL;
	d->s.retired += done;
	timeline_advance(&d->time, done);
	timeline_fire(&d->time);
	if (UNLIKELY(d->mem.late.source))
		look_for_lost(d);
	return true;
}

void run_open_door(struct domain *d)
{
	d->host->log.who = d;
	if (door_waiting(&d->door))
		door_open(&d->door, d->s.retired, d->time.s.now);
}

bool run_catch_up(struct domain *d)
{
	if (d->time.owed && !d->time.held) {
		d->time.owed = false;
		timeline_fire(&d->time);
	}
	return !d->time.held;
}

bool domain_run(struct domain *d, u64 n)
{
	u64 end = d->s.retired + n;

	while (d->end == END_RUNNING && d->s.retired < end) {
		if (!run_catch_up(d)) {
			poll_wait(d->host->poll, HELD_WAIT);
			continue;
		}
		run_open_door(d);
		if (d->end != END_RUNNING)
			break;
		if (!run_slot(d)) {
			u64 next = timeline_next(&d->time);

			if (next == TIME_NEVER) {
				domain_end(d, END_HALTED);
				break;
			}
			timeline_skip(&d->time, next);
			timeline_fire(&d->time);
		}
	}
	return d->end == END_RUNNING;
}
