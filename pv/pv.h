/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Xen host's own structures: what makes a domain a paravirtual guest. Facts: Xen public headers, reference in docs.
 */
#ifndef PV_PV_H
#define PV_PV_H

#include "vm/domain.h"

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

/* Xen's errno values are Linux's on x86; hosts' may differ, so a hypercall returns these negated. */
enum xen_errno {
	XEN_EPERM = 1, XEN_ENOENT = 2, XEN_ESRCH = 3, XEN_EINTR = 4, XEN_EIO = 5, XEN_ENXIO = 6, XEN_E2BIG = 7, XEN_ENOEXEC = 8,
	XEN_EBADF = 9, XEN_EAGAIN = 11, XEN_ENOMEM = 12, XEN_EACCES = 13, XEN_EFAULT = 14, XEN_EBUSY = 16, XEN_EEXIST = 17,
	XEN_EXDEV = 18, XEN_ENODEV = 19, XEN_EINVAL = 22, XEN_ENOSPC = 28, XEN_ERANGE = 34, XEN_EDOM = 33, XEN_ENOSYS = 38,
	XEN_ENODATA = 61, XEN_ETIME = 62, XEN_EPROTO = 71, XEN_EOPNOTSUPP = 95,
	XEN_ERESTART = 85 /* to be called again, in another round: no guest is told so */
};

#define DOMID_SELF 0x7ff0u
#define DOMID_IO 0x7ff1u
#define DOMID_XEN 0x7ff2u
#define DOMID_INVALID 0x7ff4u
#define PV_BACKEND_DOMID 0u /* the domain number under which the host's own services are seen */

#define PV_MC_BANKS 2 /* of machine check registers, in Xen's guests */

enum pv_vcpu_flags { PV_KERNEL_MODE = 1, PV_INITIALISED = 2, PV_FPU_TS = 4, PV_SYSCALL_MASK = 8, PV_FAILSAFE_MASK = 16,
	PV_BLOCKED = 32,     /* taken down while it slept: sleeps again when brought up (pv/vcpu_op.c) */
	PV_NMI_PENDING = 64, /* VCPUOP_send_nmi: vector 2 is due at the next boundary */
	PV_NMI_MASKED = 128, /* one is being served, until the next iret */
	PV_SYSCALL32_MASK = 256, PV_SYSENTER_MASK = 512
};

struct pv_trap_entry {
	u64 address;
	u16 cs;
	u8 flags; /* DPL, bit 2: mask events */
	u8 pad[5];
};

/* Guest-visible state of a vCPU that is Xen's, not the processor's. */
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
	u64 vcpu_info;    /* machine address of the registered vcpu_info */
	u64 runstate_va, time_va; /* registered areas, 0: none */
	u64 runstate_time[4];
	u64 runstate_entry;
	u32 runstate;     /* RUNSTATE_* */
	u32 time_version;
	u64 timer;        /* single-shot deadline, TIME_NEVER */
	u64 periodic;     /* period in ns, 0: none */
	u64 periodic_last; /* when it fired last, ns; it fires only while the vCPU runs */
	u64 poll_deadline; /* TIME_NEVER; the vCPU is in SCHEDOP_poll when polling is set */
	u32 polling;
	u32 spin_slots;   /* slots since the last hypercall, see pv/spin.c */
	u32 spin_naps;    /* naps that it may take yet; 0: it is not known to go in circles */
	u32 spin_reads;   /* of the clock, in this slot */
	u64 spin_mark;
	struct pv_trap_entry traps[256];
};

#define PV_CALL_LOG 16
struct pv_call {
	u32 nr;
	u32 sub;
	u64 args[5];
	i64 result;
	u64 rip;
};

struct pv_vcpu {
	struct vcpu *v;
	struct pv_vcpu_state s;
	struct vtimer timer, periodic, poll;
	struct pv_call calls[PV_CALL_LOG]; /* the last hypercalls, for reports */
	u32 ncalls;
};

struct pv_domain_state {
	u32 is32; /* a 32-bit PAE guest */
	u32 vm_assist;
	u64 shared_info;  /* mfn */
	u64 nr_pages;     /* frames the guest started with */
	u64 max_pages;
	u64 mfn_end;      /* own frame numbers are PV_MFN_BASE..mfn_end-1 (populated or not) */
	u64 start_info, store_mfn, console_mfn;
	u32 store_port, console_port;
	u32 wc_version, pad;
	u32 cmos_index, pci_cf8; /* latches behind ports 0x70 and 0xcf8 */
	u8 handle[16];    /* UUID */
};

struct pv_mm;      /* pv/mm/mm.c: page types */
struct pv_evtchn;  /* pv/evtchn.c */
struct pv_grants;  /* pv/grant.c */
struct pv_console; /* pv/console.c */
struct xenstore;   /* pv/xenstore.c */
struct pv_time;    /* pv/time.c */
struct pv_xenbus;  /* pv/xenbus.c */

struct pv_domain {
	struct domain *d;
	struct pv_domain_state s;
	struct pv_mm *mm;
	struct pv_evtchn *evtchn;
	struct pv_grants *grants;
	struct pv_console *console;
	struct xenstore *store;
	struct pv_xenbus *xenbus;
	struct pv_time *time;
	struct mem m2p; /* frames of the machine-to-physical table, 8 bytes an mfn (4 of a 32-bit guest) */
	u64 work; /* what the hypercall being served has cost, in table entries looked at; from 0 for each */
	u64 slot_work; /* what those of this slot have cost */
};

INLINE struct pv_vcpu *pv_of(struct vcpu *v)
{
	return v->machine;
}

INLINE struct pv_domain *pv_dom(struct domain *d)
{
	return d->machine;
}

INLINE bool pv_kernel_mode(struct vcpu *v)
{
	/* A 32-bit guest's kernel is in ring 1, and its vCPUs never have the flag; a 64-bit one's is in ring 3. */
	return (pv_of(v)->s.flags & PV_KERNEL_MODE) || v->cpu.s.cpl == 1;
}

/* ---- pv/info.c: the shared pages ------------------------------------------------------------------------------ */

/* Fields of vcpu_info (public/xen.h), by byte offset, of this vCPU, wherever it is registered. */
u8 pv_info_u8(struct vcpu *v, u32 off);
u64 pv_info_u64(struct vcpu *v, u32 off);
void pv_info_set_u8(struct vcpu *v, u32 off, u8 x);
void pv_info_set_u64(struct vcpu *v, u32 off, u64 x);
enum { VI_PENDING = 0, VI_MASK = 1, VI_SEL = 8, VI_CR2 = 16, VI_TIME = 32 };
/* True when an event waits and upcalls are not masked. */
bool pv_events_deliverable(struct vcpu *v);

/* ---- pv/traps.c: how control reaches the guest ----------------------------------------------------------------- */

extern const struct cpu_ops pv_cpu_ops;
/* Builds the frame for an event upcall if one is due. Called at boundaries. */
void pv_deliver_events(struct vcpu *v);
/*
 * Switches between the guest's kernel and user mode: GS bases, page tables. In a 32-bit guest, whose mode is its ring: only
 * the rights of accesses.
 */
void pv_set_mode(struct vcpu *v, bool kernel);

/* ---- guest memory of the running vCPU, for hypercalls; fault-safe ----------------------------------------------- */

/* 0 or -XEN_EFAULT. A fault is not delivered to the guest. */
int pv_copy_from(struct vcpu *v, void *dst, u64 va, size_t n);
int pv_copy_to(struct vcpu *v, u64 va, const void *src, size_t n);

#endif
