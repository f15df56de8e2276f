/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writing qcow2 (specification, "Cluster mapping"): in place when no snapshot shares the cluster, else into a new cluster with
 * the rest copied. Zeros and discards change only the table entry.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hw/host/block/qcow2.h"

static bool overlaps(u64 off, u64 len, u64 at, u64 n)
{
	return n && off < at + n && at < off + len;
}

/* Would these bytes of the file be the header or one of the tables it names? Only a damaged image maps data there. */
static bool hits_tables(const struct qcow2 *q, u64 off, u64 len)
{
	return off < q->cluster_size || overlaps(off, len, q->l1_offset, (u64)q->l1_size * 8) ||
	       overlaps(off, len, q->rt_offset, (u64)q->rt_size * 8) ||
	       (q->nsnapshots && overlaps(off, len, q->snapshots_offset, 1));
}

static int write_in_place(struct qcow2 *q, u64 off, const struct block_slice *s)
{
	if (q->data == q->file &&
	    (hits_tables(q, off, s->len) || off + s->len > ALIGN_UP(q->file_end, q->cluster_size))) {
		int rc;

		os_mutex_lock(&q->cache_lock);
		rc = qcow2_broken(q, "data lie over its tables or past its end", off);
		os_mutex_unlock(&q->cache_lock);
		return rc;
	}
	return q->data->ops->write(q->data, off, s);
}

/* What a shared table points at is shared. */
static void copy_table(const struct qcow2 *q, u8 *to, const u8 *from)
{
	size_t i;

	memcpy(to, from, (size_t)q->cluster_size);
	for (i = 0; i < q->cluster_size; i += (size_t)1 << qcow2_entry_bits(q)) {
		u64 entry = ldbe64(from + i);

		stbe64(to + i, entry & QCOW2_COMPRESSED ? entry : entry & ~QCOW2_COPIED);
	}
}

/* The L2 table for off, ours alone; its place in the file. */
static int l2_writable(struct qcow2 *q, u64 off, u64 *place)
{
	u64 index = off >> (q->cluster_bits + q->l2_bits), old, first, got;
	struct qcow2_table *t, *from;
	int rc;

	if (index >= q->l1_size)
		return -EIO;
	old = q->l1[index] & QCOW2_OFFSET;
	if (old && q->l1[index] & QCOW2_COPIED) {
		if (hits_tables(q, old, q->cluster_size))
			return qcow2_broken(q, "an L2 table lies over other tables", old);
		*place = old;
		return 0;
	}
	rc = qcow2_alloc(q, 1, &first, &got);
	if (rc)
		return rc;
	*place = first << q->cluster_bits;
	rc = qcow2_table_get(q, &q->l2, *place, true, &t);
	if (!rc && old) {
		/* Dirty first, so that it stays while the other comes in. */
		qcow2_table_dirty(&q->l2, t);
		rc = qcow2_table_get(q, &q->l2, old, false, &from);
		if (!rc)
			copy_table(q, t->data, from->data);
	}
	if (rc) {
		qcow2_table_forget(q, &q->l2, *place);
		qcow2_alloc_undo(q, first, 1);
		return rc;
	}
	qcow2_table_dirty(&q->l2, t);
	q->file_end = MAX(q->file_end, *place + q->cluster_size);
	qcow2_l1_set(q, (u32)index, *place | QCOW2_COPIED);
	if (old)
		qcow2_free_later(q, old >> q->cluster_bits, 1);
	return 0;
}

/* What an entry holds is let go. */
static void drop_entry(struct qcow2 *q, u64 entry)
{
	u64 off, len;

	if (q->data != q->file)
		return; /* nobody counts its clusters */
	if (entry & QCOW2_COMPRESSED) {
		qcow2_packed_place(q, entry, &off, &len);
		os_mutex_lock(&q->last_lock);
		q->last_entry = 0;
		os_mutex_unlock(&q->last_lock);
		qcow2_free_later(q, off >> q->cluster_bits,
				 ((off + len - 1) >> q->cluster_bits) - (off >> q->cluster_bits) + 1);
	} else if (entry & QCOW2_OFFSET) {
		qcow2_free_later(q, (entry & QCOW2_OFFSET) >> q->cluster_bits, 1);
	}
}

/* Puts entries for n clusters from off on; step is added from one to the next. bits: of extended ones. */
static int set_entries(struct qcow2 *q, u64 place, u64 off, u64 n, u64 entry, u64 step, u64 bits)
{
	u32 i = (u32)(off >> q->cluster_bits) & ((1u << q->l2_bits) - 1);
	struct qcow2_table *t;
	int rc = qcow2_table_get(q, &q->l2, place, false, &t);

	if (rc)
		return rc;
	for (; n--; i++, entry += step) {
		u8 *p = t->data + ((size_t)i << qcow2_entry_bits(q));
		u64 old = ldbe64(p);

		if (q->extended)
			stbe64(p + 8, bits);
		if (old == entry)
			continue;
		stbe64(p, entry);
		drop_entry(q, old);
	}
	qcow2_table_dirty(&q->l2, t);
	return 0;
}

