/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MUL IMUL DIV IDIV and the decimal adjustments (AAA AAS DAA DAS AAM AAD), SDM 2A and 2B.
 */
#include "cpu/x86/flags.h"
#include "cpu/x86/opcodes.h"
#include "cpu/x86/pair.h"
#include "cpu/x86/wide.h"

static void mul_flags(struct x86 *c, u32 l, u64 low, bool overflow)
{
	c->cc_op = CC_MUL + l;
	c->cc_dst = low;
	c->cc_src = overflow;
}

/* Two- and three-operand IMUL: dst = src * (imm or dst). aux: 1 when an immediate. */
#define GEN_IMUL(bits, l, wide)                                                                                      \
	static HANDLER(op_imul##bits##_r)                                                                            \
	{                                                                                                            \
		i##bits a = (i##bits)G##bits(c, i->src), b = i->aux ? (i##bits)i->imm : (i##bits)G##bits(c, i->dst);   \
		u##bits r;                                                                                           \
		bool of = wide(a, b, &r);                                                                            \
		mul_flags(c, l, r, of);                                                                              \
		SET##bits(c, i->dst, r);                                                                             \
		NEXT;                                                                                                \
	}                                                                                                            \
	static HANDLER(op_imul##bits##_r_nf)                                                                         \
	{                                                                                                            \
		u##bits b = i->aux ? (u##bits)i->imm : G##bits(c, i->dst);                                           \
		SET##bits(c, i->dst, (u##bits)((u64)G##bits(c, i->src) * b));                                        \
		NEXT;                                                                                                \
	}                                                                                                            \
	static HANDLER(op_imul##bits##_m)                                                                            \
	{                                                                                                            \
		u##bits v, r;                                                                                        \
		bool of;                                                                                             \
		LOAD_N(v, EA(c, i), bits);                                                                           \
		of = wide((i##bits)v, i->aux ? (i##bits)i->imm : (i##bits)G##bits(c, i->dst), &r);                   \
		mul_flags(c, l, r, of);                                                                              \
		SET##bits(c, i->dst, r);                                                                             \
		NEXT;                                                                                                \
	}

INLINE bool imul_16(i16 a, i16 b, u16 *r)
{
	i32 p = (i32)a * b;

	*r = (u16)p;
	return p != (i16)p;
}

INLINE bool imul_32(i32 a, i32 b, u32 *r)
{
	i64 p = (i64)a * b;

	*r = (u32)p;
	return p != (i32)p;
}

INLINE bool imul_64(i64 a, i64 b, u64 *r)
{
	i64 p;
	bool of = __builtin_mul_overflow(a, b, &p);

	*r = (u64)p;
	return of;
}
GEN_IMUL(16, 1, imul_16)
GEN_IMUL(32, 2, imul_32)
GEN_IMUL(64, 3, imul_64)

bool x86_emit_imul(struct xlat *x, const struct xi *dec)
{
	static const insn_fn f[3][2] = { { op_imul16_r, op_imul16_m }, { op_imul32_r, op_imul32_m },
					 { op_imul64_r, op_imul64_m } };
	static const insn_fn nf[3] = { op_imul16_r_nf, op_imul32_r_nf, op_imul64_r_nf };
	struct insn *r = emit(x, dec, f[size_log2(dec->opsz) - 1][dec->mem]);

	r->dst = xi_off(dec, dec->reg, dec->opsz);
	r->src = xi_off(dec, dec->rm, dec->opsz);
	r->aux = dec->row->op[2][0] == 'I';
	if (!dec->mem)
		xlat_flags(x, nf[size_log2(dec->opsz) - 1]);
	return true;
}

/* ---- one-operand forms: the accumulator pair -------------------------------------------------------------------- */

/* The operand, in tmp[0]. False: fault noted. */
static bool operand(struct x86 *c, const struct insn *i, u32 size)
{
	if (i->dst != 0xff) {
		c->tmp[0] = size == 1 ? G8(c, i->dst) : size == 2 ? G16(c, i->dst) : size == 4 ? G32(c, i->dst) : G64(c, i->dst);
		return true;
	}
	return slow_load(c, EA(c, i), size);
}

static HANDLER(op_mul)
{
	u32 size = i->aux;
	u64 v, lo, hi;

	if (!operand(c, i, size))
		return raise_fault(c, i);
	v = c->tmp[0];
	switch (size) {
	case 1:
		lo = (u64)G8(c, OFF8(RAX)) * v;
		SET16(c, OFF16(RAX), lo);
		mul_flags(c, 0, lo & 0xff, lo >> 8);
		break;
	case 2:
		lo = (u64)G16(c, OFF16(RAX)) * v;
		SET16(c, OFF16(RAX), lo);
		SET16(c, OFF16(RDX), lo >> 16);
		mul_flags(c, 1, lo & 0xffff, lo >> 16);
		break;
	case 4:
		lo = (u64)(u32)c->r[RAX] * v;
		c->r[RAX] = (u32)lo;
		c->r[RDX] = lo >> 32;
		mul_flags(c, 2, (u32)lo, lo >> 32);
		break;
	default:
		mul_64(c->r[RAX], v, &lo, &hi);
		c->r[RAX] = lo;
		c->r[RDX] = hi;
		mul_flags(c, 3, lo, hi);
		break;
	}
	NEXT;
}

static HANDLER(op_imul1)
{
	u32 size = i->aux;
	u64 v, lo, hi;
	i64 p;

	if (!operand(c, i, size))
		return raise_fault(c, i);
	v = c->tmp[0];
	switch (size) {
	case 1:
		p = (i64)(i8)G8(c, OFF8(RAX)) * (i8)v;
		SET16(c, OFF16(RAX), p);
		mul_flags(c, 0, (u8)p, p != (i8)p);
		break;
	case 2:
		p = (i64)(i16)G16(c, OFF16(RAX)) * (i16)v;
		SET16(c, OFF16(RAX), p);
		SET16(c, OFF16(RDX), p >> 16);
		mul_flags(c, 1, (u16)p, p != (i16)p);
		break;
	case 4:
		p = (i64)(i32)c->r[RAX] * (i32)v;
		c->r[RAX] = (u32)p;
		c->r[RDX] = (u32)(p >> 32);
		mul_flags(c, 2, (u32)p, p != (i32)p);
		break;
	default:
		imul_128((i64)c->r[RAX], (i64)v, &lo, &hi);
		c->r[RAX] = lo;
		c->r[RDX] = hi;
		mul_flags(c, 3, lo, hi != ((i64)lo < 0 ? ~0ULL : 0));
		break;
	}
	NEXT;
}

static HANDLER(op_div)
{
	u32 size = i->aux;
	u64 v, n, q, rem;

	if (!operand(c, i, size))
		return raise_fault(c, i);
	v = c->tmp[0];
	if (!v)
		RAISE(X86_DE, 0);
	switch (size) {
	case 1:
		n = G16(c, OFF16(RAX));
		if (n / v > 0xff)
			RAISE(X86_DE, 0);
		SET16(c, OFF16(RAX), n / v | n % v << 8);
		break;
	case 2:
		n = (u64)G16(c, OFF16(RDX)) << 16 | G16(c, OFF16(RAX));
		if (n / v > 0xffff)
			RAISE(X86_DE, 0);
		SET16(c, OFF16(RAX), n / v);
		SET16(c, OFF16(RDX), n % v);
		break;
	case 4:
		n = c->r[RDX] << 32 | (u32)c->r[RAX];
		if (n / v > 0xffffffff)
			RAISE(X86_DE, 0);
		c->r[RAX] = n / v;
		c->r[RDX] = n % v;
		break;
	default:
		if (!div_128(c->r[RDX], c->r[RAX], v, &q, &rem))
			RAISE(X86_DE, 0);
		c->r[RAX] = q;
		c->r[RDX] = rem;
		break;
	}
	NEXT;
}

static HANDLER(op_idiv)
{
	u32 size = i->aux;
	i64 v, n, q;
	u64 uq, rem;

	if (!operand(c, i, size))
		return raise_fault(c, i);
	switch (size) {
	case 1:
		v = (i8)c->tmp[0];
		n = (i16)G16(c, OFF16(RAX));
		q = v ? n / v : 0;
		if (!v || q != (i8)q)
			RAISE(X86_DE, 0);
		SET16(c, OFF16(RAX), (q & 0xff) | (n % v) * 256);
		break;
	case 2:
		v = (i16)c->tmp[0];
		n = (i32)((u32)G16(c, OFF16(RDX)) << 16 | G16(c, OFF16(RAX)));
		q = v ? n / v : 0;
		if (!v || q != (i16)q)
			RAISE(X86_DE, 0);
		SET16(c, OFF16(RAX), q);
		SET16(c, OFF16(RDX), n % v);
		break;
	case 4:
		v = (i32)c->tmp[0];
		n = (i64)(c->r[RDX] << 32 | (u32)c->r[RAX]);
		q = v && !(v == -1 && n == INT64_MIN) ? n / v : INT64_MIN;
		if (q != (i32)q)
			RAISE(X86_DE, 0);
		c->r[RAX] = (u32)q;
		c->r[RDX] = (u32)(n % v);
		break;
	default:
		if (!c->tmp[0] || !idiv_128(c->r[RDX], c->r[RAX], (i64)c->tmp[0], &uq, &rem))
			RAISE(X86_DE, 0);
		c->r[RAX] = uq;
		c->r[RDX] = rem;
		break;
	}
	NEXT;
}

static bool emit_acc(struct xlat *x, const struct xi *dec, insn_fn fn)
{
	u32 size = dec->row->op[0][1] == 'b' ? 1 : dec->opsz;
	struct insn *r = emit(x, dec, fn);

	r->aux = (u8)size;
	r->dst = dec->mem ? 0xff : xi_off(dec, dec->rm, size);
	return true;
}

bool x86_emit_mul(struct xlat *x, const struct xi *dec)
{
	return emit_acc(x, dec, op_mul);
}

bool x86_emit_imul1(struct xlat *x, const struct xi *dec)
{
	return emit_acc(x, dec, op_imul1);
}

bool x86_emit_div(struct xlat *x, const struct xi *dec)
{
	return emit_acc(x, dec, op_div);
}

bool x86_emit_idiv(struct xlat *x, const struct xi *dec)
{
	return emit_acc(x, dec, op_idiv);
}

/* ---- decimal ----------------------------------------------------------------------------------------------------- */

static u32 szp(u8 v)
{
	return (v ? 0 : FL_ZF) | (v & 0x80 ? FL_SF : 0) | (__builtin_parity(v) ? 0 : FL_PF);
}

/* DAA (aux 0) and DAS (1). */
static HANDLER(op_daa)
{
	u32 fl = flags_eval(c);
	u8 al = G8(c, OFF8(RAX)), old = al;
	bool cf = fl & FL_CF;
	u32 out = 0;

	if ((al & 15) > 9 || (fl & FL_AF)) {
		if (i->aux ? al < 6 : al > 0xf9)
			out |= FL_CF;
		al = (u8)(i->aux ? al - 6 : al + 6);
		out |= FL_AF | (cf ? FL_CF : 0);
	}
	if (old > 0x99 || cf) {
		al = (u8)(i->aux ? al - 0x60 : al + 0x60);
		out |= FL_CF;
	} else if (!i->aux) {
		out &= ~(u32)FL_CF;
	}
	SET8(c, OFF8(RAX), al);
	flags_set_all(c, out | szp(al));
	NEXT;
}

/* AAA (0) and AAS (1). */
static HANDLER(op_aaa)
{
	u32 fl = flags_eval(c);
	u16 ax = G16(c, OFF16(RAX));
	u32 out = 0;

	if ((ax & 15) > 9 || (fl & FL_AF)) {
		ax = (u16)(i->aux ? ax - 0x106 : ax + 0x106);
		out = FL_AF | FL_CF;
	}
	SET16(c, OFF16(RAX), ax & 0xff0f);
	flags_set_all(c, out | szp((u8)(ax & 15)));
	NEXT;
}

static HANDLER(op_aam)
{
	u8 base = (u8)i->imm;
	u8 al = G8(c, OFF8(RAX));

	if (!base)
		RAISE(X86_DE, 0);
	SET16(c, OFF16(RAX), al / base << 8 | al % base);
	flags_set_all(c, szp((u8)(al % base)));
	NEXT;
}

static HANDLER(op_aad)
{
	u16 ax = G16(c, OFF16(RAX));
	u8 al = (u8)((ax & 0xff) + (ax >> 8) * (u8)i->imm);

	SET16(c, OFF16(RAX), al);
	flags_set_all(c, szp(al));
	NEXT;
}

bool x86_emit_daa(struct xlat *x, const struct xi *dec)
{
	emit(x, dec, op_daa);
	return true;
}

bool x86_emit_das(struct xlat *x, const struct xi *dec)
{
	emit(x, dec, op_daa)->aux = 1;
	return true;
}

bool x86_emit_aaa(struct xlat *x, const struct xi *dec)
{
	emit(x, dec, op_aaa);
	return true;
}

bool x86_emit_aas(struct xlat *x, const struct xi *dec)
{
	emit(x, dec, op_aaa)->aux = 1;
	return true;
}

bool x86_emit_aam(struct xlat *x, const struct xi *dec)
{
	emit(x, dec, op_aam);
	return true;
}

bool x86_emit_aad(struct xlat *x, const struct xi *dec)
{
	emit(x, dec, op_aad);
	return true;
}

const struct pair_name *muldiv_pair_names(u32 *n)
{
	static const struct pair_name names[] = { JOINS(imul64_r_nf) };

	*n = ARRAY_SIZE(names);
	return names;
}
