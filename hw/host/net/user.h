/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A network of type user (hw/host/net/user*.c only): its addresses and rules of forwarding, from text, and what its guest may do.
 */
#ifndef HW_HOST_NET_USER_H
#define HW_HOST_NET_USER_H

#include "hw/host/net/impl.h"

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

/*
 * For arrays whose index is a descriptor: makes list, of *cap elements of size bytes, reach to index, with zeros in what is new.
 * The list, which may have moved, or NULL: no memory, and it is as it was.
 */
void *net_list_reach(void *list, u32 *cap, u32 index, size_t size);

/* ---- what the guest may do (user_guard.c) --------------------------------------------------------------------- */

enum net_opens { NET_OPENS_NOTHING, NET_OPENS_TCP, NET_OPENS_UDP, NET_OPENS_PING, NET_OPENS };

/* The ends of a connection; of a UDP port of the guest's, for which libslirp has one socket, the guest's alone. */
struct net_ends {
	u8 guest[16], guest_port[2], host[16], host_port[2];
};

struct net_early;

/* A socket that libslirp has open. */
struct net_held {
	enum net_opens kind;
	bool incoming;           /* of the ends only the host's port is known yet */
	struct net_ends ends;
	u32 ack;                 /* what libslirp expects next */
	struct net_early *early; /* segments that came before their turn; NULL: there were none yet */
};

struct net_guestfwd {
	struct in_addr addr;
	u32 port;
};

struct opening;

struct net_guard {
	const char *who; /* for sentences */
	const struct net_user_conf *conf;
	bool restricted, host_loopback;
	struct net_held *held; /* by descriptor */
	u32 cap, open[NET_OPENS];
	bool said[NET_OPENS];
	const struct opening *now; /* what the frame that libslirp looks at would open; NULL: it looks at none */
	u32 last;                  /* where a connection was found last */
	struct net_guestfwd *forwards;
	u32 nforwards, embryos, embryo_ticks;
	u64 ticked;
};

/* Gives a frame of the guest's to pass, or returns false: it must not be, or would open one socket too many. */
bool net_guard_pass(struct net_guard *g, const u8 *f, u32 len, void (*pass)(void *opaque, const u8 *f, u32 len), void *opaque);
/* Whether one more of a kind would be too many; the first time a sentence tells. */
bool net_guard_full(struct net_guard *g, enum net_opens kind);
/* A frame of libslirp's for the guest. */
void net_guard_saw(struct net_guard *g, const u8 *f, u32 len);
/* What libslirp says of its sockets. */
void net_guard_opened(struct net_guard *g, int fd);
void net_guard_closed(struct net_guard *g, int fd);
bool net_guard_holds(const struct net_guard *g, int fd);
/* The guest reaches a command or a socket there. 0 or -ENOMEM. */
int net_guard_forward(struct net_guard *g, struct in_addr addr, u32 port);
/* Called as often as libslirp is asked what it waits for; now: host time. */
void net_guard_tick(struct net_guard *g, u64 now);
void net_guard_free(struct net_guard *g);

/* ---- fragments (user_frags.c) --------------------------------------------------------------------------------- */

#define NET_PILES 16u /* datagrams that may be incomplete at a time */

struct net_pile;
struct net_frags {
	struct net_pile *piles; /* NULL before the first fragment */
};

/* Whether it is one of IPv4. */
bool net_is_fragment(const u8 *f, u32 len);
/* One more, for which that is so; now: host time. The whole frame, valid until the next call, or NULL: more is to come. */
const u8 *net_frags_put(struct net_frags *s, const u8 *f, u32 len, u64 now, u32 *whole);
void net_frags_free(struct net_frags *s);

#endif
