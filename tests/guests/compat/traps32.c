/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The processor of a 32-bit guest: rings, frames of exceptions, software interrupts, privileged instructions, the iret
 * hypercall and IRET itself, SYSENTER (Xen public/arch-x86/xen-x86_32.h, SDM 3A chapter 6).
 */
#include "tests/guests/compat/lib.h"

LABEL(ud_at);
LABEL(int_at);
LABEL(bp_after);
LABEL(user_ud_at);
LABEL(user_82_at);
LABEL(user_80_after);
LABEL(iret_user_at);
ASMFN(do_ud, "ud_at: ud2");
ASMFN(do_bp, "int3\nbp_after: nop");
ASMFN(do_int80, "int $0x80\nmov $5,%eax");
ASMFN(do_int90, "int $0x90\nmov $5,%eax");
ASMFN(do_int91, "int_at: int $0x91");
ASMFN(do_hlt, "hlt");
ASMFN(do_cli, "cli; sti; mov $9,%eax");
ASMFN(do_in, "mov $0x75,%edx; in %dx,%al; movzbl %al,%eax");
ASMFN(do_de, "xor %edx,%edx; xor %ecx,%ecx; div %ecx");
ASMFN(get_flags, "pushf; pop %eax");
ASMFN(set_flags, "push 4(%esp); popf; pushf; pop %eax; push $2; popf");
ASMFN(do_tf, "pushf; orl $0x100,(%esp); popf; nop; nop");
ASMFN(get_cr0, "mov %cr0,%eax");
ASMFN(get_cr3, "mov %cr3,%eax");
ASMFN(set_cr3, "mov 4(%esp),%eax; mov %eax,%cr3; xor %eax,%eax");
ASMFN(get_cr4, "mov %cr4,%eax");
ASMFN(do_clts, "clts; xor %eax,%eax");
ASMFN(do_fld, "fninit; xor %eax,%eax");
ASMFN(do_rdmsr, "mov 4(%esp),%ecx; rdmsr");
ASMFN(do_wrmsr, "mov 4(%esp),%ecx; mov 8(%esp),%eax; xor %edx,%edx; wrmsr; xor %eax,%eax");
ASMFN(do_syscall, ".byte 0x0f,0x05");
ASMFN(do_cpuid_edx, "push %ebx; mov 8(%esp),%eax; xor %ecx,%ecx; cpuid; mov %edx,%eax; pop %ebx");
ASMFN(do_forced, "push %ebx; mov 8(%esp),%eax; .byte 0x0f,0x0b,0x78,0x65,0x6e,0x0f,0xa2; mov %ebx,%eax; pop %ebx");
ASMFN(do_rdfsbase, ".byte 0xf3,0x0f,0xae,0xc0");
ASMFN(load_ds, "mov 4(%esp),%eax; mov %eax,%fs; xor %eax,%eax; mov %eax,%fs");
ASMFN(do_iret, "push $0xe033; push 4+4(%esp); pushf; push $0xe02b; push 8+16(%esp); mov $0xe033,%eax; mov %eax,%es\n iret");

#define STEP "pushf; orl $0x100,(%esp); popf\n"
LABEL(ss_mov_2);
LABEL(ss_pop_2);
LABEL(tf_call_2);
LABEL(tf_call_3);
LABEL(ss_bp_1);
ASMFN(ss_mov, "mov 4(%esp),%eax; mov (%eax),%ss; nop\nss_mov_2: nop");
ASMFN(ss_pop, "mov 4(%esp),%eax; mov %esp,%edx; mov %eax,%esp; pop %ss; mov %edx,%esp\nss_pop_2: nop");
ASMFN(ss_call, "push %ebx; mov 8(%esp),%edx; mov $17,%eax; xor %ebx,%ebx; xor %ecx,%ecx; mov (%edx),%ss; int $0x82; pop %ebx");
ASMFN(ss_bp, "mov 4(%esp),%eax; mov (%eax),%ss; int3\nss_bp_1: nop");
ASMFN(tf_call, "push %ebx; mov $17,%eax; xor %ebx,%ebx; xor %ecx,%ecx\n" STEP "int $0x82; nop\ntf_call_2: nop\ntf_call_3: pop %ebx");
USERFN(user_out, "mov $0x80,%edx; out %al,%dx; ud2");

