/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VCPUOP_initialise of a paravirtual guest: a vCPU starts from a struct vcpu_guest_context (Xen public/arch-x86/xen.h); and the
 * reverse, the context of a vCPU as it is. That of a 32-bit guest is in pv/compat/vcpu.c.
 */
#include "base/endian.h"
#include "pv/compat/compat.h"
#include "pv/mm/mm.h"
#include "pv/traps.h"
#include "xen/evtchn.h"
#include "xen/info.h"
#include "xen/sched.h"
#include "xen/time.h"

/* Byte offsets in the 64-bit struct vcpu_guest_context. */
enum {
	GC_FPU = 0,
	GC_FLAGS = 512,
	GC_REGS = 520, /* r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi, error code, vector, then: */
	GC_RIP = 648,
	GC_CS = 656,
	GC_RFLAGS = 664,
	GC_RSP = 672,
	GC_SS = 680,
	GC_ES = 688,
	GC_DS = 696,
	GC_FS = 704,
	GC_GS = 712,
	GC_TRAPS = 720, /* 256 of { vector, flags, cs, pad, address } */
	GC_LDT_BASE = 4816,
	GC_LDT_ENTS = 4824,
	GC_GDT_FRAMES = 4832,
	GC_GDT_ENTS = 4960,
	GC_KERNEL_SS = 4968,
	GC_KERNEL_SP = 4976,
	GC_CTRLREG = 4984,
	GC_DEBUGREG = 5048,
	GC_EVENT_IP = 5112,
	GC_FAILSAFE_IP = 5120,
	GC_SYSCALL_IP = 5128,
	GC_VM_ASSIST = 5136,
	GC_FS_BASE = 5144,
	GC_GS_KERNEL = 5152,
	GC_GS_USER = 5160,
	GC_SIZE = 5168
};

enum {
	VGCF_I387_VALID = 1 << 0,
	VGCF_IN_KERNEL = 1 << 2,
	VGCF_FAILSAFE_DISABLES_EVENTS = 1 << 3,
	VGCF_SYSCALL_DISABLES_EVENTS = 1 << 4,
	VGCF_ONLINE = 1 << 5
};

#define LDT_ENTRIES_MAX 8192u

/* ---- VCPUOP_initialise ----------------------------------------------------------------------------------------- */

static bool context_ok(const u8 *g)
{
	static const u16 addresses[] = { GC_RIP,	 GC_RSP,       GC_KERNEL_SP, GC_FS_BASE,   GC_GS_KERNEL,
					 GC_GS_USER, GC_EVENT_IP, GC_SYSCALL_IP, GC_FAILSAFE_IP };
	u64 ldt = ld64(g + GC_LDT_BASE);
	u32 i;

	for (i = 0; i < ARRAY_SIZE(addresses); i++)
		if (!pv_canonical(ld64(g + addresses[i])))
			return false;
	for (i = 0; i < 256; i++)
		if (!pv_canonical(ld64(g + GC_TRAPS + i * 16 + 8)))
			return false;
	if (PAGE_OFFSET(ldt) || ld64(g + GC_LDT_ENTS) > LDT_ENTRIES_MAX || !pv_canonical(ldt) ||
	    (ldt >= 0xffff800000000000ULL && ldt < 0xffff880000000000ULL))
		return false;
	/* Who starts in user mode needs a table to run on. */
	return ld64(g + GC_FLAGS) & VGCF_IN_KERNEL || ld64(g + GC_CTRLREG + 8);
}

