/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Exceptions raised in the kernel: vectors, error codes, frames, DPL of software interrupts, debug registers (SDM 3A
 * chapter 6, Xen public/arch-x86/xen-x86_64.h). #AC is left out: the oracle's processor has none.
 */
#include "tests/guests/lib.h"


LABEL(de_at);
LABEL(db_after);
LABEL(bp_after);
LABEL(of_after);
LABEL(int_after);
LABEL(int_at);
LABEL(ud_at);
LABEL(mf_at);
LABEL(xm_at);
LABEL(hb_at);
LABEL(hlt_at);
LABEL(ss_at);
LABEL(icebp_after);
ASMFN(do_de, "xor %ecx,%ecx; xor %edx,%edx; mov $7,%eax\nde_at: div %ecx");
ASMFN(do_de_over, "mov $-1,%rdx; mov $2,%ecx\n div %rcx");
ASMFN(do_idiv_over, "mov $1,%eax; shl $63,%rax; cqo; mov $-1,%rcx; idiv %rcx");
ASMFN(do_tf, "pushfq; orq $0x100,(%rsp); popfq; nop\ndb_after: nop; nop");
ASMFN(do_icebp, ".byte 0xf1\nicebp_after: nop");
ASMFN(do_int1, "int $1");
ASMFN(do_bp, "int3\nbp_after: mov $5,%eax");
ASMFN(do_bp2, "int $3; mov $5,%eax");
ASMFN(do_of, "int $4\nof_after: mov $5,%eax");
ASMFN(do_int80, "int $0x80\nint_after: mov $5,%eax");
ASMFN(do_int90, "int $0x90; mov $5,%eax");
ASMFN(do_int91, "int_at: int $0x91; mov $5,%eax");
ASMFN(do_int14, "int $14; mov $5,%eax");
ASMFN(do_ud, "ud_at: ud2");
ASMFN(do_ud_0f, ".byte 0x0f,0xff,0xc0");
ASMFN(do_into, ".byte 0xce");
ASMFN(do_lock, ".byte 0xf0,0x89,0xc0");
ASMFN(do_hlt, "hlt_at: hlt");
ASMFN(do_ds, "mov %edi,%ds; xor %eax,%eax");
ASMFN(do_ss, "ss_at: mov %edi,%ss; xor %eax,%eax");
ASMFN(do_fs, "mov %edi,%fs; xor %eax,%eax; mov %eax,%fs");
ASMFN(do_stack_read, "mov %rdi,%rax; xchg %rax,%rbp; mov (%rbp),%rdx; mov %rax,%rbp");
ASMFN(do_mf, "fninit; pushq $0x33b; fldcw (%rsp); pop %rax; fld1; fldz; fdivrp\nmf_at: fwait; fninit");
ASMFN(do_xm, "pushq $0x1d80; ldmxcsr (%rsp); pop %rax; xorps %xmm0,%xmm0; mov $1,%eax; cvtsi2ss %eax,%xmm1\nxm_at: "
	     "divss %xmm0,%xmm1");
ASMFN(fix_xm, "pushq $0x1f80; ldmxcsr (%rsp); pop %rax");
ASMFN(do_hb, "nop\nhb_at: mov $6,%eax");
ASMFN(get_flags, "pushfq; pop %rax");
ASMFN(set_flags, "push %rdi; popfq; pushfq; pop %rax; push $2; popfq");
ASMFN(do_jmp, "xor %eax,%eax; jmp *%rdi");
ASMFN(do_ret_nc, "push %rdi");
ASMFN(do_cmpxchg16, "cmpxchg16b 8(%rdi)");
ASMFN(do_movaps, "movaps (%rdi),%xmm0");

static u64 in_mask, in_flags;
static int note_mask(struct regs *r)
{
	in_mask = vinfo()->mask;
	in_flags = get_flags(0, 0);
	return 0;
}

static int resume(struct regs *r)
{
	return r->vector == 0x90;
}

static int skip_ud(struct regs *r)
{
	in_mask = vinfo()->mask;
	r->rip += 2;
	return 1;
}

