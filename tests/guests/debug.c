/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Debug exceptions: single steps over all ways into the host and back, what a load of SS holds back and the host then drops,
 * breakpoints on ports, RF in frames (SDM 3A 6.8.3, SDM 3B 17.2 and 17.3, Xen arch/x86/traps.c, x86_64/entry.S).
 */
#include "tests/guests/lib.h"

#define DR6_BS 0x4000UL
#define WORD_BREAKPOINT 0x70001UL /* DR7: reads and writes of 2 bytes at DR0 */
#define STEP "pushfq; orq $0x100,(%rsp); popfq\n"

LABEL(tf_ss_2);
LABEL(tf_ss_3);
LABEL(ss_nop_2);
LABEL(ss_bp_1);
LABEL(ss_ud_1);
LABEL(ss_code_1);
LABEL(ss_loop_2);
LABEL(tf_call_1);
LABEL(tf_call_2);
LABEL(iret_to);
LABEL(iret_1);
LABEL(iret_2);
LABEL(tf_msr_1);
LABEL(tf_msr_2);
LABEL(tf_cpuid_1);
LABEL(tf_cpuid_2);
LABEL(tf_bp_1);
LABEL(tf_bp_2);
LABEL(tf_int_1);
LABEL(tf_int_2);
LABEL(code_1);
LABEL(out_1);
LABEL(out_2);
LABEL(tf_pause_1);
ASMFN(tf_ss, STEP "mov %edi,%ss; nop\ntf_ss_2: nop\ntf_ss_3: nop");
ASMFN(ss_nop, "mov (%rdi),%ss; nop\nss_nop_2: nop");
ASMFN(ss_bp, "mov (%rdi),%ss; int3\nss_bp_1: nop");
ASMFN(ss_ud, "mov (%rdi),%ss\nss_ud_1: ud2");
ASMFN(ss_call, "mov %rdi,%r8; mov $17,%eax; xor %edi,%edi; xor %esi,%esi; mov (%r8),%ss; syscall; nop");
ASMFN(ss_msr, "mov $0x277,%ecx; mov (%rdi),%ss; rdmsr; nop");
ASMFN(ss_code, "mov %edi,%ss\nss_code_1: nop; nop");
ASMFN(ss_loop, "1: mov %esi,%ss\nss_loop_2: dec %edi; jnz 1b");
ASMFN(tf_call, "mov $17,%eax; xor %edi,%edi; xor %esi,%esi\n" STEP "syscall\ntf_call_1: nop\ntf_call_2: nop");
ASMFN(tf_iret, "mov %rsp,%rdx; pushq $0xe02b; push %rdx; push %rsi; pushq $0xe030; pushq $iret_to; push %rdi; push %rcx;"
	       "push %r11; push %rax; mov $23,%eax\n" STEP "syscall\niret_to: nop\niret_1: nop\niret_2: nop");
ASMFN(tf_msr, "mov $0x277,%ecx\n" STEP "rdmsr\ntf_msr_1: nop\ntf_msr_2: nop");
ASMFN(tf_cpuid, "push %rbx; xor %eax,%eax\n" STEP ".byte 0x0f,0x0b,0x78,0x65,0x6e; cpuid\ntf_cpuid_1: nop\ntf_cpuid_2: pop %rbx");
ASMFN(tf_bp, STEP "int3\ntf_bp_1: nop\ntf_bp_2: nop");
ASMFN(tf_int, STEP "int $0x90\ntf_int_1: nop\ntf_int_2: nop");
ASMFN(tf_pause, STEP "pause\ntf_pause_1: nop");
ASMFN(do_code, "nop\ncode_1: nop; nop");
ASMFN(do_out, "mov %edi,%edx; out %al,%dx\nout_1: nop\nout_2: nop");
ASMFN(rd_cr4, "mov %cr4,%rax");
ASMFN(wr_cr4, "mov %rdi,%cr4; xor %eax,%eax");
ASMFN(get_flags, "pushfq; pop %rax");

