/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ADD OR ADC SBB AND SUB XOR CMP TEST, INC DEC NEG NOT: SDM 2A and 2B. Handlers come from templates, one for each operand
 * form and size; a second set without flags serves where nobody can see them.
 *
 * Form letters: r register, i immediate, m memory; destination first. s: simple address, x: any address.
 */
#include "cpu/x86/flags.h"
#include "cpu/x86/loop.h"
#include "cpu/x86/opcodes.h"
#include "cpu/x86/pair.h"

enum alu { ALU_ADD, ALU_OR, ALU_ADC, ALU_SBB, ALU_AND, ALU_SUB, ALU_XOR, ALU_CMP, ALU_TEST, ALU_OPS };

/* BODY_op(T, lg, FL): from a and b, r; FL is 1 where flags are made. */
#define BODY_add(T, lg, FL)                                                                                          \
	T r = (T)(a + b);                                                                                            \
	if (FL)                                                                                                      \
	CC_SET(CC_ADD, lg, r, b)
#define BODY_sub(T, lg, FL)                                                                                          \
	T r = (T)(a - b);                                                                                            \
	if (FL)                                                                                                      \
	CC_SET(CC_SUB, lg, r, b)
#define BODY_cmp(T, lg, FL) BODY_sub(T, lg, FL)
#define BODY_adc(T, lg, FL)                                                                                          \
	bool k = flag_cf(c);                                                                                         \
	T r = (T)(a + b + k);                                                                                        \
	if (FL)                                                                                                      \
	CC_SET(k ? CC_ADC : CC_ADD, lg, r, b)
#define BODY_sbb(T, lg, FL)                                                                                          \
	bool k = flag_cf(c);                                                                                         \
	T r = (T)(a - b - k);                                                                                        \
	if (FL)                                                                                                      \
	CC_SET(k ? CC_SBB : CC_SUB, lg, r, b)
#define BODY_LOGIC(T, lg, FL, o)                                                                                     \
	T r = (T)(a o b);                                                                                            \
	if (FL) {                                                                                                    \
		c->cc_op = CC_LOGIC + (lg);                                                                          \
		c->cc_dst = r;                                                                                       \
	}                                                                                                            \
	do {                                                                                                         \
	} while (0)
#define BODY_or(T, lg, FL) BODY_LOGIC(T, lg, FL, |)
#define BODY_and(T, lg, FL) BODY_LOGIC(T, lg, FL, &)
#define BODY_xor(T, lg, FL) BODY_LOGIC(T, lg, FL, ^)
#define BODY_test(T, lg, FL) BODY_LOGIC(T, lg, FL, &)

/* A read-modify-write of memory at ea: in place when the TLB allows, else by the slow way. */
#define RMW(op, bits, lg, ea, bval)                                                                                  \
	do {                                                                                                         \
		u64 ea_ = (ea);                                                                                      \
		struct tlb_entry *e_ = tlb_slot(&c->mmu, ea_);                                                       \
		u##bits b = (bval);                                                                                  \
		if (LIKELY(e_->wr == tlb_tag(&c->mmu, ea_, (bits) / 8))) {                                           \
			u8 *p_ = tlb_host(e_, ea_);                                                                  \
			u##bits a = ld##bits(p_);                                                                    \
			BODY_##op(u##bits, lg, 1);                                                                   \
			st##bits(p_, r);                                                                             \
		} else if (slow_twin) {                                                                              \
			return slow_twin(c, i);                                                                      \
		} else {                                                                                             \
			u32 old_op = c->cc_op;                                                                       \
			u64 old_dst = c->cc_dst, old_src = c->cc_src;                                                \
			if (UNLIKELY(!slow_load_rmw(c, ea_, (bits) / 8)))                                            \
				return raise_fault(c, i);                                                            \
			u##bits a = (u##bits)c->tmp[0];                                                              \
			BODY_##op(u##bits, lg, 1);                                                                   \
			if (UNLIKELY(!slow_store(c, ea_, (bits) / 8, r))) {                                          \
				c->cc_op = old_op;                                                                   \
				c->cc_dst = old_dst;                                                                 \
				c->cc_src = old_src;                                                                 \
				return raise_fault(c, i);                                                            \
			}                                                                                            \
		}                                                                                                    \
	} while (0)

