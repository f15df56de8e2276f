/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * BMI1, BMI2, LZCNT, TZCNT, MOVBE, ADX against the host; what TZCNT and LZCNT are without their feature; RDPID; the
 * names of models and features.
 */
#include <errno.h>

#include "cpu/x86/model.h"
#include "tests/avx_env.h"
#include "tests/suites.h"

#define BMI_ROUNDS 200

static u8 general(struct rng *r)
{
	static const u8 regs[] = { RAX, RCX, RDX, RBX, RSI, RDI, R8, R9, R11, R12 };

	return regs[rnd(r) % ARRAY_SIZE(regs)];
}

static u64 number(struct rng *r)
{
	static const u64 v[] = { 0, 1, ~0ull, BIT(63), BIT(31), 0xffffffff, 0x7fffffffffffffffull, 0x80, 0x2004, 0x4040, 0xff00 };

	return rnd(r) % 4 ? rnd(r) >> rnd(r) % 64 : v[rnd(r) % ARRAY_SIZE(v)];
}

static u32 defined_flags(const char *name)
{
	if (!strcmp(name, "bextr"))
		return FL_ARITH & ~(u32)(FL_SF | FL_AF | FL_PF);
	if (!strcmp(name, "andn") || !strncmp(name, "bls", 3) || !strcmp(name, "bzhi"))
		return FL_ARITH & ~(u32)(FL_AF | FL_PF);
	if (!strcmp(name, "tzcnt") || !strcmp(name, "lzcnt"))
		return FL_CF | FL_ZF;
	return FL_ARITH;
}

static void sweep(struct env *g, const struct oprow *row, u32 feat)
{
	struct rng r = { row->opcode * 64ull + (u64)row->reg };
	bool memory_only = row_has(row, "M");

	g->rows++;
	for (u32 round = 0; round < BMI_ROUNDS; round++) {
		struct form f = { .mem = memory_only || round & 1, .w = round & 2, .rexw = round & 2, .reg = general(&r),
				  .rm = general(&r), .vvvv = general(&r), .imm = (u8)rnd(&r), .disp = (i8)(rnd(&r) % 64) };
		struct regs in, host, guest;
		struct code k;

		memset(&in, 0, sizeof in);
		for (u32 n = 0; n < 16; n++)
			in.gpr[n] = n == RSP || n == RBP || n >= R13 ? 0 : number(&r);
		for (u32 n = 0; n < MEM_BYTES / 8; n++)
			in.mem[n] = number(&r);
		in.mxcsr = 0x1f80;
		in.flags = rnd(&r) & FL_ARITH;
		f.p66 = !row->vex && !f.rexw && round & 4 && feat != F_ADX;
		if (row->reg >= 0)
			f.reg = (u8)row->reg;
		k = encode(row, &f);
		env_code(g, k.b, k.n);
		guest = host = in;
		ck_assert_msg(env_guest(g, k.n, &guest) == -1, "%s: exception %u", row->name, g->c->trap.vector);
		guest.gpr[RSP] = guest.gpr[RBP] = 0;
		if (!g->exec || !(g->host >> feat & 1))
			continue;
		env_host(g, k.b, k.n, &host);
		env_compare(g, row, &f, &k, &in, &host, &guest, defined_flags(row->name));
	}
}

START_TEST(general_rows)
{
	struct env g;

	env_open(&g);
	for (u32 n = 1; n < x86_vex_nrows; n++) {
		const struct oprow *row = &x86_vex_rows[n];
		u32 feat = row->flags >> FEAT_SHIFT & 0xff;

		if (feat == F_BMI1 || feat == F_BMI2)
			sweep(&g, row, feat);
	}
	ck_assert_uint_eq(g.rows, 16);
	for (u32 n = 1; n < x86_nrows; n++) {
		const struct oprow *row = &x86_rows[n];
		u32 feat = row->flags >> FEAT_SHIFT & 0xff;

		if (!strcmp(row->name, "tzcnt"))
			sweep(&g, row, F_BMI1);
		else if (!strcmp(row->name, "lzcnt"))
			sweep(&g, row, F_LZCNT);
		else if (feat == F_MOVBE || feat == F_ADX)
			sweep(&g, row, feat);
	}
	ck_assert_uint_eq(g.rows, 22);
	env_close(&g);
	ck_assert_msg(!g.wrong, "%u differ", g.wrong);
}
END_TEST

