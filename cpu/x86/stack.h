/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The stack outside of 64-bit mode: SP or ESP by the stack segment's B flag, SS.base added. SDM 1 6.2.
 */
#ifndef CPU_X86_STACK_H
#define CPU_X86_STACK_H

#include "cpu/x86/insn.h"

/* TLOAD64 and TSTORE64 at the top of the stack. */
#define TPOP64(var, ea)                                                                                              \
	do {                                                                                                         \
		u64 ea_ = (ea);                                                                                      \
		struct tlb_entry *e_ = tlb_slot(&c->mmu, ea_);                                                       \
		if (LIKELY(e_->rd == tlb_tag(&c->mmu, ea_, 8)))                                                      \
			(var) = ld64(tlb_host(e_, ea_));                                                             \
		else if (slow_twin)                                                                                  \
			return slow_twin(c, i);                                                                      \
		else if (LIKELY(slow_load(c, ea_, 8)))                                                               \
			(var) = c->tmp[0];                                                                           \
		else                                                                                                 \
			return raise_stack_fault(c, i);                                                              \
	} while (0)
#define TPUSH64(ea, v)                                                                                               \
	do {                                                                                                         \
		u64 ea_ = (ea);                                                                                      \
		struct tlb_entry *e_ = tlb_slot(&c->mmu, ea_);                                                       \
		if (LIKELY(e_->wr == tlb_tag(&c->mmu, ea_, 8)))                                                      \
			st64(tlb_host(e_, ea_), (u64)(v));                                                           \
		else if (slow_twin)                                                                                  \
			return slow_twin(c, i);                                                                      \
		else if (UNLIKELY(!slow_store(c, ea_, 8, (u64)(v))))                                                 \
			return raise_stack_fault(c, i);                                                              \
	} while (0)

INLINE u64 stack_mask(const struct x86 *c)
{
	return c->s.seg[SEG_SS].attr & SEGA_DB ? 0xffffffff : 0xffff;
}

/* Moves the stack pointer by n bytes. */
void adjust_legacy(struct x86 *c, i64 n);
/* Pushes size bytes. False: a fault is noted, nothing has changed. */
bool push_legacy(struct x86 *c, u64 v, u32 size);
/* Reads size bytes at off above the stack pointer. */
bool peek_legacy(struct x86 *c, u32 off, u32 size, u64 *v);
/* Both for any mode: size is 2, 4 or 8. */
bool push_any(struct x86 *c, u64 v, u32 size);
bool pop_any(struct x86 *c, u32 size, u64 *v);
/*
 * ... of a selector in a slot of size bytes. Intel's reads 2 bytes of it, and outside of 64-bit mode writes 2: the rest of
 * the slot is not touched (SDM 2B, PUSH; seen on a Xeon of family 6, model 207).
 */
bool push_selector(struct x86 *c, u16 sel, u32 size);
bool pop_selector(struct x86 *c, u32 size, u64 *sel);

#endif
