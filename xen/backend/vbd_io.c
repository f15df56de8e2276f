/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests of the block back end: grants, the disk, and when the guest sees the end. Data goes through a buffer of ours: by the
 * time a thread writes or has read, the guest may have given the page to somebody else.
 * What the host does is in xen/backend/vbd_host.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xen/backend/vbd_impl.h"
#include "xen/grant.h"

/*
 * The latency model: what a request takes in guest time. Requests share a bus that carries BYTES_PER_NS, one after the other;
 * then each has a latency of its own, in ns. The latency of small requests is short, because a guest that gets its answer before
 * it has gone to sleep saves a quarter of its work for 4 KiB. The latency of large ones is long, so that a thread of the host
 * has usually done the work by then and the guest's time need not be held.
 */
#define LATENCY 2000u
#define LATENCY_LARGE 100000u
#define LATENCY_FLUSH 50000u
#define LATENCY_DISCARD 20000u
#define BYTES_PER_NS 16u

/* ---- memory ---------------------------------------------------------------------------------------------------- */

static u32 class_of(u64 len)
{
	u32 c = 0;

	while ((u64)PAGE_SIZE << c < len)
		c++;
	return c;
}

/* Buffers begin at a page, which cache=none likes. The block that was allocated is remembered in front. */
static u8 *buffer_new(u32 class)
{
	u8 *raw = malloc(((size_t)PAGE_SIZE << class) + PAGE_SIZE + sizeof(void *)), *p;

	if (!raw)
		return NULL;
	p = raw + sizeof(void *);
	p += (PAGE_SIZE - (uintptr_t)p % PAGE_SIZE) % PAGE_SIZE;
	memcpy(p - sizeof raw, &raw, sizeof raw);
	return p;
}

static void buffer_free(u8 *p)
{
	u8 *raw;

	memcpy(&raw, p - sizeof raw, sizeof raw);
	free(raw);
}

static u8 *buffer_get(struct vbd *v, u32 class)
{
	u8 *p = v->buffers[class];

	if (!p)
		return buffer_new(class);
	memcpy(&v->buffers[class], p, sizeof(void *));
	v->pooled -= (u64)PAGE_SIZE << class;
	return p;
}

static void buffer_put(struct vbd *v, u32 class, u8 *p)
{
	u64 size = (u64)PAGE_SIZE << class;

	/* A guest that asks for all sizes in turn shall not make us keep as much of each. */
	if (v->pooled + size > VBD_BYTES_MAX) {
		buffer_free(p);
		return;
	}
	memcpy(p, &v->buffers[class], sizeof(void *));
	v->buffers[class] = p;
	v->pooled += size;
}

void vbd_pool_free(struct vbd *v)
{
	struct vbd_req *r;
	u32 i;

	while ((r = v->free)) {
		v->free = r->next;
		free(r);
	}
	for (i = 0; i < VBD_CLASSES; i++)
		while (v->buffers[i])
			buffer_free(buffer_get(v, i));
}

struct vbd_req *vbd_req_new(struct vbd *v, u32 nseg, u64 len)
{
	bool small = nseg <= VBD_SEGMENTS;
	struct vbd_req *r = small ? v->free : NULL;

	if (r)
		v->free = r->next;
	else
		r = malloc(sizeof *r + (small ? VBD_SEGMENTS : nseg) * sizeof *r->seg);
	if (!r)
		return NULL;
	memset(r, 0, sizeof *r);
	r->v = v;
	r->nseg = nseg;
	r->len = len;
	if (!len)
		return r;
	r->class = class_of(len);
	r->data = buffer_get(v, r->class);
	if (!r->data) {
		free(r);
		return NULL;
	}
	return r;
}

void vbd_req_free(struct vbd *v, struct vbd_req *r)
{
	if (r->data)
		buffer_put(v, r->class, r->data);
	if (r->nseg > VBD_SEGMENTS) {
		free(r);
		return;
	}
	r->next = v->free;
	v->free = r;
}

/* ---- grants that are kept --------------------------------------------------------------------------------------- */

static u32 kept_slot(const struct vbd_grants *k, u32 ref)
{
	u32 i = (ref * 0x9e3779b1u) >> 18;

	while (k->hash[i] && k->ref[k->hash[i] - 1] != ref)
		i = (i + 1) & (VBD_PERSISTENT_HASH - 1);
	return i;
}

bool vbd_keep(struct vbd_grants *k, u32 ref, u64 mfn)
{
	u32 slot = kept_slot(k, ref);

	if (k->n == VBD_PERSISTENT || k->hash[slot])
		return false;
	k->ref[k->n] = ref;
	k->mfn[k->n] = mfn;
	k->hash[slot] = (u16)++k->n;
	return true;
}

/* Finds the frame of a segment and begins its use. False: the guest has not granted it. */
static bool seg_pin(struct vbd *v, struct vbd_seg *s)
{
	u32 slot = v->kept ? v->kept->hash[kept_slot(v->kept, s->ref)] : 0;

	if (slot) {
		s->mfn = v->kept->mfn[slot - 1];
		s->pinned = 0;
		return true;
	}
	if (grant_access(v->d, s->ref, true, &s->mfn))
		return false;
	s->pinned = !v->kept || !vbd_keep(v->kept, s->ref, s->mfn);
	return true;
}

