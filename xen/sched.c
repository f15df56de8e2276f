/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HYPERVISOR_sched_op (Xen public/sched.h): yield, block, poll, shutdown, watchdogs. A suspended domain goes on where
 * it was, with the answer "cancelled". Left out: what is about other domains or physical CPUs.
 */
#include "xen/sched.h"

#include "base/endian.h"
#include "xen/evtchn.h"
#include "xen/hypercall.h"
#include "xen/store/xenstore.h"
#include "xen/time.h"

#define POLL_PORTS_MAX 128u
#define NS_PER_SEC 1000000000ULL

enum { SHUTDOWN_POWEROFF, SHUTDOWN_REBOOT, SHUTDOWN_SUSPEND, SHUTDOWN_CRASH, SHUTDOWN_WATCHDOG, SHUTDOWN_SOFT_RESET };

/* ---- sleeping and waking --------------------------------------------------------------------------------------- */

static void poll_end(struct vcpu *v)
{
	struct xen_vcpu *pv = xen_of(v);

	pv->s.polling = 0;
	pv->s.poll_deadline = TIME_NEVER;
	vtimer_cancel(&v->d->time, &pv->poll);
}

void xen_vcpu_unblock(struct vcpu *v)
{
	struct xen_vcpu *pv = xen_of(v);

	/* One that was taken down in its sleep will not sleep on. */
	pv->s.flags &= ~(u32)XEN_VCPU_BLOCKED;
	if (pv->s.polling)
		poll_end(v);
	if (v->s.run != VCPU_BLOCKED)
		return;
	xen_runstate_change(v, RUNSTATE_RUNNABLE);
	vcpu_wake(v);
}

void xen_vcpu_block(struct vcpu *v)
{
	xen_runstate_change(v, RUNSTATE_BLOCKED);
	vcpu_block(v);
}

void xen_vcpu_down(struct vcpu *v)
{
	if (v->s.run == VCPU_OFFLINE)
		return;
	if (v->s.run == VCPU_BLOCKED)
		xen_of(v)->s.flags |= XEN_VCPU_BLOCKED;
	else
		xen_runstate_change(v, RUNSTATE_OFFLINE);
	v->s.run = VCPU_OFFLINE;
	if (v->d->running == v)
		cpu_stop(v->cpu);
}

void xen_vcpu_up(struct vcpu *v)
{
	if (v->s.run != VCPU_OFFLINE)
		return;
	v->s.run = VCPU_BLOCKED;
	if (!(xen_of(v)->s.flags & XEN_VCPU_BLOCKED))
		xen_vcpu_unblock(v);
	xen_of(v)->s.flags &= ~(u32)XEN_VCPU_BLOCKED;
}

/* ---- shutdown -------------------------------------------------------------------------------------------------- */

i64 xen_domain_shutdown(struct vcpu *v, u8 reason)
{
	struct domain *d = v->d;
	struct xen_time *t = xen_dom(d)->time;

	if (t->s.shutdown_code != XEN_NO_SHUTDOWN_CODE)
		reason = (u8)t->s.shutdown_code;
	switch (reason) {
	case SHUTDOWN_POWEROFF:
		domain_end(d, END_POWEROFF);
		break;
	case SHUTDOWN_REBOOT:
		domain_end(d, END_REBOOT);
		break;
	case SHUTDOWN_SUSPEND:
		t->s.shutdown_code = XEN_NO_SHUTDOWN_CODE;
		if (d->keep_suspended) {
			d->suspended = true;
			xs_shutdown(xen_dom(d)->store, d->id);
			cpu_stop(v->cpu);
		}
		return 1; /* "cancelled": what it finds when it is resumed, as after xl save -c */
	case SHUTDOWN_CRASH:
		domain_crash(d, v, "the guest crashed itself (SCHEDOP_shutdown, reason crash)");
		break;
	case SHUTDOWN_WATCHDOG:
		domain_end(d, END_WATCHDOG);
		break;
	case SHUTDOWN_SOFT_RESET:
		domain_end(d, END_SOFT_RESET);
		break;
	default:
		domain_crash(d, v, "the guest shut down with reason %u (SCHEDOP_shutdown), which Xen does not define", reason);
		break;
	}
	cpu_stop(v->cpu);
	return 0;
}

/* ---- SCHEDOP_* ------------------------------------------------------------------------------------------------- */

struct sched_u32 {
	u32 reason;
};
static const struct arg_field shutdown_fields[] = { ARG_IN(ARG_U32, struct sched_u32, reason), ARG_LAST };
static const struct arg_layout shutdown_layout = { "sched_shutdown", sizeof(struct sched_u32), shutdown_fields };

struct sched_poll {
	u64 ports;
	u32 nr_ports, pad; /* a 32-bit guest has no pad */
	u64 timeout;
};
static const struct arg_field poll_fields[] = { ARG_IN(ARG_PTR, struct sched_poll, ports),
						ARG_IN(ARG_U32, struct sched_poll, nr_ports),
						ARG_IN(ARG_U64, struct sched_poll, timeout), ARG_LAST };
static const struct arg_layout poll_layout = { "sched_poll", sizeof(struct sched_poll), poll_fields };

struct sched_remote_shutdown {
	u16 domain_id, pad;
	u32 reason;
};
static const struct arg_field remote_fields[] = { ARG_IN(ARG_U16, struct sched_remote_shutdown, domain_id),
						  ARG_IN(ARG_U16, struct sched_remote_shutdown, pad),
						  ARG_IN(ARG_U32, struct sched_remote_shutdown, reason), ARG_LAST };
static const struct arg_layout remote_layout = { "sched_remote_shutdown", sizeof(struct sched_remote_shutdown),
						 remote_fields };

