/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The block back end's device: what it offers (Xen public/io/blkif.h), its connection, its state. Left out: secure discard,
 * sectors of another size than 512 bytes, letting go of kept grants before the front end closes.
 */
#include "xen/backend/vbd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xen/backend/vbd_impl.h"
#include "xen/time.h"

#define VBD_STATE_VERSION 3u
#define XVD_MAJOR 202u
enum { VDISK_CDROM = 1, VDISK_REMOVABLE = 2, VDISK_READONLY = 4 };

u32 vbd_number(u32 index)
{
	return index < 16 ? XVD_MAJOR << 8 | index << 4 : 1u << 28 | index << 8;
}

static int publish(struct xenbus_device *dev)
{
	const struct vbd *v = xenbus_service(dev);
	const char *type = v->c.cdrom ? "cdrom" : "disk";
	int rc = 0;

	/* No "params": names of the host's files are no business of the guest's. */
	rc |= xenbus_offer(dev, "dev", "xvd%c", 'a' + (int)v->c.index);
	rc |= xenbus_offer(dev, "type", "file");
	rc |= xenbus_offer(dev, "mode", v->readonly ? "r" : "w");
	rc |= xenbus_offer(dev, "device-type", "%s", type);
	rc |= xenbus_offer(dev, "removable", "%u", v->c.cdrom);
	rc |= xenbus_offer(dev, "bootable", "%u", v->c.index == 0);
	rc |= xenbus_offer(dev, "max-ring-page-order", "%u", VBD_RING_ORDER);
	rc |= xenbus_offer(dev, "max-ring-pages", "%u", 1u << VBD_RING_ORDER);
	rc |= xenbus_offer(dev, "multi-queue-max-queues", "%u", VBD_QUEUES);
	rc |= xenbus_offer(dev, "feature-persistent", "1");
	rc |= xenbus_offer(dev, "feature-max-indirect-segments", "%u", VBD_INDIRECT);
	rc |= xenbus_offer(dev, "feature-barrier", "%u", !v->readonly);
	rc |= xenbus_offer(dev, "feature-flush-cache", "%u", !v->readonly);
	rc |= xenbus_offer(dev, "feature-discard", "%u", !v->readonly);
	rc |= xenbus_offer(dev, "discard-enable", "%u", !v->readonly);
	if (!v->readonly) {
		rc |= xenbus_offer(dev, "discard-granularity", "%u", PAGE_SIZE);
		rc |= xenbus_offer(dev, "discard-alignment", "0");
		rc |= xenbus_offer(dev, "discard-secure", "0");
	}
	rc |= xenbus_tell(dev, "virtual-device", "%u", xenbus_id(dev));
	rc |= xenbus_tell(dev, "device-type", "%s", type);
	return rc;
}

static int offer_size(struct vbd *v)
{
	return xenbus_offer(v->dev, "sectors", "%llu", (unsigned long long)(block_size(v->c.block) / VBD_SECTOR));
}

static int connect_device(struct xenbus_device *dev, struct error *e)
{
	struct vbd *v = xenbus_service(dev);
	u32 info = (v->c.cdrom ? VDISK_CDROM | VDISK_REMOVABLE : 0) | (v->readonly ? VDISK_READONLY : 0);
	int protocol = xenbus_read_protocol(dev, e), n, i, rc;

	if (protocol < 0)
		return protocol;
	n = xenbus_queues(dev, VBD_QUEUES, e);
	if (n < 0)
		return n;
	v->wide = protocol == XENBUS_X86_64 || (protocol == XENBUS_NATIVE && !v->d->s.is32);
	v->entry = v->wide ? 112 : 108;
	for (i = 0; i < n; i++) {
		rc = vbd_queue_connect(v, (u32)i, e);
		if (rc)
			return rc;
	}
	if (xenbus_read_or(dev, XENBUS_WHOLE, "feature-persistent", 0)) {
		v->kept = calloc(1, sizeof *v->kept);
		if (!v->kept)
			return error_set(e, -ENOMEM, "the host is out of memory");
	}
	v->nqueues = (u32)n;
	v->bus_free = 0;
	v->through = false;
	rc = offer_size(v) | xenbus_offer(dev, "sector-size", "%u", VBD_SECTOR) |
	     xenbus_offer(dev, "physical-sector-size", "%u", block_sector_size(v->c.block)) | xenbus_offer(dev, "info", "%u", info);
	if (rc) {
		vbd_drop(v, true);
		return error_set(e, -ENOMEM, "its nodes cannot be made");
	}
	return 0;
}

/* Answers all that is under way and in the rings: when the host has done it, and the guest's time stands until then. */
static bool drain(struct xenbus_device *dev)
{
	struct vbd *v = xenbus_service(dev);
	u32 q;

	for (q = 0; q < v->nqueues; q++)
		vbd_queue_run(v, q);
	if (!v->first)
		return true;
	if (!v->draining)
		v->drain_at = domain_now(v->d->d);
	v->draining = true;
	vbd_arm(v);
	return false;
}