static void fault_codes(void)
{
	u8 *p = page_alloc();
	u64 va = A_(p), pte = mfn_of(p) * PAGE;

	*p = 0xc3;
	ck(va_set(va, 0, 2), 0, "unmap a page");
	ck(TRY(peek64, va, 0), TRAPPED(14), "#PF read of a hole");
	ck(last.error, 0, "#PF error: read, not present");
	ck(last_cr2, va, "CR2 in vcpu_info");
	ck(TRY(poke8, va + 77, 1), TRAPPED(14), "#PF write of a hole");
	ck(last.error, 2, "#PF error: write, not present");
	ck(last_cr2, va + 77, "CR2 of a write");
	ck(TRY(call_at, va, 0), TRAPPED(14), "#PF fetch of a hole");
	ck(last.error, 0x10, "#PF error: fetch, not present");
	ck(last.rip, va, "#PF fetch: rip");
	va_set(va, pte | P_RO_, 2);
	ck(TRY(peek8, va, 0), 0xc3, "read-only page can be read");
	ck(TRY(poke8, va, 1), TRAPPED(14), "#PF write of a read-only page");
	ck(last.error, 3, "#PF error: write, protection");
	ck(TRY(call_at, va, 0) == (i64)TRAPPED(14), 0, "read-only page can be executed");
	va_set(va, pte | P_RWX_ | P_NX, 2);
	ck(TRY(call_at, va, 0), TRAPPED(14), "#PF fetch of NX");
	ck(last.error, 0x11, "#PF error: fetch, protection");
	ck(TRY(poke8, va, 0xc3), 0, "NX page can be written");
	va_set(va, pte | P_P | P_RW | P_A | P_D, 2);
	ck(TRY(poke8, va, 0xc3), 0, "the user bit of an entry does not matter");
	va_set(va, pte | P_RWX_, 2);
	ck(TRY(peek64, 0, 0), TRAPPED(14), "#PF at 0");
	ck(last.error, 0, "#PF at 0: error");
	ck(last_cr2, 0, "#PF at 0: CR2");
	ck(TRY(poke64, &M2P[mfn_of(l4)], 0), TRAPPED(14), "the M2P cannot be written");
	ck(last.error, 3, "M2P write: error");
	ck(TRY(peek64, 0xffff8700fffff000, 0), TRAPPED(14), "#PF in the host's space");
	ck(TRY(poke64, mfn_of(l4) ? A_(l4) + 8 * 300 : 0, 0), TRAPPED(14), "L4 cannot be stored to");
	/* A page-crossing write whose second half faults. */
	{
		u8 *two = page_alloc();
		u8 *second = page_alloc();

		if (second == two + PAGE) {
			va_set(A_(second), 0, 2);
			ck(TRY(poke64, two + PAGE - 3, ~0UL), TRAPPED(14), "#PF page-crossing write");
			ck(last_cr2, A_(second), "page-crossing write: CR2 is the second page");
			ck(two[PAGE - 1] | two[PAGE - 2] | two[PAGE - 3], 0, "page-crossing write: nothing stored");
			ck(TRY(peek64, two + PAGE - 1, 0), TRAPPED(14), "#PF page-crossing read");
			ck(last_cr2, A_(second), "page-crossing read: CR2");
			va_set(A_(second), mfn_of(second) * PAGE | P_RWX_, 2);
		}
	}
}

static void masks(void)
{
	events_off();
	trap_hook = note_mask;
	TRY(do_ud, 0, 0);
	ck(last.cs >> 32 & 0xff, 1, "saved mask 1 in the frame");
	ck(last.rflags & FL_IF, 0, "frame's IF is the mask's inverse: 0");
	ck(in_mask, 1, "mask stays set in the handler");
	ck(in_flags & FL_IF, FL_IF, "RFLAGS.IF always reads 1");
	ck(in_flags & FL_TF, 0, "TF clear in the handler");
	ck(vinfo()->mask, 1, "iret restores the mask: 1");
	events_on();
	TRY(do_ud, 0, 0);
	ck(last.cs >> 32 & 0xff, 0, "saved mask 0 in the frame");
	ck(last.rflags & FL_IF, FL_IF, "frame's IF is the mask's inverse: 1");
	ck(in_mask, 0, "mask stays clear in the handler");
	traps[6].flags = 4;
	hc1(set_trap_table, traps);
	in_mask = 9;
	TRY(do_ud, 0, 0);
	ck(in_mask, 1, "flag 4 masks events in the handler");
	ck(last.cs >> 32 & 0xff, 0, "flag 4: the saved mask is the one before");
	ck(vinfo()->mask, 0, "flag 4: iret unmasks");
	trap_hook = skip_ud;
	in_mask = 9;
	TRY(do_ud, 0, 0);
	ck(in_mask, 1, "handled #UD: masked inside");
	ck(vinfo()->mask, 0, "handled #UD: unmasked after");
	traps[6].flags = 0;
	hc1(set_trap_table, traps);
	events_off();
	trap_hook = NULL;
}

