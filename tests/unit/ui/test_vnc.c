/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VNC with a client made here, byte by byte (RFC 6143): pictures, keys, passwords, several viewers, and those that stall, drop
 * or talk nonsense.
 */
#include "ui/vnc.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/suites.h"
#include "tests/unit/memory.h"

struct rig {
	struct poll_set *poll;
	struct display *d;
	struct display_console *c;
	struct vnc *v;
	u32 keys, last, ch, down, pointers;
	struct pointer_event ev;
};

static void on_key(void *opaque, u32 code, u32 ch, bool down)
{
	struct rig *r = opaque;

	r->keys++;
	r->last = code;
	r->ch = ch;
	r->down += down ? 1 : (u32)-1;
}

static void on_pointer(void *opaque, const struct pointer_event *ev)
{
	struct rig *r = opaque;

	r->pointers++;
	r->ev = *ev;
}

static bool on_absolute(void *opaque)
{
	return true;
}

static struct rig *rig_new(const char *spec)
{
	static const struct console_ops ops = { NULL, on_key, on_pointer, on_absolute, NULL };
	struct rig *r = calloc(1, sizeof *r);
	struct vnc_spec s;
	struct error e = { "" };

	r->poll = poll_set_new();
	r->d = display_new(r->poll);
	r->c = display_console_add(r->d, 0, "graphics", &ops, r);
	ck_assert_int_eq(display_resize(r->c, 64, 48), 0);
	ck_assert_int_eq(vnc_parse(spec, &s, &e), 0);
	r->v = vnc_open(&s, r->d, r->poll, keymap_find("de"), "test", &e);
	ck_assert_msg(r->v != NULL, "%s", e.text);
	return r;
}

static void rig_free(struct rig *r)
{
	vnc_close(r->v);
	display_free(r->d);
	poll_set_free(r->poll);
	free(r);
}

static void run(struct rig *r, u32 ms)
{
	u64 end = host_now() + ms * 1000000ull;

	while (host_now() < end)
		poll_wait(r->poll, 5000000);
}

