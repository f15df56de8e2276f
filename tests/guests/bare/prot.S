/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 32-bit protected mode: faults and their error codes, limits and types, privilege, gates, tasks, virtual-8086 mode. Values
 * from SDM 3A chapters 5 to 7 and SDM 3B chapter 20.
 */
#include "common.inc"
#include "prot.inc"

	.code16
	COMMON
	PROT_HANDLERS

	.balign 16
gdt:	.quad 0
	DESC 0, 0xfffff, 0x9b, 0xc	/* 08 code */
	DESC 0, 0xfffff, 0x93, 0xc	/* 10 data */
	DESC 0, 0xfffff, 0xfb, 0xc	/* 18 code, level 3 */
	DESC 0, 0xfffff, 0xf3, 0xc	/* 20 data, level 3 */
	DESCL tss0, 0xc7, 0x89, 0	/* 28 */
	DESC 0x2000, 0x0ff, 0x92, 4	/* 30 small data, not accessed */
	DESC 0x2000, 0x0ff, 0x97, 4	/* 38 expand-down: 100..FFFFFFFF */
	DESC 0, 0xfffff, 0x90, 0xc	/* 40 read-only */
	DESC 0, 0xfffff, 0x99, 0xc	/* 48 execute-only */
	DESC 0, 0xfffff, 0x12, 0xc	/* 50 not present */
	DESC 0, 0xfffff, 0x9f, 0xc	/* 58 conforming code */
	GATE CODE0, gate_same, 0x8c	/* 60 call gate, level 0 */
	GATE CODE0, gate_inner, 0xec, 2	/* 68 call gate for level 3, 2 parameters */
	DESCL tss1, 103, 0x89, 0	/* 70 */
	GATE 0x70, 0, 0x85		/* 78 task gate */
	DESCL tss2, 103, 0x89, 0	/* 80 */
	DESC 0, 0xfff, 0x9b, 4		/* 88 code with a small limit */
	DESCL ldt, 15, 0x82, 0		/* 90 LDT */
	DESCL tss286, 43, 0x81, 0	/* 98 286 TSS */
	DESC 0x2000, 0xfff, 0x93, 0	/* a0 16-bit stack */
	DESC 0xf0000, 0xffff, 0x9b, 0	/* a8 16-bit code */
gdt_end:
pgdtr:	.word gdt_end - gdt - 1
	.long LIN(gdt)
	.balign 8
ldt:	.quad 0
	DESC 0x3000, 0xfff, 0x92, 4	/* 0c */
	.balign 16
tss0:	.fill 4, 1, 0
	.long 0x6800, DATA0		/* esp0 ss0 */
	.fill 90, 1, 0
	.word iomap - tss0
redir:	.fill 32, 1, 0xff		/* interrupt redirection: all to the IDT */
iomap:	.fill 29, 1, 0xff
	.byte 0xfd			/* port e9 is open */
	.fill 34, 1, 0xff
	.balign 16

	.code32
