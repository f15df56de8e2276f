/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The generic handlers of VEX-encoded vector instructions, VZEROUPPER and VZEROALL, and the forms that differ from legacy
 * SSE in nothing but that they clear the upper half of their destination. SDM 1 chapter 14.
 */
#include "cpu/x86/sse.h"

/* ---- operands --------------------------------------------------------------------------------------------------- */

#define CALL(b)                                                                                                      \
	do {                                                                                                         \
		if (UNLIKELY(!((vex_fn)(uintptr_t)i->imm)(c, i, b)))                                                 \
			return sse_fault(c, i);                                                                      \
		NEXT;                                                                                                \
	} while (0)

static HANDLER(op_vex_r)
{
	CALL(VEX_B);
}

/* Elements, zero-extended. */
#define MEM_PART(bits)                                                                                               \
	static HANDLER(op_vex_m##bits)                                                                               \
	{                                                                                                            \
		u##bits v;                                                                                           \
		LOAD##bits(v, EA(c, i));                                                                             \
		TMP->q[0] = v;                                                                                       \
		TMP->q[1] = 0;                                                                                       \
		CALL(TMP);                                                                                           \
	}
MEM_PART(8)
MEM_PART(16)
MEM_PART(32)
MEM_PART(64)

/* 8 bytes at any alignment: VCVTPH2PS is the one that does not look (seen on a Xeon of family 6, model 207). */
static NOINLINE bool load_anywhere(struct x86 *c, u64 ea)
{
	u8 b[8];

	if (!load_bytes(c, ea, b, sizeof b))
		return false;
	*TMP = (union x86_vec){ .q = { ld64(b) } };
	return true;
}
static HANDLER(op_vex_m64_anywhere)
{
	if (UNLIKELY(!load_anywhere(c, EA(c, i))))
		return raise_fault(c, i);
	CALL(TMP);
}

/* What a body for less than its operand reads above it must not be left from before. */
static HANDLER(op_vex_m128)
{
	LOAD128(*TMP, EA(c, i));
	TMP->q[2] = TMP->q[3] = 0;
	CALL(TMP);
}

static HANDLER(op_vex_m256)
{
	u64 ea = EA(c, i);
	struct tlb_entry *e = tlb_slot(&c->mmu, ea);

	if (LIKELY(e->rd == tlb_tag(&c->mmu, ea, 32))) {
		const u8 *p = tlb_host(e, ea);

		vec_load(TMP, p);
		c->tmp[2] = ld64(p + 16);
		c->tmp[3] = ld64(p + 24);
	} else if (UNLIKELY(!slow_load(c, ea, 32))) {
		return raise_fault(c, i);
	}
	CALL(TMP);
}

static struct insn *vex_record(struct xlat *x, const struct xi *dec, insn_fn handler, vex_fn fn)
{
	struct insn *r = emit(x, dec, handler);

	r->dst = (u8)(dec->reg | dec->vl << 4);
	r->src = (u8)((dec->mem ? 0 : dec->rm) | dec->vvvv << 4);
	r->aux = (u8)dec->imm;
	r->imm = (uintptr_t)fn;
	return r;
}

bool vex_emit(struct xlat *x, const struct xi *dec, vex_fn fn, u32 bytes, u32 bytes256)
{
	static const insn_fn from[6] = { op_vex_m8, op_vex_m16, op_vex_m32, op_vex_m64, op_vex_m128, op_vex_m256 };

	vex_record(x, dec, dec->mem ? from[__builtin_ctz(dec->vl ? bytes256 : bytes)] : op_vex_r, fn);
	return true;
}

bool vex_emit_halves(struct xlat *x, const struct xi *dec, vex_fn fn)
{
	vex_record(x, dec, !dec->mem ? op_vex_r : dec->vl ? op_vex_m128 : op_vex_m64_anywhere, fn);
	return true;
}

bool vex_emit_pure(struct xlat *x, const struct xi *dec, vex_fn fn, u32 bytes, u32 bytes256)
{
	vex_emit(x, dec, fn, bytes, bytes256);
	if (!dec->mem)
		xlat_pure(x);
	return true;
}

bool vex_emit_to_vvvv(struct xlat *x, const struct xi *dec, vex_fn fn)
{
	struct insn *r = vex_record(x, dec, op_vex_r, fn);

	r->dst = (u8)(dec->vvvv | dec->vl << 4);
	xlat_pure(x);
	return true;
}

/* ---- upper halves ------------------------------------------------------------------------------------------------- */

static HANDLER(op_clear_upper)
{
	DST->q[2] = DST->q[3] = 0;
	NEXT;
}

bool vex_clear_upper(struct xlat *x, const struct xi *dec, u32 n)
{
	emit(x, dec, op_clear_upper)->dst = (u8)n;
	xlat_pure(x);
	return true;
}

/* Sixteen registers in 64-bit mode, else eight: aux. */
static HANDLER(op_vzeroupper)
{
	EACH(i->aux)
		c->s.vec[k].q[2] = c->s.vec[k].q[3] = 0;
	NEXT;
}
static HANDLER(op_vzeroall)
{
	EACH(i->aux)
		vec_set(&c->s.vec[k], 0, 0);
	EACH(i->aux)
		c->s.vec[k].q[2] = c->s.vec[k].q[3] = 0;
	NEXT;
}
EMITTER(vzeroupper)
{
	emit(x, dec, dec->vl ? op_vzeroall : op_vzeroupper)->aux = dec->mode == 8 ? 16 : 8;
	xlat_pure(x);
	return true;
}

/* ---- as legacy SSE ------------------------------------------------------------------------------------------------ */

/* No vector register is written. */
#define VEX_SAME(name)                                                                                               \
	EMITTER(v##name)                                                                                             \
	{                                                                                                            \
		return x86_emit_##name(x, dec);                                                                      \
	}
VEX_SAME(pextrb)
VEX_SAME(pextrw)
VEX_SAME(pextrd)
VEX_SAME(extractps)
VEX_SAME(ldmxcsr)
VEX_SAME(stmxcsr)
VEX_SAME(maskmovdqu)
VEX_SAME(comiss)
VEX_SAME(comisd)
VEX_SAME(ucomiss)
VEX_SAME(ucomisd)
VEX_SAME(cvtss2si)
VEX_SAME(cvtsd2si)
VEX_SAME(cvttss2si)
VEX_SAME(cvttsd2si)
VEX_SAME(pcmpestri)
VEX_SAME(pcmpistri)

/* The destination is register n, which has no other source than the last operand. */
#define VEX_CLEARS(name, writes, n)                                                                                  \
	EMITTER(v##name)                                                                                             \
	{                                                                                                            \
		x86_emit_##name(x, dec);                                                                             \
		return !(writes) || vex_clear_upper(x, dec, n);                                                      \
	}
VEX_CLEARS(pcmpestrm, true, 0)
VEX_CLEARS(pcmpistrm, true, 0)
VEX_CLEARS(movd, dec->opcode == 0x6e, dec->reg)
VEX_CLEARS(movq, dec->opcode == 0x7e || !dec->mem, dec->opcode == 0x7e ? dec->reg : dec->rm)

/* ---- tests ---------------------------------------------------------------------------------------------------------- */

/* ZF: no bit of the mask is common to both; CF: none of the last source is missing from the first. The first is dst. */
static void test_flags(struct x86 *c, const struct insn *i, const union x86_vec *b, u64 mask)
{
	const union x86_vec *a = VEX_D;
	u64 both = 0, missing = 0;

	EACH(VEX_L ? 4 : 2)
	{
		both |= a->q[k] & b->q[k] & mask;
		missing |= ~a->q[k] & b->q[k] & mask;
	}
	flags_set_all(c, (both ? 0 : FL_ZF) | (missing ? 0 : FL_CF));
}
#define TEST(name, mask)                                                                                             \
	VEX_FN(name)                                                                                                 \
	{                                                                                                            \
		test_flags(c, i, b, mask);                                                                           \
		return true;                                                                                         \
	}                                                                                                            \
	EMIT_VEX(name, 16, 32)
TEST(ptest, ~0ull)
TEST(testps, 0x8000000080000000ull)
TEST(testpd, 0x8000000000000000ull)
