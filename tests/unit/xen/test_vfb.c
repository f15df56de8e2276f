/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The framebuffer's back end: what the guest draws is seen, only what differs is passed on, and nothing it writes harms us.
 */
#include <unistd.h>

#include "base/hash.h"
#include "tests/suites.h"
#include "tests/unit/screen_env.h"
#include "vm/x86.h"

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
	xen_bit_clear(&w->e->d->mem, xen_shared_bits(&w->e->pv.xen, SI_EVTCHN_PENDING), w->fb_port);
	sw_kick(w, w->fb_port);
	ck_assert_uint_eq(sw_get(w, FB_PAGE, 8), 51);
	ck_assert_int_eq(evtchn_pending(&w->e->pv.xen, w->fb_port), 1);
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
	ck_assert_int_eq(state_list_load(&w->e->d->states, &r, NULL), 0);
	ck_assert_int_eq(state_list_loaded(&w->e->d->states, NULL), 0);
	ck_assert_uint_eq(w->width, FB_WIDTH);
	ck_assert_uint_eq(seen(w, 9, 9), 0x99);
	/* A file that was cut short or changed is refused or loaded, never worse. */
	for (i = 0; i < b.len; i += 1 + b.len / 300) {
		reader_init(&r, b.p, i);
		bad += state_list_load(&w->e->d->states, &r, NULL) == 0;
	}
	ck_assert_uint_eq(bad, 0);
	reader_init(&r, b.p, b.len);
	ck_assert_int_eq(state_list_load(&w->e->d->states, &r, NULL), 0);
	/* Frames where there is no memory: black, in a surface that showed something else. */
	ck_assert_uint_eq(seen(w, 9, 9), 0x99);
	for (i = 0; i + FB_FRAMES * 8 <= b.len; i++)
		if (ld64(b.p + i) == ENV_MFN(FB_FIRST) && ld64(b.p + i + 8) == ENV_MFN(FB_FIRST + 1) &&
		    ld64(b.p + i + 16) == ENV_MFN(FB_FIRST + 2))
			break;
	ck_assert_uint_lt(i, b.len - FB_FRAMES * 8);
	st64(b.p + i, ~0ull);
	reader_init(&r, b.p, b.len);
	ck_assert_int_eq(state_list_load(&w->e->d->states, &r, NULL), 0);
	ck_assert_uint_eq(seen(w, 9, 9), 0);
	buf_free(&b);
	sw_free(w);
}
END_TEST

/* ---- what is looked at ------------------------------------------------------------------------------------------- */

/* Looks at once, as a viewer who comes does; how many lines that compared. */
static u32 look(struct screen_world *w)
{
	static const struct listener_ops ops = { sw_switched, sw_update };
	u64 before = vfb_compared(w->fb);

	display_unlisten(display_listen(w->d, &ops, w));
	return (u32)(vfb_compared(w->fb) - before);
}

/* A store by a vCPU, with translation off. */
static void cpu_store(struct screen_world *w, u32 vcpu, u32 frame, u32 off, u32 v)
{
	struct mmu_fault f;
	u8 b[4];

	st32(b, v);
	ck_assert_int_eq(mmu_write(&x86_of(w->e->d->vcpus[vcpu])->mmu, ENV_VA(frame) + off, b, 4, &f), 0);
}

