/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPUID of a processor by its model and features (SDM 2A CPUID). Machines with a hypervisor filter what this says. Left
 * out: topology and power leaves, which are zero.
 */
#include <string.h>

#include "cpu/x86/decode.h"
#include "cpu/x86/model.h"
#include "cpu/x86/x86.h"
#include "cpu/x86/xsave.h"

#define EXT 0x80000000u
#define EXT_LAST 0x80000008u
#define PHYS_BITS 46u

static const struct {
	u8 feature, word, bit;
} feature_bits[] = {
	{ F_X87, L1_EDX, 0 },      { F_VME, L1_EDX, 1 },         { F_DE, L1_EDX, 2 },
	{ F_PSE, L1_EDX, 3 },      { F_TSC, L1_EDX, 4 },         { F_MSR, L1_EDX, 5 },
	{ F_PAE, L1_EDX, 6 },      { F_CX8, L1_EDX, 8 },         { F_SEP, L1_EDX, 11 },
	{ F_PGE, L1_EDX, 13 },     { F_CMOV, L1_EDX, 15 },       { F_PAT, L1_EDX, 16 },
	{ F_CLFLUSH, L1_EDX, 19 }, { F_MMX, L1_EDX, 23 },        { F_FXSR, L1_EDX, 24 },
	{ F_SSE, L1_EDX, 25 },     { F_SSE2, L1_EDX, 26 },       { F_SSE3, L1_ECX, 0 },
	{ F_PCLMUL, L1_ECX, 1 },   { F_MONITOR, L1_ECX, 3 },     { F_SSSE3, L1_ECX, 9 },
	{ F_FMA, L1_ECX, 12 },     { F_CX16, L1_ECX, 13 },       { F_PCID, L1_ECX, 17 },
	{ F_SSE41, L1_ECX, 19 },   { F_SSE42, L1_ECX, 20 },      { F_MOVBE, L1_ECX, 22 },
	{ F_POPCNT, L1_ECX, 23 },  { F_AES, L1_ECX, 25 },        { F_XSAVE, L1_ECX, 26 },
	{ F_AVX, L1_ECX, 28 },     { F_F16C, L1_ECX, 29 },       { F_RDRAND, L1_ECX, 30 },
	{ F_FSGSBASE, L7_EBX, 0 }, { F_BMI1, L7_EBX, 3 },        { F_AVX2, L7_EBX, 5 },
	{ F_SMEP, L7_EBX, 7 },     { F_BMI2, L7_EBX, 8 },        { F_ERMS, L7_EBX, 9 },
	{ F_INVPCID, L7_EBX, 10 }, { F_RDSEED, L7_EBX, 18 },     { F_ADX, L7_EBX, 19 },
	{ F_SMAP, L7_EBX, 20 },    { F_CLFLUSHOPT, L7_EBX, 23 }, { F_CLWB, L7_EBX, 24 },
	{ F_SHA, L7_EBX, 29 },     { F_UMIP, L7_ECX, 2 },        { F_LA57, L7_ECX, 16 },
	{ F_PKU, L7_ECX, 3 },
	{ F_RDPID, L7_ECX, 22 },   { F_FSRM, L7_EDX, 4 },        { F_SERIALIZE, L7_EDX, 14 },
	{ F_XSAVEOPT, LD_EAX, 0 }, { F_XSAVEC, LD_EAX, 1 },      { F_XSAVEC, LD_EAX, 2 }, /* XGETBV with ECX 1 */
	{ F_LAHF, LX_ECX, 0 },     { F_LZCNT, LX_ECX, 5 },       { F_3DNOWPREFETCH, LX_ECX, 8 },
	{ F_SYSCALL, LX_EDX, 11 }, { F_NX, LX_EDX, 20 },         { F_RDTSCP, LX_EDX, 27 },
	{ F_LM, LX_EDX, 29 },      { F_PDPE1GB, LX_EDX, 26 },
};

u32 cpuid_bits(u64 features, enum cpuid_word w)
{
	u32 v = 0, i;

	for (i = 0; i < ARRAY_SIZE(feature_bits); i++)
		if (feature_bits[i].word == w && features >> feature_bits[i].feature & 1)
			v |= 1u << feature_bits[i].bit;
	return v;
}

static u32 bits(const struct x86 *c, enum cpuid_word w)
{
	return cpuid_bits(c->features, w);
}

static const struct x86_model *model_of(const struct x86 *c)
{
	return c->model ? c->model : x86_model_list();
}

/* Features may stand in later leaves than the model has. */
static u32 last_basic(const struct x86 *c)
{
	u32 n = model_of(c)->leaves;

	if (bits(c, L7_EBX) | bits(c, L7_ECX) | bits(c, L7_EDX))
		n = MAX(n, 7u);
	return c->features & BIT(F_XSAVE) ? MAX(n, 0xdu) : n;
}

