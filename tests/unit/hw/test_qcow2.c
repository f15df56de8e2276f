/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2: random operations against a plain copy on images of all shapes, growing, threads, damaged headers. Crashes are in
 * test_qcow2_crash.c, qemu-img's judgement in test_qcow2_qemu.c.
 */
#include <check.h>
#include <pthread.h>
#include <unistd.h>

#include "tests/suites.h"
#include "tests/unit/qcow2_rig.h"
#include "tests/unit/quick.h"

START_TEST(random_operations)
{
	struct rig r;
	u64 off, len;
	int i;

	rig_open(&r, &shapes[_i], 600000, (u64)_i + 1);
	for (i = 0; i < 400; i++) {
		quick_eq(rig_step(&r, &off, &len), 0);
		if (i % 50 == 49) {
			rig_compare(&r, "as it runs");
			ck_assert_int_eq(r.node->ops->flush(r.node), 0);
			rig_verify(&r, false);
		}
		if (i % 100 == 99) {
			rig_reopen(&r);
			rig_compare(&r, "opened anew");
			rig_verify(&r, false);
		}
	}
	rig_close(&r);
}
END_TEST

/* ---- growing ---- */

START_TEST(grows)
{
	struct rig r;
	struct error e = { "" };
	u64 old, size, off, len;
	u8 *shadow;
	int i;

	rig_open(&r, &shapes[_i], 1 << 20, 3);
	for (i = 0; i < 60; i++)
		ck_assert_int_eq(rig_step(&r, &off, &len), 0);
	for (i = 0; i < 4; i++) {
		old = r.size;
		size = ALIGN_UP(old * (i == 2 ? 8 : 1) + (i == 1 ? 512 : 700000), 512);
		ck_assert_msg(!r.node->ops->resize(r.node, size, &e), "%s", e.text);
		shadow = calloc(1, (size_t)size + 8);
		memcpy(shadow, r.shadow, (size_t)old);
		free(r.shadow);
		r.shadow = shadow;
		r.size = size;
		rig_compare(&r, "grown");
		for (len = 0; len < 30; len++) {
			u64 a, b;

			ck_assert_int_eq(rig_step(&r, &a, &b), 0);
		}
		rig_reopen(&r);
		rig_compare(&r, "grown and opened anew");
		rig_verify(&r, false);
	}
	ck_assert_int_eq(r.node->ops->resize(r.node, 512, &e), -ENOTSUP);
	rig_close(&r);
}
END_TEST

/* The disk may be far larger than what is written. */
START_TEST(grows_a_lot)
{
	struct image_spec s = { 3, 9, 4, 1 << 20, NULL, NULL, 0, 0, 0, 0 };
	struct rig r;
	u8 b[512], c[512];
	struct error e = { "" };

	rig_open(&r, &s, 0, 3);
	memset(b, 0x5a, sizeof b);
	ck_assert_msg(!r.node->ops->resize(r.node, (u64)64 << 30, &e), "%s", e.text);
	r.size = (u64)64 << 30;
	ck_assert_int_eq(node_write(r.node, r.size - 512, b, 512), 0);
	ck_assert_int_eq(node_write(r.node, r.size / 2, b, 512), 0);
	rig_reopen(&r);
	ck_assert_int_eq(node_read(r.node, r.size - 512, c, 512), 0);
	ck_assert(!memcmp(b, c, 512));
	rig_verify(&r, false);
	ck_assert_int_eq(r.node->ops->resize(r.node, (u64)1 << 60, &e), -EFBIG);
	rig_close(&r);
}
END_TEST

/* ---- many at once ---- */

struct worker {
	struct rig *r;
	u64 from, to, x;
};

