/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzes the xenstore's clients of the control domain: the input is what they send, whole requests and raw bytes of the
 * door, with a guest that talks at the same time. The tree must stay sound, and a saved store must load as it was.
 */
#include "tests/unit/xsclient.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
	struct xsc x;
	bool sound;
};

static void on_send(void *opaque, u32 id, u32 type, u32 req, u32 tx, const void *p, size_t n)
{
	struct world *w = opaque;

	if (n > XS_PAYLOAD_MAX)
		abort();
	if (req == 0xc0ffee)
		w->sound = n == 3 && !memcmp(p, "OK", 3);
}

static void on_served(void *opaque, u32 id, u32 n)
{
}

static void on_gone(void *opaque, u32 id)
{
}

static const struct xs_client_ops ops = { on_send, on_served, on_gone };

static void request(struct world *w, u32 id, u32 type, u32 req, u32 tx, const void *p, u32 n)
{
	u8 msg[XS_CLIENT_HEADER + XS_MESSAGE_MAX];

	st32(msg, id);
	st32(msg + 4, XS_CLIENT_REQUEST);
	st32(msg + 8, type);
	st32(msg + 12, req);
	st32(msg + 16, tx);
	st32(msg + 20, n);
	memcpy(msg + 24, p, n);
	xs_client_input(w->x.s, msg, 24 + n);
}

static void reload(struct world *w)
{
	struct buf a = { 0 }, b = { 0 };
	struct reader r;

	xenstore_save(w->x.s, &a);
	reader_init(&r, a.p, a.len);
	if (xenstore_load(w->x.s, &r))
		abort();
	xenstore_save(w->x.s, &b);
	if (a.len != b.len || memcmp(a.p, b.p, a.len))
		abort();
	buf_free(&a);
	buf_free(&b);
}

static void open_client(struct world *w, u32 id)
{
	u8 msg[XS_CLIENT_HEADER];

	st32(msg, id);
	st32(msg + 4, XS_CLIENT_OPEN);
	xs_client_input(w->x.s, msg, sizeof msg);
}

static void step(struct world *w, struct reader *in)
{
	static const char *const paths[] = {
		"/", "/local/domain/3/data", "/local/domain/3/data/a", "/local/domain/3", "/tool/x", "/tool/x/y", "/tool/x-y", "own",
		"@releaseDomain", "@introduceDomain", "3", "check", "quota", "T", "", "/tool/x/",
	};
	u8 op = reader_u8(in);
	char body[320];
	const u8 *raw;
	size_t n, k;

	n = (size_t)snprintf(body, 64, "%s", paths[reader_u8(in) % ARRAY_SIZE(paths)]) + 1;
	k = MIN(in->left, (size_t)(op & 31) * 4);
	raw = reader_get(in, k);
	if (raw && k)
		memcpy(body + n, raw, k);
	switch (op >> 5) {
	case 0:
		if (raw && k)
			xs_client_input(w->x.s, raw, k);
		break;
	case 1:
		reload(w);
		open_client(w, 1 + (op & 3));
		break;
	case 2: /* the guest */
		xsc_send(&w->x, reader_u8(in) % 26, reader_u8(in) % 4, body, raw ? n + k : n);
		for (n = 0; n < 64 && xsc_recv(&w->x); n++)
			;
		break;
	default:
		request(w, 1 + (op & 1), reader_u8(in) % 26, 1, reader_u8(in) % 4, body, (u32)(raw ? n + k : n));
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world *w = calloc(1, sizeof *w);
	struct xs_perm own = { 3, XS_PERM_NONE };
	struct reader in;

	if (!w || !xsc_open(&w->x, 3))
		abort();
	xs_clients_listen(w->x.s, &ops, w);
	xs_mkdir(w->x.s, "/local/domain/3/data");
	xs_set_perms(w->x.s, "/local/domain/3/data", &own, 1);
	open_client(w, 1);
	open_client(w, 2);
	reader_init(&in, data, size);
	while (in.left && !in.failed)
		step(w, &in);
	reload(w);
	open_client(w, 77);
	request(w, 77, XS_CONTROL, 0xc0ffee, 0, "check", 6);
	if (!w->sound && xs_client(w->x.s, 77))
		abort();
	xsc_close(&w->x);
	free(w);
	return 0;
}
