/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which block comes next: by a direct link, by the CPU's table of jumps, from the cache, or translated now.
 */
#include <string.h>

#include "cpu/x86/block.h"
#include "cpu/x86/loop.h"

HANDLER(op_stale)
{
	c->cpu.budget += i->n;
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
static bool jump_found(struct x86 *c)
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

const struct insn *link_slow(struct x86 *c, const struct insn *i)
{
	c->link_from = i;
	c->link_generation = c->code->generation;
	return leave(c, c->r[REG_PAGE] + (u64)(i64)i->disp, BX_LOOKUP);
}

/* Whether an instruction that runs into the next page still has the bytes there that its block was decoded from. */
static bool cross_ok(struct x86 *c, const struct block *b)
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
static bool code_limit_ok(const struct x86 *c, u64 rip, u32 n)
{
	const struct x86_seg *s = &c->s.seg[SEG_CS];
	u64 off = (u32)(rip - s->base);

	return off + n - 1 <= s->limit;
}

void fetch_fault(struct x86 *c, u64 rip, const struct mmu_fault *f)
{
	c->trap = (struct x86_trap){ .vector = f->kind == MMU_PF ? X86_PF : X86_GP, .has_error = true,
				     .error = f->kind == MMU_PF ? f->code : 0, .cr2 = f->va, .rip = rip };
}

/* The frame c->rip executes from; NULL: c->trap. */
static struct frame *fetch_frame(struct x86 *c, u64 *mfn)
{
	u64 rip = c->rip;
	struct mmu_fault f;
	u32 slot = (u32)(rip >> PAGE_SHIFT) & (TLB_SIZE - 1);

	if (UNLIKELY((c->mode_key & KEY_SEGCHECK) && !code_limit_ok(c, rip, 1))) {
		c->trap = (struct x86_trap){ .vector = X86_GP, .has_error = true, .rip = rip };
		return NULL;
	}
	if (c->mmu.tlb[slot].ex == tlb_tag(&c->mmu, rip, 1) && c->mmu.mfn[slot] != ~0ULL) {
		*mfn = c->mmu.mfn[slot];
		return mem_frame(c->mmu.mem, *mfn);
	}
	if (mmu_translate(&c->mmu, rip, MMU_EXEC, mfn, &f)) {
		fetch_fault(c, rip, &f);
		return NULL;
	}
	return mem_frame(c->mmu.mem, *mfn);
}

/* The block at c->rip, no longer than limit instructions. NULL: c->trap. */
static struct block *block_get(struct x86 *c, u64 limit)
{
	struct code_jump *j = jump_slot(c, c->rip);
	struct frame *f;
	struct block *b;
	u64 mfn;

	if (UNLIKELY(c->jumps_stale)) {
		c->jumps_stale = false;
		x86_wipe_jumps(c);
	}
	if (LIKELY(jump_found(c) && j->b->ninsns <= limit && !j->b->dead))
		return j->b;
	f = fetch_frame(c, &mfn);
	if (!f)
		return NULL;
	if (UNLIKELY(c->cpu.uncached))
		return block_translate(c, f, mfn, 1, false);
	b = code_find(c->code, f, PAGE_OFFSET(c->rip), c->mode_key);
	if (b && b->cross && !cross_ok(c, b))
		return block_translate(c, f, mfn, 1, false);
	if (!b) {
		b = block_translate(c, f, mfn, BLOCK_MAX_INSNS, true);
		if (!b)
			return NULL;
		if (c->cpu.log && log_on(c->cpu.log, LOG_IN_ASM) && c->log_asm)
			c->log_asm(c, b->off, b->bytes);
	}
	if (b->ninsns > limit)
		return block_translate(c, f, mfn, (u32)limit, false);
	if (!b->cross && !tracing(c) && b->frame->code) {
		if (j->tag != jump_tag(c, c->rip))
			j[JUMP_SIZE] = *j;
		*j = (struct code_jump){ jump_tag(c, c->rip), b };
	}
	return b;
}

/* Links the record that waits in c->link_from to block b, if that record still exists. b lies in the record's page. */
static void make_link(struct x86 *c, struct block *b)
{
	struct insn *from = (struct insn *)(uintptr_t)c->link_from;

	c->link_from = NULL;
	if (c->link_generation != c->code->generation || from->fn == op_stale || b == c->code->scratch || b->cross ||
	    b->dead || tracing(c))
		return;
	/* Back within the page: a loop, perhaps one that only counts. */
	if (from->fn == op_goto && b->off <= from->ip)
		loop_edge_make(c->code, from, b);
	else
		from->imm = (u64)(uintptr_t)b;
}

struct block *block_next(struct x86 *c, u64 limit)
{
	struct block *b = block_get(c, limit);

	if (b && c->link_from)
		make_link(c, b);
	return b;
}

void x86_code_unmapped(struct x86 *c)
{
	struct frame *f;
	u64 mfn, pte;

	c->jumps_stale = true;
	if (!c->in_block)
		return;
	/* The block that runs may be of the unmapped page: it ends here, and old entries of the table of jumps are not used. */
	c->jumps_stale = false;
	x86_wipe_jumps(c);
	if (c->code->scratch->frame)
		code_written(c->code, c->code->scratch->frame, c->code->scratch->off, 1);
	if (!mmu_peek(&c->mmu, c->r[REG_PAGE], &mfn, &pte)) {
		f = mem_frame(c->mmu.mem, mfn);
		if (f && f->code)
			code_written(c->code, f, 0, PAGE_SIZE);
	}
}
