/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Character devices: the queue to the peer, back-pressure from the guest, and the list of kinds.
 */
#include "hw/host/chardev/chardev.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "base/os_file.h"
#include "hw/host/chardev/impl.h"
#include "hw/host/signals.h"

#define HURRY 500000000 /* ns for the last output once somebody asked to end */

static const struct {
	const char *prefix;
	const struct chardev_kind *kind;
	enum mux_state mux;
	bool whole; /* nothing may follow the prefix */
} kinds[] = {
	{ "stdio", &chardev_stdio, MUX_OFF, true }, { "mon:stdio", &chardev_stdio, MUX_PLAIN, true },
	{ "pty", &chardev_pty, MUX_OFF, true },     { "null", &chardev_null, MUX_OFF, true },
	{ "none", &chardev_null, MUX_OFF, true },   { "file:", &chardev_file, MUX_OFF, false },
	{ "unix:", &chardev_unix, MUX_OFF, false }, { "tcp:", &chardev_tcp, MUX_OFF, false },
};

struct chardev *chardev_open(const char *spec, const struct chardev_env *env, struct error *e)
{
	struct chardev *cd;
	size_t i, len = 0;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		len = strlen(kinds[i].prefix);
		if (kinds[i].whole ? !strcmp(spec, kinds[i].prefix) : !strncmp(spec, kinds[i].prefix, len))
			break;
	}
	if (i == ARRAY_SIZE(kinds)) {
		error_set(e, -EINVAL,
			  "'%.100s' is no kind of character device: use stdio, mon:stdio, pty, file:PATH, unix:PATH, "
			  "tcp:HOST:PORT or null",
			  spec);
		return NULL;
	}
	cd = calloc(1, sizeof *cd);
	if (!cd || !(cd->spec = strdup(spec))) {
		free(cd);
		error_set(e, -ENOMEM, "%.100s: the host is out of memory", spec);
		return NULL;
	}
	cd->kind = kinds[i].kind;
	cd->mux = kinds[i].mux;
	cd->env = *env;
	cd->rfd = cd->wfd = cd->listen_fd = -1;
	if (cd->kind->open(cd, spec + len, e)) {
		chardev_close(cd);
		return NULL;
	}
	return cd;
}

bool chardev_late(const struct chardev *cd)
{
	return cd->env.late && cd->env.late(cd->env.opaque);
}

int chardev_wait(struct chardev *cd, int fd, u32 events)
{
	for (;;) {
		int rc = poll_one(cd->env.poll, fd, events, cd->env.late ? CHARDEV_LOOK : -1);

		if (chardev_late(cd))
			return -EINTR;
		if (!rc)
			continue;
		if (rc != -EINTR || !cd->env.signals || *signals_quit_flag(cd->env.signals))
			return rc;
		/* Woken, but not to end (a stop and a continue, a question for progress): eat the wake and wait on. */
		poll_wait(cd->env.poll, 0);
	}
}

static size_t unsent(const struct chardev *cd)
{
	return cd->out.len - cd->out_at;
}

static void forget_output(struct chardev *cd, size_t n)
{
	cd->out_at += n;
	if (cd->out_at == cd->out.len) {
		cd->out_at = cd->out.len = 0;
	} else if (cd->out_at > cd->out.len / 2) {
		memmove(cd->out.p, cd->out.p + cd->out_at, unsent(cd));
		cd->out.len -= cd->out_at;
		cd->out_at = 0;
	}
}

static void queue(struct chardev *cd, const u8 *p, size_t n)
{
	buf_put(&cd->out, p, n);
	cd->out.failed = false; /* the host is out of memory: this piece is lost, later ones may not be */
}

static void tell_room(struct chardev *cd)
{
	if (!cd->full || unsent(cd) > CHARDEV_QUEUE_MAX / 2)
		return;
	cd->full = false;
	if (cd->room)
		cd->room(cd->room_opaque);
}

