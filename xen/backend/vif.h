/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The network back end (Xen public/io/netif.h): a guest's card, plugged into a network of the host (hw/host/net/net.h).
 * Left out: control ring (hashes, static grants), XDP headroom.
 */
#ifndef XEN_BACKEND_VIF_H
#define XEN_BACKEND_VIF_H

#include "hw/host/net/net.h"
#include "xen/xen.h"

/*
 * Gives the guest card id, with this address, plugged into n (NULL: nowhere yet, frames are lost). n stays the caller's, and
 * must be there until the card is removed or plugged elsewhere. 0, or -errno with a sentence.
 */
int vif_add(struct xen_domain *d, u32 id, struct netdev *n, const u8 mac[6], struct error *e);
/* Takes it away: with force at once, else when the guest has let go. The network is not used any more when this returns. */
void vif_remove(struct xen_domain *d, u32 id, bool force);
/* Plugs the card into another network, or none. -ENOENT: there is no such card. */
int vif_set_netdev(struct xen_domain *d, u32 id, struct netdev *n);
/* Cable in or out ("carrier"). -ENOENT: there is no such card. */
int vif_set_link(struct xen_domain *d, u32 id, bool up);
/* A line about the card for a monitor: address, state, frames. "" when there is none. Always terminated. */
void vif_describe(struct xen_domain *d, u32 id, char *s, size_t size);

#endif