void pv_load_fxsave(struct x86_state *s, const u8 *g, bool wide)
{
	struct x86_fpu *f = &s->fpu;
	u32 i;

	f->cw = ld16(g);
	f->top = ld16(g + 2) >> 11 & 7;
	f->sw = ld16(g + 2) & (u16)~(7u << 11);
	f->tag = g[4];
	f->fop = ld16(g + 6) & 0x7ff;
	f->fip = wide ? ld64(g + 8) : ld32(g + 8);
	f->fdp = wide ? ld64(g + 16) : ld32(g + 16);
	f->fcs = wide ? 0 : ld16(g + 12);
	f->fds = wide ? 0 : ld16(g + 20);
	f->mxcsr = ld32(g + 24) & 0xffff;
	for (i = 0; i < 8; i++) {
		f->st[(f->top + i) & 7].mant = ld64(g + 32 + i * 16);
		f->st[(f->top + i) & 7].se = ld16(g + 40 + i * 16);
	}
	for (i = 0; i < (wide ? 16u : 8u); i++) {
		VQ(&s->vec[i], 0) = ld64(g + 160 + i * 16);
		VQ(&s->vec[i], 1) = ld64(g + 168 + i * 16);
	}
}

void pv_save_fxsave(const struct x86_state *s, u8 *g, bool wide)
{
	const struct x86_fpu *f = &s->fpu;
	u32 i;

	memset(g, 0, 512);
	st16(g, f->cw);
	st16(g + 2, (u16)((f->sw & ~(7u << 11)) | (u32)f->top << 11));
	g[4] = f->tag;
	st16(g + 6, f->fop);
	st64(g + 8, wide ? f->fip : (u32)f->fip | (u64)f->fcs << 32);
	st64(g + 16, wide ? f->fdp : (u32)f->fdp | (u64)f->fds << 32);
	st32(g + 24, f->mxcsr);
	st32(g + 28, 0xffff);
	for (i = 0; i < 8; i++) {
		st64(g + 32 + i * 16, f->st[(f->top + i) & 7].mant);
		st16(g + 40 + i * 16, f->st[(f->top + i) & 7].se);
	}
	for (i = 0; i < (wide ? 16u : 8u); i++) {
		st64(g + 160 + i * 16, VQ(&s->vec[i], 0));
		st64(g + 168 + i * 16, VQ(&s->vec[i], 1));
	}
}

/* Of the general registers in the context. */
static const u8 order[15] = { R15, R14, R13, R12, RBP, RBX, R11, R10, R9, R8, RAX, RCX, RDX, RSI, RDI };

static void load_registers(struct vcpu *v, const u8 *g)
{
	struct x86_state *s = &x86_of(v)->s;
	u64 fl = ld64(g + GC_RFLAGS);
	u32 i;

	x86_sync(x86_of(v));
	for (i = 0; i < ARRAY_SIZE(order); i++)
		s->gpr[order[i]] = ld64(g + GC_REGS + i * 8);
	s->gpr[RSP] = ld64(g + GC_RSP);
	s->rip = ld64(g + GC_RIP);
	/* IOPL is virtual, and interrupts are always on for the processor. */
	s->rflags = (fl & ~(u64)(FL_IOPL | FL_VM | FL_VIF | FL_VIP)) | FL_IF | FL_FIXED1;
	if (ld64(g + GC_FLAGS) & VGCF_I387_VALID)
		pv_load_fxsave(s, g + GC_FPU, true);
	x86_load(x86_of(v));
}

