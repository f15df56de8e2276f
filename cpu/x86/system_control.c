/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Control and debug registers, CLTS, SMSW, LMSW, and what empties caches and TLBs; SDM 2A and 2B, SDM 3A 2.5 and 17.2.
 */
#include "cpu/x86/block.h"
#include "cpu/x86/opcodes.h"
#include "cpu/x86/priv.h"
#include "cpu/x86/seg.h"
#include "cpu/x86/xlat.h"

static u64 *control(struct x86 *c, u32 n)
{
	switch (n) {
	case 0:
		return &c->s.cr0;
	case 2:
		return &c->s.cr2;
	case 3:
		return &c->s.cr3;
	case 4:
		return &c->s.cr4;
	case 8:
		return &c->s.cr8;
	default:
		return NULL;
	}
}

static HANDLER(op_mov_from_cr)
{
	u64 v = 0;

	if (!cpl0(c))
		ASK_FOR(PRIV_MOV_FROM_CR, i->aux, v);
	else
		v = *control(c, i->aux);
	c->r[i->dst] = c->mode_key & KEY_CS64 ? v : (u32)v;
	NEXT;
}

#define CR0_KNOWN (0xe0000000ULL | CR0_AM | CR0_WP | CR0_NE | CR0_ET | CR0_TS | CR0_EM | CR0_MP | CR0_PE)

/* SDM 3A 4.1.1, 4.1.2 and 9.8.5: long mode is entered and left by way of CR0.PG. */
static bool set_cr0(struct x86 *c, u64 v)
{
	struct x86_state *s = &c->s;
	u64 old = s->cr0;

	if ((v >> 32) || ((v & CR0_PG) && !(v & CR0_PE)) || ((v & BIT(29)) && !(v & BIT(30))))
		return false;
	v = (v & CR0_KNOWN) | CR0_ET;
	if ((v & CR0_PG) && !(old & CR0_PG)) {
		if (s->efer & EFER_LME) {
			if (!(s->cr4 & CR4_PAE) || (s->seg[SEG_CS].attr & SEGA_L) ||
			    (s->seg[SEG_TR].attr & SEGA_TYPE) < 9)
				return false;
			s->efer |= EFER_LMA;
		}
	} else if (!(v & CR0_PG) && (old & CR0_PG)) {
		if (code64(c) || ((s->cr4 & CR4_PCIDE) && long_mode(c)))
			return false;
		s->efer &= ~(u64)EFER_LMA;
	}
	s->cr0 = v;
	if (((v ^ old) & (CR0_PG | BIT(29) | BIT(30))) && !pdptes_load(c, s->cr3)) {
		s->cr0 = old;
		return false;
	}
	/* Leaving protected mode leaves its privilege too. */
	if (!(v & CR0_PE))
		s->cpl = 0;
	return true;
}

static bool set_cr4(struct x86 *c, u64 v)
{
	struct x86_state *s = &c->s;
	u64 old = s->cr4, flips = v ^ s->cr4;

	if (v & ~x86_cr4_bits(c))
		return false;
	if (long_mode(c) && (!(v & CR4_PAE) || (flips & CR4_LA57)))
		return false;
	if ((flips & v & CR4_PCIDE) && (!long_mode(c) || (s->cr3 & 0xfff)))
		return false;
	s->cr4 = v;
	if ((flips & (CR4_PGE | CR4_PSE | CR4_PAE | CR4_SMEP)) && !pdptes_load(c, s->cr3)) {
		s->cr4 = old;
		return false;
	}
	return true;
}

/* False: #GP(0), nothing has changed. */
static bool set_control(struct x86 *c, u32 n, u64 v)
{
	struct x86_state *s = &c->s;

	switch (n) {
	case 0:
		if (!set_cr0(c, v))
			return false;
		break;
	case 2:
		s->cr2 = v;
		break;
	case 3:
		if (long_mode(c)) {
			if (s->cr4 & CR4_PCIDE)
				v &= ~BIT(63); /* whether to flush: the TLB is always true to the tables */
			if (v >> 46)
				return false;
		}
		if (!pdptes_load(c, v))
			return false;
		s->cr3 = v;
		break;
	case 4:
		if (!set_cr4(c, v))
			return false;
		break;
	default:
		if (v >> 4)
			return false;
		s->cr8 = v;
		break;
	}
	x86_mode_changed(c);
	return true;
}

