/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An x86 processor (Intel SDM): what machines see of it beyond the common face of cpu/cpu.h. What is not its own work (delivery
 * of exceptions to a Xen guest, I/O ports, time) goes through struct x86_ops.
 */
#ifndef CPU_X86_X86_H
#define CPU_X86_X86_H

#include <stddef.h>

#include "cpu/cpu.h"
#include "cpu/x86/state.h"
#include "mmu/x86/paging.h"

struct x86;
struct insn;
struct block;
struct code_cache;

/* What kind of event is delivered: delivery through the IDT depends on it. SDM 3A 6.5, 6.12.1. */
enum trap_kind {
	TRAP_FAULT,    /* an exception: rip is at the instruction */
	TRAP_TRAP,     /* an exception that reports after the instruction */
	TRAP_INT,      /* INT n */
	TRAP_INT3,     /* INT3 and INTO: as INT n, but not redirected in virtual-8086 mode */
	TRAP_ICEBP,    /* INT1: no privilege check */
	TRAP_EXTERNAL  /* an interrupt or NMI */
};

/* An exception or interrupt that is to be delivered to the guest. */
struct x86_trap {
	u8 vector;
	bool has_error;
	bool soft;  /* INT n, INT3, INTO, or a trap: rip is that of the next instruction, and this one is retired */
	u8 kind;    /* enum trap_kind */
	u32 error;
	u64 cr2;    /* for #PF */
	u64 rip;    /* of the instruction at fault, or the next one for traps */
	u64 start;  /* of the instruction, for TRAP_INT and TRAP_INT3 */
	u64 dr6;    /* for #DB: the bits to set */
};

/* Instructions that an unprivileged CPU hands to its machine before raising #GP. */
enum x86_priv {
	PRIV_RDMSR,   /* ECX -> EDX:EAX */
	PRIV_WRMSR,
	PRIV_MOV_FROM_CR, /* reg: control register; value in *val */
	PRIV_MOV_TO_CR,
	PRIV_MOV_FROM_DR,
	PRIV_MOV_TO_DR,
	PRIV_CLTS,
	PRIV_LMSW,
	PRIV_CLI,
	PRIV_STI,
	PRIV_HLT,
	PRIV_INVLPG,
	PRIV_WBINVD,
	PRIV_RDTSC,
	PRIV_RDPMC,
	PRIV_XSETBV,
	PRIV_IN,  /* reg: port; *val: bytes, then what came in */
	PRIV_OUT, /* reg: port; *val: what goes out, and the bytes from bit 32 on */
	PRIV_SWAPGS,
	PRIV_OTHER /* LGDT, LIDT, LLDT, LTR, MONITOR, ...: no machine emulates these */
};

/* What x86_ops.priv may return besides -1 and a vector. */
#define PRIV_AGAIN (-2)

struct x86_ops {
	/*
	 * Delivers an exception, int n included. Returns true when the guest goes on (at c->rip), false to stop the CPU.
	 * NULL: the CPU delivers through the guest's own IDT.
	 */
	bool (*trap)(struct x86 *c, const struct x86_trap *t);
	/*
	 * SYSCALL; rip is behind the instruction. Returns as trap(). A single step over it is the machine's to report
	 * (x86_debug_pending()). NULL: as the SDM has it.
	 */
	bool (*syscall)(struct x86 *c);
	/* SYSENTER, when non-NULL. */
	bool (*sysenter)(struct x86 *c);
	/*
	 * A privileged instruction at a CPL that may not execute it. Returns -1 when done, else the vector to raise (X86_GP
	 * gets error code 0). PRIV_AGAIN, of PRIV_MOV_TO_CR alone: the run ends, and the next one executes it again. NULL: #GP(0).
	 */
	int (*priv)(struct x86 *c, enum x86_priv what, u32 reg, u64 *val);
	/* CPUID: fills out[EAX, EBX, ECX, EDX]. */
	void (*cpuid)(struct x86 *c, u32 leaf, u32 subleaf, u32 out[4]);
	/* The time stamp counter at the current instruction. */
	u64 (*tsc)(struct x86 *c);
	/* Port input and output of 1, 2 or 4 bytes at sufficient privilege. */
	u32 (*in)(struct x86 *c, u16 port, u32 size);
	void (*out)(struct x86 *c, u16 port, u32 size, u32 v);
	/*
	 * Whether the machine allows this port at the current CPL. INS and OUTS ask before they access memory. NULL: priv() alone
	 * decides.
	 */
	bool (*port_ok)(struct x86 *c, u16 port, u32 size);
	/* MSRs the CPU does not know itself: 0, or -1 for #GP. */
	int (*rdmsr)(struct x86 *c, u32 msr, u64 *v);
	int (*wrmsr)(struct x86 *c, u32 msr, u64 v);
	/*
	 * Called where the machine may deliver an event: after a trap, after a system call, and at the start of a run. Returns
	 * false to stop the CPU (it blocked, or the domain is gone).
	 */
	bool (*boundary)(struct x86 *c);
	/*
	 * Instructions that take long (REP) call this from time to time. True: the machine is being ended, stop at once. The answer
	 * may come from the host's clock, so it must not decide anything else. NULL is allowed.
	 */
	bool (*ending)(struct cpu *c);
	/* VMCALL and VMMCALL: true when handled, else #UD. */
	bool (*vmcall)(struct x86 *c);
	/*
	 * The eight bytes of the descriptor that a selector names, where GDTR and LDTR do not say where the tables are. False:
	 * there is no such descriptor. NULL: the tables of GDTR and LDTR are read.
	 */
	bool (*descriptor)(struct x86 *c, u16 sel, u64 *raw);
	/*
	 * A far call or jump through the 32-bit call gate raw, which sel names, where no TSS says what the inner stack is. next: the
	 * return address that a call pushes. False: a fault is noted in c->trap. NULL: as in SDM 3A 5.8.
	 */
	bool (*gate)(struct x86 *c, u16 sel, u64 raw, bool call, u64 next);
	/* The interrupt controller's acknowledge cycle: the vector of the interrupt that raised the line. */
	u8 (*intack)(struct x86 *c);
	/* System management mode was entered (true) or left. NULL is allowed. */
	void (*smm)(struct x86 *c, bool on);
};

