/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Back ends of split drivers and the one state machine they share (Xen public/io/xenbus.h). A back end is a const struct of
 * functions that sees numbers the front end wrote, rings, channels and its service, never a path of the xenstore.
 * Left out: reconfiguring (states 7 and 8), which no front end of ours asks for.
 */
#ifndef XEN_BACKEND_XENBUS_H
#define XEN_BACKEND_XENBUS_H

#include "xen/xen.h"

enum xenbus_state {
	XENBUS_UNKNOWN, XENBUS_INITIALISING, XENBUS_INITWAIT, XENBUS_INITIALISED, XENBUS_CONNECTED, XENBUS_CLOSING,
	XENBUS_CLOSED, XENBUS_RECONFIGURING, XENBUS_RECONFIGURED
};

/* Layout of ring structs: that of the guest's own words, or as it says. */
enum xenbus_protocol { XENBUS_NATIVE, XENBUS_X86_32, XENBUS_X86_64 };

#define XENBUS_RING_PAGES 16u /* of one ring */
#define XENBUS_MAPS 64u       /* rings of a device */
#define XENBUS_CHANNELS 64u
#define XENBUS_WHOLE 0xffffffffu /* in place of a queue: the device itself */

struct xenbus_device;

struct xenbus_ops {
	const char *name; /* of the kind: "vbd", "vif" */
	/* Front-end state at which its numbers are there: XENBUS_INITIALISED (or later), or XENBUS_CONNECTED. */
	enum xenbus_state ready;
	/* Says with xenbus_offer() and xenbus_tell() what a front end finds from the start. 0 or -errno. NULL is allowed. */
	int (*publish)(struct xenbus_device *dev);
	/*
	 * Reads numbers, maps rings, binds channels, offers what is known only now. 0, or -errno with a sentence; what was
	 * mapped and bound is let go by the caller. The front end learns of the connection after it.
	 */
	int (*connect)(struct xenbus_device *dev, struct error *e);
	/* Stops: nothing may be touched in the guest afterwards. Rings and channels are let go by the caller. */
	void (*disconnect)(struct xenbus_device *dev);
	/* The guest's event on a channel; also once for each when the connection is made. */
	void (*event)(struct xenbus_device *dev, u32 channel);
	/* The device is gone and its service may be freed. NULL is allowed. */
	void (*removed)(void *service);
	/* The back end's own part of the state; both may be NULL. load() finds maps and channels as they were saved. */
	void (*save)(struct xenbus_device *dev, struct buf *out);
	int (*load)(struct xenbus_device *dev, struct reader *in);
	/*
	 * The front end lets go: what it asked for and has no answer to is done and answered, for it may wait for that before it
	 * really goes. True: it is, and disconnect() follows; else it calls xenbus_drained() when that is so. NULL is allowed.
	 */
	bool (*drain)(struct xenbus_device *dev);
};

/* ---- for whoever gives a domain devices -------------------------------------------------------------------------- */

/* Needs d->store, d->grants and d->evtchn. Adds its state. 0 or -ENOMEM. */
int xenbus_init(struct xen_domain *d);
/* Disconnects every back end; the xenstore is left as it is. */
void xenbus_free(struct xen_domain *d);

/*
 * Gives the guest a device: both directories appear at once. id: its number among those of its kind. service goes to the
 * back end. 0, -EEXIST or -errno, with a sentence.
 */
int xenbus_add(struct xen_domain *d, const struct xenbus_ops *ops, u32 id, void *service, struct xenbus_device **dev,
	       struct error *e);
/*
 * Takes it away again. The front end is asked to let go first, and the device goes when it has (dev may be gone when this
 * returns); with force, or when no front end ever came, at once.
 */
void xenbus_remove(struct xenbus_device *dev, bool force);
struct xenbus_device *xenbus_find(struct xen_domain *d, const char *name, u32 id);
/* Devices in order of kind and number; dev NULL: the first. NULL at the end. */
struct xenbus_device *xenbus_next(struct xen_domain *d, const struct xenbus_device *dev);
enum xenbus_state xenbus_back_state(const struct xenbus_device *dev);
enum xenbus_state xenbus_front_state(const struct xenbus_device *dev);
bool xenbus_online(const struct xenbus_device *dev);

