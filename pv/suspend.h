/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A paravirtual guest that has suspended itself (SCHEDOP_shutdown, reason suspend), in a form that names no machine frame: as
 * Xen's tools save guests (Xen docs/specs/libxc-migration-stream). Its pages are by pfn; page tables, the list of pages and
 * the vCPUs' contexts name pfns, too. What the guest makes anew is not in it: event channels, grants, the xenstore, timers.
 *
 * From it a fresh domain is made, on other frames. Whatever is in it then passes what a guest's own hypercalls pass: a form that
 * was made up gives a guest that can do no more than any other.
 */
#ifndef PV_SUSPEND_H
#define PV_SUSPEND_H

#include "base/buf.h"
#include "pv/create.h"

/* More pages than this no guest's list has. */
#define PV_SUSPEND_PAGES_MAX BIT(26)

/* A vCPU. */
struct pv_suspend_vcpu {
	u32 online;
	u32 flags;         /* PV_SYSCALL32_MASK, PV_SYSENTER_MASK */
	u8 context[5168];  /* struct vcpu_guest_context (Xen public/arch-x86/xen.h), frames as pfns */
	u64 syscall32_cs, syscall32_ip, sysenter_cs, sysenter_ip;
	u64 xcr0, tsc_aux, rng;
	u64 high[32];      /* of YMM0 to YMM15: the upper halves, two words each */
	u64 mc_ctl2[PV_MC_BANKS];
	u32 pkru;
	u32 pad;
};
extern const struct state_desc pv_suspend_vcpu_desc;

/* The domain. */
struct pv_suspend_state {
	u64 pages;      /* in its list, whether they are there or not */
	u64 start_info; /* pfn */
	u64 now;        /* guest time, ns */
	u64 p2m_vaddr;  /* shared_info: where the list is in the address space of p2m_root; 0: it is a tree */
	u64 p2m_root;   /* pfn */
	u64 p2m_generation;
};
extern const struct state_desc pv_suspend_state_desc;

/*
 * The form of d, whose vCPU 0 has suspended it. mem, which is all zeros, gets the pages by pfn, and shares them with d as after a
 * fork; state gets the rest. 0, or -errno with a sentence; then mem is empty. d is as before, and can go on.
 */
int pv_suspend_take(struct domain *d, struct mem *mem, struct buf *state, struct error *e);
/*
 * Puts it into d, which pv_create(in) has made without a kernel and which has no devices yet: from there its guest resumes. 0, or
 * -errno with a sentence: then d must be destroyed.
 */
int pv_suspend_resume(struct domain *d, const struct pv_create_in *in, const struct mem *mem, const u8 *state, size_t len,
		      struct error *e);

#endif
