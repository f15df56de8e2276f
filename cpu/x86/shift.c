/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shifts and rotates: SHL SHR SAR ROL ROR RCL RCR SHLD SHRD, SDM 2B. Undefined OF (counts above one) follows the formula
 * of the one-bit case, as processors do.
 */
#include "cpu/x86/flags.h"
#include "cpu/x86/opcodes.h"
#include "cpu/x86/pair.h"

enum shift { SH_ROL, SH_ROR, SH_RCL, SH_RCR, SH_SHL, SH_SHR, SH_SAR, SH_OPS };

/* Each: value a, count n (masked, not 0) -> r, flags into c. lg is log2 of the size, B the bits. */
#define S_shl(T, B, lg)                                                                                              \
	T prev = n > (B) ? 0 : (T)(n - 1 >= (B) ? 0 : (T)(a << (n - 1)));                                            \
	T r = (T)(prev << 1);                                                                                        \
	c->cc_op = CC_SHL + (lg);                                                                                    \
	c->cc_dst = r;                                                                                               \
	c->cc_src = prev
#define S_shr(T, B, lg)                                                                                              \
	T prev = (T)(n - 1 >= (B) ? 0 : a >> (n - 1));                                                               \
	T r = (T)(prev >> 1);                                                                                        \
	c->cc_op = CC_SHR + (lg);                                                                                    \
	c->cc_dst = r;                                                                                               \
	c->cc_src = prev
