/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System instructions: control and debug registers, MSRs, CPUID, time, ports, HLT, software interrupts, SYSCALL; SDM 2A
 * and 2B. What an unprivileged CPU may not do is offered to the machine (cpu_ops.priv) before it becomes #GP(0).
 */
#include "cpu/x86/block.h"
#include "cpu/x86/flags.h"
#include "cpu/x86/opcodes.h"
#include "cpu/x86/port.h"
#include "cpu/x86/seg.h"
#include "cpu/x86/xlat.h"

/* Asks the machine. -1: done, the value in c->tmp[0]; else the vector to raise. */
static NOINLINE int ask(struct cpu *c, const struct insn *i, enum cpu_priv what, u32 reg, u64 v)
{
	int rc;

	if (!c->ops->priv)
		return X86_GP;
	c->cur = i;
	rc = c->ops->priv(c, what, reg, &v);
	c->cur = NULL;
	c->tmp[0] = v;
	return rc;
}

#define ASK(what, reg, v)                                                                                            \
	do {                                                                                                         \
		int rc_ = ask(c, i, what, reg, v);                                                                   \
		if (rc_ >= 0)                                                                                        \
			RAISE((u8)rc_, 0);                                                                           \
	} while (0)
/* ... for an answer in v. */
#define ASK_FOR(what, reg, v)                                                                                        \
	do {                                                                                                         \
		ASK(what, reg, 0);                                                                                   \
		(v) = c->tmp[0];                                                                                     \
	} while (0)

static bool cpl0(const struct cpu *c)
{
	return c->s.cpl == 0;
}

/* ---- control and debug registers ------------------------------------------------------------------------------- */

static u64 *control(struct cpu *c, u32 n)
{
	switch (n) {
	case 0:
		return &c->s.cr0;
	case 2:
		return &c->s.cr2;
	case 3:
		return &c->s.cr3;
	case 4:
		return &c->s.cr4;
	case 8:
		return &c->s.cr8;
	default:
		return NULL;
	}
}

static HANDLER(op_mov_from_cr)
{
	u64 v = 0;

	if (!cpl0(c))
		ASK_FOR(PRIV_MOV_FROM_CR, i->aux, v);
	else
		v = *control(c, i->aux);
	c->r[i->dst] = c->mode_key & KEY_CS64 ? v : (u32)v;
	NEXT;
}

#define CR0_KNOWN (0xe0000000ULL | CR0_AM | CR0_WP | CR0_NE | CR0_ET | CR0_TS | CR0_EM | CR0_MP | CR0_PE)

/* Bits of CR4 that this processor has, by its features. */
static u64 cr4_known(const struct cpu *c)
{
	u64 k = CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_MCE | CR4_PGE | CR4_PCE | CR4_OSFXSR |
		CR4_OSXMMEXCPT | CR4_UMIP | CR4_LA57 | CR4_PCIDE | CR4_SMEP;

	k |= c->features >> F_FSGSBASE & 1 ? CR4_FSGSBASE : 0;
	k |= c->features >> F_XSAVE & 1 ? CR4_OSXSAVE : 0;
	k |= c->features >> F_SMAP & 1 ? CR4_SMAP : 0;
	return k;
}

/* SDM 3A 4.1.1, 4.1.2 and 9.8.5: long mode is entered and left by way of CR0.PG. */
static bool set_cr0(struct cpu *c, u64 v)
{
	struct x86_state *s = &c->s;
	u64 old = s->cr0;

	if ((v >> 32) || ((v & CR0_PG) && !(v & CR0_PE)) || ((v & BIT(29)) && !(v & BIT(30))))
		return false;
	v = (v & CR0_KNOWN) | CR0_ET;
	if ((v & CR0_PG) && !(old & CR0_PG)) {
		if (s->efer & EFER_LME) {
			if (!(s->cr4 & CR4_PAE) || (s->seg[SEG_CS].attr & SEGA_L) ||
			    (s->seg[SEG_TR].attr & SEGA_TYPE) < 9)
				return false;
			s->efer |= EFER_LMA;
		}
	} else if (!(v & CR0_PG) && (old & CR0_PG)) {
		if (code64(c) || ((s->cr4 & CR4_PCIDE) && long_mode(c)))
			return false;
		s->efer &= ~(u64)EFER_LMA;
	}
	s->cr0 = v;
	if (((v ^ old) & (CR0_PG | BIT(29) | BIT(30))) && !pdptes_load(c, s->cr3)) {
		s->cr0 = old;
		return false;
	}
	/* Leaving protected mode leaves its privilege too. */
	if (!(v & CR0_PE))
		s->cpl = 0;
	return true;
}

