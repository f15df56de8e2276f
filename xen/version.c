/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xen_version: what we are, and what this kind of guest may expect of us (Xen public/version.h). And xenpmu_op: there are no
 * performance counters (public/pmu.h).
 */
#include <stdio.h>
#include <string.h>

#include "base/endian.h"
#include "xen/hypercall.h"

#define XEN_VERSION (4u << 16 | 17u)
#define XEN_EXTRAVERSION ".0-paravane"

enum { XENVER_version, XENVER_extraversion, XENVER_compile_info, XENVER_capabilities, XENVER_changeset,
       XENVER_platform_parameters, XENVER_get_features, XENVER_pagesize, XENVER_guest_handle, XENVER_commandline,
       XENVER_build_id };

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
	return xen_copy_to(v, va, buf, size) ? -XEN_EFAULT : 0;
}

static i64 compile_info(struct vcpu *v, u64 va)
{
	char info[64 + 16 + 32 + 32] = { 0 };

	/* The same on every host: a guest must not see where we were built. */
	strcpy(info, "portable C");
	strcpy(info + 64, "paravane");
	strcpy(info + 64 + 16, "paravane");
	strcpy(info + 64 + 16 + 32, "Thu Jan  1 00:00:00 UTC 1970");
	return xen_copy_to(v, va, info, sizeof info) ? -XEN_EFAULT : 0;
}

static i64 platform_parameters(struct vcpu *v, u64 va)
{
	const struct xen_domain *x = xen_dom(v->d);
	u8 le[8];

	st64(le, x->ops->virt_start(x));
	return xen_copy_to(v, va, le, x->s.is32 ? 4 : 8) ? -XEN_EFAULT : 0;
}

static i64 get_features(struct vcpu *v, u64 va)
{
	struct feature_info fi;

	if (arg_copy_in(v, &feature_layout, &fi, va))
		return -XEN_EFAULT;
	if (fi.submap_idx)
		return -XEN_EINVAL;
	fi.submap = xen_dom(v->d)->ops->features(xen_dom(v->d));
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
		return put_text(v, va, xen_dom(v->d)->ops->capabilities, 1024);
	case XENVER_changeset:
		return put_text(v, va, "unavailable", 64);
	case XENVER_platform_parameters:
		return platform_parameters(v, va);
	case XENVER_get_features:
		return get_features(v, va);
	case XENVER_pagesize:
		return va ? -XEN_EINVAL : (i64)PAGE_SIZE;
	case XENVER_guest_handle:
		return xen_copy_to(v, va, xen_dom(v->d)->s.handle, 16) ? -XEN_EFAULT : 0;
	case XENVER_commandline:
		/* What Xen tells a guest without privileges. */
		return xen_copy_to(v, va, "<denied>", 9) ? -XEN_EFAULT : 0;
	case XENVER_build_id:
		return -XEN_EPERM;
	default:
		return -XEN_ENOSYS;
	}
}

/* ---- xenpmu_op --------------------------------------------------------------------------------------------------- */

i64 hc_xenpmu_op(struct hc *h)
{
	h->sub = (u32)h->args[0];
	return -XEN_EOPNOTSUPP;
}
