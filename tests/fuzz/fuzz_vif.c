/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzes the network back end: the input is what a front end writes into its rings, what it tells of itself, what comes from
 * the network and through the door, and when. Nothing may break or stay in use, and a saved card must load as it was.
 */
#define PV_ENV_NO_CHECK 1
#include "tests/unit/vif_env.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void reload(struct vworld *w)
{
	struct buf a = { 0 }, b = { 0 };
	struct reader r;

	state_list_save(&w->e->d->states, &a);
	reader_init(&r, a.p, a.len);
	if (state_list_load(&w->e->d->states, &r, NULL) || state_list_loaded(&w->e->d->states, NULL))
		abort();
	state_list_save(&w->e->d->states, &b);
	if (a.len != b.len || memcmp(a.p, b.p, a.len))
		abort();
	buf_free(&a);
	buf_free(&b);
}

static void reconnect(struct vworld *w, u32 bits)
{
	static const char *const keys[] = { "feature-sg", "feature-gso-tcpv4", "feature-gso-tcpv6", "feature-no-csum-offload",
					    "feature-rx-notify", "request-multicast-control" };
	u32 i, queues = 1 + (bits >> 6 & 1);

	vset(w, "state", "%u", XENBUS_CLOSED);
	vset(w, "state", "%u", XENBUS_INITIALISING);
	vset(w, "multi-queue-num-queues", "%u", queues);
	vprepare(w, queues, bits >> 7);
	for (i = 0; i < ARRAY_SIZE(keys); i++)
		vset(w, keys[i], "%u", bits >> i & 1);
	vset(w, "state", "%u", XENBUS_CONNECTED);
}

/* A frame whose first bytes are the input's, longer than those. */
static void from_network(struct vworld *w, struct reader *in, u32 kind)
{
	static const u8 nothing[NET_FRAME_MAX];
	u32 n = reader_u8(in), more = reader_u8(in) * (kind & 1 ? 200u : 2u);
	const u8 *p = reader_get(in, MIN(n, in->left));
	u8 *b = malloc(n + more + 64);
	struct net_frame f = { .data = b, .len = n + more, .gso = kind >> 1 & 3, .csum_blank = kind >> 3 & 1, .csum_good = kind >> 4 & 1 };

	if (!b || !p) {
		free(b);
		return;
	}
	memset(b, 0, n + more + 64);
	n = MIN(n, (u32)(in->p - p));
	memcpy(b, nothing, f.len);
	memcpy(b, p, n);
	/* Now and then a segment that is right. */
	if (kind & 32)
		f.len = vtcp(b, 9 + (n & 1), more * (n >> 1 & 3), 16, nothing, more);
	f.gso_size = f.gso ? (u16)(1 + n * 5) : 0;
	netdev_send(w->peer, &f);
	free(b);
}

static void step(struct vworld *w, struct reader *in)
{
	u32 op = reader_u8(in), x = reader_u8(in), q = x >> 7, i;
	u8 b[VIF_TX_SLOT] = { 0 };
	const u8 *p;

	switch (op % 14) {
	case 0:
	case 1: /* a request to send, of sane reach */
		p = reader_get(in, 6);
		if (p)
			vsend(w, q, VREF(p[0] % 80), ld16(p + 1) & 0xfff, p[3] & 15, x, ld16(p + 4) & (op & 1 ? 0x3ff : 0xffff));
		break;
	case 2:
		p = reader_get(in, VIF_TX_SLOT);
		if (p)
			memcpy(b, p, VIF_TX_SLOT);
		vput(w, vtx_slot(q, w->tx_prod[q]++), b, VIF_TX_SLOT);
		break;
	case 3:
		p = reader_get(in, 8);
		if (p)
			memcpy(b, p, 8);
		b[0] %= 6;
		vsend_extra(w, q, b);
		break;
	case 4:
		vsend_push(w, q);
		break;
	case 5:
		for (i = x & 31; i; i--)
			vbuffer(w, q, i, VREF((i + x) % 70));
		vbuffer_push(w, q);
		break;
	case 6:
		env_put32(w->e, ENV_VA(VRING + (x >> 2 & 3)) + (x & 3) * 4, reader_u32(in));
		break;
	case 7:
	case 8:
		from_network(w, in, x);
		break;
	case 9: /* past the network: anything at the door */
		p = reader_get(in, MIN(x, in->left));
		if (p)
			door_post(&w->e->d->door, DOOR_NET, 0, p, (u32)(in->p - p));
		break;
	case 10:
		vgrant(w, VREF(x % VPAGES), x & 64 ? GTF_permit_access | (x >> 7) * GTF_readonly : 0, ENV_MFN(VPAGE + x % VPAGES));
		break;
	case 11:
		env_skip(w->e, w->e->d->time.s.now + (u64)x * x * x * 1000);
		break;
	case 12:
		if (x & 1)
			reload(w);
		else
			vif_set_link(&w->e->pv.xen, 0, x & 2);
		break;
	default:
		if (x & 3)
			vdoor(w);
		else
			reconnect(w, reader_u8(in));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vworld *w = vworld_new();
	struct reader in;

	vconnect(w, 1, true);
	reader_init(&in, data, size);
	while (in.left && !in.failed)
		step(w, &in);
	vdoor(w);
	reload(w);
	vworld_free(w);
	return 0;
}
