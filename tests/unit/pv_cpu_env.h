/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The domain of pv_env.h with its vCPU 0 as a PV guest's: ring 3, flat segments, a GDT with user segments, a kernel stack.
 */
#ifndef TESTS_UNIT_PV_CPU_ENV_H
#define TESTS_UNIT_PV_CPU_ENV_H

#include "pv/traps.h"
#include "tests/unit/pv_env.h"
#include "vm/x86.h"

#define CE_STACK ENV_VA(3)  /* ends here: the frame below is frame 2 */
#define CE_GDT ENV_MFN(4)
#define CE_USER_CS 0x33u
#define CE_USER_SS 0x2bu
#define CE_HANDLER 0xffffffff81000000ULL
#define CE_USER_IP 0x401000ULL
#define CE_USER_SP 0x7fff0008ULL

static inline struct env *ce_new(void)
{
	struct env *e = env_new();
	struct x86 *c = x86_of(e->d->vcpus[0]);
	struct pv_vcpu_state *s = &e->vcpu[0].s;

	c->ops = &pv_cpu_ops;
	c->paging.pv = c->paging.no_us = true;
	c->s.cr0 |= CR0_PE;
	c->s.cpl = 3;
	c->s.efer = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;
	c->s.cr4 = pv_real_cr4(c, 0);
	x86_set_seg(c, SEG_CS, FLAT_KERNEL_CS64, 0, 0xffffffff, 0xa0fb);
	x86_set_seg(c, SEG_SS, FLAT_KERNEL_SS, 0, 0xffffffff, 0xc0f3);
	x86_set_seg(c, SEG_GS, 0, 0, 0, 0);
	x86_set_seg(c, SEG_FS, 0, 0, 0, 0);
	x86_set_seg(c, SEG_DS, 0, 0, 0, 0);
	x86_set_seg(c, SEG_ES, 0, 0, 0, 0);
	x86_mode_changed(c);
	x86_set_rflags(c, FL_IF);
	s->kernel_ss = FLAT_KERNEL_SS;
	s->kernel_sp = CE_STACK;
	s->kernel_root = ENV_MFN(5);
	s->user_root = ENV_MFN(6);
	s->ctrlreg[4] = pv_guest_cr4(c, 0);
	s->gdt_frames[0] = CE_GDT;
	s->gdt_entries = 512;
	env_put64(e, (CE_GDT << PAGE_SHIFT) + CE_USER_SS / 8 * 8, 0x00cff3000000ffffULL);
	env_put64(e, (CE_GDT << PAGE_SHIFT) + CE_USER_CS / 8 * 8, 0x00affb000000ffffULL);
	env_put64(e, (CE_GDT << PAGE_SHIFT) + 0x38, 0x00cf93000000ffffULL); /* ring 0 data */
	xen_info_set_u8(e->d->vcpus[0], VI_MASK, 0);
	xen_info_set_u8(e->d->vcpus[0], VI_PENDING, 0);
	c->rip = CE_HANDLER + 0x100;
	c->r[RSP] = CE_STACK - 0x108;
	return e;
}

static inline struct vcpu *ce_vcpu(struct env *e)
{
	return e->d->vcpus[0];
}

/* Puts the vCPU into user mode at CE_USER_IP. */
static inline void ce_user(struct env *e)
{
	struct vcpu *v = ce_vcpu(e);
	u32 err;

	pv_set_mode(v, false);
	ck_assert_int_eq(pv_load_code_stack(v, CE_USER_CS, CE_USER_SS, &err), -1);
	x86_of(v)->rip = CE_USER_IP;
	x86_of(v)->r[RSP] = CE_USER_SP;
}

/* A handler for a vector. */
static inline void ce_handler(struct env *e, u32 vector, u8 flags)
{
	e->vcpu[0].s.traps[vector] = (struct pv_trap_entry){ CE_HANDLER + vector * 16, FLAT_KERNEL_CS64, flags, { 0 } };
}

static inline bool ce_trap(struct env *e, u8 vector, bool has_error, u32 error)
{
	struct x86_trap t = { .vector = vector, .has_error = has_error, .error = error, .rip = x86_of(ce_vcpu(e))->rip };

	return pv_cpu_ops.trap(x86_of(ce_vcpu(e)), &t);
}

/* The machine executes a hypercall with these arguments; SYSCALL has been fetched. */
static inline u64 ce_call(struct env *e, u64 nr, u64 a0, u64 a1, u64 a2)
{
	struct x86 *c = x86_of(ce_vcpu(e));

	c->r[RAX] = nr;
	c->r[RDI] = a0;
	c->r[RSI] = a1;
	c->r[RDX] = a2;
	c->rip += 2;
	pv_cpu_ops.syscall(c);
	return c->r[RAX];
}

/* What lies on the stack from rsp up. */
static inline void ce_check_frame(struct env *e, const u64 *want, u32 n)
{
	u64 sp = x86_of(ce_vcpu(e))->r[RSP];
	u32 i;

	for (i = 0; i < n; i++)
		ck_assert_msg(env_u64(e, sp + i * 8) == want[i], "word %u of the frame is %llx, not %llx", i,
			      (unsigned long long)env_u64(e, sp + i * 8), (unsigned long long)want[i]);
}

#endif
