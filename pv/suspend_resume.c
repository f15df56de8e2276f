/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Makes a guest of the form of a suspended one (pv/suspend.h), in a fresh domain. Pages get frames in another order than a new
 * guest has them, so that a kernel which keeps a frame's number over its suspend is found out. Then, in this order: pages, the list
 * of pages, page tables, start_info and shared_info; pins, by which tables are checked; the rings' frames; vCPUs, the store.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "pv/build/builder.h"
#include "pv/compat/compat.h"
#include "pv/mm/mm.h"
#include "pv/suspend_impl.h"
#include "pv/traps.h"
#include "xen/sched.h"
#include "xen/store/xenstore.h"

#define ULL(x) ((unsigned long long)(x))
#define NOW_MAX BIT(62) /* guest time, ns: later deadlines would not fit their numbers */

struct resume {
	struct domain *d;
	struct pv_domain *p;
	struct pv_suspend_form f;
	const struct mem *mem;
	u32 *frame; /* of each page, counted from PV_MFN_BASE, and 1; 0: none */
	u64 npages; /* that are there */
	struct error *e;
};

static int no_memory(const struct resume *r)
{
	return error_set(r->e, -ENOMEM, "the host has no memory for guest %s", r->d->name);
}

static u64 mfn_of(const void *opaque, u64 pfn)
{
	const struct resume *r = opaque;

	return pfn < r->f.s.pages && r->frame[pfn] ? PV_MFN_BASE + r->frame[pfn] - 1 : SUSPEND_NONE;
}

/* ---- frames -------------------------------------------------------------------------------------------------------- */

/*
 * An order of n numbers in which none is in its own place (Sattolo's: it is one cycle). It derives from what the guest is, so
 * that a form always gives the same guest.
 */
static void shuffle(u32 *order, u32 n, u64 seed)
{
	u32 i, k, x;

	for (i = 0; i < n; i++)
		order[i] = i;
	for (i = n; i-- > 1;) {
		seed = hash_u64(seed, i);
		k = (u32)(seed % i);
		x = order[i];
		order[i] = order[k];
		order[k] = x;
	}
}

/* Gives each page a frame, and takes away those that are too many. */
static int choose_frames(struct resume *r)
{
	u64 n = pv_mm_total(r->p), pfn, k = 0;
	u32 *order = calloc(n, sizeof *order);

	r->frame = calloc(r->f.s.pages, sizeof *r->frame);
	if (!order || !r->frame) {
		free(order);
		return no_memory(r);
	}
	shuffle(order, (u32)n, hash_u64(hash_u64(HASH_SEED, r->f.s.now), n));
	for (pfn = 0; pfn < r->f.s.pages; pfn++) {
		if (!mem_frame(r->mem, pfn))
			continue;
		if (k == n) {
			free(order);
			return error_set(r->e, -EINVAL, "it has more pages than guest %s has memory (%llu MiB)", r->d->name, ULL(n >> 8));
		}
		r->frame[pfn] = order[k++] + 1;
		pv_m2p_set(r->p, PV_MFN_BASE + r->frame[pfn] - 1, pfn);
	}
	r->npages = k;
	for (; k < n; k++)
		pv_mm_release(r->p, PV_MFN_BASE + order[k]);
	free(order);
	return 0;
}

/* Pages are shared with the form until somebody writes them; a fresh frame has zeros already. */
static int fill(struct resume *r)
{
	const struct frame *zero = r->d->mem.pool->zero;
	u64 pfn;

	for (pfn = 0; pfn < r->f.s.pages; pfn++) {
		struct frame *f = mem_frame(r->mem, pfn);
		u64 mfn = mfn_of(r, pfn);

		if (!f || f == zero)
			continue;
		mem_remove(&r->d->mem, mfn);
		if (mem_alias(&r->d->mem, mfn, f))
			return no_memory(r);
	}
	return 0;
}

