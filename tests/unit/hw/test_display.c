/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Consoles and listeners, rectangles, keys and layouts, pictures.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#if HAVE_ZLIB
#include <zlib.h>
#endif

#include "base/buf.h"
#include "hw/host/display/display.h"
#include "hw/host/display/keys.h"
#include "tests/suites.h"
#include "tests/unit/quick.h"
#include "ui/vnc.h"

struct rig {
	struct poll_set *poll;
	struct display *d;
	struct display_console *c[2];
	struct display_listener *l;
	u32 switches, updates, refreshes, nrects, width;
	struct rect rects[64];
	u32 keys[2], last[2], ch, downs[2];
	struct pointer_event ev;
	bool absolute;
	u32 hot;
};

static void on_refresh(void *opaque)
{
	((struct rig *)opaque)->refreshes++;
}

static void key0(void *opaque, u32 code, u32 ch, bool down)
{
	struct rig *r = opaque;

	r->keys[0]++;
	r->downs[0] += down;
	r->last[0] = code;
	r->ch = ch;
}

static void key1(void *opaque, u32 code, u32 ch, bool down)
{
	struct rig *r = opaque;

	r->keys[1]++;
	r->downs[1] += down;
	r->last[1] = code;
	r->ch = ch;
}

static void on_pointer(void *opaque, const struct pointer_event *ev)
{
	((struct rig *)opaque)->ev = *ev;
}

static bool on_absolute(void *opaque)
{
	return ((struct rig *)opaque)->absolute;
}

static void on_switched(void *opaque, const struct surface *s)
{
	struct rig *r = opaque;

	r->switches++;
	r->width = s->width;
}

static void on_update(void *opaque, const struct surface *s, const struct rect *q, u32 n)
{
	struct rig *r = opaque;
	u32 i;

	r->updates++;
	for (i = 0; i < n && r->nrects < 64; i++)
		r->rects[r->nrects++] = q[i];
}

static const struct listener_ops listener = { on_switched, on_update };

static struct rig *rig_new(void)
{
	static const struct console_ops ops[2] = { { on_refresh, key0, on_pointer, on_absolute, NULL }, { NULL, key1, NULL, NULL, NULL } };
	struct rig *r = calloc(1, sizeof *r);

	r->poll = poll_set_new();
	r->d = display_new(r->poll);
	r->c[0] = display_console_add(r->d, 0, "graphics", &ops[0], r);
	r->c[1] = display_console_add(r->d, 1, "text", &ops[1], r);
	ck_assert(r->c[0] && r->c[1] && !display_console_add(r->d, 1, "x", &ops[0], r) && !display_console_add(r->d, 8, "x", &ops[0], r));
	return r;
}

static void rig_free(struct rig *r)
{
	display_free(r->d);
	poll_set_free(r->poll);
	free(r);
}

static void pass(struct rig *r)
{
	u64 end = host_now() + 3 * (u64)DISPLAY_REFRESH;

	while (host_now() < end)
		poll_wait(r->poll, DISPLAY_REFRESH);
}

START_TEST(which_is_shown)
{
	struct rig *r = rig_new();
	u32 w, h;

	ck_assert_int_eq(display_shown(r->d), -1);
	ck_assert_int_eq(display_select(r->d, 1), -ENOENT);
	r->l = display_listen(r->d, &listener, r);
	ck_assert_uint_eq(r->switches, 1);
	/* The text until there are graphics; the text again when they are gone. */
	ck_assert_int_eq(display_resize(r->c[1], 640, 400), 0);
	ck_assert_int_eq(display_shown(r->d), 1);
	ck_assert_uint_eq(r->switches, 2);
	ck_assert_int_eq(display_resize(r->c[0], 800, 600), 0);
	ck_assert_int_eq(display_shown(r->d), 0);
	ck_assert_uint_eq(r->width, 800);
	ck_assert_int_eq(display_resize(r->c[0], 0, 0), 0);
	ck_assert_int_eq(display_shown(r->d), 1);
	ck_assert_int_eq(display_resize(r->c[0], 32, 32), 0);
	/* Who chose keeps what he chose. */
	ck_assert_int_eq(display_select(r->d, 1), 0);
	ck_assert_int_eq(display_resize(r->c[0], 64, 64), 0);
	ck_assert_int_eq(display_shown(r->d), 1);
	ck_assert_uint_eq(r->width, 640);
	ck_assert_str_eq(display_describe(r->d, 0, &w, &h), "graphics");
	ck_assert_uint_eq(w * h, 4096);
	ck_assert_ptr_null(display_describe(r->d, 2, &w, &h));
	ck_assert_int_eq(display_resize(r->c[0], DISPLAY_MAX_WIDTH + 1, 1), -EINVAL);
	display_console_remove(r->c[1]);
	ck_assert_int_eq(display_shown(r->d), 0);
	rig_free(r);
}
END_TEST

