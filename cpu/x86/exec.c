/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The execution loop: runs blocks one after another, and hands what ended each to the machine.
 */
#include "cpu/x86/block.h"
#include "cpu/x86/seg.h"

static void note_branch(struct x86 *c, u64 from, u8 vector)
{
	u32 i = c->nbranch % CPU_BRANCHES;

	/* The machine emulated the instruction, and the code went on behind it: no branch. */
	if (c->rip - from <= 15)
		return;
	c->branch_from[i] = from;
	c->branch_to[i] = c->rip;
	c->branch_at[i] = x86_icount(c);
	c->branch_vector[i] = vector;
	c->nbranch++;
}

static void run_block(struct x86 *c, const struct block *b)
{
	const struct insn *i = b->rec;

	c->in_block = true;
	c->cpu.budget -= b->ninsns;
	c->r[REG_PAGE] = PAGE_BASE(c->rip);
#if TAIL_CALLS
	i->fn(c, i);
#else
	while (i)
		i = i->fn(c, i);
#endif
	c->in_block = false;
}

static bool at_boundary(struct x86 *c)
{
	return (!c->ops->boundary || c->ops->boundary(c)) && !c->cpu.stop;
}

/* Delivers c->trap through the guest's tables or by the machine. False: the CPU stops. */
static bool deliver(struct x86 *c)
{
	u64 from = c->trap.rip;
	struct x86_trap t = c->trap;
	bool on;

	/* A fault retires nothing, but is counted, so that a handler that faults for ever comes to the end of its slot. */
	if (!t.soft)
		c->cpu.budget--;
	on = c->native ? x86_interrupt(c, &t) : c->ops->trap && c->ops->trap(c, &c->trap);
	note_branch(c, from, t.vector);
	return on && at_boundary(c);
}

/*
 * One turn of the loop runs a block with all that it is linked to, or delivers what is due instead. Its parts return RUN_ON,
 * or the enum cpu_exit with which the run ends.
 */
enum { RUN_ON = -1 };

/* An exception that code raised, in c->trap. */
static int trapped(struct x86 *c)
{
	c->link_from = NULL; /* what follows is not where that link leads */
	if (deliver(c))
		return RUN_ON;
	return c->sys.blocked & BLOCK_SHUTDOWN || (!c->native && !c->ops->trap) ? CPU_SHUTDOWN : CPU_STOPPED;
}

static int vmcall(struct x86 *c)
{
	if (c->ops->vmcall(c))
		return RUN_ON;
	c->rip -= 3;
	c->cpu.budget++;
	c->trap = (struct x86_trap){ .vector = X86_UD, .rip = c->rip };
	return trapped(c);
}

/* What the block that ended asks for (c->exit). */
static int attend_exit(struct x86 *c)
{
	switch ((enum block_exit)c->exit) {
	case BX_NONE:
	case BX_LOOKUP:
		return RUN_ON;
	case BX_TRAP:
		return trapped(c);
	case BX_EXACT:
		c->link_from = NULL;
		c->exact_next = true;
		return RUN_ON;
	case BX_SYSCALL:
		return c->ops->syscall(c) && at_boundary(c) ? RUN_ON : CPU_STOPPED;
	case BX_SYSENTER:
		return c->ops->sysenter(c) && at_boundary(c) ? RUN_ON : CPU_STOPPED;
	case BX_VMCALL:
		return vmcall(c);
	case BX_HALT:
		return c->native ? RUN_ON : CPU_HALTED; /* x86_attend() halts: something pending may wake it at once */
	case BX_YIELD:
		return CPU_YIELD;
	case BX_STOP:
		break;
	}
	return CPU_STOPPED;
}

/* The block at c->rip, ready to run. NULL: c->trap. */
INLINE struct block *ready_block(struct x86 *c, u64 limit)
{
	struct block *b = block_next(c, limit);

	if (UNLIKELY(!b)) {
		c->exact_next = false;
		return NULL;
	}
	if (tracing(c) && c->log_exec)
		c->log_exec(c);
	c->exit = BX_NONE;
	return b;
}

/* Runs on from c->rip until a block ends with something to attend to. */
static int run_on(struct x86 *c)
{
	struct block *b = ready_block(c, (u64)c->cpu.budget);

	if (UNLIKELY(!b))
		return trapped(c);
	run_block(c, b);
	return attend_exit(c);
}

