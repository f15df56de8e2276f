/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The xenstore over a guest's ring: operations, rights, watches, transactions, quotas, hostile rings, save and load.
 */
#include <check.h>

#include "tests/suites.h"
#include "tests/unit/xsclient.h"

#define HOME "/local/domain/3"

static struct xsc *start(void)
{
	struct xsc *x = calloc(1, sizeof *x);
	struct xs_perm ro[2] = { { 0, XS_PERM_NONE }, { 3, XS_PERM_READ } };
	struct xs_perm own = { 3, XS_PERM_NONE };
	struct xs_perm none = { 0, XS_PERM_NONE };

	ck_assert(x && xsc_open(x, 3));
	ck_assert_int_eq(xs_mkdir(x->s, HOME), 0);
	ck_assert_int_eq(xs_set_perms(x->s, HOME, ro, 2), 0);
	ck_assert_int_eq(xs_write(x->s, HOME "/name", "%s", "demo"), 0);
	ck_assert_int_eq(xs_mkdir(x->s, HOME "/data"), 0);
	ck_assert_int_eq(xs_set_perms(x->s, HOME "/data", &own, 1), 0);
	ck_assert_int_eq(xs_write(x->s, "/secret/key", "42"), 0);
	ck_assert_int_eq(xs_set_perms(x->s, "/secret", &none, 1), 0);
	return x;
}

static void finish(struct xsc *x)
{
	xsc_close(x);
	free(x);
}

#define IS(expr, text) ck_assert_str_eq(expr, text)

/* The next message must be a watch event for this path and token. */
static void event_is(struct xsc *x, const char *path, const char *token)
{
	ck_assert(xsc_recv(x));
	ck_assert_uint_eq(x->type, XS_WATCH_EVENT);
	ck_assert_uint_eq(x->req, 0);
	IS((char *)x->body, path);
	ck_assert_uint_eq(x->len, strlen(path) + strlen(token) + 2);
	IS((char *)x->body + strlen(path) + 1, token);
}

START_TEST(basics)
{
	struct xsc *x = start();

	IS(xsc_str(x, XS_READ, 0, "name"), "demo");
	ck_assert_uint_eq(x->len, 4);
	ck_assert_uint_eq(x->type, XS_READ);
	ck_assert_uint_eq(x->req, 77);
	IS(xsc_str(x, XS_READ, 0, HOME "/name"), "demo");
	IS(xsc_str(x, XS_READ, 0, "data/none"), "ENOENT");
	ck_assert_uint_eq(x->type, XS_ERROR);
	ck_assert_uint_eq(x->len, 7);
	IS(xsc_write(x, 0, "data/a/b", "x\ny"), "OK");
	ck_assert_uint_eq(x->len, 3);
	IS(xsc_str(x, XS_READ, 0, "data/a/b"), "x\ny");
	IS(xsc_str(x, XS_READ, 0, "data/a"), "");
	IS(xsc_str(x, XS_MKDIR, 0, "data/c"), "OK");
	IS(xsc_str(x, XS_MKDIR, 0, "data/c"), "OK");
	xsc_str(x, XS_DIRECTORY, 0, "data");
	ck_assert_uint_eq(x->len, 4);
	ck_assert(!memcmp(x->body, "a\0c", 4));
	IS(xsc_str(x, XS_RM, 0, "data/a"), "OK");
	IS(xsc_str(x, XS_READ, 0, "data/a/b"), "ENOENT");
	IS(xsc_str(x, XS_RM, 0, "data/a"), "OK"); /* gone already is fine */
	IS(xsc_str(x, XS_RM, 0, "data/q/r"), "ENOENT");
	IS(xsc_str(x, XS_DIRECTORY, 0, "data"), "c");
	IS(xsc_str(x, XS_GET_DOMAIN_PATH, 0, "12"), "/local/domain/12");
	IS(xsc_str(x, XS_IS_DOMAIN_INTRODUCED, 0, "3"), "T");
	IS(xsc_str(x, XS_IS_DOMAIN_INTRODUCED, 0, "4"), "F");
	IS(xsc_call(x, XS_WRITE, 0, "data/bin\0\1\0\2", 12), "OK");
	xsc_str(x, XS_READ, 0, "data/bin");
	ck_assert_uint_eq(x->len, 3);
	ck_assert(!memcmp(x->body, "\1\0\2", 3));
	finish(x);
}
END_TEST

