/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The snapshot file: what is written is read again, each kind of damage is refused, and a save that fails leaves nothing behind.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#ifndef _WIN32
#include <sys/resource.h>
#include <sys/wait.h>
#endif

#include "base/os_file.h"
#include "tests/suites.h"
#include "tests/unit/image_env.h"
#include "tests/unit/quick.h"

#define FRAMES 3000u

static char dir[200], file[256];
static struct error e;

static void set_up(void)
{
	snprintf(dir, sizeof dir, "%s/image-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(file, sizeof file, "%s/file", dir);
}

static void tear_down(void)
{
	char command[256];

	snprintf(command, sizeof command, "rm -rf %s", dir);
	ck_assert_int_eq(system(command), 0);
}

static const char *in_dir(const char *name)
{
	static char path[4][256];
	static int i;

	i = (i + 1) % 4;
	snprintf(path[i], sizeof path[i], "%s/%s", dir, name);
	return path[i];
}

static void count_name(void *opaque, const char *name, bool directory)
{
	if (!directory)
		++*(int *)opaque;
}

static int files(void)
{
	int n = 0;

	os_list_directory(dir, count_name, &n);
	return n;
}

static u8 *load(const char *path, size_t *len)
{
	FILE *f = fopen(path, "rb");
	u8 *p = malloc(4u << 20);

	ck_assert_ptr_nonnull(f);
	ck_assert_ptr_nonnull(p);
	*len = fread(p, 1, 4u << 20, f);
	fclose(f);
	return p;
}

static void save(const char *path, const u8 *p, size_t len)
{
	FILE *f = fopen(path, "wb");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(p, 1, len, f), len);
	ck_assert_int_eq(fclose(f), 0);
}

#define ok(call) ck_assert_msg((call) == 0, "%s: %s", #call, e.text)
#define says(text_) quick_msg(strstr(e.text, text_), "\"%s\" has no \"%s\"", e.text, text_)

/* Opens a file and reads all of it: 0 or what was wrong, in e. */
static int whole(const char *path)
{
	struct image *img;
	int rc = image_open(path, NULL, &img, &e);

	if (rc)
		return rc;
	rc = image_verify(img, &e);
	if (!rc)
		rc = image_read_all(img, &e);
	image_close(img);
	return rc;
}

/* ---- round trips ---- */

/* What a memory is to have: frame i has the page image_fill(seed[i]); 0 is zeros, ~0 nothing. */
static u64 seed[FRAMES];

#define NOTHING (~(u64)0)

static void mix(u64 x)
{
	u32 i = 0;

	while (i < FRAMES) {
		u32 n = 1 + (u32)(image_number(&x) % (image_number(&x) % 4 ? 6 : 400));
		u64 kind = image_number(&x) % 5;

		while (n-- && i < FRAMES)
			seed[i++] = kind == 0 ? NOTHING : kind == 1 ? 0 : image_number(&x) % 1000 + 1;
	}
}

/* Writes that memory; frames that are as in old (NULL: none) are said to be so. */
static void write_memory(struct image_writer *w, const char *name, const u64 *old)
{
	u8 page[PAGE_SIZE];
	u64 n = 0;
	u32 i;

	for (i = 0; i < FRAMES; i++)
		n += seed[i] != NOTHING;
	ck_assert_int_eq(image_write_memory_begin(w, name, FRAMES, n), 0);
	for (i = 0; i < FRAMES; i++) {
		if (seed[i] == NOTHING)
			continue;
		if (old && old[i] == seed[i]) {
			quick_eq(image_write_same(w, i, 1), 0);
		} else if (!seed[i]) {
			quick_eq(i % 2 ? image_write_zero(w, i, 1) : image_write_page(w, i, NULL), 0);
		} else {
			image_fill(page, seed[i]);
			quick_eq(image_write_page(w, i, page), 0);
		}
	}
	ck_assert_int_eq(image_write_memory_end(w), 0);
}

static void read_memory(struct image *img, const char *name)
{
	u8 page[PAGE_SIZE], got[PAGE_SIZE];
	static const u8 zeros[PAGE_SIZE];
	struct image_memory *mem;
	struct image_extent x;
	u64 mfn, n = 0, r = 99;
	u32 i;
	int rc;

	ok(image_memory(img, name, &mem, &e));
	ck_assert_uint_eq(image_memory_limit(mem), FRAMES);
	for (mfn = 0; (rc = image_extent(mem, mfn, &x, &e)) == 1; mfn += x.count) {
		quick_eq(x.mfn, mfn);
		quick(x.count && x.count <= FRAMES - mfn);
		quick(!x.data == (x.kind != IMAGE_DATA));
		n += x.kind != IMAGE_ABSENT ? x.count : 0;
		for (i = 0; i < x.count; i++) {
			u64 want = seed[mfn + i];

			quick_eq(x.kind, want == NOTHING ? IMAGE_ABSENT : want ? IMAGE_DATA : IMAGE_ZERO);
			if (x.kind == IMAGE_DATA) {
				image_fill(page, want);
				quick(!memcmp(x.data + (size_t)i * PAGE_SIZE, page, PAGE_SIZE));
			}
		}
	}
	ck_assert_msg(!rc, "%s", e.text);
	ck_assert_uint_eq(mfn, FRAMES);
	ck_assert_uint_eq(n, image_memory_frames(mem));
	for (i = 0; i < FRAMES; i++) {
		mfn = i % 2 ? i : image_number(&r) % FRAMES;
		rc = image_page(mem, mfn, got, &e);
		quick_eq(rc, seed[mfn] == NOTHING ? IMAGE_ABSENT : seed[mfn] ? IMAGE_DATA : IMAGE_ZERO);
		if (rc == IMAGE_DATA)
			image_fill(page, seed[mfn]);
		quick(!memcmp(got, rc == IMAGE_DATA ? page : zeros, PAGE_SIZE));
	}
	quick_eq(image_page(mem, FRAMES, got, &e), IMAGE_ABSENT);
	quick_eq(image_page(mem, NOTHING, got, &e), IMAGE_ABSENT);
}

