/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A host whose every call may fail: reads, writes, flushes, new lengths. A flush that fails loses some of what it should have kept,
 * as Linux does. What was acknowledged is there afterwards, or the guest was told. The calls are caught in this program, so that the
 * code for files runs as it is; where they cannot be, there is nothing to test.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "hw/host/block/block.h"
#include "tests/suites.h"
#include "tests/unit/qcow2_image.h"
#include "tests/unit/quick.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

#if defined(__linux__) && defined(__LP64__) && !defined(SANITIZED)
#define CAUGHT 1
#include <sys/syscall.h>

/* What a write that was not flushed yet has replaced. */
struct undo {
	off_t off;
	size_t n;
	u8 *old;
};

/* Of the file that fails. */
static struct {
	bool armed;
	dev_t dev;
	ino_t ino;
	u64 x;
	u32 every; /* one call in so many fails */
	u32 syncs_failed, failed;
	struct undo undo[4096];
	u32 n;
} host;

static bool ours(int fd)
{
	struct stat st;

	return host.ino && !fstat(fd, &st) && st.st_ino == host.ino && st.st_dev == host.dev;
}

/* errno is set when it fails. */
static bool fails(int fd, bool may_be_full)
{
	if (!host.armed || image_random(&host.x) % host.every || !ours(fd))
		return false;
	host.failed++;
	errno = may_be_full && image_random(&host.x) % 2 ? ENOSPC : EIO;
	return true;
}

static void remember(int fd, off_t off, size_t n)
{
	struct undo *u = &host.undo[host.n];

	if (!ours(fd) || host.n == ARRAY_SIZE(host.undo))
		return;
	u->off = off;
	u->n = n;
	u->old = calloc(1, n + 1);
	if (syscall(SYS_pread64, fd, u->old, n, off) >= 0)
		host.n++;
}

static void forget(void)
{
	while (host.n)
		free(host.undo[--host.n].old);
}

/* Some of what was not flushed is gone. */
static void lose(int fd)
{
	u32 i;

	for (i = host.n; i--;)
		if (image_random(&host.x) % 2)
			syscall(SYS_pwrite64, fd, host.undo[i].old, host.undo[i].n, host.undo[i].off);
	forget();
}

/* The names that the C library has for them, with offsets of 64 bits and plain. */
#define CAUGHT_AS(type, name, args, call)                 \
	type name##_64 args __asm__(#name "64");          \
	type name##_plain args __asm__(#name);            \
	type name##_64 args { return call; }              \
	type name##_plain args { return call; }

static ssize_t do_pread(int fd, void *p, size_t n, off_t off)
{
	return fails(fd, false) ? -1 : syscall(SYS_pread64, fd, p, n, off);
}

static ssize_t do_pwrite(int fd, const void *p, size_t n, off_t off)
{
	bool failing = fails(fd, true);

	/* A part may have been written. */
	if (failing && n > 1 && image_random(&host.x) % 2) {
		remember(fd, off, n / 2);
		return syscall(SYS_pwrite64, fd, p, n / 2, off);
	}
	if (failing)
		return -1;
	remember(fd, off, n);
	return syscall(SYS_pwrite64, fd, p, n, off);
}

static ssize_t do_preadv(int fd, const struct iovec *v, int n, off_t off)
{
	return fails(fd, false) ? -1 : syscall(SYS_preadv, fd, v, n, off, 0);
}

static ssize_t do_pwritev(int fd, const struct iovec *v, int n, off_t off)
{
	size_t len = 0;
	int i;

	for (i = 0; i < n; i++)
		len += v[i].iov_len;
	if (fails(fd, true))
		return -1;
	remember(fd, off, len);
	return syscall(SYS_pwritev, fd, v, n, off, 0);
}

static int do_truncate(int fd, off_t len)
{
	return fails(fd, true) ? -1 : (int)syscall(SYS_ftruncate, fd, len);
}

static int do_fallocate(int fd, int mode, off_t off, off_t len)
{
	if (fails(fd, true))
		return -1;
	remember(fd, off, (size_t)len);
	return (int)syscall(SYS_fallocate, fd, mode, off, len);
}

/* Nothing goes to a disk here: it is for the test alone to say what is lost. */
static int do_sync(int fd)
{
	if (!ours(fd))
		return 0;
	if (fails(fd, true)) {
		host.syncs_failed++;
		lose(fd);
		return -1;
	}
	forget();
	return 0;
}

