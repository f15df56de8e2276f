/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Maps of chunks, and the temporary file that has them.
 */
#include "hw/host/block/overlay_map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static u64 pages_for(u64 size)
{
	return DIV_UP(DIV_UP(size, CHUNK), CHUNK_PAGE_SLOTS);
}

/* ---- chunks of the file: under its lock --------------------------------------------------------------------------- */

/* One page less names it. */
static void chunk_drop(struct chunk_store *s, u32 slot)
{
	u32 *p = s->spare;

	if (--s->count[slot - 1])
		return;
	if (s->nspare == s->spare_cap) {
		u32 cap = s->spare_cap ? s->spare_cap * 2 : 64;

		p = realloc(s->spare, cap * sizeof *p);
		if (!p)
			return; /* the chunk is lost, that is all */
		s->spare = p;
		s->spare_cap = cap;
	}
	s->spare[s->nspare++] = slot;
}

/* One that nobody names yet. */
static int chunk_take(struct chunk_store *s, u32 *slot)
{
	if (s->nspare) {
		*slot = s->spare[--s->nspare];
	} else {
		if (s->used == SLOT_ZERO - 2)
			return -ENOSPC;
		if (s->used == s->cap) {
			u32 cap = s->cap ? s->cap * 2 : 256;
			u32 *p = realloc(s->count, cap * sizeof *p);

			if (!p)
				return -ENOMEM;
			s->count = p;
			s->cap = cap;
		}
		*slot = ++s->used;
	}
	s->count[*slot - 1] = 1;
	return 0;
}

static void page_drop(struct chunk_store *s, struct chunk_page *p)
{
	u32 i;

	if (!p || --p->users)
		return;
	for (i = 0; i < CHUNK_PAGE_SLOTS; i++)
		if (slot_is_data(p->slot[i]))
			chunk_drop(s, p->slot[i]);
	free(p);
}

/* The page of a chunk, for m alone. NULL: no memory. */
static struct chunk_page *page_own(struct chunk_map *m, u64 chunk)
{
	struct chunk_page **at = &m->page[chunk / CHUNK_PAGE_SLOTS], *old = *at, *p;
	u32 i;

	if (old && old->users == 1)
		return old;
	p = calloc(1, sizeof *p);
	if (!p)
		return NULL;
	if (old) {
		memcpy(p->slot, old->slot, sizeof p->slot);
		for (i = 0; i < CHUNK_PAGE_SLOTS; i++)
			if (slot_is_data(p->slot[i]))
				m->store->count[p->slot[i] - 1]++;
		old->users--;
	}
	p->users = 1;
	*at = p;
	return p;
}

/* ---- maps --------------------------------------------------------------------------------------------------------- */

static int map_init(struct chunk_map *m, struct chunk_store *s, u64 npages)
{
	m->page = calloc((size_t)npages + 1, sizeof *m->page);
	if (!m->page)
		return -ENOMEM;
	m->npages = npages;
	m->store = s;
	os_mutex_lock(&s->lock);
	s->users++;
	os_mutex_unlock(&s->lock);
	return 0;
}

int chunk_map_new(struct chunk_map *m, u64 size, const char *name, struct error *e)
{
	struct chunk_store *s = calloc(1, sizeof *s);
	int rc;

	memset(m, 0, sizeof *m);
	if (!s)
		return error_set(e, -ENOMEM, "%.300s: the host is out of memory", name);
	rc = block_file_temp(&s->temp, e);
	if (rc) {
		free(s);
		return rc;
	}
	os_mutex_init(&s->lock);
	rc = map_init(m, s, pages_for(size));
	if (!rc)
		return 0;
	node_close(s->temp);
	os_mutex_destroy(&s->lock);
	free(s);
	return error_set(e, rc, "%.300s: the host is out of memory", name);
}

int chunk_map_copy(struct chunk_map *to, const struct chunk_map *from)
{
	int rc = map_init(to, from->store, from->npages);
	u64 i;

	if (rc)
		return rc;
	os_mutex_lock(&to->store->lock);
	for (i = 0; i < to->npages; i++) {
		to->page[i] = from->page[i];
		if (to->page[i])
			to->page[i]->users++;
	}
	os_mutex_unlock(&to->store->lock);
	return 0;
}

