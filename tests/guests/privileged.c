/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Privileged instructions that the host carries out for the kernel: control registers, MSRs, CPUID, ports, WBINVD,
 * RDPMC, XSETBV, CLI and STI, debug registers.
 */
#include "tests/guests/lib.h"

ASMFN(rd_cr0, "mov %cr0,%rax");
ASMFN(rd_cr2, "mov %cr2,%rax");
ASMFN(rd_cr3, "mov %cr3,%rax");
ASMFN(rd_cr4, "mov %cr4,%rax");
ASMFN(rd_cr8, "mov %cr8,%rax");
ASMFN(wr_cr0, "mov %rdi,%cr0; xor %eax,%eax");
ASMFN(wr_cr2, "mov %rdi,%cr2; xor %eax,%eax");
ASMFN(wr_cr3, "mov %rdi,%cr3; xor %eax,%eax");
ASMFN(wr_cr4, "mov %rdi,%cr4; xor %eax,%eax");
ASMFN(do_clts, "clts; xor %eax,%eax");
ASMFN(do_lmsw, "lmsw %di; xor %eax,%eax");
ASMFN(do_smsw, "smsw %eax; movzwl %ax,%eax");
ASMFN(do_fpu, "fninit; xor %eax,%eax");
ASMFN(do_rdmsr, "mov %edi,%ecx; rdmsr; shl $32,%rdx; or %rdx,%rax");
ASMFN(do_wrmsr, "mov %edi,%ecx; mov %esi,%eax; mov %rsi,%rdx; shr $32,%rdx; wrmsr; xor %eax,%eax");
ASMFN(do_cpuid_a, "push %rbx; mov %edi,%eax; mov %esi,%ecx; cpuid; pop %rbx");
ASMFN(do_cpuid_c, "push %rbx; mov %edi,%eax; mov %esi,%ecx; cpuid; mov %ecx,%eax; pop %rbx");
ASMFN(do_forced_a, "push %rbx; mov %edi,%eax; mov %esi,%ecx; .byte 0x0f,0x0b,0x78,0x65,0x6e; cpuid; pop %rbx");
ASMFN(do_forced_b,
      "push %rbx; mov %edi,%eax; mov %esi,%ecx; .byte 0x0f,0x0b,0x78,0x65,0x6e; cpuid; mov %ebx,%eax; pop %rbx");
ASMFN(do_forced_c,
      "push %rbx; mov %edi,%eax; mov %esi,%ecx; .byte 0x0f,0x0b,0x78,0x65,0x6e; cpuid; mov %ecx,%eax; pop %rbx");
ASMFN(do_forced_d,
      "push %rbx; mov %edi,%eax; mov %esi,%ecx; .byte 0x0f,0x0b,0x78,0x65,0x6e; cpuid; mov %edx,%eax; pop %rbx");
ASMFN(do_inb, "mov %edi,%edx; xor %eax,%eax; in %dx,%al");
ASMFN(do_inl, "mov %edi,%edx; xor %eax,%eax; in %dx,%eax");
ASMFN(do_outb, "mov %edi,%edx; mov %esi,%eax; out %al,%dx; xor %eax,%eax");
ASMFN(do_outl, "mov %edi,%edx; mov %esi,%eax; out %eax,%dx; xor %eax,%eax");
ASMFN(do_insb, "mov %edi,%edx; mov %rsi,%rdi; mov $4,%ecx; rep insb; mov %ecx,%eax");
ASMFN(do_wbinvd, "wbinvd; xor %eax,%eax");
ASMFN(do_invd, "invd; xor %eax,%eax");
ASMFN(do_invlpg, "invlpg (%rdi); xor %eax,%eax");
ASMFN(do_rdpmc, "mov %edi,%ecx; rdpmc");
ASMFN(do_cli, "cli; xor %eax,%eax");
ASMFN(do_sti, "sti; xor %eax,%eax");
ASMFN(do_lgdt, "lgdt (%rdi)");
ASMFN(do_sgdt, "sgdt (%rdi); movzwl (%rdi),%eax");
ASMFN(do_ltr, "mov $8,%eax; ltr %ax");
ASMFN(do_lldt, "xor %eax,%eax; lldt %ax");
ASMFN(do_xgetbv, "xor %ecx,%ecx; xgetbv");
ASMFN(do_xsetbv, "xor %ecx,%ecx; mov %edi,%eax; xor %edx,%edx; xsetbv; xor %eax,%eax");
ASMFN(rd_dr6, "mov %dr6,%rax");
ASMFN(rd_dr7, "mov %dr7,%rax");
ASMFN(wr_dr3, "mov %rdi,%dr3; mov %dr3,%rax");
ASMFN(do_rdfsbase, "rdfsbase %rax");
ASMFN(do_sysretl, "sysretl");
ASMFN(do_vmcall, "vmcall");