START_TEST(rectangles)
{
	struct rig *r = rig_new();
	u8 must[100][100] = { { 0 } }, got[100][100] = { { 0 } };
	u32 trial, i, x, y, missed = 0, area = 0;

	display_resize(r->c[0], 100, 100);
	/* Nobody looks: nothing is kept, no time is taken. */
	display_changed(r->c[0], 0, 0, 10, 10);
	r->l = display_listen(r->d, &listener, r);
	pass(r);
	ck_assert_uint_eq(r->updates, 0);
	srand(5);
	for (trial = 0; trial < 4; trial++) {
		memset(must, 0, sizeof must);
		memset(got, 0, sizeof got);
		r->nrects = r->updates = 0;
		for (i = 0; i < 5 + trial * 40; i++) {
			struct rect q = { (u32)rand() % 110, (u32)rand() % 110, (u32)rand() % 6, (u32)rand() % 6 };

			display_changed(r->c[0], q.x, q.y, q.w, q.h);
			for (y = q.y; y < q.y + q.h && y < 100; y++)
				for (x = q.x; x < q.x + q.w && x < 100; x++)
					must[y][x] = 1;
		}
		pass(r);
		for (i = 0; i < r->nrects; i++)
			for (y = r->rects[i].y; y < r->rects[i].y + r->rects[i].h; y++)
				for (x = r->rects[i].x; x < r->rects[i].x + r->rects[i].w; x++) {
					quick(y < 100 && x < 100);
					got[y][x] = 1;
				}
		for (y = 0; y < 100; y++)
			for (x = 0; x < 100; x++) {
				missed += must[y][x] && !got[y][x];
				area += trial == 0 && got[y][x] && !must[y][x];
			}
		ck_assert_uint_eq(r->updates, 1);
		ck_assert_uint_le(r->nrects, 16);
	}
	ck_assert_uint_eq(missed, 0);
	ck_assert_uint_le(area, 1000); /* a few small ones do not become the whole */
	/* A poke asks once who draws, and then there is silence. */
	r->refreshes = 0;
	display_poke(r->c[0]);
	pass(r);
	ck_assert_uint_eq(r->refreshes, 1);
	ck_assert_int_eq(poll_wait(r->poll, DISPLAY_REFRESH * 3), 0);
	rig_free(r);
}
END_TEST

static bool hot(void *opaque, u32 code)
{
	struct rig *r = opaque;

	r->hot += code == KEY_P;
	return code == KEY_P;
}

START_TEST(keys_go_where)
{
	struct rig *r = rig_new();

	display_resize(r->c[0], 100, 100);
	display_resize(r->c[1], 100, 100);
	display_on_hotkey(r->d, hot, r);
	display_key(r->d, KEY_LEFTCTRL, 0, true);
	display_key(r->d, KEY_LEFTALT, 0, true);
	ck_assert_uint_eq(r->keys[0], 2);
	display_key(r->d, KEY_2, '2', true);
	ck_assert_int_eq(display_shown(r->d), 1);
	/* What was held is let go where it was pressed, and its release goes nowhere else. */
	ck_assert_uint_eq(r->keys[0], 4);
	ck_assert_uint_eq(r->downs[0], 2);
	display_key(r->d, KEY_2, '2', false);
	ck_assert_uint_eq(r->keys[1], 0);
	display_key(r->d, KEY_P, 'p', true);
	ck_assert_uint_eq(r->hot, 1);
	/* The two are still down: back again. */
	display_key(r->d, KEY_1, '1', true);
	ck_assert_int_eq(display_shown(r->d), 0);
	display_key(r->d, KEY_2, '2', true);
	display_key(r->d, KEY_LEFTCTRL, 0, false);
	display_key(r->d, KEY_LEFTALT, 0, false);
	ck_assert_uint_eq(r->keys[1], 0);
	display_key(r->d, KEY_A, 'a', true);
	ck_assert_uint_eq(r->last[1], KEY_A);
	ck_assert_uint_eq(r->ch, 'a');
	display_key(r->d, 0, 0x3b1, true); /* no key, but a character */
	ck_assert_uint_eq(r->ch, 0x3b1);
	display_key(r->d, 0, DISPLAY_NO_CHAR, true);
	ck_assert_uint_eq(r->ch, 0x3b1);
	rig_free(r);
}
END_TEST

