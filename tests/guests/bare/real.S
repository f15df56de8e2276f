/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Real mode: the reset state, the vector table, faults and their saved IP, limits, interrupt shadows, NMI, HLT, "unreal"
 * segments, A20, SMM. Values from SDM 3A chapters 6, 8 and 9 and SDM 3C chapter 31.
 */
#include "common.inc"

	.code16
	COMMON
	.code16
/* The handler of every vector notes it and what it finds on the stack, then goes on at resume when that is set. */
note:	push %bp
	mov %sp, %bp
	push %ax
	mov 2(%bp), %ax		/* the vector, pushed by its stub */
	mov %ax, %cs:n_vec
	mov 4(%bp), %ax
	mov %ax, %cs:n_ip
	mov 6(%bp), %ax
	mov %ax, %cs:n_cs
	mov 8(%bp), %ax
	mov %ax, %cs:n_fl
	mov %cx, %cs:n_cx
	pushfw
	pop %ax
	mov %ax, %cs:n_now
	incw %cs:n_count
	mov %cs:resume, %ax
	test %ax, %ax
	jz 1f
	mov %ax, 4(%bp)
	movw $0, %cs:resume
1:	pop %ax
	pop %bp
	add $2, %sp
	iretw
	.balign 8
stubs:
	.set v, 0
	.rept 64
	.byte 0x68		/* pushw */
	.word v
	jmp note
	.balign 8
	.set v, v + 1
	.endr
n_vec:	.word 0
n_ip:	.word 0
n_cs:	.word 0
n_fl:	.word 0
n_cx:	.word 0
n_now:	.word 0
n_count: .word 0
resume:	.word 0

/* Expects vec at label at. */
.macro FAULT vec, at, name
	movw $9f, %cs:resume
	movw $0xffff, %cs:n_vec
\at:
.endm
.macro FAULTED vec, at, name
9:	cmpw $\vec, %cs:n_vec
	jne 8f
	cmpw $\at, %cs:n_ip
8:	OK16 "\name"
.endm

start:
	/* SDM 3A table 9-1 */
	and $0xf00, %dx /* 000n06xx, SDM 3A table 9-1 */
	cmp $0x600, %dx
	OK16 "EDX holds family 6 after reset"
	mov %cr0, %eax
	cmp $0x60000010, %eax
	OK16 "CR0 after reset"
	pushfw
	xor %ax, %ax
	mov %ax, %ds
	mov %ax, %es
	mov %ax, %ss
	mov $0x7000, %sp
	mov $stubs, %bx
	xor %di, %di
	mov $64, %cx
1:	mov %bx, (%di)
	movw $0xf000, 2(%di)
	add $8, %bx
	add $4, %di
	loop 1b

	/* INT n */
	sti
	movw $0, n_count
	mov $0x1234, %cx
	stc
