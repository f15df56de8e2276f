/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Handlers for pairs of records, which pair.def lists. Half of an interpreter's time goes into the jumps from handler to
 * handler, and a pair saves one of them.
 */
#include "cpu/x86/pair.h"

#include "cpu/x86/fuse.h"
#include "cpu/x86/stack.h"

/* ---- bodies: each the same as its handler's ------------------------------------------------------------------------ */

#define DO_nop
#define DO_mov64_rr SET64(c, i->dst, G64(c, i->src));
#define DO_mov32_rr SET32(c, i->dst, G32(c, i->src));
#define DO_mov64_ri SET64(c, i->dst, i->imm);
#define DO_mov32_ri SET32(c, i->dst, i->imm);
#define DO_movzx832_r SET32(c, i->dst, G8(c, i->src));
#define DO_movsx3264_r SET64(c, i->dst, (u64)(i64)(i32)G32(c, i->src));
#define DO_lea64                                                                                                     \
	SET64(c, i->dst, (c->r[i->base] + (c->r[i->index] << i->scale) + (u64)(i64)i->disp) & c->r[i->asz]);
#define DO_lea64s SET64(c, i->dst, ea_simple(c, i));

#define LOAD_TO(bits, to, ea)                                                                                        \
	u##bits v;                                                                                                   \
	TLOAD_N(v, ea, bits);                                                                                        \
	SET##to(c, i->dst, v);
#define DO_mov64_rms LOAD_TO(64, 64, ea_simple(c, i))
#define DO_mov64_rmx LOAD_TO(64, 64, ea_full(c, i))
#define DO_mov32_rms LOAD_TO(32, 32, ea_simple(c, i))
#define DO_mov32_rmx LOAD_TO(32, 32, ea_full(c, i))
#define DO_movzx832_ms LOAD_TO(8, 32, ea_simple(c, i))
#define DO_movzx832_mx LOAD_TO(8, 32, ea_full(c, i))
#define DO_mov64_mrs TSTORE_N(ea_simple(c, i), G64(c, i->src), 64);
#define DO_mov64_mrx TSTORE_N(ea_full(c, i), G64(c, i->src), 64);
#define DO_mov32_mrs TSTORE_N(ea_simple(c, i), G32(c, i->src), 32);
#define DO_mov64_mis TSTORE_N(ea_simple(c, i), i->imm, 64);

#define DO_add64_rr_nf SET64(c, i->dst, G64(c, i->dst) + G64(c, i->src));
#define DO_add64_ri_nf SET64(c, i->dst, G64(c, i->dst) + i->imm);
#define DO_sub64_rr_nf SET64(c, i->dst, G64(c, i->dst) - G64(c, i->src));
#define DO_and64_rr_nf SET64(c, i->dst, G64(c, i->dst) & G64(c, i->src));
#define DO_and64_ri_nf SET64(c, i->dst, G64(c, i->dst) & i->imm);
#define DO_and32_ri_nf SET32(c, i->dst, G32(c, i->dst) & i->imm);
#define DO_zero_nf SET64(c, i->dst, 0);
#define DO_or64_rr_nf SET64(c, i->dst, G64(c, i->dst) | G64(c, i->src));
#define DO_xor32_rr_nf SET32(c, i->dst, G32(c, i->dst) ^ G32(c, i->src));
#define DO_not64_r SET64(c, i->dst, ~G64(c, i->dst));
#define DO_shl64_ri_nf SET64(c, i->dst, G64(c, i->dst) << i->imm);
#define DO_shr64_ri_nf SET64(c, i->dst, G64(c, i->dst) >> i->imm);
#define DO_imul64_r_nf SET64(c, i->dst, G64(c, i->src) * (i->aux ? i->imm : G64(c, i->dst)));

#define ADD_FLAGS(bits, lg, b_)                                                                                      \
	u##bits b = (b_), r = G##bits(c, i->dst) + b;                                                                \
	CC_SET(CC_ADD, lg, r, b);                                                                                      \
	SET##bits(c, i->dst, r);
