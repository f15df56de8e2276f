/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages to people, and the trace log of -d and -D (QEMU's item names).
 *
 * A trace item costs one test of log->mask when off: use log_on() before building arguments.
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
	LOG_MMU = 1 << 6,          /* page faults and page-type changes */
	LOG_XENSTORE = 1 << 7,     /* xenstore requests and replies */
	LOG_UNIMP = 1 << 8,        /* what we do not implement, once a guest asks for it */
	LOG_CONSOLE = 1 << 9,      /* what a guest writes to Xen's own console */
	LOG_ALL = (1 << 10) - 1
};

struct log {
	u32 mask;  /* LOG_* items wanted */
	FILE *out; /* where trace items go; never NULL after log_init() */
	bool owned;
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
 * Parses "int,hypercall" into *mask ("all" is every item). Returns 0, or -EINVAL with the first unknown
 * word copied to bad (badlen bytes, always terminated).
 */
int log_parse(const char *list, u32 *mask, char *bad, size_t badlen);
/* Opens path for the trace. Returns 0 or -errno. */
int log_open(struct log *log, const char *path);
void log_close(struct log *log);

INLINE bool log_on(const struct log *log, u32 item)
{
	return UNLIKELY(log->mask & item);
}

/* Writes one trace line if the item is wanted. */
void log_line(struct log *log, u32 item, const char *fmt, ...) PRINTF(3, 4);

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
