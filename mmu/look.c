/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Observers: which frames were written since they were seen. A frame that is at other numbers, too, is cloned by the
 * first store to it (mem_unshare()), so only a store to an observed number changes the bytes that its observer reads. A
 * frame that is shared by mem_share() is not cloned: a store under any of its numbers is told to those who look under
 * the others (mmu/share.c).
 */
#include "mmu/look.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mmu/mmu.h"

static size_t seen_size(const struct mem *m)
{
	return (size_t)(m->limit / 64) * sizeof(u64); /* the limit is whole leaves */
}

int mem_look_start(struct mem_look *l, struct mem *m)
{
	l->seen = calloc(1, seen_size(m) ? seen_size(m) : 1);
	if (!l->seen)
		return -ENOMEM;
	l->mem = m;
	l->next = m->looks;
	m->looks = l;
	m->attentive++;
	return 0;
}

void mem_look_stop(struct mem_look *l)
{
	struct mem_look **p;

	if (!l->mem)
		return;
	for (p = &l->mem->looks; *p != l; p = &(*p)->next)
		;
	*p = l->next;
	l->mem->attentive--;
	free(l->seen);
	memset(l, 0, sizeof *l);
}

void mem_look_gone(struct mem *m)
{
	while (m->looks)
		mem_look_stop(m->looks);
}

void mem_look_seen(struct mem_look *l, const u64 *mfns, size_t n)
{
	bool any = false;
	size_t i;

	if (!l->mem)
		return;
	for (i = 0; i < n; i++)
		if (mfns[i] < l->mem->limit && mem_look_new(l, mfns[i])) {
			l->seen[mfns[i] / 64] |= BIT(mfns[i] % 64);
			any = true;
		}
	if (any)
		mmu_revoke_looked(l->mem);
}

void mem_look_all_seen(struct mem_look *l)
{
	if (!l->mem)
		return;
	memset(l->seen, 0xff, seen_size(l->mem));
	mmu_revoke_looked(l->mem);
}

u64 *mem_look_changed(const struct mem_look *l)
{
	size_t n = l->mem ? seen_size(l->mem) : 0, i;
	u64 *bits = n ? malloc(n) : NULL;

	for (i = 0; bits && i < n / sizeof *bits; i++)
		bits[i] = ~l->seen[i];
	return bits;
}

void mem_look_written(struct mem *m, u64 mfn)
{
	struct mem_look *l;

	for (l = m->looks; l && mfn < m->limit; l = l->next)
		l->seen[mfn / 64] &= ~BIT(mfn % 64);
}

void mem_look_all_written(struct mem *m)
{
	struct mem_look *l;

	for (l = m->looks; l; l = l->next)
		memset(l->seen, 0, seen_size(m));
}

bool mem_look_waits(const struct mem *m, u64 mfn)
{
	const struct mem_look *l;

	for (l = m->looks; l && mfn < m->limit; l = l->next)
		if (!mem_look_new(l, mfn))
			return true;
	return false;
}
