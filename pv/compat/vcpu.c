/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The start of a 32-bit vCPU from its struct vcpu_guest_context of 2800 bytes (Xen public/arch-x86/xen.h and xen-x86_32.h), and
 * the context of one as it is.
 */
#include "base/endian.h"
#include "pv/compat/compat.h"
#include "pv/mm/mm.h"
#include "pv/traps.h"
#include "xen/sched.h"

/* Byte offsets. */
enum {
	GC_FPU = 0,
	GC_FLAGS = 512,
	GC_REGS = 516, /* ebx ecx edx esi edi ebp eax, error code and vector, then: */
	GC_EIP = 548,
	GC_CS = 552,
	GC_EFLAGS = 556,
	GC_ESP = 560,
	GC_SS = 564,
	GC_ES = 568,
	GC_DS = 572,
	GC_FS = 576,
	GC_GS = 580,
	GC_TRAPS = 584, /* 256 of { vector, flags, cs, address } */
	GC_LDT_BASE = 2632,
	GC_LDT_ENTS = 2636,
	GC_GDT_FRAMES = 2640,
	GC_GDT_ENTS = 2704,
	GC_KERNEL_SS = 2708,
	GC_KERNEL_SP = 2712,
	GC_CTRLREG = 2716,
	GC_DEBUGREG = 2748,
	GC_EVENT_CS = 2780,
	GC_EVENT_IP = 2784,
	GC_FAILSAFE_CS = 2788,
	GC_FAILSAFE_IP = 2792,
	GC_VM_ASSIST = 2796,
	GC_SIZE = 2800
};
enum { VGCF_I387_VALID = 1 << 0, VGCF_FAILSAFE_DISABLES_EVENTS = 1 << 3, VGCF_ONLINE = 1 << 5 };

#define LDT_ENTRIES_MAX 8192u

static const u8 order[7] = { RBX, RCX, RDX, RSI, RDI, RBP, RAX };

static void load_registers(struct vcpu *v, const u8 *g)
{
	struct x86_state *s = &x86_of(v)->s;
	u32 fl = ld32(g + GC_EFLAGS), i;

	x86_sync(x86_of(v));
	memset(s->gpr, 0, sizeof s->gpr);
	for (i = 0; i < ARRAY_SIZE(order); i++)
		s->gpr[order[i]] = ld32(g + GC_REGS + i * 4);
	s->gpr[RSP] = ld32(g + GC_ESP);
	s->rip = ld32(g + GC_EIP);
	s->rflags = (fl & ~(u32)(FL_IOPL | FL_VM | FL_VIF | FL_VIP)) | FL_IF | FL_FIXED1;
	if (ld32(g + GC_FLAGS) & VGCF_I387_VALID)
		pv_load_fxsave(s, g + GC_FPU, false);
	x86_load(x86_of(v));
}

static void load_host_state(struct vcpu *v, const u8 *g)
{
	struct pv_vcpu_state *s = &pv_of(v)->s;
	u32 i;

	s->flags &= ~(u32)PV_FAILSAFE_MASK;
	if (ld32(g + GC_FLAGS) & VGCF_FAILSAFE_DISABLES_EVENTS)
		s->flags |= PV_FAILSAFE_MASK;
	s->iopl = ld32(g + GC_EFLAGS) >> 12 & 3;
	s->kernel_ss = compat_selector(ld16(g + GC_KERNEL_SS));
	s->kernel_sp = ld32(g + GC_KERNEL_SP);
	s->event_cs = compat_selector(ld16(g + GC_EVENT_CS));
	s->event_ip = ld32(g + GC_EVENT_IP);
	s->failsafe_cs = compat_selector(ld16(g + GC_FAILSAFE_CS));
	s->failsafe_ip = ld32(g + GC_FAILSAFE_IP);
	pv_set_ts(v, ld32(g + GC_CTRLREG) & CR0_TS);
	s->ctrlreg[2] = ld32(g + GC_CTRLREG + 8);
	s->ctrlreg[4] = pv_guest_cr4(x86_of(v), ld32(g + GC_CTRLREG + 16));
	x86_of(v)->s.cr4 = pv_real_cr4(x86_of(v), s->ctrlreg[4]);
	for (i = 0; i < 256; i++) {
		const u8 *t = g + GC_TRAPS + i * 8;

		s->traps[i].flags = t[1];
		s->traps[i].cs = compat_selector(ld16(t + 2));
		s->traps[i].address = ld32(t + 4);
	}
}

