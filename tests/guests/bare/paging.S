/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Paging and long mode: 32-bit, PAE, 4-level and 5-level tables, page-fault error codes, WP, PSE, PDPTEs, NX, SMEP, SMAP;
 * 64-bit gates, IST, IRETQ, SYSCALL, canonical addresses, compatibility mode, control-register checks. Values from SDM 3A
 * chapters 2, 4 and 6.
 */
#include "common.inc"
#include "prot.inc"

	.code16
	COMMON
	PROT_HANDLERS

	.balign 16
gdt:	.quad 0
	DESC 0, 0xfffff, 0x9b, 0xc
	DESC 0, 0xfffff, 0x93, 0xc
	DESC 0, 0xfffff, 0xfb, 0xc
	DESC 0, 0xfffff, 0xf3, 0xc
	DESCL tss0, 103, 0x89, 0	/* 28, 16 bytes in long mode */
	.quad 0
	DESC 0, 0xfffff, 0x9b, 0xa	/* 38 64-bit code */
	DESC 0, 0xfffff, 0xfb, 0xc	/* 40 32-bit code, level 3: SYSRET base 43 */
	DESC 0, 0xfffff, 0xf3, 0xc	/* 48 data, level 3 */
	DESC 0, 0xfffff, 0xfb, 0xa	/* 50 64-bit code, level 3 */
	.quad 0				/* 58: 64-bit call gate */
	.quad 0
gdt_end:
pgdtr:	.word gdt_end - gdt - 1
	.long LIN(gdt)
	.balign 16
tss0:	.fill 4, 1, 0
	.long 0x6800, DATA0
	.fill 24, 1, 0
	.long 0x5ff8, 0			/* IST1 at 36, not aligned */
	.fill 60, 1, 0

#define PD 0x20000
#define PT 0x21000
#define PDPT 0x22000
#define PD2 0x23000
#define PML4 0x24000
#define PML5 0x25000
#define PT2 0x26000

.macro PFAULT err, addr, name
7:	cmpl $14, LIN(n_vec)
	jne 5f
	cmpl $\err, LIN(n_err)
	jne 5f
	cmpl $\addr, LIN(n_cr2)
	jne 5f
	mov LIN(n_eip), %eax
	cmp LIN(n_want), %eax
5:	OK32 "\name"
.endm

	.code32
main:	/* 32-bit tables: the first 4 MiB one to one, then PSE */
	mov $PT, %edi
	mov $0x07, %eax
1:	mov %eax, (%edi)
	add $4, %edi
	add $0x1000, %eax
	cmp $0x400007, %eax
	jne 1b
	movl $PT + 7, PD
	movl $0x87, PD + 4		/* 4 MiB page at 400000: 0 again */
	movl $0, PT + 0x300 * 4		/* 300000: not present */
	movl $0x301005, PT + 0x301 * 4	/* read-only */
	movl $0x302003, PT + 0x302 * 4	/* supervisor */
	mov $PD, %eax
	mov %eax, %cr3
	mov %cr4, %eax
	or $0x10, %eax
	mov %eax, %cr4
	mov %cr0, %eax
	or $0x80000000, %eax
	mov %eax, %cr0
	movl $0x600d, 0x2000
	cmpl $0x600d, 0x402000
	OK32 "a 4 MiB page"
	TRY
	mov 0x300123, %eax
	PFAULT 0, 0x300123, "read of a page not present"
	TRY
	mov %eax, 0x300ffd
	PFAULT 2, 0x300ffd, "write"
	TRY
	mov %eax, 0x2ffffe
	PFAULT 2, 0x300000, "a write over two pages faults at the second"
	movl $1, 0x301000
	cmpl $1, 0x301000
	OK32 "CR0.WP clear: the supervisor writes read-only pages"
	mov %cr0, %eax
	or $0x10000, %eax
	mov %eax, %cr0
	TRY
	movl $2, 0x301000
	PFAULT 3, 0x301000, "CR0.WP set: it does not"
	testl $0x40, PT + 0x303 * 4
	OK32 "D is clear before"
	testl $0x20, PT + 0x303 * 4
	OK32 "A is clear before"
	mov 0x303000, %eax
	mov PT + 0x303 * 4, %ebx
	and $0x60, %ebx
	cmp $0x20, %ebx
	OK32 "a read sets A"
	mov %eax, 0x303000
	mov PT + 0x303 * 4, %ebx
	and $0x60, %ebx
	cmp $0x60, %ebx
	OK32 "a write sets D"
	/* user accesses */
	movb $0xee, LIN(pidt) + 0x40 * 8 + 5
	movl $LIN(ring0), LIN(hook)
	push $DATA3
	push $0x5000
	pushl $0x3002
	push $CODE3
	push $LIN(user32)
	iretl
