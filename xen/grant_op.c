/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * grant_table_op (Xen public/grant_table.h). A list of operations goes on after an operation that failed: each has a
 * status of its own. Left out: dump_table, transfers (nobody accepts any), IOMMU mappings.
 */
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "xen/grant.h"
#include "xen/hypercall.h"

enum { GNTCOPY_source_gref = 1, GNTCOPY_dest_gref = 2 };

struct gnt_map {
	u64 host_addr;
	u32 flags, ref;
	u16 dom, status;
	u32 handle;
	u64 dev_bus_addr;
};
struct gnt_unmap {
	u64 host_addr;
	u64 other; /* dev_bus_addr, or new_addr of unmap_and_replace */
	u32 handle;
	u16 status, pad;
};
struct gnt_setup {
	u16 dom, pad;
	u32 nr_frames;
	u16 status, pad2[3];
	u64 frame_list;
};
struct gnt_query {
	u16 dom, pad;
	u32 nr_frames, max_nr_frames;
	u16 status, pad2;
};
struct gnt_transfer {
	u64 mfn;
	u16 domid, pad;
	u32 ref;
	u16 status, pad2[3];
};
struct gnt_copy_ptr {
	u64 u; /* a reference, in the low half, or a frame number */
	u16 domid, offset;
	u8 pad[4];
};
struct gnt_copy {
	struct gnt_copy_ptr source, dest;
	u16 len, flags, status, pad;
};
struct gnt_version {
	u32 version;
};
struct gnt_get_version {
	u16 dom, pad;
	u32 version;
};
struct gnt_status_frames {
	u32 nr_frames;
	u16 dom, status;
	u64 frame_list;
};
struct gnt_swap {
	u32 a, b;
	u16 status, pad;
};
struct gnt_cache {
	u64 a;
	u16 offset, length;
	u32 op;
};

