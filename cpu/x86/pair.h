/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pairs: two records that one handler executes. Only the handler of the first record is replaced; the second stays as it is.
 * When the second instruction needs a slow path, the pair's handler does the first one only and goes on to the second's own.
 */
#ifndef CPU_X86_PAIR_H
#define CPU_X86_PAIR_H

#include "cpu/x86/xlat.h"

/* Handlers that take part. */
#define PAIR_OPS(P)                                                                                                  \
	P(adc64_rr) P(add32_ri) P(add64_ri) P(add64_ri_nf) P(add64_rms) P(add64_rmx) P(add64_rr)                     \
	P(add64_rr_nf) P(and32_ri) P(and32_ri_nf) P(and64_ri_nf) P(and64_rr_nf) P(call64_far) P(cmovae64_r)          \
	P(cmovb64_r) P(cmove64_r) P(cmovne64_r) P(cmp32rr_j5) P(cmp64_mrs) P(cmp64_ri) P(cmp64_rms)                  \
	P(cmp64_rr) P(cmp64ri_j5) P(cmp64rr_j4) P(cmp64rr_j5) P(dec32_m) P(goto) P(goto_far) P(imul64_r_nf)          \
	P(inc32_m) P(jae) P(je) P(jne) P(lea64) P(lea64s) P(mov32_mrs) P(mov32_ri) P(mov32_rms) P(mov32_rmx)         \
	P(mov32_rr) P(mov64_mis) P(mov64_mrs) P(mov64_mrx) P(mov64_ri) P(mov64_rms) P(mov64_rmx) P(mov64_rr)         \
	P(movsx3264_r) P(movzx832_ms) P(movzx832_mx) P(movzx832_r) P(nop) P(not64_r) P(or64_rr_nf) P(pop64_r)        \
	P(push64_r) P(ret64) P(setb) P(shl64_ri_nf) P(shr32_ri) P(shr64_ri) P(shr64_ri_nf) P(sub64_ri)               \
	P(sub64_rmx) P(sub64_rr) P(sub64_rr_nf) P(test32ri_j4) P(test32ri_j5) P(test32rr_j4) P(test32rr_j5)          \
	P(test32rr_j8) P(test64rr_j4) P(test64rr_j5) P(test8mi_j5) P(test8ri_j4) P(test8ri_j5) P(xor32_rmx)          \
	P(xor32_rr_nf) P(zero) P(zero_nf)

#define PAIR_ENUM(name) PAIR_##name,
enum pair_op { PAIR_NONE, PAIR_OPS(PAIR_ENUM) PAIR_OPS_END };
#undef PAIR_ENUM

struct pair_name {
	insn_fn fn;
	enum pair_op op;
};

#define JOINS(op) { op_##op, PAIR_##op }

/* Each file knows its own handlers; their number goes to *n. */
const struct pair_name *alu_pair_names(u32 *n);
const struct pair_name *branch_pair_names(u32 *n);
const struct pair_name *mov_pair_names(u32 *n);
const struct pair_name *muldiv_pair_names(u32 *n);
const struct pair_name *shift_pair_names(u32 *n);
const struct pair_name *stack_pair_names(u32 *n);

/* Runs of pushes and of pops get handlers of their own. */
void stack_runs(struct xlat *x);
/* The handler of both, or NULL. */
insn_fn pair_handler(enum pair_op first, enum pair_op second);
/* What a handler does first: of a pair the first one's, of another itself. */
insn_fn pair_first(insn_fn fn);
/* Joins what can be joined. After flags nobody sees have been dropped. */
void pair_records(struct xlat *x);

#endif