static void load_segments(struct vcpu *v, const u8 *g)
{
	const u16 sel[4] = { ld16(g + GC_ES), ld16(g + GC_DS), ld16(g + GC_FS), ld16(g + GC_GS) };
	u16 cs = compat_selector(ld16(g + GC_CS)), ss = compat_selector(ld16(g + GC_SS));
	u32 err, bad;

	if (pv_load_code_stack(v, cs, ss, &err) >= 0)
		pv_load_code_stack(v, COMPAT_KERNEL_CS, COMPAT_KERNEL_SS, &err);
	bad = pv_start_data(v, sel);
	x86_of(v)->rip = (u32)(ld32(g + GC_EIP) + x86_of(v)->s.seg[SEG_CS].base);
	pv_start_end(v, bad);
}

static i64 initialise(struct vcpu *by, struct vcpu *v, const u8 *g)
{
	u64 frames[16];
	u32 i;
	int r;

	if (PAGE_OFFSET(ld32(g + GC_LDT_BASE)) || ld32(g + GC_LDT_ENTS) > LDT_ENTRIES_MAX)
		return -XEN_EINVAL;
	for (i = 0; i < 16; i++)
		frames[i] = ld32(g + GC_GDT_FRAMES + i * 4);
	r = pv_mm_set_gdt(v, frames, ld32(g + GC_GDT_ENTS));
	if (!r)
		r = pv_mm_set_ldt(v, ld32(g + GC_LDT_BASE), ld32(g + GC_LDT_ENTS));
	if (!r)
		r = pv_mm_load_roots(by, v, compat_cr3_to_mfn(ld32(g + GC_CTRLREG + 12)), 0);
	if (r) {
		if (r != -XEN_ERESTART)
			pv_mm_vcpu_reset(by, v);
		return r;
	}
	load_host_state(v, g);
	for (i = 0; i < 8; i++)
		if (i != 4 && i != 5)
			pv_debugreg_set(v, i, ld32(g + GC_DEBUGREG + i * 4)); /* what it refuses stays 0 */
	load_registers(v, g);
	load_segments(v, g);
	if (v->id == 0)
		pv_dom(v->d)->s.vm_assist = ld32(g + GC_VM_ASSIST);
	xen_of(v)->s.flags |= XEN_VCPU_INITIALISED;
	if (ld32(g + GC_FLAGS) & VGCF_ONLINE)
		xen_vcpu_up(v);
	return 0;
}

i64 compat_vcpu_initialise(struct hc *h, struct vcpu *v, u64 va)
{
	u8 g[GC_SIZE];
	i64 r;

	if (xen_copy_from(h->v, g, va, sizeof g))
		return -XEN_EFAULT;
	if (xen_of(v)->s.flags & XEN_VCPU_INITIALISED)
		return -XEN_EEXIST;
	r = initialise(h->v, v, g);
	return r == -XEN_ERESTART ? hc_continue(h) : r;
}

/* ---- and the reverse --------------------------------------------------------------------------------------------- */

