/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RDMSR and WRMSR, and the model-specific registers there are; SDM 4 table 2-2.
 */
#include "cpu/x86/opcodes.h"
#include "cpu/x86/priv.h"
#include "cpu/x86/seg.h"
#include "cpu/x86/xlat.h"

enum { MSR_TSC = 0x10, MSR_MTRRCAP = 0xfe, MSR_MCG_CAP = 0x179 };
#define MSR_EFER 0xc0000080u

/* ... of a processor with no hypervisor in its place: SDM 4 table 2-2. */
static u64 *msr_sys(struct x86 *c, u32 msr)
{
	static const u32 fixed[11] = { 0x250, 0x258, 0x259, 0x268, 0x269, 0x26a, 0x26b, 0x26c, 0x26d, 0x26e, 0x26f };
	struct x86_sys *y = &c->sys;
	u32 n;

	if (msr >= 0x200 && msr < 0x210)
		return msr & 1 ? &y->mtrr_mask[(msr - 0x200) / 2] : &y->mtrr_base[(msr - 0x200) / 2];
	for (n = 0; n < ARRAY_SIZE(fixed); n++)
		if (msr == fixed[n])
			return &y->mtrr_fix[n];
	switch (msr) {
	case 0x1b:
		return &c->s.apic_base;
	case 0x3a:
		return &y->feature_control;
	case 0x8b:
		return &y->microcode;
	case 0x17a:
		return &y->mcg_status;
	case 0x1d9:
		return &y->debugctl;
	case 0x2ff:
		return &y->mtrr_def_type;
	case 0x6e0:
		return &y->apic_tsc_deadline;
	default:
		return NULL;
	}
}

/* MSRs of the processor itself at CPL 0. False: not ours. */
static u64 *msr_plain(struct x86 *c, u32 msr)
{
	struct x86_state *s = &c->s;

	switch (msr) {
	case 0x174:
		return &s->sysenter_cs;
	case 0x175:
		return &s->sysenter_esp;
	case 0x176:
		return &s->sysenter_eip;
	case 0x1a0:
		return &s->misc_enable;
	case 0x277:
		return &s->pat;
	case 0xc0000081:
		return &s->star;
	case 0xc0000082:
		return &s->lstar;
	case 0xc0000083:
		return &s->cstar;
	case 0xc0000084:
		return &s->sfmask;
	case 0xc0000100:
		return &s->seg[SEG_FS].base;
	case 0xc0000101:
		return &s->seg[SEG_GS].base;
	case 0xc0000102:
		return &s->kernel_gs_base;
	case 0xc0000103:
		return &s->tsc_aux;
	default:
		return c->native ? msr_sys(c, msr) : NULL;
	}
}

bool x86_msr_there(struct x86 *c, u32 msr)
{
	return msr == MSR_EFER || msr == MSR_TSC || msr == MSR_MTRRCAP || msr == MSR_MCG_CAP || msr_plain(c, msr) || msr_sys(c, msr);
}

static HANDLER(op_rdmsr)
{
	u32 msr = (u32)c->r[RCX];
	u64 *p, v = 0;

	if (!cpl0(c)) {
		ASK_FOR(PRIV_RDMSR, msr, v);
	} else if (msr == MSR_EFER) {
		v = c->s.efer;
	} else if (msr == MSR_TSC && c->ops->tsc) {
		c->cur = i;
		v = c->ops->tsc(c);
		c->cur = NULL;
	} else if ((p = msr_plain(c, msr))) {
		v = *p;
	} else if (c->native && msr == MSR_MTRRCAP) { /* MTRRCAP: 8 variable ranges, fixed ones, write-combining */
		v = 0x508;
	} else if (c->native && msr == MSR_MCG_CAP) { /* MCG_CAP: no banks */
		v = 0;
	} else {
		if (!c->ops->rdmsr || c->ops->rdmsr(c, msr, &c->tmp[0]))
			RAISE(X86_GP, 0);
		v = c->tmp[0];
	}
	c->r[RAX] = (u32)v;
	c->r[RDX] = v >> 32;
	NEXT;
}

/* Values that an MSR does not take. */
static bool msr_ok(const struct x86 *c, u32 msr, u64 v)
{
	u32 n;

	switch (msr) {
	case 0x175: /* SYSENTER_ESP, SYSENTER_EIP */
	case 0x176:
	case 0xc0000082: /* LSTAR, CSTAR, the segment bases */
	case 0xc0000083:
	case 0xc0000100:
	case 0xc0000101:
	case 0xc0000102:
		return canonical(c, v);
	case 0x277: /* PAT: each byte a memory type */
		for (n = 0; n < 64; n += 8)
			if ((v >> n & 0xff) > 7 || (v >> n & 0xff) == 2 || (v >> n & 0xff) == 3)
				return false;
		return true;
	case 0x1d9: /* DEBUGCTL */
		return !(v & ~(u64)(DEBUGCTL_LBR | DEBUGCTL_BTF));
	case 0xc0000084:
	case 0xc0000103:
		return !(v >> 32);
	case 0x2ff: /* MTRR_DEF_TYPE */
		return !(v & ~0xcffULL);
	default:
		return true;
	}
}

static HANDLER(op_wrmsr)
{
	u32 msr = (u32)c->r[RCX];
	u64 v = c->r[RDX] << 32 | (u32)c->r[RAX];
	u64 *p;

	if (!cpl0(c)) {
		ASK(PRIV_WRMSR, msr, v);
	} else if (msr == MSR_EFER) {
		if ((v & ~x86_efer_bits(c)) ||
		    ((c->s.cr0 & CR0_PG) && ((v ^ c->s.efer) & EFER_LME)))
			RAISE(X86_GP, 0);
		c->s.efer = (v & ~(u64)EFER_LMA) | (c->s.efer & EFER_LMA);
		x86_mode_changed(c);
	} else if ((p = msr_plain(c, msr))) {
		if (!msr_ok(c, msr, v))
			RAISE(X86_GP, 0);
		*p = v;
		x86_mode_changed(c);
	} else if (!c->ops->wrmsr || c->ops->wrmsr(c, msr, v)) {
		RAISE(X86_GP, 0);
	}
	return leave_after(c, i, BX_LOOKUP);
}

bool x86_emit_rdmsr(struct xlat *x, const struct xi *dec)
{
	if (!(x->c->features & BIT(F_MSR)))
		return emit_ud(x, dec);
	emit(x, dec, op_rdmsr);
	return true;
}

bool x86_emit_wrmsr(struct xlat *x, const struct xi *dec)
{
	if (!(x->c->features & BIT(F_MSR)))
		return emit_ud(x, dec);
	emit(x, dec, op_wrmsr);
	return true;
}
