/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SSE4.2: PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM (SDM 2B 4.1) and CRC32 (SDM 2A).
 */
#include "cpu/x86/sse.h"

/* ---- string comparison ------------------------------------------------------------------------------------------ */

enum { AGG_ANY, AGG_RANGES, AGG_EACH, AGG_ORDERED };

/* A bit for each element of v that equals x. */
INLINE u32 equal_mask(const union x86_vec *v, u32 x, bool words)
{
	u32 m = 0;

	if (words)
		EACH(8)
			m |= (u32)(VW(v, k) == x) << k;
	else
		EACH(16)
			m |= (u32)(VB(v, k) == x) << k;
	return m;
}

/* An element, extended as imm8 bit 1 says. */
INLINE i32 element(const union x86_vec *v, u32 k, u8 imm)
{
	if (imm & 1)
		return imm & 2 ? (i16)VW(v, k) : VW(v, k);
	return imm & 2 ? (i8)VB(v, k) : VB(v, k);
}

/* Length of a string that ends with a zero element or with the register. */
INLINE u32 implicit_length(const union x86_vec *v, bool words)
{
	return (u32)__builtin_ctz(equal_mask(v, 0, words) | (words ? 1u << 8 : 1u << 16));
}

/* Length from a register: its magnitude, at most n. */
INLINE u32 explicit_length(u64 v, bool wide, u32 n)
{
	i64 len = wide ? (i64)v : (i32)(u32)v;
	u64 size = len < 0 ? 0 - (u64)len : (u64)len;

	return size > n ? n : (u32)size;
}

/* IntRes2 of a (la elements are valid) and b (lb), SDM 2B 4.1.2-4.1.5. */
static NOINLINE u32 compare_strings(const union x86_vec *a, u32 la, const union x86_vec *b, u32 lb, u8 imm)
{
	bool words = imm & 1;
	u32 n = words ? 8 : 16, all = (1u << n) - 1;
	u32 valid_a = (1u << la) - 1, valid_b = (1u << lb) - 1, r = 0, j, k;

	switch (imm >> 2 & 3) {
	case AGG_ANY:
		for (j = 0; j < la; j++)
			r |= equal_mask(b, words ? VW(a, j) : VB(a, j), words);
		r &= valid_b;
		break;
	case AGG_RANGES:
		for (j = 0; j + 1 < la; j += 2)
			for (k = 0; k < lb; k++)
				if (element(b, k, imm) >= element(a, j, imm) &&
				    element(b, k, imm) <= element(a, j + 1, imm))
					r |= 1u << k;
		break;
	case AGG_EACH:
		for (j = 0; j < n; j++)
			r |= (u32)(element(a, j, imm) == element(b, j, imm)) << j;
		r = (r & valid_a & valid_b) | (all & ~valid_a & ~valid_b);
		break;
	case AGG_ORDERED:
		/* Beyond the register's end nothing contradicts; beyond the string's end everything does. */
		r = all;
		for (j = 0; j < la; j++) {
			u32 m = (equal_mask(b, words ? VW(a, j) : VB(a, j), words) & valid_b) | ~all;
			r &= (u32)((u64)m >> j) | ~(all >> j);
		}
		r &= all;
		break;
	}
	if ((imm >> 4 & 3) == 1)
		r ^= all;
	else if ((imm >> 4 & 3) == 3)
		r ^= valid_b;
	return r;
}

/* Compares, sets the flags and the result register. */
INLINE void string_op(struct x86 *c, const union x86_vec *a, const union x86_vec *b, u8 imm, bool exp, bool wide, bool index)
{
	u32 n = imm & 1 ? 8 : 16;
	u32 la = exp ? explicit_length(c->r[RAX], wide, n) : implicit_length(a, imm & 1);
	u32 lb = exp ? explicit_length(c->r[RDX], wide, n) : implicit_length(b, imm & 1);
	u32 r = compare_strings(a, la, b, lb, imm);

	flags_set_all(c, (r ? FL_CF : 0) | (lb < n ? FL_ZF : 0) | (la < n ? FL_SF : 0) | (r & 1 ? FL_OF : 0));
	if (index) {
		u32 at = !r ? n : imm & 0x40 ? 31 - (u32)__builtin_clz(r) : (u32)__builtin_ctz(r);
		c->r[RCX] = at;
		return;
	}
	c->s.vec[0].q[0] = imm & 0x40 ? 0 : r;
	c->s.vec[0].q[1] = 0;
	if (!(imm & 0x40))
		return;
	if (imm & 1)
		EACH(8)
			VW(&c->s.vec[0], k) = r >> k & 1 ? 0xffff : 0;
	else
		EACH(16)
			VB(&c->s.vec[0], k) = r >> k & 1 ? 0xff : 0;
}

