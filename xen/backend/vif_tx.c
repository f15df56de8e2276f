/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames from the guest (Xen public/io/netif.h, "Guest transmit"). A request is copied out of the shared page once. A packet
 * with a mistake in it is answered with an error and dropped. A ring that makes no sense at all closes the card, as in Linux's
 * netback.
 */
#include <errno.h>
#include <string.h>

#include "base/endian.h"
#include "xen/backend/vif_impl.h"
#include "xen/grant.h"

struct tx_request {
	u32 ref;
	u32 offset, flags, id, size;
};

/* One packet's requests as they were copied. */
struct tx_packet {
	struct tx_request req[1 + VIF_FATAL_FRAGS]; /* the first, and what hangs on it */
	u32 n;
	u32 extras;  /* slots between the first and the others */
	u32 size;    /* of the whole packet, as the first says */
	bool bad;
	u8 gso, op;  /* enum net_gso; NETIF_EXTRA_MCAST_* or 0 */
	u16 gso_size;
	u8 addr[6];
};

static void read_slot(struct vif *v, struct vif_queue *q, u32 idx, u8 b[VIF_TX_SLOT])
{
	if (xenbus_map_read(v->dev, q->tx_map, VIF_RING_BASE + idx % VIF_SLOTS * VIF_TX_SLOT, b, VIF_TX_SLOT))
		memset(b, 0, VIF_TX_SLOT);
}

static void read_request(struct vif *v, struct vif_queue *q, u32 idx, struct tx_request *r)
{
	u8 b[VIF_TX_SLOT];

	read_slot(v, q, idx, b);
	*r = (struct tx_request){ ld32(b), ld16(b + 4), ld16(b + 6), ld16(b + 8), ld16(b + 10) };
}

static void respond(struct vif *v, struct vif_queue *q, u32 id, int status)
{
	u8 b[4];

	st16(b, (u16)id);
	st16(b + 2, (u16)status);
	xenbus_map_write(v->dev, q->tx_map, VIF_RING_BASE + q->tx_cons % VIF_SLOTS * VIF_TX_SLOT, b, 4);
	q->tx_cons++;
}

bool vif_ring_push(struct vif *v, int map, u32 old, u32 now)
{
	u32 event;

	if (old == now)
		return false;
	xenbus_map_set_u32(v->dev, map, RING_RSP_PROD, now);
	event = xenbus_map_u32(v->dev, map, RING_RSP_EVENT);
	return now - event < now - old;
}

/* Reads the extra slots from *idx on. False: the card was closed. */
static bool read_extras(struct vif *v, struct vif_queue *q, struct tx_packet *p, u32 *idx, u32 end)
{
	u8 b[VIF_TX_SLOT];

	do {
		if (*idx == end) {
			xenbus_fail(v->dev, -EPROTO, "a packet ends before its extra information");
			return false;
		}
		read_slot(v, q, (*idx)++, b);
		p->extras++;
		if (!b[0] || b[0] >= NETIF_EXTRA_TYPES) {
			xenbus_fail(v->dev, -EPROTO, "extra information of type %u is unknown", b[0]);
			return false;
		}
		if (b[0] == NETIF_EXTRA_GSO) {
			p->gso_size = ld16(b + 2);
			p->gso = b[4] == NETIF_GSO_TCPV4 ? NET_GSO_TCP4 : b[4] == NETIF_GSO_TCPV6 ? NET_GSO_TCP6 : NET_GSO_NONE;
			if (!p->gso_size || !p->gso) {
				xenbus_fail(v->dev, -EPROTO, "segments of %u bytes, of type %u, cannot be made", p->gso_size, b[4]);
				return false;
			}
		} else if (b[0] == NETIF_EXTRA_MCAST_ADD || b[0] == NETIF_EXTRA_MCAST_DEL) {
			p->op = b[0];
			memcpy(p->addr, b + 2, 6);
		}
	} while (b[1] & NETIF_EXTRA_MORE);
	return true;
}

static bool crosses(struct vif *v, const struct tx_request *r, u32 size)
{
	if (r->offset + size <= PAGE_SIZE)
		return false;
	xenbus_fail(v->dev, -EPROTO, "a request of %u bytes at offset %u leaves its page", size, r->offset);
	return true;
}

