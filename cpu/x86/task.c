/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Task switches between 16-bit (286) and 32-bit (386) task state segments. SDM 3A chapter 7.
 */
#include "cpu/x86/flags.h"
#include "cpu/x86/seg.h"

#define TSS_MAX 104

/* Offsets in the two kinds of TSS, SDM 3A figures 7-2 and 7-10. */
struct tss_layout {
	u8 size; /* smallest */
	u8 cr3, ip, flags, gpr, segs, ldt; /* 0: none */
	u8 word;  /* of registers */
	u8 pitch; /* of segment selectors */
	u8 nsegs;
};
static const struct tss_layout tss16 = { 44, 0, 14, 16, 18, 34, 42, 2, 2, 4 };
static const struct tss_layout tss32 = { 104, 28, 32, 36, 40, 72, 96, 4, 4, 6 };

static const struct tss_layout *layout(u32 type)
{
	return type & 8 ? &tss32 : &tss16;
}

static u64 tss_get(const u8 *b, const struct tss_layout *l, u32 at)
{
	return l->word == 4 ? ld32(b + at) : ld16(b + at);
}

static void tss_set(u8 *b, const struct tss_layout *l, u32 at, u64 v)
{
	if (l->word == 4)
		st32(b + at, (u32)v);
	else
		st16(b + at, (u16)v);
}

/* Writes what the old task is into its TSS: the dynamic fields, SDM 3A 7.2.1. */
static bool save_old(struct x86 *c, u64 ip, u64 flags)
{
	const struct x86_seg *tr = &c->s.seg[SEG_TR];
	const struct tss_layout *l = layout(tr->attr & SEGA_TYPE);
	u32 from = l->ip, end = l->segs + (u32)l->nsegs * l->pitch;
	u8 b[TSS_MAX];
	u32 n;

	if (tr->limit + 1 < l->size)
		return x86_fault(c, X86_TS, tr->sel & ~3u);
	if (!sys_read(c, tr->base + from, b + from, end - from))
		return false;
	tss_set(b, l, l->ip, ip);
	tss_set(b, l, l->flags, flags);
	for (n = 0; n < 8; n++)
		tss_set(b, l, l->gpr + n * l->word, c->r[n]);
	for (n = 0; n < l->nsegs; n++)
		st16(b + l->segs + n * l->pitch, c->s.seg[n].sel);
	for (n = from; n < end; n += 2)
		if (!sys_write(c, tr->base + n, b + n, 2))
			return false;
	return true;
}

/* The new task's LDT; errors are #TS with its selector. */
static bool load_ldt(struct x86 *c, u16 sel, u32 ext)
{
	u32 err = (sel & ~3u) | ext;
	struct x86_seg s;
	u64 raw;

	c->s.seg[SEG_LDTR] = (struct x86_seg){ .sel = sel };
	if (!(sel & ~3u))
		return true;
	if (sel & 4)
		return x86_fault(c, X86_TS, err);
	if (!desc_get(c, sel, &raw, X86_TS, ext))
		return false;
	s = desc_unpack(sel, raw);
	if ((s.attr & (SEGA_S | SEGA_TYPE)) != 2 || !(s.attr & SEGA_P))
		return x86_fault(c, X86_TS, err);
	c->s.seg[SEG_LDTR] = s;
	return true;
}

static bool load_cs(struct x86 *c, u16 sel, u32 ext)
{
	u32 err = (sel & ~3u) | ext, rpl = sel & 3u;
	struct x86_seg s;
	u64 raw;

	if (!(sel & ~3u))
		return x86_fault(c, X86_TS, err);
	if (!desc_get(c, sel, &raw, X86_TS, ext))
		return false;
	s = desc_unpack(sel, raw);
	if ((s.attr & (SEGA_S | SEGA_CODE)) != (SEGA_S | SEGA_CODE))
		return x86_fault(c, X86_TS, err);
	if (s.attr & SEGA_CONFORM ? dpl_of(&s) > rpl : dpl_of(&s) != rpl)
		return x86_fault(c, X86_TS, err);
	if (!(s.attr & SEGA_P))
		return x86_fault(c, X86_NP, err);
	return code_put(c, &s, raw, rpl);
}

static bool load_data(struct x86 *c, enum x86_segreg sr, u16 sel, u32 ext)
{
	u32 err = (sel & ~3u) | ext, rpl = sel & 3u, cpl = c->s.cpl;
	struct x86_seg s;
	u64 raw;

	if (!(sel & ~3u)) {
		if (sr == SEG_SS)
			return x86_fault(c, X86_TS, err);
		x86_set_seg(c, sr, sel, 0, 0, 0);
		return true;
	}
	if (!desc_get(c, sel, &raw, X86_TS, ext))
		return false;
	s = desc_unpack(sel, raw);
	if (!(s.attr & SEGA_S))
		return x86_fault(c, X86_TS, err);
	if (sr == SEG_SS) {
		if ((s.attr & SEGA_CODE) || !(s.attr & SEGA_RW) || dpl_of(&s) != cpl || rpl != cpl)
			return x86_fault(c, X86_TS, err);
	} else if ((s.attr & SEGA_CODE) && !(s.attr & SEGA_RW)) {
		return x86_fault(c, X86_TS, err);
	} else if ((s.attr & (SEGA_CODE | SEGA_CONFORM)) != (SEGA_CODE | SEGA_CONFORM) &&
		   (rpl > dpl_of(&s) || cpl > dpl_of(&s))) {
		return x86_fault(c, X86_TS, err);
	}
	if (!(s.attr & SEGA_P))
		return x86_fault(c, sr == SEG_SS ? X86_SS : X86_NP, err);
	if (!desc_accessed(c, sel, raw))
		return false;
	s.attr |= SEGA_ACCESSED;
	seg_put(c, sr, &s);
	return true;
}