static void load_host_state(struct vcpu *v, const u8 *g)
{
	struct pv_vcpu_state *s = &pv_of(v)->s;
	u64 flags = ld64(g + GC_FLAGS);
	u32 i;

	s->flags &= ~(u32)(PV_KERNEL_MODE | PV_SYSCALL_MASK | PV_FAILSAFE_MASK);
	if (flags & VGCF_SYSCALL_DISABLES_EVENTS)
		s->flags |= PV_SYSCALL_MASK;
	if (flags & VGCF_FAILSAFE_DISABLES_EVENTS)
		s->flags |= PV_FAILSAFE_MASK;
	s->iopl = (u32)(ld64(g + GC_RFLAGS) >> 12) & 3;
	s->kernel_ss = ld64(g + GC_KERNEL_SS) | 3;
	s->kernel_sp = ld64(g + GC_KERNEL_SP);
	s->event_cs = s->failsafe_cs = s->syscall_cs = FLAT_KERNEL_CS64;
	s->event_ip = ld64(g + GC_EVENT_IP);
	s->failsafe_ip = ld64(g + GC_FAILSAFE_IP);
	s->syscall_ip = ld64(g + GC_SYSCALL_IP);
	/* CR0 is the host's but for TS; CR1 and CR3 are the roots. */
	pv_set_ts(v, ld64(g + GC_CTRLREG) & CR0_TS);
	s->ctrlreg[2] = ld64(g + GC_CTRLREG + 16);
	s->ctrlreg[4] = pv_guest_cr4(x86_of(v), ld64(g + GC_CTRLREG + 32));
	x86_of(v)->s.cr4 = pv_real_cr4(x86_of(v), s->ctrlreg[4]);
	for (i = 0; i < 256; i++) {
		const u8 *t = g + GC_TRAPS + i * 16;

		s->traps[i].flags = t[1];
		s->traps[i].cs = ld16(t + 2) | 3;
		s->traps[i].address = ld64(t + 8);
	}
}

static const u8 data_regs[4] = { SEG_ES, SEG_DS, SEG_FS, SEG_GS };

u32 pv_start_data(struct vcpu *v, const u16 sel[4])
{
	u32 i, err, bad = 0;

	for (i = 0; i < ARRAY_SIZE(data_regs); i++)
		if (x86_load_data_seg(x86_of(v), data_regs[i], sel[i], &err)) {
			x86_set_seg(x86_of(v), data_regs[i], sel[i], 0, 0, 0);
			bad |= 1u << data_regs[i];
		}
	return bad;
}

void pv_start_end(struct vcpu *v, u32 bad)
{
	u32 i;

	pv_root_changed(v);
	x86_mode_changed(x86_of(v));
	if (!bad)
		return;
	pv_failsafe(v);
	for (i = 0; i < ARRAY_SIZE(data_regs); i++)
		if (bad & 1u << data_regs[i])
			x86_set_seg(x86_of(v), data_regs[i], 0, x86_of(v)->s.seg[data_regs[i]].base, 0, 0);
	x86_mode_changed(x86_of(v));
}

static void load_segments(struct vcpu *v, const u8 *g)
{
	const u16 sel[4] = { ld16(g + GC_ES), ld16(g + GC_DS), ld16(g + GC_FS), ld16(g + GC_GS) };
	struct pv_vcpu_state *s = &pv_of(v)->s;
	bool kernel = ld64(g + GC_FLAGS) & VGCF_IN_KERNEL;
	u32 err, bad;

	x86_of(v)->s.cpl = 3;
	/* Selectors that cannot be loaded give way to the flat ones: there is no guest yet to take a fault. */
	if (pv_load_code_stack(v, ld16(g + GC_CS) | 3, ld16(g + GC_SS) | 3, &err) >= 0)
		pv_load_code_stack(v, FLAT_KERNEL_CS64, FLAT_KERNEL_SS, &err);
	bad = pv_start_data(v, sel);
	s->fs_base = ld64(g + GC_FS_BASE);
	s->gs_base_kernel = ld64(g + GC_GS_KERNEL);
	s->gs_base_user = ld64(g + GC_GS_USER);
	if (kernel)
		s->flags |= PV_KERNEL_MODE;
	/* A selector that names a segment gives the base itself, except the kernel's GS. */
	if (!(ld16(g + GC_FS) & ~3u))
		pv_set_base(v, SEG_FS, s->fs_base);
	if (!(ld16(g + GC_GS) & ~3u) || kernel)
		pv_set_base(v, SEG_GS, kernel ? s->gs_base_kernel : s->gs_base_user);
	x86_of(v)->s.kernel_gs_base = kernel ? s->gs_base_user : s->gs_base_kernel;
	pv_start_end(v, bad);
}

