/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packed integer arithmetic, logic, comparison and shifts on XMM registers, SSE2 to SSE4.2. SDM 1 11.4.2, 12.6, 12.10.
 * Shuffles, packs and widening are in sse_shuffle.c.
 */
#include "cpu/x86/sse.h"

/* ---- logic ------------------------------------------------------------------------------------------------------ */

#define LOGIC(name, expr)                                                                                            \
	ELEM(name, v_u64, expr)                                                                                      \
	SSE_HOT(name)
LOGIC(pand, a & b)
LOGIC(pandn, ~a & b)
LOGIC(por, a | b)
LOGIC(pxor, a ^ b)
LOGIC(andps, a & b)
LOGIC(andnps, ~a & b)
LOGIC(orps, a | b)
LOGIC(xorps, a ^ b)
LOGIC(andpd, a & b)
LOGIC(andnpd, ~a & b)
LOGIC(orpd, a | b)
LOGIC(xorpd, a ^ b)

/* ---- element-wise arithmetic ------------------------------------------------------------------------------------ */

#define ARITH(name, T, expr)                                                                                         \
	ELEM(name, T, expr)                                                                                          \
	SSE_OP(name)
#define ARITH_HOT(name, T, expr)                                                                                     \
	ELEM(name, T, expr)                                                                                          \
	SSE_HOT(name)
ARITH(paddb, v_u8, a + b)
ARITH(paddw, v_u16, a + b)
ARITH_HOT(paddd, v_u32, a + b)
ARITH_HOT(paddq, v_u64, a + b)
ARITH_HOT(psubb, v_u8, a - b)
ARITH(psubw, v_u16, a - b)
ARITH(psubd, v_u32, a - b)
ARITH(psubq, v_u64, a - b)
ARITH(pmullw, v_u16, a * b)
ARITH(pmulld, v_u32, a * b)

ARITH_HOT(pcmpeqb, v_u8, a == b)
ARITH(pcmpeqw, v_u16, a == b)
ARITH_HOT(pcmpeqd, v_u32, a == b)
ARITH(pcmpeqq, v_u64, a == b)
ARITH(pcmpgtb, v_i8, a > b)
ARITH(pcmpgtw, v_i16, a > b)
ARITH(pcmpgtd, v_i32, a > b)
ARITH(pcmpgtq, v_i64, a > b)

#define MINMAX(T, name_min, name_max)                                                                                \
	ARITH(name_min, T, PICK((T)(a < b), a, b))                                                                   \
	ARITH(name_max, T, PICK((T)(a > b), a, b))
#if HOST_SSE2
HOSTED(pminub, _mm_min_epu8(a, b))
HOSTED(pmaxub, _mm_max_epu8(a, b))
SSE_HOT(pminub)
SSE_OP(pmaxub)
#else
MINMAX(v_u8, pminub, pmaxub)
#endif
MINMAX(v_i16, pminsw, pmaxsw)
MINMAX(v_i8, pminsb, pmaxsb)
MINMAX(v_i32, pminsd, pmaxsd)
MINMAX(v_u16, pminuw, pmaxuw)
MINMAX(v_u32, pminud, pmaxud)

/* (a + b + 1) / 2 without the carry */
ARITH(pavgb, v_u8, (a | b) - ((a ^ b) >> 1))
ARITH(pavgw, v_u16, (a | b) - ((a ^ b) >> 1))

/* Saturation: on a wrapped sum all ones, on a borrow zero; signed, the limit on a's side. */
#define SATURATE(name, T, S, expr, wraps, bits)                                                                      \
	INLINE void do_##name(union x86_vec *dst, const union x86_vec *src)                                          \
	{                                                                                                            \
		T a = AS(T, dst), b = CAS(T, src), r = expr;                                                          \
		T over = (T)((S)(wraps) < 0), limit = (T)((S)a >> (bits - 1)) ^ (T)((T){ 0 } + (1u << (bits - 1)) - 1); \
		AS(T, dst) = PICK(over, limit, r);                                                                   \
	}                                                                                                            \
	SSE_OP(name)
