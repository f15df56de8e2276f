/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What 32-bit systems left behind, and alignment: 16-bit gates and TSSs, BOUND and INTO, expand-down and conforming
 * segments, PVI and VME with VIP, #AC. Values from SDM 3A chapters 3, 5, 6 and 7 and SDM 3B chapter 21 (8086 emulation).
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
	DESCL tss0, 103, 0x89, 0	/* 28 */
	DESC 0xf0000, 0xffff, 0x9b, 0	/* 30 16-bit code */
	.word cg16, 0x30, 0xe402, 0	/* 38 16-bit call gate for level 3, 2 words of parameters */
	DESC 0x2000, 0x0ff, 0xf7, 0	/* 40 expand-down with B clear: 100..FFFF */
	DESCL tss16, 43, 0x81, 0	/* 48 286 TSS, for its stacks */
	DESCL tss16b, 43, 0x81, 0	/* 50 286 TSS, a task */
	DESC 0, 0xfffff, 0xff, 0xc	/* 58 conforming code of level 3 */
	DESC 0xf0000, 0xffff, 0xfb, 0	/* 60 16-bit code, level 3 */
	DESC 0x2000, 0xfff, 0x93, 0	/* 68 16-bit stack */
	DESC 0, 0xfffff, 0x92, 0xc	/* 70 data that nobody has loaded */
	DESC 0, 0xfffff, 0xf2, 0xc	/* 78 the same of level 3 */
gdt_end:
pgdtr:	.word gdt_end - gdt - 1
	.long LIN(gdt)
odd_gdtr: .word gdt_end - gdt - 1
	.long 0x3801
	.balign 16
tss0:	.fill 4, 1, 0
	.long 0x6800, DATA0
	.fill 90, 1, 0
	.word 104
	.balign 16
tss16:	.word 0, 0x6600, DATA0
	.fill 38, 1, 0
	.balign 16
tss16b:	.fill 14, 1, 0
	.word task286, 2
	.word 0x286, 0, 0, 0, 0x4400, 0, 0, 0
	.word DATA0, 0x30, DATA0, DATA0, 0

	.balign 4
h_sp:	.long 0
h_fl:	.long 0
h_w:	.fill 8, 4, 0
t_link:	.long 0
t_nt:	.long 0
back:	.long 0

	.code16
/* Handlers of 16-bit gates: what they find. Lose EBX. */
h16:	mov $LIN(h_sp), %ebx
	mov %esp, (%ebx)
	pushfl
	popl 4(%ebx)
	mov (%esp), %eax
	mov %eax, 8(%ebx)
	mov 4(%esp), %eax
	mov %eax, 12(%ebx)
	mov $0, %eax
	iretw
h16err:	mov $LIN(h_sp), %ebx
	mov %esp, (%ebx)
	mov (%esp), %eax
	mov %eax, 8(%ebx)
	mov 4(%esp), %eax
	mov %eax, 12(%ebx)
	add $2, %esp
	addw $3, (%esp)			/* past MOV FS, [..]: see bad16 */
	iretw
cg16:	mov $LIN(h_sp), %ebx
	mov %esp, (%ebx)
	mov (%esp), %eax
	mov %eax, 8(%ebx)
	mov 4(%esp), %eax
	mov %eax, 12(%ebx)
	mov 8(%esp), %eax
	mov %eax, 16(%ebx)
	lretw $4
task286:
	mov $LIN(tss16b), %ebx
	movzwl (%ebx), %eax
	mov $LIN(t_link), %ebx
	mov %eax, (%ebx)
	pushfl
	popl %eax
	mov %eax, 4(%ebx)
	iretw
	jmp task286

code16:	mov $0x7000, %esp
	sti
	int $0x48
i48:	mov $LIN(back), %ebx
	mov %esp, (%ebx)
	cli
	ljmpl $CODE0, $LIN(after48)
code16b: sti
	int $0x49
	cli
	ljmpl $CODE0, $LIN(after49)
code16c: mov $0x1000, %ax
bad16:	.byte 0x0f, 0x1f, 0xc0		/* three bytes */
bad16f:	.byte 0x66, 0x8e, 0xe0		/* MOV FS, EAX */
	ljmpl $CODE0, $LIN(after_gp16)
