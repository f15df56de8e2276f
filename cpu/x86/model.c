/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Processor models and feature names. x86-64 psABI 3.1 for the levels; QEMU's and Linux's names for features.
 */
#include "cpu/x86/model.h"

#include <errno.h>
#include <string.h>

#include "cpu/x86/decode.h"
#include "cpu/x86/x86.h"

#define F(n) BIT(F_##n)
#define M_486 (F(BASE) | F(X87))
#define M_P3                                                                                                         \
	(M_486 | F(VME) | F(DE) | F(PSE) | F(TSC) | F(MSR) | F(PAE) | F(CX8) | F(SEP) | F(PGE) | F(CMOV) | F(PAT) |  \
	 F(MMX) | F(FXSR) | F(SSE))
#define M_V1 (M_P3 | F(SSE2) | F(SYSCALL) | F(CLFLUSH) | F(NX) | F(LM))
#define M_CORE2 (M_V1 | F(SSE3) | F(SSSE3) | F(CX16) | F(LAHF) | F(MONITOR))
#define M_V2 (M_V1 | F(SSE3) | F(SSSE3) | F(CX16) | F(LAHF) | F(SSE41) | F(SSE42) | F(POPCNT))
#define M_NEHALEM (M_V2 | F(RDTSCP) | F(MONITOR))
#define M_V3 (M_V2 | F(XSAVE) | F(AVX) | F(AVX2) | F(BMI1) | F(BMI2) | F(F16C) | F(FMA) | F(LZCNT) | F(MOVBE))
#define M_HASWELL                                                                                                    \
	(M_V3 | M_NEHALEM | F(FSGSBASE) | F(RDRAND) | F(AES) | F(PCLMUL) | F(XSAVEOPT) | F(PCID) | F(INVPCID) |      \
	 F(SMEP) | F(ERMS))
/* Fast strings are how this interpreter does them: the levels say so too. */
#define FAST (F(ERMS) | F(FSRM))

/* Family 6, model 0x36, stepping 1: the last one that kernels list as free of speculation. */
#define IN_ORDER 0x30661u
#define OURS "Paravane x86-64 interpreter"

static const struct x86_model models[] = {
	{ "max", "everything this interpreter executes", ~0ull, IN_ORDER, 0xd, OURS },
	{ "x86-64-v1", "the first x86-64: SSE2", M_V1 | FAST, IN_ORDER, 0xd, OURS },
	{ "x86-64-v2", "SSE4.2, SSSE3, POPCNT, CMPXCHG16B", M_V2 | FAST, IN_ORDER, 0xd, OURS },
	{ "x86-64-v3", "AVX2, BMI1, BMI2, FMA, F16C, LZCNT, MOVBE, XSAVE", M_V3 | FAST, IN_ORDER, 0xd, OURS },
	{ "486", "a 486DX: 32-bit, no CMOV, no MMX", M_486, 0x480, 1, NULL },
	{ "pentium3", "32-bit, SSE", M_P3, 0x683, 2, NULL },
	{ "core2duo", "SSSE3", M_CORE2, 0x6fb, 0xa, "Paravane as a Core 2 Duo" },
	{ "nehalem", "SSE4.2, RDTSCP", M_NEHALEM, 0x106a5, 0xb, "Paravane as a Nehalem" },
	{ "haswell", "x86-64-v3 with AES, PCLMULQDQ, RDRAND, FSGSBASE", M_HASWELL, 0x306c3, 0xd, "Paravane as a Haswell" },
	{ NULL, NULL, 0, 0, 0, NULL },
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
	[F_SYSCALL] = { "syscall", F(MSR) },
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
	[F_INVPCID] = { "invpcid", F(PCID) },
	[F_MONITOR] = { "monitor", 0 },
	[F_VMX] = { "vmx", 0 },
	[F_VME] = { "vme", 0 },
	[F_DE] = { "de", 0 },
	[F_PSE] = { "pse", 0 },
	[F_MSR] = { "msr", 0 },
	[F_PAE] = { "pae", 0 },
	[F_SEP] = { "sep", F(MSR) },
	[F_PGE] = { "pge", 0 },
	[F_PAT] = { "pat", F(MSR) },
	[F_NX] = { "nx", F(PAE) | F(MSR) },
	/* What every 64-bit system takes for granted: the psABI's baseline. */
	[F_LM] = { "lm", F(PAE) | F(PGE) | F(MSR) | F(TSC) | F(CX8) | F(CMOV) | F(SSE2) | F(SYSCALL) | F(NX) },
	[F_LAHF] = { "lahf_lm", F(LM) },
	[F_PCID] = { "pcid", F(LM) },
	[F_SMEP] = { "smep", 0 },
	[F_UMIP] = { "umip", 0 },
	[F_PKU] = { "pku", F(LM) | F(XSAVE) },
	[F_LA57] = { "la57", F(LM) },
	[F_PDPE1GB] = { "pdpe1gb", F(LM) },
	[F_ERMS] = { "erms", 0 },
	[F_FSRM] = { "fsrm", F(ERMS) },
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
	{ "x86-64-v4", F_COUNT },   { "xd", F_NX },              { "i64", F_LM },            { "lahf-lm", F_LAHF },
	{ "ospke", F_COUNT },        { "pks", F_COUNT },        
	{ "x2apic", F_COUNT },      { "apic", F_COUNT },         { "tsc-deadline", F_COUNT }, { "pse36", F_COUNT },
	{ "mtrr", F_COUNT },        { "mca", F_COUNT },          { "mce", F_COUNT },         { "spec-ctrl", F_COUNT },
	{ "ssbd", F_COUNT },        { "avx512vbmi", F_COUNT },   { "avx512ifma", F_COUNT },  { "avx512_vnni", F_COUNT },
	{ "wbnoinvd", F_COUNT },    { "clzero", F_COUNT },       { "rdpru", F_COUNT },       { "arch-capabilities", F_COUNT },
	{ "tsc_adjust", F_COUNT },  { "perfctr_core", F_COUNT }, { "pmu", F_COUNT },         { "ds", F_COUNT },
	{ "shstk", F_COUNT },       { "ibt", F_COUNT },          { "ptwrite", F_COUNT },     { "intel-pt", F_COUNT },
};