static void read_chunk(struct image *img, const char *type, u64 instance, const void *want, size_t n)
{
	size_t len;
	u8 *data;

	ok(image_chunk(img, type, instance, &data, &len, &e));
	ck_assert_uint_eq(len, n);
	ck_assert(!memcmp(data, want, n));
	free(data);
}

START_TEST(round_trip)
{
	enum image_codec codec = (enum image_codec)(_i / 2);
	struct image_options o = { .codec = codec };
	struct image_chunk_info c;
	struct image_writer *w;
	u8 digest[IMAGE_DIGEST_BYTES], big[5000], *data;
	struct image *img;
	u64 i = 0;
	size_t n;

	if (!image_codec_builtin(codec))
		return;
	for (n = 0; n < sizeof big; n++)
		big[n] = (u8)(n / 100);
	ok(image_write_begin(file, &o, &w, &e));
	ck_assert_int_eq(image_write_chunk(w, "cpu", 1, IMAGE_MANDATORY, big, sizeof big), 0);
	ck_assert_int_eq(image_write_chunk(w, "cpu", 0, 0, "zero", 4), 0);
	mix(11);
	write_memory(w, "ram", NULL);
	ck_assert_int_eq(image_write_chunk(w, "eightchr", UINT64_MAX, 0, NULL, 0), 0);
	mix(12);
	write_memory(w, "m2p", NULL);
	ok(image_write_end(w, digest, &e));
	ck_assert_int_eq(files(), 1);

	ok(image_open(file, NULL, &img, &e));
	ck_assert(!memcmp(digest, image_digest(img), sizeof digest));
	ck_assert_str_eq(image_path(img), file);
	if (_i % 2)
		ck_assert_int_eq(image_map(img), 0);
	ok(image_verify(img, &e));
	read_chunk(img, "cpu", 0, "zero", 4);
	read_chunk(img, "cpu", 1, big, sizeof big);
	read_chunk(img, "eightchr", UINT64_MAX, "", 0);
	ck_assert_int_eq(image_chunk(img, "cpu", 2, &data, &n, &e), -ENOENT);
	ck_assert_int_eq(image_chunk(img, "eightchr9", 0, &data, &n, &e), -ENOENT);
	ck_assert(image_next_chunk(img, &i, &c));
	ck_assert_str_eq(c.type, "cpu");
	ck_assert_uint_eq(c.instance, 1);
	ck_assert_uint_eq(c.flags, IMAGE_MANDATORY);
	ck_assert_uint_eq(c.len, sizeof big);
	ck_assert(image_next_chunk(img, &i, &c) && image_next_chunk(img, &i, &c) && !image_next_chunk(img, &i, &c));
	ck_assert_str_eq(image_memory_name(image_memory_at(img, 1)), "m2p");
	ck_assert_ptr_null(image_memory_at(img, 2));
	read_memory(img, "m2p");
	mix(11);
	read_memory(img, "ram");
	image_close(img);
	/* Packed is smaller. */
	data = load(file, &n);
	free(data);
	if (codec == IMAGE_RAW)
		ck_assert_uint_gt(n, 1000 * PAGE_SIZE / 4);
}
END_TEST

/* Data, zeros and gaps of many frames, more than a run's count takes. */
START_TEST(large_runs)
{
	struct image_options o = { .codec = image_codec_best() };
	struct image_writer *w;
	struct image_memory *mem;
	struct image_extent x;
	u8 page[PAGE_SIZE], got[PAGE_SIZE];
	struct image *img;
	u64 mfn, n = 0;
	int rc;

	image_fill(page, 5);
	ok(image_write_begin(file, &o, &w, &e));
	ck_assert_int_eq(image_write_memory_begin(w, "big", LIMIT_MAX, LIMIT_MAX / 2 + 2), 0);
	ck_assert_int_eq(image_write_page(w, 1, page), 0);
	ck_assert_int_eq(image_write_zero(w, LIMIT_MAX / 4, LIMIT_MAX / 2), 0);
	ck_assert_int_eq(image_write_page(w, LIMIT_MAX - 1, page), 0);
	ck_assert_int_eq(image_write_memory_end(w), 0);
	ok(image_write_end(w, NULL, &e));
	ok(image_open(file, NULL, &img, &e));
	ok(image_memory(img, "big", &mem, &e));
	for (mfn = 0; (rc = image_extent(mem, mfn, &x, &e)) == 1; mfn += x.count)
		n += x.kind == IMAGE_ZERO ? x.count : 0;
	ck_assert_int_eq(rc, 0);
	ck_assert_uint_eq(mfn, LIMIT_MAX);
	ck_assert_uint_eq(n, LIMIT_MAX / 2);
	ck_assert_int_eq(image_page(mem, LIMIT_MAX - 1, got, &e), IMAGE_DATA);
	ck_assert(!memcmp(page, got, PAGE_SIZE));
	ck_assert_int_eq(image_page(mem, LIMIT_MAX / 2, got, &e), IMAGE_ZERO);
	ck_assert_int_eq(image_page(mem, 0, got, &e), IMAGE_ABSENT);
	image_close(img);
}
END_TEST

/* ---- bytes ---- */

