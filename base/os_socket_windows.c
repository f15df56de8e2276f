/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sockets and waiting on Windows (Winsock 2). A socket has a descriptor of the C library around it, so that one kind of
 * number is enough. Only sockets can be waited for: what else there is to wait for is made one.
 */
#include "base/os_socket.h"
#include "base/os_windows.h"

#include <errno.h>
#include <io.h>
#include <stdlib.h>
#include <string.h>

SOCKET os_socket_of(int fd)
{
	HANDLE h = os_handle_of(fd);
	int type, len = sizeof type;

	if (h == INVALID_HANDLE_VALUE || GetFileType(h) != FILE_TYPE_PIPE)
		return INVALID_SOCKET;
	return getsockopt((SOCKET)h, SOL_SOCKET, SO_TYPE, (char *)&type, &len) ? INVALID_SOCKET : (SOCKET)h;
}

static int wrap(SOCKET s)
{
	int fd;

	if (s == INVALID_SOCKET)
		return os_fail((DWORD)WSAGetLastError());
	fd = _open_osfhandle((intptr_t)s, _O_BINARY | _O_NOINHERIT);
	if (fd < 0)
		closesocket(s);
	return fd;
}

/* The number goes first, without its handle, which is closesocket()'s to close. */
int os_socket_close(int fd, SOCKET s)
{
	SetHandleInformation((HANDLE)s, HANDLE_FLAG_PROTECT_FROM_CLOSE, HANDLE_FLAG_PROTECT_FROM_CLOSE);
	_close(fd);
	SetHandleInformation((HANDLE)s, HANDLE_FLAG_PROTECT_FROM_CLOSE, 0);
	return closesocket(s) ? os_fail((DWORD)WSAGetLastError()) : 0;
}

static int result(int rc)
{
	return rc < 0 ? os_fail((DWORD)WSAGetLastError()) : rc;
}

int os_socket(int family, int type, int protocol)
{
	return wrap(WSASocketW(family, type, protocol, NULL, 0, WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT));
}

void os_prepare(int fd)
{
	SOCKET s = os_socket_of(fd);
	u_long on = 1;

	if (s == INVALID_SOCKET)
		return;
	ioctlsocket(s, (long)FIONBIO, &on);
	SetHandleInformation((HANDLE)s, HANDLE_FLAG_INHERIT, 0);
}

int os_bind(int fd, const struct sockaddr *sa, socklen_t len)
{
	struct sockaddr_in any;

	/* A group's address is joined, and cannot be bound. */
	if (sa->sa_family == AF_INET && len >= (socklen_t)sizeof any) {
		memcpy(&any, sa, sizeof any);
		if (IN_MULTICAST(ntohl(any.sin_addr.s_addr))) {
			any.sin_addr.s_addr = htonl(INADDR_ANY);
			return result(bind(os_socket_of(fd), (struct sockaddr *)&any, sizeof any));
		}
	}
	return result(bind(os_socket_of(fd), sa, len));
}

int os_bind_private(int fd, const struct sockaddr_un *sa)
{
	return os_bind(fd, (const struct sockaddr *)sa, sizeof *sa);
}

int os_listen(int fd, int backlog)
{
	return result(listen(os_socket_of(fd), backlog));
}

int os_accept(int fd, struct sockaddr *sa, socklen_t *len)
{
	return wrap(accept(os_socket_of(fd), sa, len));
}

int os_connect(int fd, const struct sockaddr *sa, socklen_t len)
{
	if (!connect(os_socket_of(fd), sa, len))
		return 0;
	os_fail((DWORD)WSAGetLastError());
	if (errno == EAGAIN)
		errno = EINPROGRESS;
	return -1;
}

int os_getsockname(int fd, struct sockaddr *sa, socklen_t *len)
{
	return result(getsockname(os_socket_of(fd), sa, len));
}

int os_getpeername(int fd, struct sockaddr *sa, socklen_t *len)
{
	return result(getpeername(os_socket_of(fd), sa, len));
}

