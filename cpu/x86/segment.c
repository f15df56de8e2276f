/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Descriptors, loads of segment registers and the checks of accesses through them; stacks by privilege. SDM 3A chapters 3
 * and 5. The instructions are in segreg.c and far.c.
 */
#include "cpu/x86/seg.h"
#include "cpu/x86/stack.h"

bool x86_fault(struct x86 *c, u8 vector, u32 err)
{
	c->trap.vector = vector;
	c->trap.error = err;
	return false;
}

/* Tables are read with supervisor rights; SMAP is not lifted by AC for such accesses. */
static bool sys_access(struct x86 *c, u64 va, void *p, u32 n, bool write)
{
	struct mmu *m = &c->mmu;
	struct x86_paging *pg = &c->paging;
	bool user = m->user, ac = pg->ac;
	bool ok;

	if (!long_mode(c))
		va &= 0xffffffff;
	if (user || (ac && pg->smap)) {
		m->user = pg->ac = false;
		mmu_update(m);
	}
	ok = write ? store_bytes(c, va, p, n) : load_bytes(c, va, p, n);
	if (user || (ac && pg->smap)) {
		m->user = user;
		pg->ac = ac;
		mmu_update(m);
	}
	return ok;
}

bool sys_read(struct x86 *c, u64 va, void *dst, u32 n)
{
	return sys_access(c, va, dst, n, false);
}

bool sys_write(struct x86 *c, u64 va, const void *src, u32 n)
{
	u8 b[16];
	u32 i;

	for (i = 0; i < n; i++)
		b[i] = ((const u8 *)src)[i];
	return sys_access(c, va, b, n, true);
}

/* ---- descriptors ------------------------------------------------------------------------------------------------ */

static bool table_entry(const struct x86 *c, u16 sel, u32 bytes, u64 *va)
{
	const struct x86_seg *ldt = &c->s.seg[SEG_LDTR];
	u64 base = sel & 4 ? ldt->base : c->s.gdt.base;
	u32 limit = sel & 4 ? ldt->limit : c->s.gdt.limit;

	if ((sel & 4) && !(ldt->attr & SEGA_P))
		return false;
	*va = base + (sel & ~7u);
	return (sel & ~7u) + bytes - 1 <= limit;
}

enum desc_found desc_find(struct x86 *c, u16 sel, u64 *raw)
{
	u8 b[8];
	u64 va;

	if (c->ops->descriptor)
		return c->ops->descriptor(c, sel, raw) ? DESC_OK : DESC_NONE;
	if (!table_entry(c, sel, 8, &va))
		return DESC_NONE;
	if (!sys_read(c, va, b, 8))
		return DESC_FAULT;
	*raw = ld64(b);
	return DESC_OK;
}

bool desc_get(struct x86 *c, u16 sel, u64 *raw, u8 vector, u32 ext)
{
	enum desc_found f = desc_find(c, sel, raw);

	if (f == DESC_NONE)
		return x86_fault(c, vector, (sel & ~3u) | ext);
	return f == DESC_OK;
}

bool desc_get_high(struct x86 *c, u16 sel, u64 *raw, u8 vector, u32 ext)
{
	u8 b[8];
	u64 va;

	if (c->ops->descriptor)
		return desc_get(c, (u16)(sel + 8), raw, vector, ext);
	if (!table_entry(c, sel, 16, &va))
		return x86_fault(c, vector, (sel & ~3u) | ext);
	if (!sys_read(c, va + 8, b, 8))
		return false;
	*raw = ld64(b);
	return true;
}

struct x86_seg desc_unpack(u16 sel, u64 raw)
{
	struct x86_seg s;

	s.sel = sel;
	s.base = (raw >> 16 & 0xffffff) | (raw >> 56 & 0xff) << 24;
	s.attr = (u16)(raw >> 40 & 0xf0ff);
	s.limit = (u32)((raw & 0xffff) | (raw >> 32 & 0xf0000));
	if (s.attr & SEGA_G)
		s.limit = s.limit << 12 | 0xfff;
	return s;
}

