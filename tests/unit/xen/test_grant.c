/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * grant_table_op: versions, tables, maps, copies, refusals; the services back ends use; save and load.
 */
#include "tests/suites.h"
#include "tests/unit/pv_env.h"
#include "xen/grant.h"

#define ME 7u
#define L1 4u /* an L1 table */
#define PAGE 5u /* what is granted */
#define OTHER 6u

static struct env *start(void)
{
	struct env *e = env_new();

	e->pv.xen.s.console_mfn = ENV_MFN(2);
	e->pv.xen.s.store_mfn = ENV_MFN(3);
	ck_assert_int_eq(grants_init(&e->pv.xen), 0);
	grants_seed(&e->pv.xen);
	ck_assert_int_eq(pv_mm_pin(&e->pv, ENV_MFN(L1), PG_L1), 0);
	return e;
}

static void finish(struct env *e)
{
	u64 mfn;
	const char *bad = pv_mm_check(&e->pv, &mfn);

	ck_assert_msg(!bad, "%s", bad ? bad : "");
	grants_free(&e->pv.xen);
	env_free(e);
}

static i64 op(struct env *e, u32 cmd, u32 count)
{
	return env_call(e, 0, hc_grant_table_op, cmd, ENV_ARGS, count);
}

static i16 status16(struct env *e, u32 at)
{
	return (i16)(env_u32(e, (ENV_ARGS + at) & ~3ull) >> (at & 2) * 8);
}

static u64 table(struct env *e, u32 ref)
{
	u32 v1 = e->pv.xen.grants->s.version == 1;

	return (e->pv.xen.grants->s.frames[ref / (v1 ? 512 : 256)] << PAGE_SHIFT) + (u64)(ref % (v1 ? 512 : 256)) * (v1 ? 8 : 16);
}

static void grant(struct env *e, u32 ref, u32 dom, u32 flags, u64 mfn)
{
	env_put32(e, table(e, ref), (flags | GTF_permit_access) | dom << 16);
	if (e->pv.xen.grants->s.version == 1)
		env_put32(e, table(e, ref) + 4, (u32)mfn);
	else
		env_put64(e, table(e, ref) + 8, mfn);
}

static u32 flags_of(struct env *e, u32 ref)
{
	return env_u32(e, table(e, ref)) & 0xffff;
}

/* GNTTABOP_map_grant_ref by the address of an entry: slot of L1. */
static i16 map(struct env *e, u32 ref, u32 dom, u32 flags, u64 addr)
{
	env_put64(e, ENV_ARGS, addr);
	env_put32(e, ENV_ARGS + 8, flags);
	env_put32(e, ENV_ARGS + 12, ref);
	env_put32(e, ENV_ARGS + 16, dom);
	env_put32(e, ENV_ARGS + 20, 0xdead);
	ck_assert_int_eq(op(e, 0, 1), 0);
	return status16(e, 18);
}

static i16 unmap(struct env *e, u32 cmd, u32 handle, u64 addr, u64 other)
{
	env_put64(e, ENV_ARGS, addr);
	env_put64(e, ENV_ARGS + 8, other);
	env_put32(e, ENV_ARGS + 16, handle);
	ck_assert_int_eq(op(e, cmd, 1), 0);
	return status16(e, 20);
}

#define SLOT(n) (ENV_VA(L1) + (n) * 8)

START_TEST(table_size)
{
	struct env *e = start();
	u32 i;

	env_put32(e, ENV_ARGS, DOMID_SELF);
	ck_assert_int_eq(op(e, 6, 1), 0);
	ck_assert_uint_eq(env_u32(e, ENV_ARGS + 4), 1);
	ck_assert_uint_eq(env_u32(e, ENV_ARGS + 8), 64);
	ck_assert_int_eq(status16(e, 12), 0);
	ck_assert_int_eq(op(e, 6, 2), -XEN_EINVAL);
	env_put32(e, ENV_ARGS, 0);
	ck_assert_int_eq(op(e, 6, 1), 0);
	ck_assert_int_eq(status16(e, 12), GNTST_permission_denied);
	env_put32(e, ENV_ARGS, 99);
	ck_assert_int_eq(op(e, 6, 1), 0);
	ck_assert_int_eq(status16(e, 12), GNTST_bad_domain);
	/* setup_table */
	env_put32(e, ENV_ARGS, DOMID_SELF);
	env_put32(e, ENV_ARGS + 4, 4);
	env_put64(e, ENV_ARGS + 16, ENV_VA(8));
	ck_assert_int_eq(op(e, 2, 1), 0);
	ck_assert_int_eq(status16(e, 8), 0);
	for (i = 0; i < 4; i++) {
		ck_assert_uint_eq(env_u64(e, ENV_VA(8) + i * 8), e->pv.xen.grants->s.frames[i]);
		ck_assert_uint_ge(env_u64(e, ENV_VA(8) + i * 8), e->pv.s.mfn_end);
	}
	ck_assert_uint_eq(grant_entries(e->pv.xen.grants), 2048);
	env_put32(e, ENV_ARGS + 4, 65);
	ck_assert_int_eq(op(e, 2, 1), 0);
	ck_assert_int_eq(status16(e, 8), GNTST_general_error);
	env_put32(e, ENV_ARGS + 4, 64);
	env_put64(e, ENV_ARGS + 16, 0x10);
	ck_assert_int_eq(op(e, 2, 1), 0);
	ck_assert_int_eq(status16(e, 8), GNTST_bad_virt_addr);
	/* Bad calls. */
	ck_assert_int_eq(env_call(e, 0, hc_grant_table_op, 6, 0x10, 1), -XEN_EFAULT);
	ck_assert_int_eq(op(e, 3, 1), -XEN_ENOSYS);
	ck_assert_int_eq(op(e, 99, 1), -XEN_ENOSYS);
	ck_assert_int_eq(op(e, 0x80000000u, 1), -XEN_EINVAL);
	ck_assert_int_eq(op(e, 0, 0xffffffffu), -XEN_EINVAL);
	ck_assert_int_eq(op(e, 0, 0), 0);
	finish(e);
}
END_TEST

