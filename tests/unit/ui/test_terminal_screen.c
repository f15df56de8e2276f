/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The text terminal on a screen: what is written is seen, what is typed is sent. And its font.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/suites.h"
#include "ui/font.h"
#include "ui/terminal.h"

struct rig {
	struct poll_set *poll;
	struct display *d;
	struct terminal *t;
	char typed[256];
	u32 n;
};

static void on_typed(void *opaque, const u8 *p, size_t n)
{
	struct rig *r = opaque;

	ck_assert_uint_lt(r->n + n, sizeof r->typed);
	memcpy(r->typed + r->n, p, n);
	r->n += (u32)n;
	r->typed[r->n] = 0;
}

static struct rig *rig_new(bool answers)
{
	struct rig *r = calloc(1, sizeof *r);
	struct terminal_setup s = { .slot = 1, .name = "console", .keymap = keymap_find(NULL), .typed = on_typed, .opaque = r,
				    .answers = answers };

	r->poll = poll_set_new();
	s.display = r->d = display_new(r->poll);
	r->t = terminal_new(&s);
	return r;
}

static void rig_free(struct rig *r)
{
	terminal_free(r->t);
	display_free(r->d);
	poll_set_free(r->poll);
	free(r);
}

static void put(struct rig *r, const char *text)
{
	terminal_write(r->t, (const u8 *)text, strlen(text));
}

static const char *line(struct rig *r, u32 n)
{
	static char text[400];

	terminal_line(r->t, n, text, sizeof text);
	return text;
}

/* The bytes of a picture of the screen. */
static const u8 *picture(void)
{
	static u8 file[640 * 400 * 3 + 16];
	FILE *f = fopen("terminal-screen.ppm", "rb");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fread(file, 1, sizeof file, f), 640 * 400 * 3 + 15);
	fclose(f);
	remove("terminal-screen.ppm");
	return file + 15;
}

static const u8 *look(struct rig *r)
{
	ck_assert_int_eq(display_screendump(r->d, 1, "terminal-screen.ppm", SCREENDUMP_AUTO, NULL), 0);
	return picture();
}

/* Whether a cell shows exactly this character in these colours. */
static bool shows(const u8 *p, u32 row, u32 col, u32 ch, u32 fg, u32 bg)
{
	u8 glyph[FONT_HEIGHT];
	u32 x, y;

	font_glyph(ch, glyph);
	for (y = 0; y < FONT_HEIGHT; y++)
		for (x = 0; x < FONT_WIDTH; x++) {
			const u8 *q = p + ((row * FONT_HEIGHT + y) * 640 + col * FONT_WIDTH + x) * 3;
			u32 c = (u32)q[0] << 16 | (u32)q[1] << 8 | q[2];

			if (c != (glyph[y] >> (7 - x) & 1 ? fg : bg))
				return false;
		}
	return true;
}

START_TEST(writing)
{
	struct rig *r = rig_new(false);
	const u8 *p;

	if (!r->t) {
		ck_assert(!terminal_available());
		rig_free(r);
		return;
	}
	put(r, "hello \xc3\xa9\r\n\x1b[31;44mX\x1b[0m \x1b[7mY\x1b[0m");
	ck_assert_str_eq(line(r, 0), "hello \xc3\xa9");
	ck_assert_str_eq(line(r, 1), "X Y");
	p = look(r);
	ck_assert(shows(p, 0, 0, 'h', 0xc0c0c0, 0));
	ck_assert(shows(p, 0, 6, 0xe9, 0xc0c0c0, 0));
	ck_assert(shows(p, 1, 0, 'X', 0xe00000, 0x0000e0));
	ck_assert(shows(p, 1, 2, 'Y', 0, 0xc0c0c0));
	ck_assert(shows(p, 1, 3, ' ', 0, 0xc0c0c0)); /* the cursor */
	put(r, "\x1b[?25l\x1b[2;1HZ");
	p = look(r);
	ck_assert(shows(p, 1, 0, 'Z', 0xc0c0c0, 0));
	ck_assert(shows(p, 1, 3, ' ', 0xc0c0c0, 0));
	/* A guest that asks is answered only when no other terminal does it. */
	put(r, "\x1b[6n\x1b[c");
	ck_assert_str_eq(r->typed, "");
	rig_free(r);
	r = rig_new(true);
	put(r, "ab\x1b[6n");
	ck_assert_str_eq(r->typed, "\x1b[1;3R");
	terminal_reset(r->t);
	ck_assert_str_eq(line(r, 0), "");
	rig_free(r);
}
END_TEST

