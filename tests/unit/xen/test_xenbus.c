/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The back ends' state machine, with an echo device and a front end that behaves as Linux's does, and one that does not.
 */
#include "tests/suites.h"
#include "tests/unit/pv_env.h"
#include "tests/unit/quick.h"
#include "xen/backend/xenbus.h"
#include "xen/grant.h"
#include "xen/store/impl.h"

#define ME 7u
#define RING 5u  /* frames of the front end's pages: RING, RING + 1, ... */
#define L1 12u   /* a page table */
#define FRONT "/local/domain/7/device/echo/3"
#define BACK "/local/domain/0/backend/echo/7/3"
#define ERR "/local/domain/0/error/backend/echo/7/3"

/* ---- the echo back end: word 0 of the ring counts bytes asked, word 1 bytes answered; bytes from 64, answers 1024 on. */

struct echo {
	int map[4], channel[4];
	u32 queues, connects, disconnects, removed, max_pages;
};

static int echo_publish(struct xenbus_device *dev)
{
	return xenbus_offer(dev, "feature-echo", "1") | xenbus_tell(dev, "greeting", "hello");
}

static int echo_connect(struct xenbus_device *dev, struct error *e)
{
	struct echo *s = xenbus_service(dev);
	int n = xenbus_queues(dev, 4, e), i;

	if (n < 0 || xenbus_offer(dev, "early", "1") || xenbus_read_protocol(dev, e) < 0)
		return -EINVAL;
	for (i = 0; i < n; i++) {
		s->map[i] = xenbus_map_ring(dev, (u32)i, "ring-ref", s->max_pages, e);
		if (s->map[i] < 0)
			return s->map[i];
		s->channel[i] = xenbus_bind(dev, (u32)i, "event-channel", e);
		if (s->channel[i] < 0)
			return s->channel[i];
	}
	s->queues = (u32)n;
	s->connects++;
	return xenbus_offer(dev, "size", "%u", xenbus_map_size(dev, s->map[0]));
}

static void echo_disconnect(struct xenbus_device *dev)
{
	struct echo *s = xenbus_service(dev);

	s->disconnects++;
}

static void echo_event(struct xenbus_device *dev, u32 channel)
{
	struct echo *s = xenbus_service(dev);
	int map = s->map[channel];
	u32 asked = xenbus_map_u32(dev, map, 0), done = xenbus_map_u32(dev, map, 4);
	u8 b;

	ck_assert(xenbus_connected(dev));
	if (asked - done > 256) {
		xenbus_fail(dev, -EPROTO, "the index of requests is %u ahead", asked - done);
		return;
	}
	if (asked == done)
		return;
	for (; done != asked; done++) {
		ck_assert_int_eq(xenbus_map_read(dev, map, 64 + done % 256, &b, 1), 0);
		b ^= 0x20;
		ck_assert_int_eq(xenbus_map_write(dev, map, 1024 + done % 256, &b, 1), 0);
	}
	ck_assert_int_eq(xenbus_map_set_u32(dev, map, 4, done), 0);
	xenbus_notify(dev, s->channel[channel]);
}

static void echo_removed(void *service)
{
	((struct echo *)service)->removed++;
}

static void echo_save(struct xenbus_device *dev, struct buf *out)
{
	const struct echo *s = xenbus_service(dev);

	buf_put_u32(out, (u32)s->map[0]);
	buf_put_u32(out, (u32)s->channel[0]);
}

static int echo_load(struct xenbus_device *dev, struct reader *in)
{
	struct echo *s = xenbus_service(dev);

	s->map[0] = (int)reader_u32(in);
	s->channel[0] = (int)reader_u32(in);
	return 0;
}

static const struct xenbus_ops echo_ops = {
	.name = "echo",
	.ready = XENBUS_INITIALISED,
	.publish = echo_publish,
	.connect = echo_connect,
	.disconnect = echo_disconnect,
	.event = echo_event,
	.removed = echo_removed,
	.save = echo_save,
	.load = echo_load,
};
/* One that waits for the front end to be connected, as a vif does. */
static const struct xenbus_ops late_ops = {
	.name = "echo",
	.ready = XENBUS_CONNECTED,
	.publish = echo_publish,
	.connect = echo_connect,
	.disconnect = echo_disconnect,
	.event = echo_event,
	.removed = echo_removed,
};

/* ---- the guest --------------------------------------------------------------------------------------------------- */

