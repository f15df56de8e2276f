/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Disks of the host: opening and its sentences, requests on threads, failing disks, what survives a kill, snapshots, locks,
 * chains.
 */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hw/host/block/block.h"
#include "hw/host/block/frozen.h"
#include "tests/suites.h"
#include "tests/unit/qcow2_image.h"

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

static void put_file(const char *name, const void *p, size_t n)
{
	FILE *f = fopen(at(name), "wb");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(p, 1, n, f), n);
	fclose(f);
}

static void make_raw(const char *name, u64 size)
{
	put_file(name, "", 0);
	ck_assert_int_eq(truncate(at(name), (off_t)size), 0);
}

static void make_qcow2(const char *name, u64 size, const char *backing, const char *format)
{
	struct image_spec s = { 3, 16, 4, size, backing, format, 0, 0, 0, 0 };
	size_t len;
	u8 *p = image_make(&s, &len);

	put_file(name, p, len);
	free(p);
}

static struct block *open_spec(const char *spec, const struct block_options *o, struct poll_set *ps)
{
	struct error e = { "" };
	struct block *b = block_open(spec, o, ps, NULL, &e);

	ck_assert_msg(b != NULL, "%s", e.text);
	return b;
}

static struct block *open_it(const char *name, const char *format)
{
	struct block_options o = { .format = format, .quiet = true };

	return open_spec(at(name), &o, NULL);
}

static void refused(const char *name, const struct block_options *o, int code, const char *word)
{
	struct error e = { "" };
	int got = 0;

	ck_assert_ptr_null(block_open(at(name), o, NULL, &got, &e));
	ck_assert_msg(strstr(e.text, word) != NULL, "'%s' does not say '%s'", e.text, word);
	ck_assert_int_eq(got, code);
}

START_TEST(sentences)
{
	struct block_options o = { .quiet = true }, ro = { .quiet = true, .readonly = true },
			     odd = { .format = "odd" };
	struct block_options raw = { .format = "raw" }, qcow2 = { .format = "qcow2" };
	struct block *b, *c;
	struct error e = { "" };
	enum block_cache cache;

	begin();
	refused("none", &o, -ENOENT, "no such image");
	mkdir(at("d"), 0700);
	refused("d", &o, -EISDIR, "is a directory");
	refused("d", &ro, -EISDIR, "is a directory");
	if (!mkfifo(at("pipe"), 0600))
		refused("pipe", &ro, -EINVAL, "neither a file nor a disk");
	else
		ck_assert_int_eq(errno, ENOSYS); /* Windows has none */
	make_raw("a", 1 << 20);
	refused("a", &odd, -EINVAL, "format=odd");
	refused("a", &qcow2, -EINVAL, "no qcow2 image");
	b = open_spec(at("a"), &raw, NULL);
	refused("a", &o, -EBUSY, "is locked");
	refused("a", &ro, -EBUSY, "is locked");
	block_close(b);
	ro.format = "raw";
	b = open_spec(at("a"), &ro, NULL);
	c = open_spec(at("a"), &ro, NULL);
	refused("a", &raw, -EBUSY, "is locked");
	ck_assert_int_eq(block_pwrite(b, 0, "x", 1), -EROFS);
	block_close(b);
	block_close(c);
	if (getuid()) {
		chmod(at("a"), 0400);
		refused("a", &raw, -EACCES, "no permission");
	}
	put_file("t", "QFI\xfb\0\0\0\3", 8);
	refused("t", &o, -EIO, "truncated");
	make_qcow2("q", 1 << 20, "gone", "raw");
	refused("q", &o, -ENOENT, "is missing");
	make_qcow2("q", 1 << 20, "q", "qcow2");
	refused("q", &o, -ELOOP, "its own backing file");
	make_qcow2("p", 1 << 20, "q2", "qcow2");
	make_qcow2("q2", 1 << 20, "p", "qcow2");
	refused("p", &o, -ELOOP, "its own backing file");
	make_qcow2("j", 1 << 20, "json:{}", NULL);
	refused("j", &o, -ENOTSUP, "no plain file");
	ck_assert_int_eq(block_cache_parse("none", &cache, &e), 0);
	ck_assert_int_eq(cache, BLOCK_NONE);
	ck_assert_int_eq(block_cache_parse("often", &cache, &e), -EINVAL);
	ck_assert(strstr(e.text, "writeback"));
	end();
}
END_TEST

