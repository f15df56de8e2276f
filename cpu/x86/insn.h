/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Decoded instructions: the record a handler executes, and how handlers are written.
 *
 * A handler is a function of the CPU and its record. It ends with NEXT, which calls the handler of the following record. Where
 * the compiler makes that call a jump (TAIL_CALLS below) a block runs without a dispatch loop. Elsewhere the same handlers
 * return the next record, and run_block() calls its handler.
 *
 *	HANDLER(op_bswap32)
 *	{
 *		SET32(c, i->dst, __builtin_bswap32(G32(c, i->dst)));
 *		NEXT;
 *	}
 *
 * Memory is accessed by the LOAD and STORE macros. On a fault they leave the handler by return, so they come before anything
 * that the guest can see has changed:
 *
 *	HANDLER(op_paddb_rm)
 *	{
 *		u64 ea = EA(c, i);
 *		union x86_vec s;
 *		LOAD128(s, ea);
 *		...
 *	}
 */
#ifndef CPU_X86_INSN_H
#define CPU_X86_INSN_H

#include "base/endian.h"
#include "cpu/x86/x86.h"

struct insn;
typedef const struct insn *(*insn_fn)(struct x86 *c, const struct insn *i);

/*
 * Registers in c->r that an effective address may use besides the sixteen: zero, the address of the current page, segment bases,
 * masks of address sizes, and the address that a segment check made.
 */
enum { REG_ZERO = 16, REG_PAGE = 17, REG_ES = 18, REG_CS, REG_SS, REG_DS, REG_FS, REG_GS, REG_M16, REG_M32, REG_M64, REG_LIN };

struct insn {
	insn_fn fn;
	u8 dst, src;    /* operands: byte offset into c->r for general registers (OFF8.. below), number for others */
	u8 base, index; /* effective address: register numbers (REG_ZERO for none, REG_PAGE for rip-relative) */
	u8 scale;       /* 0-3 */
	u8 seg;         /* REG_ZERO or REG_ES.. whose base is added */
	u8 asz;         /* REG_M16, REG_M32 or REG_M64: the mask of the address size */
	u8 n;           /* instructions of the block before this one */
	i32 disp;
	u16 ip;  /* offset in its page of the instruction's first byte */
	u8 len;  /* bytes */
	u8 aux;  /* small operand: a condition, an imm8, a segment register */
	u64 imm; /* immediate, sign-extended; or a pointer for block exits */
};

/* ---- general registers -------------------------------------------------------------------------------------- */

/* Byte offset of a 8-, 16-, 32- or 64-bit general register from c->r, for struct insn's dst and src. */
#define OFF64(n) ((u8)((n) * 8))
#define OFF32(n) ((u8)((n) * 8 + (HOST_BIG_ENDIAN ? 4 : 0)))
#define OFF16(n) ((u8)((n) * 8 + (HOST_BIG_ENDIAN ? 6 : 0)))
#define OFF8(n) ((u8)((n) * 8 + (HOST_BIG_ENDIAN ? 7 : 0)))
/* AH, CH, DH, BH: n is 0-3. */
#define OFF8H(n) ((u8)((n) * 8 + (HOST_BIG_ENDIAN ? 6 : 1)))

#define RP(c, off) ((char *)(c)->r + (off))
#define G8(c, off) (*(u8 *)RP(c, off))
#define G16(c, off) (*(u16 *)(void *)RP(c, off))
#define G32(c, off) (*(u32 *)(void *)RP(c, off))
#define G64(c, off) (*(u64 *)(void *)RP(c, off))
#define SET8(c, off, v) (*(u8 *)RP(c, off) = (u8)(v))
#define SET16(c, off, v) (*(u16 *)(void *)RP(c, off) = (u16)(v))
/* A 32-bit result clears the upper half: the offset is that of the whole register on little-endian hosts. */
#define SET32(c, off, v) (*(u64 *)(void *)RP(c, (off) & ~7) = (u32)(v))
#define SET64(c, off, v) (*(u64 *)(void *)RP(c, off) = (u64)(v))

/* ---- flow ---------------------------------------------------------------------------------------------------- */

