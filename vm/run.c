/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The scheduler: slots and rounds, then the loop that runs all domains of a host and waits when none has anything to
 * do.
 */
#include "vm/run.h"

#include "base/endian.h"

#define POLL_INTERVAL 1000000ULL  /* host ns between looks at the outside while a guest runs */
#define TICK_INTERVAL 100000000ULL
#define SOLO_QUANTUM 500000ULL    /* instructions, when one vCPU is alone */
#define SLEEP_DEBT 500000ULL      /* host ns that a domain may have skipped instead of slept */
#define LOOK_EVERY 64u            /* calls of vcpu_ending() between reads of the clock */

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

/* Runs one slot of the vCPU whose turn it is. False when nobody can run. */
static bool slot(struct domain *d)
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
	v->cpu.yield_on_pause = d->time.s.div > 1;
	d->running = v;
	d->host->log.who = d;
	d->slot_start_icount = cpu_icount(&v->cpu);
	if (d->ops->enter)
		d->ops->enter(v);
	/* Entering may have armed a timer. */
	quantum = d->time.s.div > 1 ? d->host->quantum : SOLO_QUANTUM;
	quantum = MIN(quantum, timeline_until(&d->time, timeline_next(&d->time)));
	if (UNLIKELY(d->host->log.want.from.kind | d->host->log.want.to.kind))
		log_piece(&d->host->log, d->s.retired, d->time.s.now, quantum, quantum << d->time.s.shift);
	cpu_run(&v->cpu, quantum);
	if (d->ops->leave)
		d->ops->leave(v);
	done = cpu_icount(&v->cpu) - d->slot_start_icount;
	d->running = NULL;
	d->s.retired += done;
	timeline_advance(&d->time, done);
	timeline_fire(&d->time);
	return true;
}

/* Lets posted input in, between slots. */
static void open_door(struct domain *d)
{
	d->host->log.who = d;
	if (door_waiting(&d->door))
		door_open(&d->door, d->s.retired, d->time.s.now);
}

/*
 * When no timer holds the time any more: fires timers that became due meanwhile. False while one holds it: no slot, no
 * input.
 */
static bool catch_up(struct domain *d)
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
		if (!catch_up(d)) {
			poll_wait(d->host->poll, (i64)TICK_INTERVAL);
			continue;
		}
		open_door(d);
		if (d->end != END_RUNNING)
			break;
		if (!slot(d)) {
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

/* ---- the host's loop ---------------------------------------------------------------------------------------------- */

struct loop {
	struct host *h;
	u64 last_poll, last_tick;
};

static bool live(struct domain *d)
{
	return d->live && d->live(d);
}

/* Ends d when a signal or the time limit says so. */
static void end_if_due(struct domain *d, u64 now)
{
	const struct host *h = d->host;

	if (h->kill && *h->kill)
		domain_end(d, END_KILLED);
	else if (h->timeout_ns && now - h->started >= h->timeout_ns)
		domain_end(d, END_TIMEOUT);
}

bool vcpu_ending(struct cpu *c)
{
	struct domain *d = cpu_vcpu(c)->d;

	if (!(++d->host->looks % LOOK_EVERY))
		end_if_due(d, host_now());
	return d->end != END_RUNNING;
}

/* Looks at signals, limits and the outside. */
static void look_outside(struct loop *l, u64 now, i64 wait)
{
	struct host *h = l->h;
	struct domain *d;

	if (!(h->kill && *h->kill))
		poll_wait(h->poll, wait);
	now = wait ? host_now() : now;
	l->last_poll = now;
	if (h->tick && now - l->last_tick >= TICK_INTERVAL) {
		l->last_tick = now;
		h->tick(h, h->tick_opaque);
	}
	for (d = h->domains; d; d = d->next)
		end_if_due(d, now);
}

/*
 * Whether the host sleeps until d's next deadline. Short waits are skipped at first and slept later, many at once
 * (d->unslept), for a host's timers are not exact to the microsecond.
 */
static bool waits(struct domain *d)
{
	u64 next = timeline_next(&d->time);

	return d->host->idle_sleep && live(d) && (next == TIME_NEVER || d->unslept + (next - d->time.s.now) > SLEEP_DEBT);
}

/*
 * All vCPUs of d sleep now. When running took longer on the host than in virtual time, the difference counts as slept.
 */
static void settle(struct domain *d)
{
	u64 now = host_now(), host = now - d->awake_host, guest = d->time.s.now - d->awake_now;

	if (d->awake_host && host > guest)
		d->unslept -= MIN(d->unslept, host - guest);
	d->awake_host = now;
	d->awake_now = d->time.s.now;
}

/* How long the host may sleep for d, ns: until its next deadline while input may come from outside, else not at all. */
static i64 sleep_time(struct domain *d)
{
	u64 next = timeline_next(&d->time);

	if (!waits(d))
		return 0;
	return next == TIME_NEVER ? (i64)TICK_INTERVAL : (i64)MIN(next - d->time.s.now + d->unslept, TICK_INTERVAL);
}

/* All vCPUs of d sleep, and the host has slept for slept ns: moves its virtual time forward. */
static void idle(struct domain *d, u64 slept)
{
	u64 next = timeline_next(&d->time), paid = MIN(slept, d->unslept);
	bool early = false;
	u8 b[8];

	if (next == TIME_NEVER && !(d->host->idle_sleep && live(d))) {
		domain_end(d, END_HALTED);
		return;
	}
	d->unslept -= paid;
	slept -= paid;
	if (!waits(d) || slept >= next - d->time.s.now) {
		if (d->host->idle_sleep && live(d) && slept < next - d->time.s.now)
			d->unslept += next - d->time.s.now - slept;
		timeline_skip(&d->time, next);
	} else {
		early = slept;
	}
	open_door(d);
	if (early) {
		/* How long the host slept is not the guest's own doing: it comes through the door. */
		st64(b, slept);
		door_enter(&d->door, DOOR_TIME, 0, b, sizeof b, d->s.retired, d->time.s.now);
	}
	timeline_fire(&d->time);
	d->awake_host = host_now();
	d->awake_now = d->time.s.now;
}

void host_run(struct host *h)
{
	struct loop l = { .h = h };

	h->started = l.last_tick = l.last_poll = host_now();
	for (;;) {
		bool alive = false, ran = false;
		struct domain *d;
		i64 wait = INT64_MAX;
		u64 now, slept;

		for (d = h->domains; d; d = d->next) {
			if (d->end != END_RUNNING)
				continue;
			alive = true;
			d->asleep = false;
			if (!catch_up(d)) {
				wait = MIN(wait, (i64)TICK_INTERVAL);
				continue;
			}
			open_door(d);
			if (d->end != END_RUNNING)
				continue;
			if (domain_stopped(d)) {
				wait = MIN(wait, (i64)TICK_INTERVAL);
			} else if (slot(d)) {
				ran = true;
			} else {
				d->asleep = true;
				settle(d);
				wait = MIN(wait, sleep_time(d));
			}
		}
		if (!alive)
			return;
		now = host_now();
		if (ran) {
			if (now - l.last_poll >= POLL_INTERVAL)
				look_outside(&l, now, 0);
			continue;
		}
		if (wait == INT64_MAX)
			continue;
		if (wait || now - l.last_poll >= POLL_INTERVAL)
			look_outside(&l, now, wait);
		slept = wait ? host_now() - now : 0;
		for (d = h->domains; d; d = d->next)
			if (d->end == END_RUNNING && d->asleep && !domain_stopped(d))
				idle(d, slept);
	}
}
