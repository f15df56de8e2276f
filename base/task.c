/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Work on a thread.
 */
#include "base/task.h"

#include <stdlib.h>

#include "base/os_thread.h"
#include "base/poll.h"

struct task {
	int (*fn)(void *opaque, struct error *e);
	void *opaque;
	bool threaded;
	pthread_t thread;
	struct os_mutex lock;
	struct os_cond ended;
	/* Under lock. */
	bool done;
	int rc;
	struct error why;
};

static void *run(void *opaque)
{
	struct task *t = opaque;
	struct error why = { "" };
	int rc = t->fn(t->opaque, &why);

	os_mutex_lock(&t->lock);
	t->rc = rc;
	t->why = why;
	t->done = true;
	os_cond_signal(&t->ended);
	os_mutex_unlock(&t->lock);
	return NULL;
}

struct task *task_begin(int (*fn)(void *opaque, struct error *e), void *opaque)
{
	struct task *t = calloc(1, sizeof *t);

	if (!t)
		return NULL;
	t->fn = fn;
	t->opaque = opaque;
	os_mutex_init(&t->lock);
	os_cond_init(&t->ended);
	t->threaded = !os_thread_create(&t->thread, run, t);
	if (!t->threaded)
		run(t);
	return t;
}

bool task_done(struct task *t, u64 ns)
{
	u64 now = host_now(), end = now + ns;
	bool done;

	os_mutex_lock(&t->lock);
	for (; !t->done && now < end; now = host_now())
		os_cond_wait_for(&t->ended, &t->lock, end - now);
	done = t->done;
	os_mutex_unlock(&t->lock);
	return done;
}

int task_end(struct task *t, struct error *e)
{
	int rc;

	if (t->threaded)
		pthread_join(t->thread, NULL);
	rc = t->rc;
	if (rc && e)
		*e = t->why;
	os_cond_destroy(&t->ended);
	os_mutex_destroy(&t->lock);
	free(t);
	return rc;
}