/* Segments of the new task: selectors first, so that a fault finds them in place, then their descriptors. */
static bool load_segs(struct x86 *c, const u8 *b, const struct tss_layout *l, u32 ext, u64 ip)
{
	u16 sel[6] = { 0 };
	u32 n;

	for (n = 0; n < l->nsegs; n++)
		sel[n] = ld16(b + l->segs + n * l->pitch);
	if (in_v86(c)) {
		c->s.seg[SEG_LDTR] = (struct x86_seg){ .sel = ld16(b + l->ldt) };
		for (n = 0; n < 6; n++)
			seg_put_v86(c, n, sel[n]);
		set_cpl(c, 3);
		c->rip = rip_of(c, ip);
		return load_ldt(c, ld16(b + l->ldt), ext);
	}
	for (n = 0; n < 6; n++)
		x86_set_seg(c, n, sel[n], n == SEG_CS ? c->s.seg[SEG_CS].base : 0, n == SEG_CS ? ~0u : 0,
			    n == SEG_CS ? c->s.seg[SEG_CS].attr : 0);
	c->rip = rip_of(c, ip);
	set_cpl(c, sel[SEG_CS] & 3u);
	if (!load_ldt(c, ld16(b + l->ldt), ext) || !load_cs(c, sel[SEG_CS], ext))
		return false;
	c->rip = rip_of(c, ip);
	if (!load_data(c, SEG_SS, sel[SEG_SS], ext))
		return false;
	for (n = 0; n < 6; n++)
		if (n != SEG_CS && n != SEG_SS && !load_data(c, n, sel[n], ext))
			return false;
	if (ip > c->s.seg[SEG_CS].limit)
		return x86_fault(c, X86_GP, ext);
	return true;
}

bool task_switch(struct x86 *c, u16 sel, enum task_how how, u64 ip, u32 ext, bool *late)
{
	u8 bad = how == TASK_IRET ? X86_TS : X86_GP;
	u32 err = (sel & ~3u) | ext;
	const struct tss_layout *l;
	u64 raw, flags, old_flags;
	struct x86_seg s;
	u16 old = c->s.seg[SEG_TR].sel;
	u8 b[TSS_MAX], link[2];
	u32 type, n;

	if ((sel & 4) || !(sel & ~3u))
		return x86_fault(c, bad, err);
	if (!desc_get(c, sel, &raw, bad, ext))
		return false;
	s = desc_unpack(sel, raw);
	type = s.attr & (SEGA_S | SEGA_TYPE);
	if (how == TASK_IRET ? type != 3 && type != 11 : type != 1 && type != 9)
		return x86_fault(c, bad, err);
	if (!(s.attr & SEGA_P))
		return x86_fault(c, X86_NP, err);
	l = layout(type);
	if (s.limit + 1 < l->size)
		return x86_fault(c, X86_TS, err);
	for (n = 0; n < l->size; n += 4)
		if (!sys_read(c, s.base + n, b + n, 4))
			return false;
	old_flags = x86_rflags(c);
	if (how == TASK_IRET)
		old_flags &= ~(u64)FL_NT;
	if (!save_old(c, ip, old_flags))
		return false;
	if ((how == TASK_JMP || how == TASK_IRET) && !desc_busy(c, old, false))
		return false;
	if (how == TASK_CALL || how == TASK_INT) {
		st16(link, old);
		if (!sys_write(c, s.base, link, 2))
			return false;
	}
	if (how != TASK_IRET && !desc_busy(c, sel, true))
		return false;
	/* From here on faults belong to the new task. */
	*late = true;
	s.attr |= 2;
	c->s.seg[SEG_TR] = s;
	c->s.cr0 |= CR0_TS;
	c->s.dr[7] &= ~0x155ULL;
	debug_changed(c);
	if (l->cr3 && (c->s.cr0 & CR0_PG)) {
		c->s.cr3 = ld32(b + l->cr3);
		if (!pdptes_load(c, c->s.cr3))
			return x86_fault(c, X86_GP, 0);
		x86_mode_changed(c);
	}
	flags = tss_get(b, l, l->flags) | FL_FIXED1;
	if (l->word == 2)
		flags &= 0xffff;
	if (how == TASK_CALL || how == TASK_INT)
		flags |= FL_NT;
	for (n = 0; n < 8; n++)
		c->r[n] = l->word == 4 ? tss_get(b, l, l->gpr + n * 4) : 0xffff0000 | tss_get(b, l, l->gpr + n * 2);
	x86_set_rflags(c, flags);
	if (!load_segs(c, b, l, ext, tss_get(b, l, l->ip)))
		return false;
	x86_mode_changed(c);
	if (l->word == 4 && (b[100] & 1))
		c->sys.db_pending |= DR6_BT;
	return true;
}

bool task_push(struct x86 *c, u32 err)
{
	struct x86_stack k = stack_current(c);

	if (!stack_push(c, &k, err, (c->s.seg[SEG_TR].attr & 8) ? 4 : 2))
		return false;
	stack_commit(c, &k);
	return true;
}

bool task_return(struct x86 *c, u64 ip, bool *late)
{
	const struct x86_seg *tr = &c->s.seg[SEG_TR];
	u8 link[2];

	if (!sys_read(c, tr->base, link, 2))
		return false;
	return task_switch(c, ld16(link), TASK_IRET, ip, 0, late);
}
