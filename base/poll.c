/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Waiting for file descriptors with poll(), or what a host has in its place (base/os_socket.h).
 */
#include "base/poll.h"

#include <errno.h>
#include <stdlib.h>

#include "base/os.h"
#include "base/os_socket.h"

struct poll_item {
	struct poll_item *next; /* of those waiting to be freed */
	poll_fn *fn;            /* NULL once removed */
	void *opaque;
	int fd;       /* -1 for a timer */
	u32 index;    /* in items and fds */
	u64 interval; /* of a timer, nanoseconds */
	u64 due;
};

struct poll_hook {
	struct poll_hook *next;
	i64 (*before)(void *opaque); /* NULL once removed */
	void (*after)(void *opaque);
	void *opaque;
};

/* Slot 0 of both arrays is the wake pipe. A slot whose item is NULL is free. */
struct poll_set {
	struct poll_item **items;
	struct os_pollfd *fds;
	u32 n, cap;
	u32 ntimers;
	u32 depth; /* poll_wait() calls under way: removed items are not freed yet */
	struct poll_item *dead;
	struct poll_hook *hooks;
	int wake[2];
};

u64 host_now(void)
{
	return os_now();
}

struct poll_set *poll_set_new(void)
{
	struct poll_set *ps = calloc(1, sizeof *ps);

	if (!ps)
		return NULL;
	ps->cap = 8;
	ps->items = calloc(ps->cap, sizeof *ps->items);
	ps->fds = calloc(ps->cap, sizeof *ps->fds);
	if (!ps->items || !ps->fds || os_wake_open(ps->wake)) {
		free(ps->items);
		free(ps->fds);
		free(ps);
		return NULL;
	}
	ps->fds[0].fd = ps->wake[0];
	ps->fds[0].events = POLLIN;
	ps->n = 1;
	return ps;
}

static void bury(struct poll_set *ps)
{
	struct poll_item *it;

	while ((it = ps->dead)) {
		ps->dead = it->next;
		free(it);
	}
}

static void bury_hooks(struct poll_set *ps, bool all)
{
	struct poll_hook **at = &ps->hooks, *h;

	while ((h = *at)) {
		if (all || !h->before) {
			*at = h->next;
			free(h);
		} else {
			at = &h->next;
		}
	}
}

void poll_set_free(struct poll_set *ps)
{
	u32 i;

	if (!ps)
		return;
	for (i = 1; i < ps->n; i++)
		free(ps->items[i]);
	bury(ps);
	bury_hooks(ps, true);
	os_wake_close(ps->wake);
	free(ps->items);
	free(ps->fds);
	free(ps);
}

static short to_poll(u32 events)
{
	return (short)((events & POLL_READABLE ? POLLIN : 0) | (events & POLL_WRITABLE ? POLLOUT : 0));
}

static u32 from_poll(short revents)
{
	return (revents & POLLIN ? POLL_READABLE : 0u) | (revents & POLLOUT ? POLL_WRITABLE : 0u) |
	       (revents & (POLLHUP | POLLERR | POLLNVAL) ? POLL_GONE : 0u);
}

static struct poll_item *add(struct poll_set *ps, int fd, u32 events, poll_fn *fn, void *opaque)
{
	struct poll_item *it = calloc(1, sizeof *it);
	u32 i;

	if (!it)
		return NULL;
	for (i = 1; i < ps->n; i++)
		if (!ps->items[i])
			break;
	if (i == ps->cap) {
		u32 cap = ps->cap * 2;
		struct poll_item **items = realloc(ps->items, cap * sizeof *items);
		struct os_pollfd *fds;

		if (items)
			ps->items = items;
		fds = items ? realloc(ps->fds, cap * sizeof *fds) : NULL;
		if (!fds) {
			free(it);
			return NULL;
		}
		ps->fds = fds;
		ps->cap = cap;
	}
	if (i == ps->n)
		ps->n++;
	it->fn = fn;
	it->opaque = opaque;
	it->fd = fd;
	it->index = i;
	ps->items[i] = it;
	ps->fds[i] = (struct os_pollfd){ .fd = fd, .events = to_poll(events) };
	return it;
}

struct poll_item *poll_add(struct poll_set *ps, int fd, u32 events, poll_fn *fn, void *opaque)
{
	return add(ps, fd, events, fn, opaque);
}

struct poll_item *poll_every(struct poll_set *ps, u64 interval, poll_fn *fn, void *opaque)
{
	struct poll_item *it = add(ps, -1, 0, fn, opaque);

	if (it) {
		it->interval = interval ? interval : 1;
		it->due = host_now() + it->interval;
		ps->ntimers++;
	}
	return it;
}

