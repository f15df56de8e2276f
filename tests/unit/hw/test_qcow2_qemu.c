/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2 with qemu-img as the judge, both ways: its images written by us and checked by it, random operations against a
 * plain file, compressed images, internal snapshots. Passes without a word where qemu-img is not installed.
 */
#include <check.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "hw/host/block/block.h"
#include "tests/suites.h"
#include "tests/unit/qcow2_image.h"

static char dir[64];

static int run(const char *fmt, ...) PRINTF(1, 2);
static int run(const char *fmt, ...)
{
	char cmd[1000];
	va_list ap;
	int n = snprintf(cmd, sizeof cmd, "cd %s && ( ", dir);

	va_start(ap, fmt);
	n += vsnprintf(cmd + n, sizeof cmd - (size_t)n, fmt, ap);
	va_end(ap);
	snprintf(cmd + n, sizeof cmd - (size_t)n, " ) >/dev/null 2>&1");
	return system(cmd);
}

static bool begin(void)
{
	strcpy(dir, "/tmp/qcow2-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	if (!run("qemu-img --version"))
		return true;
	rmdir(dir);
	return false;
}

static void end(void)
{
	run("rm -f -- *");
	rmdir(dir);
}

static struct block *open_it(const char *name, const char *format, bool readonly)
{
	struct block_options o = { .format = format, .readonly = readonly };
	struct error e = { "" };
	char path[200];
	struct block *b;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	b = block_open(path, &o, NULL, NULL, &e);
	ck_assert_msg(b != NULL, "%s", e.text);
	return b;
}

#define RAW_SIZE (6u << 20)

static void fill(u8 *p, size_t n, u64 *x)
{
	size_t i;
	u64 plain = image_random(x) % 3;

	for (i = 0; i < n; i++)
		p[i] = plain ? (u8)(plain + i / 700) : (u8)image_random(x);
}

/* The same operations on an image and a raw file. */
static void both(struct block *a, struct block *raw, int steps, u64 *x)
{
	u8 *p = malloc(400000), *q = malloc(400000);
	u64 size = block_size(a);

	while (steps--) {
		u64 op = image_random(x) % 10, off = image_random(x) % size, len = image_random(x) % 6;

		len = image_random(x) % (len ? 9000 : 400000) + 1;
		len = MIN(len, size - off);
		if (op < 6) {
			fill(p, (size_t)len, x);
			ck_assert_int_eq(block_pwrite(a, off, p, (size_t)len), 0);
			ck_assert_int_eq(block_pwrite(raw, off, p, (size_t)len), 0);
		} else if (op < 7) {
			ck_assert_int_eq(block_write_zeroes(a, off, len, BLOCK_UNMAP), 0);
			ck_assert_int_eq(block_write_zeroes(raw, off, len, 0), 0);
		} else if (op < 8) {
			ck_assert_int_eq(block_discard(a, off, len), 0);
			ck_assert_int_eq(block_pread(a, off, p, (size_t)len), 0);
			ck_assert_int_eq(block_pwrite(raw, off, p, (size_t)len), 0);
		} else if (op < 9) {
			ck_assert_int_eq(block_pread(a, off, p, (size_t)len), 0);
			ck_assert_int_eq(block_pread(raw, off, q, (size_t)len), 0);
			ck_assert(!memcmp(p, q, (size_t)len));
		} else {
			ck_assert_int_eq(block_flush(a), 0);
		}
	}
	free(p);
	free(q);
}

static const char *const options[] = {
	"cluster_size=512",
	"cluster_size=65536",
	"cluster_size=4096,compat=0.10",
	"cluster_size=2M",
	"refcount_bits=1,cluster_size=1024",
	"refcount_bits=64",
	"preallocation=metadata",
	"preallocation=full,cluster_size=8192",
	"compression_type=zstd",
	"lazy_refcounts=on",
	"extended_l2=on",
	"extended_l2=on,cluster_size=16384",
	"data_file=d",
	"data_file=d,data_file_raw=on",
};

START_TEST(written_by_us)
{
	u64 x = 42 + (u64)_i;
	struct block *a, *raw;
	int round;

	if (!begin())
		return;
	ck_assert_int_eq(run("qemu-img create -f qcow2 -o %s a %u && qemu-img create -f raw r %u", options[_i],
			     RAW_SIZE, RAW_SIZE),
			 0);
	for (round = 0; round < 3; round++) {
		a = open_it("a", NULL, false);
		raw = open_it("r", "raw", false);
		ck_assert_str_eq(block_format(a), "qcow2");
		both(a, raw, 60, &x);
		if (round == 1) {
			ck_assert_int_eq(block_resize(a, RAW_SIZE * 2, NULL), 0);
			ck_assert_int_eq(block_resize(raw, RAW_SIZE * 2, NULL), 0);
		}
		block_close(a);
		block_close(raw);
		ck_assert_int_eq(run("qemu-img check -f qcow2 a"), 0);
		ck_assert_int_eq(run("qemu-img compare -f qcow2 -F raw a r"), 0);
		if (strstr(options[_i], "data_file_raw"))
			ck_assert_int_eq(run("qemu-img compare -f raw -F raw d r"), 0);
	}
	end();
}
END_TEST

/* Clusters of which QEMU wrote a part, over a backing file; and with snapshots. */
START_TEST(extended_by_qemu)
{
	u64 x = 815 + (u64)_i;
	struct block *a, *raw;
	u8 *p = malloc(RAW_SIZE);
	u32 i;

	if (!begin())
		return;
	ck_assert_int_eq(run("qemu-img create -f raw base %u", RAW_SIZE), 0);
	raw = open_it("base", "raw", false);
	for (i = 0; i < RAW_SIZE; i++)
		p[i] = (u8)(image_random(&x) | 1);
	ck_assert_int_eq(block_pwrite(raw, 0, p, RAW_SIZE), 0);
	block_close(raw);
	ck_assert_int_eq(run("qemu-img create -f qcow2 -o extended_l2=on -b base -F raw a %u", RAW_SIZE), 0);
	for (i = 0; i < 12; i++) {
		u64 at = image_random(&x) % (RAW_SIZE / 512 - 300), n = 1 + image_random(&x) % (i % 2 ? 9 : 300);

		ck_assert_int_eq(run("qemu-io -f qcow2 -c '%s %llu %llu' a", i % 4 ? "write -P 77" : "write -z",
				     (unsigned long long)at * 512, (unsigned long long)n * 512), 0);
	}
	if (_i)
		ck_assert_int_eq(run("qemu-img snapshot -c one a"), 0);
	ck_assert_int_eq(run("qemu-img convert -f qcow2 -O raw a r && cp r one"), 0);
	a = open_it("a", "qcow2", false);
	raw = open_it("r", "raw", false);
	both(a, raw, 100, &x);
	block_close(a);
	block_close(raw);
	ck_assert_int_eq(run("qemu-img check -f qcow2 a"), 0);
	ck_assert_int_eq(run("qemu-img compare -f qcow2 -F raw a r"), 0);
	if (_i)
		ck_assert_int_eq(run("qemu-img snapshot -a one a && qemu-img compare -f qcow2 -F raw a one"), 0);
	end();
	free(p);
}
END_TEST

/* A data file that the image's maker chose, elsewhere: the guest would write to it. */
START_TEST(data_file_elsewhere)
{
	struct block_options o = { .format = "qcow2" };
	struct error e = { "" };
	char path[200];
	int code = 0;

	if (!begin())
		return;
	ck_assert_int_eq(run("mkdir sub; qemu-img create -f qcow2 -o data_file=sub/d a 1M"), 0);
	snprintf(path, sizeof path, "%s/a", dir);
	ck_assert_ptr_null(block_open(path, &o, NULL, &code, &e));
	ck_assert_int_eq(code, -EPERM);
	ck_assert_msg(strstr(e.text, "does not lie beside it"), "%s", e.text);
	o.folder = dir;
	block_close(block_open(path, &o, NULL, &code, &e));
	ck_assert_int_eq(code, 0);
	run("rm -r sub");
	end();
}
END_TEST

/* A chain: raw, qcow2 (shorter), qcow2. */
START_TEST(backing_files)
{
	u64 x = 4711;
	struct block *a, *raw;
	u8 *p = malloc(RAW_SIZE), *q = malloc(RAW_SIZE);

	if (!begin())
		return;
	ck_assert_int_eq(run("qemu-img create -f raw base 3M"), 0);
	raw = open_it("base", "raw", false);
	fill(p, 3 << 20, &x);
	ck_assert_int_eq(block_pwrite(raw, 0, p, 3 << 20), 0);
	block_close(raw);
	ck_assert_int_eq(run("mkdir sub; qemu-img create -f qcow2 -b base -F raw mid 2M && "
			     "qemu-img create -f qcow2 -o cluster_size=4096 -b mid -F qcow2 a 5M && "
			     "qemu-img convert -f qcow2 -O raw a r"),
			 0);
	a = open_it("a", "qcow2", false);
	raw = open_it("r", "raw", false);
	both(a, raw, 100, &x);
	ck_assert_int_eq(block_pread(a, 0, p, 5 << 20), 0);
	ck_assert_int_eq(block_pread(raw, 0, q, 5 << 20), 0);
	ck_assert(!memcmp(p, q, 5 << 20));
	block_close(a);
	block_close(raw);
	ck_assert_int_eq(run("qemu-img check -f qcow2 a"), 0);
	ck_assert_int_eq(run("qemu-img compare -f qcow2 -F raw a r"), 0);
	run("rmdir sub");
	end();
	free(p);
	free(q);
}
END_TEST

/* zlib and zstd. */
static const bool built_in[] = {
#if HAVE_ZLIB
	true,
#else
	false,
#endif
#if HAVE_ZSTD
	true,
#else
	false,
#endif
};

/* Compressed clusters are read; those written to move out. */
START_TEST(compressed)
{
	static const char *const kinds[] = { "zlib", "zstd" };
	u64 x = 7 + (u64)_i;
	struct block *a, *raw;
	u8 *p = malloc(RAW_SIZE), *q = malloc(RAW_SIZE);

	if (!begin())
		return;
	ck_assert_int_eq(run("qemu-img create -f raw r %u", RAW_SIZE), 0);
	raw = open_it("r", "raw", false);
	for (size_t i = 0; i < RAW_SIZE; i += 100000)
		fill(p + i, MIN(100000, RAW_SIZE - i), &x);
	ck_assert_int_eq(block_pwrite(raw, 0, p, RAW_SIZE), 0);
	block_close(raw);
	ck_assert_int_eq(run("qemu-img convert -c -f raw -O qcow2 -o compression_type=%s,cluster_size=%s r a",
			     kinds[_i % 2], _i < 2 ? "65536" : "4096"),
			 0);
	a = open_it("a", "qcow2", false);
	raw = open_it("r", "raw", false);
	if (!built_in[_i % 2]) {
		/* Refused, and nothing else happens to the image. */
		ck_assert_int_eq(block_pread(a, 0, q, RAW_SIZE), -ENOTSUP);
	} else {
		ck_assert_int_eq(block_pread(a, 0, q, RAW_SIZE), 0);
		ck_assert(!memcmp(p, q, RAW_SIZE));
		both(a, raw, 80, &x);
	}
	block_close(a);
	block_close(raw);
	ck_assert_int_eq(run("qemu-img check -f qcow2 a"), 0);
	ck_assert_int_eq(run("qemu-img compare -f qcow2 -F raw a r"), 0);
	end();
	free(p);
	free(q);
}
END_TEST

/* Clusters of internal snapshots are copied when written, and the snapshot stays what it was. */
START_TEST(snapshots)
{
	u64 x = 99;
	struct block *a, *raw;

	if (!begin())
		return;
	ck_assert_int_eq(run("qemu-img create -f qcow2 -o cluster_size=%s a %u && qemu-img create -f raw r %u",
			     _i ? "4096" : "65536", RAW_SIZE, RAW_SIZE),
			 0);
	a = open_it("a", "qcow2", false);
	raw = open_it("r", "raw", false);
	both(a, raw, 80, &x);
	block_close(a);
	block_close(raw);
	ck_assert_int_eq(run("qemu-img snapshot -c one a && cp r one"), 0);
	a = open_it("a", "qcow2", false);
	raw = open_it("r", "raw", false);
	both(a, raw, 80, &x);
	block_close(a);
	block_close(raw);
	ck_assert_int_eq(run("qemu-img check -f qcow2 a"), 0);
	ck_assert_int_eq(run("qemu-img compare -f qcow2 -F raw a r"), 0);
	ck_assert_int_eq(run("qemu-img snapshot -a one a"), 0);
	ck_assert_int_eq(run("qemu-img compare -f qcow2 -F raw a one"), 0);
	ck_assert_int_eq(run("qemu-img snapshot -d one a && qemu-img check -f qcow2 a"), 0);
	end();
}
END_TEST

/* What we hold, qemu-img does not get, and the other way round it sees that we only read. */
START_TEST(locks_are_shared_with_qemu)
{
	struct block *a;

	if (!begin())
		return;
	ck_assert_int_eq(run("qemu-img create -f qcow2 a 1M"), 0);
	a = open_it("a", "qcow2", false);
	ck_assert_int_ne(run("qemu-img check -f qcow2 a"), 0);
	block_close(a);
	a = open_it("a", "qcow2", true);
	ck_assert_int_eq(run("qemu-img check -f qcow2 a"), 0);
	ck_assert_int_ne(run("qemu-img snapshot -c x a"), 0);
	block_close(a);
	end();
}
END_TEST

Suite *qcow2_qemu_suite(void);
Suite *qcow2_qemu_suite(void)
{
	Suite *s = suite_create("qcow2_qemu");
	TCase *tc = tcase_create("qcow2_qemu");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, written_by_us, 0, ARRAY_SIZE(options));
	tcase_add_loop_test(tc, extended_by_qemu, 0, 2);
	tcase_add_test(tc, data_file_elsewhere);
	tcase_add_test(tc, backing_files);
	tcase_add_loop_test(tc, compressed, 0, 4);
	tcase_add_loop_test(tc, snapshots, 0, 2);
	tcase_add_test(tc, locks_are_shared_with_qemu);
	suite_add_tcase(s, tc);
	return s;
}