static u32 base;

static void registers(void)
{
	u64 cr0 = (u64)TRY(rd_cr0, 0, 0);

	ck(cr0 & 0x80010001, 0x80010001, "CR0: PG WP PE");
	ck(TRY(rd_cr3, 0, 0), mfn_of(l4) * PAGE, "CR3 is the L4's machine address");
	TRY(peek8, 0x123000, 0);
	ck(TRY(rd_cr2, 0, 0), 0x123000, "CR2 after a fault");
	ck(TRY(wr_cr2, 0x5000, 0), 0, "write CR2");
	ck(TRY(rd_cr2, 0, 0), 0x5000, "read it back");
	ck(vinfo()->cr2, 0x5000, "in vcpu_info too");
	ck(TRY(rd_cr8, 0, 0), TRAPPED(13), "CR8");
	ck(TRY(wr_cr0, cr0 | 8, 0), 0, "set CR0.TS");
	ck(TRY(rd_cr0, 0, 0), cr0 | 8, "CR0.TS reads 1");
	ck(TRY(do_fpu, 0, 0), TRAPPED(7), "#NM");
	TRY(wr_cr0, cr0 | 8, 0);
	ck(TRY(do_clts, 0, 0), 0, "CLTS");
	ck(TRY(rd_cr0, 0, 0), cr0 & ~8UL, "CR0.TS reads 0");
	ck(TRY(do_fpu, 0, 0), 0, "no #NM");
	ck(TRY(wr_cr0, cr0 & ~0x10000UL, 0), TRAPPED(13), "clear CR0.WP");
	ck(TRY(wr_cr3, mfn_of(l4) * PAGE, 0), 0, "write CR3");
	ck(TRY(wr_cr3, 0xfffffffff000, 0) != 0, 1, "write CR3: no frame");
	ck(TRY(wr_cr4, TRY(rd_cr4, 0, 0), 0), 0, "write CR4 as it is");
	ck(TRY(rd_cr4, 0, 0) & 0x20, 0x20, "CR4.PAE");
	ck(TRY(do_lmsw, 1, 0), TRAPPED(13), "LMSW");
	ck(TRY(do_cli, 0, 0), TRAPPED(13), "CLI with IOPL 0");
	ck(TRY(do_sti, 0, 0), TRAPPED(13), "STI with IOPL 0");
	ck(TRY(rd_dr7, 0, 0), 0x400, "DR7");
	ck(TRY(wr_dr3, 0x1000, 0), 0x1000, "DR3");
	ck(hc1(get_debugreg, 3), 0x1000, "DR3 by hypercall");
	hc2(set_debugreg, 3, 0);
	ck(TRY(do_lgdt, stacks, 0), TRAPPED(13), "LGDT");
	ck(TRY(do_ltr, 0, 0), TRAPPED(13), "LTR");
	ck(TRY(do_lldt, 0, 0), TRAPPED(13), "LLDT");
	ck(TRY(do_invd, 0, 0), TRAPPED(13), "INVD");
	ckd(TRY(do_wbinvd, 0, 0), 0, 0, "WBINVD");
	ck(TRY(do_invlpg, 0x1000, 0), TRAPPED(13), "INVLPG");
	ck(TRY(do_sysretl, 0, 0), TRAPPED(13), "SYSRET");
	ck(TRY(do_rdpmc, 0, 0), TRAPPED(13), "RDPMC");
}

