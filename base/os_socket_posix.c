/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sockets and waiting on POSIX systems.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* ppoll() */
#endif
#include "base/os_socket.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* SIGPIPE is ignored anyway */
#endif

int os_socket(int family, int type, int protocol)
{
	return socket(family, type, protocol);
}

void os_prepare(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
}

int os_bind(int fd, const struct sockaddr *sa, socklen_t len)
{
	return bind(fd, sa, len);
}

int os_bind_private(int fd, const struct sockaddr_un *sa)
{
	mode_t mask = umask(0177);
	int rc = bind(fd, (const struct sockaddr *)sa, sizeof *sa), err = errno;

	umask(mask);
	errno = err;
	return rc;
}

int os_listen(int fd, int backlog)
{
	return listen(fd, backlog);
}

int os_accept(int fd, struct sockaddr *sa, socklen_t *len)
{
	return accept(fd, sa, len);
}

int os_connect(int fd, const struct sockaddr *sa, socklen_t len)
{
	return connect(fd, sa, len);
}

int os_getsockname(int fd, struct sockaddr *sa, socklen_t *len)
{
	return getsockname(fd, sa, len);
}

int os_getpeername(int fd, struct sockaddr *sa, socklen_t *len)
{
	return getpeername(fd, sa, len);
}

int os_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	return getsockopt(fd, level, name, value, len);
}

int os_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	return setsockopt(fd, level, name, value, len);
}

int os_shutdown(int fd, int how)
{
	return shutdown(fd, how);
}

ssize_t os_send(int fd, const void *p, size_t n)
{
	return send(fd, p, n, MSG_NOSIGNAL);
}

ssize_t os_sendto(int fd, const void *p, size_t n, const struct sockaddr *to, socklen_t len)
{
	return sendto(fd, p, n, MSG_NOSIGNAL, to, len);
}

ssize_t os_recvfrom(int fd, void *p, size_t n, struct sockaddr *from, socklen_t *len)
{
	return recvfrom(fd, p, n, 0, from, len);
}

int os_socketpair(int fd[2])
{
	return socketpair(AF_UNIX, SOCK_STREAM, 0, fd);
}

int os_pipe(int fd[2])
{
	return pipe(fd);
}

bool os_fd_is_open(int fd)
{
	return fcntl(fd, F_GETFL) >= 0;
}

int os_poll(struct os_pollfd *fds, u32 n, i64 timeout)
{
#if defined(__linux__) || defined(__FreeBSD__) || defined(__OpenBSD__) || defined(__NetBSD__)
	struct timespec ts = { (time_t)(timeout / 1000000000), (long)(timeout % 1000000000) };

	return ppoll(fds, n, timeout < 0 ? NULL : &ts, NULL);
#else
	/* Rounded up: to wake too early would make the caller spin through the last millisecond. */
	i64 ms = timeout / 1000000 + (timeout % 1000000 != 0);

	return poll(fds, n, timeout < 0 ? -1 : (int)MIN(ms, 1000000000));
#endif
}

/* Nothing is to be kept: the descriptor itself will do. */
struct os_stdin {
	char nothing;
};

struct os_stdin *os_stdin_open(int *fd)
{
	*fd = STDIN_FILENO;
	return malloc(sizeof(struct os_stdin));
}

void os_stdin_close(struct os_stdin *in)
{
	free(in);
}
