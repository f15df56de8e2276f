/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hw/host/net_user: a guest of a hundred lines behind NAT. It asks for an address, connects out and is connected to.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hw/host/net/offload.h"
#include "hw/host/net/user.h"
#include "tests/suites.h"
#include "tests/unit/memory.h"
#include "tests/unit/net_env.h"

#if HAVE_SLIRP
#define ME 0x0a00020fu   /* 10.0.2.15 */
#define HOST 0x0a000202u /* 10.0.2.2 */

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

/* A guest with one TCP connection. */
struct mini {
	struct netdev *n;
	u8 mac[6], peer_mac[6];
	bool have_peer;
	u32 arp_replies;
	u8 dhcp[600];
	u32 dhcp_len;
	/* TCP */
	u16 port, peer_port;
	u32 peer, snd, acked, rcv;
	bool established, closed, reset, listening;
	u8 got[200000];
	u32 got_len, biggest;
	u32 bad_sums;
};

static void p16(u8 *p, u32 v)
{
	p[0] = (u8)(v >> 8);
	p[1] = (u8)v;
}

static void p32(u8 *p, u32 v)
{
	p16(p, v >> 16);
	p16(p + 2, v & 0xffff);
}

static u32 g16(const u8 *p)
{
	return (u32)p[0] << 8 | p[1];
}

static u32 g32(const u8 *p)
{
	return g16(p) << 16 | g16(p + 2);
}

static void ip_sum(u8 *ip)
{
	u32 sum = 0, i;

	p16(ip + 10, 0);
	for (i = 0; i < 20; i += 2)
		sum += g16(ip + i);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	p16(ip + 10, ~sum & 0xffff);
}

static void ip_frame(struct mini *m, u8 *f, u8 proto, u32 src, u32 dst, u32 len)
{
	memcpy(f, m->have_peer && dst != 0xffffffff ? m->peer_mac : (const u8 *)"\xff\xff\xff\xff\xff\xff", 6);
	memcpy(f + 6, m->mac, 6);
	p16(f + 12, 0x0800);
	memset(f + 14, 0, 20);
	f[14] = 0x45;
	p16(f + 16, 20 + len);
	f[22] = 64;
	f[23] = proto;
	p32(f + 26, src);
	p32(f + 30, dst);
	ip_sum(f + 14);
}

static void tcp_out(struct mini *m, u32 flags, const void *data, u32 n, u32 gso)
{
	u8 *f = calloc(1, 14 + 20 + 24 + n), *t = f + 34;
	u32 header = flags & SYN ? 24 : 20;
	struct net_frame out = { .data = f, .len = 34 + header + n, .csum_blank = true };

	p16(t, m->port);
	p16(t + 2, m->peer_port);
	p32(t + 4, m->snd);
	p32(t + 8, m->rcv);
	t[12] = (u8)(header / 4 << 4);
	t[13] = (u8)flags;
	p16(t + 14, 65535);
	if (flags & SYN) {
		t[20] = 2; /* MSS */
		t[21] = 4;
		p16(t + 22, 1460);
	}
	if (n)
		memcpy(t + header, data, n);
	ip_frame(m, f, 6, ME, m->peer, header + n);
	if (gso) {
		out.gso = NET_GSO_TCP4;
		out.gso_size = (u16)gso;
	}
	m->snd += n + !!(flags & (SYN | FIN));
	netdev_send(m->n, &out);
	free(f);
}

static void tcp_in(struct mini *m, const u8 *ip, const u8 *t, u32 len)
{
	u32 flags = t[13], header = (t[12] >> 4) * 4u, seq = g32(t + 4), n = len - header;

	if (m->listening && flags & SYN && !(flags & ACK)) {
		m->peer = g32(ip + 12);
		m->peer_port = (u16)g16(t);
		m->rcv = seq + 1;
		m->listening = false;
		tcp_out(m, SYN | ACK, NULL, 0, 0);
		return;
	}
	if (g16(t) != m->peer_port)
		return;
	if (flags & RST) {
		m->reset = true;
		return;
	}
	if (flags & ACK)
		m->acked = g32(t + 8);
	if (flags & SYN) {
		m->rcv = seq + 1;
		m->established = true;
		tcp_out(m, ACK, NULL, 0, 0);
		return;
	}
	if (flags & ACK && m->acked == m->snd)
		m->established = true;
	if (seq != m->rcv || m->got_len + n > sizeof m->got)
		return;
	memcpy(m->got + m->got_len, t + header, n);
	m->got_len += n;
	m->rcv += n + !!(flags & FIN);
	m->biggest = MAX(m->biggest, n);
	if (flags & FIN)
		m->closed = true;
	if (n || flags & FIN)
		tcp_out(m, ACK, NULL, 0, 0);
}

static void arp_in(struct mini *m, const u8 *f)
{
	u8 r[60] = { 0 };
	struct net_frame out = { .data = r, .len = 60 };

	if (g16(f + 20) == 2 && g32(f + 28) == HOST) {
		memcpy(m->peer_mac, f + 22, 6);
		m->have_peer = true;
		m->arp_replies++;
	}
	if (g16(f + 20) != 1 || g32(f + 38) != ME)
		return;
	memcpy(r, f + 6, 6);
	memcpy(r + 6, m->mac, 6);
	memcpy(r + 12, f + 12, 8);
	p16(r + 20, 2);
	memcpy(r + 22, m->mac, 6);
	p32(r + 28, ME);
	memcpy(r + 32, f + 22, 10);
	netdev_send(m->n, &out);
}

