/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A front end of the block back end, driven by hand, for its tests and its fuzzer: a domain without a kernel (translation is
 * off), a disk in a temporary file, rings in either layout. What cannot fail aborts when it does.
 */
#ifndef TESTS_UNIT_VBD_ENV_H
#define TESTS_UNIT_VBD_ENV_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/endian.h"
#include "hw/host/block/filter.h"
#include "pv/hypercall.h"
#include "pv/mm/mm.h"
#include "vm/x86.h"
#include "xen/backend/vbd.h"
#include "xen/backend/xenbus.h"
#include "xen/evtchn.h"
#include "xen/grant.h"
#include "xen/sched.h"
#include "xen/store/impl.h"
#include "xen/time.h"

#define VE_FRAMES 160u
#define VE_MFN(n) (PV_MFN_BASE + (n))
#define VE_VA(n) (VE_MFN(n) << PAGE_SHIFT)
#define VE_ARGS VE_VA(1)
#define VE_ME 7u
#define VE_L1 4u     /* a page table */
#define VE_RING 8u   /* frames 8 to 71: four rings of up to 16 pages */
#define VE_PAGE 72u  /* data pages, one reference each: VE_REF + i is frame VE_PAGE + i */
#define VE_REF 100u
#define VE_PAGES 80u
#define VE_RING_REF 20u /* of ring q, page i: VE_RING_REF + q * 16 + i */
#define VE_RO_REF 200u  /* page 0 again, for reading alone */
#define VE_DISK (1u << 20)

enum { OP_READ, OP_WRITE, OP_BARRIER, OP_FLUSH, OP_RESERVED, OP_DISCARD, OP_INDIRECT };

struct ve_seg {
	u32 ref;
	u8 first, last;
};

struct ve_answer {
	u64 id;
	u32 op;
	i32 status;
};

struct ve {
	struct host host;
	struct domain *d;
	struct pv_domain pv;
	struct pv_vcpu vcpu;
	char path[40], front[64], back[64];
	struct block *block;
	struct vbd *vbd;
	u32 removed, held; /* held: how often time stood for the host */
	/* The front end's side. */
	bool wide, persistent;
	u32 order, queues, entries;
	u32 port[4], prod[4], cons[4];
};

#define VE_NEED(x) do { if (!(x)) { fprintf(stderr, "vbd_env: %s failed (line %d)\n", #x, __LINE__); abort(); } } while (0)

static inline void ve_removed(void *opaque)
{
	((struct ve *)opaque)->removed++;
}

static inline void ve_put32(struct ve *w, u64 at, u32 v)
{
	mem_write_u32(&w->d->mem, at, v);
}

static inline u32 ve_u32(struct ve *w, u64 at)
{
	return mem_read_u32(&w->d->mem, at);
}

static inline i64 ve_evtchn(struct ve *w, u32 cmd, u32 w0, u32 w1, u32 w2)
{
	struct hc h = { .v = w->d->vcpus[0], .args = { cmd, VE_ARGS } };

	ve_put32(w, VE_ARGS, w0);
	ve_put32(w, VE_ARGS + 4, w1);
	ve_put32(w, VE_ARGS + 8, w2);
	return hc_event_channel_op(&h);
}

/* Lets virtual time pass until to; TIME_NEVER: until all requests have ended. */
static inline void ve_time(struct ve *w, u64 to)
{
	if (to == TIME_NEVER)
		to = w->d->time.s.now + 1000000;
	while (timeline_next(&w->d->time) <= to) {
		timeline_skip(&w->d->time, timeline_next(&w->d->time));
		timeline_fire(&w->d->time);
		for (; w->d->time.held; w->held++)
			poll_wait(w->host.poll, 1000000000);
	}
	timeline_skip(&w->d->time, to);
}

/* An entry of the grant table, version 1. */
static inline void ve_grant(struct ve *w, u32 ref, u32 flags, u64 mfn)
{
	u64 at = (w->pv.xen.grants->s.frames[0] << PAGE_SHIFT) + ref * 8;

	ve_put32(w, at, flags);
	ve_put32(w, at + 4, (u32)mfn);
}

