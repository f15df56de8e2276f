/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files on Windows (Win32 CreateFileW() and its like, behind descriptors of the C library).
 */
#include "base/os_file.h"
#include "base/os_windows.h"

#include <errno.h>
#include <io.h>
#include <stdlib.h>
#include <string.h>
#include <winioctl.h>

#ifndef IO_REPARSE_TAG_AF_UNIX
#define IO_REPARSE_TAG_AF_UNIX 0x80000023
#endif

#define AT_ONCE (1u << 30) /* bytes in one call */

static int wrap(HANDLE h, int flags)
{
	int fd = _open_osfhandle((intptr_t)h, _O_BINARY | _O_NOINHERIT | (flags & (O_RDONLY | O_APPEND)));

	if (fd < 0)
		CloseHandle(h);
	return fd;
}

static bool is_directory(const wchar_t *path)
{
	DWORD a = GetFileAttributesW(path);

	return a != INVALID_FILE_ATTRIBUTES && a & FILE_ATTRIBUTE_DIRECTORY;
}

int os_open(const char *path, int flags, int mode)
{
	DWORD access = flags & O_RDWR ? GENERIC_READ | GENERIC_WRITE : flags & O_WRONLY ? GENERIC_WRITE : GENERIC_READ;
	DWORD how = !(flags & O_CREAT)         ? flags & O_TRUNC ? TRUNCATE_EXISTING : OPEN_EXISTING
		    : flags & O_EXCL           ? CREATE_NEW
		    : flags & O_TRUNC          ? CREATE_ALWAYS
					       : OPEN_ALWAYS;
	wchar_t *wide = os_wide(path);
	HANDLE h;
	int rc;

	if (!wide)
		return -1;
	h = CreateFileW(wide, access, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL, how,
			FILE_ATTRIBUTE_NORMAL | (flags & O_DIRECT ? FILE_FLAG_NO_BUFFERING : 0u), NULL);
	if (h != INVALID_HANDLE_VALUE) {
		rc = wrap(h, flags);
	} else {
		DWORD err = GetLastError();

		rc = os_fail(err);
		if (err == ERROR_ACCESS_DENIED && is_directory(wide))
			errno = EISDIR;
	}
	free(wide);
	return rc;
}

FILE *os_fopen(const char *path, const char *mode)
{
	int flags = *mode == 'r' ? 0 : *mode == 'w' ? O_CREAT | O_TRUNC : O_CREAT | O_APPEND, fd;
	char bytes[4] = { *mode, 'b', 0, 0 };
	FILE *f;

	if (strchr(mode, '+')) {
		flags |= O_RDWR;
		bytes[2] = '+';
	} else {
		flags |= *mode == 'r' ? O_RDONLY : O_WRONLY;
	}
	fd = os_open(path, flags, 0666);
	f = fd < 0 ? NULL : fdopen(fd, bytes);
	if (fd >= 0 && !f)
		_close(fd);
	return f;
}

const char *os_open_error(int err)
{
	return strerror(err);
}

int os_open_some(const char *path)
{
	return os_open(path, O_RDONLY, 0);
}

ssize_t os_read_some(int fd, void *p, size_t n, u64 ns)
{
	return os_read(fd, p, n);
}

int os_close(int fd)
{
	SOCKET s = os_socket_of(fd);

	return s == INVALID_SOCKET ? _close(fd) : os_socket_close(fd, s);
}

ssize_t os_read(int fd, void *p, size_t n)
{
	SOCKET s = os_socket_of(fd);
	int got;

	if (s == INVALID_SOCKET)
		return _read(fd, p, (unsigned)MIN(n, AT_ONCE));
	got = recv(s, p, (int)MIN(n, AT_ONCE), 0);
	return got < 0 ? os_fail((DWORD)WSAGetLastError()) : got;
}

ssize_t os_write(int fd, const void *p, size_t n)
{
	return os_socket_of(fd) == INVALID_SOCKET ? _write(fd, p, (unsigned)MIN(n, AT_ONCE)) : os_send(fd, p, n);
}

/* From 100 ns since 1601. */
static u64 since_1970(FILETIME t)
{
	return ((u64)t.dwHighDateTime << 32 | t.dwLowDateTime) * 100 - 11644473600ull * 1000000000;
}

int os_mkdir(const char *path)
{
	wchar_t *wide = os_wide(path);
	int rc = wide ? CreateDirectoryW(wide, NULL) ? 0 : os_fail(GetLastError()) : -1;

	free(wide);
	return rc;
}

int os_unlink(const char *path)
{
	wchar_t *wide = os_wide(path);
	int rc;

	if (!wide)
		return -1;
	rc = DeleteFileW(wide) ? 0 : os_fail(GetLastError());
	free(wide);
	return rc;
}

