/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What ui/networks.c and ui/networks_option.c share.
 */
#ifndef UI_NETWORKS_IMPL_H
#define UI_NETWORKS_IMPL_H

#include "ui/networks.h"

#define NETWORKS_ID 64 /* bytes of an id, the zero counted */

/* One word of "a,b=c,,d" in place of *s: the name in word up to '=', the value behind it; ",," is a comma. False at the end. */
struct net_word {
	char name[64], value[1024];
	bool has_value;
	const char *raw; /* as it stands in the text */
	size_t raw_len;
	bool too_long;
};
bool net_word_next(const char **s, struct net_word *w);

/* Writes a network's node. said: the option, for sentences. 0 or -errno. */
int networks_add_network(struct node *guest, const char *said, const char *spec, struct error *e);
/* Writes a card's node from "netdev=,mac=,id=,model=", with a unit of its own; *out is the node. 0 or -errno. */
int networks_add_card(struct node *guest, const char *said, const char *spec, struct node **out, struct error *e);
/* Writes a dump's node from "id=,netdev=,file=,maxlen=". 0 or -errno. */
int networks_add_dump(struct node *guest, const char *said, const char *spec, struct node **out, struct error *e);
/* The node of that id below networks, nics or dumps, or NULL. */
struct node *networks_node(const struct node *guest, const char *kind, const char *id);
/* The id that a network's spec has, in id; "" when there is none. */
void networks_spec_id(const char *spec, char id[NETWORKS_ID]);

#endif