#define GEN_READ(op, bits, lg)                                                                                       \
	TWIN(op_##op##bits##_rms,                                                                                    \
		u##bits a = G##bits(c, i->dst), b;                                                                   \
		TLOAD_N(b, ea_simple(c, i), bits);                                                                   \
		BODY_##op(u##bits, lg, 1);                                                                           \
		SETR_##op(bits, r);                                                                                  \
		NEXT;                                                                                                \
	)                                                                                                            \
	TWIN(op_##op##bits##_rmx,                                                                                    \
		u##bits a = G##bits(c, i->dst), b;                                                                   \
		TLOAD_N(b, ea_full(c, i), bits);                                                                     \
		BODY_##op(u##bits, lg, 1);                                                                           \
		SETR_##op(bits, r);                                                                                  \
		NEXT;                                                                                                \
	)                                                                                                            \
	static HANDLER(op_##op##bits##_rr)                                                                           \
	{                                                                                                            \
		u##bits a = G##bits(c, i->dst), b = G##bits(c, i->src);                                              \
		BODY_##op(u##bits, lg, 1);                                                                           \
		SETR_##op(bits, r);                                                                                  \
		NEXT;                                                                                                \
	}                                                                                                            \
	static HANDLER(op_##op##bits##_ri)                                                                           \
	{                                                                                                            \
		u##bits a = G##bits(c, i->dst), b = (u##bits)i->imm;                                                 \
		BODY_##op(u##bits, lg, 1);                                                                           \
		SETR_##op(bits, r);                                                                                  \
		NEXT;                                                                                                \
	}

#define GEN_WRITE(op, bits, lg)                                                                                      \
	GEN_READ(op, bits, lg)                                                                                       \
	static HANDLER(op_##op##bits##_rr_nf)                                                                        \
	{                                                                                                            \
		u##bits a = G##bits(c, i->dst), b = G##bits(c, i->src);                                              \
		BODY_##op(u##bits, lg, 0);                                                                           \
		SETR_##op(bits, r);                                                                                  \
		NEXT;                                                                                                \
	}                                                                                                            \
	static HANDLER(op_##op##bits##_ri_nf)                                                                        \
	{                                                                                                            \
		u##bits a = G##bits(c, i->dst), b = (u##bits)i->imm;                                                 \
		BODY_##op(u##bits, lg, 0);                                                                           \
		SETR_##op(bits, r);                                                                                  \
		NEXT;                                                                                                \
	}                                                                                                            \
	TWIN(op_##op##bits##_mrs,                                                                                    \
		RMW(op, bits, lg, ea_simple(c, i), G##bits(c, i->src));                                              \
		NEXT;                                                                                                \
	)                                                                                                            \
	TWIN(op_##op##bits##_mrx,                                                                                    \
		RMW(op, bits, lg, ea_full(c, i), G##bits(c, i->src));                                                \
		NEXT;                                                                                                \
	)                                                                                                            \
	TWIN(op_##op##bits##_mis,                                                                                    \
		RMW(op, bits, lg, ea_simple(c, i), (u##bits)i->imm);                                                 \
		NEXT;                                                                                                \
	)                                                                                                            \
	TWIN(op_##op##bits##_mix,                                                                                    \
		RMW(op, bits, lg, ea_full(c, i), (u##bits)i->imm);                                                   \
		NEXT;                                                                                                \
	)

/* CMP and TEST read memory only. */
#define GEN_LOOK(op, bits, lg)                                                                                       \
	GEN_READ(op, bits, lg)                                                                                       \
	TWIN(op_##op##bits##_mrs,                                                                                    \
		u##bits a, b = G##bits(c, i->src);                                                                   \
		TLOAD_N(a, ea_simple(c, i), bits);                                                                   \
		BODY_##op(u##bits, lg, 1);                                                                           \
		(void)r;                                                                                             \
		NEXT;                                                                                                \
	)                                                                                                            \
	TWIN(op_##op##bits##_mrx,                                                                                    \
		u##bits a, b = G##bits(c, i->src);                                                                   \
		TLOAD_N(a, ea_full(c, i), bits);                                                                     \
		BODY_##op(u##bits, lg, 1);                                                                           \
		(void)r;                                                                                             \
		NEXT;                                                                                                \
	)                                                                                                            \
	TWIN(op_##op##bits##_mis,                                                                                    \
		u##bits a, b = (u##bits)i->imm;                                                                      \
		TLOAD_N(a, ea_simple(c, i), bits);                                                                   \
		BODY_##op(u##bits, lg, 1);                                                                           \
		(void)r;                                                                                             \
		NEXT;                                                                                                \
	)                                                                                                            \
	TWIN(op_##op##bits##_mix,                                                                                    \
		u##bits a, b = (u##bits)i->imm;                                                                      \
		TLOAD_N(a, ea_full(c, i), bits);                                                                     \
		BODY_##op(u##bits, lg, 1);                                                                           \
		(void)r;                                                                                             \
		NEXT;                                                                                                \
	)

#define SETR(bits, r) SET##bits(c, i->dst, r)
#define SETR_add SETR
#define SETR_sub SETR
#define SETR_adc SETR
#define SETR_sbb SETR
#define SETR_or SETR
#define SETR_and SETR
#define SETR_xor SETR
#define SETR_cmp(bits, r) (void)(r)
#define SETR_test(bits, r) (void)(r)

#define EACH_SIZE(M, op) M(op, 8, 0) M(op, 16, 1) M(op, 32, 2) M(op, 64, 3)
EACH_SIZE(GEN_WRITE, add)
EACH_SIZE(GEN_WRITE, or)
EACH_SIZE(GEN_WRITE, adc)
EACH_SIZE(GEN_WRITE, sbb)
EACH_SIZE(GEN_WRITE, and)
EACH_SIZE(GEN_WRITE, sub)
EACH_SIZE(GEN_WRITE, xor)
EACH_SIZE(GEN_LOOK, cmp)
EACH_SIZE(GEN_LOOK, test)

enum form { F_RR, F_RI, F_RMS, F_RMX, F_MRS, F_MRX, F_MIS, F_MIX, F_RR_NF, F_RI_NF, FORMS };

#define ROW_LOOK(op, bits)                                                                                           \
	{                                                                                                            \
		op_##op##bits##_rr, op_##op##bits##_ri, op_##op##bits##_rms, op_##op##bits##_rmx, op_##op##bits##_mrs, \
			op_##op##bits##_mrx, op_##op##bits##_mis, op_##op##bits##_mix, NULL, NULL                    \
	}
#define ROW_WRITE(op, bits)                                                                                          \
	{                                                                                                            \
		op_##op##bits##_rr, op_##op##bits##_ri, op_##op##bits##_rms, op_##op##bits##_rmx, op_##op##bits##_mrs, \
			op_##op##bits##_mrx, op_##op##bits##_mis, op_##op##bits##_mix, op_##op##bits##_rr_nf,        \
			op_##op##bits##_ri_nf                                                                        \
	}
#define ROWS(R, op) { R(op, 8), R(op, 16), R(op, 32), R(op, 64) }
static const insn_fn alu_fns[ALU_OPS][4][FORMS] = {
	[ALU_ADD] = ROWS(ROW_WRITE, add), [ALU_OR] = ROWS(ROW_WRITE, or),   [ALU_ADC] = ROWS(ROW_WRITE, adc),
	[ALU_SBB] = ROWS(ROW_WRITE, sbb), [ALU_AND] = ROWS(ROW_WRITE, and), [ALU_SUB] = ROWS(ROW_WRITE, sub),
	[ALU_XOR] = ROWS(ROW_WRITE, xor), [ALU_CMP] = ROWS(ROW_LOOK, cmp),  [ALU_TEST] = ROWS(ROW_LOOK, test),
};

/* XOR or SUB of a register with itself: the idiom for zero. */
static HANDLER(op_zero)
{
	SET64(c, i->dst, 0);
	c->cc_op = CC_LOGIC + 3;
	c->cc_dst = 0;
	NEXT;
}

static HANDLER(op_zero_nf)
{
	SET64(c, i->dst, 0);
	NEXT;
}

/* Forms that branch.c can join with a Jcc behind them, numbered as there. */
static void fusable(struct xlat *x, enum alu op, u32 size, u8 form)
{
	if (op != ALU_CMP && op != ALU_TEST)
		return;
	x->cmp_kind = (u8)((op == ALU_TEST ? 4 : 1) + form);
	x->cmp_size = (u8)size_log2(size);
}

static bool emit_alu(struct xlat *x, const struct xi *dec, enum alu op)
{
	const char *o0 = dec->row->op[0];
	const char *o1 = dec->row->op[1];
	u32 size = o0[1] == 'b' || (o0[0] == 'A' && o0[1] == 'L') ? 1 : dec->opsz;
	const insn_fn *fns = alu_fns[op][size_log2(size)];
	bool imm = o1[0] == 'I';
	bool mem_dst = o0[0] == 'E' && dec->mem;
	bool mem_src = o1[0] == 'E' && dec->mem;
	bool simple = xi_simple(dec);
	bool no_carry_in = op != ALU_ADC && op != ALU_SBB;
	struct insn *r;

	if (mem_dst) {
		r = emit(x, dec, fns[imm ? (simple ? F_MIS : F_MIX) : simple ? F_MRS : F_MRX]);
		if (!imm)
			r->src = xi_off(dec, dec->reg, size);
		else
			fusable(x, op, size, 2);
		return true;
	}
	if (mem_src) {
		r = emit(x, dec, fns[simple ? F_RMS : F_RMX]);
		r->dst = xi_off(dec, dec->reg, size);
		return true;
	}
	r = emit(x, dec, fns[imm ? F_RI : F_RR]);
	if (o0[0] == 'A' || o0[0] == 'r') {
		r->dst = xi_off(dec, RAX, size);
	} else if (o0[0] == 'E') {
		r->dst = xi_off(dec, dec->rm, size);
		if (!imm)
			r->src = xi_off(dec, dec->reg, size);
	} else {
		r->dst = xi_off(dec, dec->reg, size);
		r->src = xi_off(dec, dec->rm, size);
	}
	if (!imm && r->dst == r->src && size >= 4 && (op == ALU_XOR || op == ALU_SUB)) {
		r->dst &= (u8)~7;
		r->fn = op_zero;
		xlat_flags(x, op_zero_nf);
		return true;
	}
	fusable(x, op, size, imm);
	if (no_carry_in)
		xlat_flags(x, fns[imm ? F_RI_NF : F_RR_NF]);
	return true;
}

#define EMIT_ALU(name, op)                                                                                           \
	bool x86_emit_##name(struct xlat *x, const struct xi *dec)                                                   \
	{                                                                                                            \
		return emit_alu(x, dec, op);                                                                         \
	}
EMIT_ALU(add, ALU_ADD)
EMIT_ALU(or, ALU_OR)
EMIT_ALU(adc, ALU_ADC)
EMIT_ALU(sbb, ALU_SBB)
EMIT_ALU(and, ALU_AND)
EMIT_ALU(sub, ALU_SUB)
EMIT_ALU(xor, ALU_XOR)
EMIT_ALU(cmp, ALU_CMP)
EMIT_ALU(test, ALU_TEST)

/* ---- one operand ----------------------------------------------------------------------------------------------- */

/* INC and DEC leave CF alone: it is kept in cc_src. */
#define UBODY_inc(T, lg)                                                                                             \
	bool k = flag_cf(c);                                                                                         \
	T r = (T)(a + 1);                                                                                            \
	CC_SET(CC_INC, lg, r, k)
#define UBODY_dec(T, lg)                                                                                             \
	bool k = flag_cf(c);                                                                                         \
	T r = (T)(a - 1);                                                                                            \
	CC_SET(CC_DEC, lg, r, k)
#define UBODY_neg(T, lg)                                                                                             \
	T r = (T)(0 - a);                                                                                            \
	CC_SET(CC_SUB, lg, r, a)
#define UBODY_not(T, lg) T r = (T)~a

#define GEN_UNARY(op, bits, lg)                                                                                      \
	static HANDLER(op_##op##bits##_r)                                                                            \
	{                                                                                                            \
		u##bits a = G##bits(c, i->dst);                                                                      \
		UBODY_##op(u##bits, lg);                                                                             \
		SET##bits(c, i->dst, r);                                                                             \
		NEXT;                                                                                                \
	}                                                                                                            \
	static HANDLER(op_##op##bits##_m)                                                                            \
	{                                                                                                            \
		u64 ea = EA(c, i);                                                                                   \
		u8 *p = mmu_hit_write(&c->mmu, ea, (bits) / 8);                                                      \
		u##bits a;                                                                                           \
		if (LIKELY(p != NULL)) {                                                                             \
			a = ld##bits(p);                                                                             \
			UBODY_##op(u##bits, lg);                                                                     \
			st##bits(p, r);                                                                              \
		} else {                                                                                             \
			u32 old_op = c->cc_op;                                                                       \
			u64 old_dst = c->cc_dst, old_src = c->cc_src;                                                \
			if (UNLIKELY(!slow_load_rmw(c, ea, (bits) / 8)))                                             \
				return raise_fault(c, i);                                                            \
			a = (u##bits)c->tmp[0];                                                                      \
			UBODY_##op(u##bits, lg);                                                                     \
			if (UNLIKELY(!slow_store(c, ea, (bits) / 8, r))) {                                           \
				c->cc_op = old_op;                                                                   \
				c->cc_dst = old_dst;                                                                 \
				c->cc_src = old_src;                                                                 \
				return raise_fault(c, i);                                                            \
			}                                                                                            \
		}                                                                                                    \
		NEXT;                                                                                                \
	}
EACH_SIZE(GEN_UNARY, inc)
EACH_SIZE(GEN_UNARY, dec)
EACH_SIZE(GEN_UNARY, neg)
EACH_SIZE(GEN_UNARY, not)

#define GEN_STEP(op, bits, o)                                                                                        \
	static HANDLER(op_##op##bits##_r_nf)                                                                         \
	{                                                                                                            \
		SET##bits(c, i->dst, (u##bits)(G##bits(c, i->dst) o 1));                                             \
		NEXT;                                                                                                \
	}
GEN_STEP(inc, 8, +)
GEN_STEP(inc, 16, +)
GEN_STEP(inc, 32, +)
GEN_STEP(inc, 64, +)
GEN_STEP(dec, 8, -)
GEN_STEP(dec, 16, -)
GEN_STEP(dec, 32, -)
GEN_STEP(dec, 64, -)
static const insn_fn inc_nf[4] = { op_inc8_r_nf, op_inc16_r_nf, op_inc32_r_nf, op_inc64_r_nf };
static const insn_fn dec_nf[4] = { op_dec8_r_nf, op_dec16_r_nf, op_dec32_r_nf, op_dec64_r_nf };

#define UROW(op) { { op_##op##8_r, op_##op##8_m }, { op_##op##16_r, op_##op##16_m },                                 \
		   { op_##op##32_r, op_##op##32_m }, { op_##op##64_r, op_##op##64_m } }
static const insn_fn inc_fns[4][2] = UROW(inc);
static const insn_fn dec_fns[4][2] = UROW(dec);
static const insn_fn neg_fns[4][2] = UROW(neg);
static const insn_fn not_fns[4][2] = UROW(not);

/* nf: versions without flags, for registers. */
static bool emit_unary(struct xlat *x, const struct xi *dec, const insn_fn fns[4][2], const insn_fn *nf, bool pure)
{
	const char *o = dec->row->op[0];
	u32 size = o[1] == 'b' ? 1 : dec->opsz;
	struct insn *r = emit(x, dec, fns[size_log2(size)][dec->mem]);

	if (!dec->mem) {
		r->dst = xi_off(dec, o[0] == 'Z' ? (dec->opcode & 7u) : dec->rm, size);
		if (pure)
			xlat_pure(x);
		if (nf)
			xlat_some_flags(x, nf[size_log2(size)]);
	}
	return true;
}

bool x86_emit_inc(struct xlat *x, const struct xi *dec)
{
	return emit_unary(x, dec, inc_fns, inc_nf, false);
}

bool x86_emit_dec(struct xlat *x, const struct xi *dec)
{
	return emit_unary(x, dec, dec_fns, dec_nf, false);
}

bool x86_emit_neg(struct xlat *x, const struct xi *dec)
{
	return emit_unary(x, dec, neg_fns, NULL, false);
}

bool x86_emit_not(struct xlat *x, const struct xi *dec)
{
	return emit_unary(x, dec, not_fns, NULL, true);
}

/* ---- pairs --------------------------------------------------------------------------------------------------------- */

const struct pair_name *alu_pair_names(u32 *n)
{
	static const struct pair_name names[] = {
		JOINS(adc64_rr), JOINS(add32_ri), JOINS(add64_ri), JOINS(add64_ri_nf), JOINS(add64_rms),
		JOINS(add64_rmx), JOINS(add64_rr), JOINS(add64_rr_nf), JOINS(and32_ri), JOINS(and32_ri_nf),
		JOINS(and64_ri_nf), JOINS(and64_rr_nf), JOINS(cmp64_mrs), JOINS(cmp64_ri), JOINS(cmp64_rms),
		JOINS(cmp64_rr), JOINS(dec32_m), JOINS(inc32_m), JOINS(not64_r), JOINS(or64_rr_nf), JOINS(sub64_ri),
		JOINS(sub64_rmx), JOINS(sub64_rr), JOINS(sub64_rr_nf), JOINS(xor32_rmx), JOINS(xor32_rr_nf),
		JOINS(zero), JOINS(zero_nf),
	};

	*n = ARRAY_SIZE(names);
	return names;
}

/* ---- counting loops ------------------------------------------------------------------------------------------------ */

bool alu_loop_op(const struct insn *i, struct loop_op *o)
{
	static const struct {
		insn_fn fn;
		u8 bits;
		i8 step; /* 0: by the immediate; 2: by its negation */
	} adds[] = {
		{ op_inc32_r, 32, 1 },     { op_inc32_r_nf, 32, 1 },  { op_inc64_r, 64, 1 },     { op_inc64_r_nf, 64, 1 },
		{ op_dec32_r, 32, -1 },    { op_dec32_r_nf, 32, -1 }, { op_dec64_r, 64, -1 },    { op_dec64_r_nf, 64, -1 },
		{ op_add32_ri, 32, 0 },    { op_add32_ri_nf, 32, 0 }, { op_add64_ri, 64, 0 },    { op_add64_ri_nf, 64, 0 },
		{ op_sub32_ri, 32, 2 },    { op_sub32_ri_nf, 32, 2 }, { op_sub64_ri, 64, 2 },    { op_sub64_ri_nf, 64, 2 },
	};
	u32 n;

	o->dst = i->dst / 8;
	if (i->fn == op_zero || i->fn == op_zero_nf) {
		o->kind = LOOP_CONST;
		o->bits = 64;
		o->value = 0;
		return true;
	}
	for (n = 0; n < ARRAY_SIZE(adds); n++)
		if (i->fn == adds[n].fn) {
			o->kind = LOOP_ADD;
			o->bits = adds[n].bits;
			o->value = !adds[n].step ? i->imm : adds[n].step == 2 ? 0 - i->imm : (u64)(i64)adds[n].step;
			return true;
		}
	return false;
}
