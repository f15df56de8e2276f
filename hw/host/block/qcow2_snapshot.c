/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Internal snapshots of qcow2 images (specification, "Snapshots"): the table of them, and what it means to take one, to go back to one
 * and to remove one. How that is written is qcow2_change.c's. Left out: states of machines, other than keeping those that are there.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hw/host/block/qcow2_change.h"

/* An entry of the table: big-endian, then extra data, id, name, zeros up to a multiple of 8. */
enum {
	SN_L1_OFFSET = 0,
	SN_L1_SIZE = 8,
	SN_ID_LEN = 12,
	SN_NAME_LEN = 14,
	SN_DATE = 16,
	SN_DATE_NS = 20,
	SN_CLOCK = 24,
	SN_VM_SIZE = 32,
	SN_EXTRA_LEN = 36,
	SN_LENGTH = 40,
	/* Extra data. */
	SN_VM_SIZE64 = 0,
	SN_DISK_SIZE = 8,
	SN_ICOUNT = 16,
	SN_EXTRA = 24,
};

/* As QEMU has them. */
#define SN_MAX 65536u
#define SN_TABLE_MAX ((size_t)SN_MAX * 1024)
#define SN_EXTRA_MAX 1024u

struct entry {
	const u8 *p;
	size_t len;
};

struct table {
	u8 *p;
	size_t len;
	struct entry *e;
	u32 n;
};

static void table_free(struct table *t)
{
	free(t->p);
	free(t->e);
	memset(t, 0, sizeof *t);
}

static int damaged(const struct qcow2 *q, struct error *e, const char *what, u64 value)
{
	return error_set(e, -EIO, "%.300s is damaged: %s of its snapshots is %llu; try qemu-img check -r", q->name, what,
			 (unsigned long long)value);
}

static int out_of_memory(const struct qcow2 *q, struct error *e)
{
	return error_set(e, -ENOMEM, "%.300s: the host is out of memory", q->name);
}

static size_t entry_len(const u8 *p)
{
	return (size_t)ALIGN_UP((u64)SN_LENGTH + ldbe32(p + SN_EXTRA_LEN) + ldbe16(p + SN_ID_LEN) + ldbe16(p + SN_NAME_LEN), 8);
}

/* The entry at off of the file goes to the end of the table, whose entries are found later. */
static int read_entry(struct qcow2 *q, struct table *t, size_t *cap, struct error *e)
{
	u64 at = q->snapshots_offset + t->len;
	u8 head[SN_LENGTH], *p;
	size_t len;
	int rc = node_read(q->file, at, head, sizeof head);

	if (rc)
		return error_set(e, rc, "%.300s: cannot read its snapshots: %s", q->name, strerror(-rc));
	if (ldbe32(head + SN_EXTRA_LEN) > SN_EXTRA_MAX)
		return damaged(q, e, "the length of the extra data", ldbe32(head + SN_EXTRA_LEN));
	len = entry_len(head);
	if (t->len + len > SN_TABLE_MAX)
		return damaged(q, e, "the length of the table", t->len + len);
	if (at + len > ALIGN_UP(q->file_end, q->cluster_size))
		return damaged(q, e, "the end of the table", at + len);
	if (t->len + len > *cap) {
		*cap = MAX(*cap * 2, t->len + len);
		p = realloc(t->p, *cap);
		if (!p)
			return out_of_memory(q, e);
		t->p = p;
	}
	rc = node_read(q->file, at, t->p + t->len, len);
	if (rc)
		return error_set(e, rc, "%.300s: cannot read its snapshots: %s", q->name, strerror(-rc));
	t->len += len;
	t->n++;
	return 0;
}

