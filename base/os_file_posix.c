/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files on POSIX systems, and what Linux, the BSDs and macOS add to them.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* fallocate(), preadv() */
#endif
#include "base/os_file.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#if defined(__linux__) && __has_include(<linux/fs.h>)
#include <linux/fs.h> /* BLKSSZGET, where the C library comes with the kernel's headers */
#endif

int os_open(const char *path, int flags, int mode)
{
	return open(path, flags | O_CLOEXEC, mode);
}

FILE *os_fopen(const char *path, const char *mode)
{
	int how = *mode == 'r' ? 0 : *mode == 'w' ? O_CREAT | O_TRUNC : O_CREAT | O_APPEND;
	int access = strchr(mode, '+') ? O_RDWR : *mode == 'r' ? O_RDONLY : O_WRONLY;
	int fd = os_open(path, how | access | O_NONBLOCK | O_NOCTTY, 0666), flags;
	FILE *f;

	if (fd < 0)
		return NULL;
	/* Only opening is not to wait. */
	flags = fcntl(fd, F_GETFL);
	fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
	f = fdopen(fd, mode);
	if (!f)
		close(fd);
	return f;
}

const char *os_open_error(int err)
{
	return err == ENXIO ? "nobody reads this FIFO" : strerror(err);
}

int os_open_some(const char *path)
{
	return os_open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
}

ssize_t os_read_some(int fd, void *p, size_t n, u64 ns)
{
	struct pollfd some = { .fd = fd, .events = POLLIN };
	int rc = poll(&some, 1, (int)MIN(ns / 1000000, 1u << 30));

	if (rc <= 0) {
		errno = EAGAIN; /* a signal is a reason to look around, too */
		return -1;
	}
	return read(fd, p, n);
}

int os_close(int fd)
{
	return close(fd);
}

ssize_t os_read(int fd, void *p, size_t n)
{
	return read(fd, p, n);
}

ssize_t os_write(int fd, const void *p, size_t n)
{
	return write(fd, p, n);
}

int os_mkdir(const char *path)
{
	return mkdir(path, 0777);
}

int os_unlink(const char *path)
{
	return unlink(path);
}

int os_rename(const char *from, const char *to)
{
	return rename(from, to);
}

static enum os_kind kind_of(mode_t mode)
{
	if (S_ISREG(mode))
		return OS_FILE;
	if (S_ISDIR(mode))
		return OS_DIRECTORY;
	if (S_ISFIFO(mode))
		return OS_STREAM;
	if (S_ISSOCK(mode))
		return OS_SOCKET;
	if (S_ISBLK(mode))
		return OS_DISK;
#if defined(__FreeBSD__) || defined(__OpenBSD__) || defined(__NetBSD__) || defined(__APPLE__)
	if (S_ISCHR(mode))
		return OS_DISK; /* raw disks are character devices there */
#endif
	return OS_OTHER;
}

#ifdef __APPLE__
#define MODIFIED(s) (s)->st_mtimespec
#else
#define MODIFIED(s) (s)->st_mtim
#endif

static int told(int rc, const struct stat *s, struct os_stat *st)
{
	if (!rc)
		*st = (struct os_stat){ kind_of(s->st_mode), (u64)s->st_size, (u64)s->st_dev, (u64)s->st_ino,
				       (u64)MODIFIED(s).tv_sec * 1000000000 + (u64)MODIFIED(s).tv_nsec };
	return rc;
}

int os_fstat(int fd, struct os_stat *st)
{
	struct stat s;

	return told(fstat(fd, &s), &s, st);
}

int os_stat(const char *path, struct os_stat *st)
{
	struct stat s;

	return told(lstat(path, &s), &s, st);
}

ssize_t os_transfer(int fd, bool write, const struct iovec *v, int n, u64 off)
{
	ssize_t rc;

	do {
		if (n == 1)
			rc = write ? pwrite(fd, v->iov_base, v->iov_len, (off_t)off) : pread(fd, v->iov_base, v->iov_len, (off_t)off);
		else
			rc = write ? pwritev(fd, v, n, (off_t)off) : preadv(fd, v, n, (off_t)off);
	} while (rc < 0 && errno == EINTR);
	return rc < 0 ? -errno : rc;
}

