/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A look at a qcow2 image when it is opened: is all there that its tables point at, and does each stand once? The work has a
 * bound, whatever the image says. Left out: what qemu-img check does beyond that.
 */
#include <errno.h>
#include <stdlib.h>

#include "hw/host/block/qcow2.h"

/* Of L2 tables read here, at most: an image whose tables are larger is believed, and a read of what is not there fails. */
#define SCAN_MAX (64u << 20)

static int cut_off(struct qcow2 *q, const char *what, u64 at, struct error *e)
{
	return error_set(e, -EIO,
			 "%.300s is truncated: %s at byte %llu, but the file ends at %llu; get the whole of it again",
			 q->name, what, (unsigned long long)at, (unsigned long long)q->file_end);
}

static int scan_l2(struct qcow2 *q, u64 l2, u8 *p, struct error *e)
{
	int rc = node_read(q->file, l2, p, (size_t)q->cluster_size);
	size_t i;

	if (rc)
		return error_set(e, rc, "%.300s: cannot read its tables", q->name);
	for (i = 0; i < q->cluster_size && q->data == q->file; i += (size_t)1 << qcow2_entry_bits(q)) {
		u64 entry = ldbe64(p + i), at = entry & QCOW2_OFFSET, len;

		if (entry & QCOW2_COMPRESSED)
			qcow2_packed_place(q, entry, &at, &len);
		else if (q->extended ? !(ldbe64(p + i + 8) & QCOW2_SUB_DATA) : !!(entry & QCOW2_ZERO))
			continue;
		if (at >= q->file_end)
			return cut_off(q, "there are data", at, e);
	}
	return 0;
}

static int compare(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

/* A write through one of them would change the other, too. */
int qcow2_check_shared(struct qcow2 *q, const char *what, const u64 *entries, u32 n, struct error *e)
{
	u64 *sorted = malloc(((size_t)n + 1) * sizeof *sorted);
	u32 i, k = 0;
	int rc = 0;

	if (!sorted)
		return error_set(e, -ENOMEM, "%.300s: the host is out of memory", q->name);
	for (i = 0; i < n; i++)
		if (entries[i] & QCOW2_OFFSET)
			sorted[k++] = entries[i] & QCOW2_OFFSET;
	qsort(sorted, k, sizeof *sorted, compare);
	for (i = 1; i < k && !rc; i++)
		if (sorted[i] == sorted[i - 1])
			rc = error_set(e, -EIO, "%.300s is damaged: two entries of its %s name the table at %llu; try qemu-img check -r",
				       q->name, what, (unsigned long long)sorted[i]);
	free(sorted);
	return rc;
}

int qcow2_check_truncated(struct qcow2 *q, struct error *e)
{
	u64 last, at, scanned = 0;
	u8 *p;
	u32 i;
	int rc;

	for (i = 0; i < q->l1_size; i++) {
		at = q->l1[i] & QCOW2_OFFSET;
		if (at & (q->cluster_size - 1))
			return error_set(
				e, -EIO,
				"%.300s is damaged: L1 entry %u is %#llx, not a cluster; try qemu-img check -r",
				q->name, i, (unsigned long long)q->l1[i]);
		if (at && at + q->cluster_size > ALIGN_UP(q->file_end, q->cluster_size))
			return cut_off(q, "a table is", at, e);
	}
	rc = qcow2_check_shared(q, "L1 table", q->l1, q->l1_size, e);
	if (!rc && q->writable)
		rc = qcow2_check_shared(q, "refcount table", q->rt, q->rt_size, e);
	if (rc)
		return rc;
	/* The tables of a whole image need no reading: the refcounts say how far it goes. */
	rc = qcow2_last_in_use(q, &last);
	if (rc)
		return error_set(e, rc, "%.300s: cannot read its refcounts", q->name);
	if (last < DIV_UP(q->file_end, q->cluster_size))
		return 0;
	p = malloc((size_t)q->cluster_size);
	if (!p)
		return error_set(e, -ENOMEM, "%.300s: the host is out of memory", q->name);
	for (i = 0; !rc && i < q->l1_size && scanned < SCAN_MAX; i++) {
		at = q->l1[i] & QCOW2_OFFSET;
		if (!at)
			continue;
		scanned += q->cluster_size;
		rc = node_quit(&q->node, e);
		if (!rc)
			rc = scan_l2(q, at, p, e);
	}
	free(p);
	return rc;
}