static void key(struct rig *r, u32 code, u32 ch)
{
	display_key(r->d, code, ch, true);
	display_key(r->d, code, ch, false);
}

START_TEST(typing)
{
	struct rig *r = rig_new(false);

	if (!r->t) {
		rig_free(r);
		return;
	}
	key(r, KEY_A, 0);
	key(r, KEY_A, 'q');
	key(r, KEY_A, DISPLAY_NO_CHAR);
	key(r, 0, 0x20ac);
	display_key(r->d, KEY_LEFTSHIFT, 0, true);
	key(r, KEY_2, 0);
	key(r, KEY_ENTER, 0);
	display_key(r->d, KEY_LEFTSHIFT, 0, false);
	display_key(r->d, KEY_LEFTCTRL, 0, true);
	key(r, KEY_C, 0);
	key(r, KEY_C, 'c');
	display_key(r->d, KEY_LEFTCTRL, 0, false);
	display_key(r->d, KEY_LEFTALT, 0, true);
	key(r, KEY_X, 'x');
	display_key(r->d, KEY_LEFTALT, 0, false);
	key(r, KEY_BACKSPACE, 0);
	key(r, KEY_UP, 0);
	key(r, KEY_KP5, 0);
	key(r, KEY_F5, 0);
	ck_assert_str_eq(r->typed, "aq\xe2\x82\xac@\r\x03\x03\x1bx\x7f\x1b[A5\x1b[15~");
	/* Application mode of the cursor keys. */
	r->n = 0;
	put(r, "\x1b[?1h");
	key(r, KEY_UP, 0);
	ck_assert_str_eq(r->typed, "\x1bOA");
	rig_free(r);
}
END_TEST

START_TEST(scrolling)
{
	struct rig *r = rig_new(false);
	struct pointer_event wheel = { .absolute = true, .wheel = 100 };
	char text[32];
	u32 i;

	if (!r->t) {
		rig_free(r);
		return;
	}
	put(r, "\x1b[?25l");
	for (i = 0; i < 2000; i++) {
		snprintf(text, sizeof text, "%c%u\r\n", 'a' + i % 26, i);
		put(r, text);
	}
	ck_assert(shows(look(r), 0, 0, 'a' + 1976 % 26, 0xc0c0c0, 0));
	display_key(r->d, KEY_RIGHTSHIFT, 0, true);
	key(r, KEY_PAGEUP, 0);
	ck_assert(shows(look(r), 0, 0, 'a' + 1964 % 26, 0xc0c0c0, 0));
	/* What comes does not move what is read. */
	put(r, "more\r\n");
	ck_assert(shows(look(r), 0, 0, 'a' + 1964 % 26, 0xc0c0c0, 0));
	for (i = 0; i < 20; i++)
		display_pointer(r->d, &wheel);
	ck_assert(shows(look(r), 0, 0, 'a' + (1977 - TERMINAL_SCROLLBACK) % 26, 0xc0c0c0, 0));
	key(r, KEY_PAGEDOWN, 0);
	display_key(r->d, KEY_RIGHTSHIFT, 0, false);
	ck_assert_str_eq(r->typed, "");
	/* A key brings the end back. */
	key(r, KEY_Z, 0);
	ck_assert(shows(look(r), 23, 0, 'm', 0xc0c0c0, 0));
	rig_free(r);
}
END_TEST

