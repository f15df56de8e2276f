/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A PV domain's life: creation around a built kernel (Xen public/xen.h, struct start_info), and destruction.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "cpu/x86/decode.h"
#include "cpu/x86/model.h"
#include "pv/build/builder.h"
#include "pv/compat/compat.h"
#include "pv/create.h"
#include "pv/mm/mm.h"
#include "pv/traps.h"
#include "xen/grant.h"
#include "xen/sched.h"
#include "xen/store/xenstore.h"
#include "xen/time.h"

#define INITIAL_CR0 (CR0_PG | CR0_AM | CR0_WP | CR0_NE | CR0_ET | CR0_MP | CR0_PE)

/* ---- a vCPU ------------------------------------------------------------------------------------------------------ */

/* The processor as Xen has it when it enters a PV guest, before its registers. */
static void init_cpu(struct vcpu *v, u64 features, const struct x86_model *model)
{
	struct x86 *c = x86_of(v);
	struct x86_state *s = &c->s;
	bool is32 = pv_dom(v->d)->xen.s.is32;
	u32 i;

	c->ops = &pv_cpu_ops;
	pv_mm_vcpu_init(v);
	s->cr0 = INITIAL_CR0;
	s->efer = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;
	s->pat = 0x050100070406ULL;
	s->xcr0 = 3;
	s->cpl = 3;
	s->fpu.cw = 0x37f;
	s->fpu.mxcsr = 0x1f80;
	memset(s->gpr, 0, sizeof s->gpr);
	s->rip = 0;
	s->rflags = FL_IF | FL_FIXED1;
	for (i = 0; i < SEG_COUNT; i++)
		x86_set_seg(c, (enum x86_segreg)i, 0, 0, 0, 0);
	x86_set_seg(c, SEG_CS, FLAT_KERNEL_CS64, 0, 0xffffffff, 0xa0fb);
	x86_set_seg(c, SEG_SS, FLAT_KERNEL_SS, 0, 0xffffffff, 0xc0f3);
	if (is32)
		compat_cpu_init(v);
	x86_set_features(c, is32 ? compat_features(pv_features(features)) : pv_features(features), model);
	pv_of(v)->s.ctrlreg[4] = pv_guest_cr4(c, 0);
	s->cr4 = pv_real_cr4(c, 0);
	x86_load(c);
}

/* Page tables are where the vCPU had them: CR3 is not the guest's, so the processor does not go by it. */
static int loaded(void *opaque, struct error *e)
{
	struct domain *d = opaque;
	struct pv_domain *p = pv_dom(d);
	u32 i;

	for (i = 0; i < d->nvcpus; i++) {
		struct x86 *c = x86_of(d->vcpus[i]);
		u32 old = pv_of(d->vcpus[i])->s.old_table;

		if (p->xen.s.is32 != c->paging.top3)
			return error_set(e, -EINVAL, "The state is of a %d-bit guest, and guest %s is none.", p->xen.s.is32 ? 32 : 64,
					 d->name);
		if (old && (!pv_mm_page(p, old) || !pv_mm_page(p, old)->refs))
			return error_set(e, -EINVAL, "The state of guest %s is damaged: vCPU %u lets go of a table that is none.", d->name,
					 i);
		c->mmu.root = c->s.cr3;
		mmu_update(&c->mmu);
	}
	return 0;
}

static int add_vcpus(struct pv_domain *p, u64 features, const struct x86_model *model)
{
	struct domain *d = p->xen.d;
	u32 i;

	for (i = 0; i < d->nvcpus; i++) {
		struct pv_vcpu *pv = calloc(1, sizeof *pv);

		if (!pv)
			return -ENOMEM;
		pv->xen.v = d->vcpus[i];
		d->vcpus[i]->machine = pv;
		pv->s.flags = p->xen.s.is32 ? 0 : PV_KERNEL_MODE;
		init_cpu(d->vcpus[i], features, model);
		if (state_add(&d->states, "pv-vcpu", i, &pv_vcpu_state_desc, &pv->s, 1))
			return -ENOMEM;
	}
	if (state_add_loaded(&d->states, loaded, d))
		return -ENOMEM;
	return state_add(&d->states, "pv-domain", 0, &pv_domain_state_desc, &p->s, 1);
}

