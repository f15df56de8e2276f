/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Near branches: JMP Jcc CALL RET LOOP JCXZ, SDM 2A and 2B; and the fusion of compares with the branch behind them.
 * Far transfers are in far.c.
 */
#include "cpu/x86/fuse.h"
#include "cpu/x86/loop.h"
#include "cpu/x86/opcodes.h"
#include "cpu/x86/pair.h"
#include "cpu/x86/stack.h"
#include "cpu/x86/xlat.h"

/* Outside of 64-bit mode EIP wraps at 32 bits (or 16 with that operand size). */
static i64 target_of(const struct xi *dec)
{
	return (i64)dec->ip + dec->len + (i64)dec->imm;
}

/* Outside of 64-bit mode: a target beyond the limit of CS is #GP(0) at the branch, before anything has changed. */
#define LEGACY(to)                                                                                                   \
	do {                                                                                                         \
		if (UNLIKELY((to) > c->s.seg[SEG_CS].limit))                                                         \
			RAISE(X86_GP, 0);                                                                            \
	} while (0)

/*
 * Relative targets outside the mode's address range need the full address at run time: 32-bit code that wraps. It is
 * rare; op_goto_wrap masks.
 */
static HANDLER(op_goto_wrap)
{
	u64 cs = c->r[REG_CS];
	u64 mask = i->aux == 2 ? 0xffff : 0xffffffff;
	u64 to = (c->r[REG_PAGE] + (u64)(i64)i->disp - cs) & mask;

	LEGACY(to);
	JUMP((u32)(to + cs));
}

/* A target that is 2 GiB or more above the page. */
static HANDLER(op_goto_up)
{
	JUMP(c->r[REG_PAGE] + (u32)i->disp);
}

/* The record that goes to target: linked within the page, else looked up. */
static struct insn *emit_goto(struct xlat *x, const struct xi *dec, i64 target)
{
	struct insn *r;

	if (target >= 0 && target < (i64)PAGE_SIZE && !(dec->mode != 8 && (dec->opsz == 2 || (x->key & KEY_SEGCHECK)))) {
		r = emit(x, dec, op_goto);
		xlat_link(x, r, target);
		return r;
	}
	r = emit(x, dec, dec->mode != 8 ? op_goto_wrap : target > INT32_MAX ? op_goto_up : op_goto_far);
	r->aux = dec->opsz;
	xlat_link(x, r, target);
	return r;
}

/* ---- conditional jumps ----------------------------------------------------------------------------------------- */

static HANDLER(op_jcc)
{
	BRANCH(i, flags_cond(c, i->aux));
}

