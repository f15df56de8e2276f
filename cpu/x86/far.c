/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Far transfers: JMP, CALL and RET to other segments, through call gates and to tasks, and IRET in all its forms. SDM 2A
 * and 2B, SDM 3A 5.8 and 6.
 */
#include "cpu/x86/flags.h"
#include "cpu/x86/opcodes.h"
#include "cpu/x86/seg.h"
#include "cpu/x86/stack.h"
#include "cpu/x86/xlat.h"

/* Ends the block, retired, at c->rip. */
static const struct insn *far_done(struct x86 *c, const struct insn *i)
{
	c->cpu.budget += i->n - 1;
	x86_mode_changed(c);
	return leave(c, c->rip, BX_LOOKUP);
}

/* The fault is the new task's: its rip is where that task would have gone on. */
static const struct insn *late_fault(struct x86 *c, const struct insn *i)
{
	u64 rip = c->rip;

	c->cpu.budget += i->n - 1;
	x86_mode_changed(c);
	c->trap = (struct x86_trap){ .vector = c->trap.vector, .error = c->trap.error, .cr2 = c->trap.cr2, .rip = rip };
	c->trap.has_error = c->trap.vector == X86_DF || (c->trap.vector >= X86_TS && c->trap.vector <= X86_PF);
	return leave(c, rip, BX_TRAP);
}

/* Where control goes, checked against limit or canonicality. */
static bool target_ok(struct x86 *c, const struct x86_seg *cs, u64 off)
{
	if (long_mode(c) && (cs->attr & SEGA_L))
		return canonical(c, off) || x86_fault(c, X86_GP, 0);
	return off <= cs->limit || x86_fault(c, X86_GP, 0);
}

struct far_op {
	u16 sel;
	u64 off, next; /* next: what CALL pushes */
	u32 size;      /* operand size */
	bool call;
};

/* A code segment: through a gate (gate non-zero: its operand size) or not. */
static bool to_code(struct x86 *c, const struct far_op *f)
{
	struct x86_stack k = stack_current(c);
	struct x86_seg s;
	u64 raw;

	if (!code_get(c, f->sel, c->s.cpl, false, &s, &raw))
		return false;
	if (!target_ok(c, &s, f->off))
		return false;
	if (f->call && (!stack_push(c, &k, c->s.seg[SEG_CS].sel, f->size) || !stack_push(c, &k, f->next, f->size)))
		return false;
	if (!code_put(c, &s, raw, c->s.cpl))
		return false;
	if (f->call)
		stack_commit(c, &k);
	c->rip = rip_of(c, f->off);
	return true;
}

/* The inner stack of a call gate, with count parameters of the outer one. */
static bool gate_stack(struct x86 *c, const struct x86_seg *cs, u32 size, u32 count, struct x86_stack *k, u64 *ss_raw)
{
	u64 v[31];
	u32 n;

	for (n = 0; n < count; n++)
		if (!stack_peek(c, n * size, size, &v[n]))
			return false;
	if (long_mode(c) ? !stack_inner64(c, dpl_of(cs), 0, 0, k) : !stack_inner(c, dpl_of(cs), 0, k, ss_raw))
		return false;
	if (!stack_push(c, k, c->s.seg[SEG_SS].sel, size) || !stack_push(c, k, c->r[RSP], size))
		return false;
	for (n = count; n-- > 0;)
		if (!stack_push(c, k, v[n], size))
			return false;
	return true;
}

