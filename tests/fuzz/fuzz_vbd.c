/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzes the block back end: the input is what a front end does, with requests half sensible or not at all, entries changed
 * while they wait, indexes, grants, states, time. Nothing may be left in use at the end, and a saved state must load as it was.
 */
#include "tests/unit/vbd_env.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void connect_anew(struct ve *w, u32 shape)
{
	if (w->removed) {
		w->removed = 0;
		ve_plug(w, false, false);
	}
	ve_state(w, XENBUS_CLOSED);
	if (w->removed)
		return;
	ve_state(w, XENBUS_INITIALISING);
	w->wide = shape & 1;
	w->persistent = shape & 2;
	w->queues = 1 + (shape >> 2 & 3);
	w->order = (shape >> 4) % 5;
	ve_write_u32(w, "multi-queue-num-queues", w->queues);
	ve_write_u32(w, "ring-page-order", w->order);
	ve_connect(w);
}

static void request(struct ve *w, u32 q, struct reader *in)
{
	u32 op = reader_u8(in), n = reader_u8(in), flags = reader_u8(in), refs[8], i;
	u64 sector = flags & 1 ? reader_u64(in) : reader_u16(in) % 2100u;
	struct ve_seg s[11];

	for (i = 0; i < 11; i++) {
		u8 b = i <= n % 12 ? reader_u8(in) : 0;

		s[i] = (struct ve_seg){ VE_REF + b % (VE_PAGES + 4), flags & 2 ? b : b >> 6, flags & 2 ? (u8)(b >> 1) : (u8)(4 + (b >> 6)) };
	}
	for (i = 0; i < 8; i++)
		refs[i] = VE_REF + VE_PAGES - 8 + i;
	op = flags & 4 ? op : op % 7;
	if (op == OP_INDIRECT)
		ve_put(w, q, op, n & 1, 1, sector, NULL, 0, refs, flags & 8 ? n * 5u : n % 64);
	else
		ve_put(w, q, op, flags & 4 ? n : n % 12, 1, sector, s, 11, NULL, reader_u16(in));
}

static void reload(struct ve *w)
{
	struct buf a = { 0 }, b = { 0 };
	struct reader r;

	state_list_save(&w->d->states, &a);
	reader_init(&r, a.p, a.len);
	VE_NEED(!state_list_load(&w->d->states, &r, NULL) && !state_list_loaded(&w->d->states, NULL));
	state_list_save(&w->d->states, &b);
	VE_NEED(a.len == b.len && !memcmp(a.p, b.p, a.len));
	buf_free(&a);
	buf_free(&b);
}

static void step(struct ve *w, struct reader *in)
{
	u32 op = reader_u8(in), q = (op >> 4) % w->queues;
	u64 ring = VE_VA(VE_RING + q * 16);
	struct ve_answer a;

	switch (op & 15) {
	default:
		request(w, q, in);
		break;
	case 5:
	case 6:
		ve_kick(w, q);
		break;
	case 7:
		ve_time(w, w->d->time.s.now + reader_u16(in));
		while (ve_take(w, q, &a) && w->cons[q] % 64)
			;
		break;
	case 8: /* a word of the ring */
		ve_put32(w, ring + (reader_u16(in) & 0xffc), reader_u32(in));
		break;
	case 9:
		ve_put32(w, ring, w->prod[q] + reader_u8(in));
		ve_evtchn(w, 4, w->port[q], 0, 0);
		break;
	case 10:
		ve_grant(w, VE_REF + reader_u8(in) % VE_PAGES, reader_u8(in), VE_MFN(reader_u8(in) % VE_FRAMES));
		break;
	case 11:
		ve_put32(w, VE_VA(VE_PAGE + VE_PAGES - 8 + (op >> 4) % 8) + (reader_u16(in) & 0xffc), reader_u32(in));
		break;
	case 12:
		reload(w);
		break;
	case 13:
		if (!w->removed && op & 32)
			vbd_expel(w->vbd);
		else if (!w->removed)
			vbd_remove(w->vbd, op & 16);
		break;
	case 14:
		connect_anew(w, reader_u8(in));
		break;
	case 15:
		if (!w->removed)
			ve_state(w, reader_u8(in) % 9);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct block_options o = { .format = "raw", .cache = BLOCK_UNSAFE, .threads = 2 };
	struct ve *w = ve_new(&o, false, false);
	struct reader in;
	const char *bad;

	reader_init(&in, data, size);
	connect_anew(w, reader_u8(&in));
	while (in.left && !in.failed)
		step(w, &in);
	bad = ve_free(w);
	if (bad) {
		fprintf(stderr, "fuzz_vbd: %s\n", bad);
		abort();
	}
	return 0;
}