static bool mini_receive(void *opaque, const struct net_frame *fr)
{
	struct mini *m = opaque;
	const u8 *f = fr->data;
	u8 copy[NET_FRAME_MAX];

	if (g16(f + 12) == 0x0806) {
		arp_in(m, f);
	} else if (g16(f + 12) == 0x0800 && f[23] == 6 && g32(f + 30) == ME) {
		memcpy(copy, f, fr->len);
		if (!fr->csum_blank && (!net_checksum(copy, fr->len) || memcmp(copy, f, fr->len)))
			m->bad_sums++;
		memcpy(m->peer_mac, f + 6, 6);
		m->have_peer = true;
		tcp_in(m, f + 14, f + 34, g16(f + 16) - 20);
	} else if (g16(f + 12) == 0x0800 && f[23] == 17 && g16(f + 36) == 68) {
		m->dhcp_len = MIN(g16(f + 38) - 8, (u32)sizeof m->dhcp);
		memcpy(m->dhcp, f + 42, m->dhcp_len);
	}
	return true;
}

static const struct net_client mini_client = { 0, mini_receive };
static const struct net_client mini_tso = { NET_CAN_CSUM | NET_CAN_TSO4, mini_receive };

static struct mini *mini_new(const char *spec, struct poll_set *ps)
{
	struct mini *m = calloc(1, sizeof *m);

	memcpy(m->mac, "\x52\x54\x00\x01\x02\x03", 6);
	m->n = net_must(spec, NULL, ps);
	m->snd = 1000;
	netdev_set_client(m->n, &mini_client, m);
	return m;
}

static void mini_free(struct mini *m)
{
	ck_assert_uint_eq(m->bad_sums, 0);
	netdev_close(m->n);
	free(m);
}

static void send_arp(struct mini *m)
{
	u8 r[60] = { 0 };
	struct net_frame out = { .data = r, .len = 60 };

	memset(r, 0xff, 6);
	memcpy(r + 6, m->mac, 6);
	memcpy(r + 12, "\x08\x06\x00\x01\x08\x00\x06\x04\x00\x01", 10);
	memcpy(r + 22, m->mac, 6);
	p32(r + 28, ME);
	p32(r + 38, HOST);
	netdev_send(m->n, &out);
}

/* A DHCP message of a type; with want it asks for that address. */
static void send_dhcp(struct mini *m, u8 type, u32 want)
{
	u8 f[14 + 20 + 8 + 300] = { 0 }, *b = f + 42, *o = b + 240;
	struct net_frame out = { .data = f, .len = sizeof f };

	b[0] = 1;
	b[1] = 1;
	b[2] = 6;
	p32(b + 4, 0x12345678);
	memcpy(b + 28, m->mac, 6);
	p32(b + 236, 0x63825363);
	*o++ = 53;
	*o++ = 1;
	*o++ = type;
	if (want) {
		*o++ = 50;
		*o++ = 4;
		p32(o, want);
		o += 4;
	}
	*o = 255;
	p16(f + 34, 68);
	p16(f + 36, 67);
	p16(f + 38, 308);
	ip_frame(m, f, 17, 0, 0xffffffff, 308);
	ck_assert(net_checksum(f, sizeof f));
	m->dhcp_len = 0;
	netdev_send(m->n, &out);
}

/* The option's value in the answer, or NULL. */
static const u8 *dhcp_option(const struct mini *m, u8 code, u32 *len)
{
	u32 i = 240;

	while (i + 2 <= m->dhcp_len && m->dhcp[i] != 255) {
		if (!m->dhcp[i]) {
			i++;
			continue;
		}
		if (m->dhcp[i] == code) {
			*len = m->dhcp[i + 1];
			return m->dhcp + i + 2;
		}
		i += 2u + m->dhcp[i + 1];
	}
	return NULL;
}

START_TEST(dhcp)
{
	struct poll_set *ps = poll_set_new();
	struct mini *m = mini_new(
		"user,id=n0,hostname=box,domainname=example.org,dnssearch=a.example,dnssearch=b.example,"
		"bootfile=pxe.bin",
		ps);
	const u8 *o;
	u32 len;

	send_dhcp(m, 1, 0);
	LOOP_UNTIL(ps, m->dhcp_len);
	ck_assert_uint_eq(g32(m->dhcp + 16), ME);
	o = dhcp_option(m, 53, &len);
	ck_assert(o && *o == 2);
	send_dhcp(m, 3, ME);
	LOOP_UNTIL(ps, m->dhcp_len);
	o = dhcp_option(m, 53, &len);
	ck_assert(o && *o == 5);
	o = dhcp_option(m, 3, &len);
	ck_assert(o && g32(o) == HOST);
	o = dhcp_option(m, 6, &len);
	ck_assert(o && g32(o) == HOST + 1);
	o = dhcp_option(m, 12, &len);
	ck_assert(o && len == 3 && !memcmp(o, "box", 3));
	o = dhcp_option(m, 15, &len);
	ck_assert(o && len == 11 && !memcmp(o, "example.org", 11));
	ck_assert(dhcp_option(m, 119, &len) != NULL);
	ck_assert_str_eq((const char *)m->dhcp + 108, "pxe.bin");
	mini_free(m);
	m = mini_new("user,net=192.168.76.0/24,dhcpstart=192.168.76.99,host=192.168.76.1,dns=192.168.76.53", ps);
	send_dhcp(m, 1, 0);
	LOOP_UNTIL(ps, m->dhcp_len);
	ck_assert_uint_eq(g32(m->dhcp + 16), 0xc0a84c63);
	o = dhcp_option(m, 6, &len);
	ck_assert(o && g32(o) == 0xc0a84c35);
	mini_free(m);
	poll_set_free(ps);
}
END_TEST

