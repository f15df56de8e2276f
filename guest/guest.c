/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Makes a guest's domain of what was loaded, attaches the guest's parts to it, and takes both down. The domain is a Xen
 * PV guest, or a bare machine, which has nothing but the output of a console.
 */
#include "guest/guest.h"

#include <errno.h>

#include "guest/clock.h"
#include "guest/disks.h"
#include "guest/impl.h"
#include "guest/networks.h"
#include "guest/nodes.h"
#include "guest/screen.h"
#include "guest/snapshot.h"
#include "hw/bare.h"
#include "pv/create.h"
#include "pv/suspend.h"
#include "snapshot/snapshot.h"
#include "xen/store/socket.h"

/* ---- who accompanies it ------------------------------------------------------------------------------------------ */

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

/* ---- the xenstore's socket --------------------------------------------------------------------------------------- */

int guest_store_open(struct guest *g, struct error *e)
{
	const char *spec = node_str(g->node, "xenstore", NULL);

	if (!spec || g->store)
		return 0;
	g->store = xs_socket_open(spec, g->host->poll, e);
	return g->store ? 0 : -EINVAL;
}

void guest_store_close(struct guest *g)
{
	xs_socket_close(g->store);
	g->store = NULL;
}

static int store_attach(struct guest *g, struct error *e)
{
	if (g->store)
		xs_socket_attach(g->store, &g->d->door, xen_dom(g->d)->store);
	return 0;
}

/* Hangs up on its clients: the store was the domain's. */
static void store_gone(struct guest *g)
{
	if (g->store)
		xs_socket_detach(g->store);
}

void guest_ended(struct guest *g)
{
	if (!g->bare && g->d)
		xs_shutdown(xen_dom(g->d)->store, g->d->id);
}

/* ---- its parts --------------------------------------------------------------------------------------------------- */

/*
 * What a Xen guest has beside its domain. Each part has a function X_open, which is called once. The order of attaching
 * is the order of devices in the xenstore.
 */
static const struct part {
	int (*attach)(struct guest *g, struct error *e);
	void (*detach)(struct guest *g); /* before the domain is destroyed; NULL: nothing to do */
	void (*gone)(struct guest *g);   /* after that; NULL: nothing to do */
	void (*close)(struct guest *g);
} parts[] = {
	{ guest_screen_attach, NULL, guest_screen_gone, guest_screen_close },
	{ guest_console_attach, guest_console_detach, NULL, guest_console_close },
	{ store_attach, NULL, store_gone, guest_store_close },
	{ guest_disks_attach, guest_disks_detach, NULL, guest_disks_close },
	{ guest_networks_attach, guest_networks_detach, NULL, guest_networks_close },
};

/* A domain's "live": whether somebody could still type something, send a frame, or write to the store. */
static bool guest_live(struct domain *d)
{
	const struct guest *g = d->live_opaque;
	const struct guest_watch *w;

	for (w = g->watches; w; w = w->next)
		if (w->ops->live && w->ops->live(w))
			return true;
	return (g->console && chardev_is_live(g->console)) || g->store || guest_networks_live(g);
}

/*
 * ---- a life -------------------------------------------------------------------------------------------------------
 */

static void bare_out(void *opaque, u8 c)
{
	guest_console_out(opaque, &c, 1);
}

static int create_bare(struct guest *g, struct error *e)
{
	struct bare_config cfg = {
		.image = g->kernel_file,
		.len = g->kernel_len,
		.boot = g->incoming ? BARE_EMPTY : BARE_ROM,
		.memory = node_u64(g->node, "memory", 0),
		.shift = (u32)node_u64(g->node, "icount-shift", 0),
		.cpu = node_str(g->node, "cpu", NULL),
		.out = bare_out,
		.opaque = g,
	};
	struct error why = { "" };

	g->d = bare_create(g->host, g->node->name, &cfg, &why);
	if (g->d)
		return 0;
	return error_set(e, -EINVAL, "%s none %s %.200s: %s", guest_words(g)->machine, guest_words(g)->bios,
			 node_str(g->node, "bios", ""), why.text);
}

