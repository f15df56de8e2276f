/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The block back end, with a front end driven by hand: every operation, rings of all shapes, grants kept and not, front ends
 * that misbehave, disks that fail, and runs that must be the same whatever the host's threads do.
 */
#include <check.h>
#include <errno.h>
#include <time.h>

#include "hw/host/block/queue.h"
#include "tests/suites.h"
#include "tests/unit/restore_env.h"
#include "tests/unit/vbd_env.h"
#include "xen/backend/vbd_impl.h"

#define OKAY 0
#define ERROR (-1)
#define NOT_SUPPORTED (-2)
#define LOST (-3)

static void finish(struct ve *w)
{
	const char *bad = ve_free(w);

	ck_assert_msg(!bad, "%s", bad ? bad : "");
}

#define OFFERS(w, key, text) ck_assert_str_eq(ve_value(w, key), text)

START_TEST(offered)
{
	struct ve *w = ve_new(NULL, false, false);

	OFFERS(w, "state", "2");
	OFFERS(w, "mode", "w");
	OFFERS(w, "feature-persistent", "1");
	OFFERS(w, "feature-max-indirect-segments", "256");
	OFFERS(w, "max-ring-page-order", "4");
	OFFERS(w, "multi-queue-max-queues", "4");
	OFFERS(w, "feature-flush-cache", "1");
	OFFERS(w, "feature-barrier", "1");
	OFFERS(w, "feature-discard", "1");
	OFFERS(w, "discard-secure", "0");
	OFFERS(w, "device-type", "disk");
	ve_connect(w);
	OFFERS(w, "state", "4");
	OFFERS(w, "sectors", "2048");
	OFFERS(w, "sector-size", "512");
	OFFERS(w, "info", "0");
	ck_assert(vbd_connected(w->vbd));
	ck_assert_uint_eq(vbd_number(0), 51712);
	ck_assert_uint_eq(vbd_number(3), 51712 + 48);
	ck_assert_uint_eq(vbd_number(16), (1u << 28) + (16 << 8));
	finish(w);
	w = ve_new(NULL, true, true);
	OFFERS(w, "mode", "r");
	OFFERS(w, "device-type", "cdrom");
	OFFERS(w, "removable", "1");
	OFFERS(w, "feature-flush-cache", "0");
	ve_connect(w);
	OFFERS(w, "info", "7");
	finish(w);
}
END_TEST

/* Reads and writes of all lengths, in the shape of _i: layout, persistence, order of the ring. */
START_TEST(read_and_write)
{
	static const u32 orders[] = { 0, 1, 4 };
	struct ve *w = ve_new(NULL, false, false);
	struct ve_seg s[11];
	u32 i, k, bad = 0;

	w->wide = _i & 1;
	w->persistent = _i & 2;
	w->order = orders[_i >> 2];
	ve_connect(w);
	for (i = 1; i <= 11; i++) {
		u64 sector = i * 100 + i;

		for (k = 0; k < i; k++)
			s[k] = (struct ve_seg){ VE_REF + k, 0, 7 };
		bad += ve_do(w, OP_READ, sector, s, i, 0) != OKAY;
		for (k = 0; k < i; k++)
			bad += !ve_filled(w, k, 0, 7, sector + k * 8, 0);
		for (k = 0; k < i; k++)
			ve_fill(w, k, sector + k * 8, (u8)i);
		bad += ve_do(w, OP_WRITE, sector, s, i, 0) != OKAY;
		bad += !ve_disk(w, sector, i * 8, (u8)i, false) || !ve_disk(w, sector + i * 8, 1, 0, false) || !ve_disk(w, sector - 1, 1, 0, false);
		ck_assert_uint_eq(bad, 0);
	}
	/* Single sectors, in the middle of pages; the rest of the page is left alone. */
	ve_fill(w, 0, 0, 0x55);
	s[0] = (struct ve_seg){ VE_REF, 3, 4 };
	ck_assert_int_eq(ve_do(w, OP_READ, 2046, s, 1, 0), OKAY);
	ck_assert(ve_filled(w, 0, 3, 4, 2046, 0));
	ck_assert(ve_filled(w, 0, 0, 2, 0, 0x55) && ve_filled(w, 0, 5, 7, 5, 0x55));
	/* A page that may only be read can be written from, not read into. */
	s[0] = (struct ve_seg){ VE_RO_REF, 0, 7 };
	ck_assert_int_eq(ve_do(w, OP_WRITE, 8, s, 1, 0), OKAY);
	ck_assert_int_eq(ve_do(w, OP_READ, 8, s, 1, 0), ERROR);
	ck_assert_uint_eq(ve_grant_flags(w, VE_REF) & (GTF_reading | GTF_writing), w->persistent ? GTF_reading | GTF_writing : 0);
	ck_assert_uint_eq(vbd_stats(w->vbd)->reads, 12);
	ck_assert_uint_eq(vbd_stats(w->vbd)->written_bytes, (66 + 1) * 4096);
	ve_state(w, XENBUS_CLOSING);
	ck_assert_uint_eq(ve_grant_flags(w, VE_REF), GTF_permit_access);
	finish(w);
}
END_TEST

