/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Signals and the terminal (POSIX.1-2008 sigaction, sigaltstack, termios).
 *
 * A handler gets no argument of ours and this program has no globals, so the handlers' state lies in front of the
 * alternate signal stack they run on, and sigaltstack() tells where that is.
 */
#include "hw/host/signals.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/os_file.h"

const char *signals_name(int sig)
{
	switch (sig) {
	case SIGTERM:
		return "SIGTERM";
	case SIGINT:
		return "SIGINT";
	case SIGQUIT:
		return "SIGQUIT";
	case SIGHUP:
		return "SIGHUP";
	default:
		return "?";
	}
}

#define STACK_BYTES (64u * 1024 + 512) /* an odd size, so that we know ours when we see it */
#define MAGIC 0x7061726176616e65ULL

enum role { ROLE_QUIT, ROLE_PROGRESS, ROLE_SCREEN, ROLE_STOP, ROLE_CONTINUE, ROLE_CRASH, ROLE_IGNORE };

static const struct {
	int sig;
	enum role role;
} caught[] = {
	{ SIGTERM, ROLE_QUIT },     { SIGINT, ROLE_QUIT },      { SIGQUIT, ROLE_QUIT },   { SIGHUP, ROLE_QUIT },
	{ SIGUSR1, ROLE_PROGRESS },  { SIGUSR2, ROLE_SCREEN },
#ifdef SIGINFO
	{ SIGINFO, ROLE_PROGRESS },
#endif
	{ SIGTSTP, ROLE_STOP },     { SIGCONT, ROLE_CONTINUE }, { SIGPIPE, ROLE_IGNORE }, { SIGSEGV, ROLE_CRASH },
	{ SIGBUS, ROLE_CRASH },     { SIGILL, ROLE_CRASH },     { SIGFPE, ROLE_CRASH },   { SIGABRT, ROLE_CRASH },
	{ SIGSYS, ROLE_CRASH },     { SIGXCPU, ROLE_CRASH },    { SIGALRM, ROLE_CRASH },
};

struct guarded_tty {
	int fd; /* -1 when free */
	struct termios saved, raw;
};

struct guarded_file {
	char path[108]; /* "": free */
	u64 dev, ino;   /* as it was when it was ours */
};

struct signals {
	u64 magic;
	struct poll_set *volatile ps;
	volatile sig_atomic_t notes_quit, notes_progress, notes_screen; /* counts */
	volatile sig_atomic_t last;
	volatile int quit;
	struct guarded_tty ttys[2];
	struct guarded_file files[4];
	struct sigaction old[ARRAY_SIZE(caught)];
	bool changed[ARRAY_SIZE(caught)];
	stack_t old_stack;
	u32 taken_quit, taken_progress, taken_screen;
	_Alignas(64) char stack[STACK_BYTES];
};

/* The state in front of the alternate stack, or NULL when the stack is not ours. Safe in handlers. */
static struct signals *find_self(void)
{
	struct signals *s;
	stack_t ss;

	if (sigaltstack(NULL, &ss) || (ss.ss_flags & SS_DISABLE) || ss.ss_size != STACK_BYTES)
		return NULL;
	s = container_of((char(*)[STACK_BYTES])ss.ss_sp, struct signals, stack);
	return s->magic == MAGIC ? s : NULL;
}

/* Whoever is not in the foreground must leave the terminal alone: it is another job's, and touching it stops us. */
static bool in_foreground(int fd)
{
	return tcgetpgrp(fd) == getpgrp();
}

static void set_ttys(const struct signals *s, bool raw)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(s->ttys); i++) {
		const struct guarded_tty *t = &s->ttys[i];

		/* A terminal that is not our controlling one has no foreground job (tcgetpgrp() fails): set it. */
		if (t->fd >= 0 && (in_foreground(t->fd) || tcgetpgrp(t->fd) < 0))
			tcsetattr(t->fd, TCSANOW, raw ? &t->raw : &t->saved);
	}
}

static void remove_files(const struct signals *s)
{
	struct os_stat st;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(s->files); i++) {
		const struct guarded_file *f = &s->files[i];

		/* lstat() may be called in handlers. */
		if (f->path[0] && !os_stat(f->path, &st) && st.dev == f->dev && st.ino == f->ino)
			unlink(f->path);
	}
}

static enum role role_of(int sig)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(caught); i++)
		if (caught[i].sig == sig)
			return caught[i].role;
	return ROLE_IGNORE;
}