static bool set_cr4(struct cpu *c, u64 v)
{
	struct x86_state *s = &c->s;
	u64 old = s->cr4, flips = v ^ s->cr4;

	if (v & ~cr4_known(c))
		return false;
	if (long_mode(c) && (!(v & CR4_PAE) || (flips & CR4_LA57)))
		return false;
	if ((flips & v & CR4_PCIDE) && (!long_mode(c) || (s->cr3 & 0xfff)))
		return false;
	s->cr4 = v;
	if ((flips & (CR4_PGE | CR4_PSE | CR4_PAE | CR4_SMEP)) && !pdptes_load(c, s->cr3)) {
		s->cr4 = old;
		return false;
	}
	return true;
}

/* False: #GP(0), nothing has changed. */
static bool set_control(struct cpu *c, u32 n, u64 v)
{
	struct x86_state *s = &c->s;

	switch (n) {
	case 0:
		if (!set_cr0(c, v))
			return false;
		break;
	case 2:
		s->cr2 = v;
		break;
	case 3:
		if (long_mode(c)) {
			if (s->cr4 & CR4_PCIDE)
				v &= ~BIT(63); /* whether to flush: the TLB is always true to the tables */
			if (v >> 46)
				return false;
		}
		if (!pdptes_load(c, v))
			return false;
		s->cr3 = v;
		break;
	case 4:
		if (!set_cr4(c, v))
			return false;
		break;
	default:
		if (v >> 4)
			return false;
		s->cr8 = v;
		break;
	}
	cpu_mode_changed(c);
	return true;
}

static HANDLER(op_mov_to_cr)
{
	u64 v = c->mode_key & KEY_CS64 ? c->r[i->src] : (u32)c->r[i->src];

	if (!cpl0(c))
		ASK(PRIV_MOV_TO_CR, i->aux, v);
	else if (!set_control(c, i->aux, v))
		RAISE(X86_GP, 0);
	return leave_after(c, i, BX_LOOKUP);
}

/* What keeps a MOV of debug register n from being done at CPL 0: -1, or a vector. SDM 3B 17.2.2 and 17.2.4. */
static int debug_guard(struct cpu *c, u32 n)
{
	if ((n == 4 || n == 5) && (c->s.cr4 & CR4_DE))
		return X86_UD;
	if (c->native && (c->s.dr[7] & DR7_GD))
		return X86_DB;
	return -1;
}

static HANDLER(op_mov_from_dr)
{
	u64 v = 0;
	int bad;

	if (!cpl0(c)) {
		ASK_FOR(PRIV_MOV_FROM_DR, i->aux, v);
	} else if ((bad = debug_guard(c, i->aux)) >= 0) {
		raise_trap(c, i, (u8)bad, 0);
		c->trap.dr6 = DR6_BD;
		return NULL;
	} else {
		v = c->s.dr[i->aux == 4 || i->aux == 5 ? i->aux + 2 : i->aux];
	}
	c->r[i->dst] = c->mode_key & KEY_CS64 ? v : (u32)v;
	NEXT;
}

static HANDLER(op_mov_to_dr)
{
	u64 v = c->mode_key & KEY_CS64 ? c->r[i->src] : (u32)c->r[i->src];
	u32 n = i->aux == 4 || i->aux == 5 ? i->aux + 2u : i->aux;
	int bad;

	if (!cpl0(c)) {
		ASK(PRIV_MOV_TO_DR, i->aux, v);
		return leave_after(c, i, BX_LOOKUP);
	}
	bad = debug_guard(c, i->aux);
	if (bad >= 0) {
		raise_trap(c, i, (u8)bad, 0);
		c->trap.dr6 = DR6_BD;
		return NULL;
	}
	if (n >= 6 && v >> 32)
		RAISE(X86_GP, 0);
	if (n == 6)
		v = (v & 0xe00f) | 0xffff0ff0;
	else if (n == 7)
		v = (v & 0xffff23ff) | 0x400;
	c->s.dr[n] = v;
	debug_changed(c);
	return leave_after(c, i, BX_LOOKUP);
}

static bool emit_cr(struct xlat *x, const struct xi *d, insn_fn fn, bool debug)
{
	u32 n = d->reg;
	struct insn *r;

	if (debug ? n > 7 : !control(x->c, n))
		return emit_ud(x, d);
	r = emit(x, d, fn);
	r->aux = (u8)n;
	r->dst = r->src = d->rm;
	return true;
}

