/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x87: loads, stores, constants, exchanges and conditional moves. SDM 1 8.3.3, 8.3.4, SDM 2A.
 */
#include "cpu/x86/flags.h"
#include "cpu/x86/seg.h"
#include "cpu/x86/x87.h"

/* ---- loads --------------------------------------------------------------------------------------------------- */

INLINE void load(struct x86 *c, const struct insn *i, struct f80 v)
{
	if (UNLIKELY(!x87_empty(c, 7))) {
		if (!x87_stack_fault(c, i, true))
			return;
		v = F80_DEFAULT_NAN;
	} else {
		x87_clear_c1(c);
	}
	x87_push(c, v);
}

static NOINLINE void load_m32(struct x86 *c, const struct insn *i, u32 v)
{
	struct fp_env e = fp_env_x87(c->s.fpu.cw);
	struct f80 r = f32_to_f80(v, &e);

	/* An unmasked denormal operand is reported, but loaded. */
	if (!x87_empty(c, 7) || x87_note(c, i, &e) || !(e.flags & FP_IE))
		load(c, i, r);
}

static NOINLINE void load_m64(struct x86 *c, const struct insn *i, u64 v)
{
	struct fp_env e = fp_env_x87(c->s.fpu.cw);
	struct f80 r;

	if (LIKELY(x87_widen_quick(v, &r))) {
		load(c, i, r);
		return;
	}
	r = f64_to_f80(v, &e);

	/* An unmasked denormal operand is reported, but loaded. */
	if (!x87_empty(c, 7) || x87_note(c, i, &e) || !(e.flags & FP_IE))
		load(c, i, r);
}

