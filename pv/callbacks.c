/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a guest says how it wants to be called: set_trap_table, set_callbacks, callback_op, stack_switch; and
 * fpu_taskswitch and the debug registers (Xen public/xen.h, public/callback.h). Callbacks of 32-bit kernels: pv/compat/callback.c.
 */
#include "base/endian.h"
#include "pv/compat/compat.h"
#include "pv/hypercall.h"
#include "pv/traps.h"

enum {
	CB_EVENT = 0,
	CB_FAILSAFE = 1,
	CB_SYSCALL = 2,
	CB_NMI = 4,
	CB_SYSENTER = 5,
	CB_SYSCALL32 = 7
};
#define CALLBACKF_MASK_EVENTS 1u

i64 hc_set_trap_table(struct hc *h)
{
	struct vcpu *v = h->v;
	struct pv_vcpu_state *s = &pv_of(v)->s;
	bool g32 = pv_dom(v->d)->xen.s.is32;
	u32 size = g32 ? 8 : 16;
	u32 i;

	if (!h->args[0]) {
		memset(s->traps, 0, sizeof s->traps);
		return 0;
	}
	for (i = 0; i < HC_BATCH; i++, h->args[0] += size) {
		struct pv_trap_entry *t;
		u64 address;
		u8 e[16];

		/* struct trap_info: vector, flags, cs, address */
		if (xen_copy_from(v, e, h->args[0], size))
			return -XEN_EFAULT;
		address = g32 ? ld32(e + 4) : ld64(e + 8);
		if (!address)
			return 0;
		if (!g32 && !pv_canonical(address))
			return -XEN_EINVAL;
		t = &s->traps[e[0]];
		t->address = address;
		t->flags = e[1];
		t->cs = ld16(e + 2);
		t->cs = g32 ? compat_selector(t->cs) : t->cs | 3;
	}
	return hc_continue(h);
}

static void set_mask(struct pv_vcpu_state *s, u32 bit, bool on)
{
	s->flags = (s->flags & ~bit) | (on ? bit : 0);
}

static i64 set_callback(struct vcpu *v, u32 type, u32 flags, u64 address)
{
	struct pv_vcpu_state *s = &pv_of(v)->s;
	bool mask = flags & CALLBACKF_MASK_EVENTS;

	if (!pv_canonical(address))
		return -XEN_EINVAL;
	switch (type) {
	case CB_EVENT:
		s->event_cs = FLAT_KERNEL_CS64;
		s->event_ip = address;
		return 0;
	case CB_FAILSAFE:
		s->failsafe_cs = FLAT_KERNEL_CS64;
		s->failsafe_ip = address;
		set_mask(s, PV_FAILSAFE_MASK, mask);
		return 0;
	case CB_SYSCALL:
		s->syscall_cs = FLAT_KERNEL_CS64;
		s->syscall_ip = address;
		set_mask(s, PV_SYSCALL_MASK, mask);
		return 0;
	case CB_SYSCALL32:
		s->syscall32_cs = FLAT_KERNEL_CS64;
		s->syscall32_ip = address;
		set_mask(s, PV_SYSCALL32_MASK, mask);
		return 0;
	case CB_SYSENTER:
		s->sysenter_cs = FLAT_KERNEL_CS64;
		s->sysenter_ip = address;
		set_mask(s, PV_SYSENTER_MASK, mask);
		return 0;
	case CB_NMI:
		/* Events stay off while it runs. */
		s->traps[X86_NMI] = (struct pv_trap_entry){ .address = address, .cs = FLAT_KERNEL_CS64, .flags = 4 };
		return 0;
	default:
		return -XEN_ENOSYS;
	}
}

i64 hc_set_callbacks(struct hc *h)
{
	i64 r;

	if (pv_dom(h->v->d)->xen.s.is32)
		return compat_set_callbacks(h);
	r = set_callback(h->v, CB_EVENT, 0, h->args[0]);
	if (!r)
		r = set_callback(h->v, CB_FAILSAFE, 0, h->args[1]);
	if (!r)
		r = set_callback(h->v, CB_SYSCALL, 0, h->args[2]);
	return r;
}

struct callback_register {
	u16 type, flags;
	u32 pad; /* alignment of the 64-bit layout */
	u64 address;
};
static const struct arg_field register_fields[] = { ARG_IN(ARG_U16, struct callback_register, type),
						    ARG_IN(ARG_U16, struct callback_register, flags),
						    ARG_IN(ARG_PTR, struct callback_register, address), ARG_LAST };
static const struct arg_layout register_layout = { "callback_register", sizeof(struct callback_register),
						   register_fields };

static i64 callback_register(struct hc *h, void *arg)
{
	const struct callback_register *a = arg;

	return set_callback(h->v, a->type, a->flags, a->address);
}

struct callback_unregister {
	u16 type, unused;
};
static const struct arg_field unregister_fields[] = { ARG_IN(ARG_U16, struct callback_unregister, type),
						      ARG_IN(ARG_U16, struct callback_unregister, unused), ARG_LAST };
static const struct arg_layout unregister_layout = { "callback_unregister", sizeof(struct callback_unregister),
						     unregister_fields };

static i64 callback_unregister(struct hc *h, void *arg)
{
	const struct callback_unregister *a = arg;

	switch (a->type) {
	case CB_EVENT:
	case CB_FAILSAFE:
	case CB_SYSCALL:
	case CB_SYSCALL32:
	case CB_SYSENTER:
		return -XEN_EINVAL;
	case CB_NMI:
		memset(&pv_of(h->v)->s.traps[X86_NMI], 0, sizeof(struct pv_trap_entry));
		return 0;
	default:
		return -XEN_ENOSYS;
	}
}

i64 hc_callback_op(struct hc *h)
{
	static const struct hc_sub subs[] = {
		{ 0, "register", &register_layout, callback_register },
		{ 1, "unregister", &unregister_layout, callback_unregister },
	};

	if (!(u32)h->args[0] && pv_dom(h->v->d)->xen.s.is32)
		return compat_callback_register(h, h->args[1]);
	return hc_dispatch_sub(h, subs, ARRAY_SIZE(subs), (u32)h->args[0], h->args[1]);
}

i64 hc_stack_switch(struct hc *h)
{
	struct pv_vcpu_state *s = &pv_of(h->v)->s;

	s->kernel_ss = pv_dom(h->v->d)->xen.s.is32 ? compat_selector(h->args[0]) : (h->args[0] & 0xffff) | 3;
	s->kernel_sp = h->args[1];
	return 0;
}

i64 hc_fpu_taskswitch(struct hc *h)
{
	pv_set_ts(h->v, h->args[0] != 0);
	return 0;
}

i64 hc_set_debugreg(struct hc *h)
{
	return pv_debugreg_set(h->v, (u32)h->args[0], h->args[1]);
}

i64 hc_get_debugreg(struct hc *h)
{
	u64 val;
	i64 r = pv_debugreg_get(h->v, (u32)h->args[0], &val);

	return r ? r : (i64)val;
}