/* Backing files are found beside the image that names them, and a chain has an end. */
START_TEST(chains)
{
	struct block_options o = { .quiet = true };
	struct block *b;
	char name[20], below[20], text[300];
	u8 p[512];
	int i;

	begin();
	mkdir(at("d"), 0700);
	make_raw("d/base", 65536);
	b = open_it("d/base", "raw");
	ck_assert_int_eq(block_pwrite(b, 512, "hello", 5), 0);
	block_close(b);
	make_qcow2("d/1", 1 << 20, "base", "raw");
	for (i = 2; i <= BLOCK_DEPTH_MAX + 1; i++) {
		snprintf(name, sizeof name, "d/%d", i);
		snprintf(below, sizeof below, "%d", i - 1);
		make_qcow2(name, 1 << 20, below, "qcow2");
	}
	b = open_it("d/20", NULL);
	ck_assert_int_eq(block_pread(b, 512, p, 512), 0);
	ck_assert(!memcmp(p, "hello", 5));
	ck_assert_int_eq(block_pwrite(b, 0, "new", 3), 0);
	block_describe(b, text, sizeof text);
	ck_assert_msg(strstr(text, "backing file") != NULL, "%s", text);
	block_close(b);
	b = open_it("d/20", "qcow2");
	ck_assert_int_eq(block_pread(b, 0, p, 512), 0);
	ck_assert(!memcmp(p, "new", 3));
	block_close(b);
	snprintf(name, sizeof name, "d/%d", BLOCK_DEPTH_MAX + 1);
	refused(name, &o, -ELOOP, "in a chain");
	end();
}
END_TEST

/*
 * A backing file without a format is raw, whatever a guest wrote into it, or refused; and options say what an image may name.
 */
START_TEST(backing_is_named_only)
{
	bool links;
	struct block_options o = { .quiet = true }, off = { .quiet = true, .no_backing = true };
	char folder[200];
	struct block *b;
	u8 p[512];

	begin();
	make_raw("secret", 1 << 20);
	b = open_it("secret", "raw");
	ck_assert_int_eq(block_pwrite(b, 0, "secret", 6), 0);
	block_close(b);
	/* What a guest may leave on its raw disk. */
	make_qcow2("disk", 1 << 20, "secret", "raw");
	make_qcow2("a", 1 << 20, "disk", NULL);
	refused("a", &o, -EINVAL, "does not say of which format");
	make_qcow2("a", 1 << 20, "disk", "raw");
	b = open_it("a", NULL);
	ck_assert_int_eq(block_pread(b, 0, p, 512), 0);
	ck_assert(!memcmp(p, "QFI\xfb", 4));
	block_close(b);
	make_qcow2("a", 1 << 20, "secret", NULL);
	b = open_it("a", NULL);
	ck_assert_int_eq(block_pread(b, 0, p, 512), 0);
	ck_assert(!memcmp(p, "secret", 6));
	block_close(b);
	b = open_spec(at("a"), &off, NULL);
	ck_assert_int_eq(block_pread(b, 0, p, 512), 0);
	ck_assert(!p[0] && !p[511]);
	block_close(b);
	/* A folder, by any way into it or out of it. */
	mkdir(at("d"), 0700);
	mkdir(at("d2"), 0700);
	make_raw("d/base", 65536);
	make_raw("d2/base", 65536);
	links = !symlink("../secret", at("d/link"));
	snprintf(folder, sizeof folder, "%s/d//", dir);
	o.folder = folder;
	make_qcow2("d/a", 1 << 20, "base", "raw");
	block_close(open_spec(at("d/a"), &o, NULL));
	make_qcow2("a", 1 << 20, "d2/../d/base", "raw");
	block_close(open_spec(at("a"), &o, NULL));
	make_qcow2("a", 1 << 20, "secret", "raw");
	refused("a", &o, -EPERM, "which is not in");
	make_qcow2("a", 1 << 20, "d2/base", "raw");
	refused("a", &o, -EPERM, "which is not in");
	if (links) {
		make_qcow2("d/a", 1 << 20, "link", "raw");
		refused("d/a", &o, -EPERM, "which is not in");
	}
	make_qcow2("d/a", 1 << 20, "gone", "raw");
	refused("d/a", &o, -ENOENT, "is missing");
	end();
}
END_TEST

