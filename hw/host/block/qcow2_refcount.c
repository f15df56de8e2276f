/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Refcounts of a qcow2 image and the clusters they give out (specification, "Host cluster management"). Counts of any
 * width, 1 to 64 bits.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hw/host/block/qcow2.h"

u32 qcow2_refcount_bits(const struct qcow2 *q)
{
	return q->cluster_bits + 3 - q->refcount_order;
}

u64 qcow2_count_get(const struct qcow2 *q, const u8 *block, u64 i)
{
	switch (q->refcount_order) {
	case 3:
		return block[i];
	case 4:
		return ldbe16(block + 2 * i);
	case 5:
		return ldbe32(block + 4 * i);
	case 6:
		return ldbe64(block + 8 * i);
	default: { /* several in a byte, the first lowest */
		u32 width = 1u << q->refcount_order, per = 8 / width;

		return block[i / per] >> (i % per * width) & ((1u << width) - 1);
	}
	}
}

void qcow2_count_set(const struct qcow2 *q, u8 *block, u64 i, u64 v)
{
	switch (q->refcount_order) {
	case 3:
		block[i] = (u8)v;
		break;
	case 4:
		stbe16(block + 2 * i, (u16)v);
		break;
	case 5:
		stbe32(block + 4 * i, (u32)v);
		break;
	case 6:
		stbe64(block + 8 * i, v);
		break;
	default: {
		u32 width = 1u << q->refcount_order, per = 8 / width, shift = (u32)(i % per) * width;
		u32 mask = ((1u << width) - 1) << shift;

		block[i / per] = (u8)((block[i / per] & ~mask) | ((u32)v << shift & mask));
	}
	}
}

/* The block with cluster's count; *t is NULL when there is none: nothing there is in use. */
static int block_get(struct qcow2 *q, u64 cluster, struct qcow2_table **t)
{
	u64 index = cluster >> qcow2_refcount_bits(q), off;

	*t = NULL;
	if (index >= q->rt_size || !(off = q->rt[index]))
		return 0;
	if (off & (q->cluster_size - 1) || off & ~QCOW2_OFFSET)
		return qcow2_broken(q, "a block of refcounts is not aligned", off);
	if (off >= q->file_end)
		return qcow2_broken(q, "a block of refcounts is past the end", off);
	return qcow2_table_get(q, &q->refcounts, off, false, t);
}

static u64 in_block(const struct qcow2 *q, u64 cluster)
{
	return cluster & (BIT(qcow2_refcount_bits(q)) - 1);
}

int qcow2_refcount_get(struct qcow2 *q, u64 cluster, u64 *count)
{
	struct qcow2_table *t;
	int rc = block_get(q, cluster, &t);

	*count = !rc && t ? qcow2_count_get(q, t->data, in_block(q, cluster)) : 0;
	return rc;
}

/* A table twice as large, at the first clusters that the old one does not cover, with a block to cover itself. */
static int table_grow(struct qcow2 *q)
{
	u64 per = BIT(qcow2_refcount_bits(q)), start = (u64)q->rt_size << qcow2_refcount_bits(q);
	u64 old_clusters = (u64)q->rt_size * 8 >> q->cluster_bits, old_offset = q->rt_offset;
	u64 clusters = old_clusters * 2, blocks, i;
	u64 *rt;
	u8 *bytes, head[12];
	int rc = 0;

	/* Blocks count themselves and the table. */
	for (blocks = 1; blocks * per < clusters + blocks; blocks++)
		;
	while (clusters * q->cluster_size / 8 < q->rt_size + blocks)
		clusters++;
	for (; blocks * per < clusters + blocks; blocks++)
		;
	if (clusters << q->cluster_bits > QCOW2_RT_MAX || clusters * q->cluster_size / 8 < q->rt_size + blocks)
		return -EFBIG;
	if (q->file->fixed && (start + clusters + blocks) << q->cluster_bits > q->file->size)
		return -ENOSPC;
	q->file_end = MAX(q->file_end, (start + clusters + blocks) << q->cluster_bits);
	rt = calloc((size_t)(clusters << q->cluster_bits) / 8, sizeof *rt);
	bytes = malloc((size_t)(clusters << q->cluster_bits));
	if (!rt || !bytes) {
		free(rt);
		free(bytes);
		return -ENOMEM;
	}
	memcpy(rt, q->rt, q->rt_size * sizeof *rt);
	for (i = 0; !rc && i < blocks; i++) {
		u64 at = (start + clusters + i) << q->cluster_bits, k;

		memset(bytes, 0, (size_t)q->cluster_size);
		for (k = 0; k < per && i * per + k < clusters + blocks; k++)
			qcow2_count_set(q, bytes, k, 1);
		rt[q->rt_size + i] = at;
		rc = node_write(q->file, at, bytes, (size_t)q->cluster_size);
	}
	for (i = 0; i < (clusters << q->cluster_bits) / 8; i++)
		stbe64(bytes + 8 * i, rt[i]);
	if (!rc)
		rc = node_write(q->file, start << q->cluster_bits, bytes, (size_t)(clusters << q->cluster_bits));
	free(bytes);
	/* The new table has what the old one was still to get: those blocks go out first. */
	if (!rc)
		rc = qcow2_write_out(q);
	if (!rc)
		rc = qcow2_sync(q);
	if (!rc) {
		stbe64(head, start << q->cluster_bits);
		stbe32(head + 8, (u32)clusters);
		rc = node_write(q->file, QH_RT_OFFSET, head, sizeof head);
		if (!rc)
			rc = qcow2_sync(q);
		if (rc)
			__atomic_store_n(&q->broken, true,
					 __ATOMIC_RELAXED); /* nobody knows which table the header has now */
	}
	if (rc) {
		free(rt);
		return rc;
	}
	free(q->rt);
	q->rt = rt;
	q->rt_size = (u32)((clusters << q->cluster_bits) / 8);
	q->rt_offset = start << q->cluster_bits;
	qcow2_free_later(q, old_offset >> q->cluster_bits, old_clusters);
	return 0;
}

