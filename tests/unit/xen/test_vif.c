/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The network back end with a front end by hand: both directions, chains, offloads, queues, full rings, a save in between,
 * and front ends that mean harm.
 */
#include "tests/suites.h"
#include "tests/unit/restore_env.h"
#include "tests/unit/vif_env.h"

static void fill(struct vworld *w, u32 page, u32 offset, u32 n, u32 seed)
{
	u8 b[PAGE_SIZE];
	u32 i;

	for (i = 0; i < n; i++)
		b[i] = (u8)(seed + i * 7 + (i >> 8));
	vput(w, ENV_VA(VPAGE + page) + offset, b, n);
}

/* Whether guest bytes equal these. */
static bool same(struct vworld *w, u32 page, u32 offset, const u8 *p, u32 n)
{
	u8 b[PAGE_SIZE];

	vtake(w, ENV_VA(VPAGE + page) + offset, b, n);
	return !memcmp(b, p, n);
}

static void answer_is(struct vworld *w, u32 q, u32 idx, u32 id, int status)
{
	u8 b[4];

	vtake(w, vtx_slot(q, idx), b, 4);
	if (status != NETIF_RSP_NULL)
		ck_assert_uint_eq(ld16(b), id);
	ck_assert_int_eq((i16)ld16(b + 2), status);
}

/* The peer sends n bytes of a frame; the door opens. */
static void peer_sends(struct vworld *w, const u8 *p, u32 n)
{
	struct net_frame f = { .data = p, .len = n };

	netdev_send(w->peer, &f);
}

static void buffers(struct vworld *w, u32 q, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++) {
		u32 at = w->rx_prod[q];

		vbuffer(w, q, at % 256, VREF(at % VPAGES));
	}
	vbuffer_push(w, q);
}

static void closed(struct vworld *w, const char *why)
{
	ck_assert_str_eq(vget(w, VBACK "/state"), "5");
	ck_assert_msg(strstr(vget(w, VERR "/error"), why), "'%s' has no '%s'", vget(w, VERR "/error"), why);
}

static void again(struct vworld *w)
{
	vset(w, "state", "%u", XENBUS_CLOSED);
	vset(w, "state", "%u", XENBUS_INITIALISING);
	vconnect(w, 1, true);
}

START_TEST(born)
{
	struct vworld *w = vworld_new();
	static const u8 mac[6] = { 0, 0x16, 0x3e, 9, 9, 9 }, group[6] = { 1, 0x16, 0x3e, 9, 9, 9 };
	struct error e = { "" };
	char line[200];

	ck_assert_str_eq(vget(w, VFRONT "/mac"), "00:16:3e:01:02:03");
	ck_assert_str_eq(vget(w, VFRONT "/handle"), "0");
	ck_assert_str_eq(vget(w, VBACK "/mac"), "00:16:3e:01:02:03");
	ck_assert_str_eq(vget(w, VBACK "/feature-rx-copy"), "1");
	ck_assert_str_eq(vget(w, VBACK "/feature-split-event-channels"), "1");
	ck_assert_str_eq(vget(w, VBACK "/multi-queue-max-queues"), "4");
	ck_assert_str_eq(vget(w, VBACK "/feature-ctrl-ring"), "(none)");
	ck_assert_int_eq(vif_add(&w->e->pv.xen, 0, NULL, mac, &e), -EEXIST);
	ck_assert_int_eq(vif_add(&w->e->pv.xen, 1, NULL, group, &e), -EINVAL);
	ck_assert_int_eq(vif_add(&w->e->pv.xen, 1, NULL, mac, &e), 0);
	vif_describe(&w->e->pv.xen, 1, line, sizeof line);
	ck_assert_ptr_nonnull(strstr(line, "00:16:3e:09:09:09"));
	vif_remove(&w->e->pv.xen, 1, false);
	ck_assert_ptr_null(xenbus_find(&w->e->pv.xen, "vif", 1));
	/* Flipping is not to be had. */
	vprepare(w, 1, true);
	vset(w, "request-rx-copy", "%u", 0);
	vset(w, "state", "%u", XENBUS_CONNECTED);
	closed(w, "flipped");
	again(w);
	ck_assert_uint_eq(w->v->client.can, NET_CAN_CSUM | NET_CAN_TSO4 | NET_CAN_TSO6);
	vworld_free(w);
}
END_TEST

START_TEST(sends)
{
	struct vworld *w = vworld_new();
	u64 ring = ENV_VA(VTX(0));

	vconnect(w, 1, true);
	fill(w, 0, 100, 60, 3);
	vsend(w, 0, VREF(0), 100, 0, 77, 60);
	vsend_push(w, 0);
	ck_assert_uint_eq(w->ncaught, 1);
	ck_assert_uint_eq(w->caught[0].len, 60);
	ck_assert(same(w, 0, 100, w->caught[0].data, 60));
	ck_assert(!w->caught[0].blank && !w->caught[0].good && !w->caught[0].gso);
	ck_assert_uint_eq(vanswered(w, ring), 1);
	answer_is(w, 0, 0, 77, NETIF_RSP_OKAY);
	ck_assert_uint_eq(env_u32(w->e, ring + RING_REQ_EVENT), 2);
	ck_assert(vpending(w, w->port[0]));
	ck_assert(!vpending(w, w->port[1]));
	/* Who does not want to be told is not. */
	vsend(w, 0, VREF(0), 100, NETTXF_DATA_VALIDATED, 78, 61);
	vsend_push(w, 0);
	ck_assert_uint_eq(w->ncaught, 2);
	ck_assert(w->caught[1].good);
	ck_assert(!vpending(w, w->port[0]));
	/* Three at once, told at the second. */
	env_put32(w->e, ring + RING_RSP_EVENT, 4);
	vsend(w, 0, VREF(0), 100, 0, 1, 60);
	vsend(w, 0, VREF(0), 100, 0, 2, 60);
	vsend(w, 0, VREF(0), 100, 0, 3, 60);
	vsend_push(w, 0);
	ck_assert_uint_eq(w->ncaught, 5);
	ck_assert(vpending(w, w->port[0]));
	ck_assert_uint_eq(env_u32(w->e, ring + RING_REQ_EVENT), 6);
	vworld_free(w);
}
END_TEST

