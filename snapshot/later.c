/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writing a snapshot on a thread, while its domain runs on. The thread reads frames that the snapshot holds: whoever else has
 * them copies them before a store, so they do not change. It counts no references and makes no frames: that is for the thread
 * that runs domains.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/os_thread.h"
#include "base/poll.h"
#include "snapshot/file.h"

struct snapshot_writing {
	struct snapshot s;
	char *path;
	enum image_codec codec;
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
	struct snapshot_writing *w = opaque;
	struct error why = { "" };
	int rc = snapshot_write(&w->s, w->path, w->codec, &why);

	os_mutex_lock(&w->lock);
	w->rc = rc;
	w->why = why;
	w->done = true;
	os_cond_signal(&w->ended);
	os_mutex_unlock(&w->lock);
	return NULL;
}

struct snapshot_writing *snapshot_write_begin(struct snapshot *s, const char *path, enum image_codec codec, struct error *e)
{
	struct snapshot_writing *w = calloc(1, sizeof *w);

	if (w)
		w->path = strdup(path);
	if (!w || !w->path) {
		free(w);
		error_set(e, -ENOMEM, "%.300s: the host is out of memory", path);
		return NULL;
	}
	w->s = *s;
	memset(s, 0, sizeof *s);
	w->codec = codec;
	os_mutex_init(&w->lock);
	os_cond_init(&w->ended);
	w->threaded = !os_thread_create(&w->thread, run, w);
	/* The host gives us no thread: then here. */
	if (!w->threaded)
		run(w);
	return w;
}

bool snapshot_write_done(struct snapshot_writing *w, u64 ns)
{
	u64 now = host_now(), end = now + ns;
	bool done;

	os_mutex_lock(&w->lock);
	for (; !w->done && now < end; now = host_now())
		os_cond_wait_for(&w->ended, &w->lock, end - now);
	done = w->done;
	os_mutex_unlock(&w->lock);
	return done;
}

int snapshot_write_end(struct snapshot_writing *w, struct error *e)
{
	int rc;

	if (w->threaded)
		pthread_join(w->thread, NULL);
	rc = w->rc ? error_set(e, w->rc, "%s", w->why.text) : 0;
	snapshot_free(&w->s);
	os_cond_destroy(&w->ended);
	os_mutex_destroy(&w->lock);
	free(w->path);
	free(w);
	return rc;
}