static HANDLER(op_mov_to_cr)
{
	u64 v = c->mode_key & KEY_CS64 ? c->r[i->src] : (u32)c->r[i->src];

	if (!cpl0(c)) {
		int rc = priv_ask(c, i, PRIV_MOV_TO_CR, i->aux, v);

		if (UNLIKELY(rc == PRIV_AGAIN)) {
			c->cpu.budget += i->n - 1; /* the attempt counts as one, but takes no single-step trap */
			return leave(c, IP(c, i), BX_STOP);
		}
		if (rc >= 0)
			RAISE((u8)rc, 0);
	} else if (!set_control(c, i->aux, v)) {
		RAISE(X86_GP, 0);
	}
	return leave_after(c, i, BX_LOOKUP);
}

/* What keeps a MOV of debug register n from being done at CPL 0: -1, or a vector. SDM 3B 17.2.2 and 17.2.4. */
static int debug_guard(struct x86 *c, u32 n)
{
	if ((n == 4 || n == 5) && (c->s.cr4 & CR4_DE))
		return X86_UD;
	if (c->native && (c->s.dr[7] & DR7_GD))
		return X86_DB;
	return -1;
}

static HANDLER(op_mov_from_dr)
{
	u64 v = 0;
	int bad;

	if (!cpl0(c)) {
		ASK_FOR(PRIV_MOV_FROM_DR, i->aux, v);
	} else if ((bad = debug_guard(c, i->aux)) >= 0) {
		raise_trap(c, i, (u8)bad, 0);
		c->trap.dr6 = DR6_BD;
		return NULL;
	} else {
		v = c->s.dr[i->aux == 4 || i->aux == 5 ? i->aux + 2 : i->aux];
	}
	c->r[i->dst] = c->mode_key & KEY_CS64 ? v : (u32)v;
	NEXT;
}

static HANDLER(op_mov_to_dr)
{
	u64 v = c->mode_key & KEY_CS64 ? c->r[i->src] : (u32)c->r[i->src];
	u32 n = i->aux == 4 || i->aux == 5 ? i->aux + 2u : i->aux;
	int bad;

	if (!cpl0(c)) {
		ASK(PRIV_MOV_TO_DR, i->aux, v);
		return leave_after(c, i, BX_LOOKUP);
	}
	bad = debug_guard(c, i->aux);
	if (bad >= 0) {
		raise_trap(c, i, (u8)bad, 0);
		c->trap.dr6 = DR6_BD;
		return NULL;
	}
	if (n >= 6 && v >> 32)
		RAISE(X86_GP, 0);
	if (n == 6)
		v = (v & 0xe00f) | 0xffff0ff0;
	else if (n == 7)
		v = (v & 0xffff23ff) | 0x400;
	c->s.dr[n] = v;
	debug_changed(c);
	return leave_after(c, i, BX_LOOKUP);
}

static bool emit_cr(struct xlat *x, const struct xi *dec, insn_fn fn, bool debug)
{
	u32 n = dec->reg;
	struct insn *r;

	if (debug ? n > 7 : !control(x->c, n))
		return emit_ud(x, dec);
	r = emit(x, dec, fn);
	r->aux = (u8)n;
	r->dst = r->src = dec->rm;
	return true;
}

bool x86_emit_mov_from_cr(struct xlat *x, const struct xi *dec)
{
	return emit_cr(x, dec, op_mov_from_cr, false);
}

bool x86_emit_mov_to_cr(struct xlat *x, const struct xi *dec)
{
	return emit_cr(x, dec, op_mov_to_cr, false);
}

bool x86_emit_mov_from_dr(struct xlat *x, const struct xi *dec)
{
	return emit_cr(x, dec, op_mov_from_dr, true);
}

