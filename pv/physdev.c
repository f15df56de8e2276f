/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * physdev_op (Xen public/physdev.h): I/O privilege and the bitmap of ports. Left out: interrupts of devices, of which no guest
 * has any.
 */
#include "base/endian.h"
#include "pv/compat/compat.h"
#include "pv/hypercall.h"
#include "pv/mm/mm.h"

#define IOBMP_BYTES 8192u
#define NR_PIRQS 48u /* a guest's physical interrupts in Xen: 16 and 32 more; we bind none of them */

struct phys_irq {
	u32 irq, flags;
};
struct phys_iobitmap {
	u64 bitmap;
	u32 nr_ports, pad;
};
struct phys_map {
	u16 domid;
	u8 pad[6];
};
struct phys_gmfn {
	u64 gmfn;
};

#define LAYOUT(sym, s, ...)                                                                                            \
	static const struct arg_field sym##_fields[] = { __VA_ARGS__, ARG_LAST };                                      \
	static const struct arg_layout sym = { #s, sizeof(struct s), sym##_fields }

LAYOUT(phys_irq_layout, phys_irq, ARG_IN(ARG_U32, struct phys_irq, irq), ARG_OUT(ARG_U32, struct phys_irq, flags));
LAYOUT(phys_eoi_layout, phys_irq, ARG_IN(ARG_U32, struct phys_irq, irq));
LAYOUT(phys_iobitmap_layout, phys_iobitmap, ARG_IN(ARG_PTR, struct phys_iobitmap, bitmap),
       ARG_IN(ARG_U32, struct phys_iobitmap, nr_ports));
LAYOUT(phys_map_layout, phys_map, ARG_IN(ARG_U16, struct phys_map, domid));
LAYOUT(phys_gmfn_layout, phys_gmfn, ARG_IN(ARG_ULONG, struct phys_gmfn, gmfn));

static i64 physdev_irq_status(struct hc *h, void *arg)
{
	struct phys_irq *a = arg;

	if (a->irq >= NR_PIRQS)
		return -XEN_EINVAL;
	a->flags = 1; /* XENIRQSTAT_needs_eoi */
	return 0;
}

static i64 physdev_set_iopl(struct hc *h, void *arg)
{
	struct phys_irq *a = arg;

	if (a->irq > 3)
		return -XEN_EINVAL;
	pv_of(h->v)->s.iopl = a->irq;
	return 0;
}

static i64 physdev_set_iobitmap(struct hc *h, void *arg)
{
	const struct phys_iobitmap *a = arg;
	struct pv_vcpu_state *s = &pv_of(h->v)->s;
	bool ok = pv_dom(h->v->d)->xen.s.is32 ? a->bitmap + IOBMP_BYTES <= COMPAT_HYPER_START :
					    a->bitmap >> 47 == 0 || a->bitmap >= PV_HYPER_END;

	if (!ok || a->nr_ports > IOBMP_BYTES * 8)
		return -XEN_EINVAL;
	s->iobmp = a->bitmap;
	s->iobmp_ports = a->nr_ports;
	return 0;
}

/* No interrupt of a device is bound to this guest. */
static i64 physdev_no_irq(struct hc *h, void *arg)
{
	return -XEN_EINVAL;
}

static i64 physdev_map(struct hc *h, void *arg)
{
	const struct phys_map *a = arg;

	if (a->domid != DOMID_SELF && a->domid != h->v->d->id && a->domid != XEN_BACKEND_DOMID)
		return -XEN_ESRCH;
	return -XEN_EPERM;
}

/*
 * The page in which Xen would say which interrupts need an EOI: all zero as long as there is no interrupt, so the guest's
 * own page of zeros is right already.
 */
static i64 physdev_eoi_gmfn(struct hc *h, void *arg)
{
	const struct phys_gmfn *a = arg;
	struct pv_domain *d = pv_dom(h->v->d);

	if (pv_mm_hold_writable(d, a->gmfn))
		return -XEN_EINVAL;
	pv_mm_release_writable(d, a->gmfn);
	return 0;
}

static i64 physdev_denied(struct hc *h, void *arg)
{
	return -XEN_EPERM;
}

static i64 physdev_no_pirq(struct hc *h, void *arg)
{
	return -XEN_ENOSPC;
}

static i64 physdev_unmask(struct hc *h, void *arg)
{
	return 0;
}

static const struct hc_sub physdev_subs[] = {
	{ 4, "IRQ_UNMASK_NOTIFY", NULL, physdev_unmask },
	{ 5, "irq_status_query", &phys_irq_layout, physdev_irq_status },
	{ 6, "set_iopl", &phys_eoi_layout, physdev_set_iopl },
	{ 7, "set_iobitmap", &phys_iobitmap_layout, physdev_set_iobitmap },
	{ 8, "apic_read", NULL, physdev_denied },
	{ 9, "apic_write", NULL, physdev_denied },
	{ 10, "alloc_irq_vector", NULL, physdev_denied },
	{ 12, "eoi", &phys_eoi_layout, physdev_no_irq },
	{ 13, "map_pirq", &phys_map_layout, physdev_map },
	{ 14, "unmap_pirq", &phys_map_layout, physdev_map },
	{ 15, "manage_pci_add", NULL, physdev_denied },
	{ 16, "manage_pci_remove", NULL, physdev_denied },
	{ 17, "pirq_eoi_gmfn_v1", &phys_gmfn_layout, physdev_eoi_gmfn },
	{ 19, "restore_msi", NULL, physdev_denied },
	{ 20, "manage_pci_add_ext", NULL, physdev_denied },
	{ 21, "setup_gsi", NULL, physdev_denied },
	{ 23, "get_free_pirq", NULL, physdev_no_pirq },
	{ 24, "pci_mmcfg_reserved", NULL, physdev_denied },
	{ 25, "pci_device_add", NULL, physdev_denied },
	{ 26, "pci_device_remove", NULL, physdev_denied },
	{ 27, "restore_msi_ext", NULL, physdev_denied },
	{ 28, "pirq_eoi_gmfn_v2", &phys_gmfn_layout, physdev_eoi_gmfn },
	{ 29, "dbgp_op", NULL, physdev_denied },
	{ 30, "prepare_msix", NULL, physdev_denied },
	{ 31, "release_msix", NULL, physdev_denied },
};

i64 hc_physdev_op(struct hc *h)
{
	h->sub = (u32)h->args[0];
	if (h->sub == 4)
		return -XEN_ENOSYS; /* only in the old call */
	return hc_dispatch_sub(h, physdev_subs, ARRAY_SIZE(physdev_subs), h->sub, h->args[1]);
}

i64 hc_physdev_op_compat(struct hc *h)
{
	u8 cmd[4];
	u64 va = h->args[0];

	if (xen_copy_from(h->v, cmd, va, 4))
		return -XEN_EFAULT;
	h->sub = ld32(cmd);
	if (h->sub < 4 || h->sub > 10)
		return -XEN_ENOSYS;
	va += pv_dom(h->v->d)->xen.s.is32 ? 4 : 8;
	return hc_dispatch_sub(h, physdev_subs, ARRAY_SIZE(physdev_subs), h->sub, va);
}
