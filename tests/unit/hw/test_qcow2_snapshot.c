/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Internal snapshots of qcow2: random lives with several of them on images of all shapes, a host that dies or fails at any write,
 * tables that lie, and qemu-img as the judge, where it is installed.
 */
#include <check.h>
#include <stdarg.h>
#include <unistd.h>

#include "config.h"
#include "hw/host/block/block.h"
#include "hw/host/block/snapshots.h"
#include "tests/suites.h"
#include "tests/unit/qcow2_rig.h"

/* ---- an image and what each snapshot of it has ---- */

#define SHOTS 6u

struct shot {
	struct block_snapshot s;
	u8 *shadow; /* NULL: there is none */
	u64 size;
};

struct album {
	struct rig r;
	struct shot shot[SHOTS];
	u32 made, applied, deleted, refused;
};

static struct qcow2 *q_of(struct album *a)
{
	return qcow2_of(a->r.node);
}

static void forget(struct shot *s)
{
	free(s->shadow);
	s->shadow = NULL;
}

static int take(struct album *a, struct shot *s)
{
	struct error e = { "" };
	char name[20];
	int rc;

	snprintf(name, sizeof name, "shot %u", a->made);
	rc = qcow2_snapshot_create(q_of(a), name, 1700000000123456789ull + a->made, 77, &s->s, &e);
	if (rc) {
		a->refused++;
		return rc;
	}
	ck_assert_str_eq(s->s.name, name);
	ck_assert_uint_eq(s->s.date, 1700000000123456789ull + a->made++);
	ck_assert_uint_eq(s->s.bytes, a->r.size);
	s->shadow = malloc((size_t)a->r.size + 8);
	s->size = a->r.size;
	memcpy(s->shadow, a->r.shadow, (size_t)a->r.size);
	return 0;
}

static int go_back(struct album *a, const struct shot *s)
{
	struct error e = { "" };
	int rc = qcow2_snapshot_apply(q_of(a), s->s.id, &e);

	if (rc)
		return rc;
	a->r.shadow = realloc(a->r.shadow, (size_t)s->size + 8);
	a->r.size = s->size;
	memcpy(a->r.shadow, s->shadow, (size_t)s->size);
	ck_assert_uint_eq(a->r.node->size, s->size);
	a->applied++;
	return 0;
}

static int drop(struct album *a, struct shot *s)
{
	struct error e = { "" };
	int rc = qcow2_snapshot_delete(q_of(a), s->s.id, &e);

	if (rc)
		return rc;
	forget(s);
	a->deleted++;
	return 0;
}

static void grow(struct album *a, u64 by)
{
	u64 size = a->r.size + by * 512;

	int rc = a->r.node->ops->resize(a->r.node, size, NULL);
	u32 failing = a->r.faults.rule[0].ops;

	if (a->r.node->size != size)
		return; /* version 2 with snapshots, or a host that fails */
	a->r.shadow = realloc(a->r.shadow, (size_t)size + 8);
	memset(a->r.shadow + a->r.size, 0, (size_t)(size - a->r.size));
	a->r.faults.rule[0].ops = 0;
	if (rc) /* the host failed when it had grown */
		ck_assert_int_eq(node_read(a->r.node, a->r.size, a->r.shadow + a->r.size, (size_t)(size - a->r.size)), 0);
	a->r.faults.rule[0].ops = failing;
	a->r.size = size;
}

/* One step with snapshots. -errno of what was tried. */
static int shot_step(struct album *a)
{
	struct shot *s = &a->shot[image_random(&a->r.x) % SHOTS];
	u64 op = image_random(&a->r.x) % 7;

	if (op == 6) {
		grow(a, image_random(&a->r.x) % 500);
		return 0;
	}
	if (!s->shadow)
		return take(a, s);
	return op < 3 ? go_back(a, s) : drop(a, s);
}

static void album_check(struct album *a, bool leaks, const char *when)
{
	struct image_check c;

	ck_assert_int_eq(a->r.node->ops->flush(a->r.node), 0);
	image_verify(a->r.file->p, a->r.file->len, &c);
	ck_assert_msg(!c.corrupt, "%s: %s", when, c.first);
	ck_assert_msg(leaks || !c.leaked, "%s: %llu clusters leaked", when, (unsigned long long)c.leaked);
	rig_compare(&a->r, when);
}

