/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A paravirtual guest with a few frames and page tables of its own, for the tests of pv/mm.
 */
#ifndef TESTS_UNIT_MM_ENV_H
#define TESTS_UNIT_MM_ENV_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "pv/hypercall.h"
#include "pv/mm/impl.h"
#include "tests/suites.h"
#include "tests/unit/quick.h"
#include "vm/x86.h"

#ifndef FRAMES
#define FRAMES 64u
#endif
#define MAX_PAGES (FRAMES + 16)
#define MFN(n) (PV_MFN_BASE + (n))
#define MA(n) (MFN(n) << PAGE_SHIFT)
#define FREE 8u /* frames from here on are mapped writable and used by nobody */
#define NFREE (FRAMES - FREE)
#define ARGS MA(1)
#define RW (PTE_P | PTE_W)
#define TBL (PTE_P | PTE_W | PTE_U | PTE_A | PTE_D)
#define PTE_AT(n, i) (MA(n) + (i) * 8)
#define OTHER_DOMAIN 9u

/*
 * A guest of 64 frames, or FRAMES. Frames 2 to 5 are L4, L3, L2, L1 and map the frames below FREE at the address that equals their
 * machine address, so that arguments at ARGS are found with translation on or off.
 */
struct env {
	struct host host;
	struct domain *d;
	struct pv_domain pv;
	struct pv_vcpu vcpu[2];
	struct vcpu *v;
	struct pv_mm *mm;
};

static inline void put(struct env *e, u64 maddr, u64 val)
{
	mem_write_u64(&e->d->mem, maddr, val);
}

static inline u64 get(struct env *e, u64 maddr)
{
	return mem_read_u64(&e->d->mem, maddr);
}

static inline const struct pv_page *page(struct env *e, u32 n)
{
	return pv_mm_page(&e->pv, MFN(n));
}

/* Counts add up, and nothing is two things at once. */
static inline void sane(struct env *e)
{
	u64 mfn = 0;
	const char *what = pv_mm_check(&e->pv, &mfn);

	quick_msg(!what, "frame 0x%llx: %s", (unsigned long long)mfn, what ? what : "");
}

static inline struct env *env_make(bool is32)
{
	struct env *e = calloc(1, sizeof *e);
	u32 i;

	ck_assert_ptr_nonnull(e);
	ck_assert_int_eq(host_init(&e->host, &x86_arch, 0), 0);
	e->d = domain_create(&e->host, "test", pv_mm_limit(MAX_PAGES), 2, 0);
	ck_assert_ptr_nonnull(e->d);
	e->d->id = 7;
	domain_become(e->d, DOMAIN_PV, &e->pv, NULL);
	e->pv.xen.d = e->d;
	e->pv.xen.ops = &pv_guest_ops;
	e->pv.xen.s.is32 = is32;
	ck_assert_int_eq(pv_mm_init(&e->pv, FRAMES, MAX_PAGES), 0);
	e->mm = e->pv.mm;
	for (i = 0; i < 2; i++) {
		e->d->vcpus[i]->machine = &e->vcpu[i];
		e->vcpu[i].xen.v = e->d->vcpus[i];
		e->vcpu[i].s.flags = PV_KERNEL_MODE;
		pv_mm_vcpu_init(e->d->vcpus[i]);
	}
	e->v = e->d->vcpus[0];
	put(e, PTE_AT(2, 0), MA(3) | TBL);
	put(e, PTE_AT(3, 1), MA(4) | TBL);
	put(e, PTE_AT(4, 0), MA(5) | TBL);
	for (i = 0; i < FREE; i++)
		put(e, PTE_AT(5, i), MA(i) | (i >= 2 && i <= 5 ? PTE_P : RW));
	return e;
}

static inline struct env *env_new(void)
{
	return env_make(false);
}

static inline void env_free(struct env *e)
{
	u32 i;

	sane(e);
	pv_mm_free(&e->pv);
	for (i = 0; i < 2; i++)
		e->d->vcpus[i]->machine = NULL;
	e->d->machine = NULL;
	domain_destroy(e->d);
	host_exit(&e->host);
	free(e);
}

/* With the tables adopted and running. */
static inline struct env *env_running(void)
{
	struct env *e = env_new();

	ck_assert_int_eq(pv_mm_adopt(&e->pv, MFN(2)), 0);
	ck_assert_int_eq(pv_mm_set_kernel_root(e->v, MFN(2)), 0);
	sane(e);
	return e;
}

/* A hypercall, with its continuations. */
static inline i64 call(struct env *e, i64 (*fn)(struct hc *), u64 a0, u64 a1, u64 a2, u64 a3)
{
	struct hc h = { .v = e->v, .args = { a0, a1, a2, a3 } };
	i64 rc;

	do {
		h.again = false;
		e->pv.xen.work = 0;
		rc = fn(&h);
	} while (h.again);
	return rc;
}

/* Takes a vCPU apart, with whatever is left of that. */
static inline void take_apart(struct env *e, struct vcpu *v)
{
	struct mm_slice sl = MM_WHOLE;

	e->pv.xen.work = 0;
	pv_mm_vcpu_reset(v, v);
	ck_assert_int_eq(mm_settle(v, &sl), 0);
}

/* Nobody uses a frame as anything, nor names it, but for whom it is allocated. */
static inline void all_unused(struct env *e)
{
	u32 k;

	for (k = 0; k < MAX_PAGES; k++) {
		ck_assert_uint_eq(page(e, k)->types, 0);
		ck_assert_int_eq(page(e, k)->linear, 0);
		ck_assert_uint_eq(page(e, k)->refs, !!(page(e, k)->flags & PGF_ALLOCATED));
	}
}

#define DONE (ARGS + 0xff8)
static inline u32 done(struct env *e)
{
	return mem_read_u32(&e->d->mem, DONE);
}

/* One mmu_update request. */
static inline i64 upd(struct env *e, u64 ptr, u64 val)
{
	put(e, ARGS, ptr);
	put(e, ARGS + 8, val);
	return call(e, hc_mmu_update, ARGS, 1, 0, DOMID_SELF);
}

static inline u32 rnd(u64 *s)
{
	*s = *s * 6364136223846793005ULL + 1442695040888963407ULL;
	return (u32)(*s >> 33);
}

static inline i64 ext(struct env *e, u32 cmd, u64 arg1, u64 arg2)
{
	put(e, ARGS, cmd);
	put(e, ARGS + 8, arg1);
	put(e, ARGS + 16, arg2);
	return call(e, hc_mmuext_op, ARGS, 1, 0, DOMID_SELF);
}

static inline bool store(struct env *e, u64 va, u64 mfn, u32 size, u64 value)
{
	struct mmu *m = &x86_of(e->v)->mmu;

	return m->hooks->ro_store(m->opaque, m, va, mfn, size, value);
}

#endif
