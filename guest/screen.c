/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Makes a guest's display, and for each domain the framebuffer (xen/backend/vfb.h) and the keyboard and pointer (xen/backend/vkbd.h) on
 * it.
 */
#include "guest/screen.h"

#include <errno.h>
#include <stdlib.h>

#include "guest/guest.h"
#include "xen/backend/vfb.h"
#include "xen/backend/vkbd.h"
#include "xen/xen.h"

struct guest_screen {
	struct display *display;
	struct vfb *vfb; /* NULL between lives */
	struct vkbd *vkbd;
};

int guest_screen_open(struct guest *g, struct error *e)
{
	struct guest_screen *s;

	if (g->screen || !node_has(g->node, "display"))
		return 0;
	s = calloc(1, sizeof *s);
	if (s)
		s->display = display_new(g->host->poll);
	if (!s || !s->display) {
		free(s);
		return error_set(e, -ENOMEM, "the host is out of memory");
	}
	g->screen = s;
	return 0;
}

int guest_screen_attach(struct guest *g, struct error *e)
{
	struct guest_screen *s = g->screen;
	int rc;

	if (!s || !xen_dom(g->d)->xenbus)
		return 0;
	rc = vfb_add(xen_dom(g->d), s->display, SCREEN_GRAPHICS, &s->vfb, e);
	return rc ? rc : vkbd_add(xen_dom(g->d), s->vfb, &s->vkbd, e);
}

void guest_screen_gone(struct guest *g)
{
	struct guest_screen *s = g->screen;

	if (!s)
		return;
	vfb_free(s->vfb);
	vkbd_free(s->vkbd);
	s->vfb = NULL;
	s->vkbd = NULL;
}

void guest_screen_close(struct guest *g)
{
	if (!g->screen)
		return;
	guest_screen_gone(g);
	display_free(g->screen->display);
	free(g->screen);
	g->screen = NULL;
}

struct display *guest_display(const struct guest *g)
{
	return g->screen ? g->screen->display : NULL;
}

bool guest_has_pointer(const struct guest *g)
{
	return g->screen && g->screen->vfb;
}
