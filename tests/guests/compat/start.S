/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entry of the 32-bit test guests: Xen notes, the first instruction, entries of traps and callbacks, and the way back by
 * the iret hypercall (Xen public/arch-x86/xen-x86_32.h, public/elfnote.h).
 */
#define STACK_SIZE 16384
#define KERNEL_SS 0xe021

	.macro xen_note type:req, kind:req, value:vararg
	.pushsection .note.Xen, "a", @note
	.balign 4
	.long 4, 8f - 7f, \type
	.asciz "Xen"
7:	\kind \value
8:	.balign 4
	.popsection
	.endm

	xen_note 6, .asciz, "paravane-test"	/* GUEST_OS */
	xen_note 7, .asciz, "1"			/* GUEST_VERSION */
	xen_note 5, .asciz, "xen-3.0"		/* XEN_VERSION */
	xen_note 8, .asciz, "generic"		/* LOADER */
	xen_note 1, .long, _start		/* ENTRY */
	xen_note 3, .long, VIRT_BASE		/* VIRT_BASE */
	xen_note 4, .long, 0			/* PADDR_OFFSET */
	xen_note 2, .long, hypercall_page	/* HYPERCALL_PAGE */
	xen_note 10, .asciz, "!writable_page_tables|pae_pgdir_above_4gb"	/* FEATURES */
	xen_note 9, .asciz, "yes"		/* PAE_MODE */
	xen_note 12, .long, 0xf5800000		/* HV_START_LOW */
	xen_note 13, .long, 1, 0, 1, 0		/* L1_MFN_VALID */

	.section .text.first, "ax"
	.globl _start
_start:
	cld
	movl %esp, first_esp
	movl %cs, %eax
	movl %eax, first_cs
	movl %ss, %eax
	movl %eax, first_ss
	movl %ds, %eax
	movl %eax, first_ds
	leal stacks + STACK_SIZE / 2, %esp /* the upper half is for frames from ring 3 */
	xorl %ebp, %ebp
	pushl %esi
	call lib_start
	ud2

	.text
/* Where another vCPU begins: its stack is set, edi is its number. */
	.globl secondary_start
secondary_start:
	cld
	xorl %ebp, %ebp
	pushl %edi
	call lib_secondary
	ud2

	.macro entry has_error
	.balign 16
1:	.if \has_error == 0
	pushl $0
	.endif
	pushl $vector
	.set vector, vector + 1
	jmp common
	.pushsection .rodata
	.long 1b
	.popsection
	.endm

	.section .rodata
	.balign 4
	.globl trap_entries
trap_entries:
	.text
	.set vector, 0
	.rept 256
	.if vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21
	entry 1
	.else
	entry 0
	.endif
	.endr
	.rept 3	/* 256: event upcall; sysenter; NMI callback */
	entry 0
	.endr

/* The frame above error and vector: EIP, CS with the mask, EFLAGS, and from another ring ESP, SS. */
common:
	pushl %gs
	pushl %fs
	pushl %es
	pushl %ds
	pushal
	movl $KERNEL_SS, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %esp, %eax
	cld
	pushl %eax
	call lib_trap
	addl $4, %esp
/* Goes to what a struct regs on the stack says. */
	.globl regs_return
regs_return:
	popal
	popl %ds
	popl %es
	popl %fs
	popl %gs
	addl $4, %esp
	movl %eax, (%esp)
	movl $23, %eax
	int $0x82
	ud2

/* long enter(struct regs *): goes there; leave(value) comes back with value. */
	.globl enter
enter:
	movl 4(%esp), %eax
	pushl %ebx
	pushl %ebp
	pushl %esi
	pushl %edi
	movl %esp, enter_sp
	movl %eax, %esp
	jmp regs_return
	.globl leave
leave:
	movl 4(%esp), %eax
	movl enter_sp, %esp
	popl %edi
	popl %esi
	popl %ebp
	popl %ebx
	ret

/* The failsafe callback: DS, ES, FS, GS, then as a trap. */
	.globl failsafe_entry
failsafe_entry:
	popl %ss:failsafe_segs
	popl %ss:failsafe_segs + 4
	popl %ss:failsafe_segs + 8
	popl %ss:failsafe_segs + 12
	pushl $0
	pushl $259
	jmp common

/* long try_call(u32 fn, u32 a, u32 b): fn(a, b); a trap on the way gives -1 - vector, see lib_trap. */
	.globl try_call
try_call:
	pushl %ebx
	pushl %ebp
	pushl %esi
	pushl %edi
	movl %esp, try_sp
	movl 20(%esp), %eax
	pushl 28(%esp)
	pushl 28(%esp)
	call *%eax
	.globl try_back
try_back:
	movl try_sp, %esp
	movl $0, try_sp
	cld
	popl %edi
	popl %esi
	popl %ebp
	popl %ebx
	ret
/* void try_throw(long value) */
	.globl try_throw
try_throw:
	movl 4(%esp), %eax
	jmp try_back

	.bss
	.balign STACK_SIZE
	.globl stacks
stacks:	.fill STACK_SIZE * 5
	.globl try_sp, enter_sp, failsafe_segs, first_esp, first_cs, first_ss, first_ds
	.balign 4
try_sp:	.long 0
enter_sp: .long 0
failsafe_segs: .long 0, 0, 0, 0
first_esp: .long 0
first_cs: .long 0
first_ss: .long 0
first_ds: .long 0
	.section .note.GNU-stack, "", @progbits