/* A frame of 4 KiB is 16 lines of 256 bytes: just those are compared, and none when nothing was written. */
START_TEST(lines_that_were_written)
{
	struct screen_world *w = sw_new();
	u32 i;

	sw_fb_page(w);
	sw_connect_fb(w);
	ck_assert_uint_eq(w->e->d->mem.attentive, 0); /* nobody looks, nobody pays */
	ck_assert_uint_eq(look(w), FB_HEIGHT);
	ck_assert_uint_eq(look(w), 0);
	sw_fb_event(w, 2, 0, 0, FB_WIDTH, FB_HEIGHT, 0);
	ck_assert_uint_eq(look(w), 0);
	for (i = 0; i < 3; i++) {
		cpu_store(w, 0, FB_FIRST + 1, 4 * i, 5 + i);
		ck_assert_uint_eq(look(w), 16);
		cpu_store(w, i, FB_FIRST + 1, 256 * i, 7 + i);
		cpu_store(w, 3 - i, FB_FIRST + 3, 4 * i, 7 + i); /* the last frame holds 12 lines */
		ck_assert_uint_eq(look(w), 28);
		ck_assert_uint_eq(look(w), 0);
	}
	ck_assert_uint_eq(seen(w, 0, 16), 7);
	ck_assert_uint_eq(seen(w, 2, 16), 7);
	ck_assert_uint_eq(seen(w, 0, 18), 9);
	ck_assert_uint_eq(seen(w, 2, 48), 9);
	/* Frames beyond the picture and before it are none of ours. */
	sw_fb_event(w, 3, 64, 16, 256, 32, 4096 + 512);
	ck_assert_uint_eq(look(w), 16);
	cpu_store(w, 0, FB_FIRST, 4092, 1);
	cpu_store(w, 0, FB_FIRST + 3, 0, 1);
	ck_assert_uint_eq(look(w), 0);
	cpu_store(w, 0, FB_FIRST + 2, 508, 0x4321);
	ck_assert_uint_eq(look(w), 2);
	ck_assert_uint_eq(seen(w, 63, 15), 0x4321);
	cpu_store(w, 0, FB_FIRST + 1, 0, 1); /* in the frame, and not in the picture: no matter */
	ck_assert_uint_eq(look(w), 14);
	sw_write(w, "vfb", "state", "6");
	ck_assert_uint_eq(w->e->d->mem.attentive, 0);
	sw_free(w);
}
END_TEST

/* What the picture is made of comes and goes. */
START_TEST(frames_that_go)
{
	struct screen_world *w = sw_new();

	sw_fb_page(w);
	/* A frame shown twice is found in both places. */
	mem_write_u64(&w->e->d->mem, ENV_VA(FB_LIST) + 16, ENV_MFN(FB_FIRST));
	sw_connect_fb(w);
	look(w);
	cpu_store(w, 0, FB_FIRST, 0, 0x1234);
	ck_assert_uint_eq(look(w), 32);
	ck_assert_uint_eq(seen(w, 0, 0), 0x1234);
	ck_assert_uint_eq(seen(w, 0, 32), 0x1234);
	/* Given away: black, once. */
	cpu_store(w, 0, FB_FIRST + 1, 0, 0xffffff);
	look(w);
	ck_assert_int_eq(pv_mm_release(&w->e->pv, ENV_MFN(FB_FIRST + 1)), 0);
	ck_assert_uint_eq(look(w), 16);
	ck_assert_uint_eq(seen(w, 0, 16), 0);
	ck_assert_uint_eq(look(w), 0);
	{
		u64 mfn;

		ck_assert_int_eq(pv_mm_alloc(&w->e->pv, FB_FIRST + 1, &mfn), 0);
		ck_assert_uint_eq(mfn, ENV_MFN(FB_FIRST + 1));
		ck_assert_uint_eq(look(w), 16);
		cpu_store(w, 0, FB_FIRST + 1, 4, 0x56);
		ck_assert_uint_eq(look(w), 16);
		ck_assert_uint_eq(seen(w, 1, 16), 0x56);
	}
	/* A hypercall's doing: the frame becomes a page table. */
	mem_write(&w->e->d->mem, ENV_VA(FB_FIRST + 3), (const u8[PAGE_SIZE]){ 0 }, PAGE_SIZE);
	look(w);
	ck_assert_int_eq(pv_mm_pin(&w->e->pv, ENV_MFN(FB_FIRST + 3), PG_L1), 0);
	look(w);
	mem_write_u64(&w->e->d->mem, ENV_VA(FB_FIRST + 3), 0xaa00);
	ck_assert_uint_eq(look(w), 12);
	ck_assert_uint_eq(seen(w, 0, 48), 0xaa00);
	mem_write_u64(&w->e->d->mem, ENV_VA(FB_FIRST + 3), 0);
	sw_free(w);
}
END_TEST

