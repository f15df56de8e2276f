/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls that differ between host systems: files. Paths are UTF-8, contents are bytes, sizes have 64 bits. Functions do
 * as their POSIX namesakes, with -1 and errno, where nothing else is said. Left out: Windows' paths of more than 259
 * characters.
 */
#ifndef BASE_OS_FILE_H
#define BASE_OS_FILE_H

#include <fcntl.h>
#include <stdio.h>
#include <sys/types.h>
#ifdef _WIN32
struct iovec {
	void *iov_base;
	size_t iov_len;
};
#define O_NONBLOCK 0
#define O_DIRECT 0x40000000 /* ours: no bit of the C library's */
#else
#include <sys/uio.h>
#endif

#include "base/types.h"

/* open(), never inherited by programs that are started. An open file may be removed and renamed. */
int os_open(const char *path, int flags, int mode);
/*
 * fopen(), always binary, and waits for nobody: a FIFO that nobody reads cannot be opened for writing (ENXIO), one that nobody
 * writes is empty. A directory is EISDIR where it is opened for writing, and on Windows.
 */
FILE *os_fopen(const char *path, const char *mode);
/* strerror() of an error of os_fopen(), in words that fit a file. */
const char *os_open_error(int err);
/* open() for reading without waiting for anybody; goes with os_read_some(). */
int os_open_some(const char *path);
/* What is there to be read of a file or a pipe, up to n bytes; after ns nanoseconds without any -1 with EAGAIN. 0 at the end. */
ssize_t os_read_some(int fd, void *p, size_t n, u64 ns);
/* mkdir() for everybody whom the umask lets. */
int os_mkdir(const char *path);
/* For files and sockets alike. */
int os_close(int fd);
ssize_t os_read(int fd, void *p, size_t n);
ssize_t os_write(int fd, const void *p, size_t n);
int os_unlink(const char *path);
/*
 * rename(): what has the new name already is replaced at once, so that there is one or the other at each moment. On Windows
 * not while somebody has that file open.
 */
int os_rename(const char *from, const char *to);

enum os_kind { OS_FILE, OS_DIRECTORY, OS_DISK, OS_STREAM, OS_SOCKET, OS_OTHER }; /* a stream: a pipe or FIFO */

struct os_stat {
	enum os_kind kind;
	u64 size;
	u64 dev, ino; /* two open files are the same one when both agree; 0: not known */
	u64 modified; /* when its contents changed last, ns since 1970; some hosts know it to a second */
};
/* 0 or -1. os_stat() does not follow a symbolic link. */
int os_fstat(int fd, struct os_stat *st);
int os_stat(const char *path, struct os_stat *st);

/* ---- images; on any thread, several at once: 0 or a number, or -errno ---- */

/*
 * Reads or writes at an offset. The number of bytes, which may be fewer than asked for; 0 at the end of a file that is
 * read.
 */
ssize_t os_transfer(int fd, bool write, const struct iovec *v, int n, u64 off);
/* Waits until everything written is on the medium. */
int os_sync(int fd);
int os_truncate(int fd, u64 size);
/* Waits until the names in the directory of this path are on the medium, where the host has a call for that. */
int os_sync_names(const char *path);
/*
 * The first n bytes of a file in memory, for reading, or NULL with errno. Who reads there what somebody has cut off meanwhile is
 * killed: for files that nobody else writes.
 */
const void *os_map(int fd, size_t n);
void os_unmap(const void *p, size_t n);
i64 os_length(int fd);
/* The size of a sector of a disk of the host, bytes. */
u32 os_sector_size(int fd);
/*
 * Gives the range back to the host, or makes it zeros. -ENOTSUP: it does not work for this range; -ENOSYS: nor for any
 * of this file.
 */
int os_punch_hole(int fd, u64 off, u64 len);
int os_zero_range(int fd, u64 off, u64 len);
/* A file without a name, in TMPDIR or where the host keeps such; dir (n bytes) becomes the directory. */
int os_temp_file(char *dir, size_t n);

/* ---- paths ---- */

/* Where the last part of a path begins. */
const char *os_path_last(const char *path);
/* True when the path does not depend on a directory. */
bool os_path_is_absolute(const char *path);
/* realpath(): the whole path of what is there, without links, for free(). NULL: errno. */
char *os_path_real(const char *path);
/* Calls fn for each name in a directory ("" is the present one), in no order. */
void os_list_directory(const char *dir, void (*fn)(void *opaque, const char *name, bool directory), void *opaque);

#endif
