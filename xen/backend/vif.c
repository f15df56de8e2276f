/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The network back end: what is offered and agreed on (Xen public/io/netif.h), connections, the way to the host's network,
 * and the state. Left out: the control ring, XDP headroom, multicast lists that are switched on in mid-air.
 */
#include "xen/backend/vif.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "xen/backend/vif_impl.h"
#include "xen/time.h"

/* ---- the host's network ------------------------------------------------------------------------------------------ */

/* Called on the execution thread, between quanta or while the guest sends: the frame goes before the door. */
static bool receive(void *opaque, const struct net_frame *f)
{
	struct vif *v = opaque;
	u8 *b = v->post;

	if (!v->nqueues || !v->link || f->len < VIF_ETH_HEADER || f->len > NET_FRAME_MAX) {
		v->rx_dropped++;
		return true;
	}
	if (!vif_rx_room(v)) {
		v->refused = true;
		return false;
	}
	b[0] = (u8)((f->csum_blank ? VIF_CSUM_BLANK : 0) | (f->csum_good ? VIF_CSUM_GOOD : 0));
	b[1] = f->gso;
	st16(b + 2, f->gso ? f->gso_size : 0);
	st32(b + 4, f->len);
	memcpy(b + VIF_DOOR_HEADER, f->data, f->len);
	if (door_post(&v->d->d->door, DOOR_NET, v->id, b, VIF_DOOR_HEADER + f->len)) {
		v->rx_dropped++;
		return true;
	}
	v->posted_frames++;
	v->posted_bytes += VIF_DOOR_HEADER + f->len;
	return true;
}

static void input(void *opaque, const struct door_input *in)
{
	struct vif *v = opaque;

	v->posted_frames -= MIN(v->posted_frames, 1);
	v->posted_bytes -= MIN(v->posted_bytes, in->len);
	vif_rx_input(v, in->data, in->len);
	vif_rx_accept(v);
}

/* What the guest takes has changed, or the network. */
static void update_client(struct vif *v)
{
	v->client.can = vif_can(v);
	if (v->net)
		netdev_set_client(v->net, &v->client, v);
}

/* ---- connections ------------------------------------------------------------------------------------------------- */

static int publish(struct xenbus_device *dev)
{
	static const char *const features[] = { "feature-sg", "feature-gso-tcpv4", "feature-gso-tcpv6",
						"feature-ipv6-csum-offload", "feature-rx-copy", "feature-multicast-control",
						"feature-split-event-channels" };
	struct vif *v = xenbus_service(dev);
	char mac[20];
	int rc = 0;
	u32 i;

	v->dev = dev;
	snprintf(mac, sizeof mac, "%02x:%02x:%02x:%02x:%02x:%02x", v->mac[0], v->mac[1], v->mac[2], v->mac[3], v->mac[4],
		 v->mac[5]);
	for (i = 0; i < ARRAY_SIZE(features); i++)
		rc |= xenbus_offer(dev, features[i], "1");
	rc |= xenbus_offer(dev, "feature-rx-flip", "0");
	rc |= xenbus_offer(dev, "multi-queue-max-queues", "%u", VIF_QUEUES);
	rc |= xenbus_offer(dev, "carrier", "%u", v->link);
	rc |= xenbus_offer(dev, "handle", "%u", v->id) | xenbus_tell(dev, "handle", "%u", v->id);
	rc |= xenbus_offer(dev, "mac", "%s", mac) | xenbus_tell(dev, "mac", "%s", mac);
	return rc;
}

static bool said(struct xenbus_device *dev, const char *key)
{
	return xenbus_read_or(dev, XENBUS_WHOLE, key, 0) != 0;
}

/* A ring of the front end's, which may have been used before us. Its position goes into *at. */
static int map_ring(struct vif *v, u32 queue, const char *key, u32 *at, struct error *e)
{
	int map = xenbus_map_ring(v->dev, queue, key, 1, e);
	u32 ahead;

	if (map < 0)
		return map;
	*at = xenbus_map_u32(v->dev, map, RING_RSP_PROD);
	ahead = xenbus_map_u32(v->dev, map, RING_REQ_PROD) - *at;
	if (ahead > VIF_SLOTS)
		return error_set(e, -EPROTO, "%s: its requests are %u ahead of a ring of %u", key, ahead, VIF_SLOTS);
	return map;
}

