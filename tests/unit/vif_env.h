/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A network card's front end by hand: rings, grants and channels in a domain without a kernel. The card hangs on a hub; on
 * the hub's other port somebody writes down what the guest sends, and sends to it.
 */
#ifndef TESTS_UNIT_VIF_ENV_H
#define TESTS_UNIT_VIF_ENV_H

#define ENV_FRAMES 80u

#include "tests/unit/pv_env.h"
#include "xen/backend/vif_impl.h"
#include "xen/grant.h"
#include "xen/store/impl.h"

#define VME 7u
#define VFRONT "/local/domain/7/device/vif/0"
#define VBACK "/local/domain/0/backend/vif/7/0"
#define VERR "/local/domain/0/error/backend/vif/7/0"
/* Frames: rings from VRING on, two a queue; pages from VPAGE on, granted as references 64 and up. */
#define VRING 4u
#define VPAGE 16u
#define VPAGES 64u
#define VREF(page) (64u + (page))
#define VTX(q) (VRING + 2 * (q))
#define VRX(q) (VRING + 2 * (q) + 1)
#define VCAUGHT 64u

struct caught {
	u32 len;
	u8 gso;
	bool blank, good;
	u16 gso_size;
	u8 data[NET_FRAME_MAX];
};

struct vworld {
	struct env *e;
	struct net_hubs *hubs;
	struct netdev *card, *peer;
	struct net_client client;
	struct vif *v; /* NULL when it is gone */
	struct caught *caught;
	u32 ncaught; /* may be more than were kept */
	u32 tx_prod[VIF_QUEUES], rx_prod[VIF_QUEUES], rx_seen[VIF_QUEUES], port[2 * VIF_QUEUES];
};

static inline bool vcatch(void *opaque, const struct net_frame *f)
{
	struct vworld *w = opaque;
	struct caught *c = &w->caught[w->ncaught++ % VCAUGHT];

	c->len = f->len;
	c->gso = f->gso;
	c->blank = f->csum_blank;
	c->good = f->csum_good;
	c->gso_size = f->gso_size;
	memcpy(c->data, f->data, f->len);
	return true;
}

static inline struct vif *vfind(struct vworld *w)
{
	struct xenbus_device *dev = xenbus_find(&w->e->pv.xen, "vif", 0);

	return dev ? xenbus_service(dev) : NULL;
}

static inline struct vworld *vworld_new(void)
{
	static const u8 mac[6] = { 0x00, 0x16, 0x3e, 1, 2, 3 };
	struct vworld *w = calloc(1, sizeof *w);
	struct xs_perm ro[2] = { { 0, XS_PERM_NONE }, { VME, XS_PERM_READ } };
	struct error err = { "" };

	ck_assert_ptr_nonnull(w);
	w->caught = calloc(VCAUGHT, sizeof *w->caught);
	w->e = env_new();
	w->e->pv.xen.s.console_mfn = ENV_MFN(2);
	w->e->pv.xen.s.store_mfn = ENV_MFN(3);
	ck_assert_int_eq(grants_init(&w->e->pv.xen), 0);
	grants_seed(&w->e->pv.xen);
	ck_assert_int_eq(xs_domain_init(&w->e->pv.xen), 0);
	ck_assert_int_eq(xs_mkdir(w->e->pv.xen.store, "/local/domain/7/device"), 0);
	ck_assert_int_eq(xs_set_perms(w->e->pv.xen.store, "/local/domain/7/device", ro, 2), 0);
	ck_assert_int_eq(xenbus_init(&w->e->pv.xen), 0);
	w->hubs = net_hubs_new();
	w->card = netdev_open("hubport,id=card,hubid=0", w->hubs, w->e->host.poll, &err);
	ck_assert_msg(w->card, "%s", err.text);
	w->peer = netdev_open("hubport,id=peer,hubid=0", w->hubs, w->e->host.poll, &err);
	ck_assert_msg(w->peer, "%s", err.text);
	w->client = (struct net_client){ NET_CAN_CSUM | NET_CAN_TSO4 | NET_CAN_TSO6, vcatch };
	netdev_set_client(w->peer, &w->client, w);
	ck_assert_int_eq(vif_add(&w->e->pv.xen, 0, w->card, mac, &err), 0);
	w->v = vfind(w);
	return w;
}

/* Nothing may be left in use. */
static inline void vworld_free(struct vworld *w)
{
	struct env *e = w->e;
	const char *bad;
	u64 mfn;
	u32 i, used = 0;

	xenbus_free(&e->pv.xen);
	for (i = 0; i < e->pv.xen.grants->nacts; i++)
		used += e->pv.xen.grants->acts[i].reads + e->pv.xen.grants->acts[i].writes;
	ck_assert_uint_eq(used, 0);
	ck_assert_uint_eq(timeline_next(&e->d->time) != TIME_NEVER && e->d->time.heap[0]->order >> 16 == XEN_TIMER_VIF, 0);
	netdev_close(w->card);
	netdev_close(w->peer);
	net_hubs_free(w->hubs);
	xs_domain_free(&e->pv.xen);
	bad = pv_mm_check(&e->pv, &mfn);
	ck_assert_msg(!bad, "%s", bad ? bad : "");
	grants_free(&e->pv.xen);
	env_free(e);
	free(w->caught);
	free(w);
}