#if defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__) && !defined(NO_TAIL_CALLS) && \
	(defined(__x86_64__) || defined(__aarch64__) || defined(__s390x__))
#define TAIL_CALLS 1
#else
#define TAIL_CALLS 0
#endif

#if defined(__clang__) && TAIL_CALLS
#define MUSTTAIL __attribute__((musttail))
#else
#define MUSTTAIL
#endif

#define HANDLER(name) const struct insn *name(struct x86 *c, const struct insn *i)
#if TAIL_CALLS
#define GO(rec)                                                                                                      \
	do {                                                                                                         \
		const struct insn *go_ = (rec);                                                                      \
		MUSTTAIL return go_->fn(c, go_);                                                                     \
	} while (0)
#else
#define GO(rec) return (rec)
#endif
#define NEXT GO(i + 1)

/* Why a handler returned NULL: the exit of its block. */
enum block_exit {
	BX_NONE,    /* budget is spent: c->rip is the next instruction */
	BX_LOOKUP,  /* go on at c->rip: no direct link */
	BX_TRAP,    /* an exception, in c->trap */
	BX_SYSCALL, /* c->rip is behind the instruction */
	BX_SYSENTER,
	BX_VMCALL,
	BX_HALT,
	BX_YIELD,
	BX_STOP,
	BX_EXACT /* go on at c->rip with this one instruction alone (c->exact_next): a limit, a device */
};
#define TRAP_DEVICE 0xff /* in c->trap.vector after a failed access: no exception, but a device, which wants BX_EXACT */

/*
 * Ends the block at instruction i with a fault of i, which is not retired: "return raise_trap(c, i, X86_GP, 0);". Vectors
 * without an error code ignore err.
 */
const struct insn *raise_trap(struct x86 *c, const struct insn *i, u8 vector, u32 err) COLD;
#define RAISE(vector, err) return raise_trap(c, i, vector, err)
/* The fault that a failed access or check noted in c->trap. */
const struct insn *raise_fault(struct x86 *c, const struct insn *i) COLD;
/* The same for a push or a pop: #GP becomes #SS, as for a non-canonical stack pointer. */
const struct insn *raise_stack_fault(struct x86 *c, const struct insn *i) COLD;
/* #GP(0) for a misaligned image (FXSAVE). If the address is not canonical, that is reported first, as #GP or #SS. */
const struct insn *raise_misaligned(struct x86 *c, const struct insn *i, u64 ea) COLD;
/* As raise_fault(), for checks that are not of the operand's address: the vector stays as it is. */
const struct insn *raise_noted(struct x86 *c, const struct insn *i) COLD;
/* Ends the block behind instruction i, which is retired. For instructions that change what decoding depends on. */
const struct insn *leave_after(struct x86 *c, const struct insn *i, enum block_exit why);
/* Address of instruction i, and of the one behind it. */
#define IP(c, i) ((c)->r[REG_PAGE] + (i)->ip)
#define NEXT_IP(c, i) ((c)->r[REG_PAGE] + (i)->ip + (i)->len)

/* ---- memory ---------------------------------------------------------------------------------------------------- */

/* Effective address, any form. */
INLINE u64 ea_full(const struct x86 *c, const struct insn *i)
{
	return ((c->r[i->base] + (c->r[i->index] << i->scale) + (u64)(i64)i->disp) & c->r[i->asz]) + c->r[i->seg];
}
/* Effective address of a record that the decoder found to be [base + disp] with 64-bit addressing and no segment base. */
INLINE u64 ea_simple(const struct x86 *c, const struct insn *i)
{
	return c->r[i->base] + (u64)(i64)i->disp;
}
#define EA(c, i) ea_full(c, i)

/*
 * The slow paths (access.c): TLB misses, page crossings, watched frames, faults. Loads put up to 32 bytes into c->tmp, as words
 * in the host's order. False: a fault is noted, leave with "return raise_fault(c, i)".
 */
