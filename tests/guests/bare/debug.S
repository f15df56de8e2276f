/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Debugging: single steps, breakpoints on instructions, data and ports, DR6, DR7, RF, general detect. Values from SDM 3B
 * chapter 17.
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
	DESCL tss0, 103, 0x89, 0
gdt_end:
pgdtr:	.word gdt_end - gdt - 1
	.long LIN(gdt)
	.balign 16
tss0:	.fill 4, 1, 0
	.long 0x6800, DATA0
	.fill 92, 1, 0

/* Clears what was noted. */
.macro CLEAR
	xor %eax, %eax
	mov %eax, %dr6
	movl $0, LIN(n_count)
	movl $0xff, LIN(n_vec)
.endm
/* n traps, the last at label, with these bits in DR6. */
.macro TRAPS n, at, bits, name
	cmpl $\n, LIN(n_count)
	jne 5f
	cmpl $LIN(\at), LIN(n_eip)
	jne 5f
	mov LIN(n_dr6), %eax
	and $0xe00f, %eax
	cmp $\bits, %eax
5:	OK32 "\name"
.endm

	.code32
/* The hook that turns single steps off at the n-th. */
stop_tf: mov LIN(n_count), %eax
	cmp LIN(steps), %eax
	jb 1f
	andl $~0x100, 52 + 4(%esp)
1:	ret
steps:	.long 0
/* Goes on past an instruction breakpoint. */
set_rf:	orl $0x10000, 52 + 4(%esp)
	ret
no_dr7:	xor %eax, %eax
	mov %eax, %dr7
	ret

main:	mov %dr6, %ebx
	cmp $0xffff0ff0, %ebx
	OK32 "DR6 after reset"
	mov %dr7, %ebx
	cmp $0x400, %ebx
	OK32 "DR7 after reset"

	/* TF: set by POPF, takes effect after the next instruction */
	CLEAR
	movl $LIN(stop_tf), LIN(hook)
	movl $1, LIN(steps)
	pushfl
	orl $0x100, (%esp)
	popfl
	nop
s1:	nop
	nop
	TRAPS 1, s1, 0x4000, "POPF sets TF: the step comes after one more instruction"
	mov LIN(n_fl), %eax
	and $0x10100, %eax
	cmp $0x100, %eax
	OK32 "TF is in the saved flags, RF is not"
	testl $0x100, LIN(n_now)
	OK32 "the handler runs without TF"
	CLEAR
	movl $3, LIN(steps)
	pushfl
	orl $0x100, (%esp)
	popfl
	jmp s2
	nop
s2:	nop
	nop
s3:	nop
	TRAPS 3, s3, 0x4000, "three steps over a jump"
	/* a repeated instruction traps after each round */
	CLEAR
	movl $4, LIN(steps)
	mov $3, %ecx
	mov $0x2000, %edi
	pushfl
	orl $0x100, (%esp)
	popfl
s4:	rep stosb
	nop
s5:	nop
	TRAPS 4, s5, 0x4000, "a repeated instruction is stepped by rounds"
	/* MOV SS holds the step off */
	CLEAR
	movl $1, LIN(steps)
	mov %ss, %ebx
	pushfl
	orl $0x100, (%esp)
	popfl
	mov %ebx, %ss
	nop
s6:	nop
	TRAPS 1, s6, 0x4000, "no step between MOV SS and the next instruction"
	/* INT n does not step; its handler's IRET brings TF back */
	CLEAR
	movl $2, LIN(steps)
	pushfl
	orl $0x100, (%esp)
	popfl
	int $0x30
	nop
s7:	nop
	TRAPS 2, s7, 0x4000, "INT n takes no step of its own"
	/* branch steps */
	CLEAR
	movl $1, LIN(steps)
	mov $0x1d9, %ecx
	xor %edx, %edx
	mov $2, %eax
	wrmsr
	pushfl
	orl $0x100, (%esp)
	popfl
	nop
	nop
	jmp s8
	nop
s8:	nop
	TRAPS 1, s8, 0x4000, "DEBUGCTL.BTF: steps are branches"
	rdmsr
	test %eax, %eax
	OK32 "... and the trap clears it"

	/* instruction breakpoints are faults */
	CLEAR
	movl $LIN(set_rf), LIN(hook)
	mov $LIN(b1), %eax
	mov %eax, %dr0
	mov $0x402, %eax
	mov %eax, %dr7
	xor %ebx, %ebx
	inc %ebx
