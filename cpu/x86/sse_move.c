/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SSE data movement between XMM registers, memory and general registers. SDM 2A-2B; shuffles are in sse_shuffle.c.
 * Non-temporal hints have no effect here.
 */
#include "cpu/x86/sse.h"

/* ---- 16 bytes --------------------------------------------------------------------------------------------------- */

static HANDLER(op_mov16_rr)
{
	AS(v_u64, DST) = AS(v_u64, SRC);
	NEXT;
}

/* The whole handlers, then the fast ones that hand over to them. A store's register is dst. */
#define WHOLE(name, access)                                                                                          \
	static NOINLINE HANDLER(op_##name)                                                                           \
	{                                                                                                            \
		access;                                                                                              \
		NEXT;                                                                                                \
	}
#define FAST_FORMS(name, access, size, use)                                                                          \
	static HANDLER(op_##name##_rf)                                                                               \
	{                                                                                                            \
		FAST(EA(c, i), access, size, op_##name, use);                                                        \
		NEXT;                                                                                                \
	}                                                                                                            \
	static HANDLER(op_##name##_rs)                                                                               \
	{                                                                                                            \
		FAST(ea_simple(c, i), access, size, op_##name, use);                                                 \
		NEXT;                                                                                                \
	}
#define FAST_ALIGNED_FORMS(name, access, use)                                                                        \
	static HANDLER(op_##name##_rf)                                                                               \
	{                                                                                                            \
		FAST_ALIGNED(EA(c, i), access, op_##name, use);                                                      \
		NEXT;                                                                                                \
	}                                                                                                            \
	static HANDLER(op_##name##_rs)                                                                               \
	{                                                                                                            \
		FAST_ALIGNED(ea_simple(c, i), access, op_##name, use);                                               \
		NEXT;                                                                                                \
	}
WHOLE(load16_any, LOAD128(*DST, EA(c, i)))
WHOLE(store16_any, STORE128(EA(c, i), *DST))
WHOLE(load16_aligned, LOAD128A(*DST, EA(c, i)))
WHOLE(store16_aligned, STORE128A(EA(c, i), *DST))
FAST_FORMS(load16_any, rd, 16, vec_load(DST, FAST_HOST))
FAST_FORMS(store16_any, wr, 16, vec_store(FAST_HOST, DST))
FAST_ALIGNED_FORMS(load16_aligned, rd, vec_load(DST, FAST_HOST))
FAST_ALIGNED_FORMS(store16_aligned, wr, vec_store(FAST_HOST, DST))

/* Both directions of a move; a register form that stores is a load with the operands exchanged. */
static bool move_emit(struct xlat *x, const struct xi *dec, bool store, insn_fn rr, insn_fn rf, insn_fn rs)
{
	struct insn *r = emit(x, dec, !dec->mem ? rr : xi_simple(dec) ? rs : rf);

	r->dst = store && !dec->mem ? dec->rm : dec->reg;
	r->src = store ? dec->reg : dec->rm;
	if (!dec->mem)
		xlat_pure(x);
	return true;
}

#define EMIT_MOVE(name, is_store, rr, load, store)                                                                   \
	EMITTER(name)                                                                                                \
	{                                                                                                            \
		if (is_store)                                                                                        \
			return move_emit(x, dec, true, rr, op_##store##_rf, op_##store##_rs);                        \
		return move_emit(x, dec, false, rr, op_##load##_rf, op_##load##_rs);                                 \
	}
#define EMIT_MOVE16(name, is_store, align)                                                                           \
	EMIT_MOVE(name, is_store, op_mov16_rr, load16_##align, store16_##align)
EMIT_MOVE16(movups, dec->opcode & 1, any)
EMIT_MOVE16(movupd, dec->opcode & 1, any)
EMIT_MOVE16(movaps, dec->opcode & 1, aligned)
EMIT_MOVE16(movapd, dec->opcode & 1, aligned)
EMIT_MOVE16(movdqa, dec->opcode & 0x10, aligned)
EMIT_MOVE16(movdqu, dec->opcode & 0x10, any)
EMIT_MOVE16(movntps, true, aligned)
EMIT_MOVE16(movntpd, true, aligned)
EMIT_MOVE16(movntdq, true, aligned)
EMIT_MOVE16(movntdqa, false, aligned)
EMIT_MOVE16(lddqu, false, any)

/* ---- 4 and 8 bytes ---------------------------------------------------------------------------------------------- */

static HANDLER(op_movss_rr)
{
	VD(DST, 0) = VD(SRC, 0);
	NEXT;
}
static HANDLER(op_movsd_rr)
{
	VQ(DST, 0) = VQ(SRC, 0);
	NEXT;
}
static HANDLER(op_movq_rr)
{
	vec_set(DST, VQ(SRC, 0), 0);
	NEXT;
}

/* Loads of one element clear the rest of the 128 bits. */
WHOLE(load4, u64 v; LOAD32(v, EA(c, i)); vec_set(DST, v, 0))
WHOLE(load8, u64 v; LOAD64(v, EA(c, i)); vec_set(DST, v, 0))
WHOLE(store4, STORE32(EA(c, i), VD(DST, 0)))
WHOLE(store8, STORE64(EA(c, i), VQ(DST, 0)))
WHOLE(load_low, LOAD64(VQ(DST, 0), EA(c, i)))
WHOLE(load_high, LOAD64(VQ(DST, 1), EA(c, i)))
WHOLE(store_high, STORE64(EA(c, i), VQ(DST, 1)))
FAST_FORMS(load4, rd, 4, vec_set(DST, ld32(FAST_HOST), 0))
FAST_FORMS(load8, rd, 8, vec_set(DST, ld64(FAST_HOST), 0))
FAST_FORMS(store4, wr, 4, st32(FAST_HOST, VD(DST, 0)))
FAST_FORMS(store8, wr, 8, st64(FAST_HOST, VQ(DST, 0)))
FAST_FORMS(load_low, rd, 8, VQ(DST, 0) = ld64(FAST_HOST))
FAST_FORMS(load_high, rd, 8, VQ(DST, 1) = ld64(FAST_HOST))
FAST_FORMS(store_high, wr, 8, st64(FAST_HOST, VQ(DST, 1)))

static HANDLER(op_movhlps)
{
	VQ(DST, 0) = VQ(SRC, 1);
	NEXT;
}
static HANDLER(op_movlhps)
{
	VQ(DST, 1) = VQ(SRC, 0);
	NEXT;
}

EMIT_MOVE(movss, dec->opcode & 1, op_movss_rr, load4, store4)
EMIT_MOVE(movsd, dec->opcode & 1, op_movsd_rr, load8, store8)
EMIT_MOVE(movq, dec->opcode == 0xd6, op_movq_rr, load8, store8)
EMIT_MOVE(movlps, dec->opcode & 1, op_movhlps, load_low, store8)
EMIT_MOVE(movlpd, dec->opcode & 1, op_movhlps, load_low, store8)
EMIT_MOVE(movhps, dec->opcode & 1, op_movlhps, load_high, store_high)
EMIT_MOVE(movhpd, dec->opcode & 1, op_movlhps, load_high, store_high)
EMIT_PURE(movhlps, op_movhlps, op_movhlps, op_movhlps)
EMIT_PURE(movlhps, op_movlhps, op_movlhps, op_movlhps)

/* ---- to and from general registers ------------------------------------------------------------------------------ */

static HANDLER(op_movd_from_gpr)
{
	vec_set(DST, G32(c, i->src), 0);
	NEXT;
}
static HANDLER(op_movq_from_gpr)
{
	vec_set(DST, G64(c, i->src), 0);
	NEXT;
}
static HANDLER(op_movd_to_gpr)
{
	SET32(c, i->dst, VD(SRC, 0));
	NEXT;
}
static HANDLER(op_movq_to_gpr)
{
	SET64(c, i->dst, VQ(SRC, 0));
	NEXT;
}

EMITTER(movd)
{
	bool wide = dec->rex & 8, store = dec->opcode == 0x7e;
	struct insn *r;

	if (dec->mem && wide)
		return store ? move_emit(x, dec, true, NULL, op_store8_rf, op_store8_rs)
			     : move_emit(x, dec, false, NULL, op_load8_rf, op_load8_rs);
	if (dec->mem)
		return store ? move_emit(x, dec, true, NULL, op_store4_rf, op_store4_rs)
			     : move_emit(x, dec, false, NULL, op_load4_rf, op_load4_rs);
	if (store) {
		r = emit(x, dec, wide ? op_movq_to_gpr : op_movd_to_gpr);
		r->dst = wide ? OFF64(dec->rm) : OFF32(dec->rm);
		r->src = dec->reg;
	} else {
		r = emit(x, dec, wide ? op_movq_from_gpr : op_movd_from_gpr);
		r->dst = dec->reg;
		r->src = wide ? OFF64(dec->rm) : OFF32(dec->rm);
	}
	xlat_pure(x);
	return true;
}

/* MOVNTI */
static HANDLER(op_movnti32)
{
	STORE32(EA(c, i), G32(c, i->src));
	NEXT;
}
static HANDLER(op_movnti64)
{
	STORE64(EA(c, i), G64(c, i->src));
	NEXT;
}
EMITTER(movnti)
{
	bool wide = dec->rex & 8;
	struct insn *r = emit(x, dec, wide ? op_movnti64 : op_movnti32);

	r->src = wide ? OFF64(dec->reg) : OFF32(dec->reg);
	return true;
}

static HANDLER(op_pmovmskb)
{
	SET32(c, i->dst, sse_byte_mask(SRC));
	NEXT;
}
static HANDLER(op_movmskps)
{
	const union x86_vec *s = SRC;

	SET32(c, i->dst,
	      (s->q[0] >> 31 & 1) | (s->q[0] >> 62 & 2) | (s->q[1] >> 29 & 4) | (s->q[1] >> 60 & 8));
	NEXT;
}
static HANDLER(op_movmskpd)
{
	SET32(c, i->dst, (SRC->q[0] >> 63) | (SRC->q[1] >> 62 & 2));
	NEXT;
}
#define EMIT_MASK(name)                                                                                              \
	EMITTER(name)                                                                                                \
	{                                                                                                            \
		struct insn *r = emit(x, dec, op_##name);                                                            \
		r->dst = OFF32(dec->reg);                                                                            \
		r->src = dec->rm;                                                                                    \
		xlat_pure(x);                                                                                        \
		return true;                                                                                         \
	}
EMIT_MASK(pmovmskb)
EMIT_MASK(movmskps)
EMIT_MASK(movmskpd)

/* PEXTRx and EXTRACTPS: aux is the element. */
#define EXTRACT(name, bits, elem)                                                                                    \
	static HANDLER(op_##name##_r)                                                                                \
	{                                                                                                            \
		SET64(c, i->dst, elem);                                                                              \
		NEXT;                                                                                                \
	}                                                                                                            \
	static HANDLER(op_##name##_m)                                                                                \
	{                                                                                                            \
		STORE##bits(EA(c, i), elem);                                                                         \
		NEXT;                                                                                                \
	}
EXTRACT(pextrb, 8, VB(SRC, i->aux))
EXTRACT(pextrw, 16, VW(SRC, i->aux))
EXTRACT(pextrd, 32, VD(SRC, i->aux))
EXTRACT(pextrq, 64, VQ(SRC, i->aux))

static bool extract_emit(struct xlat *x, const struct xi *dec, insn_fn reg, insn_fn mem, u8 lanes)
{
	struct insn *r = emit(x, dec, dec->mem ? mem : reg);

	r->dst = OFF64(dec->rm & 15);
	r->src = dec->reg;
	r->aux = dec->imm & (lanes - 1);
	return true;
}
EMITTER(pextrb)
{
	return extract_emit(x, dec, op_pextrb_r, op_pextrb_m, 16);
}
EMITTER(pextrw)
{
	struct insn *r;

	if (dec->opcode == 0x15)
		return extract_emit(x, dec, op_pextrw_r, op_pextrw_m, 8);
	r = emit(x, dec, op_pextrw_r);
	r->dst = OFF64(dec->reg);
	r->src = dec->rm;
	r->aux = dec->imm & 7;
	return true;
}
EMITTER(pextrd)
{
	return dec->rex & 8 ? extract_emit(x, dec, op_pextrq_r, op_pextrq_m, 2) :
			    extract_emit(x, dec, op_pextrd_r, op_pextrd_m, 4);
}
EMITTER(extractps)
{
	return extract_emit(x, dec, op_pextrd_r, op_pextrd_m, 4);
}

/* PINSRx */
#define INSERT(name, bits, elem)                                                                                     \
	static HANDLER(op_##name##_r)                                                                                \
	{                                                                                                            \
		elem = (u##bits)G64(c, i->src);                                                                      \
		NEXT;                                                                                                \
	}                                                                                                            \
	static HANDLER(op_##name##_m)                                                                                \
	{                                                                                                            \
		u##bits v;                                                                                           \
		LOAD##bits(v, EA(c, i));                                                                             \
		elem = v;                                                                                            \
		NEXT;                                                                                                \
	}
INSERT(pinsrb, 8, VB(DST, i->aux))
INSERT(pinsrw, 16, VW(DST, i->aux))
INSERT(pinsrd, 32, VD(DST, i->aux))
INSERT(pinsrq, 64, VQ(DST, i->aux))

static bool insert_emit(struct xlat *x, const struct xi *dec, insn_fn reg, insn_fn mem, u8 lanes)
{
	struct insn *r = emit(x, dec, dec->mem ? mem : reg);

	r->dst = dec->reg;
	r->src = OFF64(dec->rm & 15);
	r->aux = dec->imm & (lanes - 1);
	return true;
}
EMITTER(pinsrb)
{
	return insert_emit(x, dec, op_pinsrb_r, op_pinsrb_m, 16);
}
EMITTER(pinsrw)
{
	return insert_emit(x, dec, op_pinsrw_r, op_pinsrw_m, 8);
}
EMITTER(pinsrd)
{
	return dec->rex & 8 ? insert_emit(x, dec, op_pinsrq_r, op_pinsrq_m, 2) :
			    insert_emit(x, dec, op_pinsrd_r, op_pinsrd_m, 4);
}

/* MASKMOVDQU: the bytes that the mask selects, to DS:rDI. With an empty mask nothing is looked at. */
static HANDLER(op_maskmovdqu)
{
	u64 ea = EA(c, i);
	u32 mask = sse_byte_mask(SRC), m;

	if (!aligned_for(c, ea, 16, 8))
		return raise_fault(c, i);
	for (m = mask; m; m &= m - 1)
		if (!slow_probe(c, ea + (u32)__builtin_ctz(m), 1, true))
			return raise_fault(c, i);
	for (m = mask; m; m &= m - 1) {
		u32 k = (u32)__builtin_ctz(m);
		STORE8(ea + k, VB(DST, k));
	}
	NEXT;
}
EMITTER(maskmovdqu)
{
	struct insn *r = emit(x, dec, op_maskmovdqu);

	r->dst = dec->reg;
	r->src = dec->rm;
	r->base = RDI;
	r->index = REG_ZERO;
	r->scale = 0;
	r->disp = 0;
	r->asz = dec->adsz == 8 ? REG_M64 : dec->adsz == 4 ? REG_M32 : REG_M16;
	if (dec->segovr == REG_FS || dec->segovr == REG_GS || (dec->mode != 8 && dec->segovr != REG_ZERO))
		r->seg = dec->segovr;
	else
		r->seg = dec->mode == 8 ? REG_ZERO : REG_DS;
	return true;
}
