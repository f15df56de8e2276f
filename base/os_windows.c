/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The process on Windows (Win32). Left out: putting the console's code page back at the end.
 */
#include "base/os.h"
#include "base/os_thread.h"
#include "base/os_windows.h"

#include <errno.h>
#include <io.h>
#include <malloc.h>
#include <psapi.h>
#include <shellapi.h>
#include <stdlib.h>
#include <string.h>
#include <timeapi.h>

wchar_t *os_wide(const char *s)
{
	int n = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, s, -1, NULL, 0);
	wchar_t *w = n ? malloc((size_t)n * sizeof *w) : NULL;

	if (!w)
		errno = n ? ENOMEM : EILSEQ;
	else
		MultiByteToWideChar(CP_UTF8, 0, s, -1, w, n);
	return w;
}

char *os_narrow(const wchar_t *s)
{
	int n = WideCharToMultiByte(CP_UTF8, 0, s, -1, NULL, 0, NULL, NULL);
	char *p = n ? malloc((size_t)n) : NULL;

	if (!p)
		errno = n ? ENOMEM : EILSEQ;
	else
		WideCharToMultiByte(CP_UTF8, 0, s, -1, p, n, NULL, NULL);
	return p;
}

int os_errno_of(DWORD err)
{
	static const struct {
		DWORD err;
		int code;
	} table[] = {
		{ ERROR_FILE_NOT_FOUND, ENOENT },
		{ ERROR_PATH_NOT_FOUND, ENOENT },
		{ ERROR_INVALID_NAME, ENOENT },
		{ ERROR_BAD_PATHNAME, ENOENT },
		{ ERROR_BAD_NETPATH, ENOENT },
		{ ERROR_BAD_NET_NAME, ENOENT },
		{ ERROR_INVALID_DRIVE, ENOENT },
		{ ERROR_NOT_READY, ENOENT },
		{ ERROR_FILENAME_EXCED_RANGE, ENAMETOOLONG },
		{ ERROR_ACCESS_DENIED, EACCES },
		{ ERROR_PRIVILEGE_NOT_HELD, EPERM },
		{ ERROR_WRITE_PROTECT, EROFS },
		{ ERROR_SHARING_VIOLATION, EBUSY },
		{ ERROR_LOCK_VIOLATION, EBUSY },
		{ ERROR_IO_PENDING, EBUSY },
		{ ERROR_FILE_EXISTS, EEXIST },
		{ ERROR_ALREADY_EXISTS, EEXIST },
		{ ERROR_TOO_MANY_OPEN_FILES, EMFILE },
		{ ERROR_INVALID_HANDLE, EBADF },
		{ ERROR_NOT_ENOUGH_MEMORY, ENOMEM },
		{ ERROR_OUTOFMEMORY, ENOMEM },
		{ ERROR_COMMITMENT_LIMIT, ENOMEM },
		{ ERROR_DISK_FULL, ENOSPC },
		{ ERROR_HANDLE_DISK_FULL, ENOSPC },
		{ ERROR_FILE_TOO_LARGE, EFBIG },
		{ ERROR_INVALID_PARAMETER, EINVAL },
		{ ERROR_NEGATIVE_SEEK, EINVAL },
		{ ERROR_NOT_SUPPORTED, ENOSYS },
		{ ERROR_INVALID_FUNCTION, ENOSYS },
		{ ERROR_CALL_NOT_IMPLEMENTED, ENOSYS },
		{ ERROR_BROKEN_PIPE, EPIPE },
		{ ERROR_NO_DATA, EPIPE },
		{ ERROR_OPERATION_ABORTED, EINTR },
		{ WSAEINTR, EINTR },
		{ WSAEBADF, EBADF },
		{ WSAEACCES, EACCES },
		{ WSAEFAULT, EFAULT },
		{ WSAEINVAL, EINVAL },
		{ WSAEMFILE, EMFILE },
		{ WSAEWOULDBLOCK, EAGAIN },
		{ WSAEINPROGRESS, EINPROGRESS },
		{ WSAEALREADY, EALREADY },
		{ WSAENOTSOCK, ENOTSOCK },
		{ WSAEDESTADDRREQ, EDESTADDRREQ },
		{ WSAEMSGSIZE, EMSGSIZE },
		{ WSAEPROTOTYPE, EPROTOTYPE },
		{ WSAENOPROTOOPT, ENOPROTOOPT },
		{ WSAEPROTONOSUPPORT, EPROTONOSUPPORT },
		{ WSAESOCKTNOSUPPORT, EPROTONOSUPPORT },
		{ WSAEOPNOTSUPP, EOPNOTSUPP },
		{ WSAEPFNOSUPPORT, EAFNOSUPPORT },
		{ WSAEAFNOSUPPORT, EAFNOSUPPORT },
		{ WSAEADDRINUSE, EADDRINUSE },
		{ WSAEADDRNOTAVAIL, EADDRNOTAVAIL },
		{ WSAENETDOWN, ENETDOWN },
		{ WSAENETUNREACH, ENETUNREACH },
		{ WSAENETRESET, ENETRESET },
		{ WSAECONNABORTED, ECONNABORTED },
		{ WSAECONNRESET, ECONNRESET },
		{ WSAENOBUFS, ENOBUFS },
		{ WSAEISCONN, EISCONN },
		{ WSAENOTCONN, ENOTCONN },
		{ WSAESHUTDOWN, EPIPE },
		{ WSAETIMEDOUT, ETIMEDOUT },
		{ WSAECONNREFUSED, ECONNREFUSED },
		{ WSAEHOSTDOWN, EHOSTUNREACH },
		{ WSAEHOSTUNREACH, EHOSTUNREACH },
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(table); i++)
		if (table[i].err == err)
			return table[i].code;
	return EIO;
}