START_TEST(pointers)
{
	struct rig *r = rig_new();
	struct pointer_event ev = { .absolute = true, .x = 500, .y = -3, .buttons = BUTTON_LEFT };

	display_pointer(r->d, &ev);
	display_resize(r->c[0], 100, 100);
	r->absolute = true;
	display_pointer(r->d, &ev);
	ck_assert(r->ev.absolute && r->ev.x == 99 && r->ev.y == 0 && r->ev.buttons == BUTTON_LEFT);
	display_mouse_move(r->d, -9, 1000000, 2);
	ck_assert(r->ev.absolute && r->ev.x == 90 && r->ev.y == 99 && r->ev.wheel == 2 && r->ev.buttons == BUTTON_LEFT);
	display_mouse_move(r->d, INT32_MAX, INT32_MIN, 0);
	ck_assert(r->ev.x == 99 && r->ev.y == 0);
	r->absolute = false;
	ev.x = 50;
	ev.y = 5;
	display_pointer(r->d, &ev);
	ck_assert(!r->ev.absolute && r->ev.x == -49 && r->ev.y == 5);
	rig_free(r);
}
END_TEST

START_TEST(names)
{
	u32 i, bad = 0;

	ck_assert_uint_eq(display_key_by_name("ctrl", 4), KEY_LEFTCTRL);
	ck_assert_uint_eq(display_key_by_name("ret", 3), KEY_ENTER);
	ck_assert_uint_eq(display_key_by_name("f12", 3), KEY_F12);
	ck_assert_uint_eq(display_key_by_name("0x1e", 4), KEY_A);
	ck_assert_uint_eq(display_key_by_name("0xc8", 4), KEY_UP);
	ck_assert_uint_eq(display_key_by_name("ctrlx", 4), KEY_LEFTCTRL);
	ck_assert_uint_eq(display_key_by_name("0x", 2) + display_key_by_name("", 0) + display_key_by_name("nosuch", 6), 0);
	for (i = 0; display_key_name(i); i++)
		bad += !display_key_by_name(display_key_name(i), strlen(display_key_name(i)));
	ck_assert_uint_eq(bad, 0);
	ck_assert_uint_gt(i, 100);
}
END_TEST

START_TEST(layouts)
{
	const struct keymap *us = keymap_find("en-us"), *de = keymap_find("de"), *fr = keymap_find("fr");
	char list[256], copy[256], *p;
	enum keymap_level level;
	u32 ch, c, missing = 0;

	ck_assert(us && de && fr && !keymap_find("xx") && keymap_find(NULL) == us);
	ck_assert_uint_eq(keymap_char(us, KEY_2, KEYMAP_SHIFT), '@');
	ck_assert_uint_eq(keymap_char(de, KEY_Z, KEYMAP_PLAIN), 'y');
	ck_assert_uint_eq(keymap_char(de, KEY_Q, KEYMAP_ALTGR), '@');
	ck_assert_uint_eq(keymap_char(fr, KEY_Q, KEYMAP_PLAIN), 'a');
	ck_assert_uint_eq(keymap_char(us, KEY_F1, KEYMAP_PLAIN), 0);
	ck_assert_uint_eq(keymap_code(de, '{', &level), KEY_7);
	ck_assert_int_eq(level, KEYMAP_ALTGR);
	ck_assert_uint_eq(keymap_keysym(us, 'A', &ch), KEY_A);
	ck_assert_uint_eq(ch, 'A');
	ck_assert_uint_eq(keymap_keysym(us, 0xff0d, &ch), KEY_ENTER);
	ck_assert_uint_eq(ch, 0);
	ck_assert_uint_eq(keymap_keysym(us, 0xffb7, &ch), KEY_KP7);
	ck_assert_uint_eq(ch, '7');
	ck_assert_uint_eq(keymap_keysym(us, 0x10020ac, &ch), 0);
	ck_assert_uint_eq(ch, 0x20ac);
	ck_assert_uint_eq(keymap_keysym(de, 0x20ac, &ch), KEY_E);
	ck_assert_uint_eq(keymap_keysym(us, 0x2000000, &ch) + ch, 0);
	/* Every layout types ASCII. */
	keymap_list(list, sizeof list);
	strcpy(copy, list);
	for (p = strtok(copy, " "); p; p = strtok(NULL, " "))
		for (c = ' '; c < 0x7f; c++)
			if (!keymap_code(keymap_find(p), c, NULL)) {
				printf("%s: no %c\n", p, (int)c);
				missing++;
			}
	ck_assert_uint_eq(missing, 0);
	ck_assert_ptr_nonnull(strstr(list, "fr-ch"));
}
END_TEST