#define X87_LOAD(name, bits, how)                                                                                    \
	static HANDLER(op_##name##bits)                                                                              \
	{                                                                                                            \
		u##bits v;                                                                                           \
		u64 ea = EA(c, i);                                                                                   \
		X87_WAIT;                                                                                            \
		LOAD##bits(v, ea);                                                                                   \
		c->s.fpu.fip = IP(c, i) - c->r[REG_CS];                                                              \
		c->s.fpu.fdp = x87_operand(c, i, ea);                                                             \
		how;                                                                                                 \
		NEXT;                                                                                                \
	}
X87_LOAD(fld, 32, load_m32(c, i, v))
X87_LOAD(fld, 64, load_m64(c, i, v))
X87_LOAD(fild, 16, load(c, i, i64_to_f80((i16)v)))
X87_LOAD(fild, 32, load(c, i, i64_to_f80((i32)v)))
X87_LOAD(fild, 64, load(c, i, i64_to_f80((i64)v)))

static HANDLER(op_fld80)
{
	u64 ea = EA(c, i), mant;
	u16 se;

	X87_WAIT;
	LOAD64(mant, ea);
	LOAD16(se, ea + 8);
	c->s.fpu.fip = IP(c, i) - c->r[REG_CS];
	c->s.fpu.fdp = x87_operand(c, i, ea);
	load(c, i, (struct f80){ mant, se });
	NEXT;
}

static NOINLINE bool load_bcd(struct x86 *c, const struct insn *i, u64 ea)
{
	u8 b[10];

	if (!aligned_for(c, ea, sizeof b, 8) || !load_bytes(c, ea, b, sizeof b))
		return false;
	load(c, i, f80_from_bcd(b));
	return true;
}

static HANDLER(op_fbld)
{
	u64 ea = EA(c, i);

	X87_WAIT;
	if (!load_bcd(c, i, ea))
		return raise_fault(c, i);
	c->s.fpu.fip = IP(c, i) - c->r[REG_CS];
	c->s.fpu.fdp = x87_operand(c, i, ea);
	NEXT;
}

static HANDLER(op_fld_reg)
{
	X87_BEGIN;
	if (UNLIKELY(x87_empty(c, i->src))) {
		if (x87_stack_fault(c, i, false))
			x87_push(c, F80_DEFAULT_NAN);
	} else {
		load(c, i, x87_st(c, i->src));
	}
	NEXT;
}

static NOINLINE void load_constant(struct x86 *c, const struct insn *i)
{
	struct fp_env e = fp_env_x87(c->s.fpu.cw);
	load(c, i, f80_constant(i->src, &e));
}

static HANDLER(op_fld_constant)
{
	X87_BEGIN;
	load_constant(c, i);
	NEXT;
}
X87_ROW(fld1, op_fld_constant)
X87_ROW(fldl2t, op_fld_constant)
X87_ROW(fldl2e, op_fld_constant)
X87_ROW(fldpi, op_fld_constant)
X87_ROW(fldlg2, op_fld_constant)
X87_ROW(fldln2, op_fld_constant)
X87_ROW(fldz, op_fld_constant)
X87_ROW(fbld, op_fbld)

bool x86_emit_fld(struct xlat *x, const struct xi *dec)
{
	x87_emit(x, dec, !dec->mem ? op_fld_reg : dec->opcode == 0xdb ? op_fld80 : dec->opcode == 0xdd ? op_fld64 : op_fld32);
	return true;
}

bool x86_emit_fild(struct xlat *x, const struct xi *dec)
{
	x87_emit(x, dec, dec->opcode == 0xdb ? op_fild32 : dec->reg3 == 5 ? op_fild64 : op_fild16);
	return true;
}

/* ---- stores -------------------------------------------------------------------------------------------------- */

enum store_kind { ST_F32, ST_F64, ST_I16, ST_I32, ST_I64, ST_T16, ST_T32, ST_T64 };

/* ST0 in the store's form, in c->tmp[0]. False: an unmasked exception stops the store. */
static bool convert_store(struct x86 *c, enum store_kind kind, struct fp_env *e)
{
	struct f80 a = x87_empty(c, 0) ? F80_DEFAULT_NAN : x87_st(c, 0);

	switch (kind) {
	case ST_F32:
		c->tmp[0] = f80_to_f32(a, e);
		break;
	case ST_F64:
		c->tmp[0] = f80_to_f64(a, e);
		break;
	case ST_I16:
		c->tmp[0] = (u16)f80_to_i16(a, e);
		break;
	case ST_I32:
		c->tmp[0] = (u32)f80_to_i32(a, e);
		break;
	case ST_I64:
		c->tmp[0] = (u64)f80_to_i64(a, e);
		break;
	case ST_T16:
		c->tmp[0] = (u16)f80_to_i16_trunc(a, e);
		break;
	case ST_T32:
		c->tmp[0] = (u32)f80_to_i32_trunc(a, e);
		break;
	case ST_T64:
		c->tmp[0] = (u64)f80_to_i64_trunc(a, e);
		break;
	}
	return !(e->flags & ~e->masks & (FP_IE | FP_OE | FP_UE));
}

/*
 * Converts ST0 into c->tmp[0], notes for finish_store() in c->tmp[1]. False: an unmasked exception is noted, and memory is
 * not looked at: on Intel's that comes before all faults of the operand.
 */
static NOINLINE bool prepare_store(struct x86 *c, const struct insn *i, enum store_kind kind)
{
	struct fp_env e = fp_env_x87(c->s.fpu.cw);
	bool empty = x87_empty(c, 0);

	if (UNLIKELY(empty && !(c->s.fpu.cw & FP_IE))) {
		x87_stack_fault(c, i, false);
		return false;
	}
	if (UNLIKELY(!convert_store(c, kind, &e))) {
		x87_note(c, i, &e);
		return false;
	}
	c->tmp[1] = e.flags | (u64)e.up << 8 | (u64)empty << 9;
	return true;
}

static NOINLINE void report_store(struct x86 *c, const struct insn *i, u64 note)
{
	struct fp_env e = fp_env_x87(c->s.fpu.cw);

	e.flags = (u8)note;
	e.up = note >> 8 & 1;
	x87_note(c, i, &e);
	if (note >> 9 & 1)
		x87_stack_fault(c, i, false);
}

INLINE void finish_store(struct x86 *c, const struct insn *i, u64 note)
{
	if (UNLIKELY(note >> 9 || note & ~c->s.fpu.cw & FP_ALL))
		report_store(c, i, note);
	else
		c->s.fpu.sw = (u16)((c->s.fpu.sw & ~SW_C1) | (note & FP_ALL) | (note >> 8 & 1 ? SW_C1 : 0));
}

#define X87_STORE(name, kind, bits, pop)                                                                             \
	static HANDLER(op_##name)                                                                                    \
	{                                                                                                            \
		u64 ea = EA(c, i);                                                                                   \
		X87_WAIT;                                                                                            \
		if (LIKELY(prepare_store(c, i, kind))) {                                                             \
			u64 v = c->tmp[0], note = c->tmp[1];                                                         \
			STORE##bits(ea, v);                                                                          \
			finish_store(c, i, note);                                                                    \
			if (pop)                                                                                     \
				x87_pop(c);                                                                          \
		}                                                                                                    \
		c->s.fpu.fip = IP(c, i) - c->r[REG_CS];                                                              \
		c->s.fpu.fdp = x87_operand(c, i, ea);                                                             \
		NEXT;                                                                                                \
	}
X87_STORE(fst32, ST_F32, 32, false)
X87_STORE(fstp32, ST_F32, 32, true)
X87_STORE(fst64, ST_F64, 64, false)
X87_STORE(fstp64, ST_F64, 64, true)
X87_STORE(fist16, ST_I16, 16, false)
X87_STORE(fistp16, ST_I16, 16, true)
X87_STORE(fist32, ST_I32, 32, false)
X87_STORE(fistp32, ST_I32, 32, true)
X87_STORE(fistp64, ST_I64, 64, true)
X87_STORE(fisttp16, ST_T16, 16, true)
X87_STORE(fisttp32, ST_T32, 32, true)
X87_STORE(fisttp64, ST_T64, 64, true)

/*
 * Ten bytes that may run into the next page, as Intel's stores them: 8, then 2, so the first part stays in memory when the
 * second faults.
 */
static NOINLINE bool store_ten(struct x86 *c, u64 ea, const u8 *b)
{
	return aligned(c, ea, 8) && store_bytes(c, ea, b, 8) && store_bytes(c, code64(c) ? ea + 8 : (u32)(ea + 8), b + 8, 2);
}

static NOINLINE bool store_m80(struct x86 *c, u64 ea, struct f80 v)
{
	u8 b[10];

	st64(b, v.mant);
	st16(b + 8, v.se);
	return store_ten(c, ea, b);
}

static HANDLER(op_fstp80)
{
	u64 ea = EA(c, i);
	struct f80 v = x87_st(c, 0);
	bool empty = x87_empty(c, 0);

	X87_WAIT;
	if (UNLIKELY(empty)) {
		v = F80_DEFAULT_NAN;
		if (!(c->s.fpu.cw & FP_IE)) {
			c->s.fpu.fip = IP(c, i) - c->r[REG_CS];
			c->s.fpu.fdp = x87_operand(c, i, ea);
			x87_stack_fault(c, i, false);
			NEXT;
		}
	}
	if (LIKELY(PAGE_OFFSET(ea) <= PAGE_SIZE - 10)) {
		STORE64(ea, v.mant);
		STORE16(ea + 8, v.se);
	} else if (!store_m80(c, ea, v)) {
		return raise_fault(c, i);
	}
	x87_clear_c1(c);
	if (UNLIKELY(empty))
		x87_stack_fault(c, i, false);
	c->s.fpu.fip = IP(c, i) - c->r[REG_CS];
	c->s.fpu.fdp = x87_operand(c, i, ea);
	x87_pop(c);
	NEXT;
}

/* 0: a memory fault. */
static NOINLINE int store_bcd(struct x86 *c, const struct insn *i, u64 ea)
{
	struct fp_env e = fp_env_x87(c->s.fpu.cw);
	bool empty = x87_empty(c, 0);
	u8 b[10];

	f80_to_bcd(empty ? F80_DEFAULT_NAN : x87_st(c, 0), b, &e);
	if (!(e.flags & ~e.masks & FP_IE) && !store_ten(c, ea, b))
		return 0;
	bool done = x87_note(c, i, &e);
	if (empty)
		x87_stack_fault(c, i, false);
	if (done)
		x87_pop(c);
	return 1;
}

static HANDLER(op_fbstp)
{
	u64 ea = EA(c, i);

	X87_WAIT;
	if (!store_bcd(c, i, ea))
		return raise_fault(c, i);
	c->s.fpu.fip = IP(c, i) - c->r[REG_CS];
	c->s.fpu.fdp = x87_operand(c, i, ea);
	NEXT;
}
X87_ROW(fbstp, op_fbstp)

INLINE void store_reg(struct x86 *c, const struct insn *i, bool pop)
{
	struct f80 v = x87_st(c, 0);

	if (UNLIKELY(x87_empty(c, 0))) {
		if (!x87_stack_fault(c, i, false))
			return;
		v = F80_DEFAULT_NAN;
	} else {
		x87_clear_c1(c);
	}
	x87_set(c, i->src, v);
	if (pop)
		x87_pop(c);
}

static HANDLER(op_fst_reg)
{
	X87_BEGIN;
	store_reg(c, i, false);
	NEXT;
}

static HANDLER(op_fstp_reg)
{
	X87_BEGIN;
	store_reg(c, i, true);
	NEXT;
}

/* The alias D9 D8 does not mind an empty ST0, which it leaves where it is. */
static HANDLER(op_fstp_alias)
{
	X87_BEGIN;
	if (x87_empty(c, 0)) {
		x87_clear_c1(c);
		x87_pop(c);
	} else {
		store_reg(c, i, true);
	}
	NEXT;
}

bool x87_store_stops(struct x86 *c, const struct insn *i)
{
	static const struct {
		insn_fn fn;
		enum store_kind kind;
	} stores[] = {
		{ op_fst32, ST_F32 },	  { op_fstp32, ST_F32 },    { op_fst64, ST_F64 },     { op_fstp64, ST_F64 },
		{ op_fist16, ST_I16 },	  { op_fistp16, ST_I16 },   { op_fist32, ST_I32 },    { op_fistp32, ST_I32 },
		{ op_fistp64, ST_I64 },	  { op_fisttp16, ST_T16 },  { op_fisttp32, ST_T32 },  { op_fisttp64, ST_T64 },
	};
	struct fp_env e = fp_env_x87(c->s.fpu.cw);
	bool no = x87_empty(c, 0) && !(c->s.fpu.cw & FP_IE);
	u8 b[10];
	u32 n;

	for (n = 0; n < ARRAY_SIZE(stores); n++)
		if (i->fn == stores[n].fn)
			return no || !convert_store(c, stores[n].kind, &e);
	if (i->fn == op_fbstp && !no)
		f80_to_bcd(x87_empty(c, 0) ? F80_DEFAULT_NAN : x87_st(c, 0), b, &e);
	return (i->fn == op_fbstp || i->fn == op_fstp80) && (no || (e.flags & ~e.masks & FP_IE));
}

bool x86_emit_fst(struct xlat *x, const struct xi *dec)
{
	x87_emit(x, dec, !dec->mem ? op_fst_reg : dec->opcode == 0xdd ? op_fst64 : op_fst32);
	return true;
}

bool x86_emit_fstp(struct xlat *x, const struct xi *dec)
{
	if (dec->mem)
		x87_emit(x, dec, dec->opcode == 0xdb ? op_fstp80 : dec->opcode == 0xdd ? op_fstp64 : op_fstp32);
	else
		x87_emit(x, dec, dec->opcode == 0xd9 ? op_fstp_alias : op_fstp_reg);
	return true;
}

bool x86_emit_fist(struct xlat *x, const struct xi *dec)
{
	x87_emit(x, dec, dec->opcode == 0xdb ? op_fist32 : op_fist16);
	return true;
}

bool x86_emit_fistp(struct xlat *x, const struct xi *dec)
{
	x87_emit(x, dec, dec->opcode == 0xdb ? op_fistp32 : dec->reg3 == 7 ? op_fistp64 : op_fistp16);
	return true;
}

bool x86_emit_fisttp(struct xlat *x, const struct xi *dec)
{
	x87_emit(x, dec, dec->opcode == 0xdb ? op_fisttp32 : dec->opcode == 0xdd ? op_fisttp64 : op_fisttp16);
	return true;
}

/* ---- moves between registers --------------------------------------------------------------------------------- */

static HANDLER(op_fxch)
{
	X87_BEGIN;
	struct f80 a = x87_st(c, 0), b = x87_st(c, i->src);
	bool no_a = x87_empty(c, 0), no_b = x87_empty(c, i->src);

	x87_clear_c1(c);
	if (UNLIKELY(no_a || no_b)) {
		if (!x87_stack_fault(c, i, false))
			NEXT;
		a = no_a ? F80_DEFAULT_NAN : a;
		b = no_b ? F80_DEFAULT_NAN : b;
	}
	x87_set(c, 0, b);
	x87_set(c, i->src, a);
	NEXT;
}
X87_ROW(fxch, op_fxch)

/* aux: the condition as in Jcc. */
static HANDLER(op_fcmov)
{
	X87_BEGIN;
	if (UNLIKELY(x87_empty(c, 0) || x87_empty(c, i->src))) {
		if (x87_stack_fault(c, i, false))
			x87_set(c, 0, F80_DEFAULT_NAN);
		NEXT;
	}
	if (flags_cond(c, i->aux))
		x87_set(c, 0, x87_st(c, i->src));
	NEXT;
}

/* DA C0-DF: B, E, BE, U; DB: not. */
bool x86_emit_fcmov(struct xlat *x, const struct xi *dec)
{
	static const u8 cond[4] = { 2, 4, 6, 10 };
	struct insn *r = x87_emit(x, dec, op_fcmov);

	if (r)
		r->aux = cond[dec->reg3 & 3] | (dec->opcode & 1);
	return true;
}
