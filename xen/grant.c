/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The grant table of a domain: its frames, its entries in both layouts, and who uses them (Xen public/grant_table.h).
 * Left out: transitive grants (they are refused). A frame that is granted for reading alone is not held: when the guest gives it
 * up, the reader gets an error from then on.
 */
#include "xen/grant.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"

#define V1_PER_FRAME (PAGE_SIZE / 8)
#define V2_PER_FRAME (PAGE_SIZE / 16)
#define STATUS_PER_FRAME (PAGE_SIZE / 2)
#define ACCESS_BITS ((u32)GTF_reading | GTF_writing)

static const struct state_field grants_fields[] = {
	STATE_INT(struct grants_state, version), STATE_INT(struct grants_state, nframes),
	STATE_INT(struct grants_state, nstatus), STATE_INT(struct grants_state, pad),
	STATE_INTS(struct grants_state, frames), STATE_INTS(struct grants_state, status),
};
STATE_DESC(grants_state_desc, "pv-grants", 1, struct grants_state, grants_fields);

/* An entry, whatever its layout. */
struct entry {
	u32 flags, domid;
	u64 frame;
	u32 off, len; /* sub-page */
};

static u32 per_frame(const struct grants *g)
{
	return g->s.version == 1 ? V1_PER_FRAME : V2_PER_FRAME;
}

u32 grant_entries(const struct grants *g)
{
	return g->s.nframes * per_frame(g);
}

/* Machine address of an entry, and of its status word. ref is in range. */
static u64 entry_at(const struct grants *g, u32 ref)
{
	u32 n = per_frame(g);

	return (g->s.frames[ref / n] << PAGE_SHIFT) + (u64)(ref % n) * (PAGE_SIZE / n);
}

static u64 status_at(const struct grants *g, u32 ref)
{
	return (g->s.status[ref / STATUS_PER_FRAME] << PAGE_SHIFT) + (u64)(ref % STATUS_PER_FRAME) * 2;
}

static u32 get16(const struct grants *g, u64 at)
{
	u8 b[2] = { 0 };

	mem_read(&g->d->d->mem, at, b, 2);
	return ld16(b);
}

static void put16(struct grants *g, u64 at, u32 v)
{
	u8 b[2];

	st16(b, (u16)v);
	mem_write(&g->d->d->mem, at, b, 2);
}

/* Copied out once: the guest may change the entry afterwards. */
static void entry_get(const struct grants *g, u32 ref, struct entry *e)
{
	u8 b[16] = { 0 };

	mem_read(&g->d->d->mem, entry_at(g, ref), b, g->s.version == 1 ? 8 : 16);
	e->flags = ld16(b);
	e->domid = ld16(b + 2);
	e->frame = g->s.version == 1 ? ld32(b + 4) : ld64(b + 8);
	e->off = 0;
	e->len = PAGE_SIZE;
	if (g->s.version == 2 && (e->flags & GTF_sub_page)) {
		e->off = ld16(b + 4);
		e->len = ld16(b + 6);
	}
}

static void entry_put(struct grants *g, u32 ref, const struct entry *e)
{
	u8 b[16] = { 0 };

	st16(b, (u16)e->flags);
	st16(b + 2, (u16)e->domid);
	if (g->s.version == 1)
		st32(b + 4, (u32)e->frame);
	else
		st64(b + 8, e->frame);
	mem_write(&g->d->d->mem, entry_at(g, ref), b, g->s.version == 1 ? 8 : 16);
}

/* The bits that tell the guest about a use: in the entry (version 1) or in the status frames. */
static void access_bits(struct grants *g, u32 ref, u32 set, u32 clear)
{
	u64 at = g->s.version == 1 ? entry_at(g, ref) : status_at(g, ref);
	u32 v = get16(g, at);

	if (((v | set) & ~clear) != v)
		put16(g, at, (v | set) & ~clear);
}

static int entry_check(const struct grants *g, u32 ref, u32 user, bool write, struct entry *e)
{
	if (ref >= grant_entries(g))
		return GNTST_bad_gntref;
	entry_get(g, ref, e);
	if ((e->flags & GTF_type_mask) != GTF_permit_access || e->domid != user)
		return GNTST_general_error;
	if (write && (e->flags & GTF_readonly))
		return GNTST_general_error;
	return GNTST_okay;
}