/* 0: a 32-bit processor that has no such leaves. */
static u32 last_extended(const struct x86 *c)
{
	return bits(c, LX_EDX) | bits(c, LX_ECX) || model_of(c)->brand ? EXT_LAST : 0;
}

static u32 word(const char *p)
{
	return (u32)(u8)p[0] | (u32)(u8)p[1] << 8 | (u32)(u8)p[2] << 16 | (u32)(u8)p[3] << 24;
}

/* Cache of a type (1 data, 2 code, 3 both) and level, 8 ways of 64-byte lines, private. */
static void cache(u32 out[4], u32 type, u32 level, u32 sets)
{
	out[0] = type | level << 5 | 1 << 8;
	out[1] = 63 | 7u << 22;
	out[2] = sets - 1;
}

/* SDM 1 13.4 and 13.5. */
static void leaf_xsave(const struct x86 *c, u32 sub, u32 out[4])
{
	u64 all = xsave_components(c);

	if (!(c->features & BIT(F_XSAVE)))
		return;
	switch (sub) {
	case 0:
		out[0] = (u32)all;
		out[1] = xsave_size(c->s.xcr0, false);
		out[2] = xsave_size(all, false);
		break;
	case 1:
		out[0] = bits(c, LD_EAX);
		out[1] = c->features & BIT(F_XSAVEC) ? xsave_size(c->s.xcr0, true) : 0;
		break;
	case 2:
		out[0] = all & X_AVX ? XSAVE_AVX_BYTES : 0;
		out[1] = all & X_AVX ? XSAVE_LEGACY : 0;
		break;
	case 9:
		out[0] = all & X_PKRU ? XSAVE_PKRU_BYTES : 0;
		out[1] = all & X_PKRU ? XSAVE_PKRU : 0;
		break;
	default:
		break;
	}
}

static void leaf_basic(const struct x86 *c, u32 leaf, u32 sub, u32 out[4])
{
	switch (leaf) {
	case 0:
		out[0] = last_basic(c);
		out[1] = word("Genu");
		out[3] = word("ineI");
		out[2] = word("ntel");
		break;
	case 1:
		out[0] = model_of(c)->signature;
		out[1] = c->features & BIT(F_CLFLUSH) ? 8 << 8 : 0;
		out[2] = bits(c, L1_ECX) | (c->s.cr4 & CR4_OSXSAVE ? 1u << 27 : 0);
		out[3] = bits(c, L1_EDX);
		break;
	case 2:
		out[0] = 1;
		break;
	case 4:
		if (sub < 3)
			cache(out, sub < 2 ? sub + 1 : 3, sub < 2 ? 1 : 2, sub < 2 ? 64 : 1024);
		break;
	case 5:
		if (c->features & BIT(F_MONITOR)) {
			out[0] = out[1] = 64;
			out[2] = 3; /* interrupts end a wait even when masked */
		}
		break;
	case 7:
		if (!sub) {
			out[1] = bits(c, L7_EBX);
			out[2] = bits(c, L7_ECX) | (c->s.cr4 & CR4_PKE ? 1u << 4 : 0);
			out[3] = bits(c, L7_EDX);
		}
		break;
	case 0xd:
		leaf_xsave(c, sub, out);
		break;
	default:
		break;
	}
}

static void leaf_extended(const struct x86 *c, u32 leaf, u32 out[4])
{
	char brand[48] = "";
	u32 i;

	switch (leaf) {
	case EXT:
		out[0] = EXT_LAST;
		break;
	case EXT + 1:
		out[2] = bits(c, LX_ECX);
		out[3] = bits(c, LX_EDX);
		break;
	case EXT + 2:
	case EXT + 3:
	case EXT + 4:
		if (model_of(c)->brand)
			strncpy(brand, model_of(c)->brand, sizeof brand - 1);
		for (i = 0; i < 4; i++)
			out[i] = word(brand + (leaf - EXT - 2) * 16 + i * 4);
		break;
	case EXT + 6:
		out[2] = 512u << 16 | 6u << 12 | 64;
		break;
	case EXT + 7:
		out[3] = 1u << 8; /* the TSC runs evenly, always */
		break;
	case EXT + 8:
		out[0] = (c->features & BIT(F_PAE) ? c->features & BIT(F_LM) ? PHYS_BITS : 36 : 32) |
			 (c->features & BIT(F_LA57) ? 57u
			  : c->features & BIT(F_LM) ? 48u
						    : 32u)
				 << 8;
		break;
	default:
		break;
	}
}

void x86_cpuid(struct x86 *c, u32 leaf, u32 subleaf, u32 out[4])
{
	u32 last = last_basic(c);

	memset(out, 0, 4 * sizeof *out);
	if (leaf >= EXT && leaf <= last_extended(c))
		leaf_extended(c, leaf, out);
	else
		leaf_basic(c, MIN(leaf, last), subleaf, out); /* beyond the last it answers as for the last */
}
