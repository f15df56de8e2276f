/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Delivery of interrupts and exceptions through the guest's own tables: the real-mode vector table, IDT gates of 16, 32
 * and 64 bits, task gates, virtual-8086 redirection; double and triple faults; what is due between two instructions.
 * SDM 3A chapter 6, SDM 3B chapters 17 and 20.
 */
#include "cpu/x86/flags.h"
#include "cpu/x86/seg.h"

/* ---- one attempt ------------------------------------------------------------------------------------------------ */

struct entry {
	const struct x86_trap *t;
	u32 ext;     /* EXT bit of error codes */
	u64 ip;      /* to be saved */
	u32 flags;   /* to be saved */
	bool late;   /* a task switch got past its point of no return */
};

static u32 gate_err(const struct entry *e)
{
	return e->t->vector * 8u | 2 | e->ext;
}

static bool soft_int(const struct x86_trap *t)
{
	return t->kind == TRAP_INT || t->kind == TRAP_INT3;
}

/* The real-mode vector table at base: also for redirected interrupts of virtual-8086 mode. */
static bool enter_vector(struct x86 *c, struct entry *e, u64 base, u32 flags)
{
	struct x86_stack k = stack_current(c);
	u8 b[4];

	k.err = 0;
	if (!load_bytes(c, base + e->t->vector * 4u, b, 4))
		return false;
	if (!stack_push(c, &k, flags, 2) || !stack_push(c, &k, c->s.seg[SEG_CS].sel, 2) || !stack_push(c, &k, e->ip, 2))
		return false;
	stack_commit(c, &k);
	seg_put_real(c, SEG_CS, ld16(b + 2));
	c->rip = rip_of(c, ld16(b));
	return true;
}

static bool enter_real(struct x86 *c, struct entry *e)
{
	if (e->t->vector * 4u + 3 > c->s.idt.limit)
		return x86_fault(c, X86_GP, gate_err(e));
	if (!enter_vector(c, e, c->s.idt.base, e->flags))
		return false;
	c->eflags &= ~(u32)(FL_IF | FL_TF | FL_AC | FL_RF);
	return true;
}

/* The interrupt redirection bitmap lies before the I/O bitmap of a 32-bit TSS, SDM 3B 20.3. -1: a fault is noted. */
static int redirected(struct x86 *c, u8 vector)
{
	const struct x86_seg *tr = &c->s.seg[SEG_TR];
	u8 b[2];
	u32 at;

	if ((tr->attr & SEGA_TYPE) < 9 || tr->limit < 103)
		return x86_fault(c, X86_GP, 0) - 1;
	if (!sys_read(c, tr->base + 102, b, 2))
		return -1;
	at = ld16(b);
	if (at < 32 || at - 32 + vector / 8 > tr->limit)
		return x86_fault(c, X86_GP, 0) - 1;
	if (!sys_read(c, tr->base + at - 32 + vector / 8, b, 1))
		return -1;
	return !(b[0] >> (vector & 7) & 1);
}

/* INT n of virtual-8086 mode where it does not go through the IDT. 1: done, 0: to the IDT, -1: a fault is noted. */
static int enter_v86_int(struct x86 *c, struct entry *e)
{
	u32 fl = e->flags;
	int r = 0;

	if (c->s.cr4 & CR4_VME)
		r = redirected(c, e->t->vector);
	if (r < 0)
		return -1;
	if (!r)
		return iopl(c) < 3 ? x86_fault(c, X86_GP, 0) - 1 : 0;
	if (iopl(c) < 3)
		fl = (fl & ~(u32)FL_IF) | FL_IOPL | (c->eflags & FL_VIF ? FL_IF : 0);
	if (!enter_vector(c, e, 0, fl))
		return -1;
	c->eflags &= ~(u32)(FL_TF | FL_NT | FL_RF | (iopl(c) < 3 ? FL_VIF : FL_IF));
	return 1;
}

static bool enter_task(struct x86 *c, struct entry *e, u64 gate)
{
	/* A fault in the old task finds RF as it would have been pushed. */
	c->eflags = (c->eflags & ~(u32)FL_RF) | (e->flags & FL_RF);
	if (!task_switch(c, (u16)(gate >> 16), TASK_INT, e->ip, e->ext, &e->late))
		return false;
	return !e->t->has_error || task_push(c, e->t->error);
}

