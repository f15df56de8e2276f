/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames to the guest (Xen public/io/netif.h, "Guest receive"). Frames that came through the door at one moment are gathered,
 * joined into trains where that is allowed (vif_merge.c), and moved into the rings. A frame that finds no room waits, for ten
 * seconds at most.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "hw/host/net/offload.h"
#include "xen/backend/vif_impl.h"
#include "xen/grant.h"

u32 vif_can(const struct vif *v)
{
	if (!v->nqueues)
		return 0;
	return (v->can_csum && v->can_csum6 ? (u32)NET_CAN_CSUM : 0) |
	       (v->can_csum && v->can_sg && v->can_tso4 ? (u32)NET_CAN_TSO4 : 0) |
	       (v->can_csum6 && v->can_sg && v->can_tso6 ? (u32)NET_CAN_TSO6 : 0);
}

bool vif_rx_room(const struct vif *v)
{
	return v->posted_frames + v->waiting_frames < VIF_WAIT_FRAMES && v->posted_bytes + v->waiting_bytes < VIF_WAIT_BYTES;
}

void vif_rx_accept(struct vif *v)
{
	if (!v->refused || !v->net || !vif_rx_room(v))
		return;
	v->refused = false;
	netdev_accept(v->net);
}

/* ---- what waits -------------------------------------------------------------------------------------------------- */

static void drop_head(struct vif *v, struct vif_queue *q)
{
	struct vif_frame *f = q->head;

	q->head = f->next;
	if (!q->head)
		q->last = NULL;
	q->nframes--;
	v->waiting_frames--;
	v->waiting_bytes -= f->len;
	free(f);
}

void vif_rx_drop(struct vif *v)
{
	u32 i;

	for (i = 0; i < VIF_QUEUES; i++)
		while (v->q[i].head)
			drop_head(v, &v->q[i]);
	vtimer_cancel(&v->d->d->time, &v->timer);
}

static void append(struct vif *v, struct vif_queue *q, struct vif_frame *f)
{
	f->next = NULL;
	if (q->last)
		q->last->next = f;
	else
		q->head = f;
	q->last = f;
	q->nframes++;
	v->waiting_frames++;
	v->waiting_bytes += f->len;
}

/* The frame that points to the last, or the head that does. */
static void replace_last(struct vif_queue *q, struct vif_frame *old, struct vif_frame *now)
{
	struct vif_frame *f;

	if (old == now)
		return;
	q->last = now;
	if (q->nframes == 1) {
		q->head = now;
		return;
	}
	for (f = q->head; f->next != old; f = f->next)
		;
	f->next = now;
}

static struct vif_frame *frame_new(u32 len)
{
	struct vif_frame *f = calloc(1, sizeof *f + len);

	if (f)
		f->len = f->cap = len;
	return f;
}

/* Takes a frame as the guest can have it: to its queue. */
static void gather(void *opaque, const struct net_frame *given)
{
	struct vif *v = opaque;
	struct vif_queue *q = &v->q[vif_flow(given->data, given->len, v->nqueues)];
	struct net_frame f = *given;
	struct vif_frame *old = q->last, *w;
	u8 flags = vif_checked(&f);
	u32 before = old ? old->len : 0;

	if (v->waiting_frames >= VIF_WAIT_FRAMES || v->waiting_bytes >= VIF_WAIT_BYTES ||
	    (!v->can_sg && f.len > PAGE_SIZE)) {
		v->rx_dropped++;
		return;
	}
	f.csum_good = flags & VIF_CSUM_GOOD;
	w = vif_merge(old, &f, vif_can(v));
	if (w) {
		replace_last(q, old, w);
		v->waiting_bytes += w->len - before;
		return;
	}
	w = frame_new(f.len);
	if (!w) {
		v->rx_dropped++;
		return;
	}
	w->since = vif_now(v);
	w->gso = f.gso;
	w->gso_size = f.gso ? f.gso_size : 0;
	w->flags = flags;
	w->closed = f.gso != NET_GSO_NONE;
	memcpy(w->data, f.data, f.len);
	append(v, q, w);
}

