/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hw/host: networks over sockets, hubs, taps that are refused, pcap files: pairs of our own, and peers that misbehave.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/endian.h"
#include "tests/suites.h"
#include "tests/unit/net_env.h"

static struct netdev *open_card(struct card *c, const char *spec, struct net_hubs *hubs, struct poll_set *ps)
{
	memset(c, 0, sizeof *c);
	c->n = net_must(spec, hubs, ps);
	netdev_set_client(c->n, &card_plain, c);
	return c->n;
}

static void send_one(struct netdev *n, u32 len, u32 seed)
{
	static const u8 type[2] = { 0x88, 0xb5 };
	u8 bytes[NET_FRAME_MAX];
	struct net_frame f = { .data = bytes, .len = len };
	u32 i;

	for (i = 0; i < len; i++)
		bytes[i] = (u8)(seed + i * 3);
	memcpy(bytes + 12, type, 2);
	netdev_send(n, &f);
}

static u64 sum_one(u64 sum, u32 len, u32 seed)
{
	static const u8 type[2] = { 0x88, 0xb5 };
	u8 bytes[NET_FRAME_MAX];
	u32 i;

	for (i = 0; i < len; i++)
		bytes[i] = (u8)(seed + i * 3);
	memcpy(bytes + 12, type, 2);
	return card_sum(sum, bytes, len);
}

static u16 port_of(const struct netdev *n)
{
	char text[1000], *p;

	netdev_describe(n, text, sizeof text);
	p = strstr(text, "127.0.0.1:");
	ck_assert_msg(p != NULL, "%s", text);
	return (u16)atoi(p + 10);
}

static bool connected(const struct netdev *n)
{
	char text[1000];

	netdev_describe(n, text, sizeof text);
	return strstr(text, ", connected") != NULL;
}

/* Frames of many sizes both ways, in order. */
static void exchange(struct poll_set *ps, struct card *a, struct card *b, u32 biggest)
{
	static const u32 sizes[] = { 14, 60, 1514, 15, 9000, 65553, 64, 1500 };
	u64 sum = 0, from_a = a->sum, from_b = b->sum;
	u32 fa = a->frames, fb = b->frames, i, n = 0;

	for (i = 0; i < 40; i++) {
		u32 len = MIN(sizes[i % ARRAY_SIZE(sizes)], biggest);

		send_one(a->n, len, i);
		send_one(b->n, len, i + 100);
		n++;
		if (i % 4 == 3)
			LOOP_UNTIL(ps, a->frames - fa == n && b->frames - fb == n);
	}
	for (i = 0, sum = from_b; i < 40; i++)
		sum = sum_one(sum, MIN(sizes[i % ARRAY_SIZE(sizes)], biggest), i);
	ck_assert(b->sum == sum);
	for (i = 0, sum = from_a; i < 40; i++)
		sum = sum_one(sum, MIN(sizes[i % ARRAY_SIZE(sizes)], biggest), i + 100);
	ck_assert(a->sum == sum);
}

static void pair(const char *first, const char *second, u32 biggest, bool wait)
{
	struct poll_set *ps = poll_set_new();
	struct card *a = malloc(sizeof *a), *b = malloc(sizeof *b);
	char spec[300];

	open_card(a, first, NULL, ps);
	if (strstr(second, "%u"))
		snprintf(spec, sizeof spec, second, port_of(a->n));
	else
		snprintf(spec, sizeof spec, "%s", second);
	open_card(b, spec, NULL, ps);
	if (wait)
		LOOP_UNTIL(ps, connected(a->n) && connected(b->n));
	exchange(ps, a, b, biggest);
	netdev_close(a->n);
	netdev_close(b->n);
	free(a);
	free(b);
	poll_set_free(ps);
}

static const char *temp(char *path, size_t n, const char *name)
{
	snprintf(path, n, "/tmp/paravane-net-%ld-%s", (long)getpid(), name);
	unlink(path);
	return path;
}

START_TEST(stream_pairs)
{
	pair("socket,listen=127.0.0.1:0", "socket,connect=127.0.0.1:%u", NET_FRAME_MAX, true);
	pair("stream,server=on,addr.type=inet,addr.host=127.0.0.1,addr.port=0",
	     "stream,addr.type=inet,addr.host=127.0.0.1,addr.port=%u", NET_FRAME_MAX, true);
}
END_TEST