/* Sets and clears bits of a descriptor's type byte. */
static bool desc_type(struct x86 *c, u16 sel, u8 set, u8 clear)
{
	u64 va;
	u8 b;

	if (c->ops->descriptor || !table_entry(c, sel, 8, &va))
		return true;
	if (!sys_read(c, va + 5, &b, 1))
		return false;
	b = (u8)((b | set) & ~clear);
	return sys_write(c, va + 5, &b, 1);
}

bool desc_accessed(struct x86 *c, u16 sel, u64 raw)
{
	return (raw & BIT(40)) || desc_type(c, sel, SEGA_ACCESSED, 0);
}

bool desc_busy(struct x86 *c, u16 sel, bool busy)
{
	return desc_type(c, sel, busy ? 2 : 0, busy ? 0 : 2);
}

void seg_put(struct x86 *c, enum x86_segreg sr, const struct x86_seg *s)
{
	x86_set_seg(c, sr, s->sel, s->base, s->limit, s->attr);
}

void seg_put_v86(struct x86 *c, enum x86_segreg sr, u16 sel)
{
	x86_set_seg(c, sr, sel, (u64)sel << 4, 0xffff,
		    (u16)(SEGA_P | SEGA_S | SEGA_RW | SEGA_ACCESSED | SEGA_DPL | (sr == SEG_CS ? SEGA_CODE : 0)));
}

/* Real mode keeps limits and attributes: "unreal" mode lives on that. */
void seg_put_real(struct x86 *c, enum x86_segreg sr, u16 sel)
{
	if (in_v86(c)) {
		seg_put_v86(c, sr, sel);
		return;
	}
	c->s.seg[sr].sel = sel;
	c->s.seg[sr].base = c->r[REG_ES + sr] = (u64)sel << 4;
	if (sr == SEG_CS) /* what ran as conforming or execute-only code does no longer */
		c->s.seg[sr].attr = (u16)((c->s.seg[sr].attr & (SEGA_DB | SEGA_G)) |
					  (SEGA_P | SEGA_S | SEGA_CODE | SEGA_RW | SEGA_ACCESSED));
	else
		c->s.seg[sr].attr |= SEGA_P | SEGA_S;
}

bool seg_load(struct x86 *c, enum x86_segreg sr, u16 sel)
{
	struct x86_seg s;
	u32 err = sel & ~3u;
	u32 rpl = sel & 3;
	u64 raw;

	if (real_mode(c)) {
		seg_put_real(c, sr, sel);
		return true;
	}
	if (!err) {
		if (sr == SEG_SS && !(code64(c) && c->s.cpl < 3 && rpl == c->s.cpl))
			return x86_fault(c, X86_GP, 0);
		/* A NULL selector: the base stays in 64-bit mode for FS and GS on some processors; it is cleared here. */
		x86_set_seg(c, sr, sel, 0, 0, sr == SEG_SS ? (u16)(SEGA_DB | rpl << 5) : 0);
		return true;
	}
	if (!desc_get(c, sel, &raw, X86_GP, 0))
		return false;
	s = desc_unpack(sel, raw);
	if (!(s.attr & SEGA_S))
		return x86_fault(c, X86_GP, err);
	if (sr == SEG_SS) {
		if (rpl != c->s.cpl || (s.attr & SEGA_CODE) || !(s.attr & SEGA_RW) || dpl_of(&s) != c->s.cpl)
			return x86_fault(c, X86_GP, err);
		if (!(s.attr & SEGA_P))
			return x86_fault(c, X86_SS, err);
	} else {
		if ((s.attr & SEGA_CODE) && !(s.attr & SEGA_RW))
			return x86_fault(c, X86_GP, err);
		if ((s.attr & (SEGA_CODE | SEGA_CONFORM)) != (SEGA_CODE | SEGA_CONFORM) &&
		    (rpl > dpl_of(&s) || c->s.cpl > dpl_of(&s)))
			return x86_fault(c, X86_GP, err);
		if (!(s.attr & SEGA_P))
			return x86_fault(c, X86_NP, err);
	}
	if (!desc_accessed(c, sel, raw))
		return false;
	s.attr |= SEGA_ACCESSED;
	seg_put(c, sr, &s);
	return true;
}

