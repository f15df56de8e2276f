/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The keyboard's back end: what is typed and pointed at reaches the ring, through the door and in order.
 */
#include "tests/suites.h"
#include "tests/unit/screen_env.h"

struct seen_event {
	u32 kind, pressed, a, b, c;
};

/* The next event in the ring; kind 0: none. Takes it as a guest does. */
static struct seen_event next(struct screen_world *w)
{
	u32 cons = sw_get(w, KBD_PAGE, 0), at = 1024 + cons % 51 * 40, head;
	struct seen_event ev = { 0 };

	if (cons == sw_get(w, KBD_PAGE, 4))
		return ev;
	head = sw_get(w, KBD_PAGE, at);
	ev = (struct seen_event){ head & 0xff, head >> 8 & 0xff, sw_get(w, KBD_PAGE, at + 4), sw_get(w, KBD_PAGE, at + 8),
				  sw_get(w, KBD_PAGE, at + 12) };
	sw_put(w, KBD_PAGE, 0, cons + 1);
	return ev;
}

static bool is(struct seen_event ev, u32 kind, u32 pressed, u32 a, u32 b, u32 c)
{
	return ev.kind == kind && ev.pressed == pressed && ev.a == a && ev.b == b && ev.c == c;
}

static struct screen_world *start(bool absolute)
{
	struct screen_world *w = sw_new();

	sw_fb_page(w);
	sw_connect_fb(w);
	if (absolute)
		sw_write(w, "vkbd", "request-abs-pointer", "1");
	sw_connect_kbd(w);
	ck_assert_str_eq(sw_back(w, "vkbd", "state"), "4");
	return w;
}

START_TEST(keys)
{
	struct screen_world *w = start(false);

	display_send_key(w->d, KEY_A, true);
	/* Nothing comes before the door is opened. */
	ck_assert_uint_eq(next(w).kind, 0);
	xen_bit_clear(&w->e->d->mem, xen_shared_bits(&w->e->pv.xen, SI_EVTCHN_PENDING), w->kbd_port);
	sw_door(w);
	ck_assert_int_eq(evtchn_pending(&w->e->pv.xen, w->kbd_port), 1);
	ck_assert(is(next(w), 3, 1, KEY_A, 0, 0));
	display_send_key(w->d, KEY_A, false);
	display_send_key(w->d, KEY_B, false); /* was never down */
	sw_door(w);
	ck_assert(is(next(w), 3, 0, KEY_A, 0, 0));
	ck_assert_uint_eq(next(w).kind, 0);
	/* What is held when nobody looks any more is let go. */
	display_send_key(w->d, KEY_LEFTSHIFT, true);
	display_release_keys(w->d);
	sw_door(w);
	ck_assert(is(next(w), 3, 1, KEY_LEFTSHIFT, 0, 0));
	ck_assert(is(next(w), 3, 0, KEY_LEFTSHIFT, 0, 0));
	ck_assert_int_eq(display_send_key(w->d, 0, true), -EINVAL);
	ck_assert_int_eq(display_send_key(w->d, 0x200, true), -EINVAL);
	sw_free(w);
}
END_TEST

START_TEST(moves)
{
	struct screen_world *w = start(false);

	ck_assert(!display_wants_absolute(w->d));
	display_mouse_move(w->d, 5, -7, 1);
	display_mouse_button(w->d, BUTTON_LEFT | BUTTON_RIGHT);
	display_mouse_button(w->d, BUTTON_RIGHT);
	sw_door(w);
	ck_assert(is(next(w), 1, 0, 5, (u32)-7, (u32)-1));
	ck_assert(is(next(w), 3, 1, 0x110, 0, 0));
	ck_assert(is(next(w), 3, 1, 0x111, 0, 0));
	ck_assert(is(next(w), 3, 0, 0x110, 0, 0));
	ck_assert_uint_eq(next(w).kind, 0);
	/* Who knows only places makes moves of them. */
	display_pointer(w->d, &(struct pointer_event){ .absolute = true, .x = 10, .y = 10, .buttons = BUTTON_RIGHT });
	display_pointer(w->d, &(struct pointer_event){ .absolute = true, .x = 13, .y = 8, .buttons = BUTTON_RIGHT });
	sw_door(w);
	next(w);
	ck_assert(is(next(w), 1, 0, 3, (u32)-2, 0));
	sw_free(w);
}
END_TEST

START_TEST(places)
{
	struct screen_world *w = start(true);

	ck_assert(display_wants_absolute(w->d));
	display_pointer(w->d, &(struct pointer_event){ .absolute = true, .x = 63, .y = 59 });
	display_pointer(w->d, &(struct pointer_event){ .absolute = true, .x = 1000000, .y = -5, .wheel = -2 });
	sw_door(w);
	/* The range is the one that was offered before there was a picture. */
	ck_assert(is(next(w), 4, 0, 799, 599, 0));
	ck_assert(is(next(w), 4, 0, 799, 0, 2));
	/* A command that moves by so much does it from the last place. */
	display_mouse_move(w->d, -63, 59, 0);
	sw_door(w);
	ck_assert(is(next(w), 4, 0, 0, 599, 0));
	sw_free(w);
	w = sw_new();
	sw_fb_page(w);
	sw_connect_fb(w);
	sw_write(w, "vkbd", "request-raw-pointer", "1");
	sw_connect_kbd(w);
	display_pointer(w->d, &(struct pointer_event){ .absolute = true, .x = 63, .y = 0 });
	sw_door(w);
	ck_assert(is(next(w), 4, 0, 0x7fff, 0, 0));
	sw_free(w);
}
END_TEST