int chunk_map_sibling(struct chunk_map *to, const struct chunk_map *sibling, u64 size)
{
	return map_init(to, sibling->store, pages_for(size));
}

int chunk_map_grow(struct chunk_map *m, u64 size)
{
	u64 npages = MAX(pages_for(size), m->npages);
	struct chunk_page **page = realloc(m->page, ((size_t)npages + 1) * sizeof *page);

	if (!page)
		return -ENOMEM;
	memset(page + m->npages, 0, (size_t)(npages - m->npages) * sizeof *page);
	m->page = page;
	m->npages = npages;
	return 0;
}

void chunk_map_free(struct chunk_map *m)
{
	struct chunk_store *s = m->store;
	bool last;
	u64 i;

	if (!s)
		return;
	os_mutex_lock(&s->lock);
	last = !--s->users;
	for (i = 0; i < m->npages; i++)
		page_drop(s, m->page[i]);
	os_mutex_unlock(&s->lock);
	free(m->page);
	memset(m, 0, sizeof *m);
	if (!last)
		return;
	node_close(s->temp);
	os_mutex_destroy(&s->lock);
	free(s->count);
	free(s->spare);
	free(s);
}

static bool continues(u32 slot, u32 next)
{
	return slot_is_data(slot) ? next == slot + 1 && slot_is_data(next) : next == slot;
}

u64 chunk_map_run(const struct chunk_map *m, u64 off, u64 len, u32 slot)
{
	u64 n = CHUNK - (off & (CHUNK - 1)), chunk = off >> CHUNK_BITS;

	while (n < len) {
		u32 next = chunk_map_get(m, ++chunk);

		if (!continues(slot, next))
			break;
		slot = next;
		n += CHUNK;
	}
	return MIN(n, len);
}

u64 chunk_map_own_run(const struct chunk_map *m, u64 off, u64 len, u32 slot)
{
	u64 n = 0, chunk = off >> CHUNK_BITS;
	u32 next = slot;

	os_mutex_lock(&m->store->lock);
	while (n < len && slot_is_data(next) && m->page[chunk / CHUNK_PAGE_SLOTS]->users == 1 && m->store->count[next - 1] == 1) {
		n += n ? CHUNK : CHUNK - (off & (CHUNK - 1));
		if (n >= len)
			break;
		slot = next;
		next = chunk_map_get(m, ++chunk);
		if (!continues(slot, next))
			break;
	}
	os_mutex_unlock(&m->store->lock);
	return MIN(n, len);
}

int chunk_map_set(struct chunk_map *m, u64 chunk, u32 slot)
{
	u32 *at, i = chunk % CHUNK_PAGE_SLOTS;
	struct chunk_page *p;

	os_mutex_lock(&m->store->lock);
	p = page_own(m, chunk);
	if (p) {
		at = &p->slot[i];
		if (slot_is_data(*at))
			chunk_drop(m->store, *at);
		*at = slot;
	}
	os_mutex_unlock(&m->store->lock);
	return p ? 0 : -ENOMEM;
}

int chunk_map_renew(struct chunk_map *m, u64 chunk, int (*fill)(void *opaque, u32 slot), void *opaque)
{
	u32 slot, i = chunk % CHUNK_PAGE_SLOTS;
	struct chunk_page *p;
	int rc;

	os_mutex_lock(&m->store->lock);
	p = page_own(m, chunk);
	rc = p ? chunk_take(m->store, &slot) : -ENOMEM;
	os_mutex_unlock(&m->store->lock);
	if (rc)
		return rc;
	rc = fill(opaque, slot);
	os_mutex_lock(&m->store->lock);
	if (rc) {
		chunk_drop(m->store, slot);
	} else {
		if (slot_is_data(p->slot[i]))
			chunk_drop(m->store, p->slot[i]);
		p->slot[i] = slot;
	}
	os_mutex_unlock(&m->store->lock);
	return rc;
}
