/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * memory_op, and the small hypercalls of xen/version.c.
 */
#include "tests/suites.h"
#include "tests/unit/pv_env.h"

#define LIST ENV_VA(8)

static i64 mem(struct env *e, u64 cmd)
{
	return env_call(e, 0, hc_memory_op, cmd, ENV_ARGS, 0);
}

static void reservation_at(struct env *e, u64 at, u64 list, u64 n, u32 order, u32 dom)
{
	env_put64(e, at, list);
	env_put64(e, at + 8, n);
	env_put32(e, at + 16, order);
	env_put32(e, at + 20, 0);
	env_put32(e, at + 24, dom);
}

static i64 reservation(struct env *e, u64 cmd, u64 list, u64 n, u32 order, u32 dom)
{
	reservation_at(e, ENV_ARGS, list, n, order, dom);
	return mem(e, cmd);
}

START_TEST(decrease_and_populate)
{
	struct env *e = env_new();
	u64 mfn;

	env_put64(e, LIST, ENV_MFN(10));
	env_put64(e, LIST + 8, ENV_MFN(11));
	env_put64(e, LIST + 16, 0x77);
	env_put64(e, LIST + 24, ENV_MFN(12));
	env_put32(e, ENV_VA(10), 0x1234);
	/* Stops at the frame that is not the guest's. */
	ck_assert_int_eq(reservation(e, 1, LIST, 4, 0, DOMID_SELF), 2);
	ck_assert_uint_eq(pv_mm_total(&e->pv), ENV_FRAMES - 2);
	ck_assert(!pv_mm_owned(&e->pv, ENV_MFN(10)));
	ck_assert_uint_eq(pv_m2p_get(&e->pv, ENV_MFN(10)), ~0ull);
	/* The continued command starts where it left. */
	ck_assert_int_eq(reservation(e, 1 | 3 << 6, LIST, 4, 0, DOMID_SELF), 4);
	ck_assert_int_eq(reservation(e, 1 | 4 << 6, LIST, 4, 0, DOMID_SELF), 4);
	ck_assert_uint_eq(pv_mm_total(&e->pv), ENV_FRAMES - 3);
	/* Populate: three come back, a fourth is too many. */
	env_put64(e, LIST, 100);
	env_put64(e, LIST + 8, 101);
	env_put64(e, LIST + 16, 102);
	env_put64(e, LIST + 24, 103);
	ck_assert_int_eq(reservation(e, 6, LIST, 4, 0, DOMID_SELF), 3);
	mfn = env_u64(e, LIST + 8);
	ck_assert(pv_mm_owned(&e->pv, mfn));
	ck_assert_uint_eq(pv_m2p_get(&e->pv, mfn), 101);
	ck_assert_uint_eq(env_u32(e, env_u64(e, LIST) << 12), 0);
	ck_assert_uint_eq(env_u64(e, LIST + 24), 103);
	/* Bad arguments: the count done so far. */
	ck_assert_int_eq(reservation(e, 1, 0x10, 1, 0, DOMID_SELF), 0);
	ck_assert_int_eq(reservation(e, 1, LIST, 1ull << 40, 0, DOMID_SELF), 0);
	ck_assert_int_eq(reservation(e, 1, LIST, 1, 10, DOMID_SELF), 0);
	ck_assert_int_eq(reservation(e, 1, LIST, 1, 0, 42), 0);
	ck_assert_int_eq(reservation(e, 1, LIST, 1, 0, 0), -XEN_EPERM);
	ck_assert_int_eq(env_call(e, 0, hc_memory_op, 1, 0x10, 0), 0);
	/* increase gives frames without a pfn. */
	env_put64(e, LIST, ENV_MFN(13));
	ck_assert_int_eq(reservation(e, 1, LIST, 1, 0, 7), 1);
	ck_assert_int_eq(reservation(e, 0, LIST, 1, 0, 7), 1);
	ck_assert_uint_eq(pv_m2p_get(&e->pv, env_u64(e, LIST)), ~0ull);
	env_free(e);
}
END_TEST

START_TEST(long_lists)
{
	struct env *e = env_new();
	struct hc h = { .v = e->d->vcpus[0], .args = { 0, ENV_ARGS } };
	u32 rounds = 0;
	i64 rc;

	e->pv.xen.s.max_pages = 2100;
	reservation_at(e, ENV_ARGS, 0, 1500, 0, DOMID_SELF);
	do {
		h.again = false;
		rc = hc_memory_op(&h);
		rounds++;
	} while (h.again);
	ck_assert_int_eq(rc, 1500);
	ck_assert_uint_eq(rounds, 2);
	ck_assert_uint_eq(h.args[0], HC_BATCH << 6);
	ck_assert_uint_eq(pv_mm_total(&e->pv), ENV_FRAMES + 1500);
	env_free(e);
}
END_TEST

