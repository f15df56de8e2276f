/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Event channels: every error of EVTCHNOP_*, the 2-level and the FIFO ABI as a guest reads them, the host's ends. */
#include "tests/suites.h"
#include "tests/unit/pv_env.h"
#include "tests/unit/quick.h"

enum {
	BIND_INTERDOMAIN, BIND_VIRQ, BIND_PIRQ, CLOSE, SEND, STATUS, ALLOC_UNBOUND, BIND_IPI, BIND_VCPU, UNMASK, RESET,
	INIT_CONTROL, EXPAND_ARRAY, SET_PRIORITY
};

#define SI ENV_VA(0)
#define SI_PEND (SI + 2048)
#define SI_MSK (SI + 2560)
#define DOMS(dom, remote) ((u32)(dom) | (u32)(remote) << 16)

static u32 new_ipi(struct env *e, u32 vcpu)
{
	quick_eq(env_evtchn(e, BIND_IPI, vcpu, 0, 0), 0);
	return env_arg(e, 1);
}

static u32 status_of(struct env *e, u32 port)
{
	ck_assert_int_eq(env_evtchn(e, STATUS, DOMID_SELF, port, 0), 0);
	return env_arg(e, 2);
}

static void clear_upcall(struct env *e, u32 n)
{
	xen_info_set_u8(e->d->vcpus[n], VI_PENDING, 0);
	xen_info_set_u64(e->d->vcpus[n], VI_SEL, 0);
}

START_TEST(unbound_and_loopback)
{
	struct env *e = env_new();
	struct domain *other;
	u32 port;

	ck_assert_int_eq(env_evtchn(e, ALLOC_UNBOUND, DOMS(8, 0), 0, 0), -XEN_ESRCH);
	other = domain_create(&e->host, "other", 512, 1, 0);
	ck_assert_uint_eq(other->id, 8);
	ck_assert_int_eq(env_evtchn(e, ALLOC_UNBOUND, DOMS(8, 0), 0, 0), -XEN_EPERM);
	ck_assert_int_eq(env_evtchn(e, STATUS, 8, 1, 0), -XEN_EPERM);
	domain_destroy(other);
	ck_assert_int_eq(env_evtchn(e, ALLOC_UNBOUND, DOMS(9, 0), 0, 0), -XEN_ESRCH);
	ck_assert_int_eq(env_evtchn(e, ALLOC_UNBOUND, DOMS(0, 0), 0, 0), -XEN_EPERM);
	ck_assert_int_eq(env_evtchn(e, ALLOC_UNBOUND, DOMS(7, 3), 0, 0), 0);
	ck_assert_uint_eq(env_arg(e, 1), 1);
	ck_assert_int_eq(env_evtchn(e, ALLOC_UNBOUND, DOMS(DOMID_SELF, DOMID_SELF), 0, 0), 0);
	ck_assert_uint_eq(env_arg(e, 1), 2);

	ck_assert_int_eq(env_evtchn(e, STATUS, DOMID_SELF, 1, 0), 0);
	ck_assert_uint_eq(env_arg(e, 2), 1);
	ck_assert_uint_eq(env_arg(e, 4) & 0xffff, 3);
	ck_assert_int_eq(env_evtchn(e, STATUS, 0, 1, 0), -XEN_EPERM);
	ck_assert_int_eq(env_evtchn(e, STATUS, 3, 1, 0), -XEN_ESRCH);
	ck_assert_int_eq(env_evtchn(e, STATUS, DOMID_SELF, 64, 0), -XEN_EINVAL);
	ck_assert_uint_eq(status_of(e, 0), 0);
	ck_assert_uint_eq(status_of(e, 63), 0);
	ck_assert_int_eq(env_evtchn(e, SEND, 1, 0, 0), 0); /* dropped */
	ck_assert_uint_eq(env_u64(e, SI_PEND), 0);

	ck_assert_int_eq(env_evtchn(e, BIND_INTERDOMAIN, 3, 1, 0), -XEN_ESRCH);
	ck_assert_int_eq(env_evtchn(e, BIND_INTERDOMAIN, DOMID_SELF, 1, 0), -XEN_EINVAL); /* for domain 3 */
	ck_assert_int_eq(env_evtchn(e, BIND_INTERDOMAIN, DOMID_SELF, 3, 0), -XEN_EINVAL); /* free */
	ck_assert_int_eq(env_evtchn(e, BIND_INTERDOMAIN, DOMID_SELF, 9999, 0), -XEN_EINVAL);
	ck_assert_int_eq(env_evtchn(e, BIND_INTERDOMAIN, 0, 2, 0), -XEN_EINVAL);
	ck_assert_int_eq(env_evtchn(e, BIND_INTERDOMAIN, DOMID_SELF, 2, 0), 0);
	port = env_arg(e, 2);
	ck_assert_uint_eq(port, 3);
	ck_assert_uint_eq(env_u64(e, SI_PEND), BIT(3)); /* what may have been lost */
	ck_assert_uint_eq(xen_info_u8(e->d->vcpus[0], VI_PENDING), 1);
	ck_assert_int_eq(env_evtchn(e, SEND, 3, 0, 0), 0);
	ck_assert_uint_eq(env_u64(e, SI_PEND), BIT(3) | BIT(2));
	ck_assert_int_eq(env_evtchn(e, STATUS, 7, 2, 0), 0);
	ck_assert_uint_eq(env_arg(e, 2), 2);
	ck_assert_uint_eq(env_arg(e, 4) & 0xffff, 7);
	ck_assert_uint_eq(env_arg(e, 5), 3);

	ck_assert_int_eq(env_evtchn(e, CLOSE, 3, 0, 0), 0);
	ck_assert_uint_eq(env_u64(e, SI_PEND), BIT(2));
	ck_assert_uint_eq(status_of(e, 2), 1); /* the other end waits again */
	ck_assert_int_eq(env_evtchn(e, CLOSE, 3, 0, 0), -XEN_EINVAL);
	ck_assert_int_eq(env_evtchn(e, CLOSE, 0, 0, 0), -XEN_EINVAL);
	ck_assert_int_eq(env_evtchn(e, CLOSE, 70000, 0, 0), -XEN_EINVAL);
	ck_assert_int_eq(env_evtchn(e, SEND, 3, 0, 0), -XEN_EINVAL);
	ck_assert_int_eq(env_evtchn(e, SEND, 70000, 0, 0), -XEN_EINVAL);
	env_free(e);
}
END_TEST