/* An indirect request of n segments, whose list is in data pages 78 and 79. */
static i32 indirect(struct ve *w, u32 op, u64 sector, u32 n, u32 first_ref)
{
	u32 refs[8] = { first_ref, VE_REF + 79 }, i;
	struct ve_answer a;

	for (i = 0; i < MIN(n, 512u); i++) {
		u64 at = VE_VA(VE_PAGE + 78) + i * 8;

		ve_put32(w, at, VE_REF + i % 64);
		ve_put32(w, at + 4, 7 << 8);
	}
	ve_put(w, 0, OP_INDIRECT, op, 77, sector, NULL, 0, refs, n);
	ve_kick(w, 0);
	ve_time(w, TIME_NEVER);
	return ve_take(w, 0, &a) && a.id == 77 && a.op == op ? a.status : 1;
}

START_TEST(indirect_segments)
{
	struct ve *w = ve_new(NULL, false, false);
	u32 i, bad = 0;

	w->wide = _i & 1;
	w->persistent = _i & 2;
	ve_connect(w);
	ck_assert_int_eq(indirect(w, OP_READ, 16, 64, VE_REF + 78), OKAY);
	for (i = 0; i < 64; i++)
		bad += !ve_filled(w, i, 0, 7, 16 + i * 8, 0);
	for (i = 0; i < 64; i++)
		ve_fill(w, i, 1000 + i * 8, 9);
	ck_assert_int_eq(indirect(w, OP_WRITE, 1000, 64, VE_REF + 78), OKAY);
	ck_assert(ve_disk(w, 1000, 512, 9, false));
	ck_assert_int_eq(indirect(w, OP_READ, 0, 1, VE_REF + 78), OKAY);
	ck_assert_int_eq(indirect(w, OP_READ, 0, 256, VE_REF + 78), OKAY);
	ck_assert_int_eq(indirect(w, OP_READ, 8, 256, VE_REF + 78), ERROR); /* beyond the end */
	ck_assert_int_eq(indirect(w, OP_READ, 0, 257, VE_REF + 78), ERROR);
	ck_assert_int_eq(indirect(w, OP_READ, 0, 0, VE_REF + 78), ERROR);
	ck_assert_int_eq(indirect(w, OP_READ, 0, 8, 9999), ERROR);
	ck_assert_int_eq(indirect(w, OP_BARRIER, 0, 8, VE_REF + 78), ERROR);
	ck_assert_int_eq(indirect(w, OP_INDIRECT, 0, 8, VE_REF + 78), ERROR);
	ck_assert_int_eq(indirect(w, OP_DISCARD, 0, 8, VE_REF + 78), ERROR);
	ck_assert_uint_eq(bad, 0);
	finish(w);
}
END_TEST

/* What is kept for later is bounded, whatever sizes a guest asks for in turn. */
START_TEST(kept_memory)
{
	u32 refs[8] = { VE_REF + 78 }, sizes[3] = { 256, 128, 64 }, n, i, bad = 0;
	struct ve *w = ve_new(NULL, false, false);
	struct ve_answer a;

	w->order = 4;
	ve_connect(w);
	ck_assert_int_eq(indirect(w, OP_READ, 0, 256, VE_REF + 78), OKAY);
	for (n = 0; n < 3; n++) {
		for (i = 0; i < 16 * 256 / sizes[n]; i++)
			ve_put(w, 0, OP_INDIRECT, OP_READ, i, 0, NULL, 0, refs, sizes[n]);
		ve_kick(w, 0);
		ve_time(w, w->d->time.s.now + 100000000);
		for (i = 0; ve_take(w, 0, &a); i++)
			bad += a.status != OKAY;
		bad += i != 16 * 256 / sizes[n];
	}
	ck_assert_uint_eq(bad, 0);
	ck_assert_uint_gt(w->vbd->pooled, 0);
	ck_assert_uint_le(w->vbd->pooled, VBD_BYTES_MAX);
	finish(w);
}
END_TEST

START_TEST(several_queues)
{
	struct ve *w = ve_new(NULL, false, false);
	struct ve_seg s = { VE_REF, 0, 7 };
	struct ve_answer a;
	u32 q;

	w->queues = 4;
	w->order = 4;
	ve_connect(w);
	OFFERS(w, "state", "4");
	for (q = 0; q < 4; q++) {
		s.ref = VE_REF + q;
		ve_put(w, q, OP_READ, 1, 50 + q, q * 8, &s, 1, NULL, 0);
		ve_kick(w, q);
	}
	ve_time(w, TIME_NEVER);
	for (q = 0; q < 4; q++) {
		ck_assert(ve_take(w, q, &a));
		ck_assert(a.id == 50 + q && a.status == OKAY && ve_filled(w, q, 0, 7, q * 8, 0));
		ck_assert_int_eq(evtchn_pending(&w->pv.xen, w->port[q]), 1);
	}
	finish(w);
}
END_TEST

