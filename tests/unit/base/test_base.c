/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The leaf modules: byte order, buffers, the hash, messages and errors, state tables.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/endian.h"
#include "base/hash.h"
#include "base/inet_sum.h"
#include "base/log.h"
#include "base/state.h"
#include "base/task.h"
#include "tests/suites.h"
#include "tests/unit/quick.h"

START_TEST(bytes_are_little_endian)
{
	u8 b[9] = { 0xee, 1, 2, 3, 4, 5, 6, 7, 8 };

	/* From odd addresses too. */
	ck_assert_uint_eq(ld16(b + 1), 0x0201);
	ck_assert_uint_eq(ld32(b + 1), 0x04030201);
	ck_assert_uint_eq(ld64(b + 1), 0x0807060504030201ULL);
	st16(b + 1, 0xa1a2);
	ck_assert_uint_eq(b[1], 0xa2);
	ck_assert_uint_eq(b[2], 0xa1);
	st32(b + 3, 0xb1b2b3b4);
	ck_assert_uint_eq(b[3], 0xb4);
	ck_assert_uint_eq(b[6], 0xb1);
	st64(b + 1, 0xc1c2c3c4c5c6c7c8ULL);
	ck_assert_uint_eq(b[0], 0xee);
	ck_assert_uint_eq(b[1], 0xc8);
	ck_assert_uint_eq(b[8], 0xc1);
}
END_TEST

START_TEST(buffer_round_trip)
{
	struct buf b = { 0 };
	struct reader r;
	u32 i;

	buf_put_u8(&b, 0x11);
	buf_put_u16(&b, 0x2233);
	buf_put_u32(&b, 0x44556677);
	buf_put_u64(&b, 0x8899aabbccddeeffULL);
	ck_assert_uint_eq(b.len, 15);
	ck_assert_mem_eq(b.p, "\x11\x33\x22\x77\x66\x55\x44\xff\xee\xdd\xcc\xbb\xaa\x99\x88", 15);
	for (i = 0; i < 5000; i++)
		buf_put_u32(&b, i);
	ck_assert(!b.failed);
	reader_init(&r, b.p, b.len);
	ck_assert_uint_eq(reader_u8(&r), 0x11);
	ck_assert_uint_eq(reader_u16(&r), 0x2233);
	ck_assert_uint_eq(reader_u32(&r), 0x44556677);
	ck_assert_uint_eq(reader_u64(&r), 0x8899aabbccddeeffULL);
	for (i = 0; i < 5000; i++)
		ck_assert_uint_eq(reader_u32(&r), i);
	ck_assert_uint_eq(r.left, 0);
	ck_assert(!r.failed);
	buf_free(&b);
	ck_assert_ptr_null(b.p);
	ck_assert_uint_eq(b.len, 0);
}
END_TEST

START_TEST(reader_stops_at_the_end)
{
	struct reader r;

	reader_init(&r, "abc", 3);
	ck_assert_ptr_null(reader_get(&r, 4));
	ck_assert(r.failed);
	/* From then on nothing but zeros, also what would have fitted. */
	ck_assert_uint_eq(reader_u8(&r), 0);
	ck_assert_ptr_null(reader_get(&r, 1));
	reader_init(&r, "abc", 3);
	ck_assert_uint_eq(reader_u16(&r), 0x6261);
	ck_assert_uint_eq(reader_u64(&r), 0);
	ck_assert(r.failed);
	reader_init(&r, "abc", 3);
	ck_assert_ptr_null(reader_get(&r, SIZE_MAX));
	ck_assert(r.failed);
}
END_TEST

START_TEST(buffer_of_nothing)
{
	struct buf b = { 0 };
	struct reader r;

	buf_put(&b, NULL, 0);
	ck_assert(!b.failed);
	ck_assert_uint_eq(b.len, 0);
	reader_init(&r, NULL, 0);
	reader_get(&r, 0);
	ck_assert(!r.failed);
	reader_u8(&r);
	ck_assert(r.failed);
	buf_free(&b);
}
END_TEST

START_TEST(buffer_refuses_the_impossible)
{
	struct buf b = { 0 };

	buf_put_u8(&b, 7);
	ck_assert_ptr_null(buf_reserve(&b, SIZE_MAX - 4));
	ck_assert(b.failed);
	buf_put_u8(&b, 8);
	ck_assert_uint_eq(b.len, 1);
	buf_free(&b);
}
END_TEST

