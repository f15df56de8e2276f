/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Time, scheduling and vCPU operations of a PV guest: clocks as Linux computes them, timers at the exact ns. */
#include "tests/suites.h"
#include "tests/unit/pv_env.h"
#include "vm/x86.h"

enum {
	INITIALISE, UP, DOWN, IS_UP, GET_RUNSTATE, REGISTER_RUNSTATE, SET_PERIODIC, STOP_PERIODIC, SET_SINGLE, STOP_SINGLE,
	REGISTER_INFO, SEND_NMI, GET_PHYSID, REGISTER_TIME
};
enum { YIELD, BLOCK, SHUTDOWN, POLL, REMOTE_SHUTDOWN, SHUTDOWN_CODE, WATCHDOG, PIN_OVERRIDE };
#define MS 1000000ULL
#define AREA ENV_VA(8)

static i64 vcpu_op(struct env *e, u32 caller, u32 cmd, u32 id, u64 va)
{
	return env_call(e, caller, hc_vcpu_op, cmd, id, va);
}

static i64 sched_op(struct env *e, u32 caller, u32 cmd, u64 va)
{
	return env_call(e, caller, hc_sched_op, cmd, va, 0);
}

static i64 single(struct env *e, u32 n, u64 deadline, u32 flags)
{
	env_put64(e, ENV_ARGS, deadline);
	env_put64(e, ENV_ARGS + 8, flags);
	return vcpu_op(e, n, SET_SINGLE, n, ENV_ARGS);
}

/* A port for the timer of vCPU n, with the 100 Hz tick off. */
static u32 timer_port(struct env *e, u32 n)
{
	ck_assert_int_eq(vcpu_op(e, 0, STOP_PERIODIC, n, 0), 0);
	ck_assert_int_eq(env_evtchn(e, 1, VIRQ_TIMER, n, 0), 0);
	return env_arg(e, 2);
}

/* Takes a pending 2-level event away; false when it was not there. */
static bool took(struct env *e, u32 port)
{
	u64 w = env_u64(e, ENV_VA(0) + 2048);
	u32 i;

	env_put64(e, ENV_VA(0) + 2048, w & ~BIT(port));
	for (i = 0; i < ENV_VCPUS; i++) {
		xen_info_set_u8(e->d->vcpus[i], VI_PENDING, 0);
		xen_info_set_u64(e->d->vcpus[i], VI_SEL, 0);
	}
	return w >> port & 1;
}

/* Linux's pvclock_scale_delta() in words: shift the cycles, multiply by a 32-bit fraction. */
static u64 pvclock_read(struct env *e, u64 va, u64 tsc)
{
	u64 delta = tsc - env_u64(e, va + 8);
	i8 shift = (i8)(env_u32(e, va + 28) & 0xff);
	u64 mul = env_u32(e, va + 24);

	delta = shift < 0 ? delta >> -shift : delta << shift;
	/* The upper 64 of 96 bits. */
	return env_u64(e, va + 16) + (delta >> 32) * mul + ((delta & 0xffffffff) * mul >> 32);
}

START_TEST(pvclock)
{
	static const u64 times[] = { 0, 1, 2, 3, 999999999, 0xffffffff, 0x100000001, 123456789012345, 1ULL << 61 };
	struct env *e = env_new();
	u64 va = ENV_VA(0) + VI_TIME, khz;
	u32 version = env_u32(e, va), i;

	ck_assert_uint_gt(version, 0);
	ck_assert_uint_eq(version & 1, 0);
	ck_assert_uint_eq(env_u32(e, va + 28) >> 8 & 0xff, 1); /* TSC stable */
	for (i = 0; i < ARRAY_SIZE(times); i++)
		ck_assert_uint_eq(pvclock_read(e, va, times[i]), times[i]);
	/* The frequency that Linux makes of it: 1 GHz. */
	khz = (1000000ULL << 32) / env_u32(e, va + 24);
	khz = (i8)(env_u32(e, va + 28) & 0xff) < 0 ? khz << 1 : khz >> (env_u32(e, va + 28) & 0xff);
	ck_assert_uint_eq(khz, 1000000);
	/* The second copy. */
	env_put64(e, ENV_ARGS, 0xffff800000000000ULL);
	ck_assert_int_eq(vcpu_op(e, 0, REGISTER_TIME, 0, ENV_ARGS), -XEN_EFAULT);
	env_put64(e, ENV_ARGS, AREA);
	ck_assert_int_eq(vcpu_op(e, 0, REGISTER_TIME, 0, ENV_ARGS), 0);
	ck_assert_uint_eq(env_u32(e, AREA), version + 2);
	ck_assert_uint_eq(env_u32(e, va), version + 2);
	ck_assert_uint_eq(pvclock_read(e, AREA, 777), 777);
	xen_time_update(e->d->vcpus[0]);
	ck_assert_uint_eq(env_u32(e, AREA), version + 4);
	env_put64(e, ENV_ARGS, 0);
	ck_assert_int_eq(vcpu_op(e, 0, REGISTER_TIME, 0, ENV_ARGS), 0);
	xen_time_update(e->d->vcpus[0]);
	ck_assert_uint_eq(env_u32(e, AREA), version + 4);
	env_free(e);
}
END_TEST

