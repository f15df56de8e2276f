/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Disks of NBD servers: a whole life with qemu-nbd, where it is installed.
 */
#include "config.h"
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if HAVE_NBD
#include <sys/socket.h>
#include <sys/un.h>
#endif
#include <unistd.h>

#include "hw/host/block/block.h"
#include "tests/suites.h"
#include "tests/unit/qcow2_image.h"

#if !HAVE_NBD
START_TEST(server)
{
	struct block_options o = { .format = "raw" };
	struct error e = { "" };
	int code = 0;

	ck_assert_ptr_null(block_open("nbd+unix:///x?socket=/nonexistent/sock", &o, NULL, &code, &e));
	ck_assert_int_eq(code, -ENOTSUP);
	ck_assert_msg(strstr(e.text, "libnbd") != NULL, "%s", e.text);
}
END_TEST
#else
static char dir[64];

static void begin(void)
{
	strcpy(dir, "/tmp/block-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void end(void)
{
	char cmd[100];

	snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
	ck_assert_int_eq(system(cmd), 0);
}

static const char *at(const char *name)
{
	static char path[4][200];
	static u32 turn;
	char *p = path[turn++ % 4];

	snprintf(p, sizeof path[0], "%s/%s", dir, name);
	return p;
}

START_TEST(server)
{
	struct block_options o = { .format = "raw" };
	struct error e = { "" };
	char cmd[600], spec[300];
	struct block *b;
	u8 *p = malloc(3 << 20), *q = malloc(3 << 20);
	u64 x = 8;
	size_t i;
	int tries, code = 0;
	FILE *f;

	ck_assert_ptr_null(block_open("nbd+unix:///x?socket=/nonexistent/sock", &o, NULL, &code, &e));
	ck_assert_int_eq(code, -EIO);
	ck_assert_msg(strstr(e.text, "no NBD server") != NULL, "%s", e.text);
	/* Somebody who listens and says nothing. */
	{
		struct sockaddr_un sa = { .sun_family = AF_UNIX };
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);

		begin();
		snprintf(sa.sun_path, sizeof sa.sun_path, "%s/s", dir);
		ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, sizeof sa), 0);
		ck_assert_int_eq(listen(fd, 1), 0);
		snprintf(spec, sizeof spec, "nbd:unix:%s/s", dir);
		o.patience = 100;
		ck_assert_ptr_null(block_open(spec, &o, NULL, &code, &e));
		ck_assert_msg(strstr(e.text, "said nothing for 100 ms") != NULL, "%s", e.text);
		o.patience = 0;
		close(fd);
		end();
	}
	if (system("qemu-nbd --version >/dev/null 2>&1"))
		return;
	begin();
	f = fopen(at("a"), "wb");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(ftruncate(fileno(f), 4 << 20), 0);
	fclose(f);
	snprintf(cmd, sizeof cmd, "exec qemu-nbd -f raw -x disk -t -e 8 -k %s/s %s/a >/dev/null 2>&1 & echo $! >%s/pid",
		 dir, dir, dir);
	ck_assert_int_eq(system(cmd), 0);
	for (tries = 0; tries < 1200 && access(at("s"), F_OK); tries++)
		usleep(50000);
	if (_i)
		snprintf(spec, sizeof spec, "nbd+unix:///disk?socket=%s/s", dir);
	else
		snprintf(spec, sizeof spec, "nbd:unix:%s/s:exportname=disk", dir);
	b = block_open(spec, &o, NULL, NULL, &e);
	ck_assert_msg(b != NULL, "%s", e.text);
	ck_assert_uint_eq(block_size(b), 4 << 20);
	for (i = 0; i < 3 << 20; i++)
		p[i] = (u8)image_random(&x);
	ck_assert_int_eq(block_pwrite(b, 1000, p, 3 << 20), 0);
	ck_assert_int_eq(block_flush(b), 0);
	ck_assert_int_eq(block_write_zeroes(b, 1000 + 4096, 8192, 0), 0);
	memset(p + 4096, 0, 8192);
	ck_assert_int_eq(block_discard(b, 0, 512), 0);
	ck_assert_int_eq(block_pread(b, 1000, q, 3 << 20), 0);
	ck_assert(!memcmp(p, q, 3 << 20));
	ck_assert_int_eq(block_resize(b, 8 << 20, NULL), -ENOTSUP);
	block_close(b);
	/* One that says nothing is given up, and nobody waits for it again. */
	o.patience = 200;
	b = block_open(spec, &o, NULL, NULL, &e);
	ck_assert_msg(b != NULL, "%s", e.text);
	snprintf(cmd, sizeof cmd, "kill -STOP $(cat %s/pid)", dir);
	ck_assert_int_eq(system(cmd), 0);
	for (tries = 0; tries < 40; tries++)
		ck_assert_int_eq(block_pread(b, 0, q, 512), -EIO);
	ck_assert_int_eq(block_flush(b), -EIO);
	block_close(b);
	snprintf(cmd, sizeof cmd, "kill -CONT $(cat %s/pid)", dir);
	ck_assert_int_eq(system(cmd), 0);
	o.patience = 0;
	/* A server that goes away is an error of the request. */
	b = block_open(spec, &o, NULL, NULL, &e);
	ck_assert_msg(b != NULL, "%s", e.text);
	snprintf(cmd, sizeof cmd, "kill $(cat %s/pid); sleep 0.3", dir);
	ck_assert_int_eq(system(cmd), 0);
	ck_assert_int_eq(block_pread(b, 0, q, 512), -EIO);
	ck_assert_int_eq(block_pwrite(b, 0, q, 512), -EIO);
	block_close(b);
	end();
	free(p);
	free(q);
}
END_TEST
#endif

