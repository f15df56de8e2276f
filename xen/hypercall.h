/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How hypercalls are written. A function never touches guest memory for its argument struct: it gets a host struct laid
 * out as in the 64-bit ABI with host-order integers; generic code copies it in and out for 64-bit and 32-bit guests,
 * traces, and continues what takes long.
 */
#ifndef XEN_HYPERCALL_H
#define XEN_HYPERCALL_H

#include "xen/xen.h"

/* A member of an argument struct. */
enum arg_kind {
	ARG_END = 0, ARG_U8, ARG_U16, ARG_U32, ARG_U64,
	ARG_ULONG, /* 8 bytes; 4 (zero-extended) in a 32-bit guest */
	ARG_PTR,   /* a guest address: as ARG_ULONG, kept as u64 */
	ARG_LONG,  /* sign-extended */
	ARG_BYTES  /* count bytes of no order */
};
struct arg_field {
	u8 kind;
	u8 out;    /* copied back */
	u16 offset; /* in the host struct */
	u16 count;  /* elements */
};
struct arg_layout {
	const char *name;
	u16 size; /* of the host struct, equal to the 64-bit guest's */
	const struct arg_field *fields;
};
#define ARG_(k, s, m, o) { k, o, offsetof(s, m), sizeof(((s *)0)->m) / ((k) == ARG_U8 || (k) == ARG_BYTES ? 1 : (k) == ARG_U16 ? 2 : (k) == ARG_U32 ? 4 : 8) }
#define ARG_IN(k, s, m) ARG_(k, s, m, 0)
#define ARG_INOUT(k, s, m) ARG_(k, s, m, 1)
#define ARG_OUT(k, s, m) ARG_(k, s, m, 1)
#define ARG_LAST { ARG_END, 0, 0, 0 }

/* Bytes the struct takes in this guest's memory. */
u32 arg_guest_size(const struct vcpu *v, const struct arg_layout *l);
/* Copies one struct in or (its out members) back. 0 or -XEN_EFAULT. */
int arg_copy_in(struct vcpu *v, const struct arg_layout *l, void *dst, u64 va);
int arg_copy_out(struct vcpu *v, const struct arg_layout *l, const void *src, u64 va);

/* A hypercall being served. */
struct hc {
	struct vcpu *v;
	u32 nr;
	u64 args[6]; /* as the guest gave them; 32-bit guests' zero-extended */
	u32 sub;     /* the sub-operation once known, for the trace */
	bool again;  /* set by hc_continue() */
	bool in_multicall;
	bool no_result; /* iret, or a domain that ended: rax is not written */
	bool chatter;   /* the console's traffic: not for the report's list of the last calls */
};

/* One sub-operation of a hypercall with a command number and a pointer to a struct. */
struct hc_sub {
	u32 cmd;
	const char *name;
	const struct arg_layout *layout; /* NULL: no struct; fn gets NULL */
	i64 (*fn)(struct hc *h, void *arg);
};

/*
 * Looks cmd up, copies the struct in, calls, and copies the out members back when the
 * result is not negative. -XEN_ENOSYS for an unknown command.
 */
i64 hc_dispatch_sub(struct hc *h, const struct hc_sub *subs, u32 nsubs, u32 cmd, u64 va);
/*
 * Asks for the hypercall to be executed again with h->args as they are now, after the guest had a chance to take
 * events: for lists longer than HC_BATCH. Return its value at once.
 */
#define HC_BATCH 1024
i64 hc_continue(struct hc *h);
/* True when a list should go on in another round: i requests are done, or they were dear ones. */
#define HC_WORK (1u << 14)
INLINE bool hc_enough(const struct hc *h, u64 i)
{
	return i >= HC_BATCH || (i && xen_dom(h->v->d)->work >= HC_WORK);
}

/* A row of a kind of guest's table of hypercalls (struct xen_guest_ops). The result goes to rax. */
struct hc_row {
	const char *name;
	u32 nargs;
	i64 (*fn)(struct hc *h);
};

/* The functions of those that every kind has; a kind has a .def of its own beside it. */
#define HYPERCALL(nr, name, nargs) i64 hc_##name(struct hc *h);
#include "xen/hypercalls.def"
#undef HYPERCALL
/* HYPERCALL as this makes rows of a .def. */
#define HC_ROW(nr, name, nargs) [nr] = { #name, nargs, hc_##name },

/* Serves the hypercall in the registers of v. Called by the CPU's syscall op in kernel mode. */
void xen_hypercall(struct vcpu *v);
/*
 * Around whatever a guest asks for that may cost much, hypercalls and others: counts its work from 0, and ends the slot when
 * that and what came before in this slot is much, for the outside and the other vCPUs wait.
 */
#define SLOT_WORK (1u << 17)
void xen_work_begin(struct vcpu *v);
void xen_work_end(struct vcpu *v);
/* The name in this guest's table, or "unknown". */
const char *xen_hypercall_name(const struct xen_domain *x, u32 nr);

#endif
