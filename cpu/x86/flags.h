/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Arithmetic flags, which are computed only when they are read (SDM 1 3.4.3.1 and appendix A).
 *
 * A flag-writing handler stores its result, its second operand and a kind. FLAGS_* kinds come in four operand sizes:
 * kind + log2(size). FLAGS_EXPLICIT holds the six flags themselves in cc_src.
 */
#ifndef CPU_X86_FLAGS_H
#define CPU_X86_FLAGS_H

#include "cpu/x86/x86.h"

enum cc_kind {
	CC_EXPLICIT = 0, /* cc_src: FL_ARITH bits */
	CC_ADD = 4,      /* dst = a + b,     src = b */
	CC_ADC = 8,      /* dst = a + b + 1 (carry was set), src = b */
	CC_SUB = 12,     /* dst = a - b,     src = b */
	CC_SBB = 16,     /* dst = a - b - 1 (carry was set), src = b */
	CC_LOGIC = 20,   /* dst; CF = OF = AF = 0 */
	CC_INC = 24,     /* dst; src = old CF (0 or 1) */
	CC_DEC = 28,
	CC_SHL = 32,     /* dst; src = value before the last one-bit shift */
	CC_SHR = 36,     /* dst; src = value before the last one-bit shift (also for SAR) */
	CC_MUL = 40      /* dst = low half; src != 0: CF = OF = 1 */
};

/* The flags are those of result r and second operand s, of bits 8 << lg; c is the CPU. */
#define CC_SET(kind, lg, r, s)                                                                                       \
	do {                                                                                                         \
		c->cc_op = (kind) + (lg);                                                                            \
		c->cc_dst = (r);                                                                                     \
		c->cc_src = (s);                                                                                     \
	} while (0)

/* All six flags of the pending result. */
u32 flags_eval(const struct x86 *c);

/* Sets the six arithmetic flags from FL_* bits of fl. */
INLINE void flags_set_all(struct x86 *c, u32 fl)
{
	c->cc_op = CC_EXPLICIT;
	c->cc_src = fl & FL_ARITH;
}

INLINE u32 cc_bits(u32 op)
{
	return 8u << (op & 3);
}

INLINE u64 cc_mask(u32 op)
{
	return ~0ULL >> (64 - cc_bits(op));
}

bool flag_cf_slow(const struct x86 *c) NOINLINE;
INLINE bool flag_cf(const struct x86 *c)
{
	u32 kind = c->cc_op & ~3u;
	u64 m;

	if (kind == CC_LOGIC)
		return false;
	if (kind == CC_SUB) {
		m = cc_mask(c->cc_op);
		return ((c->cc_dst + c->cc_src) & m) < (c->cc_src & m);
	}
	return flag_cf_slow(c);
}

INLINE bool flag_zf(const struct x86 *c)
{
	if (UNLIKELY(c->cc_op == CC_EXPLICIT))
		return c->cc_src & FL_ZF;
	return !(c->cc_dst & cc_mask(c->cc_op));
}

INLINE bool flag_sf(const struct x86 *c)
{
	if (UNLIKELY(c->cc_op == CC_EXPLICIT))
		return c->cc_src & FL_SF;
	return c->cc_dst >> (cc_bits(c->cc_op) - 1) & 1;
}

bool flag_of(const struct x86 *c) NOINLINE;

INLINE bool flag_pf(const struct x86 *c)
{
	if (c->cc_op == CC_EXPLICIT)
		return c->cc_src & FL_PF;
	return !__builtin_parity((u32)(c->cc_dst & 0xff));
}

/* Condition cc (the low four bits of Jcc, SETcc, CMOVcc), SDM 1 appendix B. */
bool flags_cond_slow(const struct x86 *c, u32 cc) NOINLINE;
INLINE bool flags_cond(const struct x86 *c, u32 cc)
{
	bool v;

	switch (cc >> 1) {
	case 1:
		v = flag_cf(c);
		break;
	case 2:
		v = flag_zf(c);
		break;
	case 3:
		v = flag_cf(c) || flag_zf(c);
		break;
	case 4:
		v = flag_sf(c);
		break;
	default:
		v = flags_cond_slow(c, cc);
	}
	return v ^ (cc & 1);
}

#endif