START_TEST(versions)
{
	struct env *e = start();

	ck_assert_uint_eq(env_u32(e, table(e, 0)), GTF_permit_access);
	ck_assert_uint_eq(env_u32(e, table(e, 0) + 4), ENV_MFN(2));
	ck_assert_uint_eq(env_u32(e, table(e, 1) + 4), ENV_MFN(3));
	env_put32(e, ENV_ARGS, DOMID_SELF);
	ck_assert_int_eq(op(e, 10, 1), 0);
	ck_assert_uint_eq(env_u32(e, ENV_ARGS + 4), 1);
	env_put32(e, ENV_ARGS, 99);
	ck_assert_int_eq(op(e, 10, 1), -XEN_ESRCH);
	grant(e, 20, 0, 0, ENV_MFN(PAGE));
	env_put32(e, ENV_ARGS, 3);
	ck_assert_int_eq(op(e, 8, 1), -XEN_EINVAL);
	ck_assert_uint_eq(env_u32(e, ENV_ARGS), 1);
	env_put32(e, ENV_ARGS, 2);
	ck_assert_int_eq(op(e, 8, 1), 0);
	/* The first eight entries are kept, the others are gone. */
	ck_assert_uint_eq(env_u32(e, table(e, 1)), GTF_permit_access);
	ck_assert_uint_eq(env_u64(e, table(e, 1) + 8), ENV_MFN(3));
	ck_assert_uint_eq(env_u32(e, table(e, 20)), 0);
	ck_assert_uint_eq(grant_entries(e->pv.xen.grants), 256);
	env_put32(e, ENV_ARGS, 1);
	env_put32(e, ENV_ARGS + 4, DOMID_SELF);
	env_put64(e, ENV_ARGS + 8, ENV_VA(8));
	ck_assert_int_eq(op(e, 9, 1), 0);
	ck_assert_int_eq(status16(e, 6), 0);
	ck_assert_uint_eq(env_u64(e, ENV_VA(8)), e->pv.xen.grants->s.status[0]);
	env_put32(e, ENV_ARGS, 2);
	ck_assert_int_eq(op(e, 9, 1), 0);
	ck_assert_int_eq(status16(e, 6), GNTST_general_error);
	/* In use: the layout stays. */
	u64 mfn;
	grant(e, 20, 0, 0, ENV_MFN(PAGE));
	ck_assert_int_eq(grant_access(&e->pv.xen, 20, true, &mfn), 0);
	ck_assert_uint_eq(env_u32(e, (e->pv.xen.grants->s.status[0] << 12) + 40) & 0xffff, GTF_reading | GTF_writing);
	ck_assert_uint_eq(flags_of(e, 20), GTF_permit_access);
	env_put32(e, ENV_ARGS, 1);
	ck_assert_int_eq(op(e, 8, 1), -XEN_EBUSY);
	grant_release(&e->pv.xen, 20, true);
	ck_assert_uint_eq(env_u32(e, (e->pv.xen.grants->s.status[0] << 12) + 40) & 0xffff, 0);
	finish(e);
}
END_TEST

/* An entry of version 2: flags and domain, offset and length of a sub-page, frame. */
static void entry2(struct env *e, u32 ref, u32 flags, u32 bounds, u64 frame)
{
	env_put32(e, table(e, ref), flags | ME << 16);
	env_put32(e, table(e, ref) + 4, bounds);
	env_put64(e, table(e, ref) + 8, frame);
}

static i64 set_version(struct env *e, u32 version, u32 then)
{
	i64 rc;

	env_put32(e, ENV_ARGS, version);
	rc = op(e, 8, 1);
	ck_assert_uint_eq(env_u32(e, ENV_ARGS), then);
	ck_assert_uint_eq(e->pv.xen.grants->s.version, then);
	return rc;
}