__asm__(".text\n.balign 16\n.globl u_begin, u_end, u_syscall, u_int80, u_int82, u_bp, u_sysenter, u_ss_nop, u_ss_syscall, "
	"u_ss_int82, u_ss_bp, u_ss_pf\nu_begin:\n"
	"u_syscall: syscall; nop; nop\n"
	"u_int80: int $0x80; nop; nop\n"
	"u_int82: int $0x82; nop; nop\n"
	"u_bp: int3; nop; nop\n"
	"u_sysenter: sysenter\n"
	"u_ss_nop: mov (%rdi),%ss; nop; nop\n"
	"u_ss_syscall: mov (%rdi),%ss; syscall\n"
	"u_ss_int82: mov (%rdi),%ss; int $0x82\n"
	"u_ss_bp: mov (%rdi),%ss; int3\n"
	"u_ss_pf: mov (%rdi),%ss; mov 0,%eax\n"
	"u_end:\n");
LABEL(u_begin);
LABEL(u_end);
LABEL(u_syscall);
LABEL(u_int80);
LABEL(u_int82);
LABEL(u_bp);
LABEL(u_sysenter);
LABEL(u_ss_nop);
LABEL(u_ss_syscall);
LABEL(u_ss_int82);
LABEL(u_ss_bp);
LABEL(u_ss_pf);
#define U(label) (UCODE + (A_(label) - A_(u_begin)))

/* ---- what came -------------------------------------------------------------------------------------------------- */

static struct {
	u64 vector, rip, rflags, dr6, inside;
} came[16];
static u32 ncame;
static u64 stop_at; /* where stepping ends, or user mode is left */
static int user_mode;

static int note(struct regs *r)
{
	if (ncame < ARRAY_SIZE(came)) {
		came[ncame].vector = r->vector;
		came[ncame].rip = r->rip;
		came[ncame].rflags = r->rflags;
		came[ncame].inside = (u64)get_flags(0, 0);
		came[ncame++].dr6 = (u64)hc1(get_debugreg, 6) & 0xe00f;
	}
	hc2(set_debugreg, 6, 0);
	if (r->rip == stop_at)
		r->rflags &= ~FL_TF;
	if (user_mode && (r->rip == stop_at || r->vector >= 256 || ncame == ARRAY_SIZE(came)))
		leave(0);
	if (r->vector == 6)
		r->rip += 2;
	if (r->vector == 1 && !(r->rflags & FL_TF))
		r->rflags |= FL_RF;
	return 1;
}

/* Runs a function of ours; counts what came until rip was stop. */
static void run(i64 (*fn)(u64, u64), u64 a, u64 b, u64 stop)
{
	ncame = 0;
	stop_at = stop;
	trap_hook = note;
	fn(a, b);
	trap_hook = NULL;
}

/* The same in user mode, which is left when something other than a debug exception comes and stop is not 0. */
static void run_user(u64 rip, u64 rflags, u64 stop)
{
	struct regs r;

	ncame = 0;
	stop_at = stop;
	user_regs(&r, rip, USTACK + 64, rflags);
	user_mode = 1;
	trap_hook = note;
	enter(&r);
	trap_hook = NULL;
	user_mode = 0;
}

#define one(i, v, at, bits, ...)                                                                                       \
	do {                                                                                                           \
		ck(came[i].vector, v, __VA_ARGS__);                                                                    \
		ck(came[i].rip, at, "... rip");                                                                        \
		ck(came[i].dr6, bits, "... DR6");                                                                      \
	} while (0)

/* ---- the kernel ------------------------------------------------------------------------------------------------- */