static i64 exchange(struct env *e, u64 in_n, u32 in_order, u64 out_n, u32 out_order)
{
	reservation_at(e, ENV_ARGS, LIST, in_n, in_order, DOMID_SELF);
	reservation_at(e, ENV_ARGS + 32, LIST + 2048, out_n, out_order, DOMID_SELF);
	env_put64(e, ENV_ARGS + 64, 0);
	return mem(e, 11);
}

START_TEST(exchange_contiguous)
{
	struct env *e = env_new();
	u64 base;
	u32 i;

	/* As Linux makes a contiguous region: four single frames for one of order 2. */
	for (i = 0; i < 4; i++)
		env_put64(e, LIST + i * 8, ENV_MFN(9 + i));
	env_put64(e, LIST + 2048, 9);
	ck_assert_int_eq(exchange(e, 4, 0, 1, 2), 0);
	ck_assert_uint_eq(env_u64(e, ENV_ARGS + 64), 4);
	base = env_u64(e, LIST + 2048);
	ck_assert_uint_eq(base % 4, 0);
	for (i = 0; i < 4; i++) {
		ck_assert(pv_mm_owned(&e->pv, base + i));
		ck_assert_uint_eq(pv_m2p_get(&e->pv, base + i), 9 + i);
	}
	ck_assert_uint_eq(pv_mm_total(&e->pv), ENV_FRAMES);
	/* And back. */
	env_put64(e, LIST, base);
	for (i = 0; i < 4; i++)
		env_put64(e, LIST + 2048 + i * 8, 9 + i);
	ck_assert_int_eq(exchange(e, 1, 2, 4, 0), 0);
	ck_assert_uint_eq(env_u64(e, ENV_ARGS + 64), 1);
	ck_assert_uint_eq(pv_mm_total(&e->pv), ENV_FRAMES);
	ck_assert_uint_eq(e->pv.xen.s.max_pages, ENV_FRAMES);
	/* Named twice, not owned, in use, badly sized: nothing happens. */
	env_put64(e, LIST, ENV_MFN(2));
	env_put64(e, LIST + 8, ENV_MFN(2));
	ck_assert_int_eq(exchange(e, 2, 0, 1, 1), -XEN_EINVAL);
	env_put64(e, LIST + 8, 5);
	ck_assert_int_eq(exchange(e, 2, 0, 1, 1), -XEN_EINVAL);
	env_put64(e, LIST + 8, ENV_MFN(3));
	ck_assert_int_eq(pv_mm_hold_writable(&e->pv, ENV_MFN(3)), 0);
	ck_assert_int_eq(exchange(e, 2, 0, 1, 1), -XEN_EINVAL);
	ck_assert_uint_eq(env_u64(e, ENV_ARGS + 64), 0);
	pv_mm_release_writable(&e->pv, ENV_MFN(3));
	ck_assert_int_eq(exchange(e, 2, 0, 1, 0), -XEN_EINVAL);
	ck_assert_int_eq(exchange(e, 1, 10, 1024, 0), -XEN_EPERM);
	ck_assert_int_eq(exchange(e, ~0ull, 0, ~0ull, 1), -XEN_EINVAL);
	ck_assert_uint_eq(pv_mm_total(&e->pv), ENV_FRAMES);
	/* Address bits that no frame has. */
	reservation_at(e, ENV_ARGS, LIST, 2, 0, DOMID_SELF);
	reservation_at(e, ENV_ARGS + 32, LIST + 2048, 1, 1, DOMID_SELF);
	env_put32(e, ENV_ARGS + 32 + 20, 24);
	env_put64(e, ENV_ARGS + 64, 0);
	ck_assert_int_eq(mem(e, 11), -XEN_ENOMEM);
	ck_assert_uint_eq(pv_mm_total(&e->pv), ENV_FRAMES);
	ck_assert(pv_mm_owned(&e->pv, ENV_MFN(2)));
	ck_assert_uint_eq(e->pv.xen.s.max_pages, ENV_FRAMES);
	env_free(e);
}
END_TEST