bool x86_emit_mov_from_cr(struct xlat *x, const struct xi *d)
{
	return emit_cr(x, d, op_mov_from_cr, false);
}

bool x86_emit_mov_to_cr(struct xlat *x, const struct xi *d)
{
	return emit_cr(x, d, op_mov_to_cr, false);
}

bool x86_emit_mov_from_dr(struct xlat *x, const struct xi *d)
{
	return emit_cr(x, d, op_mov_from_dr, true);
}

bool x86_emit_mov_to_dr(struct xlat *x, const struct xi *d)
{
	return emit_cr(x, d, op_mov_to_dr, true);
}

static HANDLER(op_clts)
{
	if (!cpl0(c))
		ASK(PRIV_CLTS, 0, 0);
	else
		set_control(c, 0, c->s.cr0 & ~(u64)CR0_TS);
	return leave_after(c, i, BX_LOOKUP);
}

bool x86_emit_clts(struct xlat *x, const struct xi *d)
{
	emit(x, d, op_clts);
	return true;
}

static HANDLER(op_smsw)
{
	u64 v = c->s.cr0;

	if ((c->s.cr4 & CR4_UMIP) && !cpl0(c))
		RAISE(X86_GP, 0);
	if (i->src) {
		STORE16(EA(c, i), v);
		NEXT;
	}
	if (i->aux == 2)
		SET16(c, i->dst, v);
	else
		c->r[i->dst / 8] = i->aux == 4 ? (u32)v : v;
	NEXT;
}

bool x86_emit_smsw(struct xlat *x, const struct xi *d)
{
	struct insn *r = emit(x, d, op_smsw);

	r->dst = xi_off(d, d->rm, d->opsz);
	r->aux = d->opsz;
	r->src = d->mem;
	return true;
}

static HANDLER(op_lmsw)
{
	u64 v;

	if (!cpl0(c) && !c->ops->priv)
		RAISE(X86_GP, 0);
	if (i->src) {
		if (!slow_load(c, EA(c, i), 2))
			return raise_fault(c, i);
		v = c->tmp[0];
	} else {
		v = G16(c, i->dst);
	}
	if (!cpl0(c))
		ASK(PRIV_LMSW, 0, v);
	else /* PE can be set but not cleared */
		set_control(c, 0, (c->s.cr0 & ~14ULL) | (v & 15));
	return leave_after(c, i, BX_LOOKUP);
}

bool x86_emit_lmsw(struct xlat *x, const struct xi *d)
{
	struct insn *r = emit(x, d, op_lmsw);

	r->dst = OFF16(d->rm);
	r->src = d->mem;
	return true;
}

static HANDLER(op_invlpg)
{
	u64 va = EA(c, i);

	/* The TLB is coherent: there is nothing to drop. */
	if (!cpl0(c))
		ASK(PRIV_INVLPG, 0, va);
	return leave_after(c, i, BX_LOOKUP);
}

bool x86_emit_invlpg(struct xlat *x, const struct xi *d)
{
	emit(x, d, op_invlpg);
	return true;
}

static HANDLER(op_wbinvd)
{
	if (!cpl0(c))
		ASK(PRIV_WBINVD, i->aux, 0);
	NEXT;
}

bool x86_emit_wbinvd(struct xlat *x, const struct xi *d)
{
	emit(x, d, op_wbinvd)->aux = d->opcode == 0x08; /* INVD */
	return true;
}

/* ---- MSRs -------------------------------------------------------------------------------------------------------- */

/* ... of a processor with no hypervisor in its place: SDM 4 table 2-2. */
static u64 *msr_sys(struct cpu *c, u32 msr)
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
static u64 *msr_plain(struct cpu *c, u32 msr)
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