/* Reads the slots behind the first. False: the card was closed. */
static bool read_frags(struct vif *v, struct vif_queue *q, struct tx_packet *p, u32 *idx, u32 end)
{
	struct tx_request *r = &p->req[0];
	u32 first = p->size;

	while (r->flags & NETTXF_MORE_DATA) {
		if (*idx == end) {
			xenbus_fail(v->dev, -EPROTO, "a packet ends before its last part");
			return false;
		}
		if (p->n > VIF_FATAL_FRAGS) {
			xenbus_fail(v->dev, -EPROTO, "a packet has more than %u parts", VIF_FATAL_FRAGS);
			return false;
		}
		if (p->n > VIF_FRAGS)
			p->bad = true;
		r = &p->req[p->n++];
		read_request(v, q, (*idx)++, r);
		/* A packet of 64 KiB or more says a size that is too small: some front ends do. */
		if (r->size > first)
			p->bad = true;
		first = (first - r->size) & 0xffff;
		if (crosses(v, r, r->size))
			return false;
	}
	p->req[0].size = first;
	return true;
}

static void mcast(struct vif *v, const struct tx_packet *p, int *status)
{
	u32 i;

	for (i = 0; i < v->nmcast && memcmp(v->mcast[i], p->addr, 6); i++)
		;
	if (p->op == NETIF_EXTRA_MCAST_DEL && i < v->nmcast)
		memmove(v->mcast[i], v->mcast[--v->nmcast], 6);
	else if (p->op == NETIF_EXTRA_MCAST_ADD && i == VIF_MCAST_MAX)
		*status = NETIF_RSP_ERROR;
	else if (p->op == NETIF_EXTRA_MCAST_ADD && i == v->nmcast)
		memcpy(v->mcast[v->nmcast++], p->addr, 6);
}

/* Copies a packet together and hands it over. Each request's status goes into status[]. */
static void send(struct vif *v, const struct tx_packet *p, int *status)
{
	struct net_frame f = { .data = v->packet, .len = p->size, .gso = p->gso, .gso_size = p->gso_size };
	bool whole = true;
	u32 i, at = 0;

	for (i = 0; i < p->n; i++) {
		const struct tx_request *r = &p->req[i];

		if (r->size && grant_copy_from(v->d, r->ref, r->offset, v->packet + at, r->size)) {
			status[i] = NETIF_RSP_ERROR;
			whole = false;
		}
		at += r->size;
	}
	if (!whole || !v->link) {
		v->tx_errors += !whole;
		return;
	}
	f.csum_blank = p->req[0].flags & NETTXF_CSUM_BLANK;
	f.csum_good = !f.csum_blank && (p->req[0].flags & NETTXF_DATA_VALIDATED);
	v->tx_frames++;
	v->tx_bytes += f.len;
	if (v->net)
		netdev_send(v->net, &f);
}

/* Takes one packet. False: the card was closed. */
static bool take(struct vif *v, struct vif_queue *q, u32 end)
{
	struct tx_packet p = { .n = 1 };
	int status[ARRAY_SIZE(p.req)] = { NETIF_RSP_OKAY };
	u32 idx = q->tx_cons, i;

	read_request(v, q, idx++, &p.req[0]);
	p.size = p.req[0].size;
	if ((p.req[0].flags & NETTXF_EXTRA_INFO) && !read_extras(v, q, &p, &idx, end))
		return false;
	if (p.op) {
		/* The request itself is no packet. */
		mcast(v, &p, &status[0]);
	} else {
		if (!read_frags(v, q, &p, &idx, end))
			return false;
		if (!p.bad && p.req[0].size >= VIF_ETH_HEADER && crosses(v, &p.req[0], p.req[0].size))
			return false;
		if (p.bad || p.req[0].size < VIF_ETH_HEADER) {
			for (i = 0; i < p.n; i++)
				status[i] = NETIF_RSP_ERROR;
			v->tx_errors++;
		} else {
			send(v, &p, status);
		}
	}
	respond(v, q, p.req[0].id, status[0]);
	for (i = 0; i < p.extras; i++)
		respond(v, q, 0, NETIF_RSP_NULL);
	for (i = 1; i < p.n; i++)
		respond(v, q, p.req[i].id, status[i]);
	return true;
}

void vif_tx(struct vif *v, struct vif_queue *q)
{
	u32 old = q->tx_cons, prod;

	for (;;) {
		prod = xenbus_map_u32(v->dev, q->tx_map, RING_REQ_PROD);
		if (prod == q->tx_cons) {
			xenbus_map_set_u32(v->dev, q->tx_map, RING_REQ_EVENT, prod + 1);
			if (xenbus_map_u32(v->dev, q->tx_map, RING_REQ_PROD) == prod)
				break;
			continue;
		}
		if (prod - q->tx_cons > VIF_SLOTS) {
			xenbus_fail(v->dev, -EPROTO, "the index of sent requests is %u ahead of a ring of %u", prod - q->tx_cons,
				    VIF_SLOTS);
			return;
		}
		while (q->tx_cons != prod)
			if (!take(v, q, prod))
				return;
	}
	if (vif_ring_push(v, q->tx_map, old, q->tx_cons))
		xenbus_notify(v->dev, q->tx_channel);
}
