/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The wall clock that a guest starts with.
 */
#ifndef GUEST_CLOCK_H
#define GUEST_CLOCK_H

#include "base/node.h"
#include "base/types.h"

/*
 * ns since 1970 at a guest's start, as its node says (clock-base, clock-epoch). "utc" and "localtime" look at the
 * host's clock.
 */
u64 guest_wall_clock(const struct node *guest);
/* Seconds from 1970 to a moment of the Gregorian calendar; m is 1 to 12, d 1 to 31. */
u64 guest_epoch(i64 y, u32 m, u32 d, u32 h, u32 mi, u32 s);

#endif
