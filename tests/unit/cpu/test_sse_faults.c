/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SSE where a comparison with the host shows nothing: alignment, page faults, unmasked exceptions, CR0 and CR4, and results
 * known by hand.
 */
#include "cpu/fp.h"
#include "tests/suites.h"
#include "tests/unit/guest64.h"

/* Sets up code with rsi and rdi at an address, runs it, and gives the vector or -1. */
static int at(struct guest *g, const u8 *code, u32 n, u64 va)
{
	guest_code(g, code, n);
	g->c->r[RSI] = g->c->r[RDI] = va;
	return guest_run(g, n);
}
#define AT(va, ...) at(&g, (const u8[]){ __VA_ARGS__ }, sizeof((const u8[]){ __VA_ARGS__ }), va)

START_TEST(test_alignment)
{
	struct guest g;

	guest_open(&g, false);
	/* Aligned ones */
	ck_assert_int_eq(AT(VA(DATA) + 1, 0x0f, 0x28, 0x0e), X86_GP);       /* movaps xmm1, [rsi] */
	ck_assert_int_eq(AT(VA(DATA) + 8, 0x0f, 0x29, 0x0e), X86_GP);       /* movaps [rsi], xmm1 */
	ck_assert_int_eq(AT(VA(DATA) + 8, 0x66, 0x0f, 0xfe, 0x0e), X86_GP); /* paddd xmm1, [rsi] */
	ck_assert_int_eq(AT(VA(DATA) + 8, 0x0f, 0x58, 0x0e), X86_GP);       /* addps xmm1, [rsi] */
	ck_assert_int_eq(AT(VA(DATA) + 8, 0x0f, 0x2b, 0x0e), X86_GP);       /* movntps */
	ck_assert_int_eq(AT(VA(DATA) + 8, 0x66, 0x0f, 0x38, 0x2a, 0x0e), X86_GP); /* movntdqa */
	ck_assert_int_eq(AT(VA(DATA) + 8, 0xf3, 0x0f, 0x16, 0x0e), X86_GP);       /* movshdup */
	ck_assert(g.c->trap.has_error && g.c->trap.error == 0);
	ck_assert_int_eq(AT(VA(DATA) + 16, 0x0f, 0x28, 0x0e), -1);
	/* Unaligned ones, over a page's end too */
	ck_assert_int_eq(AT(VA(DATA) + 1, 0x0f, 0x10, 0x0e), -1);             /* movups */
	ck_assert_int_eq(AT(VA(DATA) + 1, 0xf3, 0x0f, 0x6f, 0x0e), -1);       /* movdqu */
	ck_assert_int_eq(AT(VA(DATA) + 4093, 0xf2, 0x0f, 0xf0, 0x0e), -1);    /* lddqu */
	ck_assert_int_eq(AT(VA(DATA) + 4093, 0xf2, 0x0f, 0x58, 0x0e), -1);    /* addsd */
	ck_assert_int_eq(AT(VA(DATA) + 3, 0x66, 0x0f, 0x3a, 0x63, 0x0e, 0), -1); /* pcmpistri */
	ck_assert_int_eq(AT(VA(DATA) + 1, 0x0f, 0x5a, 0x0e), -1);             /* cvtps2pd, 8 bytes */
	guest_close(&g);
}
END_TEST

