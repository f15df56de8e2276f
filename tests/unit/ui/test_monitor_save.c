/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ui/monitor_save.c: sum, memsave and pmemsave of a guest that has put its pages in another order; in pieces, while others go on;
 * of what was there at the command; whole or not at all.
 */
#define ENV_FRAMES 0x8000u
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/suites.h"
#include "tests/unit/control_env.h"
#include "ui/monitor_impl.h"

#define BYTES ((u64)ENV_FRAMES << PAGE_SHIFT)

struct rig {
	struct control_env *c;
	struct monitors *m;
	char dir[40];
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

	strcpy(r->dir, "/tmp/paravane-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(r->dir));
	r->c = control_new();
	env.host = &r->c->e->host;
	env.guest = &r->c->guest;
	r->m = monitors_new(&env);
	ck_assert_ptr_nonnull(r->m);
}

static void rig_end(struct rig *r)
{
	monitors_free(r->m);
	control_free(r->c);
	ck_assert_int_eq(rmdir(r->dir), 0); /* nothing was left */
}

static void in_dir(const struct rig *r, const char *name, char path[80])
{
	snprintf(path, 80, "%s/%s", r->dir, name);
}

static void says(struct rig *r, const char *want, const char *fmt, const char *path)
{
	char line[200], *got;

	snprintf(line, sizeof line, fmt, path);
	got = monitors_run(r->m, line);
	ck_assert_msg(got && !strcmp(got, want), "%s\n-> '%s'\nnot '%s'", line, got ? got : "(null)", want);
	free(got);
}

/* The pseudo-physical page p lies where page n - 1 - p lay. */
static void turn_around(struct env *e)
{
	u64 i;

	for (i = 0; i < ENV_FRAMES; i++)
		pv_m2p_set(&e->pv, ENV_MFN(i), ENV_FRAMES - 1 - i);
}

static u32 file_word(const char *path, u64 at)
{
	FILE *f = fopen(path, "rb");
	u8 b[4] = { 0 };

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fseek(f, (long)at, SEEK_SET), 0);
	ck_assert_uint_eq(fread(b, 1, 4, f), 4);
	fclose(f);
	return (u32)b[0] | (u32)b[1] << 8 | (u32)b[2] << 16 | (u32)b[3] << 24;
}

/* Each page is looked up; were all frames walked for each, this would take minutes. */
START_TEST(other_order)
{
	struct rig r;
	char path[80];
	u64 start, i;

	rig_init(&r);
	turn_around(r.c->e);
	for (i = 4; i < ENV_FRAMES; i += 0x1000)
		env_put32(r.c->e, ENV_VA(i), (u32)(0x1000 + i));
	in_dir(&r, "all", path);
	start = host_now();
	says(&r, "", "pmemsave 0 0x8000000 %s", path);
	ck_assert_uint_lt(host_now() - start, 60000000000ull);
	for (i = 4; i < ENV_FRAMES; i += 0x1000)
		ck_assert_uint_eq(file_word(path, (ENV_FRAMES - 1 - i) << PAGE_SHIFT), 0x1000 + i);
	remove(path);
	says(&r, "0000000007ffb000: 0x00001004\n", "xp /1xw 0x7ffb000", "");
	/* Two frames of one number: the lower is meant, as ever. */
	pv_m2p_set(&r.c->e->pv, ENV_MFN(5), ENV_FRAMES - 1 - 4);
	says(&r, "0000000007ffb000: 0x00001004\n", "xp /1xw 0x7ffb000", "");
	says(&r, "cannot read memory at physical address 0x7ffa000\n", "xp /1xw 0x7ffa000", "");
	/* Numbers past the guest's memory, as after a balloon. */
	pv_m2p_set(&r.c->e->pv, ENV_MFN(4), 0x123456789ull);
	says(&r, "0000123456789000: 0x00001004\n", "xp /1xw 0x123456789000", "");
	rig_end(&r);
}
END_TEST