/* Back to version 1: what does not fit is refused, what means nothing there is emptied, in Xen's order. */
START_TEST(version_back)
{
	struct env *e = start();
	struct grants *g = e->pv.xen.grants;
	u64 status, mfn;

	ck_assert_int_eq(set_version(e, 2, 2), 0);
	status = g->s.status[0];
	entry2(e, 4, GTF_transitive, 0, 0);
	entry2(e, 20, GTF_permit_access, 0, ENV_MFN(PAGE));
	ck_assert_int_eq(pv_mm_map_pte(&e->pv, SLOT(3), status << PAGE_SHIFT | PTE_P), 0);
	/* An entry in use comes before one that does not fit, and that before a mapped status frame. */
	ck_assert_int_eq(grant_pin(&e->pv.xen, 20, ME, false, &mfn), 0);
	ck_assert_int_eq(set_version(e, 1, 2), -XEN_EBUSY);
	grant_unpin(&e->pv.xen, 20, false);
	ck_assert_int_eq(set_version(e, 1, 2), -XEN_ERANGE);
	entry2(e, 4, GTF_permit_access, 0, 1ULL << 32);
	ck_assert_int_eq(set_version(e, 1, 2), -XEN_ERANGE);
	entry2(e, 4, GTF_permit_access | GTF_sub_page, 16 | 32 << 16, 1ULL << 32);
	ck_assert_int_eq(set_version(e, 1, 2), -XEN_ERANGE);
	entry2(e, 4, GTF_permit_access | GTF_sub_page, 16 | 32 << 16, 0x1234);
	entry2(e, 5, GTF_accept_transfer, 0, 1ULL << 32);
	entry2(e, 6, 0x80 /* of no type */, 0, 77);
	entry2(e, 7, GTF_permit_access, 0, ENV_MFN(PAGE));
	env_put32(e, (status << PAGE_SHIFT) + 12, GTF_reading << 16);
	ck_assert_int_eq(set_version(e, 1, 2), -XEN_EBUSY);
	/* Nothing has changed. */
	ck_assert_uint_eq(env_u32(e, table(e, 4) + 4), 16 | 32 << 16);
	ck_assert_uint_eq(env_u32(e, (status << PAGE_SHIFT) + 12), GTF_reading << 16);
	ck_assert_uint_eq(g->s.nstatus, 1);
	ck_assert_int_eq(pv_mm_unmap_pte(&e->pv, SLOT(3), status, false, 0), 0);
	ck_assert_int_eq(set_version(e, 1, 1), 0);
	ck_assert_uint_eq(flags_of(e, 4), GTF_permit_access | GTF_sub_page);
	ck_assert_uint_eq(env_u32(e, table(e, 4) + 4), 0x1234);
	ck_assert_uint_eq(env_u64(e, table(e, 5)), 0);
	ck_assert_uint_eq(env_u64(e, table(e, 6)), 0);
	ck_assert_uint_eq(flags_of(e, 7), GTF_permit_access | GTF_reading);
	ck_assert_uint_eq(env_u32(e, table(e, 7) + 4), (u32)ENV_MFN(PAGE));
	ck_assert_uint_eq(env_u64(e, table(e, 20)), 0);
	/* The status frame is gone, and comes back empty. */
	ck_assert_uint_eq(g->s.nstatus, 0);
	ck_assert(!pv_mm_owned(&e->pv, status));
	ck_assert_int_ne(pv_mm_map_pte(&e->pv, SLOT(3), status << PAGE_SHIFT | PTE_P), 0);
	ck_assert_int_eq(set_version(e, 2, 2), 0);
	ck_assert_uint_eq(g->s.status[0], status);
	ck_assert(pv_mm_owned(&e->pv, status));
	ck_assert_uint_eq(env_u32(e, status << PAGE_SHIFT), 0);
	ck_assert_uint_eq(env_u32(e, (status << PAGE_SHIFT) + 12), GTF_reading << 16);
	/* A swap takes the status with it. */
	env_put32(e, ENV_ARGS, 6);
	env_put32(e, ENV_ARGS + 4, 7);
	ck_assert_int_eq(op(e, 11, 1), 0);
	ck_assert_int_eq(status16(e, 8), GNTST_okay);
	ck_assert_uint_eq(flags_of(e, 6), GTF_permit_access);
	ck_assert_uint_eq(env_u32(e, (status << PAGE_SHIFT) + 12), GTF_reading);
	finish(e);
}
END_TEST

