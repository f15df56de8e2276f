/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HYPERVISOR_event_channel_op (Xen public/event_channel.h): what a guest may ask for, and what it hears when it may not.
 * The table behind it is in xen/evtchn.c. Left out: other domains than the caller's own and XEN_BACKEND_DOMID.
 */
#include "xen/evtchn.h"

#include <errno.h>

#include "base/endian.h"
#include "xen/hypercall.h"
#include "xen/info.h"

/* ---- EVTCHNOP_*: argument structs ------------------------------------------------------------------------------ */

struct evtchn_alloc_unbound {
	u16 dom, remote_dom;
	u32 port;
};
static const struct arg_field alloc_unbound_fields[] = {
	ARG_IN(ARG_U16, struct evtchn_alloc_unbound, dom), ARG_IN(ARG_U16, struct evtchn_alloc_unbound, remote_dom),
	ARG_OUT(ARG_U32, struct evtchn_alloc_unbound, port), ARG_LAST
};
static const struct arg_layout alloc_unbound_layout = { "evtchn_alloc_unbound", sizeof(struct evtchn_alloc_unbound),
							 alloc_unbound_fields };

struct evtchn_bind_interdomain {
	u16 remote_dom, pad;
	u32 remote_port, local_port;
};
static const struct arg_field bind_interdomain_fields[] = {
	ARG_IN(ARG_U16, struct evtchn_bind_interdomain, remote_dom),
	ARG_IN(ARG_U16, struct evtchn_bind_interdomain, pad),
	ARG_IN(ARG_U32, struct evtchn_bind_interdomain, remote_port),
	ARG_OUT(ARG_U32, struct evtchn_bind_interdomain, local_port), ARG_LAST
};
static const struct arg_layout bind_interdomain_layout = {
	"evtchn_bind_interdomain", sizeof(struct evtchn_bind_interdomain), bind_interdomain_fields
};

/* bind_virq (virq, vcpu, port) and bind_pirq (pirq, flags, port). */
struct evtchn_bind3 {
	u32 what, vcpu, port;
};
static const struct arg_field bind3_fields[] = { ARG_IN(ARG_U32, struct evtchn_bind3, what),
						 ARG_IN(ARG_U32, struct evtchn_bind3, vcpu),
						 ARG_OUT(ARG_U32, struct evtchn_bind3, port), ARG_LAST };
static const struct arg_layout bind3_layout = { "evtchn_bind_virq", sizeof(struct evtchn_bind3), bind3_fields };

/* bind_ipi (vcpu, port out), bind_vcpu (port, vcpu), set_priority (port, priority). */
struct evtchn_pair {
	u32 a, b;
};
static const struct arg_field pair_fields[] = { ARG_IN(ARG_U32, struct evtchn_pair, a),
						ARG_IN(ARG_U32, struct evtchn_pair, b), ARG_LAST };
static const struct arg_field bind_ipi_fields[] = { ARG_IN(ARG_U32, struct evtchn_pair, a),
						    ARG_OUT(ARG_U32, struct evtchn_pair, b), ARG_LAST };
static const struct arg_layout pair_layout = { "evtchn_port_and_value", sizeof(struct evtchn_pair), pair_fields };
static const struct arg_layout bind_ipi_layout = { "evtchn_bind_ipi", sizeof(struct evtchn_pair), bind_ipi_fields };

/* close, send, unmask. */
struct evtchn_one {
	u32 port;
};
static const struct arg_field one_fields[] = { ARG_IN(ARG_U32, struct evtchn_one, port), ARG_LAST };
static const struct arg_layout one_layout = { "evtchn_port", sizeof(struct evtchn_one), one_fields };

struct evtchn_status {
	u16 dom, pad;
	u32 port, status, vcpu;
	u16 u_dom, u_pad; /* a union: remote domain and port, or the virq */
	u32 u_port;
};
static const struct arg_field status_fields[] = {
	ARG_IN(ARG_U16, struct evtchn_status, dom),	ARG_IN(ARG_U16, struct evtchn_status, pad),
	ARG_IN(ARG_U32, struct evtchn_status, port),	ARG_OUT(ARG_U32, struct evtchn_status, status),
	ARG_OUT(ARG_U32, struct evtchn_status, vcpu),	ARG_OUT(ARG_U16, struct evtchn_status, u_dom),
	ARG_OUT(ARG_U16, struct evtchn_status, u_pad), ARG_OUT(ARG_U32, struct evtchn_status, u_port), ARG_LAST
};
static const struct arg_layout status_layout = { "evtchn_status", sizeof(struct evtchn_status), status_fields };

