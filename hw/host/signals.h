/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Signals and the terminal: quit requests, job control, and the promise that a terminal put into raw mode is put back
 * on every way out, crashes included (POSIX signals and termios). Left out: SIGKILL, which nobody can catch.
 */
#ifndef HW_HOST_SIGNALS_H
#define HW_HOST_SIGNALS_H

#include "base/log.h"
#include "base/poll.h"
#include "base/types.h"

struct signals;
struct termios;

enum signal_note {
	SIGNAL_QUIT = 1,     /* SIGTERM, SIGINT, SIGQUIT or SIGHUP came */
	SIGNAL_PROGRESS = 2, /* SIGUSR1 (SIGINFO where it exists) came */
	SIGNAL_SCREEN = 4,   /* SIGUSR2 came: the screen is to be written to a file */
};

/*
 * Catches the signals; each makes a note and wakes ps (NULL is allowed). One at a time in a process, on the main
 * thread; other threads block all signals. NULL when memory is short.
 */
struct signals *signals_open(struct poll_set *ps);
/* From now on signals wake ps; it is woken at once when one to quit has come already. */
void signals_wake(struct signals *s, struct poll_set *ps);
/* Puts terminals back and the signals as they were. NULL is allowed. */
void signals_close(struct signals *s);

/* The SIGNAL_* notes since the last call. */
u32 signals_take(struct signals *s);
/* True when a SIGNAL_QUIT note waits to be taken. */
bool signals_quitting(const struct signals *s);
/* An int that is non-zero from the first quit signal or signals_request_quit() on; for those who look between quanta.
 */
volatile int *signals_quit_flag(struct signals *s);
/* Asks to end as a signal would (Ctrl-A x), but signals_last() stays 0. */
void signals_request_quit(struct signals *s);
/* The number of the last quit signal, 0 when none came. */
int signals_last(const struct signals *s);
/* "SIGTERM" and so on; "?" for those that are not caught to end. */
const char *signals_name(int sig);

/*
 * Puts the terminal at fd into raw mode (keys come one by one, unechoed; output stays cooked) and keeps it so over
 * stops and continues until signals_release_tty(). In the background it waits with that until the job is in the
 * foreground. 0 or -errno.
 */
int signals_raw_tty(struct signals *s, int fd);
void signals_release_tty(struct signals *s, int fd);

/*
 * A file, such as a socket's, that is to be removed too when a signal ends the program on the spot: a crash, or a third
 * request to quit; one that somebody has put in its place by then stays. Paths of up to 107 bytes, four of them. -ENOSPC,
 * -ENAMETOOLONG, or -ENOENT: there is none.
 */
int signals_guard_file(struct signals *s, const char *path);

#endif