static void reload(struct ve *w)
{
	struct buf b = { 0 };
	struct reader r;

	state_list_save(&w->d->states, &b);
	reader_init(&r, b.p, b.len);
	ck_assert_int_eq(state_list_load(&w->d->states, &r, NULL), 0);
	ck_assert_int_eq(state_list_loaded(&w->d->states, NULL), 0);
	buf_free(&b);
}

/* Saved with requests of all kinds under way, and loaded into a fresh domain with a like disk: both go on alike. */
START_TEST(goes_on_elsewhere)
{
	struct ve *w = ve_new(NULL, false, false), *o;
	struct ve_seg s = { VE_REF, 0, 7 };
	struct ve_answer a, b;
	struct restore *r;
	u32 i, n = 0, bad = 0;

	w->persistent = _i;
	ve_connect(w);
	ve_do(w, OP_READ, 0, &s, 1, 0); /* a grant that may be kept */
	for (i = 0; i < 6; i++) {
		s.ref = VE_REF + i;
		ve_put(w, 0, i == 4 ? OP_FLUSH : OP_READ, i != 4, i, i * 8, &s, i != 4, NULL, 0);
	}
	ve_kick(w, 0);
	r = restore_take(w->d);
	o = ve_new(NULL, false, false);
	restore_put(o->d, r);
	restore_free(r);
	o->entries = w->entries;
	o->port[0] = w->port[0];
	o->prod[0] = w->prod[0];
	o->cons[0] = w->cons[0];
	for (i = 0; i < 20; i++) {
		ve_time(w, w->d->time.s.now + 5000);
		ve_time(o, o->d->time.s.now + 5000);
		bad += domain_hash(w->d) != domain_hash(o->d);
	}
	while (ve_take(w, 0, &a)) {
		bad += !ve_take(o, 0, &b) || a.id != b.id || a.status != b.status || a.status != OKAY;
		n++;
	}
	ck_assert_uint_eq(n, 6);
	s.ref = VE_REF + 9;
	ck_assert_int_eq(ve_do(w, OP_READ, 80, &s, 1, 0), OKAY);
	ck_assert_int_eq(ve_do(o, OP_READ, 80, &s, 1, 0), OKAY);
	ck_assert(ve_filled(o, 9, 0, 7, 80, 0));
	bad += domain_hash(w->d) != domain_hash(o->d);
	ck_assert_uint_eq(bad, 0);
	finish(w);
	finish(o);
}
END_TEST

START_TEST(flush_barrier_discard)
{
	struct block_faults faults = { .rule = { { 0 } } };
	struct block_options o = { .format = "raw", .faults = &faults };
	struct ve *w = ve_new(&o, false, false);
	struct ve_seg s = { VE_REF, 0, 7 };

	w->wide = !_i;
	ve_connect(w);
	ck_assert_int_eq(ve_do(w, OP_FLUSH, 0, NULL, 0, 0), OKAY);
	ve_fill(w, 0, 64, 1);
	ck_assert_int_eq(ve_do(w, OP_BARRIER, 64, &s, 1, 0), OKAY);
	ck_assert(ve_disk(w, 64, 8, 1, false));
	ck_assert_int_eq(ve_do(w, OP_BARRIER, 0, NULL, 0, 0), OKAY);
	ve_fill(w, 0, 72, 2);
	ck_assert_int_eq(ve_do(w, OP_FLUSH, 72, &s, 1, 0), OKAY); /* with data */
	ck_assert(ve_disk(w, 72, 8, 2, false));
	ck_assert_uint_eq(vbd_stats(w->vbd)->flushes, 4);
	ck_assert_int_eq(ve_do(w, OP_DISCARD, 3, NULL, 0, 40), OKAY);
	ck_assert(ve_disk(w, 3, 40, 0, true) && ve_disk(w, 43, 1, 0, false) && ve_disk(w, 2, 1, 0, false));
	ck_assert_int_eq(ve_do(w, OP_DISCARD, 2040, NULL, 0, 9), ERROR);
	ck_assert_int_eq(ve_do(w, OP_DISCARD, 1, NULL, 0, UINT64_MAX), ERROR);
	ck_assert_int_eq(ve_do(w, OP_DISCARD, UINT64_MAX, NULL, 0, 2), ERROR);
	ck_assert_int_eq(ve_do(w, OP_DISCARD, 1, NULL, 0, 0), ERROR);
	/* A flush that the host's disk fails. */
	faults.rule[0] = (struct block_fault){ .ops = BIT(BLOCK_FLUSH), .error = -EIO };
	ck_assert_int_eq(ve_do(w, OP_FLUSH, 0, NULL, 0, 0), LOST);
	ck_assert_int_eq(ve_do(w, OP_BARRIER, 64, &s, 1, 0), ERROR);
	/* Linux asks for no flush after that: each write is one too, for as long as it stays connected. */
	faults.rule[0] = (struct block_fault){ .ops = BIT(BLOCK_FLUSH), .skip = UINT64_MAX };
	ck_assert_int_eq(ve_do(w, OP_WRITE, 64, &s, 1, 0), OKAY);
	ck_assert_uint_eq(faults.rule[0].seen, 1);
	reload(w);
	ck_assert_int_eq(ve_do(w, OP_WRITE, 64, &s, 1, 0), OKAY);
	ck_assert_int_eq(ve_do(w, OP_DISCARD, 64, NULL, 0, 8), OKAY);
	ck_assert_uint_eq(faults.rule[0].seen, 3);
	ve_state(w, XENBUS_CLOSED);
	ve_state(w, XENBUS_INITIALISING);
	ve_connect(w);
	ck_assert_int_eq(ve_do(w, OP_WRITE, 64, &s, 1, 0), OKAY);
	ck_assert_uint_eq(faults.rule[0].seen, 3);
	finish(w);
}
END_TEST

