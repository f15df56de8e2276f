/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests of qcow2: a file in memory, images made from nothing, and a check of their refcounts that shares no code with
 * what is tested.
 */
#ifndef TESTS_UNIT_QCOW2_IMAGE_H
#define TESTS_UNIT_QCOW2_IMAGE_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hw/host/block/qcow2.h"

/* ---- a file in memory ---- */

struct mem_file {
	struct block_node node;
	struct os_mutex lock;
	u8 *p;
	size_t len, cap, limit; /* limit: writes beyond it fail with -ENOSPC; 0: none */
	bool keep;              /* close leaves it alone */
};

static inline struct mem_file *mem_of(struct block_node *n)
{
	return container_of(n, struct mem_file, node);
}

static inline int mem_grow(struct mem_file *m, u64 size)
{
	if (size > (1u << 30) || (m->limit && size > m->limit))
		return -ENOSPC;
	if (size > m->cap) {
		size_t cap = MAX((size_t)size, m->cap * 2);
		u8 *p = realloc(m->p, cap);

		if (!p)
			return -ENOSPC;
		m->p = p;
		m->cap = cap;
	}
	if (size > m->len) {
		memset(m->p + m->len, 0, (size_t)size - m->len);
		m->len = (size_t)size;
	}
	return 0;
}

static inline int mem_read(struct block_node *n, u64 off, const struct block_slice *s)
{
	struct mem_file *m = mem_of(n);
	struct block_slice part;
	u64 have;

	os_mutex_lock(&m->lock);
	have = off < m->len ? MIN(s->len, m->len - off) : 0;
	part = slice_cut(s, 0, have);
	slice_put(&part, m->p + (have ? off : 0));
	os_mutex_unlock(&m->lock);
	part = slice_cut(s, have, s->len - have);
	slice_zero(&part);
	return 0;
}

static inline int mem_write(struct block_node *n, u64 off, const struct block_slice *s)
{
	struct mem_file *m = mem_of(n);
	int rc;

	if (off > (1u << 30))
		return -ENOSPC;
	os_mutex_lock(&m->lock);
	rc = mem_grow(m, off + s->len);
	if (!rc)
		slice_get(s, m->p + off);
	os_mutex_unlock(&m->lock);
	return rc;
}

static inline int mem_flush(struct block_node *n)
{
	return 0;
}

static inline int mem_zero(struct block_node *n, u64 off, u64 len, u32 flags)
{
	return node_write_zeros(n, off, len);
}

static inline int mem_discard(struct block_node *n, u64 off, u64 len)
{
	struct mem_file *m = mem_of(n);

	os_mutex_lock(&m->lock);
	if (off < m->len)
		memset(m->p + off, 0, (size_t)MIN(len, m->len - off));
	os_mutex_unlock(&m->lock);
	return 0;
}

static inline int mem_resize(struct block_node *n, u64 size, struct error *e)
{
	struct mem_file *m = mem_of(n);
	int rc = 0;

	os_mutex_lock(&m->lock);
	if (size < m->len)
		abort(); /* what is in use would be cut off */
	rc = mem_grow(m, size);
	os_mutex_unlock(&m->lock);
	return rc;
}

static inline void mem_drop(struct mem_file *m)
{
	os_mutex_destroy(&m->lock);
	free(m->p);
	free(m);
}

static inline void mem_close(struct block_node *n)
{
	if (!mem_of(n)->keep)
		mem_drop(mem_of(n));
}

static const struct block_node_ops mem_ops = {
	"memory", mem_read, mem_write, mem_flush, mem_zero, mem_discard, mem_resize, mem_close, NULL,
};

static inline struct mem_file *mem_new(const void *p, size_t len)
{
	struct mem_file *m = calloc(1, sizeof *m);

	if (!m)
		abort();
	m->node.ops = &mem_ops;
	m->node.size = len;
	m->node.sector = 512;
	m->node.name = "memory.qcow2";
	os_mutex_init(&m->lock);
	if (mem_grow(m, len))
		abort();
	if (len)
		memcpy(m->p, p, len);
	return m;
}

/* ---- an empty image ---- */

struct image_spec {
	u32 version, cluster_bits, refcount_order;
	u64 size;
	const char *backing, *backing_format;
	u64 incompatible, compatible, autoclear;
	u32 compression; /* with a longer header when not 0 */
};

