/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For LD_PRELOAD: the third fdatasync() fails, and only that one, as Linux tells it. */
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

int fdatasync(int fd)
{
	static int calls;

	if (__atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED) == 3) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}
