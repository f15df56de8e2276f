/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Privileged instructions that a paravirtual kernel executes in ring 3, and what Xen makes of them: control and debug
 * registers, MSRs (SDM 4), ports, XSETBV. Refused as by Xen: HLT, INVLPG, SWAPGS, RDPMC. Left out: the I/O permission
 * bitmap and the interval timer's ports.
 */
#include "pv/builder.h"
#include "pv/compat.h"
#include "pv/mm.h"
#include "pv/traps.h"

#define VMASST_ARCH_IOPL BIT(4)
#define HYPER_START 0xffff800000000000ULL
#define HYPER_END 0xffff880000000000ULL
/* CR4: what the guest may choose, and what it sees of the host's choice. */
#define CR4_GUEST ((u64)(CR4_TSD | CR4_DE | CR4_FSGSBASE | CR4_OSXSAVE))
#define CR4_VISIBLE ((u64)(CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT))
#define GUEST_EFER ((u64)(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE))

enum {
	MSR_TSC = 0x10,
	MSR_APIC_BASE = 0x1b,
	MSR_UCODE_REV = 0x8b,
	MSR_MISC_ENABLE = 0x1a0,
	MSR_PAT = 0x277,
	MSR_XEN_HYPERCALL = 0x40000000
};
#define MSR_EFER 0xc0000080u
#define MSR_FS_BASE 0xc0000100u
#define MSR_GS_BASE 0xc0000101u
#define MSR_KERNEL_GS_BASE 0xc0000102u
#define MSR_TSC_AUX 0xc0000103u

#define PAT_VALUE 0x050100070406ULL
/* Fast strings; no branch trace store, no PEBS. */
#define MISC_ENABLE_VALUE 0x1801u
#define UCODE_REV (1ULL << 32)

u64 pv_tsc(struct cpu *c)
{
	pv_of(cpu_vcpu(c))->s.spin_reads++;
	return domain_now(cpu_vcpu(c)->d);
}

/* ---- control registers ------------------------------------------------------------------------------------------- */

u64 pv_guest_cr4(u64 want)
{
	return (want & CR4_GUEST) | CR4_VISIBLE;
}

u64 pv_real_cr4(u64 guest)
{
	return (guest & CR4_GUEST) | CR4_VISIBLE | CR4_PGE;
}

void pv_set_ts(struct vcpu *v, bool on)
{
	struct pv_vcpu_state *s = &pv_of(v)->s;
	u64 ts = on ? CR0_TS : 0;

	s->ctrlreg[0] = (s->ctrlreg[0] & ~(u64)CR0_TS) | ts;
	s->flags = (s->flags & ~(u32)PV_FPU_TS) | (on ? PV_FPU_TS : 0);
	v->cpu.s.cr0 = (v->cpu.s.cr0 & ~(u64)CR0_TS) | ts;
	cpu_mode_changed(&v->cpu);
}

static int read_cr(struct vcpu *v, u32 reg, u64 *val)
{
	const struct pv_vcpu_state *s = &pv_of(v)->s;

	switch (reg) {
	case 0:
		*val = (v->cpu.s.cr0 & ~(u64)CR0_TS) | (s->ctrlreg[0] & CR0_TS);
		return -1;
	case 2:
		*val = s->ctrlreg[2];
		return -1;
	case 3:
		*val = pv_dom(v->d)->s.is32 ? compat_mfn_to_cr3(s->kernel_root) : s->kernel_root << PAGE_SHIFT;
		return -1;
	case 4:
		*val = pv_guest_cr4(s->ctrlreg[4]);
		return -1;
	default:
		return X86_GP;
	}
}

static int write_cr(struct vcpu *v, u32 reg, u64 val)
{
	struct pv_vcpu_state *s = &pv_of(v)->s;

	switch (reg) {
	case 0:
		/* TS alone can be changed. */
		if ((val ^ v->cpu.s.cr0) & ~(u64)CR0_TS)
			return X86_GP;
		pv_set_ts(v, val & CR0_TS);
		return -1;
	case 2:
		s->ctrlreg[2] = val;
		pv_info_set_u64(v, VI_CR2, val);
		return -1;
	case 3:
		if (pv_mm_set_kernel_root(v, pv_dom(v->d)->s.is32 ? compat_cr3_to_mfn(val) : val >> PAGE_SHIFT))
			return X86_GP;
		pv_root_changed(v);
		return -1;
	case 4:
		/* What it may not choose stays as it was, without complaint. */
		s->ctrlreg[4] = pv_guest_cr4(val);
		v->cpu.s.cr4 = pv_real_cr4(val);
		cpu_mode_changed(&v->cpu);
		return -1;
	default:
		return X86_GP;
	}
}