static void kernel_steps(void)
{
	if (!dom0) { /* QEMU's SS holds back interrupts alone */
		run(tf_ss, KERNEL_SS, 0, A_(tf_ss_3));
		ck(ncame, 2, "TF over a load of SS: one step for two instructions");
		one(0, 1, A_(tf_ss_2), DR6_BS, "the first step");
		one(1, 1, A_(tf_ss_3), DR6_BS, "the second step");
	}
	run(tf_call, 0, 0, A_(tf_call_2));
	ck(ncame, 2, "TF over a hypercall");
	one(0, 1, A_(tf_call_1), DR6_BS, "a step ends with the hypercall");
	one(1, 1, A_(tf_call_2), DR6_BS, "and one behind it");
	run(tf_iret, 0, 2, A_(iret_2));
	ck(ncame, 0, "TF over an iret hypercall that clears it");
	run(tf_iret, 0, 0x102, A_(iret_2));
	ck(ncame, 2, "TF over an iret hypercall that keeps it");
	one(0, 1, A_(iret_1), DR6_BS, "the first step is after one instruction");
	run(tf_iret, 256, 0x102, A_(iret_2));
	ck(ncame, 3, "TF over an iret hypercall by SYSRET");
	one(0, 1, A_(iret_to), DR6_BS, "the first step is before any instruction");
	run(tf_msr, 0, 0, A_(tf_msr_2));
	ck(ncame, 2, "TF over RDMSR, which is emulated");
	one(0, 1, A_(tf_msr_1), DR6_BS, "a step ends with it");
	run(tf_cpuid, 0, 0, A_(tf_cpuid_2));
	ck(ncame, 1, "TF over the forced CPUID");
	one(0, 1, A_(tf_cpuid_2), DR6_BS, "a step ends an instruction later");
	run(tf_bp, 0, 0, A_(tf_bp_2));
	ck(ncame, 2, "TF over INT3");
	one(0, 3, A_(tf_bp_1), 0, "the breakpoint alone");
	ck(came[0].rflags & (FL_TF | FL_RF), FL_TF, "TF and no RF in its frame");
	ck(came[0].inside & FL_TF, 0, "no TF in its handler");
	one(1, 1, A_(tf_bp_2), DR6_BS, "then the next step");
	traps[0x90].flags = 1;
	hc1(set_trap_table, traps);
	if (!dom0) { /* QEMU's error code makes another vector of it, and its frames have no RF */
		run(tf_int, 0, 0, A_(tf_int_2));
		ck(ncame, 2, "TF over INT n");
		one(0, 0x90, A_(tf_int_1), 0, "the interrupt alone");
		ck(came[0].rflags & (FL_TF | FL_RF), FL_TF | FL_RF, "TF in its frame, and the RF of the host's fault");
	}
	run(tf_pause, 0, 0, A_(tf_pause_1));
	ck(ncame, 1, "TF over PAUSE");
}

static void held(void)
{
	static u16 word = KERNEL_SS;
	u64 at = A_(&word);

	ck(hc2(set_debugreg, 0, at), 0, "a breakpoint on a selector");
	ck(hc2(set_debugreg, 7, WORD_BREAKPOINT), 0, "enabled");
	run(ss_nop, at, 0, 0);
	ck(ncame, 1, "SS from there");
	one(0, 1, A_(ss_nop_2), 1, "comes after the next instruction");
	run(ss_bp, at, 0, 0);
	ck(ncame, 1, "SS, then INT3");
	one(0, 3, A_(ss_bp_1), 0, "only the breakpoint");
	run(ss_ud, at, 0, 0);
	ck(ncame, 1, "SS, then #UD");
	one(0, 6, A_(ss_ud_1), 0, "only the fault");
	run(ss_call, at, 0, 0);
	ck(ncame, 0, "SS, then a hypercall: nothing");
	run(ss_msr, at, 0, 0);
	ck(ncame, 0, "SS, then RDMSR: nothing");
	hc2(set_debugreg, 7, 0);
	hc2(set_debugreg, 0, ss_code_1);
	hc2(set_debugreg, 7, 1);
	run(ss_code, KERNEL_SS, 0, 0);
	ck(ncame, 0, "no breakpoint on the instruction after a load of SS");
	hc2(set_debugreg, 7, 0);
}

/* Events do not come between a load of SS and the next instruction. */
static void events_held(void)
{
	i64 port = bind_virq(0, 0);
	u32 i, between = 0;

	port_unmask((u32)port);
	events_on();
	for (i = 0; i < 40; i++) {
		u32 before = upcalls;

		hc1(set_timer_op, now() + 20000 + i);
		while (upcalls == before)
			ss_loop(1000, KERNEL_SS);
		between += upcall_rip == A_(ss_loop_2);
	}
	events_off();
	port_close((u32)port);
	ck(between, 0, "no event after a load of SS");
}

