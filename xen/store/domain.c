/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest in the xenstore: its connection, and the nodes a new guest finds, with the permissions that libxl gives
 * them (xl's tool stack; Xen docs/misc/xenstore-paths). Left out: devices, which their back ends write.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "xen/evtchn.h"
#include "xen/store/impl.h"
#include "xen/store/socket.h"
#include "xen/xen.h"

#define PAGE_FEATURES 2064u
#define XS_FEATURE_RECONNECTION 1u /* the page's connection field is honoured */
#define XS_FEATURE_ERROR 2u        /* the error field is used */
#define XS_FEATURE_WATCHDEPTH 4u   /* WATCH takes a depth */

static void store_event(void *opaque)
{
	struct xen_domain *d = opaque;
	struct xs_conn *c = xs_domain_conn(d);

	if (c)
		xs_serve(c);
}

static void store_notify(void *opaque)
{
	struct xen_domain *d = opaque;

	evtchn_notify(d, d->s.store_port);
}

static void store_save(void *opaque, struct buf *out)
{
	xenstore_save(opaque, out);
}

static int store_load(void *opaque, struct reader *in)
{
	return xenstore_load(opaque, in);
}

/* A client of the control domain. */
static void store_input(void *opaque, const struct door_input *in)
{
	struct xen_domain *d = opaque;

	if (d->store)
		xs_client_input(d->store, in->data, in->len);
}

/* The event channel calls us again, unless the guest had closed it. */
static int loaded(void *opaque, struct error *e)
{
	struct xen_domain *d = opaque;

	evtchn_attach_first(d, d->s.store_port, store_event, d);
	return 0;
}

struct xs_conn *xs_domain_conn(struct xen_domain *d)
{
	return d->store ? xs_guest(d->store, d->d->id) : NULL;
}

int xs_domain_init(struct xen_domain *d)
{
	int rc = -ENOMEM;

	d->store = xenstore_new(&d->d->host->log);
	if (d->store && xs_connect(d->store, d->d->id, &d->d->mem, &d->s.store_mfn, store_notify, d))
		rc = evtchn_bind_host(d, &d->s.store_port, store_event, d);
	if (!rc)
		rc = door_handle(&d->d->door, DOOR_STORE, XS_DOOR_TARGET, store_input, d);
	if (!rc)
		rc = state_add_custom(&d->d->states, "xenstore", 0, store_save, store_load, d->store);
	if (!rc)
		rc = state_add_loaded(&d->d->states, loaded, d);
	if (rc) {
		xenstore_free(d->store);
		d->store = NULL;
	}
	return rc;
}

void xs_domain_free(struct xen_domain *d)
{
	if (!d->store)
		return;
	state_remove(&d->d->states, d->store);
	state_remove(&d->d->states, d);
	xenstore_free(d->store);
	d->store = NULL;
}

/* ---- the initial tree ------------------------------------------------------------------------------------------ */

struct plant {
	struct xenstore *s;
	char root[64]; /* nodes are written below it */
	const struct xs_perm *perms;
	u32 nperms;
	int rc; /* the first error */
};

static void plant_at(struct plant *p, const char *name, const char *fmt, ...) PRINTF(3, 4);
static void plant_at(struct plant *p, const char *name, const char *fmt, ...)
{
	char path[256], text[256];
	va_list ap;
	int rc, n;

	snprintf(path, sizeof path, "%s%s%s", p->root, *name ? "/" : "", name);
	va_start(ap, fmt);
	n = vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	rc = xs_write_bytes(p->s, path, text, (size_t)MIN(n, (int)sizeof text - 1));
	if (!rc)
		rc = xs_set_perms(p->s, path, p->perms, p->nperms);
	if (rc && !p->rc)
		p->rc = rc;
}

static void uuid_text(const u8 *h, char out[37])
{
	snprintf(out, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", h[0], h[1], h[2], h[3], h[4],
		 h[5], h[6], h[7], h[8], h[9], h[10], h[11], h[12], h[13], h[14], h[15]);
}

static int plant_tree(struct xen_domain *d, const struct xenstore_config *cfg)
{
	static const char *const dirs[] = { "cpu", "memory", "control", "device", "store" };
	static const char *const own[] = {
		"control/shutdown", "control/feature-poweroff", "control/feature-reboot", "control/feature-suspend",
		"control/sysrq", "device/suspend/event-channel", "data", "drivers", "feature", "attr", "error",
	};
	const struct xs_perm none = { 0, XS_PERM_NONE };
	const struct xs_perm ro[2] = { { 0, XS_PERM_NONE }, { d->d->id, XS_PERM_READ } };
	const struct xs_perm rw = { d->d->id, XS_PERM_NONE };
	struct plant p = { .s = d->store, .perms = ro, .nperms = 2 };
	char name[48], uuid[37];
	u32 i;

	uuid_text(d->s.handle, uuid);
	snprintf(p.root, sizeof p.root, "/vm/%s", uuid);
	plant_at(&p, "", "%s", "");
	plant_at(&p, "uuid", "%s", uuid);
	plant_at(&p, "name", "%s", cfg->name);
	plant_at(&p, "image", "%s", "");
	plant_at(&p, "image/ostype", "linux");

	snprintf(p.root, sizeof p.root, "/libxl/%u", d->d->id);
	p.perms = &none;
	p.nperms = 1;
	plant_at(&p, "", "%s", "");
	plant_at(&p, "type", "pv");

	snprintf(p.root, sizeof p.root, "/local/domain/%u", d->d->id);
	p.perms = ro;
	p.nperms = 2;
	plant_at(&p, "", "%s", "");
	plant_at(&p, "vm", "/vm/%s", uuid);
	plant_at(&p, "name", "%s", cfg->name);
	plant_at(&p, "domid", "%u", d->d->id);
	for (i = 0; i < ARRAY_SIZE(dirs); i++)
		plant_at(&p, dirs[i], "%s", "");
	for (i = 0; i < cfg->vcpus_max; i++) {
		snprintf(name, sizeof name, "cpu/%u", i);
		plant_at(&p, name, "%s", "");
		snprintf(name, sizeof name, "cpu/%u/availability", i);
		plant_at(&p, name, "%s", i < cfg->vcpus_online ? "online" : "offline");
	}
	plant_at(&p, "memory/static-max", "%llu", (unsigned long long)cfg->memory_max_kib);
	plant_at(&p, "memory/target", "%llu", (unsigned long long)cfg->memory_kib);
	plant_at(&p, "control/platform-feature-multiprocessor-suspend", "1");
	plant_at(&p, "control/platform-feature-xs_reset_watches", "1");
	plant_at(&p, "device/suspend", "%s", "");
	plant_at(&p, "store/port", "%u", d->s.store_port);
	plant_at(&p, "store/ring-ref", "%llu", (unsigned long long)d->s.store_mfn);
	plant_at(&p, "console", "%s", "");
	plant_at(&p, "console/backend", "/local/domain/%u/backend/console/%u/0", XEN_BACKEND_DOMID, d->d->id);
	plant_at(&p, "console/backend-id", "%u", XEN_BACKEND_DOMID);
	plant_at(&p, "console/limit", "1048576");
	plant_at(&p, "console/type", "xenconsoled");
	plant_at(&p, "console/output", "pty");
	plant_at(&p, "console/port", "%u", d->s.console_port);
	plant_at(&p, "console/ring-ref", "%llu", (unsigned long long)d->s.console_mfn);
	p.perms = &rw;
	p.nperms = 1;
	for (i = 0; i < ARRAY_SIZE(own); i++)
		plant_at(&p, own[i], "%s", "");

	/* The console's other end; the guest may look. */
	snprintf(p.root, sizeof p.root, "/local/domain/%u/backend/console/%u/0", XEN_BACKEND_DOMID, d->d->id);
	p.perms = ro;
	p.nperms = 2;
	plant_at(&p, "", "%s", "");
	plant_at(&p, "frontend", "/local/domain/%u/console", d->d->id);
	plant_at(&p, "frontend-id", "%u", d->d->id);
	plant_at(&p, "online", "1");
	plant_at(&p, "state", "1");
	plant_at(&p, "protocol", "vt100");
	return p.rc;
}

int xs_domain_start(struct xen_domain *d, const struct xenstore_config *cfg)
{
	int rc, end;

	xs_begin(d->store);
	rc = plant_tree(d, cfg);
	end = xs_end(d->store);
	if (rc || end)
		return -ENOMEM;
	mem_write_u32(&d->d->mem, (d->s.store_mfn << PAGE_SHIFT) + PAGE_FEATURES,
		      XS_FEATURE_RECONNECTION | XS_FEATURE_ERROR | XS_FEATURE_WATCHDEPTH);
	return 0;
}
