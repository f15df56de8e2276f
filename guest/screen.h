/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest's screen: a display of the host (hw/host/display/display.h), which stays over its lives, and the framebuffer,
 * keyboard and pointer that each domain has on it. Windows and VNC use the display; they are not known here.
 */
#ifndef GUEST_SCREEN_H
#define GUEST_SCREEN_H

#include "base/log.h"
#include "hw/host/display/display.h"

#define SCREEN_GRAPHICS 0u /* the display's slots */
#define SCREEN_TEXT 1u

struct guest; /* has struct guest_screen *screen; NULL: none */

/* Makes the display, if the node asks for one and it is not there. 0, or -errno with a sentence. */
int guest_screen_open(struct guest *g, struct error *e);
/* Gives the guest's new domain its framebuffer, keyboard and pointer. 0, or -errno with a sentence. */
int guest_screen_attach(struct guest *g, struct error *e);
/* Frees the devices, after the domain was destroyed. */
void guest_screen_gone(struct guest *g);
void guest_screen_close(struct guest *g);
/* NULL: the guest has no screen. */
struct display *guest_display(const struct guest *g);
/* Whether its domain has a pointer. */
bool guest_has_pointer(const struct guest *g);

#endif