#define DO_add32_ri ADD_FLAGS(32, 2, (u32)i->imm)
#define DO_add64_ri ADD_FLAGS(64, 3, i->imm)
#define DO_add64_rr ADD_FLAGS(64, 3, G64(c, i->src))
#define ADD_LOAD(ea)                                                                                                 \
	u64 v;                                                                                                       \
	TLOAD64(v, ea);                                                                                              \
	ADD_FLAGS(64, 3, v)
#define DO_add64_rms ADD_LOAD(ea_simple(c, i))
#define DO_add64_rmx ADD_LOAD(ea_full(c, i))
#define DO_adc64_rr                                                                                                  \
	bool k = flag_cf(c);                                                                                         \
	u64 b = G64(c, i->src), r = G64(c, i->dst) + b + k;                                                          \
	CC_SET(k ? CC_ADC : CC_ADD, 3, r, b);                                                                          \
	SET64(c, i->dst, r);
#define CMP64(a_, b_)                                                                                                 \
	u64 b = (b_);                                                                                                \
	CC_SET(CC_SUB, 3, (a_) - b, b);
#define DO_cmp64_rr CMP64(G64(c, i->dst), G64(c, i->src))
#define DO_cmp64_ri CMP64(G64(c, i->dst), i->imm)
#define DO_cmp64_rms                                                                                                 \
	u64 v;                                                                                                       \
	TLOAD64(v, ea_simple(c, i));                                                                                 \
	CMP64(G64(c, i->dst), v)
#define DO_cmp64_mrs                                                                                                 \
	u64 v;                                                                                                       \
	TLOAD64(v, ea_simple(c, i));                                                                                 \
	CMP64(v, G64(c, i->src))
#define SUB64(b_)                                                                                                    \
	u64 b = (b_), r = G64(c, i->dst) - b;                                                                        \
	CC_SET(CC_SUB, 3, r, b);                                                                                       \
	SET64(c, i->dst, r);
#define DO_sub64_rr SUB64(G64(c, i->src))
#define DO_sub64_ri SUB64(i->imm)
#define DO_sub64_rmx                                                                                                 \
	u64 v;                                                                                                       \
	TLOAD64(v, ea_full(c, i));                                                                                   \
	SUB64(v)
/* INC and DEC leave CF alone: it is kept in cc_src. */
#define STEP32_M(kind, step)                                                                                         \
	u64 ea = ea_full(c, i);                                                                                      \
	u8 *p = mmu_hit_write(&c->mmu, ea, 4);                                                                       \
	bool k = flag_cf(c);                                                                                         \
	u32 r;                                                                                                       \
	if (LIKELY(p != NULL)) {                                                                                     \
		r = ld32(p) + (step);                                                                                \
		st32(p, r);                                                                                          \
	} else if (slow_twin) {                                                                                      \
		return slow_twin(c, i);                                                                              \
	} else {                                                                                                     \
		if (UNLIKELY(!slow_load_rmw(c, ea, 4)))                                                              \
			return raise_fault(c, i);                                                                    \
		r = (u32)c->tmp[0] + (step);                                                                         \
		if (UNLIKELY(!slow_store(c, ea, 4, r)))                                                              \
			return raise_fault(c, i);                                                                    \
	}                                                                                                            \
	CC_SET(kind, 2, r, k);
#define DO_inc32_m STEP32_M(CC_INC, 1)
#define DO_dec32_m STEP32_M(CC_DEC, -1u)
#define LOGIC32(v)                                                                                                   \
	u32 r = (v);                                                                                                 \
	c->cc_op = CC_LOGIC + 2;                                                                                     \
	c->cc_dst = r;                                                                                               \
	SET32(c, i->dst, r);