START_TEST(bad_requests)
{
	struct xsc *x = start();
	char longest[XS_PAYLOAD_MAX];
	u32 i;
	static const char *const bad[] = { "", "/", "a//b", "a/", "//", "a b", "a.b", "@x", "\xff" };

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		if (i != 1)
			IS(xsc_write(x, 0, bad[i], "v"), "EINVAL");
	memset(longest, 'a', sizeof longest);
	longest[XS_REL_PATH_MAX] = 0;
	IS(xsc_str(x, XS_READ, 0, longest), "EINVAL");
	IS(xsc_call(x, XS_READ, 0, "name", 4), "EINVAL"); /* no NUL */
	IS(xsc_call(x, XS_READ, 0, "name\0x", 7), "EINVAL");
	IS(xsc_call(x, XS_READ, 0, "", 0), "EINVAL");
	IS(xsc_call(x, XS_WRITE, 0, "data", 4), "EINVAL");
	IS(xsc_str(x, XS_READ, 9, "name"), "ENOENT"); /* no such transaction */
	IS(xsc_str(x, XS_TYPES, 0, "name"), "ENOSYS");
	IS(xsc_str(x, XS_WATCH_EVENT, 0, "name"), "ENOSYS");
	IS(xsc_str(x, XS_RESTRICT, 0, "name"), "ENOSYS");
	IS(xsc_str(x, 0xffffffff, 0, "name"), "ENOSYS");
	IS(xsc_str(x, XS_INTRODUCE, 0, "1"), "EACCES");
	IS(xsc_str(x, XS_RELEASE, 0, "1"), "EACCES");
	IS(xsc_str(x, XS_SET_TARGET, 0, "1"), "EACCES");
	IS(xsc_str(x, XS_CONTROL, 0, "x"), "EACCES");
	IS(xsc_str(x, XS_TRANSACTION_END, 0, "T"), "ENOENT");
	IS(xsc_str(x, XS_TRANSACTION_END, 0, "X"), "EINVAL");
	IS(xsc_str(x, XS_GET_DOMAIN_PATH, 0, "x"), "EINVAL");
	IS(xsc_str(x, XS_RM, 0, "/"), "EACCES");
	ck_assert(!xs_dead(x->c));
	finish(x);
}
END_TEST

START_TEST(rights)
{
	struct xsc *x = start();
	static const struct xs_perm letters[4] = { { 0, 0 }, { 3, 1 }, { 4, 2 }, { 5, 3 } };

	IS(xsc_write(x, 0, "name", "other"), "EACCES");
	IS(xsc_write(x, 0, "new", "v"), "EACCES");
	IS(xsc_str(x, XS_READ, 0, "/secret/key"), "42"); /* its own entry lets everybody read, as xenstored has it */
	IS(xsc_str(x, XS_DIRECTORY, 0, "/secret"), "EACCES");
	IS(xsc_str(x, XS_READ, 0, "/secret/none"), "EACCES"); /* not ENOENT */
	IS(xsc_str(x, XS_RM, 0, "name"), "EACCES");
	IS(xsc_str(x, XS_GET_PERMS, 0, "name"), "n0");
	ck_assert(!memcmp(x->body, "n0\0r3", 6));
	IS(xsc_write(x, 0, "data/mine", "v"), "OK");
	IS(xsc_str(x, XS_GET_PERMS, 0, "data/mine"), "n3");
	ck_assert_uint_eq(x->len, 3);
	IS(xsc_call(x, XS_SET_PERMS, 0, "data/mine\0n3\0w7\0b9", 19), "OK");
	xsc_str(x, XS_GET_PERMS, 0, "data/mine");
	ck_assert(!memcmp(x->body, "n3\0w7\0b9", 9));
	IS(xsc_two(x, XS_SET_PERMS, 0, "data/mine", "n4"), "EPERM");
	IS(xsc_two(x, XS_SET_PERMS, 0, "name", "n3"), "EACCES");
	IS(xsc_two(x, XS_SET_PERMS, 0, "data/mine", "q3"), "EINVAL");
	IS(xsc_two(x, XS_SET_PERMS, 0, "data/mine", "n"), "EINVAL");
	IS(xsc_str(x, XS_SET_PERMS, 0, "data/mine"), "EINVAL");
	ck_assert_int_eq(xs_set_perms(x->s, "/secret", letters, 4), 0);
	IS(xsc_write(x, 0, "/secret", "v"), "EACCES");
	IS(xsc_str(x, XS_READ, 0, "/secret/none"), "ENOENT");
	xs_set_target(x->c, 4);
	ck_assert_int_eq(xs_write(x->s, "/local/domain/4/t", "v"), 0);
	ck_assert_int_eq(xs_set_perms(x->s, "/local/domain/4/t", &(struct xs_perm){ 4, 0 }, 1), 0);
	IS(xsc_write(x, 0, "/local/domain/4/t", "w"), "OK");
	finish(x);
}
END_TEST

