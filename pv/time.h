/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Time as a paravirtual guest sees it (Xen public/xen.h vcpu_time_info, public/vcpu.h): pvclock, wall clock, runstate
 * and timers, all from the domain's timeline. One tick of the TSC is one nanosecond of virtual time.
 */
#ifndef PV_TIME_H
#define PV_TIME_H

#include "pv/pv.h"

enum { RUNSTATE_RUNNING, RUNSTATE_RUNNABLE, RUNSTATE_BLOCKED, RUNSTATE_OFFLINE };
#define VMASST_RUNSTATE_UPDATE 5 /* VMASST_TYPE_runstate_update_flag */
/* system = (tsc << TSC_SHIFT) * TSC_MUL >> 32 = tsc, exactly. */
#define PV_TSC_MUL 0x80000000u
#define PV_TSC_SHIFT 1
#define PV_TSC_STABLE 1 /* XEN_PVCLOCK_TSC_STABLE_BIT */
/* PV guests have a 100 Hz tick until they stop it. */
#define PV_PERIODIC_DEFAULT 10000000ULL
#define PV_WATCHDOGS 2

/* Timers' order for ties (struct vtimer): kind << 16 | instance. */
enum { PV_TIMER_SINGLE = 0x10, PV_TIMER_PERIODIC, PV_TIMER_POLL, PV_TIMER_WATCHDOG, PV_TIMER_VBD, PV_TIMER_VIF };

struct pv_time_state {
	u64 watchdog[PV_WATCHDOGS]; /* deadline, TIME_NEVER: not in use */
	u32 shutdown_code;          /* latched by SCHEDOP_shutdown_code; PV_NO_SHUTDOWN_CODE */
	u32 pad;
};
#define PV_NO_SHUTDOWN_CODE UINT32_MAX
extern const struct state_desc pv_time_state_desc;

struct pv_time {
	struct pv_time_state s;
	struct pv_watchdog {
		struct vtimer timer;
		struct pv_domain *p;
		u32 id;
	} watchdog[PV_WATCHDOGS];
};

/*
 * Readies the timers of every vCPU (whose pv_vcpu must be there, all zeros but what the caller knows) and the runstate,
 * points vcpu_info into shared_info where it is 0, and writes pvclock and wall clock. 0 or -ENOMEM. Call it after
 * shared_info's frame is there and before the first instruction.
 */
int pv_time_init(struct pv_domain *p);
void pv_time_free(struct pv_domain *p);
/* Arms every timer from its described deadline: after a load of state. */
void pv_time_rearm(struct pv_domain *p);
/* Hooks of struct domain_ops. */
void pv_time_enter(struct vcpu *v);
void pv_time_leave(struct vcpu *v);
/* Writes the wall clock from the timeline: when it came through the door. */
void pv_time_update_wallclock(struct pv_domain *p);
/* Writes the pvclock of a vCPU into vcpu_info and the registered area. */
void pv_time_update(struct vcpu *v);
/* A vCPU is now in another RUNSTATE_*. */
void pv_runstate_change(struct vcpu *v, u32 state);
/* The times in each state up to now. */
void pv_runstate_get(struct vcpu *v, u64 time[4]);

/* vcpu_op's part, and set_timer_op. Results as the hypercalls'. va are addresses in the caller's memory. */
i64 pv_runstate_copy(struct vcpu *caller, struct vcpu *v, u64 va);
i64 pv_runstate_register(struct vcpu *caller, struct vcpu *v, u64 va);
i64 pv_time_register(struct vcpu *caller, struct vcpu *v, u64 va);
void pv_timer_set(struct vcpu *v, u64 deadline);
void pv_timer_stop(struct vcpu *v);
i64 pv_periodic_set(struct vcpu *v, u64 period);
void pv_periodic_stop(struct vcpu *v);

#endif
