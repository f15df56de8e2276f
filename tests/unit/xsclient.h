/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest's end of the xenstore ring, for tests and fuzzing.
 */
#ifndef TESTS_UNIT_XSCLIENT_H
#define TESTS_UNIT_XSCLIENT_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/log.h"
#include "mmu/frames.h"
#include "xen/store/impl.h"
#include "xen/store/xenstore.h"

#define XSC_MFN 5u

struct xsc {
	struct log log;
	struct frame_pool pool;
	struct mem mem;
	u64 mfn;
	struct xenstore *s;
	struct xs_conn *c;
	u32 notified;
	/* The last message taken. */
	u32 type, req, tx, len;
	u8 body[XS_PAYLOAD_MAX + 1];
};

static inline void xsc_notify(void *opaque)
{
	((struct xsc *)opaque)->notified++;
}

static inline bool xsc_open(struct xsc *x, u32 domid)
{
	memset(x, 0, sizeof *x);
	log_init(&x->log);
	if (frame_pool_init(&x->pool) || mem_init(&x->mem, &x->pool, 16) || mem_add(&x->mem, XSC_MFN))
		return false;
	x->mfn = XSC_MFN;
	x->s = xenstore_new(&x->log);
	x->c = x->s ? xs_connect(x->s, domid, &x->mem, &x->mfn, xsc_notify, x) : NULL;
	return x->c != NULL;
}

static inline void xsc_close(struct xsc *x)
{
	xenstore_free(x->s);
	mem_free(&x->mem);
	frame_pool_free(&x->pool);
	log_close(&x->log);
}

static inline u8 *xsc_page(struct xsc *x)
{
	return mem_rw(&x->mem, XSC_MFN, 0, PAGE_SIZE);
}

/* Writes bytes as the guest does, kicking when the ring is full. */
static inline void xsc_bytes(struct xsc *x, const u8 *p, size_t n)
{
	u32 stuck = 0;

	while (n && stuck < 3) {
		u8 *page = xsc_page(x);
		u32 cons = ld32(page + 2048), prod = ld32(page + 2052);
		u32 k = (u32)MIN(n, (size_t)(1024 - (prod - cons))), i;

		for (i = 0; i < k; i++)
			page[(prod + i) & 1023] = p[i];
		st32(page + 2052, prod + k);
		p += k;
		n -= k;
		stuck = k ? 0 : stuck + 1;
		if (n)
			xs_serve(x->c);
	}
}

static inline void xsc_send(struct xsc *x, u32 type, u32 tx, const void *p, size_t n)
{
	u8 head[16];

	st32(head, type);
	st32(head + 4, 77);
	st32(head + 8, tx);
	st32(head + 12, (u32)n);
	xsc_bytes(x, head, sizeof head);
	xsc_bytes(x, p, n);
	xs_serve(x->c);
}

static inline bool xsc_take(struct xsc *x, u8 *p, size_t n)
{
	while (n) {
		u8 *page = xsc_page(x);
		u32 cons = ld32(page + 2056), prod = ld32(page + 2060);

		if (prod == cons) {
			xs_serve(x->c);
			page = xsc_page(x);
			if (ld32(page + 2060) == cons)
				return false;
			continue;
		}
		*p++ = page[1024 + (cons & 1023)];
		st32(page + 2056, cons + 1);
		n--;
	}
	return true;
}

/* The next message of the ring into x; false when there is none. */
static inline bool xsc_recv(struct xsc *x)
{
	u8 head[16];

	if (!xsc_take(x, head, sizeof head))
		return false;
	x->type = ld32(head);
	x->req = ld32(head + 4);
	x->tx = ld32(head + 8);
	x->len = ld32(head + 12);
	if (x->len > XS_PAYLOAD_MAX || !xsc_take(x, x->body, x->len))
		return false;
	x->body[x->len] = 0;
	return true;
}

/* A request of the payload bytes and its answer (watch events in between are dropped). The body as text. */
static inline const char *xsc_call(struct xsc *x, u32 type, u32 tx, const void *p, size_t n)
{
	xsc_send(x, type, tx, p, n);
	do {
		if (!xsc_recv(x))
			return "(nothing)";
	} while (x->type == XS_WATCH_EVENT);
	return (const char *)x->body;
}

/* As xsc_call(), the payload being one string with its NUL. */
static inline const char *xsc_str(struct xsc *x, u32 type, u32 tx, const char *s)
{
	return xsc_call(x, type, tx, s, strlen(s) + 1);
}

static inline const char *xsc_write(struct xsc *x, u32 tx, const char *path, const char *value)
{
	char b[XS_PAYLOAD_MAX];
	size_t n = strlen(path) + 1;

	memcpy(b, path, n);
	memcpy(b + n, value, strlen(value));
	return xsc_call(x, XS_WRITE, tx, b, n + strlen(value));
}

static inline const char *xsc_two(struct xsc *x, u32 type, u32 tx, const char *a, const char *b)
{
	char p[XS_PAYLOAD_MAX];
	size_t n = strlen(a) + 1, k = strlen(b) + 1;

	memcpy(p, a, n);
	memcpy(p + n, b, k);
	return xsc_call(x, type, tx, p, n + k);
}

#endif