static HANDLER(op_rdmsr)
{
	u32 msr = (u32)c->r[RCX];
	u64 *p, v = 0;

	if (!cpl0(c)) {
		ASK_FOR(PRIV_RDMSR, msr, v);
	} else if (msr == 0xc0000080) {
		v = c->s.efer;
	} else if (msr == 0x10 && c->ops->tsc) {
		c->cur = i;
		v = c->ops->tsc(c);
		c->cur = NULL;
	} else if ((p = msr_plain(c, msr))) {
		v = *p;
	} else if (c->native && msr == 0xfe) { /* MTRRCAP: 8 variable ranges, fixed ones, write-combining */
		v = 0x508;
	} else if (c->native && msr == 0x179) { /* MCG_CAP: no banks */
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
static bool msr_ok(const struct cpu *c, u32 msr, u64 v)
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
	} else if (msr == 0xc0000080) {
		if ((v & ~(u64)(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)) ||
		    ((c->s.cr0 & CR0_PG) && ((v ^ c->s.efer) & EFER_LME)))
			RAISE(X86_GP, 0);
		c->s.efer = (v & ~(u64)EFER_LMA) | (c->s.efer & EFER_LMA);
		cpu_mode_changed(c);
	} else if ((p = msr_plain(c, msr))) {
		if (!msr_ok(c, msr, v))
			RAISE(X86_GP, 0);
		*p = v;
		cpu_mode_changed(c);
	} else if (!c->ops->wrmsr || c->ops->wrmsr(c, msr, v)) {
		RAISE(X86_GP, 0);
	}
	return leave_after(c, i, BX_LOOKUP);
}

bool x86_emit_rdmsr(struct xlat *x, const struct xi *d)
{
	emit(x, d, op_rdmsr);
	return true;
}

bool x86_emit_wrmsr(struct xlat *x, const struct xi *d)
{
	emit(x, d, op_wrmsr);
	return true;
}

/* ---- identification, time, randomness --------------------------------------------------------------------------- */

static NOINLINE void cpuid(struct cpu *c, const struct insn *i)
{
	u32 out[4] = { 0, 0, 0, 0 };

	c->cur = i;
	if (c->ops->cpuid)
		c->ops->cpuid(c, (u32)c->r[RAX], (u32)c->r[RCX], out);
	c->cur = NULL;
	c->r[RAX] = out[0];
	c->r[RBX] = out[1];
	c->r[RCX] = out[2];
	c->r[RDX] = out[3];
}

static HANDLER(op_cpuid)
{
	cpuid(c, i);
	NEXT;
}

bool x86_emit_cpuid(struct xlat *x, const struct xi *d)
{
	emit(x, d, op_cpuid);
	return true;
}

/* RDTSC and RDTSCP (aux). */
static HANDLER(op_rdtsc)
{
	u64 v = 0;

	if ((c->s.cr4 & CR4_TSD) && !cpl0(c)) {
		ASK_FOR(PRIV_RDTSC, 0, v);
	} else if (c->ops->tsc) {
		c->cur = i;
		v = c->ops->tsc(c);
		c->cur = NULL;
	}
	c->r[RAX] = (u32)v;
	c->r[RDX] = v >> 32;
	if (i->aux)
		c->r[RCX] = (u32)c->s.tsc_aux;
	NEXT;
}

bool x86_emit_rdtsc(struct xlat *x, const struct xi *d)
{
	if (!(x->c->features & BIT(F_TSC)))
		return emit_ud(x, d);
	emit(x, d, op_rdtsc);
	return true;
}

bool x86_emit_rdtscp(struct xlat *x, const struct xi *d)
{
	emit(x, d, op_rdtsc)->aux = 1;
	return true;
}

static HANDLER(op_rdpmc)
{
	u64 v = 0;

	/* No counters that could be read: #GP for each, as for a number that does not exist. */
	if (cpl0(c))
		RAISE(X86_GP, 0);
	ASK_FOR(PRIV_RDPMC, (u32)c->r[RCX], v);
	c->r[RAX] = (u32)v;
	c->r[RDX] = v >> 32;
	NEXT;
}

bool x86_emit_rdpmc(struct xlat *x, const struct xi *d)
{
	emit(x, d, op_rdpmc);
	return true;
}

/* RDRAND and RDSEED: a splitmix sequence from the CPU's own state, so that a run repeats. */
static HANDLER(op_rdrand)
{
	u64 z = (c->s.rng += 0x9e3779b97f4a7c15ULL);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	z ^= z >> 31;
	if (i->aux == 2)
		SET16(c, i->dst, z);
	else if (i->aux == 4)
		SET32(c, i->dst, z);
	else
		SET64(c, i->dst, z);
	flags_set_all(c, FL_CF);
	NEXT;
}

bool x86_emit_rdrand(struct xlat *x, const struct xi *d)
{
	struct insn *r = emit(x, d, op_rdrand);

	r->dst = xi_off(d, d->rm, d->opsz);
	r->aux = d->opsz;
	return true;
}

/* ---- ports ------------------------------------------------------------------------------------------------------- */

