/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Snapshots that are read as they come: what is written comes out, and nothing that was damaged does.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/hash.h"
#include "snapshot/image_stream.h"
#include "tests/suites.h"

#define FRAMES 700u

/* What a memory has: 0 zeros, NOTHING, or pages that begin with this number. */
#define NOTHING UINT64_MAX

struct pipe {
	struct buf b;
	size_t at, end;
};

static int put(void *opaque, const void *p, size_t n)
{
	buf_put(&((struct pipe *)opaque)->b, p, n);
	return 0;
}

static ssize_t get(void *opaque, void *p, size_t n)
{
	struct pipe *x = opaque;

	n = MIN(n, x->end - x->at);
	memcpy(p, x->b.p + x->at, n);
	x->at += n;
	return (ssize_t)n;
}

static void page_of(u8 *page, u64 v)
{
	u32 i;

	for (i = 0; i < PAGE_SIZE; i += 8)
		memcpy(page + i, &(u64){ i % 64 ? v : hash_u64(v, i) }, 8);
}

/* An image of is, told against was where there is one. */
static void write_image(struct pipe *x, const u64 *is, const u64 *was, const u8 *parent, enum image_codec codec, u8 *digest)
{
	struct image_options o = { .codec = codec, .parent = parent };
	struct image_output to = { put, x, "here" };
	struct error e = { "" };
	struct image_writer *w;
	u8 page[PAGE_SIZE];
	u64 n = 0, i;

	for (i = 0; i < FRAMES; i++)
		n += is[i] != NOTHING;
	ck_assert_int_eq(image_write_to(&to, &o, &w, &e), 0);
	image_write_chunk(w, "about", 7, IMAGE_MANDATORY, "what it is about, in some words that can be packed packed packed packed packed packed", 86);
	image_write_memory_begin(w, "ram", FRAMES, n);
	for (i = 0; i < FRAMES; i++) {
		if (is[i] == NOTHING)
			continue;
		if (was && was[i] == is[i]) {
			image_write_same(w, i, 1);
			continue;
		}
		page_of(page, is[i]);
		image_write_page(w, i, is[i] ? page : NULL);
	}
	image_write_memory_end(w);
	image_write_chunk(w, "end", 0, 0, "x", 1);
	ck_assert_int_eq(image_write_end(w, digest, &e), 0);
	x->end = x->b.len;
}

struct taken {
	u64 mem[FRAMES];
	u64 next;
	u32 chunks, bad;
};

static int on_chunk(void *opaque, const struct image_chunk_info *c, const u8 *data, struct error *e)
{
	struct taken *t = opaque;

	t->chunks++;
	t->bad += strcmp(c->type, "about") ? c->len != 1 || *data != 'x' : c->len != 86 || memcmp(data, "what", 4);
	return 0;
}

static int on_memory(void *opaque, const char *name, u64 limit, struct error *e)
{
	struct taken *t = opaque;

	t->next = 0;
	t->bad += limit != FRAMES || strcmp(name, "ram");
	return limit != FRAMES ? error_set(e, -EINVAL, "no") : 0;
}

static int on_frames(void *opaque, u64 mfn, u64 n, bool same, enum image_kind kind, const u8 *data, struct error *e)
{
	struct taken *t = opaque;
	u8 page[PAGE_SIZE];
	u64 i;

	t->bad += mfn != t->next || mfn + n > FRAMES || (kind == IMAGE_DATA) != (data != NULL);
	if (t->bad)
		return error_set(e, -EINVAL, "out of order");
	t->next = mfn + n;
	for (i = mfn; i < mfn + n && !same; i++) {
		t->mem[i] = kind == IMAGE_ABSENT ? NOTHING : 0;
		if (kind != IMAGE_DATA)
			continue;
		memcpy(&t->mem[i], data + (i - mfn) * PAGE_SIZE + 8, 8);
		page_of(page, t->mem[i]);
		t->bad += memcmp(page, data + (i - mfn) * PAGE_SIZE, PAGE_SIZE) != 0;
	}
	return 0;
}