user16:	mov $DATA3, %ax
	mov %ax, %ds
	mov %esp, %ebp
	pushw $0x111
	pushw $0x222
	lcallw $0x3b, $0
u16:	int $0x4a

	.code32
/* At level 3 of a fault's handler: to level 0 at label back. */
to0:	mov $DATA0, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov %esp, LIN(h_sp) + 40
	mov %ebp, LIN(h_sp) + 44
	mov $0x7000, %esp
	jmp *LIN(back)

/* To level 3 at label, with these flags. */
.macro USER at, flags
	push $DATA3
	push $0x5000
	pushl $\flags
	push $CODE3
	push $LIN(\at)
	iretl
.endm
.macro KERNEL
	movl $LIN(3f), LIN(back)
	int $0x4a
3:
.endm

main:	mov $0x9000, %eax
	fninit
	/* gates 48: 16-bit interrupt, 49: 16-bit trap, 4a: back to level 0 */
	movw $h16, LIN(pidt) + 0x48 * 8
	movw $0x30, LIN(pidt) + 0x48 * 8 + 2
	movb $0x86, LIN(pidt) + 0x48 * 8 + 5
	movw $0xffff, LIN(pidt) + 0x48 * 8 + 6	/* the upper half of the offset is not of a 16-bit gate */
	movw $h16, LIN(pidt) + 0x49 * 8
	movw $0x30, LIN(pidt) + 0x49 * 8 + 2
	movb $0x87, LIN(pidt) + 0x49 * 8 + 5
	movw $to0, LIN(pidt) + 0x4a * 8
	movb $0xee, LIN(pidt) + 0x4a * 8 + 5
	ljmp $0x30, $code16
after48: cmpl $0x7000 - 6, LIN(h_sp)
	OK32 "a 16-bit interrupt gate pushes three words"
	testl $0x200, LIN(h_fl)
	OK32 "... clears IF"
	cmpw $i48, LIN(h_w)
	OK32 "... saves IP"
	cmpw $0x30, LIN(h_w) + 2
	OK32 "... and CS"
	testw $0x200, LIN(h_w) + 4
	setz %al
	test %al, %al
	OK32 "... and the flags"
	cmpl $0x7000, LIN(back)
	OK32 "IRET with 16-bit operands brings it all back"
	ljmp $0x30, $code16b
after49: testl $0x200, LIN(h_fl)
	setz %al
	test %al, %al
	OK32 "a 16-bit trap gate leaves IF"
	movw $h16err, LIN(pidt) + 13 * 8
	movw $0x30, LIN(pidt) + 13 * 8 + 2
	movb $0x86, LIN(pidt) + 13 * 8 + 5
	ljmp $0x30, $code16c
after_gp16:
	movw $pstubs + 13 * 16, LIN(pidt) + 13 * 8
	movw $CODE0, LIN(pidt) + 13 * 8 + 2
	movb $0x8e, LIN(pidt) + 13 * 8 + 5
	cmpl $0x7000 - 8, LIN(h_sp)
	OK32 "an error code through a 16-bit gate is a word"
	cmpw $0x1000, LIN(h_w)
	OK32 "... with the selector"
	cmpw $bad16f, LIN(h_w) + 2
	OK32 "... above it the IP of the fault"

	/* call gates of 16 bits, with stacks of a 386 and of a 286 TSS */
	movl $LIN(1f), LIN(back)
	push $DATA3
	push $0x5000
	pushl $0x3002
	push $0x63
	push $user16
	iretl
1:	cmpl $0x6800 - 12, LIN(h_sp)
	OK32 "a 16-bit call gate: six words on the stack of the TSS"
	cmpl $0x02220063, LIN(h_w) + 2
	OK32 "... CS, then the parameters, the last first"
	cmpw $0x111, LIN(h_w) + 6
	OK32 "... two of them"
	cmpl $0x00235000 - 4, LIN(h_w) + 8
	OK32 "... then the outer SP and SS"
	cmpl $0x5000, LIN(h_sp) + 44
	OK32 "RETF n with 16-bit operands takes them off both stacks"
	mov $0x48, %eax
	ltr %ax
	movl $LIN(1f), LIN(back)
	push $DATA3
	push $0x5000
	pushl $0x3002
	push $0x63
	push $user16
	iretl
