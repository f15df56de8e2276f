/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xen/spin.c: who goes in circles naps, and nobody else. Slots are told to it as if they had run. */
#include "pv/traps.h"
#include "tests/suites.h"
#include "tests/unit/pv_env.h"
#include "vm/x86.h"
#include "xen/sched.h"
#include "xen/spin.h"

#define MANY 2000u
#define NAP 10000000u

enum what { CIRCLES, ONWARD, READS, READS_RARELY, CALLS };

/* Slots until it naps; MANY: it did not. */
static u32 slots(struct env *e, enum what what, u32 period)
{
	struct vcpu *v = e->d->vcpus[0];
	u32 i;

	for (i = 0; i < MANY && v->s.run == VCPU_RUNNABLE; i++) {
		xen_spin_enter(v);
		e->d->slot_start_icount = x86_icount(x86_of(v));
		x86_of(v)->r[3] = what == CIRCLES || what == CALLS ? i % period : i;
		v->cpu->retired += 500000;
		if (what == READS || what == READS_RARELY)
			pv_tsc(x86_of(v));
		if (what == READS)
			e->vcpu[0].xen.s.spin_reads += 100;
		if (what == CALLS && i % 30 == 29)
			xen_spin_active(v);
		xen_spin_leave(v);
	}
	return i;
}

START_TEST(naps)
{
	struct env *e = env_new();
	struct vcpu *v = e->d->vcpus[0];
	u64 now;
	u32 n;

	e->vcpu[0].s.event_ip = 0;
	n = slots(e, CIRCLES, 1);
	ck_assert_uint_ge(n, 30);
	ck_assert_uint_lt(n, 100);
	ck_assert_uint_eq(v->s.run, VCPU_BLOCKED);
	now = domain_now(e->d);
	env_skip(e, now + NAP - 1);
	ck_assert_uint_eq(v->s.run, VCPU_BLOCKED);
	env_skip(e, now + NAP);
	ck_assert_uint_eq(v->s.run, VCPU_RUNNABLE);
	/* The next nap comes at once, until it calls. */
	ck_assert_uint_eq(slots(e, CIRCLES, 1), 1);
	env_skip(e, domain_now(e->d) + NAP);
	xen_spin_active(v);
	ck_assert_uint_eq(e->vcpu[0].xen.s.poll_deadline, TIME_NEVER);
	ck_assert_uint_ge(slots(e, CIRCLES, 1), 30);
	/* An event wakes it. */
	xen_vcpu_unblock(v);
	ck_assert_uint_eq(v->s.run, VCPU_RUNNABLE);
	ck_assert_uint_eq(e->vcpu[0].xen.s.poll_deadline, TIME_NEVER);
	env_free(e);
}
END_TEST

START_TEST(circles_of_any_length)
{
	u32 period;

	for (period = 2; period < 400; period += 37) {
		struct env *e = env_new();

		e->vcpu[0].s.event_ip = 0;
		ck_assert_uint_lt(slots(e, CIRCLES, period), MANY);
		env_free(e);
	}
}
END_TEST

START_TEST(waits_for_the_clock)
{
	struct env *e = env_new();

	e->vcpu[0].s.event_ip = 0;
	ck_assert_uint_lt(slots(e, READS, 1), 100);
	env_free(e);
}
END_TEST

START_TEST(leaves_others_alone)
{
	static const enum what others[] = { ONWARD, READS_RARELY, CALLS };
	struct env *e = env_new();
	u32 i;

	e->vcpu[0].s.event_ip = 0;
	for (i = 0; i < ARRAY_SIZE(others); i++) {
		ck_assert_uint_eq(slots(e, others[i], 1), MANY);
		xen_spin_active(e->d->vcpus[0]);
	}
	/* One that takes events sleeps when it wants to. */
	e->vcpu[0].s.event_ip = 0x1000;
	ck_assert_uint_eq(slots(e, CIRCLES, 1), MANY);
	ck_assert_uint_eq(slots(e, READS, 1), MANY);
	env_free(e);
}
END_TEST

Suite *spin_suite(void)
{
	Suite *s = suite_create("spin");
	TCase *t = tcase_create("spin");

	tcase_add_test(t, naps);
	tcase_add_test(t, circles_of_any_length);
	tcase_add_test(t, waits_for_the_clock);
	tcase_add_test(t, leaves_others_alone);
	suite_add_tcase(s, t);
	return s;
}
