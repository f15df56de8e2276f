/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * State that is loaded into a fresh domain: the guest goes on bit for bit as if nothing had been. Bare machines, small 64-bit and
 * 32-bit guests (tests/guests, where make has built them) and the first hundreds of millions of instructions of Debian's
 * kernel, with one vCPU and four, are saved at random instants.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "hw/bare.h"
#include "pv/create.h"
#include "tests/guests/bare/blobs.h"
#include "tests/suites.h"
#include "tests/unit/restore_env.h"
#include "tests/unit/sanitizers.h"
#include "tests/unit/test_kernel.h"
#include "vm/run.h"
#include "vm/x86.h"
#include "xen/load/bzimage.h"

#define POINTS 10u
#define IMAGE 0x10000u
#define BARE_LIMIT 3000000u
/* Debian's kernel: its first steps; and where it has a console, and then its other processors, with the way there left out. */
#define EARLY 30000000ULL
#define LATE 1390000000ULL
#define LATE_FOR 250000000ULL
/* The way there is a minute with a sanitizer. */
#define KERNELS (SHADOW_MEMORY ? 1 : 2)

/* What is run: a bare machine's image, or a kernel. */
struct subject {
	const char *name;
	const u8 *image;
	const struct xen_kernel *kernel;
	u32 vcpus;
	u64 memory;
	u64 limit; /* instructions */
	bool longer; /* it does not end before that */
	u64 skip;    /* so many are only run once */
	struct restore *from; /* ... then it stands so */
};

/* One life of it, in a host of its own. */
struct life {
	const struct subject *s;
	struct host h;
	struct domain *d;
	struct vtimer stop;
	bool stopped;
};

static void no_console(void *opaque, const u8 *p, size_t n)
{
}

static void on_stop(void *opaque, u64 now)
{
	((struct life *)opaque)->stopped = true;
}

static void life_begin(struct life *l, const struct subject *s)
{
	struct error e = { "" };

	*l = (struct life){ .s = s };
	ck_assert_int_eq(host_init(&l->h, &x86_arch, 16 << 20), 0);
	if (s->kernel) {
		struct pv_create_in in = { .name = s->name, .vcpus = s->vcpus,
					   .memory = s->memory, .maxvcpus = s->vcpus, .kernel = s->kernel, .cmdline = "console=hvc0 nokaslr",
					   .console_out = no_console };

		ck_assert_msg(!pv_create(&l->h, &in, &l->d, &e), "%s", e.text);
	} else {
		struct bare_config cfg = { .image = s->image, .len = IMAGE, .boot = BARE_ROM, .memory = 8 << 20 };

		l->d = bare_create(&l->h, s->name, &cfg, &e);
		ck_assert_msg(l->d != NULL, "%s", e.text);
	}
	vtimer_init(&l->stop, UINT32_MAX, on_stop, l); /* behind all others */
	if (s->from)
		restore_put(l->d, s->from);
}

static void life_end(struct life *l)
{
	vtimer_cancel(&l->d->time, &l->stop);
	host_exit(&l->h);
}

static bool life_goes_on(const struct life *l)
{
	return l->d->end == END_RUNNING && l->d->s.retired < l->s->limit;
}

/* Runs to an instant of guest time, or to its end. The slot under way ends there. */
static void life_run(struct life *l, u64 until)
{
	l->stopped = false;
	ck_assert_int_eq(domain_arm(l->d, &l->stop, until), 0);
	while (!l->stopped && life_goes_on(l))
		domain_run(l->d, 1);
	vtimer_cancel(&l->d->time, &l->stop);
}