USERFN(user_ud, "mov $0x1234,%ebx\nuser_ud_at: ud2");
USERFN(user_82, "mov $17,%eax; xor %ebx,%ebx\nuser_82_at: int $0x82");
USERFN(user_80, "mov $0x77,%eax; int $0x80\nuser_80_after: nop");
USERFN(user_90, "int $0x90");
USERFN(user_m2p, "mov 0xf5900000,%eax");
USERFN(user_kernel, "mov stacks,%eax");
USERFN(user_kwrite, "movl $1,stacks");
USERFN(user_cli, "cli");
USERFN(user_cr, "mov %cr0,%eax");
USERFN(user_sysenter, "mov %esp,%ecx; sysenter");
USERFN(user_cs, "mov %cs,%eax; mov %ss,%edx; ud2");
USERFN(user_iret, "iret_user_at: mov %ds,%eax; mov %es,%edx; ud2");
USERFN(user_spin, "1: inc %eax; jmp 1b");

static void start_of_day(void)
{
	i32 r;

	ck(first_cs, KERNEL_CS, "CS at first");
	ck(first_ss, KERNEL_SS, "SS at first");
	ck(first_ds, KERNEL_SS, "DS at first");
	ck(memcmp(si->magic, "xen-3.0-x86_32p", 16), 0, "the magic of start_info");
	ck(first_esp, si->pt_base + (si->nr_pt_frames + 1) * PAGE, "the boot stack lies after the page tables");
	ck(si->pt_base & (PAGE - 1), 0, "pt_base");
	ck(get_flags(0, 0) & (FL_IF | FL_IOPL), FL_IF, "EFLAGS reads IF 1 and IOPL 0");
	ck(hypercall_page[0], 0xb8, "the hypercall page");
	ck(hypercall_page[32 * 17 + 5] | hypercall_page[32 * 17 + 6] << 8, 0x82cd, "... is by INT 0x82");
	ck(hypercall_page[32 * 23], 0x50, "... and its iret pushes eax");
	__asm__ volatile("call *%1" : "=a"(r) : "r"(hypercall_page + 32 * 17), "b"(0), "c"(0) : "edx", "memory");
	ck(r >> 16, 4, "a call through the page");
	ck(do_cpuid_edx(0x80000001, 0) >> 29 & 1, 0, "CPUID has no long mode");
	ck(do_forced(0x40000000, 0), 0x566e6558, "forced CPUID");
}

static void kernel_traps(void)
{
	ck(TRY(do_ud, 0, 0), TRAPPED(6), "UD2");
	ck(last.eip, A_(ud_at), "... eip");
	ck(last.cs, KERNEL_CS | (u32)vinfo()->mask << 16, "... cs has the mask above");
	ck(last.eflags & (FL_IF | FL_IOPL), vinfo()->mask ? 0 : FL_IF, "... eflags");
	ck(last.ds, KERNEL_SS, "... ds");
	WRITE(vinfo()->mask, 0);
	ck(TRY(do_ud, 0, 0), TRAPPED(6), "UD2 with events on");
	ck(last.cs, KERNEL_CS, "... cs");
	ck(last.eflags & FL_IF, FL_IF, "... eflags");
	WRITE(vinfo()->mask, 1);
	ck(TRY(do_bp, 0, 0), TRAPPED(3), "INT3");
	ck(last.eip, A_(bp_after), "... eip");
	ck(TRY(do_int80, 0, 0), TRAPPED(0x80), "INT 0x80 with DPL 3");
	ck(TRY(do_int90, 0, 0), TRAPPED(0x90), "INT 0x90 with DPL 1");
	ck(TRY(do_int91, 0, 0), TRAPPED(13), "INT 0x91 with DPL 0");
	ck(last.error, 0x91 * 8 + 2, "... error code");
	ck(last.eip, A_(int_at), "... eip");
	ck(TRY(do_de, 0, 0), TRAPPED(0), "#DE");
	ck(TRY(do_hlt, 0, 0), TRAPPED(13), "HLT");
	ck(TRY(do_tf, 0, 0), TRAPPED(1), "single step");
	ck(last.eflags & FL_TF, FL_TF, "... TF is in the frame");
	ck(TRY(peek32, 0x10, 0), TRAPPED(14), "a read of what is not mapped");
	ck(last.error, 0, "... error code");
	ck(last_cr2, 0x10, "... cr2");
	ck(TRY(poke32, l3, 0), TRAPPED(14), "a write to the L3");
	ck(last.error, 3, "... error code");
	ck(TRY(poke32, 0x10, 0), TRAPPED(14), "a write to what is not mapped");
	ck(last.error, 2, "... error code");
	ck(TRY(do_syscall, 0, 0), TRAPPED(6), "SYSCALL");
	ck(TRY(do_rdfsbase, 0, 0), TRAPPED(6), "RDFSBASE");
	ck(TRY(load_ds, 0xe009, 0), TRAPPED(13), "a selector of ring 0");
	ck(last.error, 0xe008, "... error code");
	ck(TRY(load_ds, USER_SS, 0), 0, "a selector of ring 3");
}