START_TEST(sends_chains)
{
	static const u8 gso[8] = { NETIF_EXTRA_GSO, 0, 0xb4, 5, NETIF_GSO_TCPV4 };
	struct vworld *w = vworld_new();
	u8 head[54], none[1];
	u32 i, at;

	vconnect(w, 1, true);
	/* 1000 bytes, a whole page, nothing, the end of a page: and extra information behind the first. */
	vtcp(head, 1234, 1, 16, none, 0);
	head[16] = 0x15; /* the train's length: 14 + 5382 */
	head[17] = 0x06;
	vput(w, ENV_VA(VPAGE), head, 54);
	fill(w, 0, 54, 946, 1);
	fill(w, 1, 0, 4096, 2);
	fill(w, 3, 3796, 300, 4);
	vsend(w, 0, VREF(0), 0, NETTXF_MORE_DATA | NETTXF_EXTRA_INFO | NETTXF_CSUM_BLANK, 5, 1000 + 4096 + 300);
	vsend_extra(w, 0, gso);
	vsend(w, 0, VREF(1), 0, NETTXF_MORE_DATA, 6, 4096);
	vsend(w, 0, VREF(2), 17, NETTXF_MORE_DATA, 7, 0);
	vsend(w, 0, VREF(3), 3796, 0, 8, 300);
	vsend_push(w, 0);
	ck_assert_uint_eq(w->ncaught, 1);
	ck_assert_uint_eq(w->caught[0].len, 5396);
	ck_assert_uint_eq(w->caught[0].gso, NET_GSO_TCP4);
	ck_assert_uint_eq(w->caught[0].gso_size, 1460);
	ck_assert(w->caught[0].blank);
	ck_assert(same(w, 0, 0, w->caught[0].data, 1000));
	ck_assert(same(w, 1, 0, w->caught[0].data + 1000, 4096));
	ck_assert(same(w, 3, 3796, w->caught[0].data + 5096, 300));
	ck_assert_uint_eq(vanswered(w, ENV_VA(VTX(0))), 5);
	answer_is(w, 0, 0, 5, NETIF_RSP_OKAY);
	answer_is(w, 0, 1, 0, NETIF_RSP_NULL);
	answer_is(w, 0, 2, 6, NETIF_RSP_OKAY);
	answer_is(w, 0, 3, 7, NETIF_RSP_OKAY);
	answer_is(w, 0, 4, 8, NETIF_RSP_OKAY);
	/* As many parts as may be; and one more, twice: the packet is lost, each part answered. */
	for (i = 0; i < 3; i++) {
		u32 parts = 1 + VIF_FRAGS + (i != 0), k;

		at = w->tx_prod[0];
		vsend(w, 0, VREF(0), 0, NETTXF_MORE_DATA, 100, 100 + (parts - 1) * 10);
		for (k = 1; k < parts; k++)
			vsend(w, 0, VREF(k), 0, k + 1 < parts ? NETTXF_MORE_DATA : 0, 100 + k, 10);
		vsend_push(w, 0);
		ck_assert_uint_eq(w->ncaught, 2);
		ck_assert_uint_eq(vanswered(w, ENV_VA(VTX(0))), w->tx_prod[0]);
		answer_is(w, 0, at, 100, i ? NETIF_RSP_ERROR : NETIF_RSP_OKAY);
		answer_is(w, 0, at + parts - 1, 100 + parts - 1, i ? NETIF_RSP_ERROR : NETIF_RSP_OKAY);
	}
	ck_assert_uint_eq(w->caught[1].len, 280);
	/* The largest. */
	vsend(w, 0, VREF(0), 0, NETTXF_MORE_DATA, 0, 65535);
	for (i = 1; i < 16; i++)
		vsend(w, 0, VREF(i), 0, i < 15 ? NETTXF_MORE_DATA : 0, i, 4096);
	vsend_push(w, 0);
	ck_assert_uint_eq(w->ncaught, 3);
	ck_assert_uint_eq(w->caught[2].len, 65535);
	ck_assert(same(w, 15, 0, w->caught[2].data + 61439, 4096));
	vworld_free(w);
}
END_TEST

