/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The functions of paravirtual guests' own hypercalls: rows of pv/hypercalls.def, written as xen/hypercall.h says. */
#ifndef PV_HYPERCALL_H
#define PV_HYPERCALL_H

#include "pv/pv.h"
#include "xen/hypercall.h"

#define HYPERCALL(nr, name, nargs) i64 hc_##name(struct hc *h);
#include "pv/hypercalls.def"
#undef HYPERCALL

#endif
