/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MOVS CMPS STOS LODS SCAS INS OUTS and their repeated forms, SDM 2A and 2B.
 *
 * A repeated instruction works in chunks that end at page boundaries. Each chunk counts as one instruction. After a chunk it
 * goes on, or leaves with rip at itself when the budget is spent. So it can be interrupted as on a processor, takes virtual
 * time, and how much depends only on addresses and RCX.
 */
#include <string.h>

#include "cpu/x86/block.h"
#include "cpu/x86/flags.h"
#include "cpu/x86/opcodes.h"
#include "cpu/x86/port.h"
#include "cpu/x86/seg.h"
#include "cpu/x86/xlat.h"

/* Fields of a string record: aux is the element size, src the repeat prefix (0, 0xF3, 0xF2), seg the source segment. */

static u64 reg_masked(const struct x86 *c, u32 r, const struct insn *i)
{
	return c->r[r] & c->r[i->asz];
}

/* Sets an address or count register in the address size. */
static void set_masked(struct x86 *c, u32 r, const struct insn *i, u64 v)
{
	if (i->asz == REG_M16)
		SET16(c, OFF16(r), v);
	else
		c->r[r] = v & c->r[i->asz];
}

static void advance(struct x86 *c, u32 r, const struct insn *i, i64 n)
{
	set_masked(c, r, i, c->r[r] + (u64)n);
}

/*
 * A repeated form with 32-bit addresses begins by cutting registers to 32 bits, even where it then does nothing or faults:
 * RCX, and what MOVS and STOS move (seen on a Xeon of family 6, model 207; AMD's leaves them).
 */
static void cut(struct x86 *c, u32 r, const struct insn *i)
{
	if (i->asz == REG_M32)
		c->r[r] = (u32)c->r[r];
}

static i64 step_of(const struct x86 *c, const struct insn *i)
{
	return c->eflags & FL_DF ? -(i64)i->aux : (i64)i->aux;
}

/*
 * Elements that fit before an address leaves its page, going the current way; at least 1 (an element may cross), and
 * bounded by the address size's wrap.
 */
static u64 page_run(const struct x86 *c, u64 lin, const struct insn *i)
{
	u32 off = PAGE_OFFSET(lin);
	u64 n;

	if (UNLIKELY(c->exact_now))
		return 1;
	if (c->eflags & FL_DF)
		n = off + i->aux > PAGE_SIZE ? 1 : off / i->aux + 1;
	else
		n = (PAGE_SIZE - off) / i->aux;
	return MAX(n, 1u);
}

/*
 * Checks one element through segment register r (REG_ES..) at its offset, where that segment may not be flat. False: a
 * fault is noted.
 */
static bool str_ok(struct x86 *c, const struct insn *i, u32 r, u32 reg, bool write)
{
	if (LIKELY(c->mode_key & KEY_CS64) || r < REG_ES || r > REG_GS)
		return true;
	if (!(c->mode_key & KEY_SEGCHECK) && r < REG_FS)
		return true;
	if (seg_ok(c, &c->s.seg[r - REG_ES], reg_masked(c, reg, i), i->aux, write))
		return true;
	return x86_fault(c, r == REG_SS ? X86_SS : X86_GP, 0);
}

/* The linear address of an element; 32 bits outside of 64-bit mode. */
static u64 str_lin(const struct x86 *c, const struct insn *i, u64 base, u32 reg)
{
	u64 va = reg_masked(c, reg, i) + base;

	return c->mode_key & KEY_CS64 ? va : (u32)va;
}

static u64 es_base(const struct x86 *c)
{
	return c->mode_key & KEY_CS64 ? 0 : c->r[REG_ES];
}

/* What to do after a chunk: true to go round again within this handler. */
static bool again(struct x86 *c)
{
	if (c->cpu.budget <= 0 || (c->ops->ending && c->ops->ending(&c->cpu)))
		return false;
	c->cpu.budget--;
	return true;
}

/*
 * The same for what writes memory, which may be the instruction itself: then it is decoded again before the next chunk,
 * wherever that begins. A chunk goes on as it was, whatever of its block it overwrites, so that no block's extent shows.
 */
static bool again_as_decoded(struct x86 *c, const struct insn *i, insn_fn self)
{
	return i->fn == self && i->ip + i->len <= PAGE_SIZE && again(c);
}

