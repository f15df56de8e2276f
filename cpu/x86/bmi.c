/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * BMI1, BMI2, LZCNT, TZCNT, MOVBE, ADX, RDPID, SERIALIZE. SDM 2. Flags that the manual leaves undefined are cleared.
 */
#include "cpu/x86/flags.h"
#include "cpu/x86/opcodes.h"
#include "cpu/x86/wide.h"
#include "cpu/x86/xlat.h"

#define EMITTER(name) bool x86_emit_##name(struct xlat *x, const struct xi *dec)

/* ---- VEX-encoded: of 32 or 64 bits -------------------------------------------------------------------------------- */

/*
 * In a record: dst is ModRM.reg, src ModRM.rm, aux VEX.vvvv, imm an immediate. A body has v, the operand of ModRM.rm, and
 * w, that of vvvv, and makes r for the register that to names.
 */
#define FORM(name, bits, to, body)                                                                                   \
	INLINE void do_##name##bits(struct x86 *c, const struct insn *i, u##bits v)                                  \
	{                                                                                                            \
		u##bits w UNUSED = G##bits(c, i->aux), r;                                                            \
		const u32 size UNUSED = bits;                                                                        \
		body SET##bits(c, i->to, r);                                                                         \
	}                                                                                                            \
	static HANDLER(op_##name##bits##_r)                                                                          \
	{                                                                                                            \
		do_##name##bits(c, i, G##bits(c, i->src));                                                           \
		NEXT;                                                                                                \
	}                                                                                                            \
	static HANDLER(op_##name##bits##_m)                                                                          \
	{                                                                                                            \
		u##bits v;                                                                                           \
		LOAD##bits(v, EA(c, i));                                                                             \
		do_##name##bits(c, i, v);                                                                            \
		NEXT;                                                                                                \
	}
#define VEX_GPR(name, to, ...)                                                                                       \
	FORM(name, 32, to, __VA_ARGS__)                                                                              \
	FORM(name, 64, to, __VA_ARGS__)                                                                              \
	EMITTER(name)                                                                                                \
	{                                                                                                            \
		static const insn_fn fns[2][2] = { { op_##name##32_r, op_##name##32_m },                             \
						   { op_##name##64_r, op_##name##64_m } };                           \
		return emit_gpr(x, dec, fns[dec->opsz == 8][dec->mem]);                                              \
	}

static bool emit_gpr(struct xlat *x, const struct xi *dec, insn_fn fn)
{
	struct insn *r = emit(x, dec, fn);

	r->dst = xi_off(dec, dec->reg, dec->opsz);
	r->src = xi_off(dec, dec->rm & 15, dec->opsz);
	r->aux = xi_off(dec, dec->vvvv, dec->opsz);
	return true;
}

#define ZF_SF (r ? 0 : FL_ZF) | (r >> (size - 1) ? FL_SF : 0)
VEX_GPR(andn, dst, { r = ~w & v; flags_set_all(c, ZF_SF); })
VEX_GPR(blsr, aux, { r = v & (v - 1); flags_set_all(c, ZF_SF | (v ? 0 : FL_CF)); })
VEX_GPR(blsmsk, aux, { r = v ^ (v - 1); flags_set_all(c, ZF_SF | (v ? 0 : FL_CF)); })
VEX_GPR(blsi, aux, { r = v & (0 - v); flags_set_all(c, ZF_SF | (v ? FL_CF : 0)); })
VEX_GPR(bextr, dst, {
	u32 start = w & 255;
	u32 n = w >> 8 & 255;
	r = start < size ? v >> start : 0;
	r = n < size ? r & (((u64)1 << n) - 1) : r;
	flags_set_all(c, r ? 0 : FL_ZF);
})
VEX_GPR(bzhi, dst, {
	u32 n = w & 255;
	r = n < size ? v & (((u64)1 << n) - 1) : v;
	flags_set_all(c, ZF_SF | (n < size ? 0 : FL_CF));
})
VEX_GPR(pdep, dst, {
	r = 0;
	for (; v; v &= v - 1) {
		r |= w & 1 ? v & (0 - v) : 0;
		w >>= 1;
	}
})
VEX_GPR(pext, dst, {
	u32 n = 0;
	r = 0;
	for (; v; v &= v - 1)
		r |= (w & v & (0 - v) ? (u64)1 : 0) << n++;
})
VEX_GPR(sarx, dst, { r = (u64)((i64)((u64)v << (64 - size)) >> (64 - size) >> (w & (size - 1))); })
VEX_GPR(shlx, dst, { r = v << (w & (size - 1)); })
VEX_GPR(shrx, dst, { r = v >> (w & (size - 1)); })
VEX_GPR(rorx, dst, { r = v >> (i->imm & (size - 1)) | v << (-i->imm & (size - 1)); })

/* MULX: the low half first, so that the high half wins where both are one register. */
INLINE u64 mulx(struct x86 *c, const struct insn *i, u64 v)
{
	u64 lo, hi;

	mul_64(c->r[RDX], v, &lo, &hi);
	SET64(c, i->aux, lo);
	return hi;
}
#define MULX_64 r = mulx(c, i, v);
#define MULX_32                                                                                                      \
	{                                                                                                            \
		u64 p = (u64)(u32)c->r[RDX] * v;                                                                     \
		SET32(c, i->aux, p);                                                                                 \
		r = (u32)(p >> 32);                                                                                  \
	}
FORM(mulx, 32, dst, MULX_32)
FORM(mulx, 64, dst, MULX_64)
EMITTER(mulx)
{
	static const insn_fn fns[2][2] = { { op_mulx32_r, op_mulx32_m }, { op_mulx64_r, op_mulx64_m } };

	return emit_gpr(x, dec, fns[dec->opsz == 8][dec->mem]);
}

/* ---- counts --------------------------------------------------------------------------------------------------------- */

/* Of 16, 32 or 64 bits: expr from v, which is not 0. */
#define COUNT_FORM(name, bits, expr)                                                                                 \
	INLINE void do_##name##bits(struct x86 *c, const struct insn *i, u##bits v)                                  \
	{                                                                                                            \
		u32 n = v ? (u32)(expr) : bits;                                                                      \
		SET##bits(c, i->dst, n);                                                                             \
		flags_set_all(c, (v ? 0 : FL_CF) | (n ? 0 : FL_ZF));                                                 \
	}                                                                                                            \
	static HANDLER(op_##name##bits##_r)                                                                          \
	{                                                                                                            \
		do_##name##bits(c, i, G##bits(c, i->src));                                                           \
		NEXT;                                                                                                \
	}                                                                                                            \
	static HANDLER(op_##name##bits##_m)                                                                          \
	{                                                                                                            \
		u##bits v;                                                                                           \
		LOAD##bits(v, EA(c, i));                                                                             \
		do_##name##bits(c, i, v);                                                                            \
		NEXT;                                                                                                \
	}
COUNT_FORM(tzcnt, 16, __builtin_ctz(v))
COUNT_FORM(tzcnt, 32, __builtin_ctz(v))
COUNT_FORM(tzcnt, 64, __builtin_ctzll(v))
COUNT_FORM(lzcnt, 16, __builtin_clz(v) - 16)
COUNT_FORM(lzcnt, 32, __builtin_clz(v))
COUNT_FORM(lzcnt, 64, __builtin_clzll(v))
#define COUNT(name, feature, older)                                                                                  \
	EMITTER(name)                                                                                                \
	{                                                                                                            \
		static const insn_fn fns[3][2] = { { op_##name##16_r, op_##name##16_m },                             \
						   { op_##name##32_r, op_##name##32_m },                             \
						   { op_##name##64_r, op_##name##64_m } };                           \
		struct insn *r;                                                                                      \
		if (!(x->c->features & BIT(feature)))                                                                \
			return x86_emit_##older(x, dec);                                                             \
		r = emit(x, dec, fns[dec->opsz == 2 ? 0 : dec->opsz / 4][dec->mem]);                                 \
		r->dst = xi_off(dec, dec->reg, dec->opsz);                                                           \
		r->src = xi_off(dec, dec->rm & 15, dec->opsz);                                                       \
		return true;                                                                                         \
	}
COUNT(tzcnt, F_BMI1, bsf)
COUNT(lzcnt, F_LZCNT, bsr)

/* ---- MOVBE ------------------------------------------------------------------------------------------------------------ */

#define MOVBE(bits)                                                                                                  \
	static HANDLER(op_movbe##bits##_load)                                                                        \
	{                                                                                                            \
		u##bits v;                                                                                           \
		LOAD##bits(v, EA(c, i));                                                                             \
		SET##bits(c, i->dst, __builtin_bswap##bits(v));                                                      \
		NEXT;                                                                                                \
	}                                                                                                            \
	static HANDLER(op_movbe##bits##_store)                                                                       \
	{                                                                                                            \
		STORE##bits(EA(c, i), __builtin_bswap##bits(G##bits(c, i->dst)));                                    \
		NEXT;                                                                                                \
	}
MOVBE(16)
MOVBE(32)
MOVBE(64)
EMITTER(movbe)
{
	static const insn_fn fns[3][2] = { { op_movbe16_load, op_movbe16_store },
					   { op_movbe32_load, op_movbe32_store },
					   { op_movbe64_load, op_movbe64_store } };
	struct insn *r = emit(x, dec, fns[dec->opsz == 2 ? 0 : dec->opsz / 4][dec->opcode & 1]);

	r->dst = xi_off(dec, dec->reg, dec->opsz);
	return true;
}

/* ---- ADCX, ADOX: one flag in and out, the others stay ------------------------------------------------------------------ */

#define ADD_FLAG(name, bits, flag)                                                                                   \
	INLINE void do_##name##bits(struct x86 *c, const struct insn *i, u##bits v)                                  \
	{                                                                                                            \
		u32 fl = flags_eval(c);                                                                              \
		u##bits a = G##bits(c, i->dst), r = a + v, carry = fl & flag ? 1 : 0;                                \
		bool out = r < a;                                                                                    \
		r += carry;                                                                                          \
		out |= r < carry;                                                                                    \
		SET##bits(c, i->dst, r);                                                                             \
		flags_set_all(c, (fl & ~(u32)flag) | (out ? flag : 0));                                              \
	}                                                                                                            \
	static HANDLER(op_##name##bits##_r)                                                                          \
	{                                                                                                            \
		do_##name##bits(c, i, G##bits(c, i->src));                                                           \
		NEXT;                                                                                                \
	}                                                                                                            \
	static HANDLER(op_##name##bits##_m)                                                                          \
	{                                                                                                            \
		u##bits v;                                                                                           \
		LOAD##bits(v, EA(c, i));                                                                             \
		do_##name##bits(c, i, v);                                                                            \
		NEXT;                                                                                                \
	}
#define ADX(name, flag)                                                                                              \
	ADD_FLAG(name, 32, flag)                                                                                     \
	ADD_FLAG(name, 64, flag)                                                                                     \
	EMITTER(name)                                                                                                \
	{                                                                                                            \
		static const insn_fn fns[2][2] = { { op_##name##32_r, op_##name##32_m },                             \
						   { op_##name##64_r, op_##name##64_m } };                           \
		bool wide = dec->rex & 8;                                                                            \
		struct insn *r = emit(x, dec, fns[wide][dec->mem]);                                                  \
		r->dst = wide ? OFF64(dec->reg) : OFF32(dec->reg);                                                   \
		r->src = wide ? OFF64(dec->rm & 15) : OFF32(dec->rm & 15);                                           \
		return true;                                                                                         \
	}
ADX(adcx, FL_CF)
ADX(adox, FL_OF)

/* ---- others ------------------------------------------------------------------------------------------------------------ */

static HANDLER(op_rdpid)
{
	SET64(c, i->dst, c->s.tsc_aux & i->imm);
	NEXT;
}
EMITTER(rdpid)
{
	struct insn *r = emit(x, dec, op_rdpid);

	r->dst = OFF64(dec->rm);
	r->imm = dec->mode == 8 ? ~0ull : 0xffffffff;
	return true;
}

/* Blocks are ended by it, so that what follows is decoded anew. */
static HANDLER(op_serialize)
{
	return leave_after(c, i, BX_LOOKUP);
}
EMITTER(serialize)
{
	emit(x, dec, op_serialize);
	x->end = true;
	return true;
}
