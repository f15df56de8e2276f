/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the state machine (xen/backend/xenbus.c) and the back ends' helpers (xen/backend/xenbus_dev.c) share. For these only.
 */
#ifndef XEN_BACKEND_XENBUS_IMPL_H
#define XEN_BACKEND_XENBUS_IMPL_H

#include "xen/backend/xenbus.h"
#include "xen/store/xenstore.h"

struct xenbus_map {
	u32 n;      /* pages; 0: not in use */
	bool write;
	u32 ref[XENBUS_RING_PAGES];
	u64 mfn[XENBUS_RING_PAGES];
};

struct xenbus_channel {
	struct xenbus_device *dev;
	u32 index, port; /* port 0: not bound */
};

struct xenbus_device {
	struct xenbus_device *next;
	struct xen_domain *d;
	const struct xenbus_ops *ops;
	void *service;
	u32 id;
	enum xenbus_state state, front; /* front: as last seen */
	bool online, connected;
	bool draining; /* what the front end wrote last waits for ops->drain() */
	bool queues; /* keys of rings are in queue-N/ */
	bool replaced; /* see xenbus_replaced() */
	char back_path[96], front_path[96], error_path[112];
	struct xs_host_watch *watch; /* of the front end's state */
	struct xenbus_map *maps;
	u32 nmaps;
	struct xenbus_channel channels[XENBUS_CHANNELS];
	u32 nchannels;
};

struct xenbus {
	struct xen_domain *d;
	struct xenbus_device *devices; /* by kind and number */
};

/* Lets go of all rings and channels. */
void xenbus_release(struct xenbus_device *dev);
void xenbus_resources_save(const struct xenbus_device *dev, struct buf *out);
/* What the device held is forgotten, not released. 0, -EINVAL or -ENOMEM. */
int xenbus_resources_load(struct xenbus_device *dev, struct reader *in);
/* Channels call us again. */
void xenbus_resources_attach(struct xenbus_device *dev);

#endif
