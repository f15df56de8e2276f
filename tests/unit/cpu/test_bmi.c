/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * BMI1, BMI2, LZCNT, TZCNT, MOVBE, ADX against the host; what TZCNT and LZCNT are without their feature; RDPID; the
 * names of models and features.
 */
#include <errno.h>

#include "cpu/x86/model.h"
#include "tests/suites.h"
#include "tests/unit/avx_env.h"

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
		guest_code(&g->guest, k.b, k.n);
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
	u64 f;
	u32 i;

	env_open(&g);
	g.c->s.tsc_aux = 0x1234567;
	memset(&o, 0, sizeof o);
	o.gpr[RCX] = 0x1000;
	guest_code(&g.guest, lzcnt, 4);
	ck_assert_int_eq(env_guest(&g, 4, &o), -1);
	ck_assert_uint_eq(o.gpr[RAX], 19);
	guest_code(&g.guest, rdpid, 4);
	ck_assert_int_eq(env_guest(&g, 4, &o), -1);
	ck_assert_uint_eq(o.gpr[RAX], 0x1234567);
	f = g.c->features;
	ck_assert_int_eq(x86_features_parse("x86-64-v2", &f, NULL), 0);
	/* Code decoded for one set of features does not run under another: the bytes stay where they are. */
	guest_code(&g.guest, lzcnt, 4);
	ck_assert_int_eq(env_guest(&g, 4, &o), -1);
	ck_assert_uint_eq(o.gpr[RAX], 19);
	x86_set_features(g.c, f, NULL);
	ck_assert_int_eq(env_guest(&g, 4, &o), -1);
	ck_assert_uint_eq(o.gpr[RAX], 12);
	x86_set_features(g.c, x86_features_implemented(), NULL);
	ck_assert_int_eq(env_guest(&g, 4, &o), -1);
	ck_assert_uint_eq(o.gpr[RAX], 19);
	/* More sets than a cache has numbers for. */
	for (i = 0; i < 3 * CODE_SETS; i++)
		x86_set_features(g.c, f ^ (u64)i << F_AES, NULL);
	ck_assert_uint_lt(g.c->feature_set, CODE_SETS);
	ck_assert(!g.c->cpu.uncached);
	x86_set_features(g.c, f, NULL);
	ck_assert_int_eq(env_guest(&g, 4, &o), -1);
	ck_assert_uint_eq(o.gpr[RAX], 12);
	guest_code(&g.guest, andn, 5);
	ck_assert_int_eq(env_guest(&g, 5, &o), X86_UD);
	guest_code(&g.guest, rdpid, 4);
	ck_assert_int_eq(env_guest(&g, 4, &o), X86_UD);
	env_close(&g);
}
END_TEST

START_TEST(models)
{
	struct error e;
	u64 f = 0, all = x86_features_implemented();

	for (const struct x86_model *m = x86_model_list(); m->name; m++) {
		ck_assert_int_eq(x86_features_parse(m->name, &f, &e), 0);
		ck_assert(f & BIT(F_BASE));
		ck_assert_uint_eq(f, m->features & all);
		/* What a feature needs is there. */
		ck_assert(!(f & BIT(F_AVX2)) || f & BIT(F_AVX));
		ck_assert(!(f & BIT(F_AVX)) || f & BIT(F_XSAVE));
	}
	ck_assert_int_eq(x86_features_parse("max", &f, &e), 0);
	ck_assert_uint_eq(f, all);
	ck_assert_int_eq(x86_features_parse("x86-64-v1,+avx2,-fma", &f, &e), 0);
	ck_assert(f & BIT(F_AVX) && f & BIT(F_XSAVE) && f & BIT(F_SSE42) && !(f & BIT(F_FMA)));
	ck_assert_int_eq(x86_features_parse("-sse4.2", &f, &e), 0);
	ck_assert(!(f & BIT(F_AVX2)) && !(f & BIT(F_AVX)) && f & BIT(F_SSE41));
	ck_assert_int_eq(x86_features_parse("haswell,aes=off,adx=on", &f, &e), 0);
	ck_assert(!(f & BIT(F_AES)) && f & BIT(F_ADX));
	all = f;
	/* Letters of either case; '-' and '_' alike. */
	ck_assert_int_eq(x86_features_parse("Haswell,-LAHF-lm", &f, &e), 0);
	ck_assert(!(f & BIT(F_LAHF)) && f & BIT(F_LM));
	f = all;
	/* Long mode needs its baseline, and brings it. */
	ck_assert_int_eq(x86_features_parse("max,-sse2", &f, &e), 0);
	ck_assert(!(f & (BIT(F_LM) | BIT(F_AVX) | BIT(F_PCID))) && f & BIT(F_SSE));
	ck_assert_int_eq(x86_features_parse("pentium3,+lm", &f, &e), 0);
	ck_assert(f & BIT(F_SYSCALL) && f & BIT(F_SSE2) && f & BIT(F_NX));
	f = all;
	ck_assert_ptr_eq(x86_model_named("Haswell,-aes"), x86_model_named("haswell"));
	ck_assert_str_eq(x86_model_named("+aes")->name, "max");
	ck_assert_int_eq(x86_features_parse("haswel", &f, &e), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.text, "'haswell'"));
	ck_assert_int_eq(x86_features_parse("max,+bmi3", &f, &e), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.text, "'bmi1'"));
	ck_assert_int_eq(x86_features_parse("max,+avx512f", &f, &e), -ENOTSUP);
	ck_assert_ptr_nonnull(strstr(e.text, "not implemented"));
	ck_assert_int_eq(x86_features_parse("max,-avx512f", &f, &e), 0);
	f = all;
	ck_assert_int_eq(x86_features_parse("x86-64-v4", &f, &e), -ENOTSUP);
	ck_assert_int_eq(x86_features_parse("", &f, &e), -EINVAL);
	ck_assert_int_eq(x86_features_parse("max,", &f, &e), -EINVAL);
	ck_assert_int_eq(x86_features_parse("max,avx=maybe", &f, &e), -EINVAL);
	ck_assert_uint_eq(f, all);
}
END_TEST

