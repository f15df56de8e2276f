/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a tool stack tells a running PV guest through its xenstore (Xen docs/misc/xenstore-paths): to shut down, a sysrq
 * key, how much memory and how many vCPUs it should have. A request is an input of the one door (DOOR_CONTROL).
 */
#ifndef PV_CONTROL_H
#define PV_CONTROL_H

#include "pv/pv.h"

#define PV_CONTROL_TARGET 0u           /* DOOR_CONTROL target */
#define PV_BALLOON_MIN_KIB (16u << 10) /* no guest is asked to live with less, unless it began with less */

enum pv_control_op {
	PV_CONTROL_POWEROFF,
	PV_CONTROL_REBOOT,
	PV_CONTROL_HALT,
	PV_CONTROL_SUSPEND,
	PV_CONTROL_SYSRQ,  /* value: the key, a printable ASCII character */
	PV_CONTROL_MEMORY, /* value: KiB the guest should have */
	PV_CONTROL_VCPUS,  /* value: how many of its vCPUs should be online, the first ones */
	PV_CONTROL_VCPU_ON, /* value: a vCPU's number */
	PV_CONTROL_VCPU_OFF,
	PV_CONTROL_NMI,    /* value: a vCPU's number; not by the xenstore */
	PV_CONTROL_RESET,  /* at once, whatever the guest does */
	PV_CONTROL_OPS
};

/* Takes DOOR_CONTROL inputs. 0 or -ENOMEM. */
int pv_control_init(struct pv_domain *d);
/* Says whether the guest can be asked this. 0, or -EINVAL or -ERANGE with a sentence. */
int pv_control_check(struct pv_domain *d, enum pv_control_op op, u64 value, struct error *e);
/*
 * Whether the guest has said that it obeys (control/feature-*). One that has not may yet: it finds the request when it looks.
 */
bool pv_control_heeded(struct pv_domain *d, enum pv_control_op op);
/* Checks, and leaves the request before the door. 0, or -errno with a sentence. */
int pv_control_post(struct pv_domain *d, enum pv_control_op op, u64 value, struct error *e);

/* What the guest says of itself in its control directory. */
struct pv_control_info {
	bool can_poweroff, can_reboot, can_suspend;
	char pending[16]; /* the shutdown that it has not acknowledged; "": none */
	u64 target_kib, max_kib, actual_kib;
	u32 vcpus_wanted; /* available by the xenstore */
	u32 vcpus_up;
};
void pv_control_info(struct pv_domain *d, struct pv_control_info *info);
/* Lets a domain that suspended itself go on. False: it has not. */
bool pv_control_resume(struct pv_domain *d);

#endif