static void album_open(struct album *a, u32 shape, u64 seed)
{
	struct image_spec s = shapes[shape];

	memset(a, 0, sizeof *a);
	s.size = MIN(s.size, 700000);
	rig_open(&a->r, &s, 300000, seed);
}

static void album_close(struct album *a)
{
	u32 i;

	for (i = 0; i < SHOTS; i++)
		forget(&a->shot[i]);
	rig_close(&a->r);
}

START_TEST(lives)
{
	struct block_snapshot b;
	struct error e = { "" };
	struct album a;
	u64 off, len;
	u32 i, n;

	album_open(&a, (u32)_i, 31 + (u64)_i);
	for (i = 0; i < 300; i++) {
		int rc = 0;

		if (i % 4)
			ck_assert_int_eq(rig_step(&a.r, &off, &len), 0);
		else
			rc = shot_step(&a);
		ck_assert(!rc || rc == -E2BIG);
		if (i % 4 == 0)
			album_check(&a, false, rc ? "refused" : "after a step");
		if (i % 50 == 49) {
			rig_reopen(&a.r);
			album_check(&a, false, "opened anew");
		}
	}
	if (shapes[_i].refcount_order > 1) {
		ck_assert_uint_gt(a.made, 8);
		ck_assert_uint_gt(a.applied, 8);
		ck_assert_uint_gt(a.deleted, 5);
	}
	/* Counts of one or two bits are soon at their end. */
	ck_assert(!a.refused == (shapes[_i].refcount_order > 1));
	for (i = n = 0; i < SHOTS; i++)
		n += a.shot[i].shadow != NULL;
	for (i = 0; qcow2_snapshot_at(q_of(&a), i, &b, &e) > 0; i++)
		ck_assert_uint_eq(b.clock, 77);
	ck_assert_uint_eq(i, n);
	/* All that is left is whole, and when all are gone so is what they held. */
	for (i = 0; i < SHOTS; i++)
		if (a.shot[i].shadow) {
			ck_assert_int_eq(go_back(&a, &a.shot[i]), 0);
			album_check(&a, false, "at the end");
			ck_assert_int_eq(drop(&a, &a.shot[i]), 0);
			album_check(&a, false, "removed at the end");
		}
	ck_assert_uint_eq(ldbe32(a.r.file->p + QH_NB_SNAPSHOTS), 0);
	ck_assert_int_eq(qcow2_snapshot_apply(q_of(&a), "1", &e), -ENOENT);
	album_close(&a);
}
END_TEST

/* ---- a host that dies ---- */

struct entry {
	u64 off;
	size_t n;
	u8 *p; /* NULL: a flush, or with n a new length */
};

struct journal {
	struct entry e[4000];
	u32 n;
};

static void on_write(void *opaque, u64 off, const void *p, size_t n)
{
	struct journal *j = opaque;

	ck_assert_uint_lt(j->n, ARRAY_SIZE(j->e));
	j->e[j->n] = (struct entry){ off, n, malloc(n + 1) };
	memcpy(j->e[j->n++].p, p, n);
}

static void on_flush(void *opaque)
{
	struct journal *j = opaque;

	j->e[j->n++] = (struct entry){ 0, 0, NULL };
}

static void on_resize(void *opaque, u64 size)
{
	struct journal *j = opaque;

	j->e[j->n++] = (struct entry){ size, 1, NULL };
}

static void replay(struct mem_file *m, const struct entry *e)
{
	if (e->p)
		node_write(&m->node, e->off, e->p, e->n);
	else if (e->n)
		mem_grow(m, e->off);
}

/* What the disk would be found to be by whoever opens this file next: as a before, or as b after. */
static void look_at_wreck(struct album *a, struct mem_file *m, const u8 *before, u64 nbefore, const char *when)
{
	struct image_check c;
	struct rig v;
	u8 *p;

	image_verify(m->p, m->len, &c);
	ck_assert_msg(!c.corrupt, "%s: %s", when, c.first);
	memset(&v, 0, sizeof v);
	v.file = m;
	v.base = a->r.base;
	m->keep = true;
	rig_reopen(&v);
	ck_assert(v.node->size == nbefore || v.node->size == a->r.size);
	p = malloc((size_t)v.node->size + 8);
	ck_assert_int_eq(node_read(v.node, 0, p, (size_t)v.node->size), 0);
	ck_assert_msg((v.node->size == nbefore && !memcmp(p, before, (size_t)nbefore)) ||
			      (v.node->size == a->r.size && !memcmp(p, a->r.shadow, (size_t)a->r.size)),
		      "%s: it has neither what was before nor what was to be", when);
	free(p);
	node_close(v.node);
}

