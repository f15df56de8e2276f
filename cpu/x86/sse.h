/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Templates for the handlers and emitters of SSE instructions: vector types, operand forms, MXCSR. SDM 1 chapters 10-12.
 * The bodies are do_<name>(destination, source[, imm8]) over union x86_vec; legacy SSE leaves q[2] and q[3] alone. The
 * templates for them make the VEX-encoded forms too.
 */
#ifndef CPU_X86_SSE_H
#define CPU_X86_SSE_H

#include <float.h>

#include "cpu/fp.h"
#include "cpu/x86/avx.h"
#include "cpu/x86/decode.h"
#include "cpu/x86/flags.h"
#include "cpu/x86/opcodes.h"
#include "cpu/x86/xlat.h"

/* -DSSE_PORTABLE leaves out what needs an x86 host, to test the rest on one. */
#if defined(__SSE2__) && !defined(SSE_PORTABLE)
#include <emmintrin.h>
#define HOST_SSE2 1
#else
#define HOST_SSE2 0
#endif

/*
 * The compiler's own vectors, for element-wise work only: on a big-endian host the elements within a 64-bit word stand
 * in reverse, which such work does not notice.
 */
#define SSE_TYPE(name, elem) typedef elem name __attribute__((vector_size(16), aligned(8), may_alias))
SSE_TYPE(v_u8, u8);
SSE_TYPE(v_u16, u16);
SSE_TYPE(v_u32, u32);
SSE_TYPE(v_u64, u64);
SSE_TYPE(v_i8, i8);
SSE_TYPE(v_i16, i16);
SSE_TYPE(v_i32, i32);
SSE_TYPE(v_i64, i64);
SSE_TYPE(v_f32, float);
SSE_TYPE(v_f64, double);
#define AS(T, p) (*(T *)(void *)(p))
#define CAS(T, p) (*(const T *)(const void *)(p))
/* Chooses by element: m is all ones or zeros. */
#define PICK(m, a, b) (((m) & (a)) | (~(m) & (b)))

/* A loop over elements. */
#define EACH(n) for (u32 k = 0; k < (n); k++)

/* An element-wise body: a and b are vectors of type T, the value of expr is the result. */
#define ELEM(name, T, expr)                                                                                          \
	INLINE void do_##name(union x86_vec *dst, const union x86_vec *src)                                          \
	{                                                                                                            \
		T a = AS(T, dst), b = CAS(T, src);                                                                    \
		AS(T, dst) = (T)(expr);                                                                              \
	}

/* A portable body: a and b are copies of the operands, d the destination, still holding a. */
#define BODY(name, ...)                                                                                              \
	INLINE void do_##name(union x86_vec *d, const union x86_vec *src)                                            \
	{                                                                                                            \
		const union x86_vec a_ = { .q = { d->q[0], d->q[1] } }, b_ = { .q = { src->q[0], src->q[1] } };       \
		const union x86_vec *a UNUSED = &a_, *b UNUSED = &b_;                                                \
		__VA_ARGS__                                                                                           \
	}
#define BODY_IMM(name, ...)                                                                                          \
	INLINE void do_##name(union x86_vec *d, const union x86_vec *src, u8 imm)                                    \
	{                                                                                                            \
		const union x86_vec a_ = { .q = { d->q[0], d->q[1] } }, b_ = { .q = { src->q[0], src->q[1] } };       \
		const union x86_vec *a UNUSED = &a_, *b UNUSED = &b_;                                                \
		__VA_ARGS__                                                                                           \
	}

/* A portable body and what an x86 host has for it: fast is an expression over __m128i a and b. */
#if HOST_SSE2
#define HOSTED(name, fast, ...)                                                                                      \
	INLINE void do_##name(union x86_vec *d, const union x86_vec *src)                                            \
	{                                                                                                            \
		__m128i a = _mm_loadu_si128((const __m128i *)(const void *)d);                                       \
		__m128i b = _mm_loadu_si128((const __m128i *)(const void *)src);                                     \
		_mm_storeu_si128((__m128i *)(void *)d, fast);                                                        \
	}
#else
#define HOSTED(name, fast, ...) BODY(name, __VA_ARGS__)
#endif

/* ---- operand forms ---------------------------------------------------------------------------------------------- */

