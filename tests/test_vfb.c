/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The framebuffer's back end: what the guest draws is seen, only what differs is passed on, and nothing it writes harms us.
 */
#include <unistd.h>

#include "tests/screen_env.h"
#include "tests/suites.h"

static u32 seen(struct screen_world *w, u32 x, u32 y)
{
	char path[] = "/tmp/paravane-vfb-XXXXXX";
	struct error e;
	u32 c = ~0u, got, width, height;
	u8 rgb[3];
	FILE *f;

	close(mkstemp(path));
	if (display_screendump(w->d, 0, path, SCREENDUMP_PPM, &e)) {
		remove(path);
		return c;
	}
	f = fopen(path, "rb");
	got = (u32)fscanf(f, "P6 %u %u 255", &width, &height);
	if (got == 2 && !fseek(f, 1 + (long)(y * width + x) * 3, SEEK_CUR) && fread(rgb, 3, 1, f) == 1)
		c = (u32)rgb[0] << 16 | (u32)rgb[1] << 8 | rgb[2];
	fclose(f);
	remove(path);
	return c;
}

START_TEST(offers)
{
	struct screen_world *w = sw_new();

	ck_assert_str_eq(sw_back(w, "vfb", "request-update"), "1");
	ck_assert_str_eq(sw_back(w, "vfb", "feature-resize"), "1");
	ck_assert_str_eq(sw_back(w, "vfb", "videoram"), "16");
	ck_assert_str_eq(sw_back(w, "vkbd", "feature-abs-pointer"), "1");
	ck_assert_str_eq(sw_back(w, "vkbd", "width"), "800");
	ck_assert_int_eq(display_shown(w->d), -1);
	sw_fb_page(w);
	sw_connect_fb(w);
	ck_assert_str_eq(sw_back(w, "vfb", "state"), "4");
	ck_assert_int_eq(display_shown(w->d), 0);
	sw_write(w, "vfb", "state", "6");
	ck_assert_int_eq(display_shown(w->d), -1);
	sw_free(w);
}
END_TEST

START_TEST(drawing)
{
	struct screen_world *w = sw_new();
	u32 i;

	sw_fb_page(w);
	sw_pixel(w, 3, 4, 0xff123456); /* before anybody is there */
	sw_connect_fb(w);
	sw_listen(w);
	ck_assert_uint_eq(w->switches, 1);
	ck_assert_uint_eq(w->width, FB_WIDTH);
	ck_assert_uint_eq(w->height, FB_HEIGHT);
	ck_assert_uint_eq(seen(w, 3, 4), 0x123456);
	sw_wait(w);
	w->updates = w->nrects = 0;
	/* Only what differs of what the guest names, over the seam between two frames. */
	for (i = 14; i < 18; i++)
		sw_pixel(w, 10 + i, i, 0xabcdef);
	sw_fb_event(w, 2, 0, 0, FB_WIDTH, FB_HEIGHT, 0);
	ck_assert_uint_eq(w->updates, 0);
	sw_wait(w);
	ck_assert_uint_eq(w->updates, 1);
	ck_assert_uint_eq(w->nrects, 1);
	ck_assert_uint_eq(w->rects[0].x, 24);
	ck_assert_uint_eq(w->rects[0].y, 14);
	ck_assert_uint_eq(w->rects[0].w, 4);
	ck_assert_uint_eq(w->rects[0].h, 4);
	ck_assert_uint_eq(seen(w, 27, 17), 0xabcdef);
	/* Two places far apart are two rectangles. */
	w->updates = w->nrects = 0;
	sw_pixel(w, 0, 0, 1);
	sw_pixel(w, 60, 50, 2);
	sw_fb_event(w, 2, 0, 0, 1, 1, 0);
	sw_fb_event(w, 2, (u32)-5, 40, 1000, 1000, 0);
	sw_wait(w);
	ck_assert_uint_eq(w->nrects, 2);
	/* What changed without a word waits for one, and then it is seen wherever it is; a word for nothing sends nothing. */
	w->updates = w->nrects = 0;
	sw_pixel(w, 30, 30, 3);
	sw_wait(w);
	ck_assert_uint_eq(w->updates, 0);
	sw_fb_event(w, 2, 0, 0, 5, 5, 0);
	sw_wait(w);
	ck_assert_uint_eq(w->updates, 1);
	ck_assert_uint_eq(w->rects[0].x, 30);
	sw_fb_event(w, 2, 0, 0, 64, 60, 0);
	sw_wait(w);
	ck_assert_uint_eq(w->updates, 1);
	ck_assert_uint_eq(sw_get(w, FB_PAGE, 8), sw_get(w, FB_PAGE, 12));
	sw_free(w);
}
END_TEST

