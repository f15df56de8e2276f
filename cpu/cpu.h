/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The common face of processors: what schedulers, the host and a person's tools need of one of whatever architecture. The
 * architecture's own struct (struct x86) has a struct cpu inside, and its own header tells machines the rest.
 */
#ifndef CPU_CPU_H
#define CPU_CPU_H

#include <stdio.h>

#include "base/log.h"
#include "base/state.h"
#include "mmu/mmu.h"

struct code_cache;
struct cpu;
struct vcpu;

/* Why cpu_run() came back. */
enum cpu_exit {
	CPU_BUDGET,  /* all instructions of the budget are done */
	CPU_STOPPED, /* a callback said so, or cpu_stop() */
	CPU_HALTED,  /* the processor waits for an interrupt, and none is pending */
	CPU_YIELD,   /* it waits for another processor (PAUSE) */
	CPU_SHUTDOWN /* it cannot go on (a triple fault) */
};

/* What an architecture does. The functions below say what each has to do. */
struct cpu_arch {
	const char *name; /* of the state table of its registers, too */
	/* A processor in its reset state. NULL: no memory. */
	struct cpu *(*create)(struct mem *mem, struct code_cache *code, struct log *log, u32 id);
	void (*destroy)(struct cpu *c);
	enum cpu_exit (*run)(struct cpu *c, u64 n);
	u64 (*icount)(const struct cpu *c);
	void (*sync)(struct cpu *c);
	void (*load)(struct cpu *c);
	void (*limit)(struct cpu *c, u64 left);
	void (*code_unmapped)(struct cpu *c);
	u32 (*print_branches)(const struct cpu *c, const char *indent, FILE *out);
	/* Describes the registers to list, as item number index. 0 or -ENOMEM. */
	int (*add_state)(struct cpu *c, struct state_list *list, u32 index);
	/* A cache of decoded code for all processors of a host; bytes is 0 for the default size. NULL: no memory. */
	struct code_cache *(*code_new)(size_t bytes);
	void (*code_free)(struct code_cache *cc);
	/* Forgets all code. Not while some runs. */
	void (*code_flush)(struct code_cache *cc);
	/* Bytes of a frame that holds code change, or the frame goes away. */
	void (*code_written)(struct code_cache *cc, struct frame *f, u32 off, u32 len);
	void (*code_dropped)(struct frame *f, void *cache);
};

struct cpu {
	const struct cpu_arch *arch;
	struct vcpu *vcpu; /* whose processor it is; NULL when it is nobody's, as in tests */
	struct mmu *mmu;
	struct log *log;
	i64 budget;  /* instructions left, those of the current block already taken off */
	u64 slice;   /* the budget cpu_run() was given */
	u64 retired; /* instructions retired before this run */
	u32 id;
	bool stop;   /* leave cpu_run() at the next boundary */
	bool yield_on_pause; /* waiting for another processor ends a run: set when others wait for the execution thread */
	/*
	 * No code is kept and each instruction is decoded anew. The run is the same. For option -singlestep, and for CPUs with
	 * more sets of features than the code cache has numbers for.
	 */
	bool uncached;
};

/* Executes up to n instructions. */
INLINE enum cpu_exit cpu_run(struct cpu *c, u64 n)
{
	return c->arch->run(c, n);
}

/* Makes cpu_run() return at the next boundary; for callbacks. */
INLINE void cpu_stop(struct cpu *c)
{
	c->stop = true;
}

/* Ends the current run at most left instructions from now; for callbacks between blocks. */
INLINE void cpu_limit(struct cpu *c, u64 left)
{
	c->arch->limit(c, left);
}

/* Instructions retired since reset, exact inside callbacks too. */
INLINE u64 cpu_icount(const struct cpu *c)
{
	return c->arch->icount(c);
}

/* Copies the registers that the CPU works with into its described state, and back. */
INLINE void cpu_sync(struct cpu *c)
{
	c->arch->sync(c);
}

INLINE void cpu_load(struct cpu *c)
{
	c->arch->load(c);
}

/* Pages with code were mapped elsewhere or not at all: memory's code_unmapped hook calls this for each CPU. */
INLINE void cpu_code_unmapped(struct cpu *c)
{
	c->arch->code_unmapped(c);
}

/* Prints the last exceptions and interrupts, the latest first, one line each, indented. Returns the number of lines. */
INLINE u32 cpu_print_branches(const struct cpu *c, const char *indent, FILE *out)
{
	return c->arch->print_branches(c, indent, out);
}

#endif
