/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pairs: two records that one handler executes. A pair's record keeps all it had but its handler, and so does the one
 * behind it: whatever cannot be done quickly in the second is left to its own handler.
 */
#ifndef CPU_X86_PAIR_H
#define CPU_X86_PAIR_H

#include "cpu/x86/xlat.h"

/* Handlers that take part. */
#define PAIR_OPS(P)                                                                                                  \
	P(adc64_rr) P(add32_ri) P(add64_ri) P(add64_ri_nf) P(add64_rms) P(add64_rmx) P(add64_rr_nf) P(and32_ri)      \
	P(and64_ri_nf) P(and64_rr_nf) P(call64_far) P(cmovae64_r) P(cmovb64_r) P(cmp64_rr) P(imul64_r_nf) P(je)      \
	P(jne) P(lea64) P(lea64s) P(mov32_mrs) P(mov32_rms) P(mov32_rr) P(mov64_mrs) P(mov64_mrx) P(mov64_rms)       \
	P(mov64_rmx) P(mov64_rr) P(movsx3264_r) P(movzx832_ms) P(movzx832_mx) P(movzx832_r) P(nop) P(not64_r) P(or64_rr_nf) \
	P(pop64_r) P(push64_r) P(ret64) P(setb) P(shl64_ri_nf) P(shr32_ri) P(shr64_ri) P(shr64_ri_nf) P(sub64_rr)    \
	P(sub64_rr_nf) P(xor32_rmx) P(xor32_rr_nf)

#define PAIR_ENUM(name) PAIR_##name,
enum pair_op { PAIR_NONE, PAIR_OPS(PAIR_ENUM) PAIR_OPS_END };
#undef PAIR_ENUM

struct pair_name {
	insn_fn fn;
	enum pair_op op;
};

INLINE enum pair_op pair_lookup(const struct pair_name *names, u32 n, insn_fn fn)
{
	u32 k;

	for (k = 0; k < n; k++)
		if (names[k].fn == fn)
			return names[k].op;
	return PAIR_NONE;
}

/* Each file knows its own handlers. */
enum pair_op alu_pair_op(insn_fn fn);
enum pair_op branch_pair_op(insn_fn fn);
enum pair_op mov_pair_op(insn_fn fn);
enum pair_op muldiv_pair_op(insn_fn fn);
enum pair_op shift_pair_op(insn_fn fn);
enum pair_op stack_pair_op(insn_fn fn);

/* Runs of pushes and of pops get handlers of their own. */
void stack_runs(struct xlat *x);
/* The handler of both, or NULL. */
insn_fn pair_handler(enum pair_op first, enum pair_op second);
/* Joins what can be joined. After flags nobody sees have been dropped. */
void pair_records(struct xlat *x);

#endif
