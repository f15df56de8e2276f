/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state machine of back ends (Xen public/io/xenbus.h; the directories are as libxl makes them). Whatever states a front end
 * writes, in whatever order, a back end is connected once and disconnected once for each connection.
 */
#include "xen/backend/xenbus.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xen/backend/xenbus_impl.h"

enum xenbus_state xenbus_back_state(const struct xenbus_device *dev)
{
	return dev->state;
}

enum xenbus_state xenbus_front_state(const struct xenbus_device *dev)
{
	return dev->front;
}

bool xenbus_online(const struct xenbus_device *dev)
{
	return dev->online;
}

/* ---- moves ----------------------------------------------------------------------------------------------------- */

static void set_state(struct xenbus_device *dev, enum xenbus_state state)
{
	dev->state = state;
	xenbus_offer(dev, "state", "%u", (u32)state);
}

static void move(struct xenbus_device *dev, enum xenbus_state state)
{
	if (dev->state != state)
		set_state(dev, state);
}

static void disconnect(struct xenbus_device *dev)
{
	if (dev->connected) {
		dev->connected = false;
		dev->ops->disconnect(dev);
	}
	xenbus_release(dev);
}

/* An error's number as the guest knows it, Linux's: the first 34 are the same everywhere. */
static int guest_errno(int err)
{
	switch (-err) {
	case EPROTO:
		return XEN_EPROTO;
	case EOPNOTSUPP:
		return XEN_EOPNOTSUPP;
	default:
		return -err;
	}
}

static void fail(struct xenbus_device *dev, int err, const char *why)
{
	struct xenstore *s = dev->d->store;

	disconnect(dev);
	log_line(&dev->d->d->host->log, LOG_GUEST_ERRORS, "xenbus: %s %u: %s; it is closed", dev->ops->name, dev->id, why);
	xs_begin(s);
	xs_write(s, dev->error_path, "%d %s", guest_errno(err), why);
	set_state(dev, XENBUS_CLOSING);
	xs_end(s);
}

void xenbus_fail(struct xenbus_device *dev, int err, const char *fmt, ...)
{
	struct error e;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(e.text, sizeof e.text, fmt, ap);
	va_end(ap);
	fail(dev, err, e.text);
}

void xenbus_announce(struct xenbus_device *dev)
{
	if (dev->connected)
		set_state(dev, XENBUS_CONNECTED);
}

static void connect(struct xenbus_device *dev)
{
	struct error e = { "it cannot be connected" };
	struct xenstore *s = dev->d->store;
	u32 i;
	int rc;

	disconnect(dev);
	xs_begin(s);
	rc = dev->ops->connect(dev, &e);
	if (rc) {
		xs_abort(s);
		fail(dev, rc, e.text);
		return;
	}
	xs_rm(s, dev->error_path);
	dev->connected = true;
	set_state(dev, XENBUS_CONNECTED);
	xs_end(s);
	/* What was sent before there was anybody to hear it. */
	for (i = 0; i < dev->nchannels && dev->connected; i++)
		dev->ops->event(dev, i);
}

/* Removes a device's directory, and so many above it if they are empty: they came with a device. */
static void rm_device(struct xenstore *s, const char *path, u32 levels)
{
	char up[112];
	size_t n;

	xs_rm(s, path);
	snprintf(up, sizeof up, "%s", path);
	for (; levels; levels--) {
		*strrchr(up, '/') = 0;
		if (xs_directory(s, up, &n) && !n)
			xs_rm(s, up);
	}
}

/* The device goes, and dev with it. */
static void finish(struct xenbus_device *dev)
{
	struct xenstore *s = dev->d->store;
	struct xenbus_device **p;
	char top[112];

	disconnect(dev);
	move(dev, XENBUS_CLOSED);
	xs_unwatch(s, dev->watch);
	snprintf(top, sizeof top, "%s", dev->error_path);
	*strrchr(top, '/') = 0;
	xs_begin(s);
	rm_device(s, dev->front_path, 1);
	rm_device(s, dev->back_path, 2);
	rm_device(s, top, 2);
	xs_end(s);
	for (p = &dev->d->xenbus->devices; *p != dev; p = &(*p)->next)
		;
	*p = dev->next;
	if (dev->ops->removed)
		dev->ops->removed(dev->service);
	free(dev);
}

