/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HYPERVISOR_vcpu_op (Xen public/vcpu.h) and the start of a vCPU from a struct vcpu_guest_context (Xen
 * public/arch-x86/xen.h); that of a 32-bit guest is in pv/compat/vcpu.c. Left out: physical CPU numbers.
 */
#include "base/endian.h"
#include "pv/compat/compat.h"
#include "pv/evtchn.h"
#include "pv/info.h"
#include "pv/mm/mm.h"
#include "pv/sched.h"
#include "pv/time.h"
#include "pv/traps.h"

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

static void load_registers(struct vcpu *v, const u8 *g)
{
	static const u8 order[15] = { R15, R14, R13, R12, RBP, RBX, R11, R10, R9, R8, RAX, RCX, RDX, RSI, RDI };
	struct x86_state *s = &v->cpu.s;
	u64 fl = ld64(g + GC_RFLAGS);
	u32 i;

	cpu_sync(&v->cpu);
	for (i = 0; i < ARRAY_SIZE(order); i++)
		s->gpr[order[i]] = ld64(g + GC_REGS + i * 8);
	s->gpr[RSP] = ld64(g + GC_RSP);
	s->rip = ld64(g + GC_RIP);
	/* IOPL is virtual, and interrupts are always on for the processor. */
	s->rflags = (fl & ~(u64)(FL_IOPL | FL_VM | FL_VIF | FL_VIP)) | FL_IF | FL_FIXED1;
	if (ld64(g + GC_FLAGS) & VGCF_I387_VALID)
		pv_load_fxsave(s, g + GC_FPU, true);
	cpu_load(&v->cpu);
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
	s->ctrlreg[4] = pv_guest_cr4(&v->cpu, ld64(g + GC_CTRLREG + 32));
	v->cpu.s.cr4 = pv_real_cr4(&v->cpu, s->ctrlreg[4]);
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
		if (cpu_load_data_seg(&v->cpu, data_regs[i], sel[i], &err)) {
			cpu_set_seg(&v->cpu, data_regs[i], sel[i], 0, 0, 0);
			bad |= 1u << data_regs[i];
		}
	return bad;
}

void pv_start_end(struct vcpu *v, u32 bad)
{
	u32 i;

	pv_root_changed(v);
	cpu_mode_changed(&v->cpu);
	if (!bad)
		return;
	pv_failsafe(v);
	for (i = 0; i < ARRAY_SIZE(data_regs); i++)
		if (bad & 1u << data_regs[i])
			cpu_set_seg(&v->cpu, data_regs[i], 0, v->cpu.s.seg[data_regs[i]].base, 0, 0);
	cpu_mode_changed(&v->cpu);
}

static void load_segments(struct vcpu *v, const u8 *g)
{
	const u16 sel[4] = { ld16(g + GC_ES), ld16(g + GC_DS), ld16(g + GC_FS), ld16(g + GC_GS) };
	struct pv_vcpu_state *s = &pv_of(v)->s;
	bool kernel = ld64(g + GC_FLAGS) & VGCF_IN_KERNEL;
	u32 err, bad;

	v->cpu.s.cpl = 3;
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
	v->cpu.s.kernel_gs_base = kernel ? s->gs_base_user : s->gs_base_kernel;
	pv_start_end(v, bad);
}

static i64 initialise(struct vcpu *by, struct vcpu *v, const u8 *g)
{
	struct pv_domain *p = pv_dom(v->d);
	struct pv_vcpu_state *s = &pv_of(v)->s;
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
	s->flags |= PV_INITIALISED;
	if (flags & VGCF_ONLINE)
		pv_vcpu_up(v);
	return 0;
}

/* ---- VCPUOP_* -------------------------------------------------------------------------------------------------- */

static struct vcpu *target(struct hc *h)
{
	return h->v->d->vcpus[(u32)h->args[1]];
}