struct world {
	struct env *e;
	struct echo echo;
	struct xenbus_device *dev;
};

static struct world *start_with(const struct xenbus_ops *ops)
{
	struct world *w = calloc(1, sizeof *w);
	struct xs_perm ro[2] = { { 0, XS_PERM_NONE }, { ME, XS_PERM_READ } };
	struct error err = { "" };

	ck_assert_ptr_nonnull(w);
	w->e = env_new();
	w->e->pv.xen.s.console_mfn = ENV_MFN(2);
	w->e->pv.xen.s.store_mfn = ENV_MFN(3);
	ck_assert_int_eq(grants_init(&w->e->pv.xen), 0);
	grants_seed(&w->e->pv.xen);
	ck_assert_int_eq(pv_mm_pin(&w->e->pv, ENV_MFN(L1), PG_L1), 0);
	ck_assert_int_eq(xs_domain_init(&w->e->pv.xen), 0);
	ck_assert_int_eq(xs_mkdir(w->e->pv.xen.store, "/local/domain/7/device"), 0);
	ck_assert_int_eq(xs_set_perms(w->e->pv.xen.store, "/local/domain/7/device", ro, 2), 0);
	ck_assert_int_eq(xenbus_init(&w->e->pv.xen), 0);
	w->echo.max_pages = 4;
	ck_assert_int_eq(xenbus_add(&w->e->pv.xen, ops, 3, &w->echo, &w->dev, &err), 0);
	return w;
}

static struct world *start(void)
{
	return start_with(&echo_ops);
}

/* Nothing may be left in use. */
static void finish(struct world *w)
{
	struct env *e = w->e;
	const char *bad;
	u64 mfn;
	u32 i;

	xenbus_free(&e->pv.xen);
	ck_assert_uint_eq(w->echo.removed, 1);
	ck_assert_uint_eq(w->echo.connects, w->echo.disconnects);
	for (i = 0; i < e->pv.xen.grants->nacts; i++)
		ck_assert(!e->pv.xen.grants->acts[i].reads && !e->pv.xen.grants->acts[i].writes);
	xs_domain_free(&e->pv.xen);
	bad = pv_mm_check(&e->pv, &mfn);
	ck_assert_msg(!bad, "%s", bad ? bad : "");
	grants_free(&e->pv.xen);
	env_free(e);
	free(w);
}

static int front(struct world *w, const char *key, const char *value)
{
	char path[128];

	snprintf(path, sizeof path, FRONT "/%s", key);
	return xs_do_write(xs_guest(w->e->pv.xen.store, ME), w->e->pv.xen.store, NULL, path, value, strlen(value));
}

static void front_u32(struct world *w, const char *key, u32 v)
{
	char text[16];

	snprintf(text, sizeof text, "%u", v);
	ck_assert_int_eq(front(w, key, text), 0);
}

static void front_state(struct world *w, u32 v)
{
	front_u32(w, "state", v);
}

static const char *value(struct world *w, const char *path)
{
	const char *p = xs_read(w->e->pv.xen.store, path, NULL);

	return p ? p : "(none)";
}

#define STATE(w, text) ck_assert_str_eq(value(w, BACK "/state"), text)

/* An entry of the grant table, version 1. */
static void grant(struct world *w, u32 ref, u32 dom, u32 flags, u64 mfn)
{
	u64 at = (w->e->pv.xen.grants->s.frames[0] << PAGE_SHIFT) + ref * 8;

	env_put32(w->e, at, flags | dom << 16);
	env_put32(w->e, at + 4, (u32)mfn);
}

static u32 grant_flags(struct world *w, u32 ref)
{
	return env_u32(w->e, (w->e->pv.xen.grants->s.frames[0] << PAGE_SHIFT) + ref * 8) & 0xffff;
}

static u32 offer_port(struct world *w, u32 dom)
{
	ck_assert_int_eq(env_evtchn(w->e, 6, DOMID_SELF | dom << 16, 0, 0), 0);
	return env_arg(w->e, 1);
}

/* What a Linux front end does before it says that it is ready. */
static u32 prepare(struct world *w)
{
	u32 port = offer_port(w, 0);

	grant(w, 20, 0, GTF_permit_access, ENV_MFN(RING));
	front_u32(w, "ring-ref", 20);
	front_u32(w, "event-channel", port);
	ck_assert_int_eq(front(w, "protocol", "x86_64-abi"), 0);
	return port;
}