START_TEST(hash_sees_every_bit)
{
	u8 b[40] = { 0 };
	u64 zero = hash_bytes(HASH_SEED, b, sizeof b), h, seen[40 * 8];
	u32 i, j, n = 0;

	for (i = 0; i < sizeof b; i++)
		for (j = 0; j < 8; j++) {
			u32 k;

			b[i] = (u8)(1 << j);
			h = hash_bytes(HASH_SEED, b, sizeof b);
			ck_assert_uint_ne(h, zero);
			for (k = 0; k < n; k++)
				quick(h != seen[k]);
			seen[n++] = h;
			b[i] = 0;
		}
	/* The length counts, the seed counts, order counts. */
	ck_assert_uint_ne(hash_bytes(HASH_SEED, b, 39), zero);
	ck_assert_uint_ne(hash_bytes(HASH_SEED, b, 0), HASH_SEED);
	ck_assert_uint_ne(hash_bytes(1, b, 40), hash_bytes(2, b, 40));
	ck_assert_uint_ne(hash_u64(hash_u64(0, 1), 2), hash_u64(hash_u64(0, 2), 1));
}
END_TEST

/* A hash is written into files and compared between hosts: it may not change unnoticed. */
START_TEST(hash_is_what_it_was)
{
	u8 b[11];

	memcpy(b, "hello world", 11);
	ck_assert_uint_eq(hash_u64(0, 0), 0);
	ck_assert_uint_eq(hash_bytes(HASH_SEED, b, 11), 0x72ada899f3b0660eULL);
	/* Not aligned. */
	memcpy(b, "xhello", 6);
	ck_assert_uint_eq(hash_bytes(0, b + 1, 5), hash_bytes(0, "hello", 5));
}
END_TEST

static u32 parsed(const char *list, struct log_choice *c, char *bad, size_t n)
{
	*c = (struct log_choice){ 0 };
	bad[0] = 0;
	return log_parse(list, c, bad, n) ? UINT32_MAX : c->items;
}

START_TEST(log_words)
{
	const struct log_item_desc *it;
	struct log_choice c = { .items = 77 };
	char bad[32];

	ck_assert_int_eq(log_parse("int,nosuch,cpu", &c, bad, sizeof bad), -EINVAL);
	ck_assert_str_eq(bad, "nosuch");
	ck_assert_uint_eq(c.items, 77); /* as it was */
	ck_assert_uint_eq(parsed("int,hypercall", &c, bad, sizeof bad), LOG_INT | LOG_HYPERCALL);
	ck_assert_uint_eq(parsed("all", &c, bad, sizeof bad), LOG_ALL);
	ck_assert_uint_eq(parsed("in", &c, bad, sizeof bad), UINT32_MAX);
	ck_assert_uint_eq(parsed("intt", &c, bad, 4), UINT32_MAX);
	ck_assert_str_eq(bad, "int"); /* cut to its room */
	for (it = log_items; it->name; it++)
		ck_assert_uint_eq(parsed(it->name, &c, bad, sizeof bad), it->bit);
	/* Added to what was there. */
	ck_assert_int_eq(log_parse("int", &c, bad, sizeof bad), 0);
	ck_assert_uint_eq(c.items, LOG_ALL);
	ck_assert_uint_eq(parsed("exec,from=1.5,to=2500ms", &c, bad, sizeof bad), LOG_EXEC);
	ck_assert_uint_eq(c.from.kind, LOG_MOMENT_TIME);
	ck_assert_uint_eq(c.from.at, 1500000000);
	ck_assert_uint_eq(c.to.at, 2500000000);
	ck_assert_uint_eq(parsed("from=9007199254740993i,to=7ns,syntax=att", &c, bad, sizeof bad), 0);
	ck_assert_uint_eq(c.from.kind, LOG_MOMENT_ICOUNT);
	ck_assert_uint_eq(c.from.at, 9007199254740993u);
	ck_assert_uint_eq(c.to.at, 7);
	ck_assert(c.att);
	ck_assert_uint_eq(parsed("int,from=soon", &c, bad, sizeof bad), UINT32_MAX);
	ck_assert_str_eq(bad, "from=soon");
	ck_assert_uint_eq(parsed("to=1h", &c, bad, sizeof bad), UINT32_MAX);
	ck_assert_uint_eq(parsed("to=-1", &c, bad, sizeof bad), UINT32_MAX);
	ck_assert_uint_eq(parsed("to=", &c, bad, sizeof bad), UINT32_MAX);
	ck_assert_uint_eq(parsed("syntax=masm", &c, bad, sizeof bad), UINT32_MAX);
}
END_TEST