static void req_unpin(struct vbd *v, struct vbd_req *r)
{
	u32 i;

	for (i = 0; i < r->nseg; i++)
		if (r->seg[i].pinned)
			grant_release(v->d, r->seg[i].ref, true);
}

/* From the guest's pages into the buffer. */
static bool data_get(struct vbd *v, struct vbd_req *r, struct vbd_seg *seg, u32 n)
{
	u8 *p = r->data;
	u32 i;

	for (i = 0; i < n; i++) {
		u32 off = seg[i].first * VBD_SECTOR, len = (seg[i].last - seg[i].first + 1u) * VBD_SECTOR;

		if (v->kept && seg_pin(v, &seg[i])) {
			bool ok = !mem_read(&v->d->d->mem, (seg[i].mfn << PAGE_SHIFT) + off, p, len);

			if (seg[i].pinned)
				grant_release(v->d, seg[i].ref, true);
			if (!ok)
				return false;
		} else if (grant_copy_from(v->d, seg[i].ref, off, p, len)) {
			return false;
		}
		p += len;
	}
	return true;
}

/* From the buffer into the guest's pages. */
static bool data_put(struct vbd *v, const struct vbd_req *r)
{
	const u8 *p = r->data;
	u32 i;

	for (i = 0; i < r->nseg; i++) {
		const struct vbd_seg *s = &r->seg[i];
		u32 off = s->first * VBD_SECTOR, len = (s->last - s->first + 1u) * VBD_SECTOR;

		if (mem_write(&v->d->d->mem, (s->mfn << PAGE_SHIFT) + off, p, len))
			return false;
		p += len;
	}
	return true;
}

/* ---- the queue -------------------------------------------------------------------------------------------------- */

void vbd_req_queue(struct vbd *v, struct vbd_req *r)
{
	struct vbd_req *after = v->last;

	while (after && after->due > r->due)
		after = after->prev;
	r->prev = after;
	r->next = after ? after->next : v->first;
	*(r->next ? &r->next->prev : &v->last) = r;
	*(after ? &after->next : &v->first) = r;
	v->under_way++;
	v->bytes += r->data ? r->len : 0;
}

static void req_unqueue(struct vbd *v, struct vbd_req *r)
{
	*(r->next ? &r->next->prev : &v->last) = r->prev;
	*(r->prev ? &r->prev->next : &v->first) = r->next;
	v->under_way--;
	v->bytes -= r->data ? r->len : 0;
}

void vbd_arm(struct vbd *v)
{
	u64 due = MIN(v->draining ? v->drain_at : v->first ? v->first->due : TIME_NEVER, v->end);

	if (v->timer.deadline != due)
		domain_arm(v->d->d, &v->timer, due);
}

static u64 due_at(struct vbd *v, u64 now, enum block_op op, u64 len)
{
	u64 latency = op == BLOCK_FLUSH          ? LATENCY_FLUSH
		      : op == BLOCK_WRITE_ZEROES ? LATENCY_DISCARD
		      : len > VBD_LAZY_MAX       ? LATENCY_LARGE
						 : LATENCY;

	v->bus_free = MAX(v->bus_free, now);
	if (op == BLOCK_READ || op == BLOCK_WRITE)
		v->bus_free += len / BYTES_PER_NS;
	return v->bus_free + latency;
}

/* What the host is to do, and when the guest sees the end of it. */
static void begin(struct vbd *v, struct vbd_req *r, enum block_op op)
{
	r->due = due_at(v, domain_now(v->d->d), op, r->len);
	/* Nothing may overtake a barrier. */
	if (r->op == VBD_BARRIER && v->last)
		r->due = MAX(r->due, v->last->due);
	vbd_req_queue(v, r);
	vbd_host_begin(v, r, op);
}

/* ---- from the ring ---------------------------------------------------------------------------------------------- */

static void answer(struct vbd *v, u32 q, const struct vbd_ask *a, enum vbd_status status)
{
	v->stats.refused += status != VBD_OKAY;
	vbd_answer(v, q, a->id, a->op, status);
}

static bool inside(const struct vbd *v, u64 sector, u64 n)
{
	u64 end = block_size(v->c.block) / VBD_SECTOR;

	return n <= end && sector <= end - n;
}

static struct vbd_req *new_req(struct vbd *v, u32 q, const struct vbd_ask *a, u32 nseg, u64 sectors, bool data)
{
	struct vbd_req *r = vbd_req_new(v, nseg, data ? sectors * VBD_SECTOR : 0);

	if (!r)
		return NULL;
	r->op = (u8)a->op;
	r->queue = (u8)q;
	r->id = a->id;
	r->offset = a->sector * VBD_SECTOR;
	r->len = sectors * VBD_SECTOR;
	return r;
}