static void msrs(void)
{
	u64 efer;

	ck(TRY(do_rdmsr, 0x277, 0), 0x050100070406, "PAT");
	efer = (u64)TRY(do_rdmsr, 0xc0000080, 0);
	ck(efer & 0xd01, 0xd01, "EFER: SCE LME LMA NXE");
	ck(TRY(do_wrmsr, 0xc0000080, efer), 0, "EFER as it is");
	ck(TRY(do_wrmsr, 0xc0000080, efer ^ 0x800), TRAPPED(13), "EFER otherwise");
	ck(TRY(do_wrmsr, 0xc0000100, 0x12345000), 0, "FS_BASE");
	ck(TRY(do_rdmsr, 0xc0000100, 0), 0x12345000, "FS_BASE reads");
	ck(TRY(do_wrmsr, 0xc0000100, 1UL << 62), TRAPPED(13), "FS_BASE not canonical");
	ck(TRY(do_wrmsr, 0xc0000101, 0x23456000), 0, "GS_BASE");
	ck(TRY(do_rdmsr, 0xc0000101, 0), 0x23456000, "GS_BASE reads");
	ck(TRY(do_wrmsr, 0xc0000101, 1UL << 63), TRAPPED(13), "GS_BASE not canonical");
	ck(TRY(do_wrmsr, 0xc0000102, 0x34567000), 0, "KERNEL_GS_BASE");
	ck(TRY(do_rdmsr, 0xc0000102, 0), 0x34567000, "KERNEL_GS_BASE reads");
	ck(TRY(do_rdmsr, 0xc0000101, 0), 0x23456000, "GS_BASE unchanged");
	ck(TRY(do_wrmsr, 0xc0000102, 1UL << 62), TRAPPED(13), "KERNEL_GS_BASE not canonical");
	ck(TRY(do_rdmsr, 0xdeadbeef, 0), TRAPPED(13), "unknown MSR");
	ck(TRY(do_wrmsr, 0xdeadbeef, 0), TRAPPED(13), "write an unknown MSR");
	ck(TRY(do_wrmsr, 0x277, 0), TRAPPED(13), "write PAT");
	ck(TRY(do_wrmsr, 0x277, 0x050100070406), TRAPPED(13), "write PAT as it is");
}

