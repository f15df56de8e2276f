/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opening a qcow2 image: the header and its extensions (specification, "Header"), and a sentence for each thing that is
 * wrong with them or is not done here.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "hw/host/block/qcow2.h"

#define CACHE_BYTES (16u << 20) /* of each kind of table */

/* What is only looked at while opening. */
struct header {
	u8 *p; /* the first cluster */
	u64 backing_offset, incompatible, autoclear;
	u32 backing_size, crypt, length, rt_clusters;
	u32 features, nfeatures; /* where the table of feature names is */
	char backing_format[32];
	char data_file[256];
	char *backing_name;
};

bool qcow2_probe(const u8 *p, size_t n)
{
	return n >= 4 && ldbe32(p) == QCOW2_MAGIC;
}

/* Text out of the file, for a person. */
static void text_copy(char *to, size_t room, const u8 *from, size_t n)
{
	size_t i;

	for (i = 0; i < n && i + 1 < room && from[i]; i++)
		to[i] = from[i] >= 32 && from[i] < 127 ? (char)from[i] : '?';
	to[i] = 0;
}

static int damaged(const struct qcow2 *q, struct error *e, const char *what, u64 value)
{
	return error_set(e, -EINVAL, "%.300s is damaged or no qcow2 image: %s is %llu", q->name, what,
			 (unsigned long long)value);
}

static int read_header(struct qcow2 *q, struct header *h, struct error *e)
{
	u8 b[QH_V3_LENGTH + 8];
	int rc;

	if (q->file->size < QH_V2_LENGTH)
		return error_set(e, -EIO, "%.300s is truncated: %llu bytes are less than a qcow2 header", q->name,
				 (unsigned long long)q->file->size);
	rc = node_read(q->file, 0, b, sizeof b);
	if (rc)
		return error_set(e, rc, "%.300s: cannot read its header: %s", q->name, strerror(-rc));
	if (ldbe32(b) != QCOW2_MAGIC)
		return error_set(e, -EINVAL, "%.300s is no qcow2 image; leave format= out, or say what it is", q->name);
	q->version = ldbe32(b + QH_VERSION);
	if (q->version != 2 && q->version != 3)
		return error_set(e, -ENOTSUP,
				 "%.300s is a qcow image of version %u, and only 2 and 3 are known; qemu-img convert "
				 "makes one of those",
				 q->name, q->version);
	q->cluster_bits = ldbe32(b + QH_CLUSTER_BITS);
	if (q->cluster_bits < 9 || q->cluster_bits > 21)
		return damaged(q, e, "the number of its cluster bits", q->cluster_bits);
	q->cluster_size = BIT(q->cluster_bits);
	q->l2_bits = q->cluster_bits - 3;
	h->p = malloc((size_t)q->cluster_size);
	if (!h->p)
		return error_set(e, -ENOMEM, "%.300s: the host is out of memory", q->name);
	rc = node_read(q->file, 0, h->p, (size_t)q->cluster_size);
	if (rc)
		return error_set(e, rc, "%.300s: cannot read its header: %s", q->name, strerror(-rc));
	h->backing_offset = ldbe64(h->p + QH_BACKING_OFFSET);
	h->backing_size = ldbe32(h->p + QH_BACKING_SIZE);
	q->node.size = ldbe64(h->p + QH_SIZE);
	h->crypt = ldbe32(h->p + QH_CRYPT);
	q->l1_size = ldbe32(h->p + QH_L1_SIZE);
	q->l1_offset = ldbe64(h->p + QH_L1_OFFSET);
	q->rt_offset = ldbe64(h->p + QH_RT_OFFSET);
	h->rt_clusters = ldbe32(h->p + QH_RT_CLUSTERS);
	q->nsnapshots = ldbe32(h->p + QH_NB_SNAPSHOTS);
	q->snapshots_offset = ldbe64(h->p + QH_SNAPSHOTS_OFFSET);
	q->refcount_order = 4;
	h->length = QH_V2_LENGTH;
	if (q->version == 3) {
		if (q->file->size < QH_V3_LENGTH)
			return error_set(e, -EIO, "%.300s is truncated: %llu bytes are less than a qcow2 header", q->name,
					 (unsigned long long)q->file->size);
		h->incompatible = ldbe64(h->p + QH_INCOMPATIBLE);
		h->autoclear = ldbe64(h->p + QH_AUTOCLEAR);
		q->refcount_order = ldbe32(h->p + QH_REFCOUNT_ORDER);
		h->length = ldbe32(h->p + QH_HEADER_LENGTH);
		if (h->length < QH_V3_LENGTH || h->length > q->cluster_size || h->length & 7)
			return damaged(q, e, "the length of its header", h->length);
		if (h->length > QH_V3_LENGTH)
			q->compression = h->p[QH_COMPRESSION];
		q->extended = h->incompatible & QCOW2_INC_EXTENDED_L2;
		q->l2_bits = q->cluster_bits - qcow2_entry_bits(q);
		if (q->extended && q->cluster_bits < 14)
			return damaged(q, e, "the number of its cluster bits, with extended L2 entries,", q->cluster_bits);
	}
	return 0;
}