START_TEST(stream_pair_unix)
{
	char path[100], a[200], b[200];

	temp(path, sizeof path, "s");
	snprintf(a, sizeof a, "stream,server=on,addr.type=unix,addr.path=%s", path);
	snprintf(b, sizeof b, "stream,addr.type=unix,addr.path=%s", path);
	pair(a, b, NET_FRAME_MAX, true);
	ck_assert_int_lt(access(path, F_OK), 0);
}
END_TEST

START_TEST(fd_pairs)
{
	char a[60], b[60];
	int fd[2];

	ck_assert(!socketpair(AF_UNIX, SOCK_STREAM, 0, fd));
	snprintf(a, sizeof a, "socket,fd=%d", fd[0]);
	snprintf(b, sizeof b, "stream,addr.type=fd,addr.str=%d", fd[1]);
	pair(a, b, NET_FRAME_MAX, true);
}
END_TEST

START_TEST(fd_pair_dgram)
{
	char a[60], b[60];
	int fd[2];

	ck_assert(!socketpair(AF_UNIX, SOCK_DGRAM, 0, fd));
	snprintf(a, sizeof a, "socket,fd=%d", fd[0]);
	snprintf(b, sizeof b, "dgram,local.type=fd,local.str=%d", fd[1]);
	pair(a, b, 9000, false);
}
END_TEST

static u16 free_udp(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof sa;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	ck_assert(fd >= 0 && !bind(fd, (struct sockaddr *)&sa, sizeof sa));
	ck_assert(!getsockname(fd, (struct sockaddr *)&sa, &len));
	close(fd);
	return ntohs(sa.sin_port);
}

START_TEST(dgram_pairs)
{
	char a[300], b[300];
	u16 x = free_udp(), y = free_udp();

	snprintf(a, sizeof a, "socket,udp=127.0.0.1:%u,localaddr=127.0.0.1:%u", x, y);
	snprintf(b, sizeof b,
		 "dgram,local.type=inet,local.host=127.0.0.1,local.port=%u,remote.type=inet,remote.host=127.0.0.1,"
		 "remote.port=%u",
		 x, y);
	pair(a, b, 9000, false);
}
END_TEST

START_TEST(dgram_pair_unix)
{
	char p1[100], p2[100], a[300], b[300];

	temp(p1, sizeof p1, "d1");
	temp(p2, sizeof p2, "d2");
	snprintf(a, sizeof a, "dgram,local.type=unix,local.path=%s,remote.type=unix,remote.path=%s", p1, p2);
	snprintf(b, sizeof b, "dgram,local.type=unix,local.path=%s,remote.type=unix,remote.path=%s", p2, p1);
	pair(a, b, 65553, false);
	ck_assert_int_lt(access(p1, F_OK), 0);
}
END_TEST

/* Three on one group; nobody hears himself. A machine without multicast says so. */
START_TEST(multicast)
{
	struct poll_set *ps = poll_set_new();
	struct card *c = calloc(3, sizeof *c);
	struct error e = { "" };
	char spec[100];
	int i;

	snprintf(spec, sizeof spec, "socket,mcast=239.192.7.9:%u,localaddr=127.0.0.1", free_udp());
	c[0].n = netdev_open(spec, NULL, ps, &e);
	if (!c[0].n) {
		ck_assert_msg(strstr(e.text, "239.192.7.9") != NULL, "%s", e.text);
	} else {
		netdev_close(c[0].n);
		for (i = 0; i < 3; i++)
			open_card(&c[i], spec, NULL, ps);
		send_one(c[0].n, 100, 1);
		send_one(c[1].n, 200, 2);
		LOOP_UNTIL(ps, c[0].frames == 1 && c[1].frames == 1 && c[2].frames == 2);
		for (i = 0; i < 20; i++)
			poll_wait(ps, 100000);
		ck_assert(c[0].frames == 1 && c[1].frames == 1 && c[0].last_len == 200 && c[1].last_len == 100);
		for (i = 0; i < 3; i++)
			netdev_close(c[i].n);
	}
	free(c);
	poll_set_free(ps);
}
END_TEST

