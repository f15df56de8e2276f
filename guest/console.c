/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest's console. Output goes to the device that the node names and to the guest's watches; input comes from the
 * device, and from faces by guest_type(). While the device's peer does not read, the domain's time is held.
 */
#include <errno.h>
#include <string.h>

#include "guest/impl.h"
#include "xen/console.h"
#include "xen/xen.h"

static void console_drained(void *opaque)
{
	struct guest *g = opaque;

	if (g->held)
		timeline_release(&g->d->time);
	g->held = false;
}

int guest_console_open(struct guest *g, const struct chardev_env *env, struct error *e)
{
	const char *spec = node_str(g->node, "serial0", "null");
	struct error why = { "" };

	g->console = chardev_open(strcmp(spec, "vc") ? spec : "null", env, &why);
	if (!g->console)
		return error_set(e, -EINVAL, "%s %s", guest_words(g)->serial, why.text);
	chardev_on_room(g->console, console_drained, g);
	return 0;
}

void guest_console_close(struct guest *g)
{
	if (!chardev_close(g->console))
		g->output_lost = true;
	g->console = NULL;
}

void guest_console_out(void *opaque, const u8 *p, size_t n)
{
	struct guest *g = opaque;
	struct guest_watch *w;

	if (g->console)
		chardev_write(g->console, p, n);
	/*
	 * No more output until the peer reads. Time is held meanwhile, so the guest sees the same at the same instants.
	 */
	if (g->console && g->d && !g->held && chardev_full(g->console)) {
		g->held = true;
		timeline_hold(&g->d->time);
	}
	panic_said(&g->panic, p, n);
	if (g->watch.left && bootloader_said(&g->watch, p, n))
		msg_info("the boot loader found nothing to boot and stands at its own prompt: no disk of the guest has a "
			 "/boot/grub/grub.cfg with a menu that it can read: make one (grub-mkconfig), or boot a kernel with %s",
			 guest_words(g)->kernel);
	for (w = g->watches; w; w = w->next)
		if (w->ops->console)
			w->ops->console(w, p, n);
}

static size_t console_can_receive(void *opaque)
{
	struct guest *g = opaque;

	return g->d ? xen_console_room(xen_dom(g->d)) : 0;
}

static void console_receive(void *opaque, const u8 *p, size_t n)
{
	struct guest *g = opaque;

	bootloader_typed(&g->watch);
	xen_console_input(xen_dom(g->d), p, n);
}

static void console_room(void *opaque)
{
	struct guest *g = opaque;

	if (g->console)
		chardev_accept_input(g->console);
}

void guest_type(struct guest *g, const u8 *p, size_t n)
{
	if (g->d && !g->bare && xen_console_room(xen_dom(g->d)) >= n)
		xen_console_input(xen_dom(g->d), p, n);
}

int guest_console_attach(struct guest *g, struct error *e)
{
	static const struct chardev_client client = { console_can_receive, console_receive };

	g->watch = (struct boot_watch){ 0 };
	g->panic = (struct panic_watch){ 0 };
	if (g->by_loader)
		bootloader_watch(&g->watch);
	xen_console_on_room(xen_dom(g->d), console_room, g);
	if (g->console)
		chardev_set_client(g->console, &client, g);
	return 0;
}

void guest_console_detach(struct guest *g)
{
	if (g->console)
		chardev_set_client(g->console, NULL, NULL);
	g->held = false;
}