static int read_extensions(struct qcow2 *q, struct header *h, struct error *e)
{
	u64 end = q->cluster_size, at = h->length;

	if (h->backing_offset && h->backing_offset < end)
		end = h->backing_offset;
	while (at + 8 <= end) {
		u32 type = ldbe32(h->p + at), len = ldbe32(h->p + at + 4);

		at += 8;
		if (type == QCOW2_EXT_END)
			break;
		if (len > end - at)
			return damaged(q, e, "the length of a header extension", len);
		if (type == QCOW2_EXT_BACKING_FORMAT)
			text_copy(h->backing_format, sizeof h->backing_format, h->p + at, len);
		else if (type == QCOW2_EXT_DATA_FILE)
			text_copy(h->data_file, sizeof h->data_file, h->p + at, len);
		else if (type == QCOW2_EXT_FEATURES) {
			h->features = (u32)at;
			h->nfeatures = len / 48;
		}
		at += ALIGN_UP(len, 8);
	}
	return 0;
}

/* The image's own name for an incompatible feature, or "". */
static void feature_name(const struct header *h, u32 bit, char *name, size_t room)
{
	u32 i;

	*name = 0;
	for (i = 0; i < h->nfeatures; i++) {
		const u8 *p = h->p + h->features + 48 * (size_t)i;

		if (p[0] == 0 && p[1] == bit)
			text_copy(name, room, p + 2, 46);
	}
}

/* What is not done at all. */
static int check_features(struct qcow2 *q, const struct header *h, struct error *e)
{
	u64 known = QCOW2_INC_DIRTY | QCOW2_INC_CORRUPT | QCOW2_INC_COMPRESSION | QCOW2_INC_EXTENDED_L2 | QCOW2_INC_DATA_FILE;
	u64 unknown = h->incompatible & ~known;

	if (h->crypt)
		return error_set(
			e, -ENOTSUP,
			"%.300s is encrypted (%s), which is not done here; qemu-img convert can write it plain",
			q->name,
			h->crypt == 1   ? "AES"
			: h->crypt == 2 ? "LUKS"
					: "an unknown method");
	if (unknown) {
		u32 bit = (u32)__builtin_ctzll(unknown);
		char name[48];

		feature_name(h, bit, name, sizeof name);
		return error_set(e, -ENOTSUP,
				 "%.300s needs the incompatible feature bit %u%s%s%s, which is not known here; "
				 "qemu-img convert can write it without",
				 q->name, bit, *name ? " ('" : "", name, *name ? "')" : "");
	}
	if (q->compression > 1 || !!q->compression != !!(h->incompatible & QCOW2_INC_COMPRESSION))
		return error_set(e, -ENOTSUP,
				 "%.300s has compression type %u, and only 0 (zlib) and 1 (zstd) are known", q->name,
				 q->compression);
	return 0;
}