static int unix_pair(struct poll_set *ps, struct card *c)
{
	char spec[40];
	int fd[2];

	ck_assert(!socketpair(AF_UNIX, SOCK_STREAM, 0, fd));
	fcntl(fd[1], F_SETFL, O_NONBLOCK);
	snprintf(spec, sizeof spec, "socket,fd=%d", fd[0]);
	open_card(c, spec, NULL, ps);
	return fd[1];
}

/* QEMU's format: the length in 32 bits, most significant byte first; a byte at a time. */
START_TEST(framing)
{
	struct poll_set *ps = poll_set_new();
	struct card *c = malloc(sizeof *c);
	int fd = unix_pair(ps, c), i;
	u8 wire[4 + 60 + 4 + 14], got[200];

	for (i = 0; i < (int)sizeof wire; i++)
		wire[i] = (u8)i;
	memcpy(wire, "\0\0\0\74", 4);
	memcpy(wire + 64, "\0\0\0\16", 4);
	for (i = 0; i < (int)sizeof wire; i++) {
		ck_assert_int_eq((int)write(fd, wire + i, 1), 1);
		poll_wait(ps, 1000000);
		if (i == 62 || i == 63)
			ck_assert_uint_eq(c->frames, (u32)i - 62);
	}
	ck_assert_uint_eq(c->frames, 2);
	ck_assert_uint_eq(c->len[0], 60);
	ck_assert_uint_eq(c->len[1], 14);
	ck_assert(!memcmp(c->last, wire + 68, 14));
	send_one(c->n, 300, 5);
	send_one(c->n, 14, 9);
	ck_assert_int_eq((int)read(fd, got, 4), 4);
	ck_assert(!memcmp(got, "\0\0\1\54", 4));
	/* Frames of no bytes pass by; one longer than any is the end. */
	ck_assert_int_eq((int)write(fd, "\0\0\0\0\0\0\0\1x", 9), 9);
	poll_wait(ps, 1000000);
	ck_assert(connected(c->n) && c->frames == 2);
	ck_assert_int_eq((int)write(fd, "\0\1\0\22", 4), 4);
	poll_wait(ps, 1000000);
	ck_assert(!connected(c->n));
	netdev_close(c->n);
	close(fd);
	free(c);
	poll_set_free(ps);
}
END_TEST

/* A peer that talks nonsense and comes back to do it again. */
START_TEST(nonsense_told_once)
{
	struct poll_set *ps = poll_set_new();
	struct card *c = malloc(sizeof *c);
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	char said[4096] = "", *first;
	FILE *f = tmpfile();
	int saved = dup(2), i;

	ck_assert(f != NULL && saved >= 0);
	open_card(c, "socket,listen=127.0.0.1:0", NULL, ps);
	sa.sin_port = htons(port_of(c->n));
	fflush(stderr);
	dup2(fileno(f), 2);
	for (i = 0; i < 20; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		ck_assert(!connect(fd, (struct sockaddr *)&sa, sizeof sa));
		LOOP_UNTIL(ps, connected(c->n));
		ck_assert_int_eq((int)write(fd, "\xff\xff\xff\xff", 4), 4);
		LOOP_UNTIL(ps, !connected(c->n));
		close(fd);
	}
	fflush(stderr);
	dup2(saved, 2);
	close(saved);
	rewind(f);
	said[fread(said, 1, sizeof said - 1, f)] = 0;
	fclose(f);
	first = strstr(said, "impossible length");
	ck_assert_msg(first && !strstr(first + 1, "impossible length"), "%s", said);
	netdev_close(c->n);
	free(c);
	poll_set_free(ps);
}
END_TEST

/* Peers that leave after each number of bytes: the next one finds all as it should be. */
START_TEST(dropping_peers)
{
	struct poll_set *ps = poll_set_new();
	struct card *c = malloc(sizeof *c);
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	u8 wire[80] = { 0 };
	u32 cut, whole = 0;

	wire[3] = 14;
	wire[18 + 3] = 50;
	open_card(c, "socket,listen=127.0.0.1:0", NULL, ps);
	sa.sin_port = htons(port_of(c->n));
	for (cut = 0; cut <= 72; cut++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		ck_assert(!connect(fd, (struct sockaddr *)&sa, sizeof sa));
		ck_assert(cut == 0 || write(fd, wire, cut) == (ssize_t)cut);
		LOOP_UNTIL(ps, connected(c->n));
		send_one(c->n, 100, cut); /* it will never read that */
		close(fd);
		LOOP_UNTIL(ps, !connected(c->n));
		whole += (cut >= 18) + (cut >= 72);
	}
	ck_assert_uint_eq(c->frames, whole);
	netdev_close(c->n);
	free(c);
	poll_set_free(ps);
}
END_TEST

