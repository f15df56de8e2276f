/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hw/host: character devices over real sockets, pipes and pseudo-terminals.
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
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hw/host/chardev/chardev.h"
#include "hw/host/signals.h"
#include "tests/suites.h"

/* A guest's console: takes what comes while there is room. */
struct sink {
	char got[70000];
	size_t n, room;
	int quits;
};

static size_t sink_room(void *opaque)
{
	return ((struct sink *)opaque)->room;
}

static void sink_take(void *opaque, const u8 *p, size_t n)
{
	struct sink *s = opaque;

	ck_assert(n && n <= s->room && s->n + n < sizeof s->got);
	memcpy(s->got + s->n, p, n);
	s->n += n;
	s->room -= n;
	s->got[s->n] = 0;
}

static void sink_quit(void *opaque)
{
	((struct sink *)opaque)->quits++;
}

static const struct chardev_client sink_client = { sink_room, sink_take };

static struct chardev *open_dev(const char *spec, struct poll_set *ps, struct sink *s, struct signals *sig)
{
	struct chardev_env env = { .poll = ps, .signals = sig, .label = "serial0", .quit = sink_quit, .opaque = s };
	struct error e = { "" };
	struct chardev *cd = chardev_open(spec, &env, &e);

	ck_assert_msg(cd != NULL, "%s: %s", spec, e.text);
	if (s)
		chardev_set_client(cd, &sink_client, s);
	return cd;
}

static void refused(const char *spec, const char *w1, const char *w2)
{
	struct poll_set *ps = poll_set_new();
	struct chardev_env env = { .poll = ps, .label = "x" };
	struct error e = { "" };

	ck_assert_msg(!chardev_open(spec, &env, &e), "%s opened", spec);
	ck_assert_msg(strstr(e.text, w1) && strstr(e.text, w2), "%s: '%s'", spec, e.text);
	poll_set_free(ps);
}

