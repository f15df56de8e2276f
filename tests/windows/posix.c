/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The functions behind posix.h.
 */
#include "tests/windows/posix.h"

#include <stdarg.h>

#include "base/os.h"
#include "base/os_windows.h"

#undef mkdir
#undef open
#undef fclose
#undef system

int posix_never(void)
{
	errno = ENOSYS;
	return -1;
}

#define TRIES 100 /* names that somebody left behind */

/* Fills in the six X. */
static void next_name(char *path, unsigned i)
{
	sprintf(path + strlen(path) - 6, "%06llx", (os_now() / 1000 + i * 7919) & 0xffffff);
}

int posix_mkstemp(char *path)
{
	int fd = -1;
	unsigned i;

	for (i = 0; fd < 0 && i < TRIES; i++) {
		next_name(path, i);
		fd = os_open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	}
	return fd;
}

char *posix_mkdtemp(char *path)
{
	unsigned i;

	for (i = 0; i < TRIES; i++) {
		next_name(path, i);
		if (!_mkdir(path))
			return path;
	}
	return NULL;
}

int posix_open(const char *path, int flags, ...)
{
	return os_open(path, flags, 0600);
}

ssize_t posix_pread(int fd, void *p, size_t n, off_t off)
{
	ssize_t got = os_transfer(fd, false, &(struct iovec){ p, n }, 1, (u64)off);

	return got < 0 ? -1 : got;
}

ssize_t posix_pwrite(int fd, const void *p, size_t n, off_t off)
{
	ssize_t put = os_transfer(fd, true, &(struct iovec){ (void *)(uintptr_t)p, n }, 1, (u64)off);

	return put < 0 ? -1 : put;
}

static char *gone;

static void remove_one(void *opaque, const char *name, bool directory)
{
	char path[512];

	snprintf(path, sizeof path, "%s/%s", gone, name);
	if (!directory)
		os_unlink(path);
}

int posix_system(const char *command)
{
	if (strncmp(command, "rm -rf ", 7))
		return -1;
	gone = _strdup(command + 7);
	os_list_directory(gone, remove_one, NULL);
	_rmdir(gone);
	free(gone);
	return 0;
}

/* One at a time, kept in a file until it is closed. */
static struct {
	FILE *f;
	char **text;
	size_t *len;
} memory;

FILE *posix_memstream(char **text, size_t *len)
{
	char dir[300];
	int fd = os_temp_file(dir, sizeof dir);

	memory.f = fd < 0 ? NULL : fdopen(fd, "w+b");
	memory.text = text;
	memory.len = len;
	return memory.f;
}

int posix_fclose(FILE *f)
{
	if (f && f == memory.f) {
		long n;

		memory.f = NULL;
		fseek(f, 0, SEEK_END);
		n = ftell(f);
		rewind(f);
		*memory.text = calloc(1, (size_t)n + 1);
		*memory.len = fread(*memory.text, 1, (size_t)n, f);
	}
	return fclose(f);
}

int posix_truncate(const char *path, off_t size)
{
	int fd = os_open(path, O_RDWR, 0), rc = fd < 0 ? -1 : os_truncate(fd, (u64)size);

	if (fd >= 0)
		os_close(fd);
	return rc ? -1 : 0;
}

int posix_fcntl(int fd, int what, ...)
{
	va_list ap;
	int flags;

	if (what != F_SETFL)
		return os_fd_is_open(fd) ? 0 : -1;
	va_start(ap, what);
	flags = va_arg(ap, int);
	va_end(ap);
	if (flags & O_NONBLOCK)
		os_prepare(fd);
	return 0;
}

void *posix_mmap(void *at, size_t n, int prot, int flags, int fd, off_t off)
{
	void *p = VirtualAlloc(at, n, MEM_COMMIT | MEM_RESERVE, prot & PROT_EXEC ? PAGE_EXECUTE_READWRITE : PAGE_READWRITE);

	return p ? p : MAP_FAILED;
}

int posix_munmap(void *p, size_t n)
{
	return VirtualFree(p, 0, MEM_RELEASE) ? 0 : -1;
}
