/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a tool stack tells a running PV guest through its xenstore (Xen docs/misc/xenstore-paths): to shut down, a sysrq
 * key, how much memory and how many vCPUs it should have. A request is an input of the one door (DOOR_CONTROL).
 */
#ifndef XEN_CONTROL_H
#define XEN_CONTROL_H

#include "xen/xen.h"

#define XEN_CONTROL_TARGET 0u           /* DOOR_CONTROL target */
#define XEN_BALLOON_MIN_KIB (16u << 10) /* no guest is asked to live with less, unless it began with less */

enum xen_control_op {
	XEN_CONTROL_POWEROFF,
	XEN_CONTROL_REBOOT,
	XEN_CONTROL_HALT,
	XEN_CONTROL_SUSPEND,
	XEN_CONTROL_SYSRQ,  /* value: the key, a printable ASCII character */
	XEN_CONTROL_MEMORY, /* value: KiB the guest should have */
	XEN_CONTROL_VCPUS,  /* value: how many of its vCPUs should be online, the first ones */
	XEN_CONTROL_VCPU_ON, /* value: a vCPU's number */
	XEN_CONTROL_VCPU_OFF,
	XEN_CONTROL_NMI,    /* value: a vCPU's number; not by the xenstore */
	XEN_CONTROL_RESET,  /* at once, whatever the guest does */
	XEN_CONTROL_SUSPEND_NOT, /* a suspend that the guest has not acknowledged is not wanted any more */
	XEN_CONTROL_OPS
};

/* Takes DOOR_CONTROL inputs. 0 or -ENOMEM. */
int xen_control_init(struct xen_domain *d);
/* Says whether the guest can be asked this. 0, or -EINVAL or -ERANGE with a sentence. */
int xen_control_check(struct xen_domain *d, enum xen_control_op op, u64 value, struct error *e);
/*
 * Whether the guest has said that it obeys (control/feature-*). One that has not may yet: it finds the request when it looks.
 */
bool xen_control_heeded(struct xen_domain *d, enum xen_control_op op);
/* Checks, and leaves the request before the door. 0, or -errno with a sentence. */
int xen_control_post(struct xen_domain *d, enum xen_control_op op, u64 value, struct error *e);

/* What the guest says of itself in its control directory. */
struct xen_control_info {
	bool can_poweroff, can_reboot, can_suspend;
	char pending[16]; /* the shutdown that it has not acknowledged; "": none */
	u64 target_kib, max_kib, actual_kib;
	u32 vcpus_wanted; /* available by the xenstore */
	u32 vcpus_up;
};
void xen_control_info(struct xen_domain *d, struct xen_control_info *info);
/* Lets a domain that suspended itself go on. False: it has not. */
bool xen_control_resume(struct xen_domain *d);

#endif