bool slow_load(struct x86 *c, u64 va, u32 size) NOINLINE;
bool slow_store(struct x86 *c, u64 va, u32 size, u64 v) NOINLINE;
/* n 64-bit words. */
bool slow_store_vec(struct x86 *c, u64 va, const u64 *v, u32 n) NOINLINE;
/* The load of a read-modify-write: faults as a write. */
bool slow_load_rmw(struct x86 *c, u64 va, u32 size) NOINLINE;
/* Checks whether n bytes can be read or written, and faults as that would. */
bool slow_probe(struct x86 *c, u64 va, u32 n, bool write) NOINLINE;
/* Bytes of any number, for FXSAVE-like images. */
bool load_bytes(struct x86 *c, u64 va, void *dst, u32 n);
bool store_bytes(struct x86 *c, u64 va, const void *src, u32 n);

/*
 * While alignment is checked: false, with #AC(0) noted, when the address of n bytes is no multiple of need (SDM 3A table
 * 6-7; vectors of 16 bytes and more want 16). One that is not canonical, or over its limit, has a fault of its own, which
 * comes first.
 */
bool align_fault(struct x86 *c, u64 va, u32 n) COLD;
INLINE bool aligned_for(struct x86 *c, u64 va, u32 n, u32 need)
{
	return LIKELY(!c->mmu.aligning || !(va & (need - 1))) || align_fault(c, va, n);
}
INLINE bool aligned(struct x86 *c, u64 va, u32 n)
{
	return aligned_for(c, va, n, n);
}

/*
 * ... of an operand of n bytes. Intel's looks at words of 2 to 8 bytes alone: a vector of 16 or 32 bytes may lie anywhere,
 * unless its instruction says #GP; what has 10 bytes and more of x87 has rules of its own (seen on a Xeon of family 6, model
 * 207; AMD's looks at vectors too).
 */
INLINE bool aligned_word(struct x86 *c, u64 va, u32 n)
{
	return n > 8 || aligned(c, va, n);
}
/* RFLAGS.AC, CR0.AM or the level may have changed. */
void align_changed(struct x86 *c);

