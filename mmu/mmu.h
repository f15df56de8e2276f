/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One CPU's view of memory: the soft TLB, and the walker behind it, which is its architecture's (mmu/x86/paging.h).
 *
 * The TLB is coherent: it always answers as a fresh walk of the tables would, whatever its size and whatever the guest
 * flushed or forgot to flush. That is what makes a run independent of what the caches held. It costs little, because
 * every frame a walk passes through is watched (enum frame_watch), and a store to a watched frame drops just what was
 * derived from it.
 *
 * An entry is tagged with the page and a context. A context is the identity of one half (low or high addresses) of an
 * address space: two top-level tables with equal entries in a half share its context. So a kernel's half stays warm
 * over process switches, and the user half over the two top-level tables of a paravirtual process.
 *
 * A fast access looks at one slot. Each slot has a victim way, which holds the entry that was in the slot before. The slow path
 * looks there before it walks the tables. That helps because pages that are used together often share a slot: source and
 * destination of a copy do when both are aligned alike.
 */
#ifndef MMU_MMU_H
#define MMU_MMU_H

#include "mmu/frames.h"

#define TLB_BITS 11
#define TLB_SIZE (1u << TLB_BITS)
#define TLB_SLOTS (2 * TLB_SIZE) /* the victim way of slot i is TLB_SIZE + i */
#define TLB_INVALID 0xfffULL /* low 12 bits of a tag that never matches */

enum mmu_access { MMU_READ = 0, MMU_WRITE = 1, MMU_EXEC = 2 };

struct tlb_entry {
	u64 rd, wr, ex; /* page | context, or TLB_INVALID */
	u64 addend;     /* host pointer = addend + guest virtual address; 64 bits on every host, for tlb_slot()'s sake */
};
_Static_assert(sizeof(struct tlb_entry) == 32, "tlb_slot() takes an entry for 32 bytes");

/* Why an address does not lead to a page. */
struct mmu_fault {
	u64 va;
	u32 code;  /* the architecture's word for what was wrong (of x86: PF_*) */
	u64 paddr; /* for MMU_NO_MEMORY */
	enum { MMU_PF, MMU_NONCANONICAL, MMU_NO_MEMORY } kind;
};

/* Pages that no guest table maps: a paravirtual guest's window on the hypervisor (the M2P). */
struct mmu_window {
	u64 start, end;         /* virtual addresses, page-aligned; empty when equal */
	const struct mem *mem;  /* page i of the window is frame i; a missing frame faults */
};

struct mmu_hooks {
	/*
	 * A store that the tables forbid. The paravirtual host emulates it when it goes to a page table the guest owns:
	 * size is 1 to 8 bytes within one page, value little-endian in a host integer. Returns true when it was done.
	 */
	bool (*ro_store)(void *opaque, struct mmu *mmu, u64 va, u64 mfn, u32 size, u64 value);
	/*
	 * An access to a physical address where there is no memory, within one page. Reads fill in buf. False: not now; the
	 * CPU comes back with a single instruction (see BX_EXACT).
	 */
	bool (*device)(void *opaque, struct mmu *mmu, u64 paddr, void *buf, u32 n, bool write);
};

struct mmu_ctx_table;
struct walk;

#define MMU_HALF_ENTRIES 256u

/* An architecture's page tables. What it needs to know beside struct mmu is in mmu->paging. */
struct mmu_arch {
	/*
	 * Walks for one access, or gives the address itself while translation is off. mark: as the processor does, which sets bits
	 * in the tables and looks at all rights; else as a debugger. 0, or -EFAULT with *f.
	 */
	int (*walk)(const struct mmu *m, u64 va, enum mmu_access acc, bool mark, struct walk *w, struct mmu_fault *f);
	/* Bits of a linear address that count. */
	u64 (*linear)(const struct mmu *m);
	/* CTX_USER or CTX_AC, when the rights that accesses have now are not those of a plain supervisor. */
	u32 (*rights)(const struct mmu *m);
	/* What the present top-level table is known by, which holds its address from bit 9 up; 0: it has no name, or no address. */
	u64 (*root_key)(const struct mmu *m);
	/* What identifies a half of the address space: its entries, without what a walk sets in them. */
	void (*half)(const struct mmu *m, bool high, u64 content[MMU_HALF_ENTRIES]);
	/* Bytes of a table's entry, 0 while translation is off. */
	u32 (*entry_size)(const struct mmu *m);
	/* Whether something may have been derived from an entry, of a table that leads on to others and of one that maps pages. */
	bool (*entry_present)(u64 e);
	bool (*entry_used)(u64 e);
	/* The frame that an entry of that many bytes names. */
	u64 (*entry_mfn)(u64 e, u32 size);
};
/* Without any: an address is a physical one. */
extern const struct mmu_arch mmu_flat;