static inline void image_count(const struct image_spec *s, u8 *block, u32 i, u64 v)
{
	u32 width = 1u << s->refcount_order, b;

	if (width >= 8) {
		for (b = 0; b < width / 8; b++)
			block[i * (width / 8) + b] = (u8)(v >> (width - 8 - 8 * b));
	} else {
		u32 at = i * width;

		block[at / 8] = (u8)((block[at / 8] & ~(((1u << width) - 1) << at % 8)) | (u32)v << at % 8);
	}
}

/* The caller frees it. */
static inline u8 *image_make(const struct image_spec *s, size_t *len)
{
	u64 cs = BIT(s->cluster_bits), per_l2 = cs / 8 * cs, l1 = (s->size + per_l2 - 1) / per_l2;
	u64 l1_clusters = MAX((l1 * 8 + cs - 1) / cs, 1), total = 3 + l1_clusters, i;
	u8 *p = calloc((size_t)total, (size_t)cs);
	size_t at;

	if (!p || total > cs * 8 >> s->refcount_order)
		abort();
	stbe32(p, QCOW2_MAGIC);
	stbe32(p + 4, s->version);
	stbe32(p + 20, s->cluster_bits);
	stbe64(p + 24, s->size);
	stbe32(p + 36, (u32)l1);
	stbe64(p + 40, 3 * cs);
	stbe64(p + 48, cs);
	stbe32(p + 56, 1);
	at = 72;
	if (s->version == 3) {
		stbe64(p + 72, s->incompatible | (s->compression ? BIT(3) : 0));
		stbe64(p + 80, s->compatible);
		stbe64(p + 88, s->autoclear);
		stbe32(p + 96, s->refcount_order);
		at = s->compression ? 112 : 104;
		stbe32(p + 100, (u32)at);
		if (s->compression)
			p[104] = (u8)s->compression;
	}
	if (s->backing_format) {
		stbe32(p + at, QCOW2_EXT_BACKING_FORMAT);
		stbe32(p + at + 4, (u32)strlen(s->backing_format));
		memcpy(p + at + 8, s->backing_format, strlen(s->backing_format));
		at += 8 + ALIGN_UP(strlen(s->backing_format), 8);
	}
	if (s->incompatible & ~0x1full) {
		stbe32(p + at, QCOW2_EXT_FEATURES);
		stbe32(p + at + 4, 48);
		p[at + 8] = 0;
		p[at + 9] = (u8)__builtin_ctzll(s->incompatible & ~0x1full);
		strcpy((char *)p + at + 10, "time travel");
		at += 56;
	}
	at += 8;
	if (s->backing) {
		stbe64(p + 8, at);
		stbe32(p + 16, (u32)strlen(s->backing));
		memcpy(p + at, s->backing, strlen(s->backing));
	}
	stbe64(p + cs, 2 * cs);
	for (i = 0; i < total; i++)
		image_count(s, p + 2 * cs, (u32)i, 1);
	*len = (size_t)(total * cs);
	return p;
}

/* ---- are its refcounts right? ---- */

struct image_check {
	u64 corrupt, leaked;
	char first[200]; /* the first that is corrupt */
};

static inline void image_wrong(struct image_check *c, const char *what, u64 where)
{
	if (!c->corrupt++)
		snprintf(c->first, sizeof c->first, "%s at %#llx", what, (unsigned long long)where);
}

static inline u64 image_refcount(const u8 *p, size_t len, u64 cluster, u32 cb, u32 order)
{
	u64 cs = BIT(cb), per = cs * 8 >> order, rt = ldbe64(p + 48) + cluster / per * 8, block, i, width = 1u << order;
	u64 v = 0, b;

	if (cluster / per * 8 >= (u64)ldbe32(p + 56) << cb || rt + 8 > len)
		return 0;
	block = ldbe64(p + rt);
	if (!block || block + cs > ALIGN_UP(len, cs))
		return 0;
	i = cluster % per;
	if (width < 8)
		return p[block + i * width / 8] >> i * width % 8 & ((1u << width) - 1);
	for (b = 0; b < width / 8; b++)
		if (block + i * (width / 8) + b < len)
			v = v << 8 | p[block + i * (width / 8) + b];
	return v;
}

static inline void image_ref(u64 *refs, u64 n, u64 off, u64 bytes, u32 cb, struct image_check *c)
{
	u64 i;

	for (i = off >> cb; i <= (off + bytes - 1) >> cb; i++) {
		if (i >= n)
			image_wrong(c, "a reference past the end", off);
		else
			refs[i]++;
	}
}

