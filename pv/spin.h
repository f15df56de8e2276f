/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A vCPU that looks for something to happen instead of sleeping is put to sleep, a little at a time: pv/spin.c. */
#ifndef PV_SPIN_H
#define PV_SPIN_H

#include "pv/pv.h"

/* A slot of the vCPU begins; it ends. */
void pv_spin_enter(struct vcpu *v);
void pv_spin_leave(struct vcpu *v);
/* It does something that others notice: a hypercall. */
void pv_spin_end(struct vcpu *v);

INLINE void pv_spin_active(struct vcpu *v)
{
	if (pv_of(v)->s.spin_slots)
		pv_spin_end(v);
}

#endif
