/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hw/host/signals_posix.c: the terminal is raw while stdio is open and put back on every way out, crashes included; stops and
 * continues; what each signal does.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "hw/host/chardev/chardev.h"
#include "hw/host/signals.h"
#include "tests/suites.h"

/* A guest's console: takes what comes. */
struct sink {
	char got[100];
	size_t n;
	int quits;
};

static size_t sink_room(void *opaque)
{
	return sizeof((struct sink *)opaque)->got - ((struct sink *)opaque)->n;
}

static void sink_take(void *opaque, const u8 *p, size_t n)
{
	struct sink *s = opaque;

	memcpy(s->got + s->n, p, n);
	s->n += n;
}

static void sink_quit(void *opaque)
{
	((struct sink *)opaque)->quits++;
}

static const struct chardev_client sink_client = { sink_room, sink_take };

/* Reads exactly n bytes, waiting two seconds at most for each piece. */
static void read_exactly(int fd, char *buf, size_t n)
{
	size_t done = 0;

	while (done < n) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t r;

		ck_assert_msg(poll(&p, 1, 60000) == 1, "only %zu of %zu bytes came", done, n);
		r = read(fd, buf + done, n - done);
		ck_assert_int_gt((int)r, 0);
		done += (size_t)r;
	}
	buf[n] = 0;
}

/* A child with a terminal of its own, seen from the other side. */
struct terminal {
	int master;
	pid_t pid;
	struct termios before;
};

enum way_out { OUT_CLOSE, OUT_EXIT, OUT_ABORT, OUT_SEGV, OUT_LOOP };

static NOINLINE void tty_body(enum way_out how)
{
	struct poll_set *ps = poll_set_new();
	/* A sanitizer's handler of crashes would be left in its place: the child has none. */
	bool plain = signal(SIGSEGV, SIG_DFL) != SIG_ERR && signal(SIGABRT, SIG_DFL) != SIG_ERR;
	struct signals *sig = signals_open(ps);
	struct sink s = { .n = 0 };
	struct chardev_env env = { .poll = ps, .signals = sig, .label = "serial0", .quit = sink_quit, .opaque = &s };
	struct chardev *cd = chardev_open("stdio", &env, NULL);
	u32 notes = 0;
	volatile int *volatile nowhere = NULL;

	if (!plain || !cd || !chardev_is_live(cd))
		_exit(98);
	chardev_set_client(cd, &sink_client, &s);
	chardev_write(cd, "ready", 5);
	while (!s.n && !s.quits && !(notes & SIGNAL_QUIT)) {
		poll_wait(ps, -1);
		notes |= signals_take(sig);
		if (notes & SIGNAL_PROGRESS) {
			chardev_write(cd, "progress", 8);
			notes = 0;
		}
	}
	if (how == OUT_EXIT)
		exit(5);
	if (how == OUT_ABORT)
		abort();
	if (how == OUT_SEGV)
		*nowhere = 1;
	while (how == OUT_LOOP)
		pause();
	chardev_close(cd);
	signals_close(sig);
	poll_set_free(ps);
	_exit(notes & SIGNAL_QUIT ? 7 : s.quits ? 8 : s.got[0]);
}

static bool is_raw(int master)
{
	struct termios t;

	ck_assert_int_eq(tcgetattr(master, &t), 0);
	return !(t.c_lflag & (ECHO | ICANON | ISIG)) && (t.c_oflag & OPOST);
}

static bool is_restored(const struct terminal *t)
{
	struct termios now;

	ck_assert_int_eq(tcgetattr(t->master, &now), 0);
	return now.c_lflag == t->before.c_lflag && now.c_iflag == t->before.c_iflag &&
	       now.c_oflag == t->before.c_oflag && now.c_cflag == t->before.c_cflag &&
	       !memcmp(now.c_cc, t->before.c_cc, sizeof now.c_cc);
}

/* Starts the child; its keeper holds the terminal open afterwards, as a shell would. */
static void terminal_start(struct terminal *t, enum way_out how, int *keeper)
{
	char buf[16];

	t->master = posix_openpt(O_RDWR | O_NOCTTY);
	ck_assert_int_ge(t->master, 0);
	ck_assert_int_eq(grantpt(t->master), 0);
	ck_assert_int_eq(unlockpt(t->master), 0);
	*keeper = open(ptsname(t->master), O_RDWR | O_NOCTTY);
	ck_assert_int_ge(*keeper, 0);
	ck_assert_int_eq(tcgetattr(*keeper, &t->before), 0);
	t->pid = fork();
	if (!t->pid) {
		int fd;

		setsid();
		fd = open(ptsname(t->master), O_RDWR); /* the controlling terminal */
		dup2(fd, 0);
		dup2(fd, 1);
		tty_body(how);
	}
	read_exactly(t->master, buf, 5);
	ck_assert_str_eq(buf, "ready");
	ck_assert(is_raw(t->master));
}