int grant_pin(struct xen_domain *d, u32 ref, u32 user, bool write, u64 *mfn)
{
	struct grants *g = d->grants;
	struct grant_act *act;
	struct entry e;
	int rc = entry_check(g, ref, user, write, &e);

	if (rc)
		return rc;
	if (g->s.version == 2 && (e.flags & GTF_sub_page))
		return GNTST_general_error;
	act = &g->acts[ref];
	if (!act->reads && !act->writes)
		act->mfn = e.frame;
	if (!xen_owned(d, act->mfn))
		return GNTST_bad_page;
	if (act->reads == UINT32_MAX || act->writes == UINT32_MAX)
		return GNTST_no_space;
	if (write) {
		if (!act->writes && xen_hold(d, act->mfn))
			return GNTST_general_error;
		act->writes++;
	} else {
		act->reads++;
	}
	access_bits(g, ref, GTF_reading | (write ? (u32)GTF_writing : 0), 0);
	*mfn = act->mfn;
	return GNTST_okay;
}

void grant_unpin(struct xen_domain *d, u32 ref, bool write)
{
	struct grants *g = d->grants;
	struct grant_act *act = ref < g->nacts ? &g->acts[ref] : NULL;

	if (!act || !(write ? act->writes : act->reads))
		return;
	if (!write)
		act->reads--;
	else if (!--act->writes)
		xen_release(d, act->mfn);
	if (ref < grant_entries(g))
		access_bits(g, ref, 0, (act->writes ? 0 : (u32)GTF_writing) | (act->writes || act->reads ? 0 : (u32)GTF_reading));
	if (!act->writes && !act->reads)
		act->mfn = 0;
}

int grant_copy_window(struct xen_domain *d, u32 ref, u32 user, bool write, u64 *mfn, u32 *off, u32 *len)
{
	struct entry e;
	int rc = entry_check(d->grants, ref, user, write, &e);

	if (rc)
		return rc;
	if (!xen_owned(d, e.frame))
		return GNTST_bad_page;
	*mfn = e.frame;
	*off = e.off;
	*len = e.len;
	return GNTST_okay;
}

/* ---- the table's size and layout ------------------------------------------------------------------------------- */

static int status_grow(struct grants *g)
{
	u32 n = DIV_UP(g->s.nframes * V2_PER_FRAME, STATUS_PER_FRAME);

	for (; g->s.nstatus < n; g->s.nstatus++) {
		/* A number that was lent and taken back is lent again. */
		u64 *mfn = &g->s.status[g->s.nstatus];

		if (*mfn ? g->d->ops->lend_again(g->d, *mfn) : !(*mfn = g->d->ops->lend(g->d)))
			return -XEN_ENOMEM;
	}
	return 0;
}

int grant_grow(struct grants *g, u32 n)
{
	struct grant_act *acts;

	if (n > GRANT_MAX_FRAMES)
		return -XEN_EINVAL;
	if (n <= g->s.nframes)
		return 0;
	/* Room for the layout with more entries. */
	acts = realloc(g->acts, (size_t)n * V1_PER_FRAME * sizeof *acts);
	if (!acts)
		return -XEN_ENOMEM;
	memset(acts + g->nacts, 0, ((size_t)n * V1_PER_FRAME - g->nacts) * sizeof *acts);
	g->acts = acts;
	g->nacts = n * V1_PER_FRAME;
	for (; g->s.nframes < n; g->s.nframes++) {
		u64 mfn = g->d->ops->lend(g->d);

		if (!mfn)
			return -XEN_ENOMEM;
		g->s.frames[g->s.nframes] = mfn;
	}
	return g->s.version == 2 ? status_grow(g) : 0;
}

static void frames_clear(struct grants *g, const u64 *frames, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++) {
		u8 *p = mem_rw(&g->d->d->mem, frames[i], 0, PAGE_SIZE);

		if (p)
			memset(p, 0, PAGE_SIZE);
	}
}

/*
 * A reserved entry of version 2 as version 1 has it. One that lends nothing (an offer to take a page, say) becomes an empty
 * one; of a sub-page the flag stays and the bounds go, as in Xen. -XEN_ERANGE: there is no such entry in version 1.
 */