START_TEST(without_the_feature)
{
	static const u8 lzcnt[] = { 0xf3, 0x0f, 0xbd, 0xc1 }, andn[] = { 0xc4, 0xe2, 0x70, 0xf2, 0xc2 };
	static const u8 rdpid[] = { 0xf3, 0x0f, 0xc7, 0xf8 };
	struct env g;
	struct regs o;

	env_open(&g);
	g.c->s.tsc_aux = 0x1234567;
	memset(&o, 0, sizeof o);
	o.gpr[RCX] = 0x1000;
	env_code(&g, lzcnt, 4);
	ck_assert_int_eq(env_guest(&g, 4, &o), -1);
	ck_assert_uint_eq(o.gpr[RAX], 19);
	env_code(&g, rdpid, 4);
	ck_assert_int_eq(env_guest(&g, 4, &o), -1);
	ck_assert_uint_eq(o.gpr[RAX], 0x1234567);
	g.c->features = cpu_features_default();
	code_cache_flush(g.cache);
	env_code(&g, lzcnt, 4);
	ck_assert_int_eq(env_guest(&g, 4, &o), -1);
	ck_assert_uint_eq(o.gpr[RAX], 12);
	env_code(&g, andn, 5);
	ck_assert_int_eq(env_guest(&g, 5, &o), X86_UD);
	env_code(&g, rdpid, 4);
	ck_assert_int_eq(env_guest(&g, 4, &o), X86_UD);
	env_close(&g);
}
END_TEST

START_TEST(models)
{
	struct error e;
	u64 f = 0, all = cpu_features_implemented();

	for (const struct cpu_model *m = cpu_model_list(); m->name; m++) {
		ck_assert_int_eq(cpu_features_parse(m->name, &f, &e), 0);
		ck_assert(f & BIT(F_BASE));
		ck_assert_uint_eq(f, m->features & all);
		/* What a feature needs is there. */
		ck_assert(!(f & BIT(F_AVX2)) || f & BIT(F_AVX));
		ck_assert(!(f & BIT(F_AVX)) || f & BIT(F_XSAVE));
	}
	ck_assert_int_eq(cpu_features_parse("max", &f, &e), 0);
	ck_assert_uint_eq(f, all);
	ck_assert_int_eq(cpu_features_parse("x86-64-v1,+avx2,-fma", &f, &e), 0);
	ck_assert(f & BIT(F_AVX) && f & BIT(F_XSAVE) && f & BIT(F_SSE42) && !(f & BIT(F_FMA)));
	ck_assert_int_eq(cpu_features_parse("-sse4.2", &f, &e), 0);
	ck_assert(!(f & BIT(F_AVX2)) && !(f & BIT(F_AVX)) && f & BIT(F_SSE41));
	ck_assert_int_eq(cpu_features_parse("haswell,aes=off,adx=on", &f, &e), 0);
	ck_assert(!(f & BIT(F_AES)) && f & BIT(F_ADX));
	all = f;
	ck_assert_int_eq(cpu_features_parse("haswel", &f, &e), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.text, "'haswell'"));
	ck_assert_int_eq(cpu_features_parse("max,+bmi3", &f, &e), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.text, "'bmi1'"));
	ck_assert_int_eq(cpu_features_parse("max,+avx512f", &f, &e), -ENOTSUP);
	ck_assert_ptr_nonnull(strstr(e.text, "not implemented"));
	ck_assert_int_eq(cpu_features_parse("max,-avx512f", &f, &e), 0);
	f = all;
	ck_assert_int_eq(cpu_features_parse("x86-64-v4", &f, &e), -ENOTSUP);
	ck_assert_int_eq(cpu_features_parse("", &f, &e), -EINVAL);
	ck_assert_int_eq(cpu_features_parse("max,", &f, &e), -EINVAL);
	ck_assert_int_eq(cpu_features_parse("max,avx=maybe", &f, &e), -EINVAL);
	ck_assert_uint_eq(f, all);
}
END_TEST

Suite *bmi_suite(void);
Suite *bmi_suite(void)
{
	Suite *s = suite_create("bmi");
	TCase *t = tcase_create("bmi");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, general_rows);
	tcase_add_test(t, without_the_feature);
	tcase_add_test(t, models);
	suite_add_tcase(s, t);
	return s;
}