START_TEST(host_errors)
{
	struct block_faults faults = { .rule = { { .ops = BIT(BLOCK_READ), .skip = 1, .count = 1, .error = -EIO },
						 { .ops = BIT(BLOCK_WRITE), .count = 1, .error = -ENOSPC } } };
	struct block_options o = { .format = "raw", .quiet = true, .faults_above = &faults };
	struct ve *w = ve_new(&o, false, false);
	struct ve_seg s = { VE_REF, 0, 7 };

	w->persistent = _i;
	ve_connect(w);
	ck_assert_int_eq(ve_do(w, OP_READ, 0, &s, 1, 0), OKAY);
	ve_fill(w, 0, 0, 0x33);
	ck_assert_int_eq(ve_do(w, OP_READ, 8, &s, 1, 0), ERROR);
	ck_assert(ve_filled(w, 0, 0, 7, 0, 0x33)); /* nothing of ours was shown to the guest */
	ck_assert_int_eq(ve_do(w, OP_WRITE, 8, &s, 1, 0), ERROR);
	ck_assert_int_eq(ve_do(w, OP_WRITE, 8, &s, 1, 0), OKAY);
	ck_assert_int_eq(ve_do(w, OP_READ, 16, &s, 1, 0), OKAY);
	ck_assert_uint_eq(block_stats(w->block)->errors[BLOCK_READ], 1);
	finish(w);
}
END_TEST

START_TEST(read_only)
{
	struct ve *w = ve_new(NULL, true, false);
	struct ve_seg s = { VE_REF, 0, 7 };

	ve_connect(w);
	OFFERS(w, "info", "4");
	ck_assert_int_eq(ve_do(w, OP_READ, 0, &s, 1, 0), OKAY);
	ck_assert_int_eq(ve_do(w, OP_WRITE, 0, &s, 1, 0), ERROR);
	ck_assert_int_eq(ve_do(w, OP_BARRIER, 0, &s, 1, 0), ERROR);
	ck_assert_int_eq(ve_do(w, OP_DISCARD, 0, NULL, 0, 8), ERROR);
	ck_assert_int_eq(ve_do(w, OP_FLUSH, 0, NULL, 0, 0), OKAY);
	ck_assert(ve_disk(w, 0, 8, 0, false));
	finish(w);
}
END_TEST

/* Requests that make no sense: each gets its answer and the next one is served. */
START_TEST(nonsense)
{
	struct ve *w = ve_new(NULL, false, false);
	struct ve_seg good[12], s;
	u32 i;

	w->wide = _i & 1;
	w->persistent = _i & 2;
	for (i = 0; i < 12; i++)
		good[i] = (struct ve_seg){ VE_REF + i, 0, 7 };
	ve_connect(w);
	ck_assert_int_eq(ve_do(w, OP_READ, 0, good, 12, 0), ERROR);
	ck_assert_int_eq(ve_do(w, OP_WRITE, 0, good, 255, 0), ERROR);
	ck_assert_int_eq(ve_do(w, OP_READ, 0, good, 0, 0), ERROR);
	ck_assert_int_eq(ve_do(w, OP_READ, 2041, good, 1, 0), ERROR);
	ck_assert_int_eq(ve_do(w, OP_READ, UINT64_MAX, good, 1, 0), ERROR);
	ck_assert_int_eq(ve_do(w, OP_READ, UINT64_MAX / 512 + 1, good, 1, 0), ERROR);
	ck_assert_int_eq(ve_do(w, OP_RESERVED, 0, good, 1, 0), NOT_SUPPORTED);
	ck_assert_int_eq(ve_do(w, 7, 0, good, 1, 0), NOT_SUPPORTED);
	ck_assert_int_eq(ve_do(w, 255, 0, good, 1, 0), NOT_SUPPORTED);
	for (i = 0; i < 7; i++) {
		static const struct ve_seg bad[] = { { VE_REF, 5, 4 }, { VE_REF, 0, 8 }, { VE_REF, 255, 255 }, { 90, 0, 7 },
						     { 0xffffffff, 0, 7 }, { 0, 0, 7 }, { VE_REF + 3, 0, 7 } };

		s = bad[i];
		if (i == 5) /* a page table */
			ve_grant(w, s.ref = 300, GTF_permit_access, VE_MFN(VE_L1));
		if (i == 6) /* somebody else's */
			ve_grant(w, s.ref = 301, GTF_permit_access | 9 << 16, VE_MFN(VE_PAGE));
		good[3] = s;
		ck_assert_int_eq(ve_do(w, OP_READ, 0, good, 8, 0), ERROR);
		if (i != 5) /* a page table may be read from */
			ck_assert_int_eq(ve_do(w, OP_WRITE, 0, good, 8, 0), ERROR);
	}
	good[3] = good[2];
	ck_assert_int_eq(ve_do(w, OP_READ, 2040, good, 1, 0), OKAY);
	ck_assert(ve_filled(w, 0, 0, 7, 2040, 0));
	ck_assert_uint_ge(vbd_stats(w->vbd)->refused, 20);
	finish(w);
}
END_TEST

