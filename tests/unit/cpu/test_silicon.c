/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A fixed slice of the differential tester (tests/silicon): random instructions and sequences here and on the host's own
 * processor. x86-64 Linux only; elsewhere nothing is compared.
 *
 * Nor is it where a sanitizer has a shadow of memory: that lies where the cases expect nothing (around 7fff8000H), so the
 * host's processor would read and spoil it where ours faults. Our core runs the cases there all the same.
 */
#include <check.h>
#include <stdlib.h>

#include "tests/silicon/record.h"
#include "tests/silicon/silicon.h"
#include "tests/silicon/vendor.h"
#include "tests/suites.h"
#include "tests/unit/sanitizers.h"

static void run_slice(u64 seed, u64 cases, bool sequences, struct sil_totals *t)
{
	struct sil_options o = { .cases = cases, .seed = seed, .show = 2, .quiet = true, .sequences = sequences };

	if (SHADOW_MEMORY || silicon_run(&o, stdout, t))
		t->rows = 0;
}

START_TEST(test_single)
{
	struct sil_totals t;

	run_slice(20, 250000, false, &t);
	if (!t.rows)
		return;
	ck_assert_uint_eq(t.differences, 0);
	ck_assert_uint_gt(t.covered, 1000);
	ck_assert_uint_gt(t.faults, 8000);
	if (t.no32)
		return;
	ck_assert_uint_gt(t.cases, 245000);
	ck_assert_uint_gt(t.narrow, 70000);
}
END_TEST

START_TEST(test_sequences)
{
	struct sil_totals t;

	run_slice(21, 60000, true, &t);
	if (!t.rows)
		return;
	ck_assert_uint_eq(t.differences, 0);
	ck_assert_uint_eq(t.cases + t.left, 60000);
	ck_assert_uint_gt(t.cases, t.no32 ? 45000 : 59999);
}
END_TEST

/* The tester sees a difference when there is one: one result is spoilt. */
START_TEST(test_sees)
{
	struct sil_case k;
	struct sil_result a = { .vector = NO_TRAP }, b;
	char text[256];
	u32 n;

	for (n = 1; !gen_case(&k, n, 1, 1, NULL, 0); n++)
		;
	a.s = k.in;
	b = a;
	ck_assert(compare(&k, &a, &b, 0, text, sizeof text));
	b.s.gpr[R9] ^= BIT(40);
	ck_assert(!compare(&k, &a, &b, 0, text, sizeof text));
	b = a;
	b.s.rflags ^= FL_CF;
	ck_assert(!compare(&k, &a, &b, 0, text, sizeof text));
	b = a;
	b.s.fx[160 + 16 * 3] ^= 1;
	ck_assert(!compare(&k, &a, &b, 0, text, sizeof text));
	b = a;
	b.vector = X86_GP;
	ck_assert(!compare(&k, &a, &b, 0, text, sizeof text));
	b = a;
	b.s.seg[SEG_DS] ^= 8;
	ck_assert(!compare(&k, &a, &b, 0, text, sizeof text));
}
END_TEST

/* Both kinds of cases in our core alone, whatever the host: it comes to an end within its memory. */
START_TEST(test_ours)
{
	struct sil_window *w = calloc(1, sizeof *w);
	struct sil_case *k = calloc(1, sizeof *k);
	struct sil_result *out = calloc(1, sizeof *out);
	struct emul *e;
	u32 n, ran = 0, faults = 0;

	ck_assert(w && k && out);
	gen_pattern(w);
	e = emul_open(w);
	ck_assert_ptr_nonnull(e);
	for (n = 0; n < 20000; n++) {
		u32 row = 1 + n / 2 % (SIL_ROWS - 1), i;

		if (n & 1)
			gen_sequence(k, 22, n);
		else if (gen_skip(row_at(row)) || !gen_case(k, row, 22, n, NULL, 0))
			continue;
		for (i = 0; i < k->nmem; i++)
			emul_poke(e, k->mem[i].va, k->mem[i].bytes, k->mem[i].len);
		emul_run(e, k, out);
		ran++;
		faults += out->vector != NO_TRAP;
		emul_poke(e, DATA_VA + PAGE_SIZE, w->data, DATA_BYTES);
		emul_poke(e, STACK_VA + PAGE_SIZE, w->stack, STACK_BYTES);
	}
	ck_assert_uint_gt(ran, 19000);
	ck_assert_uint_gt(faults, 300);
	emul_close(e);
	free(out);
	free(k);
	free(w);
}
END_TEST

