/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest memory as a tree of shared frames: the pool, the tree, forks, dirty lists and the hash. See frames.h.
 */
#include "mmu/frames.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/hash.h"
#include "mmu/ctx.h"
#include "mmu/frames_impl.h"
#include "mmu/late.h"
#include "mmu/look.h"
#include "mmu/mmu.h"
#include "mmu/share.h"

#define SLAB_FRAMES 256u

struct frame_slab {
	struct frame_slab *next;
	u8 *raw; /* what to free */
	struct frame frames[SLAB_FRAMES];
};

static int slab_grow(struct frame_pool *p)
{
	struct frame_slab *s = calloc(1, sizeof *s);
	u8 *base;
	u32 i;

	if (!s)
		return -ENOMEM;
	s->raw = malloc((SLAB_FRAMES + 1) * (size_t)PAGE_SIZE);
	if (!s->raw) {
		free(s);
		return -ENOMEM;
	}
	base = (u8 *)(uintptr_t)ALIGN_UP((uintptr_t)s->raw, PAGE_SIZE);
	for (i = 0; i < SLAB_FRAMES; i++) {
		s->frames[i].data = base + (size_t)i * PAGE_SIZE;
		/* A free frame's code field links the free list; its data stays its own. */
		s->frames[i].code = (struct code_page *)(void *)p->free;
		p->free = &s->frames[i];
	}
	s->next = p->slabs;
	p->slabs = s;
	return 0;
}

struct frame *frame_new(struct frame_pool *p)
{
	struct frame *f;

	if (p->limit && p->live >= p->limit)
		return NULL;
	if (!p->free && slab_grow(p))
		return NULL;
	f = p->free;
	p->free = (struct frame *)(void *)f->code;
	f->code = NULL;
	f->refs = 1;
	f->share = 0;
	p->live++;
	return f;
}

int frame_pool_init(struct frame_pool *p)
{
	memset(p, 0, sizeof *p);
	p->zero = frame_new(p);
	if (!p->zero)
		return -ENOMEM;
	memset(p->zero->data, 0, PAGE_SIZE);
	p->live = 0;
	return 0;
}

void frame_pool_free(struct frame_pool *p)
{
	struct frame_slab *s, *next;

	for (s = p->slabs; s; s = next) {
		next = s->next;
		free(s->raw);
		free(s);
	}
	frame_shares_free(p);
	memset(p, 0, sizeof *p);
}

struct frame *frame_get(struct frame *f)
{
	f->refs++;
	return f;
}

void frame_put(struct frame_pool *p, struct frame *f)
{
	if (--f->refs)
		return;
	if (f->code && p->code_dropped)
		p->code_dropped(f, p->opaque);
	f->code = (struct code_page *)(void *)p->free;
	p->free = f;
	p->live--;
}

int mem_init(struct mem *m, struct frame_pool *pool, u64 limit)
{
	memset(m, 0, sizeof *m);
	m->pool = pool;
	m->limit = ALIGN_UP(limit, LEAF_FRAMES);
	m->root = calloc(m->limit / LEAF_FRAMES, sizeof *m->root);
	return m->root ? 0 : -ENOMEM;
}

/*
 * m has the leaf no more. When the dirty bits describe m's list they are cleared, for they say nothing of the others'
 * lists.
 */
static void leaf_leave(const struct mem *m, struct mem_leaf *l)
{
	l->refs--;
	if (l->owner == m) {
		l->owner = NULL;
		memset(l->dirty, 0, sizeof l->dirty);
	}
}

void mem_leaf_put(struct mem *m, u64 n)
{
	struct mem_leaf *l = m->root[n];
	u32 i;

	if (!l)
		return;
	leaf_leave(m, l);
	for (i = 0; !l->refs && i < LEAF_FRAMES; i++) {
		struct frame *f = l->frames[i];

		if (f && f->share)
			share_leave(f, m, n * LEAF_FRAMES + i);
		if (f)
			frame_put(m->pool, f);
	}
	if (!l->refs)
		free(l);
	m->root[n] = NULL;
}

void mem_free(struct mem *m)
{
	u64 i;

	if (!m->root)
		return;
	mem_look_gone(m);
	for (i = 0; i < m->limit / LEAF_FRAMES; i++)
		mem_leaf_put(m, i);
	late_leave(m);
	free(m->root);
	free(m->dirty);
	m->root = NULL;
	m->dirty = NULL;
	m->limit = 0;
}