/* Indexes that race ahead end the connection, with a reason; the front end may come again. */
START_TEST(index_ahead)
{
	struct ve *w = ve_new(NULL, false, false);
	struct ve_seg s = { VE_REF, 0, 7 };
	u32 i;

	w->persistent = _i;
	ve_connect(w);
	ck_assert_int_eq(ve_do(w, OP_READ, 0, &s, 1, 0), OKAY);
	/* One is under way when it happens. */
	ve_put(w, 0, OP_READ, 1, 5, 0, &s, 1, NULL, 0);
	ve_kick(w, 0);
	w->prod[0] += 32;
	ve_kick(w, 0);
	OFFERS(w, "state", "5");
	ck_assert_str_eq(xs_read(w->pv.xen.store, "/local/domain/0/error/backend/vbd/7/51712/error", NULL),
			 "5 the index of requests in ring 0 is 33 ahead, and the ring has 32 entries");
	ck_assert_uint_eq(ve_grant_flags(w, VE_REF), GTF_permit_access);
	ve_time(w, TIME_NEVER);
	ve_state(w, XENBUS_CLOSED);
	ve_state(w, XENBUS_INITIALISING);
	ve_connect(w);
	ck_assert_int_eq(ve_do(w, OP_READ, 0, &s, 1, 0), OKAY);
	/* An index that goes back. */
	ve_put(w, 0, OP_READ, 1, 5, 0, &s, 1, NULL, 0);
	ve_kick(w, 0);
	w->prod[0]--;
	ve_kick(w, 0);
	OFFERS(w, "state", "5");
	/* A ring already full of nonsense at the start. */
	ve_state(w, XENBUS_CLOSED);
	ve_state(w, XENBUS_INITIALISING);
	ve_prepare(w);
	ve_put32(w, VE_VA(VE_RING), 33);
	ve_state(w, XENBUS_INITIALISED);
	OFFERS(w, "state", "5");
	/* A full ring is no nonsense: what waits is served at the connection, behind the last answer. */
	ve_state(w, XENBUS_CLOSED);
	ve_state(w, XENBUS_INITIALISING);
	ve_prepare(w);
	w->prod[0] = w->cons[0] = 1000;
	ve_put32(w, VE_VA(VE_RING) + 8, 1000);
	for (i = 0; i < 32; i++)
		ve_put(w, 0, OP_READ, 1, i, i * 8, &s, 1, NULL, 0);
	ve_put32(w, VE_VA(VE_RING), w->prod[0]);
	ve_state(w, XENBUS_INITIALISED);
	ve_time(w, TIME_NEVER);
	ck_assert_uint_eq(ve_u32(w, VE_VA(VE_RING) + 8), 1032);
	ck_assert(ve_filled(w, 0, 0, 7, 31 * 8, 0));
	finish(w);
}
END_TEST

/* Notices are sent when the guest asked for them, and requests asked for when the ring is empty. */
START_TEST(notices)
{
	struct ve *w = ve_new(NULL, false, false);
	struct ve_seg s = { VE_REF, 0, 7 };
	u64 ring = VE_VA(VE_RING);
	u32 i;

	ve_connect(w);
	ck_assert_uint_eq(ve_u32(w, ring + 4), 1);
	for (i = 0; i < 4; i++)
		ve_put(w, 0, OP_READ, 1, i, 0, &s, 1, NULL, 0);
	ve_put32(w, ring + 12, 3); /* rsp_event: after the third */
	ve_kick(w, 0);
	ck_assert_uint_eq(ve_u32(w, ring + 4), 5);
	ck_assert_uint_eq(ve_u32(w, ring + 8), 0); /* nothing ends at the time it begins */
	while (ve_u32(w, ring + 8) < 2)
		ve_time(w, timeline_next(&w->d->time));
	ck_assert_int_eq(evtchn_pending(&w->pv.xen, w->port[0]), ve_u32(w, ring + 8) > 2);
	ve_time(w, TIME_NEVER);
	ck_assert_int_eq(evtchn_pending(&w->pv.xen, w->port[0]), 1);
	finish(w);
}
END_TEST