static void breakpoints(void)
{
	u64 x = 0;
	i64 r;

	ck(hc2(set_debugreg, 0, hb_at), 0, "set DR0");
	ck(hc1(get_debugreg, 0), A_(hb_at), "get DR0");
	ck(hc2(set_debugreg, 7, 0x1), 0, "set DR7: execution");
	r = TRY(do_hb, 0, 0);
	ck(r, TRAPPED(1), "execution breakpoint");
	ck(last.rip, A_(hb_at), "execution breakpoint: rip before");
	ck(hc1(get_debugreg, 6) & 0xf, 1, "DR6 B0");
	ck(hc2(set_debugreg, 6, 0), 0, "clear DR6");
	ck(hc2(set_debugreg, 0, &x), 0, "set DR0 to data");
	ck(hc2(set_debugreg, 7, 0xd0001), 0, "set DR7: write of 4 bytes");
	ck(TRY(poke8, A_(&x) + 1, 5), TRAPPED(1), "data breakpoint");
	ck(x, 0x500, "data breakpoint: stored before");
	ck(hc1(get_debugreg, 6) & 0xf, 1, "DR6 B0 again");
	ck(hc2(set_debugreg, 7, 0), 0, "DR7 off");
	ck(TRY(poke8, &x, 5), 0, "no breakpoint any more");
}

static void debug_registers(void)
{
	breakpoints();
	ck(hc2(set_debugreg, 0, hb_at), 0, "set DR0");
	ck(hc1(get_debugreg, 0), A_(hb_at), "get DR0");
	ck(hc2(set_debugreg, 0, 0xffff830000000000), -EPERM, "DR0 in the host's space");
	ck(hc2(set_debugreg, 4, 0), 0, "DR4 is DR6 without CR4.DE");
	ck(hc2(set_debugreg, 9, 0), -ENODEV, "DR9");
	ck(hc1(get_debugreg, 9), -ENODEV, "get DR9");
	ck(hc2(set_debugreg, 6, 1UL << 32), -EINVAL, "DR6 high bits");
	ck(hc2(set_debugreg, 7, 1UL << 32), -EINVAL, "DR7 high bits");
}

static void selectors(void)
{
	u64 *gdt = page_alloc(), frame[2];

	gdt[1] = 0x00cf73000000ffff;                       /* data, not present */
	gdt[2] = 0x00cff3000000ffff;                       /* data */
	gdt[3] = 0x00cffb000000ffff;                       /* code, 32 bits */
	gdt[4] = 0x00cfd3000000ffff & ~0x0000800000000000; /* not present */
	frame[0] = mfn_of(gdt);
	ck(hc2(set_gdt, frame, 8), -EINVAL, "set_gdt of a writable page");
	page_ro(gdt);
	ck(hc2(set_gdt, frame, 8), 0, "set_gdt");
	ck(TRY(do_ds, 2 * 8 + 3, 0), 0, "load a data segment");
	ck(TRY(do_ds, 0, 0), 0, "load NULL");
	ck(TRY(do_ds, 8 + 3, 0), TRAPPED(11), "#NP");
	ck(last.error, 8, "#NP: error");
	ck(TRY(do_ss, 8 + 3, 0), TRAPPED(12), "#SS by a segment not present");
	ck(last.error, 8, "#SS: error");
	ck(TRY(do_ss, 3 * 8 + 3, 0), TRAPPED(13), "SS from a code segment");
	ck(last.error, 24, "SS from code: error");
	ck(TRY(do_ss, 3, 0), TRAPPED(13), "SS NULL at CPL 3");
	ck(last.error, 0, "SS NULL: error");
	ck(TRY(do_ds, 0x1237, 0), TRAPPED(13), "selector beyond the tables");
	ck(last.error, 0x1234, "selector beyond: error");
	ck(TRY(do_fs, 0x77, 0), TRAPPED(13), "FS from an LDT that is not there");
	ck(last.error, 0x74, "FS from LDT: error");
	ck(hc2(set_gdt, frame, 0), 0, "set_gdt none");
}