/* Runs the loop until cond; a minute is more than any machine needs. */
#define LOOP_UNTIL(ps, cond)                                      \
	do {                                                      \
		u64 loop_end = host_now() + 60000000000u;         \
		while (!(cond) && host_now() < loop_end)          \
			poll_wait(ps, 10000000);                  \
		ck_assert_msg(cond, "%s", "waited in vain for " #cond); \
	} while (0)

static void temp_path(char *path, size_t n, const char *name)
{
	snprintf(path, n, "/tmp/paravane-test-%ld-%s", (long)getpid(), name);
	unlink(path);
}

static int unix_connect(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(sa.sun_path, sizeof sa.sun_path, "%s", path);
	if (connect(fd, (struct sockaddr *)&sa, sizeof sa)) {
		close(fd);
		return -1;
	}
	return fd;
}

static int unix_listen(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(sa.sun_path, sizeof sa.sun_path, "%s", path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	return fd;
}

/* Reads exactly n bytes, waiting a minute at most for each piece. */
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

START_TEST(unix_server)
{
	struct poll_set *ps = poll_set_new();
	struct sink s = { .room = 3 };
	struct chardev *cd;
	char path[90], spec[140], buf[64];
	struct stat st;
	int fd, fd2;

	temp_path(path, sizeof path, "a.sock");
	snprintf(spec, sizeof spec, "unix:%s,server=on,wait=off", path);
	cd = open_dev(spec, ps, &s, NULL);
	ck_assert_str_eq(chardev_path(cd), path);
	ck_assert_int_eq(lstat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	ck_assert(chardev_is_live(cd));
	chardev_write(cd, "lost", 4); /* nobody there */
	refused(spec, "another program", "stop it");
	fd = unix_connect(path);
	ck_assert_int_ge(fd, 0);
	/* The refused one connected as well to see whether somebody answers; it comes first and goes. */
	ck_assert_int_eq((int)write(fd, "abcdef", 6), 6);
	LOOP_UNTIL(ps, s.n == 3);
	ck_assert_str_eq(s.got, "abc");
	/* No room: nothing is lost and the loop does not spin. */
	ck_assert_int_le(poll_wait(ps, 20000000), 1);
	ck_assert_int_eq(poll_wait(ps, 20000000), 0);
	s.room = 100;
	chardev_accept_input(cd);
	LOOP_UNTIL(ps, s.n == 6);
	ck_assert_str_eq(s.got, "abcdef");
	chardev_write(cd, "hello", 5);
	read_exactly(fd, buf, 5);
	ck_assert_str_eq(buf, "hello");
	/* The next peer is served when this one has left. */
	fd2 = unix_connect(path);
	close(fd);
	ck_assert_int_eq((int)write(fd2, "!", 1), 1);
	LOOP_UNTIL(ps, s.n == 7);
	chardev_write(cd, "again", 5);
	chardev_close(cd);
	read_exactly(fd2, buf, 5);
	ck_assert_str_eq(buf, "again");
	ck_assert_int_eq((int)read(fd2, buf, 1), 0);
	close(fd2);
	ck_assert_int_ne(access(path, F_OK), 0);
	/* Somebody puts a socket of his own there: it is his. */
	cd = open_dev(spec, ps, &s, NULL);
	unlink(path);
	fd = unix_listen(path);
	chardev_close(cd);
	ck_assert_int_eq(access(path, F_OK), 0);
	close(fd);
	unlink(path);
	poll_set_free(ps);
}
END_TEST

static void greet(void *opaque)
{
	chardev_write(opaque, "hello", 5);
}

/* Those who leave at once, in the middle of the greeting or of their own words: the next one is served all the same. */
START_TEST(impatient_clients)
{
	static const struct chardev_watcher watcher = { .connected = greet };
	struct poll_set *ps = poll_set_new();
	struct sink s = { .room = sizeof s.got - 1 };
	struct chardev *cd;
	char path[90], spec[140], buf[16];
	int fd, i;

	temp_path(path, sizeof path, "i.sock");
	snprintf(spec, sizeof spec, "unix:%s,server=on,wait=off", path);
	cd = open_dev(spec, ps, &s, NULL);
	chardev_watch(cd, &watcher, cd);
	for (i = 0; i < 1000; i++) {
		fd = unix_connect(path);
		ck_assert_msg(fd >= 0, "client %d is refused", i);
		if (i % 4 == 1) {
			ck_assert_int_eq((int)write(fd, "quit\n", (size_t)(i / 4 % 5 + 1)), i / 4 % 5 + 1);
		} else if (i % 4 == 2) {
			LOOP_UNTIL(ps, recv(fd, buf, 5, MSG_PEEK | MSG_DONTWAIT) == 5);
			read_exactly(fd, buf, (size_t)(i / 4 % 5 + 1));
		} else if (i % 4 == 3) {
			shutdown(fd, SHUT_RDWR);
			poll_wait(ps, 0);
		}
		close(fd);
		while (poll_wait(ps, 0))
			;
	}
	fd = unix_connect(path);
	ck_assert_int_ge(fd, 0);
	LOOP_UNTIL(ps, recv(fd, buf, 5, MSG_PEEK | MSG_DONTWAIT) == 5);
	read_exactly(fd, buf, 5);
	ck_assert_str_eq(buf, "hello");
	s.n = 0;
	s.room = 10;
	ck_assert_int_eq((int)write(fd, "polite", 6), 6);
	LOOP_UNTIL(ps, s.n == 6);
	close(fd);
	chardev_close(cd);
	poll_set_free(ps);
}
END_TEST

/* A host without descriptors: who knocks waits, and the loop does not spin meanwhile. */
START_TEST(no_descriptors)
{
	struct poll_set *ps = poll_set_new();
	struct sink s = { .room = 3 };
	struct chardev *cd;
	char path[90], spec[140];
	int fd, spare, i;
	struct rlimit old, few;

	temp_path(path, sizeof path, "n.sock");
	snprintf(spec, sizeof spec, "unix:%s,server=on,wait=off", path);
	cd = open_dev(spec, ps, &s, NULL);
	fd = unix_connect(path);
	ck_assert_int_eq((int)write(fd, "abc", 3), 3);
	spare = dup(0);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = old;
	few.rlim_cur = (rlim_t)spare;
	close(spare);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	for (i = 0; !poll_wait(ps, 100000000) && i < 10; i++)
		;
	ck_assert_int_eq(poll_wait(ps, 20000000), 0);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	LOOP_UNTIL(ps, s.n == 3);
	chardev_close(cd);
	poll_set_free(ps);
	close(fd);
}
END_TEST

START_TEST(unix_wait_and_client)
{
	struct poll_set *ps = poll_set_new();
	struct sink s = { .room = 100 };
	struct chardev *cd;
	char path[90], spec[140];
	pid_t pid;
	int status;

	temp_path(path, sizeof path, "b.sock");
	pid = fork();
	if (!pid) {
		/* The peer: a client of ours, once the server is there. */
		struct sink mine = { .room = 100 };
		struct poll_set *set = poll_set_new();
		struct chardev *peer;
		int i;

		for (i = 0; i < 200 && access(path, F_OK); i++)
			usleep(10000);
		snprintf(spec, sizeof spec, "unix:%s", path);
		peer = open_dev(spec, set, &mine, NULL);
		chardev_write(peer, "ping", 4);
		LOOP_UNTIL(set, mine.n == 4);
		ck_assert(!strcmp(mine.got, "pong") && chardev_is_live(peer));
		LOOP_UNTIL(set, !chardev_is_live(peer));
		chardev_write(peer, "dropped", 7);
		chardev_close(peer);
		_exit(0);
	}
	snprintf(spec, sizeof spec, "unix:%s,server", path); /* waits, as in QEMU */
	cd = open_dev(spec, ps, &s, NULL);
	LOOP_UNTIL(ps, s.n == 4);
	ck_assert_str_eq(s.got, "ping");
	chardev_write(cd, "pong", 4);
	chardev_close(cd);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	/* Nobody comes, but somebody asks the loop to stop. */
	{
		struct chardev_env env = { .poll = ps, .label = "x" };
		struct error e = { "" };

		poll_wake(ps);
		ck_assert_ptr_null(chardev_open(spec, &env, &e));
		ck_assert_msg(strstr(e.text, "interrupted") != NULL, "%s", e.text);
		ck_assert_int_ne(access(path, F_OK), 0);
	}
	poll_set_free(ps);
}
END_TEST

START_TEST(tcp)
{
	struct poll_set *ps = poll_set_new();
	struct sink a = { .room = 100 }, b = { .room = 100 };
	struct chardev *server, *client;
	char spec[100];

	server = open_dev("tcp:127.0.0.1:0,server=on,wait=off", ps, &a, NULL);
	ck_assert_ptr_nonnull(chardev_path(server));
	snprintf(spec, sizeof spec, "tcp:%s,nodelay=off", chardev_path(server));
	client = open_dev(spec, ps, &b, NULL);
	chardev_write(client, "one", 3);
	LOOP_UNTIL(ps, a.n == 3);
	chardev_write(server, "two!", 4);
	LOOP_UNTIL(ps, b.n == 4);
	ck_assert_str_eq(a.got, "one");
	ck_assert_str_eq(b.got, "two!");
	chardev_close(client);
	ck_assert(chardev_is_live(server));
	snprintf(spec, sizeof spec, "tcp:%s", chardev_path(server));
	chardev_close(server);
	refused(spec, "nobody answers", "server=on");
	poll_set_free(ps);
}
END_TEST

static void count(void *opaque)
{
	++*(int *)opaque;
}

static void on_tick(void *opaque, u32 events)
{
	count(opaque);
}

/* A slow peer gets every byte of far more than the queue holds, and who writes hears when to stop and to go on. */
START_TEST(slow_peer)
{
	struct poll_set *ps = poll_set_new();
	enum { TOTAL = 6 << 20, PIECE = 1 << 14 };
	u8 *data = malloc(TOTAL);
	struct chardev *cd;
	char path[90], spec[140];
	pid_t pid;
	int status, i, fulls = 0, rooms = 0;

	for (i = 0; i < TOTAL; i++)
		data[i] = (u8)(i * 7 + (i >> 11));
	temp_path(path, sizeof path, "c.sock");
	snprintf(spec, sizeof spec, "unix:%s,server=on,nowait", path);
	cd = open_dev(spec, ps, NULL, NULL);
	pid = fork();
	if (!pid) {
		int fd = unix_connect(path), at = 0;
		u8 piece[65536];
		ssize_t n;

		usleep(200000);
		while ((n = read(fd, piece, sizeof piece)) > 0) {
			if (at + n > TOTAL || memcmp(piece, data + at, (size_t)n))
				_exit(1);
			at += (int)n;
			usleep(500);
		}
		_exit(at == TOTAL ? 0 : 2);
	}
	chardev_on_room(cd, count, &rooms);
	poll_wait(ps, 60000000000);
	for (i = 0; i < TOTAL; i += PIECE) {
		chardev_write(cd, data + i, PIECE);
		if (!chardev_full(cd))
			continue;
		fulls++;
		ck_assert_uint_le(chardev_unsent(cd), CHARDEV_QUEUE_MAX + PIECE);
		LOOP_UNTIL(ps, !chardev_full(cd));
		ck_assert_uint_le(chardev_unsent(cd), CHARDEV_QUEUE_MAX / 2);
	}
	ck_assert_int_gt(fulls, 0);
	ck_assert_int_eq(rooms, fulls);
	chardev_close(cd);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	free(data);
	poll_set_free(ps);
}
END_TEST

/* A peer that never reads holds nobody up. */
START_TEST(stuck_peer)
{
	struct poll_set *ps = poll_set_new();
	u8 *data = calloc(1, 3 << 20);
	struct chardev *cd;
	char path[90], spec[140];
	struct poll_item *tick;
	int fd, rooms = 0, ticks = 0;
	u64 start;

	temp_path(path, sizeof path, "d.sock");
	snprintf(spec, sizeof spec, "unix:%s,server=on,wait=off", path);
	cd = open_dev(spec, ps, NULL, NULL);
	chardev_on_room(cd, count, &rooms);
	fd = unix_connect(path);
	poll_wait(ps, 60000000000);
	start = host_now();
	chardev_write(cd, data, 3 << 20);
	ck_assert(host_now() - start < 10000000000u);
	ck_assert(chardev_full(cd));
	/* Others are served. */
	tick = poll_every(ps, 1000000, on_tick, &ticks);
	LOOP_UNTIL(ps, ticks > 3);
	poll_remove(ps, tick);
	ck_assert(chardev_full(cd) && !rooms);
	close(fd); /* leaving ends the wait as well */
	LOOP_UNTIL(ps, rooms == 1);
	ck_assert(!chardev_full(cd) && !chardev_unsent(cd));
	chardev_write(cd, data, 3 << 20);
	ck_assert(!chardev_full(cd));
	fd = unix_connect(path);
	for (; !chardev_full(cd) && host_now() - start < 60000000000u; poll_wait(ps, 10000000))
		chardev_write(cd, data, 3 << 20);
	chardev_close(cd); /* nobody is told any more */
	ck_assert_int_eq(rooms, 1);
	ck_assert(host_now() - start < 50000000000u);
	close(fd);
	free(data);
	poll_set_free(ps);
}
END_TEST

START_TEST(files)
{
	struct poll_set *ps = poll_set_new();
	struct chardev *cd;
	char path[90], spec[140], text[32] = "";
	FILE *f;

	temp_path(path, sizeof path, "log");
	snprintf(spec, sizeof spec, "file:%s", path);
	cd = open_dev(spec, ps, NULL, NULL);
	ck_assert(!chardev_is_live(cd));
	chardev_write(cd, "line 1\n", 7);
	chardev_close(cd);
	cd = open_dev(spec, ps, NULL, NULL); /* made anew */
	chardev_write(cd, "line 2\n", 7);
	chardev_close(cd);
	f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fread(text, 1, sizeof text - 1, f), 7);
	ck_assert_str_eq(text, "line 2\n");
	fclose(f);
	/* Not a socket: it is not removed. */
	snprintf(spec, sizeof spec, "unix:%s,server=on,wait=off", path);
	refused(spec, "no socket", "remove it");
	ck_assert_int_eq(access(path, F_OK), 0);
	unlink(path);
	cd = open_dev("null", ps, NULL, NULL);
	ck_assert(!chardev_is_live(cd));
	chardev_write(cd, "x", 1);
	chardev_close(cd);
	cd = open_dev("file:/dev/full", ps, NULL, NULL);
	chardev_write(cd, "x", 1);
	chardev_write(cd, "y", 1);
	chardev_close(cd);
	chardev_close(NULL);
	poll_set_free(ps);
}
END_TEST

START_TEST(bad_specs)
{
	char spec[300];

	refused("vc", "'vc'", "stdio");
	refused("stdio2", "'stdio2'", "pty");
	refused("file:", "file:", "path");
	refused("file:/nonexistent/x", "file:/nonexistent/x", "directory");
	refused("file:/tmp", "file:/tmp", "directory");
	refused("unix:", "unix:", "path");
	refused("unix:/nonexistent/s", "nobody answers", "server=on");
	refused("unix:/nonexistent/s,server=on,wait=off", "cannot serve", "directory");
	refused("unix:/tmp/s,server=perhaps", "server=perhaps", "on or off");
	refused("unix:/tmp/s,colour=red", "colour=red", "nodelay");
	refused("unix:/tmp/s,wait=on", "wait=on", "server=on");
	refused("tcp:", "tcp:", "port");
	refused("tcp:localhost", "tcp:localhost", "port");
	refused("tcp:127.0.0.1:0", "'0'", "65535");
	refused("tcp:127.0.0.1:70000,server", "'70000'", "65535");
	refused("tcp:127.0.0.1:8x", "'8x'", "65535");
	refused("tcp:192.0.2.1.5:80", "192.0.2.1.5", "not known");
	memset(spec, 'a', sizeof spec - 1);
	memcpy(spec, "unix:/tmp/", 10);
	spec[sizeof spec - 1] = 0;
	refused(spec, "bytes long", "shorter");
}
END_TEST

/* Runs open_dev("pty") with standard output out of the way, since it prints the name. */
static struct chardev *open_pty_dev(struct poll_set *ps, struct sink *s, char *said, size_t n)
{
	int p[2], saved = dup(1);
	struct chardev *cd;
	ssize_t got;

	ck_assert_int_eq(pipe(p), 0);
	fflush(stdout);
	dup2(p[1], 1);
	cd = open_dev("pty", ps, s, NULL);
	dup2(saved, 1);
	close(saved);
	close(p[1]);
	got = read(p[0], said, n - 1);
	said[got > 0 ? got : 0] = 0;
	close(p[0]);
	return cd;
}

START_TEST(pty)
{
	struct poll_set *ps = poll_set_new();
	struct sink s = { .room = 100 };
	char said[200], want[200], *buf = malloc(CHARDEV_BACKLOG_MAX + 1), *big = malloc(100000);
	struct chardev *cd = open_pty_dev(ps, &s, said, sizeof said);
	int fd, i;

	snprintf(want, sizeof want, "char device redirected to %s (label serial0)\n", chardev_path(cd));
	ck_assert_str_eq(said, want);
	ck_assert(chardev_is_live(cd));
	/* What is said before anybody looks is kept. */
	chardev_write(cd, "boot\r\n", 6);
	fd = open(chardev_path(cd), O_RDWR | O_NOCTTY);
	ck_assert_int_ge(fd, 0);
	LOOP_UNTIL(ps, poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 0) == 1);
	read_exactly(fd, buf, 6);
	ck_assert_str_eq(buf, "boot\r\n");
	ck_assert_int_eq((int)write(fd, "ls\r", 3), 3);
	LOOP_UNTIL(ps, s.n == 3);
	ck_assert_str_eq(s.got, "ls\r");
	/* It leaves; the loop rests; the newest 64 KiB wait for the next one. */
	close(fd);
	poll_wait(ps, 100000000);
	for (i = 0; i < 100000; i++)
		big[i] = (char)('a' + i % 23);
	chardev_write(cd, big, 50000);
	chardev_write(cd, big + 50000, 50000);
	for (i = 0; i < 3; i++)
		ck_assert_int_le(poll_wait(ps, 60000000), 1);
	fd = open(chardev_path(cd), O_RDWR | O_NOCTTY);
	for (i = 0; i < (int)CHARDEV_BACKLOG_MAX;) {
		ssize_t n;

		poll_wait(ps, 10000000);
		if (poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 0) != 1)
			continue;
		n = read(fd, buf + i, CHARDEV_BACKLOG_MAX - (size_t)i);
		ck_assert_int_gt((int)n, 0);
		i += (int)n;
	}
	ck_assert_mem_eq(buf, big + 100000 - CHARDEV_BACKLOG_MAX, CHARDEV_BACKLOG_MAX);
	chardev_close(cd);
	close(fd);
	free(buf);
	free(big);
	poll_set_free(ps);
}
END_TEST