/* ---- debug registers --------------------------------------------------------------------------------------------- */

i64 pv_debugreg_set(struct vcpu *v, u32 reg, u64 val)
{
	const struct pv_vcpu_state *s = &pv_of(v)->s;
	u64 *dr = v->cpu.s.dr;
	u32 i;

	if ((reg == 4 || reg == 5) && (s->ctrlreg[4] & CR4_DE))
		return -XEN_ENODEV;
	switch (reg) {
	case 0:
	case 1:
	case 2:
	case 3:
		if (!pv_canonical(val) || (val >= HYPER_START && val < HYPER_END))
			return -XEN_EPERM;
		dr[reg] = val;
		debug_changed(&v->cpu);
		return 0;
	case 4:
	case 6:
		if (val >> 32)
			return -XEN_EINVAL;
		dr[6] = (val & 0xe00f) | 0xffff0ff0;
		return 0;
	case 5:
	case 7:
		if (val >> 32)
			return -XEN_EINVAL;
		val = (val & 0xffff27ff) | 0x400;
		/* General detect is the host's. */
		if (val & 0x2000)
			return -XEN_EPERM;
		for (i = 0; i < 4; i++)
			if ((val >> (i * 2) & 3) && (val >> (16 + i * 4) & 3) == 2 && !(s->ctrlreg[4] & CR4_DE))
				return -XEN_EPERM;
		dr[7] = val;
		debug_changed(&v->cpu);
		return 0;
	default:
		return -XEN_ENODEV;
	}
}

i64 pv_debugreg_get(struct vcpu *v, u32 reg, u64 *val)
{
	if (reg == 4 || reg == 5) {
		if (pv_of(v)->s.ctrlreg[4] & CR4_DE)
			return -XEN_ENODEV;
		reg += 2;
	}
	if (reg > 7)
		return -XEN_ENODEV;
	*val = v->cpu.s.dr[reg];
	return 0;
}

/* ---- MSRs ----------------------------------------------------------------------------------------------------------- */

/* What a 32-bit guest's processor has not. */
static bool long_mode_msr(struct vcpu *v, u32 msr)
{
	return msr >= MSR_FS_BASE && msr <= MSR_KERNEL_GS_BASE && pv_dom(v->d)->s.is32;
}

static int read_msr(struct vcpu *v, u32 msr, u64 *val)
{
	const struct x86_state *x = &v->cpu.s;

	if (long_mode_msr(v, msr))
		return X86_GP;
	switch (msr) {
	case MSR_TSC:
		*val = pv_tsc(&v->cpu);
		return -1;
	case MSR_APIC_BASE:
		*val = 0xfee00000 | 0x800 | (v->id ? 0 : 0x100);
		return -1;
	case MSR_UCODE_REV:
		*val = UCODE_REV;
		return -1;
	case MSR_MISC_ENABLE:
		*val = MISC_ENABLE_VALUE;
		return -1;
	case MSR_PAT:
		*val = PAT_VALUE;
		return -1;
	case MSR_EFER:
		*val = pv_dom(v->d)->s.is32 ? EFER_NXE : GUEST_EFER;
		return -1;
	case MSR_FS_BASE:
		*val = x->seg[SEG_FS].base;
		return -1;
	case MSR_GS_BASE:
		*val = x->seg[SEG_GS].base;
		return -1;
	case MSR_KERNEL_GS_BASE:
		*val = pv_of(v)->s.gs_base_user;
		return -1;
	case MSR_TSC_AUX:
		*val = x->tsc_aux;
		return -1;
	default:
		log_line(&v->d->host->log, LOG_UNIMP, "d%u v%u: read of MSR 0x%x", v->d->id, v->id, msr);
		return X86_GP;
	}
}

/* The guest asks for the hypercall page at a frame of its own. */
static int fill_hypercall_page(struct vcpu *v, u64 val)
{
	struct pv_domain *p = pv_dom(v->d);
	u64 mfn = val >> PAGE_SHIFT;
	u8 *page;

	if (PAGE_OFFSET(val) || pv_mm_hold_writable(p, mfn))
		return X86_GP;
	page = mem_rw(&v->d->mem, mfn, 0, PAGE_SIZE);
	if (page)
		(p->s.is32 ? pv_hypercall_page32 : pv_hypercall_page64)(page);
	pv_mm_release_writable(p, mfn);
	return page ? -1 : X86_GP;
}