static bool wanted(const struct vif *v, const u8 *to)
{
	u32 i;

	if (!v->mcast_filter || !(to[0] & 1) || !memcmp(to, "\xff\xff\xff\xff\xff\xff", 6))
		return true;
	for (i = 0; i < v->nmcast && memcmp(v->mcast[i], to, 6); i++)
		;
	return i < v->nmcast;
}

void vif_rx_input(struct vif *v, const u8 *p, u32 len)
{
	struct net_frame f;

	if (len < VIF_DOOR_HEADER || ld32(p + 4) != len - VIF_DOOR_HEADER)
		return;
	f = (struct net_frame){ .data = p + VIF_DOOR_HEADER,
				.len = len - VIF_DOOR_HEADER,
				.gso = p[1],
				.csum_blank = p[0] & VIF_CSUM_BLANK,
				.csum_good = p[0] & VIF_CSUM_GOOD,
				.gso_size = ld16(p + 2) };
	if (!v->nqueues || !v->link || f.len < VIF_ETH_HEADER || f.len > NET_FRAME_MAX || f.gso > NET_GSO_TCP6 ||
	    (f.gso && !f.gso_size) || !wanted(v, f.data)) {
		v->rx_dropped++;
		return;
	}
	/* What it could take when the frame was left at the door may have been something else. */
	if (!net_finish(&f, vif_can(v), v->scratch, gather, v))
		v->rx_dropped++;
	/* Whatever else comes at this moment is gathered too, and then all of it moves. */
	if (v->waiting_frames)
		vif_soon(v, vif_now(v));
}

/* ---- into the ring ----------------------------------------------------------------------------------------------- */

static u32 slots_of(const struct vif_frame *f)
{
	return DIV_UP(f->len, (u32)PAGE_SIZE) + (f->gso ? 1 : 0);
}

static u32 slot_at(u32 idx)
{
	return VIF_RING_BASE + idx % VIF_SLOTS * VIF_RX_SLOT;
}

/* Fills one request with n bytes of the frame. */
static void put_data(struct vif *v, struct vif_queue *q, const u8 *p, u32 n, u32 flags)
{
	u8 b[VIF_RX_SLOT] = { 0 };
	int status = NETIF_RSP_ERROR;

	if (!xenbus_map_read(v->dev, q->rx_map, slot_at(q->rx_cons), b, VIF_RX_SLOT) &&
	    !grant_copy_to(v->d, ld32(b + 4), 0, p, n))
		status = (int)n;
	st16(b + 2, 0); /* the offset; the identifier stays */
	st16(b + 4, (u16)flags);
	st16(b + 6, (u16)status);
	xenbus_map_write(v->dev, q->rx_map, slot_at(q->rx_cons), b, VIF_RX_SLOT);
	q->rx_cons++;
}

static void put_gso(struct vif *v, struct vif_queue *q, const struct vif_frame *f)
{
	u8 b[VIF_RX_SLOT] = { NETIF_EXTRA_GSO };

	st16(b + 2, f->gso_size);
	b[4] = f->gso == NET_GSO_TCP4 ? NETIF_GSO_TCPV4 : NETIF_GSO_TCPV6;
	xenbus_map_write(v->dev, q->rx_map, slot_at(q->rx_cons), b, VIF_RX_SLOT);
	q->rx_cons++;
}

static void put_frame(struct vif *v, struct vif_queue *q, const struct vif_frame *f)
{
	u32 flags = f->flags & VIF_CSUM_BLANK  ? NETRXF_CSUM_BLANK | NETRXF_DATA_VALIDATED
		    : f->flags & VIF_CSUM_GOOD ? NETRXF_DATA_VALIDATED
					       : 0;
	u32 at, n;

	if (f->gso)
		flags |= NETRXF_EXTRA_INFO;
	for (at = 0; at < f->len; at += n) {
		n = MIN(f->len - at, (u32)PAGE_SIZE);
		put_data(v, q, f->data + at, n, flags | (at + n < f->len ? NETRXF_MORE_DATA : 0));
		if (!at && f->gso)
			put_gso(v, q, f);
		flags = 0;
	}
	v->rx_frames++;
	v->rx_bytes += f->len;
}

