/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests to threads and their results back to the thread that polls. Threads start when they are first needed; they
 * see requests, memory of the caller's and files, nothing else.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/os_socket.h"
#include "base/os_thread.h"
#include "hw/host/block/queue.h"

#define REAP_MAX 256 /* completions at once, so that others who poll have their turn */

static int execute(struct block *b, struct block_request *r)
{
	struct block_slice s = { r->vec, r->nvec, 0, r->length };

	if (r->op == BLOCK_READ || r->op == BLOCK_WRITE) {
		u64 have = 0;
		u32 i;

		for (i = 0; i < r->nvec; i++)
			have += r->vec[i].len;
		if (have < r->length)
			return -EINVAL;
	}
	return block_run(b, r->op, r->flags, r->offset, s);
}

/* Tells the poll set, if it is to know. Under lock. */
static void wake(struct block *b)
{
	if (!b->watched || b->woken || b->wake[1] < 0)
		return;
	b->woken = true;
	os_wake(b->wake[1]);
}

/* Under lock. */
static void put_done(struct block *b, struct block_request *r)
{
	r->next = NULL;
	*b->done_tail = r;
	b->done_tail = &r->next;
	os_cond_signal(&b->finished);
	wake(b);
}

/* Under lock. */
static void put_todo(struct block *b, struct block_request *r)
{
	r->next = NULL;
	r->finished = false;
	b->in_flight++;
	*b->todo_tail = r;
	b->todo_tail = &r->next;
	b->ntodo++;
}

/* Takes the request at *p off the list. Under lock. */
static void take_todo(struct block *b, struct block_request **p)
{
	struct block_request *r = *p;

	*p = r->next;
	if (!r->next)
		b->todo_tail = p;
	b->ntodo--;
}

/* Does it here; lock is held, and let go of meanwhile. */
static void run_todo(struct block *b, struct block_request **p)
{
	struct block_request *r = *p;
	int rc;

	take_todo(b, p);
	os_mutex_unlock(&b->lock);
	rc = execute(b, r);
	os_mutex_lock(&b->lock);
	r->result = rc;
	put_done(b, r);
}

static void *worker(void *opaque)
{
	struct block *b = opaque;

	os_mutex_lock(&b->lock);
	for (;;) {
		if (!b->todo) {
			if (b->ending)
				break;
			b->idle++;
			os_cond_wait(&b->work, &b->lock);
			b->idle--;
			continue;
		}
		run_todo(b, &b->todo);
	}
	os_mutex_unlock(&b->lock);
	return NULL;
}

static bool start_thread(struct block *b)
{
	int rc = os_thread_create(&b->threads[b->nthreads], worker, b);

	if (!rc)
		b->nthreads++;
	return !rc;
}

/* Wakes or starts threads for what is waiting. */
static void call_threads(struct block *b, u32 waiting, u32 idle)
{
	os_cond_signal(&b->work);
	if (waiting == 2) /* for the first, too, it may be that nobody was woken */
		os_cond_signal(&b->work);
	if (waiting <= idle || b->nthreads == b->threads_max || start_thread(b) || b->nthreads)
		return;
	/* The host gives us no thread at all: then here. */
	os_mutex_lock(&b->lock);
	while (b->todo)
		run_todo(b, &b->todo);
	os_mutex_unlock(&b->lock);
}

void block_submit_late(struct block *b, struct block_request *r, bool now)
{
	u32 waiting, idle;

	os_mutex_lock(&b->lock);
	put_todo(b, r);
	waiting = b->ntodo;
	idle = b->idle;
	os_mutex_unlock(&b->lock);
	if (now || waiting > 1 || b->node->remote)
		call_threads(b, waiting, idle);
}

void block_submit(struct block *b, struct block_request *r)
{
	block_submit_late(b, r, true);
}

/* Under lock. */
static void drain_wake(struct block *b)
{
	if (b->woken)
		os_wake_clear(b->wake[0]);
	b->woken = false;
}

/* The next one that has completed. The byte in the pipe stays for as long as there are more. */
static struct block_request *take_done(struct block *b)
{
	struct block_request *r;

	os_mutex_lock(&b->lock);
	r = b->done;
	if (r)
		b->done = r->next;
	if (!b->done) {
		b->done_tail = &b->done;
		drain_wake(b);
	}
	os_mutex_unlock(&b->lock);
	return r;
}

enum fault { FULL, READ_FAILS, WRITE_FAILS };

/*
 * Who asked is told of each failure, the person of the first of a kind only: a guest asks again and again. What was no fault
 * of the host's is none of the person's business.
 */
static void tell_person(struct block *b, enum block_op op, int rc)
{
	enum fault kind = rc == -ENOSPC ? FULL : op == BLOCK_READ ? READ_FAILS : WRITE_FAILS;

	if (b->options.quiet || b->told & BIT(kind) || rc == -EINVAL || rc == -EROFS)
		return;
	b->told |= (u32)BIT(kind);
	if (kind == FULL)
		msg_warn("%.300s: the host has no room for it any more: what is written to it fails, what was flushed is safe; make "
			 "room, and it goes on",
			 b->spec);
	else
		msg_warn("%.300s: a part of it could not be %s (%s), and the guest got an error; look after the host's disk, or its server",
			 b->spec, kind == READ_FAILS ? "read" : "written", strerror(-rc));
}