/* ---- the front end ----------------------------------------------------------------------------------------------- */

static inline void vset(struct vworld *w, const char *key, const char *fmt, u32 v)
{
	struct xenstore *s = w->e->pv.xen.store;
	char path[128], text[32];

	snprintf(path, sizeof path, VFRONT "/%s", key);
	snprintf(text, sizeof text, fmt, v);
	xs_do_write(xs_guest(s, VME), s, NULL, path, text, strlen(text));
}

static inline const char *vget(struct vworld *w, const char *path)
{
	const char *p = xs_read(w->e->pv.xen.store, path, NULL);

	return p ? p : "(none)";
}

static inline void vgrant(struct vworld *w, u32 ref, u32 flags, u64 mfn)
{
	u64 at = (w->e->pv.xen.grants->s.frames[0] << PAGE_SHIFT) + ref * 8;

	env_put32(w->e, at, flags);
	env_put32(w->e, at + 4, (u32)mfn);
}

static inline u32 voffer(struct vworld *w)
{
	ck_assert_int_eq(env_evtchn(w->e, 6, DOMID_SELF, 0, 0), 0);
	return env_arg(w->e, 1);
}

static inline u64 vtx_slot(u32 q, u32 idx)
{
	return ENV_VA(VTX(q)) + VIF_RING_BASE + idx % VIF_SLOTS * VIF_TX_SLOT;
}

static inline u64 vrx_slot(u32 q, u32 idx)
{
	return ENV_VA(VRX(q)) + VIF_RING_BASE + idx % VIF_SLOTS * VIF_RX_SLOT;
}

static inline void vput(struct vworld *w, u64 at, const void *p, u32 n)
{
	mem_write(&w->e->d->mem, at, p, n);
}

static inline void vtake(struct vworld *w, u64 at, void *p, u32 n)
{
	mem_read(&w->e->d->mem, at, p, n);
}

/* Fresh rings, pages granted, numbers written; the state is left to the caller. */
static inline void vprepare(struct vworld *w, u32 queues, bool split)
{
	char key[40];
	u32 i, k, off;

	for (i = 0; i < VPAGES; i++)
		vgrant(w, VREF(i), GTF_permit_access, ENV_MFN(VPAGE + i));
	for (i = 0; i < queues; i++) {
		const char *dir = "";
		char in[16];

		snprintf(in, sizeof in, "queue-%u/", i);
		if (queues > 1)
			dir = in;
		for (k = 0; k < 2; k++) {
			u64 ring = ENV_VA(VRING + 2 * i + k);

			for (off = 0; off < VIF_RING_BASE; off += 4)
				env_put32(w->e, ring + off, 0);
			env_put32(w->e, ring + RING_REQ_EVENT, 1);
			env_put32(w->e, ring + RING_RSP_EVENT, 1);
			vgrant(w, 20 + 2 * i + k, GTF_permit_access, ENV_MFN(VRING + 2 * i + k));
			snprintf(key, sizeof key, "%s%s-ring-ref", dir, k ? "rx" : "tx");
			vset(w, key, "%u", 20 + 2 * i + k);
			if (k && !split) {
				w->port[2 * i + 1] = w->port[2 * i];
				continue;
			}
			w->port[2 * i + k] = voffer(w);
			snprintf(key, sizeof key, "%sevent-channel%s", dir, !split ? "" : k ? "-rx" : "-tx");
			vset(w, key, "%u", w->port[2 * i + k]);
		}
		w->tx_prod[i] = w->rx_prod[i] = w->rx_seen[i] = 0;
	}
	if (queues > 1)
		vset(w, "multi-queue-num-queues", "%u", queues);
	vset(w, "request-rx-copy", "%u", 1);
	vset(w, "feature-rx-notify", "%u", 1);
	vset(w, "feature-sg", "%u", 1);
	vset(w, "feature-gso-tcpv4", "%u", 1);
	vset(w, "feature-gso-tcpv6", "%u", 1);
	vset(w, "feature-ipv6-csum-offload", "%u", 1);
}

static inline void vconnect(struct vworld *w, u32 queues, bool split)
{
	vprepare(w, queues, split);
	vset(w, "state", "%u", XENBUS_CONNECTED);
	ck_assert_str_eq(vget(w, VBACK "/state"), "4");
}

