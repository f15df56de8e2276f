/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2 on a host that dies at any instant, and on a host disk that fails or fills up.
 */
#include <check.h>

#include "tests/suites.h"
#include "tests/unit/qcow2_rig.h"

/* Entries of the journal that are no writes. */
#define IS_FLUSH 0x7fffffff
#define IS_RESIZE 0x7ffffffe

/* What reached the file, in order. */
struct entry {
	u64 off;
	size_t n; /* IS_FLUSH: a flush; IS_RESIZE: a new length */
	u8 *p;
};

struct journal {
	struct entry *e;
	u32 n, cap;
};

static void journal_add(struct journal *j, u64 off, const void *p, size_t n)
{
	if (j->n == j->cap) {
		j->cap = j->cap ? j->cap * 2 : 256;
		j->e = realloc(j->e, j->cap * sizeof *j->e);
	}
	j->e[j->n] = (struct entry){ off, n, NULL };
	if (p) {
		j->e[j->n].p = malloc(n + 1);
		memcpy(j->e[j->n].p, p, n);
	}
	j->n++;
}

static void on_write(void *opaque, u64 off, const void *p, size_t n)
{
	journal_add(opaque, off, p, n);
}

static void on_resize(void *opaque, u64 size)
{
	journal_add(opaque, size, NULL, IS_RESIZE);
}

static void on_flush(void *opaque)
{
	journal_add(opaque, 0, NULL, IS_FLUSH);
}

static void replay(struct mem_file *m, const struct entry *e)
{
	if (e->n == IS_FLUSH)
		return;
	if (e->n == IS_RESIZE)
		mem_grow(m, e->off);
	else
		node_write(&m->node, e->off, e->p, e->n);
}

/*
 * The host dies after any write: what was flushed is there, of what came later any part. No image then has corrupt
 * refcounts, and what the guest flushed is in it.
 */
START_TEST(crash_anywhere)
{
	struct journal j = { 0 };
	struct mem_file *disk;
	struct image_spec s = shapes[_i];
	u8 *safe, *start;
	u32 *marks, nmarks = 0, at, done = 0, k;
	u8 **snaps;
	size_t start_len;
	struct rig r;
	u64 off, len;
	int i;

	s.size = MIN(s.size, 400000);
	rig_open(&r, &s, 100000, 77 + (u64)_i);
	start_len = r.file->len;
	start = malloc(start_len);
	memcpy(start, r.file->p, start_len);
	r.faults.on_write = on_write;
	r.faults.on_flush = on_flush;
	r.faults.on_resize = on_resize;
	r.faults.opaque = &j;
	marks = calloc(300, sizeof *marks);
	snaps = calloc(300, sizeof *snaps);
	safe = calloc(1, (size_t)r.size);
	memcpy(safe, r.shadow, (size_t)r.size);
	/* Clusters that are free and full of numbers, for tables to be made of. */
	for (off = 0; off < r.size / 2; off++)
		r.shadow[off] = (u8)image_random(&r.x);
	ck_assert_int_eq(node_write(r.node, 0, r.shadow, (size_t)(r.size / 2)), 0);
	ck_assert_int_eq(r.node->ops->flush(r.node), 0);
	ck_assert_int_eq(r.node->ops->discard(r.node, 0, r.size / 2), 0);
	ck_assert_int_eq(r.node->ops->flush(r.node), 0);
	ck_assert_int_eq(node_read(r.node, 0, r.shadow, (size_t)r.size), 0);
	for (i = 0; i < 120; i++) {
		ck_assert_int_eq(rig_step(&r, &off, &len), 0);
		if (i % 10 == 9) {
			ck_assert_int_eq(r.node->ops->flush(r.node), 0);
			marks[nmarks] = j.n; /* from here on the guest relies on this */
			snaps[nmarks] = malloc((size_t)r.size);
			memcpy(snaps[nmarks++], r.shadow, (size_t)r.size);
		}
	}
	/* In one pass: the disk with all that was flushed so far, and from it crashes. */
	disk = mem_new(start, start_len);
	for (at = 0; at < j.n; at++) {
		struct image_check c;
		struct mem_file *cut;
		u32 tries;

		if (j.e[at].n == IS_FLUSH) {
			for (; done < at; done++)
				replay(disk, &j.e[done]);
			continue;
		}
		if (at % 3)
			continue;
		for (tries = 0; tries < 2; tries++) {
			cut = mem_new(disk->p, disk->len);
			for (k = done; k <= at; k++)
				if (tries || image_random(&r.x) % 2)
					replay(cut, &j.e[k]);
			image_verify(cut->p, cut->len, &c);
			ck_assert_msg(!c.corrupt, "after write %u of %u: %s", at, j.n, c.first);
			mem_drop(cut);
		}
	}
	/* What was flushed, with nothing of what came after it. */
	for (i = 0; i < (int)nmarks; i++) {
		struct rig v;
		size_t img_len;
		u8 *img;

		memset(&v, 0, sizeof v);
		v.base = r.base;
		v.size = r.size;
		v.shadow = snaps[i];
		v.file = mem_new(start, start_len);
		for (k = 0; k < marks[i]; k++)
			replay(v.file, &j.e[k]);
		rig_reopen(&v);
		rig_compare(&v, "after a crash");
		img_len = v.file->len;
		img = v.file->p;
		ck_assert(img && img_len);
		node_close(v.node);
		free(snaps[i]);
	}
	for (k = 0; k < j.n; k++)
		free(j.e[k].p);
	free(j.e);
	free(marks);
	free(snaps);
	free(safe);
	free(start);
	mem_drop(disk);
	memset(&r.faults, 0, sizeof r.faults);
	rig_close(&r);
}
END_TEST

