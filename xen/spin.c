/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Boot loaders never sleep: GRUB at its menu reads the console's ring and the clock over and over, and burns a processor. Xen lets
 * it; here its time would also pass slower than the wall clock's. A vCPU that takes no events (no callback), makes no
 * hypercalls and goes in circles naps, as if Xen had run another: only the clock tells the guest, and the run stays the same
 * each time, as all of this counts instructions. Kernels that take events are left alone.
 */
#include "xen/spin.h"

#include "base/hash.h"
#include "vm/x86.h"
#include "xen/hypercall.h"
#include "xen/sched.h"

#define SPIN_SLOTS 40u    /* slots (half a millisecond, at most) without a hypercall before it is looked at */
#define SPIN_READ 20000u  /* instructions between two looks at the clock, at most, of one that waits for it */
#define SPIN_TRUST 64u    /* naps that one proof is good for */
#define SPIN_LOOK 20000u  /* ns that it may look between two naps */
#define SPIN_STACK 4096u  /* bytes of it that are looked at */
#define SPIN_NAP 10000000u /* ns */

/*
 * What a vCPU that goes in circles comes back to: registers and stack. One that works long (a key being made of a passphrase) passes
 * the same points too, but has something else on its stack each time.
 */
static u64 mark_of(struct vcpu *v)
{
	const struct x86 *c = x86_of(v);
	u64 h = c->rip;
	u8 stack[512];
	u32 i;

	for (i = 0; i < 16; i++)
		h = hash_u64(h, c->r[i]);
	for (i = 0; i < SPIN_STACK && !xen_copy_from(v, stack, c->r[RSP] + i, sizeof stack); i += sizeof stack)
		h = hash_bytes(h, stack, sizeof stack);
	return h;
}

static void no_deadline(struct vcpu *v)
{
	xen_of(v)->s.poll_deadline = TIME_NEVER;
	vtimer_cancel(&v->d->time, &xen_of(v)->poll);
}

void xen_spin_end(struct vcpu *v)
{
	struct xen_vcpu *pv = xen_of(v);

	if (pv->s.spin_naps && !pv->s.polling)
		no_deadline(v);
	pv->s.spin_slots = pv->s.spin_naps = pv->s.spin_reads = 0;
}

static bool deadline(struct vcpu *v, u64 ns)
{
	struct xen_vcpu *pv = xen_of(v);

	pv->s.poll_deadline = domain_now(v->d) + ns;
	if (!domain_arm(v->d, &pv->poll, pv->s.poll_deadline))
		return true;
	pv->s.poll_deadline = TIME_NEVER;
	return false;
}

void xen_spin_enter(struct vcpu *v)
{
	if (xen_of(v)->s.spin_naps && !deadline(v, SPIN_LOOK))
		xen_of(v)->s.spin_naps = 0;
}

/* Whether this slot was one of a vCPU that waits: it was at this very point before, or asks for the time all along. */
static bool in_circles(struct vcpu *v, u64 ran)
{
	struct xen_vcpu_state *s = &xen_of(v)->s;
	u64 mark = s->spin_slots >= SPIN_SLOTS / 4 ? mark_of(v) : 0;
	bool yes = (mark && mark == s->spin_mark) || (s->spin_reads && ran / s->spin_reads < SPIN_READ);

	/* Brent's way: a mark that is kept longer each time finds circles of any length. */
	if (!(s->spin_slots & (s->spin_slots - 1)))
		s->spin_mark = mark;
	s->spin_reads = 0;
	return yes;
}

void xen_spin_leave(struct vcpu *v)
{
	struct xen_vcpu *pv = xen_of(v);
	u64 ran = cpu_icount(v->cpu) - v->d->slot_start_icount;

	if (v->s.run != VCPU_RUNNABLE || xen_dom(v->d)->ops->has_callback(v) || v->d->end != END_RUNNING) {
		xen_spin_end(v);
		return;
	}
	if (pv->s.spin_naps)
		no_deadline(v);
	if (pv->s.spin_slots < UINT32_MAX)
		pv->s.spin_slots++;
	if (in_circles(v, ran) && pv->s.spin_slots >= SPIN_SLOTS)
		pv->s.spin_naps = SPIN_TRUST;
	if (!pv->s.spin_naps)
		return;
	pv->s.spin_naps--;
	pv->s.polling = XEN_POLL_ANY;
	if (deadline(v, SPIN_NAP))
		xen_vcpu_block(v);
	else
		pv->s.polling = 0;
}