/* A peer that does not read: nobody waits, the queue has its bound, and later traffic is whole frames. */
/* A host without descriptors: who knocks waits, the loop does not spin, and when there are some he is let in. */
START_TEST(no_descriptors)
{
	struct poll_set *ps = poll_set_new();
	struct card *c = malloc(sizeof *c);
	struct sockaddr_in to = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM, 0), spare = dup(0), i;
	struct rlimit old, few;

	open_card(c, "socket,listen=127.0.0.1:0", NULL, ps);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	to.sin_port = htons(port_of(c->n));
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = old;
	few.rlim_cur = (rlim_t)spare;
	close(spare);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
	for (i = 0; !poll_wait(ps, 100000000) && i < 10; i++)
		;
	/* The first look has failed; the next is a tenth of a second away. */
	ck_assert_int_eq(poll_wait(ps, 20000000), 0);
	ck_assert(!connected(c->n));
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	LOOP_UNTIL(ps, connected(c->n));
	netdev_close(c->n);
	poll_set_free(ps);
	close(fd);
	free(c);
}
END_TEST

START_TEST(stalled_peer)
{
	struct poll_set *ps = poll_set_new();
	struct card *c = malloc(sizeof *c);
	int fd = unix_pair(ps, c), i;
	u64 start = host_now();
	static u8 in[3 << 20];
	size_t n = 0, at = 0;
	u32 frames = 0;

	for (i = 0; i < 3000; i++)
		send_one(c->n, 1514, (u32)i);
	ck_assert(host_now() - start < 20000000000u);
	ck_assert_uint_gt(netdev_stats(c->n)->out_dropped, 500);
	for (i = 0; i < 2000; i++) {
		ssize_t k = read(fd, in + n, sizeof in - n);

		if (k > 0)
			n += (size_t)k;
		poll_wait(ps, 10000);
	}
	while (at < n) {
		ck_assert(n - at >= 1518 && !memcmp(in + at, "\0\0\5\352", 4));
		at += 1518;
		frames++;
	}
	ck_assert_uint_eq(frames, 3000 - netdev_stats(c->n)->out_dropped);
	netdev_close(c->n);
	close(fd);
	free(c);
	poll_set_free(ps);
}
END_TEST

/* A guest without room: the peer is made to wait, nothing is lost. */
START_TEST(full_card)
{
	struct poll_set *ps = poll_set_new();
	struct card *a = malloc(sizeof *a), *b = malloc(sizeof *b);
	char spec[40];
	int fd[2], i;

	ck_assert(!socketpair(AF_UNIX, SOCK_STREAM, 0, fd));
	snprintf(spec, sizeof spec, "socket,fd=%d", fd[0]);
	open_card(a, spec, NULL, ps);
	snprintf(spec, sizeof spec, "socket,fd=%d", fd[1]);
	open_card(b, spec, NULL, ps);
	b->full = true;
	for (i = 0; i < 300; i++) {
		send_one(a->n, 1000, (u32)i);
		poll_wait(ps, 0);
	}
	ck_assert_uint_eq(b->frames, 0);
	b->full = false;
	for (i = 0; i < 2000 && b->frames < 300; i++) {
		b->full = i & 1;
		if (!b->full)
			netdev_accept(b->n);
		poll_wait(ps, 10000);
	}
	ck_assert_uint_eq(b->frames, 300);
	ck_assert_uint_eq(netdev_stats(b->n)->in_dropped, 0);
	netdev_close(a->n);
	netdev_close(b->n);
	free(a);
	free(b);
	poll_set_free(ps);
}
END_TEST

/* A card that takes one frame at a time, and says within the call that it has room again. */
struct eager {
	struct netdev *n;
	u32 frames, depth, deepest;
	u64 sum;
};

static bool eager_receive(void *opaque, const struct net_frame *f)
{
	struct eager *c = opaque;

	c->depth++;
	c->deepest = MAX(c->deepest, c->depth);
	c->frames++;
	netdev_accept(c->n);
	c->sum = card_sum(c->sum, f->data, f->len);
	c->depth--;
	return true;
}

