/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames of a paravirtual guest: numbers, allocation, the machine-to-physical table, and who holds what. Each guest has frame
 * numbers of its own, and allocation takes the lowest free one: so a fork or a restored guest gets the same numbers. Left out:
 * superpages, NUMA, address widths.
 */
#include "pv/mm/mm.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "pv/mm/impl.h"

#define M2P_NONE (~0ULL)
#define SPECIAL_FRAMES 256u
#define ALIAS_FRAMES 4096u
#define ORDER_MAX 18u

static const struct state_field page_fields[] = {
	STATE_INT(struct pv_page, refs), STATE_INT(struct pv_page, types), STATE_INT(struct pv_page, holds),
	STATE_INT(struct pv_page, type), STATE_INT(struct pv_page, flags), STATE_INT(struct pv_page, linear)
};
STATE_DESC(pv_page_desc, "pv-page", 1, struct pv_page, page_fields);

static const struct state_field mm_fields[] = {
	STATE_INT(struct pv_mm_state, total), STATE_INT(struct pv_mm_state, free_from),
	STATE_INT(struct pv_mm_state, nspecial), STATE_INT(struct pv_mm_state, alias_from)
};
STATE_DESC(pv_mm_state_desc, "pv-mm", 1, struct pv_mm_state, mm_fields);

void mm_refused(const struct pv_mm *mm, const char *fmt, ...)
{
	struct host *h = mm->pd->xen.d->host;
	char text[160];
	va_list ap;

	if (!h || !log_on(&h->log, LOG_GUEST_ERRORS))
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	log_line(&h->log, LOG_GUEST_ERRORS, "mm: %s", text);
}

/* ---- the M2P ---------------------------------------------------------------------------------------------------- */

void pv_m2p_set(struct pv_domain *p, u64 mfn, u64 pfn)
{
	u64 frame;
	bool moved;
	struct mmu *m;

	if (!mm_page(p->mm, mfn))
		return;
	frame = mfn * p->mm->m2p_size / PAGE_SIZE;
	/* Windows cache pointers to these frames: one that is about to be cloned must be looked up again. */
	moved = mem_frame(&p->m2p, frame) && !mem_is_private_dirty(&p->m2p, frame);
	if (p->mm->m2p_size == 4)
		mem_write_u32(&p->m2p, mfn * 4, (u32)pfn);
	else
		mem_write_u64(&p->m2p, mfn * 8, pfn);
	if (moved)
		for (m = p->xen.d->mem.mmus; m; m = m->next)
			mmu_flush(m);
}

u64 pv_m2p_get(const struct pv_domain *p, u64 mfn)
{
	if (!mm_page(p->mm, mfn))
		return M2P_NONE;
	if (p->mm->m2p_size == 4) {
		u32 pfn = mem_read_u32(&p->m2p, mfn * 4);

		return pfn == UINT32_MAX ? M2P_NONE : pfn;
	}
	return mem_read_u64(&p->m2p, mfn * 8);
}

/* What an entry is at the start: frames are in the order of pages. */
static u64 m2p_start(const struct pv_mm *mm, u64 i)
{
	return i < mm->start ? i : M2P_NONE;
}

/* Whether entries from i up to end, which lie in a frame, are that. */
static bool m2p_as_at_start(const struct pv_mm *mm, u64 i, u64 end)
{
	u64 at = (PV_MFN_BASE + i) * mm->m2p_size;
	const u8 *p = mem_ro(&mm->pd->m2p, at / PAGE_SIZE);

	for (p = p ? p + PAGE_OFFSET(at) : NULL; p && i < end; i++, p += mm->m2p_size)
		if (mm->m2p_size == 4 ? ld32(p) != (u32)m2p_start(mm, i) : ld64(p) != m2p_start(mm, i))
			return false;
	return p;
}

/* Frames of the table that are not as at the start: each with its number, then its entries; ~0 ends them. */
static void m2p_save(void *opaque, struct buf *out)
{
	const struct pv_mm *mm = opaque;
	u64 per_frame = PAGE_SIZE / mm->m2p_size, f, i, end;

	for (f = 0; f * per_frame < mm->n; f++) {
		if (mem_waits(&mm->pd->m2p, PV_MFN_BASE / per_frame + f))
			continue;
		end = MIN((f + 1) * per_frame, mm->n);
		if (m2p_as_at_start(mm, f * per_frame, end))
			continue;
		buf_put_u64(out, f);
		for (i = f * per_frame; i < end; i++)
			buf_put_u64(out, pv_m2p_get(mm->pd, PV_MFN_BASE + i));
	}
	buf_put_u64(out, UINT64_MAX);
}

