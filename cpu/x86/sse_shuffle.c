/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shuffles, unpacks, packs, blends and widening moves of XMM registers, SSE to SSE4.1. SDM 1 10.4.4, 11.4.2, 12.10.
 */
#include "cpu/x86/sse.h"

#if HOST_SSE2
#include <tmmintrin.h>
#endif

/* ---- unpack: elements of the low or high halves take turns ------------------------------------------------------ */

#define UNPACK(name, fast, n, V, from)                                                                               \
	HOSTED(name, fast, EACH(n / 2) {                                                                             \
		V(d, 2 * k) = V(a, k + from);                                                                        \
		V(d, 2 * k + 1) = V(b, k + from);                                                                    \
	})                                                                                                           \
	SSE_OP(name)
UNPACK(punpcklbw, _mm_unpacklo_epi8(a, b), 16, VB, 0)
UNPACK(punpckhbw, _mm_unpackhi_epi8(a, b), 16, VB, 8)
UNPACK(punpcklwd, _mm_unpacklo_epi16(a, b), 8, VW, 0)
UNPACK(punpckhwd, _mm_unpackhi_epi16(a, b), 8, VW, 4)
UNPACK(punpckldq, _mm_unpacklo_epi32(a, b), 4, VD, 0)
UNPACK(punpckhdq, _mm_unpackhi_epi32(a, b), 4, VD, 2)
UNPACK(punpcklqdq, _mm_unpacklo_epi64(a, b), 2, VQ, 0)
UNPACK(punpckhqdq, _mm_unpackhi_epi64(a, b), 2, VQ, 1)
UNPACK(unpcklps, _mm_unpacklo_epi32(a, b), 4, VD, 0)
UNPACK(unpckhps, _mm_unpackhi_epi32(a, b), 4, VD, 2)
UNPACK(unpcklpd, _mm_unpacklo_epi64(a, b), 2, VQ, 0)
UNPACK(unpckhpd, _mm_unpackhi_epi64(a, b), 2, VQ, 1)

/* ---- pack: halve the elements, with saturation; a gives the low half -------------------------------------------- */

INLINE i32 clamp(i32 v, i32 lo, i32 hi)
{
	return v < lo ? lo : v > hi ? hi : v;
}
#define PACK(name, fast, n, VTO, to, VFROM, from, lo, hi)                                                            \
	HOSTED(name, fast, EACH(n / 2) {                                                                             \
		VTO(d, k) = (to)clamp((from)VFROM(a, k), lo, hi);                                                    \
		VTO(d, k + n / 2) = (to)clamp((from)VFROM(b, k), lo, hi);                                            \
	})                                                                                                           \
	SSE_OP(name)
PACK(packsswb, _mm_packs_epi16(a, b), 16, VB, u8, VW, i16, -128, 127)
PACK(packuswb, _mm_packus_epi16(a, b), 16, VB, u8, VW, i16, 0, 255)
PACK(packssdw, _mm_packs_epi32(a, b), 8, VW, u16, VD, i32, -32768, 32767)
BODY(packusdw, EACH(4) {
	VW(d, k) = (u16)clamp((i32)VD(a, k), 0, 65535);
	VW(d, k + 4) = (u16)clamp((i32)VD(b, k), 0, 65535);
})
SSE_OP(packusdw)

/* ---- shuffle ---------------------------------------------------------------------------------------------------- */

