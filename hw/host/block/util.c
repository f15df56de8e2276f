/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Scattered memory, a lock that is fair to writers, and short ways to call a node.
 */
#include <errno.h>
#include <string.h>

#include "hw/host/block/impl.h"

struct block_slice slice_cut(const struct block_slice *s, u64 off, u64 len)
{
	struct block_slice r = *s;

	off += r.skip;
	while (r.n && off >= r.vec->len) {
		off -= r.vec->len;
		r.vec++;
		r.n--;
	}
	r.skip = (size_t)off;
	r.len = len;
	return r;
}

/* Calls for each piece of s. mode: 0 copies from p, 1 copies to p, 2 clears. */
static void each(const struct block_slice *s, u8 *p, int mode)
{
	u64 left = s->len;
	size_t skip = s->skip;
	u32 i;

	for (i = 0; left && i < s->n; i++) {
		u8 *at = (u8 *)s->vec[i].base + skip;
		size_t k = (size_t)MIN(left, s->vec[i].len - skip);

		skip = 0;
		left -= k;
		if (!k)
			continue;
		if (mode == 0)
			memcpy(at, p, k);
		else if (mode == 1)
			memcpy(p, at, k);
		else
			memset(at, 0, k);
		if (mode < 2)
			p += k;
	}
}

void slice_put(const struct block_slice *s, const void *from)
{
	each(s, (u8 *)(uintptr_t)from, 0);
}

void slice_get(const struct block_slice *s, void *to)
{
	each(s, to, 1);
}

void slice_zero(const struct block_slice *s)
{
	each(s, NULL, 2);
}

void *slice_flat(const struct block_slice *s)
{
	return s->n && s->vec->len - s->skip >= s->len ? (u8 *)s->vec->base + s->skip : NULL;
}

int node_read(struct block_node *n, u64 off, void *p, size_t len)
{
	struct block_vec v = { p, len };
	struct block_slice s = { &v, 1, 0, len };

	return len ? n->ops->read(n, off, &s) : 0;
}

int node_write(struct block_node *n, u64 off, const void *p, size_t len)
{
	struct block_vec v = { (void *)(uintptr_t)p, len };
	struct block_slice s = { &v, 1, 0, len };

	return len ? n->ops->write(n, off, &s) : 0;
}

int node_write_zeros(struct block_node *n, u64 off, u64 len)
{
	static const u8 zeros[16384];

	while (len) {
		/* The same zeros many times over. */
		struct block_vec v[32];
		struct block_slice s = { v, 0, 0, 0 };
		int rc;

		for (; s.n < ARRAY_SIZE(v) && s.len < len; s.n++) {
			v[s.n] = (struct block_vec){ (void *)(uintptr_t)zeros, sizeof zeros };
			s.len += sizeof zeros;
		}
		s.len = MIN(s.len, len);
		rc = n->ops->write(n, off, &s);
		if (rc)
			return rc;
		off += s.len;
		len -= s.len;
	}
	return 0;
}

int node_quit(const struct block_node *n, struct error *e)
{
	return block_stopped(&n->stop) ? error_set(e, -EINTR, "%.300s: told to end while it was opened", n->name) : 0;
}

void rw_init(struct block_rw *rw)
{
	memset(rw, 0, sizeof *rw);
	os_mutex_init(&rw->lock);
	os_cond_init(&rw->turn);
}

void rw_free(struct block_rw *rw)
{
	os_cond_destroy(&rw->turn);
	os_mutex_destroy(&rw->lock);
}

void rw_rdlock(struct block_rw *rw)
{
	os_mutex_lock(&rw->lock);
	while (rw->writer || rw->waiting)
		os_cond_wait(&rw->turn, &rw->lock);
	rw->readers++;
	os_mutex_unlock(&rw->lock);
}

void rw_rdunlock(struct block_rw *rw)
{
	os_mutex_lock(&rw->lock);
	if (!--rw->readers)
		os_cond_broadcast(&rw->turn);
	os_mutex_unlock(&rw->lock);
}

void rw_wrlock(struct block_rw *rw)
{
	os_mutex_lock(&rw->lock);
	rw->waiting++;
	while (rw->writer || rw->readers)
		os_cond_wait(&rw->turn, &rw->lock);
	rw->waiting--;
	rw->writer = true;
	os_mutex_unlock(&rw->lock);
}

void rw_wrunlock(struct block_rw *rw)
{
	os_mutex_lock(&rw->lock);
	rw->writer = false;
	os_cond_broadcast(&rw->turn);
	os_mutex_unlock(&rw->lock);
}