START_TEST(test_page_faults)
{
	struct guest g;
	u64 before;

	guest_open(&g, false);
	g.c->s.vec[1] = (union x86_vec){ .q = { 1, 2, 3, 4 } };
	ck_assert_int_eq(AT(VA(RODATA + 1), 0x0f, 0x28, 0x0e), X86_PF);
	ck_assert_uint_eq(g.c->trap.cr2, VA(RODATA + 1));
	ck_assert_uint_eq(g.c->trap.error, 0);
	/* Loads over the end of what is mapped leave the register whole */
	ck_assert_int_eq(AT(VA(RODATA) + 4090, 0x0f, 0x10, 0x0e), X86_PF);
	ck_assert_uint_eq(g.c->trap.cr2, VA(RODATA + 1));
	ck_assert_uint_eq(g.c->s.vec[1].q[0], 1);
	ck_assert_uint_eq(g.c->s.vec[1].q[1], 2);
	/* Stores over it leave memory whole */
	before = mem_read_u64(&g.mem, VA(DATA) + 4088);
	ck_assert_int_eq(AT(VA(DATA) + 4088, 0x0f, 0x11, 0x0e), X86_PF);
	ck_assert_uint_eq(g.c->trap.error, PF_P | PF_W);
	ck_assert_uint_eq(g.c->trap.cr2, VA(RODATA));
	ck_assert_uint_eq(mem_read_u64(&g.mem, VA(DATA) + 4088), before);
	/* MASKMOVDQU looks at selected bytes only, and does nothing by halves */
	g.c->s.vec[2] = (union x86_vec){ .q = { 0x80, 0, 0, 0 } };
	ck_assert_int_eq(AT(VA(DATA) + 4088, 0x66, 0x0f, 0xf7, 0xca), -1);
	ck_assert_uint_eq(mem_read_u64(&g.mem, VA(DATA) + 4088), (before & ~0xffull) | 1);
	g.c->s.vec[2] = (union x86_vec){ .q = { 0x80, 0x80, 0, 0 } };
	mem_write_u64(&g.mem, VA(DATA) + 4088, before);
	ck_assert_int_eq(AT(VA(DATA) + 4088, 0x66, 0x0f, 0xf7, 0xca), X86_PF);
	ck_assert_uint_eq(mem_read_u64(&g.mem, VA(DATA) + 4088), before);
	/* Hints never fault, CLFLUSH does */
	ck_assert_int_eq(AT(VA(RODATA + 1), 0x0f, 0x18, 0x0e), -1);
	ck_assert_int_eq(AT(VA(RODATA + 1), 0x0f, 0xae, 0x3e), X86_PF);
	ck_assert_int_eq(AT(VA(RODATA), 0x0f, 0xae, 0x3e), -1);
	guest_close(&g);
}
END_TEST

START_TEST(test_exceptions)
{
	struct guest g;
	struct x86 *c;

	guest_open(&g, false);
	c = g.c;
	/* 1 / 0 with divide-by-zero unmasked: #XM, flag set, destination kept */
	c->s.vec[1].q[0] = 0x3ff0000000000000ull;
	c->s.vec[2].q[0] = 0;
	c->s.fpu.mxcsr = 0x1f80 & ~(FP_ZE << 7);
	ck_assert_int_eq(AT(0, 0xf2, 0x0f, 0x5e, 0xca), X86_XM);
	ck_assert_uint_eq(c->s.vec[1].q[0], 0x3ff0000000000000ull);
	ck_assert_uint_eq(c->s.fpu.mxcsr & 0x3f, FP_ZE);
	/* #UD when the system does not know of #XM */
	c->s.cr4 &= ~(u64)CR4_OSXMMEXCPT;
	ck_assert_int_eq(AT(0, 0xf2, 0x0f, 0x5e, 0xca), X86_UD);
	c->s.cr4 |= CR4_OSXMMEXCPT;
	/* Masked: infinity */
	c->s.fpu.mxcsr = 0x1f80;
	ck_assert_int_eq(AT(0, 0xf2, 0x0f, 0x5e, 0xca), -1);
	ck_assert_uint_eq(c->s.vec[1].q[0], 0x7ff0000000000000ull);
	/* An unmasked overflow in one element keeps all; with inexact found too */
	for (u32 k = 0; k < 2; k++)
		c->s.vec[1].q[k] = 0x7f7fffff3f800000ull;
	c->s.vec[2] = c->s.vec[1];
	c->s.fpu.mxcsr = 0x1f80 & ~(FP_OE << 7);
	ck_assert_int_eq(AT(0, 0x0f, 0x58, 0xca), X86_XM);
	ck_assert_uint_eq(c->s.vec[1].q[0], 0x7f7fffff3f800000ull);
	ck_assert_uint_eq(c->s.fpu.mxcsr & FP_OE, FP_OE);
	/* Inexact, unmasked, PE clear or already set */
	for (u32 pe = 0; pe <= FP_PE; pe += FP_PE) {
		c->s.vec[1].q[0] = 0x3ff0000000000000ull;
		c->s.vec[2].q[0] = 0x4008000000000000ull;
		c->s.fpu.mxcsr = (0x1f80 & ~(FP_PE << 7)) | pe;
		ck_assert_int_eq(AT(0, 0xf2, 0x0f, 0x5e, 0xca), X86_XM); /* divsd */
		ck_assert_uint_eq(c->s.vec[1].q[0], 0x3ff0000000000000ull);
		c->r[RCX] = 77;
		c->s.vec[2].q[0] = 0x3ff8000000000000ull;
		ck_assert_int_eq(AT(0, 0xf2, 0x0f, 0x2c, 0xca), X86_XM); /* cvttsd2si of 1.5 */
		ck_assert_uint_eq(c->r[RCX], 77);
	}
	/* A denormal result, exact: underflow when unmasked only, and the quick way must not hide it */
	for (u32 pe = 0; pe <= FP_PE; pe += FP_PE) {
		c->s.vec[1].q[0] = 0x0010000000000001ull;
		c->s.vec[2].q[0] = 0x0010000000000000ull;
		c->s.fpu.mxcsr = (0x1f80 & ~(FP_UE << 7)) | pe;
		ck_assert_int_eq(AT(0, 0xf2, 0x0f, 0x5c, 0xca), X86_XM); /* subsd */
		ck_assert_uint_eq(c->s.fpu.mxcsr & 0x3f, FP_UE | pe);
	}
	/* A comparison of unordered numbers, invalid unmasked: flags kept */
	c->s.vec[1].q[0] = 0x7ff8000000000000ull;
	c->s.fpu.mxcsr = 0x1f80 & ~(FP_IE << 7);
	x86_set_rflags(c, FL_FIXED1 | FL_SF);
	ck_assert_int_eq(AT(0, 0x66, 0x0f, 0x2f, 0xca), X86_XM); /* comisd */
	ck_assert_uint_eq(x86_rflags(c) & FL_ARITH, FL_SF);
	c->s.fpu.mxcsr = 0x1f80 & ~(FP_IE << 7);
	ck_assert_int_eq(AT(0, 0x66, 0x0f, 0x2e, 0xca), -1); /* ucomisd of a quiet NaN */
	ck_assert_uint_eq(x86_rflags(c) & FL_ARITH, FL_ZF | FL_PF | FL_CF);
	guest_close(&g);
}
END_TEST