static bool through_gate(struct x86 *c, const struct far_op *f, u64 gate)
{
	u16 sel = (u16)(gate >> 16);
	u32 type = gate >> 40 & 15;
	u32 size = long_mode(c) ? 8 : type == 12 ? 4 : 2;
	u64 off = (gate & 0xffff) | (gate >> 32 & 0xffff0000);
	u32 count = long_mode(c) ? 0 : gate >> 32 & 31;
	u32 err = sel & ~3u, cpl = c->s.cpl;
	u64 high, raw, ss_raw = BIT(40);
	struct x86_stack k;
	struct x86_seg s;

	if (size == 2)
		off &= 0xffff;
	if (long_mode(c)) {
		if (!desc_get_high(c, f->sel, &high, X86_GP, 0))
			return false;
		if (high >> 40 & 0x1f)
			return x86_fault(c, X86_GP, f->sel & ~3u);
		off |= high << 32;
	}
	if (!err)
		return x86_fault(c, X86_GP, 0);
	if (!desc_get(c, sel, &raw, X86_GP, 0))
		return false;
	s = desc_unpack(sel, raw);
	if ((s.attr & (SEGA_S | SEGA_CODE)) != (SEGA_S | SEGA_CODE) || dpl_of(&s) > cpl)
		return x86_fault(c, X86_GP, err);
	if (long_mode(c) && (s.attr & (SEGA_L | SEGA_DB)) != SEGA_L)
		return x86_fault(c, X86_GP, err);
	if (!f->call && !(s.attr & SEGA_CONFORM) && dpl_of(&s) != cpl)
		return x86_fault(c, X86_GP, err);
	if (!(s.attr & SEGA_P))
		return x86_fault(c, X86_NP, err);
	if (!target_ok(c, &s, off))
		return false;
	if (f->call && !(s.attr & SEGA_CONFORM) && dpl_of(&s) < cpl) {
		if (!gate_stack(c, &s, size, count, &k, &ss_raw))
			return false;
		cpl = dpl_of(&s);
	} else {
		k = stack_current(c);
		k.wide = long_mode(c);
	}
	if (f->call && (!stack_push(c, &k, c->s.seg[SEG_CS].sel, size) || !stack_push(c, &k, f->next, size)))
		return false;
	if (!desc_accessed(c, k.ss.sel, ss_raw) || !code_put(c, &s, raw, cpl))
		return false;
	if (cpl != c->s.cpl) {
		seg_put(c, SEG_SS, &k.ss);
		set_cpl(c, cpl);
	}
	if (f->call)
		stack_commit(c, &k);
	c->rip = rip_of(c, off);
	return true;
}

/* To a selector in protected mode. False: a fault is noted; *late: the new task's. */
static NOINLINE bool far_protected(struct x86 *c, const struct far_op *f, bool *late)
{
	u32 err = f->sel & ~3u, type, dpl;
	u64 raw;

	if (!err)
		return x86_fault(c, X86_GP, 0);
	if (!desc_get(c, f->sel, &raw, X86_GP, 0))
		return false;
	if (raw >> 44 & 1)
		return to_code(c, f);
	type = raw >> 40 & 15;
	dpl = raw >> 45 & 3;
	if (type == 12 && c->ops->gate)
		return c->ops->gate(c, f->sel, raw, f->call, f->next);
	if (long_mode(c) ? type != 12 : type != 4 && type != 12 && type != 5 && type != 1 && type != 9)
		return x86_fault(c, X86_GP, err);
	if (dpl < c->s.cpl || dpl < (f->sel & 3u))
		return x86_fault(c, X86_GP, err);
	if (!(raw >> 47 & 1))
		return x86_fault(c, X86_NP, err);
	if (type == 4 || type == 12)
		return through_gate(c, f, raw);
	return task_switch(c, type == 5 ? (u16)(raw >> 16) : f->sel, f->call ? TASK_CALL : TASK_JMP, f->next, 0, late);
}

static NOINLINE bool far_real(struct x86 *c, const struct far_op *f)
{
	struct x86_stack k = stack_current(c);

	if (f->off > c->s.seg[SEG_CS].limit)
		return x86_fault(c, X86_GP, 0);
	if (f->call) {
		if (!stack_push(c, &k, c->s.seg[SEG_CS].sel, f->size) || !stack_push(c, &k, f->next, f->size))
			return false;
		stack_commit(c, &k);
	}
	seg_put_real(c, SEG_CS, f->sel);
	c->rip = rip_of(c, f->off);
	return true;
}