main:
	/* segments and their faults */
	mov $0x1000, %eax
	TRY
	mov %eax, %fs
	EXPECT 13, 0x1000, "a selector beyond the GDT: #GP(selector)"
	mov $0x1007, %eax
	TRY
	mov %eax, %fs
	EXPECT 13, 0x1004, "TI stays in the error code, RPL does not"
	mov $0x50, %eax
	TRY
	mov %eax, %fs
	EXPECT 11, 0x50, "not present: #NP"
	mov $0x50, %eax
	TRY
	mov %eax, %ss
	EXPECT 12, 0x50, "not present SS: #SS(selector)"
	mov $0x40, %eax
	TRY
	mov %eax, %ss
	EXPECT 13, 0x40, "read-only SS: #GP"
	xor %eax, %eax
	TRY
	mov %eax, %ss
	EXPECT 13, 0, "NULL SS: #GP(0)"
	mov $0x48, %eax
	TRY
	mov %eax, %fs
	EXPECT 13, 0x48, "execute-only code is not data"
	testb $1, LIN(gdt) + 0x35
	OK32 "accessed bit is clear before"
	mov $0x30, %eax
	mov %eax, %fs
	testb $1, LIN(gdt) + 0x35
	setz %bl
	test %bl, %bl
	OK32 "loading a segment sets its accessed bit"
	mov %fs:0xfc, %ebx
	TRY
	mov %fs:0xfd, %ebx
	EXPECT 13, 0, "a read over the limit"
	TRY
	movb $1, %fs:0x100
	EXPECT 13, 0, "a write beyond the limit"
	TRY
	incl %fs:0xfe
	EXPECT 13, 0, "read-modify-write over the limit"
	mov $0xfe, %esi
	mov $0x2800, %edi
	push %esi
	TRY
	movsl %fs:(%esi), %es:(%edi)
	EXPECT 13, 0, "a string instruction over the limit"
	pop %esi
	mov $0x38, %eax
	mov %eax, %fs
	TRY
	mov %fs:0xff, %eax
	EXPECT 13, 0, "expand-down: below the limit"
	mov %fs:0x100, %eax
	cmp %eax, %eax
	OK32 "expand-down: above it"
	mov $0x40, %eax
	mov %eax, %fs
	mov %fs:0x100, %eax
	TRY
	mov %eax, %fs:0x100
	EXPECT 13, 0, "a write to a read-only segment"
	TRY
	mov %eax, %cs:0x100
	EXPECT 13, 0, "a write to a code segment"
	xor %eax, %eax
	mov %eax, %fs
	TRY
	mov %fs:0, %eax
	EXPECT 13, 0, "an access through NULL"
	TRY
	ljmp $DATA0, $0
	EXPECT 13, DATA0, "a far jump to data"
	TRY
	ljmp $CODE3, $0
	EXPECT 13, 0x18, "a far jump to outer code"
	TRY
	ljmp $0x88, $0x1000
	EXPECT 13, 0, "a far jump beyond the limit"
	mov $0x90, %eax
	lldt %ax
	mov $0x0c, %eax
	mov %eax, %fs
	movl $0x600d, 0x3010
	cmpl $0x600d, %fs:0x10
	OK32 "a segment of the LDT"
	xor %eax, %eax
	mov %eax, %fs
	mov $TSS0, %eax
	TRY
	ltr %ax
	EXPECT 13, TSS0, "LTR of a busy TSS"
	cmpb $0x8b, LIN(gdt) + TSS0 + 5
	OK32 "LTR marks it busy"
	/* 16-bit stack segment: SP wraps by itself */
	mov %esp, %ebp
	mov $0xa0, %eax
	mov %eax, %ss
	mov $0x12340010, %esp
	push $0x77
	cmp $0x1234000c, %esp
	mov $DATA0, %eax
	mov %eax, %ss
	mov %ebp, %esp
	OK32 "a 16-bit stack leaves the upper half of ESP"
	cmpl $0x77, 0x200c
	OK32 "... and pushes below SP"

	/* looking at descriptors */
	mov $0x30, %ebx
	xor %ecx, %ecx
	lsl %ebx, %ecx
	jnz 1f
	cmp $0xff, %ecx
1:	OK32 "LSL"
	mov $0x08, %ebx
	lsl %ebx, %ecx
	cmp $0xffffffff, %ecx
	OK32 "LSL of a 4 GiB segment"
	lar %ebx, %ecx
	and $0x00f0ff00, %ecx
	cmp $0x00c09b00, %ecx
	OK32 "LAR"
	mov $0x1000, %ebx
	lar %ebx, %ecx
	setz %cl
	test %cl, %cl
	OK32 "LAR beyond the table clears ZF"
	mov $0x40, %ebx
	verr %bx
	OK32 "VERR"
	verw %bx
	setz %cl
	test %cl, %cl
	OK32 "VERW of a read-only segment clears ZF"
	mov $0x10, %ebx
	mov $0x13, %ecx
	arpl %cx, %bx
	jnz 1f
	cmp $0x13, %bx