START_TEST(commands)
{
	struct env *e = env_new();

	ck_assert_int_eq(env_evtchn(e, 14, 0, 0, 0), -XEN_ENOSYS);
	ck_assert_int_eq(env_call(e, 0, hc_event_channel_op, SEND, 0, 0), -XEN_EFAULT);
	ck_assert_int_eq(env_evtchn(e, BIND_PIRQ, 1, 0, 0), -XEN_EPERM);
	ck_assert_int_eq(env_evtchn(e, BIND_PIRQ, 0xffffffff, 0, 0), -XEN_EINVAL);
	ck_assert_int_eq(env_evtchn(e, RESET, 0, 0, 0), -XEN_EPERM);
	ck_assert_int_eq(env_evtchn(e, RESET, 3, 0, 0), -XEN_ESRCH);
	ck_assert_int_eq(env_evtchn(e, EXPAND_ARRAY, 0, 0, 0), -XEN_EOPNOTSUPP);
	ck_assert_int_eq(env_evtchn(e, SET_PRIORITY, 1, 3, 0), -XEN_ENOSYS);
	ck_assert_int_eq(env_evtchn(e, SET_PRIORITY, 4000, 3, 0), -XEN_EINVAL);
	ck_assert_int_eq(env_evtchn(e, UNMASK, 4000, 0, 0), -XEN_EINVAL);
	/* The old call: the command in front of the struct, and none of the new commands. */
	env_put32(e, ENV_ARGS, BIND_IPI);
	env_put32(e, ENV_ARGS + 4, 2);
	ck_assert_int_eq(env_call(e, 0, hc_event_channel_op_compat, ENV_ARGS, 0, 0), 0);
	ck_assert_uint_eq(env_arg(e, 2), 1);
	ck_assert_uint_eq(status_of(e, 1), 5);
	env_put32(e, ENV_ARGS, INIT_CONTROL);
	ck_assert_int_eq(env_call(e, 0, hc_event_channel_op_compat, ENV_ARGS, 0, 0), -XEN_ENOSYS);
	ck_assert_int_eq(env_call(e, 0, hc_event_channel_op_compat, 0, 0, 0), -XEN_EFAULT);
	env_free(e);
}
END_TEST