/* aux: operand size; src: 0 pointer in the instruction, 1 in memory; dst: 1 for CALL. */
static HANDLER(op_far)
{
	struct far_op f = { .sel = (u16)(i->imm >> 32), .off = (u32)i->imm, .size = i->aux, .call = i->dst };
	bool late = false;

	f.next = ip_of(c, NEXT_IP(c, i));
	if (i->src) {
		u64 ea = EA(c, i);

		if (!slow_load(c, ea, i->aux))
			return raise_fault(c, i);
		f.off = c->tmp[0];
		if (!slow_load(c, ea + i->aux, 2))
			return raise_fault(c, i);
		f.sel = (u16)c->tmp[0];
	}
	if (!(real_mode(c) ? far_real(c, &f) : far_protected(c, &f, &late)))
		return late ? late_fault(c, i) : raise_noted(c, i);
	return far_done(c, i);
}

static bool emit_far(struct xlat *x, const struct xi *dec, bool call)
{
	struct insn *r = emit(x, dec, op_far);

	r->aux = dec->opsz;
	r->src = dec->mem;
	r->dst = call;
	r->imm = (u32)dec->imm | dec->imm2 << 32;
	if (dec->opsz == 2)
		r->imm &= ~0xffff0000ULL;
	return true;
}

bool x86_emit_jmpf(struct xlat *x, const struct xi *dec)
{
	return emit_far(x, dec, false);
}

bool x86_emit_callf(struct xlat *x, const struct xi *dec)
{
	return emit_far(x, dec, true);
}

/* ---- returns ---------------------------------------------------------------------------------------------------- */

/* Data segments that an outer level may not see become NULL, SDM 2B RET. */
static void drop_inner_segs(struct x86 *c)
{
	static const u8 regs[4] = { SEG_ES, SEG_DS, SEG_FS, SEG_GS };
	u32 k;

	for (k = 0; k < 4; k++) {
		struct x86_seg *s = &c->s.seg[regs[k]];

		if ((s->attr & SEGA_P) && dpl_of(s) < c->s.cpl &&
		    (s->attr & (SEGA_CODE | SEGA_CONFORM)) != (SEGA_CODE | SEGA_CONFORM))
			x86_set_seg(c, regs[k], 0, 0, 0, 0);
	}
}

/* The stack segment for a return to level rpl, checked but not loaded. */
static bool return_ss(struct x86 *c, u16 ss, u32 rpl, bool to64, struct x86_seg *s, u64 *raw)
{
	u32 err = ss & ~3u;

	if (!err) {
		/* In long mode a NULL SS is fine when returning to 64-bit code below level 3. */
		if (!to64 || rpl == 3 || (ss & 3u) != rpl)
			return x86_fault(c, X86_GP, 0);
		*s = (struct x86_seg){ .sel = ss, .attr = (u16)(SEGA_DB | rpl << 5) };
		*raw = BIT(40);
		return true;
	}
	if (!desc_get(c, ss, raw, X86_GP, 0))
		return false;
	*s = desc_unpack(ss, *raw);
	if ((ss & 3u) != rpl || dpl_of(s) != rpl || (s->attr & (SEGA_S | SEGA_CODE | SEGA_RW)) != (SEGA_S | SEGA_RW))
		return x86_fault(c, X86_GP, err);
	if (!(s->attr & SEGA_P))
		return x86_fault(c, X86_SS, err);
	return true;
}

/* What RETF and IRET found on the stack. */
struct far_ret {
	u16 cs;
	u64 off;
	u32 size, used; /* bytes of the current stack that are consumed when the level stays */
	u32 imm;        /* parameters of the outer stack */
	bool stack;     /* SS:SP follow at used */
};

