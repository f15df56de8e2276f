/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The framebuffer from inside: vfb.c speaks with the guest, vfb_look.c looks at what it draws.
 */
#ifndef XEN_BACKEND_VFB_IMPL_H
#define XEN_BACKEND_VFB_IMPL_H

#include "mmu/look.h"
#include "xen/backend/vfb.h"

/* What the guest shows, as it said last. */
struct vfb_state {
	u64 page; /* the shared page's frame; 0: not connected */
	u32 width, height;
	u32 stride;  /* bytes from line to line */
	u32 offset;  /* of the first pixel */
	u32 bytes;   /* shared in all */
	u32 depth;   /* bits a pixel: 8, 16, 24 or 32 */
	u32 updates; /* the guest says when something changes */
	u32 nframes;
};

extern const struct state_desc vfb_state_desc;

struct vfb {
	struct xenbus_device *dev; /* NULL once it is gone */
	struct xen_domain *p;
	struct display_console *console;
	struct vfb_state s;
	u64 *frames; /* s.nframes of them, in the picture's order */
	struct mem_look look;
	u64 compared; /* lines, so far */
	const struct vfb_input *input;
	void *opaque;
};

/* Brings the surface up to what the guest's frames hold, and names what changed to the display. */
void vfb_look(struct vfb *v);
/* What the guest shows now, for display_note(). It is drawn from the memory (struct mem) of this instant. */
struct console_note *vfb_note(const struct vfb *v);
/* Another picture, or none: what was seen of the last one means nothing. */
void vfb_look_anew(struct vfb *v);

#endif