1:	cmpl $0x6600 - 12, LIN(h_sp)
	OK32 "the stack of a 286 TSS"
	cmpl $0x6600 - 20, LIN(h_sp) + 40
	OK32 "... also for a 32-bit gate"
	movb $0x89, LIN(gdt) + TSS0 + 5
	mov $TSS0, %eax
	ltr %ax
	mov $0x12345678, %edi
	lcall $0x50, $0
	cmpl $TSS0, LIN(t_link)
	OK32 "CALL of a 286 task writes the link"
	testl $0x4000, LIN(t_nt)
	setz %al
	test %al, %al
	OK32 "... and sets NT in it"
	cmp $0x12345678, %edi
	OK32 "IRET from it brings 32-bit registers back"
	cmpb $0x81, LIN(gdt) + 0x55
	OK32 "... and leaves it free"
	cmpb $0x8b, LIN(gdt) + TSS0 + 5
	OK32 "... the caller busy"
	clts

	/* BOUND and INTO */
	movl $-5, 0x2000
	movl $5, 0x2004
	mov $-6, %eax
	TRY
	bound %eax, 0x2000
	EXPECT 5, -1, "BOUND below: #BR, a fault without error code"
	mov $6, %eax
	TRY
	bound %eax, 0x2000
	EXPECT 5, -1, "BOUND above"
	mov $-5, %eax
	movl $0xff, LIN(n_vec)
	bound %eax, 0x2000
	mov $5, %eax
	bound %eax, 0x2000
	cmpl $0xff, LIN(n_vec)
	OK32 "BOUND at its bounds"
	movw $-1, 0x2000
	movw $1, 0x2002
	mov $0x10001, %eax
	bound %ax, 0x2000
	cmpl $0xff, LIN(n_vec)
	OK32 "BOUND of words looks at words"
	mov $0x7f, %al
	add $1, %al
	into
i4:	cmpl $4, LIN(n_vec)
	jne 1f
	cmpl $LIN(i4), LIN(n_eip)
1:	OK32 "INTO: a trap, saving the next EIP"
	movl $0xff, LIN(n_vec)
	xor %eax, %eax
	into
	cmpl $0xff, LIN(n_vec)
	OK32 "INTO without OF does nothing"

	/* segments */
	mov $0x43, %eax
	mov %eax, %fs
	TRY
	movb %fs:0xff, %al
	EXPECT 13, 0, "expand-down with B clear: below the limit"
	movb %fs:0x100, %al
	movw %fs:0xfffe, %ax
	TRY
	movw %fs:0xffff, %ax
	EXPECT 13, 0, "... the last is FFFF"
	TRY
	movl %fs:0xfffd, %eax
	EXPECT 13, 0, "... also for what begins below"
	TRY
	movb %fs:0x10000, %al
	EXPECT 13, 0, "... nothing lies beyond"
	xor %eax, %eax
	mov %eax, %fs
	TRY
	ljmp $0x58, $LIN(main)
	EXPECT 13, 0x58, "level 0 may not go to conforming code of level 3"
	mov $0x58, %eax
	mov %eax, %fs
	mov %fs:LIN(gdt) + 8, %eax
	cmp %eax, LIN(gdt) + 8
	OK32 "readable conforming code is data for every level"
	mov %esp, %ebp
	mov $0x68, %eax
	mov %eax, %ss
	mov $0x800, %esp
	TRY
	movw %ss:0xfff, %ax
7:	mov $DATA0, %eax
	mov %eax, %ss
	mov %ebp, %esp
	cmpl $12, LIN(n_vec)
	jne 1f
	cmpl $0, LIN(n_err)
1:	OK32 "over the limit of SS: #SS(0)"

	/* protected-mode virtual interrupts */
	mov %cr4, %eax
	or $2, %eax
	mov %eax, %cr4
	USER 1f, 0x2