SATURATE(paddsb, v_u8, v_i8, a + b, (a ^ r) & (b ^ r), 8)
SATURATE(paddsw, v_u16, v_i16, a + b, (a ^ r) & (b ^ r), 16)
SATURATE(psubsb, v_u8, v_i8, a - b, (a ^ b) & (a ^ r), 8)
SATURATE(psubsw, v_u16, v_i16, a - b, (a ^ b) & (a ^ r), 16)
ARITH(paddusb, v_u8, (a + b) | (v_u8)((a + b) < a))
ARITH(paddusw, v_u16, (a + b) | (v_u16)((a + b) < a))
ARITH(psubusb, v_u8, (a - b) & (v_u8)(a > b))
ARITH(psubusw, v_u16, (a - b) & (v_u16)(a > b))

#define PABS(name, T, U)                                                                                             \
	INLINE void do_##name(union x86_vec *dst, const union x86_vec *src)                                          \
	{                                                                                                            \
		U b = CAS(U, src), neg = (U)((T)b < 0);                                                               \
		AS(U, dst) = (b ^ neg) - neg;                                                                        \
	}                                                                                                            \
	SSE_OP(name)
PABS(pabsb, v_i8, v_u8)
PABS(pabsw, v_i16, v_u16)
PABS(pabsd, v_i32, v_u32)

#define PSIGN(name, T, U)                                                                                            \
	INLINE void do_##name(union x86_vec *dst, const union x86_vec *src)                                          \
	{                                                                                                            \
		U a = AS(U, dst), b = CAS(U, src), neg = (U)((T)b < 0);                                               \
		AS(U, dst) = ((a ^ neg) - neg) & (U)(b != 0);                                                        \
	}                                                                                                            \
	SSE_OP(name)
PSIGN(psignb, v_i8, v_u8)
PSIGN(psignw, v_i16, v_u16)
PSIGN(psignd, v_i32, v_u32)

/* ---- multiplication --------------------------------------------------------------------------------------------- */

/* Element-wise too: d->w and not VW will do. */
HOSTED(pmulhw, _mm_mulhi_epi16(a, b),
       EACH(8) d->w[k] = (u16)(((i32)(i16)a->w[k] * (i16)b->w[k]) >> 16);)
SSE_OP(pmulhw)
HOSTED(pmulhuw, _mm_mulhi_epu16(a, b),
       EACH(8) d->w[k] = (u16)(((u32)a->w[k] * b->w[k]) >> 16);)
SSE_OP(pmulhuw)
BODY(pmulhrsw, EACH(8) d->w[k] = (u16)(((((i32)(i16)a->w[k] * (i16)b->w[k]) >> 14) + 1) >> 1);)
SSE_OP(pmulhrsw)
HOSTED(pmuludq, _mm_mul_epu32(a, b),
       EACH(2) d->q[k] = (u64)(u32)a->q[k] * (u32)b->q[k];)
SSE_OP(pmuludq)
BODY(pmuldq, EACH(2) d->q[k] = (u64)((i64)(i32)a->q[k] * (i32)b->q[k]);)
SSE_OP(pmuldq)
/* The one overflow, 4 * 0x8000 squared, wraps. */
HOSTED(pmaddwd, _mm_madd_epi16(a, b),
       EACH(4) VD(d, k) = (u32)((i32)(i16)VW(a, 2 * k) * (i16)VW(b, 2 * k)) +
			  (u32)((i32)(i16)VW(a, 2 * k + 1) * (i16)VW(b, 2 * k + 1));)
SSE_OP(pmaddwd)

INLINE u16 saturate16(i32 v)
{
	return (u16)(v > 32767 ? 32767 : v < -32768 ? -32768 : v);
}
BODY(pmaddubsw, EACH(8) VW(d, k) = saturate16(VB(a, 2 * k) * (i8)VB(b, 2 * k) +
					      VB(a, 2 * k + 1) * (i8)VB(b, 2 * k + 1));)
SSE_OP(pmaddubsw)

/* ---- horizontal ------------------------------------------------------------------------------------------------- */