START_TEST(backend_access)
{
	struct env *e = start();
	u8 bytes[8] = "abcdefg";
	u64 mfn = 0;

	grant(e, 9, 0, 0, ENV_MFN(PAGE));
	ck_assert_int_eq(grant_access(&e->pv.xen, 9, false, &mfn), 0);
	ck_assert_uint_eq(mfn, ENV_MFN(PAGE));
	ck_assert_uint_eq(flags_of(e, 9), GTF_permit_access | GTF_reading);
	ck_assert_int_eq(grant_access(&e->pv.xen, 9, true, &mfn), 0);
	ck_assert_uint_eq(flags_of(e, 9), GTF_permit_access | GTF_reading | GTF_writing);
	/* The page is writable as long as that lasts: no page table. */
	ck_assert_int_ne(pv_mm_pin(&e->pv, ENV_MFN(PAGE), PG_L1), 0);
	grant_release(&e->pv.xen, 9, true);
	ck_assert_uint_eq(flags_of(e, 9), GTF_permit_access | GTF_reading);
	grant_release(&e->pv.xen, 9, false);
	ck_assert_uint_eq(flags_of(e, 9), GTF_permit_access);
	grant_release(&e->pv.xen, 9, false); /* too many: nothing */
	grant_release(&e->pv.xen, 99999, false);
	ck_assert_int_eq(pv_mm_pin(&e->pv, ENV_MFN(PAGE), PG_L1), 0);
	ck_assert_int_eq(grant_access(&e->pv.xen, 9, true, &mfn), GNTST_general_error);
	ck_assert_int_eq(grant_copy_to(&e->pv.xen, 9, 0, bytes, 8), GNTST_general_error);
	ck_assert_int_eq(pv_mm_unpin(&e->pv, ENV_MFN(PAGE)), 0);
	/* Refusals. */
	grant(e, 10, 3, 0, ENV_MFN(PAGE));
	ck_assert_int_eq(grant_access(&e->pv.xen, 10, false, &mfn), GNTST_general_error);
	grant(e, 10, 0, GTF_readonly, ENV_MFN(PAGE));
	ck_assert_int_eq(grant_access(&e->pv.xen, 10, true, &mfn), GNTST_general_error);
	grant(e, 10, 0, 0, 0x1234);
	ck_assert_int_eq(grant_access(&e->pv.xen, 10, true, &mfn), GNTST_bad_page);
	env_put32(e, table(e, 10), GTF_accept_transfer);
	ck_assert_int_eq(grant_access(&e->pv.xen, 10, true, &mfn), GNTST_general_error);
	ck_assert_int_eq(grant_access(&e->pv.xen, 512, true, &mfn), GNTST_bad_gntref);
	/* Copies. */
	ck_assert_int_eq(grant_copy_to(&e->pv.xen, 9, 4088, bytes, 8), 0);
	memset(bytes, 0, 8);
	ck_assert_int_eq(grant_copy_from(&e->pv.xen, 9, 4088, bytes, 8), 0);
	ck_assert_str_eq((char *)bytes, "abcdefg");
	ck_assert_int_eq(grant_copy_from(&e->pv.xen, 9, 4089, bytes, 8), GNTST_bad_copy_arg);
	ck_assert_uint_eq(flags_of(e, 9), GTF_permit_access);
	finish(e);
}
END_TEST

START_TEST(maps)
{
	struct env *e = start();
	u32 h, k;

	grant(e, 9, ME, 0, ENV_MFN(PAGE));
	ck_assert_int_eq(map(e, 9, ME, 2 | 16 | 5u << 16, SLOT(3)), 0);
	h = env_u32(e, ENV_ARGS + 20);
	ck_assert_uint_eq(env_u64(e, ENV_ARGS + 24), ENV_VA(PAGE));
	ck_assert_uint_eq(env_u64(e, SLOT(3)) & ~(PTE_U | PTE_G | BIT(52)),
			  ENV_VA(PAGE) | PTE_P | PTE_W | PTE_A | PTE_D | 5 << 9);
	ck_assert_uint_eq(flags_of(e, 9), GTF_permit_access | GTF_reading | GTF_writing);
	/* A second, read-only. */
	ck_assert_int_eq(map(e, 9, ME, 2 | 4 | 16, SLOT(4)), 0);
	k = env_u32(e, ENV_ARGS + 20);
	ck_assert_uint_ne(h, k);
	ck_assert_uint_eq(env_u64(e, SLOT(4)) & PTE_W, 0);
	/* Refusals. */
	ck_assert_int_eq(map(e, 9, ME, 0, SLOT(5)), GNTST_bad_gntref);
	ck_assert_int_eq(map(e, 9, DOMID_SELF, 2 | 16, SLOT(5)), GNTST_bad_domain);
	ck_assert_int_eq(map(e, 9, 0, 2 | 16, SLOT(5)), GNTST_bad_gntref);
	ck_assert_int_eq(map(e, 9, 42, 2 | 16, SLOT(5)), GNTST_bad_domain);
	ck_assert_int_eq(map(e, 700, ME, 2 | 16, SLOT(5)), GNTST_bad_gntref);
	ck_assert_int_eq(map(e, 11, ME, 2 | 16, SLOT(5)), GNTST_general_error);
	ck_assert_int_eq(map(e, 9, ME, 2 | 16, SLOT(5) + 1), GNTST_general_error); /* misaligned */
	ck_assert_int_eq(map(e, 9, ME, 2 | 16, ENV_VA(OTHER)), GNTST_general_error); /* no page table */
	ck_assert_int_eq(map(e, 9, ME, 2 | 16, 0), GNTST_general_error);
	ck_assert_int_eq(map(e, 9, ME, 2, 0x1000), GNTST_general_error); /* no entry for the address */
	ck_assert_uint_eq(env_u32(e, ENV_ARGS + 20), 0xdead);
	/* Unmap with the wrong handle, place, kind. */
	ck_assert_int_eq(unmap(e, 1, 1000, SLOT(3), 0), GNTST_bad_handle);
	ck_assert_int_eq(unmap(e, 1, h, SLOT(4), 0), GNTST_general_error); /* that one is read-only */
	ck_assert_int_eq(unmap(e, 1, h, SLOT(7), 0), GNTST_general_error);
	ck_assert_int_eq(unmap(e, 7, h, SLOT(3), 0x5000), GNTST_general_error); /* replace wants an address */
	ck_assert_int_eq(unmap(e, 1, h, SLOT(3), 0), 0);
	ck_assert_uint_eq(env_u64(e, SLOT(3)), 0);
	ck_assert_uint_eq(flags_of(e, 9), GTF_permit_access | GTF_reading);
	ck_assert_int_eq(unmap(e, 1, h, SLOT(3), 0), GNTST_bad_handle);
	/* Both a device's and the CPU's: gone after both. */
	ck_assert_int_eq(map(e, 9, ME, 3 | 16, SLOT(3)), 0);
	ck_assert_uint_eq(env_u32(e, ENV_ARGS + 20), h);
	ck_assert_int_eq(unmap(e, 1, h, 0, ENV_VA(PAGE) + 8), GNTST_general_error);
	ck_assert_int_eq(unmap(e, 1, h, 0, ENV_VA(PAGE)), 0);
	ck_assert_uint_eq(flags_of(e, 9), GTF_permit_access | GTF_reading | GTF_writing);
	ck_assert_int_eq(unmap(e, 1, h, SLOT(3), 0), 0);
	ck_assert_int_eq(unmap(e, 1, k, SLOT(4), 0), 0);
	ck_assert_uint_eq(flags_of(e, 9), GTF_permit_access);
	finish(e);
}
END_TEST

