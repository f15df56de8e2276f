/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Changes of a whole qcow2 image at once (specification, "Host cluster management" and "Snapshots").
 *
 * A snapshot that comes or goes changes refcounts and COPIED flags of all clusters together, and they must agree whenever the host
 * dies. So nothing is changed in place: blocks of refcounts, L2 tables and the rest are written anew, to clusters that are taken for
 * it before, and the header names the old ones until one write of a few bytes in its first sector names the new ones.
 * Until then the new clusters are lost at worst, and after it the old ones are.
 */
#include "hw/host/block/qcow2_change.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct work {
	struct qcow2 *q;
	const struct qcow2_change *c;
	const char *what; /* is wrong with the image */
	u32 nblocks;      /* room in the next, and in block and block_at; not less than the refcount table has entries */
	bool *touched;    /* of each block of refcounts: it is going to be written anew */
	u32 ntouched;
	u8 **block;    /* those, as they will be */
	u64 *block_at; /* and where */
	u64 *spare;    /* single clusters that were taken */
	u32 nspare, spare_cap;
	u32 ntables, nmoved; /* the first ntables of those are for L2 tables, as many as move; the rest is for blocks */
	struct qcow2_run row[4]; /* and in a row: */
	u64 *l1;                 /* the active table as it will be */
	u64 *rt;
	u64 *old; /* where the L2 tables were that move */
	struct qcow2_run *freed; /* clusters that perhaps nobody has any more */
	u32 nfreed, freed_cap;
};
enum { ROW_RT, ROW_L1, ROW_COPY, ROW_SNAPSHOTS, ROWS };

static int damaged(struct work *w, const char *what)
{
	w->what = what;
	return -EIO;
}

static u64 block_of(const struct work *w, u64 cluster)
{
	return cluster >> qcow2_refcount_bits(w->q);
}

/* ---- what an L1 table leads to ------------------------------------------------------------------------------------ */

typedef int visit_fn(struct work *w, u64 cluster, int step);

static int visit_table(struct work *w, const u8 *l2, visit_fn *visit, int step)
{
	const struct qcow2 *q = w->q;
	u64 off, len, c;
	size_t i;
	int rc = 0;

	for (i = 0; i < q->cluster_size && !rc; i += (size_t)1 << qcow2_entry_bits(q)) {
		u64 entry = ldbe64(l2 + i);

		if (entry & QCOW2_COMPRESSED) {
			qcow2_packed_place(q, entry, &off, &len);
			for (c = off >> q->cluster_bits; c <= (off + len - 1) >> q->cluster_bits && !rc; c++)
				rc = visit(w, c, step);
		} else if (entry & QCOW2_OFFSET) {
			rc = entry & QCOW2_OFFSET & (q->cluster_size - 1) ? damaged(w, "an L2 entry is no cluster")
									  : visit(w, (entry & QCOW2_OFFSET) >> q->cluster_bits, step);
		}
	}
	return rc;
}

static int read_l2(struct work *w, u64 entry, u8 *l2)
{
	u64 at = entry & QCOW2_OFFSET;

	if (at & (w->q->cluster_size - 1) || at >= w->q->file_end)
		return damaged(w, "an L1 entry is no cluster of the file");
	return node_read(w->q->file, at, l2, (size_t)w->q->cluster_size);
}

static int visit_tree(struct work *w, const struct qcow2_tree *t, visit_fn *visit, int step)
{
	u8 *l2 = malloc((size_t)w->q->cluster_size);
	int rc = l2 ? 0 : -ENOMEM;
	u32 i;

	for (i = 0; i < t->n && !rc; i++) {
		if (!(t->l1[i] & QCOW2_OFFSET))
			continue;
		rc = read_l2(w, t->l1[i], l2);
		if (!rc)
			rc = visit(w, (t->l1[i] & QCOW2_OFFSET) >> w->q->cluster_bits, step);
		if (!rc)
			rc = visit_table(w, l2, visit, step);
	}
	free(l2);
	return rc;
}

/* ---- what is needed ----------------------------------------------------------------------------------------------- */

static int touch(struct work *w, u64 cluster, int step)
{
	u64 i = block_of(w, cluster);

	if (i >= w->nblocks)
		return damaged(w, "a cluster in use has no refcount");
	w->ntouched += !w->touched[i];
	w->touched[i] = true;
	return 0;
}