const struct x86_model *x86_model_list(void)
{
	return models;
}

const char *x86_feature_name(u32 n)
{
	return n < F_COUNT ? features[n].name : NULL;
}

/* ---- names -------------------------------------------------------------------------------------------------------- */

/* ASCII, whatever the locale. */
static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* QEMU's models have capitals, its features have '-' where Linux has '_'. */
static bool same(const char *name, const char *s, size_t n)
{
	size_t i;

	if (strlen(name) != n)
		return false;
	for (i = 0; i < n && (lower(s[i]) == name[i] || (s[i] == '-' && name[i] == '_') || (s[i] == '_' && name[i] == '-')); i++)
		;
	return i == n;
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

			row[j] = MIN(MIN(row[j], row[j - 1]) + 1, diagonal + (lower(a[i - 1]) != b[j - 1]));
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
			return x86_features_implemented() >> k & 1 ? (int)k : F_COUNT;
	for (k = 0; k < ARRAY_SIZE(aliases); k++)
		if (same(aliases[k].name, s, n))
			return aliases[k].feature;
	return -1;
}

static const struct x86_model *find_model(const char *s, size_t n)
{
	const struct x86_model *m;

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
		if (features[k].name && x86_features_implemented() >> k & 1)
			consider(&best, features[k].name, s, n);
	return error_set(e, -EINVAL, "-cpu %.80s: there is no feature '%.*s'; the nearest is '%s' ('-cpu help' lists them)",
			 spec, (int)MIN(n, 40u), s, best.name);
}

static int no_model(const char *spec, const char *s, size_t n, struct error *e)
{
	struct nearest best = { "max", ~0u };
	const struct x86_model *m;

	for (m = models; m->name; m++)
		consider(&best, m->name, s, n);
	return error_set(e, -EINVAL, "-cpu %.80s: there is no model '%.*s'; the nearest is '%s' ('-cpu help' lists them)",
			 spec, (int)MIN(n, 40u), s, best.name);
}

const struct x86_model *x86_model_named(const char *spec)
{
	const struct x86_model *m = find_model(spec, strcspn(spec, ","));

	return m ? m : models;
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

int x86_features_parse(const char *spec, u64 *out, struct error *e)
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
			const struct x86_model *m = find_model(p, n);

			if (!m && find_feature(p, n) == F_COUNT)
				return error_set(e, -ENOTSUP, "-cpu %.80s: %.*s is not implemented: x86-64-v3 is the highest level",
						 spec, (int)n, p);
			if (!m)
				return no_model(spec, p, n, e);
			set = m->features & x86_features_implemented();
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
