/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * FMA: fused multiply and add. SDM 1 14.5. The three digits of a name say which operands are multiplied and which is
 * added: 1 the destination, 2 vvvv, 3 the last source.
 */
#include "cpu/x86/sse.h"

#define FMA_PACKED(name, T, V, per, x, y, z, negate)                                                                 \
	VEX_FN(name)                                                                                                 \
	{                                                                                                            \
		struct fp_env e = fp_env_mxcsr(c->s.fpu.mxcsr);                                                      \
		const union x86_vec *o1 = VEX_D, *o2 = VEX_A, *o3 = b;                                               \
		union x86_vec r = { .q = { 0 } };                                                                    \
		u32 n = VEX_L ? 2 * per : per;                                                                       \
		EACH(n) V(&r, k) = T##_muladd(V(x, k), V(y, k), V(z, k), negate, &e);                                \
		if (!sse_settle(c, &e))                                                                              \
			return false;                                                                                \
		*VEX_D = r;                                                                                          \
		return true;                                                                                         \
	}                                                                                                            \
	EMIT_VEX(name, 16, 32)
#define FMA_SCALAR(name, T, V, bytes, x, y, z, negate)                                                               \
	VEX_FN(name)                                                                                                 \
	{                                                                                                            \
		struct fp_env e = fp_env_mxcsr(c->s.fpu.mxcsr);                                                      \
		const union x86_vec *o1 = VEX_D, *o2 = VEX_A, *o3 = b;                                               \
		union x86_vec r = vec_half(VEX_D, 0);                                                                \
		V(&r, 0) = T##_muladd(V(x, 0), V(y, 0), V(z, 0), negate, &e);                                        \
		if (!sse_settle(c, &e))                                                                              \
			return false;                                                                                \
		*VEX_D = r;                                                                                          \
		return true;                                                                                         \
	}                                                                                                            \
	EMIT_VEX(name, bytes, bytes)

#define PRECISIONS(name, x, y, z, negate)                                                                            \
	FMA_PACKED(name##ps, f32, VD, 4, x, y, z, negate)                                                            \
	FMA_PACKED(name##pd, f64, VQ, 2, x, y, z, negate)
#define ALL_FOUR(name, x, y, z, negate)                                                                              \
	PRECISIONS(name, x, y, z, negate)                                                                            \
	FMA_SCALAR(name##ss, f32, VD, 4, x, y, z, negate)                                                            \
	FMA_SCALAR(name##sd, f64, VQ, 8, x, y, z, negate)
/* The order of the factors decides which NaN is the result. SDM 1 table 14-17. */
#define ORDERS(FORMS, name, negate)                                                                                  \
	FORMS(name##132, o1, o3, o2, negate)                                                                         \
	FORMS(name##213, o2, o1, o3, negate)                                                                         \
	FORMS(name##231, o2, o3, o1, negate)
ORDERS(ALL_FOUR, fmadd, 0)
ORDERS(ALL_FOUR, fnmadd, 1)
ORDERS(ALL_FOUR, fmsub, 2)
ORDERS(ALL_FOUR, fnmsub, 3)
/* Subtract and add in turn, from the lowest element; and the other way round. */
ORDERS(PRECISIONS, fmaddsub, k & 1 ? 0 : 2)
ORDERS(PRECISIONS, fmsubadd, k & 1 ? 2 : 0)
