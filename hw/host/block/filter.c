/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The filter that injects faults (hw/host/block/filter.h). Left out: delays.
 */
#include <errno.h>
#include <stdlib.h>

#include "hw/host/block/impl.h"

struct filter {
	struct block_node node;
	struct block_node *below;
	struct block_faults *faults;
	struct os_mutex lock;
};

static struct filter *filter_of(struct block_node *n)
{
	return container_of(n, struct filter, node);
}

/* 0, or the error this request gets; *partial is then what it may still write. */
static int verdict(struct filter *f, enum block_op op, u64 *partial)
{
	u32 i;

	for (i = 0; i < BLOCK_FAULT_RULES; i++) {
		struct block_fault *r = &f->faults->rule[i];

		if (!(r->ops & BIT(op)) || r->seen++ < r->skip || (r->count && r->failed >= r->count))
			continue;
		r->failed++;
		*partial = r->partial;
		return r->error;
	}
	return 0;
}

static int judge(struct filter *f, enum block_op op, u64 *partial)
{
	int rc;

	*partial = 0;
	os_mutex_lock(&f->lock);
	rc = verdict(f, op, partial);
	os_mutex_unlock(&f->lock);
	return rc;
}

static int filter_read(struct block_node *n, u64 off, const struct block_slice *s)
{
	struct filter *f = filter_of(n);
	u64 partial;
	int rc = judge(f, BLOCK_READ, &partial);

	return rc ? rc : f->below->ops->read(f->below, off, s);
}

static void witness(struct filter *f, u64 off, const struct block_slice *s)
{
	u8 *p = slice_flat(s), *copy = NULL;

	if (!p) {
		p = copy = malloc((size_t)s->len);
		if (!p)
			return;
		slice_get(s, copy);
	}
	f->faults->on_write(f->faults->opaque, off, p, (size_t)s->len);
	free(copy);
}

static int filter_write(struct block_node *n, u64 off, const struct block_slice *s)
{
	struct filter *f = filter_of(n);
	struct block_slice part = *s;
	u64 partial;
	int rc, wrc;

	os_mutex_lock(&f->lock);
	rc = verdict(f, BLOCK_WRITE, &partial);
	if (!rc && f->faults->space && off + s->len > f->faults->space) {
		rc = -ENOSPC;
		partial = off < f->faults->space ? f->faults->space - off : 0;
	}
	if (rc)
		part.len = MIN(partial, s->len);
	wrc = part.len ? f->below->ops->write(f->below, off, &part) : 0;
	if (f->faults->on_write && part.len)
		witness(f, off, &part);
	os_mutex_unlock(&f->lock);
	return rc ? rc : wrc;
}

static int filter_flush(struct block_node *n)
{
	struct filter *f = filter_of(n);
	u64 partial;
	int rc = judge(f, BLOCK_FLUSH, &partial);

	if (rc)
		return rc;
	rc = f->below->ops->flush(f->below);
	os_mutex_lock(&f->lock);
	if (!rc && f->faults->on_flush)
		f->faults->on_flush(f->faults->opaque);
	os_mutex_unlock(&f->lock);
	return rc;
}

static int filter_zero(struct block_node *n, u64 off, u64 len, u32 flags)
{
	struct filter *f = filter_of(n);
	u64 partial;
	int rc = judge(f, BLOCK_WRITE_ZEROES, &partial);

	if (rc)
		return rc;
	/* A witness sees plain writes only. */
	return f->faults->on_write ? node_write_zeros(n, off, len) : f->below->ops->zero(f->below, off, len, flags);
}

static int filter_discard(struct block_node *n, u64 off, u64 len)
{
	struct filter *f = filter_of(n);
	u64 partial;
	int rc = judge(f, BLOCK_DISCARD, &partial);

	if (rc || f->faults->on_write)
		return rc;
	return f->below->ops->discard(f->below, off, len);
}

static int filter_resize(struct block_node *n, u64 size, struct error *e)
{
	struct filter *f = filter_of(n);
	int rc;

	if (f->faults->space && size > f->faults->space)
		return error_set(e, -ENOSPC, "%s: no room for %llu bytes", n->name, (unsigned long long)size);
	rc = f->below->ops->resize(f->below, size, e);
	n->size = f->below->size;
	os_mutex_lock(&f->lock);
	if (!rc && f->faults->on_resize)
		f->faults->on_resize(f->faults->opaque, size);
	os_mutex_unlock(&f->lock);
	return rc;
}

static void filter_close(struct block_node *n)
{
	struct filter *f = filter_of(n);

	node_close(f->below);
	os_mutex_destroy(&f->lock);
	free(f);
}

static void filter_hold(struct block_node *n, bool on)
{
	node_hold(filter_of(n)->below, on);
}

static const struct block_node_ops filter_ops = {
	"filter", filter_read, filter_write, filter_flush, filter_zero, filter_discard, filter_resize, filter_close, filter_hold,
};

int block_filter_open(struct block_node *below, struct block_faults *faults, struct block_node **out, struct error *e)
{
	struct filter *f = calloc(1, sizeof *f);

	if (!f)
		return error_set(e, -ENOMEM, "%s: the host is out of memory", below->name);
	f->node = *below;
	f->node.ops = &filter_ops;
	f->below = below;
	f->faults = faults;
	os_mutex_init(&f->lock);
	*out = &f->node;
	return 0;
}