/* Leaves with the instruction to be executed again: this chunk counted as one. */
static const struct insn *resume(struct x86 *c, const struct insn *i)
{
	c->cpu.budget += i->n - 1;
	/* What interrupts it between two rounds saves RF, SDM 3B 17.3.1.1. */
	if (c->exact_now && c->native)
		c->eflags |= FL_RF;
	return leave(c, IP(c, i), BX_LOOKUP);
}

/* Host pointers for n bytes at va when the page can be accessed directly; NULL otherwise. */
static const u8 *read_run(struct x86 *c, u64 va, u32 n)
{
	const u8 *p = mmu_find_read(&c->mmu, va, n);
	struct mmu_fault f;
	u64 mfn;

	if (!p && PAGE_OFFSET(va) + n <= PAGE_SIZE && !mmu_translate(&c->mmu, va, MMU_READ, &mfn, &f))
		p = mmu_hit_read(&c->mmu, va, n);
	return p;
}

static u8 *write_run(struct x86 *c, u64 va, u32 n)
{
	u8 *p = mmu_find_write(&c->mmu, va, n);
	struct mmu_fault f;
	u64 mfn;

	if (!p && PAGE_OFFSET(va) + n <= PAGE_SIZE && !mmu_translate(&c->mmu, va, MMU_WRITE, &mfn, &f))
		p = mmu_hit_write(&c->mmu, va, n);
	return p;
}

/* ---- MOVS -------------------------------------------------------------------------------------------------------- */

/* One element by the slow way. */
static bool movs_one(struct x86 *c, const struct insn *i)
{
	u64 si = str_lin(c, i, c->r[i->seg], RSI);
	u64 di = str_lin(c, i, es_base(c), RDI);

	if (!str_ok(c, i, i->seg, RSI, false) || !str_ok(c, i, REG_ES, RDI, true))
		return false;
	if (!slow_load(c, si, i->aux) || !slow_store(c, di, i->aux, c->tmp[0]))
		return false;
	advance(c, RSI, i, step_of(c, i));
	advance(c, RDI, i, step_of(c, i));
	return true;
}

static void copy_elements(u8 *d, const u8 *s, u64 n, u32 size)
{
	u64 bytes = n * size;

	/* A destination inside the source run copies what it has just written, element by element. */
	if (d <= s || d >= s + bytes) {
		memmove(d, s, bytes);
		return;
	}
	for (; n; n--, d += size, s += size)
		memmove(d, s, size);
}

static HANDLER(op_movs)
{
	u64 n, k;

	if (!i->src) {
		if (!movs_one(c, i))
			return raise_fault(c, i);
		NEXT;
	}
	cut(c, RCX, i);
	cut(c, RSI, i);
	cut(c, RDI, i);
	for (;;) {
		u64 si = reg_masked(c, RSI, i) + c->r[i->seg];
		u64 di = reg_masked(c, RDI, i) + es_base(c);
		const u8 *s;
		u8 *d;

		n = reg_masked(c, RCX, i);
		if (!n)
			NEXT;
		k = MIN(n, MIN(page_run(c, si, i), page_run(c, di, i)));
		s = d = NULL;
		if (!(c->eflags & FL_DF) && i->asz == REG_M64) {
			s = read_run(c, si, (u32)k * i->aux);
			d = s ? write_run(c, di, (u32)k * i->aux) : NULL;
			/* To make d writable may have moved s. */
			s = d ? mmu_find_read(&c->mmu, si, (u32)k * i->aux) : NULL;
		}
		if (s) {
			copy_elements(d, s, k, i->aux);
			c->r[RSI] += k * i->aux;
			c->r[RDI] += k * i->aux;
			c->r[RCX] -= k;
		} else {
			for (; k; k--) {
				if (!movs_one(c, i))
					return raise_fault(c, i);
				advance(c, RCX, i, -1);
			}
		}
		if (!reg_masked(c, RCX, i))
			NEXT;
		if (!again_as_decoded(c, i, op_movs))
			return resume(c, i);
	}
}

/* ---- STOS -------------------------------------------------------------------------------------------------------- */

static bool stos_one(struct x86 *c, const struct insn *i)
{
	if (!str_ok(c, i, REG_ES, RDI, true) || !slow_store(c, str_lin(c, i, es_base(c), RDI), i->aux, c->r[RAX]))
		return false;
	advance(c, RDI, i, step_of(c, i));
	return true;
}

static void fill_elements(u8 *d, u64 n, u32 size, u64 v)
{
	u64 k;

	if (size == 1 || v == 0) {
		memset(d, (int)(v & 0xff), n * size);
		return;
	}
	for (k = 0; k < n; k++, d += size) {
		if (size == 2)
			st16(d, (u16)v);
		else if (size == 4)
			st32(d, (u32)v);
		else
			st64(d, v);
	}
}