static int m2p_load(void *opaque, struct reader *in)
{
	struct pv_mm *mm = opaque;
	u64 per_frame = PAGE_SIZE / mm->m2p_size, next = reader_u64(in), f, i;

	for (f = 0; f * per_frame < mm->n; f++) {
		bool here = f == next;

		if (!here && mem_waits(&mm->pd->m2p, PV_MFN_BASE / per_frame + f))
			continue;
		for (i = f * per_frame; i < MIN((f + 1) * per_frame, mm->n); i++) {
			u64 pfn = here ? reader_u64(in) : m2p_start(mm, i);

			if (pfn != pv_m2p_get(mm->pd, PV_MFN_BASE + i))
				pv_m2p_set(mm->pd, PV_MFN_BASE + i, pfn);
		}
		if (here)
			next = reader_u64(in);
	}
	return in->failed || next != UINT64_MAX ? -XEN_EINVAL : 0;
}

/* Numbers as at the start, and ~0 for frames that are not there: one frame of those serves all. */
static int m2p_init(struct pv_mm *mm)
{
	struct mem *m = &mm->pd->m2p;
	u64 per_frame = PAGE_SIZE / mm->m2p_size;
	u64 first = PV_MFN_BASE / per_frame, full = first + mm->start / per_frame;
	u64 end = DIV_UP(PV_MFN_BASE + mm->n, per_frame), i;
	u8 *p;

	if (mem_init(m, mm->mem->pool, end) || mem_add_zeros(m, first, full - first) ||
	    mem_add_series(m, first, full - first, 0, mm->m2p_size))
		return -XEN_ENOMEM;
	/* There is such a frame: the guest has fewer pages than numbers. */
	p = mem_add(m, full) ? NULL : mem_rw(m, full, 0, PAGE_SIZE);
	if (!p)
		return -XEN_ENOMEM;
	memset(p, 0xff, PAGE_SIZE);
	/* A set of an entry gives its frame a copy of its own. */
	for (i = full + 1; i < end; i++)
		if (mem_alias(m, i, mem_frame(m, full)))
			return -XEN_ENOMEM;
	for (i = mm->start / per_frame * per_frame; i < mm->start; i++)
		pv_m2p_set(mm->pd, PV_MFN_BASE + i, i);
	return 0;
}

/* ---- pages ------------------------------------------------------------------------------------------------------ */

static struct pv_page page_start(const struct pv_mm *mm, u64 i)
{
	return i < mm->start ? (struct pv_page){ .refs = 1, .flags = PGF_ALLOCATED } : (struct pv_page){ 0 };
}

void mm_chunk_make(const struct pv_mm *mm, u64 chunk)
{
	u64 i;

	for (i = chunk * MM_CHUNK; i < MIN((chunk + 1) * MM_CHUNK, mm->n); i++)
		mm->pages[i] = page_start(mm, i);
	mm->made[chunk] = 1;
}

static bool same_page(const struct pv_page *a, const struct pv_page *b)
{
	return !memcmp(a, b, sizeof *a);
}

/* For a hash: pages that are not as at the start, each with its number. */
static void pages_list(const struct pv_mm *mm, struct buf *out)
{
	u64 i;

	for (i = 0; i < mm->n; i++) {
		struct pv_page was = page_start(mm, i);

		if (!mm->made[i / MM_CHUNK]) {
			i |= MM_CHUNK - 1;
			continue;
		}
		if (same_page(&mm->pages[i], &was))
			continue;
		buf_put_u64(out, i);
		state_save(&pv_page_desc, &mm->pages[i], out);
	}
}

/* Runs of pages that are alike and not as at the start: the first one's number, how many, one of them. */
static void pages_runs(const struct pv_mm *mm, struct buf *out)
{
	u64 i, end;

	for (i = 0; i < mm->n; i = end) {
		struct pv_page was = page_start(mm, i);

		if (!mm->made[i / MM_CHUNK]) {
			end = (i | (MM_CHUNK - 1)) + 1;
			continue;
		}
		for (end = i + 1; end < mm->n && mm->made[end / MM_CHUNK] && same_page(&mm->pages[end], &mm->pages[i]); end++)
			;
		/* A run that crosses the end of what is there at the start is more than it need be, and no less true. */
		if (same_page(&mm->pages[i], &was) && (end <= mm->start || i >= mm->start))
			continue;
		buf_put_u64(out, i);
		buf_put_u64(out, end - i);
		state_save(&pv_page_desc, &mm->pages[i], out);
	}
}