static int create_pv(struct guest *g, const struct xen_progress *progress, struct error *e)
{
	struct pv_create_in in = {
		.name = g->node->name,
		.memory = node_u64(g->node, "memory", 0),
		.vcpus = (u32)node_u64(g->node, "vcpus", 1),
		.maxvcpus = (u32)node_u64(g->node, "maxvcpus", 1),
		.shift = (u32)node_u64(g->node, "icount-shift", 0),
		.wall_ns = guest_wall_clock(g->node),
		.cpu = node_str(g->node, "cpu", NULL),
		.kernel = g->incoming ? NULL : &g->kernel,
		.is32 = g->incoming && g->incoming->about.is32,
		.initrd = g->initrd,
		.initrd_len = g->initrd_len,
		.initrd_name = node_str(g->node, "initrd", NULL),
		.cmdline = node_str(g->node, "cmdline", ""),
		.console_out = guest_console_out,
		.opaque = g,
		.progress = progress,
	};
	struct error why = { "" };
	int rc;

	guest_uuid_bytes(node_str(g->node, "uuid", ""), in.uuid);
	rc = pv_create(g->host, &in, &g->d, e);
	if (rc)
		g->d = NULL;
	if (rc || !g->incoming || !g->incoming->suspended)
		return rc;
	/* Its devices come afterwards, as for a new guest: it looks for them when it runs. */
	rc = snapshot_fits(&g->incoming->about, g->d, &why);
	if (!rc)
		rc = pv_suspend_resume(g->d, &in, &g->incoming->mem, g->incoming->state.p, g->incoming->state.len, &why);
	return rc ? error_set(e, rc, "the snapshot cannot be loaded: %.440s", why.text) : 0;
}

/* Tells watches and parts of the new domain. */
static int attach_all(struct guest *g, struct error *e)
{
	struct guest_watch *w;
	int rc = 0;
	u32 i;

	g->d->paused = g->stopped;
	for (w = g->watches; w && !rc; w = w->next)
		if (w->ops->attach)
			rc = w->ops->attach(w, g->d, e);
	if (rc || g->bare)
		return rc;
	g->d->live = guest_live;
	g->d->live_opaque = g;
	for (i = 0; i < ARRAY_SIZE(parts) && !rc; i++)
		rc = parts[i].attach(g, e);
	return rc;
}

/* The domain has its devices, and nothing in it. */
static int come_back(struct guest *g, struct error *e)
{
	struct error why = { "" };
	int rc = guest_snapshot_restore(g, g->incoming, &why);

	/* Clients of the xenstore's socket are not here: what they had open is ended. */
	if (!rc && !g->bare)
		xs_clients_drop(xen_dom(g->d)->store);
	return rc ? error_set(e, rc, "the snapshot cannot be loaded: %.440s", why.text) : 0;
}

int guest_create(struct guest *g, const struct xen_progress *progress, struct error *e)
{
	int rc = g->bare ? create_bare(g, e) : create_pv(g, progress, e);

	guest_unload(g);
	if (rc && !g->d)
		return rc;
	if (!rc)
		rc = attach_all(g, e);
	if (!rc && g->incoming && !g->incoming->suspended)
		rc = come_back(g, e);
	if (rc)
		guest_destroy(g);
	return rc;
}

void guest_destroy(struct guest *g)
{
	struct guest_watch *w;
	u32 i;

	guest_unload(g);
	if (!g->d)
		return;
	for (i = 0; i < ARRAY_SIZE(parts); i++)
		if (parts[i].detach)
			parts[i].detach(g);
	snapshot_base_free(g->base);
	g->base = NULL;
	domain_destroy(g->d);
	g->d = NULL;
	for (w = g->watches; w; w = w->next)
		if (w->ops->detach)
			w->ops->detach(w);
	for (i = 0; i < ARRAY_SIZE(parts); i++)
		if (parts[i].gone)
			parts[i].gone(g);
}

void guest_close(struct guest *g)
{
	u32 i;

	guest_destroy(g);
	for (i = 0; i < ARRAY_SIZE(parts); i++)
		parts[i].close(g);
}

int guest_exit_code(const struct guest *g)
{
	return g->bare && g->d && bare_exit_code(g->d) >= 0 ? bare_exit_code(g->d) & 0xff : -1;
}
