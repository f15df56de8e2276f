/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Joins TCP segments of one flow that follow each other into one long one (a train, as Linux's GRO makes them). A guest that
 * takes trains goes through its network stack once for many segments. Of several acknowledgements in a row, each for more than
 * the one before, only the last is kept; duplicates and those with a SACK stay (RFC 9293, 791, 8200). The result depends on the
 * frames alone. Left out: frames with IP options, extension headers or VLAN tags are never joined.
 */
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/inet_sum.h"
#include "xen/backend/vif_impl.h"

enum { TCP_FIN = 1, TCP_PSH = 8, TCP_ACK = 16 };
enum { PROTO_TCP = 6, PROTO_UDP = 17 };

/* Where the parts of a plain TCP or UDP packet lie. */
struct layout {
	bool v6;
	u8 proto;
	u32 l4;  /* offset of the TCP or UDP header */
	u32 end; /* of the packet; a short frame has padding behind it */
};

static bool parse(const u8 *p, u32 len, struct layout *l)
{
	u32 proto, size;

	if (len < 14 + 20)
		return false;
	if (ldbe16(p + 12) == 0x0800) {
		size = ldbe16(p + 16);
		/* No options, no fragment. */
		if (p[14] != 0x45 || (ldbe16(p + 20) & 0x3fff) || size < 20)
			return false;
		l->v6 = false;
		l->l4 = 34;
		proto = p[23];
	} else if (ldbe16(p + 12) == 0x86dd) {
		if (len < 14 + 40 || p[14] >> 4 != 6)
			return false;
		size = ldbe16(p + 18) + 40;
		l->v6 = true;
		l->l4 = 54;
		proto = p[20];
	} else {
		return false;
	}
	l->proto = (u8)proto;
	l->end = 14 + size;
	return l->end <= len && ((proto == PROTO_TCP && l->end >= l->l4 + 20) || (proto == PROTO_UDP && l->end >= l->l4 + 8));
}

/* Of the pseudo-header, n bytes of TCP or UDP behind it. */
static u64 pseudo(const u8 *p, const struct layout *l, u32 n)
{
	return inet_sum((u64)l->proto + n, p + (l->v6 ? 22 : 26), l->v6 ? 32 : 8);
}

u8 vif_checked(const struct net_frame *f)
{
	struct layout l;
	u32 n;

	if (f->csum_blank || f->csum_good)
		return f->csum_blank ? VIF_CSUM_BLANK : VIF_CSUM_GOOD;
	if (f->gso || !parse(f->data, f->len, &l))
		return 0;
	n = l.end - l.l4;
	if (l.proto == PROTO_UDP && (ldbe16(f->data + l.l4 + 4) != n || !ldbe16(f->data + l.l4 + 6)))
		return 0;
	return inet_fold(inet_sum(pseudo(f->data, &l, n), f->data + l.l4, n)) == 0xffff ? VIF_CSUM_GOOD : 0;
}

u32 vif_flow(const u8 *data, u32 len, u32 n)
{
	struct layout l;
	u32 h = 0, i;

	if (n < 2 || !parse(data, len, &l))
		return 0;
	/* Addresses, ports. */
	for (i = l.v6 ? 22 : 26; i < l.l4 + 4; i += 4)
		h = (h ^ ldbe32(data + i)) * 0x9e3779b1u;
	return (h >> 16) % n;
}

static u32 tcp_header(const u8 *p, const struct layout *l)
{
	return (u32)(p[l->l4 + 12] >> 4) * 4;
}

/* A segment that may be part of a train: data, and nothing but ACK and PSH. */
static bool plain(const u8 *p, const struct layout *l, u32 *payload)
{
	u32 header = tcp_header(p, l);

	if (l->proto != PROTO_TCP || header < 20 || l->l4 + header >= l->end ||
	    (p[l->l4 + 13] & ~TCP_PSH) != TCP_ACK || (p[l->l4 + 12] & 15))
		return false;
	*payload = l->end - l->l4 - header;
	return true;
}

/* Whether headers say the same, but for lengths, identification, checksums, sequence number and PSH. */
static bool same_flow(const u8 *a, const u8 *b, const struct layout *l)
{
	u32 t = l->l4;

	if (memcmp(a, b, 14))
		return false;
	if (l->v6 ? memcmp(a + 14, b + 14, 4) || memcmp(a + 20, b + 20, 34)
		  : a[15] != b[15] || memcmp(a + 20, b + 20, 4) || memcmp(a + 26, b + 26, 8))
		return false;
	return !memcmp(a + t, b + t, 4) && !memcmp(a + t + 8, b + t + 8, 5) && !memcmp(a + t + 14, b + t + 14, 2) &&
	       !memcmp(a + t + 18, b + t + 18, tcp_header(a, l) - 18);
}

/* The headers of a train: lengths, the checksum of IPv4, the TCP checksum as the stack's own offloads leave it. */
static void retitle(u8 *p, const struct layout *l, u32 end)
{
	if (l->v6) {
		stbe16(p + 18, end - 54);
	} else {
		stbe16(p + 16, end - 14);
		stbe16(p + 24, 0);
		stbe16(p + 24, ~inet_fold(inet_sum(0, p + 14, 20)) & 0xffff);
	}
	stbe16(p + l->l4 + 16, inet_fold(pseudo(p, l, end - l->l4)));
}

/* An acknowledgement and nothing else: no data, no options but a time stamp. */
static bool pure_ack(const u8 *p, const struct layout *l)
{
	u32 header = tcp_header(p, l);

	return l->proto == PROTO_TCP && l->l4 + header == l->end && p[l->l4 + 13] == TCP_ACK && !(p[l->l4 + 12] & 15) &&
	       (header == 20 || (header == 32 && ldbe32(p + l->l4 + 20) == 0x0101080a));
}

/* Whether b says all that a says and more: an acknowledgement of more bytes, with a newer window. */
static bool supersedes(const u8 *a, const u8 *b, const struct layout *la, const struct layout *lb)
{
	u32 t = la->l4, ahead = ldbe32(b + t + 8) - ldbe32(a + t + 8);

	return pure_ack(a, la) && pure_ack(b, lb) && la->end == lb->end && !memcmp(a, b, 14) &&
	       !memcmp(a + (la->v6 ? 22 : 26), b + (la->v6 ? 22 : 26), la->v6 ? 40 : 16) && ahead && !(ahead >> 31);
}

struct vif_frame *vif_merge(struct vif_frame *last, const struct net_frame *f, u32 can)
{
	struct vif_frame *a = last;
	struct layout la, lb;
	u32 na, nb, size;

	if (!a || a->closed || f->gso || f->csum_blank || !f->csum_good || !(a->gso || (a->flags & VIF_CSUM_GOOD)) ||
	    !parse(a->data, a->len, &la) || !parse(f->data, f->len, &lb) || la.v6 != lb.v6)
		return NULL;
	if (!a->gso && supersedes(a->data, f->data, &la, &lb)) {
		memcpy(a->data, f->data, lb.end);
		return a;
	}
	if (!(can & NET_CAN_CSUM) || !(can & (la.v6 ? NET_CAN_TSO6 : NET_CAN_TSO4)) || !plain(a->data, &la, &na) ||
	    !plain(f->data, &lb, &nb) || tcp_header(a->data, &la) != tcp_header(f->data, &lb) ||
	    !same_flow(a->data, f->data, &la))
		return NULL;
	size = a->gso ? a->gso_size : na;
	/* All segments but the last are of one size. */
	if (ldbe32(a->data + la.l4 + 4) + na != ldbe32(f->data + lb.l4 + 4) || nb > size || na % size || la.end + nb > VIF_TX_MAX)
		return NULL;
	if (la.end + nb > a->cap) {
		u32 cap = MIN(MAX(a->cap * 2, la.end + nb * 8), VIF_TX_MAX);

		a = realloc(a, sizeof *a + cap);
		if (!a)
			return NULL;
		a->cap = cap;
	}
	memcpy(a->data + la.end, f->data + lb.end - nb, nb);
	a->data[la.l4 + 13] |= f->data[lb.l4 + 13] & TCP_PSH;
	a->len = la.end + nb;
	a->gso = la.v6 ? NET_GSO_TCP6 : NET_GSO_TCP4;
	a->gso_size = (u16)size;
	a->flags = VIF_CSUM_BLANK;
	a->closed = nb < size;
	retitle(a->data, &la, a->len);
	return a;
}