#define CPU_BRANCHES 16

/* A processor. Its architectural state is in s and sys; the rest is what the emulator runs it with. */
struct x86 {
	/* First what handlers use at each instruction. */
	u64 r[28]; /* 0-15 the general registers; then REG_ZERO, REG_PAGE, REG_ES.. (segment bases as registers), REG_LIN */
	/* The arithmetic flags are computed from these when they are read (cpu/x86/flags.h). */
	u64 cc_dst, cc_src;
	u32 cc_op;
	u32 eflags; /* RFLAGS without the arithmetic flags, bit 1 set */
	struct cpu cpu;
	u64 rip;    /* valid outside of blocks */
	const struct insn *cur; /* the instruction whose handler is in a callback, for x86_icount(); else NULL */
	u64 lin_off; /* offset in its segment of what REG_LIN holds, for the x87's operand pointer */
	u64 tmp[4]; /* what a slow load brought (up to 32 bytes) */
	u8 exit;    /* what made the block loop end (enum block_exit) */
	bool in_block;       /* a block is being executed */
	bool jumps_stale;    /* the table of jumps must be emptied before it is used */
	bool native;         /* no ops->trap: exceptions go through the guest's own tables */
	/*
	 * An instruction may have to run alone: as a block of its own, after which the loop looks at what is due. That is so when
	 * exact_next or breakpoints_armed is set, when RFLAGS.TF is, and in the cases that x86_attend() knows. None of these is
	 * state: x86_load() makes them anew.
	 */
	bool exact_next;        /* the next instruction runs alone: for a device, an event, or a debug exception that is due */
	bool exact_now;         /* an instruction runs alone: it may reach devices, and REP does one element */
	bool breakpoints_armed; /* DR7 enables a breakpoint, so each instruction runs alone */
	bool tf_masked;         /* the last instruction brings no single-step trap, though TF was set before it */
	struct x86_trap trap;

	struct x86_state s; /* gpr, rip and rflags only after x86_sync() */
	struct x86_sys sys;
	struct mmu mmu;
	struct x86_paging paging;

	struct code_cache *code;
	struct code_jump *jumps; /* address -> block */
	struct x86 *next_in_cache;
	const struct insn *link_from; /* a record whose link waits to be made */
	u64 link_generation;
	u32 keys[16]; /* mode keys seen lately; mode_tag is an index here */
	u32 nkeys;
	u64 features; /* BIT(enum x86_feature) of what may be executed; changed by x86_set_features() */
	u32 feature_set; /* its number among those of the code cache */
	const struct x86_ops *ops;
	void (*log_asm)(struct x86 *c, u32 off, u32 bytes); /* LOG_IN_ASM: a block at c->rip was decoded */
	void (*log_exec)(struct x86 *c);                    /* LOG_EXEC, LOG_CPU: the block at c->rip is entered */
	/* LOG_INT, LOG_MMU: an exception or interrupt, before it is delivered; note: a word about it, or NULL. */
	void (*log_trap)(struct x86 *c, const struct x86_trap *t, const char *note);
	const struct x86_model *model; /* who CPUID says this is; NULL: "max" */
	u32 mode_key; /* what decoding depends on: see block.h */
	u64 mode_tag; /* its short name in tags of jumps */
	/* For reports: the last exceptions and interrupts that were delivered to other code. at: the instruction count. */
	u64 branch_from[CPU_BRANCHES], branch_to[CPU_BRANCHES], branch_at[CPU_BRANCHES];
	u8 branch_vector[CPU_BRANCHES];
	u32 nbranch;
};

