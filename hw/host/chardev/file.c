/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Character devices that only take output: file:PATH (made or emptied, then written) and null.
 */
#include <errno.h>
#include <string.h>

#include "base/os_file.h"
#include "hw/host/chardev/impl.h"

static int file_open(struct chardev *cd, const char *arg, struct error *e)
{
	int fd, rc;

	if (!*arg)
		return error_set(e, -EINVAL, "file: needs a path after it, as in file:console.log");
	fd = os_open(arg, O_WRONLY | O_CREAT | O_TRUNC, 0666);
	if (fd < 0) {
		rc = -errno;
		return error_set(e, rc, "%.200s: cannot be written (%s): name a file in a directory you may write to",
				 cd->spec, strerror(-rc));
	}
	rc = chardev_start(cd, -1, fd);
	if (rc) {
		os_close(fd);
		return error_set(e, rc, "%.200s: the host is out of memory", cd->spec);
	}
	return 0;
}

static ssize_t file_send(struct chardev *cd, const u8 *p, size_t n)
{
	ssize_t done = os_write(cd->wfd, p, n);

	return done < 0 ? -errno : done;
}

/* Some file systems find out at the end that they are full. */
static void file_close(struct chardev *cd)
{
	if (cd->wfd >= 0 && os_close(cd->wfd) && !cd->lost) {
		msg_warn("%.200s: writing failed (%s); not all that the guest printed is in it", cd->spec, strerror(errno));
		cd->lost = true;
	}
}

static void file_hangup(struct chardev *cd, bool output)
{
	msg_warn("%.200s: writing failed (%s); what the guest prints from here on is lost", cd->spec, strerror(errno));
	cd->lost = true;
	file_close(cd);
	chardev_stop(cd);
}

static int null_open(struct chardev *cd, const char *arg, struct error *e)
{
	return 0;
}

static void null_close(struct chardev *cd)
{
}

static bool never_live(const struct chardev *cd)
{
	return false;
}

const struct chardev_kind chardev_file = {
	.open = file_open,
	.hangup = file_hangup,
	.close = file_close,
	.is_live = never_live,
	.send = file_send,
	.close_wait = 5000000000,
};

const struct chardev_kind chardev_null = {
	.open = null_open,
	.close = null_close,
	.is_live = never_live,
};