bool x86_emit_mov_to_dr(struct xlat *x, const struct xi *dec)
{
	return emit_cr(x, dec, op_mov_to_dr, true);
}

static HANDLER(op_clts)
{
	if (!cpl0(c))
		ASK(PRIV_CLTS, 0, 0);
	else
		set_control(c, 0, c->s.cr0 & ~(u64)CR0_TS);
	return leave_after(c, i, BX_LOOKUP);
}

bool x86_emit_clts(struct xlat *x, const struct xi *dec)
{
	emit(x, dec, op_clts);
	return true;
}

static HANDLER(op_smsw)
{
	u64 v = c->s.cr0;

	if ((c->s.cr4 & CR4_UMIP) && !cpl0(c))
		RAISE(X86_GP, 0);
	if (i->src) {
		STORE16(EA(c, i), v);
		NEXT;
	}
	if (i->aux == 2)
		SET16(c, i->dst, v);
	else
		c->r[i->dst / 8] = i->aux == 4 ? (u32)v : v;
	NEXT;
}

bool x86_emit_smsw(struct xlat *x, const struct xi *dec)
{
	struct insn *r = emit(x, dec, op_smsw);

	r->dst = xi_off(dec, dec->rm, dec->opsz);
	r->aux = dec->opsz;
	r->src = dec->mem;
	return true;
}

static HANDLER(op_lmsw)
{
	u64 v;

	if (!cpl0(c) && !c->ops->priv)
		RAISE(X86_GP, 0);
	if (i->src) {
		if (!slow_load(c, EA(c, i), 2))
			return raise_fault(c, i);
		v = c->tmp[0];
	} else {
		v = G16(c, i->dst);
	}
	if (!cpl0(c))
		ASK(PRIV_LMSW, 0, v);
	else /* PE can be set but not cleared */
		set_control(c, 0, (c->s.cr0 & ~14ULL) | (v & 15));
	return leave_after(c, i, BX_LOOKUP);
}

bool x86_emit_lmsw(struct xlat *x, const struct xi *dec)
{
	struct insn *r = emit(x, dec, op_lmsw);

	r->dst = OFF16(dec->rm);
	r->src = dec->mem;
	return true;
}

static HANDLER(op_invlpg)
{
	u64 va = EA(c, i);

	/* The TLB is coherent: there is nothing to drop. */
	if (!cpl0(c))
		ASK(PRIV_INVLPG, 0, va);
	return leave_after(c, i, BX_LOOKUP);
}

bool x86_emit_invlpg(struct xlat *x, const struct xi *dec)
{
	emit(x, dec, op_invlpg);
	return true;
}

static HANDLER(op_wbinvd)
{
	if (!cpl0(c))
		ASK(PRIV_WBINVD, i->aux, 0);
	NEXT;
}

bool x86_emit_wbinvd(struct xlat *x, const struct xi *dec)
{
	emit(x, dec, op_wbinvd)->aux = dec->opcode == 0x08; /* INVD */
	return true;
}

/* INVPCID: the TLB is coherent, so what is left are the checks. SDM 2A. */
static HANDLER(op_invpcid)
{
	u64 type = G64(c, i->dst) & (c->mode_key & KEY_CS64 ? ~0ULL : 0xffffffff);
	u64 pcid;

	if (!slow_load(c, EA(c, i), 16))
		return raise_fault(c, i);
	pcid = c->tmp[0];
	if (type > 3 || (pcid >> 12 && type < 2) || (type == 0 && !canonical(c, c->tmp[1])) ||
	    (type < 2 && !(c->s.cr4 & CR4_PCIDE) && pcid))
		RAISE(X86_GP, 0);
	return leave_after(c, i, BX_LOOKUP);
}

bool x86_emit_invpcid(struct xlat *x, const struct xi *dec)
{
	struct insn *r;

	if (x->key & KEY_VM)
		return emit_trap(x, dec, X86_GP, 0);
	r = emit(x, dec, op_invpcid);
	r->dst = OFF64(dec->reg);
	x->end = true;
	return true;
}