static int take_single(struct work *w)
{
	u64 first, got;
	int rc;

	if (w->nspare == w->spare_cap) {
		u32 cap = w->spare_cap ? w->spare_cap * 2 : 256;
		u64 *p = realloc(w->spare, cap * sizeof *p);

		if (!p)
			return -ENOMEM;
		w->spare = p;
		w->spare_cap = cap;
	}
	rc = qcow2_write_out_if_full(w->q);
	if (!rc)
		rc = qcow2_alloc(w->q, 1, &first, &got);
	if (!rc)
		w->spare[w->nspare++] = first;
	if (!rc)
		w->q->file_end = MAX(w->q->file_end, (first + 1) << w->q->cluster_bits);
	return rc;
}

static int take_row(struct work *w, u32 which, u64 bytes)
{
	struct qcow2 *q = w->q;
	u64 n = DIV_UP(bytes, q->cluster_size), first;
	int rc = n ? qcow2_alloc_row(q, n, &first) : 0;

	if (rc || !n)
		return rc;
	w->row[which] = (struct qcow2_run){ first, n };
	q->file_end = MAX(q->file_end, (first + n) << q->cluster_bits);
	return 0;
}

/* All clusters that are going to be written; their counts are 1, and on the disk. */
static int take_clusters(struct work *w)
{
	const struct qcow2_change *c = w->c;
	struct qcow2 *q = w->q;
	u32 i;
	int rc;

	for (i = 0; i < c->l1_size; i++)
		w->ntables += !!(c->l1[i] & QCOW2_OFFSET);
	w->old = calloc((size_t)w->ntables + 1, sizeof *w->old);
	rc = w->old ? take_row(w, ROW_L1, (u64)c->l1_size * 8) : -ENOMEM;
	if (!rc && c->copy)
		rc = take_row(w, ROW_COPY, (u64)c->l1_size * 8);
	if (!rc)
		rc = take_row(w, ROW_SNAPSHOTS, c->snapshots_len);
	for (i = 0; i < w->ntables && !rc; i++) {
		rc = take_single(w);
		/* Those that a snapshot shares with the disk are counted twice. */
		if (!rc && c->copy)
			rc = touch(w, w->spare[i], 0);
	}
	while (w->nspare < w->ntables + w->ntouched && !rc)
		rc = take_single(w);
	/* The table itself may grow for it. */
	while (!rc && w->row[ROW_RT].n << q->cluster_bits < (u64)q->rt_size * 8) {
		if (w->row[ROW_RT].n)
			qcow2_free_later(q, w->row[ROW_RT].first, w->row[ROW_RT].n);
		w->row[ROW_RT].n = 0;
		rc = take_row(w, ROW_RT, (u64)q->rt_size * 8);
	}
	if (!rc && q->rt_size > w->nblocks)
		rc = -EFBIG; /* it has doubled twice for less than it had */
	if (!rc)
		rc = qcow2_write_out(q);
	return rc ? rc : qcow2_sync(q);
}

/* ---- refcounts as they will be ------------------------------------------------------------------------------------ */

static int copy_blocks(struct work *w)
{
	struct qcow2_table *t;
	struct qcow2 *q = w->q;
	u32 i, next = w->ntables;
	int rc = 0;

	for (i = 0; i < w->nblocks && !rc; i++) {
		if (!w->touched[i])
			continue;
		if (i >= q->rt_size || !q->rt[i] || q->rt[i] & (q->cluster_size - 1) || q->rt[i] >= q->file_end)
			return damaged(w, "a cluster in use has no refcount");
		w->block[i] = malloc((size_t)q->cluster_size);
		rc = w->block[i] ? qcow2_table_get(q, &q->refcounts, q->rt[i], false, &t) : -ENOMEM;
		if (rc)
			return rc;
		memcpy(w->block[i], t->data, (size_t)q->cluster_size);
		w->block_at[i] = w->spare[next++] << q->cluster_bits;
	}
	return rc;
}

static u64 in_block(const struct work *w, u64 cluster)
{
	return cluster & (BIT(qcow2_refcount_bits(w->q)) - 1);
}

