/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Event channels of the 2-level ABI: binding, loopback, VIRQs, IPIs, masks, poll, block, status, errors (Xen
 * public/event_channel.h). The FIFO ABI has a guest of its own.
 */
#include "tests/guests/lib.h"

#define PENDING(p) (READ(shi->pending[(p) / 64]) >> ((p)&63) & 1)
#define BAD 0xfffff0u

struct poll {
	u32 *ports;
	u32 n, pad;
	u64 timeout;
};

static i64 poll(u32 *ports, u32 n, u64 timeout)
{
	struct poll a = { ports, n, 0, timeout };

	return hc2(sched_op, 3, &a);
}

static void clear(u32 p)
{
	__sync_fetch_and_and(&shi->pending[p / 64], ~(1UL << (p & 63)));
}

static void loopback(void)
{
	u32 st[6];
	i64 a = alloc_unbound(DOMID_SELF, DOMID_SELF), b;

	ck(a > 0, 1, "alloc_unbound");
	ck(port_status((u32)a, st), 0, "status");
	ck(st[2], 1, "status: unbound");
	ck(port_send((u32)a), 0, "send on an unbound port is dropped");
	ck(PENDING(a), 0, "nothing pending");
	ck(bind_interdomain(DOMID_SELF, BAD), -EINVAL, "bind_interdomain to no port");
	ck(bind_interdomain(DOMID_SELF, 0), -EINVAL, "bind_interdomain to port 0");
	ck(bind_interdomain(999, (u32)a), -ESRCH, "bind_interdomain to no domain");
	b = bind_interdomain(DOMID_SELF, (u32)a);
	ck(b > 0 && b != a, 1, "bind_interdomain");
	ck(PENDING(b), 1, "bind_interdomain makes the local port pending");
	ck(PENDING(a), 0, "but not the remote one");
	clear((u32)b);
	ck(bind_interdomain(DOMID_SELF, (u32)a), -EINVAL, "a port binds once");
	port_status((u32)a, st);
	ck(st[2], 2, "status: interdomain");
	ck(st[5], b, "status: remote port");
	ck(st[3], 0, "status: vCPU");
	events_on();
	upcalls = 0;
	ck(port_send((u32)a), 0, "send");
	ck(PENDING(b), 1, "pending at the other end");
	ck(upcalls, 0, "masked: no upcall");
	evtchn(UNMASK, &b);
	ck(upcalls, 1, "unmask delivers");
	ck(port_count[b], 1, "to the port");
	ck(PENDING(b), 0, "and it was cleared");
	port_send((u32)a);
	ck(port_count[b], 2, "an open port is delivered at once");
	events_off();
	port_send((u32)a);
	port_send((u32)a);
	ck(port_count[b], 2, "upcall mask holds it back");
	ck(vinfo()->pending, 1, "evtchn_upcall_pending");
	ck(vinfo()->sel >> (b / 64) & 1, 1, "evtchn_pending_sel");
	events_on();
	ck(port_count[b], 3, "two sends are one event");
	/* From b to a. */
	port_unmask((u32)a);
	port_send((u32)b);
	ck(port_count[a], 1, "the other way");
	ck(evtchn2(BIND_VCPU, (u32)a, 0), 0, "bind_vcpu interdomain");
	ck(evtchn2(BIND_VCPU, (u32)a, 99), -ENOENT, "bind_vcpu: no such vCPU");
	ck(evtchn2(BIND_VCPU, BAD, 0), -EINVAL, "bind_vcpu: no such port");
	ck(port_close((u32)b), 0, "close");
	port_status((u32)a, st);
	ck(st[2], 1, "the other end is unbound then");
	port_status((u32)b, st);
	ck(st[2], 0, "status: closed");
	ck(port_close((u32)b), -EINVAL, "close a closed port");
	ck(port_send((u32)b), -EINVAL, "send on a closed port");
	ck(port_close((u32)a), 0, "close the other");
	ck(alloc_unbound(DOMID_SELF, DOMID_SELF), a < b ? a : b, "the lowest free port is given again");
	port_close((u32)(a < b ? a : b));
	events_off();
}

static void virqs(void)
{
	i64 t = bind_virq(0, 0), d, x;
	u32 st[6];

	ck(t > 0, 1, "bind VIRQ_TIMER");
	ck(bind_virq(0, 0), -EEXIST, "bind it twice");
	ck(bind_virq(24, 0), -EINVAL, "VIRQ 24");
	ck(bind_virq(0xffffffff, 0), -EINVAL, "VIRQ -1");
	ck(bind_virq(0, 99), -ENOENT, "VIRQ on no vCPU");
	ck(bind_virq(3, 1), -EINVAL, "a global VIRQ on vCPU 1");
	port_status((u32)t, st);
	ck(st[2], 4, "status: VIRQ");
	ck(st[4], 0, "status: which");
	ck(port_send((u32)t), -EINVAL, "send on a VIRQ");
	ck(evtchn2(BIND_VCPU, (u32)t, 0), -EINVAL, "bind_vcpu of a VIRQ of each vCPU");
	d = bind_virq(1, 0);
	ck(d > 0, 1, "bind VIRQ_DEBUG");
	ck(port_close((u32)d), 0, "close it");
	x = bind_virq(1, 0);
	ck(x, d, "bind it again");
	port_close((u32)x);
	/* The timer's VIRQ comes. */
	port_unmask((u32)t);
	hc1(set_timer_op, now() + 100000);
	hc2(sched_op, 1, NULL);
	ck(port_count[t] >= 1, 1, "VIRQ_TIMER ends a block");
	events_off();
	port_close((u32)t);
}

