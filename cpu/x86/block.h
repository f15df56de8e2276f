/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Blocks of decoded instructions, the cache that holds them, and how control goes from one to the next.
 *
 * A block's key is the frame that its bytes lie in, the offset there, and the mode; not the address. So blocks stay valid when
 * CR3 changes, and all addresses, processes and domains that map the frame share them. Within a page a block is linked
 * directly to the next one. Across pages each CPU has a table of jumps, tagged by address and context.
 */
#ifndef CPU_X86_BLOCK_H
#define CPU_X86_BLOCK_H

#include "cpu/x86/insn.h"

#define BLOCK_MAX_INSNS 48u
#define JUMP_BITS 12
#define JUMP_SIZE (1u << JUMP_BITS)
#define JUMP_SLOTS (2 * JUMP_SIZE) /* the victim way of slot i is JUMP_SIZE + i */
#define NO_LINK 0xffffu

/* What decoding depends on besides the bytes: struct x86's mode_key. */
enum {
	KEY_CS32 = 1,   /* 32-bit default size */
	KEY_CS64 = 2,   /* 64-bit mode */
	KEY_SS32 = 4,   /* stack addresses are 32 bits */
	KEY_CPL = 3 << 3,
	KEY_TS = 1 << 5,
	KEY_EM = 1 << 6,
	KEY_MP = 1 << 7,
	KEY_OSFXSR = 1 << 8,
	KEY_OSXSAVE = 1 << 9,
	KEY_LMA = 1 << 10,
	KEY_PE = 1 << 11,
	KEY_VM = 1 << 12,
	KEY_AVX = 1 << 14,      /* CR4.OSXSAVE is set, and SSE and AVX in XCR0 */
	KEY_SEGCHECK = 1 << 13, /* some segment is not flat: each access is checked */
	KEY_CPL_SHIFT = 3,
	KEY_SET_SHIFT = 16 /* from here: which of the cache's sets of features */
};
#define CODE_SETS 64u

struct block {
	struct block *hash_next; /* in its bucket */
	struct block *page_next; /* of the same frame */
	struct frame *frame;
	u32 key;
	u16 off;     /* of the first byte */
	u16 bytes;
	u16 ninsns, nrecs;
	u16 links[2]; /* records whose imm may point at another block, or NO_LINK */
	bool dead;
	bool cross;  /* one instruction that runs into the next page: checked at every lookup */
	u8 tail_len; /* its bytes there */
	u8 tail[15];
	struct insn rec[];
};

/* Decoded code of one frame. */
struct code_page {
	struct frame *frame;
	struct code_page *next, **prev;
	struct block *blocks;
	u64 lines; /* a bit for each 64 bytes that some block covers */
};

struct code_jump {
	u64 tag;
	struct block *b;
};

struct code_cache {
	u8 *raw;
	u8 *arena; /* in raw: records lie within lines of the host's cache */
	size_t size, used;
	struct block **buckets;
	u32 nbuckets;
	struct code_page *pages;
	struct x86 *cpus; /* every CPU with a table of jumps into this cache (linked by cpu->next_in_cache) */
	u64 generation;   /* raised when the arena is emptied */
	struct block *scratch; /* the block being executed when it is not in the cache */
	u64 translated;   /* blocks, for statistics */
	u64 sets[CODE_SETS]; /* of features that CPUs of this cache have had; the number of its set is in a block's key */
	u32 nsets;
};

/* 0 or -ENOMEM. */
struct code_cache *code_cache_new(size_t bytes);
void code_cache_free(struct code_cache *cc);
/* Removes all blocks. Not while a block runs. */
void code_cache_flush(struct code_cache *cc);
struct block *code_find(struct code_cache *cc, const struct frame *f, u32 off, u32 key);
/* Room for a block of n records, perhaps after a flush; NULL when it cannot fit at all. */
struct block *code_alloc(struct code_cache *cc, u32 nrecs);
/* From now on stores to this frame are reported to code_written(). NULL: no memory. */
struct code_page *code_watch(struct code_cache *cc, struct frame *f, struct mem *mem, u64 mfn);
/* Makes a block (its key fields filled) findable. */
void code_insert(struct code_cache *cc, struct block *b, struct mem *mem, u64 mfn);
/* Bytes of f change: takes the blocks over them out of use, also the one that runs. */
void code_written(struct code_cache *cc, struct frame *f, u32 off, u32 len);
/* The frame is going away. */
void code_drop_frame(struct frame *f, void *cache);
/* Empties the CPU's table of jumps. */
void x86_wipe_jumps(struct x86 *c);