#if HAVE_NBD
/* A server that is away for a while is waited for, one that comes back is used again, and an end is an end. */
START_TEST(comes_back)
{
	struct block_options o = { .format = "raw", .reconnect = 30000, .patience = 1000, .quiet = true };
	char cmd[600], spec[300];
	struct error e = { "" };
	int quit = 0, tries;
	struct block *b;
	u8 p[512];
	u64 t;

	if (system("qemu-nbd --version >/dev/null 2>&1"))
		return;
	begin();
	snprintf(cmd, sizeof cmd,
		 "cd %s && truncate -s 1M a && echo 'exec qemu-nbd -f raw -t -e 8 -k %s/s a >/dev/null 2>&1' >run && { sh run & echo $! >pid; }",
		 dir, dir);
	ck_assert_int_eq(system(cmd), 0);
	for (tries = 0; tries < 200 && access(at("s"), F_OK); tries++)
		usleep(50000);
	snprintf(spec, sizeof spec, "nbd:unix:%s/s", dir);
	o.quit = &quit;
	/* The socket is there before anybody listens. */
	for (tries = 0; !(b = block_open(spec, &o, NULL, NULL, &e)) && tries < 200; tries++)
		usleep(50000);
	ck_assert_msg(b != NULL, "%s", e.text);
	ck_assert_int_eq(block_pwrite(b, 512, "hello", 5), 0);
	/* Gone for a second and a half. */
	snprintf(cmd, sizeof cmd, "cd %s && kill $(cat pid); sleep 0.3; rm -f s; { (sleep 1.5; exec sh run) & echo $! >pid; }", dir);
	ck_assert_int_eq(system(cmd), 0);
	ck_assert_int_eq(block_pread(b, 512, p, 512), 0);
	ck_assert(!memcmp(p, "hello", 5));
	ck_assert_int_eq(block_pwrite(b, 0, "x", 1), 0);
	ck_assert_int_eq(block_flush(b), 0);
	/* Gone, and we are told to end. */
	snprintf(cmd, sizeof cmd, "cd %s && kill $(cat pid); sleep 0.3; rm -f s", dir);
	ck_assert_int_eq(system(cmd), 0);
	quit = 1;
	t = host_now();
	ck_assert_int_eq(block_pread(b, 0, p, 512), -EIO);
	ck_assert_uint_lt(host_now() - t, 5000000000ull);
	ck_assert_int_eq(block_flush(b), -EIO);
	/* A flush was lost: nothing is taken any more. */
	ck_assert_int_eq(block_pwrite(b, 0, "x", 1), -EIO);
	block_close(b);
	end();
}
END_TEST

/* Formats that a qemu-nbd of ours reads and writes. */
START_TEST(other_formats)
{
	static const char *const formats[] = { "vmdk", "vdi", "vpc", "vhdx", "qed", "parallels" };
	struct block_options o = { .format = formats[_i], .quiet = true }, guess = { .quiet = true };
	char cmd[600], path[200];
	struct error e = { "" };
	u8 *p = malloc(1 << 20), *q = malloc(1 << 20);
	struct block *b;
	u64 x = 5;
	u32 i;

	if (system("qemu-nbd --version >/dev/null 2>&1"))
		return;
	begin();
	snprintf(path, sizeof path, "%s/a,b:c", dir);
	snprintf(cmd, sizeof cmd, "qemu-img create -q -f %s '%s' 8M", formats[_i], path);
	ck_assert_int_eq(system(cmd), 0);
	ck_assert_ptr_null(block_open(path, &guess, NULL, NULL, &e));
	ck_assert_msg(strstr(e.text, formats[_i]) && strstr(e.text, "qemu-img convert"), "%s", e.text);
	b = block_open(path, &o, NULL, NULL, &e);
	ck_assert_msg(b != NULL, "%s", e.text);
	ck_assert_uint_ge(block_size(b), 8 << 20);
	ck_assert_str_eq(block_format(b), formats[_i]);
	for (i = 0; i < 1 << 20; i++)
		p[i] = (u8)image_random(&x);
	ck_assert_int_eq(block_pwrite(b, 65536 * 3 + 512, p, 1 << 20), 0);
	ck_assert_int_eq(block_flush(b), 0);
	block_close(b);
	snprintf(cmd, sizeof cmd, "cd %s && qemu-img convert -f %s -O raw --image-opts driver=%s,file.driver=file,file.filename=a,,b:c r 2>/dev/null || "
		 "qemu-img convert -O raw --image-opts driver=%s,file.driver=file,file.filename=a,,b:c r", dir, formats[_i], formats[_i], formats[_i]);
	ck_assert_int_eq(system(cmd), 0);
	o.format = "raw";
	b = block_open(at("r"), &o, NULL, NULL, &e);
	ck_assert_msg(b != NULL, "%s", e.text);
	ck_assert_int_eq(block_pread(b, 65536 * 3 + 512, q, 1 << 20), 0);
	ck_assert(!memcmp(p, q, 1 << 20));
	block_close(b);
	o.format = "vmdk";
	ck_assert_ptr_null(block_open(at("r"), &o, NULL, NULL, &e));
	ck_assert_msg(strstr(e.text, "qemu-nbd does not read it as vmdk"), "%s", e.text);
	end();
	free(p);
	free(q);
}
END_TEST
#endif

Suite *nbd_suite(void);
Suite *nbd_suite(void)
{
	Suite *s = suite_create("nbd");
	TCase *tc = tcase_create("nbd");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, server, 0, 2);
#if HAVE_NBD
	tcase_add_test(tc, comes_back);
	tcase_add_loop_test(tc, other_formats, 0, 6);
#endif
	suite_add_tcase(s, tc);
	return s;
}
