/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The xenstore's clients of the control domain: what they alone may ask for, their limits; and what a guest meets of it:
 * special watches, depths, quotas that change, a ring that starts anew.
 */
#include <check.h>

#include "tests/suites.h"
#include "tests/unit/quick.h"
#include "tests/unit/xsclient.h"

#define HOME "/local/domain/3"

struct heard {
	u32 type, req, tx, len;
	u8 body[XS_PAYLOAD_MAX + 1];
};

struct admin {
	struct xsc x;
	struct heard msg[16]; /* to client 1, oldest first */
	u32 n, gone, served;
};

static void on_send(void *opaque, u32 id, u32 type, u32 req, u32 tx, const void *p, size_t n)
{
	struct admin *a = opaque;
	struct heard *h;

	if (id != 1 || a->n == ARRAY_SIZE(a->msg))
		return;
	h = &a->msg[a->n++];
	h->type = type;
	h->req = req;
	h->tx = tx;
	h->len = (u32)n;
	memcpy(h->body, p, n);
	h->body[n] = 0;
}

static void on_served(void *opaque, u32 id, u32 n)
{
	((struct admin *)opaque)->served += n;
}

static void on_gone(void *opaque, u32 id)
{
	((struct admin *)opaque)->gone++;
}

static const struct xs_client_ops ops = { on_send, on_served, on_gone };

static void input(struct admin *a, u32 id, u32 op, const void *p, size_t n)
{
	u8 msg[XS_CLIENT_HEADER + XS_MESSAGE_MAX + 64];

	st32(msg, id);
	st32(msg + 4, op);
	if (n)
		memcpy(msg + XS_CLIENT_HEADER, p, n);
	xs_client_input(a->x.s, msg, XS_CLIENT_HEADER + n);
}

static struct admin *start(void)
{
	struct admin *a = calloc(1, sizeof *a);
	struct xs_perm ro[2] = { { 0, XS_PERM_NONE }, { 3, XS_PERM_READ } };
	struct xs_perm own = { 3, XS_PERM_NONE };

	ck_assert(a && xsc_open(&a->x, 3));
	xs_clients_listen(a->x.s, &ops, a);
	input(a, 1, XS_CLIENT_OPEN, NULL, 0);
	ck_assert_int_eq(xs_mkdir(a->x.s, HOME), 0);
	ck_assert_int_eq(xs_set_perms(a->x.s, HOME, ro, 2), 0);
	ck_assert_int_eq(xs_mkdir(a->x.s, HOME "/data"), 0);
	ck_assert_int_eq(xs_set_perms(a->x.s, HOME "/data", &own, 1), 0);
	return a;
}

static void finish(struct admin *a)
{
	xsc_close(&a->x);
	ck_assert_uint_ge(a->gone, 1); /* the client hears of the store's end */
	free(a);
}

/* A request of client id. */
static void request(struct admin *a, u32 id, u32 type, u32 tx, const void *p, size_t n)
{
	u8 msg[XS_MESSAGE_MAX];

	st32(msg, type);
	st32(msg + 4, 99);
	st32(msg + 8, tx);
	st32(msg + 12, (u32)n);
	memcpy(msg + 16, p, n);
	input(a, id, XS_CLIENT_REQUEST, msg, 16 + n);
}

/* The answer to client 1's request, whose payload is n bytes at p; events in between are passed over. */
static const char *ask(struct admin *a, u32 type, u32 tx, const void *p, size_t n)
{
	u32 i;

	a->n = 0;
	request(a, 1, type, tx, p, n);
	for (i = 0; i < a->n; i++)
		if (a->msg[i].type != XS_WATCH_EVENT) {
			quick_eq(a->msg[i].req, 99);
			return (const char *)a->msg[i].body;
		}
	return "(nothing)";
}

#define ASK(type, text) ask(a, type, 0, text, sizeof text)
#define IS(expr, text) ck_assert_str_eq(expr, text)

static void event_is(struct admin *a, u32 i, const char *path, const char *token)
{
	ck_assert_uint_gt(a->n, i);
	ck_assert_uint_eq(a->msg[i].type, XS_WATCH_EVENT);
	IS((char *)a->msg[i].body, path);
	IS((char *)a->msg[i].body + strlen(path) + 1, token);
}

