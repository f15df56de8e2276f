/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The decoder's result and what an emitter does with it.
 *
 * opcodes*.def have one row an opcode. A row names a mnemonic; x86_emit_<mnemonic>() turns one decoded instruction into
 * one or more records. Operand letters are those of the SDM's opcode maps (SDM 2D appendix A.2); M_ is an M without a size, M_512
 * one of 512 bytes, M_94_108 one of 94 bytes where the operand size is 16 bits and of 108 elsewhere.
 *
 *	OP(0x01, add, Ev, Gv, __, LOCK | W_ARITH)         every ModRM
 *	OG(0x80, 0, add, Eb, Ib, __, LOCK | W_ARITH)      ModRM.reg is 0 (a group)
 *	OM(0x0FAE, 0, fxsave, M_512, __, __, ...)         ... and mod is not 3 (memory)
 *	OR(0x0F12, ANY, movhlps, Vq, Uq, __, SSE)         ... and mod is 3 (register); ANY: whatever reg
 *	OX(0xD9, 0xE8, fld1, __, __, __, X87)             the ModRM byte is just this
 *
 * Rows of VEX-encoded instructions stand in opcodes_avx.def (SDM 2A 2.3). They have four operands; H and B are the vector
 * and the general register of VEX.vvvv, L the register of imm8 bits 7:4. VL0, VL1, VW0 and VW1 say what VEX.L and
 * VEX.W must be; without them either will do (a row with VW0 may share its opcode with one of VW1).
 *
 *	VX(0x660FFC, vpaddb, Vx, Hx, Wx, __, FEAT(F_AVX))        every ModRM
 *	VM(0x0F12, ANY, vmovlps, Vq, Hq, Mq, __, ...)            memory form, as OM
 *	VR(0x0F12, ANY, vmovhlps, Vq, Hq, Uq, __, ...)           register form, as OR
 *
 * A mandatory prefix stands before the opcode: 0x660F6F, 0xF30F10, 0xF20F38F0; 0x0F3A maps take an immediate byte.
 * A row without a mandatory prefix serves all prefixes that have no row of their own, unless it says NP.
 */
#ifndef CPU_X86_DECODE_H
#define CPU_X86_DECODE_H

#include "cpu/x86/insn.h"

/* Row flags. */
enum {
	LOCK = 1 << 0,     /* LOCK is allowed with a memory destination */
	W_ARITH = 1 << 1,  /* writes all six arithmetic flags (some may be undefined) */
	W_SOME = 1 << 2,   /* writes some arithmetic flags */
	R_FLAGS = 1 << 3,  /* reads arithmetic flags */
	I64 = 1 << 4,      /* invalid in 64-bit mode */
	O64 = 1 << 5,      /* 64-bit mode only */
	D64 = 1 << 6,      /* operand size is 64 in 64-bit mode (push, pop, near branches) */
	F64 = 1 << 7,      /* ... whatever the prefixes say */
	PRIV = 1 << 8,     /* CPL 0 only */
	END = 1 << 9,      /* ends the block */
	NP = 1 << 10,      /* no mandatory-prefix fallback: only without 66, F3 and F2 */
	NOMEMF = 1 << 11,  /* never faults: no memory, no privilege, no feature test */
	STORE = 1 << 12,   /* writes its memory operand; so do rows with LOCK */
	NOACC = 1 << 13,   /* does not access its memory operand, or not at the address that ModRM gives */
	NOWAIT = 1 << 14,  /* an x87 instruction that does not report a pending exception */
	TS = 1 << 15,      /* XSAVE and its family: #NM when CR0.TS is set */
	/* VEX rows */
	VL0 = 1 << 24,
	VL1 = 1 << 25,
	VW0 = 1 << 26,
	VW1 = 1 << 27,
	INT256 = 1 << 29,  /* with VEX.L it needs AVX2 */
	VSIB = 1 << 28,    /* the index register is a vector register */
	/* SSE rows */
	SIMD = 1 << 30,    /* as if it had vector operands: CR0 and CR4 decide whether it is there */
	/* Features, in bits 16-23: one of enum x86_feature. */
	FEAT_SHIFT = 16
};
enum x86_feature {
	F_BASE, F_X87, F_MMX, F_SSE, F_SSE2, F_SSE3, F_SSSE3, F_SSE41, F_SSE42, F_POPCNT, F_CX16, F_FSGSBASE, F_RDTSCP,
	F_RDRAND, F_XSAVE, F_SYSCALL, F_FXSR, F_CLFLUSH, F_MOVBE, F_LZCNT, F_BMI1, F_BMI2, F_ADX, F_AES, F_PCLMUL, F_SHA,
	F_RDSEED, F_3DNOWPREFETCH, F_CLFLUSHOPT, F_CLWB, F_RDPID, F_AVX, F_AVX2, F_FMA, F_F16C, F_XSAVEOPT, F_XSAVEC,
	F_SMAP, F_INVPCID, F_MONITOR, F_VMX, F_SERIALIZE, F_CMOV, F_CX8, F_TSC, F_PKU,
	/* No row names these: what they allow is a matter of CR4, EFER and emitters. */
	F_VME, F_DE, F_PSE, F_MSR, F_PAE, F_SEP, F_PGE, F_PAT, F_NX, F_LM, F_LAHF, F_PCID, F_SMEP, F_UMIP, F_LA57,
	F_ERMS, F_FSRM, F_PDPE1GB, F_COUNT
};
#define FEAT(f) ((u32)(f) << FEAT_SHIFT)

