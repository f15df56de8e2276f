/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System instructions: control and debug registers, MSRs, CPUID, time, ports, HLT, software interrupts, SYSCALL; SDM 2A
 * and 2B. What an unprivileged CPU may not do is offered to the machine (cpu_ops.priv) before it becomes #GP(0).
 */
#include "cpu/x86/block.h"
#include "cpu/x86/flags.h"
#include "cpu/x86/opcodes.h"
#include "cpu/x86/port.h"
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

/* Paging and long mode follow CR0.PG and EFER.LME, SDM 3A 4.1. */
static bool set_control(struct cpu *c, u32 n, u64 v)
{
	struct x86_state *s = &c->s;

	switch (n) {
	case 0:
		if ((v >> 32) || ((v & CR0_PG) && !(v & CR0_PE)) || ((v & BIT(29)) && !(v & BIT(30))))
			return false;
		if ((v & CR0_PG) && !(s->cr0 & CR0_PG) && (s->efer & EFER_LME)) {
			if (!(s->cr4 & CR4_PAE))
				return false;
			s->efer |= EFER_LMA;
		}
		if (!(v & CR0_PG))
			s->efer &= ~(u64)EFER_LMA;
		s->cr0 = v | CR0_ET;
		break;
	case 2:
		s->cr2 = v;
		break;
	case 3:
		s->cr3 = v;
		break;
	case 4:
		if ((s->efer & EFER_LMA) && !(v & CR4_PAE))
			return false;
		s->cr4 = v;
		break;
	default:
		s->cr8 = v & 15;
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

static HANDLER(op_mov_from_dr)
{
	u64 v = 0;

	if (!cpl0(c))
		ASK_FOR(PRIV_MOV_FROM_DR, i->aux, v);
	else if ((i->aux == 4 || i->aux == 5) && (c->s.cr4 & CR4_DE))
		RAISE(X86_UD, 0);
	else
		v = c->s.dr[i->aux == 4 || i->aux == 5 ? i->aux + 2 : i->aux];
	c->r[i->dst] = c->mode_key & KEY_CS64 ? v : (u32)v;
	NEXT;
}

static HANDLER(op_mov_to_dr)
{
	u64 v = c->mode_key & KEY_CS64 ? c->r[i->src] : (u32)c->r[i->src];

	if (!cpl0(c))
		ASK(PRIV_MOV_TO_DR, i->aux, v);
	else if ((i->aux == 4 || i->aux == 5) && (c->s.cr4 & CR4_DE))
		RAISE(X86_UD, 0);
	else
		c->s.dr[i->aux == 4 || i->aux == 5 ? i->aux + 2 : i->aux] = v;
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
		ASK(PRIV_WBINVD, 0, 0);
	NEXT;
}

bool x86_emit_wbinvd(struct xlat *x, const struct xi *d)
{
	emit(x, d, op_wbinvd);
	return true;
}

/* ---- MSRs -------------------------------------------------------------------------------------------------------- */

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
		return NULL;
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
	} else {
		if (!c->ops->rdmsr || c->ops->rdmsr(c, msr, &c->tmp[0]))
			RAISE(X86_GP, 0);
		v = c->tmp[0];
	}
	c->r[RAX] = (u32)v;
	c->r[RDX] = v >> 32;
	NEXT;
}

static HANDLER(op_wrmsr)
{
	u32 msr = (u32)c->r[RCX];
	u64 v = c->r[RDX] << 32 | (u32)c->r[RAX];
	u64 *p;

	if (!cpl0(c)) {
		ASK(PRIV_WRMSR, msr, v);
	} else if (msr == 0xc0000080) {
		c->s.efer = (v & ~(u64)EFER_LMA) | (c->s.efer & EFER_LMA);
		cpu_mode_changed(c);
	} else if ((p = msr_plain(c, msr))) {
		if (msr >= 0xc0000082 && msr != 0xc0000084 && msr != 0xc0000103 && (u64)((i64)v >> 47) + 1 > 1)
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

/* By IOPL; the I/O permission bitmap of a TSS comes with task state segments. */
static bool may_access_ports(const struct cpu *c)
{
	return !(c->mode_key & KEY_PE) || c->s.cpl <= (c->eflags >> 12 & 3);
}

bool port_in(struct cpu *c, u16 port, u32 size, u64 *v)
{
	if (c->s.cpl && c->ops->priv) {
		*v = (u64)port << 32 | size;
		return c->ops->priv(c, PRIV_IN, port, v) < 0;
	}
	if (!may_access_ports(c))
		return false;
	*v = c->ops->in ? c->ops->in(c, port, size) : ~0ULL;
	return true;
}

bool port_out(struct cpu *c, u16 port, u32 size, u64 v)
{
	if (c->s.cpl && c->ops->priv)
		return c->ops->priv(c, PRIV_OUT, port, &v) < 0;
	if (!may_access_ports(c))
		return false;
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
		RAISE(X86_GP, 0);
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
		RAISE(X86_GP, 0);
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

static HANDLER(op_cli)
{
	if (!(c->mode_key & KEY_PE) || c->s.cpl <= (c->eflags >> 12 & 3))
		c->eflags = (c->eflags & ~(u32)FL_IF) | (i->aux ? FL_IF : 0);
	else
		ASK(i->aux ? PRIV_STI : PRIV_CLI, 0, 0);
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
	c->trap = (struct cpu_trap){ .vector = i->aux, .soft = true, .rip = NEXT_IP(c, i) };
	return leave(c, NEXT_IP(c, i), BX_TRAP);
}

bool x86_emit_int(struct xlat *x, const struct xi *d)
{
	emit(x, d, op_int)->aux = (u8)d->imm;
	return true;
}

bool x86_emit_int3(struct xlat *x, const struct xi *d)
{
	emit(x, d, op_int)->aux = X86_BP;
	return true;
}

bool x86_emit_int1(struct xlat *x, const struct xi *d)
{
	emit(x, d, op_int)->aux = X86_DB;
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
	emit(x, d, op_into)->aux = X86_OF;
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
	if (!(c->s.efer & EFER_SCE))
		RAISE(X86_UD, 0);
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

	if (!(c->s.efer & EFER_SCE))
		RAISE(X86_UD, 0);
	if (wide && (u64)((i64)c->r[RCX] >> 47) + 1 > 1)
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

bool x86_emit_monitor(struct xlat *x, const struct xi *d)
{
	return emit_ud(x, d);
}

bool x86_emit_mwait(struct xlat *x, const struct xi *d)
{
	return emit_ud(x, d);
}

static HANDLER(op_ac)
{
	c->eflags = (c->eflags & ~(u32)FL_AC) | (i->aux ? FL_AC : 0);
	return leave_after(c, i, BX_LOOKUP);
}

bool x86_emit_clac(struct xlat *x, const struct xi *d)
{
	emit(x, d, op_ac);
	x->end = true;
	return true;
}

bool x86_emit_stac(struct xlat *x, const struct xi *d)
{
	emit(x, d, op_ac)->aux = 1;
	x->end = true;
	return true;
}
