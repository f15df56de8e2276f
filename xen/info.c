/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * shared_info and vcpu_info (Xen public/xen.h, arch-x86/xen.h), read and written through guest memory, so that what
 * the guest sees is the only copy. Offsets of 32-bit guests are translated here and nowhere else. Left out: the p2m
 * list fields, which only tools read.
 */
#include "xen/info.h"

#include "base/endian.h"

/* struct shared_info after the 32 vcpu_info: byte offsets in the 64-bit and the 32-bit layout. */
struct shared_layout {
	u16 pending, mask, wc_version, wc_sec, wc_nsec, wc_sec_hi;
};
static const struct shared_layout layout64 = { 2048, 2560, 3072, 3076, 3080, 3084 };
static const struct shared_layout layout32 = { 2048, 2176, 2304, 2308, 2312, 2340 };

static const struct shared_layout *shared_layout(const struct xen_domain *p)
{
	return p->s.is32 ? &layout32 : &layout64;
}

/* Word-sized fields of vcpu_info lie closer together in a 32-bit guest. */
static u32 info_offset(const struct xen_domain *p, u32 off)
{
	if (p->s.is32 && off == VI_SEL)
		return 4;
	if (p->s.is32 && off == VI_CR2)
		return 8;
	return off;
}

static u64 info_addr(struct vcpu *v)
{
	return xen_of(v)->s.vcpu_info;
}

u8 xen_info_u8(struct vcpu *v, u32 off)
{
	u64 a = info_addr(v);
	const u8 *page = a ? mem_ro(&v->d->mem, a >> PAGE_SHIFT) : NULL;

	/* A vCPU without the page cannot take events. */
	return page ? page[PAGE_OFFSET(a) + off] : off == VI_MASK;
}

void xen_info_write(struct vcpu *v, u32 off, const void *src, u32 n)
{
	u64 a = info_addr(v);
	u32 at = PAGE_OFFSET(a) + off;
	u8 *page = a ? mem_rw(&v->d->mem, a >> PAGE_SHIFT, at, n) : NULL;

	if (page)
		memcpy(page + at, src, n);
}

void xen_info_set_u8(struct vcpu *v, u32 off, u8 x)
{
	xen_info_write(v, off, &x, 1);
}

u64 xen_info_u64(struct vcpu *v, u32 off)
{
	const struct xen_domain *p = xen_dom(v->d);
	u64 a = info_addr(v);
	const u8 *page = a ? mem_ro(&v->d->mem, a >> PAGE_SHIFT) : NULL;

	if (!page)
		return 0;
	page += PAGE_OFFSET(a) + info_offset(p, off);
	return p->s.is32 ? ld32(page) : ld64(page);
}

void xen_info_set_u64(struct vcpu *v, u32 off, u64 x)
{
	const struct xen_domain *p = xen_dom(v->d);
	u8 b[8];

	st64(b, x);
	xen_info_write(v, info_offset(p, off), b, p->s.is32 ? 4 : 8);
}

bool xen_info_set_sel(struct vcpu *v, u32 bit)
{
	u64 a = info_addr(v);

	return a && xen_bit_set(&v->d->mem, a + info_offset(xen_dom(v->d), VI_SEL), bit);
}

bool xen_events_deliverable(struct vcpu *v)
{
	u64 a = info_addr(v);
	const u8 *page = a ? mem_ro(&v->d->mem, a >> PAGE_SHIFT) : NULL;

	if (!page)
		return false;
	page += PAGE_OFFSET(a);
	return page[VI_PENDING] && !page[VI_MASK];
}

u64 xen_info_legacy(const struct xen_domain *p, u32 id)
{
	return id < SI_LEGACY_VCPUS ? (p->s.shared_info << PAGE_SHIFT) + id * VCPU_INFO_SIZE : 0;
}

i64 xen_info_register(struct vcpu *v, u64 mfn, u64 off)
{
	struct xen_domain *p = xen_dom(v->d);
	struct xen_vcpu_state *s = &xen_of(v)->s;
	u8 info[VCPU_INFO_SIZE] = { 0 };
	u8 *page;

	if (off > PAGE_SIZE - VCPU_INFO_SIZE)
		return -XEN_ENXIO;
	if (off & (xen_word_bits(p) / 8 - 1))
		return -XEN_ENXIO;
	/* Once only. */
	if (s->vcpu_info != xen_info_legacy(p, v->id))
		return -XEN_EINVAL;
	if (s->vcpu_info)
		mem_read(&v->d->mem, s->vcpu_info, info, sizeof info);
	else
		info[VI_MASK] = 1;
	page = mem_rw(&v->d->mem, mfn, (u32)off, VCPU_INFO_SIZE);
	if (!page)
		return -XEN_EINVAL;
	/* Whatever was raised in between must not be lost: one spurious upcall that looks at every port. */
	info[VI_PENDING] = 1;
	memset(info + info_offset(p, VI_SEL), 0xff, p->s.is32 ? 4 : 8);
	memcpy(page + off, info, sizeof info);
	s->vcpu_info = (mfn << PAGE_SHIFT) + off;
	return 0;
}

/* ---- bits ------------------------------------------------------------------------------------------------------ */

/* Guests are little-endian, so bit n of an array of words is bit n % 8 of byte n / 8, whatever the words' size. */

bool xen_bit_test(const struct mem *m, u64 maddr, u32 bit)
{
	const u8 *page;

	maddr += bit / 8;
	page = mem_ro(m, maddr >> PAGE_SHIFT);
	return page && (page[PAGE_OFFSET(maddr)] >> (bit % 8) & 1);
}

static bool bit_write(struct mem *m, u64 maddr, u32 bit, bool on)
{
	u8 mask = (u8)(1u << (bit % 8));
	u8 *page;

	if (xen_bit_test(m, maddr, bit) == on)
		return on;
	maddr += bit / 8;
	page = mem_rw(m, maddr >> PAGE_SHIFT, PAGE_OFFSET(maddr), 1);
	if (page)
		page[PAGE_OFFSET(maddr)] ^= mask;
	return !on;
}

bool xen_bit_set(struct mem *m, u64 maddr, u32 bit)
{
	return bit_write(m, maddr, bit, true);
}

bool xen_bit_clear(struct mem *m, u64 maddr, u32 bit)
{
	return bit_write(m, maddr, bit, false);
}

u64 xen_shared_bits(const struct xen_domain *p, enum si_bits which)
{
	const struct shared_layout *l = shared_layout(p);

	return (p->s.shared_info << PAGE_SHIFT) + (which == SI_EVTCHN_MASK ? l->mask : l->pending);
}

void xen_shared_set_wallclock(struct xen_domain *p, u32 version, u64 sec, u32 nsec)
{
	const struct shared_layout *l = shared_layout(p);
	struct mem *m = &p->d->mem;
	u64 base = p->s.shared_info << PAGE_SHIFT;

	/* The guest cannot look in the middle, so the odd version of the protocol is never seen. */
	mem_write_u32(m, base + l->wc_sec, (u32)sec);
	mem_write_u32(m, base + l->wc_nsec, nsec);
	mem_write_u32(m, base + l->wc_sec_hi, (u32)(sec >> 32));
	mem_write_u32(m, base + l->wc_version, version);
}
