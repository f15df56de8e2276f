/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What every kind of Xen guest has, and what each kind does its own way. Facts: Xen public headers, reference in docs.
 */
#ifndef XEN_XEN_H
#define XEN_XEN_H

#include <assert.h>

#include "vm/domain.h"

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
#define XEN_BACKEND_DOMID 0u /* the domain number under which the host's own services are seen */

/* ---- vCPUs ----------------------------------------------------------------------------------------------------- */

enum xen_vcpu_flags {
	XEN_VCPU_INITIALISED = 1,
	XEN_VCPU_BLOCKED = 2,     /* taken down while it slept: sleeps again when brought up (xen/sched.c) */
	XEN_VCPU_NMI_PENDING = 4, /* VCPUOP_send_nmi: vector 2 is due at the next boundary */
	XEN_VCPU_NMI_MASKED = 8   /* one is being served, until the next iret */
};

/* State of a vCPU that the guest can observe and that every kind of Xen guest has. */
struct xen_vcpu_state {
	u32 flags;        /* enum xen_vcpu_flags */
	u32 runstate;     /* RUNSTATE_* */
	u64 vcpu_info;    /* machine address of the registered vcpu_info */
	u64 runstate_va, time_va; /* registered areas, 0: none */
	u64 runstate_time[4];
	u64 runstate_entry;
	u64 timer;        /* single-shot deadline, TIME_NEVER */
	u64 periodic;     /* period in ns, 0: none */
	u64 periodic_last; /* when it fired last, ns; it fires only while the vCPU runs */
	u64 poll_deadline; /* TIME_NEVER; the vCPU is in SCHEDOP_poll when polling is set */
	u32 polling;
	u32 time_version;
	u32 spin_slots;   /* slots since the last hypercall, see xen/spin.c */
	u32 spin_naps;    /* naps that it may take yet; 0: it is not known to go in circles */
	u32 spin_reads;   /* of the clock, in this slot */
	u32 pad;
	u64 spin_mark;
};
extern const struct state_desc xen_vcpu_state_desc;

#define XEN_CALL_LOG 16
struct xen_call {
	u32 nr;
	u32 sub;
	u64 args[5];
	i64 result;
	u64 rip;
};

/* A kind's own struct begins with this one: it is what struct vcpu.machine points to. */
struct xen_vcpu {
	struct vcpu *v;
	struct xen_vcpu_state s;
	struct vtimer timer, periodic, poll;
	struct xen_call calls[XEN_CALL_LOG]; /* the last hypercalls, for reports */
	u32 ncalls;
};

/* ---- domains --------------------------------------------------------------------------------------------------- */

struct xen_domain_state {
	u32 is32;         /* shared pages and arguments are laid out for 32 bits */
	u32 wc_version;   /* of the wall clock */
	u64 shared_info;  /* frame */
	u64 store_mfn, console_mfn;
	u32 store_port, console_port;
	u64 nr_pages;     /* frames the guest started with */
	u64 max_pages;
	u8 handle[16];    /* UUID */
};
extern const struct state_desc xen_domain_state_desc;

struct xen_guest_ops;
struct evtchn;      /* xen/evtchn.c */
struct grants;      /* xen/grant.c */
struct xen_console; /* xen/console.c */
struct xenstore;    /* xen/store/xenstore.c */
struct xenbus;      /* xen/backend/xenbus.c */
struct xen_time;    /* xen/time.c */

/* A kind's own struct begins with this one: it is what struct domain.machine points to. */
struct xen_domain {
	struct domain *d;
	const struct xen_guest_ops *ops;
	struct xen_domain_state s;
	struct evtchn *evtchn;
	struct grants *grants;
	struct xen_console *console;
	struct xenstore *store;
	struct xenbus *xenbus;
	struct xen_time *time;
	u64 work; /* what the hypercall being served has cost, in table entries looked at; from 0 for each */
	u64 slot_work; /* what those of this slot have cost */
};

/* Whether a domain is a Xen guest of any kind. */
INLINE bool xen_is_guest(const struct domain *d)
{
	return d->kind == DOMAIN_PV;
}

INLINE struct xen_vcpu *xen_of(struct vcpu *v)
{
	return v->machine;
}

/* d is a Xen guest. */
INLINE struct xen_domain *xen_dom(const struct domain *d)
{
	assert(xen_is_guest(d));
	return d->machine;
}

/* ---- what each kind does its own way --------------------------------------------------------------------------- */

struct hc;
struct hc_row;

/* Results are 0 or -XEN_E*, but where it says otherwise. */
struct xen_guest_ops {
	/* The hypercalls it has, by number. xen/hypercall.h. */
	const struct hc_row *calls;
	u32 ncalls;
	/* XENVER_capabilities; features of submap 0; where the hypervisor begins (XENVER_platform_parameters). */
	const char *capabilities;
	u32 (*features)(const struct xen_domain *x);
	u64 (*virt_start)(const struct xen_domain *x);

