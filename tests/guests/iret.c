/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * User mode and the ways in and out of it: iret hypercall, syscall, sysenter, int 0x80, faults from user mode, stacks,
 * segment bases, the failsafe callback, #NM (Xen public/arch-x86/xen-x86_64.h). Left out: compatibility mode.
 */
#include "tests/guests/lib.h"

#define KDATA 0x10002000UL /* in the kernel's tables only */

__asm__(".text\n.globl u_syscall, u_syscall_end, u_int80, u_read, u_write, u_exec, u_ud, u_sysenter, u_hlt, u_int91, "
	"u_gs, u_loop, "
	"u_tf, u_fpu, u_flags, u_ports, u_ins, u_end\n"
	".balign 16\nu_begin: .globl u_begin\n"
	"u_syscall: syscall\nu_syscall_end: nop\n"
	"u_int80: int $0x80; nop\n"
	"u_int91: int $0x91; nop\n"
	"u_read: mov (%rdi),%rax; syscall\n"
	"u_write: movb $1,(%rdi); syscall\n"
	"u_exec: jmp *%rdi\n"
	"u_ud: ud2\n"
	"u_sysenter: sysenter\n"
	"u_hlt: hlt\n"
	"u_gs: mov %gs:0,%rax; mov %fs:0,%rdx; syscall\n"
	"u_tf: nop; nop\n"
	"u_fpu: fninit; syscall\n"
	"u_loop: pause; jmp u_loop\n"
	"u_flags: push %rdi; popfq; syscall; pushfq; pop %rax; syscall\n"
	"u_ports: mov %edi,%edx; out %al,%dx; xor %eax,%eax; in %dx,%al; syscall\n"
	"u_ins: mov %edi,%edx; mov $0x20000000,%edi; insb\n"
	"u_end:\n");
LABEL(u_begin);
LABEL(u_syscall);
LABEL(u_syscall_end);
LABEL(u_int80);
LABEL(u_int91);
LABEL(u_read);
LABEL(u_write);
LABEL(u_exec);
LABEL(u_ud);
LABEL(u_sysenter);
LABEL(u_hlt);
LABEL(u_gs);
LABEL(u_tf);
LABEL(u_fpu);
LABEL(u_loop);
LABEL(u_flags);
LABEL(u_ports);
LABEL(u_ins);
LABEL(u_end);
ASMFN(do_wrgs, "xor %eax,%eax; mov %edi,%gs; mov %gs,%eax");
ASMFN(do_rdgs, "mov %gs:0,%rax");
ASMFN(do_rdfs, "mov %fs:0,%rax");
ASMFN(do_getgs, "mov %gs,%eax");
ASMFN(do_fpu, "fninit; xor %eax,%eax");
ASMFN(do_sse, "xorps %xmm0,%xmm0; xor %eax,%eax");
ASMFN(do_swapgs, "swapgs");
ASMFN(do_sysret, "sysretq");
ASMFN(do_sysenter, "sysenter");
ASMFN(do_iretq, "mov %rsp,%rax; pushq $0xe02b; pushq %rax; pushfq; pushq $0xe033; pushq $1f; iretq\n1: mov $9,%eax");

#define U(label) (UCODE + (A_(label) - A_(u_begin)))
static u64 user_mask, handler_sp, handler_flags;
ASMFN(get_flags, "pushfq; pop %rax");

static int catch_it(struct regs *r)
{
	user_mask = vinfo()->mask;
	handler_sp = A_(r) + sizeof *r;
	handler_flags = get_flags(0, 0);
	leave((i64)r->vector);
}

/* Runs user code until the first trap: its vector. */
static i64 user(u64 rip, u64 rdi, u64 rflags)
{
	struct regs r;
	i64 v;

	user_regs(&r, rip, rdi, rflags);
	trap_hook = catch_it;
	v = enter(&r);
	trap_hook = NULL;
	return v;
}

/* What the kernel gets after a bad iret by selectors. */
static i64 kernel_with(u64 cs, u64 ss, u64 rip)
{
	struct regs r;
	i64 v;

	memset(&r, 0, sizeof r);
	r.rip = rip;
	r.cs = cs;
	r.ss = ss;
	r.rsp = A_(stacks[1]) - 8192;
	r.rflags = 0x2;
	trap_hook = catch_it;
	v = enter(&r);
	trap_hook = NULL;
	return v;
}

static void set_callback(u16 type, u16 flags, u64 address)
{
	struct {
		u16 type, flags;
		u32 pad;
		u64 address;
	} cb = { type, flags, 0, address };

	hc2(callback_op, 0, &cb);
}

