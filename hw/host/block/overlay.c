/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * snapshot=on: what is written goes into an unlinked temporary file, chunk by chunk, and is gone at the end. The image
 * below is only read. What was written can be frozen, and put back later.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hw/host/block/frozen.h"
#include "hw/host/block/overlay_map.h"
#include "hw/host/block/queue.h"

#define SIZE_LIMIT ((u64)1 << 50)

struct overlay {
	struct block_node node;
	struct block_node *base;
	struct block_rw lock; /* read: map is looked up; write: it changes */
	struct chunk_map map;
};

static struct overlay *overlay_of(struct block_node *n)
{
	return container_of(n, struct overlay, node);
}

static int base_read(struct overlay *o, u64 off, const struct block_slice *s)
{
	u64 have = off < o->base->size ? MIN(s->len, o->base->size - off) : 0;
	struct block_slice part = slice_cut(s, 0, have);
	int rc = have ? o->base->ops->read(o->base, off, &part) : 0;

	if (!rc && have < s->len) {
		part = slice_cut(s, have, s->len - have);
		slice_zero(&part);
	}
	return rc;
}

static int overlay_read(struct block_node *n, u64 off, const struct block_slice *s)
{
	struct overlay *o = overlay_of(n);
	struct block_node *temp;
	u64 done = 0;
	int rc = 0;

	rw_rdlock(&o->lock);
	temp = o->map.store->temp;
	while (!rc && done < s->len) {
		u32 slot = chunk_map_get(&o->map, (off + done) >> CHUNK_BITS);
		struct block_slice part = slice_cut(s, done, chunk_map_run(&o->map, off + done, s->len - done, slot));

		if (slot == SLOT_BASE)
			rc = base_read(o, off + done, &part);
		else if (slot == SLOT_ZERO)
			slice_zero(&part);
		else
			rc = temp->ops->read(temp, slot_offset(slot) + ((off + done) & (CHUNK - 1)), &part);
		done += part.len;
	}
	rw_rdunlock(&o->lock);
	return rc;
}

/* A write into one chunk, which gets another place. */
struct renewal {
	struct overlay *o;
	u64 off;
	const struct block_slice *s;
};

static int fill_chunk(void *opaque, u32 slot)
{
	const struct renewal *r = opaque;
	struct overlay *o = r->o;
	struct block_node *temp = o->map.store->temp;
	u64 start = ALIGN_DOWN(r->off, CHUNK);
	u32 old = chunk_map_get(&o->map, start >> CHUNK_BITS);
	struct block_vec v;
	struct block_slice all = { &v, 1, 0, CHUNK };
	u8 *p;
	int rc = 0;

	if (r->s->len == CHUNK)
		return temp->ops->write(temp, slot_offset(slot), r->s);
	p = calloc(1, (size_t)CHUNK);
	if (!p)
		return -ENOMEM;
	v = (struct block_vec){ p, (size_t)CHUNK };
	if (old == SLOT_BASE)
		rc = base_read(o, start, &all);
	else if (old != SLOT_ZERO)
		rc = temp->ops->read(temp, slot_offset(old), &all);
	if (!rc) {
		slice_get(r->s, p + (r->off - start));
		rc = temp->ops->write(temp, slot_offset(slot), &all);
	}
	free(p);
	return rc;
}

/* What may be written where it is, from off on; *slot is where. */
static u64 in_place(const struct overlay *o, u64 off, u64 len, u32 *slot)
{
	*slot = chunk_map_get(&o->map, off >> CHUNK_BITS);
	return slot_is_data(*slot) ? chunk_map_own_run(&o->map, off, len, *slot) : 0;
}

static int overlay_write(struct block_node *n, u64 off, const struct block_slice *s)
{
	struct overlay *o = overlay_of(n);
	u64 done = 0;
	int rc = 0;

	while (!rc && done < s->len) {
		u64 at = off + done, len;
		struct block_node *temp;
		struct block_slice part;
		u32 slot;

		rw_rdlock(&o->lock);
		len = in_place(o, at, s->len - done, &slot);
		if (len) {
			part = slice_cut(s, done, len);
			temp = o->map.store->temp;
			rc = temp->ops->write(temp, slot_offset(slot) + (at & (CHUNK - 1)), &part);
			done += part.len;
			rw_rdunlock(&o->lock);
			continue;
		}
		rw_rdunlock(&o->lock);
		rw_wrlock(&o->lock);
		/* Another may have been faster. */
		if (!in_place(o, at, s->len - done, &slot)) {
			part = slice_cut(s, done, MIN(s->len - done, CHUNK - (at & (CHUNK - 1))));
			rc = chunk_map_renew(&o->map, at >> CHUNK_BITS, fill_chunk, &(struct renewal){ o, at, &part });
			done += part.len;
		}
		rw_wrunlock(&o->lock);
	}
	return rc;
}

static int overlay_flush(struct block_node *n)
{
	return 0; /* nothing of it is to survive */
}

static int overlay_zero(struct block_node *n, u64 off, u64 len, u32 flags)
{
	struct overlay *o = overlay_of(n);
	u64 end = off + len, first = ALIGN_UP(off, CHUNK), last = ALIGN_DOWN(end, CHUNK), c;
	int rc = 0;

	if (first >= last)
		return node_write_zeros(n, off, len);
	if (off < first)
		rc = node_write_zeros(n, off, first - off);
	if (!rc && last < end)
		rc = node_write_zeros(n, last, end - last);
	rw_wrlock(&o->lock);
	for (c = first >> CHUNK_BITS; !rc && c < last >> CHUNK_BITS; c++)
		rc = chunk_map_set(&o->map, c, SLOT_ZERO);
	rw_wrunlock(&o->lock);
	return rc;
}

