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

static enum cpu_exit stop_reason(const struct cpu *c)
{
	return c->sys.blocked & BLOCK_SHUTDOWN || (!c->native && !c->ops->trap) ? CPU_SHUTDOWN : CPU_STOPPED;
}

enum cpu_exit cpu_run(struct cpu *c, u64 n)
{
	enum cpu_exit why = CPU_STOPPED;
	struct block *b;

	c->slice = n;
	c->budget = (i64)n;
	c->stop = false;
	c->link_from = NULL;
	/* SS was loaded last: nothing gets in before the next instruction. */
	if ((c->native || !c->s.shadow) && !at_boundary(c))
		goto out;
	for (;;) {
		bool step = c->eflags & FL_TF, tf = step, held = false;
		u64 from = c->rip, rest = 0;

		if (UNLIKELY(c->stop))
			break;
		if (UNLIKELY(c->budget <= 0)) {
			why = CPU_BUDGET;
			break;
		}
		if (c->native) {
			enum attend a;

			if (!(c->mode_key & KEY_CS64))
				from = c->rip = (u32)c->rip;
			a = x86_attend(c);
			if (a == ATT_AGAIN) {
				c->link_from = NULL;
				if (!at_boundary(c))
					break;
				continue;
			}
			if (a == ATT_HALT || a == ATT_SHUTDOWN) {
				why = a == ATT_HALT ? CPU_HALTED : CPU_SHUTDOWN;
				break;
			}
			step = a == ATT_STEP;
		} else if (UNLIKELY(c->one || c->debug_on)) {
			if (debug_due(c)) {
				c->link_from = NULL;
				if (!deliver(c))
					break;
				continue;
			}
			held = c->s.shadow;
			c->s.shadow = 0;
			c->eflags &= ~(u32)FL_RF;
			step = true;
		}
		b = block_get(c, step ? 1 : (u64)c->budget);
		if (UNLIKELY(!b)) {
			c->link_from = NULL; /* what follows is not where that link leads */
			c->one = c->stepping = false;
			if (!deliver(c)) {
				why = stop_reason(c);
				break;
			}
			continue;
		}
		if (c->link_from)
			make_link(c, b);
		if (c->log && log_on(c->log, LOG_EXEC | LOG_CPU) && c->log_exec)
			c->log_exec(c);
		c->exit = BX_NONE;
		if (UNLIKELY(step)) {
			/* No further than this one, whatever its block is linked to. */
			rest = (u64)c->budget - 1;
			c->slice -= rest;
			c->budget = 1;
			c->stepping = true;
			run_block(c, b);
			c->stepping = c->one = false;
			c->slice += rest;
			c->budget += (i64)rest;
		} else {
			run_block(c, b);
		}
		switch ((enum block_exit)c->exit) {
		case BX_NONE:
		case BX_LOOKUP:
			break;
		case BX_TRAP:
			c->link_from = NULL;
			if (!deliver(c)) {
				why = stop_reason(c);
				goto out;
			}
			continue;
		case BX_ONE:
			c->link_from = NULL;
			c->one = true;
			continue;
		case BX_SYSCALL:
			if (!c->ops->syscall(c) || !at_boundary(c))
				goto out;
			continue;
		case BX_SYSENTER:
			if (!c->ops->sysenter(c) || !at_boundary(c))
				goto out;
			continue;
		case BX_VMCALL:
			if (!c->ops->vmcall(c)) {
				c->rip -= 3;
				c->budget++;
				c->trap = (struct cpu_trap){ .vector = X86_UD, .rip = c->rip };
				if (!deliver(c)) {
					why = stop_reason(c);
					goto out;
				}
			}
			continue;
		case BX_HALT:
			if (c->native)
				break; /* something pending may wake it at once */
			why = CPU_HALTED;
			goto out;
		case BX_YIELD:
			why = CPU_YIELD;
			if (!step)
				goto out;
			cpu_stop(c); /* when the step's trap is delivered */
			break;
		case BX_STOP:
			goto out;
		}
		if (UNLIKELY(step)) {
			c->link_from = NULL;
			if (c->native) {
				x86_stepped(c, from, (u32)b->bytes + b->tail_len, tf);
				continue;
			}
			debug_note(c, DR6_BS * tf);
			if (c->trap.dr6 ? !deliver(c) : held && !at_boundary(c))
				goto out;
		}
	}
out:
	c->retired += c->slice - (u64)c->budget;
	c->slice = 0;
	c->budget = 0;
	return why;
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
