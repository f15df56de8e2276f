/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What host systems differ in, threads: POSIX threads everywhere (on Windows of mingw-w64's winpthreads), and signals.
 */
#ifndef BASE_OS_THREAD_H
#define BASE_OS_THREAD_H

#include <pthread.h>

/* pthread_create() of one that takes no signals: they are for the main thread. 0 or an errno. */
int os_thread_create(pthread_t *t, void *(*fn)(void *opaque), void *opaque);

#endif