i1:	int $0x21
i2:	pushfw
	pop %bx
	cmpw $0x21, %cs:n_vec
	OK16 "INT n takes its vector"
	cmpw $i2, %cs:n_ip
	OK16 "INT n saves the next IP"
	cmpw $0xf000, %cs:n_cs
	OK16 "INT n saves CS"
	mov %cs:n_fl, %ax
	and $0x201, %ax
	cmp $0x201, %ax
	OK16 "INT n saves the flags"
	testw $0x300, %cs:n_now
	OK16 "INT n clears IF and TF"
	and $0x201, %bx
	cmp $0x201, %bx
	OK16 "IRET brings the flags back"
	cmp $0x7000, %sp
	OK16 "IRET brings the stack back"
	int3
	cmpw $3, %cs:n_vec
	OK16 "INT3"
	mov $0x7f, %al
	add $1, %al
	into
	cmpw $4, %cs:n_vec
	OK16 "INTO with OF"
	.byte 0xf1
	cmpw $1, %cs:n_vec
	OK16 "INT1"

	/* faults */
	xor %dx, %dx
	xor %bx, %bx
	FAULT 0, f1
	div %bx
	FAULTED 0, f1, "divide error saves the IP of DIV"
	FAULT 6, f2
	ud2
	FAULTED 6, f2, "UD2"
	FAULT 6, f3
	.byte 0xf0, 0x89, 0xc8
	FAULTED 6, f3, "LOCK on a register"
	FAULT 13, f4
	mov 0xffff, %ax
	FAULTED 13, f4, "a word at FFFF is beyond the limit"
	xor %bp, %bp
	FAULT 12, f5
	mov 0xffff(%bp), %ax
	FAULTED 12, f5, "the same through SS"
	movw $1, 0x500
	movw $5, 0x502
	mov $6, %ax
	FAULT 5, f6
	bound %ax, 0x500
	FAULTED 5, f6, "BOUND"
	FAULT 13, f7
	.byte 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x90
	FAULTED 13, f7, "an instruction of 16 bytes"
	mov $0xffff, %di
	mov $0x600, %si
	FAULT 13, f8
	movsw
	FAULTED 13, f8, "MOVSW to FFFF"
	cmp $0xffff, %di
	OK16 "... leaves DI"
	FAULT 6, f9
	lldt %ax
	FAULTED 6, f9, "LLDT is undefined in real mode"
	/* code that runs off the end of its segment: a NOP at 2000:FFFF */
	mov $0x2000, %ax
	mov %ax, %es
	movb $0x90, %es:0xffff
	movb $0x90, %es:0xfffe
	movw $fe1, %cs:resume
	movw $0xf000, %cs:n_cs
	movw $0xffff, %cs:n_vec
	/* go on in our own segment, whatever CS was */
	movw $offend, 13 * 4
	ljmp $0x2000, $0xfffe
offend:	pop %cs:n_ip
	pop %cs:n_cs
	add $2, %sp
	movw $0, %cs:resume
	movw $stubs + 13 * 8, %es:0
	push %es
	xor %ax, %ax
	mov %ax, %es
	movw $stubs + 13 * 8, %es:13 * 4
	pop %es
fe1:	cmpw $0x2000, %cs:n_cs
	OK16 "code at the end of its segment: CS"
	xor %ax, %ax
	mov %ax, %ds
	mov %ax, %es

	/* interrupt shadows and lines */
	cli
	mov $0x22, %al
	outb %al, $0xf5
	movw $0, %cs:n_count
	xor %cx, %cx
	nop
	cmpw $0, %cs:n_count
	OK16 "a masked interrupt waits"
	sti
	inc %cx
	inc %cx
	cli
	cmpw $0x22, %cs:n_vec
	OK16 "an external interrupt takes its vector"
	cmpw $1, %cs:n_cx
	OK16 "STI holds interrupts off for one instruction"
	sti
	mov $0x23, %al
	xor %cx, %cx
	mov %ss, %dx
	outb %al, $0xf5
	inc %cx
	cmpw $0, %cs:n_cx
	OK16 "an unmasked interrupt comes after OUT"
	cli
	mov $0x24, %al
	outb %al, $0xf5
	pushfw
	pop %bx
	or $0x200, %bx
	push %bx
	xor %cx, %cx
	popfw
	inc %cx
	cli
	cmpw $0, %cs:n_cx
	OK16 "POPF that sets IF has no shadow"
	mov $0x25, %al
	outb %al, $0xf5
	xor %cx, %cx
	push %ss
	sti
	pop %ss
	inc %cx
	inc %cx
	cli
	cmpw $1, %cs:n_cx
	OK16 "POP SS holds interrupts off for one instruction"
	movw $0, %cs:n_count
	outb %al, $0xf6
	cmpw $1, %cs:n_count
	jne 1f
	cmpw $2, %cs:n_vec