struct sched_watchdog {
	u32 id, timeout;
};
static const struct arg_field watchdog_fields[] = { ARG_IN(ARG_U32, struct sched_watchdog, id),
						    ARG_IN(ARG_U32, struct sched_watchdog, timeout), ARG_LAST };
static const struct arg_layout watchdog_layout = { "sched_watchdog", sizeof(struct sched_watchdog), watchdog_fields };

static i64 sched_yield_op(struct hc *h, void *arg)
{
	/* The rest of the slot goes to the others. */
	cpu_stop(h->v->cpu);
	return 0;
}

static i64 sched_block(struct hc *h, void *arg)
{
	xen_info_set_u8(h->v, VI_MASK, 0);
	if (!xen_events_deliverable(h->v))
		xen_vcpu_block(h->v);
	return 0;
}

static i64 sched_shutdown(struct hc *h, void *arg)
{
	i64 r = xen_domain_shutdown(h->v, (u8)((struct sched_u32 *)arg)->reason);

	h->no_result = h->v->d->end != END_RUNNING;
	return r;
}

static i64 sched_shutdown_code(struct hc *h, void *arg)
{
	struct xen_time *t = xen_dom(h->v->d)->time;

	if (t->s.shutdown_code == XEN_NO_SHUTDOWN_CODE)
		t->s.shutdown_code = (u8)((struct sched_u32 *)arg)->reason;
	return 0;
}

static i64 sched_poll(struct hc *h, void *arg)
{
	const struct sched_poll *a = arg;
	struct vcpu *v = h->v;
	struct xen_vcpu *pv = xen_of(v);
	u32 i, port = 0;
	u8 w[4];
	int r;

	if (a->nr_ports > POLL_PORTS_MAX)
		return -XEN_EINVAL;
	if (xen_events_deliverable(v))
		return 0;
	for (i = 0; i < a->nr_ports; i++) {
		if (xen_copy_from(v, w, a->ports + i * 4ULL, 4))
			return -XEN_EFAULT;
		port = ld32(w);
		r = evtchn_pending(xen_dom(v->d), port);
		if (r)
			return r < 0 ? r : 0;
	}
	/* A deadline with the top bit set is a negative time: past. */
	if (a->timeout && (a->timeout <= domain_now(v->d) || (i64)a->timeout < 0))
		return 0;
	pv->s.polling = a->nr_ports == 1 && port ? port + 1 : XEN_POLL_ANY;
	if (a->timeout) {
		pv->s.poll_deadline = a->timeout;
		if (domain_arm(v->d, &pv->poll, a->timeout)) {
			poll_end(v);
			return -XEN_ENOMEM;
		}
	}
	xen_vcpu_block(v);
	return 0;
}

static i64 sched_remote_shutdown(struct hc *h, void *arg)
{
	u32 dom = ((struct sched_remote_shutdown *)arg)->domain_id;

	return dom == h->v->d->id || dom == XEN_BACKEND_DOMID ? -XEN_EPERM : -XEN_ESRCH;
}

static i64 sched_watchdog(struct hc *h, void *arg)
{
	const struct sched_watchdog *a = arg;
	struct domain *d = h->v->d;
	struct xen_time *t = xen_dom(d)->time;
	u32 i = a->id - 1;

	if (a->id > XEN_WATCHDOGS || (!a->id && !a->timeout))
		return -XEN_EINVAL;
	if (!a->id) {
		for (i = 0; i < XEN_WATCHDOGS && t->s.watchdog[i] != TIME_NEVER; i++)
			;
		if (i == XEN_WATCHDOGS)
			return -XEN_ENOSPC;
	} else if (t->s.watchdog[i] == TIME_NEVER) {
		return -XEN_EINVAL;
	}
	if (!a->timeout) {
		t->s.watchdog[i] = TIME_NEVER;
		vtimer_cancel(&d->time, &t->watchdog[i].timer);
		return 0;
	}
	t->s.watchdog[i] = domain_now(d) + a->timeout * NS_PER_SEC;
	if (domain_arm(d, &t->watchdog[i].timer, t->s.watchdog[i])) {
		t->s.watchdog[i] = TIME_NEVER;
		return -XEN_ENOMEM;
	}
	return a->id ? 0 : i + 1;
}

static i64 sched_pin_override(struct hc *h, void *arg)
{
	return -XEN_EPERM;
}

static const struct hc_sub sched_subs[] = {
	{ 0, "yield", NULL, sched_yield_op },
	{ 1, "block", NULL, sched_block },
	{ 2, "shutdown", &shutdown_layout, sched_shutdown },
	{ 3, "poll", &poll_layout, sched_poll },
	{ 4, "remote_shutdown", &remote_layout, sched_remote_shutdown },
	{ 5, "shutdown_code", &shutdown_layout, sched_shutdown_code },
	{ 6, "watchdog", &watchdog_layout, sched_watchdog },
	{ 7, "pin_override", NULL, sched_pin_override },
};

i64 hc_sched_op(struct hc *h)
{
	return hc_dispatch_sub(h, sched_subs, ARRAY_SIZE(sched_subs), (u32)h->args[0], h->args[1]);
}

/* The call of before 3.0.2: yield and block as now, and the reason of a shutdown in the argument itself. */
i64 hc_sched_op_compat(struct hc *h)
{
	struct sched_u32 a = { (u32)h->args[1] };

	h->sub = (u32)h->args[0];
	switch (h->sub) {
	case 0:
		return sched_yield_op(h, NULL);
	case 1:
		return sched_block(h, NULL);
	case 2:
		return sched_shutdown(h, &a);
	default:
		return -XEN_ENOSYS;
	}
}
