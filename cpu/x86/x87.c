/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x87: exceptions, the four operations, comparisons. SDM 1 chapter 8, SDM 2A.
 * FIP and FDP follow every instruction, FOP those with unmasked exceptions; FCS and FDS read as zero (CPUID.7:EBX[13]).
 */
#include "cpu/x86/flags.h"
#include "cpu/x86/x87.h"

bool x87_note(struct x86 *c, const struct insn *i, struct fp_env *e)
{
	struct x86_fpu *f = &c->s.fpu;
	u8 due = fp_settle(e);

	f->sw = (u16)((f->sw & ~SW_C1) | e->flags | (e->up ? SW_C1 : 0));
	if (UNLIKELY(due)) {
		f->sw |= SW_ES | SW_B;
		f->fop = (u16)i->imm;
	}
	return !(due & FP_PRE);
}

bool x87_stack_fault(struct x86 *c, const struct insn *i, bool overflow)
{
	struct x86_fpu *f = &c->s.fpu;

	f->sw = (u16)((f->sw & ~SW_C1) | FP_IE | SW_SF | (overflow ? SW_C1 : 0));
	if (f->cw & FP_IE)
		return true;
	f->sw |= SW_ES | SW_B;
	f->fop = (u16)i->imm;
	return false;
}

void x87_summarize(struct x86 *c)
{
	struct x86_fpu *f = &c->s.fpu;

	f->sw &= (u16)~(SW_ES | SW_B);
	if (f->sw & ~f->cw & FP_ALL)
		f->sw |= SW_ES | SW_B;
}

struct insn *x87_emit(struct xlat *x, const struct xi *dec, insn_fn fn)
{
	if (x->key & (KEY_EM | KEY_TS)) {
		emit_trap(x, dec, X86_NM, 0);
		return NULL;
	}
	struct insn *r = emit(x, dec, fn);
	r->dst = r->src = dec->modrm & 7;
	r->imm = (u64)(dec->opcode & 7) << 8 | dec->modrm;
	return r;
}

/* ---- the four operations ------------------------------------------------------------------------------------- */

typedef struct f80 (*x87_binary)(struct f80 a, struct f80 b, struct fp_env *e);

/* ST(dst) = fn(a, b), or with its operands exchanged. */
INLINE void finish_binary(struct x86 *c, const struct insn *i, x87_binary fn, unsigned dst, struct f80 a, struct f80 b,
			  struct fp_env *e, bool pop)
{
	struct f80 r = fn(a, b, e);

	if (LIKELY(x87_note(c, i, e))) {
		x87_set(c, dst, r);
		if (pop)
			x87_pop(c);
	}
}

static COLD void underflow(struct x86 *c, const struct insn *i, unsigned dst, bool pop)
{
	if (x87_stack_fault(c, i, false)) {
		x87_set(c, dst, F80_DEFAULT_NAN);
		if (pop)
			x87_pop(c);
	}
}

/* Between two registers: ST(dst) is the destination, the other one is n. */
INLINE void binary_reg(struct x86 *c, const struct insn *i, x87_binary fn, unsigned dst, unsigned n, bool reverse,
		       bool pop)
{
	struct fp_env e = fp_env_x87(c->s.fpu.cw);

	if (UNLIKELY(x87_empty(c, dst) || x87_empty(c, n)))
		underflow(c, i, dst, pop);
	else if (reverse)
		finish_binary(c, i, fn, dst, x87_st(c, n), x87_st(c, dst), &e, pop);
	else
		finish_binary(c, i, fn, dst, x87_st(c, dst), x87_st(c, n), &e, pop);
}

/* With a memory operand of the given kind: ST0 is the destination. */
enum operand { M32F, M64F, M16I, M32I };
INLINE struct f80 widen_operand(u64 v, enum operand kind, struct fp_env *e)
{
	switch (kind) {
	case M32F:
		return f32_to_f80_raw((f32)v, e);
	case M64F: {
		struct f80 r;
		return LIKELY(x87_widen_quick(v, &r)) ? r : f64_to_f80_raw(v, e);
	}
	case M16I:
		return i64_to_f80((i16)v);
	default:
		return i64_to_f80((i32)v);
	}
}

INLINE void binary_mem(struct x86 *c, const struct insn *i, x87_binary fn, u64 v, enum operand kind, bool reverse)
{
	struct fp_env e = fp_env_x87(c->s.fpu.cw);
	struct f80 b = widen_operand(v, kind, &e);

	if (UNLIKELY(x87_empty(c, 0)))
		underflow(c, i, 0, false);
	else if (reverse)
		finish_binary(c, i, fn, 0, b, x87_st(c, 0), &e, false);
	else
		finish_binary(c, i, fn, 0, x87_st(c, 0), b, &e, false);
}