START_TEST(a_slow_guest)
{
	struct screen_world *w = start(false);
	struct buf b = { 0 };
	struct reader r;
	u32 i, n = 0, wrong = 0;

	for (i = 0; i < 100; i++) {
		display_send_key(w->d, KEY_1 + i / 2 % 8, !(i & 1));
		if (i % 10 == 9)
			sw_door(w);
	}
	ck_assert_uint_eq(sw_get(w, KBD_PAGE, 4), 51);
	/* What waits is part of the state. */
	state_list_save(&w->e->d->states, &b);
	for (i = 0; i < 1000; i++)
		display_send_key(w->d, KEY_X, !(i & 1));
	sw_door(w);
	sw_put(w, KBD_PAGE, 0, 0);
	reader_init(&r, b.p, b.len);
	ck_assert_int_eq(state_list_load(&w->e->d->states, &r, NULL), 0);
	ck_assert_int_eq(state_list_loaded(&w->e->d->states, NULL), 0);
	for (i = 0; i < 100; i++) {
		struct seen_event ev = next(w);

		if (!ev.kind) {
			sw_kick(w, w->kbd_port);
			ev = next(w);
		}
		wrong += !is(ev, 3, !(i & 1), KEY_1 + i / 2 % 8, 0, 0);
		n++;
	}
	ck_assert_uint_eq(wrong, 0);
	buf_free(&b);
	sw_free(w);
}
END_TEST

/* Buttons that the guest knows to be held, or will when the door opens, are let go by whoever moves the pointer next. */
START_TEST(buttons_are_kept)
{
	struct screen_world *w = start(false);
	struct buf b = { 0 };
	struct reader r;
	u32 n;

	display_mouse_button(w->d, BUTTON_LEFT | BUTTON_MIDDLE);
	display_mouse_button(w->d, BUTTON_LEFT);
	sw_door(w);
	display_mouse_button(w->d, BUTTON_LEFT | BUTTON_RIGHT); /* waits before the door */
	state_list_save(&w->e->d->states, &b);
	display_mouse_button(w->d, 0);
	sw_door(w);
	while (next(w).kind)
		;
	reader_init(&r, b.p, b.len);
	ck_assert_int_eq(state_list_load(&w->e->d->states, &r, NULL), 0);
	ck_assert_int_eq(state_list_loaded(&w->e->d->states, NULL), 0);
	display_mouse_move(w->d, 3, 4, 0);
	sw_door(w);
	ck_assert(is(next(w), 3, 1, KEY_BTN_RIGHT, 0, 0));
	ck_assert(is(next(w), 1, 0, 3, 4, 0));
	ck_assert(is(next(w), 3, 0, KEY_BTN_LEFT, 0, 0));
	ck_assert(is(next(w), 3, 0, KEY_BTN_RIGHT, 0, 0));
	ck_assert(!next(w).kind);
	/* As many as before the save find room. */
	for (n = 0; n < 2 * VKBD_QUEUE; n++)
		display_send_key(w->d, KEY_X, !(n & 1));
	ck_assert_uint_eq(door_count(&w->e->d->door, DOOR_INPUT, VKBD_TARGET, &(u64){ 0 }), VKBD_QUEUE);
	buf_free(&b);
	sw_free(w);
}
END_TEST

START_TEST(hostile)
{
	struct screen_world *w = start(false);
	static const u64 refs[] = { 0, ENV_MFN(SCREEN_L1), ENV_MFN(ENV_FRAMES), ~0ull };
	u32 i, accepted = 0;

	sw_put(w, KBD_PAGE, 0, 100); /* ahead of what was produced */
	display_send_key(w->d, KEY_A, true);
	sw_door(w);
	ck_assert_str_eq(sw_back(w, "vkbd", "state"), "5");
	/* Input for nobody is no harm. */
	display_send_key(w->d, KEY_A, false);
	display_mouse_move(w->d, 1, 1, 1);
	sw_door(w);
	for (i = 0; i < ARRAY_SIZE(refs); i++) {
		sw_write(w, "vkbd", "state", "6");
		sw_write(w, "vkbd", "state", "1");
		sw_number(w, "vkbd", "page-ref", refs[i]);
		sw_number(w, "vkbd", "event-channel", sw_port(w));
		sw_write(w, "vkbd", "state", "3");
		accepted += !strcmp(sw_back(w, "vkbd", "state"), "4");
	}
	ck_assert_uint_eq(accepted, 0);
	/* The device is taken away while something waits before the door. */
	sw_write(w, "vkbd", "state", "6");
	sw_write(w, "vkbd", "state", "1");
	sw_put(w, KBD_PAGE, 0, 0);
	sw_put(w, KBD_PAGE, 4, 0);
	sw_connect_kbd(w);
	ck_assert_str_eq(sw_back(w, "vkbd", "state"), "4");
	display_send_key(w->d, KEY_A, true);
	xenbus_remove(xenbus_find(&w->e->pv.xen, "vkbd", 0), true);
	sw_door(w);
	display_send_key(w->d, KEY_A, false);
	sw_door(w);
	xenbus_remove(xenbus_find(&w->e->pv.xen, "vfb", 0), true);
	display_send_key(w->d, KEY_A, true);
	sw_free(w);
}
END_TEST

Suite *vkbd_suite(void)
{
	Suite *s = suite_create("vkbd");
	TCase *t = tcase_create("vkbd");

	tcase_add_test(t, keys);
	tcase_add_test(t, moves);
	tcase_add_test(t, places);
	tcase_add_test(t, a_slow_guest);
	tcase_add_test(t, buttons_are_kept);
	tcase_add_test(t, hostile);
	suite_add_tcase(s, t);
	return s;
}