int os_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	int rc = result(getsockopt(os_socket_of(fd), level, name, value, len));

	if (!rc && level == SOL_SOCKET && name == SO_ERROR) {
		int err;

		memcpy(&err, value, sizeof err);
		err = err ? os_errno_of((DWORD)err) : 0;
		memcpy(value, &err, sizeof err);
	}
	return rc;
}

int os_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	SOCKET s = os_socket_of(fd);
	int type = 0, size = sizeof type;
	DWORD wide;

	/* There SO_REUSEADDR lets a second program take a port that is in use; what is meant here is the rule. */
	if (level == SOL_SOCKET && name == SO_REUSEADDR && !getsockopt(s, SOL_SOCKET, SO_TYPE, (char *)&type, &size) &&
	    type == SOCK_STREAM)
		name = SO_EXCLUSIVEADDRUSE;
	/* A byte elsewhere. */
	if (level == IPPROTO_IP && name == IP_MULTICAST_LOOP && len == 1) {
		wide = *(const u8 *)value;
		value = &wide;
		len = sizeof wide;
	}
	return result(setsockopt(s, level, name, value, len));
}

int os_shutdown(int fd, int how)
{
	return result(shutdown(os_socket_of(fd), how));
}

#define AT_ONCE ((size_t)1 << 30)

ssize_t os_send(int fd, const void *p, size_t n)
{
	return result(send(os_socket_of(fd), p, (int)MIN(n, AT_ONCE), 0));
}

ssize_t os_sendto(int fd, const void *p, size_t n, const struct sockaddr *to, socklen_t len)
{
	return result(sendto(os_socket_of(fd), p, (int)MIN(n, AT_ONCE), 0, to, len));
}

ssize_t os_recvfrom(int fd, void *p, size_t n, struct sockaddr *from, socklen_t *len)
{
	return result(recvfrom(os_socket_of(fd), p, (int)MIN(n, AT_ONCE), 0, from, len));
}

/* Over the loopback interface; whoever else connects meanwhile is turned away. */
static int pair_up(int listener, int fd[2])
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) }, mine, theirs;
	socklen_t len = sizeof at;

	if (os_bind(listener, (struct sockaddr *)&at, sizeof at) || os_listen(listener, 8) ||
	    os_getsockname(listener, (struct sockaddr *)&at, &len))
		return -1;
	fd[0] = os_socket(AF_INET, SOCK_STREAM, 0);
	len = sizeof mine;
	if (fd[0] < 0 || os_connect(fd[0], (struct sockaddr *)&at, sizeof at) ||
	    os_getsockname(fd[0], (struct sockaddr *)&mine, &len))
		return -1;
	for (;;) {
		len = sizeof theirs;
		fd[1] = os_accept(listener, (struct sockaddr *)&theirs, &len);
		if (fd[1] < 0)
			return -1;
		if (theirs.sin_port == mine.sin_port && theirs.sin_addr.s_addr == mine.sin_addr.s_addr)
			return 0;
		os_close(fd[1]);
		fd[1] = -1;
	}
}