1:	mov $DATA3, %eax
	mov %eax, %ds
	mov %eax, %es
	sti
	pushfl
	pop %ebx
	cli
	pushfl
	pop %ecx
	mov %ecx, %edx
	or $0x80200, %edx
	push %edx
	popfl
	pushfl
	pop %edx
	KERNEL
	and $0x80200, %ebx
	cmp $0x80000, %ebx
	OK32 "PVI: STI at level 3 sets VIF and leaves IF"
	and $0x80200, %ecx
	OK32 "... CLI clears it"
	and $0x80200, %edx
	OK32 "... POPF does neither"
	USER 1f, 0x100002
1:	mov $DATA3, %eax
	mov %eax, %ds
	mov %eax, %es
	TRY
	sti
7:	cli
	pushfl
	pop %ebx
	KERNEL
	cmpl $13, LIN(n_vec)
	jne 1f
	cmpl $0, LIN(n_err)
	jne 1f
	mov LIN(n_want), %eax
	cmp %eax, LIN(n_eip)
1:	OK32 "... STI with VIP: #GP(0)"
	and $0x180000, %ebx
	cmp $0x100000, %ebx
	OK32 "... VIP stays, VIF is clear"
	mov %cr4, %eax
	xor $3, %eax		/* VME for PVI */
	mov %eax, %cr4
	movl $LIN(v86_gp), LIN(hook)
	movw $vme_ret, LIN(pidt) + 0x4b * 8
	movb $0xee, LIN(pidt) + 0x4b * 8 + 5
	movb $0xff, LIN(pidt) + 0x4b * 8 + 8
	movl $0, LIN(v_count)
	movl $0, LIN(n_err)
	pushl $0
	pushl $0
	pushl $0
	pushl $0
	pushl $0
	pushl $0x4000
	pushl $0x120002		/* VM, VIP, IOPL 0 */
	pushl $0xf000
	pushl $v86
	iretl
v86_gp:	cmpl $13, LIN(n_vec)
	jne 1f
	mov LIN(n_eip), %eax
	mov LIN(v_count), %edi
	mov %eax, LIN(v_at)(,%edi,4)
	incl LIN(v_count)
	movl $v86_next, %eax
	cmp $1, %edi
	jb 2f
	movl $v86_next2, %eax
	je 2f
	movl $v86_next3, %eax
	cmp $2, %edi
	je 2f
	mov $LIN(vme_ret), %eax
	jmp *%eax
2:	mov %eax, 44 + 4(%esp)
1:	ret
v_count: .long 0
v_at:	.long 0, 0, 0, 0, 0, 0
vme_ret: mov $DATA0, %eax
	mov %eax, %ds
	mov %eax, %es
	mov $0x7000, %esp
	movl $0, LIN(hook)
	cmpl $v86_sti, LIN(v_at)
	OK32 "VME: STI with VIP: #GP"
	cmpl $v86_popf, LIN(v_at) + 4
	OK32 "... POPF that sets IF with VIP"
	cmpl $v86_popf2, LIN(v_at) + 8
	OK32 "... POPF that sets TF"
	cmpl $v86_popfd, LIN(v_at) + 12
	OK32 "... POPFD with IOPL 0"

	/* alignment checks */
	mov %cr4, %eax
	and $~3, %eax
	or $0x200, %eax
	mov %eax, %cr4
	mov %cr0, %eax
	or $0x40000, %eax
	mov %eax, %cr0
	mov $LIN(gdt), %esi
	mov $0x3801, %edi
	mov $gdt_end - gdt, %ecx
	rep movsb
	pushl $0x40002
	popfl
	mov 0x2001, %eax
	cmp %eax, %eax
	OK32 "no alignment checks at level 0"
	lgdtl LIN(odd_gdtr)
	movl $0x6801, LIN(tss0) + 4
	USER 1f, 0x43002