START_TEST(bad_packets)
{
	struct vworld *w = vworld_new();
	static const struct {
		u32 ref, offset, flags, size;
	} bad[] = {
		{ VREF(0), 0, 0, 13 },		 { VREF(0), 0, 0, 0 },	   { 200, 0, 0, 60 },
		{ 400000000, 0, 0, 60 },
	};
	u32 i;

	vconnect(w, 1, true);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		vsend(w, 0, bad[i].ref, bad[i].offset, bad[i].flags, 500 + i, bad[i].size);
		vsend_push(w, 0);
		answer_is(w, 0, i, 500 + i, NETIF_RSP_ERROR);
	}
	/* A part that is larger than the whole; one that was taken back: the others are answered well. */
	vsend(w, 0, VREF(0), 0, NETTXF_MORE_DATA, 1, 100);
	vsend(w, 0, VREF(1), 0, 0, 2, 200);
	vsend_push(w, 0);
	answer_is(w, 0, 4, 1, NETIF_RSP_ERROR);
	answer_is(w, 0, 5, 2, NETIF_RSP_ERROR);
	vgrant(w, VREF(1), 0, 0);
	vsend(w, 0, VREF(0), 0, NETTXF_MORE_DATA, 1, 300);
	vsend(w, 0, VREF(1), 0, NETTXF_MORE_DATA, 2, 100);
	vsend(w, 0, VREF(2), 0, 0, 3, 100);
	vsend_push(w, 0);
	answer_is(w, 0, 6, 1, NETIF_RSP_OKAY);
	answer_is(w, 0, 7, 2, NETIF_RSP_ERROR);
	answer_is(w, 0, 8, 3, NETIF_RSP_OKAY);
	ck_assert_uint_eq(w->ncaught, 0);
	/* Read-only is enough to send from. */
	vgrant(w, VREF(1), GTF_permit_access | GTF_readonly, ENV_MFN(VPAGE + 1));
	vsend(w, 0, VREF(1), 0, 0, 4, 60);
	vsend_push(w, 0);
	ck_assert_uint_eq(w->ncaught, 1);
	ck_assert_str_eq(vget(w, VBACK "/state"), "4");
	vworld_free(w);
}
END_TEST

START_TEST(closes)
{
	static const u8 unknown[8] = { NETIF_EXTRA_TYPES }, zero[8] = { 0 }, flat[8] = { NETIF_EXTRA_GSO, 0, 0, 0, NETIF_GSO_TCPV4 },
			odd[8] = { NETIF_EXTRA_GSO, 0, 1, 1, 3 }, more[8] = { NETIF_EXTRA_HASH, NETIF_EXTRA_MORE };
	static const struct {
		const u8 *extra;
		const char *why;
	} extras[] = { { unknown, "type 5" }, { zero, "type 0" }, { flat, "segments of 0" }, { odd, "of type 3" },
		       { more, "before its extra" } };
	struct vworld *w = vworld_new();
	u32 i;

	vconnect(w, 1, true);
	for (i = 0; i < ARRAY_SIZE(extras); i++) {
		vsend(w, 0, VREF(0), 0, NETTXF_EXTRA_INFO, 0, 60);
		vsend_extra(w, 0, extras[i].extra);
		vsend_push(w, 0);
		closed(w, extras[i].why);
		again(w);
	}
	vsend(w, 0, VREF(0), 0, NETTXF_EXTRA_INFO, 0, 60);
	vsend_push(w, 0);
	closed(w, "before its extra");
	again(w);
	vsend(w, 0, VREF(0), 4090, 0, 0, 60);
	vsend_push(w, 0);
	closed(w, "leaves its page");
	again(w);
	vsend(w, 0, VREF(0), 0, NETTXF_MORE_DATA, 0, 200);
	vsend(w, 0, VREF(0), 65535, 0, 0, 60);
	vsend_push(w, 0);
	closed(w, "leaves its page");
	again(w);
	vsend(w, 0, VREF(0), 0, NETTXF_MORE_DATA, 0, 200);
	vsend_push(w, 0);
	closed(w, "before its last part");
	again(w);
	for (i = 0; i < 40; i++)
		vsend(w, 0, VREF(0), 0, NETTXF_MORE_DATA, 0, 60);
	vsend_push(w, 0);
	closed(w, "more than 20 parts");
	again(w);
	w->tx_prod[0] = 257;
	vsend_push(w, 0);
	closed(w, "257 ahead");
	again(w);
	w->rx_prod[0] = 0x80000000;
	vbuffer_push(w, 0);
	peer_sends(w, w->caught[0].data, 60);
	vdoor(w);
	closed(w, "2147483648 ahead");
	vset(w, "state", "%u", XENBUS_CLOSED);
	vset(w, "state", "%u", XENBUS_INITIALISING);
	vprepare(w, 1, true);
	env_put32(w->e, ENV_VA(VTX(0)) + RING_REQ_PROD, 300);
	vset(w, "state", "%u", XENBUS_CONNECTED);
	closed(w, "300 ahead");
	vworld_free(w);
}
END_TEST

