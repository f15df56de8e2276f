/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A font of 8 x 16 pixels for the text terminal, drawn for Paravane: ASCII, Latin-1, lines, blocks and arrows.
 */
#ifndef UI_FONT_H
#define UI_FONT_H

#include "base/types.h"

#define FONT_WIDTH 8u
#define FONT_HEIGHT 16u

/* The lines of a character's glyph from top to bottom, the leftmost pixel in bit 7. What the font lacks is a frame. */
void font_glyph(u32 ch, u8 rows[FONT_HEIGHT]);

#endif