/* A page for writing, by number. NULL: it is not there, or memory is short; *rc says it. */
static u8 *page_rw(struct resume *r, u64 pfn, const char *what, int *rc)
{
	u64 mfn = mfn_of(r, pfn);
	u8 *p = mfn == SUSPEND_NONE ? NULL : mem_rw(&r->d->mem, mfn, 0, PAGE_SIZE);

	if (mfn == SUSPEND_NONE)
		*rc = error_set(r->e, -EINVAL, "it lacks page 0x%llx, its %s", ULL(pfn), what);
	else if (!p)
		*rc = no_memory(r);
	return p;
}

static int put_list(struct resume *r)
{
	u64 per = PAGE_SIZE / r->f.word, pfn;
	u8 *p = NULL;
	int rc = 0;

	for (pfn = 0; pfn < r->f.s.pages; pfn++) {
		if (pfn % per == 0) {
			p = page_rw(r, r->f.list[pfn / per], "list of pages", &rc);
			if (!p)
				return rc;
		}
		if (r->frame[pfn])
			suspend_put_word(p + pfn % per * r->f.word, r->f.word, mfn_of(r, pfn));
	}
	return 0;
}

static int put_tables(struct resume *r)
{
	u64 pfn, entry;
	int rc = 0;
	u8 *p;

	for (pfn = 0; pfn < r->f.s.pages; pfn++) {
		if (!r->f.kind[pfn])
			continue;
		p = page_rw(r, pfn, "page table", &rc);
		if (!p)
			return rc;
		if (!suspend_table(p, mfn_of, r, &entry))
			return error_set(r->e, -EINVAL, "an entry 0x%llx in its page table 0x%llx names a page that is not there", ULL(entry),
					 ULL(pfn));
	}
	return 0;
}

/* ---- what the guest looks for first -------------------------------------------------------------------------------- */

/* start_info: the rings are where the guest says; where it finds what is new. */
static int put_start_info(struct resume *r)
{
	bool is32 = r->p->xen.s.is32;
	u32 word = r->f.word, store_at = is32 ? SI32_STORE_MFN : SI64_STORE_MFN;
	u32 console_at = is32 ? SI32_CONSOLE_MFN : SI64_CONSOLE_MFN;
	int rc = 0;
	u8 *p = page_rw(r, r->f.s.start_info, "start_info", &rc);
	u64 store, console;

	if (!p)
		return rc;
	store = mfn_of(r, suspend_word(p + store_at, word));
	console = mfn_of(r, suspend_word(p + console_at, word));
	if (store == SUSPEND_NONE || console == SUSPEND_NONE)
		return error_set(r->e, -EINVAL, "its start_info does not say which pages are the rings of the xenstore and the console");
	suspend_put_word(p + store_at, word, store);
	suspend_put_word(p + console_at, word, console);
	st32(p + (is32 ? SI32_STORE_EVTCHN : SI64_STORE_EVTCHN), r->p->xen.s.store_port);
	st32(p + (is32 ? SI32_CONSOLE_EVTCHN : SI64_CONSOLE_EVTCHN), r->p->xen.s.console_port);
	suspend_put_word(p + (is32 ? SI32_SHARED_INFO : SI64_SHARED_INFO), word, r->p->xen.s.shared_info << PAGE_SHIFT);
	suspend_put_word(p + (is32 ? SI32_NR_PAGES : SI64_NR_PAGES), word, r->f.s.pages);
	/* How the list of pages may be shown stays as it was; a kernel's modules are long gone. */
	p += is32 ? SI32_FLAGS : SI64_FLAGS;
	st32(p, ld32(p) & SIF_VIRT_P2M_4TOOLS);
	r->p->xen.s.store_mfn = store;
	r->p->xen.s.console_mfn = console;
	r->p->s.start_info = mfn_of(r, r->f.s.start_info);
	return 0;
}

