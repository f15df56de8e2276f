/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The form of a suspended guest, without its pages, as bytes and back: tables (base/state.h), the kinds of pages and the list of
 * pages. docs/snapshot-format.md has the layout.
 */
#include "pv/suspend_impl.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "mmu/x86/paging.h"

static const struct state_field vcpu_fields[] = {
	STATE_INT(struct pv_suspend_vcpu, online),	 STATE_INT(struct pv_suspend_vcpu, flags),
	STATE_BYTES(struct pv_suspend_vcpu, context),	 STATE_INT(struct pv_suspend_vcpu, syscall32_cs),
	STATE_INT(struct pv_suspend_vcpu, syscall32_ip), STATE_INT(struct pv_suspend_vcpu, sysenter_cs),
	STATE_INT(struct pv_suspend_vcpu, sysenter_ip),	 STATE_INT(struct pv_suspend_vcpu, xcr0),
	STATE_INT(struct pv_suspend_vcpu, tsc_aux),	 STATE_INT(struct pv_suspend_vcpu, rng),
	STATE_INTS(struct pv_suspend_vcpu, high),	 STATE_INTS(struct pv_suspend_vcpu, mc_ctl2),
	STATE_INT(struct pv_suspend_vcpu, pkru),	 STATE_INT(struct pv_suspend_vcpu, pad),
};
STATE_DESC(pv_suspend_vcpu_desc, "pv-suspend-vcpu", 1, struct pv_suspend_vcpu, vcpu_fields);

static const struct state_field state_fields[] = {
	STATE_INT(struct pv_suspend_state, pages),	STATE_INT(struct pv_suspend_state, start_info),
	STATE_INT(struct pv_suspend_state, now),	STATE_INT(struct pv_suspend_state, p2m_vaddr),
	STATE_INT(struct pv_suspend_state, p2m_root),	STATE_INT(struct pv_suspend_state, p2m_generation),
};
STATE_DESC(pv_suspend_state_desc, "pv-suspend", 1, struct pv_suspend_state, state_fields);

const struct suspend_shared suspend_shared64 = { 3088, 3096, 3112, 3120, 3128 };
const struct suspend_shared suspend_shared32 = { 2316, 2320, 2328, 2332, 2336 };

/* ---- room ---------------------------------------------------------------------------------------------------------- */

int suspend_form_vcpus(struct pv_suspend_form *f, u32 nvcpus)
{
	f->nvcpus = nvcpus;
	f->vcpu = calloc(nvcpus, sizeof *f->vcpu);
	return f->vcpu ? 0 : -ENOMEM;
}

int suspend_form_pages(struct pv_suspend_form *f)
{
	f->nlist = DIV_UP(f->s.pages, PAGE_SIZE / f->word);
	f->kind = calloc(f->s.pages, 1);
	f->list = calloc(f->nlist, sizeof *f->list);
	return f->kind && f->list ? 0 : -ENOMEM;
}

void suspend_form_free(struct pv_suspend_form *f)
{
	free(f->vcpu);
	free(f->kind);
	free(f->list);
	*f = (struct pv_suspend_form){ 0 };
}

/* ---- bytes --------------------------------------------------------------------------------------------------------- */

/* Runs of pages of one kind that is not 0: the first, how many, the kind. ~0 ends them. */
static void kinds_save(void *opaque, struct buf *out)
{
	const struct pv_suspend_form *f = opaque;
	u64 i, end;

	for (i = 0; i < f->s.pages; i = end) {
		for (end = i + 1; end < f->s.pages && f->kind[end] == f->kind[i]; end++)
			;
		if (!f->kind[i])
			continue;
		buf_put_u64(out, i);
		buf_put_u64(out, end - i);
		buf_put_u8(out, f->kind[i]);
	}
	buf_put_u64(out, SUSPEND_NONE);
}

static int kinds_load(void *opaque, struct reader *in)
{
	struct pv_suspend_form *f = opaque;
	u64 i, n, next = 0;
	u8 kind;

	/* The domain's table has been loaded: it is known for how many pages room is needed. */
	if (!f->s.pages || f->s.pages > PV_SUSPEND_PAGES_MAX)
		return -EINVAL;
	if (suspend_form_pages(f))
		return -ENOMEM;
	/* Runs are in order, so that the work is no more than there are pages. */
	while ((i = reader_u64(in)) != SUSPEND_NONE && !in->failed) {
		n = reader_u64(in);
		kind = reader_u8(in);
		if (i < next || i >= f->s.pages || n > f->s.pages - i || !(kind & SUSPEND_LEVEL) || (kind & SUSPEND_LEVEL) > 4 ||
		    kind & ~(SUSPEND_LEVEL | SUSPEND_PINNED))
			return -EINVAL;
		memset(f->kind + i, kind, n);
		next = i + n;
	}
	return in->failed ? -EINVAL : 0;
}

static void list_save(void *opaque, struct buf *out)
{
	const struct pv_suspend_form *f = opaque;
	u64 i;

	for (i = 0; i < f->nlist; i++)
		buf_put_u64(out, f->list[i]);
}

static int list_load(void *opaque, struct reader *in)
{
	struct pv_suspend_form *f = opaque;
	u64 i;

	for (i = 0; i < f->nlist && !in->failed; i++) {
		f->list[i] = reader_u64(in);
		if (f->list[i] >= f->s.pages)
			return -EINVAL;
	}
	return in->failed ? -EINVAL : 0;
}

static int add_items(struct pv_suspend_form *f, struct state_list *l)
{
	int rc = state_add(l, "pv-suspend", 0, &pv_suspend_state_desc, &f->s, 1);
	u32 i;

	if (!rc)
		rc = state_add_custom(l, "pv-kinds", 0, kinds_save, kinds_load, f);
	if (!rc)
		rc = state_add_custom(l, "pv-list", 0, list_save, list_load, f);
	for (i = 0; i < f->nvcpus && !rc; i++)
		rc = state_add(l, "pv-suspend-vcpu", i, &pv_suspend_vcpu_desc, &f->vcpu[i], 1);
	return rc;
}

int suspend_form_save(struct pv_suspend_form *f, struct buf *out)
{
	struct state_list l = { 0 };
	int rc = add_items(f, &l);

	if (!rc)
		state_list_save(&l, out);
	state_list_free(&l);
	return rc || out->failed ? -ENOMEM : 0;
}

int suspend_form_load(struct pv_suspend_form *f, const u8 *p, size_t n, struct error *e)
{
	struct state_list l = { 0 };
	struct reader in;
	int rc = add_items(f, &l) ? error_set(e, -ENOMEM, "the host is out of memory") : 0;

	reader_init(&in, p, n);
	if (!rc)
		rc = state_list_load(&l, &in, e);
	state_list_free(&l);
	return rc;
}

/* ---- page tables --------------------------------------------------------------------------------------------------- */

bool suspend_table(u8 *page, u64 (*to)(const void *opaque, u64 frame), const void *opaque, u64 *entry)
{
	u32 i;

	for (i = 0; i < PAGE_SIZE; i += 8) {
		u64 e = ld64(page + i), f;

		if (!(e & PTE_P))
			continue;
		f = to(opaque, PTE_MFN(e));
		if (f == SUSPEND_NONE) {
			*entry = e;
			return false;
		}
		st64(page + i, (e & ~PTE_ADDR) | f << PAGE_SHIFT);
	}
	return true;
}
