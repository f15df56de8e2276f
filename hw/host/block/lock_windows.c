/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Locks on image files, so that two processes do not write one image (Win32 LockFileEx()). Nobody may read or write what
 * is locked, so the lock is on a byte where no image has any. QEMU does not see it, nor we its.
 */
#include <errno.h>

#include "base/os_windows.h"
#include "hw/host/block/impl.h"

int block_file_lock(int fd, bool writer)
{
	OVERLAPPED at = { .Offset = 0, .OffsetHigh = 0x40000000 };
	HANDLE h = os_handle_of(fd);

	if (h == INVALID_HANDLE_VALUE ||
	    LockFileEx(h, LOCKFILE_FAIL_IMMEDIATELY | (writer ? LOCKFILE_EXCLUSIVE_LOCK : 0u), 0, 1, 0, &at))
		return 0;
	return os_errno_of(GetLastError()) == EBUSY ? -EBUSY : 0;
}

void block_file_unlock(int fd)
{
	OVERLAPPED at = { .Offset = 0, .OffsetHigh = 0x40000000 };
	HANDLE h = os_handle_of(fd);

	if (h != INVALID_HANDLE_VALUE)
		UnlockFileEx(h, 0, 1, 0, &at);
}