static u32 be32(const u8 *p)
{
	return (u32)p[0] << 24 | (u32)p[1] << 16 | (u32)p[2] << 8 | p[3];
}

START_TEST(pictures)
{
	struct rig *r = rig_new();
	char path[] = "/tmp/paravane-picture-XXXXXX", other[64];
	static u8 file[65536];
	struct error e = { "" };
	u32 x, y;
	size_t n;
	FILE *f;

	close(mkstemp(path));
	ck_assert_int_eq(display_screendump(r->d, -1, path, SCREENDUMP_AUTO, &e), -ENOENT);
	display_resize(r->c[0], 50, 30);
	for (y = 0; y < 30; y++)
		for (x = 0; x < 50; x++)
			display_surface(r->c[0])->pixels[y * 50 + x] = x << 16 | y << 8 | (x ^ y);
	ck_assert_int_eq(display_screendump(r->d, -1, path, SCREENDUMP_AUTO, &e), 0);
	ck_assert_uint_eq(r->refreshes, 1);
	f = fopen(path, "rb");
	n = fread(file, 1, sizeof file, f);
	fclose(f);
	ck_assert(n > 60 && !memcmp(file, "\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR", 16));
	ck_assert_uint_eq(be32(file + 16), 50);
	ck_assert_uint_eq(be32(file + 20), 30);
	ck_assert(!memcmp(file + 24, "\x08\x02\0\0\0", 5) && !memcmp(file + n - 12, "\0\0\0\0IEND\xae\x42\x60\x82", 12));
#if HAVE_ZLIB
	{
		static u8 raw[30 * 151];
		uLongf len = sizeof raw;
		u32 wrong = 0;

		ck_assert_uint_eq(be32(file + n - 16), (u32)crc32(0, file + 37, (uInt)(n - 16 - 37)));
		ck_assert_int_eq(uncompress(raw, &len, file + 41, be32(file + 33)), Z_OK);
		for (y = 0; y < 30; y++)
			for (x = 0; x < 50; x++)
				wrong += raw[y * 151 + 1 + x * 3] != x || raw[y * 151 + 2 + x * 3] != y ||
					 raw[y * 151 + 3 + x * 3] != (x ^ y);
		ck_assert_uint_eq(wrong, 0);
	}
#endif
	snprintf(other, sizeof other, "%s.ppm", path);
	ck_assert_int_eq(display_screendump(r->d, 0, other, SCREENDUMP_AUTO, &e), 0);
	f = fopen(other, "rb");
	n = fread(file, 1, sizeof file, f);
	fclose(f);
	ck_assert_uint_eq(n, 13 + 50 * 30 * 3);
	ck_assert(!memcmp(file, "P6\n50 30\n255\n", 13) && file[n - 3] == 49 && file[n - 2] == 29 && file[n - 1] == (49 ^ 29));
	remove(other);
	ck_assert_int_lt(display_screendump(r->d, 0, "/nonexistent/x.png", SCREENDUMP_AUTO, &e), 0);
	ck_assert_ptr_nonnull(strstr(e.text, "/nonexistent/x.png"));
	remove(path);
	rig_free(r);
}
END_TEST