static int listen_any(u16 *port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof sa;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert(fd >= 0 && !bind(fd, (struct sockaddr *)&sa, sizeof sa) && !listen(fd, 4));
	ck_assert(!getsockname(fd, (struct sockaddr *)&sa, &len));
	fcntl(fd, F_SETFL, O_NONBLOCK);
	*port = ntohs(sa.sin_port);
	return fd;
}

/* The guest connects from its port to a peer's. */
static void dial(struct poll_set *ps, struct mini *m, u32 peer, u16 port, u16 peer_port)
{
	m->peer = peer;
	m->port = port;
	m->peer_port = peer_port;
	tcp_out(m, SYN, NULL, 0, 0);
	LOOP_UNTIL(ps, m->established);
}

/* The host's end of that. */
static int accepted(struct poll_set *ps, int srv)
{
	int fd = -1;

	LOOP_UNTIL(ps, (fd = fd < 0 ? accept(srv, NULL, NULL) : fd) >= 0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

/* Out through NAT to a server of the host: both ways, with small frames and with trains. */
static void connect_out(const struct net_client *client, u32 piece, u32 gso)
{
	struct poll_set *ps = poll_set_new();
	struct mini *m = mini_new("user", ps);
	enum { TOTAL = 150000 };
	u8 *data = malloc(TOTAL), *echo = malloc(TOTAL);
	u32 sent = 0, read_n = 0, wrote = 0, i;
	u16 port;
	int srv = listen_any(&port), fd;

	netdev_set_client(m->n, client, m);
	for (i = 0; i < TOTAL; i++)
		data[i] = (u8)(i * 7 + i / 251);
	send_arp(m);
	LOOP_UNTIL(ps, m->arp_replies);
	dial(ps, m, HOST, 40000, port);
	fd = accepted(ps, srv);
	for (i = 0; i < 20000 && (read_n < TOTAL || m->got_len < TOTAL); i++) {
		ssize_t n;

		if (m->acked == m->snd && sent < TOTAL) {
			u32 k = MIN(piece, TOTAL - sent);

			tcp_out(m, ACK | PSH, data + sent, k, gso);
			sent += k;
		}
		n = read(fd, echo + read_n, TOTAL - read_n);
		read_n += n > 0 ? (u32)n : 0;
		n = wrote < read_n ? write(fd, echo + wrote, read_n - wrote) : 0;
		wrote += n > 0 ? (u32)n : 0;
		poll_wait(ps, 1000000);
	}
	ck_assert_uint_eq(read_n, TOTAL);
	ck_assert(!memcmp(echo, data, TOTAL));
	ck_assert_uint_eq(m->got_len, TOTAL);
	ck_assert(!memcmp(m->got, data, TOTAL));
	ck_assert(client->can & NET_CAN_TSO4 || m->biggest <= 1460);
	close(fd);
	LOOP_UNTIL(ps, m->closed);
	close(srv);
	free(data);
	free(echo);
	mini_free(m);
	poll_set_free(ps);
}

START_TEST(out_small)
{
	connect_out(&mini_client, 1460, 0);
}
END_TEST

START_TEST(out_trains)
{
	connect_out(&mini_tso, 40000, 1460);
}
END_TEST

static u16 free_port(void)
{
	u16 port;

	close(listen_any(&port));
	return port;
}

static int connect_host(u16 port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (connect(fd, (struct sockaddr *)&sa, sizeof sa)) {
		close(fd);
		return -1;
	}
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

/* Somebody of the host's comes to a port that leads to the guest's 22, and both say a word. His descriptor. */
static int talk_in(struct poll_set *ps, struct mini *m, u16 port)
{
	char in[10] = "";
	int fd, n = 0;

	m->listening = true;
	m->port = 22;
	send_arp(m);
	fd = connect_host(port);
	ck_assert_int_ge(fd, 0);
	LOOP_UNTIL(ps, m->established);
	ck_assert_int_eq((int)write(fd, "hello", 5), 5);
	LOOP_UNTIL(ps, m->got_len == 5);
	ck_assert(!memcmp(m->got, "hello", 5));
	tcp_out(m, ACK | PSH, "world", 5, 0);
	LOOP_UNTIL(ps, (n = n > 0 ? n : (int)read(fd, in, sizeof in)) == 5);
	ck_assert_str_eq(in, "world");
	return fd;
}

START_TEST(hostfwd)
{
	struct poll_set *ps = poll_set_new();
	u16 port = free_port(), port2, taken;
	int srv = listen_any(&taken), fd;
	char spec[100], rule[60], text[2000];
	struct error e = { "" };
	struct mini *m;

	snprintf(spec, sizeof spec, "user,id=n0,hostfwd=tcp:127.0.0.1:%u-:22", port);
	m = mini_new(spec, ps);
	fd = talk_in(ps, m, port);
	netdev_describe(m->n, text, sizeof text);
	ck_assert_msg(strstr(text, "n0: type=user,net=10.0.2.0/255.255.255.0") && strstr(text, "-:22") &&
			      strstr(text, "HOST_FORWARD"),
		      "%s", text);
	close(fd);
	/* While it runs: one more, and none. */
	port2 = free_port();
	snprintf(rule, sizeof rule, "tcp::%u-10.0.2.15:80", port2);
	ck_assert_int_eq(netdev_hostfwd_add(m->n, rule, &e), 0);
	fd = connect_host(port2);
	ck_assert_int_ge(fd, 0);
	close(fd);
	snprintf(rule, sizeof rule, "tcp::%u", port2);
	ck_assert_int_eq(netdev_hostfwd_remove(m->n, rule, &e), 0);
	ck_assert_int_lt(connect_host(port2), 0);
	ck_assert_int_eq(netdev_hostfwd_remove(m->n, rule, &e), -ENOENT);
	ck_assert_msg(strstr(e.text, "no such port"), "%s", e.text);
	snprintf(rule, sizeof rule, "tcp:127.0.0.1:%u-:80", taken);
	ck_assert_int_lt(netdev_hostfwd_add(m->n, rule, &e), 0);
	ck_assert_msg(strstr(e.text, "is taken"), "%s", e.text);
	close(srv);
	mini_free(m);
	poll_set_free(ps);
}
END_TEST

START_TEST(guest_to_command)
{
	struct poll_set *ps = poll_set_new();
	struct mini *m = mini_new("user,guestfwd=tcp:10.0.2.100:1234-cmd:cat", ps);

	send_arp(m);
	LOOP_UNTIL(ps, m->have_peer);
	dial(ps, m, 0x0a000264, 40001, 1234);
	tcp_out(m, ACK | PSH, "meow", 4, 0);
	LOOP_UNTIL(ps, m->got_len == 4);
	ck_assert(!memcmp(m->got, "meow", 4));
	mini_free(m);
	poll_set_free(ps);
}
END_TEST

/* Nothing leaves a restricted network; what the host serves there still answers. */
START_TEST(restricted)
{
	struct poll_set *ps = poll_set_new();
	struct mini *m = mini_new("user,restrict=on", ps);
	u16 port;
	int srv = listen_any(&port), i;

	send_arp(m);
	LOOP_UNTIL(ps, m->have_peer);
	m->peer = HOST;
	m->port = 40002;
	m->peer_port = port;
	tcp_out(m, SYN, NULL, 0, 0);
	for (i = 0; i < 50; i++)
		poll_wait(ps, 1000000);
	ck_assert(!m->established);
	ck_assert_int_lt(accept(srv, NULL, NULL), 0);
	send_dhcp(m, 1, 0);
	LOOP_UNTIL(ps, m->dhcp_len);
	close(srv);
	mini_free(m);
	poll_set_free(ps);
}
END_TEST

static void udp_out(struct mini *m, u16 port, u32 dst, u16 peer_port, const void *data, u32 n)
{
	u8 *f = calloc(1, 42 + n);
	struct net_frame out = { .data = f, .len = 42 + n };

	p16(f + 34, port);
	p16(f + 36, peer_port);
	p16(f + 38, 8 + n);
	memcpy(f + 42, data, n);
	ip_frame(m, f, 17, ME, dst, 8 + n);
	ck_assert(net_checksum(f, 42 + n));
	netdev_send(m->n, &out);
	free(f);
}

static int bind_udp(u16 *port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof sa;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	ck_assert(fd >= 0 && !bind(fd, (struct sockaddr *)&sa, sizeof sa) && !getsockname(fd, (struct sockaddr *)&sa, &len));
	fcntl(fd, F_SETFL, O_NONBLOCK);
	*port = ntohs(sa.sin_port);
	return fd;
}

/* Whether a server of the host's loopback hears the guest by TCP (1) and by UDP (2). */
static u32 reaches(const char *spec, u32 dst)
{
	struct poll_set *ps = poll_set_new();
	struct mini *m = mini_new(spec, ps);
	u16 tcp_port, udp_port;
	int srv = listen_any(&tcp_port), udp = bind_udp(&udp_port), i, fd;
	u32 heard = 0;
	char b[8];

	send_arp(m);
	LOOP_UNTIL(ps, m->have_peer);
	m->peer = dst;
	m->port = 40003;
	m->peer_port = tcp_port;
	tcp_out(m, SYN, NULL, 0, 0);
	udp_out(m, 40004, dst, udp_port, "hear", 4);
	for (i = 0; i < 50 && heard != 3; i++) {
		poll_wait(ps, 2000000);
		fd = accept(srv, NULL, NULL);
		heard |= fd >= 0 ? 1 : 0;
		close(fd);
		heard |= recv(udp, b, sizeof b, 0) == 4 ? 2 : 0;
	}
	close(srv);
	close(udp);
	mini_free(m);
	poll_set_free(ps);
	return heard;
}

START_TEST(host_loopback)
{
	u32 i;
	static const u32 ways[] = { HOST, 0x7f000001, 0 };

	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		ck_assert_uint_eq(reaches("user", ways[i]), 3);
		ck_assert_uint_eq(reaches("user,host-loopback=on", ways[i]), 3);
		ck_assert_uint_eq(reaches("user,host-loopback=off", ways[i]), 0);
		ck_assert_uint_eq(reaches("user,restrict=on", ways[i]), 0);
	}
}
END_TEST

/* Who comes to a forwarded port is let in all the same. */
START_TEST(hostfwd_alone)
{
	static const char *const words[] = { "restrict=on", "host-loopback=off", "restrict=on,host-loopback=off" };
	char spec[120];
	u32 i;

	for (i = 0; i < ARRAY_SIZE(words); i++) {
		struct poll_set *ps = poll_set_new();
		u16 port = free_port();
		struct mini *m;

		snprintf(spec, sizeof spec, "user,%s,hostfwd=tcp:127.0.0.1:%u-:22", words[i], port);
		m = mini_new(spec, ps);
		close(talk_in(ps, m, port));
		mini_free(m);
		poll_set_free(ps);
	}
}
END_TEST

/* The number that the next descriptor has. */
static int next_fd(void)
{
	int fd = dup(0);

	ck_assert_int_ge(fd, 0);
	close(fd);
	return fd;
}

static void allow_files(rlim_t n)
{
	struct rlimit r;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &r), 0);
	r.rlim_cur = MIN(n, r.rlim_max);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &r), 0);
}