bool port_allowed(const struct cpu *c)
{
	return !(c->mode_key & KEY_PE) || (c->s.cpl <= iopl(c) && !in_v86(c));
}

/* The I/O permission bitmap of a 32- or 64-bit TSS, SDM 1 19.5.2. */
bool port_check(struct cpu *c, u16 port, u32 size)
{
	const struct x86_seg *tr = &c->s.seg[SEG_TR];
	u8 b[2];
	u32 at;

	if (port_allowed(c))
		return true;
	if ((tr->attr & SEGA_TYPE) < 9 || !(tr->attr & SEGA_P) || tr->limit < 103)
		return x86_fault(c, X86_GP, 0);
	if (!sys_read(c, tr->base + 102, b, 2))
		return false;
	at = ld16(b) + port / 8u;
	if (at + 1 > tr->limit)
		return x86_fault(c, X86_GP, 0);
	if (!sys_read(c, tr->base + at, b, 2))
		return false;
	if (ld16(b) >> (port & 7) & ((1u << size) - 1))
		return x86_fault(c, X86_GP, 0);
	return true;
}

bool port_in(struct cpu *c, u16 port, u32 size, u64 *v)
{
	if (c->s.cpl && c->ops->priv) {
		*v = (u64)port << 32 | size;
		return c->ops->priv(c, PRIV_IN, port, v) < 0 || x86_fault(c, X86_GP, 0);
	}
	if (!port_check(c, port, size))
		return false;
	if (UNLIKELY(c->debug_on))
		debug_port(c, port, size);
	*v = c->ops->in ? c->ops->in(c, port, size) : ~0ULL;
	return true;
}

bool port_out(struct cpu *c, u16 port, u32 size, u64 v)
{
	if (c->s.cpl && c->ops->priv)
		return c->ops->priv(c, PRIV_OUT, port, &v) < 0 || x86_fault(c, X86_GP, 0);
	if (!port_check(c, port, size))
		return false;
	if (UNLIKELY(c->debug_on))
		debug_port(c, port, size);
	if (c->ops->out)
		c->ops->out(c, port, size, (u32)v);
	return true;
}

static HANDLER(op_in)
{
	u16 port = i->src ? (u16)c->r[RDX] : (u8)i->imm;
	u64 v;
	bool ok;

	c->cur = i;
	ok = port_in(c, port, i->aux, &c->tmp[0]);
	c->cur = NULL;
	if (!ok)
		return raise_noted(c, i);
	v = c->tmp[0];
	if (i->aux == 1)
		SET8(c, OFF8(RAX), v);
	else if (i->aux == 2)
		SET16(c, OFF16(RAX), v);
	else
		c->r[RAX] = (u32)v;
	return leave_after(c, i, BX_LOOKUP);
}

static HANDLER(op_out)
{
	u16 port = i->src ? (u16)c->r[RDX] : (u8)i->imm;
	u64 v = i->aux == 4 ? (u32)c->r[RAX] : c->r[RAX] & (BIT(i->aux * 8) - 1);
	bool ok;

	c->cur = i;
	ok = port_out(c, port, i->aux, v);
	c->cur = NULL;
	if (!ok)
		return raise_noted(c, i);
	return leave_after(c, i, BX_LOOKUP);
}

static bool emit_port(struct xlat *x, const struct xi *d, insn_fn fn, u32 acc)
{
	struct insn *r = emit(x, d, fn);

	r->aux = d->row->op[acc][0] == 'A' ? 1 : MIN(d->opsz, 4);
	r->src = d->row->op[!acc][0] == 'D';
	return true;
}

bool x86_emit_in(struct xlat *x, const struct xi *d)
{
	return emit_port(x, d, op_in, 0);
}

bool x86_emit_out(struct xlat *x, const struct xi *d)
{
	return emit_port(x, d, op_out, 1);
}

/* ---- interrupts and calls into the system ------------------------------------------------------------------------- */

/* CLI and STI (aux) with their virtual forms, SDM 2A and 2B. */
static HANDLER(op_cli)
{
	u32 level = c->mode_key & KEY_VM ? 3 : c->s.cpl;

	if (!(c->mode_key & KEY_PE) || level <= iopl(c)) {
		if (i->aux && !(c->eflags & FL_IF) && c->native)
			c->s.shadow = SHADOW_STI;
		c->eflags = (c->eflags & ~(u32)FL_IF) | (i->aux ? FL_IF : 0);
	} else if (c->native && c->s.cpl == 3 && (c->s.cr4 & (c->mode_key & KEY_VM ? CR4_VME : CR4_PVI))) {
		if (i->aux && (c->eflags & FL_VIP))
			RAISE(X86_GP, 0);
		c->eflags = (c->eflags & ~(u32)FL_VIF) | (i->aux ? FL_VIF : 0);
	} else {
		ASK(i->aux ? PRIV_STI : PRIV_CLI, 0, 0);
	}
	return leave_after(c, i, BX_LOOKUP);
}

