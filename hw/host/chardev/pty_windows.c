/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Windows has no pseudo-terminals that another program could open by name.
 */
#include <errno.h>

#include "hw/host/chardev/impl.h"

static int pty_open(struct chardev *cd, const char *arg, struct error *e)
{
	return error_set(e, -ENOSYS, "pty: this system has no pseudo-terminals: use tcp:HOST:PORT,server=on");
}

static void pty_close(struct chardev *cd)
{
}

static bool pty_is_live(const struct chardev *cd)
{
	return false;
}

const struct chardev_kind chardev_pty = { .open = pty_open, .close = pty_close, .is_live = pty_is_live };