START_TEST(virq_and_ipi)
{
	struct env *e = env_new();
	struct vcpu *v2 = e->d->vcpus[2];

	ck_assert_int_eq(env_evtchn(e, BIND_VIRQ, NR_VIRQS, 0, 0), -XEN_EINVAL);
	ck_assert_int_eq(env_evtchn(e, BIND_VIRQ, 2, 1, 0), -XEN_EINVAL); /* global: on vCPU 0 only */
	ck_assert_int_eq(env_evtchn(e, BIND_VIRQ, VIRQ_TIMER, 4, 0), -XEN_ENOENT);
	ck_assert_int_eq(env_evtchn(e, BIND_IPI, 4, 0, 0), -XEN_ENOENT);
	ck_assert(!xen_send_virq(v2, VIRQ_TIMER));
	ck_assert_int_eq(env_evtchn(e, BIND_VIRQ, VIRQ_TIMER, 2, 0), 0);
	ck_assert_uint_eq(env_arg(e, 2), 1);
	ck_assert_int_eq(env_evtchn(e, BIND_VIRQ, VIRQ_TIMER, 2, 0), -XEN_EEXIST);
	ck_assert_int_eq(env_evtchn(e, BIND_VIRQ, VIRQ_TIMER, 1, 0), 0);
	ck_assert_int_eq(env_evtchn(e, STATUS, DOMID_SELF, 1, 0), 0);
	ck_assert_uint_eq(env_arg(e, 2), 4);
	ck_assert_uint_eq(env_arg(e, 3), 2);
	ck_assert_uint_eq(env_arg(e, 4), VIRQ_TIMER);
	ck_assert(xen_send_virq(v2, VIRQ_TIMER));
	ck_assert_uint_eq(env_u64(e, SI_PEND), BIT(1));
	ck_assert_uint_eq(xen_info_u8(v2, VI_PENDING), 1);
	ck_assert_uint_eq(xen_info_u64(v2, VI_SEL), 1);
	ck_assert_uint_eq(xen_info_u8(e->d->vcpus[0], VI_PENDING), 0);
	ck_assert_int_eq(env_evtchn(e, SEND, 1, 0, 0), -XEN_EINVAL);
	ck_assert_int_eq(env_evtchn(e, BIND_VCPU, 1, 0, 0), -XEN_EINVAL); /* per-vCPU */
	ck_assert_int_eq(env_evtchn(e, CLOSE, 1, 0, 0), 0);
	ck_assert(!xen_send_virq(v2, VIRQ_TIMER));
	/* A global one may move. */
	ck_assert_int_eq(env_evtchn(e, BIND_VIRQ, 11, 0, 0), 0);
	ck_assert_uint_eq(env_arg(e, 2), 1);
	ck_assert_int_eq(env_evtchn(e, BIND_VCPU, 1, 3, 0), 0);
	ck_assert(xen_send_virq(v2, 11));
	ck_assert_uint_eq(xen_info_u8(e->d->vcpus[3], VI_PENDING), 1);
	/* IPIs arrive where they are bound and cannot move. */
	ck_assert_uint_eq(new_ipi(e, 1), 3);
	ck_assert_int_eq(env_evtchn(e, BIND_VCPU, 3, 0, 0), -XEN_EINVAL);
	ck_assert_int_eq(env_evtchn(e, BIND_VCPU, 3, 4, 0), -XEN_ENOENT);
	ck_assert_int_eq(env_evtchn(e, BIND_VCPU, 4000, 0, 0), -XEN_EINVAL);
	ck_assert_int_eq(env_evtchn(e, SEND, 3, 0, 0), 0);
	ck_assert_uint_eq(xen_info_u8(e->d->vcpus[1], VI_PENDING), 1);
	ck_assert_uint_eq(status_of(e, 3), 5);
	env_free(e);
}
END_TEST

START_TEST(two_level_bits)
{
	struct env *e = env_new();
	struct vcpu *v = e->d->vcpus[0];
	u32 i, port = 0;

	for (i = 0; i < 70; i++)
		port = new_ipi(e, 0);
	ck_assert_uint_eq(port, 70);
	ck_assert_int_eq(env_evtchn(e, SEND, 70, 0, 0), 0);
	ck_assert_uint_eq(env_u64(e, SI_PEND + 8), BIT(6));
	ck_assert_uint_eq(xen_info_u64(v, VI_SEL), BIT(1));
	/* Pending already: no second edge. */
	clear_upcall(e, 0);
	ck_assert_int_eq(env_evtchn(e, SEND, 70, 0, 0), 0);
	ck_assert_uint_eq(xen_info_u8(v, VI_PENDING), 0);
	/* Masked: pending alone; unmask raises it. */
	env_put64(e, SI_MSK, BIT(5));
	ck_assert_int_eq(env_evtchn(e, SEND, 5, 0, 0), 0);
	ck_assert_uint_eq(env_u64(e, SI_PEND), BIT(5));
	ck_assert_uint_eq(xen_info_u64(v, VI_SEL), 0);
	ck_assert_int_eq(env_evtchn(e, UNMASK, 5, 0, 0), 0);
	ck_assert_uint_eq(env_u64(e, SI_MSK), 0);
	ck_assert_uint_eq(xen_info_u64(v, VI_SEL), 1);
	ck_assert_uint_eq(xen_info_u8(v, VI_PENDING), 1);
	/* Not masked: unmask does nothing. */
	clear_upcall(e, 0);
	ck_assert_int_eq(env_evtchn(e, UNMASK, 5, 0, 0), 0);
	ck_assert_uint_eq(xen_info_u8(v, VI_PENDING), 0);
	/* As many as the ABI has. */
	for (i = 71; i < 4096; i++)
		quick_eq(new_ipi(e, 0), i);
	ck_assert_int_eq(env_evtchn(e, BIND_IPI, 0, 0, 0), -XEN_ENOSPC);
	ck_assert_int_eq(env_evtchn(e, SEND, 4095, 0, 0), 0);
	ck_assert_uint_eq(env_u64(e, SI_PEND + 504), BIT(63));
	ck_assert_uint_eq(xen_info_u64(v, VI_SEL), BIT(63));
	ck_assert_int_eq(env_evtchn(e, CLOSE, 17, 0, 0), 0);
	ck_assert_uint_eq(new_ipi(e, 0), 17);
	ck_assert_int_eq(env_evtchn(e, BIND_IPI, 0, 0, 0), -XEN_ENOSPC);
	ck_assert_int_eq(env_evtchn(e, RESET, DOMID_SELF, 0, 0), 0);
	ck_assert_uint_eq(env_u64(e, SI_PEND), 0);
	ck_assert_uint_eq(new_ipi(e, 0), 1);
	env_free(e);
}
END_TEST

