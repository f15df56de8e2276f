/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Compares and tests that are fused with the Jcc behind them. They compute the condition from their operands, and keep these for
 * the flags as well.
 */
#ifndef CPU_X86_FUSE_H
#define CPU_X86_FUSE_H

#include "cpu/x86/block.h"
#include "cpu/x86/flags.h"

/* Conditions cc (all but overflow and parity) of a compare of a with b, and of a result r of logic: T is its type, I that with a sign. */
#define COND_SUB(T, I, cc)                                                                                           \
	((cc) == 2 ? a < b : (cc) == 3 ? a >= b : (cc) == 4 ? a == b : (cc) == 5 ? a != b : (cc) == 6 ? a <= b :     \
	 (cc) == 7 ? a > b : (cc) == 8 ? (I)(T)(a - b) < 0 : (cc) == 9 ? (I)(T)(a - b) >= 0 :                        \
	 (cc) == 12 ? (I)a < (I)b : (cc) == 13 ? (I)a >= (I)b : (cc) == 14 ? (I)a <= (I)b : (I)a > (I)b)
#define COND_LOGIC(T, I, cc)                                                                                         \
	((cc) == 2 ? false : (cc) == 3 ? true : (cc) == 4 || (cc) == 6 ? r == 0 : (cc) == 5 || (cc) == 7 ? r != 0 :  \
	 (cc) == 8 || (cc) == 12 ? (I)r < 0 : (cc) == 9 || (cc) == 13 ? (I)r >= 0 : (cc) == 14 ? (I)r <= 0 : (I)r > 0)

/* The ends of handlers; the Jcc is the record behind i. */
#define FUSED_CMP(bits, lg, cc, a_, b_)                                                                              \
	u##bits a = (a_), b = (b_);                                                                                  \
	CC_SET(CC_SUB, lg, (u##bits)(a - b), b);                                                                     \
	BRANCH(i + 1, COND_SUB(u##bits, i##bits, cc));
#define FUSED_TEST(bits, lg, cc, a_, b_)                                                                             \
	u##bits r = (a_) & (b_);                                                                                     \
	c->cc_op = CC_LOGIC + (lg);                                                                                  \
	c->cc_dst = r;                                                                                               \
	BRANCH(i + 1, COND_LOGIC(u##bits, i##bits, cc));

#endif