/* ---- for back ends ---------------------------------------------------------------------------------------------- */

struct xen_domain *xenbus_domain(const struct xenbus_device *dev);
const struct xenbus_ops *xenbus_ops(const struct xenbus_device *dev);
void *xenbus_service(const struct xenbus_device *dev);
u32 xenbus_id(const struct xenbus_device *dev);
bool xenbus_connected(const struct xenbus_device *dev);
/* In disconnect(): another state of the guest is being loaded. Grants and the like are forgotten, not given back. */
bool xenbus_replaced(const struct xenbus_device *dev);

/* Writes a value of the back end's, or in publish() one of the front end's. 0 or -errno. */
int xenbus_offer(struct xenbus_device *dev, const char *key, const char *fmt, ...) PRINTF(3, 4);
int xenbus_tell(struct xenbus_device *dev, const char *key, const char *fmt, ...) PRINTF(3, 4);
/* Says "connected" again: the front end looks anew at what is offered (a disk's size). */
void xenbus_announce(struct xenbus_device *dev);
/* The back end cannot go on: it is disconnected (inside this call) and the reason written where Xen's tools look. */
void xenbus_fail(struct xenbus_device *dev, int err, const char *fmt, ...) PRINTF(3, 4);
/* What drain() began is over: the front end's last move has its effect. dev may be gone afterwards. */
void xenbus_drained(struct xenbus_device *dev);

/*
 * Queues the front end chose (multi-queue-num-queues), 1 when it says nothing; from then on the functions below look for
 * keys of queue q in queue-q/ when there are several. -EINVAL with a sentence when it is 0 or more than max.
 */
int xenbus_queues(struct xenbus_device *dev, u32 max, struct error *e);
/* The front end's number. 0, -ENOENT, or -EINVAL when it is no decimal number. */
int xenbus_read_u64(struct xenbus_device *dev, u32 queue, const char *key, u64 *v);
/* The same, or what there is when the key is not there or no number. */
u64 xenbus_read_or(struct xenbus_device *dev, u32 queue, const char *key, u64 missing);
/* Its text, cut to fit n bytes. 0 or -ENOENT. */
int xenbus_read_str(struct xenbus_device *dev, u32 queue, const char *key, char *out, size_t n);
/* What "protocol" says, enum xenbus_protocol, or -EINVAL with a sentence. */
int xenbus_read_protocol(struct xenbus_device *dev, struct error *e);

/*
 * Maps pages the front end granted, as one piece of memory, for reading or for writing too. Returns a handle, 0 or more; or
 * -errno with a sentence when a reference is none, or another's, or read-only.
 */
int xenbus_map(struct xenbus_device *dev, const u32 *refs, u32 n, bool write, struct error *e);
/* The same for the ring that the front end names: key (or key0, key1, ... with ring-page-order). At most max pages. */
int xenbus_map_ring(struct xenbus_device *dev, u32 queue, const char *key, u32 max, struct error *e);
/* Bytes of what is mapped. */
u32 xenbus_map_size(const struct xenbus_device *dev, int map);
/* Copies n bytes from or to offset off. 0; -EFAULT: outside, or the guest gave the page away; -EACCES: read-only. */
int xenbus_map_read(struct xenbus_device *dev, int map, u32 off, void *dst, u32 n);
int xenbus_map_write(struct xenbus_device *dev, int map, u32 off, const void *src, u32 n);
/* 32-bit words of it, little-endian; what cannot be read is 0. */
u32 xenbus_map_u32(struct xenbus_device *dev, int map, u32 off);
int xenbus_map_set_u32(struct xenbus_device *dev, int map, u32 off, u32 v);
void xenbus_unmap(struct xenbus_device *dev, int map);

/* Takes the other end of the event channel the front end names. Returns a channel's number, or -errno with a sentence. */
int xenbus_bind(struct xenbus_device *dev, u32 queue, const char *key, struct error *e);
/* Raises the guest's port. */
void xenbus_notify(struct xenbus_device *dev, int channel);

#endif