/* Sends what can be sent without waiting. */
static void flush(struct chardev *cd)
{
	while (cd->connected && unsent(cd)) {
		ssize_t n = cd->kind->send(cd, cd->out.p + cd->out_at, unsent(cd));

		if (n > 0)
			forget_output(cd, (size_t)n);
		else if (n == -EAGAIN || n == -EINTR)
			break;
		else
			cd->kind->hangup(cd, true);
	}
	if (cd->wit)
		poll_change(cd->env.poll, cd->wit, POLL_WRITABLE, !unsent(cd));
	tell_room(cd);
}

static void tell_drained(struct chardev *cd)
{
	if (!unsent(cd) && cd->watcher && cd->watcher->drained)
		cd->watcher->drained(cd->watcher_opaque);
}

void chardev_write(struct chardev *cd, const void *p, size_t n)
{
	const u8 *bytes = p;
	bool idle = !unsent(cd);

	if (!cd->connected) {
		if (n > cd->kind->backlog) {
			bytes += n - cd->kind->backlog;
			n = cd->kind->backlog;
		}
		if (n && unsent(cd) + n > cd->kind->backlog)
			forget_output(cd, unsent(cd) + n - cd->kind->backlog);
		if (n)
			queue(cd, bytes, n);
		return;
	}
	queue(cd, bytes, n);
	if (idle) /* else the peer has no room: the loop hears when it has */
		flush(cd);
	cd->full |= unsent(cd) > CHARDEV_QUEUE_MAX;
}

bool chardev_full(const struct chardev *cd)
{
	return cd->full;
}

void chardev_on_room(struct chardev *cd, void (*room)(void *opaque), void *opaque)
{
	cd->room = room;
	cd->room_opaque = opaque;
}

static size_t client_room(const struct chardev *cd)
{
	return cd->client ? cd->client->can_receive(cd->client_opaque) : 0;
}

/* With the second reader at the keys everything is read: it drops what it has no room for. */
static bool reads_on(const struct chardev *cd)
{
	return cd->keen || cd->focus;
}

/* Hands kept input to the client as far as it has room. */
static void deliver(struct chardev *cd)
{
	size_t done = 0, room;

	while (done < cd->in.len && (room = client_room(cd)) > 0) {
		size_t n = MIN(room, cd->in.len - done);

		cd->client->receive(cd->client_opaque, cd->in.p + done, n);
		done += n;
	}
	if (done) {
		memmove(cd->in.p, cd->in.p + done, cd->in.len - done);
		cd->in.len -= done;
	}
}

static void on_readable(void *opaque, u32 events)
{
	struct chardev *cd = opaque;
	u8 bytes[4096];
	size_t want = sizeof bytes;
	ssize_t n;

	if (!reads_on(cd)) {
		size_t room = client_room(cd);

		if (!room) {
			poll_change(cd->env.poll, cd->rit, 0, true);
			return;
		}
		want = MIN(want, room);
	}
	n = os_read(cd->rfd, bytes, want);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		cd->kind->hangup(cd, false);
		return;
	}
	if (cd->mux != MUX_OFF)
		n = (ssize_t)chardev_mux_filter(cd, bytes, (size_t)n);
	/* Keys for a guest that does not listen are kept up to a limit, then lost: Ctrl-A must go on working. */
	if (cd->in.len + (size_t)n <= CHARDEV_BACKLOG_MAX)
		buf_put(&cd->in, bytes, (size_t)n);
	cd->in.failed = false;
	deliver(cd);
}

static void on_writable(void *opaque, u32 events)
{
	struct chardev *cd = opaque;

	flush(cd);
	tell_drained(cd);
}