static i64 initialise(struct vcpu *by, struct vcpu *v, const u8 *g)
{
	struct pv_domain *p = pv_dom(v->d);
	u64 flags = ld64(g + GC_FLAGS), frames[16], user = ld64(g + GC_CTRLREG + 8);
	u32 i;
	int r;

	if (!context_ok(g))
		return -XEN_EINVAL;
	for (i = 0; i < 16; i++)
		frames[i] = ld64(g + GC_GDT_FRAMES + i * 8);
	r = pv_mm_set_gdt(v, frames, (u32)MIN(ld64(g + GC_GDT_ENTS), UINT32_MAX));
	if (!r)
		r = pv_mm_set_ldt(v, ld64(g + GC_LDT_BASE), (u32)ld64(g + GC_LDT_ENTS));
	if (!r)
		r = pv_mm_load_roots(by, v, ld64(g + GC_CTRLREG + 24) >> PAGE_SHIFT, user >> PAGE_SHIFT);
	if (r) {
		if (r != -XEN_ERESTART)
			pv_mm_vcpu_reset(by, v);
		return r;
	}
	load_host_state(v, g);
	for (i = 0; i < 8; i++)
		if (i != 4 && i != 5)
			pv_debugreg_set(v, i, ld64(g + GC_DEBUGREG + i * 8)); /* what it refuses stays 0 */
	load_registers(v, g);
	load_segments(v, g);
	if (v->id == 0)
		p->s.vm_assist = (u32)ld64(g + GC_VM_ASSIST);
	xen_of(v)->s.flags |= XEN_VCPU_INITIALISED;
	if (flags & VGCF_ONLINE)
		xen_vcpu_up(v);
	return 0;
}

i64 pv_vcpu_initialise(struct hc *h, struct vcpu *v, u64 va)
{
	u8 g[GC_SIZE];
	i64 r;

	if (pv_dom(v->d)->xen.s.is32)
		return compat_vcpu_initialise(h, v, va);
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
	u64 flags = VGCF_I387_VALID | VGCF_ONLINE;
	u32 i;

	flags |= s->flags & PV_KERNEL_MODE ? VGCF_IN_KERNEL : 0;
	flags |= s->flags & PV_FAILSAFE_MASK ? VGCF_FAILSAFE_DISABLES_EVENTS : 0;
	flags |= s->flags & PV_SYSCALL_MASK ? VGCF_SYSCALL_DISABLES_EVENTS : 0;
	st64(g + GC_FLAGS, flags);
	for (i = 0; i < 256; i++) {
		u8 *t = g + GC_TRAPS + i * 16;

		t[0] = (u8)i;
		t[1] = s->traps[i].flags;
		st16(t + 2, s->traps[i].cs);
		st64(t + 8, s->traps[i].address);
	}
	st64(g + GC_LDT_BASE, s->ldt_base);
	st64(g + GC_LDT_ENTS, s->ldt_entries);
	for (i = 0; i < 16; i++)
		st64(g + GC_GDT_FRAMES + i * 8, s->gdt_frames[i]);
	st64(g + GC_GDT_ENTS, s->gdt_entries);
	st64(g + GC_KERNEL_SS, s->kernel_ss);
	st64(g + GC_KERNEL_SP, s->kernel_sp);
	st64(g + GC_CTRLREG, s->flags & PV_FPU_TS ? CR0_TS : 0);
	st64(g + GC_CTRLREG + 8, s->user_root << PAGE_SHIFT);
	st64(g + GC_CTRLREG + 16, s->ctrlreg[2]);
	st64(g + GC_CTRLREG + 24, s->kernel_root << PAGE_SHIFT);
	st64(g + GC_CTRLREG + 32, s->ctrlreg[4]);
	st64(g + GC_EVENT_IP, s->event_ip);
	st64(g + GC_FAILSAFE_IP, s->failsafe_ip);
	st64(g + GC_SYSCALL_IP, s->syscall_ip);
	st64(g + GC_VM_ASSIST, pv_dom(v->d)->s.vm_assist);
}

