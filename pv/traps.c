/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How control reaches a paravirtual kernel: bounce frames for exceptions, system calls, events and NMIs, and the way
 * back by the iret hypercall (Xen public/arch-x86/xen-x86_64.h). 32-bit kernels' frames are in pv/compat/trap.c. Left out:
 * 64-bit guests' call gates.
 */
#include "pv/hypercall.h"
#include "pv/traps_impl.h"

#include "base/endian.h"
#include "cpu/x86/seg.h"
#include "pv/compat/compat.h"
#include "pv/mm/mm.h"
#include "vm/run.h"
#include "xen/evtchn.h"

#define HYPER_START 0xffff800000000000ULL
#define HYPER_END 0xffff880000000000ULL
#define VGCF_IN_SYSCALL 256u
#define INT80 0x80
/* What a trap clears in RFLAGS. */
#define TRAP_CLEARS ((u64)(FL_TF | FL_NT | FL_RF | FL_AC | FL_VM))

/* ---- modes ------------------------------------------------------------------------------------------------------ */

void pv_root_changed(struct vcpu *v)
{
	const struct pv_vcpu_state *s = &pv_of(v)->s;
	bool kernel = (s->flags & PV_KERNEL_MODE) || pv_dom(v->d)->xen.s.is32;
	u64 root = (kernel ? s->kernel_root : s->user_root) << PAGE_SHIFT;

	x86_of(v)->s.cr3 = root;
	if (x86_of(v)->mmu.root == root)
		return;
	x86_of(v)->mmu.root = root;
	mmu_update(&x86_of(v)->mmu);
}

void pv_set_mode(struct vcpu *v, bool kernel)
{
	struct pv_vcpu_state *s = &pv_of(v)->s;
	struct x86 *c = x86_of(v);

	if (pv_dom(v->d)->xen.s.is32) {
		c->mmu.user = !kernel;
		mmu_update(&c->mmu);
		return;
	}
	if (pv_kernel_mode(v) == kernel)
		return;
	/* As SWAPGS: each mode has a GS base of its own, the selector is common. */
	if (kernel) {
		s->gs_base_user = c->s.seg[SEG_GS].base;
		s->flags |= PV_KERNEL_MODE;
		pv_set_base(v, SEG_GS, s->gs_base_kernel);
		c->s.kernel_gs_base = s->gs_base_user;
	} else {
		s->gs_base_kernel = c->s.seg[SEG_GS].base;
		s->flags &= ~(u32)PV_KERNEL_MODE;
		pv_set_base(v, SEG_GS, s->gs_base_user);
		c->s.kernel_gs_base = s->gs_base_kernel;
	}
	pv_root_changed(v);
}

/* CS and SS of the flat segments: kernel mode, and user mode after a system call. */
static void flat_segments(struct x86 *c, u16 cs)
{
	bool compat = cs == FLAT_KERNEL_CS32;

	x86_set_seg(c, SEG_CS, cs, 0, 0xffffffff, compat ? 0xc0fb : 0xa0fb);
	x86_set_seg(c, SEG_SS, FLAT_KERNEL_SS, 0, 0xffffffff, 0xc0f3);
	x86_mode_changed(c);
}

static bool alive(struct vcpu *v)
{
	return v->d->end == END_RUNNING;
}

/* ---- bounce frames ---------------------------------------------------------------------------------------------- */

