/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bit instructions (BT BTS BTR BTC BSF BSR POPCNT) and the compare-and-exchange family (CMPXCHG CMPXCHG8B/16B XADD).
 * SDM 2A and 2B. One thread executes all CPUs of a host, so every instruction is atomic and LOCK has no effect.
 */
#include "cpu/x86/flags.h"
#include "cpu/x86/opcodes.h"
#include "cpu/x86/seg.h"
#include "cpu/x86/xlat.h"

enum bit_op { BIT_TEST, BIT_SET, BIT_RESET, BIT_COMPLEMENT };

static u64 bit_apply(enum bit_op op, u64 v, u32 n)
{
	switch (op) {
	case BIT_SET:
		return v | BIT(n);
	case BIT_RESET:
		return v & ~BIT(n);
	case BIT_COMPLEMENT:
		return v ^ BIT(n);
	default:
		return v;
	}
}

static void bit_flag(struct x86 *c, bool cf)
{
	flags_set_all(c, (flags_eval(c) & ~(u32)FL_CF) | (cf ? FL_CF : 0));
}

static u64 get_sized(const struct x86 *c, u8 off, u32 size)
{
	return size == 2 ? G16(c, off) : size == 4 ? G32(c, off) : G64(c, off);
}

static void set_sized(struct x86 *c, u8 off, u32 size, u64 v)
{
	if (size == 2)
		SET16(c, off, v);
	else if (size == 4)
		SET32(c, off, v);
	else
		SET64(c, off, v);
}

/* aux: operand size | op << 4; src is 0xff when the bit number is immediate. */
static HANDLER(op_bit_r)
{
	u32 size = i->aux & 15;
	u64 v = get_sized(c, i->dst, size);
	u32 n = (u32)(i->src == 0xff ? i->imm : get_sized(c, i->src, size)) & (size * 8 - 1);

	if (i->aux >> 4)
		set_sized(c, i->dst, size, bit_apply(i->aux >> 4, v, n));
	bit_flag(c, v >> n & 1);
	NEXT;
}

/* In memory a bit number in a register reaches beyond the operand, SDM 2A BT. */
static HANDLER(op_bit_m)
{
	u32 size = i->aux & 15;
	u32 bits = size * 8;
	u64 ea = c->r[i->base] + (c->r[i->index] << i->scale) + (u64)(i64)i->disp;
	u64 v;
	i64 n;

	if (i->src == 0xff) {
		n = (i64)(i->imm & (bits - 1));
	} else {
		n = (i64)(get_sized(c, i->src, size) << (64 - bits)) >> (64 - bits);
		ea += (u64)((n >> (size_log2(size) + 3)) * (i64)size);
		n &= bits - 1;
	}
	ea &= c->r[i->asz];
	if (UNLIKELY(!(c->mode_key & KEY_CS64)) && i->seg >= REG_ES && i->seg <= REG_GS) {
		if (!seg_ok(c, &c->s.seg[i->seg - REG_ES], ea, size, i->aux >> 4))
			RAISE(i->seg == REG_SS ? X86_SS : X86_GP, 0);
		ea = (u32)(ea + c->r[i->seg]);
	} else {
		ea += c->r[i->seg];
	}
	if (!(i->aux >> 4)) {
		if (!slow_load(c, ea, size))
			return raise_fault(c, i);
		bit_flag(c, c->tmp[0] >> n & 1);
		NEXT;
	}
	if (!slow_load_rmw(c, ea, size))
		return raise_fault(c, i);
	v = c->tmp[0];
	if (!slow_store(c, ea, size, bit_apply(i->aux >> 4, v, (u32)n)))
		return raise_fault(c, i);
	bit_flag(c, v >> n & 1);
	NEXT;
}

/* The kernel's favourite: BT of a memory word by an immediate, and of 64-bit words by register in reach of the TLB. */
static bool emit_bit(struct xlat *x, const struct xi *dec, enum bit_op op)
{
	struct insn *r = emit(x, dec, dec->mem ? op_bit_m : op_bit_r);

	r->dst = xi_off(dec, dec->rm, dec->opsz);
	r->src = dec->row->op[1][0] == 'I' ? 0xff : xi_off(dec, dec->reg, dec->opsz);
	r->aux = (u8)(dec->opsz | op << 4);
	return true;
}

bool x86_emit_bt(struct xlat *x, const struct xi *dec)
{
	return emit_bit(x, dec, BIT_TEST);
}

bool x86_emit_bts(struct xlat *x, const struct xi *dec)
{
	return emit_bit(x, dec, BIT_SET);
}

bool x86_emit_btr(struct xlat *x, const struct xi *dec)
{
	return emit_bit(x, dec, BIT_RESET);
}

bool x86_emit_btc(struct xlat *x, const struct xi *dec)
{
	return emit_bit(x, dec, BIT_COMPLEMENT);
}

/* ---- scans and counts -------------------------------------------------------------------------------------------- */

