/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Consoles, listeners and what goes between them. Changes are gathered as rectangles and handed on by a timer that lives
 * only while there are some: a screen on which nothing happens costs nothing. While there is an overlay listeners get a copy
 * with it on top; else the console's own surface. Left out: a console for each listener.
 */
#include "hw/host/display/display.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hw/host/display/keys.h"

#define RECTS 16u

struct display_console {
	struct display *d;
	u32 slot;
	char name[32];
	const struct console_ops *ops;
	void *opaque;
	struct surface s;
	struct rect dirty[RECTS];
	u32 ndirty;
	bool poked;
};

struct display_listener {
	struct display *d;
	struct display_listener *next;
	const struct listener_ops *ops;
	void *opaque;
};

struct display {
	struct poll_set *poll;
	struct poll_item *timer; /* NULL while nothing changes */
	struct display_console *consoles[DISPLAY_CONSOLES];
	struct display_listener *listeners;
	int shown, chosen; /* slots; -1: none */
	u8 held[KEYS / 8]; /* keys that the shown console was told are down */
	u32 ctrl, alt;     /* those keys that are really down: bit 0 left, bit 1 right */
	bool (*hotkey)(void *opaque, u32 code);
	void *hotkey_opaque;
	u32 hot;           /* the key that hotkey() took and that is still down; 0: none */
	const struct overlay_ops *over; /* NULL: none */
	void *over_opaque;
	bool over_keys;    /* keys are the overlay's */
	const struct surface *over_s; /* what it shows; NULL: nothing */
	struct rect over_at; /* where, cut to the screen */
	struct surface composed; /* the shown surface and it */
	i32 x, y;          /* of the pointer, where it was said last */
	u32 buttons;
};

struct display *display_new(struct poll_set *poll)
{
	struct display *d = calloc(1, sizeof *d);

	if (!d)
		return NULL;
	d->poll = poll;
	d->shown = d->chosen = -1;
	return d;
}

void display_free(struct display *d)
{
	u32 i;

	if (!d)
		return;
	for (i = 0; i < DISPLAY_CONSOLES; i++)
		display_console_remove(d->consoles[i]);
	while (d->listeners)
		display_unlisten(d->listeners);
	poll_remove(d->poll, d->timer);
	free(d->composed.pixels);
	free(d);
}

static struct display_console *shown(const struct display *d)
{
	return d->shown < 0 ? NULL : d->consoles[d->shown];
}

/* ---- what changed ---------------------------------------------------------------------------------------------- */

static u64 area(const struct rect *r)
{
	return (u64)r->w * r->h;
}

/* Joins r with the one where that adds least, unless it stands better alone. */
static void add_rect(struct display_console *c, struct rect r)
{
	u64 best = UINT64_MAX;
	u32 i, at = 0;

	for (i = 0; i < c->ndirty; i++) {
		struct rect u = rect_join(&c->dirty[i], &r);
		u64 both = area(&c->dirty[i]) + area(&r), grows = area(&u) > both ? area(&u) - both : 0;

		if (grows < best) {
			best = grows;
			at = i;
		}
	}
	if (c->ndirty < RECTS && best > area(&r) / 4) {
		c->dirty[c->ndirty++] = r;
		return;
	}
	r = rect_join(&c->dirty[at], &r);
	c->dirty[at] = c->dirty[--c->ndirty];
	if (c->ndirty)
		add_rect(c, r);
	else
		c->dirty[c->ndirty++] = r;
}

/* ---- the overlay ----------------------------------------------------------------------------------------------- */

static void copy_lines(const struct surface *to, const struct surface *from, const struct rect *r, u32 x, u32 y)
{
	u32 i;

	for (i = 0; i < r->h; i++)
		memcpy(to->pixels + (size_t)(r->y + i) * to->stride + r->x, from->pixels + (size_t)(r->y + i - y) * from->stride + r->x - x,
		       r->w * sizeof(u32));
}

/* A part of the shown surface, with what is over it. */
static void compose(struct display *d, const struct display_console *c, const struct rect *r)
{
	const struct rect *o = &d->over_at;
	u32 x = MAX(r->x, o->x), y = MAX(r->y, o->y), right = MIN(r->x + r->w, o->x + o->w), bottom = MIN(r->y + r->h, o->y + o->h);

	copy_lines(&d->composed, &c->s, r, 0, 0);
	if (x < right && y < bottom)
		copy_lines(&d->composed, d->over_s, &(struct rect){ x, y, right - x, bottom - y }, o->x, o->y);
}

static void drop_composed(struct display *d)
{
	free(d->composed.pixels);
	d->composed = (struct surface){ 0 };
	d->over_s = NULL;
	d->over_at = (struct rect){ 0, 0, 0, 0 };
}

