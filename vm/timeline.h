/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual time of a domain. It advances with instructions executed, or jumps to the next deadline when every vCPU
 * sleeps; nothing else moves it. The unit is the nanosecond.
 *
 * vCPUs run one after another in slots. Within a round of n runnable vCPUs each instruction moves time by 1/n of its
 * length, so that all of them see one monotonic clock and the whole round moves it by one quantum.
 */
#ifndef VM_TIMELINE_H
#define VM_TIMELINE_H

#include "base/state.h"
#include "base/types.h"

#define TIME_NEVER UINT64_MAX

/* Guest-visible: where time stands. */
struct timeline_state {
	u64 now;   /* ns since the domain was created, up to the last slot's end */
	u64 frac;  /* rest of now, in 1/div of an instruction */
	u64 div;   /* runnable vCPUs in the current round, at least 1 */
	u64 shift; /* one instruction is 2^shift ns (-icount shift) */
	u64 wall;  /* ns since 1970 when now was 0; it came through the door */
};
extern const struct state_desc timeline_state_desc;

/* A timer. Its owner keeps the deadline in its own described state, too, and arms the timer again after a load. */
struct vtimer {
	u64 deadline;  /* ns; TIME_NEVER when not armed */
	u32 slot;      /* heap index + 1; 0 when not armed */
	u32 order;     /* ties fire in order of creation: kind << 16 | instance */
	void (*fire)(void *opaque, u64 now);
	void *opaque;
};

struct timeline {
	struct timeline_state s;
	struct vtimer **heap;
	u32 n, cap;
	/* The host's; not the guest's to see. */
	u32 held;  /* calls of timeline_hold() without their release: time stands still while it is not 0 */
	bool owed; /* time was held, and timers that were due then have not all been fired yet; saved */
};

void timeline_init(struct timeline *t, u32 shift);
void timeline_free(struct timeline *t);
/* Time at p instructions into the current slot. */
u64 timeline_at(const struct timeline *t, u64 p);
/* Instructions of this slot after which time has reached deadline (0 if it has already). */
u64 timeline_until(const struct timeline *t, u64 deadline);
/* Ends a slot of p instructions. */
void timeline_advance(struct timeline *t, u64 p);
/* Starts a round for div runnable vCPUs. */
void timeline_round(struct timeline *t, u64 div);
/* Jumps forward to ns (never back). */
void timeline_skip(struct timeline *t, u64 ns);

void vtimer_init(struct vtimer *tm, u32 order, void (*fire)(void *, u64), void *opaque);
/* Arms (or re-arms) for an absolute time. 0 or -ENOMEM. */
int vtimer_arm(struct timeline *t, struct vtimer *tm, u64 deadline);
void vtimer_cancel(struct timeline *t, struct vtimer *tm);
/* The next deadline, or TIME_NEVER. */
u64 timeline_next(const struct timeline *t);
/* Fires what is due by now, in order of deadline, then of order; while time is held, nothing. */
void timeline_fire(struct timeline *t);
/*
 * Stops virtual time: no timer fires until timeline_release(). Called by a timer's function that finds the host not
 * ready, e.g. a disk that is slower than the latency model says. The function arms its timer again for the same
 * deadline, so that timers fire in the same order as without the hold. May be called within a slot, too: the slot goes
 * on to its end. Each hold needs one release.
 */
void timeline_hold(struct timeline *t);
void timeline_release(struct timeline *t);

#endif