static inline u32 ve_grant_flags(struct ve *w, u32 ref)
{
	return ve_u32(w, (w->pv.xen.grants->s.frames[0] << PAGE_SHIFT) + ref * 8) & 0xffff;
}

static inline int ve_write(struct ve *w, const char *key, const char *value)
{
	char path[160];

	snprintf(path, sizeof path, "%s/%s", w->front, key);
	return xs_do_write(xs_guest(w->pv.xen.store, VE_ME), w->pv.xen.store, NULL, path, value, strlen(value));
}

static inline void ve_write_u32(struct ve *w, const char *key, u32 v)
{
	char text[16];

	snprintf(text, sizeof text, "%u", v);
	VE_NEED(!ve_write(w, key, text));
}

static inline void ve_state(struct ve *w, u32 s)
{
	ve_write_u32(w, "state", s);
}

/* A value of the back end's, or "(none)". */
static inline const char *ve_value(struct ve *w, const char *key)
{
	char path[160];
	const char *p;

	snprintf(path, sizeof path, "%s/%s", w->back, key);
	p = xs_read(w->pv.xen.store, path, NULL);
	return p ? p : "(none)";
}

/* Byte k of sector s of a disk nobody has written. */
static inline u8 ve_pattern(u64 s, u32 k)
{
	return (u8)(s * 7 + k + (k >> 8) * 31);
}

static inline void ve_plug(struct ve *w, bool readonly, bool cdrom)
{
	struct vbd_config c = { .block = w->block, .index = 0, .readonly = readonly, .cdrom = cdrom,
				.removed = ve_removed, .opaque = w };

	VE_NEED(!vbd_add(&w->pv.xen, &c, &w->vbd, NULL));
}

/* A domain with a disk of VE_DISK bytes (o NULL: plain), not connected. */
static inline struct ve *ve_new(const struct block_options *o, bool readonly, bool cdrom)
{
	static const struct block_options plain = { .format = "raw" };
	struct ve *w = calloc(1, sizeof *w);
	struct xs_perm ro[2] = { { 0, XS_PERM_NONE }, { VE_ME, XS_PERM_READ } };
	u8 *all = malloc(VE_DISK);
	u32 i, k;
	int fd;

	VE_NEED(w && !host_init(&w->host, &x86_arch, 0));
	w->d = domain_create(&w->host, "test", pv_mm_limit(VE_FRAMES), 1, 0);
	VE_NEED(w->d);
	w->d->id = VE_ME;
	domain_become(w->d, DOMAIN_PV, &w->pv, NULL);
	w->pv.xen.d = w->d;
	w->pv.xen.ops = &pv_guest_ops;
	VE_NEED(!pv_mm_init(&w->pv, VE_FRAMES, VE_FRAMES));
	w->pv.xen.s.shared_info = VE_MFN(0);
	w->d->vcpus[0]->machine = &w->vcpu;
	w->vcpu.xen.v = w->d->vcpus[0];
	w->vcpu.s.flags = PV_KERNEL_MODE;
	w->vcpu.xen.s.flags = XEN_VCPU_INITIALISED;
	VE_NEED(!evtchn_init(&w->pv.xen) && !xen_time_init(&w->pv.xen));
	xen_vcpu_up(w->d->vcpus[0]);
	xen_time_enter(w->d->vcpus[0]);
	w->pv.xen.s.console_mfn = VE_MFN(2);
	w->pv.xen.s.store_mfn = VE_MFN(3);
	VE_NEED(!grants_init(&w->pv.xen));
	grants_seed(&w->pv.xen);
	VE_NEED(!pv_mm_pin(&w->pv, VE_MFN(VE_L1), PG_L1) && !xs_domain_init(&w->pv.xen));
	VE_NEED(!xs_mkdir(w->pv.xen.store, "/local/domain/7/device") && !xs_set_perms(w->pv.xen.store, "/local/domain/7/device", ro, 2));
	VE_NEED(!xenbus_init(&w->pv.xen));
	for (i = 0; i < 64; i++)
		ve_grant(w, VE_RING_REF + i, GTF_permit_access, VE_MFN(VE_RING + i));
	for (i = 0; i < VE_PAGES; i++)
		ve_grant(w, VE_REF + i, GTF_permit_access, VE_MFN(VE_PAGE + i));
	ve_grant(w, VE_RO_REF, GTF_permit_access | GTF_readonly, VE_MFN(VE_PAGE));
	strcpy(w->path, "/tmp/vbd-XXXXXX");
	fd = mkstemp(w->path);
	VE_NEED(fd >= 0 && all);
	for (i = 0; i < VE_DISK / 512; i++)
		for (k = 0; k < 512; k++)
			all[i * 512 + k] = ve_pattern(i, k);
	VE_NEED(write(fd, all, VE_DISK) == VE_DISK);
	close(fd);
	free(all);
	w->block = block_open(w->path, o ? o : &plain, w->host.poll, NULL, NULL);
	VE_NEED(w->block);
	snprintf(w->front, sizeof w->front, "/local/domain/7/device/vbd/%u", vbd_number(0));
	snprintf(w->back, sizeof w->back, "/local/domain/0/backend/vbd/7/%u", vbd_number(0));
	w->wide = true;
	w->queues = 1;
	ve_plug(w, readonly, cdrom);
	return w;
}