START_TEST(test_control)
{
	struct guest g;
	struct x86 *c;

	guest_open(&g, false);
	c = g.c;
	mem_write_u64(&g.mem, VA(DATA), 0xffff0000);
	ck_assert_int_eq(AT(VA(DATA) + 2, 0x0f, 0xae, 0x16), -1); /* ldmxcsr */
	ck_assert_uint_eq(c->s.fpu.mxcsr, 0xffff);
	mem_write_u32(&g.mem, VA(DATA), 0x10000);
	ck_assert_int_eq(AT(VA(DATA), 0x0f, 0xae, 0x16), X86_GP);
	ck_assert_uint_eq(c->s.fpu.mxcsr, 0xffff);
	c->s.fpu.mxcsr = 0x1fa0;
	ck_assert_int_eq(AT(VA(DATA) + 7, 0x0f, 0xae, 0x1e), -1); /* stmxcsr */
	ck_assert_uint_eq(mem_read_u32(&g.mem, VA(DATA) + 4) >> 24, 0xa0);
	ck_assert_int_eq(AT(0, 0x0f, 0xae, 0xe8), -1); /* lfence, mfence, sfence */
	ck_assert_int_eq(AT(0, 0x0f, 0xae, 0xf0), -1);
	ck_assert_int_eq(AT(0, 0x0f, 0xae, 0xf8), -1);
	/* A mandatory prefix no row has */
	ck_assert_int_eq(AT(0, 0xf3, 0x0f, 0x28, 0xca), X86_UD);
	ck_assert_int_eq(AT(0, 0xf2, 0x0f, 0x54, 0xca), X86_UD);
	/* CR0.TS, CR0.EM, CR4.OSFXSR */
	c->s.cr0 |= CR0_TS;
	x86_mode_changed(c);
	ck_assert_int_eq(AT(0, 0x0f, 0x28, 0xca), X86_NM);
	ck_assert_int_eq(AT(VA(DATA), 0x0f, 0xc3, 0x0e), -1); /* movnti is no vector instruction */
	c->s.cr0 |= CR0_EM;
	x86_mode_changed(c);
	ck_assert_int_eq(AT(0, 0x0f, 0x28, 0xca), X86_UD);
	c->s.cr0 &= ~(u64)(CR0_TS | CR0_EM);
	c->s.cr4 &= ~(u64)CR4_OSFXSR;
	x86_mode_changed(c);
	ck_assert_int_eq(AT(0, 0x66, 0x0f, 0xfe, 0xca), X86_UD);
	guest_close(&g);
}
END_TEST