/* What is not done when it is to be written. */
static int check_writable(struct qcow2 *q, const struct header *h, struct error *e)
{
	if (!q->writable)
		return 0;
	if (h->incompatible & QCOW2_INC_CORRUPT)
		return error_set(
			e, -EROFS,
			"%.300s is marked corrupt: it can be read (readonly=on); qemu-img check -r all may repair it",
			q->name);
	if (h->incompatible & QCOW2_INC_DIRTY)
		return error_set(e, -EROFS,
				 "%.300s is marked dirty: its refcounts were not written when it was last used; "
				 "qemu-img check -r all repairs them, readonly=on needs none",
				 q->name);
	return 0;
}

static int check_table(struct qcow2 *q, const char *what, u64 off, u64 bytes, struct error *e)
{
	if (off & (q->cluster_size - 1) || off > (u64)INT64_MAX / 2)
		return error_set(e, -EINVAL, "%.300s is damaged: its %s is at %llu, which is no cluster", q->name, what,
				 (unsigned long long)off);
	if (bytes && off < q->cluster_size)
		return error_set(e, -EINVAL, "%.300s is damaged: its %s is over the header", q->name, what);
	if (bytes && off + bytes > q->file_end)
		return error_set(e, -EIO,
				 "%.300s is truncated: its %s ends at byte %llu, but the file ends at %llu; get the "
				 "whole of it again",
				 q->name, what, (unsigned long long)(off + bytes), (unsigned long long)q->file_end);
	return 0;
}

static int check_sizes(struct qcow2 *q, const struct header *h, struct error *e)
{
	u32 bits = q->cluster_bits + q->l2_bits;
	u64 need = q->node.size ? ((q->node.size - 1) >> bits) + 1 : 0,
	    rt_bytes = (u64)h->rt_clusters << q->cluster_bits;
	int rc;

	if (q->refcount_order > 6)
		return damaged(q, e, "the order of its refcounts", q->refcount_order);
	if (q->node.size > (u64)INT64_MAX)
		return damaged(q, e, "its size in bytes", q->node.size);
	if ((u64)q->l1_size * 8 > QCOW2_L1_MAX)
		return damaged(q, e, "the size of its L1 table", q->l1_size);
	if (need > q->l1_size)
		return error_set(e, -EINVAL, "%.300s is damaged: its L1 table has %u entries, and %llu bytes need %llu",
				 q->name, q->l1_size, (unsigned long long)q->node.size, (unsigned long long)need);
	if (rt_bytes > QCOW2_RT_MAX || (!rt_bytes && q->writable))
		return damaged(q, e, "the number of clusters of its refcount table", h->rt_clusters);
	if (q->nsnapshots > 65536)
		return damaged(q, e, "the number of its snapshots", q->nsnapshots);
	rc = check_table(q, "L1 table", q->l1_offset, (u64)q->l1_size * 8, e);
	if (!rc)
		rc = check_table(q, "refcount table", q->rt_offset, rt_bytes, e);
	if (!rc && q->nsnapshots)
		rc = check_table(q, "snapshot table", q->snapshots_offset, (u64)q->nsnapshots * 40, e);
	if (rc)
		return rc;
	if (h->backing_offset &&
	    (h->backing_size > 1023 || !h->backing_size || h->backing_offset > q->cluster_size - h->backing_size))
		return damaged(q, e, "the length of its backing file's name", h->backing_size);
	q->rt_size = (u32)(rt_bytes / 8);
	return 0;
}

