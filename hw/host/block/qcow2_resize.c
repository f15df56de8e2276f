/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Growing a qcow2 image. Left out: shrinking, and version 2 images with snapshots, which do not know their own size.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hw/host/block/qcow2.h"

static u64 l1_needed(const struct qcow2 *q, u64 size)
{
	u32 bits = q->cluster_bits + q->l2_bits;

	return size ? ((size - 1) >> bits) + 1 : 0;
}

/* A larger L1 table and the new size, in one write of the header. */
static int grow_l1(struct qcow2 *q, u64 size, u64 entries)
{
	u64 bytes = ALIGN_UP(entries * 8, q->cluster_size), first, i;
	u64 old_offset = q->l1_offset, old_n = DIV_UP((u64)q->l1_size * 8, q->cluster_size);
	u64 *l1 = calloc((size_t)entries, sizeof *l1);
	u8 *p = calloc(1, (size_t)bytes), head[24];
	int rc = l1 && p ? qcow2_alloc_row(q, bytes >> q->cluster_bits, &first) : -ENOMEM;

	if (rc) {
		free(l1);
		free(p);
		return rc;
	}
	q->file_end = MAX(q->file_end, (first << q->cluster_bits) + bytes);
	rc = qcow2_write_out(q); /* the refcounts, and what the old table was to get */
	for (i = 0; i < q->l1_size; i++) {
		l1[i] = q->l1[i];
		stbe64(p + 8 * i, l1[i]);
	}
	if (!rc)
		rc = node_write(q->file, first << q->cluster_bits, p, (size_t)bytes);
	if (!rc)
		rc = qcow2_sync(q);
	free(p);
	if (rc) {
		qcow2_alloc_undo(q, first, bytes >> q->cluster_bits);
		free(l1);
		return rc;
	}
	stbe64(head, size);
	stbe32(head + 8, 0); /* no encryption */
	stbe32(head + 12, (u32)entries);
	stbe64(head + 16, first << q->cluster_bits);
	rc = node_write(q->file, QH_SIZE, head, sizeof head);
	if (!rc)
		rc = qcow2_sync(q);
	if (rc) {
		__atomic_store_n(&q->broken, true, __ATOMIC_RELAXED); /* nobody knows which table the header has now */
		free(l1);
		return rc;
	}
	free(q->l1);
	q->l1 = l1;
	q->l1_size = (u32)entries;
	q->l1_offset = first << q->cluster_bits;
	qcow2_free_later(q, old_offset >> q->cluster_bits, old_n);
	return 0;
}

static int grow(struct qcow2 *q, u64 size)
{
	u64 entries = l1_needed(q, size);
	u8 be[8];
	int rc;

	if (qcow2_is_broken(q))
		return -EIO;
	if (entries > q->l1_size)
		return grow_l1(q, size, entries);
	stbe64(be, size);
	rc = node_write(q->file, QH_SIZE, be, sizeof be);
	return rc ? rc : qcow2_sync(q);
}

int qcow2_resize(struct block_node *n, u64 size, struct error *e)
{
	struct qcow2 *q = qcow2_of(n);
	u64 old = n->size;
	int rc;

	if (size < old)
		return error_set(e, -ENOTSUP, "%.300s: an image does not shrink", q->name);
	if (q->version < 3 && q->nsnapshots)
		return error_set(e, -ENOTSUP,
				 "%.300s: a version 2 image with snapshots cannot grow; qemu-img amend -o compat=1.1 "
				 "makes it version 3",
				 q->name);
	if (size > (u64)INT64_MAX || l1_needed(q, size) * 8 > QCOW2_L1_MAX)
		return error_set(e, -EFBIG, "%.300s: %llu bytes are too many for clusters of %llu", q->name,
				 (unsigned long long)size, (unsigned long long)q->cluster_size);
	rw_wrlock(&q->lock);
	rc = q->raw_data ? q->data->ops->resize(q->data, size, NULL) : 0;
	if (!rc)
		rc = grow(q, size);
	if (!rc)
		n->size = size;
	rw_wrunlock(&q->lock);
	/* What a longer backing file has there was never to be seen, nor is what follows the old end in its cluster. */
	if (!rc && q->backing && old < q->backing->size)
		rc = n->ops->zero(n, old, MIN(size, q->backing->size) - old, 0);
	if (!rc && old & (q->cluster_size - 1))
		rc = n->ops->zero(n, old, MIN(size, ALIGN_UP(old, q->cluster_size)) - old, 0);
	return rc ? error_set(e, rc, "%.300s: cannot grow: %s", q->name, strerror(-rc)) : 0;
}