START_TEST(watches)
{
	struct xsc *x = start();

	IS(xsc_two(x, XS_WATCH, 0, "data", "tok"), "OK");
	event_is(x, "data", "tok");
	IS(xsc_two(x, XS_WATCH, 0, "data", "tok"), "EEXIST");
	IS(xsc_two(x, XS_WATCH, 0, HOME "/data/x", "abs"), "OK");
	event_is(x, HOME "/data/x", "abs");
	ck_assert(!xsc_recv(x));
	/* A change by the host, below. */
	ck_assert_int_eq(xs_write(x->s, HOME "/data/x/y", "1"), 0);
	event_is(x, "data/x/y", "tok");
	event_is(x, HOME "/data/x/y", "abs");
	/* The removal of a parent fires for it, and for watches on removed nodes. */
	IS(xsc_str(x, XS_MKDIR, 0, "data/x/z"), "OK");
	while (xsc_recv(x))
		;
	ck_assert_int_eq(xs_rm(x->s, HOME "/data"), 0);
	event_is(x, "data", "tok");
	event_is(x, HOME "/data/x", "abs");
	ck_assert(!xsc_recv(x));
	/* Not told of what it may not read. */
	IS(xsc_two(x, XS_WATCH, 0, "/secret", "s"), "OK");
	event_is(x, "/secret", "s");
	ck_assert_int_eq(xs_write(x->s, "/secret", "1"), 0);
	event_is(x, "/secret", "s"); /* "/" may be read, so the existence is no secret */
	ck_assert_int_eq(xs_write(x->s, "/secret/deep", "1"), 0);
	ck_assert(!xsc_recv(x));
	IS(xsc_two(x, XS_UNWATCH, 0, "/secret", "t"), "ENOENT");
	IS(xsc_two(x, XS_UNWATCH, 0, "/secret", "s"), "OK");
	IS(xsc_two(x, XS_WATCH, 0, "@releaseDomain", "r"), "OK");
	event_is(x, "@releaseDomain", "r");
	/* The same event is not queued twice. */
	IS(xsc_str(x, XS_RESET_WATCHES, 0, ""), "OK");
	ck_assert_int_eq(xs_mkdir(x->s, HOME "/data"), 0);
	ck_assert(!xsc_recv(x));
	finish(x);
}
END_TEST

START_TEST(events_coalesce)
{
	struct xsc *x = start();
	u32 i, n = 0;

	IS(xsc_two(x, XS_WATCH, 0, "data", "tok"), "OK");
	for (i = 0; i < 1000; i++)
		ck_assert_int_eq(xs_write(x->s, HOME "/data/x", "%u", i), 0);
	while (xsc_recv(x))
		n++;
	/* What fits the ring, one partly sent, and one waiting. */
	ck_assert_uint_ge(n, 10);
	ck_assert_uint_le(n, 40);
	ck_assert(!xs_dead(x->c));
	finish(x);
}
END_TEST

static u32 txn_start(struct xsc *x)
{
	return (u32)strtoul(xsc_str(x, XS_TRANSACTION_START, 0, ""), NULL, 10);
}