START_TEST(crash)
{
	struct journal *j = calloc(1, sizeof *j);
	struct album a;
	u64 off, len;
	u32 round, k, at, done, tries;

	album_open(&a, (u32)_i, 500 + (u64)_i);
	for (round = 0; round < (shapes[_i].cluster_bits > 16 ? 2 : 4); round++) {
		struct mem_file *disk;
		u64 nbefore;
		u8 *before;

		for (k = 0; k < 12; k++)
			ck_assert_int_eq(rig_step(&a.r, &off, &len), 0);
		ck_assert_int_eq(a.r.node->ops->flush(a.r.node), 0);
		before = malloc((size_t)a.r.size + 8);
		nbefore = a.r.size;
		memcpy(before, a.r.shadow, (size_t)nbefore);
		disk = mem_new(a.r.file->p, a.r.file->len);
		a.r.faults.on_write = on_write;
		a.r.faults.on_flush = on_flush;
		a.r.faults.on_resize = on_resize;
		a.r.faults.opaque = j;
		shot_step(&a);
		memset(&a.r.faults, 0, sizeof a.r.faults);
		for (at = done = 0; at < j->n; at++) {
			if (!j->e[at].p && !j->e[at].n) {
				for (; done < at; done++)
					replay(disk, &j->e[done]);
				continue;
			}
			for (tries = at % 2; tries < 2; tries++) {
				struct mem_file *cut = mem_new(disk->p, disk->len);

				for (k = done; k <= at; k++)
					if (!tries || image_random(&a.r.x) % 2)
						replay(cut, &j->e[k]);
				look_at_wreck(&a, cut, before, nbefore, "after a crash");
				mem_drop(cut);
			}
		}
		for (k = 0; k < j->n; k++)
			free(j->e[k].p);
		j->n = 0;
		mem_drop(disk);
		free(before);
	}
	album_close(&a);
	free(j);
}
END_TEST

/* ---- a host's disk that fails ---- */

START_TEST(failures)
{
	struct album a;
	u64 off, len;
	u32 round, k, failed = 0, rounds = shapes[_i].cluster_bits > 16 ? 40 : 120;

	album_open(&a, (u32)_i, 900 + (u64)_i);
	for (round = 0; round < rounds; round++) {
		int rc;

		for (k = 0; k < 4; k++)
			ck_assert_int_eq(rig_step(&a.r, &off, &len), 0);
		memset(&a.r.faults.rule[0], 0, sizeof a.r.faults.rule[0]);
		a.r.faults.rule[0].ops = round % 4 ? BIT(BLOCK_WRITE) : BIT(BLOCK_READ);
		a.r.faults.rule[0].skip = image_random(&a.r.x) % 25;
		a.r.faults.rule[0].count = 1;
		a.r.faults.rule[0].partial = image_random(&a.r.x) % 3 * 100;
		a.r.faults.rule[0].error = round % 2 ? -EIO : -ENOSPC;
		rc = shot_step(&a);
		a.r.faults.rule[0].ops = 0;
		ck_assert(!rc || rc == -EIO || rc == -ENOSPC || rc == -E2BIG);
		failed += rc == -EIO || rc == -ENOSPC;
		if (qcow2_is_broken(q_of(&a))) {
			/* Nobody knows what the header has now: whoever opens it does. */
			struct block_snapshot b;
			struct error e = { "" };
			u32 n = 0, i;

			rig_reopen(&a.r);
			for (i = 0; i < SHOTS; i++)
				forget(&a.shot[i]);
			while (qcow2_snapshot_at(q_of(&a), 0, &b, &e) > 0 && n++ < SHOTS)
				ck_assert_int_eq(qcow2_snapshot_delete(q_of(&a), b.id, &e), 0);
			a.r.size = a.r.node->size;
			a.r.shadow = realloc(a.r.shadow, (size_t)a.r.size + 8);
			ck_assert_int_eq(node_read(a.r.node, 0, a.r.shadow, (size_t)a.r.size), 0);
		}
		album_check(&a, true, "after a failure");
	}
	ck_assert_uint_gt(failed, rounds / 15);
	album_close(&a);
}
END_TEST