static int entry_narrow(const struct grants *g, u32 ref, struct entry *e)
{
	switch (e->flags & GTF_type_mask) {
	case GTF_permit_access:
		if (e->frame >> 32)
			return -XEN_ERANGE;
		e->flags |= get16(g, status_at(g, ref));
		return 0;
	case GTF_transitive:
		return -XEN_ERANGE;
	default:
		*e = (struct entry){ 0 };
		return 0;
	}
}

/* Takes the status frames back. -XEN_EBUSY, with nothing taken, while the guest maps one. */
static int status_take(struct grants *g)
{
	u32 i;

	for (i = 0; i < g->s.nstatus; i++)
		if (!g->d->ops->lent_idle(g->d, g->s.status[i]))
			return -XEN_EBUSY;
	while (g->s.nstatus)
		g->d->ops->take_back(g->d, g->s.status[--g->s.nstatus]);
	return 0;
}

int grant_set_version(struct grants *g, u32 version)
{
	struct entry keep[GRANT_RESERVED];
	u32 i;
	int rc;

	if (version != 1 && version != 2)
		return -XEN_EINVAL;
	if (version == g->s.version)
		return 0;
	for (i = GRANT_RESERVED; i < grant_entries(g); i++)
		if (g->acts[i].reads || g->acts[i].writes)
			return -XEN_EBUSY;
	for (i = 0; i < GRANT_RESERVED; i++) {
		entry_get(g, i, &keep[i]);
		rc = version == 1 ? entry_narrow(g, i, &keep[i]) : 0;
		if (rc)
			return rc;
	}
	rc = version == 2 ? status_grow(g) : status_take(g);
	if (rc) {
		if (version == 2)
			status_take(g);
		return rc;
	}
	frames_clear(g, g->s.frames, g->s.nframes);
	g->s.version = version;
	for (i = 0; i < GRANT_RESERVED; i++) {
		if (version == 2) {
			put16(g, status_at(g, i), keep[i].flags & ACCESS_BITS);
			keep[i].flags &= ~ACCESS_BITS;
		}
		entry_put(g, i, &keep[i]);
	}
	return 0;
}

int grant_swap(struct grants *g, u32 a, u32 b)
{
	struct mem *m = &g->d->d->mem;
	size_t n = PAGE_SIZE / per_frame(g);
	u8 x[16], y[16];

	if (a >= grant_entries(g) || b >= grant_entries(g))
		return GNTST_bad_gntref;
	if (a == b)
		return GNTST_okay;
	if (g->acts[a].reads || g->acts[a].writes || g->acts[b].reads || g->acts[b].writes)
		return GNTST_eagain;
	if (mem_read(m, entry_at(g, a), x, n) || mem_read(m, entry_at(g, b), y, n) || mem_write(m, entry_at(g, a), y, n) ||
	    mem_write(m, entry_at(g, b), x, n))
		return GNTST_general_error;
	if (g->s.version == 2) {
		u32 bits = get16(g, status_at(g, a));

		put16(g, status_at(g, a), get16(g, status_at(g, b)));
		put16(g, status_at(g, b), bits);
	}
	return GNTST_okay;
}

/* ---- life and state -------------------------------------------------------------------------------------------- */

/* Only entries and mappings in use are written. */
static void grants_save(void *opaque, struct buf *out)
{
	const struct grants *g = opaque;
	u32 i, n;

	for (n = i = 0; i < g->nacts; i++)
		n += g->acts[i].reads || g->acts[i].writes;
	buf_put_u32(out, n);
	for (i = 0; i < g->nacts; i++) {
		if (!g->acts[i].reads && !g->acts[i].writes)
			continue;
		buf_put_u32(out, i);
		buf_put_u64(out, g->acts[i].mfn);
		buf_put_u32(out, g->acts[i].reads);
		buf_put_u32(out, g->acts[i].writes);
	}
	for (n = i = 0; i < g->nmaps; i++)
		n += g->maps[i].flags != 0;
	buf_put_u32(out, n);
	for (i = 0; i < g->nmaps; i++) {
		if (!g->maps[i].flags)
			continue;
		buf_put_u32(out, i);
		buf_put_u64(out, g->maps[i].mfn);
		buf_put_u32(out, g->maps[i].ref);
		buf_put_u16(out, g->maps[i].domid);
		buf_put_u16(out, g->maps[i].flags);
	}
}