extern const struct cpu_arch x86_arch;

INLINE struct x86 *x86_of_cpu(struct cpu *c)
{
	return (struct x86 *)(void *)((char *)c - offsetof(struct x86, cpu));
}

/* Makes a CPU in its reset state (SDM 3A table 10-1) with memory mem. 0 or -ENOMEM. */
int x86_init(struct x86 *c, struct mem *mem, struct code_cache *code, struct log *log);
void x86_exit(struct x86 *c);
/* The state of SDM 3A table 10-1 (after RESET). */
void x86_reset(struct x86 *c);

/* All features that are implemented, as BIT(enum x86_feature). x86_init() enables them. cpu/x86/model.h has the names. */
u64 x86_features_implemented(void);
/*
 * Sets which features this CPU has and what CPUID says it is. CPUs that share a code cache may have different features:
 * blocks decoded for one set are not run under another. Not while a block runs.
 */
void x86_set_features(struct x86 *c, u64 features, const struct x86_model *model);
/* CPUID of a processor without a hypervisor, by its model and features (SDM 2A CPUID): out[EAX, EBX, ECX, EDX]. */
void x86_cpuid(struct x86 *c, u32 leaf, u32 subleaf, u32 out[4]);
/* The bits of CR4 and of EFER that features bring. SDM 3A 2.5 and 2.2.1. */
u64 x86_cr4_bits(const struct x86 *c);
u64 x86_efer_bits(const struct x86 *c);

/*
 * Prints branch_*, the latest first, one line each, indented. Old page faults, which the guest has handled, are left out.
 * Returns the number of lines.
 */
u32 x86_print_branches(const struct x86 *c, const char *indent, FILE *out);

/* Executes up to n instructions. */
enum cpu_exit x86_run(struct x86 *c, u64 n);

/* Copies the working registers (c->r, c->rip, the flags) into c->s, and back. */
void x86_sync(struct x86 *c);
void x86_load(struct x86 *c);
/* To be called after segments, control registers, EFER or CPL were changed in c->s: what is derived from them is computed again. */
void x86_mode_changed(struct x86 *c);
/* The same after a change of the debug registers. */
void debug_changed(struct x86 *c);
/* For callbacks of a CPU whose machine delivers: #DB with these bits of DR6 comes before the next instruction. */
void x86_debug_pending(struct x86 *c, u32 dr6);

/* Whether a processor without a hypervisor has this MSR. */
bool x86_msr_there(struct x86 *c, u32 msr);

/* Whether XSETBV accepts this value of XCR0, by the CPU's features. SDM 2D XSETBV. */
bool x86_xcr0_valid(const struct x86 *c, u64 v);

/* Reads and sets all of RFLAGS, arithmetic flags included. Outside of blocks, or in a callback. */
u64 x86_rflags(struct x86 *c);
void x86_set_rflags(struct x86 *c, u64 v);

/* Pages with code were mapped elsewhere or not at all: memory's code_unmapped hook calls this for each CPU. */
void x86_code_unmapped(struct x86 *c);
/* Ends the current run at most left instructions from now; for callbacks between blocks. */
void x86_limit(struct x86 *c, u64 left);

/* Interrupt lines of a CPU with tables of its own: the level of INTR, an edge of NMI or SMI. Outside of blocks or in callbacks. */
void x86_set_intr(struct x86 *c, bool on);
void x86_nmi(struct x86 *c);
void x86_smi(struct x86 *c);
/*
 * INIT: the state of SDM 3A table 10-1. wait: the CPU then waits for a SIPI, as all but the bootstrap processor do. SIPI: a CPU
 * that waits starts at vector * 4096 in real mode; others ignore it.
 */
void x86_signal_init(struct x86 *c, bool wait);
void x86_signal_sipi(struct x86 *c, u8 vector);
/* The A20 gate: off masks bit 20 of physical addresses. */
void x86_set_a20(struct x86 *c, bool on);
/* True when a halted CPU would wake up. */
bool x86_has_work(const struct x86 *c);

/* Instructions retired since reset, exact inside callbacks too. */
u64 x86_icount(const struct x86 *c);

/* Reads up to 15 bytes of code at va, as a debugger does. Returns how many are mapped. */
u32 x86_fetch_bytes(struct x86 *c, u64 va, u8 out[15]);

/* Sets a segment register and its hidden part, without checks. For machines that set segments themselves. */
void x86_set_seg(struct x86 *c, enum x86_segreg sr, u16 sel, u64 base, u32 limit, u16 attr);
/*
 * Loads DS, ES, FS or GS from a selector as MOV does. Returns 0, or the vector that would be raised with *err.
 */
int x86_load_data_seg(struct x86 *c, enum x86_segreg sr, u16 sel, u32 *err);

#endif