START_TEST(wallclock)
{
	struct env *e = env_new();
	u32 version = env_u32(e, ENV_VA(0) + 3072);

	e->d->time.s.wall = 5000000000123456789ULL;
	xen_time_update_wallclock(&e->pv.xen);
	ck_assert_uint_eq(env_u32(e, ENV_VA(0) + 3072), version + 2);
	ck_assert_uint_eq(env_u32(e, ENV_VA(0) + 3076), (u32)5000000000ULL);
	ck_assert_uint_eq(env_u32(e, ENV_VA(0) + 3080), 123456789);
	ck_assert_uint_eq(env_u32(e, ENV_VA(0) + 3084), 1);
	env_free(e);
}
END_TEST

START_TEST(single_shot)
{
	struct env *e = env_new();
	u32 p0 = timer_port(e, 0), p1 = timer_port(e, 1);

	ck_assert_int_eq(vcpu_op(e, 0, SET_SINGLE, 1, ENV_ARGS), -XEN_EINVAL); /* one's own only */
	ck_assert_int_eq(vcpu_op(e, 0, STOP_SINGLE, 1, 0), -XEN_EINVAL);
	ck_assert_int_eq(vcpu_op(e, 0, SET_SINGLE, 0, 0), -XEN_EFAULT);
	ck_assert_int_eq(single(e, 0, 5000, 0), 0);
	ck_assert_int_eq(single(e, 1, 3001, 0), 0);
	env_skip(e, 3000);
	ck_assert(!took(e, p1));
	env_skip(e, 3001);
	ck_assert(took(e, p1));
	ck_assert(!took(e, p0));
	ck_assert_uint_eq(e->vcpu[1].xen.s.timer, TIME_NEVER);
	env_skip(e, 4999);
	ck_assert(!took(e, p0));
	env_skip(e, 5000);
	ck_assert(took(e, p0));
	/* Past: at once, or refused when the guest asked for that. */
	ck_assert_int_eq(single(e, 0, 4999, 1), -XEN_ETIME);
	ck_assert(!took(e, p0));
	ck_assert_int_eq(single(e, 0, 4999, 0), 0);
	ck_assert(took(e, p0));
	ck_assert_int_eq(single(e, 0, 1ULL << 63, 0), 0); /* negative */
	ck_assert(took(e, p0));
	/* Set anew and stopped. */
	ck_assert_int_eq(single(e, 0, 6000, 1), 0);
	ck_assert_int_eq(single(e, 0, 7000, 0), 0);
	env_skip(e, 6500);
	ck_assert(!took(e, p0));
	ck_assert_int_eq(vcpu_op(e, 0, STOP_SINGLE, 0, 0), 0);
	env_skip(e, 8000);
	ck_assert(!took(e, p0));
	/* set_timer_op is the same timer. */
	ck_assert_int_eq(env_call(e, 0, hc_set_timer_op, 9000, 0, 0), 0);
	env_skip(e, 8999);
	ck_assert(!took(e, p0));
	env_skip(e, 9000);
	ck_assert(took(e, p0));
	ck_assert_int_eq(env_call(e, 0, hc_set_timer_op, 10000, 0, 0), 0);
	ck_assert_int_eq(env_call(e, 0, hc_set_timer_op, 0, 0, 0), 0);
	ck_assert_int_eq(env_call(e, 0, hc_set_timer_op, 1ULL << 63, 0, 0), 0); /* nonsense: in 100 ms */
	env_skip(e, 9000 + 100 * MS - 1);
	ck_assert(!took(e, p0));
	env_skip(e, 9000 + 100 * MS);
	ck_assert(took(e, p0));
	env_free(e);
}
END_TEST