1:	OK32 "ARPL"

	/* gates of the same level */
	mov %esp, %ebp
	lcall $0x60, $0
	cmp $0x600d, %ebx
	OK32 "a call gate of the same level"
	cmp %esp, %ebp
	OK32 "RETF from it"
	int $0x30
	testl $0x200, LIN(n_now)
	OK32 "an interrupt gate clears IF"
	TRY
	int $0x60
	EXPECT 13, (0x60*8+2), "INT n beyond the IDT"
	movb $0x0e, LIN(pidt) + 0x31 * 8 + 5
	TRY
	int $0x31
	EXPECT 11, (0x31*8+2), "INT n through a gate not present"
	movb $0x80, LIN(pidt) + 0x31 * 8 + 5
	TRY
	int $0x31
	EXPECT 13, (0x31*8+2), "INT n through what is no gate"
	/* an exception whose gate is not present: #NP, with EXT */
	movb $0x0e, LIN(pidt) + 6 * 8 + 5
	TRY
	ud2
	EXPECT 11, (6*8+3), "#UD through a gate not present"
	movb $0x8e, LIN(pidt) + 6 * 8 + 5
	/* contributory twice: double fault */
	movb $0x0e, LIN(pidt) + 13 * 8 + 5
	mov $0x1000, %eax
	TRY
	mov %eax, %fs
	EXPECT 8, 0, "#GP whose gate is not present: double fault"
	movb $0x8e, LIN(pidt) + 13 * 8 + 5
	/* an external interrupt whose gate is missing is benign */
	movb $0x0e, LIN(pidt) + 0x32 * 8 + 5
	movl $0, LIN(n_vec)
	mov $0x32, %al
	outb %al, $0xf5
	sti
	nop
	cli
	cmpl $11, LIN(n_vec)
	jne 1f
	cmpl $0x32 * 8 + 3, LIN(n_err)
1:	OK32 "an interrupt through a gate not present: #NP with EXT"
	movb $0x8e, LIN(pidt) + 0x32 * 8 + 5

	/* to level 3 and back */
	movb $0xee, LIN(pidt) + 0x40 * 8 + 5
	push $DATA3
	push $0x5000
	pushl $2		/* IOPL 0: the I/O bitmap lets the reports through */
	push $CODE3
	push $LIN(user)
	iretl
gate_same:
	mov $0x600d, %ebx
	lret
/* Called from level 3 with two parameters: notes its stack. */
gate_inner:
	mov %esp, LIN(g_esp)
	mov 8(%esp), %eax
	mov %eax, LIN(g_p2)
	mov 12(%esp), %eax
	mov %eax, LIN(g_p1)
	mov 16(%esp), %eax
	mov %eax, LIN(g_oldsp)
	mov %cs, LIN(g_cs)
	lret $8
g_esp:	.long 0
g_p1:	.long 0
g_p2:	.long 0
g_oldsp: .long 0
g_cs:	.long 0

user:	mov %cs, %ebx
	cmp $CODE3, %bx
	OK32 "IRET to level 3"
	mov %ds, %ebx
	test %bx, %bx
	OK32 "... makes inner data segments NULL"
	mov $DATA3, %ebx
	mov %ebx, %ds
	mov %ebx, %es
	mov %esp, %ebp
	push $0x111
	push $0x222
	lcall $0x6b, $0
	cmp %esp, %ebp
	OK32 "a call gate to level 0: RETF n takes the parameters off both stacks"
	cmpl $0x111, LIN(g_p1)
	jne 1f
	cmpl $0x222, LIN(g_p2)
1:	OK32 "... they were copied"
	cmpl $0x6800 - 24, LIN(g_esp)
	OK32 "... to the stack of the TSS"
	cmpw $CODE0, LIN(g_cs)
	OK32 "... at level 0"
	int $0x40
	cmpl $0x40, LIN(n_vec)
	jne 1f
	cmpl $CODE3, LIN(n_cs)
1:	OK32 "INT n from level 3"
	mov LIN(n_frame), %ebx
	cmp $0x6800 - 60, %ebx
	OK32 "... pushes SS and ESP on the inner stack"
	TRY
	int $0x30
	EXPECT 13, (0x30*8+2), "INT n through a gate of level 0"
	TRY
	hlt
	EXPECT 13, 0, "HLT at level 3"
	mov $DATA0, %ebx
	TRY
	mov %ebx, %fs
	EXPECT 13, DATA0, "level 3 loads no data of level 0"
	TRY
	lcall $0x60, $0
	EXPECT 13, 0x60, "level 3 calls no gate of level 0"
	mov $1, %ebx
	lcall $0x58, $LIN(conforming)
	cmp $0x5b, %bx
	OK32 "conforming code runs at the caller's level"
	TRY
	cli
	EXPECT 13, 0, "CLI at level 3 with IOPL 0"
	TRY
	inb $0x80, %al
	EXPECT 13, 0, "a port that the I/O bitmap closes"
	TRY
	outw %ax, $0xe9
	EXPECT 13, 0, "a word of which it opens half"
	jmp to_kernel