/* A memory operand of 16 bytes that must be aligned. SDM 3A 6.15, #GP. */
#define LOAD128A(vec, address)                                                                                       \
	do {                                                                                                         \
		u64 al_ = (address);                                                                                 \
		if (UNLIKELY(al_ & 15))                                                                              \
			RAISE(X86_GP, 0);                                                                            \
		LOAD128(vec, al_);                                                                                   \
	} while (0)
#define STORE128A(address, vec)                                                                                      \
	do {                                                                                                         \
		u64 al_ = (address);                                                                                 \
		if (UNLIKELY(al_ & 15))                                                                              \
			RAISE(X86_GP, 0);                                                                            \
		STORE128(al_, vec);                                                                                  \
	} while (0)

#define DST (&c->s.vec[i->dst])
#define SRC (&c->s.vec[i->src])
/* Where a handler leaves its source for the slow way of the same instruction. */
#define TMP ((union x86_vec *)(void *)c->tmp)

/*
 * A frequent instruction with a memory operand has three handlers: _rm does all there is to do; _rs and _rf (plain and
 * any address) only what is done without a call, and otherwise hand over to _rm before anything happened. So they need
 * no stack frame.
 */
#define HAND_OVER(whole)                                                                                             \
	do {                                                                                                         \
		MUSTTAIL return whole(c, i);                                                                         \
	} while (0)
#define FAST(address, access, size, whole, use)                                                                      \
	do {                                                                                                         \
		u64 fa_ = (address);                                                                                 \
		struct tlb_entry *fe_ = tlb_slot(&c->mmu, fa_);                                                      \
		if (UNLIKELY(fe_->access != tlb_tag(&c->mmu, fa_, size)))                                            \
			HAND_OVER(whole);                                                                            \
		use;                                                                                                 \
	} while (0)
#define FAST_ALIGNED(address, access, whole, use)                                                                    \
	do {                                                                                                         \
		u64 fa_ = (address);                                                                                 \
		struct tlb_entry *fe_ = tlb_slot(&c->mmu, fa_);                                                      \
		if (UNLIKELY((fa_ & 15) | (fe_->access ^ tlb_tag(&c->mmu, fa_, 16))))                                \
			HAND_OVER(whole);                                                                            \
		use;                                                                                                 \
	} while (0)
#define FAST_HOST tlb_host(fe_, fa_)

/* 16 bytes in one piece where that is possible: halves written apart are slow to read together. */
typedef u64 v_bytes __attribute__((vector_size(16), aligned(1), may_alias));
INLINE void vec_load(union x86_vec *v, const u8 *p)
{
#if HOST_BIG_ENDIAN
	v->q[0] = ld64(p);
	v->q[1] = ld64(p + 8);
#else
	AS(v_u64, v) = CAS(v_bytes, p);
#endif
}
INLINE void vec_store(u8 *p, const union x86_vec *v)
{
#if HOST_BIG_ENDIAN
	st64(p, v->q[0]);
	st64(p + 8, v->q[1]);
#else
	AS(v_bytes, p) = CAS(v_u64, v);
#endif
}
INLINE void vec_set(union x86_vec *v, u64 lo, u64 hi)
{
	AS(v_u64, v) = (v_u64){ lo, hi };
}

INLINE bool sse_emit(struct xlat *x, const struct xi *dec, insn_fn rr, insn_fn rm, insn_fn rs)
{
	struct insn *r = emit(x, dec, !dec->mem ? rr : xi_simple(dec) ? rs : rm);

	r->dst = dec->reg;
	r->src = dec->rm;
	r->aux = (u8)dec->imm;
	return true;
}
/* The same for what neither faults in its register form nor looks at flags. */
INLINE bool sse_emit_pure(struct xlat *x, const struct xi *dec, insn_fn rr, insn_fn rm, insn_fn rs)
{
	sse_emit(x, dec, rr, rm, rs);
	if (!dec->mem)
		xlat_pure(x);
	return true;
}
#define EMITTER(name) bool x86_emit_##name(struct xlat *x, const struct xi *dec)
#define EMIT_FORMS(name, rr, rm, rs)                                                                                 \
	EMITTER(name)                                                                                                \
	{                                                                                                            \
		return sse_emit(x, dec, rr, rm, rs);                                                                 \
	}