/* What qemu-img knows is not taken for raw, at either end of the file, nor made by a guest whose disk was. */
START_TEST(other_formats)
{
	static const struct {
		const char *format, *bytes;
		int at, n; /* at < 0: before the end */
	} marks[] = {
		{ "vmdk", "KDMV", 0, 4 }, { "vmdk", "COWD", 0, 4 }, { "vmdk", "# Disk DescriptorFile\n", 0, 22 },
		{ "vdi", "\x7f\x10\xda\xbe", 64, 4 }, { "vpc", "conectix", 0, 8 }, { "vpc", "conectix", -512, 8 },
		{ "vhdx", "vhdxfile", 0, 8 }, { "qed", "QED", 0, 4 }, { "parallels", "WithoutFreeSpace", 0, 16 },
		{ "luks", "LUKS\xba\xbe", 0, 6 }, { "dmg", "koly", -512, 4 }, { "bochs", "Bochs Virtual HD Image", 0, 22 },
	};
	struct block_options o = { .quiet = true };
	char words[60];
	struct block *b;
	size_t i;

	begin();
	for (i = 0; i < ARRAY_SIZE(marks); i++) {
		u64 where = (u64)(marks[i].at < 0 ? 65536 + marks[i].at : marks[i].at);

		make_raw("a", 65536);
		b = open_it("a", NULL);
		ck_assert_int_eq(block_pwrite(b, where, marks[i].bytes, (size_t)marks[i].n), -EPERM);
		ck_assert_int_eq(block_pwrite(b, where, marks[i].bytes, (size_t)marks[i].n - 2), 0);
		block_close(b);
		b = open_it("a", "raw");
		ck_assert_int_eq(block_pwrite(b, where, marks[i].bytes, (size_t)marks[i].n), 0);
		block_close(b);
		snprintf(words, sizeof words, "looks like a %s image", marks[i].format);
		refused("a", &o, -EINVAL, words);
		snprintf(words, sizeof words, "qemu-img convert -f %s", marks[i].format);
		refused("a", &o, -EINVAL, words);
		block_close(open_it("a", "raw"));
	}
	end();
}
END_TEST

/* ---- requests ---- */

struct job {
	struct block_request r;
	struct block_vec v[3];
	u8 p[12288];
	int result;
	u32 calls;
};

static void on_done(struct block_request *r, int result)
{
	struct job *j = r->opaque;

	j->result = result;
	j->calls++;
}

static struct job *job(struct job *j, enum block_op op, u64 off, u32 len, u32 flags)
{
	j->v[0] = (struct block_vec){ j->p, 100 };
	j->v[1] = (struct block_vec){ j->p + 100, 0 };
	j->v[2] = (struct block_vec){ j->p + 100, sizeof j->p - 100 };
	j->r = (struct block_request){ .op = op,
				       .flags = flags,
				       .offset = off,
				       .length = len,
				       .vec = j->v,
				       .nvec = 3,
				       .done = on_done,
				       .opaque = j };
	j->calls = 0;
	j->result = 1;
	return j;
}