static int read_image(struct pipe *x, const u8 *parent, struct taken *t, u8 *digest, struct error *e)
{
	struct image_sink sink = { on_chunk, on_memory, on_frames, t };
	struct image_input in = { get, x, "here" };
	int rc;

	*e = (struct error){ "" };
	t->bad = t->chunks = 0;
	rc = image_stream(&in, parent, &sink, digest, e);
	ck_assert_msg(rc >= 0 || *e->text, "no sentence");
	return rc;
}

/* Some frames of each kind. */
static void mix(u64 *mem, u64 x, u32 part)
{
	u32 i;

	for (i = 0; i < FRAMES; i++) {
		x = hash_u64(x, i);
		if (x % 100 < part)
			mem[i] = x >> 32 & 3 ? (x >> 40) + 1 : x >> 34 & 1 ? 0 : NOTHING;
	}
}

START_TEST(rows_of_images)
{
	enum image_codec codec = _i ? image_codec_best() : IMAGE_RAW;
	static u64 is[FRAMES], was[FRAMES];
	u8 wrote[IMAGE_DIGEST_BYTES], came[IMAGE_DIGEST_BYTES], first[IMAGE_DIGEST_BYTES];
	static struct taken t;
	struct pipe x = { .at = 0 };
	struct error e;
	u32 i;

	mix(is, 1, 100);
	for (i = 0; i < 4; i++) {
		memcpy(was, is, sizeof was);
		mix(is, i + 2, i ? 10 : 100);
		write_image(&x, is, i ? was : NULL, i ? wrote : NULL, codec, wrote);
		ck_assert_msg(!read_image(&x, i ? came : NULL, &t, came, &e), "%s", e.text);
		ck_assert_mem_eq(wrote, came, sizeof wrote);
		ck_assert_uint_eq(t.bad, 0);
		ck_assert_uint_eq(t.chunks, 2);
		ck_assert_uint_eq(t.next, FRAMES);
		ck_assert_mem_eq(t.mem, is, sizeof is);
		if (!i)
			memcpy(first, came, sizeof first);
	}
	ck_assert_int_eq(read_image(&x, came, &t, came, &e), 1);
	/* One that is told against another than came before. */
	write_image(&x, is, is, first, codec, wrote);
	ck_assert_int_eq(read_image(&x, came, &t, came, &e), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.text, "did not come before"));
	buf_free(&x.b);
}
END_TEST

/* Of pages not each byte. */
START_TEST(damage)
{
	enum image_codec codec = _i ? image_codec_best() : IMAGE_RAW;
	static u64 is[FRAMES];
	u8 wrote[IMAGE_DIGEST_BYTES], came[IMAGE_DIGEST_BYTES];
	static struct taken t;
	struct pipe x = { .at = 0 };
	struct error e;
	size_t n, i;
	u32 bit;

	for (i = 0; i < FRAMES; i++)
		is[i] = i < 4 ? i : NOTHING;
	write_image(&x, is, NULL, NULL, codec, wrote);
	n = x.end;
	for (i = 0; i < n; i += i > 1200 && i + 1300 < n ? 61 : 1) {
		x.at = 0;
		x.end = i;
		ck_assert_msg(read_image(&x, NULL, &t, came, &e) == (i ? -EPIPE : 1), "%zu bytes: %s", i, e.text);
		/* Each bit of the head and of the first record; of the rest one of each byte. */
		for (bit = i < 240 ? 0 : i % 8; bit < 8; bit += i < 240 ? 1 : 8) {
			x.at = 0;
			x.end = n;
			x.b.p[i] ^= (u8)(1u << bit);
			ck_assert_msg(read_image(&x, NULL, &t, came, &e) < 0, "bit %u of byte %zu", bit, i);
			x.b.p[i] ^= (u8)(1u << bit);
		}
	}
	x.at = 0;
	x.end = n;
	ck_assert_int_eq(read_image(&x, NULL, &t, came, &e), 0);
	buf_free(&x.b);
}
END_TEST

Suite *stream_suite(void)
{
	Suite *s = suite_create("stream");
	TCase *t = tcase_create("stream");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, rows_of_images, 0, 2);
	tcase_add_loop_test(t, damage, 0, 2);
	suite_add_tcase(s, t);
	return s;
}