/* Runs the instruction at c->rip and no further, whatever its block is linked to. The block; NULL: c->trap. */
static const struct block *run_exact(struct x86 *c)
{
	struct block *b = ready_block(c, 1);
	u64 rest = (u64)c->cpu.budget - 1;

	if (UNLIKELY(!b))
		return NULL;
	c->cpu.slice -= rest;
	c->cpu.budget = 1;
	c->exact_now = true;
	run_block(c, b);
	c->exact_now = c->exact_next = false;
	c->cpu.slice += rest;
	c->cpu.budget += (i64)rest;
	return b;
}

/* Whether run_exact()'s instruction is done and no concern of the machine: then a single-step trap may follow it. */
static bool plainly_done(const struct x86 *c)
{
	return c->exit == BX_NONE || c->exit == BX_LOOKUP || c->exit == BX_YIELD || (c->exit == BX_HALT && c->native);
}

/* One instruction alone, of a CPU with tables of its own. */
static int exact_native(struct x86 *c)
{
	bool tf = c->eflags & FL_TF;
	u64 from = c->rip;
	const struct block *b = run_exact(c);
	int why;

	if (UNLIKELY(!b))
		return trapped(c);
	why = attend_exit(c);
	if (plainly_done(c)) {
		c->link_from = NULL;
		x86_stepped(c, from, (u32)b->bytes + b->tail_len, tf);
	}
	return why;
}

/* ... of one whose machine delivers. held: a load of SS kept the machine out before this instruction. */
static int exact_hosted(struct x86 *c, bool held)
{
	bool tf = c->eflags & FL_TF, on;
	int why;

	if (UNLIKELY(!run_exact(c)))
		return trapped(c);
	why = attend_exit(c);
	if (!plainly_done(c))
		return why;
	c->link_from = NULL;
	debug_note(c, DR6_BS * tf);
	on = c->trap.dr6 ? deliver(c) : !held || at_boundary(c);
	return on || why != RUN_ON ? why : CPU_STOPPED;
}

static int turn_native(struct x86 *c)
{
	if (!(c->mode_key & KEY_CS64))
		c->rip = (u32)c->rip;
	switch (x86_attend(c)) {
	case ATT_RUN:
		break;
	case ATT_EXACT:
		return exact_native(c);
	case ATT_AGAIN:
		c->link_from = NULL;
		return at_boundary(c) ? RUN_ON : CPU_STOPPED;
	case ATT_HALT:
		return CPU_HALTED;
	case ATT_SHUTDOWN:
		return CPU_SHUTDOWN;
	}
	return run_on(c);
}

/* A turn where something waits for the instruction at c->rip alone: single steps, breakpoints, devices, SS. */
static int turn_exact(struct x86 *c)
{
	bool held = false;

	if (c->exact_next || c->breakpoints_armed) {
		if (debug_due(c)) {
			c->link_from = NULL;
			return deliver(c) ? RUN_ON : CPU_STOPPED;
		}
		held = c->s.shadow;
		c->s.shadow = 0;
		c->eflags &= ~(u32)FL_RF;
	}
	return exact_hosted(c, held);
}

enum cpu_exit x86_run(struct x86 *c, u64 n)
{
	int why = RUN_ON;

	c->cpu.slice = n;
	c->cpu.budget = (i64)n;
	c->cpu.stop = false;
	c->link_from = NULL;
	/* SS was loaded last: nothing gets in before the next instruction. */
	if ((c->native || !c->s.shadow) && !at_boundary(c))
		why = CPU_STOPPED;
	while (why == RUN_ON) {
		if (UNLIKELY(c->cpu.stop))
			why = CPU_STOPPED;
		else if (UNLIKELY(c->cpu.budget <= 0))
			why = CPU_BUDGET;
		else if (c->native)
			why = turn_native(c);
		else if (UNLIKELY(c->exact_next || c->breakpoints_armed || (c->eflags & FL_TF)))
			why = turn_exact(c);
		else
			why = run_on(c);
	}
	c->cpu.retired += c->cpu.slice - (u64)c->cpu.budget;
	c->cpu.slice = 0;
	c->cpu.budget = 0;
	return (enum cpu_exit)why;
}

void x86_limit(struct x86 *c, u64 left)
{
	if (c->cpu.budget > (i64)left) {
		c->cpu.slice -= (u64)c->cpu.budget - left;
		c->cpu.budget = (i64)left;
	}
}

u64 x86_icount(const struct x86 *c)
{
	return c->cpu.retired + c->cpu.slice - (u64)c->cpu.budget - (c->cur ? c->cur->n : 0);
}

u32 x86_fetch_bytes(struct x86 *c, u64 va, u8 out[15])
{
	u32 n;

	for (n = 0; n < 15; n++)
		if (mmu_debug_read(&c->mmu, va + n, out + n, 1))
			break;
	return n;
}
