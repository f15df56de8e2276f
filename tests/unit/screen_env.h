/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A paravirtual domain with a framebuffer and a keyboard, and a front end that behaves as Linux's does as long as nobody
 * tells it otherwise. Frame FB_PAGE is the framebuffer's shared page, FB_LIST the list of its frames, FB_FIRST those.
 */
#ifndef TESTS_UNIT_SCREEN_ENV_H
#define TESTS_UNIT_SCREEN_ENV_H

#include "hw/host/display/keys.h"
#include "tests/unit/pv_env.h"
#include "xen/backend/vfb.h"
#include "xen/backend/vkbd.h"
#include "xen/grant.h"
#include "xen/store/impl.h"

#define SCREEN_ME 7u
#define FB_PAGE 5u
#define FB_LIST 6u
#define KBD_PAGE 7u
#define FB_FIRST 8u
#define FB_FRAMES 4u
#define FB_WIDTH 64u
#define FB_HEIGHT 60u
#define FB_STRIDE (FB_WIDTH * 4)
#define FB_BYTES (FB_FRAMES * (u32)PAGE_SIZE)
#define SCREEN_L1 12u /* a page table */

struct screen_world {
	struct env *e;
	struct poll_set *poll;
	struct display *d;
	struct vfb *fb;
	struct vkbd *kbd;
	struct display_listener *listener;
	u32 switches, updates;
	struct rect rects[32];
	u32 nrects, width, height;
	u32 fb_port, kbd_port;
};

static inline void sw_switched(void *opaque, const struct surface *s)
{
	struct screen_world *w = opaque;

	w->switches++;
	w->width = s->width;
	w->height = s->height;
}

static inline void sw_update(void *opaque, const struct surface *s, const struct rect *r, u32 n)
{
	struct screen_world *w = opaque;
	u32 i;

	w->updates++;
	for (i = 0; i < n && w->nrects < 32; i++)
		w->rects[w->nrects++] = r[i];
}

static inline struct screen_world *sw_new(void)
{
	struct screen_world *w = calloc(1, sizeof *w);
	struct xs_perm ro[2] = { { 0, XS_PERM_NONE }, { SCREEN_ME, XS_PERM_READ } };
	struct error e = { "" };

	ck_assert_ptr_nonnull(w);
	w->e = env_new();
	w->e->pv.xen.s.console_mfn = ENV_MFN(2);
	w->e->pv.xen.s.store_mfn = ENV_MFN(3);
	w->poll = poll_set_new();
	w->d = display_new(w->poll);
	if (grants_init(&w->e->pv.xen) || pv_mm_pin(&w->e->pv, ENV_MFN(SCREEN_L1), PG_L1) || xs_domain_init(&w->e->pv.xen) ||
	    xs_mkdir(w->e->pv.xen.store, "/local/domain/7/device") ||
	    xs_set_perms(w->e->pv.xen.store, "/local/domain/7/device", ro, 2) || xenbus_init(&w->e->pv.xen) ||
	    vfb_add(&w->e->pv.xen, w->d, 0, &w->fb, &e) || vkbd_add(&w->e->pv.xen, w->fb, &w->kbd, &e))
		ck_abort_msg("%s", e.text);
	return w;
}

static inline void sw_free(struct screen_world *w)
{
	struct env *e = w->e;
	const char *bad;
	u64 mfn;

	display_unlisten(w->listener);
	xenbus_free(&e->pv.xen);
	xs_domain_free(&e->pv.xen);
	bad = pv_mm_check(&e->pv, &mfn);
	ck_assert_msg(!bad, "%s", bad ? bad : "");
	grants_free(&e->pv.xen);
	env_free(e);
	vfb_free(w->fb);
	vkbd_free(w->kbd);
	display_free(w->d);
	poll_set_free(w->poll);
	free(w);
}

static inline int sw_write(struct screen_world *w, const char *dev, const char *key, const char *text)
{
	char path[128];

	snprintf(path, sizeof path, "/local/domain/7/device/%s/0/%s", dev, key);
	return xs_do_write(xs_guest(w->e->pv.xen.store, SCREEN_ME), w->e->pv.xen.store, NULL, path, text, strlen(text));
}

static inline void sw_number(struct screen_world *w, const char *dev, const char *key, u64 v)
{
	char text[24];

	snprintf(text, sizeof text, "%llu", (unsigned long long)v);
	sw_write(w, dev, key, text);
}