START_TEST(asynchronous)
{
	enum { N = 200 };
	static const char *const formats[] = { "raw", "qcow2", "raw", "raw" };
	struct block_options o = { .format = formats[_i], .cache = _i == 2 ? BLOCK_NONE : BLOCK_WRITEBACK };
	struct poll_set *ps = poll_set_new();
	struct job *j = calloc(N, sizeof *j);
	struct block *b;
	struct error e;
	int i;

	begin();
	o.snapshot = _i == 3;
	if (_i == 1)
		make_qcow2("a", 4 << 20, NULL, NULL);
	else
		make_raw("a", 4 << 20);
	b = block_open(at("a"), &o, ps, NULL, &e);
	if (!b && _i == 2) {
		ck_assert_msg(strstr(e.text, "page cache") != NULL, "%s", e.text); /* a file system without O_DIRECT */
		end();
		return;
	}
	ck_assert_msg(b != NULL, "%s", e.text);
	ck_assert_uint_eq(block_size(b), 4 << 20);
	for (i = 0; i < N; i++) {
		memset(j[i].p, i + 1, sizeof j[i].p);
		block_submit(b, &job(&j[i], BLOCK_WRITE, (u64)i * 12288, 12288, i % 50 ? 0 : BLOCK_FUA)->r);
		ck_assert_uint_eq(j[i].calls, 0);
	}
	for (i = 0; block_in_flight(b) && i < 10000; i++)
		poll_wait(ps, 1000000000);
	for (i = 0; i < N; i++) {
		ck_assert_uint_eq(j[i].calls, 1);
		ck_assert_int_eq(j[i].result, 0);
		memset(j[i].p, 0, sizeof j[i].p);
		block_submit(b, &job(&j[i], BLOCK_READ, (u64)i * 12288 + 1, 12000, 0)->r);
	}
	block_wait(b, &j[N / 2].r);
	ck_assert_uint_eq(j[N / 2].calls, 1);
	block_drain(b);
	for (i = 0; i < N; i++) {
		ck_assert_int_eq(j[i].result, 0);
		ck_assert_uint_eq(j[i].p[0], (u8)(i + 1));
		ck_assert_uint_eq(j[i].p[11999], (u8)(i + 1));
		ck_assert_uint_eq(j[i].p[12000], 0);
	}
	/* Outside, and what memory there is not. */
	block_submit(b, &job(&j[0], BLOCK_READ, (4 << 20) - 512, 1024, 0)->r);
	block_submit(b, &job(&j[1], BLOCK_WRITE, UINT64_MAX - 100, 1024, 0)->r);
	block_submit(b, &job(&j[2], BLOCK_READ, 0, 12289, 0)->r);
	block_submit(b, &job(&j[3], BLOCK_FLUSH, 0, 0, 0)->r);
	block_submit(b, &job(&j[4], BLOCK_WRITE_ZEROES, 4096, 8192, BLOCK_UNMAP)->r);
	block_submit(b, &job(&j[5], BLOCK_DISCARD, 65536, 65536, 0)->r);
	block_drain(b);
	for (i = 0; i < 6; i++)
		ck_assert_int_eq(j[i].result, i < 3 ? -EINVAL : 0);
	ck_assert_uint_eq(block_stats(b)->ops[BLOCK_WRITE], N + 1);
	ck_assert_uint_eq(block_stats(b)->errors[BLOCK_READ], 2);
	ck_assert_int_eq(block_pread(b, 4096, j[0].p, 8192), 0);
	for (i = 0; i < 8192; i++)
		if (j[0].p[i])
			ck_abort_msg("not zero at %d", i);
	/* What is under way when it closes is completed. */
	for (i = 0; i < 20; i++)
		block_submit(b, &job(&j[i], BLOCK_READ, 0, 512, 0)->r);
	block_close(b);
	for (i = 0; i < 20; i++)
		ck_assert_uint_eq(j[i].calls, 1);
	poll_set_free(ps);
	free(j);
	end();
}
END_TEST

START_TEST(faults)
{
	struct block_faults f;
	struct block_options o = { .format = _i ? "qcow2" : "raw", .quiet = true };
	struct poll_set *ps = poll_set_new();
	struct job *j = calloc(8, sizeof *j);
	struct block *b;
	u8 p[1024];
	int i;

	begin();
	memset(&f, 0, sizeof f);
	f.rule[0] = (struct block_fault){
		.ops = BIT(BLOCK_WRITE), .skip = 2, .count = 1, .error = -EIO, .partial = 512
	};
	f.rule[1] = (struct block_fault){ .ops = BIT(BLOCK_FLUSH), .skip = 1, .count = 1, .error = -EIO };
	o.faults_above = &f;
	if (_i)
		make_qcow2("a", 1 << 20, NULL, NULL);
	else
		make_raw("a", 1 << 20);
	b = open_spec(at("a"), &o, ps);
	for (i = 0; i < 4; i++) {
		memset(j[i].p, 0x77, sizeof j[i].p);
		block_submit(b, &job(&j[i], BLOCK_WRITE, (u64)i * 4096, 4096, 0)->r);
		block_drain(b); /* in order: whoever waits helps */
	}
	for (i = 4; i < 7; i++) {
		block_submit(b, &job(&j[i], BLOCK_FLUSH, 0, 0, 0)->r);
		block_drain(b);
	}
	for (i = 0; i < 7; i++)
		ck_assert_int_eq(j[i].result, i == 2 || i == 5 ? -EIO : 0);
	ck_assert_int_eq(block_pread(b, 2 * 4096, p, 1024), 0);
	ck_assert(p[0] == 0x77 && p[511] == 0x77 && p[512] == 0);
	f.space = 65536;
	ck_assert_int_eq(block_pwrite(b, 65536, p, 512), -ENOSPC);
	ck_assert_int_eq(block_pwrite(b, 0, p, 512), 0);
	ck_assert_int_eq(block_pread(b, 0, p, 512), 0);
	block_close(b);
	poll_set_free(ps);
	free(j);
	end();
}
END_TEST

