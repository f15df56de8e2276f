/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MMX, and what SSE, SSE2 and SSSE3 added on MMX registers; what goes between those and XMM registers is in mmx_xmm.c.
 * SDM 1 chapter 9, 10.4.4, 10.6.3, 12.6; SDM 2.
 * An MMX register is the significand of a physical x87 register; each use makes TOP 0 and all tags valid (SDM 1 9.5.1).
 */
#include "cpu/x86/mmx.h"

struct insn *mmx_emit(struct xlat *x, const struct xi *dec, insn_fn fn)
{
	if (x->key & (KEY_EM | KEY_TS)) {
		emit_trap(x, dec, x->key & KEY_EM ? X86_UD : X86_NM, 0);
		return NULL;
	}
	struct insn *r = emit(x, dec, fn);
	r->dst = dec->reg3;
	r->src = dec->modrm & 7;
	r->aux = (u8)dec->imm;
	return r;
}
#define MMX_ROW(name, choice)                                                                                        \
	bool x86_emit_mmx_##name(struct xlat *x, const struct xi *dec)                                               \
	{                                                                                                            \
		mmx_emit(x, dec, choice);                                                                            \
		return true;                                                                                         \
	}

/* ---- mm, mm/m64 ---------------------------------------------------------------------------------------------- */

