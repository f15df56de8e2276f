/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pvclock, wall clock, runstate and timers of a paravirtual guest (Xen public/xen.h, public/vcpu.h).
 *
 * vCPUs of a domain share one timeline and each gets its part of every nanosecond, so a vCPU that can run counts as
 * running: there is no stolen time. Runnable is what it is between its wake and the start of its next slot.
 */
#include "xen/time.h"

#include <errno.h>
#include <stdlib.h>

#include "base/endian.h"
#include "xen/evtchn.h"
#include "xen/hypercall.h"
#include "xen/info.h"
#include "xen/sched.h"
#include "xen/spin.h"

#define NS_PER_SEC 1000000000ULL
#define NS_PER_MS 1000000ULL
static const struct state_field time_fields[] = {
	STATE_INTS(struct xen_time_state, watchdog),
	STATE_INT(struct xen_time_state, shutdown_code),
	STATE_INT(struct xen_time_state, pad),
};
STATE_DESC(xen_time_state_desc, "pv-time", 1, struct xen_time_state, time_fields);

static bool area_ok(const struct vcpu *v, u64 va, u32 n)
{
	return xen_dom(v->d)->ops->area_ok(v, va, n);
}

static void area_write(struct vcpu *v, u64 va, const void *p, u32 n)
{
	xen_dom(v->d)->ops->area_write(v, va, p, n);
}

/* ---- pvclock and wall clock ------------------------------------------------------------------------------------ */

/* struct vcpu_time_info: time is the TSC, from 0, for ever. */
static void time_info(const struct vcpu *v, u8 out[32])
{
	memset(out, 0, 32);
	st32(out, xen_of((struct vcpu *)v)->s.time_version);
	st64(out + 8, 0);  /* tsc_timestamp */
	st64(out + 16, 0); /* system_time */
	st32(out + 24, XEN_TSC_MUL);
	out[28] = XEN_TSC_SHIFT;
	out[29] = XEN_TSC_STABLE;
}

void xen_time_update(struct vcpu *v)
{
	struct xen_vcpu_state *s = &xen_of(v)->s;
	u8 ti[32];

	/* Even: complete. Nothing of the guest runs in between, so it never sees an odd one. */
	s->time_version += 2;
	time_info(v, ti);
	xen_info_write(v, VI_TIME, ti, sizeof ti);
	if (s->time_va && (s->flags & XEN_VCPU_INITIALISED))
		area_write(v, s->time_va, ti, sizeof ti);
}

i64 xen_time_register(struct vcpu *caller, struct vcpu *v, u64 va)
{
	struct xen_vcpu_state *s = &xen_of(v)->s;
	u8 ti[32];

	if (!area_ok(v, va, sizeof ti))
		return -XEN_EFAULT;
	s->time_va = va;
	if (!va)
		return 0;
	s->time_version += 2;
	time_info(v, ti);
	xen_info_write(v, VI_TIME, ti, sizeof ti);
	xen_copy_to(caller, va, ti, sizeof ti);
	return 0;
}

void xen_time_update_wallclock(struct xen_domain *p)
{
	u64 wall = p->d->time.s.wall;

	p->s.wc_version += 2;
	xen_shared_set_wallclock(p, p->s.wc_version, wall / NS_PER_SEC, (u32)(wall % NS_PER_SEC));
}

/* ---- runstate -------------------------------------------------------------------------------------------------- */

/* struct vcpu_runstate_info as this guest lays it out; its size. */
static u32 runstate_info(struct vcpu *v, u8 out[48])
{
	const struct xen_vcpu_state *s = &xen_of(v)->s;
	u32 at = xen_dom(v->d)->s.is32 ? 4 : 8, i;
	u64 time[4];

	memset(out, 0, 48);
	xen_runstate_get(v, time);
	st32(out, s->runstate);
	st64(out + at, s->runstate_entry);
	for (i = 0; i < 4; i++)
		st64(out + at + 8 + i * 8, time[i]);
	return at + 40;
}

/*
 * With VMASST_TYPE_runstate_update_flag Xen sets XEN_RUNSTATE_UPDATE while it writes. The guest does not run meanwhile,
 * so all it could ever see is the bit clear again: one write serves both.
 */
static void runstate_write(struct vcpu *v)
{
	const struct xen_vcpu_state *s = &xen_of(v)->s;
	u8 info[48];
	u32 n;

	if (!s->runstate_va || !(s->flags & XEN_VCPU_INITIALISED))
		return;
	n = runstate_info(v, info);
	area_write(v, s->runstate_va, info, n);
}

void xen_runstate_get(struct vcpu *v, u64 time[4])
{
	const struct xen_vcpu_state *s = &xen_of(v)->s;
	u64 now = domain_now(v->d);

	memcpy(time, s->runstate_time, sizeof s->runstate_time);
	if (now > s->runstate_entry)
		time[s->runstate & 3] += now - s->runstate_entry;
}