/* Xen's list for Intel's processors (arch/x86/msr.c, pv/emul-priv-op.c, cpu/mcheck/vmce.c). */
static void msr_list(void)
{
	static const struct {
		u32 msr;
		u64 value;
	} rows[] = {
		{ 0, 0 },          { 1, 0 },          { 0x17, 0 },     { 0x3a, 1 },     { 0x8b, 1UL << 32 }, { 0xc1, 0 },
		{ 0xc8, 0 },       { 0xce, 0 },       { 0x140, 0 },    { 0x179, 0x1000c02 }, { 0x17a, 0 },   { 0x17b, 0 },
		{ 0x186, 0 },      { 0x189, 0 },      { 0x198, 0 },    { 0x199, 0 },    { 0x19c, 0 },        { 0x1a0, 0x801801 },
		{ 0x280, 0 },      { 0x29f, 0 },      { 0x309, 0 },    { 0x30b, 0 },    { 0x345, 0 },        { 0x38d, 0 },
		{ 0x390, 0 },      { 0x400, ~0UL },   { 0x401, 0 },    { 0x404, ~0UL }, { 0x407, 0 },        { 0x408, 0 },
		{ 0x47f, 0 },      { 0x40000000, 0 }, { 0xc001001f, 0 },
	};
	static const u32 gone[] = { 0x33, 0x48, 0x49, 0x79, 0xc9, 0xcf, 0xe7, 0xe8, 0x10a, 0x122, 0x174, 0x18a, 0x19a, 0x1b0, 0x1d9,
				    0x200, 0x2ff, 0x30c, 0x391, 0x480, 0x4d0, 0x560, 0x6a0, 0x6e0, 0x802, 0xda0, 0x40000001, 0xc0000081,
				    0xc0010015 };
	static const u32 ignored[] = { 0xc1, 0xe7, 0xe8, 0x179, 0x17b, 0x186, 0x199, 0x19a, 0x1a0, 0x1b0, 0x309, 0x38f, 0x400, 0xc001001f };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		ck(TRY(do_rdmsr, rows[i].msr, 0), rows[i].value, "MSR %x", rows[i].msr);
	for (i = 0; i < ARRAY_SIZE(gone); i++)
		ck(TRY(do_rdmsr, gone[i], 0), TRAPPED(13), "MSR %x is not there", gone[i]);
	for (i = 0; i < ARRAY_SIZE(ignored); i++)
		ck(TRY(do_wrmsr, ignored[i], 0x1234), 0, "MSR %x takes what it is given", ignored[i]);
	ck(TRY(do_rdmsr, 0x1a0, 0), 0x801801, "and does not keep it");
	ck(TRY(do_wrmsr, 0x17a, 4), 0, "MCG_STATUS");
	ck(TRY(do_rdmsr, 0x17a, 0), 4, "keeps it");
	TRY(do_wrmsr, 0x17a, 0);
	ck(TRY(do_wrmsr, 0x281, 0x40000001), 0, "MC1_CTL2");
	ck(TRY(do_rdmsr, 0x281, 0), 0x40000001, "keeps it");
	TRY(do_wrmsr, 0x281, 0);
	ck(TRY(do_wrmsr, 0x401, 0), 0, "MC0_STATUS may be cleared");
	ck(TRY(do_wrmsr, 0x401, 1), TRAPPED(13), "but not set");
	ck(TRY(do_wrmsr, 0x140, 1), TRAPPED(13), "CPUID faulting cannot be had");
	ck(TRY(do_wrmsr, 0x3a, 1), TRAPPED(13), "FEATURE_CONTROL is locked");
	ck(TRY(do_wrmsr, 0x17, 0), TRAPPED(13), "PLATFORM_ID is read-only");
	ck(TRY(do_wrmsr, 0x198, 0), TRAPPED(13), "PERF_STATUS is read-only");
}

/* Without a handler of #GP what the processor has reads 0. */
static void msrs_without_handler(void)
{
	u64 address = traps[13].address;
	i64 r;

	hc1(set_trap_table, NULL);
	traps[13].address = trap_entries[14];
	traps[13].vector = 14; /* twice: none for 13 */
	hc1(set_trap_table, traps);
	r = do_rdmsr(0x174, 0);
	r |= do_rdmsr(0x2ff, 0);
	ck(r, 0, "MSRs without a handler of #GP");
	traps[13].vector = 13;
	traps[13].address = address;
	hc1(set_trap_table, traps);
	ck(TRY(do_rdmsr, 0x174, 0), TRAPPED(13), "and with one");
}

static void cpuids(void)
{
	u64 max, i;

	for (base = 0x40000000; base < 0x40010000; base += 0x100)
		if ((u32)do_forced_b(base, 0) == 0x566e6558 && (u32)do_forced_c(base, 0) == 0x65584d4d &&
		    (u32)do_forced_d(base, 0) == 0x4d4d566e)
			break;
	ck(base, 0x40000000, "Xen's leaves by the forced prefix");
	ck((u32)do_forced_a(base, 0) >= base + 2, 1, "their number");
	ck(do_forced_a(base + 1, 0) >> 16, 4, "version");
	ck(do_forced_c(base + 2, 0) & 1, 1, "MMU_PT_UPDATE_PRESERVE_AD");
	max = (u64)do_forced_a(0, 0);
	ck(max >= 7, 1, "basic leaves");
	ck(do_cpuid_a(0, 0) > 0, 1, "plain CPUID");
	ck(do_forced_d(1, 0) & 0x6000001, 0x6000001, "leaf 1: FPU SSE SSE2");
	ck(do_forced_d(1, 0) & (1u << 1 | 1u << 3 | 1u << 12 | 1u << 13 | 1u << 17) & ~(dom0 ? 1u << 12 : 0), 0,
	   "leaf 1: VME PSE MTRR PGE PSE36 hidden");
	ck(do_forced_c(1, 0) & (1u << 3 | 1u << 5 | 1u << 17 | 1u << 21 | 1u << 24), 0,
	   "leaf 1: MONITOR VMX PCID X2APIC deadline hidden");
	ck(do_forced_c(1, 0) >> 31 & 1, 1, "leaf 1: hypervisor");
	ck(do_forced_b(7, 0) & (1u << 7 | 1u << 10 | 1u << 20), 0, "leaf 7: SMEP INVPCID SMAP hidden");
	ck(do_forced_d(0x80000001, 0) & (1u << 20 | 1u << 29 | 1u << 11), 1u << 20 | 1u << 29 | 1u << 11,
	   "NX LM SYSCALL");
	ck(do_forced_d(0x80000001, 0) & 1u << 26, 0, "1 GB pages hidden");
	ck(do_forced_c(0x80000001, 0) & 1u << 2, 0, "SVM hidden");
	for (i = 0; i < 64; i++)
		do_forced_a((u64)i * 0x04000000, i);
	ck(1, 1, "any leaf can be asked");
}

