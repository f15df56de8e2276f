/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Checksums and segmentation in software (RFC 1071, RFC 791, RFC 8200, RFC 9293; IEEE 802.1Q). Whatever the frame
 * claims, only its own bytes are read. Left out: UDP segmentation, tunnels, jumbograms.
 */
#include "hw/host/net/offload.h"

#include <string.h>

#include "base/endian.h"
#include "base/inet_sum.h"

#define ETH_HEADER 14u
#define VLAN_TAGS_MAX 4u
#define EXTENSIONS_MAX 16u /* headers of an IPv6 packet looked at */

enum {
	ETHERTYPE_IPV4 = 0x0800,
	ETHERTYPE_IPV6 = 0x86dd,
	ETHERTYPE_VLAN = 0x8100,
	ETHERTYPE_QINQ = 0x88a8,
	ETHERTYPE_OLD_QINQ = 0x9100
};
enum {
	PROTO_HOP_BY_HOP = 0,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	PROTO_ROUTING = 43,
	PROTO_FRAGMENT = 44,
	PROTO_AH = 51,
	PROTO_DSTOPTS = 60
};
enum { TCP_FIN = 0x01, TCP_PSH = 0x08, TCP_CWR = 0x80 };

/* Where things are, all inside the frame. */
struct layout {
	u32 ip, ip_len; /* IP header and the bytes of the packet with it */
	u32 l4, l4_len; /* TCP or UDP header and the bytes from it to the packet's end (UDP: its own length) */
	u8 proto;
	bool v6;
	bool detour; /* a source route: the final destination is not in the header */
};

/* A loose or strict source route that has not come to its end (RFC 791 3.1). */
static bool has_source_route(const u8 *opt, u32 n)
{
	while (n && *opt) {
		u32 len = *opt == 1 ? 1 : n > 1 ? opt[1] : 0;

		if (!len || len > n || (*opt != 1 && len < 2))
			return false;
		if ((*opt == 131 || *opt == 137) && len > 2 && opt[2] <= len)
			return true;
		opt += len;
		n -= len;
	}
	return false;
}

static bool find_ipv4(const u8 *data, u32 at, u32 len, struct layout *l)
{
	const u8 *ip = data + at;
	u32 left = len - at, header, total;

	if (left < 20 || ip[0] >> 4 != 4)
		return false;
	header = (ip[0] & 15) * 4u;
	total = ldbe16(ip + 2);
	if (header < 20 || total < header || total > left)
		return false;
	if (ldbe16(ip + 6) & 0x3fff)
		return false; /* a fragment has no checksum of its own */
	l->ip = at;
	l->ip_len = total;
	l->l4 = at + header;
	l->l4_len = total - header;
	l->proto = ip[9];
	l->v6 = false;
	l->detour = has_source_route(ip + 20, header - 20);
	return true;
}

static bool find_ipv6(const u8 *data, u32 at, u32 len, struct layout *l)
{
	u32 left = len - at, total, i, off = 40;
	const u8 *ip = data + at;

	if (left < 40 || ip[0] >> 4 != 6)
		return false;
	total = 40u + ldbe16(ip + 4);
	if (total > left)
		return false;
	l->proto = ip[6];
	l->detour = false;
	for (i = 0; i < EXTENSIONS_MAX; i++) {
		const u8 *x = ip + off;
		u32 size;

		if (l->proto != PROTO_HOP_BY_HOP && l->proto != PROTO_ROUTING && l->proto != PROTO_FRAGMENT &&
		    l->proto != PROTO_AH && l->proto != PROTO_DSTOPTS)
			break;
		if (total - off < 8)
			return false;
		size = l->proto == PROTO_FRAGMENT ? 8u : l->proto == PROTO_AH ? (x[1] + 2u) * 4 : (x[1] + 1u) * 8;
		if (size > total - off)
			return false;
		if (l->proto == PROTO_FRAGMENT && ldbe16(x + 2) & 0xfff9)
			return false;
		if (l->proto == PROTO_ROUTING && x[3])
			l->detour = true;
		l->proto = x[0];
		off += size;
	}
	l->ip = at;
	l->ip_len = total;
	l->l4 = at + off;
	l->l4_len = total - off;
	l->v6 = true;
	return true;
}

/* Finds the TCP or UDP header. False when there is none, or the frame is not what it says. */
static bool find(const u8 *data, u32 len, struct layout *l)
{
	u32 at = ETH_HEADER, tags = 0, type;

	if (len < ETH_HEADER)
		return false;
	type = ldbe16(data + 12);
	while (type == ETHERTYPE_VLAN || type == ETHERTYPE_QINQ || type == ETHERTYPE_OLD_QINQ) {
		if (++tags > VLAN_TAGS_MAX || len - at < 4)
			return false;
		type = ldbe16(data + at + 2);
		at += 4;
	}
	if (!(type == ETHERTYPE_IPV4 ? find_ipv4(data, at, len, l)
				     : type == ETHERTYPE_IPV6 && find_ipv6(data, at, len, l)))
		return false;
	if (l->proto == PROTO_TCP) {
		u32 header = l->l4_len < 20 ? 0 : (data[l->l4 + 12] >> 4) * 4u;

		return header >= 20 && header <= l->l4_len;
	}
	if (l->proto == PROTO_UDP) {
		u32 n = l->l4_len < 8 ? 0 : ldbe16(data + l->l4 + 4);

		if (n < 8 || n > l->l4_len)
			return false;
		l->l4_len = n;
		return true;
	}
	return false;
}

