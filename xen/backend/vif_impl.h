/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shared by the files of the network back end: vif.c (life and state), vif_tx.c (from the guest), vif_rx.c (to the guest),
 * vif_merge.c (segments into trains).
 */
#ifndef XEN_BACKEND_VIF_IMPL_H
#define XEN_BACKEND_VIF_IMPL_H

#include "base/buf.h"
#include "xen/backend/vif.h"
#include "xen/backend/xenbus.h"

/* ---- the wire: Xen public/io/netif.h, ring.h --------------------------------------------------------------------- */

enum { NETTXF_CSUM_BLANK = 1, NETTXF_DATA_VALIDATED = 2, NETTXF_MORE_DATA = 4, NETTXF_EXTRA_INFO = 8 };
enum { NETRXF_DATA_VALIDATED = 1, NETRXF_CSUM_BLANK = 2, NETRXF_MORE_DATA = 4, NETRXF_EXTRA_INFO = 8 };
enum { NETIF_RSP_ERROR = -1, NETIF_RSP_OKAY = 0, NETIF_RSP_NULL = 1 };
enum { NETIF_EXTRA_GSO = 1, NETIF_EXTRA_MCAST_ADD, NETIF_EXTRA_MCAST_DEL, NETIF_EXTRA_HASH, NETIF_EXTRA_TYPES };
#define NETIF_EXTRA_MORE 1
enum { NETIF_GSO_TCPV4 = 1, NETIF_GSO_TCPV6 = 2 };

#define VIF_SLOTS 256u    /* of either ring: one page of them */
#define VIF_TX_SLOT 12u
#define VIF_RX_SLOT 8u
#define VIF_RING_BASE 64u /* the first slot's offset; before it: */
enum { RING_REQ_PROD = 0, RING_REQ_EVENT = 4, RING_RSP_PROD = 8, RING_RSP_EVENT = 12 };

#define VIF_QUEUES 4u
#define VIF_FRAGS 18u       /* slots behind a packet's first; one with more is dropped (XEN_NETIF_NR_SLOTS_MIN) */
#define VIF_FATAL_FRAGS 20u /* ... and this many no front end sends (netback's fatal_skb_slots) */
#define VIF_TX_MAX 65535u
#define VIF_ETH_HEADER 14u
#define VIF_MCAST_MAX 64u

/* What may wait for room in the guest's ring, before and behind the door. */
#define VIF_WAIT_FRAMES 512u
#define VIF_WAIT_BYTES (1u << 20)
#define VIF_EXPIRY 10000000000ULL   /* ns a frame waits before it is dropped (netback's drain timeout) */
#define VIF_POLL_INTERVAL 1000000ULL /* ns between looks at a ring whose front end does not tell of new requests */

/*
 * ns from the guest's event to the look at what it sends. Whatever it sends meanwhile needs no event, and one answers for
 * all: a back end on a processor of its own would not be faster. It is too short to be felt.
 */
#define VIF_TX_DELAY 100000ULL

/* A frame at the door: flags, enum net_gso, gso_size (16 bits), length (32 bits), its bytes; little-endian. */
#define VIF_DOOR_HEADER 8u
enum { VIF_CSUM_BLANK = 1, VIF_CSUM_GOOD = 2 };

/* ---- in memory ---------------------------------------------------------------------------------------------------- */

/* A frame that waits for room in a ring. Guest-visible state. */
struct vif_frame {
	struct vif_frame *next;
	u64 since; /* ns, when it came in */
	u32 len, cap;
	u16 gso_size;
	u8 gso, flags;
	bool closed; /* no segment may be joined to it any more */
	u8 data[];
};

struct vif_queue {
	int tx_map, rx_map, tx_channel, rx_channel;
	u32 tx_cons; /* requests taken, and as many answered */
	u32 rx_cons; /* the same of the other ring */
	struct vif_frame *head, *last;
	u32 nframes;
};

/* A card as it is saved: this, and then the frames that wait, queue by queue, each with its bytes behind it. */
struct vif_queue_state {
	i32 tx_map, rx_map, tx_channel, rx_channel;
	u32 tx_cons, rx_cons, nframes;
};

