/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MMX registers: each is the significand of a physical x87 register (SDM 1 9.2).
 */
#ifndef CPU_X86_MMX_H
#define CPU_X86_MMX_H

#include "cpu/x86/x87.h"

#define MM(n) c->s.fpu.st[n].mant

/* From here on the instruction cannot fail. */
INLINE void mmx_enter(struct x86 *c)
{
	c->s.fpu.top = 0;
	c->s.fpu.tag = 0xff;
}

INLINE void mmx_set(struct x86 *c, unsigned n, u64 v)
{
	c->s.fpu.st[n].mant = v;
	c->s.fpu.st[n].se = 0xffff;
}

/* A record for two registers, or a register and memory. NULL: CR0.EM or CR0.TS made it a trap. */
struct insn *mmx_emit(struct xlat *x, const struct xi *dec, insn_fn fn);

#endif
