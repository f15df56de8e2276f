/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Signals and the terminal on Windows (Win32 console control handlers, console modes). Left out: what only POSIX has, notes of
 * SIGUSR1 and SIGUSR2, stops and continues.
 *
 * A control handler runs on a thread of the system's and gets no argument of ours, and this program has no globals; so handlers
 * do nothing but set an event whose name has the process's number in it, and a thread of ours, which has the state, waits for
 * those.
 */
#include "hw/host/signals.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os_windows.h"

/* What handlers say. DONE is the answer to RESTORE: terminals are as they were. */
enum said { SAID_INT, SAID_BREAK, SAID_TERM, SAID_RESTORE, SAID_CLOSE, SAID_DONE, SAID_COUNT };

struct guarded_tty {
	int fd; /* -1 when free */
	HANDLE in, out;
	DWORD saved_in, saved_out, raw_in, raw_out;
};

struct guarded_file {
	char path[108]; /* "": free */
	u64 dev, ino;   /* as it was when it was ours */
};

struct signals {
	struct poll_set *volatile ps;
	volatile int quit;
	volatile LONG notes_quit, last;
	u32 taken_quit;
	CRITICAL_SECTION lock; /* around the rest */
	struct guarded_tty ttys[2];
	struct guarded_file files[4];
	HANDLE said[SAID_COUNT], thread;
	LPTOP_LEVEL_EXCEPTION_FILTER old_filter;
	void (*old_abort)(int sig);
};

const char *signals_name(int sig)
{
	switch (sig) {
	case SIGTERM:
		return "SIGTERM";
	case SIGINT:
		return "SIGINT";
	case SIGBREAK:
		return "SIGBREAK";
	default:
		return "?";
	}
}

/* ---- what handlers do ------------------------------------------------------------------------------------------ */

static void name_event(enum said what, wchar_t *name, size_t n)
{
	_snwprintf(name, n, L"Local\\paravane-%lu-%u", GetCurrentProcessId(), (unsigned)what);
}

/* False when nobody listens. */
static bool say(enum said what)
{
	wchar_t name[64];
	HANDLE event;

	name_event(what, name, ARRAY_SIZE(name));
	event = OpenEventW(EVENT_MODIFY_STATE, FALSE, name);
	if (!event)
		return false;
	SetEvent(event);
	CloseHandle(event);
	return true;
}

/* Terminals are put back when this returns. */
static void restore_now(void)
{
	wchar_t name[64];
	HANDLE done;

	name_event(SAID_DONE, name, ARRAY_SIZE(name));
	done = OpenEventW(SYNCHRONIZE, FALSE, name);
	if (!done)
		return;
	if (say(SAID_RESTORE))
		WaitForSingleObject(done, 1000);
	CloseHandle(done);
}

static BOOL WINAPI on_control(DWORD kind)
{
	if (!say(kind == CTRL_C_EVENT ? SAID_INT : kind == CTRL_BREAK_EVENT ? SAID_BREAK : SAID_TERM))
		return FALSE;
	/* A window that closes takes the program with it when this returns: let it end in its own way first. */
	if (kind != CTRL_C_EVENT && kind != CTRL_BREAK_EVENT)
		Sleep(INFINITE);
	return TRUE;
}

static LONG WINAPI on_crash(EXCEPTION_POINTERS *e)
{
	restore_now();
	return EXCEPTION_CONTINUE_SEARCH;
}

static void on_abort(int sig)
{
	restore_now();
}

/* ---- the thread that has the state ----------------------------------------------------------------------------- */

/* Under the lock. */
static void set_ttys(const struct signals *s, bool raw)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(s->ttys); i++) {
		const struct guarded_tty *t = &s->ttys[i];

		if (t->fd < 0)
			continue;
		SetConsoleMode(t->in, raw ? t->raw_in : t->saved_in);
		SetConsoleMode(t->out, raw ? t->raw_out : t->saved_out);
	}
}

/* Under the lock. */
static void put_all_back(const struct signals *s)
{
	struct os_stat st;
	u32 i;

	set_ttys(s, false);
	for (i = 0; i < ARRAY_SIZE(s->files); i++) {
		const struct guarded_file *f = &s->files[i];

		if (f->path[0] && !os_stat(f->path, &st) && st.dev == f->dev && st.ino == f->ino)
			os_unlink(f->path);
	}
}

static void note_quit(struct signals *s, int sig)
{
	s->last = sig;
	s->quit = 1;
	/* Asked a third time and still here: whoever should look at the notes does not. */
	if (InterlockedIncrement(&s->notes_quit) >= 3) {
		EnterCriticalSection(&s->lock);
		put_all_back(s);
		TerminateProcess(GetCurrentProcess(), 1);
	}
	if (s->ps)
		poll_wake(s->ps);
}

static DWORD WINAPI listen_to(void *opaque)
{
	struct signals *s = opaque;

	for (;;) {
		switch (WaitForMultipleObjects(SAID_DONE, s->said, FALSE, INFINITE)) {
		case WAIT_OBJECT_0 + SAID_INT:
			note_quit(s, SIGINT);
			break;
		case WAIT_OBJECT_0 + SAID_BREAK:
			note_quit(s, SIGBREAK);
			break;
		case WAIT_OBJECT_0 + SAID_TERM:
			note_quit(s, SIGTERM);
			break;
		case WAIT_OBJECT_0 + SAID_RESTORE:
			EnterCriticalSection(&s->lock);
			put_all_back(s);
			LeaveCriticalSection(&s->lock);
			SetEvent(s->said[SAID_DONE]);
			break;
		default:
			return 0;
		}
	}
}

