/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shared pages by frame number.
 */
#include "pv/framepage.h"

#include <errno.h>

#include "pv/mm/mm.h"

bool framepage_ok(struct pv_domain *p, u64 mfn)
{
	if (!pv_mm_owned(p, mfn) || pv_mm_hold_writable(p, mfn))
		return false;
	pv_mm_release_writable(p, mfn);
	return true;
}

int framepage_read(struct pv_domain *p, u64 mfn, u32 off, void *dst, u32 n)
{
	if (off > PAGE_SIZE || n > PAGE_SIZE - off || !pv_mm_owned(p, mfn))
		return -EFAULT;
	return mem_read(&p->d->mem, (mfn << PAGE_SHIFT) + off, dst, n);
}

int framepage_write(struct pv_domain *p, u64 mfn, u32 off, const void *src, u32 n)
{
	int rc;

	if (off > PAGE_SIZE || n > PAGE_SIZE - off || !pv_mm_owned(p, mfn) || pv_mm_hold_writable(p, mfn))
		return -EFAULT;
	rc = mem_write(&p->d->mem, (mfn << PAGE_SHIFT) + off, src, n);
	pv_mm_release_writable(p, mfn);
	return rc;
}