/* A case depends on its numbers alone. */
START_TEST(test_repeats)
{
	static struct sil_case a, b;
	u32 n;

	for (n = 1; n < SIL_ROWS; n += 7) {
		if (gen_skip(row_at(n)) || !gen_case(&a, n, 5, n, NULL, 0))
			continue;
		ck_assert(gen_case(&b, n, 5, n, NULL, 0));
		ck_assert_mem_eq(a.bytes, b.bytes, sizeof a.bytes);
		ck_assert_mem_eq(&a.in, &b.in, sizeof a.in);
		/* ... and can be had again from its bytes. */
		ck_assert(gen_case(&b, n, 5, n, a.bytes, a.len));
		ck_assert_mem_eq(&a.in, &b.in, sizeof a.in);
		ck_assert_uint_eq(a.ea, b.ea);
	}
}
END_TEST

/* Bytes that only the host knows are known by vendor, prefix and operand, not by their opcode alone. */
START_TEST(test_known)
{
	static const struct {
		u8 bytes[8];
		u32 vendors;
	} t[] = {
		{ { 0x0f, 0x38, 0xf9, 0x0a }, VENDOR_AMD | VENDOR_INTEL }, /* MOVDIRI */
		{ { 0x4e, 0x0f, 0x38, 0xf9, 0x73 }, VENDOR_AMD | VENDOR_INTEL },
		{ { 0x0f, 0x38, 0xf9, 0xca }, 0 }, /* ... has no form with two registers */
		{ { 0xf2, 0x41, 0x0f, 0x38, 0xf8, 0x5c }, VENDOR_INTEL }, /* ENQCMD */
		{ { 0x0f, 0x38, 0xf8, 0x5c }, 0 },
		{ { 0xf3, 0x0f, 0xae, 0xe2 }, VENDOR_INTEL }, /* PTWRITE */
		{ { 0x0f, 0x01, 0xfc }, VENDOR_AMD }, /* CLZERO */
		{ { 0x0f, 0x01, 0xd5 }, VENDOR_INTEL }, /* XEND */
		{ { 0xf3, 0x0f, 0x2b, 0x00 }, VENDOR_AMD }, /* MOVNTSS */
		{ { 0xf0, 0x0f, 0x22, 0xc0 }, VENDOR_AMD }, /* MOV CR8 */
		{ { 0x0f, 0x22, 0xc0 }, 0 },
		{ { 0x90 }, 0 },
	};
	u32 i, v;

	for (i = 0; i < ARRAY_SIZE(t); i++)
		for (v = VENDOR_INTEL; v <= VENDOR_AMD; v <<= 1)
			ck_assert_msg(!!known_bytes(t[i].bytes, v) == !!(t[i].vendors & v), "line %u vendor %u", i, v);
}
END_TEST

/* What processors of both vendors were seen to do, on any host: ours is Intel's, and AMD's is as the table has it. */
static void replay_recorded(const char *vendor, u64 least)
{
	const char *dir = getenv("srcdir");
	struct replay_totals t;
	char path[512];

	snprintf(path, sizeof path, "%s/tests/silicon/recorded/%s.txt", dir ? dir : ".", vendor);
	ck_assert_msg(!replay_file(path, 3, stdout, &t), "%s cannot be read: set srcdir", path);
	fflush(stdout);
	ck_assert_uint_eq(t.differences, 0);
	ck_assert_uint_eq(t.unmade, 0);
	ck_assert_uint_gt(t.cases, least);
}

START_TEST(test_recorded)
{
	replay_recorded("intel", 1800);
	replay_recorded("amd", 1800);
}
END_TEST

/* The table takes the host for AMD's and ours for Intel's, not the other way round, and nothing else beside. */
START_TEST(test_table)
{
	const char *dir = getenv("srcdir");
	struct sil_window *zero = calloc(1, sizeof *zero), *after = calloc(1, sizeof *after);
	struct record *c = calloc(1, sizeof *c);
	struct sil_result *ours = calloc(1, sizeof *ours);
	u32 taken = 0, turned = 0, spoilt = 0, partly = 0;
	char path[512], text[2048], *line = malloc(RECORD_LINE);
	struct emul *e;
	FILE *f;

	snprintf(path, sizeof path, "%s/tests/silicon/recorded/amd.txt", dir ? dir : ".");
	f = fopen(path, "r");
	ck_assert_msg(f && zero && after && c && ours && line, "%s cannot be read: set srcdir", path);
	e = emul_open(zero);
	while (fgets(line, RECORD_LINE, f)) {
		enum verdict v;

		if (!strstr(line, " : t=") || record_read(c, line))
			continue;
		record_run_emul(e, c, ours, after);
		text[0] = 0;
		v = judge(&c->k, &c->r, ours, true, VENDOR_AMD, text, sizeof text);
		if (v != BY_TABLE)
			continue;
		taken++;
		/* Which of two NaNs it is cannot be told by the result. */
		turned += judge(&c->k, ours, &c->r, true, VENDOR_AMD, text, sizeof text) == BY_TABLE;
		if (c->r.vector != ours->vector)
			continue; /* all follows from that */
		partly++;
		c->r.s.gpr[RBX] ^= 2;
		text[0] = 0;
		spoilt += judge(&c->k, &c->r, ours, true, VENDOR_AMD, text, sizeof text) != DIFFERENT;
	}
	fclose(f);
	free(line);
	ck_assert_uint_gt(taken, 1000);
	ck_assert_uint_gt(partly, 50);
	ck_assert_msg(turned * 30 < taken && !spoilt, "%u taken, %u turned round, %u spoilt", taken, turned, spoilt);
	emul_close(e);
	free(ours);
	free(c);
	free(after);
	free(zero);
}
END_TEST