START_TEST(questions)
{
	struct env *e = env_new();

	ck_assert_int_eq(mem(e, 12), 0);
	ck_assert_uint_eq(env_u64(e, ENV_ARGS), PV_M2P_START);
	ck_assert_uint_eq(env_u64(e, ENV_ARGS + 8), 0xffff804000000000ull);
	ck_assert_uint_eq(env_u64(e, ENV_ARGS + 16), BIT(35) - 1);
	env_put32(e, ENV_ARGS, 128);
	env_put64(e, ENV_ARGS + 8, LIST);
	env_put32(e, LIST + 20, 0xabcd);
	ck_assert_int_eq(mem(e, 9), 0);
	ck_assert_uint_eq(env_u32(e, ENV_ARGS), 1);
	ck_assert_uint_eq(env_u64(e, LIST), 0);
	ck_assert_uint_eq(env_u64(e, LIST + 8), ENV_FRAMES * 4096);
	ck_assert_uint_eq(env_u32(e, LIST + 16), 1);
	ck_assert_uint_eq(env_u32(e, LIST + 20), 0xabcd);
	ck_assert_int_eq(mem(e, 10), -XEN_EPERM);
	env_put32(e, ENV_ARGS, DOMID_SELF);
	ck_assert_int_eq(mem(e, 3), ENV_FRAMES);
	ck_assert_int_eq(mem(e, 4), ENV_FRAMES);
	ck_assert_int_eq(mem(e, 3 | 64), -XEN_EINVAL);
	env_put64(e, ENV_VA(0) + 3088, 500);
	ck_assert_int_eq(mem(e, 14), 499);
	env_put32(e, ENV_ARGS, 42);
	ck_assert_int_eq(mem(e, 3), -XEN_ESRCH);
	env_put32(e, ENV_ARGS, 0);
	ck_assert_int_eq(mem(e, 4), -XEN_EPERM);
	env_put32(e, ENV_ARGS, DOMID_SELF);
	env_put32(e, ENV_ARGS + 4, 0);
	ck_assert_int_eq(mem(e, 7), -XEN_EACCES);
	env_put64(e, ENV_ARGS + 8, ENV_MFN(3));
	ck_assert_int_eq(mem(e, 15), 0);
	env_put64(e, ENV_ARGS + 8, 1);
	ck_assert_int_eq(mem(e, 15), -XEN_ENOENT);
	ck_assert_int_eq(mem(e, 26), -XEN_EOPNOTSUPP);
	env_put32(e, ENV_ARGS + 32, 42);
	ck_assert_int_eq(mem(e, 17), -XEN_ESRCH);
	env_put32(e, ENV_ARGS + 32, DOMID_SELF);
	ck_assert_int_eq(mem(e, 17), -XEN_EPERM);
	ck_assert_int_eq(mem(e, 60), -XEN_ENOSYS);
	ck_assert_int_eq(env_call(e, 0, hc_memory_op, 12, 0x10, 0), -XEN_EFAULT);
	env_free(e);
}
END_TEST

START_TEST(version)
{
	struct env *e = env_new();
	char text[1024];

#define VER(cmd, va) env_call(e, 0, hc_xen_version, cmd, va, 0)
	ck_assert_int_eq(VER(0, 0), 0x40011);
	ck_assert_int_eq(VER(1, LIST), 0);
	ck_assert_int_eq(mem_read(&e->d->mem, LIST, text, 16), 0);
	ck_assert_int_eq(text[0], '.');
	ck_assert_int_eq(VER(2, LIST), 0);
	ck_assert_int_eq(VER(3, LIST), 0);
	ck_assert_int_eq(mem_read(&e->d->mem, LIST, text, 1024), 0);
	ck_assert_str_eq(text, "xen-3.0-x86_64 xen-3.0-x86_32p ");
	ck_assert_int_eq(VER(5, LIST), 0);
	ck_assert_uint_eq(env_u64(e, LIST), PV_M2P_START);
	env_put32(e, LIST, 0);
	ck_assert_int_eq(VER(6, LIST), 0);
	ck_assert_uint_eq(env_u32(e, LIST + 4), 0x220e0);
	env_put32(e, LIST, 1);
	ck_assert_int_eq(VER(6, LIST), -XEN_EINVAL);
	ck_assert_int_eq(VER(7, 0), 4096);
	ck_assert_int_eq(VER(7, LIST), -XEN_EINVAL);
	ck_assert_int_eq(VER(8, LIST), 0);
	ck_assert_int_eq(VER(9, LIST), 0);
	ck_assert_int_eq(mem_read(&e->d->mem, LIST, text, 16), 0);
	ck_assert_str_eq(text, "<denied>");
	ck_assert_int_eq(VER(10, LIST), -XEN_EPERM);
	ck_assert_int_eq(VER(11, LIST), -XEN_ENOSYS);
	ck_assert_int_eq(VER(3, 0x10), -XEN_EFAULT);
	/* vm_assist */
	ck_assert_int_eq(env_call(e, 0, hc_vm_assist, 0, 2, 0), 0);
	ck_assert_int_eq(env_call(e, 0, hc_vm_assist, 0, 3, 0), 0);
	ck_assert_uint_eq(e->pv.s.vm_assist, 12);
	env_put32(e, LIST, 0);
	ck_assert_int_eq(VER(6, LIST), 0);
	ck_assert_uint_eq(env_u32(e, LIST + 4), 0x220f0);
	ck_assert_int_eq(env_call(e, 0, hc_vm_assist, 1, 2, 0), 0);
	ck_assert_uint_eq(e->pv.s.vm_assist, 8);
	ck_assert_int_eq(env_call(e, 0, hc_vm_assist, 0, 32, 0), 0);
	ck_assert_int_eq(env_call(e, 0, hc_vm_assist, 0, 6, 0), -XEN_EINVAL);
	ck_assert_int_eq(env_call(e, 0, hc_vm_assist, 0, 31, 0), -XEN_EINVAL);
	ck_assert_int_eq(env_call(e, 0, hc_vm_assist, 2, 0, 0), -XEN_ENOSYS);
	env_free(e);
}
END_TEST