START_TEST(everything_is_allowed)
{
	struct admin *a = start();
	u32 t;

	IS(ask(a, XS_WRITE, 0, HOME "/name\0new", sizeof HOME "/name" + 3), "OK");
	IS(xsc_str(&a->x, XS_READ, 0, "name"), "new");
	IS(ASK(XS_READ, HOME "/name"), "new");
	IS(ask(a, XS_WRITE, 0, "own\0v", 5), "OK"); /* relative to domain 0's */
	IS(ASK(XS_READ, "/local/domain/0/own"), "v");
	IS(ASK(XS_SET_PERMS, HOME "/name\0n4\0r3"), "OK");
	ASK(XS_GET_PERMS, HOME "/name");
	ck_assert(!memcmp(a->msg[0].body, "n4\0r3", 6));
	IS(ASK(XS_RM, HOME "/name"), "OK");
	IS(ASK(XS_READ, HOME "/name"), "ENOENT");
	ck_assert_uint_eq(a->msg[0].type, XS_ERROR);
	IS(ASK(XS_RM, "/"), "EINVAL");
	t = (u32)strtoul(ASK(XS_TRANSACTION_START, ""), NULL, 10);
	IS(ask(a, XS_WRITE, t, HOME "/t\0" "1", sizeof HOME "/t" + 1), "OK");
	IS(xsc_write(&a->x, 0, "data/own", "1"), "OK");
	IS(ask(a, XS_TRANSACTION_END, t, "T", 2), "OK"); /* other nodes: no conflict */
	t = (u32)strtoul(ASK(XS_TRANSACTION_START, ""), NULL, 10);
	IS(ask(a, XS_READ, t, HOME "/data/own", sizeof HOME "/data/own"), "1");
	IS(xsc_write(&a->x, 0, "data/own", "2"), "OK");
	IS(ask(a, XS_TRANSACTION_END, t, "T", 2), "EAGAIN");
	/* Read, then removed by somebody else, or removed and made again. */
	t = (u32)strtoul(ASK(XS_TRANSACTION_START, ""), NULL, 10);
	IS(ask(a, XS_READ, t, HOME "/data/own", sizeof HOME "/data/own"), "2");
	IS(xsc_str(&a->x, XS_RM, 0, "data/own"), "OK");
	IS(ask(a, XS_TRANSACTION_END, t, "T", 2), "EAGAIN");
	IS(xsc_write(&a->x, 0, "data/own", "2"), "OK");
	t = (u32)strtoul(ASK(XS_TRANSACTION_START, ""), NULL, 10);
	IS(ask(a, XS_READ, t, HOME "/data/own", sizeof HOME "/data/own"), "2");
	IS(xsc_str(&a->x, XS_RM, 0, "data/own"), "OK");
	IS(xsc_write(&a->x, 0, "data/own", "2"), "OK");
	IS(ask(a, XS_TRANSACTION_END, t, "T", 2), "EAGAIN");
	IS(ASK(XS_IS_DOMAIN_INTRODUCED, "0"), "T");
	IS(ASK(XS_IS_DOMAIN_INTRODUCED, "3"), "T");
	ck_assert_uint_gt(a->served, 0);
	finish(a);
}
END_TEST

