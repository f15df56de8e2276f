/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzes the xenstore's wire: the input is what a guest writes into its ring page. Steps of it are bytes of requests, whole
 * requests, reads of the reply ring, scribbles over the page, changes by the host, save and load.
 */
#include "tests/unit/xsclient.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void reload(struct xsc *x)
{
	struct buf a = { 0 }, b = { 0 };
	struct reader r;

	xenstore_save(x->s, &a);
	reader_init(&r, a.p, a.len);
	if (xenstore_load(x->s, &r))
		abort();
	xenstore_save(x->s, &b);
	if (a.len != b.len || memcmp(a.p, b.p, a.len))
		abort();
	buf_free(&a);
	buf_free(&b);
}

static void step(struct xsc *x, struct reader *in)
{
	static const char *const paths[] = {
		"data", "data/a", "data/a/b", "name", "/local/domain/3/data/c", "/", "", "//", "data/a/", "@releaseDomain",
	};
	u8 op = reader_u8(in);
	char body[300];
	const u8 *raw;
	size_t n, k;

	switch (op >> 5) {
	case 0: /* raw bytes */
		n = MIN(in->left, (size_t)(op & 31));
		raw = reader_get(in, n);
		xsc_bytes(x, raw, n);
		xs_serve(x->c);
		break;
	case 1: /* scribble */
		n = (size_t)(reader_u16(in) % (PAGE_SIZE - 4));
		if (op & 1)
			n = 2048 + (n & 31);
		st32(xsc_page(x) + n, reader_u32(in));
		xs_serve(x->c);
		break;
	case 2: /* read replies; a hostile ring may claim billions of bytes */
		for (n = 0; n < 64 && xsc_recv(x); n++)
			;
		break;
	case 3:
		xs_write(x->s, "/local/domain/3/data/a", "%u", op);
		if (op & 1)
			xs_rm(x->s, "/local/domain/3/data");
		break;
	case 4:
		reload(x);
		if (op & 1)
			xs_reset(x->c);
		break;
	default: /* a request: path, then some bytes */
		n = (size_t)snprintf(body, 64, "%s", paths[reader_u8(in) % ARRAY_SIZE(paths)]) + 1;
		k = reader_u8(in) & 127u;
		k = MIN(k, in->left);
		raw = reader_get(in, k);
		if (raw)
			memcpy(body + n, raw, k);
		xsc_send(x, op & 31, reader_u8(in) % 4, body, raw ? n + k : n);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct xsc *x = calloc(1, sizeof *x);
	struct xs_perm own = { 3, XS_PERM_NONE };
	struct reader in;

	if (!x || !xsc_open(x, 3))
		abort();
	xs_write(x->s, "/local/domain/3/name", "fuzz");
	xs_mkdir(x->s, "/local/domain/3/data");
	xs_set_perms(x->s, "/local/domain/3/data", &own, 1);
	reader_init(&in, data, size);
	while (in.left && !in.failed)
		step(x, &in);
	reload(x);
	xsc_close(x);
	free(x);
	return 0;
}
