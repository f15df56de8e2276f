/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Processor models and feature names. x86-64 psABI 3.1 for the levels; QEMU's and Linux's names for features.
 */
#include "cpu/x86/model.h"

#include <errno.h>
#include <string.h>

#include "cpu/cpu.h"
#include "cpu/x86/decode.h"

#define F(n) BIT(F_##n)
#define M_486 (F(BASE) | F(X87))
#define M_P3 (M_486 | F(TSC) | F(CX8) | F(CMOV) | F(MMX) | F(FXSR) | F(SSE))
#define M_V1 (M_P3 | F(SSE2) | F(SYSCALL) | F(CLFLUSH))
#define M_CORE2 (M_V1 | F(SSE3) | F(SSSE3) | F(CX16))
#define M_V2 (M_CORE2 | F(SSE41) | F(SSE42) | F(POPCNT))
#define M_DEFAULT (M_V2 | F(FSGSBASE) | F(RDTSCP) | F(RDRAND) | F(RDSEED) | F(XSAVE) | F(3DNOWPREFETCH))
#define M_V3 (M_V2 | F(XSAVE) | F(AVX) | F(AVX2) | F(BMI1) | F(BMI2) | F(F16C) | F(FMA) | F(LZCNT) | F(MOVBE))
#define M_HASWELL                                                                                                    \
	(M_V3 | F(FSGSBASE) | F(RDTSCP) | F(RDRAND) | F(AES) | F(PCLMUL) | F(XSAVEOPT))

static const struct cpu_model models[] = {
	{ "max", "everything this interpreter executes", ~0ull },
	{ "default", "x86-64-v2 with FSGSBASE, RDTSCP, RDRAND, RDSEED and XSAVE", M_DEFAULT },
	{ "x86-64-v1", "the first x86-64: SSE2", M_V1 },
	{ "x86-64-v2", "SSE4.2, SSSE3, POPCNT, CMPXCHG16B", M_V2 },
	{ "x86-64-v3", "AVX2, BMI1, BMI2, FMA, F16C, LZCNT, MOVBE, XSAVE", M_V3 },
	{ "486", "a 486DX: no CMOV, no MMX", M_486 },
	{ "pentium3", "SSE", M_P3 },
	{ "core2duo", "SSSE3", M_CORE2 },
	{ "nehalem", "SSE4.2, RDTSCP", M_V2 | F(RDTSCP) },
	{ "haswell", "x86-64-v3 with AES, PCLMULQDQ, RDRAND, FSGSBASE", M_HASWELL },
	{ NULL, NULL, 0 },
};

/* What a feature needs besides itself. */
static const struct feature {
	const char *name;
	u64 needs;
} features[F_COUNT] = {
	[F_X87] = { "fpu", 0 },
	[F_TSC] = { "tsc", 0 },
	[F_CX8] = { "cx8", 0 },
	[F_CMOV] = { "cmov", 0 },
	[F_MMX] = { "mmx", F(X87) },
	[F_FXSR] = { "fxsr", F(X87) },
	[F_SSE] = { "sse", F(FXSR) | F(MMX) },
	[F_SSE2] = { "sse2", F(SSE) },
	[F_SSE3] = { "sse3", F(SSE2) },
	[F_SSSE3] = { "ssse3", F(SSE3) },
	[F_SSE41] = { "sse4.1", F(SSSE3) },
	[F_SSE42] = { "sse4.2", F(SSE41) },
	[F_POPCNT] = { "popcnt", 0 },
	[F_CX16] = { "cx16", F(CX8) },
	[F_FSGSBASE] = { "fsgsbase", 0 },
	[F_RDTSCP] = { "rdtscp", F(TSC) },
	[F_RDRAND] = { "rdrand", 0 },
	[F_RDSEED] = { "rdseed", 0 },
	[F_XSAVE] = { "xsave", F(FXSR) },
	[F_XSAVEOPT] = { "xsaveopt", F(XSAVE) },
	[F_XSAVEC] = { "xsavec", F(XSAVE) },
	[F_SYSCALL] = { "syscall", 0 },
	[F_CLFLUSH] = { "clflush", 0 },
	[F_CLFLUSHOPT] = { "clflushopt", F(CLFLUSH) },
	[F_CLWB] = { "clwb", F(CLFLUSH) },
	[F_3DNOWPREFETCH] = { "3dnowprefetch", 0 },
	[F_MOVBE] = { "movbe", 0 },
	[F_LZCNT] = { "lzcnt", 0 },
	[F_BMI1] = { "bmi1", 0 },
	[F_BMI2] = { "bmi2", 0 },
	[F_ADX] = { "adx", 0 },
	[F_AES] = { "aes", F(SSE2) },
	[F_PCLMUL] = { "pclmulqdq", F(SSE2) },
	[F_SHA] = { "sha-ni", F(SSSE3) },
	[F_RDPID] = { "rdpid", 0 },
	[F_AVX] = { "avx", F(XSAVE) | F(SSE42) },
	[F_AVX2] = { "avx2", F(AVX) },
	[F_FMA] = { "fma", F(AVX) },
	[F_F16C] = { "f16c", F(AVX) },
	[F_SERIALIZE] = { "serialize", 0 },
	[F_SMAP] = { "smap", 0 },
	[F_INVPCID] = { "invpcid", 0 },
	[F_MONITOR] = { "monitor", 0 },
	[F_VMX] = { "vmx", 0 },
};

