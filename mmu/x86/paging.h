/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86 page tables (SDM 3A chapter 4): their entries, their modes, and the control bits that their walker goes by.
 */
#ifndef MMU_X86_PAGING_H
#define MMU_X86_PAGING_H

#include "mmu/mmu.h"

/* #PF error code bits, SDM 3A 4.7. */
enum { PF_P = 1, PF_W = 2, PF_U = 4, PF_RSVD = 8, PF_I = 16, PF_PK = 32 };

/* Page-table entry bits, SDM 3A 4.5. */
#define PTE_P BIT(0)
#define PTE_W BIT(1)
#define PTE_U BIT(2)
#define PTE_PWT BIT(3)
#define PTE_PCD BIT(4)
#define PTE_A BIT(5)
#define PTE_D BIT(6)
#define PTE_PSE BIT(7)
#define PTE_G BIT(8)
#define PTE_NX BIT(63)
#define PTE_ADDR 0x000ffffffffff000ULL
#define PTE_MFN(e) (((e) & PTE_ADDR) >> PAGE_SHIFT)

/* MMU_LONG3: the tables of long mode from their third level down, for the 4 GiB of a 32-bit paravirtual guest. */
enum mmu_mode { MMU_OFF, MMU_LEGACY32, MMU_PAE, MMU_LONG3, MMU_LONG4, MMU_LONG5 };

/* mmu_update() after any change. */
struct x86_paging {
	enum mmu_mode mode;
	bool wp, nxe, pse, smep, smap; /* CR0.WP, EFER.NXE, CR4.PSE/SMEP/SMAP */
	bool pv;     /* the hypervisor's slots of the top-level table are not the guest's to define */
	bool no_us;  /* U/S is not: every page is a user's */
	bool top3;   /* long mode without the fourth level: MMU_LONG3 */
	bool ac;     /* RFLAGS.AC: SMAP is lifted */
	bool giant;  /* 1 GiB pages are there (pdpe1gb) */
	bool keys;   /* CR4.PKE in long mode: pages of users have keys */
	bool pdptes; /* PAE: the four PDPTEs are in pdpte[], not read from memory */
	u32 pkru;    /* what the keys forbid: access, then write, from key 0 up */
	u64 pdpte[4];
	u64 a20;     /* mask on frame numbers: the A20 gate */
};

/* mmu_init() for tables of x86, with translation off. p: stays with m. */
int x86_mmu_init(struct mmu *m, struct mem *mem, struct x86_paging *p);

INLINE struct x86_paging *x86_paging_of(const struct mmu *m)
{
	return m->paging;
}

#endif
