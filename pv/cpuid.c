/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPUID of a paravirtual guest (SDM 2A CPUID; Xen public/arch-x86/cpuid.h). The processor says it is an in-order core
 * that does not speculate, which is the truth, so kernels leave their mitigations out. What Xen hides from PV guests is
 * not there: VME PSE PSE36 PGE MTRR PCID X2APIC TSC_DEADLINE MONITOR SMEP SMAP UMIP PKU PAGE1GB XSAVES VMX.
 */
#include "pv/traps.h"

#include <string.h>

#define LEAF_MAX 0xdu
#define LEAF_EXT_MAX 0x80000008u
#define LEAF_XEN 0x40000000u
#define LEAF_XEN_MAX 0x40000005u
#define TSC_KHZ 1000000u /* a tick is a nanosecond */
#define PHYS_BITS 40u

/* Family 6, model 0x36, stepping 1: the last one that kernels list as free of speculation. */
#define SIGNATURE 0x30661u
#define BITS4(a, b, c, d) (1u << (a) | 1u << (b) | 1u << (c) | 1u << (d))
/* FPU DE TSC MSR PAE CX8 APIC SEP CMOV PAT CLFSH MMX FXSR SSE SSE2 */
#define LEAF1_EDX (BITS4(0, 2, 4, 5) | BITS4(6, 8, 9, 11) | BITS4(15, 16, 19, 23) | BITS4(24, 25, 26, 26))
/* SSE3 SSSE3 CX16 SSE4.1 SSE4.2 POPCNT XSAVE RDRAND HYPERVISOR */
#define LEAF1_ECX (BITS4(0, 9, 13, 19) | BITS4(20, 23, 26, 30) | 1u << 31)
/* FSGSBASE, ERMS (string instructions go by whole pages), RDSEED; FSRM in EDX. */
#define LEAF7_EBX (1u << 0 | 1u << 9 | 1u << 18)
#define LEAF7_EDX (1u << 4)
/* LAHF64 3DNOWPREFETCH; SYSCALL NX RDTSCP LM */
#define EXT1_ECX (1u << 0 | 1u << 8)
#define EXT1_EDX BITS4(11, 20, 27, 29)

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

static void leaf_xsave(const struct cpu *c, u32 sub, u32 out[4])
{
	if (sub)
		return;
	/* x87 and SSE: the legacy area and the header. */
	out[0] = 3;
	out[1] = out[2] = 512 + 64;
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
		out[2] = LEAF1_ECX | (c->s.cr4 & CR4_OSXSAVE ? CPUID1_ECX_OSXSAVE : 0);
		out[3] = LEAF1_EDX;
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
			out[1] = LEAF7_EBX;
			out[3] = LEAF7_EDX;
		}
		break;
	case 0xd:
		leaf_xsave(c, sub, out);
		break;
	default:
		break;
	}
}

static void leaf_extended(u32 leaf, u32 out[4])
{
	u32 i;

	switch (leaf) {
	case 0x80000000u:
		out[0] = LEAF_EXT_MAX;
		break;
	case 0x80000001u:
		out[2] = EXT1_ECX;
		out[3] = EXT1_EDX;
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
		leaf_extended(leaf, out);
}
