/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cases one after the other, and the report.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/silicon/host.h"
#include "tests/silicon/record.h"
#include "tests/silicon/silicon.h"
#include "tests/silicon/vendor.h"

#define SHOWN_MAX 8u
#define RECORDED_MAX 8u /* cases a row where the vendors differ */

struct row_stat {
	u64 cases, faults, bad, narrow, recorded;
	bool unreachable;
	const char *skip; /* the row is not run */
	const char *why;  /* the last case that was not */
	char *shown[SHOWN_MAX];
};

struct run {
	const struct sil_options *o;
	struct emul *emul;
	struct sil_window pattern;
	struct row_stat *rows;
	struct sil_case k;
	struct sil_result nat, emu;
	char text[4096];
	u64 seq_cases, seq_bad, left, by_table, by_manual, once;
	u32 vendor;
	struct sil_host host;
};

/* First difference of a page, or PAGE_SIZE. */
static u32 differ(const u8 *a, const u8 *b)
{
	u32 i;

	if (!memcmp(a, b, PAGE_SIZE))
		return PAGE_SIZE;
	for (i = 0; a[i] == b[i]; i++)
		;
	return i;
}

/* Compares the windows, and makes both what they were. */
static bool compare_memory(struct run *r, char *buf, size_t n)
{
	bool same = true;
	u32 p;

	if (r->vendor == VENDOR_AMD && r->nat.vector == NO_TRAP && vendor_mxcsr_mask(&r->k, r->k.ea + 30) &&
	    ld32((u8 *)(uintptr_t)(r->k.ea + 28)) == 0x2ffff)
		*(u8 *)(uintptr_t)(r->k.ea + 30) &= 0xfd;
	for (p = 0; p < 4; p++) {
		u8 *nat = p < 2 ? native_data() + p * PAGE_SIZE : native_stack() + (p - 2) * PAGE_SIZE;
		const u8 *emu = emul_page(r->emul, p < 2 ? 2 + p : 5 + (p - 2));
		const u8 *was = p < 2 ? r->pattern.data + p * PAGE_SIZE : r->pattern.stack + (p - 2) * PAGE_SIZE;
		u64 va = p < 2 ? DATA_VA + (1 + p) * PAGE_SIZE : STACK_VA + (p - 1) * PAGE_SIZE;
		u32 at = differ(nat, emu);

		if (at < PAGE_SIZE && !undefined_result(&r->k) && !loose(&r->k, &r->nat, &r->emu)) {
			u32 from = MIN(at & ~7u, PAGE_SIZE - 16);
			size_t used = strlen(buf);

			same = false;
			snprintf(buf + used, n - used, " mem[%llx] %016llx_%016llx/%016llx_%016llx",
				 (unsigned long long)(va + from), (unsigned long long)ld64(nat + from + 8),
				 (unsigned long long)ld64(nat + from), (unsigned long long)ld64(emu + from + 8),
				 (unsigned long long)ld64(emu + from));
		}
		if (memcmp(nat, was, PAGE_SIZE))
			memcpy(nat, was, PAGE_SIZE);
		if (memcmp(emu, was, PAGE_SIZE))
			emul_poke(r->emul, va, was, PAGE_SIZE);
	}
	/* The read-only page takes what a case put there. */
	for (p = 0; p < r->k.nmem; p++) {
		u64 ro = DATA_VA + 3 * PAGE_SIZE, va = r->k.mem[p].va, end = va + r->k.mem[p].len;

		if (end > ro && va < ro + PAGE_SIZE) {
			const u8 *was = r->pattern.data + 2 * PAGE_SIZE;
			u64 from = MAX(va, ro);

			native_poke(from, was + (from - ro), (u32)(end - from));
			emul_poke(r->emul, from, was + (from - ro), (u32)(end - from));
		}
	}
	return same;
}

static void report_sequence(struct run *r, u64 i, FILE *f)
{
	const struct sil_case *k = &r->k;
	u32 n, b;

	if (++r->seq_bad > r->o->show)
		return;
	fprintf(f, "sequence: silicon -q -s %llu -i %llu -n 1   #", (unsigned long long)r->o->seed, (unsigned long long)i);
	for (n = 0; n < k->seq.n; n++) {
		for (b = k->seq.at[n]; b < k->seq.at[n + 1]; b++)
			fprintf(f, " %02x", k->seq.bytes[b]);
		fprintf(f, ";");
	}
	fprintf(f, " host/ours: %s\n", r->text);
}