int os_socketpair(int fd[2])
{
	int listener = os_socket(AF_INET, SOCK_STREAM, 0), one = 1, i, rc, saved;

	fd[0] = fd[1] = -1;
	rc = listener < 0 ? -1 : pair_up(listener, fd);
	saved = errno;
	if (listener >= 0)
		os_close(listener);
	for (i = 0; i < 2; i++) {
		if (rc && fd[i] >= 0)
			os_close(fd[i]);
		else if (!rc)
			os_setsockopt(fd[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	}
	errno = saved;
	return rc;
}

/* One that can be waited for. */
int os_pipe(int fd[2])
{
	return os_socketpair(fd);
}

bool os_fd_is_open(int fd)
{
	return os_handle_of(fd) != INVALID_HANDLE_VALUE;
}

int os_poll(struct os_pollfd *fds, u32 n, i64 timeout)
{
	WSAPOLLFD few[16], *list = n <= ARRAY_SIZE(few) ? few : malloc(n * sizeof *list);
	i64 ms = timeout / 1000000 + (timeout % 1000000 != 0);
	int ready = 0, rc = 0;
	u32 i, k, total = 0;

	if (!list) {
		errno = ENOMEM;
		return -1;
	}
	for (i = 0; i < n; i++) {
		SOCKET s = fds[i].fd < 0 ? INVALID_SOCKET : os_socket_of(fds[i].fd);

		fds[i].revents = 0;
		if (s != INVALID_SOCKET)
			list[total++] = (WSAPOLLFD){ .fd = s, .events = fds[i].events };
		else if (fds[i].fd >= 0)
			ready += (fds[i].revents = fds[i].events) != 0;
	}
	if (ready)
		ms = 0;
	if (total)
		rc = WSAPoll(list, total, timeout < 0 && !ready ? -1 : (int)MIN(ms, 1000000000));
	else if (!ready)
		Sleep(timeout < 0 ? INFINITE : (DWORD)MIN(ms, 1000000000));
	if (rc < 0)
		os_fail((DWORD)WSAGetLastError());
	for (i = k = 0; rc > 0 && i < n && k < total; i++)
		if (fds[i].fd >= 0 && os_socket_of(fds[i].fd) == list[k].fd)
			fds[i].revents = list[k++].revents;
	if (list != few)
		free(list);
	return rc < 0 ? rc : rc + ready;
}

/* ---- the standard input ---------------------------------------------------------------------------------------- */

/*
 * Consoles, pipes and files cannot be waited for together with sockets, so a thread reads and passes on what it gets. Two hold
 * the struct, the opener and the thread; the last one frees it, for a read of a pipe cannot always be ended.
 */
struct os_stdin {
	HANDLE in, thread;
	int fd[2]; /* ours, the thread's */
	LONG holders;
	volatile LONG over;
};

static void let_go(struct os_stdin *in)
{
	if (!InterlockedDecrement(&in->holders))
		free(in);
}

/* Bytes of the console in UTF-8, or of anything else as they are. 0: the end. */
static u32 read_some(HANDLE h, u8 *out, u32 size)
{
	wchar_t wide[256 + 1];
	DWORD mode, n = 0, more;

	if (!GetConsoleMode(h, &mode))
		return ReadFile(h, out, size, &n, NULL) ? n : 0;
	if (!ReadConsoleW(h, wide, 256, &n, NULL))
		return 0;
	/* Both halves of a pair. */
	if (n && (wide[n - 1] & 0xfc00) == 0xd800 && ReadConsoleW(h, wide + n, 1, &more, NULL))
		n += more;
	return (u32)WideCharToMultiByte(CP_UTF8, 0, wide, (int)n, (char *)out, (int)size, NULL, NULL);
}

static DWORD WINAPI pump(void *opaque)
{
	struct os_stdin *in = opaque;
	u8 bytes[1024];
	u32 n, done;

	while (!in->over && (n = read_some(in->in, bytes, sizeof bytes)) > 0)
		for (done = 0; done < n && !in->over;) {
			ssize_t sent = os_send(in->fd[1], bytes + done, n - done);

			if (sent <= 0)
				InterlockedExchange(&in->over, 1);
			else
				done += (u32)sent;
		}
	os_shutdown(in->fd[1], SHUT_WR);
	os_close(in->fd[1]);
	let_go(in);
	return 0;
}

struct os_stdin *os_stdin_open(int *fd)
{
	struct os_stdin *in = calloc(1, sizeof *in);

	if (!in)
		return NULL;
	in->in = GetStdHandle(STD_INPUT_HANDLE);
	in->holders = 2;
	if (os_socketpair(in->fd)) {
		free(in);
		return NULL;
	}
	os_prepare(in->fd[0]);
	in->thread = CreateThread(NULL, 0, pump, in, 0, NULL);
	if (!in->thread) {
		os_close(in->fd[0]);
		os_close(in->fd[1]);
		free(in);
		return NULL;
	}
	*fd = in->fd[0];
	return in;
}

void os_stdin_close(struct os_stdin *in)
{
	u32 i;

	if (!in)
		return;
	InterlockedExchange(&in->over, 1);
	os_close(in->fd[0]);
	for (i = 0; i < 10 && WaitForSingleObject(in->thread, 10) == WAIT_TIMEOUT; i++)
		CancelSynchronousIo(in->thread);
	CloseHandle(in->thread);
	let_go(in);
}