START_TEST(clients_come_and_go)
{
	struct admin *a = start();
	u8 msg[XS_MESSAGE_MAX + 32] = { XS_READ };
	u32 i;

	input(a, 1, XS_CLIENT_OPEN, NULL, 0); /* the number is taken */
	ck_assert_uint_eq(a->gone, 1);
	input(a, 0, XS_CLIENT_OPEN, NULL, 0);
	ck_assert_uint_eq(a->gone, 2);
	for (i = 2; i <= XS_CLIENTS; i++)
		input(a, i, XS_CLIENT_OPEN, NULL, 0);
	ck_assert_uint_eq(a->gone, 2);
	input(a, 999, XS_CLIENT_OPEN, NULL, 0); /* one too many */
	ck_assert_uint_eq(a->gone, 3);
	request(a, 999, XS_READ, 0, "/", 2);
	ck_assert_uint_eq(a->gone, 4);
	input(a, 2, 77, NULL, 0); /* no such thing to do: let be */
	ck_assert_uint_eq(a->gone, 4);
	/* Messages whose length is not what it says end the connection. */
	input(a, 2, XS_CLIENT_REQUEST, msg, 7);
	ck_assert_uint_eq(a->gone, 5);
	st32(msg + 12, 100);
	input(a, 3, XS_CLIENT_REQUEST, msg, 20);
	ck_assert_uint_eq(a->gone, 6);
	st32(msg + 12, XS_PAYLOAD_MAX + 1);
	input(a, 4, XS_CLIENT_REQUEST, msg, XS_MESSAGE_MAX + 1);
	ck_assert_uint_eq(a->gone, 7);
	xs_client_input(a->x.s, msg, 3);
	input(a, 5, XS_CLIENT_CLOSE, NULL, 0);
	ck_assert_uint_eq(a->gone, 7);
	input(a, 5, XS_CLIENT_CLOSE, NULL, 0);
	ck_assert_uint_eq(a->gone, 8);
	/* What a client had under way goes with it. */
	IS(ASK(XS_WATCH, "/\0tok"), "OK");
	input(a, 1, XS_CLIENT_CLOSE, NULL, 0);
	a->n = 0;
	ck_assert_int_eq(xs_write(a->x.s, "/x", "1"), 0);
	ck_assert_uint_eq(a->n, 0);
	finish(a);
}
END_TEST

START_TEST(introduced_and_released)
{
	struct admin *a = start();

	IS(ASK(XS_WATCH, "@introduceDomain\0in"), "OK");
	event_is(a, 1, "@introduceDomain", "in");
	IS(ASK(XS_WATCH, "@releaseDomain\0out"), "OK");
	IS(ASK(XS_WATCH, "@releaseDomain\0which\0" "1"), "OK");
	a->n = 0;
	xs_shutdown(a->x.s, 3);
	xs_shutdown(a->x.s, 3); /* told once */
	xs_shutdown(a->x.s, 4);
	ck_assert_uint_eq(a->n, 2);
	event_is(a, 0, "@releaseDomain", "out");
	event_is(a, 1, "@releaseDomain/3", "which");
	IS(ASK(XS_RESUME, "3"), "OK");
	IS(ASK(XS_RESUME, "4"), "ENOENT");
	IS(ASK(XS_RESUME, "0"), "EINVAL");
	a->n = 0;
	xs_shutdown(a->x.s, 3);
	ck_assert_uint_eq(a->n, 2);
	/* Released: it is heard no more, and what it owned is gone. */
	IS(xsc_write(&a->x, 0, "data/x", "1"), "OK");
	IS(xsc_two(&a->x, XS_WATCH, 0, "data", "tok"), "OK");
	while (xsc_recv(&a->x))
		;
	IS(ASK(XS_RELEASE, "9"), "ENOENT");
	IS(ASK(XS_RELEASE, "x"), "EINVAL");
	IS(ASK(XS_RELEASE, "3"), "OK");
	IS(ASK(XS_RELEASE, "3"), "ENOENT");
	IS(ASK(XS_IS_DOMAIN_INTRODUCED, "3"), "F");
	IS(ASK(XS_READ, HOME "/data"), "ENOENT");
	IS(ASK(XS_READ, HOME), "");
	IS(xsc_str(&a->x, XS_READ, 0, HOME), "(nothing)");
	IS(ASK(XS_CONTROL, "check"), "OK");
	/* And back; its ring is where it was. */
	IS(ASK(XS_INTRODUCE, "3\0" "99\0" "1"), "EINVAL");
	IS(ASK(XS_INTRODUCE, "4\0" "5\0" "1"), "EINVAL");
	IS(ASK(XS_INTRODUCE, "3\0" "5"), "EINVAL");
	IS(ASK(XS_INTRODUCE, "3\0" "5\0" "1"), "OK");
	event_is(a, 0, "@introduceDomain", "in");
	IS(ASK(XS_INTRODUCE, "3\0" "5\0" "1"), "OK"); /* it is there already */
	ck_assert_uint_eq(a->n, 1);
	xsc_recv(&a->x); /* the request of before, which it had not taken */
	IS(xsc_str(&a->x, XS_IS_DOMAIN_INTRODUCED, 0, "3"), "T");
	/* A guest hears of such things only when it is let. */
	IS(xsc_two(&a->x, XS_WATCH, 0, "@releaseDomain", "r"), "OK");
	while (xsc_recv(&a->x))
		;
	xs_shutdown(a->x.s, 3);
	ck_assert(!xsc_recv(&a->x));
	IS(xsc_str(&a->x, XS_GET_PERMS, 0, "@releaseDomain"), "EACCES");
	IS(xsc_two(&a->x, XS_SET_PERMS, 0, "@releaseDomain", "r3"), "EACCES");
	IS(ASK(XS_SET_PERMS, "@releaseDomain\0n0\0r3"), "OK");
	ASK(XS_GET_PERMS, "@releaseDomain");
	ck_assert(!memcmp(a->msg[0].body, "n0\0r3", 6));
	IS(ASK(XS_SET_PERMS, "@otherDomain\0n0"), "EINVAL");
	IS(ASK(XS_READ, "@releaseDomain"), "EINVAL");
	IS(ASK(XS_RM, "@releaseDomain"), "EINVAL");
	IS(ASK(XS_RESUME, "3"), "OK");
	xs_shutdown(a->x.s, 3);
	ck_assert(xsc_recv(&a->x));
	IS((char *)a->x.body, "@releaseDomain");
	finish(a);
}
END_TEST

