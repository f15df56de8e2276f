/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mappings of grants in the page tables of a paravirtual guest (Xen public/grant_table.h, GNTTABOP_map_grant_ref): host_addr is
 * an address of the guest's, or with GNTMAP_contains_pte the machine address of an L1 entry.
 */
#include "pv/mm/impl.h"
#include "xen/grant.h"

/* The L1 entry that a host_addr means. False: there is none. */
static bool find_entry(struct vcpu *v, u64 addr, u32 flags, u64 *at)
{
	u64 pte;

	if (flags & GNTMAP_contains_pte) {
		*at = addr;
		return !(addr & 7);
	}
	return pv_mm_find_pte(v, addr, at, &pte);
}

static u64 map_entry(u64 mfn, u32 flags)
{
	u64 e = mfn << PAGE_SHIFT | PTE_P | PTE_A | PTE_D;

	if (!(flags & GNTMAP_readonly))
		e |= PTE_W;
	if (flags & GNTMAP_application_map)
		e |= PTE_U;
	return e | (u64)(flags >> 16 & 7) << 9; /* GNTMAP_guest_avail into the available bits */
}

bool pv_mm_map_grant(struct vcpu *v, u64 where, u32 flags, u64 mfn)
{
	u64 at;

	return find_entry(v, where, flags, &at) && !pv_mm_map_pte(pv_dom(v->d), at, map_entry(mfn, flags));
}

bool pv_mm_unmap_grant(struct vcpu *v, u64 where, u32 flags, u64 mfn)
{
	u64 at;

	return find_entry(v, where, flags, &at) && !pv_mm_unmap_pte(pv_dom(v->d), at, mfn, !(flags & GNTMAP_readonly), 0);
}

bool pv_mm_replace_grant(struct vcpu *v, u64 where, u32 flags, u64 mfn, u64 from)
{
	u64 at, from_at, entry;

	return find_entry(v, where, flags, &at) && !(flags & GNTMAP_contains_pte) && pv_mm_find_pte(v, from, &from_at, &entry) &&
	       !pv_mm_unmap_pte(pv_dom(v->d), at, mfn, !(flags & GNTMAP_readonly), entry) && !pv_mm_map_pte(pv_dom(v->d), from_at, 0);
}