static void syns(struct mini *m, u32 peer, u16 peer_port, u32 n)
{
	u32 i;

	m->peer = peer;
	m->peer_port = peer_port;
	for (i = 0; i < n; i++) {
		m->port = (u16)(1000 + i);
		tcp_out(m, SYN, NULL, 0, 0);
	}
}

static void pings(struct mini *m, u32 dst, u32 n)
{
	u8 f[14 + 20 + 8] = { 0 };
	struct net_frame out = { .data = f, .len = sizeof f };
	u32 i;

	for (i = 0; i < n; i++) {
		f[34] = 8;
		p16(f + 38, i);
		p16(f + 36, ~(0x0800 + i) & 0xffff);
		ip_frame(m, f, 1, ME, dst, 8);
		netdev_send(m->n, &out);
	}
}

/* Any number of connections, ports and pings: what the guest may have open has a bound, and others find descriptors. */
START_TEST(greedy)
{
	struct poll_set *ps = poll_set_new();
	struct mini *m;
	u16 port, udp_port;
	int srv = listen_any(&port), udp = bind_udp(&udp_port), before, i;
	u32 heard = 0, limit;
	char b[8];

	for (limit = 100; limit <= 3000; limit += 2900) {
		allow_files(limit);
		m = mini_new("user", ps);
		send_arp(m);
		LOOP_UNTIL(ps, m->have_peer);
		before = next_fd();
		for (i = 0; i < 1200; i++)
			udp_out(m, (u16)(20000 + i), HOST, udp_port, "hear", 4);
		ck_assert_int_gt(next_fd(), before + 20);
		ck_assert_int_le(next_fd(), MIN(before + 256, (int)limit / 4 * 3) + 8);
		while (recv(udp, b, sizeof b, 0) == 4)
			;
		/* A port that has a socket keeps it. */
		udp_out(m, 20000, HOST, udp_port, "more", 4);
		for (i = 0; i < 100 && !heard; i++) {
			poll_wait(ps, 1000000);
			heard = recv(udp, b, sizeof b, 0) == 4;
		}
		ck_assert_uint_eq(heard, 1);
		heard = 0;
		/* Ports do not take the places of connections, nor those all there is. */
		syns(m, HOST, port, 1200);
		if (limit > 1000)
			ck_assert_int_gt(next_fd(), before + 256 + 300);
		pings(m, 0x7f000001, 1200);
		for (i = 0; i < 20; i++)
			poll_wait(ps, 1000000);
		ck_assert_int_le(next_fd(), MIN(1024, (int)limit) / 4 * 3);
		ck_assert_uint_gt(netdev_stats(m->n)->out_dropped, 1000);
		mini_free(m);
		ck_assert_int_le(next_fd(), before);
	}
	close(srv);
	close(udp);
	poll_set_free(ps);
}
END_TEST

