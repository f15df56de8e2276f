/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest code in the trace log. The forms are near QEMU's: "IN:" before each new block, "Trace" for each one entered.
 */
#include "ui/trace.h"

#include <inttypes.h>

#include "ui/disasm.h"

static u32 code_bits(const struct cpu *c)
{
	const struct x86_seg *cs = &c->s.seg[SEG_CS];

	return (c->s.efer & EFER_LMA) && (cs->attr & SEGA_L) ? 64 : cs->attr & SEGA_DB ? 32 : 16;
}

static void log_asm(struct cpu *c, u32 off, u32 bytes)
{
	u64 at = PAGE_BASE(c->rip) + off;
	u8 code[PAGE_SIZE];

	if (bytes > sizeof code || mmu_debug_read(&c->mmu, at, code, bytes))
		return;
	fprintf(c->log->out, "----------------\nIN: vcpu %" PRIu32 "\n", c->id);
	disasm_run(c->log->out, code_bits(c), code, bytes, at);
}

static void log_exec(struct cpu *c)
{
	static const char *const names[16] = { "RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI",
					       "R8 ", "R9 ", "R10", "R11", "R12", "R13", "R14", "R15" };
	u32 i;

	log_line(c->log, LOG_EXEC, "Trace %" PRIu32 ": %016" PRIx64 " [%" PRIu64 "]", c->id, c->rip, cpu_icount(c));
	if (!log_on(c->log, LOG_CPU))
		return;
	for (i = 0; i < 16; i++)
		fprintf(c->log->out, "%s=%016" PRIx64 "%c", names[i], c->r[i], i % 4 == 3 ? '\n' : ' ');
	fprintf(c->log->out, "RIP=%016" PRIx64 " RFL=%08" PRIx64 " CPL=%u CR3=%016" PRIx64 "\n", c->rip, cpu_rflags(c),
		c->s.cpl, c->mmu.root);
}

void trace_domain(struct domain *d)
{
	u32 i;

	for (i = 0; i < d->nvcpus; i++) {
		d->vcpus[i]->cpu.log_asm = log_asm;
		d->vcpus[i]->cpu.log_exec = log_exec;
	}
}