START_TEST(periodic)
{
	struct env *e = env_new();
	u32 port;
	u64 t;

	/* Guests have a 100 Hz tick until they stop it. */
	ck_assert_int_eq(env_evtchn(e, 1, VIRQ_TIMER, 0, 0), 0);
	port = env_arg(e, 2);
	env_skip(e, 10 * MS - 1);
	ck_assert(!took(e, port));
	env_skip(e, 10 * MS);
	ck_assert(took(e, port));
	env_skip(e, 20 * MS);
	ck_assert(took(e, port));
	env_put64(e, ENV_ARGS, MS - 1);
	ck_assert_int_eq(vcpu_op(e, 0, SET_PERIODIC, 0, ENV_ARGS), -XEN_EINVAL);
	env_put64(e, ENV_ARGS, UINT64_MAX);
	ck_assert_int_eq(vcpu_op(e, 0, SET_PERIODIC, 0, ENV_ARGS), -XEN_EINVAL);
	env_put64(e, ENV_ARGS, 3 * MS);
	ck_assert_int_eq(vcpu_op(e, 0, SET_PERIODIC, 0, ENV_ARGS), 0);
	for (t = 23; t < 50; t += 3) {
		env_skip(e, t * MS - 1);
		ck_assert(!took(e, port));
		env_skip(e, t * MS);
		ck_assert(took(e, port));
	}
	/* It does not wake a vCPU, and ticks at once when that runs again. */
	ck_assert_int_eq(sched_op(e, 0, BLOCK, 0), 0);
	ck_assert_uint_eq(e->d->vcpus[0]->s.run, VCPU_BLOCKED);
	env_skip(e, 100 * MS);
	ck_assert_uint_eq(e->d->vcpus[0]->s.run, VCPU_BLOCKED);
	ck_assert(!took(e, port));
	xen_vcpu_unblock(e->d->vcpus[0]);
	xen_time_enter(e->d->vcpus[0]);
	ck_assert(took(e, port));
	env_skip(e, 103 * MS);
	ck_assert(took(e, port));
	ck_assert_int_eq(vcpu_op(e, 0, STOP_PERIODIC, 0, 0), 0);
	env_skip(e, 200 * MS);
	ck_assert(!took(e, port));
	env_free(e);
}
END_TEST

START_TEST(block_and_wake)
{
	struct env *e = env_new();
	struct vcpu *v = e->d->vcpus[0];
	u32 port = timer_port(e, 0);

	/* An event that waits: no sleep, but events are on. */
	ck_assert_uint_eq(xen_info_u8(v, VI_MASK), 1);
	ck_assert_int_eq(single(e, 0, 0, 0), 0);
	ck_assert(!xen_events_deliverable(v));
	ck_assert_int_eq(sched_op(e, 0, BLOCK, 0), 0);
	ck_assert_uint_eq(v->s.run, VCPU_RUNNABLE);
	ck_assert_uint_eq(xen_info_u8(v, VI_MASK), 0);
	ck_assert(xen_events_deliverable(v));
	ck_assert(took(e, port));
	/* None: until the timer. */
	ck_assert_int_eq(single(e, 0, 700, 0), 0);
	ck_assert_int_eq(env_call(e, 0, hc_sched_op_compat, BLOCK, 0, 0), 0);
	ck_assert_uint_eq(v->s.run, VCPU_BLOCKED);
	env_skip(e, 699);
	ck_assert_uint_eq(v->s.run, VCPU_BLOCKED);
	env_skip(e, 700);
	ck_assert_uint_eq(v->s.run, VCPU_RUNNABLE);
	ck_assert_int_eq(sched_op(e, 0, YIELD, 0), 0);
	ck_assert_int_eq(sched_op(e, 0, 8, 0), -XEN_ENOSYS);
	ck_assert_int_eq(sched_op(e, 0, PIN_OVERRIDE, ENV_ARGS), -XEN_EPERM);
	ck_assert_int_eq(env_call(e, 0, hc_sched_op_compat, POLL, 0, 0), -XEN_ENOSYS);
	env_free(e);
}
END_TEST

static i64 poll(struct env *e, u32 nr, u64 timeout)
{
	env_put64(e, ENV_ARGS + 64, ENV_ARGS + 128);
	env_put64(e, ENV_ARGS + 72, nr);
	env_put64(e, ENV_ARGS + 80, timeout);
	return sched_op(e, 0, POLL, ENV_ARGS + 64);
}