/* Other spellings of these, and of what no number is given to because it is not there. */
static const struct {
	const char *name;
	u8 feature; /* F_COUNT: known, not implemented */
} aliases[] = {
	{ "x87", F_X87 },           { "sse4_1", F_SSE41 },       { "sse4_2", F_SSE42 },      { "pni", F_SSE3 },
	{ "abm", F_LZCNT },         { "pclmul", F_PCLMUL },      { "sha", F_SHA },           { "sha_ni", F_SHA },
	{ "cmpxchg8b", F_CX8 },     { "cmpxchg16b", F_CX16 },    { "avx512f", F_COUNT },     { "avx512bw", F_COUNT },
	{ "avx512vl", F_COUNT },    { "avx512dq", F_COUNT },     { "avx512cd", F_COUNT },    { "avx-vnni", F_COUNT },
	{ "vaes", F_COUNT },        { "vpclmulqdq", F_COUNT },   { "gfni", F_COUNT },        { "xsaves", F_COUNT },
	{ "sse4a", F_COUNT },       { "fma4", F_COUNT },         { "xop", F_COUNT },         { "tbm", F_COUNT },
	{ "3dnow", F_COUNT },       { "3dnowext", F_COUNT },     { "svm", F_COUNT },         { "rtm", F_COUNT },
	{ "hle", F_COUNT },         { "mpx", F_COUNT },          { "amx-tile", F_COUNT },    { "waitpkg", F_COUNT },
	{ "movdiri", F_COUNT },     { "movdir64b", F_COUNT },    { "enqcmd", F_COUNT },      { "cet-ss", F_COUNT },
	{ "cet-ibt", F_COUNT },     { "sgx", F_COUNT },          { "uintr", F_COUNT },       { "cldemote", F_COUNT },
	{ "x86-64-v4", F_COUNT },
};

const struct cpu_model *cpu_model_list(void)
{
	return models;
}

const char *cpu_feature_name(u32 n)
{
	return n < F_COUNT ? features[n].name : NULL;
}

u64 cpu_features_default(void)
{
	return (M_DEFAULT | F(TSC) | F(CX8) | F(CMOV)) & cpu_features_implemented();
}

/* ---- names -------------------------------------------------------------------------------------------------------- */

static bool same(const char *name, const char *s, size_t n)
{
	return strlen(name) == n && !memcmp(name, s, n);
}

/* Letters to add, take away or change to make one of the other. */
static u32 distance(const char *a, size_t n, const char *b)
{
	u32 row[65], m = (u32)strlen(b), i, j;

	if (n > 64 || m > 64)
		return 64;
	for (j = 0; j <= m; j++)
		row[j] = j;
	for (i = 1; i <= n; i++) {
		u32 diagonal = row[0];

		row[0] = i;
		for (j = 1; j <= m; j++) {
			u32 up = row[j];

			row[j] = MIN(MIN(row[j], row[j - 1]) + 1, diagonal + (a[i - 1] != b[j - 1]));
			diagonal = up;
		}
	}
	return row[m];
}

struct nearest {
	const char *name;
	u32 distance;
};
static void consider(struct nearest *best, const char *name, const char *s, size_t n)
{
	u32 far = distance(s, n, name);

	if (far < best->distance)
		*best = (struct nearest){ name, far };
}