static void privileged(void)
{
	u32 iopl = 1;

	ck(TRY(do_cli, 0, 0), TRAPPED(13), "CLI with IOPL 0");
	ck(TRY(do_in, 0, 0), TRAPPED(13), "IN with IOPL 0");
	ck(hc2(physdev_op, 6, &iopl), 0, "set_iopl");
	ck(TRY(do_cli, 0, 0), 9, "CLI with IOPL 1");
	ck(TRY(do_in, 0, 0), dom0 ? TRY(do_in, 0, 0) : 0xff, "IN with IOPL 1");
	iopl = 0;
	hc2(physdev_op, 6, &iopl);
	ck(set_flags(FL_IOPL | 2, 0) & (FL_IF | FL_IOPL), FL_IF, "POPF changes neither IF nor IOPL");
	ck(get_cr0(0, 0) & 0x80010001, 0x80010001, "CR0");
	ck(get_cr3(0, 0), PTE_MFN(*pte_of(si->pt_base)) << 12 | PTE_MFN(*pte_of(si->pt_base)) >> 20, "CR3 names the L3");
	ck(TRY(set_cr3, get_cr3(0, 0), 0), 0, "CR3 may be written");
	ck(TRY(set_cr3, mfn_of(stacks) << 12, 0), TRAPPED(13), "... but not with any frame");
	ck(get_cr4(0, 0) >> 5 & 1, 1, "CR4.PAE");
	hc1(fpu_taskswitch, 1);
	ck(TRY(do_fld, 0, 0), TRAPPED(7), "fpu_taskswitch sets TS");
	hc1(fpu_taskswitch, 1);
	ck(TRY(do_clts, 0, 0), 0, "CLTS");
	ck(TRY(do_fld, 0, 0), 0, "... clears it");
	ck(TRY(do_rdmsr, 0xc0000080, 0), 0x800, "EFER has NXE only");
	ck(TRY(do_rdmsr, 0xc0000100, 0), TRAPPED(13), "FS_BASE is not there");
	ck(TRY(do_wrmsr, 0xc0000101, 0), TRAPPED(13), "GS_BASE neither");
	ck(hc2(set_segment_base, 0, 0x1000), -ENOSYS, "set_segment_base");
	ck(hc2(set_debugreg, 0, 0x12345678), 0, "set_debugreg");
	ck(hc1(get_debugreg, 0), 0x12345678, "get_debugreg");
	hc2(set_debugreg, 0, 0);
}

/* What comes while a function runs: how often, and the last one; a step that ends at stop is the last. */
static u32 came, came_dr6, stop;
static int count(struct regs *r)
{
	came++;
	came_dr6 = (u32)hc1(get_debugreg, 6) & 0xe00f;
	hc2(set_debugreg, 6, 0);
	if (r->eip == stop)
		r->eflags &= ~FL_TF;
	return 1;
}

static u32 counted(i32 (*fn)(u32, u32), u32 a)
{
	came = 0;
	trap_hook = count;
	fn(a, 0);
	trap_hook = NULL;
	return came;
}