START_TEST(receives)
{
	struct vworld *w = vworld_new();
	static u8 p[9000];
	u32 i;
	struct vrx r;

	for (i = 0; i < sizeof p; i++)
		p[i] = (u8)(i * 13);
	vconnect(w, 1, true);
	buffers(w, 0, 20);
	peer_sends(w, p, 100);
	/* Nothing before the door opens. */
	ck_assert_uint_eq(vanswered(w, ENV_VA(VRX(0))), 0);
	vdoor(w);
	ck_assert_uint_eq(vanswered(w, ENV_VA(VRX(0))), 1);
	r = vresponse(w, 0, 0);
	ck_assert(!r.id && !r.offset && !r.flags && r.status == 100);
	ck_assert(same(w, 0, 0, p, 100));
	ck_assert(vpending(w, w->port[1]));
	ck_assert(!vpending(w, w->port[0]));
	/* Over several pages; a reference that was taken back costs its packet, no more. */
	vgrant(w, VREF(4), 0, 0);
	peer_sends(w, p, 9000);
	peer_sends(w, p + 1, 200);
	peer_sends(w, p + 2, 200);
	vdoor(w);
	ck_assert_uint_eq(vanswered(w, ENV_VA(VRX(0))), 6);
	ck_assert(!vpending(w, w->port[1])); /* it did not ask */
	r = vresponse(w, 0, 1);
	ck_assert(r.id == 1 && r.flags == NETRXF_MORE_DATA && r.status == 4096);
	r = vresponse(w, 0, 3);
	ck_assert(r.id == 3 && !r.flags && r.status == 9000 - 8192);
	ck_assert(same(w, 2, 0, p + 4096, 4096));
	r = vresponse(w, 0, 4);
	ck_assert(r.id == 4 && r.status == NETIF_RSP_ERROR);
	r = vresponse(w, 0, 5);
	ck_assert(r.id == 5 && r.status == 200);
	/* One that is read-only may not be written into. */
	vgrant(w, VREF(6), GTF_permit_access | GTF_readonly, ENV_MFN(VPAGE + 6));
	peer_sends(w, p, 60);
	vdoor(w);
	ck_assert_int_eq(vresponse(w, 0, 6).status, NETIF_RSP_ERROR);
	vworld_free(w);
}
END_TEST

START_TEST(receives_offloads)
{
	struct vworld *w = vworld_new();
	static u8 p[30000], payload[30000];
	struct net_frame f = { .data = p, .gso = NET_GSO_TCP4, .gso_size = 1000, .csum_blank = true, 0 };
	u8 b[8], plain[54 + 100];
	struct vrx r;
	u32 i;

	for (i = 0; i < sizeof payload; i++)
		payload[i] = (u8)(i * 3 + (i >> 8));
	f.len = vtcp(p, 99, 5, 16, payload, 20000);
	vconnect(w, 1, false); /* one channel for both */
	buffers(w, 0, 60);
	netdev_send(w->peer, &f);
	vdoor(w);
	ck_assert_uint_eq(vanswered(w, ENV_VA(VRX(0))), 6); /* five pages, and the extra */
	r = vresponse(w, 0, 0);
	ck_assert_uint_eq(r.flags, NETRXF_MORE_DATA | NETRXF_EXTRA_INFO | NETRXF_CSUM_BLANK | NETRXF_DATA_VALIDATED);
	vtake(w, vrx_slot(0, 1), b, 8);
	ck_assert(b[0] == NETIF_EXTRA_GSO && !b[1] && ld16(b + 2) == 1000 && b[4] == NETIF_GSO_TCPV4);
	ck_assert(same(w, 2, 0, p + 4096, 4096));
	ck_assert_uint_eq(vresponse(w, 0, 5).flags, 0);
	ck_assert(vpending(w, w->port[0]));
	/* A checksum that is right saves the guest the work; one that is wrong is the guest's to find. */
	peer_sends(w, plain, vtcp(plain, 7, 5, 16, payload, 100));
	vdoor(w);
	ck_assert_uint_eq(vresponse(w, 0, 6).flags, NETRXF_DATA_VALIDATED);
	vtcp(plain, 8, 5, 16, payload, 100);
	plain[60] ^= 1;
	peer_sends(w, plain, 154);
	vdoor(w);
	ck_assert_uint_eq(vresponse(w, 0, 7).flags, 0);
	/* A guest that takes none of it gets segments with sums; whatever was agreed when it was left at the door. */
	netdev_send(w->peer, &f);
	vset(w, "state", "%u", XENBUS_CLOSED);
	vset(w, "state", "%u", XENBUS_INITIALISING);
	vprepare(w, 1, true);
	vset(w, "feature-no-csum-offload", "%u", 1);
	vset(w, "feature-gso-tcpv4", "%u", 0);
	vset(w, "state", "%u", XENBUS_CONNECTED);
	buffers(w, 0, 60);
	vdoor(w);
	ck_assert_uint_eq(vanswered(w, ENV_VA(VRX(0))), 20);
	r = vresponse(w, 0, 19);
	ck_assert(r.status == 1054 && r.flags == NETRXF_DATA_VALIDATED);
	ck_assert(same(w, 19, 54, payload + 19000, 1000));
	vworld_free(w);
}
END_TEST

/* Segments, each told by its sequence number, length and flags, in one moment; what comes out as lengths. */
struct piece {
	u32 port, seq, len, flags;
	bool wrong;
	u32 ack;
};

static u32 join(struct vworld *w, const struct piece *s, u32 n, u32 out[16])
{
	static u8 p[2000], payload[1500];
	u32 i, at = w->rx_seen[0], count = 0, end;

	buffers(w, 0, 12);
	for (i = 0; i < n; i++) {
		u32 len;

		memset(payload, (int)i + 1, sizeof payload);
		len = vtcp(p, s[i].port, s[i].seq, s[i].flags, payload, s[i].len);
		if (s[i].ack) { /* and the sum with it */
			u32 sum = ((u32)p[50] << 8 | p[51]) + 0xffff - s[i].ack;

			st16(p + 44, 0);
			p[44] = (u8)(s[i].ack >> 8);
			p[45] = (u8)s[i].ack;
			sum = (sum & 0xffff) + (sum >> 16);
			p[50] = (u8)(sum >> 8);
			p[51] = (u8)sum;
		}
		p[54] ^= s[i].wrong;
		peer_sends(w, p, MAX(len, 60));
	}
	vdoor(w);
	end = vanswered(w, ENV_VA(VRX(0)));
	while (at != end) {
		struct vrx r = vresponse(w, 0, at++);
		bool extra = r.flags & NETRXF_EXTRA_INFO;

		out[count] = (u32)r.status;
		if (extra)
			at++;
		while (r.flags & NETRXF_MORE_DATA) {
			r = vresponse(w, 0, at++);
			out[count] += (u32)r.status;
		}
		count++;
	}
	w->rx_seen[0] = at;
	return count;
}

