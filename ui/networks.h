/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest's networks and network cards: QEMU's -netdev, -nic, -net and -object filter-dump into the guest's node, and
 * from there services of the host (hw/host/net/net.h) and cards of the guest (xen/backend/vif.h).
 */
#ifndef UI_NETWORKS_H
#define UI_NETWORKS_H

#include <stdio.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/node.h"
#include "hw/host/net/net.h"

#define NETWORKS_MAX 64u /* networks, and cards, of a guest */

/*
 * Below /guests/NAME:
 *   networks/ID: spec (str, as netdev_open() takes it), option (str, "-nic " and the like: which defined it, for sentences)
 *   nics/ID: netdev (str, the ID of a network; absent: plugged nowhere), mac (str), unit (u64, the number of the vif)
 *   dumps/ID: netdev (str, the ID of a network), file (str), maxlen (u64, bytes)
 */

struct guest; /* ui/guest.h; has struct networks *nets, NULL until networks_open() */
struct networks;

/*
 * One option of the command line ("netdev", "nic", "net" or "object"; also "device" with "xen-net-device,netdev=...") into
 * the guest's node. 0, 1 when help was printed to out, or -errno with a sentence.
 */
int networks_option(struct node *guest, const char *option, const char *value, FILE *out, struct error *e);
/* After the last option, with the guest's name known: addresses of cards that got none; are all networks there? 0 or -errno. */
int networks_check(struct node *guest, const char *name, struct error *e);

/* Opens the networks that the guest's node names; they stay over its lives. 0, or -errno with a sentence. */
int networks_open(struct guest *g, struct error *e);
/* Gives a domain just created its cards. 0, or -errno with a sentence. */
int networks_attach(struct guest *g, struct error *e);
/* The domain is about to go: its cards let go of the networks. */
void networks_detach(struct guest *g);
/* Closes everything; NULL nets are fine. */
void networks_close(struct guest *g);
/* Whether anything from a network could reach the guest. */
bool networks_live(const struct guest *g);

/* ---- while the guest runs: words of the monitor ------------------------------------------------------------------ */

/* "user,id=n0,...": netdev_add of QEMU's. 0, or -errno with a sentence. */
int guest_netdev_add(struct guest *g, const char *spec, struct error *e);
/* Refused with -EBUSY while a card is plugged into it. */
int guest_netdev_del(struct guest *g, const char *id, struct error *e);
/* A card: "netdev=n0,mac=52:54:00:12:34:56,id=c0", each part optional (device_add xen-net-device,...). */
int guest_nic_add(struct guest *g, const char *spec, struct error *e);
/* -ENOENT: there is no such card. The guest lets go of it in its own time. */
int guest_nic_remove(struct guest *g, const char *id, struct error *e);
/* The cable of a card (by its id) or of every card on a network (by the network's): set_link ID on|off. */
int guest_set_link(struct guest *g, const char *id, bool up, struct error *e);
/* Text of "info network"; of "info usernet" with user. */
void guest_net_describe(struct guest *g, struct buf *out);
void guest_usernet_describe(struct guest *g, struct buf *out);
/* hostfwd_add (add) and hostfwd_remove: args is "[NETDEV] RULE"; without a name the first user network is meant. */
int guest_hostfwd(struct guest *g, bool add, const char *args, struct error *e);
/* -object filter-dump at run time: "id=f0,netdev=n0,file=PATH[,maxlen=N]". */
int guest_dump_add(struct guest *g, const char *spec, struct error *e);

#endif