static int table_read(struct qcow2 *q, struct table *t, struct error *e)
{
	size_t cap = 0, at = 0;
	int rc = 0;
	u32 i;

	memset(t, 0, sizeof *t);
	while (t->n < q->nsnapshots && !rc)
		rc = read_entry(q, t, &cap, e);
	t->e = rc ? NULL : calloc((size_t)t->n + 1, sizeof *t->e);
	if (!rc && !t->e)
		rc = out_of_memory(q, e);
	if (rc) {
		table_free(t);
		return rc;
	}
	for (i = 0; i < t->n; i++) {
		t->e[i] = (struct entry){ t->p + at, entry_len(t->p + at) };
		at += t->e[i].len;
	}
	q->snapshots_len = t->len;
	return 0;
}

/* Text of an entry; what does not fit is cut off, what is not for reading is a question mark. */
static void text_of(char *to, size_t room, const u8 *from, size_t n)
{
	size_t i;

	for (i = 0; i < n && i + 1 < room && from[i]; i++)
		to[i] = from[i] >= 32 && from[i] != 127 ? (char)from[i] : '?';
	to[i] = 0;
}

static const u8 *extra_of(const struct entry *s, size_t need)
{
	return ldbe32(s->p + SN_EXTRA_LEN) >= need ? s->p + SN_LENGTH : NULL;
}

static void describe(const struct qcow2 *q, const struct entry *s, struct block_snapshot *out)
{
	u32 extra = ldbe32(s->p + SN_EXTRA_LEN), id = ldbe16(s->p + SN_ID_LEN);
	const u8 *size = extra_of(s, SN_DISK_SIZE + 8), *vm = extra_of(s, SN_VM_SIZE64 + 8);

	memset(out, 0, sizeof *out);
	text_of(out->id, sizeof out->id, s->p + SN_LENGTH + extra, id);
	text_of(out->name, sizeof out->name, s->p + SN_LENGTH + extra + id, ldbe16(s->p + SN_NAME_LEN));
	out->date = ldbe32(s->p + SN_DATE) * (u64)1000000000 + ldbe32(s->p + SN_DATE_NS);
	out->clock = ldbe64(s->p + SN_CLOCK);
	out->vm_size = vm && ldbe64(vm) ? ldbe64(vm) : ldbe32(s->p + SN_VM_SIZE);
	/* Whoever does not say it did not let the image grow either. */
	out->bytes = size ? ldbe64(size + SN_DISK_SIZE) : q->node.size;
}

int qcow2_snapshot_find(struct qcow2 *q, block_snapshot_wanted *wanted, const void *opaque, struct block_snapshot *out, struct error *e)
{
	struct table t;
	u32 i;
	int rc;

	rw_wrlock(&q->lock);
	rc = table_read(q, &t, e);
	for (i = 0; !rc && i < t.n; i++) {
		describe(q, &t.e[i], out);
		rc = wanted(out, opaque);
	}
	table_free(&t);
	rw_wrunlock(&q->lock);
	return rc;
}

int qcow2_snapshot_at(struct qcow2 *q, u32 i, struct block_snapshot *out, struct error *e)
{
	struct table t;
	int rc;

	rw_wrlock(&q->lock);
	rc = table_read(q, &t, e);
	if (!rc && i < t.n) {
		describe(q, &t.e[i], out);
		rc = 1;
	}
	table_free(&t);
	rw_wrunlock(&q->lock);
	return rc;
}

static int said(struct qcow2 *q, int rc, const char *what, const char *doing, struct error *e)
{
	if (!rc)
		return 0;
	if (rc == -E2BIG)
		return error_set(e, rc, "%.300s: its refcounts have %u bits, which is too few for that: qemu-img amend -o "
				 "refcount_bits=16 widens them", q->name, 1u << q->refcount_order);
	return error_set(e, rc, "%.300s: cannot %s a snapshot: %s", q->name, doing, what ? what : strerror(-rc));
}

/* ---- taking one --------------------------------------------------------------------------------------------------- */

/* An id that none has: one more than the largest number. */
static u64 free_id(const struct qcow2 *q, const struct table *t)
{
	struct block_snapshot s;
	u64 max = 0;
	u32 i;

	for (i = 0; i < t->n; i++) {
		describe(q, &t->e[i], &s);
		max = MAX(max, strtoull(s.id, NULL, 10));
	}
	return max + 1;
}

