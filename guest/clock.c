/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The wall clock at a guest's start, from its node and perhaps the host's clock. pv_create() brings it to the guest
 * through the door.
 */
#include "guest/clock.h"

#include <string.h>
#include <time.h>

#include "guest/nodes.h"

/* Days from 1970-01-01 to a date of the Gregorian calendar. */
static i64 days_since_1970(i64 y, u32 m, u32 d)
{
	/* Years that begin in March put the leap day last. */
	y -= m <= 2;
	m = (m + 9) % 12;
	return y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + d - 1 - 719468;
}

u64 guest_epoch(i64 y, u32 m, u32 d, u32 h, u32 mi, u32 s)
{
	return (u64)days_since_1970(y, m, d) * 86400 + h * 3600 + mi * 60 + s;
}

u64 guest_wall_clock(const struct node *n)
{
	const char *base = node_str(n, "clock-base", "fixed");
	time_t now = time(NULL);
	struct tm *tm;

	if (!strcmp(base, "utc"))
		return (u64)now * 1000000000u;
	if (!strcmp(base, "localtime")) {
		tm = localtime(&now);
		if (tm)
			return guest_epoch(tm->tm_year + 1900, (u32)tm->tm_mon + 1, (u32)tm->tm_mday, (u32)tm->tm_hour,
					   (u32)tm->tm_min, (u32)MIN(tm->tm_sec, 59)) *
			       1000000000u;
		return (u64)now * 1000000000u;
	}
	return node_u64(n, "clock-epoch", GUEST_DEFAULT_EPOCH) * 1000000000u;
}
