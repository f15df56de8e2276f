/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Far calls and jumps of 32-bit guests through call gates, as Xen emulates them: the gates in memory have DPL 0, their own is
 * in the selector's RPL (pv/mm/desc.c), and the inner stack is that of HYPERVISOR_stack_switch (SDM 3A 5.8.3 and 5.8.5).
 */
#include "cpu/x86/seg.h"
#include "pv/compat/compat.h"

struct gate {
	u32 dpl, count; /* count: parameters that are copied */
	u16 sel;
	u32 off;
};

/* The code segment behind the gate, for control that is at level cpl. */
static bool gate_code(struct x86 *c, const struct gate *g, bool call, struct x86_seg *s, u64 *raw)
{
	u32 err = g->sel & ~3u;
	bool above;

	if (!err)
		return x86_fault(c, X86_GP, 0);
	if (!desc_get(c, (u16)err, raw, X86_GP, 0))
		return false;
	*s = desc_unpack((u16)err, *raw);
	above = call || (s->attr & SEGA_CONFORM) ? dpl_of(s) > c->s.cpl : dpl_of(s) != c->s.cpl;
	if ((s->attr & (SEGA_S | SEGA_CODE)) != (SEGA_S | SEGA_CODE) || above)
		return x86_fault(c, X86_GP, err);
	if (!(s->attr & SEGA_P))
		return x86_fault(c, X86_NP, err);
	return g->off <= s->limit || x86_fault(c, X86_GP, 0);
}

/* The kernel's stack with the outer one's address and its parameters. */
static bool gate_stack(struct x86 *c, const struct gate *g, struct x86_stack *k)
{
	const struct pv_vcpu_state *s = &pv_of(x86_vcpu(c))->s;
	u16 ss = (u16)s->kernel_ss;
	u64 word[31], raw;
	u32 i;

	for (i = 0; i < g->count; i++)
		if (!stack_peek(c, i * 4, 4, &word[i]))
			return false;
	if ((ss & 3) != 1 || desc_find(c, ss, &raw) != DESC_OK)
		return x86_fault(c, X86_TS, ss & ~3u);
	k->ss = desc_unpack(ss, raw);
	if (dpl_of(&k->ss) != 1 || (k->ss.attr & (SEGA_S | SEGA_CODE | SEGA_RW)) != (SEGA_S | SEGA_RW))
		return x86_fault(c, X86_TS, ss & ~3u);
	if (!(k->ss.attr & SEGA_P))
		return x86_fault(c, X86_SS, ss & ~3u);
	k->sp = (u32)s->kernel_sp;
	k->user = false;
	k->err = ss & ~3u;
	if (!stack_push(c, k, c->s.seg[SEG_SS].sel, 4) || !stack_push(c, k, (u32)c->r[RSP], 4))
		return false;
	for (i = g->count; i-- > 0;)
		if (!stack_push(c, k, word[i], 4))
			return false;
	return true;
}

bool compat_gate(struct x86 *c, u16 sel, u64 raw, bool call, u64 next)
{
	struct gate g = { .dpl = raw >> 16 & 3, .count = raw >> 32 & 31, .sel = (u16)(raw >> 16) };
	struct x86_stack k = stack_current(c);
	u32 cpl = c->s.cpl;
	struct x86_seg s;
	u64 code;

	g.off = (u32)((raw & 0xffff) | (raw >> 32 & 0xffff0000));
	if (g.dpl < cpl || g.dpl < (sel & 3u))
		return x86_fault(c, X86_GP, sel & ~3u);
	if (!(raw >> 47 & 1))
		return x86_fault(c, X86_NP, sel & ~3u);
	if (!gate_code(c, &g, call, &s, &code))
		return false;
	if (call && !(s.attr & SEGA_CONFORM) && dpl_of(&s) < cpl) {
		cpl = dpl_of(&s);
		/* The host knows of no stack but the kernel's. */
		if (cpl != 1)
			return x86_fault(c, X86_GP, sel & ~3u);
		if (!gate_stack(c, &g, &k))
			return false;
	}
	if (call && (!stack_push(c, &k, c->s.seg[SEG_CS].sel, 4) || !stack_push(c, &k, next, 4)))
		return false;
	if (!code_put(c, &s, code, cpl))
		return false;
	if (cpl != c->s.cpl) {
		seg_put(c, SEG_SS, &k.ss);
		set_cpl(c, cpl);
	}
	if (call)
		c->r[RSP] = (u32)k.sp;
	c->rip = rip_of(c, g.off);
	return true;
}