	/* Whether n bytes at va are not in the hypervisor's part of the address space, as far as arguments go. */
	bool (*range_ok)(const struct vcpu *v, u64 va, size_t n);
	/* The same for an area that is registered for later. */
	bool (*area_ok)(const struct vcpu *v, u64 va, size_t n);
	/* Writes to an area of the kernel's address space, whoever runs; what is not mapped is not written. */
	void (*area_write)(struct vcpu *v, u64 va, const void *p, u32 n);
	/* VCPUOP_initialise with a context at va. */
	i64 (*initialise)(struct hc *h, struct vcpu *v, u64 va);
	/* Whether an event would interrupt it: it has told where to. */
	bool (*has_callback)(const struct vcpu *v);

	/* Frames. True when it is the guest's to name: its own, or one that was lent for ever. */
	bool (*owned)(const struct xen_domain *x, u64 mfn);
	/* How many the guest has. */
	u64 (*total)(const struct xen_domain *x);
	/* Holds a frame of the guest's for a service of the host that writes to it; and lets go. */
	int (*hold)(struct xen_domain *x, u64 mfn);
	void (*release)(struct xen_domain *x, u64 mfn);
	/* A frame of zeros of the host's that the guest may map and write (shared_info, grant table). 0: none left. */
	u64 (*lend)(struct xen_domain *x);
	/* Whether nobody maps or uses it; taking an idle one back; lending zeros under the number of one that was taken back. */
	bool (*lent_idle)(const struct xen_domain *x, u64 mfn);
	void (*take_back)(struct xen_domain *x, u64 mfn);
	int (*lend_again)(struct xen_domain *x, u64 mfn);
	/*
	 * A number for another domain's frame, which is at of its memory, for grant maps: each sees what the other stores. Asked again
	 * for the same frame, it gives the number it has. And back, when no map is left.
	 */
	int (*alias)(struct xen_domain *x, struct mem *from, u64 at, u64 *mfn);
	void (*unalias)(struct xen_domain *x, u64 mfn);
	/* After a load of state: puts the frame at the number that alias() had given. */
	int (*alias_again)(struct xen_domain *x, u64 mfn, struct mem *from, u64 at);
	/* ... and when that is done for all: takes away frames that no alias stands for. False: an alias has no frame. */
	bool (*aliases_loaded)(struct xen_domain *x);
	/*
	 * Grant maps: where is GNTTABOP_map_grant_ref's host_addr, flags are GNTMAP_*. They put mfn there; take it away again; or
	 * move what is at from to where it was. False: it cannot be.
	 */
	bool (*map_grant)(struct vcpu *v, u64 where, u32 flags, u64 mfn);
	bool (*unmap_grant)(struct vcpu *v, u64 where, u32 flags, u64 mfn);
	bool (*replace_grant)(struct vcpu *v, u64 where, u32 flags, u64 mfn, u64 from);
};

INLINE bool xen_owned(const struct xen_domain *x, u64 mfn)
{
	return x->ops->owned(x, mfn);
}

INLINE int xen_hold(struct xen_domain *x, u64 mfn)
{
	return x->ops->hold(x, mfn);
}

INLINE void xen_release(struct xen_domain *x, u64 mfn)
{
	x->ops->release(x, mfn);
}

/* ---- xen/domain.c ---------------------------------------------------------------------------------------------- */

struct xen_services_in {
	/* Takes the console's output. */
	void (*console_out)(void *opaque, const u8 *p, size_t n);
	void *opaque;
};

/*
 * Starts what every Xen guest is served with: shared_info, events, grants, time, xenstore, xenbus, console, the wall clock's
 * input, control. Its vCPUs, frames and ops must be there. 0 or -errno; xen_services_stop() in either case.
 */
int xen_services_start(struct xen_domain *x, const struct xen_services_in *in);
void xen_services_stop(struct xen_domain *x);
/* Lines for a crash report: the last hypercalls of a vCPU. */
void xen_report_calls(struct vcpu *v, FILE *out);

/* ---- xen/info.c: the shared pages ------------------------------------------------------------------------------ */

/* Fields of vcpu_info (public/xen.h), by byte offset, of this vCPU, wherever it is registered. */
u8 xen_info_u8(struct vcpu *v, u32 off);
u64 xen_info_u64(struct vcpu *v, u32 off);
void xen_info_set_u8(struct vcpu *v, u32 off, u8 x);
void xen_info_set_u64(struct vcpu *v, u32 off, u64 x);
enum { VI_PENDING = 0, VI_MASK = 1, VI_SEL = 8, VI_CR2 = 16, VI_TIME = 32 };
/* True when an event waits and upcalls are not masked. */
bool xen_events_deliverable(struct vcpu *v);

/* ---- guest memory of the running vCPU, for hypercalls; fault-safe ----------------------------------------------- */

/* 0 or -XEN_EFAULT. A fault is not delivered to the guest. */
int xen_copy_from(struct vcpu *v, void *dst, u64 va, size_t n);
int xen_copy_to(struct vcpu *v, u64 va, const void *src, size_t n);

#endif
