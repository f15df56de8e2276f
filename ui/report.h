/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is told about a run: the crash report, the numbers of -stats, progress while loading and running.
 */
#ifndef UI_REPORT_H
#define UI_REPORT_H

#include <stdio.h>

#include "vm/domain.h"
#include "xen/load/decompress.h"

/*
 * Why the guest crashed: reason, registers, code around rip, last traps, the machine's own lines; at the end what its kernel
 * said last ("": nothing).
 */
void report_crash(struct domain *d, const char *last, FILE *out);

/* Numbers of a run that outlive its domains: a reboot makes a new one. */
struct report_totals {
	u64 start;        /* host_now() when running began */
	u64 instructions; /* of earlier lives of the guest */
	u64 guest_ns;
	u32 reboots;
};

/* The lines of -stats; d is the guest's last life. */
void report_stats(struct domain *d, const struct report_totals *t, FILE *out);

/* One line of speed and guest time; since the last one where there was one. */
struct report_speed {
	u64 last_host, last_instructions;
};
void report_progress(struct domain *d, const struct report_totals *t, struct report_speed *s, FILE *out);

/* Progress of loading on a terminal: one line that is written over. */
struct report_loading {
	struct xen_progress hook; /* hand this to the loader */
	FILE *out;
	char what[80];
	u64 total;
	u64 shown; /* host_now() of the last write */
	bool open; /* the line has no end yet */
};
/* With quiet nothing is ever shown. */
void report_loading_init(struct report_loading *r, FILE *out, bool quiet);
/* Ends the line, if there is one; good: the step came to its end. */
void report_loading_done(struct report_loading *r, bool good);
/* A line about what has been loaded. */
void report_loaded(struct report_loading *r, const char *text);

#endif
