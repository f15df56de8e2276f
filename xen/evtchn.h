/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Event channels of a domain (Xen public/event_channel.h): what the host's services call, and the port table that the
 * two ABIs (2-level in xen/evtchn.c, FIFO in xen/evtchn_fifo.c) share.
 */
#ifndef XEN_EVTCHN_H
#define XEN_EVTCHN_H

#include "xen/xen.h"

enum { VIRQ_TIMER = 0, VIRQ_DEBUG = 1, VIRQ_XENOPROF = 7, VIRQ_XENPMU = 13, NR_VIRQS = 24 };

/* Readies event channels of a domain with no port in use (0 is reserved). 0 or -ENOMEM. Adds its state to d->states. */
int evtchn_init(struct xen_domain *p);
void evtchn_free(struct xen_domain *p);
/* Closes every port and goes back to the 2-level ABI, as EVTCHNOP_reset and a restored domain have it. */
void evtchn_reset_domain(struct xen_domain *p);

typedef void evtchn_notify_fn(void *opaque);

/*
 * Gives the guest a port whose other end is a service of the host, seen as one of domain XEN_BACKEND_DOMID. notify is
 * called inside the guest's EVTCHNOP_send. 0, -ENOSPC or -ENOMEM.
 */
int evtchn_bind_host(struct xen_domain *p, u32 *port, evtchn_notify_fn *notify, void *opaque);
/* Takes the other end of a port that the guest offered to XEN_BACKEND_DOMID (alloc_unbound). 0 or -EINVAL. */
int evtchn_connect_host(struct xen_domain *p, u32 port, evtchn_notify_fn *notify, void *opaque);
/* After a load of state: says anew whom to notify for a port bound before. 0, or -EINVAL when it is not the host's. */
int evtchn_attach_host(struct xen_domain *p, u32 port, evtchn_notify_fn *notify, void *opaque);
/*
 * The same for a port that a domain had from its start. The guest may have closed it; another service that has got the
 * number since then says so by evtchn_attach_host(), before or after.
 */
void evtchn_attach_first(struct xen_domain *p, u32 port, evtchn_notify_fn *notify, void *opaque);
/* Offers a port of the host's that the guest may reach by bind_interdomain to XEN_BACKEND_DOMID. 0 or -ENOSPC. */
int evtchn_listen_host(struct xen_domain *p, u32 *remote_port, evtchn_notify_fn *notify, void *opaque);
/* Raises the guest's port. Nothing happens when the guest has closed it. */
void evtchn_notify(struct xen_domain *p, u32 port);
/* The host lets go of its end: the guest's port is unbound again, waiting for XEN_BACKEND_DOMID. */
void evtchn_close_host(struct xen_domain *p, u32 port);

/* Raises a virtual interrupt: of this vCPU for per-vCPU ones, wherever bound for global ones. False: not bound. */
bool xen_send_virq(struct vcpu *v, u32 virq);
/* Whether a port is pending, whether or not masked; -XEN_EINVAL for a port that is not valid. For SCHEDOP_poll. */
int evtchn_pending(struct xen_domain *p, u32 port);
/* For the log: the ports that wait for a vCPU, unmasked, and what each is bound to. */
void evtchn_describe_pending(struct vcpu *v, char *text, size_t size);
/* evtchn_upcall_pending of a vCPU becomes 1; it wakes if that is new. */
void xen_mark_events_pending(struct vcpu *v);

/* ---- shared by the two ABIs ------------------------------------------------------------------------------------ */

enum evtchn_kind { EVTCHN_FREE, EVTCHN_RESERVED, EVTCHN_UNBOUND, EVTCHN_INTERDOMAIN, EVTCHN_VIRQ, EVTCHN_IPI };

#define EVTCHN_BUCKET 64u       /* ports that become valid together */
#define EVTCHN_FIFO_PORTS 131072u
#define EVTCHN_BUCKETS (EVTCHN_FIFO_PORTS / EVTCHN_BUCKET)
#define EVTCHN_LISTENERS 16u
#define EVTCHN_LISTEN_BASE 0x10000u /* port numbers of listeners, in the host's numbering */