static void disconnect_device(struct xenbus_device *dev)
{
	vbd_drop(xenbus_service(dev), !xenbus_replaced(dev));
}

static void on_event(struct xenbus_device *dev, u32 channel)
{
	struct vbd *v = xenbus_service(dev);

	if (channel < v->nqueues)
		vbd_queue_run(v, channel);
}

static void on_timer(void *opaque, u64 now)
{
	struct vbd *v = opaque;
	bool draining = v->draining;

	vbd_complete(v, now);
	if (draining && !v->first) {
		v->draining = false;
		vbd_arm(v);
		xenbus_drained(v->dev); /* v may be gone */
	} else if (now >= v->end && !v->holding) {
		xenbus_remove(v->dev, true);
	}
}

static void removed(void *service)
{
	struct vbd *v = service;
	void (*fn)(void *) = v->c.removed;
	void *opaque = v->c.opaque;

	v->end = TIME_NEVER;
	vbd_drop(v, true);
	vbd_settle(v);
	vbd_pool_free(v);
	free(v->ask);
	free(v);
	if (fn)
		fn(opaque);
}

/* ---- state ----------------------------------------------------------------------------------------------------- */

static void save_req(struct buf *out, const struct vbd_req *r)
{
	u32 i;

	buf_put_u8(out, r->op);
	buf_put_u8(out, r->queue);
	buf_put_u8(out, r->ok);
	buf_put_u64(out, r->id);
	buf_put_u64(out, r->due);
	buf_put_u64(out, r->offset);
	buf_put_u64(out, r->len);
	buf_put_u32(out, r->nseg);
	for (i = 0; i < r->nseg; i++) {
		buf_put_u64(out, r->seg[i].mfn);
		buf_put_u32(out, r->seg[i].ref);
		buf_put_u8(out, r->seg[i].first);
		buf_put_u8(out, r->seg[i].last);
		buf_put_u8(out, r->seg[i].pinned);
	}
	if (r->op == VBD_READ && r->ok)
		buf_put(out, r->data, (size_t)r->len);
}

/* The host's part of what is under way is finished first; its result and what was read are part of the state. */
static void save(struct xenbus_device *dev, struct buf *out)
{
	struct vbd *v = xenbus_service(dev);
	const struct vbd_req *r;
	u32 i;

	vbd_settle(v);
	buf_put_u32(out, VBD_STATE_VERSION);
	buf_put_u64(out, v->end);
	buf_put_u32(out, v->nqueues);
	if (!v->nqueues)
		return;
	buf_put_u8(out, (u8)(v->wide | v->through << 1 | v->draining << 2));
	buf_put_u64(out, v->draining ? v->drain_at : 0);
	buf_put_u64(out, v->bus_free);
	for (i = 0; i < v->nqueues; i++) {
		buf_put_u32(out, (u32)v->q[i].map);
		buf_put_u32(out, (u32)v->q[i].channel);
		buf_put_u32(out, v->q[i].entries);
		buf_put_u32(out, v->q[i].cons);
		buf_put_u32(out, v->q[i].rsp);
		buf_put_u32(out, v->q[i].pushed);
		buf_put_u8(out, v->q[i].stalled);
	}
	buf_put_u32(out, v->kept ? v->kept->n : UINT32_MAX);
	for (i = 0; v->kept && i < v->kept->n; i++) {
		buf_put_u32(out, v->kept->ref[i]);
		buf_put_u64(out, v->kept->mfn[i]);
	}
	buf_put_u32(out, v->under_way);
	for (r = v->first; r; r = r->next)
		save_req(out, r);
}

static int load_req(struct vbd *v, struct reader *in)
{
	u32 op = reader_u8(in), queue = reader_u8(in), ok = reader_u8(in), nseg, i;
	u64 id = reader_u64(in), due = reader_u64(in), offset = reader_u64(in), len = reader_u64(in), bytes = 0;
	struct vbd_req *r;
	bool data = op == VBD_READ || (op != VBD_DISCARD && len);
	const u8 *p;

	nseg = reader_u32(in);
	if (in->failed || op > VBD_DISCARD || queue >= v->nqueues || nseg > VBD_INDIRECT || (op != VBD_READ && nseg) ||
	    (data && len > VBD_INDIRECT * PAGE_SIZE))
		return -EINVAL;
	r = vbd_req_new(v, nseg, data ? len : 0);
	if (!r)
		return -ENOMEM;
	r->op = (u8)op;
	r->queue = (u8)queue;
	r->ok = ok != 0;
	r->done = true;
	r->id = id;
	r->due = due;
	r->offset = offset;
	r->len = len;
	vbd_req_queue(v, r);
	for (i = 0; i < nseg; i++) {
		struct vbd_seg s = { .mfn = reader_u64(in), .ref = reader_u32(in) };

		s.first = reader_u8(in);
		s.last = reader_u8(in);
		s.pinned = reader_u8(in);
		if (s.first > s.last || s.last >= VBD_PAGE_SECTORS || !xen_owned(v->d, s.mfn))
			return -EINVAL;
		r->seg[i] = s;
		bytes += (s.last - s.first + 1u) * VBD_SECTOR;
	}
	if (op == VBD_READ && bytes != len)
		return -EINVAL;
	p = op == VBD_READ && r->ok ? reader_get(in, (size_t)len) : NULL;
	if (p)
		memcpy(r->data, p, (size_t)len);
	return in->failed ? -EINVAL : 0;
}

