/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ports: who may use them (IOPL, the I/O permission bitmap), IN and OUT; SDM 1 chapter 19.
 */
#include "cpu/x86/block.h"
#include "cpu/x86/opcodes.h"
#include "cpu/x86/port.h"
#include "cpu/x86/priv.h"
#include "cpu/x86/seg.h"
#include "cpu/x86/xlat.h"

bool port_allowed(const struct x86 *c)
{
	return !(c->mode_key & KEY_PE) || (c->s.cpl <= iopl(c) && !in_v86(c));
}

/* The I/O permission bitmap of a 32- or 64-bit TSS, SDM 1 19.5.2. */
bool port_check(struct x86 *c, u16 port, u32 size)
{
	const struct x86_seg *tr = &c->s.seg[SEG_TR];
	u8 b[2];
	u32 at;

	if (c->s.cpl && c->ops->priv)
		return !c->ops->port_ok || c->ops->port_ok(c, port, size) || x86_fault(c, X86_GP, 0);
	if (port_allowed(c))
		return true;
	if ((tr->attr & SEGA_TYPE) < 9 || !(tr->attr & SEGA_P) || tr->limit < 103)
		return x86_fault(c, X86_GP, 0);
	if (!sys_read(c, tr->base + 102, b, 2))
		return false;
	at = ld16(b) + port / 8u;
	if (at + 1 > tr->limit)
		return x86_fault(c, X86_GP, 0);
	if (!sys_read(c, tr->base + at, b, 2))
		return false;
	if (ld16(b) >> (port & 7) & ((1u << size) - 1))
		return x86_fault(c, X86_GP, 0);
	return true;
}

bool port_in(struct x86 *c, u16 port, u32 size, u64 *v)
{
	if (c->s.cpl && c->ops->priv) {
		*v = size;
		return c->ops->priv(c, PRIV_IN, port, v) < 0 || x86_fault(c, X86_GP, 0);
	}
	if (!port_check(c, port, size))
		return false;
	if (UNLIKELY(c->breakpoints_armed))
		debug_port(c, port, size);
	*v = c->ops->in ? c->ops->in(c, port, size) : ~0ULL;
	return true;
}

bool port_out(struct x86 *c, u16 port, u32 size, u64 v)
{
	if (c->s.cpl && c->ops->priv) {
		v = (u32)v | (u64)size << 32;
		return c->ops->priv(c, PRIV_OUT, port, &v) < 0 || x86_fault(c, X86_GP, 0);
	}
	if (!port_check(c, port, size))
		return false;
	if (UNLIKELY(c->breakpoints_armed))
		debug_port(c, port, size);
	if (c->ops->out)
		c->ops->out(c, port, size, (u32)v);
	return true;
}

static HANDLER(op_in)
{
	u16 port = i->src ? (u16)c->r[RDX] : (u8)i->imm;
	u64 v;
	bool ok;

	c->cur = i;
	ok = port_in(c, port, i->aux, &c->tmp[0]);
	c->cur = NULL;
	if (!ok)
		return raise_noted(c, i);
	v = c->tmp[0];
	if (i->aux == 1)
		SET8(c, OFF8(RAX), v);
	else if (i->aux == 2)
		SET16(c, OFF16(RAX), v);
	else
		c->r[RAX] = (u32)v;
	return leave_after(c, i, BX_LOOKUP);
}

static HANDLER(op_out)
{
	u16 port = i->src ? (u16)c->r[RDX] : (u8)i->imm;
	u64 v = i->aux == 4 ? (u32)c->r[RAX] : c->r[RAX] & (BIT(i->aux * 8) - 1);
	bool ok;

	c->cur = i;
	ok = port_out(c, port, i->aux, v);
	c->cur = NULL;
	if (!ok)
		return raise_noted(c, i);
	return leave_after(c, i, BX_LOOKUP);
}

static bool emit_port(struct xlat *x, const struct xi *dec, insn_fn fn, u32 acc)
{
	struct insn *r = emit(x, dec, fn);

	r->aux = dec->row->op[acc][0] == 'A' ? 1 : MIN(dec->opsz, 4);
	r->src = dec->row->op[!acc][0] == 'D';
	return true;
}

bool x86_emit_in(struct xlat *x, const struct xi *dec)
{
	return emit_port(x, dec, op_in, 0);
}

bool x86_emit_out(struct xlat *x, const struct xi *dec)
{
	return emit_port(x, dec, op_out, 1);
}