/* aux: size; scale: what; dst 0..; a source of zero leaves the destination alone and sets ZF. */
static void scan(struct x86 *c, u8 dst, u32 size, u64 v, bool up)
{
	u32 fl = flags_eval(c) & ~(u32)FL_ZF;

	if (!v) {
		flags_set_all(c, fl | FL_ZF);
		return;
	}
	set_sized(c, dst, size, up ? (u64)__builtin_ctzll(v) : 63u - (u64)__builtin_clzll(v));
	flags_set_all(c, fl);
}

static HANDLER(op_bsf_r)
{
	scan(c, i->dst, i->aux, get_sized(c, i->src, i->aux), true);
	NEXT;
}
static HANDLER(op_bsr_r)
{
	scan(c, i->dst, i->aux, get_sized(c, i->src, i->aux), false);
	NEXT;
}
static HANDLER(op_bsf_m)
{
	if (!slow_load(c, EA(c, i), i->aux))
		return raise_fault(c, i);
	scan(c, i->dst, i->aux, c->tmp[0], true);
	NEXT;
}
static HANDLER(op_bsr_m)
{
	if (!slow_load(c, EA(c, i), i->aux))
		return raise_fault(c, i);
	scan(c, i->dst, i->aux, c->tmp[0], false);
	NEXT;
}

static HANDLER(op_popcnt)
{
	u64 v;

	if (i->scale == 0xff) {
		v = get_sized(c, i->src, i->aux);
	} else {
		if (!slow_load(c, EA(c, i), i->aux))
			return raise_fault(c, i);
		v = c->tmp[0];
	}
	set_sized(c, i->dst, i->aux, (u64)__builtin_popcountll(v));
	flags_set_all(c, v ? 0 : FL_ZF);
	NEXT;
}

static bool emit_scan(struct xlat *x, const struct xi *dec, insn_fn reg, insn_fn mem)
{
	struct insn *r = emit(x, dec, dec->mem ? mem : reg);

	r->dst = xi_off(dec, dec->reg, dec->opsz);
	r->src = xi_off(dec, dec->rm, dec->opsz);
	r->aux = dec->opsz;
	return true;
}

bool x86_emit_bsf(struct xlat *x, const struct xi *dec)
{
	return emit_scan(x, dec, op_bsf_r, op_bsf_m);
}

bool x86_emit_bsr(struct xlat *x, const struct xi *dec)
{
	return emit_scan(x, dec, op_bsr_r, op_bsr_m);
}

bool x86_emit_popcnt(struct xlat *x, const struct xi *dec)
{
	emit_scan(x, dec, op_popcnt, op_popcnt);
	if (!dec->mem)
		x->rec[x->nrecs - 1].scale = 0xff;
	return true;
}

/* ---- compare and exchange ---------------------------------------------------------------------------------------- */

