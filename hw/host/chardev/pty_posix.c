/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A pseudo-terminal as a character device (POSIX posix_openpt()); the peer opens its other side and may come and go.
 *
 * poll() reports POLLHUP for as long as nobody has the other side open, so then the descriptor is not in the set and a
 * timer looks now and then.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "hw/host/chardev/impl.h"

#define LOOK_EVERY 50000000u /* ns between looks for a peer */

/* The master lies in listen_fd all the time; rfd and wfd are set while a peer is there. */

static void pty_look(void *opaque, u32 events)
{
	struct chardev *cd = opaque;

	if (!cd->connected && !(poll_one(NULL, cd->listen_fd, POLL_READABLE, 0) & POLL_GONE))
		chardev_start(cd, cd->listen_fd, cd->listen_fd);
}

static int pty_open(struct chardev *cd, const char *arg, struct error *e)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave = -1, rc;
	struct termios t;
	const char *name = NULL;

	cd->listen_fd = master;
	if (master < 0 || grantpt(master) || unlockpt(master) || !(name = ptsname(master)) ||
	    (slave = open(name, O_RDWR | O_NOCTTY)) < 0) {
		rc = -errno;
		return error_set(e, rc,
				 "pty: no pseudo-terminal to be had (%s): use unix:PATH,server or tcp:HOST:PORT,server",
				 strerror(-rc));
	}
	/* Raw, or what the guest prints before a peer comes would be echoed back to it. */
	if (!tcgetattr(slave, &t)) {
		t.c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
		t.c_oflag &= ~(tcflag_t)OPOST;
		t.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
		tcsetattr(slave, TCSANOW, &t);
	}
	close(slave);
	fcntl(master, F_SETFL, fcntl(master, F_GETFL) | O_NONBLOCK);
	fcntl(master, F_SETFD, FD_CLOEXEC);
	cd->path = strdup(name);
	cd->timer = poll_every(cd->env.poll, LOOK_EVERY, pty_look, cd);
	if (!cd->path || !cd->timer)
		return error_set(e, -ENOMEM, "pty: the host is out of memory");
	printf("char device redirected to %s (label %s)\n", cd->path, cd->env.label);
	fflush(stdout);
	return 0;
}

static ssize_t pty_send(struct chardev *cd, const u8 *p, size_t n)
{
	ssize_t done;

	if (poll_one(NULL, cd->wfd, POLL_WRITABLE, 0) & POLL_GONE)
		return -EIO;
	done = write(cd->wfd, p, n);
	return done < 0 ? -errno : done;
}

static void pty_hangup(struct chardev *cd, bool output)
{
	chardev_stop(cd);
}

/* Waits a moment for a peer that is still reading: closing the master throws away what it has not read. */
static void pty_linger(struct chardev *cd)
{
	struct timespec nap = { 0, 10000000 };
	int slave = open(cd->path, O_RDWR | O_NOCTTY), unread = 0, i;

	for (i = 0; slave >= 0 && i < 100 && !ioctl(slave, FIONREAD, &unread) && unread > 0; i++)
		nanosleep(&nap, NULL);
	if (slave >= 0)
		close(slave);
}

static void pty_close(struct chardev *cd)
{
	if (cd->connected)
		pty_linger(cd);
	if (cd->listen_fd >= 0)
		close(cd->listen_fd);
}
static bool pty_is_live(const struct chardev *cd)
{
	return true; /* somebody can open it at any time */
}

const struct chardev_kind chardev_pty = {
	.open = pty_open,
	.hangup = pty_hangup,
	.close = pty_close,
	.is_live = pty_is_live,
	.send = pty_send,
	.backlog = CHARDEV_BACKLOG_MAX,
	.close_wait = 1000000000,
};
