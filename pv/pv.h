/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What makes a Xen guest a paravirtual one, beside what every Xen guest has (xen/xen.h). Facts: Xen public headers, reference in docs.
 */
#ifndef PV_PV_H
#define PV_PV_H

#include "vm/x86.h"
#include "xen/xen.h"

/* Machine frame of guest pfn 0. Not 0, so that a guest mixing pfn and mfn is found out; below 4 GiB for 32-bit guests. */
#define PV_MFN_BASE 0x40000ULL
/* Selectors of the hypervisor's flat segments (Xen public/arch-x86/xen-x86_64.h). */
#define FLAT_KERNEL_CS64 0xe033
#define FLAT_KERNEL_CS32 0xe023
#define FLAT_KERNEL_SS 0xe02b
#define PV_M2P_START 0xffff800000000000ULL
#define PV_HYPER_END 0xffff880000000000ULL /* of the host's part of the address space */
#define PV_HYPER_L4_FIRST 256
#define PV_HYPER_L4_LAST 271

#define PV_MC_BANKS 2 /* of machine check registers, in Xen's guests */

enum pv_vcpu_flags {
	PV_KERNEL_MODE = 1, PV_FPU_TS = 4, PV_SYSCALL_MASK = 8, PV_FAILSAFE_MASK = 16, PV_SYSCALL32_MASK = 256, PV_SYSENTER_MASK = 512
};

struct pv_trap_entry {
	u64 address;
	u16 cs;
	u8 flags; /* DPL, bit 2: mask events */
	u8 pad[5];
};

/* Guest-visible state of a vCPU that is neither the processor's nor every Xen guest's. */
struct pv_vcpu_state {
	u32 flags; /* enum pv_vcpu_flags */
	u32 iopl;
	u64 kernel_ss, kernel_sp;
	u64 event_cs, event_ip, failsafe_cs, failsafe_ip, syscall_cs, syscall_ip;
	u64 syscall32_cs, syscall32_ip, sysenter_cs, sysenter_ip;
	u64 ctrlreg[8];   /* CR0-CR7 as the guest sees them */
	u64 kernel_root, user_root; /* top-level page tables, mfn; user 0: none */
	u64 fs_base, gs_base_kernel, gs_base_user; /* of the mode that is not running, see pv/traps.c */
	u64 gdt_frames[16];
	u32 gdt_entries, ldt_entries;
	u64 ldt_base;
	u64 iobmp;        /* address of the I/O bitmap, and how many ports are in it */
	u32 iobmp_ports;
	u32 old_table;    /* mfn of a partial table that a call of this vCPU has yet to let go: a reference. 0: none */
	u64 mcg_status, mc_ctl2[PV_MC_BANKS]; /* MSRs of machine checks that a guest may set */
	struct pv_trap_entry traps[256];
};
extern const struct state_desc pv_vcpu_state_desc;

struct pv_vcpu {
	struct xen_vcpu xen; /* first: see there */
	struct pv_vcpu_state s;
};

struct pv_domain_state {
	u32 vm_assist;
	u32 cmos_index, pci_cf8; /* latches behind ports 0x70 and 0xcf8 */
	u32 pad;
	u64 mfn_end;      /* own frame numbers are PV_MFN_BASE..mfn_end-1 (populated or not) */
	u64 start_info;
};
extern const struct state_desc pv_domain_state_desc;

struct pv_mm; /* pv/mm/mm.c: page types */

struct pv_domain {
	struct xen_domain xen; /* first: see there */
	struct pv_domain_state s;
	struct pv_mm *mm;
	struct mem m2p; /* frames of the machine-to-physical table, 8 bytes an mfn (4 of a 32-bit guest) */
};

INLINE struct pv_vcpu *pv_of(struct vcpu *v)
{
	return v->machine;
}

/* d is a paravirtual guest. */
INLINE struct pv_domain *pv_dom(const struct domain *d)
{
	assert(d->kind == DOMAIN_PV);
	return d->machine;
}

/* pv/guest_ops.c: how such a guest does what xen/ asks of every kind. */
extern const struct xen_guest_ops pv_guest_ops;

INLINE bool pv_kernel_mode(struct vcpu *v)
{
	/* A 32-bit guest's kernel is in ring 1, and its vCPUs never have the flag; a 64-bit one's is in ring 3. */
	return (pv_of(v)->s.flags & PV_KERNEL_MODE) || x86_of(v)->s.cpl == 1;
}

/* pv/report.c: struct domain_ops.report. */
void pv_report(struct domain *d, FILE *out);

/* ---- pv/traps.c: how control reaches the guest ----------------------------------------------------------------- */

extern const struct x86_ops pv_cpu_ops;
/* Builds the frame for an event upcall if one is due. Called at boundaries. */
void pv_deliver_events(struct vcpu *v);
/*
 * Switches between the guest's kernel and user mode: GS bases, page tables. In a 32-bit guest, whose mode is its ring: only
 * the rights of accesses.
 */
void pv_set_mode(struct vcpu *v, bool kernel);

#endif
