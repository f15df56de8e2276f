/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 32-bit PAE guests (Xen public/arch-x86/xen-x86_32.h). Their processor is in compatibility mode, as below a 64-bit Xen:
 * the kernel in ring 1, users in ring 3, and the page tables of long mode from the third level down.
 */
#ifndef PV_COMPAT_COMPAT_H
#define PV_COMPAT_COMPAT_H

#include "pv/hypercall.h"

/* The hole in the address space: the M2P, 4 bytes an mfn, read-only, up to where the guest has nothing at all. */
#define COMPAT_HYPER_START 0xf5800000u
#define COMPAT_M2P_END 0xf6800000u
#define COMPAT_TOP_SLOT 3u /* of the L3 */
#define COMPAT_HYPER_L2_FIRST (COMPAT_HYPER_START >> 21 & 511)
/* Frame numbers at or above this have no entry in the M2P. */
#define COMPAT_MFN_END ((u64)(COMPAT_M2P_END - COMPAT_HYPER_START) / 4)

/* Selectors of the flat segments of rings 1 and 3. */
#define COMPAT_KERNEL_CS 0xe019
#define COMPAT_KERNEL_SS 0xe021
#define COMPAT_USER_CS 0xe02b
#define COMPAT_USER_SS 0xe033
#define COMPAT_HYPERCALL 0x82 /* the vector */

/* CR3 has the low 20 bits of the frame number on top and what is above them below. */
INLINE u64 compat_cr3_to_mfn(u64 cr3)
{
	return (u32)cr3 >> PAGE_SHIFT | (cr3 & 0xfff) << 20;
}
INLINE u64 compat_mfn_to_cr3(u64 mfn)
{
	return (u32)(mfn << PAGE_SHIFT) | (u32)(mfn >> 20);
}

/* Selectors a guest gives for its handlers and stacks: ring 0 is raised to 1. */
INLINE u16 compat_selector(u64 sel)
{
	return (u16)(sel & 3 ? sel : sel | 1);
}

/* pv/compat/cpu.c: the level and segments of a vCPU as Xen has them at first. */
void compat_cpu_init(struct vcpu *v);
/* Of a set of features, what is left without long mode. */
u64 compat_features(u64 features);
/* The host's own descriptors, by index from its first. */
extern const u64 compat_descriptors[8];
/* A limit near the end of the address space becomes 4 GiB: old kernels know of a smaller M2P. */
u64 compat_stretch(u64 desc);

/* pv/compat/trap.c: frames on the kernel's stack, and back. */
struct bounce;
bool compat_bounce(struct vcpu *v, const struct bounce *b);
i64 compat_iret(struct hc *h);

/* pv/compat/gate.c: struct x86_ops.gate. */
bool compat_gate(struct x86 *c, u16 sel, u64 raw, bool call, u64 next);

/* pv/compat/callback.c */
i64 compat_set_callbacks(struct hc *h);
/* CALLBACKOP_register with its argument at va. */
i64 compat_callback_register(struct hc *h, u64 va);

/* pv/compat/vcpu.c: VCPUOP_initialise of v with a context at va. */
i64 compat_vcpu_initialise(struct hc *h, struct vcpu *v, u64 va);
/* What pv_vcpu_context(), pv_context_*() and pv_vcpu_from_context() do for a 32-bit guest; the last may give -XEN_ERESTART. */
void compat_vcpu_context(struct vcpu *v, u8 *g);
bool compat_context_frames(u8 *g, bool suspends, u64 (*to)(const void *opaque, u64 frame), const void *opaque);
u64 compat_context_start_info(const u8 *g);
i64 compat_vcpu_from_context(struct vcpu *v, const u8 *g);

#endif