/* A screen in which each pixel tells its place. */
static void place_line(struct console_note *n, const void *ram, u32 y, u32 *out)
{
	u32 x;

	ck_assert_uint_lt(y, n->height);
	for (x = 0; x < n->width; x++)
		out[x] = (x * 255 / n->width) << 16 | (y * 255 / n->height) << 8 | *(const u8 *)ram;
}

static void place_free(struct console_note *n)
{
	n->width = 0;
}

static const struct small_row {
	u32 width, height, w, h;
} small_rows[] = {
	{ 50, 30, 50, 30 }, { 320, 320, 320, 320 }, { 640, 400, 320, 200 }, { 800, 600, 320, 240 }, { 1366, 768, 320, 179 },
	{ 8192, 1, 320, 1 }, { 3, 8192, 1, 320 },   { 321, 7, 320, 6 },
};

START_TEST(small_pictures)
{
	const struct small_row *row = &small_rows[_i];
	struct console_note n = { row->width, row->height, place_line, place_free };
	struct picture p, q;
	struct buf png = { 0 };
	u8 blue = 77;
	u32 x, y, wrong = 0;
	size_t i;

	ck_assert_int_eq(picture_make(&n, &blue, &p), 0);
	ck_assert_uint_eq(p.s.width, row->w);
	ck_assert_uint_eq(p.s.height, row->h);
	for (y = 0; y < row->h; y++)
		for (x = 0; x < row->w; x++) {
			u32 c = p.s.pixels[y * row->w + x];
			int red = (int)((x * 2 + 1) * 255 / (row->w * 2)), green = (int)((y * 2 + 1) * 255 / (row->h * 2));

			/* As far from its place as a pixel of the picture is wide. */
			wrong += (c & 255) != 77 || abs((int)(c >> 16) - red) > 255 / (int)row->w + 1 ||
				 abs((int)(c >> 8 & 255) - green) > 255 / (int)row->h + 1;
		}
	ck_assert_uint_eq(wrong, 0);
	ck_assert_int_eq(picture_png(&p, &png), 0);
	ck_assert_int_eq(picture_read(&q, png.p, png.len), 0);
	ck_assert_uint_eq(q.width, row->width);
	ck_assert_uint_eq(q.height, row->height);
	ck_assert_uint_eq(q.s.width, row->w);
	ck_assert_uint_eq(q.s.height, row->h);
	ck_assert(!memcmp(p.s.pixels, q.s.pixels, (size_t)row->w * row->h * sizeof(u32)));
	picture_free(&q);
	/* Cut anywhere, and with a byte changed: refused, or read as something of a possible size. */
	for (i = 0; i < png.len; i += 1 + png.len / 300) {
		ck_assert_int_lt(picture_read(&q, png.p, i > png.len - 13 ? png.len - 13 - 12 : i), 0);
		ck_assert_ptr_null(q.s.pixels);
		png.p[i] ^= 0x81;
		if (!picture_read(&q, png.p, png.len))
			ck_assert(q.s.width <= PICTURE_MAX && q.s.height <= PICTURE_MAX);
		picture_free(&q);
		png.p[i] ^= 0x81;
	}
	picture_free(&p);
	buf_free(&png);
}
END_TEST

/* ---- over the screen ---- */

static struct over {
	struct surface s;
	u32 x, y, width, height, calls; /* width, height: of the screen, at the last call */
	u32 keys[16], nkeys;
	u32 pixels[64 * 64];
} over;

static const struct surface *over_picture(void *opaque, u32 width, u32 height, u32 *x, u32 *y)
{
	over.width = width;
	over.height = height;
	over.calls++;
	*x = over.x;
	*y = over.y;
	return over.s.width ? &over.s : NULL;
}

static void over_key(void *opaque, u32 code, u32 ch)
{
	over.keys[over.nkeys++ % 16] = code;
}

/* What a listener has been given in all, as a viewer copies it. */
static struct shadow {
	u32 width, height, pixels[64 * 64], outside;
} shadow;

static void shadow_update(void *opaque, const struct surface *s, const struct rect *r, u32 n)
{
	u32 i, x, y;

	for (i = 0; i < n; i++)
		for (y = r[i].y; y < r[i].y + r[i].h; y++)
			for (x = r[i].x; x < r[i].x + r[i].w; x++) {
				shadow.outside += x >= shadow.width || y >= shadow.height;
				shadow.pixels[y % 64 * 64 + x % 64] = s->pixels[y * s->stride + x];
			}
}