b1:	inc %ebx
	inc %ebx
	cmp $3, %ebx
	OK32 "an instruction breakpoint, gone past with RF"
	TRAPS 1, b1, 1, "... it faults before its instruction, DR6.B0"
	/* ... after MOV SS it is not seen */
	CLEAR
	mov $LIN(b2), %eax
	mov %eax, %dr0
	mov %ss, %ebx
	mov %ebx, %ss
b2:	nop
	cmpl $0, LIN(n_count)
	OK32 "no instruction breakpoint in the shadow of MOV SS"
	/* another fault with the instruction breakpoint: RF is in what is pushed */
	CLEAR
	movl $LIN(no_dr7), LIN(hook)
	movl $LIN(1f), LIN(resume)
	ud2
1:	mov LIN(n_fl), %eax
	and $0x10000, %eax
	cmp $0x10000, %eax
	OK32 "a fault saves RF"
	CLEAR
	movl $0, LIN(hook)
	int $0x30
	testl $0x10000, LIN(n_fl)
	OK32 "INT n does not"

	/* data breakpoints are traps */
	CLEAR
	mov $0x3004, %eax
	mov %eax, %dr1
	mov $0xd00404, %eax		/* L1: writes, 4 bytes */
	mov %eax, %dr7
	mov 0x3004, %ebx
	cmpl $0, LIN(n_count)
	OK32 "a write breakpoint does not see reads"
	movb $1, 0x3003
	cmpl $0, LIN(n_count)
	OK32 "... nor its neighbours"
	movb $1, 0x3007
d1:	nop
	TRAPS 1, d1, 2, "... but a byte within"
	CLEAR
	movl $1, 0x3001
d2:	nop
	TRAPS 1, d2, 2, "... and what overlaps"
	CLEAR
	mov $0xf00404, %eax
	mov %eax, %dr7
	mov 0x3004, %ebx
d3:	nop
	TRAPS 1, d3, 2, "a read-write breakpoint sees reads"
	CLEAR
	mov $4, %ecx
	mov $0x3000, %esi
	mov $0x4000, %edi
d4:	rep movsl
d5:	nop
	TRAPS 1, d4, 2, "a repeated move traps within"
	CLEAR
	push 0x3004
d6:	pop %ebx
	TRAPS 1, d6, 2, "PUSH of the watched word"
	/* enabled and disabled breakpoints */
	CLEAR
	mov $0x3004, %eax
	mov %eax, %dr2
	mov $0xdf00404, %eax
	mov %eax, %dr7
	movl $5, 0x3004
d7:	nop
	TRAPS 1, d7, 6, "DR6 shows a disabled breakpoint that matches as well"
	xor %eax, %eax
	mov %eax, %dr7
	CLEAR
	movl $5, 0x3004
	cmpl $0, LIN(n_count)
	OK32 "none enabled: nothing"

	/* ports need CR4.DE */
	mov $0x80, %eax
	mov %eax, %dr3
	mov $0x20000440, %eax
	mov %eax, %dr7
	CLEAR
	outb %al, $0x80
	cmpl $0, LIN(n_count)
	OK32 "port breakpoints need CR4.DE"
	mov %cr4, %eax
	or $8, %eax
	mov %eax, %cr4
	CLEAR
	outb %al, $0x80
d8:	nop
	TRAPS 1, d8, 8, "a port breakpoint"
	TRY
	mov %dr4, %eax
	EXPECT 6, -1, "DR4 is undefined with CR4.DE"
	mov %cr4, %eax
	and $~8, %eax
	mov %eax, %cr4
	mov %dr7, %ebx
	mov %dr5, %ecx
	cmp %ebx, %ecx
	OK32 "DR5 is DR7 without"

	/* general detect */
	CLEAR
	mov $0x2400, %eax
	mov %eax, %dr7
	movl $LIN(1f), LIN(resume)
g1:	mov %dr0, %ebx
1:	TRAPS 1, g1, 0x2000, "DR7.GD: a debug register access faults, DR6.BD"
	mov %dr7, %ebx
	test $0x2000, %ebx
	OK32 "... and clears GD"
	/* INT1 */
	CLEAR
	.byte 0xf1
i1:	nop
	TRAPS 1, i1, 0, "INT1 is #DB with nothing in DR6"
	mov $-1, %eax
	mov %eax, %dr6
	mov %dr6, %ebx
	cmp $0xffffefff, %ebx
	OK32 "reserved bits of DR6"
	xor %eax, %eax
	mov %eax, %dr6
	mov %dr6, %ebx
	cmp $0xffff0ff0, %ebx
	OK32 "... and those that are ones"

	xor %eax, %eax
	out %al, $0xf4
	hlt
	.code16
start:	TO_PROT main
	RESET start