static u8 *make_entry(const struct qcow2 *q, const char *id, const char *name, u64 date, u64 clock, size_t *len)
{
	size_t idn = strlen(id), namen = strlen(name);
	u8 *p;

	*len = (size_t)ALIGN_UP(SN_LENGTH + SN_EXTRA + idn + namen, 8);
	p = calloc(1, *len);
	if (!p)
		return NULL;
	stbe32(p + SN_L1_SIZE, q->l1_size);
	stbe16(p + SN_ID_LEN, (u16)idn);
	stbe16(p + SN_NAME_LEN, (u16)namen);
	stbe32(p + SN_DATE, (u32)(date / 1000000000));
	stbe32(p + SN_DATE_NS, (u32)(date % 1000000000));
	stbe64(p + SN_CLOCK, clock);
	stbe32(p + SN_EXTRA_LEN, SN_EXTRA);
	stbe64(p + SN_LENGTH + SN_DISK_SIZE, q->node.size);
	stbe64(p + SN_LENGTH + SN_ICOUNT, UINT64_MAX); /* not said */
	memcpy(p + SN_LENGTH + SN_EXTRA, id, idn);
	memcpy(p + SN_LENGTH + SN_EXTRA + idn, name, namen);
	return p;
}

static int create(struct qcow2 *q, const struct table *t, const char *name, u64 date, u64 clock, struct block_snapshot *out,
		  struct error *e)
{
	struct qcow2_change c = { .more = { q->l1, q->l1_size }, .l1 = q->l1, .l1_size = q->l1_size, .size = q->node.size, .copy = true };
	const char *what = NULL;
	char id[32];
	u8 *entry;
	size_t len;
	int rc;

	if (t->n >= SN_MAX)
		return error_set(e, -E2BIG, "%.300s: it has %u snapshots, and there is no room for more: qemu-img snapshot -d removes one",
				 q->name, t->n);
	snprintf(id, sizeof id, "%llu", (unsigned long long)free_id(q, t));
	entry = make_entry(q, id, name, date, clock, &len);
	c.snapshots_len = t->len + len;
	c.snapshots = entry ? malloc(c.snapshots_len) : NULL;
	if (!c.snapshots) {
		free(entry);
		return out_of_memory(q, e);
	}
	if (t->len)
		memcpy(c.snapshots, t->p, t->len);
	memcpy(c.snapshots + t->len, entry, len);
	c.nsnapshots = t->n + 1;
	c.copy_at = t->len + SN_L1_OFFSET;
	rc = qcow2_change(q, &c, &what);
	if (!rc)
		describe(q, &(struct entry){ entry, len }, out);
	free(c.snapshots);
	free(entry);
	return said(q, rc, what, "take", e);
}

int qcow2_snapshot_create(struct qcow2 *q, const char *name, u64 date, u64 clock, struct block_snapshot *out, struct error *e)
{
	struct table t;
	int rc;

	rw_wrlock(&q->lock);
	rc = table_read(q, &t, e);
	if (!rc)
		rc = create(q, &t, name, date, clock, out, e);
	table_free(&t);
	rw_wrunlock(&q->lock);
	return rc;
}

/* ---- going back to one, removing one ------------------------------------------------------------------------------ */

static int find(struct qcow2 *q, const struct table *t, const char *id, u32 *i, struct error *e)
{
	struct block_snapshot s;

	for (*i = 0; *i < t->n; ++*i) {
		describe(q, &t->e[*i], &s);
		if (!strcmp(s.id, id))
			return 0;
	}
	return error_set(e, -ENOENT, "%.300s has no snapshot %.40s", q->name, id);
}