/* ---- the front end moves --------------------------------------------------------------------------------------- */

/* XENBUS_RECONFIGURED + 1: no state at all. */
static enum xenbus_state read_front(struct xenbus_device *dev)
{
	u64 v;
	int rc = xenbus_read_u64(dev, XENBUS_WHOLE, "state", &v);

	if (rc == -ENOENT)
		return XENBUS_UNKNOWN;
	return rc || v > XENBUS_RECONFIGURED ? (enum xenbus_state)(XENBUS_RECONFIGURED + 1) : (enum xenbus_state)v;
}

/* What follows from the front end's state. */
static void front_moved(struct xenbus_device *dev)
{
	enum xenbus_state front = dev->front;

	switch (front) {
	case XENBUS_INITIALISING:
		/* It begins, for the first time or again; or somebody else does in its place (kexec, a reloaded module). */
		if (!dev->online) {
			finish(dev);
			return;
		}
		disconnect(dev);
		move(dev, XENBUS_INITWAIT);
		break;
	case XENBUS_INITIALISED:
	case XENBUS_CONNECTED:
		if (front < dev->ops->ready || dev->connected || !dev->online || dev->state == XENBUS_CLOSING)
			break;
		connect(dev);
		break;
	case XENBUS_CLOSING:
		disconnect(dev);
		if (dev->state != XENBUS_CLOSED)
			move(dev, XENBUS_CLOSING);
		break;
	case XENBUS_UNKNOWN:
	case XENBUS_CLOSED:
		if (!dev->online) {
			finish(dev);
			return;
		}
		disconnect(dev);
		move(dev, XENBUS_CLOSED);
		break;
	default: /* waiting for us, or reconfiguring: nothing to do */
		break;
	}
}

void xenbus_drained(struct xenbus_device *dev)
{
	if (!dev->draining)
		return;
	dev->draining = false;
	front_moved(dev);
}

static void on_front(void *opaque, const char *path)
{
	struct xenbus_device *dev = opaque;
	enum xenbus_state front = read_front(dev);

	if (front > XENBUS_RECONFIGURED) {
		log_line(&dev->d->d->host->log, LOG_GUEST_ERRORS, "xenbus: %s %u: what its front end wrote is no state",
			 dev->ops->name, dev->id);
		return;
	}
	if (front == dev->front)
		return;
	dev->front = front;
	if (dev->draining)
		return;
	dev->draining = (front == XENBUS_CLOSING || front == XENBUS_CLOSED) && dev->connected && dev->ops->drain &&
			!dev->ops->drain(dev);
	if (!dev->draining)
		front_moved(dev);
}

/* ---- devices come and go --------------------------------------------------------------------------------------- */

static int compare(const struct xenbus_device *dev, const char *name, u32 id)
{
	int c = strcmp(dev->ops->name, name);

	return c ? c : dev->id < id ? -1 : dev->id > id;
}

struct xenbus_device *xenbus_find(struct xen_domain *d, const char *name, u32 id)
{
	struct xenbus_device *dev;

	for (dev = d->xenbus->devices; dev && compare(dev, name, id); dev = dev->next)
		;
	return dev;
}

struct xenbus_device *xenbus_next(struct xen_domain *d, const struct xenbus_device *dev)
{
	return dev ? dev->next : d->xenbus->devices;
}