/* n big-endian entries at off, in host order; NULL when memory is short or the host's disk fails. */
static u64 *read_table(struct qcow2 *q, u64 off, u32 n, struct error *e)
{
	u64 *t = calloc((size_t)n + 1, sizeof *t);
	int rc = t ? node_read(q->file, off, t, 8 * (size_t)n) : -ENOMEM;
	u32 i;

	if (rc) {
		error_set(e, rc, "%.300s: cannot read its tables: %s", q->name, strerror(-rc));
		free(t);
		return NULL;
	}
	for (i = 0; i < n; i++)
		t[i] = ldbe64(&t[i]);
	return t;
}

static int open_backing(struct qcow2 *q, struct header *h, block_backing_fn *backing, void *opaque, struct error *e)
{
	int rc;

	if (!h->backing_offset || !backing)
		return 0;
	h->backing_name = malloc((size_t)h->backing_size + 1);
	if (!h->backing_name)
		return error_set(e, -ENOMEM, "%.300s: the host is out of memory", q->name);
	memcpy(h->backing_name, h->p + h->backing_offset, h->backing_size);
	h->backing_name[h->backing_size] = 0;
	rc = backing(opaque, q->name, h->backing_name, *h->backing_format ? h->backing_format : NULL, &q->backing, e);
	q->node.backing = q->backing;
	return rc;
}

static int open_data(struct qcow2 *q, struct header *h, block_backing_fn *data, void *opaque, struct error *e)
{
	struct block_node *n = NULL;
	int rc;

	if (!(h->incompatible & QCOW2_INC_DATA_FILE))
		return 0;
	if (q->nsnapshots || !*h->data_file || !data)
		return error_set(e, -EINVAL, "%.200s keeps its data in an external data file, and %s", q->name,
				 q->nsnapshots ? "has snapshots, which cannot be" : "does not say in which");
	rc = data(opaque, q->name, h->data_file, NULL, &n, e);
	if (rc)
		return rc;
	q->data = n;
	q->raw_data = h->autoclear & QCOW2_AUTO_RAW_DATA;
	q->node.sector = MAX(q->node.sector, n->sector);
	if (q->raw_data && h->backing_offset)
		return error_set(e, -EINVAL, "%.200s has a raw data file and a backing file, which cannot be", q->name);
	return 0;
}

static int open_image(struct qcow2 *q, struct header *h, block_backing_fn *backing, block_backing_fn *data, void *opaque,
		      struct error *e)
{
	u8 left[8];
	int rc = node_quit(&q->node, e);

	if (!rc)
		rc = read_header(q, h, e);
	if (!rc)
		rc = read_extensions(q, h, e);
	if (!rc)
		rc = check_features(q, h, e);
	if (!rc)
		rc = check_writable(q, h, e);
	if (!rc)
		rc = check_sizes(q, h, e);
	if (rc)
		return rc;
	q->l1 = read_table(q, q->l1_offset, q->l1_size, e);
	if (!q->l1)
		return -EIO;
	q->rt = read_table(q, q->rt_offset, q->rt_size, e);
	if (!q->rt)
		return -EIO;
	rc = open_data(q, h, data, opaque, e);
	if (!rc)
		rc = qcow2_check_truncated(q, e);
	if (!rc)
		rc = open_backing(q, h, backing, opaque, e);
	/* Whoever writes without knowing what these bits are about says so by clearing them. */
	stbe64(left, q->raw_data ? QCOW2_AUTO_RAW_DATA : 0);
	if (!rc && q->writable && h->autoclear != ldbe64(left)) {
		rc = node_write(q->file, QH_AUTOCLEAR, left, sizeof left);
		if (!rc)
			rc = qcow2_sync(q);
		if (rc)
			error_set(e, rc, "%.300s: cannot write its header: %s", q->name, strerror(-rc));
	}
	return rc;
}

/*
 * A flush failed: nobody knows what of the image is on the disk, and nothing more was written to it since. Yet what the guest was
 * told is there is in the file as long as the host holds it: its tables go out too, and the image is marked dirty, so that whoever
 * writes to it next counts its clusters anew.
 */