static bool return_protected(struct x86 *c, const struct far_ret *f)
{
	u32 rpl = f->cs & 3u;
	struct x86_seg s, ss;
	u64 raw, ss_raw = 0, sp = 0, ss_sel = 0;
	bool to64;

	if ((f->cs & ~3u) && rpl < c->s.cpl)
		return x86_fault(c, X86_GP, f->cs & ~3u);
	if (!code_get(c, f->cs, rpl, true, &s, &raw))
		return false;
	to64 = long_mode(c) && (s.attr & SEGA_L);
	if (f->stack || rpl > c->s.cpl) {
		if (!stack_peek(c, f->used, f->size, &sp) || !stack_peek(c, f->used + f->size, f->size, &ss_sel))
			return false;
		if (!return_ss(c, (u16)ss_sel, rpl, to64, &ss, &ss_raw))
			return false;
	}
	if (!target_ok(c, &s, f->off))
		return false;
	if ((f->stack || rpl > c->s.cpl) && (ss_sel & ~3ULL) && !desc_accessed(c, (u16)ss_sel, ss_raw))
		return false;
	if (!code_put(c, &s, raw, rpl))
		return false;
	if (f->stack || rpl > c->s.cpl) {
		bool outer = rpl > c->s.cpl;

		ss.attr |= ss_sel & ~3ULL ? SEGA_ACCESSED : 0;
		seg_put(c, SEG_SS, &ss);
		sp += f->imm;
		if ((ss.attr & SEGA_DB) || to64)
			c->r[RSP] = to64 || f->size == 8 ? sp : (u32)sp;
		else
			SET16(c, OFF16(RSP), sp);
		if (outer) {
			set_cpl(c, rpl);
			drop_inner_segs(c);
		}
	} else if (to64) {
		c->r[RSP] += f->used + f->imm;
	} else {
		adjust_legacy(c, (i64)f->used + f->imm);
	}
	c->rip = rip_of(c, f->off);
	return true;
}

static NOINLINE bool retf(struct x86 *c, u32 size, u32 imm)
{
	struct far_ret f = { .size = size, .used = 2 * size + imm, .imm = imm };
	u64 off, cs;

	/* As Intel's does: the selector first, and no more of its slot than 2 bytes. */
	if (!stack_peek(c, size, 2, &cs) || !stack_peek(c, 0, size, &off))
		return false;
	f.cs = (u16)cs;
	f.off = off;
	if (!real_mode(c)) {
		/* The parameters lie between CS and SP on the inner stack, and are skipped on the outer one too. */
		if ((f.cs & 3u) <= c->s.cpl) {
			f.used = 2 * size;
			return return_protected(c, &f);
		}
		return return_protected(c, &f);
	}
	if (off > c->s.seg[SEG_CS].limit)
		return x86_fault(c, X86_GP, 0);
	seg_put_real(c, SEG_CS, f.cs);
	adjust_legacy(c, (i64)f.used);
	c->rip = rip_of(c, off);
	return true;
}

static HANDLER(op_retf)
{
	if (!retf(c, i->aux, (u32)i->imm & 0xffff))
		return raise_noted(c, i);
	return far_done(c, i);
}

bool x86_emit_retf(struct xlat *x, const struct xi *dec)
{
	struct insn *r = emit(x, dec, op_retf);

	r->aux = dec->opsz;
	r->imm = dec->row->op[0][0] == 'I' ? dec->imm : 0;
	return true;
}

/* ---- IRET ------------------------------------------------------------------------------------------------------- */

/* Flags that IRET may change at this level, SDM 2A IRET. */
static u64 iret_flags(struct x86 *c, u64 fl, u32 size)
{
	u64 can = FL_ARITH | FL_TF | FL_DF | FL_NT | FL_AC | FL_ID | FL_RF;

	if (!(c->s.cr0 & CR0_PE) || (c->s.cpl == 0 && !in_v86(c)))
		can |= FL_IF | FL_IOPL | ((c->s.cr0 & CR0_PE) ? FL_VIF | FL_VIP : 0);
	else if (c->s.cpl <= iopl(c))
		can |= FL_IF;
	if (size == 2)
		can &= 0xffff;
	return (x86_rflags(c) & ~can) | (fl & can);
}