CAUGHT_AS(ssize_t, pread, (int fd, void *p, size_t n, off_t off), do_pread(fd, p, n, off))
CAUGHT_AS(ssize_t, pwrite, (int fd, const void *p, size_t n, off_t off), do_pwrite(fd, p, n, off))
CAUGHT_AS(ssize_t, preadv, (int fd, const struct iovec *v, int n, off_t off), do_preadv(fd, v, n, off))
CAUGHT_AS(ssize_t, pwritev, (int fd, const struct iovec *v, int n, off_t off), do_pwritev(fd, v, n, off))
CAUGHT_AS(int, ftruncate, (int fd, off_t len), do_truncate(fd, len))
CAUGHT_AS(int, fallocate, (int fd, int mode, off_t off, off_t len), do_fallocate(fd, mode, off, len))

int caught_fdatasync(int fd) __asm__("fdatasync");
int caught_fdatasync(int fd)
{
	return do_sync(fd);
}
int caught_fsync(int fd) __asm__("fsync");
int caught_fsync(int fd)
{
	return do_sync(fd);
}

/* ---- a guest that keeps records --------------------------------------------------------------------------------- */

#define RECORD 4096u
#define RECORDS 256u

struct book {
	char path[40];
	const char *format;
	struct block *b;
	u64 x;
	bool written[RECORDS], kept[RECORDS]; /* kept: a flush after it went well */
	u32 told;
};

static void record(u8 *p, u32 i)
{
	u64 x = i + 1;
	u32 k;

	for (k = 0; k < RECORD; k += 8)
		st64(p + k, image_random(&x));
}

static struct block *open_book(struct book *k, bool readonly)
{
	struct block_options o = { .format = k->format, .readonly = readonly, .quiet = true };
	struct error e = { "" };
	struct block *b = block_open(k->path, &o, NULL, NULL, &e);

	ck_assert_msg(b || host.armed, "%s", e.text);
	return b;
}

/* What was kept is there. */
static void check_kept(struct book *k, struct block *b, bool failing, const char *when, u32 run)
{
	u8 want[RECORD], got[RECORD];
	u32 i;

	for (i = 0; i < RECORDS; i++) {
		int rc;

		if (!k->kept[i])
			continue;
		record(want, i);
		rc = block_pread(b, (u64)i * RECORD, got, RECORD);
		quick_msg(!rc || failing, "run %u, %s: record %u cannot be read (%d)", run, when, i, rc);
		quick_msg(rc || !memcmp(want, got, RECORD), "run %u, %s: record %u is another", run, when, i);
	}
}

static void step(struct book *k)
{
	u32 i = (u32)(image_random(&k->x) % RECORDS), n = 1;
	u8 p[RECORD];
	int rc;

	if (image_random(&k->x) % 4 == 0) {
		rc = block_flush(k->b);
		quick_msg(rc || !host.syncs_failed, "a flush went well after one was lost");
		for (i = 0; i < RECORDS && !rc; i++)
			k->kept[i] |= k->written[i];
		k->told += !!rc;
		return;
	}
	/* Each has a place of its own: one that fails half-way damages no other. */
	while (k->written[i] && n++ < RECORDS)
		i = (i + 1) % RECORDS;
	record(p, i);
	rc = block_pwrite(k->b, (u64)i * RECORD, p, RECORD);
	quick_msg(rc || !host.syncs_failed, "a write went well after a flush was lost");
	k->written[i] |= !rc;
	k->told += !!rc;
}

static void book_new(struct book *k, u32 shape, u64 seed)
{
	static const struct image_spec shapes[] = {
		{ 3, 16, 4, RECORD * RECORDS, NULL, NULL, 0, 0, 0, 0 },
		{ 3, 9, 4, RECORD * RECORDS, NULL, NULL, 0, 0, 0, 0 },
		{ 2, 12, 4, RECORD * RECORDS, NULL, NULL, 0, 0, 0, 0 },
	};
	struct stat st;
	size_t len;
	u8 *p;
	int fd;

	memset(k, 0, sizeof *k);
	k->x = seed * 0x9e3779b97f4a7c15ULL + 1;
	k->format = shape ? "qcow2" : "raw";
	strcpy(k->path, "/tmp/faulty-XXXXXX");
	fd = mkstemp(k->path);
	ck_assert_int_ge(fd, 0);
	if (shape) {
		p = image_make(&shapes[shape - 1], &len);
		quick_eq(write(fd, p, len), (ssize_t)len);
		free(p);
	} else {
		quick_eq(ftruncate(fd, RECORD * RECORDS), 0);
	}
	quick_eq(fstat(fd, &st), 0);
	close(fd);
	forget();
	host.dev = st.st_dev;
	host.ino = st.st_ino;
	host.x = k->x * 31 + 7;
	host.syncs_failed = 0;
	host.every = 4 + (u32)(seed % 40);
	host.armed = false;
}

