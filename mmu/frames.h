/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest memory as a tree of shared frames: root -> leaf of 512 -> frame of 4 KiB.
 *
 * Frames and leaves carry reference counts, so a fork copies the root and counts the leaves up; the first write to a
 * shared leaf or frame clones it and appends the frame to the dirty list. A fresh frame is one shared page of zeros. A
 * frame is named by its machine frame number (mfn); every domain has its own numbering. Frames that several domains
 * write (grants) are never cloned: mem_share().
 *
 * All writers of guest memory, CPUs and host, go through mem_rw(). It drops the translations and the decoded code that
 * were derived from the bytes that change.
 */
#ifndef MMU_FRAMES_H
#define MMU_FRAMES_H

#include "base/log.h"
#include "base/types.h"

#define LEAF_FRAMES 512u

struct code_page; /* decoded code of one frame, owned by the CPU */
struct mem;
struct mem_look;
struct mem_source;
struct mmu;

struct frame {
	u8 *data; /* PAGE_SIZE bytes, page-aligned on the host */
	u32 refs;
	u32 share; /* its record when several memories write it, see mem_share(); 0: a plain frame */
	struct code_page *code; /* NULL when nothing in it has been decoded */
};

/* What the translation caches know of a frame, see mmu/tlb.c. Cached facts only: never saved. */
enum frame_watch {
	WATCH_TABLE_LO = 1,  /* walked as a non-leaf table for addresses of the low half */
	WATCH_TABLE_HI = 2,  /* ... of the high half */
	WATCH_LEAF = 4,      /* its entries map pages that may be cached */
	WATCH_RO_CACHED = 8, /* some cache holds a pointer to this frame while it is shared */
	WATCH_ROOT = 16,     /* a context was derived from it as a top-level table */
	WATCH_STORES = 0xe0, /* stores seen since the last walk, in units of WATCH_STORE */
	WATCH_STORE = 0x20,
	WATCH_ANY_TABLE = WATCH_TABLE_LO | WATCH_TABLE_HI | WATCH_LEAF | WATCH_ROOT
};

struct mem_leaf {
	u32 refs;
	u32 shared; /* frames of it that are shared by mem_share(): then refs is 1 */
	const struct mem *owner; /* the memory whose dirty list the dirty bits describe; NULL: none */
	struct frame *frames[LEAF_FRAMES];
	u64 dirty[LEAF_FRAMES / 64];
	u8 watch[LEAF_FRAMES];
};

/* Where frames come from: one per host. */
struct frame_pool {
	struct frame *zero; /* the shared page of zeros */
	struct frame_slab *slabs;
	struct frame *free;  /* linked through code */
	u64 live;            /* frames handed out, the zero page apart */
	u64 limit;           /* at most this many live frames; 0 is no limit */
	struct frame_share *shares; /* records of frames that several memories write: mmu/share.c */
	u32 nshares, share_free;
	void (*code_dropped)(struct frame *f, void *opaque); /* a frame with decoded code is going away */
	void *opaque;
};

/* Calls from memory to those who cache what was in it. */
struct mem_hooks {
	/* Bytes [off, off+len) of a frame that holds decoded code are about to change. */
	void (*code_written)(void *opaque, struct frame *f, u32 off, u32 len);
	/* A mapping of code may have changed: address-to-code caches of every CPU of this memory are void. */
	void (*code_unmapped)(void *opaque);
};

/*
 * Leaves [leaf, end) hold numbers that count up, as little-endian words of word bytes. The first number of the first
 * leaf is first. Such a leaf is NULL in the root until it is first read or written, and is made then.
 */
struct mem_series {
	u64 leaf, end, first;
	u32 word;
};

struct mem {
	struct frame_pool *pool;
	struct mem_leaf **root;
	struct mem_series series;
	struct mem_late {
		struct mem_source *source; /* has the pages that wait, see mmu/late.h; NULL: none do */
		u64 *waits;                /* a bit for each frame */
	} late;
	u64 limit; /* frame numbers are below this */
	u32 *dirty; /* frame numbers written since mem_clear_dirty(), each once */
	u32 ndirty, capdirty;
	u32 monitors; /* lines that CPUs watch for stores, see mmu_monitor() */
	u32 attentive; /* the number of monitors and of observers; at 0 only the caches are told of stores */
	struct mem_look *looks; /* observers, see mmu/look.h */
	struct mmu *mmus; /* the translation caches that look at this memory */
	const struct mem_hooks *hooks;
	void *opaque;
};

