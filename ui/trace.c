/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest code and traps in the trace log. The forms are near QEMU's: "IN:" before each new block, "Trace" for each one entered.
 */
#include "ui/trace.h"

#include <inttypes.h>

#include "cpu/x86/state.h"
#include "pv/pv.h"
#include "ui/disasm.h"
#include "vm/x86.h"

static u32 code_bits(const struct x86 *c)
{
	const struct x86_seg *cs = &c->s.seg[SEG_CS];

	return (c->s.efer & EFER_LMA) && (cs->attr & SEGA_L) ? 64 : cs->attr & SEGA_DB ? 32 : 16;
}

static void log_asm(struct x86 *c, u32 off, u32 bytes)
{
	u64 at = PAGE_BASE(c->rip) + off;
	u8 code[PAGE_SIZE];

	if (!log_at(c->cpu.log, LOG_IN_ASM, c->rip) || bytes > sizeof code || mmu_debug_read(&c->mmu, at, code, bytes))
		return;
	log_begin(c->cpu.log);
	fprintf(c->cpu.log->out, "----------------\nIN: vcpu %" PRIu32 "\n", c->cpu.id);
	disasm_run(c->cpu.log->out, code_bits(c) | (c->cpu.log->want.att ? DISASM_ATT : 0), code, bytes, at);
	log_end(c->cpu.log);
}

static void log_exec(struct x86 *c)
{
	static const char *const names[16] = { "RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI",
					       "R8 ", "R9 ", "R10", "R11", "R12", "R13", "R14", "R15" };
	u32 i;

	if (!log_at(c->cpu.log, LOG_EXEC | LOG_CPU, c->rip))
		return;
	log_begin(c->cpu.log);
	if (log_on(c->cpu.log, LOG_EXEC))
		fprintf(c->cpu.log->out, "Trace %" PRIu32 ": %016" PRIx64 " [%" PRIu64 "]\n", c->cpu.id, c->rip, x86_icount(c));
	if (log_on(c->cpu.log, LOG_CPU)) {
		for (i = 0; i < 16; i++)
			fprintf(c->cpu.log->out, "%s=%016" PRIx64 "%c", names[i], c->r[i], i % 4 == 3 ? '\n' : ' ');
		fprintf(c->cpu.log->out, "RIP=%016" PRIx64 " RFL=%08" PRIx64 " CPL=%u CR3=%016" PRIx64 "\n", c->rip, x86_rflags(c),
			c->s.cpl, c->mmu.root);
	}
	log_end(c->cpu.log);
}

/* What a page fault's error code says (SDM 3A 4.7). */
static void describe_fault(const struct x86_trap *t, bool user, char *text, size_t size)
{
	snprintf(text, size, ", %s %s at %llx%s", user ? "user" : "supervisor",
		 t->error & PF_I ? "fetch" : t->error & PF_W ? "write" : "read", (unsigned long long)t->cr2,
		 t->error & PF_RSVD ? ": a reserved bit is set"
		 : t->error & PF_P ? ": not allowed by the page's rights"
				   : ": no page there");
}

static void log_trap(struct x86 *c, const struct x86_trap *t, const char *note)
{
	static const char *const names[] = { "#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", "segment overrun", "#TS",
					     "#NP", "#SS", "#GP", "#PF", NULL, "#MF", "#AC", "#MC", "#XM", "#VE", "#CP" };
	struct vcpu *v = x86_vcpu(c);
	bool fault = t->vector == X86_PF && t->kind != TRAP_INT && t->kind != TRAP_EXTERNAL;
	u32 items = LOG_INT | (fault ? (u32)LOG_MMU : 0);
	char name[24], error[24] = "", more[100] = "";

	if (!log_at(c->cpu.log, items, t->rip))
		return;
	if (t->kind == TRAP_INT)
		snprintf(name, sizeof name, "INT 0x%02x", t->vector);
	else if (t->kind == TRAP_EXTERNAL && t->vector != X86_NMI)
		snprintf(name, sizeof name, "interrupt 0x%02x", t->vector);
	else if (t->vector < ARRAY_SIZE(names) && names[t->vector])
		snprintf(name, sizeof name, "%s", names[t->vector]);
	else
		snprintf(name, sizeof name, "vector 0x%02x", t->vector);
	if (t->has_error)
		snprintf(error, sizeof error, " error %x", t->error);
	if (fault)
		describe_fault(t, c->native ? t->error & PF_U : !pv_kernel_mode(v), more, sizeof more);
	else if (note)
		snprintf(more, sizeof more, ", %s", note);
	log_line(c->cpu.log, items, "d%u v%u: trap %u %s%s at %llx%s%s", v->d->id, v->id, t->vector, name, error, (unsigned long long)t->rip,
		 !c->native && !pv_kernel_mode(v) ? " (user)" : "", more);
}

void trace_domain(struct domain *d)
{
	u32 i;

	for (i = 0; i < d->nvcpus; i++) {
		x86_of(d->vcpus[i])->log_asm = log_asm;
		x86_of(d->vcpus[i])->log_exec = log_exec;
		x86_of(d->vcpus[i])->log_trap = log_trap;
	}
}
