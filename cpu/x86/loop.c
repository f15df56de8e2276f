/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loops that only count. Some loops of kernels take hundreds of millions of instructions and change only two or three
 * registers (Linux's loop over the p2m of a paravirtual guest takes a billion). In such a loop each instruction sets a register
 * to a constant, adds a constant to one, or compares and branches. So each register is a linear function of the number of
 * rounds, and it can be computed after how many rounds a branch goes the other way. These rounds are skipped: registers,
 * instruction count and budget become what they would be after executing them. At least one more round is executed, which
 * sets the flags.
 */
#include "cpu/x86/loop.h"
#include "cpu/x86/pair.h"

#include <string.h>

#define LOOP_EVERY 32 /* back edges between two looks */
#define LOOP_RECORDS 32
#define LOOP_WORTH 64 /* rounds below which a look was wasted */
#define LOOP_PATIENCE 3
#define NO_REG 0xff

/* A value within a round: of register reg at the round's start (or none), plus add. */
struct term {
	u8 reg;
	u64 add;
};

struct compare {
	struct loop_op op;
	struct term a, b;
	bool taken;
};

struct loop {
	u64 start[16]; /* register values when the first round begins */
	struct term now[16];
	struct span {
		struct term t;
		u8 bits;
	} span[LOOP_RECORDS]; /* sums on the way, which must not wrap in any round */
	u32 nspan;
	struct compare cmp[8];
	u32 ncmp;
	u64 insns; /* instructions of one round */
};

struct block *loop_edge_target(const struct code_cache *cc, const struct insn *i)
{
	u32 at = i->dst | (u32)i->src << 8 | (u32)i->base << 16 | (u32)i->index << 24;

	return (struct block *)(void *)(cc->arena + (size_t)at * 8);
}

void loop_edge_make(struct code_cache *cc, struct insn *i, struct block *b)
{
	u32 at = (u32)(((u8 *)b - cc->arena) / 8);

	i->fn = op_loop_edge;
	i->imm = 0;
	i->aux = 0;
	i->scale = 0;
	i->dst = (u8)at;
	i->src = (u8)(at >> 8);
	i->base = (u8)(at >> 16);
	i->index = (u8)(at >> 24);
}

static u64 term_value(const struct loop *l, struct term t)
{
	return (t.reg == NO_REG ? 0 : l->start[t.reg]) + t.add;
}

static u64 width_mask(u32 bits)
{
	return bits == 32 ? 0xffffffff : ~0ULL;
}

/* Evaluates a condition for the first round. Only those whose change can be computed are known: -1 for others. */
static int condition(const struct loop_op *o, u64 a, u64 b)
{
	u64 m = width_mask(o->bits);
	u64 sign = 1ULL << (o->bits - 1);

	a &= m;
	b &= m;
	switch (o->cc) {
	case 2:
		return a < b;
	case 3:
		return a >= b;
	case 4:
		return a == b;
	case 5:
		return a != b;
	case 6:
		return a <= b;
	case 7:
		return a > b;
	case 12:
		return (a ^ sign) < (b ^ sign);
	case 13:
		return (a ^ sign) >= (b ^ sign);
	case 14:
		return (a ^ sign) <= (b ^ sign);
	case 15:
		return (a ^ sign) > (b ^ sign);
	default:
		return -1;
	}
}

/* One step of the round: the record's effect on terms. False: not a counting loop. */
static bool apply(struct loop *l, const struct loop_op *o)
{
	struct term *t = &l->now[o->dst];

	if (o->dst >= 16)
		return false;
	if (o->kind == LOOP_CONST) {
		*t = (struct term){ NO_REG, o->value };
	} else {
		/* 32-bit sums keep to 32 bits: rounds end before they wrap. */
		if (o->bits == 32 && term_value(l, *t) >> 32)
			return false;
		t->add += o->bits == 32 ? (u64)(i64)(i32)o->value : o->value;
		if (term_value(l, *t) & ~width_mask(o->bits))
			return false;
		l->span[l->nspan++] = (struct span){ *t, o->bits };
	}
	return true;
}

/* Follows the round from b until it is back there. False: it is not a counting loop, or leaves. */
static bool follow(const struct code_cache *cc, struct loop *l, const struct block *b, const struct insn *edge)
{
	const struct block *at = b;
	const struct insn *i = b->rec;
	struct insn one;
	u32 n;

	l->insns = b->ninsns;
	for (n = 0; n < LOOP_RECORDS; n++) {
		struct loop_op o = { .kind = LOOP_OTHER };

		if (i == edge)
			return true;
		if (i->fn == op_goto || i->fn == op_loop_edge) {
			at = i->fn == op_goto ? (const struct block *)(uintptr_t)i->imm : loop_edge_target(cc, i);
			if (!at || at->dead)
				return false;
			i = at->rec;
			if (at == b)
				return false; /* round by another edge than ours */
			l->insns += at->ninsns;
			continue;
		}
		if (branch_loop_op(i, &o)) {
			struct compare *k = &l->cmp[l->ncmp];
			int taken;

			if (l->ncmp == ARRAY_SIZE(l->cmp) || o.dst >= 16 || (o.kind == LOOP_CMP_RR && o.src >= 16))
				return false;
			k->op = o;
			k->a = l->now[o.dst];
			k->b = o.kind == LOOP_CMP_RR ? l->now[o.src] : (struct term){ NO_REG, o.value };
			taken = condition(&o, term_value(l, k->a), term_value(l, k->b));
			if (taken < 0)
				return false;
			k->taken = taken;
			l->ncmp++;
			/* Compare, Jcc, the way on, the way taken. */
			i += taken ? 3 : 2;
			continue;
		}
		one = *i;
		one.fn = pair_first(i->fn); /* the one behind it has kept its own */
		if (!(alu_loop_op(&one, &o) || mov_loop_op(&one, &o)) || !apply(l, &o))
			return false;
		i++;
	}
	return false;
}

/* What a term gains each round. */
static i64 slope(const struct loop *l, struct term t)
{
	return t.reg == NO_REG || l->now[t.reg].reg == NO_REG ? 0 : (i64)l->now[t.reg].add;
}

/* Rounds until v, moving by s, leaves [0, top]. */
static u64 rounds_within(u64 v, i64 s, u64 top)
{
	if (!s)
		return UINT64_MAX;
	return s > 0 ? (top - v) / (u64)s : v / (0 - (u64)s);
}

/* Differences of such slopes do not overflow. */
static bool gentle(i64 s)
{
	return s > -(i64)BIT(62) && s < (i64)BIT(62);
}

/* Rounds for which a compare goes on as in the first one. */
static u64 rounds_same(const struct loop *l, const struct compare *k)
{
	u64 top = width_mask(k->op.bits);
	u64 a = term_value(l, k->a), b = term_value(l, k->b);
	i64 sa = slope(l, k->a), sb = slope(l, k->b);
	u64 max, dist;
	bool below;
	i64 rel;

	/* An immediate is as wide as the compare. */
	if (k->op.bits == 32 && k->op.kind == LOOP_CMP_RI)
		b &= top;
	/* Signed conditions agree with unsigned ones while both stay positive. */
	if (k->op.cc >= 12)
		top >>= 1;
	if (a > top || b > top)
		return 0;
	max = MIN(rounds_within(a, sa, top), rounds_within(b, sb, top));
	if (sa == sb)
		return max;
	/* Equal now, not in the next round. */
	if (a == b || !gentle(sa) || !gentle(sb))
		return 0;
	/* Their distance shrinks by rel a round, or grows, and then nothing changes. Stop short of where they meet. */
	below = a < b;
	dist = below ? b - a : a - b;
	rel = below ? sa - sb : sb - sa;
	return rel <= 0 ? max : MIN(max, dist / (u64)rel);
}

/* Rounds have equal effects only if each register ends as itself plus a constant, or as a constant. */
static bool linear(const struct loop *l)
{
	u32 r;

	for (r = 0; r < 16; r++)
		if (l->now[r].reg != NO_REG && l->now[r].reg != r)
			return false;
	return true;
}

/* A register that is set to a constant must have that value at the start already, else the first round differs. */
static bool settled(const struct loop *l)
{
	u32 r;

	for (r = 0; r < 16; r++)
		if (l->now[r].reg == NO_REG && l->start[r] != l->now[r].add)
			return false;
	return true;
}

/* Skips as many rounds as is certain, at the start of block b. Returns how many. */
static u64 skip(struct x86 *c, const struct insn *edge, const struct block *b)
{
	struct loop l = { .ncmp = 0 };
	u64 k = UINT64_MAX;
	u32 r;

	memcpy(l.start, c->r, sizeof l.start);
	for (r = 0; r < 16; r++)
		l.now[r] = (struct term){ (u8)r, 0 };
	if (!follow(c->code, &l, b, edge) || !l.ncmp || !linear(&l) || !settled(&l))
		return 0;
	for (r = 0; r < l.ncmp; r++)
		k = MIN(k, rounds_same(&l, &l.cmp[r]));
	for (r = 0; r < l.nspan; r++)
		k = MIN(k, rounds_within(term_value(&l, l.span[r].t), slope(&l, l.span[r].t), width_mask(l.span[r].bits)));
	/* One round stays to be executed, whole. */
	if ((u64)c->cpu.budget / l.insns < 2)
		return 0;
	k = MIN(k, (u64)c->cpu.budget / l.insns - 1);
	if (k < 2)
		return 0;
	k--;
	for (r = 0; r < 16; r++)
		if (l.now[r].reg == r)
			c->r[r] += l.now[r].add * k;
	c->cpu.budget -= (i64)(l.insns * k);
	return k;
}

static NOINLINE void look(struct x86 *c, struct insn *i, struct block *b)
{
	if (skip(c, i, b) >= LOOP_WORTH) {
		i->scale = 0;
		return;
	}
	if (++i->scale < LOOP_PATIENCE)
		return;
	/* Not worth it: an ordinary link from now on. */
	i->fn = op_goto;
	i->imm = (u64)(uintptr_t)b;
}

HANDLER(op_loop_edge)
{
	struct insn *w = (struct insn *)(uintptr_t)i;
	struct block *b = loop_edge_target(c->code, i);

	if (UNLIKELY(++w->aux == LOOP_EVERY)) {
		w->aux = 0;
		look(c, w, b);
	}
	ENTER(b);
}
