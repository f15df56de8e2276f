/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The opcode tables: their rows, and the index by which map, prefix, opcode and ModRM find a row.
 */
#include "cpu/x86/opcodes.h"

/* Index 0 means "no row"; rows count from 1. */
const struct oprow x86_rows[] = {
	{ "", { "", "", "", "" }, 0, -1, -1, 0, false, NULL },
#define STR_(x) #x
#define ROW(opc, reg, modrm, mnem, a, b, d, fl) { #mnem, { STR_(a), STR_(b), STR_(d), "" }, opc, reg, modrm, fl, false, x86_emit_##mnem },
#define OP(opc, mnem, a, b, d, fl) ROW(opc, -1, -1, mnem, a, b, d, fl)
#define OG(opc, reg, mnem, a, b, d, fl) ROW(opc, reg, -1, mnem, a, b, d, fl)
#define OM(opc, reg, mnem, a, b, d, fl) ROW(opc, reg, -1, mnem, a, b, d, fl)
#define OR(opc, reg, mnem, a, b, d, fl) ROW(opc, reg, -1, mnem, a, b, d, fl)
#define OX(opc, modrm, mnem, a, b, d, fl) ROW(opc, -1, modrm, mnem, a, b, d, fl)
#include "cpu/x86/opcodes.def"
#undef OP
#undef OG
#undef OM
#undef OR
#undef OX
};
const u32 x86_nrows = ARRAY_SIZE(x86_rows);