/* The handler's code segment. */
static bool handler_code(struct x86 *c, const struct entry *e, u16 sel, struct x86_seg *s, u64 *raw)
{
	u32 err = (sel & ~3u) | e->ext;

	if (!(sel & ~3u))
		return x86_fault(c, X86_GP, e->ext);
	if (!desc_get(c, sel, raw, X86_GP, e->ext))
		return false;
	*s = desc_unpack(sel, *raw);
	if ((s->attr & (SEGA_S | SEGA_CODE)) != (SEGA_S | SEGA_CODE) || dpl_of(s) > c->s.cpl)
		return x86_fault(c, X86_GP, err);
	if (long_mode(c) && (s->attr & (SEGA_L | SEGA_DB)) != SEGA_L)
		return x86_fault(c, X86_GP, err);
	if (!(s->attr & SEGA_P))
		return x86_fault(c, X86_NP, err);
	if (in_v86(c) && ((s->attr & SEGA_CONFORM) || dpl_of(s)))
		return x86_fault(c, X86_GP, err);
	return true;
}

static bool enter_gate(struct x86 *c, struct entry *e, u64 gate, u64 high)
{
	static const u8 v86_segs[4] = { SEG_GS, SEG_FS, SEG_DS, SEG_ES };
	u32 type = gate >> 40 & 15;
	bool lm = long_mode(c), v86 = in_v86(c), inner, sw;
	u32 size = lm ? 8 : type & 8 ? 4 : 2;
	u64 off = (gate & 0xffff) | (gate >> 32 & 0xffff0000) | high << 32;
	u32 ist = lm ? gate >> 32 & 7 : 0;
	u64 raw, ss_raw = BIT(40), old_sp = c->r[RSP];
	struct x86_stack k;
	struct x86_seg s;
	u32 cpl = c->s.cpl, n;

	if (size == 2)
		off &= 0xffff;
	if (!handler_code(c, e, (u16)(gate >> 16), &s, &raw))
		return false;
	inner = !(s.attr & SEGA_CONFORM) && dpl_of(&s) < cpl;
	if (inner)
		cpl = dpl_of(&s);
	sw = inner || ist;
	if (!sw)
		k = stack_current(c);
	else if (!(lm ? stack_inner64(c, cpl, ist, e->ext, &k) : stack_inner(c, cpl, e->ext, &k, &ss_raw)))
		return false;
	if (!inner) /* an IST keeps the level, and so the selector's meaning */
		k.err = e->ext;
	k.user = cpl == 3;
	if (lm) {
		k.wide = true;
		k.sp &= ~15ULL;
	}
	if (lm ? !canonical(c, off) : off > s.limit)
		return x86_fault(c, X86_GP, e->ext);
	if (v86)
		for (n = 0; n < 4; n++)
			if (!stack_push(c, &k, c->s.seg[v86_segs[n]].sel, size))
				return false;
	if ((inner || lm) && (!stack_push(c, &k, c->s.seg[SEG_SS].sel, size) || !stack_push(c, &k, old_sp, size)))
		return false;
	if (!stack_push(c, &k, e->flags, size) || !stack_push(c, &k, c->s.seg[SEG_CS].sel, size) ||
	    !stack_push(c, &k, e->ip, size))
		return false;
	if (e->t->has_error && !stack_push(c, &k, e->t->error, size))
		return false;
	if (inner && !lm && !desc_accessed(c, k.ss.sel, ss_raw))
		return false;
	c->eflags &= ~(u32)(FL_TF | FL_NT | FL_RF | FL_VM | (type & 1 ? 0 : FL_IF));
	if (!code_put(c, &s, raw, cpl))
		return false;
	if (inner)
		seg_put(c, SEG_SS, &k.ss);
	set_cpl(c, cpl);
	if (v86)
		for (n = 0; n < 4; n++)
			x86_set_seg(c, v86_segs[n], 0, 0, 0, 0);
	if (lm)
		c->r[RSP] = k.sp;
	else
		stack_commit(c, &k);
	c->rip = rip_of(c, off);
	return true;
}

static bool enter_protected(struct x86 *c, struct entry *e)
{
	u32 n = long_mode(c) ? 16 : 8;
	u32 at = e->t->vector * n, type;
	u64 gate, high = 0;
	u8 b[16];

	if (at + n - 1 > c->s.idt.limit)
		return x86_fault(c, X86_GP, gate_err(e));
	if (!sys_read(c, c->s.idt.base + at, b, n))
		return false;
	gate = ld64(b);
	if (n == 16)
		high = ld64(b + 8) & 0xffffffff;
	type = gate >> 40 & 31;
	if (long_mode(c) ? type != 14 && type != 15 : type != 5 && type != 6 && type != 7 && type != 14 && type != 15)
		return x86_fault(c, X86_GP, gate_err(e));
	if (soft_int(e->t) && (gate >> 45 & 3) < c->s.cpl)
		return x86_fault(c, X86_GP, gate_err(e));
	if (!(gate >> 47 & 1))
		return x86_fault(c, X86_NP, gate_err(e));
	return type == 5 ? enter_task(c, e, gate) : enter_gate(c, e, gate, high);
}