struct mem_leaf *mem_leaf_own(struct mem *m, u64 mfn)
{
	struct mem_leaf **slot = &m->root[mfn / LEAF_FRAMES];
	struct mem_leaf *l = *slot;
	struct mem_leaf *n;
	u32 i;

	if (l && l->refs == 1) {
		l->owner = m;
		return l;
	}
	assert(!l || !l->shared);
	n = calloc(1, sizeof *n);
	if (!n)
		return NULL;
	n->refs = 1;
	n->owner = m;
	if (l) {
		memcpy(n->frames, l->frames, sizeof n->frames);
		memcpy(n->watch, l->watch, sizeof n->watch);
		for (i = 0; i < LEAF_FRAMES; i++)
			if (n->frames[i])
				frame_get(n->frames[i]);
		if (l->owner == m)
			memcpy(n->dirty, l->dirty, sizeof n->dirty);
		leaf_leave(m, l);
	}
	*slot = n;
	return n;
}

static int dirty_append(struct mem *m, struct mem_leaf *l, u64 mfn)
{
	u32 i = mfn % LEAF_FRAMES;
	u32 cap;
	u32 *p;

	if (l->dirty[i / 64] >> (i % 64) & 1)
		return 0;
	if (m->ndirty == m->capdirty) {
		cap = m->capdirty ? m->capdirty * 2 : 1024;
		p = realloc(m->dirty, cap * sizeof *p);
		if (!p)
			return -ENOMEM;
		m->dirty = p;
		m->capdirty = cap;
	}
	m->dirty[m->ndirty++] = (u32)mfn;
	l->dirty[i / 64] |= BIT(i % 64);
	return 0;
}

int mem_list_dirty(struct mem *m, u64 mfn)
{
	struct mem_leaf *l = mem_leaf_own(m, mfn);

	return l ? dirty_append(m, l, mfn) : -ENOMEM;
}

static int mem_place(struct mem *m, u64 mfn, struct frame *f)
{
	struct mem_leaf *l;

	if (mfn >= m->limit)
		return -EINVAL;
	if (mem_frame(m, mfn))
		return -EEXIST;
	l = mem_leaf_own(m, mfn);
	if (!l || dirty_append(m, l, mfn))
		return -ENOMEM;
	mem_look_written(m, mfn);
	l->frames[mfn % LEAF_FRAMES] = frame_get(f);
	l->watch[mfn % LEAF_FRAMES] = 0;
	return 0;
}

int mem_add(struct mem *m, u64 mfn)
{
	return mem_place(m, mfn, m->pool->zero);
}

int mem_add_zeros(struct mem *m, u64 mfn, u64 n)
{
	struct mem_leaf *zeros = NULL;
	u64 end = mfn + n;
	u32 i;
	int rc = 0;

	if (end < mfn || end > m->limit)
		return -EINVAL;
	while (!rc && mfn < end) {
		struct mem_leaf **slot = &m->root[mfn / LEAF_FRAMES];

		if (mfn % LEAF_FRAMES || end - mfn < LEAF_FRAMES || *slot || late_in_leaf(m, mfn / LEAF_FRAMES)) {
			rc = mem_add(m, mfn++);
			continue;
		}
		/* One leaf serves all of them. It is counted like a leaf that forks have together. */
		if (!zeros) {
			zeros = calloc(1, sizeof *zeros);
			if (!zeros)
				return -ENOMEM;
			for (i = 0; i < LEAF_FRAMES; i++)
				zeros->frames[i] = frame_get(m->pool->zero);
		}
		for (i = 0; m->looks && i < LEAF_FRAMES; i++)
			mem_look_written(m, mfn + i);
		zeros->refs++;
		*slot = zeros;
		mfn += LEAF_FRAMES;
	}
	return rc;
}

int mem_alias(struct mem *m, u64 mfn, struct frame *f)
{
	return f->share ? -EINVAL : mem_place(m, mfn, f);
}

int mem_share(struct mem *m, u64 mfn, struct mem *from, u64 at)
{
	struct frame *f = mem_frame(from, at);

	if (!f || mfn >= m->limit || m->pool != from->pool)
		return -EINVAL;
	if (mem_frame(m, mfn))
		return -EEXIST;
	if (!mem_leaf_own(m, mfn) || !mem_leaf_own(from, at))
		return -ENOMEM;
	/* What forks have of it, and the page of zeros, stays as it is: from has a frame of its own first. */
	if (f->refs > 1 && !f->share && !mem_unshare(from, at))
		return -ENOMEM;
	f = mem_frame(from, at);
	if (share_join(f, from, at, m, mfn))
		return -ENOMEM;
	if (mem_place(m, mfn, f)) {
		share_leave(f, m, mfn);
		return -ENOMEM;
	}
	m->root[mfn / LEAF_FRAMES]->shared++;
	return 0;
}

