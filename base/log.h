/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages to people, and the trace log of -d, -dfilter and -D (QEMU's item names).
 *
 * A trace item costs one test of log->mask when off: use log_on() before building arguments. Nothing here changes a run.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdio.h>

#include "base/types.h"

enum log_item {
	LOG_IN_ASM = 1 << 0,       /* each block of guest code, disassembled, when it is first decoded */
	LOG_EXEC = 1 << 1,         /* each block as it is entered */
	LOG_INT = 1 << 2,          /* traps, exceptions and events delivered to the guest */
	LOG_HYPERCALL = 1 << 3,    /* hypercalls with arguments and results */
	LOG_GUEST_ERRORS = 1 << 4, /* what a guest asked for and was refused */
	LOG_CPU = 1 << 5,          /* registers at each block entry (with LOG_EXEC) */
	LOG_MMU = 1 << 6,          /* page faults; frames that become page tables or descriptors, and cease to be */
	LOG_XENSTORE = 1 << 7,     /* xenstore requests and replies */
	LOG_UNIMP = 1 << 8,        /* what we do not implement, once a guest asks for it */
	LOG_CONSOLE = 1 << 9,      /* what a guest writes to Xen's own console */
	LOG_ALL = (1 << 10) - 1,
	LOG_CODE = LOG_IN_ASM | LOG_EXEC | LOG_CPU /* items for which blocks must not be linked to each other */
};

/* A point of a run: none, so many ns of guest time, or so many instructions. */
struct log_moment {
	enum { LOG_MOMENT_NONE, LOG_MOMENT_TIME, LOG_MOMENT_ICOUNT } kind;
	u64 at;
};

/* What -d says. */
struct log_choice {
	u32 items; /* LOG_* */
	bool att;  /* syntax=att: disassembly as AT&T wrote it */
	struct log_moment from, to; /* lines at from and later, and before to */
};

#define LOG_RANGES 32u
struct log_range {
	u64 first, last;
};

struct log {
	u32 mask; /* LOG_* items wanted at this point of the run */
	struct log_choice want;
	struct log_range range[LOG_RANGES]; /* -dfilter */
	u32 nranges;
	FILE *out;  /* where trace items go; never NULL after log_init() */
	char *path; /* of the trace file, which may not have been made yet; NULL: standard error */
	bool failed; /* it could not be written, and the message about that has been printed */
	/* Where the run is, for the lines; NULL: lines have no count and time. */
	void (*clock)(const void *who, u64 *icount, u64 *now);
	const void *who;
	void (*code)(void *opaque);   /* items of LOG_CODE begin to be wanted; NULL is allowed */
	void *code_opaque;
	void (*before)(void *opaque); /* a line is about to go to standard error; NULL is allowed */
	void *before_opaque;
};

/* Name and help of one item, for -d help. A NULL name ends the table. */
struct log_item_desc {
	u32 bit;
	const char *name;
	const char *help;
};
extern const struct log_item_desc log_items[];

/* Starts with nothing wanted and stderr as the place. */
void log_init(struct log *log);
/*
 * Adds "int,hypercall,from=1.5,to=2s" to *c ("all" is every item). Returns 0, or -EINVAL with the first word that is not
 * understood copied to bad (badlen bytes, always terminated).
 */
int log_parse(const char *list, struct log_choice *c, char *bad, size_t badlen);
/*
 * Adds the ranges of "START+SIZE,START-SIZE,FIRST..LAST" (QEMU's -dfilter: sizes from START up, or up to it). Returns 0,
 * -EINVAL with the range that is none in bad, or -ENOSPC when there are more than LOG_RANGES.
 */
int log_add_ranges(struct log_range *range, u32 *n, const char *list, char *bad, size_t badlen);
/*
 * Traces what *c says from now on. The file is made when the first item is wanted: 0, or -errno when that fails
 * (log->path).
 */
int log_want(struct log *log, const struct log_choice *c);
/*
 * Writes the trace to a file of this name from now on, which is made or emptied. 0, or -errno: then nothing has
 * changed.
 */
int log_open(struct log *log, const char *path);
/* The same, but the file is made when something is wanted. 0 or -ENOMEM. */
int log_later(struct log *log, const char *path);
/* Closes the file. When something could not be written, a message says so. */
void log_close(struct log *log);
/*
 * Called by the scheduler before it runs a piece of a run: sets the mask to 0 when the piece lies outside of from= and
 * to=.
 */
void log_piece(struct log *log, u64 icount, u64 now, u64 instructions, u64 ns);

INLINE bool log_on(const struct log *log, u32 item)
{
	return UNLIKELY(log->mask & item);
}

/* Between from= and to=, and of an address that -dfilter lets through. For log_at() only. */
bool log_inside(const struct log *log, u64 va);

/* Whether a line of an item that belongs to the code at va is wanted at this instant. */
INLINE bool log_at(const struct log *log, u32 item, u64 va)
{
	return log_on(log, item) && log_inside(log, va);
}

/* Writes one trace line, with the instruction count and guest time before it, if the item is wanted at this instant. */
void log_line(struct log *log, u32 item, const char *fmt, ...) PRINTF(3, 4);
/* Begins and ends trace output of another form, to log->out. */
void log_begin(struct log *log);
void log_end(struct log *log);

/* A sentence to the person, on stderr, with the program's name before it. */
void msg_error(const char *fmt, ...) PRINTF(1, 2);
void msg_warn(const char *fmt, ...) PRINTF(1, 2);
void msg_info(const char *fmt, ...) PRINTF(1, 2);

/* An error sentence a function hands to its caller instead of printing it. */
struct error {
	char text[512];
};
/* Writes the sentence into e (NULL is allowed) and returns code, so that "return error_set(e, -EINVAL, ...)" reads well. */
int error_set(struct error *e, int code, const char *fmt, ...) PRINTF(3, 4);

#endif