/* A file of about 2 KiB with records of all kinds; path: where. parent: NULL or a digest. */
static void write_small(const char *path, const struct image_options *o)
{
	struct image_writer *w;
	u8 page[PAGE_SIZE];
	u32 i;

	memset(page, 0x5a, sizeof page);
	ok(image_write_begin(path, o, &w, &e));
	image_write_chunk(w, "guest", 0, IMAGE_MANDATORY, "name = demo", 11);
	image_write_memory_begin(w, "ram", 100, 9);
	for (i = 0; i < 3; i++) {
		st32(page, i);
		image_write_page(w, 2 + i, page);
	}
	image_write_zero(w, 9, 2);
	if (o->parent || o->parent_image)
		image_write_same(w, 20, 4);
	else
		image_write_zero(w, 20, 4);
	image_write_memory_end(w);
	image_write_chunk(w, "cpu", 7, 0, page, 300);
	ok(image_write_end(w, NULL, &e));
}

/* The same bytes on every host, today and tomorrow. */
START_TEST(bytes_are_what_they_were)
{
	static const u8 parent[IMAGE_DIGEST_BYTES] = { 1, 2, 3 };
	struct image_options o = { .parent = parent };
	u8 sum[IMAGE_DIGEST], *p;
	struct blake2b b;
	char text[65];
	size_t n;
	int i;

	write_small(file, &o);
	p = load(file, &n);
	blake2b_init(&b, sizeof sum);
	blake2b_add(&b, p, n);
	blake2b_end(&b, sum);
	for (i = 0; i < 32; i++)
		sprintf(text + 2 * i, "%02x", sum[i]);
	ck_assert_uint_eq(n, 17376);
	ck_assert_str_eq(text, "91fd5ce5897f88a2b336b21545b5f016205432135d517d36bae25d99e53c2ba1");
	free(p);
}
END_TEST

START_TEST(twice_the_same)
{
	struct image_options o = { .codec = image_codec_best() };
	size_t n, m;
	u8 *p, *q;

	write_small(file, &o);
	p = load(file, &n);
	write_small(file, &o);
	q = load(file, &m);
	ck_assert_uint_eq(n, m);
	ck_assert(!memcmp(p, q, n));
	free(p);
	free(q);
}
END_TEST

/* To a pipe go the bytes that are in a file. */
START_TEST(stream)
{
	struct image_options o = { .codec = IMAGE_RAW };
	struct image_writer *w;
	u8 *p, *q = malloc(65536);
	int fd[2];
	size_t n;

	ok(image_write_begin(file, &o, &w, &e));
	image_write_chunk(w, "a", 0, 0, "bc", 2);
	ok(image_write_end(w, NULL, &e));
	p = load(file, &n);
#ifdef _WIN32
	fd[0] = open(in_dir("pipe"), O_RDWR | O_CREAT, 0600);
	fd[1] = open(in_dir("pipe"), O_RDWR, 0600);
#else
	ck_assert_int_eq(pipe(fd), 0);
#endif
	ok(image_write_fd(fd[1], "pipe", &o, &w, &e));
	image_write_chunk(w, "a", 0, 0, "bc", 2);
	ok(image_write_end(w, NULL, &e));
	ck_assert_int_eq(read(fd[0], q, 65536), (int)n);
	ck_assert(!memcmp(p, q, n));
	close(fd[0]);
	close(fd[1]);
	free(p);
	free(q);
}
END_TEST

static int patch(const char *path, size_t at, u8 v)
{
	int fd = os_open(path, O_RDWR, 0);
	struct iovec io = { &v, 1 };
	int rc = (int)os_transfer(fd, true, &io, 1, at);

	os_close(fd);
	return rc;
}

/* Every bit of a small file, packed or not; of pages that lie there as they are each 61st byte is enough. */
START_TEST(every_bit)
{
	struct image_options o = { .codec = _i ? image_codec_best() : IMAGE_RAW };
	size_t n, i, pages = 0;
	u8 *p;
	int bit;

	write_small(file, &o);
	p = load(file, &n);
	ck_assert_int_eq(whole(file), 0);
	for (i = 0; i < n; i++) {
		if (n > 4096 && i >= 4096 && i < 4096 + 3 * PAGE_SIZE && pages++ % 61)
			continue;
		for (bit = 0; bit < 8; bit++) {
			quick_eq(patch(file, i, (u8)(p[i] ^ 1 << bit)), 1);
			quick_msg(whole(file) < 0, "bit %d of byte %zu of %zu", bit, i, n);
			quick_msg(strstr(e.text, file), "%s", e.text);
		}
		quick_eq(patch(file, i, p[i]), 1);
	}
	ck_assert_int_eq(whole(file), 0);
	free(p);
}
END_TEST

/* Of pages that lie there as they are not each byte. */
START_TEST(every_length)
{
	struct image_options o = { .codec = _i ? image_codec_best() : IMAGE_RAW };
	struct image *img;
	size_t n;
	u8 *p;

	write_small(file, &o);
	p = load(file, &n);
	while (n) {
		n -= n > 4200 && n < 4096 + 3 * PAGE_SIZE ? 97 : 1;
		quick_eq(truncate(file, (off_t)n), 0);
		quick_msg(image_open(file, NULL, &img, &e) < 0, "%zu bytes", n);
		says(n ? "is truncated" : "is not a snapshot");
	}
	/* And with something behind it. */
	free(p);
	write_small(file, &o);
	p = load(file, &n);
	p[n] = 0;
	save(file, p, n + 1);
	ck_assert_int_lt(image_open(file, NULL, &img, &e), 0);
	free(p);
}
END_TEST

/* ---- parents ---- */

static const char *numbered(u32 i)
{
	char name[20];

	snprintf(name, sizeof name, "s%02u", i);
	return in_dir(name);
}