START_TEST(two_level_32bit)
{
	struct env *e = env_new();
	u32 i;

	e->pv.xen.s.is32 = 1;
	for (i = 1; i < 1024; i++)
		ck_assert_uint_eq(new_ipi(e, 0), i);
	ck_assert_int_eq(env_evtchn(e, BIND_IPI, 0, 0, 0), -XEN_ENOSPC);
	ck_assert_int_eq(env_evtchn(e, SEND, 40, 0, 0), 0);
	ck_assert_uint_eq(env_u32(e, SI + 2048 + 4), 1u << 8);
	ck_assert_uint_eq(env_u32(e, SI + 4), 2); /* evtchn_pending_sel of vCPU 0 */
	env_put32(e, SI + 2176, 1u << 9);
	ck_assert_int_eq(env_evtchn(e, SEND, 9, 0, 0), 0);
	ck_assert_uint_eq(env_u32(e, SI + 4), 2);
	env_free(e);
}
END_TEST

static void count(void *opaque)
{
	++*(u32 *)opaque;
}

START_TEST(host_ends)
{
	struct env *e = env_new();
	u32 calls = 0, other = 0, port, rport, p2;

	ck_assert_int_eq(evtchn_bind_host(&e->pv.xen, &port, count, &calls), 0);
	ck_assert_uint_eq(port, 1);
	ck_assert_int_eq(env_evtchn(e, STATUS, DOMID_SELF, port, 0), 0);
	ck_assert_uint_eq(env_arg(e, 2), 2);
	ck_assert_uint_eq(env_arg(e, 4) & 0xffff, 0);
	ck_assert_int_eq(env_evtchn(e, SEND, port, 0, 0), 0);
	ck_assert_uint_eq(calls, 1);
	evtchn_notify(&e->pv.xen, port);
	ck_assert_uint_eq(env_u64(e, SI_PEND), BIT(1));
	ck_assert_int_eq(evtchn_attach_host(&e->pv.xen, port, count, &other), 0);
	ck_assert_int_eq(env_evtchn(e, SEND, port, 0, 0), 0);
	ck_assert_uint_eq(other, 1);
	/* A front end offers a port, the host takes it. */
	ck_assert_int_eq(env_evtchn(e, ALLOC_UNBOUND, DOMS(DOMID_SELF, 0), 0, 0), 0);
	p2 = env_arg(e, 1);
	ck_assert_int_eq(evtchn_attach_host(&e->pv.xen, p2, count, &calls), -EINVAL);
	ck_assert_int_eq(evtchn_connect_host(&e->pv.xen, p2, count, &calls), 0);
	ck_assert_int_eq(evtchn_connect_host(&e->pv.xen, p2, count, &calls), -EINVAL);
	ck_assert_int_eq(env_evtchn(e, SEND, p2, 0, 0), 0);
	ck_assert_uint_eq(calls, 2);
	evtchn_close_host(&e->pv.xen, p2);
	ck_assert_uint_eq(status_of(e, p2), 1);
	ck_assert_int_eq(env_evtchn(e, SEND, p2, 0, 0), 0);
	ck_assert_uint_eq(calls, 2);
	/* The guest closes: nothing may reach it any more. */
	ck_assert_int_eq(env_evtchn(e, CLOSE, port, 0, 0), 0);
	evtchn_notify(&e->pv.xen, port);
	evtchn_notify(&e->pv.xen, 100000);
	ck_assert_uint_eq(env_u64(e, SI_PEND), 0);
	/* The host listens, the guest binds. */
	ck_assert_int_eq(evtchn_listen_host(&e->pv.xen, &rport, count, &other), 0);
	ck_assert_int_eq(env_evtchn(e, BIND_INTERDOMAIN, 0, rport + 1, 0), -XEN_EINVAL);
	ck_assert_int_eq(env_evtchn(e, BIND_INTERDOMAIN, 0, rport, 0), 0);
	port = env_arg(e, 2);
	ck_assert_int_eq(env_evtchn(e, BIND_INTERDOMAIN, 0, rport, 0), -XEN_EINVAL);
	ck_assert_int_eq(env_evtchn(e, SEND, port, 0, 0), 0);
	ck_assert_uint_eq(other, 2);
	ck_assert_int_eq(env_evtchn(e, CLOSE, port, 0, 0), 0);
	ck_assert_int_eq(env_evtchn(e, BIND_INTERDOMAIN, 0, rport, 0), 0);
	env_free(e);
}
END_TEST