/* A few results by hand, so that a wrong digest cannot be recorded unseen. SDM 2's own definitions. */
START_TEST(test_known)
{
	struct guest g;
	struct x86 *c;

	guest_open(&g, false);
	c = g.c;
	c->s.vec[1] = (union x86_vec){ .q = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 } };
	c->s.vec[2] = (union x86_vec){ .q = { 0x8001020304050607, 0x000000000000000f } };
	ck_assert_int_eq(AT(0, 0x66, 0x0f, 0x38, 0x00, 0xca), -1); /* pshufb */
	ck_assert_uint_eq(c->s.vec[1].q[0], 0x0001020304050607);
	ck_assert_uint_eq(c->s.vec[1].q[1], 0x000000000000000f);
	ck_assert_int_eq(AT(0, 0x66, 0x0f, 0xd7, 0xca), -1); /* pmovmskb ecx, xmm2 */
	ck_assert_uint_eq(c->r[RCX], 0x80);
	/* "abcd" in "xxabcdxx": at 2 */
	c->s.vec[1] = (union x86_vec){ .q = { 0x64636261, 0 } };
	c->s.vec[2] = (union x86_vec){ .q = { 0x7878646362617878, 0 } };
	ck_assert_int_eq(AT(0, 0x66, 0x0f, 0x3a, 0x63, 0xca, 0x0c), -1); /* pcmpistri, equal ordered */
	ck_assert_uint_eq(c->r[RCX], 2);
	ck_assert_uint_eq(x86_rflags(c) & FL_ARITH, FL_CF | FL_ZF | FL_SF);
	/* CRC-32C of "123456789" is e3069283 */
	c->r[RCX] = 0xffffffff;
	c->r[RDX] = 0x3837363534333231;
	ck_assert_int_eq(AT(0, 0xf2, 0x48, 0x0f, 0x38, 0xf1, 0xca), -1);
	c->r[RDX] = 0x39;
	ck_assert_int_eq(AT(0, 0xf2, 0x0f, 0x38, 0xf0, 0xca), -1);
	ck_assert_uint_eq(c->r[RCX] ^ 0xffffffff, 0xe3069283);
	/* 1.5 + 2.25, and -3.75 truncated */
	c->s.vec[1].q[0] = 0x3ff8000000000000;
	c->s.vec[2].q[0] = 0x4002000000000000;
	ck_assert_int_eq(AT(0, 0xf2, 0x0f, 0x58, 0xca), -1);
	ck_assert_uint_eq(c->s.vec[1].q[0], 0x400e000000000000);
	c->s.vec[2].q[0] = 0xc00e000000000000;
	ck_assert_int_eq(AT(0, 0xf2, 0x48, 0x0f, 0x2c, 0xca), -1);
	ck_assert_uint_eq(c->r[RCX], (u64)-3);
	/* Too large: the integer indefinite */
	c->s.vec[2].q[0] = 0x7ff0000000000000;
	ck_assert_int_eq(AT(0, 0xf2, 0x0f, 0x2c, 0xca), -1);
	ck_assert_uint_eq(c->r[RCX], 0x80000000);
	guest_close(&g);
}
END_TEST

Suite *sse_faults_suite(void)
{
	Suite *s = suite_create("cpu/sse: faults");
	TCase *t = tcase_create("faults");

	tcase_add_test(t, test_known);
	tcase_add_test(t, test_alignment);
	tcase_add_test(t, test_page_faults);
	tcase_add_test(t, test_exceptions);
	tcase_add_test(t, test_control);
	suite_add_tcase(s, t);
	return s;
}
