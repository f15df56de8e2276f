/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pages that are made or read when somebody first looks at them: those of a series, and those that a source has.
 */
#include "mmu/late.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "mmu/frames_impl.h"
#include "mmu/look.h"

/* ---- a series ---------------------------------------------------------------------------------------------------- */

static void series_fill(u8 *p, u64 first, u32 word)
{
	u32 i;

	for (i = 0; i < PAGE_SIZE; i += word, first++)
		if (word == 8)
			st64(p + i, first);
		else
			st32(p + i, (u32)first);
}

/* The first number in a frame of the series. */
static u64 series_at(const struct mem *m, u64 mfn)
{
	return m->series.first + (mfn - m->series.leaf * LEAF_FRAMES) * (PAGE_SIZE / m->series.word);
}

/* The whole leaf of the series that mfn is in. */
static struct frame *series_make(const struct mem *m, u64 mfn)
{
	u64 base = mfn - mfn % LEAF_FRAMES;
	struct mem_leaf *l = calloc(1, sizeof *l);
	u32 i;

	for (i = 0; l && i < LEAF_FRAMES; i++) {
		l->frames[i] = frame_new(m->pool);
		if (!l->frames[i])
			break;
		series_fill(l->frames[i]->data, series_at(m, base + i), m->series.word);
	}
	if (!l || i < LEAF_FRAMES) {
		while (l && i--)
			frame_put(m->pool, l->frames[i]);
		free(l);
		return NULL;
	}
	l->refs = 1;
	m->root[mfn / LEAF_FRAMES] = l;
	return l->frames[mfn % LEAF_FRAMES];
}

int mem_add_series(struct mem *m, u64 mfn, u64 n, u64 first, u32 word)
{
	u64 from = ALIGN_UP(mfn, LEAF_FRAMES), to = (mfn + n) & ~(u64)(LEAF_FRAMES - 1), per = PAGE_SIZE / word, i;

	if (mfn + n < mfn || mfn + n > m->limit)
		return -EINVAL;
	if (m->series.end || from >= to)
		from = to = mfn + n;
	for (i = mfn; i < mfn + n; i++) {
		u8 *p;

		if (i == from && from < to)
			i = to;
		if (i >= mfn + n)
			break;
		p = mem_rw(m, i, 0, PAGE_SIZE);
		if (!p)
			return mem_frame(m, i) ? -ENOMEM : -EINVAL;
		series_fill(p, first + (i - mfn) * per, word);
	}
	if (from == to)
		return 0;
	for (i = from / LEAF_FRAMES; i < to / LEAF_FRAMES; i++) {
		if (!m->root[i])
			return -EINVAL;
		mem_leaf_put(m, i);
	}
	m->series = (struct mem_series){ from / LEAF_FRAMES, to / LEAF_FRAMES, first + (from - mfn) * per, word };
	mem_look_all_written(m);
	return 0;
}

/* ---- a source ---------------------------------------------------------------------------------------------------- */

void mem_source_put(struct mem_source *s)
{
	if (s && !--s->refs)
		s->ops->free(s);
}

static size_t words(const struct mem *m)
{
	return (size_t)m->limit / 64; /* a memory has whole leaves */
}

int mem_add_late(struct mem *m, u64 mfn, u64 n, struct mem_source *s)
{
	struct mem_late *t = &m->late;

	assert(!t->source || t->source == s);
	if (!t->source) {
		t->waits = calloc(words(m), sizeof *t->waits);
		if (!t->waits)
			return -ENOMEM;
		t->source = s;
		s->refs++;
	}
	for (; n; mfn++, n--) {
		t->waits[mfn / 64] |= BIT(mfn % 64);
		mem_look_written(m, mfn);
	}
	return 0;
}

const char *mem_lost(const struct mem *m)
{
	struct mem_source *s = m->late.source;

	return s ? s->ops->lost(s) : NULL;
}

bool late_in_leaf(const struct mem *m, u64 n)
{
	u64 any = 0;
	u32 i;

	for (i = 0; m->late.source && i < LEAF_FRAMES / 64; i++)
		any |= m->late.waits[n * (LEAF_FRAMES / 64) + i];
	return any;
}

int late_fork(struct mem *dst, const struct mem *src)
{
	if (!src->late.source)
		return 0;
	dst->late.waits = malloc(words(src) * sizeof *dst->late.waits);
	if (!dst->late.waits)
		return -ENOMEM;
	memcpy(dst->late.waits, src->late.waits, words(src) * sizeof *dst->late.waits);
	dst->late.source = src->late.source;
	dst->late.source->refs++;
	return 0;
}

void late_leave(struct mem *m)
{
	mem_source_put(m->late.source);
	free(m->late.waits);
	m->late = (struct mem_late){ 0 };
}

/*
 * Reads the page at mfn. It goes into a leaf of m's own, for those who share one with it look into that on other threads. Once the
 * last page is read the source could go; a page may be lost, though, so it stays to say why.
 */
static struct frame *source_make(struct mem *m, u64 mfn)
{
	struct mem_leaf *l = mem_leaf_own(m, mfn);
	struct frame *f = l ? frame_new(m->pool) : NULL;

	if (!f)
		return NULL;
	if (m->late.source->ops->read(m->late.source, mfn, f->data) != LATE_DATA) {
		frame_put(m->pool, f);
		f = frame_get(m->pool->zero);
	}
	m->late.waits[mfn / 64] &= ~BIT(mfn % 64);
	l->frames[mfn % LEAF_FRAMES] = f;
	return f;
}

/* ---- both -------------------------------------------------------------------------------------------------------- */

/* For the guest the bytes are what they always were: this counts as no change of the memory, so that it may be constant. */
struct frame *mem_frame_late(const struct mem *m, u64 mfn)
{
	if (!mem_waits(m, mfn))
		return NULL;
	return mem_waits_late(m, mfn) ? source_make((struct mem *)m, mfn) : series_make(m, mfn);
}

const u8 *mem_page(const struct mem *m, u64 mfn, u8 page[PAGE_SIZE])
{
	if (!mem_waits(m, mfn))
		return mem_ro(m, mfn);
	if (!mem_waits_late(m, mfn))
		series_fill(page, series_at(m, mfn), m->series.word);
	else if (m->late.source->ops->read(m->late.source, mfn, page) != LATE_DATA)
		return m->pool->zero->data;
	return page;
}

u64 mem_next(const struct mem *m, u64 mfn)
{
	while (mfn < m->limit && !mem_has(m, mfn)) {
		u64 leaf = mfn / LEAF_FRAMES;

		mfn = m->root[leaf] || late_in_leaf(m, leaf) ? mfn + 1 : (leaf + 1) * LEAF_FRAMES;
	}
	return MIN(mfn, m->limit);
}

u64 mem_count(const struct mem *m)
{
	u64 n = 0;
	u64 i;

	for (i = mem_next(m, 0); i < m->limit; i = mem_next(m, i + 1))
		n++;
	return n;
}