static void shadow_switched(void *opaque, const struct surface *s)
{
	shadow.width = s->width;
	shadow.height = s->height;
	if (s->pixels)
		shadow_update(opaque, s, &(struct rect){ 0, 0, s->width, s->height }, 1);
}

/* Pixels of the shadow that are not: 7 where the overlay is, else what the console has. */
static u32 shadow_wrong(struct rig *r, u32 x0, u32 y0, u32 w, u32 h)
{
	const struct surface *s = display_surface(r->c[0]);
	u32 x, y, wrong = shadow.outside;

	for (y = 0; y < s->height; y++)
		for (x = 0; x < s->width; x++) {
			bool in = x >= x0 && x < x0 + w && y >= y0 && y < y0 + h;

			wrong += shadow.pixels[y * 64 + x] != (in ? 7 : s->pixels[y * s->stride + x]);
		}
	return wrong;
}

static void draw_on(struct rig *r, u32 x, u32 y, u32 w, u32 h, u32 colour)
{
	const struct surface *s = display_surface(r->c[0]);
	u32 i, k;

	for (i = y; i < y + h; i++)
		for (k = x; k < x + w; k++)
			s->pixels[i * s->stride + k] = colour;
	display_changed(r->c[0], x, y, w, h);
}

START_TEST(overlays)
{
	static const struct overlay_ops ops = { over_picture, over_key };
	static const struct listener_ops shadows = { shadow_switched, shadow_update };
	struct rig *r = rig_new();
	struct display_listener *l;
	u32 i;

	memset(&over, 0, sizeof over);
	memset(&shadow, 0, sizeof shadow);
	for (i = 0; i < ARRAY_SIZE(over.pixels); i++)
		over.pixels[i] = 7;
	display_resize(r->c[0], 50, 40);
	draw_on(r, 0, 0, 50, 40, 1);
	display_set_overlay(r->d, &ops, NULL);
	l = display_listen(r->d, &shadows, NULL);
	ck_assert_uint_eq(shadow_wrong(r, 0, 0, 0, 0), 0);
	/* It comes, moves, is drawn below of, goes beyond the edges, and goes. */
	over.s = (struct surface){ 10, 8, 64, over.pixels };
	over.x = 5;
	over.y = 6;
	display_overlay_changed(r->d);
	pass(r);
	ck_assert_uint_eq(shadow_wrong(r, 5, 6, 10, 8), 0);
	draw_on(r, 8, 0, 3, 40, 2);
	draw_on(r, 40, 30, 10, 10, 3);
	pass(r);
	ck_assert_uint_eq(shadow_wrong(r, 5, 6, 10, 8), 0);
	over.x = 45;
	over.y = 35;
	display_overlay_changed(r->d);
	pass(r);
	ck_assert_uint_eq(shadow_wrong(r, 45, 35, 5, 5), 0);
	over.x = 50;
	display_overlay_changed(r->d);
	pass(r);
	ck_assert_uint_eq(shadow_wrong(r, 0, 0, 0, 0), 0);
	/* Another size asks anew. */
	over.x = 0;
	display_resize(r->c[0], 30, 20);
	ck_assert_uint_eq(over.width, 30);
	ck_assert_uint_eq(over.height, 20);
	over.y = 2;
	display_overlay_changed(r->d);
	draw_on(r, 0, 0, 30, 20, 4);
	pass(r);
	ck_assert_uint_eq(shadow_wrong(r, 0, 2, 10, 8), 0);
	display_set_overlay(r->d, NULL, NULL);
	pass(r);
	ck_assert_uint_eq(shadow_wrong(r, 0, 0, 0, 0), 0);
	display_unlisten(l);
	rig_free(r);
}
END_TEST

