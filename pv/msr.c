/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RDMSR and WRMSR of a paravirtual kernel: the MSRs Xen 4.17 knows, with what it says of them on Intel's processors (SDM 4,
 * table 2-2); any other faults. Left out: MSRs whose features no model has (speculation control, PKRS, XSS), all #GP.
 */
#include "pv/build/builder.h"
#include "pv/mm/mm.h"
#include "pv/traps.h"

#include "cpu/x86/decode.h"

enum {
	MSR_P5_MC_ADDR = 0,
	MSR_P5_MC_TYPE = 1,
	MSR_TSC = 0x10,
	MSR_PLATFORM_ID = 0x17,
	MSR_APIC_BASE = 0x1b,
	MSR_FEATURE_CONTROL = 0x3a,
	MSR_UCODE_REV = 0x8b,
	MSR_PERFCTR0 = 0xc1,
	MSR_PLATFORM_INFO = 0xce,
	MSR_MPERF = 0xe7,
	MSR_APERF = 0xe8,
	MSR_MISC_FEATURES_ENABLES = 0x140,
	MSR_MCG_CAP = 0x179,
	MSR_MCG_STATUS = 0x17a,
	MSR_MCG_CTL = 0x17b,
	MSR_EVNTSEL0 = 0x186,
	MSR_PERF_STATUS = 0x198,
	MSR_PERF_CTL = 0x199,
	MSR_THERM_CONTROL = 0x19a,
	MSR_THERM_STATUS = 0x19c,
	MSR_MISC_ENABLE = 0x1a0,
	MSR_ENERGY_PERF_BIAS = 0x1b0,
	MSR_PAT = 0x277,
	MSR_MC0_CTL2 = 0x280,
	MSR_FIXED_CTR0 = 0x309,
	MSR_PERF_CAPABILITIES = 0x345,
	MSR_FIXED_CTR_CTRL = 0x38d,
	MSR_MC0_CTL = 0x400,
	MSR_XEN_HYPERCALL = 0x40000000
};
#define MSR_EFER 0xc0000080u
#define MSR_FS_BASE 0xc0000100u
#define MSR_GS_BASE 0xc0000101u
#define MSR_KERNEL_GS_BASE 0xc0000102u
#define MSR_TSC_AUX 0xc0000103u
#define MSR_NB_CFG 0xc001001fu

#define GUEST_EFER ((u64)(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE))
#define PAT_VALUE 0x050100070406ULL
#define FEATURE_CONTROL_LOCK 1u
/* Fast strings; no branch trace store, no PEBS, no xTPR messages. */
#define MISC_ENABLE_VALUE 0x801801u
#define UCODE_REV (1ULL << 32)
/* Software error recovery, threshold status, CMCI, and the number of banks. */
#define MCG_CAP_VALUE (1u << 24 | 1u << 11 | 1u << 10 | PV_MC_BANKS)

static bool within(u32 msr, u32 first, u32 n)
{
	return msr - first < n;
}

/* Counters that no guest has: they read 0 and take everything. */
static bool performance_msr(u32 msr)
{
	return within(msr, MSR_PERFCTR0, 8) || within(msr, MSR_EVNTSEL0, 4) || within(msr, MSR_FIXED_CTR0, 3) ||
	       within(msr, MSR_FIXED_CTR_CTRL, 4);
}

/* Machine check banks, of which two are the guest's and the rest read 0. */
static bool bank_msr(u32 msr)
{
	return within(msr, MSR_MC0_CTL, 128) || within(msr, MSR_MC0_CTL2, 32);
}

static u64 read_bank(struct vcpu *v, u32 msr)
{
	if (within(msr, MSR_MC0_CTL, PV_MC_BANKS * 4))
		return (msr & 3) == 0 ? ~0ULL : 0; /* status, address and details: nothing ever happened */
	return within(msr, MSR_MC0_CTL2, PV_MC_BANKS) ? pv_of(v)->s.mc_ctl2[msr - MSR_MC0_CTL2] : 0;
}

static int write_bank(struct vcpu *v, u32 msr, u64 val)
{
	if (within(msr, MSR_MC0_CTL2, PV_MC_BANKS))
		pv_of(v)->s.mc_ctl2[msr - MSR_MC0_CTL2] = val;
	return within(msr, MSR_MC0_CTL, PV_MC_BANKS * 4) && (msr & 3) && val ? X86_GP : -1;
}

/* What a 32-bit guest's processor has not. */
static bool long_mode_msr(struct vcpu *v, u32 msr)
{
	return msr >= MSR_FS_BASE && msr <= MSR_KERNEL_GS_BASE && pv_dom(v->d)->xen.s.is32;
}

