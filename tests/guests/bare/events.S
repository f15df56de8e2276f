/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Real mode: NMI and SMI in each other, MONITOR and MWAIT, INIT and SIPI. Values from SDM 2B, SDM 3A chapter 10 (table 10-1)
 * and SDM 3C chapter 31 (31.3, 31.8).
 */
#include "common.inc"

#define PHASE 0x700	/* survives INIT */
#define N_NMI 0x710
#define N_IN_SMM 0x712
#define N_AFTER 0x714
#define N_INT 0x716
#define N_GP 0x718
#define N_UD 0x71a

	.code16
	COMMON
	.code16
.macro VECTOR n, at
	movw $\at, \n * 4
	movw $0xf000, \n * 4 + 2
.endm
/* SMM code: from the label to its _end, to SMBASE + 8000. */
.macro SMI at
	mov $0x3000, %ax
	mov %ax, %es
	mov $0x8000, %di
	mov $\at, %si
	mov $\at\()_end - \at, %cx
	rep movsb %cs:(%si), %es:(%di)
.endm

start:	xor %ax, %ax
	mov %ax, %ds
	mov %ax, %ss
	mov %ax, %es
	cmpl $0x1234abcd, PHASE
	je second
	mov $0x7000, %sp
	VECTOR 2, nmi
	VECTOR 13, gp
	VECTOR 6, ud
	VECTOR 0x30, irq

	/* an NMI that comes in SMM waits for RSM */
	SMI smi1
	movw $0, N_NMI
	outb %al, $0xb2
	cmpw $0, N_IN_SMM
	OK16 "an NMI in SMM is held off"
	cmpw $1, N_NMI
	OK16 "... until RSM"
	/* IRET in SMM lets NMIs in */
	SMI smi2
	movw $0, N_NMI
	outb %al, $0xb2
	cmpw $1, N_IN_SMM
	OK16 "... or an IRET within"
	cmpw $1, N_NMI
	OK16 "... once"
	/* INTR is held off by IF clear, whatever it was before; RSM brings it back */
	SMI smi3
	movw $0, N_INT
	sti
	outb %al, $0xb2
	cli
	cmpw $0, N_IN_SMM
	OK16 "SMM begins with IF clear"
	cmpw $1, N_INT
	OK16 "RSM lets the interrupt in"
	/* SMI within an NMI handler */
	SMI smi4
	VECTOR 2, nmi_smi
	movw $0, N_NMI
	movl $0, 0x720
	outb %al, $0xf6
	cmpl $0x5a5a, 0x720
	OK16 "an SMI is taken in an NMI handler"
	cmpw $1, N_AFTER
	OK16 "... which goes on after RSM"
	VECTOR 2, nmi
	movw $0, N_NMI
	outb %al, $0xf6
	cmpw $1, N_NMI
	OK16 "NMIs are open again after IRET"
	/* an SMI in SMM waits for RSM */
	SMI smi5
	movw $0, 0x722
	outb %al, $0xb2
	cmpw $0x0202, 0x722
	OK16 "an SMI within SMM is latched, one"
	.byte 0x90
	movw $0, N_UD
	rsm
	cmpw $1, N_UD
	OK16 "RSM outside of SMM: #UD"

	/* MONITOR and MWAIT: what may not wait goes on */
	xor %ecx, %ecx
	xor %edx, %edx
	mov $0x800, %eax
	.byte 0x0f, 0x01, 0xc9
	cmp %al, %al
	OK16 "MWAIT with nothing armed goes on"
	mov $0x800, %eax
	.byte 0x0f, 0x01, 0xc8
	movb $1, 0x83f
	.byte 0x0f, 0x01, 0xc9
	cmp %al, %al
	OK16 "MWAIT after a store to the line goes on"
	cli
	movw $0, N_INT
	mov $0x30, %al
	outb %al, $0xf5
	mov $0x800, %eax
	xor %ecx, %ecx
	.byte 0x0f, 0x01, 0xc8
	mov $1, %ecx
	.byte 0x0f, 0x01, 0xc9
	cmpw $0, N_INT
	OK16 "MWAIT with ECX 1: a masked interrupt ends it and stays pending"
	sti
	nop
	cli
	cmpw $1, N_INT
	OK16 "... until IF is set"
	sti
	mov $0x800, %eax
	xor %ecx, %ecx
	.byte 0x0f, 0x01, 0xc8
	cli
	movw $0, N_INT
	mov $0x30, %al
	outb %al, $0xf5
	sti
	.byte 0x0f, 0x01, 0xc9
	cli
	cmpw $1, N_INT
	OK16 "an interrupt ends MWAIT"
	movw $0, N_GP
	mov $2, %ecx
	.byte 0x0f, 0x01, 0xc9
	cmpw $1, N_GP
	OK16 "MWAIT with reserved extensions: #GP"
	mov $1, %ecx
	.byte 0x0f, 0x01, 0xc8
	cmpw $2, N_GP
	OK16 "MONITOR with extensions: #GP"
	mov $5, %eax
	xor %ecx, %ecx
	cpuid
	and $3, %ecx
	cmp $3, %ecx
	OK16 "CPUID leaf 5 has them"
	cmp $64, %bx
	OK16 "... and lines of 64 bytes"

	/* INIT: SDM 3A table 10-1 */
	movl $0x1234abcd, PHASE
	fninit
	fldpi
	mov %cr4, %eax
	or $0x600, %eax
	mov %eax, %cr4
	movl $0x1f00, 0x724
	ldmxcsr 0x724
	pcmpeqd %xmm3, %xmm3
	mov $0x174, %ecx
	mov $0x4321, %eax
	xor %edx, %edx
	wrmsr
	mov $0x111, %eax
	mov %eax, %dr1
	lgdtl %cs:gdtr
	mov %cr0, %eax
	and $~0x60000000, %eax
	or $0x10002, %eax
	mov %eax, %cr0
	mov $0x99, %ebx
	mov $0x99, %edi
	xor %al, %al
	outb %al, $0xf7
	hlt