/* One attempt. False: a fault is noted in c->trap, and unless a task switch was under way nothing has changed. */
static bool enter(struct x86 *c, const struct x86_trap *t, bool ext)
{
	struct entry e = { .t = t, .ext = ext };
	struct seg_saved old;
	bool ok;
	int r;

	e.ip = ip_of(c, t->rip);
	e.flags = (u32)x86_rflags(c);
	if (t->kind == TRAP_FAULT && !(t->vector == X86_DB || t->vector == X86_DF))
		e.flags |= FL_RF;
	seg_save(c, &old);
	if (!(c->s.cr0 & CR0_PE)) {
		ok = enter_real(c, &e);
	} else if (in_v86(c) && t->kind == TRAP_INT && (r = enter_v86_int(c, &e))) {
		ok = r > 0;
	} else {
		ok = enter_protected(c, &e);
	}
	if (!ok && !e.late)
		seg_restore(c, &old);
	if (!ok && e.late)
		c->trap.rip = c->rip;
	return ok;
}

/* ---- faults within delivery ------------------------------------------------------------------------------------- */

/* Classes of SDM 3A table 6-4. */
static bool contributory(u8 v)
{
	return v == X86_DE || v == X86_TS || v == X86_NP || v == X86_SS || v == X86_GP || v == 21;
}

bool x86_interrupt(struct x86 *c, const struct x86_trap *first)
{
	struct x86_trap t = *first;
	bool ext = !soft_int(first);
	u32 tries;

	/* Each replacement leads nearer to a double fault, but benign ones could go round for ever. */
	for (tries = 0; tries < 16; tries++) {
		u8 v = t.vector;
		bool benign = t.kind == TRAP_INT || t.kind == TRAP_INT3 || t.kind == TRAP_EXTERNAL || t.kind == TRAP_ICEBP;
		u64 rip = t.rip;
		u8 second;

		if (c->cpu.log && log_on(c->cpu.log, LOG_INT | LOG_MMU) && c->log_trap)
			c->log_trap(c, &t, NULL);
		if (v == X86_PF && !benign)
			c->s.cr2 = t.cr2;
		if (v == X86_DB && !benign) {
			c->s.dr[6] |= t.dr6;
			c->s.dr[7] &= ~(u64)DR7_GD;
			c->sys.debugctl &= ~(u64)DEBUGCTL_BTF;
		}
		c->trap.rip = rip;
		if (enter(c, &t, ext)) {
			if (c->s.halted >= WAIT_MWAIT)
				mmu_monitor_off(&c->mmu);
			c->s.shadow = c->s.halted = 0;
			x86_mode_changed(c);
			return true;
		}
		second = c->trap.vector;
		if (v == X86_DF && !benign) {
			c->sys.blocked |= BLOCK_SHUTDOWN;
			return false;
		}
		/* A software interrupt that may not be is a fault of its instruction. */
		if (soft_int(&t))
			c->trap.rip = c->trap.rip == rip ? t.start : c->trap.rip;
		rip = c->trap.rip;
		if (!benign && ((contributory(v) && contributory(second)) ||
				(v == X86_PF && (contributory(second) || second == X86_PF))))
			t = (struct x86_trap){ .vector = X86_DF, .has_error = true };
		else
			t = (struct x86_trap){ .vector = second, .error = c->trap.error, .cr2 = c->trap.cr2,
					       .has_error = (second >= X86_TS && second <= X86_PF) || second == X86_AC };
		t.rip = rip;
		ext = true;
	}
	c->sys.blocked |= BLOCK_SHUTDOWN;
	return false;
}

/* ---- between instructions --------------------------------------------------------------------------------------- */

static void note_external(struct x86 *c, u8 vector)
{
	c->trap = (struct x86_trap){ .vector = vector, .kind = TRAP_EXTERNAL, .rip = c->rip };
}

static bool intr_open(const struct x86 *c)
{
	return c->eflags & FL_IF;
}