static i16 copy(struct env *e, u64 s, u32 sdom, u32 soff, u64 d, u32 ddom, u32 doff, u32 len, u32 flags)
{
	env_put64(e, ENV_ARGS, s);
	env_put32(e, ENV_ARGS + 8, sdom | soff << 16);
	env_put64(e, ENV_ARGS + 16, d);
	env_put32(e, ENV_ARGS + 24, ddom | doff << 16);
	env_put32(e, ENV_ARGS + 32, len | flags << 16);
	env_put32(e, ENV_ARGS + 36, 0x5555);
	ck_assert_int_eq(op(e, 5, 1), 0);
	return status16(e, 36);
}

/* A machine that is no Xen guest has a number and no grant table: nobody takes it for one. */
START_TEST(other_kinds)
{
	struct env *e = start();
	struct domain *bare = domain_create(&e->host, "bare", 512, 1, 0);
	u8 machine[16];

	ck_assert_ptr_nonnull(bare);
	memset(machine, 0xa5, sizeof machine);
	domain_become(bare, DOMAIN_BARE, machine, NULL);
	ck_assert_int_eq(map(e, 9, bare->id, 2 | 16, SLOT(5)), GNTST_bad_domain);
	env_put32(e, ENV_ARGS, bare->id);
	ck_assert_int_eq(op(e, 6, 1), 0);
	ck_assert_int_eq(status16(e, 12), GNTST_bad_domain);
	domain_destroy(bare);
	finish(e);
}
END_TEST

START_TEST(copies)
{
	struct env *e = start();

	env_put64(e, ENV_VA(PAGE) + 16, 0x1122334455667788ull);
	ck_assert_int_eq(copy(e, ENV_MFN(PAGE), DOMID_SELF, 16, ENV_MFN(OTHER), DOMID_SELF, 4088, 8, 0), 0);
	ck_assert_uint_eq(env_u64(e, ENV_VA(OTHER) + 4088), 0x1122334455667788ull);
	grant(e, 9, ME, GTF_readonly, ENV_MFN(PAGE));
	grant(e, 10, ME, 0, ENV_MFN(OTHER));
	ck_assert_int_eq(copy(e, 9, ME, 16, 10, DOMID_SELF, 0, 8, 3), 0);
	ck_assert_uint_eq(env_u64(e, ENV_VA(OTHER)), 0x1122334455667788ull);
	ck_assert_int_eq(copy(e, 10, ME, 16, 9, ME, 0, 8, 3), GNTST_general_error);
	ck_assert_int_eq(copy(e, ENV_MFN(PAGE), ME, 0, 10, ME, 0, 8, 2), GNTST_permission_denied);
	ck_assert_int_eq(copy(e, 99, ME, 0, 10, ME, 0, 8, 3), GNTST_general_error);
	ck_assert_int_eq(copy(e, 9999, ME, 0, 10, ME, 0, 8, 3), GNTST_bad_gntref);
	ck_assert_int_eq(copy(e, 9, 55, 0, 10, ME, 0, 8, 3), GNTST_bad_domain);
	ck_assert_int_eq(copy(e, 5, DOMID_SELF, 0, 10, ME, 0, 8, 2), GNTST_bad_page);
	ck_assert_int_eq(copy(e, 9, ME, 4090, 10, ME, 0, 8, 3), GNTST_bad_copy_arg);
	ck_assert_int_eq(copy(e, 9, ME, 0, 10, ME, 65535, 1, 3), GNTST_bad_copy_arg);
	ck_assert_int_eq(copy(e, 9, ME, 0, ENV_MFN(L1), DOMID_SELF, 0, 8, 1), GNTST_general_error);
	/* Sub-page grants. */
	env_put32(e, ENV_ARGS, 2);
	ck_assert_int_eq(op(e, 8, 1), 0);
	grant(e, 9, ME, GTF_sub_page, ENV_MFN(PAGE));
	env_put32(e, table(e, 9) + 4, 16 | 8 << 16);
	ck_assert_int_eq(copy(e, 9, ME, 16, ENV_MFN(OTHER), DOMID_SELF, 8, 8, 1), 0);
	ck_assert_uint_eq(env_u64(e, ENV_VA(OTHER) + 8), 0x1122334455667788ull);
	ck_assert_int_eq(copy(e, 9, ME, 15, ENV_MFN(OTHER), DOMID_SELF, 8, 8, 1), GNTST_general_error);
	ck_assert_int_eq(copy(e, 9, ME, 17, ENV_MFN(OTHER), DOMID_SELF, 8, 8, 1), GNTST_general_error);
	ck_assert_int_eq(map(e, 9, ME, 2 | 16, SLOT(5)), GNTST_general_error);
	finish(e);
}
END_TEST