int x86_load_data_seg(struct x86 *c, enum x86_segreg sr, u16 sel, u32 *err)
{
	if (seg_load(c, sr, sel))
		return 0;
	*err = c->trap.error;
	return c->trap.vector;
}

bool code_get(struct x86 *c, u16 sel, u32 cpl, bool ret, struct x86_seg *s, u64 *raw)
{
	u32 err = sel & ~3u;

	if (!err)
		return x86_fault(c, X86_GP, 0);
	if (!desc_get(c, sel, raw, X86_GP, 0))
		return false;
	*s = desc_unpack(sel, *raw);
	if ((s->attr & (SEGA_S | SEGA_CODE)) != (SEGA_S | SEGA_CODE))
		return x86_fault(c, X86_GP, err);
	if (s->attr & SEGA_CONFORM ? dpl_of(s) > cpl : dpl_of(s) != cpl)
		return x86_fault(c, X86_GP, err);
	if (!ret && !(s->attr & SEGA_CONFORM) && (sel & 3u) > cpl)
		return x86_fault(c, X86_GP, err);
	if (long_mode(c) && (s->attr & SEGA_L) && (s->attr & SEGA_DB))
		return x86_fault(c, X86_GP, err);
	if (!(s->attr & SEGA_P))
		return x86_fault(c, X86_NP, err);
	return true;
}

bool code_put(struct x86 *c, const struct x86_seg *s, u64 raw, u32 cpl)
{
	struct x86_seg n = *s;

	if (!desc_accessed(c, s->sel, raw))
		return false;
	n.sel = (u16)((s->sel & ~3u) | cpl);
	n.attr |= SEGA_ACCESSED;
	if ((n.attr & SEGA_L) && long_mode(c))
		n.base = 0;
	seg_put(c, SEG_CS, &n);
	return true;
}

/* ---- checks ----------------------------------------------------------------------------------------------------- */

bool seg_ok(const struct x86 *c, const struct x86_seg *s, u64 off, u32 size, bool write)
{
	u64 last = off + size - 1;
	bool data = !(s->attr & SEGA_CODE);

	if (!(s->attr & SEGA_P))
		return false;
	/* Real and virtual-8086 mode have no types; limits they have. */
	if (!real_mode(c)) {
		if (write && (!data || !(s->attr & SEGA_RW)))
			return false;
		if (!data && !(s->attr & SEGA_RW))
			return false;
	}
	if (data && (s->attr & SEGA_CONFORM))
		return off > s->limit && last <= (s->attr & SEGA_DB ? 0xffffffff : 0xffff);
	if (s->limit == 0xffffffff)
		return true; /* an access that runs over the end of 4 GiB wraps */
	return last <= s->limit;
}

/* ---- stacks ----------------------------------------------------------------------------------------------------- */

void set_cpl(struct x86 *c, u32 cpl)
{
	c->s.cpl = (u8)cpl;
	if (c->mmu.user != (cpl == 3)) {
		c->mmu.user = cpl == 3;
		mmu_update(&c->mmu);
	}
	align_changed(c);
}

void seg_save(const struct x86 *c, struct seg_saved *s)
{
	u32 i;

	for (i = 0; i < SEG_COUNT; i++)
		s->seg[i] = c->s.seg[i];
	s->rsp = c->r[RSP];
	s->rip = c->rip;
	s->eflags = c->eflags;
	s->cpl = c->s.cpl;
}

void seg_restore(struct x86 *c, const struct seg_saved *s)
{
	u32 i;

	for (i = 0; i < SEG_COUNT; i++)
		seg_put(c, i, &s->seg[i]);
	c->r[RSP] = s->rsp;
	c->rip = s->rip;
	c->eflags = s->eflags;
	set_cpl(c, s->cpl);
}

static u64 sp_mask(const struct x86_stack *k)
{
	return k->wide ? ~0ULL : k->ss.attr & SEGA_DB ? 0xffffffff : 0xffff;
}