static int grants_load(void *opaque, struct reader *in)
{
	struct grants *g = opaque;
	struct grant_act *acts;
	u32 i, n;

	/* The described part came before. */
	if ((g->s.version != 1 && g->s.version != 2) || !g->s.nframes || g->s.nframes > GRANT_MAX_FRAMES ||
	    g->s.nstatus != (g->s.version == 2 ? DIV_UP(g->s.nframes * V2_PER_FRAME, STATUS_PER_FRAME) : 0))
		return -EINVAL;
	acts = calloc((size_t)g->s.nframes * V1_PER_FRAME, sizeof *acts);
	if (!acts)
		return -ENOMEM;
	free(g->acts);
	g->acts = acts;
	g->nacts = g->s.nframes * V1_PER_FRAME;
	for (n = reader_u32(in); n && !in->failed; n--) {
		i = reader_u32(in);
		if (i >= g->nacts)
			return -EINVAL;
		acts[i].mfn = reader_u64(in);
		acts[i].reads = reader_u32(in);
		acts[i].writes = reader_u32(in);
	}
	if (g->nmaps)
		memset(g->maps, 0, g->nmaps * sizeof *g->maps);
	for (n = reader_u32(in); n && !in->failed; n--) {
		i = reader_u32(in);
		if (i >= GRANT_MAX_MAPS)
			return -EINVAL;
		if (i >= g->nmaps) {
			struct grant_map *maps = realloc(g->maps, (i + 1) * sizeof *maps);

			if (!maps)
				return -ENOMEM;
			memset(maps + g->nmaps, 0, (i + 1 - g->nmaps) * sizeof *maps);
			g->maps = maps;
			g->nmaps = i + 1;
		}
		g->maps[i].mfn = reader_u64(in);
		g->maps[i].ref = reader_u32(in);
		g->maps[i].domid = reader_u16(in);
		g->maps[i].flags = reader_u16(in);
	}
	return in->failed ? -EINVAL : 0;
}

/* The other domain that a map is of; NULL: it is gone, or the map is of d's own grant. */
static struct xen_domain *map_granter(const struct xen_domain *d, const struct grant_map *m)
{
	const struct domain *o = m->flags ? host_domain(d->d->host, m->domid) : NULL;

	return o && o != d->d && xen_is_guest(o) && o->machine && xen_dom(o)->grants ? xen_dom(o) : NULL;
}

/*
 * Maps of other domains' grants share their frames, and the maps say which: the frames are shared anew. The granter
 * must be there, with its state loaded, so a domain with such a map comes back only together with its granter, or to
 * one that still has the grant in use as it was. A map whose granter is gone cannot be loaded: nobody has its frame.
 */
static int grants_loaded(void *opaque, struct error *e)
{
	struct grants *g = opaque;
	struct xen_domain *d = g->d;
	u32 i;
	int rc;

	for (i = 0; i < g->nmaps; i++) {
		const struct grant_map *m = &g->maps[i];
		struct xen_domain *o = map_granter(d, m);
		const struct grant_act *act = o && m->ref < o->grants->nacts ? &o->grants->acts[m->ref] : NULL;

		if (!m->flags || m->domid == d->d->id)
			continue;
		if (!act || !(m->flags & GNTMAP_readonly ? act->reads : act->writes))
			return error_set(e, -ENOENT, "Guest %s maps a page of domain %u (grant %u), which is not granted here: load "
					 "the state of that domain first.", d->d->name, m->domid, m->ref);
		rc = d->ops->alias_again(d, m->mfn, &o->d->mem, act->mfn);
		if (rc)
			return error_set(e, rc == -XEN_ENOMEM ? -ENOMEM : -EINVAL, rc == -XEN_ENOMEM ?
					 "The host has no memory for the grants that guest %s maps." :
					 "The state of guest %s has a grant map that does not fit its memory: it is damaged.", d->d->name);
	}
	if (!d->ops->aliases_loaded(d))
		return error_set(e, -EINVAL, "The state of guest %s has a frame of another domain, and no grant map for it: it is damaged.",
				 d->d->name);
	return 0;
}