#define EMIT_PURE(name, rr, rm, rs)                                                                                  \
	EMITTER(name)                                                                                                \
	{                                                                                                            \
		return sse_emit_pure(x, dec, rr, rm, rs);                                                            \
	}

/* xmm, xmm/m128 */
#define SSE_RR(name)                                                                                                 \
	static HANDLER(op_##name##_rr)                                                                               \
	{                                                                                                            \
		do_##name(DST, SRC);                                                                                 \
		NEXT;                                                                                                \
	}
#define SSE_RM(name)                                                                                                 \
	static NOINLINE HANDLER(op_##name##_rm)                                                                      \
	{                                                                                                            \
		union x86_vec s;                                                                                     \
		LOAD128A(s, EA(c, i));                                                                               \
		do_##name(DST, &s);                                                                                  \
		NEXT;                                                                                                \
	}
#define SSE_FAST(name, form, ea)                                                                                     \
	static HANDLER(op_##name##_##form)                                                                           \
	{                                                                                                            \
		union x86_vec s;                                                                                     \
		FAST_ALIGNED(ea, rd, op_##name##_rm, vec_load(&s, FAST_HOST));                                       \
		do_##name(DST, &s);                                                                                  \
		NEXT;                                                                                                \
	}
#define SSE_OP(name)                                                                                                 \
	SSE_RR(name)                                                                                                 \
	SSE_RM(name)                                                                                                 \
	VEX_OF(name)                                                                                                 \
	EMIT_PURE(name, op_##name##_rr, op_##name##_rm, op_##name##_rm)
/* ... a frequent one */
#define SSE_HOT(name)                                                                                                \
	SSE_RR(name)                                                                                                 \
	SSE_RM(name)                                                                                                 \
	SSE_FAST(name, rf, EA(c, i))                                                                                 \
	SSE_FAST(name, rs, ea_simple(c, i))                                                                          \
	VEX_OF(name)                                                                                                 \
	EMIT_PURE(name, op_##name##_rr, op_##name##_rf, op_##name##_rs)
/* xmm, xmm/m128, imm8; upper: what of imm the upper half of a YMM register sees */
#define SSE_OP_IMM(name) SSE_OP_IMM_UPPER(name, imm)
#define SSE_OP_IMM_UPPER(name, upper)                                                                                \
	VEX_OF_IMM(name, upper)                                                                                      \
	static HANDLER(op_##name##_rr)                                                                               \
	{                                                                                                            \
		do_##name(DST, SRC, i->aux);                                                                         \
		NEXT;                                                                                                \
	}                                                                                                            \
	static HANDLER(op_##name##_rm)                                                                               \
	{                                                                                                            \
		union x86_vec s;                                                                                     \
		LOAD128A(s, EA(c, i));                                                                               \
		do_##name(DST, &s, i->aux);                                                                          \
		NEXT;                                                                                                \
	}                                                                                                            \
	EMIT_PURE(name, op_##name##_rr, op_##name##_rm, op_##name##_rm)
/* xmm, xmm/m16, m32 or m64, at any alignment; the body sees a source whose other bits are zero when in memory */
#define SSE_OP_PART(name, bits)                                                                                      \
	SSE_RR(name)                                                                                                 \
	static HANDLER(op_##name##_rm)                                                                               \
	{                                                                                                            \
		u##bits v;                                                                                           \
		union x86_vec s;                                                                                     \
		LOAD##bits(v, EA(c, i));                                                                             \
		s.q[0] = v;                                                                                          \
		s.q[1] = 0;                                                                                          \
		do_##name(DST, &s);                                                                                  \
		NEXT;                                                                                                \
	}                                                                                                            \
	EMIT_PURE(name, op_##name##_rr, op_##name##_rm, op_##name##_rm)

/* The most significant bit of each byte. */
INLINE u32 sse_byte_mask(const union x86_vec *v)
{
#if HOST_SSE2
	return (u32)_mm_movemask_epi8(_mm_loadu_si128((const __m128i *)(const void *)v));
#else
	u64 lo = (v->q[0] >> 7 & 0x0101010101010101ull) * 0x0102040810204080ull >> 56;
	u64 hi = (v->q[1] >> 7 & 0x0101010101010101ull) * 0x0102040810204080ull >> 56;

	return (u32)(lo | hi << 8);
#endif
}

/* ---- floating point --------------------------------------------------------------------------------------------- */

/* The host's float and double are binary32 and binary64, rounded after each operation. */
#if defined(FLT_EVAL_METHOD) && FLT_EVAL_METHOD == 0 && FLT_RADIX == 2 && DBL_MANT_DIG == 53 &&                        \
	!defined(__FAST_MATH__) && !defined(SSE_SOFT_FLOAT)
#define HOST_FP 1
#else
#define HOST_FP 0
#endif
/* 32-bit ARM's vector unit flushes denormals. */
#if HOST_FP && !defined(__arm__)
#define HOST_FP_VEC 1
#else
#define HOST_FP_VEC 0
#endif

/*
 * True when an inexact result has nothing to report and is rounded as the host does: FTZ and DAZ off, to nearest, PE
 * masked and already set. Other exceptions must be ruled out from the operands and the result.
 */
INLINE bool sse_quick(const struct x86 *c)
{
	return HOST_FP && (c->s.fpu.mxcsr & 0xf060) == 0x1020;
}

/* Ends an instruction that met an unmasked exception. SDM 3A 6.15, #XM. */
INLINE const struct insn *sse_fault(struct x86 *c, const struct insn *i)
{
	return raise_trap(c, i, c->s.cr4 & CR4_OSXMMEXCPT ? X86_XM : X86_UD, 0);
}

/* Before the destination is written: merges e's flags into MXCSR. False: an unmasked exception is due. */
INLINE bool sse_settle(struct x86 *c, struct fp_env *e)
{
	u8 unmasked = fp_settle(e);

	c->s.fpu.mxcsr |= e->flags;
	return !unmasked;
}

/*
 * Ends a handler by the exact way. That is a function of its own because a handler whose locals had their address taken
 * could not go on by a tail call.
 */
#define SOFT(name)                                                                                                   \
	do {                                                                                                         \
		if (UNLIKELY(!soft_##name(c, i)))                                                                    \
			return sse_fault(c, i);                                                                      \
		NEXT;                                                                                                \
	} while (0)

INLINE double f64_host(f64 a)
{
	double v;
	memcpy(&v, &a, sizeof v);
	return v;
}
INLINE f64 f64_bits(double v)
{
	f64 a;
	memcpy(&a, &v, sizeof a);
	return a;
}
INLINE float f32_host(f32 a)
{
	float v;
	memcpy(&v, &a, sizeof v);
	return v;
}
INLINE f32 f32_bits(float v)
{
	f32 a;
	memcpy(&a, &v, sizeof a);
	return a;
}

/* Not a denormal. */
INLINE u32 f64_no_denormal(f64 a)
{
	return (a << 1) - 1 >= 0x001fffffffffffffull;
}
INLINE u32 f32_no_denormal(f32 a)
{
	return (u32)(a << 1) - 1 >= 0x00ffffffu;
}
/* Zero or normal: neither denormal nor infinite nor NaN. */
INLINE u32 f64_plain(f64 a)
{
	return (a << 1) - 0x0020000000000000ull < 0xffc0000000000000ull || !(a << 1);
}
INLINE u32 f32_plain(f32 a)
{
	return (u32)(a << 1) - 0x01000000u < 0xfe000000u || !(u32)(a << 1);
}
/* Neither denormal nor NaN. */
INLINE u32 f64_number(f64 a)
{
	return (a << 1) - 0x0020000000000000ull <= 0xffc0000000000000ull || !(a << 1);
}
INLINE u32 f32_number(f32 a)
{
	return (u32)(a << 1) - 0x01000000u <= 0xfe000000u || !(u32)(a << 1);
}
/* Finite, and so far above the denormals that it cannot have been tiny before it was rounded. */
INLINE u32 f64_inside(f64 a)
{
	return (a << 1) - 0x0040000000000000ull < 0xffa0000000000000ull;
}
INLINE u32 f32_inside(f32 a)
{
	return (u32)(a << 1) - 0x02000000u < 0xfd000000u;
}

#endif