static int overlay_discard(struct block_node *n, u64 off, u64 len)
{
	u64 first = ALIGN_UP(off, CHUNK), last = ALIGN_DOWN(off + len, CHUNK);

	return first < last ? overlay_zero(n, first, last - first, 0) : 0;
}

static int overlay_resize(struct block_node *n, u64 size, struct error *e)
{
	struct overlay *o = overlay_of(n);
	int rc;

	if (size < n->size)
		return error_set(e, -ENOTSUP, "%.300s: an image does not shrink", n->name);
	if (size > SIZE_LIMIT)
		return error_set(e, -EFBIG, "%.300s: too large for snapshot=on", n->name);
	rw_wrlock(&o->lock);
	rc = chunk_map_grow(&o->map, size);
	if (!rc)
		n->size = size;
	rw_wrunlock(&o->lock);
	return rc ? error_set(e, rc, "%.300s: the host is out of memory", n->name) : 0;
}

static void overlay_close(struct block_node *n)
{
	struct overlay *o = overlay_of(n);

	chunk_map_free(&o->map);
	node_close(o->base);
	rw_free(&o->lock);
	free(o);
}

static const struct block_node_ops overlay_ops = {
	"overlay",    overlay_read,    overlay_write,  overlay_flush,
	overlay_zero, overlay_discard, overlay_resize, overlay_close, NULL,
};

int block_overlay_open(struct block_node *base, struct block_node **out, struct error *e)
{
	struct overlay *o;
	int rc;

	if (base->size > SIZE_LIMIT)
		return error_set(e, -EFBIG, "%.300s: too large for snapshot=on", base->name);
	o = calloc(1, sizeof *o);
	if (!o)
		return error_set(e, -ENOMEM, "%.300s: the host is out of memory", base->name);
	rc = chunk_map_new(&o->map, base->size, base->name, e);
	if (rc) {
		free(o);
		return rc;
	}
	o->node = *base;
	o->node.ops = &overlay_ops;
	o->node.readonly = false;
	o->node.fixed = false;
	o->base = base;
	rw_init(&o->lock);
	*out = &o->node;
	return 0;
}

/* ---- frozen ------------------------------------------------------------------------------------------------------- */

struct block_frozen {
	struct chunk_map map;
	u64 size;
};

/* The overlay of a disk; NULL: it has none, or something lies over it. */
static struct overlay *overlay_find(const struct block *b)
{
	return b->node->ops == &overlay_ops ? overlay_of(b->node) : NULL;
}

struct block_frozen *block_freeze(struct block *b, struct error *e)
{
	struct overlay *o = overlay_find(b);
	struct block_frozen *f = o ? calloc(1, sizeof *f) : NULL;
	int rc = -ENOMEM;

	if (f) {
		rw_wrlock(&o->lock);
		f->size = o->node.size;
		rc = chunk_map_copy(&f->map, &o->map);
		rw_wrunlock(&o->lock);
	}
	if (!rc)
		return f;
	free(f);
	error_set(e, o ? rc : -EINVAL, "%.300s: %s", b->spec, o ? "the host is out of memory" : "it has no snapshot=on");
	return NULL;
}

void block_frozen_free(struct block_frozen *f)
{
	if (f)
		chunk_map_free(&f->map);
	free(f);
}

u64 block_frozen_size(const struct block_frozen *f)
{
	return f->size;
}

enum block_frozen_kind block_frozen_extent(const struct block_frozen *f, u64 off, u64 *len)
{
	u32 slot = chunk_map_get(&f->map, off >> CHUNK_BITS);

	*len = chunk_map_run(&f->map, off, f->size - off, slot);
	return slot == SLOT_BASE ? FROZEN_BELOW : slot == SLOT_ZERO ? FROZEN_ZERO : FROZEN_DATA;
}

int block_frozen_read(const struct block_frozen *f, u64 off, void *p, size_t n)
{
	return node_read(f->map.store->temp, slot_offset(chunk_map_get(&f->map, off >> CHUNK_BITS)) + (off & (CHUNK - 1)), p, n);
}

int block_thaw(struct block *b, const struct block_frozen *f, u64 size, struct error *e)
{
	struct overlay *o = overlay_find(b);
	struct chunk_map map, old;
	int rc;

	if (!o)
		return error_set(e, -EINVAL, "%.300s: it has no snapshot=on", b->spec);
	size = f ? f->size : size;
	if (size < o->base->size || size > SIZE_LIMIT)
		return error_set(e, -EINVAL, "%.300s: it cannot have %llu bytes with snapshot=on", b->spec, (unsigned long long)size);
	rc = f ? chunk_map_copy(&map, &f->map) : chunk_map_sibling(&map, &o->map, size);
	if (rc)
		return error_set(e, rc, "%.300s: the host is out of memory", b->spec);
	rw_wrlock(&o->lock);
	old = o->map;
	o->map = map;
	o->node.size = size;
	rw_wrunlock(&o->lock);
	chunk_map_free(&old);
	return 0;
}

int block_thaw_put(struct block *b, u64 off, const void *p, u64 n)
{
	if (off > b->node->size || n > b->node->size - off)
		return -EINVAL;
	return p ? node_write(b->node, off, p, (size_t)n) : b->node->ops->zero(b->node, off, n, 0);
}

u64 block_thaw_base(const struct block *b)
{
	const struct overlay *o = overlay_find(b);

	return o ? o->base->size : 0;
}
