/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opens a guest's networks, gives its domains cards, and changes both while the guest runs. Networks stay open over the
 * guest's lives; cards are made from the nodes in each.
 */
#include "guest/networks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guest/guest.h"
#include "guest/nodes.h"
#include "guest/spec.h"
#include "xen/backend/vif.h"

struct guest_networks {
	struct net_hubs *hubs;
	struct netdev *devs[NETWORKS_MAX]; /* in the order they were opened */
	u32 n;
	struct guest *g;
	u64 past; /* ns of the guest's earlier lives, for dumps */
};

static u64 dump_time(void *opaque)
{
	const struct guest_networks *w = opaque;

	return w->past + (w->g->d ? domain_now(w->g->d) : 0);
}

static struct netdev *find(const struct guest_networks *w, const char *id)
{
	u32 i;

	for (i = 0; w && id && i < w->n; i++)
		if (!strcmp(netdev_id(w->devs[i]), id))
			return w->devs[i];
	return NULL;
}

static int open_one(struct guest_networks *w, const char *said, const char *spec, struct error *e)
{
	struct error why = { "" };
	struct netdev *n;

	if (w->n == NETWORKS_MAX)
		return error_set(e, -ENOSPC, "%.200s: a guest has %u networks at most: remove one", spec, NETWORKS_MAX);
	n = netdev_open(spec, w->hubs, w->g->host->poll, &why);
	if (!n)
		return error_set(e, -EINVAL, "%s%s", said, why.text);
	w->devs[w->n++] = n;
	return 0;
}

static int open_dump(struct guest_networks *w, const struct node *c, struct error *e)
{
	struct netdev *n = find(w, node_str(c, "netdev", ""));
	struct error why = { "" };
	int rc;

	if (!n)
		return error_set(e, -ENOENT, "filter-dump %.60s: there is no network '%.60s'", c->name,
				 node_str(c, "netdev", ""));
	rc = netdev_dump(n, node_str(c, "file", ""), (u32)node_u64(c, "maxlen", 65536), dump_time, w, &why);
	return rc ? error_set(e, rc, "filter-dump %.60s: %s", c->name, why.text) : 0;
}

static int make(struct guest *g, struct error *e)
{
	if (g->nets)
		return 0;
	g->nets = calloc(1, sizeof *g->nets);
	if (g->nets)
		g->nets->hubs = net_hubs_new();
	if (!g->nets || !g->nets->hubs)
		return error_set(e, -ENOMEM, "the host is out of memory");
	g->nets->g = g;
	return 0;
}

int guest_networks_open(struct guest *g, struct error *e)
{
	const struct node *all = node_child(g->node, "networks"), *dumps = node_child(g->node, "dumps"), *c;
	int rc;

	if (g->nets || !all)
		return 0;
	rc = make(g, e);
	for (c = all->first; !rc && c; c = c->next)
		rc = open_one(g->nets, node_str(c, "option", ""), node_str(c, "spec", ""), e);
	for (c = dumps ? dumps->first : NULL; !rc && c; c = c->next)
		rc = open_dump(g->nets, c, e);
	if (rc)
		guest_networks_close(g);
	return rc;
}

static int add_vif(struct guest *g, const struct node *c, struct error *e)
{
	const char *netdev = node_str(c, "netdev", NULL);
	struct netdev *n = find(g->nets, netdev);
	u8 mac[6];

	if (netdev && !n)
		return error_set(e, -ENOENT, "card %.60s: there is no network '%.60s': add it first", c->name, netdev);
	if (!net_mac_parse(node_str(c, "mac", ""), mac))
		return error_set(e, -EINVAL, "card %.60s: mac=%.40s is no address", c->name, node_str(c, "mac", ""));
	return vif_add(xen_dom(g->d), (u32)node_u64(c, "unit", 0), n, mac, e);
}

/* A network has one card at most: with two, each would miss the frames that the other takes. */
static int check_free(const struct guest *g, const struct node *card, struct error *e)
{
	const struct node *all = node_child(g->node, "nics"), *c;
	const char *netdev = node_str(card, "netdev", NULL);

	for (c = all && netdev ? all->first : NULL; c; c = c->next)
		if (c != card && !strcmp(node_str(c, "netdev", ""), netdev))
			return error_set(e, -EBUSY,
					 "card %.60s: the network '%.60s' has the card '%.60s' already: use another, "
					 "or a hub (hubport)",
					 card->name, netdev, c->name);
	return 0;
}

int guest_networks_attach(struct guest *g, struct error *e)
{
	const struct node *all = node_child(g->node, "nics"), *c;
	int rc = 0;

	for (c = all ? all->first : NULL; !rc && c; c = c->next) {
		rc = check_free(g, c, e);
		rc = rc ? rc : add_vif(g, c, e);
	}
	return rc;
}

