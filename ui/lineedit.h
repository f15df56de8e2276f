/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lines typed by a person or sent by a program: on a terminal with editing, history and completion, else as they come.
 * Bytes go in, lines and bytes for the screen come out; nothing here knows where from and where to.
 */
#ifndef UI_LINEEDIT_H
#define UI_LINEEDIT_H

#include "base/types.h"

#define LINE_BYTES 4095u  /* of a line; longer ones are refused whole */
#define LINE_HISTORY 100u /* lines */

struct line_edit;

struct line_ops {
	void (*out)(void *opaque, const char *p, size_t n);
	/* A line is complete. */
	void (*line)(void *opaque, const char *line);
	/* A line was longer than LINE_BYTES. */
	void (*too_long)(void *opaque);
	/* Tab: hand what could stand for the last word of text to line_candidate(). */
	void (*complete)(void *opaque, struct line_edit *le, const char *text);
};

/* terminal: what is typed is shown, and keys edit. NULL when memory is short. */
struct line_edit *line_new(const struct line_ops *ops, void *opaque, const char *prompt, bool terminal);
void line_free(struct line_edit *le);
/* Another peer: forgets what was typed so far, not the history. */
void line_reset(struct line_edit *le, bool terminal);
/* Shows the prompt, and what has been typed. */
void line_show(struct line_edit *le);
/* One byte of input. */
void line_byte(struct line_edit *le, u8 c);
/* A word that fits; those that do not begin as the last word of text are ignored. */
void line_candidate(struct line_edit *le, const char *word);
/* Line i of the history, 0 the oldest, or NULL. */
const char *line_history(const struct line_edit *le, u32 i);

#endif
