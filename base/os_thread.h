/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls that differ between host systems: threads and signals. Threads are POSIX threads everywhere; on Windows
 * mingw-w64's winpthreads has them.
 */
#ifndef BASE_OS_THREAD_H
#define BASE_OS_THREAD_H

#include <pthread.h>

#include "base/types.h"

/* pthread_create() of one that takes no signals: they are for the main thread. 0 or an errno. */
int os_thread_create(pthread_t *t, void *(*fn)(void *opaque), void *opaque);

/* A condition for os_cond_wait(), which waits at most ns, by a clock that nobody sets where the host lets it. */
void os_cond_init(pthread_cond_t *cond);
void os_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, u64 ns);

#endif
