/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest's networks and cards over its lives, and what a monitor does to them. The guest's node is the truth: cards are made
 * from it anew in each life; networks stay open.
 */
#include "ui/networks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xen/backend/vif.h"
#include "ui/guest.h"
#include "ui/networks_impl.h"

struct networks {
	struct net_hubs *hubs;
	struct netdev *devs[NETWORKS_MAX]; /* in the order they were opened */
	u32 n;
	struct guest *g;
	u64 past; /* ns of the guest's earlier lives, for dumps */
};

static u64 dump_time(void *opaque)
{
	const struct networks *w = opaque;

	return w->past + (w->g->d ? domain_now(w->g->d) : 0);
}

static struct netdev *find(const struct networks *w, const char *id)
{
	u32 i;

	for (i = 0; w && id && i < w->n; i++)
		if (!strcmp(netdev_id(w->devs[i]), id))
			return w->devs[i];
	return NULL;
}

static int open_one(struct networks *w, const char *said, const char *spec, struct error *e)
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

static int open_dump(struct networks *w, const struct node *c, struct error *e)
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

int networks_open(struct guest *g, struct error *e)
{
	const struct node *all = node_child(g->node, "networks"), *dumps = node_child(g->node, "dumps"), *c;
	int rc;

	if (g->nets || !all)
		return 0;
	rc = make(g, e);
	for (c = all->first; !rc && c; c = c->next)
		rc = open_one(g->nets, node_str(c, "option", "-netdev "), node_str(c, "spec", ""), e);
	for (c = dumps ? dumps->first : NULL; !rc && c; c = c->next)
		rc = open_dump(g->nets, c, e);
	if (rc)
		networks_close(g);
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

/* One network has one card: two would take each other's frames. */
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

int networks_attach(struct guest *g, struct error *e)
{
	const struct node *all = node_child(g->node, "nics"), *c;
	int rc = 0;

	for (c = all ? all->first : NULL; !rc && c; c = c->next) {
		rc = check_free(g, c, e);
		rc = rc ? rc : add_vif(g, c, e);
	}
	return rc;
}

void networks_detach(struct guest *g)
{
	const struct node *all = g->node && g->d && !g->bare ? node_child(g->node, "nics") : NULL, *c;

	for (c = all ? all->first : NULL; c; c = c->next)
		vif_remove(xen_dom(g->d), (u32)node_u64(c, "unit", 0), true);
	if (g->nets && g->d)
		g->nets->past += domain_now(g->d);
}

void networks_close(struct guest *g)
{
	struct networks *w = g->nets;

	if (!w)
		return;
	while (w->n)
		netdev_close(w->devs[--w->n]);
	net_hubs_free(w->hubs);
	free(w);
	g->nets = NULL;
}

bool networks_live(const struct guest *g)
{
	const struct node *all = g->nets ? node_child(g->node, "nics") : NULL, *c;

	for (c = all ? all->first : NULL; c; c = c->next)
		if (node_has(c, "netdev"))
			return true;
	return false;
}

/* ---- while the guest runs ----------------------------------------------------------------------------------------- */

static int must_run(const struct guest *g, struct error *e)
{
	return g->d && !g->bare ? 0 : error_set(e, -ENODEV, "there is no Xen guest that could have a card");
}

int guest_netdev_add(struct guest *g, const char *spec, struct error *e)
{
	char id[SPEC_ID];
	int rc;

	if (g->bare)
		return error_set(e, -ENODEV, "-M none has no network cards, so no networks");
	rc = make(g, e);
	rc = rc ? rc : networks_add_network(g->node, spec, spec, e);
	if (rc)
		return rc;
	rc = open_one(g->nets, "", spec, e);
	spec_id(spec, id);
	if (rc)
		node_free(networks_node(g->node, "networks", id));
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
		return error_set(e, -ENOENT, "there is no network '%.60s': 'info network' lists them", id);
	for (c = nics ? nics->first : NULL; c; c = c->next)
		if (!strcmp(node_str(c, "netdev", ""), id))
			return error_set(
				e, -EBUSY,
				"the card '%.60s' is plugged into '%.60s': remove it first, with device_del %.60s",
				c->name, id, c->name);
	netdev_close(g->nets->devs[i]);
	g->nets->n--;
	memmove(g->nets->devs + i, g->nets->devs + i + 1, (g->nets->n - i) * sizeof *g->nets->devs);
	node_free(networks_node(g->node, "networks", id));
	for (c = dumps ? dumps->first : NULL; c; c = next) {
		next = c->next;
		if (!strcmp(node_str(c, "netdev", ""), id))
			node_free(c);
	}
	return 0;
}

int guest_nic_add(struct guest *g, const char *spec, struct error *e)
{
	struct node *c = NULL;
	u32 tries = NETWORKS_MAX;
	bool given;
	int rc = must_run(g, e);

	rc = rc ? rc : networks_add_card(g->node, "card", spec, &c, e);
	if (rc)
		return rc;
	given = node_has(c, "mac");
	rc = check_free(g, c, e);
	/* One that was removed may still be on its way out in the guest: its number is taken until then. */
	while (!rc) {
		rc = networks_check(g->node, g->node->name, e);
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
	struct node *c = networks_node(g->node, "nics", id);
	int rc = must_run(g, e);

	if (rc)
		return rc;
	if (!c)
		return error_set(e, -ENOENT, "there is no card '%.60s': 'info network' lists them", id);
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
				 "there is no card and no network with a card '%.60s': 'info network' lists them", id);
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

int guest_hostfwd(struct guest *g, bool add, const char *args, struct error *e)
{
	const char *rule = strrchr(args, ' ');
	struct netdev *n = NULL;
	char id[SPEC_ID];
	u32 i;

	if (rule) {
		snprintf(id, sizeof id, "%.*s", (int)MIN(strcspn(args, " "), sizeof id - 1), args);
		n = find(g->nets, id);
		if (!n)
			return error_set(e, -ENOENT, "there is no network '%.60s': 'info network' lists them", id);
		rule++;
	} else {
		rule = args;
		for (i = 0; g->nets && !n && i < g->nets->n; i++)
			if (!strcmp(netdev_type(g->nets->devs[i]), "user"))
				n = g->nets->devs[i];
		if (!n)
			return error_set(e, -ENOENT,
					 "the guest has no network of type user, whose ports could be forwarded");
	}
	return add ? netdev_hostfwd_add(n, rule, e) : netdev_hostfwd_remove(n, rule, e);
}

int guest_dump_add(struct guest *g, const char *spec, struct error *e)
{
	struct node *c = NULL;
	int rc = networks_add_dump(g->node, "filter-dump", spec, &c, e);

	if (rc)
		return rc;
	rc = g->nets ? open_dump(g->nets, c, e) : error_set(e, -ENOENT, "filter-dump: the guest has no networks");
	if (rc)
		node_free(c);
	return rc;
}
