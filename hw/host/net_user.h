/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The addresses of a network of type user, and its rules of forwarding, from text (hw/host/net_user*.c only).
 */
#ifndef HW_HOST_NET_USER_H
#define HW_HOST_NET_USER_H

#include "hw/host/net_impl.h"

struct net_user_conf {
	bool ipv4, ipv6;
	struct in_addr net, mask, host, dhcp, dns;
	struct in6_addr net6, host6, dns6;
	u8 prefix6;
};

struct net_forward {
	bool udp;
	struct in_addr host, guest;
	u16 host_port, guest_port;
};

/* 0, or -EINVAL with a sentence. */
int net_user_conf(struct net_user_conf *c, const char *spec, const struct net_args *a, struct error *e);
/* "[tcp|udp]:[HOSTADDR]:PORT-[GUESTADDR]:PORT"; with half the part from "-" on may be missing. */
int net_forward_parse(struct net_forward *w, const char *who, const char *rule, bool half,
		      const struct net_user_conf *c, struct error *e);
/* "[tcp]:ADDR:PORT-cmd:COMMAND" or "-unix:PATH"; *target begins with cmd: or unix:. */
int net_guestfwd_parse(const char *spec, const char *rule, const struct net_user_conf *c, struct in_addr *addr,
		       u32 *port, const char **target, struct error *e);

#endif