1:	mov $DATA3, %eax
	mov %eax, %ds
	mov %eax, %es
	movl $0x20, 0x2000		/* a far pointer, 2 and 4 bytes on */
	movl $0x20, 0x2004
	movl $0x20, 0x2008
	movb 0x2001, %al
	TRY
	movw 0x2001, %ax
	EXPECT 17, 0, "#AC(0): a word at an odd address"
	testl $0x40000, LIN(n_now)
	setz %al
	test %al, %al
	OK32 "... whose handler runs with AC set, and is not checked"
	movw 0x2002, %ax
	TRY
	movl 0x2002, %eax
	EXPECT 17, 0, "a doubleword at 2"
	TRY
	movl %eax, 0x2003
	EXPECT 17, 0, "a store"
	TRY
	incl 0x2002
	EXPECT 17, 0, "read-modify-write"
	TRY
	lock xaddl %eax, 0x2002
	EXPECT 17, 0, "with LOCK"
	movl 0x2004, %eax
	TRY
	fldl 0x2004
	EXPECT 17, 0, "double precision at 4"
	TRY
	fldt 0x2004
	EXPECT 17, 0, "extended precision at 4"
	fldt 0x2008
	fstp %st(0)
	TRY
	fbld 0x2004
	EXPECT 17, 0, "packed decimal at 4"
	TRY
	fstpt 0x2ffc
	EXPECT 17, 0, "an extended store over two pages"
	TRY
	fnstenv 0x2002
	EXPECT 17, 0, "an x87 environment at 2"
	fnstenv 0x2004
	fldenv 0x2004
	TRY
	fnsave 0x2006
	EXPECT 17, 0, "FNSAVE at 6"
	TRY
	lfs 0x2002, %eax
	EXPECT 17, 0, "a 48-bit far pointer at 2"
	movl $0x20, 0x2004
	movl $0x20, 0x2008
	lfs 0x2004, %eax
	xor %eax, %eax
	lfsw 0x2006, %ax
	cmp $0, %eax
	OK32 "a 48-bit one at 4, a 32-bit one at 2"
	TRY
	sgdtl 0x2002
	EXPECT 17, 0, "SGDT at 2"
	mov $40, %ecx
	TRY
	btl %ecx, 0x2001
	EXPECT 17, 0, "a bit string of doublewords at 1"
	movups 0x2008, %xmm0
	movups %xmm0, 0x2001
	cmp %eax, %eax
	OK32 "MOVUPS at 8, and a store at 1: vectors are not looked at"
	TRY
	movaps 0x2001, %xmm0
	EXPECT 13, 0, "MOVAPS: #GP comes first"
	TRY
	fxsave 0x2008
	EXPECT 13, 0, "FXSAVE is #GP"
	mov $0x2001, %esi
	mov $0x2100, %edi
	mov $2, %ecx
	TRY
	rep movsl
	EXPECT 17, 0, "a string instruction"
	mov $8, %ecx
	rep movsb
	cmp $0, %ecx
	OK32 "strings of bytes are free"
	mov %esp, %ebp
	mov $0x4ffe, %esp
	pushw %ax
	popw %ax
	TRY
	push %eax
7:	mov %ebp, %esp
	cmpl $17, LIN(n_vec)
	jne 1f
	mov LIN(n_want), %eax
	cmp %eax, LIN(n_eip)
1:	OK32 "PUSH on a stack at 2"
	pushl $0x3002
	popfl
	movl $0xff, LIN(n_vec)
	mov 0x2001, %eax
	cmpl $0xff, LIN(n_vec)
	OK32 "POPF that clears AC ends it at once"
	pushl $0x43002
	popfl
	TRY
	mov 0x2001, %eax
	EXPECT 17, 0, "... and one that sets it begins it"
	mov $0x7b, %eax
	movl $0xff, LIN(n_vec)
	mov %eax, %gs
	cmpl $0xff, LIN(n_vec)
	OK32 "descriptors of a table at an odd address are the supervisor's"
	KERNEL
	cmpl $0x6801 - 20, LIN(h_sp) + 40
	OK32 "... and so is its stack"
	mov %cr0, %eax
	and $~0x40000, %eax
	mov %eax, %cr0
	USER 1f, 0x43002
1:	mov $DATA3, %eax
	mov %eax, %ds
	movl $0xff, LIN(n_vec)
	mov 0x2001, %eax
	cmpl $0xff, LIN(n_vec)
	OK32 "CR0.AM clear: no checks"

	xor %eax, %eax
	out %al, $0xf4
	hlt

	.code16
v86:
v86_sti: sti
	hlt
v86_next:
	pushw $0x202
v86_popf: popfw
	hlt
v86_next2:
	pushw $0x102
v86_popf2: popfw
	hlt
v86_next3:
	pushl $2
v86_popfd: popfl
	hlt

start:	TO_PROT main
	RESET start
