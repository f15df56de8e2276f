/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "snapshot/migrate_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/os.h"
#include "base/os_thread.h"
#include "base/poll.h"
#include "base/task.h"
#include "hw/host/channel.h"

#define ROUNDS_MAX 40u
#define FEW_PAGES 64u        /* no round is worth it for fewer */
#define THROTTLE_START 20u   /* per cent, as QEMU's cpu-throttle-initial and -increment */
#define THROTTLE_MORE 10u
#define THROTTLE_MOST 99u
#define AT_ONCE 20000000u    /* ns we wait for the end of the last round, before others are looked after */
#define PIECE 262144u        /* bytes between looks at the bandwidth */

struct migration {
	struct domain *d;
	const struct migrate_ops *ops;
	void *opaque;
	char *uri;
	struct channel *channel;
	struct task *task;
	struct snapshot s;             /* what the task sends */
	struct snapshot_base *base;    /* what was sent: the domain's memory as of then */
	struct snapshot_part part;
	u8 digest[IMAGE_DIGEST_BYTES]; /* of the last image */
	enum migrate_status status;
	bool was_paused, cancelled, left;
	u64 started, setup, stopped_at, ended;
	u64 round_at, round_from; /* when the round began, and at which byte */
	u64 rate, first_pages;
	u64 last_dirty;           /* pages of the round before */
	u32 rounds, throttle, grows;
	char why[400];
	/* Of both threads. */
	struct os_mutex lock;
	u64 sent, bandwidth;
};

/* ---- on the thread ---- */

/* Sends, no faster than it may. */
static int put(void *opaque, const void *p, size_t n)
{
	struct migration *m = opaque;
	const u8 *from = p;

	while (n) {
		size_t k = MIN(n, PIECE);
		u64 t = host_now(), took, limit;
		int rc = channel_write(m->channel, from, k);

		if (rc)
			return rc;
		from += k;
		n -= k;
		os_mutex_lock(&m->lock);
		m->sent += k;
		limit = m->bandwidth;
		os_mutex_unlock(&m->lock);
		took = host_now() - t;
		if (limit && took < (u64)k * 1000000000u / limit)
			rc = channel_pause(m->channel, (u64)k * 1000000000u / limit - took);
		if (rc)
			return rc;
	}
	return 0;
}

static int get(struct migration *m, void *p, size_t n, struct error *e)
{
	ssize_t got = channel_read(m->channel, p, n);

	if (got == (ssize_t)n)
		return 0;
	return got < 0 ? error_set(e, (int)got, "%.200s: the connection broke (%s)", m->uri, os_strerror((int)-got)) :
			 error_set(e, -EPIPE, "%.200s: the other side has gone", m->uri);
}

/* Waits until the peer says that the guest is there. */
static int hear(struct migration *m, struct error *e)
{
	u8 head[ANSWER_BYTES + 4];
	char text[ANSWER_TEXT_MAX + 1];
	u32 n;
	int rc = get(m, head, sizeof head, e);

	if (rc)
		return rc;
	n = MIN(ld32(head + ANSWER_BYTES), ANSWER_TEXT_MAX);
	rc = get(m, text, n, e);
	text[n] = 0;
	if (rc)
		return rc;
	if (!memcmp(head, ANSWER_THERE, ANSWER_BYTES))
		return 0;
	if (!memcmp(head, ANSWER_NOT, ANSWER_BYTES))
		return error_set(e, -ECONNREFUSED, "%.150s: the other side cannot take the guest: %s", m->uri, text);
	return error_set(e, -EPROTO, "%.200s: the other side is no Paravane that waits for a guest", m->uri);
}

static int send_part(void *opaque, struct error *e)
{
	struct migration *m = opaque;
	struct image_output to = { put, m, m->uri };
	int rc = snapshot_send(&m->s, &to, &m->part, m->digest, e);

	if (!rc && m->part.states && m->part.answers)
		rc = hear(m, e);
	return rc;
}

static int connect_peer(void *opaque, struct error *e)
{
	struct migration *m = opaque;

	return channel_wait(m->channel, e);
}

/* ---- rounds ---- */

