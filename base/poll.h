/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Waiting for file descriptors (POSIX poll(), or what a host has for it). The execution thread does it between slots.
 *
 * All of this is the host's. What a callback brings reaches a guest by its input queue (vm/input.h); what a disk has
 * read, by a timer of the guest.
 */
#ifndef BASE_POLL_H
#define BASE_POLL_H

#include "base/types.h"

enum poll_event {
	POLL_READABLE = 1, /* a read would not block (it may also say end of file) */
	POLL_WRITABLE = 2, /* a write of PIPE_BUF bytes would not block */
	POLL_GONE = 4      /* the other side is gone, or the descriptor is in error; always watched */
};

struct poll_set;
struct poll_item;
struct poll_hook;

typedef void poll_fn(void *opaque, u32 events);

/* NULL when memory or descriptors are short. */
struct poll_set *poll_set_new(void);
/* Frees the set and every item still in it; the descriptors stay open. */
void poll_set_free(struct poll_set *ps);

/* Watches fd for events (POLL_READABLE, POLL_WRITABLE or 0). NULL when memory is short. */
struct poll_item *poll_add(struct poll_set *ps, int fd, u32 events, poll_fn *fn, void *opaque);
/* Calls fn about every interval nanoseconds of host time while somebody waits on the set. NULL when memory is short. */
struct poll_item *poll_every(struct poll_set *ps, u64 interval, poll_fn *fn, void *opaque);
/* Watches for other events from now on; with mute nothing is reported, not even POLL_GONE. */
void poll_change(struct poll_set *ps, struct poll_item *it, u32 events, bool mute);
/* Ends the watch; safe in any callback, its own too: fn is not called again. NULL is allowed. */
void poll_remove(struct poll_set *ps, struct poll_item *it);

/*
 * For a library with an event loop of its own: before is called at the start of each poll_wait(), may change the set and says
 * within how many nanoseconds it must run again (negative: whenever); after is called when all callbacks have been.
 * NULL when memory is short.
 */
struct poll_hook *poll_hook_add(struct poll_set *ps, i64 (*before)(void *opaque), void (*after)(void *opaque),
				void *opaque);
/* Safe in any callback of the set. NULL is allowed. */
void poll_hook_remove(struct poll_set *ps, struct poll_hook *h);

/*
 * Waits until something happens, at most timeout nanoseconds (0 = just look, negative = as long as it takes), and calls
 * the callbacks of what happened. Returns the number of calls; 0 also when it was woken or interrupted by a signal.
 */
int poll_wait(struct poll_set *ps, i64 timeout);
/* Ends the present or the next poll_wait() at once. Safe in signal handlers and from other threads. */
void poll_wake(struct poll_set *ps);
/*
 * Waits for one descriptor alone, outside of any callback order, at most timeout nanoseconds (negative = as long as it
 * takes). Returns the events, 0 at the time limit, or -EINTR when somebody called poll_wake(), which stays in force;
 * with ps NULL nobody can.
 */
int poll_one(struct poll_set *ps, int fd, u32 events, i64 timeout);

/* Nanoseconds of the host's monotonic clock. Never to be shown to a guest. */
u64 host_now(void);

#endif
