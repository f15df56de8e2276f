/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Segmentation and what rests on it: descriptors, stacks by privilege, gates, tasks, delivery. SDM 3A chapters 3, 5 to 7.
 *
 * Helpers that can fault return false with the fault noted in c->trap (vector, error, cr2); a handler then leaves with
 * "return raise_fault(c, i)".
 */
#ifndef CPU_X86_SEG_H
#define CPU_X86_SEG_H

#include "cpu/x86/block.h"

INLINE bool real_mode(const struct x86 *c)
{
	return !(c->s.cr0 & CR0_PE) || (c->eflags & FL_VM);
}
INLINE bool in_v86(const struct x86 *c)
{
	return c->eflags & FL_VM;
}
INLINE bool long_mode(const struct x86 *c)
{
	return c->s.efer & EFER_LMA;
}
INLINE bool code64(const struct x86 *c)
{
	return long_mode(c) && (c->s.seg[SEG_CS].attr & SEGA_L);
}
INLINE u32 iopl(const struct x86 *c)
{
	return c->eflags >> 12 & 3;
}
INLINE bool canonical(const struct x86 *c, u64 va)
{
	return (u64)((i64)va >> (c->s.cr4 & CR4_LA57 ? 56 : 47)) + 1 <= 1;
}
INLINE u32 dpl_of(const struct x86_seg *s)
{
	return s->attr >> 5 & 3;
}
/* The instruction pointer of a linear address: its offset in CS. */
INLINE u64 ip_of(const struct x86 *c, u64 rip)
{
	return code64(c) ? rip : (u32)(rip - c->s.seg[SEG_CS].base);
}
INLINE u64 rip_of(const struct x86 *c, u64 ip)
{
	return code64(c) ? ip : (u32)(ip + c->s.seg[SEG_CS].base);
}

/* Notes a fault. Always false. */
bool x86_fault(struct x86 *c, u8 vector, u32 err) COLD;

/* Implicit supervisor accesses (SDM 3A 4.6.1), whatever the CPL: descriptor tables and task state segments. */
bool sys_read(struct x86 *c, u64 va, void *dst, u32 n);
bool sys_write(struct x86 *c, u64 va, const void *src, u32 n);

enum desc_found { DESC_OK, DESC_NONE, DESC_FAULT };
/* The descriptor of a selector. DESC_NONE: beyond its table; DESC_FAULT: not readable, noted. */
enum desc_found desc_find(struct x86 *c, u16 sel, u64 *raw);
/* The same where a descriptor must be: else a fault with this vector, and the selector and ext as error code. */
bool desc_get(struct x86 *c, u16 sel, u64 *raw, u8 vector, u32 ext);
/* The upper half of a 16-byte descriptor. */
bool desc_get_high(struct x86 *c, u16 sel, u64 *raw, u8 vector, u32 ext);
struct x86_seg desc_unpack(u16 sel, u64 raw);
/* Sets the accessed bit of a code or data descriptor in memory. */
bool desc_accessed(struct x86 *c, u16 sel, u64 raw);
/* Writes the busy bit of a task state segment's descriptor in the GDT. */
bool desc_busy(struct x86 *c, u16 sel, bool busy);
void seg_put(struct x86 *c, enum x86_segreg sr, const struct x86_seg *s);
/* A segment register of real or virtual-8086 mode. */
void seg_put_real(struct x86 *c, enum x86_segreg sr, u16 sel);
void seg_put_v86(struct x86 *c, enum x86_segreg sr, u16 sel);
/* Loads a data or stack segment register as MOV does. */
bool seg_load(struct x86 *c, enum x86_segreg sr, u16 sel);
/*
 * A code segment descriptor for a transfer by JMP, CALL or a return to level cpl: checked but not loaded.
 */
bool code_get(struct x86 *c, u16 sel, u32 cpl, bool ret, struct x86_seg *s, u64 *raw);
/* Loads CS with what code_get() found; the selector's RPL becomes cpl. */
bool code_put(struct x86 *c, const struct x86_seg *s, u64 raw, u32 cpl);