struct evtchn_port {
	u8 state;    /* enum evtchn_kind */
	u8 priority; /* FIFO: of events to come */
	u8 last_priority; /* FIFO: the queue it was last put on, of last_vcpu */
	u8 pending;  /* FIFO: raised before its page of the event array was there */
	u16 vcpu, last_vcpu;
	u16 remote_dom;
	u16 virq;
	u32 remote_port;
};

struct evtchn_bucket {
	struct evtchn_port port[EVTCHN_BUCKET];
};

#define FIFO_QUEUES 16u
#define FIFO_PAGES 128u
#define FIFO_WORDS 1024u /* event words in a page */

struct evtchn_fifo_state {
	u32 active; /* the FIFO ABI is in use */
	u32 npages; /* of the event array */
	u64 array[FIFO_PAGES];    /* mfn */
	u64 control[MAX_VCPUS];   /* machine address of the control block; 0: none */
	u32 tail[MAX_VCPUS * FIFO_QUEUES];
};

struct evtchn_state {
	u32 virq[MAX_VCPUS * NR_VIRQS]; /* port of each vCPU's virtual interrupts, 0: none */
	u32 listen[EVTCHN_LISTENERS];   /* guest port bound to a listener, 0: none */
	struct evtchn_fifo_state fifo;
	u32 hint; /* no port below it is free; what a call costs (struct xen_domain's work) depends on where it looks from */
	u32 pad;
};
extern const struct state_desc evtchn_state_desc;
extern const struct state_desc evtchn_bucket_desc;
extern const struct state_desc evtchn_fifo_state_desc;

struct evtchn_host {
	evtchn_notify_fn *notify;
	void *opaque;
};

struct evtchn {
	struct xen_domain *p;
	struct evtchn_state s;
	u32 nports; /* valid ports: whole buckets; saved with them */
	struct evtchn_bucket *bucket[EVTCHN_BUCKETS];
	struct evtchn_host *host[EVTCHN_BUCKETS]; /* whom to notify, EVTCHN_BUCKET a bucket */
	struct evtchn_host listener[EVTCHN_LISTENERS];
	u32 nlisteners;
};

INLINE struct evtchn_port *evtchn_port(struct evtchn *e, u32 port)
{
	return port < e->nports ? &e->bucket[port / EVTCHN_BUCKET]->port[port % EVTCHN_BUCKET] : NULL;
}

/* True for a port number that may be named: of a bucket that is there, within what the ABI in use can say. */
bool evtchn_port_valid(const struct evtchn *e, u32 port);
/* The lowest free port, 0 < port, or -ENOSPC or -ENOMEM. It stays free until evtchn_port_init(). */
int evtchn_free_port(struct evtchn *e);
struct evtchn_port *evtchn_port_init(struct evtchn *e, u32 port, enum evtchn_kind kind, u32 vcpu);
/* EVTCHNOP_close; results as the hypercall's. */
i64 evtchn_close_port(struct evtchn *e, u32 port);
/* Raises a port, by the ABI in use. */
void evtchn_set_pending(struct evtchn *e, u32 port, struct evtchn_port *c);
/* The vCPU a port's events go to, and whom of the host to notify. */
struct vcpu *evtchn_port_vcpu(struct evtchn *e, const struct evtchn_port *c);
struct evtchn_host *evtchn_port_host(struct evtchn *e, u32 port);
bool evtchn_virq_is_global(u32 virq);
/* Wakes vCPUs that poll this port. */
void evtchn_check_pollers(struct xen_domain *p, u32 port);

/* xen/evtchn_fifo.c; the words of a port whose page is not there read as masked and nothing else. */
void fifo_set_pending(struct evtchn *e, u32 port, struct evtchn_port *c);
void fifo_clear_pending(struct evtchn *e, u32 port);
void fifo_unmask(struct evtchn *e, u32 port, struct evtchn_port *c);
bool fifo_is_pending(struct evtchn *e, u32 port);
bool fifo_is_masked(struct evtchn *e, u32 port);
/* True while the port is linked in a queue: it must not be given away again. */
bool fifo_is_busy(struct evtchn *e, u32 port);
i64 fifo_init_control(struct evtchn *e, u64 mfn, u32 offset, u32 vcpu);
i64 fifo_expand_array(struct evtchn *e, u64 mfn);
void fifo_destroy(struct evtchn *e);

#endif
