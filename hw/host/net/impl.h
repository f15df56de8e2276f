/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kinds of networks share (for the files of hw/host/net only): properties, the queue towards the guest, the way from it.
 */
#ifndef HW_HOST_NET_IMPL_H
#define HW_HOST_NET_IMPL_H

#include "base/buf.h"
#include "base/os_socket.h"
#include "hw/host/net/net.h"
#include "hw/host/net/offload.h"

#define NET_QUEUE_BYTES (1u << 20) /* of frames that wait, each way; beyond that they are dropped and counted */
#define NET_QUEUE_FRAMES 1024u
#define NET_ETH_HEADER 14u

/* ---- properties --------------------------------------------------------------------------------------------------- */

enum net_prop_kind { NET_PROP_STR, NET_PROP_BOOL, NET_PROP_NUMBER, NET_PROP_LIST };

/* One that a type has. The table ends with a NULL name. */
struct net_prop {
	const char *name;
	enum net_prop_kind kind;
	u32 max; /* of a number, from 0 */
};

struct net_arg {
	const struct net_prop *prop;
	char *value;
};

struct net_args {
	struct net_arg *arg;
	u32 n;
};

/* Splits "PROPERTY=VALUE,..." (",," is a comma in a value) and checks names, switches and numbers. 0 or -errno. */
int net_args_parse(struct net_args *a, const char *spec, const char *text, const struct net_prop *props,
		   struct error *e);
void net_args_free(struct net_args *a);
/* The value, or NULL; of a list the i-th. */
const char *net_arg(const struct net_args *a, const char *name);
const char *net_arg_nth(const struct net_args *a, const char *name, u32 i);
bool net_arg_on(const struct net_args *a, const char *name, bool otherwise);
u32 net_arg_number(const struct net_args *a, const char *name, u32 otherwise);

/* ---- queues of frames --------------------------------------------------------------------------------------------- */

struct net_packet {
	struct net_packet *next;
	void *from; /* of the owner */
	struct net_frame f;
	u8 bytes[];
};

struct net_queue {
	struct net_packet *head, **tail;
	u32 frames, bytes;
};

void net_queue_init(struct net_queue *q);
/* False when it is full or memory is short. */
bool net_queue_put(struct net_queue *q, const struct net_frame *f, void *from);
/* Takes the first out, or NULL; to be freed. */
struct net_packet *net_queue_take(struct net_queue *q);
void net_queue_clear(struct net_queue *q);

/* ---- networks ----------------------------------------------------------------------------------------------------- */

struct net_kind {
	const char *name;
	const struct net_prop *props;
	/* Opens it; on failure close is called all the same. 0 or -errno with a sentence. */
	int (*open)(struct netdev *n, const struct net_args *a, struct error *e);
	void (*close)(struct netdev *n);
	/* A frame of the guest's, such as n->can can take. Never called while a call for the same network is under way. */
	void (*send)(struct netdev *n, const struct net_frame *f);
	/* After the last piece of what the guest sent at once. May be NULL. */
	void (*flush)(struct netdev *n);
	/* The guest has taken all that waited: read on. May be NULL. */
	void (*room)(struct netdev *n);
	/* Appends what is to be said of it. May be NULL. */
	void (*describe)(const struct netdev *n, struct buf *out);
	/* May be NULL. */
	int (*hostfwd)(struct netdev *n, bool add, const char *rule, struct error *e);
};

struct net_dump;

struct netdev {
	const struct net_kind *kind;
	char *spec, *id;
	struct poll_set *ps;
	struct net_hubs *hubs;
	struct netdev *next; /* in hubs */
	u32 can;             /* NET_CAN_* of the host's side */
	void *own;           /* the kind's */
	bool taken;          /* a hub's port is its client */

	const struct net_client *client;
	void *client_opaque;
	struct net_queue in;  /* what the client had no room for, finished for it */
	struct net_queue out; /* what the guest sent while a call was under way */
	bool busy, accepting;
	bool room_due; /* the client made room while a call was under way */
	u8 *in_scratch, *out_scratch;
	struct netdev_stats stats;
	struct net_dump *dumps;
};

extern const struct net_kind net_user, net_tap, net_socket, net_stream, net_dgram, net_hubport;

/* A frame for the guest, from the kind. */
void net_deliver(struct netdev *n, const struct net_frame *f);
/* True when the guest has no room: the kind had better not read on. */
INLINE bool net_blocked(const struct netdev *n)
{
	return n->in.head != NULL;
}
/* Brackets around what must not be entered twice; frames that the guest sends meanwhile go out at the end. */
void net_enter(struct netdev *n);
void net_leave(struct netdev *n);
/* Counts a frame of the guest's that was lost. */
void net_lost(struct netdev *n);

/* Another open network of that id, or NULL. */
struct netdev *net_find(struct net_hubs *h, const char *id);
struct net_hub;
/* First of the hubs; the hub's own file keeps them. */
struct net_hub **net_hubs_first(struct net_hubs *h);
/* A network closes that a hub's port has as its peer. */
void net_hub_forget(struct netdev *peer);

void net_dump_frame(struct netdev *n, const struct net_frame *f);
void net_dump_close(struct netdev *n);

/* ---- sockets (addr.c) ----------------------------------------------------------------------------------------- */

struct net_addr {
	struct sockaddr_storage ss;
	socklen_t len;
	char text[160]; /* for people */
};

/* "HOST:PORT" or "[V6]:PORT"; an empty host is any address (passive) or this machine. 0 or -errno with a sentence. */
int net_addr_parse(struct net_addr *a, const char *spec, const char *text, int socktype, bool passive, struct error *e);
int net_addr_inet(struct net_addr *a, const char *spec, const char *host, const char *port, int socktype, bool passive,
		  struct error *e);
int net_addr_unix(struct net_addr *a, const char *spec, const char *path, struct error *e);
bool net_addr_is_multicast(const struct net_addr *a);
/* The address as text, in a. */
void net_addr_name(struct net_addr *a);
/* "3" or so: an open descriptor. It, or -errno with a sentence. */
int net_inherit_fd(const char *spec, const char *text, struct error *e);

#endif
