/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the parts of the generator share: bytes (encode.c), operands (operands.c), sequences (sequence.c), cases (gen.c).
 */
#ifndef TESTS_SILICON_GEN_H
#define TESTS_SILICON_GEN_H

#include <string.h>

#include "tests/silicon/silicon.h"

#define STRINGS " movs cmps stos lods scas ins outs "
#define LOADS " mov_to_seg pop_seg les lds lss lfs lgs "
#define XSAVES " xsave xsavec xsaveopt xrstor "

/* names: blank-separated, with one at each end. */
INLINE bool named(const struct oprow *r, const char *names)
{
	char name[40];

	snprintf(name, sizeof name, " %s ", r->name);
	return strstr(names, name);
}

/* A stream of random numbers of its own for each purpose. */
u64 mix(u64 seed, u64 i, u64 row, u64 what);

/* Random bytes that decode to the row in the case's mode. False: there are none. */
bool make_bytes(struct sil_case *k, struct sil_rng *g, const struct oprow *r);
/* Bytes of the immediate at the end, by the row's operands. */
u32 imm_bytes(const struct xi *d);

u64 pick_data(struct sil_rng *g, u32 align);
u64 pick_stack(struct sil_rng *g);
u32 alignment(const struct oprow *r);
/* Chooses registers, and a displacement where nothing else is to choose, so that the operand is at t. Returns where it is. */
u64 aim(struct sil_case *k, struct sil_rng *g, u64 t, bool fixed);

/* Of enum in values.h: what the row likes to work on. */
u32 operand_kind(const struct sil_case *k, struct sil_rng *g);
/* The x87, MMX and SSE state as an FXSAVE image. */
void some_fx(struct sil_case *k, struct sil_rng *g, u8 *fx, u32 kind);
/* The upper halves; and indexes that lead somewhere. */
void some_ymm(struct sil_case *k, struct sil_rng *g, u32 kind);
/* The selectors and bases a case starts with. */
void some_segments(struct sil_case *k);
/* Of the segments both sides have. */
u16 some_selector(struct sil_rng *g);
/* The bytes at the memory operand. */
void some_operand(struct sil_case *k, struct sil_rng *g, u64 va, u32 kind);
/* The bytes at the stack pointer. */
void some_stack(struct sil_case *k, struct sil_rng *g);
/* Registers that some rows look at besides their operands. */
void implicit(struct sil_case *k, struct sil_rng *g);

#endif