/* The bytes [from, from + len) of the disk as they are now go to the file at host. */
static int copy_over(struct qcow2 *q, u64 from, u64 len, u64 host)
{
	u8 *p;
	struct block_vec v;
	struct block_slice s = { &v, 1, 0, len };
	int rc;

	if (!len)
		return 0;
	p = malloc((size_t)len);
	if (!p)
		return -ENOMEM;
	v = (struct block_vec){ p, (size_t)len };
	rc = qcow2_read_locked(q, from, &s);
	if (!rc)
		rc = q->data->ops->write(q->data, host, &s);
	free(p);
	return rc;
}

/* True when [off, off + len) reads as zeros for certain. */
static bool is_zero(struct qcow2 *q, u64 off, u64 len)
{
	while (len) {
		struct qcow2_map m;

		if (qcow2_map(q, off, len, &m))
			return false;
		if (m.kind != QCOW2_MAP_ZERO && (m.kind != QCOW2_MAP_HOLE || (q->backing && off < q->backing->size)))
			return false;
		off += m.len;
		len -= m.len;
	}
	return true;
}

/* Fills new clusters at host for [start, end): s at off, and around it what the disk has now. */
static int fill_new(struct qcow2 *q, u64 start, u64 end, u64 host, u64 off, const struct block_slice *s)
{
	u64 head = off - start, tail_at = off + s->len, tail = end - tail_at, host_end = host + (end - start);
	bool fresh = q->data == q->file && !q->file->fixed && host >= q->file_end;
	int rc = 0;

	/* Behind the end of the file there are zeros already, it need only be long enough. */
	if (fresh && (head || tail)) {
		if (q->file->ops->resize(q->file, host_end, NULL))
			fresh = false;
	}
	if (head && !(fresh && is_zero(q, start, head)))
		rc = copy_over(q, start, head, host);
	if (!rc)
		rc = q->data->ops->write(q->data, host + head, s);
	if (!rc && tail && !(fresh && is_zero(q, tail_at, tail)))
		rc = copy_over(q, tail_at, tail, host + head + s->len);
	/* After a failure too: a part may be there, and that is not zeros. */
	if (q->data == q->file)
		q->file_end = MAX(q->file_end, host_end);
	return rc;
}

/* Whether all of the cluster at off can be written where it is. */
static bool in_place(struct qcow2 *q, u64 off, int *rc)
{
	struct qcow2_map m;

	*rc = qcow2_map(q, off, q->cluster_size, &m);
	return !*rc && m.kind == QCOW2_MAP_DATA && m.copied && m.len == q->cluster_size;
}

/* Clusters for data from start on: *first, *got of them. In a file of its own they have their place. */
static int take_clusters(struct qcow2 *q, u64 start, u64 want, u64 *first, u64 *got)
{
	if (q->data == q->file)
		return qcow2_alloc(q, want, first, got);
	*first = start >> q->cluster_bits;
	*got = want;
	return qcow2_is_broken(q) ? -EIO : 0;
}

/* New clusters for the first part of s; *done is its length. Under the lock for writing. */
static int write_new(struct qcow2 *q, u64 off, const struct block_slice *s, u64 *done)
{
	u64 cs = q->cluster_size, start = ALIGN_DOWN(off, cs), end = start, stop = off + s->len;
	u64 table_end = ((off >> (q->cluster_bits + q->l2_bits)) + 1) << (q->cluster_bits + q->l2_bits);
	u64 place, first, got;
	struct block_slice part;
	int rc = qcow2_write_out_if_full(q);

	if (!rc)
		rc = l2_writable(q, off, &place);
	if (rc)
		return rc;
	/* This one, and as many more as cannot be written in place. */
	do
		end += cs;
	while (end < MIN(stop, table_end) && !in_place(q, end, &rc) && !rc);
	if (!rc)
		rc = take_clusters(q, start, (end - start) >> q->cluster_bits, &first, &got);
	if (rc)
		return rc;
	end = start + (got << q->cluster_bits);
	part = slice_cut(s, 0, MIN(stop, end) - off);
	rc = fill_new(q, start, end, first << q->cluster_bits, off, &part);
	if (!rc)
		rc = set_entries(q, place, start, got, first << q->cluster_bits | QCOW2_COPIED, cs, QCOW2_SUB_DATA);
	if (rc && q->data == q->file)
		qcow2_alloc_undo(q, first, got);
	*done = part.len;
	return rc;
}

