/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finds the lines of panics and oopses on a guest's console: Linux's, and the like of BSD's and other kernels.
 */
#include "guest/panic.h"

#include <stdio.h>
#include <string.h>

/* "[   12.345678] ", perhaps with "[T1]" or the like behind it. */
static const char *skip_stamp(const char *s)
{
	while (*s == ' ' || *s == '[') {
		const char *end = *s == '[' ? strchr(s, ']') : s;

		if (!end)
			break;
		s = end + 1;
	}
	return s;
}

static bool begins(const char *s, const char *what)
{
	return !strncmp(s, what, strlen(what));
}

static void end_line(struct panic_watch *w)
{
	static const char *const oops[] = { "BUG: ", "Oops: ", "Unable to handle kernel", "general protection fault", "kernel BUG at",
					    "divide error:", "invalid opcode:", "stack segment:", "Internal error: Oops" };
	static const char *const panic[] = { "Kernel panic - not syncing", "panic: ", "Panic: ", "PANIC: ", "panic(" };
	const char *s;
	size_t i;

	w->line[w->len] = 0;
	w->len = 0;
	s = skip_stamp(w->line);
	for (i = 0; i < ARRAY_SIZE(panic); i++)
		if (begins(s, panic[i]))
			snprintf(w->panic, sizeof w->panic, "%s", s);
	for (i = 0; i < ARRAY_SIZE(oops); i++) {
		if (!begins(s, oops[i]))
			continue;
		/* "Oops: 0002 [#1]" follows the line that says what it was. */
		if (!begins(s, "Oops: ") || !*w->oops || *w->panic)
			snprintf(w->oops, sizeof w->oops, "%s", s);
		/* Whoever goes on after a panic is another kernel. */
		w->panic[0] = 0;
	}
}

void panic_said(struct panic_watch *w, const u8 *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (p[i] == '\n' || p[i] == '\r')
			end_line(w);
		else if (w->len < PANIC_LINE - 1)
			/* What a terminal would take for a command must not get into a report. */
			w->line[w->len++] = (char)(p[i] >= ' ' && p[i] < 127 ? p[i] : '?');
	}
}

void panic_describe(const struct panic_watch *w, char *text, size_t size)
{
	struct panic_watch last = *w;

	/* The guest may have died in the middle of its last line. */
	if (last.len)
		end_line(&last);
	text[0] = 0;
	if (*last.panic && *last.oops)
		snprintf(text, size, "guest panicked: %s (after: %s)", last.panic, last.oops);
	else if (*last.panic || *last.oops)
		snprintf(text, size, "guest panicked: %s", *last.panic ? last.panic : last.oops);
}