static bool bounce64(struct vcpu *v, const struct bounce *b)
{
	struct pv_vcpu_state *s = &pv_of(v)->s;
	struct x86 *c = x86_of(v);
	bool user = !pv_kernel_mode(v);
	u64 cs = c->s.seg[SEG_CS].sel, ss = c->s.seg[SEG_SS].sel, sp = c->r[RSP];
	u64 rflags = x86_rflags(c), frame[12], to;
	struct mmu_fault f;
	u8 raw[sizeof frame], mask;
	u32 i, n = 0;

	if (user)
		pv_set_mode(v, true);
	else
		cs &= ~3ULL; /* tells the guest that it was in its kernel */
	mask = xen_info_u8(v, VI_MASK);
	frame[n++] = c->r[RCX];
	frame[n++] = c->r[R11];
	if (b->flags & BOUNCE_FAILSAFE) {
		frame[n++] = c->s.seg[SEG_DS].sel;
		frame[n++] = c->s.seg[SEG_ES].sel;
		frame[n++] = c->s.seg[SEG_FS].sel;
		frame[n++] = c->s.seg[SEG_GS].sel;
	}
	if (b->flags & BOUNCE_ERROR)
		frame[n++] = b->error;
	frame[n++] = ip_of(c, c->rip);
	frame[n++] = cs | (u64)mask << 32;
	frame[n] = (rflags & ~(u64)(FL_IF | FL_IOPL)) | (mask ? 0 : FL_IF);
	if (pv_dom(v->d)->s.vm_assist & VMASST_ARCH_IOPL)
		frame[n] |= (u64)(s->iopl & 3) << 12;
	n++;
	frame[n++] = sp;
	frame[n++] = ss;
	for (i = 0; i < n; i++)
		st64(raw + i * 8, frame[i]);
	/* What is aligned is the end of the frame. */
	to = ((user ? s->kernel_sp : sp) & ~15ULL) - n * 8;
	if (!b->ip) {
		domain_crash(v->d, v, "%s %u came at %llx, for which the guest has set no handler.", b->what, b->n,
			     (unsigned long long)c->rip);
		return false;
	}
	if ((to + n * 8 > HYPER_START && to < HYPER_END) || mmu_write(&c->mmu, to, raw, n * 8, &f)) {
		domain_crash(v->d, v, "%s %u came at %llx, but the guest's kernel stack at %llx cannot be written.",
			     b->what, b->n, (unsigned long long)c->rip, (unsigned long long)to);
		return false;
	}
	if (b->flags & BOUNCE_MASK)
		xen_info_set_u8(v, VI_MASK, 1);
	c->r[RSP] = to;
	c->rip = b->ip;
	x86_set_rflags(c, (rflags & ~TRAP_CLEARS) | FL_IF);
	flat_segments(c, FLAT_KERNEL_CS64);
	return true;
}

/* Puts the frame on the kernel's stack and goes to the handler, whose TF is clear. False: the domain has crashed. */
static bool bounce(struct vcpu *v, const struct bounce *b)
{
	x86_of(v)->sys.db_pending = 0;
	return pv_dom(v->d)->xen.s.is32 ? compat_bounce(v, b) : bounce64(v, b);
}

/* An exception by the guest's own trap table. */
static bool bounce_trap(struct vcpu *v, u8 vector, bool has_error, u32 error)
{
	const struct pv_trap_entry *t = &pv_of(v)->s.traps[vector];
	struct bounce b = { .ip = t->address, .cs = t->cs, .error = error, .what = "exception", .n = vector };

	b.flags = (has_error ? BOUNCE_ERROR : 0) | (t->flags & 4 ? BOUNCE_MASK : 0);
	return bounce(v, &b);
}

bool pv_inject(struct vcpu *v, u8 vector, bool has_error, u32 error)
{
	return bounce_trap(v, vector, has_error, error) && alive(v);
}

bool pv_failsafe(struct vcpu *v)
{
	const struct pv_vcpu_state *s = &pv_of(v)->s;
	struct bounce b = { .ip = s->failsafe_ip, .cs = (u16)s->failsafe_cs, .flags = BOUNCE_FAILSAFE, .what = "the failsafe callback of vCPU" };

	b.n = v->id;
	if (s->flags & PV_FAILSAFE_MASK)
		b.flags |= BOUNCE_MASK;
	return bounce(v, &b) && alive(v);
}

/* ---- exceptions --------------------------------------------------------------------------------------------------- */

#define FORCED_CPUID_LEN 7u

/* ud2 "xen" cpuid: CPUID that cannot be missed. */
static bool is_forced_cpuid(struct x86 *c, u64 rip)
{
	static const u8 magic[FORCED_CPUID_LEN] = { 0x0f, 0x0b, 0x78, 0x65, 0x6e, 0x0f, 0xa2 };
	u8 bytes[15];

	return x86_fetch_bytes(c, rip, bytes) >= sizeof magic && !memcmp(bytes, magic, sizeof magic);
}

static bool forced_cpuid(struct x86 *c, u64 rip)
{
	u32 out[4];

	if (!is_forced_cpuid(c, rip))
		return false;
	pv_cpuid(c, (u32)c->r[RAX], (u32)c->r[RCX], out);
	/* Kernels see the host's own OSXSAVE here, and take it for leave to use XSAVE. */
	if ((u32)c->r[RAX] == 1 && pv_kernel_mode(x86_vcpu(c)) && (c->s.cr4 & CR4_OSXSAVE))
		out[2] |= CPUID1_ECX_OSXSAVE;
	c->r[RAX] = out[0];
	c->r[RBX] = out[1];
	c->r[RCX] = out[2];
	c->r[RDX] = out[3];
	c->rip = rip + FORCED_CPUID_LEN;
	c->eflags &= ~(u32)FL_RF;
	return true;
}