/* Many pages are alike, and a snapshot is to be taken in no time; a hash is what it always was. ~0 ends either. */
static void pages_save(void *opaque, struct buf *out)
{
	if (out->schema)
		pages_runs(opaque, out);
	else
		pages_list(opaque, out);
	buf_put_u64(out, UINT64_MAX);
}

static int pages_load(void *opaque, struct reader *in)
{
	struct pv_mm *mm = opaque;
	struct pv_page page;
	u64 i, n;

	memset(mm->made, 0, DIV_UP(mm->n, MM_CHUNK));
	while ((i = reader_u64(in)) != UINT64_MAX && !in->failed) {
		n = in->schema ? reader_u64(in) : 1;
		if (i >= mm->n || n > mm->n - i || state_load(&pv_page_desc, &page, in))
			return -XEN_EINVAL;
		for (; n; n--, i++)
			*mm_page(mm, PV_MFN_BASE + i) = page;
	}
	return in->failed ? -XEN_EINVAL : 0;
}

/* ---- setting up ------------------------------------------------------------------------------------------------- */

/* Own numbers: more than pages, so that a run of them can be found when the guest asks for one. */
static u64 own_numbers(u64 max_pages)
{
	return ALIGN_UP(max_pages + max_pages / 16 + 2048, 512);
}

u64 pv_mm_limit(u64 max_pages)
{
	return PV_MFN_BASE + own_numbers(max_pages) + SPECIAL_FRAMES + ALIAS_FRAMES;
}

int pv_mm_init(struct pv_domain *p, u64 nr_pages, u64 max_pages)
{
	struct state_list *states = &p->xen.d->states;
	struct pv_mm *mm;
	int rc;

	max_pages = MAX(max_pages, nr_pages);
	/* Numbers of frames have 32 bits in pv_vcpu_state.old_table. */
	if (p->xen.d->mem.limit < pv_mm_limit(max_pages) || pv_mm_limit(max_pages) > UINT32_MAX)
		return -XEN_EINVAL;
	mm = calloc(1, sizeof *mm);
	if (!mm)
		return -XEN_ENOMEM;
	p->mm = mm;
	mm->pd = p;
	mm->mem = &p->xen.d->mem;
	mm->is32 = p->xen.s.is32;
	mm->force_u = mm->is32 ? 0 : PTE_U;
	mm->m2p_size = mm->is32 ? 4 : 8;
	mm->special = own_numbers(max_pages);
	mm->alias = mm->special + SPECIAL_FRAMES;
	mm->n = mm->alias + ALIAS_FRAMES;
	mm->s.alias_from = mm->alias;
	p->xen.s.nr_pages = nr_pages;
	p->xen.s.max_pages = max_pages;
	p->s.mfn_end = PV_MFN_BASE + mm->special;
	mm->start = mm->s.total = mm->s.free_from = nr_pages;
	mm->pages = calloc(mm->n, sizeof *mm->pages);
	mm->made = calloc(DIV_UP(mm->n, MM_CHUNK), 1);
	rc = mm->pages && mm->made ? m2p_init(mm) : -XEN_ENOMEM;
	if (!rc && mem_add_zeros(mm->mem, PV_MFN_BASE, nr_pages))
		rc = -XEN_ENOMEM;
	if (!rc && (state_add(states, "pv-mm", 0, &pv_mm_state_desc, &mm->s, 1) ||
		    state_add_custom(states, "pv-pages", 0, pages_save, pages_load, mm) ||
		    state_add_custom(states, "pv-m2p", 0, m2p_save, m2p_load, mm)))
		rc = -XEN_ENOMEM;
	if (rc)
		pv_mm_free(p);
	return rc;
}

void pv_mm_free(struct pv_domain *p)
{
	struct pv_mm *mm = p->mm;

	if (!mm)
		return;
	state_remove(&p->xen.d->states, &mm->s);
	state_remove(&p->xen.d->states, mm);
	mem_free(&p->m2p);
	free(mm->pages);
	free(mm->made);
	free(mm);
	p->mm = NULL;
}

int pv_mm_adopt(struct pv_domain *p, u64 root_mfn)
{
	return pv_mm_pin(p, root_mfn, mm_root_type(p->mm));
}

/* ---- frames ----------------------------------------------------------------------------------------------------- */

