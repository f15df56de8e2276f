/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls that differ between host systems: sockets and waiting. Functions do as their POSIX namesakes, errno included,
 * on descriptors that os_close(), os_read() and os_write() take. Addresses and names of hosts are looked up with the
 * system's own functions.
 */
#ifndef BASE_OS_SOCKET_H
#define BASE_OS_SOCKET_H

#ifdef _WIN32
#include <winsock2.h>
/* These come after winsock2.h. */
#include <ws2tcpip.h>
#include <afunix.h>
/* Macros of the Windows headers that are names of variables here. */
#undef interface
#undef near
#undef far
#define SHUT_RD SD_RECEIVE
#define SHUT_WR SD_SEND
#define SHUT_RDWR SD_BOTH
#else
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#endif

#include "base/os_file.h"
#include "base/types.h"

int os_socket(int family, int type, int protocol);
/* Makes a socket or pipe close on exec and never wait. */
void os_prepare(int fd);
int os_bind(int fd, const struct sockaddr *sa, socklen_t len);
/*
 * For a Unix socket: its file is open to nobody but the owner, from the first moment (where files have owners). What other
 * threads create meanwhile is not open to others either.
 */
int os_bind_private(int fd, const struct sockaddr_un *sa);
int os_listen(int fd, int backlog);
int os_accept(int fd, struct sockaddr *sa, socklen_t *len);
/* EINPROGRESS: the answer comes later. */
int os_connect(int fd, const struct sockaddr *sa, socklen_t len);
int os_getsockname(int fd, struct sockaddr *sa, socklen_t *len);
int os_getpeername(int fd, struct sockaddr *sa, socklen_t *len);
/* Of SO_ERROR the value is an errno. */
int os_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
int os_setsockopt(int fd, int level, int name, const void *value, socklen_t len);
int os_shutdown(int fd, int how);
/* Never a signal. EAGAIN: no room or nothing there now. */
ssize_t os_send(int fd, const void *p, size_t n);
ssize_t os_sendto(int fd, const void *p, size_t n, const struct sockaddr *to, socklen_t len);
ssize_t os_recvfrom(int fd, void *p, size_t n, struct sockaddr *from, socklen_t *len);
/* Two ends of a stream within this process. */
int os_socketpair(int fd[2]);
/* What is written to fd[1] is read from fd[0]. */
int os_pipe(int fd[2]);
/* False when nothing is open under that number. */
bool os_fd_is_open(int fd);

/*
 * A pair of descriptors to wake somebody who waits for fd[0]: os_wake() may be called on any thread and in signal handlers,
 * os_wake_clear() eats all calls so far. 0 or -errno, then both are -1.
 */
int os_wake_open(int fd[2]);
void os_wake(int fd);
void os_wake_clear(int fd);
void os_wake_close(int fd[2]);

#ifdef _WIN32
/* As POSIX's; what is no socket is always ready. */
struct os_pollfd {
	int fd;
	short events, revents;
};
#else
#define os_pollfd pollfd
#endif
/* poll() with a time in nanoseconds (negative: as long as it takes). Descriptors below 0 are passed over. */
int os_poll(struct os_pollfd *fds, u32 n, i64 timeout);

/*
 * The standard input as a descriptor that can be waited for, whatever it is; *fd is for os_poll() and os_read() alone. NULL
 * when memory or descriptors are short.
 */
struct os_stdin;
struct os_stdin *os_stdin_open(int *fd);
/* NULL is allowed. */
void os_stdin_close(struct os_stdin *in);

#endif
