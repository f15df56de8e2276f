/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SSE floating-point comparison: CMPxx to masks, COMISx and UCOMISx to flags. SDM 1 10.4.3, 11.4.1.3.
 */
#include "cpu/x86/sse.h"

/* ---- to flags --------------------------------------------------------------------------------------------------- */

static NOINLINE bool order_flags(struct x86 *c, enum fp_order o, struct fp_env *e)
{
	static const u32 flags[4] = { FL_CF, FL_ZF, 0, FL_ZF | FL_PF | FL_CF };

	if (!sse_settle(c, e))
		return false;
	flags_set_all(c, flags[(int)o + 1]);
	return true;
}

/* The source of the exact way is in c->tmp[0]. */
#define COMPARE(name, t, bits, V, fn)                                                                                \
	static NOINLINE bool soft_##name(struct x86 *c, const struct insn *i)                                        \
	{                                                                                                            \
		struct fp_env e = fp_env_mxcsr(c->s.fpu.mxcsr);                                                      \
		return order_flags(c, fn(V(DST, 0), (t)c->tmp[0], &e), &e);                                          \
	}                                                                                                            \
	INLINE bool quick_##name(struct x86 *c, t a, t b)                                                            \
	{                                                                                                            \
		u32 less, equal;                                                                                     \
		if (UNLIKELY(!HOST_FP || !(t##_number(a) & t##_number(b))))                                          \
			return false;                                                                                \
		less = t##_host(a) < t##_host(b);                                                                    \
		equal = t##_host(a) == t##_host(b);                                                                  \
		flags_set_all(c, less * FL_CF | equal * FL_ZF);                                                      \
		return true;                                                                                         \
	}                                                                                                            \
	static NOINLINE HANDLER(op_##name##_rr_whole)                                                                \
	{                                                                                                            \
		c->tmp[0] = V(SRC, 0);                                                                               \
		SOFT(name);                                                                                          \
	}                                                                                                            \
	static NOINLINE HANDLER(op_##name##_rm)                                                                      \
	{                                                                                                            \
		t b;                                                                                                 \
		LOAD##bits(b, EA(c, i));                                                                             \
		c->tmp[0] = b;                                                                                       \
		SOFT(name);                                                                                          \
	}                                                                                                            \
	static HANDLER(op_##name##_rr)                                                                               \
	{                                                                                                            \
		if (LIKELY(quick_##name(c, V(DST, 0), V(SRC, 0))))                                                   \
			NEXT;                                                                                        \
		HAND_OVER(op_##name##_rr_whole);                                                                     \
	}                                                                                                            \
	static HANDLER(op_##name##_rf)                                                                               \
	{                                                                                                            \
		t b;                                                                                                 \
		FAST(EA(c, i), rd, bits / 8, op_##name##_rm, b = ld##bits(FAST_HOST));                               \
		if (LIKELY(quick_##name(c, V(DST, 0), b)))                                                           \
			NEXT;                                                                                        \
		HAND_OVER(op_##name##_rm);                                                                           \
	}                                                                                                            \
	EMIT_FORMS(name, op_##name##_rr, op_##name##_rf, op_##name##_rf)
COMPARE(ucomiss, f32, 32, VD, f32_compare_quiet)
COMPARE(ucomisd, f64, 64, VQ, f64_compare_quiet)
COMPARE(comiss, f32, 32, VD, f32_compare)
COMPARE(comisd, f64, 64, VQ, f64_compare)

/* ---- to masks --------------------------------------------------------------------------------------------------- */

/* The predicates of two numbers: 0 EQ, 1 LT, 2 LE, 3 UNORD, 4-7 their opposites. */
#define HOLDS(t, p, a, b)                                                                                            \
	((((p) & 3) == 0 ? t##_host(a) == t##_host(b) :                                                              \
	  ((p) & 3) == 1 ? t##_host(a) < t##_host(b) :                                                               \
	  ((p) & 3) == 2 ? t##_host(a) <= t##_host(b) :                                                              \
			   false) != ((p) >> 2))

#define COMPARE_MASK(name, t, V, n)                                                                                  \
	static NOINLINE bool soft_##name(struct x86 *c, const struct insn *i)                                        \
	{                                                                                                            \
		struct fp_env e = fp_env_mxcsr(c->s.fpu.mxcsr);                                                      \
		union x86_vec *d = DST;                                                                              \
		t r[n];                                                                                              \
		EACH(n)                                                                                              \
			r[k] = t##_cmp(V(d, k), V(TMP, k), i->aux, &e) ? (t)~(t)0 : 0;                               \
		if (!sse_settle(c, &e))                                                                              \
			return false;                                                                                \
		EACH(n)                                                                                              \
			V(d, k) = r[k];                                                                              \
		return true;                                                                                         \
	}                                                                                                            \
	INLINE bool quick_##name(const struct insn *i, union x86_vec *d, const union x86_vec *s)                     \
	{                                                                                                            \
		u32 good = HOST_FP;                                                                                 \
		EACH(n)                                                                                              \
			good &= t##_number(V(d, k)) & t##_number(V(s, k));                                           \
		if (UNLIKELY(!good))                                                                                 \
			return false;                                                                                \
		EACH(n)                                                                                              \
			V(d, k) = HOLDS(t, i->aux, V(d, k), V(s, k)) ? (t)~(t)0 : 0;                                 \
		return true;                                                                                         \
	}                                                                                                            \
	static HANDLER(op_##name##_rr)                                                                               \
	{                                                                                                            \
		if (LIKELY(quick_##name(i, DST, SRC)))                                                               \
			NEXT;                                                                                        \
		TMP->q[0] = SRC->q[0];                                                                               \
		TMP->q[1] = SRC->q[1];                                                                               \
		SOFT(name);                                                                                          \
	}
#define COMPARE_PACKED(name, t, V, n)                                                                                \
	COMPARE_MASK(name, t, V, n)                                                                                  \
	static HANDLER(op_##name##_rm)                                                                               \
	{                                                                                                            \
		union x86_vec s;                                                                                     \
		LOAD128A(s, EA(c, i));                                                                               \
		if (LIKELY(quick_##name(i, DST, &s)))                                                                \
			NEXT;                                                                                        \
		TMP->q[0] = s.q[0];                                                                                  \
		TMP->q[1] = s.q[1];                                                                                  \
		SOFT(name);                                                                                          \
	}                                                                                                            \
	EMIT_COMPARE(name)
#define COMPARE_SCALAR(name, t, bits, V)                                                                             \
	COMPARE_MASK(name, t, V, 1)                                                                                  \
	static HANDLER(op_##name##_rm)                                                                               \
	{                                                                                                            \
		union x86_vec s;                                                                                     \
		t b;                                                                                                 \
		LOAD##bits(b, EA(c, i));                                                                             \
		s.q[0] = b;                                                                                          \
		s.q[1] = 0;                                                                                          \
		if (LIKELY(quick_##name(i, DST, &s)))                                                                \
			NEXT;                                                                                        \
		c->tmp[0] = b;                                                                                       \
		SOFT(name);                                                                                          \
	}                                                                                                            \
	EMIT_COMPARE(name)
/* Legacy SSE looks at three bits of the predicate. */
#define EMIT_COMPARE(name)                                                                                           \
	EMITTER(name)                                                                                                \
	{                                                                                                            \
		struct insn *r = emit(x, dec, dec->mem ? op_##name##_rm : op_##name##_rr);                           \
		r->dst = dec->reg;                                                                                   \
		r->src = dec->rm;                                                                                    \
		r->aux = dec->imm & 7;                                                                               \
		return true;                                                                                         \
	}
COMPARE_SCALAR(cmpss, f32, 32, VD)
COMPARE_SCALAR(cmpsd, f64, 64, VQ)
COMPARE_PACKED(cmpps, f32, VD, 4)
COMPARE_PACKED(cmppd, f64, VQ, 2)