user32:	mov $DATA3, %eax
	mov %eax, %ds
	mov %eax, %es
	movl $0, LIN(hook)
	TRY
	mov 0x302000, %eax
	PFAULT 5, 0x302000, "user read of a supervisor page"
	TRY
	mov %eax, 0x301000
	PFAULT 7, 0x301000, "user write of a read-only page"
	TRY
	mov 0x300000, %eax
	PFAULT 4, 0x300000, "user read of a page not present"
	TRY
	mov $0x302000, %eax
	movl $0x302000, LIN(n_want)
	jmp *%eax
	PFAULT 5, 0x302000, "user fetch: no I bit without NX and SMEP"
	movl $LIN(ring0), LIN(hook)
	int $0x40
ring0:	mov LIN(n_vec), %eax
	cmp $0x40, %eax
	je 1f
	ret
1:	mov $DATA0, %eax
	mov %eax, %ds
	mov %eax, %es
	mov $0x7000, %esp
	movl $0, LIN(hook)
	/* SMEP: code of a user page; SMAP: data */
	mov %cr0, %eax
	and $0x7fffffff, %eax
	mov %eax, %cr0

	/* PAE: a 2 MiB page for 0, one by 4 KiB at 200000 */
	movl $PD2 + 1, PDPT
	movl $0, PDPT + 4
	movl $0x83, PD2
	movl $0, PD2 + 4
	movl $PT2 + 7, PD2 + 8
	movl $0x2003, PT2
	movl $0x80000000, PT2 + 4	/* NX */
	movl $0x3007, PT2 + 8
	movl $0, PT2 + 12
	movl $0x4003, PT2 + 16
	movl $0x40000000, PT2 + 20	/* a reserved bit */
	movl $PDPT, %eax
	mov %eax, %cr3
	mov %cr4, %eax
	or $0x20, %eax
	mov %eax, %cr4
	mov $0xc0000080, %ecx
	rdmsr
	or $0x800, %eax
	wrmsr
	mov %cr0, %eax
	or $0x80000000, %eax
	mov %eax, %cr0
	movl $0x1234, 0x2000
	cmpl $0x1234, 0x200000
	OK32 "PAE: a 4 KiB page and a 2 MiB page"
	TRY
	mov $0x200000, %eax
	movl $0x200000, LIN(n_want)
	jmp *%eax
	PFAULT 0x11, 0x200000, "PAE: fetch of an NX page"
	TRY
	mov 0x202000, %eax
	PFAULT 9, 0x202000, "a reserved bit"
	/* PDPTEs are registers */
	movl $0, PDPT
	mov 0x2000, %eax
	cmp $0x1234, %eax
	OK32 "PDPTEs are read at MOV CR3 only"
	movl $3, PDPT
	mov $PDPT, %eax
	TRY
	mov %eax, %cr3
	EXPECT 13, 0, "MOV CR3 with reserved PDPTE bits: #GP(0)"
	movl $PD2 + 1, PDPT
	mov $PDPT, %eax
	mov %eax, %cr3
	mov %cr4, %eax
	or $0x100000, %eax
	mov %eax, %cr4
	movb $0xc3, 0x3000
	TRY
	mov $0x201000, %eax
	movl $0x201000, LIN(n_want)
	jmp *%eax
	/* the first-level entries of the 2 MiB region are user too */
	PFAULT 0x11, 0x201000, "SMEP: supervisor fetch of a user page"
	mov %cr4, %eax
	or $0x200000, %eax
	mov %eax, %cr4
	TRY
	mov 0x201000, %eax
	PFAULT 1, 0x201000, "SMAP: supervisor read of a user page"
	.byte 0x0f, 0x01, 0xcb		/* stac */
	mov 0x201000, %bl
	cmp $0xc3, %bl
	OK32 "STAC lifts it"
	.byte 0x0f, 0x01, 0xca		/* clac */
	TRY
	mov %eax, 0x201000
	PFAULT 3, 0x201000, "CLAC brings it back"

	/* control registers */
	mov %cr0, %ebx
	and $~1, %ebx
	TRY
	mov %ebx, %cr0
	EXPECT 13, 0, "CR0.PG without PE"
	mov %cr0, %ebx
	or $0x20000000, %ebx
	and $~0x40000000, %ebx
	TRY
	mov %ebx, %cr0
	EXPECT 13, 0, "CR0.NW without CD"
	mov %cr4, %ebx
	or $0x8000, %ebx
	TRY
	mov %ebx, %cr4
	EXPECT 13, 0, "a reserved bit of CR4"
	mov %cr4, %ebx
	or $0x20000, %ebx
	TRY
	mov %ebx, %cr4
	EXPECT 13, 0, "CR4.PCIDE outside of long mode"
	mov $0xc0000080, %ecx
	rdmsr
	or $0x100, %eax
	mov %eax, %ebx
	TRY
	mov %ebx, %eax
	movl $LIN(1f), LIN(n_want)
