/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vm_assist (Xen public/xen.h): behaviour of Xen that a paravirtual guest turns on or off. What an assist does is in the file it
 * is about; here they are only remembered.
 */
#include "pv/hypercall.h"
#include "pv/pv.h"

i64 hc_vm_assist(struct hc *h)
{
	struct pv_domain *d = pv_dom(h->v->d);
	u32 cmd = (u32)h->args[0], type = (u32)h->args[1];
	u32 bit;

	h->sub = cmd;
	/* m2p_strict (32) is kept as bit 31, which no type has. */
	if (type > 5 && (type != 32 || d->xen.s.is32))
		return -XEN_EINVAL;
	bit = 1u << (type == 32 ? 31 : type);
	switch (cmd) {
	case 0:
		d->s.vm_assist |= bit;
		return 0;
	case 1:
		d->s.vm_assist &= ~bit;
		return 0;
	default:
		return -XEN_ENOSYS;
	}
}