START_TEST(log_ranges)
{
	static const char *const wrong[] = { "", "0x1000", "0x1000+", "0x1000+0", "0x10-0x20", "8..7", "8.9", "8..9x", "a..b", "1+2,", ",1+2",
					     "0xffffffffffffffff+2", "0x10000000000000000+1" };
	struct log_range r[LOG_RANGES];
	char bad[32];
	u32 n = 0, i;

	ck_assert_int_eq(log_add_ranges(r, &n, "0x1000+0x10,0x1000-16,5..7,0+1", bad, sizeof bad), 0);
	ck_assert_uint_eq(n, 4);
	ck_assert_uint_eq(r[0].first, 0x1000);
	ck_assert_uint_eq(r[0].last, 0x100f);
	ck_assert_uint_eq(r[1].first, 0xff1);
	ck_assert_uint_eq(r[1].last, 0x1000);
	ck_assert_uint_eq(r[2].first, 5);
	ck_assert_uint_eq(r[2].last, 7);
	ck_assert_uint_eq(r[3].last, 0);
	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		n = 0;
		ck_assert_msg(log_add_ranges(r, &n, wrong[i], bad, sizeof bad) == -EINVAL, "%s", wrong[i]);
	}
	for (n = 0; n < LOG_RANGES;)
		ck_assert_int_eq(log_add_ranges(r, &n, "1..2", bad, sizeof bad), 0);
	ck_assert_int_eq(log_add_ranges(r, &n, "1..2", bad, sizeof bad), -ENOSPC);
}
END_TEST

/* A run that has come to here. */
struct log_run {
	u64 icount, now;
	u32 flushed;
};

static void log_run_clock(const void *who, u64 *icount, u64 *now)
{
	const struct log_run *r = who;

	*icount = r->icount;
	*now = r->now;
}

static void log_run_code(void *opaque)
{
	((struct log_run *)opaque)->flushed++;
}

/* All that is in the file, which goes away. */
static void log_file_is(const char *path, const char *want)
{
	char text[400] = "";
	FILE *f = fopen(path, "r");

	ck_assert_ptr_nonnull(f);
	text[fread(text, 1, sizeof text - 1, f)] = 0;
	fclose(f);
	ck_assert_str_eq(text, want);
	remove(path);
}

static void log_temp(char *path)
{
	int fd;

	strcpy(path, "/tmp/paravane-log-XXXXXX");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	close(fd);
	remove(path);
}

START_TEST(log_writes_what_is_wanted)
{
	struct log_choice want = { .items = LOG_INT };
	char path[40];
	struct log log;

	log_temp(path);
	log_init(&log);
	ck_assert_int_eq(log_open(&log, "/nonexistent/directory/log"), -ENOENT);
	ck_assert_ptr_eq(log.out, stderr);
	/* No file before something is wanted. */
	ck_assert_int_eq(log_later(&log, path), 0);
	ck_assert_int_ne(access(path, F_OK), 0);
	ck_assert_int_eq(log_want(&log, &want), 0);
	ck_assert_int_eq(access(path, F_OK), 0);
	ck_assert(log_on(&log, LOG_INT | LOG_EXEC));
	ck_assert(!log_on(&log, LOG_EXEC));
	log_line(&log, LOG_EXEC, "not this");
	log_line(&log, LOG_INT, "trap %d", 14);
	log_close(&log);
	ck_assert_ptr_eq(log.out, stderr);
	log_file_is(path, "trap 14\n");
	/* A place that cannot be is told when something is wanted. */
	ck_assert_int_eq(log_later(&log, "/nonexistent/directory/log"), 0);
	ck_assert_int_eq(log_want(&log, &want), -ENOENT);
	log_close(&log);
}
END_TEST

START_TEST(log_window_and_filter)
{
	struct log_run run = { 0 };
	struct log_choice want;
	char path[40], bad[32];
	struct log log;
	u64 i;

	log_temp(path);
	log_init(&log);
	log.clock = log_run_clock;
	log.who = &run;
	log.code = log_run_code;
	log.code_opaque = &run;
	ck_assert_int_eq(log_open(&log, path), 0);
	ck_assert_uint_eq(parsed("exec,int,from=25i,to=1us", &want, bad, sizeof bad), LOG_EXEC | LOG_INT);
	ck_assert_int_eq(log_want(&log, &want), 0);
	ck_assert_uint_eq(run.flushed, 1);
	for (i = 0; i < 20; i++) {
		run.icount = i * 10;
		run.now = i * 100;
		log_piece(&log, run.icount, run.now, 10, 100);
		/* Pieces that hold nothing of the window run at full speed. */
		ck_assert_uint_eq(log.mask != 0, i >= 2 && i < 10);
		log_line(&log, LOG_INT, "%d", (int)i);
		run.icount += 7;
		if (i == 2 || i == 12)
			log_line(&log, LOG_INT, "late in %d", (int)i);
	}
	ck_assert_uint_eq(run.flushed, 2); /* and again when the window began */
	ck_assert_uint_eq(log.want.items, LOG_EXEC | LOG_INT);
	/* A filter is about code; lines of no code are not touched. */
	want = (struct log_choice){ .items = LOG_INT };
	ck_assert_int_eq(log_want(&log, &want), 0);
	ck_assert(log_at(&log, LOG_INT, 5));
	ck_assert_int_eq(log_add_ranges(log.range, &log.nranges, "0x10+2,7..7", bad, sizeof bad), 0);
	ck_assert(!log_at(&log, LOG_INT, 5));
	ck_assert(log_at(&log, LOG_INT, 7) && log_at(&log, LOG_INT, 0x11));
	ck_assert(!log_at(&log, LOG_EXEC, 7));
	log_close(&log);
	log_file_is(path, "[27 0.000000200] late in 2\n[30 0.000000300] 3\n[40 0.000000400] 4\n[50 0.000000500] 5\n[60 0.000000600] 6\n"
			  "[70 0.000000700] 7\n[80 0.000000800] 8\n[90 0.000000900] 9\n");
}
END_TEST