/* Makes the free cluster itself the block that counts it. */
static int block_new(struct qcow2 *q, u64 cluster)
{
	struct qcow2_table *t;
	int rc = qcow2_table_get(q, &q->refcounts, cluster << q->cluster_bits, true, &t);

	if (rc)
		return rc;
	qcow2_count_set(q, t->data, in_block(q, cluster), 1);
	qcow2_table_dirty(&q->refcounts, t);
	qcow2_rt_set(q, (u32)(cluster >> qcow2_refcount_bits(q)), cluster << q->cluster_bits);
	/* Its bytes come later; the file is long enough for it now, or reading it back would look like damage. */
	q->file_end = MAX(q->file_end, (cluster + 1) << q->cluster_bits);
	return 0;
}

/* Clusters looked at for a free one before the search goes on behind the end of the file. */
#define SEARCH_MAX ((u64)1 << 24)

/* A free cluster, and its block of refcounts. */
static int find_free(struct qcow2 *q, u64 limit, u64 *found, struct qcow2_table **t)
{
	u64 c = MAX(q->hint, 1), looked = 0, per = BIT(qcow2_refcount_bits(q));

	for (;;) {
		u64 end = q->file_end >> q->cluster_bits, i;
		int rc;

		if (looked > SEARCH_MAX && c < end)
			c = end;
		if (looked > 2 * SEARCH_MAX)
			return qcow2_broken(q, "clusters past the end are in use", c << q->cluster_bits);
		if (c >= limit)
			return -ENOSPC;
		if (c >> qcow2_refcount_bits(q) >= q->rt_size) {
			c = (u64)q->rt_size << qcow2_refcount_bits(q);
			rc = table_grow(q);
			if (rc)
				return rc;
		}
		rc = block_get(q, c, t);
		if (rc)
			return rc;
		if (!*t) {
			rc = block_new(q, c);
			if (rc)
				return rc;
			c++;
			continue;
		}
		for (i = in_block(q, c); i < per && c < limit; i++, c++, looked++)
			if (!qcow2_count_get(q, (*t)->data, i)) {
				*found = c;
				return 0;
			}
	}
}

int qcow2_alloc(struct qcow2 *q, u64 want, u64 *first, u64 *got)
{
	u64 c = 0, n, limit = q->file->fixed ? q->file->size >> q->cluster_bits : (QCOW2_OFFSET >> q->cluster_bits) + 1;
	struct qcow2_table *t = NULL;
	int rc;

	if (qcow2_is_broken(q))
		return -EIO;
	rc = find_free(q, limit, &c, &t);
	if (rc)
		return rc;
	for (n = 0; n < want && c + n < limit && (c ^ (c + n)) >> qcow2_refcount_bits(q) == 0; n++) {
		if (qcow2_count_get(q, t->data, in_block(q, c + n)))
			break;
		qcow2_count_set(q, t->data, in_block(q, c + n), 1);
	}
	qcow2_table_dirty(&q->refcounts, t);
	q->hint = c + n;
	*first = c;
	*got = n;
	return 0;
}