/* Runs body() in a child whose standard input and output are given; returns its status. */
static int in_child(int in, int out, void (*body)(void))
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		dup2(in, 0);
		dup2(out, 1);
		body();
		_exit(99);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}

/* Echoes input in brackets until its end; exit code: how often Ctrl-A x came. */
static void echo_body(void)
{
	struct poll_set *ps = poll_set_new();
	struct sink s = { .room = 60000 };
	struct chardev *cd = open_dev("mon:stdio", ps, &s, NULL);

	while (chardev_is_live(cd))
		poll_wait(ps, -1);
	chardev_write(cd, "[", 1);
	chardev_write(cd, s.got, s.n);
	chardev_write(cd, "]", 1);
	chardev_close(cd);
	poll_set_free(ps);
	_exit(s.quits);
}

START_TEST(mux_keys)
{
	static const char keys[] = "a\x01"
				   "ab\x01\x01"
				   "c\x01"
				   "cd\x01"
				   "be\x01"
				   "sf\x01"
				   "xg\x01"
				   "h\x01";
	char buf[2000] = "";
	int in[2], out[2], status;
	ssize_t n;

	ck_assert_int_eq(pipe(in), 0);
	ck_assert_int_eq(pipe(out), 0);
	ck_assert_int_eq((int)write(in[1], keys, sizeof keys - 1), (int)sizeof keys - 1);
	fcntl(in[1], F_SETFD, FD_CLOEXEC);
	close(in[1]);
	status = in_child(in[0], out[1], echo_body);
	close(out[1]);
	n = read(out[0], buf, sizeof buf - 1);
	ck_assert_int_gt((int)n, 0);
	ck_assert_int_eq(WEXITSTATUS(status), 1);
	ck_assert_msg(strstr(buf, "[a\x01"
				  "b\x01"
				  "cdefg]") != NULL,
		      "%s", buf);
	ck_assert(strstr(buf, "no monitor is behind") != NULL);
	ck_assert(strstr(buf, "C-a x") != NULL);
	ck_assert(strstr(buf, "terminated") != NULL);
	close(in[0]);
	close(out[0]);
}
END_TEST

