/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opening a disk on a thread, for those who have other things to do meanwhile: an NBD server may say nothing for long, and a
 * large image may have to be looked through.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/task.h"
#include "hw/host/block/queue.h"

struct block_opening {
	struct block *b; /* the task's until it has ended */
	char *format, *folder; /* our copies */
	struct task *task; /* NULL once it has ended */
	int rc;            /* then */
	struct error why;
};

static int run(void *opaque, struct error *e)
{
	struct block_opening *op = opaque;

	return block_open_nodes(op->b, e);
}

static void opening_free(struct block_opening *op)
{
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
	op->task = task_begin(run, op);
	if (!op->task) /* there is no memory for one: then here */
		op->rc = run(op, &op->why);
	return op;
}

static void join(struct block_opening *op)
{
	if (op->task)
		op->rc = task_end(op->task, &op->why);
	op->task = NULL;
}

bool block_open_done(struct block_opening *op, u64 ns)
{
	return !op->task || task_done(op->task, ns);
}

bool block_open_failed(struct block_opening *op)
{
	if (!block_open_done(op, 0))
		return false;
	join(op);
	return op->rc;
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
