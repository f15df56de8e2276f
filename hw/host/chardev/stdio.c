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

#include "base/os.h"
#include "base/os_socket.h"
#include "hw/host/chardev/impl.h"
#include "hw/host/signals.h"

#ifndef PIPE_BUF
#define PIPE_BUF 512
#endif

enum { STDIN = 0, STDOUT = 1 };

static int stdio_open(struct chardev *cd, const char *arg, struct error *e)
{
	struct os_stat st;
	bool input = !os_fstat(STDIN, &st);
	bool output = !os_fstat(STDOUT, &st);
	int rc, rfd = -1;

	cd->tty = input && os_is_terminal(STDIN);
	if (cd->tty) {
		/* In raw mode Ctrl-C is the guest's: plain stdio must have a way out as well. A monitor has its own. */
		if (cd->env.quit) {
			cd->mux = MUX_PLAIN;
			cd->keen = true;
		}
		rc = cd->env.signals ? signals_raw_tty(cd->env.signals, STDIN) : 0;
		if (rc)
			return error_set(
				e, rc,
				"%s: the terminal cannot be set up (%s): redirect standard input, or use -serial pty",
				cd->spec, strerror(-rc));
	}
	rc = input && !(cd->input = os_stdin_open(&rfd)) ? -ENOMEM : chardev_start(cd, rfd, output ? STDOUT : -1);
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
	done = os_write(cd->wfd, p, MIN(n, PIPE_BUF));
	return done < 0 ? -errno : done;
}

static void stdio_hangup(struct chardev *cd, bool output)
{
	if (output) {
		bool monitor = cd->env.label && !strncmp(cd->env.label, "monitor", 7);
		int rfd = cd->rfd;

		msg_warn("standard output cannot be written (%s): what %s from here on is lost", strerror(errno),
			 monitor ? "the monitor says" : "the guest prints");
		cd->lost = true;
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
		signals_release_tty(cd->env.signals, STDIN);
	chardev_stop_input(cd);
	os_stdin_close(cd->input);
}

static bool stdio_is_live(const struct chardev *cd)
{
	struct os_stat st;

	if (cd->eof || os_fstat(STDIN, &st))
		return false;
	/* A regular file or /dev/null is all there already. */
	return cd->tty || st.kind == OS_STREAM || st.kind == OS_SOCKET;
}

const struct chardev_kind chardev_stdio = {
	.open = stdio_open,
	.hangup = stdio_hangup,
	.close = stdio_close,
	.is_live = stdio_is_live,
	.send = stdio_send,
	.close_wait = -1,
};