/* The host knows something at these bytes that nobody is known to have. */
static void report_undefined(struct run *r, u64 i, FILE *f)
{
	const u8 *p = r->k.bytes;
	u32 b;

	fprintf(f, "undefined here: silicon -u -s %llu -i %llu -n 1   #", (unsigned long long)r->o->seed, (unsigned long long)i);
	for (b = 0; b < 8; b++)
		fprintf(f, " %02x", p[b]);
	fprintf(f, " host: trap %d rip +%llx\n", (i8)r->nat.vector, (unsigned long long)(r->nat.s.rip - r->k.at));
}

static void report_case(struct run *r, u32 row, u64 i, FILE *f)
{
	const struct oprow *w = row_at(row);
	struct row_stat *s = &r->rows[row];
	char line[5000];
	size_t n = 0;
	u32 b;

	if (s->bad > MIN(r->o->show, SHOWN_MAX))
		return;
	n += (size_t)snprintf(line + n, sizeof line - n, "  silicon -x \"");
	for (b = 0; b < r->k.len; b++)
		n += (size_t)snprintf(line + n, sizeof line - n, b ? " %02x" : "%02x", r->k.bytes[b]);
	n += (size_t)snprintf(line + n, sizeof line - n, "\" -r %u -s %llu -i %llu   # %s-bit, host/ours: %s", row,
			      (unsigned long long)r->o->seed, (unsigned long long)i, r->k.c32 ? "32" : "64", r->text);
	s->shown[s->bad - 1] = strdup(line);
	if (r->o->verbose)
		fprintf(f, "%s: %s\n", w->name, line);
}

/* The state a case starts from. */
static void dump_case(struct run *r, FILE *f)
{
	const struct sil_case *k = &r->k;
	const u8 *fx = k->in.fx;
	u32 i, j;

	fprintf(f, "at %llx operand %llx flags %x cw %04x sw %04x tag %02x mxcsr %04x\n", (unsigned long long)k->at,
		(unsigned long long)k->ea, (u32)k->in.rflags, ld16(fx), ld16(fx + 2), fx[4], ld32(fx + 24));
	for (i = 0; i < 16; i++)
		fprintf(f, "r%-2u %016llx  xmm%-2u %016llx_%016llx\n", i, (unsigned long long)k->in.gpr[i], i,
			(unsigned long long)ld64(fx + 168 + 16 * i), (unsigned long long)ld64(fx + 160 + 16 * i));
	for (i = 0; i < 8; i++)
		fprintf(f, "st%u %04x.%016llx\n", i, ld16(fx + 40 + 16 * i), (unsigned long long)ld64(fx + 32 + 16 * i));
	for (i = 0; i < k->nmem; i++) {
		fprintf(f, "mem[%llx]", (unsigned long long)k->mem[i].va);
		for (j = 0; j < MIN(k->mem[i].len, 64u); j++)
			fprintf(f, " %02x", k->mem[i].bytes[j]);
		fprintf(f, "\n");
	}
}

/* What the host answers, as a record. It runs once more, and more often as the record becomes small. */
static void record_one(struct run *r)
{
	struct record *c = calloc(1, sizeof *c);

	if (!c)
		abort();
	c->k = r->k;
	record_window(&c->before, &r->pattern, &r->k);
	record_minimize(c, record_run_native, NULL);
	record_write(c, r->o->record);
	free(c);
	native_poke(DATA_VA + PAGE_SIZE, r->pattern.data, 2 * PAGE_SIZE);
	native_poke(DATA_VA + 3 * PAGE_SIZE, r->pattern.data + 2 * PAGE_SIZE, PAGE_SIZE);
	native_poke(STACK_VA + PAGE_SIZE, r->pattern.stack, STACK_BYTES);
}

static enum verdict run_both(struct run *r)
{
	bool same;
	u32 n;

	for (n = 0; n < r->k.nmem; n++) {
		native_poke(r->k.mem[n].va, r->k.mem[n].bytes, r->k.mem[n].len);
		emul_poke(r->emul, r->k.mem[n].va, r->k.mem[n].bytes, r->k.mem[n].len);
	}
	native_run(&r->k, &r->nat);
	emul_run(r->emul, &r->k, &r->emu);
	r->text[0] = 0;
	same = compare_memory(r, r->text, sizeof r->text);
	return judge(&r->k, &r->nat, &r->emu, same, r->vendor, r->text, sizeof r->text);
}

