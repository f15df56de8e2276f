/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/fp.h on x86-64 hosts against the host's own SSE unit: random and special operands, every rounding mode, DAZ, FTZ,
 * masked and unmasked exceptions. Fixed seeds.
 */
#include "tests/unit/fp_env.h"
#include "tests/unit/quick.h"

#if defined(__x86_64__) && defined(__linux__)
#define RUN(insn)                                                                                                    \
	__asm__ volatile("ldmxcsr %3\n\t" insn " %4, %0\n\tstmxcsr %1\n\tldmxcsr %5"                                 \
			 : "=x"(r), "=m"(after)                                                                      \
			 : "0"(x), "m"(mxcsr), "x"(y), "m"(quiet))

enum { ADD, SUB, MUL, DIV, SQRT, MIN, MAX, COMI, UCOMI, WIDEN, TOI32, TOI64, TOI32T, TOI64T, FROMI32, FROMI64, NOPS };
static const char *const names[] = { "add", "sub",  "mul",	"div",	"sqrt",	  "min",   "max",     "comi",
				     "ucomi", "cvt", "cvt2si32", "cvt2si64", "cvtt2si32", "cvtt2si64",
				     "cvtsi32", "cvtsi64" };

/* Runs an operation on the host. *fault: it trapped (the result is then 0). */
static u64 hw_run(int op, bool dbl, u64 a, u64 b, u32 mxcsr, u8 *flags, bool *fault)
{
	u32 after = 0, quiet = 0x1f80;
	u64 out = 0, fl = 0;
	double x, y, r = 0;

	memcpy(&x, &a, 8);
	memcpy(&y, &b, 8);
	*fault = false;
	if (sigsetjmp(hw_jump, 1)) {
		*fault = true;
		*flags = hw_mxcsr & 0x3f;
		__asm__ volatile("ldmxcsr %0" ::"m"(quiet));
		return 0;
	}
#define BOTH(d, s)                                                                                                   \
	do {                                                                                                         \
		if (dbl)                                                                                             \
			RUN(d);                                                                                      \
		else                                                                                                 \
			RUN(s);                                                                                      \
	} while (0)
#define TOINT(d, s, type)                                                                                            \
	do {                                                                                                         \
		type v;                                                                                              \
		if (dbl)                                                                                             \
			__asm__ volatile("ldmxcsr %2\n\t" d " %3, %0\n\tstmxcsr %1\n\tldmxcsr %4"                    \
					 : "=&r"(v), "=m"(after)                                                     \
					 : "m"(mxcsr), "x"(x), "m"(quiet));                                          \
		else                                                                                                 \
			__asm__ volatile("ldmxcsr %2\n\t" s " %3, %0\n\tstmxcsr %1\n\tldmxcsr %4"                    \
					 : "=&r"(v), "=m"(after)                                                     \
					 : "m"(mxcsr), "x"(x), "m"(quiet));                                          \
		*flags = after & 0x3f;                                                                               \
		return (u64)v;                                                                                       \
	} while (0)
	switch (op) {
	case ADD:
		BOTH("addsd", "addss");
		break;
	case SUB:
		BOTH("subsd", "subss");
		break;
	case MUL:
		BOTH("mulsd", "mulss");
		break;
	case DIV:
		BOTH("divsd", "divss");
		break;
	case SQRT:
		y = x;
		BOTH("sqrtsd", "sqrtss");
		break;
	case MIN:
		BOTH("minsd", "minss");
		break;
	case MAX:
		BOTH("maxsd", "maxss");
		break;
	case WIDEN:
		y = x;
		BOTH("cvtsd2ss", "cvtss2sd");
		dbl = !dbl;
		break;
	case COMI:
	case UCOMI:
#define COMPARE(insn)                                                                                                \
	__asm__ volatile("ldmxcsr %2\n\t" insn " %4, %3\n\tpushf\n\tpop %0\n\tstmxcsr %1\n\tldmxcsr %5"              \
			 : "=&r"(fl), "=m"(after)                                                                    \
			 : "m"(mxcsr), "x"(x), "x"(y), "m"(quiet)                                                    \
			 : "cc")
		if (op == COMI && dbl)
			COMPARE("comisd");
		else if (op == COMI)
			COMPARE("comiss");
		else if (dbl)
			COMPARE("ucomisd");
		else
			COMPARE("ucomiss");
		*flags = after & 0x3f;
		return fl & 4 ? FP_UNORDERED : fl & 0x40 ? FP_EQUAL : fl & 1 ? (u64)FP_LESS : FP_GREATER;
	case TOI32:
		TOINT("cvtsd2si", "cvtss2si", i32);
	case TOI64:
		TOINT("cvtsd2si", "cvtss2si", i64);
	case TOI32T:
		TOINT("cvttsd2si", "cvttss2si", i32);
	case TOI64T:
		TOINT("cvttsd2si", "cvttss2si", i64);
	case FROMI32:
	case FROMI64:
#define FROM(insn, v)                                                                                                \
	__asm__ volatile("ldmxcsr %2\n\t" insn " %3, %0\n\tstmxcsr %1\n\tldmxcsr %4"                                 \
			 : "+x"(r), "=m"(after)                                                                      \
			 : "m"(mxcsr), "r"(v), "m"(quiet))
		if (op == FROMI32 && dbl)
			FROM("cvtsi2sdl", (u32)a);
		else if (op == FROMI32)
			FROM("cvtsi2ssl", (u32)a);
		else if (dbl)
			FROM("cvtsi2sdq", a);
		else
			FROM("cvtsi2ssq", a);
		break;
	}
	*flags = after & 0x3f;
	memcpy(&out, &r, 8);
	return dbl ? out : (u32)out;
}