/*
 * INT n. The host has gates of its own for 3, 4 and 0x80, which let everybody through, and for 0x82. All others fault, and the
 * guest's gates say who may; the frame has the RF of that fault.
 */
static bool soft_trap(struct vcpu *v, const struct x86_trap *t)
{
	const struct pv_trap_entry *e = &pv_of(v)->s.traps[t->vector];
	bool kernel = pv_kernel_mode(v), is32 = pv_dom(v->d)->xen.s.is32;
	u32 need = kernel ? 1 : 3;

	/* The host's own gate is for ring 1: from ring 3 the vector is one like any other. */
	if (t->vector == COMPAT_HYPERCALL && kernel && is32) {
		xen_hypercall(v);
		return true;
	}
	if (t->vector == X86_BP || t->vector == X86_OF || (t->vector == INT80 && (is32 ? e->cs & ~3u : e->address)))
		return bounce_trap(v, t->vector, false, 0);
	x86_of(v)->eflags |= FL_RF;
	if ((e->flags & 3) < need) {
		x86_of(v)->rip = t->start; /* a fault: back to the instruction */
		return bounce_trap(v, X86_GP, true, t->vector * 8u + 2);
	}
	return bounce_trap(v, t->vector, false, 0);
}

static bool trap_op(struct x86 *c, const struct x86_trap *t)
{
	struct vcpu *v = x86_vcpu(c);
	struct pv_vcpu_state *s = &pv_of(v)->s;
	u32 error = t->error;
	bool ok;

	/* A debug exception that was held back until now arrives in the host, which has no use for it. */
	c->sys.db_pending = 0;
	if (log_on(&v->d->host->log, LOG_INT | LOG_MMU) && c->log_trap)
		c->log_trap(c, t, t->vector == X86_UD && is_forced_cpuid(c, t->rip) ? "forced CPUID" : NULL);
	if (t->kind == TRAP_INT || t->kind == TRAP_INT3)
		return soft_trap(v, t) && alive(v);
	switch (t->vector) {
	case X86_UD:
		if (forced_cpuid(c, t->rip))
			return true;
		break;
	case X86_PF:
		s->ctrlreg[2] = t->cr2;
		c->s.cr2 = t->cr2;
		xen_info_set_u64(v, VI_CR2, t->cr2);
		error = (error & ~(u32)PF_U) | (pv_kernel_mode(v) ? 0 : PF_U);
		break;
	case X86_NM:
		/* The host's lazy FPU switching: TS falls as the exception is passed on. */
		s->ctrlreg[0] &= ~(u64)CR0_TS;
		s->flags &= ~(u32)PV_FPU_TS;
		c->s.cr0 &= ~(u64)CR0_TS;
		x86_mode_changed(c);
		break;
	case X86_DB:
		c->s.dr[6] |= t->dr6;
		break;
	default:
		break;
	}
	c->rip = t->rip;
	/* A fault's frame has RF set, but not that of the breakpoint which RF gets past (SDM 3B 17.3.1.1). */
	if (t->kind == TRAP_FAULT && t->vector != X86_DB)
		c->eflags |= FL_RF;
	ok = bounce_trap(v, t->vector, t->has_error, error);
	return ok && alive(v);
}

/* ---- system calls --------------------------------------------------------------------------------------------------- */

/* A hypercall of a 64-bit kernel. */
static bool hypercall_op(struct x86 *c)
{
	struct vcpu *v = x86_vcpu(c);
	u64 rip = c->rip;

	c->r[RCX] = rip;
	c->r[R11] = x86_rflags(c);
	/* SYSRET brings flat segments, whatever was there before. */
	if (c->s.seg[SEG_CS].sel != FLAT_KERNEL_CS64 || c->s.seg[SEG_SS].sel != FLAT_KERNEL_SS)
		flat_segments(c, FLAT_KERNEL_CS64);
	c->tf_masked = false;
	xen_hypercall(v);
	/* SYSRET brings TF into force at once; IRET, with which the iret hypercall ends, after an instruction. */
	if ((c->eflags & FL_TF) && !c->tf_masked && c->rip == rip)
		x86_debug_pending(c, DR6_BS);
	return alive(v);
}