START_TEST(transactions)
{
	struct xsc *x = start();
	u32 t, u;

	IS(xsc_two(x, XS_WATCH, 0, "data", "tok"), "OK");
	t = txn_start(x);
	ck_assert_uint_ne(t, 0);
	IS(xsc_write(x, t, "data/a", "1"), "OK");
	ck_assert_uint_eq(x->tx, t);
	IS(xsc_str(x, XS_READ, t, "data/a"), "1");
	IS(xsc_str(x, XS_READ, 0, "data/a"), "ENOENT");
	while (xsc_recv(x))
		;
	xsc_send(x, XS_TRANSACTION_END, t, "T", 2);
	event_is(x, "data/a", "tok"); /* before the reply, as xenstored has it */
	ck_assert(xsc_recv(x));
	IS((char *)x->body, "OK");
	IS(xsc_str(x, XS_READ, 0, "data/a"), "1");
	IS(xsc_str(x, XS_TRANSACTION_END, t, "T"), "ENOENT");
	/* Abort. */
	t = txn_start(x);
	IS(xsc_str(x, XS_RM, t, "data/a"), "OK");
	IS(xsc_str(x, XS_READ, t, "data/a"), "ENOENT");
	IS(xsc_str(x, XS_DIRECTORY, t, "data"), "");
	IS(xsc_str(x, XS_TRANSACTION_END, t, "F"), "OK");
	IS(xsc_str(x, XS_READ, 0, "data/a"), "1");
	/* Conflicts: read and written, absent and made, directory and child. */
	t = txn_start(x);
	u = txn_start(x);
	IS(xsc_str(x, XS_READ, t, "data/a"), "1");
	IS(xsc_write(x, u, "data/a", "2"), "OK");
	IS(xsc_str(x, XS_TRANSACTION_END, u, "T"), "OK");
	IS(xsc_str(x, XS_READ, t, "data/a"), "1"); /* a steady view */
	IS(xsc_write(x, t, "data/b", "1"), "OK");
	IS(xsc_str(x, XS_TRANSACTION_END, t, "T"), "EAGAIN");
	IS(xsc_str(x, XS_READ, 0, "data/b"), "ENOENT");
	t = txn_start(x);
	IS(xsc_str(x, XS_READ, t, "data/c"), "ENOENT");
	IS(xsc_write(x, 0, "data/c", "1"), "OK");
	IS(xsc_str(x, XS_TRANSACTION_END, t, "T"), "EAGAIN");
	t = txn_start(x);
	IS(xsc_str(x, XS_DIRECTORY, t, "data"), "a");
	IS(xsc_str(x, XS_RM, 0, "data/c"), "OK");
	IS(xsc_str(x, XS_TRANSACTION_END, t, "T"), "EAGAIN");
	/* No conflict where nothing was touched. */
	t = txn_start(x);
	IS(xsc_write(x, t, "data/a", "3"), "OK");
	ck_assert_int_eq(xs_write(x->s, HOME "/name", "z"), 0);
	IS(xsc_str(x, XS_TRANSACTION_END, t, "T"), "OK");
	/* A whole subtree in and out again. */
	t = txn_start(x);
	IS(xsc_write(x, t, "data/p/q/r", "3"), "OK");
	IS(xsc_str(x, XS_RM, t, "data/p"), "OK");
	IS(xsc_write(x, t, "data/p/s", "4"), "OK");
	IS(xsc_str(x, XS_TRANSACTION_END, t, "T"), "OK");
	IS(xsc_str(x, XS_DIRECTORY, 0, "data/p"), "s");
	IS(xsc_str(x, XS_READ, 0, "data/p/q"), "ENOENT");
	t = txn_start(x);
	IS(xsc_str(x, XS_TRANSACTION_START, t, ""), "EBUSY");
	finish(x);
}
END_TEST

START_TEST(quotas)
{
	struct xsc *x = start();
	char name[64], big[3000];
	const char *r = "OK";
	u32 i, t;

	for (i = 0; i < 2000 && !strcmp(r, "OK"); i++) {
		snprintf(name, sizeof name, "data/%u/%u", i / 200, i);
		r = xsc_write(x, 0, name, "v");
	}
	IS(r, "ENOSPC");
	ck_assert_uint_eq(xs_owned(x->s, 3), 1000);
	IS(xsc_str(x, XS_RM, 0, "data/0"), "OK");
	IS(xsc_write(x, 0, "data/again", "v"), "OK");
	memset(big, 'x', sizeof big);
	big[2900] = 0;
	IS(xsc_write(x, 0, "data/again", big), "ENOSPC");
	IS(xsc_write(x, 0, "data/more", big), "ENOSPC");
	big[1900] = 0;
	IS(xsc_write(x, 0, "data/again", big), "OK");
	for (i = 0, r = "OK"; i < 200 && !strcmp(r, "OK"); i++) {
		snprintf(name, sizeof name, "w%u", i);
		r = xsc_two(x, XS_WATCH, 0, "data", name);
	}
	IS(r, "E2BIG");
	ck_assert_uint_eq(i, 129);
	for (i = 0; i < 10; i++)
		ck_assert_uint_ne(txn_start(x), 0);
	IS(xsc_str(x, XS_TRANSACTION_START, 0, ""), "ENOSPC");
	IS(xsc_str(x, XS_RESET_WATCHES, 0, ""), "OK");
	t = txn_start(x);
	for (i = 0, r = "ENOENT"; i < 2000 && !strcmp(r, "ENOENT"); i++) {
		snprintf(name, sizeof name, "data/none%u", i);
		r = xsc_str(x, XS_READ, t, name);
	}
	IS(r, "ENOSPC");
	IS(xsc_str(x, XS_TRANSACTION_END, t, "T"), "ENOSPC");
	finish(x);
}
END_TEST