static u32 connect(struct world *w)
{
	u32 port = prepare(w);

	front_state(w, XENBUS_INITIALISED);
	STATE(w, "4");
	front_state(w, XENBUS_CONNECTED);
	STATE(w, "4");
	return port;
}

static void ask(struct world *w, u32 frame, u32 port, char c, char answer)
{
	u32 n = env_u32(w->e, ENV_VA(frame));
	u8 b = (u8)c;

	xen_bit_clear(&w->e->d->mem, xen_shared_bits(&w->e->pv.xen, SI_EVTCHN_PENDING), port);
	mem_write(&w->e->d->mem, ENV_VA(frame) + 64 + n % 256, &b, 1);
	env_put32(w->e, ENV_VA(frame), n + 1);
	ck_assert_int_eq(env_evtchn(w->e, 4, port, 0, 0), 0);
	ck_assert_uint_eq(env_u32(w->e, ENV_VA(frame) + 4), n + 1);
	mem_read(&w->e->d->mem, ENV_VA(frame) + 1024 + n % 256, &b, 1);
	ck_assert_int_eq(b, answer);
	ck_assert_int_eq(evtchn_pending(&w->e->pv.xen, port), 1);
}

static u32 port_state(struct world *w, u32 port)
{
	return evtchn_port(w->e->pv.xen.evtchn, port)->state;
}

/* ---- tests ------------------------------------------------------------------------------------------------------- */

START_TEST(born)
{
	struct world *w = start();
	struct error e = { "" };

	ck_assert_str_eq(value(w, FRONT "/backend"), BACK);
	ck_assert_str_eq(value(w, FRONT "/backend-id"), "0");
	ck_assert_str_eq(value(w, FRONT "/state"), "1");
	ck_assert_str_eq(value(w, FRONT "/greeting"), "hello");
	ck_assert_str_eq(value(w, BACK "/frontend"), FRONT);
	ck_assert_str_eq(value(w, BACK "/frontend-id"), "7");
	ck_assert_str_eq(value(w, BACK "/online"), "1");
	ck_assert_str_eq(value(w, BACK "/feature-echo"), "1");
	STATE(w, "2");
	/* The guest may write its own side and read, no more, ours. */
	ck_assert_int_eq(front(w, "anything", "1"), 0);
	ck_assert_int_eq(xs_do_write(xs_guest(w->e->pv.xen.store, ME), w->e->pv.xen.store, NULL, BACK "/state", "6", 1), -XEN_EACCES);
	ck_assert_int_eq(xenbus_add(&w->e->pv.xen, &echo_ops, 3, &w->echo, NULL, &e), -EEXIST);
	ck_assert_str_ne(e.text, "");
	ck_assert_ptr_eq(xenbus_find(&w->e->pv.xen, "echo", 3), w->dev);
	ck_assert_ptr_null(xenbus_find(&w->e->pv.xen, "echo", 4));
	ck_assert_ptr_eq(xenbus_next(&w->e->pv.xen, NULL), w->dev);
	finish(w);
}
END_TEST

START_TEST(a_life)
{
	struct world *w = start();
	u32 port = connect(w);

	ck_assert_uint_eq(w->echo.connects, 1);
	ck_assert_str_eq(value(w, BACK "/size"), "4096");
	ck_assert_uint_eq(grant_flags(w, 20) & (GTF_reading | GTF_writing), GTF_reading | GTF_writing);
	ask(w, RING, port, 'a', 'A');
	ask(w, RING, port, 'Z', 'z');
	/* It closes ... */
	front_state(w, XENBUS_CLOSING);
	STATE(w, "5");
	ck_assert_uint_eq(w->echo.disconnects, 1);
	ck_assert_uint_eq(grant_flags(w, 20), GTF_permit_access);
	ck_assert_uint_eq(port_state(w, port), EVTCHN_UNBOUND);
	front_state(w, XENBUS_CLOSED);
	STATE(w, "6");
	/* ... and comes back, on other pages. */
	front_state(w, XENBUS_INITIALISING);
	STATE(w, "2");
	grant(w, 21, 0, GTF_permit_access, ENV_MFN(RING + 1));
	front_u32(w, "ring-ref", 21);
	front_state(w, XENBUS_INITIALISED);
	STATE(w, "4");
	ask(w, RING + 1, port, 'q', 'Q');
	/* What was asked before the connection is answered at it. */
	front_state(w, XENBUS_CLOSED);
	STATE(w, "6");
	front_state(w, XENBUS_INITIALISING);
	env_put32(w->e, ENV_VA(RING + 1), 3);
	front_state(w, XENBUS_INITIALISED);
	ck_assert_uint_eq(env_u32(w->e, ENV_VA(RING + 1) + 4), 3);
	ck_assert_uint_eq(w->echo.connects, 3);
	finish(w);
}
END_TEST

