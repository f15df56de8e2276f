/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HYPERVISOR_vcpu_op (Xen public/vcpu.h). How a vCPU starts is each kind of guest's own. Left out: physical CPU numbers.
 */
#include "base/endian.h"
#include "xen/hypercall.h"
#include "xen/info.h"
#include "xen/sched.h"
#include "xen/time.h"

static struct vcpu *target(struct hc *h)
{
	return h->v->d->vcpus[(u32)h->args[1]];
}

static i64 vcpu_initialise(struct hc *h, void *arg)
{
	struct vcpu *v = target(h);

	if (!xen_of(v)->s.vcpu_info)
		return -XEN_EINVAL;
	return xen_dom(h->v->d)->ops->initialise(h, v, h->args[2]);
}

static i64 vcpu_up(struct hc *h, void *arg)
{
	if (!(xen_of(target(h))->s.flags & XEN_VCPU_INITIALISED))
		return -XEN_EINVAL;
	xen_vcpu_up(target(h));
	return 0;
}

static i64 vcpu_down(struct hc *h, void *arg)
{
	struct domain *d = h->v->d;
	struct vcpu *v = target(h);
	u32 i;

	for (i = 0; i < d->nvcpus; i++)
		if (d->vcpus[i] != v && d->vcpus[i]->s.run != VCPU_OFFLINE)
			break;
	if (i == d->nvcpus) {
		/* The last one turns the machine off. */
		xen_domain_shutdown(h->v, 0);
		h->no_result = d->end != END_RUNNING;
	} else {
		xen_vcpu_down(v);
	}
	return 0;
}

static i64 vcpu_is_up(struct hc *h, void *arg)
{
	return target(h)->s.run != VCPU_OFFLINE;
}

static i64 vcpu_get_runstate(struct hc *h, void *arg)
{
	return xen_runstate_copy(h->v, target(h), h->args[2]);
}

/* struct vcpu_register_*_memory_area: a union of a guest address and 64 bits. */
struct vcpu_area {
	u64 va;
};
static const struct arg_field area_fields[] = { ARG_IN(ARG_U64, struct vcpu_area, va), ARG_LAST };
static const struct arg_layout area_layout = { "vcpu_register_memory_area", sizeof(struct vcpu_area), area_fields };

/* The address; in a 32-bit guest it is the low half of the union. */
static u64 area_va(struct hc *h, const void *arg)
{
	u64 va = ((const struct vcpu_area *)arg)->va;

	return xen_dom(h->v->d)->s.is32 ? (u32)va : va;
}

static i64 vcpu_register_runstate(struct hc *h, void *arg)
{
	return xen_runstate_register(h->v, target(h), area_va(h, arg));
}

static i64 vcpu_register_time(struct hc *h, void *arg)
{
	return xen_time_register(h->v, target(h), area_va(h, arg));
}

struct vcpu_periodic {
	u64 period_ns;
};
static const struct arg_field periodic_fields[] = { ARG_IN(ARG_U64, struct vcpu_periodic, period_ns), ARG_LAST };
static const struct arg_layout periodic_layout = { "vcpu_set_periodic_timer", sizeof(struct vcpu_periodic),
						   periodic_fields };

static i64 vcpu_set_periodic(struct hc *h, void *arg)
{
	return xen_periodic_set(target(h), ((struct vcpu_periodic *)arg)->period_ns);
}

static i64 vcpu_stop_periodic(struct hc *h, void *arg)
{
	xen_periodic_stop(target(h));
	return 0;
}

struct vcpu_singleshot {
	u64 timeout_abs_ns;
	u32 flags, pad; /* a 32-bit guest has no pad */
};
static const struct arg_field singleshot_fields[] = { ARG_IN(ARG_U64, struct vcpu_singleshot, timeout_abs_ns),
						      ARG_IN(ARG_U32, struct vcpu_singleshot, flags), ARG_LAST };
static const struct arg_layout singleshot_layout = { "vcpu_set_singleshot_timer", sizeof(struct vcpu_singleshot),
						     singleshot_fields };