START_TEST(errors_are_sentences)
{
	struct error e;
	char big[2000];

	ck_assert_int_eq(error_set(&e, -EINVAL, "%s: %d", "file", 3), -EINVAL);
	ck_assert_str_eq(e.text, "file: 3");
	ck_assert_int_eq(error_set(NULL, -ENOMEM, "nobody listens"), -ENOMEM);
	memset(big, 'x', sizeof big - 1);
	big[sizeof big - 1] = 0;
	error_set(&e, -1, "%s", big);
	ck_assert_uint_eq(strlen(e.text), sizeof e.text - 1);
}
END_TEST

/* ---- state tables -------------------------------------------------------------------------------------------- */

struct inner {
	u16 a;
	u8 b[2];
};

struct outer {
	u64 q;
	u32 d[3];
	u16 w;
	u8 c;
	u8 pad;
	char name[8];
	struct inner one;
	struct inner many[2];
	u8 pad2[4];
};

static const struct state_field inner_fields[] = { STATE_INT(struct inner, a), STATE_INTS(struct inner, b) };
static STATE_DESC(inner_desc, "inner", 1, struct inner, inner_fields);
static const struct state_field outer_fields[] = {
	STATE_INT(struct outer, q), STATE_INTS(struct outer, d), STATE_INT(struct outer, w),
	STATE_INT(struct outer, c), STATE_INT(struct outer, pad), STATE_BYTES(struct outer, name),
	STATE_SUB(struct outer, one, &inner_desc), STATE_SUBS(struct outer, many, &inner_desc),
	STATE_INTS(struct outer, pad2),
};
static STATE_DESC(outer_desc, "outer", 3, struct outer, outer_fields);

static void fill(void *p, size_t n, u8 first)
{
	u8 *b = p;
	size_t i;

	for (i = 0; i < n; i++)
		b[i] = (u8)(first + i * 7);
}

START_TEST(state_poison)
{
	struct outer a, b;
	struct buf out = { 0 };
	struct reader in;

	ck_assert(state_check(&outer_desc));
	fill(&a, sizeof a, 0x11);
	fill(&b, sizeof b, 0x93);
	ck_assert_str_eq(state_differs(&outer_desc, &a, &b), "q");
	ck_assert_uint_ne(state_hash(&outer_desc, &a, 5), state_hash(&outer_desc, &b, 5));
	state_save(&outer_desc, &a, &out);
	reader_init(&in, out.p, out.len);
	ck_assert_int_eq(state_load(&outer_desc, &b, &in), 0);
	ck_assert_uint_eq(in.left, 0);
	ck_assert_mem_eq(&a, &b, sizeof a);
	ck_assert_ptr_null(state_differs(&outer_desc, &a, &b));
	ck_assert_uint_eq(state_hash(&outer_desc, &a, 5), state_hash(&outer_desc, &b, 5));
	buf_free(&out);
}
END_TEST

/* Each byte is in the file, in the hash and in the comparison. */
START_TEST(state_every_byte)
{
	struct outer a, b;
	u64 h;
	size_t i;

	fill(&a, sizeof a, 1);
	h = state_hash(&outer_desc, &a, 0);
	for (i = 0; i < sizeof a; i++) {
		struct buf x = { 0 }, y = { 0 };

		b = a;
		((u8 *)&b)[i] ^= 0x40;
		ck_assert_ptr_nonnull(state_differs(&outer_desc, &a, &b));
		ck_assert_uint_ne(state_hash(&outer_desc, &b, 0), h);
		state_save(&outer_desc, &a, &x);
		state_save(&outer_desc, &b, &y);
		ck_assert_uint_eq(x.len, y.len);
		ck_assert_mem_ne(x.p, y.p, x.len);
		buf_free(&x);
		buf_free(&y);
	}
}
END_TEST

