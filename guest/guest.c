/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest's life: files, console, domain; of a Xen PV guest or of a bare machine.
 */
#include "guest/guest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guest/clock.h"
#include "guest/disks.h"
#include "guest/networks.h"
#include "guest/nodes.h"
#include "guest/screen.h"
#include "hw/bare.h"
#include "xen/console.h"
#include "pv/create.h"
#include "xen/load/magic.h"
#include "xen/store/socket.h"

/* No initial RAM disk is larger. */
#define INITRD_MAX ((size_t)1 << (sizeof(size_t) > 4 ? 34 : 29))

static void unload(struct guest *g)
{
	if (g->loaded)
		xen_kernel_free(&g->kernel);
	free(g->kernel_file);
	free(g->initrd);
	g->kernel_file = g->initrd = NULL;
	g->kernel_len = g->initrd_len = 0;
	g->loaded = false;
}

/* Never more than the guest could hold: a pipe may have no end. */
static int read_initrd(struct guest *g, const char *path, const struct xen_progress *progress, struct error *e)
{
	u64 memory = node_u64(g->node, "memory", 0);
	int rc = xen_file_read(path, "initrd", (size_t)MIN(memory, INITRD_MAX), progress, &g->initrd, &g->initrd_len, e);

	if (rc == -EFBIG && memory < INITRD_MAX)
		error_set(e, rc, "the initrd %s is larger than the guest's memory, %llu MiB; give it more with %s", path,
			  (unsigned long long)(memory >> 20), guest_words(g)->memory);
	return rc;
}

/* A kernel is free to take anything for its RAM disk, so what looks like none is told and not refused. */
static void look_at_initrd(const struct guest *g, const char *path)
{
	const char *what;
	enum magic_use use = magic_of(g->initrd, g->initrd_len, &what);

	if (use == MAGIC_KERNEL)
		msg_warn("the initrd %.200s is %s: are %s and %s swapped?", path, what, guest_words(g)->kernel, guest_words(g)->initrd);
	else if (use == MAGIC_OTHER)
		msg_warn("the initrd %.200s is %s, and Linux takes a cpio archive, packed or not: its kernel may find no root", path, what);
	else if (use == MAGIC_UNKNOWN)
		msg_warn("the initrd %.200s is of no kind that Linux knows (it starts with %02x %02x %02x %02x): its kernel may find no root",
			 path, g->initrd[0], g->initrd_len > 1 ? g->initrd[1] : 0, g->initrd_len > 2 ? g->initrd[2] : 0,
			 g->initrd_len > 3 ? g->initrd[3] : 0);
}

static int load_bios(struct guest *g, const struct xen_progress *progress, struct error *e)
{
	const char *bios = node_str(g->node, "bios", NULL);
	int rc;

	if (!bios)
		return error_set(e, -EINVAL, "no image is given: %s none needs one, as in %s rom.bin", guest_words(g)->machine,
				 guest_words(g)->bios);
	rc = xen_file_read(bios, "image", BARE_ROM_MAX, progress, &g->kernel_file, &g->kernel_len, e);
	if (rc == -EFBIG)
		error_set(e, rc, "%s %.200s: the image is larger than %u KiB: use a smaller one", guest_words(g)->bios, bios,
			  BARE_ROM_MAX >> 10);
	return rc;
}

int guest_load(struct guest *g, const struct xen_progress *progress, struct error *e)
{
	const char *kernel = node_str(g->node, "kernel", NULL), *initrd = node_str(g->node, "initrd", NULL);
	int rc = 0;

	g->bare = !strcmp(node_str(g->node, "machine", ""), "none");
	if (g->bare)
		return load_bios(g, progress, e);
	g->by_loader = !kernel;
	g->kernel_path = g->by_loader ? g->loader_path : kernel;
	if (g->by_loader)
		rc = bootloader_find(g->node, guest_words(g), g->loader_path, sizeof g->loader_path, e);
	if (!rc)
		rc = guest_disks_open(g, e);
	if (!rc)
		rc = guest_networks_open(g, e);
	if (!rc)
		rc = xen_file_read(g->kernel_path, g->by_loader ? "boot loader" : "kernel", XEN_KERNEL_MAX, progress,
				  &g->kernel_file, &g->kernel_len, e);
	if (!rc && initrd)
		rc = read_initrd(g, initrd, progress, e);
	if (rc)
		unload(g);
	return rc;
}