/* Starts a pool. 0 or -ENOMEM. */
int frame_pool_init(struct frame_pool *p);
/* Frees every frame; nobody may hold one any more. */
void frame_pool_free(struct frame_pool *p);
struct frame *frame_get(struct frame *f);
void frame_put(struct frame_pool *p, struct frame *f);

/* Makes an empty memory for frame numbers below limit. 0 or -ENOMEM. */
int mem_init(struct mem *m, struct frame_pool *pool, u64 limit);
void mem_free(struct mem *m);
/* Gives the domain a frame of zeros at mfn. 0, -EEXIST, -EINVAL (out of range) or -ENOMEM. */
int mem_add(struct mem *m, u64 mfn);
/*
 * As mem_add() for n frames. They take nearly no host memory until they are written. Frames of whole leaves are not put
 * on the dirty list. After an error some of the frames have been added.
 */
int mem_add_zeros(struct mem *m, u64 mfn, u64 n);
/*
 * Fills n frames with numbers from first up, of 4 or 8 bytes each. The frames have been added, and no CPU has used them
 * yet. Whole leaves of the first series of a memory are made only when they are first used. 0, -EINVAL (no frame there)
 * or -ENOMEM.
 */
int mem_add_series(struct mem *m, u64 mfn, u64 n, u64 first, u32 word);
/*
 * Puts a frame at mfn that is somewhere else already. Whoever writes one of them first gets a copy of its own, as after
 * a fork: this saves memory where many frames begin alike, and is for memory that no CPU writes through its TLB. Where
 * all are to see what one of them writes, use mem_share(). Errors as mem_add(), and -EINVAL for a frame that is shared
 * by that.
 */
int mem_alias(struct mem *m, u64 mfn, struct frame *f);
/*
 * Makes mfn of m the same frame as at of from, which may be m itself: each sees what the other stores (a grant, a
 * foreign mapping). A store through any of them reaches the decoded code, the TLBs, the observers and the dirty lists
 * of all. Stores to such a frame always go the slow way.
 *
 * A fork of a memory gets a copy of such a frame, which no other memory has: the fork is a world of its own, in which
 * the other users are not. A frame that the memory has at two numbers is one frame at two numbers in the fork, too. (To
 * fork several memories together, which then share the copy, is not there yet.) When all users of a frame but one have
 * removed it, or are gone, it is a plain frame again.
 *
 * The two memories have one pool. 0, -EEXIST, -EINVAL (nothing at at, out of range, another pool) or -ENOMEM.
 */
int mem_share(struct mem *m, u64 mfn, struct mem *from, u64 at);
/* Whether m has f, and shares it by mem_share(); then the lowest number at which m has it is in *mfn. */
bool mem_shared_at(const struct mem *m, const struct frame *f, u64 *mfn);
/* Takes the frame at mfn away. Nothing happens where there is none. */
void mem_remove(struct mem *m, u64 mfn);
/*
 * Makes dst, which must be empty, a copy of src. They have every frame together until one of them writes it; of those
 * that src shares by mem_share() dst gets copies at once. 0, -EINVAL when their limits differ, or -ENOMEM; then dst is
 * empty.
 */
int mem_fork(struct mem *dst, struct mem *src);
/*
 * Makes dst, with whatever is in it, a copy of src as mem_fork() does: its own frames go, its dirty list is empty, its CPUs'
 * caches forget it. 0, -EINVAL when their limits differ, or -ENOMEM; then dst is empty.
 */
int mem_become(struct mem *dst, struct mem *src);
/* Empties the dirty list. Frames written from now on are put on it again. */
void mem_clear_dirty(struct mem *m);

/* True when the frame waits for the source. */
INLINE bool mem_waits_late(const struct mem *m, u64 mfn)
{
	return m->late.source && m->late.waits[mfn / 64] >> (mfn % 64) & 1;
}