START_TEST(polling)
{
	struct env *e = env_new();
	struct vcpu *v = e->d->vcpus[0];
	u32 a, b, other;

	timer_port(e, 3);
	ck_assert_int_eq(evtchn_bind_host(&e->pv.xen, &a, NULL, NULL), 0);
	ck_assert_int_eq(evtchn_bind_host(&e->pv.xen, &b, NULL, NULL), 0);
	ck_assert_int_eq(evtchn_bind_host(&e->pv.xen, &other, NULL, NULL), 0);
	env_put64(e, ENV_VA(0) + 2560, BIT(a) | BIT(b) | BIT(other)); /* masked */
	ck_assert_int_eq(poll(e, 129, 0), -XEN_EINVAL);
	env_put32(e, ENV_ARGS + 128, 5000);
	ck_assert_int_eq(poll(e, 1, 0), -XEN_EINVAL);
	env_put64(e, ENV_ARGS + 64, 0);
	env_put64(e, ENV_ARGS + 72, 1);
	ck_assert_int_eq(sched_op(e, 0, POLL, ENV_ARGS + 64), -XEN_EFAULT);
	ck_assert_uint_eq(v->s.run, VCPU_RUNNABLE);
	env_put32(e, ENV_ARGS + 128, a);
	env_put32(e, ENV_ARGS + 132, b);
	/* One port: that alone wakes, though it is masked. */
	ck_assert_int_eq(poll(e, 1, 0), 0);
	ck_assert_uint_eq(v->s.run, VCPU_BLOCKED);
	evtchn_notify(&e->pv.xen, other);
	ck_assert_uint_eq(v->s.run, VCPU_BLOCKED);
	evtchn_notify(&e->pv.xen, a);
	ck_assert_uint_eq(v->s.run, VCPU_RUNNABLE);
	ck_assert_uint_eq(e->vcpu[0].xen.s.polling, 0);
	/* Pending already: no sleep. */
	ck_assert_int_eq(poll(e, 2, 0), 0);
	ck_assert_uint_eq(v->s.run, VCPU_RUNNABLE);
	ck_assert(took(e, a));
	/* Several: any event wakes. */
	took(e, other);
	ck_assert_int_eq(poll(e, 2, 0), 0);
	ck_assert_uint_eq(v->s.run, VCPU_BLOCKED);
	evtchn_notify(&e->pv.xen, other);
	ck_assert_uint_eq(v->s.run, VCPU_RUNNABLE);
	/* A limit. */
	ck_assert_int_eq(poll(e, 1, 900), 0);
	env_skip(e, 899);
	ck_assert_uint_eq(v->s.run, VCPU_BLOCKED);
	env_skip(e, 900);
	ck_assert_uint_eq(v->s.run, VCPU_RUNNABLE);
	ck_assert_int_eq(poll(e, 1, 900), 0);
	ck_assert_uint_eq(v->s.run, VCPU_RUNNABLE);
	/* An event that could be delivered ends it before it begins. */
	xen_info_set_u8(v, VI_MASK, 0);
	xen_info_set_u8(v, VI_PENDING, 1);
	ck_assert_int_eq(poll(e, 1, 0), 0);
	ck_assert_uint_eq(v->s.run, VCPU_RUNNABLE);
	env_free(e);
}
END_TEST

START_TEST(runstate)
{
	struct env *e = env_new();
	struct vcpu *v = e->d->vcpus[0];
	u64 time[4];
	u32 port = timer_port(e, 0), i;

	env_put64(e, ENV_ARGS, AREA);
	ck_assert_int_eq(vcpu_op(e, 0, REGISTER_RUNSTATE, 0, ENV_ARGS), 0);
	ck_assert_uint_eq(env_u32(e, AREA), RUNSTATE_RUNNING);
	env_put64(e, ENV_ARGS, 0x0000900000000000ULL);
	ck_assert_int_eq(vcpu_op(e, 0, REGISTER_RUNSTATE, 0, ENV_ARGS), -XEN_EFAULT);
	ck_assert_int_eq(vcpu_op(e, 0, REGISTER_RUNSTATE, 9, ENV_ARGS), -XEN_ENOENT);
	env_skip(e, 1000);
	/* A slot that ends does not take anything away: there is no stolen time. */
	xen_time_leave(v);
	xen_time_enter(v);
	ck_assert_int_eq(single(e, 0, 5000, 0), 0);
	ck_assert_int_eq(sched_op(e, 0, BLOCK, 0), 0);
	xen_time_leave(v);
	ck_assert_uint_eq(env_u32(e, AREA), RUNSTATE_BLOCKED);
	ck_assert_uint_eq(env_u64(e, AREA + 8), 1000);
	ck_assert_uint_eq(env_u64(e, AREA + 16), 1000);
	env_skip(e, 5000);
	ck_assert(took(e, port));
	env_skip(e, 5030);
	xen_time_enter(v);
	ck_assert_uint_eq(env_u32(e, AREA), RUNSTATE_RUNNING);
	ck_assert_uint_eq(env_u64(e, AREA + 8), 5030);
	ck_assert_uint_eq(env_u64(e, AREA + 16), 1000);
	ck_assert_uint_eq(env_u64(e, AREA + 24), 30);
	ck_assert_uint_eq(env_u64(e, AREA + 32), 4000);
	env_skip(e, 6000);
	/* The sum is the time there was. */
	xen_runstate_get(v, time);
	ck_assert_uint_eq(time[0] + time[1] + time[2] + time[3], 6000);
	ck_assert_uint_eq(time[0], 1970);
	ck_assert_int_eq(vcpu_op(e, 0, GET_RUNSTATE, 0, AREA + 256), 0);
	ck_assert_uint_eq(env_u64(e, AREA + 256 + 16), 1970);
	ck_assert_int_eq(vcpu_op(e, 0, GET_RUNSTATE, 0, 0), -XEN_EFAULT);
	ck_assert_int_eq(vcpu_op(e, 0, GET_RUNSTATE, 1, AREA + 256), 0);
	ck_assert_uint_eq(env_u32(e, AREA + 256), RUNSTATE_OFFLINE);
	ck_assert_uint_eq(env_u64(e, AREA + 256 + 40), 6000);
	/* The same, packed closer, for a 32-bit guest. */
	e->pv.xen.s.is32 = 1;
	ck_assert_int_eq(vcpu_op(e, 0, GET_RUNSTATE, 0, AREA + 512), 0);
	for (i = 0; i < 4; i++)
		ck_assert_uint_eq(env_u32(e, AREA + 512 + 12 + i * 8), (u32)time[i]);
	env_free(e);
}
END_TEST

