/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Handlers for pairs of records: pair.def says which. Half of an interpreter's time goes into getting from one handler
 * to the next, and a pair saves one of these ways.
 */
#include "cpu/x86/pair.h"

#include "cpu/x86/flags.h"
#include "cpu/x86/stack.h"

#define NOTE(kind, lg, r, s)                                                                                         \
	do {                                                                                                         \
		c->cc_op = (kind) + (lg);                                                                            \
		c->cc_dst = (r);                                                                                     \
		c->cc_src = (s);                                                                                     \
	} while (0)

/* ---- bodies: each the same as its handler's ------------------------------------------------------------------------ */

#define DO_nop
#define DO_mov64_rr SET64(c, i->dst, G64(c, i->src));
#define DO_mov32_rr SET32(c, i->dst, G32(c, i->src));
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
#define DO_movzx832_ms LOAD_TO(8, 32, ea_simple(c, i))
#define DO_movzx832_mx LOAD_TO(8, 32, ea_full(c, i))
#define DO_mov64_mrs TSTORE_N(ea_simple(c, i), G64(c, i->src), 64);
#define DO_mov64_mrx TSTORE_N(ea_full(c, i), G64(c, i->src), 64);
#define DO_mov32_mrs TSTORE_N(ea_simple(c, i), G32(c, i->src), 32);

#define DO_add64_rr_nf SET64(c, i->dst, G64(c, i->dst) + G64(c, i->src));
#define DO_add64_ri_nf SET64(c, i->dst, G64(c, i->dst) + i->imm);
#define DO_sub64_rr_nf SET64(c, i->dst, G64(c, i->dst) - G64(c, i->src));
#define DO_and64_rr_nf SET64(c, i->dst, G64(c, i->dst) & G64(c, i->src));
#define DO_and64_ri_nf SET64(c, i->dst, G64(c, i->dst) & i->imm);
#define DO_or64_rr_nf SET64(c, i->dst, G64(c, i->dst) | G64(c, i->src));
#define DO_xor32_rr_nf SET32(c, i->dst, G32(c, i->dst) ^ G32(c, i->src));
#define DO_not64_r SET64(c, i->dst, ~G64(c, i->dst));
#define DO_shl64_ri_nf SET64(c, i->dst, G64(c, i->dst) << i->imm);
#define DO_shr64_ri_nf SET64(c, i->dst, G64(c, i->dst) >> i->imm);
#define DO_imul64_r_nf SET64(c, i->dst, G64(c, i->src) * (i->aux ? i->imm : G64(c, i->dst)));

#define ADD_FLAGS(bits, lg, b_)                                                                                      \
	u##bits b = (b_), r = G##bits(c, i->dst) + b;                                                                \
	NOTE(CC_ADD, lg, r, b);                                                                                      \
	SET##bits(c, i->dst, r);
#define DO_add32_ri ADD_FLAGS(32, 2, (u32)i->imm)
#define DO_add64_ri ADD_FLAGS(64, 3, i->imm)
#define ADD_LOAD(ea)                                                                                                 \
	u64 v;                                                                                                       \
	TLOAD64(v, ea);                                                                                              \
	ADD_FLAGS(64, 3, v)
#define DO_add64_rms ADD_LOAD(ea_simple(c, i))
#define DO_add64_rmx ADD_LOAD(ea_full(c, i))
#define DO_adc64_rr                                                                                                  \
	bool k = flag_cf(c);                                                                                         \
	u64 b = G64(c, i->src), r = G64(c, i->dst) + b + k;                                                          \
	NOTE(k ? CC_ADC : CC_ADD, 3, r, b);                                                                          \
	SET64(c, i->dst, r);
#define DO_cmp64_rr                                                                                                  \
	u64 b = G64(c, i->src);                                                                                      \
	NOTE(CC_SUB, 3, G64(c, i->dst) - b, b);
#define DO_sub64_rr                                                                                                  \
	u64 b = G64(c, i->src), r = G64(c, i->dst) - b;                                                              \
	NOTE(CC_SUB, 3, r, b);                                                                                       \
	SET64(c, i->dst, r);
#define LOGIC32(v)                                                                                                   \
	u32 r = (v);                                                                                                 \
	c->cc_op = CC_LOGIC + 2;                                                                                     \
	c->cc_dst = r;                                                                                               \
	SET32(c, i->dst, r);
#define DO_and32_ri LOGIC32(G32(c, i->dst) & (u32)i->imm)
#define DO_xor32_rmx                                                                                                 \
	u32 v;                                                                                                       \
	TLOAD_N(v, ea_full(c, i), 32);                                                                               \
	LOGIC32(G32(c, i->dst) ^ v)
#define SHR_FLAGS(bits, lg)                                                                                          \
	u##bits prev = G##bits(c, i->dst) >> (i->imm - 1);                                                           \
	NOTE(CC_SHR, lg, prev >> 1, prev);                                                                           \
	SET##bits(c, i->dst, prev >> 1);
#define DO_shr32_ri SHR_FLAGS(32, 2)
#define DO_shr64_ri SHR_FLAGS(64, 3)
#define DO_setb SET8(c, i->dst, flag_cf(c));
#define CMOV(cond)                                                                                                   \
	u64 v = (cond) ? G64(c, i->src) : G64(c, i->dst);                                                            \
	SET64(c, i->dst, v);
#define DO_cmovb64_r CMOV(flag_cf(c))
#define DO_cmovae64_r CMOV(!flag_cf(c))

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

static enum pair_op op_of(insn_fn fn)
{
	static enum pair_op (*const files[])(insn_fn) = { mov_pair_op,   alu_pair_op,   stack_pair_op,
							  shift_pair_op, branch_pair_op, muldiv_pair_op };
	enum pair_op op = PAIR_NONE;
	u32 k;

	for (k = 0; k < ARRAY_SIZE(files) && op == PAIR_NONE; k++)
		op = files[k](fn);
	return op;
}

insn_fn pair_handler(enum pair_op first, enum pair_op second)
{
	return pairs[first][second];
}

void pair_records(struct xlat *x)
{
	enum pair_op first = PAIR_NONE, second;
	u32 n;

	stack_runs(x);
	for (n = 0; n < x->nrecs; n++, first = second) {
		insn_fn f;

		second = op_of(x->rec[n].fn);
		f = pair_handler(first, second);
		if (f) {
			x->rec[n - 1].fn = f;
			second = PAIR_NONE;
		}
	}
}