START_TEST(grows)
{
	struct ve *w = ve_new(NULL, false, false);
	struct ve_seg s = { VE_REF, 0, 7 };

	ve_connect(w);
	ck_assert_int_eq(ve_do(w, OP_READ, 2048, &s, 1, 0), ERROR);
	ck_assert_int_eq(block_resize(w->block, VE_DISK * 2, NULL), 0);
	vbd_resized(w->vbd);
	OFFERS(w, "sectors", "4096");
	OFFERS(w, "state", "4");
	ck_assert_int_eq(ve_do(w, OP_READ, 4088, &s, 1, 0), OKAY);
	finish(w);
}
END_TEST

START_TEST(unplugged)
{
	struct ve *w = ve_new(NULL, false, false);
	struct ve_seg s = { VE_REF, 0, 7 };
	struct ve_answer a;
	u32 i;

	ve_connect(w);
	for (i = 0; i < 8; i++)
		ve_put(w, 0, i & 1 ? OP_WRITE : OP_READ, 1, i, i, &s, 1, NULL, 0);
	ve_kick(w, 0);
	vbd_remove(w->vbd, _i);
	if (!_i) {
		u32 answers = 0;

		ck_assert_uint_eq(w->removed, 0);
		ve_state(w, XENBUS_CLOSING);
		ve_time(w, w->d->time.s.now);
		while (ve_take(w, 0, &a))
			answers += a.status == OKAY;
		ck_assert_uint_eq(answers, 8); /* before it lets go */
		ve_state(w, XENBUS_CLOSED);
	}
	ck_assert_uint_eq(w->removed, 1);
	ck_assert_uint_eq(block_in_flight(w->block), 0);
	ck_assert_str_eq(ve_value(w, "state"), "(none)");
	ve_plug(w, false, false);
	ve_connect(w);
	ck_assert_int_eq(ve_do(w, OP_READ, 16, &s, 1, 0), OKAY);
	ve_state(w, XENBUS_CLOSED);
	finish(w);
}
END_TEST

/* Nothing stays without an answer while it is put out, even when the driver does not let go. */
START_TEST(expelled)
{
	struct ve *w = ve_new(NULL, false, false);
	struct ve_seg s = { VE_REF, 0, 7 };
	struct ve_answer a;
	u32 i, okay = 0;

	ve_connect(w);
	for (i = 0; i < 8; i++)
		ve_put(w, 0, i & 1 ? OP_WRITE : OP_READ, 1, i, i, &s, 1, NULL, 0);
	ve_kick(w, 0);
	vbd_expel(w->vbd);
	ve_time(w, w->d->time.s.now);
	while (ve_take(w, 0, &a))
		okay += a.status == OKAY;
	ck_assert_uint_eq(okay, 8);
	ck_assert_uint_eq(w->removed, 0);
	ck_assert_uint_eq(block_in_flight(w->block), 0);
	OFFERS(w, "state", "5");
	ve_put(w, 0, OP_READ, 1, 9, 16, &s, 1, NULL, 0);
	ve_kick(w, 0);
	ck_assert(ve_take(w, 0, &a));
	ck_assert_int_eq(a.status, ERROR);
	if (_i)
		ve_state(w, XENBUS_CLOSED);
	else
		ve_time(w, w->d->time.s.now + VBD_GRACE);
	ck_assert_uint_eq(w->removed, 1);
	ck_assert_str_eq(ve_value(w, "state"), "(none)");
	ve_plug(w, false, false);
	ve_connect(w);
	ck_assert_int_eq(ve_do(w, OP_READ, 16, &s, 1, 0), OKAY);
	finish(w);
}
END_TEST

/* ---- the same run every time ------------------------------------------------------------------------------------ */

struct delay {
	u32 x, at_most; /* microseconds */
};

/* Called on the threads. */
static void dawdle(void *opaque, u64 offset, const void *p, size_t n)
{
	struct delay *d = opaque;
	struct timespec t = { 0, 0 };

	d->x = d->x * 1664525 + 1013904223;
	t.tv_nsec = (long)((d->x >> 16) % (d->at_most + 1)) * 1000;
	if (d->at_most)
		nanosleep(&t, NULL);
}