static void debug_held(void)
{
	static u32 word = KERNEL_SS;

	if (dom0) /* QEMU's SS holds back interrupts alone */
		return;
	hc2(set_debugreg, 6, 0);
	hc2(set_debugreg, 0, &word);
	ck(hc2(set_debugreg, 7, 0x70001), 0, "a breakpoint on a selector");
	ck(counted(ss_mov, A_(&word)), 1, "MOV to SS");
	ck(last.eip, A_(ss_mov_2), "... an instruction later");
	ck(came_dr6, 1, "... DR6");
	ck(counted(ss_pop, A_(&word)), 1, "POP SS");
	ck(last.eip, A_(ss_pop_2), "... an instruction later");
	ck(counted(ss_call, A_(&word)), 0, "SS, then a hypercall: nothing");
	ck(counted(ss_bp, A_(&word)), 1, "SS, then INT3");
	ck(last.vector, 3, "... only that");
	ck(last.eip, A_(ss_bp_1), "... eip");
	hc2(set_debugreg, 7, 0);
	hc2(set_debugreg, 0, 0);
	stop = A_(tf_call_3);
	ck(counted(tf_call, 0), 2, "TF over a hypercall, which leaves by IRET");
	ck(last.eip, stop, "... eip");
}

/* The bitmap lies in memory that ring 3 does not see. */
static void ports(void)
{
	static u8 bits[PAGE] __attribute__((aligned(4096)));
	u32 map[2] = { HYPER_START - PAGE, 0x100 }, i;

	ck(user_run(user_out, 2), 13, "a user's OUT");
	ck(hc2(physdev_op, 7, map), -EINVAL, "set_iobitmap of what runs into the host's space");
	for (i = 0; i < PAGE; i++)
		bits[i] = 0xff;
	bits[0x80 / 8] = 0xfe;
	map[0] = A_(bits);
	ck(hc2(physdev_op, 7, map), 0, "set_iobitmap");
	ck(user_run(user_out, 2), 6, "a user's OUT by the bitmap");
	bits[0x80 / 8] = 0xff;
	ck(user_run(user_out, 2), 13, "... which forbids it again");
	map[1] = 0;
	hc2(physdev_op, 7, map);
}

static void user_traps(void)
{
	static u8 kstack[PAGE] __attribute__((aligned(16)));

	ck(user_run(user_ud, FL_IF | 2), 6, "UD2 in ring 3");
	ck(last.eip, A_(user_ud_at), "... eip");
	ck(last.cs, USER_CS, "... cs, with events on as the frame of iret had IF");
	ck(last.ss, USER_SS, "... ss");
	ck(last.ebx, 0x1234, "... ebx");
	ck(last_at, A_(stacks[1]), "... on the stack of stack_switch");
	ck(vinfo()->mask, 0, "... and events are on");
	ck(user_run(user_ud, 2), 6, "again with events off");
	ck(last.cs, USER_CS | 1 << 16, "... cs");
	ck(last.eflags & FL_IF, 0, "... eflags");
	/* Ring 0 in the selector becomes ring 1. */
	hc2(stack_switch, KERNEL_SS & ~3u, kstack + sizeof kstack);
	WRITE(vinfo()->mask, 1);
	ck(user_run(user_cs, 2), 6, "selectors in ring 3");
	hc2(stack_switch, KERNEL_SS, stacks[1]);
	ck(last.eax, USER_CS, "... cs");
	ck(last.edx, USER_SS, "... ss");
	ck(last_at, A_(kstack + sizeof kstack), "... and the other stack");
	ck(user_run(user_82, 2), 13, "INT 0x82 in ring 3 is no hypercall");
	ck(last.error, 0x82 * 8 + 2, "... error code");
	ck(last.eip, A_(user_82_at), "... eip");
	ck(user_run(user_80, 2), 0x80, "INT 0x80 in ring 3");
	ck(last.eip, A_(user_80_after), "... eip");
	ck(last.eax, 0x77, "... eax");
	ck(user_run(user_90, 2), 13, "INT 0x90 in ring 3");
	ck(last.error, 0x90 * 8 + 2, "... error code");
	ck(user_run(user_kernel, 2), 14, "ring 3 reads the kernel");
	ck(last.error, 5, "... error code");
	ck(last_cr2, A_(stacks), "... cr2");
	ck(user_run(user_kwrite, 2), 14, "ring 3 writes the kernel");
	ck(last.error, 7, "... error code");
	ck(user_run(user_m2p, 2), 14, "ring 3 reads the M2P");
	ck(last.error, 5, "... error code");
	ck(user_run(user_cli, 2), 13, "CLI in ring 3");
	ck(user_run(user_cr, 2), 13, "MOV from CR0 in ring 3");
	/* The upper half of CS is the mask, and not looked at on the way back. */
	ck(user_run(user_ud, FL_IF | FL_IOPL | 2), 6, "IOPL in the frame of iret");
	ck(last.eflags & FL_IOPL, 0, "... is not taken");
}

