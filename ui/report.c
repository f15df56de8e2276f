/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The crash report, the numbers of -stats, progress while loading and running.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "ui/report.h"

#include <inttypes.h>
#include <string.h>

#include "base/os.h"
#include "ui/disasm.h"
#include "vm/x86.h"

/* Bytes of guest code; stops at the first that cannot be read. */
static u32 fetch(struct x86 *c, u64 va, u8 *out, u32 n)
{
	u32 have = 0;

	while (have < n) {
		u8 piece[15];
		u32 got = x86_fetch_bytes(c, va + have, piece);

		if (!got)
			break;
		got = MIN(got, n - have);
		memcpy(out + have, piece, got);
		have += got;
	}
	return have;
}

static void report_registers(struct x86 *c, FILE *out)
{
	static const char *const gpr[] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
					   "r8 ", "r9 ", "r10", "r11", "r12", "r13", "r14", "r15" };
	static const char *const seg[] = { "es", "cs", "ss", "ds", "fs", "gs" };
	const struct x86_state *s = &c->s;
	u32 i;

	fprintf(out, "  rip %016" PRIx64 "  rflags %08" PRIx64 "\n", s->rip, s->rflags);
	for (i = 0; i < 16; i++)
		fprintf(out, "  %s %016" PRIx64 "%s", gpr[i], s->gpr[i], i % 4 == 3 ? "\n" : "");
	for (i = 0; i < ARRAY_SIZE(seg); i++)
		fprintf(out, "  %s %04x base %016" PRIx64 "%s", seg[i], s->seg[i].sel, s->seg[i].base,
			i % 3 == 2 ? "\n" : "");
	fprintf(out,
		"  cr0 %08" PRIx64 "  cr2 %016" PRIx64 "  cr3 %016" PRIx64 "  cr4 %08" PRIx64 "  efer %04" PRIx64 "\n",
		s->cr0, s->cr2, s->cr3, s->cr4, s->efer);
}

static void report_code(struct x86 *c, bool att, FILE *out)
{
	enum { BEFORE = 48, AFTER = 64 };
	u64 rip = c->s.rip, start;
	u8 code[BEFORE + AFTER];
	u32 n, bits = c->s.seg[SEG_CS].attr & SEGA_L ? 64 : c->s.seg[SEG_CS].attr & SEGA_DB ? 32 : 16;

	/* Up to the page before rip may be missing: take what is there. */
	for (start = rip - BEFORE; start != rip; start++)
		if (x86_fetch_bytes(c, start, code))
			break;
	n = fetch(c, start, code, (u32)(rip - start) + AFTER);
	fputs("code around rip:\n", out);
	if (n <= rip - start)
		fprintf(out, "  %016" PRIx64 "  cannot be read: no page of the guest is mapped there\n", rip);
	else
		disasm_around(out, bits | (att ? DISASM_ATT : 0), code, n, start, rip);
}

void report_crash(struct domain *d, const char *last, FILE *out)
{
	struct vcpu *v = d->crash_vcpu ? d->crash_vcpu : d->nvcpus ? d->vcpus[0] : NULL;

	fprintf(out, "paravane: guest '%s' crashed: %s\n", d->name,
		*d->crash ? d->crash : "it asked for it (SHUTDOWN_crash)");
	fprintf(out, "at instruction %" PRIu64 ", guest time %" PRIu64 ".%09" PRIu64 " s", domain_icount(d),
		domain_now(d) / 1000000000, domain_now(d) % 1000000000);
	if (v) {
		fprintf(out, ", vCPU %" PRIu32 " of %" PRIu32 ":\n", v->id, d->nvcpus);
		cpu_sync(v->cpu);
		report_registers(x86_of(v), out);
		report_code(x86_of(v), d->host->log.want.att, out);
		fputs("last traps, the latest first:\n", out);
		if (!cpu_print_branches(v->cpu, "  ", out))
			fputs("  none\n", out);
	} else {
		fputc('\n', out);
	}
	if (d->ops && d->ops->report)
		d->ops->report(d, out);
	if (*last)
		fprintf(out, "paravane: %s\n", last);
	fflush(out);
}