/* shared_info is new, but for where the list of pages is. A tree of it has frames in it, which the guest makes anew. */
static int put_shared_info(struct resume *r)
{
	const struct suspend_shared *at = r->p->xen.s.is32 ? &suspend_shared32 : &suspend_shared64;
	u64 root = mfn_of(r, r->f.s.p2m_root);
	u8 *p = mem_rw(&r->d->mem, r->p->xen.s.shared_info, 0, PAGE_SIZE);

	if (!p)
		return no_memory(r);
	suspend_put_word(p + at->max_pfn, r->f.word, r->f.s.pages);
	if (!r->f.s.p2m_vaddr || root == SUSPEND_NONE)
		return 0;
	suspend_put_word(p + at->tree, r->f.word, ~0ULL);
	suspend_put_word(p + at->p2m_cr3, r->f.word, r->f.word == 4 ? compat_mfn_to_cr3(root) : root << PAGE_SHIFT);
	suspend_put_word(p + at->p2m_vaddr, r->f.word, r->f.s.p2m_vaddr);
	suspend_put_word(p + at->p2m_generation, r->f.word, r->f.s.p2m_generation);
	return 0;
}

/* ---- page types ---------------------------------------------------------------------------------------------------- */

/* Pins the tables of a level. Those that are refused are counted. */
static u64 pin_level(struct resume *r, u8 level, u64 *first)
{
	u64 pfn, refused = 0;

	for (pfn = 0; pfn < r->f.s.pages; pfn++) {
		if (r->f.kind[pfn] != (level | SUSPEND_PINNED))
			continue;
		if (!pv_mm_pin(r->p, mfn_of(r, pfn), PG_L1 + level - 1))
			r->f.kind[pfn] = level;
		else if (!refused++)
			*first = pfn;
	}
	return refused;
}

static int pin(struct resume *r)
{
	u64 refused = 0, pfn = 0;
	u8 level;

	/* A linear page table wants the table that it names to be there: such are pinned the second time. */
	for (level = 1; level <= 4 && !refused; level++)
		if (pin_level(r, level, &pfn))
			refused = pin_level(r, level, &pfn);
	return refused ? error_set(r->e, -EINVAL, "its page table 0x%llx is not one that a guest may have", ULL(pfn)) : 0;
}

static int hold_rings(struct resume *r)
{
	if (pv_mm_hold_writable(r->p, r->p->xen.s.store_mfn) || pv_mm_hold_writable(r->p, r->p->xen.s.console_mfn))
		return error_set(r->e, -EINVAL, "the rings of its xenstore and console are page tables or descriptors");
	return 0;
}

/* ---- vCPUs --------------------------------------------------------------------------------------------------------- */

static void put_callback(const struct resume *r, u64 *cs, u64 *ip, u64 from_cs, u64 from_ip)
{
	if (r->p->xen.s.is32) {
		*cs = from_ip ? compat_selector(from_cs & 0xffff) : 0;
		*ip = (u32)from_ip;
	} else if (from_ip && pv_canonical(from_ip)) {
		*cs = FLAT_KERNEL_CS64;
		*ip = from_ip;
	}
}