struct seen {
	u32 n;
};

static void hear(void *opaque)
{
}

static void count(void *opaque, const char *path)
{
	((struct seen *)opaque)->n++;
}

START_TEST(announced)
{
	struct world *w = start();
	struct seen seen = { 0 };
	struct xs_host_watch *watch = xs_watch(w->e->pv.xen.store, BACK "/state", count, &seen);

	seen.n = 0;
	xenbus_announce(w->dev); /* not connected: nobody to tell */
	ck_assert_uint_eq(seen.n, 0);
	connect(w);
	ck_assert_uint_eq(seen.n, 1);
	xenbus_announce(w->dev);
	ck_assert_uint_eq(seen.n, 2);
	STATE(w, "4");
	xs_unwatch(w->e->pv.xen.store, watch);
	finish(w);
}
END_TEST

START_TEST(unplugged)
{
	struct world *w = start();
	struct xenstore *s = w->e->pv.xen.store;

	connect(w);
	xenbus_remove(w->dev, false);
	ck_assert_str_eq(value(w, BACK "/online"), "0");
	STATE(w, "5");
	ck_assert(xenbus_connected(w->dev)); /* until the front end has let go */
	front_state(w, XENBUS_CLOSING);
	ck_assert(!xenbus_connected(w->dev));
	ck_assert_uint_eq(w->echo.removed, 0);
	front_state(w, XENBUS_CLOSED);
	ck_assert_uint_eq(w->echo.removed, 1);
	ck_assert_ptr_null(xs_read(s, BACK, NULL));
	ck_assert_ptr_null(xs_read(s, "/local/domain/0/backend/echo", NULL));
	ck_assert_ptr_nonnull(xs_read(s, "/local/domain/0/backend", NULL));
	ck_assert_ptr_null(xs_read(s, FRONT, NULL));
	ck_assert_ptr_null(xs_read(s, "/local/domain/7/device/echo", NULL));
	ck_assert_ptr_nonnull(xs_read(s, "/local/domain/7/device", NULL));
	ck_assert_ptr_null(xenbus_next(&w->e->pv.xen, NULL));
	/* Plugged again under the same number; nobody came for it: gone at once. */
	ck_assert_int_eq(xenbus_add(&w->e->pv.xen, &echo_ops, 3, &w->echo, &w->dev, NULL), 0);
	STATE(w, "2");
	xenbus_remove(w->dev, false);
	ck_assert_uint_eq(w->echo.removed, 2);
	/* By force in the middle of work. */
	ck_assert_int_eq(xenbus_add(&w->e->pv.xen, &echo_ops, 3, &w->echo, &w->dev, NULL), 0);
	connect(w);
	xenbus_remove(w->dev, true);
	ck_assert_uint_eq(w->echo.removed, 3);
	ck_assert_uint_eq(w->echo.connects, w->echo.disconnects);
	/* The guest takes its own side away while it is asked to let go. */
	ck_assert_int_eq(xenbus_add(&w->e->pv.xen, &echo_ops, 3, &w->echo, &w->dev, NULL), 0);
	connect(w);
	xenbus_remove(w->dev, false);
	xenbus_remove(w->dev, false); /* twice is once */
	ck_assert_int_eq(xs_do_rm(xs_guest(s, ME), s, NULL, FRONT), 0);
	ck_assert_uint_eq(w->echo.removed, 4);
	w->echo.removed = 1;
	finish(w);
}
END_TEST

START_TEST(late)
{
	struct world *w = start_with(&late_ops);

	prepare(w);
	front_state(w, XENBUS_INITIALISED);
	STATE(w, "2");
	front_state(w, XENBUS_CONNECTED);
	STATE(w, "4");
	ck_assert_uint_eq(w->echo.connects, 1);
	finish(w);
}
END_TEST

