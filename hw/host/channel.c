/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/host/channel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "base/os_socket.h"
#include "hw/host/net/stream.h"

struct channel {
	char *spec;
	int fd, listener; /* -1: none */
	int wake[2];      /* woken when all is cancelled, for good */
	FILE *command;
	bool connecting, answers;
	struct net_addr addr;
	struct socket_file file;
};

static const char *after(const char *spec, const char *kind)
{
	size_t n = strlen(kind);

	return strncmp(spec, kind, n) ? NULL : spec + n;
}

bool channel_is_spec(const char *spec)
{
	return after(spec, "tcp:") || after(spec, "unix:") || after(spec, "fd:") || after(spec, "exec:");
}

/* Waits for an event. 0 or -errno. */
static int await(struct channel *c, int fd, short events)
{
	struct os_pollfd p[2] = { { .fd = fd, .events = events }, { .fd = c->wake[0], .events = POLLIN } };

	for (;;) {
		if (os_poll(p, 2, -1) < 0) {
			if (errno != EINTR)
				return -errno;
			continue;
		}
		if (p[1].revents)
			return -ECANCELED;
		if (p[0].revents)
			return 0;
	}
}

/* ---- opening ---- */

static int begin_listen(struct channel *c, struct error *e)
{
	int one = 1, rc = net_clear_stale(c->spec, &c->addr, SOCK_STREAM, e);

	if (rc)
		return rc;
	c->listener = os_socket(c->addr.ss.ss_family, SOCK_STREAM, 0);
	if (c->listener < 0)
		return net_bind_error(c->spec, &c->addr, -errno, e);
	os_prepare(c->listener);
	os_setsockopt(c->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	rc = net_bind(c->listener, &c->addr, &c->file);
	if (!rc && os_listen(c->listener, 1))
		rc = -errno;
	return rc ? net_bind_error(c->spec, &c->addr, rc, e) : 0;
}

static int no_connection(const struct channel *c, int rc, struct error *e)
{
	return error_set(e, rc, "%.200s: nobody can be reached there (%s): begin the other side first, with -incoming", c->spec,
			 os_strerror(-rc));
}

static int begin_connect(struct channel *c, struct error *e)
{
	c->fd = os_socket(c->addr.ss.ss_family, SOCK_STREAM, 0);
	if (c->fd < 0)
		return error_set(e, -errno, "%.200s: no socket to be had (%s)", c->spec, os_strerror(errno));
	os_prepare(c->fd);
	if (!os_connect(c->fd, (const struct sockaddr *)&c->addr.ss, c->addr.len))
		return 0;
	if (errno != EINPROGRESS && errno != EINTR)
		return no_connection(c, -errno, e);
	c->connecting = true;
	return 0;
}

static int begin_command(struct channel *c, const char *command, bool in, struct error *e)
{
	fflush(NULL);
	c->command = popen(command, in ? "r" : "w");
	if (!c->command)
		return error_set(e, -errno, "%.200s: the command cannot be started (%s)", c->spec, os_strerror(errno));
	c->fd = fileno(c->command);
	os_prepare(c->fd);
	return 0;
}

static int inherit(struct channel *c, const char *number, struct error *e)
{
	struct os_stat st;

	c->fd = net_inherit_fd(c->spec, number, e);
	if (c->fd < 0)
		return c->fd;
	c->answers = !os_fstat(c->fd, &st) && st.kind == OS_SOCKET;
	return 0;
}

static int begin(struct channel *c, bool in, struct error *e)
{
	const char *rest;
	int rc;

	if ((rest = after(c->spec, "exec:")))
		return begin_command(c, rest, in, e);
	if ((rest = after(c->spec, "fd:")))
		return inherit(c, rest, e);
	if ((rest = after(c->spec, "tcp:")))
		rc = net_addr_parse(&c->addr, c->spec, rest, SOCK_STREAM, in, e);
	else if ((rest = after(c->spec, "unix:")))
		rc = net_addr_unix(&c->addr, c->spec, rest, e);
	else
		rc = error_set(e, -EINVAL, "%.200s: a guest goes by tcp:HOST:PORT, unix:PATH, fd:NUMBER or exec:COMMAND", c->spec);
	c->answers = true;
	return rc ? rc : in ? begin_listen(c, e) : begin_connect(c, e);
}

int channel_open(const char *spec, enum channel_way way, struct channel **out, struct error *e)
{
	struct channel *c = calloc(1, sizeof *c);
	int rc = -ENOMEM;

	*out = NULL;
	if (c) {
		c->fd = c->listener = -1;
		c->spec = strdup(spec);
		rc = os_wake_open(c->wake);
	}
	if (!c || !c->spec || rc) {
		channel_close(c, NULL);
		return error_set(e, rc ? rc : -ENOMEM, "%.200s: the host is out of memory or of descriptors", spec);
	}
	rc = begin(c, way == CHANNEL_IN, e);
	if (rc)
		channel_close(c, NULL);
	else
		*out = c;
	return rc;
}

int channel_wait(struct channel *c, struct error *e)
{
	int err = 0, one = 1, rc = 0;
	socklen_t len = sizeof err;

	while (c->listener >= 0 && c->fd < 0 && !rc) {
		rc = await(c, c->listener, POLLIN);
		if (rc)
			break;
		c->fd = os_accept(c->listener, NULL, NULL);
		if (c->fd < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR && errno != ECONNABORTED)
			rc = -errno;
	}
	if (rc)
		return error_set(e, rc, "%.200s: no guest came (%s)", c->spec, os_strerror(-rc));
	if (c->listener >= 0) {
		os_prepare(c->fd);
		socket_file_remove(&c->file);
		os_close(c->listener);
		c->listener = -1;
	}
	if (c->connecting) {
		rc = await(c, c->fd, POLLOUT);
		if (!rc && os_getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &len))
			err = errno;
		if (rc || err)
			return no_connection(c, rc ? rc : -err, e);
		c->connecting = false;
	}
	os_setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* no harm where it is no TCP */
	return 0;
}