/* A guest asks again and again; the person is told once of each kind. */
START_TEST(told_once)
{
	struct block_faults f;
	struct block_options o = { .format = "raw", .threads = 1 };
	struct job *j = calloc(5, sizeof *j);
	int saved = dup(2), out, i;
	char text[2000] = "", reason[200];
	const char *full, *broken;
	struct block *b;

	begin();
	memset(&f, 0, sizeof f);
	f.space = 65536;
	f.rule[0] = (struct block_fault){ .ops = BIT(BLOCK_READ), .error = -EIO };
	o.faults_above = &f;
	make_raw("a", 1 << 20);
	b = open_spec(at("a"), &o, NULL);
	out = open(at("said"), O_RDWR | O_CREAT, 0600);
	fflush(stderr);
	dup2(out, 2);
	for (i = 0; i < 5; i++) {
		block_submit(b, &job(&j[i], i & 1 ? BLOCK_READ : BLOCK_WRITE, 131072, 4096, 0)->r);
		block_drain(b);
	}
	fflush(stderr);
	dup2(saved, 2);
	i = (int)pread(out, text, sizeof text - 1, 0);
	close(saved);
	close(out);
	ck_assert_int_gt(i, 0);
	full = strstr(text, "no room");
	snprintf(reason, sizeof reason, "could not be read (%s)", strerror(EIO)); /* the C library's words */
	broken = strstr(text, reason);
	ck_assert_msg(full && broken && strstr(text, at("a")), "%s", text);
	ck_assert_msg(!strstr(full + 1, "no room") && !strstr(broken + 1, "could not be read"), "%s", text);
	ck_assert_uint_eq(block_stats(b)->errors[BLOCK_WRITE], 3);
	block_close(b);
	free(j);
	end();
}
END_TEST

struct counts {
	u32 writes, flushes;
};

static void count_write(void *opaque, u64 off, const void *p, size_t n)
{
	((struct counts *)opaque)->writes++;
}

static void count_flush(void *opaque)
{
	((struct counts *)opaque)->flushes++;
}

START_TEST(cache_modes)
{
	struct counts n = { 0, 0 };
	struct block_faults f;
	struct block_options o = { .format = "raw", .faults = &f };
	struct poll_set *ps = poll_set_new();
	struct job *j = calloc(1, sizeof *j);
	struct block *b;

	begin();
	memset(&f, 0, sizeof f);
	f.on_write = count_write;
	f.on_flush = count_flush;
	f.opaque = &n;
	make_raw("a", 1 << 20);
	b = open_spec(at("a"), &o, ps);
	ck_assert_int_eq(block_pwrite(b, 0, "x", 1), 0);
	ck_assert_uint_eq(n.flushes, 0);
	block_submit(b, &job(j, BLOCK_WRITE, 0, 512, BLOCK_FUA)->r);
	block_drain(b);
	ck_assert_uint_eq(n.flushes, 1);
	ck_assert_uint_eq(n.writes, 2);
	block_close(b);
	o.cache = BLOCK_WRITETHROUGH;
	n.flushes = 0;
	b = open_spec(at("a"), &o, ps);
	ck_assert_int_eq(block_pwrite(b, 0, "x", 1), 0);
	ck_assert_uint_eq(n.flushes, 1);
	block_close(b);
	poll_set_free(ps);
	free(j);
	end();
}
END_TEST

/* ---- what survives ---- */

