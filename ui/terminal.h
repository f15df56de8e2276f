/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The text terminal: what the guest writes to its console, drawn on a display as a screen of 80 x 25, with scrollback;
 * and the keys that are typed there. The escape sequences (xterm's) are libvterm's work.
 */
#ifndef UI_TERMINAL_H
#define UI_TERMINAL_H

#include "hw/host/display/display.h"
#include "hw/host/display/keys.h"

#define TERMINAL_COLUMNS 80u
#define TERMINAL_LINES 25u
#define TERMINAL_SCROLLBACK 1000u /* lines */

struct terminal;

struct terminal_setup {
	struct display *display;
	u32 slot;
	const char *name;
	const struct keymap *keymap;
	/* Bytes for the guest: what is typed. */
	void (*typed)(void *opaque, const u8 *p, size_t n);
	void *opaque;
	/* Also the answers to a guest that asks the terminal what it is: not when another terminal answers too. */
	bool answers;
};

/* False in a build without libvterm: then terminal_new() has nothing to give. */
bool terminal_available(void);
/* NULL when memory is short or the slot is taken. */
struct terminal *terminal_new(const struct terminal_setup *setup);
/* NULL is allowed. */
void terminal_free(struct terminal *t);
/* The guest's output. */
void terminal_write(struct terminal *t, const u8 *p, size_t n);
/* As after power on. */
void terminal_reset(struct terminal *t);
/* The text of a line of the screen, without the blanks at its end, cut to n bytes of UTF-8. */
void terminal_line(struct terminal *t, u32 line, char *out, size_t n);

#endif
