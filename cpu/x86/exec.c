/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The execution loop: finding the next block, running it, and handing what ended it to the machine.
 */
#include <string.h>

#include "cpu/x86/block.h"
#include "cpu/x86/flags.h"

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

const struct insn *link_slow(struct cpu *c, const struct insn *i)
{
	c->link_from = i;
	c->link_generation = c->code->generation;
	return leave(c, c->r[REG_PAGE] + (u64)(i64)i->disp, BX_LOOKUP);
}

const struct insn *raise_trap(struct cpu *c, const struct insn *i, u8 vector, u32 err)
{
	c->budget += i->n;
	c->trap = (struct cpu_trap){ .vector = vector, .error = err, .rip = IP(c, i) };
	c->trap.has_error = vector == X86_DF || (vector >= X86_TS && vector <= X86_PF) || vector == X86_AC;
	return leave(c, IP(c, i), BX_TRAP);
}

const struct insn *raise_fault(struct cpu *c, const struct insn *i)
{
	struct cpu_trap t = c->trap; /* the slow path put vector, error and cr2 here */

	raise_trap(c, i, t.vector, t.error);
	c->trap.cr2 = t.cr2;
	return NULL;
}

const struct insn *leave_after(struct cpu *c, const struct insn *i, enum block_exit why)
{
	c->budget += i->n - 1;
	return leave(c, NEXT_IP(c, i), why);
}

/* ---- slow memory ----------------------------------------------------------------------------------------------- */

static bool note_fault(struct cpu *c, const struct mmu_fault *f)
{
	c->trap.vector = f->kind == MMU_PF ? X86_PF : X86_GP;
	c->trap.error = f->kind == MMU_PF ? f->code : 0;
	c->trap.cr2 = f->va;
	return false;
}

bool load_bytes(struct cpu *c, u64 va, void *dst, u32 n)
{
	struct mmu_fault f;

	return mmu_read(&c->mmu, va, dst, n, &f) ? note_fault(c, &f) : true;
}

bool slow_load(struct cpu *c, u64 va, u32 size)
{
	u8 b[32];
	u32 i;

	if (!load_bytes(c, va, b, size))
		return false;
	switch (size) {
	case 1:
		c->tmp[0] = b[0];
		break;
	case 2:
		c->tmp[0] = ld16(b);
		break;
	case 4:
		c->tmp[0] = ld32(b);
		break;
	default:
		for (i = 0; i < size / 8; i++)
			c->tmp[i] = ld64(b + 8 * i);
		break;
	}
	return true;
}

/* A store the tables forbid may still be one the machine emulates. */
static bool ro_store(struct cpu *c, u64 va, u32 size, u64 v, const struct mmu_fault *f)
{
	struct mmu *m = &c->mmu;
	u64 mfn, pte;

	return m->hooks && m->hooks->ro_store && f->kind == MMU_PF && (f->code & (PF_P | PF_W)) == (PF_P | PF_W) &&
	       PAGE_OFFSET(va) + size <= PAGE_SIZE && !mmu_peek(m, va, &mfn, &pte) &&
	       m->hooks->ro_store(m->opaque, m, va, mfn, size, v);
}

bool store_bytes(struct cpu *c, u64 va, const void *src, u32 n)
{
	struct mmu_fault f;

	return mmu_write(&c->mmu, va, src, n, &f) ? note_fault(c, &f) : true;
}

bool slow_store(struct cpu *c, u64 va, u32 size, u64 v)
{
	struct mmu_fault f;
	u8 b[8];

	st64(b, v);
	if (!mmu_write(&c->mmu, va, b, size, &f))
		return true;
	return ro_store(c, va, size, v, &f) || note_fault(c, &f);
}

bool slow_store_vec(struct cpu *c, u64 va, const u64 *v, u32 n)
{
	u8 b[32];
	u32 i;

	for (i = 0; i < n; i++)
		st64(b + 8 * i, v[i]);
	return store_bytes(c, va, b, n * 8);
}

bool slow_load_rmw(struct cpu *c, u64 va, u32 size)
{
	struct mmu_fault f;

	if (mmu_probe_write(&c->mmu, va, size, &f)) {
		/* The store decides: it may be emulated. */
		if (!c->mmu.hooks || f.kind != MMU_PF || !(f.code & PF_P))
			return note_fault(c, &f);
	}
	return slow_load(c, va, size);
}