int chardev_start(struct chardev *cd, int rfd, int wfd)
{
	cd->rfd = rfd;
	cd->wfd = wfd;
	cd->rit = rfd >= 0 ? poll_add(cd->env.poll, rfd, POLL_READABLE, on_readable, cd) : NULL;
	cd->wit = wfd >= 0 ? poll_add(cd->env.poll, wfd, POLL_WRITABLE, on_writable, cd) : NULL;
	if ((rfd >= 0 && !cd->rit) || (wfd >= 0 && !cd->wit)) {
		chardev_stop(cd);
		return -ENOMEM;
	}
	cd->connected = wfd >= 0;
	flush(cd);
	if (cd->connected && cd->watcher && cd->watcher->connected)
		cd->watcher->connected(cd->watcher_opaque);
	return 0;
}

void chardev_watch(struct chardev *cd, const struct chardev_watcher *w, void *opaque)
{
	cd->watcher = w;
	cd->watcher_opaque = opaque;
	if (w && w->connected && cd->connected)
		w->connected(opaque);
}

size_t chardev_unsent(const struct chardev *cd)
{
	return unsent(cd);
}

bool chardev_is_terminal(const struct chardev *cd)
{
	return cd->tty || cd->kind == &chardev_pty;
}

bool chardev_has_mux(const struct chardev *cd)
{
	return cd->mux != MUX_OFF;
}

void chardev_set_second(struct chardev *cd, const struct chardev_second *second, void *opaque)
{
	cd->second = second;
	cd->second_opaque = opaque;
	if (!second)
		cd->focus = false;
}

void chardev_stop_input(struct chardev *cd)
{
	poll_remove(cd->env.poll, cd->rit);
	cd->rit = NULL;
	cd->rfd = -1;
}

void chardev_stop(struct chardev *cd)
{
	chardev_stop_input(cd);
	poll_remove(cd->env.poll, cd->wit);
	cd->wit = NULL;
	cd->wfd = -1;
	cd->connected = false;
	if (unsent(cd) > cd->kind->backlog)
		forget_output(cd, unsent(cd) - cd->kind->backlog);
	tell_room(cd);
}

void chardev_set_client(struct chardev *cd, const struct chardev_client *client, void *opaque)
{
	cd->client = client;
	cd->client_opaque = opaque;
	chardev_accept_input(cd);
}

void chardev_accept_input(struct chardev *cd)
{
	deliver(cd);
	if (cd->rit && (reads_on(cd) || client_room(cd)))
		poll_change(cd->env.poll, cd->rit, POLL_READABLE, false);
}

bool chardev_is_live(const struct chardev *cd)
{
	return cd->in.len || cd->kind->is_live(cd);
}

const char *chardev_path(const struct chardev *cd)
{
	return cd->path;
}

bool chardev_is_own_terminal(const struct chardev *cd)
{
	return cd->tty && cd->kind == &chardev_stdio && os_is_terminal(2);
}

bool chardev_close(struct chardev *cd)
{
	bool whole;
	i64 left;
	u64 end;

	if (!cd)
		return true;
	cd->room = NULL;
	left = cd->kind->close_wait;
	if (left < 0 && cd->env.signals && *signals_quit_flag(cd->env.signals))
		left = HURRY; /* a peer that has stopped reading must not hold up who was told to end */
	end = host_now() + (u64)MAX(left, 0);
	flush(cd);
	while (cd->connected && unsent(cd)) {
		struct poll_set *ps = left < 0 ? cd->env.poll : NULL;
		i64 wait = left < 0 && cd->env.late ? CHARDEV_LOOK : left;

		if (poll_one(ps, cd->wfd, POLL_WRITABLE, wait) == -EINTR || (left < 0 && chardev_late(cd))) {
			left = HURRY;
			end = host_now() + (u64)left;
		}
		flush(cd);
		if (left >= 0) {
			u64 now = host_now();

			if (now >= end)
				break;
			left = (i64)(end - now);
		}
	}
	cd->kind->close(cd);
	poll_remove(cd->env.poll, cd->listen_it);
	poll_remove(cd->env.poll, cd->timer);
	chardev_stop(cd);
	buf_free(&cd->out);
	buf_free(&cd->in);
	free(cd->path);
	whole = !cd->lost;
	free(cd->spec);
	free(cd);
	return whole;
}