const struct oprow x86_vex_rows[] = {
	{ "", { "", "", "", "" }, 0, -1, -1, 0, true, NULL },
#define VROW(opc, reg, mnem, a, b, d, e, fl)                                                                         \
	{ #mnem, { STR_(a), STR_(b), STR_(d), STR_(e) }, opc, reg, -1, fl, true, x86_emit_##mnem },
#define VX(opc, mnem, a, b, d, e, fl) VROW(opc, -1, mnem, a, b, d, e, fl)
#define VM(opc, reg, mnem, a, b, d, e, fl) VROW(opc, reg, mnem, a, b, d, e, fl)
#define VR(opc, reg, mnem, a, b, d, e, fl) VROW(opc, reg, mnem, a, b, d, e, fl)
#include "cpu/x86/opcodes_avx.def"
#undef VX
#undef VM
#undef VR
};
const u32 x86_vex_nrows = ARRAY_SIZE(x86_vex_rows);

/* Where an opcode as written in a row belongs. */
#define IS3(o) (((o) >> 16 & 0xff) == 0x0f)
#define MAP(o) ((u32)(o) < 0x100 ? 0u : IS3(o) ? (((o) >> 8 & 0xff) == 0x38 ? 2u : 3u) : 1u)
#define PFXB(o) ((u32)(o) < 0x100 ? 0u : IS3(o) ? (u32)(o) >> 24 : (u32)(o) >> 16)
#define PFX(o) (PFXB(o) == 0x66 ? 1u : PFXB(o) == 0xf3 ? 2u : PFXB(o) == 0xf2 ? 3u : 0u)
/* Map 0 has one plane, the others four (by prefix). */
#define PLANE(m, p) ((m) ? 1u + ((m) - 1) * 4 + (p) : 0u)
#define PLANES 13u
/* Sixteen places an opcode: register forms at 0-7 by ModRM.reg, memory forms at 8-15. */
#define AT(o, i) [((PLANE(MAP(o), PFX(o)) * 256 + ((o) & 0xff)) * 16 + (i))]
#define RANGE(o, i, j) [((PLANE(MAP(o), PFX(o)) * 256 + ((o) & 0xff)) * 16 + (i)) ... ((PLANE(MAP(o), PFX(o)) * 256 + ((o) & 0xff)) * 16 + (j))]
#define REG0(r) ((r) == ANY ? 0 : (r))
#define REG1(r) ((r) == ANY ? 7 : (r))

enum { INDEX_BASE = __COUNTER__ };
#define NUM (__COUNTER__ - INDEX_BASE)

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
#ifdef __clang__
#pragma GCC diagnostic ignored "-Winitializer-overrides"
#endif
static const u16 row_index[PLANES * 256 * 16] = {
#define OP_(n, opc) RANGE(opc, 0, 15) = (n),
#define OG_(n, opc, reg) AT(opc, reg) = (n), AT(opc, 8 + (reg)) = (n),
#define OM_(n, opc, reg) RANGE(opc, 8 + REG0(reg), 8 + REG1(reg)) = (n),
#define OR_(n, opc, reg) RANGE(opc, REG0(reg), REG1(reg)) = (n),
#define OP(opc, mnem, a, b, d, fl) OP_(NUM, opc)
#define OG(opc, reg, mnem, a, b, d, fl) OG_(NUM, opc, reg)
#define OM(opc, reg, mnem, a, b, d, fl) OM_(NUM, opc, reg)
#define OR(opc, reg, mnem, a, b, d, fl) OR_(NUM, opc, reg)
#define IGNORE(n)
#define OX(opc, modrm, mnem, a, b, d, fl) [PLANES * 256 * 16 - 1] = (NUM) * 0,
#include "cpu/x86/opcodes.def"
#undef OP
#undef OG
#undef OM
#undef OR
#undef OX
};

/* Rows of one ModRM byte only: D8-DF, then 0F01 and 0FAE. */
#define XSET(o) ((u32)(o) < 0x100 ? (u32)(o) - 0xd8u : (o) == 0x0f01 ? 8u : 9u)
enum { EXACT_BASE = __COUNTER__ };
#undef NUM
#define NUM (__COUNTER__ - EXACT_BASE)
static const u16 exact_index[10 * 64] = {
#define SKIP_(n) [10 * 64 - 1] = (n) * 0,
#define OX_(n, opc, modrm) [XSET(opc) * 64 + ((modrm) & 63)] = (n),
#define OP(opc, mnem, a, b, d, fl) SKIP_(NUM)
#define OG(opc, reg, mnem, a, b, d, fl) SKIP_(NUM)
#define OM(opc, reg, mnem, a, b, d, fl) SKIP_(NUM)
#define OR(opc, reg, mnem, a, b, d, fl) SKIP_(NUM)
#define OX(opc, modrm, mnem, a, b, d, fl) OX_(NUM, opc, modrm)
#include "cpu/x86/opcodes.def"
#undef OP
#undef OG
#undef OM
#undef OR
#undef OX
};

/* VEX: a plane for each map, prefix and W. A row for both values of W is in both planes. */
#define VPLANE(o, w) (((MAP(o) - 1) * 4 + PFX(o)) * 2 + (w))
#define VAT(o, w, i) ((VPLANE(o, w) * 256 + ((o) & 0xff)) * 16 + (i))
#define VBOTH(n, o, fl, i, j)                                                                                        \
	[VAT(o, (fl) & VW1 ? 1 : 0, i) ... VAT(o, (fl) & VW1 ? 1 : 0, j)] = (n),                                      \
	[VAT(o, (fl) & VW0 ? 0 : 1, i) ... VAT(o, (fl) & VW0 ? 0 : 1, j)] = (n),
enum { VEX_BASE = __COUNTER__ };
#undef NUM
#define NUM (__COUNTER__ - VEX_BASE)
static const u16 vex_index[24 * 256 * 16] = {
#define VX_(n, opc, fl) VBOTH(n, opc, fl, 0, 15)
#define VM_(n, opc, reg, fl) VBOTH(n, opc, fl, 8 + REG0(reg), 8 + REG1(reg))
#define VR_(n, opc, reg, fl) VBOTH(n, opc, fl, REG0(reg), REG1(reg))
#define VX(opc, mnem, a, b, d, e, fl) VX_(NUM, opc, fl)
#define VM(opc, reg, mnem, a, b, d, e, fl) VM_(NUM, opc, reg, fl)
#define VR(opc, reg, mnem, a, b, d, e, fl) VR_(NUM, opc, reg, fl)
#include "cpu/x86/opcodes_avx.def"
#undef VX
#undef VM
#undef VR
};
#pragma GCC diagnostic pop

const struct oprow *x86_vex_row(u32 map, u32 prefix, bool w, u8 opcode, u8 modrm)
{
	u32 at = (modrm >= 0xc0 ? 0 : 8) + (modrm >> 3 & 7);
	u32 n = map < 1 || map > 3 ? 0 : vex_index[((((map - 1) * 4 + prefix) * 2 + w) * 256 + opcode) * 16 + at];

	return n ? &x86_vex_rows[n] : NULL;
}

const struct oprow *x86_row(u32 map, u32 prefix, u8 opcode, u8 modrm)
{
	u32 reg = modrm >> 3 & 7;
	u32 at = modrm >= 0xc0 ? reg : 8 + reg;
	u32 n = 0;

	if (modrm >= 0xc0) {
		if (map == 0 && opcode >= 0xd8 && opcode <= 0xdf)
			n = exact_index[(opcode - 0xd8) * 64 + (modrm & 63)];
		else if (map == 1 && opcode == 0x01)
			n = exact_index[8 * 64 + (modrm & 63)];
		if (n && prefix && (x86_rows[n].flags & NP))
			return NULL;
	}
	if (!n)
		n = row_index[(PLANE(map, map ? prefix : 0) * 256 + opcode) * 16 + at];
	if (!n && map && prefix) {
		n = row_index[(PLANE(map, 0) * 256 + opcode) * 16 + at];
		/* 66 is MOVBE's operand size there, F3 is nothing. */
		if (n && ((x86_rows[n].flags & NP) || (map == 2 && prefix >= 2)))
			n = 0;
	}
	return n ? &x86_rows[n] : NULL;
}