static void note_freed(struct work *w, u64 cluster)
{
	struct qcow2_run *last = w->nfreed ? &w->freed[w->nfreed - 1] : NULL;

	if (last && last->first + last->n == cluster) {
		last->n++;
		return;
	}
	if (w->nfreed == w->freed_cap) {
		u32 cap = w->freed_cap ? w->freed_cap * 2 : 64;
		struct qcow2_run *p = realloc(w->freed, cap * sizeof *p);

		if (!p)
			return; /* the host does not get its space back */
		w->freed = p;
		w->freed_cap = cap;
	}
	w->freed[w->nfreed++] = (struct qcow2_run){ cluster, 1 };
}

static int count(struct work *w, u64 cluster, int step)
{
	u64 max = w->q->refcount_order == 6 ? UINT64_MAX : BIT(1u << w->q->refcount_order) - 1, n;
	u8 *block = block_of(w, cluster) < w->nblocks ? w->block[block_of(w, cluster)] : NULL;
	int rc = 0;

	if (!block)
		return damaged(w, "a cluster in use has no refcount");
	n = qcow2_count_get(w->q, block, in_block(w, cluster));
	/* One that loses its last reference may get another; one that never had any is damage. */
	if (!n && step > 0)
		rc = qcow2_refcount_get(w->q, cluster, &n);
	if (rc || !n)
		return rc ? rc : damaged(w, "a cluster in use has no refcount");
	n = qcow2_count_get(w->q, block, in_block(w, cluster));
	if (step > 0 && n == max)
		return -E2BIG;
	n = step > 0 ? n + 1 : n - 1;
	qcow2_count_set(w->q, block, in_block(w, cluster), n);
	if (!n)
		note_freed(w, cluster);
	return 0;
}

static int count_of(struct work *w, u64 cluster, u64 *n)
{
	u64 i = block_of(w, cluster);

	if (i >= w->nblocks || !w->block[i])
		return qcow2_refcount_get(w->q, cluster, n);
	*n = qcow2_count_get(w->q, w->block[i], in_block(w, cluster));
	return 0;
}

/* ---- L2 tables ---------------------------------------------------------------------------------------------------- */

/* COPIED of each entry as the counts want it; whether any was another. */
static int set_flags(struct work *w, u8 *l2, bool *changed)
{
	const struct qcow2 *q = w->q;
	size_t i;

	*changed = false;
	for (i = 0; i < q->cluster_size; i += (size_t)1 << qcow2_entry_bits(q)) {
		u64 entry = ldbe64(l2 + i), want, n;
		int rc;

		if (entry & QCOW2_COMPRESSED || !(entry & QCOW2_OFFSET))
			continue;
		rc = count_of(w, (entry & QCOW2_OFFSET) >> q->cluster_bits, &n);
		if (rc || !n)
			return rc ? rc : damaged(w, "a cluster in use has no refcount");
		want = n == 1 ? entry | QCOW2_COPIED : entry & ~QCOW2_COPIED;
		*changed |= want != entry;
		stbe64(l2 + i, want);
	}
	return 0;
}

/* One entry of the active L1 table: the L2 table moves when flags in it change. */
static int move_table(struct work *w, u32 i, u8 *l2)
{
	u64 at = w->l1[i] & QCOW2_OFFSET, n;
	bool changed;
	int rc = read_l2(w, at, l2);

	if (!rc)
		rc = set_flags(w, l2, &changed);
	if (!rc && changed) {
		w->old[w->nmoved] = at;
		at = w->spare[w->nmoved++] << w->q->cluster_bits;
		rc = node_write(w->q->file, at, l2, (size_t)w->q->cluster_size);
		if (!rc && w->c->copy)
			rc = count(w, at >> w->q->cluster_bits, 1);
	}
	if (!rc)
		rc = count_of(w, at >> w->q->cluster_bits, &n);
	if (!rc)
		w->l1[i] = n == 1 ? at | QCOW2_COPIED : at;
	return rc;
}

static int move_tables(struct work *w)
{
	u8 *l2 = malloc((size_t)w->q->cluster_size);
	int rc = l2 ? 0 : -ENOMEM;
	u32 i;

	for (i = 0; i < w->c->l1_size && !rc; i++)
		rc = w->l1[i] & QCOW2_OFFSET ? move_table(w, i, l2) : 0;
	free(l2);
	return rc;
}

/* ---- writing ------------------------------------------------------------------------------------------------------ */

