/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PUSH POP PUSHF POPF PUSHA POPA ENTER LEAVE, SDM 2A and 2B. Limit checks of the stack segment are made only where
 * segments are not flat. Popped values are passed in c->tmp[1], because a handler with a local whose address is taken cannot
 * end in a jump.
 */
#include "cpu/x86/stack.h"

#include "cpu/x86/flags.h"
#include "cpu/x86/opcodes.h"
#include "cpu/x86/pair.h"
#include "cpu/x86/seg.h"
#include "cpu/x86/xlat.h"

void adjust_legacy(struct x86 *c, i64 n)
{
	u64 m = stack_mask(c);
	u64 sp = (c->r[RSP] + (u64)n) & m;

	c->r[RSP] = m == 0xffff ? (c->r[RSP] & ~m) | sp : sp;
}

/* #SS when the stack segment does not hold size bytes at off. */
static bool stack_ok(struct x86 *c, u64 off, u32 size, bool write)
{
	if (LIKELY(!(c->mode_key & KEY_SEGCHECK)) || seg_ok(c, &c->s.seg[SEG_SS], off, size, write))
		return true;
	return x86_fault(c, X86_SS, 0);
}

bool push_legacy(struct x86 *c, u64 v, u32 size)
{
	u64 off = (c->r[RSP] - size) & stack_mask(c);

	if (!stack_ok(c, off, size, true) || !slow_store(c, (u32)(c->r[REG_SS] + off), size, v))
		return false;
	adjust_legacy(c, -(i64)size);
	return true;
}

bool peek_legacy(struct x86 *c, u32 off, u32 size, u64 *v)
{
	u64 at = (c->r[RSP] + off) & stack_mask(c);

	if (!stack_ok(c, at, size, false) || !slow_load(c, (u32)(c->r[REG_SS] + at), size))
		return false;
	*v = c->tmp[0];
	return true;
}

/* A non-canonical stack pointer is #SS(0), SDM 1 3.3.7.1. */
static bool stack_fault(struct x86 *c)
{
	if (c->trap.vector == X86_GP)
		c->trap.vector = X86_SS;
	return false;
}

bool push_any(struct x86 *c, u64 v, u32 size)
{
	if (!(c->mode_key & KEY_CS64))
		return push_legacy(c, v, size);
	if (!slow_store(c, c->r[RSP] - size, size, v))
		return stack_fault(c);
	c->r[RSP] -= size;
	return true;
}

bool pop_any(struct x86 *c, u32 size, u64 *v)
{
	if (!(c->mode_key & KEY_CS64)) {
		if (!peek_legacy(c, 0, size, v))
			return false;
		adjust_legacy(c, size);
		return true;
	}
	if (!slow_load(c, c->r[RSP], size))
		return stack_fault(c);
	*v = c->tmp[0];
	c->r[RSP] += size;
	return true;
}

bool push_selector(struct x86 *c, u16 sel, u32 size)
{
	u64 off = (c->r[RSP] - size) & stack_mask(c);

	if (c->mode_key & KEY_CS64)
		return push_any(c, sel, size);
	if (!stack_ok(c, off, 2, true) || !slow_store(c, (u32)(c->r[REG_SS] + off), 2, sel))
		return false;
	adjust_legacy(c, -(i64)size);
	return true;
}

bool pop_selector(struct x86 *c, u32 size, u64 *sel)
{
	if (!(c->mode_key & KEY_CS64)) {
		if (!peek_legacy(c, 0, 2, sel))
			return false;
		adjust_legacy(c, size);
		return true;
	}
	if (!slow_load(c, c->r[RSP], 2))
		return stack_fault(c);
	*sel = c->tmp[0];
	c->r[RSP] += size;
	return true;
}

/* ---- 64-bit fast forms ----------------------------------------------------------------------------------------- */

TWIN(op_push64_r,
	u64 sp = c->r[RSP] - 8;

	TPUSH64(sp, G64(c, i->dst));
	c->r[RSP] = sp;
	NEXT;
)

TWIN(op_push64_i,
	u64 sp = c->r[RSP] - 8;

	TPUSH64(sp, i->imm);
	c->r[RSP] = sp;
	NEXT;
)

TWIN(op_push64_m,
	u64 sp = c->r[RSP] - 8;
	u64 v;

	TLOAD64(v, EA(c, i));
	TPUSH64(sp, v);
	c->r[RSP] = sp;
	NEXT;
)

TWIN(op_pop64_r,
	u64 v;

	TPOP64(v, c->r[RSP]);
	c->r[RSP] += 8;
	SET64(c, i->dst, v);
	NEXT;
)