static void *work(void *opaque)
{
	struct worker *w = opaque;
	int i;

	for (i = 0; i < 300; i++) {
		u64 off = w->from + image_random(&w->x) % (w->to - w->from);
		u64 len = image_random(&w->x) % 20000 + 1, op = image_random(&w->x) % 12, k;

		len = MIN(len, w->to - off);
		if (op < 8) {
			for (k = off; k < off + len; k++)
				w->r->shadow[k] = (u8)image_random(&w->x);
			quick_eq(node_write(w->r->node, off, w->r->shadow + off, (size_t)len), 0);
		} else if (op < 10) {
			u8 *p = malloc((size_t)len);

			ck_assert_int_eq(node_read(w->r->node, off, p, (size_t)len), 0);
			ck_assert(!memcmp(p, w->r->shadow + off, (size_t)len));
			free(p);
		} else if (op < 11) {
			memset(w->r->shadow + off, 0, (size_t)len);
			ck_assert_int_eq(w->r->node->ops->zero(w->r->node, off, len, 0), 0);
		} else {
			ck_assert_int_eq(w->r->node->ops->flush(w->r->node), 0);
		}
	}
	return NULL;
}

START_TEST(threads)
{
	struct rig r;
	struct worker w[4];
	pthread_t t[4];
	int i;

	rig_open(&r, &shapes[_i], 600000, 4);
	for (i = 0; i < 4; i++) {
		u64 part = r.size / 4;

		w[i] = (struct worker){ &r, (u64)i * part, ((u64)i + 1) * part, 1234567 + (u64)i };
		ck_assert_int_eq(pthread_create(&t[i], NULL, work, &w[i]), 0);
	}
	for (i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	rig_compare(&r, "after threads");
	rig_reopen(&r);
	rig_verify(&r, false);
	rig_close(&r);
}
END_TEST

/* ---- what is refused ---- */

static void refused(const struct image_spec *s, bool readonly, size_t cut, const char *word)
{
	struct error e = { "" };
	struct block_node *n;
	size_t len;
	u8 *p = image_make(s, &len);
	struct mem_file *m = mem_new(p, cut ? cut : len);

	free(p);
	ck_assert_msg(qcow2_open(&m->node, readonly, NULL, NULL, NULL, &n, &e) < 0, "taken, but '%s' was to be said", word);
	ck_assert_msg(strstr(e.text, word), "'%s' does not say '%s'", e.text, word);
}

START_TEST(sentences)
{
	static const struct image_spec plain = { 3, 16, 4, 1 << 20, NULL, NULL, 0, 0, 0, 0 };
	struct block_node *n;
	struct image_spec s = plain;
	struct error e = { "" };
	size_t len;
	u8 *p;

	s.incompatible = 1;
	refused(&s, false, 0, "dirty");
	s.incompatible = 2;
	refused(&s, false, 0, "corrupt");
	s.incompatible = 4;
	refused(&s, true, 0, "external data file");
	s.incompatible = 16;
	s.cluster_bits = 13;
	refused(&s, true, 0, "extended L2");
	s = plain;
	s.incompatible = BIT(37);
	refused(&s, true, 0, "bit 37 ('time travel')");
	s = plain;
	s.compression = 7;
	refused(&s, true, 0, "compression type 7");
	s = plain;
	s.version = 4;
	refused(&s, true, 0, "version 4");
	refused(&plain, true, 60, "truncated");
	refused(&plain, true, 100, "truncated");
	refused(&plain, true, 65536 * 2, "truncated");
	refused(&plain, false, 65536 * 3 + 1, "truncated");
	/* Encryption, and sizes that lie. */
	p = image_make(&plain, &len);
	stbe32(p + QH_CRYPT, 2);
	ck_assert_int_lt(qcow2_open(&mem_new(p, len)->node, true, NULL, NULL, NULL, &n, &e), 0);
	ck_assert(strstr(e.text, "LUKS"));
	stbe32(p + QH_CRYPT, 0);
	stbe64(p + QH_SIZE, (u64)1 << 50);
	ck_assert_int_lt(qcow2_open(&mem_new(p, len)->node, true, NULL, NULL, NULL, &n, &e), 0);
	ck_assert(strstr(e.text, "L1 table"));
	stbe64(p + QH_SIZE, 1 << 20);
	stbe32(p + QH_CLUSTER_BITS, 30);
	ck_assert_int_lt(qcow2_open(&mem_new(p, len)->node, true, NULL, NULL, NULL, &n, &e), 0);
	ck_assert(strstr(e.text, "cluster bits"));
	free(p);
	/* For reading the marks do not matter. */
	s = plain;
	s.incompatible = 3;
	s.compatible = 1;
	p = image_make(&s, &len);
	ck_assert_msg(!qcow2_open(&mem_new(p, len)->node, true, NULL, NULL, NULL, &n, &e), "%s", e.text);
	node_close(n);
	free(p);
}
END_TEST

/* Data that are not in the file any more, and entries that point at tables. */
START_TEST(damaged)
{
	struct rig r;
	struct error e = { "" };
	struct block_node *n;
	struct mem_file *m;
	u8 b[512] = { 1 };
	u64 l2;

	rig_open(&r, &shapes[1], 0, 1);
	ck_assert_int_eq(node_write(r.node, 0, b, 512), 0);
	ck_assert_int_eq(node_write(r.node, 1 << 20, b, 512), 0);
	rig_reopen(&r);
	m = mem_new(r.file->p, r.file->len - 65536);
	ck_assert_int_lt(qcow2_open(&m->node, true, NULL, NULL, NULL, &n, &e), 0);
	ck_assert_msg(strstr(e.text, "truncated"), "%s", e.text);
	/* A data cluster over the L1 table: the write is refused, and then every other. */
	l2 = ldbe64(r.file->p + ldbe64(r.file->p + QH_L1_OFFSET)) & QCOW2_OFFSET;
	stbe64(r.file->p + l2, ldbe64(r.file->p + QH_L1_OFFSET) | BIT(63));
	m = mem_new(r.file->p, r.file->len);
	m->node.quiet = true;
	ck_assert_msg(!qcow2_open(&m->node, false, NULL, NULL, NULL, &n, &e), "%s", e.text);
	ck_assert_int_eq(node_write(n, 0, b, 512), -EIO);
	ck_assert_int_eq(node_write(n, 1 << 20, b, 512), -EIO);
	node_close(n);
	/* Not aligned. */
	stbe64(r.file->p + l2, 0x50200 | BIT(63));
	m = mem_new(r.file->p, r.file->len);
	m->node.quiet = true;
	ck_assert_msg(!qcow2_open(&m->node, false, NULL, NULL, NULL, &n, &e), "%s", e.text);
	ck_assert_int_eq(node_read(n, 0, b, 512), -EIO);
	ck_assert_int_eq(node_read(n, 1 << 20, b, 512), 0);
	node_close(n);
	rig_close(&r);
}
END_TEST

/* Entries that all name one table: a small file would be read for as long as it likes. */
START_TEST(shared_tables)
{
	static const struct image_spec plain = { 3, 9, 4, 8 << 20, NULL, NULL, 0, 0, 0, 0 };
	struct error e = { "" };
	struct block_node *n;
	size_t len;
	u8 *p = image_make(&plain, &len), *q = calloc(1, len + 1024);
	u32 i, l1 = ldbe32(p + QH_L1_SIZE);

	memcpy(q, p, len);
	for (i = 0; i < l1; i++)
		stbe64(q + ldbe64(p + QH_L1_OFFSET) + 8 * i, len);
	ck_assert_int_eq(qcow2_open(&mem_new(q, len + 1024)->node, true, NULL, NULL, NULL, &n, &e), -EIO);
	ck_assert_msg(strstr(e.text, "two entries of its L1 table"), "%s", e.text);
	memcpy(q, p, len);
	stbe64(q + ldbe64(p + QH_RT_OFFSET) + 8, ldbe64(p + ldbe64(p + QH_RT_OFFSET)));
	ck_assert_int_eq(qcow2_open(&mem_new(q, len)->node, false, NULL, NULL, NULL, &n, &e), -EIO);
	ck_assert_msg(strstr(e.text, "two entries of its refcount table"), "%s", e.text);
	free(p);
	free(q);
}
END_TEST

/* As many tables as one likes in a file of holes, and a refcount that says that more should be there: little of it is read. */
START_TEST(much_to_look_at)
{
	enum { TABLES = 1 << 20 };
	static const struct image_spec plain = { 3, 16, 4, 1 << 20, NULL, NULL, 0, 0, 0, 0 };
	char path[] = "/tmp/qcow2-XXXXXX";
	int fd = mkstemp(path), quit = 0, code = 0, i;
	struct block_faults faults = { .rule = { { .ops = BIT(BLOCK_READ), .skip = UINT64_MAX } } };
	struct block_options o = { .format = "qcow2", .faults = &faults, .quit = &quit };
	struct error e = { "" };
	struct block *b;
	size_t len;
	u8 *p = image_make(&plain, &len), *l1 = malloc(8 * TABLES);

	stbe32(p + QH_L1_SIZE, TABLES);
	stbe64(p + QH_L1_OFFSET, 1 << 20);
	for (i = 0; i < TABLES; i++)
		stbe64(l1 + 8 * i, (u64)(i + 1000) << 16);
	ck_assert_int_eq(pwrite(fd, l1, 8 * TABLES, 1 << 20), 8 * TABLES);
	if (ftruncate(fd, (off_t)(TABLES + 1000) << 16)) /* a host without holes */
		return;
	/* A block of refcounts for clusters far behind the end of the file. */
	stbe64(p + 65536 + 8 * 600, 5 * 65536);
	ck_assert_int_eq(pwrite(fd, p, len, 0), (ssize_t)len);
	ck_assert_int_eq(pwrite(fd, p + 2 * 65536, 65536, 5 * 65536), 65536);
	b = block_open(path, &o, NULL, &code, &e);
	ck_assert_msg(b != NULL, "%s", e.text);
	ck_assert_uint_lt(faults.rule[0].seen, 1100);
	block_close(b);
	quit = 1;
	ck_assert_ptr_null(block_open(path, &o, NULL, &code, &e));
	ck_assert_int_eq(code, -EINTR);
	ck_assert_msg(strstr(e.text, "told to end"), "%s", e.text);
	close(fd);
	unlink(path);
	free(p);
	free(l1);
}
END_TEST

/* The marks of lazy refcounts are left as they were, and the counts are exact. */
START_TEST(lazy_refcounts)
{
	struct image_spec s = { 3, 12, 4, 1 << 20, NULL, NULL, 0, 1, 0, 0 };
	struct rig r;
	u64 off, len;
	int i;

	rig_open(&r, &s, 0, 8);
	for (i = 0; i < 100; i++)
		ck_assert_int_eq(rig_step(&r, &off, &len), 0);
	rig_reopen(&r);
	rig_compare(&r, "lazy refcounts");
	rig_verify(&r, false);
	ck_assert_uint_eq(ldbe64(r.file->p + QH_COMPATIBLE), 1);
	ck_assert_uint_eq(ldbe64(r.file->p + QH_INCOMPATIBLE), 0);
	rig_close(&r);
}
END_TEST

Suite *qcow2_suite(void);
Suite *qcow2_suite(void)
{
	Suite *s = suite_create("qcow2");
	TCase *tc = tcase_create("qcow2");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, random_operations, 0, ARRAY_SIZE(shapes));
	tcase_add_loop_test(tc, grows, 0, ARRAY_SIZE(shapes));
	tcase_add_test(tc, grows_a_lot);
	tcase_add_loop_test(tc, threads, 0, ARRAY_SIZE(shapes));
	tcase_add_test(tc, sentences);
	tcase_add_test(tc, damaged);
	tcase_add_test(tc, shared_tables);
	tcase_add_test(tc, much_to_look_at);
	tcase_add_test(tc, lazy_refcounts);
	suite_add_tcase(s, tc);
	return s;
}
