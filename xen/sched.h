/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Blocking and waking of paravirtual vCPUs (Xen public/sched.h): xen/sched.c. */
#ifndef XEN_SCHED_H
#define XEN_SCHED_H

#include "xen/xen.h"

/* xen_vcpu_state.polling: 0 no, any port, or a port + 1. */
#define XEN_POLL_ANY UINT32_MAX

/* Ends a block or a poll of the vCPU, if it is in one. */
void xen_vcpu_unblock(struct vcpu *v);
/* Puts the running vCPU to sleep until xen_vcpu_unblock(). */
void xen_vcpu_block(struct vcpu *v);
/* Takes a vCPU out of scheduling, and back (it runs unless it slept when taken down). */
void xen_vcpu_down(struct vcpu *v);
void xen_vcpu_up(struct vcpu *v);
/* SCHEDOP_shutdown with a SHUTDOWN_* reason. */
i64 xen_domain_shutdown(struct vcpu *v, u8 reason);

#endif