/*
 * Runs of pushes and of pops, as functions begin and end with: one look at the TLB for all of them. Each record of a run heads
 * what is left of it, so that the slow way may do one and go on; RSP itself is in no run.
 */
#define RUN_2(M) M(0) M(1)
#define RUN_3(M) RUN_2(M) M(2)
#define RUN_4(M) RUN_3(M) M(3)
#define RUN_5(M) RUN_4(M) M(4)
#define RUN_6(M) RUN_5(M) M(5)
#define RUN_MAX 6
#define PUSH_ONE(k) st64(p + 8 * (n - 1 - (k)), G64(c, i[k].dst));
#define POP_ONE(k) SET64(c, i[k].dst, ld64(p + 8 * (k)));

#define GEN_RUN(count)                                                                                               \
	static HANDLER(op_push64_x##count)                                                                           \
	{                                                                                                            \
		const u32 n = count;                                                                                 \
		u64 sp = c->r[RSP] - 8 * n;                                                                          \
		const struct tlb_entry *e = tlb_slot(&c->mmu, sp);                                                   \
		u8 *p = tlb_host(e, sp);                                                                             \
		if (UNLIKELY(e->wr != tlb_tag(&c->mmu, sp, 8 * n)))                                                  \
			return op_push64_r_slow(c, i);                                                               \
		RUN_##count(PUSH_ONE);                                                                               \
		c->r[RSP] = sp;                                                                                      \
		GO(i + n);                                                                                           \
	}                                                                                                            \
	static HANDLER(op_pop64_x##count)                                                                            \
	{                                                                                                            \
		const u32 n = count;                                                                                 \
		u64 sp = c->r[RSP];                                                                                  \
		const struct tlb_entry *e = tlb_slot(&c->mmu, sp);                                                   \
		const u8 *p = tlb_host(e, sp);                                                                       \
		if (UNLIKELY(e->rd != tlb_tag(&c->mmu, sp, 8 * n)))                                                  \
			return op_pop64_r_slow(c, i);                                                                \
		RUN_##count(POP_ONE);                                                                                \
		c->r[RSP] = sp + 8 * n;                                                                              \
		GO(i + n);                                                                                           \
	}
GEN_RUN(2)
GEN_RUN(3)
GEN_RUN(4)
GEN_RUN(5)
GEN_RUN(6)

void stack_runs(struct xlat *x)
{
	static const insn_fn pushes[] = { op_push64_r, op_push64_x2, op_push64_x3, op_push64_x4, op_push64_x5, op_push64_x6 };
	static const insn_fn pops[] = { op_pop64_r, op_pop64_x2, op_pop64_x3, op_pop64_x4, op_pop64_x5, op_pop64_x6 };
	const insn_fn *fns = NULL;
	u32 n, left = 0;

	for (n = x->nrecs; n-- > 0;) {
		struct insn *r = &x->rec[n];
		const insn_fn *f = r->fn == op_push64_r ? pushes : r->fn == op_pop64_r ? pops : NULL;

		if (!f || r->dst == OFF64(RSP)) {
			fns = NULL;
			continue;
		}
		left = f == fns ? MIN(left + 1, RUN_MAX) : 1;
		fns = f;
		r->fn = f[left - 1];
	}
}

/* ---- any size and mode: aux is the size ------------------------------------------------------------------------ */

static HANDLER(op_push_r)
{
	if (!push_any(c, G64(c, i->dst), i->aux))
		return raise_fault(c, i);
	NEXT;
}

static HANDLER(op_push_i)
{
	if (!push_any(c, i->imm, i->aux))
		return raise_fault(c, i);
	NEXT;
}

static HANDLER(op_push_m)
{
	if (!slow_load(c, EA(c, i), i->aux) || !push_any(c, c->tmp[0], i->aux))
		return raise_fault(c, i);
	NEXT;
}

static void set_sized(struct x86 *c, u32 n, u32 size, u64 v)
{
	if (size == 2)
		SET16(c, OFF16(n), v);
	else
		c->r[n] = size == 4 ? (u32)v : v;
}

static HANDLER(op_pop_r)
{
	if (!pop_any(c, i->aux, &c->tmp[1]))
		return raise_fault(c, i);
	set_sized(c, i->dst / 8, i->aux, c->tmp[1]);
	NEXT;
}

/* POP to memory computes its address with the stack pointer already moved, SDM 2B. */
static HANDLER(op_pop_m)
{
	u64 old = c->r[RSP];

	if (!pop_any(c, i->aux, &c->tmp[1]))
		return raise_fault(c, i);
	if (!slow_store(c, EA(c, i), i->aux, c->tmp[1])) {
		c->r[RSP] = old;
		return raise_fault(c, i);
	}
	NEXT;
}

bool x86_emit_push(struct xlat *x, const struct xi *dec)
{
	bool wide = dec->mode == 8 && dec->opsz == 8;
	char o = dec->row->op[0][0];
	struct insn *r;

	if (o == 'I')
		r = emit(x, dec, wide ? op_push64_i : op_push_i);
	else if (o == 'E' && dec->mem)
		r = emit(x, dec, wide ? op_push64_m : op_push_m);
	else
		r = emit(x, dec, wide ? op_push64_r : op_push_r);
	r->dst = OFF64(o == 'Z' ? (dec->opcode & 7u) | (dec->rex & 1 ? 8 : 0) : dec->rm);
	r->aux = dec->opsz;
	return true;
}

bool x86_emit_pop(struct xlat *x, const struct xi *dec)
{
	bool wide = dec->mode == 8 && dec->opsz == 8;
	char o = dec->row->op[0][0];
	struct insn *r;

	if (o == 'E' && dec->mem)
		r = emit(x, dec, op_pop_m);
	else
		r = emit(x, dec, wide ? op_pop64_r : op_pop_r);
	r->dst = OFF64(o == 'Z' ? (dec->opcode & 7u) | (dec->rex & 1 ? 8 : 0) : dec->rm);
	r->aux = dec->opsz;
	return true;
}

/* ---- flags ----------------------------------------------------------------------------------------------------- */

/* Virtual-8086 mode below IOPL 3: with CR4.VME the virtual interrupt flag stands in for IF, SDM 3B 20.3.2. */
static bool v86_virtual(const struct x86 *c, u32 size)
{
	return c->native && (c->s.cr4 & CR4_VME) && size == 2;
}

static HANDLER(op_pushf)
{
	u64 fl = x86_rflags(c) & ~(u64)(FL_RF | FL_VM);

	if ((c->eflags & FL_VM) && (c->eflags & FL_IOPL) != FL_IOPL) {
		if (!v86_virtual(c, i->aux))
			RAISE(X86_GP, 0);
		fl = (fl & ~(u64)FL_IF) | FL_IOPL | (c->eflags & FL_VIF ? FL_IF : 0);
	}
	if (!push_any(c, fl, i->aux))
		return raise_fault(c, i);
	NEXT;
}

static HANDLER(op_popf)
{
	u32 can = FL_ARITH | FL_TF | FL_DF | FL_NT;
	u64 old = x86_rflags(c);
	bool virt = (c->eflags & FL_VM) && (c->eflags & FL_IOPL) != FL_IOPL;
	u64 v, sp = c->r[RSP];

	if (virt && !v86_virtual(c, i->aux))
		RAISE(X86_GP, 0);
	if (!pop_any(c, i->aux, &c->tmp[1]))
		return raise_fault(c, i);
	v = c->tmp[1];
	if (virt) {
		if ((v & FL_TF) || ((v & FL_IF) && (c->eflags & FL_VIP))) {
			c->r[RSP] = sp;
			RAISE(X86_GP, 0);
		}
		v = (v & ~(u64)FL_VIF) | (v & FL_IF ? FL_VIF : 0);
		x86_set_rflags(c, (old & ~(u64)(can | FL_RF | FL_VIF)) | (v & (can | FL_VIF)));
		return leave_after(c, i, BX_LOOKUP);
	}
	if (i->aux != 2)
		can |= FL_AC | FL_ID;
	if (!(c->mode_key & KEY_PE) || (c->s.cpl == 0 && !(c->eflags & FL_VM)))
		can |= FL_IF | FL_IOPL;
	else if (c->s.cpl <= (c->eflags >> 12 & 3))
		can |= FL_IF;
	x86_set_rflags(c, (old & ~(u64)(can | FL_RF)) | (v & can));
	return leave_after(c, i, BX_LOOKUP);
}

/* The common case: user or paravirtual code without TF just changes flags. */
TWIN(op_popf64,
	u64 v;

	TPOP64(v, c->r[RSP]);
	if (UNLIKELY((v | c->eflags) & FL_TF) || c->s.cpl != 3 || (c->eflags & FL_IOPL) == FL_IOPL)
		return op_popf(c, i);
	c->r[RSP] += 8;
	x86_set_rflags(c, (c->eflags & ~(u32)(FL_DF | FL_NT | FL_AC | FL_ID)) |
				  (v & (FL_ARITH | FL_DF | FL_NT | FL_AC | FL_ID)));
	NEXT;
)

bool x86_emit_pushf(struct xlat *x, const struct xi *dec)
{
	emit(x, dec, op_pushf)->aux = dec->opsz;
	return true;
}

bool x86_emit_popf(struct xlat *x, const struct xi *dec)
{
	bool wide = dec->mode == 8 && dec->opsz == 8;

	emit(x, dec, wide ? op_popf64 : op_popf)->aux = dec->opsz;
	return true;
}

/* ---- ENTER, LEAVE, PUSHA, POPA --------------------------------------------------------------------------------- */

TWIN(op_leave64,
	u64 v;

	TPOP64(v, c->r[RBP]);
	c->r[RSP] = c->r[RBP] + 8;
	c->r[RBP] = v;
	NEXT;
)

static HANDLER(op_leave)
{
	u64 old = c->r[RSP];

	if (c->mode_key & KEY_CS64)
		c->r[RSP] = c->r[RBP];
	else if (stack_mask(c) == 0xffff)
		SET16(c, OFF16(RSP), c->r[RBP]);
	else
		c->r[RSP] = (u32)c->r[RBP];
	if (!pop_any(c, i->aux, &c->tmp[1])) {
		c->r[RSP] = old;
		return raise_fault(c, i);
	}
	set_sized(c, RBP, i->aux, c->tmp[1]);
	NEXT;
}

bool x86_emit_leave(struct xlat *x, const struct xi *dec)
{
	emit(x, dec, dec->mode == 8 && dec->opsz == 8 ? op_leave64 : op_leave)->aux = dec->opsz;
	return true;
}

static HANDLER(op_enter)
{
	u32 size = i->aux;
	u32 level = i->dst & 31;
	u64 mask = c->mode_key & KEY_CS64 ? ~0ULL : stack_mask(c);
	u64 ss = c->mode_key & KEY_CS64 ? 0 : c->r[REG_SS];
	u64 old = c->r[RSP];
	u64 frame, bp = c->r[RBP];
	u32 k;

	if (!push_any(c, bp, size))
		return raise_fault(c, i);
	frame = c->r[RSP];
	for (k = 1; k < level; k++) {
		bp -= size;
		if (!(c->mode_key & KEY_CS64) && !stack_ok(c, bp & mask, size, false))
			goto fault;
		if (!slow_load(c, ss + (bp & mask), size) || !push_any(c, c->tmp[0], size))
			goto fault;
	}
	if (level && !push_any(c, frame, size))
		goto fault;
	if (c->mode_key & KEY_CS64)
		c->r[RSP] -= i->imm & 0xffff;
	else
		adjust_legacy(c, -(i64)(i->imm & 0xffff));
	/* The new top of the stack must be writable, SDM 2A. */
	if (!(c->mode_key & KEY_CS64) && !stack_ok(c, c->r[RSP] & mask, size, true))
		goto fault;
	if (!slow_probe(c, ss + (c->r[RSP] & mask), size, true))
		goto fault;
	set_sized(c, RBP, size, frame);
	NEXT;
fault:
	c->r[RSP] = old;
	return raise_stack_fault(c, i);
}

bool x86_emit_enter(struct xlat *x, const struct xi *dec)
{
	struct insn *r = emit(x, dec, op_enter);

	r->aux = dec->opsz;
	r->dst = (u8)dec->imm2;
	return true;
}

static HANDLER(op_pusha)
{
	u64 old = c->r[RSP];
	u32 k;

	for (k = RAX; k <= RDI; k++)
		if (!push_legacy(c, k == RSP ? old : c->r[k], i->aux)) {
			c->r[RSP] = old;
			return raise_fault(c, i);
		}
	NEXT;
}

static NOINLINE bool popa(struct x86 *c, u32 size)
{
	u64 v[8];
	u32 k;

	for (k = 0; k < 8; k++)
		if (!peek_legacy(c, k * size, size, &v[7 - k]))
			return false;
	adjust_legacy(c, 8 * (i64)size);
	for (k = RAX; k <= RDI; k++)
		if (k != RSP)
			set_sized(c, k, size, v[k]);
	return true;
}

static HANDLER(op_popa)
{
	if (!popa(c, i->aux))
		return raise_fault(c, i);
	NEXT;
}

bool x86_emit_pusha(struct xlat *x, const struct xi *dec)
{
	emit(x, dec, op_pusha)->aux = dec->opsz;
	return true;
}

bool x86_emit_popa(struct xlat *x, const struct xi *dec)
{
	emit(x, dec, op_popa)->aux = dec->opsz;
	return true;
}

const struct pair_name *stack_pair_names(u32 *n)
{
	static const struct pair_name names[] = { JOINS(pop64_r), JOINS(push64_r) };

	*n = ARRAY_SIZE(names);
	return names;
}
