/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest that comes: the other side of a migration.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/task.h"
#include "hw/host/channel.h"
#include "snapshot/image_stream.h"
#include "snapshot/migrate_impl.h"

struct incoming {
	char *uri;
	struct channel *channel;
	struct frame_pool *pool;
	struct task *task;
	struct snapshot s;
	struct snapshot_part part;
	const char *why; /* of the answer; NULL: the guest is here */
	bool answering;
};

static int receive(void *opaque, struct error *e)
{
	struct incoming *in = opaque;
	struct image_input from = { channel_read, in->channel, in->uri };
	int rc = channel_wait(in->channel, e);

	return rc ? rc : snapshot_receive(&in->s, in->pool, &from, &in->part, e);
}

static int answer(void *opaque, struct error *e)
{
	struct incoming *in = opaque;
	u8 head[ANSWER_BYTES + 4], given[ANSWER_BYTES];
	size_t n = in->why ? MIN(strlen(in->why), (size_t)ANSWER_TEXT_MAX) : 0;
	int rc;

	memcpy(head, in->why ? ANSWER_NOT : ANSWER_THERE, ANSWER_BYTES);
	st32(head + ANSWER_BYTES, (u32)n);
	rc = channel_write(in->channel, head, sizeof head);
	if (!rc && n)
		rc = channel_write(in->channel, in->why, n);
	if (in->why)
		return 0;
	if (!rc && (channel_read(in->channel, given, sizeof given) != sizeof given || memcmp(given, GIVEN_UP, sizeof given)))
		rc = -EPIPE;
	return rc ? error_set(e, rc, "%.200s: the other side has gone before it gave the guest up, and may have it still: nothing runs here",
			      in->uri) : 0;
}

int incoming_begin(const char *uri, struct frame_pool *pool, struct incoming **out, struct error *e)
{
	struct incoming *in = calloc(1, sizeof *in);
	int rc = -ENOMEM;

	*out = NULL;
	if (in)
		in->uri = strdup(uri);
	if (!in || !in->uri) {
		free(in);
		return error_set(e, rc, "%.200s: the host is out of memory", uri);
	}
	in->pool = pool;
	rc = channel_open(uri, CHANNEL_IN, &in->channel, e);
	if (!rc) {
		in->task = task_begin(receive, in);
		rc = in->task ? 0 : error_set(e, -ENOMEM, "%.200s: the host is out of memory", uri);
	}
	if (rc)
		incoming_free(in, NULL);
	else
		*out = in;
	return rc;
}

bool incoming_done(struct incoming *in, u64 ns)
{
	return !in->task || task_done(in->task, ns);
}

int incoming_take(struct incoming *in, struct snapshot *s, bool *paused, struct error *e)
{
	int rc = task_end(in->task, e);

	in->task = NULL;
	if (rc)
		return rc;
	*s = in->s;
	memset(&in->s, 0, sizeof in->s);
	*paused = in->part.paused;
	return 0;
}

void incoming_answer(struct incoming *in, const char *why)
{
	if (!in->part.answers)
		return;
	in->why = why;
	in->answering = true;
	in->task = task_begin(answer, in);
}

int incoming_free(struct incoming *in, struct error *e)
{
	int rc = 0;

	if (!in)
		return 0;
	if (in->task) {
		if (!task_done(in->task, 0))
			channel_cancel(in->channel);
		rc = task_end(in->task, e);
		if (!in->answering)
			snapshot_free(&in->s);
	} else if (in->answering) {
		rc = error_set(e, -ENOMEM, "%.200s: the host is out of memory", in->uri);
	}
	channel_close(in->channel, NULL);
	free(in->uri);
	free(in);
	return rc;
}