START_TEST(eager_card)
{
	static const struct net_client client = { 0, eager_receive };
	struct poll_set *ps = poll_set_new();
	struct card *a = malloc(sizeof *a);
	struct eager b = { 0 };
	char spec[40];
	int fd[2], i;
	u64 sum = 0;

	ck_assert(!socketpair(AF_UNIX, SOCK_STREAM, 0, fd));
	snprintf(spec, sizeof spec, "socket,fd=%d", fd[0]);
	open_card(a, spec, NULL, ps);
	snprintf(spec, sizeof spec, "socket,fd=%d", fd[1]);
	b.n = net_must(spec, NULL, ps);
	netdev_set_client(b.n, &client, &b);
	for (i = 0; i < 50; i++) {
		send_one(a->n, 500, (u32)i);
		sum = sum_one(sum, 500, (u32)i);
	}
	LOOP_UNTIL(ps, b.frames == 50);
	ck_assert_uint_eq(b.deepest, 1);
	ck_assert(b.sum == sum);
	netdev_close(a->n);
	netdev_close(b.n);
	free(a);
	poll_set_free(ps);
}
END_TEST

/* What a library with an event loop of its own needs of ours. */
struct hooked {
	struct poll_set *ps;
	struct poll_hook *h;
	int before, after, fd_calls, seen_at_after;
	i64 wish;
};

static i64 hook_before(void *opaque)
{
	struct hooked *k = opaque;

	k->before++;
	return k->wish;
}

static void hook_after(void *opaque)
{
	struct hooked *k = opaque;

	k->seen_at_after = k->fd_calls;
	if (++k->after == 3) {
		poll_hook_remove(k->ps, k->h);
		k->h = NULL;
	}
}

static void hook_fd(void *opaque, u32 events)
{
	((struct hooked *)opaque)->fd_calls++;
}

START_TEST(hooks)
{
	struct hooked k = { .ps = poll_set_new(), .wish = 1000000 };
	u64 start = host_now();
	int fd[2];

	ck_assert(!pipe(fd));
	k.h = poll_hook_add(k.ps, hook_before, hook_after, &k);
	ck_assert_int_eq(poll_wait(k.ps, 20000000000), 0); /* its wish counts */
	ck_assert(host_now() - start < 10000000000u);
	ck_assert(k.before == 1 && k.after == 1);
	k.wish = -1;
	ck_assert_int_eq((int)write(fd[1], "x", 1), 1);
	poll_add(k.ps, fd[0], POLL_READABLE, hook_fd, &k);
	poll_wait(k.ps, -1);
	ck_assert(k.before == 2 && k.after == 2 && k.seen_at_after == 1);
	poll_wait(k.ps, 0);
	ck_assert(k.after == 3 && !k.h);
	poll_wait(k.ps, 0);
	ck_assert(k.before == 3 && k.after == 3);
	poll_set_free(k.ps);
	close(fd[0]);
	close(fd[1]);
}
END_TEST

/* A server takes the next peer; a client with reconnect= finds a server that comes back. */
START_TEST(come_and_go)
{
	struct poll_set *ps = poll_set_new();
	struct card *a = malloc(sizeof *a), *b = malloc(sizeof *b);
	char path[100], srv[200], cli[200];
	int i;

	temp(path, sizeof path, "r");
	snprintf(srv, sizeof srv, "stream,server=on,addr.type=unix,addr.path=%s", path);
	snprintf(cli, sizeof cli, "stream,addr.type=unix,addr.path=%s,reconnect=1", path);
	open_card(b, cli, NULL, ps); /* nobody there yet: fine with reconnect */
	open_card(a, srv, NULL, ps);
	LOOP_UNTIL(ps, connected(a->n) && connected(b->n));
	exchange(ps, a, b, 2000);
	netdev_close(a->n);
	LOOP_UNTIL(ps, !connected(b->n));
	send_one(b->n, 60, 1); /* into the void */
	ck_assert_uint_eq(netdev_stats(b->n)->out_dropped, 1);
	open_card(a, srv, NULL, ps);
	LOOP_UNTIL(ps, connected(a->n) && connected(b->n));
	netdev_close(b->n);
	LOOP_UNTIL(ps, !connected(a->n));
	for (i = 0; i < 3; i++) {
		snprintf(cli, sizeof cli, "stream,addr.type=unix,addr.path=%s", path);
		open_card(b, cli, NULL, ps);
		LOOP_UNTIL(ps, connected(a->n) && connected(b->n));
		exchange(ps, a, b, 2000);
		netdev_close(b->n);
		LOOP_UNTIL(ps, !connected(a->n));
	}
	netdev_close(a->n);
	free(a);
	free(b);
	poll_set_free(ps);
}
END_TEST