/* Many who come to a forwarded port wait outside, and the loop does not spin meanwhile. */
START_TEST(crowd)
{
	struct poll_set *ps = poll_set_new();
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd[200], i, used;
	u32 turns = 0, most = 0;
	u16 port = free_port();
	struct mini *m;
	char spec[80];
	u64 end;

	allow_files(400);
	snprintf(spec, sizeof spec, "user,hostfwd=tcp:127.0.0.1:%u-:22", port);
	m = mini_new(spec, ps);
	send_arp(m);
	LOOP_UNTIL(ps, m->have_peer);
	sa.sin_port = htons(port);
	for (i = 0; i < 200; i++) {
		fd[i] = socket(AF_INET, SOCK_STREAM, 0);
		fcntl(fd[i], F_SETFL, O_NONBLOCK);
	}
	used = next_fd();
	for (i = 0; i < 200; i++) {
		ck_assert(!connect(fd[i], (struct sockaddr *)&sa, sizeof sa) || errno == EINPROGRESS);
		poll_wait(ps, 1000000);
		most = MAX(most, (u32)next_fd());
	}
	/* Those whom a short queue has put off come again after one second and after three. */
	for (end = host_now() + 4000000000u; host_now() < end;) {
		poll_wait(ps, 1000000000);
		most = MAX(most, (u32)next_fd());
		turns++;
	}
	ck_assert_uint_gt(most, (u32)used + 20);
	ck_assert_uint_le(most, 300);
	ck_assert_uint_lt(turns, 2000);
	for (i = 0; i < 200; i++)
		close(fd[i]);
	mini_free(m);
	poll_set_free(ps);
}
END_TEST

