/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Saved lists of states, looked at and compared by names.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/state_view.h"
#include "tests/suites.h"

struct small {
	u16 sel;
	u16 pad;
	u32 limit;
};

struct big {
	u64 gpr[3];
	struct small seg[2];
	u8 name[8];
};

static const struct state_field small_fields[] = {
	STATE_INT(struct small, sel), STATE_INT(struct small, pad), STATE_INT(struct small, limit),
};
static STATE_DESC(small_desc, "small", 1, struct small, small_fields);

static const struct state_field big_fields[] = {
	STATE_INTS(struct big, gpr), STATE_SUBS(struct big, seg, &small_desc), STATE_BYTES(struct big, name),
};
static STATE_DESC(big_desc, "big", 1, struct big, big_fields);

/* The same table in another build: gpr has one more, there is no name, and something new. */
struct newer {
	struct small seg[2];
	u64 gpr[4];
	u32 extra[2];
};
static const struct state_field newer_fields[] = {
	STATE_SUBS(struct newer, seg, &small_desc), STATE_INTS(struct newer, gpr), STATE_INTS(struct newer, extra),
};
static STATE_DESC(newer_desc, "big", 1, struct newer, newer_fields);

static void save_words(void *opaque, struct buf *out)
{
	buf_put(out, opaque, 5);
}

static int load_words(void *opaque, struct reader *in)
{
	return reader_get(in, 5) ? 0 : -EINVAL;
}

static char text[4096];
static struct error e;

static void note(void *opaque, const struct state_difference *d)
{
	size_t at = strlen(text);
	u64 a = 0, b = 0;
	u8 le[8];

	if (d->kind == STATE_KIND_INT) {
		memset(le, 0, sizeof le);
		if (d->a)
			memcpy(le, d->a, d->size_a);
		a = ld64(le);
		memset(le, 0, sizeof le);
		if (d->b)
			memcpy(le, d->b, d->size_b);
		b = ld64(le);
	}
	snprintf(text + at, sizeof text - at, "%s/%u %s %c %llx %llx\n", d->item, d->instance, d->where,
		 d->side == STATE_BOTH ? '=' : d->side == STATE_ONLY_A ? 'a' : 'b', (unsigned long long)a, (unsigned long long)b);
}

/* What differs between two lists as note() writes it. */
static const char *differ(const struct buf *x, const struct buf *y)
{
	struct state_view *a, *b;

	*text = 0;
	ck_assert_int_eq(state_view_new(x->p, x->len, &a, &e), 0);
	ck_assert_int_eq(state_view_new(y->p, y->len, &b, &e), 0);
	state_view_compare(a, b, note, NULL);
	state_view_free(a);
	state_view_free(b);
	return text;
}

static void save(struct buf *out, const struct state_desc *d, void *obj, u32 count, const char *words)
{
	struct state_list l = { 0 };

	ck_assert_int_eq(state_add(&l, "proc", 1, d, obj, count), 0);
	if (words)
		ck_assert_int_eq(state_add_custom(&l, "tree", 0, save_words, load_words, (void *)(uintptr_t)words), 0);
	*out = (struct buf){ 0 };
	state_list_save(&l, out);
	ck_assert(!out->failed);
	state_list_free(&l);
}

START_TEST(names)
{
	struct big o[2] = { { .gpr = { 1, 2, 3 }, .seg = { { 4, 0, 5 }, { 6, 0, 0xfffffff0 } } }, { .gpr = { 9 } } };
	struct state_view *v;
	struct buf x;
	u64 n = 0;

	save(&x, &big_desc, o, 2, "12345");
	ck_assert_int_eq(state_view_new(x.p, x.len, &v, &e), 0);
	ck_assert(state_view_int(v, "proc", 1, "gpr", 2, NULL, &n));
	ck_assert_uint_eq(n, 3);
	ck_assert(state_view_int(v, "proc", 1, "seg", 1, "limit", &n));
	ck_assert_uint_eq(n, 0xfffffff0);
	ck_assert(state_view_int(v, "proc", 1, "seg", 0, "sel", &n));
	ck_assert_uint_eq(n, 4);
	ck_assert(!state_view_int(v, "proc", 1, "gpr", 3, NULL, &n));
	ck_assert(!state_view_int(v, "proc", 0, "gpr", 0, NULL, &n));
	ck_assert(!state_view_int(v, "proc", 1, "seg", 0, NULL, &n));
	ck_assert(!state_view_int(v, "proc", 1, "seg", 2, "sel", &n));
	ck_assert(!state_view_int(v, "proc", 1, "gpr", 0, "sel", &n));
	ck_assert(!state_view_int(v, "proc", 1, "name", 0, NULL, &n));
	ck_assert(!state_view_int(v, "pro", 1, "gpr", 0, NULL, &n));
	ck_assert(!state_view_int(v, "tree", 0, "gpr", 0, NULL, &n));
	state_view_free(v);
	buf_free(&x);
}
END_TEST