START_TEST(hub)
{
	struct poll_set *ps = poll_set_new();
	struct net_hubs *hubs = net_hubs_new();
	struct card *c = calloc(4, sizeof *c);
	struct netdev *s0, *up;
	char spec[60];
	int i, fd[2];

	for (i = 0; i < 3; i++) {
		snprintf(spec, sizeof spec, "hubport,id=p%d,hubid=0", i);
		open_card(&c[i], spec, hubs, ps);
	}
	send_one(c[1].n, 100, 1);
	ck_assert(c[0].frames == 1 && c[1].frames == 0 && c[2].frames == 1);
	/* A network on the hub. */
	ck_assert(!socketpair(AF_UNIX, SOCK_STREAM, 0, fd));
	snprintf(spec, sizeof spec, "socket,id=s0,fd=%d", fd[0]);
	s0 = net_must(spec, hubs, ps);
	up = net_must("hubport,id=up,hubid=0,netdev=s0", hubs, ps);
	snprintf(spec, sizeof spec, "socket,fd=%d", fd[1]);
	open_card(&c[3], spec, hubs, ps);
	exchange(ps, &c[0], &c[3], 2000);
	ck_assert(c[2].frames == 81);
	net_refused("hubport,id=p9,hubid=0,netdev=nope", hubs, ps, "there is no network 'nope'", "before it");
	net_refused("hubport,id=p9,hubid=1,netdev=s0", hubs, ps, "'s0' has a card", "free");
	net_refused("hubport,id=p9,hubid=1,netdev=p1", hubs, ps, "'p1' is a hub's port itself", "");
	net_refused("hubport,id=p1,hubid=0", hubs, ps, "there is a network 'p1' already", "another id");
	net_refused("hubport,id=p9", hubs, ps, "hubid= is missing", "");
	/* The network may go before its port. */
	for (i = 0; i < 3; i++)
		netdev_close(c[i].n);
	netdev_close(c[3].n);
	netdev_close(s0);
	netdev_close(up);
	net_hubs_free(hubs);
	free(c);
	poll_set_free(ps);
}
END_TEST

