/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The process on POSIX systems.
 */
#include "base/os.h"
#include "base/os_thread.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

void os_start(int *argc, char ***argv)
{
}

u64 os_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000u + (u64)ts.tv_nsec;
}

const char *os_strerror(int err)
{
	return strerror(err);
}

bool os_is_terminal(int fd)
{
	return isatty(fd);
}

u64 os_memory_bytes(void)
{
#ifdef _SC_PHYS_PAGES
	long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);

	return pages > 0 && size > 0 ? (u64)pages * (u64)size : 0;
#else
	return 0;
#endif
}

u64 os_resident_bytes(void)
{
	struct rusage ru;
#ifdef __linux__
	FILE *f = fopen("/proc/self/statm", "r");
	unsigned long long pages = 0;

	if (f) {
		if (fscanf(f, "%*u %llu", &pages) != 1)
			pages = 0;
		fclose(f);
		if (pages)
			return pages * (u64)sysconf(_SC_PAGESIZE);
	}
#endif
	if (getrusage(RUSAGE_SELF, &ru))
		return 0;
#ifdef __APPLE__
	return (u64)ru.ru_maxrss;
#else
	return (u64)ru.ru_maxrss * 1024;
#endif
}

void *os_page_alloc(size_t n)
{
	void *p;

	return posix_memalign(&p, 4096, n) ? NULL : p;
}

void os_page_free(void *p)
{
	free(p);
}

int os_thread_create(pthread_t *t, void *(*fn)(void *opaque), void *opaque)
{
	sigset_t all, old;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(t, NULL, fn, opaque);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc;
}

void os_mutex_init(struct os_mutex *m)
{
	pthread_mutex_init(&m->lock, NULL);
}

void os_mutex_destroy(struct os_mutex *m)
{
	pthread_mutex_destroy(&m->lock);
}

void os_mutex_lock(struct os_mutex *m)
{
	pthread_mutex_lock(&m->lock);
}

void os_mutex_unlock(struct os_mutex *m)
{
	pthread_mutex_unlock(&m->lock);
}

void os_cond_destroy(struct os_cond *c)
{
	pthread_cond_destroy(&c->cond);
}

void os_cond_signal(struct os_cond *c)
{
	pthread_cond_signal(&c->cond);
}

void os_cond_broadcast(struct os_cond *c)
{
	pthread_cond_broadcast(&c->cond);
}

void os_cond_wait(struct os_cond *c, struct os_mutex *m)
{
	pthread_cond_wait(&c->cond, &m->lock);
}

#ifdef __APPLE__
void os_cond_init(struct os_cond *c)
{
	pthread_cond_init(&c->cond, NULL);
}

void os_cond_wait_for(struct os_cond *c, struct os_mutex *m, u64 ns)
{
	struct timespec t = { (time_t)(ns / 1000000000), (long)(ns % 1000000000) };

	pthread_cond_timedwait_relative_np(&c->cond, &m->lock, &t);
}
#else
void os_cond_init(struct os_cond *c)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&c->cond, &attr);
	pthread_condattr_destroy(&attr);
}

void os_cond_wait_for(struct os_cond *c, struct os_mutex *m, u64 ns)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	ns += (u64)t.tv_nsec;
	t.tv_sec += (time_t)(ns / 1000000000);
	t.tv_nsec = (long)(ns % 1000000000);
	pthread_cond_timedwait(&c->cond, &m->lock, &t);
}
#endif