static double per_second(u64 n, u64 ns)
{
	return ns ? (double)n * 1e9 / (double)ns : 0;
}

void report_stats(struct domain *d, const struct report_totals *t, FILE *out)
{
	u64 host_ns = host_now() - t->start, n = t->instructions + domain_icount(d);
	u64 guest_ns = t->guest_ns + domain_now(d);

	fprintf(out, "instructions:    %" PRIu64 "\n", n);
	fprintf(out, "guest time:      %" PRIu64 ".%09" PRIu64 " s\n", guest_ns / 1000000000, guest_ns % 1000000000);
	fprintf(out, "host time:       %.3f s\n", (double)host_ns / 1e9);
	fprintf(out, "speed:           %.1f MIPS\n", per_second(n, host_ns) / 1e6);
	fprintf(out, "resident memory: %.1f MiB\n", (double)os_resident_bytes() / 1048576);
	if (t->reboots)
		fprintf(out, "reboots:         %" PRIu32 "\n", t->reboots);
	fprintf(out, "state hash:      %016" PRIx64 "\n", domain_hash(d));
	fflush(out);
}

void report_progress(struct domain *d, const struct report_totals *t, struct report_speed *s, FILE *out)
{
	u64 now = host_now(), n = t->instructions + domain_icount(d);
	u64 since = s->last_host ? s->last_host : t->start;
	u64 guest_ns = t->guest_ns + domain_now(d);

	/* \r\n at both ends: the guest's own line may be half written, and the terminal may be raw. */
	fprintf(out,
		"\r\nparavane: guest time %" PRIu64 ".%03" PRIu64 " s, %" PRIu64 " million instructions, %.1f MIPS\r\n",
		guest_ns / 1000000000, guest_ns / 1000000 % 1000, n / 1000000,
		per_second(n - s->last_instructions, now - since) / 1e6);
	fflush(out);
	s->last_host = now;
	s->last_instructions = n;
}

static void show_step(struct report_loading *r, u64 done)
{
	/* The builder names what it loads, the unpacker the codec. */
	const char *verb = !strcmp(r->what, "kernel") || !strcmp(r->what, "initrd") ? "loading" : "unpacking";

	if (r->total)
		fprintf(r->out, "\rparavane: %s %s: %3u%% of %.1f MiB", verb, r->what,
			(u32)(100.0 * (double)MIN(done, r->total) / (double)r->total), (double)r->total / 1048576);
	else
		fprintf(r->out, "\rparavane: %s %s: %.1f MiB", verb, r->what, (double)done / 1048576);
	fflush(r->out);
	r->open = true;
}

static void on_step(void *opaque, const char *what, u64 done, u64 total)
{
	struct report_loading *r = opaque;
	u64 now = host_now();
	bool other = strcmp(r->what, what) != 0;

	/* Often enough to be seen moving; each step at least once. */
	if (!other && now - r->shown < 100000000)
		return;
	if (other) {
		report_loading_done(r, true);
		snprintf(r->what, sizeof r->what, "%s", what);
	}
	r->shown = now;
	r->total = total;
	show_step(r, done);
}

static void on_step_quiet(void *opaque, const char *what, u64 done, u64 total)
{
}

void report_loading_init(struct report_loading *r, FILE *out, bool quiet)
{
	*r = (struct report_loading){ .out = out };
	r->hook.step = quiet ? on_step_quiet : on_step;
	r->hook.opaque = r;
}

void report_loading_done(struct report_loading *r, bool good)
{
	if (r->open && good && r->total)
		show_step(r, r->total);
	if (r->open)
		fputs("\r\n", r->out);
	fflush(r->out);
	r->open = false;
	r->what[0] = 0;
}

void report_loaded(struct report_loading *r, const char *text)
{
	report_loading_done(r, true);
	if (r->hook.step != on_step_quiet)
		fprintf(r->out, "paravane: %s\r\n", text);
}