/* A stack that delivery, a gate or a task switch pushes to: the current one, or the one that is loaded at the end. */
struct x86_stack {
	struct x86_seg ss;
	u64 sp;
	bool wide;   /* 64-bit: no segment */
	bool user;   /* pushed to with user rights */
	u32 err;     /* error code of #SS */
};
bool stack_push(struct x86 *c, struct x86_stack *k, u64 v, u32 size);
/* The current stack as such. */
struct x86_stack stack_current(const struct x86 *c);
/* SP to be: merged into RSP by the width of the stack segment. */
void stack_commit(struct x86 *c, const struct x86_stack *k);
/* Words above the current stack pointer, nothing moved: off in bytes. */
bool stack_peek(struct x86 *c, u32 off, u32 size, u64 *v);
/* The stack of level dpl from the TSS for a non-64-bit transfer: SS checked against dpl. ext as in error codes. */
bool stack_inner(struct x86 *c, u32 dpl, u32 ext, struct x86_stack *k, u64 *raw);
/* ... of 64-bit mode: ist 0 is RSP<dpl>. */
bool stack_inner64(struct x86 *c, u32 dpl, u32 ist, u32 ext, struct x86_stack *k);

/* What is restored when a transfer faults halfway. */
struct seg_saved {
	struct x86_seg seg[SEG_COUNT];
	u64 rsp, rip;
	u32 eflags;
	u8 cpl;
};
void seg_save(const struct x86 *c, struct seg_saved *s);
void seg_restore(struct x86 *c, const struct seg_saved *s);
/* Changes the CPL, also for the accesses that follow. */
void set_cpl(struct x86 *c, u32 cpl);

/* An access through a segment register: limit, type, presence. False: #GP(0) or #SS(0). */
bool seg_ok(const struct x86 *c, const struct x86_seg *s, u64 off, u32 size, bool write);

/* ---- tasks ------------------------------------------------------------------------------------------------------ */

enum task_how { TASK_JMP, TASK_CALL, TASK_INT, TASK_IRET };
/*
 * Switches to the task of a TSS descriptor. ip: what the old task goes on with. True: done, c->rip is in the new task.
 * False with *late: the fault is the new task's.
 */
bool task_switch(struct x86 *c, u16 sel, enum task_how how, u64 ip, u32 ext, bool *late);
/* Pushes an error code on the new task's stack, of the new TSS's width. */
bool task_push(struct x86 *c, u32 err);
/* IRET with NT set. */
bool task_return(struct x86 *c, u64 ip, bool *late);

/* ---- delivery --------------------------------------------------------------------------------------------------- */

/* Delivers through the guest's own tables, double faults included. False: the processor has shut down. */
bool x86_interrupt(struct x86 *c, const struct x86_trap *t);

enum attend { ATT_RUN, ATT_EXACT, ATT_AGAIN, ATT_HALT, ATT_SHUTDOWN };
/* What is due before the instruction at c->rip. EXACT: it runs alone. AGAIN: something was delivered, ask again. */
enum attend x86_attend(struct x86 *c);
/* After an instruction that ran alone: the single-step trap it may bring. rip: where it began, len: its bytes, tf: TF was set then. */
void x86_stepped(struct x86 *c, u64 rip, u32 len, bool tf);

/* INIT takes effect, and a SIPI where one is waited for. */
void x86_take_init(struct x86 *c);
void x86_take_sipi(struct x86 *c);

/* ---- debug registers -------------------------------------------------------------------------------------------- */

/* DR6 bits of instruction breakpoints at rip that fault. */
u32 debug_code(const struct x86 *c, u64 rip);
/* A data access, or one of a port: pending bits are noted. */
void debug_data(struct x86 *c, u64 va, u32 n, bool write);
void debug_port(struct x86 *c, u16 port, u32 n);
/* Puts a debug exception that reports before the next instruction into c->trap: what is pending, and these bits of DR6. */
void debug_note(struct x86 *c, u64 bits);
/*
 * Of a CPU without tables of its own, before an instruction that is run alone: true when a debug exception is due (in c->trap).
 * After a load of SS none is: what that load brought waits for one instruction more, SDM 3A 6.8.3.
 */
bool debug_due(struct x86 *c);

/* ---- system management mode ------------------------------------------------------------------------------------- */

void smm_enter(struct x86 *c);
/* RSM. False: shutdown. */
bool smm_leave(struct x86 *c);

/* Paging state after a change of CR0, CR3 or CR4: PDPTEs when they are used. False: #GP(0), nothing changed. */
bool pdptes_load(struct x86 *c, u64 cr3);

#endif