/* A record that was written is read as it was, and another result than ours is seen. */
START_TEST(test_records)
{
	struct sil_window *pattern = calloc(1, sizeof *pattern);
	struct record *a = calloc(1, sizeof *a), *b = calloc(1, sizeof *b);
	char *line = malloc(RECORD_LINE);
	struct emul *e;
	u32 n, made = 0, i;

	ck_assert(pattern && a && b && line);
	e = emul_open(pattern);
	gen_pattern(pattern);
	for (n = 1; n < SIL_ROWS; n += 5) {
		FILE *f;

		if (gen_skip(row_at(n)) || !gen_case(&a->k, n, 9, n, NULL, 0))
			continue;
		a->error_unknown = false;
		record_window(&a->before, pattern, &a->k);
		record_minimize(a, record_run_emul, e);
		f = tmpfile();
		ck_assert(f && record_write(a, f));
		rewind(f);
		ck_assert(fgets(line, RECORD_LINE, f));
		fclose(f);
		ck_assert_msg(!record_read(b, line), "%s", line);
		for (i = 0; i < 16; i++)
			ck_assert_uint_eq(a->r.s.gpr[i], b->r.s.gpr[i]);
		ck_assert_msg(!memcmp(a->k.in.gpr, b->k.in.gpr, sizeof a->k.in.gpr) && a->r.s.rip == b->r.s.rip, "%s", line);
		ck_assert_msg(!memcmp(a->r.s.fx + 32, b->r.s.fx + 32, 384), "%s", line);
		ck_assert_msg(!memcmp(a->r.s.ymm, b->r.s.ymm, sizeof a->r.s.ymm), "%s", line);
		ck_assert_msg(a->r.s.rflags == b->r.s.rflags && a->r.vector == b->r.vector && a->r.error == b->r.error, "%s", line);
		ck_assert_msg(!memcmp(&a->before, &b->before, sizeof a->before), "%s", line);
		ck_assert_msg(!memcmp(&a->after, &b->after, sizeof a->after), "%s", line);
		made++;
	}
	ck_assert_uint_gt(made, 200);
	emul_close(e);
	ck_assert_ptr_nonnull(record_read(b, "add 64 10000000 00c0 r0=1\n"));
	ck_assert_ptr_nonnull(record_read(b, "sub 64 10000000 00c0 : t=- ip=10000002\n"));
	ck_assert_ptr_nonnull(record_read(b, "add 64 10000000 00c0 r99=1 : t=- ip=10000002\n"));
	ck_assert_ptr_nonnull(record_read(b, "add 64 90000000 00c0 : t=- ip=10000002\n"));
	ck_assert_ptr_nonnull(record_read(b, "add 64 10000000 00c0 50000000=00 : t=- ip=10000002\n"));
	ck_assert_ptr_nonnull(record_read(b, "add 64 10000000 0x0 : t=- ip=10000002\n"));
	ck_assert_ptr_null(record_read(b, "add 64 10000000 00c0 r0=1 : t=- ip=10000002 r0=2\n"));
	free(line);
	free(b);
	free(a);
	free(pattern);
}
END_TEST

Suite *silicon_suite(void)
{
	Suite *s = suite_create("tests/silicon");
	TCase *t = tcase_create("the host's processor");

	tcase_set_timeout(t, 240);
	tcase_add_test(t, test_single);
	tcase_add_test(t, test_sequences);
	tcase_add_test(t, test_ours);
	tcase_add_test(t, test_sees);
	tcase_add_test(t, test_repeats);
	tcase_add_test(t, test_known);
	tcase_add_test(t, test_recorded);
	tcase_add_test(t, test_records);
	tcase_add_test(t, test_table);
	suite_add_tcase(s, t);
	return s;
}
