/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Multicalls: results, order, refusals inside, what may not be nested (Xen public/xen.h).
 */
#include "tests/guests/lib.h"

static struct multicall m[600];

static void set(u32 i, u64 op, u64 a, u64 b, u64 c, u64 d)
{
	m[i] = (struct multicall){ op, 0x7777, { a, b, c, d, 0, 0 } };
}

void guest_main(void)
{
	u8 *x = page_alloc(), *y = page_alloc();
	u64 va = A_(x), i;
	u32 port;
	i64 version = hc2(xen_version, 0, NULL);

	set(0, HC_xen_version, 0, 0, 0, 0);
	set(1, 63, 0, 0, 0, 0);
	set(2, HC_xen_version, 99, 0, 0, 0);
	set(3, HC_multicall, A_(m), 1, 0, 0);
	set(4, HC_xen_version, 0, 0, 0, 0);
	set(5, HC_event_channel_op, 4, 0x1000, 0, 0);
	ck(hc2(multicall, m, 6), 0, "multicall");
	ck(m[0].result, version, "result 0");
	ck(m[1].result, -ENOSYS, "unknown hypercall inside");
	ck(m[2].result, -ENOSYS, "an error inside does not stop it");
	ck(m[3].result, -EINVAL, "nested multicall");
	ck(m[4].result, version, "the ones after go on");
	ck(m[5].result, -EFAULT, "bad pointer inside");
	ck(m[4].op == HC_xen_version && m[4].args[0] == 0, 1, "entries stay");
	ck(hc2(multicall, m, 0), 0, "none");
	ck(hc2(multicall, 0x1000, 1), -EFAULT, "bad pointer");
	ck(hc2(multicall, m, 1UL << 63), 0, "the count has 32 bits");
	/* Order: unmap, look by a copy into what is unmapped, map again. */
	x[0] = 1;
	y[0] = 2;
	set(0, HC_update_va_mapping, va, mfn_of(y) * PAGE | P_RWX_, 2, 0);
	set(1, HC_xen_version, 1, va + 100, 0, 0); /* writes 16 bytes through the new mapping */
	set(2, HC_update_va_mapping, va, 0, 2, 0);
	set(3, HC_xen_version, 1, va + 200, 0, 0);
	set(4, HC_update_va_mapping, va, mfn_of(x) * PAGE | P_RWX_, 2, 0);
	ck(hc2(multicall, m, 5), 0, "multicall of mappings");
	ck(m[0].result | m[1].result | m[2].result | m[4].result, 0, "their results");
	ck(m[3].result, -EFAULT, "the order is kept");
	ck(y[100] != 0, 1, "stored in the new page");
	ck(x[100] | x[200] | y[200], 0, "and in no other");
	ck(x[0], 1, "the old page is back");
	/* Deferred flush: the last entry flushes. */
	set(0, HC_update_va_mapping, va, mfn_of(y) * PAGE | P_RWX_, 0, 0);
	set(1, HC_update_va_mapping, va, mfn_of(x) * PAGE | P_RWX_, 2, 0);
	hc2(multicall, m, 2);
	ck(x[0], 1, "mapped twice");
	/* The result is written where the entry is, in a read-only page: not. */
	memcpy(y, m, 128);
	page_ro(y);
	ck(hc2(multicall, y, 1), -EFAULT, "entries in a read-only page");
	page_rw(y);
	/* Events are taken at its end. */
	{
		u32 a = (u32)alloc_unbound(DOMID_SELF, DOMID_SELF);

		port = (u32)bind_interdomain(DOMID_SELF, a);
		shi->pending[port / 64] &= ~(1UL << (port & 63));
		port_unmask(port);
		events_on();
		upcalls = 0;
		set(0, HC_event_channel_op, 4, A_(&a), 0, 0);
		set(1, HC_xen_version, 0, 0, 0, 0);
		ck(hc2(multicall, m, 2), 0, "multicall with an event");
		ck(port_count[port], 1, "the event came");
		ck(m[1].result, version, "and all was done");
		events_off();
	}
	for (i = 0; i < ARRAY_SIZE(m); i++)
		set((u32)i, HC_xen_version, 0, 0, 0, 0);
	ck(hc2(multicall, m, ARRAY_SIZE(m)), 0, "a long multicall");
	for (i = 0; i < ARRAY_SIZE(m); i++)
		ckq(m[i].result, version, "result %lu", i);
	quiet_ok("all results of the long one");
}
