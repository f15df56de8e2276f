/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Recorded cases: what a processor made of one instruction, whole, so that it can be replayed where there is no such
 * processor and whatever becomes of the generator. A line of text each:
 *
 *	name bits at bytes [step] [rep] [put=N] [ea=H] [item=value ...] : t=VECTOR|- [e=ERROR|?] [c=CR2] ip=H [item=value ...]
 *
 * Items before the colon are what differs from the standard state (record_standard()), those behind it what the
 * instruction changed. r0-r15, f (flags), cw sw tag mxcsr fop fip fdp, s0-s7 (se.mantissa), x0-x15 and y0-y15 (low and high
 * 16 bytes), g0-g5 (selectors by enum x86_segreg), fs and gs (bases), and bytes of memory by address. All hexadecimal.
 */
#ifndef TESTS_SILICON_RECORD_H
#define TESTS_SILICON_RECORD_H

#include "tests/silicon/silicon.h"

struct record {
	struct sil_case k;
	struct sil_result r;
	bool error_unknown;
	struct sil_window before, after;
};

/* A case runs: from before, which after is a copy of at first. */
typedef void (*record_run)(void *opaque, const struct record *in, struct sil_result *r, struct sil_window *after);

#define RECORD_LINE 65536u /* bytes of a line at most, with its end */

/* The word at *at, which moves behind it; NULL at the end of the text. Blanks and line ends part words. */
char *record_word(char **at);
/* The state that a record's items differ from; memory is zero. */
void record_standard(struct sil_state *s, bool c32);
/* The case's memory as the tester has it: the pattern, and what lies above it. */
void record_window(struct sil_window *w, const struct sil_window *pattern, const struct sil_case *k);
/* A line with its end. False: it does not fit. */
bool record_write(const struct record *c, FILE *f);
/* NULL, or what is wrong with the line, in words. */
const char *record_read(struct record *c, const char *line);
/* In our core, or on the host (opaque unused). */
void record_run_emul(void *emul, const struct record *in, struct sil_result *r, struct sil_window *after);
void record_run_native(void *unused, const struct record *in, struct sil_result *r, struct sil_window *after);
/*
 * Sets to their standard value all items that the result does not depend on, as run has it. The record's own result is
 * what run gives.
 */
void record_minimize(struct record *c, record_run run, void *opaque);

/* ---- replay.c ---- */

struct replay_totals {
	u64 cases, differences;
	u64 unmade; /* lines that make no case here */
};
/*
 * Replays a file in our core: records, or lines that the tester printed where ours differed from the host. Intel's must be
 * alike, AMD's ("vendor amd" on a line) as the table has them. Reports go to f. 0, or -errno.
 */
int replay_file(const char *path, u32 show, FILE *f, struct replay_totals *t);

#endif
