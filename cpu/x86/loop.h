/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loops that only count: see loop.c.
 */
#ifndef CPU_X86_LOOP_H
#define CPU_X86_LOOP_H

#include "cpu/x86/block.h"

/* What a record does, as far as a counting loop may contain it. */
enum loop_kind {
	LOOP_OTHER,
	LOOP_CONST, /* register = value */
	LOOP_ADD,   /* register += value */
	LOOP_CMP_RR, /* fused compare with a Jcc: registers dst and src */
	LOOP_CMP_RI  /* ... register and value */
};

struct loop_op {
	enum loop_kind kind;
	u8 bits; /* 32 or 64 */
	u8 dst, src; /* register numbers */
	u8 cc;
	u64 value;
};

/* Describes a record with a handler of that file in *o. False: it has another handler. */
bool alu_loop_op(const struct insn *i, struct loop_op *o);
bool mov_loop_op(const struct insn *i, struct loop_op *o);
bool branch_loop_op(const struct insn *i, struct loop_op *o);

/* The record of a link that goes back within its page. Each 32nd time it checks whether the loop only counts. */
HANDLER(op_loop_edge);
/* Makes a record such a link to b. */
void loop_edge_make(struct code_cache *cc, struct insn *i, struct block *b);
struct block *loop_edge_target(const struct code_cache *cc, const struct insn *i);

#endif