void poll_change(struct poll_set *ps, struct poll_item *it, u32 events, bool mute)
{
	struct os_pollfd *p = &ps->fds[it->index];

	p->events = to_poll(events);
	p->fd = mute ? -1 : it->fd; /* poll() passes over negative descriptors */
	if (mute)
		p->revents = 0;
}

void poll_remove(struct poll_set *ps, struct poll_item *it)
{
	if (!it)
		return;
	if (it->interval)
		ps->ntimers--;
	ps->items[it->index] = NULL;
	ps->fds[it->index] = (struct os_pollfd){ .fd = -1 };
	it->fn = NULL;
	it->next = ps->dead;
	ps->dead = it;
	if (!ps->depth)
		bury(ps);
}

/* Shortens the timeout to the first timer that is due. */
static i64 until_timer(const struct poll_set *ps, i64 timeout)
{
	u64 now = ps->ntimers ? host_now() : 0;
	u32 i;

	for (i = 1; ps->ntimers && i < ps->n; i++) {
		const struct poll_item *it = ps->items[i];

		if (it && it->interval) {
			i64 left = it->due > now ? (i64)(it->due - now) : 0;

			timeout = timeout < 0 ? left : MIN(timeout, left);
		}
	}
	return timeout;
}

static int run_timers(struct poll_set *ps, u32 n)
{
	u64 now = ps->ntimers ? host_now() : 0;
	int calls = 0;
	u32 i;

	for (i = 1; ps->ntimers && i < n; i++) {
		struct poll_item *it = ps->items[i];

		if (it && it->interval && it->due <= now) {
			it->due = now + it->interval;
			it->fn(it->opaque, 0);
			calls++;
		}
	}
	return calls;
}

struct poll_hook *poll_hook_add(struct poll_set *ps, i64 (*before)(void *opaque), void (*after)(void *opaque),
				void *opaque)
{
	struct poll_hook *h = malloc(sizeof *h);

	if (h) {
		*h = (struct poll_hook){ .next = ps->hooks, .before = before, .after = after, .opaque = opaque };
		ps->hooks = h;
	}
	return h;
}

void poll_hook_remove(struct poll_set *ps, struct poll_hook *h)
{
	if (!h)
		return;
	h->before = NULL;
	if (!ps->depth)
		bury_hooks(ps, false);
}

/* Asks all hooks. Returns the timeout, shortened to the first that wants to run again. */
static i64 hooks_before(struct poll_set *ps, i64 timeout)
{
	struct poll_hook *h;

	ps->depth++;
	for (h = ps->hooks; h; h = h->next) {
		i64 left = h->before ? h->before(h->opaque) : -1;

		if (left >= 0)
			timeout = timeout < 0 ? left : MIN(timeout, left);
	}
	if (!--ps->depth) {
		bury(ps);
		bury_hooks(ps, false);
	}
	return timeout;
}

static void hooks_after(struct poll_set *ps)
{
	struct poll_hook *h;

	for (h = ps->hooks; h; h = h->next)
		if (h->before)
			h->after(h->opaque);
}

int poll_wait(struct poll_set *ps, i64 timeout)
{
	u32 n, i;
	int ready, calls = 0;

	if (ps->hooks)
		timeout = hooks_before(ps, timeout);
	n = ps->n;
	ready = os_poll(ps->fds, n, until_timer(ps, timeout));
	ps->depth++;
	if (ready > 0) {
		if (ps->fds[0].revents)
			os_wake_clear(ps->wake[0]);
		for (i = 1; i < n; i++) {
			struct poll_item *it = ps->items[i];
			short revents = ps->fds[i].revents;

			ps->fds[i].revents = 0;
			/* Callbacks may have removed or changed items further on. */
			if (it && !it->interval && revents) {
				it->fn(it->opaque, from_poll(revents));
				calls++;
			}
		}
	}
	calls += run_timers(ps, n);
	hooks_after(ps);
	if (!--ps->depth) {
		bury(ps);
		bury_hooks(ps, false);
	}
	return calls;
}

void poll_wake(struct poll_set *ps)
{
	os_wake(ps->wake[1]);
}

int poll_one(struct poll_set *ps, int fd, u32 events, i64 timeout)
{
	struct os_pollfd p[2] = { { .fd = fd, .events = to_poll(events) },
			       { .fd = ps ? ps->wake[0] : -1, .events = POLLIN } };
	u64 end = host_now() + (u64)MAX(timeout, 0);

	for (;;) {
		int rc = os_poll(p, 2, timeout);

		if (rc > 0)
			return p[1].revents ? -EINTR : (int)from_poll(p[0].revents);
		if (!rc || (rc < 0 && errno != EINTR))
			return 0;
		if (timeout >= 0) {
			u64 now = host_now();

			timeout = now < end ? (i64)(end - now) : 0;
		}
	}
}
