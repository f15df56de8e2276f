/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Data movement between registers and memory: MOV MOVZX MOVSX MOVSXD LEA XCHG BSWAP CMOVcc SETcc CBW CWD XLAT LAHF SAHF NOP.
 * SDM 2A and 2B. Stack instructions are in stack.c, segment registers in segment.c.
 */
#include "cpu/x86/flags.h"
#include "cpu/x86/loop.h"
#include "cpu/x86/opcodes.h"
#include "cpu/x86/pair.h"

#define EACH(M) M(8) M(16) M(32) M(64)

#define GEN_MOV(bits)                                                                                                \
	static HANDLER(op_mov##bits##_rr)                                                                            \
	{                                                                                                            \
		SET##bits(c, i->dst, G##bits(c, i->src));                                                            \
		NEXT;                                                                                                \
	}                                                                                                            \
	static HANDLER(op_mov##bits##_ri)                                                                            \
	{                                                                                                            \
		SET##bits(c, i->dst, i->imm);                                                                        \
		NEXT;                                                                                                \
	}                                                                                                            \
	TWIN(op_mov##bits##_rms,                                                                                     \
		u##bits v;                                                                                           \
		TLOAD_N(v, ea_simple(c, i), bits);                                                                   \
		SET##bits(c, i->dst, v);                                                                             \
		NEXT;                                                                                                \
	)                                                                                                            \
	TWIN(op_mov##bits##_rmx,                                                                                     \
		u##bits v;                                                                                           \
		TLOAD_N(v, ea_full(c, i), bits);                                                                     \
		SET##bits(c, i->dst, v);                                                                             \
		NEXT;                                                                                                \
	)                                                                                                            \
	TWIN(op_mov##bits##_mrs,                                                                                     \
		TSTORE_N(ea_simple(c, i), G##bits(c, i->src), bits);                                                 \
		NEXT;                                                                                                \
	)                                                                                                            \
	TWIN(op_mov##bits##_mrx,                                                                                     \
		TSTORE_N(ea_full(c, i), G##bits(c, i->src), bits);                                                   \
		NEXT;                                                                                                \
	)                                                                                                            \
	TWIN(op_mov##bits##_mis,                                                                                     \
		TSTORE_N(ea_simple(c, i), i->imm, bits);                                                             \
		NEXT;                                                                                                \
	)                                                                                                            \
	TWIN(op_mov##bits##_mix,                                                                                     \
		TSTORE_N(ea_full(c, i), i->imm, bits);                                                               \
		NEXT;                                                                                                \
	)                                                                                                            \
	/* moffs forms: the address is a whole immediate */                                                          \
	TWIN(op_mov##bits##_load_abs,                                                                                \
		u##bits v;                                                                                           \
		TLOAD_N(v, (i->imm & c->r[i->asz]) + c->r[i->seg], bits);                                            \
		SET##bits(c, i->dst, v);                                                                             \
		NEXT;                                                                                                \
	)                                                                                                            \
	TWIN(op_mov##bits##_store_abs,                                                                               \
		TSTORE_N((i->imm & c->r[i->asz]) + c->r[i->seg], G##bits(c, i->src), bits);                          \
		NEXT;                                                                                                \
	)
EACH(GEN_MOV)

enum { V_RR, V_RI, V_RMS, V_RMX, V_MRS, V_MRX, V_MIS, V_MIX, V_LABS, V_SABS, V_FORMS };
#define MOV_ROW(b)                                                                                                   \
	{                                                                                                            \
		op_mov##b##_rr, op_mov##b##_ri, op_mov##b##_rms, op_mov##b##_rmx, op_mov##b##_mrs, op_mov##b##_mrx,  \
			op_mov##b##_mis, op_mov##b##_mix, op_mov##b##_load_abs, op_mov##b##_store_abs                \
	}
static const insn_fn mov_fns[4][V_FORMS] = { MOV_ROW(8), MOV_ROW(16), MOV_ROW(32), MOV_ROW(64) };

bool x86_emit_mov(struct xlat *x, const struct xi *dec)
{
	const char *o0 = dec->row->op[0];
	const char *o1 = dec->row->op[1];
	u32 size = o0[1] == 'b' || (o0[0] == 'A' && o0[1] == 'L') ? 1 : dec->opsz;
	const insn_fn *f = mov_fns[size_log2(size)];
	bool s = xi_simple(dec);
	struct insn *r;

	if (o1[0] == 'O') {
		r = emit(x, dec, f[V_LABS]);
		r->dst = xi_off(dec, RAX, size);
	} else if (o0[0] == 'O') {
		r = emit(x, dec, f[V_SABS]);
		r->src = xi_off(dec, RAX, size);
	} else if (o1[0] == 'I') {
		r = emit(x, dec, f[!dec->mem ? V_RI : s ? V_MIS : V_MIX]);
		if (!dec->mem) {
			r->dst = xi_off(dec, o0[0] == 'Z' ? (dec->opcode & 7u) | (dec->rex & 1 ? 8 : 0) : dec->rm, size);
			xlat_pure(x);
		}
	} else if (dec->mem) {
		bool store = o0[0] == 'E';

		r = emit(x, dec, f[store ? (s ? V_MRS : V_MRX) : s ? V_RMS : V_RMX]);
		r->dst = r->src = xi_off(dec, dec->reg, size);
	} else {
		bool to_rm = o0[0] == 'E';

		r = emit(x, dec, f[V_RR]);
		r->dst = xi_off(dec, to_rm ? dec->rm : dec->reg, size);
		r->src = xi_off(dec, to_rm ? dec->reg : dec->rm, size);
		xlat_pure(x);
	}
	return true;
}

bool mov_loop_op(const struct insn *i, struct loop_op *o)
{
	if (i->fn != op_mov32_ri && i->fn != op_mov64_ri)
		return false;
	o->kind = LOOP_CONST;
	o->dst = i->dst / 8;
	o->bits = 64;
	o->value = i->fn == op_mov32_ri ? (u32)i->imm : i->imm;
	return true;
}

/* ---- widening moves: from 8, 16 or 32 bits to 16, 32 or 64 ---------------------------------------------------- */

#define GEN_WIDEN(name, from, ftype, to)                                                                             \
	static HANDLER(op_##name##from##to##_r)                                                                      \
	{                                                                                                            \
		SET##to(c, i->dst, (u##to)(ftype)G##from(c, i->src));                                                \
		NEXT;                                                                                                \
	}                                                                                                            \
	TWIN(op_##name##from##to##_ms,                                                                               \
		u##from v;                                                                                           \
		TLOAD_N(v, ea_simple(c, i), from);                                                                   \
		SET##to(c, i->dst, (u##to)(ftype)v);                                                                 \
		NEXT;                                                                                                \
	)                                                                                                            \
	TWIN(op_##name##from##to##_mx,                                                                               \
		u##from v;                                                                                           \
		TLOAD_N(v, ea_full(c, i), from);                                                                     \
		SET##to(c, i->dst, (u##to)(ftype)v);                                                                 \
		NEXT;                                                                                                \
	)
#define GEN_WIDEN3(name, from, ftype)                                                                                \
	GEN_WIDEN(name, from, ftype, 16) GEN_WIDEN(name, from, ftype, 32) GEN_WIDEN(name, from, ftype, 64)
GEN_WIDEN3(movzx, 8, u8)
GEN_WIDEN3(movzx, 16, u16)
GEN_WIDEN3(movsx, 8, i8)
GEN_WIDEN3(movsx, 16, i16)
GEN_WIDEN3(movsx, 32, i32)

#define W(n, f, t) { op_##n##f##t##_r, op_##n##f##t##_ms, op_##n##f##t##_mx }
#define W3(n, f) { W(n, f, 16), W(n, f, 32), W(n, f, 64) }
static const insn_fn movzx_fns[2][3][3] = { W3(movzx, 8), W3(movzx, 16) };
static const insn_fn movsx_fns[3][3][3] = { W3(movsx, 8), W3(movsx, 16), W3(movsx, 32) };

static bool emit_widen(struct xlat *x, const struct xi *dec, const insn_fn f[3][3], u32 from)
{
	struct insn *r = emit(x, dec, f[size_log2(dec->opsz) - 1][!dec->mem ? 0 : xi_simple(dec) ? 1 : 2]);

	r->dst = xi_off(dec, dec->reg, dec->opsz);
	if (!dec->mem) {
		r->src = xi_off(dec, dec->rm, from);
		xlat_pure(x);
	}
	return true;
}

bool x86_emit_movzx(struct xlat *x, const struct xi *dec)
{
	u32 from = dec->row->op[1][1] == 'b' ? 1 : 2;

	return emit_widen(x, dec, movzx_fns[from - 1], from);
}

bool x86_emit_movsx(struct xlat *x, const struct xi *dec)
{
	u32 from = dec->row->op[1][1] == 'b' ? 1 : 2;

	return emit_widen(x, dec, movsx_fns[from - 1], from);
}

bool x86_emit_movsxd_arpl(struct xlat *x, const struct xi *dec)
{
	struct insn *r;

	if (dec->mode != 8)
		return emit_arpl(x, dec);
	if (dec->opsz == 8)
		return emit_widen(x, dec, movsx_fns[2], 4);
	/* Without REX.W it is a plain move. */
	r = emit(x, dec, mov_fns[size_log2(dec->opsz)][!dec->mem ? V_RR : V_RMX]);
	r->dst = xi_off(dec, dec->reg, dec->opsz);
	r->src = xi_off(dec, dec->rm, dec->opsz);
	return true;
}

/* ---- LEA ------------------------------------------------------------------------------------------------------- */

#define EA_NOSEG(c, i) ((c->r[i->base] + (c->r[i->index] << i->scale) + (u64)(i64)i->disp) & c->r[i->asz])
static HANDLER(op_lea16)
{
	SET16(c, i->dst, EA_NOSEG(c, i));
	NEXT;
}
static HANDLER(op_lea32)
{
	SET32(c, i->dst, EA_NOSEG(c, i));
	NEXT;
}
static HANDLER(op_lea64)
{
	SET64(c, i->dst, EA_NOSEG(c, i));
	NEXT;
}
static HANDLER(op_lea64s)
{
	SET64(c, i->dst, ea_simple(c, i));
	NEXT;
}

bool x86_emit_lea(struct xlat *x, const struct xi *dec)
{
	bool simple = dec->adsz == 8 && dec->index == REG_ZERO;
	struct insn *r = emit(x, dec, dec->opsz == 2 ? op_lea16 : dec->opsz == 4 ? op_lea32 : simple ? op_lea64s : op_lea64);

	r->dst = xi_off(dec, dec->reg, dec->opsz);
	xlat_pure(x);
	return true;
}

/* ---- XCHG ------------------------------------------------------------------------------------------------------ */

#define GEN_XCHG(bits)                                                                                               \
	static HANDLER(op_xchg##bits##_r)                                                                            \
	{                                                                                                            \
		u##bits t = G##bits(c, i->dst);                                                                      \
		SET##bits(c, i->dst, G##bits(c, i->src));                                                            \
		SET##bits(c, i->src, t);                                                                             \
		NEXT;                                                                                                \
	}                                                                                                            \
	static HANDLER(op_xchg##bits##_m)                                                                            \
	{                                                                                                            \
		u64 ea = EA(c, i);                                                                                   \
		u8 *p = mmu_hit_write(&c->mmu, ea, (bits) / 8);                                                      \
		u##bits t;                                                                                           \
		if (LIKELY(p != NULL)) {                                                                             \
			t = ld##bits(p);                                                                             \
			st##bits(p, G##bits(c, i->src));                                                             \
		} else {                                                                                             \
			if (!slow_load_rmw(c, ea, (bits) / 8))                                                       \
				return raise_fault(c, i);                                                            \
			t = (u##bits)c->tmp[0];                                                                      \
			if (!slow_store(c, ea, (bits) / 8, G##bits(c, i->src)))                                      \
				return raise_fault(c, i);                                                            \
		}                                                                                                    \
		SET##bits(c, i->src, t);                                                                             \
		NEXT;                                                                                                \
	}
EACH(GEN_XCHG)
static const insn_fn xchg_fns[4][2] = { { op_xchg8_r, op_xchg8_m }, { op_xchg16_r, op_xchg16_m },
					{ op_xchg32_r, op_xchg32_m }, { op_xchg64_r, op_xchg64_m } };

bool x86_emit_xchg(struct xlat *x, const struct xi *dec)
{
	const char *o0 = dec->row->op[0];
	u32 size = o0[1] == 'b' ? 1 : dec->opsz;
	struct insn *r = emit(x, dec, xchg_fns[size_log2(size)][dec->mem]);

	if (o0[0] == 'Z') {
		r->dst = xi_off(dec, (dec->opcode & 7u) | (dec->rex & 1 ? 8 : 0), size);
		r->src = xi_off(dec, RAX, size);
	} else {
		r->dst = xi_off(dec, dec->rm, size);
		r->src = xi_off(dec, dec->reg, size);
	}
	if (!dec->mem)
		xlat_pure(x);
	return true;
}

/* ---- NOP and PAUSE --------------------------------------------------------------------------------------------- */

static HANDLER(op_nop)
{
	NEXT;
}

static HANDLER(op_pause)
{
	if (c->cpu.yield_on_pause)
		return leave_after(c, i, BX_YIELD);
	NEXT;
}

bool x86_emit_nop(struct xlat *x, const struct xi *dec)
{
	if (dec->opcode == 0x90 && dec->row->opcode == 0x90) {
		if ((dec->rex & 1) && dec->rep != 0xf3) { /* XCHG r8, rAX; with F3 it is PAUSE on Intel's, XCHG on AMD's */
			struct insn *r = emit(x, dec, xchg_fns[size_log2(dec->opsz)][0]);

			r->dst = xi_off(dec, 8, dec->opsz);
			r->src = xi_off(dec, RAX, dec->opsz);
			xlat_pure(x);
			return true;
		}
		if (dec->rep == 0xf3) {
			emit(x, dec, op_pause);
			x->end = false;
			return true;
		}
	}
	emit(x, dec, op_nop);
	xlat_pure(x);
	return true;
}

/* ---- conditions ------------------------------------------------------------------------------------------------ */

#define GEN_CMOV(bits)                                                                                               \
	static HANDLER(op_cmov##bits##_r)                                                                            \
	{                                                                                                            \
		u##bits v = flags_cond(c, i->aux) ? G##bits(c, i->src) : G##bits(c, i->dst);                         \
		SET##bits(c, i->dst, v);                                                                             \
		NEXT;                                                                                                \
	}                                                                                                            \
	TWIN(op_cmov##bits##_m,                                                                                      \
		u##bits v;                                                                                           \
		TLOAD_N(v, EA(c, i), bits);                                                                          \
		if (!flags_cond(c, i->aux))                                                                          \
			v = G##bits(c, i->dst);                                                                      \
		SET##bits(c, i->dst, v);                                                                             \
		NEXT;                                                                                                \
	)
GEN_CMOV(16)
GEN_CMOV(32)
GEN_CMOV(64)

/* A handler a condition for register forms: the switch over conditions is gone by then. */
#define EACH_COND(M, a) M(a, 0) M(a, 1) M(a, 2) M(a, 3) M(a, 4) M(a, 5) M(a, 6) M(a, 7) M(a, 8) M(a, 9) M(a, 10)       \
	M(a, 11) M(a, 12) M(a, 13) M(a, 14) M(a, 15)
#define GEN_CMOV_CC(bits, cc)                                                                                        \
	static HANDLER(op_cmov##bits##_r##cc)                                                                        \
	{                                                                                                            \
		u##bits v = flags_cond(c, cc) ? G##bits(c, i->src) : G##bits(c, i->dst);                             \
		SET##bits(c, i->dst, v);                                                                             \
		NEXT;                                                                                                \
	}
EACH_COND(GEN_CMOV_CC, 32)
EACH_COND(GEN_CMOV_CC, 64)
#define CMOV_NAME(bits, cc) op_cmov##bits##_r##cc,
static const insn_fn cmov_cc[2][16] = { { EACH_COND(CMOV_NAME, 32) }, { EACH_COND(CMOV_NAME, 64) } };

bool x86_emit_cmovcc(struct xlat *x, const struct xi *dec)
{
	static const insn_fn f[3][2] = { { op_cmov16_r, op_cmov16_m }, { op_cmov32_r, op_cmov32_m },
					 { op_cmov64_r, op_cmov64_m } };
	struct insn *r;

	if (!(x->c->features & BIT(F_CMOV)))
		return emit_ud(x, dec);
	r = emit(x, dec, f[size_log2(dec->opsz) - 1][dec->mem]);
	r->dst = xi_off(dec, dec->reg, dec->opsz);
	r->src = xi_off(dec, dec->rm, dec->opsz);
	r->aux = dec->opcode & 15;
	if (!dec->mem && dec->opsz >= 4)
		r->fn = cmov_cc[dec->opsz == 8][r->aux];
	return true;
}

#define GEN_SETCC(a, cc)                                                                                             \
	static HANDLER(op_set##cc##_r)                                                                               \
	{                                                                                                            \
		SET8(c, i->dst, flags_cond(c, cc));                                                                  \
		NEXT;                                                                                                \
	}
EACH_COND(GEN_SETCC, )
#define SETCC_NAME(a, cc) op_set##cc##_r,
static const insn_fn setcc_fns[16] = { EACH_COND(SETCC_NAME, ) };

TWIN(op_setcc_m,
	TSTORE8(EA(c, i), flags_cond(c, i->aux));
	NEXT;
)

bool x86_emit_setcc(struct xlat *x, const struct xi *dec)
{
	struct insn *r = emit(x, dec, dec->mem ? op_setcc_m : setcc_fns[dec->opcode & 15]);

	r->dst = xi_off(dec, dec->rm, 1);
	r->aux = dec->opcode & 15;
	return true;
}

static HANDLER(op_lahf)
{
	SET8(c, OFF8H(RAX), flags_eval(c) | FL_FIXED1);
	NEXT;
}

static HANDLER(op_sahf)
{
	flags_set_all(c, (flags_eval(c) & FL_OF) | (G8(c, OFF8H(RAX)) & (FL_ARITH & ~FL_OF)));
	NEXT;
}

bool x86_emit_lahf(struct xlat *x, const struct xi *dec)
{
	if (dec->mode == 8 && !(x->c->features & BIT(F_LAHF)))
		return emit_ud(x, dec);
	emit(x, dec, op_lahf);
	return true;
}

bool x86_emit_sahf(struct xlat *x, const struct xi *dec)
{
	if (dec->mode == 8 && !(x->c->features & BIT(F_LAHF)))
		return emit_ud(x, dec);
	emit(x, dec, op_sahf);
	return true;
}

static HANDLER(op_salc)
{
	SET8(c, OFF8(RAX), flag_cf(c) ? 0xff : 0);
	NEXT;
}

bool x86_emit_salc(struct xlat *x, const struct xi *dec)
{
	emit(x, dec, op_salc);
	return true;
}

/* CMC, CLC, STC. */
static HANDLER(op_cf)
{
	u32 fl = flags_eval(c);

	flags_set_all(c, i->aux == 2 ? fl ^ FL_CF : i->aux ? fl | FL_CF : fl & ~(u32)FL_CF);
	NEXT;
}

static bool emit_cf(struct xlat *x, const struct xi *dec, u8 how)
{
	emit(x, dec, op_cf)->aux = how;
	return true;
}

bool x86_emit_clc(struct xlat *x, const struct xi *dec)
{
	return emit_cf(x, dec, 0);
}

bool x86_emit_stc(struct xlat *x, const struct xi *dec)
{
	return emit_cf(x, dec, 1);
}

bool x86_emit_cmc(struct xlat *x, const struct xi *dec)
{
	return emit_cf(x, dec, 2);
}

static HANDLER(op_df)
{
	c->eflags = (c->eflags & ~(u32)FL_DF) | (i->aux ? FL_DF : 0);
	NEXT;
}

bool x86_emit_cld(struct xlat *x, const struct xi *dec)
{
	emit(x, dec, op_df);
	return true;
}

bool x86_emit_std(struct xlat *x, const struct xi *dec)
{
	emit(x, dec, op_df)->aux = 1;
	return true;
}

/* ---- sign extension, byte order, tables ------------------------------------------------------------------------ */

static HANDLER(op_cbw)
{
	SET16(c, OFF16(RAX), (i8)G8(c, OFF8(RAX)));
	NEXT;
}
static HANDLER(op_cwde)
{
	SET32(c, OFF64(RAX), (i16)G16(c, OFF16(RAX)));
	NEXT;
}
static HANDLER(op_cdqe)
{
	SET64(c, OFF64(RAX), (i32)c->r[RAX]);
	NEXT;
}
static HANDLER(op_cwd)
{
	SET16(c, OFF16(RDX), (i16)c->r[RAX] < 0 ? 0xffff : 0);
	NEXT;
}
static HANDLER(op_cdq)
{
	c->r[RDX] = (i32)c->r[RAX] < 0 ? 0xffffffff : 0;
	NEXT;
}
static HANDLER(op_cqo)
{
	c->r[RDX] = (i64)c->r[RAX] < 0 ? ~0ULL : 0;
	NEXT;
}

bool x86_emit_cbw(struct xlat *x, const struct xi *dec)
{
	emit(x, dec, dec->opsz == 2 ? op_cbw : dec->opsz == 4 ? op_cwde : op_cdqe);
	xlat_pure(x);
	return true;
}

bool x86_emit_cwd(struct xlat *x, const struct xi *dec)
{
	emit(x, dec, dec->opsz == 2 ? op_cwd : dec->opsz == 4 ? op_cdq : op_cqo);
	xlat_pure(x);
	return true;
}

/* The 16-bit form is undefined; processors clear the register. */
static HANDLER(op_bswap16)
{
	SET16(c, i->dst, 0);
	NEXT;
}
static HANDLER(op_bswap32)
{
	SET32(c, i->dst, __builtin_bswap32(G32(c, i->dst)));
	NEXT;
}
static HANDLER(op_bswap64)
{
	SET64(c, i->dst, __builtin_bswap64(G64(c, i->dst)));
	NEXT;
}

bool x86_emit_bswap(struct xlat *x, const struct xi *dec)
{
	struct insn *r = emit(x, dec, dec->opsz == 2 ? op_bswap16 : dec->opsz == 4 ? op_bswap32 : op_bswap64);

	r->dst = xi_off(dec, (dec->opcode & 7u) | (dec->rex & 1 ? 8 : 0), dec->opsz);
	xlat_pure(x);
	return true;
}

TWIN(op_xlat,
	u8 v;

	TLOAD8(v, ((c->r[RBX] + G8(c, OFF8(RAX))) & c->r[i->asz]) + c->r[i->seg]);
	SET8(c, OFF8(RAX), v);
	NEXT;
)

bool x86_emit_xlat(struct xlat *x, const struct xi *dec)
{
	struct insn *r = emit(x, dec, op_xlat);

	if (dec->mode != 8)
		r->seg = dec->segovr != REG_ZERO ? dec->segovr : REG_DS;
	else
		r->seg = dec->segovr == REG_FS || dec->segovr == REG_GS ? dec->segovr : REG_ZERO;
	return true;
}

const struct pair_name *mov_pair_names(u32 *n)
{
	static const struct pair_name names[] = {
		{ op_cmov64_r3, PAIR_cmovae64_r }, { op_cmov64_r2, PAIR_cmovb64_r },
		{ op_cmov64_r4, PAIR_cmove64_r }, { op_cmov64_r5, PAIR_cmovne64_r }, JOINS(lea64), JOINS(lea64s),
		JOINS(mov32_mrs), JOINS(mov32_ri), JOINS(mov32_rms), JOINS(mov32_rmx), JOINS(mov32_rr),
		JOINS(mov64_mis), JOINS(mov64_mrs), JOINS(mov64_mrx), JOINS(mov64_ri), JOINS(mov64_rms),
		JOINS(mov64_rmx), JOINS(mov64_rr), JOINS(movsx3264_r), JOINS(movzx832_ms), JOINS(movzx832_mx),
		JOINS(movzx832_r), JOINS(nop), { op_set2_r, PAIR_setb },
	};

	*n = ARRAY_SIZE(names);
	return names;
}