/* Exit code: liveness of stdio before reading, and after 20 ms of loop, in two bits; 4 if the flags changed. */
static void live_body(void)
{
	struct poll_set *ps = poll_set_new();
	struct sink s = { .room = 60000 };
	int flags = fcntl(0, F_GETFL), code;
	struct chardev *cd = open_dev("stdio", ps, &s, NULL);

	code = chardev_is_live(cd);
	poll_wait(ps, 20000000);
	poll_wait(ps, 0);
	code |= chardev_is_live(cd) << 1;
	chardev_write(cd, "x", 1); /* nobody may be reading: no SIGPIPE, no spinning */
	chardev_write(cd, "y", 1);
	chardev_close(cd);
	_exit(code | (fcntl(0, F_GETFL) != flags) << 2);
}

START_TEST(liveness)
{
	int null = open("/dev/null", O_RDWR), file = open("/proc/self/exe", O_RDONLY), p[2];

	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(WEXITSTATUS(in_child(null, null, live_body)), 0);
	ck_assert_int_eq(WEXITSTATUS(in_child(file, null, live_body)), 0);
	ck_assert_int_eq(pipe(p), 0);
	ck_assert_int_eq(WEXITSTATUS(in_child(p[0], null, live_body)), 3);
	close(p[1]); /* the end of it is only seen by reading */
	ck_assert_int_eq(WEXITSTATUS(in_child(p[0], null, live_body)), 1);
	close(p[0]);
	ck_assert_int_eq(pipe(p), 0);
	close(p[0]);
	ck_assert_int_eq(WEXITSTATUS(in_child(null, p[1], live_body)), 0);
	close(p[1]);
}
END_TEST

Suite *chardev_suite(void)
{
	Suite *s = suite_create("chardev");
	TCase *t = tcase_create("devices");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, unix_server);
	tcase_add_test(t, impatient_clients);
	tcase_add_test(t, no_descriptors);
	tcase_add_test(t, unix_wait_and_client);
	tcase_add_test(t, tcp);
	tcase_add_test(t, slow_peer);
	tcase_add_test(t, stuck_peer);
	tcase_add_test(t, files);
	tcase_add_test(t, bad_specs);
	tcase_add_test(t, pty);
	tcase_add_test(t, mux_keys);
	tcase_add_test(t, liveness);
	suite_add_tcase(s, t);
	return s;
}
