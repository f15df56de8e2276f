/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The interface of a CPU. cpu_run() executes guest instructions until the budget is spent or the machine stops it. What is
 * not the processor's own work (delivery of exceptions to a Xen guest, I/O ports, time) goes through struct cpu_ops.
 */
#ifndef CPU_CPU_H
#define CPU_CPU_H

#include <stdio.h>

#include "base/log.h"
#include "cpu/x86/state.h"
#include "mmu/mmu.h"

struct cpu;
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
struct cpu_trap {
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
enum cpu_priv {
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

/* What cpu_ops.priv may return besides -1 and a vector. */
#define PRIV_AGAIN (-2)

struct cpu_ops {
	/*
	 * Delivers an exception, int n included. Returns true when the guest goes on (at c->rip), false to stop the CPU.
	 * NULL: the CPU delivers through the guest's own IDT.
	 */
	bool (*trap)(struct cpu *c, const struct cpu_trap *t);
	/*
	 * SYSCALL; rip is behind the instruction. Returns as trap(). A single step over it is the machine's to report
	 * (cpu_debug_pending()). NULL: as the SDM has it.
	 */
	bool (*syscall)(struct cpu *c);
	/* SYSENTER, when non-NULL. */
	bool (*sysenter)(struct cpu *c);
	/*
	 * A privileged instruction at a CPL that may not execute it. Returns -1 when done, else the vector to raise (X86_GP
	 * gets error code 0). PRIV_AGAIN, of PRIV_MOV_TO_CR alone: the run ends, and the next one executes it again. NULL: #GP(0).
	 */
	int (*priv)(struct cpu *c, enum cpu_priv what, u32 reg, u64 *val);
	/* CPUID: fills out[EAX, EBX, ECX, EDX]. */
	void (*cpuid)(struct cpu *c, u32 leaf, u32 subleaf, u32 out[4]);
	/* The time stamp counter at the current instruction. */
	u64 (*tsc)(struct cpu *c);
	/* Port input and output of 1, 2 or 4 bytes at sufficient privilege. */
	u32 (*in)(struct cpu *c, u16 port, u32 size);
	void (*out)(struct cpu *c, u16 port, u32 size, u32 v);
	/*
	 * Whether the machine allows this port at the current CPL. INS and OUTS ask before they access memory. NULL: priv() alone
	 * decides.
	 */
	bool (*port_ok)(struct cpu *c, u16 port, u32 size);
	/* MSRs the CPU does not know itself: 0, or -1 for #GP. */
	int (*rdmsr)(struct cpu *c, u32 msr, u64 *v);
	int (*wrmsr)(struct cpu *c, u32 msr, u64 v);
	/*
	 * Called where the machine may deliver an event: after a trap, after a system call, and at the start of a run. Returns
	 * false to stop the CPU (it blocked, or the domain is gone).
	 */
	bool (*boundary)(struct cpu *c);
	/*
	 * Instructions that take long (REP) call this from time to time. True: the machine is being ended, stop at once. The answer
	 * may come from the host's clock, so it must not decide anything else. NULL is allowed.
	 */
	bool (*ending)(struct cpu *c);
	/* VMCALL and VMMCALL: true when handled, else #UD. */
	bool (*vmcall)(struct cpu *c);
	/*
	 * The eight bytes of the descriptor that a selector names, where GDTR and LDTR do not say where the tables are. False:
	 * there is no such descriptor. NULL: the tables of GDTR and LDTR are read.
	 */
	bool (*descriptor)(struct cpu *c, u16 sel, u64 *raw);
	/*
	 * A far call or jump through the 32-bit call gate raw, which sel names, where no TSS says what the inner stack is. next: the
	 * return address that a call pushes. False: a fault is noted in c->trap. NULL: as in SDM 3A 5.8.
	 */
	bool (*gate)(struct cpu *c, u16 sel, u64 raw, bool call, u64 next);
	/* The interrupt controller's acknowledge cycle: the vector of the interrupt that raised the line. */
	u8 (*intack)(struct cpu *c);
	/* System management mode was entered (true) or left. NULL is allowed. */
	void (*smm)(struct cpu *c, bool on);
};

/* Why cpu_run() came back. */
enum cpu_exit {
	CPU_BUDGET,  /* all instructions of the budget are done */
	CPU_STOPPED, /* a callback said so, or cpu_stop() */
	CPU_HALTED,  /* HLT with nothing pending */
	CPU_YIELD,   /* PAUSE: the CPU waits for another one */
	CPU_SHUTDOWN /* triple fault */
};

#define CPU_BRANCHES 16

/* A processor. Its architectural state is in s and sys; the rest is what the emulator runs it with. */
struct cpu {
	/* First what handlers use at each instruction. */
	u64 r[28]; /* 0-15 the general registers; then REG_ZERO, REG_PAGE, REG_ES.. (segment bases as registers), REG_LIN */
	/* The arithmetic flags are computed from these when they are read (cpu/x86/flags.h). */
	u64 cc_dst, cc_src;
	u32 cc_op;
	u32 eflags; /* RFLAGS without the arithmetic flags, bit 1 set */
	i64 budget; /* instructions left, those of the current block already taken off */
	u64 rip;    /* valid outside of blocks */
	const struct insn *cur; /* the instruction whose handler is in a callback, for cpu_icount(); else NULL */
	u64 lin_off; /* offset in its segment of what REG_LIN holds, for the x87's operand pointer */
	u64 tmp[4]; /* what a slow load brought (up to 32 bytes) */
	u8 exit;    /* what made the block loop end (enum block_exit) */
	bool stop;  /* leave cpu_run() at the next boundary */
	bool yield_on_pause; /* PAUSE ends a run: set when others wait for the execution thread */
	bool in_block;       /* a block is being executed */
	bool jumps_stale;    /* the table of jumps must be emptied before it is used */
	bool native;         /* no ops->trap: exceptions go through the guest's own tables */
	/*
	 * An instruction may have to run alone: as a block of its own, after which the loop looks at what is due. That is so when
	 * exact_next or breakpoints_armed is set, when RFLAGS.TF is, and in the cases that x86_attend() knows. None of these is
	 * state: cpu_load() makes them anew.
	 */
	bool exact_next;        /* the next instruction runs alone: for a device, an event, or a debug exception that is due */
	bool exact_now;         /* an instruction runs alone: it may reach devices, and REP does one element */
	bool breakpoints_armed; /* DR7 enables a breakpoint, so each instruction runs alone */
	bool tf_masked;         /* the last instruction brings no single-step trap, though TF was set before it */
	/*
	 * No block is kept and each instruction is decoded anew. The run is the same. For option -singlestep, and for CPUs with
	 * more sets of features than the code cache has numbers for.
	 */
	bool uncached;
	struct cpu_trap trap;
	u64 slice;   /* the budget cpu_run() was given */
	u64 retired; /* instructions retired before this run */