const struct pv_page *pv_mm_page(const struct pv_domain *p, u64 mfn)
{
	return mm_page(p->mm, mfn);
}

bool pv_mm_owned(const struct pv_domain *p, u64 mfn)
{
	return mm_owned(p->mm, mfn);
}

u64 pv_mm_total(const struct pv_domain *p)
{
	return p->mm->s.total;
}

u64 pv_mm_room(const struct pv_domain *p)
{
	return p->xen.s.max_pages > p->mm->s.total ? p->xen.s.max_pages - p->mm->s.total : 0;
}

static bool run_free(const struct pv_mm *mm, u64 i, u64 n)
{
	while (n--)
		if (mm_page(mm, PV_MFN_BASE + i + n)->refs)
			return false;
	return true;
}

int pv_mm_alloc_order(struct pv_domain *p, u64 pfn, u32 order, u64 *mfn)
{
	struct pv_mm *mm = p->mm;
	u64 n = order <= ORDER_MAX ? BIT(order) : 0;
	u64 i, k;

	if (!n || n > pv_mm_room(p))
		return -XEN_ENOMEM;
	for (i = ALIGN_UP(mm->s.free_from, n); i + n <= mm->special; i += n, p->xen.work++)
		if (run_free(mm, i, n))
			break;
	if (i + n > mm->special)
		return -XEN_ENOMEM;
	for (k = 0; k < n; k++) {
		if (mem_add(mm->mem, PV_MFN_BASE + i + k))
			break;
		*mm_page(mm, PV_MFN_BASE + i + k) = (struct pv_page){ .refs = 1, .flags = PGF_ALLOCATED };
		mm->s.total++;
		pv_m2p_set(p, PV_MFN_BASE + i + k, pfn + k);
	}
	if (k < n) {
		while (k--)
			mm_unref(mm, mm_page(mm, PV_MFN_BASE + i + k));
		return -XEN_ENOMEM;
	}
	if (i <= mm->s.free_from)
		mm->s.free_from = i + n;
	*mfn = PV_MFN_BASE + i;
	return 0;
}

int pv_mm_alloc(struct pv_domain *p, u64 pfn, u64 *mfn)
{
	struct pv_mm *mm = p->mm;

	while (mm->s.free_from < mm->special && mm_page(mm, PV_MFN_BASE + mm->s.free_from)->refs)
		mm->s.free_from++;
	return pv_mm_alloc_order(p, pfn, 0, mfn);
}

void mm_page_free(struct pv_mm *mm, struct pv_page *pg)
{
	u64 mfn = mm_mfn(mm, pg);
	u64 i = mfn - PV_MFN_BASE;

	mem_remove(mm->mem, mfn);
	memset(pg, 0, sizeof *pg);
	if (i >= mm->alias) {
		mm->s.alias_from = MIN(mm->s.alias_from, i);
		return;
	}
	pv_m2p_set(mm->pd, mfn, M2P_NONE);
	mm->s.free_from = MIN(mm->s.free_from, i);
	mm->s.total--;
}

int pv_mm_release(struct pv_domain *p, u64 mfn)
{
	struct pv_page *pg = mm_owned(p->mm, mfn);

	if (!pg || !(pg->flags & PGF_ALLOCATED)) {
		mm_refused(p->mm, "release of frame 0x%llx, which the guest has not", (unsigned long long)mfn);
		return -XEN_EINVAL;
	}
	pg->flags &= (u8)~PGF_ALLOCATED;
	pv_m2p_set(p, mfn, M2P_NONE);
	mm_unref(p->mm, pg);
	return 0;
}

bool pv_mm_unused(const struct pv_domain *p, u64 mfn)
{
	const struct pv_page *pg = mm_owned(p->mm, mfn);

	return pg && (pg->flags & PGF_ALLOCATED) && pg->refs == 1;
}

u64 pv_mm_special(struct pv_domain *p)
{
	struct pv_mm *mm = p->mm;
	u64 i = mm->special + mm->s.nspecial;

	if (i >= mm->alias || pv_mm_special_give(p, PV_MFN_BASE + i))
		return 0;
	mm->s.nspecial++;
	return PV_MFN_BASE + i;
}

int pv_mm_special_give(struct pv_domain *p, u64 mfn)
{
	struct pv_page *pg = mm_page(p->mm, mfn);

	if (!pg || mem_add(p->mm->mem, mfn))
		return -XEN_ENOMEM;
	*pg = (struct pv_page){ .refs = 1, .types = 1, .type = PG_WRITABLE, .flags = PGF_SPECIAL | PGF_VALIDATED };
	return 0;
}

