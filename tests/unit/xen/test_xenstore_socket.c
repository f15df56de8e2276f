/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The xenstore's Unix socket: clients that are quick, slow, broken or many; paths that will not do; the file's end.
 */
#include <check.h>

#include "tests/suites.h"

#ifdef _WIN32
Suite *xenstore_socket_suite(void)
{
	return suite_create("xenstore_socket");
}
#else
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/unit/quick.h"
#include "tests/unit/xsclient.h"
#include "xen/store/socket.h"

struct world {
	struct xsc x; /* the store, with a guest in it */
	struct poll_set *ps;
	struct door door;
	struct xs_socket *k;
	char dir[64], path[80], spec[96];
	u8 body[XS_PAYLOAD_MAX + 1];
};

static void from_door(void *opaque, const struct door_input *in)
{
	struct world *w = opaque;

	xs_client_input(w->x.s, in->data, in->len);
}

static struct world *start(void)
{
	struct world *w = calloc(1, sizeof *w);
	struct error e = { "" };

	ck_assert(w && xsc_open(&w->x, 3));
	w->ps = poll_set_new();
	door_init(&w->door);
	ck_assert_int_eq(door_handle(&w->door, DOOR_STORE, XS_DOOR_TARGET, from_door, w), 0);
	strcpy(w->dir, "/tmp/xs-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(w->dir));
	snprintf(w->path, sizeof w->path, "%s/sock", w->dir);
	snprintf(w->spec, sizeof w->spec, "unix:%s", w->path);
	w->k = xs_socket_open(w->spec, w->ps, &e);
	ck_assert_msg(w->k != NULL, "%s", e.text);
	xs_socket_attach(w->k, &w->door, w->x.s);
	return w;
}

static void finish(struct world *w)
{
	struct stat st;

	xs_socket_close(w->k);
	ck_assert_int_ne(lstat(w->path, &st), 0);
	rmdir(w->dir);
	w->x.s->client_ops = NULL;
	xsc_close(&w->x);
	door_free(&w->door);
	poll_set_free(w->ps);
	free(w);
}

/* What the scheduler does between slots. */
static void pump(struct world *w)
{
	u32 i;

	for (i = 0; i < 8; i++) {
		poll_wait(w->ps, 0);
		door_open(&w->door, i, i);
	}
}

static int dial(struct world *w)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(sa.sun_path, w->path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

static size_t message(u8 *msg, u32 type, u32 req, const void *p, u32 n)
{
	const u32 head[4] = { type, req, 0, n };

	memcpy(msg, head, sizeof head);
	memcpy(msg + sizeof head, p, n);
	return sizeof head + n;
}

static void say(int fd, u32 type, u32 req, const void *p, u32 n)
{
	u8 msg[XS_MESSAGE_MAX];
	size_t len = message(msg, type, req, p, n);

	ck_assert_int_eq(write(fd, msg, len), (ssize_t)len);
}

/* The next message's body, as text; "(none)", or "(end)" when the connection is closed. */
static const char *hear(struct world *w, int fd, u32 *req)
{
	u8 *body = w->body;
	u32 head[4];
	ssize_t n;

	pump(w);
	n = read(fd, head, sizeof head);
	if (n <= 0)
		return n < 0 && errno == EAGAIN ? "(none)" : "(end)";
	ck_assert_int_eq(n, sizeof head);
	ck_assert_uint_le(head[3], XS_PAYLOAD_MAX);
	if (head[3])
		ck_assert_int_eq(read(fd, body, head[3]), (ssize_t)head[3]);
	body[head[3]] = 0;
	if (req)
		*req = head[1];
	return (const char *)body;
}

#define IS(expr, text) ck_assert_str_eq(expr, text)

START_TEST(talk)
{
	struct world *w = start();
	u8 msg[200];
	int fd = dial(w), other = dial(w);
	size_t n, i;
	struct stat st;
	u32 req;

	ck_assert_int_eq(lstat(w->path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	say(fd, XS_WRITE, 1, "/a/b\0value", 10);
	IS(hear(w, fd, &req), "OK");
	ck_assert_uint_eq(req, 1);
	/* Byte by byte, another client in between. */
	n = message(msg, XS_READ, 2, "/a/b", 5);
	for (i = 0; i < n; i++) {
		IS(hear(w, fd, NULL), "(none)");
		ck_assert_int_eq(write(fd, msg + i, 1), 1);
		say(other, XS_WATCH, 3, "/a\0t", 5);
		IS(hear(w, other, NULL), i ? "EEXIST" : "OK");
		if (!i)
			IS(hear(w, other, NULL), "/a");
	}
	IS(hear(w, fd, &req), "value");
	ck_assert_uint_eq(req, 2);
	/* Three at once, and a half. */
	n = message(msg, XS_READ, 10, "/a/b", 5);
	n += message(msg + n, XS_DIRECTORY, 11, "/a", 3);
	n += message(msg + n, XS_READ, 12, "/none", 6);
	ck_assert_int_eq(write(fd, msg, n), (ssize_t)n);
	ck_assert_int_eq(write(fd, msg, 7), 7);
	IS(hear(w, fd, &req), "value");
	IS(hear(w, fd, &req), "b");
	IS(hear(w, fd, &req), "ENOENT");
	ck_assert_uint_eq(req, 12);
	IS(hear(w, fd, NULL), "(none)");
	/* It goes away in the middle; what it had in hand is forgotten. */
	close(fd);
	pump(w);
	ck_assert_uint_eq(xs_socket_clients(w->k), 1);
	ck_assert_ptr_null(xs_client(w->x.s, 1));
	ck_assert_int_eq(xs_write(w->x.s, "/a/c", "1"), 0);
	IS(hear(w, other, NULL), "/a/c");
	close(other);
	pump(w);
	ck_assert_uint_eq(xs_socket_clients(w->k), 0);
	finish(w);
}
END_TEST

/* What was asked is done even if nobody waits for the answer. */
START_TEST(hang_up)
{
	struct world *w = start();
	int fd = dial(w);

	say(fd, XS_WRITE, 1, "/a\0" "1", 4);
	close(fd);
	pump(w);
	ck_assert_uint_eq(xs_socket_clients(w->k), 0);
	IS(xs_read(w->x.s, "/a", NULL), "1");
	fd = dial(w);
	shutdown(fd, SHUT_RD);
	say(fd, XS_READ, 1, "/a", 3);
	pump(w);
	close(fd);
	pump(w);
	ck_assert_uint_eq(xs_socket_clients(w->k), 0);
	finish(w);
}
END_TEST

START_TEST(broken)
{
	struct world *w = start();
	u32 bad[4] = { XS_READ, 1, 0, XS_PAYLOAD_MAX + 1 }, i;
	int fd = dial(w);
	u8 noise[3000];

	ck_assert_int_eq(write(fd, bad, sizeof bad), sizeof bad);
	IS(hear(w, fd, NULL), "(end)");
	close(fd);
	bad[3] = 0xffffffff;
	fd = dial(w);
	ck_assert_int_eq(write(fd, bad, sizeof bad), sizeof bad);
	IS(hear(w, fd, NULL), "(end)");
	close(fd);
	/* No such request, or nothing in it: an error and no more. */
	fd = dial(w);
	for (i = 0; i < 40; i++) {
		say(fd, i, i, "", 0);
		ck_assert_str_ne(hear(w, fd, NULL), "(end)");
	}
	close(fd);
	for (i = 0; i < sizeof noise; i++)
		noise[i] = (u8)(i * 2654435761u >> 13);
	fd = dial(w);
	ck_assert_int_eq(write(fd, noise, sizeof noise), sizeof noise);
	IS(hear(w, fd, NULL), "(end)");
	close(fd);
	pump(w);
	ck_assert_uint_eq(xs_socket_clients(w->k), 0);
	finish(w);
}
END_TEST

/* It asks and asks and does not read: it is read from no more, loses nothing, and others do not notice. */
START_TEST(slow)
{
	struct world *w = start();
	int fd = dial(w), other = dial(w);
	u32 asked = 0, heard = 0, req, stuck = 0;
	char big[2000];
	u8 msg[64];
	size_t n;

	memset(big, 'v', sizeof big);
	ck_assert_int_eq(xs_write_bytes(w->x.s, "/big", big, sizeof big), 0);
	while (stuck < 20 && asked < 100000) {
		n = message(msg, XS_READ, asked, "/big", 5);
		if (write(fd, msg, n) == (ssize_t)n) {
			asked++;
			stuck = 0;
			continue;
		}
		pump(w);
		stuck++;
	}
	ck_assert_uint_lt(asked, 100000);
	say(other, XS_READ, 5, "/big", 5);
	ck_assert_uint_eq(strlen(hear(w, other, NULL)), sizeof big);
	while (heard < asked) {
		ck_assert_uint_eq(strlen(hear(w, fd, &req)), sizeof big);
		ck_assert_uint_eq(req, heard);
		heard++;
	}
	IS(hear(w, fd, NULL), "(none)");
	close(fd);
	close(other);
	finish(w);
}
END_TEST

/* It watches everything and never reads: it is dropped in the end. */
START_TEST(deaf)
{
	struct world *w = start();
	int fd = dial(w);
	static const char watch[] = "/\0a token of some length, so that it does not take so long, and some more of it all the same";
	u32 i;

	say(fd, XS_WATCH, 1, watch, sizeof watch);
	pump(w);
	for (i = 0; i < 50000 && xs_socket_clients(w->k); i++) {
		quick_eq(xs_write(w->x.s, "/x", "%u", i), 0);
		if (!(i % 64))
			pump(w);
	}
	ck_assert_uint_lt(i, 50000);
	pump(w);
	ck_assert_ptr_null(xs_client(w->x.s, 1));
	close(fd);
	finish(w);
}
END_TEST

START_TEST(many)
{
	struct world *w = start();
	int fd[XS_CLIENTS + 1];
	u32 i;

	for (i = 0; i <= XS_CLIENTS; i++) {
		fd[i] = dial(w);
		say(fd[i], XS_READ, i, "/", 2);
		pump(w);
	}
	ck_assert_uint_eq(xs_socket_clients(w->k), XS_CLIENTS);
	for (i = 0; i < XS_CLIENTS; i++)
		IS(hear(w, fd[i], NULL), "");
	IS(hear(w, fd[XS_CLIENTS], NULL), "(none)"); /* waits for its turn */
	close(fd[7]);
	pump(w);
	IS(hear(w, fd[XS_CLIENTS], NULL), "");
	for (i = 0; i <= XS_CLIENTS; i++)
		if (i != 7)
			close(fd[i]);
	pump(w);
	ck_assert_uint_eq(xs_socket_clients(w->k), 0);
	finish(w);
}
END_TEST

/* The guest reboots: its clients are let go, new ones wait for the next store. */
START_TEST(next_life)
{
	struct world *w = start();
	int fd = dial(w), other;

	say(fd, XS_WATCH, 1, "@releaseDomain\0t", 17);
	IS(hear(w, fd, NULL), "OK");
	IS(hear(w, fd, NULL), "@releaseDomain");
	xs_shutdown(w->x.s, 3);
	xs_clients_drop(w->x.s);
	xs_socket_detach(w->k);
	IS(hear(w, fd, NULL), "@releaseDomain");
	IS(hear(w, fd, NULL), "(end)");
	close(fd);
	other = dial(w);
	say(other, XS_READ, 1, "/", 2);
	IS(hear(w, other, NULL), "(none)");
	xs_socket_attach(w->k, &w->door, w->x.s);
	IS(hear(w, other, NULL), "");
	close(other);
	finish(w);
}
END_TEST

START_TEST(paths)
{
	struct world *w = start();
	struct error e;
	char spec[400];
	struct stat st;
	FILE *f;
	struct xs_socket *k;
	size_t i;
	static const struct {
		const char *spec, *says;
	} bad[] = {
		{ "", "unix:" }, { "unix:", "needs a socket's path" }, { "tcp:127.0.0.1:1", "needs a socket's path" },
		{ "unix:/nonexistent/dir/sock", "No such file or directory" },
	};

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		e.text[0] = 0;
		ck_assert_ptr_null(xs_socket_open(bad[i].spec, w->ps, &e));
		ck_assert_msg(strstr(e.text, bad[i].says), "%s", e.text);
	}
	memset(spec, 'x', sizeof spec);
	memcpy(spec, "unix:/", 6);
	spec[sizeof spec - 1] = 0;
	ck_assert_ptr_null(xs_socket_open(spec, w->ps, &e));
	ck_assert_msg(strstr(e.text, "shorter"), "%s", e.text);
	/* In use. */
	ck_assert_ptr_null(xs_socket_open(w->spec, w->ps, &e));
	ck_assert_msg(strstr(e.text, "another program"), "%s", e.text);
	ck_assert_int_eq(lstat(w->path, &st), 0);
	/* A file. */
	snprintf(spec, sizeof spec, "unix:%s/file", w->dir);
	f = fopen(spec + 5, "w");
	ck_assert_ptr_nonnull(f);
	fclose(f);
	ck_assert_ptr_null(xs_socket_open(spec, w->ps, &e));
	ck_assert_msg(strstr(e.text, "no socket"), "%s", e.text);
	ck_assert_int_eq(lstat(spec + 5, &st), 0);
	unlink(spec + 5);
	/* One left behind by somebody who is no more. */
	{
		struct sockaddr_un sa = { .sun_family = AF_UNIX };
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);

		strcpy(sa.sun_path, spec + 5);
		ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, sizeof sa), 0);
		close(fd);
	}
	k = xs_socket_open(spec, w->ps, &e);
	ck_assert_msg(k != NULL, "%s", e.text);
	/* Somebody puts a file of his own there: it is his. */
	unlink(spec + 5);
	f = fopen(spec + 5, "w");
	fclose(f);
	xs_socket_close(k);
	ck_assert_int_eq(lstat(spec + 5, &st), 0);
	unlink(spec + 5);
	xs_socket_close(NULL);
	finish(w);
}
END_TEST

Suite *xenstore_socket_suite(void)
{
	Suite *s = suite_create("xenstore_socket");
	TCase *tc = tcase_create("xenstore_socket");

	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, talk);
	tcase_add_test(tc, hang_up);
	tcase_add_test(tc, broken);
	tcase_add_test(tc, slow);
	tcase_add_test(tc, deaf);
	tcase_add_test(tc, many);
	tcase_add_test(tc, next_life);
	tcase_add_test(tc, paths);
	suite_add_tcase(s, tc);
	return s;
}
#endif
