/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A paravirtual domain without a kernel, for tests of hypercalls: translation is off, so that a guest address is a
 * machine address. Frame 0 is shared_info, frame 1 holds arguments, the others are free.
 */
#ifndef TESTS_UNIT_PV_ENV_H
#define TESTS_UNIT_PV_ENV_H

#ifndef PV_ENV_NO_CHECK
#include <check.h>
#else /* a fuzz target: libcheck may not be there */
#define ck_assert(x) ((x) ? (void)0 : abort())
#define ck_assert_msg(x, ...) ck_assert(x)
#define ck_assert_int_eq(a, b) ck_assert((a) == (b))
#define ck_assert_uint_eq(a, b) ck_assert((a) == (b))
#define ck_assert_ptr_nonnull(a) ck_assert((a) != NULL)
#define ck_assert_str_eq(a, b) ck_assert(!strcmp(a, b))
#endif
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "pv/hypercall.h"
#include "pv/mm/mm.h"
#include "vm/x86.h"
#include "xen/evtchn.h"
#include "xen/info.h"
#include "xen/sched.h"
#include "xen/time.h"

#ifndef ENV_FRAMES
#define ENV_FRAMES 16u
#endif
#define ENV_MFN(n) (PV_MFN_BASE + (n))
#define ENV_VA(n) (ENV_MFN(n) << PAGE_SHIFT)
#define ENV_ARGS ENV_VA(1)
#define ENV_VCPUS 4u

struct env {
	struct host host;
	struct domain *d;
	struct pv_domain pv;
	struct pv_vcpu vcpu[ENV_VCPUS];
};

static inline struct env *env_new(void)
{
	struct env *e = calloc(1, sizeof *e);
	u32 i;

	ck_assert_ptr_nonnull(e);
	ck_assert_int_eq(host_init(&e->host, &x86_arch, 0), 0);
	e->d = domain_create(&e->host, "test", pv_mm_limit(ENV_FRAMES), ENV_VCPUS, 0);
	ck_assert_ptr_nonnull(e->d);
	e->d->id = 7;
	domain_become(e->d, DOMAIN_PV, &e->pv, NULL);
	e->pv.xen.d = e->d;
	e->pv.xen.ops = &pv_guest_ops;
	ck_assert_int_eq(pv_mm_init(&e->pv, ENV_FRAMES, ENV_FRAMES), 0);
	e->pv.xen.s.shared_info = ENV_MFN(0);
	for (i = 0; i < ENV_VCPUS; i++) {
		e->d->vcpus[i]->machine = &e->vcpu[i];
		e->vcpu[i].xen.v = e->d->vcpus[i];
		e->vcpu[i].s.flags = PV_KERNEL_MODE;
	}
	ck_assert_int_eq(evtchn_init(&e->pv.xen), 0);
	ck_assert_int_eq(xen_time_init(&e->pv.xen), 0);
	e->vcpu[0].xen.s.flags |= XEN_VCPU_INITIALISED;
	xen_vcpu_up(e->d->vcpus[0]);
	xen_time_enter(e->d->vcpus[0]);
	return e;
}

static inline void env_free(struct env *e)
{
	u32 i;

	xen_time_free(&e->pv.xen);
	evtchn_free(&e->pv.xen);
	pv_mm_free(&e->pv);
	for (i = 0; i < ENV_VCPUS; i++)
		e->d->vcpus[i]->machine = NULL;
	e->d->machine = NULL;
	domain_destroy(e->d);
	host_exit(&e->host);
	free(e);
}

/* Words of guest memory. */
static inline u32 env_u32(struct env *e, u64 va)
{
	return mem_read_u32(&e->d->mem, va);
}

static inline u64 env_u64(struct env *e, u64 va)
{
	return mem_read_u64(&e->d->mem, va);
}

static inline void env_put32(struct env *e, u64 va, u32 x)
{
	mem_write_u32(&e->d->mem, va, x);
}

static inline void env_put64(struct env *e, u64 va, u64 x)
{
	mem_write_u64(&e->d->mem, va, x);
}

/* A hypercall of vCPU n. */
static inline i64 env_call(struct env *e, u32 n, i64 (*fn)(struct hc *), u64 a0, u64 a1, u64 a2)
{
	struct hc h = { .v = e->d->vcpus[n], .args = { a0, a1, a2 } };

	return fn(&h);
}

/* EVTCHNOP_ cmd with a struct of up to four 32-bit words at ENV_ARGS; read results with env_arg(). */
static inline i64 env_evtchn(struct env *e, u32 cmd, u32 w0, u32 w1, u32 w2)
{
	env_put32(e, ENV_ARGS, w0);
	env_put32(e, ENV_ARGS + 4, w1);
	env_put32(e, ENV_ARGS + 8, w2);
	return env_call(e, 0, hc_event_channel_op, cmd, ENV_ARGS, 0);
}

static inline u32 env_arg(struct env *e, u32 word)
{
	return env_u32(e, ENV_ARGS + word * 4);
}

/* Lets virtual time pass. */
static inline void env_skip(struct env *e, u64 to)
{
	while (timeline_next(&e->d->time) <= to) {
		timeline_skip(&e->d->time, timeline_next(&e->d->time));
		timeline_fire(&e->d->time);
	}
	timeline_skip(&e->d->time, to);
}

#endif
