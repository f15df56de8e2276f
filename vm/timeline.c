/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual time, and a heap of timers ordered by deadline.
 */
#include "vm/timeline.h"

#include <errno.h>
#include <stdlib.h>

static const struct state_field timeline_fields[] = {
	STATE_INT(struct timeline_state, now),   STATE_INT(struct timeline_state, frac),
	STATE_INT(struct timeline_state, div),   STATE_INT(struct timeline_state, shift),
	STATE_INT(struct timeline_state, wall),
};
STATE_DESC(timeline_state_desc, "timeline", 1, struct timeline_state, timeline_fields);

/* Farther than any run gets: keeps products below 2^64. */
#define FAR (1ULL << 48)

void timeline_init(struct timeline *t, u32 shift)
{
	*t = (struct timeline){ .s = { .div = 1, .shift = shift } };
}

void timeline_free(struct timeline *t)
{
	free(t->heap);
	t->heap = NULL;
	t->n = t->cap = 0;
}

u64 timeline_at(const struct timeline *t, u64 p)
{
	return t->s.now + (t->s.frac + (p << t->s.shift)) / t->s.div;
}

u64 timeline_until(const struct timeline *t, u64 deadline)
{
	u64 units;

	if (deadline <= t->s.now)
		return 0;
	if (deadline - t->s.now > FAR)
		return FAR;
	units = (deadline - t->s.now) * t->s.div - t->s.frac;
	return (units + (1ULL << t->s.shift) - 1) >> t->s.shift;
}

void timeline_advance(struct timeline *t, u64 p)
{
	u64 units = t->s.frac + (p << t->s.shift);

	t->s.now += units / t->s.div;
	t->s.frac = units % t->s.div;
}

void timeline_round(struct timeline *t, u64 div)
{
	if (t->s.div == div)
		return;
	t->s.div = div;
	t->s.frac = 0;
}

void timeline_skip(struct timeline *t, u64 ns)
{
	if (ns > t->s.now) {
		t->s.now = ns;
		t->s.frac = 0;
	}
}

void vtimer_init(struct vtimer *tm, u32 order, void (*fire)(void *, u64), void *opaque)
{
	*tm = (struct vtimer){ .deadline = TIME_NEVER, .order = order, .fire = fire, .opaque = opaque };
}

static bool before(const struct vtimer *a, const struct vtimer *b)
{
	return a->deadline != b->deadline ? a->deadline < b->deadline : a->order < b->order;
}

static void put(struct timeline *t, u32 i, struct vtimer *tm)
{
	t->heap[i] = tm;
	tm->slot = i + 1;
}

static void sift(struct timeline *t, u32 i, struct vtimer *tm)
{
	while (i && before(tm, t->heap[(i - 1) / 2])) {
		put(t, i, t->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	for (;;) {
		u32 k = 2 * i + 1;

		if (k + 1 < t->n && before(t->heap[k + 1], t->heap[k]))
			k++;
		if (k >= t->n || !before(t->heap[k], tm))
			break;
		put(t, i, t->heap[k]);
		i = k;
	}
	put(t, i, tm);
}

int vtimer_arm(struct timeline *t, struct vtimer *tm, u64 deadline)
{
	struct vtimer **p;
	u32 cap;

	vtimer_cancel(t, tm);
	tm->deadline = deadline;
	if (deadline == TIME_NEVER)
		return 0;
	if (t->n == t->cap) {
		cap = t->cap ? t->cap * 2 : 32;
		p = realloc(t->heap, cap * sizeof(*p));
		if (!p)
			return -ENOMEM;
		t->heap = p;
		t->cap = cap;
	}
	t->n++;
	sift(t, t->n - 1, tm);
	return 0;
}

void vtimer_cancel(struct timeline *t, struct vtimer *tm)
{
	u32 i = tm->slot - 1;
	struct vtimer *last;

	tm->deadline = TIME_NEVER;
	if (!tm->slot)
		return;
	tm->slot = 0;
	last = t->heap[--t->n];
	if (last != tm)
		sift(t, i, last);
}

u64 timeline_next(const struct timeline *t)
{
	return t->n ? t->heap[0]->deadline : TIME_NEVER;
}

void timeline_fire(struct timeline *t)
{
	while (!t->held && t->n && t->heap[0]->deadline <= t->s.now) {
		struct vtimer *tm = t->heap[0];

		vtimer_cancel(t, tm);
		tm->fire(tm->opaque, t->s.now);
	}
}

void timeline_hold(struct timeline *t)
{
	t->held++;
	t->owed = true;
}

void timeline_release(struct timeline *t)
{
	t->held--;
}