int grants_init(struct xen_domain *d)
{
	struct grants *g = calloc(1, sizeof *g);

	if (!g)
		return -XEN_ENOMEM;
	g->d = d;
	g->s.version = 1;
	d->grants = g;
	if (grant_grow(g, 1) || state_add(&d->d->states, "pv-grants", 0, &grants_state_desc, &g->s, 1) ||
	    state_add_custom(&d->d->states, "pv-grant-use", 0, grants_save, grants_load, g) ||
	    state_add_loaded(&d->d->states, grants_loaded, g)) {
		grants_free(d);
		return -XEN_ENOMEM;
	}
	return 0;
}

void grants_seed(struct xen_domain *d)
{
	struct entry e = { .flags = GTF_permit_access, .domid = XEN_BACKEND_DOMID, .frame = d->s.console_mfn };

	entry_put(d->grants, GRANT_REF_CONSOLE, &e);
	e.frame = d->s.store_mfn;
	entry_put(d->grants, GRANT_REF_XENSTORE, &e);
}

/* Its maps end: their granters have the pages back. Maps that others have of its grants have no granter any more. */
static void maps_end(struct grants *g)
{
	struct domain *o;
	u32 i;

	for (i = 0; i < g->nmaps; i++) {
		struct xen_domain *granter = map_granter(g->d, &g->maps[i]);

		if (granter)
			grant_unpin(granter, g->maps[i].ref, !(g->maps[i].flags & GNTMAP_readonly));
	}
	for (o = g->d->d->host->domains; o; o = o->next) {
		struct grants *og = o != g->d->d && xen_is_guest(o) && o->machine ? xen_dom(o)->grants : NULL;

		for (i = 0; og && i < og->nmaps; i++)
			if (og->maps[i].flags && og->maps[i].domid == g->d->d->id)
				og->maps[i].domid = DOMID_INVALID;
	}
}

void grants_free(struct xen_domain *d)
{
	struct grants *g = d->grants;

	if (!g)
		return;
	maps_end(g);
	state_remove(&d->d->states, &g->s);
	state_remove(&d->d->states, g);
	free(g->acts);
	free(g->maps);
	free(g);
	d->grants = NULL;
}

/* ---- for back ends --------------------------------------------------------------------------------------------- */

int grant_access(struct xen_domain *d, u32 ref, bool write, u64 *mfn)
{
	return grant_pin(d, ref, XEN_BACKEND_DOMID, write, mfn);
}

void grant_release(struct xen_domain *d, u32 ref, bool write)
{
	grant_unpin(d, ref, write);
}

static int copy_place(struct xen_domain *d, u32 ref, u32 offset, u32 n, bool write, u64 *at)
{
	u32 off, len;
	u64 mfn;
	int rc = grant_copy_window(d, ref, XEN_BACKEND_DOMID, write, &mfn, &off, &len);

	if (rc)
		return rc;
	if (offset > PAGE_SIZE || n > PAGE_SIZE - offset)
		return GNTST_bad_copy_arg;
	if (offset < off || offset + n > off + len)
		return GNTST_general_error;
	*at = (mfn << PAGE_SHIFT) + offset;
	return GNTST_okay;
}

int grant_copy_from(struct xen_domain *d, u32 ref, u32 offset, void *dst, u32 n)
{
	u64 at;
	int rc = copy_place(d, ref, offset, n, false, &at);

	if (rc)
		return rc;
	return mem_read(&d->d->mem, at, dst, n) ? GNTST_bad_page : GNTST_okay;
}

int grant_copy_to(struct xen_domain *d, u32 ref, u32 offset, const void *src, u32 n)
{
	u64 at;
	int rc = copy_place(d, ref, offset, n, true, &at);

	if (rc)
		return rc;
	/* Not into a page table. */
	if (xen_hold(d, at >> PAGE_SHIFT))
		return GNTST_general_error;
	rc = mem_write(&d->d->mem, at, src, n) ? GNTST_bad_page : GNTST_okay;
	xen_release(d, at >> PAGE_SHIFT);
	return rc;
}