START_TEST(silent_guest)
{
	struct screen_world *w = sw_new();

	sw_fb_page(w);
	sw_write(w, "vfb", "feature-update", "0");
	sw_number(w, "vfb", "page-ref", ENV_MFN(FB_PAGE));
	w->fb_port = sw_port(w);
	sw_number(w, "vfb", "event-channel", w->fb_port);
	sw_write(w, "vfb", "state", "3");
	sw_listen(w);
	sw_wait(w);
	w->updates = w->nrects = 0;
	sw_pixel(w, 7, 7, 0x777777);
	sw_wait(w);
	ck_assert_uint_eq(w->updates, 1);
	ck_assert_uint_eq(w->rects[0].x, 7);
	sw_free(w);
}
END_TEST

START_TEST(sizes_and_depths)
{
	static const struct {
		u32 w, h, stride, depth, offset;
		bool good;
	} t[] = {
		{ 32, 20, 128, 32, 0, true },	  { 64, 64, 256, 32, 0, true },	   { 64, 65, 256, 32, 0, false },
		{ 0, 20, 128, 32, 0, false },	  { 32, 0, 128, 32, 0, false },	   { 32, 20, 127, 32, 0, false },
		{ 32, 20, 128, 32, 13824, true }, { 32, 20, 128, 32, 13825, false }, { 128, 64, 256, 16, 0, true },
		{ 256, 64, 256, 8, 0, true },	  { 80, 64, 240, 24, 0, true },	   { 64, 60, 256, 15, 0, false },
		{ 64, 60, 256, 0, 0, false },	  { 64, 2, 0xffffffff, 32, 0, false }, { 1, 1, 0xffffffff, 32, 0, true },
		{ 0x40000001, 1, 256, 32, 0, false }, { 64, 0xffffffff, 256, 32, 0, false }, { 64, 60, 256, 32, 0xffffffff, false },
		{ 64, 60, 256, 264, 0, false },	  { 64, 60, 0, 32, 0, false },
	};
	struct screen_world *w = sw_new();
	u32 i, wrong = ~0u, width, height;

	sw_fb_page(w);
	sw_connect_fb(w);
	sw_listen(w);
	for (i = 0; i < ARRAY_SIZE(t); i++) {
		sw_fb_event(w, 3, FB_WIDTH, FB_HEIGHT, FB_STRIDE, 32, 0);
		sw_fb_event(w, 3, t[i].w, t[i].h, t[i].stride, t[i].depth, t[i].offset);
		display_describe(w->d, 0, &width, &height);
		if ((width == t[i].w && height == t[i].h) != t[i].good && !(t[i].w == FB_WIDTH && t[i].h == FB_HEIGHT))
			wrong = i;
	}
	ck_assert_int_eq((int)wrong, -1);
	/* Colours of each depth. */
	sw_put(w, FB_FIRST, 0, 0xf81f07e0);
	sw_fb_event(w, 3, 128, 64, 256, 16, 0);
	ck_assert_uint_eq(seen(w, 0, 0), 0x00ff00);
	ck_assert_uint_eq(seen(w, 1, 0), 0xff00ff);
	sw_fb_event(w, 3, 80, 64, 240, 24, 0);
	ck_assert_uint_eq(seen(w, 0, 0), 0x1f07e0);
	sw_put(w, FB_FIRST, 0, 0xff03e01c);
	sw_fb_event(w, 3, 256, 64, 256, 8, 0);
	ck_assert_uint_eq(seen(w, 0, 0), 0x00ff00);
	ck_assert_uint_eq(seen(w, 1, 0), 0xff0000);
	ck_assert_uint_eq(seen(w, 2, 0), 0x0000ff);
	ck_assert_uint_eq(seen(w, 3, 0), 0xffffff);
	sw_free(w);
}
END_TEST