static void issue_read(struct vbd *v, u32 q, struct vbd_ask *a, u64 sectors)
{
	struct vbd_req *r = new_req(v, q, a, a->nseg, sectors, true);
	u32 i;

	if (!r) {
		answer(v, q, a, VBD_ERROR);
		return;
	}
	for (i = 0; i < a->nseg; i++) {
		r->seg[i] = a->seg[i];
		if (!seg_pin(v, &r->seg[i]))
			break;
	}
	if (i < a->nseg) {
		while (i < a->nseg)
			r->seg[i++].pinned = 0;
		req_unpin(v, r);
		vbd_req_free(v, r);
		answer(v, q, a, VBD_ERROR);
		return;
	}
	v->stats.reads++;
	v->stats.read_bytes += r->len;
	begin(v, r, BLOCK_READ);
}

static void issue_write(struct vbd *v, u32 q, struct vbd_ask *a, u64 sectors)
{
	struct vbd_req *r = new_req(v, q, a, 0, sectors, true);

	if (!r || !data_get(v, r, a->seg, a->nseg)) {
		if (r)
			vbd_req_free(v, r);
		answer(v, q, a, VBD_ERROR);
		return;
	}
	v->stats.writes++;
	v->stats.written_bytes += r->len;
	v->stats.flushes += a->op != VBD_WRITE;
	begin(v, r, BLOCK_WRITE);
}

static void issue_flush(struct vbd *v, u32 q, struct vbd_ask *a)
{
	struct vbd_req *r;

	if (v->readonly) {
		answer(v, q, a, VBD_OKAY); /* nothing can be waiting */
		return;
	}
	r = new_req(v, q, a, 0, 0, false);
	if (!r) {
		answer(v, q, a, VBD_ERROR);
		return;
	}
	v->stats.flushes++;
	r->offset = 0;
	begin(v, r, BLOCK_FLUSH);
}

/*
 * What was discarded reads as zeros. A host's own idea of it would differ from host to host, and the guest's run with it.
 */
static void issue_discard(struct vbd *v, u32 q, struct vbd_ask *a)
{
	struct vbd_req *r;

	if (v->readonly || !a->nr_sectors || !inside(v, a->sector, a->nr_sectors) ||
	    !(r = new_req(v, q, a, 0, a->nr_sectors, false))) {
		answer(v, q, a, VBD_ERROR);
		return;
	}
	v->stats.discards++;
	begin(v, r, BLOCK_WRITE_ZEROES);
}

void vbd_issue(struct vbd *v, u32 q, struct vbd_ask *a)
{
	u64 sectors = 0;
	u32 i;

	if (a->op == VBD_DISCARD) {
		issue_discard(v, q, a);
		return;
	}
	if (!a->nseg) {
		issue_flush(v, q, a);
		return;
	}
	for (i = 0; i < a->nseg; i++) {
		const struct vbd_seg *s = &a->seg[i];

		if (s->first > s->last || s->last >= VBD_PAGE_SECTORS) {
			answer(v, q, a, VBD_ERROR);
			return;
		}
		sectors += s->last - s->first + 1u;
	}
	if (!inside(v, a->sector, sectors) || (v->readonly && a->op != VBD_READ))
		answer(v, q, a, VBD_ERROR);
	else if (a->op == VBD_READ)
		issue_read(v, q, a, sectors);
	else
		issue_write(v, q, a, sectors);
}

/* ---- the end of it ---------------------------------------------------------------------------------------------- */

static enum vbd_status status_of(struct vbd *v, const struct vbd_req *r)
{
	bool flush = r->op == VBD_FLUSH || r->op == VBD_BARRIER;

	v->through |= flush && !r->ok;
	return r->ok ? VBD_OKAY : flush && !r->len ? VBD_LOST : VBD_ERROR;
}

void vbd_complete(struct vbd *v, u64 now)
{
	u32 touched = 0, q;

	if (v->draining)
		now = TIME_NEVER;
	while (v->first && v->first->due <= now && vbd_host_ready(v, v->first)) {
		struct vbd_req *r = v->first;

		req_unqueue(v, r);
		if (r->op == VBD_READ && r->ok)
			r->ok = data_put(v, r);
		vbd_answer(v, r->queue, r->id, r->op, status_of(v, r));
		touched |= 1u << r->queue;
		req_unpin(v, r);
		vbd_req_free(v, r);
	}
	for (q = 0; q < v->nqueues; q++)
		if (touched >> q & 1)
			vbd_queue_push(v, q);
	for (q = 0; q < v->nqueues && xenbus_connected(v->dev); q++)
		if (v->q[q].stalled)
			vbd_queue_run(v, q);
	vbd_arm(v);
}

void vbd_drop(struct vbd *v, bool release)
{
	struct vbd_req *r;
	u32 i;

	while ((r = v->first)) {
		req_unqueue(v, r);
		if (release)
			req_unpin(v, r);
		if (!vbd_host_leave(v, r))
			vbd_req_free(v, r);
	}
	for (i = 0; release && v->kept && i < v->kept->n; i++)
		grant_release(v->d, v->kept->ref[i], true);
	free(v->kept);
	v->kept = NULL;
	v->nqueues = 0;
	v->draining = false;
	vbd_host_release(v);
	vbd_arm(v);
}