/* ---- creation and destruction --------------------------------------------------------------------------------------- */

static void destroy(struct domain *d)
{
	struct pv_domain *p = pv_dom(d);
	u32 i;

	if (!p)
		return;
	xen_services_stop(&p->xen);
	pv_mm_free(p);
	for (i = 0; i < d->nvcpus; i++) {
		free(d->vcpus[i]->machine);
		d->vcpus[i]->machine = NULL;
	}
	free(p);
	d->machine = NULL;
}

static void enter(struct vcpu *v)
{
	xen_dom(v->d)->slot_work = 0;
	xen_time_enter(v);
}

static const struct domain_ops pv_domain_ops = { enter, xen_time_leave, pv_report, destroy };

static int build(struct pv_domain *p, const struct pv_create_in *in, struct pv_build_out *out, struct error *e)
{
	struct pv_build_in b = {
		.mem = &p->xen.d->mem,
		.mfn_base = PV_MFN_BASE,
		.nr_pages = p->xen.s.nr_pages,
		.kernel = in->kernel,
		.initrd = in->initrd,
		.initrd_len = in->initrd_len,
		.initrd_name = in->initrd_name,
		.cmdline = in->cmdline,
		.shared_info_mfn = p->xen.s.shared_info,
		.store_evtchn = p->xen.s.store_port,
		.console_evtchn = p->xen.s.console_port,
		.progress = in->progress,
	};
	int rc = pv_build(&b, out, e);

	if (rc)
		return rc;
	p->s.start_info = out->start_info_mfn;
	p->xen.s.store_mfn = out->store_mfn;
	p->xen.s.console_mfn = out->console_mfn;
	p->s.vm_assist = out->vm_assist;
	rc = pv_mm_adopt(p, out->l4_mfn);
	/* The host writes to the rings for ever: a guest must not make page tables of them. */
	if (!rc)
		rc = pv_mm_hold_writable(p, p->xen.s.store_mfn);
	if (!rc)
		rc = pv_mm_hold_writable(p, p->xen.s.console_mfn);
	if (rc)
		return error_set(e, -EINVAL, "%s: the first page tables were refused (error %d); this is a bug of ours, please report it.",
				 in->kernel->name, -rc);
	return 0;
}

static int start_vcpu0(struct pv_domain *p, const struct pv_build_out *out)
{
	struct vcpu *v = p->xen.d->vcpus[0];
	struct pv_vcpu_state *s = &pv_of(v)->s;

	if (pv_mm_set_kernel_root(v, out->l4_mfn))
		return -EINVAL;
	xen_of(v)->s.flags |= XEN_VCPU_INITIALISED;
	s->kernel_ss = p->xen.s.is32 ? COMPAT_KERNEL_SS : FLAT_KERNEL_SS;
	s->kernel_sp = out->rsp;
	x86_of(v)->s.gpr[RSP] = out->rsp;
	x86_of(v)->s.gpr[RSI] = out->rsi;
	x86_of(v)->s.rip = out->rip;
	pv_root_changed(v);
	x86_load(x86_of(v));
	xen_vcpu_up(v);
	return 0;
}

static bool guest_is32(const struct pv_create_in *in)
{
	return in->kernel ? !in->kernel->elf64 : in->is32;
}