bool slow_probe(struct cpu *c, u64 va, u32 n, bool write)
{
	struct mmu_fault f;
	u64 mfn, end = va + n;

	if (write)
		return mmu_probe_write(&c->mmu, va, n, &f) ? note_fault(c, &f) : true;
	for (; va < end; va = PAGE_BASE(va) + PAGE_SIZE)
		if (mmu_translate(&c->mmu, va, MMU_READ, &mfn, &f))
			return note_fault(c, &f);
	return true;
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

/* The frame c->rip executes from; NULL: c->trap. */
static struct frame *fetch_frame(struct cpu *c, u64 *mfn)
{
	u64 rip = c->rip;
	struct mmu_fault f;
	u32 slot = (u32)(rip >> PAGE_SHIFT) & (TLB_SIZE - 1);

	if (c->mmu.tlb[slot].ex == tlb_tag(&c->mmu, rip, 1) && c->mmu.mfn[slot] != ~0ULL) {
		*mfn = c->mmu.mfn[slot];
		return mem_frame(c->mmu.mem, *mfn);
	}
	if (mmu_translate(&c->mmu, rip, MMU_EXEC, mfn, &f)) {
		note_fault(c, &f);
		c->trap.has_error = true;
		c->trap.soft = false;
		c->trap.rip = rip;
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
	if (LIKELY(j->tag == jump_tag(c, c->rip) && j->b->ninsns <= limit && !j->b->dead))
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
		j->tag = jump_tag(c, c->rip);
		j->b = b;
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
	from->imm = (u64)(uintptr_t)b;
}

static void note_branch(struct cpu *c, u64 from, u64 to)
{
	c->branch_from[c->nbranch % CPU_BRANCHES] = from;
	c->branch_to[c->nbranch % CPU_BRANCHES] = to;
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
	bool on = c->ops->trap && c->ops->trap(c, &c->trap);

	note_branch(c, from, c->rip);
	return on && at_boundary(c);
}

enum cpu_exit cpu_run(struct cpu *c, u64 n)
{
	enum cpu_exit why = CPU_STOPPED;
	struct block *b;

	c->slice = n;
	c->budget = (i64)n;
	c->stop = false;
	c->link_from = NULL;
	if (!at_boundary(c))
		goto out;
	for (;;) {
		bool step = c->eflags & FL_TF;

		if (UNLIKELY(c->stop))
			break;
		if (UNLIKELY(c->budget <= 0)) {
			why = CPU_BUDGET;
			break;
		}
		b = block_get(c, step ? 1 : (u64)c->budget);
		if (UNLIKELY(!b)) {
			if (!deliver(c)) {
				why = c->ops->trap ? CPU_STOPPED : CPU_SHUTDOWN;
				break;
			}
			continue;
		}
		if (c->link_from)
			make_link(c, b);
		if (c->log && log_on(c->log, LOG_EXEC | LOG_CPU) && c->log_exec)
			c->log_exec(c);
		c->exit = BX_NONE;
		run_block(c, b);
		switch ((enum block_exit)c->exit) {
		case BX_NONE:
		case BX_LOOKUP:
			break;
		case BX_TRAP:
			c->link_from = NULL;
			if (!deliver(c)) {
				why = c->ops->trap ? CPU_STOPPED : CPU_SHUTDOWN;
				goto out;
			}
			continue;
		case BX_SYSCALL:
			if (!c->ops->syscall(c) || !at_boundary(c))
				goto out;
			break;
		case BX_SYSENTER:
			if (!c->ops->sysenter(c) || !at_boundary(c))
				goto out;
			break;
		case BX_VMCALL:
			if (!c->ops->vmcall(c)) {
				c->rip -= 3;
				c->budget++;
				c->trap = (struct cpu_trap){ .vector = X86_UD, .rip = c->rip };
				if (!deliver(c))
					goto out;
			}
			continue;
		case BX_HALT:
			why = CPU_HALTED;
			goto out;
		case BX_YIELD:
			why = CPU_YIELD;
			goto out;
		case BX_STOP:
			goto out;
		}
		if (UNLIKELY(step)) {
			c->link_from = NULL;
			c->trap = (struct cpu_trap){ .vector = X86_DB, .rip = c->rip, .dr6 = 1 << 14, .soft = true };
			if (!deliver(c))
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