int os_rename(const char *from, const char *to)
{
	wchar_t *a = os_wide(from), *b = a ? os_wide(to) : NULL;
	int rc = -1;

	if (b)
		rc = MoveFileExW(a, b, MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH) ? 0 : os_fail(GetLastError());
	free(a);
	free(b);
	return rc;
}

int os_fstat(int fd, struct os_stat *st)
{
	HANDLE h = os_handle_of(fd);
	BY_HANDLE_FILE_INFORMATION i;

	if (h == INVALID_HANDLE_VALUE)
		return -1;
	*st = (struct os_stat){ .kind = OS_OTHER };
	switch (GetFileType(h)) {
	case FILE_TYPE_PIPE:
		st->kind = os_socket_of(fd) == INVALID_SOCKET ? OS_STREAM : OS_SOCKET;
		break;
	case FILE_TYPE_DISK:
		st->kind = OS_FILE;
		if (!GetFileInformationByHandle(h, &i))
			break; /* a standard stream that may be written only */
		st->kind = i.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY ? OS_DIRECTORY : OS_FILE;
		st->size = (u64)i.nFileSizeHigh << 32 | i.nFileSizeLow;
		st->dev = i.dwVolumeSerialNumber;
		st->ino = (u64)i.nFileIndexHigh << 32 | i.nFileIndexLow;
		st->modified = since_1970(i.ftLastWriteTime);
		break;
	}
	return 0;
}

/* A socket's file is a reparse point. */
static bool is_socket_file(const wchar_t *path)
{
	WIN32_FIND_DATAW found;
	HANDLE h = FindFirstFileW(path, &found);

	if (h == INVALID_HANDLE_VALUE)
		return false;
	FindClose(h);
	return found.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT && found.dwReserved0 == IO_REPARSE_TAG_AF_UNIX;
}

int os_stat(const char *path, struct os_stat *st)
{
	wchar_t *wide = os_wide(path);
	WIN32_FILE_ATTRIBUTE_DATA a;
	int rc = 0;

	if (!wide)
		return -1;
	if (!GetFileAttributesExW(wide, GetFileExInfoStandard, &a))
		rc = os_fail(GetLastError());
	else
		*st = (struct os_stat){ .kind = is_socket_file(wide)                           ? OS_SOCKET
						: a.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY ? OS_DIRECTORY
												: OS_FILE,
					.size = (u64)a.nFileSizeHigh << 32 | a.nFileSizeLow };
	free(wide);
	return rc;
}

/* ---- images ---------------------------------------------------------------------------------------------------- */

ssize_t os_transfer(int fd, bool write, const struct iovec *v, int n, u64 off)
{
	HANDLE h = os_handle_of(fd);
	ssize_t done = 0;
	int i;

	if (h == INVALID_HANDLE_VALUE)
		return -EBADF;
	for (i = 0; i < n; i++) {
		u64 at = off + (u64)done;
		OVERLAPPED o = { .Offset = (DWORD)at, .OffsetHigh = (DWORD)(at >> 32) };
		DWORD len = (DWORD)MIN(v[i].iov_len, AT_ONCE), moved = 0;

		if (!(write ? WriteFile(h, v[i].iov_base, len, &moved, &o) : ReadFile(h, v[i].iov_base, len, &moved, &o))) {
			DWORD err = GetLastError();

			if (err == ERROR_HANDLE_EOF || done)
				break;
			return -os_errno_of(err);
		}
		done += (ssize_t)moved;
		if (moved < v[i].iov_len)
			break;
	}
	return done;
}

int os_sync(int fd)
{
	HANDLE h = os_handle_of(fd);

	return h == INVALID_HANDLE_VALUE ? -EBADF : FlushFileBuffers(h) ? 0 : -os_errno_of(GetLastError());
}

int os_truncate(int fd, u64 size)
{
	FILE_END_OF_FILE_INFO end = { .EndOfFile.QuadPart = (LONGLONG)size };
	HANDLE h = os_handle_of(fd);

	if (h == INVALID_HANDLE_VALUE)
		return -EBADF;
	return SetFileInformationByHandle(h, FileEndOfFileInfo, &end, sizeof end) ? 0 : -os_errno_of(GetLastError());
}

/* os_rename() has waited. */
int os_sync_names(const char *path)
{
	return 0;
}

const void *os_map(int fd, size_t n)
{
	HANDLE h = os_handle_of(fd), map;
	const void *p;

	if (h == INVALID_HANDLE_VALUE)
		return NULL;
	map = CreateFileMappingW(h, NULL, PAGE_READONLY, (DWORD)((u64)n >> 32), (DWORD)n, NULL);
	p = map ? MapViewOfFile(map, FILE_MAP_READ, 0, 0, n) : NULL;
	if (!p)
		os_fail(GetLastError());
	/* The view keeps what it needs. */
	if (map)
		CloseHandle(map);
	return p;
}

void os_unmap(const void *p, size_t n)
{
	UnmapViewOfFile(p);
}