void guest_networks_detach(struct guest *g)
{
	const struct node *all = g->node && g->d && !g->bare ? node_child(g->node, "nics") : NULL, *c;

	for (c = all ? all->first : NULL; c; c = c->next)
		vif_remove(xen_dom(g->d), (u32)node_u64(c, "unit", 0), true);
	if (g->nets && g->d)
		g->nets->past += domain_now(g->d);
}

void guest_networks_close(struct guest *g)
{
	struct guest_networks *w = g->nets;

	if (!w)
		return;
	while (w->n)
		netdev_close(w->devs[--w->n]);
	net_hubs_free(w->hubs);
	free(w);
	g->nets = NULL;
}

bool guest_networks_live(const struct guest *g)
{
	const struct node *all = g->nets ? node_child(g->node, "nics") : NULL, *c;

	for (c = all ? all->first : NULL; c; c = c->next)
		if (node_has(c, "netdev"))
			return true;
	return false;
}

/*
 * ---- nodes ---------------------------------------------------------------------------------------------------------
 */

struct node *guest_network_node(const struct node *guest, const char *kind, const char *id)
{
	struct node *all = node_child(guest, kind);

	return all ? node_child(all, id) : NULL;
}

/* Another card of the guest with that address, or NULL. */
static const struct node *card_of_mac(const struct node *nics, const struct node *but, const u8 mac[6])
{
	const struct node *c;
	u8 m[6];

	for (c = nics->first; c; c = c->next)
		if (c != but && net_mac_parse(node_str(c, "mac", ""), m) && !memcmp(m, mac, sizeof m))
			return c;
	return NULL;
}

/*
 * Chooses an address from the guest's name and the card's unit. If another card has it, the next one that follows is
 * tried.
 */
static int choose_mac(const struct node *nics, struct node *card, const char *name)
{
	u32 index = (u32)node_u64(card, "unit", 0);
	char text[20];
	u8 m[6];

	for (net_mac_for(name, index, m); card_of_mac(nics, card, m); net_mac_for(name, index, m))
		index += 0x10000;
	snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
	return node_set_str(card, "mac", text);
}

int guest_networks_check(struct node *guest, const char *name, const struct guest_words *w, struct error *e)
{
	const struct node *nics = node_child(guest, "nics"), *dumps = node_child(guest, "dumps");
	struct node *c;

	for (c = nics ? nics->first : NULL; c; c = c->next) {
		const char *netdev = node_str(c, "netdev", NULL);
		const struct node *other;
		u8 m[6];

		if (netdev && !guest_network_node(guest, "networks", netdev))
			return error_set(
				e, -ENOENT,
				"card %.60s: there is no network '%.60s': define it%s%.60s",
				c->name, netdev, w->network, netdev);
		if (!node_has(c, "mac")) {
			if (choose_mac(nics, c, name))
				return error_set(e, -ENOMEM, "the host is out of memory");
			continue;
		}
		other = net_mac_parse(node_str(c, "mac", ""), m) ? card_of_mac(nics, c, m) : NULL;
		if (other)
			return error_set(e, -EADDRINUSE, "card %.60s: the card '%.60s' has the address %.40s too: give each its own mac=",
					 c->name, other->name, node_str(c, "mac", ""));
	}
	for (c = dumps ? dumps->first : NULL; c; c = c->next)
		if (!guest_network_node(guest, "networks", node_str(c, "netdev", "")))
			return error_set(e, -ENOENT,
					 "%s%.60s: there is no network '%.60s': name one that %s", w->dump,
					 c->name, node_str(c, "netdev", ""), w->networks);
	return 0;
}

/*
 * ---- while the guest runs -----------------------------------------------------------------------------------------
 */

static int must_run(const struct guest *g, struct error *e)
{
	return g->d && !g->bare ? 0 : error_set(e, -ENODEV, "there is no Xen guest that could have a card");
}

int guest_netdev_add(struct guest *g, struct node *network, struct error *e)
{
	int rc = g->bare ? error_set(e, -ENODEV, "this machine has no network cards, so no networks")
			 : guest_node_check(network, "networks", e);

	rc = rc ? rc : make(g, e);
	rc = rc ? rc : open_one(g->nets, node_str(network, "option", ""), node_str(network, "spec", ""), e);
	if (rc)
		node_free(network);
	return rc;
}

int guest_netdev_del(struct guest *g, const char *id, struct error *e)
{
	const struct node *nics = node_child(g->node, "nics"), *dumps = node_child(g->node, "dumps");
	struct node *c, *next;
	u32 i;

	for (i = 0; g->nets && i < g->nets->n; i++)
		if (!strcmp(netdev_id(g->nets->devs[i]), id))
			break;
	if (!g->nets || i == g->nets->n)
		return error_set(e, -ENOENT, "there is no network '%.60s'", id);
	for (c = nics ? nics->first : NULL; c; c = c->next)
		if (!strcmp(node_str(c, "netdev", ""), id))
			return error_set(
				e, -EBUSY,
				"the card '%.60s' is plugged into '%.60s': remove it first",
				c->name, id);
	netdev_close(g->nets->devs[i]);
	g->nets->n--;
	memmove(g->nets->devs + i, g->nets->devs + i + 1, (g->nets->n - i) * sizeof *g->nets->devs);
	node_free(guest_network_node(g->node, "networks", id));
	for (c = dumps ? dumps->first : NULL; c; c = next) {
		next = c->next;
		if (!strcmp(node_str(c, "netdev", ""), id))
			node_free(c);
	}
	return 0;
}

