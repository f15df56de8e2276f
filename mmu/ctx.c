/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Contexts: two top-level tables with the same 256 entries in a half share that half's name, so that TLB entries stay
 * valid over switches between them. Accessed and dirty bits are left out of the comparison.
 */
#include "mmu/ctx.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

struct mmu_ctx_table *ctx_table_new(void)
{
	struct mmu_ctx_table *t = calloc(1, sizeof *t);

	if (t) {
		t->refs = 1;
		t->next_id = 1;
	}
	return t;
}

/* When names run out all are taken back: every TLB of the domain is emptied. */
static u32 id_new(struct mmu_ctx_table *t, struct mem *mem)
{
	struct mmu *m;
	u32 i;

	if (t->next_id > CTX_IDS) {
		for (m = mem->mmus; m; m = m->next)
			mmu_flush(m);
		t->next_id = 1;
		for (i = 0; i < CTX_SLOTS; i++)
			if (t->halves[i].used)
				t->halves[i].id = t->next_id++;
		if (mem->hooks)
			mem->hooks->code_unmapped(mem->opaque);
		for (m = mem->mmus; m; m = m->next)
			m->ctx_stale = true;
	}
	return t->next_id++;
}

static u32 half_find(struct mmu_ctx_table *t, struct mem *mem, const u64 *content, bool high)
{
	u64 h = HASH_SEED ^ high;
	u32 i, victim = 0;

	for (i = 0; i < MMU_HALF_ENTRIES; i++)
		if (content[i])
			h = hash_u64(h, content[i] ^ ((u64)i << 52));
	for (i = 0; i < CTX_SLOTS; i++) {
		struct ctx_half *c = &t->halves[i];

		if (c->used && c->hash == h && c->high == high && !memcmp(c->content, content, sizeof c->content)) {
			c->used = ++t->tick;
			return i;
		}
		if (c->used < t->halves[victim].used)
			victim = i;
	}
	/* Roots that named the victim are forgotten with it. */
	for (i = 0; i < CTX_ROOTS; i++)
		if (t->roots[i].half[high] == victim)
			t->roots[i].root = 0;
	t->halves[victim].hash = h;
	t->halves[victim].high = high;
	t->halves[victim].used = ++t->tick;
	memcpy(t->halves[victim].content, content, sizeof t->halves[victim].content);
	t->halves[victim].id = id_new(t, mem);
	return victim;
}

void ctx_resolve(struct mmu *m, u32 id[2])
{
	struct mmu_ctx_table *t = m->ctxs;
	u64 key = m->arch->root_key(m);
	struct ctx_root *r = &t->roots[(u32)((m->root >> PAGE_SHIFT) * 0x9e3779b1u) >> 24];
	u64 content[MMU_HALF_ENTRIES];
	u32 i, half[2];

	if (key && r->root == key) {
		t->halves[r->half[0]].used = t->halves[r->half[1]].used = ++t->tick;
		id[0] = t->halves[r->half[0]].id;
		id[1] = t->halves[r->half[1]].id;
		return;
	}
	for (i = 0; i < 2; i++) {
		m->arch->half(m, i, content);
		half[i] = half_find(t, m->mem, content, i);
	}
	r->root = key;
	r->half[0] = half[0];
	r->half[1] = half[1];
	id[0] = t->halves[half[0]].id;
	id[1] = t->halves[half[1]].id;
	if (key && mem_frame(m->mem, m->root >> PAGE_SHIFT)) {
		u8 *w = mem_watch(m->mem, m->root >> PAGE_SHIFT);

		if (!(*w & WATCH_ROOT)) {
			*w |= WATCH_ROOT;
			mmu_revoke_writes(m->mem, m->root >> PAGE_SHIFT);
		}
	}
}

void ctx_rename(struct mem *mem, bool low, bool high)
{
	struct mmu *m = mem->mmus;
	struct mmu_ctx_table *t;
	u32 i;

	if (!m)
		return;
	t = m->ctxs;
	for (i = 0; i < CTX_SLOTS; i++)
		if (t->halves[i].used && (t->halves[i].high ? high : low))
			t->halves[i].id = id_new(t, mem);
	for (; m; m = m->next)
		mmu_update(m);
	if (mem->hooks)
		mem->hooks->code_unmapped(mem->opaque);
}

void ctx_forget(struct mem *mem)
{
	struct mmu *m = mem->mmus;

	if (!m)
		return;
	memset(m->ctxs->halves, 0, sizeof m->ctxs->halves);
	memset(m->ctxs->roots, 0, sizeof m->ctxs->roots);
	m->ctxs->next_id = 1;
	for (; m; m = m->next) {
		mmu_flush(m);
		m->ctx[0] = m->ctx[1] = TLB_INVALID - 1;
		m->ctx_stale = true;
	}
	if (mem->hooks)
		mem->hooks->code_unmapped(mem->opaque);
}

void ctx_root_written(struct mem *mem, u64 mfn)
{
	struct mmu *m = mem->mmus;
	u32 i;

	if (!m)
		return;
	for (i = 0; i < CTX_ROOTS; i++)
		if (m->ctxs->roots[i].root >> PAGE_SHIFT == mfn)
			m->ctxs->roots[i].root = 0;
	*mem_watch(mem, mfn) &= (u8)~WATCH_ROOT;
	/* The bytes change after this call: contexts are looked up again at the next use. */
	for (; m; m = m->next)
		if (m->root >> PAGE_SHIFT == mfn) {
			m->ctx[0] = m->ctx[1] = TLB_INVALID - 1;
			m->ctx_stale = true;
		}
	if (mem->hooks)
		mem->hooks->code_unmapped(mem->opaque);
}
