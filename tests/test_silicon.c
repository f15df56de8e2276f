/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A fixed slice of the differential tester (tests/silicon): random instructions and sequences here and on the host's own
 * processor. x86-64 Linux only; elsewhere, and under sanitizers that own the signals, nothing is compared.
 */
#include <check.h>

#include "tests/silicon/silicon.h"
#include "tests/suites.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SLICE 0
#else
#define SLICE 1
#endif

static void run_slice(u64 seed, u64 cases, bool sequences, struct sil_totals *t)
{
	struct sil_options o = { .cases = cases, .seed = seed, .show = 2, .quiet = true, .sequences = sequences };

	if (!SLICE || silicon_run(&o, stdout, t))
		t->rows = 0;
}

START_TEST(test_single)
{
	struct sil_totals t;

	run_slice(20, 60000, false, &t);
	if (!t.rows)
		return;
	ck_assert_uint_eq(t.differences, 0);
	ck_assert_uint_gt(t.cases, 59000);
	ck_assert_uint_gt(t.covered, 1000);
	ck_assert_uint_gt(t.faults, 2000);
}
END_TEST

START_TEST(test_sequences)
{
	struct sil_totals t;

	run_slice(21, 30000, true, &t);
	if (!t.rows)
		return;
	ck_assert_uint_eq(t.differences, 0);
	ck_assert_uint_eq(t.cases, 30000);
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
	ck_assert(compare(&k, &a, &b, text, sizeof text));
	b.s.gpr[R9] ^= BIT(40);
	ck_assert(!compare(&k, &a, &b, text, sizeof text));
	b = a;
	b.s.rflags ^= FL_CF;
	ck_assert(!compare(&k, &a, &b, text, sizeof text));
	b = a;
	b.s.fx[160 + 16 * 3] ^= 1;
	ck_assert(!compare(&k, &a, &b, text, sizeof text));
	b = a;
	b.vector = X86_GP;
	ck_assert(!compare(&k, &a, &b, text, sizeof text));
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

Suite *silicon_suite(void)
{
	Suite *s = suite_create("tests/silicon");
	TCase *t = tcase_create("the host's processor");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, test_single);
	tcase_add_test(t, test_sequences);
	tcase_add_test(t, test_sees);
	tcase_add_test(t, test_repeats);
	suite_add_tcase(s, t);
	return s;
}