#define GEN_CMPXCHG(B, l)                                                                                            \
	static HANDLER(op_cmpxchg##B##_r)                                                                            \
	{                                                                                                            \
		u##B old = G##B(c, i->dst), acc = G##B(c, OFF##B(RAX));                                              \
		if (old == acc) {                                                                                    \
			SET##B(c, i->dst, G##B(c, i->src));                                                          \
		} else {                                                                                             \
			/* The register is left alone, its upper half too. */                                        \
			SET##B(c, OFF##B(RAX), old);                                                                 \
		}                                                                                                    \
		c->cc_op = CC_SUB + (l);                                                                             \
		c->cc_dst = (u##B)(acc - old);                                                                       \
		c->cc_src = old;                                                                                     \
		NEXT;                                                                                                \
	}                                                                                                            \
	static HANDLER(op_cmpxchg##B##_m)                                                                            \
	{                                                                                                            \
		u64 ea = EA(c, i);                                                                                   \
		u8 *p = mmu_hit_write(&c->mmu, ea, (B) / 8);                                                         \
		u##B acc = G##B(c, OFF##B(RAX)), old;                                                                \
		if (LIKELY(p != NULL)) {                                                                             \
			old = ld##B(p);                                                                              \
			if (old == acc)                                                                              \
				st##B(p, G##B(c, i->src));                                                           \
		} else {                                                                                             \
			if (!slow_load_rmw(c, ea, (B) / 8))                                                          \
				return raise_fault(c, i);                                                            \
			old = (u##B)c->tmp[0];                                                                       \
			/* The old value is written back on a mismatch, SDM 2A: it faults as a write either way. */  \
			if (!slow_store(c, ea, (B) / 8, old == acc ? G##B(c, i->src) : old))                         \
				return raise_fault(c, i);                                                            \
		}                                                                                                    \
		if (old != acc)                                                                                      \
			SET##B(c, OFF##B(RAX), old);                                                                 \
		c->cc_op = CC_SUB + (l);                                                                             \
		c->cc_dst = (u##B)(acc - old);                                                                       \
		c->cc_src = old;                                                                                     \
		NEXT;                                                                                                \
	}                                                                                                            \
	static HANDLER(op_xadd##B##_r)                                                                               \
	{                                                                                                            \
		u##B a = G##B(c, i->dst), b = G##B(c, i->src);                                                       \
		u##B r = (u##B)(a + b);                                                                              \
		SET##B(c, i->src, a);                                                                                \
		SET##B(c, i->dst, r);                                                                                \
		c->cc_op = CC_ADD + (l);                                                                             \
		c->cc_dst = r;                                                                                       \
		c->cc_src = b;                                                                                       \
		NEXT;                                                                                                \
	}                                                                                                            \
	static HANDLER(op_xadd##B##_m)                                                                               \
	{                                                                                                            \
		u64 ea = EA(c, i);                                                                                   \
		u8 *p = mmu_hit_write(&c->mmu, ea, (B) / 8);                                                         \
		u##B a, b = G##B(c, i->src), r;                                                                      \
		if (LIKELY(p != NULL)) {                                                                             \
			a = ld##B(p);                                                                                \
			r = (u##B)(a + b);                                                                           \
			st##B(p, r);                                                                                 \
		} else {                                                                                             \
			if (!slow_load_rmw(c, ea, (B) / 8))                                                          \
				return raise_fault(c, i);                                                            \
			a = (u##B)c->tmp[0];                                                                         \
			r = (u##B)(a + b);                                                                           \
			if (!slow_store(c, ea, (B) / 8, r))                                                          \
				return raise_fault(c, i);                                                            \
		}                                                                                                    \
		SET##B(c, i->src, a);                                                                                \
		c->cc_op = CC_ADD + (l);                                                                             \
		c->cc_dst = r;                                                                                       \
		c->cc_src = b;                                                                                       \
		NEXT;                                                                                                \
	}
GEN_CMPXCHG(8, 0)
GEN_CMPXCHG(16, 1)
GEN_CMPXCHG(32, 2)
GEN_CMPXCHG(64, 3)

#define XROW(op) { { op_##op##8_r, op_##op##8_m }, { op_##op##16_r, op_##op##16_m },                                  \
		   { op_##op##32_r, op_##op##32_m }, { op_##op##64_r, op_##op##64_m } }
static const insn_fn cmpxchg_fns[4][2] = XROW(cmpxchg);
static const insn_fn xadd_fns[4][2] = XROW(xadd);

static bool emit_xfam(struct xlat *x, const struct xi *dec, const insn_fn f[4][2])
{
	u32 size = dec->row->op[0][1] == 'b' ? 1 : dec->opsz;
	struct insn *r = emit(x, dec, f[size_log2(size)][dec->mem]);

	r->dst = xi_off(dec, dec->rm, size);
	r->src = xi_off(dec, dec->reg, size);
	return true;
}

bool x86_emit_cmpxchg(struct xlat *x, const struct xi *dec)
{
	return emit_xfam(x, dec, cmpxchg_fns);
}

bool x86_emit_xadd(struct xlat *x, const struct xi *dec)
{
	return emit_xfam(x, dec, xadd_fns);
}

static void set_zf(struct x86 *c, bool zf)
{
	flags_set_all(c, (flags_eval(c) & ~(u32)FL_ZF) | (zf ? FL_ZF : 0));
}

static HANDLER(op_cmpxchg8b)
{
	u64 ea = EA(c, i);
	u64 want = c->r[RDX] << 32 | (u32)c->r[RAX];
	u64 old;

	if (!slow_load_rmw(c, ea, 8))
		return raise_fault(c, i);
	old = c->tmp[0];
	if (!slow_store(c, ea, 8, old == want ? c->r[RCX] << 32 | (u32)c->r[RBX] : old))
		return raise_fault(c, i);
	if (old != want) {
		c->r[RAX] = (u32)old;
		c->r[RDX] = old >> 32;
	}
	set_zf(c, old == want);
	NEXT;
}

/* -1: fault noted; else whether the values were equal. */
static NOINLINE int cmpxchg16b(struct x86 *c, u64 ea)
{
	u64 v[2];
	bool same;

	if (!slow_load_rmw(c, ea, 16))
		return -1;
	v[0] = c->tmp[0];
	v[1] = c->tmp[1];
	same = v[0] == c->r[RAX] && v[1] == c->r[RDX];
	if (same) {
		u64 n[2] = { c->r[RBX], c->r[RCX] };

		return slow_store_vec(c, ea, n, 2) ? 1 : -1;
	}
	if (!slow_store_vec(c, ea, v, 2))
		return -1;
	c->r[RAX] = v[0];
	c->r[RDX] = v[1];
	return 0;
}

static HANDLER(op_cmpxchg16b)
{
	u64 ea = EA(c, i);
	int same;

	if (ea & 15)
		RAISE(X86_GP, 0);
	same = cmpxchg16b(c, ea);
	if (same < 0)
		return raise_fault(c, i);
	set_zf(c, same);
	NEXT;
}

bool x86_emit_cmpxchg8b(struct xlat *x, const struct xi *dec)
{
	if (!(x->c->features & BIT(dec->opsz == 8 ? F_CX16 : F_CX8)))
		return emit_ud(x, dec);
	emit(x, dec, dec->opsz == 8 ? op_cmpxchg16b : op_cmpxchg8b);
	return true;
}
