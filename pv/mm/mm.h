/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory of a paravirtual guest: which frames it has, what type each is of, and the page tables it builds from
 * them. A frame is writable, or a page table of one level, or holds descriptors, never two of these at once (Xen
 * public/xen.h, "MMU requests"). Results are 0 or -XEN_E*, the same that Xen gives.
 */
#ifndef PV_MM_MM_H
#define PV_MM_MM_H

#include "pv/pv.h"

/* What a frame is used as. It changes only while nobody uses the frame as anything. */
/* PG_L2_TOP: the L2 table of a 32-bit guest's last GiB, of which the hypervisor has the end. */
enum pv_page_type { PG_NONE, PG_L1, PG_L2, PG_L3, PG_L4, PG_SEG_DESC, PG_WRITABLE, PG_L2_TOP };

enum pv_page_flags {
	PGF_ALLOCATED = 1, /* the guest (or a grant map, of an alias) has it: counts one reference */
	PGF_VALIDATED = 2, /* its contents have been checked for its type */
	PGF_PINNED = 4,    /* counts one reference and one use as its type */
	PGF_SPECIAL = 8,   /* the host's, lent to the guest for ever: counts one of both */
	PGF_ALIAS = 16,    /* another domain's, granted */
	/*
	 * A table of level 2 to 4 that is checked, or let go, in pieces: its first entries are counted. It has one reference
	 * and one use of its own, which nobody owns: who wants that type goes on with it.
	 */
	PGF_PARTIAL = 32,
	PGF_ENTRY_REF = 64 /* the next entry of a partial table counts a reference to what it names, but no use */
};

/* What is known of a frame. Guest-visible: it decides what the guest may do next. */
struct pv_page {
	u32 refs;  /* whoever names the frame; 0: there is none */
	u32 types; /* uses as this type */
	union {
		u32 holds;   /* of both counts, what services of the host hold */
		u32 checked; /* of a partial table, which has no holds: entries that are counted, from the first on */
	};
	u8 type;   /* enum pv_page_type; PG_NONE when types is 0 */
	u8 flags;  /* enum pv_page_flags */
	/*
	 * Of a table, in other tables of its level: how many its entries name (above 0), or how many entries there name it
	 * (below). Never both, so that linear tables make no chains. A table that names itself counts nothing.
	 */
	i16 linear;
};

/* ---- setting up ------------------------------------------------------------------------------------------------ */

/* One more than the highest frame number a guest of at most max_pages pages can have: for domain_create(). */
u64 pv_mm_limit(u64 max_pages);
/*
 * Gives the domain nr_pages frames of zeros, pfn p at PV_MFN_BASE + p, and the M2P. Sets nr_pages, max_pages (raised to
 * nr_pages if less) and mfn_end of p->s, and adds its state to d->states. 0, -XEN_EINVAL (d->mem is too small) or
 * -XEN_ENOMEM.
 */
int pv_mm_init(struct pv_domain *p, u64 nr_pages, u64 max_pages);
void pv_mm_free(struct pv_domain *p);
/* Points the MMU of a vCPU at the M2P window and at the emulation of stores to page tables. */
void pv_mm_vcpu_init(struct vcpu *v);
/* Checks the builder's page tables as it would the guest's own, and pins the top one. 0 or -XEN_E*. */
int pv_mm_adopt(struct pv_domain *p, u64 root_mfn);

/* ---- frames ---------------------------------------------------------------------------------------------------- */

/* True when the frame is the guest's to name: its own, or one the host lent it for ever. */
bool pv_mm_owned(const struct pv_domain *p, u64 mfn);
/* Frames the guest has now, and how many more it may have. */
u64 pv_mm_total(const struct pv_domain *p);
u64 pv_mm_room(const struct pv_domain *p);
/* Another frame of zeros, entered in the M2P as pfn. 0, or -XEN_ENOMEM past max_pages. */
int pv_mm_alloc(struct pv_domain *p, u64 pfn, u64 *mfn);
/* 2^order frames in a row, aligned, for pfn and those behind it. 0, or -XEN_ENOMEM: then nothing was given. */
int pv_mm_alloc_order(struct pv_domain *p, u64 pfn, u32 order, u64 *mfn);
/*
 * Takes a frame back, as XENMEM_decrease_reservation: a frame that is still mapped or in use stays until the last
 * use is gone. 0, or -XEN_EINVAL for one the guest has not.
 */
int pv_mm_release(struct pv_domain *p, u64 mfn);
/* True when the frame is the guest's and nothing uses or maps it: pv_mm_release() takes it at once. */
bool pv_mm_unused(const struct pv_domain *p, u64 mfn);
/* A frame of the host's that the guest may map and write (shared_info, grant table). Its number, or 0: none left. */
u64 pv_mm_special(struct pv_domain *p);
/* True when nobody maps or uses a frame that was lent. */
bool pv_mm_special_idle(const struct pv_domain *p, u64 mfn);
/* Takes an idle one back: the guest has no such frame any more. Its number stays taken, for pv_mm_special_give(). */
void pv_mm_special_take(struct pv_domain *p, u64 mfn);
/* Lends a frame of zeros by a number that was taken back. 0 or -XEN_ENOMEM. */
int pv_mm_special_give(struct pv_domain *p, u64 mfn);
/*
 * A number for another domain's frame, which is at of its memory, for grant maps: each sees what the other stores
 * (mem_share()). Asked again for the same frame, it gives the number it has. 0 or -XEN_ENOMEM. And back, when no map is
 * left.
 */