#define X87_MEM_FORM(name, fn, reverse, kind, bits)                                                                  \
	static NOINLINE void name##_##kind(struct x86 *c, const struct insn *i, u64 v)                               \
	{                                                                                                            \
		binary_mem(c, i, fn, v, kind, reverse);                                                              \
	}                                                                                                            \
	static HANDLER(op_##name##_##kind)                                                                           \
	{                                                                                                            \
		u##bits v;                                                                                           \
		u64 ea = EA(c, i);                                                                                   \
		X87_WAIT;                                                                                            \
		LOAD##bits(v, ea);                                                                                   \
		c->s.fpu.fip = IP(c, i) - c->r[REG_CS];                                                              \
		c->s.fpu.fdp = x87_operand(c, i, ea);                                                             \
		name##_##kind(c, i, v);                                                                              \
		NEXT;                                                                                                \
	}
#define X87_ARITH(name, fn, reverse)                                                                                 \
	X87_MEM_FORM(name, fn, reverse, M32F, 32)                                                                    \
	X87_MEM_FORM(name, fn, reverse, M64F, 64)                                                                    \
	X87_MEM_FORM(name, fn, reverse, M16I, 16)                                                                    \
	X87_MEM_FORM(name, fn, reverse, M32I, 32)                                                                    \
	static NOINLINE void name##_reg(struct x86 *c, const struct insn *i, unsigned dst, unsigned n, bool pop)     \
	{                                                                                                            \
		binary_reg(c, i, fn, dst, n, reverse, pop);                                                          \
	}                                                                                                            \
	static HANDLER(op_##name##_st0)                                                                              \
	{                                                                                                            \
		X87_BEGIN;                                                                                           \
		name##_reg(c, i, 0, i->src, false);                                                                  \
		NEXT;                                                                                                \
	}                                                                                                            \
	static HANDLER(op_##name##_sti)                                                                              \
	{                                                                                                            \
		X87_BEGIN;                                                                                           \
		name##_reg(c, i, i->src, 0, false);                                                                  \
		NEXT;                                                                                                \
	}                                                                                                            \
	static HANDLER(op_##name##_pop)                                                                              \
	{                                                                                                            \
		X87_BEGIN;                                                                                           \
		name##_reg(c, i, i->src, 0, true);                                                                   \
		NEXT;                                                                                                \
	}                                                                                                            \
	bool x86_emit_f##name(struct xlat *x, const struct xi *dec)                                                  \
	{                                                                                                            \
		if (dec->mem)                                                                                        \
			x87_emit(x, dec, dec->opcode == 0xdc ? op_##name##_M64F : op_##name##_M32F);                 \
		else                                                                                                 \
			x87_emit(x, dec, dec->opcode == 0xdc ? op_##name##_sti : op_##name##_st0);                   \
		return true;                                                                                         \
	}                                                                                                            \
	bool x86_emit_fi##name(struct xlat *x, const struct xi *dec)                                                 \
	{                                                                                                            \
		x87_emit(x, dec, dec->opcode == 0xde ? op_##name##_M16I : op_##name##_M32I);                         \
		return true;                                                                                         \
	}                                                                                                            \
	X87_ROW(f##name##p, op_##name##_pop)
X87_ARITH(add, f80_add, false)
X87_ARITH(mul, f80_mul, false)
X87_ARITH(sub, f80_sub, false)
X87_ARITH(subr, f80_sub, true)
X87_ARITH(div, f80_div, false)
X87_ARITH(divr, f80_div, true)

/* ---- comparisons --------------------------------------------------------------------------------------------- */

static void set_codes(struct x86 *c, enum fp_order o)
{
	u16 codes = o == FP_UNORDERED ? SW_C3 | SW_C2 | SW_C0 : o == FP_EQUAL ? SW_C3 : o == FP_LESS ? SW_C0 : 0;
	c->s.fpu.sw = (u16)((c->s.fpu.sw & ~(SW_C3 | SW_C2 | SW_C0)) | codes);
}

/* quiet: FUCOM. pops: registers to pop afterwards. */
static void compare(struct x86 *c, const struct insn *i, struct f80 b, bool quiet, unsigned pops, struct fp_env *e)
{
	struct f80 a = x87_st(c, 0);
	enum fp_order o = quiet ? f80_compare_quiet(a, b, e) : f80_compare(a, b, e);

	if (!x87_note(c, i, e))
		return;
	set_codes(c, o);
	while (pops--)
		x87_pop(c);
}

static COLD void compare_empty(struct x86 *c, const struct insn *i, unsigned pops)
{
	if (!x87_stack_fault(c, i, false))
		return;
	set_codes(c, FP_UNORDERED);
	while (pops--)
		x87_pop(c);
}

static NOINLINE void compare_reg(struct x86 *c, const struct insn *i, unsigned n, bool quiet, unsigned pops)
{
	struct fp_env e = fp_env_x87(c->s.fpu.cw);

	if (x87_empty(c, 0) || x87_empty(c, n))
		compare_empty(c, i, pops);
	else
		compare(c, i, x87_st(c, n), quiet, pops, &e);
}

static NOINLINE void compare_mem(struct x86 *c, const struct insn *i, u64 v, enum operand kind, unsigned pops)
{
	struct fp_env e = fp_env_x87(c->s.fpu.cw);

	if (x87_empty(c, 0)) {
		compare_empty(c, i, pops);
	} else {
		struct f80 b = widen_operand(v, kind, &e);
		compare(c, i, b, false, pops, &e);
	}
}

/* FCOMI and FUCOMI: ZF, PF and CF instead of the condition codes. SDM 2A FCOMI. */
static NOINLINE void compare_flags(struct x86 *c, const struct insn *i, bool quiet, bool pop)
{
	struct fp_env e = fp_env_x87(c->s.fpu.cw);
	enum fp_order o = FP_UNORDERED;

	if (x87_empty(c, 0) || x87_empty(c, i->src)) {
		if (!x87_stack_fault(c, i, false))
			return;
	} else {
		struct f80 a = x87_st(c, 0), b = x87_st(c, i->src);
		o = quiet ? f80_compare_quiet(a, b, &e) : f80_compare(a, b, &e);
		if (!x87_note(c, i, &e))
			return;
	}
	flags_set_all(c, o == FP_UNORDERED ? FL_ZF | FL_PF | FL_CF : o == FP_EQUAL ? FL_ZF : o == FP_LESS ? FL_CF : 0);
	if (pop)
		x87_pop(c);
}

#define X87_COM_REG(name, n, quiet, pops)                                                                            \
	static HANDLER(op_##name)                                                                                    \
	{                                                                                                            \
		X87_BEGIN;                                                                                           \
		compare_reg(c, i, n, quiet, pops);                                                                   \
		NEXT;                                                                                                \
	}
X87_COM_REG(fcom_reg, i->src, false, 0)
X87_COM_REG(fcomp_reg, i->src, false, 1)
X87_COM_REG(fcompp, 1, false, 2)
X87_COM_REG(fucom, i->src, true, 0)
X87_COM_REG(fucomp, i->src, true, 1)
X87_COM_REG(fucompp, 1, true, 2)
#define X87_COM_MEM(name, kind, bits, pops)                                                                          \
	static HANDLER(op_##name##_##kind)                                                                           \
	{                                                                                                            \
		u##bits v;                                                                                           \
		u64 ea = EA(c, i);                                                                                   \
		X87_WAIT;                                                                                            \
		LOAD##bits(v, ea);                                                                                   \
		c->s.fpu.fip = IP(c, i) - c->r[REG_CS];                                                              \
		c->s.fpu.fdp = x87_operand(c, i, ea);                                                             \
		compare_mem(c, i, v, kind, pops);                                                                    \
		NEXT;                                                                                                \
	}
#define X87_COM_ALL(name, pops)                                                                                      \
	X87_COM_MEM(name, M32F, 32, pops)                                                                            \
	X87_COM_MEM(name, M64F, 64, pops)                                                                            \
	X87_COM_MEM(name, M16I, 16, pops)                                                                            \
	X87_COM_MEM(name, M32I, 32, pops)                                                                            \
	bool x86_emit_f##name(struct xlat *x, const struct xi *dec)                                                  \
	{                                                                                                            \
		x87_emit(x, dec, !dec->mem ? op_f##name##_reg : dec->opcode == 0xdc ? op_##name##_M64F : op_##name##_M32F); \
		return true;                                                                                         \
	}                                                                                                            \
	bool x86_emit_fi##name(struct xlat *x, const struct xi *dec)                                                 \
	{                                                                                                            \
		x87_emit(x, dec, dec->opcode == 0xde ? op_##name##_M16I : op_##name##_M32I);                         \
		return true;                                                                                         \
	}
X87_COM_ALL(com, 0)
X87_COM_ALL(comp, 1)
X87_ROW(fcompp, op_fcompp)
X87_ROW(fucom, op_fucom)
X87_ROW(fucomp, op_fucomp)
X87_ROW(fucompp, op_fucompp)

#define X87_COMI(name, quiet, pop)                                                                                   \
	static HANDLER(op_##name)                                                                                    \
	{                                                                                                            \
		X87_BEGIN;                                                                                           \
		compare_flags(c, i, quiet, pop);                                                                     \
		NEXT;                                                                                                \
	}                                                                                                            \
	X87_ROW(name, op_##name)
X87_COMI(fcomi, false, false)
X87_COMI(fcomip, false, true)
X87_COMI(fucomi, true, false)
X87_COMI(fucomip, true, true)
