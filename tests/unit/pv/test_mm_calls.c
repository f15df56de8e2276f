/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pv/mm/op.c, pv/mm/desc.c, pv/mm/map.c: mmu_update, mmuext_op, update_va_mapping, stores to read-only page tables,
 * descriptors; and a random guest whose counts must add up after every step.
 */
#include "tests/unit/mm_env.h"

START_TEST(update_call)
{
	struct env *e = env_running();
	u32 i;

	/* Plain stores to what is no table. */
	ck_assert_int_eq(upd(e, MA(40) + 16, 0x1122334455667788), 0);
	ck_assert_uint_eq(get(e, MA(40) + 16), 0x1122334455667788);
	ck_assert_int_eq(upd(e, (MA(0) + 16) | 2, 42), 0);
	ck_assert_uint_eq(get(e, MA(0) + 16), 42);
	ck_assert_int_eq(upd(e, 0x1000, 42), -XEN_EINVAL);
	ck_assert_int_eq(upd(e, MA(40) | 4, 42), -XEN_ENOSYS);
	ck_assert_int_eq(upd(e, MA(40) | 7, 42), -XEN_ENOSYS);
	ck_assert_int_eq(pv_mm_get_page_type(&e->pv, MFN(41), PG_SEG_DESC), 0);
	ck_assert_int_eq(upd(e, MA(41), 0), -XEN_EINVAL);
	pv_mm_put_page_type(&e->pv, MFN(41));
	ck_assert_int_eq(upd(e, MA(41), 0), 0);
	/* The M2P. */
	ck_assert_int_eq(upd(e, MA(40) | 1, 0x777), 0);
	ck_assert_uint_eq(pv_m2p_get(&e->pv, MFN(40)), 0x777);
	ck_assert_int_eq(upd(e, MA(FRAMES) | 1, 0x777), -XEN_EINVAL);
	ck_assert_int_eq(upd(e, 0x1001, 0x777), -XEN_EINVAL);
	/* How far it came is told, and added to only when the call is continued. */
	for (i = 0; i < 4; i++) {
		put(e, ARGS + i * 16, MA(40) + i * 8);
		put(e, ARGS + i * 16 + 8, i + 1);
	}
	put(e, DONE, 99);
	ck_assert_int_eq(call(e, hc_mmu_update, ARGS, 4, DONE, DOMID_SELF), 0);
	ck_assert_uint_eq(done(e), 4);
	put(e, ARGS + 2 * 16, 0x1000);
	put(e, PTE_AT(40, 3), 0);
	ck_assert_int_eq(call(e, hc_mmu_update, ARGS, 4, DONE, DOMID_SELF), -XEN_EINVAL);
	ck_assert_uint_eq(done(e), 2);
	ck_assert_uint_eq(get(e, MA(40) + 24), 0);
	ck_assert_int_eq(call(e, hc_mmu_update, ARGS, 0, DONE, DOMID_SELF), 0);
	ck_assert_uint_eq(done(e), 0);
	ck_assert_int_eq(call(e, hc_mmu_update, ARGS, 2, 0xffff800000000000, DOMID_SELF), 0);
	/* Whose. */
	ck_assert_int_eq(call(e, hc_mmu_update, ARGS, 2, 0, 7), -XEN_ESRCH);
	ck_assert_int_eq(call(e, hc_mmu_update, ARGS, 2, 0, OTHER_DOMAIN), -XEN_ESRCH);
	ck_assert_int_eq(call(e, hc_mmu_update, ARGS, 2, 0, XEN_BACKEND_DOMID), -XEN_EPERM);
	ck_assert_int_eq(call(e, hc_mmu_update, ARGS, 2, 0, DOMID_XEN), -XEN_EPERM);
	ck_assert_int_eq(call(e, hc_mmu_update, ARGS, 2, 0, 8u << 16 | DOMID_SELF), 0);
	ck_assert_int_eq(call(e, hc_mmu_update, ARGS, 2, 0, 1u << 16 | DOMID_SELF), -XEN_EPERM);
	ck_assert_int_eq(call(e, hc_mmu_update, ARGS, 2, 0, (OTHER_DOMAIN + 1) << 16 | DOMID_SELF), -XEN_ESRCH);
	put(e, ARGS, PTE_AT(5, 100));
	put(e, ARGS + 8, MA(40) | RW);
	ck_assert_int_eq(call(e, hc_mmu_update, ARGS, 1, 0, DOMID_IO), -XEN_EBUSY);
	put(e, ARGS + 8, 0xfec00000000 | RW);
	ck_assert_int_eq(call(e, hc_mmu_update, ARGS, 1, 0, DOMID_IO), -XEN_EPERM);
	put(e, ARGS + 8, 0);
	ck_assert_int_eq(call(e, hc_mmu_update, ARGS, 1, 0, DOMID_IO), 0);
	/* Bad addresses. */
	ck_assert_int_eq(call(e, hc_mmu_update, 0xffff820000000000, 1, 0, DOMID_SELF), -XEN_EFAULT);
	ck_assert_int_eq(call(e, hc_mmu_update, 0x10, 1, DONE, DOMID_SELF), -XEN_EFAULT);
	ck_assert_uint_eq(done(e), 0);
	/* The end of a continued call. */
	ck_assert_int_eq(call(e, hc_mmu_update, 0, 0x80000000, 0, 0xffffffea), -22);
	put(e, DONE, 5);
	ck_assert_int_eq(call(e, hc_mmu_update, ARGS, 0x80000001, DONE, DOMID_SELF), 0);
	ck_assert_uint_eq(done(e), 6);
	env_free(e);
}
END_TEST