conforming:
	mov %cs, %ebx
	lret
to_kernel:
	movb $0xee, LIN(pidt) + 0x41 * 8 + 5
	movw $kernel_again, LIN(pidt) + 0x41 * 8
	int $0x41

kernel_again:
	mov $DATA0, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov $0x7000, %esp

	/* tasks */
	clts
	mov $0x55, %ebx
	ljmp $0x70, $0			/* to task1, which jumps back */
	cmp $0x55, %ebx
	OK32 "a task switch by JMP and back keeps registers"
	cmpl $0x1234, LIN(t_eax)
	OK32 "the new task's registers come from its TSS"
	cmpb $0x89, LIN(gdt) + 0x75
	OK32 "JMP leaves the old task free"
	cmpb $0x8b, LIN(gdt) + TSS0 + 5
	OK32 "... and the new one busy"
	mov %cr0, %ebx
	and $8, %ebx
	cmp $8, %ebx
	OK32 "a task switch sets CR0.TS"
	clts
	lcall $0x80, $0			/* to task2, which IRETs */
	cmpl $TSS0, LIN(t_link)
	OK32 "CALL writes the back link"
	cmpl $0x4000, LIN(t_nt)
	OK32 "CALL sets NT in the new task"
	cmpl $0x8b8b, LIN(t_busy)
	OK32 "CALL leaves the old task busy"
	pushfl
	pop %ebx
	test $0x4000, %ebx
	OK32 "IRET clears NT of the old task, not ours"
	cmpb $0x89, LIN(gdt) + 0x85
	OK32 "IRET frees the task it leaves"
	movl $LIN(task2), LIN(tss2) + 32
	movw $0x80, LIN(pidt) + 0x42 * 8 + 2
	movb $0x85, LIN(pidt) + 0x42 * 8 + 5
	movl $0, LIN(t_link)
	int $0x42
	cmpl $TSS0, LIN(t_link)
	OK32 "INT n through a task gate"
	/* an exception by a task gate brings its error code along */
	movl $LIN(task2_err), LIN(tss2) + 32
	movl $0x4800, LIN(tss2) + 56
	movw $0x80, LIN(pidt) + 13 * 8 + 2
	movb $0x85, LIN(pidt) + 13 * 8 + 5
	mov $0x1000, %eax
	mov %eax, %fs
	movw $CODE0, LIN(pidt) + 13 * 8 + 2
	movb $0x8e, LIN(pidt) + 13 * 8 + 5
	cmpl $0x1000, LIN(t_err)
	OK32 "#GP by a task gate pushes the error code in the new task"
	TRY
	ljmp $TSS0, $0
	EXPECT 13, TSS0, "JMP to a busy task"
	movw $102, LIN(gdt) + 0x80
	TRY
	ljmp $0x80, $0
	EXPECT 10, 0x80, "a TSS that is too small: #TS"
	movw $103, LIN(gdt) + 0x80
	/* a bad SS in the new task: #TS in its context */
	movl $LIN(task2), LIN(tss2) + 32
	movl $0x40, LIN(tss2) + 80
	movl $LIN(bad_ss), LIN(hook)
	mov %esp, %ebp
	movl $0xff, LIN(n_vec)
	movw $0x70, LIN(pidt) + 10 * 8 + 2	/* by a task gate: the stack is no good */
	movb $0x85, LIN(pidt) + 10 * 8 + 5
	movl $LIN(task1_ts), LIN(tss1) + 32
	movl $0, LIN(hook)
	ljmp $0x80, $0
