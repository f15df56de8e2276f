/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A second vCPU of a 32-bit guest: its context of 2800 bytes, registered vcpu_info, inter-processor events, the NMI and the
 * failsafe callback (Xen public/vcpu.h, public/arch-x86/xen-x86_32.h).
 */
#include "tests/guests/compat/lib.h"

static struct vcpu_context context;
static volatile u32 state[5], seen[8];
static struct vcpu_info far[2] __attribute__((aligned(256)));

static void wait_for(volatile u32 *what, u32 want)
{
	u32 n;

	for (n = 0; *what != want && n < 10000000; n++)
		hc2(sched_op, 0, NULL);
}

static u32 port;
static void second(u32 id)
{
	__asm__ volatile("mov %%cs, %0" : "=r"(seen[0]));
	__asm__ volatile("mov %%ds, %0" : "=r"(seen[1]));
	seen[2] = cpu_id();
	seen[3] = vinfo()->mask;
	event_on();
	state[id] = 1;
	while (!upcalls)
		hc2(sched_op, 0, NULL);
	state[id] = 2;
}

static int failsafe_hook(struct regs *r)
{
	if (r->vector != 259)
		return 0;
	seen[4] = r->cs & 0xffff;
	seen[5] = r->ds; /* as loaded when it began */
	return 1;
}

static void third(u32 id)
{
	state[id] = 1;
}

static int nmi_hook(struct regs *r)
{
	if (r->vector != 258)
		return 0;
	seen[6] = vinfo()->mask;
	return 1;
}

void guest_main(void)
{
	struct {
		u32 vcpu, port;
	} ipi = { 1, 0 };
	struct {
		u16 type, flags;
		u32 cs, ip;
	} cb = { 4, 0, 0, trap_entries[258] };
	struct {
		u64 mfn;
		u32 offset, rsvd;
	} __attribute__((packed)) info = { mfn_of(far), A_(far) & (PAGE - 1), 0 };

	cpu_context(&context, 1, second);
	ck(hc3(vcpu_op, 0, 1, 0xfffff000), -EFAULT, "a context that cannot be read");
	context.ctrlreg[3] = mfn_of(stacks) << 12;
	ck(hc3(vcpu_op, 0, 1, &context), -EINVAL, "a CR3 that is no L3");
	cpu_context(&context, 1, second);
	context.ldt_base = 8;
	ck(hc3(vcpu_op, 0, 1, &context), -EINVAL, "an LDT that is not aligned");
	context.ldt_base = 0;
	ck(hc3(vcpu_op, 1, 1, NULL), -EINVAL, "up before it is initialised");
	context.user.cs &= ~3u;
	context.kernel_ss &= ~3u;
	ck(hc3(vcpu_op, 0, 1, &context), 0, "initialise");
	ck(hc3(vcpu_op, 0, 1, &context), -EEXIST, "... twice");
	ck(evtchn(7, &ipi), 0, "bind_ipi");
	port = ipi.port;
	evtchn(9, &port);
	ck(hc3(vcpu_op, 1, 1, NULL), 0, "up");
	wait_for(&state[1], 1);
	ck(state[1], 1, "it runs");
	ck(seen[0], KERNEL_CS, "... in ring 1, whatever RPL was asked for");
	ck(seen[1], KERNEL_SS, "... with its DS");
	ck(seen[2], 1, "... on its stack");
	ck(seen[3], 1, "... with events masked");
	ck(evtchn(4, &port), 0, "an event for it");
	wait_for(&state[1], 2);
	ck(state[1], 2, "... comes");
	for (port = 0; hc3(vcpu_op, 3, 1, NULL) == 1 && port < 100000; port++)
		hc2(sched_op, 0, NULL);
	ck(hc3(vcpu_op, 3, 1, NULL), 0, "it takes itself down");
	/* The NMI, to oneself. */
	ck(hc2(callback_op, 0, &cb), 0, "the NMI callback");
	WRITE(vinfo()->mask, 0);
	trap_hook = nmi_hook;
	ck(hc3(vcpu_op, 11, 0, NULL), 0, "send_nmi");
	hc2(xen_version, 0, NULL);
	trap_hook = NULL;
	ck(seen[6], 1, "... masks events");
	ck(last.cs, KERNEL_CS, "... cs, with the mask of before");
	/* A selector that cannot be loaded: the vCPU begins in its failsafe callback. */
	cpu_context(&context, 2, third);
	context.user.fs = 0x1234;
	trap_hook = failsafe_hook;
	ck(hc3(vcpu_op, 0, 2, &context), 0, "initialise with a bad FS");
	hc3(vcpu_op, 1, 2, NULL);
	wait_for(&state[2], 1);
	trap_hook = NULL;
	ck(state[2], 1, "it runs");
	ck(seen[4], KERNEL_CS, "... after its failsafe callback");
	ck(failsafe_segs[0], KERNEL_SS, "... which is told DS");
	ck(failsafe_segs[2], 0x1234, "... and what FS was to be");
	info.offset += 2;
	event_off(); /* the handler looks at the old place */
	ck(hc3(vcpu_op, 10, 0, &info), -6, "a vcpu_info that is not aligned");
	info.offset += 2;
	ck(hc3(vcpu_op, 10, 0, &info), 0, "... a multiple of 4 is");
	ck(((struct vcpu_info *)(A_(far) + 4))->sel, 0xffffffff, "... every word is selected");
	ck(((struct vcpu_info *)(A_(far) + 4))->pending, 1, "... an upcall is pending");
}