static void close_events(struct signals *s)
{
	u32 i;

	for (i = 0; i < SAID_COUNT; i++)
		if (s->said[i])
			CloseHandle(s->said[i]);
}

struct signals *signals_open(struct poll_set *ps)
{
	struct signals *s = calloc(1, sizeof *s);
	bool good = true;
	wchar_t name[64];
	u32 i;

	if (!s)
		return NULL;
	s->ps = ps;
	for (i = 0; i < ARRAY_SIZE(s->ttys); i++)
		s->ttys[i].fd = -1;
	for (i = 0; i < SAID_COUNT; i++) {
		name_event((enum said)i, name, ARRAY_SIZE(name));
		s->said[i] = CreateEventW(NULL, FALSE, FALSE, name);
		good &= s->said[i] != NULL;
	}
	InitializeCriticalSection(&s->lock);
	if (good)
		s->thread = CreateThread(NULL, 0, listen_to, s, 0, NULL);
	if (!s->thread) {
		close_events(s);
		DeleteCriticalSection(&s->lock);
		free(s);
		return NULL;
	}
	SetConsoleCtrlHandler(on_control, TRUE);
	s->old_filter = SetUnhandledExceptionFilter(on_crash);
	s->old_abort = signal(SIGABRT, on_abort);
	atexit(restore_now);
	return s;
}

void signals_close(struct signals *s)
{
	if (!s)
		return;
	SetConsoleCtrlHandler(on_control, FALSE);
	SetUnhandledExceptionFilter(s->old_filter);
	signal(SIGABRT, s->old_abort);
	SetEvent(s->said[SAID_CLOSE]);
	WaitForSingleObject(s->thread, INFINITE);
	CloseHandle(s->thread);
	set_ttys(s, false);
	close_events(s);
	DeleteCriticalSection(&s->lock);
	free(s);
}

/* ---- the rest -------------------------------------------------------------------------------------------------- */

void signals_wake(struct signals *s, struct poll_set *ps)
{
	s->ps = ps;
	if (s->quit)
		poll_wake(ps);
}

u32 signals_take(struct signals *s)
{
	u32 quit = (u32)s->notes_quit, notes = quit != s->taken_quit ? SIGNAL_QUIT : 0;

	s->taken_quit = quit;
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
	return (int)s->last;
}

int signals_guard_file(struct signals *s, const char *path)
{
	size_t n = strlen(path);
	struct os_stat st;
	int rc = -ENOSPC;
	u32 i;

	if (!n || os_stat(path, &st))
		return -ENOENT;
	if (n >= sizeof s->files[0].path)
		return -ENAMETOOLONG;
	EnterCriticalSection(&s->lock);
	for (i = 0; rc && i < ARRAY_SIZE(s->files); i++)
		if (!s->files[i].path[0]) {
			s->files[i].dev = st.dev;
			s->files[i].ino = st.ino;
			memcpy(s->files[i].path, path, n + 1);
			rc = 0;
		}
	LeaveCriticalSection(&s->lock);
	return rc;
}

int signals_raw_tty(struct signals *s, int fd)
{
	struct guarded_tty *t = NULL, n = { .fd = fd, .in = os_handle_of(fd), .out = GetStdHandle(STD_OUTPUT_HANDLE) };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(s->ttys); i++)
		if (s->ttys[i].fd < 0)
			t = &s->ttys[i];
	if (!t)
		return -EBUSY;
	if (n.in == INVALID_HANDLE_VALUE || !GetConsoleMode(n.in, &n.saved_in))
		return -ENOTTY;
	/* Keys as a VT100 sends them, Ctrl-C among them. */
	n.raw_in = (n.saved_in & ~(DWORD)(ENABLE_LINE_INPUT | ENABLE_ECHO_INPUT | ENABLE_PROCESSED_INPUT | ENABLE_WINDOW_INPUT |
					  ENABLE_MOUSE_INPUT)) |
		   ENABLE_VIRTUAL_TERMINAL_INPUT;
	/* The output may go elsewhere. */
	if (GetConsoleMode(n.out, &n.saved_out))
		n.raw_out = n.saved_out | ENABLE_PROCESSED_OUTPUT | ENABLE_VIRTUAL_TERMINAL_PROCESSING;
	EnterCriticalSection(&s->lock);
	*t = n;
	set_ttys(s, true);
	LeaveCriticalSection(&s->lock);
	return 0;
}

void signals_release_tty(struct signals *s, int fd)
{
	u32 i;

	EnterCriticalSection(&s->lock);
	set_ttys(s, false);
	for (i = 0; i < ARRAY_SIZE(s->ttys); i++)
		if (s->ttys[i].fd == fd)
			s->ttys[i].fd = -1;
	set_ttys(s, true);
	LeaveCriticalSection(&s->lock);
}
