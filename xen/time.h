/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Time as a paravirtual guest sees it (Xen public/xen.h vcpu_time_info, public/vcpu.h): pvclock, wall clock, runstate
 * and timers, all from the domain's timeline. One tick of the TSC is one nanosecond of virtual time.
 */
#ifndef XEN_TIME_H
#define XEN_TIME_H

#include "xen/xen.h"

enum { RUNSTATE_RUNNING, RUNSTATE_RUNNABLE, RUNSTATE_BLOCKED, RUNSTATE_OFFLINE };
#define VMASST_RUNSTATE_UPDATE 5 /* VMASST_TYPE_runstate_update_flag */
/* system = (tsc << TSC_SHIFT) * TSC_MUL >> 32 = tsc, exactly. */
#define XEN_TSC_MUL 0x80000000u
#define XEN_TSC_SHIFT 1
#define XEN_TSC_STABLE 1 /* XEN_PVCLOCK_TSC_STABLE_BIT */
/* PV guests have a 100 Hz tick until they stop it. */
#define XEN_PERIODIC_DEFAULT 10000000ULL
#define XEN_WATCHDOGS 2

/* Timers' order for ties (struct vtimer): kind << 16 | instance. */
enum { XEN_TIMER_SINGLE = 0x10, XEN_TIMER_PERIODIC, XEN_TIMER_POLL, XEN_TIMER_WATCHDOG, XEN_TIMER_VBD, XEN_TIMER_VIF };

struct xen_time_state {
	u64 watchdog[XEN_WATCHDOGS]; /* deadline, TIME_NEVER: not in use */
	u32 shutdown_code;          /* latched by SCHEDOP_shutdown_code; XEN_NO_SHUTDOWN_CODE */
	u32 pad;
};
#define XEN_NO_SHUTDOWN_CODE UINT32_MAX
extern const struct state_desc xen_time_state_desc;

struct xen_time {
	struct xen_time_state s; /* first: state_remove() of it takes the struct's function, too */
	struct xen_domain *p;
	struct xen_watchdog {
		struct vtimer timer;
		struct xen_domain *p;
		u32 id;
	} watchdog[XEN_WATCHDOGS];
};

/*
 * Readies the timers of every vCPU (whose struct xen_vcpu must be there, all zeros but what the caller knows) and the runstate,
 * points vcpu_info into shared_info where it is 0, and writes pvclock and wall clock. 0 or -ENOMEM. Call it after
 * shared_info's frame is there and before the first instruction.
 */
int xen_time_init(struct xen_domain *p);
void xen_time_free(struct xen_domain *p);
/* Hooks of struct domain_ops. */
void xen_time_enter(struct vcpu *v);
void xen_time_leave(struct vcpu *v);
/* Writes the wall clock from the timeline: when it came through the door. */
void xen_time_update_wallclock(struct xen_domain *p);
/* Writes the pvclock of a vCPU into vcpu_info and the registered area. */
void xen_time_update(struct vcpu *v);
/* A vCPU is now in another RUNSTATE_*. */
void xen_runstate_change(struct vcpu *v, u32 state);
/* The times in each state up to now. */
void xen_runstate_get(struct vcpu *v, u64 time[4]);

/* vcpu_op's part, and set_timer_op. Results as the hypercalls'. va are addresses in the caller's memory. */
i64 xen_runstate_copy(struct vcpu *caller, struct vcpu *v, u64 va);
i64 xen_runstate_register(struct vcpu *caller, struct vcpu *v, u64 va);
i64 xen_time_register(struct vcpu *caller, struct vcpu *v, u64 va);
void xen_timer_set(struct vcpu *v, u64 deadline);
void xen_timer_stop(struct vcpu *v);
i64 xen_periodic_set(struct vcpu *v, u64 period);
void xen_periodic_stop(struct vcpu *v);

#endif
