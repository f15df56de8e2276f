/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Callbacks of 32-bit kernels: each names its code segment too (Xen public/arch-x86/xen-x86_32.h, public/callback.h).
 */
#include "pv/compat/compat.h"

enum { CB_EVENT = 0, CB_FAILSAFE = 1, CB_NMI = 4, CB_SYSENTER = 5, CB_SYSCALL32 = 7 };
#define CALLBACKF_MASK_EVENTS 1u

struct compat_callback {
	u16 type, flags;
	u32 cs, ip;
};
static const struct arg_field callback_fields[] = {
	ARG_IN(ARG_U16, struct compat_callback, type), ARG_IN(ARG_U16, struct compat_callback, flags),
	ARG_IN(ARG_U32, struct compat_callback, cs), ARG_IN(ARG_U32, struct compat_callback, ip), ARG_LAST
};
static const struct arg_layout callback_layout = { "callback_register", sizeof(struct compat_callback),
						   callback_fields };

static void set(struct pv_vcpu_state *s, u32 bit, bool mask, u64 *cs, u64 *ip, const struct compat_callback *a)
{
	*cs = compat_selector(a->cs);
	*ip = a->ip;
	s->flags = (s->flags & ~bit) | (mask ? bit : 0);
}

static i64 callback_set(struct vcpu *v, const struct compat_callback *a)
{
	struct pv_vcpu_state *s = &pv_of(v)->s;
	bool mask = a->flags & CALLBACKF_MASK_EVENTS;

	switch (a->type) {
	case CB_EVENT:
		set(s, 0, false, &s->event_cs, &s->event_ip, a);
		return 0;
	case CB_FAILSAFE:
		set(s, PV_FAILSAFE_MASK, mask, &s->failsafe_cs, &s->failsafe_ip, a);
		return 0;
	case CB_SYSCALL32:
		set(s, PV_SYSCALL32_MASK, mask, &s->syscall32_cs, &s->syscall32_ip, a);
		return 0;
	case CB_SYSENTER:
		set(s, PV_SYSENTER_MASK, mask, &s->sysenter_cs, &s->sysenter_ip, a);
		return 0;
	case CB_NMI:
		/* The segment is the flat one whatever was said; events stay off while it runs. */
		s->traps[X86_NMI] = (struct pv_trap_entry){ .address = a->ip, .cs = COMPAT_KERNEL_CS, .flags = 4 };
		return 0;
	default:
		return -XEN_ENOSYS;
	}
}

i64 compat_callback_register(struct hc *h, u64 va)
{
	struct compat_callback a;

	if (arg_copy_in(h->v, &callback_layout, &a, va))
		return -XEN_EFAULT;
	return callback_set(h->v, &a);
}

i64 compat_set_callbacks(struct hc *h)
{
	struct compat_callback event = { .type = CB_EVENT, .cs = (u16)h->args[0], .ip = (u32)h->args[1] };
	struct compat_callback failsafe = { .type = CB_FAILSAFE, .cs = (u16)h->args[2], .ip = (u32)h->args[3] };

	callback_set(h->v, &event);
	return callback_set(h->v, &failsafe);
}
