/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hubs: what comes in at a port goes out at all others (-netdev hubport, and the old -net). A port's guest side is a
 * card, or with netdev= another network. Left out: hubs plugged into hubs.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hw/host/net/impl.h"

#define ROUNDS_MAX (4 * NET_QUEUE_FRAMES) /* frames at once: who answers each answer must not keep us for ever */

struct port {
	struct port *next;
	struct net_hub *hub;
	struct netdev *n, *peer; /* peer: netdev= */
};

struct net_hub {
	struct net_hub *next;
	struct port *ports;
	u32 id;
	bool busy;
	struct net_queue waiting; /* what came in while a frame was on its way; from: its port */
};

static const struct net_prop hubport_props[] = {
	{ "hubid", NET_PROP_NUMBER, 0x7fffffff },
	{ "netdev", NET_PROP_STR, 0 },
	{ NULL, NET_PROP_STR, 0 },
};

static struct net_hub *get_hub(struct net_hubs *all, u32 id)
{
	struct net_hub **first = net_hubs_first(all), *h;

	for (h = *first; h; h = h->next)
		if (h->id == id)
			return h;
	h = calloc(1, sizeof *h);
	if (h) {
		net_queue_init(&h->waiting);
		h->id = id;
		h->next = *first;
		*first = h;
	}
	return h;
}

static void spread(struct net_hub *h, const struct port *from, const struct net_frame *f)
{
	struct port *p;

	for (p = h->ports; p; p = p->next) {
		if (p == from)
			continue;
		if (p->peer)
			netdev_send(p->peer, f);
		else
			net_deliver(p->n, f);
	}
}

static void enter_hub(struct port *from, const struct net_frame *f)
{
	struct net_hub *h = from->hub;
	struct net_packet *p;
	u32 rounds = ROUNDS_MAX;

	if (h->busy) {
		if (!net_queue_put(&h->waiting, f, from))
			net_lost(from->n);
		return;
	}
	h->busy = true;
	spread(h, from, f);
	while (rounds-- && (p = net_queue_take(&h->waiting))) {
		spread(h, p->from, &p->f);
		free(p);
	}
	net_queue_clear(&h->waiting);
	h->busy = false;
}

static void hubport_send(struct netdev *n, const struct net_frame *f)
{
	enter_hub(n->own, f);
}

/* Frames of the network that netdev= names. */
static bool from_peer(void *opaque, const struct net_frame *f)
{
	enter_hub(opaque, f);
	return true;
}

static const struct net_client peer_client = { NET_CAN_CSUM | NET_CAN_TSO4 | NET_CAN_TSO6, from_peer };

static int hubport_open(struct netdev *n, const struct net_args *a, struct error *e)
{
	const char *netdev = net_arg(a, "netdev");
	struct netdev *peer = netdev ? net_find(n->hubs, netdev) : NULL;
	struct net_hub *h;
	struct port *p;

	if (!net_arg(a, "hubid"))
		return error_set(
			e, -EINVAL,
			"%.200s: hubid= is missing: ports with one number are on one hub, as in hubport,id=p0,hubid=0",
			n->spec);
	if (!n->hubs)
		return error_set(e, -EINVAL, "%.200s: there is no place for hubs here: use another type", n->spec);
	if (netdev && !peer)
		return error_set(e, -ENOENT, "%.200s: there is no network '%.60s': name one that comes before it",
				 n->spec, netdev);
	if (peer && peer->kind == &net_hubport)
		return error_set(e, -EINVAL, "%.200s: '%.60s' is a hub's port itself: hubs do not plug into hubs",
				 n->spec, netdev);
	if (peer && (peer->taken || peer->client))
		return error_set(e, -EBUSY,
				 "%.200s: '%.60s' has a card or another hub's port already: name a free network",
				 n->spec, netdev);
	h = get_hub(n->hubs, net_arg_number(a, "hubid", 0));
	p = h ? calloc(1, sizeof *p) : NULL;
	if (!p)
		return error_set(e, -ENOMEM, "%.200s: the host is out of memory", n->spec);
	n->own = p;
	n->can = NET_CAN_CSUM | NET_CAN_TSO4 | NET_CAN_TSO6;
	p->n = n;
	p->hub = h;
	p->next = h->ports;
	h->ports = p;
	if (peer) {
		peer->taken = true;
		p->peer = peer;
		netdev_set_client(peer, &peer_client, p);
	}
	return 0;
}

/* The network of that port closes before the port does. */
void net_hub_forget(struct netdev *peer)
{
	struct net_hub *h;
	struct port *p;

	for (h = *net_hubs_first(peer->hubs); h; h = h->next)
		for (p = h->ports; p; p = p->next)
			if (p->peer == peer)
				p->peer = NULL;
}

static void hubport_close(struct netdev *n)
{
	struct net_hub *h, **at;
	struct port *p = n->own, **pp;

	if (!p)
		return;
	h = p->hub;
	if (p->peer) {
		netdev_set_client(p->peer, NULL, NULL);
		p->peer->taken = false;
	}
	for (pp = &h->ports; *pp; pp = &(*pp)->next)
		if (*pp == p) {
			*pp = p->next;
			break;
		}
	net_queue_clear(&h->waiting);
	free(p);
	n->own = NULL;
	if (h->ports)
		return;
	for (at = net_hubs_first(n->hubs); *at; at = &(*at)->next)
		if (*at == h) {
			*at = h->next;
			free(h);
			break;
		}
}

static void hubport_describe(const struct netdev *n, struct buf *out)
{
	const struct port *p = n->own;
	char line[160];

	snprintf(line, sizeof line, ",hubid=%u%s%.60s", p->hub->id, p->peer ? ",netdev=" : "",
		 p->peer ? p->peer->id : "");
	buf_put(out, line, strlen(line));
}

const struct net_kind net_hubport = {
	.name = "hubport",
	.props = hubport_props,
	.open = hubport_open,
	.close = hubport_close,
	.send = hubport_send,
	.describe = hubport_describe,
};