struct evtchn_reset {
	u16 dom;
};
static const struct arg_field reset_fields[] = { ARG_IN(ARG_U16, struct evtchn_reset, dom), ARG_LAST };
static const struct arg_layout reset_layout = { "evtchn_reset", sizeof(struct evtchn_reset), reset_fields };

struct evtchn_init_control {
	u64 control_gfn;
	u32 offset, vcpu;
	u8 link_bits, pad[7];
};
static const struct arg_field init_control_fields[] = {
	ARG_IN(ARG_U64, struct evtchn_init_control, control_gfn), ARG_IN(ARG_U32, struct evtchn_init_control, offset),
	ARG_IN(ARG_U32, struct evtchn_init_control, vcpu), ARG_OUT(ARG_U8, struct evtchn_init_control, link_bits),
	ARG_IN(ARG_BYTES, struct evtchn_init_control, pad), ARG_LAST
};
static const struct arg_layout init_control_layout = { "evtchn_init_control", sizeof(struct evtchn_init_control),
						       init_control_fields };

struct evtchn_expand_array {
	u64 array_gfn;
};
static const struct arg_field expand_array_fields[] = { ARG_IN(ARG_U64, struct evtchn_expand_array, array_gfn),
							ARG_LAST };
static const struct arg_layout expand_array_layout = { "evtchn_expand_array", sizeof(struct evtchn_expand_array),
						       expand_array_fields };

/* ---- EVTCHNOP_* ------------------------------------------------------------------------------------------------ */

static i64 xen_error(int r)
{
	return r == -ENOSPC ? -XEN_ENOSPC : r == -ENOMEM ? -XEN_ENOMEM : -XEN_EINVAL;
}

static struct evtchn *events(struct hc *h)
{
	return xen_dom(h->v->d)->evtchn;
}

/* 0 when dom is the caller, -EPERM for another that exists, -ESRCH. */
static i64 only_self(struct hc *h, u32 dom)
{
	if (dom == DOMID_SELF || dom == h->v->d->id)
		return 0;
	return dom == XEN_BACKEND_DOMID || host_domain(h->v->d->host, dom) ? -XEN_EPERM : -XEN_ESRCH;
}

static i64 evtchn_alloc_unbound(struct hc *h, void *arg)
{
	struct evtchn_alloc_unbound *a = arg;
	struct evtchn *e = events(h);
	i64 r = only_self(h, a->dom);
	int port;

	if (r)
		return r;
	port = evtchn_free_port(e);
	if (port < 0)
		return xen_error(port);
	evtchn_port_init(e, (u32)port, EVTCHN_UNBOUND, 0)->remote_dom =
		a->remote_dom == DOMID_SELF ? (u16)h->v->d->id : a->remote_dom;
	a->port = (u32)port;
	return 0;
}

static i64 evtchn_bind_interdomain(struct hc *h, void *arg)
{
	struct evtchn_bind_interdomain *a = arg;
	struct evtchn *e = events(h);
	u32 dom = a->remote_dom == DOMID_SELF ? h->v->d->id : a->remote_dom;
	u32 listener = a->remote_port - EVTCHN_LISTEN_BASE;
	bool self = dom == h->v->d->id;
	struct evtchn_port *l, *r = NULL;
	int port;

	if (!self && dom != XEN_BACKEND_DOMID)
		return -XEN_ESRCH;
	port = evtchn_free_port(e);
	if (port < 0)
		return xen_error(port);
	if (self) {
		if (!evtchn_port_valid(e, a->remote_port))
			return -XEN_EINVAL;
		r = evtchn_port(e, a->remote_port);
		if (r->state != EVTCHN_UNBOUND || r->remote_dom != h->v->d->id)
			return -XEN_EINVAL;
	} else if (listener >= e->nlisteners || e->s.listen[listener]) {
		return -XEN_EINVAL;
	}
	l = evtchn_port_init(e, (u32)port, EVTCHN_INTERDOMAIN, 0);
	l->remote_dom = (u16)dom;
	l->remote_port = a->remote_port;
	if (r) {
		r->state = EVTCHN_INTERDOMAIN;
		r->remote_port = (u32)port;
	} else {
		e->s.listen[listener] = (u32)port;
	}
	/* What was sent to the other end before it was bound is lost: one event for all of that. */
	evtchn_set_pending(e, (u32)port, l);
	a->local_port = (u32)port;
	return 0;
}