static int write_msr(struct vcpu *v, u32 msr, u64 val)
{
	struct x86_state *x = &v->cpu.s;
	u64 same;

	if (long_mode_msr(v, msr))
		return X86_GP;
	switch (msr) {
	case MSR_UCODE_REV:
		return val ? X86_GP : -1;
	case MSR_MISC_ENABLE:
	case MSR_PAT:
	case MSR_EFER:
		/* What is there may be written again. */
		return read_msr(v, msr, &same) < 0 && same == val ? -1 : X86_GP;
	case MSR_FS_BASE:
		if (!pv_canonical(val))
			return X86_GP;
		pv_set_base(v, SEG_FS, val);
		return -1;
	case MSR_GS_BASE:
		if (!pv_canonical(val))
			return X86_GP;
		pv_of(v)->s.gs_base_kernel = val;
		pv_set_base(v, SEG_GS, val);
		return -1;
	case MSR_KERNEL_GS_BASE:
		if (!pv_canonical(val))
			return X86_GP;
		pv_of(v)->s.gs_base_user = x->kernel_gs_base = val;
		return -1;
	case MSR_TSC_AUX:
		if (val >> 32)
			return X86_GP;
		x->tsc_aux = val;
		return -1;
	case MSR_XEN_HYPERCALL:
		return fill_hypercall_page(v, val);
	default:
		log_line(&v->d->host->log, LOG_UNIMP, "d%u v%u: write of MSR 0x%x = %llx", v->d->id, v->id, msr,
			 (unsigned long long)val);
		return X86_GP;
	}
}

/* ---- the rest --------------------------------------------------------------------------------------------------------- */

/* The kernel counts as ring 1, or as ring 0 for guests that take IOPL as the manual has it. */
static bool iopl_ok(struct vcpu *v)
{
	u32 ring = !pv_kernel_mode(v) ? 3 : pv_dom(v->d)->s.vm_assist & VMASST_ARCH_IOPL ? 0 : 1;

	return ring <= pv_of(v)->s.iopl;
}

static int set_xcr0(struct vcpu *v, u32 reg, u64 val)
{
	if (reg || !cpu_xcr0_valid(&v->cpu, val))
		return X86_GP;
	v->cpu.s.xcr0 = val;
	cpu_mode_changed(&v->cpu);
	return -1;
}

int pv_emulate(struct cpu *c, enum cpu_priv what, u32 reg, u64 *val)
{
	struct vcpu *v = cpu_vcpu(c);
	i64 r;

	switch (what) {
	case PRIV_IN:
		if (!iopl_ok(v))
			return X86_GP;
		*val = ~0ULL; /* nobody answers */
		return -1;
	case PRIV_OUT:
	case PRIV_CLI:
	case PRIV_STI:
		/* Events are masked in vcpu_info and nowhere else. */
		return iopl_ok(v) ? -1 : X86_GP;
	default:
		break;
	}
	if (!pv_kernel_mode(v))
		return X86_GP;
	switch (what) {
	case PRIV_RDMSR:
		return read_msr(v, reg, val);
	case PRIV_WRMSR:
		return write_msr(v, reg, *val);
	case PRIV_MOV_FROM_CR:
		return read_cr(v, reg, val);
	case PRIV_MOV_TO_CR:
		return write_cr(v, reg, *val);
	case PRIV_LMSW:
		return write_cr(v, 0, (c->s.cr0 & ~0xeULL) | (*val & 0xf));
	case PRIV_CLTS:
		pv_set_ts(v, false);
		return -1;
	case PRIV_MOV_FROM_DR:
		r = pv_debugreg_get(v, reg, val);
		return !r ? -1 : r == -XEN_ENODEV ? X86_UD : X86_GP;
	case PRIV_MOV_TO_DR:
		r = pv_debugreg_set(v, reg, *val);
		return !r ? -1 : r == -XEN_ENODEV ? X86_UD : X86_GP;
	case PRIV_WBINVD:
		return reg ? X86_GP : -1; /* reg 1: INVD, which Xen lets nobody have */
	case PRIV_RDTSC:
		*val = pv_tsc(c);
		return -1;
	case PRIV_XSETBV:
		return set_xcr0(v, reg, *val);
	default:
		return X86_GP;
	}
}
