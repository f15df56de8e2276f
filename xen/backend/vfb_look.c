/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Looking at the guest's picture: the lines whose frames were written since the last look are compared with what is shown,
 * and what differs is named as rectangles. A picture that nobody writes to costs a look at a bit for each of its frames.
 */
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "xen/backend/vfb_impl.h"

#define OPEN 8u /* rectangles that may grow at a time */
#define GAP 32u /* pixels: changes that are nearer than this in a line go together */

/* What differs, while lines are compared from top to bottom. */
struct changes {
	struct display_console *console;
	struct rect open[OPEN];
	u32 n;
};

static u32 pixel(const u8 *p, u32 depth)
{
	u32 c;

	switch (depth) {
	case 32:
		return ld32(p) & 0xffffff;
	case 24:
		return p[0] | (u32)p[1] << 8 | (u32)p[2] << 16;
	case 16:
		c = ld16(p);
		return (c >> 8 & 0xf8) << 16 | (c >> 13 & 7) << 16 | (c >> 3 & 0xfc) << 8 | (c >> 9 & 3) << 8 |
		       (c << 3 & 0xf8) | (c >> 2 & 7);
	default: /* 3 bits red, 3 green, 2 blue */
		c = *p;
		return (c >> 5) * 255 / 7 << 16 | (c >> 2 & 7) * 255 / 7 << 8 | (c & 3) * 255 / 3;
	}
}

/* The pixels of a line. What the guest gave away is black. */
static void fetch(const struct vfb *v, u32 y, u8 *raw, u32 *out)
{
	u32 size = v->s.depth / 8, at = v->s.offset + y * v->s.stride, n = v->s.width * size, got = 0, x;

	while (got < n) {
		u32 k = MIN(n - got, (u32)PAGE_SIZE - (at & (u32)(PAGE_SIZE - 1)));
		u64 mfn = v->frames[at >> PAGE_SHIFT];
		const u8 *p = xen_owned(v->p, mfn) ? mem_ro(&v->p->d->mem, mfn) : NULL;

		if (p)
			memcpy(raw + got, p + (at & (u32)(PAGE_SIZE - 1)), k);
		else
			memset(raw + got, 0, k);
		got += k;
		at += k;
	}
	for (x = 0; x < v->s.width; x++)
		out[x] = pixel(raw + x * size, v->s.depth);
}

/* Pixels [a, b) of line y differ. */
static void change(struct changes *c, u32 y, u32 a, u32 b)
{
	struct rect r = { a, y, b - a, 1 };
	u32 i;

	for (i = 0; i < c->n; i++)
		if (a < c->open[i].x + c->open[i].w + GAP && c->open[i].x < b + GAP)
			break;
	if (i == c->n) {
		if (c->n < OPEN) {
			c->open[c->n++] = r;
			return;
		}
		i = 0;
	}
	c->open[i] = rect_join(&c->open[i], &r);
}

/* Rectangles that do not hold a part of line y are done. */
static void close_above(struct changes *c, u32 y)
{
	u32 i = 0;

	while (i < c->n) {
		const struct rect *r = &c->open[i];

		if (r->y + r->h > y) {
			i++;
			continue;
		}
		display_changed(c->console, r->x, r->y, r->w, r->h);
		c->open[i] = c->open[--c->n];
	}
}

/* Lines [y0, y1) with the surface. */
static void compare(struct vfb *v, u32 y0, u32 y1, u8 *raw, u32 *line)
{
	const struct surface *s = display_surface(v->console);
	struct changes c = { .console = v->console };
	u32 y, x, w = v->s.width;

	for (y = y0; y < y1; y++) {
		u32 *old = s->pixels + (size_t)y * s->stride;

		fetch(v, y, raw, line);
		v->compared++;
		if (memcmp(old, line, w * sizeof *line)) {
			u32 first = w, last = 0; /* of the run at hand */

			for (x = 0; x < w; x++) {
				if (old[x] == line[x])
					continue;
				if (first < w && x - last > GAP) {
					change(&c, y, first, last + 1);
					first = x;
				}
				first = MIN(first, x);
				last = x;
			}
			change(&c, y, first, last + 1);
			memcpy(old, line, w * sizeof *line);
		}
		close_above(&c, y);
	}
	close_above(&c, y1);
}