/* ---- FIFO ------------------------------------------------------------------------------------------------------ */

#define CONTROL(n) (ENV_VA(4) + (n) * 128)
#define ARRAY ENV_VA(6)
#define W_PENDING 0x80000000u
#define W_MASKED 0x40000000u
#define W_LINKED 0x20000000u

struct guest {
	struct env *e;
	u32 head[ENV_VCPUS][16]; /* where the guest stands in each queue */
};

static i64 init_control(struct env *e, u64 mfn, u32 offset, u32 vcpu)
{
	env_put64(e, ENV_ARGS, mfn);
	env_put32(e, ENV_ARGS + 8, offset);
	env_put32(e, ENV_ARGS + 12, vcpu);
	env_put32(e, ENV_ARGS + 16, 0);
	return env_call(e, 0, hc_event_channel_op, INIT_CONTROL, ENV_ARGS, 0);
}

static i64 expand_array(struct env *e, u64 mfn)
{
	env_put64(e, ENV_ARGS, mfn);
	return env_call(e, 0, hc_event_channel_op, EXPAND_ARRAY, ENV_ARGS, 0);
}

static u64 word_va(u32 port)
{
	return ARRAY + port * 4;
}

static void fifo_start(struct env *e)
{
	u32 i;

	for (i = 0; i < ENV_VCPUS; i++)
		ck_assert_int_eq(init_control(e, ENV_MFN(4), i * 128, i), 0);
	ck_assert_uint_eq(env_u32(e, ENV_ARGS + 16) & 0xff, 17);
	ck_assert_int_eq(expand_array(e, ENV_MFN(6)), 0);
}

/* What a guest does in its upcall (public/event_channel.h): the next event of vCPU n, 0 when there is none. */
static u32 take(struct guest *g, u32 n, u32 *prio)
{
	struct env *e = g->e;
	u32 ready = env_u32(e, CONTROL(n)), q, port, w;

	xen_info_set_u8(e->d->vcpus[n], VI_PENDING, 0);
	for (;;) {
		for (q = 0; q < 16 && !(ready >> q & 1); q++)
			;
		if (q == 16) {
			env_put32(e, CONTROL(n), 0);
			return 0;
		}
		port = g->head[n][q] ? g->head[n][q] : env_u32(e, CONTROL(n) + 8 + q * 4);
		w = env_u32(e, word_va(port));
		env_put32(e, word_va(port), w & ~(W_LINKED | 0x1ffff));
		g->head[n][q] = w & 0x1ffff;
		if (!g->head[n][q])
			ready &= ~(1u << q);
		env_put32(e, CONTROL(n), ready);
		if ((w & W_PENDING) && !(w & W_MASKED)) {
			env_put32(e, word_va(port), env_u32(e, word_va(port)) & ~W_PENDING);
			*prio = q;
			return port;
		}
	}
}

START_TEST(fifo_errors)
{
	struct env *e = env_new();
	u32 i;

	ck_assert_int_eq(init_control(e, ENV_MFN(4), 0, 4), -XEN_ENOENT);
	ck_assert_int_eq(init_control(e, ENV_MFN(4), PAGE_SIZE - 64, 0), -XEN_EINVAL);
	ck_assert_int_eq(init_control(e, ENV_MFN(4), 4, 0), -XEN_EINVAL);
	ck_assert_int_eq(init_control(e, ENV_MFN(100), 0, 0), -XEN_EINVAL);
	ck_assert_int_eq(init_control(e, 3, 0, 0), -XEN_EINVAL);
	ck_assert_int_eq(expand_array(e, ENV_MFN(6)), -XEN_EOPNOTSUPP);
	fifo_start(e);
	ck_assert_int_eq(init_control(e, ENV_MFN(5), 0, 1), -XEN_EINVAL); /* has one */
	ck_assert_int_eq(expand_array(e, ENV_MFN(100)), -XEN_EINVAL);
	for (i = 1; i < FIFO_PAGES; i++)
		ck_assert_int_eq(expand_array(e, ENV_MFN(6)), 0);
	ck_assert_int_eq(expand_array(e, ENV_MFN(6)), -XEN_ENOSPC);
	ck_assert_uint_eq(new_ipi(e, 0), 1);
	ck_assert_int_eq(env_evtchn(e, SET_PRIORITY, 1, 16, 0), -XEN_EINVAL);
	ck_assert_int_eq(env_evtchn(e, SET_PRIORITY, 9999, 1, 0), -XEN_EINVAL);
	ck_assert_int_eq(env_evtchn(e, SET_PRIORITY, 1, 15, 0), 0);
	/* A reset goes back to the 2-level ABI. */
	ck_assert_int_eq(env_evtchn(e, RESET, DOMID_SELF, 0, 0), 0);
	ck_assert_int_eq(expand_array(e, ENV_MFN(6)), -XEN_EOPNOTSUPP);
	new_ipi(e, 0);
	ck_assert_int_eq(env_evtchn(e, SEND, 1, 0, 0), 0);
	ck_assert_uint_eq(env_u64(e, SI_PEND), BIT(1));
	env_free(e);
}
END_TEST