START_TEST(watchdog)
{
	struct env *e = env_new();

	env_put32(e, ENV_ARGS, 3);
	env_put32(e, ENV_ARGS + 4, 1);
	ck_assert_int_eq(sched_op(e, 0, WATCHDOG, ENV_ARGS), -XEN_EINVAL);
	env_put32(e, ENV_ARGS, 1); /* not in use */
	ck_assert_int_eq(sched_op(e, 0, WATCHDOG, ENV_ARGS), -XEN_EINVAL);
	env_put32(e, ENV_ARGS, 0);
	ck_assert_int_eq(sched_op(e, 0, WATCHDOG, ENV_ARGS), 1);
	ck_assert_int_eq(sched_op(e, 0, WATCHDOG, ENV_ARGS), 2);
	ck_assert_int_eq(sched_op(e, 0, WATCHDOG, ENV_ARGS), -XEN_ENOSPC);
	env_put32(e, ENV_ARGS + 4, 0);
	ck_assert_int_eq(sched_op(e, 0, WATCHDOG, ENV_ARGS), -XEN_EINVAL);
	env_put32(e, ENV_ARGS, 2); /* destroy */
	ck_assert_int_eq(sched_op(e, 0, WATCHDOG, ENV_ARGS), 0);
	env_put32(e, ENV_ARGS, 1); /* poke */
	env_put32(e, ENV_ARGS + 4, 3);
	ck_assert_int_eq(sched_op(e, 0, WATCHDOG, ENV_ARGS), 0);
	env_skip(e, 3000 * MS - 1);
	ck_assert_uint_eq(e->d->end, END_RUNNING);
	env_skip(e, 3000 * MS);
	ck_assert_uint_eq(e->d->end, END_WATCHDOG);
	env_free(e);
}
END_TEST

START_TEST(shutdown_reasons)
{
	static const u32 ends[] = { END_POWEROFF, END_REBOOT, END_RUNNING, END_CRASH, END_WATCHDOG,
				    END_SOFT_RESET, END_CRASH };
	struct env *e;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(ends); i++) {
		e = env_new();
		env_put32(e, ENV_ARGS, i);
		ck_assert_int_eq(sched_op(e, 0, SHUTDOWN, ENV_ARGS), i == 2 ? 1 : 0);
		ck_assert_uint_eq(e->d->end, ends[i]);
		if (i == 3)
			ck_assert_str_eq(e->d->crash, "the guest crashed itself (SCHEDOP_shutdown, reason crash)");
		env_free(e);
	}
	e = env_new();
	ck_assert_int_eq(sched_op(e, 0, SHUTDOWN, 0), -XEN_EFAULT);
	env_put32(e, ENV_ARGS, 7);
	ck_assert_int_eq(sched_op(e, 0, REMOTE_SHUTDOWN, ENV_ARGS), -XEN_EPERM);
	env_put32(e, ENV_ARGS, 8);
	ck_assert_int_eq(sched_op(e, 0, REMOTE_SHUTDOWN, ENV_ARGS), -XEN_ESRCH);
	/* A code that was latched wins. */
	env_put32(e, ENV_ARGS, 1);
	ck_assert_int_eq(sched_op(e, 0, SHUTDOWN_CODE, ENV_ARGS), 0);
	ck_assert_int_eq(env_call(e, 0, hc_sched_op_compat, SHUTDOWN, 0, 0), 0);
	ck_assert_uint_eq(e->d->end, END_REBOOT);
	env_free(e);
}
END_TEST