static HANDLER(op_stos)
{
	u64 k;

	if (!i->src) {
		if (!stos_one(c, i))
			return raise_fault(c, i);
		NEXT;
	}
	cut(c, RCX, i);
	cut(c, RDI, i);
	for (;;) {
		u64 di = reg_masked(c, RDI, i) + es_base(c);
		u8 *d = NULL;

		k = reg_masked(c, RCX, i);
		if (!k)
			NEXT;
		k = MIN(k, page_run(c, di, i));
		if (!(c->eflags & FL_DF) && i->asz == REG_M64)
			d = write_run(c, di, (u32)k * i->aux);
		if (d) {
			u64 v = i->aux == 8 ? c->r[RAX] : c->r[RAX] & (BIT(i->aux * 8) - 1);

			fill_elements(d, k, i->aux, v);
			c->r[RDI] += k * i->aux;
			c->r[RCX] -= k;
		} else {
			for (; k; k--) {
				if (!stos_one(c, i))
					return raise_fault(c, i);
				advance(c, RCX, i, -1);
			}
		}
		if (!reg_masked(c, RCX, i))
			NEXT;
		if (!again_as_decoded(c, i, op_stos))
			return resume(c, i);
	}
}

/* ---- LODS, SCAS, CMPS -------------------------------------------------------------------------------------------- */

static void set_acc(struct x86 *c, u32 size, u64 v)
{
	if (size == 1)
		SET8(c, OFF8(RAX), v);
	else if (size == 2)
		SET16(c, OFF16(RAX), v);
	else
		c->r[RAX] = v;
}

static HANDLER(op_lods)
{
	u64 k;

	if (i->src)
		cut(c, RCX, i);
	do {
		k = i->src ? reg_masked(c, RCX, i) : 1;
		if (!k)
			NEXT;
		k = i->src ? MIN(k, page_run(c, reg_masked(c, RSI, i) + c->r[i->seg], i)) : 1;
		for (; k; k--) {
			if (!str_ok(c, i, i->seg, RSI, false) || !slow_load(c, str_lin(c, i, c->r[i->seg], RSI), i->aux))
				return raise_fault(c, i);
			set_acc(c, i->aux, c->tmp[0]);
			advance(c, RSI, i, step_of(c, i));
			if (i->src)
				advance(c, RCX, i, -1);
		}
		if (!i->src || !reg_masked(c, RCX, i))
			NEXT;
	} while (again(c));
	return resume(c, i);
}

/* Of what compare_one() left in c->tmp[2] and [3]. */
static void compare_flags(struct x86 *c, u32 size)
{
	c->cc_op = CC_SUB + size_log2(size);
	c->cc_dst = c->tmp[2] - c->tmp[3];
	c->cc_src = c->tmp[3];
}

/* SCAS (accumulator against ES:DI) and CMPS (DS:SI against ES:DI): dst tells. */
static bool compare_one(struct x86 *c, const struct insn *i)
{
	u64 m = i->aux == 8 ? ~0ULL : BIT(i->aux * 8) - 1;
	u64 a = c->r[RAX] & m;
	u64 b;

	if (i->dst) {
		if (!str_ok(c, i, i->seg, RSI, false) || !slow_load(c, str_lin(c, i, c->r[i->seg], RSI), i->aux))
			return false;
		a = c->tmp[0];
	}
	if (!str_ok(c, i, REG_ES, RDI, false) || !slow_load(c, str_lin(c, i, es_base(c), RDI), i->aux))
		return false;
	b = c->tmp[0];
	if (i->dst)
		advance(c, RSI, i, step_of(c, i));
	advance(c, RDI, i, step_of(c, i));
	c->tmp[1] = a == b;
	c->tmp[2] = a;
	c->tmp[3] = b;
	return true;
}

static HANDLER(op_scan)
{
	u64 k;

	if (!i->src) {
		if (!compare_one(c, i))
			return raise_fault(c, i);
		compare_flags(c, i->aux);
		NEXT;
	}
	cut(c, RCX, i);
	do {
		k = reg_masked(c, RCX, i);
		if (!k)
			NEXT;
		k = MIN(k, page_run(c, reg_masked(c, RDI, i) + es_base(c), i));
		for (; k; k--) {
			/*
			 * When an iteration faults, the flags of CMPS are those of the one before, and SCAS has not changed
			 * them at all, however many went before (so Intel's; the SDM, at REP, promises the latter of both).
			 */
			bool last;

			if (!compare_one(c, i))
				return raise_fault(c, i);
			advance(c, RCX, i, -1);
			last = !reg_masked(c, RCX, i) || (c->tmp[1] != 0) != (i->src == 0xf3);
			if (i->dst || last)
				compare_flags(c, i->aux);
			if (last)
				NEXT;
		}
	} while (again(c));
	return resume(c, i);
}

