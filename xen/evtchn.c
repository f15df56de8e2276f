/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Event channels (Xen public/event_channel.h): the port table, the 2-level ABI, virtual interrupts and the host's ends.
 * Left out: channels between two guests of one host, and physical interrupts, which no domU is given.
 */
#include "xen/evtchn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xen/info.h"
#include "xen/sched.h"

static const struct state_field port_fields[] = {
	STATE_INT(struct evtchn_port, state),	     STATE_INT(struct evtchn_port, priority),
	STATE_INT(struct evtchn_port, last_priority), STATE_INT(struct evtchn_port, pending),
	STATE_INT(struct evtchn_port, vcpu),	     STATE_INT(struct evtchn_port, last_vcpu),
	STATE_INT(struct evtchn_port, remote_dom),   STATE_INT(struct evtchn_port, virq),
	STATE_INT(struct evtchn_port, remote_port),
};
static STATE_DESC(port_desc, "evtchn-port", 1, struct evtchn_port, port_fields);

static const struct state_field bucket_fields[] = { STATE_SUBS(struct evtchn_bucket, port, &port_desc) };
STATE_DESC(evtchn_bucket_desc, "evtchn-bucket", 1, struct evtchn_bucket, bucket_fields);

static const struct state_field evtchn_fields[] = {
	STATE_INTS(struct evtchn_state, virq),
	STATE_INTS(struct evtchn_state, listen),
	STATE_SUB(struct evtchn_state, fifo, &evtchn_fifo_state_desc),
	STATE_INT(struct evtchn_state, hint),
	STATE_INT(struct evtchn_state, pad),
};
STATE_DESC(evtchn_state_desc, "evtchn", 2, struct evtchn_state, evtchn_fields);

/* ---- the port table -------------------------------------------------------------------------------------------- */

static u32 max_ports(const struct evtchn *e)
{
	u32 bits = xen_word_bits(e->p);

	return e->s.fifo.active ? EVTCHN_FIFO_PORTS : bits * bits;
}

bool evtchn_port_valid(const struct evtchn *e, u32 port)
{
	return port < e->nports && port < max_ports(e);
}

struct evtchn_host *evtchn_port_host(struct evtchn *e, u32 port)
{
	return &e->host[port / EVTCHN_BUCKET][port % EVTCHN_BUCKET];
}

struct vcpu *evtchn_port_vcpu(struct evtchn *e, const struct evtchn_port *c)
{
	return e->p->d->vcpus[c->vcpu < e->p->d->nvcpus ? c->vcpu : 0];
}

static int add_bucket(struct evtchn *e)
{
	u32 b = e->nports / EVTCHN_BUCKET;

	if (b >= EVTCHN_BUCKETS)
		return -ENOSPC;
	e->bucket[b] = calloc(1, sizeof *e->bucket[b]);
	e->host[b] = calloc(EVTCHN_BUCKET, sizeof *e->host[b]);
	if (!e->bucket[b] || !e->host[b]) {
		free(e->bucket[b]);
		free(e->host[b]);
		e->bucket[b] = NULL;
		e->host[b] = NULL;
		return -ENOMEM;
	}
	e->nports += EVTCHN_BUCKET;
	return 0;
}

/* The lowest free port, 0 < port, or -errno. It stays free until its state is set. */
int evtchn_free_port(struct evtchn *e)
{
	u32 max = max_ports(e), port;
	bool first = true;
	int r;

	for (port = e->s.hint; port < max; port++) {
		e->p->work++;
		if (port >= e->nports) {
			r = add_bucket(e);
			if (r)
				return r;
		}
		if (evtchn_port(e, port)->state != EVTCHN_FREE)
			continue;
		/* One that a FIFO queue still holds must wait until the guest has taken it off. */
		if (first)
			e->s.hint = port;
		first = false;
		if (!fifo_is_busy(e, port))
			return (int)port;
	}
	if (first)
		e->s.hint = max;
	return -ENOSPC;
}

struct evtchn_port *evtchn_port_init(struct evtchn *e, u32 port, enum evtchn_kind kind, u32 vcpu)
{
	struct evtchn_port *c = evtchn_port(e, port);

	/* What queue a port was last put on outlives it (FIFO). */
	c->state = (u8)kind;
	c->vcpu = (u16)vcpu;
	c->priority = 7;
	c->pending = 0;
	c->remote_dom = 0;
	c->remote_port = 0;
	c->virq = 0;
	return c;
}

