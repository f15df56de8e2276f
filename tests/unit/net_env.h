/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests of networks: somebody who gathers frames, and a loop with a time limit.
 */
#ifndef TESTS_UNIT_NET_ENV_H
#define TESTS_UNIT_NET_ENV_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "hw/host/net/net.h"

#define CARD_FRAMES 4096

struct card {
	struct netdev *n;
	bool full;
	u32 frames, bytes;
	u32 len[CARD_FRAMES];
	u8 last[NET_FRAME_MAX];
	u32 last_len;
	struct net_frame what; /* the last one's, but for data */
	u64 sum;               /* over all bytes in order */
};

static inline u64 card_sum(u64 sum, const u8 *p, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++)
		sum = (sum ^ p[i]) * 0x100000001b3ull;
	return sum + n;
}

static inline bool card_receive(void *opaque, const struct net_frame *f)
{
	struct card *c = opaque;

	if (c->full)
		return false;
	c->len[c->frames % CARD_FRAMES] = f->len;
	memcpy(c->last, f->data, f->len);
	c->last_len = f->len;
	c->what = *f;
	c->frames++;
	c->bytes += f->len;
	c->sum = card_sum(c->sum, f->data, f->len);
	return true;
}

static const struct net_client card_plain = { 0, card_receive };

/* Runs the loop until cond or five seconds have gone. */
#define LOOP_UNTIL(ps, cond)                                                                                           \
	do {                                                                                                           \
		u64 loop_end = host_now() + 60000000000u;                                                              \
		while (!(cond) && host_now() < loop_end)                                                               \
			poll_wait(ps, 2000000);                                                                        \
		ck_assert_msg(cond, "waited in vain for " #cond);                                                      \
	} while (0)

static inline struct netdev *net_must(const char *spec, struct net_hubs *hubs, struct poll_set *ps)
{
	struct error e = { "" };
	struct netdev *n = netdev_open(spec, hubs, ps, &e);

	ck_assert_msg(n != NULL, "%s: %s", spec, e.text);
	return n;
}

/* Refused, with these words in the sentence. */
static inline void net_refused(const char *spec, struct net_hubs *hubs, struct poll_set *ps, const char *w1,
			       const char *w2)
{
	struct error e = { "" };
	struct netdev *n = netdev_open(spec, hubs, ps, &e);

	ck_assert_msg(!n, "%s opened", spec);
	ck_assert_msg(strstr(e.text, w1) && strstr(e.text, w2), "%s: '%s'", spec, e.text);
}

#endif