bool x86_emit_cli(struct xlat *x, const struct xi *d)
{
	emit(x, d, op_cli);
	return true;
}

bool x86_emit_sti(struct xlat *x, const struct xi *d)
{
	emit(x, d, op_cli)->aux = 1;
	return true;
}

static HANDLER(op_hlt)
{
	if (!cpl0(c)) {
		ASK(PRIV_HLT, 0, 0);
		return leave_after(c, i, BX_LOOKUP);
	}
	c->s.halted = 1;
	return leave_after(c, i, BX_HALT);
}

bool x86_emit_hlt(struct xlat *x, const struct xi *d)
{
	emit(x, d, op_hlt);
	return true;
}

/* INT n, INT3, INTO, INT1: traps whose rip is behind the instruction. aux is the vector. */
static HANDLER(op_int)
{
	c->budget += i->n - 1;
	c->trap = (struct cpu_trap){ .vector = i->aux, .soft = true, .rip = NEXT_IP(c, i), .start = IP(c, i), .kind = i->src };
	return leave(c, NEXT_IP(c, i), BX_TRAP);
}

bool x86_emit_int(struct xlat *x, const struct xi *d)
{
	struct insn *r = emit(x, d, op_int);

	r->aux = (u8)d->imm;
	r->src = TRAP_INT;
	return true;
}

bool x86_emit_int3(struct xlat *x, const struct xi *d)
{
	struct insn *r = emit(x, d, op_int);

	r->aux = X86_BP;
	r->src = TRAP_INT3;
	return true;
}

bool x86_emit_int1(struct xlat *x, const struct xi *d)
{
	struct insn *r = emit(x, d, op_int);

	r->aux = X86_DB;
	r->src = TRAP_ICEBP;
	return true;
}

static HANDLER(op_into)
{
	if (flag_of(c))
		return op_int(c, i);
	return leave_after(c, i, BX_LOOKUP);
}

bool x86_emit_into(struct xlat *x, const struct xi *d)
{
	struct insn *r = emit(x, d, op_into);

	r->aux = X86_OF;
	r->src = TRAP_INT3;
	return true;
}

static HANDLER(op_bound)
{
	i64 idx, lo, hi;

	if (!slow_load(c, EA(c, i), i->aux))
		return raise_fault(c, i);
	lo = i->aux == 2 ? (i16)c->tmp[0] : (i32)c->tmp[0];
	if (!slow_load(c, EA(c, i) + i->aux, i->aux))
		return raise_fault(c, i);
	hi = i->aux == 2 ? (i16)c->tmp[0] : (i32)c->tmp[0];
	idx = i->aux == 2 ? (i16)G16(c, i->dst) : (i32)G32(c, i->dst);
	if (idx < lo || idx > hi)
		RAISE(X86_BR, 0);
	NEXT;
}

bool x86_emit_bound(struct xlat *x, const struct xi *d)
{
	struct insn *r = emit(x, d, op_bound);

	r->dst = xi_off(d, d->reg, d->opsz);
	r->aux = d->opsz;
	return true;
}

bool x86_emit_ud1(struct xlat *x, const struct xi *d)
{
	return emit_ud(x, d);
}

bool x86_emit_ud2(struct xlat *x, const struct xi *d)
{
	return emit_ud(x, d);
}

/* SYSCALL as the SDM has it: flat segments from STAR. */
static const struct insn *syscall_native(struct cpu *c, const struct insn *i)
{
	u16 cs = (u16)(c->s.star >> 32) & 0xfffc;
	u64 fl = cpu_rflags(c);

	c->r[RCX] = NEXT_IP(c, i);
	c->r[R11] = fl & ~(u64)FL_RF;
	c->budget += i->n - 1;
	cpu_set_rflags(c, fl & ~(c->s.sfmask | FL_RF));
	c->rip = c->mode_key & KEY_CS64 ? c->s.lstar : c->s.cstar;
	cpu_set_seg(c, SEG_CS, cs, 0, 0xffffffff, SEGA_P | SEGA_S | SEGA_CODE | SEGA_RW | SEGA_ACCESSED | SEGA_L | SEGA_G);
	cpu_set_seg(c, SEG_SS, (u16)(cs + 8), 0, 0xffffffff, SEGA_P | SEGA_S | SEGA_RW | SEGA_ACCESSED | SEGA_DB | SEGA_G);
	c->s.cpl = 0;
	cpu_mode_changed(c);
	return leave(c, c->rip, BX_LOOKUP);
}

