/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The loop that runs all domains of a host in turns: it looks at the outside now and then, sleeps when none has anything to do,
 * and moves an idle domain's time forward.
 */
#include "base/endian.h"
#include "vm/run_impl.h"

#define POLL_INTERVAL 1000000ULL   /* host ns between looks at the outside while a guest runs */
#define TICK_INTERVAL 100000000ULL /* host ns between two calls of host.tick, and the longest sleep */
#define SLEEP_DEBT 500000ULL       /* host ns that a domain may have skipped instead of slept */
#define LOOK_EVERY 64u             /* calls of vcpu_ending() between reads of the clock */

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
	struct domain *d = c->vcpu->d;

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
	run_open_door(d);
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
			if (!run_catch_up(d)) {
				wait = MIN(wait, (i64)TICK_INTERVAL);
				continue;
			}
			run_open_door(d);
			if (d->end != END_RUNNING)
				continue;
			if (domain_stopped(d)) {
				wait = MIN(wait, (i64)TICK_INTERVAL);
			} else if (run_slot(d)) {
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