/* F_COUNT: known but not implemented. -1: unknown. */
static int find_feature(const char *s, size_t n)
{
	u32 k;

	for (k = 0; k < F_COUNT; k++)
		if (features[k].name && same(features[k].name, s, n))
			return cpu_features_implemented() >> k & 1 ? (int)k : F_COUNT;
	for (k = 0; k < ARRAY_SIZE(aliases); k++)
		if (same(aliases[k].name, s, n))
			return aliases[k].feature;
	return -1;
}

static const struct cpu_model *find_model(const char *s, size_t n)
{
	const struct cpu_model *m;

	for (m = models; m->name; m++)
		if (same(m->name, s, n))
			return m;
	return NULL;
}

static int no_feature(const char *spec, const char *s, size_t n, struct error *e)
{
	struct nearest best = { "avx2", ~0u };
	u32 k;

	for (k = 0; k < F_COUNT; k++)
		if (features[k].name && cpu_features_implemented() >> k & 1)
			consider(&best, features[k].name, s, n);
	return error_set(e, -EINVAL, "-cpu %.80s: there is no feature '%.*s'; the nearest is '%s' ('-cpu help' lists them)",
			 spec, (int)MIN(n, 40u), s, best.name);
}

static int no_model(const char *spec, const char *s, size_t n, struct error *e)
{
	struct nearest best = { "max", ~0u };
	const struct cpu_model *m;

	for (m = models; m->name; m++)
		consider(&best, m->name, s, n);
	return error_set(e, -EINVAL, "-cpu %.80s: there is no model '%.*s'; the nearest is '%s' ('-cpu help' lists them)",
			 spec, (int)MIN(n, 40u), s, best.name);
}

/* ---- on and off ----------------------------------------------------------------------------------------------------- */

static u64 with(u64 set, u32 feature)
{
	u64 need = features[feature].needs & ~set;
	u32 k;

	set |= BIT(feature);
	for (k = 0; k < F_COUNT; k++)
		if (need >> k & 1)
			set = with(set, k);
	return set;
}

static u64 without(u64 set, u32 feature)
{
	u32 k;

	set &= ~BIT(feature);
	for (k = 0; k < F_COUNT; k++)
		if ((set >> k & 1) && (features[k].needs & BIT(feature)))
			set = without(set, k);
	return set;
}

int cpu_features_parse(const char *spec, u64 *out, struct error *e)
{
	u64 set = *out;
	const char *p = spec;
	bool first = true;

	for (;; first = false) {
		size_t n = strcspn(p, ","), name = n;
		bool on = true;
		int f;

		if (!n) {
			return error_set(e, -EINVAL,
					 "-cpu %.80s: a name is missing: give a model, as in x86-64-v3, and features, as in +avx2",
					 spec);
		}
		if (first && *p != '+' && *p != '-' && !memchr(p, '=', n)) {
			const struct cpu_model *m = find_model(p, n);

			if (!m && find_feature(p, n) == F_COUNT)
				return error_set(e, -ENOTSUP, "-cpu %.80s: %.*s is not implemented: x86-64-v3 is the highest level",
						 spec, (int)n, p);
			if (!m)
				return no_model(spec, p, n, e);
			set = m->features & cpu_features_implemented();
		} else {
			const char *s = p;

			if (*p == '+' || *p == '-') {
				on = *p == '+';
				s++;
				name--;
			} else if (memchr(p, '=', n)) {
				name = (size_t)((const char *)memchr(p, '=', n) - p);
				on = same("on", p + name + 1, n - name - 1);
				if (!on && !same("off", p + name + 1, n - name - 1))
					return error_set(e, -EINVAL, "-cpu %.80s: '%.*s' must be on or off", spec,
							 (int)MIN(n, 40u), p);
			}
			f = find_feature(s, name);
			if (f < 0)
				return no_feature(spec, s, name, e);
			if (f == F_COUNT && on)
				return error_set(e, -ENOTSUP, "-cpu %.80s: %.*s is not implemented: leave it out", spec,
						 (int)name, s);
			if (f < F_COUNT)
				set = on ? with(set, (u32)f) : without(set, (u32)f);
		}
		p += n;
		if (!*p)
			break;
		p++;
	}
	*out = set | F(BASE);
	return 0;
}