/* Lets the signal do what it does by default, while we are still in its handler. */
static void default_action(int sig)
{
	struct sigaction sa = { .sa_handler = SIG_DFL };
	sigset_t set;

	sigaction(sig, &sa, NULL);
	sigemptyset(&set);
	sigaddset(&set, sig);
	raise(sig);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void on_signal(int sig)
{
	struct signals *s = find_self();
	int saved = errno;

	switch (role_of(sig)) {
	case ROLE_QUIT:
		if (!s)
			break;
		s->last = sig;
		s->quit = 1;
		s->notes_quit++;
		/* Asked a third time and still here: whoever should look at the notes does not. */
		if (s->notes_quit >= 3) {
			set_ttys(s, false);
			remove_files(s);
			default_action(sig);
		}
		break;
	case ROLE_PROGRESS:
		if (s)
			s->notes_progress++;
		break;
	case ROLE_SCREEN:
		if (s)
			s->notes_screen++;
		break;
	case ROLE_STOP: {
		struct sigaction sa;

		if (s)
			set_ttys(s, false);
		sigaction(sig, NULL, &sa);
		default_action(sig);
		/* Continued: SIGCONT has its own handler, for those who were stopped by SIGSTOP. */
		sigaction(sig, &sa, NULL);
		break;
	}
	case ROLE_CONTINUE:
		if (s)
			set_ttys(s, true);
		break;
	case ROLE_CRASH:
		if (s) {
			set_ttys(s, false);
			remove_files(s);
		}
		default_action(sig);
		break;
	case ROLE_IGNORE:
		break;
	}
	if (s && s->ps)
		poll_wake(s->ps);
	errno = saved;
}

/* For those who call exit() without signals_close(). */
static void on_exit_restore(void)
{
	struct signals *s = find_self();

	if (s)
		set_ttys(s, false);
}

/* What our starter ignores (nohup) stays ignored; a sanitizer keeps its crash reports. */
static bool keep_old(enum role role, const struct sigaction *old)
{
	switch (role) {
	case ROLE_CRASH:
		return (old->sa_flags & SA_SIGINFO) || old->sa_handler != SIG_DFL;
	case ROLE_IGNORE:
	case ROLE_CONTINUE:
		return false;
	default:
		return !(old->sa_flags & SA_SIGINFO) && old->sa_handler == SIG_IGN;
	}
}

struct signals *signals_open(struct poll_set *ps)
{
	struct signals *s = NULL;
	stack_t ss = { .ss_size = STACK_BYTES };
	u32 i;

	if (posix_memalign((void **)&s, 64, sizeof *s))
		return NULL;
	memset(s, 0, sizeof *s);
	s->magic = MAGIC;
	s->ps = ps;
	for (i = 0; i < ARRAY_SIZE(s->ttys); i++)
		s->ttys[i].fd = -1;
	ss.ss_sp = s->stack;
	if (sigaltstack(&ss, &s->old_stack)) {
		free(s);
		return NULL;
	}
	for (i = 0; i < ARRAY_SIZE(caught); i++) {
		struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK };

		sigaction(caught[i].sig, NULL, &s->old[i]);
		if (keep_old(caught[i].role, &s->old[i]))
			continue;
		if (caught[i].role == ROLE_IGNORE)
			sa.sa_handler = SIG_IGN;
		sigfillset(&sa.sa_mask);
		s->changed[i] = !sigaction(caught[i].sig, &sa, NULL);
	}
	atexit(on_exit_restore);
	return s;
}

int signals_guard_file(struct signals *s, const char *path)
{
	size_t n = strlen(path);
	struct os_stat st;
	u32 i;

	if (!n || os_stat(path, &st))
		return -ENOENT;
	if (n >= sizeof s->files[0].path)
		return -ENAMETOOLONG;
	for (i = 0; i < ARRAY_SIZE(s->files); i++) {
		struct guarded_file *f = &s->files[i];

		if (f->path[0])
			continue;
		f->dev = st.dev;
		f->ino = st.ino;
		memcpy(f->path + 1, path + 1, n);
		/* The first byte last: a handler may look at any time. */
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
		*(volatile char *)&f->path[0] = path[0];
		return 0;
	}
	return -ENOSPC;
}

void signals_close(struct signals *s)
{
	u32 i;

	if (!s)
		return;
	set_ttys(s, false);
	for (i = 0; i < ARRAY_SIZE(caught); i++)
		if (s->changed[i])
			sigaction(caught[i].sig, &s->old[i], NULL);
	if (s->old_stack.ss_flags & SS_DISABLE)
		s->old_stack.ss_size = MINSIGSTKSZ; /* some systems check it even then */
	sigaltstack(&s->old_stack, NULL);
	s->magic = 0;
	free(s);
}

void signals_wake(struct signals *s, struct poll_set *ps)
{
	s->ps = ps;
	if (s->quit)
		poll_wake(ps);
}

u32 signals_take(struct signals *s)
{
	u32 quit = (u32)s->notes_quit, progress = (u32)s->notes_progress, screen = (u32)s->notes_screen, notes = 0;

	if (quit != s->taken_quit)
		notes |= SIGNAL_QUIT;
	if (progress != s->taken_progress)
		notes |= SIGNAL_PROGRESS;
	if (screen != s->taken_screen)
		notes |= SIGNAL_SCREEN;
	s->taken_screen = screen;
	s->taken_quit = quit;
	s->taken_progress = progress;
	return notes;
}

bool signals_quitting(const struct signals *s)
{
	return (u32)s->notes_quit != s->taken_quit;
}

volatile int *signals_quit_flag(struct signals *s)
{
	return &s->quit;
}

void signals_request_quit(struct signals *s)
{
	s->quit = 1;
	if (s->ps)
		poll_wake(s->ps);
}

int signals_last(const struct signals *s)
{
	return s->last;
}

int signals_raw_tty(struct signals *s, int fd)
{
	struct guarded_tty *t = NULL;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(s->ttys); i++)
		if (s->ttys[i].fd < 0)
			t = &s->ttys[i];
	if (!t)
		return -EBUSY;
	if (tcgetattr(fd, &t->saved))
		return -errno;
	t->raw = t->saved;
	/* Raw as the guest's own tty layer wants it; output stays cooked, so that our own lines look right. */
	t->raw.c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
	t->raw.c_oflag |= OPOST;
	t->raw.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
	t->raw.c_cflag &= ~(tcflag_t)(CSIZE | PARENB);
	t->raw.c_cflag |= CS8;
	t->raw.c_cc[VMIN] = 1;
	t->raw.c_cc[VTIME] = 0;
	t->fd = fd;
	set_ttys(s, true);
	return 0;
}

void signals_release_tty(struct signals *s, int fd)
{
	u32 i;

	set_ttys(s, false);
	for (i = 0; i < ARRAY_SIZE(s->ttys); i++)
		if (s->ttys[i].fd == fd)
			s->ttys[i].fd = -1;
	set_ttys(s, true);
}