START_TEST(odds)
{
	struct env *e = start();
	u64 mfn;

	/* swap */
	grant(e, 9, 0, 0, ENV_MFN(PAGE));
	grant(e, 10, 0, GTF_readonly, ENV_MFN(OTHER));
	env_put32(e, ENV_ARGS, 9);
	env_put32(e, ENV_ARGS + 4, 10);
	ck_assert_int_eq(op(e, 11, 1), 0);
	ck_assert_int_eq(status16(e, 8), 0);
	ck_assert_uint_eq(env_u32(e, table(e, 9) + 4), ENV_MFN(OTHER));
	ck_assert_int_eq(grant_access(&e->pv.xen, 10, false, &mfn), 0);
	ck_assert_uint_eq(mfn, ENV_MFN(PAGE));
	ck_assert_int_eq(op(e, 11, 1), 0);
	ck_assert_int_eq(status16(e, 8), GNTST_eagain);
	grant_release(&e->pv.xen, 10, false);
	env_put32(e, ENV_ARGS, 512);
	ck_assert_int_eq(op(e, 11, 1), 0);
	ck_assert_int_eq(status16(e, 8), GNTST_bad_gntref);
	/* transfer */
	env_put64(e, ENV_ARGS, ENV_MFN(PAGE));
	env_put32(e, ENV_ARGS + 8, 0);
	ck_assert_int_eq(op(e, 4, 1), 0);
	ck_assert_int_eq(status16(e, 16), GNTST_general_error);
	env_put64(e, ENV_ARGS, 1);
	ck_assert_int_eq(op(e, 4, 1), 0);
	ck_assert_int_eq(status16(e, 16), GNTST_bad_page);
	/* cache_flush */
	env_put64(e, ENV_ARGS, ENV_VA(PAGE));
	env_put32(e, ENV_ARGS + 8, 0 | 4096u << 16);
	env_put32(e, ENV_ARGS + 12, 3);
	ck_assert_int_eq(op(e, 12, 1), 0);
	env_put32(e, ENV_ARGS + 8, 1 | 4096u << 16);
	ck_assert_int_eq(op(e, 12, 1), -XEN_EINVAL);
	finish(e);
}
END_TEST

START_TEST(state)
{
	struct env *e = start();
	struct grants *g = e->pv.xen.grants;
	struct buf b = { 0 }, c = { 0 };
	struct reader r;
	u64 mfn;
	u32 h;

	ck_assert(state_check(&grants_state_desc));
	grant(e, 9, ME, 0, ENV_MFN(PAGE));
	ck_assert_int_eq(map(e, 9, ME, 2 | 16, SLOT(3)), 0);
	h = env_u32(e, ENV_ARGS + 20);
	ck_assert_int_eq(grant_access(&e->pv.xen, 0, true, &mfn), 0);
	state_list_save(&e->d->states, &b);
	g->acts[9].writes = 77;
	memset(g->maps, 0x5a, g->nmaps * sizeof *g->maps);
	g->s.version = 2;
	reader_init(&r, b.p, b.len);
	ck_assert_int_eq(state_list_load(&e->d->states, &r, NULL), 0);
	state_list_save(&e->d->states, &c);
	ck_assert(b.len == c.len && !memcmp(b.p, c.p, b.len));
	ck_assert_int_eq(unmap(e, 1, h, SLOT(3), 0), 0);
	grant_release(&e->pv.xen, 0, true);
	/* Version 1 has no status frames: what says so is refused. */
	g->s.nstatus = GRANT_STATUS_FRAMES + 1;
	buf_free(&c);
	c = (struct buf){ 0 };
	state_list_save(&e->d->states, &c);
	reader_init(&r, c.p, c.len);
	ck_assert_int_ne(state_list_load(&e->d->states, &r, NULL), 0);
	g->s.nstatus = 0;
	buf_free(&b);
	buf_free(&c);
	finish(e);
}
END_TEST

/*
 * ---- two domains
 * ------------------------------------------------------------------------------------------------------
 */

#define THAT 8u

/* Another guest on e's host. */
static struct env *second(struct env *e)
{
	struct env *o = calloc(1, sizeof *o);
	u32 i;

	ck_assert_ptr_nonnull(o);
	o->d = domain_create(&e->host, "other", pv_mm_limit(ENV_FRAMES), ENV_VCPUS, 0);
	ck_assert_ptr_nonnull(o->d);
	ck_assert_uint_eq(o->d->id, THAT);
	domain_become(o->d, DOMAIN_PV, &o->pv, NULL);
	o->pv.xen.d = o->d;
	o->pv.xen.ops = &pv_guest_ops;
	ck_assert_int_eq(pv_mm_init(&o->pv, ENV_FRAMES, ENV_FRAMES), 0);
	for (i = 0; i < ENV_VCPUS; i++) {
		o->d->vcpus[i]->machine = &o->vcpu[i];
		o->vcpu[i].xen.v = o->d->vcpus[i];
		o->vcpu[i].s.flags = PV_KERNEL_MODE;
	}
	ck_assert_int_eq(grants_init(&o->pv.xen), 0);
	ck_assert_int_eq(pv_mm_pin(&o->pv, ENV_MFN(L1), PG_L1), 0);
	return o;
}