static int connect_queue(struct vif *v, u32 i, struct error *e)
{
	struct vif_queue *q = &v->q[i];
	u64 port;

	q->tx_map = map_ring(v, i, "tx-ring-ref", &q->tx_cons, e);
	if (q->tx_map < 0)
		return q->tx_map;
	q->rx_map = map_ring(v, i, "rx-ring-ref", &q->rx_cons, e);
	if (q->rx_map < 0)
		return q->rx_map;
	if (xenbus_read_u64(v->dev, i, "event-channel-tx", &port) == -ENOENT) {
		q->tx_channel = q->rx_channel = xenbus_bind(v->dev, i, "event-channel", e);
		return MIN(q->tx_channel, 0);
	}
	q->tx_channel = xenbus_bind(v->dev, i, "event-channel-tx", e);
	if (q->tx_channel < 0)
		return q->tx_channel;
	q->rx_channel = xenbus_bind(v->dev, i, "event-channel-rx", e);
	return MIN(q->rx_channel, 0);
}

static int connect(struct xenbus_device *dev, struct error *e)
{
	struct vif *v = xenbus_service(dev);
	int n = xenbus_queues(dev, VIF_QUEUES, e), i, rc;

	if (n < 0)
		return n;
	if (!said(dev, "request-rx-copy"))
		return error_set(e, -EOPNOTSUPP, "the front end wants pages flipped, and only copies are to be had");
	memset(v->q, 0, sizeof v->q);
	for (i = 0; i < n; i++) {
		rc = connect_queue(v, (u32)i, e);
		if (rc)
			return rc;
	}
	v->can_sg = said(dev, "feature-sg");
	v->can_tso4 = said(dev, "feature-gso-tcpv4");
	v->can_tso6 = said(dev, "feature-gso-tcpv6");
	v->can_csum = !said(dev, "feature-no-csum-offload");
	v->can_csum6 = said(dev, "feature-ipv6-csum-offload");
	v->rx_notify = said(dev, "feature-rx-notify");
	v->mcast_filter = said(dev, "request-multicast-control");
	v->nmcast = 0;
	v->nqueues = (u32)n;
	update_client(v);
	return 0;
}

static void disconnect(struct xenbus_device *dev)
{
	struct vif *v = xenbus_service(dev);

	vif_rx_drop(v);
	v->nqueues = 0;
	v->nmcast = 0;
	update_client(v);
	vif_rx_accept(v);
}

static void event(struct xenbus_device *dev, u32 channel)
{
	struct vif *v = xenbus_service(dev);
	u32 i;

	for (i = 0; i < v->nqueues; i++) {
		if (v->q[i].tx_channel == (int)channel)
			vif_soon(v, vif_now(v) + VIF_TX_DELAY);
		if (v->q[i].rx_channel == (int)channel)
			vif_rx(v, &v->q[i]);
	}
	vif_rx_accept(v);
}

static void on_timer(void *opaque, u64 now)
{
	struct vif *v = opaque;
	u32 i;

	for (i = 0; i < v->nqueues; i++)
		vif_rx(v, &v->q[i]);
	for (i = 0; i < v->nqueues; i++)
		vif_tx(v, &v->q[i]);
	vif_rx_expire(v, now);
	domain_arm(v->d->d, &v->timer, vif_rx_next(v));
	vif_rx_accept(v);
}

static void removed(void *service)
{
	struct vif *v = service;

	if (v->net)
		netdev_set_client(v->net, NULL, NULL);
	vif_rx_drop(v);
	door_unhandle(&v->d->d->door, DOOR_NET, v->id);
	state_remove(&v->d->d->states, v);
	free(v);
}

/* ---- state ------------------------------------------------------------------------------------------------------- */

