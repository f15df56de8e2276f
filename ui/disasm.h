/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest code in words, for people: by Zydis where it is built in, else as bytes.
 */
#ifndef UI_DISASM_H
#define UI_DISASM_H

#include <stdio.h>

#include "base/types.h"

#define DISASM_ATT 0x100u /* with bits: the words as AT&T's assembler has them, not Intel's */

/*
 * Prints code around rip, which lies in [start, start + n), a line an instruction, the one at rip marked. bits is 16,
 * 32 or 64, here and below. What comes before rip is a guess: the first way of cutting it that arrives at rip.
 */
void disasm_around(FILE *out, u32 bits, const u8 *code, u32 n, u64 start, u64 rip);

/* Prints n bytes of code that starts at start, a line an instruction. */
void disasm_run(FILE *out, u32 bits, const u8 *code, u32 n, u64 start);

/*
 * The words of the instruction at va, the first of n bytes of code, and its length; 0 and no words when it is none. Without
 * Zydis one byte as .byte.
 */
u32 disasm_text(u32 bits, const u8 *code, u32 n, u64 va, char *text, size_t size);

#endif
