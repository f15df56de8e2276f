/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the parts of the paravirtual processor (traps, callbacks, emulation, segments, CPUID) share.
 */
#ifndef PV_TRAPS_H
#define PV_TRAPS_H

#include "pv/pv.h"

/*
 * Delivers an exception at the vCPU's present rip to the guest's handler. False: the domain has crashed.
 */
bool pv_inject(struct vcpu *v, u8 vector, bool has_error, u32 error);
/* Calls the guest's failsafe callback: its frame names DS, ES, FS and GS too. False: the domain has crashed. */
bool pv_failsafe(struct vcpu *v);

/*
 * pv/segments.c: loads CS and SS as the host's IRET does, to the ring that CS says. -1, or the vector that is raised with
 * its error code; then only the selectors are set, for the frame to name, and the ring.
 */
int pv_load_code_stack(struct vcpu *v, u16 cs, u16 ss, u32 *err);
/* Sets the base of FS or GS, as WRFSBASE and WRGSBASE do. */
void pv_set_base(struct vcpu *v, enum x86_segreg sr, u64 base);
INLINE bool pv_canonical(u64 va)
{
	return (u64)((i64)(va << 16) >> 16) == va;
}

/* pv/emulate.c: struct x86_ops. */
int pv_emulate(struct x86 *c, enum x86_priv what, u32 reg, u64 *val);
u64 pv_tsc(struct x86 *c);
/* pv/msr.c: -1, or the vector to raise. */
int pv_rdmsr(struct vcpu *v, u32 msr, u64 *val);
int pv_wrmsr(struct vcpu *v, u32 msr, u64 val);
/* pv/ioport.c: whether the guest's present ring may use ports by its IOPL alone; whether it may use these; and their use. */
bool pv_iopl_ok(struct vcpu *v);
bool pv_port_ok(struct x86 *c, u16 port, u32 size);
int pv_port_in(struct vcpu *v, u16 port, u32 size, u64 *val);
int pv_port_out(struct vcpu *v, u16 port, u32 size, u32 val);
/* pv/vcpu_start.c: VCPUOP_initialise of v with a context at va. */
struct hc;
i64 pv_vcpu_initialise(struct hc *h, struct vcpu *v, u64 va);
/* The 512 bytes of FXSAVE, of 64-bit mode (wide) or not (SDM 1 10.5.1). */
void pv_load_fxsave(struct x86_state *s, const u8 *g, bool wide);
void pv_save_fxsave(const struct x86_state *s, u8 *g, bool wide);
/*
 * The context that would make the vCPU as it is now, as VCPUOP_initialise takes it: in PV_CONTEXT_BYTES, of which a 32-bit guest's
 * is shorter. Its processor is in step with its described state (domain_sync()).
 */
#define PV_CONTEXT_BYTES 5168u
void pv_vcpu_context(struct vcpu *v, u8 g[PV_CONTEXT_BYTES]);
/*
 * Puts another number in the place of each frame that a context names: of descriptors and page tables, and where suspends is set
 * of start_info, which the guest passed to SCHEDOP_shutdown; the answer to that call is then "resumed". to gives ~0 for a frame
 * that may not be there: then the result is false.
 */
bool pv_context_frames(u8 g[PV_CONTEXT_BYTES], bool is32, bool suspends, u64 (*to)(const void *opaque, u64 frame), const void *opaque);
/* The start_info that such a context names. */
u64 pv_context_start_info(const u8 g[PV_CONTEXT_BYTES], bool is32);
/* Initialises a fresh vCPU with such a context, whoever wrote it, and brings it up. 0 or -XEN_E*. */
int pv_vcpu_from_context(struct vcpu *v, const u8 g[PV_CONTEXT_BYTES]);
/*
 * A vCPU begins: ES, DS, FS and GS. Gives a bit (1 << SEG_*) for each selector that cannot be loaded; that is NULL in the end, and
 * the guest begins in its failsafe callback, which is told of it.
 */
u32 pv_start_data(struct vcpu *v, const u16 sel[4]);
/* ... and when all else of its state stands: its tables, and that callback. */
void pv_start_end(struct vcpu *v, u32 bad);
/* HYPERVISOR_fpu_taskswitch: CR0.TS. */
void pv_set_ts(struct vcpu *v, bool on);
/* HYPERVISOR_set/get_debugreg. 0 or -XEN_E*. */
i64 pv_debugreg_set(struct vcpu *v, u32 reg, u64 val);
i64 pv_debugreg_get(struct vcpu *v, u32 reg, u64 *val);
/* CR4 as a guest that asked for this value sees it; and as the processor has it. */
u64 pv_guest_cr4(const struct x86 *c, u64 want);
u64 pv_real_cr4(const struct x86 *c, u64 guest);

#define CPUID1_ECX_OSXSAVE (1u << 27)
/* pv/cpuid.c: what CPUID says to a PV guest. */
void pv_cpuid(struct x86 *c, u32 leaf, u32 subleaf, u32 out[4]);
/* What of a set of features a PV guest has: Xen hides those that are the host's own. */
u64 pv_features(u64 features);

#endif
