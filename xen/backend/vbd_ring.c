/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rings of the block back end (Xen public/io/ring.h, blkif.h): two layouts of entries, requests copied out once, answers. The
 * guest may write anything into a ring at any time.
 */
#include <errno.h>
#include <string.h>

#include "base/endian.h"
#include "xen/backend/vbd_impl.h"
#include "xen/grant.h"

/* Of the shared ring. */
enum { REQ_PROD = 0, REQ_EVENT = 4, RSP_PROD = 8, RSP_EVENT = 12, ENTRIES = 64 };
#define ENTRY_MAX 112u
#define SEGMENT 8u /* bytes: reference, first and last sector */
#define SEGMENTS_PER_PAGE (PAGE_SIZE / SEGMENT)

int vbd_queue_connect(struct vbd *v, u32 q, struct error *e)
{
	struct vbd_queue *r = &v->q[q];
	u32 n, ahead;

	r->map = xenbus_map_ring(v->dev, q, "ring-ref", 1u << VBD_RING_ORDER, e);
	if (r->map < 0)
		return r->map;
	n = (xenbus_map_size(v->dev, r->map) - ENTRIES) / v->entry;
	for (r->entries = 1; r->entries * 2 <= n; r->entries *= 2)
		;
	/* A ring that was in use: we go on behind the last answer in it. */
	r->rsp = r->pushed = r->cons = xenbus_map_u32(v->dev, r->map, RSP_PROD);
	r->stalled = false;
	ahead = xenbus_map_u32(v->dev, r->map, REQ_PROD) - r->rsp;
	if (ahead > r->entries)
		return error_set(e, -EIO, "the index of requests in ring %u is %u ahead, and the ring has %u entries", q, ahead,
				 r->entries);
	r->channel = xenbus_bind(v->dev, q, "event-channel", e);
	return r->channel < 0 ? r->channel : 0;
}

static void get_segments(struct vbd_seg *s, u32 n, const u8 *p)
{
	for (; n; n--, s++, p += SEGMENT)
		*s = (struct vbd_seg){ .ref = ld32(p), .first = p[4], .last = p[5] };
}

/* Takes an entry apart. What does not make sense is left to vbd_issue(). */
static void decode(const struct vbd *v, const u8 *p, struct vbd_ask *a)
{
	const u8 *id = p + (v->wide ? 8 : 4); /* id and sector_number lie alike in all kinds */
	const u8 *rest = id + 16;
	u32 i;

	a->op = p[0];
	a->indirect = a->op == VBD_INDIRECT_OP;
	a->id = ld64(id);
	a->sector = ld64(id + 8);
	a->nseg = 0;
	a->nr_sectors = 0;
	if (a->indirect) {
		a->op = p[1];
		a->nseg = ld16(p + 2);
		for (i = 0; i < ARRAY_SIZE(a->indirect_ref); i++)
			a->indirect_ref[i] = ld32(rest + 4 + i * 4);
	} else if (a->op == VBD_DISCARD) {
		a->nr_sectors = ld64(rest);
	} else {
		a->nseg = p[1];
		get_segments(a->seg, MIN(a->nseg, VBD_SEGMENTS), rest);
	}
}

/* The pages with an indirect request's segments. False: a reference is none. */
static bool get_indirect(struct vbd *v, struct vbd_ask *a)
{
	u8 page[PAGE_SIZE];
	u32 i;

	for (i = 0; i < a->nseg; i += SEGMENTS_PER_PAGE) {
		u32 n = MIN(a->nseg - i, (u32)SEGMENTS_PER_PAGE);

		if (grant_copy_from(v->d, a->indirect_ref[i / SEGMENTS_PER_PAGE], 0, page, n * SEGMENT))
			return false;
		get_segments(a->seg + i, n, page);
	}
	return true;
}

static void refuse(struct vbd *v, u32 q, const struct vbd_ask *a, enum vbd_status status)
{
	v->stats.refused++;
	vbd_answer(v, q, a->id, a->op, status);
}

static void take(struct vbd *v, u32 q)
{
	struct vbd_queue *r = &v->q[q];
	struct vbd_ask *a = v->ask;
	u8 entry[ENTRY_MAX] = { 0 };

	if (xenbus_map_read(v->dev, r->map, ENTRIES + (r->cons & (r->entries - 1)) * v->entry, entry, v->entry))
		memset(entry, 0xff, sizeof entry);
	r->cons++;
	decode(v, entry, a);
	if (v->end != TIME_NEVER) {
		refuse(v, q, a, VBD_ERROR);
		return;
	}
	if (a->indirect) {
		if (a->op > VBD_WRITE || !a->nseg || a->nseg > VBD_INDIRECT || !get_indirect(v, a)) {
			refuse(v, q, a, VBD_ERROR);
			return;
		}
	} else if (a->op > VBD_DISCARD || a->op == VBD_RESERVED) {
		refuse(v, q, a, VBD_NOT_SUPPORTED);
		return;
	} else if (a->nseg > VBD_SEGMENTS || (!a->nseg && a->op < VBD_BARRIER)) {
		refuse(v, q, a, VBD_ERROR);
		return;
	}
	vbd_issue(v, q, a);
}

void vbd_queue_run(struct vbd *v, u32 q)
{
	struct vbd_queue *r = &v->q[q];
	u32 prod;

	r->stalled = false;
	for (;;) {
		prod = xenbus_map_u32(v->dev, r->map, REQ_PROD);
		/* Too far ahead, or behind what has been taken. */
		if (prod - r->rsp > r->entries || prod - r->cons > r->entries) {
			xenbus_fail(v->dev, -EIO, "the index of requests in ring %u is %u ahead, and the ring has %u entries",
				    q, prod - r->rsp, r->entries);
			return;
		}
		while (r->cons != prod && !r->stalled) {
			if (v->bytes >= VBD_BYTES_MAX)
				r->stalled = true;
			else
				take(v, q);
		}
		if (r->stalled)
			break;
		xenbus_map_set_u32(v->dev, r->map, REQ_EVENT, r->cons + 1);
		if (xenbus_map_u32(v->dev, r->map, REQ_PROD) == r->cons)
			break;
	}
	vbd_queue_push(v, q);
	vbd_arm(v);
}

void vbd_answer(struct vbd *v, u32 q, u64 id, u32 op, enum vbd_status status)
{
	struct vbd_queue *r = &v->q[q];
	u8 b[12] = { 0 };

	st64(b, id);
	b[8] = (u8)op;
	st16(b + 10, (u16)(i16)status);
	xenbus_map_write(v->dev, r->map, ENTRIES + (r->rsp & (r->entries - 1)) * v->entry, b, sizeof b);
	r->rsp++;
}

void vbd_queue_push(struct vbd *v, u32 q)
{
	struct vbd_queue *r = &v->q[q];
	u32 old = r->pushed;

	if (r->rsp == old)
		return;
	r->pushed = r->rsp;
	xenbus_map_set_u32(v->dev, r->map, RSP_PROD, r->rsp);
	if (r->rsp - xenbus_map_u32(v->dev, r->map, RSP_EVENT) < r->rsp - old)
		xenbus_notify(v->dev, r->channel);
}