/* Both directories, in the transaction that is open. */
static int plant(struct xenbus_device *dev)
{
	struct xenstore *s = dev->d->store;
	u32 guest = dev->d->d->id;
	const struct xs_perm back[2] = { { XEN_BACKEND_DOMID, XS_PERM_NONE }, { guest, XS_PERM_READ } };
	const struct xs_perm front[2] = { { guest, XS_PERM_NONE }, { XEN_BACKEND_DOMID, XS_PERM_READ } };
	int rc = 0;

	/* What is written into a directory gets its permissions. */
	if (xs_rm(s, dev->back_path) || xs_rm(s, dev->front_path) || xs_mkdir(s, dev->back_path) ||
	    xs_set_perms(s, dev->back_path, back, 2) || xs_mkdir(s, dev->front_path) ||
	    xs_set_perms(s, dev->front_path, front, 2))
		return -ENOMEM;
	rc |= xenbus_offer(dev, "frontend", "%s", dev->front_path);
	rc |= xenbus_offer(dev, "frontend-id", "%u", guest);
	rc |= xenbus_offer(dev, "online", "1");
	rc |= xenbus_tell(dev, "backend", "%s", dev->back_path);
	rc |= xenbus_tell(dev, "backend-id", "%u", XEN_BACKEND_DOMID);
	rc |= xenbus_tell(dev, "state", "%u", XENBUS_INITIALISING);
	if (!rc && dev->ops->publish)
		rc = dev->ops->publish(dev);
	rc |= xenbus_offer(dev, "state", "%u", XENBUS_INITWAIT);
	return rc ? -ENOMEM : 0;
}

int xenbus_add(struct xen_domain *d, const struct xenbus_ops *ops, u32 id, void *service, struct xenbus_device **out,
	       struct error *e)
{
	struct xenbus_device *dev, **p;
	int rc;

	if (xenbus_find(d, ops->name, id))
		return error_set(e, -EEXIST, "%s %u is there already: choose another number", ops->name, id);
	dev = calloc(1, sizeof *dev);
	if (!dev)
		return error_set(e, -ENOMEM, "the host is out of memory");
	dev->d = d;
	dev->ops = ops;
	dev->id = id;
	dev->service = service;
	dev->online = true;
	dev->state = XENBUS_INITWAIT;
	dev->front = XENBUS_INITIALISING;
	snprintf(dev->front_path, sizeof dev->front_path, "/local/domain/%u/device/%s/%u", d->d->id, ops->name, id);
	snprintf(dev->back_path, sizeof dev->back_path, "/local/domain/%u/backend/%s/%u/%u", XEN_BACKEND_DOMID, ops->name,
		 d->d->id, id);
	snprintf(dev->error_path, sizeof dev->error_path, "/local/domain/%u/error/backend/%s/%u/%u/error", XEN_BACKEND_DOMID,
		 ops->name, d->d->id, id);
	for (p = &d->xenbus->devices; *p && compare(*p, ops->name, id) < 0; p = &(*p)->next)
		;
	dev->next = *p;
	*p = dev;
	xs_begin(d->store);
	rc = plant(dev);
	if (rc)
		xs_abort(d->store);
	else
		rc = xs_end(d->store) ? -ENOMEM : 0;
	if (!rc) {
		char path[112];

		snprintf(path, sizeof path, "%s/state", dev->front_path);
		dev->watch = xs_watch(d->store, path, on_front, dev);
		rc = dev->watch ? 0 : -ENOMEM;
	}
	if (rc) {
		*p = dev->next;
		free(dev);
		return error_set(e, rc, "%s %u: its nodes cannot be made, the host is out of memory", ops->name, id);
	}
	if (out)
		*out = dev;
	return 0;
}

void xenbus_remove(struct xenbus_device *dev, bool force)
{
	struct xenstore *s = dev->d->store;

	if (dev->online) {
		dev->online = false;
		xs_begin(s);
		xenbus_offer(dev, "online", "0");
		if (dev->state != XENBUS_CLOSED)
			move(dev, XENBUS_CLOSING);
		xs_end(s);
	}
	if (force || dev->front == XENBUS_UNKNOWN || dev->front == XENBUS_INITIALISING || dev->front == XENBUS_CLOSED)
		finish(dev);
}

/* ---- life and state -------------------------------------------------------------------------------------------- */