START_TEST(update_long)
{
	struct env *e = env_running();
	struct hc h = { .v = e->v, .args = { MA(10), 1280, DONE, DOMID_SELF } };
	u32 i;

	/* 1280 requests in frames 10 to 14: more than one batch. */
	for (i = 10; i < 15; i++)
		ck_assert_int_eq(upd(e, PTE_AT(5, i), MA(i) | PTE_P), 0);
	for (i = 0; i < 1280; i++) {
		put(e, MA(10) + i * 16, MA(40) + i * 8 % PAGE_SIZE);
		put(e, MA(10) + i * 16 + 8, i);
	}
	put(e, MA(10) + 1270 * 16, 4);
	ck_assert_int_eq(hc_mmu_update(&h), 0);
	ck_assert(h.again);
	ck_assert_uint_eq(done(e), HC_BATCH);
	ck_assert_uint_eq(get(e, MA(40)), 512);
	ck_assert_uint_eq(h.args[0], MA(10) + HC_BATCH * 16);
	ck_assert_uint_eq(h.args[1], (1280 - HC_BATCH) | 0x80000000);
	h.again = false;
	ck_assert_int_eq(hc_mmu_update(&h), -XEN_ENOSYS);
	ck_assert(!h.again);
	ck_assert_uint_eq(done(e), 1270);
	env_free(e);
}
END_TEST

