/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The execution loop: finding the next block, running it, and handing what ended it to the machine.
 */
#include <string.h>

#include "cpu/x86/block.h"
#include "cpu/x86/loop.h"
#include "cpu/x86/seg.h"

HANDLER(op_stale)
{
	c->budget += i->n;
	return leave(c, IP(c, i), BX_LOOKUP);
}

HANDLER(op_goto)
{
	FOLLOW(i);
}

HANDLER(op_goto_far)
{
	JUMP(c->r[REG_PAGE] + (u64)(i64)i->disp);
}

/* Whether the slot of c->rip has its block, perhaps after its two ways were swapped. */
static bool jump_found(struct cpu *c)
{
	struct code_jump *j = jump_slot(c, c->rip), was = *j;
	u64 tag = jump_tag(c, c->rip);

	if (was.tag == tag)
		return true;
	if (j[JUMP_SIZE].tag != tag)
		return false;
	*j = j[JUMP_SIZE];
	j[JUMP_SIZE] = was;
	return true;
}

HANDLER(jump_second)
{
	if (!jump_found(c))
		return leave(c, c->rip, BX_LOOKUP);
	c->r[REG_PAGE] = PAGE_BASE(c->rip);
	ENTER(jump_slot(c, c->rip)->b);
}

const struct insn *link_slow(struct cpu *c, const struct insn *i)
{
	c->link_from = i;
	c->link_generation = c->code->generation;
	return leave(c, c->r[REG_PAGE] + (u64)(i64)i->disp, BX_LOOKUP);
}

/* ---- the loop -------------------------------------------------------------------------------------------------- */

/* A block of one instruction that runs into the next page is only as good as the bytes that are there now. */
static bool cross_ok(struct cpu *c, const struct block *b)
{
	u64 next = PAGE_BASE(c->rip) + PAGE_SIZE;
	struct tlb_entry *e = tlb_slot(&c->mmu, next);
	struct mmu_fault f;
	u64 mfn;

	if (e->ex != tlb_tag(&c->mmu, next, 1) && mmu_translate(&c->mmu, next, MMU_EXEC, &mfn, &f))
		return false; /* translating it again raises the fault */
	return !memcmp(tlb_host(e, next), b->tail, b->tail_len);
}

/* n bytes of code at rip lie within CS. */
static bool code_limit_ok(const struct cpu *c, u64 rip, u32 n)
{
	const struct x86_seg *s = &c->s.seg[SEG_CS];
	u64 off = (u32)(rip - s->base);

	return off + n - 1 <= s->limit;
}

/* The frame c->rip executes from; NULL: c->trap. */
static struct frame *fetch_frame(struct cpu *c, u64 *mfn)
{
	u64 rip = c->rip;
	struct mmu_fault f;
	u32 slot = (u32)(rip >> PAGE_SHIFT) & (TLB_SIZE - 1);

	if (UNLIKELY((c->mode_key & KEY_SEGCHECK) && !code_limit_ok(c, rip, 1))) {
		c->trap = (struct cpu_trap){ .vector = X86_GP, .has_error = true, .rip = rip };
		return NULL;
	}

	if (c->mmu.tlb[slot].ex == tlb_tag(&c->mmu, rip, 1) && c->mmu.mfn[slot] != ~0ULL) {
		*mfn = c->mmu.mfn[slot];
		return mem_frame(c->mmu.mem, *mfn);
	}
	if (mmu_translate(&c->mmu, rip, MMU_EXEC, mfn, &f)) {
		c->trap = (struct cpu_trap){ .vector = f.kind == MMU_PF ? X86_PF : X86_GP, .has_error = true,
					     .error = f.kind == MMU_PF ? f.code : 0, .cr2 = f.va, .rip = rip };
		return NULL;
	}
	return mem_frame(c->mmu.mem, *mfn);
}

/* The block at c->rip, no longer than limit instructions. NULL: c->trap. */
static struct block *block_get(struct cpu *c, u64 limit)
{
	struct code_jump *j = jump_slot(c, c->rip);
	bool tracing = c->log && log_on(c->log, LOG_EXEC | LOG_CPU);
	struct frame *f;
	struct block *b;
	u64 mfn;