static void save_host_state(struct vcpu *v, u8 *g)
{
	const struct pv_vcpu_state *s = &pv_of(v)->s;
	u32 i;

	st32(g + GC_FLAGS, VGCF_I387_VALID | VGCF_ONLINE | (s->flags & PV_FAILSAFE_MASK ? VGCF_FAILSAFE_DISABLES_EVENTS : 0));
	for (i = 0; i < 256; i++) {
		u8 *t = g + GC_TRAPS + i * 8;

		t[0] = (u8)i;
		t[1] = s->traps[i].flags;
		st16(t + 2, s->traps[i].cs);
		st32(t + 4, (u32)s->traps[i].address);
	}
	st32(g + GC_LDT_BASE, (u32)s->ldt_base);
	st32(g + GC_LDT_ENTS, s->ldt_entries);
	for (i = 0; i < 16; i++)
		st32(g + GC_GDT_FRAMES + i * 4, (u32)s->gdt_frames[i]);
	st32(g + GC_GDT_ENTS, s->gdt_entries);
	st32(g + GC_KERNEL_SS, (u32)s->kernel_ss);
	st32(g + GC_KERNEL_SP, (u32)s->kernel_sp);
	st32(g + GC_CTRLREG, s->flags & PV_FPU_TS ? CR0_TS : 0);
	st32(g + GC_CTRLREG + 8, (u32)s->ctrlreg[2]);
	st32(g + GC_CTRLREG + 12, (u32)compat_mfn_to_cr3(s->kernel_root));
	st32(g + GC_CTRLREG + 16, (u32)s->ctrlreg[4]);
	st32(g + GC_EVENT_CS, (u32)s->event_cs);
	st32(g + GC_EVENT_IP, (u32)s->event_ip);
	st32(g + GC_FAILSAFE_CS, (u32)s->failsafe_cs);
	st32(g + GC_FAILSAFE_IP, (u32)s->failsafe_ip);
	st32(g + GC_VM_ASSIST, pv_dom(v->d)->s.vm_assist);
}

void compat_vcpu_context(struct vcpu *v, u8 *g)
{
	const struct x86_state *x = &x86_of(v)->s;
	u32 i;

	pv_save_fxsave(x, g + GC_FPU, false);
	for (i = 0; i < ARRAY_SIZE(order); i++)
		st32(g + GC_REGS + i * 4, (u32)x->gpr[order[i]]);
	st32(g + GC_EIP, (u32)(x->rip - x->seg[SEG_CS].base));
	st32(g + GC_CS, x->seg[SEG_CS].sel);
	st32(g + GC_EFLAGS, (u32)x->rflags | pv_of(v)->s.iopl << 12);
	st32(g + GC_ESP, (u32)x->gpr[RSP]);
	st32(g + GC_SS, x->seg[SEG_SS].sel);
	st32(g + GC_ES, x->seg[SEG_ES].sel);
	st32(g + GC_DS, x->seg[SEG_DS].sel);
	st32(g + GC_FS, x->seg[SEG_FS].sel);
	st32(g + GC_GS, x->seg[SEG_GS].sel);
	for (i = 0; i < 8; i++)
		if (i != 4 && i != 5)
			st32(g + GC_DEBUGREG + i * 4, (u32)x->dr[i]);
	save_host_state(v, g);
}

/* Byte offsets of two of the general registers. */
enum { GC_EDX = GC_REGS + 2 * 4, GC_EAX = GC_REGS + 6 * 4 };

bool compat_context_frames(u8 *g, bool suspends, u64 (*to)(const void *opaque, u64 frame), const void *opaque)
{
	u32 n = MIN(DIV_UP(MIN(ld32(g + GC_GDT_ENTS), 16 * 512u), 512), 16), i;
	u64 f;

	for (i = 0; i < n; i++) {
		f = to(opaque, ld32(g + GC_GDT_FRAMES + i * 4));
		if (f == ~0ULL)
			return false;
		st32(g + GC_GDT_FRAMES + i * 4, (u32)f);
	}
	f = to(opaque, compat_cr3_to_mfn(ld32(g + GC_CTRLREG + 12)));
	if (f == ~0ULL)
		return false;
	st32(g + GC_CTRLREG + 12, (u32)compat_mfn_to_cr3(f));
	if (!suspends)
		return true;
	f = to(opaque, ld32(g + GC_EDX));
	st32(g + GC_EDX, (u32)f);
	st32(g + GC_EAX, 0);
	return f != ~0ULL;
}

u64 compat_context_start_info(const u8 *g)
{
	return ld32(g + GC_EDX);
}

i64 compat_vcpu_from_context(struct vcpu *v, const u8 *g)
{
	return initialise(v, v, g);
}
