/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ui/monitor_open.c: disks of servers that are slow or silent: the monitor that asked is answered when they have spoken, and
 * everybody else goes on.
 */
#include "config.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/endian.h"
#include "guest/disks.h"
#include "guest/guest.h"
#include "tests/suites.h"
#include "tests/unit/vif_env.h"
#include "ui/monitor.h"

struct rig {
	struct vworld *w;
	struct guest g;
	struct monitors *m;
	char dir[40], image[80];
};

static void quit(void *opaque, int code)
{
}

static void restart(void *opaque)
{
}

static void rig_init(struct rig *r)
{
	struct monitors_env env = { .quit = quit, .restart = restart };
	struct error e = { "" };
	int fd;

	strcpy(r->dir, "/tmp/paravane-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(r->dir));
	snprintf(r->image, sizeof r->image, "%s/image", r->dir);
	fd = open(r->image, O_RDWR | O_CREAT, 0600);
	ck_assert(fd >= 0 && !ftruncate(fd, 1 << 20));
	close(fd);
	r->w = vworld_new();
	r->g = (struct guest){ .host = &r->w->e->host, .d = r->w->e->d, .node = node_new("demo") };
	ck_assert_int_eq(guest_disks_open(&r->g, &e), 0);
	env.host = r->g.host;
	env.guest = &r->g;
	r->m = monitors_new(&env);
	ck_assert_ptr_nonnull(r->m);
	ck_assert_int_eq(monitors_attach(r->m, r->g.d), 0);
}

static void rig_end(struct rig *r)
{
	monitors_free(r->m);
	guest_disks_detach(&r->g);
	guest_disks_close(&r->g);
	node_free(r->g.node);
	vworld_free(r->w);
	unlink(r->image);
	ck_assert_int_eq(rmdir(r->dir), 0);
}

static void says(struct rig *r, const char *want, const char *fmt, const char *path)
{
	char line[300], *got;

	snprintf(line, sizeof line, fmt, path);
	got = monitors_run(r->m, line);
	ck_assert_msg(got && (*want ? strstr(got, want) != NULL : !*got), "%s\n-> '%s'\nwithout '%s'", line, got ? got : "(null)", want);
	free(got);
}

/* What is at hand is there at once; words that are wrong open nothing, and are told of once. */
START_TEST(at_hand)
{
	struct rig r;
	char *got;

	rig_init(&r);
	says(&r, "disk a is there\n", "disk_add file=%s,format=raw,id=a", r.image);
	says(&r, "the id a already", "disk_add file=%s,format=raw,id=a", r.image);
	says(&r, "is locked", "device_add xen-disk,file=%s,format=raw,id=b", r.image);
	says(&r, "no such image", "drive_add 0 file=%s.none,format=raw,id=b", r.image);
	says(&r, "say what it is: file=", "disk_add %s", r.image);
	says(&r, "there is no drive 'x'", "change x %s", r.image);
	got = monitors_run(r.m, "disk_add \"file=x");
	ck_assert_str_eq(got, "a closing \" is missing\n");
	free(got);
	says(&r, "", "disk_remove a", "");
	/* Nothing above has kept it. */
	says(&r, "disk c is there\n", "drive_add 0 file=%s,format=raw,media=cdrom,id=c", r.image);
	says(&r, "", "eject -f c", "");
	says(&r, "", "change c %s", r.image);
	says(&r, "read-only", "info block%s", "");
	ck_assert_ptr_null(guest_disk_id(&r.g, 1));
	rig_end(&r);
}
END_TEST

#if HAVE_NBD
/* A client of a monitor, or somebody who listens. */
static int a_socket(struct rig *r, const char *name, bool monitor)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct error e = { "" };
	char spec[120];
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	ck_assert_int_ge(fd, 0);
	snprintf(sa.sun_path, sizeof sa.sun_path, "%s/%s", r->dir, name);
	if (!monitor) {
		ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, sizeof sa), 0);
		ck_assert_int_eq(listen(fd, 5), 0);
		fcntl(fd, F_SETFL, O_NONBLOCK);
		return fd;
	}
	snprintf(spec, sizeof spec, "unix:%s,server=on,wait=off", sa.sun_path);
	ck_assert_msg(!monitors_open(r->m, spec, &e), "%s", e.text);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	return fd;
}

static void type(int fd, const char *line)
{
	ck_assert_int_eq(write(fd, line, strlen(line)), (ssize_t)strlen(line));
}

