/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a handler ends its block early: with an exception of its instruction, or behind it. Which exception a failed access
 * brings is noted in c->trap by access.c and by the helpers of seg.h. SDM 3A chapter 6.
 */
#include "cpu/x86/block.h"

const struct insn *raise_trap(struct x86 *c, const struct insn *i, u8 vector, u32 err)
{
	c->cpu.budget += i->n;
	c->trap = (struct x86_trap){ .vector = vector, .error = err, .rip = IP(c, i) };
	c->trap.has_error = vector == X86_DF || (vector >= X86_TS && vector <= X86_PF) || vector == X86_AC;
	return leave(c, IP(c, i), BX_TRAP);
}

const struct insn *raise_fault(struct x86 *c, const struct insn *i)
{
	struct x86_trap t = c->trap; /* the slow path put vector, error and cr2 here */

	if (UNLIKELY(t.vector == TRAP_DEVICE)) {
		c->cpu.budget += i->n;
		return leave(c, IP(c, i), BX_EXACT);
	}
	/* A non-canonical address is #SS where the stack segment is the default, SDM 1 3.3.7.1. */
	if (t.vector == X86_GP && (c->mode_key & KEY_CS64) && (i->base == RSP || i->base == RBP) && i->seg != REG_FS && i->seg != REG_GS)
		t.vector = X86_SS;
	raise_trap(c, i, t.vector, t.error);
	c->trap.cr2 = t.cr2;
	return NULL;
}

const struct insn *raise_noted(struct x86 *c, const struct insn *i)
{
	u64 cr2 = c->trap.cr2;

	if (UNLIKELY(c->trap.vector == TRAP_DEVICE))
		return raise_fault(c, i);
	raise_trap(c, i, c->trap.vector, c->trap.error);
	c->trap.cr2 = cr2;
	return NULL;
}

const struct insn *raise_misaligned(struct x86 *c, const struct insn *i, u64 ea)
{
	u32 bits = c->paging.mode == MMU_LONG5 ? 56 : 47;

	if (!aligned(c, ea, 4))
		return raise_fault(c, i);
	/* Not canonical comes first; raise_fault() knows whether that is #SS. */
	c->trap.vector = X86_GP;
	c->trap.error = 0;
	if (c->paging.mode >= MMU_LONG4 && (u64)((i64)ea >> bits) + 1 > 1)
		return raise_fault(c, i);
	return raise_trap(c, i, X86_GP, 0);
}

const struct insn *raise_stack_fault(struct x86 *c, const struct insn *i)
{
	if (c->trap.vector == X86_GP)
		c->trap.vector = X86_SS;
	return raise_fault(c, i);
}

const struct insn *leave_after(struct x86 *c, const struct insn *i, enum block_exit why)
{
	c->cpu.budget += i->n - 1;
	return leave(c, NEXT_IP(c, i), why);
}