START_TEST(vcpus)
{
	struct env *e = env_new();
	struct vcpu *v1 = e->d->vcpus[1];

	ck_assert_int_eq(vcpu_op(e, 0, IS_UP, 0, 0), 1);
	ck_assert_int_eq(vcpu_op(e, 0, IS_UP, 3, 0), 0);
	ck_assert_int_eq(vcpu_op(e, 0, IS_UP, 4, 0), -XEN_ENOENT);
	ck_assert_int_eq(vcpu_op(e, 0, IS_UP, 8191, 0), -XEN_ENOENT);
	ck_assert_int_eq(vcpu_op(e, 0, 14, 0, 0), -XEN_ENOSYS);
	ck_assert_int_eq(vcpu_op(e, 0, 14, 9, 0), -XEN_ENOENT);
	ck_assert_int_eq(vcpu_op(e, 0, UP, 1, 0), -XEN_EINVAL);
	ck_assert_int_eq(vcpu_op(e, 0, GET_PHYSID, 0, ENV_ARGS), -XEN_EINVAL);
	ck_assert_int_eq(vcpu_op(e, 0, SEND_NMI, 0, 1), -XEN_EINVAL);
	ck_assert_int_eq(vcpu_op(e, 0, SEND_NMI, 0, 0), 0);
	ck_assert(e->vcpu[0].xen.s.flags & XEN_VCPU_NMI_PENDING);
	ck_assert_int_eq(vcpu_op(e, 0, INITIALISE, 0, ENV_VA(8)), -XEN_EEXIST);
	ck_assert_int_eq(vcpu_op(e, 0, INITIALISE, 1, 0), -XEN_EFAULT);
	e->vcpu[1].xen.s.flags |= XEN_VCPU_INITIALISED;
	ck_assert_int_eq(vcpu_op(e, 0, UP, 1, 0), 0);
	ck_assert_int_eq(vcpu_op(e, 0, UP, 1, 0), 0);
	ck_assert_int_eq(vcpu_op(e, 0, IS_UP, 1, 0), 1);
	ck_assert_uint_eq(v1->s.run, VCPU_RUNNABLE);
	xen_time_enter(v1);
	/* Taken down in its sleep, it sleeps on; an event in between ends that. */
	ck_assert_int_eq(sched_op(e, 1, BLOCK, 0), 0);
	ck_assert_int_eq(vcpu_op(e, 0, DOWN, 1, 0), 0);
	ck_assert_int_eq(vcpu_op(e, 0, IS_UP, 1, 0), 0);
	ck_assert_int_eq(vcpu_op(e, 0, UP, 1, 0), 0);
	ck_assert_uint_eq(v1->s.run, VCPU_BLOCKED);
	ck_assert_int_eq(vcpu_op(e, 0, DOWN, 1, 0), 0);
	xen_mark_events_pending(v1);
	ck_assert_uint_eq(v1->s.run, VCPU_OFFLINE);
	ck_assert_int_eq(vcpu_op(e, 0, UP, 1, 0), 0);
	ck_assert_uint_eq(v1->s.run, VCPU_RUNNABLE);
	ck_assert_int_eq(vcpu_op(e, 0, DOWN, 1, 0), 0);
	ck_assert_uint_eq(e->d->end, END_RUNNING);
	/* The last one turns the machine off. */
	ck_assert_int_eq(vcpu_op(e, 0, DOWN, 0, 0), 0);
	ck_assert_uint_eq(e->d->end, END_POWEROFF);
	env_free(e);
}
END_TEST

static i64 register_info(struct env *e, u32 caller, u32 id, u64 mfn, u32 off)
{
	env_put64(e, ENV_ARGS, mfn);
	env_put64(e, ENV_ARGS + 8, off);
	return vcpu_op(e, caller, REGISTER_INFO, id, ENV_ARGS);
}

START_TEST(vcpu_info)
{
	struct env *e = env_new();
	struct vcpu *v1 = e->d->vcpus[1];
	u32 port;

	ck_assert_uint_eq(xen_info_u8(v1, VI_MASK), 1);
	ck_assert_int_eq(register_info(e, 0, 1, ENV_MFN(9), PAGE_SIZE - 63), -XEN_ENXIO);
	ck_assert_int_eq(register_info(e, 0, 1, ENV_MFN(9), 4), -XEN_ENXIO);
	ck_assert_int_eq(register_info(e, 0, 1, ENV_MFN(300), 0), -XEN_EINVAL);
	ck_assert_int_eq(register_info(e, 0, 1, ENV_MFN(9), 128), 0);
	ck_assert_int_eq(register_info(e, 0, 1, ENV_MFN(9), 128), -XEN_EINVAL); /* once */
	ck_assert_int_eq(register_info(e, 1, 0, ENV_MFN(9), 256), -XEN_EINVAL); /* it runs */
	ck_assert_uint_eq(env_u32(e, ENV_VA(9) + 128), 0x0101);
	ck_assert_uint_eq(env_u64(e, ENV_VA(9) + 136), UINT64_MAX);
	ck_assert_uint_eq(pvclock_read(e, ENV_VA(9) + 128 + VI_TIME, 99), 99);
	env_put64(e, ENV_VA(9) + 128, 0);
	env_put64(e, ENV_VA(9) + 136, 0);
	ck_assert_int_eq(env_evtchn(e, 7, 1, 0, 0), 0);
	port = env_arg(e, 1);
	ck_assert_int_eq(env_evtchn(e, 4, port, 0, 0), 0);
	ck_assert_uint_eq(env_u32(e, ENV_VA(9) + 128), 1);
	ck_assert_uint_eq(env_u64(e, ENV_VA(9) + 136), 1);
	ck_assert(xen_events_deliverable(v1));
	xen_info_set_u64(v1, VI_CR2, 0x1234567812345678ULL);
	ck_assert_uint_eq(env_u64(e, ENV_VA(9) + 144), 0x1234567812345678ULL);
	/* One past the 32nd has none until it registers it. */
	e->vcpu[2].xen.s.vcpu_info = 0;
	ck_assert_uint_eq(xen_info_u8(e->d->vcpus[2], VI_MASK), 1);
	xen_mark_events_pending(e->d->vcpus[2]);
	ck_assert(!xen_events_deliverable(e->d->vcpus[2]));
	ck_assert_int_eq(vcpu_op(e, 0, INITIALISE, 2, ENV_VA(8)), -XEN_EINVAL);
	env_free(e);
}
END_TEST

