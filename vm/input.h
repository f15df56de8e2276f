/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The door: the input queue of a domain. Whatever enters from outside (a key, a packet, the wall clock, a command) is
 * posted here as bytes for a target. It reaches the guest when the scheduler opens the door, between two slots. Each
 * input is stamped with the domain's instruction count and time. Stamps and bytes are all that is not deterministic in
 * a run.
 *
 * What a disk has read does not come this way. A disk's contents count as an input of the whole run, and a timer of the
 * domain decides when the guest sees that a request is done. When the host is not done by then, the domain's time is
 * held (timeline_hold()).
 *
 * on_input is there for a recorder, which sees each input just before its target does. Neither recorder nor replay
 * exists yet.
 */
#ifndef VM_INPUT_H
#define VM_INPUT_H

#include "base/buf.h"
#include "base/types.h"

enum door_kind {
	DOOR_CHAR,      /* bytes typed at a character device; target: its number */
	DOOR_WALLCLOCK, /* the wall clock at start: 8 bytes of ns since 1970 */
	DOOR_TIME,      /* host time passed while the guest slept: 8 bytes of ns to skip */
	DOOR_CONTROL,   /* a request to the domain: poweroff, reboot, ... */
	DOOR_STORE,     /* a message of a client to the xenstore (xen/store/xenstore.h) */
	DOOR_NET,       /* a frame for a network card (xen/backend/vif_impl.h); target: its number */
	DOOR_INPUT,     /* a key or a move of the pointer, as the device that takes it has it */
	DOOR_KINDS
};

#define DOOR_SMALL 8u /* bytes, see door_enter() */

struct door_input {
	struct door_input *next;
	u64 icount, now; /* set when delivered */
	u32 kind, target;
	u32 len;
	u8 data[];
};

struct door_handler {
	u32 kind, target;
	void (*fn)(void *opaque, const struct door_input *in);
	void *opaque;
};

struct door {
	struct door_input *head, **tail; /* posted, not delivered */
	struct door_handler *handlers;
	u32 nhandlers;
	void (*on_input)(void *opaque, const struct door_input *in); /* the recorder */
	void *recorder;
};

void door_init(struct door *d);
void door_free(struct door *d);
/* Adds a handler for inputs of a kind for a target. 0 or -ENOMEM. */
int door_handle(struct door *d, u32 kind, u32 target, void (*fn)(void *, const struct door_input *), void *opaque);
/* Removes the handlers of a kind for a target. */
void door_unhandle(struct door *d, u32 kind, u32 target);
/*
 * Puts an input into the queue. 0 or -ENOMEM. On the execution thread only; other threads wake that one by the poll
 * set.
 */
int door_post(struct door *d, u32 kind, u32 target, const void *data, u32 len);
/* Gives everything in the queue to its handlers, with this count and time. True when there was something. */
bool door_open(struct door *d, u64 icount, u64 now);
/*
 * As door_open(), and then gives one more input, of at most DOOR_SMALL bytes, to its handler. It needs no memory, so it
 * is never lost.
 */
void door_enter(struct door *d, u32 kind, u32 target, const void *data, u32 len, u64 icount, u64 now);
/*
 * A state item's functions: what was posted and not delivered yet goes on waiting after a load. What waited there
 * before is dropped. opaque: the door.
 */
void door_save(void *opaque, struct buf *out);
int door_load(void *opaque, struct reader *in);
/* How many inputs of a kind wait for a target; their bytes are added to *bytes. */
u32 door_count(const struct door *d, u32 kind, u32 target, u64 *bytes);
INLINE bool door_waiting(const struct door *d)
{
	return d->head != NULL;
}

#endif
