/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Draws the strip of snapshots and the words about them.
 */
#include "ui/strip_draw.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ui/font.h"

#define CELL_WIDTH 200u /* pixels a cell has at least, where the screen is wide enough */
#define COLUMNS_MAX 8u
#define GAP 8u
#define LINES_MAX 6u /* of a word */

enum { BACKGROUND = 0x20252b, EDGE = 0x5a6572, CHOSEN = 0x4f9bff, TEXT = 0xe8e8e8, DIM = 0xa0a8b0, EMPTY = 0x33393f };

static int make(struct surface *s, u32 w, u32 h)
{
	u32 *p = s->pixels;

	if (!p || s->width != w || s->height != h) {
		p = realloc(s->pixels, (size_t)w * h * sizeof *p);
		if (!p)
			return -ENOMEM;
	}
	*s = (struct surface){ w, h, w, p };
	return 0;
}

static void fill(struct surface *s, u32 x, u32 y, u32 w, u32 h, u32 colour)
{
	u32 i, k;

	for (i = y; i < y + h && i < s->height; i++)
		for (k = x; k < x + w && k < s->width; k++)
			s->pixels[(size_t)i * s->stride + k] = colour;
}

static void frame(struct surface *s, u32 x, u32 y, u32 w, u32 h, u32 thick, u32 colour)
{
	fill(s, x, y, w, thick, colour);
	fill(s, x, y + h - thick, w, thick, colour);
	fill(s, x, y, thick, h, colour);
	fill(s, x + w - thick, y, thick, h, colour);
}

/* At most n bytes of a text, as far as there is room for whole characters. All of it is ASCII, or shown as if it were. */
static void text(struct surface *s, u32 x, u32 y, const char *p, size_t n, u32 colour)
{
	u8 glyph[FONT_HEIGHT];
	u32 i, k;

	for (; n && *p && x + FONT_WIDTH <= s->width; n--, p++, x += FONT_WIDTH) {
		font_glyph((u8)*p, glyph);
		for (i = 0; i < FONT_HEIGHT && y + i < s->height; i++)
			for (k = 0; k < FONT_WIDTH; k++)
				if (glyph[i] >> (7 - k) & 1)
					s->pixels[(size_t)(y + i) * s->stride + x + k] = colour;
	}
}

/* The mean of a part of a picture, at least a pixel. */
static u32 mean(const struct surface *p, u32 x, u32 y, u32 right, u32 bottom)
{
	u32 r = 0, g = 0, b = 0, n = 0, i, k;

	for (i = y; i < MAX(bottom, y + 1); i++)
		for (k = x; k < MAX(right, x + 1); k++, n++) {
			u32 c = p->pixels[(size_t)i * p->stride + k];

			r += c >> 16 & 255;
			g += c >> 8 & 255;
			b += c & 255;
		}
	return r / n << 16 | g / n << 8 | b / n;
}

/* A picture in a box, as large as it fits there and in its own proportions. */
static void picture(struct surface *s, u32 x, u32 y, u32 w, u32 h, const struct surface *p)
{
	u32 pw = w, ph = (u32)((u64)p->height * w / p->width), i, k;

	if (ph > h) {
		ph = h;
		pw = (u32)((u64)p->width * h / p->height);
	}
	pw = MAX(pw, 1u);
	ph = MAX(ph, 1u);
	x += (w - pw) / 2;
	y += (h - ph) / 2;
	for (i = 0; i < ph && y + i < s->height; i++)
		for (k = 0; k < pw && x + k < s->width; k++)
			s->pixels[(size_t)(y + i) * s->stride + x + k] = mean(p, k * p->width / pw, i * p->height / ph,
									       (k + 1) * p->width / pw, (i + 1) * p->height / ph);
}

u32 strip_columns(u32 width)
{
	return MIN(MAX(width / CELL_WIDTH, 1u), COLUMNS_MAX);
}

static void draw_cell(struct surface *s, u32 x, u32 y, u32 w, u32 h, const struct strip_cell *c, bool chosen)
{
	const char *note = c->waits ? "..." : "no picture";
	size_t room = w / FONT_WIDTH;

	fill(s, x, y, w, h, EMPTY);
	if (c->picture && c->picture->s.pixels)
		picture(s, x, y, w, h, &c->picture->s);
	else
		text(s, x + (w - MIN(w, (u32)strlen(note) * FONT_WIDTH)) / 2, y + h / 2 - FONT_HEIGHT / 2, note, room, DIM);
	frame(s, x - 3, y - 3, w + 6, h + 6, chosen ? 3 : 1, chosen ? CHOSEN : EDGE);
	text(s, x, y + h + 6, c->name, room, chosen ? TEXT : DIM);
	text(s, x, y + h + 6 + FONT_HEIGHT, c->date, room, chosen ? TEXT : DIM);
}

int strip_draw_band(struct surface *s, u32 width, u32 height, const char *const lines[2], const struct strip_cell *cell, u32 n, u32 chosen)
{
	u32 column = width / strip_columns(width), w = MAX(column, 4 * GAP) - 2 * GAP, h = w * 3 / 4, top = 2 * FONT_HEIGHT + 2 * GAP, i;
	u32 all = MIN(top + GAP + h + 6 + 2 * FONT_HEIGHT + GAP, height);

	if (make(s, width, all))
		return -ENOMEM;
	fill(s, 0, 0, width, all, BACKGROUND);
	fill(s, 0, 0, width, 1, EDGE);
	text(s, GAP, GAP, lines[0], SIZE_MAX, TEXT);
	text(s, GAP, GAP + FONT_HEIGHT, lines[1], SIZE_MAX, DIM);
	for (i = 0; i < n; i++)
		draw_cell(s, i * column + GAP, top + GAP, w, h, &cell[i], i == chosen);
	return 0;
}

/* The bytes of a text's next line, when there is room for so many characters: broken at a blank if there is one. */
static size_t line_length(const char *p, size_t room)
{
	size_t n = strlen(p);

	if (n <= room)
		return n;
	for (n = room; n && p[n] != ' '; n--)
		;
	return n ? n : room;
}

int strip_draw_word(struct surface *s, u32 width, const char *words)
{
	size_t room = MAX(width, 4 * GAP) / FONT_WIDTH - 2, longest = 0, n;
	const char *p;
	u32 lines = 0;

	for (p = words; *p && lines < LINES_MAX; lines++) {
		n = line_length(p, room);
		longest = MAX(longest, n);
		p += n;
		p += *p == ' ';
	}
	if (make(s, (u32)longest * FONT_WIDTH + 2 * GAP, lines * FONT_HEIGHT + 2 * GAP))
		return -ENOMEM;
	fill(s, 0, 0, s->width, s->height, BACKGROUND);
	frame(s, 0, 0, s->width, s->height, 1, EDGE);
	for (p = words, lines = 0; *p && lines < LINES_MAX; lines++) {
		n = line_length(p, room);
		text(s, GAP, GAP + lines * FONT_HEIGHT, p, n, TEXT);
		p += n;
		p += *p == ' ';
	}
	return 0;
}