/* The file's bytes are the same on every host. */
START_TEST(state_wire_format)
{
	static const u8 want[] = { 5,    'i',  'n',  'n',  'e', 'r', 1, 0, 0,
				   0,    4,    0,    0,    0,   /* version, size */
				   0x34, 0x12, 0xab, 0xcd };
	struct inner i = { 0x1234, { 0xab, 0xcd } };
	struct buf out = { 0 };

	state_save(&inner_desc, &i, &out);
	ck_assert_uint_eq(out.len, sizeof want);
	ck_assert_mem_eq(out.p, want, sizeof want);
	buf_free(&out);
}
END_TEST

START_TEST(state_refuses_other_files)
{
	struct state_desc other = inner_desc;
	struct inner i = { 1, { 2, 3 } }, got = i;
	struct buf out = { 0 };
	struct reader in;
	size_t n;

	state_save(&inner_desc, &i, &out);
	other.version = 2;
	reader_init(&in, out.p, out.len);
	ck_assert_int_eq(state_load(&other, &got, &in), -EINVAL);
	other = inner_desc;
	other.name = "inneR";
	reader_init(&in, out.p, out.len);
	ck_assert_int_eq(state_load(&other, &got, &in), -EINVAL);
	other = inner_desc;
	other.size = 5;
	reader_init(&in, out.p, out.len);
	ck_assert_int_eq(state_load(&other, &got, &in), -EINVAL);
	for (n = 0; n < out.len; n++) {
		reader_init(&in, out.p, n);
		ck_assert_int_eq(state_load(&inner_desc, &got, &in), -EINVAL);
	}
	buf_free(&out);
}
END_TEST

START_TEST(state_check_finds_holes)
{
	static const struct state_field hole[] = { STATE_INT(struct inner, a) };
	static const struct state_field twice[] = { STATE_INT(struct inner, a), STATE_INTS(struct inner, b),
						    STATE_INT(struct inner, a) };
	static STATE_DESC(d_hole, "hole", 1, struct inner, hole);
	static STATE_DESC(d_twice, "twice", 1, struct inner, twice);

	ck_assert(state_check(&inner_desc));
	ck_assert(!state_check(&d_hole));
	ck_assert(!state_check(&d_twice));
}
END_TEST

static void word_save(void *opaque, struct buf *out)
{
	buf_put_u32(out, *(u32 *)opaque);
}

static int word_load(void *opaque, struct reader *in)
{
	*(u32 *)opaque = reader_u32(in);
	return in->failed ? -EINVAL : 0;
}

static int count_loaded(void *opaque, struct error *e)
{
	u32 *n = opaque;

	return ++*n > 2 ? error_set(e, -EIO, "three times") : 0;
}

/* What modules do after a load: in order, and up to the first that fails. */
START_TEST(state_loaded)
{
	struct state_list l = { 0 };
	struct error e = { 0 };
	u32 a = 0, b = 0, c = 1;

	ck_assert_int_eq(state_list_loaded(&l, &e), 0);
	ck_assert_int_eq(state_add_loaded(&l, count_loaded, &a), 0);
	ck_assert_int_eq(state_add_loaded(&l, count_loaded, &c), 0);
	ck_assert_int_eq(state_add_loaded(&l, count_loaded, &b), 0);
	ck_assert_int_eq(state_list_loaded(&l, &e), 0);
	ck_assert_int_eq(state_list_loaded(&l, &e), -EIO);
	ck_assert_str_eq(e.text, "three times");
	ck_assert_uint_eq(a, 2);
	ck_assert_uint_eq(b, 1);
	state_remove(&l, &c);
	ck_assert_uint_eq(l.nhooks, 2);
	a = 0;
	ck_assert_int_eq(state_list_loaded(&l, NULL), 0);
	ck_assert_uint_eq(c, 3);
	ck_assert_uint_eq(b, 2);
	state_list_free(&l);
	ck_assert_uint_eq(l.nhooks, 0);
}
END_TEST

START_TEST(state_lists)
{
	struct inner a[2] = { { 1, { 2, 3 } }, { 4, { 5, 6 } } };
	struct state_list l = { 0 };
	struct buf out = { 0 };
	struct reader in;
	u32 word = 99;
	u64 h;

	ck_assert_int_eq(state_add(&l, "pair", 0, &inner_desc, a, 2), 0);
	ck_assert_int_eq(state_add_custom(&l, "word", 1, word_save, word_load, &word), 0);
	h = state_list_hash(&l, 0);
	state_list_save(&l, &out);
	word = 1;
	ck_assert_uint_ne(state_list_hash(&l, 0), h);
	word = 99;
	a[1].b[1]++;
	ck_assert_uint_ne(state_list_hash(&l, 0), h);
	word = 1;
	reader_init(&in, out.p, out.len);
	ck_assert_int_eq(state_list_load(&l, &in, NULL), 0);
	ck_assert_uint_eq(word, 99);
	ck_assert_uint_eq(a[1].b[1], 6);
	ck_assert_uint_eq(state_list_hash(&l, 0), h);
	/* A file cut short is refused. */
	reader_init(&in, out.p, out.len - 1);
	ck_assert_int_eq(state_list_load(&l, &in, NULL), -EINVAL);
	state_remove(&l, &word);
	ck_assert_uint_eq(l.n, 1);
	ck_assert_uint_ne(state_list_hash(&l, 0), h);
	state_remove(&l, a);
	ck_assert_uint_eq(l.n, 0);
	state_list_free(&l);
	buf_free(&out);
}
END_TEST