#define LOAD_N(var, ea, bits)                                                                                        \
	do {                                                                                                         \
		u64 ea_ = (ea);                                                                                      \
		struct tlb_entry *e_ = tlb_slot(&c->mmu, ea_);                                                       \
		if (LIKELY(e_->rd == tlb_tag(&c->mmu, ea_, (bits) / 8)))                                             \
			(var) = ld##bits(tlb_host(e_, ea_));                                                         \
		else if (LIKELY(slow_load(c, ea_, (bits) / 8)))                                                      \
			(var) = (u##bits)c->tmp[0];                                                                  \
		else                                                                                                 \
			return raise_fault(c, i);                                                                    \
	} while (0)
#define LOAD8(var, ea) LOAD_N(var, ea, 8)
#define LOAD16(var, ea) LOAD_N(var, ea, 16)
#define LOAD32(var, ea) LOAD_N(var, ea, 32)
#define LOAD64(var, ea) LOAD_N(var, ea, 64)

#define STORE_N(ea, v, bits)                                                                                         \
	do {                                                                                                         \
		u64 ea_ = (ea);                                                                                      \
		struct tlb_entry *e_ = tlb_slot(&c->mmu, ea_);                                                       \
		if (LIKELY(e_->wr == tlb_tag(&c->mmu, ea_, (bits) / 8)))                                             \
			st##bits(tlb_host(e_, ea_), (u##bits)(v));                                                   \
		else if (UNLIKELY(!slow_store(c, ea_, (bits) / 8, (u##bits)(v))))                                    \
			return raise_fault(c, i);                                                                    \
	} while (0)
#define STORE8(ea, v) STORE_N(ea, v, 8)
#define STORE16(ea, v) STORE_N(ea, v, 16)
#define STORE32(ea, v) STORE_N(ea, v, 32)
#define STORE64(ea, v) STORE_N(ea, v, 64)

/*
 * Twins: two handlers from one body, which uses TLOAD and TSTORE. A call to the slow path, however rare, would make the compiler
 * save registers on every path. So the fast twin has no call: when the TLB misses it jumps to the slow twin, which starts the
 * instruction again. The fast one has changed nothing until then.
 */
#define TWIN(name, ...)                                                                                              \
	static NOINLINE HANDLER(name##_slow)                                                                         \
	{                                                                                                            \
		const insn_fn slow_twin = NULL;                                                                      \
		(void)slow_twin;                                                                                     \
		__VA_ARGS__                                                                                          \
	}                                                                                                            \
	static HANDLER(name)                                                                                         \
	{                                                                                                            \
		const insn_fn slow_twin = name##_slow;                                                               \
		(void)slow_twin;                                                                                     \
		__VA_ARGS__                                                                                          \
	}

#define TLOAD_N(var, ea, bits)                                                                                       \
	do {                                                                                                         \
		u64 ea_ = (ea);                                                                                      \
		struct tlb_entry *e_ = tlb_slot(&c->mmu, ea_);                                                       \
		if (LIKELY(e_->rd == tlb_tag(&c->mmu, ea_, (bits) / 8)))                                             \
			(var) = ld##bits(tlb_host(e_, ea_));                                                         \
		else if (slow_twin)                                                                                  \
			return slow_twin(c, i);                                                                      \
		else if (LIKELY(slow_load(c, ea_, (bits) / 8)))                                                      \
			(var) = (u##bits)c->tmp[0];                                                                  \
		else                                                                                                 \
			return raise_fault(c, i);                                                                    \
	} while (0)
#define TSTORE_N(ea, v, bits)                                                                                        \
	do {                                                                                                         \
		u64 ea_ = (ea);                                                                                      \
		struct tlb_entry *e_ = tlb_slot(&c->mmu, ea_);                                                       \
		if (LIKELY(e_->wr == tlb_tag(&c->mmu, ea_, (bits) / 8)))                                             \
			st##bits(tlb_host(e_, ea_), (u##bits)(v));                                                   \
		else if (slow_twin)                                                                                  \
			return slow_twin(c, i);                                                                      \
		else if (UNLIKELY(!slow_store(c, ea_, (bits) / 8, (u##bits)(v))))                                    \
			return raise_fault(c, i);                                                                    \
	} while (0)
#define TLOAD64(var, ea) TLOAD_N(var, ea, 64)
#define TSTORE64(ea, v) TSTORE_N(ea, v, 64)
#define TLOAD8(var, ea) TLOAD_N(var, ea, 8)
#define TLOAD16(var, ea) TLOAD_N(var, ea, 16)
#define TSTORE8(ea, v) TSTORE_N(ea, v, 8)
#define TSTORE16(ea, v) TSTORE_N(ea, v, 16)

/* 16 bytes into the two low words of a union x86_vec (or anything with a q[]). The caller checks alignment. */
#define LOAD128(vec, ea)                                                                                             \
	do {                                                                                                         \
		u64 ea_ = (ea);                                                                                      \
		struct tlb_entry *e_ = tlb_slot(&c->mmu, ea_);                                                       \
		if (LIKELY(e_->rd == tlb_tag(&c->mmu, ea_, 16))) {                                                   \
			const u8 *p_ = tlb_host(e_, ea_);                                                            \
			(vec).q[0] = ld64(p_);                                                                       \
			(vec).q[1] = ld64(p_ + 8);                                                                   \
		} else if (LIKELY(slow_load(c, ea_, 16))) {                                                          \
			(vec).q[0] = c->tmp[0];                                                                      \
			(vec).q[1] = c->tmp[1];                                                                      \
		} else {                                                                                             \
			return raise_fault(c, i);                                                                    \
		}                                                                                                    \
	} while (0)
#define STORE128(ea, vec)                                                                                            \
	do {                                                                                                         \
		u64 ea_ = (ea);                                                                                      \
		struct tlb_entry *e_ = tlb_slot(&c->mmu, ea_);                                                       \
		if (LIKELY(e_->wr == tlb_tag(&c->mmu, ea_, 16))) {                                                   \
			u8 *p_ = tlb_host(e_, ea_);                                                                  \
			st64(p_, (vec).q[0]);                                                                        \
			st64(p_ + 8, (vec).q[1]);                                                                    \
		} else if (UNLIKELY(!slow_store_vec(c, ea_, (vec).q, 2))) {                                          \
			return raise_fault(c, i);                                                                    \
		}                                                                                                    \
	} while (0)

#endif