/* ---- pending, by either ABI ------------------------------------------------------------------------------------ */

void xen_mark_events_pending(struct vcpu *v)
{
	if (!xen_of(v)->s.vcpu_info || xen_info_u8(v, VI_PENDING))
		return;
	xen_info_set_u8(v, VI_PENDING, 1);
	xen_vcpu_unblock(v);
}

void evtchn_check_pollers(struct xen_domain *p, u32 port)
{
	u32 i;

	for (i = 0; i < p->d->nvcpus; i++) {
		u32 polling = xen_of(p->d->vcpus[i])->s.polling;

		if (polling && (polling == XEN_POLL_ANY || polling == port + 1))
			xen_vcpu_unblock(p->d->vcpus[i]);
	}
}

void evtchn_set_pending(struct evtchn *e, u32 port, struct evtchn_port *c)
{
	struct mem *m = &e->p->d->mem;
	struct vcpu *v = evtchn_port_vcpu(e, c);

	if (e->s.fifo.active) {
		fifo_set_pending(e, port, c);
		return;
	}
	if (xen_bit_set(m, xen_shared_bits(e->p, SI_EVTCHN_PENDING), port))
		return;
	if (!xen_bit_test(m, xen_shared_bits(e->p, SI_EVTCHN_MASK), port) &&
	    !xen_info_set_sel(v, port / xen_word_bits(e->p)))
		xen_mark_events_pending(v);
	evtchn_check_pollers(e->p, port);
}

static void clear_pending(struct evtchn *e, u32 port)
{
	if (e->s.fifo.active)
		fifo_clear_pending(e, port);
	else
		xen_bit_clear(&e->p->d->mem, xen_shared_bits(e->p, SI_EVTCHN_PENDING), port);
}

int evtchn_pending(struct xen_domain *p, u32 port)
{
	struct evtchn *e = p->evtchn;
	const struct evtchn_port *c;

	if (!evtchn_port_valid(e, port))
		return -XEN_EINVAL;
	c = evtchn_port(e, port);
	if (c->state == EVTCHN_FREE || c->state == EVTCHN_RESERVED)
		return 0;
	if (e->s.fifo.active)
		return fifo_is_pending(e, port);
	return xen_bit_test(&p->d->mem, xen_shared_bits(p, SI_EVTCHN_PENDING), port);
}

bool evtchn_virq_is_global(u32 virq)
{
	return virq != VIRQ_TIMER && virq != VIRQ_DEBUG && virq != VIRQ_XENOPROF && virq != VIRQ_XENPMU;
}

bool xen_send_virq(struct vcpu *v, u32 virq)
{
	struct evtchn *e = xen_dom(v->d)->evtchn;
	u32 port = e->s.virq[(evtchn_virq_is_global(virq) ? 0 : v->id) * NR_VIRQS + virq];
	struct evtchn_port *c = port ? evtchn_port(e, port) : NULL;

	if (!c)
		return false;
	evtchn_set_pending(e, port, c);
	return true;
}

static bool masked(struct evtchn *e, u32 port)
{
	return e->s.fifo.active ? fifo_is_masked(e, port)
				: xen_bit_test(&e->p->d->mem, xen_shared_bits(e->p, SI_EVTCHN_MASK), port);
}

/* What a port's event means. */
static void describe_port(const struct xen_domain *p, u32 port, const struct evtchn_port *c, char *text, size_t size)
{
	static const char *const virqs[] = { "timer", "debug", "console", "dom-exc", "tbuf", NULL, "debugger", "xenoprof" };

	if (c->state == EVTCHN_VIRQ && c->virq < ARRAY_SIZE(virqs) && virqs[c->virq])
		snprintf(text, size, "virq %s", virqs[c->virq]);
	else if (c->state == EVTCHN_VIRQ)
		snprintf(text, size, "virq %u", c->virq);
	else if (c->state == EVTCHN_IPI)
		snprintf(text, size, "IPI");
	else if (port == p->s.console_port || port == p->s.store_port)
		snprintf(text, size, "%s", port == p->s.console_port ? "console" : "xenstore");
	else
		snprintf(text, size, "%s", c->state == EVTCHN_INTERDOMAIN ? "a device" : "unbound");
}