static void ipis(void)
{
	i64 p = bind_ipi(0);
	u32 st[6];

	ck(p > 0, 1, "bind_ipi");
	ck(bind_ipi(99), -ENOENT, "bind_ipi: no such vCPU");
	port_status((u32)p, st);
	ck(st[2], 5, "status: IPI");
	ck(evtchn2(BIND_VCPU, (u32)p, 0), -EINVAL, "bind_vcpu of an IPI");
	events_on();
	port_unmask((u32)p);
	port_count[p] = 0;
	port_send((u32)p);
	ck(port_count[p], 1, "an IPI to itself");
	ck(bind_interdomain(DOMID_SELF, (u32)p), -EINVAL, "bind_interdomain to an IPI");
	events_off();
	port_close((u32)p);
}

static void polls(void)
{
	u32 a = (u32)alloc_unbound(DOMID_SELF, DOMID_SELF), b = (u32)bind_interdomain(DOMID_SELF, a);
	u32 ports[2] = { b, a };
	u64 t0;

	events_off();
	shi->mask[b / 64] |= 1UL << (b & 63);
	ck(PENDING(b), 1, "pending and masked");
	ck(poll(ports, 1, 0), 0, "poll returns for a masked pending port");
	ck(PENDING(b), 1, "and leaves it pending");
	clear(b);
	t0 = now();
	ck(poll(ports, 2, t0 + 300000), 0, "poll with a timeout");
	ck(now() - t0 >= 300000, 1, "lasts as long");
	ck(poll(ports, 2, 1), 0, "poll with a timeout long past");
	ports[1] = BAD;
	ck(poll(ports, 2, now() + 100000), -EINVAL, "poll on no port");
	ck(poll(ports, 129, now() + 100000), -EINVAL, "poll of 129 ports");
	ck(poll((u32 *)0x1000, 1, now() + 100000), -EFAULT, "poll: bad pointer");
	ck(poll(ports, 0, now() + 100000), 0, "poll of no ports");
	port_close(a);
	port_close(b);
}

/* The last: the library's own view stays behind. */
static void moved(void)
{
	struct vcpu_info *vi = (struct vcpu_info *)((u8 *)page_alloc() + 128);
	struct {
		u64 mfn;
		u32 offset, pad;
	} a = { mfn_of((u8 *)vi - 128), 128, 0 };
	u32 p = (u32)bind_ipi(0);

	events_off();
	port_unmask(p);
	ck(hc3(vcpu_op, 10, 0, &a), 0, "register_vcpu_info");
	ck(vi->mask, 1, "the mask went along");
	ck(vi->pending, 1, "pending is set to be safe");
	ck(vi->time.mul, shi->vcpu[0].time.mul, "the time is there");
	ck(hc3(vcpu_op, 10, 0, &a), -EINVAL, "register it twice");
	vi->pending = 0;
	vi->sel = 0;
	shi->vcpu[0].pending = 0;
	shi->vcpu[0].sel = 0;
	ck(port_send(p), 0, "an event");
	ck(vi->pending, 1, "goes to the new place");
	ck(vi->sel >> (p / 64) & 1, 1, "its selector too");
	ck(shi->vcpu[0].pending, 0, "not to the old one");
	TRY(peek8, 0x1234000, 0);
	ck(vi->cr2, 0x1234000, "CR2 too");
}

void guest_main(void)
{
	i64 r, n, first = 0;

	loopback();
	virqs();
	ipis();
	polls();
	ck(evtchn(99, NULL), -ENOSYS, "unknown command");
	ck(evtchn(SEND, (void *)0x1000), -EFAULT, "send: bad pointer");
	ck(evtchn(ALLOC_UNBOUND, (void *)0x1000), -EFAULT, "alloc_unbound: bad pointer");
	ck(port_send(BAD), -EINVAL, "send: no such port");
	ck(port_send(0), -EINVAL, "send: port 0");
	ck(port_close(0), -EINVAL, "close port 0");
	ck(evtchn2(UNMASK, BAD, 0), -EINVAL, "unmask: no such port");
	ck(alloc_unbound(999, DOMID_SELF), -ESRCH, "alloc_unbound for no domain");
	ck(evtchn2(SET_PRIORITY, 1, 3), -ENOSYS, "set_priority without FIFO");
	{
		u64 gfn = 1;

		ck(evtchn(EXPAND_ARRAY, &gfn), -EOPNOTSUPP, "expand_array without FIFO");
	}
	for (n = 0; n < 5000; n++) {
		r = alloc_unbound(DOMID_SELF, 0);
		if (r < 0)
			break;
		if (!first)
			first = r;
	}
	ck(r, -ENOSPC, "ports run out");
	ck(n > 1000, 1, "after a thousand");
	ck(port_close((u32)first), 0, "close one");
	ck(alloc_unbound(DOMID_SELF, 0), first, "and there is one again");
	port_close((u32)first);
	moved();
}
