/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Descriptors of a paravirtual guest: GDT frames, the LDT, and what may stand in them (SDM 3A 3.4.5, 5.8.3; Xen
 * set_gdt, update_descriptor, MMUEXT_SET_LDT). An LDT page is checked each time a selector is used, not held.
 */
#include "pv/hypercall.h"
#include "pv/mm/impl.h"

#define GDT_FRAMES 14u
#define GDT_ENTRIES (GDT_FRAMES * 512)
#define LDT_ENTRIES 8192u

/* Bits of a descriptor's 8 bytes. */
#define DESC_TYPE (15ULL << 40)
#define DESC_S BIT(44)
#define DESC_DPL_SHIFT 45
#define DESC_DPL (3ULL << DESC_DPL_SHIFT)
#define DESC_P BIT(47)
#define DESC_L BIT(53)
#define DESC_CALL_GATE (12ULL << 40)

/* The selector of a call gate: the guest's own, the flat kernel segment, or in the LDT. */
static bool gate_selector_ok(const struct pv_domain *p, u32 sel)
{
	return sel >> 3 < GDT_ENTRIES || sel == (p->xen.s.is32 ? COMPAT_KERNEL_CS : FLAT_KERNEL_CS64) || (sel & 4);
}

bool pv_check_descriptor(const struct pv_domain *p, u64 *desc)
{
	u64 d = *desc;
	u64 dpl = d >> DESC_DPL_SHIFT & 3;
	u64 sel;

	/* Not present: it always faults. */
	if (!(d & DESC_P))
		return true;
	dpl = MAX(dpl, p->xen.s.is32 ? 1u : 3u);
	d = (d & ~DESC_DPL) | dpl << DESC_DPL_SHIFT;
	if (d & DESC_S) {
		if (p->xen.s.is32 && (d & DESC_L))
			return false;
		*desc = p->xen.s.is32 ? compat_stretch(d) : d;
		return true;
	}
	/* Type 0 is the second half of a 16-byte one. */
	if (!(d & DESC_TYPE))
		return true;
	if ((d & DESC_TYPE) != DESC_CALL_GATE)
		return false;
	sel = d >> 16 & 0xffff;
	if (!gate_selector_ok(p, (u32)sel))
		return false;
	/* The gate itself always faults, for the host to look at; its DPL is kept in the selector's RPL. */
	sel = (sel & ~3ULL) | dpl;
	d = (d & ~(DESC_DPL | 0xffffULL << 16)) | sel << 16;
	if (d >> 32 & (p->xen.s.is32 ? 0xe0 : 0xff))
		return false;
	*desc = d;
	return true;
}

int mm_validate_segdesc(struct pv_mm *mm, u64 mfn)
{
	u64 base = mfn << PAGE_SHIFT;
	u32 i;

	for (i = 0; i < 512; i++) {
		u64 old = mem_read_u64(mm->mem, base + i * 8), d = old;

		if (!pv_check_descriptor(mm->pd, &d)) {
			mm_refused(mm, "descriptor %u of frame 0x%llx: %016llx is not allowed", i,
				   (unsigned long long)mfn, (unsigned long long)d);
			return -XEN_EINVAL;
		}
		if (d != old && !mm_store(mm, base + i * 8, d))
			return -XEN_ENOMEM;
	}
	return 0;
}

/* ---- the GDT ---------------------------------------------------------------------------------------------------- */

static void frames_put(struct pv_mm *mm, const u64 *frames, u32 n)
{
	while (n--)
		mm_put_type(mm, mm_page(mm, frames[n]));
}

int pv_mm_set_gdt(struct vcpu *v, const u64 *frames, u32 entries)
{
	struct pv_mm *mm = pv_dom(v->d)->mm;
	struct pv_vcpu_state *s = &pv_of(v)->s;
	u32 n = (u32)DIV_UP((u64)entries, 512);
	u64 old[GDT_FRAMES];
	u32 nold = DIV_UP(s->gdt_entries, 512);
	u32 i;

	if (entries > GDT_ENTRIES)
		return -XEN_EINVAL;
	for (i = 0; i < n; i++) {
		struct pv_page *pg = mm_owned(mm, frames[i]);

		if (!pg || mm_get_type(mm, pg, PG_SEG_DESC)) {
			mm_refused(mm, "GDT frame 0x%llx is refused", (unsigned long long)frames[i]);
			frames_put(mm, frames, i);
			return -XEN_EINVAL;
		}
	}
	memcpy(old, s->gdt_frames, sizeof old);
	memset(s->gdt_frames, 0, sizeof s->gdt_frames);
	if (n)
		memcpy(s->gdt_frames, frames, n * sizeof *frames);
	s->gdt_entries = entries;
	frames_put(mm, old, nold);
	return 0;
}