/* A child writes, flushes, writes more and is killed: what was flushed is there. */
START_TEST(survives_kill)
{
	const char *format = _i ? "qcow2" : "raw";
	u8 *p = malloc(1 << 20), *q = malloc(1 << 20);
	struct image_check c;
	struct block *b;
	int fds[2], status;
	char byte;
	pid_t child;
	u64 x = 5;
	size_t i;

	begin();
	if (_i)
		make_qcow2("a", 8 << 20, NULL, NULL);
	else
		make_raw("a", 8 << 20);
	for (i = 0; i < 1 << 20; i++)
		p[i] = (u8)image_random(&x);
	ck_assert_int_eq(pipe(fds), 0);
	child = fork();
	if (!child) {
		b = open_it("a", format);
		if (block_pwrite(b, 3 << 20, p, 1 << 20) || block_pwrite(b, 100, p, 1000) || block_flush(b))
			_exit(1);
		block_pwrite(b, 5 << 20, p, 1 << 20);
		if (write(fds[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			block_pwrite(b, (6 << 20) + image_random(&x) % (1 << 20), p, 1000);
	}
	ck_assert_int_eq(read(fds[0], &byte, 1), 1);
	ck_assert_ptr_null(block_open(at("a"), &(struct block_options){ .format = format }, NULL, NULL, NULL));
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	b = open_it("a", format);
	ck_assert_int_eq(block_pread(b, 3 << 20, q, 1 << 20), 0);
	ck_assert(!memcmp(p, q, 1 << 20));
	ck_assert_int_eq(block_pread(b, 100, q, 1000), 0);
	ck_assert(!memcmp(p, q, 1000));
	block_close(b);
	if (_i) {
		FILE *f = fopen(at("a"), "rb");
		u8 *img = malloc(16 << 20);

		i = fread(img, 1, 16 << 20, f);
		fclose(f);
		image_verify(img, i, &c);
		ck_assert_msg(!c.corrupt, "%s", c.first);
		free(img);
	}
	free(p);
	free(q);
	end();
}
END_TEST

/* What a frozen disk has, read through its extents; below: the image under it. */
static void frozen_read(const struct block_frozen *f, const u8 *below, u64 nbelow, u8 *p)
{
	u64 off, len, size = block_frozen_size(f);

	for (off = 0; off < size; off += len) {
		enum block_frozen_kind kind = block_frozen_extent(f, off, &len);

		ck_assert(len > 0 && len <= size - off);
		memset(p + off, 0, (size_t)len);
		if (kind == FROZEN_DATA)
			ck_assert_int_eq(block_frozen_read(f, off, p + off, (size_t)len), 0);
		else if (kind == FROZEN_BELOW && off < nbelow)
			memcpy(p + off, below + off, (size_t)MIN(len, nbelow - off));
	}
}

#define FROZEN 5
#define FROZEN_MAX (3u << 20)

/* Random writes, freezes, returns and growth: each frozen one keeps what the disk had, and so does the disk that goes back to it. */
START_TEST(frozen)
{
	struct block_options o = { .format = "raw", .snapshot = true };
	struct block_frozen *f[FROZEN] = { NULL };
	u8 *shadow = calloc(FROZEN + 1, FROZEN_MAX), *p = malloc(FROZEN_MAX), *below = malloc(1 << 20);
	u64 x = 9 + (u64)_i, i, off, len, k, size = 1 << 20, sizes[FROZEN];
	struct block *b;

	begin();
	make_raw("a", 1 << 20);
	b = open_it("a", "raw");
	for (i = 0; i < 1 << 20; i++)
		below[i] = (u8)(i >> 9 | 1);
	ck_assert_int_eq(block_pwrite(b, 0, below, 1 << 20), 0);
	ck_assert_ptr_null(block_freeze(b, NULL)); /* it has none */
	block_close(b);
	b = open_spec(at("a"), &o, NULL);
	memcpy(shadow, below, 1 << 20);
	for (i = 0; i < 400; i++) {
		off = image_random(&x) % size;
		len = image_random(&x) % (image_random(&x) % 2 ? 3000 : 300000) + 1;
		len = MIN(len, size - off);
		k = image_random(&x) % FROZEN;
		switch (image_random(&x) % 8) {
		case 0:
			block_frozen_free(f[k]);
			f[k] = block_freeze(b, NULL);
			ck_assert_ptr_nonnull(f[k]);
			sizes[k] = size;
			memcpy(shadow + (k + 1) * FROZEN_MAX, shadow, (size_t)size);
			break;
		case 1:
			if (image_random(&x) % 2)
				break;
			if (!f[k]) {
				ck_assert_int_eq(block_thaw(b, NULL, 1 << 20, NULL), 0);
				memcpy(shadow, below, 1 << 20);
				size = 1 << 20;
				break;
			}
			ck_assert_int_eq(block_thaw(b, f[k], 0, NULL), 0);
			size = sizes[k];
			memcpy(shadow, shadow + (k + 1) * FROZEN_MAX, (size_t)size);
			break;
		case 2:
			if (size + 100 * 512 > FROZEN_MAX)
				break;
			memset(shadow + size, 0, 100 * 512);
			size += 100 * 512;
			ck_assert_int_eq(block_resize(b, size, NULL), 0);
			break;
		case 3:
			ck_assert_int_eq(block_write_zeroes(b, off, len, 0), 0);
			memset(shadow + off, 0, (size_t)len);
			break;
		default:
			memset(shadow + off, (int)i, (size_t)len);
			ck_assert_int_eq(block_pwrite(b, off, shadow + off, (size_t)len), 0);
		}
		if (i % 20)
			continue;
		ck_assert_uint_eq(block_size(b), size);
		ck_assert_int_eq(block_pread(b, 0, p, (size_t)size), 0);
		ck_assert(!memcmp(p, shadow, (size_t)size));
		for (k = 0; k < FROZEN; k++)
			if (f[k]) {
				ck_assert_uint_eq(block_frozen_size(f[k]), sizes[k]);
				frozen_read(f[k], below, 1 << 20, p);
				ck_assert(!memcmp(p, shadow + (k + 1) * FROZEN_MAX, (size_t)sizes[k]));
			}
	}
	ck_assert_int_eq(block_thaw(b, NULL, 1 << 19, NULL), -EINVAL); /* less than the image below */
	block_close(b);
	/* They outlive their disk, and another one may go on from them. */
	b = open_spec(at("a"), &o, NULL);
	for (k = 0; k < FROZEN; k++)
		if (f[k]) {
			ck_assert_int_eq(block_thaw(b, f[k], 0, NULL), 0);
			block_frozen_free(f[k]);
			ck_assert_int_eq(block_pread(b, 0, p, (size_t)sizes[k]), 0);
			ck_assert(!memcmp(p, shadow + (k + 1) * FROZEN_MAX, (size_t)sizes[k]));
		}
	block_close(b);
	free(shadow);
	free(below);
	free(p);
	end();
}
END_TEST

START_TEST(snapshot)
{
	struct block_options o = { .format = _i ? "qcow2" : "raw", .snapshot = true };
	struct block *b, *c;
	u8 *p = malloc(300000), *q = malloc(300000), *shadow = malloc(2 << 20);
	u64 x = 3, i, off, len;

	begin();
	if (_i)
		make_qcow2("a", 1 << 20, NULL, NULL);
	else
		make_raw("a", 1 << 20);
	b = open_it("a", o.format);
	for (i = 0; i < 1 << 20; i++)
		shadow[i] = (u8)(i >> 9);
	memset(shadow + (1 << 20), 0, 1 << 20);
	ck_assert_int_eq(block_pwrite(b, 0, shadow, 1 << 20), 0);
	block_close(b);
	b = open_spec(at("a"), &o, NULL);
	c = open_spec(at("a"), &o, NULL); /* both only read */
	ck_assert(!block_readonly(b));
	ck_assert_int_eq(block_resize(b, 2 << 20, NULL), 0);
	for (i = 0; i < 200; i++) {
		off = image_random(&x) % (2 << 20);
		len = image_random(&x) % 300000 + 1;
		len = MIN(len, (2 << 20) - off);
		memset(p, (int)i, (size_t)len);
		switch (image_random(&x) % 4) {
		case 0:
			ck_assert_int_eq(block_write_zeroes(b, off, len, 0), 0);
			memset(shadow + off, 0, (size_t)len);
			break;
		case 1:
			ck_assert_int_eq(block_pread(b, off, q, (size_t)len), 0);
			ck_assert(!memcmp(q, shadow + off, (size_t)len));
			break;
		default:
			ck_assert_int_eq(block_pwrite(b, off, p, (size_t)len), 0);
			memcpy(shadow + off, p, (size_t)len);
			break;
		}
	}
	ck_assert_int_eq(block_flush(b), 0);
	block_close(b);
	ck_assert_int_eq(block_pread(c, 512 * 7, p, 512), 0);
	ck_assert_uint_eq(p[0], 7);
	block_close(c);
	free(p);
	free(q);
	free(shadow);
	end();
}
END_TEST

/* An image whose format was guessed cannot be turned into one that reads other files. */
START_TEST(guessed_raw)
{
	struct block *b;
	u8 p[1024] = "QFI\xfb";

	begin();
	make_raw("a", 1 << 20);
	b = open_it("a", NULL);
	ck_assert_str_eq(block_format(b), "raw");
	ck_assert_int_eq(block_pwrite(b, 0, p, 1024), -EPERM);
	ck_assert_int_eq(block_pwrite(b, 0, p, 2), 0);
	ck_assert_int_eq(block_pwrite(b, 2, p + 2, 2), -EPERM);
	ck_assert_int_eq(block_pwrite(b, 512, p, 512), 0);
	block_close(b);
	b = open_it("a", "raw");
	ck_assert_int_eq(block_pwrite(b, 0, p, 1024), 0);
	block_close(b);
	end();
}
END_TEST

/* Somebody makes the file shorter under the guest: errors, once a sentence, and nothing is written over what is gone. */
START_TEST(cut_short)
{
	struct block_options o = { .format = _i ? "qcow2" : "raw" };
	int saved = dup(2), out, n;
	char text[2000] = "";
	struct block *b;
	struct stat st;
	u8 p[4096];
	off_t whole;

	begin();
	if (_i)
		make_qcow2("a", 1 << 20, NULL, NULL);
	else
		make_raw("a", 1 << 20);
	b = open_spec(at("a"), &o, NULL);
	memset(p, 7, sizeof p);
	ck_assert_int_eq(block_pwrite(b, 0, p, sizeof p), 0);
	ck_assert_int_eq(block_pwrite(b, 1 << 19, p, sizeof p), 0);
	ck_assert_int_eq(block_flush(b), 0);
	ck_assert_int_eq(stat(at("a"), &st), 0);
	whole = st.st_size;
	out = open(at("said"), O_RDWR | O_CREAT, 0600);
	fflush(stderr);
	dup2(out, 2);
	ck_assert_int_eq(truncate(at("a"), _i ? whole - 65536 : 1 << 18), 0);
	/* The last write would make it as long as before. */
	n = block_pwrite(b, (1 << 20) - 4096, p, sizeof p);
	ck_assert_int_eq(n, -EIO);
	ck_assert_int_eq(block_pread(b, 1 << 19, p, sizeof p), -EIO);
	ck_assert_int_eq(block_flush(b), -EIO);
	ck_assert_int_eq(block_pwrite(b, 0, p, sizeof p), -EIO);
	ck_assert_int_eq(block_write_zeroes(b, 512, 512, 0), -EIO);
	ck_assert_int_eq(block_pread(b, 0, p, sizeof p), 0);
	ck_assert_uint_eq(p[4095], 7);
	fflush(stderr);
	dup2(saved, 2);
	n = (int)pread(out, text, sizeof text - 1, 0);
	close(saved);
	close(out);
	ck_assert_int_gt(n, 0);
	ck_assert_msg(strstr(text, "cut it short") && !strstr(strstr(text, "cut it short") + 1, "cut it short"), "%s", text);
	block_close(b);
	ck_assert_int_eq(stat(at("a"), &st), 0);
	ck_assert_int_lt(st.st_size, whole);
	end();
}
END_TEST

START_TEST(odd_sizes)
{
	struct block_options o = { .format = "raw", .cache = BLOCK_NONE };
	struct block *b;
	u8 p[4096], q[4096];
	u64 x = 1, i, off, len;
	u8 *shadow = calloc(1, 100352);

	begin();
	make_raw("a", 100001);
	b = open_it("a", "raw");
	ck_assert_uint_eq(block_size(b), 100352);
	ck_assert_int_eq(block_pread(b, 99840, p, 512), 0);
	ck_assert_int_eq(block_resize(b, 100353, NULL), -EINVAL);
	block_close(b);
	/* Past the page cache nothing needs to be aligned either. */
	b = block_open(at("a"), &o, NULL, NULL, NULL);
	for (i = 0; b && i < 300; i++) {
		off = image_random(&x) % 100352;
		len = image_random(&x) % 4096 + 1;
		len = MIN(len, 100352 - off);
		memset(p, (int)i, sizeof p);
		ck_assert_int_eq(block_pwrite(b, off, p, (size_t)len), 0);
		memcpy(shadow + off, p, (size_t)len);
		off = image_random(&x) % (100352 - 4096);
		ck_assert_int_eq(block_pread(b, off, q, 4096), 0);
		ck_assert(!memcmp(q, shadow + off, 4096));
	}
	block_close(b);
	free(shadow);
	end();
}
END_TEST

Suite *block_suite(void);
Suite *block_suite(void)
{
	Suite *s = suite_create("block");
	TCase *tc = tcase_create("block");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, sentences);
	tcase_add_test(tc, chains);
	tcase_add_test(tc, backing_is_named_only);
	tcase_add_test(tc, other_formats);
	tcase_add_loop_test(tc, asynchronous, 0, 4);
	tcase_add_loop_test(tc, faults, 0, 2);
	tcase_add_test(tc, told_once);
	tcase_add_test(tc, cache_modes);
	tcase_add_loop_test(tc, survives_kill, 0, 2);
	tcase_add_loop_test(tc, snapshot, 0, 2);
	tcase_add_loop_test(tc, frozen, 0, 6);
	tcase_add_test(tc, guessed_raw);
	tcase_add_loop_test(tc, cut_short, 0, 2);
	tcase_add_test(tc, odd_sizes);
	suite_add_tcase(s, tc);
	return s;
}