START_TEST(ext_call)
{
	struct env *e = env_running();
	u32 i;

	put(e, PTE_AT(20, 0), MA(21) | TBL);
	put(e, PTE_AT(21, 0), MA(22) | TBL);
	put(e, PTE_AT(22, 0), MA(23) | TBL);
	put(e, PTE_AT(23, 0), MA(24) | RW);
	ck_assert_int_eq(ext(e, 0, MFN(23), 0), 0);
	ck_assert_int_eq(ext(e, 1, MFN(22), 0), 0);
	ck_assert_int_eq(ext(e, 2, MFN(21), 0), 0);
	ck_assert_int_eq(ext(e, 3, MFN(20), 0), 0);
	ck_assert_int_eq(ext(e, 3, MFN(20), 0), -XEN_EINVAL);
	ck_assert_int_eq(ext(e, 3, MFN(21), 0), -XEN_EINVAL);
	sane(e);
	ck_assert_int_eq(ext(e, 15, MFN(20), 0), 0);
	ck_assert_int_eq(ext(e, 15, MFN(20), 0), 0);
	ck_assert_uint_eq(e->vcpu[0].s.user_root, MFN(20));
	ck_assert_uint_eq(page(e, 20)->types, 2);
	ck_assert_int_eq(ext(e, 4, MFN(20), 0), 0);
	ck_assert_int_eq(ext(e, 4, MFN(20), 0), -XEN_EINVAL);
	ck_assert_int_eq(ext(e, 15, MFN(25), 0), 0); /* an empty table is one, too */
	ck_assert_uint_eq(page(e, 20)->types, 0);
	ck_assert_int_eq(ext(e, 15, 0, 0), 0);
	ck_assert_int_eq(ext(e, 15, MFN(1), 0), -XEN_EINVAL);
	ck_assert_int_eq(ext(e, 5, MFN(1), 0), -XEN_EINVAL);
	ck_assert_int_eq(ext(e, 5, 0, 0), -XEN_EINVAL);
	ck_assert_int_eq(ext(e, 5, MFN(2), 0), 0);
	/* A root with the same L3 keeps the arguments reachable. */
	put(e, PTE_AT(26, 0), MA(3) | TBL);
	ck_assert_int_eq(ext(e, 5, MFN(26), 0), 0);
	ck_assert_uint_eq(e->vcpu[0].s.kernel_root, MFN(26));
	sane(e);
	ck_assert_int_eq(ext(e, 5, MFN(2), 0), 0);
	/* Flushes: there is nothing to do, but arguments are looked at. */
	for (i = 6; i <= 11; i++)
		if (i != 8 && i != 9)
			ck_assert_int_eq(ext(e, i, 0x123, 0), 0);
	put(e, ARGS + 0x100, 3);
	for (i = 8; i <= 9; i++) {
		ck_assert_int_eq(ext(e, i, 0, ARGS + 0x100), 0);
		ck_assert_int_eq(ext(e, i, 0, 0), -XEN_EINVAL);
		ck_assert_int_eq(ext(e, i, 0, 0xffff820000000000), -XEN_EINVAL);
	}
	ck_assert_int_eq(ext(e, 12, 0, 0), -XEN_EACCES);
	ck_assert_int_eq(ext(e, 18, 0, 0), -XEN_EINVAL);
	ck_assert_int_eq(ext(e, 19, 0, 0), -XEN_EOPNOTSUPP);
	ck_assert_int_eq(ext(e, 20, 0, 0), -XEN_EOPNOTSUPP);
	ck_assert_int_eq(ext(e, 14, 0, 0), -XEN_ENOSYS);
	ck_assert_int_eq(ext(e, 21, 0, 0), -XEN_ENOSYS);
	/* Pages. */
	put(e, MA(50) + 8, 77);
	ck_assert_int_eq(ext(e, 17, MFN(51), MFN(50)), 0);
	ck_assert_uint_eq(get(e, MA(51) + 8), 77);
	ck_assert_int_eq(ext(e, 17, MFN(51), MFN(2)), 0);
	ck_assert_uint_eq(get(e, MA(51)), get(e, MA(2)));
	ck_assert_int_eq(ext(e, 16, MFN(51), 0), 0);
	ck_assert_uint_eq(get(e, MA(51)), 0);
	ck_assert_int_eq(ext(e, 16, MFN(5), 0), -XEN_EINVAL);
	ck_assert_int_eq(ext(e, 16, MFN(FRAMES), 0), -XEN_EINVAL);
	ck_assert_int_eq(ext(e, 17, MFN(5), MFN(50)), -XEN_EINVAL);
	ck_assert_int_eq(ext(e, 17, MFN(51), MFN(FRAMES)), -XEN_EINVAL);
	/* The LDT is only looked at when used. */
	ck_assert_int_eq(ext(e, 13, 0x1000, 8192), 0);
	ck_assert_uint_eq(e->vcpu[0].s.ldt_entries, 8192);
	ck_assert_int_eq(ext(e, 13, 0x1000, 8193), -XEN_EINVAL);
	ck_assert_int_eq(ext(e, 13, 0x1008, 1), -XEN_EINVAL);
	ck_assert_int_eq(ext(e, 13, 0xffff820000000000, 1), -XEN_EINVAL);
	ck_assert_int_eq(ext(e, 13, 0x1008, 0), 0);
	ck_assert_uint_eq(e->vcpu[0].s.ldt_entries, 0);
	/* Lists and owners. */
	put(e, ARGS, 6);
	put(e, ARGS + 24, 7);
	put(e, ARGS + 48, 99);
	ck_assert_int_eq(call(e, hc_mmuext_op, ARGS, 3, DONE, DOMID_SELF), -XEN_ENOSYS);
	ck_assert_uint_eq(done(e), 2);
	ck_assert_int_eq(call(e, hc_mmuext_op, ARGS, 2, DONE, 7), -XEN_ESRCH);
	ck_assert_int_eq(call(e, hc_mmuext_op, ARGS, 2, DONE, OTHER_DOMAIN), -XEN_ESRCH);
	ck_assert_int_eq(call(e, hc_mmuext_op, ARGS, 2, DONE, XEN_BACKEND_DOMID), -XEN_EPERM);
	ck_assert_uint_eq(done(e), 2);
	ck_assert_int_eq(call(e, hc_mmuext_op, 0xffff820000000000, 1, 0, DOMID_SELF), -XEN_EFAULT);
	ck_assert_int_eq(call(e, hc_mmuext_op, 0x10, 1, 0, DOMID_SELF), -XEN_EFAULT);
	env_free(e);
}
END_TEST