/* The image is as consistent as it says. */
static void check_image(struct book *k, u32 run)
{
	struct image_check c;
	FILE *f = fopen(k->path, "rb");
	u8 *p = malloc(8 << 20);
	size_t n = fread(p, 1, 8 << 20, f);

	fclose(f);
	image_verify(p, n, &c);
	quick_msg(!c.corrupt || host.syncs_failed, "run %u: %s", run, c.first);
	free(p);
}

START_TEST(every_call_may_fail)
{
	u32 run, steps, lost = 0, told = 0, kept = 0;
	struct book k;

	for (run = 0; run < 700; run++) {
		book_new(&k, (u32)_i, run + 1);
		k.b = open_book(&k, false);
		steps = 40 + (u32)(image_random(&k.x) % 100);
		while (steps--) {
			host.armed = steps % 8 < 5; /* a host that fails all the time keeps nothing */
			step(&k);
		}
		host.armed = true;
		check_kept(&k, k.b, true, "as it runs", run);
		host.armed = run % 3 == 0;
		if (run % 5 == 0) { /* the host dies: what was not flushed is lost, more or less */
			int fd = open(k.path, O_RDWR);
			struct book crash = k;

			host.armed = false;
			lose(fd);
			close(fd);
			crash.b = NULL;
			strcat(crash.path, "c");
			fd = open(crash.path, O_RDWR | O_CREAT, 0600);
			{
				int from = open(k.path, O_RDONLY);
				u8 *p = malloc(8 << 20);
				ssize_t n = read(from, p, 8 << 20);

				quick_eq(write(fd, p, (size_t)n), n);
				free(p);
				close(from);
			}
			close(fd);
			crash.b = open_book(&crash, true);
			check_kept(&crash, crash.b, false, "after a crash", run);
			block_close(crash.b);
			unlink(crash.path);
		} else {
			block_close(k.b);
			host.armed = false;
			k.b = open_book(&k, true);
			check_kept(&k, k.b, false, "closed and opened anew", run);
			if (_i)
				check_image(&k, run);
		}
		host.armed = false;
		block_close(k.b);
		lost += host.syncs_failed > 0;
		told += k.told > 0;
		for (steps = 0; steps < RECORDS; steps++)
			kept += k.kept[steps];
		unlink(k.path);
	}
	ck_assert_uint_gt(lost, 100);
	ck_assert_uint_gt(told, 200);
	ck_assert_uint_gt(kept, 1000);
	host.ino = 0;
}
END_TEST

/* What was written before a flush was lost and after the one before it: its tables go out too, and the image says that it is dirty. */
START_TEST(tables_after_a_lost_flush)
{
	struct book k;
	struct error e = { "" };
	u32 i;
	u8 p[RECORD], q[RECORD];

	book_new(&k, 1, 1);
	k.b = open_book(&k, false);
	for (i = 0; i < 100; i++) {
		record(p, i);
		ck_assert_int_eq(block_pwrite(k.b, (u64)i * RECORD, p, RECORD), 0);
	}
	forget(); /* the host's disk has it all, and fails none the less */
	host.armed = true;
	host.every = 1;
	ck_assert_int_eq(block_flush(k.b) < 0, 1);
	while (!host.syncs_failed) { /* not a write of a table, but the flush */
		host.every = 2;
		block_flush(k.b);
	}
	host.armed = false;
	ck_assert_int_eq(block_pwrite(k.b, 0, p, RECORD) < 0, 1);
	block_close(k.b);
	k.b = open_book(&k, true);
	for (i = 0; i < 100; i++) {
		record(p, i);
		ck_assert_int_eq(block_pread(k.b, (u64)i * RECORD, q, RECORD), 0);
		quick(!memcmp(p, q, RECORD));
	}
	block_close(k.b);
	ck_assert_ptr_null(block_open(k.path, &(struct block_options){ .format = "qcow2" }, NULL, NULL, &e));
	ck_assert_msg(strstr(e.text, "marked dirty") != NULL, "%s", e.text);
	unlink(k.path);
	host.ino = 0;
}
END_TEST
#endif

Suite *faulty_suite(void);
Suite *faulty_suite(void)
{
	Suite *s = suite_create("faulty");
	TCase *tc = tcase_create("faulty");

	tcase_set_timeout(tc, 300);
#ifdef CAUGHT
	tcase_add_loop_test(tc, every_call_may_fail, 0, 4);
	tcase_add_test(tc, tables_after_a_lost_flush);
#endif
	suite_add_tcase(s, tc);
	return s;
}