INLINE u64 jump_tag(const struct x86 *c, u64 va)
{
	return va ^ (c->mmu.ctx[va >> 63] << 48) ^ c->mode_tag;
}

INLINE struct code_jump *jump_slot(const struct x86 *c, u64 va)
{
	return &c->jumps[(va ^ va >> JUMP_BITS) & (JUMP_SIZE - 1)];
}

/* Whether each block is logged as it is entered: then none is entered from another. */
INLINE bool tracing(const struct x86 *c)
{
	return c->cpu.log && log_on(c->cpu.log, LOG_EXEC | LOG_CPU);
}

/* Leaves the block loop with c->rip set. */
INLINE const struct insn *leave(struct x86 *c, u64 rip, enum block_exit why)
{
	c->rip = rip;
	c->exit = (u8)why;
	return NULL;
}

/* Goes on with block b, in the page of REG_PAGE. n of its first record is its number of instructions. */
#define ENTER(b)                                                                                                     \
	do {                                                                                                         \
		struct block *enter_ = (b);                                                                          \
		if (UNLIKELY((c->cpu.budget -= enter_->rec[0].n) < 0)) {                                                 \
			c->cpu.budget += enter_->rec[0].n;                                                               \
			return leave(c, c->r[REG_PAGE] + enter_->off, BX_NONE);                                      \
		}                                                                                                    \
		GO(enter_->rec);                                                                                     \
	} while (0)

/* Goes on at c->rip where the table of jumps has it in a victim way, else leaves the loop. */
HANDLER(jump_second);

/* Goes on at any address. */
#define JUMP(target)                                                                                                 \
	do {                                                                                                         \
		u64 to_ = (target);                                                                                  \
		struct code_jump *j_ = jump_slot(c, to_);                                                            \
		if (UNLIKELY(j_->tag != jump_tag(c, to_))) {                                                         \
			c->rip = to_;                                                                                \
			MUSTTAIL return jump_second(c, i);                                                           \
		}                                                                                                    \
		c->r[REG_PAGE] = PAGE_BASE(to_);                                                                     \
		ENTER(j_->b);                                                                                        \
	} while (0)

/* Follows a direct link of record rec (op_goto form: disp is the target's offset from the page). */
#define FOLLOW(rec_)                                                                                                 \
	do {                                                                                                         \
		const struct insn *l_ = (rec_);                                                                      \
		if (UNLIKELY(!l_->imm))                                                                              \
			return link_slow(c, l_);                                                                     \
		ENTER((struct block *)(uintptr_t)l_->imm);                                                           \
	} while (0)
const struct insn *link_slow(struct x86 *c, const struct insn *i);

/* A Jcc is three records: itself, then the way on when not taken, then the way when taken. */
#define BRANCH(jcc, cond)                                                                                            \
	do {                                                                                                         \
		const struct insn *way_ = (jcc) + ((cond) ? 2 : 1);                                                  \
		if (LIKELY(way_->imm != 0))                                                                          \
			ENTER((struct block *)(uintptr_t)way_->imm);                                                 \
		GO(way_);                                                                                            \
	} while (0)

/*
 * An absolute near target: #GP(0) at the branch itself when it is not canonical, before anything has changed (SDM 2,
 * JMP, CALL, RET). Addresses in the table of jumps have been executed from, so they are.
 */
INLINE bool bad_target(const struct x86 *c, u64 to)
{
	u32 bits = c->paging.mode == MMU_LONG5 ? 56 : 47;

	return UNLIKELY(jump_slot(c, to)->tag != jump_tag(c, to)) && (u64)((i64)to >> bits) + 1 > 1;
}
#define NEAR64(to)                                                                                                   \
	do {                                                                                                         \
		if (bad_target(c, to))                                                                               \
			RAISE(X86_GP, 0);                                                                            \
	} while (0)

HANDLER(op_stale);
HANDLER(op_goto);     /* to disp in this page, linked */
HANDLER(op_goto_far); /* to disp beyond this page */

/*
 * The block at c->rip, of at most limit instructions. The link that led here, when one waits in c->link_from, is made. NULL:
 * c->trap says why.
 */
struct block *block_next(struct x86 *c, u64 limit);
/* Puts what the MMU said of a fetch for the instruction at rip into c->trap. */
void fetch_fault(struct x86 *c, u64 rip, const struct mmu_fault *f);
/*
 * Decodes a block of at most limit instructions from c->rip, which lies in frame f. keep: into the cache, else into the
 * scratch block. NULL: c->trap says why.
 */
struct block *block_translate(struct x86 *c, struct frame *f, u64 mfn, u32 limit, bool keep);

#endif