START_TEST(directory_part)
{
	struct xsc *x = start();
	char path[64], off[16];
	u32 i, seen = 0, at = 0;
	bool done = false;

	for (i = 0; i < 700; i++)
		ck_assert_int_eq(xs_write(x->s, (snprintf(path, sizeof path, HOME "/big/child%u", i), path), "v"), 0);
	IS(xsc_str(x, XS_DIRECTORY, 0, "big"), "E2BIG");
	while (!done) {
		u32 p;

		snprintf(off, sizeof off, "%u", at);
		xsc_two(x, XS_DIRECTORY_PART, 0, "big", off);
		ck_assert_uint_eq(x->type, XS_DIRECTORY_PART);
		for (p = (u32)strlen((char *)x->body) + 1; p < x->len; p += (u32)strlen((char *)x->body + p) + 1) {
			if (!x->body[p]) {
				done = true;
				break;
			}
			snprintf(path, sizeof path, "child%u", seen++);
			IS((char *)x->body + p, path);
			at += (u32)strlen(path) + 1;
		}
	}
	ck_assert_uint_eq(seen, 700);
	finish(x);
}
END_TEST

START_TEST(hostile_ring)
{
	struct xsc *x = start();
	u8 head[16] = { XS_READ };
	u8 *p = xsc_page(x);

	st32(p + 2052, 5000); /* req_prod far ahead */
	xs_serve(x->c);
	ck_assert(xs_dead(x->c));
	ck_assert_uint_eq(ld32(xsc_page(x) + 2072), 2);
	xs_serve(x->c);
	xs_reset(x->c);
	ck_assert(!xs_dead(x->c));
	p = xsc_page(x);
	memset(p, 0, PAGE_SIZE);
	st32(p + 2060, 4); /* rsp_prod ahead of cons: four bytes never sent, no harm */
	st32(p + 2056, 0xffffff00u);
	xsc_send(x, XS_READ, 0, "name", 5);
	ck_assert(!xs_dead(x->c));
	memset(xsc_page(x), 0, PAGE_SIZE);
	xs_reset(x->c);
	st32(xsc_page(x) + 2056, 1); /* the consumer is ahead of the producer */
	xsc_send(x, XS_READ, 0, "name", 5);
	ck_assert(xs_dead(x->c));
	memset(xsc_page(x), 0, PAGE_SIZE);
	xs_reset(x->c);
	st32(head + 12, XS_PAYLOAD_MAX + 1);
	xsc_bytes(x, head, sizeof head);
	xs_serve(x->c);
	ck_assert(xs_dead(x->c));
	ck_assert_uint_eq(ld32(xsc_page(x) + 2072), 3);
	memset(xsc_page(x), 0, PAGE_SIZE);
	xs_reset(x->c);
	mem_remove(&x->mem, XSC_MFN);
	xs_serve(x->c);
	ck_assert(xs_dead(x->c));
	finish(x);
}
END_TEST

START_TEST(slow_reader)
{
	struct xsc *x = start();
	char big[1500];
	u32 i;

	memset(big, 'v', sizeof big);
	big[sizeof big - 1] = 0;
	IS(xsc_write(x, 0, "data/a", big), "OK");
	/* Replies never read: requests stop being taken, nothing is lost. */
	for (i = 0; i < 60; i++)
		xsc_send(x, XS_READ, 0, "data/a", 7);
	ck_assert(!xs_dead(x->c));
	ck_assert_uint_lt(x->c->out_bytes, XS_OUT_PAUSE + 5000);
	for (i = 0; xsc_recv(x); i++)
		IS((char *)x->body, big);
	ck_assert_uint_ge(i, 12);
	finish(x);
}
END_TEST

static void save_equal(struct xsc *x)
{
	struct buf a = { 0 }, b = { 0 };
	struct reader r;

	xenstore_save(x->s, &a);
	reader_init(&r, a.p, a.len);
	ck_assert_int_eq(xenstore_load(x->s, &r), 0);
	ck_assert_uint_eq(r.left, 0);
	xenstore_save(x->s, &b);
	ck_assert_uint_eq(a.len, b.len);
	ck_assert(!memcmp(a.p, b.p, a.len));
	buf_free(&a);
	buf_free(&b);
}