static void one(struct run *r, u32 row, u64 i, FILE *f)
{
	struct row_stat *s = &r->rows[row];
	const struct sil_options *o = r->o;
	enum verdict verdict;
	const char *why;
	bool same;
	u32 n;

	if (o->undefined) {
		if (!gen_undefined(&r->k, o->seed, i))
			return;
		r->nat.vector = r->emu.vector = NO_TRAP;
	} else if (o->sequences)
		gen_sequence(&r->k, o->seed, i);
	else if (!gen_case(&r->k, row, o->seed | SEED_ALL, i, o->bytes, o->nbytes)) {
		if (!s->cases)
			s->unreachable = true;
		return;
	}
	why = host_leaves(&r->host, &r->k);
	if (!why && r->vendor == VENDOR_AMD && vendor_sequence(&r->k))
		why = "an instruction of it is another one here";
	if (why) {
		s->why = why;
		r->left++;
		return;
	}
	/* Cases are the same on every host; what this one lacks is left out here. */
	if (!native_has(F_AVX) && r->k.row && (!strncmp(r->k.row->name, "xsave", 5) || !strcmp(r->k.row->name, "xrstor")))
		r->k.in.gpr[RAX] &= 3;
	if (!o->sequences && !o->undefined)
		s->unreachable = false;
	verdict = run_both(r);
	/* A hypervisor that is busy may raise what is not the instruction's: the processor says the same twice. */
	for (n = 0; n < 3 && verdict == DIFFERENT; n++) {
		verdict = run_both(r);
		r->once += verdict != DIFFERENT;
	}
	same = verdict != DIFFERENT;
	if (o->undefined) {
		r->seq_cases++;
		if (r->emu.vector == X86_UD && (r->nat.vector == X86_UD || known_bytes(r->k.bytes, r->vendor)))
			return;
		r->seq_bad++;
		report_undefined(r, i, f);
		return;
	}
	if (o->sequences) {
		r->seq_cases++;
		if (o->verbose && o->cases == 1)
			dump_case(r, f);
		if (!same)
			report_sequence(r, i, f);
		return;
	}
	if (o->record && ((verdict != ALIKE && s->recorded++ < RECORDED_MAX) || i % 1000 == 0))
		record_one(r);
	r->by_table += verdict == BY_TABLE;
	r->by_manual += verdict == BY_MANUAL;
	s->cases++;
	s->narrow += r->k.c32;
	if (r->nat.vector != NO_TRAP)
		s->faults++;
	if (o->bytes && o->verbose)
		dump_case(r, f);
	if (o->bytes && o->verbose)
		fprintf(f, "host trap %d, rip %llx, flags %x\n", (i8)r->nat.vector, (unsigned long long)r->nat.s.rip,
			(u32)r->nat.s.rflags);
	if (!same) {
		s->bad++;
		report_case(r, row, i, f);
	}
}

static bool wanted(const struct sil_options *o, u32 row)
{
	char num[16];

	if (o->bytes) {
		struct xi d;
		u8 b[15] = { 0 };

		memcpy(b, o->bytes, MIN(o->nbytes, 15u));
		x86_decode(&d, b, 15, mode_key(gen_is32(row, o->seed, o->first)), 0);
		if (d.row != row_at(row))
			return false;
	}
	if (!o->row)
		return true;
	snprintf(num, sizeof num, "%u", row);
	return !strcmp(o->row, row_at(row)->name) || !strcmp(o->row, num);
}