START_TEST(hostile_pages)
{
	struct screen_world *w = sw_new();
	static const u64 refs[] = { 0, 1, ENV_MFN(SCREEN_L1), ENV_MFN(ENV_FRAMES), ~0ull };
	u32 i, accepted = 0;

	/* The shared page: none, a page table, beyond memory. */
	sw_fb_page(w);
	for (i = 0; i < ARRAY_SIZE(refs); i++) {
		sw_number(w, "vfb", "page-ref", refs[i]);
		sw_number(w, "vfb", "event-channel", sw_port(w));
		sw_write(w, "vfb", "state", "3");
		accepted += display_shown(w->d) == 0;
		sw_write(w, "vfb", "state", "6");
		sw_write(w, "vfb", "state", "1");
	}
	ck_assert_uint_eq(accepted, 0);
	/* The list, and a frame in it. */
	mem_write_u64(&w->e->d->mem, ENV_VA(FB_PAGE) + 40, 0x123456789abcull);
	sw_connect_fb(w);
	ck_assert_int_eq(display_shown(w->d), -1);
	ck_assert_str_eq(sw_back(w, "vfb", "state"), "5");
	sw_write(w, "vfb", "state", "6");
	sw_write(w, "vfb", "state", "1");
	sw_fb_page(w);
	mem_write_u64(&w->e->d->mem, ENV_VA(FB_LIST) + 8, ~0ull);
	sw_connect_fb(w);
	ck_assert_int_eq(display_shown(w->d), -1);
	sw_write(w, "vfb", "state", "6");
	sw_write(w, "vfb", "state", "1");
	/* More than may be shared. */
	sw_fb_page(w);
	sw_put(w, FB_PAGE, 28, 0xffffffff);
	sw_connect_fb(w);
	ck_assert_int_eq(display_shown(w->d), -1);
	sw_write(w, "vfb", "state", "6");
	sw_write(w, "vfb", "state", "1");
	sw_fb_page(w);
	sw_connect_fb(w);
	ck_assert_int_eq(display_shown(w->d), 0);
	sw_free(w);
}
END_TEST

START_TEST(hostile_ring)
{
	struct screen_world *w = sw_new();
	u32 i;

	sw_fb_page(w);
	sw_connect_fb(w);
	sw_listen(w);
	/* A full ring is taken whole, and the guest hears of the room. */
	for (i = 0; i < 51; i++)
		sw_put(w, FB_PAGE, 2048 + i * 40, 2);
	sw_put(w, FB_PAGE, 12, 51);
	pv_bit_clear(&w->e->d->mem, pv_shared_bits(&w->e->pv, SI_EVTCHN_PENDING), w->fb_port);
	sw_kick(w, w->fb_port);
	ck_assert_uint_eq(sw_get(w, FB_PAGE, 8), 51);
	ck_assert_int_eq(pv_evtchn_pending(&w->e->pv, w->fb_port), 1);
	/* Events that there are not, and indexes at their end. */
	sw_put(w, FB_PAGE, 8, 0xffffffff);
	sw_put(w, FB_PAGE, 12, 0xffffffff);
	sw_fb_event(w, 77, 1, 2, 3, 4, 5);
	ck_assert_uint_eq(sw_get(w, FB_PAGE, 8), 0);
	/* The frame under the picture goes: it is black there, no more. */
	sw_pixel(w, 0, 0, 0xffffff);
	sw_fb_event(w, 2, 0, 0, 64, 60, 0);
	ck_assert_uint_eq(seen(w, 0, 0), 0xffffff);
	ck_assert_int_eq(pv_mm_release(&w->e->pv, ENV_MFN(FB_FIRST)), 0);
	sw_fb_event(w, 2, 0, 0, 64, 60, 0);
	ck_assert_uint_eq(seen(w, 0, 0), 0);
	/* Indexes too far apart: closed. */
	sw_put(w, FB_PAGE, 12, sw_get(w, FB_PAGE, 8) + 52);
	sw_kick(w, w->fb_port);
	ck_assert_str_eq(sw_back(w, "vfb", "state"), "5");
	ck_assert_int_eq(display_shown(w->d), -1);
	sw_free(w);
}
END_TEST