#define DO_and32_ri LOGIC32(G32(c, i->dst) & (u32)i->imm)
#define DO_zero                                                                                                      \
	SET64(c, i->dst, 0);                                                                                         \
	c->cc_op = CC_LOGIC + 3;                                                                                     \
	c->cc_dst = 0;
#define DO_xor32_rmx                                                                                                 \
	u32 v;                                                                                                       \
	TLOAD_N(v, ea_full(c, i), 32);                                                                               \
	LOGIC32(G32(c, i->dst) ^ v)
#define SHR_FLAGS(bits, lg)                                                                                          \
	u##bits prev = G##bits(c, i->dst) >> (i->imm - 1);                                                           \
	CC_SET(CC_SHR, lg, prev >> 1, prev);                                                                           \
	SET##bits(c, i->dst, prev >> 1);
#define DO_shr32_ri SHR_FLAGS(32, 2)
#define DO_shr64_ri SHR_FLAGS(64, 3)
#define DO_setb SET8(c, i->dst, flag_cf(c));
#define CMOV(cond)                                                                                                   \
	u64 v = (cond) ? G64(c, i->src) : G64(c, i->dst);                                                            \
	SET64(c, i->dst, v);
#define DO_cmovb64_r CMOV(flag_cf(c))
#define DO_cmovae64_r CMOV(!flag_cf(c))
#define DO_cmove64_r CMOV(flag_zf(c))
#define DO_cmovne64_r CMOV(!flag_zf(c))

#define DO_push64_r                                                                                                  \
	u64 sp = c->r[RSP] - 8;                                                                                      \
	TPUSH64(sp, G64(c, i->dst));                                                                                 \
	c->r[RSP] = sp;
#define DO_pop64_r                                                                                                   \
	u64 v;                                                                                                       \
	TPOP64(v, c->r[RSP]);                                                                                        \
	c->r[RSP] += 8;                                                                                              \
	SET64(c, i->dst, v);
#define DO_ret64                                                                                                     \
	u64 to;                                                                                                      \
	TPOP64(to, c->r[RSP]);                                                                                       \
	NEAR64(to);                                                                                                  \
	c->r[RSP] += 8 + i->imm;                                                                                     \
	JUMP(to);
#define DO_call64_far                                                                                                \
	u64 sp = c->r[RSP] - 8;                                                                                      \
	TPUSH64(sp, NEXT_IP(c, i));                                                                                  \
	c->r[RSP] = sp;                                                                                              \
	JUMP(c->r[REG_PAGE] + (u64)(i64)i->disp);
#define DO_je BRANCH(i, flag_zf(c));
#define DO_jne BRANCH(i, !flag_zf(c));
#define DO_jae BRANCH(i, !flag_cf(c));
#define DO_goto FOLLOW(i);
#define DO_goto_far JUMP(c->r[REG_PAGE] + (u64)(i64)i->disp);

/* Compares that have taken in the Jcc behind them. */
#define CMP_J_RR(bits, lg, cc) FUSED_CMP(bits, lg, cc, G##bits(c, i->dst), G##bits(c, i->src))
#define TEST_J_RR(bits, lg, cc) FUSED_TEST(bits, lg, cc, G##bits(c, i->dst), G##bits(c, i->src))
#define TEST_J_RI(bits, lg, cc) FUSED_TEST(bits, lg, cc, G##bits(c, i->dst), (u##bits)i->imm)
#define DO_cmp32rr_j5 CMP_J_RR(32, 2, 5)
#define DO_cmp64ri_j5 FUSED_CMP(64, 3, 5, G64(c, i->dst), i->imm)
#define DO_cmp64rr_j4 CMP_J_RR(64, 3, 4)
#define DO_cmp64rr_j5 CMP_J_RR(64, 3, 5)
#define DO_test8ri_j4 TEST_J_RI(8, 0, 4)
#define DO_test8ri_j5 TEST_J_RI(8, 0, 5)
#define DO_test8mi_j5                                                                                                \
	u8 v;                                                                                                        \
	TLOAD_N(v, ea_full(c, i), 8);                                                                                \
	FUSED_TEST(8, 0, 5, v, (u8)i->imm)