static void write_child(const char *path, struct image *parent, const u64 *old)
{
	struct image_options o = { .parent_image = parent, .codec = image_codec_best() };
	struct image_writer *w;

	ok(image_write_begin(path, &o, &w, &e));
	write_memory(w, "ram", parent ? old : NULL);
	ok(image_write_end(w, NULL, &e));
}

START_TEST(parents)
{
	static u64 old[FRAMES];
	struct image *img = NULL;
	u64 x = 3;
	u32 i, k;

	mix(21);
	for (i = 0; i <= PARENTS_MAX; i++) {
		write_child(numbered(i), img, old);
		image_close(img);
		ok(image_open(numbered(i), NULL, &img, &e));
		memcpy(old, seed, sizeof old);
		if (i == 2 || i == PARENTS_MAX)
			read_memory(img, "ram");
		for (k = 0; i < PARENTS_MAX && k < 40; k++)
			seed[image_number(&x) % FRAMES] = image_number(&x) % 4 ? 2000 + x % 1000 : image_number(&x) % 2 ? 0 : NOTHING;
	}
	ok(image_verify(img, &e));
	{
		/* One more is one too many. */
		struct image_options o = { .parent_image = img };
		struct image_writer *w;

		ck_assert_int_eq(image_write_begin(file, &o, &w, &e), -EMLINK);
		says("save the whole");
		o = (struct image_options){ .parent = image_digest(img) };
		ok(image_write_begin(file, &o, &w, &e));
		ok(image_write_end(w, NULL, &e));
	}
	image_close(img);
	ck_assert_int_eq(image_open(file, NULL, &img, &e), -EMLINK);
	says("more than 64 parents");
	unlink(file);
	/* Under another name it is found as well; damaged or gone it is not. */
	ck_assert_int_eq(os_rename(numbered(7), in_dir("other")), 0);
	ok(image_open(numbered(20), NULL, &img, &e));
	image_close(img);
	unlink(in_dir("other"));
	ck_assert_int_eq(image_open(numbered(20), NULL, &img, &e), -ENOENT);
	says("s08 needs its parent");
	says("put it into the same folder");
}
END_TEST

static int find_file(void *opaque, const char *child, const u8 *digest, char *path, size_t n)
{
	snprintf(path, n, "%s", (const char *)opaque);
	return 0;
}

START_TEST(wrong_parents)
{
	struct image_options o = { .codec = IMAGE_RAW };
	struct image_finder f = { find_file, (void *)(uintptr_t)in_dir("third") };
	struct image_writer *w;
	struct image_memory *mem;
	struct image *img, *child;
	u8 page[PAGE_SIZE];
	u8 digest[IMAGE_DIGEST_BYTES];

	write_small(file, &o);
	ok(image_open(file, NULL, &img, &e));
	/* What the parent has not is refused as it is written, */
	o.parent_image = img;
	ok(image_write_begin(in_dir("child"), &o, &w, &e));
	image_write_memory_begin(w, "ram", 200, 3);
	ck_assert_int_eq(image_write_same(w, 9, 2), 0);
	ck_assert_int_eq(image_write_same(w, 11, 1), -EINVAL);
	ck_assert_int_eq(image_write_page(w, 12, NULL), -EINVAL);
	ck_assert_int_eq(image_write_end(w, NULL, &e), -EINVAL);
	says("are not in the parent");
	ck_assert_int_eq(files(), 1);
	/* or when it is read. */
	memcpy(digest, image_digest(img), sizeof digest);
	o = (struct image_options){ .parent = digest };
	ok(image_write_begin(in_dir("child"), &o, &w, &e));
	image_write_memory_begin(w, "ram", 200, 200);
	image_write_same(w, 0, 200);
	image_write_memory_end(w);
	image_write_memory_begin(w, "new", 200, 2);
	image_write_same(w, 0, 2);
	image_write_memory_end(w);
	ok(image_write_end(w, NULL, &e));
	ok(image_open(in_dir("child"), NULL, &child, &e));
	ok(image_memory(child, "ram", &mem, &e));
	ck_assert_int_eq(image_page(mem, 2, page, &e), IMAGE_DATA);
	ck_assert_int_eq(image_page(mem, 11, page, &e), -EINVAL);
	says("should be as in its parent");
	ck_assert_int_eq(image_page(mem, 150, page, &e), -EINVAL);
	ok(image_memory(child, "new", &mem, &e));
	ck_assert_int_eq(image_page(mem, 0, page, &e), -EINVAL);
	image_close(child);
	image_close(img);
	/* Somebody finds another file. */
	o = (struct image_options){ .codec = image_codec_best() };
	ok(image_write_begin(in_dir("third"), &o, &w, &e));
	ok(image_write_end(w, NULL, &e));
	ck_assert_int_eq(image_open(in_dir("child"), &f, &img, &e), -EINVAL);
	says("is not the parent of");
	f.opaque = (void *)(uintptr_t)in_dir("nowhere");
	ck_assert_int_eq(image_open(in_dir("child"), &f, &img, &e), -ENOENT);
	f.opaque = (void *)(uintptr_t)file;
	ok(image_open(in_dir("child"), &f, &img, &e));
	/* Damage of the parent is found through the child. */
	ck_assert_int_eq(patch(file, 4096 + 3 * PAGE_SIZE - 1, 0), 1);
	ok(image_memory(img, "ram", &mem, &e));
	ck_assert_int_eq(image_page(mem, 3, page, &e), IMAGE_DATA);
	ck_assert_int_eq(image_page(mem, 4, page, &e), -EINVAL);
	says(file);
	ck_assert_int_eq(image_verify(img, &e), -EINVAL);
	says(file);
	image_close(img);
}
END_TEST

/* ---- what is refused ---- */