/* Pairs of a give the low half of the result, pairs of b the high half. */
#define PAIRS(name, n, V, type, expr)                                                                                \
	BODY(name, EACH(n) {                                                                                         \
		const union x86_vec *s = k < n / 2 ? a : b;                                                           \
		type p = (type)V(s, 2 * k % n), q = (type)V(s, 2 * k % n + 1);                                         \
		V(d, k) = expr;                                                                                      \
	})                                                                                                           \
	SSE_OP(name)
PAIRS(phaddw, 8, VW, u16, (u16)(p + q))
PAIRS(phsubw, 8, VW, u16, (u16)(p - q))
PAIRS(phaddsw, 8, VW, i16, saturate16(p + q))
PAIRS(phsubsw, 8, VW, i16, saturate16(p - q))
PAIRS(phaddd, 4, VD, u32, p + q)
PAIRS(phsubd, 4, VD, u32, p - q)

INLINE u32 byte_distance(u8 a, u8 b)
{
	return a > b ? a - b : b - a;
}
HOSTED(psadbw, _mm_sad_epu8(a, b), EACH(2) {
	u64 sum = 0;
	for (u32 n = 0; n < 8; n++)
		sum += byte_distance(a->b[8 * k + n], b->b[8 * k + n]);
	d->q[k] = sum;
})
SSE_OP(psadbw)

/* imm8 bits 1:0 choose four bytes of b, bit 2 where the run of a starts. */
BODY_IMM(mpsadbw, EACH(8) {
	u32 sum = 0;
	for (u32 n = 0; n < 4; n++)
		sum += byte_distance(VB(a, (imm & 4) + k + n), VB(b, 4 * (imm & 3) + n));
	VW(d, k) = (u16)sum;
})
SSE_OP_IMM_UPPER(mpsadbw, imm >> 3)

BODY(phminposuw, {
	u32 best = 0;
	EACH(8)
		if (VW(b, k) < VW(b, best))
			best = k;
	d->q[0] = VW(b, best) | (u64)best << 16;
	d->q[1] = 0;
})
SSE_OP(phminposuw)

/* PTEST: ZF = no bit common to both, CF = no bit of the source outside the destination. */
INLINE void ptest_flags(struct x86 *c, const union x86_vec *a, const union x86_vec *b)
{
	u32 zf = (a->q[0] & b->q[0]) | (a->q[1] & b->q[1]) ? 0 : FL_ZF;
	u32 cf = (~a->q[0] & b->q[0]) | (~a->q[1] & b->q[1]) ? 0 : FL_CF;

	flags_set_all(c, zf | cf);
}
static HANDLER(op_ptest_rr)
{
	ptest_flags(c, DST, SRC);
	NEXT;
}
static HANDLER(op_ptest_rm)
{
	union x86_vec s;

	LOAD128A(s, EA(c, i));
	ptest_flags(c, DST, &s);
	NEXT;
}
EMIT_FORMS(ptest, op_ptest_rr, op_ptest_rm, op_ptest_rm)

/* ---- shifts ----------------------------------------------------------------------------------------------------- */