/* The front end is ready with something wrong: refused with a reason, and it may try again. */
static void refused(struct world *w, const char *why)
{
	u32 before = w->echo.connects;

	front_state(w, XENBUS_INITIALISED);
	STATE(w, "5");
	ck_assert_uint_eq(w->echo.connects, before);
	ck_assert_msg(strstr(value(w, ERR "/error"), why), "'%s' has no '%s'", value(w, ERR "/error"), why);
	ck_assert_ptr_null(xs_read(w->e->pv.xen.store, BACK "/size", NULL));
	ck_assert_ptr_null(xs_read(w->e->pv.xen.store, BACK "/early", NULL)); /* all of a connection or nothing */
	ck_assert_uint_eq(grant_flags(w, 20) & (GTF_reading | GTF_writing), 0);
	front_state(w, XENBUS_CLOSED);
	STATE(w, "6");
	front_state(w, XENBUS_INITIALISING);
	STATE(w, "2");
}

START_TEST(wrong_numbers)
{
	struct world *w = start();
	u32 port = offer_port(w, 0), self = offer_port(w, ME), i;

	refused(w, "ring-ref");
	ck_assert_int_eq(front(w, "ring-ref", ""), 0);
	refused(w, "ring-ref");
	ck_assert_int_eq(front(w, "ring-ref", "20x"), 0);
	refused(w, "ring-ref");
	ck_assert_int_eq(front(w, "ring-ref", "99999999999999999999"), 0);
	refused(w, "ring-ref");
	front_u32(w, "ring-ref", 20);
	refused(w, "reference 20"); /* an empty entry */
	front_u32(w, "ring-ref", 4000000000u);
	refused(w, "reference 4000000000");
	front_u32(w, "ring-ref", 20);
	grant(w, 20, 5, GTF_permit_access, ENV_MFN(RING));
	refused(w, "reference 20"); /* for somebody else */
	grant(w, 20, 0, GTF_permit_access | GTF_readonly, ENV_MFN(RING));
	refused(w, "reference 20");
	grant(w, 20, 0, GTF_permit_access, ENV_MFN(L1));
	refused(w, "reference 20"); /* a page table */
	for (i = 0; i < 2; i++) { /* nobody's, and beyond everything */
		grant(w, 20, 0, GTF_permit_access, i ? 0xffffffff : 1);
		refused(w, "reference 20");
	}
	grant(w, 20, 0, GTF_permit_access, ENV_MFN(RING));
	refused(w, "event-channel");
	front_u32(w, "event-channel", self); /* offered to itself */
	refused(w, "event channel");
	front_u32(w, "event-channel", 100000);
	refused(w, "event channel");
	front_u32(w, "event-channel", w->e->pv.xen.s.store_port); /* ours, but of another service */
	refused(w, "event channel");
	front_u32(w, "event-channel", port);
	ck_assert_int_eq(front(w, "protocol", "ia64-abi"), 0);
	refused(w, "protocol");
	ck_assert_int_eq(front(w, "protocol", "x86_64-abi"), 0);
	front_u32(w, "ring-page-order", 3);
	refused(w, "2^3 pages");
	front_u32(w, "ring-page-order", 4000000000u);
	refused(w, "pages");
	front_u32(w, "ring-page-order", 0);
	front_u32(w, "multi-queue-num-queues", 5);
	refused(w, "5 queues");
	front_u32(w, "multi-queue-num-queues", 2);
	refused(w, "ring-ref");
	front_u32(w, "multi-queue-num-queues", 1);
	front_state(w, XENBUS_INITIALISED);
	STATE(w, "4");
	ck_assert_ptr_null(xs_read(w->e->pv.xen.store, ERR "/error", NULL));
	ask(w, RING, port, 'm', 'M');
	finish(w);
}
END_TEST

