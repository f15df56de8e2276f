/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls that differ between host systems: the process, its clock, errors in words, memory. Files are in os_file.h,
 * sockets and waiting in os_socket.h. The makefile compiles either the os_X_posix.c or the os_X_windows.c.
 */
#ifndef BASE_OS_H
#define BASE_OS_H

#include "base/types.h"

/*
 * First thing in main(): from here on arguments are UTF-8, standard streams carry bytes as they are, and sockets work.
 * argv may be another one afterwards.
 */
void os_start(int *argc, char ***argv);

/* Nanoseconds of a clock that never runs back. */
u64 os_now(void);

/* strerror(), errors of sockets too. */
const char *os_strerror(int err);

/* True when fd is a terminal (a console). */
bool os_is_terminal(int fd);

/* Bytes of memory this process holds now where the system tells, else its maximum; 0 when it does not say. */
u64 os_resident_bytes(void);
/* Bytes of memory the host has; 0 when it does not say. */
u64 os_memory_bytes(void);

/* n bytes that begin at a page, or NULL. */
void *os_page_alloc(size_t n);
void os_page_free(void *p);

#endif
