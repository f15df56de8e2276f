/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the frames of 64-bit kernels (pv/traps.c) and of 32-bit ones (pv/compat/trap.c) share.
 */
#ifndef PV_TRAPS_IMPL_H
#define PV_TRAPS_IMPL_H

#include "pv/traps.h"

#define VMASST_ARCH_IOPL BIT(4) /* VMASST_TYPE_architectural_iopl */

enum bounce_flags { BOUNCE_ERROR = 1, BOUNCE_MASK = 2, BOUNCE_FAILSAFE = 4 };

/* What happened, in words for a report. */
struct bounce {
	u64 ip;    /* the handler */
	u16 cs;    /* its code segment; a 64-bit kernel has but one */
	u32 flags; /* enum bounce_flags */
	u32 error;
	const char *what;
	u32 n; /* its number, printed after what */
};

#endif