/* The memory operand may be unaligned. */
#define STRING_OP(name, exp, wide, index)                                                                            \
	static NOINLINE void run_##name(struct x86 *c, const struct insn *i)                                         \
	{                                                                                                            \
		string_op(c, DST, TMP, i->aux, exp, wide, index);                                                    \
	}                                                                                                            \
	static HANDLER(op_##name##_rr)                                                                               \
	{                                                                                                            \
		TMP->q[0] = SRC->q[0];                                                                               \
		TMP->q[1] = SRC->q[1];                                                                               \
		run_##name(c, i);                                                                                    \
		NEXT;                                                                                                \
	}                                                                                                            \
	static HANDLER(op_##name##_rm)                                                                               \
	{                                                                                                            \
		LOAD128(*TMP, EA(c, i));                                                                             \
		run_##name(c, i);                                                                                    \
		NEXT;                                                                                                \
	}
STRING_OP(pcmpistri, false, false, true)
STRING_OP(pcmpistrm, false, false, false)
STRING_OP(pcmpestri, true, false, true)
STRING_OP(pcmpestrm, true, false, false)
STRING_OP(pcmpestri64, true, true, true)
STRING_OP(pcmpestrm64, true, true, false)
EMIT_FORMS(pcmpistri, op_pcmpistri_rr, op_pcmpistri_rm, op_pcmpistri_rm)
EMIT_FORMS(pcmpistrm, op_pcmpistrm_rr, op_pcmpistrm_rm, op_pcmpistrm_rm)
EMITTER(pcmpestri)
{
	return dec->rex & 8 ? sse_emit(x, dec, op_pcmpestri64_rr, op_pcmpestri64_rm, op_pcmpestri64_rm) :
			    sse_emit(x, dec, op_pcmpestri_rr, op_pcmpestri_rm, op_pcmpestri_rm);
}
EMITTER(pcmpestrm)
{
	return dec->rex & 8 ? sse_emit(x, dec, op_pcmpestrm64_rr, op_pcmpestrm64_rm, op_pcmpestrm64_rm) :
			    sse_emit(x, dec, op_pcmpestrm_rr, op_pcmpestrm_rm, op_pcmpestrm_rm);
}

/* ---- CRC32 ------------------------------------------------------------------------------------------------------ */

/* The polynomial 11EDC6F41h, reflected. The remainder of a byte is the sum of those of its bits. */
#define BIT_OF(n, b, r) ((n) >> (b) & 1 ? r : 0u)
#define CRC_1(n)                                                                                                     \
	(BIT_OF(n, 0, 0xf26b8303) ^ BIT_OF(n, 1, 0xe13b70f7) ^ BIT_OF(n, 2, 0xc79a971f) ^ BIT_OF(n, 3, 0x8ad958cf) ^             \
	 BIT_OF(n, 4, 0x105ec76f) ^ BIT_OF(n, 5, 0x20bd8ede) ^ BIT_OF(n, 6, 0x417b1dbc) ^ BIT_OF(n, 7, 0x82f63b78))
#define CRC_4(n) CRC_1(n), CRC_1((n) + 1), CRC_1((n) + 2), CRC_1((n) + 3)
#define CRC_16(n) CRC_4(n), CRC_4((n) + 4), CRC_4((n) + 8), CRC_4((n) + 12)
#define CRC_64(n) CRC_16(n), CRC_16((n) + 16), CRC_16((n) + 32), CRC_16((n) + 48)
static const u32 crc_byte[256] = { CRC_64(0), CRC_64(64), CRC_64(128), CRC_64(192) };

INLINE u32 crc32c(u32 crc, u64 v, u32 bytes)
{
	EACH(bytes)
		crc = crc >> 8 ^ crc_byte[(crc ^ v >> 8 * k) & 0xff];
	return crc;
}

#define CRC(bits)                                                                                                    \
	static HANDLER(op_crc32_##bits##_rr)                                                                         \
	{                                                                                                            \
		SET32(c, i->dst, crc32c((u32)G64(c, i->dst), G##bits(c, i->src), bits / 8));                         \
		NEXT;                                                                                                \
	}                                                                                                            \
	static HANDLER(op_crc32_##bits##_rm)                                                                         \
	{                                                                                                            \
		u##bits v;                                                                                           \
		LOAD##bits(v, EA(c, i));                                                                             \
		SET32(c, i->dst, crc32c((u32)G64(c, i->dst), v, bits / 8));                                          \
		NEXT;                                                                                                \
	}
CRC(8)
CRC(16)
CRC(32)
CRC(64)
EMITTER(crc32)
{
	static const insn_fn fns[4][2] = { { op_crc32_8_rr, op_crc32_8_rm },
					   { op_crc32_16_rr, op_crc32_16_rm },
					   { op_crc32_32_rr, op_crc32_32_rm },
					   { op_crc32_64_rr, op_crc32_64_rm } };
	u32 size = dec->opcode == 0xf0 ? 1 : dec->opsz;
	struct insn *r = emit(x, dec, fns[__builtin_ctz(size)][dec->mem]);

	r->dst = OFF64(dec->reg);
	if (!dec->mem)
		r->src = xi_off(dec, dec->rm, size);
	return true;
}
