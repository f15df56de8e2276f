/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Masked loads and stores, and gathers. SDM 2C VMASKMOV, VPMASKMOV, VGATHERDPD ff. Elements that the mask leaves out are
 * not accessed and cannot fault.
 */
#include "cpu/x86/seg.h"
#include "cpu/x86/sse.h"

/* Elements of 4 or 8 bytes: dst and L, src: mask in the high nibble, aux: log2 of the element's size. */
static bool mask_bit(const union x86_vec *m, u32 k, u32 lg)
{
	return lg == 2 ? VD(m, k) >> 31 : VQ(m, k) >> 63;
}

/* False: a fault, and nothing is written. */
static NOINLINE bool masked_load(struct x86 *c, const struct insn *i)
{
	u64 ea = EA(c, i);
	u32 lg = i->aux, n = (VEX_L ? 32u : 16u) >> lg;
	union x86_vec r = { .q = { 0 } };

	EACH(n)
	{
		if (!mask_bit(VEX_A, k, lg))
			continue;
		if (!slow_load(c, ea + (k << lg), 1u << lg))
			return false;
		if (lg == 2)
			VD(&r, k) = (u32)c->tmp[0];
		else
			VQ(&r, k) = c->tmp[0];
	}
	*VEX_D = r;
	return true;
}

static NOINLINE bool masked_store(struct x86 *c, const struct insn *i)
{
	u64 ea = EA(c, i);
	u32 lg = i->aux, n = (VEX_L ? 32u : 16u) >> lg;

	EACH(n)
		if (mask_bit(VEX_A, k, lg) && !slow_probe(c, ea + (k << lg), 1u << lg, true))
			return false;
	EACH(n)
		if (mask_bit(VEX_A, k, lg) &&
		    !slow_store(c, ea + (k << lg), 1u << lg, lg == 2 ? VD(VEX_D, k) : VQ(VEX_D, k)))
			return false;
	return true;
}

/* Masked moves and gathers know no #AC, SDM 2A, exception classes 6 and 12. */
static bool unchecked(struct x86 *c, const struct insn *i, bool (*move)(struct x86 *, const struct insn *))
{
	bool checked = c->mmu.aligning, ok;

	c->mmu.aligning = false;
	ok = move(c, i);
	c->mmu.aligning = checked;
	return ok;
}

static HANDLER(op_masked_load)
{
	if (UNLIKELY(!unchecked(c, i, masked_load)))
		return raise_fault(c, i);
	NEXT;
}
static HANDLER(op_masked_store)
{
	if (UNLIKELY(!unchecked(c, i, masked_store)))
		return raise_fault(c, i);
	NEXT;
}

static bool masked(struct xlat *x, const struct xi *dec, bool store, u8 lg)
{
	struct insn *r = emit(x, dec, store ? op_masked_store : op_masked_load);

	r->dst = (u8)(dec->reg | dec->vl << 4);
	r->src = (u8)(dec->vvvv << 4);
	r->aux = lg;
	return true;
}
#define MASKED(name, store, lg)                                                                                      \
	EMITTER(name)                                                                                                \
	{                                                                                                            \
		return masked(x, dec, store, lg);                                                                    \
	}
MASKED(vmaskmovps, dec->opcode >= 0x2e, 2)
MASKED(vmaskmovpd, dec->opcode >= 0x2e, 3)
MASKED(vpmaskmovd, dec->opcode == 0x8e, 2)
MASKED(vpmaskmovq, dec->opcode == 0x8e, 3)

/* ---- gathers -------------------------------------------------------------------------------------------------------- */

/*
 * aux: the index register, bit 4: elements of 8 bytes, bit 5: indices of 8 bytes. What was gathered before a fault stays,
 * with its mask bits clear.
 */
static NOINLINE bool gather(struct x86 *c, const struct insn *i)
{
	union x86_vec *d = VEX_D, *m = VEX_A;
	const union x86_vec *x = &c->s.vec[i->aux & 15];
	u32 lg = i->aux & 16 ? 3 : 2, xlg = i->aux & 32 ? 3 : 2, n = (VEX_L ? 32u : 16u) >> MAX(lg, xlg);
	u32 whole = (VEX_L ? 32u : 16u) >> lg;
	u64 base = c->r[i->base] + (u64)(i64)i->disp;

	/* The upper halves of a 128-bit form are gone even when the first element faults, on Intel's. */
	if (!VEX_L)
		d->q[2] = d->q[3] = m->q[2] = m->q[3] = 0;
	/* All of a mask element counts as its sign, also when a fault interrupts. */
	EACH(whole)
	{
		if (lg == 2)
			VD(m, k) = VD(m, k) >> 31 ? ~0u : 0;
		else
			VQ(m, k) = VQ(m, k) >> 63 ? ~0ull : 0;
	}
	EACH(n)
	{
		u64 index = xlg == 3 ? VQ(x, k) : (u64)(i64)(i32)VD(x, k);
		u64 off = (base + (index << i->scale)) & c->r[i->asz], ea = off + c->r[i->seg];

		if (!mask_bit(m, k, lg))
			continue;
		if (!code64(c)) {
			u32 sr = i->seg - REG_ES;

			if (!seg_ok(c, &c->s.seg[sr], off, 1u << lg, false))
				return x86_fault(c, sr == SEG_SS ? X86_SS : X86_GP, 0);
			ea = (u32)ea;
		}
		if (!slow_load(c, ea, 1u << lg))
			return false;
		if (lg == 2) {
			VD(d, k) = (u32)c->tmp[0];
			VD(m, k) = 0;
		} else {
			VQ(d, k) = c->tmp[0];
			VQ(m, k) = 0;
		}
	}
	/* Fewer elements than the register holds when indices are wider; the mask is cleared whole. */
	m->q[0] = m->q[1] = m->q[2] = m->q[3] = 0;
	if (n << lg == 8)
		d->q[1] = 0;
	else if (n << lg == 16)
		d->q[2] = d->q[3] = 0;
	return true;
}
static HANDLER(op_gather)
{
	if (UNLIKELY(!unchecked(c, i, gather)))
		return raise_fault(c, i);
	NEXT;
}

static bool gather_emit(struct xlat *x, const struct xi *dec, u8 lg, u8 xlg)
{
	struct insn *r;

	if (dec->reg == dec->vvvv || dec->reg == dec->vindex || dec->vvvv == dec->vindex)
		return false;
	r = emit(x, dec, op_gather);
	r->dst = (u8)(dec->reg | dec->vl << 4);
	r->src = (u8)(dec->vvvv << 4);
	r->aux = (u8)(dec->vindex | (lg == 3 ? 16 : 0) | (xlg == 3 ? 32 : 0));
	return true;
}
#define GATHER(name, lg, xlg)                                                                                        \
	EMITTER(name)                                                                                                \
	{                                                                                                            \
		return gather_emit(x, dec, lg, xlg);                                                                 \
	}
GATHER(vpgatherdd, 2, 2)
GATHER(vpgatherdq, 3, 2)
GATHER(vpgatherqd, 2, 3)
GATHER(vpgatherqq, 3, 3)
GATHER(vgatherdps, 2, 2)
GATHER(vgatherdpd, 3, 2)
GATHER(vgatherqps, 2, 3)
GATHER(vgatherqpd, 3, 3)