#define GEN_JCC(name, expr)                                                                                          \
	static HANDLER(op_j##name)                                                                                   \
	{                                                                                                            \
		BRANCH(i, expr);                                                                                     \
	}
GEN_JCC(b, flag_cf(c))
GEN_JCC(ae, !flag_cf(c))
GEN_JCC(e, flag_zf(c))
GEN_JCC(ne, !flag_zf(c))
GEN_JCC(be, flag_cf(c) || flag_zf(c))
GEN_JCC(a, !(flag_cf(c) || flag_zf(c)))
GEN_JCC(s, flag_sf(c))
GEN_JCC(ns, !flag_sf(c))
static const insn_fn jcc_fns[16] = { op_jcc, op_jcc, op_jb, op_jae, op_je, op_jne, op_jbe, op_ja,
				     op_js,  op_jns, op_jcc, op_jcc, op_jcc, op_jcc, op_jcc, op_jcc };

/* Fused pairs: the compare's record takes over; the Jcc's record behind it is only passed over. */
#define FUSE_CMP(form, bits, lg, cc, b_)                                                                             \
	static HANDLER(op_cmp##bits##form##_j##cc)                                                                   \
	{                                                                                                            \
		FUSED_CMP(bits, lg, cc, G##bits(c, i->dst), b_)                                                      \
	}
#define FUSE_TEST(form, bits, lg, cc, b_)                                                                            \
	static HANDLER(op_test##bits##form##_j##cc)                                                                  \
	{                                                                                                            \
		FUSED_TEST(bits, lg, cc, G##bits(c, i->dst), b_)                                                     \
	}
/* Memory forms: the compare may fault, so it is a plain one until its operand is there. */
#define FUSE_CMPM(bits, lg, cc)                                                                                      \
	TWIN(op_cmp##bits##mi_j##cc,                                                                                 \
		u##bits v;                                                                                           \
		TLOAD_N(v, ea_full(c, i), bits);                                                                     \
		FUSED_CMP(bits, lg, cc, v, (u##bits)i->imm)                                                          \
	)
#define FUSE_TESTM(bits, lg, cc)                                                                                     \
	TWIN(op_test##bits##mi_j##cc,                                                                                \
		u##bits v;                                                                                           \
		TLOAD_N(v, ea_full(c, i), bits);                                                                     \
		FUSED_TEST(bits, lg, cc, v, (u##bits)i->imm)                                                         \
	)
#define FUSE_ONE(bits, lg, cc)                                                                                       \
	FUSE_CMP(rr, bits, lg, cc, G##bits(c, i->src))                                                               \
	FUSE_CMP(ri, bits, lg, cc, (u##bits)i->imm)                                                                  \
	FUSE_TEST(rr, bits, lg, cc, G##bits(c, i->src))                                                              \
	FUSE_TEST(ri, bits, lg, cc, (u##bits)i->imm)                                                                 \
	FUSE_CMPM(bits, lg, cc)                                                                                      \
	FUSE_TESTM(bits, lg, cc)
#define CONDS(M, bits, lg)                                                                                           \
	M(bits, lg, 2) M(bits, lg, 3) M(bits, lg, 4) M(bits, lg, 5) M(bits, lg, 6) M(bits, lg, 7) M(bits, lg, 8)     \
	M(bits, lg, 9) M(bits, lg, 12) M(bits, lg, 13) M(bits, lg, 14) M(bits, lg, 15)
CONDS(FUSE_ONE, 8, 0)
CONDS(FUSE_ONE, 16, 1)
CONDS(FUSE_ONE, 32, 2)
CONDS(FUSE_ONE, 64, 3)

#define SIX(bits, cc)                                                                                                \
	{                                                                                                            \
		op_cmp##bits##rr_j##cc, op_cmp##bits##ri_j##cc, op_cmp##bits##mi_j##cc, op_test##bits##rr_j##cc,     \
			op_test##bits##ri_j##cc, op_test##bits##mi_j##cc                                             \
	}
#define TABLE(bits)                                                                                                  \
	{                                                                                                            \
		[2] = SIX(bits, 2), [3] = SIX(bits, 3), [4] = SIX(bits, 4), [5] = SIX(bits, 5), [6] = SIX(bits, 6),  \
		[7] = SIX(bits, 7), [8] = SIX(bits, 8), [9] = SIX(bits, 9), [12] = SIX(bits, 12),                    \
		[13] = SIX(bits, 13), [14] = SIX(bits, 14), [15] = SIX(bits, 15),                                    \
	}
static const insn_fn fused[4][16][6] = { TABLE(8), TABLE(16), TABLE(32), TABLE(64) };

bool branch_loop_op(const struct insn *i, struct loop_op *o)
{
	u32 size, cc, form;

	for (size = 2; size < 4; size++)
		for (cc = 2; cc < 16; cc++)
			for (form = 0; form < 2; form++)
				if (i->fn == fused[size][cc][form]) {
					o->kind = form ? LOOP_CMP_RI : LOOP_CMP_RR;
					o->bits = size == 2 ? 32 : 64;
					o->cc = (u8)cc;
					o->dst = i->dst / 8;
					o->src = i->src / 8;
					o->value = i->imm;
					return true;
				}
	return false;
}

/* Turns the record before the Jcc into a fused one when it is a compare that alone makes up its instruction. */
static void fuse(struct xlat *x, u32 cc)
{
	u32 n;
	insn_fn f;

	if (!x->nrecs || !x->cmp_kind || x->of_insn[x->nrecs - 1] + 1u != x->ninsns)
		return;
	n = x->nrecs - 1;
	f = fused[x->cmp_size][cc][x->cmp_kind - 1];
	if (f) {
		x->rec[n].fn = f;
		x->noflags[n] = NULL;
	}
}

bool x86_emit_jcc(struct xlat *x, const struct xi *dec)
{
	u32 cc = dec->opcode & 15;
	struct xi next = *dec;
	struct insn *r;

	fuse(x, cc);
	r = emit(x, dec, jcc_fns[cc]);
	r->aux = (u8)cc;
	r->imm = 0;
	next.imm = 0;
	if (dec->mode == 4) /* an operand size of 16 cuts the target, not what follows */
		next.opsz = 4;
	emit_goto(x, &next, dec->ip + dec->len);
	emit_goto(x, dec, target_of(dec));
	x->end = true;
	return true;
}

/* ---- unconditional --------------------------------------------------------------------------------------------- */

/* Near targets in registers and memory; outside of 64-bit mode CS.base is added. */
#define NEAR(v) ((v) + c->r[i->src])

#define GEN_JMP(bits)                                                                                                \
	static HANDLER(op_jmp##bits##_r)                                                                             \
	{                                                                                                            \
		u64 to = G##bits(c, i->dst);                                                                         \
		if ((bits) == 64)                                                                                    \
			NEAR64(to);                                                                                  \
		else if (i->src != REG_ZERO)                                                                         \
			LEGACY(to);                                                                                  \
		JUMP((bits) == 64 ? to : (u32)NEAR(to));                                                             \
	}                                                                                                            \
	TWIN(op_jmp##bits##_m,                                                                                       \
		u##bits v;                                                                                           \
		TLOAD_N(v, EA(c, i), bits);                                                                          \
		if ((bits) == 64)                                                                                    \
			NEAR64(v);                                                                                   \
		else if (i->src != REG_ZERO)                                                                         \
			LEGACY(v);                                                                                   \
		JUMP((bits) == 64 ? (u64)v : (u32)NEAR((u64)v));                                                     \
	)
GEN_JMP(16)
GEN_JMP(32)
GEN_JMP(64)

bool x86_emit_jmp(struct xlat *x, const struct xi *dec)
{
	static const insn_fn f[3][2] = { { op_jmp16_r, op_jmp16_m }, { op_jmp32_r, op_jmp32_m },
					 { op_jmp64_r, op_jmp64_m } };
	struct insn *r;

	if (dec->row->op[0][0] == 'J') {
		emit_goto(x, dec, target_of(dec));
		return true;
	}
	r = emit(x, dec, f[size_log2(dec->opsz) - 1][dec->mem]);
	r->dst = xi_off(dec, dec->rm, dec->opsz);
	r->src = dec->mode == 8 ? REG_ZERO : REG_CS;
	return true;
}

/* CALL pushes, then goes: the next record leads to the target when it is relative. */
TWIN(op_call64,
	u64 sp = c->r[RSP] - 8;

	TPUSH64(sp, NEXT_IP(c, i));
	c->r[RSP] = sp;
	if (LIKELY(i[1].imm != 0))
		ENTER((struct block *)(uintptr_t)i[1].imm);
	GO(i + 1);
)

/* ... beyond the page, where most functions are. */
TWIN(op_call64_far,
	u64 sp = c->r[RSP] - 8;

	TPUSH64(sp, NEXT_IP(c, i));
	c->r[RSP] = sp;
	JUMP(c->r[REG_PAGE] + (u64)(i64)i->disp);
)

TWIN(op_call64_r,
	u64 sp = c->r[RSP] - 8;
	u64 to = G64(c, i->dst);

	TPUSH64(sp, NEXT_IP(c, i));
	NEAR64(to); /* behind the push, which stays in memory: the SDM has it before, Intel's does it so */
	c->r[RSP] = sp;
	JUMP(to);
)

TWIN(op_call64_m,
	u64 sp = c->r[RSP] - 8;
	u64 to;

	TLOAD64(to, EA(c, i));
	TPUSH64(sp, NEXT_IP(c, i));
	NEAR64(to); /* behind the push, which stays in memory: the SDM has it before, Intel's does it so */
	c->r[RSP] = sp;
	JUMP(to);
)

/* 16- and 32-bit code: aux is the operand size. */
static HANDLER(op_call_legacy)
{
	u64 cs = c->r[REG_CS];
	u32 size = i->aux;
	u64 mask = size == 2 ? 0xffff : 0xffffffff;
	u64 to = G64(c, i->dst) & mask;

	LEGACY(to);
	if (!push_legacy(c, (NEXT_IP(c, i) - cs) & mask, size))
		return raise_fault(c, i);
	JUMP((u32)(to + cs));
}

static HANDLER(op_call_legacy_rel)
{
	u64 cs = c->r[REG_CS];
	u32 size = i->aux;
	u64 mask = size == 2 ? 0xffff : 0xffffffff;
	u64 to = (c->r[REG_PAGE] + (u64)(i64)i->disp - cs) & mask;

	LEGACY(to);
	if (!push_legacy(c, (NEXT_IP(c, i) - cs) & mask, size))
		return raise_fault(c, i);
	JUMP((u32)(to + cs));
}

static HANDLER(op_call_legacy_m)
{
	u64 cs = c->r[REG_CS];
	u32 size = i->aux;
	u64 mask = size == 2 ? 0xffff : 0xffffffff;
	u64 to;

	if (!slow_load(c, EA(c, i), size))
		return raise_fault(c, i);
	to = c->tmp[0];
	LEGACY(to);
	if (!push_legacy(c, (NEXT_IP(c, i) - cs) & mask, size))
		return raise_fault(c, i);
	JUMP((u32)(to + cs));
}

bool x86_emit_call(struct xlat *x, const struct xi *dec)
{
	bool rel = dec->row->op[0][0] == 'J';
	i64 target = target_of(dec);
	struct insn *r;

	if (dec->mode != 8) {
		r = emit(x, dec, rel ? op_call_legacy_rel : dec->mem ? op_call_legacy_m : op_call_legacy);
		r->aux = dec->opsz;
		if (rel)
			r->disp = (i32)target;
		if (!rel && !dec->mem)
			r->dst = OFF64(dec->rm);
		return true;
	}
	if (!rel) {
		r = emit(x, dec, dec->mem ? op_call64_m : op_call64_r);
		r->dst = OFF64(dec->rm);
		return true;
	}
	if ((target >= 0 && target < (i64)PAGE_SIZE) || target > INT32_MAX) {
		emit(x, dec, op_call64);
		emit_goto(x, dec, target);
	} else {
		r = emit(x, dec, op_call64_far);
		r->disp = (i32)target;
	}
	return true;
}

TWIN(op_ret64,
	u64 to;

	TPOP64(to, c->r[RSP]);
	NEAR64(to);
	c->r[RSP] += 8 + i->imm;
	JUMP(to);
)

static HANDLER(op_ret_legacy)
{
	u32 size = i->aux;

	if (!peek_legacy(c, 0, size, &c->tmp[1]))
		return raise_fault(c, i);
	LEGACY(c->tmp[1]);
	adjust_legacy(c, (i64)(size + i->imm));
	JUMP((u32)(c->tmp[1] + c->r[REG_CS]));
}

bool x86_emit_ret(struct xlat *x, const struct xi *dec)
{
	struct insn *r = emit(x, dec, dec->mode == 8 ? op_ret64 : op_ret_legacy);

	r->imm = dec->row->op[0][0] == 'I' ? dec->imm : 0;
	r->aux = dec->opsz;
	return true;
}

/* LOOPNE, LOOPE, LOOP, JCXZ: aux is the opcode's low bits. The ways are as for Jcc. */
static HANDLER(op_loop)
{
	u64 mask = c->r[i->asz];
	u64 n = c->r[RCX] & mask;
	bool go;

	if (i->aux == 3) {
		go = !n;
	} else {
		n = (n - 1) & mask;
		if (i->asz == REG_M16)
			SET16(c, OFF16(RCX), n);
		else
			c->r[RCX] = n;
		go = n && (i->aux == 2 || flag_zf(c) == (i->aux == 1));
	}
	GO(i + (go ? 2 : 1));
}

bool x86_emit_loop(struct xlat *x, const struct xi *dec)
{
	struct xi next = *dec;
	struct insn *r = emit(x, dec, op_loop);

	r->aux = dec->opcode & 3;
	next.imm = 0;
	if (dec->mode == 4) /* an operand size of 16 cuts the target, not what follows */
		next.opsz = 4;
	emit_goto(x, &next, dec->ip + dec->len);
	emit_goto(x, dec, target_of(dec));
	return true;
}

const struct pair_name *branch_pair_names(u32 *n)
{
	static const struct pair_name names[] = {
		JOINS(call64_far), JOINS(cmp32rr_j5), JOINS(cmp64ri_j5), JOINS(cmp64rr_j4), JOINS(cmp64rr_j5),
		JOINS(goto), JOINS(goto_far), JOINS(jae), JOINS(je), JOINS(jne), JOINS(ret64), JOINS(test32ri_j4),
		JOINS(test32ri_j5), JOINS(test32rr_j4), JOINS(test32rr_j5), JOINS(test32rr_j8), JOINS(test64rr_j4),
		JOINS(test64rr_j5), JOINS(test8mi_j5), JOINS(test8ri_j4), JOINS(test8ri_j5),
	};

	*n = ARRAY_SIZE(names);
	return names;
}
