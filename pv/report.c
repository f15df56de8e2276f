/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A paravirtual guest's lines in a crash report: each vCPU's registers, code and mode, its last traps and hypercalls.
 */
#include <inttypes.h>

#include "pv/pv.h"

#define REPORT_CODE 16u /* bytes shown before and from rip */

/* shown: what every processor has has been printed already. */
static void report_registers(struct vcpu *v, bool shown, FILE *out)
{
	static const char *const names[16] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
					       "r8 ", "r9 ", "r10", "r11", "r12", "r13", "r14", "r15" };
	static const char *const segs[6] = { "es", "cs", "ss", "ds", "fs", "gs" };
	static const char *const runs[] = { "offline", "runnable", "blocked" };
	const struct pv_vcpu_state *s = &pv_of(v)->s;
	struct x86 *c = x86_of(v);
	u32 i;

	fprintf(out, "vCPU %u, %s mode, %s, event mask %u:\n", v->id, pv_kernel_mode(v) ? "kernel" : "user",
		v->s.run < ARRAY_SIZE(runs) ? runs[v->s.run] : "?", xen_info_u8(v, VI_MASK));
	if (!shown) {
		fprintf(out, "  rip %016" PRIx64 "  rflags %08" PRIx64 "\n", c->rip, x86_rflags(c));
		for (i = 0; i < 16; i++)
			fprintf(out, "  %s %016" PRIx64 "%s", names[i], c->r[i], i % 4 == 3 ? "\n" : "");
		for (i = 0; i < 6; i++)
			fprintf(out, "  %s %04x base %" PRIx64 "%s", segs[i], c->s.seg[i].sel, c->s.seg[i].base,
				i == 5 ? "\n" : "");
		fprintf(out, "  cr0 %" PRIx64 "  cr2 %" PRIx64 "  cr3 %" PRIx64 "  cr4 %" PRIx64 "\n", c->s.cr0,
			s->ctrlreg[2], c->s.cr3, c->s.cr4);
	}
	fprintf(out, "  kernel root %" PRIx64 "  user root %" PRIx64 "  kernel gs %" PRIx64 "  user gs %" PRIx64 "\n",
		s->kernel_root, s->user_root, s->flags & PV_KERNEL_MODE ? c->s.seg[SEG_GS].base : s->gs_base_kernel,
		s->flags & PV_KERNEL_MODE ? s->gs_base_user : c->s.seg[SEG_GS].base);
}

static void report_code(struct vcpu *v, FILE *out)
{
	u64 rip = x86_of(v)->rip;
	u32 i;

	fprintf(out, "  code:");
	for (i = 0; i < 2 * REPORT_CODE; i++) {
		u8 b;

		fprintf(out, i == REPORT_CODE ? " <" : " ");
		if (mmu_debug_read(&x86_of(v)->mmu, rip - REPORT_CODE + i, &b, 1))
			fprintf(out, "??");
		else
			fprintf(out, "%02x", b);
		if (i == REPORT_CODE)
			fprintf(out, ">");
	}
	fprintf(out, "\n");
}

static void report_branches(struct vcpu *v, FILE *out)
{
	if (x86_of(v)->nbranch)
		fprintf(out, "  last traps, the latest first:\n");
	x86_print_branches(x86_of(v), "    ", out);
}

void pv_report(struct domain *d, FILE *out)
{
	const struct vcpu *shown = d->crash_vcpu ? d->crash_vcpu : d->vcpus[0];
	u32 i;

	for (i = 0; i < d->nvcpus; i++) {
		struct vcpu *v = d->vcpus[i];

		if (v->s.run == VCPU_OFFLINE && v != shown)
			continue;
		report_registers(v, v == shown, out);
		if (v != shown) {
			report_code(v, out);
			report_branches(v, out);
		}
		xen_report_calls(v, out);
	}
}