START_TEST(sentences)
{
	struct poll_set *ps = poll_set_new();
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof sa;
	char spec[200], path[100];
	u16 closed;
	FILE *f;

	ck_assert(!bind(fd, (struct sockaddr *)&sa, sizeof sa) && !listen(fd, 1) &&
		  !getsockname(fd, (struct sockaddr *)&sa, &len));
	net_refused("usr,id=n0", NULL, ps, "'usr' is no type of network", "did you mean user?");
	net_refused("vde", NULL, ps, "'vde' is no type of network", "user, tap, socket");
	net_refused("socket,lisen=:1", NULL, ps, "'lisen' is no property", "did you mean listen?");
	net_refused("socket", NULL, ps, "exactly one of listen=", "");
	net_refused("socket,listen=:1234,connect=:1", NULL, ps, "exactly one of", "");
	net_refused("socket,listen=:1234,listen=:1", NULL, ps, "listen is given twice", "");
	net_refused("socket,listen", NULL, ps, "listen needs a value", "");
	net_refused("socket,listen=:1234,", NULL, ps, "missing", "comma");
	net_refused("socket,listen=1234", NULL, ps, "'1234' is no host and port", "127.0.0.1:1234");
	net_refused("socket,listen=:70000", NULL, ps, "'70000' is no port", "65535");
	net_refused("socket,connect=:0", NULL, ps, "'0' is no port", "from 1 ");
	net_refused("socket,listen=203.0.113.9:1", NULL, ps, "no address of this machine", "");
	net_refused("socket,udp=127.0.0.1:1", NULL, ps, "localaddr=HOST:PORT is missing", "");
	net_refused("socket,mcast=127.0.0.1:1", NULL, ps, "no multicast group", "239.");
	net_refused("socket,fd=1", NULL, ps, "fd=1", "from 3 on");
	net_refused("socket,fd=999", NULL, ps, "fd=999", "no such descriptor");
	net_refused("socket,id=0x", NULL, ps, "id=0x", "a letter");
	snprintf(spec, sizeof spec, "socket,listen=127.0.0.1:%u", ntohs(sa.sin_port));
	net_refused(spec, NULL, ps, "is taken", "choose another");
	closed = free_udp();
	snprintf(spec, sizeof spec, "socket,connect=127.0.0.1:%u", closed);
	net_refused(spec, NULL, ps, "nobody answers", "start the other side first");
	net_refused("stream,server=on", NULL, ps, "addr.type is missing", "addr.type=inet");
	net_refused("stream,addr.type=unix", NULL, ps, "a path is missing", "");
	net_refused("stream,addr.type=inet,addr.host=127.0.0.1", NULL, ps, "a port is missing", "");
	net_refused("stream,addr.type=vsock", NULL, ps, "addr.type=vsock", "inet, unix or fd");
	net_refused("stream,addr.type=inet,addr.path=/x", NULL, ps, "addr.path goes with addr.type=unix", "");
	net_refused("stream,addr.type=unix,addr.path=/nonexistent/x", NULL, ps, "nobody answers", "");
	net_refused("stream,server=on,addr.type=unix,addr.path=/nonexistent/x", NULL, ps, "cannot use",
		    "/nonexistent/x");
	net_refused("stream,server=on,reconnect=1,addr.type=unix,addr.path=/x", NULL, ps, "reconnect= is for clients",
		    "");
	net_refused("stream,server=perhaps,addr.type=unix,addr.path=/x", NULL, ps, "server=perhaps", "on or off");
	net_refused("dgram", NULL, ps, "local.type is missing", "");
	net_refused("dgram,local.type=unix,local.path=/tmp/x,remote.type=inet,remote.host=127.0.0.1,remote.port=9",
		    NULL, ps, "different families", "");
	temp(path, sizeof path, "plain");
	f = fopen(path, "w");
	fclose(f);
	snprintf(spec, sizeof spec, "stream,server=on,addr.type=unix,addr.path=%s", path);
	net_refused(spec, NULL, ps, "no socket is there already", "");
	unlink(path);
	close(fd);
	poll_set_free(ps);
}
END_TEST

/* What needs rights or hardware is refused with a sentence, or works. */
START_TEST(tap)
{
	struct poll_set *ps = poll_set_new();
	struct error e = { "" };
	struct netdev *n = netdev_open("tap,id=t0", NULL, ps, &e);
	int fd[2] UNUSED;
	char spec[60] UNUSED;

	if (n)
		netdev_close(n);
	else
		ck_assert_msg(strstr(e.text, "tap") && (strstr(e.text, "permission") ||
							strstr(e.text, "/dev/net/tun") || strstr(e.text, "Linux")),
			      "%s", e.text);
#if defined(__linux__) && __has_include(<linux/if_tun.h>)
	net_refused("tap,ifname=averyveryverylongname", NULL, ps, "ifname=averyvery", "15 letters");
	net_refused("tap,vhost=on", NULL, ps, "vhost=on", "leave it out");
	net_refused("tap,queues=4", NULL, ps, "queues=4", "one queue");
	net_refused("tap,fd=3,ifname=x", NULL, ps, "fd= is an interface already made", "");
	ck_assert(!socketpair(AF_UNIX, SOCK_STREAM, 0, fd));
	snprintf(spec, sizeof spec, "tap,fd=%d", fd[0]);
	net_refused(spec, NULL, ps, "is no tap interface", "");
	close(fd[1]);
#endif
	poll_set_free(ps);
}
END_TEST

static u64 fake_time(void *opaque)
{
	u64 *t = opaque;

	*t += 1500000;
	return *t;
}

