/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The program's own standard input and output as a character device; a terminal goes raw while it is open.
 *
 * The descriptors are never made non-blocking: that flag belongs to the open file, which the shell and stderr share,
 * and would outlive us. Instead nothing is read or written before poll() says that it will not block.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hw/host/chardev_impl.h"
#include "hw/host/signals.h"

#ifndef PIPE_BUF
#define PIPE_BUF 512
#endif

static int stdio_open(struct chardev *cd, const char *arg, struct error *e)
{
	struct stat st;
	bool input = !fstat(STDIN_FILENO, &st);
	bool output = !fstat(STDOUT_FILENO, &st);
	int rc;

	cd->tty = input && isatty(STDIN_FILENO);
	if (cd->tty) {
		/* In raw mode Ctrl-C is the guest's: plain stdio must have a way out as well. A monitor has its own. */
		if (cd->env.quit) {
			cd->mux = MUX_PLAIN;
			cd->keen = true;
		}
		rc = cd->env.signals ? signals_raw_tty(cd->env.signals, STDIN_FILENO) : 0;
		if (rc)
			return error_set(
				e, rc,
				"%s: the terminal cannot be set up (%s): redirect standard input, or use -serial pty",
				cd->spec, strerror(-rc));
	}
	rc = chardev_start(cd, input ? STDIN_FILENO : -1, output ? STDOUT_FILENO : -1);
	if (rc)
		return error_set(e, rc, "%s: the host is out of memory", cd->spec);
	cd->eof = !input;
	return 0;
}

static ssize_t stdio_send(struct chardev *cd, const u8 *p, size_t n)
{
	ssize_t done;

	if (!poll_one(NULL, cd->wfd, POLL_WRITABLE, 0))
		return -EAGAIN;
	done = write(cd->wfd, p, MIN(n, PIPE_BUF));
	return done < 0 ? -errno : done;
}

static void stdio_hangup(struct chardev *cd, bool output)
{
	if (output) {
		int rfd = cd->rfd;

		/* Nobody reads any more (head, less): input goes on. */
		chardev_stop(cd);
		if (rfd >= 0 && chardev_start(cd, rfd, -1))
			cd->eof = true;
	} else {
		chardev_stop_input(cd);
		cd->eof = true;
	}
}

static void stdio_close(struct chardev *cd)
{
	if (cd->tty && cd->env.signals)
		signals_release_tty(cd->env.signals, STDIN_FILENO);
}

static bool stdio_is_live(const struct chardev *cd)
{
	struct stat st;

	if (cd->eof || fstat(STDIN_FILENO, &st))
		return false;
	if (cd->tty || S_ISFIFO(st.st_mode))
		return true;
#ifdef S_ISSOCK
	if (S_ISSOCK(st.st_mode))
		return true;
#endif
	return false; /* a regular file or /dev/null is all there already */
}

const struct chardev_kind chardev_stdio = {
	.open = stdio_open,
	.hangup = stdio_hangup,
	.close = stdio_close,
	.is_live = stdio_is_live,
	.send = stdio_send,
	.close_wait = -1,
};