int migration_begin(struct domain *d, const char *uri, const struct migrate_parameters *p, const struct migrate_ops *ops, void *opaque,
		    struct migration **out, struct error *e)
{
	struct migration *m = calloc(1, sizeof *m);
	int rc;

	*out = NULL;
	if (!m || !(m->uri = strdup(uri))) {
		free(m);
		return error_set(e, -ENOMEM, "%.200s: the host is out of memory", uri);
	}
	os_mutex_init(&m->lock);
	m->d = d;
	m->ops = ops;
	m->opaque = opaque;
	m->status = MIGRATE_SETUP;
	m->started = host_now();
	m->bandwidth = p->max_bandwidth;
	rc = channel_open(uri, CHANNEL_OUT, &m->channel, e);
	if (!rc) {
		m->part.answers = channel_answers(m->channel);
		m->task = task_begin(connect_peer, m);
		rc = m->task ? 0 : error_set(e, -ENOMEM, "%.200s: the host is out of memory", uri);
	}
	if (rc)
		migration_free(m);
	else
		*out = m;
	return rc;
}

static u64 changed_pages(const struct migration *m)
{
	u64 *bits = m->base ? mem_look_changed(&m->base->look) : NULL, n = 0, i;

	for (i = 0; bits && i < m->d->mem.limit / 64; i++)
		n += (u64)__builtin_popcountll(bits[i]);
	free(bits);
	return n;
}

/* False when the domain that it was about has gone. */
static bool alive(const struct migration *m)
{
	return !m->base || m->base->look.mem;
}

static void fail(struct migration *m, const char *why)
{
	m->status = m->cancelled ? MIGRATE_CANCELLED : MIGRATE_FAILED;
	snprintf(m->why, sizeof m->why, "%s", why);
	m->ended = host_now();
	if (m->left)
		m->ops->stay(m->opaque);
	if (m->stopped_at && alive(m))
		m->d->paused = m->was_paused;
	m->left = false;
	snapshot_base_free(m->base);
	m->base = NULL;
	channel_close(m->channel, NULL);
	m->channel = NULL;
}

/* The guest stands still from here on. */
static void stop(struct migration *m)
{
	m->was_paused = m->d->paused;
	m->d->paused = true;
	m->stopped_at = host_now();
	m->status = MIGRATE_DEVICE;
}

/* Takes what there is to send now, and begins to send it. */
static int begin_round(struct migration *m, bool last, struct error *e)
{
	int rc;

	if (last)
		stop(m);
	rc = m->ops->take(m->opaque, m->base, last, &m->s, e);
	/* What the states' devices had under way has ended now. */
	if (!rc && last)
		rc = m->ops->leave(m->opaque, e);
	m->left = last && !rc;
	if (rc) {
		snapshot_free(&m->s);
		return rc;
	}
	m->last_dirty = m->base ? changed_pages(m) : mem_count(&m->s.mem);
	if (!m->base)
		m->first_pages = m->last_dirty;
	m->part.parent = m->base ? m->digest : NULL;
	m->part.states = last;
	m->part.paused = m->was_paused;
	m->part.codec = IMAGE_RAW;
	snapshot_base_free(m->base);
	m->base = m->s.file;
	m->s.file = NULL;
	m->round_at = host_now();
	m->round_from = m->sent;
	m->rounds++;
	if (!m->base || !(m->task = task_begin(send_part, m))) {
		snapshot_free(&m->s);
		return error_set(e, -ENOMEM, "%.200s: the host is out of memory", m->uri);
	}
	return 0;
}

/* Whether the guest is to stop: what is left goes within the limit, and another round would not make it much less. */
static bool is_time(struct migration *m, u64 limit_ms)
{
	u64 dirty = changed_pages(m), expected = m->rate ? dirty * PAGE_SIZE * 1000 / m->rate : 0;
	bool shrinks = dirty < m->last_dirty / 2;

	if (m->rounds >= ROUNDS_MAX || dirty <= FEW_PAGES)
		return true;
	if (shrinks)
		return false;
	if (expected <= limit_ms)
		return true;
	/* Twice in a row it made as much new as was sent: then it is given less of the processor. */
	if (++m->grows >= 2) {
		m->throttle = m->throttle ? MIN(m->throttle + THROTTLE_MORE, THROTTLE_MOST) : THROTTLE_START;
		m->grows = 0;
	}
	return false;
}