/* The shared page becomes a page table while it is connected: we may not write to it any more. */
START_TEST(page_turned)
{
	struct screen_world *w = sw_new();
	u64 mfn = ENV_MFN(FB_PAGE);

	sw_fb_page(w);
	sw_connect_fb(w);
	sw_put(w, FB_PAGE, 12, 1);
	{
		u8 zero[PAGE_SIZE] = { 0 };

		mem_write(&w->e->d->mem, mfn << PAGE_SHIFT, zero, sizeof zero);
		mem_write_u32(&w->e->d->mem, (mfn << PAGE_SHIFT) + 12, 0);
	}
	ck_assert_int_eq(pv_mm_pin(&w->e->pv, mfn, PG_L1), 0);
	mem_write_u32(&w->e->d->mem, (mfn << PAGE_SHIFT) + 8, 0xffffffff);
	sw_kick(w, w->fb_port);
	ck_assert_uint_eq(mem_read_u32(&w->e->d->mem, (mfn << PAGE_SHIFT) + 8), 0xffffffff);
	ck_assert_str_eq(sw_back(w, "vfb", "state"), "5");
	mem_write_u32(&w->e->d->mem, (mfn << PAGE_SHIFT) + 8, 0);
	sw_free(w);
}
END_TEST

START_TEST(saved)
{
	struct screen_world *w = sw_new();
	struct buf b = { 0 };
	struct reader r;
	u32 i, bad = 0;

	sw_fb_page(w);
	sw_pixel(w, 9, 9, 0x99);
	sw_connect_fb(w);
	sw_listen(w);
	state_list_save(&w->e->d->states, &b);
	sw_fb_event(w, 3, 32, 20, 128, 32, 0);
	reader_init(&r, b.p, b.len);
	ck_assert_int_eq(state_list_load(&w->e->d->states, &r), 0);
	ck_assert_int_eq(pv_xenbus_attach(&w->e->pv), 0);
	ck_assert_uint_eq(w->width, FB_WIDTH);
	ck_assert_uint_eq(seen(w, 9, 9), 0x99);
	/* A file that was cut short or changed is refused or loaded, never worse. */
	for (i = 0; i < b.len; i += 1 + b.len / 300) {
		reader_init(&r, b.p, i);
		bad += state_list_load(&w->e->d->states, &r) == 0;
	}
	ck_assert_uint_eq(bad, 0);
	reader_init(&r, b.p, b.len);
	ck_assert_int_eq(state_list_load(&w->e->d->states, &r), 0);
	buf_free(&b);
	sw_free(w);
}
END_TEST

Suite *vfb_suite(void)
{
	Suite *s = suite_create("vfb");
	TCase *t = tcase_create("vfb");

	tcase_set_timeout(t, 30);
	tcase_add_test(t, offers);
	tcase_add_test(t, drawing);
	tcase_add_test(t, silent_guest);
	tcase_add_test(t, sizes_and_depths);
	tcase_add_test(t, hostile_pages);
	tcase_add_test(t, hostile_ring);
	tcase_add_test(t, page_turned);
	tcase_add_test(t, saved);
	suite_add_tcase(s, t);
	return s;
}