#define S_sar(T, B, lg)                                                                                              \
	T prev = (T)((i##B)a >> MIN(n - 1, (B) - 1u));                                                               \
	T r = (T)((i##B)prev >> 1);                                                                                  \
	c->cc_op = CC_SHR + (lg);                                                                                    \
	c->cc_dst = r;                                                                                               \
	c->cc_src = prev
/* Rotates touch CF and OF only. */
#define ROT_FLAGS(cf, of) flags_set_all(c, (flags_eval(c) & ~(u32)(FL_CF | FL_OF)) | ((cf) ? FL_CF : 0) | ((of) ? FL_OF : 0))
#define S_rol(T, B, lg)                                                                                              \
	u32 k = n & ((B) - 1);                                                                                       \
	T r = k ? (T)((T)(a << k) | (T)(a >> ((B) - k))) : a;                                                        \
	ROT_FLAGS(r & 1, ((r >> ((B) - 1)) ^ r) & 1)
#define S_ror(T, B, lg)                                                                                              \
	u32 k = n & ((B) - 1);                                                                                       \
	T r = k ? (T)((T)(a >> k) | (T)(a << ((B) - k))) : a;                                                        \
	ROT_FLAGS(r >> ((B) - 1) & 1, ((r >> ((B) - 1)) ^ (r >> ((B) - 2))) & 1)
#define S_rcl(T, B, lg)                                                                                              \
	u32 k = n % ((B) + 1);                                                                                       \
	T r = a;                                                                                                     \
	bool cf = flag_cf(c);                                                                                        \
	for (; k; k--) {                                                                                             \
		bool out = r >> ((B) - 1) & 1;                                                                       \
		r = (T)((T)(r << 1) | cf);                                                                           \
		cf = out;                                                                                            \
	}                                                                                                            \
	ROT_FLAGS(cf, (r >> ((B) - 1) & 1) ^ cf)
#define S_rcr(T, B, lg)                                                                                              \
	u32 k = n % ((B) + 1);                                                                                       \
	T r = a;                                                                                                     \
	bool cf = flag_cf(c);                                                                                        \
	for (; k; k--) {                                                                                             \
		bool out = r & 1;                                                                                    \
		r = (T)((T)(r >> 1) | ((T)cf << ((B) - 1)));                                                         \
		cf = out;                                                                                            \
	}                                                                                                            \
	ROT_FLAGS(cf, ((r >> ((B) - 1)) ^ (r >> ((B) - 2))) & 1)

/* Count: i->imm (masked at decode) or CL. */
#define GEN_SHIFT(op, B, lg)                                                                                         \
	static HANDLER(op_##op##B##_ri)                                                                              \
	{                                                                                                            \
		u##B a = G##B(c, i->dst);                                                                            \
		u32 n = (u32)i->imm;                                                                                 \
		S_##op(u##B, B, lg);                                                                                 \
		SET##B(c, i->dst, r);                                                                                \
		NEXT;                                                                                                \
	}                                                                                                            \
	static HANDLER(op_##op##B##_rc)                                                                              \
	{                                                                                                            \
		u##B a = G##B(c, i->dst);                                                                            \
		u32 n = (u32)c->r[RCX] & ((B) == 64 ? 63 : 31);                                                      \
		if (n) {                                                                                             \
			S_##op(u##B, B, lg);                                                                         \
			SET##B(c, i->dst, r);                                                                        \
		} else {                                                                                             \
			SET##B(c, i->dst, a);                                                                        \
		}                                                                                                    \
		NEXT;                                                                                                \
	}                                                                                                            \
	static HANDLER(op_##op##B##_m)                                                                               \
	{                                                                                                            \
		u64 ea = EA(c, i);                                                                                   \
		u32 n = (i->aux ? (u32)c->r[RCX] : (u32)i->imm) & ((B) == 64 ? 63 : 31);                             \
		u32 old_op = c->cc_op;                                                                               \
		u64 old_dst = c->cc_dst, old_src = c->cc_src;                                                        \
		u##B a;                                                                                              \
		if (!n) {                                                                                            \
			if (!mmu_hit_write(&c->mmu, ea, (B) / 8) && !slow_load_rmw(c, ea, (B) / 8))                  \
				return raise_fault(c, i);                                                            \
			NEXT;                                                                                        \
		}                                                                                                    \
		if (!slow_load_rmw(c, ea, (B) / 8))                                                                  \
			return raise_fault(c, i);                                                                    \
		a = (u##B)c->tmp[0];                                                                                 \
		S_##op(u##B, B, lg);                                                                                 \
		if (!slow_store(c, ea, (B) / 8, r)) {                                                                \
			c->cc_op = old_op;                                                                           \
			c->cc_dst = old_dst;                                                                         \
			c->cc_src = old_src;                                                                         \
			return raise_fault(c, i);                                                                    \
		}                                                                                                    \
		NEXT;                                                                                                \
	}
#define GEN_PLAIN(op, B, expr)                                                                                       \
	static HANDLER(op_##op##B##_ri_nf)                                                                           \
	{                                                                                                            \
		u##B a = G##B(c, i->dst);                                                                            \
		u32 n = (u32)i->imm;                                                                                 \
		SET##B(c, i->dst, expr);                                                                             \
		NEXT;                                                                                                \
	}
GEN_PLAIN(shl, 32, a << n)
GEN_PLAIN(shl, 64, a << n)
GEN_PLAIN(shr, 32, a >> n)
GEN_PLAIN(shr, 64, a >> n)
GEN_PLAIN(sar, 32, (i32)a >> n)
GEN_PLAIN(sar, 64, (i64)a >> n)

#define EACH(op) GEN_SHIFT(op, 8, 0) GEN_SHIFT(op, 16, 1) GEN_SHIFT(op, 32, 2) GEN_SHIFT(op, 64, 3)
EACH(rol)
EACH(ror)
EACH(rcl)
EACH(rcr)
EACH(shl)
EACH(shr)
EACH(sar)

#define R1(op, B) { op_##op##B##_ri, op_##op##B##_rc, op_##op##B##_m }
#define R4(op) { R1(op, 8), R1(op, 16), R1(op, 32), R1(op, 64) }
static const insn_fn shift_fns[SH_OPS][4][3] = { R4(rol), R4(ror), R4(rcl), R4(rcr), R4(shl), R4(shr), R4(sar) };

static insn_fn plain(enum shift op, u32 size)
{
	switch (op) {
	case SH_SHL:
		return size == 8 ? op_shl64_ri_nf : size == 4 ? op_shl32_ri_nf : NULL;
	case SH_SHR:
		return size == 8 ? op_shr64_ri_nf : size == 4 ? op_shr32_ri_nf : NULL;
	case SH_SAR:
		return size == 8 ? op_sar64_ri_nf : size == 4 ? op_sar32_ri_nf : NULL;
	default:
		return NULL;
	}
}

/* A count of zero changes nothing but the upper half of a 32-bit register. */
static HANDLER(op_shift_none)
{
	if (i->aux)
		SET32(c, i->dst, G32(c, i->dst));
	NEXT;
}

static bool emit_shift(struct xlat *x, const struct xi *dec, enum shift op)
{
	u32 size = dec->row->op[0][1] == 'b' ? 1 : dec->opsz;
	u32 l = size_log2(size);
	bool cl = dec->row->op[1][0] == 'C';
	u32 n = dec->row->op[1][0] == 'n' ? 1 : (u32)dec->imm & (size == 8 ? 63 : 31);
	struct insn *r;

	if (dec->mem) {
		r = emit(x, dec, shift_fns[op][l][2]);
		r->aux = cl;
		r->imm = n;
		return true;
	}
	if (!cl && !n) {
		r = emit(x, dec, op_shift_none);
		r->dst = xi_off(dec, dec->rm, size);
		r->aux = size == 4;
		return true;
	}
	r = emit(x, dec, shift_fns[op][l][cl]);
	r->dst = xi_off(dec, dec->rm, size);
	r->imm = n;
	if (!cl && op >= SH_SHL)
		xlat_flags(x, plain(op, size));
	return true;
}

#define EMIT(name, op)                                                                                               \
	bool x86_emit_##name(struct xlat *x, const struct xi *dec)                                                   \
	{                                                                                                            \
		return emit_shift(x, dec, op);                                                                       \
	}
EMIT(rol, SH_ROL)
EMIT(ror, SH_ROR)
EMIT(rcl, SH_RCL)
EMIT(rcr, SH_RCR)
EMIT(shl, SH_SHL)
EMIT(shr, SH_SHR)
EMIT(sar, SH_SAR)

/* ---- double shifts --------------------------------------------------------------------------------------------- */

/* left: dst:src shifted up, the top half kept. Counts above the size (16-bit operands) wrap around the pair. */
static u64 double_shift(struct x86 *c, u64 a, u64 b, u32 n, u32 bits, bool left)
{
	u64 m = ~0ULL >> (64 - bits);
	u64 r, prev;
	u32 lg = size_log2(bits / 8);

	if (bits == 16 && n > 16) {
		/* dst:src:dst, as processors do for this undefined case. */
		u64 t = a;

		a = b;
		b = t;
		n -= 16;
	}
	if (left) {
		prev = n == 1 ? a : ((a << (n - 1)) | (b >> (bits - (n - 1)))) & m;
		r = ((a << n) & m) | (n == bits ? b : b >> (bits - n));
		if (n == bits)
			r = b;
		c->cc_op = CC_SHL + lg;
	} else {
		prev = n == 1 ? a : ((a >> (n - 1)) | (b << (bits - (n - 1)))) & m;
		r = n == bits ? b : ((a >> n) | (b << (bits - n))) & m;
		c->cc_op = CC_SHR + lg;
	}
	c->cc_dst = r;
	c->cc_src = prev;
	return r;
}

#define GEN_DOUBLE(B)                                                                                                \
	static HANDLER(op_double##B##_r)                                                                             \
	{                                                                                                            \
		u32 n = (i->aux & 1 ? (u32)c->r[RCX] : (u32)i->imm) & ((B) == 64 ? 63 : 31);                         \
		u##B a = G##B(c, i->dst);                                                                            \
		SET##B(c, i->dst, n ? (u##B)double_shift(c, a, G##B(c, i->src), n, B, i->aux & 2) : a);              \
		NEXT;                                                                                                \
	}                                                                                                            \
	static HANDLER(op_double##B##_m)                                                                             \
	{                                                                                                            \
		u64 ea = EA(c, i);                                                                                   \
		u32 n = (i->aux & 1 ? (u32)c->r[RCX] : (u32)i->imm) & ((B) == 64 ? 63 : 31);                         \
		u32 old_op = c->cc_op;                                                                               \
		u64 old_dst = c->cc_dst, old_src = c->cc_src;                                                        \
		u##B r;                                                                                              \
		if (!slow_load_rmw(c, ea, (B) / 8))                                                                  \
			return raise_fault(c, i);                                                                    \
		if (!n)                                                                                              \
			NEXT;                                                                                        \
		r = (u##B)double_shift(c, (u##B)c->tmp[0], G##B(c, i->src), n, B, i->aux & 2);                       \
		if (!slow_store(c, ea, (B) / 8, r)) {                                                                \
			c->cc_op = old_op;                                                                           \
			c->cc_dst = old_dst;                                                                         \
			c->cc_src = old_src;                                                                         \
			return raise_fault(c, i);                                                                    \
		}                                                                                                    \
		NEXT;                                                                                                \
	}
GEN_DOUBLE(16)
GEN_DOUBLE(32)
GEN_DOUBLE(64)

static bool emit_double(struct xlat *x, const struct xi *dec, bool left)
{
	static const insn_fn f[3][2] = { { op_double16_r, op_double16_m }, { op_double32_r, op_double32_m },
					 { op_double64_r, op_double64_m } };
	struct insn *r = emit(x, dec, f[size_log2(dec->opsz) - 1][dec->mem]);

	r->dst = xi_off(dec, dec->rm, dec->opsz);
	r->src = xi_off(dec, dec->reg, dec->opsz);
	r->aux = (u8)((dec->row->op[2][0] == 'C') | (left ? 2 : 0));
	return true;
}

bool x86_emit_shld(struct xlat *x, const struct xi *dec)
{
	return emit_double(x, dec, true);
}

bool x86_emit_shrd(struct xlat *x, const struct xi *dec)
{
	return emit_double(x, dec, false);
}

const struct pair_name *shift_pair_names(u32 *n)
{
	static const struct pair_name names[] = {
		JOINS(shl64_ri_nf), JOINS(shr32_ri), JOINS(shr64_ri), JOINS(shr64_ri_nf),
	};

	*n = ARRAY_SIZE(names);
	return names;
}
