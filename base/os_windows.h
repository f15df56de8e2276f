/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What base/os_*_windows.c share (Win32; Windows 10 from version 2004 on, whose WSAPoll() tells of connections that fail).
 */
#ifndef BASE_OS_WINDOWS_H
#define BASE_OS_WINDOWS_H

#include "base/os_socket.h"
/* The system's headers go on using these. */
#define near
#define far
#include <windows.h>

/* UTF-8 to UTF-16 and back, to be freed. NULL: no memory, or no UTF-8 at all; errno says which. */
wchar_t *os_wide(const char *s);
char *os_narrow(const wchar_t *s);

/* The errno for an error of Windows or of its sockets. */
int os_errno_of(DWORD err);
/* Sets errno to that and returns -1. */
int os_fail(DWORD err);

/* The handle behind a descriptor, or INVALID_HANDLE_VALUE with errno. */
HANDLE os_handle_of(int fd);
/* The socket behind it, or INVALID_SOCKET: it is none. */
SOCKET os_socket_of(int fd);
/* As os_close() for those. */
int os_socket_close(int fd, SOCKET s);

#endif
