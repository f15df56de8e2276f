/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Listens to what a guest says on its console, for the line that tells why its kernel died.
 */
#ifndef GUEST_PANIC_H
#define GUEST_PANIC_H

#include "base/types.h"

#define PANIC_LINE 200u

/* All zero: nothing was heard. */
struct panic_watch {
	char line[PANIC_LINE]; /* that is being said */
	u32 len;
	char oops[PANIC_LINE];  /* the latest line that tells of an oops, a BUG or the like; "": none */
	char panic[PANIC_LINE]; /* ... of a panic */
};

/* The guest said that. */
void panic_said(struct panic_watch *w, const u8 *p, size_t n);
/* The one line about the guest's end, for the end of a report: text, or "" when the guest said nothing of the kind. */
void panic_describe(const struct panic_watch *w, char *text, size_t size);

#endif
