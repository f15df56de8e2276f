/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What our unit tests take of POSIX, for building them with mingw-w64: included before anything else, and by the headers in
 * tests/windows/include that Windows does not have. What cannot be is there to compile and fails; the tests that need it are in
 * tests/windows/left_out.
 */
#ifndef TESTS_WINDOWS_POSIX_H
#define TESTS_WINDOWS_POSIX_H

#include <direct.h>
#include <errno.h>
#include <fcntl.h>
#include <io.h>
#include <process.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "base/os_socket.h"
#undef ERROR

/* ---- files: in UTF-8, binary, not gone when they are closed ---- */
int posix_mkstemp(char *path);
char *posix_mkdtemp(char *path);
int posix_open(const char *path, int flags, ...);
ssize_t posix_pread(int fd, void *p, size_t n, off_t off);
ssize_t posix_pwrite(int fd, const void *p, size_t n, off_t off);
/* "rm -rf DIR" and nothing else. */
int posix_system(const char *command);
FILE *posix_memstream(char **text, size_t *len);
int posix_fclose(FILE *f);
int posix_truncate(const char *path, off_t size);
#define mkstemp posix_mkstemp
#define mkdtemp posix_mkdtemp
#define open posix_open
#define pread posix_pread
#define pwrite posix_pwrite
#define system posix_system
#define open_memstream posix_memstream
#define fclose posix_fclose
#define truncate posix_truncate
#define fopen os_fopen
#define unlink os_unlink
#define close os_close
#define read os_read
#define write os_write
#define mkdir(path, mode) _mkdir(path)
#define usleep(us) Sleep(((us) + 999) / 1000)

/* ---- sockets ---- */
#define F_GETFL 3
#define F_SETFL 4
#define F_SETFD 2
#define FD_CLOEXEC 1
#undef O_NONBLOCK
#define O_NONBLOCK 0x4000
/* O_NONBLOCK of sockets. */
int posix_fcntl(int fd, int what, ...);
#define fcntl posix_fcntl
#define pipe os_pipe

/* A name that tests have of their own; tests/windows/include/sys/socket.h has the real one. */
#define connect posix_connect

/* ---- what there is not ---- */
#define RLIMIT_NOFILE 7
struct rlimit {
	unsigned long rlim_cur, rlim_max;
};
typedef unsigned long rlim_t;
#define getrlimit(what, r) ((void)(r), posix_never())
#define setrlimit(what, r) ((void)(r), posix_never())
#define SIGKILL 9
int posix_never(void);
#define fork() posix_never()
#define kill(pid, sig) posix_never()
#define waitpid(pid, status, how) (*(status) = 0, posix_never())
#define mkfifo(path, mode) posix_never()
#define symlink(to, path) posix_never()
#define getuid() 0

/* ---- memory ---- */
#define PROT_READ 1
#define PROT_WRITE 2
#define PROT_EXEC 4
#define MAP_PRIVATE 2
#define MAP_ANON 32
#define MAP_ANONYMOUS 32
#define MAP_FAILED ((void *)-1)
void *posix_mmap(void *at, size_t n, int prot, int flags, int fd, off_t off);
int posix_munmap(void *p, size_t n);
#define mmap posix_mmap
#define munmap posix_munmap

/* ---- names of files: none ever fits ---- */
typedef struct {
	size_t gl_pathc;
	char **gl_pathv;
} glob_t;
#define glob(pattern, flags, fn, g) ((g)->gl_pathc = 0, 3)
#define globfree(g) ((void)(g))

#endif