START_TEST(joins)
{
	static const struct piece row[] = { { 9, 0xfffffe00, 1000, 16, false, 0 }, { 9, 0xfffffe00 + 1000, 1000, 16, false, 0 },
					    { 9, 0xfffffe00 + 2000, 1000, 24, false, 0 }, { 9, 0xfffffe00 + 3000, 500, 24, false, 0 },
					    { 9, 0xfffffe00 + 3500, 500, 16, false, 0 }, { 9, 0xfffffe00 + 4000, 500, 16, false, 0 } };
	static const struct piece gap[] = { { 9, 0, 1000, 16, false, 0 }, { 9, 1001, 1000, 16, false, 0 } };
	static const struct piece flows[] = { { 9, 0, 1000, 16, false, 0 }, { 8, 1000, 1000, 16, false, 0 } };
	static const struct piece fin[] = { { 9, 0, 1000, 16, false, 0 }, { 9, 1000, 1000, 17, false, 0 }, { 9, 2000, 1000, 16, false, 0 } };
	static const struct piece acks[] = { { 9, 0, 0, 16, false, 0 }, { 9, 0, 0, 16, false, 0 }, { 9, 0, 5, 16, false, 0 } };
	static const struct piece wrong[] = { { 9, 0, 1000, 16, false, 0 }, { 9, 1000, 1000, 16, true, 0 }, { 9, 2000, 100, 16, false, 0 } };
	static const struct piece grows[] = { { 9, 0, 100, 16, false, 0 }, { 9, 100, 1000, 16, false, 0 } };
	/* Of these the third stands for the first three; the next says the same again, the last goes back. */
	static const struct piece more[] = { { 9, 0, 0, 16, false, 100 }, { 9, 0, 0, 16, false, 200 }, { 9, 0, 0, 16, false, 300 },
					     { 9, 0, 0, 16, false, 300 }, { 9, 0, 0, 16, false, 200 } };
	struct vworld *w = vworld_new();
	u32 out[16], n;
	u8 b[2100];

	vconnect(w, 1, true);
	n = join(w, row, 6, out);
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(out[0], 54 + 3500);
	ck_assert_uint_eq(out[1], 54 + 1000);
	/* The train's headers: length, PSH, the IP header's sum, each payload in its place. */
	vtake(w, ENV_VA(VPAGE), b, sizeof b);
	ck_assert_uint_eq((u32)b[16] << 8 | b[17], 3540);
	ck_assert_uint_eq(b[47], 24);
	{
		u32 s = 0, i;

		for (i = 14; i < 34; i += 2)
			s += (u32)b[i] << 8 | b[i + 1];
		ck_assert_uint_eq((s & 0xffff) + (s >> 16), 0xffff);
		/* The TCP field has the pseudo-header's sum alone. */
		for (i = 26, s = 6 + 3520; i < 34; i += 2)
			s += (u32)b[i] << 8 | b[i + 1];
		ck_assert_uint_eq((u32)b[50] << 8 | b[51], (s & 0xffff) + (s >> 16));
	}
	ck_assert(b[54] == 1 && b[1053] == 1 && b[1054] == 2 && b[2054] == 3);
	ck_assert_uint_eq(join(w, gap, 2, out), 2);
	ck_assert_uint_eq(join(w, flows, 2, out), 2);
	ck_assert_uint_eq(join(w, fin, 3, out), 3);
	ck_assert_uint_eq(join(w, acks, 3, out), 3);
	ck_assert_uint_eq(join(w, wrong, 3, out), 3);
	n = w->rx_seen[0];
	ck_assert_uint_eq(join(w, more, 5, out), 3);
	vtake(w, ENV_VA(VPAGE + n % VPAGES), b, 60);
	ck_assert(b[44] == 300 >> 8 && b[45] == (300 & 0xff));
	ck_assert_uint_eq(join(w, grows, 2, out), 2);
	/* A guest that takes no trains gets none. */
	vset(w, "state", "%u", XENBUS_CLOSED);
	vset(w, "state", "%u", XENBUS_INITIALISING);
	vprepare(w, 1, true);
	vset(w, "feature-gso-tcpv4", "%u", 0);
	vset(w, "state", "%u", XENBUS_CONNECTED);
	ck_assert_uint_eq(join(w, row, 6, out), 6);
	vworld_free(w);
}
END_TEST