1:	wrmsr
	EXPECT 13, 0, "EFER.LME does not change while paging is on"
	mov $0xc0000080, %ecx
	rdmsr
	or $2, %eax
	TRY
	wrmsr
	EXPECT 13, 0, "a reserved bit of EFER"

	/* long mode */
	mov %cr0, %eax
	and $0x7fffffff, %eax
	mov %eax, %cr0
	mov %cr4, %eax
	and $~0x300000, %eax
	mov %eax, %cr4
	movl $PDPT + 7, PML4
	movl $PD2 + 7, PDPT
	movl $0x87, PD2
	movl $PML4 + 7, PML5
	mov $PML4, %eax
	mov %eax, %cr3
	mov $0xc0000080, %ecx
	rdmsr
	or $0x101, %eax
	wrmsr
	mov %cr0, %eax
	or $0x80000000, %eax
	mov %eax, %cr0
	mov $0xc0000080, %ecx
	rdmsr
	and $0x400, %eax
	cmp $0x400, %eax
	OK32 "EFER.LMA follows LME and CR0.PG"
	ljmp $0x38, $LIN(main64)

	.code64
report64:
	pop %rsi
	REPORT_BODY %rsi
.macro TRY64
	movl $LIN(7f), LIN(resume)
	movl $0xff, LIN(n_vec)
	movl $LIN(6f), LIN(n_want)
6:
.endm
.macro EXPECT64 vec, err, name
7:	cmpl $\vec, LIN(n_vec)
	jne 5f
	cmpl $\err, LIN(n_err)
	jne 5f
	mov LIN(n_eip), %eax
	cmp LIN(n_want), %eax
5:	OK64 "\name"
.endm
	.balign 16
stubs64: .set v, 0
	.rept 0x50
	.if v == 8 || v == 10 || v == 11 || v == 12 || v == 13 || v == 14 || v == 17
	.byte 0x90, 0x90
	.else
	.byte 0x6a, -1
	.endif
	.byte 0x68
	.long v
	jmp note64
	.balign 16
	.set v, v + 1
	.endr