START_TEST(target)
{
	struct admin *a = start();

	ck_assert_int_eq(xs_write(a->x.s, "/local/domain/4/t", "v"), 0);
	ck_assert_int_eq(xs_set_perms(a->x.s, "/local/domain/4/t", &(struct xs_perm){ 4, 0 }, 1), 0);
	IS(xsc_write(&a->x, 0, "/local/domain/4/t", "w"), "EACCES");
	IS(ASK(XS_SET_TARGET, "9\0" "4"), "ENOENT");
	IS(ASK(XS_SET_TARGET, "3"), "EINVAL");
	IS(ASK(XS_SET_TARGET, "3\0" "4"), "OK");
	IS(xsc_write(&a->x, 0, "/local/domain/4/t", "w"), "OK");
	IS(xsc_two(&a->x, XS_SET_TARGET, 0, "3", "4"), "EACCES");
	finish(a);
}
END_TEST

START_TEST(control)
{
	struct admin *a = start();

	ck_assert_ptr_nonnull(strstr(ASK(XS_CONTROL, "help"), "check\n"));
	IS(ASK(XS_CONTROL, "check"), "OK");
	IS(ASK(XS_CONTROL, "nonsense"), "EINVAL");
	IS(ask(a, XS_CONTROL, 0, "", 0), "EINVAL");
	IS(ASK(XS_CONTROL, "log"), "EINVAL");
	IS(ASK(XS_CONTROL, "log\0off"), "OK");
	IS(ASK(XS_CONTROL, "print\0hello"), "OK");
	IS(ASK(XS_CONTROL, "print\0\033[2J"), "EINVAL");
	ck_assert_ptr_nonnull(strstr(ASK(XS_CONTROL, "memreport"), "domain 3: nodes 1,"));
	ck_assert_ptr_nonnull(strstr(ASK(XS_CONTROL, "quota"), "nodes            :     1000"));
	IS(ASK(XS_CONTROL, "quota\0set\0nodes\0" "3"), "OK");
	IS(ASK(XS_CONTROL, "quota\0set\0nonsense\0" "3"), "EINVAL");
	IS(ASK(XS_CONTROL, "quota\0set\0nodes\0x"), "EINVAL");
	IS(ASK(XS_CONTROL, "quota\0set\0nodes"), "EINVAL");
	IS(xsc_write(&a->x, 0, "data/a/b", "1"), "OK");
	IS(xsc_write(&a->x, 0, "data/c", "1"), "ENOSPC");
	IS(ASK(XS_CONTROL, "quota\0set\0watches\0" "1"), "OK");
	IS(xsc_two(&a->x, XS_WATCH, 0, "data", "1"), "OK");
	IS(xsc_two(&a->x, XS_WATCH, 0, "data", "2"), "E2BIG");
	IS(ASK(XS_CONTROL, "quota\0set\0transactions\0" "1"), "OK");
	IS(xsc_str(&a->x, XS_TRANSACTION_START, 0, ""), "1");
	IS(xsc_str(&a->x, XS_TRANSACTION_START, 0, ""), "ENOSPC");
	IS(ASK(XS_CONTROL, "quota\0set\0node-size\0" "100"), "OK");
	IS(xsc_write(&a->x, 0, "data/a", "1234567890123456789012345678901234567890123456789012345678901234567890123456"), "ENOSPC");
	IS(ASK(XS_CONTROL, "quota\0set\0node-permissions\0" "1"), "OK");
	IS(xsc_call(&a->x, XS_SET_PERMS, 0, "data\0n3\0r4", 11), "ENOSPC");
	finish(a);
}
END_TEST