START_TEST(many_pages)
{
	struct world *w = start();
	char key[24];
	u8 b[4] = { 1, 2, 3, 4 };
	u32 i, port = offer_port(w, 0);

	front_u32(w, "ring-page-order", 2);
	front_u32(w, "event-channel", port);
	for (i = 0; i < 4; i++) {
		snprintf(key, sizeof key, "ring-ref%u", i);
		front_u32(w, key, 20 + i);
		/* In another order than they lie in memory. */
		grant(w, 20 + i, 0, GTF_permit_access, ENV_MFN(RING + 3 - i));
	}
	front_state(w, XENBUS_INITIALISED);
	STATE(w, "4");
	ck_assert_str_eq(value(w, BACK "/size"), "16384");
	ck_assert_int_eq(xenbus_map_write(w->dev, w->echo.map[0], 4094, b, 4), 0);
	ck_assert_uint_eq(env_u32(w->e, ENV_VA(RING + 3) + 4092), 0x02010000);
	ck_assert_uint_eq(env_u32(w->e, ENV_VA(RING + 2)), 0x0403);
	ck_assert_uint_eq(xenbus_map_u32(w->dev, w->echo.map[0], 4094), 0x04030201);
	ck_assert_int_eq(xenbus_map_write(w->dev, w->echo.map[0], 16381, b, 4), -EFAULT);
	ck_assert_int_eq(xenbus_map_read(w->dev, w->echo.map[0], 0xffffffff, b, 4), -EFAULT);
	ck_assert_int_eq(xenbus_map_read(w->dev, 1, 0, b, 4), -EFAULT);
	ck_assert_int_eq(xenbus_map_read(w->dev, -1, 0, b, 4), -EFAULT);
	/* A page for reading alone. */
	grant(w, 30, 0, GTF_permit_access | GTF_readonly, ENV_MFN(RING + 4));
	i = 30;
	ck_assert_int_eq(xenbus_map(w->dev, &i, 1, true, NULL), -EINVAL);
	ck_assert_int_eq(xenbus_map(w->dev, &i, 1, false, NULL), 1);
	ck_assert_int_eq(xenbus_map_read(w->dev, 1, 0, b, 4), 0);
	ck_assert_int_eq(xenbus_map_write(w->dev, 1, 0, b, 4), -EACCES);
	xenbus_unmap(w->dev, 1);
	ck_assert_int_eq(xenbus_map_read(w->dev, 1, 0, b, 4), -EFAULT);
	ck_assert_uint_eq(grant_flags(w, 30), GTF_permit_access | GTF_readonly);
	finish(w);
}
END_TEST

START_TEST(many_queues)
{
	struct world *w = start();
	u32 port[2], i;
	char key[40];

	front_u32(w, "multi-queue-num-queues", 2);
	for (i = 0; i < 2; i++) {
		port[i] = offer_port(w, 0);
		grant(w, 20 + i, 0, GTF_permit_access, ENV_MFN(RING + i));
		snprintf(key, sizeof key, "queue-%u/ring-ref", i);
		front_u32(w, key, 20 + i);
		snprintf(key, sizeof key, "queue-%u/event-channel", i);
		front_u32(w, key, port[i]);
	}
	front_state(w, XENBUS_INITIALISED);
	STATE(w, "4");
	ask(w, RING, port[0], 'a', 'A');
	ask(w, RING + 1, port[1], 'b', 'B');
	ck_assert_uint_eq(env_u32(w->e, ENV_VA(RING) + 4), 1);
	/* Half a device is none: what was mapped is let go. */
	front_state(w, XENBUS_CLOSED);
	front_state(w, XENBUS_INITIALISING);
	front_u32(w, "queue-1/ring-ref", 99);
	front_state(w, XENBUS_INITIALISED);
	STATE(w, "5");
	ck_assert_uint_eq(grant_flags(w, 20), GTF_permit_access);
	ck_assert_uint_eq(port_state(w, port[0]), EVTCHN_UNBOUND);
	finish(w);
}
END_TEST

START_TEST(out_of_order)
{
	struct world *w = start();
	u32 port, i;
	static const char *const rubbish[] = { "", "x", "9", "-1", "4294967300", "3 " };

	/* States that are none change nothing. */
	for (i = 0; i < ARRAY_SIZE(rubbish); i++) {
		ck_assert_int_eq(front(w, "state", rubbish[i]), 0);
		STATE(w, "2");
	}
	front_state(w, XENBUS_RECONFIGURING);
	front_state(w, XENBUS_INITWAIT);
	STATE(w, "2");
	/* Connected at once. */
	port = prepare(w);
	front_state(w, XENBUS_CONNECTED);
	STATE(w, "4");
	front_state(w, XENBUS_INITIALISED);
	front_state(w, XENBUS_CONNECTED);
	ck_assert_uint_eq(w->echo.connects, 1);
	ask(w, RING, port, 'a', 'A');
	/* Another kernel takes over without a farewell. */
	front_state(w, XENBUS_INITIALISING);
	STATE(w, "2");
	ck_assert_uint_eq(w->echo.disconnects, 1);
	ck_assert_uint_eq(grant_flags(w, 20), GTF_permit_access);
	front_state(w, XENBUS_INITIALISED);
	STATE(w, "4");
	/* Its nodes vanish in the middle. */
	ck_assert_int_eq(xs_do_rm(xs_guest(w->e->pv.xen.store, ME), w->e->pv.xen.store, NULL, FRONT "/state"), 0);
	STATE(w, "6");
	ck_assert_uint_eq(w->echo.disconnects, 2);
	front_state(w, XENBUS_INITIALISED); /* it is still there and ready */
	STATE(w, "4");
	ck_assert_int_eq(xs_do_rm(xs_guest(w->e->pv.xen.store, ME), w->e->pv.xen.store, NULL, FRONT), 0);
	STATE(w, "6");
	ck_assert_int_eq(front(w, "state", "1"), -XEN_EACCES); /* the directory was the tool stack's to make */
	finish(w);
	/* While closing nothing is begun. */
	w = start();
	connect(w);
	front_state(w, XENBUS_CLOSING);
	front_state(w, XENBUS_INITIALISED);
	STATE(w, "5");
	front_state(w, XENBUS_CLOSED);
	front_state(w, XENBUS_CLOSING);
	STATE(w, "6");
	finish(w);
}
END_TEST

