/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual time, the door, and the poison test of every state table a domain registers.
 */
#include "tests/suites.h"
#include "tests/unit/pv_env.h"
#include "vm/run.h"
#include "vm/x86.h"

/* ---- time ---------------------------------------------------------------------------------------------------------- */

START_TEST(time_follows_instructions)
{
	struct timeline t;

	timeline_init(&t, 0);
	timeline_advance(&t, 100);
	ck_assert_uint_eq(t.s.now, 100);
	ck_assert_uint_eq(timeline_at(&t, 7), 107);
	ck_assert_uint_eq(timeline_until(&t, 150), 50);
	ck_assert_uint_eq(timeline_until(&t, 100), 0);
	timeline_init(&t, 2);
	timeline_advance(&t, 10);
	ck_assert_uint_eq(t.s.now, 40);
	ck_assert_uint_eq(timeline_until(&t, 41), 1);
	ck_assert_uint_eq(timeline_until(&t, 45), 2);
	timeline_free(&t);
}
END_TEST

/* In a round of n vCPUs time passes n times slower for each, never backwards, and no part of it is lost. */
START_TEST(rounds_share_time)
{
	struct timeline t;
	u64 n, last = 0;

	timeline_init(&t, 0);
	timeline_round(&t, 3);
	for (n = 0; n < 3; n++) {
		ck_assert_uint_ge(timeline_at(&t, 1), last);
		timeline_advance(&t, 1000);
		last = t.s.now;
	}
	ck_assert_uint_eq(t.s.now, 1000);
	for (n = 0; n < 999; n++)
		timeline_advance(&t, 1);
	ck_assert_uint_eq(t.s.now, 1333);
	/* Exactly at the deadline and not one instruction before. */
	n = timeline_until(&t, 2000);
	ck_assert_uint_ge(timeline_at(&t, n), 2000);
	ck_assert_uint_lt(timeline_at(&t, n - 1), 2000);
	timeline_free(&t);
}
END_TEST

struct fired {
	u32 order[32];
	u32 n;
};
struct one {
	struct vtimer t;
	struct fired *f;
	u32 id;
};

static void on_fire(void *opaque, u64 now)
{
	struct one *o = opaque;

	o->f->order[o->f->n++] = o->id;
}

START_TEST(deadlines_fire_in_order)
{
	static const u64 at[] = { 50, 10, 30, 10, 90, 20, 30 };
	static const u32 want[] = { 1, 3, 5, 2, 6, 0 };
	struct one o[ARRAY_SIZE(at)];
	struct fired f = { .n = 0 };
	struct timeline t;
	u32 i;

	timeline_init(&t, 0);
	for (i = 0; i < ARRAY_SIZE(at); i++) {
		o[i].f = &f;
		o[i].id = i;
		vtimer_init(&o[i].t, i, on_fire, &o[i]);
		ck_assert_int_eq(vtimer_arm(&t, &o[i].t, at[i]), 0);
	}
	ck_assert_uint_eq(timeline_next(&t), 10);
	timeline_advance(&t, 60);
	timeline_fire(&t);
	ck_assert_uint_eq(f.n, 6);
	for (i = 0; i < f.n; i++)
		ck_assert_uint_eq(f.order[i], want[i]);
	vtimer_cancel(&t, &o[4].t);
	ck_assert_uint_eq(timeline_next(&t), TIME_NEVER);
	timeline_free(&t);
}
END_TEST

/* A timer that finds the host not ready holds all that comes behind it, at the same instant too. */
struct holder {
	struct timeline *t;
	struct vtimer tm;
	struct fired *f;
	bool ready;
};

static void on_hold(void *opaque, u64 now)
{
	struct holder *h = opaque;

	if (!h->ready) {
		timeline_hold(h->t);
		vtimer_arm(h->t, &h->tm, 10);
		return;
	}
	h->f->order[h->f->n++] = 100;
}

START_TEST(held_time)
{
	struct fired f = { .n = 0 };
	struct timeline t;
	struct one o[3];
	struct holder h = { &t, { 0 }, &f, false };
	u32 i;

	timeline_init(&t, 0);
	for (i = 0; i < 3; i++) {
		o[i].f = &f;
		o[i].id = i;
		vtimer_init(&o[i].t, i * 2, on_fire, &o[i]);
		vtimer_arm(&t, &o[i].t, i == 2 ? 12 : 10);
	}
	vtimer_init(&h.tm, 1, on_hold, &h);
	vtimer_arm(&t, &h.tm, 10);
	timeline_advance(&t, 15);
	timeline_fire(&t);
	timeline_fire(&t);
	ck_assert_uint_eq(f.n, 1);
	ck_assert(t.held && t.owed);
	timeline_release(&t);
	timeline_fire(&t);
	ck_assert(t.held);
	ck_assert_uint_eq(f.n, 1);
	h.ready = true;
	timeline_release(&t);
	timeline_fire(&t);
	ck_assert_uint_eq(f.n, 4);
	ck_assert(f.order[0] == 0 && f.order[1] == 100 && f.order[2] == 1 && f.order[3] == 2);
	timeline_free(&t);
}
END_TEST

/* ---- the door ------------------------------------------------------------------------------------------------------ */

struct seen {
	char text[64];
	u64 icount, now;
	u32 recorded;
};

static void on_char(void *opaque, const struct door_input *in)
{
	struct seen *s = opaque;

	strncat(s->text, (const char *)in->data, in->len);
	s->icount = in->icount;
	s->now = in->now;
}

static void on_record(void *opaque, const struct door_input *in)
{
	struct seen *s = opaque;

	s->recorded += in->len;
}