static int join(struct rig *r)
{
	struct timeval limit = { 60, 0 };
	int fd[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	setsockopt(fd[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	ck_assert_int_eq(vnc_serve(r->v, fd[1]), 0);
	return fd[0];
}

static bool get(int fd, void *p, size_t n)
{
	u8 *b = p;

	while (n) {
		ssize_t k = read(fd, b, n);

		if (k <= 0)
			return false;
		b += k;
		n -= (size_t)k;
	}
	return true;
}

static void put(int fd, const void *p, size_t n)
{
	if (send(fd, p, n, MSG_NOSIGNAL) < 0)
		return; /* the tests look at what comes back */
}

#define PUT(fd, text) put(fd, text, sizeof text - 1)

/* Until the picture's size is known. */
static bool hello(int fd, u32 *width, u32 *height)
{
	u8 b[64];
	u32 n;

	if (!get(fd, b, 12) || memcmp(b, "RFB 003.008\n", 12))
		return false;
	PUT(fd, "RFB 003.008\n");
	if (!get(fd, b, 2) || b[0] != 1 || b[1] != 1)
		return false;
	PUT(fd, "\1");
	if (!get(fd, b, 4) || b[3])
		return false;
	PUT(fd, "\1");
	if (!get(fd, b, 24))
		return false;
	*width = (u32)b[0] << 8 | b[1];
	*height = (u32)b[2] << 8 | b[3];
	n = b[23];
	return n < sizeof b && get(fd, b, n) && n == 4 && !memcmp(b, "test", 4);
}

/* Asks for everything (or what changed) and reads one update of raw rectangles into a picture of 64 x 48. */
static u32 picture(int fd, bool changed, u32 *pixels)
{
	u8 ask[10] = { 3, changed, 0, 0, 0, 0, 0, 64, 0, 48 }, b[12];
	u32 n, i, y, count = 0;

	put(fd, ask, sizeof ask);
	if (!get(fd, b, 4) || b[0])
		return 0;
	n = (u32)b[2] << 8 | b[3];
	for (i = 0; i < n; i++) {
		u32 rx, ry, rw, rh;

		if (!get(fd, b, 12) || b[8] || b[11])
			return 0;
		rx = b[1];
		ry = b[3];
		rw = b[5];
		rh = b[7];
		if (rx + rw > 64 || ry + rh > 48)
			return 0;
		for (y = ry; y < ry + rh; y++)
			if (!get(fd, pixels + y * 64 + rx, rw * 4))
				return 0;
		count += rw * rh;
	}
	return count;
}

static void key(int fd, u32 keysym, bool down)
{
	u8 b[8] = { 4, down, 0, 0, (u8)(keysym >> 24), (u8)(keysym >> 16), (u8)(keysym >> 8), (u8)keysym };

	put(fd, b, sizeof b);
}

START_TEST(a_viewer)
{
	static u32 pixels[64 * 48];
	struct rig *r;
	u32 w = 0, h = 0;
	u8 b[20];
	int fd;

	if (!vnc_available())
		return;
	r = rig_new("none");
	display_surface(r->c)->pixels[5 * 64 + 7] = 0x123456;
	ck_assert(!display_watched(r->d));
	fd = join(r);
	ck_assert(display_watched(r->d));
	ck_assert(hello(fd, &w, &h));
	ck_assert_uint_eq(w, 64);
	ck_assert_uint_eq(h, 48);
	ck_assert_uint_eq(picture(fd, false, pixels), 64 * 48);
	ck_assert_uint_eq(pixels[5 * 64 + 7] & 0xffffff, 0x123456);
	/* Only what changed comes. */
	display_surface(r->c)->pixels[9 * 64 + 8] = 0xabcdef;
	display_changed(r->c, 8, 9, 2, 1);
	run(r, 100);
	ck_assert_uint_eq(picture(fd, true, pixels), 2);
	ck_assert_uint_eq(pixels[9 * 64 + 8] & 0xffffff, 0xabcdef);
	/* Keys by what they type, in the layout; what has no key is a character. */
	key(fd, 'y', true);
	run(r, 100);
	ck_assert_uint_eq(r->last, KEY_Z);
	ck_assert_uint_eq(r->ch, 'y');
	key(fd, 0x100263a, true);
	run(r, 100);
	ck_assert_uint_eq(r->ch, 0x263a);
	/* Extended keys: agreed on by an update without pixels, then scan codes count. */
	PUT(fd, "\2\0\0\2\0\0\0\0\xff\xff\xfe\xfe");
	ck_assert(get(fd, b, 16));
	ck_assert(b[0] == 0 && b[3] == 1 && !memcmp(b + 12, "\xff\xff\xfe\xfe", 4));
	PUT(fd, "\xff\0\0\1\0\0\0y\0\0\0\x15");
	run(r, 100);
	ck_assert_uint_eq(r->last, KEY_Y);
	/* The pointer, and the wheel. */
	PUT(fd, "\5\1\0\x0a\0\x0b");
	run(r, 100);
	ck_assert(r->ev.absolute && r->ev.x == 10 && r->ev.y == 11 && r->ev.buttons == BUTTON_LEFT);
	PUT(fd, "\5\x08\0\x0a\0\x0b");
	run(r, 100);
	ck_assert(r->ev.wheel == 1 && !r->ev.buttons);
	/* Who leaves holds no keys any more. */
	ck_assert_uint_eq(r->down, 3);
	close(fd);
	run(r, 200);
	ck_assert_uint_eq(r->down, 1); /* the character was no key */
	ck_assert_uint_eq(vnc_viewers(r->v), 0);
	ck_assert(!display_watched(r->d));
	rig_free(r);
}
END_TEST

/* Who leaves lets go of its own keys, not of another's. */
START_TEST(keys_of_two)
{
	struct rig *r;
	u32 w, h;
	int stays, goes;

	if (!vnc_available())
		return;
	r = rig_new("none");
	stays = join(r);
	goes = join(r);
	ck_assert(hello(stays, &w, &h) && hello(goes, &w, &h));
	key(stays, 'a', true);
	key(stays, 'd', true);
	run(r, 100);
	key(goes, 'b', true);
	key(goes, 'd', true);
	run(r, 100);
	ck_assert_uint_eq(r->down, 4); /* d came twice */
	close(goes);
	run(r, 200);
	ck_assert_uint_eq(r->down, 3);
	ck_assert_uint_eq(r->last, KEY_B);
	key(stays, 'd', false);
	run(r, 100);
	close(stays);
	run(r, 200);
	ck_assert_uint_eq(r->last, KEY_A);
	ck_assert_uint_eq(r->down, 1);
	rig_free(r);
}
END_TEST

START_TEST(sizes)
{
	static u32 pixels[64 * 48];
	struct rig *r;
	u32 w, h;
	u8 b[16];
	int can, cannot;

	if (!vnc_available())
		return;
	r = rig_new("none");
	can = join(r);
	cannot = join(r);
	ck_assert(hello(can, &w, &h) && hello(cannot, &w, &h));
	ck_assert_uint_eq(vnc_viewers(r->v), 2);
	PUT(can, "\2\0\0\2\0\0\0\0\xff\xff\xff\x21"); /* raw, and a new size of the desktop */
	ck_assert_uint_eq(picture(can, false, pixels), 64 * 48);
	ck_assert_uint_eq(picture(cannot, false, pixels), 64 * 48);
	ck_assert_int_eq(display_resize(r->c, 32, 80), 0);
	display_surface(r->c)->pixels[1] = 0x55;
	display_changed(r->c, 0, 0, 32, 80);
	run(r, 100);
	PUT(can, "\3\1\0\0\0\0\0\x40\0\x30");
	ck_assert(get(can, b, 16));
	ck_assert(b[3] == 1 && b[9] == 32 && b[11] == 80 && !memcmp(b + 12, "\xff\xff\xff\x21", 4));
	ck_assert_uint_eq(picture(cannot, true, pixels), 64 * 48);
	ck_assert_uint_eq(pixels[1] & 0xffffff, 0x55);
	pixels[1] = 0;
	ck_assert_uint_gt(picture(can, false, pixels), 0);
	ck_assert_uint_eq(pixels[1] & 0xffffff, 0x55);
	close(can);
	close(cannot);
	rig_free(r);
}
END_TEST

static bool wrong_password(struct rig *r)
{
	u8 b[24];
	int fd = join(r);
	bool refused = false;

	if (get(fd, b, 12)) {
		PUT(fd, "RFB 003.008\n");
		if (get(fd, b, 2) && b[1] == 2) {
			PUT(fd, "\2");
			if (get(fd, b, 16)) {
				PUT(fd, "0123456789abcdef");
				refused = get(fd, b, 4) && b[3] == 1;
			}
		}
	}
	close(fd);
	return refused;
}

/* Wrong answers to a challenge are refused, and late. */
START_TEST(passwords)
{
	struct rig *r;
	u64 begun, took[2];
	u32 i, refused = 0;

	if (!vnc_available())
		return;
	r = rig_new("none,password=secret");
	ck_assert(r->v);
	for (i = 0; i < 2; i++) {
		begun = host_now();
		refused += wrong_password(r);
		took[i] = host_now() - begun;
	}
	ck_assert_uint_eq(refused, 2);
	ck_assert_uint_ge(took[0], 900000000);
	ck_assert_uint_ge(took[1], 900000000);
	/* Who answers and goes costs those behind nothing. */
	for (i = 0; i < 20; i++) {
		u8 b[24];
		int fd = join(r);

		if (get(fd, b, 12)) {
			PUT(fd, "RFB 003.008\n\2");
			if (get(fd, b, 18))
				PUT(fd, "0123456789abcdef");
		}
		run(r, 20);
		close(fd);
	}
	begun = host_now();
	ck_assert(wrong_password(r));
	ck_assert_uint_lt(host_now() - begun, 14000000000u);
	/* Ending does not wait for anybody's turn. */
	i = (u32)join(r);
	begun = host_now();
	rig_free(r);
	close((int)i);
	ck_assert_uint_lt(host_now() - begun, 1000000000);
}
END_TEST

START_TEST(hostile)
{
	static const char talk[] = "RFB 003.008\n\1\1\2\0\0\3\0\0\0\0\xff\xff\xff\x21\xff\xff\xfe\xfe\3\0\0\0\0\0\0\x40\0\x30\4\1\0\0\0\0\0a"
				   "\5\0\0\1\0\1\6\0\0\0\xff\xff\xff\xff";
	static const char *const nonsense[] = {
		"GET / HTTP/1.0\r\n\r\n", "RFB 999.999\n\1\1", "RFB 003.003\n\1\xff\xff\xff\xff", "RFB 003.008\n\7",
		"RFB 003.008\n\1\1\xfe\xfe\xfe\xfe", "RFB 003.008\n\1\1\xff\1\xff\xff\xff\xff\xff\xff\xff\xff",
		"RFB 003.008\n\1\1\2\1\xff\xff\1\1\1\1", "RFB 003.008\n\1\1\6\1\1\1\x7f\xff\xff\xffx",
	};
	struct rig *r;
	int quiet, stalled, fd;
	u32 i, w, h, alive = 0;
	u64 begun, longest = 0;
	static u32 pixels[64 * 48];

	if (!vnc_available())
		return;
	r = rig_new("none");
	quiet = join(r);
	ck_assert(hello(quiet, &w, &h));
	/* One that asks and never reads. */
	stalled = join(r);
	ck_assert(hello(stalled, &w, &h));
	for (i = 0; i < 200; i++)
		PUT(stalled, "\3\0\0\0\0\0\0\x40\0\x30");
	for (i = 0; i <= sizeof talk + ARRAY_SIZE(nonsense); i++) {
		/* Those that left are seen to be gone when their threads have met them. */
		while (vnc_viewers(r->v) > VNC_VIEWERS - 8)
			poll_wait(r->poll, 5000000);
		begun = host_now();
		fd = join(r);
		if (i <= sizeof talk - 1)
			put(fd, talk, i);
		else if (i - sizeof talk < ARRAY_SIZE(nonsense))
			put(fd, nonsense[i - sizeof talk], strlen(nonsense[i - sizeof talk]));
		display_changed(r->c, i % 64, i % 48, 5, 5);
		poll_wait(r->poll, 1000000);
		if (i % 3 == 0)
			shutdown(fd, SHUT_WR);
		close(fd);
		poll_wait(r->poll, 1000000);
		longest = MAX(longest, host_now() - begun);
	}
	run(r, 300);
	for (i = 0; i < 3; i++)
		alive += picture(quiet, false, pixels) == 64 * 48;
	ck_assert_uint_eq(alive, 3);
	/* The execution thread never waited for any of them. */
	ck_assert_uint_lt(longest, 3000000000u);
	ck_assert_uint_lt(vnc_viewers(r->v), 12);
	begun = host_now();
	rig_free(r);
	/* select() does not notice that a Unix socket was shut down: libvncserver writes on for up to 5 s. */
	ck_assert_uint_lt(host_now() - begun, 8000000000u);
	close(quiet);
	close(stalled);
}
END_TEST

/* One that says a little and waits must not keep a processor busy. */
START_TEST(quiet)
{
	static const char *const little[] = { "", "R", "RFB", "RFB 003.008\n\1", "RFB 003.008\n\1\1\4" };
	struct rig *r;
	struct rusage before, after;
	int fd[ARRAY_SIZE(little)];
	u64 used;
	u32 i;

	if (!vnc_available())
		return;
	r = rig_new("none");
	for (i = 0; i < ARRAY_SIZE(little); i++) {
		fd[i] = join(r);
		put(fd[i], little[i], strlen(little[i]));
	}
	run(r, 200);
	getrusage(RUSAGE_SELF, &before);
	run(r, 1000);
	getrusage(RUSAGE_SELF, &after);
	used = (u64)(after.ru_utime.tv_sec - before.ru_utime.tv_sec + after.ru_stime.tv_sec - before.ru_stime.tv_sec) * 1000000 +
	       (u64)(after.ru_utime.tv_usec - before.ru_utime.tv_usec) + (u64)(after.ru_stime.tv_usec - before.ru_stime.tv_usec);
	ck_assert_uint_lt(used, 150000);
	ck_assert_uint_eq(vnc_viewers(r->v), ARRAY_SIZE(little));
	for (i = 0; i < ARRAY_SIZE(little); i++)
		close(fd[i]);
	rig_free(r);
}
END_TEST

/* Whether the other side has closed it. */
static bool is_closed(int fd)
{
	u8 b[64];
	ssize_t n;

	while ((n = recv(fd, b, sizeof b, MSG_DONTWAIT)) > 0)
		;
	return !n || (errno != EAGAIN && errno != EWOULDBLOCK);
}

/* Any number that do not log in: those who have keep their places, who comes gets one, and a large screen is copied for none. */
START_TEST(stallers)
{
	static const char talk[] = "RFB 003.008\n\1";
	static u32 pixels[64 * 48];
	int fd[100], old, polite;
	u32 i, w, h, closed = 0, most = 0, before, after;
	struct rig *r;
	u64 end;

	if (!vnc_available())
		return;
	r = rig_new("none");
	ck_assert_int_eq(display_resize(r->c, 2048, 2048), 0);
	old = join(r);
	ck_assert(hello(old, &w, &h));
	ck_assert_uint_eq(picture(old, false, pixels), 64 * 48);
	before = memory_mib();
	for (i = 0; i < ARRAY_SIZE(fd); i++) {
		fd[i] = join(r);
		put(fd[i], talk, i % sizeof talk);
		display_changed(r->c, 0, 0, 2048, 2048);
		run(r, 10);
		most = MAX(most, vnc_viewers(r->v));
	}
	after = memory_mib();
	/* Each picture has 16 MiB. */
	ck_assert_uint_lt(after - MIN(before, after), 64);
	ck_assert_uint_le(most, 1 + VNC_STRANGERS + 16);
	polite = join(r);
	ck_assert(hello(polite, &w, &h));
	ck_assert(w == 2048 && h == 2048);
	display_surface(r->c)->pixels[3 * 2048 + 4] = 0x998877;
	display_changed(r->c, 4, 3, 1, 1);
	run(r, 100);
	ck_assert_uint_eq(picture(polite, false, pixels), 64 * 48);
	ck_assert_uint_eq(pixels[3 * 64 + 4] & 0xffffff, 0x998877);
	for (i = 0; i < ARRAY_SIZE(fd); i++)
		closed += is_closed(fd[i]);
	ck_assert_uint_ge(closed, ARRAY_SIZE(fd) - VNC_STRANGERS);
	/* Time runs out for the rest, and for one that always says a little more. */
	end = host_now() + 60000000000u;
	for (i = 0; host_now() < end && vnc_viewers(r->v) > 2; i++) {
		if (i % 20 == 0 && i / 20 < 12)
			put(fd[98], talk + 98 % sizeof talk, 1);
		run(r, 100);
	}
	ck_assert_uint_eq(vnc_viewers(r->v), 2);
	ck_assert_uint_eq(picture(polite, false, pixels), 64 * 48);
	ck_assert_uint_eq(picture(old, false, pixels), 64 * 48);
	for (i = 0; i < ARRAY_SIZE(fd); i++)
		close(fd[i]);
	close(old);
	close(polite);
	rig_free(r);
}
END_TEST

/* The size that counts is the one the screen has when the login ends. */
START_TEST(size_at_login)
{
	static u32 pixels[64 * 48];
	struct rig *r;
	u32 w, h;
	int fd;

	if (!vnc_available())
		return;
	r = rig_new("none");
	fd = join(r);
	run(r, 100);
	ck_assert_int_eq(display_resize(r->c, 320, 200), 0);
	display_surface(r->c)->pixels[320 + 2] = 0x102030;
	display_changed(r->c, 2, 1, 1, 1);
	run(r, 100);
	ck_assert(hello(fd, &w, &h));
	ck_assert(w == 320 && h == 200);
	ck_assert_uint_eq(picture(fd, false, pixels), 64 * 48);
	ck_assert_uint_eq(pixels[64 + 2] & 0xffffff, 0x102030);
	close(fd);
	rig_free(r);
}
END_TEST

START_TEST(many)
{
	struct rig *r;
	int fd[VNC_VIEWERS + 1], pair[2];
	u32 i, w, h;

	if (!vnc_available())
		return;
	r = rig_new("none");
	for (i = 0; i < VNC_VIEWERS; i++) {
		fd[i] = join(r);
		ck_assert(hello(fd[i], &w, &h));
	}
	/* The last one's thread may not have noted it yet. */
	run(r, 300);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ck_assert_int_eq(vnc_serve(r->v, pair[1]), -EBUSY);
	close(pair[0]);
	for (i = 0; i < VNC_VIEWERS; i++)
		close(fd[i]);
	for (i = 0; i < 100 && vnc_viewers(r->v); i++)
		run(r, 50);
	ck_assert_uint_eq(vnc_viewers(r->v), 0);
	rig_free(r);
}
END_TEST

/* A host without descriptors: who knocks waits, and the loop does not spin meanwhile. */
START_TEST(no_descriptors)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	char spec[64], path[] = "/tmp/paravane-vnc-XXXXXX";
	struct rlimit old, few;
	struct rig *r;
	u32 i, calls = 0;
	int fd;

	if (!vnc_available())
		return;
	close(mkstemp(path));
	remove(path);
	snprintf(spec, sizeof spec, "unix:%s", path);
	r = rig_new(spec);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	strcpy(sa.sun_path, path);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = old;
	few.rlim_cur = (rlim_t)dup(0);
	close((int)few.rlim_cur);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	for (i = 0; i < 10; i++)
		calls += (u32)poll_wait(r->poll, 5000000);
	ck_assert_uint_le(calls, 3);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	for (i = 0; i < 100 && !vnc_viewers(r->v); i++)
		run(r, 50);
	ck_assert_uint_eq(vnc_viewers(r->v), 1);
	close(fd);
	rig_free(r);
}
END_TEST

START_TEST(ports)
{
	struct rig *r, *other;
	struct vnc_spec s;
	struct error e = { "" };
	char spec[64], path[] = "/tmp/paravane-vnc-XXXXXX";
	struct stat st;
	u32 n;

	if (!vnc_available())
		return;
	r = rig_new("127.0.0.1:3900,to=4000");
	n = (u32)atoi(strchr(vnc_address(r->v), ':') + 1) - VNC_PORT;
	snprintf(spec, sizeof spec, "127.0.0.1:%u", n);
	vnc_parse(spec, &s, &e);
	ck_assert_ptr_null(vnc_open(&s, r->d, r->poll, keymap_find(NULL), "x", &e));
	snprintf(spec, sizeof spec, "%u", n + VNC_PORT);
	ck_assert(strstr(e.text, spec) && strstr(e.text, "taken"));
	vnc_parse("nosuchhost.invalid:1", &s, &e);
	ck_assert_ptr_null(vnc_open(&s, r->d, r->poll, keymap_find(NULL), "x", &e));
	ck_assert_ptr_nonnull(strstr(e.text, "nosuchhost.invalid"));
	close(mkstemp(path));
	remove(path);
	snprintf(spec, sizeof spec, "unix:%s", path);
	other = rig_new(spec);
	ck_assert_str_eq(vnc_address(other->v), path);
	ck_assert_int_eq(lstat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	vnc_parse(spec, &s, &e);
	ck_assert_ptr_null(vnc_open(&s, r->d, r->poll, keymap_find(NULL), "x", &e));
	ck_assert_ptr_nonnull(strstr(e.text, path));
	rig_free(other);
	ck_assert_int_ne(access(path, F_OK), 0);
	/* Somebody puts a file of his own there: it is his. */
	other = rig_new(spec);
	remove(path);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	rig_free(other);
	ck_assert_int_eq(access(path, F_OK), 0);
	remove(path);
	rig_free(r);
}
END_TEST

Suite *vnc_suite(void)
{
	Suite *s = suite_create("vnc");
	TCase *t = tcase_create("vnc");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_viewer);
	tcase_add_test(t, keys_of_two);
	tcase_add_test(t, sizes);
	tcase_add_test(t, passwords);
	tcase_add_test(t, hostile);
	tcase_add_test(t, quiet);
	tcase_add_test(t, stallers);
	tcase_add_test(t, size_at_login);
	tcase_add_test(t, many);
	tcase_add_test(t, no_descriptors);
	tcase_add_test(t, ports);
	suite_add_tcase(s, t);
	return s;
}