static int write_last_words(struct qcow2 *q)
{
	u8 b[8];
	int rc = 0;

	q->file->last_words = true;
	q->npending = 0;
	if (q->version >= 3) {
		rc = node_read(q->file, QH_INCOMPATIBLE, b, sizeof b);
		b[7] |= (u8)QCOW2_INC_DIRTY;
		rc = rc ? rc : node_write(q->file, QH_INCOMPATIBLE, b, sizeof b);
	}
	/* Of what was written before, too, the host may have dropped some. */
	qcow2_all_dirty(q);
	return rc ? rc : qcow2_write_out(q);
}

static void write_changes(struct qcow2 *q)
{
	int rc = qcow2_is_broken(q) && q->lost ? -EIO : qcow2_write_out(q);

	if (!rc)
		rc = qcow2_sync(q);
	if (!rc)
		return;
	if (q->lost && !qcow2_is_broken(q) && !write_last_words(q)) {
		if (!q->node.quiet)
			msg_warn("%.300s: its last changes may not all be on the host's disk; qemu-img check -r all, before it is used again",
				 q->name);
	} else if (!q->node.quiet) {
		msg_warn("%.300s: cannot write the last changes: %s", q->name, strerror(-rc));
	}
}

static void qcow2_close(struct block_node *n)
{
	struct qcow2 *q = qcow2_of(n);

	if (q->writable && q->l1)
		write_changes(q);
	qcow2_cache_free(&q->l2);
	qcow2_cache_free(&q->refcounts);
	node_close(q->backing);
	if (q->data != q->file)
		node_close(q->data);
	node_close(q->file);
	free(q->pending);
	free(q->last);
	free(q->l1);
	free(q->rt);
	free(q->name);
	os_mutex_destroy(&q->cache_lock);
	os_mutex_destroy(&q->last_lock);
	rw_free(&q->lock);
	free(q);
}

static void qcow2_hold(struct block_node *n, bool on)
{
	struct qcow2 *q = qcow2_of(n);

	node_hold(q->file, on);
	if (q->data != q->file)
		node_hold(q->data, on);
	node_hold(q->backing, on);
}

static const struct block_node_ops qcow2_ops = {
	"qcow2", qcow2_read, qcow2_write, qcow2_flush, qcow2_zero, qcow2_discard, qcow2_resize, qcow2_close, qcow2_hold,
};

struct qcow2 *qcow2_find(struct block_node *n)
{
	return n->ops == &qcow2_ops ? qcow2_of(n) : NULL;
}

int qcow2_open(struct block_node *file, bool readonly, block_backing_fn *backing, block_backing_fn *data, void *opaque,
	       struct block_node **out, struct error *e)
{
	struct qcow2 *q = calloc(1, sizeof *q);
	char *name = strdup(file->name);
	struct header h;
	int rc;

	memset(&h, 0, sizeof h);
	if (!q || !name) {
		free(q);
		free(name);
		node_close(file);
		return error_set(e, -ENOMEM, "the host is out of memory");
	}
	q->file = q->data = file;
	q->node.ops = &qcow2_ops;
	q->node.name = q->name = name;
	q->node.sector = file->sector;
	q->node.readonly = readonly;
	q->node.nosync = file->nosync;
	q->node.remote = file->remote;
	q->node.quiet = file->quiet;
	q->node.stop = file->stop;
	q->writable = !readonly;
	q->file_end = file->size;
	rw_init(&q->lock);
	os_mutex_init(&q->cache_lock);
	os_mutex_init(&q->last_lock);
	rc = open_image(q, &h, backing, data, opaque, e);
	free(h.p);
	free(h.backing_name);
	if (rc) {
		q->writable = false;
		qcow2_close(&q->node);
		return rc;
	}
	q->hint = 1;
	q->l2.max = q->refcounts.max = MAX(MIN(CACHE_BYTES >> q->cluster_bits, 1024), 8);
	*out = &q->node;
	return 0;
}
