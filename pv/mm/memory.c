/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * memory_op: how many frames a PV guest has and which (Xen public/memory.h). Lists of extents continue with the count
 * done in the bits of the command above 6. Left out: what needs a translated guest, set_memory_map, POD, NUMA.
 */
#include <string.h>

#include "base/endian.h"
#include "pv/hypercall.h"
#include "pv/mm/mm.h"

#define EXTENT_SHIFT 6u
#define CMD_MASK 63u
#define MAX_ORDER_DOMU 9u /* Xen's default for guests without devices */

enum { XENMEM_increase_reservation = 0, XENMEM_decrease_reservation = 1, XENMEM_populate_physmap = 6 };

struct mem_reservation {
	u64 extent_start, nr_extents;
	u32 extent_order, mem_flags;
	u16 domid;
	u8 pad[6];
};
#define RESERVATION(s, m)                                                                                              \
	ARG_IN(ARG_PTR, s, m extent_start), ARG_IN(ARG_ULONG, s, m nr_extents), ARG_IN(ARG_U32, s, m extent_order),    \
		ARG_IN(ARG_U32, s, m mem_flags), ARG_IN(ARG_U16, s, m domid)
struct mem_exchange {
	struct mem_reservation in, out;
	u64 nr_exchanged;
};
struct mem_domain {
	u16 domid;
	u8 pad[6];
};
struct mem_machphys {
	u64 v_start, v_end, max_mfn;
};
struct mem_mfn_list {
	u32 max_extents, pad;
	u64 extent_start;
	u32 nr_extents, pad2;
};
struct mem_map {
	u32 nr_entries, pad;
	u64 buffer;
};
struct mem_physmap {
	u16 domid, size;
	u32 space;
	u64 idx, gpfn;
};
struct mem_remove {
	u16 domid;
	u8 pad[6];
	u64 gpfn;
};
struct mem_vnuma {
	u16 domid, pad;
	u32 nr_vnodes, nr_vcpus, nr_vmemranges;
};
struct mem_pod {
	u64 target_pages, tot_pages, pod_cache_pages, pod_entries;
	u16 domid;
	u8 pad[6];
};

