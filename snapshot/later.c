/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writing a snapshot on a thread, while its domain runs on. The thread reads frames that the snapshot holds: whoever else has
 * them copies them before a store, so they do not change. It counts no references and makes no frames: that is for the thread
 * that runs domains.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/task.h"
#include "snapshot/file.h"

struct snapshot_writing {
	struct snapshot s;
	char *path;
	enum image_codec codec;
	u32 all; /* frames; 0: not counted yet */
	struct task *task;
};

static int run(void *opaque, struct error *e)
{
	struct snapshot_writing *w = opaque;

	__atomic_store_n(&w->all, (u32)mem_count(&w->s.mem), __ATOMIC_RELAXED);
	return snapshot_write(&w->s, w->path, w->codec, e);
}

struct snapshot_writing *snapshot_write_begin(struct snapshot *s, const char *path, enum image_codec codec, struct error *e)
{
	struct snapshot_writing *w = calloc(1, sizeof *w);

	if (w)
		w->path = strdup(path);
	if (w && w->path) {
		w->s = *s;
		w->codec = codec;
		w->task = task_begin(run, w);
	}
	if (w && w->task) {
		memset(s, 0, sizeof *s);
		return w;
	}
	if (w)
		free(w->path);
	free(w);
	error_set(e, -ENOMEM, "%.300s: the host is out of memory", path);
	return NULL;
}

bool snapshot_write_done(struct snapshot_writing *w, u64 ns)
{
	return task_done(w->task, ns);
}

void snapshot_write_progress(const struct snapshot_writing *w, u64 *told, u64 *all)
{
	*told = __atomic_load_n(&w->s.told, __ATOMIC_RELAXED);
	*all = __atomic_load_n(&w->all, __ATOMIC_RELAXED);
}

int snapshot_write_end(struct snapshot_writing *w, struct snapshot_base **base, struct error *e)
{
	int rc = task_end(w->task, e);

	/* Unless that domain is gone. */
	if (!rc && base && w->s.file && w->s.file->path && w->s.file->look.mem) {
		snapshot_base_free(*base);
		*base = w->s.file;
		w->s.file = NULL;
	}

	snapshot_free(&w->s);
	free(w->path);
	free(w);
	return rc;
}