struct vif_state {
	u64 deadline; /* of the timer */
	u32 nqueues, nmcast;
	u8 link, can_sg, can_tso4, can_tso6, can_csum, can_csum6, rx_notify, mcast_filter;
	u8 mcast[VIF_MCAST_MAX][6];
	struct vif_queue_state q[VIF_QUEUES];
};

struct vif_frame_state {
	u64 since;
	u32 len;
	u16 gso_size;
	u8 gso, flags, closed;
	u8 pad[7];
};

extern const struct state_desc vif_state_desc, vif_frame_state_desc;

struct vif {
	struct xen_domain *d;
	struct xenbus_device *dev;
	struct netdev *net;
	struct net_client client;
	u32 id;
	u8 mac[6];
	bool link;
	/* What the front end said when it connected. */
	bool can_sg, can_tso4, can_tso6, can_csum, can_csum6, rx_notify, mcast_filter;
	u32 nqueues; /* 0: not connected */
	struct vif_queue q[VIF_QUEUES];
	u8 mcast[VIF_MCAST_MAX][6];
	u32 nmcast;
	u32 waiting_frames, waiting_bytes; /* in all queues */
	struct vtimer timer; /* takes what was sent, moves what waits, drops what is old */
	/* The host's own: not seen by the guest. */
	u32 posted_frames, posted_bytes; /* before the door */
	bool refused;                    /* the network holds frames back */
	u64 tx_frames, tx_bytes, tx_errors, rx_frames, rx_bytes, rx_dropped;
	u8 packet[VIF_TX_MAX + 1], scratch[NET_FRAME_MAX], post[VIF_DOOR_HEADER + NET_FRAME_MAX];
};

INLINE u64 vif_now(const struct vif *v)
{
	return domain_now(v->d->d);
}

/* The card's timer is to fire at that time, or earlier. */
INLINE void vif_soon(struct vif *v, u64 at)
{
	if (v->timer.deadline > at)
		domain_arm(v->d->d, &v->timer, at);
}

/* ---- vif_tx.c ----------------------------------------------------------------------------------------------------- */

/* Takes what the guest has sent on a queue. May disconnect the card. */
void vif_tx(struct vif *v, struct vif_queue *q);
/* The producer of responses has moved from old to now: must the front end be told? */
bool vif_ring_push(struct vif *v, int map, u32 old, u32 now);

/* ---- vif_rx.c ----------------------------------------------------------------------------------------------------- */

/* A frame has come through the door. */
void vif_rx_input(struct vif *v, const u8 *p, u32 len);
/* Moves what waits into the ring of a queue, as far as there is room. May disconnect the card. */
void vif_rx(struct vif *v, struct vif_queue *q);
/* When to look again at what waits; TIME_NEVER: nothing does. */
u64 vif_rx_next(const struct vif *v);
/* Drops what has waited too long. */
void vif_rx_expire(struct vif *v, u64 now);
/* NET_CAN_* of the guest, now. */
u32 vif_can(const struct vif *v);
/* Drops everything that waits. */
void vif_rx_drop(struct vif *v);
/* Whether the network may leave one more frame before the door. */
bool vif_rx_room(const struct vif *v);
/* Asks the network for what it holds back, when there is room again. */
void vif_rx_accept(struct vif *v);
/* The part of the state that waits, which follows *s. */
void vif_rx_save(const struct vif *v, struct buf *out);
int vif_rx_load(struct vif *v, const struct vif_state *s, struct reader *in);

/* ---- vif_merge.c -------------------------------------------------------------------------------------------------- */

/* Looks whether a TCP or UDP checksum that nobody vouches for is right; VIF_CSUM_* of the frame then. */
u8 vif_checked(const struct net_frame *f);
/*
 * Joins f to the frame before it when both are in-order segments of one TCP flow and the guest takes trains (can), or puts it
 * in its place when it acknowledges more.
 * Returns the frame grown (it may have moved), or NULL: it stands for itself.
 */
struct vif_frame *vif_merge(struct vif_frame *last, const struct net_frame *f, u32 can);
/* Which of n queues a flow belongs to. */
u32 vif_flow(const u8 *data, u32 len, u32 n);

#endif