START_TEST(save_and_load)
{
	struct xsc *x = start();
	u8 half[16] = { XS_READ };
	struct buf a = { 0 };
	struct reader r;
	u32 t, i;

	IS(xsc_two(x, XS_WATCH, 0, "data", "tok"), "OK");
	t = txn_start(x);
	IS(xsc_write(x, t, "data/a/b", "1"), "OK");
	IS(xsc_str(x, XS_READ, t, "data/none"), "ENOENT");
	for (i = 0; i < 60; i++) /* messages left waiting */
		ck_assert_int_eq(xs_write(x->s, HOME "/data/x", "%u", i), 0);
	st32(half + 12, 5);
	xsc_bytes(x, half, sizeof half);
	xsc_bytes(x, (const u8 *)"na", 2);
	xs_serve(x->c);
	save_equal(x);
	xenstore_save(x->s, &a);
	xsc_bytes(x, (const u8 *)"me", 3);
	xs_serve(x->c);
	do
		ck_assert(xsc_recv(x));
	while (x->type == XS_WATCH_EVENT);
	IS((char *)x->body, "demo");
	IS(xsc_str(x, XS_TRANSACTION_END, t, "T"), "EAGAIN"); /* data/x was made meanwhile */
	/* Cut short anywhere: refused, and nothing breaks. */
	for (i = 0; i < a.len; i += 3) {
		reader_init(&r, a.p, i);
		ck_assert_int_ne(xenstore_load(x->s, &r), 0);
	}
	ck_assert_ptr_null(xs_read(x->s, HOME "/name", NULL));
	buf_free(&a);
	finish(x);
}
END_TEST

struct seen {
	struct xenstore *s;
	char text[512];
	u32 calls;
};

static void on_change(void *opaque, const char *path)
{
	struct seen *v = opaque;

	v->calls++;
	snprintf(v->text + strlen(v->text), sizeof v->text - strlen(v->text), "%s;", path);
	/* A back end answers by writing: no recursion, the call comes later. */
	if (v->calls < 4)
		ck_assert_int_eq(xs_write(v->s, "/back/state", "%u", v->calls), 0);
}

START_TEST(host_watches)
{
	struct xsc *x = start();
	struct seen v = { .s = x->s };
	struct xs_host_watch *w;
	size_t n;
	u64 num;

	w = xs_watch(x->s, "/back", on_change, &v);
	ck_assert_ptr_nonnull(w);
	IS(v.text, "/back;/back/state;/back/state;/back/state;");
	v.text[0] = 0;
	ck_assert_int_eq(xs_write(x->s, "/backward", "1"), 0);
	IS(v.text, "");
	xs_begin(x->s);
	ck_assert_int_eq(xs_write(x->s, "/back/a", "1"), 0);
	ck_assert_int_eq(xs_write(x->s, "/back/b", "2"), 0);
	IS(v.text, "");
	ck_assert_int_eq(xs_end(x->s), 0);
	IS(v.text, "/back/a;/back/b;");
	ck_assert(xs_read_u64(x->s, "/back/b", &num) && num == 2);
	ck_assert(!xs_read_u64(x->s, "/back", &num));
	IS(xs_directory(x->s, "/back", &n), "state");
	ck_assert_uint_eq(n, 10);
	xs_unwatch(x->s, w);
	v.text[0] = 0;
	ck_assert_int_eq(xs_rm(x->s, "/back"), 0);
	IS(v.text, "");
	ck_assert_int_eq(xs_rm(x->s, "/back"), 0);
	ck_assert_int_lt(xs_rm(x->s, "/"), 0);
	ck_assert_int_lt(xs_write(x->s, "back", "1"), 0);
	finish(x);
}
END_TEST

Suite *xenstore_suite(void)
{
	Suite *s = suite_create("xenstore");
	TCase *tc = tcase_create("xenstore");

	tcase_add_test(tc, basics);
	tcase_add_test(tc, bad_requests);
	tcase_add_test(tc, rights);
	tcase_add_test(tc, watches);
	tcase_add_test(tc, events_coalesce);
	tcase_add_test(tc, transactions);
	tcase_add_test(tc, quotas);
	tcase_add_test(tc, directory_part);
	tcase_add_test(tc, hostile_ring);
	tcase_add_test(tc, slow_reader);
	tcase_add_test(tc, save_and_load);
	tcase_add_test(tc, host_watches);
	suite_add_tcase(s, tc);
	return s;
}
