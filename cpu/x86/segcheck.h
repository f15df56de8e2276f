/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Records that check segments which are not flat: see segcheck.c.
 */
#ifndef CPU_X86_SEGCHECK_H
#define CPU_X86_SEGCHECK_H

#include "cpu/x86/xlat.h"

/* Whether the memory operand of dec is to be checked before dec itself. */
bool segcheck_wanted(const struct xlat *x, const struct xi *dec);
/* Emits that check, which also makes the linear address; dec then takes it from REG_LIN. */
void emit_segcheck(struct xlat *x, struct xi *dec);
/* Takes back the check just emitted for the current instruction, if there is one. */
void segcheck_withdraw(struct xlat *x);

/* Where CS has a limit: begins a block with a check that it lies below it. start: its offset in the page. */
void emit_codecheck(struct xlat *x, u16 start);
/* The block is complete: that check, if there is one, learns how many bytes it has. */
void codecheck_finish(struct xlat *x, u32 bytes);

#endif
