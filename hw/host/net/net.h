/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Networks of the host: what a guest's network card is plugged into. Services are spelled as QEMU spells -netdev: user
 * (NAT by libslirp), tap, socket, stream, dgram and hubport. Nothing here knows a guest: a frame that comes in
 * reaches a guest through the door (vm/input.c) only.
 */
#ifndef HW_HOST_NET_NET_H
#define HW_HOST_NET_NET_H

#include "base/log.h"
#include "base/poll.h"
#include "base/types.h"

/* Bytes of a frame, header and an unsegmented payload included, without FCS. */
#define NET_FRAME_MAX (65535u + 18u)
#define NET_MTU_DEFAULT 1500u

enum net_gso { NET_GSO_NONE, NET_GSO_TCP4, NET_GSO_TCP6 };

/* An Ethernet frame, from the destination address on, with what sender or receiver may leave to the other. */
struct net_frame {
	const u8 *data;
	u32 len;
	u8 gso;          /* enum net_gso: a train of TCP segments in one piece */
	bool csum_blank; /* the TCP or UDP checksum field holds the sum of the pseudo-header only */
	bool csum_good;  /* the checksum is known to be right */
	u16 gso_size;    /* payload bytes of each segment; gso != NET_GSO_NONE */
};

/* What a client can take as it is; frames with other needs are finished first (offload.h). */
enum net_can {
	NET_CAN_CSUM = 1, /* csum_blank */
	NET_CAN_TSO4 = 2,
	NET_CAN_TSO6 = 4
};

struct net_client {
	u32 can; /* NET_CAN_* of the guest's card; may be changed by netdev_set_client() */
	/* A frame for the guest; called on the thread that waits on the poll set. False: no room, offer it again later. */
	bool (*receive)(void *opaque, const struct net_frame *f);
};

struct netdev;

/*
 * Opens spec: "TYPE[,PROPERTY=VALUE...]", e.g. "user,id=n0,hostfwd=tcp::2222-:22". NULL and a sentence that names the value
 * and the way out on failure. hubport finds other ports of its hub through *hubs.
 */
struct net_hubs; /* the hubs of a process */
struct net_hubs *net_hubs_new(void);
void net_hubs_free(struct net_hubs *h);
struct netdev *netdev_open(const char *spec, struct net_hubs *hubs, struct poll_set *ps, struct error *e);
void netdev_close(struct netdev *n); /* NULL is allowed */

/* Who gets the frames; NULL for nobody: then they are dropped. */
void netdev_set_client(struct netdev *n, const struct net_client *client, void *opaque);
/* The client has room again: frames it refused are offered anew, inside this call. */
void netdev_accept(struct netdev *n);
/* A frame of the guest's. Never waits: what the host cannot take now is queued within a bound, then dropped and counted. */
void netdev_send(struct netdev *n, const struct net_frame *f);

const char *netdev_id(const struct netdev *n);   /* "" when it has none */
const char *netdev_type(const struct netdev *n); /* "user", ... */
/* Lines for a monitor, as "info network" and "info usernet" show them. Always terminated. */
void netdev_describe(const struct netdev *n, char *s, size_t size);
/* "tcp:HOSTADDR:PORT-GUESTADDR:PORT" as in hostfwd=. user only: -ENOTSUP with a sentence otherwise. */
int netdev_hostfwd_add(struct netdev *n, const char *rule, struct error *e);
int netdev_hostfwd_remove(struct netdev *n, const char *rule, struct error *e);
/* Writes every frame of both directions into a pcap file, at most maxlen bytes of each. now gives a frame's time in ns. */
int netdev_dump(struct netdev *n, const char *path, u32 maxlen, u64 (*now)(void *), void *opaque, struct error *e);

struct netdev_stats {
	u64 in_frames, in_bytes, in_dropped; /* towards the guest */
	u64 out_frames, out_bytes, out_dropped;
};
const struct netdev_stats *netdev_stats(const struct netdev *n);

/* A unicast MAC address in QEMU's way of prefixes (00:16:3e), stable for the pair of a guest's name and a card's number. */
void net_mac_for(const char *guest, u32 index, u8 mac[6]);
/* "52:54:00:12:34:56" into mac; false when it is none, or a multicast address. */
bool net_mac_parse(const char *s, u8 mac[6]);
/* Whether the value of a property that is on or off says on: as on, yes, true or y. */
bool net_is_on(const char *value);

#endif