START_TEST(outstanding)
{
	struct admin *a = start();
	u32 i, n = 0;

	/* Short replies that are not read: no more than the limit are made beyond what fits the ring. */
	for (i = 0; i < 400; i++) {
		u8 *page = xsc_page(&a->x);

		if (ld32(page + 2052) - ld32(page + 2048) > 1024 - 22)
			break;
		xsc_send(&a->x, XS_READ, 0, "data", 5);
	}
	ck_assert_uint_le(a->x.c->out_replies, 20);
	ck_assert_uint_lt(i, 400);
	while (xsc_recv(&a->x))
		n++;
	ck_assert_uint_eq(n, i);
	ck_assert_uint_eq(a->x.c->out_replies, 0);
	finish(a);
}
END_TEST

START_TEST(depth)
{
	struct admin *a = start();

	IS(ASK(XS_WATCH, HOME "/data\0one\0" "1"), "OK");
	IS(ASK(XS_WATCH, HOME "/data\0none\0" "0"), "OK");
	IS(ASK(XS_WATCH, HOME "/data\0all\0"), "OK"); /* a reserved empty string */
	IS(ASK(XS_WATCH, HOME "/data\0bad\0x"), "EINVAL");
	IS(ASK(XS_WATCH, "/\0root\0" "2"), "OK");
	a->n = 0;
	ck_assert_int_eq(xs_write(a->x.s, HOME "/data/a/b", "1"), 0);
	ck_assert_uint_eq(a->n, 1);
	event_is(a, 0, HOME "/data/a/b", "all");
	a->n = 0;
	ck_assert_int_eq(xs_write(a->x.s, HOME "/data/a", "1"), 0);
	ck_assert_uint_eq(a->n, 2);
	event_is(a, 0, HOME "/data/a", "one");
	a->n = 0;
	ck_assert_int_eq(xs_write(a->x.s, HOME "/data", "1"), 0);
	ck_assert_uint_eq(a->n, 3);
	event_is(a, 1, HOME "/data", "none");
	a->n = 0;
	ck_assert_int_eq(xs_write(a->x.s, "/tool/x", "1"), 0);
	event_is(a, 0, "/tool/x", "root");
	a->n = 0;
	ck_assert_int_eq(xs_write(a->x.s, "/tool/x/y", "1"), 0);
	ck_assert_uint_eq(a->n, 0);
	finish(a);
}
END_TEST

START_TEST(client_limits)
{
	struct admin *a = start();
	char text[64];
	const char *r = "OK";
	u32 i;

	for (i = 0; i < XS_CLIENT_WATCHES + 10 && !strcmp(r, "OK"); i++) {
		int n = snprintf(text, sizeof text, "/x%c%u", 0, i);

		r = ask(a, XS_WATCH, 0, text, (size_t)n + 1);
	}
	IS(r, "E2BIG");
	ck_assert_uint_eq(i, XS_CLIENT_WATCHES + 1);
	IS(ASK(XS_RESET_WATCHES, ""), "OK");
	for (i = 0, r = "1"; i < 20 && *r != 'E'; i++)
		r = ASK(XS_TRANSACTION_START, "");
	IS(r, "ENOSPC");
	ck_assert_uint_eq(i, XS_CLIENT_TRANSACTIONS + 1);
	for (i = 0, r = "OK"; i < XS_CLIENT_NODES + 10 && !strcmp(r, "OK"); i++) {
		int n = snprintf(text, sizeof text, "/many/%u/%u", i / 100, i);

		r = ask(a, XS_MKDIR, 0, text, (size_t)n + 1);
	}
	IS(r, "ENOSPC");
	IS(ASK(XS_CONTROL, "check"), "OK");
	/* The guest has its own limit; and a tree of that size goes in one piece. */
	IS(xsc_write(&a->x, 0, "data/x", "1"), "OK");
	IS(ASK(XS_RM, "/many"), "OK");
	IS(ASK(XS_MKDIR, "/many-more"), "OK");
	IS(ASK(XS_CONTROL, "check"), "OK");
	finish(a);
}
END_TEST