1:	OK16 "an NMI comes with IF clear"
	/* an NMI within an NMI waits for IRET */
	movw $nmi, 2 * 4
	movw $0, %cs:n_count
	movw $0, %cs:n_now
	outb %al, $0xf6
	cmpw $2, %cs:n_count
	OK16 "a second NMI is taken after the first's IRET"
	cmpw $0x100, %cs:n_now
	OK16 "... and not before"
	mov $0x26, %al
	outb %al, $0xf5
	xor %cx, %cx
	sti
	hlt
	inc %cx
	cli
	cmpw $0, %cs:n_cx
	OK16 "HLT under STI's shadow ends with the interrupt"

	/* limits of protected mode stay: "unreal" mode */
	lgdtl %cs:gdtr
	mov %cr0, %eax
	or $1, %al
	mov %eax, %cr0
	jmp 1f
1:	mov $8, %bx
	mov %bx, %ds
	and $0xfe, %al
	mov %eax, %cr0
	jmp 1f
1:	xor %ax, %ax
	mov %ax, %ds
	mov $0x200000, %ebx
	movl $0x5a5a1234, (%ebx)
	cmpl $0x5a5a1234, (%ebx)
	OK16 "a 4 GiB limit outlives protected mode"

	/* A20 */
	movl $0x11111111, 0x600
	mov $0x100600, %ebx
	movl $0x22222222, (%ebx)
	cmpl $0x11111111, 0x600
	OK16 "A20 on: 1 MiB is not 0"
	xor %al, %al
	outb %al, $0x92
	cmpl $0x11111111, (%ebx)
	OK16 "A20 off: it is"
	mov $2, %al
	outb %al, $0x92
	cmpl $0x22222222, (%ebx)
	OK16 "A20 on again"

	/* system management mode */
	mov $0x3000, %ax
	mov %ax, %es
	mov $0x8000, %di
	mov $smi, %si
	mov $smi_end - smi, %cx
	push %ds
	push %cs
	pop %ds
	rep movsb
	pop %ds
	mov $0x12345678, %ebp
	mov $0x77, %cx
	stc
	outb %al, $0xb2
	setc %dl
	cmp $0x12345678, %ebp
	OK16 "RSM restores registers"
	cmp $1, %dl
	OK16 "... and flags"
	cmpl $0x12345678, 0x700
	OK16 "the save area holds EBP at 7F84"
	cmpl $0x30000, 0x704
	OK16 "... and SMBASE at 7EF8"
	cmpw $0x3000, 0x708
	OK16 "CS in SMM is SMBASE / 16"
	mov $0x4000, %ax
	mov %ax, %es
	mov $0x8000, %di
	mov $smi2, %si
	mov $smi2_end - smi2, %cx
	push %ds
	push %cs
	pop %ds
	rep movsb
	pop %ds
	outb %al, $0xb2
	cmpl $0xfeed, 0x70c
	OK16 "SMBASE moves"

	xor %ax, %ax
	out %al, $0xf4
	hlt

nmi:	pushw %ax
	incw %cs:n_count
	cmpw $1, %cs:n_count
	jne 1f
	outb %al, $0xf6
	nop
	addw $0x100, %cs:n_now
1:	cmpw $2, %cs:n_count
	jne 2f
	cmpw $0x100, %cs:n_now
	je 2f
	addw $0x10, %cs:n_now
2:	popw %ax
	iretw

smi:	mov %cs:0xff84, %eax
	xor %bx, %bx
	mov %bx, %ds
	mov %eax, 0x700
	mov %cs:0xfef8, %eax
	mov %eax, 0x704
	mov %cs, 0x708
	movl $0x40000, %cs:0xfef8
	xor %ebp, %ebp
	rsm
smi_end:
smi2:	xor %bx, %bx
	mov %bx, %ds
	movl $0xfeed, 0x70c
	rsm
smi2_end:

	.balign 8
gdt:	.quad 0
	.quad 0x00cf92000000ffff
gdtr:	.word 15
	.long LIN(gdt)
	RESET start
