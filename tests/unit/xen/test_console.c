/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The byte rings and the PV console: output at the event, input by the door, queues, hostile indexes; and a domain's
 * own xenstore: the tree it finds and its event channel.
 */
#include "tests/suites.h"
#include "tests/unit/pv_env.h"
#include "xen/console.h"
#include "xen/ring.h"
#include "xen/store/xenstore.h"

#define RING ENV_VA(2)
#define STORE ENV_VA(3)
enum { IN_CONS = 3072, IN_PROD = 3076, OUT_CONS = 3080, OUT_PROD = 3084 };

struct sink {
	char text[8192];
	size_t n;
	u32 rooms;
};

static void out(void *opaque, const u8 *p, size_t n)
{
	struct sink *s = opaque;

	ck_assert_uint_le(s->n + n, sizeof s->text);
	memcpy(s->text + s->n, p, n);
	s->n += n;
}

static void room(void *opaque)
{
	((struct sink *)opaque)->rooms++;
}

static struct env *start(struct sink *s)
{
	struct env *e = env_new();

	memset(s, 0, sizeof *s);
	e->pv.xen.s.console_mfn = ENV_MFN(2);
	e->pv.xen.s.store_mfn = ENV_MFN(3);
	ck_assert_int_eq(xen_console_init(&e->pv.xen, out, s), 0);
	ck_assert_uint_ne(e->pv.xen.s.console_port, 0);
	xen_console_on_room(&e->pv.xen, room, s);
	return e;
}

static void finish(struct env *e)
{
	xen_console_free(&e->pv.xen);
	env_free(e);
}

/* The guest's EVTCHNOP_send. */
static void kick(struct env *e, u32 port)
{
	ck_assert_int_eq(env_evtchn(e, 4, port, 0, 0), 0);
}

static bool pending(struct env *e, u32 port)
{
	u64 at = xen_shared_bits(&e->pv.xen, SI_EVTCHN_PENDING);
	bool was = xen_bit_test(&e->d->mem, at, port);

	xen_bit_clear(&e->d->mem, at, port);
	return was;
}

static void say(struct env *e, const char *text)
{
	u32 prod = env_u32(e, RING + OUT_PROD);
	u8 *p = mem_rw(&e->d->mem, ENV_MFN(2), 0, PAGE_SIZE);

	while (*text)
		p[1024 + (prod++ & 2047)] = (u8)*text++;
	env_put32(e, RING + OUT_PROD, prod);
}

START_TEST(output)
{
	struct sink s;
	struct env *e = start(&s);
	u32 i;

	env_put32(e, RING + OUT_CONS, 0xfffffff0u); /* wraps */
	env_put32(e, RING + OUT_PROD, 0xfffffff0u);
	for (i = 0; i < 300; i++) {
		s.n = 0;
		say(e, "hello, world of rings");
		kick(e, e->pv.xen.s.console_port);
		ck_assert_uint_eq(s.n, 21);
		ck_assert(!memcmp(s.text, "hello, world of rings", 21));
		ck_assert_uint_eq(env_u32(e, RING + OUT_CONS), env_u32(e, RING + OUT_PROD));
		ck_assert(pending(e, e->pv.xen.s.console_port));
	}
	kick(e, e->pv.xen.s.console_port); /* nothing new: no event back */
	ck_assert(!pending(e, e->pv.xen.s.console_port));
	finish(e);
}
END_TEST

static void raw(struct env *e, const char *text)
{
	mem_write(&e->d->mem, ENV_VA(4), text, strlen(text));
	ck_assert_int_eq(env_call(e, 0, hc_console_io, 0, strlen(text), ENV_VA(4)), 0);
}

