/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPUID of a paravirtual guest (SDM 2A CPUID; Xen public/arch-x86/cpuid.h). The processor says it is an in-order core
 * that does not speculate, which is the truth, so kernels leave their mitigations out. What Xen hides from PV guests is
 * not there: VME PSE PSE36 PGE MTRR PCID X2APIC TSC_DEADLINE MONITOR SMEP SMAP UMIP PKU PAGE1GB XSAVES VMX.
 */
#include "pv/traps.h"

#include <string.h>

#include "cpu/x86/decode.h"

#define LEAF_MAX 0xdu
#define LEAF_EXT_MAX 0x80000008u
#define LEAF_XEN 0x40000000u
#define LEAF_XEN_MAX 0x40000005u
#define TSC_KHZ 1000000u /* a tick is a nanosecond */
#define PHYS_BITS 40u

/* Family 6, model 0x36, stepping 1: the last one that kernels list as free of speculation. */
#define SIGNATURE 0x30661u
#define BITS4(a, b, c, d) (1u << (a) | 1u << (b) | 1u << (c) | 1u << (d))
/* What is there whatever the model: DE MSR PAE APIC SEP PAT; HYPERVISOR; ERMS (string instructions go by whole pages); FSRM. */
#define LEAF1_EDX (BITS4(2, 5, 6, 9) | 1u << 11 | 1u << 16)
#define LEAF1_ECX (1u << 31)
#define LEAF7_EBX (1u << 9)
#define LEAF7_EDX (1u << 4)
/* LAHF64; NX LM */
#define EXT1_ECX (1u << 0)
#define EXT1_EDX (1u << 20 | 1u << 29)

/* Where CPUID has the features of a model; Xen's hide list is what is not in here. */
enum leaf_word { L1_EDX, L1_ECX, L7_EBX, L7_ECX, L7_EDX, LD_EAX, LX_ECX, LX_EDX };
static const struct {
	u8 feature, word, bit;
} feature_bits[] = {
	{ F_X87, L1_EDX, 0 },       { F_TSC, L1_EDX, 4 },     { F_CX8, L1_EDX, 8 },       { F_CMOV, L1_EDX, 15 },
	{ F_CLFLUSH, L1_EDX, 19 },  { F_MMX, L1_EDX, 23 },    { F_FXSR, L1_EDX, 24 },     { F_SSE, L1_EDX, 25 },
	{ F_SSE2, L1_EDX, 26 },     { F_SSE3, L1_ECX, 0 },    { F_PCLMUL, L1_ECX, 1 },    { F_SSSE3, L1_ECX, 9 },
	{ F_FMA, L1_ECX, 12 },      { F_CX16, L1_ECX, 13 },   { F_SSE41, L1_ECX, 19 },    { F_SSE42, L1_ECX, 20 },
	{ F_MOVBE, L1_ECX, 22 },    { F_POPCNT, L1_ECX, 23 }, { F_AES, L1_ECX, 25 },      { F_XSAVE, L1_ECX, 26 },
	{ F_AVX, L1_ECX, 28 },      { F_F16C, L1_ECX, 29 },   { F_RDRAND, L1_ECX, 30 },   { F_FSGSBASE, L7_EBX, 0 },
	{ F_BMI1, L7_EBX, 3 },      { F_AVX2, L7_EBX, 5 },    { F_BMI2, L7_EBX, 8 },      { F_RDSEED, L7_EBX, 18 },
	{ F_ADX, L7_EBX, 19 },      { F_CLFLUSHOPT, L7_EBX, 23 }, { F_CLWB, L7_EBX, 24 }, { F_SHA, L7_EBX, 29 },
	{ F_RDPID, L7_ECX, 22 },    { F_SERIALIZE, L7_EDX, 14 }, { F_XSAVEOPT, LD_EAX, 0 }, { F_XSAVEC, LD_EAX, 1 },
	{ F_XSAVEC, LD_EAX, 2 },    { F_LZCNT, LX_ECX, 5 },   { F_3DNOWPREFETCH, LX_ECX, 8 }, { F_SYSCALL, LX_EDX, 11 },
	{ F_RDTSCP, LX_EDX, 27 },
};

static u32 bits_of(const struct cpu *c, enum leaf_word w)
{
	u32 v = 0, i;

	for (i = 0; i < ARRAY_SIZE(feature_bits); i++)
		if (feature_bits[i].word == w && c->features >> feature_bits[i].feature & 1)
			v |= 1u << feature_bits[i].bit;
	return v;
}

static const char brand[48] = "Paravane x86-64 interpreter";

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

