/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The stack outside of 64-bit mode: SP or ESP by the stack segment's B flag, SS.base added. SDM 1 6.2.
 */
#ifndef CPU_X86_STACK_H
#define CPU_X86_STACK_H

#include "cpu/x86/insn.h"

INLINE u64 stack_mask(const struct cpu *c)
{
	return c->s.seg[SEG_SS].attr & SEGA_DB ? 0xffffffff : 0xffff;
}

/* Moves the stack pointer by n bytes. */
void adjust_legacy(struct cpu *c, i64 n);
/* Pushes size bytes. False: a fault is noted, nothing has changed. */
bool push_legacy(struct cpu *c, u64 v, u32 size);
/* Reads size bytes at off above the stack pointer. */
bool peek_legacy(struct cpu *c, u32 off, u32 size, u64 *v);
/* Both for any mode: size is 2, 4 or 8. */
bool push_any(struct cpu *c, u64 v, u32 size);
bool pop_any(struct cpu *c, u32 size, u64 *v);

#endif