void pv_vcpu_context(struct vcpu *v, u8 g[PV_CONTEXT_BYTES])
{
	const struct pv_vcpu_state *s = &pv_of(v)->s;
	const struct x86_state *x = &x86_of(v)->s;
	bool kernel = s->flags & PV_KERNEL_MODE;
	u32 i;

	memset(g, 0, PV_CONTEXT_BYTES);
	if (pv_dom(v->d)->xen.s.is32) {
		compat_vcpu_context(v, g);
		return;
	}
	pv_save_fxsave(x, g + GC_FPU, true);
	for (i = 0; i < ARRAY_SIZE(order); i++)
		st64(g + GC_REGS + i * 8, x->gpr[order[i]]);
	st64(g + GC_RIP, x->rip);
	st64(g + GC_CS, x->seg[SEG_CS].sel);
	st64(g + GC_RFLAGS, x->rflags | (u64)s->iopl << 12);
	st64(g + GC_RSP, x->gpr[RSP]);
	st64(g + GC_SS, x->seg[SEG_SS].sel);
	st64(g + GC_ES, x->seg[SEG_ES].sel);
	st64(g + GC_DS, x->seg[SEG_DS].sel);
	st64(g + GC_FS, x->seg[SEG_FS].sel);
	st64(g + GC_GS, x->seg[SEG_GS].sel);
	st64(g + GC_FS_BASE, x->seg[SEG_FS].base);
	st64(g + GC_GS_KERNEL, kernel ? x->seg[SEG_GS].base : s->gs_base_kernel);
	st64(g + GC_GS_USER, kernel ? s->gs_base_user : x->seg[SEG_GS].base);
	for (i = 0; i < 8; i++)
		if (i != 4 && i != 5)
			st64(g + GC_DEBUGREG + i * 8, x->dr[i]);
	save_host_state(v, g);
}

/* Byte offsets of two of the general registers. */
enum { GC_RAX = GC_REGS + 10 * 8, GC_RDX = GC_REGS + 12 * 8 };

bool pv_context_frames(u8 g[PV_CONTEXT_BYTES], bool is32, bool suspends, u64 (*to)(const void *opaque, u64 frame), const void *opaque)
{
	u64 gdt = ld64(g + GC_GDT_ENTS), f, i;
	u32 root;

	if (is32)
		return compat_context_frames(g, suspends, to, opaque);
	for (i = 0; i < MIN(DIV_UP(MIN(gdt, 16 * 512u), 512), 16); i++) {
		f = to(opaque, ld64(g + GC_GDT_FRAMES + i * 8));
		if (f == ~0ULL)
			return false;
		st64(g + GC_GDT_FRAMES + i * 8, f);
	}
	/* The user's table, which there may be none of, and the kernel's. */
	for (root = 1; root <= 3; root += 2) {
		f = ld64(g + GC_CTRLREG + root * 8);
		if (!f && root == 1)
			continue;
		f = to(opaque, f >> PAGE_SHIFT);
		if (f == ~0ULL)
			return false;
		/* Page 0 is a page, too. */
		st64(g + GC_CTRLREG + root * 8, f << PAGE_SHIFT | 1);
	}
	if (!suspends)
		return true;
	f = to(opaque, ld64(g + GC_RDX));
	st64(g + GC_RDX, f);
	st64(g + GC_RAX, 0);
	return f != ~0ULL;
}

u64 pv_context_start_info(const u8 g[PV_CONTEXT_BYTES], bool is32)
{
	return is32 ? compat_context_start_info(g) : ld64(g + GC_RDX);
}

int pv_vcpu_from_context(struct vcpu *v, const u8 g[PV_CONTEXT_BYTES])
{
	i64 r;

	/* What is long is done in pieces, for the sake of a guest that runs; none does. */
	do {
		pv_dom(v->d)->xen.work = 0;
		r = pv_dom(v->d)->xen.s.is32 ? compat_vcpu_from_context(v, g) : initialise(v, v, g);
	} while (r == -XEN_ERESTART);
	return (int)r;
}