START_TEST(va_mapping)
{
	struct env *e = env_running();
	u64 va = MA(100); /* L1 slot 100 */
	u64 i;

	ck_assert_int_eq(call(e, hc_update_va_mapping, va, MA(20) | RW, 0, 0), 0);
	ck_assert_uint_eq(get(e, PTE_AT(5, 100)), MA(20) | RW | PTE_U | BIT(52));
	ck_assert_int_eq(call(e, hc_update_va_mapping, va, MA(5) | RW, 0, 0), -XEN_EBUSY);
	ck_assert_int_eq(call(e, hc_update_va_mapping, va, MA(20) | RW | PTE_PCD, 0, 0), -XEN_EINVAL);
	ck_assert_int_eq(call(e, hc_update_va_mapping, 0x1000, MA(20) | RW, 0, 0), -XEN_EINVAL);
	ck_assert_int_eq(call(e, hc_update_va_mapping, PV_M2P_START, MA(20) | RW, 0, 0), -XEN_EINVAL);
	ck_assert_int_eq(call(e, hc_update_va_mapping, 0x123456789abcdef0, MA(20) | RW, 0, 0), -XEN_EINVAL);
	/* Flushes: of all kinds, local, all, and by bitmap. */
	for (i = 0; i < 4; i++) {
		ck_assert_int_eq(call(e, hc_update_va_mapping, va, 0, i, 0), 0);
		ck_assert_int_eq(call(e, hc_update_va_mapping, va, 0, i | 4, 0), 0);
		put(e, ARGS + 0x40, 1);
		ck_assert_int_eq(call(e, hc_update_va_mapping, va, MA(20) | RW, i | (ARGS + 0x40), 0), 0);
	}
	ck_assert_int_eq(call(e, hc_update_va_mapping, va, MA(21) | RW, 2 | 0x1000, 0), -XEN_EFAULT);
	ck_assert_uint_eq(get(e, PTE_AT(5, 100)), MA(21) | RW | PTE_U | BIT(52));
	ck_assert_int_eq(call(e, hc_update_va_mapping, va, 0, 3 | 0x1000, 0), 0);
	ck_assert_int_eq(call(e, hc_update_va_mapping_otherdomain, va, MA(21) | RW, 0, DOMID_SELF), 0);
	ck_assert_int_eq(call(e, hc_update_va_mapping_otherdomain, va, 0, 0, 7), -XEN_ESRCH);
	ck_assert_int_eq(call(e, hc_update_va_mapping_otherdomain, va, 0, 0, OTHER_DOMAIN), -XEN_ESRCH);
	ck_assert_int_eq(call(e, hc_update_va_mapping_otherdomain, va, 0, 0, XEN_BACKEND_DOMID), -XEN_EPERM);
	ck_assert_int_eq(call(e, hc_update_va_mapping_otherdomain, va, 0, 0, DOMID_IO), -XEN_EPERM);
	env_free(e);
}
END_TEST

