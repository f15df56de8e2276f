/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Access to shared pages that a front end names by frame number.
 */
#include "xen/backend/framepage.h"

#include <errno.h>


bool framepage_ok(struct xen_domain *p, u64 mfn)
{
	if (!xen_owned(p, mfn) || xen_hold(p, mfn))
		return false;
	xen_release(p, mfn);
	return true;
}

int framepage_read(struct xen_domain *p, u64 mfn, u32 off, void *dst, u32 n)
{
	if (off > PAGE_SIZE || n > PAGE_SIZE - off || !xen_owned(p, mfn))
		return -EFAULT;
	return mem_read(&p->d->mem, (mfn << PAGE_SHIFT) + off, dst, n);
}

int framepage_write(struct xen_domain *p, u64 mfn, u32 off, const void *src, u32 n)
{
	int rc;

	if (off > PAGE_SIZE || n > PAGE_SIZE - off || !xen_owned(p, mfn) || xen_hold(p, mfn))
		return -EFAULT;
	rc = mem_write(&p->d->mem, (mfn << PAGE_SHIFT) + off, src, n);
	xen_release(p, mfn);
	return rc;
}