/* Results are put together before they are written: a register written by elements is slow to read as a whole. */
INLINE u64 two(u32 lo, u32 hi)
{
	return lo | (u64)hi << 32;
}
INLINE u64 four(const union x86_vec *v, u32 from, u8 imm)
{
	return VW(v, from + (imm & 3)) | (u32)VW(v, from + (imm >> 2 & 3)) << 16 |
	       (u64)VW(v, from + (imm >> 4 & 3)) << 32 | (u64)VW(v, from + (imm >> 6)) << 48;
}
#define SHUFFLE(name, lo, hi) SHUFFLE_UPPER(name, imm, lo, hi)
#define SHUFFLE_UPPER(name, upper, lo, hi)                                                                           \
	INLINE void do_##name(union x86_vec *a, const union x86_vec *b, u8 imm)                                      \
	{                                                                                                            \
		u64 lo_ = lo, hi_ = hi;                                                                              \
		vec_set(a, lo_, hi_);                                                                                \
	}                                                                                                            \
	SSE_OP_IMM_UPPER(name, upper)
SHUFFLE(pshufd, two(VD(b, imm & 3), VD(b, imm >> 2 & 3)), two(VD(b, imm >> 4 & 3), VD(b, imm >> 6)))
SHUFFLE(pshuflw, four(b, 0, imm), b->q[1])
SHUFFLE(pshufhw, b->q[0], four(b, 4, imm))
SHUFFLE(shufps, two(VD(a, imm & 3), VD(a, imm >> 2 & 3)), two(VD(b, imm >> 4 & 3), VD(b, imm >> 6)))
SHUFFLE_UPPER(shufpd, imm >> 2, a->q[imm & 1], b->q[imm >> 1 & 1])

BODY(pshufb, EACH(16) VB(d, k) = VB(b, k) & 0x80 ? 0 : VB(a, VB(b, k) & 15);)
SSE_RR(pshufb)
SSE_RM(pshufb)
VEX_OF(pshufb)
#if HOST_SSE2
/* For hosts that have the instruction. */
static __attribute__((target("ssse3"))) HANDLER(op_pshufb_ssse3_rr)
{
	__m128i *d = (__m128i *)(void *)DST;

	_mm_storeu_si128(d, _mm_shuffle_epi8(_mm_loadu_si128(d), _mm_loadu_si128((const __m128i *)(void *)SRC)));
	NEXT;
}
static __attribute__((target("ssse3"))) HANDLER(op_pshufb_ssse3_rf)
{
	__m128i *d = (__m128i *)(void *)DST, s;

	FAST_ALIGNED(EA(c, i), rd, op_pshufb_rm, s = _mm_loadu_si128((const __m128i *)(void *)FAST_HOST));
	_mm_storeu_si128(d, _mm_shuffle_epi8(_mm_loadu_si128(d), s));
	NEXT;
}
EMITTER(pshufb)
{
	if (__builtin_cpu_supports("ssse3"))
		return sse_emit_pure(x, dec, op_pshufb_ssse3_rr, op_pshufb_ssse3_rf, op_pshufb_ssse3_rf);
	return sse_emit_pure(x, dec, op_pshufb_rr, op_pshufb_rm, op_pshufb_rm);
}
#else
EMIT_PURE(pshufb, op_pshufb_rr, op_pshufb_rm, op_pshufb_rm)
#endif

/* 16 of the 32 bytes a:b, from byte imm on; zeros above. */
BODY_IMM(palignr, {
	const u64 q[6] = { b->q[0], b->q[1], a->q[0], a->q[1], 0, 0 };
	u32 w = imm / 8, n = imm % 8 * 8;

	if (imm >= 32) {
		d->q[0] = d->q[1] = 0;
	} else if (n) {
		vec_set(d, q[w] >> n | q[w + 1] << (64 - n), q[w + 1] >> n | q[w + 2] << (64 - n));
	} else {
		d->q[0] = q[w];
		d->q[1] = q[w + 1];
	}
})
SSE_OP_IMM(palignr)

BODY(movddup, vec_set(d, b->q[0], b->q[0]);)
SSE_OP_PART(movddup, 64)
BODY(movsldup, EACH(4) VD(d, k) = VD(b, k & 2);)
SSE_OP(movsldup)
BODY(movshdup, EACH(4) VD(d, k) = VD(b, k | 1);)
SSE_OP(movshdup)