/* Xen's own console is seen until the guest has one of its own, and in the log from first to last. */
START_TEST(xen_console)
{
	struct sink s;
	struct env *e = start(&s);
	char logged[512];
	size_t n;

	e->host.log.mask = LOG_CONSOLE;
	e->host.log.out = tmpfile();
	ck_assert_ptr_nonnull(e->host.log.out);
	s.n = 0;
	raw(e, "early\nand\r\n\nla");
	ck_assert_uint_eq(s.n, 16);
	ck_assert(!memcmp(s.text, "early\r\nand\r\n\r\nla", 16));
	kick(e, e->pv.xen.s.console_port); /* an event alone is no use of the ring */
	raw(e, "te\n");
	ck_assert_uint_eq(s.n, 20);
	say(e, "mine\n");
	kick(e, e->pv.xen.s.console_port);
	ck_assert_uint_eq(s.n, 25);
	raw(e, "mine\n\033[1m\n");
	ck_assert_uint_eq(s.n, 25);
	fflush(e->host.log.out);
	rewind(e->host.log.out);
	n = fread(logged, 1, sizeof logged - 1, e->host.log.out);
	logged[n] = 0;
	ck_assert_ptr_nonnull(strstr(logged, "xen console: early\n"));
	ck_assert_ptr_nonnull(strstr(logged, "xen console: late\n"));
	ck_assert_ptr_nonnull(strstr(logged, "xen console: mine\n"));
	ck_assert_ptr_nonnull(strstr(logged, "xen console: [1m\n"));
	fclose(e->host.log.out);
	e->host.log.out = stderr;
	finish(e);
}
END_TEST

START_TEST(input)
{
	struct sink s;
	struct env *e = start(&s);
	u8 big[6000], got[6000];
	u32 n = 0, i, port = e->pv.xen.s.console_port;

	for (i = 0; i < sizeof big; i++)
		big[i] = (u8)(i * 7);
	ck_assert_uint_eq(xen_console_room(&e->pv.xen), XEN_CONSOLE_QUEUE);
	ck_assert_int_eq(xen_console_input(&e->pv.xen, big, 10), 0);
	ck_assert_uint_eq(env_u32(e, RING + IN_PROD), 0); /* not before the door opens */
	ck_assert_uint_eq(xen_console_room(&e->pv.xen), XEN_CONSOLE_QUEUE - 10);
	ck_assert(door_open(&e->d->door, 1, 1));
	ck_assert_uint_eq(env_u32(e, RING + IN_PROD), 10);
	ck_assert(pending(e, port));
	ck_assert_uint_eq(s.rooms, 1);
	env_put32(e, RING + IN_CONS, 10);
	/* More than the ring holds: queued, then fed as the guest reads. */
	ck_assert_int_eq(xen_console_input(&e->pv.xen, big, sizeof big), 0);
	ck_assert_uint_eq(xen_console_room(&e->pv.xen), 0);
	door_open(&e->d->door, 2, 2);
	ck_assert_uint_eq(env_u32(e, RING + IN_PROD), 10 + 1024);
	ck_assert_uint_eq(xen_console_room(&e->pv.xen), 1024);
	while (env_u32(e, RING + IN_PROD) != env_u32(e, RING + IN_CONS)) {
		u32 cons = env_u32(e, RING + IN_CONS), prod = env_u32(e, RING + IN_PROD);
		const u8 *p = mem_ro(&e->d->mem, ENV_MFN(2));

		for (; cons != prod; cons++)
			got[n++] = p[cons & 1023];
		env_put32(e, RING + IN_CONS, cons);
		kick(e, port);
	}
	ck_assert_uint_eq(n, XEN_CONSOLE_QUEUE);
	ck_assert(!memcmp(got, big, n));
	ck_assert_uint_ge(s.rooms, 4);
	finish(e);
}
END_TEST