#define DO_test32ri_j4 TEST_J_RI(32, 2, 4)
#define DO_test32ri_j5 TEST_J_RI(32, 2, 5)
#define DO_test32rr_j4 TEST_J_RR(32, 2, 4)
#define DO_test32rr_j5 TEST_J_RR(32, 2, 5)
#define DO_test32rr_j8 TEST_J_RR(32, 2, 8)
#define DO_test64rr_j4 TEST_J_RR(64, 3, 4)
#define DO_test64rr_j5 TEST_J_RR(64, 3, 5)

/* ---- handlers ------------------------------------------------------------------------------------------------------ */

/* One record alone, the slow way: where its fast way did not do. */
#define SLOW(name)                                                                                                   \
	static NOINLINE UNUSED HANDLER(slow_##name)                                                                  \
	{                                                                                                            \
		const insn_fn slow_twin UNUSED = NULL;                                                               \
		DO_##name                                                                                            \
		NEXT;                                                                                                \
	}
PAIR_OPS(SLOW)

#define HALF(name)                                                                                                   \
	{                                                                                                            \
		const insn_fn slow_twin UNUSED = slow_##name;                                                        \
		DO_##name                                                                                            \
	}
#define PAIR(first, second)                                                                                          \
	static HANDLER(op_##first##_##second)                                                                        \
	{                                                                                                            \
		HALF(first)                                                                                          \
		i++;                                                                                                 \
		HALF(second)                                                                                         \
		NEXT;                                                                                                \
	}
#include "cpu/x86/pair.def"
#undef PAIR

#define PAIR(first, second) [PAIR_##first][PAIR_##second] = op_##first##_##second,
static const insn_fn pairs[PAIR_OPS_END][PAIR_OPS_END] = {
#include "cpu/x86/pair.def"
};
#undef PAIR

typedef const struct pair_name *(*pair_names_fn)(u32 *n);
static const pair_names_fn files[] = { mov_pair_names,   alu_pair_names,   stack_pair_names,
				       shift_pair_names, branch_pair_names, muldiv_pair_names };

/* The row of a handler or of an operation: the other is NULL or PAIR_NONE. NULL: it takes part in no pair. */
static const struct pair_name *row_of(insn_fn fn, enum pair_op op)
{
	u32 f, k, n;

	for (f = 0; f < ARRAY_SIZE(files); f++) {
		const struct pair_name *names = files[f](&n);

		for (k = 0; k < n; k++)
			if (names[k].fn == fn || names[k].op == op)
				return &names[k];
	}
	return NULL;
}

insn_fn pair_handler(enum pair_op first, enum pair_op second)
{
	return pairs[first][second];
}

insn_fn pair_first(insn_fn fn)
{
	u32 first, second;

	for (first = 0; first < PAIR_OPS_END; first++)
		for (second = 0; second < PAIR_OPS_END; second++)
			if (pairs[first][second] == fn)
				return row_of(NULL, (enum pair_op)first)->fn;
	return fn;
}

void pair_records(struct xlat *x)
{
	enum pair_op first = PAIR_NONE, second;
	u32 n;

	stack_runs(x);
	for (n = 0; n < x->nrecs; n++, first = second) {
		const struct pair_name *row = row_of(x->rec[n].fn, PAIR_NONE);
		insn_fn f;

		second = row ? row->op : PAIR_NONE;
		/* A way back may become a loop's edge, which is no plain link. */
		if (second == PAIR_goto && x->rec[n].disp <= x->rec[n].ip)
			second = PAIR_NONE;
		f = pair_handler(first, second);
		if (f) {
			x->rec[n - 1].fn = f;
			second = PAIR_NONE;
		}
	}
}