START_TEST(hostile_ring)
{
	struct world *w = start();
	u32 port = connect(w), other;

	env_put32(w->e, ENV_VA(RING), 100000);
	ck_assert_int_eq(env_evtchn(w->e, 4, port, 0, 0), 0);
	STATE(w, "5");
	ck_assert_str_eq(value(w, ERR "/error"), "71 the index of requests is 100000 ahead");
	ck_assert_uint_eq(w->echo.disconnects, 1);
	ck_assert_uint_eq(grant_flags(w, 20), GTF_permit_access);
	ck_assert_int_eq(env_evtchn(w->e, 4, port, 0, 0), 0); /* nobody hears it */
	front_state(w, XENBUS_CLOSED);
	front_state(w, XENBUS_INITIALISING);
	env_put32(w->e, ENV_VA(RING), 0);
	front_state(w, XENBUS_INITIALISED);
	STATE(w, "4");
	/* The port is closed and its number is given to another channel: that is left alone. */
	ck_assert_int_eq(env_evtchn(w->e, 3, port, 0, 0), 0);
	other = offer_port(w, 0);
	ck_assert_uint_eq(other, port);
	ck_assert_int_eq(evtchn_connect_host(&w->e->pv.xen, other, hear, NULL), 0);
	xenbus_notify(w->dev, w->echo.channel[0]);
	ck_assert_int_eq(evtchn_pending(&w->e->pv.xen, other), 0);
	front_state(w, XENBUS_CLOSING);
	ck_assert_uint_eq(port_state(w, other), EVTCHN_INTERDOMAIN);
	finish(w);
}
END_TEST

/* The guest writes anything in any order for a while; a back end is never connected twice, and nothing leaks. */
START_TEST(anything)
{
	static const char *const keys[] = { "state", "state", "state", "state", "ring-ref", "event-channel",
					    "ring-page-order", "multi-queue-num-queues", "queue-1/ring-ref", "protocol" };
	struct world *w = start();
	u32 x = 12345, i, port = prepare(w), removals = 0;

	for (i = 0; i < 20000; i++) {
		char text[16];

		x = x * 1664525 + 1013904223;
		switch (x >> 24) {
		case 0:
			xs_do_rm(xs_guest(w->e->pv.xen.store, ME), w->e->pv.xen.store, NULL, FRONT "/state");
			break;
		case 1:
		case 2:
			removals++;
			xenbus_remove(w->dev, (x >> 24) & 1);
			break;
		case 3:
		case 4:
			front(w, "ring-ref", "20");
			snprintf(text, sizeof text, "%u", port);
			front(w, "event-channel", text);
			front(w, "ring-page-order", "0");
			front(w, "multi-queue-num-queues", "1");
			front(w, "protocol", "x86_64-abi");
			break;
		case 5:
			env_put32(w->e, ENV_VA(RING), x);
			env_evtchn(w->e, 4, port, 0, 0);
			break;
		default:
			snprintf(text, sizeof text, "%u", (x >> 12) % 8);
			front(w, keys[(x >> 16) % ARRAY_SIZE(keys)], text);
		}
		quick_eq(w->echo.connects - w->echo.disconnects, w->echo.connects != w->echo.disconnects);
		w->dev = xenbus_find(&w->e->pv.xen, "echo", 3);
		if (!w->dev) {
			ck_assert_uint_eq(w->echo.connects, w->echo.disconnects);
			ck_assert_int_eq(xenbus_add(&w->e->pv.xen, &echo_ops, 3, &w->echo, &w->dev, NULL), 0);
		}
		quick_eq(xenbus_connected(w->dev), w->echo.connects != w->echo.disconnects);
	}
	ck_assert_uint_ge(w->echo.connects, 10);
	ck_assert_uint_ge(removals, 10);
	w->echo.removed = 0;
	finish(w);
}
END_TEST