static int write_entries(struct work *w, u32 row, const u64 *entries, u32 n)
{
	u8 *p = calloc((size_t)w->row[row].n + 1, (size_t)w->q->cluster_size);
	int rc;
	u32 i;

	if (!p)
		return -ENOMEM;
	for (i = 0; i < n; i++)
		stbe64(p + 8 * (size_t)i, entries[i]);
	rc = node_write(w->q->file, w->row[row].first << w->q->cluster_bits, p, (size_t)(w->row[row].n << w->q->cluster_bits));
	free(p);
	return rc;
}

static int write_all(struct work *w)
{
	const struct qcow2_change *c = w->c;
	struct qcow2 *q = w->q;
	int rc = 0;
	u32 i;

	for (i = 0; i < q->rt_size && !rc; i++) {
		w->rt[i] = w->block[i] ? w->block_at[i] : q->rt[i];
		if (w->block[i])
			rc = node_write(q->file, w->block_at[i], w->block[i], (size_t)q->cluster_size);
	}
	if (!rc)
		rc = write_entries(w, ROW_RT, w->rt, q->rt_size);
	if (!rc && w->row[ROW_L1].n)
		rc = write_entries(w, ROW_L1, w->l1, c->l1_size);
	if (!rc && w->row[ROW_COPY].n)
		rc = write_entries(w, ROW_COPY, w->l1, c->l1_size);
	if (c->copy)
		stbe64(c->snapshots + c->copy_at, w->row[ROW_COPY].first << q->cluster_bits);
	if (!rc && c->snapshots_len)
		rc = node_write(q->file, w->row[ROW_SNAPSHOTS].first << q->cluster_bits, c->snapshots, c->snapshots_len);
	return rc ? rc : qcow2_sync(q);
}

static int write_header(struct work *w)
{
	u8 head[QH_V2_LENGTH - QH_SIZE];
	int rc;

	stbe64(head, w->c->size);
	stbe32(head + (QH_CRYPT - QH_SIZE), 0);
	stbe32(head + (QH_L1_SIZE - QH_SIZE), w->c->l1_size);
	stbe64(head + (QH_L1_OFFSET - QH_SIZE), w->row[ROW_L1].n ? w->row[ROW_L1].first << w->q->cluster_bits : w->q->l1_offset);
	stbe64(head + (QH_RT_OFFSET - QH_SIZE), w->row[ROW_RT].first << w->q->cluster_bits);
	stbe32(head + (QH_RT_CLUSTERS - QH_SIZE), (u32)w->row[ROW_RT].n);
	stbe32(head + (QH_NB_SNAPSHOTS - QH_SIZE), w->c->nsnapshots);
	stbe64(head + (QH_SNAPSHOTS_OFFSET - QH_SIZE), w->row[ROW_SNAPSHOTS].first << w->q->cluster_bits);
	rc = node_write(w->q->file, QH_SIZE, head, sizeof head);
	if (!rc)
		rc = qcow2_sync(w->q);
	if (rc)
		__atomic_store_n(&w->q->broken, true, __ATOMIC_RELAXED); /* nobody knows which tables the header has now */
	return rc;
}

static void free_bytes(struct qcow2 *q, u64 off, u64 bytes)
{
	if (bytes)
		qcow2_free_later(q, off >> q->cluster_bits, DIV_UP(bytes, q->cluster_size));
}

/* Of these clusters the host gets back those that nobody has. */
static void give_back(struct work *w, u64 first, u64 end)
{
	struct qcow2 *q = w->q;
	u64 c, n;

	for (c = first; c <= end; c++) {
		if (c < end && !count_of(w, c, &n) && !n)
			continue;
		if (c > first) {
			q->hint = MIN(q->hint, first);
			q->file->ops->discard(q->file, first << q->cluster_bits, (c - first) << q->cluster_bits);
		}
		first = c + 1;
	}
}