static int sync_once(int fd)
{
#if defined(__APPLE__)
	return fcntl(fd, F_FULLFSYNC) && fsync(fd) ? -errno : 0;
#elif defined(_POSIX_SYNCHRONIZED_IO) && _POSIX_SYNCHRONIZED_IO > 0
	return fdatasync(fd) ? -errno : 0;
#else
	return fsync(fd) ? -errno : 0;
#endif
}

int os_sync(int fd)
{
	int rc;

	do
		rc = sync_once(fd);
	while (rc == -EINTR);
	return rc;
}

int os_truncate(int fd, u64 size)
{
	return ftruncate(fd, (off_t)size) ? -errno : 0;
}

int os_sync_names(const char *path)
{
	size_t n = (size_t)(os_path_last(path) - path);
	char *dir = malloc(n + 2);
	int fd, rc;

	if (!dir)
		return -ENOMEM;
	memcpy(dir, n ? path : ".", n + !n);
	dir[n + !n] = 0;
	fd = os_open(dir, O_RDONLY | O_DIRECTORY, 0);
	rc = fd < 0 ? -errno : fsync(fd) ? -errno : 0;
	if (fd >= 0)
		close(fd);
	free(dir);
	/* A directory that may be written and not read, and file systems that cannot do it. */
	return rc == -EACCES || rc == -EINVAL || rc == -ENOTSUP || rc == -EBADF ? 0 : rc;
}

const void *os_map(int fd, size_t n)
{
	void *p = mmap(NULL, n, PROT_READ, MAP_SHARED, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

void os_unmap(const void *p, size_t n)
{
	munmap((void *)(uintptr_t)p, n);
}

i64 os_length(int fd)
{
	i64 r = (i64)lseek(fd, 0, SEEK_END);

	return r < 0 ? -errno : r;
}

u32 os_sector_size(int fd)
{
	int sector = 512;

#ifdef BLKSSZGET
	if (ioctl(fd, BLKSSZGET, &sector) || sector < 512)
		sector = 512;
#endif
	return (u32)sector;
}

#if defined(__linux__) && defined(FALLOC_FL_PUNCH_HOLE) && defined(FALLOC_FL_ZERO_RANGE)
static int allocate(int fd, int mode, u64 off, u64 len)
{
	int rc;

	do
		rc = fallocate(fd, mode, (off_t)off, (off_t)len);
	while (rc && errno == EINTR);
	if (!rc)
		return 0;
	if (errno == EOPNOTSUPP || errno == ENOSYS || errno == ENODEV)
		return -ENOSYS;
	return errno == EIO || errno == ENOSPC ? -errno : -ENOTSUP;
}

int os_punch_hole(int fd, u64 off, u64 len)
{
	int rc = allocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, off, len);

	return rc == -ENOSPC ? -ENOTSUP : rc;
}

int os_zero_range(int fd, u64 off, u64 len)
{
	return allocate(fd, FALLOC_FL_ZERO_RANGE, off, len);
}
#else
int os_punch_hole(int fd, u64 off, u64 len)
{
	return -ENOSYS;
}

int os_zero_range(int fd, u64 off, u64 len)
{
	return -ENOSYS;
}
#endif

int os_temp_file(char *dir, size_t n)
{
	const char *where = getenv("TMPDIR");
	char path[512];
	int fd;

	if (!where || !*where)
		where = "/var/tmp"; /* as big as a disk may become, /tmp is often memory */
	snprintf(dir, n, "%s", where);
	snprintf(path, sizeof path, "%.400s/paravane-XXXXXX", where);
	fd = mkstemp(path);
	if (fd < 0)
		return -errno;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	unlink(path);
	return fd;
}

const char *os_path_last(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

bool os_path_is_absolute(const char *path)
{
	return *path == '/';
}

char *os_path_real(const char *path)
{
	return realpath(path, NULL);
}

void os_list_directory(const char *dir, void (*fn)(void *opaque, const char *name, bool directory), void *opaque)
{
	DIR *dp = opendir(*dir ? dir : ".");
	struct dirent *de;
	struct stat st;

	if (!dp)
		return;
	while ((de = readdir(dp)))
		fn(opaque, de->d_name, !fstatat(dirfd(dp), de->d_name, &st, 0) && S_ISDIR(st.st_mode));
	closedir(dp);
}