START_TEST(anything)
{
	struct rig *r = rig_new(true);
	static u8 b[20000];
	u32 i, seed = 1;

	if (!r->t) {
		rig_free(r);
		return;
	}
	for (i = 0; i < sizeof b; i++) {
		seed = seed * 1103515245 + 12345;
		b[i] = (u8)(seed >> 16);
		if (seed >> 28 == 3)
			b[i] = 0x1b;
		else if (seed >> 28 == 4)
			b[i] = '[';
		else if (seed >> 29 == 1)
			b[i] = (u8)('0' + b[i] % 12);
	}
	for (i = 0; i + 100 < sizeof b; i += 100) {
		r->n = 0;
		terminal_write(r->t, b + i, 100);
		if (i % 1000 == 0)
			look(r);
	}
	rig_free(r);
}
END_TEST

START_TEST(font)
{
	u8 all[0x180][FONT_HEIGHT], frame[FONT_HEIGHT], g[FONT_HEIGHT];
	u32 c, d, i, same = 0, empty = 0, lacking = 0;

	font_glyph(0xe000, frame);
	for (c = 0; c < 0x180; c++)
		font_glyph(c < 0x100 ? c : 0x2500 + c - 0x100, all[c]);
	for (c = '!'; c < 0x100; c++) {
		u32 ink = 0;

		if (c >= 0x7f && c <= 0xa0)
			continue;
		for (i = 0; i < FONT_HEIGHT; i++)
			ink |= all[c][i];
		empty += !ink;
		lacking += !memcmp(all[c], frame, FONT_HEIGHT);
		for (d = c + 1; d < 0x100; d++)
			if (!(d >= 0x7f && d <= 0xa0) && d != 0xad && !memcmp(all[c], all[d], FONT_HEIGHT)) {
				printf("U+%04x and U+%04x look alike\n", c, d);
				same++;
			}
	}
	ck_assert_uint_eq(empty + lacking + same, 0);
	/* Lines meet at the edges of cells. */
	for (i = 0, font_glyph(0x2502, g); i < FONT_HEIGHT; i++)
		lacking += g[i] != 0x10;
	font_glyph(0x253c, g);
	lacking += g[0] != 0x10 || g[15] != 0x10 || g[7] != 0xff;
	font_glyph(0x2588, g);
	lacking += g[0] != 0xff || g[15] != 0xff;
	ck_assert_uint_eq(lacking, 0);
	font_glyph(0xffffffff, g);
	ck_assert(!memcmp(g, frame, sizeof g));
}
END_TEST

/* What is noted has the pixels that a look has, and keeps them. */
START_TEST(noted)
{
	struct rig *r = rig_new(false);
	struct console_note *n;
	u32 line[640], x, y, wrong = 0;
	const u8 *p;

	if (!r->t) {
		ck_assert(!terminal_available());
		rig_free(r);
		return;
	}
	put(r, "plain \033[1mbold\033[0m \033[4mline\033[0m \033[31;7mred\033[0m\r\n\xc3\xa4");
	n = display_note(r->d);
	ck_assert_ptr_nonnull(n);
	p = look(r);
	put(r, "\033[2J\033[H other");
	for (y = 0; y < 400; y++) {
		n->line(n, NULL, y, line);
		for (x = 0; x < 640; x++, p += 3)
			wrong += line[x] != ((u32)p[0] << 16 | (u32)p[1] << 8 | p[2]);
	}
	ck_assert_uint_eq(wrong, 0);
	n->free(n);
	rig_free(r);
}
END_TEST

Suite *terminal_screen_suite(void)
{
	Suite *s = suite_create("terminal_screen");
	TCase *t = tcase_create("terminal_screen");

	tcase_add_test(t, writing);
	tcase_add_test(t, typing);
	tcase_add_test(t, scrolling);
	tcase_add_test(t, anything);
	tcase_add_test(t, font);
	tcase_add_test(t, noted);
	suite_add_tcase(s, t);
	return s;
}