/* Asks the overlay what it shows on c; what listeners get is whole afterwards. */
static void look_over(struct display *d, const struct display_console *c)
{
	u32 w = c->s.width, h = c->s.height, x = 0, y = 0;
	const struct surface *s = d->over && c->s.pixels && d->listeners ? d->over->picture(d->over_opaque, w, h, &x, &y) : NULL;
	u32 *pixels = d->composed.pixels;

	if (!s || x >= w || y >= h || !s->width || !s->height) {
		drop_composed(d);
		return;
	}
	if (!pixels || d->composed.width != w || d->composed.height != h) {
		drop_composed(d);
		pixels = malloc((size_t)w * h * sizeof *pixels);
		if (!pixels)
			return;
		d->composed = (struct surface){ w, h, w, pixels };
	}
	d->over_s = s;
	d->over_at = (struct rect){ x, y, MIN(s->width, w - x), MIN(s->height, h - y) };
	compose(d, c, &(struct rect){ 0, 0, w, h });
}

/* What listeners see of c. */
static const struct surface *seen(const struct display *d, const struct display_console *c)
{
	return d->composed.pixels ? &d->composed : &c->s;
}

static void flush(struct display *d, struct display_console *c)
{
	struct rect r[RECTS];
	struct display_listener *l, *next;
	u32 n = c->ndirty, i;

	memcpy(r, c->dirty, n * sizeof *r);
	c->ndirty = 0;
	for (i = 0; i < n && d->composed.pixels; i++)
		compose(d, c, &r[i]);
	for (l = d->listeners; l && n; l = next) {
		next = l->next;
		if (l->ops->update)
			l->ops->update(l->opaque, seen(d, c), r, n);
	}
}

static void on_timer(void *opaque, u32 events)
{
	struct display *d = opaque;
	struct display_console *c = shown(d);

	if (c && c->poked) {
		c->poked = false;
		if (c->ops->refresh)
			c->ops->refresh(c->opaque);
	}
	if (c && c->ndirty) {
		flush(d, c);
		return;
	}
	if (c && c->poked)
		return;
	poll_remove(d->poll, d->timer);
	d->timer = NULL;
}

static void arm(struct display_console *c)
{
	struct display *d = c->d;

	if (!d->timer && d->listeners && d->poll && shown(d) == c)
		d->timer = poll_every(d->poll, DISPLAY_REFRESH, on_timer, d);
}

void display_poke(struct display_console *c)
{
	c->poked = true;
	arm(c);
}

void display_changed(struct display_console *c, u32 x, u32 y, u32 w, u32 h)
{
	if (!c->s.pixels || x >= c->s.width || y >= c->s.height || !w || !h)
		return;
	if (!c->d->listeners || shown(c->d) != c)
		return;
	add_rect(c, (struct rect){ x, y, MIN(w, c->s.width - x), MIN(h, c->s.height - y) });
	arm(c);
}

/* ---- consoles -------------------------------------------------------------------------------------------------- */

static void tell_switched(struct display *d)
{
	static const struct surface nothing = { 0 };
	struct display_console *c = shown(d);
	struct display_listener *l, *next;

	if (c) {
		c->ndirty = 0;
		c->poked = false;
		if (c->ops->refresh && d->listeners)
			c->ops->refresh(c->opaque);
		c->ndirty = 0;
		look_over(d, c);
	} else {
		drop_composed(d);
	}
	for (l = d->listeners; l; l = next) {
		next = l->next;
		l->ops->switched(l->opaque, c ? seen(d, c) : &nothing);
	}
}

static bool visible(const struct display *d, int slot)
{
	return slot >= 0 && d->consoles[slot] && d->consoles[slot]->s.pixels;
}

/* Shows what should be shown now. changed: the surface of this slot is another one. */
static void reconsider(struct display *d, int changed)
{
	int want = d->chosen, i;

	if (!visible(d, want))
		for (i = 0, want = -1; i < (int)DISPLAY_CONSOLES && want < 0; i++)
			if (visible(d, i))
				want = i;
	if (want != d->shown) {
		display_release_keys(d);
		d->shown = want;
		d->buttons = 0;
	} else if (want != changed || want < 0) {
		return;
	}
	tell_switched(d);
}

struct display_console *display_console_add(struct display *d, u32 slot, const char *name, const struct console_ops *ops,
					    void *opaque)
{
	struct display_console *c;

	if (slot >= DISPLAY_CONSOLES || d->consoles[slot] || !(c = calloc(1, sizeof *c)))
		return NULL;
	c->d = d;
	c->slot = slot;
	strncpy(c->name, name, sizeof c->name - 1);
	c->ops = ops;
	c->opaque = opaque;
	d->consoles[slot] = c;
	return c;
}