static void ports(void)
{
	struct {
		u32 iopl;
	} a = { 0 };
	u64 bitmap[3] = { 0, 0, 0 };
	u8 *bits = page_alloc();
	u8 buf[4] = { 1, 2, 3, 4 };

	/* Ring 1 with IOPL 0: the kernel may not, but its privileges differ in the oracle's first domain. */
	ck(TRY(do_inb, 0x80, 0), TRAPPED(13), "IN with IOPL 0");
	ck(TRY(do_outb, 0x80, 0), TRAPPED(13), "OUT with IOPL 0");
	a.iopl = 4;
	ck(hc2(physdev_op, 6, &a), -EINVAL, "set_iopl 4");
	a.iopl = 1;
	ck(hc2(physdev_op, 6, &a), 0, "set_iopl 1");
	if (!dom0) { /* who sees real ports */
		ck(TRY(do_inb, 0x123, 0), 0xff, "IN reads all ones");
		ck(TRY(do_inl, 0x123, 0), 0xffffffff, "IN of 4 bytes");
		ck(TRY(do_insb, 0x123, buf), 0, "REP INS");
		ck(buf[0] & buf[1] & buf[2] & buf[3], 0xff, "REP INS reads ones");
	}
	ck(TRY(do_outb, 0x80, 0), 0, "OUT with IOPL 1");
	ck(TRY(do_cli, 0, 0), 0, "CLI with IOPL 1 is let pass");
	ck(TRY(do_sti, 0, 0), 0, "STI with IOPL 1 is let pass");
	ck(vinfo()->mask, 1, "and does not touch the mask");
	a.iopl = 0;
	ck(hc2(physdev_op, 6, &a), 0, "set_iopl 0");
	ck(TRY(do_inb, 0x80, 0), TRAPPED(13), "IN with IOPL 0 again");
	if (!dom0) {
		a.iopl = 1;
		hc2(physdev_op, 6, &a);
		ck(TRY(do_outb, 0x70, 0x8d), 0, "OUT to the CMOS index");
		ck(TRY(do_inb, 0x70, 0), 0x8d, "which is latched");
		ck(TRY(do_inb, 0x71, 0), 0xff, "but nothing is behind it");
		ck(TRY(do_outl, 0xcf8, 0x80000000), 0, "OUT to PCI's address");
		ck(TRY(do_inl, 0xcf8, 0), 0x80000000, "which is latched");
		ck(TRY(do_inb, 0xcf8, 0), 0xff, "but not for bytes");
		ck(TRY(do_inl, 0xcfc, 0), 0xffffffff, "and nothing is behind it");
		a.iopl = 0;
		hc2(physdev_op, 6, &a);
	}
	bitmap[1] = 65537;
	ck(hc2(physdev_op, 7, bitmap), -EINVAL, "set_iobitmap too long");
	bitmap[1] = 65536;
	bitmap[0] = 0xffff830000000000;
	ck(hc2(physdev_op, 7, bitmap), -EINVAL, "set_iobitmap in the host's space");
	bitmap[0] = A_(bits);
	bitmap[1] = 0x400;
	memset(bits, 0xff, PAGE);
	bits[0x80 / 8] = 0xf0; /* 0x80 to 0x83 */
	bits[0x3ff / 8] = 0;   /* 0x3f8 to 0x3ff */
	ck(hc2(physdev_op, 7, bitmap), 0, "set_iobitmap");
	ck(TRY(do_outb, 0x80, 0), 0, "OUT by the bitmap");
	ckd(TRY(do_inb, 0x83, 0), 0xff, TRY(do_inb, 0x83, 0), "IN by the bitmap");
	ck(TRY(do_inb, 0x84, 0), TRAPPED(13), "IN not by the bitmap");
	ck(TRY(do_inl, 0x82, 0), TRAPPED(13), "nor of more than it allows");
	ck(TRY(do_insb, 0x84, 0x1000), TRAPPED(13), "INS not by the bitmap, before its memory");
	ck(TRY(do_inb, 0x3ff, 0) == (i64)TRAPPED(13), 0, "the last port of the bitmap");
	ck(TRY(do_inb, 0x400, 0), TRAPPED(13), "beyond its end");
	va_set(A_(bits), 0, 2);
	ck(TRY(do_inb, 0x80, 0), TRAPPED(13), "a bitmap that is not mapped allows nothing");
	va_set(A_(bits), mfn_of(bits) * PAGE | P_RWX_, 2);
	ck(TRY(do_inb, 0x80, 0) == (i64)TRAPPED(13), 0, "mapped again it does");
	bitmap[1] = 0;
	ck(hc2(physdev_op, 7, bitmap), 0, "set_iobitmap of none");
	ck(TRY(do_inb, 0x80, 0), TRAPPED(13), "IN then");
	ck(hc2(physdev_op, 99, bitmap), -ENOSYS, "physdev_op unknown");
}