/* Its L1 table, with room for room entries. */
static int read_l1(struct qcow2 *q, const struct entry *s, u32 room, u64 **out, struct error *e)
{
	u64 at = ldbe64(s->p + SN_L1_OFFSET), *l1;
	u32 n = ldbe32(s->p + SN_L1_SIZE), i;
	int rc;

	if (n > QCOW2_L1_MAX / 8)
		return damaged(q, e, "the size of an L1 table", n);
	if (n && (at & (q->cluster_size - 1) || at < q->cluster_size || at > q->file_end ||
		  (u64)n * 8 > ALIGN_UP(q->file_end, q->cluster_size) - at))
		return damaged(q, e, "the place of an L1 table", at);
	l1 = calloc((size_t)MAX(n, room) + 1, sizeof *l1);
	if (!l1)
		return out_of_memory(q, e);
	rc = n ? node_read(q->file, at, l1, 8 * (size_t)n) : 0;
	if (rc)
		error_set(e, rc, "%.300s: cannot read its snapshots: %s", q->name, strerror(-rc));
	for (i = 0; i < n; i++)
		l1[i] = ldbe64(&l1[i]);
	if (!rc)
		rc = qcow2_check_shared(q, "snapshot's L1 table", l1, n, e);
	if (rc)
		free(l1);
	else
		*out = l1;
	return rc;
}

static int apply(struct qcow2 *q, const struct table *t, const struct entry *s, struct error *e)
{
	u32 bits = q->cluster_bits + q->l2_bits, n = ldbe32(s->p + SN_L1_SIZE);
	struct qcow2_change c = { .less = { q->l1, q->l1_size }, .snapshots = t->p, .snapshots_len = t->len, .nsnapshots = t->n };
	struct block_snapshot about;
	const char *what = NULL;
	u64 need, *l1;
	int rc;

	describe(q, s, &about);
	need = about.bytes ? ((about.bytes - 1) >> bits) + 1 : 0;
	if (about.bytes > (u64)INT64_MAX || need > QCOW2_L1_MAX / 8)
		return damaged(q, e, "the size of the disk in one", about.bytes);
	rc = read_l1(q, s, (u32)need, &l1, e);
	if (rc)
		return rc;
	c.more = (struct qcow2_tree){ l1, n };
	c.l1 = l1;
	c.l1_size = MAX(n, (u32)need);
	c.size = about.bytes;
	rc = qcow2_change(q, &c, &what);
	free(l1);
	return said(q, rc, what, "go back to", e);
}

static int delete(struct qcow2 *q, const struct table *t, u32 i, struct error *e)
{
	const struct entry *s = &t->e[i];
	struct qcow2_change c = { .l1 = q->l1, .l1_size = q->l1_size, .size = q->node.size, .nsnapshots = t->n - 1 };
	size_t at = (size_t)(s->p - t->p);
	const char *what = NULL;
	u64 *l1;
	int rc = read_l1(q, s, 0, &l1, e);

	if (rc)
		return rc;
	c.less = (struct qcow2_tree){ l1, ldbe32(s->p + SN_L1_SIZE) };
	c.drop = ldbe64(s->p + SN_L1_OFFSET);
	c.drop_len = (u64)c.less.n * 8;
	c.snapshots_len = t->len - s->len;
	c.snapshots = malloc(c.snapshots_len + 1);
	if (c.snapshots) {
		memcpy(c.snapshots, t->p, at);
		memcpy(c.snapshots + at, s->p + s->len, t->len - at - s->len);
		rc = qcow2_change(q, &c, &what);
	} else {
		rc = -ENOMEM;
	}
	free(c.snapshots);
	free(l1);
	return said(q, rc, what, "remove", e);
}

static int with(struct qcow2 *q, const char *id, bool back, struct error *e)
{
	struct table t;
	u32 i;
	int rc;

	rw_wrlock(&q->lock);
	rc = table_read(q, &t, e);
	if (!rc)
		rc = find(q, &t, id, &i, e);
	if (!rc)
		rc = back ? apply(q, &t, &t.e[i], e) : delete(q, &t, i, e);
	table_free(&t);
	rw_wrunlock(&q->lock);
	return rc;
}

int qcow2_snapshot_apply(struct qcow2 *q, const char *id, struct error *e)
{
	return with(q, id, true, e);
}

int qcow2_snapshot_delete(struct qcow2 *q, const char *id, struct error *e)
{
	return with(q, id, false, e);
}