START_TEST(dump)
{
	struct poll_set *ps = poll_set_new();
	struct card *a = malloc(sizeof *a), *b = malloc(sizeof *b);
	struct net_hubs *hubs = net_hubs_new();
	struct error e = { "" };
	u64 t = 5000000000u;
	char path[100];
	u8 in[1000];
	size_t n;
	FILE *f;

	temp(path, sizeof path, "pcap");
	open_card(a, "hubport,id=a,hubid=0", hubs, ps);
	open_card(b, "hubport,id=b,hubid=0", hubs, ps);
	ck_assert_int_eq(netdev_dump(a->n, "/nonexistent/x.pcap", 100, fake_time, &t, &e), -ENOENT);
	ck_assert_msg(strstr(e.text, "/nonexistent/x.pcap") && strstr(e.text, "directory"), "%s", e.text);
	ck_assert_int_eq(netdev_dump(a->n, path, 40, fake_time, &t, &e), 0);
	send_one(a->n, 60, 1);
	send_one(b->n, 20, 2);
	netdev_close(a->n);
	netdev_close(b->n);
	f = fopen(path, "rb");
	n = fread(in, 1, sizeof in, f);
	fclose(f);
	unlink(path);
	ck_assert_uint_eq(n, 24 + 16 + 40 + 16 + 20);
	ck_assert(ld32(in) == 0xa1b2c3d4 && ld16(in + 4) == 2 && ld16(in + 6) == 4 && ld32(in + 16) == 40 &&
		  ld32(in + 20) == 1);
	ck_assert(ld32(in + 24) == 5 && ld32(in + 28) == 1500 && ld32(in + 32) == 40 && ld32(in + 36) == 60);
	ck_assert(ld32(in + 80) == 5 && ld32(in + 84) == 3000 && ld32(in + 88) == 20 && ld32(in + 92) == 20);
	ck_assert(in[40] == 1 && in[96] == 2);
	net_hubs_free(hubs);
	free(a);
	free(b);
	poll_set_free(ps);
}
END_TEST

START_TEST(addresses)
{
	u8 mac[6], other[6];

	ck_assert(net_mac_parse("52:54:00:12:34:56", mac) && !memcmp(mac, "\x52\x54\x00\x12\x34\x56", 6));
	ck_assert(net_mac_parse("aA-Bb-cC-00-fF-10", mac) && mac[0] == 0xaa && mac[4] == 0xff);
	ck_assert(!net_mac_parse("53:54:00:12:34:56", mac)); /* a multicast address */
	ck_assert(!net_mac_parse("52:54:00:12:34", mac));
	ck_assert(!net_mac_parse("52:54:00:12:34:56:78", mac));
	ck_assert(!net_mac_parse("52:54:00:12:34:5", mac));
	ck_assert(!net_mac_parse("5:54:00:12:34:56", mac));
	ck_assert(!net_mac_parse("00:00:00:00:00:00", mac));
	ck_assert(!net_mac_parse("", mac));
	net_mac_for("guest", 0, mac);
	net_mac_for("guest", 0, other);
	ck_assert(!memcmp(mac, other, 6) && !memcmp(mac, "\x00\x16\x3e", 3));
	net_mac_for("guest", 1, other);
	ck_assert(memcmp(mac, other, 6) != 0);
	net_mac_for("guesu", 0, other);
	ck_assert(memcmp(mac, other, 6) != 0);
	/* For ever: what depends on it lies in guests' configuration. */
	net_mac_for("demo", 0, mac);
	ck_assert_msg(mac[3] == 0x07 && mac[4] == 0x1b && mac[5] == 0x6b, "%02x %02x %02x", mac[3], mac[4], mac[5]);
}
END_TEST

Suite *net_socket_suite(void)
{
	Suite *s = suite_create("net_socket");
	TCase *t = tcase_create("networks");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, stream_pairs);
	tcase_add_test(t, stream_pair_unix);
	tcase_add_test(t, fd_pairs);
	tcase_add_test(t, fd_pair_dgram);
	tcase_add_test(t, dgram_pairs);
	tcase_add_test(t, dgram_pair_unix);
	tcase_add_test(t, multicast);
	tcase_add_test(t, framing);
	tcase_add_test(t, nonsense_told_once);
	tcase_add_test(t, dropping_peers);
	tcase_add_test(t, no_descriptors);
	tcase_add_test(t, stalled_peer);
	tcase_add_test(t, full_card);
	tcase_add_test(t, eager_card);
	tcase_add_test(t, hooks);
	tcase_add_test(t, come_and_go);
	tcase_add_test(t, hub);
	tcase_add_test(t, sentences);
	tcase_add_test(t, tap);
	tcase_add_test(t, dump);
	tcase_add_test(t, addresses);
	suite_add_tcase(s, t);
	return s;
}
