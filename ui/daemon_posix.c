/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -daemonize and -pidfile (POSIX fork, setsid, fcntl locks). The working directory is kept: a reboot reads the guest's
 * files again, and their names may be relative. Left out: Windows.
 */
#include "ui/daemon.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hw/host/signals.h"

#ifndef O_CLOEXEC
#define O_CLOEXEC 0
#endif

/* The one that was started waits for a byte, or for the other's end. */
static void wait_and_exit(int fd, pid_t child)
{
	int status = 0;
	ssize_t n;
	char c;

	do
		n = read(fd, &c, 1);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		_exit(0);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	/* It ended before the guest ran: its sentence has been said. */
	_exit(WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : 1);
}

int daemon_start(struct daemon *d, struct signals *signals, struct error *e)
{
	int ends[2], rc;
	pid_t child;

	if (pipe(ends))
		return error_set(e, -errno, "-daemonize: the host has no descriptors left (%s)", strerror(errno));
	fflush(NULL);
	child = fork();
	if (child < 0) {
		rc = -errno;
		close(ends[0]);
		close(ends[1]);
		return error_set(e, rc, "-daemonize: the host starts no further process (%s)", strerror(-rc));
	}
	if (child) {
		close(ends[1]);
		signals_close(signals);
		wait_and_exit(ends[0], child);
	}
	close(ends[0]);
	fcntl(ends[1], F_SETFD, FD_CLOEXEC);
	d->ready = ends[1];
	setsid();
	return 0;
}

/* A descriptor, or -errno with a sentence. */
static int open_locked(const char *path, struct error *e)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0644), rc;
	struct stat st;

	if (fd < 0)
		return error_set(e, -errno, "-pidfile %.200s: cannot be written (%s): name a file in a directory you may write to", path,
				 strerror(errno));
	/* It is emptied, and removed at the end. */
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return error_set(e, -EINVAL, "-pidfile %.200s: it is no plain file: name another, which is made", path);
	}
	if (fcntl(fd, F_SETLK, &lock)) {
		rc = -errno;
		close(fd);
		return error_set(e, rc, "-pidfile %.200s: another process has it: end that one, or name another file", path);
	}
	return fd;
}

/* The path still leads to what we have open. */
static bool still_ours(const struct daemon *d)
{
	struct stat there, open;

	return !stat(d->pid_path, &there) && !fstat(d->pid_fd, &open) && there.st_dev == open.st_dev && there.st_ino == open.st_ino;
}

int daemon_pidfile(struct daemon *d, const char *path, struct error *e)
{
	char text[24];
	int fd, n, rc;

	do {
		fd = open_locked(path, e);
		if (fd < 0)
			return fd;
		d->pid_fd = fd;
		d->pid_path = path;
		/* Whoever had the lock before us may have removed the file since we opened it. */
		if (!still_ours(d)) {
			close(fd);
			d->pid_fd = -1;
		}
	} while (d->pid_fd < 0);
	n = snprintf(text, sizeof text, "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) || write(fd, text, (size_t)n) != n) {
		rc = errno ? -errno : -EIO;
		daemon_end(d);
		return error_set(e, rc, "-pidfile %.200s: cannot be written (%s)", path, strerror(-rc));
	}
	return 0;
}

void daemon_ready(struct daemon *d)
{
	int null;

	if (d->ready < 0)
		return;
	null = open("/dev/null", O_RDWR);
	if (null >= 0) {
		fflush(NULL);
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		if (null > STDERR_FILENO)
			close(null);
	}
	/* If nobody waits any more, nobody need know. */
	if (write(d->ready, "", 1) < 0)
		errno = 0;
	close(d->ready);
	d->ready = -1;
}

void daemon_end(struct daemon *d)
{
	if (d->pid_fd < 0)
		return;
	if (still_ours(d))
		unlink(d->pid_path);
	close(d->pid_fd);
	d->pid_fd = -1;
}
