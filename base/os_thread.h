/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls that differ between host systems: threads. Threads are POSIX threads everywhere; on Windows mingw-w64's winpthreads
 * has them. Locks and conditions are the host's own there, since winpthreads waits by the clock of the day, which may be set.
 */
#ifndef BASE_OS_THREAD_H
#define BASE_OS_THREAD_H

#include <pthread.h>

#include "base/types.h"

/* pthread_create() of one that takes no signals: they are for the main thread. 0 or an errno. */
int os_thread_create(pthread_t *t, void *(*fn)(void *opaque), void *opaque);

#ifdef _WIN32
struct os_mutex {
	void *lock; /* an SRWLOCK */
};
struct os_cond {
	void *cond; /* a CONDITION_VARIABLE */
};
#else
struct os_mutex {
	pthread_mutex_t lock;
};
struct os_cond {
	pthread_cond_t cond;
};
#endif

/* As the pthread calls of those names. Not recursive. */
void os_mutex_init(struct os_mutex *m);
void os_mutex_destroy(struct os_mutex *m);
void os_mutex_lock(struct os_mutex *m);
void os_mutex_unlock(struct os_mutex *m);

void os_cond_init(struct os_cond *c);
void os_cond_destroy(struct os_cond *c);
void os_cond_signal(struct os_cond *c);
void os_cond_broadcast(struct os_cond *c);
void os_cond_wait(struct os_cond *c, struct os_mutex *m);
/* Waits at most ns, by a clock that nobody sets. */
void os_cond_wait_for(struct os_cond *c, struct os_mutex *m, u64 ns);

#endif
