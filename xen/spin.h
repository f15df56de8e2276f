/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A vCPU that polls for something instead of sleeping is put to sleep for short times: xen/spin.c. */
#ifndef XEN_SPIN_H
#define XEN_SPIN_H

#include "xen/xen.h"

/* A slot of the vCPU begins; it ends. */
void xen_spin_enter(struct vcpu *v);
void xen_spin_leave(struct vcpu *v);
/* It does something that others notice: a hypercall. */
void xen_spin_end(struct vcpu *v);

INLINE void xen_spin_active(struct vcpu *v)
{
	if (xen_of(v)->s.spin_slots)
		xen_spin_end(v);
}

#endif