/* Timers live in described state: what is armed after a load fires as it would have. */
START_TEST(rearm)
{
	struct env *e = env_new();
	struct vcpu *v = e->d->vcpus[0];
	u32 port = timer_port(e, 0);
	struct error why = { 0 };

	ck_assert(state_check(&xen_time_state_desc));
	ck_assert_int_eq(single(e, 0, 4000, 0), 0);
	env_put32(e, ENV_ARGS + 128, port);
	ck_assert_int_eq(poll(e, 1, 2000), 0);
	vtimer_cancel(&e->d->time, &e->vcpu[0].xen.timer);
	vtimer_cancel(&e->d->time, &e->vcpu[0].xen.poll);
	ck_assert_uint_eq(timeline_next(&e->d->time), TIME_NEVER);
	ck_assert_int_eq(state_list_loaded(&e->d->states, &why), 0);
	ck_assert_uint_eq(timeline_next(&e->d->time), 2000);
	env_skip(e, 2000);
	ck_assert_uint_eq(v->s.run, VCPU_RUNNABLE);
	ck_assert_uint_eq(timeline_next(&e->d->time), 4000);
	env_skip(e, 4000);
	ck_assert(took(e, port));
	/* A vcpu_info that runs out of its frame is refused. */
	e->vcpu[2].xen.s.vcpu_info = ENV_VA(1) + PAGE_SIZE - VCPU_INFO_SIZE + 1;
	ck_assert_int_eq(state_list_loaded(&e->d->states, &why), -EINVAL);
	env_free(e);
}
END_TEST

