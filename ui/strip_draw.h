/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What ui/strip.c shows, as pixels: a word, or a band with pictures. It knows nothing of files and guests.
 */
#ifndef UI_STRIP_DRAW_H
#define UI_STRIP_DRAW_H

#include "hw/host/display/display.h"

/* A picture with two lines below it. */
struct strip_cell {
	const struct picture *picture; /* s.pixels NULL: there is none */
	char name[80], date[40];
	bool waits; /* it is still being read */
};

/* How many cells of a strip are side by side on a screen of this width. */
u32 strip_columns(u32 width);
/*
 * The band for a screen of width x height, into s, whose pixels are made and freed as its size demands: two lines of text above n
 * cells, at most strip_columns() of them, of which one is chosen. 0 or -ENOMEM.
 */
int strip_draw_band(struct surface *s, u32 width, u32 height, const char *const text[2], const struct strip_cell *cell, u32 n, u32 chosen);
/* A sentence in a box, in as many lines as it takes. 0 or -ENOMEM. */
int strip_draw_word(struct surface *s, u32 width, const char *text);

#endif