i64 xen_runstate_copy(struct vcpu *caller, struct vcpu *v, u64 va)
{
	u8 info[48];
	u32 n = runstate_info(v, info);

	return xen_copy_to(caller, va, info, n) ? -XEN_EFAULT : 0;
}

i64 xen_runstate_register(struct vcpu *caller, struct vcpu *v, u64 va)
{
	if (!area_ok(v, va, 48))
		return -XEN_EFAULT;
	xen_of(v)->s.runstate_va = va;
	if (va)
		xen_runstate_copy(caller, v, va);
	return 0;
}

static void periodic_run(struct vcpu *v, u64 now);

void xen_runstate_change(struct vcpu *v, u32 state)
{
	struct xen_vcpu *pv = xen_of(v);
	u64 now = domain_now(v->d);

	if (pv->s.runstate == state)
		return;
	if (now > pv->s.runstate_entry) {
		pv->s.runstate_time[pv->s.runstate & 3] += now - pv->s.runstate_entry;
		pv->s.runstate_entry = now;
	}
	pv->s.runstate = state;
	/* Xen writes the area when a vCPU is switched in or out, not when it is woken. */
	if (state != RUNSTATE_RUNNABLE)
		runstate_write(v);
	/* The periodic tick is for a vCPU that runs; it wakes nobody. */
	if (state == RUNSTATE_RUNNING)
		periodic_run(v, now);
	else
		vtimer_cancel(&v->d->time, &pv->periodic);
}

void xen_time_enter(struct vcpu *v)
{
	xen_runstate_change(v, RUNSTATE_RUNNING);
	xen_spin_enter(v);
}

void xen_time_leave(struct vcpu *v)
{
	xen_spin_leave(v);
	/* Normally done already, at the instant of the hypercall. */
	if (v->s.run == VCPU_BLOCKED)
		xen_runstate_change(v, RUNSTATE_BLOCKED);
	else if (v->s.run == VCPU_OFFLINE)
		xen_runstate_change(v, RUNSTATE_OFFLINE);
}

/* ---- timers ---------------------------------------------------------------------------------------------------- */

static void single_fire(void *opaque, u64 now)
{
	struct xen_vcpu *pv = opaque;

	pv->s.timer = TIME_NEVER;
	xen_send_virq(pv->v, VIRQ_TIMER);
}

void xen_timer_set(struct vcpu *v, u64 deadline)
{
	struct xen_vcpu *pv = xen_of(v);

	vtimer_cancel(&v->d->time, &pv->timer);
	/* Times are signed in Xen: what looks negative is past. */
	if ((i64)deadline < 0 || deadline <= domain_now(v->d) || domain_arm(v->d, &pv->timer, deadline))
		single_fire(pv, deadline);
	else
		pv->s.timer = deadline;
}

void xen_timer_stop(struct vcpu *v)
{
	xen_of(v)->s.timer = TIME_NEVER;
	vtimer_cancel(&v->d->time, &xen_of(v)->timer);
}

static void periodic_run(struct vcpu *v, u64 now)
{
	struct xen_vcpu *pv = xen_of(v);

	if (!pv->s.periodic)
		return;
	if (now >= pv->s.periodic_last + pv->s.periodic) {
		pv->s.periodic_last = now;
		xen_send_virq(v, VIRQ_TIMER);
	}
	if (domain_arm(v->d, &pv->periodic, pv->s.periodic_last + pv->s.periodic))
		domain_crash(v->d, v, "the host is out of memory for a timer");
}

static void periodic_fire(void *opaque, u64 now)
{
	struct xen_vcpu *pv = opaque;

	/* The deadline itself, should time have jumped over it in a skip. */
	periodic_run(pv->v, MAX(now, pv->s.periodic_last + pv->s.periodic));
}

i64 xen_periodic_set(struct vcpu *v, u64 period)
{
	if (period < NS_PER_MS || period > UINT64_MAX >> 2)
		return -XEN_EINVAL;
	xen_of(v)->s.periodic = period;
	vtimer_cancel(&v->d->time, &xen_of(v)->periodic);
	if (xen_of(v)->s.runstate == RUNSTATE_RUNNING)
		periodic_run(v, domain_now(v->d));
	return 0;
}

void xen_periodic_stop(struct vcpu *v)
{
	xen_of(v)->s.periodic = 0;
	vtimer_cancel(&v->d->time, &xen_of(v)->periodic);
}

static void poll_fire(void *opaque, u64 now)
{
	struct xen_vcpu *pv = opaque;

	if (pv->s.polling)
		xen_vcpu_unblock(pv->v);
}

static void watchdog_fire(void *opaque, u64 now)
{
	struct xen_watchdog *w = opaque;

	w->p->time->s.watchdog[w->id] = TIME_NEVER;
	domain_end(w->p->d, END_WATCHDOG);
}

