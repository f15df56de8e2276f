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

static const struct state_field queue_fields[] = {
	STATE_INT(struct vbd_queue, map),    STATE_INT(struct vbd_queue, channel), STATE_INT(struct vbd_queue, entries),
	STATE_INT(struct vbd_queue, cons),   STATE_INT(struct vbd_queue, rsp),     STATE_INT(struct vbd_queue, pushed),
	STATE_INT(struct vbd_queue, stalled),
};
static STATE_DESC(queue_desc, "vbd-queue", 1, struct vbd_queue, queue_fields);

static const struct state_field vbd_fields[] = {
	STATE_INT(struct vbd_state, end),      STATE_INT(struct vbd_state, bus_free), STATE_INT(struct vbd_state, drain_at),
	STATE_INT(struct vbd_state, nqueues),  STATE_INT(struct vbd_state, requests), STATE_INT(struct vbd_state, kept),
	STATE_INT(struct vbd_state, keeping),  STATE_INT(struct vbd_state, wide),     STATE_INT(struct vbd_state, through),
	STATE_INT(struct vbd_state, draining), STATE_SUBS(struct vbd_state, q, &queue_desc),
};
STATE_DESC(vbd_state_desc, "vbd", 4, struct vbd_state, vbd_fields);

static const struct state_field kept_fields[] = {
	STATE_INT(struct vbd_kept_state, mfn), STATE_INT(struct vbd_kept_state, ref), STATE_INT(struct vbd_kept_state, pad),
};
STATE_DESC(vbd_kept_state_desc, "vbd-kept", 1, struct vbd_kept_state, kept_fields);

static const struct state_field req_fields[] = {
	STATE_INT(struct vbd_req_state, id),   STATE_INT(struct vbd_req_state, due),   STATE_INT(struct vbd_req_state, offset),
	STATE_INT(struct vbd_req_state, len),  STATE_INT(struct vbd_req_state, nseg),  STATE_INT(struct vbd_req_state, op),
	STATE_INT(struct vbd_req_state, queue), STATE_INT(struct vbd_req_state, ok),   STATE_INT(struct vbd_req_state, pad),
};
STATE_DESC(vbd_req_state_desc, "vbd-req", 1, struct vbd_req_state, req_fields);

static const struct state_field seg_fields[] = {
	STATE_INT(struct vbd_seg, mfn),  STATE_INT(struct vbd_seg, ref),    STATE_INT(struct vbd_seg, first),
	STATE_INT(struct vbd_seg, last), STATE_INT(struct vbd_seg, pinned), STATE_INT(struct vbd_seg, pad),
};
STATE_DESC(vbd_seg_desc, "vbd-seg", 1, struct vbd_seg, seg_fields);

static void save_req(struct buf *out, const struct vbd_req *r)
{
	const struct vbd_req_state s = { .id = r->id, .due = r->due, .offset = r->offset, .len = r->len, .nseg = r->nseg,
					 .op = r->op, .queue = r->queue, .ok = r->ok };
	u32 i;

	state_save(&vbd_req_state_desc, &s, out);
	for (i = 0; i < r->nseg; i++)
		state_save(&vbd_seg_desc, &r->seg[i], out);
	if (r->op == VBD_READ && r->ok)
		buf_put(out, r->data, (size_t)r->len);
}

/* The host's part of what is under way is finished first; its result and what was read are part of the state. */
static void save(struct xenbus_device *dev, struct buf *out)
{
	struct vbd *v = xenbus_service(dev);
	struct vbd_state s = { .end = v->end };
	const struct vbd_req *r;
	u32 i;

	vbd_settle(v);
	if (v->nqueues) {
		s.bus_free = v->bus_free;
		s.drain_at = v->draining ? v->drain_at : 0;
		s.nqueues = v->nqueues;
		s.requests = v->under_way;
		s.kept = v->kept ? v->kept->n : 0;
		s.keeping = v->kept != NULL;
		s.wide = v->wide;
		s.through = v->through;
		s.draining = v->draining;
		memcpy(s.q, v->q, v->nqueues * sizeof *s.q);
	}
	state_save(&vbd_state_desc, &s, out);
	for (i = 0; i < s.kept; i++) {
		const struct vbd_kept_state k = { .mfn = v->kept->mfn[i], .ref = v->kept->ref[i] };

		state_save(&vbd_kept_state_desc, &k, out);
	}
	for (r = v->first; r; r = r->next)
		save_req(out, r);
}

