/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entry of the test guests: Xen notes, the first instruction, entries of traps, events and system calls, and the way
 * back by the iret hypercall (Xen public/arch-x86/xen-x86_64.h, public/elfnote.h).
 */
#define STACK_SIZE 16384

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
	xen_note 1, .quad, _start		/* ENTRY */
	xen_note 3, .quad, VIRT_BASE		/* VIRT_BASE */
	xen_note 4, .quad, 0			/* PADDR_OFFSET */
	xen_note 2, .quad, hypercall_page	/* HYPERCALL_PAGE */
	xen_note 10, .asciz, "!writable_page_tables|pae_pgdir_above_4gb"	/* FEATURES */
	xen_note 9, .asciz, "yes"		/* PAE_MODE */
	xen_note 13, .quad, 1, 1		/* L1_MFN_VALID */
	xen_note 14, .long, 1			/* SUSPEND_CANCEL */

	.section .text.first, "ax"
	.globl _start
_start:
	cld
	leaq stacks + STACK_SIZE(%rip), %rsp
	movq %rsi, %rdi
	xorl %ebp, %ebp
	call lib_start
	ud2

	.text
/* Where another vCPU begins: its stack is set, rdi is its number. */
	.globl secondary_start
secondary_start:
	cld
	xorl %ebp, %ebp
	call lib_secondary
	ud2

/* One entry a vector: the frame is RCX, R11, [error], RIP, CS, RFLAGS, RSP, SS. */
	.macro entry has_error
	.balign 16
1:	popq %rcx
	popq %r11
	.if \has_error == 0
	pushq $0
	.endif
	pushq $vector
	.set vector, vector + 1
	jmp common
	.pushsection .rodata
	.quad 1b
	.popsection
	.endm

	.section .rodata
	.balign 8
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
	.rept 4	/* 256: event upcall; syscall; syscall from compatibility mode; sysenter */
	entry 0
	.endr

common:
	pushq %rdi
	pushq %rsi
	pushq %rdx
	pushq %rcx
	pushq %rax
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, %rdi
	movq %rsp, %rbp
	andq $-16, %rsp
	cld
	call lib_trap
	movq %rbp, %rsp
/* Goes to what a struct regs on the stack says; the vector's slot holds the flags of the iret frame then. */
	.globl regs_return
regs_return:
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rax
	popq %rcx
	popq %rdx
	popq %rsi
	popq %rdi
	/* vector, error, rip...: the error's slot takes the flags. */
	addq $16, %rsp
	pushq iret_flags(%rip)
	pushq %rcx
	pushq %r11
	pushq %rax
	movl $23, %eax
	syscall
	ud2

/* void go(struct regs *): leaves for good. */
	.globl go
go:
	movq %rdi, %rsp
	jmp regs_return

/* The failsafe callback: RCX, R11, DS, ES, FS, GS, RIP, CS, RFLAGS, RSP, SS. */
	.globl failsafe_entry
failsafe_entry:
	popq %rcx
	popq %r11
	popq failsafe_ds(%rip)
	popq failsafe_es(%rip)
	popq failsafe_fs(%rip)
	popq failsafe_gs(%rip)
	pushq $0
	pushq $260
	jmp common

/* long enter(struct regs *): goes there; leave(value) comes back with value. */
	.globl enter
enter:
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, enter_sp(%rip)
	movq %rdi, %rsp
	jmp regs_return
	.globl leave
leave:
	movq %rdi, %rax
	movq enter_sp(%rip), %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	ret

/* long try_call(u64 fn, u64 a, u64 b): fn(a, b); a trap on the way gives -1 - vector, see lib_trap. */
	.globl try_call
try_call:
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, try_sp(%rip)
	movq %rdi, %rax
	movq %rsi, %rdi
	movq %rdx, %rsi
	call *%rax
	.globl try_back
try_back:
	movq $0, try_sp(%rip)
	cld
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	ret

	.bss
	.balign STACK_SIZE
	.globl stacks
stacks:	.fill STACK_SIZE * 9
	.globl try_sp, enter_sp, iret_flags
	.balign 8
try_sp:	.quad 0
enter_sp: .quad 0
iret_flags: .quad 0
	.globl failsafe_ds, failsafe_es, failsafe_fs, failsafe_gs
failsafe_ds: .quad 0
failsafe_es: .quad 0
failsafe_fs: .quad 0
failsafe_gs: .quad 0
	.section .note.GNU-stack, "", @progbits