/* Neither instruction ends in a single step: the host takes TF away on its way in, or skips the trap. */
static bool syscall_op(struct x86 *c)
{
	struct vcpu *v = x86_vcpu(c);
	const struct pv_vcpu_state *s = &pv_of(v)->s;
	bool compat = !(c->s.seg[SEG_CS].attr & SEGA_L);
	struct bounce b = { .ip = compat ? s->syscall32_ip : s->syscall_ip, .what = "a system call of vCPU", .n = v->id };

	c->sys.db_pending = 0; /* what SS held back arrives in the host */
	if (pv_kernel_mode(v))
		return hypercall_op(c);
	c->r[RCX] = c->rip;
	c->r[R11] = x86_rflags(c);
	flat_segments(c, compat ? FLAT_KERNEL_CS32 : FLAT_KERNEL_CS64);
	if (!b.ip) {
		c->rip -= 2;
		return bounce_trap(v, X86_UD, false, 0) && alive(v);
	}
	/* The flag of CALLBACKTYPE_syscall32 is for 32-bit guests. */
	if (s->flags & PV_SYSCALL_MASK)
		b.flags |= BOUNCE_MASK;
	if (!bounce(v, &b))
		return false;
	x86_set_rflags(c, x86_rflags(c) & ~(u64)FL_DF);
	return alive(v);
}

/* The instruction tells nobody where it came from: the frame says rip 0, rsp 0, CS 3. */
static bool sysenter_op(struct x86 *c)
{
	struct vcpu *v = x86_vcpu(c);
	const struct pv_vcpu_state *s = &pv_of(v)->s;
	struct bounce b = { .ip = s->sysenter_ip, .cs = (u16)s->sysenter_cs, .what = "a SYSENTER of vCPU", .n = v->id };
	bool is32 = pv_dom(v->d)->xen.s.is32;

	if (pv_kernel_mode(v)) {
		c->rip -= 2;
		return bounce_trap(v, X86_GP, true, 0) && alive(v);
	}
	if (s->flags & PV_SYSENTER_MASK)
		b.flags |= BOUNCE_MASK;
	c->rip = 0;
	c->r[RSP] = 0;
	x86_set_seg(c, SEG_CS, 3, 0, 0xffffffff, is32 ? 0xc0fb : 0xa0fb);
	x86_set_seg(c, SEG_SS, is32 ? COMPAT_USER_SS : FLAT_KERNEL_SS, 0, 0xffffffff, 0xc0f3);
	if (!(is32 ? b.cs & ~3u : b.ip))
		return bounce_trap(v, X86_GP, true, 0) && alive(v);
	return bounce(v, &b) && alive(v);
}

/* ---- iret ----------------------------------------------------------------------------------------------------------- */

/* struct iret_context, words. */
enum { IC_RAX, IC_R11, IC_RCX, IC_FLAGS, IC_RIP, IC_CS, IC_RFLAGS, IC_RSP, IC_SS, IC_WORDS };

i64 hc_iret(struct hc *h)
{
	struct vcpu *v = h->v;
	struct pv_vcpu_state *s = &pv_of(v)->s;
	struct x86 *c = x86_of(v);
	u8 raw[IC_WORDS * 8];
	u64 ic[IC_WORDS], rflags;
	u32 i, err = 0;
	int vector;

	if (pv_dom(v->d)->xen.s.is32)
		return compat_iret(h);
	h->no_result = true;
	c->tf_masked = true;
	if (xen_copy_from(v, raw, c->r[RSP], sizeof raw)) {
		domain_crash(v->d, v, "The iret frame at %llx cannot be read.", (unsigned long long)c->r[RSP]);
		return 0;
	}
	for (i = 0; i < IC_WORDS; i++)
		ic[i] = ld64(raw + i * 8);
	if ((ic[IC_CS] & 3) == 3) {
		if (!s->user_root) {
			domain_crash(v->d, v, "The guest went to user mode at %llx without page tables for it.",
				     (unsigned long long)ic[IC_RIP]);
			return 0;
		}
		pv_set_mode(v, false);
	}
	if (pv_dom(v->d)->s.vm_assist & VMASST_ARCH_IOPL)
		s->iopl = ic[IC_RFLAGS] >> 12 & 3;
	rflags = (ic[IC_RFLAGS] & ~(u64)(FL_IOPL | FL_VM)) | FL_IF | FL_FIXED1;
	xen_info_set_u8(v, VI_MASK, !(ic[IC_RFLAGS] & FL_IF));
	xen_of(v)->s.flags &= ~(u32)XEN_VCPU_NMI_MASKED;
	c->r[RAX] = ic[IC_RAX];
	c->r[RSP] = ic[IC_RSP];
	c->rip = ic[IC_RIP];
	/* RF matters, and is taken back, only where there are breakpoints. */
	x86_set_rflags(c, c->breakpoints_armed ? rflags : rflags & ~(u64)FL_RF);
	if (ic[IC_FLAGS] & VGCF_IN_SYSCALL) {
		/* Out by SYSRET: the flat segments, RCX and R11 as that leaves them, TF in force at once, and no RF. */
		u16 cs = (u16)ic[IC_CS] | 3;

		flat_segments(c, cs == FLAT_KERNEL_CS32 ? cs : FLAT_KERNEL_CS64);
		c->r[RCX] = c->rip;
		c->r[R11] = rflags;
		c->eflags &= ~(u32)FL_RF;
		if ((rflags & FL_TF) && pv_canonical(c->rip))
			x86_debug_pending(c, DR6_BS);
		return (i64)ic[IC_RAX];
	}
	c->r[R11] = ic[IC_R11];
	c->r[RCX] = ic[IC_RCX];
	/* A selector that does not load faults as in the guest's new place: its own IRET would have. */
	vector = pv_load_code_stack(v, (u16)ic[IC_CS] | 3, (u16)ic[IC_SS] | 3, &err);
	c->rip = rip_of(c, ic[IC_RIP]);
	if (vector >= 0)
		pv_inject(v, (u8)vector, true, err);
	return (i64)ic[IC_RAX];
}