i64 hc_set_gdt(struct hc *h)
{
	u32 word = pv_dom(h->v->d)->xen.s.is32 ? 4 : 8;
	u32 entries = (u32)h->args[1];
	u32 n = (u32)DIV_UP((u64)entries, 512);
	u64 frames[GDT_FRAMES];
	u32 i;

	if (entries > GDT_ENTRIES)
		return -XEN_EINVAL;
	for (i = 0; i < n; i++) {
		u64 va = h->args[0] + i * word;
		u8 b[8] = { 0 };

		if (!mm_addr_ok(va) || xen_copy_from(h->v, b, va, word))
			return -XEN_EFAULT;
		frames[i] = ld64(b);
	}
	return pv_mm_set_gdt(h->v, frames, entries);
}

i64 hc_update_descriptor(struct hc *h)
{
	struct pv_domain *p = pv_dom(h->v->d);
	const u64 *a = h->args;
	u64 maddr = p->xen.s.is32 ? (a[0] & UINT32_MAX) | a[1] << 32 : a[0];
	u64 desc = p->xen.s.is32 ? (a[2] & UINT32_MAX) | a[3] << 32 : a[1];
	const struct pv_page *pg;

	if ((maddr & 7) || !pv_check_descriptor(p, &desc))
		return -XEN_EINVAL;
	pg = mm_owned(p->mm, maddr >> PAGE_SHIFT);
	if (!pg || (pg->types && pg->type != PG_SEG_DESC && pg->type != PG_WRITABLE)) {
		mm_refused(p->mm, "update_descriptor at %llx is refused", (unsigned long long)maddr);
		return -XEN_EINVAL;
	}
	return mm_store(p->mm, maddr, desc) ? 0 : -XEN_ENOMEM;
}

/* ---- the LDT, and look-ups --------------------------------------------------------------------------------------- */

int pv_mm_set_ldt(struct vcpu *v, u64 base, u32 entries)
{
	struct pv_vcpu_state *s = &pv_of(v)->s;

	if (entries > LDT_ENTRIES || (entries && (PAGE_OFFSET(base) || !mm_addr_ok(base)))) {
		mm_refused(pv_dom(v->d)->mm, "SET_LDT with %u entries at %llx is refused", entries,
			   (unsigned long long)base);
		return -XEN_EINVAL;
	}
	s->ldt_base = entries ? base : 0;
	s->ldt_entries = entries;
	return 0;
}

/* A page that cannot be one of descriptors now (it is writable somewhere, say) has none. */
static bool ldt_descriptor(struct vcpu *v, u32 index, u64 *raw)
{
	struct pv_mm *mm = pv_dom(v->d)->mm;
	const struct pv_vcpu_state *s = &pv_of(v)->s;
	u64 va = s->ldt_base + index * 8ULL;
	u64 maddr, pte;
	struct pv_page *pg;

	if (index >= s->ldt_entries || !pv_mm_find_pte(v, va, &maddr, &pte) || !(pte & PTE_P))
		return false;
	pg = mm_owned(mm, PTE_MFN(pte));
	if (!pg || mm_get_type(mm, pg, PG_SEG_DESC))
		return false;
	*raw = mem_read_u64(mm->mem, (PTE_MFN(pte) << PAGE_SHIFT) + PAGE_OFFSET(va));
	mm_put_type(mm, pg);
	return true;
}

bool pv_mm_descriptor(struct vcpu *v, u16 sel, u64 *raw)
{
	/* The host's own segments from selector 0xe000 on: flat, of ring 0 and 3. */
	static const u64 flat64[] = { 0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0, 0x00cffb000000ffff,
				      0x00cff3000000ffff, 0x00affb000000ffff, 0x00cf9b000000ffff };
	const struct pv_vcpu_state *s = &pv_of(v)->s;
	u32 i = sel >> 3;

	if (sel & 4)
		return ldt_descriptor(v, i, raw);
	if (i < s->gdt_entries) {
		*raw = mem_read_u64(&v->d->mem, (s->gdt_frames[i / 512] << PAGE_SHIFT) + i % 512 * 8);
		return true;
	}
	if (i < GDT_ENTRIES || i - GDT_ENTRIES >= ARRAY_SIZE(flat64))
		return false;
	*raw = pv_dom(v->d)->xen.s.is32 ? compat_descriptors[i - GDT_ENTRIES] : flat64[i - GDT_ENTRIES];
	return true;
}