static i64 vcpu_initialise(struct hc *h, void *arg)
{
	struct vcpu *v = target(h);
	u8 g[GC_SIZE];
	i64 r;

	if (!pv_of(v)->s.vcpu_info)
		return -XEN_EINVAL;
	if (pv_dom(h->v->d)->s.is32)
		return compat_vcpu_initialise(h, v, h->args[2]);
	if (pv_copy_from(h->v, g, h->args[2], sizeof g))
		return -XEN_EFAULT;
	if (pv_of(v)->s.flags & PV_INITIALISED)
		return -XEN_EEXIST;
	r = initialise(h->v, v, g);
	return r == -XEN_ERESTART ? hc_continue(h) : r;
}

static i64 vcpu_up(struct hc *h, void *arg)
{
	if (!(pv_of(target(h))->s.flags & PV_INITIALISED))
		return -XEN_EINVAL;
	pv_vcpu_up(target(h));
	return 0;
}

static i64 vcpu_down(struct hc *h, void *arg)
{
	struct domain *d = h->v->d;
	struct vcpu *v = target(h);
	u32 i;

	for (i = 0; i < d->nvcpus; i++)
		if (d->vcpus[i] != v && d->vcpus[i]->s.run != VCPU_OFFLINE)
			break;
	if (i == d->nvcpus) {
		/* The last one turns the machine off. */
		pv_domain_shutdown(h->v, 0);
		h->no_result = d->end != END_RUNNING;
	} else {
		pv_vcpu_down(v);
	}
	return 0;
}

static i64 vcpu_is_up(struct hc *h, void *arg)
{
	return target(h)->s.run != VCPU_OFFLINE;
}

static i64 vcpu_get_runstate(struct hc *h, void *arg)
{
	return pv_runstate_copy(h->v, target(h), h->args[2]);
}

/* struct vcpu_register_*_memory_area: a union of a guest address and 64 bits. */
struct vcpu_area {
	u64 va;
};
static const struct arg_field area_fields[] = { ARG_IN(ARG_U64, struct vcpu_area, va), ARG_LAST };
static const struct arg_layout area_layout = { "vcpu_register_memory_area", sizeof(struct vcpu_area), area_fields };

/* The address; in a 32-bit guest it is the low half of the union. */
static u64 area_va(struct hc *h, const void *arg)
{
	u64 va = ((const struct vcpu_area *)arg)->va;

	return pv_dom(h->v->d)->s.is32 ? (u32)va : va;
}

static i64 vcpu_register_runstate(struct hc *h, void *arg)
{
	return pv_runstate_register(h->v, target(h), area_va(h, arg));
}

static i64 vcpu_register_time(struct hc *h, void *arg)
{
	return pv_time_register(h->v, target(h), area_va(h, arg));
}

struct vcpu_periodic {
	u64 period_ns;
};
static const struct arg_field periodic_fields[] = { ARG_IN(ARG_U64, struct vcpu_periodic, period_ns), ARG_LAST };
static const struct arg_layout periodic_layout = { "vcpu_set_periodic_timer", sizeof(struct vcpu_periodic),
						   periodic_fields };

static i64 vcpu_set_periodic(struct hc *h, void *arg)
{
	return pv_periodic_set(target(h), ((struct vcpu_periodic *)arg)->period_ns);
}

static i64 vcpu_stop_periodic(struct hc *h, void *arg)
{
	pv_periodic_stop(target(h));
	return 0;
}

struct vcpu_singleshot {
	u64 timeout_abs_ns;
	u32 flags, pad; /* a 32-bit guest has no pad */
};
static const struct arg_field singleshot_fields[] = { ARG_IN(ARG_U64, struct vcpu_singleshot, timeout_abs_ns),
						      ARG_IN(ARG_U32, struct vcpu_singleshot, flags), ARG_LAST };
static const struct arg_layout singleshot_layout = { "vcpu_set_singleshot_timer", sizeof(struct vcpu_singleshot),
						     singleshot_fields };

