/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Line editing (the keys of GNU readline's emacs mode; ECMA-48 sequences). 79 columns of a line are shown, those around
 * the cursor. Left out: Ctrl-R, moves by words, undo, the terminal's real width.
 */
#include "ui/lineedit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS 79u
#define CANDIDATES 256u
#define CTRL(c) ((c) & 31)

enum escape { ESC_NONE, ESC_BEGUN, ESC_CSI, ESC_SS3 };

struct line_edit {
	const struct line_ops *ops;
	void *opaque;
	char prompt[32];
	bool terminal;
	bool long_line; /* too long already: the rest is thrown away */
	bool after_cr;  /* a line feed is part of it */
	enum escape esc;
	u32 esc_num;
	u32 len, at;
	char text[LINE_BYTES + 1];
	char killed[LINE_BYTES + 1];
	char *history[LINE_HISTORY]; /* the oldest first */
	u32 nhistory, place;         /* the line shown; nhistory: one's own */
	char *own;                   /* what was being typed when the history was entered */
	char *found[CANDIDATES];
	u32 nfound;
	char word[LINE_BYTES + 1]; /* that is being completed */
};

static void put(struct line_edit *le, const char *p, size_t n)
{
	if (n)
		le->ops->out(le->opaque, p, n);
}

static void puts_(struct line_edit *le, const char *s)
{
	put(le, s, strlen(s));
}

/* Bytes that take no column of their own: the rest of a UTF-8 character. */
static bool goes_on(char c)
{
	return ((u8)c & 0xc0) == 0x80;
}

static u32 columns(const char *p, u32 n)
{
	u32 i, k = 0;

	for (i = 0; i < n; i++)
		k += !goes_on(p[i]);
	return k;
}

struct line_edit *line_new(const struct line_ops *ops, void *opaque, const char *prompt, bool terminal)
{
	struct line_edit *le = calloc(1, sizeof *le);

	if (!le)
		return NULL;
	le->ops = ops;
	le->opaque = opaque;
	snprintf(le->prompt, sizeof le->prompt, "%s", prompt);
	le->terminal = terminal;
	return le;
}

static void forget_candidates(struct line_edit *le)
{
	while (le->nfound)
		free(le->found[--le->nfound]);
}

void line_free(struct line_edit *le)
{
	if (!le)
		return;
	forget_candidates(le);
	while (le->nhistory)
		free(le->history[--le->nhistory]);
	free(le->own);
	free(le);
}

static void clear(struct line_edit *le)
{
	le->len = le->at = 0;
	le->text[0] = 0;
	le->long_line = false;
	le->esc = ESC_NONE;
	le->place = le->nhistory;
	free(le->own);
	le->own = NULL;
}

void line_reset(struct line_edit *le, bool terminal)
{
	clear(le);
	le->after_cr = false;
	le->terminal = terminal;
}

const char *line_history(const struct line_edit *le, u32 i)
{
	return i < le->nhistory ? le->history[i] : NULL;
}

/* ---- what is seen ------------------------------------------------------------------------------------------------ */

void line_show(struct line_edit *le)
{
	u32 room = COLUMNS - (u32)strlen(le->prompt), start, end, seen, back;
	char move[16];

	if (!le->terminal) {
		puts_(le, le->prompt);
		return;
	}
	/* The window begins so that the cursor is in it. */
	for (start = le->at, seen = 0; start && (seen < room - 1 || goes_on(le->text[start])); start--)
		seen += !goes_on(le->text[start - 1]);
	for (end = start, seen = 0; end < le->len && (seen < room || goes_on(le->text[end])); end++)
		seen += !goes_on(le->text[end]);
	puts_(le, "\r");
	puts_(le, le->prompt);
	put(le, le->text + start, end - start);
	puts_(le, "\033[K");
	back = columns(le->text + le->at, end > le->at ? end - le->at : 0);
	if (back) {
		snprintf(move, sizeof move, "\033[%uD", back);
		puts_(le, move);
	}
}

/* ---- the text ---------------------------------------------------------------------------------------------------- */

static void insert(struct line_edit *le, const char *p, u32 n)
{
	if (le->len + n > LINE_BYTES) {
		puts_(le, "\a");
		return;
	}
	memmove(le->text + le->at + n, le->text + le->at, le->len - le->at);
	memcpy(le->text + le->at, p, n);
	le->len += n;
	le->at += n;
	le->text[le->len] = 0;
}

/* Takes [from, to) out; keep: it can be put back with Ctrl-Y. */
static void cut(struct line_edit *le, u32 from, u32 to, bool keep)
{
	if (from == to)
		return;
	if (keep) {
		memcpy(le->killed, le->text + from, to - from);
		le->killed[to - from] = 0;
	}
	memmove(le->text + from, le->text + to, le->len - to);
	le->len -= to - from;
	le->at = from;
	le->text[le->len] = 0;
}

static u32 left_of(const struct line_edit *le, u32 at)
{
	if (at)
		at--;
	while (at && goes_on(le->text[at]))
		at--;
	return at;
}

static u32 right_of(const struct line_edit *le, u32 at)
{
	if (at < le->len)
		at++;
	while (at < le->len && goes_on(le->text[at]))
		at++;
	return at;
}

static u32 word_start(const struct line_edit *le)
{
	u32 at = le->at;

	while (at && le->text[at - 1] == ' ')
		at--;
	while (at && le->text[at - 1] != ' ')
		at--;
	return at;
}

/* ---- history ----------------------------------------------------------------------------------------------------- */

static void remember(struct line_edit *le)
{
	char *copy;

	if (!le->len || (le->nhistory && !strcmp(le->history[le->nhistory - 1], le->text)))
		return;
	copy = strdup(le->text);
	if (!copy)
		return;
	if (le->nhistory == LINE_HISTORY) {
		free(le->history[0]);
		memmove(le->history, le->history + 1, (LINE_HISTORY - 1) * sizeof *le->history);
		le->nhistory--;
	}
	le->history[le->nhistory++] = copy;
}

static void go_to(struct line_edit *le, u32 place)
{
	const char *t;

	if (place > le->nhistory || place == le->place)
		return;
	if (le->place == le->nhistory) {
		free(le->own);
		le->own = strdup(le->text);
	}
	le->place = place;
	t = place < le->nhistory ? le->history[place] : le->own ? le->own : "";
	le->len = le->at = (u32)strlen(t);
	memcpy(le->text, t, le->len + 1);
}

/* ---- completion -------------------------------------------------------------------------------------------------- */

void line_candidate(struct line_edit *le, const char *word)
{
	u32 i;

	if (strncmp(word, le->word, strlen(le->word)) || le->nfound == CANDIDATES)
		return;
	for (i = 0; i < le->nfound; i++)
		if (!strcmp(le->found[i], word))
			return;
	le->found[le->nfound] = strdup(word);
	if (le->found[le->nfound])
		le->nfound++;
}

static void list_candidates(struct line_edit *le)
{
	u32 i, width = 0, at = 0;

	for (i = 0; i < le->nfound; i++)
		width = MAX(width, (u32)strlen(le->found[i]) + 2);
	width = MIN(width, COLUMNS);
	puts_(le, "\n");
	for (i = 0; i < le->nfound; i++) {
		char cell[COLUMNS + 1];

		if (at && at + width > COLUMNS) {
			puts_(le, "\n");
			at = 0;
		}
		snprintf(cell, sizeof cell, "%-*.*s", (int)width, (int)COLUMNS, le->found[i]);
		puts_(le, cell);
		at += width;
	}
	puts_(le, "\n");
}

static void complete(struct line_edit *le)
{
	char text[LINE_BYTES + 1];
	u32 start, have, n, i;

	memcpy(text, le->text, le->at);
	text[le->at] = 0;
	for (start = le->at; start && text[start - 1] != ' '; start--)
		;
	have = le->at - start;
	memcpy(le->word, text + start, have + 1);
	le->ops->complete(le->opaque, le, text);
	if (!le->nfound) {
		puts_(le, "\a");
		return;
	}
	n = (u32)strlen(le->found[0]);
	for (i = 1; i < le->nfound; i++) {
		u32 k = 0;

		while (k < n && le->found[i][k] == le->found[0][k])
			k++;
		n = k;
	}
	if (n > have)
		insert(le, le->found[0] + have, n - have);
	/* The end of a directory, or of "key=", is not the end of the word. */
	if (le->nfound == 1 && n && le->found[0][n - 1] != '/' && le->found[0][n - 1] != '=')
		insert(le, " ", 1);
	else if (le->nfound > 1 && n <= have)
		list_candidates(le);
	forget_candidates(le);
}

/* ---- keys -------------------------------------------------------------------------------------------------------- */

static void end_line(struct line_edit *le)
{
	char line[LINE_BYTES + 1];
	bool bad = le->long_line;

	if (le->terminal) {
		le->at = le->len;
		puts_(le, "\n");
		remember(le);
	}
	memcpy(line, le->text, le->len + 1);
	clear(le);
	if (bad)
		le->ops->too_long(le->opaque);
	else
		le->ops->line(le->opaque, line);
}

static void csi_key(struct line_edit *le, u8 c)
{
	if (c >= '0' && c <= '9') {
		le->esc_num = MIN(le->esc_num * 10 + (c - '0'), 1000u);
		return;
	}
	if (c == ';')
		return;
	le->esc = ESC_NONE;
	switch (c) {
	case 'A':
		if (le->place)
			go_to(le, le->place - 1);
		break;
	case 'B':
		go_to(le, le->place + 1);
		break;
	case 'C':
		le->at = right_of(le, le->at);
		break;
	case 'D':
		le->at = left_of(le, le->at);
		break;
	case 'H':
		le->at = 0;
		break;
	case 'F':
		le->at = le->len;
		break;
	case '~':
		if (le->esc_num == 1 || le->esc_num == 7)
			le->at = 0;
		else if (le->esc_num == 4 || le->esc_num == 8)
			le->at = le->len;
		else if (le->esc_num == 3)
			cut(le, le->at, right_of(le, le->at), false);
		break;
	default:
		return;
	}
	line_show(le);
}

static void control_key(struct line_edit *le, u8 c)
{
	switch (c) {
	case CTRL('A'):
		le->at = 0;
		break;
	case CTRL('B'):
		le->at = left_of(le, le->at);
		break;
	case CTRL('C'):
		puts_(le, "^C\n");
		clear(le);
		break;
	case CTRL('D'):
		cut(le, le->at, right_of(le, le->at), false);
		break;
	case CTRL('E'):
		le->at = le->len;
		break;
	case CTRL('F'):
		le->at = right_of(le, le->at);
		break;
	case CTRL('H'):
	case 127:
		cut(le, left_of(le, le->at), le->at, false);
		break;
	case CTRL('I'):
		complete(le);
		break;
	case CTRL('K'):
		cut(le, le->at, le->len, true);
		break;
	case CTRL('L'):
		puts_(le, "\033[H\033[2J");
		break;
	case CTRL('N'):
		go_to(le, le->place + 1);
		break;
	case CTRL('P'):
		if (le->place)
			go_to(le, le->place - 1);
		break;
	case CTRL('U'):
		cut(le, 0, le->at, true);
		break;
	case CTRL('W'):
		cut(le, word_start(le), le->at, true);
		break;
	case CTRL('Y'):
		insert(le, le->killed, (u32)strlen(le->killed));
		break;
	case 27:
		le->esc = ESC_BEGUN;
		return;
	default:
		return;
	}
	line_show(le);
}

static void plain_byte(struct line_edit *le, u8 c)
{
	if (le->len == LINE_BYTES) {
		le->long_line = true;
		return;
	}
	le->text[le->len++] = (char)(c ? c : ' ');
	le->text[le->len] = 0;
	le->at = le->len;
}

void line_byte(struct line_edit *le, u8 c)
{
	char ch = (char)c;
	bool lf_of_cr = c == '\n' && le->after_cr;

	le->after_cr = c == '\r';
	if (c == '\r' || c == '\n') {
		if (!lf_of_cr)
			end_line(le);
		return;
	}
	if (!le->terminal) {
		plain_byte(le, c);
		return;
	}
	if (le->esc == ESC_BEGUN) {
		le->esc = c == '[' ? ESC_CSI : c == 'O' ? ESC_SS3 : ESC_NONE;
		le->esc_num = 0;
	} else if (le->esc == ESC_CSI || le->esc == ESC_SS3) {
		csi_key(le, c);
	} else if (c < 32 || c == 127) {
		control_key(le, c);
	} else {
		insert(le, &ch, 1);
		/* At the end of a short line the letter is all there is to show. */
		if (le->at == le->len && columns(le->text, le->len) + strlen(le->prompt) < COLUMNS)
			put(le, &ch, 1);
		else
			line_show(le);
	}
}