START_TEST(other_files)
{
	static const char text[] = "\x89PNG\r\n\x1a\nsomething else altogether, and long enough to have a head of a snapshot, a record and an "
				   "end of it: it goes on and on and on, for 288 bytes, that are just about as many as there are here in this "
				   "text, which ends only after a few more words, namely these; now it does.";
	static const char *const known[] = { "cpu", "guest" };
	struct image_options o = { .codec = IMAGE_RAW };
	struct image *img;
	size_t n;
	u8 *p;

	ck_assert_int_eq(image_open(file, NULL, &img, &e), -ENOENT);
	says("cannot be opened");
	ck_assert_int_lt(image_open(dir, NULL, &img, &e), 0);
	save(file, (const u8 *)text, 20);
	ck_assert_int_eq(image_open(file, NULL, &img, &e), -EINVAL);
	says("is not a snapshot");
	save(file, (const u8 *)text, sizeof text);
	ck_assert_int_eq(image_open(file, NULL, &img, &e), -EINVAL);
	says("is not a snapshot");

	write_small(file, &o);
	p = load(file, &n);
	p[HEAD_VERSION] = 2;
	image_mend(p, n);
	save(file, p, n);
	ck_assert_int_eq(image_open(file, NULL, &img, &e), -ENOTSUP);
	says("format 2");
	says("newer Paravane");
	p[HEAD_VERSION] = 1;
	p[HEAD_MANDATORY + 5] = 0x80;
	image_mend(p, n);
	save(file, p, n);
	ck_assert_int_eq(image_open(file, NULL, &img, &e), -ENOTSUP);
	says("feature number 47");
	p[HEAD_MANDATORY + 5] = 0;
	p[HEAD_OPTIONAL] = 4;
	image_mend(p, n);
	save(file, p, n);
	ok(image_open(file, NULL, &img, &e));
	ok(image_expect(img, known, 2, &e));
	ok(image_expect(img, known + 1, 1, &e)); /* "cpu" is not mandatory */
	ck_assert_int_eq(image_expect(img, known, 1, &e), -ENOTSUP);
	says("has \"guest\"");
	says("newer Paravane");
	image_close(img);
	free(p);
}
END_TEST

/* A codec that is not built in, of those that are known. */
START_TEST(codecs)
{
	struct image_options o = { .codec = IMAGE_RAW };
	struct image_writer *w;
	struct image *img;
	size_t n;
	u8 *p;
	int c;

	ck_assert_int_eq(image_codec_find("none"), IMAGE_RAW);
	ck_assert_int_eq(image_codec_find("zstd"), IMAGE_ZSTD);
	ck_assert_int_eq(image_codec_find("gzip"), IMAGE_CODECS);
	ck_assert(image_codec_builtin(image_codec_best()));
	write_small(file, &o);
	p = load(file, &n);
	for (c = IMAGE_RAW + 1; c < IMAGE_CODECS; c++) {
		p[HEAD_MANDATORY] = (u8)BIT(c);
		image_mend(p, n);
		save(file, p, n);
		o.codec = (enum image_codec)c;
		if (image_codec_builtin(o.codec)) {
			ok(image_open(file, NULL, &img, &e));
			image_close(img);
			continue;
		}
		ck_assert_int_eq(image_open(file, NULL, &img, &e), -ENOTSUP);
		says("this build cannot unpack: build it with");
		says(image_codec_name(o.codec));
		ck_assert_int_eq(image_write_begin(in_dir("new"), &o, &w, &e), -ENOTSUP);
		says(image_codec_library(o.codec));
	}
	free(p);
}
END_TEST

