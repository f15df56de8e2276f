/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Takes the form of a guest that has suspended itself (pv/suspend.h). Which frame is which page is what the guest's own list of
 * pages says, where the machine-to-physical table agrees; shared_info says where that list is: in the guest's address space
 * (p2m_cr3, p2m_vaddr), or as a tree of frames (pfn_to_mfn_frame_list_list). Xen public/arch-x86/xen.h, struct arch_shared_info.
 *
 * As with Xen, a guest that maps frames which are not its own (shared_info, another guest's by a grant) cannot be saved: Linux lets
 * go of them first.
 */
#include "pv/suspend_impl.h"

#include <errno.h>
#include <stdlib.h>

#include "pv/compat/compat.h"
#include "pv/mm/mm.h"
#include "pv/traps.h"

#define ULL(x) ((unsigned long long)(x))

struct take {
	struct domain *d;
	struct pv_domain *p;
	struct pv_suspend_form f;
	u64 *frames; /* of f.list, as machine frames */
	struct mem *mem;
	struct error *e;
};

/* ---- the guest's list of pages ------------------------------------------------------------------------------------- */

/* The frame that its list has for a page. */
static u64 list_entry(const struct take *t, u64 pfn)
{
	u32 word = t->f.word;
	const u8 *p = mem_ro(&t->d->mem, t->frames[pfn / (PAGE_SIZE / word)]);

	return suspend_word(p + pfn % (PAGE_SIZE / word) * word, word);
}

/* The guest's own, and not lent or granted to it. */
static bool is_own(const struct take *t, u64 mfn)
{
	const struct pv_page *pg = pv_mm_page(t->p, mfn);

	return pg && pg->refs && (pg->flags & PGF_ALLOCATED) && !(pg->flags & (PGF_SPECIAL | PGF_ALIAS));
}

/* The page that a frame is, as both lists have it. */
static u64 pfn_of(const void *opaque, u64 mfn)
{
	const struct take *t = opaque;
	u64 pfn = is_own(t, mfn) ? pv_m2p_get(t->p, mfn) : SUSPEND_NONE;

	return pfn < t->f.s.pages && list_entry(t, pfn) == mfn ? pfn : SUSPEND_NONE;
}

/* The L1 entry's frame for an address, or SUSPEND_NONE. */
static u64 walk(const struct take *t, u64 root, u64 va)
{
	u32 shift;

	for (shift = t->f.word == 4 ? 30 : 39;; shift -= 9) {
		u64 e = is_own(t, root) ? mem_read_u64(&t->d->mem, (root << PAGE_SHIFT) + (va >> shift & 511) * 8) : 0;

		if (!(e & PTE_P))
			return SUSPEND_NONE;
		root = PTE_MFN(e);
		if (shift == PAGE_SHIFT)
			return root;
	}
}

/* A word of a page of the guest's, or SUSPEND_NONE. */
static u64 word_at(const struct take *t, u64 mfn, u64 i)
{
	return is_own(t, mfn) ? suspend_word(mem_ro(&t->d->mem, mfn) + i * t->f.word, t->f.word) : SUSPEND_NONE;
}

static int find_list(struct take *t)
{
	const struct suspend_shared *at = t->f.word == 4 ? &suspend_shared32 : &suspend_shared64;
	const u8 *si = mem_ro(&t->d->mem, t->p->xen.s.shared_info);
	u64 per = PAGE_SIZE / t->f.word, cr3 = suspend_word(si + at->p2m_cr3, t->f.word);
	u64 tree = suspend_word(si + at->tree, t->f.word), root, i;

	t->f.s.pages = suspend_word(si + at->max_pfn, t->f.word);
	t->f.s.p2m_vaddr = suspend_word(si + at->p2m_vaddr, t->f.word);
	t->f.s.p2m_generation = suspend_word(si + at->p2m_generation, t->f.word);
	root = t->f.word == 4 ? compat_cr3_to_mfn(cr3) : cr3 >> PAGE_SHIFT;
	if (!t->f.s.pages || t->f.s.pages > PV_SUSPEND_PAGES_MAX || (!cr3 && t->f.s.pages > per * per * per))
		return error_set(t->e, -EINVAL, "guest %s does not say in its shared_info how many pages it has: its kernel cannot be saved "
				 "this way", t->d->name);
	t->frames = calloc(DIV_UP(t->f.s.pages, per), sizeof *t->frames);
	if (!t->frames || suspend_form_pages(&t->f))
		return error_set(t->e, -ENOMEM, "the host has no memory to save guest %s", t->d->name);
	for (i = 0; i < t->f.nlist; i++) {
		t->frames[i] = cr3 ? walk(t, root, t->f.s.p2m_vaddr + (i << PAGE_SHIFT)) : word_at(t, word_at(t, tree, i / per), i % per);
		if (!is_own(t, t->frames[i]))
			return error_set(t->e, -EINVAL, "guest %s does not say in its shared_info where its list of pages is (part %llu of "
					 "%llu): its kernel cannot be saved this way", t->d->name, ULL(i), ULL(t->f.nlist));
	}
	for (i = 0; i < t->f.nlist; i++) {
		t->f.list[i] = pfn_of(t, t->frames[i]);
		if (t->f.list[i] == SUSPEND_NONE)
			return error_set(t->e, -EINVAL, "the list of pages of guest %s does not have itself (frame 0x%llx): its kernel cannot be "
					 "saved this way", t->d->name, ULL(t->frames[i]));
	}
	/* The tables that show it to Xen's tools: they are the guest's business in the other form. */
	t->f.s.p2m_root = cr3 ? pfn_of(t, root) : 0;
	if (!cr3)
		t->f.s.p2m_vaddr = 0;
	return t->f.s.p2m_root == SUSPEND_NONE ? error_set(t->e, -EINVAL, "the list of pages of guest %s lacks its table 0x%llx", t->d->name,
							   ULL(root)) : 0;
}

/* ---- pages --------------------------------------------------------------------------------------------------------- */

static u8 kind_of(const struct pv_page *pg)
{
	u8 level = pg->type == PG_L2_TOP ? 2 : pg->type >= PG_L1 && pg->type <= PG_L4 ? pg->type : 0;

	return level && pg->flags & PGF_PINNED ? level | SUSPEND_PINNED : level;
}

static int no_memory(const struct take *t)
{
	return error_set(t->e, -ENOMEM, "the host has no memory to save guest %s", t->d->name);
}

/* All pages as they are. from is a fork: its frames are nobody's to write. */
static int share_pages(struct take *t, const struct mem *from)
{
	u64 pfn;

	for (pfn = 0; pfn < t->f.s.pages; pfn++) {
		u64 mfn = list_entry(t, pfn);

		if (pfn_of(t, mfn) != pfn)
			continue;
		t->f.kind[pfn] = kind_of(pv_mm_page(t->p, mfn));
		if (mem_alias(t->mem, pfn, mem_frame(from, mfn)))
			return no_memory(t);
	}
	return 0;
}

/* In the list of pages each page that is there has its own number; the other entries name no frame, and stay. */
static int make_list_canonical(struct take *t)
{
	u64 per = PAGE_SIZE / t->f.word, pfn;
	u8 *p = NULL;

	for (pfn = 0; pfn < t->f.s.pages; pfn++) {
		if (pfn % per == 0) {
			p = mem_unshare(t->mem, t->f.list[pfn / per]);
			if (!p)
				return no_memory(t);
		}
		if (mem_frame(t->mem, pfn))
			suspend_put_word(p + pfn % per * t->f.word, t->f.word, pfn);
	}
	return 0;
}

static int make_tables_canonical(struct take *t)
{
	u64 pfn, entry;
	u8 *p;

	for (pfn = 0; pfn < t->f.s.pages; pfn++) {
		if (!t->f.kind[pfn])
			continue;
		p = mem_unshare(t->mem, pfn);
		if (!p)
			return no_memory(t);
		if (!suspend_table(p, pfn_of, t, &entry))
			return error_set(t->e, -EINVAL, "guest %s maps a frame that is not its own (entry 0x%llx in page 0x%llx), as of another "
					 "guest: it has to let go of it before it can be saved this way", t->d->name, ULL(entry), ULL(pfn));
	}
	return 0;
}

/* ---- vCPUs --------------------------------------------------------------------------------------------------------- */

static int take_vcpu(struct take *t, struct vcpu *v)
{
	struct pv_suspend_vcpu *o = &t->f.vcpu[v->id];
	const struct pv_vcpu_state *s = &pv_of(v)->s;
	const struct x86_state *x = &x86_of(v)->s;
	u32 i;

	/* As with Xen: one that is down is as one that was never up. */
	o->online = v->s.run != VCPU_OFFLINE;
	if (!o->online)
		return 0;
	o->flags = s->flags & (PV_SYSCALL32_MASK | PV_SYSENTER_MASK);
	pv_vcpu_context(v, o->context);
	o->syscall32_cs = s->syscall32_cs;
	o->syscall32_ip = s->syscall32_ip;
	o->sysenter_cs = s->sysenter_cs;
	o->sysenter_ip = s->sysenter_ip;
	o->xcr0 = x->xcr0;
	o->tsc_aux = x->tsc_aux;
	o->rng = x->rng;
	o->pkru = x->pkru;
	for (i = 0; i < ARRAY_SIZE(o->high); i++)
		o->high[i] = VQ(&x->vec[i / 2], 2 + i % 2);
	memcpy(o->mc_ctl2, s->mc_ctl2, sizeof o->mc_ctl2);
	if (!pv_context_frames(o->context, t->p->xen.s.is32, v->id == 0, pfn_of, t))
		return error_set(t->e, -EINVAL, "vCPU %u of guest %s names a frame that is none of its pages, or does not say where its start_info "
				 "is: its kernel cannot be saved this way", v->id, t->d->name);
	return 0;
}

static int take_vcpus(struct take *t)
{
	int rc = suspend_form_vcpus(&t->f, t->d->nvcpus) ? no_memory(t) : 0;
	u32 i;

	for (i = 0; i < t->d->nvcpus && !rc; i++)
		rc = take_vcpu(t, t->d->vcpus[i]);
	if (!rc && !t->f.vcpu[0].online)
		return error_set(t->e, -EINVAL, "vCPU 0 of guest %s is down, and it must be the one that suspends", t->d->name);
	if (!rc)
		t->f.s.start_info = pv_context_start_info(t->f.vcpu[0].context, t->p->xen.s.is32);
	return rc;
}

/* ---- all ----------------------------------------------------------------------------------------------------------- */

static int take_pages(struct take *t)
{
	struct mem fork;
	int rc;

	if (mem_init(t->mem, t->d->mem.pool, t->f.s.pages))
		return no_memory(t);
	rc = mem_init(&fork, t->d->mem.pool, t->d->mem.limit) ? no_memory(t) : 0;
	if (rc)
		return rc;
	rc = mem_fork(&fork, &t->d->mem) ? no_memory(t) : share_pages(t, &fork);
	mem_free(&fork);
	if (!rc)
		rc = make_list_canonical(t);
	return rc ? rc : make_tables_canonical(t);
}

int pv_suspend_take(struct domain *d, struct mem *mem, struct buf *state, struct error *e)
{
	struct take t = { .d = d, .p = pv_dom(d), .mem = mem, .e = e };
	int rc;

	domain_sync(d);
	t.f.word = t.p->xen.s.is32 ? 4 : 8;
	t.f.s.now = domain_now(d);
	rc = find_list(&t);
	if (!rc)
		rc = take_vcpus(&t);
	if (!rc)
		rc = take_pages(&t);
	if (!rc && suspend_form_save(&t.f, state))
		rc = no_memory(&t);
	if (rc && mem->root) {
		mem_free(mem);
		memset(mem, 0, sizeof *mem);
	}
	suspend_form_free(&t.f);
	free(t.frames);
	return rc;
}