/* A function of the two operands, a the destination. bits: of the memory operand. */
#define MMX_FORMS(name, bits, ...)                                                                                   \
	INLINE u64 do_##name(u64 a, u64 b, u8 imm)                                                                   \
	{                                                                                                            \
		__VA_ARGS__                                                                                           \
	}                                                                                                            \
	static HANDLER(op_##name##_rr)                                                                               \
	{                                                                                                            \
		X87_WAIT;                                                                                            \
		mmx_enter(c);                                                                                        \
		mmx_set(c, i->dst, do_##name(MM(i->dst), MM(i->src), i->aux));                                        \
		NEXT;                                                                                                \
	}                                                                                                            \
	static HANDLER(op_##name##_rm)                                                                               \
	{                                                                                                            \
		u##bits v;                                                                                           \
		X87_WAIT;                                                                                            \
		LOAD##bits(v, EA(c, i));                                                                             \
		mmx_enter(c);                                                                                        \
		mmx_set(c, i->dst, do_##name(MM(i->dst), v, i->aux));                                                \
		NEXT;                                                                                                \
	}
#define MMX_OP_N(name, bits, ...)                                                                                    \
	MMX_FORMS(name, bits, __VA_ARGS__)                                                                           \
	MMX_ROW(name, dec->mem ? op_##name##_rm : op_##name##_rr)
#define MMX_OP(name, ...) MMX_OP_N(name, 64, __VA_ARGS__)
/* The same for each element: x and y of type T (bits wide), k its number. */
#define MMX_EACH(name, T, bits, expr)                                                                                \
	MMX_OP(name, u64 r = 0; for (unsigned k = 0; k < 64 / bits; k++) {                                           \
		T x = (T)(a >> k * bits), y = (T)(b >> k * bits);                                                    \
		(void)x, (void)y, (void)imm;                                                                         \
		r |= (u64)(u##bits)(expr) << k * bits;                                                               \
	} return r;)

INLINE u8 sat_u8(i32 v)
{
	return v < 0 ? 0 : v > 255 ? 255 : (u8)v;
}
INLINE u16 sat_u16(i32 v)
{
	return v < 0 ? 0 : v > 65535 ? 65535 : (u16)v;
}
INLINE i8 sat_i8(i32 v)
{
	return v < -128 ? -128 : v > 127 ? 127 : (i8)v;
}
INLINE i16 sat_i16(i32 v)
{
	return v < -32768 ? -32768 : v > 32767 ? 32767 : (i16)v;
}
INLINE u16 word(u64 v, unsigned k)
{
	return (u16)(v >> 16 * k);
}
INLINE u8 byte(u64 v, unsigned k)
{
	return (u8)(v >> 8 * k);
}

MMX_EACH(paddb, u8, 8, x + y)
MMX_EACH(paddw, u16, 16, x + y)
MMX_EACH(paddd, u32, 32, x + y)
MMX_OP(paddq, return a + b;)
MMX_EACH(psubb, u8, 8, x - y)
MMX_EACH(psubw, u16, 16, x - y)
MMX_EACH(psubd, u32, 32, x - y)
MMX_OP(psubq, return a - b;)
MMX_EACH(paddsb, i8, 8, sat_i8(x + y))
MMX_EACH(paddsw, i16, 16, sat_i16(x + y))
MMX_EACH(paddusb, u8, 8, sat_u8(x + y))
MMX_EACH(paddusw, u16, 16, sat_u16(x + y))
MMX_EACH(psubsb, i8, 8, sat_i8(x - y))
MMX_EACH(psubsw, i16, 16, sat_i16(x - y))
MMX_EACH(psubusb, u8, 8, sat_u8(x - y))
MMX_EACH(psubusw, u16, 16, sat_u16(x - y))
MMX_EACH(pmullw, i16, 16, x * y)
MMX_EACH(pmulhw, i16, 16, x * y >> 16)
MMX_EACH(pmulhuw, u16, 16, (u32)x * y >> 16)
MMX_OP(pmuludq, return (u64)(u32)a * (u32)b;)
MMX_OP(pmaddwd, u64 r = 0; for (unsigned k = 0; k < 4; k += 2) {
	u32 s = (u32)((i16)word(a, k) * (i16)word(b, k)) + (u32)((i16)word(a, k + 1) * (i16)word(b, k + 1));
	r |= (u64)s << 16 * k;
} return r;)
MMX_OP(psadbw, u64 s = 0; for (unsigned k = 0; k < 8; k++) {
	u8 x = byte(a, k), y = byte(b, k);
	s += x > y ? (u64)(x - y) : (u64)(y - x);
} return s;)
MMX_EACH(pavgb, u8, 8, (x + y + 1) >> 1)
MMX_EACH(pavgw, u16, 16, (x + y + 1) >> 1)
MMX_EACH(pminub, u8, 8, x < y ? x : y)
MMX_EACH(pmaxub, u8, 8, x > y ? x : y)
MMX_EACH(pminsw, i16, 16, x < y ? x : y)
MMX_EACH(pmaxsw, i16, 16, x > y ? x : y)
MMX_EACH(pcmpeqb, u8, 8, x == y ? -1 : 0)
MMX_EACH(pcmpeqw, u16, 16, x == y ? -1 : 0)
MMX_EACH(pcmpeqd, u32, 32, x == y ? -1 : 0)
MMX_EACH(pcmpgtb, i8, 8, x > y ? -1 : 0)
MMX_EACH(pcmpgtw, i16, 16, x > y ? -1 : 0)
MMX_EACH(pcmpgtd, i32, 32, x > y ? -1 : 0)
MMX_OP(pand, return a & b;)
MMX_OP(pandn, return ~a & b;)
MMX_OP(por, return a | b;)
MMX_OP(pxor, return a ^ b;)

/* Packs: four from a, then four from b. */
MMX_OP(packsswb, u64 r = 0; for (unsigned k = 0; k < 8; k++)
	r |= (u64)(u8)sat_i8((i16)word(k < 4 ? a : b, k & 3)) << 8 * k;
	return r;)
MMX_OP(packuswb, u64 r = 0; for (unsigned k = 0; k < 8; k++)
	r |= (u64)sat_u8((i16)word(k < 4 ? a : b, k & 3)) << 8 * k;
	return r;)
MMX_OP(packssdw, u64 r = 0; for (unsigned k = 0; k < 4; k++)
	r |= (u64)(u16)sat_i16((i32)((k < 2 ? a : b) >> 32 * (k & 1))) << 16 * k;
	return r;)

/* Interleaving; the low forms read 32 bits of memory. */
INLINE u64 interleave(u64 a, u64 b, unsigned bits)
{
	u64 r = 0, mask = (1ull << bits) - 1;

	for (unsigned k = 0; k < 32 / bits; k++)
		r |= (a >> k * bits & mask) << 2 * k * bits | (b >> k * bits & mask) << (2 * k + 1) * bits;
	return r;
}
MMX_OP_N(punpcklbw, 32, return interleave(a, b, 8);)
MMX_OP_N(punpcklwd, 32, return interleave(a, b, 16);)
MMX_OP_N(punpckldq, 32, return interleave(a, b, 32);)
MMX_OP(punpckhbw, return interleave(a >> 32, b >> 32, 8);)
MMX_OP(punpckhwd, return interleave(a >> 32, b >> 32, 16);)
MMX_OP(punpckhdq, return interleave(a >> 32, b >> 32, 32);)

/* ---- shifts: the count is all 64 bits of the source, or an immediate -------------------------------------------- */

#define MMX_SHIFT(name, T, bits, left, expr)                                                                         \
	INLINE u64 shift_##name(u64 a, u64 count)                                                                    \
	{                                                                                                            \
		u64 r = 0;                                                                                           \
		unsigned n = count > bits - 1 ? bits - 1 : (unsigned)count;                                          \
		if (count > bits - 1 && (left || (T)-1 > 0))                                                         \
			return 0;                                                                                    \
		for (unsigned k = 0; k < 64 / bits; k++) {                                                           \
			T x = (T)(a >> k * bits);                                                                    \
			r |= (u64)(u##bits)(expr) << k * bits;                                                       \
		}                                                                                                    \
		return r;                                                                                            \
	}                                                                                                            \
	MMX_FORMS(name##_by, 64, return shift_##name(a, b);)                                               \
	static HANDLER(op_##name##_imm)                                                                              \
	{                                                                                                            \
		X87_WAIT;                                                                                            \
		mmx_enter(c);                                                                                        \
		mmx_set(c, i->src, shift_##name(MM(i->src), i->aux));                                                \
		NEXT;                                                                                                \
	}                                                                                                            \
	MMX_ROW(name, (dec->opcode & 0xf0) == 0x70 ? op_##name##_imm : dec->mem ? op_##name##_by_rm : op_##name##_by_rr)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wtype-limits"
MMX_SHIFT(psllw, u16, 16, true, x << n)
MMX_SHIFT(pslld, u32, 32, true, x << n)
MMX_SHIFT(psllq, u64, 64, true, x << n)
MMX_SHIFT(psrlw, u16, 16, false, x >> n)
MMX_SHIFT(psrld, u32, 32, false, x >> n)
MMX_SHIFT(psrlq, u64, 64, false, x >> n)
MMX_SHIFT(psraw, i16, 16, false, x >> n)
MMX_SHIFT(psrad, i32, 32, false, x >> n)
#pragma GCC diagnostic pop

/* ---- shuffles and SSSE3 --------------------------------------------------------------------------------------- */

MMX_OP(pshufw, u64 r = 0; for (unsigned k = 0; k < 4; k++)
	r |= (u64)word(b, imm >> 2 * k & 3) << 16 * k;
	return r;)
MMX_OP(pshufb, u64 r = 0; for (unsigned k = 0; k < 8; k++)
	r |= byte(b, k) & 0x80 ? 0 : (u64)byte(a, byte(b, k) & 7) << 8 * k;
	return r;)
/* Neighbours of a, then of b. */
#define MMX_PAIRS(name, T, bits, expr)                                                                               \
	MMX_OP(name, u64 r = 0; for (unsigned k = 0; k < 64 / bits; k++) {                                           \
		u64 from = k < 32 / bits ? a : b;                                                                    \
		unsigned n = (2 * k) % (64 / bits);                                                                  \
		T x = (T)(from >> n * bits), y = (T)(from >> (n + 1) * bits);                                        \
		r |= (u64)(u##bits)(expr) << k * bits;                                                               \
	} return r;)
MMX_PAIRS(phaddw, u16, 16, x + y)
MMX_PAIRS(phaddd, u32, 32, x + y)
MMX_PAIRS(phaddsw, i16, 16, sat_i16(x + y))
MMX_PAIRS(phsubw, u16, 16, x - y)
MMX_PAIRS(phsubd, u32, 32, x - y)
MMX_PAIRS(phsubsw, i16, 16, sat_i16(x - y))
MMX_OP(pmaddubsw, u64 r = 0; for (unsigned k = 0; k < 4; k++) {
	i32 s = byte(a, 2 * k) * (i8)byte(b, 2 * k) + byte(a, 2 * k + 1) * (i8)byte(b, 2 * k + 1);
	r |= (u64)(u16)sat_i16(s) << 16 * k;
} return r;)
MMX_EACH(psignb, i8, 8, y < 0 ? -x : y ? x : 0)
MMX_EACH(psignw, i16, 16, y < 0 ? -x : y ? x : 0)
MMX_EACH(psignd, i32, 32, y < 0 ? 0u - (u32)x : y ? (u32)x : 0u)
MMX_EACH(pmulhrsw, i16, 16, ((x * y >> 14) + 1) >> 1)
MMX_EACH(pabsb, i8, 8, y < 0 ? -y : y)
MMX_EACH(pabsw, i16, 16, y < 0 ? -y : y)
MMX_EACH(pabsd, i32, 32, y < 0 ? 0u - (u32)y : (u32)y)
MMX_OP(palignr, return imm >= 16 ? 0 : imm >= 8 ? a >> 8 * (imm - 8) : !imm ? b : a << (64 - 8 * imm) | b >> 8 * imm;)

/* ---- moves ---------------------------------------------------------------------------------------------------- */

MMX_FORMS(movq_load, 64, return b;)

static HANDLER(op_movq_store_rr)
{
	X87_WAIT;
	mmx_enter(c);
	mmx_set(c, i->src, MM(i->dst));
	NEXT;
}

/* A store that faults has put TOP at 0 all the same, and left the tags, on Intel's. */
static HANDLER(op_movq_store)
{
	X87_WAIT;
	c->s.fpu.top = 0;
	STORE64(EA(c, i), MM(i->dst));
	mmx_enter(c);
	NEXT;
}
MMX_ROW(movq, dec->opcode == 0x6f ? (dec->mem ? op_movq_load_rm : op_movq_load_rr)
				 : (dec->mem ? op_movq_store : op_movq_store_rr))
MMX_ROW(movntq, op_movq_store)

/* MOVD and MOVQ with a general register, or 32 bits of memory. src: the offset of the register. */
static HANDLER(op_movd_from32)
{
	X87_WAIT;
	mmx_enter(c);
	mmx_set(c, i->dst, G32(c, i->src));
	NEXT;
}

static HANDLER(op_movd_from64)
{
	X87_WAIT;
	mmx_enter(c);
	mmx_set(c, i->dst, G64(c, i->src));
	NEXT;
}

static HANDLER(op_movd_from_mem)
{
	u32 v;

	X87_WAIT;
	LOAD32(v, EA(c, i));
	mmx_enter(c);
	mmx_set(c, i->dst, v);
	NEXT;
}

static HANDLER(op_movd_to32)
{
	X87_WAIT;
	mmx_enter(c);
	SET32(c, i->src, MM(i->dst));
	NEXT;
}

static HANDLER(op_movd_to64)
{
	X87_WAIT;
	mmx_enter(c);
	SET64(c, i->src, MM(i->dst));
	NEXT;
}

static HANDLER(op_movd_to_mem)
{
	X87_WAIT;
	c->s.fpu.top = 0;
	STORE32(EA(c, i), MM(i->dst));
	mmx_enter(c);
	NEXT;
}

bool x86_emit_mmx_movd(struct xlat *x, const struct xi *dec)
{
	bool to = dec->opcode == 0x7e, wide = dec->opsz == 8;
	insn_fn fn;
	struct insn *r;

	if (dec->mem)
		fn = to ? (wide ? op_movq_store : op_movd_to_mem) : (wide ? op_movq_load_rm : op_movd_from_mem);
	else
		fn = to ? (wide ? op_movd_to64 : op_movd_to32) : (wide ? op_movd_from64 : op_movd_from32);
	r = mmx_emit(x, dec, fn);
	if (r && !dec->mem)
		r->src = wide ? OFF64(dec->rm) : OFF32(dec->rm);
	return true;
}

static HANDLER(op_pinsrw_reg)
{
	unsigned at = (i->aux & 3) * 16;
	X87_WAIT;
	mmx_enter(c);
	mmx_set(c, i->dst, (MM(i->dst) & ~(0xffffull << at)) | (u64)G16(c, i->src) << at);
	NEXT;
}

static HANDLER(op_pinsrw_mem)
{
	unsigned at = (i->aux & 3) * 16;
	u16 v;

	X87_WAIT;
	LOAD16(v, EA(c, i));
	mmx_enter(c);
	mmx_set(c, i->dst, (MM(i->dst) & ~(0xffffull << at)) | (u64)v << at);
	NEXT;
}

bool x86_emit_mmx_pinsrw(struct xlat *x, const struct xi *dec)
{
	struct insn *r = mmx_emit(x, dec, dec->mem ? op_pinsrw_mem : op_pinsrw_reg);

	if (r && !dec->mem)
		r->src = OFF16(dec->rm);
	return true;
}

/* dst: the offset of the general register. */
static HANDLER(op_pextrw)
{
	X87_WAIT;
	mmx_enter(c);
	SET32(c, i->dst, word(MM(i->src), i->aux & 3));
	NEXT;
}

static HANDLER(op_pmovmskb)
{
	X87_WAIT;
	mmx_enter(c);
	SET32(c, i->dst, (MM(i->src) >> 7 & 0x0101010101010101ull) * 0x0102040810204080ull >> 56);
	NEXT;
}

static bool emit_to_reg(struct xlat *x, const struct xi *dec, insn_fn fn)
{
	struct insn *r = mmx_emit(x, dec, fn);

	if (r)
		r->dst = OFF32(dec->reg);
	return true;
}

bool x86_emit_mmx_pextrw(struct xlat *x, const struct xi *dec)
{
	return emit_to_reg(x, dec, op_pextrw);
}

bool x86_emit_mmx_pmovmskb(struct xlat *x, const struct xi *dec)
{
	return emit_to_reg(x, dec, op_pmovmskb);
}

/* MASKMOVQ: the bytes the mask selects, to DS:rDI. All are checked before the first is written. */
static HANDLER(op_maskmovq)
{
	u64 ea = EA(c, i), v = MM(i->dst), mask = MM(i->src) & 0x8080808080808080ull;
	u64 m;

	X87_WAIT;
	if (!aligned(c, ea, 8))
		return raise_fault(c, i);
	for (m = mask; m; m &= m - 1)
		if (!slow_probe(c, ea + ((u32)__builtin_ctzll(m) >> 3), 1, true))
			return raise_fault(c, i);
	for (m = mask; m; m &= m - 1) {
		u32 k = (u32)__builtin_ctzll(m) >> 3;
		STORE8(ea + k, v >> 8 * k);
	}
	mmx_enter(c);
	NEXT;
}

bool x86_emit_mmx_maskmovq(struct xlat *x, const struct xi *dec)
{
	struct insn *r = mmx_emit(x, dec, op_maskmovq);

	if (!r)
		return true;
	r->base = RDI;
	r->index = REG_ZERO;
	r->scale = 0;
	r->disp = 0;
	r->asz = dec->adsz == 8 ? REG_M64 : dec->adsz == 4 ? REG_M32 : REG_M16;
	if (dec->segovr == REG_FS || dec->segovr == REG_GS || (dec->mode != 8 && dec->segovr != REG_ZERO))
		r->seg = dec->segovr;
	else
		r->seg = dec->mode == 8 ? REG_ZERO : REG_DS;
	return true;
}

static HANDLER(op_emms)
{
	X87_WAIT;
	c->s.fpu.top = 0;
	c->s.fpu.tag = 0;
	NEXT;
}
MMX_ROW(emms, op_emms)