/* ---- bytes ---- */

ssize_t channel_read(void *opaque, void *p, size_t n)
{
	struct channel *c = opaque;
	size_t done = 0;

	while (done < n) {
		int rc = await(c, c->fd, POLLIN);
		ssize_t got;

		if (rc)
			return rc;
		got = os_read(c->fd, (u8 *)p + done, n - done);
		if (!got)
			break;
		if (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (got > 0)
			done += (size_t)got;
	}
	return (ssize_t)done;
}

int channel_write(void *opaque, const void *p, size_t n)
{
	struct channel *c = opaque;
	const u8 *from = p;

	while (n) {
		int rc = await(c, c->fd, POLLOUT);
		ssize_t did;

		if (rc)
			return rc;
		did = c->answers ? os_send(c->fd, from, n) : os_write(c->fd, from, n);
		if (did < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (did > 0) {
			from += did;
			n -= (size_t)did;
		}
	}
	return 0;
}

int channel_pause(struct channel *c, u64 ns)
{
	struct os_pollfd p = { .fd = c->wake[0], .events = POLLIN };

	return os_poll(&p, 1, (i64)ns) > 0 ? -ECANCELED : 0;
}

bool channel_answers(const struct channel *c)
{
	return c->answers;
}

void channel_cancel(struct channel *c)
{
	os_wake(c->wake[1]);
}

int channel_close(struct channel *c, struct error *e)
{
	int rc = 0;

	if (!c)
		return 0;
	if (c->command) {
		if (pclose(c->command))
			rc = error_set(e, -EIO, "%.200s: the command failed", c->spec);
	} else if (c->fd >= 0) {
		os_close(c->fd);
	}
	if (c->listener >= 0) {
		socket_file_remove(&c->file);
		os_close(c->listener);
	}
	if (c->wake[0] || c->wake[1])
		os_wake_close(c->wake);
	free(c->spec);
	free(c);
	return rc;
}