bool stack_push(struct x86 *c, struct x86_stack *k, u64 v, u32 size)
{
	u64 sp = (k->sp - size) & sp_mask(k);
	u64 va = k->wide ? sp : (u32)(sp + k->ss.base);
	bool user = c->mmu.user;
	bool ok;
	u8 b[8];

	if (k->wide ? !canonical(c, sp) : !seg_ok(c, &k->ss, sp, size, true))
		return x86_fault(c, X86_SS, k->err);
	st64(b, v);
	if (user != k->user) {
		c->mmu.user = k->user;
		mmu_update(&c->mmu);
	}
	ok = aligned(c, va, size) && store_bytes(c, va, b, size);
	if (user != k->user) {
		c->mmu.user = user;
		mmu_update(&c->mmu);
	}
	if (ok)
		k->sp = (k->sp & ~sp_mask(k)) | sp;
	return ok;
}

struct x86_stack stack_current(const struct x86 *c)
{
	return (struct x86_stack){ .ss = c->s.seg[SEG_SS], .sp = c->r[RSP], .wide = code64(c), .user = c->s.cpl == 3 };
}

void stack_commit(struct x86 *c, const struct x86_stack *k)
{
	u64 m = sp_mask(k);

	c->r[RSP] = m == 0xffff ? (c->r[RSP] & ~m) | (k->sp & m) : k->sp & m;
}

bool stack_peek(struct x86 *c, u32 off, u32 size, u64 *v)
{
	if (!code64(c))
		return peek_legacy(c, off, size, v);
	if (!canonical(c, c->r[RSP] + off))
		return x86_fault(c, X86_SS, 0);
	if (!slow_load(c, c->r[RSP] + off, size))
		return false;
	*v = c->tmp[0];
	return true;
}

bool stack_inner(struct x86 *c, u32 dpl, u32 ext, struct x86_stack *k, u64 *raw)
{
	const struct x86_seg *tr = &c->s.seg[SEG_TR];
	bool wide = (tr->attr & SEGA_TYPE) >= 9;
	u32 at = wide ? 4 + dpl * 8 : 2 + dpl * 4;
	u8 b[6];
	u16 ss;
	u32 err;

	if (at + (wide ? 5 : 3) > tr->limit)
		return x86_fault(c, X86_TS, (tr->sel & ~3u) | ext);
	if (!sys_read(c, tr->base + at, b, wide ? 6 : 4))
		return false;
	k->sp = wide ? ld32(b) : ld16(b);
	ss = ld16(b + (wide ? 4 : 2));
	err = (ss & ~3u) | ext;
	if (!(ss & ~3u))
		return x86_fault(c, X86_TS, ext);
	if (!desc_get(c, ss, raw, X86_TS, ext))
		return false;
	k->ss = desc_unpack(ss, *raw);
	if ((ss & 3u) != dpl || dpl_of(&k->ss) != dpl ||
	    (k->ss.attr & (SEGA_S | SEGA_CODE | SEGA_RW)) != (SEGA_S | SEGA_RW))
		return x86_fault(c, X86_TS, err);
	if (!(k->ss.attr & SEGA_P))
		return x86_fault(c, X86_SS, err);
	k->ss.attr |= SEGA_ACCESSED;
	k->wide = false;
	k->user = dpl == 3;
	k->err = err;
	return true;
}

bool stack_inner64(struct x86 *c, u32 dpl, u32 ist, u32 ext, struct x86_stack *k)
{
	const struct x86_seg *tr = &c->s.seg[SEG_TR];
	u32 at = ist ? 36 + (ist - 1) * 8 : 4 + dpl * 8;
	u8 b[8];

	if (at + 7 > tr->limit)
		return x86_fault(c, X86_TS, (tr->sel & ~3u) | ext);
	if (!sys_read(c, tr->base + at, b, 8))
		return false;
	k->sp = ld64(b);
	if (!canonical(c, k->sp))
		return x86_fault(c, X86_SS, ext);
	k->ss = (struct x86_seg){ .sel = (u16)dpl, .attr = (u16)(SEGA_DB | dpl << 5) };
	k->wide = true;
	k->user = dpl == 3;
	k->err = ext;
	return true;
}