bool pv_mm_special_idle(const struct pv_domain *p, u64 mfn)
{
	const struct pv_page *pg = mm_page(p->mm, mfn);

	return pg && (pg->flags & PGF_SPECIAL) && pg->refs == 1;
}

void pv_mm_special_take(struct pv_domain *p, u64 mfn)
{
	if (!pv_mm_special_idle(p, mfn))
		return;
	mem_remove(p->mm->mem, mfn);
	memset(mm_page(p->mm, mfn), 0, sizeof(struct pv_page));
}

/* One number a frame: however often it is mapped, a store to it has one user here to be told. */
int pv_mm_alias(struct pv_domain *p, struct mem *from, u64 at, u64 *mfn)
{
	struct pv_mm *mm = p->mm;
	const struct frame *f = mem_frame(from, at);
	struct pv_page *pg = f && mem_shared_at(mm->mem, f, mfn) ? mm_page(mm, *mfn) : NULL;
	u64 i = mm->s.alias_from;

	if (pg && (pg->flags & PGF_ALIAS)) {
		/* Without a map it is still there while the guest's tables name it. */
		if (!(pg->flags & PGF_ALLOCATED) && !mm_ref(pg))
			return -XEN_ENOMEM;
		pg->flags |= PGF_ALLOCATED;
		return 0;
	}
	while (i < mm->n && mm_page(mm, PV_MFN_BASE + i)->refs)
		i++;
	if (i >= mm->n || mem_share(mm->mem, PV_MFN_BASE + i, from, at))
		return -XEN_ENOMEM;
	mm->s.alias_from = i + 1;
	*mm_page(mm, PV_MFN_BASE + i) = (struct pv_page){ .refs = 1, .flags = PGF_ALIAS | PGF_ALLOCATED };
	*mfn = PV_MFN_BASE + i;
	return 0;
}

int pv_mm_alias_again(struct pv_domain *p, u64 mfn, struct mem *from, u64 at)
{
	const struct pv_page *pg = mm_page(p->mm, mfn);
	struct mem *m = p->mm->mem;

	if (!pg || (pg->flags & (PGF_ALIAS | PGF_ALLOCATED)) != (PGF_ALIAS | PGF_ALLOCATED) || !mem_frame(from, at))
		return -XEN_EINVAL;
	if (mem_frame(m, mfn) == mem_frame(from, at))
		return 0;
	mem_remove(m, mfn);
	return mem_share(m, mfn, from, at) ? -XEN_ENOMEM : 0;
}

bool pv_mm_aliases_loaded(struct pv_domain *p)
{
	const struct pv_mm *mm = p->mm;
	bool all = true;
	u64 i;

	for (i = mm->alias; i < mm->n; i++) {
		bool there = mem_frame(mm->mem, PV_MFN_BASE + i);

		if (!mm_page(mm, PV_MFN_BASE + i)->refs && there)
			mem_remove(mm->mem, PV_MFN_BASE + i);
		else
			all &= there || !mm_page(mm, PV_MFN_BASE + i)->refs;
	}
	return all;
}

void pv_mm_unalias(struct pv_domain *p, u64 mfn)
{
	struct pv_page *pg = mm_page(p->mm, mfn);

	if (!pg || (pg->flags & (PGF_ALIAS | PGF_ALLOCATED)) != (PGF_ALIAS | PGF_ALLOCATED))
		return;
	pg->flags &= (u8)~PGF_ALLOCATED;
	mm_unref(p->mm, pg);
}

/* ---- holds of the host's services -------------------------------------------------------------------------------- */

int pv_mm_get_page_type(struct pv_domain *p, u64 mfn, enum pv_page_type type)
{
	struct pv_page *pg = mm_owned(p->mm, mfn);
	int rc = pg ? mm_get_type(p->mm, pg, type) : -XEN_EINVAL;

	if (!rc)
		pg->holds++;
	return rc;
}

void pv_mm_put_page_type(struct pv_domain *p, u64 mfn)
{
	struct pv_page *pg = mm_owned(p->mm, mfn);

	if (!pg || !pg->holds)
		return;
	pg->holds--;
	mm_put_type(p->mm, pg);
}

int pv_mm_hold_writable(struct pv_domain *p, u64 mfn)
{
	return pv_mm_get_page_type(p, mfn, PG_WRITABLE);
}

void pv_mm_release_writable(struct pv_domain *p, u64 mfn)
{
	pv_mm_put_page_type(p, mfn);
}
