/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2 images, versions 2 and 3 (QEMU docs/interop/qcow2.txt, "the specification"). Left out: encryption, dirty
 * bitmaps.
 *
 * Order of writes. Data go to the file at once; tables that change stay in memory, and qcow2_write_out() brings them out:
 * refcounts, a flush, L2 tables, a flush, the L1 table, a flush, and only then refcounts that went down. So whatever
 * instant the host dies at, no entry points at a cluster that is not counted or not yet written, and what is
 * lost at worst is the use of some clusters. After a flush that failed this order is worth nothing: no more is written, and at the
 * end all tables go out once more, with the image marked dirty. Internal snapshots come and go by qcow2_change.c.
 */
#ifndef HW_HOST_BLOCK_QCOW2_H
#define HW_HOST_BLOCK_QCOW2_H

#include "base/endian.h"
#include "hw/host/block/impl.h"
#include "hw/host/block/snapshots.h"

/* The header (specification, "Header"); numbers are big-endian. */
enum {
	QH_MAGIC = 0,
	QH_VERSION = 4,
	QH_BACKING_OFFSET = 8,
	QH_BACKING_SIZE = 16,
	QH_CLUSTER_BITS = 20,
	QH_SIZE = 24,
	QH_CRYPT = 32,
	QH_L1_SIZE = 36,
	QH_L1_OFFSET = 40,
	QH_RT_OFFSET = 48,
	QH_RT_CLUSTERS = 56,
	QH_NB_SNAPSHOTS = 60,
	QH_SNAPSHOTS_OFFSET = 64,
	QH_V2_LENGTH = 72,
	QH_INCOMPATIBLE = 72,
	QH_COMPATIBLE = 80,
	QH_AUTOCLEAR = 88,
	QH_REFCOUNT_ORDER = 96,
	QH_HEADER_LENGTH = 100,
	QH_V3_LENGTH = 104,
	QH_COMPRESSION = 104,
};

#define QCOW2_MAGIC 0x514649fbu
#define QCOW2_EXT_END 0u
#define QCOW2_EXT_BACKING_FORMAT 0xe2792acau
#define QCOW2_EXT_FEATURES 0x6803f857u
#define QCOW2_EXT_DATA_FILE 0x44415441u

#define QCOW2_INC_DIRTY BIT(0)
#define QCOW2_INC_CORRUPT BIT(1)
#define QCOW2_INC_DATA_FILE BIT(2)
#define QCOW2_INC_COMPRESSION BIT(3)
#define QCOW2_INC_EXTENDED_L2 BIT(4)

#define QCOW2_AUTO_RAW_DATA BIT(1)

#define QCOW2_COPIED BIT(63)     /* the refcount is exactly one: may be written in place */
#define QCOW2_COMPRESSED BIT(62) /* of L2 entries */
#define QCOW2_ZERO BIT(0)        /* of L2 entries, version 3 */
#define QCOW2_OFFSET 0x00fffffffffffe00ULL
/* Of the second half of an extended entry: every part of the cluster has data, or reads as zeros. */
#define QCOW2_SUB_DATA 0x00000000ffffffffULL
#define QCOW2_SUB_ZERO 0xffffffff00000000ULL

/* As QEMU has them. */
#define QCOW2_L1_MAX (32u << 20) /* bytes */
#define QCOW2_RT_MAX (8u << 20)

/* One table of the file: an L2 table or a block of refcounts, a cluster each, as in the file. */
struct qcow2_table {
	struct qcow2_table *hash_next;
	u64 offset; /* in the file */
	u64 used;   /* when, for throwing out the oldest */
	bool dirty;
	u8 data[];
};

#define QCOW2_HASH 256u

struct qcow2_cache {
	struct qcow2_table *hash[QCOW2_HASH];
	u32 n, max, ndirty;
	u64 clock;
};

struct qcow2_run {
	u64 first, n; /* clusters */
};

struct qcow2 {
	struct block_node node;
	struct block_node *file, *backing;
	struct block_node *data; /* where data clusters are: file, or a file of its own, in which each has the place it has on the disk */
	bool raw_data;           /* that can be read without the image: zeros are written to it, too */
	char *name;