static i64 evtchn_bind_virq(struct hc *h, void *arg)
{
	struct evtchn_bind3 *a = arg;
	struct evtchn *e = events(h);
	u32 *slot;
	int port;

	if (a->what >= NR_VIRQS || (evtchn_virq_is_global(a->what) && a->vcpu != 0))
		return -XEN_EINVAL;
	if (a->vcpu >= h->v->d->nvcpus)
		return -XEN_ENOENT;
	slot = &e->s.virq[a->vcpu * NR_VIRQS + a->what];
	if (*slot)
		return -XEN_EEXIST;
	port = evtchn_free_port(e);
	if (port < 0)
		return xen_error(port);
	evtchn_port_init(e, (u32)port, EVTCHN_VIRQ, a->vcpu)->virq = (u16)a->what;
	*slot = a->port = (u32)port;
	return 0;
}

static i64 evtchn_bind_pirq(struct hc *h, void *arg)
{
	const struct evtchn_bind3 *a = arg;

	/* A domU has a few interrupt numbers and may use none of them. */
	return a->what >= 48 ? -XEN_EINVAL : -XEN_EPERM;
}

static i64 evtchn_bind_ipi(struct hc *h, void *arg)
{
	struct evtchn_pair *a = arg;
	int port;

	if (a->a >= h->v->d->nvcpus)
		return -XEN_ENOENT;
	port = evtchn_free_port(events(h));
	if (port < 0)
		return xen_error(port);
	evtchn_port_init(events(h), (u32)port, EVTCHN_IPI, a->a);
	a->b = (u32)port;
	return 0;
}

static i64 evtchn_close(struct hc *h, void *arg)
{
	return evtchn_close_port(events(h), ((struct evtchn_one *)arg)->port);
}

static i64 evtchn_send(struct hc *h, void *arg)
{
	struct evtchn *e = events(h);
	u32 port = ((struct evtchn_one *)arg)->port;
	struct evtchn_port *c, *r;
	struct evtchn_host host;

	if (!evtchn_port_valid(e, port))
		return -XEN_EINVAL;
	c = evtchn_port(e, port);
	h->chatter = port == e->p->s.console_port && port;
	switch (c->state) {
	case EVTCHN_INTERDOMAIN:
		if (c->remote_dom == h->v->d->id) {
			r = evtchn_port(e, c->remote_port);
			if (r)
				evtchn_set_pending(e, c->remote_port, r);
			return 0;
		}
		host = c->remote_port - EVTCHN_LISTEN_BASE < e->nlisteners ?
			       e->listener[c->remote_port - EVTCHN_LISTEN_BASE] :
			       *evtchn_port_host(e, port);
		if (host.notify)
			host.notify(host.opaque);
		return 0;
	case EVTCHN_IPI:
		evtchn_set_pending(e, port, c);
		return 0;
	case EVTCHN_UNBOUND:
		return 0; /* nobody hears it */
	default:
		return -XEN_EINVAL;
	}
}

static i64 evtchn_status(struct hc *h, void *arg)
{
	/* EVTCHNSTAT_*: closed, unbound, interdomain, pirq, virq, ipi. */
	static const u8 status[] = { [EVTCHN_FREE] = 0, [EVTCHN_RESERVED] = 0, [EVTCHN_UNBOUND] = 1,
				     [EVTCHN_INTERDOMAIN] = 2, [EVTCHN_VIRQ] = 4, [EVTCHN_IPI] = 5 };
	struct evtchn_status *a = arg;
	struct evtchn *e = events(h);
	const struct evtchn_port *c;
	i64 r = only_self(h, a->dom);

	if (r)
		return r;
	if (!evtchn_port_valid(e, a->port))
		return -XEN_EINVAL;
	c = evtchn_port(e, a->port);
	a->status = status[c->state];
	a->vcpu = c->vcpu;
	if (c->state == EVTCHN_UNBOUND || c->state == EVTCHN_INTERDOMAIN)
		a->u_dom = c->remote_dom;
	if (c->state == EVTCHN_INTERDOMAIN)
		a->u_port = c->remote_port;
	if (c->state == EVTCHN_VIRQ) {
		a->u_dom = c->virq;
		a->u_pad = 0;
	}
	return 0;
}

