/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keys of the monitor's sendkey: their order, how long they are down by the host's time and by the guest's, what is refused, and
 * the words of the monitor that come with a screen.
 */
#include "tests/suites.h"
#include "tests/unit/screen_env.h"
#include "ui/sendkey.h"

#define MS 1000000u

struct typed {
	struct poll_set *poll;
	struct display *d;
	struct display_console *c;
	struct sendkey *s;
	char text[4096];
};

static void on_key(void *opaque, u32 code, u32 ch, bool down)
{
	struct typed *t = opaque;
	size_t n = strlen(t->text);

	snprintf(t->text + n, sizeof t->text - n, "%u%c", code, down ? '+' : '-');
}

static struct typed *typed_new(void)
{
	static const struct console_ops ops = { .key = on_key };
	struct typed *t = calloc(1, sizeof *t);

	ck_assert_ptr_nonnull(t);
	t->poll = poll_set_new();
	t->d = display_new(t->poll);
	t->c = display_console_add(t->d, 0, "graphics", &ops, t);
	ck_assert_int_eq(display_resize(t->c, 64, 48), 0);
	t->s = sendkey_new(t->d, t->poll);
	ck_assert_ptr_nonnull(t->s);
	return t;
}

static void typed_free(struct typed *t)
{
	sendkey_free(t->s);
	display_free(t->d);
	poll_set_free(t->poll);
	free(t);
}

/* Until the text is so long, at most a minute; gives how long it took, in ms. */
static u64 until(struct typed *t, size_t len)
{
	u64 begun = host_now();

	while (strlen(t->text) < len && host_now() - begun < 60000ull * MS)
		poll_wait(t->poll, 50 * MS);
	return (host_now() - begun) / MS;
}

START_TEST(in_order)
{
	struct typed *t = typed_new();
	const char *want = "29+56+59+59-56-29-30+30-2+29+29-2-";
	u64 took;

	ck_assert_int_eq(sendkey_add(t->s, "ctrl-alt-f1", 60, NULL), 0);
	ck_assert_int_eq(sendkey_add(t->s, "a", 1, NULL), 0);
	/* Keys that mean something to us when a person presses them are the guest's here. */
	ck_assert_int_eq(sendkey_add(t->s, "0x02-ctrl", 1, NULL), 0);
	ck_assert_str_eq(t->text, "");
	poll_wait(t->poll, 0);
	ck_assert_str_eq(t->text, "29+56+59+");
	took = until(t, 18);
	ck_assert_uint_ge(took, 55);
	until(t, strlen(want));
	ck_assert_str_eq(t->text, want);
	/* With nothing to do it asks for no time. */
	took = host_now();
	poll_wait(t->poll, 100 * MS);
	poll_wait(t->poll, 100 * MS);
	ck_assert_uint_ge((host_now() - took) / MS, 95);
	typed_free(t);
}
END_TEST

START_TEST(guest_time)
{
	struct screen_world *w = sw_new();
	struct typed *t = typed_new();

	sendkey_set_domain(t->s, w->e->d);
	ck_assert_int_eq(sendkey_add(t->s, "a", 60000, NULL), 0);
	poll_wait(t->poll, 0);
	poll_wait(t->poll, 0);
	ck_assert_str_eq(t->text, "30+");
	timeline_skip(&w->e->d->time, domain_now(w->e->d) + 60000ull * MS);
	poll_wait(t->poll, 0);
	ck_assert_str_eq(t->text, "30+30-");
	/* A guest that ends holds nothing any more, and what waited is not the next one's. */
	ck_assert_int_eq(sendkey_add(t->s, "b", 60000, NULL), 0);
	ck_assert_int_eq(sendkey_add(t->s, "c", 60000, NULL), 0);
	until(t, 9);
	ck_assert_str_eq(t->text, "30+30-48+");
	sendkey_set_domain(t->s, NULL);
	ck_assert_str_eq(t->text, "30+30-48+48-");
	poll_wait(t->poll, 30 * MS);
	poll_wait(t->poll, 30 * MS);
	ck_assert_str_eq(t->text, "30+30-48+48-");
	typed_free(t);
	sw_free(w);
}
END_TEST

static void bad(struct typed *t, const char *keys, const char *part)
{
	struct error e = { "" };

	ck_assert_int_lt(sendkey_add(t->s, keys, 1, &e), 0);
	ck_assert_msg(strstr(e.text, part) != NULL, "%s: '%s' has no '%s'", keys, e.text, part);
}

START_TEST(refusals)
{
	struct typed *t = typed_new();
	u32 i;

	bad(t, "", "no key ''");
	bad(t, "ctrl-nosuch", "'nosuch'");
	bad(t, "ctrl-", "no key ''");
	bad(t, "-", "no key ''");
	bad(t, "0x", "'0x'");
	bad(t, "0xfff", "'0xfff'");
	bad(t, "a-b-a", "twice");
	bad(t, "a-b-c-d-e-f-g-h-i-j-k-l-m-n-o-p-q", "16 keys");
	for (i = 0; i < SENDKEY_WAITING; i++)
		sendkey_add(t->s, "a", 1, NULL);
	bad(t, "b", "wait already");
	ck_assert_str_eq(t->text, "");
	typed_free(t);
}
END_TEST

Suite *sendkey_suite(void)
{
	Suite *s = suite_create("sendkey");
	TCase *t = tcase_create("sendkey");

	tcase_set_timeout(t, 30);
	tcase_add_test(t, in_order);
	tcase_add_test(t, guest_time);
	tcase_add_test(t, refusals);
	suite_add_tcase(s, t);
	return s;
}
