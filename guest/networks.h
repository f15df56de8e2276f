/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The networks and network cards of a guest. A network is a service of the host (hw/host/net/net.h), opened once. Each
 * domain gets a vif for each card (xen/backend/vif.h). While the guest runs, networks and cards are added and removed.
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

/*
 * Looks whether the networks that cards and dumps name are there, and no two cards have one address. Cards without an
 * address get one that follows from name (the guest's) and their unit. 0, or -errno with a sentence.
 */
int guest_networks_check(struct node *guest, const char *name, const struct guest_words *w, struct error *e);
/* The node of that id below "networks", "nics" or "dumps", or NULL. */
struct node *guest_network_node(const struct node *guest, const char *kind, const char *id);

/* Opens the networks and dumps of the guest's node, if that was not done. 0, or -errno with a sentence. */
int guest_networks_open(struct guest *g, struct error *e);
/* Gives the guest's new domain its cards. 0, or -errno with a sentence. */
int guest_networks_attach(struct guest *g, struct error *e);
/* Takes the cards away by force, before the domain is destroyed. */
void guest_networks_detach(struct guest *g);
/* Closes all networks. */
void guest_networks_close(struct guest *g);
/* Whether anything from a network could reach the guest. */
bool guest_networks_live(const struct guest *g);

/*
 * ---- while it runs: between two slots, where the door opens
 * ----------------------------------------------------------
 */

/* Adds a network. Its node is below "networks" already. 0, or -errno with a sentence; then the node has been freed. */
int guest_netdev_add(struct guest *g, struct node *network, struct error *e);
/* Removes a network and its dumps. -EBUSY: a card is plugged into it. -ENOENT: there is no such network. */
int guest_netdev_del(struct guest *g, const char *id, struct error *e);
/*
 * Adds a card. Its node is below "nics" already. It gets the next unit that is free when the guest's driver has not
 * closed a removed card of that unit yet. 0, or -errno with a sentence; then the node has been freed.
 */
int guest_nic_add(struct guest *g, struct node *card, struct error *e);
/*
 * Removes a card: its network is free at once, and it goes when the guest's driver has closed. -ENOENT: there is no
 * such card.
 */
int guest_nic_remove(struct guest *g, const char *id, struct error *e);
/*
 * The cable of the card of this id, or of the cards on the network of this id: plugged in or pulled. -ENOENT: there is
 * none.
 */
int guest_set_link(struct guest *g, const char *id, bool up, struct error *e);
/* Lines as QEMU's "info network" and "info usernet" have them. */
void guest_net_describe(struct guest *g, struct buf *out);
void guest_usernet_describe(struct guest *g, struct buf *out);
/*
 * Forwards a port of the host to the guest, or ends that. rule: as netdev_hostfwd_add() takes it. netdev: the network's
 * id; NULL: the first of type user. -ENODEV: there is no such network.
 */
int guest_hostfwd(struct guest *g, bool add, const char *netdev, const char *rule, struct error *e);
/* Adds a dump. Its node is below "dumps" already. 0, or -errno with a sentence; then the node has been freed. */
int guest_dump_add(struct guest *g, struct node *dump, struct error *e);

#endif
