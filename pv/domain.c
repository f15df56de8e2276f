/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A PV domain's life: creation around a built kernel (Xen public/xen.h, struct start_info), the report when it crashes,
 * destruction.
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
#include "xen/backend/xenbus.h"
#include "xen/console.h"
#include "xen/control.h"
#include "xen/evtchn.h"
#include "xen/grant.h"
#include "xen/sched.h"
#include "xen/store/xenstore.h"
#include "xen/time.h"

#define INITIAL_CR0 (CR0_PG | CR0_AM | CR0_WP | CR0_NE | CR0_ET | CR0_MP | CR0_PE)
#define REPORT_CODE 16u /* bytes shown before and from rip */

/* ---- state --------------------------------------------------------------------------------------------------------- */

static const struct state_field trap_fields[] = {
	STATE_INT(struct pv_trap_entry, address),
	STATE_INT(struct pv_trap_entry, cs),
	STATE_INT(struct pv_trap_entry, flags),
	STATE_INTS(struct pv_trap_entry, pad),
};
static STATE_DESC(trap_desc, "trap", 1, struct pv_trap_entry, trap_fields);

static const struct state_field vcpu_fields[] = {
	STATE_INT(struct pv_vcpu_state, flags),
	STATE_INT(struct pv_vcpu_state, iopl),
	STATE_INT(struct pv_vcpu_state, kernel_ss),
	STATE_INT(struct pv_vcpu_state, kernel_sp),
	STATE_INT(struct pv_vcpu_state, event_cs),
	STATE_INT(struct pv_vcpu_state, event_ip),
	STATE_INT(struct pv_vcpu_state, failsafe_cs),
	STATE_INT(struct pv_vcpu_state, failsafe_ip),
	STATE_INT(struct pv_vcpu_state, syscall_cs),
	STATE_INT(struct pv_vcpu_state, syscall_ip),
	STATE_INT(struct pv_vcpu_state, syscall32_cs),
	STATE_INT(struct pv_vcpu_state, syscall32_ip),
	STATE_INT(struct pv_vcpu_state, sysenter_cs),
	STATE_INT(struct pv_vcpu_state, sysenter_ip),
	STATE_INTS(struct pv_vcpu_state, ctrlreg),
	STATE_INT(struct pv_vcpu_state, kernel_root),
	STATE_INT(struct pv_vcpu_state, user_root),
	STATE_INT(struct pv_vcpu_state, fs_base),
	STATE_INT(struct pv_vcpu_state, gs_base_kernel),
	STATE_INT(struct pv_vcpu_state, gs_base_user),
	STATE_INTS(struct pv_vcpu_state, gdt_frames),
	STATE_INT(struct pv_vcpu_state, gdt_entries),
	STATE_INT(struct pv_vcpu_state, ldt_entries),
	STATE_INT(struct pv_vcpu_state, ldt_base),
	STATE_INT(struct pv_vcpu_state, iobmp),
	STATE_INT(struct pv_vcpu_state, iobmp_ports),
	STATE_INT(struct pv_vcpu_state, old_table),
	STATE_INT(struct pv_vcpu_state, mcg_status),
	STATE_INTS(struct pv_vcpu_state, mc_ctl2),
	STATE_SUBS(struct pv_vcpu_state, traps, &trap_desc),
};
STATE_DESC(pv_vcpu_state_desc, "pv-vcpu", 1, struct pv_vcpu_state, vcpu_fields);

static const struct state_field domain_fields[] = {
	STATE_INT(struct pv_domain_state, vm_assist),
	STATE_INT(struct pv_domain_state, cmos_index),
	STATE_INT(struct pv_domain_state, pci_cf8),
	STATE_INT(struct pv_domain_state, pad),
	STATE_INT(struct pv_domain_state, mfn_end),
	STATE_INT(struct pv_domain_state, start_info),
};
STATE_DESC(pv_domain_state_desc, "pv-domain", 1, struct pv_domain_state, domain_fields);

/* ---- the report ---------------------------------------------------------------------------------------------------- */