void display_console_remove(struct display_console *c)
{
	struct display *d;

	if (!c)
		return;
	d = c->d;
	if (d->shown == (int)c->slot) {
		memset(d->held, 0, sizeof d->held); /* nobody is there to be told */
		d->shown = -1;
	}
	d->consoles[c->slot] = NULL;
	reconsider(d, (int)c->slot);
	free(c->s.pixels);
	free(c);
}

int display_resize(struct display_console *c, u32 width, u32 height)
{
	u32 *pixels = NULL;

	if (width > DISPLAY_MAX_WIDTH || height > DISPLAY_MAX_HEIGHT)
		return -EINVAL;
	if (width && height) {
		pixels = calloc((size_t)width * height, sizeof *pixels);
		if (!pixels)
			return -ENOMEM;
	} else if (!c->s.pixels) {
		return 0;
	} else {
		width = height = 0;
	}
	free(c->s.pixels);
	c->s = (struct surface){ width, height, width, pixels };
	c->ndirty = 0;
	reconsider(c->d, (int)c->slot);
	return 0;
}

const struct surface *display_surface(const struct display_console *c)
{
	return &c->s;
}

/* ---- listeners ------------------------------------------------------------------------------------------------- */

struct display_listener *display_listen(struct display *d, const struct listener_ops *ops, void *opaque)
{
	static const struct surface nothing = { 0 };
	struct display_listener *l = calloc(1, sizeof *l);
	struct display_console *c = shown(d);

	if (!l)
		return NULL;
	l->d = d;
	l->ops = ops;
	l->opaque = opaque;
	/* What nobody looked at so far is drawn now, and the others are told by the timer. */
	l->next = d->listeners;
	d->listeners = l;
	if (c && c->ops->refresh)
		c->ops->refresh(c->opaque);
	if (c)
		look_over(d, c);
	ops->switched(opaque, c ? seen(d, c) : &nothing);
	return l;
}

void display_unlisten(struct display_listener *l)
{
	struct display_listener **p;

	if (!l)
		return;
	for (p = &l->d->listeners; *p != l; p = &(*p)->next)
		;
	*p = l->next;
	free(l);
}

bool display_watched(const struct display *d)
{
	return d->listeners != NULL;
}

/* ---- over the screen ------------------------------------------------------------------------------------------- */

void display_set_overlay(struct display *d, const struct overlay_ops *ops, void *opaque)
{
	d->over = ops;
	d->over_opaque = opaque;
	if (!ops)
		d->over_keys = false;
	display_overlay_changed(d);
}

void display_overlay_changed(struct display *d)
{
	struct display_console *c = shown(d);
	struct rect before = d->over_at;

	if (!c)
		return;
	look_over(d, c);
	if (before.w)
		display_changed(c, before.x, before.y, before.w, before.h);
	display_changed(c, d->over_at.x, d->over_at.y, d->over_at.w, d->over_at.h);
}

void display_overlay_keys(struct display *d, bool on)
{
	u32 ctrl = d->ctrl, alt = d->alt, hot = d->hot;

	if (on && !d->over_keys) {
		display_release_keys(d);
		/* The person still holds them. */
		d->ctrl = ctrl;
		d->alt = alt;
		d->hot = hot;
		if (d->buttons)
			display_mouse_button(d, 0);
	}
	d->over_keys = on;
}

/* ---- input ----------------------------------------------------------------------------------------------------- */

void display_on_hotkey(struct display *d, bool (*hotkey)(void *opaque, u32 code), void *opaque)
{
	d->hotkey = hotkey;
	d->hotkey_opaque = opaque;
}

static bool is_held(const struct display *d, u32 code)
{
	return d->held[code / 8] >> (code % 8) & 1;
}

static void tell_key(struct display *d, u32 code, u32 ch, bool down)
{
	struct display_console *c = shown(d);

	if (down)
		d->held[code / 8] |= (u8)(1u << (code % 8));
	else
		d->held[code / 8] &= (u8) ~(1u << (code % 8));
	if (c && c->ops->key)
		c->ops->key(c->opaque, code, ch, down);
}

static void note(u32 *which, u32 bit, bool down)
{
	*which = down ? *which | bit : *which & ~bit;
}