static void second_free(struct env *o)
{
	u32 i;

	grants_free(&o->pv.xen);
	pv_mm_free(&o->pv);
	for (i = 0; i < ENV_VCPUS; i++)
		o->d->vcpus[i]->machine = NULL;
	o->d->machine = NULL;
	domain_destroy(o->d);
	free(o);
}

static void sane(struct env *e)
{
	u64 mfn;
	const char *bad = pv_mm_check(&e->pv, &mfn);

	ck_assert_msg(!bad, "0x%llx: %s", (unsigned long long)mfn, bad ? bad : "");
}

/* Frame a of x and frame b of y are one. */
static void one_frame(struct env *x, u64 a, struct env *y, u64 b)
{
	ck_assert_ptr_eq(mem_frame(&x->d->mem, a), mem_frame(&y->d->mem, b));
	env_put64(x, a << PAGE_SHIFT, 0x1111);
	ck_assert_uint_eq(env_u64(y, b << PAGE_SHIFT), 0x1111);
	env_put64(y, b << PAGE_SHIFT, 0x2222);
	ck_assert_uint_eq(env_u64(x, a << PAGE_SHIFT), 0x2222);
}

START_TEST(mapped_elsewhere)
{
	struct env *e = start(), *o = second(e);
	struct env *third;
	u64 mfn;
	u32 h, k, i;

	grant(e, 9, THAT, 0, ENV_MFN(PAGE));
	grant(e, 10, THAT, GTF_readonly, ENV_MFN(PAGE));
	ck_assert_int_eq(map(o, 9, ME, 2 | 16, SLOT(3)), 0);
	h = env_u32(o, ENV_ARGS + 20);
	mfn = o->pv.xen.grants->maps[h].mfn;
	ck_assert_uint_eq(env_u64(o, ENV_ARGS + 24), mfn << PAGE_SHIFT);
	one_frame(e, ENV_MFN(PAGE), o, mfn);
	/* However many maps there are of it, it has one number there. */
	ck_assert_int_eq(map(o, 10, ME, 2 | 4 | 16, SLOT(4)), 0);
	k = env_u32(o, ENV_ARGS + 20);
	ck_assert_uint_eq(o->pv.xen.grants->maps[k].mfn, mfn);
	for (i = 0; i < 20; i++)
		ck_assert_int_eq(map(o, 10, ME, 1 | 4, 0), 0);
	one_frame(e, ENV_MFN(PAGE), o, mfn);
	sane(o);
	for (i = 0; i < 20; i++)
		ck_assert_int_eq(unmap(o, 1, k + 1 + i, 0, mfn << PAGE_SHIFT), 0);
	ck_assert_int_eq(unmap(o, 1, h, SLOT(3), 0), 0);
	ck_assert_ptr_eq(mem_frame(&o->d->mem, mfn), mem_frame(&e->d->mem, ENV_MFN(PAGE)));
	/* A map that fails half-way takes nothing from the others. */
	ck_assert_int_eq(map(o, 9, ME, 2 | 16, SLOT(5) + 1), GNTST_general_error);
	ck_assert_ptr_nonnull(mem_frame(&o->d->mem, mfn));
	sane(o);
	ck_assert_int_eq(unmap(o, 1, k, SLOT(4), 0), 0);
	ck_assert_ptr_null(mem_frame(&o->d->mem, mfn));
	ck_assert_uint_eq(mem_frame(&e->d->mem, ENV_MFN(PAGE))->share, 0);
	ck_assert_uint_eq(flags_of(e, 9), GTF_permit_access);
	sane(o);
	/* The mapper ends: the granter has its page back. */
	ck_assert_int_eq(map(o, 9, ME, 2 | 16, SLOT(3)), 0);
	ck_assert_uint_eq(flags_of(e, 9), GTF_permit_access | GTF_reading | GTF_writing);
	second_free(o);
	ck_assert_uint_eq(flags_of(e, 9), GTF_permit_access);
	ck_assert_uint_eq(e->pv.xen.grants->acts[9].writes, 0);
	ck_assert_uint_eq(mem_frame(&e->d->mem, ENV_MFN(PAGE))->share, 0);
	/*
	 * The granter ends: the mapper keeps the page, and what has the granter's number afterwards is not the granter.
	 */
	o = second(e);
	grant(o, 9, ME, 0, ENV_MFN(PAGE));
	env_put64(o, ENV_VA(PAGE), 0x5555);
	ck_assert_int_eq(map(e, 9, THAT, 2 | 16, SLOT(3)), 0);
	h = env_u32(e, ENV_ARGS + 20);
	mfn = e->pv.xen.grants->maps[h].mfn;
	one_frame(e, mfn, o, ENV_MFN(PAGE));
	second_free(o);
	third = second(e);
	grant(third, 9, ME, 0, ENV_MFN(OTHER));
	ck_assert_int_eq(map(e, 9, THAT, 2 | 16, SLOT(4)), 0);
	k = env_u32(e, ENV_ARGS + 20);
	ck_assert_uint_eq(env_u64(e, mfn << PAGE_SHIFT), 0x2222);
	ck_assert_int_eq(unmap(e, 1, h, SLOT(3), 0), 0);
	ck_assert_ptr_null(mem_frame(&e->d->mem, mfn));
	ck_assert_uint_eq(flags_of(third, 9), GTF_permit_access | GTF_reading | GTF_writing);
	ck_assert_int_eq(unmap(e, 1, k, SLOT(4), 0), 0);
	ck_assert_uint_eq(flags_of(third, 9), GTF_permit_access);
	second_free(third);
	finish(e);
}
END_TEST