/* ---- images that lie ---- */

/* Nothing of this crashes or hangs; what is refused has changed nothing. */
START_TEST(damaged)
{
	struct album a;
	u64 off, len;
	u32 round, k, refused = 0;
	u8 *whole;
	size_t whole_len;

	album_open(&a, (u32)_i, 1300 + (u64)_i);
	for (k = 0; k < 40; k++)
		ck_assert_int_eq(rig_step(&a.r, &off, &len), 0);
	for (k = 0; k < 3; k++) {
		if (shapes[_i].refcount_order > 1)
			ck_assert_int_eq(take(&a, &a.shot[k]), 0);
		for (round = 0; round < 10; round++)
			ck_assert_int_eq(rig_step(&a.r, &off, &len), 0);
	}
	ck_assert_int_eq(a.r.node->ops->flush(a.r.node), 0);
	whole_len = a.r.file->len;
	whole = malloc(whole_len);
	memcpy(whole, a.r.file->p, whole_len);
	for (round = 0; round < (shapes[_i].cluster_bits > 16 ? 60 : 300); round++) {
		struct mem_file *m = mem_new(whole, whole_len);
		u64 table = ldbe64(whole + QH_SNAPSHOTS_OFFSET), where[4] = { QH_NB_SNAPSHOTS, table, table ? ldbe64(whole + table) : 0,
			ldbe64(whole + QH_L1_OFFSET) };
		struct block_node *n = NULL;
		struct block_snapshot b;
		struct error e = { "" };
		struct rig v;

		memset(&v, 0, sizeof v);
		v.base = a.r.base;
		for (k = 0; k < 1 + round % 4; k++) {
			u64 at = where[image_random(&a.r.x) % 4] + image_random(&a.r.x) % 80;

			if (at < m->len)
				m->p[at] = image_random(&a.r.x) % 3 ? (u8)image_random(&a.r.x) : image_random(&a.r.x) % 2 ? 0 : 0xff;
		}
		m->node.quiet = true;
		if (!qcow2_open(&m->node, false, give_base, NULL, &v, &n, &e)) {
			struct qcow2 *q = qcow2_of(n);
			int rc = 1;

			for (k = 0; k < 4 && rc > 0; k++)
				rc = qcow2_snapshot_at(q, k, &b, &e);
			rc = round % 3 == 0 ? qcow2_snapshot_create(q, "x", 1, 2, &b, &e) :
			     round % 3 == 1 ? qcow2_snapshot_apply(q, "2", &e) : qcow2_snapshot_delete(q, "2", &e);
			ck_assert(!rc || *e.text);
			refused += rc != 0;
			node_close(n);
		}
	}
	ck_assert_uint_gt(refused, 1);
	free(whole);
	album_close(&a);
}
END_TEST

/* ---- with qemu-img ---- */

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

static struct block *open_it(void)
{
	struct block_options o = { .format = "qcow2" };
	struct error e = { "" };
	char path[200];
	struct block *b;

	snprintf(path, sizeof path, "%s/a", dir);
	b = block_open(path, &o, NULL, NULL, &e);
	ck_assert_msg(b != NULL, "%s", e.text);
	return b;
}

static void scribble(struct block *b, u64 *x)
{
	u8 *p = malloc(200000);
	u32 i;

	for (i = 0; i < 30; i++) {
		u64 off = image_random(x) % (block_size(b) - 200000), len = image_random(x) % 200000 + 1;

		memset(p, (int)image_random(x), (size_t)len);
		ck_assert_int_eq(i % 5 ? block_pwrite(b, off, p, (size_t)len) : block_write_zeroes(b, off, len, BLOCK_UNMAP), 0);
	}
	free(p);
}

static const char *const options[] = { "cluster_size=512", "cluster_size=65536", "cluster_size=4096,compat=0.10", "cluster_size=2M",
	"refcount_bits=2,cluster_size=1024", "refcount_bits=64", "preallocation=metadata", "preallocation=full,cluster_size=8192",
	"extended_l2=on",
#if HAVE_ZLIB
	"compression_type=zlib",
#endif
};