/* The lines that frame i of the picture has a part of: [*y0, *y1). */
static void lines_of(const struct vfb_state *s, u32 i, u32 *y0, u32 *y1)
{
	u64 from = (u64)i << PAGE_SHIFT, to = from + PAGE_SIZE;

	from = from > s->offset ? from - s->offset : 0;
	to = to > s->offset ? to - s->offset : 0;
	*y0 = (u32)MIN(from / s->stride, (u64)s->height);
	*y1 = (u32)MIN(DIV_UP(to, (u64)s->stride), (u64)s->height);
}

static void compare_new(struct vfb *v, u32 first, u32 last, u8 *raw, u32 *line)
{
	u32 begin = 0, end = 0, i, y0, y1; /* lines [begin, end) are to be compared */

	for (i = first; i <= last; i++) {
		if (!mem_look_new(&v->look, v->frames[i]))
			continue;
		lines_of(&v->s, i, &y0, &y1);
		if (y0 > end) {
			compare(v, begin, end, raw, line);
			begin = y0;
		}
		end = MAX(end, y1);
	}
	compare(v, begin, end, raw, line);
}

void vfb_look(struct vfb *v)
{
	const struct surface *f = display_surface(v->console);
	const struct vfb_state *s = &v->s;
	u32 first, last, i;
	u32 *line;
	u8 *raw;

	/* The surface may be that of the picture before, when there was no memory for another. */
	if (!s->page || !f->pixels || f->width != s->width || f->height != s->height)
		return;
	first = s->offset >> PAGE_SHIFT;
	last = (s->offset + (s->height - 1) * s->stride + s->width * (s->depth / 8) - 1) >> PAGE_SHIFT;
	/* Without memory to remember by, every frame is new each time. */
	if (!v->look.mem)
		mem_look_start(&v->look, &v->p->d->mem);
	for (i = first; i <= last && !mem_look_new(&v->look, v->frames[i]); i++)
		;
	if (i > last)
		return;
	line = malloc((size_t)s->width * sizeof *line);
	raw = malloc((size_t)s->width * 4);
	if (line && raw) {
		/* First all are looked at, then all are seen: a guest may show a frame twice. */
		compare_new(v, first, last, raw, line);
		mem_look_seen(&v->look, v->frames + first, last - first + 1);
	} else {
		display_poke(v->console); /* the guest will not say it again */
	}
	free(line);
	free(raw);
}

void vfb_look_anew(struct vfb *v)
{
	mem_look_stop(&v->look);
}

/* ---- for later --------------------------------------------------------------------------------------------------- */

struct vfb_note {
	struct console_note n; /* first */
	struct vfb_state s;
	u8 *raw;      /* a line */
	u64 frames[]; /* NO_FRAME: the guest gave it away */
};
#define NO_FRAME UINT64_MAX

/* Perhaps on another thread: from a memory that nobody changes any more. */
static void note_line(struct console_note *n, const void *ram, u32 y, u32 *out)
{
	struct vfb_note *v = (struct vfb_note *)(void *)n;
	u32 size = v->s.depth / 8, at = v->s.offset + y * v->s.stride, want = v->s.width * size, got = 0, x;
	u8 page[PAGE_SIZE];

	while (got < want) {
		u32 k = MIN(want - got, (u32)PAGE_SIZE - (at & (u32)(PAGE_SIZE - 1)));
		u64 mfn = v->frames[at >> PAGE_SHIFT];
		const u8 *p = mfn == NO_FRAME ? NULL : mem_page(ram, mfn, page);

		if (p)
			memcpy(v->raw + got, p + (at & (u32)(PAGE_SIZE - 1)), k);
		else
			memset(v->raw + got, 0, k);
		got += k;
		at += k;
	}
	for (x = 0; x < v->s.width; x++)
		out[x] = pixel(v->raw + x * size, v->s.depth);
}

static void note_free(struct console_note *n)
{
	free(((struct vfb_note *)(void *)n)->raw);
	free(n);
}

struct console_note *vfb_note(const struct vfb *v)
{
	struct vfb_note *n;
	u32 i;

	if (!v->s.page || !v->s.width || !v->s.height)
		return NULL;
	n = malloc(sizeof *n + v->s.nframes * sizeof *n->frames);
	if (!n)
		return NULL;
	n->n = (struct console_note){ v->s.width, v->s.height, note_line, note_free };
	n->s = v->s;
	n->raw = malloc((size_t)v->s.width * 4);
	for (i = 0; i < v->s.nframes; i++)
		n->frames[i] = xen_owned(v->p, v->frames[i]) ? v->frames[i] : NO_FRAME;
	if (n->raw)
		return &n->n;
	free(n);
	return NULL;
}