/* ---- a failing host disk ---- */

START_TEST(host_disk_fails)
{
	struct rig r;
	u64 off, len, i;
	u32 n, failed = 0;

	rig_open(&r, &shapes[_i], 300000, 99 + (u64)_i);
	for (n = 0; n < 400; n++) {
		int rc, frc;

		memset(&r.faults.rule[0], 0, sizeof r.faults.rule[0]);
		r.faults.rule[0].ops = n % 5 == 4 ? BIT(BLOCK_FLUSH) : n % 7 == 6 ? BIT(BLOCK_READ) : BIT(BLOCK_WRITE);
		r.faults.rule[0].skip = image_random(&r.x) % 6;
		r.faults.rule[0].count = 1 + image_random(&r.x) % 3;
		r.faults.rule[0].partial = image_random(&r.x) % 3 * 100;
		r.faults.rule[0].error = n % 2 ? -EIO : -ENOSPC;
		rc = rig_step(&r, &off, &len);
		frc = r.node->ops->flush(r.node);
		r.faults.rule[0].ops = 0;
		ck_assert(rc == 0 || rc == -EIO || rc == -ENOSPC);
		ck_assert(frc == 0 || frc == -EIO || frc == -ENOSPC);
		failed += rc || frc;
		if (rc) {
			/* The range is the old or the new, byte by byte; all else is as it was. */
			u8 *p = malloc((size_t)r.size);

			ck_assert_int_eq(node_read(r.node, 0, p, (size_t)r.size), 0);
			for (i = 0; i < r.size; i++)
				if (p[i] != r.shadow[i] && (i < off || i >= off + len))
					ck_abort_msg("byte %#llx has changed", (unsigned long long)i);
			memcpy(r.shadow + off, p + off, (size_t)len);
			free(p);
		}
		if (frc || n % 20 == 0) {
			ck_assert_int_eq(r.node->ops->flush(r.node), 0);
			rig_verify(&r, false);
		}
	}
	ck_assert_uint_gt(failed, 30);
	rig_compare(&r, "after failures");
	rig_reopen(&r);
	rig_compare(&r, "after failures, opened anew");
	rig_verify(&r, false);
	rig_close(&r);
}
END_TEST

START_TEST(host_disk_full)
{
	struct rig r;
	u64 off, len;
	u8 *p = calloc(1, 1 << 20);
	int i, full = 0;

	rig_open(&r, &shapes[1], 0, 5);
	for (i = 0; i < 40; i++)
		ck_assert_int_eq(rig_step(&r, &off, &len), 0);
	ck_assert_int_eq(r.node->ops->flush(r.node), 0);
	r.file->limit = r.file->len + 3 * 65536;
	for (i = 0; i < 5; i++) {
		int rc;

		memset(p, i + 1, 1 << 20);
		rc = node_write(r.node, (u64)i << 20, p, 1 << 20);
		ck_assert(!rc || rc == -ENOSPC);
		full += !!rc;
		ck_assert_int_eq(node_read(r.node, (u64)i << 20, r.shadow + ((u64)i << 20), 1 << 20), 0);
	}
	ck_assert_int_gt(full, 0);
	/* What is allocated can still be written, and goes out. */
	i = r.node->ops->flush(r.node);
	ck_assert(!i || i == -ENOSPC);
	r.file->limit = 0;
	ck_assert_int_eq(r.node->ops->flush(r.node), 0);
	rig_verify(&r, false);
	rig_compare(&r, "with room again");
	free(p);
	rig_close(&r);
}
END_TEST

Suite *qcow2_crash_suite(void);
Suite *qcow2_crash_suite(void)
{
	Suite *s = suite_create("qcow2_crash");
	TCase *tc = tcase_create("qcow2_crash");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, crash_anywhere, 0, ARRAY_SIZE(shapes));
	tcase_add_loop_test(tc, host_disk_fails, 0, ARRAY_SIZE(shapes));
	tcase_add_test(tc, host_disk_full);
	suite_add_tcase(s, tc);
	return s;
}
