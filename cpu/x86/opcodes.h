/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Prototypes of every emitter a row of the opcode tables names, and the row tables themselves.
 */
#ifndef CPU_X86_OPCODES_H
#define CPU_X86_OPCODES_H

#include "cpu/x86/decode.h"

#define ANY (-1)
#define OP(opc, mnem, a, b, d, fl) bool x86_emit_##mnem(struct xlat *x, const struct xi *d_);
#define OG(opc, reg, mnem, a, b, d, fl) OP(opc, mnem, a, b, d, fl)
#define OM(opc, reg, mnem, a, b, d, fl) OP(opc, mnem, a, b, d, fl)
#define OR(opc, reg, mnem, a, b, d, fl) OP(opc, mnem, a, b, d, fl)
#define OX(opc, modrm, mnem, a, b, d, fl) OP(opc, mnem, a, b, d, fl)
#include "cpu/x86/opcodes.def"
#undef OP
#undef OG
#undef OM
#undef OR
#undef OX

#define VX(opc, mnem, a, b, d, e, fl) OP(opc, mnem, a, b, d, fl)
#define VM(opc, reg, mnem, a, b, d, e, fl) OP(opc, mnem, a, b, d, fl)
#define VR(opc, reg, mnem, a, b, d, e, fl) OP(opc, mnem, a, b, d, fl)
#define OP(opc, mnem, a, b, d, fl) bool x86_emit_##mnem(struct xlat *x, const struct xi *d_);
#include "cpu/x86/opcodes_avx.def"
#undef OP
#undef VX
#undef VM
#undef VR

extern const struct oprow x86_rows[];
extern const u32 x86_nrows;
/* VEX-encoded ones. */
extern const struct oprow x86_vex_rows[];
extern const u32 x86_vex_nrows;

/*
 * The row for an opcode: map 0 (one byte), 1 (0F), 2 (0F38), 3 (0F3A); prefix 0, 1 (66), 2 (F3), 3 (F2). NULL: undefined.
 * ModRM is 0 when the opcode has none.
 */
const struct oprow *x86_row(u32 map, u32 prefix, u8 opcode, u8 modrm);
/* The same for VEX: map 1-3, prefix as above, w as encoded. */
const struct oprow *x86_vex_row(u32 map, u32 prefix, bool w, u8 opcode, u8 modrm);

#endif