/* One by one: done may wait for another request, which must be found then. */
u32 block_reap(struct block *b)
{
	struct block_request *r;
	u32 n = 0;

	while (n < REAP_MAX && (r = take_done(b))) {
		u32 op = (u32)r->op < BLOCK_OPS ? (u32)r->op : BLOCK_READ;
		struct block_waiter *w;

		r->next = NULL;
		b->in_flight--;
		b->stats.ops[op]++;
		if (r->result) {
			b->stats.errors[op]++;
			tell_person(b, (enum block_op)op, r->result);
		} else if (op != BLOCK_FLUSH) {
			b->stats.bytes[op] += r->length;
		}
		r->finished = true;
		for (w = b->waiters; w; w = w->next)
			w->seen |= w->req == r;
		n++;
		/* The request is the caller's again, and may be gone or submitted anew when this returns. */
		r->done(r, r->result);
	}
	return n;
}

static void on_wake(void *opaque, u32 events)
{
	block_reap(opaque);
}

/* Waits until something is done, and helps: of what no thread has begun, want (or else the first) is done here. */
static void wait_some(struct block *b, const struct block_request *want)
{
	struct block_request **p = &b->todo;

	os_mutex_lock(&b->lock);
	while (*p && *p != want)
		p = &(*p)->next;
	if (*p)
		run_todo(b, p);
	while (!b->done) {
		if (b->todo)
			run_todo(b, &b->todo);
		else
			os_cond_wait(&b->finished, &b->lock);
	}
	os_mutex_unlock(&b->lock);
	block_reap(b);
}

void block_wait(struct block *b, struct block_request *r)
{
	struct block_waiter w = { r, r->finished, b->waiters };

	b->waiters = &w;
	while (!w.seen)
		wait_some(b, r);
	b->waiters = w.next;
}

/* Waits for finished until the host_now() of until. Under lock. */
static void wait_finished(struct block *b, u64 until)
{
	u64 now = host_now();

	os_cond_wait_for(&b->finished, &b->lock, until > now ? until - now : 0);
}

void block_wait_some(struct block *b, struct block_request *r, u64 ns)
{
	struct block_waiter w = { r, r->finished, b->waiters };
	u64 until = host_now() + ns;

	b->waiters = &w;
	do {
		struct block_request **p = &b->todo;

		os_mutex_lock(&b->lock);
		while (*p && *p != r)
			p = &(*p)->next;
		if (*p && !b->node->remote)
			run_todo(b, p);
		else if (!b->done)
			wait_finished(b, until);
		os_mutex_unlock(&b->lock);
		block_reap(b);
	} while (!w.seen && host_now() < until);
	b->waiters = w.next;
}

bool block_watch(struct block *b, bool on)
{
	u32 waiting, idle;

	if (!b->ps)
		return false;
	os_mutex_lock(&b->lock);
	b->watched = on;
	if (b->done)
		wake(b);
	waiting = b->ntodo;
	idle = b->idle;
	os_mutex_unlock(&b->lock);
	/* Who waits in the poll set does nothing here: of what was submitted late no thread may know yet. */
	if (on && waiting)
		call_threads(b, waiting, idle);
	return true;
}

void block_drain(struct block *b)
{
	while (b->in_flight)
		wait_some(b, NULL);
}

u32 block_in_flight(const struct block *b)
{
	return b->in_flight;
}

static int open_wake(struct block *b, struct poll_set *ps)
{
	int rc = os_wake_open(b->wake);

	if (rc)
		return rc;
	b->it = poll_add(ps, b->wake[0], POLL_READABLE, on_wake, b);
	return b->it ? 0 : -ENOMEM;
}

int block_queue_init(struct block *b, struct poll_set *ps)
{
	b->todo_tail = &b->todo;
	b->done_tail = &b->done;
	b->wake[0] = b->wake[1] = -1;
	b->threads_max = MIN(b->options.threads ? b->options.threads : BLOCK_THREADS, BLOCK_THREADS_MAX);
	os_mutex_init(&b->lock);
	os_cond_init(&b->work);
	os_cond_init(&b->finished);
	b->ps = ps;
	b->watched = true;
	return ps ? open_wake(b, ps) : 0;
}

void block_queue_end(struct block *b)
{
	u32 i;

	block_drain(b);
	os_mutex_lock(&b->lock);
	b->ending = true;
	os_cond_broadcast(&b->work);
	os_mutex_unlock(&b->lock);
	for (i = 0; i < b->nthreads; i++)
		pthread_join(b->threads[i], NULL);
	if (b->ps)
		poll_remove(b->ps, b->it);
	os_wake_close(b->wake);
	os_cond_destroy(&b->work);
	os_cond_destroy(&b->finished);
	os_mutex_destroy(&b->lock);
}
