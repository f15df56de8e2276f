/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fragments of a guest's IPv4 datagrams, put together before libslirp sees them (RFC 791 3.2, RFC 5722 for those that overlap):
 * libslirp would keep any number of them for half a minute, and the guard (user_guard.c) could not see what connection a datagram
 * in pieces is for.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#if HAVE_SLIRP
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/inet_sum.h"
#include "hw/host/net/user.h"

#define PATIENCE_NS 30000000000u
#define IP_HEADER 20u
#define PAYLOAD_MAX (65535u - IP_HEADER)
#define BLOCK 8u /* bytes that an offset counts */

/* One datagram. */
struct net_pile {
	bool used;
	u64 since; /* host time of the first one that came */
	u8 key[11];
	u32 have, total; /* bytes of payload; total is 0 as long as the last fragment has not come */
	u8 got[PAYLOAD_MAX / BLOCK + 1]; /* by block */
	u8 frame[NET_ETH_HEADER + IP_HEADER + PAYLOAD_MAX];
};

bool net_is_fragment(const u8 *f, u32 len)
{
	return len >= NET_ETH_HEADER + IP_HEADER && ldbe16(f + 12) == 0x0800 && ldbe16(f + NET_ETH_HEADER + 6) & 0x3fff;
}

/* That of the key, or one that is free, or the oldest. */
static struct net_pile *find(struct net_frags *s, const u8 key[11], u64 now)
{
	struct net_pile *p, *best = NULL;
	u32 i;

	for (i = 0; i < NET_PILES; i++) {
		p = &s->piles[i];
		if (p->used && now - p->since > PATIENCE_NS)
			p->used = false;
		if (p->used && !memcmp(p->key, key, sizeof p->key))
			return p;
		if (!best || (best->used && (!p->used || p->since < best->since)))
			best = p;
	}
	best->used = true;
	best->since = now;
	best->have = best->total = 0;
	memcpy(best->key, key, sizeof best->key);
	memset(best->got, 0, sizeof best->got);
	return best;
}

/* Marks blocks as there. How many of them were before. */
static u32 mark(struct net_pile *p, u32 first, u32 n)
{
	u32 i, old = 0;

	for (i = first; i < first + n; i++) {
		old += p->got[i];
		p->got[i] = 1;
	}
	return old;
}

/* The header of the whole, from that of the first fragment; options have no meaning here. */
static void finish(struct net_pile *p)
{
	u8 *ip = p->frame + NET_ETH_HEADER;

	ip[0] = 0x45;
	stbe16(ip + 2, (u16)(IP_HEADER + p->total));
	stbe16(ip + 6, 0);
	stbe16(ip + 10, 0);
	stbe16(ip + 10, (u16)~inet_fold(inet_sum(0, ip, IP_HEADER)));
	p->used = false;
}

const u8 *net_frags_put(struct net_frags *s, const u8 *f, u32 len, u64 now, u32 *whole)
{
	const u8 *ip = f + NET_ETH_HEADER;
	u32 header = (ip[0] & 15) * 4u, total = ldbe16(ip + 2), at = (ldbe16(ip + 6) & 0x1fffu) * BLOCK, n, blocks, old;
	bool more = ldbe16(ip + 6) & 0x2000;
	struct net_pile *p;
	u8 key[11];

	if (ip[0] >> 4 != 4 || header < IP_HEADER || total <= header || total > len - NET_ETH_HEADER)
		return NULL;
	n = total - header;
	if ((more && n % BLOCK) || at + n > PAYLOAD_MAX)
		return NULL;
	if (!s->piles && !(s->piles = calloc(NET_PILES, sizeof *s->piles)))
		return NULL;
	memcpy(key, ip + 12, 8);
	memcpy(key + 8, ip + 4, 2);
	key[10] = ip[9];
	p = find(s, key, now);
	blocks = (n + BLOCK - 1) / BLOCK;
	old = mark(p, at / BLOCK, blocks);
	if (old == blocks)
		return NULL; /* it came twice */
	/* Pieces that do not fit together: nothing is made of them. */
	if (old || (p->total && (!more || at + n > p->total)) || (!more && p->have > at)) {
		p->used = false;
		return NULL;
	}
	if (!more)
		p->total = at + n;
	p->have += n;
	memcpy(p->frame + NET_ETH_HEADER + IP_HEADER + at, ip + header, n);
	if (!at)
		memcpy(p->frame, f, NET_ETH_HEADER + IP_HEADER);
	if (!p->total || p->have < p->total)
		return NULL;
	finish(p);
	*whole = NET_ETH_HEADER + IP_HEADER + p->total;
	return p->frame;
}

void net_frags_free(struct net_frags *s)
{
	free(s->piles);
	s->piles = NULL;
}
#endif