/* One of the fragments of a UDP datagram: bytes at of all that follows the IP header. */
static void fragment(struct mini *m, u32 id, const u8 *all, u32 total, u32 at, u32 n)
{
	u8 f[1514];
	struct net_frame out = { .data = f, .len = 34 + n };

	memcpy(f + 34, all + at, n);
	ip_frame(m, f, 17, ME, HOST, n);
	p16(f + 18, id);
	p16(f + 20, at / 8 | (at + n < total ? 0x2000 : 0));
	ip_sum(f + 14);
	netdev_send(m->n, &out);
}

START_TEST(fragments)
{
	enum { DATA = 3000 };
	struct poll_set *ps = poll_set_new();
	struct mini *m = mini_new("user", ps);
	u8 all[8 + DATA], got[DATA + 1];
	u16 port;
	int udp = bind_udp(&port), n = 0;
	u32 i, before, after;

	send_arp(m);
	LOOP_UNTIL(ps, m->have_peer);
	p16(all, 1234);
	p16(all + 2, port);
	p16(all + 4, sizeof all);
	p16(all + 6, 0);
	for (i = 0; i < DATA; i++)
		all[8 + i] = (u8)(i * 11 + i / 256);
	fragment(m, 7, all, sizeof all, 1480, 1480);
	fragment(m, 7, all, sizeof all, 2960, sizeof all - 2960);
	fragment(m, 7, all, sizeof all, 1480, 1480);
	ck_assert_int_lt((int)recv(udp, got, sizeof got, 0), 0);
	fragment(m, 7, all, sizeof all, 0, 1480);
	LOOP_UNTIL(ps, (n = n > 0 ? n : (int)recv(udp, got, sizeof got, 0)) > 0);
	ck_assert_int_eq(n, DATA);
	ck_assert(!memcmp(got, all + 8, DATA));
	/* Pieces that overlap make nothing. */
	fragment(m, 8, all, sizeof all, 0, 1480);
	fragment(m, 8, all, sizeof all, 1472, 1480);
	fragment(m, 8, all, sizeof all, 1480, 1480);
	fragment(m, 8, all, sizeof all, 2960, sizeof all - 2960);
	poll_wait(ps, 1000000);
	ck_assert_int_lt((int)recv(udp, got, sizeof got, 0), 0);
	/* First ones without end are forgotten. */
	before = memory_mib();
	for (i = 0; i < 100000; i++)
		fragment(m, i, all, sizeof all, 0, 1480);
	after = memory_mib();
	ck_assert_uint_lt(after - MIN(before, after), 20);
	n = 0;
	for (i = 0; i < sizeof all; i += 1480)
		fragment(m, 9, all, sizeof all, i, MIN(1480, (u32)sizeof all - i));
	LOOP_UNTIL(ps, (n = n > 0 ? n : (int)recv(udp, got, sizeof got, 0)) > 0);
	ck_assert_int_eq(n, DATA);
	close(udp);
	mini_free(m);
	poll_set_free(ps);
}
END_TEST

/* Small segments behind a gap: few are kept, and when the gap is filled all goes on. */
START_TEST(early)
{
	enum { FLOOD = 20000, MORE = 100000 };
	struct poll_set *ps = poll_set_new();
	struct mini *m = mini_new("user", ps);
	u32 begin, i, before, after, got = 0;
	u64 end = host_now() + 60000000000u;
	static u8 all[1000], in[4096];
	u16 port;
	int srv = listen_any(&port), fd;

	memset(all, 'x', sizeof all);
	send_arp(m);
	LOOP_UNTIL(ps, m->have_peer);
	dial(ps, m, HOST, 40005, port);
	fd = accepted(ps, srv);
	begin = m->snd;
	before = memory_mib();
	for (i = 0; i < FLOOD; i++) {
		m->snd = begin + 1 + 2 * i;
		tcp_out(m, ACK | PSH, all, 1, 0);
	}
	after = memory_mib();
	ck_assert_uint_lt(after - MIN(before, after), 8);
	ck_assert_uint_gt(netdev_stats(m->n)->out_dropped, FLOOD - 300);
	/* What is lost is sent again, as guests do, from where the other side is. */
	for (i = 0; got < MORE && host_now() < end; i++) {
		ssize_t n;

		if (m->acked - begin < MORE) {
			m->snd = m->acked;
			tcp_out(m, ACK | PSH, all, MIN((u32)sizeof all, MORE - (m->acked - begin)), 0);
		}
		poll_wait(ps, 1000000);
		while ((n = read(fd, in, sizeof in)) > 0)
			got += (u32)n;
	}
	ck_assert_uint_eq(got, MORE);
	close(fd);
	close(srv);
	mini_free(m);
	poll_set_free(ps);
}
END_TEST

/* ---- what passes, frame by frame ---------------------------------------------------------------------------------- */

static void count(void *opaque, const u8 *f, u32 len)
{
	++*(u32 *)opaque;
}

