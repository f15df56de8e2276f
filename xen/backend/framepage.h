/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shared pages that a front end names by frame number instead of by grant, as those of the framebuffer and the keyboard do.
 * Nothing is held between two accesses: each looks whether the frame is still the guest's to share.
 */
#ifndef XEN_BACKEND_FRAMEPAGE_H
#define XEN_BACKEND_FRAMEPAGE_H

#include "xen/xen.h"

/* True when the frame is the guest's and may be written by us now: it is no page table and no descriptors. */
bool framepage_ok(struct xen_domain *p, u64 mfn);
/* n bytes from or to offset off of the page. 0, or -EFAULT: the guest gave it away or uses it otherwise. */
int framepage_read(struct xen_domain *p, u64 mfn, u32 off, void *dst, u32 n);
int framepage_write(struct xen_domain *p, u64 mfn, u32 off, const void *src, u32 n);

#endif