static const struct state_field queue_fields[] = {
	STATE_INT(struct vif_queue_state, tx_map),     STATE_INT(struct vif_queue_state, rx_map),
	STATE_INT(struct vif_queue_state, tx_channel), STATE_INT(struct vif_queue_state, rx_channel),
	STATE_INT(struct vif_queue_state, tx_cons),    STATE_INT(struct vif_queue_state, rx_cons),
	STATE_INT(struct vif_queue_state, nframes),
};
static STATE_DESC(queue_desc, "vif-queue", 1, struct vif_queue_state, queue_fields);

static const struct state_field vif_fields[] = {
	STATE_INT(struct vif_state, deadline),   STATE_INT(struct vif_state, nqueues),  STATE_INT(struct vif_state, nmcast),
	STATE_INT(struct vif_state, link),       STATE_INT(struct vif_state, can_sg),   STATE_INT(struct vif_state, can_tso4),
	STATE_INT(struct vif_state, can_tso6),   STATE_INT(struct vif_state, can_csum), STATE_INT(struct vif_state, can_csum6),
	STATE_INT(struct vif_state, rx_notify),  STATE_INT(struct vif_state, mcast_filter),
	STATE_BYTES(struct vif_state, mcast),    STATE_SUBS(struct vif_state, q, &queue_desc),
};
STATE_DESC(vif_state_desc, "vif", 1, struct vif_state, vif_fields);

static void save(struct xenbus_device *dev, struct buf *out)
{
	const struct vif *v = xenbus_service(dev);
	struct vif_state s = { .deadline = v->timer.deadline, .nqueues = v->nqueues, .nmcast = v->nmcast, .link = v->link };
	u32 i;

	for (i = 0; i < v->nqueues; i++) {
		const struct vif_queue *q = &v->q[i];

		s.q[i] = (struct vif_queue_state){ q->tx_map, q->rx_map, q->tx_channel, q->rx_channel, q->tx_cons, q->rx_cons,
						   q->nframes };
	}
	if (v->nqueues) {
		s.can_sg = v->can_sg;
		s.can_tso4 = v->can_tso4;
		s.can_tso6 = v->can_tso6;
		s.can_csum = v->can_csum;
		s.can_csum6 = v->can_csum6;
		s.rx_notify = v->rx_notify;
		s.mcast_filter = v->mcast_filter;
	}
	memcpy(s.mcast, v->mcast, v->nmcast * sizeof v->mcast[0]);
	state_save(&vif_state_desc, &s, out);
	vif_rx_save(v, out);
}

static void take_state(struct vif *v, const struct vif_state *s)
{
	u32 i;

	v->nqueues = s->nqueues;
	v->nmcast = s->nmcast;
	v->link = s->link;
	v->can_sg = s->can_sg;
	v->can_tso4 = s->can_tso4;
	v->can_tso6 = s->can_tso6;
	v->can_csum = s->can_csum;
	v->can_csum6 = s->can_csum6;
	v->rx_notify = s->rx_notify;
	v->mcast_filter = s->mcast_filter;
	memcpy(v->mcast, s->mcast, sizeof v->mcast);
	for (i = 0; i < v->nqueues; i++) {
		struct vif_queue *q = &v->q[i];

		q->tx_map = s->q[i].tx_map;
		q->rx_map = s->q[i].rx_map;
		q->tx_channel = s->q[i].tx_channel;
		q->rx_channel = s->q[i].rx_channel;
		q->tx_cons = s->q[i].tx_cons;
		q->rx_cons = s->q[i].rx_cons;
	}
}

static int load(struct xenbus_device *dev, struct reader *in)
{
	struct vif *v = xenbus_service(dev);
	struct vif_state s;
	int rc;

	vif_rx_drop(v);
	v->nqueues = 0;
	if (state_load(&vif_state_desc, &s, in) || s.nqueues > VIF_QUEUES || s.nmcast > VIF_MCAST_MAX)
		return -EINVAL;
	take_state(v, &s);
	rc = vif_rx_load(v, &s, in);
	if (!rc)
		rc = vtimer_arm(&v->d->d->time, &v->timer, s.deadline);
	if (rc) {
		vif_rx_drop(v);
		v->nqueues = 0;
	}
	update_client(v);
	return rc;
}

