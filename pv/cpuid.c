/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPUID of a paravirtual guest: the processor's own (cpu/x86/cpuid.c) less what Xen hides from PV guests, and Xen's leaves
 * (Xen public/arch-x86/cpuid.h). Models that are not named after a real processor say that they are an in-order core, which does
 * not speculate. That is true, and kernels then leave their mitigations off.
 */
#include "pv/traps.h"

#include <string.h>

#include "cpu/x86/decode.h"
#include "cpu/x86/model.h"

#define LEAF_EXT 0x80000000u
#define LEAF_EXT_MAX 0x80000008u
#define LEAF_XEN 0x40000000u
#define LEAF_XEN_MAX 0x40000005u
#define TSC_KHZ 1000000u /* a tick is a nanosecond */
#define PHYS_BITS 40u

/* And PSE36 MTRR X2APIC TSC_DEADLINE XSAVES VMX, which no model has. */
#define HIDDEN                                                                                                       \
	(BIT(F_VME) | BIT(F_PSE) | BIT(F_PGE) | BIT(F_PCID) | BIT(F_MONITOR) | BIT(F_SMEP) | BIT(F_SMAP) |           \
	 BIT(F_UMIP) | BIT(F_LA57) | BIT(F_INVPCID) | BIT(F_PKU) | BIT(F_VMX) | BIT(F_PDPE1GB))

u64 pv_features(u64 features)
{
	return features & ~(u64)HIDDEN;
}

static u32 word(const char *p)
{
	return (u32)(u8)p[0] | (u32)(u8)p[1] << 8 | (u32)(u8)p[2] << 16 | (u32)(u8)p[3] << 24;
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

void pv_cpuid(struct x86 *c, u32 leaf, u32 subleaf, u32 out[4])
{
	u32 apic_id = x86_vcpu(c)->id * 2, basic[4];

	memset(out, 0, 4 * sizeof *out);
	if (leaf >= LEAF_XEN && leaf <= LEAF_XEN_MAX) {
		leaf_xen(x86_vcpu(c), leaf, subleaf, out);
		return;
	}
	/* Beyond the last leaf Xen answers with zeros. */
	x86_cpuid(c, 0, 0, basic);
	if (leaf > (leaf & LEAF_EXT ? LEAF_EXT_MAX : basic[0]))
		return;
	x86_cpuid(c, leaf, subleaf, out);
	if (leaf == 1) {
		out[1] |= apic_id << 24 | 1 << 16;
		out[2] |= 1u << 31; /* HYPERVISOR */
		/* The guest's choice, not the host's. */
		if (!(pv_of(x86_vcpu(c))->s.ctrlreg[4] & CR4_OSXSAVE))
			out[2] &= ~CPUID1_ECX_OSXSAVE;
		out[3] |= 1u << 9;  /* APIC */
	} else if (leaf == LEAF_EXT + 8) {
		out[0] = PHYS_BITS | 48u << 8;
	}
}
