/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames that several memories write: who their users are, and how all of them hear of a store.
 */
#include "mmu/share.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mmu/look.h"
#include "mmu/mmu.h"

struct share_user {
	struct mem *mem;
	u64 mfn;
};

/* Number n of the pool's table is frame->share n + 1. */
struct frame_share {
	struct share_user *users;
	u32 n, cap;
	u32 next_free; /* of a record that is free: number + 1 of another, or 0 */
};

static struct frame_share *record(const struct frame_pool *p, const struct frame *f)
{
	return &p->shares[f->share - 1];
}

static int room(struct frame_share *s, u32 n)
{
	struct share_user *u;

	if (s->n + n <= s->cap)
		return 0;
	u = realloc(s->users, (s->n + n) * 2 * sizeof *u);
	if (!u)
		return -ENOMEM;
	s->users = u;
	s->cap = (s->n + n) * 2;
	return 0;
}

/* Makes sure that a record is free. */
static int record_room(struct frame_pool *p)
{
	struct frame_share *s;
	u32 cap, i;

	if (p->share_free)
		return 0;
	cap = p->nshares ? p->nshares * 2 : 16;
	s = realloc(p->shares, cap * sizeof *s);
	if (!s)
		return -ENOMEM;
	memset(s + p->nshares, 0, (cap - p->nshares) * sizeof *s);
	for (i = p->nshares; i < cap; i++)
		s[i].next_free = i + 1 < cap ? i + 2 : 0;
	p->share_free = p->nshares + 1;
	p->shares = s;
	p->nshares = cap;
	return 0;
}

static void record_free(struct frame_pool *p, struct frame *f)
{
	struct frame_share *s = record(p, f);

	free(s->users);
	*s = (struct frame_share){ .next_free = p->share_free };
	p->share_free = f->share;
	f->share = 0;
}

int share_join(struct frame *f, struct mem *from, u64 at, struct mem *m, u64 mfn)
{
	struct frame_pool *p = m->pool;
	struct frame_share *s;

	if (!f->share) {
		if (record_room(p) || room(&p->shares[p->share_free - 1], 2))
			return -ENOMEM;
		f->share = p->share_free;
		s = record(p, f);
		p->share_free = s->next_free;
		s->users[s->n++] = (struct share_user){ from, at };
		from->root[at / LEAF_FRAMES]->shared++;
		/* Its stores go the slow way from now on, where the other users are told. */
		mmu_revoke_writes(from, at);
	}
	s = record(p, f);
	if (room(s, 1))
		return -ENOMEM;
	s->users[s->n++] = (struct share_user){ m, mfn };
	return 0;
}

void share_leave(struct frame *f, struct mem *m, u64 mfn)
{
	struct frame_share *s = record(m->pool, f);
	u32 i;

	for (i = 0; s->users[i].mem != m || s->users[i].mfn != mfn; i++)
		assert(i + 1 < s->n);
	s->users[i] = s->users[--s->n];
	if (s->n > 1)
		return;
	s->users[0].mem->root[s->users[0].mfn / LEAF_FRAMES]->shared--;
	record_free(m->pool, f);
}

bool share_list_dirty(struct frame *f, struct frame_pool *p)
{
	const struct frame_share *s = record(p, f);
	bool all = true;
	u32 i;

	for (i = 0; i < s->n; i++)
		all &= !mem_list_dirty(s->users[i].mem, s->users[i].mfn);
	return all;
}

bool share_written(struct frame *f, struct mem *m, u64 mfn, u32 off, u32 len)
{
	const struct frame_share *s = record(m->pool, f);
	u32 i;

	for (i = 0; i < s->n; i++) {
		struct mem *o = s->users[i].mem;
		u64 at = s->users[i].mfn;

		if (o == m && at == mfn)
			continue;
		if (f->code && o->hooks)
			o->hooks->code_written(o->opaque, f, off, len);
		if (*mem_watch(o, at) & WATCH_ANY_TABLE)
			mmu_frame_written(o, at, off, len);
		if (o->attentive) {
			mmu_monitor_written(o, at, off, len);
			mem_look_written(o, at);
		}
	}
	return share_list_dirty(f, m->pool);
}

bool mem_shared_at(const struct mem *m, const struct frame *f, u64 *mfn)
{
	const struct frame_share *s = f->share ? record(m->pool, f) : NULL;
	u32 i;

	*mfn = UINT64_MAX;
	for (i = 0; s && i < s->n; i++)
		if (s->users[i].mem == m)
			*mfn = MIN(*mfn, s->users[i].mfn);
	return *mfn != UINT64_MAX;
}

void frame_shares_free(struct frame_pool *p)
{
	u32 i;

	for (i = 0; i < p->nshares; i++)
		free(p->shares[i].users);
	free(p->shares);
	p->shares = NULL;
	p->nshares = p->share_free = 0;
}