static void sysenter(void)
{
	struct {
		u16 type, flags;
		u32 cs, ip;
	} cb = { 5, 1, KERNEL_CS, trap_entries[257] };

	ck(user_run(user_sysenter, FL_IF | 2), 13, "SYSENTER with no callback");
	ck(hc2(callback_op, 0, &cb), 0, "the callback");
	ck(user_run(user_sysenter, FL_IF | 2), 257, "SYSENTER");
	ck(last.cs, 3, "... cs");
	ck(last.eip, 0, "... eip");
	ck(last.esp, 0, "... esp");
	ck(last.ss, USER_SS, "... ss");
	ck(vinfo()->mask, 1, "... masks events");
	cb.type = 2;
	ck(hc2(callback_op, 0, &cb), -ENOSYS, "the callback of SYSCALL is for 64-bit kernels");
	cb.type = 7;
	ck(hc2(callback_op, 0, &cb), 0, "... and that of 32-bit ones is taken");
}

static int iret_ends(struct regs *r)
{
	trap_hook = NULL;
	try_throw((i32)r->vector);
}

static void plain_iret(void)
{
	static u8 ustack[PAGE] __attribute__((aligned(4096)));

	user_run(user_iret, 2); /* makes its page a user's */
	va_set(A_(ustack), pte(ustack, P_RWX_ | P_US), 2);
	trap_hook = iret_ends;
	ck(TRY(do_iret, ustack + PAGE, iret_user_at), 6, "IRET itself goes to ring 3");
	ck(last.eax, 0, "... and DS of ring 1 is NULL there");
	ck(last.edx, USER_SS, "... ES of ring 3 is not");
	ck(last.cs & 0xffff, USER_CS, "... cs");
	ck(last.esp, A_(ustack + PAGE), "... esp");
}

static int event_hook(struct regs *r)
{
	if (r->vector != 256)
		return 0;
	upcalls++;
	trap_hook = NULL;
	WRITE(vinfo()->pending, 0);
	leave(256);
}

static void events(void)
{
	struct {
		u32 virq, vcpu, port;
	} b = { 0, 0, 0 };
	u32 before = upcalls, port;
	u64 at = 1;

	event_off();
	ck(evtchn(1, &b), 0, "bind_virq");
	port = b.port;
	evtchn(9, &port);
	ck(hc2(set_timer_op, (u32)at, 0), 0, "set_timer_op with a time that is past");
	ck(vinfo()->pending, 1, "the event is pending");
	ck(vinfo()->sel, 1u << port / 32, "... its word of 32 ports is selected");
	ck(shi->pending[port / 32], 1u << port % 32, "... its bit is set");
	ck(upcalls, before, "... and held back by the mask");
	event_on();
	ck(upcalls, before + 1, "... then it comes");
	ck(vinfo()->mask, 0, "... and iret has unmasked");
	shi->pending[port / 32] = 0;
	vinfo()->sel = 0;
	/* In ring 3, by a timer in 2 ms. */
	event_off();
	hc2(set_timer_op, 0, 0);
	trap_hook = event_hook;
	{
		u64 then = (u64)vinfo()->time[4] | (u64)vinfo()->time[5] << 32;
		u32 lo, hi;

		__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
		if (!dom0)
			then = (u64)lo | (u64)hi << 32;
		then += 2000000;
		ck(hc2(set_timer_op, (u32)then, (u32)(then >> 32)), 0, "set_timer_op in two words");
	}
	ck(user_run(user_spin, FL_IF | 2), 256, "an event in ring 3");
	ck(last.cs, USER_CS, "... cs");
	ck(last.ss, USER_SS, "... ss");
	ck(vinfo()->mask, 1, "... and events are masked in its handler");
}

void guest_main(void)
{
	start_of_day();
	kernel_traps();
	privileged();
	debug_held();
	user_traps();
	ports();
	sysenter();
	plain_iret();
	events();
}
