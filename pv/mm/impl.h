/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of pv/mm share.
 */
#ifndef PV_MM_IMPL_H
#define PV_MM_IMPL_H

#include "base/endian.h"
#include "pv/compat/compat.h"
#include "pv/mm/mm.h"

struct pv_mm_state {
	u64 total;      /* frames the guest has, those on their way out included */
	u64 free_from;  /* no number of its own below this (an index) is free */
	u64 nspecial;   /* lent by the host so far */
	u64 alias_from; /* as free_from, of aliases */
};
extern const struct state_desc pv_mm_state_desc;
extern const struct state_desc pv_page_desc;

struct pv_mm {
	struct pv_domain *pd;
	struct mem *mem;
	struct pv_mm_state s;
	struct pv_page *pages; /* of frames PV_MFN_BASE and up: own, then special, then aliases; by mm_page() only */
	u8 *made;              /* each MM_CHUNK of pages: filled in. What nobody has looked at is as at the start */
	u64 n;                 /* pages */
	u64 start;             /* the first ones, which the guest had at its start */
	u64 special, alias;    /* index of the first special and the first alias */
	u64 force_u;           /* PTE_U where U/S means nothing, or 0 */
	bool is32;             /* a 32-bit guest's: pv/compat/ has its rules */
	u8 m2p_size;           /* bytes of an entry of the M2P */
};

/* The bit in which Xen remembers that a guest's PTE had no U (arch/x86 _PAGE_GUEST_KERNEL). Guest-visible. */
#define PTE_GUEST_KERNEL BIT(52)
/* Bits that no present entry of a guest without hardware may have. */
#define TABLE_DISALLOW (PTE_PWT | PTE_PCD | PTE_PSE | PTE_G)
#define L1_DISALLOW (PTE_PWT | PTE_PCD | PTE_PSE)
/* Bits that can change without a look at the frame: NX, those for software, G, D, A, U. */
#define L1_FREE_BITS (PTE_NX | 0x7ff0000000000000ULL | 0xe00 | PTE_G | PTE_D | PTE_A | PTE_U)
/* W is none of these in a table of a higher level: an entry that names a table of its own level must not have it. */
#define TABLE_FREE_BITS L1_FREE_BITS
#define PTES 512u
#define ULL(x) ((unsigned long long)(x)) /* for messages */
/* A PAE guest's L3 entries have neither NX nor bits for software. */
#define COMPAT_L3_DISALLOW (TABLE_DISALLOW | 0xfff0000000000000ULL)

#define MM_CHUNK 512u

/* Fills in a chunk of pages: pv/mm/mm.c. */
void mm_chunk_make(const struct pv_mm *mm, u64 chunk);

INLINE struct pv_page *mm_page(const struct pv_mm *mm, u64 mfn)
{
	u64 i = mfn - PV_MFN_BASE;

	if (UNLIKELY(i >= mm->n))
		return NULL;
	if (UNLIKELY(!mm->made[i / MM_CHUNK]))
		mm_chunk_make(mm, i / MM_CHUNK);
	return &mm->pages[i];
}

INLINE u64 mm_mfn(const struct pv_mm *mm, const struct pv_page *pg)
{
	return PV_MFN_BASE + (u64)(pg - mm->pages);
}

/* The page when the guest may name it, else NULL. */
INLINE struct pv_page *mm_owned(const struct pv_mm *mm, u64 mfn)
{
	struct pv_page *pg = mm_page(mm, mfn);

	return pg && pg->refs && !(pg->flags & PGF_ALIAS) ? pg : NULL;
}

/* A page table of any level. */
INLINE bool mm_is_table(u32 type)
{
	return (type >= PG_L1 && type <= PG_L4) || type == PG_L2_TOP;
}

/* Tables of one level, whoever has the last GiB of a 32-bit guest. */
INLINE bool mm_same_level(u32 a, u32 b)
{
	return (a == PG_L2_TOP ? PG_L2 : a) == (b == PG_L2_TOP ? PG_L2 : b);
}

/* The table that a root is. */
INLINE enum pv_page_type mm_root_type(const struct pv_mm *mm)
{
	return mm->is32 ? PG_L3 : PG_L4;
}

/* What the entry in this slot of a table of level 2 to 4 names. */
INLINE enum pv_page_type mm_below(const struct pv_mm *mm, enum pv_page_type type, u64 slot)
{
	if (type == PG_L2_TOP)
		return PG_L1;
	return mm->is32 && type == PG_L3 && slot == COMPAT_TOP_SLOT ? PG_L2_TOP : type - 1;
}

/* The slot is the guest's to fill; the hypervisor has some of its own. */
INLINE bool mm_guest_slot(enum pv_page_type type, u64 slot)
{
	if (type == PG_L4)
		return slot < PV_HYPER_L4_FIRST || slot > PV_HYPER_L4_LAST;
	return type != PG_L2_TOP || slot < COMPAT_HYPER_L2_FIRST;
}

