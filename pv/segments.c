/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Segments of a paravirtual guest: CS and SS on the way to ring 3 (SDM 2A IRET), FS and GS bases (HYPERVISOR_
 * set_segment_base, Xen public/arch-x86/xen-x86_64.h). The tables themselves are in pv/mm_desc.c.
 */
#include "pv/hypercall.h"
#include "pv/mm.h"
#include "pv/traps.h"

enum { SEGBASE_FS, SEGBASE_GS_USER, SEGBASE_GS_KERNEL, SEGBASE_GS_USER_SEL };

struct desc {
	u64 base;
	u32 limit;
	u16 attr;
};

static struct desc decode(u64 raw)
{
	struct desc d;

	d.base = (raw >> 16 & 0xffffff) | (raw >> 32 & 0xff000000);
	d.limit = (u32)((raw & 0xffff) | (raw >> 32 & 0xf0000));
	d.attr = (u16)(raw >> 40 & 0xf0ff);
	if (d.attr & SEGA_G)
		d.limit = d.limit << PAGE_SHIFT | 0xfff;
	return d;
}

static int check_cs(struct vcpu *v, u16 sel, struct desc *d, u32 *err)
{
	u64 raw;

	*err = sel & 0xfffcu;
	if (!*err || !pv_mm_descriptor(v, sel, &raw))
		return X86_GP;
	*d = decode(raw);
	if ((d->attr & (SEGA_S | SEGA_CODE)) != (SEGA_S | SEGA_CODE))
		return X86_GP;
	if (!(d->attr & SEGA_CONFORM) && (d->attr & SEGA_DPL) != SEGA_DPL)
		return X86_GP;
	if ((d->attr & SEGA_L) && (d->attr & SEGA_DB))
		return X86_GP;
	return d->attr & SEGA_P ? -1 : X86_NP;
}

static int check_ss(struct vcpu *v, u16 sel, struct desc *d, u32 *err)
{
	u64 raw;

	*err = sel & 0xfffcu;
	if (!*err || !pv_mm_descriptor(v, sel, &raw))
		return X86_GP;
	*d = decode(raw);
	if ((d->attr & (SEGA_S | SEGA_CODE | SEGA_RW)) != (SEGA_S | SEGA_RW) || (d->attr & SEGA_DPL) != SEGA_DPL)
		return X86_GP;
	return d->attr & SEGA_P ? -1 : X86_SS;
}

int pv_load_code_stack(struct vcpu *v, u16 cs, u16 ss, u32 *err)
{
	struct cpu *c = &v->cpu;
	struct desc dc, ds;
	int r;

	r = check_cs(v, cs, &dc, err);
	if (r < 0)
		r = check_ss(v, ss, &ds, err);
	if (r >= 0) {
		c->s.seg[SEG_CS].sel = cs;
		c->s.seg[SEG_SS].sel = ss;
		return r;
	}
	cpu_set_seg(c, SEG_CS, cs, dc.attr & SEGA_L ? 0 : dc.base, dc.limit, dc.attr);
	cpu_set_seg(c, SEG_SS, ss, ds.base, ds.limit, ds.attr);
	cpu_mode_changed(c);
	return -1;
}

void pv_set_base(struct vcpu *v, enum x86_segreg sr, u64 base)
{
	const struct x86_seg g = v->cpu.s.seg[sr];

	cpu_set_seg(&v->cpu, sr, g.sel, base, g.limit, g.attr);
}

/* The user's GS: the selector takes effect at once, its base when the guest goes to user mode. */
static void set_user_gs(struct vcpu *v, u16 sel)
{
	struct pv_vcpu_state *s = &pv_of(v)->s;
	struct cpu *c = &v->cpu;
	u64 kernel = c->s.seg[SEG_GS].base;
	u32 err;

	if (sel > 3)
		sel |= 3;
	if (cpu_load_data_seg(c, SEG_GS, sel, &err))
		cpu_set_seg(c, SEG_GS, 0, 0, 0, 0);
	s->gs_base_user = c->s.seg[SEG_GS].base;
	c->s.kernel_gs_base = s->gs_base_user;
	pv_set_base(v, SEG_GS, kernel);
	cpu_mode_changed(c);
}

i64 hc_set_segment_base(struct hc *h)
{
	struct vcpu *v = h->v;
	struct pv_vcpu_state *s = &pv_of(v)->s;
	u64 base = h->args[1];

	if (pv_dom(v->d)->s.is32)
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
		v->cpu.s.kernel_gs_base = base;
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