/* The legacy area and the header hold x87 and SSE; AVX, when there, comes right behind. SDM 1 13.4. */
static void leaf_xsave(const struct cpu *c, u32 sub, u32 out[4])
{
	bool avx = c->features & BIT(F_AVX), avx_on = c->s.xcr0 & 4;

	if (!(c->features & BIT(F_XSAVE)))
		return;
	switch (sub) {
	case 0:
		out[0] = avx ? 7 : 3;
		out[1] = 512 + 64 + (avx_on ? 256 : 0);
		out[2] = 512 + 64 + (avx ? 256 : 0);
		break;
	case 1:
		out[0] = bits_of(c, LD_EAX);
		out[1] = c->features & BIT(F_XSAVEC) ? 512 + 64 + (avx_on ? 256 : 0) : 0;
		break;
	case 2:
		out[0] = avx ? 256 : 0;
		out[1] = avx ? 512 + 64 : 0;
		break;
	default:
		break;
	}
}

static void leaf_basic(struct cpu *c, u32 leaf, u32 sub, u32 out[4])
{
	u32 apic_id = cpu_vcpu(c)->id * 2;

	switch (leaf) {
	case 0:
		out[0] = LEAF_MAX;
		out[1] = word("Genu");
		out[3] = word("ineI");
		out[2] = word("ntel");
		break;
	case 1:
		out[0] = SIGNATURE;
		out[1] = apic_id << 24 | 1 << 16 | 8 << 8;
		out[2] = LEAF1_ECX | bits_of(c, L1_ECX) | (c->s.cr4 & CR4_OSXSAVE ? CPUID1_ECX_OSXSAVE : 0);
		out[3] = LEAF1_EDX | bits_of(c, L1_EDX);
		break;
	case 2:
		out[0] = 1;
		break;
	case 4:
		if (sub < 3)
			cache(out, sub < 2 ? sub + 1 : 3, sub < 2 ? 1 : 2, sub < 2 ? 64 : 1024);
		break;
	case 7:
		if (!sub) {
			out[1] = LEAF7_EBX | bits_of(c, L7_EBX);
			out[2] = bits_of(c, L7_ECX);
			out[3] = LEAF7_EDX | bits_of(c, L7_EDX);
		}
		break;
	case 0xd:
		leaf_xsave(c, sub, out);
		break;
	default:
		break;
	}
}

static void leaf_extended(const struct cpu *c, u32 leaf, u32 out[4])
{
	u32 i;

	switch (leaf) {
	case 0x80000000u:
		out[0] = LEAF_EXT_MAX;
		break;
	case 0x80000001u:
		out[2] = EXT1_ECX | bits_of(c, LX_ECX);
		out[3] = EXT1_EDX | bits_of(c, LX_EDX);
		break;
	case 0x80000002u:
	case 0x80000003u:
	case 0x80000004u:
		for (i = 0; i < 4; i++)
			out[i] = word(brand + (leaf - 0x80000002u) * 16 + i * 4);
		break;
	case 0x80000006u:
		out[2] = 512u << 16 | 6u << 12 | 64;
		break;
	case 0x80000007u:
		out[3] = 1u << 8; /* the TSC runs evenly, always */
		break;
	case 0x80000008u:
		out[0] = PHYS_BITS | 48u << 8;
		break;
	default:
		break;
	}
}

static void leaf_xen(struct vcpu *v, u32 leaf, u32 sub, u32 out[4])
{
	u64 top = pv_dom(v->d)->s.mfn_end;
	u32 bits = PAGE_SHIFT;

	switch (leaf - LEAF_XEN) {
	case 0:
		out[0] = LEAF_XEN_MAX;
		out[1] = word("XenV");
		out[2] = word("MMXe");
		out[3] = word("nVMM");
		break;
	case 1:
		out[0] = 4u << 16 | 17;
		break;
	case 2:
		out[0] = 1; /* hypercall pages */
		out[1] = LEAF_XEN; /* the MSR that places one */
		out[2] = 1; /* MMU_PT_UPDATE_PRESERVE_AD */
		break;
	case 3:
		if (sub == 0) {
			out[0] = 1u << 1 | 1u << 2; /* the TSC is safe, RDTSCP is there; not emulated */
			out[2] = TSC_KHZ;
		} else if (sub == 1) {
			out[2] = 0x80000000u; /* ns = (tsc << 1) * mul >> 32 */
			out[3] = 1;
		} else if (sub == 2) {
			out[0] = TSC_KHZ;
		}
		break;
	case 5:
		if (sub)
			break;
		for (; top; top >>= 1)
			bits++;
		out[1] = bits;
		break;
	default:
		break;
	}
}

void pv_cpuid(struct cpu *c, u32 leaf, u32 subleaf, u32 out[4])
{
	memset(out, 0, 4 * sizeof *out);
	if (leaf <= LEAF_MAX)
		leaf_basic(c, leaf, subleaf, out);
	else if (leaf >= LEAF_XEN && leaf <= LEAF_XEN_MAX)
		leaf_xen(cpu_vcpu(c), leaf, subleaf, out);
	else if (leaf >= 0x80000000u && leaf <= LEAF_EXT_MAX)
		leaf_extended(c, leaf, out);
}
