/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Privileged instructions that a paravirtual kernel executes in ring 3, and what Xen makes of them: control and debug
 * registers, XSETBV; MSRs are in pv/msr.c, ports in pv/ioport.c. Refused as by Xen: HLT, INVLPG, LMSW, SWAPGS, RDPMC.
 */
#include "pv/compat/compat.h"
#include "pv/mm/mm.h"
#include "pv/traps.h"

#define HYPER_START 0xffff800000000000ULL
#define HYPER_END 0xffff880000000000ULL
/* CR4: what the guest may choose, and what it sees of the host's choice. */
#define CR4_GUEST ((u64)(CR4_TSD | CR4_DE | CR4_FSGSBASE | CR4_OSXSAVE))
#define CR4_VISIBLE ((u64)(CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT))
u64 pv_tsc(struct x86 *c)
{
	xen_of(x86_vcpu(c))->s.spin_reads++;
	return domain_now(x86_vcpu(c)->d);
}

/* ---- control registers ------------------------------------------------------------------------------------------- */

u64 pv_guest_cr4(const struct x86 *c, u64 want)
{
	return (want & CR4_GUEST & x86_cr4_bits(c)) | CR4_VISIBLE;
}

u64 pv_real_cr4(const struct x86 *c, u64 guest)
{
	/* The host itself uses XSAVE where there is one. */
	return (guest & CR4_GUEST) | CR4_VISIBLE | CR4_PGE | (x86_cr4_bits(c) & CR4_OSXSAVE);
}

void pv_set_ts(struct vcpu *v, bool on)
{
	struct pv_vcpu_state *s = &pv_of(v)->s;
	u64 ts = on ? CR0_TS : 0;

	s->ctrlreg[0] = (s->ctrlreg[0] & ~(u64)CR0_TS) | ts;
	s->flags = (s->flags & ~(u32)PV_FPU_TS) | (on ? PV_FPU_TS : 0);
	x86_of(v)->s.cr0 = (x86_of(v)->s.cr0 & ~(u64)CR0_TS) | ts;
	x86_mode_changed(x86_of(v));
}

static int read_cr(struct vcpu *v, u32 reg, u64 *val)
{
	const struct pv_vcpu_state *s = &pv_of(v)->s;

	switch (reg) {
	case 0:
		*val = (x86_of(v)->s.cr0 & ~(u64)CR0_TS) | (s->ctrlreg[0] & CR0_TS);
		return -1;
	case 2:
		*val = s->ctrlreg[2];
		return -1;
	case 3:
		*val = pv_dom(v->d)->xen.s.is32 ? compat_mfn_to_cr3(s->kernel_root) : s->kernel_root << PAGE_SHIFT;
		return -1;
	case 4:
		*val = s->ctrlreg[4];
		return -1;
	default:
		return X86_GP;
	}
}

static int write_cr(struct vcpu *v, u32 reg, u64 val)
{
	struct pv_vcpu_state *s = &pv_of(v)->s;
	int rc;

	switch (reg) {
	case 0:
		/* TS alone can be changed. */
		if ((val ^ x86_of(v)->s.cr0) & ~(u64)CR0_TS)
			return X86_GP;
		pv_set_ts(v, val & CR0_TS);
		return -1;
	case 2:
		s->ctrlreg[2] = val;
		xen_info_set_u64(v, VI_CR2, val);
		return -1;
	case 3:
		xen_work_begin(v);
		rc = pv_mm_load_roots(v, v, pv_dom(v->d)->xen.s.is32 ? compat_cr3_to_mfn(val) : val >> PAGE_SHIFT, s->user_root);
		xen_work_end(v);
		if (rc)
			return rc == -XEN_ERESTART ? PRIV_AGAIN : X86_GP;
		pv_root_changed(v);
		return -1;
	case 4:
		/* What it may not choose stays as it was, without complaint. */
		s->ctrlreg[4] = pv_guest_cr4(x86_of(v), val);
		x86_of(v)->s.cr4 = pv_real_cr4(x86_of(v), s->ctrlreg[4]);
		x86_mode_changed(x86_of(v));
		return -1;
	default:
		return X86_GP;
	}
}

/* ---- debug registers --------------------------------------------------------------------------------------------- */

i64 pv_debugreg_set(struct vcpu *v, u32 reg, u64 val)
{
	const struct pv_vcpu_state *s = &pv_of(v)->s;
	u64 *dr = x86_of(v)->s.dr;
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
		debug_changed(x86_of(v));
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
		/* One on ports needs CR4.DE, be it enabled itself or not. */
		for (i = 0; i < 4; i++)
			if ((val & 0xff) && (val >> (16 + i * 4) & 3) == 2 && !(s->ctrlreg[4] & CR4_DE))
				return -XEN_EPERM;
		dr[7] = val;
		debug_changed(x86_of(v));
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
	*val = x86_of(v)->s.dr[reg];
	return 0;
}

/* ---- the rest --------------------------------------------------------------------------------------------------------- */

static int set_xcr0(struct vcpu *v, u32 reg, u64 val)
{
	if (reg || !x86_xcr0_valid(x86_of(v), val))
		return X86_GP;
	x86_of(v)->s.xcr0 = val;
	x86_mode_changed(x86_of(v));
	return -1;
}

int pv_emulate(struct x86 *c, enum x86_priv what, u32 reg, u64 *val)
{
	struct vcpu *v = x86_vcpu(c);
	i64 r;

	c->sys.db_pending = 0; /* what SS held back arrives in the host */
	switch (what) {
	case PRIV_IN:
		return pv_port_in(v, (u16)reg, (u32)*val, val);
	case PRIV_OUT:
		return pv_port_out(v, (u16)reg, (u32)(*val >> 32), (u32)*val);
	case PRIV_CLI:
	case PRIV_STI:
		/* Events are masked in vcpu_info and nowhere else. */
		return pv_iopl_ok(v) ? -1 : X86_GP;
	default:
		break;
	}
	if (!pv_kernel_mode(v))
		return X86_GP;
	switch (what) {
	case PRIV_RDMSR:
		return pv_rdmsr(v, reg, val);
	case PRIV_WRMSR:
		return pv_wrmsr(v, reg, *val);
	case PRIV_MOV_FROM_CR:
		return read_cr(v, reg, val);
	case PRIV_MOV_TO_CR:
		return write_cr(v, reg, *val);
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
