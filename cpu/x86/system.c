/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CLI, STI, HLT, software interrupts, BOUND, RSM, CLAC and STAC; SDM 2A and 2B.
 */
#include "cpu/x86/block.h"
#include "cpu/x86/flags.h"
#include "cpu/x86/opcodes.h"
#include "cpu/x86/priv.h"
#include "cpu/x86/seg.h"
#include "cpu/x86/xlat.h"

int priv_ask(struct x86 *c, const struct insn *i, enum x86_priv what, u32 reg, u64 v)
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

bool x86_emit_cli(struct xlat *x, const struct xi *dec)
{
	emit(x, dec, op_cli);
	return true;
}

bool x86_emit_sti(struct xlat *x, const struct xi *dec)
{
	emit(x, dec, op_cli)->aux = 1;
	return true;
}

static HANDLER(op_hlt)
{
	if (!cpl0(c)) {
		ASK(PRIV_HLT, 0, 0);
		return leave_after(c, i, BX_LOOKUP);
	}
	c->s.halted = WAIT_HLT;
	return leave_after(c, i, BX_HALT);
}

bool x86_emit_hlt(struct xlat *x, const struct xi *dec)
{
	emit(x, dec, op_hlt);
	return true;
}

/* INT n, INT3, INTO, INT1: traps whose rip is behind the instruction. aux is the vector. */
static HANDLER(op_int)
{
	c->cpu.budget += i->n - 1;
	c->trap = (struct x86_trap){ .vector = i->aux, .soft = true, .rip = NEXT_IP(c, i), .start = IP(c, i), .kind = i->src };
	return leave(c, NEXT_IP(c, i), BX_TRAP);
}

bool x86_emit_int(struct xlat *x, const struct xi *dec)
{
	struct insn *r = emit(x, dec, op_int);

	r->aux = (u8)dec->imm;
	r->src = TRAP_INT;
	return true;
}

bool x86_emit_int3(struct xlat *x, const struct xi *dec)
{
	struct insn *r = emit(x, dec, op_int);

	r->aux = X86_BP;
	r->src = TRAP_INT3;
	return true;
}

bool x86_emit_int1(struct xlat *x, const struct xi *dec)
{
	struct insn *r = emit(x, dec, op_int);

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

bool x86_emit_into(struct xlat *x, const struct xi *dec)
{
	struct insn *r = emit(x, dec, op_into);

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
	idx = i->aux == 2 ? (i16)G16(c, i->dst) : (i32)G32(c, i->dst);
	if (idx < lo) /* before the upper bound is read, as Intel's does */
		RAISE(X86_BR, 0);
	if (!slow_load(c, EA(c, i) + i->aux, i->aux))
		return raise_fault(c, i);
	hi = i->aux == 2 ? (i16)c->tmp[0] : (i32)c->tmp[0];
	if (idx > hi)
		RAISE(X86_BR, 0);
	NEXT;
}

bool x86_emit_bound(struct xlat *x, const struct xi *dec)
{
	struct insn *r = emit(x, dec, op_bound);

	r->dst = xi_off(dec, dec->reg, dec->opsz);
	r->aux = dec->opsz;
	return true;
}

bool x86_emit_ud1(struct xlat *x, const struct xi *dec)
{
	return emit_ud(x, dec);
}

bool x86_emit_ud2(struct xlat *x, const struct xi *dec)
{
	return emit_ud(x, dec);
}

static HANDLER(op_rsm)
{
	if (!(c->sys.blocked & BLOCK_SMM))
		RAISE(X86_UD, 0);
	c->cpu.budget += i->n - 1;
	if (!smm_leave(c))
		c->sys.blocked |= BLOCK_SHUTDOWN;
	return leave(c, c->rip, BX_LOOKUP);
}

bool x86_emit_rsm(struct xlat *x, const struct xi *dec)
{
	emit(x, dec, op_rsm);
	return true;
}

static HANDLER(op_ac)
{
	c->eflags = (c->eflags & ~(u32)FL_AC) | (i->aux ? FL_AC : 0);
	return leave_after(c, i, BX_LOOKUP);
}

bool x86_emit_clac(struct xlat *x, const struct xi *dec)
{
	if (x->key & KEY_CPL)
		return emit_ud(x, dec);
	emit(x, dec, op_ac);
	x->end = true;
	return true;
}

bool x86_emit_stac(struct xlat *x, const struct xi *dec)
{
	if (x->key & KEY_CPL)
		return emit_ud(x, dec);
	emit(x, dec, op_ac)->aux = 1;
	x->end = true;
	return true;
}