/*
 * True when the frame is there, and its bytes will be made or read when somebody first looks at it: see struct mem_series and
 * mmu/late.h.
 */
INLINE bool mem_waits(const struct mem *m, u64 mfn)
{
	u64 leaf = mfn / LEAF_FRAMES;

	if (mem_waits_late(m, mfn))
		return true;
	return leaf - m->series.leaf < m->series.end - m->series.leaf && !m->root[leaf];
}

/* The part of mem_frame() where there is none yet: makes it when it waits. */
struct frame *mem_frame_late(const struct mem *m, u64 mfn);

/* The frame at mfn, or NULL. */
INLINE struct frame *mem_frame(const struct mem *m, u64 mfn)
{
	const struct mem_leaf *l;

	if (mfn >= m->limit)
		return NULL;
	l = m->root[mfn / LEAF_FRAMES];
	return LIKELY(l && l->frames[mfn % LEAF_FRAMES]) ? l->frames[mfn % LEAF_FRAMES] : mem_frame_late(m, mfn);
}

/* Whether it has a frame there. Does not make one that waits. */
INLINE bool mem_has(const struct mem *m, u64 mfn)
{
	return mem_waits(m, mfn) || mem_frame(m, mfn);
}

/* The first number from mfn on at which the memory has a frame, or its limit: for walks of all, which pass over what is not there. */
u64 mem_next(const struct mem *m, u64 mfn);

/* The bytes of a frame for reading, or NULL. Do not keep the pointer across any write to guest memory. */
INLINE const u8 *mem_ro(const struct mem *m, u64 mfn)
{
	const struct frame *f = mem_frame(m, mfn);

	return f ? f->data : NULL;
}

/*
 * As mem_ro(), and changes nothing: a page that waits is written to page. Safe on another thread for a memory that nobody uses. A
 * page that cannot be read any more is all zeros: mem_lost().
 */
const u8 *mem_page(const struct mem *m, u64 mfn, u8 page[PAGE_SIZE]);

/*
 * The bytes of a frame for writing [off, off+len): unshares it, lists it as dirty, and tells the caches that these
 * bytes change. NULL when there is no such frame or memory is short. Returns the start of the page, not of the range.
 * Do not keep the pointer.
 */
u8 *mem_rw(struct mem *m, u64 mfn, u32 off, u32 len);
/*
 * As mem_rw() for a whole page, but nobody is told of a store: the caller sees to code, tables and observers itself, or
 * calls mem_rw() for each store.
 */
u8 *mem_unshare(struct mem *m, u64 mfn);

/*
 * Copies n bytes at a machine address, across frames. 0, or -EFAULT when a frame is missing; a part may have been
 * copied then.
 */
int mem_read(const struct mem *m, u64 maddr, void *dst, size_t n);
int mem_write(struct mem *m, u64 maddr, const void *src, size_t n);
/* Little-endian words at aligned machine addresses; reads of a missing frame give 0, writes to one do nothing. */
u32 mem_read_u32(const struct mem *m, u64 maddr);
u64 mem_read_u64(const struct mem *m, u64 maddr);
void mem_write_u32(struct mem *m, u64 maddr, u32 v);
void mem_write_u64(struct mem *m, u64 maddr, u64 v);

INLINE u8 *mem_watch(const struct mem *m, u64 mfn)
{
	return &m->root[mfn / LEAF_FRAMES]->watch[mfn % LEAF_FRAMES];
}

/* True when the frame may be written in place: neither it nor its leaf is shared, and it is on the dirty list. */
INLINE bool mem_is_private_dirty(const struct mem *m, u64 mfn)
{
	const struct mem_leaf *l = m->root[mfn / LEAF_FRAMES];
	u32 i = mfn % LEAF_FRAMES;

	return l->refs == 1 && l->frames[i]->refs == 1 && (l->dirty[i / 64] >> (i % 64) & 1);
}

/* Frames in use by this memory (aliases too). Walks the whole tree. */
u64 mem_count(const struct mem *m);
/* A hash over frame numbers and contents; a frame of zeros hashes the same whether or not it was ever written. */
u64 mem_hash(const struct mem *m, u64 h);

#endif
