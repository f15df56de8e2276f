/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * AVX and AVX2 data movement: whole registers, elements, broadcasts, masked moves, gathers. SDM 2. Non-temporal hints
 * have no effect. Shuffles are in avx_shuffle.c.
 */
#include "cpu/x86/sse.h"

/* Writes all of a destination. */
INLINE void vec_put(union x86_vec *d, u64 q0, u64 q1, u64 q2, u64 q3)
{
	d->q[0] = q0;
	d->q[1] = q1;
	d->q[2] = q2;
	d->q[3] = q3;
}

/* ---- whole registers ---------------------------------------------------------------------------------------------- */

static HANDLER(op_vmov16_rr)
{
	vec_put(DST, SRC->q[0], SRC->q[1], 0, 0);
	NEXT;
}
static HANDLER(op_vmov32_rr)
{
	vec_put(DST, SRC->q[0], SRC->q[1], SRC->q[2], SRC->q[3]);
	NEXT;
}

/* The slow ways, and those with an alignment: aux is the mask of address bits that must be clear. */
static NOINLINE HANDLER(op_vload16)
{
	u64 ea = EA(c, i);

	if (UNLIKELY(ea & i->aux))
		RAISE(X86_GP, 0);
	if (UNLIKELY(!slow_load(c, ea, 16)))
		return raise_fault(c, i);
	vec_put(DST, c->tmp[0], c->tmp[1], 0, 0);
	NEXT;
}
static NOINLINE HANDLER(op_vload32)
{
	u64 ea = EA(c, i);

	if (UNLIKELY(ea & i->aux))
		RAISE(X86_GP, 0);
	if (UNLIKELY(!slow_load(c, ea, 32)))
		return raise_fault(c, i);
	vec_put(DST, c->tmp[0], c->tmp[1], c->tmp[2], c->tmp[3]);
	NEXT;
}
static NOINLINE HANDLER(op_vstore16)
{
	u64 ea = EA(c, i);

	if (UNLIKELY(ea & i->aux))
		RAISE(X86_GP, 0);
	if (UNLIKELY(!slow_store_vec(c, ea, DST->q, 2)))
		return raise_fault(c, i);
	NEXT;
}
static NOINLINE HANDLER(op_vstore32)
{
	u64 ea = EA(c, i);

	if (UNLIKELY(ea & i->aux))
		RAISE(X86_GP, 0);
	if (UNLIKELY(!slow_store_vec(c, ea, DST->q, 4)))
		return raise_fault(c, i);
	NEXT;
}
#define FAST_MOVE(name, access, size, use)                                                                           \
	static HANDLER(op_##name##_f)                                                                                \
	{                                                                                                            \
		u64 ea = EA(c, i);                                                                                   \
		struct tlb_entry *e = tlb_slot(&c->mmu, ea);                                                         \
		u8 *p;                                                                                               \
		if (UNLIKELY((ea & i->aux) | (e->access ^ tlb_tag(&c->mmu, ea, size))))                              \
			HAND_OVER(op_##name);                                                                        \
		p = tlb_host(e, ea);                                                                                 \
		use;                                                                                                 \
		NEXT;                                                                                                \
	}
FAST_MOVE(vload16, rd, 16, vec_put(DST, ld64(p), ld64(p + 8), 0, 0))
FAST_MOVE(vload32, rd, 32, vec_put(DST, ld64(p), ld64(p + 8), ld64(p + 16), ld64(p + 24)))
FAST_MOVE(vstore16, wr, 16, vec_store(p, DST))
FAST_MOVE(vstore32, wr, 32, st64(p, DST->q[0]); st64(p + 8, DST->q[1]); st64(p + 16, DST->q[2]); st64(p + 24, DST->q[3]))

static bool vmove_emit(struct xlat *x, const struct xi *dec, bool store, bool aligned)
{
	static const insn_fn mem[2][2] = { { op_vload16_f, op_vload32_f }, { op_vstore16_f, op_vstore32_f } };
	struct insn *r = emit(x, dec, dec->mem ? mem[store][dec->vl] : dec->vl ? op_vmov32_rr : op_vmov16_rr);

	r->dst = store && !dec->mem ? dec->rm : dec->reg;
	r->src = store ? dec->reg : dec->rm;
	r->aux = !aligned ? 0 : dec->vl ? 31 : 15;
	if (!dec->mem)
		xlat_pure(x);
	return true;
}
#define MOVE(name, store, aligned)                                                                                   \
	EMITTER(name)                                                                                                \
	{                                                                                                            \
		return vmove_emit(x, dec, store, aligned);                                                           \
	}
MOVE(vmovups, dec->opcode & 1, false)
MOVE(vmovupd, dec->opcode & 1, false)
MOVE(vmovaps, dec->opcode & 1, true)
MOVE(vmovapd, dec->opcode & 1, true)
MOVE(vmovdqa, dec->opcode & 0x10, true)
MOVE(vmovdqu, dec->opcode & 0x10, false)
MOVE(vmovntps, true, true)
MOVE(vmovntpd, true, true)
MOVE(vmovntdq, true, true)
MOVE(vmovntdqa, false, true)
MOVE(vlddqu, false, false)

/* ---- elements ------------------------------------------------------------------------------------------------------- */

/* Two 64-bit halves from the first and the last source. */
#define HALVES(name, lo, hi)                                                                                         \
	VEX_FN(name)                                                                                                 \
	{                                                                                                            \
		const union x86_vec *a = VEX_A;                                                                      \
		u64 lo_ = lo, hi_ = hi;                                                                              \
		vec_put(VEX_D, lo_, hi_, 0, 0);                                                                      \
		return true;                                                                                         \
	}
HALVES(low_from_b, b->q[0], a->q[1])
HALVES(high_from_b, a->q[0], b->q[0])
HALVES(low_from_b_high, b->q[1], a->q[1])
HALVES(single_from_b, (a->q[0] & ~0xffffffffull) | (u32)b->q[0], a->q[1])
HALVES(element, b->q[0], ((void)a, b->q[1]))

#define LOW_OR_HIGH(name, fn)                                                                                        \
	EMITTER(v##name)                                                                                             \
	{                                                                                                            \
		return dec->opcode & 1 ? x86_emit_##name(x, dec) : vex_emit(x, dec, fn, 8, 8);                       \
	}
LOW_OR_HIGH(movlps, v_low_from_b)
LOW_OR_HIGH(movlpd, v_low_from_b)
LOW_OR_HIGH(movhps, v_high_from_b)
LOW_OR_HIGH(movhpd, v_high_from_b)
EMITTER(vmovhlps)
{
	return vex_emit_pure(x, dec, v_low_from_b_high, 16, 16);
}
EMITTER(vmovlhps)
{
	return vex_emit_pure(x, dec, v_high_from_b, 16, 16);
}

/* VMOVSS and VMOVSD: a load clears the rest, a register form takes it from vvvv; stores are as they were. */
static bool scalar_move(struct xlat *x, const struct xi *dec, u32 bytes, bool (*legacy)(struct xlat *, const struct xi *),
			vex_fn merge)
{
	struct xi swapped = *dec;

	if (dec->mem)
		return dec->opcode & 1 ? legacy(x, dec) : vex_emit(x, dec, v_element, bytes, bytes);
	if (dec->opcode & 1) {
		swapped.reg = dec->rm;
		swapped.rm = dec->reg;
	}
	return vex_emit_pure(x, &swapped, merge, bytes, bytes);
}
EMITTER(vmovss)
{
	return scalar_move(x, dec, 4, x86_emit_movss, v_single_from_b);
}
EMITTER(vmovsd)
{
	return scalar_move(x, dec, 8, x86_emit_movsd, v_low_from_b);
}

/* Of 16 or 32 bytes; the 128-bit form of VMOVDDUP reads 8. */
#define DUPLICATE(name, bytes, ...)                                                                                  \
	VEX_FN(name)                                                                                                 \
	{                                                                                                            \
		union x86_vec r = { .q = { 0 } };                                                                    \
		EACH(VEX_L ? 4 : 2) r.q[k] = (__VA_ARGS__);                                                          \
		*VEX_D = r;                                                                                          \
		return true;                                                                                         \
	}                                                                                                            \
	EMIT_VEX_PURE(name, bytes, 32)
DUPLICATE(movddup, 8, b->q[k & 2])

/* VMOVMSKPS, VMOVMSKPD, VPMOVMSKB of 256 bits. */
static HANDLER(op_mask_bytes)
{
	u32 m = 0;

	EACH(32)
		m |= (u32)(VB(SRC, k) >> 7) << k;
	SET64(c, i->dst, m);
	NEXT;
}
static HANDLER(op_mask_singles)
{
	u32 m = 0;

	EACH(8)
		m |= VD(SRC, k) >> 31 << k;
	SET64(c, i->dst, m);
	NEXT;
}
static HANDLER(op_mask_doubles)
{
	u32 m = 0;

	EACH(4)
		m |= (u32)(VQ(SRC, k) >> 63) << k;
	SET64(c, i->dst, m);
	NEXT;
}
#define MASK(name, fn)                                                                                               \
	EMITTER(v##name)                                                                                             \
	{                                                                                                            \
		struct insn *r;                                                                                      \
		if (!dec->vl)                                                                                        \
			return x86_emit_##name(x, dec);                                                              \
		r = emit(x, dec, fn);                                                                                \
		r->dst = OFF64(dec->reg);                                                                            \
		r->src = dec->rm;                                                                                    \
		xlat_pure(x);                                                                                        \
		return true;                                                                                         \
	}
MASK(pmovmskb, op_mask_bytes)
MASK(movmskps, op_mask_singles)
MASK(movmskpd, op_mask_doubles)

/* VPINSRx: the element comes from a general register, whose place is put where the last source's number was, or memory. */
#define INSERT(name, bits, V, n)                                                                                     \
	VEX_FN(name)                                                                                                 \
	{                                                                                                            \
		union x86_vec r = vec_half(VEX_A, 0);                                                                \
		V(&r, i->aux & (n - 1)) = (u##bits)b->q[0];                                                          \
		*VEX_D = r;                                                                                          \
		return true;                                                                                         \
	}
INSERT(pinsrb, 8, VB, 16)
INSERT(pinsrw, 16, VW, 8)
INSERT(pinsrd, 32, VD, 4)
INSERT(pinsrq, 64, VQ, 2)

/* A general register as the last source. */
static HANDLER(op_vex_gpr)
{
	TMP->q[0] = c->r[i->src & 15];
	TMP->q[1] = 0;
	if (UNLIKELY(!((vex_fn)(uintptr_t)i->imm)(c, i, TMP)))
		return sse_fault(c, i);
	NEXT;
}
static bool from_gpr(struct xlat *x, const struct xi *dec, vex_fn fn, u32 bytes)
{
	vex_emit(x, dec, fn, bytes, bytes);
	if (!dec->mem)
		x->rec[x->nrecs - 1].fn = op_vex_gpr;
	return true;
}
EMITTER(vpinsrb)
{
	return from_gpr(x, dec, v_pinsrb, 1);
}
EMITTER(vpinsrw)
{
	return from_gpr(x, dec, v_pinsrw, 2);
}
EMITTER(vpinsrd)
{
	return dec->rex & 8 ? from_gpr(x, dec, v_pinsrq, 8) : from_gpr(x, dec, v_pinsrd, 4);
}

VEX_FN(insertps)
{
	union x86_vec r = vec_half(VEX_A, 0);
	u32 v = VD(b, b == TMP ? 0 : i->aux >> 6);

	VD(&r, i->aux >> 4 & 3) = v;
	EACH(4)
		if (i->aux >> k & 1)
			VD(&r, k) = 0;
	*VEX_D = r;
	return true;
}
EMIT_VEX_PURE(insertps, 4, 4)

/* VCVTSI2SS, VCVTSI2SD */
#define FROM_INT(name, t, V, int_t, expr)                                                                            \
	VEX_FN(name)                                                                                                 \
	{                                                                                                            \
		struct fp_env env = fp_env_mxcsr(c->s.fpu.mxcsr), *e UNUSED = &env;                                   \
		union x86_vec r = vec_half(VEX_A, 0);                                                                \
		int_t n = (int_t)b->q[0];                                                                            \
		V(&r, 0) = expr;                                                                                     \
		if (!sse_settle(c, &env))                                                                            \
			return false;                                                                                \
		*VEX_D = r;                                                                                          \
		return true;                                                                                         \
	}
FROM_INT(si_ss, f32, VD, i32, i32_to_f32(n, e))
FROM_INT(si_sd, f64, VQ, i32, i32_to_f64(n))
FROM_INT(sq_ss, f32, VD, i64, i64_to_f32(n, e))
FROM_INT(sq_sd, f64, VQ, i64, i64_to_f64(n, e))
EMITTER(vcvtsi2ss)
{
	return dec->rex & 8 ? from_gpr(x, dec, v_sq_ss, 8) : from_gpr(x, dec, v_si_ss, 4);
}
EMITTER(vcvtsi2sd)
{
	return dec->rex & 8 ? from_gpr(x, dec, v_sq_sd, 8) : from_gpr(x, dec, v_si_sd, 4);
}

/* ---- 128-bit halves --------------------------------------------------------------------------------------------------- */

VEX_FN(insert128)
{
	const union x86_vec *a = VEX_A;

	if (i->aux & 1)
		vec_put(VEX_D, a->q[0], a->q[1], b->q[0], b->q[1]);
	else
		vec_put(VEX_D, b->q[0], b->q[1], a->q[2], a->q[3]);
	return true;
}
EMITTER(vinsertf128)
{
	return vex_emit_pure(x, dec, v_insert128, 16, 16);
}
EMITTER(vinserti128)
{
	return vex_emit_pure(x, dec, v_insert128, 16, 16);
}

static HANDLER(op_extract128_r)
{
	u32 n = i->aux * 2;

	vec_put(DST, SRC->q[n], SRC->q[n + 1], 0, 0);
	NEXT;
}
static HANDLER(op_extract128_m)
{
	if (UNLIKELY(!slow_store_vec(c, EA(c, i), SRC->q + i->aux * 2, 2)))
		return raise_fault(c, i);
	NEXT;
}
static bool extract128(struct xlat *x, const struct xi *dec)
{
	struct insn *r = emit(x, dec, dec->mem ? op_extract128_m : op_extract128_r);

	r->dst = dec->rm & 15;
	r->src = dec->reg;
	r->aux = dec->imm & 1;
	return true;
}
EMITTER(vextractf128)
{
	return extract128(x, dec);
}
EMITTER(vextracti128)
{
	return extract128(x, dec);
}

/* ---- broadcasts ------------------------------------------------------------------------------------------------------- */

#define BROADCAST(fn, expr)                                                                                          \
	VEX_FN(fn)                                                                                                   \
	{                                                                                                            \
		u64 v = expr;                                                                                        \
		vec_put(VEX_D, v, v, VEX_L ? v : 0, VEX_L ? v : 0);                                                  \
		return true;                                                                                         \
	}
#define BROADCAST_EMIT(name, fn, bytes)                                                                              \
	EMITTER(name)                                                                                                \
	{                                                                                                            \
		return vex_emit_pure(x, dec, v_##fn, bytes, bytes);                                                  \
	}
BROADCAST(repeat8, (u8)b->q[0] * 0x0101010101010101ull)
BROADCAST(repeat16, (u16)b->q[0] * 0x0001000100010001ull)
BROADCAST(repeat32, (u32)b->q[0] * 0x0000000100000001ull)
BROADCAST(repeat64, b->q[0])
VEX_FN(repeat128)
{
	vec_put(VEX_D, b->q[0], b->q[1], b->q[0], b->q[1]);
	return true;
}
BROADCAST_EMIT(vpbroadcastb, repeat8, 1)
BROADCAST_EMIT(vpbroadcastw, repeat16, 2)
BROADCAST_EMIT(vpbroadcastd, repeat32, 4)
BROADCAST_EMIT(vpbroadcastq, repeat64, 8)
BROADCAST_EMIT(vbroadcastss, repeat32, 4)
BROADCAST_EMIT(vbroadcastsd, repeat64, 8)
BROADCAST_EMIT(vbroadcastf128, repeat128, 16)
BROADCAST_EMIT(vbroadcasti128, repeat128, 16)