/* Counts the frames that wait before the door. What the network of now holds back may come when there is room. */
static int loaded(void *opaque, struct error *e)
{
	struct vif *v = opaque;
	u64 bytes = 0;

	v->posted_frames = door_count(&v->d->d->door, DOOR_NET, v->id, &bytes);
	v->posted_bytes = (u32)bytes;
	vif_rx_accept(v);
	return 0;
}

static const struct xenbus_ops vif_ops = {
	.name = "vif",
	.ready = XENBUS_CONNECTED,
	.publish = publish,
	.connect = connect,
	.disconnect = disconnect,
	.event = event,
	.removed = removed,
	.save = save,
	.load = load,
};

/* ---- for others -------------------------------------------------------------------------------------------------- */

static struct vif *find(struct xen_domain *d, u32 id)
{
	struct xenbus_device *dev = xenbus_find(d, vif_ops.name, id);

	return dev ? xenbus_service(dev) : NULL;
}

int vif_add(struct xen_domain *d, u32 id, struct netdev *n, const u8 mac[6], struct error *e)
{
	struct vif *v;
	int rc;

	if (mac[0] & 1)
		return error_set(e, -EINVAL, "vif %u: %02x:... is an address of a group; give it one whose first number is even",
				 id, mac[0]);
	v = calloc(1, sizeof *v);
	if (!v)
		return error_set(e, -ENOMEM, "vif %u: the host is out of memory", id);
	v->d = d;
	v->id = id;
	v->net = n;
	v->link = true;
	v->client.receive = receive;
	memcpy(v->mac, mac, 6);
	vtimer_init(&v->timer, XEN_TIMER_VIF << 16 | (id & 0xffff), on_timer, v);
	rc = xenbus_add(d, &vif_ops, id, v, NULL, e);
	if (rc) {
		free(v);
		return rc;
	}
	if (door_handle(&d->d->door, DOOR_NET, id, input, v) || state_add_loaded(&d->d->states, loaded, v)) {
		vif_remove(d, id, true);
		return error_set(e, -ENOMEM, "vif %u: the host is out of memory", id);
	}
	update_client(v);
	return 0;
}

int vif_set_netdev(struct xen_domain *d, u32 id, struct netdev *n)
{
	struct vif *v = find(d, id);

	if (!v)
		return -ENOENT;
	if (v->net && v->net != n)
		netdev_set_client(v->net, NULL, NULL);
	v->net = n;
	v->refused = false;
	update_client(v);
	return 0;
}

void vif_remove(struct xen_domain *d, u32 id, bool force)
{
	struct vif *v = find(d, id);

	if (!v)
		return;
	vif_set_netdev(d, id, NULL);
	xenbus_remove(v->dev, force);
}

int vif_set_link(struct xen_domain *d, u32 id, bool up)
{
	struct vif *v = find(d, id);

	if (!v)
		return -ENOENT;
	if (v->link != up) {
		v->link = up;
		xenbus_offer(v->dev, "carrier", "%u", up);
	}
	return 0;
}

void vif_describe(struct xen_domain *d, u32 id, char *s, size_t size)
{
	const struct vif *v = find(d, id);

	if (!v) {
		*s = 0;
		return;
	}
	snprintf(s, size,
		 "vif%u: model=xen-net-device,macaddr=%02x:%02x:%02x:%02x:%02x:%02x,link=%s,%s,queues=%u,"
		 "sent=%llu,received=%llu,dropped=%llu",
		 v->id, v->mac[0], v->mac[1], v->mac[2], v->mac[3], v->mac[4], v->mac[5], v->link ? "up" : "down",
		 v->nqueues ? "connected" : "not connected", v->nqueues, (unsigned long long)v->tx_frames,
		 (unsigned long long)v->rx_frames, (unsigned long long)(v->tx_errors + v->rx_dropped));
}