/* ---- state by names: a file of one build, read by another ------------------------------------------------------------- */

struct then {
	u32 kept, gone, hint;
	u16 narrow;
	u16 list[2];
	struct inner in;
	u8 text[4];
};
static const struct state_field then_fields[] = {
	STATE_INT(struct then, kept),   STATE_INT(struct then, gone),	     STATE_INT_OPTIONAL(struct then, hint),
	STATE_INT(struct then, narrow), STATE_INTS(struct then, list),	     STATE_SUB(struct then, in, &inner_desc),
	STATE_BYTES(struct then, text),
};
static STATE_DESC(then_desc, "thing", 3, struct then, then_fields);

/* In another order, with a wider number, a longer list, and a field that the file does not have. */
struct now {
	u8 text[4];
	u32 fresh;
	struct inner in;
	u64 narrow;
	u16 list[4];
	u32 gone;
	u32 kept;
};
static const struct state_field now_fields[] = {
	STATE_BYTES(struct now, text), STATE_INT(struct now, fresh), STATE_SUB(struct now, in, &inner_desc), STATE_INT(struct now, narrow),
	STATE_INTS(struct now, list),  STATE_INT(struct now, gone),  STATE_INT(struct now, kept),
};
static STATE_DESC(now_desc, "thing", 3, struct now, now_fields);

static const struct then an_old_thing = { 1, 2, 3, 0x8004, { 5, 6 }, { 7, { 8, 9 } }, "abc" };

/* Loads an_old_thing, saved as old, by the table d. */
static int read_old(const struct state_desc *old, const void *from, const struct state_desc *d, void *obj, struct error *e)
{
	struct state_list a = { 0 }, b = { 0 };
	struct buf out = { 0 };
	struct reader in;
	int rc;

	ck_assert_int_eq(state_add(&a, "a thing", 0, old, (void *)(uintptr_t)from, 1), 0);
	ck_assert_int_eq(state_add(&b, "a thing", 0, d, obj, 1), 0);
	state_list_save(&a, &out);
	reader_init(&in, out.p, out.len);
	rc = state_list_load(&b, &in, e);
	ck_assert(rc || !in.left);
	buf_free(&out);
	state_list_free(&a);
	state_list_free(&b);
	return rc;
}

START_TEST(state_by_names)
{
	struct now n = { .fresh = 77, .list = { 1, 2, 3, 4 } };
	struct error e = { 0 };
	u32 i;

	ck_assert_int_eq(read_old(&then_desc, &an_old_thing, &now_desc, &n, &e), 0);
	ck_assert_uint_eq(n.kept, 1);
	ck_assert_uint_eq(n.gone, 2);
	ck_assert_uint_eq(n.narrow, 0x8004);
	ck_assert_uint_eq(n.fresh, 77);
	ck_assert(n.list[0] == 5 && n.list[1] == 6 && n.list[2] == 3 && n.list[3] == 4);
	ck_assert_mem_eq(&n.in, &an_old_thing.in, sizeof n.in);
	ck_assert_str_eq((const char *)n.text, "abc");
	/* What this build does not know, and nobody said that it can be done without. */
	for (i = 0; i < now_desc.nfields; i++) {
		struct state_field less[ARRAY_SIZE(now_fields)];
		struct state_desc d = now_desc;

		memcpy(less, now_fields, sizeof less);
		less[i] = less[--d.nfields];
		d.fields = less;
		ck_assert_int_eq(read_old(&then_desc, &an_old_thing, &d, &n, &e), i == 1 ? 0 : -EINVAL);
		if (i != 1)
			ck_assert(strstr(e.text, now_fields[i].name) && strstr(e.text, "'thing'"));
	}
}
END_TEST

