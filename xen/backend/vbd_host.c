/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's part of the block back end's requests: in which order it is asked, and what happens when it is slower than the
 * guest.
 *
 * Threads of the host may overtake each other, and the guest must not see which did. So requests that touch the same sectors are
 * given to the host one after the other. Nothing here blocks until the host is done. A request that cannot begin yet is put on a
 * list. When a request is due that the host has not done, the domain's time is held, and everything else goes on.
 */
#include "xen/backend/vbd_impl.h"

#define PIECE (16u << 20) /* bytes of a discard at once: it may mean to write as many zeros */
#define WAIT_HERE 1000000u /* ns: holding the domain and coming back takes longer than most of what is waited for */

static bool told_to_end(const struct vbd *v)
{
	const volatile int *kill = v->d->d->host->kill;

	return kill && *kill;
}

static bool overlap(const struct vbd_req *a, const struct vbd_req *b)
{
	return a->offset < b->offset + b->len && b->offset < a->offset + a->len;
}

/* Whether o, which was issued before, must be done before the host is asked for r. */
static bool must_wait(const struct vbd_req *r, const struct vbd_req *o)
{
	if (o->done || o->seq >= r->seq)
		return false;
	if (r->after_all || o->before_all)
		return true;
	return (r->host.op != BLOCK_READ || o->host.op != BLOCK_READ) && overlap(r, o);
}

static bool may_begin(const struct vbd *v, const struct vbd_req *r)
{
	const struct vbd_req *o;

	if (!v->writing && r->host.op == BLOCK_READ)
		return true;
	for (o = v->first; o; o = o->next)
		if (must_wait(r, o))
			return false;
	for (o = v->left; o; o = o->next)
		if (must_wait(r, o))
			return false;
	return true;
}

static void submit(struct vbd *v, struct vbd_req *r)
{
	struct block_request *h = &r->host;
	bool write = h->op == BLOCK_WRITE || h->op == BLOCK_WRITE_ZEROES, now;

	r->waiting = false;
	h->offset = r->offset;
	h->length = r->len;
	h->flags = (r->op == VBD_BARRIER && write) || (v->through && write) ? (u32)BLOCK_FUA : 0;
	if (r->flush_first)
		*h = (struct block_request){ .op = BLOCK_FLUSH, .done = h->done, .opaque = r };
	if (h->op == BLOCK_WRITE_ZEROES) {
		h->offset += r->zeroed;
		h->length = MIN(r->len - r->zeroed, PIECE);
		r->zeroed += h->length;
		h->flags = BLOCK_UNMAP | (r->zeroed == r->len ? h->flags : 0);
	}
	/* Somebody must wait for little soon: waking a thread for it takes longer than doing it. While the domain is held nobody does. */
	now = v->holding || (h->op != BLOCK_READ && h->op != BLOCK_WRITE) || h->flags || r->len > VBD_LAZY_MAX;
	block_submit_late(v->c.block, h, now);
}

/* Those that waited for what is done now. */
static void begin_others(struct vbd *v)
{
	struct vbd_req *r;

	for (r = v->first; r && v->blocked; r = r->next)
		if (r->waiting && may_begin(v, r)) {
			v->blocked--;
			submit(v, r);
		}
}

/* The host is through with r. */
static void finished(struct vbd *v, struct vbd_req *r)
{
	r->done = true;
	v->writing -= r->host.op != BLOCK_READ;
	if (r->left) {
		if (r->next)
			r->next->prev = r->prev;
		*(r->prev ? &r->prev->next : &v->left) = r->next;
		vbd_req_free(v, r);
	}
	if (v->blocked)
		begin_others(v);
	if (v->holding && (!v->first || v->first->done))
		vbd_host_release(v);
}

void vbd_host_release(struct vbd *v)
{
	if (!v->holding)
		return;
	v->holding = false;
	block_watch(v->c.block, false);
	timeline_release(&v->d->d->time);
}

static void host_done(struct block_request *host, int result)
{
	struct vbd_req *r = host->opaque;
	struct vbd *v = r->v;

	r->ok = !result;
	if (r->flush_first && r->ok) {
		r->flush_first = false;
		host->op = BLOCK_WRITE;
		host->vec = &r->vec;
		host->nvec = 1;
		submit(v, r);
		return;
	}
	if (host->op == BLOCK_WRITE_ZEROES && r->ok && r->zeroed < r->len) {
		if (!r->left && !told_to_end(v)) {
			submit(v, r);
			return;
		}
		r->ok = false;
	}
	finished(v, r);
}

void vbd_host_begin(struct vbd *v, struct vbd_req *r, enum block_op op)
{
	r->seq = ++v->seq;
	r->vec = (struct block_vec){ r->data, (size_t)r->len };
	r->host = (struct block_request){ .op = op, .vec = &r->vec, .nvec = r->data ? 1 : 0, .done = host_done, .opaque = r };
	/* A flush covers what the guest knows to be written; a barrier all that it has asked for, and nothing overtakes it. */
	r->flush_first = op == BLOCK_WRITE && r->op != VBD_WRITE;
	r->before_all = r->op == VBD_BARRIER;
	r->after_all = r->flush_first || r->before_all;
	v->writing += op != BLOCK_READ;
	r->waiting = !may_begin(v, r);
	if (r->waiting)
		v->blocked++;
	else
		submit(v, r);
}

/* What the host works on, of r and all that may be in its way: the oldest. */
static struct vbd_req *oldest(struct vbd *v, struct vbd_req *r)
{
	struct vbd_req *w = r, *o;

	if (!r->waiting)
		return r;
	for (o = v->first; o; o = o->next)
		if (!o->done && o->seq < w->seq)
			w = o;
	for (o = v->left; o; o = o->next)
		if (o->seq < w->seq)
			w = o;
	return w;
}

bool vbd_host_ready(struct vbd *v, struct vbd_req *r)
{
	u64 end = host_now() + WAIT_HERE, now;

	while (!r->done) {
		now = host_now();
		if (now >= end && block_watch(v->c.block, true)) {
			v->holding = true;
			timeline_hold(&v->d->d->time);
			return false;
		}
		block_wait_some(v->c.block, &oldest(v, r)->host, now < end ? end - now : WAIT_HERE);
	}
	return true;
}

bool vbd_host_leave(struct vbd *v, struct vbd_req *r)
{
	if (r->done)
		return false;
	if (r->waiting) {
		v->blocked--;
		v->writing -= r->host.op != BLOCK_READ;
		return false;
	}
	r->left = true;
	r->prev = NULL;
	r->next = v->left;
	if (v->left)
		v->left->prev = r;
	v->left = r;
	return true;
}

void vbd_settle(struct vbd *v)
{
	block_drain(v->c.block);
}