static void complete(struct migration *m)
{
	struct error e = { "" };
	int rc = 0;

	/* From here on it is the peer's, whatever becomes of these bytes. */
	if (m->part.answers)
		channel_write(m->channel, GIVEN_UP, ANSWER_BYTES);
	else
		rc = channel_close(m->channel, &e);
	if (!m->part.answers)
		m->channel = NULL;
	if (rc) {
		fail(m, e.text);
		return;
	}
	m->status = MIGRATE_COMPLETED;
	m->ended = host_now();
	channel_close(m->channel, NULL);
	m->channel = NULL;
	snapshot_base_free(m->base);
	m->base = NULL;
}

static void round_ended(struct migration *m, const struct migrate_parameters *p)
{
	struct error e = { "" };
	u64 took, bytes;
	int rc = task_end(m->task, &e);
	bool connected = m->status == MIGRATE_SETUP, last = m->part.states;

	m->task = NULL;
	snapshot_free(&m->s);
	if (!rc && m->d->end != END_RUNNING)
		rc = error_set(&e, -ESRCH, "%.200s: the guest ended before all of it was sent", m->uri);
	if (rc || m->cancelled) {
		fail(m, e.text);
		return;
	}
	if (last) {
		complete(m);
		return;
	}
	if (connected) {
		m->setup = host_now() - m->started;
		m->status = MIGRATE_ACTIVE;
		rc = begin_round(m, false, &e);
	} else {
		took = MAX(host_now() - m->round_at, 1000u);
		bytes = m->sent - m->round_from;
		if (bytes > 1 << 20 || !m->rate)
			m->rate = bytes * 1000000u / (took / 1000);
		rc = begin_round(m, is_time(m, p->downtime_limit), &e);
	}
	if (rc)
		fail(m, e.text);
}

bool migration_step(struct migration *m, const struct migrate_parameters *p)
{
	if (!m->task)
		return false;
	os_mutex_lock(&m->lock);
	m->bandwidth = p->max_bandwidth;
	os_mutex_unlock(&m->lock);
	/* The guest has the processor while a round is under way, a part of it when it is throttled. */
	if (m->throttle && m->status == MIGRATE_ACTIVE)
		channel_pause(m->channel, MIN(1000000u * m->throttle / (100 - m->throttle), 50000000u));
	/* While the guest stands still nothing else is worth doing. */
	while (m->task && task_done(m->task, m->status == MIGRATE_DEVICE ? AT_ONCE : 0))
		round_ended(m, p);
	return m->task != NULL;
}

void migration_cancel(struct migration *m)
{
	if (!m->task)
		return;
	m->cancelled = true;
	channel_cancel(m->channel);
}

void migration_info(struct migration *m, struct migrate_info *i)
{
	u64 now = m->ended ? m->ended : host_now(), dirty = m->status == MIGRATE_ACTIVE ? changed_pages(m) : 0;

	memset(i, 0, sizeof *i);
	i->status = m->status;
	i->total_time = now - m->started;
	i->setup_time = m->setup;
	os_mutex_lock(&m->lock);
	i->sent = m->sent;
	os_mutex_unlock(&m->lock);
	i->rate = m->rate;
	i->total = m->first_pages;
	i->remaining = m->rounds == 1 && m->status == MIGRATE_ACTIVE ? m->first_pages - MIN(i->sent / PAGE_SIZE, m->first_pages) : dirty;
	i->downtime = m->stopped_at ? now - m->stopped_at : m->rate ? i->remaining * PAGE_SIZE * 1000 / m->rate * 1000000 : 0;
	i->rounds = m->rounds;
	i->throttle = m->throttle;
	snprintf(i->error, sizeof i->error, "%s", m->why);
}

void migration_free(struct migration *m)
{
	if (!m)
		return;
	migration_cancel(m);
	if (m->task) {
		task_end(m->task, NULL);
		m->task = NULL;
		snapshot_free(&m->s);
		fail(m, "");
	}
	snapshot_base_free(m->base);
	channel_close(m->channel, NULL);
	os_mutex_destroy(&m->lock);
	free(m->uri);
	free(m);
}