static void breakpoints(void)
{
	u32 iopl = 1;

	hc2(set_debugreg, 0, code_1);
	hc2(set_debugreg, 7, 1);
	run(do_code, 0, 0, 0);
	ck(ncame, 1, "a breakpoint on an instruction");
	one(0, 1, A_(code_1), 1, "comes before it");
	ck(came[0].rflags & FL_RF, 0, "no RF in its frame");
	hc2(set_debugreg, 7, 0);
	hc2(physdev_op, 6, &iopl);
	hc2(set_debugreg, 1, 0x80);
	ck(hc2(set_debugreg, 7, 0x200004), -EPERM, "a breakpoint on a port needs CR4.DE");
	ck(hc2(set_debugreg, 7, 0x200001), -EPERM, "even when another one is enabled");
	ck(hc2(set_debugreg, 7, 0x200000), 0, "but not when none is");
	wr_cr4((u64)rd_cr4(0, 0) | 8, 0);
	ck(rd_cr4(0, 0) & 8, 8, "CR4.DE");
	ck(hc2(set_debugreg, 7, 0x200004), 0, "then it is taken");
	ck(hc1(get_debugreg, 7), 0x200404, "and read");
	run(do_out, 0x80, 0, 0);
	ck(ncame, 1, "OUT to the port");
	one(0, 1, A_(out_1), 2, "comes after it");
	run(do_out, 0x81, 0, 0);
	ck(ncame, 0, "OUT to the next port");
	ck(hc1(get_debugreg, 4), -ENODEV, "DR4 with CR4.DE");
	hc2(set_debugreg, 7, 0);
	wr_cr4((u64)rd_cr4(0, 0) & ~8UL, 0);
}

/* ---- users ------------------------------------------------------------------------------------------------------ */

static void callback(u16 type, u64 address)
{
	struct {
		u16 type, flags;
		u32 pad;
		u64 address;
	} cb = { type, 0, 0, address };

	hc2(callback_op, 0, &cb);
}

/* A single step ends in the kernel's entry, with TF in the frame and nowhere else. */
static void user_step(u64 rip, u64 vector, u64 at, const char *what)
{
	run_user(rip, 0x302, rip + 3);
	ck(came[0].vector, vector, "TF over %s in user mode", what);
	ck(came[0].rip, at, "... rip");
	ck(came[0].rflags & FL_TF, FL_TF, "... TF in the frame");
	ck(came[0].inside & FL_TF, 0, "... TF clear inside");
	ck(came[0].dr6, 0, "... no step");
}

static void users(void)
{
	u16 *word = (void *)(USTACK + 64);

	user_tables(user_setup(u_begin, u_end));
	hc2(stack_switch, KERNEL_SS, A_(stacks[0]) + 4096);
	traps[0x82].flags = 3;
	hc1(set_trap_table, traps);
	callback(2, trap_entries[257]);
	callback(5, trap_entries[259]);
	user_step(U(u_syscall), 257, U(u_syscall) + 2, "SYSCALL");
	user_step(U(u_int80), 0x80, U(u_int80) + 2, "INT 0x80");
	one(1, 1, U(u_int80) + 3, DR6_BS, "and the next step");
	user_step(U(u_bp), 3, U(u_bp) + 1, "INT3");
	if (dom0) /* INT n, SYSENTER and SS as in the kernel */
		return;
	user_step(U(u_int82), 0x82, U(u_int82) + 2, "INT 0x82");
	user_step(U(u_sysenter), 259, 0, "SYSENTER");
	*word = USER_SS;
	hc2(set_debugreg, 0, word);
	hc2(set_debugreg, 7, WORD_BREAKPOINT);
	run_user(U(u_ss_nop), 0x202, U(u_ss_nop) + 3);
	ck(ncame, 1, "SS in user mode");
	one(0, 1, U(u_ss_nop) + 3, 1, "comes after the next instruction");
	run_user(U(u_ss_syscall), 0x202, 0);
	ck(ncame, 1, "SS, then a user's SYSCALL");
	one(0, 257, U(u_ss_syscall) + 4, 0, "only the call");
	run_user(U(u_ss_int82), 0x202, U(u_ss_int82) + 4);
	ck(ncame, 1, "SS, then INT 0x82");
	one(0, 0x82, U(u_ss_int82) + 4, 0, "only the interrupt");
	run_user(U(u_ss_bp), 0x202, U(u_ss_bp) + 3);
	ck(ncame, 1, "SS, then a user's INT3");
	one(0, 3, U(u_ss_bp) + 3, 0, "only the breakpoint");
	run_user(U(u_ss_pf), 0x202, U(u_ss_pf) + 2);
	ck(ncame, 1, "SS, then a user's #PF");
	one(0, 14, U(u_ss_pf) + 2, 0, "only the fault");
	hc2(set_debugreg, 7, 0);
}

void guest_main(void)
{
	kernel_steps();
	if (!dom0) {
		held();
		events_held();
		breakpoints();
	}
	users();
}