bool x86_has_work(const struct x86 *c)
{
	u8 ev = c->sys.events;

	if (c->sys.blocked & BLOCK_SIPI)
		return ev & EV_SIPI;
	if ((ev & (EV_SMI | EV_INIT)) && !(c->sys.blocked & BLOCK_SMM))
		return true;
	if ((ev & EV_NMI) && !(c->sys.blocked & BLOCK_NMI))
		return true;
	if (c->sys.blocked & BLOCK_SHUTDOWN)
		return false;
	return ((ev & EV_INTR) && (intr_open(c) || c->s.halted == WAIT_MWAIT_BREAK)) ||
	       (c->s.halted >= WAIT_MWAIT && !c->mmu.monitor);
}

static enum attend deliver_now(struct x86 *c)
{
	struct x86_trap t = c->trap;

	return x86_interrupt(c, &t) ? ATT_AGAIN : ATT_SHUTDOWN;
}

/* In the order of SDM 3A table 6-2. */
enum attend x86_attend(struct x86 *c)
{
	struct x86_sys *y = &c->sys;
	bool lifted = (c->eflags & FL_AC) && c->s.cpl < 3;
	u8 shadow = c->s.shadow;
	u32 db;

	if (c->paging.smap && c->paging.ac != lifted) {
		c->paging.ac = lifted;
		mmu_update(&c->mmu);
	}
	if (UNLIKELY(y->blocked & (BLOCK_SHUTDOWN | BLOCK_SIPI))) {
		if (!x86_has_work(c))
			return y->blocked & BLOCK_SIPI ? ATT_HALT : ATT_SHUTDOWN;
		y->blocked &= (u8)~BLOCK_SHUTDOWN;
		if (y->blocked & BLOCK_SIPI) {
			x86_take_sipi(c);
			return ATT_AGAIN;
		}
	}
	if ((y->db_pending & DR6_BT) && !c->s.halted)
		goto debug;
	if (UNLIKELY(y->events & (EV_SMI | EV_INIT)) && !(y->blocked & BLOCK_SMM)) {
		if (y->events & EV_SMI) {
			y->events &= (u8)~EV_SMI;
			smm_enter(c);
		} else {
			x86_take_init(c);
		}
		return ATT_AGAIN;
	}
	if (y->db_pending && shadow != SHADOW_SS)
		goto debug;
	if ((y->events & EV_NMI) && !(y->blocked & BLOCK_NMI) && shadow != SHADOW_SS) {
		y->events &= (u8)~EV_NMI;
		y->blocked |= BLOCK_NMI;
		note_external(c, X86_NMI);
		return deliver_now(c);
	}
	if ((y->events & EV_INTR) && intr_open(c) && !shadow) {
		note_external(c, c->ops->intack ? c->ops->intack(c) : 0xff);
		return deliver_now(c);
	}
	if (c->s.halted) {
		if (!x86_has_work(c))
			return ATT_HALT;
		c->s.halted = 0; /* what MWAIT waited for */
		mmu_monitor_off(&c->mmu);
	}
	if (c->breakpoints_armed && !(c->eflags & FL_RF) && shadow != SHADOW_SS && (db = debug_code(c, c->rip))) {
		c->trap = (struct x86_trap){ .vector = X86_DB, .kind = TRAP_FAULT, .rip = c->rip, .dr6 = db };
		return deliver_now(c);
	}
	c->tf_masked = false;
	if (!shadow && !c->breakpoints_armed && !c->exact_next && !(c->eflags & (FL_TF | FL_RF)))
		return ATT_RUN;
	c->s.shadow = 0;
	c->eflags &= ~(u32)FL_RF; /* good for one instruction */
	return ATT_EXACT;
debug:
	c->trap = (struct x86_trap){ .vector = X86_DB, .kind = TRAP_TRAP, .rip = c->rip, .dr6 = y->db_pending };
	y->db_pending = 0;
	return deliver_now(c);
}

void x86_stepped(struct x86 *c, u64 rip, u32 len, bool tf)
{
	if (!tf || c->tf_masked || c->s.shadow == SHADOW_SS)
		return;
	if ((c->sys.debugctl & DEBUGCTL_BTF) && c->rip == rip + len)
		return;
	c->sys.db_pending |= DR6_BS;
}

void x86_set_intr(struct x86 *c, bool on)
{
	c->sys.events = (u8)((c->sys.events & ~EV_INTR) | (on ? EV_INTR : 0));
}

void x86_nmi(struct x86 *c)
{
	c->sys.events |= EV_NMI;
}

void x86_smi(struct x86 *c)
{
	c->sys.events |= EV_SMI;
}