START_TEST(emulated_stores)
{
	struct env *e = env_running();
	u64 va = MA(5) + 100 * 8; /* slot 100 of the L1, where it is mapped */

	ck_assert(!store(e, va, MFN(5), 8, MA(20) | RW)); /* not asked for */
	e->pv.s.vm_assist = 1u << 2;
	ck_assert(store(e, va, MFN(5), 8, MA(20) | RW));
	ck_assert_uint_eq(get(e, PTE_AT(5, 100)), MA(20) | RW | PTE_U | BIT(52));
	ck_assert_uint_eq(page(e, 20)->type, PG_WRITABLE);
	sane(e);
	/* Parts of an entry are merged with the rest. */
	ck_assert(store(e, va, MFN(5), 1, 0));
	ck_assert_uint_eq(get(e, PTE_AT(5, 100)), MA(20) | BIT(52));
	ck_assert(pv_mm_unused(&e->pv, MFN(20)));
	ck_assert(store(e, va + 4, MFN(5), 4, 0x80000000));
	ck_assert_uint_eq(get(e, PTE_AT(5, 100)), (MA(20) & UINT32_MAX) | PTE_NX);
	ck_assert(store(e, va, MFN(5), 2, 3));
	ck_assert_uint_eq(get(e, PTE_AT(5, 100)), (MA(16) | RW | PTE_U | BIT(52) | PTE_NX) & ~0xf000ULL);
	sane(e);
	/* What a hypercall would refuse faults, and so does what is not an L1 entry. */
	ck_assert(!store(e, va, MFN(5), 8, MA(4) | RW));
	ck_assert(!store(e, va, MFN(5), 8, MA(20) | RW | PTE_PCD));
	ck_assert(!store(e, va + 4, MFN(5), 8, 0));
	ck_assert(!store(e, va + 1, MFN(5), 2, 0));
	ck_assert(!store(e, va, MFN(5), 3, 0));
	ck_assert(!store(e, MA(4), MFN(4), 8, 0));
	ck_assert(!store(e, MA(2), MFN(2), 8, 0));
	ck_assert(!store(e, MA(20), MFN(20), 8, 0));
	e->vcpu[0].s.flags &= ~(u32)PV_KERNEL_MODE;
	ck_assert(!store(e, va, MFN(5), 8, 0));
	e->vcpu[0].s.flags |= PV_KERNEL_MODE;
	ck_assert(store(e, va, MFN(5), 8, 0));
	env_free(e);
}
END_TEST

