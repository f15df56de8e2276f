/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Back end of the paravirtual framebuffer (Xen public/io/fbif.h). A shared page names the guest's frames that hold the picture.
 * Lines whose frames were written are compared with what is shown, and only differences are passed on. The guest's update events
 * are a hint that something changed; their rectangles are not used. Left out: advice on how often to refresh.
 */
#ifndef XEN_BACKEND_VFB_H
#define XEN_BACKEND_VFB_H

#include "hw/host/display/display.h"
#include "xen/backend/xenbus.h"

#define VFB_WIDTH 800u /* what Linux draws when nobody says anything else */
#define VFB_HEIGHT 600u
#define VFB_VIDEORAM 16u               /* MiB offered */
#define VFB_MAX_BYTES (64u << 20)      /* a guest may share */
#define VFB_MAX_PIXELS (16u << 20)

struct vfb;

/* Who takes what is typed and pointed at while the framebuffer is shown. */
struct vfb_input {
	void (*key)(void *opaque, u32 code, bool down);
	/* Positions in pixels of the framebuffer, which is width x height now. */
	void (*pointer)(void *opaque, const struct pointer_event *ev, u32 width, u32 height);
	bool (*absolute)(void *opaque);
};

extern const struct xenbus_ops vfb_ops;

/*
 * Gives the guest a framebuffer, shown on a display's slot as soon as a front end connects. It is freed by vfb_free() after
 * the domain (or its device) is gone. 0, or -errno with a sentence.
 */
int vfb_add(struct xen_domain *p, struct display *d, u32 slot, struct vfb **out, struct error *e);
/* NULL is allowed. */
void vfb_free(struct vfb *v);
void vfb_set_input(struct vfb *v, const struct vfb_input *input, void *opaque);
/* Lines of the picture that were compared with what is shown, so far: what looking cost. */
u64 vfb_compared(const struct vfb *v);

#endif
