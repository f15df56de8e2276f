/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest's networks and network cards: its nodes into services of the host (hw/host/net/net.h) and cards of its domains
 * (xen/backend/vif.h); and what is done with them while it runs.
 */
#ifndef GUEST_NETWORKS_H
#define GUEST_NETWORKS_H

#include "base/buf.h"
#include "base/log.h"
#include "base/node.h"
#include "guest/words.h"
#include "hw/host/net/net.h"

#define NETWORKS_MAX 64u /* networks, and cards, of a guest */

struct guest; /* guest/guest.h; has struct guest_networks *nets, NULL until guest_networks_open() */
struct guest_networks;

/* Nodes: addresses of cards that got none are chosen by name, the guest's; are all networks there? 0, or -errno with a sentence. */
int guest_networks_check(struct node *guest, const char *name, const struct guest_words *w, struct error *e);
/* The node of that id below "networks", "nics" or "dumps", or NULL. */
struct node *guest_network_node(const struct node *guest, const char *kind, const char *id);

/* Opens the networks that the guest's node names; they stay over its lives. 0, or -errno with a sentence. */
int guest_networks_open(struct guest *g, struct error *e);
/* Gives a domain just created its cards. 0, or -errno with a sentence. */
int guest_networks_attach(struct guest *g, struct error *e);
/* The domain is about to go: its cards let go of the networks. */
void guest_networks_detach(struct guest *g);
/* Closes everything; NULL nets are fine. */
void guest_networks_close(struct guest *g);
/* Whether anything from a network could reach the guest. */
bool guest_networks_live(const struct guest *g);

/* ---- while the guest runs: words of the monitor ------------------------------------------------------------------ */

/* A network whose node is below the guest's "networks" already. 0, or -errno with a sentence: then the node is gone. */
int guest_netdev_add(struct guest *g, struct node *network, struct error *e);
/* Refused with -EBUSY while a card is plugged into it. -ENOENT: there is no such network. */
int guest_netdev_del(struct guest *g, const char *id, struct error *e);
/* The same for a card below "nics". Its unit becomes another one while the guest has not let go of a card that had it. */
int guest_nic_add(struct guest *g, struct node *card, struct error *e);
/* -ENOENT: there is no such card. The guest lets go of it in its own time. */
int guest_nic_remove(struct guest *g, const char *id, struct error *e);
/* The cable of a card (by its id) or of every card on a network (by the network's). -ENOENT: there is neither. */
int guest_set_link(struct guest *g, const char *id, bool up, struct error *e);
/* Text of "info network"; of "info usernet" with user. */
void guest_net_describe(struct guest *g, struct buf *out);
void guest_usernet_describe(struct guest *g, struct buf *out);
/* Forwards a port of the host, or ends that. netdev: the id; NULL: the first user network. -ENODEV: there is no such network. */
int guest_hostfwd(struct guest *g, bool add, const char *netdev, const char *rule, struct error *e);
/* A dump whose node is below the guest's "dumps" already. 0, or -errno with a sentence: then the node is gone. */
int guest_dump_add(struct guest *g, struct node *dump, struct error *e);

#endif