static bool has_tsc_aux(struct vcpu *v)
{
	return x86_of(v)->features & (BIT(F_RDTSCP) | BIT(F_RDPID));
}

/* False: no case for this one. */
static bool read_known(struct vcpu *v, u32 msr, u64 *val)
{
	const struct x86_state *x = &x86_of(v)->s;

	*val = 0;
	switch (msr) {
	case MSR_P5_MC_ADDR:
	case MSR_P5_MC_TYPE:
	case MSR_PLATFORM_ID:
	case MSR_PLATFORM_INFO:
	case MSR_MISC_FEATURES_ENABLES:
	case MSR_MCG_CTL:
	case MSR_PERF_STATUS:
	case MSR_PERF_CTL:
	case MSR_THERM_STATUS:
	case MSR_PERF_CAPABILITIES:
	case MSR_XEN_HYPERCALL:
	case MSR_NB_CFG: /* AMD's, and yet there */
		return true;
	case MSR_TSC:
		*val = pv_tsc(x86_of(v));
		return true;
	case MSR_APIC_BASE:
		*val = 0xfee00000 | 0x800 | (v->id ? 0 : 0x100);
		return true;
	case MSR_FEATURE_CONTROL:
		*val = FEATURE_CONTROL_LOCK;
		return true;
	case MSR_UCODE_REV:
		*val = UCODE_REV;
		return true;
	case MSR_MCG_CAP:
		*val = MCG_CAP_VALUE;
		return true;
	case MSR_MCG_STATUS:
		*val = pv_of(v)->s.mcg_status;
		return true;
	case MSR_MISC_ENABLE:
		*val = MISC_ENABLE_VALUE;
		return true;
	case MSR_PAT:
		*val = PAT_VALUE;
		return true;
	case MSR_EFER:
		*val = pv_dom(v->d)->xen.s.is32 ? EFER_NXE : GUEST_EFER;
		return true;
	case MSR_FS_BASE:
		*val = x->seg[SEG_FS].base;
		return true;
	case MSR_GS_BASE:
		*val = x->seg[SEG_GS].base;
		return true;
	case MSR_KERNEL_GS_BASE:
		*val = pv_of(v)->s.gs_base_user;
		return true;
	case MSR_TSC_AUX:
		*val = x->tsc_aux;
		return has_tsc_aux(v);
	default:
		*val = bank_msr(msr) ? read_bank(v, msr) : 0;
		return bank_msr(msr) || performance_msr(msr);
	}
}

int pv_rdmsr(struct vcpu *v, u32 msr, u64 *val)
{
	if (!long_mode_msr(v, msr) && read_known(v, msr, val))
		return -1;
	log_line(&v->d->host->log, LOG_UNIMP, "d%u v%u: read of MSR 0x%x", v->d->id, v->id, msr);
	/* Kernels read MSRs before they can take a fault: what the processor has reads 0 then. */
	*val = 0;
	return pv_of(v)->s.traps[X86_GP].address || !x86_msr_there(x86_of(v), msr) ? X86_GP : -1;
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
		(p->xen.s.is32 ? pv_hypercall_page32 : pv_hypercall_page64)(page);
	pv_mm_release_writable(p, mfn);
	return page ? -1 : X86_GP;
}

int pv_wrmsr(struct vcpu *v, u32 msr, u64 val)
{
	struct x86_state *x = &x86_of(v)->s;
	u64 same;

	if (long_mode_msr(v, msr))
		return X86_GP;
	switch (msr) {
	case MSR_UCODE_REV:
	case MSR_MISC_FEATURES_ENABLES:
		return val ? X86_GP : -1;
	case MSR_EFER:
		/* What is there may be written again. */
		return read_known(v, msr, &same) && same == val ? -1 : X86_GP;
	case MSR_MCG_STATUS:
		pv_of(v)->s.mcg_status = val;
		return -1;
	case MSR_MCG_CAP:
	case MSR_MCG_CTL:
	case MSR_MPERF:
	case MSR_APERF:
	case MSR_PERF_CTL:
	case MSR_THERM_CONTROL:
	case MSR_MISC_ENABLE:
	case MSR_ENERGY_PERF_BIAS:
	case MSR_NB_CFG:
		return -1; /* without effect */
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
		if (val >> 32 || !has_tsc_aux(v))
			return X86_GP;
		x->tsc_aux = val;
		return -1;
	case MSR_XEN_HYPERCALL:
		return fill_hypercall_page(v, val);
	default:
		if (bank_msr(msr))
			return write_bank(v, msr, val);
		if (performance_msr(msr))
			return -1;
		log_line(&v->d->host->log, LOG_UNIMP, "d%u v%u: write of MSR 0x%x = %llx", v->d->id, v->id, msr,
			 (unsigned long long)val);
		return X86_GP;
	}
}
