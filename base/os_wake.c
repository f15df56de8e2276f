/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Waking somebody who waits for descriptors: a byte in a pipe.
 */
#include <errno.h>

#include "base/os_socket.h"

int os_wake_open(int fd[2])
{
	if (os_pipe(fd)) {
		fd[0] = fd[1] = -1;
		return -errno;
	}
	os_prepare(fd[0]);
	os_prepare(fd[1]);
	return 0;
}

void os_wake(int fd)
{
	int saved = errno;
	ssize_t n;

	do
		n = os_write(fd, "", 1);
	while (n < 0 && errno == EINTR); /* a full pipe wakes just as well */
	errno = saved;
}

void os_wake_clear(int fd)
{
	char sink[64];

	while (os_read(fd, sink, sizeof sink) > 0)
		;
}

void os_wake_close(int fd[2])
{
	int i;

	for (i = 0; i < 2; i++)
		if (fd[i] >= 0)
			os_close(fd[i]);
	fd[0] = fd[1] = -1;
}
