/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cases one after the other, and the report.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/silicon/silicon.h"

#define SHOWN_MAX 8u

struct row_stat {
	u64 cases, faults, bad;
	bool unreachable;
	const char *skip;
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

	for (p = 0; p < 4; p++) {
		u8 *nat = p < 2 ? native_data() + p * PAGE_SIZE : native_stack() + (p - 2) * PAGE_SIZE;
		const u8 *emu = emul_page(r->emul, p < 2 ? 2 + p : 5 + (p - 2));
		const u8 *was = p < 2 ? r->pattern.data + p * PAGE_SIZE : r->pattern.stack + (p - 2) * PAGE_SIZE;
		u64 va = p < 2 ? DATA_VA + (1 + p) * PAGE_SIZE : STACK_VA + (p - 1) * PAGE_SIZE;
		u32 at = differ(nat, emu);

		if (at < PAGE_SIZE) {
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

static void report_case(struct run *r, u32 row, u64 i, FILE *f)
{
	const struct oprow *w = &x86_rows[row];
	struct row_stat *s = &r->rows[row];
	char line[5000];
	size_t n = 0;
	u32 b;

	if (s->bad > MIN(r->o->show, SHOWN_MAX))
		return;
	n += (size_t)snprintf(line + n, sizeof line - n, "  silicon -x \"");
	for (b = 0; b < r->k.len; b++)
		n += (size_t)snprintf(line + n, sizeof line - n, b ? " %02x" : "%02x", r->k.bytes[b]);
	n += (size_t)snprintf(line + n, sizeof line - n, "\" -s %llu -i %llu   # host/ours: %s", (unsigned long long)r->o->seed,
			      (unsigned long long)i, r->text);
	s->shown[s->bad - 1] = strdup(line);
	if (r->o->verbose)
		fprintf(f, "%s: %s\n", w->name, line);
}

static void one(struct run *r, u32 row, u64 i, FILE *f)
{
	struct row_stat *s = &r->rows[row];
	const struct sil_options *o = r->o;
	bool same;
	u32 n;

	if (!gen_case(&r->k, row, o->seed, i, o->bytes, o->nbytes)) {
		if (!s->cases)
			s->unreachable = true;
		return;
	}
	s->unreachable = false;
	for (n = 0; n < r->k.nmem; n++) {
		native_poke(r->k.mem[n].va, r->k.mem[n].bytes, r->k.mem[n].len);
		emul_poke(r->emul, r->k.mem[n].va, r->k.mem[n].bytes, r->k.mem[n].len);
	}
	native_run(&r->k, &r->nat);
	emul_run(r->emul, &r->k, &r->emu);
	same = compare(&r->k, &r->nat, &r->emu, r->text, sizeof r->text);
	same = compare_memory(r, r->text, sizeof r->text) && same;
	s->cases++;
	if (r->nat.vector != NO_TRAP)
		s->faults++;
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
		x86_decode(&d, b, 15, KEY_CS64, 0);
		return d.row == &x86_rows[row];
	}
	if (!o->row)
		return true;
	snprintf(num, sizeof num, "%u", row);
	return !strcmp(o->row, x86_rows[row].name) || !strcmp(o->row, num);
}

static void report(struct run *r, FILE *f, struct sil_totals *t)
{
	u32 i, j, n;

	for (i = 1; i < x86_nrows; i++) {
		struct row_stat *s = &r->rows[i];

		t->rows++;
		t->cases += s->cases;
		t->faults += s->faults;
		t->differences += s->bad;
		t->covered += s->cases != 0;
	}
	if (r->o->quiet && !t->differences)
		return;
	for (i = 1; i < x86_nrows; i++) {
		u64 bad = 0;
		bool first = true;

		for (j = 1; j < i; j++)
			if (!strcmp(x86_rows[j].name, x86_rows[i].name))
				first = false;
		for (j = i; first && j < x86_nrows; j++)
			if (!strcmp(x86_rows[j].name, x86_rows[i].name))
				bad += r->rows[j].bad;
		if (!bad)
			continue;
		fprintf(f, "%s: %llu differences\n", x86_rows[i].name, (unsigned long long)bad);
		for (j = i, n = 0; j < x86_nrows && n < r->o->show; j++) {
			u32 m;

			for (m = 0; m < SHOWN_MAX && r->rows[j].shown[m] && !strcmp(x86_rows[j].name, x86_rows[i].name) &&
				    n < r->o->show;
			     m++, n++)
				fprintf(f, "%s\n", r->rows[j].shown[m]);
		}
	}
	if (!r->o->row && !r->o->bytes && r->o->verbose)
		for (i = 1; i < x86_nrows; i++)
			if (!r->rows[i].cases)
				fprintf(f, "not run: %x %s %s %s: %s\n", x86_rows[i].opcode, x86_rows[i].name,
					x86_rows[i].op[0], x86_rows[i].op[1],
					r->rows[i].skip ? r->rows[i].skip :
					r->rows[i].unreachable ? "another row takes its place" : "no case fell on it");
	fprintf(f, "%u of %u rows, %llu cases (%llu with a fault), %llu differences\n", t->covered, t->rows,
		(unsigned long long)t->cases, (unsigned long long)t->faults, (unsigned long long)t->differences);
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
	r->rows = calloc(x86_nrows, sizeof *r->rows);
	list = calloc(x86_nrows, sizeof *list);
	for (i = 1; i < x86_nrows; i++) {
		u32 feat = x86_rows[i].flags >> FEAT_SHIFT;

		r->rows[i].skip = gen_skip(&x86_rows[i]);
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
	for (i = 0; i < x86_nrows; i++)
		for (j = 0; j < SHOWN_MAX; j++)
			free(r->rows[i].shown[j]);
	emul_close(r->emul);
	free(r->rows);
	free(list);
	free(r);
	return 0;
}