#define LAYOUT(sym, s, ...)                                                                                            \
	static const struct arg_field sym##_fields[] = { __VA_ARGS__, ARG_LAST };                                      \
	static const struct arg_layout sym = { #s, sizeof(struct s), sym##_fields }

#define IN_
LAYOUT(reservation_layout, mem_reservation, RESERVATION(struct mem_reservation, IN_));
LAYOUT(exchange_layout, mem_exchange, RESERVATION(struct mem_exchange, in.), RESERVATION(struct mem_exchange, out.),
       ARG_INOUT(ARG_ULONG, struct mem_exchange, nr_exchanged));
LAYOUT(domain_layout, mem_domain, ARG_IN(ARG_U16, struct mem_domain, domid));
LAYOUT(machphys_layout, mem_machphys, ARG_OUT(ARG_ULONG, struct mem_machphys, v_start),
       ARG_OUT(ARG_ULONG, struct mem_machphys, v_end), ARG_OUT(ARG_ULONG, struct mem_machphys, max_mfn));
LAYOUT(mfn_list_layout, mem_mfn_list, ARG_IN(ARG_U32, struct mem_mfn_list, max_extents),
       ARG_IN(ARG_PTR, struct mem_mfn_list, extent_start), ARG_OUT(ARG_U32, struct mem_mfn_list, nr_extents));
LAYOUT(map_layout, mem_map, ARG_INOUT(ARG_U32, struct mem_map, nr_entries), ARG_IN(ARG_PTR, struct mem_map, buffer));
LAYOUT(physmap_layout, mem_physmap, ARG_IN(ARG_U16, struct mem_physmap, domid), ARG_IN(ARG_U16, struct mem_physmap, size),
       ARG_IN(ARG_U32, struct mem_physmap, space), ARG_IN(ARG_ULONG, struct mem_physmap, idx),
       ARG_IN(ARG_ULONG, struct mem_physmap, gpfn));
LAYOUT(remove_layout, mem_remove, ARG_IN(ARG_U16, struct mem_remove, domid), ARG_IN(ARG_ULONG, struct mem_remove, gpfn));
LAYOUT(vnuma_layout, mem_vnuma, ARG_IN(ARG_U16, struct mem_vnuma, domid), ARG_IN(ARG_U16, struct mem_vnuma, pad),
       ARG_IN(ARG_U32, struct mem_vnuma, nr_vnodes), ARG_IN(ARG_U32, struct mem_vnuma, nr_vcpus),
       ARG_IN(ARG_U32, struct mem_vnuma, nr_vmemranges));
LAYOUT(pod_layout, mem_pod, ARG_IN(ARG_U64, struct mem_pod, target_pages), ARG_IN(ARG_U64, struct mem_pod, tot_pages),
       ARG_IN(ARG_U64, struct mem_pod, pod_cache_pages), ARG_IN(ARG_U64, struct mem_pod, pod_entries),
       ARG_IN(ARG_U16, struct mem_pod, domid));

/* 0 when the number means the caller itself; -XEN_EPERM for a domain it may not touch, -XEN_ESRCH for none. */
static i64 self_only(const struct hc *h, u32 domid)
{
	if (domid == DOMID_SELF || domid == h->v->d->id)
		return 0;
	return domid == XEN_BACKEND_DOMID || host_domain(h->v->d->host, domid) ? -XEN_EPERM : -XEN_ESRCH;
}

/* Entry i of a guest's list of frame numbers. */
static bool list_get(struct vcpu *v, u64 list, u64 i, u64 *x)
{
	bool is32 = pv_dom(v->d)->xen.s.is32;
	u8 le[8] = { 0 };

	if (xen_copy_from(v, le, list + i * (is32 ? 4 : 8), is32 ? 4 : 8))
		return false;
	*x = ld64(le);
	return true;
}

static bool list_put(struct vcpu *v, u64 list, u64 i, u64 x)
{
	bool is32 = pv_dom(v->d)->xen.s.is32;
	u8 le[8];

	st64(le, x);
	return !xen_copy_to(v, list + i * (is32 ? 4 : 8), le, is32 ? 4 : 8);
}

/* Frames whose addresses have at most bits bits (0: any). -XEN_ENOMEM. */
static int alloc_below(struct pv_domain *d, u64 pfn, u32 order, u32 bits, u64 *mfn)
{
	int rc = pv_mm_alloc_order(d, pfn, order, mfn);
	u64 i;

	if (rc)
		return rc;
	if (!bits || bits >= 64 || *mfn + BIT(order) <= (bits > PAGE_SHIFT ? BIT(bits - PAGE_SHIFT) : 0))
		return 0;
	for (i = 0; i < BIT(order); i++)
		pv_mm_release(d, *mfn + i);
	return -XEN_ENOMEM;
}

/* ---- increase, decrease, populate: the result is how many extents were done, whatever stopped it ---------------- */

static bool one_extent(struct hc *h, u32 op, const struct mem_reservation *r, u64 i)
{
	struct pv_domain *d = pv_dom(h->v->d);
	u32 bits = r->mem_flags & 0xff;
	u64 x = ~0ULL, mfn, k;

	if (op != XENMEM_increase_reservation && !list_get(h->v, r->extent_start, i, &x))
		return false;
	if (op == XENMEM_decrease_reservation) {
		for (k = 0; k < BIT(r->extent_order); k++)
			if (pv_mm_release(d, x + k))
				return false;
		return true;
	}
	if (alloc_below(d, x, r->extent_order, bits, &mfn))
		return false;
	if (op == XENMEM_increase_reservation) {
		for (k = 0; k < BIT(r->extent_order); k++)
			pv_m2p_set(d, mfn + k, ~0ULL);
		return !r->extent_start || list_put(h->v, r->extent_start, i, mfn);
	}
	return list_put(h->v, r->extent_start, i, mfn);
}

static i64 do_reservation(struct hc *h, u32 op, u64 start)
{
	struct mem_reservation r;
	u64 i, work = 0;
	i64 rc;

	if (arg_copy_in(h->v, &reservation_layout, &r, h->args[1]))
		return (i64)start;
	if (r.nr_extents > UINT32_MAX >> EXTENT_SHIFT || start >= r.nr_extents)
		return (i64)start;
	rc = self_only(h, r.domid);
	if (rc)
		return rc == -XEN_ESRCH ? (i64)start : rc;
	if (((r.mem_flags & 0xff) && (r.mem_flags & 0xff) <= PAGE_SHIFT) || r.extent_order > MAX_ORDER_DOMU)
		return (i64)start;
	for (i = start; i < r.nr_extents; i++) {
		if (hc_enough(h, work)) {
			h->args[0] = op | i << EXTENT_SHIFT;
			return hc_continue(h);
		}
		if (!one_extent(h, op, &r, i))
			break;
		work += BIT(r.extent_order);
	}
	return (i64)i;
}

/* ---- exchange --------------------------------------------------------------------------------------------------- */

/* The frames of one chunk are the guest's, unused, and named once. */
static i64 chunk_check(struct hc *h, const struct mem_exchange *x, u64 first, u64 n, u64 *frames)
{
	struct pv_domain *d = pv_dom(h->v->d);
	u64 span = BIT(x->in.extent_order);
	u64 j, k;

	for (j = 0; j < n; j++) {
		if (!list_get(h->v, x->in.extent_start, first + j, &frames[j]))
			return -XEN_EFAULT;
		for (k = 0; k < span; k++)
			if (!pv_mm_unused(d, frames[j] + k))
				return -XEN_EINVAL;
		for (k = 0; k < j; k++)
			if (frames[j] - frames[k] < span || frames[k] - frames[j] < span)
				return -XEN_EINVAL;
	}
	return 0;
}

/* Trades in_n extents from the in list for out_n of the out list. */
static i64 chunk_trade(struct hc *h, const struct mem_exchange *x, u64 i, u64 in_n, u64 out_n)
{
	struct pv_domain *d = pv_dom(h->v->d);
	u64 in[BIT(MAX_ORDER_DOMU)], out[BIT(MAX_ORDER_DOMU)];
	u64 pages = in_n << x->in.extent_order;
	u64 j, k, pfn;
	i64 rc = chunk_check(h, x, i * in_n, in_n, in);

	if (rc)
		return rc;
	/* New frames come before the old ones go, so that a failure leaves the guest with what it had. */
	d->xen.s.max_pages += pages;
	for (j = 0; j < out_n && !rc; j++) {
		if (!list_get(h->v, x->out.extent_start, i * out_n + j, &pfn))
			rc = -XEN_EFAULT;
		else
			rc = alloc_below(d, pfn, x->out.extent_order, x->out.mem_flags & 0xff, &out[j]);
	}
	if (rc) {
		while (--j) /* the one that failed was not given */
			for (k = 0; k < BIT(x->out.extent_order); k++)
				pv_mm_release(d, out[j - 1] + k);
		d->xen.s.max_pages -= pages;
		return rc;
	}
	for (j = 0; j < in_n; j++)
		for (k = 0; k < BIT(x->in.extent_order); k++)
			pv_mm_release(d, in[j] + k);
	d->xen.s.max_pages -= pages;
	for (j = 0; j < out_n; j++)
		if (!list_put(h->v, x->out.extent_start, i * out_n + j, out[j]))
			rc = -XEN_EFAULT;
	return rc;
}

static i64 exchange_checked(struct hc *h, struct mem_exchange *x)
{
	u32 in_order = x->in.extent_order, out_order = x->out.extent_order;
	u64 in_n, out_n, i, chunks;
	i64 rc;

	if (MAX(in_order, out_order) > MAX_ORDER_DOMU)
		return -XEN_EPERM;
	if (x->nr_exchanged > x->in.nr_extents || x->in.domid != x->out.domid || x->in.nr_extents > ~0ULL >> in_order ||
	    x->out.nr_extents > ~0ULL >> out_order || x->in.nr_extents << in_order != x->out.nr_extents << out_order)
		return -XEN_EINVAL;
	rc = self_only(h, x->in.domid);
	if (rc)
		return rc;
	in_n = in_order <= out_order ? BIT(out_order - in_order) : 1;
	out_n = in_order <= out_order ? 1 : BIT(in_order - out_order);
	chunks = x->in.nr_extents / in_n;
	for (i = x->nr_exchanged / in_n; i < chunks; i++) {
		rc = chunk_trade(h, x, i, in_n, out_n);
		x->nr_exchanged = (i + !rc) * in_n;
		if (rc)
			return rc;
		/* The rest comes in another round, as the count in the struct says. */
		if (i + 1 < chunks && (i + 1) * (in_n << in_order) % HC_BATCH == 0) {
			if (arg_copy_out(h->v, &exchange_layout, x, h->args[1]))
				return -XEN_EFAULT;
			return hc_continue(h);
		}
	}
	x->nr_exchanged = x->in.nr_extents;
	return 0;
}

static i64 do_exchange(struct hc *h)
{
	struct mem_exchange x;
	i64 rc;

	if (arg_copy_in(h->v, &exchange_layout, &x, h->args[1]))
		return -XEN_EFAULT;
	rc = exchange_checked(h, &x);
	if (h->again)
		return rc;
	return arg_copy_out(h->v, &exchange_layout, &x, h->args[1]) ? -XEN_EFAULT : rc;
}

/* ---- questions -------------------------------------------------------------------------------------------------- */

static i64 mem_current(struct hc *h, void *arg)
{
	const struct mem_domain *a = arg;
	i64 rc = self_only(h, a->domid);

	return rc ? rc : (i64)pv_mm_total(pv_dom(h->v->d));
}

static i64 mem_maximum(struct hc *h, void *arg)
{
	const struct mem_domain *a = arg;
	i64 rc = self_only(h, a->domid);

	return rc ? rc : (i64)pv_dom(h->v->d)->xen.s.max_pages;
}

static i64 mem_maximum_gpfn(struct hc *h, void *arg)
{
	const struct mem_domain *a = arg;
	const struct pv_domain *d = pv_dom(h->v->d);
	/* shared_info.arch.max_pfn, which the guest writes. */
	u64 at = (d->xen.s.shared_info << PAGE_SHIFT) + (d->xen.s.is32 ? 2316 : 3088);
	i64 rc = self_only(h, a->domid);
	u64 n;

	if (rc)
		return rc;
	n = d->xen.s.is32 ? mem_read_u32(&h->v->d->mem, at) : mem_read_u64(&h->v->d->mem, at);
	return (i64)(n ? n - 1 : 0);
}

static i64 mem_maximum_ram_page(struct hc *h, void *arg)
{
	return (i64)h->v->d->mem.limit;
}

static i64 mem_machphys_mapping(struct hc *h, void *arg)
{
	struct mem_machphys *a = arg;

	if (pv_dom(h->v->d)->xen.s.is32)
		*a = (struct mem_machphys){ 0xf5800000u, 0xf6800000u, 0x3fffff };
	else
		*a = (struct mem_machphys){ PV_M2P_START, PV_M2P_START + BIT(38), BIT(35) - 1 };
	return 0;
}

/* The table's own frames are none of the guest's numbers: every 2 MiB of it is a hole in this list. */
static i64 mem_machphys_mfn_list(struct hc *h, void *arg)
{
	struct mem_mfn_list *a = arg;
	const struct pv_domain *d = pv_dom(h->v->d);
	u64 n = DIV_UP(d->s.mfn_end * (d->xen.s.is32 ? 4 : 8), 2u << 20);
	u32 i;

	n = MIN(n, (u64)a->max_extents);
	for (i = 0; i < n; i++)
		if (!list_put(h->v, a->extent_start, i, 0))
			return -XEN_EFAULT;
	a->nr_extents = (u32)n;
	return 0;
}

/* One RAM region from 0, as xl's tool stack sets it. */
static i64 mem_memory_map(struct hc *h, void *arg)
{
	struct mem_map *a = arg;
	u8 e820[20] = { 0 };

	a->nr_entries = MIN(a->nr_entries, 1u);
	st64(e820 + 8, pv_dom(h->v->d)->xen.s.max_pages << PAGE_SHIFT);
	st32(e820 + 16, 1);
	return a->nr_entries && xen_copy_to(h->v, a->buffer, e820, sizeof e820) ? -XEN_EFAULT : 0;
}

static i64 mem_add_to_physmap(struct hc *h, void *arg)
{
	const struct mem_physmap *a = arg;
	i64 rc;

	if (a->space == 4)
		return -XEN_ENOSYS; /* foreign frames: by the batch call only */
	rc = self_only(h, a->domid);
	return rc ? rc : -XEN_EACCES; /* not a translated guest */
}

static i64 mem_add_to_physmap_batch(struct hc *h, void *arg)
{
	const struct mem_domain *a = arg;
	i64 rc = self_only(h, a->domid);

	return rc ? rc : -XEN_EACCES;
}

static i64 mem_remove_from_physmap(struct hc *h, void *arg)
{
	const struct mem_remove *a = arg;
	i64 rc = self_only(h, a->domid);

	if (rc)
		return rc;
	return pv_mm_owned(pv_dom(h->v->d), a->gpfn) ? 0 : -XEN_ENOENT;
}

static i64 mem_vnumainfo(struct hc *h, void *arg)
{
	const struct mem_vnuma *a = arg;
	i64 rc;

	if (a->pad)
		return -XEN_EINVAL;
	rc = self_only(h, a->domid);
	return rc ? rc : -XEN_EOPNOTSUPP;
}

static i64 mem_pod_target(struct hc *h, void *arg)
{
	const struct mem_pod *a = arg;

	return self_only(h, a->domid) == -XEN_ESRCH ? -XEN_ESRCH : -XEN_EPERM;
}

static i64 mem_denied(struct hc *h, void *arg)
{
	return -XEN_EPERM;
}

static const struct hc_sub memory_subs[] = {
	{ 2, "maximum_ram_page", NULL, mem_maximum_ram_page },
	{ 3, "current_reservation", &domain_layout, mem_current },
	{ 4, "maximum_reservation", &domain_layout, mem_maximum },
	{ 5, "machphys_mfn_list", &mfn_list_layout, mem_machphys_mfn_list },
	{ 7, "add_to_physmap", &physmap_layout, mem_add_to_physmap },
	{ 9, "memory_map", &map_layout, mem_memory_map },
	{ 10, "machine_memory_map", NULL, mem_denied },
	{ 12, "machphys_mapping", &machphys_layout, mem_machphys_mapping },
	{ 13, "set_memory_map", NULL, mem_denied },
	{ 14, "maximum_gpfn", &domain_layout, mem_maximum_gpfn },
	{ 15, "remove_from_physmap", &remove_layout, mem_remove_from_physmap },
	{ 16, "set_pod_target", &pod_layout, mem_pod_target },
	{ 17, "get_pod_target", &pod_layout, mem_pod_target },
	{ 20, "paging_op", NULL, mem_denied },
	{ 21, "access_op", NULL, mem_denied },
	{ 22, "sharing_op", NULL, mem_denied },
	{ 23, "add_to_physmap_batch", &domain_layout, mem_add_to_physmap_batch },
	{ 24, "claim_pages", NULL, mem_denied },
	{ 25, "machphys_compat_mfn_list", &mfn_list_layout, mem_machphys_mfn_list },
	{ 26, "get_vnumainfo", &vnuma_layout, mem_vnumainfo },
	{ 28, "acquire_resource", NULL, mem_denied },
};

i64 hc_memory_op(struct hc *h)
{
	u32 op = (u32)h->args[0] & CMD_MASK;
	u64 start = h->args[0] >> EXTENT_SHIFT;

	h->sub = op;
	switch (op) {
	case XENMEM_increase_reservation:
	case XENMEM_decrease_reservation:
	case XENMEM_populate_physmap:
		return do_reservation(h, op, start);
	case 11: /* exchange */
		return do_exchange(h);
	case 2:
	case 3:
	case 4:
	case 14:
	case 26:
		if (start)
			return -XEN_EINVAL;
		break;
	}
	return hc_dispatch_sub(h, memory_subs, ARRAY_SIZE(memory_subs), op, h->args[1]);
}