START_TEST(no_room)
{
	struct vworld *w = vworld_new();
	static u8 p[1000];
	u32 i, bad = 0;

	vconnect(w, 1, true);
	for (i = 0; i < 3; i++) {
		p[20] = (u8)i;
		peer_sends(w, p, 1000);
		vdoor(w);
	}
	ck_assert_uint_eq(vanswered(w, ENV_VA(VRX(0))), 0);
	ck_assert_uint_eq(w->v->waiting_frames, 3);
	ck_assert_uint_eq(env_u32(w->e, ENV_VA(VRX(0)) + RING_REQ_EVENT), 1);
	/* They go in as room comes; the front end is asked to tell. */
	buffers(w, 0, 2);
	ck_assert_uint_eq(vanswered(w, ENV_VA(VRX(0))), 2);
	ck_assert_uint_eq(env_u32(w->e, ENV_VA(VRX(0)) + RING_REQ_EVENT), 3);
	/* What waits for ten seconds is dropped. */
	env_skip(w->e, 9999999999);
	ck_assert_uint_eq(w->v->waiting_frames, 1);
	env_skip(w->e, 10000000000);
	ck_assert_uint_eq(w->v->waiting_frames, 0);
	/* More than may wait: the network holds it back, and nothing is lost or out of order. */
	for (i = 0; i < 900; i++) {
		st32(p + 20, i);
		peer_sends(w, p, 100);
		if (!(i % 100))
			vdoor(w);
	}
	vdoor(w);
	ck_assert_uint_le(w->v->waiting_frames, VIF_WAIT_FRAMES);
	for (i = 0; i < 900; i++) {
		u8 b[4];

		vbuffer(w, 0, 0, VREF(i % VPAGES));
		vbuffer_push(w, 0);
		vdoor(w);
		vtake(w, ENV_VA(VPAGE + i % VPAGES) + 20, b, 4);
		bad += ld32(b) != i;
	}
	ck_assert_uint_eq(bad, 0);
	ck_assert_uint_eq(w->v->waiting_frames + w->v->posted_frames + w->v->posted_bytes + w->v->waiting_bytes, 0);
	/* A front end that does not tell of buffers is looked after. */
	vset(w, "state", "%u", XENBUS_CLOSED);
	vset(w, "state", "%u", XENBUS_INITIALISING);
	vprepare(w, 1, true);
	vset(w, "feature-rx-notify", "%u", 0);
	vset(w, "state", "%u", XENBUS_CONNECTED);
	peer_sends(w, p, 100);
	vdoor(w);
	vbuffer(w, 0, 0, VREF(0));
	env_put32(w->e, ENV_VA(VRX(0)) + RING_REQ_PROD, 1);
	ck_assert_uint_eq(vanswered(w, ENV_VA(VRX(0))), 0);
	env_skip(w->e, w->e->d->time.s.now + VIF_POLL_INTERVAL);
	ck_assert_uint_eq(vanswered(w, ENV_VA(VRX(0))), 1);
	vworld_free(w);
}
END_TEST

START_TEST(many_queues)
{
	struct vworld *w = vworld_new();
	static u8 p[200], payload[100];
	u32 i, q, used = 0, wrong = 0;

	vconnect(w, 4, true);
	for (q = 0; q < 4; q++) {
		buffers(w, q, 60);
		vsend(w, q, VREF(q), 0, 0, q, 60 + q);
		vsend_push(w, q);
		ck_assert_uint_eq(w->caught[q].len, 60 + q);
		ck_assert(vpending(w, w->port[2 * q]));
	}
	/* A flow stays on its queue, and flows are spread. */
	for (i = 0; i < 40; i++) {
		u32 before[4], k, to = 9;

		for (q = 0; q < 4; q++)
			before[q] = vanswered(w, ENV_VA(VRX(q)));
		for (k = 0; k < 2; k++) {
			peer_sends(w, p, vtcp(p, 1000 + i, 5000 * k, 16, payload, 90 + k));
			vdoor(w);
			for (q = 0; q < 4; q++)
				if (vanswered(w, ENV_VA(VRX(q))) != before[q]) {
					before[q]++;
					wrong += k && q != to;
					to = q;
					used |= 1u << q;
				}
		}
	}
	ck_assert_uint_eq(wrong, 0);
	ck_assert_uint_eq(used, 15);
	vworld_free(w);
}
END_TEST

START_TEST(groups)
{
	static const u8 add[8] = { NETIF_EXTRA_MCAST_ADD, 0, 1, 0, 0x5e, 0, 0, 1 }, del[8] = { NETIF_EXTRA_MCAST_DEL, 0, 1, 0, 0x5e, 0, 0, 1 };
	struct vworld *w = vworld_new();
	u8 p[60] = { 1, 0, 0x5e, 0, 0, 1 }, many[8] = { NETIF_EXTRA_MCAST_ADD, 0, 3 };
	u32 i;

	vprepare(w, 1, true);
	vset(w, "request-multicast-control", "%u", 1);
	vset(w, "state", "%u", XENBUS_CONNECTED);
	buffers(w, 0, 20);
	peer_sends(w, p, 60);
	vdoor(w);
	ck_assert_uint_eq(vanswered(w, ENV_VA(VRX(0))), 0);
	vsend(w, 0, 0, 0, NETTXF_EXTRA_INFO, 3, 0);
	vsend_extra(w, 0, add);
	vsend_push(w, 0);
	answer_is(w, 0, 0, 3, NETIF_RSP_OKAY);
	answer_is(w, 0, 1, 0, NETIF_RSP_NULL);
	ck_assert_uint_eq(w->ncaught, 0);
	peer_sends(w, p, 60);
	vdoor(w);
	ck_assert_uint_eq(vanswered(w, ENV_VA(VRX(0))), 1);
	vsend(w, 0, 0, 0, NETTXF_EXTRA_INFO, 3, 0);
	vsend_extra(w, 0, del);
	vsend_push(w, 0);
	peer_sends(w, p, 60);
	memset(p, 0xff, 6);
	peer_sends(w, p, 60);
	memset(p, 2, 6);
	peer_sends(w, p, 60);
	vdoor(w);
	ck_assert_uint_eq(vanswered(w, ENV_VA(VRX(0))), 3);
	for (i = 0; i < VIF_MCAST_MAX + 1; i++) {
		many[7] = (u8)i;
		vsend(w, 0, 0, 0, NETTXF_EXTRA_INFO, 3, 0);
		vsend_extra(w, 0, many);
		vsend_push(w, 0);
	}
	answer_is(w, 0, 4 + 2 * VIF_MCAST_MAX - 2, 3, NETIF_RSP_OKAY);
	answer_is(w, 0, 4 + 2 * VIF_MCAST_MAX, 3, NETIF_RSP_ERROR);
	vworld_free(w);
}
END_TEST