static void tables(void)
{
	u64 *user_l4 = user_setup(u_begin, u_end);
	u8 *data = page_alloc();

	data[0] = 0x5a;
	map(0x8000000000 + KDATA, mfn_of(data) * PAGE | P_RWX_); /* slot 1: not the user's */
	ck(ext(NEW_USER_BASEPTR, mfn_of(data), 0), -EINVAL, "NEW_USER_BASEPTR of a writable page");
	user_tables(user_l4);
}

/* Flags that POPF sets in user mode outlive the kernel. */
static u32 flag_calls;
static u64 flags_in, flags_inside;
static int catch_second(struct regs *r)
{
	if (flag_calls++)
		leave((i64)r->vector);
	flags_in = r->rflags;
	flags_inside = (u64)get_flags(0, 0);
	return 1;
}

static void flags(void)
{
	static const struct {
		u64 bits;
		const char *name;
	} rows[] = { { 1UL << 14, "NT" }, { 1UL << 18, "AC" }, { 1UL << 21, "ID" }, { 1UL << 10, "DF" }, { 0x8d5, "arithmetic" } };
	struct regs r;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		u64 bits = rows[i].bits;

		flag_calls = 0;
		user_regs(&r, U(u_flags), 0x202 | bits, 0x202);
		trap_hook = catch_second;
		ck(enter(&r), 257, "flags over a system call: %s", rows[i].name);
		trap_hook = NULL;
		ck(flags_in & bits, bits, "... in the frame");
		if (bits & (1UL << 14 | 1UL << 18 | 1UL << 10))
			ck(flags_inside & bits, 0, "... clear inside");
		ck(last.rax & (bits | 0x3000), bits, "... back, and no IOPL");
	}
	user_regs(&r, U(u_syscall), 0, 0x202 | 3UL << 12 | 1UL << 17);
	trap_hook = catch_it;
	ck(enter(&r), 257, "iret with IOPL and VM");
	trap_hook = NULL;
	ck(last.rflags & (3UL << 12 | 1UL << 17), 0, "has neither");
	user_regs(&r, U(u_syscall), 0, 0x202 | 3UL << 19);
	trap_hook = catch_it;
	ck(enter(&r), 257, "iret with VIF and VIP");
	trap_hook = NULL;
	if (!dom0) /* QEMU's IRETQ leaves them */
		ck(last.rflags & 3UL << 19, 3UL << 19, "has both");
}

/* A user's ports by the bitmap, which is in memory that only the kernel sees. */
static void ports(void)
{
	u8 *bits = page_alloc();
	struct {
		u64 bits;
		u32 ports;
	} map = { A_(bits), 32768 };

	ck(user(U(u_ports), 0x80, 0x202), 13, "a user's OUT");
	memset(bits, 0xff, PAGE);
	bits[0x80 / 8] = 0xfe;
	ck(hc2(physdev_op, 7, &map), 0, "set_iobitmap");
	ck(user(U(u_ports), 0x80, 0x202), 257, "a user's OUT by the bitmap");
	if (!dom0)
		ck(last.rax, 0xff, "IN reads ones");
	ck(user(U(u_ports), 0x81, 0x202), 13, "another port");
	ck(user(U(u_ins), 0x81, 0x202), 13, "INS from it, before its memory");
	ck(user(U(u_ins), 0x80, 0x202), 14, "INS by the bitmap");
	map.ports = 0;
	hc2(physdev_op, 7, &map);
	ck(user(U(u_ports), 0x80, 0x202), 13, "without the bitmap");
}

static void bases(void)
{
	u64 *p = page_alloc(), *q = page_alloc(), *s = page_alloc(), *gdt = page_alloc(), frame[1];

	p[0] = 0x1234;
	q[0] = 0x5678;
	s[0] = 0x9abc;
	map(0x10004000, mfn_of(s) * PAGE | P_RWX_);
	map(0x10005000, mfn_of(q) * PAGE | P_RWX_);
	ck(hc2(set_segment_base, 0, 0x10005000), 0, "FS base");
	ck(TRY(do_rdfs, 0, 0), 0x5678, "FS base works");
	ck(hc2(set_segment_base, 2, p), 0, "kernel GS base");
	ck(TRY(do_rdgs, 0, 0), 0x1234, "kernel GS base works");
	ck(hc2(set_segment_base, 1, 0x10004000), 0, "user GS base");
	ck(TRY(do_rdgs, 0, 0), 0x1234, "the kernel's is not changed");
	ck(user(U(u_gs), 0, 0x202), 257, "GS and FS in user mode");
	ck(last.rax, 0x9abc, "user GS base works");
	ck(last.rdx, 0x5678, "FS base is common");
	ck(TRY(do_rdgs, 0, 0), 0x1234, "kernel GS base is back");
	ck(hc2(set_segment_base, 0, 1UL << 62), -EINVAL, "FS base not canonical");
	ck(hc2(set_segment_base, 1, 1UL << 62), -EINVAL, "user GS base not canonical");
	ck(hc2(set_segment_base, 2, 1UL << 62), -EINVAL, "kernel GS base not canonical");
	ck(hc2(set_segment_base, 9, 0), -EINVAL, "unknown base");
	gdt[2] = 0x00cff3000000ffff;
	gdt[3] = 0x00cf73000000ffff;
	page_ro(gdt);
	frame[0] = mfn_of(gdt);
	ck(hc2(set_gdt, frame, 8), 0, "set_gdt");
	ck(hc2(set_segment_base, 3, 16 + 3), 0, "user GS selector");
	ck(TRY(do_rdgs, 0, 0), 0x1234, "kernel GS base after a selector");
	ck(hc2(set_segment_base, 3, 24 + 3), 0, "user GS selector, bad: loads NULL");
	ck(TRY(do_getgs, 0, 0), 0, "selector reads 0 after a bad one");
	ck(TRY(do_rdgs, 0, 0), 0x1234, "kernel GS base after a bad selector");
	ck(TRY(do_swapgs, 0, 0), TRAPPED(13), "SWAPGS");
	hc2(set_gdt, frame, 0);
	do_wrgs(0, 0);
}