int guest_nic_add(struct guest *g, struct node *c, struct error *e)
{
	u32 tries = NETWORKS_MAX;
	bool given = node_has(c, "mac");
	int rc = must_run(g, e);

	rc = rc ? rc : guest_node_check(c, "nics", e);
	rc = rc ? rc : check_free(g, c, e);
	/* A removed card keeps its number until the guest's driver has closed. */
	while (!rc) {
		rc = guest_networks_check(g->node, g->node->name, guest_words(g), e);
		rc = rc ? rc : add_vif(g, c, e);
		if ((rc != -EEXIST && rc != -EBUSY) || !tries--)
			break;
		node_set_u64(c, "unit", node_u64(c, "unit", 0) + 1);
		if (!given)
			node_unset(c, "mac");
		rc = 0;
	}
	if (rc)
		node_free(c);
	return rc;
}

int guest_nic_remove(struct guest *g, const char *id, struct error *e)
{
	struct node *c = guest_network_node(g->node, "nics", id);
	int rc = must_run(g, e);

	if (rc)
		return rc;
	if (!c)
		return error_set(e, -ENOENT, "there is no card '%.60s'", id);
	vif_remove(xen_dom(g->d), (u32)node_u64(c, "unit", 0), false);
	node_free(c);
	return 0;
}

int guest_set_link(struct guest *g, const char *id, bool up, struct error *e)
{
	const struct node *all = node_child(g->node, "nics"), *c;
	int rc = must_run(g, e);
	bool found = false;

	if (rc)
		return rc;
	for (c = all ? all->first : NULL; c; c = c->next)
		if (!strcmp(c->name, id) || !strcmp(node_str(c, "netdev", ""), id))
			found |= !vif_set_link(xen_dom(g->d), (u32)node_u64(c, "unit", 0), up);
	return found ? 0
		     : error_set(e, -ENOENT,
				 "there is no card and no network with a card '%.60s'", id);
}

static void put(struct buf *out, const char *s)
{
	buf_put(out, s, strlen(s));
}

static void describe(struct netdev *n, struct buf *out)
{
	char text[8192];

	netdev_describe(n, text, sizeof text);
	put(out, text);
}

void guest_net_describe(struct guest *g, struct buf *out)
{
	const struct node *all = node_child(g->node, "nics"), *c;
	char text[512], line[640];
	u32 i;

	for (c = all ? all->first : NULL; c; c = c->next) {
		text[0] = 0;
		if (g->d && !g->bare)
			vif_describe(xen_dom(g->d), (u32)node_u64(c, "unit", 0), text, sizeof text);
		snprintf(line, sizeof line, "%s: model=xen,macaddr=%s,netdev=%s%s%s\n", c->name, node_str(c, "mac", ""),
			 node_str(c, "netdev", "(none)"), *text ? "\n  " : "", text);
		put(out, line);
	}
	for (i = 0; g->nets && i < g->nets->n; i++)
		describe(g->nets->devs[i], out);
}

void guest_usernet_describe(struct guest *g, struct buf *out)
{
	u32 i;

	for (i = 0; g->nets && i < g->nets->n; i++)
		if (!strcmp(netdev_type(g->nets->devs[i]), "user"))
			describe(g->nets->devs[i], out);
}

int guest_hostfwd(struct guest *g, bool add, const char *netdev, const char *rule, struct error *e)
{
	struct netdev *n = find(g->nets, netdev);
	u32 i;

	if (netdev && !n)
		return error_set(e, -ENODEV, "there is no network '%.60s'", netdev);
	for (i = 0; g->nets && !n && i < g->nets->n; i++)
		if (!strcmp(netdev_type(g->nets->devs[i]), "user"))
			n = g->nets->devs[i];
	if (!n)
		return error_set(e, -ENODEV, "the guest has no network of type user, whose ports could be forwarded");
	return add ? netdev_hostfwd_add(n, rule, e) : netdev_hostfwd_remove(n, rule, e);
}

int guest_dump_add(struct guest *g, struct node *dump, struct error *e)
{
	int rc = guest_node_check(dump, "dumps", e);

	if (!rc)
		rc = g->nets ? open_dump(g->nets, dump, e) : error_set(e, -ENOENT, "filter-dump: the guest has no networks");
	if (rc)
		node_free(dump);
	return rc;
}
