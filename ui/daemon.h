/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -daemonize and -pidfile (QEMU's invocation manual): a program in the background, and a file that names its process.
 */
#ifndef UI_DAEMON_H
#define UI_DAEMON_H

#include "base/log.h"
#include "base/types.h"

struct signals;

struct daemon {
	int ready;   /* tells whoever started us that the guest runs; -1: nobody waits */
	int pid_fd;  /* of the pid file, which is locked; -1: none */
	const char *pid_path;
};

/*
 * Goes into the background, while the caller of the program waits for daemon_ready(). 0 in the new process, or -errno with a
 * sentence. In the one that waited it does not return: it closes signals, and exits with 0 when the guest runs, and else as the
 * other did.
 */
int daemon_start(struct daemon *d, struct signals *signals, struct error *e);
/* Writes the process's number to a file, which is the program's until the end. 0, or -errno with a sentence. path is kept. */
int daemon_pidfile(struct daemon *d, const char *path, struct error *e);
/* The guest is there: whoever waits may go, and standard input, output and error lead nowhere from now on. */
void daemon_ready(struct daemon *d);
/* Removes the pid file, if it is still ours. */
void daemon_end(struct daemon *d);

#endif