int os_fail(DWORD err)
{
	errno = os_errno_of(err);
	return -1;
}

HANDLE os_handle_of(int fd)
{
	intptr_t h = fd < 0 ? -1 : _get_osfhandle(fd);

	if (h == -1 || h == -2) { /* -2: a standard stream that there is not */
		errno = EBADF;
		return INVALID_HANDLE_VALUE;
	}
	return (HANDLE)h;
}

/* The command line is UTF-16; what main() was given has lost what the old code page does not know. */
static void utf8_arguments(int *argc, char ***argv)
{
	int n, i;
	wchar_t **wide = CommandLineToArgvW(GetCommandLineW(), &n);
	char **list = wide ? calloc((size_t)n + 1, sizeof *list) : NULL;

	for (i = 0; list && i < n; i++) {
		list[i] = os_narrow(wide[i]);
		if (!list[i])
			list = NULL;
	}
	LocalFree(wide);
	if (list) {
		*argc = n;
		*argv = list;
	}
}

void os_start(int *argc, char ***argv)
{
	WSADATA wsa;
	int fd;

	utf8_arguments(argc, argv);
	for (fd = 0; fd < 3; fd++)
		if (os_handle_of(fd) != INVALID_HANDLE_VALUE)
			_setmode(fd, _O_BINARY);
	SetConsoleOutputCP(CP_UTF8);
	/* A crash ends the program, it does not open a window. */
	SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX | SEM_NOOPENFILEERRORBOX);
	timeBeginPeriod(1); /* waits end within a millisecond of what they should */
	WSAStartup(MAKEWORD(2, 2), &wsa);
}

u64 os_now(void)
{
	LARGE_INTEGER rate, t;

	QueryPerformanceFrequency(&rate);
	QueryPerformanceCounter(&t);
	return (u64)(t.QuadPart / rate.QuadPart) * 1000000000u +
	       (u64)(t.QuadPart % rate.QuadPart) * 1000000000u / (u64)rate.QuadPart;
}

