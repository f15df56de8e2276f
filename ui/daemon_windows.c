/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -daemonize and -pidfile on Windows: there is neither.
 */
#include "ui/daemon.h"

#include <errno.h>

int daemon_start(struct daemon *d, struct signals *signals, struct error *e)
{
	return error_set(e, -ENOSYS, "-daemonize: this system has no such thing: start the program in the background");
}

int daemon_pidfile(struct daemon *d, const char *path, struct error *e)
{
	return error_set(e, -ENOSYS, "-pidfile %.200s: not supported on this system: leave it out", path);
}

void daemon_ready(struct daemon *d)
{
}

void daemon_end(struct daemon *d)
{
}
