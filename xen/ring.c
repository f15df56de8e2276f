/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Byte rings in a page that is shared with a guest: copying in and out, and the checks of their indexes.
 */
#include "xen/ring.h"

#include <errno.h>
#include <string.h>

#include "base/endian.h"

struct ring_view {
	u32 cons, prod, used;
};

static int ring_look(const struct mem *m, u64 mfn, const struct byte_ring *r, struct ring_view *v)
{
	const u8 *p = mem_ro(m, mfn);

	if (!p)
		return -EFAULT;
	v->cons = ld32(p + r->cons);
	v->prod = ld32(p + r->prod);
	v->used = v->prod - v->cons;
	return v->used > r->size ? -EPROTO : 0;
}

i64 ring_used(const struct mem *m, u64 mfn, const struct byte_ring *r)
{
	struct ring_view v;
	int rc = ring_look(m, mfn, r, &v);

	return rc ? rc : (i64)v.used;
}

i64 ring_take(struct mem *m, u64 mfn, const struct byte_ring *r, void *dst, size_t n)
{
	struct ring_view v;
	const u8 *p;
	u8 *d = dst;
	u32 at, first;
	u8 *w;
	int rc = ring_look(m, mfn, r, &v);

	if (rc)
		return rc;
	n = MIN(n, (size_t)v.used);
	if (!n)
		return 0;
	p = mem_ro(m, mfn);
	at = v.cons & (r->size - 1u);
	first = MIN((u32)n, r->size - at);
	memcpy(d, p + r->base + at, first);
	memcpy(d + first, p + r->base, n - first);
	w = mem_rw(m, mfn, r->cons, 4);
	if (!w)
		return -EFAULT;
	st32(w + r->cons, v.cons + (u32)n);
	return (i64)n;
}

i64 ring_give(struct mem *m, u64 mfn, const struct byte_ring *r, const void *src, size_t n)
{
	struct ring_view v;
	const u8 *s = src;
	u32 at, first;
	u8 *w;
	int rc = ring_look(m, mfn, r, &v);

	if (rc)
		return rc;
	n = MIN(n, (size_t)(r->size - v.used));
	if (!n)
		return 0;
	/* One announcement for the bytes (wrapped they are the whole ring), one for the index. */
	w = mem_rw(m, mfn, r->base, r->size);
	if (!w)
		return -EFAULT;
	at = v.prod & (r->size - 1u);
	first = MIN((u32)n, r->size - at);
	memcpy(w + r->base + at, s, first);
	memcpy(w + r->base, s + first, n - first);
	w = mem_rw(m, mfn, r->prod, 4);
	if (!w)
		return -EFAULT;
	st32(w + r->prod, v.prod + (u32)n);
	return (i64)n;
}