START_TEST(fields_differ)
{
	struct big o[2] = { { .gpr = { 1, 2, 3 }, .name = "abc" }, { .gpr = { 9 } } };
	struct buf x, y, z;

	save(&x, &big_desc, o, 2, "12345");
	save(&y, &big_desc, o, 2, "12345");
	ck_assert_str_eq(differ(&x, &y), "");
	buf_free(&y);
	o[0].gpr[2] = 77;
	o[1].seg[1].sel = 8;
	o[0].name[7] = 1;
	save(&y, &big_desc, o, 2, "12346");
	ck_assert_str_eq(differ(&x, &y), "proc/1 big[0].gpr[2] = 3 4d\nproc/1 big[0].name = 0 0\nproc/1 big[1].seg[1].sel = 0 8\n"
					 "tree/0  = 0 0\n");
	/* Fewer structs, fewer items; from the other side the same. */
	save(&z, &big_desc, o, 1, NULL);
	ck_assert_str_eq(differ(&y, &z), "proc/1 big[1] a 0 0\ntree/0  a 0 0\n");
	ck_assert_str_eq(differ(&z, &y), "proc/1 big[1] b 0 0\ntree/0  b 0 0\n");
	buf_free(&x);
	buf_free(&y);
	buf_free(&z);
}
END_TEST

START_TEST(other_build)
{
	struct big o = { .gpr = { 1, 2, 3 }, .seg = { { 4, 0, 5 } } };
	struct newer n = { .gpr = { 1, 2, 4, 5 }, .seg = { { 4, 0, 6 } }, .extra = { 7 } };
	struct buf x, y;

	save(&x, &big_desc, &o, 1, NULL);
	save(&y, &newer_desc, &n, 1, NULL);
	ck_assert_str_eq(differ(&x, &y), "proc/1 big.gpr[2] = 3 4\nproc/1 big.gpr[3] b 0 5\nproc/1 big.seg[0].limit = 5 6\n"
					 "proc/1 big.name a 0 0\nproc/1 big.extra b 0 7\n");
	buf_free(&x);
	buf_free(&y);
}
END_TEST

/* Every byte changed, every length: nothing is read outside of it. What is found is what is there. */
START_TEST(damaged)
{
	struct big o = { .gpr = { 1, 2, 3 } };
	struct state_view *v;
	struct buf x;
	u64 n;
	size_t i;
	int k;

	save(&x, &big_desc, &o, 1, "12345");
	for (i = 0; i < x.len; i++) {
		u8 *p = malloc(i ? i : 1), *q = malloc(x.len);

		ck_assert_ptr_nonnull(p);
		ck_assert_ptr_nonnull(q);
		memcpy(p, x.p, i);
		ck_assert_int_ne(state_view_new(p, i, &v, &e), 0);
		ck_assert_ptr_null(v);
		memcpy(q, x.p, x.len);
		for (k = 0; k < 3; k++) {
			q[i] = k == 0 ? 0xff : k == 1 ? 0 : (u8)(x.p[i] ^ 0x80);
			if (!state_view_new(q, x.len, &v, &e)) {
				struct state_view *good;

				state_view_int(v, "proc", 1, "seg", 1, "limit", &n);
				ck_assert_int_eq(state_view_new(x.p, x.len, &good, &e), 0);
				*text = 0;
				state_view_compare(good, v, note, NULL);
				state_view_compare(v, good, note, NULL);
				state_view_free(good);
				state_view_free(v);
			}
		}
		free(p);
		free(q);
	}
	buf_free(&x);
}
END_TEST

Suite *state_view_suite(void)
{
	Suite *s = suite_create("state_view");
	TCase *t = tcase_create("views");

	tcase_add_test(t, names);
	tcase_add_test(t, fields_differ);
	tcase_add_test(t, other_build);
	tcase_add_test(t, damaged);
	suite_add_tcase(s, t);
	return s;
}