/* CPUID of processors without a hypervisor. */
START_TEST(cpuid_by_model)
{
	static const struct {
		const char *spec;
		u32 last, signature, edx, not_edx, ecx, not_ecx, extended;
	} t[] = {
		/* FPU; none of TSC CX8 CMOV MMX SSE */
		{ "486", 1, 0x480, 1, 0x2808110, 0, ~0u, 0 },
		{ "pentium3", 2, 0x683, 0x2808151, 1u << 26, 0, ~0u, 0 },
		{ "core2duo", 0xa, 0x6fb, 1u << 26, 0, 0x2201, 0x180000, 0x80000008 },
		{ "nehalem", 0xb, 0x106a5, 1u << 26, 0, 0x982201, 0x14000000, 0x80000008 },
		{ "haswell", 0xd, 0x306c3, 1u << 26, 0, 0x369a3201, 0, 0x80000008 },
		{ "486,+avx2", 0xd, 0x480, 1u << 26, 1u << 4, 1u << 28, 0, 0 },
	};
	struct env g;
	u32 o[4], i;

	env_open(&g);
	for (i = 0; i < ARRAY_SIZE(t); i++) {
		u64 f = 0;

		ck_assert_int_eq(x86_features_parse(t[i].spec, &f, NULL), 0);
		x86_set_features(g.c, f, x86_model_named(t[i].spec));
		x86_cpuid(g.c, 0, 0, o);
		ck_assert_msg(o[0] == t[i].last, "%s: %x", t[i].spec, o[0]);
		x86_cpuid(g.c, 1, 0, o);
		ck_assert_msg(o[0] == t[i].signature, "%s: %x", t[i].spec, o[0]);
		ck_assert_msg((o[3] & t[i].edx) == t[i].edx && !(o[3] & t[i].not_edx), "%s: edx %x", t[i].spec, o[3]);
		ck_assert_msg((o[2] & t[i].ecx) == t[i].ecx && !(o[2] & t[i].not_ecx & ~(1u << 27)), "%s: ecx %x", t[i].spec,
			      o[2]);
		x86_cpuid(g.c, 0x80000000, 0, o);
		/* A processor without these leaves answers as for its last. */
		ck_assert_msg(t[i].extended ? o[0] == t[i].extended : o[0] < 0x80000000, "%s: %x", t[i].spec, o[0]);
		x86_reset(g.c);
		ck_assert_uint_eq(g.c->r[RDX], t[i].signature);
		/* CR4 and EFER have what the features allow. */
		ck_assert_int_eq(!(x86_efer_bits(g.c) & EFER_LME), !(f & BIT(F_LM)));
		ck_assert_int_eq(!(x86_cr4_bits(g.c) & CR4_PAE), !(f & BIT(F_PAE)));
		ck_assert_int_eq(!(x86_cr4_bits(g.c) & CR4_OSXSAVE), !(f & BIT(F_XSAVE)));
	}
	env_close(&g);
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
	tcase_add_test(t, cpuid_by_model);
	suite_add_tcase(s, t);
	return s;
}
