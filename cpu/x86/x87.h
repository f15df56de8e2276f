/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside of the x87: the register stack, exceptions, and how its rows become records. SDM 1 chapter 8.
 *
 * A handler with a local whose address is taken could not end in a jump to the next one. So the work is done in functions
 * that handlers call.
 */
#ifndef CPU_X86_X87_H
#define CPU_X86_X87_H

#include "cpu/fp.h"
#include "cpu/x86/decode.h"
#include "cpu/x86/opcodes.h"
#include "cpu/x86/xlat.h"

/* Status word, SDM 1 8.1.3; TOP (bits 13:11) is kept apart. */
enum {
	SW_SF = 0x40,   /* stack fault */
	SW_ES = 0x80,   /* an unmasked exception is pending */
	SW_C0 = 0x100,
	SW_C1 = 0x200,
	SW_C2 = 0x400,
	SW_TOP = 0x3800,
	SW_C3 = 0x4000,
	SW_B = 0x8000
};

/* What the operand pointer says of a linear address: its offset in the segment. */
INLINE u64 x87_operand(const struct x86 *c, const struct insn *i, u64 ea)
{
	return i->seg == REG_LIN ? c->lin_off : ea - c->r[i->seg];
}

INLINE struct x86_fpr *x87_reg(struct x86 *c, unsigned n)
{
	return &c->s.fpu.st[(c->s.fpu.top + n) & 7];
}

INLINE struct f80 x87_st(struct x86 *c, unsigned n)
{
	const struct x86_fpr *r = x87_reg(c, n);
	return (struct f80){ r->mant, r->se };
}

INLINE bool x87_empty(const struct x86 *c, unsigned n)
{
	return !(c->s.fpu.tag >> ((c->s.fpu.top + n) & 7) & 1);
}

/* Sets ST(n), in use from now on. */
INLINE void x87_set(struct x86 *c, unsigned n, struct f80 v)
{
	unsigned r = (c->s.fpu.top + n) & 7;
	c->s.fpu.st[r].mant = v.mant;
	c->s.fpu.st[r].se = v.se;
	c->s.fpu.tag |= (u8)(1 << r);
}

INLINE void x87_pop(struct x86 *c)
{
	c->s.fpu.tag &= (u8)~(1 << c->s.fpu.top);
	c->s.fpu.top = (c->s.fpu.top + 1) & 7;
}

INLINE void x87_push(struct x86 *c, struct f80 v)
{
	c->s.fpu.top = (c->s.fpu.top - 1) & 7;
	x87_set(c, 0, v);
}

INLINE void x87_clear_c1(struct x86 *c)
{
	c->s.fpu.sw &= (u16)~SW_C1;
}

/* A normal double, widened: nothing to report. False for all others. */
INLINE bool x87_widen_quick(u64 v, struct f80 *r)
{
	u32 exp = v >> 52 & 0x7ff;

	r->mant = v << 11 | 1ull << 63;
	r->se = (u16)((v >> 63) << 15 | (exp + 15360));
	return exp - 1 < 0x7fe;
}

/* The status word with TOP in it. */
INLINE u16 x87_sw(const struct x86 *c)
{
	return (u16)(c->s.fpu.sw | c->s.fpu.top << 11);
}

/*
 * Merges what an instruction found into the status word, C1 included. False: an exception stands in its way (an
 * unmasked invalid, denormal or zero divide) and its operands stay as they are. SDM 1 8.5.
 */
bool x87_note(struct x86 *c, const struct insn *i, struct fp_env *e);
/* A stack overflow or underflow. True when masked: go on with the default NaN. SDM 1 8.5.1.1. */
bool x87_stack_fault(struct x86 *c, const struct insn *i, bool overflow) COLD;
/* Makes ES and B follow from the flags and the masks. */
void x87_summarize(struct x86 *c);
/* FNINIT. SDM 2A FINIT. */
void x87_init(struct x86 *c);

/*
 * The first 160 bytes of an FXSAVE or XSAVE image: environment and registers, without MXCSR (bytes 24 to 31 are left
 * alone). wide: 64-bit pointers (REX.W). SDM 1 10.5.1, 13.5.1.
 */
void x87_save_image(const struct x86 *c, u8 image[160], bool wide);
void x87_load_image(struct x86 *c, const u8 image[160], bool wide);

/* A record for dec; #NM when CR0.EM or CR0.TS says so. src: i of ST(i). imm: the opcode for FOP. */
struct insn *x87_emit(struct xlat *x, const struct xi *dec, insn_fn fn);
/* Whether record i is a store to memory that an unmasked exception will keep from happening. Changes c->tmp alone. */
bool x87_store_stops(struct x86 *c, const struct insn *i);

/* An exception is pending: only the instructions that do not wait go on. SDM 1 8.6. */
#define X87_WAIT                                                                                                     \
	do {                                                                                                         \
		if (UNLIKELY(c->s.fpu.sw & SW_ES))                                                                   \
			RAISE(X86_MF, 0);                                                                            \
	} while (0)
/* Last instruction pointer, for all but control instructions. SDM 1 8.1.8. */
#define X87_BEGIN                                                                                                    \
	do {                                                                                                         \
		X87_WAIT;                                                                                            \
		c->s.fpu.fip = IP(c, i) - c->r[REG_CS];                                                              \
	} while (0)

#define X87_ROW(name, fn)                                                                                            \
	bool x86_emit_##name(struct xlat *x, const struct xi *dec)                                                   \
	{                                                                                                            \
		x87_emit(x, dec, fn);                                                                                \
		return true;                                                                                         \
	}

#endif