static bool iret_real(struct x86 *c, u32 size)
{
	u64 v[3];
	u32 n;

	for (n = 0; n < 3; n++)
		if (!stack_peek(c, n * size, size, &v[n]))
			return false;
	if (in_v86(c) && iopl(c) < 3) {
		/* CR4.VME: the virtual interrupt flag stands in for IF, SDM 3B 20.3.2. */
		if (!(c->s.cr4 & CR4_VME) || size != 2)
			return x86_fault(c, X86_GP, 0);
		if (((v[2] & FL_IF) && (c->eflags & FL_VIP)) || (v[2] & FL_TF))
			return x86_fault(c, X86_GP, 0);
	}
	if ((v[0] & (size == 2 ? 0xffff : ~0u)) > c->s.seg[SEG_CS].limit)
		return x86_fault(c, X86_GP, 0);
	if (in_v86(c) && iopl(c) < 3) {
		u64 can = FL_ARITH | FL_TF | FL_DF | FL_NT;

		v[2] = (x86_rflags(c) & ~(can | FL_VIF)) | (v[2] & can) | (v[2] & FL_IF ? FL_VIF : 0);
	} else {
		v[2] = iret_flags(c, v[2], size);
	}
	seg_put_real(c, SEG_CS, (u16)v[1]);
	adjust_legacy(c, 3 * (i64)size);
	x86_set_rflags(c, v[2]);
	c->rip = rip_of(c, v[0]);
	return true;
}

static bool iret_to_v86(struct x86 *c, u64 off, u16 cs, u64 fl)
{
	static const u8 order[5] = { SEG_SS, SEG_ES, SEG_DS, SEG_FS, SEG_GS };
	u64 v[6];
	u32 n;

	for (n = 0; n < 6; n++)
		if (!stack_peek(c, 12 + n * 4, 4, &v[n]))
			return false;
	if ((u32)off > 0xffff)
		return x86_fault(c, X86_GP, 0);
	x86_set_rflags(c, fl);
	set_cpl(c, 3);
	seg_put_v86(c, SEG_CS, cs);
	c->r[RSP] = (u32)v[0];
	for (n = 0; n < 5; n++)
		seg_put_v86(c, order[n], (u16)v[n + 1]);
	c->rip = rip_of(c, (u32)off);
	return true;
}

static NOINLINE bool iret(struct x86 *c, u32 size, u64 next, bool *late)
{
	struct far_ret f = { .size = size, .used = 3 * size, .stack = code64(c) };
	u64 off, cs, fl;

	if (real_mode(c))
		return iret_real(c, size);
	if (c->eflags & FL_NT) {
		if (long_mode(c))
			return x86_fault(c, X86_GP, 0);
		return task_return(c, next, late);
	}
	if (!stack_peek(c, 0, size, &off) || !stack_peek(c, size, size, &cs) || !stack_peek(c, 2 * size, size, &fl))
		return false;
	if (!long_mode(c) && size == 4 && (fl & FL_VM) && c->s.cpl == 0)
		return iret_to_v86(c, off, (u16)cs, fl);
	f.cs = (u16)cs;
	f.off = off;
	fl = iret_flags(c, fl, size);
	if (!return_protected(c, &f))
		return false;
	x86_set_rflags(c, fl);
	return true;
}

static HANDLER(op_iret)
{
	bool late = false;

	/* An NMI is over at the first IRET, even one that faults, SDM 3A 6.7.1. */
	c->sys.blocked &= (u8)~BLOCK_NMI;
	if (!iret(c, i->aux, ip_of(c, NEXT_IP(c, i)), &late))
		return late ? late_fault(c, i) : raise_noted(c, i);
	return far_done(c, i);
}

bool x86_emit_iret(struct xlat *x, const struct xi *dec)
{
	emit(x, dec, op_iret)->aux = dec->opsz;
	return true;
}