static bool emit_string(struct xlat *x, const struct xi *dec, insn_fn fn, u8 dst)
{
	const char *o = dec->row->op[0];
	u32 k = o[0] == 'A' || o[0] == 'r' ? 1 : 0;
	u32 size = dec->row->op[k][1] == 'b' ? 1 : dec->opsz;
	struct insn *r = emit(x, dec, fn);

	r->aux = (u8)size;
	r->src = dec->rep;
	r->dst = dst;
	if (dec->mode == 8)
		r->seg = dec->segovr == REG_FS || dec->segovr == REG_GS ? dec->segovr : REG_ZERO;
	else
		r->seg = dec->segovr != REG_ZERO ? dec->segovr : REG_DS;
	return true;
}

bool x86_emit_movs(struct xlat *x, const struct xi *dec)
{
	return emit_string(x, dec, op_movs, 0);
}

bool x86_emit_stos(struct xlat *x, const struct xi *dec)
{
	return emit_string(x, dec, op_stos, 0);
}

bool x86_emit_lods(struct xlat *x, const struct xi *dec)
{
	return emit_string(x, dec, op_lods, 0);
}

bool x86_emit_scas(struct xlat *x, const struct xi *dec)
{
	return emit_string(x, dec, op_scan, 0);
}

bool x86_emit_cmps(struct xlat *x, const struct xi *dec)
{
	return emit_string(x, dec, op_scan, 1);
}

/* ---- port strings: one element each time round -------------------------------------------------------------------- */

static HANDLER(op_ins)
{
	u64 v = i->aux;

	if (i->src && !reg_masked(c, RCX, i))
		return leave_after(c, i, BX_LOOKUP);
	if (!port_check(c, (u16)c->r[RDX], i->aux))
		return raise_noted(c, i);
	if (!str_ok(c, i, REG_ES, RDI, true) || !slow_probe(c, str_lin(c, i, es_base(c), RDI), i->aux, true))
		return raise_fault(c, i);
	c->cur = i;
	if (!port_in(c, (u16)c->r[RDX], i->aux, &v)) {
		c->cur = NULL;
		return raise_noted(c, i);
	}
	c->cur = NULL;
	if (!slow_store(c, str_lin(c, i, es_base(c), RDI), i->aux, v))
		return raise_fault(c, i);
	advance(c, RDI, i, step_of(c, i));
	if (!i->src)
		return leave_after(c, i, BX_LOOKUP);
	advance(c, RCX, i, -1);
	return reg_masked(c, RCX, i) ? resume(c, i) : leave_after(c, i, BX_LOOKUP);
}

static HANDLER(op_outs)
{
	bool ok;

	if (i->src && !reg_masked(c, RCX, i))
		return leave_after(c, i, BX_LOOKUP);
	if (!port_check(c, (u16)c->r[RDX], i->aux))
		return raise_noted(c, i);
	if (!str_ok(c, i, i->seg, RSI, false) || !slow_load(c, str_lin(c, i, c->r[i->seg], RSI), i->aux))
		return raise_fault(c, i);
	c->cur = i;
	ok = port_out(c, (u16)c->r[RDX], i->aux, c->tmp[0]);
	c->cur = NULL;
	if (!ok)
		return raise_noted(c, i);
	advance(c, RSI, i, step_of(c, i));
	if (!i->src)
		return leave_after(c, i, BX_LOOKUP);
	advance(c, RCX, i, -1);
	return reg_masked(c, RCX, i) ? resume(c, i) : leave_after(c, i, BX_LOOKUP);
}

bool x86_emit_ins(struct xlat *x, const struct xi *dec)
{
	emit_string(x, dec, op_ins, 0);
	x->rec[x->nrecs - 1].aux = dec->row->op[0][1] == 'b' ? 1 : MIN(dec->opsz, 4);
	return true;
}

bool x86_emit_outs(struct xlat *x, const struct xi *dec)
{
	emit_string(x, dec, op_outs, 0);
	x->rec[x->nrecs - 1].aux = dec->row->op[1][1] == 'b' ? 1 : MIN(dec->opsz, 4);
	return true;
}
