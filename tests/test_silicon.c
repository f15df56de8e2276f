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

#include "tests/sanitizers.h"
#include "tests/silicon/silicon.h"
#include "tests/silicon/vendor.h"
#include "tests/suites.h"

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
	suite_add_tcase(s, t);
	return s;
}