static int compare_u64(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

/* Instants at which it has done so many instructions, more or less: spread over its life, and the same each time. */
static void pick_points(const struct subject *s, u64 at[POINTS])
{
	u64 x = 88172645463325252ULL, icount[POINTS], total, done = 0, now = 0; /* at the last slot's start */
	struct life l;
	u32 i;

	life_begin(&l, s);
	if (!s->longer)
		domain_run(l.d, s->limit);
	total = s->longer ? s->limit : l.d->s.retired;
	life_end(&l);
	for (i = 0; i < POINTS; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		icount[i] = s->skip + x % (total - s->skip);
	}
	qsort(icount, POINTS, sizeof *icount, compare_u64);
	life_begin(&l, s);
	for (i = 0; i < POINTS; i++) {
		while (life_goes_on(&l) && l.d->s.retired <= icount[i]) {
			done = l.d->s.retired;
			now = l.d->time.s.now;
			domain_run(l.d, 1);
		}
		at[i] = now + (icount[i] > done ? icount[i] - done : 0) / l.d->time.s.div;
		at[i] = MAX(at[i], i ? at[i - 1] + 1 : 1);
	}
	life_end(&l);
}

/* What a life has at an instant. */
struct moment {
	u64 hash, icount, now;
	struct buf states; /* to tell what differs */
};

static struct moment moment_of(struct domain *d)
{
	struct moment m = { .hash = domain_hash(d), .icount = domain_icount(d), .now = domain_now(d) };

	state_list_save(&d->states, &m.states);
	return m;
}

static void check_moment(const struct moment *want, struct domain *d, const char *name, u32 save, const char *when)
{
	struct moment m = moment_of(d);

	ck_assert_msg(m.icount == want->icount && m.now == want->now, "%s, save %u, %s: %llu instructions at %llu ns, not %llu at %llu",
		      name, save, when, (unsigned long long)m.icount, (unsigned long long)m.now,
		      (unsigned long long)want->icount, (unsigned long long)want->now);
	ck_assert_msg(m.hash == want->hash, "%s, save %u, %s: %s differs", name, save, when,
		      restore_differs(&want->states, &m.states));
	buf_free(&m.states);
}

/*
 * One life in one go, but for the ends of slots, and one that at each of the points is saved, ends, and goes on in another
 * domain: both have the same state at each.
 */
static void check_subject(struct subject *s)
{
	struct moment m[POINTS + 1];
	struct restore *r;
	u64 at[POINTS];
	struct life l;
	u32 i;

	life_begin(&l, s);
	if (s->skip) {
		domain_run(l.d, s->skip);
		s->from = restore_take(l.d);
	}
	pick_points(s, at);
	for (i = 0; i <= POINTS; i++) {
		life_run(&l, i < POINTS ? at[i] : TIME_NEVER);
		m[i] = moment_of(l.d);
	}
	life_end(&l);
	life_begin(&l, s);
	life_run(&l, at[0]);
	for (i = 0; i < POINTS; i++) {
		r = restore_take(l.d);
		life_end(&l);
		life_begin(&l, s);
		restore_put(l.d, r);
		restore_free(r);
		check_moment(&m[i], l.d, s->name, i, "as loaded");
		life_run(&l, i + 1 < POINTS ? at[i + 1] : TIME_NEVER);
		check_moment(&m[i + 1], l.d, s->name, i, "later");
	}
	life_end(&l);
	for (i = 0; i <= POINTS; i++)
		buf_free(&m[i].states);
	if (s->from)
		restore_free(s->from);
}

/* ---- bare machines ----------------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	const u16 *blob;
} bare_guests[] = { { "real", blob_real }, { "prot", blob_prot },   { "debug", blob_debug },
		    { "paging", blob_paging }, { "gates", blob_gates }, { "events", blob_events } };

START_TEST(bare_machine)
{
	struct subject s = { .name = bare_guests[_i].name, .vcpus = 1, .limit = BARE_LIMIT };
	const u16 *blob = bare_guests[_i].blob;
	u8 *image = calloc(1, IMAGE);
	u32 k;

	ck_assert_ptr_nonnull(image);
	for (; blob[1]; blob += 2 + blob[1])
		for (k = 0; k < blob[1]; k++)
			image[blob[0] + k] = (u8)blob[2 + k];
	s.image = image;
	check_subject(&s);
	free(image);
}
END_TEST

/* ---- small guests -------------------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	u32 vcpus;
} small_guests[] = {
	{ "timers", 1 }, { "events", 1 }, { "fifo", 1 },   { "grants", 1 },	      { "memory", 1 },	     { "mmu", 1 },
	{ "traps", 1 },	 { "iret", 1 },	  { "debug", 1 },  { "privileged", 1 },    { "multicall", 1 },    { "console", 1 },
	{ "smp", 4 },	 { "preempt", 1 }, { "compat/mmu32", 1 }, { "compat/segs32", 1 }, { "compat/traps32", 1 }, { "compat/calls32", 1 },
	{ "compat/smp32", 4 },
};

/* The bytes of a small guest, which outlive what is loaded from them. NULL: make has not built it. */
static u8 *load_small(const char *name, struct xen_kernel *k)
{
	struct error e = { "" };
	char path[64];
	FILE *f;
	u8 *bytes;
	size_t len;

	snprintf(path, sizeof path, "tests/guests/%s.elf", name);
	f = fopen(path, "rb");
	if (!f) {
		printf("skip  restore: make has not built %s\n", path);
		return NULL;
	}
	fclose(f);
	ck_assert_msg(!xen_file_read(path, "kernel", XEN_KERNEL_MAX, NULL, &bytes, &len, &e), "%s", e.text);
	ck_assert_msg(!xen_kernel_load(k, bytes, len, path, XEN_KERNEL_MAX, NULL, &e), "%s", e.text);
	return bytes;
}

START_TEST(small_guest)
{
	struct xen_kernel k;
	struct subject s = { .name = small_guests[_i].name, .vcpus = small_guests[_i].vcpus, .memory = 32 << 20,
			     .limit = 20000000, .kernel = &k };
	u8 *bytes = load_small(s.name, &k);

	if (!bytes)
		return;
	check_subject(&s);
	xen_kernel_free(&k);
	free(bytes);
}
END_TEST

/* What a paravirtual guest's state cannot say. */
START_TEST(damaged_guest)
{
	struct xen_kernel k;
	struct subject s = { .name = "traps", .vcpus = 1, .memory = 32 << 20, .limit = 10000, .kernel = &k };
	u8 *bytes = load_small(s.name, &k);
	struct error e = { "" };
	struct life l;

	if (!bytes)
		return;
	life_begin(&l, &s);
	domain_run(l.d, s.limit);
	domain_sync(l.d);
	ck_assert_int_eq(state_list_loaded(&l.d->states, &e), 0);
	pv_of(l.d->vcpus[0])->s.old_table = 7;
	ck_assert_int_eq(state_list_loaded(&l.d->states, &e), -EINVAL);
	pv_of(l.d->vcpus[0])->s.old_table = 0;
	xen_dom(l.d)->s.is32 = 1;
	ck_assert_int_eq(state_list_loaded(&l.d->states, &e), -EINVAL);
	ck_assert_str_eq(e.text, "The state is of a 32-bit guest, and guest traps is none.");
	xen_dom(l.d)->s.is32 = 0;
	life_end(&l);
	xen_kernel_free(&k);
	free(bytes);
}
END_TEST

/* ---- Debian's kernel ----------------------------------------------------------------------------------------------- */

START_TEST(debian_kernel)
{
	struct subject s = { .name = "Debian", .vcpus = _i ? 4 : 1, .memory = 96 << 20, .limit = EARLY, .longer = true };
	struct error e = { "" };
	struct xen_kernel k;
	char path[512];
	u8 *bytes;
	size_t len;

	if (!find_kernel(path, sizeof path)) {
		printf("skip  restore: no kernel at /boot/vmlinuz-*-amd64; set PARAVANE_TEST_KERNEL\n");
		return;
	}
	ck_assert_msg(!xen_file_read(path, "kernel", XEN_KERNEL_MAX, NULL, &bytes, &len, &e), "%s", e.text);
	if (xen_kernel_load(&k, bytes, len, path, XEN_KERNEL_MAX, NULL, &e)) {
		printf("skip  restore: %s\n", e.text);
		free(bytes);
		return;
	}
	s.kernel = &k;
	if (_i) {
		s.skip = LATE;
		s.limit = LATE + LATE_FOR;
	}
	check_subject(&s);
	xen_kernel_free(&k);
	free(bytes);
}
END_TEST

/* ---- beside what the guest sees ------------------------------------------------------------------------------------- */

static void note_input(void *opaque, const struct door_input *in)
{
	char *text = opaque;

	snprintf(text + strlen(text), 32, "%u/%u:%.*s ", in->kind, in->target, (int)in->len, (const char *)in->data);
}

/* Inputs before the door, how the domain ended, a suspend and timers that are owed are kept, and are in no hash. */
START_TEST(outside)
{
	char text[100] = "";
	struct host h;
	struct domain *a, *b;
	struct restore *r;
	u64 hash, bytes = 0;

	ck_assert_int_eq(host_init(&h, &x86_arch, 0), 0);
	a = domain_create(&h, "a", 512, 3, 0);
	b = domain_create(&h, "b", 512, 3, 0);
	hash = domain_hash(a);
	ck_assert_int_eq(door_post(&a->door, DOOR_CHAR, 0, "one", 3), 0);
	ck_assert_int_eq(door_post(&a->door, DOOR_NET, 5, "second", 6), 0);
	ck_assert_int_eq(door_post(&a->door, DOOR_CHAR, 0, "", 0), 0);
	ck_assert_int_eq(door_post(&b->door, DOOR_CHAR, 0, "other", 5), 0);
	a->suspended = a->time.owed = true;
	domain_crash(a, a->vcpus[2], "it had %d reasons", 7);
	ck_assert_uint_eq(domain_hash(a), hash);
	r = restore_take(a);
	restore_put(b, r);
	restore_free(r);
	ck_assert_uint_eq(door_count(&b->door, DOOR_CHAR, 0, &bytes), 2);
	ck_assert_uint_eq(bytes, 3);
	ck_assert_int_eq(door_handle(&b->door, DOOR_CHAR, 0, note_input, text), 0);
	ck_assert_int_eq(door_handle(&b->door, DOOR_NET, 5, note_input, text), 0);
	door_open(&b->door, 0, 0);
	ck_assert_str_eq(text, "0/0:one 5/5:second 0/0: ");
	ck_assert(b->suspended && b->time.owed && b->crash_vcpu == b->vcpus[2]);
	ck_assert_int_eq(b->end, END_CRASH);
	ck_assert_str_eq(b->crash, "it had 7 reasons");
	host_exit(&h);
}
END_TEST

/* What a state says is not believed where the scheduler or the clock would go astray. */
START_TEST(damaged)
{
	struct error e = { "" };
	struct host h;
	struct domain *d;

	ck_assert_int_eq(host_init(&h, &x86_arch, 0), 0);
	d = domain_create(&h, "d", 512, 3, 0);
	ck_assert_int_eq(state_list_loaded(&d->states, &e), 0);
	d->s.round = 8;
	ck_assert_int_eq(state_list_loaded(&d->states, &e), -EINVAL);
	d->s.round = 7;
	d->time.s.div = 0;
	ck_assert_int_eq(state_list_loaded(&d->states, &e), -EINVAL);
	d->time.s.div = 2;
	d->time.s.frac = 2;
	ck_assert_int_eq(state_list_loaded(&d->states, &e), -EINVAL);
	d->time.s.frac = 1;
	d->time.s.shift = 64;
	ck_assert_int_eq(state_list_loaded(&d->states, &e), -EINVAL);
	d->time.s.shift = 0;
	d->vcpus[1]->s.run = 3;
	ck_assert_int_eq(state_list_loaded(&d->states, &e), -EINVAL);
	d->vcpus[1]->s.run = VCPU_BLOCKED;
	ck_assert_int_eq(state_list_loaded(&d->states, &e), 0);
	host_exit(&h);
}
END_TEST

Suite *restore_suite(void)
{
	Suite *s = suite_create("restore");
	TCase *t = tcase_create("goes on");

	tcase_add_test(t, outside);
	tcase_add_test(t, damaged);
	tcase_set_timeout(t, 300);
	tcase_add_test(t, damaged_guest);
	tcase_add_loop_test(t, bare_machine, 0, ARRAY_SIZE(bare_guests));
	tcase_add_loop_test(t, small_guest, 0, ARRAY_SIZE(small_guests));
	tcase_add_loop_test(t, debian_kernel, 0, KERNELS);
	suite_add_tcase(s, t);
	return s;
}