struct mmu {
	struct tlb_entry tlb[TLB_SLOTS];
	u64 ctx[2];         /* low 12 bits of the tags that accesses look for, for each half, [va >> 63] */
	u64 stored[2];      /* low 12 bits of the tags that are filled in: not ctx[] while alignment is checked */
	u64 pte[TLB_SLOTS]; /* machine address of the entry each TLB slot was derived from */
	u64 mfn[TLB_SLOTS];
	struct mem *mem;
	struct mmu_ctx_table *ctxs; /* shared by the CPUs of a domain */
	struct mmu *next;           /* in mem->mmus */
	const struct mmu_arch *arch;
	void *paging;               /* the architecture's own: struct x86_paging */
	u64 root;                   /* machine address of the top-level table */
	u64 linear;                 /* bits of an address that count */
	bool user;                  /* accesses are made with a user's rights */
	bool align;                 /* users' data must be aligned */
	bool aligning;              /* align and user: each access takes the slow path, which checks it */
	bool ctx_stale;             /* contexts must be looked up before the next use */
	u8 victim_hits;             /* of the TLB; wraps */
	u8 nslow;                   /* pages that never get a fast entry: data breakpoints */
	u64 slow_page[4];
	u64 monitor;                /* the physical address of a watched line of 64 bytes, plus 1; 0 when none is */
	struct mmu_window window;
	const struct mmu_hooks *hooks;
	void *opaque;
};

/* Prepares a TLB over mem, whose tables are arch's and paging its own struct, and joins mem's list. 0 or -ENOMEM. */
int mmu_init(struct mmu *m, struct mem *mem, const struct mmu_arch *arch, void *paging);
void mmu_exit(struct mmu *m);
/* Call after any change to root, user, the flags above or the architecture's: contexts are looked up again. */
void mmu_update(struct mmu *m);
/*
 * Drops all TLB entries. To be called when something changes that contexts do not follow: features of the processor,
 * the A20 gate, data breakpoints, frames behind the window, a load of state. Writes to page tables need no flush, for
 * those frames are watched.
 */
void mmu_flush(struct mmu *m);

INLINE struct tlb_entry *tlb_slot(struct mmu *m, u64 va)
{
	return (struct tlb_entry *)(void *)((char *)m->tlb +
					    ((va >> (PAGE_SHIFT - 5)) & ((u64)(TLB_SIZE - 1) << 5)));
}

/* The tag an access of size bytes must find: an access across a page end matches no slot and goes the slow way. */
INLINE u64 tlb_tag(const struct mmu *m, u64 va, u32 size)
{
	return ((va + size - 1) & ~4095ULL) | m->ctx[va >> 63];
}

INLINE u8 *tlb_host(const struct tlb_entry *e, u64 va)
{
	return (u8 *)(uintptr_t)(e->addend + va);
}

/* The linear address an access goes to. */
INLINE u64 mmu_linear(const struct mmu *m, u64 va)
{
	return va & m->linear;
}

/* Host pointer for a read of size bytes when the TLB has it, else NULL. */
INLINE const u8 *mmu_hit_read(struct mmu *m, u64 va, u32 size)
{
	struct tlb_entry *e = tlb_slot(m, va);

	return LIKELY(e->rd == tlb_tag(m, va, size)) ? tlb_host(e, va) : NULL;
}

INLINE u8 *mmu_hit_write(struct mmu *m, u64 va, u32 size)
{
	struct tlb_entry *e = tlb_slot(m, va);

	return LIKELY(e->wr == tlb_tag(m, va, size)) ? tlb_host(e, va) : NULL;
}

/*
 * The same for the slow path, which looks at the victim way, too. An entry that is often hit there moves to the first
 * way.
 */
const u8 *mmu_find_read(struct mmu *m, u64 va, u32 size);
u8 *mmu_find_write(struct mmu *m, u64 va, u32 size);

/*
 * Translates one address. On success the frame number is in *mfn, A (and for writes D) bits are set, and the slot is
 * filled. Returns 0, or -EFAULT with *f filled.
 */
int mmu_translate(struct mmu *m, u64 va, enum mmu_access acc, u64 *mfn, struct mmu_fault *f);
/* As a debugger looks: no A/D bits, no faults, no TLB. 0 or -EFAULT. */
int mmu_peek(const struct mmu *m, u64 va, u64 *mfn, u64 *pte);

/* Guest virtual memory for the slow path and for hypercalls. Nothing is written unless all of it can be. 0 or -EFAULT with *f. */
int mmu_read(struct mmu *m, u64 va, void *dst, size_t n, struct mmu_fault *f);
int mmu_write(struct mmu *m, u64 va, const void *src, size_t n, struct mmu_fault *f);
/* Faults as a write of n bytes would, without writing. */
int mmu_probe_write(struct mmu *m, u64 va, size_t n, struct mmu_fault *f);
/* A debugger's read and write: bypass permissions. 0 or -EFAULT. */
int mmu_debug_read(const struct mmu *m, u64 va, void *dst, size_t n);

/* Watches the line that holds a physical address; the first store to it by anybody ends that. */
void mmu_monitor(struct mmu *m, u64 paddr);
void mmu_monitor_off(struct mmu *m);

/* Called by mem_rw() while a line is watched by MONITOR: bytes [off, off+len) of a frame are about to change. */
void mmu_monitor_written(struct mem *mem, u64 mfn, u32 off, u32 len);
/* Called by mem_rw() and its like: bytes [off, off+len) of a watched frame are about to change. */
void mmu_frame_written(struct mem *mem, u64 mfn, u32 off, u32 len);
/* Takes back all write permissions of the TLBs for a frame: it holds code or page tables now, or is shared. */
void mmu_revoke_writes(struct mem *mem, u64 mfn);
/* The frame at mfn is another one now (cloned, removed): drops TLB entries that point to it. */
void mmu_frame_moved(struct mem *mem, u64 mfn);
/* Takes back the write permissions of the TLBs for frames that an observer has seen. */
void mmu_revoke_looked(struct mem *mem);
/* Takes back all write permissions of the TLBs: after a fork, and after the dirty list was emptied. */
void mmu_drop_writes(struct mem *mem);

#endif