static u64 our_run(int op, bool dbl, u64 a, u64 b, struct fp_env *e)
{
	f32 c = (f32)a, d = (f32)b;
	switch (op) {
	case ADD:
		return dbl ? f64_add(a, b, e) : f32_add(c, d, e);
	case SUB:
		return dbl ? f64_sub(a, b, e) : f32_sub(c, d, e);
	case MUL:
		return dbl ? f64_mul(a, b, e) : f32_mul(c, d, e);
	case DIV:
		return dbl ? f64_div(a, b, e) : f32_div(c, d, e);
	case SQRT:
		return dbl ? f64_sqrt(a, e) : f32_sqrt(c, e);
	case MIN:
		return dbl ? f64_min(a, b, e) : f32_min(c, d, e);
	case MAX:
		return dbl ? f64_max(a, b, e) : f32_max(c, d, e);
	case COMI:
		return (u64)(dbl ? f64_compare(a, b, e) : f32_compare(c, d, e));
	case UCOMI:
		return (u64)(dbl ? f64_compare_quiet(a, b, e) : f32_compare_quiet(c, d, e));
	case WIDEN:
		return dbl ? f64_to_f32(a, e) : f32_to_f64(c, e);
	case TOI32:
		return (u64)(dbl ? f64_to_i32(a, e) : f32_to_i32(c, e));
	case TOI64:
		return (u64)(dbl ? f64_to_i64(a, e) : f32_to_i64(c, e));
	case TOI32T:
		return (u64)(dbl ? f64_to_i32_trunc(a, e) : f32_to_i32_trunc(c, e));
	case TOI64T:
		return (u64)(dbl ? f64_to_i64_trunc(a, e) : f32_to_i64_trunc(c, e));
	case FROMI32:
		return dbl ? i32_to_f64((i32)a) : i32_to_f32((i32)a, e);
	default:
		return dbl ? i64_to_f64((i64)a, e) : i64_to_f32((i64)a, e);
	}
}

static void sse_rounds(int op, bool unmasked, int rounds)
{
	struct rng r = { (u64)op * 1000 + unmasked };
	hw_catch();
	for (int i = 0; i < rounds; i++) {
		bool dbl = i & 1, fault;
		u32 mxcsr = 0x1f80 | (u32)(next(&r) & 3) << 13;
		u64 a = dbl ? gen64(&r) : gen32(&r), b = dbl ? gen64(&r) : gen32(&r), want, got;
		u8 hw;

		if (!(next(&r) & 3))
			mxcsr |= 0x8040 & (u32)next(&r);
		if (unmasked)
			mxcsr &= ~(u32)(next(&r) & 0x1f80);
		if (op == FROMI32 || op == FROMI64)
			a = gen_bits(&r, op == FROMI32 ? 32 : 64) >> (next(&r) & 63);
		if (!(next(&r) & 15))
			b = a ^ (next(&r) & 1) << (dbl ? 63 : 31);
		struct fp_env e = fp_env_mxcsr(mxcsr);
		want = hw_run(op, dbl, a, b, mxcsr, &hw, &fault);
		got = our_run(op, dbl, a, b, &e);
		bool due = fp_settle(&e) != 0;
		if (due)
			got = 0;
		quick_msg(due == fault && want == got && e.flags == hw,
			      "%s%s a=%llx b=%llx mxcsr=%x: host %llx flags %x fault %d, ours %llx flags %x fault %d",
			      names[op], dbl ? ".64" : ".32", (unsigned long long)a, (unsigned long long)b, mxcsr,
			      (unsigned long long)want, hw, fault, (unsigned long long)got, e.flags, due);
	}
}

START_TEST(test_sse_host)
{
	sse_rounds(_i, false, FP_ROUNDS);
}
END_TEST

START_TEST(test_sse_host_unmasked)
{
	sse_rounds(_i, true, FP_ROUNDS / 8);
}
END_TEST
#endif

Suite *fp_sse_suite(void)
{
	Suite *s = suite_create("cpu/fp: SSE");
#if defined(__x86_64__) && defined(__linux__)
	TCase *t = tcase_create("SSE against the host");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, test_sse_host, 0, NOPS);
	tcase_add_loop_test(t, test_sse_host_unmasked, 0, NOPS);
	suite_add_tcase(s, t);
#endif
	return s;
}