/* By the low 64 bits of the source or by an immediate; a count past the element's size gives zero or the sign. */
#define SHIFT(name, T, bits, expr, beyond)                                                                           \
	INLINE void shift_##name(union x86_vec *dst, u64 n)                                                          \
	{                                                                                                            \
		T a = AS(T, dst);                                                                                     \
		AS(T, dst) = LIKELY(n < bits) ? (expr) : (beyond);                                                   \
	}                                                                                                            \
	INLINE void do_##name(union x86_vec *dst, const union x86_vec *src)                                          \
	{                                                                                                            \
		shift_##name(dst, src->q[0]);                                                                        \
	}                                                                                                            \
	SSE_RR(name)                                                                                                 \
	SSE_RM(name)                                                                                                 \
	static HANDLER(op_##name##_imm)                                                                              \
	{                                                                                                            \
		shift_##name(DST, i->aux);                                                                           \
		NEXT;                                                                                                \
	}                                                                                                            \
	VEX_FN(name)                                                                                                 \
	{                                                                                                            \
		union x86_vec *d = VEX_D, lo = vec_half(VEX_A, 0), hi = vec_half(VEX_A, VEX_L);                      \
		u64 n = b->q[0];                                                                                     \
		shift_##name(&lo, n);                                                                                \
		shift_##name(&hi, n);                                                                                \
		d->q[0] = lo.q[0];                                                                                   \
		d->q[1] = lo.q[1];                                                                                   \
		d->q[2] = VEX_L ? hi.q[0] : 0;                                                                       \
		d->q[3] = VEX_L ? hi.q[1] : 0;                                                                       \
		return true;                                                                                         \
	}                                                                                                            \
	INLINE void lane_##name##_imm(union x86_vec *d, const union x86_vec *s, u8 n)                                \
	{                                                                                                            \
		vec_set(d, s->q[0], s->q[1]);                                                                        \
		shift_##name(d, n);                                                                                  \
	}                                                                                                            \
	VEX_IMM_LANES(name##_imm, lane_##name##_imm)                                                                 \
	EMITTER(v##name)                                                                                             \
	{                                                                                                            \
		return dec->opcode < 0x80 ? vex_emit_to_vvvv(x, dec, v_##name##_imm) :                               \
					  vex_emit_pure(x, dec, v_##name, 16, 16);                           \
	}                                                                                                            \
	EMITTER(name)                                                                                                \
	{                                                                                                            \
		return dec->opcode < 0x80 ? shift_emit(x, dec, op_##name##_imm) :                                    \
					  sse_emit_pure(x, dec, op_##name##_rr, op_##name##_rm, op_##name##_rm);          \
	}

static bool shift_emit(struct xlat *x, const struct xi *dec, insn_fn fn)
{
	struct insn *r = emit(x, dec, fn);

	r->dst = dec->rm;
	r->aux = (u8)dec->imm;
	xlat_pure(x);
	return true;
}

SHIFT(psrlw, v_u16, 16, a >> (int)n, (v_u16){ 0 })
SHIFT(psrld, v_u32, 32, a >> (int)n, (v_u32){ 0 })
SHIFT(psrlq, v_u64, 64, a >> (int)n, (v_u64){ 0 })
SHIFT(psllw, v_u16, 16, a << (int)n, (v_u16){ 0 })
SHIFT(pslld, v_u32, 32, a << (int)n, (v_u32){ 0 })
SHIFT(psllq, v_u64, 64, a << (int)n, (v_u64){ 0 })
SHIFT(psraw, v_i16, 16, a >> (int)n, a >> 15)
SHIFT(psrad, v_i32, 32, a >> (int)n, a >> 31)

/* The whole register by bytes. */
INLINE void do_psrldq(union x86_vec *v, u32 bytes)
{
	u32 n = bytes * 8;

	if (n >= 64) {
		v->q[0] = n >= 128 ? 0 : v->q[1] >> (n - 64);
		v->q[1] = 0;
	} else if (n) {
		v->q[0] = v->q[0] >> n | v->q[1] << (64 - n);
		v->q[1] >>= n;
	}
}
INLINE void do_pslldq(union x86_vec *v, u32 bytes)
{
	u32 n = bytes * 8;

	if (n >= 64) {
		v->q[1] = n >= 128 ? 0 : v->q[0] << (n - 64);
		v->q[0] = 0;
	} else if (n) {
		v->q[1] = v->q[1] << n | v->q[0] >> (64 - n);
		v->q[0] <<= n;
	}
}
#define SHIFT_BYTES(name)                                                                                            \
	static HANDLER(op_##name)                                                                                    \
	{                                                                                                            \
		do_##name(DST, i->aux);                                                                              \
		NEXT;                                                                                                \
	}                                                                                                            \
	INLINE void lane_##name(union x86_vec *d, const union x86_vec *s, u8 n)                                      \
	{                                                                                                            \
		vec_set(d, s->q[0], s->q[1]);                                                                        \
		do_##name(d, n);                                                                                     \
	}                                                                                                            \
	VEX_IMM_LANES(name, lane_##name)                                                                             \
	EMITTER(name)                                                                                                \
	{                                                                                                            \
		return shift_emit(x, dec, op_##name);                                                                \
	}                                                                                                            \
	EMITTER(v##name)                                                                                             \
	{                                                                                                            \
		return vex_emit_to_vvvv(x, dec, v_##name);                                                           \
	}
SHIFT_BYTES(psrldq)
SHIFT_BYTES(pslldq)
