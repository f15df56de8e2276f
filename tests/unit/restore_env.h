/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All of a domain in memory of the host's, and back into a domain that was made the same way: what a snapshot will do with
 * a file.
 */
#ifndef TESTS_UNIT_RESTORE_ENV_H
#define TESTS_UNIT_RESTORE_ENV_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "vm/domain.h"

struct restore_page {
	u64 mfn;
	u8 data[PAGE_SIZE];
};

static const u8 restore_zeros[PAGE_SIZE];

struct restore {
	struct buf states;
	u64 *mfns; /* of all frames, in order */
	u64 nmfns;
	struct restore_page *pages; /* those that are not zeros, in order */
	u64 npages;
};

/* Of a domain between two slots, which goes on as if nothing had been. */
static inline struct restore *restore_take(struct domain *d)
{
	struct restore *r = calloc(1, sizeof *r);
	u64 i, n = 0;

	ck_assert_ptr_nonnull(r);
	domain_sync(d);
	state_list_save(&d->states, &r->states);
	ck_assert(!r->states.failed);
	for (i = 0; i < d->mem.limit; i++) {
		const u8 *p = mem_ro(&d->mem, i);

		r->nmfns += p != NULL;
		r->npages += p && memcmp(p, restore_zeros, PAGE_SIZE) != 0;
	}
	r->mfns = malloc((r->nmfns + 1) * sizeof *r->mfns);
	r->pages = malloc((r->npages + 1) * sizeof *r->pages);
	ck_assert(r->mfns && r->pages);
	r->nmfns = 0;
	for (i = 0; i < d->mem.limit; i++) {
		const u8 *p = mem_ro(&d->mem, i);

		if (p)
			r->mfns[r->nmfns++] = i;
		if (p && memcmp(p, restore_zeros, PAGE_SIZE)) {
			r->pages[n].mfn = i;
			memcpy(r->pages[n++].data, p, PAGE_SIZE);
		}
	}
	return r;
}

/* Into a domain that has not run. Whatever is in its memory goes. */
static inline void restore_put(struct domain *d, const struct restore *r)
{
	struct error e = { "" };
	struct reader in;
	u64 i, m = 0, n = 0;

	for (i = 0; i < d->mem.limit; i++) {
		bool wanted = m < r->nmfns && r->mfns[m] == i;
		const u8 *data = n < r->npages && r->pages[n].mfn == i ? r->pages[n++].data : restore_zeros;
		u8 *p;

		m += wanted;
		if (!wanted) {
			mem_remove(&d->mem, i);
			continue;
		}
		if (!mem_ro(&d->mem, i))
			ck_assert_int_eq(mem_add(&d->mem, i), 0);
		if (!memcmp(mem_ro(&d->mem, i), data, PAGE_SIZE))
			continue;
		p = mem_rw(&d->mem, i, 0, PAGE_SIZE);
		ck_assert_ptr_nonnull(p);
		memcpy(p, data, PAGE_SIZE);
	}
	reader_init(&in, r->states.p, r->states.len);
	ck_assert_int_eq(state_list_load(&d->states, &in, NULL), 0);
	ck_assert_msg(!state_list_loaded(&d->states, &e), "%s", e.text);
}

/* The next item of a saved list. False: there is none. */
static inline bool restore_item(struct reader *in, u32 *left, char name[256], const u8 **body, u64 *len)
{
	size_t n;
	const u8 *p;

	if (!(*left)--)
		return false;
	n = reader_u8(in);
	p = reader_get(in, n);
	ck_assert_ptr_nonnull(p);
	memcpy(name, p, n);
	snprintf(name + n, 256 - n, " %u", reader_u32(in));
	*len = reader_u64(in);
	*body = reader_get(in, *len);
	ck_assert_ptr_nonnull(*body);
	return true;
}

/* The name of the first item that differs between two saved lists (valid until the next call), or "memory". */
static inline const char *restore_differs(const struct buf *a, const struct buf *b)
{
	static char name[256];
	char other[256];
	struct reader ra, rb;
	const u8 *pa, *pb;
	u32 left_a, left_b;
	u64 na, nb;

	reader_init(&ra, a->p, a->len);
	reader_init(&rb, b->p, b->len);
	left_a = reader_u32(&ra);
	left_b = reader_u32(&rb);
	while (restore_item(&ra, &left_a, name, &pa, &na)) {
		if (!restore_item(&rb, &left_b, other, &pb, &nb) || strcmp(name, other))
			return "the list of items";
		if (na != nb || memcmp(pa, pb, na))
			return name;
	}
	return "memory";
}

static inline void restore_free(struct restore *r)
{
	buf_free(&r->states);
	free(r->mfns);
	free(r->pages);
	free(r);
}

#endif