after_ts:
	cmpl $0x40, LIN(t_err)
	OK32 "a task with a bad SS: #TS(selector)"
	cmpl $0x80, LIN(t_link)
	OK32 "... in the new task"
	movl $DATA0, LIN(tss2) + 80
	/* a 286 task */
	clts
	ljmp $0x98, $0
	cmpw $0x286, LIN(t_eax)
	OK32 "a 286 task"
	/* the trap bit of a TSS */
	movw $1, LIN(tss1) + 100
	movl $LIN(task1), LIN(tss1) + 32
	movl $0x7c00 - 0x400, LIN(tss1) + 56
	movl $0, LIN(n_vec)
	xor %eax, %eax
	mov %eax, %dr6
	ljmp $0x70, $0
	cmpl $1, LIN(n_vec)
	jne 1f
	mov LIN(n_dr6), %eax
	and $0x8000, %eax
	cmp $0x8000, %eax
1:	OK32 "the T bit of a TSS: #DB with DR6.BT"

	/* virtual-8086 mode */
	movb $0xee, LIN(pidt) + 0x43 * 8 + 5
	movb $0xee, LIN(pidt) + 0x44 * 8 + 5
	movb $0xee, LIN(pidt) + 0x45 * 8 + 5
	movw $iomap - tss0, LIN(tss0) + 102
	pushl $0		/* gs */
	pushl $0
	pushl $0x123		/* ds */
	pushl $0
	pushl $0		/* ss */
	pushl $0x4000
	pushl $0x23002		/* VM, IOPL 3 */
	pushl $0xf000
	pushl $v86
	movl $LIN(v86_hook), LIN(hook)
	iretl
v86_done:
	mov $0x7000, %esp
	movl $0, LIN(hook)
	mov LIN(v_flags), %ebx
	and $0x20000, %ebx
	cmp $0x20000, %ebx
	OK32 "an interrupt from virtual-8086 mode saves VM"
	cmpl $0x123, LIN(v_ds)
	OK32 "... and DS above SS:ESP"
	cmpl $0x1230, LIN(v_lin)
	OK32 "its segments are 16 times the selector"
	cmpl $0, LIN(v_nowds)
	OK32 "... and NULL in the handler"
	cmpl $13, LIN(v_gp)
	OK32 "HLT in virtual-8086 mode: #GP"
	/* VME with IOPL 0 */
	mov %cr4, %eax
	or $1, %eax
	mov %eax, %cr4
	movb $0xfd, LIN(redir) + 0x21 / 8	/* vector 21 through the 8086 table */
	movw $v86_int, 0x21 * 4
	movw $0xf000, 0x21 * 4 + 2
	pushl $0
	pushl $0
	pushl $0
	pushl $0
	pushl $0
	pushl $0x4000
	pushl $0x20002		/* VM, IOPL 0 */
	pushl $0xf000
	pushl $v86_vme
	movl $LIN(v86_hook2), LIN(hook)
	iretl
vme_done:
	mov $0x7000, %esp
	movl $0, LIN(hook)
	testl $0x200, LIN(v_pf1)
	OK32 "VME: PUSHF shows VIF for IF, clear"
	mov LIN(v_pf2), %ebx
	and $0x3200, %ebx
	cmp $0x3200, %ebx
	OK32 "... and set by STI, with IOPL 3"
	testl $0x80000, LIN(v_flags)
	jnz 1f
	jmp 2f
1:	xor %eax, %eax
2:	OK32 "VIF is in EFLAGS"
	cmpl $0x21, LIN(v_int)
	OK32 "VME: INT n redirected to the 8086 handler"
	testl $0x200, LIN(v_intfl)
	OK32 "... with VIF clear in it"

	xor %eax, %eax
	out %al, $0xf4
	hlt

task1:	mov %eax, LIN(t_eax)
	ljmp $TSS0, $0
task1_ts:
	pop LIN(t_err)
	movzwl LIN(tss1), %eax
	mov %eax, LIN(t_link)
	andl $~0x4000, LIN(tss1) + 36
	pushfl
	andl $~0x4000, (%esp)
	popfl
	movb $0x89, LIN(gdt) + 0x85
	movl $LIN(after_ts), LIN(tss0) + 32
	movb $0x89, LIN(gdt) + TSS0 + 5
	movw $CODE0, LIN(pidt) + 10 * 8 + 2
	movb $0x8e, LIN(pidt) + 10 * 8 + 5
	ljmp $TSS0, $0