static void report(struct run *r, FILE *f, struct sil_totals *t)
{
	u32 i, j, n;

	for (i = 1; i < SIL_ROWS; i++) {
		struct row_stat *s = &r->rows[i];

		t->rows++;
		t->cases += s->cases;
		t->faults += s->faults;
		t->narrow += s->narrow;
		t->differences += s->bad;
		t->covered += s->cases != 0;
	}
	t->no32 = native_no32();
	t->left = r->left;
	t->cases += r->seq_cases;
	t->differences += r->seq_bad;
	if ((r->o->sequences || r->o->undefined) && !(r->o->quiet && !r->seq_bad))
		fprintf(f, "%llu cases, %llu differences\n", (unsigned long long)r->seq_cases,
			(unsigned long long)r->seq_bad);
	if ((r->o->quiet && !t->differences) || r->o->sequences || r->o->undefined)
		return;
	for (i = 1; i < SIL_ROWS; i++) {
		u64 bad = 0;
		bool first = true;

		for (j = 1; j < i; j++)
			if (!strcmp(row_at(j)->name, row_at(i)->name))
				first = false;
		for (j = i; first && j < SIL_ROWS; j++)
			if (!strcmp(row_at(j)->name, row_at(i)->name))
				bad += r->rows[j].bad;
		if (!bad)
			continue;
		fprintf(f, "%s: %llu differences\n", row_at(i)->name, (unsigned long long)bad);
		for (j = i, n = 0; j < SIL_ROWS && n < r->o->show; j++) {
			u32 m;

			for (m = 0; m < SHOWN_MAX && r->rows[j].shown[m] && !strcmp(row_at(j)->name, row_at(i)->name) &&
				    n < r->o->show;
			     m++, n++)
				fprintf(f, "%s\n", r->rows[j].shown[m]);
		}
	}
	if (!r->o->row && !r->o->bytes)
		for (i = 1; i < SIL_ROWS; i++) {
			const struct row_stat *s = &r->rows[i];

			if (!s->cases)
				fprintf(f, "not run: %x %s %s %s: %s\n", row_at(i)->opcode, row_at(i)->name, row_at(i)->op[0],
					row_at(i)->op[1],
					s->skip ? s->skip :
					s->why ? s->why :
					s->unreachable ? "another row takes its place" : "no case fell on it");
		}
	host_report(&r->host, f);
	if (r->by_table)
		fprintf(f, "%llu cases differ as the vendors do: the host as AMD's, ours as Intel's\n", (unsigned long long)r->by_table);
	if (r->once)
		fprintf(f, "%llu cases differed once, and not when the host ran them again\n", (unsigned long long)r->once);
	if (r->by_manual)
		fprintf(f, "%llu cases rest on the manual alone, and this processor does otherwise\n", (unsigned long long)r->by_manual);
	fprintf(f, "%u of %u rows, %llu cases (%llu of 32-bit code, %llu with a fault), %llu differences\n", t->covered, t->rows,
		(unsigned long long)t->cases, (unsigned long long)t->narrow, (unsigned long long)t->faults,
		(unsigned long long)t->differences);
}

int silicon_run(const struct sil_options *o, FILE *f, struct sil_totals *t)
{
	struct run *r = calloc(1, sizeof *r);
	u32 *list, n = 0, i, j;
	u64 c;

	memset(t, 0, sizeof *t);
	r->o = o;
	gen_pattern(&r->pattern);
	if (!native_open(&r->pattern)) {
		free(r);
		return -ENOSYS;
	}
	r->emul = emul_open(&r->pattern);
	r->vendor = native_vendor();
	if (o->record)
		fprintf(o->record, "vendor %s\n", r->vendor == VENDOR_AMD ? "amd" : "intel");
	host_probe(&r->host, &r->pattern);
	emul_segments(r->emul, r->host.segments);
	r->rows = calloc(SIL_ROWS, sizeof *r->rows);
	list = calloc(SIL_ROWS, sizeof *list);
	for (i = 1; i < SIL_ROWS; i++) {
		u32 feat = row_feature(row_at(i));

		r->rows[i].skip = gen_skip(row_at(i));
		if (!r->rows[i].skip && feat && !emul_has(r->emul, feat))
			r->rows[i].skip = "not implemented yet";
		if (!r->rows[i].skip && feat && !native_has(feat))
			r->rows[i].skip = "this host lacks it";
		if (!r->rows[i].skip && wanted(o, i))
			list[n++] = i;
	}
	for (c = 0; n && c < o->cases; c++)
		one(r, list[(o->first + c) % n], o->first + c, f);
	report(r, f, t);
	fflush(f); /* in libcheck's child nobody else does */
	for (i = 0; i < SIL_ROWS; i++)
		for (j = 0; j < SHOWN_MAX; j++)
			free(r->rows[i].shown[j]);
	emul_close(r->emul);
	native_close();
	free(r->rows);
	free(list);
	free(r);
	return 0;
}