	u32 version, cluster_bits, l2_bits, refcount_order, compression;
	bool extended; /* entries of L2 tables are 16 bytes: the second half says what each 32nd of a cluster is */
	u64 cluster_size;
	bool writable;

	struct block_rw lock;       /* read: map and use what is mapped; write: change any table */
	struct os_mutex cache_lock; /* under lock for reading: the caches and broken */

	u64 l1_offset;
	u32 l1_size; /* entries, also in memory */
	u64 *l1;     /* host order, with flags */
	u32 l1_dirty_from, l1_dirty_to;

	u64 rt_offset;
	u32 rt_size; /* entries, a whole number of clusters */
	u64 *rt;     /* host order */
	u32 rt_dirty_from, rt_dirty_to;
	u64 snapshots_offset;
	u64 snapshots_len; /* bytes, once qcow2_snapshot.c has read them */
	u32 nsnapshots;

	struct qcow2_cache l2, refcounts;
	u64 hint;                  /* no cluster before this one is free, nearly always */
	u64 file_end;              /* bytes of the file; what is beyond reads as zeros unless the file is fixed */
	struct qcow2_run *pending; /* references to drop once no table on the disk has them */
	u32 npending, pending_cap;
	bool broken; /* tables contradict each other: no more writes */
	bool lost;   /* a flush failed: what it should have brought to the disk may not be there */

	struct os_mutex last_lock; /* of the last cluster that was decompressed */
	u64 last_entry;
	u8 *last;
};

/* n as a qcow2 image; NULL: it is none. */
struct qcow2 *qcow2_find(struct block_node *n);

INLINE struct qcow2 *qcow2_of(struct block_node *n)
{
	return container_of(n, struct qcow2, node);
}

/* log2 of the bytes of an L2 entry, and of those that are all of one kind. */
INLINE u32 qcow2_entry_bits(const struct qcow2 *q)
{
	return q->extended ? 4 : 3;
}

INLINE u32 qcow2_unit_bits(const struct qcow2 *q)
{
	return q->extended ? q->cluster_bits - 5 : q->cluster_bits;
}

INLINE bool qcow2_is_broken(const struct qcow2 *q)
{
	return __atomic_load_n(&q->broken, __ATOMIC_RELAXED);
}

/* ---- qcow2_table.c ---- */

/*
 * The table at offset, out of the file when it is not in memory. Under the lock for writing, or cache_lock. It stays
 * where it is until the next call for the same cache. fresh: a new table of zeros, not read.
 */
int qcow2_table_get(struct qcow2 *q, struct qcow2_cache *c, u64 offset, bool fresh, struct qcow2_table **out);
void qcow2_table_dirty(struct qcow2_cache *c, struct qcow2_table *t);
/* Takes a table that is no longer one out of memory. */
void qcow2_table_forget(struct qcow2 *q, struct qcow2_cache *c, u64 offset);
void qcow2_cache_free(struct qcow2_cache *c);
/* Flushes what is below; q->lost remembers a failure. Any lock. */
int qcow2_sync(struct qcow2 *q);
/* Brings every change of a table to the file, in the order above. Under the lock for writing. */
int qcow2_write_out(struct qcow2 *q);
/* The same when the caches are nearly full of changes. */
int qcow2_write_out_if_full(struct qcow2 *q);
/* Every table in memory is to be written, changed or not. */
void qcow2_all_dirty(struct qcow2 *q);
void qcow2_l1_set(struct qcow2 *q, u32 index, u64 entry);
void qcow2_rt_set(struct qcow2 *q, u32 index, u64 entry);
/* Says once that the image is broken, and refuses writes from now on. Returns -EIO. */
int qcow2_broken(struct qcow2 *q, const char *what, u64 where);

/* ---- qcow2_refcount.c: all under the lock for writing ---- */