START_TEST(fifo_order)
{
	struct env *e = env_new();
	struct guest g = { .e = e };
	u32 i, prio;

	fifo_start(e);
	for (i = 1; i <= 20; i++)
		new_ipi(e, 0);
	ck_assert_int_eq(env_evtchn(e, SET_PRIORITY, 4, 0, 0), 0);
	ck_assert_int_eq(env_evtchn(e, SET_PRIORITY, 9, 15, 0), 0);
	/* In the order sent, by priority. */
	env_evtchn(e, SEND, 9, 0, 0);
	ck_assert_uint_eq(xen_info_u8(e->d->vcpus[0], VI_PENDING), 1);
	ck_assert_uint_eq(env_u32(e, CONTROL(0)), 1u << 15);
	ck_assert_uint_eq(env_u32(e, CONTROL(0) + 8 + 60), 9);
	env_evtchn(e, SEND, 7, 0, 0);
	env_evtchn(e, SEND, 3, 0, 0);
	env_evtchn(e, SEND, 5, 0, 0);
	env_evtchn(e, SEND, 4, 0, 0);
	env_evtchn(e, SEND, 3, 0, 0); /* pending already: stays where it is */
	ck_assert_uint_eq(env_u32(e, word_va(7)), W_PENDING | W_LINKED | 3);
	ck_assert_uint_eq(env_u32(e, word_va(5)), W_PENDING | W_LINKED);
	ck_assert_uint_eq(take(&g, 0, &prio), 4);
	ck_assert_uint_eq(prio, 0);
	ck_assert_uint_eq(take(&g, 0, &prio), 7);
	ck_assert_uint_eq(prio, 7);
	env_evtchn(e, SEND, 7, 0, 0); /* again, behind the others */
	ck_assert_uint_eq(take(&g, 0, &prio), 3);
	ck_assert_uint_eq(take(&g, 0, &prio), 5);
	ck_assert_uint_eq(take(&g, 0, &prio), 7);
	ck_assert_uint_eq(take(&g, 0, &prio), 9);
	ck_assert_uint_eq(prio, 15);
	ck_assert_uint_eq(take(&g, 0, &prio), 0);
	/* Masked: pending, not linked; unmask links it. */
	env_put32(e, word_va(6), W_MASKED);
	env_evtchn(e, SEND, 6, 0, 0);
	ck_assert_uint_eq(env_u32(e, word_va(6)), W_MASKED | W_PENDING);
	ck_assert_uint_eq(take(&g, 0, &prio), 0);
	ck_assert_int_eq(env_evtchn(e, UNMASK, 6, 0, 0), 0);
	ck_assert_uint_eq(take(&g, 0, &prio), 6);
	/* Closed while linked: the guest finds it not pending, and the port is not given away before. */
	env_evtchn(e, SEND, 8, 0, 0);
	ck_assert_int_eq(env_evtchn(e, CLOSE, 8, 0, 0), 0);
	ck_assert_uint_eq(env_u32(e, word_va(8)), W_LINKED);
	ck_assert_uint_eq(new_ipi(e, 0), 21);
	ck_assert_uint_eq(take(&g, 0, &prio), 0);
	ck_assert_uint_eq(new_ipi(e, 0), 8);
	env_free(e);
}
END_TEST

START_TEST(fifo_late_page)
{
	struct env *e = env_new();
	struct guest g = { .e = e };
	u32 prio, port, i;

	new_ipi(e, 0);
	new_ipi(e, 1);
	env_evtchn(e, SEND, 1, 0, 0); /* pending in the 2-level ABI when the guest switches */
	for (i = 0; i < ENV_VCPUS; i++)
		ck_assert_int_eq(init_control(e, ENV_MFN(4), i * 128, i), 0);
	env_evtchn(e, SEND, 2, 0, 0); /* no page yet */
	ck_assert_int_eq(expand_array(e, ENV_MFN(6)), 0);
	ck_assert_uint_eq(take(&g, 0, &prio), 1);
	ck_assert_uint_eq(take(&g, 1, &prio), 2);
	ck_assert_uint_eq(take(&g, 1, &prio), 0);
	/* A port that changes its vCPU leaves the old queue in order. */
	ck_assert_int_eq(evtchn_bind_host(&e->pv.xen, &port, NULL, NULL), 0);
	evtchn_notify(&e->pv.xen, port);
	ck_assert_uint_eq(take(&g, 0, &prio), port);
	ck_assert_int_eq(env_evtchn(e, BIND_VCPU, port, 3, 0), 0);
	evtchn_notify(&e->pv.xen, port);
	env_evtchn(e, SEND, 1, 0, 0);
	ck_assert_uint_eq(take(&g, 0, &prio), 1);
	ck_assert_uint_eq(take(&g, 3, &prio), port);
	ck_assert_uint_eq(take(&g, 3, &prio), 0);
	env_free(e);
}
END_TEST