START_TEST(state_versions)
{
	struct state_desc d = now_desc;
	struct now n = { 0 };
	struct error e = { 0 };

	d.version = 2;
	ck_assert_int_eq(read_old(&then_desc, &an_old_thing, &d, &n, &e), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.text, "'thing' is of version 3, and this build reads version 2"));
	d.version = 4;
	ck_assert_int_eq(read_old(&then_desc, &an_old_thing, &d, &n, &e), -EINVAL);
	d.oldest = 3;
	ck_assert_int_eq(read_old(&then_desc, &an_old_thing, &d, &n, &e), 0);
	d.name = "thong";
	ck_assert_int_eq(read_old(&then_desc, &an_old_thing, &d, &n, &e), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.text, "'thing' where 'thong' belongs"));
}
END_TEST

/* A value that has no room, a list that has none, another kind. */
START_TEST(state_no_room)
{
	static const struct now n = { .narrow = 0x10000 };
	struct then t;
	struct error e = { 0 };
	struct now small = { .narrow = 0xffff };
	struct state_field f[ARRAY_SIZE(now_fields)];
	struct state_desc d = now_desc;

	memcpy(f, now_fields, sizeof f);
	f[1] = f[--d.nfields]; /* no fresh */
	f[4].count = 2;
	d.fields = f;
	ck_assert_int_eq(read_old(&d, &n, &then_desc, &t, &e), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.text, "'narrow' of its table 'thing' is 65536"));
	ck_assert_int_eq(read_old(&d, &small, &then_desc, &t, &e), 0);
	ck_assert_uint_eq(t.narrow, 0xffff);
	f[4].count = 3;
	ck_assert_int_eq(read_old(&d, &small, &then_desc, &t, &e), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.text, "'list'"));
	f[4].count = 2;
	f[0].kind = STATE_KIND_INT;
	ck_assert_int_eq(read_old(&d, &small, &then_desc, &t, &e), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.text, "'text'"));
}
END_TEST

/* Items by names: in any order, each once, none too many and none too few. */
START_TEST(state_items)
{
	struct inner a = { 1, { 2, 3 } }, b = { 4, { 5, 6 } }, a2 = { 0 }, b2 = { 0 };
	struct state_list l = { 0 }, m = { 0 };
	struct error e = { 0 };
	struct buf out = { 0 };
	struct reader in;

	ck_assert(!state_add(&l, "x", 0, &inner_desc, &a, 1) && !state_add(&l, "x", 1, &inner_desc, &b, 1));
	ck_assert(!state_add(&m, "x", 1, &inner_desc, &b2, 1) && !state_add(&m, "x", 0, &inner_desc, &a2, 1));
	state_list_save(&l, &out);
	reader_init(&in, out.p, out.len);
	ck_assert_int_eq(state_list_load(&m, &in, &e), 0);
	ck_assert(!memcmp(&a, &a2, sizeof a) && !memcmp(&b, &b2, sizeof b));
	ck_assert_int_eq(state_add(&m, "y", 2, &inner_desc, &a2, 1), 0);
	reader_init(&in, out.p, out.len);
	ck_assert_int_eq(state_list_load(&m, &in, &e), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.text, "lacks the state of 'y' number 2"));
	state_remove(&m, &a2);
	reader_init(&in, out.p, out.len);
	ck_assert_int_eq(state_list_load(&m, &in, &e), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.text, "'x' number 0"));
	buf_free(&out);
	ck_assert_int_eq(state_add(&l, "x", 0, &inner_desc, &a2, 1), 0);
	state_list_save(&l, &out);
	ck_assert_int_eq(state_add(&m, "x", 0, &inner_desc, &a2, 1), 0);
	reader_init(&in, out.p, out.len);
	ck_assert_int_eq(state_list_load(&m, &in, &e), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.text, "twice"));
	buf_free(&out);
	state_list_free(&l);
	state_list_free(&m);
}
END_TEST

/* What no guest sees is in the file, and not in the hash. */
START_TEST(state_unseen)
{
	struct state_list l = { 0 };
	struct buf out = { 0 };
	struct reader in;
	u32 seen = 1, unseen = 2;
	u64 h;

	ck_assert_int_eq(state_add_custom(&l, "seen", 0, word_save, word_load, &seen), 0);
	h = state_list_hash(&l, 0);
	ck_assert_int_eq(state_add_unseen(&l, "unseen", 0, word_save, word_load, &unseen), 0);
	ck_assert_uint_eq(state_list_hash(&l, 0), h);
	state_list_save(&l, &out);
	unseen = 3;
	ck_assert_uint_eq(state_list_hash(&l, 0), h);
	reader_init(&in, out.p, out.len);
	ck_assert_int_eq(state_list_load(&l, &in, NULL), 0);
	ck_assert_uint_eq(unseen, 2);
	buf_free(&out);
	state_list_free(&l);
}
END_TEST

