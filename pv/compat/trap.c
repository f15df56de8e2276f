/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bounce frames of 32-bit kernels and the iret hypercall (Xen public/arch-x86/xen-x86_32.h). Left out: the way to
 * virtual-8086 mode, which a 64-bit host has not.
 */
#include "base/endian.h"
#include "cpu/x86/seg.h"
#include "pv/compat/compat.h"
#include "pv/traps_impl.h"

/* What a trap clears in EFLAGS. */
#define TRAP_CLEARS ((u64)(FL_TF | FL_NT | FL_RF | FL_VM))

/* The stack that a frame goes to: the kernel's own, from where it was or from its top. False: it names no segment. */
static bool bounce_stack(struct vcpu *v, bool user, u16 sel, u64 sp, struct x86_stack *k)
{
	struct x86 *c = x86_of(v);
	u64 raw;

	*k = stack_current(c);
	if (!user)
		return true;
	k->sp = (u32)sp;
	if (!(sel & ~3u) || desc_find(c, sel, &raw) != DESC_OK)
		return false;
	k->ss = desc_unpack(sel, raw);
	return (k->ss.attr & (SEGA_P | SEGA_S | SEGA_CODE | SEGA_RW)) == (SEGA_P | SEGA_S | SEGA_RW);
}

static bool push_all(struct x86 *c, struct x86_stack *k, const u32 *word, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++)
		if (!stack_push(c, k, word[i], 4))
			return false;
	return true;
}

/*
 * From high to low: [SS, ESP], EFLAGS with IF for the event mask, CS with the mask in its upper half, EIP, then the error
 * code or, for the failsafe callback, GS, FS, ES, DS.
 */
static u32 frame_words(struct vcpu *v, const struct bounce *b, bool user, u8 mask, u32 *word)
{
	const struct pv_vcpu_state *s = &pv_of(v)->s;
	struct x86 *c = x86_of(v);
	u32 n = 0, fl = (u32)(x86_rflags(c) & ~(u64)(FL_IF | FL_IOPL)) | (mask ? 0 : FL_IF);

	if (pv_dom(v->d)->s.vm_assist & VMASST_ARCH_IOPL)
		fl |= (s->iopl & 3) << 12;
	if (user) {
		word[n++] = c->s.seg[SEG_SS].sel;
		word[n++] = (u32)c->r[RSP];
	}
	word[n++] = fl;
	word[n++] = c->s.seg[SEG_CS].sel | (u32)mask << 16;
	word[n++] = (u32)ip_of(c, c->rip);
	if (b->flags & BOUNCE_FAILSAFE) {
		word[n++] = c->s.seg[SEG_GS].sel;
		word[n++] = c->s.seg[SEG_FS].sel;
		word[n++] = c->s.seg[SEG_ES].sel;
		word[n++] = c->s.seg[SEG_DS].sel;
	}
	if (b->flags & BOUNCE_ERROR)
		word[n++] = b->error;
	return n;
}

bool compat_bounce(struct vcpu *v, const struct bounce *b)
{
	struct pv_vcpu_state *s = &pv_of(v)->s;
	struct x86 *c = x86_of(v);
	bool user = !pv_kernel_mode(v);
	u8 mask = xen_info_u8(v, VI_MASK);
	unsigned long long at = c->rip;
	u32 word[12], n = frame_words(v, b, user, mask, word), err;
	u16 kernel_ss = (u16)s->kernel_ss;
	struct x86_stack k;

	if (!(b->cs & ~3u)) {
		domain_crash(v->d, v, "%s %u came at %llx, for which the guest has set no handler.", b->what, b->n, at);
		return false;
	}
	set_cpl(c, 1);
	if (!bounce_stack(v, user, kernel_ss, s->kernel_sp, &k) || !push_all(c, &k, word, n)) {
		domain_crash(v->d, v, "%s %u came at %llx, but the guest's kernel stack at %x:%llx cannot be written.",
			     b->what, b->n, at, k.ss.sel, (unsigned long long)k.sp);
		return false;
	}
	if (b->flags & BOUNCE_MASK)
		xen_info_set_u8(v, VI_MASK, 1);
	x86_set_rflags(c, (x86_rflags(c) & ~TRAP_CLEARS) | FL_IF);
	c->r[RSP] = (u32)k.sp;
	if (pv_load_code_stack(v, b->cs, k.ss.sel, &err) >= 0) {
		domain_crash(v->d, v, "%s %u came at %llx, but its handler's segments %x and %x cannot be loaded.", b->what,
			     b->n, at, b->cs, k.ss.sel);
		return false;
	}
	c->rip = rip_of(c, (u32)b->ip);
	return true;
}

/* The frame: EAX, EIP, CS, EFLAGS, and to an outer ring ESP, SS. */
i64 compat_iret(struct hc *h)
{
	struct vcpu *v = h->v;
	struct pv_vcpu_state *s = &pv_of(v)->s;
	struct x86 *c = x86_of(v);
	u32 sp = (u32)c->r[RSP], ring, fl, err = 0;
	u16 cs, ss = c->s.seg[SEG_SS].sel;
	u8 raw[24];
	int vector;

	h->no_result = true;
	if (xen_copy_from(v, raw, sp, 16)) {
		domain_crash(v->d, v, "The iret frame at %x cannot be read.", sp);
		return 0;
	}
	cs = ld16(raw + 8);
	fl = ld32(raw + 12);
	ring = cs & 3;
	if (!ring || (fl & FL_VM)) {
		domain_crash(v->d, v, "The guest tried to return to %s by the iret hypercall.",
			     ring ? "virtual-8086 mode" : "ring 0");
		return 0;
	}
	if (ring > 1) {
		if (xen_copy_from(v, raw + 16, sp + 16, 8)) {
			domain_crash(v->d, v, "The iret frame at %x cannot be read.", sp);
			return 0;
		}
		c->r[RSP] = ld32(raw + 16);
		ss = ld16(raw + 20);
	} else {
		c->r[RSP] = sp + 16;
	}
	if (pv_dom(v->d)->s.vm_assist & VMASST_ARCH_IOPL)
		s->iopl = fl >> 12 & 3;
	xen_info_set_u8(v, VI_MASK, !(fl & FL_IF));
	xen_of(v)->s.flags &= ~(u32)XEN_VCPU_NMI_MASKED;
	c->r[RAX] = ld32(raw);
	fl = (fl & ~(u32)FL_IOPL) | FL_IF | FL_FIXED1;
	/* RF matters, and is taken back, only where there are breakpoints. */
	x86_set_rflags(c, c->breakpoints_armed ? fl : fl & ~(u32)FL_RF);
	/* A selector that does not load faults as in the guest's new place: its own IRET would have. */
	vector = pv_load_code_stack(v, cs, ss, &err);
	c->rip = rip_of(c, ld32(raw + 4));
	if (vector >= 0)
		pv_inject(v, (u8)vector, true, err);
	return (i64)ld32(raw);
}