/* The C library has no words for what came with sockets. */
const char *os_strerror(int err)
{
	static const struct {
		int err;
		const char *text;
	} table[] = {
		{ EADDRINUSE, "Address already in use" },
		{ EADDRNOTAVAIL, "Cannot assign requested address" },
		{ EAFNOSUPPORT, "Address family not supported" },
		{ EALREADY, "Operation already in progress" },
		{ EBUSY, "Device or resource busy" },
		{ ECONNABORTED, "Connection aborted" },
		{ ECONNREFUSED, "Connection refused" },
		{ ECONNRESET, "Connection reset by peer" },
		{ EHOSTUNREACH, "No route to host" },
		{ EINPROGRESS, "Operation now in progress" },
		{ EISCONN, "Already connected" },
		{ ELOOP, "Too many levels of links" },
		{ EMSGSIZE, "Message too long" },
		{ ENETDOWN, "Network is down" },
		{ ENETRESET, "Network dropped the connection" },
		{ ENETUNREACH, "Network is unreachable" },
		{ ENOBUFS, "No buffer space available" },
		{ ENOPROTOOPT, "Protocol option not available" },
		{ ENOTCONN, "Not connected" },
		{ ENOTSOCK, "Not a socket" },
		{ ENOTSUP, "Not supported" },
		{ EOPNOTSUPP, "Operation not supported" },
		{ EOVERFLOW, "Value too large" },
		{ EPROTO, "Protocol error" },
		{ EPROTONOSUPPORT, "Protocol not supported" },
		{ EPROTOTYPE, "Protocol of the wrong type" },
		{ ETIMEDOUT, "Connection timed out" },
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(table); i++)
		if (table[i].err == err)
			return table[i].text;
	return strerror(err);
}

bool os_is_terminal(int fd)
{
	HANDLE h = os_handle_of(fd);
	DWORD mode;

	return h != INVALID_HANDLE_VALUE && GetConsoleMode(h, &mode);
}

u64 os_memory_bytes(void)
{
	MEMORYSTATUSEX m = { .dwLength = sizeof m };

	return GlobalMemoryStatusEx(&m) ? m.ullTotalPhys : 0;
}

u64 os_resident_bytes(void)
{
	PROCESS_MEMORY_COUNTERS c;

	return K32GetProcessMemoryInfo(GetCurrentProcess(), &c, sizeof c) ? c.WorkingSetSize : 0;
}

void *os_page_alloc(size_t n)
{
	return _aligned_malloc(n, 4096);
}

void os_page_free(void *p)
{
	_aligned_free(p);
}

int os_thread_create(pthread_t *t, void *(*fn)(void *opaque), void *opaque)
{
	return pthread_create(t, NULL, fn, opaque);
}

static SRWLOCK *srw(struct os_mutex *m)
{
	return (SRWLOCK *)(void *)m;
}

static CONDITION_VARIABLE *condition(struct os_cond *c)
{
	return (CONDITION_VARIABLE *)(void *)c;
}
_Static_assert(sizeof(SRWLOCK) == sizeof(struct os_mutex), "a lock is one pointer");
_Static_assert(sizeof(CONDITION_VARIABLE) == sizeof(struct os_cond), "a condition is one pointer");

void os_mutex_init(struct os_mutex *m)
{
	InitializeSRWLock(srw(m));
}

void os_mutex_destroy(struct os_mutex *m)
{
}

void os_mutex_lock(struct os_mutex *m)
{
	AcquireSRWLockExclusive(srw(m));
}

void os_mutex_unlock(struct os_mutex *m)
{
	ReleaseSRWLockExclusive(srw(m));
}

void os_cond_init(struct os_cond *c)
{
	InitializeConditionVariable(condition(c));
}

void os_cond_destroy(struct os_cond *c)
{
}

void os_cond_signal(struct os_cond *c)
{
	WakeConditionVariable(condition(c));
}

void os_cond_broadcast(struct os_cond *c)
{
	WakeAllConditionVariable(condition(c));
}

void os_cond_wait(struct os_cond *c, struct os_mutex *m)
{
	SleepConditionVariableSRW(condition(c), srw(m), INFINITE, 0);
}

void os_cond_wait_for(struct os_cond *c, struct os_mutex *m, u64 ns)
{
	u64 ms = (ns + 999999) / 1000000;

	SleepConditionVariableSRW(condition(c), srw(m), ms < INFINITE ? (DWORD)ms : INFINITE - 1, 0);
}