/* Far apart means several rectangles, beside each other too; near means one. */
START_TEST(rectangles)
{
	struct screen_world *w = sw_new();
	u32 i, area = 0;

	sw_fb_page(w);
	sw_connect_fb(w);
	sw_listen(w);
	sw_wait(w);
	w->nrects = 0;
	for (i = 0; i < 5; i++) {
		sw_pixel(w, i, 2 + i, 1);
		sw_pixel(w, 60 - i, 2 + i, 1);
		sw_pixel(w, 30, 50 + i, 1);
	}
	sw_fb_event(w, 2, 0, 0, 1, 1, 0);
	sw_wait(w);
	for (i = 0; i < w->nrects; i++)
		area += w->rects[i].w * w->rects[i].h;
	ck_assert_uint_eq(w->nrects, 3);
	ck_assert_uint_eq(area, 25 + 25 + 5);
	w->nrects = 0;
	sw_pixel(w, 10, 20, 1);
	sw_pixel(w, 20, 20, 1);
	sw_pixel(w, 12, 21, 1);
	sw_fb_event(w, 2, 0, 0, 1, 1, 0);
	sw_wait(w);
	ck_assert_uint_eq(w->nrects, 1);
	ck_assert_uint_eq(w->rects[0].w, 11);
	ck_assert_uint_eq(w->rects[0].h, 2);
	sw_free(w);
}
END_TEST

static void surface_known(void *opaque, const struct surface *s)
{
	*(const struct surface **)opaque = s;
}

static u64 shown_hash(struct screen_world *w)
{
	static const struct listener_ops ops = { surface_known, NULL };
	const struct surface *s = NULL;
	struct display_listener *l = display_listen(w->d, &ops, &s);
	u64 h = hash_bytes(HASH_SEED, (const u8 *)s->pixels, (size_t)s->stride * s->height * 4);

	display_unlisten(l);
	return h;
}

/* In each form: what was found bit by bit is what a look at everything finds. */
START_TEST(any_form)
{
	static const struct {
		u32 w, h, stride, depth, offset;
	} t[] = {
		{ 64, 60, 256, 32, 0 },	 { 33, 40, 260, 32, 100 }, { 3, 7, 2052, 32, 1 },  { 80, 64, 240, 24, 17 },
		{ 31, 100, 97, 24, 4095 }, { 128, 64, 256, 16, 0 }, { 100, 60, 203, 16, 4096 }, { 256, 64, 256, 8, 0 },
		{ 1, 1, 0xffffffff, 8, 16383 }, { 61, 200, 61, 8, 777 }, { 4000, 1, 16000, 32, 384 }, { 2000, 2, 8190, 32, 3 },
	};
	struct screen_world *w = sw_new();
	u64 seed = 1;
	u32 i, n, k, wrong = 0, nothing = 0;

	sw_fb_page(w);
	sw_connect_fb(w);
	for (i = 0; i < ARRAY_SIZE(t); i++) {
		u64 last = 0;

		sw_fb_event(w, 3, t[i].w, t[i].h, t[i].stride, t[i].depth, t[i].offset);
		look(w);
		for (n = 0; n < 40; n++) {
			u64 found;

			for (k = 0; k < 1 + n % 3; k++) {
				u64 r = seed = hash_u64(seed, n);

				if (r & 1)
					cpu_store(w, r >> 1 & 3, FB_FIRST + (r >> 8) % FB_FRAMES, r >> 16 & 0xffc, (u32)(r >> 32));
				else
					sw_put(w, FB_FIRST + (r >> 8) % FB_FRAMES, r >> 16 & 0xffc, (u32)(r >> 32));
			}
			found = shown_hash(w);
			sw_fb_event(w, 3, t[i].w, t[i].h, t[i].stride, t[i].depth, t[i].offset);
			wrong += shown_hash(w) != found;
			nothing += found == last;
			last = found;
		}
	}
	ck_assert_uint_eq(wrong, 0);
	ck_assert_uint_lt(nothing, 200);
	sw_free(w);
}
END_TEST

