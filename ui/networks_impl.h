/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What ui/networks.c and ui/networks_option.c share.
 */
#ifndef UI_NETWORKS_IMPL_H
#define UI_NETWORKS_IMPL_H

#include "guest/spec.h"
#include "ui/networks.h"

/* Writes a network's node. said: the option, for sentences. 0 or -errno. */
int networks_add_network(struct node *guest, const char *said, const char *spec, struct error *e);
/* Writes a card's node from "netdev=,mac=,id=,model=", with a unit of its own; *out is the node. 0 or -errno. */
int networks_add_card(struct node *guest, const char *said, const char *spec, struct node **out, struct error *e);
/* Writes a dump's node from "id=,netdev=,file=,maxlen=". 0 or -errno. */
int networks_add_dump(struct node *guest, const char *said, const char *spec, struct node **out, struct error *e);
/* The node of that id below networks, nics or dumps, or NULL. */
struct node *networks_node(const struct node *guest, const char *kind, const char *id);

#endif