i64 os_length(int fd)
{
	HANDLE h = os_handle_of(fd);
	LARGE_INTEGER size;

	if (h == INVALID_HANDLE_VALUE)
		return -EBADF;
	return GetFileSizeEx(h, &size) ? size.QuadPart : -os_errno_of(GetLastError());
}

u32 os_sector_size(int fd)
{
	return 512;
}

/* A sparse file gives the range back; another is filled with zeros by the file system. */
static int set_zero(int fd, u64 off, u64 len, bool sparse)
{
	FILE_ZERO_DATA_INFORMATION z = { .FileOffset.QuadPart = (LONGLONG)off,
					 .BeyondFinalZero.QuadPart = (LONGLONG)(off + len) };
	HANDLE h = os_handle_of(fd);
	DWORD n;

	if (h == INVALID_HANDLE_VALUE)
		return -EBADF;
	if ((sparse && !DeviceIoControl(h, FSCTL_SET_SPARSE, NULL, 0, NULL, 0, &n, NULL)) ||
	    !DeviceIoControl(h, FSCTL_SET_ZERO_DATA, &z, sizeof z, NULL, 0, &n, NULL)) {
		int rc = -os_errno_of(GetLastError());

		return rc == -EINVAL || rc == -EACCES ? -ENOTSUP : rc == -EIO || rc == -ENOSPC ? rc : -ENOSYS;
	}
	return 0;
}

int os_punch_hole(int fd, u64 off, u64 len)
{
	return set_zero(fd, off, len, true);
}

int os_zero_range(int fd, u64 off, u64 len)
{
	/* Zeros past the end of the file are not written. */
	i64 size = os_length(fd);

	return size < 0 || off + len > (u64)size ? -ENOTSUP : set_zero(fd, off, len, false);
}

int os_temp_file(char *dir, size_t n)
{
	const wchar_t *given = _wgetenv(L"TMPDIR");
	wchar_t where[MAX_PATH + 1] = L".", path[MAX_PATH + 64];
	u64 stamp = (u64)GetCurrentProcessId() << 32 ^ GetTickCount64() << 8;
	char *narrow;
	HANDLE h;
	u32 i;

	if (given && *given && wcslen(given) < MAX_PATH)
		wcscpy(where, given);
	else if (!GetTempPathW(MAX_PATH, where))
		return -ENOENT;
	narrow = os_narrow(where);
	snprintf(dir, n, "%s", narrow ? narrow : "?");
	free(narrow);
	for (i = 0; i < 256; i++) {
		_snwprintf(path, ARRAY_SIZE(path), L"%ls\\paravane-%llx.tmp", where, (unsigned long long)(stamp + i));
		h = CreateFileW(path, GENERIC_READ | GENERIC_WRITE | DELETE, FILE_SHARE_DELETE, NULL, CREATE_NEW,
				FILE_ATTRIBUTE_TEMPORARY | FILE_FLAG_DELETE_ON_CLOSE, NULL);
		if (h != INVALID_HANDLE_VALUE) {
			int fd = wrap(h, O_RDWR);

			return fd < 0 ? -errno : fd;
		}
		if (GetLastError() != ERROR_FILE_EXISTS)
			break;
	}
	return -os_errno_of(GetLastError());
}

/* ---- paths ----------------------------------------------------------------------------------------------------- */

const char *os_path_last(const char *path)
{
	const char *last = path, *p;

	for (p = path; *p; p++)
		if (*p == '/' || *p == '\\' || (*p == ':' && p == path + 1))
			last = p + 1;
	return last;
}

bool os_path_is_absolute(const char *path)
{
	return *path == '/' || *path == '\\' || (*path && path[1] == ':');
}

char *os_path_real(const char *path)
{
	wchar_t *wide = os_wide(path), *whole = wide && _waccess(wide, 0) == 0 ? _wfullpath(NULL, wide, 0) : NULL;
	char *real = whole ? os_narrow(whole) : NULL, *p;

	for (p = real; p && *p; p++)
		if (*p == '\\')
			*p = '/';
	free(whole);
	free(wide);
	return real;
}

void os_list_directory(const char *dir, void (*fn)(void *opaque, const char *name, bool directory), void *opaque)
{
	size_t len = strlen(dir);
	char *pattern = malloc(len + 4);
	wchar_t *wide;
	WIN32_FIND_DATAW found;
	HANDLE h = INVALID_HANDLE_VALUE;

	if (!pattern)
		return;
	sprintf(pattern, "%s%s*", dir, !len || strchr("/\\:", dir[len - 1]) ? "" : "/");
	wide = os_wide(pattern);
	if (wide)
		h = FindFirstFileW(wide, &found);
	if (h != INVALID_HANDLE_VALUE) {
		do {
			char *name = os_narrow(found.cFileName);

			if (name)
				fn(opaque, name, found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY);
			free(name);
		} while (FindNextFileW(h, &found));
		FindClose(h);
	}
	free(wide);
	free(pattern);
}