int qcow2_write(struct block_node *n, u64 off, const struct block_slice *s)
{
	struct qcow2 *q = qcow2_of(n);
	u64 done = 0;
	int rc = 0;

	while (!rc && done < s->len) {
		struct block_slice part = slice_cut(s, done, s->len - done);
		u64 step = 0;
		struct qcow2_map m;

		rw_rdlock(&q->lock);
		rc = qcow2_is_broken(q) ? -EIO : qcow2_map(q, off + done, part.len, &m);
		if (!rc && m.kind == QCOW2_MAP_DATA && m.copied) {
			step = part.len = m.len;
			rc = write_in_place(q, m.host, &part);
		}
		rw_rdunlock(&q->lock);
		if (!rc && !step) {
			rw_wrlock(&q->lock);
			/* Another may have been faster. */
			rc = qcow2_map(q, off + done, part.len, &m);
			if (!rc && m.kind == QCOW2_MAP_DATA && m.copied) {
				step = part.len = m.len;
				rc = write_in_place(q, m.host, &part);
			} else if (!rc) {
				rc = write_new(q, off + done, &part, &step);
			}
			rw_wrunlock(&q->lock);
		}
		done += step;
	}
	return rc;
}

int qcow2_flush(struct block_node *n)
{
	struct qcow2 *q = qcow2_of(n);
	int rc;

	if (!q->writable)
		return 0;
	rw_rdlock(&q->lock);
	if (!q->l2.ndirty && !q->refcounts.ndirty && q->l1_dirty_from == q->l1_dirty_to && !q->npending) {
		rc = qcow2_sync(q);
		rw_rdunlock(&q->lock);
		return rc;
	}
	rw_rdunlock(&q->lock);
	rw_wrlock(&q->lock);
	rc = qcow2_write_out(q);
	if (!rc)
		rc = qcow2_sync(q);
	rw_wrunlock(&q->lock);
	return rc;
}

/* Whole clusters of one L2 table get an entry without data. Under the lock for writing. */
static int zero_clusters(struct qcow2 *q, u64 off, u64 n)
{
	bool behind = q->backing && off < q->backing->size;
	u64 place;
	int rc = qcow2_is_broken(q) ? -EIO : qcow2_write_out_if_full(q);

	if (rc || is_zero(q, off, n << q->cluster_bits))
		return rc;
	rc = l2_writable(q, off, &place);
	return rc ? rc : set_entries(q, place, off, n, behind && !q->extended ? QCOW2_ZERO : 0, 0, behind ? QCOW2_SUB_ZERO : 0);
}

static int zero_range(struct qcow2 *q, u64 first, u64 last)
{
	int rc = 0;

	while (!rc && first < last) {
		u64 table_end = ((first >> (q->cluster_bits + q->l2_bits)) + 1) << (q->cluster_bits + q->l2_bits);
		u64 end = MIN(last, table_end);

		rw_wrlock(&q->lock);
		rc = zero_clusters(q, first, (end - first) >> q->cluster_bits);
		rw_wrunlock(&q->lock);
		first = end;
	}
	return rc;
}

/* The whole clusters within a range; the last one of the disk may be cut short. */
static void whole_clusters(const struct qcow2 *q, u64 off, u64 len, u64 *first, u64 *last)
{
	*first = ALIGN_UP(off, q->cluster_size);
	*last = off + len == q->node.size ? ALIGN_UP(off + len, q->cluster_size)
					  : ALIGN_DOWN(off + len, q->cluster_size);
}

int qcow2_zero(struct block_node *n, u64 off, u64 len, u32 flags)
{
	struct qcow2 *q = qcow2_of(n);
	u64 end = off + len, first, last;
	int rc = 0;

	whole_clusters(q, off, len, &first, &last);
	/* Version 2 has no zero clusters to hide a backing file with. */
	if (first >= last || (q->version < 3 && q->backing) || q->raw_data)
		return node_write_zeros(n, off, len);
	if (off < first)
		rc = node_write_zeros(n, off, first - off);
	if (!rc && last < end)
		rc = node_write_zeros(n, last, end - last);
	return rc ? rc : zero_range(q, first, last);
}

int qcow2_discard(struct block_node *n, u64 off, u64 len)
{
	struct qcow2 *q = qcow2_of(n);
	u64 first, last;

	whole_clusters(q, off, len, &first, &last);
	if (first >= last || (q->version < 3 && q->backing) || q->raw_data)
		return 0;
	return zero_range(q, first, last);
}