/* shown: what every processor has has been printed already. */
static void report_registers(struct vcpu *v, bool shown, FILE *out)
{
	static const char *const names[16] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
					       "r8 ", "r9 ", "r10", "r11", "r12", "r13", "r14", "r15" };
	static const char *const segs[6] = { "es", "cs", "ss", "ds", "fs", "gs" };
	static const char *const runs[] = { "offline", "runnable", "blocked" };
	const struct pv_vcpu_state *s = &pv_of(v)->s;
	struct cpu *c = &v->cpu;
	u32 i;

	fprintf(out, "vCPU %u, %s mode, %s, event mask %u:\n", v->id, pv_kernel_mode(v) ? "kernel" : "user",
		v->s.run < ARRAY_SIZE(runs) ? runs[v->s.run] : "?", xen_info_u8(v, VI_MASK));
	if (!shown) {
		fprintf(out, "  rip %016" PRIx64 "  rflags %08" PRIx64 "\n", c->rip, cpu_rflags(c));
		for (i = 0; i < 16; i++)
			fprintf(out, "  %s %016" PRIx64 "%s", names[i], c->r[i], i % 4 == 3 ? "\n" : "");
		for (i = 0; i < 6; i++)
			fprintf(out, "  %s %04x base %" PRIx64 "%s", segs[i], c->s.seg[i].sel, c->s.seg[i].base,
				i == 5 ? "\n" : "");
		fprintf(out, "  cr0 %" PRIx64 "  cr2 %" PRIx64 "  cr3 %" PRIx64 "  cr4 %" PRIx64 "\n", c->s.cr0,
			s->ctrlreg[2], c->s.cr3, c->s.cr4);
	}
	fprintf(out, "  kernel root %" PRIx64 "  user root %" PRIx64 "  kernel gs %" PRIx64 "  user gs %" PRIx64 "\n",
		s->kernel_root, s->user_root, s->flags & PV_KERNEL_MODE ? c->s.seg[SEG_GS].base : s->gs_base_kernel,
		s->flags & PV_KERNEL_MODE ? s->gs_base_user : c->s.seg[SEG_GS].base);
}

static void report_code(struct vcpu *v, FILE *out)
{
	u64 rip = v->cpu.rip;
	u32 i;

	fprintf(out, "  code:");
	for (i = 0; i < 2 * REPORT_CODE; i++) {
		u8 b;

		fprintf(out, i == REPORT_CODE ? " <" : " ");
		if (mmu_debug_read(&v->cpu.mmu, rip - REPORT_CODE + i, &b, 1))
			fprintf(out, "??");
		else
			fprintf(out, "%02x", b);
		if (i == REPORT_CODE)
			fprintf(out, ">");
	}
	fprintf(out, "\n");
}

static void report_branches(struct vcpu *v, FILE *out)
{
	if (v->cpu.nbranch)
		fprintf(out, "  last traps, the latest first:\n");
	cpu_print_branches(&v->cpu, "    ", out);
}

static void report(struct domain *d, FILE *out)
{
	const struct vcpu *shown = d->crash_vcpu ? d->crash_vcpu : d->vcpus[0];
	u32 i;

	for (i = 0; i < d->nvcpus; i++) {
		struct vcpu *v = d->vcpus[i];

		if (v->s.run == VCPU_OFFLINE && v != shown)
			continue;
		report_registers(v, v == shown, out);
		if (v != shown) {
			report_code(v, out);
			report_branches(v, out);
		}
		xen_report_calls(v, out);
	}
}

/* ---- creation ------------------------------------------------------------------------------------------------------- */

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

static const struct domain_ops pv_domain_ops = { enter, xen_time_leave, report, destroy };

/* The processor as Xen has it when it enters a PV guest, before its registers. */
static void init_cpu(struct vcpu *v, u64 features, const struct cpu_model *model)
{
	struct cpu *c = &v->cpu;
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
		cpu_set_seg(c, (enum x86_segreg)i, 0, 0, 0, 0);
	cpu_set_seg(c, SEG_CS, FLAT_KERNEL_CS64, 0, 0xffffffff, 0xa0fb);
	cpu_set_seg(c, SEG_SS, FLAT_KERNEL_SS, 0, 0xffffffff, 0xc0f3);
	if (is32)
		compat_cpu_init(v);
	cpu_set_features(c, is32 ? compat_features(pv_features(features)) : pv_features(features), model);
	pv_of(v)->s.ctrlreg[4] = pv_guest_cr4(c, 0);
	s->cr4 = pv_real_cr4(c, 0);
	cpu_load(c);
}

