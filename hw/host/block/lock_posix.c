/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Locks on image files, so that two processes do not write one image: open file description locks on the bytes where
 * QEMU has its own (block/file-posix.c), so that the two see each other; flock() where the host has none of those.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* F_OFD_SETLK */
#endif
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "hw/host/block/impl.h"

#if defined(F_OFD_SETLK) && defined(F_OFD_GETLK)

/* A byte is locked for each thing the opener does, and for each that it does not want others to do. */
#define DOES_BASE 100
#define FORBIDS_BASE 200
enum { PERM_READ = 0, PERM_WRITE = 1, PERM_RESIZE = 3 };

static int hold(int fd, off_t byte)
{
	struct flock l = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };

	if (!fcntl(fd, F_OFD_SETLK, &l))
		return 0;
	return errno == EAGAIN || errno == EACCES ? -EBUSY : -ENOTSUP;
}

/* -EBUSY when another opener holds the byte. */
static int held(int fd, off_t byte)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };

	if (fcntl(fd, F_OFD_GETLK, &l))
		return 0;
	return l.l_type == F_UNLCK ? 0 : -EBUSY;
}

int block_file_lock(int fd, bool writer)
{
	static const u8 changes[] = { PERM_WRITE, PERM_RESIZE };
	int rc = hold(fd, DOES_BASE + PERM_READ);
	size_t i;

	/* First locked, then looked: of two that come at once at least one sees the other. */
	for (i = 0; !rc && i < ARRAY_SIZE(changes); i++) {
		rc = hold(fd, FORBIDS_BASE + changes[i]);
		if (!rc && writer)
			rc = hold(fd, DOES_BASE + changes[i]);
	}
	for (i = 0; !rc && i < ARRAY_SIZE(changes); i++) {
		rc = held(fd, DOES_BASE + changes[i]);
		if (!rc && writer)
			rc = held(fd, FORBIDS_BASE + changes[i]);
	}
	if (!rc)
		rc = held(fd, FORBIDS_BASE + PERM_READ);
	return rc == -ENOTSUP ? 0 : rc;
}

void block_file_unlock(int fd)
{
	struct flock l = { .l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = DOES_BASE, .l_len = 2 * (FORBIDS_BASE - DOES_BASE) };

	fcntl(fd, F_OFD_SETLK, &l);
}

#elif defined(LOCK_EX)

int block_file_lock(int fd, bool writer)
{
	if (!flock(fd, (writer ? LOCK_EX : LOCK_SH) | LOCK_NB))
		return 0;
	return errno == EWOULDBLOCK ? -EBUSY : 0;
}

void block_file_unlock(int fd)
{
	flock(fd, LOCK_UN);
}

#else

int block_file_lock(int fd, bool writer)
{
	return 0;
}

void block_file_unlock(int fd)
{
}

#endif