/* Bits that a present entry of a table of this level must not have. */
INLINE u64 mm_disallow(const struct pv_mm *mm, enum pv_page_type type)
{
	return mm->is32 && type == PG_L3 ? COMPAT_L3_DISALLOW : TABLE_DISALLOW;
}

/* Addresses a guest may pass: not in the hypervisor's hole. */
INLINE bool mm_addr_ok(u64 va)
{
	return va < BIT(47) || va >= 0xffff880000000000ULL;
}

INLINE bool mm_ref(struct pv_page *pg)
{
	if (UNLIKELY(pg->refs > UINT32_MAX - 16))
		return false;
	pg->refs++;
	return true;
}

/* The last reference to a page is gone: pv/mm/mm.c. */
void mm_page_free(struct pv_mm *mm, struct pv_page *pg);

INLINE void mm_unref(struct pv_mm *mm, struct pv_page *pg)
{
	if (UNLIKELY(!--pg->refs))
		mm_page_free(mm, pg);
}

/* One use less. */
INLINE void mm_type_drop(struct pv_page *pg)
{
	if (!--pg->types) {
		pg->type = PG_NONE;
		pg->flags &= (u8)~PGF_VALIDATED;
	}
}

/* A reference and a use as type, or neither. 0 or -XEN_E*. For as long as it takes. */
int mm_get_type(struct pv_mm *mm, struct pv_page *pg, enum pv_page_type type);
void mm_put_type(struct pv_mm *mm, struct pv_page *pg);

/* ---- in pieces --------------------------------------------------------------------------------------------------- */

/*
 * One piece of what may take long: a guest decides how many tables a tree has. It stops where pv_domain.work comes to the
 * limit, but never before it has gone a step further.
 */
struct mm_slice {
	u64 limit;
	struct pv_page *left; /* out: a partial table to be let go yet, with a reference; NULL: none */
	u32 depth;            /* of tables being let go */
};
#define MM_SLICE ((struct mm_slice){ .limit = HC_WORK })
#define MM_WHOLE ((struct mm_slice){ .limit = UINT64_MAX })

/* As mm_get_type(), or -XEN_ERESTART: the same is to be asked again. What a refusal half-way leaves is let go, or left. */
int mm_take(struct pv_mm *mm, struct pv_page *pg, enum pv_page_type type, struct mm_slice *sl);
/* As mm_put_type(). It may be left. */
void mm_drop(struct pv_mm *mm, struct pv_page *pg, struct mm_slice *sl);
/* Remembers what is left for this vCPU, which must have nothing else; and goes on with that: 0 or -XEN_ERESTART. */
void mm_keep(struct vcpu *v, struct mm_slice *sl);
int mm_settle(struct vcpu *v, struct mm_slice *sl);
/* What the functions of pv/mm/mm.h do. -XEN_ERESTART as above. */
int mm_update(struct pv_mm *mm, u64 maddr, u64 val, bool preserve_ad, struct mm_slice *sl);
int mm_pin(struct pv_mm *mm, u64 mfn, enum pv_page_type type, struct mm_slice *sl);
int mm_unpin(struct pv_mm *mm, u64 mfn, struct mm_slice *sl);
int mm_set_kernel_root(struct vcpu *v, u64 mfn, struct mm_slice *sl);
int mm_set_user_root(struct vcpu *v, u64 mfn, struct mm_slice *sl);

/* Counts what a whole L1 table uses, or nothing of it: 0 or -XEN_E*; and the reverse. pv/mm/l1.c. */
int mm_l1_validate(struct pv_mm *mm, u64 mfn);
void mm_l1_devalidate(struct pv_mm *mm, u64 mfn);
/* Writes an L1 entry: checks, counts, then drops what the old one counted. alias: it may name an alias. */
int mm_mod_l1(struct pv_mm *mm, u64 maddr, u64 val, bool preserve_ad, bool alias);

/* Stores 8 bytes to a page. False when memory is short. */
INLINE bool mm_store(struct pv_mm *mm, u64 maddr, u64 val)
{
	u8 *p = mem_rw(mm->mem, maddr >> PAGE_SHIFT, PAGE_OFFSET(maddr), 8);

	if (UNLIKELY(!p))
		return false;
	st64(p + PAGE_OFFSET(maddr), val);
	return true;
}

/* Checks a page of descriptors and makes them safe: pv/mm/desc.c. */
int mm_validate_segdesc(struct pv_mm *mm, u64 mfn);

/* One line of -d guest_errors. */
void mm_refused(const struct pv_mm *mm, const char *fmt, ...) PRINTF(2, 3);

#endif