static i64 evtchn_bind_vcpu(struct hc *h, void *arg)
{
	const struct evtchn_pair *a = arg;
	struct evtchn *e = events(h);
	struct evtchn_port *c;

	if (a->b >= h->v->d->nvcpus)
		return -XEN_ENOENT;
	if (!evtchn_port_valid(e, a->a))
		return -XEN_EINVAL;
	c = evtchn_port(e, a->a);
	if (c->state != EVTCHN_UNBOUND && c->state != EVTCHN_INTERDOMAIN &&
	    !(c->state == EVTCHN_VIRQ && evtchn_virq_is_global(c->virq)))
		return -XEN_EINVAL;
	c->vcpu = (u16)a->b;
	return 0;
}

static i64 evtchn_unmask(struct hc *h, void *arg)
{
	struct evtchn *e = events(h);
	struct mem *m = &e->p->d->mem;
	u32 port = ((struct evtchn_one *)arg)->port;
	struct evtchn_port *c;

	if (!evtchn_port_valid(e, port))
		return -XEN_EINVAL;
	c = evtchn_port(e, port);
	if (c->state == EVTCHN_FREE || c->state == EVTCHN_RESERVED)
		return 0;
	if (e->s.fifo.active) {
		fifo_unmask(e, port, c);
	} else if (xen_bit_clear(m, xen_shared_bits(e->p, SI_EVTCHN_MASK), port) &&
		   xen_bit_test(m, xen_shared_bits(e->p, SI_EVTCHN_PENDING), port) &&
		   !xen_info_set_sel(evtchn_port_vcpu(e, c), port / xen_word_bits(e->p))) {
		xen_mark_events_pending(evtchn_port_vcpu(e, c));
	}
	return 0;
}

static i64 evtchn_reset(struct hc *h, void *arg)
{
	i64 r = only_self(h, ((struct evtchn_reset *)arg)->dom);

	if (!r)
		evtchn_reset_domain(xen_dom(h->v->d));
	return r;
}

static i64 evtchn_init_control(struct hc *h, void *arg)
{
	struct evtchn_init_control *a = arg;

	a->link_bits = 17;
	return fifo_init_control(events(h), a->control_gfn, a->offset, a->vcpu);
}

static i64 evtchn_expand_array(struct hc *h, void *arg)
{
	return fifo_expand_array(events(h), ((struct evtchn_expand_array *)arg)->array_gfn);
}

static i64 evtchn_set_priority(struct hc *h, void *arg)
{
	const struct evtchn_pair *a = arg;
	struct evtchn *e = events(h);

	if (!evtchn_port_valid(e, a->a))
		return -XEN_EINVAL;
	if (!e->s.fifo.active)
		return -XEN_ENOSYS;
	if (a->b >= FIFO_QUEUES)
		return -XEN_EINVAL;
	/* For events to come: one that is linked already stays on its queue. */
	evtchn_port(e, a->a)->priority = (u8)a->b;
	return 0;
}

static const struct hc_sub evtchn_subs[] = {
	{ 0, "bind_interdomain", &bind_interdomain_layout, evtchn_bind_interdomain },
	{ 1, "bind_virq", &bind3_layout, evtchn_bind_virq },
	{ 2, "bind_pirq", &bind3_layout, evtchn_bind_pirq },
	{ 3, "close", &one_layout, evtchn_close },
	{ 4, "send", &one_layout, evtchn_send },
	{ 5, "status", &status_layout, evtchn_status },
	{ 6, "alloc_unbound", &alloc_unbound_layout, evtchn_alloc_unbound },
	{ 7, "bind_ipi", &bind_ipi_layout, evtchn_bind_ipi },
	{ 8, "bind_vcpu", &pair_layout, evtchn_bind_vcpu },
	{ 9, "unmask", &one_layout, evtchn_unmask },
	{ 10, "reset", &reset_layout, evtchn_reset },
	{ 11, "init_control", &init_control_layout, evtchn_init_control },
	{ 12, "expand_array", &expand_array_layout, evtchn_expand_array },
	{ 13, "set_priority", &pair_layout, evtchn_set_priority },
};

i64 hc_event_channel_op(struct hc *h)
{
	return hc_dispatch_sub(h, evtchn_subs, ARRAY_SIZE(evtchn_subs), (u32)h->args[0], h->args[1]);
}

/* The call of before 3.0.3: one struct with the command in front, and the first ten commands only. */
i64 hc_event_channel_op_compat(struct hc *h)
{
	u8 cmd[4];

	if (xen_copy_from(h->v, cmd, h->args[0], sizeof cmd))
		return -XEN_EFAULT;
	return hc_dispatch_sub(h, evtchn_subs, 10, ld32(cmd), h->args[0] + 4);
}