int pv_mm_alias(struct pv_domain *p, struct mem *from, u64 at, u64 *mfn);
void pv_mm_unalias(struct pv_domain *p, u64 mfn);
/* After a load of state: puts the frame of another domain at a number that pv_mm_alias() had given. 0 or -XEN_E*. */
int pv_mm_alias_again(struct pv_domain *p, u64 mfn, struct mem *from, u64 at);
/* ... and when that is done for all: takes away frames that no alias stands for. False: an alias has no frame. */
bool pv_mm_aliases_loaded(struct pv_domain *p);

/*
 * Holds a frame as a type for a service of the host. 0, or -XEN_E* when it is not the guest's, is of another type
 * now, or its contents do not pass.
 */
int pv_mm_get_page_type(struct pv_domain *p, u64 mfn, enum pv_page_type type);
void pv_mm_put_page_type(struct pv_domain *p, u64 mfn);
/* The same for PG_WRITABLE. */
int pv_mm_hold_writable(struct pv_domain *p, u64 mfn);
void pv_mm_release_writable(struct pv_domain *p, u64 mfn);

/* The machine-to-physical table. An entry nobody set reads ~0. Sets of other numbers than the guest's do nothing. */
void pv_m2p_set(struct pv_domain *p, u64 mfn, u64 pfn);
u64 pv_m2p_get(const struct pv_domain *p, u64 mfn);

/* ---- page tables of a vCPU ------------------------------------------------------------------------------------- */

/*
 * Makes mfn the top-level table of this vCPU, a use of it as PG_L4 (of a 32-bit guest: PG_L3) that ends with the next
 * call. mfn 0: user only.
 */
int pv_mm_set_kernel_root(struct vcpu *v, u64 mfn);
int pv_mm_set_user_root(struct vcpu *v, u64 mfn);
/*
 * Both at once, in pieces, for a call that by makes: -XEN_ERESTART when it is to be made again in another round, in which the
 * guest may do otherwise. What is refused half-way may be left to later calls of by.
 */
int pv_mm_load_roots(struct vcpu *by, struct vcpu *v, u64 kernel, u64 user);
/*
 * Gives up both roots, the GDT and the LDT of a vCPU that could not be set up, for a call that by makes. A root that is
 * long to let go is left to later calls of by; where one is left already the vCPU keeps its own until it gets others.
 */
void pv_mm_vcpu_reset(struct vcpu *by, struct vcpu *v);

/* The machine address of the L1 entry for va in the kernel's tables, and the entry. False when a table is missing. */
bool pv_mm_find_pte(struct vcpu *v, u64 va, u64 *maddr, u64 *pte);
/*
 * For grant maps: writes an L1 entry that may name an alias. at is the machine address of the entry, which must lie in
 * one of the guest's L1 tables. -XEN_EINVAL: it does not, or is not aligned; -XEN_EBUSY: the frame cannot be mapped so.
 */
int pv_mm_map_pte(struct pv_domain *p, u64 at, u64 entry);
/* Replaces an entry that maps mfn, with the same write permission; -XEN_EINVAL when it does not map that. */
int pv_mm_unmap_pte(struct pv_domain *p, u64 at, u64 mfn, bool writable, u64 entry);

/* Grant maps, as struct xen_guest_ops has them: pv/mm/grant.c. */
bool pv_mm_map_grant(struct vcpu *v, u64 where, u32 flags, u64 mfn);
bool pv_mm_unmap_grant(struct vcpu *v, u64 where, u32 flags, u64 mfn);
bool pv_mm_replace_grant(struct vcpu *v, u64 where, u32 flags, u64 mfn, u64 from);

/* ---- page-table updates; what the hypercalls are made of ------------------------------------------------------- */

/* MMU_NORMAL_PT_UPDATE of the word at a machine address, any kind of frame. */
int pv_mm_update(struct pv_domain *p, u64 maddr, u64 val, bool preserve_ad);
int pv_mm_pin(struct pv_domain *p, u64 mfn, enum pv_page_type type);
int pv_mm_unpin(struct pv_domain *p, u64 mfn);

/* ---- descriptors ----------------------------------------------------------------------------------------------- */

/* Checks a descriptor a guest wants in its GDT or LDT, and makes it safe (DPL). False: it may not be there. */
bool pv_check_descriptor(const struct pv_domain *p, u64 *desc);
/* HYPERVISOR_set_gdt for a vCPU: entries descriptors in DIV_UP(entries, 512) frames. */
int pv_mm_set_gdt(struct vcpu *v, const u64 *frames, u32 entries);
/* MMUEXT_SET_LDT. What it points to is looked at when a selector is used. */
int pv_mm_set_ldt(struct vcpu *v, u64 base, u32 entries);
/* The descriptor a selector names, the host's own segments included: for struct x86_ops. False: none. */
bool pv_mm_descriptor(struct vcpu *v, u16 sel, u64 *raw);

/* ---- for tests and for debugging ------------------------------------------------------------------------------- */

/* Counts everything again from the tables. NULL when all is right, else what is wrong, with the frame in *mfn. Slow. */
const char *pv_mm_check(const struct pv_domain *p, u64 *mfn);
const struct pv_page *pv_mm_page(const struct pv_domain *p, u64 mfn);

/* The vCPU's root or mode has changed: its MMU follows. pv/traps.c. */
void pv_root_changed(struct vcpu *v);

#endif