/* Files that are whole by their sums and say what cannot be. at: a field of record number i; or of the head or the end (i -1, -2). */
START_TEST(hostile)
{
	static const struct {
		int record;
		u32 at, size;
		u64 v;
		const char *text;
	} cases[] = {
		{ -1, HEAD_LENGTH, 4, 4096, "head" },
		{ -1, HEAD_ZERO, 1, 1, "head" },
		{ -1, HEAD_PARENT, 1, 1, "head" },
		{ -1, HEAD_VERSION, 4, 0, "head" },
		{ -2, TAIL_INDEX, 8, 0, "index" },
		{ -2, TAIL_INDEX, 8, UINT64_MAX, "index" },
		{ -2, TAIL_INDEX, 8, (u64)1 << 63, "index" },
		{ -2, TAIL_INDEX, 8, 128, "" },
		{ -2, TAIL_RECORDS, 8, 3, "index" },
		{ -2, TAIL_RECORDS, 8, 5, "" },
		{ -2, TAIL_RECORDS, 8, UINT64_MAX, "too short" },
		{ -2, TAIL_ZERO, 4, 1, "end" },
		{ 0, RECORD_NAME, 1, ' ', "name" },
		{ 0, RECORD_NAME, 1, 0, "name" },
		{ 0, RECORD_NAME + 7, 1, 'x', "name" },
		{ 0, RECORD_KIND, 1, 0, "newer version" },
		{ 0, RECORD_KIND, 1, RECORD_INDEX, "newer version" },
		{ 0, RECORD_KIND, 1, 200, "newer version" },
		{ 0, RECORD_KIND, 1, RECORD_PAGES, "" },
		{ 0, RECORD_CODEC, 1, IMAGE_ZSTD, "head does not tell" },
		{ 0, RECORD_CODEC, 1, 77, "unknown way" },
		{ 0, RECORD_FLAGS, 2, 2, "newer version" },
		{ 0, RECORD_RUNS, 4, 1, "" },
		{ 0, RECORD_LENGTH, 8, 12, "two lengths" },
		{ 0, RECORD_LENGTH, 8, UINT64_MAX, "" },
		{ 0, RECORD_STORED, 8, 10, "" },
		{ 0, RECORD_STORED, 8, UINT64_MAX - 200, "lies where it cannot" },
		{ 0, RECORD_OFFSET, 8, 0, "lies where it cannot" },
		{ 0, RECORD_OFFSET, 8, UINT64_MAX, "lies where it cannot" },
		{ 0, RECORD_ZERO, 4, 1, "field" },
		{ 1, RECORD_NUMBER, 8, 8, "more frames than its memory" },
		{ 1, RECORD_NUMBER, 8, 10, "before the end of a memory" },
		{ 1, RECORD_NUMBER, 8, 101, "no machine has" },
		{ 1, RECORD_LENGTH, 8, 23, "cannot be" },
		{ 1, RECORD_LENGTH, 8, LIMIT_MAX + 1, "no machine has" },
		{ 1, RECORD_LENGTH, 8, UINT64_MAX, "no machine has" },
		{ 1, RECORD_NAME, 1, 'm', "another one" },
		{ 1, RECORD_CODEC, 1, 1, "something else" },
		{ 1, RECORD_FLAGS, 2, 1, "something else" },
		{ 2, RECORD_FLAGS, 2, 1, "another one" },
		{ 2, RECORD_NUMBER, 8, 79, "cannot be" },
		{ 2, RECORD_NUMBER, 8, 101, "beyond the end" },
		{ 2, RECORD_NUMBER, 8, UINT64_MAX, "beyond the end" },
		{ 2, RECORD_RUNS, 4, 0, "" },
		{ 2, RECORD_RUNS, 4, UINT32_MAX, "too many runs" },
		{ 2, RECORD_LENGTH, 8, 2 * PAGE_SIZE, "" },
		{ 2, RECORD_LENGTH, 8, 5, "too many pages" },
		{ 2, RECORD_LENGTH, 8, (u64)257 * PAGE_SIZE, "too many pages" },
		{ 2, RECORD_BYTES, 4, RUN_PARENT, "there is no parent" },
		{ 2, RECORD_BYTES, 4, RUN_KINDS, "cannot be" },
		{ 2, RECORD_BYTES, 4, RUN_ZERO, "another number of pages" },
		{ 2, RECORD_BYTES + 4, 4, 0, "cannot be" },
		{ 2, RECORD_BYTES + 4, 4, 4, "another number of pages" },
		{ 2, RECORD_BYTES + 4, 4, UINT32_MAX, "cannot be" },
	};
	struct image_options o = { .codec = IMAGE_RAW };
	struct image *img;
	size_t n, at[4], pos;
	struct record r;
	u8 *p, *q;
	u32 i, k;

	write_small(file, &o);
	p = load(file, &n);
	pos = (size_t)ld64(p + n - TAIL_BYTES + TAIL_INDEX) + RECORD_BYTES;
	for (i = 0; i < 4; i++) {
		at[i] = pos;
		record_decode(&r, p + pos);
		pos += RECORD_BYTES + (size_t)record_tables(&r);
	}
	ck_assert_uint_eq(pos, n - TAIL_BYTES);
	q = malloc(n);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		u8 *to;

		memcpy(q, p, n);
		to = q + cases[i].at + (cases[i].record == -1 ? 0 : cases[i].record == -2 ? n - TAIL_BYTES : at[cases[i].record]);
		for (k = 0; k < cases[i].size; k++)
			to[k] = (u8)(cases[i].v >> 8 * k);
		image_mend(q, n);
		save(file, q, n);
		ck_assert_msg(image_open(file, NULL, &img, &e) < 0, "case %u", i);
		ck_assert_msg(strstr(e.text, cases[i].text) && strstr(e.text, file), "case %u: %s", i, e.text);
	}
	/* Untouched, the mender changes nothing. */
	memcpy(q, p, n);
	image_mend(q, n);
	ck_assert(!memcmp(p, q, n));
	/* A name that was there before: of a chunk, then of a memory. */
	memcpy(q + at[3], "guest\0\0", 8);
	st64(q + at[3] + RECORD_NUMBER, 0);
	image_mend(q, n);
	save(file, q, n);
	ck_assert_int_eq(image_open(file, NULL, &img, &e), -EINVAL);
	says("guest 0 twice");
	free(p);
	free(q);
}
END_TEST

/* What is packed says that it is something else. */
START_TEST(bombs)
{
	struct image_options o = { .codec = (enum image_codec)_i };
	struct image_memory *mem;
	struct image_writer *w;
	struct image *img;
	size_t n, pos, len;
	u8 big[20000] = { 0 }, page[PAGE_SIZE], *p, *data;

	if (!image_codec_builtin(o.codec))
		return;
	memset(page, 1, sizeof page);
	ok(image_write_begin(file, &o, &w, &e));
	image_write_chunk(w, "zeros", 0, 0, big, sizeof big);
	image_write_memory_begin(w, "ram", 9, 2);
	image_write_page(w, 0, page);
	image_write_page(w, 1, page);
	image_write_memory_end(w);
	ok(image_write_end(w, NULL, &e));
	p = load(file, &n);
	pos = (size_t)ld64(p + n - TAIL_BYTES + TAIL_INDEX) + RECORD_BYTES;

	st64(p + pos + RECORD_LENGTH, PACKED_MAX + 1);
	image_mend(p, n);
	save(file, p, n);
	ck_assert_int_eq(image_open(file, NULL, &img, &e), -EINVAL);
	says("a size that cannot be");
	st64(p + pos + RECORD_LENGTH, sizeof big - 1);
	st32(p + pos + 2 * RECORD_BYTES + RECORD_BYTES + 4, 1); /* one page instead of two */
	st64(p + pos + 2 * RECORD_BYTES + RECORD_LENGTH, PAGE_SIZE);
	st64(p + pos + RECORD_BYTES + RECORD_NUMBER, 1);
	image_mend(p, n);
	save(file, p, n);
	ok(image_open(file, NULL, &img, &e));
	ok(image_verify(img, &e)); /* by its sums it is whole */
	ck_assert_int_eq(image_chunk(img, "zeros", 0, &data, &len, &e), -EINVAL);
	says("cannot be unpacked to 19999 bytes");
	ok(image_memory(img, "ram", &mem, &e));
	ck_assert_int_eq(image_page(mem, 0, page, &e), -EINVAL);
	says("cannot be unpacked to 4096 bytes");
	image_close(img);
	/* Longer than it is. */
	st64(p + pos + RECORD_LENGTH, sizeof big + 1);
	image_mend(p, n);
	save(file, p, n);
	ok(image_open(file, NULL, &img, &e));
	ck_assert_int_eq(image_chunk(img, "zeros", 0, &data, &len, &e), -EINVAL);
	image_close(img);
	free(p);
}
END_TEST

