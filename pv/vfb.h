/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Back end of the paravirtual framebuffer (Xen public/io/fbif.h). The guest draws in frames of its own that a shared page
 * names; what it says has changed is compared with what is shown. Left out: refresh-period advice.
 */
#ifndef PV_VFB_H
#define PV_VFB_H

#include "hw/host/display.h"
#include "pv/xenbus.h"

#define VFB_DEFAULT_WIDTH 800u
#define VFB_DEFAULT_HEIGHT 600u
#define VFB_MAX_WIDTH 2560u /* what a guest may ask for */
#define VFB_MAX_HEIGHT 1600u
#define VFB_VIDEORAM 16u /* MiB offered: 2560 x 1600 at 32 bits */

struct vfb;

extern const struct xenbus_ops vfb_ops;

/*
 * Gives the guest a framebuffer, shown on a display's slot as soon as a front end connects. It is freed by vfb_free() after
 * the domain is gone (or its device). 0, or -errno with a sentence.
 */
int vfb_add(struct pv_domain *p, struct display *d, u32 slot, struct vfb **out, struct error *e);
/* NULL is allowed. */
void vfb_free(struct vfb *v);

#endif