void display_key(struct display *d, u32 code, u32 ch, bool down)
{
	if (!code || code >= KEYS) {
		if (d->over_keys)
			return;
		/* A character no key of ours types: a text console takes it all the same. */
		if (ch && ch != DISPLAY_NO_CHAR && down && shown(d) && shown(d)->ops->key)
			shown(d)->ops->key(shown(d)->opaque, 0, ch, true);
		return;
	}
	if (code == KEY_LEFTCTRL || code == KEY_RIGHTCTRL)
		note(&d->ctrl, code == KEY_LEFTCTRL ? 1 : 2, down);
	if (code == KEY_LEFTALT || code == KEY_RIGHTALT)
		note(&d->alt, code == KEY_LEFTALT ? 1 : 2, down);
	if (down && d->ctrl && d->alt && code >= KEY_1 && code < KEY_1 + DISPLAY_CONSOLES) {
		display_select(d, code - KEY_1);
		return;
	}
	/* A key that is held says again and again that it is down. */
	if (code == d->hot && down)
		return;
	if (code == d->hot)
		d->hot = 0;
	if (down && d->ctrl && d->alt && d->hotkey && d->hotkey(d->hotkey_opaque, code)) {
		d->hot = code;
		return;
	}
	if (d->over_keys) {
		if (down && d->over->key)
			d->over->key(d->over_opaque, code, ch);
		return;
	}
	/* The release of a key that was pressed elsewhere is nothing to this console. */
	if (down || is_held(d, code))
		tell_key(d, code, ch, down);
}

void display_release_keys(struct display *d)
{
	u32 code;

	for (code = 1; code < KEYS; code++)
		if (is_held(d, code))
			tell_key(d, code, 0, false);
	d->ctrl = d->alt = d->hot = 0;
}

bool display_wants_absolute(const struct display *d)
{
	struct display_console *c = shown(d);

	return c && c->ops->absolute && c->ops->absolute(c->opaque);
}

void display_pointer(struct display *d, const struct pointer_event *ev)
{
	struct display_console *c = shown(d);
	struct pointer_event e = *ev;

	if (!c || !c->s.pixels || d->over_keys)
		return;
	if (e.absolute) {
		e.x = MIN(MAX(e.x, 0), (i32)c->s.width - 1);
		e.y = MIN(MAX(e.y, 0), (i32)c->s.height - 1);
	}
	/* What the shower has and what the console wants may differ. */
	if (e.absolute && c->ops->absolute && !c->ops->absolute(c->opaque)) {
		i32 x = e.x, y = e.y;

		e.absolute = false;
		e.x = x - d->x;
		e.y = y - d->y;
		d->x = x;
		d->y = y;
	} else if (e.absolute) {
		d->x = e.x;
		d->y = e.y;
	} else if (display_wants_absolute(d)) {
		e.absolute = true;
		e.x = d->x = MIN(MAX(d->x + MIN(MAX(e.x, -65536), 65536), 0), (i32)c->s.width - 1);
		e.y = d->y = MIN(MAX(d->y + MIN(MAX(e.y, -65536), 65536), 0), (i32)c->s.height - 1);
	}
	d->buttons = e.buttons;
	if (c->ops->pointer)
		c->ops->pointer(c->opaque, &e);
}

/* ---- commands -------------------------------------------------------------------------------------------------- */

int display_shown(const struct display *d)
{
	return d->shown;
}

int display_select(struct display *d, u32 slot)
{
	u32 ctrl = d->ctrl, alt = d->alt;

	if (slot >= DISPLAY_CONSOLES || !visible(d, (int)slot))
		return -ENOENT;
	d->chosen = (int)slot;
	reconsider(d, -1);
	/* The person still holds them: Ctrl-Alt-1 may follow Ctrl-Alt-2. */
	d->ctrl = ctrl;
	d->alt = alt;
	return 0;
}

const char *display_describe(const struct display *d, u32 slot, u32 *width, u32 *height)
{
	const struct display_console *c = slot < DISPLAY_CONSOLES ? d->consoles[slot] : NULL;

	*width = c ? c->s.width : 0;
	*height = c ? c->s.height : 0;
	return c ? c->name : NULL;
}

int display_screendump(struct display *d, int slot, const char *path, enum screendump_format format, struct error *e)
{
	struct display_console *c = slot < 0 ? shown(d) : slot < (int)DISPLAY_CONSOLES ? d->consoles[slot] : NULL;

	if (!c || !c->s.pixels)
		return error_set(e, -ENOENT, "there is no picture to dump: this console shows nothing");
	if (c->ops->refresh)
		c->ops->refresh(c->opaque);
	return picture_write(&c->s, path, format, e);
}

struct console_note *display_note(const struct display *d)
{
	struct display_console *c = shown(d);

	return c && c->ops->note ? c->ops->note(c->opaque) : NULL;
}

int display_send_key(struct display *d, u32 code, bool down)
{
	if (!code || code >= KEYS)
		return -EINVAL;
	if (down || is_held(d, code))
		tell_key(d, code, 0, down);
	return 0;
}

void display_mouse_move(struct display *d, i32 dx, i32 dy, i32 wheel)
{
	struct pointer_event ev = { .x = dx, .y = dy, .wheel = wheel, .buttons = d->buttons };

	display_pointer(d, &ev);
}

void display_mouse_button(struct display *d, u32 buttons)
{
	struct pointer_event ev = { .buttons = buttons };

	display_pointer(d, &ev);
}