void mem_remove(struct mem *m, u64 mfn)
{
	struct frame *f = mem_frame(m, mfn);
	struct mem_leaf *l;

	if (!f)
		return;
	mem_look_written(m, mfn);
	/*
	 * First of all: the watch bits below lie in the leaf, and a leaf that another memory has, too, must not be
	 * changed.
	 */
	l = mem_leaf_own(m, mfn);
	if (!l)
		return; /* the frame stays: host memory is short, and nothing else can be done */
	mmu_frame_written(m, mfn, 0, PAGE_SIZE);
	mmu_frame_moved(m, mfn);
	if (f->code && m->hooks)
		m->hooks->code_unmapped(m->opaque);
	dirty_append(m, l, mfn);
	if (f->share) {
		l->shared--;
		share_leave(f, m, mfn);
	}
	l->frames[mfn % LEAF_FRAMES] = NULL;
	l->watch[mfn % LEAF_FRAMES] = 0;
	frame_put(m->pool, f);
}

/*
 * Leaf n of a fork, where src shares frames by mem_share(): these are copied. False when memory is short; some of it is
 * there then.
 */
static bool leaf_copy(struct mem *dst, const struct mem *src, u64 n)
{
	const struct mem_leaf *from = src->root[n];
	struct mem_leaf *l = calloc(1, sizeof *l);
	u64 mfn = n * LEAF_FRAMES, first;
	u32 i;

	dst->root[n] = l;
	if (!l)
		return false;
	l->refs = 1;
	memcpy(l->watch, from->watch, sizeof l->watch);
	for (i = 0; i < LEAF_FRAMES; i++, mfn++) {
		struct frame *f = from->frames[i];

		if (!f || !mem_shared_at(src, f, &first)) {
			l->frames[i] = f ? frame_get(f) : NULL;
		} else if (first == mfn) {
			l->frames[i] = frame_new(dst->pool);
			if (!l->frames[i])
				return false;
			memcpy(l->frames[i]->data, f->data, PAGE_SIZE);
		} else {
			/* What is one frame at two numbers of src is so in the fork. */
			f = mem_frame(dst, first);
			if (share_join(f, dst, first, dst, mfn))
				return false;
			l->frames[i] = frame_get(f);
			l->shared++;
		}
	}
	return true;
}

int mem_fork(struct mem *dst, struct mem *src)
{
	u64 i;

	if (dst->limit != src->limit)
		return -EINVAL;
	if (late_fork(dst, src))
		return -ENOMEM;
	for (i = 0; i < src->limit / LEAF_FRAMES; i++) {
		struct mem_leaf *l = src->root[i];

		if (l && l->shared) {
			if (!leaf_copy(dst, src, i))
				goto no_memory;
		} else if (l) {
			dst->root[i] = l;
			l->refs++;
		}
	}
	dst->series = src->series;
	mmu_drop_writes(src);
	mem_look_all_written(dst);
	return 0;
no_memory:
	for (; i + 1; i--)
		mem_leaf_put(dst, i);
	late_leave(dst);
	return -ENOMEM;
}

int mem_become(struct mem *dst, struct mem *src)
{
	u64 i;
	int rc;

	if (dst->limit != src->limit)
		return -EINVAL;
	mem_clear_dirty(dst);
	for (i = 0; i < dst->limit / LEAF_FRAMES; i++)
		mem_leaf_put(dst, i);
	late_leave(dst);
	dst->series = (struct mem_series){ 0 };
	rc = mem_fork(dst, src);
	ctx_forget(dst);
	return rc;
}

void mem_clear_dirty(struct mem *m)
{
	u32 i;

	for (i = 0; i < m->ndirty; i++) {
		struct mem_leaf *l = m->root[m->dirty[i] / LEAF_FRAMES];
		u32 n = m->dirty[i] % LEAF_FRAMES;

		if (l && l->owner == m)
			l->dirty[n / 64] &= ~BIT(n % 64);
	}
	m->ndirty = 0;
	mmu_drop_writes(m);
}

