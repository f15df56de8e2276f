/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Watches a guest's console for the line in which its kernel tells why it died: Linux's panics and oopses, and those of
 * others.
 */
#ifndef GUEST_PANIC_H
#define GUEST_PANIC_H

#include "base/types.h"

#define PANIC_LINE 200u

/* All zero at the start of a life. */
struct panic_watch {
	char line[PANIC_LINE]; /* the one being written */
	u32 len;
	char oops[PANIC_LINE];  /* the latest line that tells of an oops, a BUG or the like; "": none */
	char panic[PANIC_LINE]; /* ... of a panic */
};

/* The guest's output. */
void panic_said(struct panic_watch *w, const u8 *p, size_t n);
/* A line for the end of a crash report, cut to size bytes; "" when the kernel wrote nothing of the kind. */
void panic_describe(const struct panic_watch *w, char *text, size_t size);

#endif
