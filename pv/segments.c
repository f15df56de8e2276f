/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Segments of a paravirtual guest: CS and SS on the way to its ring (SDM 2A IRET), FS and GS bases (HYPERVISOR_
 * set_segment_base, Xen public/arch-x86/xen-x86_64.h). The tables themselves are in pv/mm/desc.c.
 */
#include "cpu/x86/seg.h"
#include "pv/hypercall.h"
#include "pv/mm/mm.h"
#include "pv/traps.h"

enum { SEGBASE_FS, SEGBASE_GS_USER, SEGBASE_GS_KERNEL, SEGBASE_GS_USER_SEL };

static int check_cs(struct vcpu *v, u16 sel, struct x86_seg *d, u32 *err)
{
	u64 raw;

	*err = sel & 0xfffcu;
	if (!*err || !pv_mm_descriptor(v, sel, &raw))
		return X86_GP;
	*d = desc_unpack(sel, raw);
	if ((d->attr & (SEGA_S | SEGA_CODE)) != (SEGA_S | SEGA_CODE))
		return X86_GP;
	if (d->attr & SEGA_CONFORM ? dpl_of(d) > (sel & 3u) : dpl_of(d) != (sel & 3u))
		return X86_GP;
	if ((d->attr & SEGA_L) && (d->attr & SEGA_DB))
		return X86_GP;
	return d->attr & SEGA_P ? -1 : X86_NP;
}

static int check_ss(struct vcpu *v, u16 sel, u32 ring, struct x86_seg *d, u32 *err)
{
	u64 raw;

	*err = sel & 0xfffcu;
	if (!*err || !pv_mm_descriptor(v, sel, &raw))
		return X86_GP;
	*d = desc_unpack(sel, raw);
	if ((d->attr & (SEGA_S | SEGA_CODE | SEGA_RW)) != (SEGA_S | SEGA_RW) || (sel & 3u) != ring || dpl_of(d) != ring)
		return X86_GP;
	return d->attr & SEGA_P ? -1 : X86_SS;
}

/* Data segments that an outer ring may not see become NULL, SDM 2A IRET. */
static void drop_inner(struct x86 *c, u32 ring)
{
	static const u8 regs[4] = { SEG_ES, SEG_DS, SEG_FS, SEG_GS };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(regs); i++) {
		const struct x86_seg *s = &c->s.seg[regs[i]];

		if ((s->attr & SEGA_P) && dpl_of(s) < ring &&
		    (s->attr & (SEGA_CODE | SEGA_CONFORM)) != (SEGA_CODE | SEGA_CONFORM))
			x86_set_seg(c, regs[i], 0, 0, 0, 0);
	}
}

int pv_load_code_stack(struct vcpu *v, u16 cs, u16 ss, u32 *err)
{
	struct x86 *c = x86_of(v);
	struct x86_seg dc, ds;
	u32 ring = cs & 3;
	int r;

	r = check_cs(v, cs, &dc, err);
	if (r < 0)
		r = check_ss(v, ss, ring, &ds, err);
	set_cpl(c, ring);
	if (r >= 0) {
		c->s.seg[SEG_CS].sel = cs;
		c->s.seg[SEG_SS].sel = ss;
		return r;
	}
	if (ring > 1 && pv_dom(v->d)->xen.s.is32)
		drop_inner(c, ring);
	x86_set_seg(c, SEG_CS, cs, dc.attr & SEGA_L ? 0 : dc.base, dc.limit, dc.attr);
	x86_set_seg(c, SEG_SS, ss, ds.base, ds.limit, ds.attr);
	x86_mode_changed(c);
	return -1;
}

void pv_set_base(struct vcpu *v, enum x86_segreg sr, u64 base)
{
	const struct x86_seg g = x86_of(v)->s.seg[sr];

	x86_set_seg(x86_of(v), sr, g.sel, base, g.limit, g.attr);
}

/* The user's GS: the selector takes effect at once, its base when the guest goes to user mode. */
static void set_user_gs(struct vcpu *v, u16 sel)
{
	struct pv_vcpu_state *s = &pv_of(v)->s;
	struct x86 *c = x86_of(v);
	u64 kernel = c->s.seg[SEG_GS].base;
	u32 err;

	if (sel > 3)
		sel |= 3;
	if (x86_load_data_seg(c, SEG_GS, sel, &err))
		x86_set_seg(c, SEG_GS, 0, 0, 0, 0);
	s->gs_base_user = c->s.seg[SEG_GS].base;
	c->s.kernel_gs_base = s->gs_base_user;
	pv_set_base(v, SEG_GS, kernel);
	x86_mode_changed(c);
}

i64 hc_set_segment_base(struct hc *h)
{
	struct vcpu *v = h->v;
	struct pv_vcpu_state *s = &pv_of(v)->s;
	u64 base = h->args[1];

	if (pv_dom(v->d)->xen.s.is32)
		return -XEN_ENOSYS;
	h->sub = (u32)h->args[0];
	if (h->sub <= SEGBASE_GS_KERNEL && !pv_canonical(base))
		return -XEN_EINVAL;
	switch (h->sub) {
	case SEGBASE_FS:
		pv_set_base(v, SEG_FS, base);
		return 0;
	case SEGBASE_GS_USER:
		s->gs_base_user = base;
		x86_of(v)->s.kernel_gs_base = base;
		return 0;
	case SEGBASE_GS_KERNEL:
		s->gs_base_kernel = base;
		pv_set_base(v, SEG_GS, base);
		return 0;
	case SEGBASE_GS_USER_SEL:
		set_user_gs(v, (u16)base);
		return 0;
	default:
		return -XEN_EINVAL;
	}
}