/* ---- boundaries ------------------------------------------------------------------------------------------------------ */

/* The ports that wait for this vCPU, with what is bound to them. */
static COLD void log_event(struct vcpu *v)
{
	char ports[200];

	evtchn_describe_pending(v, ports, sizeof ports);
	log_line(&v->d->host->log, LOG_INT, "d%u v%u: event at %llx, %s", v->d->id, v->id, (unsigned long long)x86_of(v)->rip, ports);
}

void pv_deliver_events(struct vcpu *v)
{
	struct pv_vcpu_state *s = &pv_of(v)->s;
	u32 *flags = &xen_of(v)->s.flags;

	if ((*flags & (XEN_VCPU_NMI_PENDING | XEN_VCPU_NMI_MASKED)) == XEN_VCPU_NMI_PENDING &&
	    (s->traps[X86_NMI].address || s->traps[X86_NMI].cs)) {
		*flags = (*flags & ~(u32)XEN_VCPU_NMI_PENDING) | XEN_VCPU_NMI_MASKED;
		log_line(&v->d->host->log, LOG_INT, "d%u v%u: NMI at %llx", v->d->id, v->id, (unsigned long long)x86_of(v)->rip);
		if (!bounce_trap(v, X86_NMI, false, 0))
			return;
	}
	if (xen_events_deliverable(v)) {
		struct bounce b = { .ip = s->event_ip, .cs = (u16)s->event_cs, .flags = BOUNCE_MASK,
				    .what = "an event for vCPU", .n = v->id };

		if (log_at(&v->d->host->log, LOG_INT, x86_of(v)->rip))
			log_event(v);
		bounce(v, &b);
	}
}

static bool boundary_op(struct x86 *c)
{
	struct vcpu *v = x86_vcpu(c);

	if (vcpu_ending(&c->cpu) || v->s.run != VCPU_RUNNABLE)
		return false;
	pv_deliver_events(v);
	return alive(v);
}

static bool descriptor_op(struct x86 *c, u16 sel, u64 *raw)
{
	return pv_mm_descriptor(x86_vcpu(c), sel, raw);
}

/* A 64-bit guest's gates are not emulated: their DPL is 0, and so they fault. */
static bool gate_op(struct x86 *c, u16 sel, u64 raw, bool call, u64 next)
{
	if (!pv_dom(x86_vcpu(c)->d)->xen.s.is32)
		return x86_fault(c, X86_GP, sel & ~3u);
	return compat_gate(c, sel, raw, call, next);
}

const struct x86_ops pv_cpu_ops = {
	.trap = trap_op,
	.syscall = syscall_op,
	.sysenter = sysenter_op,
	.priv = pv_emulate,
	.port_ok = pv_port_ok,
	.cpuid = pv_cpuid,
	.tsc = pv_tsc,
	.boundary = boundary_op,
	.ending = vcpu_ending,
	.descriptor = descriptor_op,
	.gate = gate_op
};