static void xsave(void)
{
	u64 cr4 = (u64)TRY(rd_cr4, 0, 0);

	ck(TRY(wr_cr4, cr4 | 1UL << 20 | 1UL << 21 | 1UL << 12 | 1UL << 7, 0), 0, "CR4: SMEP SMAP LA57 PGE");
	ck(TRY(rd_cr4, 0, 0), cr4, "are dropped");
	if (!(do_forced_c(1, 0) >> 26 & 1))
		return;
	ck(TRY(do_xgetbv, 0, 0), 3, "XGETBV by the host's CR4.OSXSAVE");
	ckd(do_cpuid_c(1, 0) >> 27 & 1, 0, 1, "which CPUID does not show"); /* where CPUID cannot fault, it does */
	ck(do_forced_c(1, 0) >> 27 & 1, 1, "save by the prefix");
	ck(TRY(wr_cr4, cr4 | 1UL << 18, 0), 0, "set CR4.OSXSAVE");
	ck(TRY(rd_cr4, 0, 0) >> 18 & 1, 1, "CR4.OSXSAVE reads 1");
	ck(do_forced_c(1, 0) >> 27 & 1, 1, "leaf 1: OSXSAVE");
	ck(TRY(do_xsetbv, 3, 0), 0, "XSETBV 3");
	ck(TRY(do_xgetbv, 0, 0), 3, "XGETBV");
	ck(TRY(do_xsetbv, 0, 0), TRAPPED(13), "XSETBV 0");
	ck(TRY(do_xsetbv, 4, 0), TRAPPED(13), "XSETBV: AVX without x87");
	ck(TRY(do_xsetbv, 1u << 30 | 3, 0), TRAPPED(13), "XSETBV: what is not there");
}

void guest_main(void)
{
	registers();
	msrs();
	if (!dom0) /* who has another processor */
		msr_list();
	msrs_without_handler();
	cpuids();
	ports();
	ck(TRY(do_vmcall, 0, 0), TRAPPED(6), "VMCALL");
	xsave();
}