START_TEST(overlay_keys)
{
	static const struct overlay_ops ops = { over_picture, over_key };
	struct pointer_event ev = { .x = 3, .buttons = BUTTON_LEFT };
	struct rig *r = rig_new();
	u32 before;

	memset(&over, 0, sizeof over);
	display_resize(r->c[0], 50, 40);
	display_set_overlay(r->d, &ops, NULL);
	display_key(r->d, KEY_A, 'a', true);
	display_pointer(r->d, &ev);
	before = r->keys[0];
	/* What is held goes up, and nothing comes any more. */
	display_overlay_keys(r->d, true);
	ck_assert_uint_eq(r->keys[0], before + 1);
	ck_assert_uint_eq(r->ev.buttons, 0);
	display_key(r->d, KEY_A, 'a', false);
	display_key(r->d, KEY_LEFT, 0, true);
	display_key(r->d, KEY_LEFT, 0, false);
	display_key(r->d, 0, 0xe4, true);
	display_pointer(r->d, &ev);
	ck_assert_uint_eq(r->keys[0], before + 1);
	ck_assert_uint_eq(r->ev.buttons, 0);
	ck_assert_uint_eq(over.nkeys, 1);
	ck_assert_uint_eq(over.keys[0], KEY_LEFT);
	/* The key that ended it: its release is nobody's. */
	display_key(r->d, KEY_ESC, 0, true);
	display_overlay_keys(r->d, false);
	display_key(r->d, KEY_ESC, 0, false);
	ck_assert_uint_eq(r->keys[0], before + 1);
	display_key(r->d, KEY_B, 'b', true);
	ck_assert_uint_eq(r->keys[0], before + 2);
	rig_free(r);
}
END_TEST

static u32 hot_calls;

static bool count_hot(void *opaque, u32 code)
{
	hot_calls += code == KEY_S;
	return code == KEY_S;
}

/* A key that is held down is one, however often its keyboard says so. */
START_TEST(hotkey_held)
{
	struct rig *r = rig_new();
	u32 i, before;

	hot_calls = 0;
	display_resize(r->c[0], 50, 40);
	display_on_hotkey(r->d, count_hot, NULL);
	display_key(r->d, KEY_LEFTCTRL, 0, true);
	display_key(r->d, KEY_LEFTALT, 0, true);
	before = r->keys[0];
	for (i = 0; i < 3; i++)
		display_key(r->d, KEY_S, 's', true);
	ck_assert_uint_eq(hot_calls, 1);
	display_key(r->d, KEY_S, 's', false);
	display_key(r->d, KEY_S, 's', true);
	ck_assert_uint_eq(hot_calls, 2);
	ck_assert_uint_eq(r->keys[0], before);
	rig_free(r);
}
END_TEST

START_TEST(vnc_values)
{
	static const char *const bad[] = { "", ":", "1", ":x", ":99999", ":-1", "host", "unix:", ":1,", ":1,to=", ":1,to=0", ":1,tls-creds=x",
					   ":123456", ":1,password=" };
	struct vnc_spec s;
	struct error e;
	u32 i, accepted = 0;

	ck_assert(!vnc_parse("0.0.0.0:1", &s, &e) && s.first == 1 && s.last == 1 && !strcmp(s.host, "0.0.0.0") && !s.password);
	ck_assert(!vnc_parse(":0,to=5,password=abc", &s, &e) && !*s.host && s.last == 5 && s.password && !strcmp(s.secret, "abc"));
	ck_assert(!vnc_parse("[::1]:7,password=on", &s, &e) && !strcmp(s.host, "::1") && s.password && !*s.secret);
	ck_assert(!vnc_parse("unix:/tmp/x,password=off", &s, &e) && s.local && !strcmp(s.host, "/tmp/x") && !s.password);
	ck_assert(!vnc_parse("none", &s, &e) && s.none);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		e.text[0] = 0;
		accepted += vnc_parse(bad[i], &s, &e) != -EINVAL || !*e.text;
	}
	ck_assert_uint_eq(accepted, 0);
}
END_TEST

Suite *display_suite(void)
{
	Suite *s = suite_create("display");
	TCase *t = tcase_create("display");

	tcase_add_test(t, which_is_shown);
	tcase_add_test(t, rectangles);
	tcase_add_test(t, keys_go_where);
	tcase_add_test(t, pointers);
	tcase_add_test(t, names);
	tcase_add_test(t, layouts);
	tcase_add_test(t, pictures);
	tcase_add_test(t, overlays);
	tcase_add_test(t, overlay_keys);
	tcase_add_test(t, hotkey_held);
	tcase_add_loop_test(t, small_pictures, 0, ARRAY_SIZE(small_rows));
	tcase_add_test(t, vnc_values);
	suite_add_tcase(s, t);
	return s;
}