	if (UNLIKELY(c->jumps_stale)) {
		c->jumps_stale = false;
		cpu_wipe_jumps(c);
	}
	if (LIKELY(jump_found(c) && j->b->ninsns <= limit && !j->b->dead))
		return j->b;
	f = fetch_frame(c, &mfn);
	if (!f)
		return NULL;
	if (UNLIKELY(c->singlestep))
		return block_translate(c, f, mfn, 1, false);
	b = code_find(c->code, f, PAGE_OFFSET(c->rip), c->mode_key);
	if (b && b->cross && !cross_ok(c, b))
		return block_translate(c, f, mfn, 1, false);
	if (!b) {
		b = block_translate(c, f, mfn, BLOCK_MAX_INSNS, true);
		if (!b)
			return NULL;
		if (c->log && log_on(c->log, LOG_IN_ASM) && c->log_asm)
			c->log_asm(c, b->off, b->bytes);
	}
	if (b->ninsns > limit)
		return block_translate(c, f, mfn, (u32)limit, false);
	if (!b->cross && !tracing && b->frame->code) {
		if (j->tag != jump_tag(c, c->rip))
			j[JUMP_SIZE] = *j;
		*j = (struct code_jump){ jump_tag(c, c->rip), b };
	}
	return b;
}

/* Makes the link a block asked for, when it is still there and leads into its own page. */
static void make_link(struct cpu *c, struct block *b)
{
	struct insn *from = (struct insn *)(uintptr_t)c->link_from;

	c->link_from = NULL;
	if (c->link_generation != c->code->generation || from->fn == op_stale || b == c->code->scratch || b->cross ||
	    b->dead)
		return;
	if (c->log && log_on(c->log, LOG_EXEC | LOG_CPU))
		return;
	/* Back within the page: a loop, perhaps one that only counts. */
	if (from->fn == op_goto && b->off <= from->ip)
		loop_edge_make(c->code, from, b);
	else
		from->imm = (u64)(uintptr_t)b;
}

static void note_branch(struct cpu *c, u64 from, u8 vector)
{
	u32 i = c->nbranch % CPU_BRANCHES;

	/* The host did the work of the instruction, as of a forced CPUID: the code went on behind it. */
	if (c->rip - from <= 15)
		return;
	c->branch_from[i] = from;
	c->branch_to[i] = c->rip;
	c->branch_at[i] = cpu_icount(c);
	c->branch_vector[i] = vector;
	c->nbranch++;
}

static void run_block(struct cpu *c, const struct block *b)
{
	const struct insn *i = b->rec;

	c->in_block = true;
	c->budget -= b->ninsns;
	c->r[REG_PAGE] = PAGE_BASE(c->rip);
#if TAIL_CALLS
	i->fn(c, i);
#else
	while (i)
		i = i->fn(c, i);
#endif
	c->in_block = false;
}

void cpu_code_unmapped(struct cpu *c)
{
	struct frame *f;
	u64 mfn, pte;

	c->jumps_stale = true;
	if (!c->in_block)
		return;
	/* The block that runs may be the one unmapped: it ends here, and no jump goes by the old ways. */
	c->jumps_stale = false;
	cpu_wipe_jumps(c);
	if (c->code->scratch->frame)
		code_written(c->code, c->code->scratch->frame, c->code->scratch->off, 1);
	if (!mmu_peek(&c->mmu, c->r[REG_PAGE], &mfn, &pte)) {
		f = mem_frame(c->mmu.mem, mfn);
		if (f && f->code)
			code_written(c->code, f, 0, PAGE_SIZE);
	}
}

static bool at_boundary(struct cpu *c)
{
	return (!c->ops->boundary || c->ops->boundary(c)) && !c->stop;
}