/* A file that is cut short anywhere is refused; one with any bit turned is refused or read, and nothing else. */
START_TEST(state_damaged)
{
	struct state_list l = { 0 }, m = { 0 };
	struct then t = an_old_thing;
	struct now n = { 0 };
	struct buf out = { 0 };
	struct reader in;
	u32 word = 5;
	size_t i;

	ck_assert(!state_add(&l, "a thing", 0, &then_desc, &t, 1) && !state_add_custom(&l, "word", 0, word_save, word_load, &word));
	ck_assert(!state_add(&m, "a thing", 0, &now_desc, &n, 1) && !state_add_custom(&m, "word", 0, word_save, word_load, &word));
	state_list_save(&l, &out);
	for (i = 0; i < out.len; i++) {
		struct error e = { 0 };

		reader_init(&in, out.p, i);
		ck_assert_int_eq(state_list_load(&m, &in, &e), -EINVAL);
		ck_assert(*e.text);
	}
	for (i = 0; i < out.len * 8; i++) {
		struct error e = { 0 };

		out.p[i / 8] ^= (u8)(1 << i % 8);
		reader_init(&in, out.p, out.len);
		ck_assert(!state_list_load(&m, &in, &e) || *e.text);
		out.p[i / 8] ^= (u8)(1 << i % 8);
	}
	buf_free(&out);
	state_list_free(&l);
	state_list_free(&m);
}
END_TEST

/* ---- work on a thread ---------------------------------------------------------------------------------------------- */

static int works(void *opaque, struct error *e)
{
	u32 *n = opaque;
	struct timespec t = { 0, 20000000 };

	nanosleep(&t, NULL);
	return --*n ? error_set(e, -EIO, "%u are left", *n) : 0;
}

START_TEST(tasks)
{
	u32 n = 2;
	struct error e = { "" };
	struct task *t = task_begin(works, &n);

	ck_assert_ptr_nonnull(t);
	ck_assert(task_done(t, 60000000000ull));
	ck_assert_int_eq(task_end(t, &e), -EIO);
	ck_assert_str_eq(e.text, "1 are left");
	t = task_begin(works, &n);
	ck_assert_ptr_nonnull(t);
	ck_assert_int_eq(task_end(t, NULL), 0); /* which waits */
	ck_assert_uint_eq(n, 0);
}
END_TEST

/* As RFC 1071 has it, a word after another. */
START_TEST(inet_sums)
{
	u8 b[600];
	u32 i, n, at, want;

	for (i = 0; i < sizeof b; i++)
		b[i] = (u8)(i * 151 + (i >> 3));
	memset(b + 300, 0xff, 100);
	for (n = 0; n < 500; n++) {
		at = n % 7;
		want = 0x1ffff;
		for (i = 0; i < n; i++)
			want += i & 1 ? b[at + i] : (u32)b[at + i] << 8;
		want = (want & 0xffff) + (want >> 16);
		want = (want & 0xffff) + (want >> 16);
		quick_eq(inet_fold(inet_sum(0x1ffff, b + at, n)), want);
	}
	ck_assert_uint_eq(inet_fold(inet_sum(0, (const u8 *)"\0\0\0\0", 4)), 0);
	ck_assert_uint_eq(inet_fold(inet_sum(0, (const u8 *)"\xff\xff", 2)), 0xffff);
}
END_TEST

Suite *base_suite(void)
{
	Suite *s = suite_create("base");
	TCase *t = tcase_create("bytes");

	tcase_add_test(t, bytes_are_little_endian);
	tcase_add_test(t, buffer_round_trip);
	tcase_add_test(t, inet_sums);
	tcase_add_test(t, reader_stops_at_the_end);
	tcase_add_test(t, buffer_of_nothing);
	tcase_add_test(t, buffer_refuses_the_impossible);
	tcase_add_test(t, hash_sees_every_bit);
	tcase_add_test(t, hash_is_what_it_was);
	suite_add_tcase(s, t);
	t = tcase_create("messages");
	tcase_add_test(t, log_words);
	tcase_add_test(t, log_ranges);
	tcase_add_test(t, log_window_and_filter);
	tcase_add_test(t, log_writes_what_is_wanted);
	tcase_add_test(t, errors_are_sentences);
	suite_add_tcase(s, t);
	t = tcase_create("state");
	tcase_add_test(t, state_poison);
	tcase_add_test(t, state_every_byte);
	tcase_add_test(t, state_wire_format);
	tcase_add_test(t, state_refuses_other_files);
	tcase_add_test(t, state_check_finds_holes);
	tcase_add_test(t, state_lists);
	tcase_add_test(t, state_by_names);
	tcase_add_test(t, state_versions);
	tcase_add_test(t, state_no_room);
	tcase_add_test(t, state_items);
	tcase_add_test(t, state_damaged);
	tcase_add_test(t, state_unseen);
	tcase_add_test(t, tasks);
	tcase_add_test(t, state_loaded);
	suite_add_tcase(s, t);
	return s;
}