/* set_timer_op: an absolute time; 0 stops. A 32-bit guest gives it in two registers. */
i64 hc_set_timer_op(struct hc *h)
{
	struct vcpu *v = h->v;
	u64 t = h->args[0];

	if (xen_dom(v->d)->s.is32)
		t = (u32)h->args[0] | (u64)(u32)h->args[1] << 32;
	if (!t) {
		xen_timer_stop(v);
		return 0;
	}
	/* More than 13 days away, or negative, is a guest that cannot count: Xen wakes it in 100 ms to try again. */
	if ((i64)t < 0 || (t > domain_now(v->d) && (t - domain_now(v->d)) >> 50))
		t = domain_now(v->d) + 100 * NS_PER_MS;
	xen_timer_set(v, t);
	return 0;
}

/* ---- life ------------------------------------------------------------------------------------------------------ */

/* Arms every timer for the deadline that the loaded state has. */
static int loaded(void *opaque, struct error *e)
{
	struct xen_time *t = opaque;
	struct domain *d = t->p->d;
	u32 i;
	int rc = 0;

	/* All of it lies in one frame: nobody looks again. */
	for (i = 0; i < d->nvcpus; i++)
		if (PAGE_OFFSET(xen_of(d->vcpus[i])->s.vcpu_info) > PAGE_SIZE - VCPU_INFO_SIZE)
			return error_set(e, -EINVAL, "The state of guest %s is damaged: vCPU %u has no vcpu_info.", d->name, i);
	for (i = 0; i < XEN_WATCHDOGS; i++)
		rc |= domain_arm(d, &t->watchdog[i].timer, t->s.watchdog[i]);
	for (i = 0; i < d->nvcpus; i++) {
		struct xen_vcpu *pv = xen_of(d->vcpus[i]);
		bool tick = pv->s.periodic && pv->s.runstate == RUNSTATE_RUNNING;

		rc |= domain_arm(d, &pv->timer, pv->s.timer);
		rc |= domain_arm(d, &pv->periodic, tick ? pv->s.periodic_last + pv->s.periodic : TIME_NEVER);
		rc |= domain_arm(d, &pv->poll, pv->s.polling ? pv->s.poll_deadline : TIME_NEVER);
	}
	return rc ? error_set(e, -ENOMEM, "The host has no memory for the timers of guest %s.", d->name) : 0;
}

int xen_time_init(struct xen_domain *p)
{
	struct domain *d = p->d;
	struct xen_time *t = calloc(1, sizeof *t);
	u32 i;

	if (!t)
		return -ENOMEM;
	p->time = t;
	t->p = p;
	t->s.shutdown_code = XEN_NO_SHUTDOWN_CODE;
	for (i = 0; i < XEN_WATCHDOGS; i++) {
		t->s.watchdog[i] = TIME_NEVER;
		t->watchdog[i].p = p;
		t->watchdog[i].id = i;
		vtimer_init(&t->watchdog[i].timer, XEN_TIMER_WATCHDOG << 16 | i, watchdog_fire, &t->watchdog[i]);
	}
	if (state_add(&d->states, "pv-time", 0, &xen_time_state_desc, &t->s, 1) ||
	    state_add_loaded(&d->states, loaded, t)) {
		state_remove(&d->states, t);
		free(t);
		p->time = NULL;
		return -ENOMEM;
	}
	for (i = 0; i < d->nvcpus; i++) {
		struct xen_vcpu *pv = xen_of(d->vcpus[i]);

		vtimer_init(&pv->timer, XEN_TIMER_SINGLE << 16 | i, single_fire, pv);
		vtimer_init(&pv->periodic, XEN_TIMER_PERIODIC << 16 | i, periodic_fire, pv);
		vtimer_init(&pv->poll, XEN_TIMER_POLL << 16 | i, poll_fire, pv);
		pv->s.timer = pv->s.poll_deadline = TIME_NEVER;
		pv->s.periodic = XEN_PERIODIC_DEFAULT;
		pv->s.runstate = RUNSTATE_OFFLINE;
		pv->s.runstate_entry = domain_now(d);
		if (!pv->s.vcpu_info)
			pv->s.vcpu_info = xen_info_legacy(p, i);
		xen_info_set_u8(d->vcpus[i], VI_MASK, 1);
		xen_time_update(d->vcpus[i]);
	}
	xen_time_update_wallclock(p);
	return 0;
}

void xen_time_free(struct xen_domain *p)
{
	struct domain *d = p->d;
	u32 i;

	if (!p->time)
		return;
	for (i = 0; i < XEN_WATCHDOGS; i++)
		vtimer_cancel(&d->time, &p->time->watchdog[i].timer);
	for (i = 0; i < d->nvcpus; i++) {
		struct xen_vcpu *pv = d->vcpus[i] ? d->vcpus[i]->machine : NULL;

		if (!pv)
			continue;
		vtimer_cancel(&d->time, &pv->timer);
		vtimer_cancel(&d->time, &pv->periodic);
		vtimer_cancel(&d->time, &pv->poll);
	}
	state_remove(&d->states, &p->time->s);
	free(p->time);
	p->time = NULL;
}