static void misuse(struct image_writer *w, int way)
{
	u8 page[PAGE_SIZE];

	image_fill(page, 1);
	if (way > 2 && way < 9)
		image_write_memory_begin(w, "ram", 10, 3);
	switch (way) {
	case 0:
		image_write_chunk(w, "", 0, 0, "", 0);
		break;
	case 1:
		image_write_chunk(w, "ninechars", 0, 0, "", 0);
		break;
	case 2:
		image_write_page(w, 0, page);
		break;
	case 3:
		image_write_page(w, 10, page);
		break;
	case 4:
		image_write_page(w, 5, page);
		image_write_page(w, 5, page);
		break;
	case 5:
		image_write_zero(w, 0, 4);
		break;
	case 6:
		image_write_same(w, 0, 1);
		break;
	case 7:
		image_write_zero(w, 0, 2);
		image_write_memory_end(w);
		break;
	case 8:
		image_write_chunk(w, "a", 0, 0, "", 0);
		break;
	case 9:
		image_write_memory_begin(w, "ram", LIMIT_MAX + 1, 0);
		break;
	case 10:
		image_write_memory_begin(w, "ram", 1, 0);
		image_write_memory_end(w);
		image_write_memory_begin(w, "ram", 1, 0);
		break;
	case 11:
		image_write_memory_begin(w, "ram", 1, 0);
		break;
	}
}

START_TEST(misuses)
{
	struct image_options o = { .codec = IMAGE_RAW };
	struct image_writer *w;
	int way;

	for (way = 0; way < 12; way++) {
		ok(image_write_begin(file, &o, &w, &e));
		misuse(w, way);
		ck_assert_msg(image_write_end(w, NULL, &e) == -EINVAL, "way %d", way);
		says(file);
		ck_assert_int_eq(files(), 0);
	}
}
END_TEST

/* ---- saves that fail ---- */

START_TEST(cancelled)
{
	struct image_options o = { .codec = IMAGE_RAW };
	struct image_writer *w, *x;
	struct image *img;
	size_t n, m;
	u8 *p, *q;

	write_small(file, &o);
	p = load(file, &n);
	ok(image_write_begin(file, &o, &w, &e));
	mix(31);
	write_memory(w, "ram", NULL);
	/* Another one at the same time. */
	ok(image_write_begin(file, &o, &x, &e));
	ck_assert_int_eq(files(), 3);
	ck_assert_int_eq(image_write_chunk(x, "a", 0, 0, "", 0), 0);
	image_write_cancel(w);
	image_write_cancel(NULL);
	ck_assert_int_eq(files(), 2);
	q = load(file, &m);
	ck_assert(n == m && !memcmp(p, q, n));
	ck_assert_int_eq(whole(file), 0);
	ok(image_write_end(x, NULL, &e));
	ck_assert_int_eq(files(), 1);
	ok(image_open(file, NULL, &img, &e));
	ck_assert_ptr_null(image_memory_at(img, 0));
	image_close(img);
	free(p);
	free(q);
}
END_TEST

/* Files of writers that were killed do not stay in the way, until there are too many. */
START_TEST(left_over)
{
	struct image_options o = { .codec = IMAGE_RAW };
	struct image_writer *w[20];
	int n, i;

	for (n = 0; n < 20 && !image_write_begin(file, &o, &w[n], &e); n++)
		;
	ck_assert_int_eq(n, 16);
	says("remove those");
	ck_assert_int_eq(files(), 16);
	for (i = 0; i < n; i++)
		image_write_cancel(w[i]);
	ck_assert_int_eq(files(), 0);
	ck_assert_int_eq(image_write_begin(in_dir("no/folder"), &o, w, &e), -ENOENT);
	says("choose another place");
	ck_assert_int_lt(image_write_begin(dir, &o, w, &e), 0);
	says("is a directory: choose");
}
END_TEST

