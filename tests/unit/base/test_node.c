/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * base/node.c: names, paths, properties, order, limits and .dts text; base/poll.c: order, removal, timers, waking.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/node.h"
#include "base/poll.h"
#include "tests/suites.h"

START_TEST(names)
{
	char longest[NODE_NAME_MAX + 2];

	ck_assert(node_name_ok("a"));
	ck_assert(node_name_ok("serial0"));
	ck_assert(node_name_ok("cpu@1,+._-Z"));
	ck_assert(!node_name_ok(""));
	ck_assert(!node_name_ok("a/b"));
	ck_assert(!node_name_ok("a b"));
	ck_assert(!node_name_ok("\xc3\xa9"));
	ck_assert(!node_name_ok("."));
	ck_assert(!node_name_ok(".."));
	ck_assert(node_name_ok("..."));
	memset(longest, 'x', sizeof longest);
	longest[NODE_NAME_MAX] = 0;
	ck_assert(node_name_ok(longest));
	longest[NODE_NAME_MAX] = 'x';
	longest[NODE_NAME_MAX + 1] = 0;
	ck_assert(!node_name_ok(longest));
	ck_assert_ptr_null(node_new("a/b"));
}
END_TEST

START_TEST(paths)
{
	struct node *root = node_new(""), *demo, *n;
	char buf[64];

	ck_assert_ptr_eq(node_find(root, "/"), root);
	ck_assert_ptr_eq(node_find(root, ""), root);
	ck_assert_ptr_null(node_find(root, "/guests"));
	demo = node_make(root, "/guests/demo");
	ck_assert_ptr_nonnull(demo);
	ck_assert_ptr_eq(node_make(root, "guests//demo/"), demo);
	ck_assert_ptr_eq(node_find(root, "/guests/demo"), demo);
	ck_assert_ptr_eq(node_find(demo->parent, "demo"), demo);
	ck_assert_ptr_null(node_find(root, "/guests/dem"));
	ck_assert_ptr_null(node_find(root, "/guests/demo2"));
	ck_assert_ptr_null(node_make(root, "/guests/a b"));
	ck_assert_uint_eq(node_path(demo, buf, sizeof buf), 12);
	ck_assert_str_eq(buf, "/guests/demo");
	ck_assert_uint_eq(node_path(demo, buf, 5), 12);
	ck_assert_str_eq(buf, "/gue");
	node_path(root, buf, sizeof buf);
	ck_assert_str_eq(buf, "/");
	/* Attaching: no second of a name, no child that has a parent. */
	n = node_new("demo");
	ck_assert_int_eq(node_attach(demo->parent, n), -EEXIST);
	ck_assert_int_eq(node_attach(root, n), 0);
	ck_assert_int_eq(node_attach(demo, n), -EEXIST);
	node_free(demo);
	ck_assert_ptr_null(node_find(root, "/guests/demo"));
	ck_assert_ptr_eq(node_find(root, "/demo"), n);
	ck_assert_ptr_nonnull(node_make(root, "/guests/again"));
	node_free(root);
	node_free(NULL);
}
END_TEST

START_TEST(depth_limit)
{
	struct node *root = node_new(""), *n = root;
	u32 i;

	for (i = 0; i < NODE_DEPTH_MAX; i++) {
		n = node_make(n, "d");
		ck_assert_ptr_nonnull(n);
	}
	ck_assert_ptr_null(node_make(n, "d"));
	node_free(root);
}
END_TEST