/* Requests that can be filled; when fewer than needed, the front end is asked to tell. -1: the card was closed. */
static i64 room(struct vif *v, struct vif_queue *q, u32 needed)
{
	u32 n = xenbus_map_u32(v->dev, q->rx_map, RING_REQ_PROD) - q->rx_cons;

	if (n < needed) {
		xenbus_map_set_u32(v->dev, q->rx_map, RING_REQ_EVENT, q->rx_cons + needed);
		n = xenbus_map_u32(v->dev, q->rx_map, RING_REQ_PROD) - q->rx_cons;
	}
	if (n <= VIF_SLOTS)
		return n;
	xenbus_fail(v->dev, -EPROTO, "the index of buffers is %u ahead of a ring of %u", n, VIF_SLOTS);
	return -1;
}

void vif_rx(struct vif *v, struct vif_queue *q)
{
	u32 old = q->rx_cons;

	while (q->head) {
		u32 needed = slots_of(q->head);
		i64 n = room(v, q, needed);

		if (n < 0)
			return;
		if (n < needed)
			break;
		put_frame(v, q, q->head);
		drop_head(v, q);
	}
	if (vif_ring_push(v, q->rx_map, old, q->rx_cons))
		xenbus_notify(v->dev, q->rx_channel);
}

u64 vif_rx_next(const struct vif *v)
{
	u64 at = TIME_NEVER;
	u32 i;

	for (i = 0; i < v->nqueues; i++)
		if (v->q[i].head)
			at = MIN(at, v->rx_notify ? v->q[i].head->since + VIF_EXPIRY : vif_now(v) + VIF_POLL_INTERVAL);
	return at;
}

void vif_rx_expire(struct vif *v, u64 now)
{
	u32 i;

	for (i = 0; i < v->nqueues; i++)
		while (v->q[i].head && now >= v->q[i].head->since + VIF_EXPIRY) {
			drop_head(v, &v->q[i]);
			v->rx_dropped++;
		}
}

/* ---- state ------------------------------------------------------------------------------------------------------- */

static const struct state_field frame_fields[] = {
	STATE_INT(struct vif_frame_state, since), STATE_INT(struct vif_frame_state, len),
	STATE_INT(struct vif_frame_state, gso_size), STATE_INT(struct vif_frame_state, gso),
	STATE_INT(struct vif_frame_state, flags), STATE_INT(struct vif_frame_state, closed),
	STATE_INTS(struct vif_frame_state, pad),
};
STATE_DESC(vif_frame_state_desc, "vif-frame", 1, struct vif_frame_state, frame_fields);

void vif_rx_save(const struct vif *v, struct buf *out)
{
	const struct vif_frame *f;
	u32 i;

	for (i = 0; i < v->nqueues; i++)
		for (f = v->q[i].head; f; f = f->next) {
			const struct vif_frame_state s = { .since = f->since, .len = f->len, .gso_size = f->gso_size,
							   .gso = f->gso, .flags = f->flags, .closed = f->closed };

			state_save(&vif_frame_state_desc, &s, out);
			buf_put(out, f->data, f->len);
		}
}

static int load_frame(struct vif *v, struct vif_queue *q, struct reader *in)
{
	struct vif_frame_state s;
	int rc = state_load(&vif_frame_state_desc, &s, in);
	const u8 *p = !rc && s.len <= NET_FRAME_MAX ? reader_get(in, s.len) : NULL;
	struct vif_frame *f;

	if (!p || s.len < VIF_ETH_HEADER || s.gso > NET_GSO_TCP6 || !s.gso != !s.gso_size ||
	    v->waiting_frames >= VIF_WAIT_FRAMES)
		return -EINVAL;
	f = frame_new(s.len);
	if (!f)
		return -ENOMEM;
	f->since = s.since;
	f->gso = s.gso;
	f->gso_size = s.gso_size;
	f->flags = s.flags & (VIF_CSUM_BLANK | VIF_CSUM_GOOD);
	f->closed = s.closed;
	memcpy(f->data, p, s.len);
	append(v, q, f);
	return 0;
}

int vif_rx_load(struct vif *v, const struct vif_state *s, struct reader *in)
{
	u32 i, n;
	int rc = 0;

	for (i = 0; i < s->nqueues; i++)
		for (n = s->q[i].nframes; n && !rc; n--)
			rc = load_frame(v, &v->q[i], in);
	return rc;
}
