/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tables of a qcow2 image in memory, and the order in which they go out (specification, "Cluster mapping" and "Host
 * cluster management").
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hw/host/block/qcow2.h"

static struct qcow2_table **bucket(struct qcow2 *q, struct qcow2_cache *c, u64 offset)
{
	return &c->hash[(offset >> q->cluster_bits) % QCOW2_HASH];
}

/* Throws out the table that was not used for longest and has nothing to be written. */
static void make_room(struct qcow2 *q, struct qcow2_cache *c)
{
	struct qcow2_table **oldest = NULL, *t;
	u32 i;

	if (c->n < c->max)
		return;
	for (i = 0; i < QCOW2_HASH; i++) {
		struct qcow2_table **at;

		for (at = &c->hash[i]; *at; at = &(*at)->hash_next)
			if (!(*at)->dirty && (!oldest || (*at)->used < (*oldest)->used))
				oldest = at;
	}
	if (!oldest)
		return; /* a little over the limit, until the next writer brings changes out */
	t = *oldest;
	*oldest = t->hash_next;
	c->n--;
	free(t);
}

int qcow2_table_get(struct qcow2 *q, struct qcow2_cache *c, u64 offset, bool fresh, struct qcow2_table **out)
{
	struct qcow2_table **head = bucket(q, c, offset), *t;
	int rc = 0;

	for (t = *head; t; t = t->hash_next)
		if (t->offset == offset)
			break;
	if (!t) {
		make_room(q, c);
		t = malloc(sizeof *t + (size_t)q->cluster_size);
		if (!t)
			return -ENOMEM;
		t->offset = offset;
		t->dirty = false;
		if (!fresh)
			rc = node_read(q->file, offset, t->data, (size_t)q->cluster_size);
		if (rc) {
			free(t);
			return rc;
		}
		t->hash_next = *head;
		*head = t;
		c->n++;
	}
	if (fresh)
		memset(t->data, 0, (size_t)q->cluster_size);
	t->used = ++c->clock;
	*out = t;
	return 0;
}

void qcow2_table_dirty(struct qcow2_cache *c, struct qcow2_table *t)
{
	if (!t->dirty)
		c->ndirty++;
	t->dirty = true;
}

void qcow2_table_forget(struct qcow2 *q, struct qcow2_cache *c, u64 offset)
{
	struct qcow2_table **at = bucket(q, c, offset), *t;

	while ((t = *at)) {
		if (t->offset != offset) {
			at = &t->hash_next;
			continue;
		}
		*at = t->hash_next;
		c->n--;
		c->ndirty -= t->dirty;
		free(t);
	}
}

void qcow2_cache_free(struct qcow2_cache *c)
{
	u32 i;

	for (i = 0; i < QCOW2_HASH; i++) {
		struct qcow2_table *t;

		while ((t = c->hash[i])) {
			c->hash[i] = t->hash_next;
			free(t);
		}
	}
	c->n = c->ndirty = 0;
}

int qcow2_sync(struct qcow2 *q)
{
	int rc = q->data != q->file ? q->data->ops->flush(q->data) : 0;

	if (!rc)
		rc = q->file->ops->flush(q->file);
	if (rc)
		__atomic_store_n(&q->lost, true, __ATOMIC_RELAXED);
	return q->file->last_words ? 0 : rc;
}

static int cache_write(struct qcow2 *q, struct qcow2_cache *c)
{
	u32 i;

	for (i = 0; c->ndirty && i < QCOW2_HASH; i++) {
		struct qcow2_table *t;

		for (t = c->hash[i]; t; t = t->hash_next) {
			int rc;

			if (!t->dirty)
				continue;
			rc = node_write(q->file, t->offset, t->data, (size_t)q->cluster_size);
			if (rc)
				return rc;
			t->dirty = false;
			c->ndirty--;
		}
	}
	return 0;
}

static void cache_all_dirty(struct qcow2_cache *c)
{
	struct qcow2_table *t;
	u32 i;

	for (i = 0; i < QCOW2_HASH; i++)
		for (t = c->hash[i]; t; t = t->hash_next)
			qcow2_table_dirty(c, t);
}

void qcow2_all_dirty(struct qcow2 *q)
{
	cache_all_dirty(&q->l2);
	cache_all_dirty(&q->refcounts);
	q->l1_dirty_from = q->rt_dirty_from = 0;
	q->l1_dirty_to = q->l1_size;
	q->rt_dirty_to = q->rt_size;
}

static void grow_range(u32 *from, u32 *to, u32 index)
{
	if (*from == *to) {
		*from = index;
		*to = index + 1;
	}
	*from = MIN(*from, index);
	*to = MAX(*to, index + 1);
}

void qcow2_l1_set(struct qcow2 *q, u32 index, u64 entry)
{
	q->l1[index] = entry;
	grow_range(&q->l1_dirty_from, &q->l1_dirty_to, index);
}

void qcow2_rt_set(struct qcow2 *q, u32 index, u64 entry)
{
	q->rt[index] = entry;
	grow_range(&q->rt_dirty_from, &q->rt_dirty_to, index);
}

/* Entries [*from, *to) of a table of the header; then nothing of it is dirty. */
static int range_write(struct qcow2 *q, u64 offset, const u64 *table, u32 *from, u32 *to)
{
	u8 bytes[4096];
	u32 i = *from;

	while (i < *to) {
		u32 k = MIN(*to - i, (u32)sizeof bytes / 8), j;
		int rc;

		for (j = 0; j < k; j++)
			stbe64(bytes + 8 * j, table[i + j]);
		rc = node_write(q->file, offset + 8 * (u64)i, bytes, 8 * (size_t)k);
		if (rc)
			return rc;
		i += k;
	}
	*from = *to = 0;
	return 0;
}

static int refcounts_out(struct qcow2 *q)
{
	int rc;

	if (!q->refcounts.ndirty && q->rt_dirty_from == q->rt_dirty_to)
		return 0;
	rc = cache_write(q, &q->refcounts);
	if (!rc && q->rt_dirty_from != q->rt_dirty_to) {
		/* A block of refcounts is there before the table says so. */
		rc = qcow2_sync(q);
		if (!rc)
			rc = range_write(q, q->rt_offset, q->rt, &q->rt_dirty_from, &q->rt_dirty_to);
	}
	return rc;
}

int qcow2_write_out(struct qcow2 *q)
{
	bool l1 = q->l1_dirty_from != q->l1_dirty_to;
	int rc;

	if (q->l2.ndirty || l1) {
		rc = refcounts_out(q);
		if (!rc)
			rc = qcow2_sync(q);
		if (!rc)
			rc = cache_write(q, &q->l2);
		if (!rc && l1)
			rc = qcow2_sync(q);
		if (!rc && l1)
			rc = range_write(q, q->l1_offset, q->l1, &q->l1_dirty_from, &q->l1_dirty_to);
		if (rc)
			return rc;
	}
	if (q->npending) {
		rc = qcow2_sync(q);
		if (!rc)
			rc = qcow2_free_pending(q);
		if (rc)
			return rc;
	}
	return refcounts_out(q);
}

int qcow2_write_out_if_full(struct qcow2 *q)
{
	u32 room = 4; /* tables that one step may change */

	if (q->l2.ndirty + room < q->l2.max && q->refcounts.ndirty + room < q->refcounts.max && q->npending < 4096)
		return 0;
	return qcow2_write_out(q);
}

int qcow2_broken(struct qcow2 *q, const char *what, u64 where)
{
	if (!qcow2_is_broken(q) && !q->node.quiet)
		msg_warn("%.300s: the image is damaged (%s at %llu); it takes no more writes. qemu-img check may "
			 "repair it",
			 q->name, what, (unsigned long long)where);
	__atomic_store_n(&q->broken, true, __ATOMIC_RELAXED);
	return -EIO;
}