#define LAYOUT(sym, s, ...)                                                                                            \
	static const struct arg_field sym##_fields[] = { __VA_ARGS__, ARG_LAST };                                      \
	static const struct arg_layout sym = { #s, sizeof(struct s), sym##_fields }

LAYOUT(map_layout, gnt_map, ARG_IN(ARG_U64, struct gnt_map, host_addr), ARG_IN(ARG_U32, struct gnt_map, flags),
       ARG_IN(ARG_U32, struct gnt_map, ref), ARG_IN(ARG_U16, struct gnt_map, dom), ARG_OUT(ARG_U16, struct gnt_map, status),
       ARG_OUT(ARG_U32, struct gnt_map, handle), ARG_OUT(ARG_U64, struct gnt_map, dev_bus_addr));
LAYOUT(unmap_layout, gnt_unmap, ARG_IN(ARG_U64, struct gnt_unmap, host_addr), ARG_IN(ARG_U64, struct gnt_unmap, other),
       ARG_IN(ARG_U32, struct gnt_unmap, handle), ARG_OUT(ARG_U16, struct gnt_unmap, status));
LAYOUT(setup_layout, gnt_setup, ARG_IN(ARG_U16, struct gnt_setup, dom), ARG_IN(ARG_U32, struct gnt_setup, nr_frames),
       ARG_OUT(ARG_U16, struct gnt_setup, status), ARG_IN(ARG_PTR, struct gnt_setup, frame_list));
LAYOUT(query_layout, gnt_query, ARG_IN(ARG_U16, struct gnt_query, dom), ARG_OUT(ARG_U32, struct gnt_query, nr_frames),
       ARG_OUT(ARG_U32, struct gnt_query, max_nr_frames), ARG_OUT(ARG_U16, struct gnt_query, status));
LAYOUT(transfer_layout, gnt_transfer, ARG_IN(ARG_ULONG, struct gnt_transfer, mfn),
       ARG_IN(ARG_U16, struct gnt_transfer, domid), ARG_IN(ARG_U32, struct gnt_transfer, ref),
       ARG_OUT(ARG_U16, struct gnt_transfer, status));
#define COPY_PTR(m)                                                                                                    \
	ARG_IN(ARG_ULONG, struct gnt_copy, m.u), ARG_IN(ARG_U16, struct gnt_copy, m.domid),                            \
		ARG_IN(ARG_U16, struct gnt_copy, m.offset)
#define COPY_REST                                                                                                      \
	ARG_IN(ARG_U16, struct gnt_copy, len), ARG_IN(ARG_U16, struct gnt_copy, flags),                                \
		ARG_OUT(ARG_U16, struct gnt_copy, status)
LAYOUT(copy_layout64, gnt_copy, COPY_PTR(source), ARG_IN(ARG_BYTES, struct gnt_copy, source.pad), COPY_PTR(dest),
       ARG_IN(ARG_BYTES, struct gnt_copy, dest.pad), COPY_REST);
LAYOUT(copy_layout32, gnt_copy, COPY_PTR(source), COPY_PTR(dest), COPY_REST);
LAYOUT(version_layout, gnt_version, ARG_INOUT(ARG_U32, struct gnt_version, version));
LAYOUT(get_version_layout, gnt_get_version, ARG_IN(ARG_U16, struct gnt_get_version, dom),
       ARG_IN(ARG_U16, struct gnt_get_version, pad), ARG_OUT(ARG_U32, struct gnt_get_version, version));
LAYOUT(status_frames_layout, gnt_status_frames, ARG_IN(ARG_U32, struct gnt_status_frames, nr_frames),
       ARG_IN(ARG_U16, struct gnt_status_frames, dom), ARG_OUT(ARG_U16, struct gnt_status_frames, status),
       ARG_IN(ARG_PTR, struct gnt_status_frames, frame_list));
LAYOUT(swap_layout, gnt_swap, ARG_IN(ARG_U32, struct gnt_swap, a), ARG_IN(ARG_U32, struct gnt_swap, b),
       ARG_OUT(ARG_U16, struct gnt_swap, status));
LAYOUT(cache_layout, gnt_cache, ARG_IN(ARG_U64, struct gnt_cache, a), ARG_IN(ARG_U16, struct gnt_cache, offset),
       ARG_IN(ARG_U16, struct gnt_cache, length), ARG_IN(ARG_U32, struct gnt_cache, op));

/*
 * The domain of that number with a grant table, or NULL. The backend domain has a number but no table; machines of other
 * kinds have none either.
 */
static struct xen_domain *find_domain(const struct hc *h, u32 domid)
{
	const struct domain *d = host_domain(h->v->d->host, domid);

	return d && xen_is_guest(d) && d->machine && xen_dom(d)->grants ? xen_dom(d) : NULL;
}

/* What asking about domain dom gives: GNTST_okay for oneself. */
static int self_status(const struct hc *h, u32 dom)
{
	if (dom == DOMID_SELF || dom == h->v->d->id)
		return GNTST_okay;
	return dom == XEN_BACKEND_DOMID || find_domain(h, dom) ? GNTST_permission_denied : GNTST_bad_domain;
}

/* ---- mappings -------------------------------------------------------------------------------------------------- */

static struct grant_map *map_free_slot(struct grants *g, u32 *handle)
{
	struct grant_map *maps;
	u32 i, n;

	for (i = 0; i < g->nmaps && g->maps[i].flags; i++)
		;
	if (i == g->nmaps) {
		n = g->nmaps ? MIN(g->nmaps * 2, GRANT_MAX_MAPS) : 64;
		maps = i < GRANT_MAX_MAPS ? realloc(g->maps, n * sizeof *maps) : NULL;
		if (!maps)
			return NULL;
		memset(maps + g->nmaps, 0, (n - g->nmaps) * sizeof *maps);
		g->maps = maps;
		g->nmaps = n;
	}
	*handle = i;
	return &g->maps[i];
}

/* Gives up an alias that no map is left of. */
static void alias_drop(struct xen_domain *me, u64 mfn)
{
	const struct grants *g = me->grants;
	u32 i;

	for (i = 0; i < g->nmaps; i++)
		if (g->maps[i].flags && g->maps[i].mfn == mfn)
			return;
	me->ops->unalias(me, mfn);
}

static int map_one(struct hc *h, struct gnt_map *a)
{
	struct xen_domain *me = xen_dom(h->v->d), *d;
	struct grant_map *slot;
	bool write = !(a->flags & GNTMAP_readonly);
	u32 handle;
	u64 mfn;
	int rc;

	if (!(a->flags & (GNTMAP_device_map | GNTMAP_host_map)))
		return GNTST_bad_gntref;
	if (a->dom == XEN_BACKEND_DOMID)
		return GNTST_bad_gntref; /* it exists and grants nothing */
	d = find_domain(h, a->dom);
	if (!d)
		return GNTST_bad_domain;
	slot = map_free_slot(me->grants, &handle);
	if (!slot)
		return GNTST_no_device_space;
	rc = grant_pin(d, a->ref, me->d->id, write, &mfn);
	if (rc)
		return rc;
	if (d != me && me->ops->alias(me, &d->d->mem, mfn, &mfn)) {
		grant_unpin(d, a->ref, write);
		return GNTST_no_device_space;
	}
	if ((a->flags & GNTMAP_host_map) && !me->ops->map_grant(h->v, a->host_addr, a->flags, mfn)) {
		if (d != me)
			alias_drop(me, mfn);
		grant_unpin(d, a->ref, write);
		return GNTST_general_error;
	}
	*slot = (struct grant_map){ mfn, a->ref, a->dom, (u16)(a->flags & 31) };
	a->handle = handle;
	a->dev_bus_addr = mfn << PAGE_SHIFT;
	return GNTST_okay;
}

static i64 op_map(struct hc *h, void *arg)
{
	struct gnt_map *a = arg;

	a->status = (u16)map_one(h, a);
	return 0;
}

static int unmap_one(struct hc *h, const struct gnt_unmap *a, bool replace)
{
	struct xen_domain *me = xen_dom(h->v->d), *d;
	struct grant_map *m = a->handle < me->grants->nmaps ? &me->grants->maps[a->handle] : NULL, old;
	bool write;

	if (!m || !m->flags)
		return GNTST_bad_handle;
	write = !(m->flags & GNTMAP_readonly);
	if (a->host_addr && (m->flags & GNTMAP_host_map)) {
		if (!(replace && a->other ? me->ops->replace_grant(h->v, a->host_addr, m->flags, m->mfn, a->other) :
					    me->ops->unmap_grant(h->v, a->host_addr, m->flags, m->mfn)))
			return GNTST_general_error;
		m->flags &= (u16)~GNTMAP_host_map;
	}
	if (!replace && a->other && (m->flags & GNTMAP_device_map)) {
		if (a->other != m->mfn << PAGE_SHIFT)
			return GNTST_general_error;
		m->flags &= (u16)~GNTMAP_device_map;
	}
	if (m->flags & (GNTMAP_host_map | GNTMAP_device_map))
		return GNTST_okay;
	old = *m;
	memset(m, 0, sizeof *m);
	d = find_domain(h, old.domid);
	if (d != me)
		alias_drop(me, old.mfn);
	if (d)
		grant_unpin(d, old.ref, write);
	return GNTST_okay;
}

static i64 op_unmap(struct hc *h, void *arg)
{
	struct gnt_unmap *a = arg;

	a->status = (u16)unmap_one(h, a, false);
	return 0;
}

static i64 op_unmap_and_replace(struct hc *h, void *arg)
{
	struct gnt_unmap *a = arg;

	a->status = (u16)unmap_one(h, a, true);
	return 0;
}

/* ---- copies ---------------------------------------------------------------------------------------------------- */

struct copy_end {
	struct xen_domain *d;
	u64 mfn;
	u32 off, len; /* the window */
};

static int copy_end(struct hc *h, const struct gnt_copy_ptr *p, bool gref, bool write, struct copy_end *e)
{
	struct xen_domain *me = xen_dom(h->v->d);

	if (p->domid != DOMID_SELF && !gref)
		return GNTST_permission_denied;
	if (gref && p->domid == XEN_BACKEND_DOMID)
		return GNTST_bad_gntref;
	e->d = p->domid == DOMID_SELF ? me : find_domain(h, p->domid);
	if (!e->d)
		return GNTST_bad_domain;
	if (gref)
		return grant_copy_window(e->d, (u32)p->u, me->d->id, write, &e->mfn, &e->off, &e->len);
	e->mfn = p->u;
	e->off = 0;
	e->len = PAGE_SIZE;
	return xen_owned(me, e->mfn) ? GNTST_okay : GNTST_bad_page;
}

static int copy_one(struct hc *h, const struct gnt_copy *a)
{
	struct copy_end src, dst;
	u8 bytes[PAGE_SIZE];
	int rc = copy_end(h, &a->source, a->flags & GNTCOPY_source_gref, false, &src);

	if (rc)
		return rc;
	rc = copy_end(h, &a->dest, a->flags & GNTCOPY_dest_gref, true, &dst);
	if (rc)
		return rc;
	if ((u32)a->source.offset + a->len > PAGE_SIZE || (u32)a->dest.offset + a->len > PAGE_SIZE)
		return GNTST_bad_copy_arg;
	if (a->source.offset < src.off || (u32)a->source.offset + a->len > src.off + src.len || a->dest.offset < dst.off ||
	    (u32)a->dest.offset + a->len > dst.off + dst.len)
		return GNTST_general_error;
	if (mem_read(&src.d->d->mem, (src.mfn << PAGE_SHIFT) + a->source.offset, bytes, a->len))
		return GNTST_bad_page;
	if (xen_hold(dst.d, dst.mfn))
		return GNTST_general_error;
	rc = mem_write(&dst.d->d->mem, (dst.mfn << PAGE_SHIFT) + a->dest.offset, bytes, a->len) ? GNTST_bad_page : GNTST_okay;
	xen_release(dst.d, dst.mfn);
	return rc;
}

static i64 op_copy(struct hc *h, void *arg)
{
	struct gnt_copy *a = arg;

	a->status = (u16)copy_one(h, a);
	return 0;
}

/* ---- the table ------------------------------------------------------------------------------------------------- */

static bool list_put(struct vcpu *v, u64 list, u32 i, u64 x, bool wide)
{
	u8 le[8];
	u32 n = wide ? 8 : 4;

	st64(le, x);
	return !xen_copy_to(v, list + (u64)i * n, le, n);
}

static i64 op_setup_table(struct hc *h, void *arg)
{
	struct gnt_setup *a = arg;
	struct grants *g = xen_dom(h->v->d)->grants;
	int rc = self_status(h, a->dom);
	u32 i;

	if (!rc && grant_grow(g, a->nr_frames))
		rc = GNTST_general_error;
	for (i = 0; !rc && i < a->nr_frames; i++)
		if (!list_put(h->v, a->frame_list, i, g->s.frames[i], !g->d->s.is32))
			rc = GNTST_bad_virt_addr;
	a->status = (u16)rc;
	return 0;
}

static i64 op_query_size(struct hc *h, void *arg)
{
	struct gnt_query *a = arg;
	int rc = self_status(h, a->dom);

	if (!rc) {
		a->nr_frames = xen_dom(h->v->d)->grants->s.nframes;
		a->max_nr_frames = GRANT_MAX_FRAMES;
	}
	a->status = (u16)rc;
	return 0;
}

static i64 op_get_status_frames(struct hc *h, void *arg)
{
	struct gnt_status_frames *a = arg;
	struct grants *g = xen_dom(h->v->d)->grants;
	int rc = self_status(h, a->dom);
	u32 i;

	if (!rc && a->nr_frames > g->s.nstatus)
		rc = GNTST_general_error;
	for (i = 0; !rc && i < a->nr_frames; i++)
		if (!list_put(h->v, a->frame_list, i, g->s.status[i], true))
			rc = GNTST_bad_virt_addr;
	a->status = (u16)rc;
	return 0;
}

/* The version in force goes back to the guest whatever the result. */
static i64 op_set_version(struct hc *h)
{
	struct grants *g = xen_dom(h->v->d)->grants;
	struct gnt_version a;
	i64 rc;

	if (arg_copy_in(h->v, &version_layout, &a, h->args[1]))
		return -XEN_EFAULT;
	rc = grant_set_version(g, a.version);
	a.version = g->s.version;
	return arg_copy_out(h->v, &version_layout, &a, h->args[1]) ? -XEN_EFAULT : rc;
}

static i64 op_get_version(struct hc *h, void *arg)
{
	struct gnt_get_version *a = arg;
	int rc = self_status(h, a->dom);

	if (rc)
		return rc == GNTST_permission_denied ? -XEN_EPERM : -XEN_ESRCH;
	a->version = xen_dom(h->v->d)->grants->s.version;
	return 0;
}

static i64 op_swap(struct hc *h, void *arg)
{
	struct gnt_swap *a = arg;

	a->status = (u16)grant_swap(xen_dom(h->v->d)->grants, a->a, a->b);
	return 0;
}

static i64 op_transfer(struct hc *h, void *arg)
{
	struct gnt_transfer *a = arg;
	int rc = GNTST_general_error; /* nobody has offered an entry to take it */

	if (!xen_owned(xen_dom(h->v->d), a->mfn))
		rc = GNTST_bad_page;
	else if (a->domid != XEN_BACKEND_DOMID && !find_domain(h, a->domid))
		rc = GNTST_bad_domain;
	a->status = (u16)rc;
	return 0;
}

/* Caches are coherent: there is nothing to flush, but bad arguments are still bad. */
static i64 op_cache_flush(struct hc *h, void *arg)
{
	const struct gnt_cache *a = arg;

	if (a->offset >= PAGE_SIZE || a->length > PAGE_SIZE || (u32)a->offset + a->length > PAGE_SIZE)
		return -XEN_EINVAL;
	if (!a->length || !a->op)
		return 0;
	if (a->op & 1u << 31)
		return -XEN_EOPNOTSUPP;
	if (a->op & ~3u)
		return -XEN_EINVAL;
	return xen_owned(xen_dom(h->v->d), a->a >> PAGE_SHIFT) ? 0 : -XEN_EINVAL;
}

/* ---- dispatch --------------------------------------------------------------------------------------------------- */

struct gnt_op {
	const char *name;
	const struct arg_layout *layout;
	i64 (*fn)(struct hc *h, void *arg);
	bool single; /* a list of one */
};

static const struct gnt_op ops[] = {
	[0] = { "map_grant_ref", &map_layout, op_map, false },
	[1] = { "unmap_grant_ref", &unmap_layout, op_unmap, false },
	[2] = { "setup_table", &setup_layout, op_setup_table, true },
	[4] = { "transfer", &transfer_layout, op_transfer, false },
	[5] = { "copy", &copy_layout64, op_copy, false },
	[6] = { "query_size", &query_layout, op_query_size, true },
	[7] = { "unmap_and_replace", &unmap_layout, op_unmap_and_replace, false },
	[9] = { "get_status_frames", &status_frames_layout, op_get_status_frames, true },
	[11] = { "swap_grant_ref", &swap_layout, op_swap, false },
	[12] = { "cache_flush", &cache_layout, op_cache_flush, false },
};

#define WORK_EACH 8u /* of xen_domain.work: about what a page to copy costs, in entries of page tables */

/* Elements are copied in, served and copied out one by one: an earlier one may have changed a later one. */
static i64 each(struct hc *h, const struct gnt_op *op, u32 count)
{
	const struct arg_layout *l = op->fn == op_copy && xen_dom(h->v->d)->s.is32 ? &copy_layout32 : op->layout;
	u64 arg[8];
	u32 size = arg_guest_size(h->v, l);
	u32 i;
	i64 rc;

	for (i = 0; i < count; i++) {
		if (hc_enough(h, i)) {
			h->args[1] += (u64)i * size;
			h->args[2] = count - i;
			return hc_continue(h);
		}
		if (arg_copy_in(h->v, l, arg, h->args[1] + (u64)i * size))
			return -XEN_EFAULT;
		xen_dom(h->v->d)->work += WORK_EACH;
		rc = op->fn(h, arg);
		if (rc)
			return rc;
		if (arg_copy_out(h->v, l, arg, h->args[1] + (u64)i * size))
			return -XEN_EFAULT;
	}
	return 0;
}

static const struct hc_sub get_version_sub[] = { { 10, "get_version", &get_version_layout, op_get_version } };

i64 hc_grant_table_op(struct hc *h)
{
	u32 cmd = (u32)h->args[0], count = (u32)h->args[2];

	h->sub = cmd;
	if (count > INT32_MAX)
		return -XEN_EINVAL;
	if (cmd & ~0xfffu)
		return -XEN_EINVAL;
	if (cmd == 8)
		return op_set_version(h);
	if (cmd == 10)
		return hc_dispatch_sub(h, get_version_sub, 1, cmd, h->args[1]);
	if (cmd >= ARRAY_SIZE(ops) || !ops[cmd].fn)
		return -XEN_ENOSYS;
	if (ops[cmd].single && count != 1)
		return -XEN_EINVAL;
	return each(h, &ops[cmd], count);
}
