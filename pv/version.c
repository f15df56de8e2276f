/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Small hypercalls: what we are (xen_version), assists, physical devices (of which an unprivileged guest has none),
 * performance counters (none), and Xen's own console (Xen public/version.h, physdev.h, pmu.h, xen.h).
 */
#include <stdio.h>
#include <string.h>

#include "base/endian.h"
#include "pv/compat/compat.h"
#include "pv/console.h"
#include "pv/hypercall.h"
#include "pv/mm/mm.h"

#define XEN_VERSION (4u << 16 | 17u)
#define XEN_EXTRAVERSION ".0-paravane"

enum { XENVER_version, XENVER_extraversion, XENVER_compile_info, XENVER_capabilities, XENVER_changeset,
       XENVER_platform_parameters, XENVER_get_features, XENVER_pagesize, XENVER_guest_handle, XENVER_commandline,
       XENVER_build_id };

/* features.h: bits of submap 0 for PV guests; pae_pgdir_above_4gb follows the guest's own assist. */
enum { XENFEAT_pae_pgdir_above_4gb = 4, FEATURES_PV = 0x220e0 };

struct feature_info {
	u32 submap_idx, submap;
};
static const struct arg_field feature_fields[] = {
	ARG_IN(ARG_U32, struct feature_info, submap_idx),
	ARG_OUT(ARG_U32, struct feature_info, submap),
	ARG_LAST,
};
static const struct arg_layout feature_layout = { "xen_feature_info", sizeof(struct feature_info), feature_fields };

static i64 put_text(struct vcpu *v, u64 va, const char *text, size_t size)
{
	char buf[1024] = { 0 };

	memcpy(buf, text, MIN(strlen(text), size - 1));
	return pv_copy_to(v, va, buf, size) ? -XEN_EFAULT : 0;
}

static i64 compile_info(struct vcpu *v, u64 va)
{
	char info[64 + 16 + 32 + 32] = { 0 };

	/* The same on every host: a guest must not see where we were built. */
	strcpy(info, "portable C");
	strcpy(info + 64, "paravane");
	strcpy(info + 64 + 16, "paravane");
	strcpy(info + 64 + 16 + 32, "Thu Jan  1 00:00:00 UTC 1970");
	return pv_copy_to(v, va, info, sizeof info) ? -XEN_EFAULT : 0;
}

static i64 platform_parameters(struct vcpu *v, u64 va)
{
	u8 le[8];

	if (pv_dom(v->d)->s.is32) {
		st32(le, 0xf5800000u);
		return pv_copy_to(v, va, le, 4) ? -XEN_EFAULT : 0;
	}
	st64(le, PV_M2P_START);
	return pv_copy_to(v, va, le, 8) ? -XEN_EFAULT : 0;
}

static i64 get_features(struct vcpu *v, u64 va)
{
	struct feature_info fi;

	if (arg_copy_in(v, &feature_layout, &fi, va))
		return -XEN_EFAULT;
	if (fi.submap_idx)
		return -XEN_EINVAL;
	fi.submap = FEATURES_PV;
	if (pv_dom(v->d)->s.vm_assist & BIT(3))
		fi.submap |= BIT(XENFEAT_pae_pgdir_above_4gb);
	return arg_copy_out(v, &feature_layout, &fi, va) ? -XEN_EFAULT : 0;
}

i64 hc_xen_version(struct hc *h)
{
	struct vcpu *v = h->v;
	u64 va = h->args[1];

	h->sub = (u32)h->args[0];
	switch (h->sub) {
	case XENVER_version:
		return XEN_VERSION;
	case XENVER_extraversion:
		return put_text(v, va, XEN_EXTRAVERSION, 16);
	case XENVER_compile_info:
		return compile_info(v, va);
	case XENVER_capabilities:
		return put_text(v, va, "xen-3.0-x86_64 xen-3.0-x86_32p ", 1024);
	case XENVER_changeset:
		return put_text(v, va, "unavailable", 64);
	case XENVER_platform_parameters:
		return platform_parameters(v, va);
	case XENVER_get_features:
		return get_features(v, va);
	case XENVER_pagesize:
		return va ? -XEN_EINVAL : (i64)PAGE_SIZE;
	case XENVER_guest_handle:
		return pv_copy_to(v, va, pv_dom(v->d)->s.handle, 16) ? -XEN_EFAULT : 0;
	case XENVER_commandline:
		/* What Xen tells a guest without privileges. */
		return pv_copy_to(v, va, "<denied>", 9) ? -XEN_EFAULT : 0;
	case XENVER_build_id:
		return -XEN_EPERM;
	default:
		return -XEN_ENOSYS;
	}
}

/* ---- vm_assist ------------------------------------------------------------------------------------------------- */

i64 hc_vm_assist(struct hc *h)
{
	struct pv_domain *d = pv_dom(h->v->d);
	u32 cmd = (u32)h->args[0], type = (u32)h->args[1];
	u32 bit;

	h->sub = cmd;
	/* m2p_strict (32) is kept as bit 31, which no type has. */
	if (type > 5 && (type != 32 || d->s.is32))
		return -XEN_EINVAL;
	bit = 1u << (type == 32 ? 31 : type);
	switch (cmd) {
	case 0:
		d->s.vm_assist |= bit;
		return 0;
	case 1:
		d->s.vm_assist &= ~bit;
		return 0;
	default:
		return -XEN_ENOSYS;
	}
}

/* ---- physdev_op ------------------------------------------------------------------------------------------------ */

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
	bool ok = pv_dom(h->v->d)->s.is32 ? a->bitmap + IOBMP_BYTES <= COMPAT_HYPER_START :
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

	if (a->domid != DOMID_SELF && a->domid != h->v->d->id && a->domid != PV_BACKEND_DOMID)
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

	if (pv_copy_from(h->v, cmd, va, 4))
		return -XEN_EFAULT;
	h->sub = ld32(cmd);
	if (h->sub < 4 || h->sub > 10)
		return -XEN_ENOSYS;
	va += pv_dom(h->v->d)->s.is32 ? 4 : 8;
	return hc_dispatch_sub(h, physdev_subs, ARRAY_SIZE(physdev_subs), h->sub, va);
}

/* ---- xenpmu_op, console_io ------------------------------------------------------------------------------------- */

i64 hc_xenpmu_op(struct hc *h)
{
	h->sub = (u32)h->args[0];
	return -XEN_EOPNOTSUPP;
}

/* Xen's own console: a guest may write to it, as to one of a debug build, and nothing else. */
i64 hc_console_io(struct hc *h)
{
	u8 text[512];
	u32 n, count = (u32)h->args[1];

	h->chatter = true;
	h->sub = (u32)h->args[0];
	if (h->sub)
		return -XEN_EPERM;
	n = MIN(count, (u32)sizeof text);
	if (pv_copy_from(h->v, text, h->args[2], n))
		return -XEN_EFAULT;
	pv_console_raw(pv_dom(h->v->d), text, n);
	if (n == count)
		return 0;
	h->args[1] = count - n;
	h->args[2] += n;
	return hc_continue(h);
}