static HANDLER(op_syscall)
{
	if (c->ops->syscall)
		return leave_after(c, i, BX_SYSCALL);
	if (!(c->s.efer & EFER_SCE) || !(c->mode_key & KEY_CS64))
		RAISE(X86_UD, 0);
	c->no_step = true;
	return syscall_native(c, i);
}

bool x86_emit_syscall(struct xlat *x, const struct xi *d)
{
	emit(x, d, op_syscall);
	return true;
}

static HANDLER(op_sysret)
{
	u16 base = (u16)(c->s.star >> 48);
	bool wide = i->aux == 8;

	if (!(c->s.efer & EFER_SCE) || !(c->mode_key & KEY_CS64))
		RAISE(X86_UD, 0);
	if (wide && !canonical(c, c->r[RCX]))
		RAISE(X86_GP, 0);
	c->budget += i->n - 1;
	cpu_set_rflags(c, (c->r[R11] & 0x3c7fd7) | FL_FIXED1);
	cpu_set_seg(c, SEG_CS, (u16)((base + (wide ? 16 : 0)) | 3), 0, 0xffffffff,
		    SEGA_P | SEGA_DPL | SEGA_S | SEGA_CODE | SEGA_RW | SEGA_ACCESSED | SEGA_G | (wide ? SEGA_L : SEGA_DB));
	cpu_set_seg(c, SEG_SS, (u16)((base + 8) | 3), 0, 0xffffffff,
		    SEGA_P | SEGA_DPL | SEGA_S | SEGA_RW | SEGA_ACCESSED | SEGA_DB | SEGA_G);
	c->s.cpl = 3;
	c->rip = wide ? c->r[RCX] : (u32)c->r[RCX];
	cpu_mode_changed(c);
	return leave(c, c->rip, BX_LOOKUP);
}

bool x86_emit_sysret(struct xlat *x, const struct xi *d)
{
	emit(x, d, op_sysret)->aux = d->opsz;
	return true;
}

static HANDLER(op_sysenter)
{
	if (c->ops->sysenter)
		return leave_after(c, i, BX_SYSENTER);
	if (!(c->s.sysenter_cs & 0xfffc) || !(c->mode_key & KEY_PE))
		RAISE(X86_GP, 0);
	c->budget += i->n - 1;
	c->eflags &= ~(u32)(FL_VM | FL_IF | FL_RF);
	cpu_set_seg(c, SEG_CS, (u16)(c->s.sysenter_cs & 0xfffc), 0, 0xffffffff,
		    SEGA_P | SEGA_S | SEGA_CODE | SEGA_RW | SEGA_ACCESSED | SEGA_G | (c->mode_key & KEY_LMA ? SEGA_L : SEGA_DB));
	cpu_set_seg(c, SEG_SS, (u16)((c->s.sysenter_cs & 0xfffc) + 8), 0, 0xffffffff,
		    SEGA_P | SEGA_S | SEGA_RW | SEGA_ACCESSED | SEGA_DB | SEGA_G);
	c->s.cpl = 0;
	c->r[RSP] = c->s.sysenter_esp;
	c->rip = c->s.sysenter_eip;
	cpu_mode_changed(c);
	return leave(c, c->rip, BX_LOOKUP);
}

bool x86_emit_sysenter(struct xlat *x, const struct xi *d)
{
	emit(x, d, op_sysenter);
	return true;
}

static HANDLER(op_sysexit)
{
	bool wide = i->aux == 8;
	u16 base = (u16)c->s.sysenter_cs;

	if (!(base & 0xfffc))
		RAISE(X86_GP, 0);
	c->budget += i->n - 1;
	cpu_set_seg(c, SEG_CS, (u16)((base + (wide ? 32 : 16)) | 3), 0, 0xffffffff,
		    SEGA_P | SEGA_DPL | SEGA_S | SEGA_CODE | SEGA_RW | SEGA_ACCESSED | SEGA_G | (wide ? SEGA_L : SEGA_DB));
	cpu_set_seg(c, SEG_SS, (u16)((base + (wide ? 40 : 24)) | 3), 0, 0xffffffff,
		    SEGA_P | SEGA_DPL | SEGA_S | SEGA_RW | SEGA_ACCESSED | SEGA_DB | SEGA_G);
	c->s.cpl = 3;
	c->r[RSP] = wide ? c->r[RCX] : (u32)c->r[RCX];
	c->rip = wide ? c->r[RDX] : (u32)c->r[RDX];
	cpu_mode_changed(c);
	return leave(c, c->rip, BX_LOOKUP);
}