START_TEST(hostile)
{
	struct sink s;
	struct env *e = start(&s);
	u8 byte;

	env_put32(e, RING + OUT_PROD, 2049);
	kick(e, e->pv.xen.s.console_port);
	ck_assert_uint_eq(s.n, 0);
	/* Ignored for ever, whatever comes. */
	env_put32(e, RING + OUT_PROD, 5);
	kick(e, e->pv.xen.s.console_port);
	ck_assert_uint_eq(s.n, 0);
	ck_assert_int_eq(xen_console_input(&e->pv.xen, (const u8 *)"x", 1), 0);
	door_open(&e->d->door, 1, 1);
	ck_assert_uint_eq(env_u32(e, RING + IN_PROD), 0);
	finish(e);
	/* Rings by themselves. */
	e = start(&s);
	struct byte_ring r = { 0, 1024, 3072, 3076 };
	env_put32(e, RING + 3072, 1);
	ck_assert_int_lt(ring_used(&e->d->mem, ENV_MFN(2), &r), 0);
	ck_assert_int_lt(ring_take(&e->d->mem, ENV_MFN(2), &r, &byte, 1), 0);
	ck_assert_int_lt(ring_give(&e->d->mem, ENV_MFN(2), &r, "a", 1), 0);
	env_put32(e, RING + 3076, 1025);
	ck_assert_int_eq(ring_give(&e->d->mem, ENV_MFN(2), &r, "a", 1), 0);
	ck_assert_int_lt(ring_used(&e->d->mem, 3, &r), 0);
	finish(e);
}
END_TEST

START_TEST(state)
{
	struct sink s;
	struct env *e = start(&s);
	struct buf a = { 0 }, b = { 0 };
	struct reader r;
	u8 big[2000];

	ck_assert(state_check(&xen_console_state_desc));
	memset(big, 'q', sizeof big);
	xen_console_input(&e->pv.xen, big, sizeof big);
	door_open(&e->d->door, 1, 1);
	ck_assert_uint_eq(xen_console_room(&e->pv.xen), XEN_CONSOLE_QUEUE - (2000 - 1024));
	/* What was typed and is still before the door takes room, too. */
	xen_console_input(&e->pv.xen, big, 100);
	state_list_save(&e->d->states, &a);
	door_open(&e->d->door, 1, 1);
	env_put32(e, RING + IN_CONS, 1024);
	kick(e, e->pv.xen.s.console_port);
	env_put32(e, RING + IN_CONS, 2048);
	kick(e, e->pv.xen.s.console_port);
	ck_assert_uint_eq(xen_console_room(&e->pv.xen), XEN_CONSOLE_QUEUE);
	reader_init(&r, a.p, a.len);
	ck_assert_int_eq(state_list_load(&e->d->states, &r, NULL), 0);
	ck_assert_int_eq(state_list_loaded(&e->d->states, NULL), 0);
	ck_assert_uint_eq(xen_console_room(&e->pv.xen), XEN_CONSOLE_QUEUE - 100 - (2000 - 1024));
	state_list_save(&e->d->states, &b);
	ck_assert(a.len == b.len && !memcmp(a.p, b.p, a.len));
	buf_free(&a);
	buf_free(&b);
	finish(e);
}
END_TEST

/* A request of one string over the store's ring; the reply's text. */
static const char *ask(struct env *e, u32 type, const char *s, char *text)
{
	u8 *p = mem_rw(&e->d->mem, ENV_MFN(3), 0, PAGE_SIZE);
	u32 n = (u32)strlen(s) + 1, prod = ld32(p + 2052), i;
	u32 cons, len;
	u8 head[16] = { 0 };

	st32(head, type);
	st32(head + 12, n);
	for (i = 0; i < 16 + n; i++)
		p[(prod + i) & 1023] = i < 16 ? head[i] : (u8)s[i - 16];
	st32(p + 2052, prod + 16 + n);
	kick(e, e->pv.xen.s.store_port);
	ck_assert(pending(e, e->pv.xen.s.store_port));
	p = mem_rw(&e->d->mem, ENV_MFN(3), 0, PAGE_SIZE);
	cons = ld32(p + 2056);
	for (i = 0; i < 16; i++)
		head[i] = p[1024 + ((cons + i) & 1023)];
	len = ld32(head + 12);
	ck_assert_uint_le(len, 500);
	for (i = 0; i < len; i++)
		text[i] = (char)p[1024 + ((cons + 16 + i) & 1023)];
	text[len] = 0;
	st32(p + 2056, cons + 16 + len);
	return text;
}