static i64 vcpu_set_singleshot(struct hc *h, void *arg)
{
	const struct vcpu_singleshot *a = arg;

	if (target(h) != h->v)
		return -XEN_EINVAL;
	/* VCPU_SSHOTTMR_future */
	if ((a->flags & 1) && a->timeout_abs_ns < domain_now(h->v->d))
		return -XEN_ETIME;
	pv_timer_set(h->v, a->timeout_abs_ns);
	return 0;
}

static i64 vcpu_stop_singleshot(struct hc *h, void *arg)
{
	if (target(h) != h->v)
		return -XEN_EINVAL;
	pv_timer_stop(h->v);
	return 0;
}

struct vcpu_register_info {
	u64 mfn;
	u32 offset, rsvd;
};
static const struct arg_field info_fields[] = { ARG_IN(ARG_U64, struct vcpu_register_info, mfn),
						ARG_IN(ARG_U32, struct vcpu_register_info, offset),
						ARG_IN(ARG_U32, struct vcpu_register_info, rsvd), ARG_LAST };
static const struct arg_layout info_layout = { "vcpu_register_vcpu_info", sizeof(struct vcpu_register_info),
					       info_fields };

static i64 vcpu_register_info(struct hc *h, void *arg)
{
	const struct vcpu_register_info *a = arg;
	struct pv_domain *p = pv_dom(h->v->d);
	struct vcpu *v = target(h);
	i64 r;

	/* One's own, or that of one that does not run. */
	if (v != h->v && v->s.run != VCPU_OFFLINE)
		return -XEN_EINVAL;
	if (pv_mm_hold_writable(p, a->mfn))
		return -XEN_EINVAL;
	r = pv_info_register(v, a->mfn, a->offset);
	if (r) {
		pv_mm_release_writable(p, a->mfn);
		return r;
	}
	pv_time_update(v);
	return 0;
}

static i64 vcpu_send_nmi(struct hc *h, void *arg)
{
	struct vcpu *v = target(h);

	if (h->args[2])
		return -XEN_EINVAL;
	if (!(pv_of(v)->s.flags & PV_NMI_PENDING)) {
		pv_of(v)->s.flags |= PV_NMI_PENDING;
		pv_vcpu_unblock(v);
	}
	return 0;
}

static i64 vcpu_get_physid(struct hc *h, void *arg)
{
	return -XEN_EINVAL; /* for pinned vCPUs of the hardware domain only */
}

static const struct hc_sub vcpu_subs[] = {
	{ 0, "initialise", NULL, vcpu_initialise },
	{ 1, "up", NULL, vcpu_up },
	{ 2, "down", NULL, vcpu_down },
	{ 3, "is_up", NULL, vcpu_is_up },
	{ 4, "get_runstate_info", NULL, vcpu_get_runstate },
	{ 5, "register_runstate_memory_area", &area_layout, vcpu_register_runstate },
	{ 6, "set_periodic_timer", &periodic_layout, vcpu_set_periodic },
	{ 7, "stop_periodic_timer", NULL, vcpu_stop_periodic },
	{ 8, "set_singleshot_timer", &singleshot_layout, vcpu_set_singleshot },
	{ 9, "stop_singleshot_timer", NULL, vcpu_stop_singleshot },
	{ 10, "register_vcpu_info", &info_layout, vcpu_register_info },
	{ 11, "send_nmi", NULL, vcpu_send_nmi },
	{ 12, "get_physid", NULL, vcpu_get_physid },
	{ 13, "register_vcpu_time_memory_area", &area_layout, vcpu_register_time },
};

i64 hc_vcpu_op(struct hc *h)
{
	/* Linux counts the vCPUs by asking for each number until this answer. */
	if ((u32)h->args[1] >= h->v->d->nvcpus)
		return -XEN_ENOENT;
	return hc_dispatch_sub(h, vcpu_subs, ARRAY_SIZE(vcpu_subs), (u32)h->args[0], h->args[2]);
}