START_TEST(whole_or_not)
{
	struct rig r;
	struct stat st;
	char path[80], fifo[80], want[160];

	rig_init(&r);
	in_dir(&r, "part", path);
	says(&r, "cannot read memory at physical address 0x8000000\n", "pmemsave 0x7ffe000 0x4000 %s", path);
	ck_assert_int_ne(access(path, F_OK), 0);
	says(&r, "cannot read memory at 0x48000000\n", "memsave 0x47fff800 0x1000 %s", path);
	ck_assert_int_ne(access(path, F_OK), 0);
	says(&r, "cannot read memory at physical address 0x8000000\n", "sum 0x7fff000 0x1001", "");
	says(&r, "18446744073709551615 bytes from 0x0 on: at most 64 GiB at a time, up to the last address\n", "pmemsave 0 -1 %s", path);
	says(&r, "4096 bytes from 0xfffffffffffff001 on: at most 64 GiB at a time, up to the last address\n", "sum -4095 4096", "");
	/* What is no file stays. */
	if (!access("/dev/full", W_OK)) {
		says(&r, "/dev/full: not all could be written (No space left on device): there is no such file now\n",
		     "pmemsave 0 0x10000 %s", "/dev/full");
		ck_assert_int_eq(access("/dev/full", W_OK), 0);
	}
	/* Nobody waits for a reader. */
	in_dir(&r, "fifo", fifo);
	if (!mkfifo(fifo, 0600)) {
		snprintf(want, sizeof want, "%s: cannot be written (nobody reads this FIFO)\n", fifo);
		says(&r, want, "pmemsave 0 0x1000 %s", fifo);
		says(&r, want, "logfile %s", fifo);
		remove(fifo);
	}
	says(&r, "", "pmemsave 0x7000 0 %s", path);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_size, 0);
	says(&r, "", "pmemsave 0x7ffefff 0x1001 %s", path);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_size, 0x1001);
	remove(path);
	rig_end(&r);
}
END_TEST

/* A client of a monitor. */
static int connect_to(struct rig *r, const char *name)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	char path[80], spec[120];
	struct error e = { "" };
	int fd;

	in_dir(r, name, path);
	snprintf(spec, sizeof spec, "unix:%s,server=on,wait=off", path);
	ck_assert_msg(!monitors_open(r->m, spec, &e), "%s", e.text);
	strcpy(sa.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	return fd;
}

/* What a client has been told so far is added to text. */
static void hear(int fd, char *text, size_t size)
{
	size_t have = strlen(text);
	ssize_t n = recv(fd, text + have, size - 1 - have, MSG_DONTWAIT);

	if (n > 0)
		text[have + (size_t)n] = 0;
}

static void send_line(int fd, const char *line)
{
	ck_assert_int_eq(write(fd, line, strlen(line)), (ssize_t)strlen(line));
}

START_TEST(in_pieces)
{
	char one[2000] = "", two[2100] = "";
	u64 i, hash, answered = 0;
	struct stat st;
	struct rig r;
	char *want;
	int a, b;

	rig_init(&r);
	for (i = 0; i < BYTES / 2; i += PAGE_SIZE * 16)
		env_put32(r.c->e, ENV_VA(0) + i, (u32)i + 77);
	/* The sum that it must find, though memory changes meanwhile. */
	want = monitors_run(r.m, "sum 0 0x4000000");
	snprintf(two, sizeof two, "%s", want);
	free(want);
	a = connect_to(&r, "a");
	b = connect_to(&r, "b");
	for (i = 0; i < 20; i++)
		poll_wait(r.c->e->host.poll, 1000000);
	send_line(a, "sum 0 0x4000000\nprint 7\n");
	for (i = 0; i < 100000 && !strstr(one, "0x7"); i++) {
		poll_wait(r.c->e->host.poll, 1000000);
		hear(a, one, sizeof one);
		if (i == 2) {
			/* Under way: the guest writes, and another monitor is answered. */
			ck_assert_ptr_null(strstr(one, two));
			env_put32(r.c->e, ENV_VA(0) + BYTES / 2 - PAGE_SIZE, 0x12345678);
			send_line(b, "info name\n");
		}
		if (i > 2 && !answered && !strstr(one, two)) {
			char text[2000] = "";

			hear(b, text, sizeof text);
			answered = strstr(text, "test\n") != NULL;
		}
	}
	ck_assert_msg(strstr(one, two) && strstr(one, "0x7") > strstr(one, two), "'%s' has no '%s' and then 0x7", one, two);
	ck_assert(answered);
	ck_assert_uint_eq(env_u32(r.c->e, ENV_VA(0) + BYTES / 2 - PAGE_SIZE), 0x12345678);
	/* To look changes nothing. */
	hash = domain_hash(r.c->e->d);
	free(monitors_run(r.m, "sum 0 0x100000"));
	ck_assert_uint_eq(domain_hash(r.c->e->d), hash);
	/* One that is under way at the end is done. */
	in_dir(&r, "last", one);
	snprintf(two, sizeof two, "pmemsave 0 0x4000000 %s\n", one);
	send_line(a, two);
	for (i = 0; i < 1000 && access(one, F_OK); i++)
		poll_wait(r.c->e->host.poll, 1000000);
	close(a);
	close(b);
	monitors_free(r.m);
	r.m = NULL;
	ck_assert_int_eq(stat(one, &st), 0);
	ck_assert_int_eq(st.st_size, 0x4000000);
	remove(one);
	rig_end(&r);
}
END_TEST

Suite *monitor_save_suite(void)
{
	Suite *s = suite_create("monitor_save");
	TCase *t = tcase_create("monitor_save");

	tcase_set_timeout(t, 300);
	tcase_add_test(t, other_order);
	tcase_add_test(t, whole_or_not);
	tcase_add_test(t, in_pieces);
	suite_add_tcase(s, t);
	return s;
}
