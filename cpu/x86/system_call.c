/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SYSCALL, SYSRET, SYSENTER, SYSEXIT and VMCALL; SDM 2B, SDM 3A 5.8.7 and 5.8.8.
 */
#include "cpu/x86/block.h"
#include "cpu/x86/opcodes.h"
#include "cpu/x86/priv.h"
#include "cpu/x86/seg.h"
#include "cpu/x86/xlat.h"

/* SYSCALL as the SDM has it: flat segments from STAR. */
static const struct insn *syscall_native(struct x86 *c, const struct insn *i)
{
	u16 cs = (u16)(c->s.star >> 32) & 0xfffc;
	u64 fl = x86_rflags(c);

	c->r[RCX] = NEXT_IP(c, i);
	c->r[R11] = fl & ~(u64)FL_RF;
	c->cpu.budget += i->n - 1;
	x86_set_rflags(c, fl & ~(c->s.sfmask | FL_RF));
	c->tf_masked = !(c->eflags & FL_TF); /* TF counts as it is now */
	c->rip = c->mode_key & KEY_CS64 ? c->s.lstar : c->s.cstar;
	x86_set_seg(c, SEG_CS, cs, 0, 0xffffffff, SEGA_P | SEGA_S | SEGA_CODE | SEGA_RW | SEGA_ACCESSED | SEGA_L | SEGA_G);
	x86_set_seg(c, SEG_SS, (u16)(cs + 8), 0, 0xffffffff, SEGA_P | SEGA_S | SEGA_RW | SEGA_ACCESSED | SEGA_DB | SEGA_G);
	c->s.cpl = 0;
	x86_mode_changed(c);
	return leave(c, c->rip, BX_LOOKUP);
}

static HANDLER(op_syscall)
{
	if (c->ops->syscall)
		return leave_after(c, i, BX_SYSCALL);
	if (!(c->s.efer & EFER_SCE) || !(c->mode_key & KEY_CS64))
		RAISE(X86_UD, 0);
	return syscall_native(c, i);
}

bool x86_emit_syscall(struct xlat *x, const struct xi *dec)
{
	emit(x, dec, op_syscall);
	return true;
}

static HANDLER(op_sysret)
{
	u16 base = (u16)(c->s.star >> 48);
	bool wide = i->aux == 8;

	if (!(c->s.efer & EFER_SCE) || !(c->mode_key & KEY_CS64))
		RAISE(X86_UD, 0);
	if (wide && !canonical(c, c->r[RCX]))
		RAISE(X86_GP, 0);
	c->cpu.budget += i->n - 1;
	x86_set_rflags(c, (c->r[R11] & 0x3c7fd7) | FL_FIXED1);
	/* Unlike POPF and IRET it brings TF into force at once, or out of it. */
	c->tf_masked = true;
	if (c->native && (c->eflags & FL_TF))
		c->sys.db_pending |= DR6_BS;
	x86_set_seg(c, SEG_CS, (u16)((base + (wide ? 16 : 0)) | 3), 0, 0xffffffff,
		    SEGA_P | SEGA_DPL | SEGA_S | SEGA_CODE | SEGA_RW | SEGA_ACCESSED | SEGA_G | (wide ? SEGA_L : SEGA_DB));
	x86_set_seg(c, SEG_SS, (u16)((base + 8) | 3), 0, 0xffffffff,
		    SEGA_P | SEGA_DPL | SEGA_S | SEGA_RW | SEGA_ACCESSED | SEGA_DB | SEGA_G);
	c->s.cpl = 3;
	c->rip = wide ? c->r[RCX] : (u32)c->r[RCX];
	x86_mode_changed(c);
	return leave(c, c->rip, BX_LOOKUP);
}

bool x86_emit_sysret(struct xlat *x, const struct xi *dec)
{
	emit(x, dec, op_sysret)->aux = dec->opsz;
	return true;
}

static HANDLER(op_sysenter)
{
	if (c->ops->sysenter)
		return leave_after(c, i, BX_SYSENTER);
	if (!(c->s.sysenter_cs & 0xfffc) || !(c->mode_key & KEY_PE))
		RAISE(X86_GP, 0);
	c->cpu.budget += i->n - 1;
	c->eflags &= ~(u32)(FL_VM | FL_IF | FL_RF);
	x86_set_seg(c, SEG_CS, (u16)(c->s.sysenter_cs & 0xfffc), 0, 0xffffffff,
		    SEGA_P | SEGA_S | SEGA_CODE | SEGA_RW | SEGA_ACCESSED | SEGA_G | (c->mode_key & KEY_LMA ? SEGA_L : SEGA_DB));
	x86_set_seg(c, SEG_SS, (u16)((c->s.sysenter_cs & 0xfffc) + 8), 0, 0xffffffff,
		    SEGA_P | SEGA_S | SEGA_RW | SEGA_ACCESSED | SEGA_DB | SEGA_G);
	c->s.cpl = 0;
	c->r[RSP] = c->s.sysenter_esp;
	c->rip = c->s.sysenter_eip;
	x86_mode_changed(c);
	return leave(c, c->rip, BX_LOOKUP);
}

bool x86_emit_sysenter(struct xlat *x, const struct xi *dec)
{
	if (!(x->c->features & BIT(F_SEP)))
		return emit_ud(x, dec);
	emit(x, dec, op_sysenter);
	return true;
}

static HANDLER(op_sysexit)
{
	bool wide = i->aux == 8;
	u16 base = (u16)c->s.sysenter_cs;

	if (!(base & 0xfffc))
		RAISE(X86_GP, 0);
	c->cpu.budget += i->n - 1;
	x86_set_seg(c, SEG_CS, (u16)((base + (wide ? 32 : 16)) | 3), 0, 0xffffffff,
		    SEGA_P | SEGA_DPL | SEGA_S | SEGA_CODE | SEGA_RW | SEGA_ACCESSED | SEGA_G | (wide ? SEGA_L : SEGA_DB));
	x86_set_seg(c, SEG_SS, (u16)((base + (wide ? 40 : 24)) | 3), 0, 0xffffffff,
		    SEGA_P | SEGA_DPL | SEGA_S | SEGA_RW | SEGA_ACCESSED | SEGA_DB | SEGA_G);
	c->s.cpl = 3;
	c->r[RSP] = wide ? c->r[RCX] : (u32)c->r[RCX];
	c->rip = wide ? c->r[RDX] : (u32)c->r[RDX];
	x86_mode_changed(c);
	return leave(c, c->rip, BX_LOOKUP);
}

bool x86_emit_sysexit(struct xlat *x, const struct xi *dec)
{
	if (!(x->c->features & BIT(F_SEP)))
		return emit_ud(x, dec);
	emit(x, dec, op_sysexit)->aux = dec->opsz;
	return true;
}

static HANDLER(op_vmcall)
{
	if (!c->ops->vmcall)
		RAISE(X86_UD, 0);
	return leave_after(c, i, BX_VMCALL);
}

bool x86_emit_vmcall(struct xlat *x, const struct xi *dec)
{
	emit(x, dec, op_vmcall);
	return true;
}
