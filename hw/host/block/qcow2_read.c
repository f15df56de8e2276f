/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading qcow2: from an offset of the disk to bytes of the file, the backing file, or zeros (specification, "Cluster
 * mapping").
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hw/host/block/qcow2.h"

static int entry_kind(struct qcow2 *q, u64 entry, u64 bits, u32 sub, enum qcow2_kind *kind)
{
	/* In a file of its own a cluster may lie at 0. */
	bool place = entry & QCOW2_OFFSET || (q->data != q->file && entry & QCOW2_COPIED);
	bool data = bits >> sub & 1, zero = bits >> (32 + sub) & 1;

	if (entry & QCOW2_COMPRESSED) {
		*kind = QCOW2_MAP_PACKED;
		return q->data == q->file ? 0 : qcow2_broken(q, "a cluster is compressed in an external data file", entry & QCOW2_OFFSET);
	}
	if (entry & QCOW2_OFFSET & (q->cluster_size - 1))
		return qcow2_broken(q, "a cluster is not aligned", entry & QCOW2_OFFSET);
	if (q->extended) {
		if (data && (zero || !place))
			return qcow2_broken(q, "a part of a cluster is two things at once", entry & QCOW2_OFFSET);
		*kind = data ? QCOW2_MAP_DATA : zero ? QCOW2_MAP_ZERO : QCOW2_MAP_HOLE;
		return 0;
	}
	if (entry & QCOW2_ZERO && q->version < 3)
		return qcow2_broken(q, "a version 2 image has a zero cluster", entry & QCOW2_OFFSET);
	if (entry & QCOW2_ZERO)
		*kind = QCOW2_MAP_ZERO;
	else
		*kind = place ? QCOW2_MAP_DATA : QCOW2_MAP_HOLE;
	return 0;
}

/* What unit i of the table is. Units are clusters, or the 32 parts of each. */
static int unit_kind(struct qcow2 *q, const struct qcow2_table *t, u64 i, u64 *entry, enum qcow2_kind *kind)
{
	u32 per_bits = q->cluster_bits - qcow2_unit_bits(q);
	const u8 *p = t->data + ((i >> per_bits) << qcow2_entry_bits(q));

	*entry = ldbe64(p);
	return entry_kind(q, *entry, q->extended ? ldbe64(p + 8) : 0, (u32)(i & ((1u << per_bits) - 1)), kind);
}

static int map_table(struct qcow2 *q, const struct qcow2_table *t, u64 off, u64 len, struct qcow2_map *m)
{
	u32 unit_bits = qcow2_unit_bits(q);
	u64 unit = BIT(unit_bits), in_cluster = off & (q->cluster_size - 1), n = unit - (off & (unit - 1));
	u64 units = BIT(q->l2_bits + q->cluster_bits - unit_bits), i = (off >> unit_bits) & (units - 1);
	int rc = unit_kind(q, t, i, &m->entry, &m->kind);

	if (rc)
		return rc;
	m->copied = m->entry & QCOW2_COPIED;
	if (m->kind == QCOW2_MAP_DATA)
		m->host = (m->entry & QCOW2_OFFSET) + in_cluster;
	if (m->kind == QCOW2_MAP_PACKED)
		n = q->cluster_size - in_cluster;
	while (m->kind != QCOW2_MAP_PACKED && n < len && ++i < units) {
		enum qcow2_kind kind;
		u64 e;

		if (unit_kind(q, t, i, &e, &kind) || kind != m->kind || m->copied != !!(e & QCOW2_COPIED))
			break;
		if (kind == QCOW2_MAP_DATA && (e & QCOW2_OFFSET) + ((i << unit_bits) & (q->cluster_size - 1)) != m->host + n)
			break;
		n += unit;
	}
	m->len = MIN(n, len);
	return 0;
}

int qcow2_map(struct qcow2 *q, u64 off, u64 len, struct qcow2_map *m)
{
	u64 index = off >> (q->cluster_bits + q->l2_bits);
	u64 table_end = (index + 1) << (q->cluster_bits + q->l2_bits), l2;
	struct qcow2_table *t;
	int rc;

	memset(m, 0, sizeof *m);
	l2 = index < q->l1_size ? q->l1[index] & QCOW2_OFFSET : 0;
	if (!l2) {
		m->len = MIN(len, table_end - off);
		return 0;
	}
	os_mutex_lock(&q->cache_lock);
	/* Checked when the image was opened; our own are right. */
	rc = qcow2_table_get(q, &q->l2, l2, false, &t);
	if (!rc)
		rc = map_table(q, t, off, len, m);
	os_mutex_unlock(&q->cache_lock);
	m->copied = m->copied && q->l1[index] & QCOW2_COPIED;
	return rc;
}

static int read_backing(struct qcow2 *q, u64 off, const struct block_slice *s)
{
	u64 have = q->backing && off < q->backing->size ? MIN(s->len, q->backing->size - off) : 0;
	struct block_slice part = slice_cut(s, 0, have);
	int rc = have ? q->backing->ops->read(q->backing, off, &part) : 0;

	if (!rc && have < s->len) {
		part = slice_cut(s, have, s->len - have);
		slice_zero(&part);
	}
	return rc;
}

void qcow2_packed_place(const struct qcow2 *q, u64 entry, u64 *off, u64 *len)
{
	/* Specification, "Compressed Clusters Descriptor". */
	u32 x = 62 - (q->cluster_bits - 8);

	*off = entry & (BIT(x) - 1);
	*len = ((entry & (QCOW2_COMPRESSED - 1)) >> x) * 512 + 512 - (*off & 511);
}

static int read_packed(struct qcow2 *q, u64 off, u64 entry, const struct block_slice *s)
{
	u64 at, len;
	u8 *p;
	int rc = 0;

	qcow2_packed_place(q, entry, &at, &len);
	if (at >= q->file_end)
		return -EIO;
	os_mutex_lock(&q->last_lock);
	if (!q->last && !(q->last = malloc((size_t)q->cluster_size)))
		rc = -ENOMEM;
	if (!rc && q->last_entry != entry) {
		q->last_entry = 0;
		p = malloc((size_t)len);
		rc = p ? node_read(q->file, at, p, (size_t)len) : -ENOMEM;
		if (!rc)
			rc = qcow2_unpack(q, p, (size_t)len, q->last);
		free(p);
		if (!rc)
			q->last_entry = entry;
	}
	if (!rc)
		slice_put(s, q->last + (off & (q->cluster_size - 1)));
	os_mutex_unlock(&q->last_lock);
	return rc;
}

int qcow2_read_locked(struct qcow2 *q, u64 off, const struct block_slice *s)
{
	u64 done = 0;
	int rc = 0;

	while (!rc && done < s->len) {
		struct block_slice part;
		struct qcow2_map m;

		rc = qcow2_map(q, off + done, s->len - done, &m);
		if (rc)
			break;
		part = slice_cut(s, done, m.len);
		switch (m.kind) {
		case QCOW2_MAP_HOLE:
			rc = read_backing(q, off + done, &part);
			break;
		case QCOW2_MAP_ZERO:
			slice_zero(&part);
			break;
		case QCOW2_MAP_DATA:
			/* A file may end within its last cluster, not before one. */
			if (q->data == q->file && m.host + m.len > ALIGN_UP(q->file_end, q->cluster_size))
				rc = -EIO;
			else
				rc = q->data->ops->read(q->data, m.host, &part);
			break;
		case QCOW2_MAP_PACKED:
			rc = read_packed(q, off + done, m.entry, &part);
			break;
		}
		done += m.len;
	}
	return rc;
}

int qcow2_read(struct block_node *n, u64 off, const struct block_slice *s)
{
	struct qcow2 *q = qcow2_of(n);
	int rc;

	rw_rdlock(&q->lock);
	rc = qcow2_read_locked(q, off, s);
	rw_rdunlock(&q->lock);
	return rc;
}