/* Random requests that overlap, some saved and loaded in the middle; a hash over all the guest sees, at each step. */
static u64 random_run(u32 threads, u32 delay, bool reloads, bool remote, u32 seed)
{
	struct delay slow = { seed, delay };
	struct block_faults faults = { .on_write = dawdle, .opaque = &slow };
	struct block_options o = { .format = "raw", .faults = &faults, .threads = threads };
	struct ve *w = ve_new(&o, false, false);
	u64 h = 0, ids = 0;
	u32 x = 99, i, k;

	w->block->node->remote = remote; /* nothing is done on our own thread then, and the host is late */
	w->persistent = seed & 1;
	w->queues = 2;
	ve_connect(w);
	for (i = 0; i < 150; i++) {
		u32 q = x >> 31;
		struct ve_seg s[4];
		struct ve_answer a;

		for (k = 0; k < 4; k++) {
			x = x * 1664525 + 1013904223;
			s[k] = (struct ve_seg){ VE_REF + (x >> 8) % 16, 0, (u8)((x >> 16) % 8) };
		}
		if (w->prod[q] - w->cons[q] < w->entries)
			ve_put(w, q, (x >> 28) % 5 ? (x >> 24) % 2 : OP_FLUSH, (x >> 28) % 5 ? 1 + (x >> 20) % 4 : 0, ids++, (x >> 12) % 64, s, 4,
			       NULL, 0);
		if (x >> 30)
			ve_kick(w, q);
		ve_fill(w, (x >> 4) % 16, x % 1000, (u8)x); /* the guest writes into pages that are under way */
		ve_time(w, w->d->time.s.now + (x >> 10) % 3000);
		while (ve_take(w, q, &a))
			h = h * 31 + a.id * 7 + (u32)a.status + w->d->time.s.now;
		if (reloads && i % 10 == 0)
			reload(w);
		if (i % 10 == 0)
			h = h * 31 + domain_hash(w->d);
	}
	ve_time(w, TIME_NEVER);
	h = h * 31 + domain_hash(w->d);
	for (i = 0; i < 64; i++) {
		u8 b[512];

		ck_assert_int_eq(block_pread(w->block, i * 512, b, 512), 0);
		for (k = 0; k < 512; k++)
			h = h * 31 + b[k];
	}
	ck_assert(!remote || w->held > 0); /* how often, the load of the host decides */
	finish(w);
	return h;
}

START_TEST(deterministic)
{
	u64 h = random_run(1, 0, false, false, (u32)_i);

	ck_assert_uint_eq(random_run(4, 0, false, false, (u32)_i), h);
	ck_assert_uint_eq(random_run(4, 300, false, false, (u32)_i), h);
	ck_assert_uint_eq(random_run(8, 50, true, false, (u32)_i), h);
	ck_assert_uint_eq(random_run(1, 100, true, false, (u32)_i), h);
	ck_assert_uint_eq(random_run(4, 6000, false, true, (u32)_i), h);
	ck_assert_uint_eq(random_run(2, 6000, true, true, (u32)_i), h);
}
END_TEST

/* Called on a thread: longer than a loaded machine keeps the test's own thread waiting. */
static void stall(void *opaque, u64 offset, const void *p, size_t n)
{
	struct timespec t = { 1, 0 };

	nanosleep(&t, NULL);
}

/* Called on a thread: longer than the back end waits without holding the domain. */
static void slow_flush(void *opaque)
{
	struct timespec t = { 0, 20000000 };

	nanosleep(&t, NULL);
}

/* What follows a flush begins while the domain is held, and nobody but a thread can do it. */
START_TEST(slow_flushes)
{
	struct block_faults faults = { .on_flush = slow_flush };
	struct block_options o = { .format = "raw", .faults = &faults };
	struct ve *w = ve_new(&o, false, false);
	struct ve_seg s = { VE_REF, 0, 7 };
	struct ve_answer a;
	u32 i;

	ve_connect(w);
	for (i = 0; i < 3; i++) {
		ck_assert_int_eq(ve_do(w, i ? OP_FLUSH : OP_BARRIER, 64, &s, 1, 0), OKAY); /* with data */
		ve_put(w, 0, OP_BARRIER, 1, 1, 72, &s, 1, NULL, 0);
		ve_put(w, 0, OP_WRITE, 1, 2, 80, &s, 1, NULL, 0);
		ve_put(w, 0, OP_READ, 1, 3, 80, &s, 1, NULL, 0);
		ve_kick(w, 0);
		ve_time(w, TIME_NEVER);
		while (ve_take(w, 0, &a))
			ck_assert_int_eq(a.status, OKAY);
		ck_assert_uint_eq(w->cons[0], w->prod[0]);
	}
	ck_assert(w->held);
	finish(w);
}
END_TEST

