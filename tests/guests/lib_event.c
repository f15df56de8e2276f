/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The library of the test guests: event channel calls (Xen public/event_channel.h).
 */
#include "tests/guests/lib.h"

i64 evtchn2(u32 cmd, u32 a, u32 b)
{
	u32 arg[2] = { a, b };

	return evtchn(cmd, arg);
}

i64 bind_virq(u32 virq, u32 vcpu)
{
	u32 a[3] = { virq, vcpu, 0 };
	i64 r = evtchn(BIND_VIRQ, a);

	return r ? r : (i64)a[2];
}

i64 bind_ipi(u32 vcpu)
{
	u32 a[2] = { vcpu, 0 };
	i64 r = evtchn(BIND_IPI, a);

	return r ? r : (i64)a[1];
}

i64 alloc_unbound(u16 dom, u16 remote)
{
	struct {
		u16 dom, remote;
		u32 port;
	} a = { dom, remote, 0 };
	i64 r = evtchn(ALLOC_UNBOUND, &a);

	return r ? r : (i64)a.port;
}

i64 bind_interdomain(u16 dom, u32 port)
{
	struct {
		u16 dom, pad;
		u32 remote, local;
	} a = { dom, 0, port, 0 };
	i64 r = evtchn(BIND_INTERDOMAIN, &a);

	return r ? r : (i64)a.local;
}

i64 port_send(u32 port)
{
	return evtchn(SEND, &port);
}

i64 port_close(u32 port)
{
	return evtchn(CLOSE, &port);
}

i64 port_status(u32 port, u32 *st)
{
	memset(st, 0, 24);
	*(u16 *)st = DOMID_SELF;
	st[1] = port;
	return evtchn(STATUS, st);
}