second:	cmpw $2, PHASE + 4
	jae third
	movw $2, PHASE + 4
	mov %sp, %bp
	mov $0x6f00, %sp
	and $0xf00, %dx
	cmp $0x600, %dx
	OK16 "INIT: EDX"
	or %ebx, %edi
	OK16 "... general registers are 0"
	mov %cr0, %eax
	cmp $0x10, %eax
	OK16 "... CR0 is 10 with CD and NW as they were"
	mov %cr4, %eax
	test %eax, %eax
	OK16 "... CR4 is 0"
	mov %dr1, %eax
	test %eax, %eax
	OK16 "... debug registers are 0"
	sgdtl 0x730
	cmpw $0xffff, 0x730
	OK16 "... GDTR's limit is FFFF"
	cmpl $0, 0x732
	OK16 "... its base 0"
	fstpl 0x740
	cmpl $0x400921fb, 0x744
	OK16 "... the x87 keeps its registers"
	mov $0x600, %eax
	mov %eax, %cr4
	stmxcsr 0x724
	cmpl $0x1f00, 0x724
	OK16 "... MXCSR too"
	pmovmskb %xmm3, %eax
	cmp $0xffff, %eax
	OK16 "... and XMM registers"
	mov $0x174, %ecx
	rdmsr
	cmp $0x4321, %eax
	OK16 "... and MSRs"
	/* SIPI: at vector * 4096 */
	mov $0x2000, %ax
	mov %ax, %es
	mov $0, %di
	mov $sipi, %si
	mov $sipi_end - sipi, %cx
	rep movsb %cs:(%si), %es:(%di)
	mov $0x20, %al
	outb %al, $0xf7
	hlt
third:	movw $0x7000, %sp
	cmpw $0x2000, 0x750
	OK16 "SIPI: CS is the vector * 256"
	cmpw $sipi_ip - sipi, 0x752
	OK16 "... and IP began at 0"
	cmpl $0x10, 0x754
	OK16 "... in real mode"

	xor %ax, %ax
	out %al, $0xf4
	hlt

/* The handlers: DS is 0. */
nmi:	incw %ss:N_NMI
	iretw
nmi_smi: movw $0, N_AFTER
	outb %al, $0xb2
	incw N_AFTER
	iretw
irq:	incw %ss:N_INT
	iretw
gp:	incw %ss:N_GP
	push %bp
	mov %sp, %bp
	addw $3, 2(%bp)
	pop %bp
	iretw
ud:	incw %ss:N_UD
	push %bp
	mov %sp, %bp
	addw $2, 2(%bp)
	pop %bp
	iretw

sipi:	call 1f
1:	pop %bx
	mov %cs, %ax
	xor %cx, %cx
	mov %cx, %ds
	mov %ax, 0x750
	mov %bx, 0x752
	mov %cr0, %eax
	mov %eax, 0x754
	ljmp $0xf000, $third
sipi_end:
	.set sipi_ip, sipi + 3

smi1:	xor %ax, %ax
	mov %ax, %ds
	mov %ax, %ss
	mov $0x6800, %sp
	outb %al, $0xf6
	nop
	mov N_NMI, %ax
	mov %ax, N_IN_SMM
	rsm
smi1_end:
smi2:	xor %ax, %ax
	mov %ax, %ds
	mov %ax, %ss
	mov $0x6800, %sp
	outb %al, $0xf6
	pushfw
	pushw $0x3000
	pushw $0x8000 + 1f - smi2
	iretw
1:	mov N_NMI, %ax
	mov %ax, N_IN_SMM
	rsm
smi2_end:
smi3:	xor %ax, %ax
	mov %ax, %ds
	mov %ax, %ss
	mov $0x6800, %sp
	mov $0x30, %al
	outb %al, $0xf5
	nop
	mov N_INT, %ax
	mov %ax, N_IN_SMM
	rsm
smi3_end:
smi4:	xor %ax, %ax
	mov %ax, %ds
	movl $0x5a5a, 0x720
	rsm
smi4_end:
smi5:	xor %ax, %ax
	mov %ax, %ds
	incb 0x722
	cmpb $1, 0x722
	jne 1f
	outb %al, $0xb2
	outb %al, $0xb2
1:	addb $1, 0x723
	rsm
smi5_end:
	.balign 8
gdtr:	.word 0x37
	.long 0x1000
	RESET start