static int put_vcpu(struct resume *r, struct vcpu *v, struct pv_suspend_vcpu *o)
{
	struct pv_vcpu_state *s = &pv_of(v)->s;
	struct x86 *c = x86_of(v);
	u32 i;

	if (!o->online)
		return 0;
	if (!pv_context_frames(o->context, r->p->xen.s.is32, v->id == 0, mfn_of, r))
		return error_set(r->e, -EINVAL, "its vCPU %u names a page that is not there", v->id);
	if (pv_vcpu_from_context(v, o->context))
		return error_set(r->e, -EINVAL, "its vCPU %u is not one that a guest may have", v->id);
	if (!x86_xcr0_valid(c, o->xcr0))
		return error_set(r->e, -EINVAL, "its vCPU %u has an XCR0 0x%llx, which this processor has not", v->id, ULL(o->xcr0));
	s->flags = (s->flags & ~(u32)(PV_SYSCALL32_MASK | PV_SYSENTER_MASK)) | (o->flags & (PV_SYSCALL32_MASK | PV_SYSENTER_MASK));
	put_callback(r, &s->syscall32_cs, &s->syscall32_ip, o->syscall32_cs, o->syscall32_ip);
	put_callback(r, &s->sysenter_cs, &s->sysenter_ip, o->sysenter_cs, o->sysenter_ip);
	memcpy(s->mc_ctl2, o->mc_ctl2, sizeof s->mc_ctl2);
	x86_sync(c);
	c->s.xcr0 = o->xcr0;
	c->s.tsc_aux = (u32)o->tsc_aux;
	c->s.rng = o->rng;
	c->s.pkru = o->pkru;
	for (i = 0; i < ARRAY_SIZE(o->high); i++)
		VQ(&c->s.vec[i / 2], 2 + i % 2) = o->high[i];
	x86_load(c);
	x86_mode_changed(c);
	xen_vcpu_up(v);
	return 0;
}

static int put_vcpus(struct resume *r)
{
	int rc = 0;
	u32 i;

	if (!r->f.vcpu[0].online)
		return error_set(r->e, -EINVAL, "its vCPU 0 is down, which no guest's is that has suspended itself");
	for (i = 0; i < r->d->nvcpus && !rc; i++)
		rc = put_vcpu(r, r->d->vcpus[i], &r->f.vcpu[i]);
	return rc;
}

/* Which vCPUs are there is for a guest to read in the store; more or fewer would be a request. */
static int put_store(struct resume *r, const struct pv_create_in *in)
{
	int rc = pv_domain_begin(r->p, in, r->npages << (PAGE_SHIFT - 10));
	char path[64];
	u32 i;

	for (i = 0; i < r->d->nvcpus && !rc; i++) {
		snprintf(path, sizeof path, "/local/domain/%u/cpu/%u/availability", r->d->id, i);
		rc = xs_write(r->p->xen.store, path, "%s", r->f.vcpu[i].online ? "online" : "offline");
	}
	return rc ? no_memory(r) : 0;
}

/* ---- all ----------------------------------------------------------------------------------------------------------- */

static int resume(struct resume *r, const struct pv_create_in *in)
{
	int rc = choose_frames(r);

	if (!rc)
		rc = fill(r);
	if (!rc)
		rc = put_list(r);
	if (!rc)
		rc = put_tables(r);
	if (!rc)
		rc = put_start_info(r);
	if (!rc)
		rc = put_shared_info(r);
	if (!rc)
		rc = pin(r);
	if (!rc)
		rc = hold_rings(r);
	if (!rc)
		rc = put_store(r, in);
	return rc ? rc : put_vcpus(r);
}

int pv_suspend_resume(struct domain *d, const struct pv_create_in *in, const struct mem *mem, const u8 *state, size_t len,
		      struct error *e)
{
	struct resume r = { .d = d, .p = pv_dom(d), .mem = mem, .e = e };
	int rc;

	r.f.word = r.p->xen.s.is32 ? 4 : 8;
	rc = suspend_form_vcpus(&r.f, d->nvcpus) ? no_memory(&r) : 0;
	if (!rc)
		rc = suspend_form_load(&r.f, state, len, e);
	if (!rc && (ALIGN_UP(r.f.s.pages, LEAF_FRAMES) != mem->limit || r.f.s.now > NOW_MAX))
		rc = error_set(e, -EINVAL, "it does not have as many pages as it says, or is of a time that no guest comes to");
	if (!rc) {
		timeline_skip(&d->time, r.f.s.now);
		rc = resume(&r, in);
	}
	suspend_form_free(&r.f);
	free(r.frame);
	return rc;
}