static inline u32 sw_port(struct screen_world *w)
{
	return env_evtchn(w->e, 6, DOMID_SELF, 0, 0) ? 0 : env_arg(w->e, 1);
}

static inline const char *sw_back(struct screen_world *w, const char *dev, const char *key)
{
	char path[128];
	const char *p;

	snprintf(path, sizeof path, "/local/domain/0/backend/%s/7/0/%s", dev, key);
	p = xs_read(w->e->pv.xen.store, path, NULL);
	return p ? p : "(none)";
}

static inline void sw_put(struct screen_world *w, u32 frame, u32 off, u32 v)
{
	mem_write_u32(&w->e->d->mem, ENV_VA(frame) + off, v);
}

static inline u32 sw_get(struct screen_world *w, u32 frame, u32 off)
{
	return mem_read_u32(&w->e->d->mem, ENV_VA(frame) + off);
}

/* The shared page as Linux's front end fills it. */
static inline void sw_fb_page(struct screen_world *w)
{
	u32 i;

	sw_put(w, FB_PAGE, 16, FB_WIDTH);
	sw_put(w, FB_PAGE, 20, FB_HEIGHT);
	sw_put(w, FB_PAGE, 24, FB_STRIDE);
	sw_put(w, FB_PAGE, 28, FB_BYTES);
	sw_put(w, FB_PAGE, 32, 32);
	mem_write_u64(&w->e->d->mem, ENV_VA(FB_PAGE) + 40, ENV_MFN(FB_LIST));
	for (i = 0; i < FB_FRAMES; i++)
		mem_write_u64(&w->e->d->mem, ENV_VA(FB_LIST) + i * 8, ENV_MFN(FB_FIRST + i));
}

static inline void sw_connect_fb(struct screen_world *w)
{
	sw_number(w, "vfb", "page-ref", ENV_MFN(FB_PAGE));
	w->fb_port = sw_port(w);
	sw_number(w, "vfb", "event-channel", w->fb_port);
	sw_write(w, "vfb", "protocol", "x86_64-abi");
	sw_write(w, "vfb", "feature-update", "1");
	sw_write(w, "vfb", "state", "3");
	sw_write(w, "vfb", "state", "4");
}

static inline void sw_connect_kbd(struct screen_world *w)
{
	sw_number(w, "vkbd", "page-ref", ENV_MFN(KBD_PAGE));
	w->kbd_port = sw_port(w);
	sw_number(w, "vkbd", "event-channel", w->kbd_port);
	sw_write(w, "vkbd", "state", "3");
	sw_write(w, "vkbd", "state", "4");
}

static inline void sw_kick(struct screen_world *w, u32 port)
{
	env_evtchn(w->e, 4, port, 0, 0);
}

/* An event of the framebuffer: its kind and up to five words. */
static inline void sw_fb_event(struct screen_world *w, u32 kind, u32 a, u32 b, u32 c, u32 d, u32 f)
{
	u32 prod = sw_get(w, FB_PAGE, 12), at = 2048 + prod % 51 * 40;

	sw_put(w, FB_PAGE, at, kind);
	sw_put(w, FB_PAGE, at + 4, a);
	sw_put(w, FB_PAGE, at + 8, b);
	sw_put(w, FB_PAGE, at + 12, c);
	sw_put(w, FB_PAGE, at + 16, d);
	sw_put(w, FB_PAGE, at + 20, f);
	sw_put(w, FB_PAGE, 12, prod + 1);
	sw_kick(w, w->fb_port);
}

static inline void sw_pixel(struct screen_world *w, u32 x, u32 y, u32 c)
{
	mem_write_u32(&w->e->d->mem, ENV_VA(FB_FIRST) + y * FB_STRIDE + x * 4, c);
}

static inline void sw_door(struct screen_world *w)
{
	door_open(&w->e->d->door, 0, 0);
}

/* Lets some time pass on the host. */
static inline void sw_wait(struct screen_world *w)
{
	u64 end = host_now() + 3 * (u64)DISPLAY_REFRESH;

	while (host_now() < end)
		poll_wait(w->poll, DISPLAY_REFRESH);
}

static inline void sw_listen(struct screen_world *w)
{
	static const struct listener_ops ops = { sw_switched, sw_update };

	w->listener = display_listen(w->d, &ops, w);
}

#endif
