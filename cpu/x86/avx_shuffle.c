/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * AVX and AVX2 permutes, blends, widening moves and shifts by element, beyond what has an SSE body. SDM 2.
 */
#include "cpu/x86/sse.h"

/* n elements of type V over the whole vector (of the 256-bit form; half as many else), each given by an expression in k. */
#define ELEMENTS(name, V, n, expr)                                                                                   \
	VEX_FN(name)                                                                                                 \
	{                                                                                                            \
		const union x86_vec *a UNUSED = VEX_A;                                                               \
		u32 count = VEX_L ? n : n / 2;                                                                       \
		union x86_vec r = { .q = { 0 } };                                                                    \
		EACH(count) V(&r, k) = (expr);                                                                       \
		*VEX_D = r;                                                                                          \
		return true;                                                                                         \
	}
#define PERMUTE(name, V, n, expr)                                                                                    \
	ELEMENTS(name, V, n, expr)                                                                                   \
	EMIT_VEX_PURE(name, 16, 32)

/* ---- permutes --------------------------------------------------------------------------------------------------------- */

/* Within 128 bits, by the other source or by an immediate. */
ELEMENTS(permil_s, VD, 8, VD(a, (k & 4) | (VD(b, k) & 3)))
ELEMENTS(permil_d, VQ, 4, VQ(a, (k & 2) | (VQ(b, k) >> 1 & 1)))
ELEMENTS(permil_s_imm, VD, 8, VD(b, (k & 4) | (i->aux >> 2 * (k & 3) & 3)))
ELEMENTS(permil_d_imm, VQ, 4, VQ(b, (k & 2) | (i->aux >> k & 1)))
EMITTER(vpermilps)
{
	return vex_emit_pure(x, dec, dec->opcode == 0x0c ? v_permil_s : v_permil_s_imm, 16, 32);
}
EMITTER(vpermilpd)
{
	return vex_emit_pure(x, dec, dec->opcode == 0x0d ? v_permil_d : v_permil_d_imm, 16, 32);
}

PERMUTE(permd, VD, 8, VD(b, VD(a, k) & 7))
PERMUTE(permps, VD, 8, VD(b, VD(a, k) & 7))
PERMUTE(permq, VQ, 4, VQ(b, i->aux >> 2 * k & 3))
PERMUTE(permpd, VQ, 4, VQ(b, i->aux >> 2 * k & 3))

/* A half of either source, or zero. */
INLINE u64 half_word(const union x86_vec *a, const union x86_vec *b, u32 imm, u32 word)
{
	return imm & 8 ? 0 : VQ(imm & 2 ? b : a, 2 * (imm & 1) + word);
}
PERMUTE(perm2f128, VQ, 4, half_word(a, b, i->aux >> 4 * (k >> 1), k & 1))
PERMUTE(perm2i128, VQ, 4, half_word(a, b, i->aux >> 4 * (k >> 1), k & 1))

/* ---- blends ----------------------------------------------------------------------------------------------------------- */

PERMUTE(pblendd, VD, 8, VD(i->aux >> k & 1 ? b : a, k))

/* By the signs of the register in imm8 bits 7:4; outside of 64-bit mode there are eight. */
#define IS4 (&c->s.vec[i->aux >> 4])
ELEMENTS(pblendvb, VB, 32, VB(VB(IS4, k) >> 7 ? b : a, k))
ELEMENTS(blendvps, VD, 8, VD(VD(IS4, k) >> 31 ? b : a, k))
ELEMENTS(blendvpd, VQ, 4, VQ(VQ(IS4, k) >> 63 ? b : a, k))
#define BLEND(name)                                                                                                  \
	EMITTER(v##name)                                                                                             \
	{                                                                                                            \
		vex_emit_pure(x, dec, v_##name, 16, 32);                                                             \
		if (dec->mode != 8)                                                                                  \
			x->rec[x->nrecs - 1].aux &= 0x7f;                                                            \
		return true;                                                                                         \
	}
BLEND(pblendvb)
BLEND(blendvps)
BLEND(blendvpd)

/* ---- widening --------------------------------------------------------------------------------------------------------- */

#define WIDEN(name, n, VTO, to, VFROM, from, bytes)                                                                  \
	ELEMENTS(name, VTO, n, (to)(from)VFROM(b, k))                                                                \
	EMIT_VEX_PURE(name, bytes, 2 * bytes)
WIDEN(pmovsxbw, 16, VW, u16, VB, i8, 8)
WIDEN(pmovsxbd, 8, VD, u32, VB, i8, 4)
WIDEN(pmovsxbq, 4, VQ, u64, VB, i8, 2)
WIDEN(pmovsxwd, 8, VD, u32, VW, i16, 8)
WIDEN(pmovsxwq, 4, VQ, u64, VW, i16, 4)
WIDEN(pmovsxdq, 4, VQ, u64, VD, i32, 8)
WIDEN(pmovzxbw, 16, VW, u16, VB, u8, 8)
WIDEN(pmovzxbd, 8, VD, u32, VB, u8, 4)
WIDEN(pmovzxbq, 4, VQ, u64, VB, u8, 2)
WIDEN(pmovzxwd, 8, VD, u32, VW, u16, 8)
WIDEN(pmovzxwq, 4, VQ, u64, VW, u16, 4)
WIDEN(pmovzxdq, 4, VQ, u64, VD, u32, 8)

/* ---- shifts by element -------------------------------------------------------------------------------------------------- */

PERMUTE(psllvd, VD, 8, VD(b, k) < 32 ? VD(a, k) << VD(b, k) : 0)
PERMUTE(psllvq, VQ, 4, VQ(b, k) < 64 ? VQ(a, k) << VQ(b, k) : 0)
PERMUTE(psrlvd, VD, 8, VD(b, k) < 32 ? VD(a, k) >> VD(b, k) : 0)
PERMUTE(psrlvq, VQ, 4, VQ(b, k) < 64 ? VQ(a, k) >> VQ(b, k) : 0)
PERMUTE(psravd, VD, 8, (u32)((i32)VD(a, k) >> (VD(b, k) < 32 ? VD(b, k) : 31)))