int guest_unpack(struct guest *g, const struct xen_progress *progress, struct error *e)
{
	const char *initrd = node_str(g->node, "initrd", NULL);
	int rc;

	if (g->bare)
		return 0;
	rc = xen_kernel_load(&g->kernel, g->kernel_file, g->kernel_len, g->kernel_path, XEN_KERNEL_MAX, progress, e);
	g->loaded = !rc;
	if (!rc && initrd && !g->looked)
		look_at_initrd(g, initrd);
	g->looked |= !rc;
	if (g->by_loader)
		rc = bootloader_fits(rc ? NULL : &g->kernel, guest_words(g), g->kernel_path, rc, e);
	if (rc)
		unload(g);
	return rc;
}

static void console_drained(void *opaque)
{
	struct guest *g = opaque;

	if (g->held)
		timeline_release(&g->d->time);
	g->held = false;
}

int guest_open_console(struct guest *g, const struct chardev_env *env, struct error *e)
{
	const char *spec = node_str(g->node, "serial0", "null");
	struct error why = { "" };

	g->console = chardev_open(strcmp(spec, "vc") ? spec : "null", env, &why);
	if (!g->console)
		return error_set(e, -EINVAL, "%s %s", guest_words(g)->serial, why.text);
	chardev_on_room(g->console, console_drained, g);
	return 0;
}

void guest_close_console(struct guest *g)
{
	if (!chardev_close(g->console))
		g->output_lost = true;
	g->console = NULL;
}

void guest_watch_add(struct guest *g, struct guest_watch *w, const struct guest_watch_ops *ops)
{
	struct guest_watch **p = &g->watches;

	while (*p)
		p = &(*p)->next;
	*w = (struct guest_watch){ .ops = ops };
	*p = w;
}

void guest_watch_remove(struct guest *g, struct guest_watch *w)
{
	struct guest_watch **p = &g->watches;

	while (*p && *p != w)
		p = &(*p)->next;
	if (*p)
		*p = w->next;
}

void guest_type(struct guest *g, const u8 *p, size_t n)
{
	if (g->d && !g->bare && xen_console_room(xen_dom(g->d)) >= n)
		xen_console_input(xen_dom(g->d), p, n);
}

int guest_open_store(struct guest *g, struct error *e)
{
	const char *spec = node_str(g->node, "xenstore", NULL);

	if (!spec || g->store)
		return 0;
	g->store = xs_socket_open(spec, g->host->poll, e);
	return g->store ? 0 : -EINVAL;
}

void guest_close_store(struct guest *g)
{
	xs_socket_close(g->store);
	g->store = NULL;
}

void guest_ended(struct guest *g)
{
	if (!g->bare && g->d)
		xs_shutdown(xen_dom(g->d)->store, g->d->id);
}