static int reload(struct env *e, const struct buf *b, struct error *why)
{
	struct reader r;

	reader_init(&r, b->p, b->len);
	ck_assert_int_eq(state_list_load(&e->d->states, &r, NULL), 0);
	return state_list_loaded(&e->d->states, why);
}

/* A map comes back with its granter's state, and is refused without. */
START_TEST(maps_saved)
{
	struct env *e = start(), *o = second(e);
	struct buf mine = { 0 }, its = { 0 }, free_of_it = { 0 }, free_of_mine = { 0 };
	struct error why = { 0 };
	u64 mfn, pte;
	u32 h;

	state_list_save(&e->d->states, &free_of_mine);
	state_list_save(&o->d->states, &free_of_it);
	grant(e, 9, THAT, 0, ENV_MFN(PAGE));
	ck_assert_int_eq(map(o, 9, ME, 2 | 16, SLOT(3)), 0);
	h = env_u32(o, ENV_ARGS + 20);
	mfn = o->pv.xen.grants->maps[h].mfn;
	pte = env_u64(o, SLOT(3));
	state_list_save(&e->d->states, &mine);
	state_list_save(&o->d->states, &its);
	/* As it is, everything is in place. */
	ck_assert_int_eq(reload(o, &its, &why), 0);
	one_frame(e, ENV_MFN(PAGE), o, mfn);
	ck_assert_int_eq(unmap(o, 1, h, SLOT(3), 0), 0);
	/* The granter does not lend it now. */
	ck_assert_int_eq(reload(o, &its, &why), -ENOENT);
	ck_assert(strstr(why.text, "domain 7 (grant 9)"));
	/* Together, the granter first. */
	ck_assert_int_eq(reload(e, &mine, &why), 0);
	ck_assert_int_eq(reload(o, &its, &why), 0);
	mem_write_u64(&o->d->mem, SLOT(3), pte); /* memory is somebody else's to restore */
	sane(o);
	one_frame(e, ENV_MFN(PAGE), o, mfn);
	/* Back to a time before the map: the frame is not there. */
	ck_assert_int_eq(reload(o, &free_of_it, &why), 0);
	ck_assert_int_eq(reload(e, &free_of_mine, &why), 0);
	mem_write_u64(&o->d->mem, SLOT(3), 0);
	ck_assert_ptr_null(mem_frame(&o->d->mem, mfn));
	ck_assert_uint_eq(mem_frame(&e->d->mem, ENV_MFN(PAGE))->share, 0);
	sane(o);
	/* Maps of frames that are no aliases, and aliases that no map is of. */
	ck_assert_int_eq(reload(e, &mine, &why), 0);
	ck_assert_int_eq(reload(o, &its, &why), 0);
	o->pv.xen.grants->maps[h].mfn = ENV_MFN(2);
	ck_assert_int_eq(state_list_loaded(&o->d->states, &why), -EINVAL);
	o->pv.xen.grants->maps[h].mfn = ~0ULL;
	ck_assert_int_eq(state_list_loaded(&o->d->states, &why), -EINVAL);
	mem_remove(&o->d->mem, mfn);
	memset(&o->pv.xen.grants->maps[h], 0, sizeof o->pv.xen.grants->maps[h]);
	ck_assert_int_eq(state_list_loaded(&o->d->states, &why), -EINVAL);
	ck_assert(strstr(why.text, "damaged"));
	/* The granter has gone. */
	ck_assert_int_eq(reload(o, &its, &why), 0);
	o->pv.xen.grants->maps[h].domid = DOMID_INVALID;
	ck_assert_int_eq(state_list_loaded(&o->d->states, &why), -ENOENT);
	ck_assert_int_eq(reload(o, &free_of_it, &why), 0);
	ck_assert_int_eq(reload(e, &free_of_mine, &why), 0);
	second_free(o);
	buf_free(&mine);
	buf_free(&its);
	buf_free(&free_of_it);
	buf_free(&free_of_mine);
	finish(e);
}
END_TEST

Suite *grant_suite(void)
{
	Suite *s = suite_create("grant");
	TCase *tc = tcase_create("grant");

	tcase_add_test(tc, table_size);
	tcase_add_test(tc, versions);
	tcase_add_test(tc, version_back);
	tcase_add_test(tc, backend_access);
	tcase_add_test(tc, maps);
	tcase_add_test(tc, other_kinds);
	tcase_add_test(tc, copies);
	tcase_add_test(tc, odds);
	tcase_add_test(tc, state);
	tcase_add_test(tc, mapped_elsewhere);
	tcase_add_test(tc, maps_saved);
	suite_add_tcase(s, tc);
	return s;
}
