/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Byte rings in a page shared with a guest, as the console and xenstore use them (Xen public/io/console.h, xs_wire.h).
 * The guest may write anything at any time into the page: indexes are copied out once, checked, then used.
 */
#ifndef XEN_RING_H
#define XEN_RING_H

#include "base/types.h"
#include "mmu/frames.h"

/* Where a ring lies in its page: bytes at base, a power of two of them, and two free-running 32-bit indexes. */
struct byte_ring {
	u16 base, size;
	u16 cons, prod; /* byte offsets of the indexes */
};

/* Bytes waiting to be consumed. -EFAULT: no such frame; -EPROTO: the indexes are more than size apart. */
i64 ring_used(const struct mem *m, u64 mfn, const struct byte_ring *r);
/* Takes up to n bytes out, as the consumer. Returns how many, or an error as above (then nothing has changed). */
i64 ring_take(struct mem *m, u64 mfn, const struct byte_ring *r, void *dst, size_t n);
/* Puts up to n bytes in, as the producer. Returns how many, or an error as above. */
i64 ring_give(struct mem *m, u64 mfn, const struct byte_ring *r, const void *src, size_t n);

#endif