/* Frees all; NULL, or what was left in use. */
static inline const char *ve_free(struct ve *w)
{
	const char *bad;
	u64 mfn;
	u32 i;

	xenbus_free(&w->pv.xen);
	bad = w->removed ? NULL : "the vbd is not removed";
	for (i = 0; i < w->pv.xen.grants->nacts && !bad; i++)
		if (w->pv.xen.grants->acts[i].reads || w->pv.xen.grants->acts[i].writes)
			bad = "a grant is in use";
	xs_domain_free(&w->pv.xen);
	bad = bad ? bad : pv_mm_check(&w->pv, &mfn);
	block_close(w->block);
	grants_free(&w->pv.xen);
	xen_time_free(&w->pv.xen);
	evtchn_free(&w->pv.xen);
	pv_mm_free(&w->pv);
	w->d->vcpus[0]->machine = NULL;
	w->d->machine = NULL;
	domain_destroy(w->d);
	host_exit(&w->host);
	unlink(w->path);
	free(w);
	return bad;
}

/* What a front end writes before it is ready, of w's queues, order, layout and persistence; rings are emptied. */
static inline void ve_prepare(struct ve *w)
{
	u32 q, i, n = ((PAGE_SIZE << w->order) - 64) / (w->wide ? 112 : 108);
	char key[48], dir[24];

	for (w->entries = 1; w->entries * 2 <= n; w->entries *= 2)
		;
	if (w->queues > 1)
		ve_write_u32(w, "multi-queue-num-queues", w->queues);
	if (w->order)
		ve_write_u32(w, "ring-page-order", w->order);
	for (q = 0; q < w->queues; q++) {
		dir[0] = 0;
		if (w->queues > 1)
			snprintf(dir, sizeof dir, "queue-%u/", q);
		VE_NEED(!ve_evtchn(w, 6, DOMID_SELF, 0, 0));
		w->port[q] = ve_u32(w, VE_ARGS + 4);
		snprintf(key, sizeof key, "%sevent-channel", dir);
		ve_write_u32(w, key, w->port[q]);
		for (i = 0; i < 1u << w->order; i++) {
			u8 *p = mem_rw(&w->d->mem, VE_MFN(VE_RING + q * 16 + i), 0, PAGE_SIZE);

			memset(p, 0, PAGE_SIZE);
			snprintf(key, sizeof key, w->order ? "%sring-ref%u" : "%sring-ref", dir, i);
			ve_write_u32(w, key, VE_RING_REF + q * 16 + i);
		}
		ve_put32(w, VE_VA(VE_RING + q * 16) + 12, 1); /* rsp_event */
		w->prod[q] = w->cons[q] = 0;
	}
	VE_NEED(!ve_write(w, "protocol", w->wide ? "x86_64-abi" : "x86_32-abi"));
	ve_write_u32(w, "feature-persistent", w->persistent);
}

static inline void ve_connect(struct ve *w)
{
	ve_prepare(w);
	ve_state(w, XENBUS_INITIALISED);
	ve_state(w, XENBUS_CONNECTED);
}

static inline u64 ve_entry(const struct ve *w, u32 q, u32 i)
{
	return VE_VA(VE_RING + q * 16) + 64 + (i & (w->entries - 1)) * (w->wide ? 112 : 108);
}