/* struct vcpu_guest_context: what is not an address, and where each field goes. */
START_TEST(initialise)
{
	static const u32 addresses[] = { 648, 672, 4976, 5112, 5120, 5128, 5144, 5152, 5160, 728, 720 + 255 * 16 + 8 };
	struct env *e = env_new();
	struct pv_vcpu_state *s = &e->vcpu[1].s;
	const struct x86_state *x;
	u64 g = ENV_VA(8);
	u32 i;

	for (i = 0; i < ARRAY_SIZE(addresses); i++) {
		env_put64(e, g + 512, 4);
		env_put64(e, g + addresses[i], 0x0000800000000000ULL);
		ck_assert_int_eq(vcpu_op(e, 0, INITIALISE, 1, g), -XEN_EINVAL);
		env_put64(e, g + addresses[i], 0);
	}
	env_put64(e, g + 4816, 0x1008); /* an LDT that is not page-aligned */
	ck_assert_int_eq(vcpu_op(e, 0, INITIALISE, 1, g), -XEN_EINVAL);
	env_put64(e, g + 4816, 0);
	env_put64(e, g + 4824, 8193);
	ck_assert_int_eq(vcpu_op(e, 0, INITIALISE, 1, g), -XEN_EINVAL);
	env_put64(e, g + 4824, 0);
	env_put64(e, g + 512, 0); /* user mode without a user table */
	ck_assert_int_eq(vcpu_op(e, 0, INITIALISE, 1, g), -XEN_EINVAL);
	env_put64(e, g + 512, 4);
	env_put64(e, g + 4960, 8000); /* more descriptors than there may be */
	ck_assert_int_eq(vcpu_op(e, 0, INITIALISE, 1, g), -XEN_EINVAL);
	env_put64(e, g + 4960, 0);
	ck_assert(!(e->vcpu[1].xen.s.flags & XEN_VCPU_INITIALISED));
	ck_assert_int_eq(vcpu_op(e, 0, UP, 1, 0), -XEN_EINVAL);
	/* Each 8 bytes of registers a number of its own. */
	for (i = 0; i < 15; i++)
		env_put64(e, g + 520 + i * 8, 100 + i);
	env_put64(e, g + 648, 0xffffffff81000000ULL);
	env_put64(e, g + 656, FLAT_KERNEL_CS64);
	env_put64(e, g + 664, 0x1000);
	env_put64(e, g + 672, 0xffffc90000004f58ULL);
	env_put64(e, g + 680, FLAT_KERNEL_SS);
	env_put64(e, g + 720 + 14 * 16, 0xe0330000 | 4u << 8 | 14);
	env_put64(e, g + 720 + 14 * 16 + 8, 0xffffffff81001234ULL);
	env_put64(e, g + 4968, FLAT_KERNEL_SS);
	env_put64(e, g + 4976, 0xffffc90000008000ULL);
	env_put64(e, g + 4984 + 24, ENV_VA(12)); /* a top-level table with nothing in it */
	env_put64(e, g + 5112, 0xffffffff81002000ULL);
	env_put64(e, g + 5120, 0xffffffff81003000ULL);
	env_put64(e, g + 5128, 0xffffffff81004000ULL);
	env_put64(e, g + 5152, 0xffff888000010000ULL);
	env_put64(e, g + 512, 4 | 16); /* in kernel mode; system calls mask events */
	ck_assert_int_eq(vcpu_op(e, 0, INITIALISE, 1, g), 0);
	ck_assert_int_eq(vcpu_op(e, 0, INITIALISE, 1, g), -XEN_EEXIST);
	ck_assert_uint_eq(e->d->vcpus[1]->s.run, VCPU_OFFLINE);
	x86_sync(x86_of(e->d->vcpus[1]));
	x = &x86_of(e->d->vcpus[1])->s;
	ck_assert_uint_eq(x->gpr[R15], 100);
	ck_assert_uint_eq(x->gpr[RBP], 104);
	ck_assert_uint_eq(x->gpr[RAX], 110);
	ck_assert_uint_eq(x->gpr[RDI], 114);
	ck_assert_uint_eq(x->gpr[RSP], 0xffffc90000004f58ULL);
	ck_assert_uint_eq(x->rip, 0xffffffff81000000ULL);
	ck_assert_uint_eq(x->rflags, 0x202);
	ck_assert_uint_eq(x->seg[SEG_CS].sel, FLAT_KERNEL_CS64);
	ck_assert_uint_eq(x->seg[SEG_GS].base, 0xffff888000010000ULL);
	ck_assert_uint_eq(x->cpl, 3);
	ck_assert_uint_eq(s->iopl, 1);
	ck_assert_uint_eq(s->flags & (PV_KERNEL_MODE | PV_SYSCALL_MASK | PV_FAILSAFE_MASK), PV_KERNEL_MODE | PV_SYSCALL_MASK);
	ck_assert(e->vcpu[1].xen.s.flags & XEN_VCPU_INITIALISED);
	ck_assert_uint_eq(s->traps[14].address, 0xffffffff81001234ULL);
	ck_assert_uint_eq(s->traps[14].cs, FLAT_KERNEL_CS64);
	ck_assert_uint_eq(s->traps[14].flags, 4);
	ck_assert_uint_eq(s->kernel_sp, 0xffffc90000008000ULL);
	ck_assert_uint_eq(s->kernel_ss, FLAT_KERNEL_SS);
	ck_assert_uint_eq(s->event_ip, 0xffffffff81002000ULL);
	ck_assert_uint_eq(s->failsafe_ip, 0xffffffff81003000ULL);
	ck_assert_uint_eq(s->syscall_ip, 0xffffffff81004000ULL);
	ck_assert_int_eq(vcpu_op(e, 0, UP, 1, 0), 0);
	ck_assert_uint_eq(e->d->vcpus[1]->s.run, VCPU_RUNNABLE);
	env_free(e);
}
END_TEST

Suite *pvtime_suite(void)
{
	Suite *s = suite_create("pvtime");
	TCase *tc = tcase_create("pvtime");

	tcase_add_test(tc, pvclock);
	tcase_add_test(tc, wallclock);
	tcase_add_test(tc, single_shot);
	tcase_add_test(tc, periodic);
	tcase_add_test(tc, block_and_wake);
	tcase_add_test(tc, polling);
	tcase_add_test(tc, runstate);
	tcase_add_test(tc, watchdog);
	tcase_add_test(tc, shutdown_reasons);
	tcase_add_test(tc, vcpus);
	tcase_add_test(tc, vcpu_info);
	tcase_add_test(tc, rearm);
	tcase_add_test(tc, initialise);
	suite_add_tcase(s, tc);
	return s;
}