static void nobody(void *opaque)
{
}

/* The guest closes a device's port, and another service gets its number: after a load that is still so. */
START_TEST(port_of_another)
{
	struct world *w = start();
	u32 port = connect(w), other = 0, x;
	struct buf b = { 0 };
	struct reader r;

	ck_assert_int_eq(env_evtchn(w->e, 3, port, 0, 0), 0);
	ck_assert_int_eq(evtchn_bind_host(&w->e->pv.xen, &other, nobody, &x), 0);
	ck_assert_uint_eq(other, port);
	state_list_save(&w->e->d->states, &b);
	reader_init(&r, b.p, b.len);
	ck_assert_int_eq(state_list_load(&w->e->d->states, &r, NULL), 0);
	ck_assert_int_eq(state_list_loaded(&w->e->d->states, NULL), 0);
	ck_assert(!evtchn_port_host(w->e->pv.xen.evtchn, port)->notify);
	ck_assert_int_eq(evtchn_attach_host(&w->e->pv.xen, port, nobody, &x), 0);
	w->echo.disconnects = 0;
	/* The device goes, and leaves the port alone. */
	front_state(w, XENBUS_CLOSED);
	ck_assert(evtchn_port_host(w->e->pv.xen.evtchn, port)->opaque == &x);
	ck_assert_int_eq(env_evtchn(w->e, 3, port, 0, 0), 0);
	buf_free(&b);
	finish(w);
}
END_TEST

START_TEST(saved_and_loaded)
{
	struct world *w = start();
	u32 port = connect(w), i;
	struct buf a = { 0 }, b = { 0 };
	struct reader r;

	ask(w, RING, port, 'a', 'A');
	state_list_save(&w->e->d->states, &a);
	reader_init(&r, a.p, a.len);
	ck_assert_int_eq(state_list_load(&w->e->d->states, &r, NULL), 0);
	ck_assert_int_eq(state_list_loaded(&w->e->d->states, NULL), 0);
	w->echo.disconnects = 0; /* the old one was let go for the new */
	state_list_save(&w->e->d->states, &b);
	ck_assert_uint_eq(a.len, b.len);
	ck_assert(!memcmp(a.p, b.p, a.len));
	ask(w, RING, port, 'b', 'B');
	front_state(w, XENBUS_CLOSING);
	STATE(w, "5");
	ck_assert_uint_eq(grant_flags(w, 20), GTF_permit_access);
	/* Cut short: refused, nothing breaks. */
	for (i = 0; i < a.len; i += 97) {
		reader_init(&r, a.p, i);
		ck_assert_int_ne(state_list_load(&w->e->d->states, &r, NULL), 0);
	}
	reader_init(&r, b.p, b.len);
	ck_assert_int_eq(state_list_load(&w->e->d->states, &r, NULL), 0);
	ck_assert_int_eq(state_list_loaded(&w->e->d->states, NULL), 0);
	w->echo.connects = 1;
	w->echo.disconnects = 0;
	buf_free(&a);
	buf_free(&b);
	finish(w);
}
END_TEST

Suite *xenbus_suite(void)
{
	Suite *s = suite_create("xenbus");
	TCase *tc = tcase_create("xenbus");

	tcase_add_test(tc, born);
	tcase_add_test(tc, a_life);
	tcase_add_test(tc, announced);
	tcase_add_test(tc, unplugged);
	tcase_add_test(tc, late);
	tcase_add_test(tc, wrong_numbers);
	tcase_add_test(tc, many_pages);
	tcase_add_test(tc, many_queues);
	tcase_add_test(tc, out_of_order);
	tcase_add_test(tc, hostile_ring);
	tcase_add_test(tc, anything);
	tcase_add_test(tc, port_of_another);
	tcase_add_test(tc, saved_and_loaded);
	suite_add_tcase(s, tc);
	return s;
}
