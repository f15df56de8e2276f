/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Snapshots inside of images, by the format of the image: qcow2.
 */
#include "hw/host/block/snapshots.h"

#include <errno.h>

#include "hw/host/block/qcow2.h"
#include "hw/host/block/queue.h"

bool block_snapshot_can(const struct block *b)
{
	const struct qcow2 *q = qcow2_find(b->node);

	/* A data file of its own has one version of each cluster; with refcounts of a bit no cluster is in two versions. */
	return q && q->writable && q->data == q->file && q->refcount_order;
}

static struct qcow2 *image_of(const struct block *b, struct error *e)
{
	if (block_snapshot_can(b))
		return qcow2_find(b->node);
	error_set(e, -ENOTSUP, "%.300s: there are no snapshots in such an image", b->spec);
	return NULL;
}

int block_snapshot_at(struct block *b, u32 i, struct block_snapshot *out, struct error *e)
{
	struct qcow2 *q = image_of(b, e);

	return q ? qcow2_snapshot_at(q, i, out, e) : -ENOTSUP;
}

int block_snapshot_find(struct block *b, block_snapshot_wanted *wanted, const void *opaque, struct block_snapshot *out, struct error *e)
{
	struct qcow2 *q = image_of(b, e);

	return q ? qcow2_snapshot_find(q, wanted, opaque, out, e) : -ENOTSUP;
}

int block_snapshot_create(struct block *b, const char *name, u64 date, u64 clock, struct block_snapshot *out, struct error *e)
{
	struct qcow2 *q = image_of(b, e);

	return q ? qcow2_snapshot_create(q, name, date, clock, out, e) : -ENOTSUP;
}

int block_snapshot_apply(struct block *b, const char *id, struct error *e)
{
	struct qcow2 *q = image_of(b, e);

	return q ? qcow2_snapshot_apply(q, id, e) : -ENOTSUP;
}

int block_snapshot_delete(struct block *b, const char *id, struct error *e)
{
	struct qcow2 *q = image_of(b, e);

	return q ? qcow2_snapshot_delete(q, id, e) : -ENOTSUP;
}