static int terminal_wait(struct terminal *t, int keeper)
{
	int status;

	ck_assert_int_eq(waitpid(t->pid, &status, 0), t->pid);
	ck_assert_msg(is_restored(t), "the terminal was left raw");
	close(keeper);
	close(t->master);
	return status;
}

START_TEST(terminal_restored)
{
	struct terminal t;
	int keeper, status, i;
	char buf[16];

	/* Keys come through raw: Ctrl-C is one of them. */
	terminal_start(&t, OUT_CLOSE, &keeper);
	ck_assert_int_eq((int)write(t.master, "\x03", 1), 1);
	status = terminal_wait(&t, keeper);
	ck_assert_int_eq(WEXITSTATUS(status), 3);
	/* Ctrl-A x works on plain stdio too. */
	terminal_start(&t, OUT_CLOSE, &keeper);
	ck_assert_int_eq((int)write(t.master, "\x01x", 2), 2);
	status = terminal_wait(&t, keeper);
	ck_assert_int_eq(WEXITSTATUS(status), 8);
	/* exit() without any clean-up. */
	terminal_start(&t, OUT_EXIT, &keeper);
	ck_assert_int_eq((int)write(t.master, "q", 1), 1);
	status = terminal_wait(&t, keeper);
	ck_assert_int_eq(WEXITSTATUS(status), 5);
	/* Signals that end, and one that only notes. */
	terminal_start(&t, OUT_CLOSE, &keeper);
	kill(t.pid, SIGUSR1);
	read_exactly(t.master, buf, 8);
	ck_assert_str_eq(buf, "progress");
	kill(t.pid, SIGTERM);
	status = terminal_wait(&t, keeper);
	ck_assert_int_eq(WEXITSTATUS(status), 7);
	/* Nobody looks at the notes: the third one ends it. */
	terminal_start(&t, OUT_LOOP, &keeper);
	kill(t.pid, SIGTERM);
	for (i = 0; i < 3; i++) {
		usleep(50000); /* or two pending ones would be one */
		kill(t.pid, SIGINT);
	}
	status = terminal_wait(&t, keeper);
	ck_assert(WIFSIGNALED(status));
}
END_TEST

START_TEST(terminal_restored_in_crash)
{
	struct terminal t;
	int keeper, status;

	terminal_start(&t, OUT_ABORT, &keeper);
	ck_assert_int_eq((int)write(t.master, "q", 1), 1);
	status = terminal_wait(&t, keeper);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	terminal_start(&t, OUT_SEGV, &keeper);
	ck_assert_int_eq((int)write(t.master, "q", 1), 1);
	status = terminal_wait(&t, keeper);
	ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "status %x", status);
}
END_TEST

/* One that came before there was a loop to wake: the loop hears of it when it is there. */
START_TEST(early_signal)
{
	struct signals *sig = signals_open(NULL);
	struct poll_set *ps;

	ck_assert_ptr_nonnull(sig);
	ck_assert_int_eq(raise(SIGTERM), 0);
	ck_assert(*signals_quit_flag(sig) && signals_last(sig) == SIGTERM);
	ps = poll_set_new();
	signals_wake(sig, ps);
	ck_assert_int_eq(poll_wait(ps, -1), 0); /* comes back */
	ck_assert(signals_take(sig) & SIGNAL_QUIT);
	ck_assert_int_eq(raise(SIGINT), 0);
	ck_assert_int_eq(poll_wait(ps, -1), 0);
	signals_close(sig);
	poll_set_free(ps);
}
END_TEST

START_TEST(terminal_job_control)
{
	struct terminal t;
	int keeper, status, i;

	terminal_start(&t, OUT_CLOSE, &keeper);
	/*
	 * A stop by SIGTSTP: cooked while stopped, raw again after. An orphaned process group is not stopped by it, so
	 * the child's is; then only the raw mode can be looked at.
	 */
	kill(t.pid, SIGTSTP);
	for (i = 0; i < 20; i++) {
		usleep(10000);
		if (waitpid(t.pid, &status, WUNTRACED | WNOHANG) == t.pid) {
			ck_assert(WIFSTOPPED(status));
			ck_assert(is_restored(&t));
			break;
		}
	}
	/* As after a stop that cannot be caught, during which somebody set the terminal back. */
	kill(t.pid, SIGSTOP);
	waitpid(t.pid, &status, WUNTRACED);
	ck_assert_int_eq(tcsetattr(keeper, TCSANOW, &t.before), 0);
	kill(t.pid, SIGCONT);
	for (i = 0; i < 6000 && !is_raw(t.master); i++)
		usleep(10000);
	ck_assert(is_raw(t.master));
	kill(t.pid, SIGTERM);
	status = terminal_wait(&t, keeper);
	ck_assert_int_eq(WEXITSTATUS(status), 7);
}
END_TEST

Suite *terminal_suite(void)
{
	Suite *s = suite_create("terminal");
	TCase *t = tcase_create("terminal");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, terminal_restored);
	tcase_add_test(t, terminal_restored_in_crash);
	tcase_add_test(t, early_signal);
	tcase_add_test(t, terminal_job_control);
	suite_add_tcase(s, t);
	return s;
}