/* A poller wakes on a masked port, and on the edge only. */
START_TEST(fifo_poll)
{
	struct env *e = env_new();
	struct vcpu *v = e->d->vcpus[0];
	u32 port;

	fifo_start(e);
	ck_assert_int_eq(evtchn_bind_host(&e->pv.xen, &port, NULL, NULL), 0);
	env_put32(e, word_va(port), W_MASKED);
	env_put64(e, ENV_ARGS + 64, ENV_ARGS + 128);
	env_put64(e, ENV_ARGS + 72, 1);
	env_put64(e, ENV_ARGS + 80, 0);
	env_put32(e, ENV_ARGS + 128, port);
	ck_assert_int_eq(env_call(e, 0, hc_sched_op, 3, ENV_ARGS + 64, 0), 0);
	ck_assert_uint_eq(v->s.run, VCPU_BLOCKED);
	evtchn_notify(&e->pv.xen, port);
	ck_assert_uint_eq(v->s.run, VCPU_RUNNABLE);
	ck_assert_uint_eq(env_u32(e, word_va(port)), W_MASKED | W_PENDING);
	ck_assert_uint_eq(xen_info_u8(v, VI_PENDING), 0);
	ck_assert_int_eq(env_call(e, 0, hc_sched_op, 3, ENV_ARGS + 64, 0), 0);
	ck_assert_uint_eq(v->s.run, VCPU_RUNNABLE); /* it is pending */
	env_free(e);
}
END_TEST

static void waiting(struct env *e, u32 vcpu, const char *want)
{
	char text[200];

	evtchn_describe_pending(e->d->vcpus[vcpu], text, sizeof text);
	ck_assert_str_eq(text, want);
}

/* What the log says of an upcall: the ports that wait, of this vCPU and not masked, by either ABI. */
START_TEST(described)
{
	u32 console, store, device, ipi, fifo, i;
	char text[64];

	for (fifo = 0; fifo < 2; fifo++) {
		struct env *e = env_new();

		if (fifo)
			fifo_start(e);
		ck_assert_int_eq(evtchn_bind_host(&e->pv.xen, &store, NULL, NULL), 0);
		ck_assert_int_eq(evtchn_bind_host(&e->pv.xen, &console, NULL, NULL), 0);
		ck_assert_int_eq(evtchn_bind_host(&e->pv.xen, &device, NULL, NULL), 0);
		e->pv.xen.s.store_port = store;
		e->pv.xen.s.console_port = console;
		ipi = new_ipi(e, 1);
		ck_assert_int_eq(env_evtchn(e, BIND_VIRQ, VIRQ_TIMER, 0, 0), 0);
		waiting(e, 0, "no port is pending");
		evtchn_notify(&e->pv.xen, console);
		evtchn_notify(&e->pv.xen, device);
		ck_assert_int_eq(env_evtchn(e, SEND, ipi, 0, 0), 0);
		waiting(e, 0, "port 2 (console), 3 (a device)");
		waiting(e, 1, "port 4 (IPI)");
		evtchn_notify(&e->pv.xen, store);
		xen_send_virq(e->d->vcpus[0], VIRQ_TIMER);
		waiting(e, 0, "port 1 (xenstore), 2 (console), 3 (a device), 5 (virq timer)");
		/* Masked ones wait for nobody. */
		if (fifo)
			env_put32(e, word_va(device), env_u32(e, word_va(device)) | W_MASKED);
		else
			env_put32(e, SI_MSK, 1u << device);
		waiting(e, 0, "port 1 (xenstore), 2 (console), 5 (virq timer)");
		/* More than there is room for. */
		for (i = 0; i < 30; i++)
			ck_assert_int_eq(env_evtchn(e, SEND, new_ipi(e, 2), 0, 0), 0);
		evtchn_describe_pending(e->d->vcpus[2], text, sizeof text);
		ck_assert_str_eq(text, "port 6 (IPI), 7 (IPI), 8 (IPI)");
		env_free(e);
	}
}
END_TEST