static i64 vcpu_set_singleshot(struct hc *h, void *arg)
{
	const struct vcpu_singleshot *a = arg;

	if (target(h) != h->v)
		return -XEN_EINVAL;
	/* VCPU_SSHOTTMR_future */
	if ((a->flags & 1) && a->timeout_abs_ns < domain_now(h->v->d))
		return -XEN_ETIME;
	xen_timer_set(h->v, a->timeout_abs_ns);
	return 0;
}

static i64 vcpu_stop_singleshot(struct hc *h, void *arg)
{
	if (target(h) != h->v)
		return -XEN_EINVAL;
	xen_timer_stop(h->v);
	return 0;
}

struct vcpu_register_info {
	u64 mfn;
	u32 offset, rsvd;
};
static const struct arg_field info_fields[] = { ARG_IN(ARG_U64, struct vcpu_register_info, mfn),
						ARG_IN(ARG_U32, struct vcpu_register_info, offset),
						ARG_IN(ARG_U32, struct vcpu_register_info, rsvd), ARG_LAST };
static const struct arg_layout info_layout = { "vcpu_register_vcpu_info", sizeof(struct vcpu_register_info),
					       info_fields };

static i64 vcpu_register_info(struct hc *h, void *arg)
{
	const struct vcpu_register_info *a = arg;
	struct xen_domain *p = xen_dom(h->v->d);
	struct vcpu *v = target(h);
	i64 r;

	/* One's own, or that of one that does not run. */
	if (v != h->v && v->s.run != VCPU_OFFLINE)
		return -XEN_EINVAL;
	if (xen_hold(p, a->mfn))
		return -XEN_EINVAL;
	r = xen_info_register(v, a->mfn, a->offset);
	if (r) {
		xen_release(p, a->mfn);
		return r;
	}
	xen_time_update(v);
	return 0;
}

static i64 vcpu_send_nmi(struct hc *h, void *arg)
{
	struct vcpu *v = target(h);

	if (h->args[2])
		return -XEN_EINVAL;
	if (!(xen_of(v)->s.flags & XEN_VCPU_NMI_PENDING)) {
		xen_of(v)->s.flags |= XEN_VCPU_NMI_PENDING;
		xen_vcpu_unblock(v);
	}
	return 0;
}

static i64 vcpu_get_physid(struct hc *h, void *arg)
{
	return -XEN_EINVAL; /* for pinned vCPUs of the hardware domain only */
}

static const struct hc_sub vcpu_subs[] = {
	{ 0, "initialise", NULL, vcpu_initialise },
	{ 1, "up", NULL, vcpu_up },
	{ 2, "down", NULL, vcpu_down },
	{ 3, "is_up", NULL, vcpu_is_up },
	{ 4, "get_runstate_info", NULL, vcpu_get_runstate },
	{ 5, "register_runstate_memory_area", &area_layout, vcpu_register_runstate },
	{ 6, "set_periodic_timer", &periodic_layout, vcpu_set_periodic },
	{ 7, "stop_periodic_timer", NULL, vcpu_stop_periodic },
	{ 8, "set_singleshot_timer", &singleshot_layout, vcpu_set_singleshot },
	{ 9, "stop_singleshot_timer", NULL, vcpu_stop_singleshot },
	{ 10, "register_vcpu_info", &info_layout, vcpu_register_info },
	{ 11, "send_nmi", NULL, vcpu_send_nmi },
	{ 12, "get_physid", NULL, vcpu_get_physid },
	{ 13, "register_vcpu_time_memory_area", &area_layout, vcpu_register_time },
};

i64 hc_vcpu_op(struct hc *h)
{
	/* Linux counts the vCPUs by asking for each number until this answer. */
	if ((u32)h->args[1] >= h->v->d->nvcpus)
		return -XEN_ENOENT;
	return hc_dispatch_sub(h, vcpu_subs, ARRAY_SIZE(vcpu_subs), (u32)h->args[0], h->args[2]);
}