static void console_out(void *opaque, const u8 *p, size_t n)
{
	struct guest *g = opaque;
	struct guest_watch *w;

	if (g->console)
		chardev_write(g->console, p, n);
	/* No more until the peer reads. What the guest sees is the same at the same instants: for it no time passes. */
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

/* Domains that ask whether somebody could still type something, or write to their store. */
static bool guest_live(struct domain *d)
{
	const struct guest *g = d->live_opaque;
	const struct guest_watch *w;

	for (w = g->watches; w; w = w->next)
		if (w->ops->live && w->ops->live(w))
			return true;
	return (g->console && chardev_is_live(g->console)) || g->store || guest_networks_live(g);
}

/* What a domain of either kind hears of those who manage it. */
static int manage(struct guest *g, struct error *e)
{
	struct guest_watch *w;
	int rc = 0;

	g->d->paused = g->stopped;
	for (w = g->watches; w && !rc; w = w->next)
		if (w->ops->attach)
			rc = w->ops->attach(w, g->d, e);
	return rc;
}

static void bare_out(void *opaque, u8 c)
{
	console_out(opaque, &c, 1);
}

static int create_bare(struct guest *g, struct error *e)
{
	struct bare_config cfg = {
		.image = g->kernel_file,
		.len = g->kernel_len,
		.boot = BARE_ROM,
		.memory = node_u64(g->node, "memory", 0),
		.shift = (u32)node_u64(g->node, "icount-shift", 0),
		.cpu = node_str(g->node, "cpu", NULL),
		.out = bare_out,
		.opaque = g,
	};
	struct error why = { "" };

	g->d = bare_create(g->host, g->node->name, &cfg, &why);
	unload(g);
	if (!g->d)
		return error_set(e, -EINVAL, "%s none %s %.200s: %s", guest_words(g)->machine, guest_words(g)->bios,
				 node_str(g->node, "bios", ""), why.text);
	return manage(g, e);
}

int guest_exit_code(const struct guest *g)
{
	return g->bare && g->d && bare_exit_code(g->d) >= 0 ? bare_exit_code(g->d) & 0xff : -1;
}

int guest_create(struct guest *g, const struct xen_progress *progress, struct error *e)
{
	static const struct chardev_client client = { console_can_receive, console_receive };
	struct pv_create_in in = {
		.name = g->node->name,
		.memory = node_u64(g->node, "memory", 0),
		.vcpus = (u32)node_u64(g->node, "vcpus", 1),
		.maxvcpus = (u32)node_u64(g->node, "maxvcpus", 1),
		.shift = (u32)node_u64(g->node, "icount-shift", 0),
		.wall_ns = guest_wall_clock(g->node),
		.cpu = node_str(g->node, "cpu", NULL),
		.kernel = &g->kernel,
		.initrd = g->initrd,
		.initrd_len = g->initrd_len,
		.initrd_name = node_str(g->node, "initrd", NULL),
		.cmdline = node_str(g->node, "cmdline", ""),
		.console_out = console_out,
		.opaque = g,
		.progress = progress,
	};
	int rc;

	if (g->bare)
		return create_bare(g, e);
	guest_uuid_bytes(node_str(g->node, "uuid", ""), in.uuid);
	rc = pv_create(g->host, &in, &g->d, e);
	unload(g);
	if (rc) {
		g->d = NULL;
		return rc;
	}
	rc = manage(g, e);
	if (rc)
		return rc;
	g->d->live = guest_live;
	g->d->live_opaque = g;
	rc = guest_screen_attach(g, e);
	if (rc)
		return rc;
	xen_console_on_room(xen_dom(g->d), console_room, g);
	g->watch = (struct boot_watch){ 0 };
	g->panic = (struct panic_watch){ 0 };
	if (g->by_loader)
		bootloader_watch(&g->watch);
	if (g->console)
		chardev_set_client(g->console, &client, g);
	if (g->store)
		xs_socket_attach(g->store, &g->d->door, xen_dom(g->d)->store);
	rc = guest_disks_attach(g, e);
	return rc ? rc : guest_networks_attach(g, e);
}

void guest_destroy(struct guest *g)
{
	struct guest_watch *w;

	unload(g);
	if (g->console)
		chardev_set_client(g->console, NULL, NULL);
	guest_disks_detach(g);
	guest_networks_detach(g);
	if (g->d)
		domain_destroy(g->d);
	g->d = NULL;
	for (w = g->watches; w; w = w->next)
		if (w->ops->detach)
			w->ops->detach(w);
	guest_screen_detach(g);
	if (g->store)
		xs_socket_detach(g->store);
	g->held = false;
}