START_TEST(properties)
{
	struct node *n = node_new("x");
	const u8 *p;
	size_t len = 99;

	ck_assert_int_eq(node_set_str(n, "s", "hello"), 0);
	ck_assert_int_eq(node_set_u64(n, "u", UINT64_MAX), 0);
	ck_assert_int_eq(node_set_bytes(n, "b", "\0\1\2", 3), 0);
	ck_assert_int_eq(node_set_bytes(n, "empty", NULL, 0), 0);
	ck_assert_int_eq(node_set_flag(n, "f"), 0);
	ck_assert_int_eq(node_set_u64(n, "bad name", 1), -EINVAL);
	ck_assert_str_eq(node_str(n, "s", ""), "hello");
	ck_assert(node_u64(n, "u", 0) == UINT64_MAX);
	p = node_bytes(n, "b", &len);
	ck_assert_uint_eq(len, 3);
	ck_assert_mem_eq(p, "\0\1\2", 3);
	ck_assert_ptr_nonnull(node_bytes(n, "empty", &len));
	ck_assert_uint_eq(len, 0);
	ck_assert(node_has(n, "f") && !node_has(n, "g"));
	/* Another kind gives the default. */
	ck_assert_str_eq(node_str(n, "u", "def"), "def");
	ck_assert_uint_eq(node_u64(n, "s", 7), 7);
	ck_assert_ptr_null(node_bytes(n, "s", &len));
	/* Replacing keeps the place and changes the kind. */
	ck_assert_int_eq(node_set_u64(n, "s", 5), 0);
	ck_assert_str_eq(n->props->name, "s");
	ck_assert_uint_eq(node_u64(n, "s", 0), 5);
	node_unset(n, "s");
	node_unset(n, "f"); /* the last one */
	node_unset(n, "nothing");
	ck_assert(!node_has(n, "s") && !node_has(n, "f"));
	ck_assert_int_eq(node_set_flag(n, "z"), 0);
	ck_assert(node_has(n, "z"));
	node_free(n);
}
END_TEST

static int note_name(void *opaque, struct node *n, u32 depth)
{
	char *text = opaque;

	sprintf(text + strlen(text), "%u%s ", depth, n->name);
	return !strcmp(n->name, "stop") ? 42 : 0;
}

START_TEST(walking)
{
	struct node *root = node_new("");
	char text[100] = "";

	node_make(root, "b/one");
	node_make(root, "a");
	node_make(root, "b/two");
	ck_assert_int_eq(node_walk(root, note_name, text), 0);
	ck_assert_str_eq(text, "0 1b 2one 2two 1a ");
	node_make(root, "b/one/stop");
	text[0] = 0;
	ck_assert_int_eq(node_walk(root, note_name, text), 42);
	ck_assert_str_eq(text, "0 1b 2one 3stop ");
	node_free(root);
}
END_TEST

START_TEST(dts)
{
	struct node *root = node_new(""), *g = node_make(root, "/guests/demo");
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	node_set_u64(g, "memory", 512 << 20);
	node_set_str(g, "cmdline",
		     "a=\"b\" \\ \n\x01"
		     "1");
	node_set_bytes(g, "mac", "\x00\x16\x3e", 3);
	node_set_flag(g, "quiet");
	node_make(g, "disk");
	node_print(root, f);
	fclose(f);
	ck_assert_str_eq(text, "/dts-v1/;\n\n/ {\n\tguests {\n\t\tdemo {\n"
			       "\t\t\tmemory = /bits/ 64 <0x20000000>;\n"
			       "\t\t\tcmdline = \"a=\\\"b\\\" \\\\ \\n\\0011\";\n"
			       "\t\t\tmac = [00 16 3e];\n"
			       "\t\t\tquiet;\n"
			       "\n\t\t\tdisk {\n\t\t\t};\n\t\t};\n\t};\n};\n");
	free(text);
	node_free(root);
}
END_TEST

struct watcher {
	struct poll_set *ps;
	struct poll_item *it, *victim;
	int fd, calls;
	u32 events;
	bool remove_self, eat;
	struct watcher *fresh; /* added by the callback */
};

/* Notes the call and does what the watcher says. */
static void on_event(void *opaque, u32 events)
{
	struct watcher *w = opaque;
	char c;

	w->calls++;
	w->events = events;
	if (w->eat && read(w->fd, &c, 1) != 1)
		w->calls += 1000;
	if (w->victim) {
		poll_remove(w->ps, w->victim);
		w->victim = NULL;
	}
	if (w->fresh) {
		w->fresh->it = poll_add(w->ps, w->fresh->fd, POLL_READABLE, on_event, w->fresh);
		w->fresh = NULL;
	}
	if (w->remove_self) {
		poll_remove(w->ps, w->it);
		w->it = NULL;
	}
}