START_TEST(store_of_a_domain)
{
	struct sink s;
	struct env *e = start(&s);
	struct xenstore_config cfg = { "demo", 500 << 10, 600 << 10, 2, 4 };
	char t[512];
	struct buf a = { 0 }, b = { 0 };
	struct reader r;

	e->pv.xen.s.handle[15] = 9;
	ck_assert_int_eq(xs_domain_init(&e->pv.xen), 0);
	ck_assert_int_eq(xs_domain_start(&e->pv.xen, &cfg), 0);
	ck_assert_uint_eq(env_u32(e, STORE + 2064), 7);
	ck_assert_str_eq(ask(e, 2, "name", t), "demo");
	ck_assert_str_eq(ask(e, 2, "domid", t), "7");
	ck_assert_str_eq(ask(e, 2, "memory/target", t), "512000");
	ck_assert_str_eq(ask(e, 2, "memory/static-max", t), "614400");
	ck_assert_str_eq(ask(e, 2, "cpu/1/availability", t), "online");
	ck_assert_str_eq(ask(e, 2, "cpu/3/availability", t), "offline");
	ck_assert_str_eq(ask(e, 2, "cpu/4/availability", t), "ENOENT");
	ck_assert_str_eq(ask(e, 2, "console/type", t), "xenconsoled");
	ck_assert_str_eq(ask(e, 2, "control/platform-feature-xs_reset_watches", t), "1");
	ck_assert_str_eq(ask(e, 2, "vm", t), "/vm/00000000-0000-0000-0000-000000000009");
	ck_assert_str_eq(ask(e, 2, "/vm/00000000-0000-0000-0000-000000000009/name", t), "demo");
	ck_assert_str_eq(ask(e, 2, "console/backend", t), "/local/domain/0/backend/console/7/0");
	ck_assert_str_eq(ask(e, 1, "device", t), "suspend");
	ck_assert_str_eq(ask(e, 2, "/libxl/7/type", t), "EACCES");
	ck_assert_str_eq(ask(e, 11, "control/shutdown", t), "OK"); /* acknowledged by "" */
	ck_assert_str_eq(ask(e, 11, "control/feature-poweroff", t), "OK");
	ck_assert_str_eq(ask(e, 11, "data/x/y", t), "OK");
	ck_assert_str_eq(ask(e, 11, "name", t), "EACCES");
	ck_assert_str_eq(ask(e, 11, "memory/target", t), "EACCES");
	ck_assert_str_eq(ask(e, 11, "device/vbd", t), "EACCES");
	/* Saved with the domain. */
	state_list_save(&e->d->states, &a);
	ck_assert_int_eq(xs_rm(e->pv.xen.store, "/local"), 0);
	reader_init(&r, a.p, a.len);
	ck_assert_int_eq(state_list_load(&e->d->states, &r, NULL), 0);
	ck_assert_int_eq(state_list_loaded(&e->d->states, NULL), 0);
	state_list_save(&e->d->states, &b);
	ck_assert(a.len == b.len && !memcmp(a.p, b.p, a.len));
	ck_assert_str_eq(ask(e, 2, "name", t), "demo");
	buf_free(&a);
	buf_free(&b);
	xs_domain_free(&e->pv.xen);
	finish(e);
}
END_TEST

Suite *console_suite(void)
{
	Suite *s = suite_create("console");
	TCase *tc = tcase_create("console");

	tcase_add_test(tc, output);
	tcase_add_test(tc, xen_console);
	tcase_add_test(tc, input);
	tcase_add_test(tc, hostile);
	tcase_add_test(tc, state);
	tcase_add_test(tc, store_of_a_domain);
	suite_add_tcase(s, tc);
	return s;
}