/* What an L1 table leads to. */
static inline void image_ref_tree(const u8 *p, size_t len, u64 l1, u32 l1n, u64 *refs, u64 n, struct image_check *c)
{
	u32 cb = ldbe32(p + 20), i, x = 62 - (cb - 8);
	u64 cs = BIT(cb), k;

	if (l1n && l1 + (u64)l1n * 8 > len) {
		image_wrong(c, "an L1 table past the end", l1);
		return;
	}
	if (l1n)
		image_ref(refs, n, l1, (u64)l1n * 8, cb, c);
	for (i = 0; i < l1n; i++) {
		u64 l2 = ldbe64(p + l1 + 8 * i) & QCOW2_OFFSET;

		if (!l2)
			continue;
		image_ref(refs, n, l2, cs, cb, c);
		for (k = 0; k < cs && l2 + k + 8 <= len; k += 8) {
			u64 e = ldbe64(p + l2 + k);

			if (e & BIT(62))
				image_ref(refs, n, e & (BIT(x) - 1), ((e & (BIT(62) - 1)) >> x) * 512 + 512 - (e & 511),
					  cb, c);
			else if (e & QCOW2_OFFSET)
				image_ref(refs, n, e & QCOW2_OFFSET, cs, cb, c);
		}
	}
}

/* The table of snapshots, and what each of them has. */
static inline void image_ref_snapshots(const u8 *p, size_t len, u64 *refs, u64 n, struct image_check *c)
{
	u64 start = ldbe64(p + 64), at = start;
	u32 i;

	for (i = 0; i < ldbe32(p + 60); i++) {
		if (at + 40 > len) {
			image_wrong(c, "a snapshot past the end", at);
			return;
		}
		image_ref_tree(p, len, ldbe64(p + at), ldbe32(p + at + 8), refs, n, c);
		at += ALIGN_UP(40 + (u64)ldbe32(p + at + 36) + ldbe16(p + at + 12) + ldbe16(p + at + 14), 8);
	}
	if (at > start)
		image_ref(refs, n, start, at - start, ldbe32(p + 20), c);
}

static inline void image_verify(const u8 *p, size_t len, struct image_check *c)
{
	u32 cb = ldbe32(p + 20), l1n = ldbe32(p + 36), order = ldbe32(p + 4) == 3 ? ldbe32(p + 96) : 4, i;
	u64 cs = BIT(cb), n = (len + cs - 1) >> cb, l1 = ldbe64(p + 40), rt = ldbe64(p + 48), k;
	u64 *refs = calloc((size_t)n + 1, sizeof *refs);

	memset(c, 0, sizeof *c);
	image_ref(refs, n, 0, cs, cb, c);
	image_ref(refs, n, rt, (u64)ldbe32(p + 56) << cb, cb, c);
	for (k = 0; k < (u64)ldbe32(p + 56) * cs / 8 && rt + 8 * k + 8 <= len; k++)
		if (ldbe64(p + rt + 8 * k))
			image_ref(refs, n, ldbe64(p + rt + 8 * k), cs, cb, c);
	image_ref_tree(p, len, l1, l1n, refs, n, c);
	image_ref_snapshots(p, len, refs, n, c);
	for (i = 0; i < l1n && l1 + (u64)l1n * 8 <= len; i++) {
		u64 e1 = ldbe64(p + l1 + 8 * i), l2 = e1 & QCOW2_OFFSET;

		if (l2 && !!(e1 & BIT(63)) != (image_refcount(p, len, l2 >> cb, cb, order) == 1))
			image_wrong(c, "COPIED of an L1 entry is wrong", l1 + 8 * i);
		for (k = 0; l2 && k < cs && l2 + k + 8 <= len; k += 8) {
			u64 e = ldbe64(p + l2 + k);

			if (!(e & BIT(62)) && e & QCOW2_OFFSET &&
			    !!(e & BIT(63)) != (image_refcount(p, len, (e & QCOW2_OFFSET) >> cb, cb, order) == 1))
				image_wrong(c, "COPIED of an L2 entry is wrong", l2 + k);
		}
	}
	for (k = 0; k < n; k++) {
		u64 count = image_refcount(p, len, k, cb, order);

		if (count < refs[k])
			image_wrong(c, "a refcount is too low", k << cb);
		if (count > refs[k])
			c->leaked++;
	}
	free(refs);
}

/* ---- numbers ---- */

static inline u64 image_random(u64 *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x * 0x2545f4914f6cdd1dULL >> 16;
}

#endif
