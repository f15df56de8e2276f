/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opening a disk on a thread, for those who have other things to do meanwhile: an NBD server may say nothing for long, and a
 * large image may have to be looked through.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/os_thread.h"
#include "hw/host/block/queue.h"

struct block_opening {
	struct block *b; /* the thread's until it has ended */
	char *format, *folder; /* our copies */
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
	struct block_opening *op = opaque;
	struct error why = { "" };
	int rc = block_open_nodes(op->b, &why);

	os_mutex_lock(&op->lock);
	op->rc = rc;
	op->why = why;
	op->done = true;
	os_cond_signal(&op->ended);
	os_mutex_unlock(&op->lock);
	return NULL;
}

static void opening_free(struct block_opening *op)
{
	os_cond_destroy(&op->ended);
	os_mutex_destroy(&op->lock);
	free(op->format);
	free(op->folder);
	free(op);
}

/* Copies from, where there is something. False: no memory. */
static bool copy(char **to, const char *from)
{
	*to = from ? strdup(from) : NULL;
	return *to || !from;
}

struct block_opening *block_open_begin(const char *spec, const struct block_options *o, struct poll_set *ps, struct error *e)
{
	struct block_opening *op = calloc(1, sizeof *op);
	struct block_options mine = *o;
	bool room;

	if (!op) {
		error_set(e, -ENOMEM, "%.300s: the host is out of memory", spec);
		return NULL;
	}
	os_mutex_init(&op->lock);
	os_cond_init(&op->ended);
	room = copy(&op->format, o->format);
	room &= copy(&op->folder, o->folder);
	if (!room)
		error_set(e, -ENOMEM, "%.300s: the host is out of memory", spec);
	mine.format = op->format;
	mine.folder = op->folder;
	if (!room || block_new(spec, &mine, ps, &op->b, e)) {
		opening_free(op);
		return NULL;
	}
	op->threaded = !os_thread_create(&op->thread, run, op);
	/* The host gives us no thread: then here. */
	if (!op->threaded)
		run(op);
	return op;
}

bool block_open_done(struct block_opening *op, u64 ns)
{
	u64 now = host_now(), end = now + ns;
	bool done;

	os_mutex_lock(&op->lock);
	for (; !op->done && now < end; now = host_now())
		os_cond_wait_for(&op->ended, &op->lock, end - now);
	done = op->done;
	os_mutex_unlock(&op->lock);
	return done;
}

bool block_open_failed(struct block_opening *op)
{
	return block_open_done(op, 0) && op->rc;
}

static bool same_words(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

bool block_open_is(const struct block_opening *op, const char *spec, const struct block_options *o)
{
	const struct block_options *was = &op->b->options;

	return !strcmp(op->b->spec, spec) && same_words(op->format, o->format) && same_words(op->folder, o->folder) &&
	       was->no_backing == o->no_backing && was->readonly == o->readonly && was->snapshot == o->snapshot &&
	       was->cache == o->cache && was->reconnect == o->reconnect;
}

static void join(struct block_opening *op)
{
	if (op->threaded)
		pthread_join(op->thread, NULL);
	op->threaded = false;
}

struct block *block_open_end(struct block_opening *op, int *code, struct error *e)
{
	struct block *b;

	join(op);
	b = block_opened(op->b, op->rc);
	if (!b && e)
		*e = op->why;
	if (code)
		*code = op->rc;
	opening_free(op);
	return b;
}

void block_open_drop(struct block_opening *op)
{
	if (!op)
		return;
	op->b->drop = 1;
	join(op);
	op->rc = op->rc ? op->rc : -EINTR;
	block_open_end(op, NULL, NULL);
}