u8 *mem_unshare(struct mem *m, u64 mfn)
{
	struct frame *f = mem_frame(m, mfn);
	struct mem_leaf *l;
	struct frame *n;
	u32 i = mfn % LEAF_FRAMES;

	if (!f)
		return NULL;
	if (UNLIKELY(f->share))
		return share_list_dirty(f, m->pool) ? f->data : NULL;
	l = mem_leaf_own(m, mfn);
	if (!l || dirty_append(m, l, mfn))
		return NULL;
	if (f->refs > 1) {
		n = frame_new(m->pool);
		if (!n)
			return NULL;
		memcpy(n->data, f->data, PAGE_SIZE);
		if (l->watch[i] & WATCH_RO_CACHED)
			mmu_frame_moved(m, mfn);
		if (f->code && m->hooks)
			m->hooks->code_unmapped(m->opaque);
		l->frames[i] = n;
		frame_put(m->pool, f);
		f = n;
	}
	return f->data;
}

u8 *mem_rw(struct mem *m, u64 mfn, u32 off, u32 len)
{
	struct frame *f = mem_frame(m, mfn);

	if (!f)
		return NULL;
	if (UNLIKELY(f->code) && m->hooks)
		m->hooks->code_written(m->opaque, f, off, len);
	if (UNLIKELY(*mem_watch(m, mfn) & WATCH_ANY_TABLE)) {
		/* Watch bits will be cleared, which must not happen in a leaf that another memory has, too. */
		if (UNLIKELY(!mem_leaf_own(m, mfn)))
			return NULL;
		mmu_frame_written(m, mfn, off, len);
	}
	if (UNLIKELY(m->attentive)) {
		mmu_monitor_written(m, mfn, off, len);
		mem_look_written(m, mfn);
	}
	if (LIKELY(mem_is_private_dirty(m, mfn)))
		return f->data;
	if (UNLIKELY(f->share))
		return share_written(f, m, mfn, off, len) ? f->data : NULL;
	return mem_unshare(m, mfn);
}

int mem_read(const struct mem *m, u64 maddr, void *dst, size_t n)
{
	u8 *d = dst;

	while (n) {
		const u8 *p = mem_ro(m, maddr >> PAGE_SHIFT);
		size_t k = MIN(n, (size_t)(PAGE_SIZE - PAGE_OFFSET(maddr)));

		if (!p)
			return -EFAULT;
		memcpy(d, p + PAGE_OFFSET(maddr), k);
		d += k;
		maddr += k;
		n -= k;
	}
	return 0;
}

int mem_write(struct mem *m, u64 maddr, const void *src, size_t n)
{
	const u8 *s = src;

	while (n) {
		size_t k = MIN(n, (size_t)(PAGE_SIZE - PAGE_OFFSET(maddr)));
		u8 *p = mem_rw(m, maddr >> PAGE_SHIFT, PAGE_OFFSET(maddr), (u32)k);

		if (!p)
			return -EFAULT;
		memcpy(p + PAGE_OFFSET(maddr), s, k);
		s += k;
		maddr += k;
		n -= k;
	}
	return 0;
}

u32 mem_read_u32(const struct mem *m, u64 maddr)
{
	const u8 *p = mem_ro(m, maddr >> PAGE_SHIFT);

	return p ? ld32(p + (PAGE_OFFSET(maddr) & ~3u)) : 0;
}

u64 mem_read_u64(const struct mem *m, u64 maddr)
{
	const u8 *p = mem_ro(m, maddr >> PAGE_SHIFT);

	return p ? ld64(p + (PAGE_OFFSET(maddr) & ~7u)) : 0;
}

void mem_write_u32(struct mem *m, u64 maddr, u32 v)
{
	u8 *p = mem_rw(m, maddr >> PAGE_SHIFT, PAGE_OFFSET(maddr) & ~3u, 4);

	if (p)
		st32(p + (PAGE_OFFSET(maddr) & ~3u), v);
}

void mem_write_u64(struct mem *m, u64 maddr, u64 v)
{
	u8 *p = mem_rw(m, maddr >> PAGE_SHIFT, PAGE_OFFSET(maddr) & ~7u, 8);

	if (p)
		st64(p + (PAGE_OFFSET(maddr) & ~7u), v);
}

u64 mem_hash(const struct mem *m, u64 h)
{
	u64 zeros = hash_bytes(HASH_SEED, m->pool->zero->data, PAGE_SIZE), i;
	u8 page[PAGE_SIZE];

	for (i = 0; i < m->limit; i++) {
		const u8 *p = mem_page(m, i, page);

		if (p)
			h = hash_u64(hash_u64(h, i), p == m->pool->zero->data ? zeros : hash_bytes(HASH_SEED, p, PAGE_SIZE));
		else if (!m->root[i / LEAF_FRAMES] && !late_in_leaf(m, i / LEAF_FRAMES))
			i |= LEAF_FRAMES - 1;
	}
	return h;
}