static void fpu(void)
{
	ck(hc1(fpu_taskswitch, 1), 0, "fpu_taskswitch set");
	ck(TRY(do_fpu, 0, 0), TRAPPED(7), "#NM");
	ck(TRY(do_fpu, 0, 0), 0, "TS falls with #NM");
	hc1(fpu_taskswitch, 1);
	ck(TRY(do_sse, 0, 0), TRAPPED(7), "#NM by SSE");
	hc1(fpu_taskswitch, 1);
	ck(hc1(fpu_taskswitch, 0), 0, "fpu_taskswitch clear");
	ck(TRY(do_sse, 0, 0), 0, "no #NM");
	hc1(fpu_taskswitch, 1);
	ck(user(U(u_fpu), 0, 0x202), 7, "#NM in user mode");
	hc1(fpu_taskswitch, 0);
}

void guest_main(void)
{
	u64 ksp = A_(stacks[0]) + 4096 - 56;

	tables();
	hc2(stack_switch, KERNEL_SS, ksp);
	ck(user(U(u_syscall), 0, 0x202), 257, "syscall from user mode");
	ck(last.rip, U(u_syscall_end), "syscall: rip");
	ck(last.cs & 3, 3, "syscall: CS has RPL 3");
	ck(last.cs & 0xffff, KERNEL_CS, "syscall: CS");
	ck(last.ss & 0xffff, KERNEL_SS, "syscall: SS");
	ck(last.rcx, U(u_syscall_end), "syscall: rcx");
	ck(last.r11 & 0xff, 2, "syscall: r11");
	ck(last.rsp, USTACK + 4000, "syscall: rsp");
	ck(last.rbx, 0xb0b, "other registers pass");
	ck(last.r8, 0x88, "r8 passes");
	ck(last.rax, 0xaaaa, "rax by iret");
	ck(last.rflags & FL_IF, FL_IF, "syscall: IF");
	ck(user_mask, 0, "syscall leaves the mask");
	ck(handler_sp, ksp & ~15UL, "syscall frame lies on the kernel's stack");
	user(U(u_syscall), 0, 0x602);
	ck(last.rflags & FL_DF, FL_DF, "DF is in the frame");
	set_callback(2, 1, trap_entries[257]);
	user(U(u_syscall), 0, 0x202);
	ck(user_mask, 1, "syscall callback with mask_events");
	ck(last.cs >> 32 & 0xff, 0, "saved mask");
	set_callback(2, 0, trap_entries[257]);
	iret_flags = 256;
	ck(user(U(u_syscall), 0, 0x202), 257, "iret in_syscall");
	ck(last.rax, 0xaaaa, "in_syscall: rax");
	ck(user(U(u_ud), 0, 0x202), 6, "#UD in user mode after in_syscall");
	ck(last.rcx, U(u_ud), "in_syscall: rcx is rip");
	ck(last.r11 & ~0x10000UL, 0x202, "in_syscall: r11 is rflags");
	iret_flags = 0;
	ck(user(U(u_ud), 0, 0x202), 6, "#UD in user mode");
	ck(last.rip, U(u_ud), "#UD in user mode: rip");
	ck(last.rcx, 0xcccc, "iret: rcx");
	ck(last.r11, 0x1111, "iret: r11");
	ck(last.cs & 3, 3, "#UD in user mode: RPL 3");
	ck(user(U(u_int80), 0, 0x202), 0x80, "int 0x80");
	ck(last.rip, U(u_int80) + 2, "int 0x80: rip");
	ck(user(U(u_int91), 0, 0x202), 13, "int with DPL 0 from user mode");
	traps[0x91].flags = 1;
	hc1(set_trap_table, traps);
	ck(user(U(u_int91), 0, 0x202), 13, "int with DPL 1 from user mode");
	ck(user(U(u_hlt), 0, 0x202), 13, "HLT in user mode");
	ck(user(U(u_tf), 0, 0x302), 1, "iret with TF");
	ck(last.rip, U(u_tf) + 1, "TF: after one instruction");
	ck(user(U(u_read), 0x20000000, 0x202), 14, "#PF read in user mode");
	ck(last.error, 4, "#PF error: user read");
	ck(last_cr2, 0x20000000, "#PF: CR2");
	ck(user(U(u_write), 0x20000000, 0x202), 14, "#PF write in user mode");
	ck(last.error, 6, "#PF error: user write");
	ck(user(U(u_write), UCODE, 0x202), 14, "#PF write of a read-only page");
	ck(last.error, 7, "#PF error: user write, protection");
	ck(user(U(u_exec), 0x20000000, 0x202), 14, "#PF fetch in user mode");
	ck(last.error, 0x14, "#PF error: user fetch");
	ck(user(U(u_exec), USTACK, 0x202), 14, "#PF fetch of NX in user mode");
	ck(last.error, 0x15, "#PF error: user fetch, protection");
	ck(user(U(u_read), 0x8000000000 + KDATA, 0x202), 14, "the kernel's slot is not the user's");
	ck(TRY(peek8, 0x8000000000 + KDATA, 0), 0x5a, "but the kernel's");
	ck(user(U(u_read), A_(l4), 0x202), 14, "kernel text is not seen from user mode");
	ck(user(U(u_read), A_(M2P), 0x202), 14, "nor the M2P");
	ck(user(U(u_read), UCODE, 0x202), 257, "user code can be read");
	ck(user(U(u_read), 1UL << 63, 0x202), 13, "not canonical in user mode");
	ck(user(U(u_syscall), 0, 0x2), 257, "iret to user with IF 0");
	ck(user_mask, 1, "masks events even there");
	ck(last.rflags & FL_IF, 0, "frame's IF is 0 then");
	events_off();
	/* sysenter: no callback, then one. */
	set_callback(5, 0, 0);
	ckd(user(U(u_sysenter), 0, 0x202), 13, 6, "sysenter without callback"); /* QEMU's is AMD's: #UD in long mode */
	if (!dom0) {
		ck(last.rip | last.rsp, 0, "which has forgotten where it was");
		set_callback(5, 0, trap_entries[259]);
		ck(user(U(u_sysenter), 0, 0x202), 259, "sysenter");
		ck(last.rip, 0, "sysenter: rip 0");
		ck(last.rsp, 0, "sysenter: rsp 0");
		ck(last.cs & 0xffff, 3, "sysenter: CS 3");
	}
	set_callback(2, 0, 0);
	ck(user(U(u_syscall), 0, 0x202), 6, "syscall without callback");
	ck(last.rip, U(u_syscall), "syscall without callback: rip");
	ck(last.rcx, U(u_syscall_end), "syscall without callback: rcx");
	set_callback(2, 0, trap_entries[257]);
	/* To the kernel with bad selectors. */
	ck(kernel_with(0xe033, 0xe02b, A_(u_ud)), 14, "iret with CS.RPL 3 goes to user mode");
	ck(last.error, 0x14, "where the kernel's text is not");
	ck(kernel_with(0xe030, 0xe02b, A_(u_ud)), 6, "iret to the kernel, RPL 0");
	ck(last.cs & 3, 0, "iret to the kernel: RPL");
	ck(kernel_with(0x1230, 0xe02b, A_(u_ud)), 13, "iret with a bad CS");
	ck(last.error, 0x1230, "its error code");
	ck(kernel_with(0xe030, 0x1230, A_(u_ud)), 13, "iret with a bad SS");
	ck(last.error, 0x1230, "its error code");
	ck(kernel_with(0xe030, 0xe02b, 1UL << 63), 13, "iret to an address not canonical");
	bases();
	fpu();
	flags();
	ports();
	ck(TRY(do_sysret, 0, 0), TRAPPED(13), "SYSRET");
	ckd(TRY(do_sysenter, 0, 0), TRAPPED(13), TRAPPED(6), "sysenter in the kernel");
	ckd(TRY(do_iretq, 0, 0), 9, TRAPPED(14),
	    "a plain IRETQ works in the kernel"); /* QEMU reads its frame as the host would */
	ck(hc2(stack_switch, KERNEL_SS, ksp), 0, "stack_switch");
	ck(hc2(callback_op, 1, NULL), -EFAULT, "callback_op unregister, bad pointer");
	ck(hc2(callback_op, 9, NULL), -ENOSYS, "callback_op unknown");
}