static int load_rings(struct vbd *v, u32 n, struct reader *in)
{
	u32 i, k, ref, flags;

	flags = reader_u8(in);
	v->wide = flags & 1;
	v->through = flags & 2;
	v->draining = flags & 4;
	v->drain_at = reader_u64(in);
	v->entry = v->wide ? 112 : 108;
	v->bus_free = reader_u64(in);
	for (i = 0; i < n; i++) {
		struct vbd_queue *q = &v->q[i];

		q->map = (int)reader_u32(in);
		q->channel = (int)reader_u32(in);
		q->entries = reader_u32(in);
		q->cons = reader_u32(in);
		q->rsp = reader_u32(in);
		q->pushed = reader_u32(in);
		q->stalled = reader_u8(in) != 0;
		if (!q->entries || (q->entries & (q->entries - 1)) ||
		    (u64)q->entries * v->entry + 64 > xenbus_map_size(v->dev, q->map))
			return -EINVAL;
	}
	v->nqueues = n;
	k = reader_u32(in);
	if (k == UINT32_MAX)
		return 0;
	v->kept = calloc(1, sizeof *v->kept);
	if (!v->kept)
		return -ENOMEM;
	while (k-- && !in->failed) {
		ref = reader_u32(in);
		if (!vbd_keep(v->kept, ref, reader_u64(in)) || !xen_owned(v->d, v->kept->mfn[v->kept->n - 1]))
			return -EINVAL;
	}
	return 0;
}

static int load(struct xenbus_device *dev, struct reader *in)
{
	struct vbd *v = xenbus_service(dev);
	u32 version = reader_u32(in), n;
	u64 end = reader_u64(in);
	int rc = 0;

	n = reader_u32(in);
	if (in->failed || version != VBD_STATE_VERSION || n > VBD_QUEUES)
		return -EINVAL;
	v->end = end;
	vbd_settle(v);
	vbd_drop(v, false);
	if (!n)
		return 0;
	rc = load_rings(v, n, in);
	if (!rc)
		for (n = reader_u32(in); n && !rc; n--)
			rc = load_req(v, in);
	if (!rc && in->failed)
		rc = -EINVAL;
	if (rc)
		vbd_drop(v, false);
	vbd_arm(v);
	return rc;
}

/* ---- for who gives the guest its disks -------------------------------------------------------------------------- */

static const struct xenbus_ops vbd_ops = {
	.name = "vbd",
	.ready = XENBUS_INITIALISED,
	.publish = publish,
	.connect = connect_device,
	.disconnect = disconnect_device,
	.event = on_event,
	.removed = removed,
	.save = save,
	.load = load,
	.drain = drain,
};

int vbd_add(struct xen_domain *d, const struct vbd_config *c, struct vbd **out, struct error *e)
{
	struct vbd *v = calloc(1, sizeof *v);
	int rc;

	if (!v || !(v->ask = malloc(sizeof *v->ask))) {
		free(v);
		return error_set(e, -ENOMEM, "the host is out of memory");
	}
	v->c = *c;
	v->d = d;
	v->end = TIME_NEVER;
	block_watch(c->block, false); /* until we wait */
	v->readonly = c->readonly || c->cdrom || block_readonly(c->block);
	vtimer_init(&v->timer, (u32)XEN_TIMER_VBD << 16 | c->index, on_timer, v);
	rc = xenbus_add(d, &vbd_ops, vbd_number(c->index), v, &v->dev, e);
	if (rc) {
		free(v->ask);
		free(v);
		return rc;
	}
	if (out)
		*out = v;
	return 0;
}

void vbd_remove(struct vbd *v, bool force)
{
	xenbus_remove(v->dev, force);
}

void vbd_expel(struct vbd *v)
{
	if (!xenbus_connected(v->dev)) {
		xenbus_remove(v->dev, true);
		return;
	}
	if (v->end == TIME_NEVER)
		v->end = domain_now(v->d->d) + VBD_GRACE;
	drain(v->dev);
	xenbus_remove(v->dev, false);
}

void vbd_resized(struct vbd *v)
{
	offer_size(v);
	xenbus_announce(v->dev);
}

const struct vbd_stats *vbd_stats(const struct vbd *v)
{
	return &v->stats;
}

bool vbd_connected(const struct vbd *v)
{
	return xenbus_connected(v->dev);
}

bool vbd_holds(const struct vbd *v)
{
	return v->holding;
}