START_TEST(subtree)
{
	struct admin *a = start();
	static const char *const paths[] = { "/t", "/t-a", "/t/a", "/t/a/b", "/t/a-b", "/t0", "/t/_", "/tt/a", "/t/a/b/c" };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(paths); i++)
		IS(ask(a, XS_WRITE, 0, paths[i], strlen(paths[i]) + 1), "OK");
	IS(ASK(XS_RM, "/t"), "OK");
	for (i = 0; i < ARRAY_SIZE(paths); i++)
		IS(ask(a, XS_READ, 0, paths[i], strlen(paths[i]) + 1),
		   !strcmp(paths[i], "/t") || !strncmp(paths[i], "/t/", 3) ? "ENOENT" : "");
	IS(ASK(XS_CONTROL, "check"), "OK");
	finish(a);
}
END_TEST

START_TEST(ring_anew)
{
	struct admin *a = start();
	u32 i;

	IS(xsc_two(&a->x, XS_WATCH, 0, "data", "tok"), "OK");
	st32(xsc_page(&a->x) + 2052, 77777);
	xs_serve(a->x.c);
	ck_assert(xs_dead(a->x.c));
	st32(xsc_page(&a->x) + 2068, 1);
	a->x.notified = 0;
	xs_serve(a->x.c);
	ck_assert(!xs_dead(a->x.c));
	ck_assert_uint_eq(a->x.notified, 1);
	for (i = 0; i < 4; i++)
		ck_assert_uint_eq(ld32(xsc_page(&a->x) + 2048 + i * 4), 0);
	ck_assert_uint_eq(ld32(xsc_page(&a->x) + 2068), 0);
	ck_assert_uint_eq(ld32(xsc_page(&a->x) + 2072), 0);
	ck_assert_ptr_null(a->x.c->watches);
	IS(xsc_str(&a->x, XS_READ, 0, HOME), "");
	finish(a);
}
END_TEST

START_TEST(saved)
{
	struct admin *a = start();
	struct buf one = { 0 }, two = { 0 };
	struct reader r;
	u32 t, gone;

	IS(ASK(XS_WATCH, "/tool\0tok\0" "1"), "OK");
	IS(ASK(XS_CONTROL, "quota\0set\0nodes\0" "7"), "OK");
	t = (u32)strtoul(ASK(XS_TRANSACTION_START, ""), NULL, 10);
	IS(ask(a, XS_WRITE, t, "/tool/x\0" "1", 9), "OK");
	input(a, 5, XS_CLIENT_OPEN, NULL, 0);
	xs_shutdown(a->x.s, 3);
	xenstore_save(a->x.s, &one);
	gone = a->gone;
	reader_init(&r, one.p, one.len);
	ck_assert_int_eq(xenstore_load(a->x.s, &r), 0);
	ck_assert_uint_eq(a->gone, gone + 2); /* those of before */
	xenstore_save(a->x.s, &two);
	ck_assert_uint_eq(one.len, two.len);
	ck_assert(!memcmp(one.p, two.p, one.len));
	/* Those in the saved state go on where they were: a replay feeds them. */
	IS(ask(a, XS_TRANSACTION_END, t, "T", 2), "OK");
	event_is(a, 0, "/tool/x", "tok");
	ck_assert_uint_eq(a->x.s->quota.nodes, 7);
	ck_assert(a->x.c->shutdown);
	buf_free(&one);
	buf_free(&two);
	finish(a);
}
END_TEST

Suite *xenstore_admin_suite(void)
{
	Suite *s = suite_create("xenstore_admin");
	TCase *tc = tcase_create("xenstore_admin");

	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, everything_is_allowed);
	tcase_add_test(tc, clients_come_and_go);
	tcase_add_test(tc, introduced_and_released);
	tcase_add_test(tc, target);
	tcase_add_test(tc, control);
	tcase_add_test(tc, outstanding);
	tcase_add_test(tc, depth);
	tcase_add_test(tc, client_limits);
	tcase_add_test(tc, subtree);
	tcase_add_test(tc, ring_anew);
	tcase_add_test(tc, saved);
	suite_add_tcase(s, tc);
	return s;
}