static bool passes(struct net_guard *g, const u8 *f, u32 len)
{
	u32 n = 0;
	bool ok = net_guard_pass(g, f, len, count, &n);

	ck_assert_uint_eq(n, ok);
	return ok;
}

/* With its payload, from 64 bits of source on. */
static bool passes6(struct net_guard *g, const char *dst, u8 proto, const char *payload, u32 n)
{
	u8 f[14 + 40 + 40] = { 0 };

	p16(f + 12, 0x86dd);
	f[14] = 0x60;
	p16(f + 18, n);
	f[20] = proto;
	f[21] = 64;
	inet_pton(AF_INET6, "fec0::15", f + 22);
	ck_assert_int_eq(inet_pton(AF_INET6, dst, f + 38), 1);
	memcpy(f + 54, payload, n);
	return passes(g, f, 54 + n);
}

START_TEST(guard6)
{
	static const char *const own[] = { "::1", "::", "::ffff:127.0.0.1", "::ffff:0.0.0.0" };
	static const char syn[20] = { [3] = 80, [12] = 0x50, [13] = SYN }, udp[8] = { 1, 1, 2, 2 }, ping[8] = { (char)128 };
	struct net_user_conf conf = { .ipv6 = true, .prefix6 = 64 };
	struct net_guard on = { .who = "n0", .conf = &conf, .host_loopback = true };
	struct net_guard off = { .who = "n0", .conf = &conf }, tight = { .who = "n0", .conf = &conf, .restricted = true };
	u32 i;

	inet_pton(AF_INET6, "fec0::2", &conf.host6);
	inet_pton(AF_INET6, "fec0::3", &conf.dns6);
	for (i = 0; i < ARRAY_SIZE(own); i++) {
		ck_assert(passes6(&on, own[i], 6, syn, sizeof syn) && passes6(&on, own[i], 17, udp, sizeof udp));
		ck_assert(!passes6(&off, own[i], 6, syn, sizeof syn) && !passes6(&off, own[i], 17, udp, sizeof udp));
	}
	ck_assert(passes6(&off, "2001:db8::1", 6, syn, sizeof syn) && passes6(&off, "::2", 17, udp, sizeof udp));
	/* No connection begins in a restricted network; what answers one does. */
	ck_assert(!passes6(&tight, "2001:db8::1", 6, syn, sizeof syn));
	ck_assert(passes6(&tight, "2001:db8::1", 6, "\0\0\0\0\0\0\0\0\0\0\0\0\x50\x12\0\0\0\0\0", 20));
	/* libslirp answers for itself, and complains about others. */
	ck_assert(passes6(&on, "fec0::2", 58, ping, sizeof ping) && passes6(&on, "fec0::3", 58, ping, sizeof ping));
	ck_assert(passes6(&on, "fe80::2", 58, ping, sizeof ping));
	ck_assert(!passes6(&on, "2001:db8::1", 58, ping, sizeof ping) && !passes6(&on, "ff02::1", 58, ping, sizeof ping));
	net_guard_free(&on);
	net_guard_free(&off);
	net_guard_free(&tight);
}
END_TEST

/* Where guestfwd= leads: as many may begin, until libslirp has given up the first. */
START_TEST(guard_embryos)
{
	struct net_user_conf conf = { .ipv4 = true };
	struct net_guard g = { .who = "n0", .conf = &conf, .host_loopback = true };
	struct mini m = { .port = 0 };
	struct in_addr to = { htonl(0x0a000264) };
	u8 f[54] = { 0 };
	u32 i, n = 0;
	u64 now = 0;

	ck_assert_int_eq(net_guard_forward(&g, to, 1234), 0);
	p16(f + 36, 1234);
	f[46] = 0x50;
	f[47] = SYN;
	ip_frame(&m, f, 6, ME, 0x0a000264, 20);
	for (i = 0; i < 1000; i++)
		n += passes(&g, f, sizeof f);
	ck_assert_uint_eq(n, 32);
	/* Others do not mind. */
	p16(f + 36, 1235);
	ck_assert(passes(&g, f, sizeof f));
	p16(f + 36, 1234);
	for (i = 0; i < 500; i++)
		net_guard_tick(&g, now += 500000000);
	ck_assert(!passes(&g, f, sizeof f));
	for (i = 0; i < 200; i++)
		net_guard_tick(&g, now += 500000000);
	ck_assert(passes(&g, f, sizeof f));
	net_guard_free(&g);
}
END_TEST

/* A guest that does not take what comes: the sender waits, nothing is lost for good. */
START_TEST(guest_without_room)
{
	struct poll_set *ps = poll_set_new();
	struct mini *m = mini_new("user", ps);
	struct card *c = calloc(1, sizeof *c);
	int i;

	send_arp(m);
	LOOP_UNTIL(ps, m->have_peer);
	c->full = true;
	netdev_set_client(m->n, &card_plain, c);
	for (i = 0; i < 3000; i++)
		send_arp(m);
	poll_wait(ps, 1000000);
	ck_assert_uint_eq(c->frames, 0);
	c->full = false;
	netdev_accept(m->n);
	ck_assert_uint_gt(c->frames, 100);
	ck_assert_uint_le(c->frames, 1024);
	ck_assert_uint_eq(netdev_stats(m->n)->in_dropped, 3000 - c->frames);
	netdev_set_client(m->n, NULL, NULL);
	free(c);
	mini_free(m);
	poll_set_free(ps);
}
END_TEST