static u32 checksum_at(const struct layout *l)
{
	return l->l4 + (l->proto == PROTO_TCP ? 16 : 6);
}

/*
 * The sum of the pseudo-header for len bytes. With a source route the destination meant is elsewhere: then what the
 * sender has left in the checksum field (for l->l4_len bytes) is the word.
 */
static u64 pseudo(const u8 *data, const struct layout *l, u32 len)
{
	if (l->detour)
		return (u64)ldbe16(data + checksum_at(l)) + (u16)~l->l4_len + len;
	return (l->v6 ? inet_sum(0, data + l->ip + 8, 32) : inet_sum(0, data + l->ip + 12, 8)) + l->proto + len;
}

static void fill(u8 *data, const struct layout *l, u64 seed)
{
	u8 *field = data + checksum_at(l);
	u16 sum;

	stbe16(field, 0);
	sum = (u16)~inet_fold(inet_sum(seed, data + l->l4, l->l4_len));
	stbe16(field, sum || l->proto == PROTO_TCP ? sum : 0xffff); /* 0 would say "none" (RFC 768) */
}

bool net_checksum(u8 *data, u32 len)
{
	struct layout l;

	if (!find(data, len, &l))
		return false;
	fill(data, &l, pseudo(data, &l, l.l4_len));
	return true;
}

bool net_locate(const u8 *data, u32 len, u32 *start, u32 *field, u32 *headers)
{
	struct layout l;

	if (!find(data, len, &l))
		return false;
	*start = l.l4;
	*field = checksum_at(&l) - l.l4;
	*headers = l.l4 + (l.proto == PROTO_TCP ? (data[l.l4 + 12] >> 4) * 4u : 8);
	return true;
}

/* One segment after another in scratch: headers as in the frame, with lengths, numbers and sums of their own. */
static void segment(const struct net_frame *f, const struct layout *l, u8 *scratch,
		    void (*emit)(void *opaque, const struct net_frame *f), void *opaque)
{
	u32 tcp_header = (f->data[l->l4 + 12] >> 4) * 4u, headers = l->l4 + tcp_header,
	    payload = l->l4_len - tcp_header;
	u32 seq = ldbe32(f->data + l->l4 + 4), id = ldbe16(f->data + l->ip + 4), done = 0, n = 0;

	memcpy(scratch, f->data, headers);
	do {
		u32 piece = MIN(payload - done, f->gso_size);
		u8 *ip = scratch + l->ip, *tcp = scratch + l->l4, flags = f->data[l->l4 + 13];
		bool last = done + piece == payload;
		struct layout part = *l;
		struct net_frame out = { .data = scratch, .len = headers + piece, .csum_good = true };

		part.ip_len = l->l4 - l->ip + tcp_header + piece;
		part.l4_len = tcp_header + piece;
		memcpy(scratch + headers, f->data + headers + done, piece);
		if (l->v6) {
			stbe16(ip + 4, part.ip_len - 40);
		} else {
			stbe16(ip + 2, part.ip_len);
			stbe16(ip + 4, (id + n) & 0xffff);
			stbe16(ip + 10, 0);
			stbe16(ip + 10, (u16)~inet_fold(inet_sum(0, ip, l->l4 - l->ip)));
		}
		stbe32(tcp + 4, seq + done);
		tcp[13] = (u8)(flags & ~((last ? 0 : TCP_FIN | TCP_PSH) | (n ? TCP_CWR : 0)));
		fill(scratch, &part, pseudo(f->data, l, part.l4_len));
		emit(opaque, &out);
		done += piece;
		n++;
	} while (done < payload);
}

bool net_finish(const struct net_frame *f, u32 can, u8 *scratch, void (*emit)(void *opaque, const struct net_frame *f),
		void *opaque)
{
	struct net_frame out = *f;
	struct layout l;

	if (f->len < ETH_HEADER || f->len > NET_FRAME_MAX)
		return false;
	if (f->gso == NET_GSO_NONE) {
		if (f->csum_blank && !(can & NET_CAN_CSUM)) {
			memcpy(scratch, f->data, f->len);
			if (!net_checksum(scratch, f->len))
				return false;
			out.data = scratch;
			out.csum_blank = false;
			out.csum_good = true;
		}
		emit(opaque, &out);
		return true;
	}
	if (!f->gso_size || !find(f->data, f->len, &l) || l.proto != PROTO_TCP || l.v6 != (f->gso == NET_GSO_TCP6) ||
	    f->gso > NET_GSO_TCP6)
		return false;
	if (can & (l.v6 ? NET_CAN_TSO6 : NET_CAN_TSO4))
		emit(opaque, &out);
	else
		segment(f, &l, scratch, emit, opaque);
	return true;
}