bad_ss:	ret
task2:	movzwl LIN(tss2), %eax
	mov %eax, LIN(t_link)
	pushfl
	pop %eax
	and $0x4000, %eax
	mov %eax, LIN(t_nt)
	movb LIN(gdt) + TSS0 + 5, %al
	movb LIN(gdt) + 0x85, %ah
	movzwl %ax, %eax
	mov %eax, LIN(t_busy)
	iretl
	jmp task2
task2_err:
	pop LIN(t_err)
	addl $2, LIN(tss0) + 32		/* past the MOV */
	iretl
t_eax:	.long 0
t_link:	.long 0
t_nt:	.long 0
t_busy:	.long 0
t_err:	.long 0

v86_hook:				/* after the return address and ds: the frame of pnote */
	cmpl $0x43, LIN(n_vec)
	je 1f
	cmpl $0x44, LIN(n_vec)
	je 2f
	mov LIN(n_vec), %eax
	mov %eax, LIN(v_gp)
	incl 44 + 4(%esp)
	ret
1:	mov LIN(n_fl), %eax
	mov %eax, LIN(v_flags)
	movl 4 + 68(%esp), %eax
	movl %eax, LIN(v_ds)
	movzwl 4(%esp), %eax
	mov %eax, LIN(v_nowds)
	mov %ebx, LIN(v_lin)
	ret
2:	movl $LIN(v86_done), %eax
	jmp leave_v86
v86_hook2:
	cmpl $13, LIN(n_vec)		/* one that is not redirected needs IOPL 3 */
	jne 1f
	mov LIN(n_fl), %eax
	mov %eax, LIN(v_flags)
	mov %ebx, LIN(v_pf1)
	mov %ecx, LIN(v_pf2)
	mov %edx, LIN(v_int)
	mov %edi, LIN(v_intfl)
	movl $LIN(vme_done), %eax
	jmp leave_v86
1:	movl $LIN(vme_done), %eax
leave_v86:
	mov %eax, %ebx
	mov $DATA0, %eax
	mov %eax, %ds
	mov %eax, %es
	jmp *%ebx
v_flags: .long 0
v_ds:	.long 0
v_lin:	.long 0
v_nowds: .long 0xffff
v_gp:	.long 0
v_pf1:	.long 0xffff
v_pf2:	.long 0
v_int:	.long 0
v_intfl: .long 0xffff

	.code16
v86:	movw $0x4321, 0
	xor %bx, %bx
	mov %bx, %es
	cmpw $0x4321, %es:0x1230
	jne 1f
	mov $0x1230, %ebx
1:	int $0x43
	hlt
	int $0x44
v86_vme:
	pushfw
	popw %bx
	movzwl %bx, %ebx
	sti
	pushfw
	popw %cx
	movzwl %cx, %ecx
	xor %edx, %edx
	xor %edi, %edi
	int $0x21
	int $0x45
v86_int:
	mov $0x21, %edx
	pushfw
	popw %di
	iretw
task286:
	mov $LIN(t_eax), %ebx
	mov %ax, (%ebx)
	ljmp $TSS0, $0

start:	TO_PROT main

	.balign 16
tss1:	.fill 28, 1, 0
	.long 0				/* cr3 */
	.long LIN(task1), 0x2
	.long 0x1234, 0, 0, 0, 0x4c00, 0, 0, 0
	.long DATA0, CODE0, DATA0, DATA0, 0, 0
	.long 0
	.word 0, 104
tss2:	.fill 28, 1, 0
	.long 0
	.long LIN(task2), 0x2
	.long 0, 0, 0, 0, 0x4800, 0, 0, 0
	.long DATA0, CODE0, DATA0, DATA0, 0, 0
	.long 0
	.word 0, 104
tss286:	.fill 14, 1, 0
	.word task286, 2
	.word 0x286, 0, 0, 0, 0x4400, 0, 0, 0
	.word DATA0, 0xa8, DATA0, DATA0, 0
	RESET start
