/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What every Xen guest is served with, started and stopped in one place; the state tables of its domain and vCPUs; the last
 * hypercalls, for reports.
 */
#include <errno.h>
#include <inttypes.h>

#include "base/endian.h"
#include "xen/backend/xenbus.h"
#include "xen/console.h"
#include "xen/control.h"
#include "xen/evtchn.h"
#include "xen/grant.h"
#include "xen/hypercall.h"
#include "xen/store/xenstore.h"
#include "xen/time.h"

/* ---- state --------------------------------------------------------------------------------------------------------- */

static const struct state_field vcpu_fields[] = {
	STATE_INT(struct xen_vcpu_state, flags),
	STATE_INT(struct xen_vcpu_state, runstate),
	STATE_INT(struct xen_vcpu_state, vcpu_info),
	STATE_INT(struct xen_vcpu_state, runstate_va),
	STATE_INT(struct xen_vcpu_state, time_va),
	STATE_INTS(struct xen_vcpu_state, runstate_time),
	STATE_INT(struct xen_vcpu_state, runstate_entry),
	STATE_INT(struct xen_vcpu_state, timer),
	STATE_INT(struct xen_vcpu_state, periodic),
	STATE_INT(struct xen_vcpu_state, periodic_last),
	STATE_INT(struct xen_vcpu_state, poll_deadline),
	STATE_INT(struct xen_vcpu_state, polling),
	STATE_INT(struct xen_vcpu_state, time_version),
	STATE_INT(struct xen_vcpu_state, spin_slots),
	STATE_INT(struct xen_vcpu_state, spin_naps),
	STATE_INT(struct xen_vcpu_state, spin_reads),
	STATE_INT(struct xen_vcpu_state, pad),
	STATE_INT(struct xen_vcpu_state, spin_mark),
};
STATE_DESC(xen_vcpu_state_desc, "xen-vcpu", 1, struct xen_vcpu_state, vcpu_fields);

static const struct state_field domain_fields[] = {
	STATE_INT(struct xen_domain_state, is32),
	STATE_INT(struct xen_domain_state, wc_version),
	STATE_INT(struct xen_domain_state, shared_info),
	STATE_INT(struct xen_domain_state, store_mfn),
	STATE_INT(struct xen_domain_state, console_mfn),
	STATE_INT(struct xen_domain_state, store_port),
	STATE_INT(struct xen_domain_state, console_port),
	STATE_INT(struct xen_domain_state, nr_pages),
	STATE_INT(struct xen_domain_state, max_pages),
	STATE_BYTES(struct xen_domain_state, handle),
};
STATE_DESC(xen_domain_state_desc, "xen-domain", 1, struct xen_domain_state, domain_fields);

static int add_states(struct xen_domain *x)
{
	struct domain *d = x->d;
	int rc = state_add(&d->states, "xen-domain", 0, &xen_domain_state_desc, &x->s, 1);
	u32 i;

	for (i = 0; !rc && i < d->nvcpus; i++)
		rc = state_add(&d->states, "xen-vcpu", i, &xen_vcpu_state_desc, &xen_of(d->vcpus[i])->s, 1);
	return rc;
}

/* ---- services ------------------------------------------------------------------------------------------------------ */

/* The wall clock came through the door: what it shows now. */
static void wallclock(void *opaque, const struct door_input *in)
{
	struct xen_domain *x = opaque;
	u64 wall;

	if (in->len != 8)
		return;
	wall = ld64(in->data);
	x->d->time.s.wall = wall > in->now ? wall - in->now : 0;
	xen_time_update_wallclock(x);
}

int xen_services_start(struct xen_domain *x, const struct xen_services_in *in)
{
	int rc = add_states(x);

	if (rc)
		return rc;
	x->s.shared_info = x->ops->lend(x);
	if (!x->s.shared_info)
		return -ENOMEM;
	rc = evtchn_init(x);
	if (!rc)
		rc = grants_init(x);
	if (!rc)
		rc = xen_time_init(x);
	if (!rc)
		rc = xs_domain_init(x);
	if (!rc)
		rc = xenbus_init(x);
	if (!rc)
		rc = xen_console_init(x, in->console_out, in->opaque);
	if (!rc)
		rc = door_handle(&x->d->door, DOOR_WALLCLOCK, 0, wallclock, x);
	if (!rc)
		rc = xen_control_init(x);
	return rc;
}

void xen_services_stop(struct xen_domain *x)
{
	xenbus_free(x);
	xs_domain_free(x);
	xen_console_free(x);
	if (x->grants)
		grants_free(x);
	if (x->time)
		xen_time_free(x);
	if (x->evtchn)
		evtchn_free(x);
}

/* ---- reports ------------------------------------------------------------------------------------------------------- */

void xen_report_calls(struct vcpu *v, FILE *out)
{
	const struct xen_vcpu *p = xen_of(v);
	u32 n = MIN(p->ncalls, (u32)XEN_CALL_LOG), i;

	if (n)
		fprintf(out, "  last hypercalls, the latest first:\n");
	for (i = 0; i < n; i++) {
		const struct xen_call *k = &p->calls[(p->ncalls - 1 - i) % XEN_CALL_LOG];

		fprintf(out, "    %s(%" PRIx64 ", %" PRIx64 ", %" PRIx64 ", %" PRIx64 ", %" PRIx64 ") = %" PRId64
			     " at %" PRIx64 "\n", xen_hypercall_name(xen_dom(v->d), k->nr), k->args[0], k->args[1], k->args[2],
			k->args[3], k->args[4], k->result, k->rip);
	}
}