#ifndef _WIN32
/* A link stays one; what is no file is not replaced. */
START_TEST(places)
{
	struct image_options o = { .codec = IMAGE_RAW };
	struct image_writer *w;
	struct stat st;

	write_small(file, &o);
	ck_assert_int_eq(stat(file, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0600);
	ck_assert_int_eq(symlink("file", in_dir("link")), 0);
	ok(image_write_begin(in_dir("link"), &o, &w, &e));
	ok(image_write_end(w, NULL, &e));
	ck_assert_int_eq(lstat(in_dir("link"), &st), 0);
	ck_assert(S_ISLNK(st.st_mode));
	ck_assert_int_eq(files(), 2);
	ck_assert_int_eq(stat(file, &st), 0);
	ck_assert_int_lt(st.st_size, 400);
	ck_assert_int_eq(symlink("nowhere", in_dir("lost")), 0);
	ck_assert_int_eq(image_write_begin(in_dir("lost"), &o, &w, &e), -EINVAL);
	says("leads nowhere");
	ck_assert_int_eq(image_write_begin("/dev/null", &o, &w, &e), -EINVAL);
	says("no plain file");
	ck_assert_int_eq(mkfifo(in_dir("fifo"), 0600), 0);
	ck_assert_int_eq(image_write_begin(in_dir("fifo"), &o, &w, &e), -EINVAL);
	ck_assert_int_eq(whole(in_dir("fifo")), -EINVAL);
}
END_TEST

/* A disk that is full after so many bytes, in any part of the file: the older file stays. */
START_TEST(full_disk)
{
	struct image_options o = { .codec = _i ? image_codec_best() : IMAGE_RAW };
	struct rlimit was, small;
	struct image_writer *w;
	size_t n, m, at;
	u8 *p, *q;
	int fd;

	signal(SIGXFSZ, SIG_IGN);
	write_small(file, &o);
	mix(41);
	ok(image_write_begin(in_dir("new"), &o, &w, &e));
	write_memory(w, "ram", NULL);
	ok(image_write_end(w, NULL, &e));
	p = load(in_dir("new"), &m);
	unlink(in_dir("new"));
	free(p);
	p = load(file, &n);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &was), 0);
	for (at = 0; at < m; at += m - at > 200 ? m / 50 : 1) {
		int rc;

		small = was;
		small.rlim_cur = at;
		ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
		rc = image_write_begin(file, &o, &w, &e);
		if (!rc) {
			u8 page[PAGE_SIZE];
			u32 i;
			u64 k = 0;

			for (i = 0; i < FRAMES; i++)
				k += seed[i] != NOTHING;
			image_write_memory_begin(w, "ram", FRAMES, k);
			for (i = 0; i < FRAMES; i++) {
				if (seed[i] == NOTHING)
					continue;
				image_fill(page, seed[i]);
				image_write_page(w, i, seed[i] ? page : NULL);
			}
			image_write_memory_end(w);
			rc = image_write_end(w, NULL, &e);
		}
		setrlimit(RLIMIT_FSIZE, &was);
		quick_msg(rc == -EFBIG, "%zu of %zu: %d", at, m, rc);
		says("make room");
		says(file);
		quick_eq(files(), 1);
	}
	q = load(file, &m);
	ck_assert(n == m && !memcmp(p, q, n));
	free(p);
	free(q);
	fd = open("/dev/full", O_WRONLY);
	if (fd < 0)
		return;
	ok(image_write_fd(fd, "full", &o, &w, &e));
	ck_assert_int_eq(image_write_end(w, NULL, &e), -ENOSPC);
	says("make room");
	close(fd);
}
END_TEST

/* Killed at any moment a writer leaves the older file, or the new one when it was done. */
START_TEST(killed)
{
	struct image_options o = { .codec = IMAGE_RAW };
	struct image_writer *w;
	struct image *img;
	u8 page[PAGE_SIZE];
	int round, status;
	u32 i;

	write_small(file, &o);
	image_fill(page, 3);
	for (round = 0; round < 20; round++) {
		pid_t pid = fork();

		if (!pid) {
			if (image_write_begin(file, &o, &w, &e))
				_exit(1);
			image_write_memory_begin(w, "ram", 2000, 2000);
			for (i = 0; i < 2000; i++) {
				if ((int)i == round * 100)
					kill(getpid(), SIGKILL);
				image_write_page(w, i, page);
			}
			_exit(1);
		}
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert(WIFSIGNALED(status));
		ck_assert_int_eq(whole(file), 0);
		ok(image_open(file, NULL, &img, &e));
		ck_assert_uint_eq(image_memory_limit(image_memory_at(img, 0)), 100);
		image_close(img);
		ck_assert_int_eq(unlink(in_dir("file.part")), 0);
		ck_assert_int_eq(files(), 1);
	}
}
END_TEST
#endif

/* A file that becomes shorter while it is open. */
START_TEST(cut_while_open)
{
	struct image_options o = { .codec = IMAGE_RAW };
	struct image_memory *mem;
	struct image *img;
	u8 page[PAGE_SIZE];

	write_small(file, &o);
	ok(image_open(file, NULL, &img, &e));
	ck_assert_int_eq(truncate(file, 5000), 0);
	ok(image_memory(img, "ram", &mem, &e));
	ck_assert_int_eq(image_page(mem, 3, page, &e), -EINVAL);
	says("is truncated");
	ck_assert_int_eq(image_verify(img, &e), -EINVAL);
	image_close(img);
}
END_TEST

Suite *image_suite(void)
{
	Suite *s = suite_create("image");
	TCase *t = tcase_create("files");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_loop_test(t, round_trip, 0, 2 * IMAGE_CODECS);
	tcase_add_test(t, large_runs);
	tcase_add_test(t, bytes_are_what_they_were);
	tcase_add_test(t, twice_the_same);
	tcase_add_test(t, stream);
	tcase_add_loop_test(t, every_bit, 0, 2);
	tcase_add_loop_test(t, every_length, 0, 2);
	tcase_add_test(t, parents);
	tcase_add_test(t, wrong_parents);
	suite_add_tcase(s, t);
	t = tcase_create("refused");
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, other_files);
	tcase_add_test(t, codecs);
	tcase_add_test(t, hostile);
	tcase_add_loop_test(t, bombs, IMAGE_ZLIB, IMAGE_CODECS);
	tcase_add_test(t, misuses);
	tcase_add_test(t, cancelled);
	tcase_add_test(t, left_over);
#ifndef _WIN32
	tcase_add_test(t, places);
	tcase_add_loop_test(t, full_disk, 0, 2);
	tcase_add_test(t, killed);
#endif
	tcase_add_test(t, cut_while_open);
	suite_add_tcase(s, t);
	return s;
}