START_TEST(door_stamps_and_records)
{
	struct seen s = { .text = "" };
	struct door d;

	door_init(&d);
	d.on_input = on_record;
	d.recorder = &s;
	ck_assert_int_eq(door_handle(&d, DOOR_CHAR, 3, on_char, &s), 0);
	door_post(&d, DOOR_CHAR, 3, "ab", 2);
	door_post(&d, DOOR_CHAR, 4, "xx", 2);
	door_post(&d, DOOR_CHAR, 3, "c", 1);
	ck_assert(door_waiting(&d));
	ck_assert_str_eq(s.text, "");
	ck_assert(door_open(&d, 77, 88));
	ck_assert_str_eq(s.text, "abc");
	ck_assert_uint_eq(s.icount, 77);
	ck_assert_uint_eq(s.now, 88);
	ck_assert_uint_eq(s.recorded, 5);
	ck_assert(!door_open(&d, 78, 89));
	/* One that enters at once comes behind those that wait, and is recorded as they are. */
	door_post(&d, DOOR_CHAR, 3, "d", 1);
	door_enter(&d, DOOR_CHAR, 3, "efghijkl", DOOR_SMALL, 79, 90);
	ck_assert_str_eq(s.text, "abcdefghijkl");
	ck_assert_uint_eq(s.icount, 79);
	ck_assert_uint_eq(s.now, 90);
	ck_assert_uint_eq(s.recorded, 14);
	ck_assert(!door_waiting(&d));
	door_free(&d);
}
END_TEST

/* ---- domains ------------------------------------------------------------------------------------------------------- */

START_TEST(domains_by_number)
{
	struct domain *a, *b;
	struct host h;
	int machine;

	ck_assert_int_eq(host_init(&h, &x86_arch, 0), 0);
	ck_assert_ptr_null(host_domain(&h, 1));
	a = domain_create(&h, "a", 512, 1, 0);
	b = domain_create(&h, "b", 512, 1, 0);
	ck_assert_ptr_eq(host_domain(&h, a->id), a);
	ck_assert_ptr_eq(host_domain(&h, b->id), b);
	ck_assert_ptr_null(host_domain(&h, 0));
	ck_assert_ptr_null(host_domain(&h, b->id + 1));
	ck_assert_int_eq(a->kind, DOMAIN_NONE);
	domain_become(a, DOMAIN_BARE, &machine, NULL);
	ck_assert_int_eq(a->kind, DOMAIN_BARE);
	ck_assert_ptr_eq(a->machine, &machine);
	ck_assert_int_eq(b->kind, DOMAIN_NONE);
	domain_destroy(b);
	ck_assert_ptr_null(host_domain(&h, 2));
	ck_assert_ptr_eq(host_domain(&h, 1), a);
	host_exit(&h);
}
END_TEST

/* ---- state --------------------------------------------------------------------------------------------------------- */

/* Each table covers its whole struct: what one fill pattern saves, loaded over another, is the first again. */
START_TEST(every_table_is_complete)
{
	struct env *e = env_new();
	u32 i, n = 0;

	for (i = 0; i < e->d->states.n; i++) {
		const struct state_item *it = &e->d->states.items[i];
		struct buf out = { 0 };
		struct reader in;
		u8 *a, *b;

		if (!it->desc)
			continue;
		ck_assert_msg(state_check(it->desc), "table %s does not cover its struct", it->name);
		a = malloc(it->desc->size);
		b = malloc(it->desc->size);
		memset(a, 0xa5, it->desc->size);
		memset(b, 0x5a, it->desc->size);
		state_save(it->desc, a, &out);
		reader_init(&in, out.p, out.len);
		ck_assert_int_eq(state_load(it->desc, b, &in), 0);
		ck_assert_msg(!memcmp(a, b, it->desc->size), "table %s forgets something", it->name);
		ck_assert_ptr_null(state_differs(it->desc, a, b));
		free(a);
		free(b);
		buf_free(&out);
		n++;
	}
	ck_assert_uint_ge(n, 8);
	env_free(e);
}
END_TEST

/* The whole of a domain's state saves, loads into another and hashes the same. */
START_TEST(domain_state_round_trip)
{
	struct env *a = env_new(), *b = env_new();
	struct buf out = { 0 };
	struct reader in;

	x86_of(a->d->vcpus[1])->s.gpr[3] = 12345;
	timeline_advance(&a->d->time, 999);
	state_list_save(&a->d->states, &out);
	ck_assert_uint_ne(state_list_hash(&a->d->states, 1), state_list_hash(&b->d->states, 1));
	reader_init(&in, out.p, out.len);
	ck_assert_int_eq(state_list_load(&b->d->states, &in, NULL), 0);
	ck_assert_uint_eq(state_list_hash(&a->d->states, 1), state_list_hash(&b->d->states, 1));
	/* Any byte missing is an error, not a guess. */
	reader_init(&in, out.p, out.len - 1);
	ck_assert_int_ne(state_list_load(&b->d->states, &in, NULL), 0);
	buf_free(&out);
	env_free(a);
	env_free(b);
}
END_TEST

Suite *vm_suite(void)
{
	Suite *s = suite_create("vm");
	TCase *t = tcase_create("time, door, state");

	tcase_add_test(t, time_follows_instructions);
	tcase_add_test(t, rounds_share_time);
	tcase_add_test(t, deadlines_fire_in_order);
	tcase_add_test(t, held_time);
	tcase_add_test(t, door_stamps_and_records);
	tcase_add_test(t, domains_by_number);
	tcase_add_test(t, every_table_is_complete);
	tcase_add_test(t, domain_state_round_trip);
	suite_add_tcase(s, t);
	return s;
}