START_TEST(qemu_agrees)
{
	struct block_snapshot s, t;
	struct error e = { "" };
	u64 x = 5150 + (u64)_i;
	struct block *b;

	strcpy(dir, "/tmp/qcow2-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	if (run("qemu-img --version")) {
		rmdir(dir);
		return;
	}
	if (strstr(options[_i], "compression"))
		ck_assert_int_eq(run("head -c 3000000 /bin/sh >r; head -c 3000000 /bin/cp >>r; truncate -s 6M r; "
				     "qemu-img convert -c -f raw -O qcow2 -o cluster_size=4096 r a; rm r"), 0);
	else
		ck_assert_int_eq(run("qemu-img create -f qcow2 -o %s a 6M", options[_i]), 0);
	b = open_it();
	scribble(b, &x);
	ck_assert_msg(!block_snapshot_create(b, "ours", 1700000000000000005ull, 3600000000000ull, &s, &e), "%s", e.text);
	block_close(b);
	ck_assert_int_eq(run("qemu-img check -f qcow2 a && qemu-img snapshot -l a | grep -q '^%s *ours .*01:00:00'", s.id), 0);
	ck_assert_int_eq(run("qemu-img convert -f qcow2 -O raw a ours && qemu-img convert -l ours -f qcow2 -O raw a o && cmp ours o"), 0);
	b = open_it();
	scribble(b, &x);
	block_close(b);
	ck_assert_int_eq(run("qemu-img check -f qcow2 a && qemu-img convert -l ours -f qcow2 -O raw a o && cmp ours o"), 0);
	/* Theirs beside it. Each goes back with the other's. */
	ck_assert_int_eq(run("qemu-img convert -f qcow2 -O raw a theirs && qemu-img snapshot -c theirs a && qemu-img check -f qcow2 a"), 0);
	b = open_it();
	ck_assert_int_eq(block_snapshot_at(b, 1, &t, &e), 1);
	ck_assert_str_eq(t.name, "theirs");
	scribble(b, &x);
	ck_assert_msg(!block_snapshot_apply(b, s.id, &e), "%s", e.text);
	block_close(b);
	ck_assert_int_eq(run("qemu-img check -f qcow2 a && qemu-img convert -f qcow2 -O raw a o && cmp ours o"), 0);
	b = open_it();
	scribble(b, &x);
	ck_assert_msg(!block_snapshot_apply(b, t.id, &e), "%s", e.text);
	block_close(b);
	ck_assert_int_eq(run("qemu-img check -f qcow2 a && qemu-img convert -f qcow2 -O raw a o && cmp theirs o"), 0);
	/* Theirs counts more than 3 on the way. */
	if (!strstr(options[_i], "refcount_bits=2"))
		ck_assert_int_eq(run("qemu-img snapshot -a ours a && qemu-img check -f qcow2 a && "
				     "qemu-img convert -f qcow2 -O raw a o && cmp ours o"), 0);
	b = open_it();
	scribble(b, &x);
	ck_assert_msg(!block_snapshot_delete(b, t.id, &e), "%s", e.text);
	block_close(b);
	ck_assert_int_eq(run("qemu-img check -f qcow2 a && ! qemu-img snapshot -l a | grep theirs"), 0);
	ck_assert_int_eq(run("qemu-img convert -l ours -f qcow2 -O raw a o && cmp ours o"), 0);
	ck_assert_int_eq(run("qemu-img snapshot -d ours a && qemu-img check -f qcow2 a"), 0);
	run("rm -f -- *");
	rmdir(dir);
}
END_TEST

Suite *qcow2_snapshot_suite(void);
Suite *qcow2_snapshot_suite(void)
{
	Suite *s = suite_create("qcow2_snapshot");
	TCase *tc = tcase_create("qcow2_snapshot");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, lives, 0, ARRAY_SIZE(shapes));
	tcase_add_loop_test(tc, crash, 0, ARRAY_SIZE(shapes));
	tcase_add_loop_test(tc, failures, 0, ARRAY_SIZE(shapes));
	tcase_add_loop_test(tc, damaged, 0, ARRAY_SIZE(shapes));
	tcase_add_loop_test(tc, qemu_agrees, 0, ARRAY_SIZE(options));
	suite_add_tcase(s, tc);
	return s;
}