void evtchn_describe_pending(struct vcpu *v, char *text, size_t size)
{
	struct evtchn *e = xen_dom(v->d)->evtchn;
	size_t at = (size_t)snprintf(text, size, "port");
	u32 port, n = 0;

	for (port = 1; port < e->nports && at + 40 < size; port++) {
		const struct evtchn_port *c = evtchn_port(e, port);
		char what[24];

		if (evtchn_port_vcpu(e, c) != v || evtchn_pending(e->p, port) != 1 || masked(e, port))
			continue;
		describe_port(e->p, port, c, what, sizeof what);
		at += (size_t)snprintf(text + at, size - at, "%s %u (%s)", n++ ? "," : "", port, what);
	}
	if (!n)
		snprintf(text, size, "no port is pending");
}

/* ---- closing --------------------------------------------------------------------------------------------------- */

i64 evtchn_close_port(struct evtchn *e, u32 port)
{
	struct evtchn_port *c, *r;
	u32 i;

	if (!evtchn_port_valid(e, port))
		return -XEN_EINVAL;
	c = evtchn_port(e, port);
	switch (c->state) {
	case EVTCHN_FREE:
	case EVTCHN_RESERVED:
		return -XEN_EINVAL;
	case EVTCHN_VIRQ:
		for (i = 0; i < MAX_VCPUS; i++)
			if (e->s.virq[i * NR_VIRQS + c->virq] == port)
				e->s.virq[i * NR_VIRQS + c->virq] = 0;
		break;
	case EVTCHN_INTERDOMAIN:
		if (c->remote_dom != e->p->d->id) {
			for (i = 0; i < EVTCHN_LISTENERS; i++)
				if (e->s.listen[i] == port)
					e->s.listen[i] = 0;
			break;
		}
		r = evtchn_port(e, c->remote_port);
		if (r && r->state == EVTCHN_INTERDOMAIN) {
			r->state = EVTCHN_UNBOUND;
			r->remote_port = 0;
		}
		break;
	}
	clear_pending(e, port);
	c->state = EVTCHN_FREE;
	c->vcpu = 0;
	c->pending = 0;
	*evtchn_port_host(e, port) = (struct evtchn_host){ NULL, NULL };
	e->s.hint = MIN(e->s.hint, port);
	return 0;
}

void evtchn_reset_domain(struct xen_domain *p)
{
	struct evtchn *e = p->evtchn;
	u32 port;

	for (port = 1; port < e->nports; port++)
		evtchn_close_port(e, port);
	p->work += e->nports;
	if (e->s.fifo.active)
		fifo_destroy(e);
}

/* ---- the host's ends ------------------------------------------------------------------------------------------- */

static bool host_bound(struct evtchn *e, u32 port)
{
	const struct evtchn_port *c = evtchn_port(e, port);

	return c && c->state == EVTCHN_INTERDOMAIN && c->remote_dom == XEN_BACKEND_DOMID && c->remote_dom != e->p->d->id;
}

int evtchn_bind_host(struct xen_domain *p, u32 *port, evtchn_notify_fn *notify, void *opaque)
{
	struct evtchn *e = p->evtchn;
	struct evtchn_port *c;
	int n = evtchn_free_port(e);

	if (n < 0)
		return n;
	c = evtchn_port_init(e, (u32)n, EVTCHN_INTERDOMAIN, 0);
	c->remote_dom = XEN_BACKEND_DOMID;
	c->remote_port = (u32)n;
	*evtchn_port_host(e, (u32)n) = (struct evtchn_host){ notify, opaque };
	*port = (u32)n;
	return 0;
}

int evtchn_connect_host(struct xen_domain *p, u32 port, evtchn_notify_fn *notify, void *opaque)
{
	struct evtchn *e = p->evtchn;
	struct evtchn_port *c = evtchn_port(e, port);

	if (!c || c->state != EVTCHN_UNBOUND || c->remote_dom != XEN_BACKEND_DOMID)
		return -EINVAL;
	c->state = EVTCHN_INTERDOMAIN;
	c->remote_port = port;
	*evtchn_port_host(e, port) = (struct evtchn_host){ notify, opaque };
	return 0;
}

int evtchn_attach_host(struct xen_domain *p, u32 port, evtchn_notify_fn *notify, void *opaque)
{
	if (!host_bound(p->evtchn, port))
		return -EINVAL;
	*evtchn_port_host(p->evtchn, port) = (struct evtchn_host){ notify, opaque };
	return 0;
}