/* An exception for the machine. False: the CPU stops. */
static bool deliver(struct cpu *c)
{
	u64 from = c->trap.rip;
	struct cpu_trap t = c->trap;
	bool on;

	/* A fault retires nothing, but counts: a handler that faults for ever must come to the end of its slot, and of time. */
	if (!t.soft)
		c->budget--;
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
static int trapped(struct cpu *c)
{
	c->link_from = NULL; /* what follows is not where that link leads */
	if (deliver(c))
		return RUN_ON;
	return c->sys.blocked & BLOCK_SHUTDOWN || (!c->native && !c->ops->trap) ? CPU_SHUTDOWN : CPU_STOPPED;
}

static int vmcall(struct cpu *c)
{
	if (c->ops->vmcall(c))
		return RUN_ON;
	c->rip -= 3;
	c->budget++;
	c->trap = (struct cpu_trap){ .vector = X86_UD, .rip = c->rip };
	return trapped(c);
}

/* What the block that ended asks for (c->exit). */
static int attend_exit(struct cpu *c)
{
	switch ((enum block_exit)c->exit) {
	case BX_NONE:
	case BX_LOOKUP:
		return RUN_ON;
	case BX_TRAP:
		return trapped(c);
	case BX_ONE:
		c->link_from = NULL;
		c->one = true;
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
static struct block *next_block(struct cpu *c, u64 limit)
{
	struct block *b = block_get(c, limit);

	if (UNLIKELY(!b)) {
		c->one = c->stepping = false;
		return NULL;
	}
	if (c->link_from)
		make_link(c, b);
	if (c->log && log_on(c->log, LOG_EXEC | LOG_CPU) && c->log_exec)
		c->log_exec(c);
	c->exit = BX_NONE;
	return b;
}

/* Runs on from c->rip until a block ends with something to attend to. */
static int run_on(struct cpu *c)
{
	struct block *b = next_block(c, (u64)c->budget);

	if (UNLIKELY(!b))
		return trapped(c);
	run_block(c, b);
	return attend_exit(c);
}

/* Runs the instruction at c->rip and no further, whatever its block is linked to. The block; NULL: c->trap. */
static const struct block *run_one(struct cpu *c)
{
	struct block *b = next_block(c, 1);
	u64 rest = (u64)c->budget - 1;

	if (UNLIKELY(!b))
		return NULL;
	c->slice -= rest;
	c->budget = 1;
	c->stepping = true;
	run_block(c, b);
	c->stepping = c->one = false;
	c->slice += rest;
	c->budget += (i64)rest;
	return b;
}

/* Whether run_one()'s instruction is done and no concern of the machine: then a single-step trap may follow it. */
static bool plainly_done(const struct cpu *c)
{
	return c->exit == BX_NONE || c->exit == BX_LOOKUP || c->exit == BX_YIELD || (c->exit == BX_HALT && c->native);
}

/* A step of a CPU with tables of its own. */
static int step_native(struct cpu *c)
{
	bool tf = c->eflags & FL_TF;
	u64 from = c->rip;
	const struct block *b = run_one(c);
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
static int step_hosted(struct cpu *c, bool held)
{
	bool tf = c->eflags & FL_TF, on;
	int why;

	if (UNLIKELY(!run_one(c)))
		return trapped(c);
	why = attend_exit(c);
	if (!plainly_done(c))
		return why;
	c->link_from = NULL;
	debug_note(c, DR6_BS * tf);
	on = c->trap.dr6 ? deliver(c) : !held || at_boundary(c);
	return on || why != RUN_ON ? why : CPU_STOPPED;
}

static int turn_native(struct cpu *c)
{
	if (!(c->mode_key & KEY_CS64))
		c->rip = (u32)c->rip;
	switch (x86_attend(c)) {
	case ATT_RUN:
		break;
	case ATT_STEP:
		return step_native(c);
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
static int turn_exact(struct cpu *c)
{
	bool held = false;

	if (c->one || c->debug_on) {
		if (debug_due(c)) {
			c->link_from = NULL;
			return deliver(c) ? RUN_ON : CPU_STOPPED;
		}
		held = c->s.shadow;
		c->s.shadow = 0;
		c->eflags &= ~(u32)FL_RF;
	}
	return step_hosted(c, held);
}

enum cpu_exit cpu_run(struct cpu *c, u64 n)
{
	int why = RUN_ON;

	c->slice = n;
	c->budget = (i64)n;
	c->stop = false;
	c->link_from = NULL;
	/* SS was loaded last: nothing gets in before the next instruction. */
	if ((c->native || !c->s.shadow) && !at_boundary(c))
		why = CPU_STOPPED;
	while (why == RUN_ON) {
		if (UNLIKELY(c->stop))
			why = CPU_STOPPED;
		else if (UNLIKELY(c->budget <= 0))
			why = CPU_BUDGET;
		else if (c->native)
			why = turn_native(c);
		else if (UNLIKELY(c->one || c->debug_on || (c->eflags & FL_TF)))
			why = turn_exact(c);
		else
			why = run_on(c);
	}
	c->retired += c->slice - (u64)c->budget;
	c->slice = 0;
	c->budget = 0;
	return (enum cpu_exit)why;
}

void cpu_limit(struct cpu *c, u64 left)
{
	if (c->budget > (i64)left) {
		c->slice -= (u64)c->budget - left;
		c->budget = (i64)left;
	}
}

u64 cpu_icount(const struct cpu *c)
{
	return c->retired + c->slice - (u64)c->budget - (c->cur ? c->cur->n : 0);
}

u32 cpu_fetch_bytes(struct cpu *c, u64 va, u8 out[15])
{
	u32 n;

	for (n = 0; n < 15; n++)
		if (mmu_debug_read(&c->mmu, va + n, out + n, 1))
			break;
	return n;
}