START_TEST(cable)
{
	struct vworld *w = vworld_new();
	u8 p[60] = { 0 };

	vconnect(w, 1, true);
	buffers(w, 0, 20);
	ck_assert_int_eq(vif_set_link(&w->e->pv.xen, 0, false), 0);
	ck_assert_str_eq(vget(w, VBACK "/carrier"), "0");
	peer_sends(w, p, 60);
	vsend(w, 0, VREF(0), 0, 0, 1, 60);
	vsend_push(w, 0);
	vdoor(w);
	answer_is(w, 0, 0, 1, NETIF_RSP_OKAY);
	ck_assert_uint_eq(w->ncaught + vanswered(w, ENV_VA(VRX(0))), 0);
	vif_set_link(&w->e->pv.xen, 0, true);
	ck_assert_str_eq(vget(w, VBACK "/carrier"), "1");
	peer_sends(w, p, 60);
	vdoor(w);
	ck_assert_uint_eq(vanswered(w, ENV_VA(VRX(0))), 1);
	/* Plugged out and in. */
	vif_set_netdev(&w->e->pv.xen, 0, NULL);
	peer_sends(w, p, 60);
	vsend(w, 0, VREF(0), 0, 0, 2, 60);
	vsend_push(w, 0);
	vdoor(w);
	ck_assert_uint_eq(w->ncaught + vanswered(w, ENV_VA(VRX(0))), 1);
	vif_set_netdev(&w->e->pv.xen, 0, w->card);
	peer_sends(w, p, 60);
	vdoor(w);
	ck_assert_uint_eq(vanswered(w, ENV_VA(VRX(0))), 2);
	ck_assert_int_eq(vif_set_link(&w->e->pv.xen, 5, true), -ENOENT);
	ck_assert_int_eq(vif_set_netdev(&w->e->pv.xen, 5, NULL), -ENOENT);
	/* Removed with a frame before the door: it is lost, and a card of the same number does not get it. */
	peer_sends(w, p, 60);
	vif_remove(&w->e->pv.xen, 0, true);
	vdoor(w);
	ck_assert_int_eq(vif_add(&w->e->pv.xen, 0, w->card, p, NULL), 0);
	vconnect(w, 1, true);
	/* The guest is asked to let go first. */
	vif_remove(&w->e->pv.xen, 0, false);
	ck_assert_str_eq(vget(w, VBACK "/state"), "5");
	peer_sends(w, p, 60);
	vdoor(w);
	vset(w, "state", "%u", XENBUS_CLOSED);
	ck_assert_ptr_null(vfind(w));
	vworld_free(w);
}
END_TEST

static void save(struct vworld *w, struct buf *out)
{
	state_list_save(&w->e->d->states, out);
}

static int restore(struct vworld *w, const struct buf *b)
{
	struct reader r;
	int rc;

	reader_init(&r, b->p, b->len);
	rc = state_list_load(&w->e->d->states, &r, NULL);
	if (!rc)
		rc = state_list_loaded(&w->e->d->states, NULL);
	return rc;
}

/* Saved with frames on all their ways, and loaded into a fresh domain with a network of its own: both go on alike. */
START_TEST(goes_on_elsewhere)
{
	struct vworld *w = vworld_new(), *o;
	struct restore *r;
	static u8 p[1500];
	u32 i, bad = 0;

	vconnect(w, 2, true);
	for (i = 0; i < 5; i++) {
		p[30] = (u8)i;
		peer_sends(w, p, 1400);
	}
	vdoor(w); /* these wait for room */
	vsend(w, 0, VREF(0), 0, 0, 1, 60);
	env_put32(w->e, ENV_VA(VTX(0)) + RING_REQ_PROD, w->tx_prod[0]);
	env_evtchn(w->e, 4, w->port[0], 0, 0); /* this for the timer */
	peer_sends(w, p, 700); /* and this before the door */
	r = restore_take(w->e->d);
	o = vworld_new();
	restore_put(o->e->d, r);
	restore_free(r);
	memcpy(o->tx_prod, w->tx_prod, sizeof o->tx_prod);
	memcpy(o->rx_prod, w->rx_prod, sizeof o->rx_prod);
	memcpy(o->rx_seen, w->rx_seen, sizeof o->rx_seen);
	memcpy(o->port, w->port, sizeof o->port);
	bad += domain_hash(w->e->d) != domain_hash(o->e->d);
	door_open(&w->e->d->door, 1, 1);
	door_open(&o->e->d->door, 1, 1);
	for (i = 0; i < 30; i++) {
		if (i == 5) {
			buffers(w, 0, 4);
			buffers(o, 0, 4);
		}
		env_skip(w->e, w->e->d->time.s.now + 50000);
		env_skip(o->e, o->e->d->time.s.now + 50000);
		bad += domain_hash(w->e->d) != domain_hash(o->e->d);
	}
	ck_assert_uint_eq(bad, 0);
	ck_assert_uint_eq(w->ncaught, 1);
	ck_assert_uint_eq(o->ncaught, 1);
	ck_assert_uint_eq(o->v->waiting_frames, 2);
	vworld_free(w);
	vworld_free(o);
}
END_TEST