void evtchn_attach_first(struct xen_domain *p, u32 port, evtchn_notify_fn *notify, void *opaque)
{
	if (host_bound(p->evtchn, port) && !evtchn_port_host(p->evtchn, port)->notify)
		evtchn_attach_host(p, port, notify, opaque);
}

int evtchn_listen_host(struct xen_domain *p, u32 *remote_port, evtchn_notify_fn *notify, void *opaque)
{
	struct evtchn *e = p->evtchn;

	if (e->nlisteners == EVTCHN_LISTENERS)
		return -ENOSPC;
	e->listener[e->nlisteners] = (struct evtchn_host){ notify, opaque };
	*remote_port = EVTCHN_LISTEN_BASE + e->nlisteners++;
	return 0;
}

void evtchn_notify(struct xen_domain *p, u32 port)
{
	if (host_bound(p->evtchn, port))
		evtchn_set_pending(p->evtchn, port, evtchn_port(p->evtchn, port));
}

void evtchn_close_host(struct xen_domain *p, u32 port)
{
	if (!host_bound(p->evtchn, port))
		return;
	evtchn_port(p->evtchn, port)->state = EVTCHN_UNBOUND;
	*evtchn_port_host(p->evtchn, port) = (struct evtchn_host){ NULL, NULL };
}

/* ---- life and state -------------------------------------------------------------------------------------------- */

static void ports_save(void *opaque, struct buf *out)
{
	struct evtchn *e = opaque;
	u32 i;

	buf_put_u32(out, e->nports);
	for (i = 0; i < e->nports / EVTCHN_BUCKET; i++)
		state_save(&evtchn_bucket_desc, e->bucket[i], out);
}

static int ports_load(void *opaque, struct reader *in)
{
	struct evtchn *e = opaque;
	u32 n = reader_u32(in), i, k;

	if (n > EVTCHN_FIFO_PORTS || n % EVTCHN_BUCKET || !n)
		return -EINVAL;
	for (i = n / EVTCHN_BUCKET; i < EVTCHN_BUCKETS; i++) {
		free(e->bucket[i]);
		free(e->host[i]);
		e->bucket[i] = NULL;
		e->host[i] = NULL;
	}
	e->nports = MIN(e->nports, n);
	while (e->nports < n)
		if (add_bucket(e))
			return -ENOMEM;
	if (!e->s.hint)
		return -EINVAL;
	for (i = 0; i < n / EVTCHN_BUCKET; i++) {
		/* Those who were called so far may have other ports in this state: their hooks say so. */
		memset(e->host[i], 0, EVTCHN_BUCKET * sizeof *e->host[i]);
		if (state_load(&evtchn_bucket_desc, e->bucket[i], in))
			return -EINVAL;
		for (k = 0; k < EVTCHN_BUCKET; k++) {
			const struct evtchn_port *c = &e->bucket[i]->port[k];

			if (c->state > EVTCHN_IPI || c->priority >= FIFO_QUEUES || c->last_priority >= FIFO_QUEUES ||
			    c->vcpu >= e->p->d->nvcpus || c->last_vcpu >= MAX_VCPUS || c->virq >= NR_VIRQS)
				return -EINVAL;
		}
	}
	return 0;
}

int evtchn_init(struct xen_domain *p)
{
	struct evtchn *e = calloc(1, sizeof *e);

	if (!e)
		return -ENOMEM;
	e->p = p;
	p->evtchn = e;
	if (add_bucket(e) || state_add(&p->d->states, "evtchn", 0, &evtchn_state_desc, &e->s, 1) ||
	    state_add_custom(&p->d->states, "evtchn-ports", 0, ports_save, ports_load, e)) {
		evtchn_free(p);
		return -ENOMEM;
	}
	evtchn_port(e, 0)->state = EVTCHN_RESERVED;
	e->s.hint = 1;
	return 0;
}

void evtchn_free(struct xen_domain *p)
{
	struct evtchn *e = p->evtchn;
	u32 i;

	if (!e)
		return;
	state_remove(&p->d->states, &e->s);
	state_remove(&p->d->states, e);
	for (i = 0; i < EVTCHN_BUCKETS; i++) {
		free(e->bucket[i]);
		free(e->host[i]);
	}
	free(e);
	p->evtchn = NULL;
}