/* log2 of the counts in a block. */
u32 qcow2_refcount_bits(const struct qcow2 *q);
/* The i-th count of a block, as the file has it. */
u64 qcow2_count_get(const struct qcow2 *q, const u8 *block, u64 i);
void qcow2_count_set(const struct qcow2 *q, u8 *block, u64 i, u64 v);
int qcow2_refcount_get(struct qcow2 *q, u64 cluster, u64 *count);
/* Takes up to want free clusters in a row: *first, *got >= 1. Their refcounts are one. */
int qcow2_alloc(struct qcow2 *q, u64 want, u64 *first, u64 *got);
/* Exactly want of them. */
int qcow2_alloc_row(struct qcow2 *q, u64 want, u64 *first);
/* Gives clusters back that no table has seen yet. */
void qcow2_alloc_undo(struct qcow2 *q, u64 first, u64 n);
/* Drops a reference to each of n clusters when that is safe. */
void qcow2_free_later(struct qcow2 *q, u64 first, u64 n);
/* Does so; the tables that had them are on the disk. */
int qcow2_free_pending(struct qcow2 *q);

/* The last cluster with a refcount, as the file has it; 0 when none is found. For the check at the start. */
int qcow2_last_in_use(struct qcow2 *q, u64 *cluster);

/* ---- qcow2_read.c ---- */

enum qcow2_kind { QCOW2_MAP_HOLE, QCOW2_MAP_ZERO, QCOW2_MAP_DATA, QCOW2_MAP_PACKED };

struct qcow2_map {
	enum qcow2_kind kind;
	bool copied; /* all of the run may be written in place */
	u64 host;    /* DATA: where the first byte is */
	u64 entry;   /* of the first cluster */
	u64 len;     /* bytes of the same kind, in a row in the file */
};

/* What [off, off + len) is, or the first part of it. Under lock. */
int qcow2_map(struct qcow2 *q, u64 off, u64 len, struct qcow2_map *m);
/* Where a compressed cluster lies in the file. */
void qcow2_packed_place(const struct qcow2 *q, u64 entry, u64 *off, u64 *len);
/* Reads under lock; what is past the disk's end gives zeros. */
int qcow2_read_locked(struct qcow2 *q, u64 off, const struct block_slice *s);
int qcow2_read(struct block_node *n, u64 off, const struct block_slice *s);

/* ---- qcow2_unpack.c ---- */

/* Decompresses n bytes (there may be more than needed) to exactly one cluster. 0, -EIO, or -ENOTSUP: not built in. */
int qcow2_unpack(const struct qcow2 *q, const u8 *p, size_t n, u8 *out);

/* ---- qcow2_write.c ---- */

int qcow2_write(struct block_node *n, u64 off, const struct block_slice *s);
int qcow2_flush(struct block_node *n);
int qcow2_zero(struct block_node *n, u64 off, u64 len, u32 flags);
int qcow2_discard(struct block_node *n, u64 off, u64 len);

/* ---- qcow2_resize.c ---- */

int qcow2_resize(struct block_node *n, u64 size, struct error *e);

/* ---- qcow2_snapshot.c: what hw/host/block/snapshots.h says ---- */

int qcow2_snapshot_at(struct qcow2 *q, u32 i, struct block_snapshot *out, struct error *e);
int qcow2_snapshot_find(struct qcow2 *q, block_snapshot_wanted *wanted, const void *opaque, struct block_snapshot *out, struct error *e);
int qcow2_snapshot_create(struct qcow2 *q, const char *name, u64 date, u64 clock, struct block_snapshot *out, struct error *e);
int qcow2_snapshot_apply(struct qcow2 *q, const char *id, struct error *e);
int qcow2_snapshot_delete(struct qcow2 *q, const char *id, struct error *e);

/* ---- qcow2_check.c ---- */

/* Whether two of n entries name one table: then work by the entry has no end. -EIO with a sentence that calls them what. */
int qcow2_check_shared(struct qcow2 *q, const char *what, const u64 *entries, u32 n, struct error *e);

/* Looks for tables or data past the end of the file. 0, or -EIO with a sentence. */
int qcow2_check_truncated(struct qcow2 *q, struct error *e);

#endif