/* Writes an entry of the kind without a notice. extra: sectors of a discard; of an indirect request its pages' references. */
static inline void ve_put(struct ve *w, u32 q, u32 op, u32 second, u64 id, u64 sector, const struct ve_seg *seg, u32 n,
			  const u32 *refs, u64 extra)
{
	u32 at = w->wide ? 8 : 4, i;
	u8 b[112] = { 0 };

	b[0] = (u8)op;
	b[1] = (u8)second;
	st64(b + at, id);
	st64(b + at + 8, sector);
	if (op == OP_DISCARD)
		st64(b + at + 16, extra);
	if (refs) {
		st16(b + 2, (u16)extra);
		for (i = 0; i < 8; i++)
			st32(b + at + 20 + i * 4, refs[i]);
	}
	for (i = 0; seg && i < MIN(n, 11u); i++) {
		st32(b + at + 16 + i * 8, seg[i].ref);
		b[at + 20 + i * 8] = seg[i].first;
		b[at + 21 + i * 8] = seg[i].last;
	}
	mem_write(&w->d->mem, ve_entry(w, q, w->prod[q]), b, w->wide ? 112 : 108);
	w->prod[q]++;
}

static inline void ve_kick(struct ve *w, u32 q)
{
	ve_put32(w, VE_VA(VE_RING + q * 16), w->prod[q]);
	ve_evtchn(w, 4, w->port[q], 0, 0);
}

/* The next answer, if there is one. */
static inline bool ve_take(struct ve *w, u32 q, struct ve_answer *a)
{
	u8 b[12];

	if (ve_u32(w, VE_VA(VE_RING + q * 16) + 8) == w->cons[q])
		return false;
	mem_read(&w->d->mem, ve_entry(w, q, w->cons[q]), b, sizeof b);
	w->cons[q]++;
	ve_put32(w, VE_VA(VE_RING + q * 16) + 12, w->cons[q] + 1);
	*a = (struct ve_answer){ ld64(b), b[8], (i16)ld16(b + 10) };
	return true;
}

/* One request of n segments on queue 0, to its end: its status, or 1 when there is no answer or a wrong one. */
static inline i32 ve_do(struct ve *w, u32 op, u64 sector, const struct ve_seg *seg, u32 n, u64 extra)
{
	struct ve_answer a;
	u64 id = 0x1122334455667700ull + w->prod[0];

	ve_put(w, 0, op, n, id, sector, seg, n, NULL, extra);
	ve_kick(w, 0);
	ve_time(w, TIME_NEVER);
	return ve_take(w, 0, &a) && a.id == id && a.op == op && !ve_take(w, 0, &a) ? a.status : 1;
}

/* Fills data page i with what belongs to sectors from s on, turned by x; and tells whether that is in it. */
static inline void ve_fill(struct ve *w, u32 i, u64 s, u8 x)
{
	u8 p[PAGE_SIZE];
	u32 k;

	for (k = 0; k < PAGE_SIZE; k++)
		p[k] = ve_pattern(s + k / 512, k % 512) ^ x;
	mem_write(&w->d->mem, VE_VA(VE_PAGE + i), p, PAGE_SIZE);
}

static inline bool ve_filled(struct ve *w, u32 i, u32 first, u32 last, u64 s, u8 x)
{
	u8 p[PAGE_SIZE];
	u32 k;

	mem_read(&w->d->mem, VE_VA(VE_PAGE + i), p, PAGE_SIZE);
	for (k = first * 512; k < (last + 1) * 512; k++)
		if (p[k] != (u8)(ve_pattern(s + k / 512 - first, k % 512) ^ x))
			return false;
	return true;
}

/* Whether the disk has n sectors from s on, turned by x; zero: zeros. */
static inline bool ve_disk(struct ve *w, u64 s, u32 n, u8 x, bool zero)
{
	u8 b[512];
	u32 i, k;

	for (i = 0; i < n; i++) {
		if (block_pread(w->block, (s + i) * 512, b, 512))
			return false;
		for (k = 0; k < 512; k++)
			if (b[k] != (zero ? 0 : (u8)(ve_pattern(s + i, k) ^ x)))
				return false;
	}
	return true;
}

#endif