/* vector, error, rip, cs, rflags, rsp, ss above rax */
note64:	push %rax
	mov 8(%rsp), %eax
	mov %eax, LIN(n_vec)
	mov 16(%rsp), %eax
	mov %eax, LIN(n_err)
	mov 24(%rsp), %eax
	mov %eax, LIN(n_eip)
	mov 32(%rsp), %eax
	mov %eax, LIN(n_cs)
	mov 40(%rsp), %eax
	mov %eax, LIN(n_fl)
	mov 48(%rsp), %eax
	mov %eax, LIN(o_rsp)
	mov 56(%rsp), %eax
	mov %eax, LIN(o_ss)
	lea 64(%rsp), %eax
	mov %eax, LIN(n_frame)
	mov %ss, LIN(n_ss)
	mov %cr2, %rax
	mov %eax, LIN(n_cr2)
	incl LIN(n_count)
	mov LIN(resume), %eax
	test %eax, %eax
	jz 1f
	mov %rax, 24(%rsp)
	movl $0, LIN(resume)
1:	pop %rax
	add $16, %rsp
	iretq
o_rsp:	.long 0
o_ss:	.long 0
	.balign 8
idt64r:	.word 0x50 * 16 - 1
	.long 0x28000, 0
gdt64r:	.word gdt_end - gdt - 1
	.long LIN(gdt), 0

main64:	lgdt LIN(gdt64r)
	lidt LIN(idt64r)
	mov $0x28000, %edi
	mov $LIN(stubs64), %ebx
	mov $0x50, %ecx
1:	mov %bx, (%rdi)
	movw $0x38, 2(%rdi)
	movw $0x8e00, 4(%rdi)
	movw $0xf, 6(%rdi)
	movq $0, 8(%rdi)
	add $16, %rdi
	add $16, %rbx
	dec %ecx
	jnz 1b
	xor %eax, %eax
	mov %eax, %ss
	mov %eax, %ds
	mov $0x7000, %esp
	movl $0, LIN(tss0) + 8		/* ss0 is the upper half of RSP0 now */
	movb $0x89, LIN(gdt) + 0x2d
	mov $TSS0, %eax
	ltr %ax
	mov %ss, %eax
	test %eax, %eax
	OK64 "SS may be NULL at level 0"
	mov $0x6ffb, %esp
	int $0x30
	cmpl $0x6ff0, LIN(n_frame)
	OK64 "64-bit interrupts align the stack to 16"
	cmpl $0x6ffb, LIN(o_rsp)
	OK64 "... and always save SS:RSP"
	cmp $0x6ffb, %rsp
	OK64 "IRETQ brings it back"
	mov $0x7000, %esp
	movb $1, 0x28000 + 0x31 * 16 + 4
	int $0x31
	cmpl $0x5ff0, LIN(n_frame)
	OK64 "IST1, aligned"
	TRY64
	mov 0x300000, %eax
	EXPECT64 14, 0, "page fault in 64-bit mode"
	mov $1, %rbx
	shl $47, %rbx
	TRY64
	mov (%rbx), %eax
	EXPECT64 13, 0, "a non-canonical address: #GP(0)"
	mov %rbx, %rbp
	TRY64
	mov (%rbp), %eax
	EXPECT64 12, 0, "... through RBP: #SS(0)"
	TRY64
	jmp *%rbx
	EXPECT64 13, 0, "a jump to it"
	mov $0xc0000082, %ecx
	mov $0x8000, %edx
	xor %eax, %eax
	TRY64
	wrmsr
	EXPECT64 13, 0, "LSTAR takes no such address"
	TRY64
	.byte 0x06
	EXPECT64 6, -1, "PUSH ES is undefined"
	mov %cr4, %rbx
	and $~0x20, %rbx
	TRY64
	mov %rbx, %cr4
	EXPECT64 13, 0, "CR4.PAE cannot go"
	mov %cr4, %rbx
	or $0x1000, %rbx
	TRY64
	mov %rbx, %cr4
	EXPECT64 13, 0, "CR4.LA57 cannot come"
	mov %cr0, %rbx
	and $0x7fffffff, %ebx
	TRY64
	mov %rbx, %cr0
	EXPECT64 13, 0, "paging cannot be turned off in 64-bit code"
	mov $0x10, %ebx
	TRY64
	mov %rbx, %cr8
	EXPECT64 13, 0, "CR8 has four bits"
	/* PCID */
	mov %cr4, %rax
	or $0x20000, %rax
	mov %rax, %cr4
	mov $PML4 + 5, %eax
	bts $63, %rax
	mov %rax, %cr3
	mov %cr3, %rbx
	cmp $PML4 + 5, %rbx
	OK64 "MOV CR3 with a PCID; bit 63 does not stay"
	mov $PML4, %eax
	mov %rax, %cr3
	mov %cr4, %rax
	and $~0x20000, %rax
	mov %rax, %cr4
	/* SYSCALL and SYSRET */
	mov $0xc0000081, %ecx
	mov $0x00400038, %edx		/* SYSRET 40.., SYSCALL 38 */
	xor %eax, %eax
	wrmsr
	mov $0xc0000082, %ecx
	mov $LIN(entry64), %eax
	xor %edx, %edx
	wrmsr
	mov $0xc0000084, %ecx
	mov $0x200, %eax
	wrmsr
	movb $0xee, 0x28000 + 0x40 * 16 + 5
	mov $LIN(user64), %ecx
	mov $0x3202, %r11d
	sysretq