	struct x86_state s; /* gpr, rip and rflags only after cpu_sync() */
	struct x86_sys sys;
	struct mmu mmu;

	struct code_cache *code;
	struct code_jump *jumps; /* address -> block */
	struct cpu *next_in_cache;
	const struct insn *link_from; /* a record whose link waits to be made */
	u64 link_generation;
	u32 keys[16]; /* mode keys seen lately; mode_tag is an index here */
	u32 nkeys;
	u64 features; /* BIT(enum x86_feature) of what may be executed; changed by cpu_set_features() */
	u32 feature_set; /* its number among those of the code cache */
	const struct cpu_ops *ops;
	void (*log_asm)(struct cpu *c, u32 off, u32 bytes); /* LOG_IN_ASM: a block at c->rip was decoded */
	void (*log_exec)(struct cpu *c);                    /* LOG_EXEC, LOG_CPU: the block at c->rip is entered */
	/* LOG_INT, LOG_MMU: an exception or interrupt, before it is delivered; note: a word about it, or NULL. */
	void (*log_trap)(struct cpu *c, const struct cpu_trap *t, const char *note);
	struct log *log;
	const struct cpu_model *model; /* who CPUID says this is; NULL: "max" */
	u32 id;
	u32 mode_key; /* what decoding depends on: see block.h */
	u64 mode_tag; /* its short name in tags of jumps */
	/* For reports: the last exceptions and interrupts that were delivered to other code. at: the instruction count. */
	u64 branch_from[CPU_BRANCHES], branch_to[CPU_BRANCHES], branch_at[CPU_BRANCHES];
	u8 branch_vector[CPU_BRANCHES];
	u32 nbranch;
};

/* Makes a CPU in its reset state (SDM 3A table 10-1) with memory mem. 0 or -ENOMEM. */
int cpu_init(struct cpu *c, struct mem *mem, struct code_cache *code, struct log *log);
void cpu_exit(struct cpu *c);
/* The state of SDM 3A table 10-1 (after RESET). */
void cpu_reset(struct cpu *c);

/* All features that are implemented, as BIT(enum x86_feature). cpu_init() enables them. cpu/x86/model.h has the names. */
u64 cpu_features_implemented(void);
/*
 * Sets which features this CPU has and what CPUID says it is. CPUs that share a code cache may have different features:
 * blocks decoded for one set are not run under another. Not while a block runs.
 */
void cpu_set_features(struct cpu *c, u64 features, const struct cpu_model *model);
/* CPUID of a processor without a hypervisor, by its model and features (SDM 2A CPUID): out[EAX, EBX, ECX, EDX]. */
void cpu_cpuid(struct cpu *c, u32 leaf, u32 subleaf, u32 out[4]);
/* The bits of CR4 and of EFER that features bring. SDM 3A 2.5 and 2.2.1. */
u64 cpu_cr4_bits(const struct cpu *c);
u64 cpu_efer_bits(const struct cpu *c);

/*
 * Prints branch_*, the latest first, one line each, indented. Old page faults, which the guest has handled, are left out.
 * Returns the number of lines.
 */
u32 cpu_print_branches(const struct cpu *c, const char *indent, FILE *out);

/* Executes up to n instructions. */
enum cpu_exit cpu_run(struct cpu *c, u64 n);
/* Makes cpu_run() return at the next boundary; for callbacks. */
INLINE void cpu_stop(struct cpu *c)
{
	c->stop = true;
}

/* Copies the working registers (c->r, c->rip, the flags) into c->s, and back. */
void cpu_sync(struct cpu *c);
void cpu_load(struct cpu *c);
/* To be called after segments, control registers, EFER or CPL were changed in c->s: what is derived from them is computed again. */
void cpu_mode_changed(struct cpu *c);
/* The same after a change of the debug registers. */
void debug_changed(struct cpu *c);
/* For callbacks of a CPU whose machine delivers: #DB with these bits of DR6 comes before the next instruction. */
void cpu_debug_pending(struct cpu *c, u32 dr6);

/* Whether a processor without a hypervisor has this MSR. */
bool cpu_msr_there(struct cpu *c, u32 msr);

/* Whether XSETBV accepts this value of XCR0, by the CPU's features. SDM 2D XSETBV. */
bool cpu_xcr0_valid(const struct cpu *c, u64 v);

/* Reads and sets all of RFLAGS, arithmetic flags included. Outside of blocks, or in a callback. */
u64 cpu_rflags(struct cpu *c);
void cpu_set_rflags(struct cpu *c, u64 v);

/* Pages with code were mapped elsewhere or not at all: memory's code_unmapped hook calls this for each CPU. */
void cpu_code_unmapped(struct cpu *c);
/* Ends the current run at most left instructions from now; for callbacks between blocks. */
void cpu_limit(struct cpu *c, u64 left);

/* Interrupt lines of a CPU with tables of its own: the level of INTR, an edge of NMI or SMI. Outside of blocks or in callbacks. */
void cpu_set_intr(struct cpu *c, bool on);
void cpu_nmi(struct cpu *c);
void cpu_smi(struct cpu *c);
/*
 * INIT: the state of SDM 3A table 10-1. wait: the CPU then waits for a SIPI, as all but the bootstrap processor do. SIPI: a CPU
 * that waits starts at vector * 4096 in real mode; others ignore it.
 */
void cpu_signal_init(struct cpu *c, bool wait);
void cpu_signal_sipi(struct cpu *c, u8 vector);
/* The A20 gate: off masks bit 20 of physical addresses. */
void cpu_set_a20(struct cpu *c, bool on);
/* True when a halted CPU would wake up. */
bool cpu_has_work(const struct cpu *c);

/* Instructions retired since reset, exact inside callbacks too. */
u64 cpu_icount(const struct cpu *c);

/* Reads up to 15 bytes of code at va, as a debugger does. Returns how many are mapped. */
u32 cpu_fetch_bytes(struct cpu *c, u64 va, u8 out[15]);

/* Sets a segment register and its hidden part, without checks. For machines that set segments themselves. */
void cpu_set_seg(struct cpu *c, enum x86_segreg sr, u16 sel, u64 base, u32 limit, u16 attr);
/*
 * Loads DS, ES, FS or GS from a selector as MOV does. Returns 0, or the vector that would be raised with *err.
 */
int cpu_load_data_seg(struct cpu *c, enum x86_segreg sr, u16 sel, u32 *err);

#endif