/* What fd has been told is added to text, until it has this. */
static void until(struct rig *r, int fd, char *text, size_t size, const char *want)
{
	u64 end = host_now() + 60000000000ull;

	while (!strstr(text, want)) {
		size_t have = strlen(text);
		ssize_t n = recv(fd, text + have, size - 1 - have, MSG_DONTWAIT);

		if (n > 0)
			text[have + (size_t)n] = 0;
		ck_assert_msg(host_now() < end, "'%s' has no '%s'", text, want);
		poll_wait(r->g.host->poll, 1000000);
	}
}

/* The next that connects to us. */
static int take(struct rig *r, int server)
{
	int fd, i;

	for (i = 0; i < 60000 && (fd = accept(server, NULL, NULL)) < 0; i++)
		poll_wait(r->g.host->poll, 1000000);
	ck_assert_int_ge(fd, 0);
	return fd;
}

/* NBD's old greeting, of a disk of 1 MiB. */
static void greet(int fd)
{
	u8 b[152] = "NBDMAGIC";

	b[9] = 0x00, b[10] = 0x42, b[11] = 0x02, b[12] = 0x81, b[13] = 0x86, b[14] = 0x12, b[15] = 0x53;
	b[8] = 0;
	b[16 + 5] = 0x10;
	b[24 + 3] = 1;
	ck_assert_int_eq(write(fd, b, sizeof b), sizeof b);
}

START_TEST(silent)
{
	char one[4000] = "", two[4000] = "", line[200];
	int a, b, server, peer;
	struct rig r;
	u64 start;

	rig_init(&r);
	a = a_socket(&r, "a", true);
	b = a_socket(&r, "b", true);
	server = a_socket(&r, "s", false);
	snprintf(line, sizeof line, "disk_add file=nbd:unix:%s/s,format=raw,id=slow\nprint 7\n", r.dir);
	type(a, line);
	/* It is connected to and says nothing: others are answered, and the next line of this one waits. */
	start = host_now();
	type(b, "info name\nprint 9\n");
	until(&r, b, two, sizeof two, "0x9");
	ck_assert_uint_lt(host_now() - start, 4000000000ull);
	until(&r, a, one, sizeof one, "help");
	ck_assert_ptr_null(strstr(one, "0x7"));
	ck_assert_ptr_null(guest_disk_id(&r.g, 0));
	/* What others do meanwhile stands. */
	snprintf(line, sizeof line, "disk_add file=%s,format=raw,id=quick\nprint 11\n", r.image);
	type(b, line);
	until(&r, b, two, sizeof two, "0xb");
	ck_assert_ptr_nonnull(strstr(two, "disk quick is there"));
	peer = take(&r, server);
	greet(peer);
	until(&r, a, one, sizeof one, "0x7");
	ck_assert_msg(strstr(one, "disk slow is there") != NULL, "%s", one);
	ck_assert_str_eq(guest_disk_id(&r.g, 0), "quick");
	ck_assert_str_eq(guest_disk_id(&r.g, 1), "slow");
	/* One that hangs up. */
	snprintf(line, sizeof line, "change quick nbd:unix:%s/s\nprint 13\n", r.dir);
	type(a, line);
	close(take(&r, server));
	until(&r, a, one, sizeof one, "0xd");
	ck_assert_msg(strstr(one, "change nbd:unix:") && strstr(one, "no NBD server answers so"), "%s", one);
	/* The drive goes while its new medium is awaited. */
	type(a, line);
	poll_wait(r.g.host->poll, 1000000);
	type(b, "disk_remove quick force\nprint 15\n");
	until(&r, b, two, sizeof two, "0xf");
	close(peer);
	close(take(&r, server));
	until(&r, a, one, sizeof one, "there is no drive 'quick'");
	/* At the end nobody waits for it. */
	snprintf(line, sizeof line, "disk_add file=nbd:unix:%s/s,format=raw,id=never\n", r.dir);
	type(b, line);
	peer = take(&r, server);
	start = host_now();
	monitors_free(r.m);
	r.m = NULL;
	ck_assert_uint_lt(host_now() - start, 3000000000ull);
	close(peer);
	close(a);
	close(b);
	close(server);
	snprintf(line, sizeof line, "%s/s", r.dir);
	unlink(line);
	rig_end(&r);
}
END_TEST
#endif

Suite *monitor_open_suite(void)
{
	Suite *s = suite_create("monitor_open");
	TCase *t = tcase_create("monitor_open");

	tcase_set_timeout(t, 300);
	tcase_add_test(t, at_hand);
#if HAVE_NBD
	tcase_add_test(t, silent);
#endif
	suite_add_tcase(s, t);
	return s;
}
