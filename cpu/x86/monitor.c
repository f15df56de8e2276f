/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MONITOR and MWAIT (SDM 2B, SDM 3A 9.10); INIT and the wait for a SIPI (SDM 3A 9.4 and 10.1). Left out: power states, so the
 * hints of MWAIT have no effect.
 */
#include <string.h>

#include "cpu/x86/opcodes.h"
#include "cpu/x86/seg.h"
#include "cpu/x86/xlat.h"

/* The line is armed by its physical address; a store to it by anybody disarms it. */
static HANDLER(op_monitor)
{
	u64 va = EA(c, i), mfn, pte;

	if (c->mode_key & KEY_CS64 ? c->r[RCX] : (u32)c->r[RCX])
		RAISE(X86_GP, 0);
	if (!slow_load(c, va, 1))
		return raise_fault(c, i);
	mmu_monitor_off(&c->mmu);
	if (!mmu_peek(&c->mmu, va, &mfn, &pte))
		mmu_monitor(&c->mmu, mfn << PAGE_SHIFT | PAGE_OFFSET(va));
	return leave_after(c, i, BX_LOOKUP);
}

/* ECX bit 0: a masked interrupt ends the wait as well. */
static HANDLER(op_mwait)
{
	if ((c->mode_key & KEY_CS64 ? c->r[RCX] : (u32)c->r[RCX]) >> 1)
		RAISE(X86_GP, 0);
	if (!c->native || !c->mmu.monitor)
		return leave_after(c, i, BX_YIELD);
	c->s.halted = c->r[RCX] & 1 ? WAIT_MWAIT_BREAK : WAIT_MWAIT;
	return leave_after(c, i, BX_HALT);
}

static struct insn *emit_wait(struct xlat *x, const struct xi *dec, insn_fn fn)
{
	x->end = true;
	return emit(x, dec, fn);
}

bool x86_emit_monitor(struct xlat *x, const struct xi *dec)
{
	struct insn *r;

	if ((x->key & KEY_CPL) || (x->key & KEY_VM))
		return emit_ud(x, dec);
	r = emit_wait(x, dec, op_monitor);
	r->base = RAX;
	r->seg = dec->mode == 8 ? REG_ZERO : REG_DS;
	if (dec->segovr != REG_ZERO && (dec->mode != 8 || dec->segovr >= REG_FS))
		r->seg = dec->segovr;
	return true;
}

bool x86_emit_mwait(struct xlat *x, const struct xi *dec)
{
	if ((x->key & KEY_CPL) || (x->key & KEY_VM))
		return emit_ud(x, dec);
	emit_wait(x, dec, op_mwait);
	return true;
}

/* ---- INIT and SIPI ---------------------------------------------------------------------------------------------- */

void x86_take_init(struct x86 *c)
{
	struct x86_state *s = &c->s, old = c->s;
	struct x86_sys sys = c->sys;

	x86_reset(c);
	/* What SDM 3A table 10-1 leaves as it was: caches, x87, SSE and AVX state, XCR0, PKRU, MSRs. */
	s->cr0 = CR0_ET | (old.cr0 & 0x60000000);
	s->fpu = old.fpu;
	memcpy(s->vec, old.vec, sizeof s->vec);
	s->xcr0 = old.xcr0;
	s->pkru = old.pkru;
	s->rng = old.rng;
	s->star = old.star;
	s->lstar = old.lstar;
	s->cstar = old.cstar;
	s->sfmask = old.sfmask;
	s->kernel_gs_base = old.kernel_gs_base;
	s->tsc_aux = old.tsc_aux;
	s->tsc_offset = old.tsc_offset;
	s->sysenter_cs = old.sysenter_cs;
	s->sysenter_esp = old.sysenter_esp;
	s->sysenter_eip = old.sysenter_eip;
	s->pat = old.pat;
	s->apic_base = old.apic_base;
	s->misc_enable = old.misc_enable;
	c->sys = sys;
	c->sys.monitor = 0;
	c->sys.db_pending = 0;
	c->sys.blocked = c->sys.events & EV_INIT_WAIT ? BLOCK_SIPI : 0;
	c->sys.events &= (u8)~(EV_INIT | EV_INIT_WAIT);
	s->rip += s->seg[SEG_CS].base;
	x86_load(c);
}

void x86_take_sipi(struct x86 *c)
{
	u16 sel = (u16)(c->sys.sipi << 8);

	c->sys.events &= (u8)~EV_SIPI;
	c->sys.blocked &= (u8)~BLOCK_SIPI;
	x86_set_seg(c, SEG_CS, sel, (u64)sel << 4, 0xffff, c->s.seg[SEG_CS].attr);
	c->rip = (u64)sel << 4;
	x86_mode_changed(c);
}

void x86_signal_init(struct x86 *c, bool wait)
{
	c->sys.events |= EV_INIT | (wait ? EV_INIT_WAIT : 0);
}

void x86_signal_sipi(struct x86 *c, u8 vector)
{
	/* Only who waits for one, or is about to, heeds it. */
	if (!(c->sys.blocked & BLOCK_SIPI) && !(c->sys.events & EV_INIT_WAIT))
		return;
	c->sys.events |= EV_SIPI;
	c->sys.sipi = vector;
}