#define CODE64 0x00af9a000000ffffULL
START_TEST(descriptors)
{
	struct env *e = env_running();
	u64 frames[14], d, i;
	struct {
		u64 in, out; /* out 0: refused */
	} t[] = {
		{ CODE64, CODE64 | 3ULL << 45 },
		{ 0x00cffa000000ffff, 0x00cffa000000ffff },
		{ 0x0000890000000067, 0 },                  /* TSS */
		{ 0x00008e0000100000, 0 },                  /* interrupt gate */
		{ 0x0000090000000067, 0x0000090000000067 }, /* not present: anything */
		{ 0x0000800000000001, 0x0000800000000001 }, /* type 0 */
		{ 0x0000ec00e0330000, 0x00008c00e0330000 }, /* call gate to the flat segment */
		{ 0x00008c0000080000, 0x00008c00000b0000 },
		{ 0x00008c00e0080000, 0 }, /* call gate into the hypervisor */
		{ 0x00008c0100080000, 0 }, /* with parameters */
	};

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		d = t[i].in;
		ck_assert_int_eq(pv_check_descriptor(&e->pv, &d), t[i].out != 0);
		ck_assert_uint_eq(d, t[i].out ? t[i].out : t[i].in);
	}
	put(e, MA(50) + 16, CODE64);
	put(e, ARGS, MFN(50));
	put(e, ARGS + 8, MFN(51));
	ck_assert_int_eq(call(e, hc_set_gdt, ARGS, 513, 0, 0), 0);
	ck_assert_uint_eq(get(e, MA(50) + 16), CODE64 | 3ULL << 45);
	ck_assert_uint_eq(page(e, 51)->type, PG_SEG_DESC);
	sane(e);
	ck_assert(pv_mm_descriptor(e->v, 0x10, &d));
	ck_assert_uint_eq(d, CODE64 | 3ULL << 45);
	ck_assert(pv_mm_descriptor(e->v, 512 * 8, &d));
	ck_assert(!pv_mm_descriptor(e->v, 513 * 8, &d));
	ck_assert(pv_mm_descriptor(e->v, FLAT_KERNEL_CS64, &d));
	ck_assert_uint_eq(d, 0x00affb000000ffff);
	ck_assert(pv_mm_descriptor(e->v, FLAT_KERNEL_SS, &d));
	ck_assert_uint_eq(d, 0x00cff3000000ffff);
	ck_assert(!pv_mm_descriptor(e->v, 0xe043, &d));
	/* Refused ones leave all as it was. */
	put(e, ARGS + 8, MFN(5));
	ck_assert_int_eq(call(e, hc_set_gdt, ARGS, 513, 0, 0), -XEN_EINVAL);
	put(e, MA(52), 0x0000890000000067);
	put(e, ARGS + 8, MFN(52));
	ck_assert_int_eq(call(e, hc_set_gdt, ARGS, 513, 0, 0), -XEN_EINVAL);
	ck_assert_int_eq(call(e, hc_set_gdt, ARGS, 7169, 0, 0), -XEN_EINVAL);
	ck_assert_int_eq(call(e, hc_set_gdt, 0x10, 1, 0, 0), -XEN_EFAULT);
	ck_assert_uint_eq(e->vcpu[0].s.gdt_entries, 513);
	ck_assert_uint_eq(page(e, 50)->types, 1);
	sane(e);
	/* update_descriptor, to the GDT and to plain pages. */
	ck_assert_int_eq(call(e, hc_update_descriptor, MA(50) + 24, CODE64, 0, 0), 0);
	ck_assert_uint_eq(get(e, MA(50) + 24), CODE64 | 3ULL << 45);
	ck_assert_int_eq(call(e, hc_update_descriptor, MA(50) + 24, 0x0000890000000067, 0, 0), -XEN_EINVAL);
	ck_assert_int_eq(call(e, hc_update_descriptor, MA(50) + 20, 0, 0, 0), -XEN_EINVAL);
	ck_assert_int_eq(call(e, hc_update_descriptor, MA(5), 0, 0, 0), -XEN_EINVAL);
	ck_assert_int_eq(call(e, hc_update_descriptor, 0x1000, 0, 0, 0), -XEN_EINVAL);
	ck_assert_int_eq(call(e, hc_update_descriptor, MA(55), CODE64, 0, 0), 0);
	ck_assert_uint_eq(get(e, MA(55)), CODE64 | 3ULL << 45);
	/* As many as there can be, all in one frame; then none. */
	for (i = 0; i < 14; i++)
		frames[i] = MFN(51);
	ck_assert_int_eq(pv_mm_set_gdt(e->v, frames, 7168), 0);
	sane(e);
	ck_assert(pv_mm_unused(&e->pv, MFN(50)));
	ck_assert_int_eq(call(e, hc_set_gdt, 0, 0, 0, 0), 0);
	ck_assert(pv_mm_unused(&e->pv, MFN(51)));
	/* The LDT: where it cannot be descriptors, there are none. */
	ck_assert_int_eq(upd(e, PTE_AT(5, 100), MA(55) | PTE_P), 0);
	ck_assert_int_eq(pv_mm_set_ldt(e->v, MA(100), 512), 0);
	ck_assert(pv_mm_descriptor(e->v, 0x4, &d));
	ck_assert_uint_eq(d, CODE64 | 3ULL << 45);
	ck_assert(!pv_mm_descriptor(e->v, 512 * 8 + 4, &d));
	ck_assert_int_eq(upd(e, PTE_AT(5, 100), MA(55) | RW), 0);
	ck_assert(!pv_mm_descriptor(e->v, 0x4, &d));
	ck_assert_int_eq(upd(e, PTE_AT(5, 100), 0), 0);
	ck_assert(!pv_mm_descriptor(e->v, 0x4, &d));
	env_free(e);
}
END_TEST

/* ---- a random guest --------------------------------------------------------------------------------------------- */

/* An entry that is often right, and often not. */
static u64 random_entry(u64 *s)
{
	static const u64 flags[] = { 0, PTE_P, RW, RW, RW | PTE_U, TBL, TBL, RW | PTE_NX, PTE_P | PTE_A, PTE_P | PTE_U, RW | PTE_PSE,
				     TBL | PTE_G, RW | PTE_PCD, PTE_W };
	u64 e = flags[rnd(s) % ARRAY_SIZE(flags)];

	switch (rnd(s) % 16) {
	case 0:
		return e;
	case 1:
		return e | (u64)rnd(s) << 24;
	default:
		return e | MA(rnd(s) % (FRAMES + 2));
	}
}