void guest_main(void)
{
	u64 i;

	ck(TRY(do_de, 0, 0), TRAPPED(0), "#DE");
	ck(last.rip, A_(de_at), "#DE: rip");
	if (!dom0) /* QEMU's frames have no RF, SDM 3B 17.3.1.1 says they do */
		ck(last.rflags & FL_RF, FL_RF, "#DE: RF in the frame of a fault");
	ck(last.cs & 0xffff, KERNEL_CS & ~3UL, "CS in the frame has RPL 0");
	ck(last.ss & 0xffff, KERNEL_SS, "SS in the frame");
	ck(TRY(do_de_over, 0, 0), TRAPPED(0), "#DE by overflow of DIV");
	ck(TRY(do_idiv_over, 0, 0), TRAPPED(0), "#DE by overflow of IDIV");
	ck(TRY(do_tf, 0, 0), TRAPPED(1), "#DB by TF");
	ck(last.rip, A_(db_after), "#DB by TF: after the next instruction");
	ck(last.rflags & FL_TF, FL_TF, "#DB: TF in the frame");
	ck(last.rflags & FL_RF, 0, "#DB: no RF in the frame of a trap");
	ck(hc1(get_debugreg, 6) & 0x4000, 0x4000, "DR6.BS");
	if (!dom0) { /* QEMU has no INT1 */
		ck(TRY(do_icebp, 0, 0), TRAPPED(1), "#DB by INT1");
		ck(last.rip, A_(icebp_after), "INT1: rip after");
	}
	ck(TRY(do_int1, 0, 0), TRAPPED(13), "int 1");
	ckd(last.error, 1 * 8 + 2, 1 * 16 + 2, "int 1: error");
	ck(TRY(do_bp, 0, 0), TRAPPED(3), "#BP");
	ck(last.rip, A_(bp_after), "#BP: rip after");
	ck(TRY(do_bp2, 0, 0), TRAPPED(3), "int 3 of two bytes");
	ck(TRY(do_of, 0, 0), TRAPPED(4), "#OF by int 4");
	ck(last.rip, A_(of_after), "#OF: rip after");
	ck(TRY(do_int80, 0, 0), TRAPPED(0x80), "int 0x80");
	ck(last.rip, A_(int_after), "int 0x80: rip after");
	/* QEMU's processor gives n * 16 + 2 as error code in long mode, so Xen sees other vectors there. */
	traps[0x90].flags = 1;
	hc1(set_trap_table, traps);
	ckd(TRY(do_int90, 0, 0), TRAPPED(0x90), TRAPPED(13), "int with DPL 1 from the kernel");
	trap_hook = resume;
	ckd(TRY(do_int90, 0, 0), 5, TRAPPED(13), "int returns");
	trap_hook = NULL;
	ck(TRY(do_int91, 0, 0), TRAPPED(13), "int with DPL 0");
	ckd(last.error, 0x91 * 8 + 2, 0x91 * 16 + 2, "int with DPL 0: error");
	ck(last.rip, A_(int_at), "int with DPL 0: rip");
	ck(TRY(do_int14, 0, 0), TRAPPED(13), "int 14");
	ckd(last.error, 14 * 8 + 2, 14 * 16 + 2, "int 14: error");
	ck(TRY(do_ud, 0, 0), TRAPPED(6), "#UD");
	ck(last.rip, A_(ud_at), "#UD: rip");
	ck(TRY(do_ud_0f, 0, 0), TRAPPED(6), "#UD by UD0");
	ck(TRY(do_into, 0, 0), TRAPPED(6), "#UD by INTO");
	if (!dom0) /* QEMU lets this LOCK, #SS and #XM pass */
		ck(TRY(do_lock, 0, 0), TRAPPED(6), "#UD by LOCK on a register");
	ck(TRY(do_hlt, 0, 0), TRAPPED(13), "#GP by HLT");
	ck(last.rip, A_(hlt_at), "HLT: rip");
	ck(last.error, 0, "HLT: error");
	ck(TRY(peek64, 0x8000000000000000, 0), TRAPPED(13), "#GP by an address not canonical");
	ck(last.error, 0, "not canonical: error");
	ckd(TRY(do_stack_read, 0x7fff000000000000, 0), TRAPPED(12), TRAPPED(13), "#SS by an address not canonical");
	ck(TRY(do_ret_nc, 0x8000000000000000, 0), TRAPPED(13), "#GP by RET to an address not canonical");
	ck(TRY(do_cmpxchg16, page_alloc(), 0), TRAPPED(13), "#GP by CMPXCHG16B misaligned");
	ck(TRY(do_movaps, page_alloc() + 8, 0), TRAPPED(13), "#GP by MOVAPS misaligned");
	ck(TRY(do_mf, 0, 0), TRAPPED(16), "#MF");
	ck(last.rip, A_(mf_at), "#MF: rip");
	__asm__ volatile("fninit");
	if (!dom0) {
		ck(TRY(do_xm, 0, 0), TRAPPED(19), "#XM");
		ck(last.rip, A_(xm_at), "#XM: rip");
	}
	fix_xm(0, 0);
	ck(set_flags(0x3002 | 0x4000, 0) & 0x3200, 0x200, "POPF at CPL 3 changes neither IF nor IOPL");
	fault_codes();
	masks();
	debug_registers();
	selectors();
	trap_hook = skip_ud;
	for (i = 0; i < 9; i++) {
		u64 sp = A_(stacks[1]) - 512 - i;
		/* A trap on a stack of any alignment. */
		__asm__ volatile("movq %%rsp,%%r12; movq %0,%%rsp; ud2; movq %%r12,%%rsp"
				 :
				 : "r"(sp)
				 : "r12", "memory");
		ckq(last.rsp, sp, "frame's rsp");
	}
	trap_hook = NULL;
	quiet_ok("traps on misaligned stacks");
	ck(hc1(set_trap_table, 0x1000), -EFAULT, "set_trap_table: bad pointer");
	traps[5].address = 0x8300000000000000;
	ck(hc1(set_trap_table, traps), -EINVAL, "set_trap_table: handler not canonical");
}