static void bus_save(void *opaque, struct buf *out)
{
	const struct xenbus *bus = opaque;
	struct xenbus_device *dev;
	u32 n = 0;

	for (dev = bus->devices; dev; dev = dev->next)
		n++;
	buf_put_u32(out, n);
	for (dev = bus->devices; dev; dev = dev->next) {
		buf_put_u32(out, (u32)strlen(dev->ops->name));
		buf_put(out, dev->ops->name, strlen(dev->ops->name));
		buf_put_u32(out, dev->id);
		buf_put_u8(out, (u8)dev->state);
		buf_put_u8(out, (u8)dev->front);
		buf_put_u8(out, (u8)(dev->online | dev->connected << 1 | dev->queues << 2 | dev->draining << 3));
		xenbus_resources_save(dev, out);
		if (dev->ops->save)
			dev->ops->save(dev, out);
	}
}

/* The same devices must be there as when it was saved. */
static int device_load(struct xenbus_device *dev, struct reader *in)
{
	u32 n = reader_u32(in), state, front, flags;
	const u8 *name = n == strlen(dev->ops->name) ? reader_get(in, n) : NULL;
	int rc;

	if (!name || memcmp(name, dev->ops->name, n) || reader_u32(in) != dev->id)
		return -EINVAL;
	state = reader_u8(in);
	front = reader_u8(in);
	flags = reader_u8(in);
	if (state > XENBUS_RECONFIGURED || front > XENBUS_RECONFIGURED)
		return -EINVAL;
	dev->state = (enum xenbus_state)state;
	dev->front = (enum xenbus_state)front;
	dev->online = flags & 1;
	dev->queues = flags & 4;
	dev->draining = flags & 8;
	rc = xenbus_resources_load(dev, in);
	if (!rc && dev->ops->load)
		rc = dev->ops->load(dev, in);
	dev->connected = !rc && (flags & 2);
	return rc ? rc : in->failed ? -EINVAL : 0;
}

static int bus_load(void *opaque, struct reader *in)
{
	struct xenbus *bus = opaque;
	struct xenbus_device *dev;
	u32 n = reader_u32(in);
	int rc;

	for (dev = bus->devices; dev; dev = dev->next) {
		dev->replaced = true;
		if (dev->connected)
			dev->ops->disconnect(dev);
		dev->replaced = dev->connected = false;
	}
	for (dev = bus->devices; dev; dev = dev->next, n--) {
		rc = n ? device_load(dev, in) : -EINVAL;
		if (rc)
			return rc;
	}
	return n ? -EINVAL : 0;
}

/* Channels call us again. */
static int bus_loaded(void *opaque, struct error *e)
{
	struct xenbus *bus = opaque;
	struct xenbus_device *dev;

	for (dev = bus->devices; dev; dev = dev->next)
		xenbus_resources_attach(dev);
	return 0;
}

int xenbus_init(struct xen_domain *d)
{
	d->xenbus = calloc(1, sizeof *d->xenbus);
	if (!d->xenbus)
		return -ENOMEM;
	d->xenbus->d = d;
	if (state_add_custom(&d->d->states, "xenbus", 0, bus_save, bus_load, d->xenbus) ||
	    state_add_loaded(&d->d->states, bus_loaded, d->xenbus)) {
		state_remove(&d->d->states, d->xenbus);
		free(d->xenbus);
		d->xenbus = NULL;
		return -ENOMEM;
	}
	return 0;
}

void xenbus_free(struct xen_domain *d)
{
	struct xenbus_device *dev;

	if (!d->xenbus)
		return;
	state_remove(&d->d->states, d->xenbus);
	while ((dev = d->xenbus->devices)) {
		d->xenbus->devices = dev->next;
		disconnect(dev);
		xs_unwatch(d->store, dev->watch);
		if (dev->ops->removed)
			dev->ops->removed(dev->service);
		free(dev);
	}
	free(d->xenbus);
	d->xenbus = NULL;
}