/* The host is late: time stands, and all else goes on. A front end that closes meanwhile has its answers first. */
START_TEST(late_host)
{
	struct block_faults faults = { .on_write = stall };
	struct block_options o = { .format = "raw", .faults = &faults };
	struct ve *w = ve_new(&o, false, false);
	struct ve_seg s = { VE_REF, 0, 7 };
	struct ve_answer a;
	u64 t, now;

	w->block->node->remote = true;
	ve_connect(w);
	ve_put(w, 0, OP_WRITE, 1, 1, 8, &s, 1, NULL, 0);
	ve_put(w, 0, OP_READ, 1, 2, 8, &s, 1, NULL, 0); /* waits for the other, and we not for it */
	t = host_now();
	ve_kick(w, 0);
	now = timeline_next(&w->d->time);
	timeline_skip(&w->d->time, now);
	timeline_fire(&w->d->time);
	ck_assert_uint_lt(host_now() - t, 500000000);
	ck_assert(w->d->time.held && w->d->time.owed && vbd_holds(w->vbd));
	ck_assert(!ve_take(w, 0, &a));
	timeline_fire(&w->d->time);
	ck_assert_uint_eq(w->d->time.s.now, now);
	if (_i) {
		ve_state(w, XENBUS_CLOSING);
		ck_assert_str_eq(ve_value(w, "state"), "4");
	}
	while (w->d->time.held)
		poll_wait(w->host.poll, 1000000000);
	ck_assert(!vbd_holds(w->vbd));
	ve_time(w, now + (_i ? 0 : 1000000));
	ck_assert(ve_take(w, 0, &a) && a.id == 1 && a.status == OKAY);
	ck_assert(ve_take(w, 0, &a) && a.id == 2 && a.status == OKAY);
	ck_assert_str_eq(ve_value(w, "state"), _i ? "5" : "4");
	ve_state(w, XENBUS_CLOSED);
	finish(w);
}
END_TEST

/* As much as a disk has is discarded in pieces, and not to the end by one who is told to end. */
START_TEST(large_discards)
{
	struct ve *w = ve_new(NULL, false, false);
	int quit = 0;
	u8 b[512];

	w->host.kill = &quit;
	ck_assert_int_eq(block_resize(w->block, 80 << 20, NULL), 0);
	vbd_resized(w->vbd);
	ve_connect(w);
	ck_assert_int_eq(block_pwrite(w->block, 70 << 20, "x", 1), 0);
	ck_assert_int_eq(ve_do(w, OP_DISCARD, 8, NULL, 0, (80 << 11) - 8), OKAY);
	ck_assert_uint_eq(block_stats(w->block)->ops[BLOCK_WRITE_ZEROES], 5);
	ck_assert_int_eq(block_pread(w->block, 70 << 20, b, 512), 0);
	ck_assert_uint_eq(b[0], 0);
	ck_assert(ve_disk(w, 0, 8, 0, false) && ve_disk(w, 8, 8, 0, true));
	quit = 1;
	ck_assert_int_eq(ve_do(w, OP_DISCARD, 0, NULL, 0, 80 << 11), ERROR);
	ck_assert_uint_eq(block_stats(w->block)->ops[BLOCK_WRITE_ZEROES], 6);
	finish(w);
}
END_TEST

/* Cut short or changed, a state is refused and nothing breaks. */
START_TEST(bad_states)
{
	struct ve *w = ve_new(NULL, false, false);
	struct ve_seg s = { VE_REF, 0, 7 };
	struct buf b = { 0 };
	struct reader r;
	u32 i, loaded = 0;

	w->persistent = true;
	ve_connect(w);
	for (i = 0; i < 4; i++)
		ve_put(w, 0, OP_READ, 1, i, i, &s, 1, NULL, 0);
	ve_kick(w, 0);
	state_list_save(&w->d->states, &b);
	for (i = 0; i < b.len; i += 1 + (u32)b.len / 400) {
		reader_init(&r, b.p, i);
		loaded += !state_list_load(&w->d->states, &r, NULL);
	}
	ck_assert_uint_eq(loaded, 0);
	reader_init(&r, b.p, b.len);
	ck_assert_int_eq(state_list_load(&w->d->states, &r, NULL), 0);
	ck_assert_int_eq(state_list_loaded(&w->d->states, NULL), 0);
	ve_time(w, TIME_NEVER);
	ck_assert_uint_eq(ve_u32(w, VE_VA(VE_RING) + 8), 4);
	ck_assert(ve_filled(w, 0, 0, 7, 3, 0));
	buf_free(&b);
	finish(w);
}
END_TEST

Suite *vbd_suite(void)
{
	Suite *s = suite_create("vbd");
	TCase *tc = tcase_create("vbd");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, offered);
	tcase_add_loop_test(tc, read_and_write, 0, 12);
	tcase_add_loop_test(tc, indirect_segments, 0, 4);
	tcase_add_test(tc, kept_memory);
	tcase_add_test(tc, several_queues);
	tcase_add_loop_test(tc, goes_on_elsewhere, 0, 2);
	tcase_add_loop_test(tc, flush_barrier_discard, 0, 2);
	tcase_add_loop_test(tc, host_errors, 0, 2);
	tcase_add_test(tc, read_only);
	tcase_add_loop_test(tc, nonsense, 0, 4);
	tcase_add_loop_test(tc, index_ahead, 0, 2);
	tcase_add_test(tc, notices);
	tcase_add_test(tc, grows);
	tcase_add_loop_test(tc, unplugged, 0, 2);
	tcase_add_loop_test(tc, expelled, 0, 2);
	tcase_add_loop_test(tc, deterministic, 0, 2);
	tcase_add_test(tc, slow_flushes);
	tcase_add_loop_test(tc, late_host, 0, 2);
	tcase_add_test(tc, large_discards);
	tcase_add_test(tc, bad_states);
	suite_add_tcase(s, tc);
	return s;
}
