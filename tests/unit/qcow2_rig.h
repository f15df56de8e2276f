/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests of qcow2: an open image in memory beside a plain copy of what it holds, and random operations on both.
 */
#ifndef TESTS_UNIT_QCOW2_RIG_H
#define TESTS_UNIT_QCOW2_RIG_H

#include <check.h>

#include "tests/unit/qcow2_image.h"

/* An open image in memory, and what a guest should see. */
struct rig {
	struct mem_file *file, *base; /* base: NULL without a backing file */
	struct block_node *node;
	struct block_faults faults;
	u8 *shadow;
	u64 size;
	u64 x;
};

static inline int give_base(void *opaque, const char *above, const char *path, const char *format,
			    struct block_node **out, struct error *e)
{
	struct rig *r = opaque;

	*out = &r->base->node;
	return 0;
}

static inline void rig_reopen(struct rig *r)
{
	struct block_node *below = &r->file->node;
	struct error e = { "" };

	node_close(r->node);
	r->node = NULL;
	r->file->node.size = r->file->len;
	ck_assert_int_eq(block_filter_open(below, &r->faults, &below, &e), 0);
	ck_assert_msg(!qcow2_open(below, false, give_base, NULL, r, &r->node, &e), "%s", e.text);
}

static inline void rig_open(struct rig *r, const struct image_spec *s, u64 base_size, u64 seed)
{
	size_t len, i;
	u8 *p = image_make(s, &len);

	memset(r, 0, sizeof *r);
	r->x = seed * 0x9e3779b97f4a7c15ULL + 1;
	r->size = s->size;
	r->shadow = calloc(1, (size_t)s->size + 8);
	r->file = mem_new(p, len);
	r->file->keep = true;
	free(p);
	if (s->backing) {
		u8 *b = malloc((size_t)base_size + 8);

		for (i = 0; i < base_size; i++)
			b[i] = (u8)(image_random(&r->x) | 1);
		memcpy(r->shadow, b, (size_t)MIN(base_size, s->size));
		r->base = mem_new(b, (size_t)base_size);
		r->base->keep = true;
		free(b);
	}
	rig_reopen(r);
}

static inline void rig_close(struct rig *r)
{
	node_close(r->node);
	mem_drop(r->file);
	if (r->base)
		mem_drop(r->base);
	free(r->shadow);
}

static inline void rig_compare(struct rig *r, const char *when)
{
	u8 *p = malloc((size_t)r->size + 8);
	u64 i;

	ck_assert_int_eq(node_read(r->node, 0, p, (size_t)r->size), 0);
	for (i = 0; i < r->size; i++)
		if (p[i] != r->shadow[i])
			ck_abort_msg("%s: byte %#llx is %02x, not %02x", when, (unsigned long long)i, p[i],
				     r->shadow[i]);
	free(p);
}

static inline void rig_verify(struct rig *r, bool leaks)
{
	struct image_check c;

	image_verify(r->file->p, r->file->len, &c);
	ck_assert_msg(!c.corrupt, "%s", c.first);
	ck_assert_msg(leaks || !c.leaked, "%llu clusters leaked", (unsigned long long)c.leaked);
}

/* One random operation on the image and its shadow. The result; the shadow changes only when that is 0. */
static inline int rig_step(struct rig *r, u64 *off, u64 *len)
{
	u64 op = image_random(&r->x) % 16, big = image_random(&r->x) % 8 ? 8192 : 300000;
	u8 *p;
	int rc;

	*off = image_random(&r->x) % r->size;
	*len = image_random(&r->x) % big + 1;
	*len = MIN(*len, r->size - *off);
	if (op < 11) {
		u64 i, cut = image_random(&r->x) % (*len + 1);
		struct block_vec v[2];
		struct block_slice s = { v, 2, 0, *len };

		p = malloc((size_t)*len);
		for (i = 0; i < *len; i++)
			p[i] = (u8)image_random(&r->x);
		v[0] = (struct block_vec){ p, (size_t)cut };
		v[1] = (struct block_vec){ p + cut, (size_t)(*len - cut) };
		rc = r->node->ops->write(r->node, *off, &s);
		if (!rc)
			memcpy(r->shadow + *off, p, (size_t)*len);
		free(p);
	} else if (op < 13) {
		rc = r->node->ops->zero(r->node, *off, *len, 0);
		if (!rc)
			memset(r->shadow + *off, 0, (size_t)*len);
	} else if (op < 14) {
		/* What a discard leaves is what we read, as long as the rest stays. */
		u32 failing = r->faults.rule[0].ops;

		rc = r->node->ops->discard(r->node, *off, *len);
		r->faults.rule[0].ops = 0;
		ck_assert_int_eq(node_read(r->node, *off, r->shadow + *off, (size_t)*len), 0);
		r->faults.rule[0].ops = failing;
	} else if (op < 15) {
		p = malloc((size_t)*len);
		rc = node_read(r->node, *off, p, (size_t)*len);
		if (!rc)
			ck_assert(!memcmp(p, r->shadow + *off, (size_t)*len));
		free(p);
	} else {
		rc = r->node->ops->flush(r->node);
	}
	return rc;
}

static const struct image_spec shapes[] = {
	{ 3, 9, 4, 1 << 20, NULL, NULL, 0, 0, 0, 0 },  { 3, 16, 4, 5 << 20, NULL, NULL, 0, 0, 0, 0 },
	{ 2, 12, 4, 3 << 20, NULL, NULL, 0, 0, 0, 0 }, { 3, 21, 4, 9 << 20, NULL, NULL, 0, 0, 0, 0 },
	{ 3, 12, 0, 2 << 20, NULL, NULL, 0, 0, 0, 0 }, { 3, 9, 1, 300000, NULL, NULL, 0, 0, 0, 0 },
	{ 3, 9, 2, 1 << 19, NULL, NULL, 0, 0, 0, 0 },  { 3, 10, 3, 1 << 20, NULL, NULL, 0, 0, 0, 0 },
	{ 3, 9, 5, 1 << 20, NULL, NULL, 0, 0, 0, 0 },  { 3, 9, 6, 1 << 20, NULL, NULL, 0, 0, 0, 0 },
	{ 3, 12, 4, 1 << 20, "b", "raw", 0, 0, 0, 0 }, { 2, 12, 4, 1 << 20, "b", "raw", 0, 0, 0, 0 },
	{ 3, 16, 4, 1000000, "b", "raw", 0, 0, 4, 0 },
};

#endif