static int count_down(struct qcow2 *q, u64 cluster, u64 *left)
{
	struct qcow2_table *t;
	u64 count;
	int rc = block_get(q, cluster, &t);

	if (rc)
		return rc;
	count = t ? qcow2_count_get(q, t->data, in_block(q, cluster)) : 0;
	if (!count)
		return qcow2_broken(q, "a cluster in use has no refcount", cluster << q->cluster_bits);
	*left = count - 1;
	qcow2_count_set(q, t->data, in_block(q, cluster), *left);
	qcow2_table_dirty(&q->refcounts, t);
	if (!*left)
		q->hint = MIN(q->hint, cluster);
	return 0;
}

void qcow2_alloc_undo(struct qcow2 *q, u64 first, u64 n)
{
	u64 left;

	while (n--)
		if (count_down(q, first + n, &left))
			return;
}

/* A row behind everything in use, with the blocks that count it in front. */
static int row_at_end(struct qcow2 *q, u64 want, u64 *first)
{
	u64 per = BIT(qcow2_refcount_bits(q)), index, blocks, start, i;
	struct qcow2_table *t;
	int rc;

	for (blocks = 1; blocks * per < blocks + want; blocks++)
		;
	for (;;) {
		for (index = q->rt_size; index && !q->rt[index - 1]; index--)
			;
		if (index + blocks <= q->rt_size)
			break;
		rc = table_grow(q);
		if (rc)
			return rc;
	}
	start = index << qcow2_refcount_bits(q);
	if (q->file->fixed && (start + blocks + want) << q->cluster_bits > q->file->size)
		return -ENOSPC;
	for (i = 0; i < blocks; i++) {
		u64 k;

		rc = qcow2_table_get(q, &q->refcounts, (start + i) << q->cluster_bits, true, &t);
		if (rc)
			return rc;
		for (k = 0; k < per && i * per + k < blocks + want; k++)
			qcow2_count_set(q, t->data, k, 1);
		qcow2_table_dirty(&q->refcounts, t);
		qcow2_rt_set(q, (u32)(index + i), (start + i) << q->cluster_bits);
	}
	*first = start + blocks;
	q->file_end = MAX(q->file_end, (start + blocks + want) << q->cluster_bits);
	return 0;
}

int qcow2_alloc_row(struct qcow2 *q, u64 want, u64 *first)
{
	u64 got;
	int rc = qcow2_alloc(q, want, first, &got);

	if (rc || got == want)
		return rc;
	qcow2_alloc_undo(q, *first, got);
	return row_at_end(q, want, first);
}

void qcow2_free_later(struct qcow2 *q, u64 first, u64 n)
{
	struct qcow2_run *last = q->npending ? &q->pending[q->npending - 1] : NULL;

	if (last && last->first + last->n == first) {
		last->n += n;
		return;
	}
	if (q->npending == q->pending_cap) {
		u32 cap = q->pending_cap ? q->pending_cap * 2 : 64;
		struct qcow2_run *p = realloc(q->pending, cap * sizeof *p);

		if (!p)
			return; /* the clusters are lost to the image, no more */
		q->pending = p;
		q->pending_cap = cap;
	}
	q->pending[q->npending++] = (struct qcow2_run){ first, n };
}

int qcow2_free_pending(struct qcow2 *q)
{
	while (q->npending) {
		struct qcow2_run run = q->pending[--q->npending];
		u64 start = run.first, c;

		for (c = run.first; c < run.first + run.n; c++) {
			u64 left;

			/* Each run once, whatever happens; what a damaged image does not count cannot be dropped. */
			if (count_down(q, c, &left))
				left = 1;
			if (!left) {
				/* A table of that place is none any more. */
				qcow2_table_forget(q, &q->l2, c << q->cluster_bits);
				qcow2_table_forget(q, &q->refcounts, c << q->cluster_bits);
				continue;
			}
			if (start < c)
				q->file->ops->discard(q->file, start << q->cluster_bits,
						      (c - start) << q->cluster_bits);
			start = c + 1;
		}
		if (start < c)
			q->file->ops->discard(q->file, start << q->cluster_bits, (c - start) << q->cluster_bits);
	}
	return 0;
}

int qcow2_last_in_use(struct qcow2 *q, u64 *cluster)
{
	u64 per = BIT(qcow2_refcount_bits(q)), i = q->rt_size, k;
	u8 *p;
	int rc;

	*cluster = 0;
	while (i && !q->rt[i - 1])
		i--;
	if (!i-- || q->rt[i] & (q->cluster_size - 1) || q->rt[i] >= q->file_end)
		return 0;
	p = malloc((size_t)q->cluster_size);
	if (!p)
		return -ENOMEM;
	rc = node_read(q->file, q->rt[i], p, (size_t)q->cluster_size);
	for (k = per; !rc && k--;)
		if (qcow2_count_get(q, p, k)) {
			*cluster = (i << qcow2_refcount_bits(q)) + k;
			break;
		}
	free(p);
	return rc;
}
