/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a paravirtual guest does what xen/ asks of every kind of guest (struct xen_guest_ops): its hypercalls, its part of the
 * address space, its frames.
 */
#include "pv/compat/compat.h"
#include "pv/hypercall.h"
#include "pv/mm/mm.h"
#include "pv/traps.h"

#define HYPERCALL HC_ROW
static const struct hc_row calls[] = {
#include "xen/hypercalls.def"
#include "pv/hypercalls.def"
};
#undef HYPERCALL

/* ---- what it is told of us -------------------------------------------------------------------------------------- */

/* features.h: bits of submap 0; pae_pgdir_above_4gb follows the guest's own assist. */
enum { XENFEAT_pae_pgdir_above_4gb = 4, FEATURES_PV = 0x220e0 };

static u32 features(const struct xen_domain *x)
{
	return FEATURES_PV | (pv_dom(x->d)->s.vm_assist & BIT(3) ? 1u << XENFEAT_pae_pgdir_above_4gb : 0);
}

static u64 virt_start(const struct xen_domain *x)
{
	return x->s.is32 ? COMPAT_HYPER_START : PV_M2P_START;
}

/* ---- addresses ---------------------------------------------------------------------------------------------------- */

/* Neither in the host's part of the address space nor running into it or over the end. */
static bool range_ok(const struct vcpu *v, u64 va, size_t n)
{
	u64 last = va + (n ? n - 1 : 0);

	if (last < va)
		return false;
	if (xen_dom(v->d)->s.is32)
		return last <= UINT32_MAX;
	return last < PV_M2P_START || va >= PV_HYPER_END;
}

/* Xen's own test of a registered area is of canonical addresses, whatever the guest. */
static bool area_ok(const struct vcpu *v, u64 va, size_t n)
{
	return va + n >= va && (va + n <= 1ull << 47 || va >= PV_HYPER_END);
}

static void area_write(struct vcpu *v, u64 va, const void *p, u32 n)
{
	bool user = !pv_kernel_mode(v);

	if (user)
		pv_set_mode(v, true);
	xen_copy_to(v, va, p, n);
	if (user)
		pv_set_mode(v, false);
}

static bool has_callback(const struct vcpu *v)
{
	return ((const struct pv_vcpu *)v->machine)->s.event_ip;
}

/* ---- frames ------------------------------------------------------------------------------------------------------- */

static bool owned(const struct xen_domain *x, u64 mfn)
{
	return pv_mm_owned(pv_dom(x->d), mfn);
}

static u64 total(const struct xen_domain *x)
{
	return pv_mm_total(pv_dom(x->d));
}

static int hold(struct xen_domain *x, u64 mfn)
{
	return pv_mm_hold_writable(pv_dom(x->d), mfn);
}

static void release(struct xen_domain *x, u64 mfn)
{
	pv_mm_release_writable(pv_dom(x->d), mfn);
}

static u64 lend(struct xen_domain *x)
{
	return pv_mm_special(pv_dom(x->d));
}

static bool lent_idle(const struct xen_domain *x, u64 mfn)
{
	return pv_mm_special_idle(pv_dom(x->d), mfn);
}

static void take_back(struct xen_domain *x, u64 mfn)
{
	pv_mm_special_take(pv_dom(x->d), mfn);
}

static int lend_again(struct xen_domain *x, u64 mfn)
{
	return pv_mm_special_give(pv_dom(x->d), mfn);
}

static int alias(struct xen_domain *x, struct mem *from, u64 at, u64 *mfn)
{
	return pv_mm_alias(pv_dom(x->d), from, at, mfn);
}

static int alias_again(struct xen_domain *x, u64 mfn, struct mem *from, u64 at)
{
	return pv_mm_alias_again(pv_dom(x->d), mfn, from, at);
}

static bool aliases_loaded(struct xen_domain *x)
{
	return pv_mm_aliases_loaded(pv_dom(x->d));
}

static void unalias(struct xen_domain *x, u64 mfn)
{
	pv_mm_unalias(pv_dom(x->d), mfn);
}

const struct xen_guest_ops pv_guest_ops = {
	.calls = calls,
	.ncalls = ARRAY_SIZE(calls),
	.capabilities = "xen-3.0-x86_64 xen-3.0-x86_32p ",
	.features = features,
	.virt_start = virt_start,
	.range_ok = range_ok,
	.area_ok = area_ok,
	.area_write = area_write,
	.initialise = pv_vcpu_initialise,
	.has_callback = has_callback,
	.owned = owned,
	.total = total,
	.hold = hold,
	.release = release,
	.lend = lend,
	.lent_idle = lent_idle,
	.take_back = take_back,
	.lend_again = lend_again,
	.alias = alias,
	.unalias = unalias,
	.alias_again = alias_again,
	.aliases_loaded = aliases_loaded,
	.map_grant = pv_mm_map_grant,
	.unmap_grant = pv_mm_unmap_grant,
	.replace_grant = pv_mm_replace_grant,
};