/* Random events, priorities and readers against a plain model: each event comes once, first in, first out. */
START_TEST(fifo_random)
{
	enum { N = 40 };
	struct env *e = env_new();
	struct guest g = { .e = e };
	u32 queue[16][N + 1], len[16] = { 0 }, prio[N + 1], pending[N + 1] = { 0 }, seed = 12345, step, i, q, got, gotq;

	fifo_start(e);
	for (i = 1; i <= N; i++) {
		new_ipi(e, 2);
		prio[i] = 7;
	}
	for (step = 0; step < 20000; step++) {
		seed = seed * 1664525u + 1013904223u;
		i = (seed >> 16) % N + 1;
		switch (seed >> 28) {
		case 0:
		case 1:
			prio[i] = (seed >> 8) % 16;
			quick_eq(env_evtchn(e, SET_PRIORITY, i, prio[i], 0), 0);
			break;
		case 2:
		case 3:
		case 4:
		case 5:
		case 6:
			got = take(&g, 2, &gotq);
			for (q = 0; q < 16 && !len[q]; q++)
				;
			if (q == 16) {
				ck_assert_uint_eq(got, 0);
				break;
			}
			quick_eq(got, queue[q][0]);
			quick_eq(gotq, q);
			memmove(queue[q], queue[q] + 1, --len[q] * sizeof(u32));
			pending[got] = 0;
			break;
		default:
			quick_eq(env_evtchn(e, SEND, i, 0, 0), 0);
			if (!pending[i])
				queue[prio[i]][len[prio[i]]++] = i;
			pending[i] = 1;
			break;
		}
	}
	env_free(e);
}
END_TEST

/* ---- state ----------------------------------------------------------------------------------------------------- */

START_TEST(state_survives)
{
	struct env *a = env_new(), *b = env_new();
	struct guest g = { .e = b };
	struct buf out = { 0 };
	struct reader in;
	u32 i, prio, calls = 0, others = 0, port;
	u64 h;

	ck_assert(state_check(&evtchn_state_desc));
	ck_assert(state_check(&evtchn_bucket_desc));
	ck_assert(state_check(&evtchn_fifo_state_desc));
	fifo_start(a);
	for (i = 0; i < 100; i++)
		new_ipi(a, 1);
	ck_assert_int_eq(evtchn_bind_host(&a->pv.xen, &port, count, &calls), 0);
	env_evtchn(a, SEND, 80, 0, 0);
	env_evtchn(a, SEND, 81, 0, 0);
	h = state_list_hash(&a->d->states, 1);
	state_list_save(&a->d->states, &out);
	for (i = 0; i < ENV_FRAMES; i++)
		ck_assert_int_eq(mem_write(&b->d->mem, ENV_VA(i), mem_ro(&a->d->mem, ENV_MFN(i)), PAGE_SIZE), 0);
	reader_init(&in, out.p, out.len);
	ck_assert_int_eq(state_list_load(&b->d->states, &in, NULL), 0);
	ck_assert_uint_eq(state_list_hash(&b->d->states, 1), h);
	ck_assert_int_eq(evtchn_attach_host(&b->pv.xen, port, count, &calls), 0);
	env_evtchn(b, SEND, port, 0, 0);
	ck_assert_uint_eq(calls, 1);
	/* Nobody is called by what the state of before said; and who had a port from the start leaves it to who has it now. */
	reader_init(&in, out.p, out.len);
	ck_assert_int_eq(state_list_load(&b->d->states, &in, NULL), 0);
	env_evtchn(b, SEND, port, 0, 0);
	ck_assert_uint_eq(calls, 1);
	evtchn_attach_first(&b->pv.xen, port, count, &others);
	env_evtchn(b, SEND, port, 0, 0);
	ck_assert_uint_eq(others, 1);
	evtchn_attach_host(&b->pv.xen, port, count, &calls);
	evtchn_attach_first(&b->pv.xen, port, count, &others);
	env_evtchn(b, SEND, port, 0, 0);
	ck_assert_uint_eq(calls, 2);
	ck_assert_uint_eq(others, 1);
	env_evtchn(b, SEND, 79, 0, 0);
	ck_assert_uint_eq(take(&g, 1, &prio), 80);
	ck_assert_uint_eq(take(&g, 1, &prio), 81);
	ck_assert_uint_eq(take(&g, 1, &prio), 79);
	/* Another port costs as much as it would have. */
	a->pv.xen.work = b->pv.xen.work = 0;
	ck_assert_uint_eq(new_ipi(a, 1), new_ipi(b, 1));
	ck_assert_uint_eq(a->pv.xen.work, b->pv.xen.work);
	/* Cut short, it is refused. */
	reader_init(&in, out.p, out.len - 8);
	ck_assert_int_lt(state_list_load(&b->d->states, &in, NULL), 0);
	buf_free(&out);
	env_free(a);
	env_free(b);
}
END_TEST

Suite *evtchn_suite(void)
{
	Suite *s = suite_create("evtchn");
	TCase *tc = tcase_create("evtchn");

	tcase_add_test(tc, unbound_and_loopback);
	tcase_add_test(tc, commands);
	tcase_add_test(tc, virq_and_ipi);
	tcase_add_test(tc, two_level_bits);
	tcase_add_test(tc, two_level_32bit);
	tcase_add_test(tc, host_ends);
	tcase_add_test(tc, fifo_errors);
	tcase_add_test(tc, fifo_order);
	tcase_add_test(tc, fifo_late_page);
	tcase_add_test(tc, fifo_poll);
	tcase_add_test(tc, described);
	tcase_add_test(tc, fifo_random);
	tcase_add_test(tc, state_survives);
	suite_add_tcase(s, tc);
	return s;
}