static inline bool vpending(struct vworld *w, u32 port)
{
	bool is = evtchn_pending(&w->e->pv.xen, port) == 1;

	xen_bit_clear(&w->e->d->mem, xen_shared_bits(&w->e->pv.xen, SI_EVTCHN_PENDING), port);
	return is;
}

static inline void vkick(struct vworld *w, u32 port)
{
	env_evtchn(w->e, 4, port, 0, 0);
}

/* A request to send; the producer's index moves with vsend_push(). */
static inline void vsend(struct vworld *w, u32 q, u32 ref, u32 offset, u32 flags, u32 id, u32 size)
{
	u8 b[VIF_TX_SLOT];

	st32(b, ref);
	st16(b + 4, (u16)offset);
	st16(b + 6, (u16)flags);
	st16(b + 8, (u16)id);
	st16(b + 10, (u16)size);
	vput(w, vtx_slot(q, w->tx_prod[q]++), b, sizeof b);
}

static inline void vsend_extra(struct vworld *w, u32 q, const u8 extra[8])
{
	u8 b[VIF_TX_SLOT] = { 0 };

	memcpy(b, extra, 8);
	vput(w, vtx_slot(q, w->tx_prod[q]++), b, sizeof b);
}

static inline void vsend_push(struct vworld *w, u32 q)
{
	env_put32(w->e, ENV_VA(VTX(q)) + RING_REQ_PROD, w->tx_prod[q]);
	vkick(w, w->port[2 * q]);
	env_skip(w->e, w->e->d->time.s.now + VIF_TX_DELAY);
}

/* A buffer to receive into. */
static inline void vbuffer(struct vworld *w, u32 q, u32 id, u32 ref)
{
	u8 b[VIF_RX_SLOT] = { 0 };

	st16(b, (u16)id);
	st32(b + 4, ref);
	vput(w, vrx_slot(q, w->rx_prod[q]++), b, sizeof b);
}

static inline void vbuffer_push(struct vworld *w, u32 q)
{
	u64 ring = ENV_VA(VRX(q));
	u32 old = env_u32(w->e, ring + RING_REQ_PROD), now = w->rx_prod[q];

	env_put32(w->e, ring + RING_REQ_PROD, now);
	if (now - env_u32(w->e, ring + RING_REQ_EVENT) < now - old)
		vkick(w, w->port[2 * q + 1]);
}

static inline u32 vanswered(struct vworld *w, u64 ring)
{
	return env_u32(w->e, ring + RING_RSP_PROD);
}

/* The outside comes in, and timers that are due fire. */
static inline void vdoor(struct vworld *w)
{
	door_open(&w->e->d->door, 0, w->e->d->time.s.now);
	timeline_fire(&w->e->d->time);
}

struct vrx {
	u32 id, offset, flags;
	i16 status;
};

static inline struct vrx vresponse(struct vworld *w, u32 q, u32 idx)
{
	u8 b[VIF_RX_SLOT];

	vtake(w, vrx_slot(q, idx), b, sizeof b);
	return (struct vrx){ ld16(b), ld16(b + 2), ld16(b + 4), (i16)ld16(b + 6) };
}

/* ---- frames ------------------------------------------------------------------------------------------------------ */

/* An Ethernet, IPv4 and TCP header with n bytes of payload; checksums right. Returns the length. */
static inline u32 vtcp(u8 *p, u32 port, u32 seq, u32 flags, const u8 *payload, u32 n)
{
	static const u8 head[34] = { 0x00, 0x16, 0x3e, 1, 2, 3, 0x52, 0x55, 10, 0, 2, 2, 0x08, 0x00, 0x45, 0, 0, 0,
				     0, 1, 0x40, 0, 64, 6, 0, 0, 10, 0, 2, 2, 10, 0, 2, 15 };
	u64 s;
	u32 i;

	memcpy(p, head, 34);
	memset(p + 34, 0, 20);
	p[16] = (u8)((n + 40) >> 8);
	p[17] = (u8)(n + 40);
	for (i = 14, s = 0; i < 34; i += 2)
		s += (u32)p[i] << 8 | p[i + 1];
	s = (s & 0xffff) + (s >> 16);
	p[24] = (u8)(~s >> 8);
	p[25] = (u8)~s;
	p[34] = (u8)(port >> 8);
	p[35] = (u8)port;
	p[37] = 80;
	for (i = 0; i < 4; i++)
		p[38 + i] = (u8)(seq >> (24 - 8 * i));
	p[46] = 0x50;
	p[47] = (u8)flags;
	p[48] = 0x20;
	if (n)
		memcpy(p + 54, payload, n);
	for (i = 26, s = 6 + 20 + n; i < 54 + n; i += 2)
		s += (u32)p[i] << 8 | (i + 1 < 54 + n ? p[i + 1] : 0);
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	p[50] = (u8)(~s >> 8);
	p[51] = (u8)~s;
	return 54 + n;
}

#endif
