/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Privileged instructions where they are not allowed: the machine may emulate them (x86_ops.priv), else they raise #GP(0).
 */
#ifndef CPU_X86_PRIV_H
#define CPU_X86_PRIV_H

#include "cpu/x86/insn.h"

/* Asks the machine. -1: done, the value in c->tmp[0]; else the vector to raise. */
int priv_ask(struct x86 *c, const struct insn *i, enum x86_priv what, u32 reg, u64 v);

#define ASK(what, reg, v)                                                                                            \
	do {                                                                                                         \
		int rc_ = priv_ask(c, i, what, reg, v);                                                                   \
		if (rc_ >= 0)                                                                                        \
			RAISE((u8)rc_, 0);                                                                           \
	} while (0)
/* ... for an answer in v. */
#define ASK_FOR(what, reg, v)                                                                                        \
	do {                                                                                                         \
		ASK(what, reg, 0);                                                                                   \
		(v) = c->tmp[0];                                                                                     \
	} while (0)

INLINE bool cpl0(const struct x86 *c)
{
	return c->s.cpl == 0;
}

#endif