/* Whatever a guest says to it, slirp and we stay whole. */
START_TEST(noise)
{
	struct poll_set *ps = poll_set_new();
	struct mini *m = mini_new("user", ps);
	u8 f[2000];
	u64 s = 9;
	int i, k;

	for (i = 0; i < 3000; i++) {
		struct net_frame out = { .data = f, .len = 14 + (u32)(i * 37 % 1500) };

		for (k = 0; k < (int)out.len; k++) {
			s = s * 6364136223846793005ull + 1442695040888963407ull;
			f[k] = (u8)(s >> 40);
		}
		p16(f + 12, i % 3 == 0 ? 0x0800 : i % 3 == 1 ? 0x86dd : 0x0806);
		f[14] = i % 3 == 1 ? 0x60 : 0x45;
		out.csum_blank = i & 8;
		netdev_send(m->n, &out);
		if (i % 100 == 0)
			poll_wait(ps, 0);
	}
	m->have_peer = false;
	send_arp(m);
	LOOP_UNTIL(ps, m->have_peer);
	m->bad_sums = 0;
	mini_free(m);
	poll_set_free(ps);
}
END_TEST

START_TEST(sentences)
{
	struct poll_set *ps = poll_set_new();
	u16 taken;
	int srv = listen_any(&taken);
	char spec[100];

	net_refused("user,net=10.0.2.0/33", NULL, ps, "net=10.0.2.0/33", "mask");
	net_refused("user,net=10.0.2.0/30", NULL, ps, "net=10.0.2.0/30", "8 to 28 bits");
	net_refused("user,net=banana", NULL, ps, "net=banana", "10.0.2.0/24");
	net_refused("user,host=10.0.3.2", NULL, ps, "host=10.0.3.2", "inside of the guest's network");
	net_refused("user,dns=10.0.2.2", NULL, ps, "host= and dns=", "same");
	net_refused("user,dhcpstart=10.0.2.3", NULL, ps, "dhcpstart=", "above");
	net_refused("user,ipv6-net=fec0::/300", NULL, ps, "ipv6-net=", "fec0::/64");
	net_refused("user,ipv4=off,ipv6=off", NULL, ps, "leave nothing", "");
	net_refused("user,restrict=maybe", NULL, ps, "restrict=maybe", "on or off");
	net_refused("user,tftp=/nonexistent/dir", NULL, ps, "/nonexistent/dir", "directory");
	net_refused("user,hostfwd=tcp:22", NULL, ps, "hostfwd 'tcp:22'", "guest's port is missing");
	net_refused("user,hostfwd=tcp:22-:22", NULL, ps, "'22' is no address and port", "127.0.0.1:2222");
	net_refused("user,hostfwd=tcp::99999-:22", NULL, ps, "':99999'", "no address and port of the host");
	net_refused("user,hostfwd=tcp::2222-:0", NULL, ps, "':0'", "of the guest");
	net_refused("user,hostfwd=sctp::1-:1", NULL, ps, "tcp: or udp:", "");
	net_refused("user,hostfwd=tcp::2222-192.168.1.1:22", NULL, ps, "outside of its network", "");
	snprintf(spec, sizeof spec, "user,hostfwd=tcp:127.0.0.1:%u-:22", taken);
	net_refused(spec, NULL, ps, "is taken", "choose another");
	net_refused("user,hostfwd=tcp:203.0.113.7:2222-:22", NULL, ps, "no address of this machine", "");
	net_refused("user,guestfwd=tcp:10.0.2.100:80-tcp:1.2.3.4:5", NULL, ps, "cmd:nc HOST PORT", "");
	net_refused("user,guestfwd=tcp:10.0.2.2:80-cmd:cat", NULL, ps, "not free", "");
	net_refused("user,hostfw=tcp::1-:1", NULL, ps, "did you mean hostfwd", "");
	close(srv);
	poll_set_free(ps);
}
END_TEST
#else
START_TEST(without)
{
	struct poll_set *ps = poll_set_new();

	net_refused("user,id=n0", NULL, ps, "built without libslirp", "tap or socket");
	net_refused("user,hostfw=x", NULL, ps, "did you mean hostfwd", "");
	poll_set_free(ps);
}
END_TEST
#endif

Suite *net_user_suite(void)
{
	Suite *s = suite_create("net_user");
	TCase *t = tcase_create("user");

	tcase_set_timeout(t, 60);
#if HAVE_SLIRP
	tcase_add_test(t, dhcp);
	tcase_add_test(t, out_small);
	tcase_add_test(t, out_trains);
	tcase_add_test(t, hostfwd);
	tcase_add_test(t, guest_to_command);
	tcase_add_test(t, restricted);
	tcase_add_test(t, host_loopback);
	tcase_add_test(t, hostfwd_alone);
	tcase_add_test(t, greedy);
	tcase_add_test(t, crowd);
	tcase_add_test(t, fragments);
	tcase_add_test(t, early);
	tcase_add_test(t, guard6);
	tcase_add_test(t, guard_embryos);
	tcase_add_test(t, guest_without_room);
	tcase_add_test(t, noise);
	tcase_add_test(t, sentences);
#else
	tcase_add_test(t, without);
#endif
	suite_add_tcase(s, t);
	return s;
}