static void random_step(struct env *e, u64 *s)
{
	u32 n = FREE + rnd(s) % NFREE;
	u32 small = FREE + rnd(s) % 12; /* few frames, so that they meet again */
	struct hc h = { .v = e->v };
	u64 mfn, frames[2] = { MFN(n), MFN(small) };

	switch (rnd(s) % 20) {
	case 0:
		pv_mm_unpin(&e->pv, MFN(small));
		break;
	case 1:
	case 2:
		pv_mm_pin(&e->pv, MFN(small), PG_L1 + rnd(s) % 4);
		break;
	case 3:
		pv_mm_set_user_root(e->v, rnd(s) % 4 ? MFN(small) : 0);
		break;
	case 4:
		pv_mm_release(&e->pv, MFN(n));
		break;
	case 5:
		pv_mm_alloc_order(&e->pv, rnd(s), rnd(s) % 2, &mfn);
		break;
	case 6:
		pv_mm_set_gdt(e->d->vcpus[1], frames, rnd(s) % 1024);
		break;
	case 7:
		h.args[0] = MA(n) + rnd(s) % 512 * 8;
		h.args[1] = (u64)rnd(s) << 32 | rnd(s);
		hc_update_descriptor(&h);
		break;
	case 8:
		e->pv.s.vm_assist = rnd(s);
		store(e, MA(5) + 64 * 8 + rnd(s) % 256, MFN(5), 1u << rnd(s) % 4, random_entry(s));
		break;
	case 9:
		if (page(e, n)->refs > 1 && rnd(s) % 4)
			pv_mm_put_page_type(&e->pv, MFN(n));
		else
			pv_mm_get_page_type(&e->pv, MFN(small), PG_L1 + rnd(s) % 6);
		break;
	case 10:
		h.args[0] = MA(64) + rnd(s) % 64 * PAGE_SIZE;
		h.args[1] = random_entry(s);
		hc_update_va_mapping(&h);
		break;
	case 11:
		pv_mm_update(&e->pv, PTE_AT(2, 1 + rnd(s) % 511), random_entry(s), rnd(s) % 2);
		break;
	case 12:
		pv_mm_update(&e->pv, PTE_AT(3, 2 + rnd(s) % 100), random_entry(s), rnd(s) % 2);
		break;
	case 13:
		pv_mm_update(&e->pv, PTE_AT(4, 1 + rnd(s) % 100), random_entry(s), rnd(s) % 2);
		break;
	case 14:
		pv_mm_update(&e->pv, PTE_AT(5, 64 + rnd(s) % 100), random_entry(s), rnd(s) % 2);
		break;
	default:
		pv_mm_update(&e->pv, PTE_AT(small, rnd(s) % 512), random_entry(s), rnd(s) % 2);
		break;
	}
}

START_TEST(random_guest)
{
	u64 s = 0x5eed + (u64)_i;
	u32 i, k, tables = 0, linear = 0;
	struct env *e = env_running();

	for (i = 0; i < 6000; i++) {
		random_step(e, &s);
		if (i % 8 == 0)
			sane(e);
		for (k = 0; k < FREE + 12; k++)
			linear += page(e, k)->linear > 0;
	}
	ck_assert_uint_gt(linear, 0);
	for (i = 0; i < FRAMES; i++)
		tables += page(e, i)->type >= PG_L1 && page(e, i)->type <= PG_L4;
	ck_assert_uint_gt(tables, 3);
	/* Everything let go: nothing is counted any more. */
	take_apart(e, e->d->vcpus[0]);
	take_apart(e, e->d->vcpus[1]);
	for (i = 0; i < MAX_PAGES; i++) {
		while (page(e, i)->holds)
			pv_mm_put_page_type(&e->pv, MFN(i));
		pv_mm_unpin(&e->pv, MFN(i));
	}
	all_unused(e);
	env_free(e);
}
END_TEST

Suite *mm_calls_suite(void)
{
	Suite *s = suite_create("pv/mm_calls");
	TCase *t = tcase_create("calls");

	tcase_add_test(t, update_call);
	tcase_add_test(t, update_long);
	tcase_add_test(t, ext_call);
	tcase_add_test(t, va_mapping);
	tcase_add_test(t, emulated_stores);
	tcase_add_test(t, descriptors);
	suite_add_tcase(s, t);
	t = tcase_create("random");
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, random_guest, 0, 8);
	suite_add_tcase(s, t);
	return s;
}