struct xlat;
struct xi;
struct oprow {
	const char *name;
	const char *op[4]; /* SDM operand letters, "" for none; only VEX rows have a fourth */
	u32 opcode;        /* as written in the row */
	i8 reg;            /* ModRM.reg of a group row, -1 */
	i16 modrm;         /* the whole ModRM of an OX row, -1 */
	u32 flags;
	bool vex;
	bool (*emit)(struct xlat *x, const struct xi *dec);
};

/* One decoded instruction. */
struct xi {
	const struct oprow *row;
	u16 ip;      /* offset in the page */
	u8 len;
	u8 mode;     /* default operand size of the code segment: 2, 4, or 8 for 64-bit mode */
	u8 opsz;     /* effective operand size in bytes: 2, 4, 8 (byte operations look at their row) */
	u8 adsz;     /* effective address size in bytes: 2, 4, 8 */
	u8 rex;      /* 0, or 0x40-0x4f */
	bool lock, p66, p67;
	u8 rep;      /* 0, 0xF3 or 0xF2 */
	u8 segovr;   /* REG_ZERO, or REG_ES.. of an override prefix */
	u8 map;      /* of a legacy opcode: 0 one byte, 1 0F, 2 0F38, 3 0F3A */
	u16 opcode;  /* the last opcode byte */
	u8 modrm, mod, reg, rm; /* reg and rm with REX bits; rm is a register number when mod is 3 */
	u8 reg3;     /* ModRM.reg without REX */
	bool has_modrm, mem;
	bool vex, vl; /* VEX-encoded; VEX.L */
	u8 vvvv;      /* as a register number; 0 when the instruction has none */
	u8 vindex;    /* of a VSIB operand */
	u8 base, index, scale, seg; /* memory operand: seg is REG_ZERO when its base is known to be 0 */
	i32 disp;
	u64 imm;     /* sign-extended as the row's operand says */
	u64 imm2;    /* second immediate: ENTER, far pointers */
	const u8 *bytes;
};

/*
 * Appends a record for dec with handler fn and returns it, its address fields filled from the memory operand when there
 * is one. Never NULL: the translator leaves room for XLAT_MAX_RECORDS an instruction.
 */
struct insn *emit(struct xlat *x, const struct xi *dec, insn_fn fn);
#define XLAT_MAX_RECORDS 6
/* True when ea_simple() is enough for the memory operand. */
bool xi_simple(const struct xi *dec);
/* An instruction that raises #UD (or another vector) when executed. Returns true, for "return emit_ud(x, dec);". */
bool emit_ud(struct xlat *x, const struct xi *dec);
/* ARPL shares its opcode with MOVSXD. */
bool emit_arpl(struct xlat *x, const struct xi *dec);
bool emit_trap(struct xlat *x, const struct xi *dec, u8 vector, u32 err);

/* 0 to 3 for operand sizes of 1, 2, 4 and 8 bytes: what indexes tables of handlers and kinds of flags. */
INLINE u32 size_log2(u32 size)
{
	return size == 1 ? 0 : size == 2 ? 1 : size == 4 ? 2 : 3;
}

/* Offset for struct insn's dst/src of register n at a size in bytes; byte registers honour REX and AH..BH. */
u8 xi_off(const struct xi *dec, u32 n, u32 size);

#endif