/* Whether there can be such a guest. Its processor's features in *features. 0, or -errno with a sentence. */
static int check(const struct pv_create_in *in, u32 maxvcpus, u64 *features, struct error *e)
{
	u64 nr_pages = in->memory >> PAGE_SHIFT;
	const char *cpu = in->cpu ? in->cpu : "max";
	int rc;

	if (!in->vcpus || maxvcpus > MAX_VCPUS)
		return error_set(e, -EINVAL, "%u vCPUs cannot be given to guest %s; use 1 to %d.", maxvcpus, in->name, MAX_VCPUS);
	if (!nr_pages)
		return error_set(e, -EINVAL, "Guest %s has no memory; give it some with -m.", in->name);
	if (guest_is32(in) && nr_pages >> (20 - PAGE_SHIFT) > pv_build_max_mib32())
		return error_set(e, -E2BIG,
				 "%s is a 32-bit kernel, and such a guest can have at most %" PRIu64 " MiB of memory; "
				 "use a smaller -m.",
				 in->kernel ? in->kernel->name : in->name, pv_build_max_mib32());
	*features = x86_features_implemented();
	rc = x86_features_parse(cpu, features, e);
	if (rc)
		return rc;
	if (!guest_is32(in) && !(*features & BIT(F_LM)))
		return error_set(e, -EINVAL, "-cpu %.80s: a 64-bit Xen guest needs a processor with long mode (lm), and this is none: "
				 "use x86-64-v1 or later, or leave -cpu out", cpu);
	return 0;
}

/* A domain with memory, vCPUs and services, and nothing in it. NULL: memory is short. */
static struct pv_domain *empty(struct host *h, const struct pv_create_in *in, u32 maxvcpus, u64 features)
{
	const struct xen_services_in services = { .console_out = in->console_out, .opaque = in->opaque };
	const struct x86_model *model = x86_model_named(in->cpu ? in->cpu : "max");
	u64 nr_pages = in->memory >> PAGE_SHIFT;
	struct domain *d = domain_create(h, in->name, pv_mm_limit(nr_pages), maxvcpus, in->shift);
	struct pv_domain *p = d ? calloc(1, sizeof *p) : NULL;
	int rc;

	if (!p) {
		if (d)
			domain_destroy(d);
		return NULL;
	}
	p->xen.d = d;
	p->xen.ops = &pv_guest_ops;
	p->xen.s.is32 = guest_is32(in);
	memcpy(p->xen.s.handle, in->uuid, sizeof p->xen.s.handle);
	domain_become(d, DOMAIN_PV, p, &pv_domain_ops);
	/* vCPUs have their own first: page types look at them. */
	rc = pv_mm_init(p, nr_pages, nr_pages);
	if (!rc)
		rc = add_vcpus(p, features, model);
	if (!rc)
		rc = xen_services_start(&p->xen, &services);
	if (!rc)
		return p;
	domain_destroy(d);
	return NULL;
}

int pv_domain_begin(struct pv_domain *p, const struct pv_create_in *in, u64 memory_kib)
{
	struct xenstore_config store = { .name = in->name, .memory_kib = memory_kib, .memory_max_kib = in->memory >> 10,
					 .vcpus_online = in->vcpus, .vcpus_max = p->xen.d->nvcpus };
	u8 wall[8];
	int rc;

	grants_seed(&p->xen);
	rc = xs_domain_start(&p->xen, &store);
	st64(wall, in->wall_ns);
	return rc ? rc : door_post(&p->xen.d->door, DOOR_WALLCLOCK, 0, wall, sizeof wall);
}

/* Puts the kernel into it. 0, or -errno with a sentence. */
static int fill(struct pv_domain *p, const struct pv_create_in *in, struct error *e)
{
	struct pv_build_out built;
	int rc = build(p, in, &built, e);

	if (rc)
		return rc;
	rc = pv_domain_begin(p, in, in->memory >> 10);
	if (!rc)
		rc = start_vcpu0(p, &built);
	return rc ? error_set(e, rc, "The host is short of memory for guest %s.", in->name) : 0;
}

int pv_create(struct host *h, const struct pv_create_in *in, struct domain **out, struct error *e)
{
	u32 maxvcpus = MAX(in->vcpus, in->maxvcpus);
	struct pv_domain *p;
	u64 features;
	int rc;

	*out = NULL;
	rc = check(in, maxvcpus, &features, e);
	if (rc)
		return rc;
	p = empty(h, in, maxvcpus, features);
	if (!p)
		return error_set(e, -ENOMEM, "The host has no memory for guest %s with %" PRIu64 " MiB; use a smaller -m.", in->name,
				 in->memory >> 20);
	rc = in->kernel ? fill(p, in, e) : 0;
	if (rc) {
		domain_destroy(p->xen.d);
		return rc;
	}
	*out = p->xen.d;
	return 0;
}