static int load_req(struct vbd *v, struct reader *in)
{
	struct vbd_req_state s;
	struct vbd_req *r;
	bool data;
	u64 bytes = 0;
	const u8 *p;
	u32 i;

	if (state_load(&vbd_req_state_desc, &s, in))
		return -EINVAL;
	data = s.op == VBD_READ || (s.op != VBD_DISCARD && s.len);
	if (s.op > VBD_DISCARD || s.queue >= v->nqueues || s.nseg > VBD_INDIRECT || (s.op != VBD_READ && s.nseg) ||
	    (data && s.len > VBD_INDIRECT * PAGE_SIZE))
		return -EINVAL;
	r = vbd_req_new(v, s.nseg, data ? s.len : 0);
	if (!r)
		return -ENOMEM;
	r->op = s.op;
	r->queue = s.queue;
	r->ok = s.ok != 0;
	r->done = true;
	r->id = s.id;
	r->due = s.due;
	r->offset = s.offset;
	r->len = s.len;
	vbd_req_queue(v, r);
	for (i = 0; i < s.nseg; i++) {
		struct vbd_seg g;

		if (state_load(&vbd_seg_desc, &g, in) || g.first > g.last || g.last >= VBD_PAGE_SECTORS || !xen_owned(v->d, g.mfn))
			return -EINVAL;
		r->seg[i] = g;
		bytes += (g.last - g.first + 1u) * VBD_SECTOR;
	}
	if (s.op == VBD_READ && bytes != s.len)
		return -EINVAL;
	p = s.op == VBD_READ && r->ok ? reader_get(in, (size_t)s.len) : NULL;
	if (p)
		memcpy(r->data, p, (size_t)s.len);
	return in->failed ? -EINVAL : 0;
}

static int load_kept(struct vbd *v, u32 n, struct reader *in)
{
	struct vbd_kept_state k;

	v->kept = calloc(1, sizeof *v->kept);
	if (!v->kept)
		return -ENOMEM;
	while (n--)
		if (state_load(&vbd_kept_state_desc, &k, in) || !xen_owned(v->d, k.mfn) || !vbd_keep(v->kept, k.ref, k.mfn))
			return -EINVAL;
	return 0;
}

static int load_rings(struct vbd *v, const struct vbd_state *s, struct reader *in)
{
	u32 i;
	int rc = 0;

	v->wide = s->wide;
	v->through = s->through;
	v->draining = s->draining;
	v->drain_at = s->drain_at;
	v->entry = v->wide ? 112 : 108;
	v->bus_free = s->bus_free;
	for (i = 0; i < s->nqueues; i++) {
		const struct vbd_queue *q = &s->q[i];

		if (!q->entries || (q->entries & (q->entries - 1)) ||
		    (u64)q->entries * v->entry + 64 > xenbus_map_size(v->dev, q->map))
			return -EINVAL;
		v->q[i] = *q;
	}
	v->nqueues = s->nqueues;
	if (s->keeping)
		rc = load_kept(v, s->kept, in);
	for (i = 0; i < s->requests && !rc; i++)
		rc = load_req(v, in);
	return rc;
}

static int load(struct xenbus_device *dev, struct reader *in)
{
	struct vbd *v = xenbus_service(dev);
	struct vbd_state s;
	int rc;

	if (state_load(&vbd_state_desc, &s, in) || s.nqueues > VBD_QUEUES || (!s.nqueues && (s.requests || s.kept)) ||
	    (!s.keeping && s.kept))
		return -EINVAL;
	v->end = s.end;
	vbd_settle(v);
	vbd_drop(v, false);
	if (!s.nqueues)
		return 0;
	rc = load_rings(v, &s, in);
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