/* The header has the new tables: so have we, and what was in their place goes. */
static void take_over(struct work *w)
{
	const struct qcow2_change *c = w->c;
	struct qcow2 *q = w->q;
	u64 *rt = q->rt, *l1 = q->l1;
	u32 i;

	qcow2_cache_free(&q->l2);
	qcow2_cache_free(&q->refcounts);
	os_mutex_lock(&q->last_lock);
	q->last_entry = 0;
	os_mutex_unlock(&q->last_lock);
	for (i = 0; i < w->nfreed; i++)
		give_back(w, w->freed[i].first, w->freed[i].first + w->freed[i].n);
	for (i = 0; i < q->rt_size; i++)
		if (w->block[i])
			qcow2_free_later(q, rt[i] >> q->cluster_bits, 1);
	free_bytes(q, q->rt_offset, (u64)q->rt_size * 8);
	if (w->row[ROW_L1].n)
		free_bytes(q, q->l1_offset, (u64)q->l1_size * 8);
	free_bytes(q, q->snapshots_offset, q->snapshots_len);
	free_bytes(q, c->drop, c->drop_len);
	for (i = 0; i < w->nmoved; i++) {
		qcow2_free_later(q, w->old[i] >> q->cluster_bits, 1);
		if (c->copy) /* neither the disk nor its snapshot has it */
			qcow2_free_later(q, w->old[i] >> q->cluster_bits, 1);
	}
	for (; i < w->ntables; i++)
		qcow2_free_later(q, w->spare[i], 1);
	q->rt = w->rt;
	q->rt_offset = w->row[ROW_RT].first << q->cluster_bits;
	q->rt_size = (u32)((w->row[ROW_RT].n << q->cluster_bits) / 8);
	q->l1 = w->l1;
	if (w->row[ROW_L1].n)
		q->l1_offset = w->row[ROW_L1].first << q->cluster_bits;
	q->l1_size = c->l1_size;
	q->snapshots_offset = w->row[ROW_SNAPSHOTS].first << q->cluster_bits;
	q->snapshots_len = c->snapshots_len;
	q->nsnapshots = c->nsnapshots;
	q->node.size = c->size;
	w->rt = w->l1 = NULL;
	free(rt);
	free(l1);
	/* When this fails some clusters stay out of use. */
	if (!qcow2_write_out(q))
		qcow2_sync(q);
}

/* Nothing has come of it. */
static void give_up(struct work *w)
{
	u32 i;

	if (qcow2_is_broken(w->q))
		return;
	for (i = 0; i < w->nspare; i++)
		qcow2_free_later(w->q, w->spare[i], 1);
	for (i = 0; i < ROWS; i++)
		if (w->row[i].n)
			qcow2_free_later(w->q, w->row[i].first, w->row[i].n);
	qcow2_write_out(w->q);
}

static int prepare(struct work *w)
{
	int rc = qcow2_is_broken(w->q) ? -EIO : qcow2_write_out(w->q);

	if (!rc)
		rc = qcow2_sync(w->q);
	if (!rc)
		rc = visit_tree(w, &w->c->more, touch, 0);
	if (!rc)
		rc = visit_tree(w, &w->c->less, touch, 0);
	if (!rc)
		rc = take_clusters(w);
	if (rc)
		return rc;
	w->rt = calloc((size_t)(w->row[ROW_RT].n << w->q->cluster_bits) / 8, sizeof *w->rt);
	w->l1 = malloc(((size_t)w->c->l1_size + 1) * sizeof *w->l1);
	if (!w->rt || !w->l1)
		return -ENOMEM;
	memcpy(w->l1, w->c->l1, w->c->l1_size * sizeof *w->l1);
	rc = copy_blocks(w);
	if (!rc)
		rc = visit_tree(w, &w->c->less, count, -1); /* first, or narrow counts would overflow on the way */
	if (!rc)
		rc = visit_tree(w, &w->c->more, count, 1);
	if (!rc)
		rc = move_tables(w);
	return rc ? rc : write_all(w);
}

int qcow2_change(struct qcow2 *q, const struct qcow2_change *c, const char **what)
{
	struct work w = { .q = q, .c = c };
	int rc = -ENOMEM;
	u32 i;

	w.nblocks = q->rt_size * 4 + 1024;
	w.touched = calloc(w.nblocks, sizeof *w.touched);
	w.block = calloc(w.nblocks, sizeof *w.block);
	w.block_at = calloc(w.nblocks, sizeof *w.block_at);
	if (w.touched && w.block && w.block_at)
		rc = prepare(&w);
	if (rc)
		give_up(&w);
	else
		rc = write_header(&w);
	if (!rc)
		take_over(&w);
	*what = w.what;
	for (i = 0; w.block && i < w.nblocks; i++)
		free(w.block[i]);
	free(w.block);
	free(w.block_at);
	free(w.touched);
	free(w.spare);
	free(w.old);
	free(w.freed);
	free(w.rt);
	free(w.l1);
	return rc;
}
