/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The FIFO ABI of event channels (Xen public/event_channel.h; "FIFO-based event channels" design, draft H): an array of
 * event words and, for each vCPU, a control block with the heads of 16 queues, all in the guest's own frames. The guest
 * takes events off at the head, the host adds them at the tail; the tail is known to the host alone.
 * Nothing of the guest runs while the host links, so the BUSY bit is never left set.
 */
#include "xen/evtchn.h"

#include "base/endian.h"
#include "xen/info.h"

enum { FIFO_LINK = 0x1ffff, FIFO_BUSY = 1 << 28, FIFO_LINKED = 1 << 29, FIFO_MASKED = 1 << 30 };
#define FIFO_PENDING 0x80000000u
#define CONTROL_SIZE 72u /* ready, reserved, head[16] */
#define CONTROL_HEAD 8u

static const struct state_field fifo_fields[] = {
	STATE_INT(struct evtchn_fifo_state, active),   STATE_INT(struct evtchn_fifo_state, npages),
	STATE_INTS(struct evtchn_fifo_state, array),   STATE_INTS(struct evtchn_fifo_state, control),
	STATE_INTS(struct evtchn_fifo_state, tail),
};
STATE_DESC(evtchn_fifo_state_desc, "evtchn-fifo", 1, struct evtchn_fifo_state, fifo_fields);

/* The machine address of a port's event word, or 0 when its page has not been given yet. */
static u64 word_addr(const struct evtchn *e, u32 port)
{
	u32 page = port / FIFO_WORDS;

	if (page >= e->s.fifo.npages || page >= FIFO_PAGES)
		return 0;
	return (e->s.fifo.array[page] << PAGE_SHIFT) + port % FIFO_WORDS * 4;
}

static u32 word_get(const struct evtchn *e, u32 port)
{
	u64 a = word_addr(e, port);

	return a ? mem_read_u32(&e->p->d->mem, a) : FIFO_MASKED;
}

static void word_set(struct evtchn *e, u32 port, u32 w)
{
	mem_write_u32(&e->p->d->mem, word_addr(e, port), w);
}

bool fifo_is_pending(struct evtchn *e, u32 port)
{
	return word_get(e, port) & FIFO_PENDING;
}

bool fifo_is_masked(struct evtchn *e, u32 port)
{
	return word_get(e, port) & FIFO_MASKED;
}

bool fifo_is_busy(struct evtchn *e, u32 port)
{
	return e->s.fifo.active && (word_get(e, port) & FIFO_LINKED);
}

void fifo_clear_pending(struct evtchn *e, u32 port)
{
	u32 w = word_get(e, port);

	/* It stays linked: the guest unlinks it and finds nothing pending. */
	if (w & FIFO_PENDING)
		word_set(e, port, w & ~FIFO_PENDING);
}

/* Lets the tail point to port, if the guest has not taken it off the queue. */
static bool link_tail(struct evtchn *e, u32 tail, u32 port)
{
	u32 w = word_get(e, tail);

	if (!tail || !(w & FIFO_LINKED))
		return false;
	word_set(e, tail, (w & ~(u32)(FIFO_BUSY | FIFO_LINK)) | port);
	return true;
}

void fifo_set_pending(struct evtchn *e, u32 port, struct evtchn_port *c)
{
	struct evtchn_fifo_state *f = &e->s.fifo;
	struct mem *m = &e->p->d->mem;
	struct vcpu *v = e->p->d->vcpus[c->vcpu < e->p->d->nvcpus ? c->vcpu : 0];
	u32 *old = &f->tail[c->last_vcpu * FIFO_QUEUES + c->last_priority];
	u32 *tail = &f->tail[v->id * FIFO_QUEUES + c->priority];
	u64 control = f->control[v->id];
	u32 w;

	if (!word_addr(e, port)) {
		c->pending = 1; /* raised again when the page comes */
		return;
	}
	w = word_get(e, port);
	word_set(e, port, w | FIFO_PENDING);
	/* Without a control block the event is dropped: the guest must not unmask before it gave one. */
	if (control && !(w & (FIFO_MASKED | FIFO_LINKED))) {
		word_set(e, port, w | FIFO_PENDING | FIFO_LINKED);
		/* As a tail of its old queue it would lead events of that queue into this one. */
		if (*old == port)
			*old = 0;
		c->last_vcpu = (u16)v->id;
		c->last_priority = c->priority;
		if (!link_tail(e, *tail, port)) {
			mem_write_u32(m, control + CONTROL_HEAD + c->priority * 4u, port);
			if (!xen_bit_set(m, control, c->priority))
				xen_mark_events_pending(v);
		}
		*tail = port;
	}
	if (!(w & FIFO_PENDING))
		evtchn_check_pollers(e->p, port);
}

void fifo_unmask(struct evtchn *e, u32 port, struct evtchn_port *c)
{
	u32 w;

	if (!word_addr(e, port))
		return;
	w = word_get(e, port);
	if (w & FIFO_MASKED)
		word_set(e, port, w & ~(u32)FIFO_MASKED);
	if (w & FIFO_PENDING)
		fifo_set_pending(e, port, c);
}

i64 fifo_init_control(struct evtchn *e, u64 mfn, u32 offset, u32 vcpu)
{
	struct evtchn_fifo_state *f = &e->s.fifo;
	u32 port;

	if (vcpu >= e->p->d->nvcpus)
		return -XEN_ENOENT;
	if (offset > PAGE_SIZE - CONTROL_SIZE || offset % 8 || f->control[vcpu])
		return -XEN_EINVAL;
	if (xen_hold(e->p, mfn))
		return -XEN_EINVAL;
	f->control[vcpu] = (mfn << PAGE_SHIFT) + offset;
	if (f->active)
		return 0;
	/* The first one switches the domain over. What is pending now is raised again when its word is there. */
	for (port = 1; port < e->nports; port++) {
		struct evtchn_port *c = evtchn_port(e, port);

		c->priority = 7;
		if (c->state > EVTCHN_RESERVED &&
		    xen_bit_test(&e->p->d->mem, xen_shared_bits(e->p, SI_EVTCHN_PENDING), port))
			c->pending = 1;
	}
	f->active = 1;
	return 0;
}

i64 fifo_expand_array(struct evtchn *e, u64 mfn)
{
	struct evtchn_fifo_state *f = &e->s.fifo;
	u32 port, end;

	if (!f->active)
		return -XEN_EOPNOTSUPP;
	if (f->npages >= FIFO_PAGES)
		return -XEN_ENOSPC;
	if (xen_hold(e->p, mfn))
		return -XEN_EINVAL;
	port = f->npages * FIFO_WORDS;
	f->array[f->npages++] = mfn;
	for (end = MIN(port + FIFO_WORDS, e->nports); port < end; port++) {
		struct evtchn_port *c = evtchn_port(e, port);

		if (!c->pending)
			continue;
		c->pending = 0;
		fifo_set_pending(e, port, c);
	}
	return 0;
}

void fifo_destroy(struct evtchn *e)
{
	struct evtchn_fifo_state *f = &e->s.fifo;
	u32 i;

	for (i = 0; i < MAX_VCPUS; i++)
		if (f->control[i])
			xen_release(e->p, f->control[i] >> PAGE_SHIFT);
	for (i = 0; i < f->npages && i < FIFO_PAGES; i++)
		xen_release(e->p, f->array[i]);
	memset(f, 0, sizeof *f);
	for (i = 0; i < e->nports; i++) {
		struct evtchn_port *c = evtchn_port(e, i);

		c->pending = 0;
		c->last_vcpu = 0;
		c->last_priority = 0;
	}
}