/* A guest that never says anything, and does nothing: at the refresh rate no pixel is compared and no CPU disturbed. */
START_TEST(idle)
{
	struct screen_world *w = sw_new();
	u64 lines;

	sw_fb_page(w);
	sw_write(w, "vfb", "feature-update", "0");
	sw_number(w, "vfb", "page-ref", ENV_MFN(FB_PAGE));
	sw_number(w, "vfb", "event-channel", sw_port(w));
	sw_write(w, "vfb", "state", "3");
	sw_listen(w);
	sw_wait(w);
	cpu_store(w, 0, FB_LIST, 0, 1);
	lines = vfb_compared(w->fb);
	w->updates = 0;
	sw_wait(w);
	sw_wait(w);
	ck_assert_uint_eq(vfb_compared(w->fb), lines);
	ck_assert_uint_eq(w->updates, 0);
	ck_assert_ptr_nonnull(mmu_hit_write(&x86_of(w->e->d->vcpus[0])->mmu, ENV_VA(FB_LIST), 4));
	cpu_store(w, 2, FB_FIRST + 2, 0, 1);
	sw_wait(w);
	ck_assert_uint_eq(vfb_compared(w->fb), lines + 16);
	ck_assert_uint_eq(w->updates, 1);
	sw_free(w);
}
END_TEST

/* A fork of the memory: what one draws is not new to the other. */
START_TEST(forked)
{
	struct screen_world *w = sw_new();
	struct mem child;

	sw_fb_page(w);
	sw_connect_fb(w);
	look(w);
	ck_assert_int_eq(mem_init(&child, w->e->d->mem.pool, w->e->d->mem.limit), 0);
	ck_assert_int_eq(mem_fork(&child, &w->e->d->mem), 0);
	mem_write_u32(&child, ENV_VA(FB_FIRST), 0x111111);
	ck_assert_uint_eq(look(w), 0);
	cpu_store(w, 0, FB_FIRST, 0, 0x222222);
	ck_assert_uint_eq(look(w), 16);
	ck_assert_uint_eq(seen(w, 0, 0), 0x222222);
	mem_free(&child);
	ck_assert_uint_eq(look(w), 0);
	sw_free(w);
}
END_TEST

/* What is noted is drawn from a fork, whatever the guest has done since; a look is not needed, and none is taken. */
START_TEST(noted)
{
	struct screen_world *w = sw_new();
	struct console_note *n;
	struct mem then;
	u32 line[FB_WIDTH];
	u64 compared;

	ck_assert_ptr_null(display_note(w->d));
	sw_fb_page(w);
	sw_connect_fb(w);
	sw_pixel(w, 3, 20, 0xff123456); /* of the second frame */
	compared = vfb_compared(w->fb);
	n = display_note(w->d);
	ck_assert_ptr_nonnull(n);
	ck_assert_uint_eq(n->width, FB_WIDTH);
	ck_assert_uint_eq(n->height, FB_HEIGHT);
	ck_assert_int_eq(mem_init(&then, w->e->d->mem.pool, w->e->d->mem.limit), 0);
	ck_assert_int_eq(mem_fork(&then, &w->e->d->mem), 0);
	sw_pixel(w, 3, 20, 0);
	sw_write(w, "vfb", "state", "6");
	n->line(n, &then, 20, line);
	ck_assert_uint_eq(line[3], 0x123456);
	ck_assert_uint_eq(line[2], 0);
	n->line(n, &then, FB_HEIGHT - 1, line);
	ck_assert_uint_eq(line[3], 0);
	ck_assert_uint_eq(vfb_compared(w->fb), compared);
	n->free(n);
	mem_free(&then);
	ck_assert_ptr_null(display_note(w->d));
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
	tcase_add_test(t, lines_that_were_written);
	tcase_add_test(t, frames_that_go);
	tcase_add_test(t, rectangles);
	tcase_add_test(t, any_form);
	tcase_add_test(t, idle);
	tcase_add_test(t, forked);
	tcase_add_test(t, noted);
	suite_add_tcase(s, t);
	return s;
}
