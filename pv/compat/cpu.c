/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The processor of a 32-bit guest: compatibility mode in ring 1, its flat segments, what CPUID leaves out, and descriptors
 * (Xen public/arch-x86/xen-x86_32.h).
 */
#include "pv/compat/compat.h"

#include "cpu/x86/decode.h"

#define DESC_G BIT(55)
#define CODE_ATTR 0xc0bb /* present, ring 1, accessed, 32-bit, 4 GiB */
#define DATA_ATTR 0xc0b3

const u64 compat_descriptors[8] = { 0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00cfbb000000ffff,
				    0x00cfb3000000ffff, 0x00cffb000000ffff, 0x00cff3000000ffff, 0x00cf9b000000ffff };

u64 compat_features(u64 features)
{
	/* Long mode, what needs it, and SYSCALL, which compatibility mode has only on AMD's processors. */
	return features & ~(u64)(BIT(F_LM) | BIT(F_LAHF) | BIT(F_CX16) | BIT(F_SYSCALL) | BIT(F_FSGSBASE));
}

void compat_cpu_init(struct vcpu *v)
{
	struct x86 *c = x86_of(v);
	u32 i;

	c->s.cpl = 1;
	for (i = SEG_ES; i <= SEG_GS; i++)
		x86_set_seg(c, (enum x86_segreg)i, COMPAT_KERNEL_SS, 0, 0xffffffff, DATA_ATTR);
	x86_set_seg(c, SEG_CS, COMPAT_KERNEL_CS, 0, 0xffffffff, CODE_ATTR);
}

u64 compat_stretch(u64 desc)
{
	u64 base = (desc >> 16 & 0xffffff) | (desc >> 32 & 0xff000000);
	u64 limit = ((desc & 0xffff) | (desc >> 32 & 0xf0000)) + 1;

	if (desc & DESC_G)
		limit <<= PAGE_SHIFT;
	return !base && limit > COMPAT_HYPER_START ? desc | 0x000f00000000ffffULL : desc;
}
