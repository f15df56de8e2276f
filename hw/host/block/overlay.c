/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * snapshot=on: what is written goes into an unlinked temporary file, chunk by chunk, and is gone at the end. The image
 * below is only read.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hw/host/block/impl.h"

#define CHUNK_BITS 16
#define CHUNK ((u64)1 << CHUNK_BITS)
#define PAGE_SLOTS 1024u
#define SLOT_BASE 0u          /* as in the image below */
#define SLOT_ZERO 0xffffffffu /* zeros */
#define SIZE_LIMIT ((u64)1 << 50)

struct overlay {
	struct block_node node;
	struct block_node *base, *temp;
	struct block_rw lock; /* read: slots are looked up; write: they change */
	u32 **pages;          /* where each chunk is: its number in the temporary file plus one */
	u64 npages;
	u32 used;   /* chunks of the temporary file */
	u32 *spare; /* chunks given back */
	u32 nspare, spare_cap;
};

static struct overlay *overlay_of(struct block_node *n)
{
	return container_of(n, struct overlay, node);
}

static u32 slot_get(const struct overlay *o, u64 chunk)
{
	const u32 *page = o->pages[chunk / PAGE_SLOTS];

	return page ? page[chunk % PAGE_SLOTS] : SLOT_BASE;
}

static int slot_set(struct overlay *o, u64 chunk, u32 slot)
{
	u32 **page = &o->pages[chunk / PAGE_SLOTS];

	if (!*page && !(*page = calloc(PAGE_SLOTS, sizeof **page)))
		return -ENOMEM;
	(*page)[chunk % PAGE_SLOTS] = slot;
	return 0;
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

/* One run of chunks that lie behind each other in the same place. */
static u64 run_length(const struct overlay *o, u64 off, u64 len, u32 slot)
{
	u64 n = CHUNK - (off & (CHUNK - 1));
	u64 chunk = off >> CHUNK_BITS;

	while (n < len) {
		u32 next = slot_get(o, ++chunk);

		if (slot != SLOT_BASE && slot != SLOT_ZERO)
			slot++;
		if (next != slot || (slot == SLOT_ZERO) != (next == SLOT_ZERO))
			break;
		n += CHUNK;
	}
	return MIN(n, len);
}

static int overlay_read(struct block_node *n, u64 off, const struct block_slice *s)
{
	struct overlay *o = overlay_of(n);
	u64 done = 0;
	int rc = 0;

	rw_rdlock(&o->lock);
	while (!rc && done < s->len) {
		u32 slot = slot_get(o, (off + done) >> CHUNK_BITS);
		struct block_slice part = slice_cut(s, done, run_length(o, off + done, s->len - done, slot));

		if (slot == SLOT_BASE)
			rc = base_read(o, off + done, &part);
		else if (slot == SLOT_ZERO)
			slice_zero(&part);
		else
			rc = o->temp->ops->read(o->temp, ((u64)(slot - 1) << CHUNK_BITS) + ((off + done) & (CHUNK - 1)),
						&part);
		done += part.len;
	}
	rw_rdunlock(&o->lock);
	return rc;
}

/* Gives the chunk at off its first place in the temporary file and writes s, which lies within it, there. */
static int first_write(struct overlay *o, u64 off, const struct block_slice *s)
{
	u64 chunk = off >> CHUNK_BITS, start = chunk << CHUNK_BITS;
	u32 old = slot_get(o, chunk), slot;
	u8 *p = NULL;
	int rc = 0;

	if (!o->nspare && o->used == SLOT_ZERO - 2)
		return -ENOSPC;
	slot = o->nspare ? o->spare[o->nspare - 1] : o->used + 1;
	if (s->len < CHUNK) {
		struct block_vec v;
		struct block_slice all = { &v, 1, 0, CHUNK };

		p = calloc(1, (size_t)CHUNK);
		if (!p)
			return -ENOMEM;
		v = (struct block_vec){ p, (size_t)CHUNK };
		if (old == SLOT_BASE)
			rc = base_read(o, start, &all);
		if (!rc) {
			slice_get(s, p + (off - start));
			rc = o->temp->ops->write(o->temp, (u64)(slot - 1) << CHUNK_BITS, &all);
		}
		free(p);
	} else {
		rc = o->temp->ops->write(o->temp, (u64)(slot - 1) << CHUNK_BITS, s);
	}
	if (!rc)
		rc = slot_set(o, chunk, slot);
	if (rc)
		return rc;
	if (o->nspare)
		o->nspare--;
	else
		o->used++;
	return 0;
}

static int overlay_write(struct block_node *n, u64 off, const struct block_slice *s)
{
	struct overlay *o = overlay_of(n);
	u64 done = 0;
	int rc = 0;

	while (!rc && done < s->len) {
		u64 at = off + done;
		u32 slot;
		struct block_slice part;

		rw_rdlock(&o->lock);
		slot = slot_get(o, at >> CHUNK_BITS);
		if (slot != SLOT_BASE && slot != SLOT_ZERO) {
			part = slice_cut(s, done, run_length(o, at, s->len - done, slot));
			rc = o->temp->ops->write(o->temp, ((u64)(slot - 1) << CHUNK_BITS) + (at & (CHUNK - 1)), &part);
			done += part.len;
			rw_rdunlock(&o->lock);
			continue;
		}
		rw_rdunlock(&o->lock);
		rw_wrlock(&o->lock);
		slot = slot_get(o, at >> CHUNK_BITS);
		if (slot == SLOT_BASE || slot == SLOT_ZERO) {
			part = slice_cut(s, done, MIN(s->len - done, CHUNK - (at & (CHUNK - 1))));
			rc = first_write(o, at, &part);
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

static void give_back(struct overlay *o, u32 slot)
{
	if (o->nspare == o->spare_cap) {
		u32 cap = o->spare_cap ? o->spare_cap * 2 : 64;
		u32 *p = realloc(o->spare, cap * sizeof *p);

		if (!p)
			return; /* the chunk is lost, that is all */
		o->spare = p;
		o->spare_cap = cap;
	}
	o->spare[o->nspare++] = slot;
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
	for (c = first >> CHUNK_BITS; !rc && c < last >> CHUNK_BITS; c++) {
		u32 old = slot_get(o, c);

		rc = slot_set(o, c, SLOT_ZERO);
		if (!rc && old != SLOT_BASE && old != SLOT_ZERO)
			give_back(o, old);
	}
	rw_wrunlock(&o->lock);
	return rc;
}

static int overlay_discard(struct block_node *n, u64 off, u64 len)
{
	u64 first = ALIGN_UP(off, CHUNK), last = ALIGN_DOWN(off + len, CHUNK);

	return first < last ? overlay_zero(n, first, last - first, 0) : 0;
}

static u64 pages_for(u64 size)
{
	return DIV_UP(DIV_UP(size, CHUNK), PAGE_SLOTS);
}

static int overlay_resize(struct block_node *n, u64 size, struct error *e)
{
	struct overlay *o = overlay_of(n);
	u64 npages = pages_for(size);
	u32 **pages;

	if (size < n->size)
		return error_set(e, -ENOTSUP, "%.300s: an image does not shrink", n->name);
	if (size > SIZE_LIMIT)
		return error_set(e, -EFBIG, "%.300s: too large for snapshot=on", n->name);
	rw_wrlock(&o->lock);
	pages = realloc(o->pages, (size_t)npages * sizeof *pages);
	if (pages) {
		memset(pages + o->npages, 0, (size_t)(npages - o->npages) * sizeof *pages);
		o->pages = pages;
		o->npages = npages;
		n->size = size;
	}
	rw_wrunlock(&o->lock);
	return pages ? 0 : error_set(e, -ENOMEM, "%.300s: the host is out of memory", n->name);
}

static void overlay_close(struct block_node *n)
{
	struct overlay *o = overlay_of(n);
	u64 i;

	for (i = 0; i < o->npages; i++)
		free(o->pages[i]);
	free(o->pages);
	free(o->spare);
	node_close(o->temp);
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
	struct block_node *temp;
	int rc;

	if (base->size > SIZE_LIMIT)
		return error_set(e, -EFBIG, "%.300s: too large for snapshot=on", base->name);
	rc = block_file_temp(&temp, e);
	if (rc)
		return rc;
	o = calloc(1, sizeof *o);
	if (o) {
		o->npages = pages_for(base->size);
		o->pages = calloc((size_t)o->npages + 1, sizeof *o->pages);
	}
	if (!o || !o->pages) {
		free(o);
		node_close(temp);
		return error_set(e, -ENOMEM, "%.300s: the host is out of memory", base->name);
	}
	o->node = *base;
	o->node.ops = &overlay_ops;
	o->node.readonly = false;
	o->node.fixed = false;
	o->base = base;
	o->temp = temp;
	rw_init(&o->lock);
	*out = &o->node;
	return 0;
}
