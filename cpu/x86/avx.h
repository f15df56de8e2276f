/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How VEX-encoded vector instructions are executed: generic handlers fetch the last source (a register or 1 to 32 bytes
 * of memory, at any alignment) and call the instruction's function. SDM 1 chapter 14, SDM 2A 2.3-2.4. The bodies of the
 * SSE instructions serve here too, once for each 128 bits.
 */
#ifndef CPU_X86_AVX_H
#define CPU_X86_AVX_H

#include "cpu/x86/insn.h"
#include "cpu/x86/xlat.h"

/*
 * An instruction's function: b is the last source. It writes all 256 bits of the destination. Returns false when an
 * unmasked floating-point exception is due. It is no handler, so it may have locals of any kind.
 */
typedef bool (*vex_fn)(struct x86 *c, const struct insn *i, const union x86_vec *b);

/* In a record: dst is the destination and VEX.L, src the last source's number and vvvv, aux imm8, imm the function. */
#define VEX_D (&c->s.vec[i->dst & 15])
#define VEX_A (&c->s.vec[i->src >> 4])
#define VEX_B (&c->s.vec[i->src & 15])
#define VEX_L (i->dst >> 4)
#define VEX_FN(name) static NOINLINE bool v_##name(struct x86 *c, const struct insn *i, const union x86_vec *b)

/* Bytes the memory operand takes with VEX.L clear and set. The register form neither faults nor looks at flags: pure. */
bool vex_emit(struct xlat *x, const struct xi *dec, vex_fn fn, u32 bytes, u32 bytes256);
bool vex_emit_pure(struct xlat *x, const struct xi *dec, vex_fn fn, u32 bytes, u32 bytes256);
/* Four or eight halves of 16 bits, which may lie anywhere in memory. */
bool vex_emit_halves(struct xlat *x, const struct xi *dec, vex_fn fn);
/* A shift by imm8: from rm to vvvv. */
bool vex_emit_to_vvvv(struct xlat *x, const struct xi *dec, vex_fn fn);
/* A record that clears bits 255:128 of register n, after one of the legacy instruction did the work. */
bool vex_clear_upper(struct xlat *x, const struct xi *dec, u32 n);

#define EMIT_VEX(name, bytes, bytes256)                                                                              \
	EMITTER(v##name)                                                                                             \
	{                                                                                                            \
		return vex_emit(x, dec, v_##name, bytes, bytes256);                                                  \
	}
#define EMIT_VEX_PURE(name, bytes, bytes256)                                                                         \
	EMITTER(v##name)                                                                                             \
	{                                                                                                            \
		return vex_emit_pure(x, dec, v_##name, bytes, bytes256);                                             \
	}

INLINE union x86_vec vec_half(const union x86_vec *v, u32 half)
{
	union x86_vec r = { .q = { v->q[2 * half], v->q[2 * half + 1] } };

	return r;
}

/* The function made of a body for 128 bits: body(destination that holds a, source, half). */
#define VEX_LANES(name, body)                                                                                        \
	VEX_FN(name)                                                                                                 \
	{                                                                                                            \
		union x86_vec *dst = VEX_D;                                                                          \
		union x86_vec lo = vec_half(VEX_A, 0), s = vec_half(b, 0), hi = { .q = { 0 } };                      \
		body(&lo, &s, 0);                                                                                    \
		if (VEX_L) {                                                                                         \
			hi = vec_half(VEX_A, 1);                                                                     \
			s = vec_half(b, 1);                                                                          \
			body(&hi, &s, 1);                                                                            \
		}                                                                                                    \
		dst->q[0] = lo.q[0];                                                                                 \
		dst->q[1] = lo.q[1];                                                                                 \
		dst->q[2] = hi.q[0];                                                                                 \
		dst->q[3] = hi.q[1];                                                                                 \
		return true;                                                                                         \
	}

/* The VEX forms of an SSE instruction with the body do_<name>. */
#define VEX_OF(name)                                                                                                 \
	INLINE void lane_##name(union x86_vec *d, const union x86_vec *s, u32 half)                                  \
	{                                                                                                            \
		do_##name(d, s);                                                                                     \
	}                                                                                                            \
	VEX_LANES(name, lane_##name)                                                                                 \
	EMIT_VEX_PURE(name, 16, 32)
/* ... with an immediate, of which the upper half sees upper */
#define VEX_OF_IMM(name, upper)                                                                                      \
	VEX_IMM_LANES_UPPER(name, do_##name, upper)                                                                  \
	EMIT_VEX_PURE(name, 16, 32)
#define VEX_IMM_LANES(name, body) VEX_IMM_LANES_UPPER(name, body, imm)
#define VEX_IMM_LANES_UPPER(name, body, upper)                                                                       \
	VEX_FN(name)                                                                                                 \
	{                                                                                                            \
		union x86_vec *dst = VEX_D;                                                                          \
		union x86_vec lo = vec_half(VEX_A, 0), s = vec_half(b, 0), hi = { .q = { 0 } };                      \
		u8 imm = i->aux;                                                                                     \
		body(&lo, &s, imm);                                                                                  \
		if (VEX_L) {                                                                                         \
			hi = vec_half(VEX_A, 1);                                                                     \
			s = vec_half(b, 1);                                                                          \
			body(&hi, &s, (u8)(upper));                                                                  \
		}                                                                                                    \
		dst->q[0] = lo.q[0];                                                                                 \
		dst->q[1] = lo.q[1];                                                                                 \
		dst->q[2] = hi.q[0];                                                                                 \
		dst->q[3] = hi.q[1];                                                                                 \
		return true;                                                                                         \
	}

#endif