bool x86_emit_sysexit(struct xlat *x, const struct xi *d)
{
	emit(x, d, op_sysexit)->aux = d->opsz;
	return true;
}

static HANDLER(op_vmcall)
{
	if (!c->ops->vmcall)
		RAISE(X86_UD, 0);
	return leave_after(c, i, BX_VMCALL);
}

bool x86_emit_vmcall(struct xlat *x, const struct xi *d)
{
	emit(x, d, op_vmcall);
	return true;
}

/* MONITOR (aux 0) and MWAIT: a wait that may end at any time ends at once. */
static HANDLER(op_monitor)
{
	u64 ext = i->aux ? c->r[RCX] & ~1ULL : c->r[RCX];

	if (c->mode_key & KEY_CS64 ? ext : (u32)ext)
		RAISE(X86_GP, 0);
	if (!i->aux && !slow_load(c, EA(c, i), 1))
		return raise_fault(c, i);
	return leave_after(c, i, i->aux ? BX_YIELD : BX_LOOKUP);
}

static bool emit_monitor(struct xlat *x, const struct xi *d, u8 aux)
{
	struct insn *r;

	if ((x->key & KEY_CPL) || (x->key & KEY_VM))
		return emit_ud(x, d);
	r = emit(x, d, op_monitor);
	r->aux = aux;
	r->base = RAX;
	r->seg = d->segovr != REG_ZERO && (d->mode != 8 || d->segovr >= REG_FS) ? d->segovr : d->mode == 8 ? REG_ZERO : REG_DS;
	x->end = true;
	return true;
}

bool x86_emit_monitor(struct xlat *x, const struct xi *d)
{
	return emit_monitor(x, d, 0);
}

bool x86_emit_mwait(struct xlat *x, const struct xi *d)
{
	return emit_monitor(x, d, 1);
}

/* INVPCID: the TLB is coherent, so what is left are the checks. SDM 2A. */
static HANDLER(op_invpcid)
{
	u64 type = c->mode_key & KEY_CS64 ? G64(c, i->dst) : G32(c, i->dst);
	u64 pcid;

	if (!slow_load(c, EA(c, i), 16))
		return raise_fault(c, i);
	pcid = c->tmp[0];
	if (type > 3 || (pcid >> 12 && type < 2) || (type == 0 && !canonical(c, c->tmp[1])) ||
	    (type < 2 && !(c->s.cr4 & CR4_PCIDE) && pcid))
		RAISE(X86_GP, 0);
	return leave_after(c, i, BX_LOOKUP);
}

bool x86_emit_invpcid(struct xlat *x, const struct xi *d)
{
	struct insn *r;

	if (x->key & KEY_VM)
		return emit_trap(x, d, X86_GP, 0);
	r = emit(x, d, op_invpcid);
	r->dst = OFF64(d->reg);
	x->end = true;
	return true;
}

static HANDLER(op_rsm)
{
	if (!(c->sys.blocked & BLOCK_SMM))
		RAISE(X86_UD, 0);
	c->budget += i->n - 1;
	if (!smm_leave(c))
		c->sys.blocked |= BLOCK_SHUTDOWN;
	return leave(c, c->rip, BX_LOOKUP);
}

bool x86_emit_rsm(struct xlat *x, const struct xi *d)
{
	emit(x, d, op_rsm);
	return true;
}

static HANDLER(op_ac)
{
	c->eflags = (c->eflags & ~(u32)FL_AC) | (i->aux ? FL_AC : 0);
	return leave_after(c, i, BX_LOOKUP);
}

bool x86_emit_clac(struct xlat *x, const struct xi *d)
{
	if (x->key & KEY_CPL)
		return emit_ud(x, d);
	emit(x, d, op_ac);
	x->end = true;
	return true;
}

bool x86_emit_stac(struct xlat *x, const struct xi *d)
{
	if (x->key & KEY_CPL)
		return emit_ud(x, d);
	emit(x, d, op_ac)->aux = 1;
	x->end = true;
	return true;
}