/* ---- blend ------------------------------------------------------------------------------------------------------ */

BODY_IMM(blendps, EACH(4) if (imm >> k & 1) VD(d, k) = VD(b, k);)
SSE_OP_IMM_UPPER(blendps, imm >> 4)
BODY_IMM(blendpd, EACH(2) if (imm >> k & 1) VQ(d, k) = VQ(b, k);)
SSE_OP_IMM_UPPER(blendpd, imm >> 2)
BODY_IMM(pblendw, EACH(8) if (imm >> k & 1) VW(d, k) = VW(b, k);)
SSE_OP_IMM(pblendw)

/* By the sign bits of XMM0, which may be the destination too. */
#define BLENDV(name, T, S)                                                                                           \
	static HANDLER(op_##name##_rr)                                                                               \
	{                                                                                                            \
		T m = (T)(CAS(S, &c->s.vec[0]) < 0), a = AS(T, DST), b = AS(T, SRC);                                  \
		AS(T, DST) = PICK(m, b, a);                                                                          \
		NEXT;                                                                                                \
	}                                                                                                            \
	static HANDLER(op_##name##_rm)                                                                               \
	{                                                                                                            \
		union x86_vec s;                                                                                     \
		T m, a;                                                                                              \
		LOAD128A(s, EA(c, i));                                                                               \
		m = (T)(CAS(S, &c->s.vec[0]) < 0);                                                                   \
		a = AS(T, DST);                                                                                      \
		AS(T, DST) = PICK(m, CAS(T, &s), a);                                                                 \
		NEXT;                                                                                                \
	}                                                                                                            \
	EMIT_FORMS(name, op_##name##_rr, op_##name##_rm, op_##name##_rm)
BLENDV(pblendvb, v_u8, v_i8)
BLENDV(blendvps, v_u32, v_i32)
BLENDV(blendvpd, v_u64, v_i64)

/* INSERTPS: a memory source is always its element 0. */
INLINE void insert_ps(union x86_vec *d, u32 v, u8 imm)
{
	VD(d, imm >> 4 & 3) = v;
	EACH(4)
		if (imm >> k & 1)
			VD(d, k) = 0;
}
static HANDLER(op_insertps_rr)
{
	insert_ps(DST, VD(SRC, i->aux >> 6), i->aux);
	NEXT;
}
static HANDLER(op_insertps_rm)
{
	u32 v;

	LOAD32(v, EA(c, i));
	insert_ps(DST, v, i->aux);
	NEXT;
}
EMIT_FORMS(insertps, op_insertps_rr, op_insertps_rm, op_insertps_rm)

/* ---- widening --------------------------------------------------------------------------------------------------- */

#define WIDEN(name, n, VTO, to, VFROM, from, bits)                                                                   \
	BODY(name, EACH(n) VTO(d, k) = (to)(from)VFROM(b, k);)                                                       \
	SSE_OP_PART(name, bits)
WIDEN(pmovsxbw, 8, VW, u16, VB, i8, 64)
WIDEN(pmovsxbd, 4, VD, u32, VB, i8, 32)
WIDEN(pmovsxbq, 2, VQ, u64, VB, i8, 16)
WIDEN(pmovsxwd, 4, VD, u32, VW, i16, 64)
WIDEN(pmovsxwq, 2, VQ, u64, VW, i16, 32)
WIDEN(pmovsxdq, 2, VQ, u64, VD, i32, 64)
WIDEN(pmovzxbw, 8, VW, u16, VB, u8, 64)
WIDEN(pmovzxbd, 4, VD, u32, VB, u8, 32)
WIDEN(pmovzxbq, 2, VQ, u64, VB, u8, 16)
WIDEN(pmovzxwd, 4, VD, u32, VW, u16, 64)
WIDEN(pmovzxwq, 2, VQ, u64, VW, u16, 32)
WIDEN(pmovzxdq, 2, VQ, u64, VD, u32, 64)