user64:	mov %cs, %ebx
	cmp $0x53, %ebx
	OK64 "SYSRET to 64-bit code"
	mov %ss, %ebx
	cmp $0x4b, %ebx
	OK64 "... and SS"
	mov $0x5000, %esp
	int $0x40
	cmpl $0x6800, LIN(n_frame)
	OK64 "an interrupt from level 3 takes RSP0"
	cmpl $0, LIN(n_ss)
	OK64 "... with a NULL SS"
	cmpl $0x4b, LIN(o_ss)
	OK64 "... and saves the old one"
	syscall
entry64:
	lea -2(%rcx), %rbx
	cmpw $0x050f, (%rbx)
	OK64 "SYSCALL keeps the next RIP in RCX"
	pushfq
	pop %rbx
	and $0x200, %ebx
	OK64 "... and masks the flags"
	mov %cs, %ebx
	cmp $0x38, %ebx
	OK64 "... CS from STAR"
	mov $0x7000, %esp
	/* a 64-bit call gate */
	movw $gate64, LIN(gdt) + 0x58
	movw $0x38, LIN(gdt) + 0x5a
	movw $0x8c00, LIN(gdt) + 0x5c
	movw $0xf, LIN(gdt) + 0x5e
	movl $0x58, LIN(far64) + 4
	xor %ebx, %ebx
	lcall *LIN(far64)
	cmp $0x64, %ebx
	OK64 "a 64-bit call gate"
	/* compatibility mode and back, then 5 levels by way of it */
	push $DATA0
	push $0x7000
	push $2
	push $CODE0
	push $LIN(compat)
	iretq
gate64:	mov $0x64, %ebx
	lretq
far64:	.long 0, 0

	.code32
compat:	mov $DATA0, %eax
	mov %eax, %ds
	mov %esp, %ebx
	cmp $0x7000, %ebx
	OK32 "compatibility mode"
	lcall $0x58, $0			/* the gate leads to 64-bit code, and back */
	cmp $0x64, %ebx
	OK32 "... calls 64-bit code through a gate"
	mov %cr0, %eax
	and $0x7fffffff, %eax
	mov %eax, %cr0
	mov $0xc0000080, %ecx
	rdmsr
	test $0x400, %eax
	OK32 "LMA goes with paging"
	mov %cr4, %eax
	or $0x1000, %eax
	mov %eax, %cr4
	mov $PML5, %eax
	mov %eax, %cr3
	mov %cr0, %eax
	or $0x80000000, %eax
	mov %eax, %cr0
	ljmp $0x38, $LIN(la57)
	.code64
la57:	mov $1, %rbx
	shl $47, %rbx
	TRY64
	mov (%rbx), %eax
	EXPECT64 14, 0, "5 levels: bit 47 is an address bit"
	shl $9, %rbx
	TRY64
	mov (%rbx), %eax
	EXPECT64 13, 0, "... bit 56 is not"
	xor %eax, %eax
	out %al, $0xf4
	hlt

	.code16
start:	TO_PROT main
	RESET start