START_TEST(physdev)
{
	struct env *e = env_new();

#define PHYS(cmd) env_call(e, 0, hc_physdev_op, cmd, ENV_ARGS, 0)
	env_put32(e, ENV_ARGS, 1);
	ck_assert_int_eq(PHYS(6), 0);
	ck_assert_uint_eq(e->vcpu[0].s.iopl, 1);
	env_put32(e, ENV_ARGS, 4);
	ck_assert_int_eq(PHYS(6), -XEN_EINVAL);
	env_put64(e, ENV_ARGS, 0x7ffffffff000);
	env_put32(e, ENV_ARGS + 8, 65536);
	ck_assert_int_eq(PHYS(7), 0);
	ck_assert_uint_eq(e->vcpu[0].s.iobmp, 0x7ffffffff000);
	ck_assert_uint_eq(e->vcpu[0].s.iobmp_ports, 65536);
	env_put32(e, ENV_ARGS + 8, 65537);
	ck_assert_int_eq(PHYS(7), -XEN_EINVAL);
	env_put32(e, ENV_ARGS + 8, 0);
	env_put64(e, ENV_ARGS, 0x800000000000);
	ck_assert_int_eq(PHYS(7), -XEN_EINVAL);
	env_put64(e, ENV_ARGS, PV_HYPER_END - 1);
	ck_assert_int_eq(PHYS(7), -XEN_EINVAL);
	ck_assert_uint_eq(e->vcpu[0].s.iobmp_ports, 65536);
	env_put64(e, ENV_ARGS, PV_HYPER_END);
	ck_assert_int_eq(PHYS(7), 0);
	ck_assert_uint_eq(e->vcpu[0].s.iobmp_ports, 0);
	env_put64(e, ENV_ARGS, ENV_MFN(5));
	ck_assert_int_eq(PHYS(28), 0);
	env_put64(e, ENV_ARGS, 5);
	ck_assert_int_eq(PHYS(28), -XEN_EINVAL);
	ck_assert_int_eq(PHYS(12), -XEN_EINVAL);
	ck_assert_int_eq(PHYS(8), -XEN_EPERM);
	ck_assert_int_eq(PHYS(25), -XEN_EPERM);
	ck_assert_int_eq(PHYS(4), -XEN_ENOSYS);
	ck_assert_int_eq(PHYS(77), -XEN_ENOSYS);
	env_put32(e, ENV_ARGS, 6);
	env_put32(e, ENV_ARGS + 8, 3);
	ck_assert_int_eq(env_call(e, 0, hc_physdev_op_compat, ENV_ARGS, 0, 0), 0);
	ck_assert_uint_eq(e->vcpu[0].s.iopl, 3);
	ck_assert_int_eq(env_call(e, 0, hc_xenpmu_op, 0, 0, 0), -XEN_EOPNOTSUPP);
	ck_assert_int_eq(env_call(e, 0, hc_console_io, 0, 1, 0x10), -XEN_EFAULT);
	ck_assert_int_eq(env_call(e, 0, hc_console_io, 1, 1, 0x10), -XEN_EPERM);
	ck_assert_int_eq(env_call(e, 0, hc_console_io, 2, 1, 0x10), -XEN_EPERM);
	env_free(e);
}
END_TEST

Suite *memory_suite(void)
{
	Suite *s = suite_create("memory");
	TCase *tc = tcase_create("memory");

	tcase_add_test(tc, decrease_and_populate);
	tcase_add_test(tc, long_lists);
	tcase_add_test(tc, exchange_contiguous);
	tcase_add_test(tc, questions);
	tcase_add_test(tc, version);
	tcase_add_test(tc, physdev);
	suite_add_tcase(s, tc);
	return s;
}