static int add_vcpus(struct pv_domain *p, u64 features, const struct cpu_model *model)
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
	return state_add(&d->states, "pv-domain", 0, &pv_domain_state_desc, &p->s, 1);
}

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
	v->cpu.s.gpr[RSP] = out->rsp;
	v->cpu.s.gpr[RSI] = out->rsi;
	v->cpu.s.rip = out->rip;
	pv_root_changed(v);
	cpu_load(&v->cpu);
	xen_vcpu_up(v);
	return 0;
}

int pv_create(struct host *h, const struct pv_create_in *in, struct domain **out, struct error *e)
{
	u32 maxvcpus = MAX(in->vcpus, in->maxvcpus);
	u64 nr_pages = in->memory >> PAGE_SHIFT;
	struct xenstore_config store = { .name = in->name, .memory_kib = in->memory >> 10, .memory_max_kib = in->memory >> 10,
					 .vcpus_online = in->vcpus, .vcpus_max = maxvcpus };
	const struct xen_services_in services = { .console_out = in->console_out, .opaque = in->opaque };
	const char *cpu = in->cpu ? in->cpu : "max";
	const struct cpu_model *model = cpu_model_named(cpu);
	u64 features = cpu_features_implemented();
	struct pv_build_out built;
	struct pv_domain *p;
	struct domain *d;
	u8 wall[8];
	int rc;

	*out = NULL;
	if (!in->vcpus || maxvcpus > MAX_VCPUS)
		return error_set(e, -EINVAL, "%u vCPUs cannot be given to guest %s; use 1 to %d.", maxvcpus, in->name, MAX_VCPUS);
	if (!nr_pages)
		return error_set(e, -EINVAL, "Guest %s has no memory; give it some with -m.", in->name);
	if (!in->kernel->elf64 && nr_pages >> (20 - PAGE_SHIFT) > pv_build_max_mib32())
		return error_set(e, -E2BIG,
				 "%s is a 32-bit kernel, and such a guest can have at most %" PRIu64 " MiB of memory; "
				 "use a smaller -m.",
				 in->kernel->name, pv_build_max_mib32());
	rc = cpu_features_parse(cpu, &features, e);
	if (rc)
		return rc;
	if (in->kernel->elf64 && !(features & BIT(F_LM)))
		return error_set(e, -EINVAL, "-cpu %.80s: a 64-bit Xen guest needs a processor with long mode (lm), and this is none: "
				 "use x86-64-v1 or later, or leave -cpu out", cpu);
	d = domain_create(h, in->name, pv_mm_limit(nr_pages), maxvcpus, in->shift);
	p = d ? calloc(1, sizeof *p) : NULL;
	if (!p) {
		if (d)
			domain_destroy(d);
		goto no_memory;
	}
	p->xen.d = d;
	p->xen.ops = &pv_guest_ops;
	p->xen.s.is32 = !in->kernel->elf64;
	memcpy(p->xen.s.handle, in->uuid, sizeof p->xen.s.handle);
	domain_become(d, DOMAIN_PV, p, &pv_domain_ops);
	/* vCPUs have their own first: page types look at them. */
	rc = pv_mm_init(p, nr_pages, nr_pages);
	if (!rc)
		rc = add_vcpus(p, features, model);
	if (!rc)
		rc = xen_services_start(&p->xen, &services);
	if (rc) {
		domain_destroy(d);
		goto no_memory;
	}
	rc = build(p, in, &built, e);
	if (!rc) {
		grants_seed(&p->xen);
		rc = xs_domain_start(&p->xen, &store);
		if (!rc)
			rc = start_vcpu0(p, &built);
		st64(wall, in->wall_ns);
		if (!rc)
			rc = door_post(&d->door, DOOR_WALLCLOCK, 0, wall, sizeof wall);
		if (rc)
			error_set(e, rc, "The host is short of memory for guest %s.", in->name);
	}
	if (rc) {
		domain_destroy(d);
		return rc;
	}
	*out = d;
	return 0;
no_memory:
	return error_set(e, -ENOMEM, "The host has no memory for guest %s with %" PRIu64 " MiB; use a smaller -m.", in->name,
			 in->memory >> 20);
}
