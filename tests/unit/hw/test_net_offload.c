/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hw/host/net_offload: checksums against sums made another way, and trains of segments against the whole.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "hw/host/net/offload.h"
#include "tests/suites.h"

struct rng {
	u64 s;
};

static u32 rnd(struct rng *r, u32 below)
{
	r->s = r->s * 6364136223846793005ull + 1442695040888963407ull;
	return (u32)((r->s >> 33) % below);
}

static void put16(u8 *p, u32 v)
{
	p[0] = (u8)(v >> 8);
	p[1] = (u8)v;
}

static u32 get16(const u8 *p)
{
	return (u32)p[0] << 8 | p[1];
}

static u32 get32(const u8 *p)
{
	return get16(p) << 16 | get16(p + 2);
}

/* One's complement sum, a byte at a time: the slow way, on purpose. */
static u32 slow_sum(u32 sum, const u8 *p, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++) {
		sum += i & 1 ? p[i] : (u32)p[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

/* What a frame is made of, and where its parts are. */
struct made {
	u8 bytes[NET_FRAME_MAX];
	u32 len, ip, l4, tcp_header, payload;
	bool v6, udp;
	u8 dst[16]; /* the destination of the pseudo-header */
};

/* 0xffff when the transport checksum is right. */
static u32 verify(const u8 *f, u32 ip, u32 l4, u32 end, bool v6, const u8 *dst, u8 proto)
{
	u32 n = end - l4, sum;

	sum = v6 ? slow_sum(0, f + ip + 8, 16) : slow_sum(0, f + ip + 12, 4);
	sum = slow_sum(sum, dst, v6 ? 16 : 4);
	sum += proto + (n & 0xffff) + (n >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return slow_sum(sum, f + l4, n);
}

static void make(struct made *m, struct rng *r, u32 payload, bool v6, bool udp, u32 tags, u32 ext, u32 pad)
{
	u8 *p = m->bytes;
	u32 at = 12, i, n;

	memset(m, 0, sizeof *m);
	m->v6 = v6;
	m->udp = udp;
	for (i = 0; i < 12; i++)
		p[i] = (u8)rnd(r, 256);
	for (i = 0; i < tags; i++, at += 4) {
		put16(p + at, i ? 0x8100 : rnd(r, 2) ? 0x88a8 : 0x8100);
		put16(p + at + 2, rnd(r, 65536));
	}
	put16(p + at, v6 ? 0x86dd : 0x0800);
	m->ip = at + 2;
	if (v6) {
		static const u8 kinds[4] = { 0, 60, 43, 60 };
		u32 off = m->ip + 40, next = 6;

		for (i = 0; i < 32; i++)
			p[m->ip + 8 + i] = (u8)rnd(r, 256);
		memcpy(m->dst, p + m->ip + 24, 16);
		p[m->ip] = 0x60;
		p[m->ip + 6] = udp ? 17 : 6;
		for (i = 0; i < ext; i++) {
			u32 words = rnd(r, 3);

			p[m->ip + next] = kinds[i];
			p[off + 1] = (u8)words;
			p[off] = udp ? 17 : 6;
			next = off - m->ip;
			off += 8 + 8 * words;
		}
		m->l4 = off;
	} else {
		u32 words = ext;

		p[m->ip] = (u8)(0x45 + words);
		memset(p + m->ip + 20, 1, words * 4);
		put16(p + m->ip + 4, rnd(r, 65536));
		put16(p + m->ip + 6, 0x4000);
		p[m->ip + 8] = 64;
		p[m->ip + 9] = udp ? 17 : 6;
		for (i = 12; i < 20; i++)
			p[m->ip + i] = (u8)rnd(r, 256);
		memcpy(m->dst, p + m->ip + 16, 4);
		m->l4 = m->ip + 20 + words * 4;
	}
	if (udp) {
		m->tcp_header = 8;
		put16(p + m->l4 + 4, 8 + payload);
	} else {
		m->tcp_header = 20 + 4 * rnd(r, 11);
		for (i = 0; i < m->tcp_header; i++)
			p[m->l4 + i] = (u8)rnd(r, 256);
		p[m->l4 + 12] = (u8)(m->tcp_header / 4 << 4);
		p[m->l4 + 13] = 0x99; /* CWR ACK PSH FIN */
	}
	m->payload = payload;
	for (i = 0; i < payload; i++)
		p[m->l4 + m->tcp_header + i] = (u8)rnd(r, 256);
	n = m->l4 + m->tcp_header + payload;
	m->len = n + pad;
	if (v6)
		put16(p + m->ip + 4, n - m->ip - 40);
	else
		put16(p + m->ip + 2, n - m->ip);
	if (!v6)
		put16(p + m->ip + 10, (u16)~slow_sum(0, p + m->ip, m->l4 - m->ip));
}

/* An example worked by hand: UDP 10.0.0.1:1000 to 10.0.0.2:2000, "abc". */
START_TEST(by_hand)
{
	u8 f[60] = { 2,  0, 0, 0,  0, 2, 2, 0,  0, 0, 0, 1,    8,    0,    0x45, 0, 0,  31,   0,    1,   0,   0,  64,
		     17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0x03, 0xe8, 0x07, 0xd0, 0, 11, 0xde, 0xad, 'a', 'b', 'c' };

	/* 0a00+0001+0a00+0002 + 0011+000b + 03e8+07d0+000b + 6162+6300 = e444, complement 1bbb. */
	ck_assert(net_checksum(f, 60));
	ck_assert_uint_eq(get16(f + 40), 0x1bbb);
	ck_assert(net_checksum(f, 45));
	ck_assert_uint_eq(get16(f + 40), 0x1bbb);
	ck_assert(!net_checksum(f, 44));
	/* A sum of zero is written as ffff: choose "ab" + xx so that it comes out. */
	put16(f + 42, 0x6162 + 0x1bbb);
	ck_assert(net_checksum(f, 45));
	ck_assert_uint_eq(get16(f + 40), 0xffff);
}
END_TEST

START_TEST(sums)
{
	struct rng r = { 1 };
	struct made *m = malloc(sizeof *m);
	u32 i, bad = 0;

	for (i = 0; i < 3000; i++) {
		bool v6 = rnd(&r, 2), udp = rnd(&r, 2);

		make(m, &r, rnd(&r, i % 50 ? 1600 : 60000), v6, udp, rnd(&r, 3), rnd(&r, 4), rnd(&r, 30));
		if (!net_checksum(m->bytes, m->len) ||
		    verify(m->bytes, m->ip, m->l4, m->l4 + m->tcp_header + m->payload, v6, m->dst, udp ? 17 : 6) !=
			    0xffff)
			bad++;
	}
	ck_assert_uint_eq(bad, 0);
	free(m);
}
END_TEST

/* Gathers segments and checks each. */
struct gather {
	const struct made *m;
	u32 gso_size, n, bytes, bad;
	bool last;
	u8 *all;
};

static void gather(void *opaque, const struct net_frame *f)
{
	struct gather *g = opaque;
	const struct made *m = g->m;
	u32 head = m->l4 + m->tcp_header, piece = f->len - head, want = MIN(g->gso_size, m->payload - g->bytes), flags;
	const u8 *p = f->data;

	g->bad += f->gso || f->csum_blank || !f->csum_good || g->last || f->len < head || piece != want;
	if (g->bad)
		return;
	g->last = g->bytes + piece == m->payload;
	memcpy(g->all + g->bytes, p + head, piece);
	g->bad += get32(p + m->l4 + 4) != get32(m->bytes + m->l4 + 4) + g->bytes;
	flags = m->bytes[m->l4 + 13] & 0xffu;
	if (g->n)
		flags &= ~0x80u;
	if (!g->last)
		flags &= ~0x09u;
	g->bad += p[m->l4 + 13] != flags;
	if (m->v6) {
		g->bad += get16(p + m->ip + 4) != f->len - m->ip - 40;
	} else {
		g->bad += get16(p + m->ip + 2) != f->len - m->ip;
		g->bad += get16(p + m->ip + 4) != ((get16(m->bytes + m->ip + 4) + g->n) & 0xffff);
		g->bad += slow_sum(0, p + m->ip, m->l4 - m->ip) != 0xffff;
	}
	g->bad += verify(p, m->ip, m->l4, f->len, m->v6, m->dst, 6) != 0xffff;
	g->bad += memcmp(p, m->bytes, m->ip) || memcmp(p + m->l4 + 20, m->bytes + m->l4 + 20, m->tcp_header - 20);
	g->bytes += piece;
	g->n++;
}

START_TEST(trains)
{
	struct rng r = { 7 };
	struct made *m = malloc(sizeof *m);
	u8 *scratch = malloc(NET_FRAME_MAX), *all = malloc(NET_FRAME_MAX);
	u32 i, bad = 0;

	for (i = 0; i < 400; i++) {
		bool v6 = rnd(&r, 2);
		struct net_frame f = { .csum_blank = true, .gso = v6 ? NET_GSO_TCP6 : NET_GSO_TCP4 };
		struct gather g = { .m = m, .all = all };

		make(m, &r, rnd(&r, i % 8 ? 9000 : 65000), v6, false, rnd(&r, 3), rnd(&r, 4), rnd(&r, 2) * 9);
		f.data = m->bytes;
		f.len = m->len;
		f.gso_size = (u16)(i % 5 ? 1 + rnd(&r, 3000) : 1448);
		g.gso_size = f.gso_size;
		if (!net_finish(&f, i & 1 ? NET_CAN_CSUM : 0, scratch, gather, &g) || g.bad || !g.last ||
		    g.bytes != m->payload || memcmp(all, m->bytes + m->l4 + m->tcp_header, m->payload))
			bad++;
	}
	ck_assert_uint_eq(bad, 0);
	free(m);
	free(scratch);
	free(all);
}
END_TEST

struct seen {
	u32 n;
	struct net_frame f;
};

static void see(void *opaque, const struct net_frame *f)
{
	struct seen *s = opaque;

	s->n++;
	s->f = *f;
}

/* What the other side can do itself is left to it. */
START_TEST(abilities)
{
	struct rng r = { 3 };
	struct made *m = malloc(sizeof *m);
	u8 *scratch = malloc(NET_FRAME_MAX);
	struct seen s = { 0 };
	struct net_frame f = { .csum_blank = true };

	make(m, &r, 4000, false, false, 0, 0, 0);
	f.data = m->bytes;
	f.len = m->len;
	ck_assert(net_finish(&f, NET_CAN_CSUM, scratch, see, &s) && s.n == 1);
	ck_assert(s.f.data == m->bytes && s.f.csum_blank);
	ck_assert(net_finish(&f, NET_CAN_TSO4, scratch, see, &s) && s.n == 2);
	ck_assert(s.f.data == scratch && !s.f.csum_blank && s.f.csum_good);
	f.gso = NET_GSO_TCP4;
	f.gso_size = 1000;
	ck_assert(net_finish(&f, NET_CAN_CSUM | NET_CAN_TSO4, scratch, see, &s) && s.n == 3);
	ck_assert(s.f.data == m->bytes && s.f.gso == NET_GSO_TCP4 && s.f.gso_size == 1000);
	ck_assert(net_finish(&f, NET_CAN_CSUM | NET_CAN_TSO6, scratch, see, &s) && s.n == 7);
	ck_assert(s.f.gso == NET_GSO_NONE && s.f.csum_good);
	/* A train of another kind than it says, of no size, or of no bytes. */
	f.gso = NET_GSO_TCP6;
	ck_assert(!net_finish(&f, 0, scratch, see, &s));
	f.gso = 9;
	ck_assert(!net_finish(&f, 7, scratch, see, &s));
	f.gso = NET_GSO_TCP4;
	f.gso_size = 0;
	ck_assert(!net_finish(&f, 7, scratch, see, &s));
	f = (struct net_frame){ .data = m->bytes, .len = 13 };
	ck_assert(!net_finish(&f, 7, scratch, see, &s));
	f.len = NET_FRAME_MAX + 1;
	ck_assert(!net_finish(&f, 7, scratch, see, &s) && s.n == 7);
	/* A frame that asks for nothing passes whatever it is. */
	f.len = 14;
	ck_assert(net_finish(&f, 0, scratch, see, &s) && s.n == 8);
	free(m);
	free(scratch);
}
END_TEST

/* With a source route the sum the sender left is the word, for each segment with its own length. */
START_TEST(source_route)
{
	struct rng r = { 11 };
	struct made *m = malloc(sizeof *m);
	u8 *scratch = malloc(NET_FRAME_MAX), *all = malloc(NET_FRAME_MAX), *p = m->bytes;
	struct gather g = { .m = m, .all = all, .gso_size = 700 };
	struct net_frame f = { .data = p, .csum_blank = true, .gso = NET_GSO_TCP4, .gso_size = 700 };
	u32 sum, end;

	make(m, &r, 3000, false, false, 0, 2, 0);
	p[m->ip + 20] = 131; /* LSRR: one address to come, the final one */
	p[m->ip + 21] = 7;
	p[m->ip + 22] = 4;
	p[m->ip + 23] = 192;
	p[m->ip + 24] = 168;
	p[m->ip + 25] = 7;
	p[m->ip + 26] = 9;
	p[m->ip + 27] = 0;
	memcpy(m->dst, p + m->ip + 23, 4);
	put16(p + m->ip + 10, 0);
	put16(p + m->ip + 10, (u16)~slow_sum(0, p + m->ip, m->l4 - m->ip));
	end = m->len;
	sum = slow_sum(slow_sum(0, p + m->ip + 12, 4), m->dst, 4) + 6 + end - m->l4;
	sum = (sum & 0xffff) + (sum >> 16);
	put16(p + m->l4 + 16, sum);
	f.len = end;
	ck_assert(net_finish(&f, 0, scratch, gather, &g));
	ck_assert(!g.bad && g.last && g.bytes == 3000);
	ck_assert(net_checksum(p, end));
	ck_assert_uint_eq(verify(p, m->ip, m->l4, end, false, m->dst, 6), 0xffff);
	free(m);
	free(scratch);
	free(all);
}
END_TEST

START_TEST(refused)
{
	struct rng r = { 5 };
	struct made *m = malloc(sizeof *m), *c = malloc(sizeof *c);
	u32 cut, bad = 0;

	make(m, &r, 100, false, false, 1, 2, 0);
	for (cut = 0; cut < m->len; cut++) {
		u8 *copy = malloc(cut ? cut : 1); /* so that a sanitizer sees a byte too many */

		memcpy(copy, m->bytes, cut);
		bad += net_checksum(copy, cut);
		free(copy);
	}
	make(m, &r, 100, true, true, 2, 3, 0);
	for (cut = 0; cut < m->len; cut++) {
		u8 *copy = malloc(cut ? cut : 1);

		memcpy(copy, m->bytes, cut);
		bad += net_checksum(copy, cut);
		free(copy);
	}
	ck_assert_uint_eq(bad, 0);
	make(m, &r, 100, false, false, 0, 0, 0);
#define BREAK(stmt)                                                                                                    \
	do {                                                                                                           \
		*c = *m;                                                                                               \
		stmt;                                                                                                  \
		ck_assert(!net_checksum(c->bytes, c->len));                                                            \
	} while (0)
	BREAK(put16(c->bytes + 12, 0x0806));
	BREAK(c->bytes[14] = 0x44);
	BREAK(c->bytes[14] = 0x65);
	BREAK(put16(c->bytes + 16, 19));
	BREAK(put16(c->bytes + 20, 0x2000)); /* more fragments */
	BREAK(put16(c->bytes + 20, 0x0001)); /* a later fragment */
	BREAK(c->bytes[23] = 1);
	BREAK(c->bytes[m->l4 + 12] = 0x40);
	make(m, &r, 100, true, true, 0, 0, 0);
	BREAK(put16(c->bytes + m->l4 + 4, 7));
	BREAK(put16(c->bytes + m->l4 + 4, 109));
	BREAK(c->bytes[m->ip + 6] = 59);
	BREAK(put16(c->bytes + m->ip + 4, 200));
	free(m);
	free(c);
}
END_TEST

START_TEST(location)
{
	struct rng r = { 5 };
	struct made *m = malloc(sizeof *m);
	u32 start, field, headers;

	make(m, &r, 100, true, true, 2, 3, 5);
	ck_assert(net_locate(m->bytes, m->len, &start, &field, &headers));
	ck_assert(start == m->l4 && field == 6 && headers == m->l4 + 8);
	make(m, &r, 100, false, false, 0, 1, 5);
	ck_assert(net_locate(m->bytes, m->len, &start, &field, &headers));
	ck_assert(start == m->l4 && field == 16 && headers == m->l4 + m->tcp_header);
	free(m);
}
END_TEST

Suite *net_offload_suite(void)
{
	Suite *s = suite_create("net_offload");
	TCase *t = tcase_create("offload");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, by_hand);
	tcase_add_test(t, sums);
	tcase_add_test(t, trains);
	tcase_add_test(t, abilities);
	tcase_add_test(t, source_route);
	tcase_add_test(t, refused);
	tcase_add_test(t, location);
	suite_add_tcase(s, t);
	return s;
}