START_TEST(saved_and_loaded)
{
	struct vworld *w = vworld_new();
	struct buf a = { 0 }, b = { 0 };
	static u8 p[1500];
	u32 i, refused = 0;

	vconnect(w, 2, true);
	for (i = 0; i < 5; i++) {
		p[30] = (u8)i;
		peer_sends(w, p, 1400);
	}
	vdoor(w);
	vsend(w, 1, VREF(0), 0, 0, 1, 60);
	vsend_push(w, 1);
	peer_sends(w, p, 700); /* waits before the door */
	peer_sends(w, p, 800);
	save(w, &a);
	ck_assert_uint_eq(w->v->posted_frames, 2);
	vdoor(w);
	ck_assert_uint_eq(w->v->posted_frames, 0);
	/* It goes on; then all of that is undone. */
	buffers(w, 0, 10);
	vset(w, "state", "%u", XENBUS_CLOSED);
	ck_assert_uint_eq(w->v->nqueues, 0);
	env_put32(w->e, ENV_VA(VRX(0)) + RING_RSP_PROD, 0);
	env_put32(w->e, ENV_VA(VRX(0)) + RING_REQ_PROD, 0);
	w->rx_prod[0] = 0;
	/* A loaded state describes grants and frames in use; the memory goes with it in a real snapshot. */
	ck_assert_int_eq(restore(w, &a), 0);
	save(w, &b);
	ck_assert_uint_eq(a.len, b.len);
	ck_assert(!memcmp(a.p, b.p, a.len));
	ck_assert_uint_eq(w->v->waiting_frames, 5);
	ck_assert_uint_eq(w->v->posted_frames, 2);
	ck_assert_uint_eq(w->v->posted_bytes, 700 + 800 + 2 * VIF_DOOR_HEADER);
	buffers(w, 0, 10);
	ck_assert_uint_eq(vanswered(w, ENV_VA(VRX(0))), 5);
	ck_assert_uint_eq(vresponse(w, 0, 4).status, 1400);
	p[30] = 4;
	ck_assert(same(w, 4, 0, p, 1400));
	vsend(w, 1, VREF(0), 0, 0, 2, 60);
	vsend_push(w, 1);
	ck_assert_uint_eq(w->ncaught, 2);
	/* Cut short: refused, and nothing breaks. */
	for (i = 0; i < 150; i++) {
		struct buf part = { .p = b.p, .len = i < 100 ? b.len - 1 - i * 83 : (i - 100) * (b.len / 50) };

		refused += restore(w, &part) != 0;
	}
	ck_assert_uint_eq(refused, 150);
	ck_assert_int_eq(restore(w, &b), 0);
	buf_free(&a);
	buf_free(&b);
	vworld_free(w);
}
END_TEST

/* Anything in rings and indexes: nothing breaks, leaks or stays in use. */
START_TEST(anything)
{
	struct vworld *w = vworld_new();
	u32 x = 99, i, closings = 0;
	static u8 p[3000];

	vconnect(w, 1, true);
	for (i = 0; i < 6000; i++) {
		u8 junk[VIF_TX_SLOT];
		u32 k;

		x = x * 1664525 + 1013904223;
		for (k = 0; k < sizeof junk; k++)
			junk[k] = (u8)(x >> (k % 4 * 8) >> (k & 3));
		st32(junk, VREF(x >> 20 & 63));
		junk[5] &= 15;
		junk[6] &= 15;
		junk[11] &= 7;
		switch (x >> 29) {
		case 0:
			vput(w, vrx_slot(0, w->rx_prod[0]++), junk, VIF_RX_SLOT);
			vbuffer_push(w, 0);
			break;
		case 1:
			peer_sends(w, p, (x >> 4) % 3000);
			break;
		case 2:
			vdoor(w);
			break;
		case 3:
			env_skip(w->e, w->e->d->time.s.now + (x & 0xfffffff) * 8);
			break;
		default:
			vput(w, vtx_slot(0, w->tx_prod[0]++), junk, VIF_TX_SLOT);
			if (x & 0x10000)
				vsend_push(w, 0);
		}
		if (!w->v->nqueues) {
			closings++;
			again(w);
		}
	}
	ck_assert_uint_ge(closings, 10);
	ck_assert_uint_ge(w->ncaught, 10);
	vworld_free(w);
}
END_TEST

Suite *vif_suite(void)
{
	Suite *s = suite_create("vif");
	TCase *tc = tcase_create("vif");

	tcase_add_test(tc, born);
	tcase_add_test(tc, sends);
	tcase_add_test(tc, sends_chains);
	tcase_add_test(tc, bad_packets);
	tcase_add_test(tc, closes);
	tcase_add_test(tc, receives);
	tcase_add_test(tc, receives_offloads);
	tcase_add_test(tc, joins);
	tcase_add_test(tc, no_room);
	tcase_add_test(tc, many_queues);
	tcase_add_test(tc, groups);
	tcase_add_test(tc, cable);
	tcase_add_test(tc, goes_on_elsewhere);
	tcase_add_test(tc, saved_and_loaded);
	tcase_add_test(tc, anything);
	suite_add_tcase(s, tc);
	return s;
}