START_TEST(poll_events)
{
	struct poll_set *ps = poll_set_new();
	struct watcher a = { .ps = ps, .eat = true }, b = { .ps = ps };
	int p[2], q[2];

	ck_assert_int_eq(pipe(p), 0);
	ck_assert_int_eq(pipe(q), 0);
	a.fd = p[0];
	a.it = poll_add(ps, p[0], POLL_READABLE, on_event, &a);
	b.it = poll_add(ps, q[0], POLL_READABLE, on_event, &b);
	ck_assert_int_eq(poll_wait(ps, 0), 0);
	ck_assert_int_eq((int)write(p[1], "xy", 2), 2);
	ck_assert_int_eq(poll_wait(ps, -1), 1);
	ck_assert_int_eq(poll_wait(ps, 0), 1);
	ck_assert_int_eq(poll_wait(ps, 0), 0);
	ck_assert_int_eq(a.calls, 2);
	ck_assert_uint_eq(a.events, POLL_READABLE);
	/* Muted: nothing, not even the end; then it is seen. */
	close(q[1]);
	poll_change(ps, b.it, 0, true);
	ck_assert_int_eq(poll_wait(ps, 0), 0);
	poll_change(ps, b.it, POLL_READABLE, false);
	ck_assert_int_eq(poll_wait(ps, 0), 1);
	ck_assert(b.events & POLL_GONE);
	ck_assert_int_eq(poll_one(ps, p[1], POLL_WRITABLE, 0), POLL_WRITABLE);
	ck_assert_int_eq(poll_one(ps, p[0], POLL_READABLE, 1000000), 0);
	poll_set_free(ps);
	close(p[0]);
	close(p[1]);
	close(q[0]);
}
END_TEST

/* Of three ready descriptors the first removes itself and the last; a new item in the freed slot gets no old event. */
START_TEST(poll_removal)
{
	struct poll_set *ps = poll_set_new();
	struct watcher w[3] = { { .ps = ps, .remove_self = true }, { .ps = ps }, { .ps = ps } };
	struct watcher quiet = { .ps = ps };
	int p[2], i;

	ck_assert_int_eq(pipe(p), 0);
	quiet.fd = p[0];
	for (i = 0; i < 3; i++)
		w[i].it = poll_add(ps, p[1], POLL_WRITABLE, on_event, &w[i]);
	w[0].victim = w[2].it;
	w[0].fresh = &quiet;
	ck_assert_int_eq(poll_wait(ps, 0), 2);
	ck_assert_ptr_nonnull(quiet.it);
	ck_assert_int_eq(quiet.calls, 0);
	ck_assert_int_eq(w[0].calls, 1);
	ck_assert_int_eq(w[1].calls, 1);
	ck_assert_int_eq(w[2].calls, 0);
	ck_assert_int_eq(poll_wait(ps, 0), 1);
	for (i = 0; i < 40; i++)
		ck_assert_ptr_nonnull(poll_add(ps, p[1], POLL_WRITABLE, on_event, &w[2]));
	ck_assert_int_eq(poll_wait(ps, 0), 41);
	poll_remove(ps, NULL);
	poll_set_free(ps);
	close(p[0]);
	close(p[1]);
}
END_TEST

START_TEST(poll_timers_and_wake)
{
	struct poll_set *ps = poll_set_new();
	struct watcher w = { .ps = ps, .remove_self = true };
	u64 start = host_now();

	w.it = poll_every(ps, 20000000, on_event, &w);
	ck_assert_int_eq(poll_wait(ps, 0), 0);
	while (!w.calls)
		poll_wait(ps, -1);
	ck_assert(host_now() - start >= 20000000);
	ck_assert(host_now() - start < 5000000000u);
	/* A wake before the wait counts, once; one that is pending is seen by poll_one() and left in force. */
	poll_wake(ps);
	ck_assert_int_eq(poll_one(ps, 0, 0, -1), -EINTR);
	ck_assert_int_eq(poll_wait(ps, -1), 0);
	start = host_now();
	ck_assert_int_eq(poll_wait(ps, 30000000), 0);
	ck_assert(host_now() - start >= 25000000);
	poll_set_free(ps);
}
END_TEST

Suite *node_suite(void)
{
	Suite *s = suite_create("node");
	TCase *t = tcase_create("node");

	tcase_add_test(t, names);
	tcase_add_test(t, paths);
	tcase_add_test(t, depth_limit);
	tcase_add_test(t, properties);
	tcase_add_test(t, walking);
	tcase_add_test(t, dts);
	suite_add_tcase(s, t);
	t = tcase_create("poll");
	tcase_add_test(t, poll_events);
	tcase_add_test(t, poll_removal);
	tcase_add_test(t, poll_timers_and_wake);
	suite_add_tcase(s, t);
	return s;
}
