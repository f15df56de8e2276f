/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Back end of the paravirtual keyboard and pointer (Xen public/io/kbdif.h). Left out: touch screens.
 */
#ifndef XEN_BACKEND_VKBD_H
#define XEN_BACKEND_VKBD_H

#include "hw/host/display/display.h"
#include "xen/backend/xenbus.h"

#define VKBD_TARGET 0u /* DOOR_INPUT target of the keyboard and pointer */
#define VKBD_QUEUE 256u

struct vkbd;
struct vfb;

extern const struct xenbus_ops vkbd_ops;
extern const struct state_desc vkbd_state_desc;

/* Gives the guest keys and a pointer, fed by the console of fb. 0, or -errno with a sentence. */
int vkbd_add(struct xen_domain *p, struct vfb *fb, struct vkbd **out, struct error *e);
/* NULL is allowed. After the domain, or the device, is gone. */
void vkbd_free(struct vkbd *k);

#endif
