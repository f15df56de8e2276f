/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Privileged behaviour and modes: bare-metal guests of our own, started from reset, that check themselves against the
 * manual (tests/guests/bare), and the rules of the bare machine.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hw/bare.h"
#include "tests/guests/bare/blobs.h"
#include "tests/suites.h"
#include "vm/run.h"
#include "vm/x86.h"

#define IMAGE 0x10000u
#define LIMIT 3000000u

struct run {
	char out[16384];
	size_t len;
	int code;
	u64 hash, icount;
	bool shutdown;
};

static void put(void *opaque, u8 c)
{
	struct run *r = opaque;

	if (r->len + 1 < sizeof r->out)
		r->out[r->len++] = (char)c;
}

static u8 *unpack(const u16 *blob)
{
	u8 *image = calloc(1, IMAGE);
	u32 k;

	ck_assert_ptr_nonnull(image);
	for (; blob[1]; blob += 2 + blob[1])
		for (k = 0; k < blob[1]; k++)
			image[blob[0] + k] = (u8)blob[2 + k];
	return image;
}

/* slice: instructions a run of the CPU, 0: as the scheduler does; single: no decoded code kept. */
/* False when it is at its end. */
static bool ran_slice(struct x86 *c, u64 slice)
{
	enum cpu_exit why = x86_run(c, slice);

	return why == CPU_BUDGET || why == CPU_YIELD;
}

static void run_guest(struct run *r, const u8 *image, size_t len, enum bare_boot boot, u64 slice, bool single)
{
	struct bare_config cfg = { .image = image, .len = len, .boot = boot, .memory = 8 << 20, .out = put, .opaque = r };
	struct error e = { 0 };
	struct host h;
	struct domain *d;

	memset(r, 0, sizeof *r);
	ck_assert_int_eq(host_init(&h, &x86_arch, 0), 0);
	h.singlestep = single;
	d = bare_create(&h, "bare", &cfg, &e);
	ck_assert_ptr_nonnull(d);
	while (x86_icount(x86_of(d->vcpus[0])) < LIMIT && (slice ? ran_slice(x86_of(d->vcpus[0]), slice) : domain_run(d, LIMIT)))
		;
	r->code = bare_exit_code(d);
	r->hash = domain_hash(d);
	r->icount = x86_icount(x86_of(d->vcpus[0]));
	r->shutdown = x86_of(d->vcpus[0])->sys.blocked & BLOCK_SHUTDOWN;
	if (getenv("MODES_VERBOSE"))
		printf("%s-- exit %d, %llu instructions, rip %llx cs %x\n", r->out, r->code, (unsigned long long)r->icount,
		       (unsigned long long)x86_of(d->vcpus[0])->rip, x86_of(d->vcpus[0])->s.seg[SEG_CS].sel), fflush(stdout);
	host_exit(&h);
}

static void check_guest(const u16 *blob, const char *name, u32 lines)
{
	u8 *image = unpack(blob);
	struct run a, b, c;
	const char *p;
	u32 n = 0;

	run_guest(&a, image, IMAGE, BARE_ROM, 0, false);
	p = strstr(a.out, "not ok");
	ck_assert_msg(!p, "%s: %.200s", name, p ? p : "");
	for (p = a.out; (p = strchr(p, '\n')); p++)
		n++;
	ck_assert_msg(a.code == 1 && n == lines, "%s: exit code %d after %u of %u checks, the last lines being ...%s", name,
		      a.code, n, lines, a.len > 300 ? a.out + a.len - 300 : a.out);
	/* And what was cached, or how time was sliced, changes nothing. */
	run_guest(&b, image, IMAGE, BARE_ROM, 0, true);
	ck_assert_str_eq(a.out, b.out);
	ck_assert_uint_eq(a.icount, b.icount);
	ck_assert_uint_eq(a.hash, b.hash);
	run_guest(&c, image, IMAGE, BARE_ROM, 7, false);
	ck_assert_int_eq(c.code, 1);
	ck_assert_str_eq(a.out, c.out);
	ck_assert_uint_eq(a.icount, c.icount);
	free(image);
}

#define GUEST(name, lines)                                                                                           \
	START_TEST(guest_##name)                                                                                     \
	{                                                                                                            \
		check_guest(blob_##name, #name, lines);                                                              \
	}                                                                                                            \
	END_TEST
GUEST(real, 43)
GUEST(prot, 86)
GUEST(debug, 34)
GUEST(paging, 60)
GUEST(gates, 72)
GUEST(events, 34)

/* A triple fault stops the machine; nothing wakes it. */
START_TEST(triple_fault_shuts_down)
{
	/* lidt with limit 0; int3 */
	static const u8 code[] = { 0x2e, 0x0f, 0x01, 0x1e, 0x10, 0x7c, 0xcc, 0xf4, [0x10] = 0, 0, 0, 0, 0, 0 };
	struct run r;

	run_guest(&r, code, sizeof code, BARE_BOOT, 0, false);
	ck_assert(r.shutdown);
	ck_assert_int_eq(r.code, -1);
	ck_assert_uint_lt(r.icount, 10);
}
END_TEST

/* HLT with interrupts off ends the run too, and a boot image may say what it likes on port 0xe9. */
START_TEST(boot_image)
{
	/* mov al,'x'; out 0xe9,al; mov al,20; out 0xf4,al */
	static const u8 code[] = { 0xb0, 'x', 0xe6, 0xe9, 0xb0, 20, 0xe6, 0xf4, 0xf4 };
	static const u8 halt[] = { 0xfa, 0xf4 };
	struct run r;

	run_guest(&r, code, sizeof code, BARE_BOOT, 0, false);
	ck_assert_str_eq(r.out, "x");
	ck_assert_int_eq(r.code, 41);
	ck_assert_uint_eq(r.icount, 4);
	run_guest(&r, halt, sizeof halt, BARE_BOOT, 0, false);
	ck_assert_int_eq(r.code, -1);
	ck_assert_uint_eq(r.icount, 2);
}
END_TEST

START_TEST(bad_images_are_named)
{
	struct bare_config cfg = { .image = "", .len = 0 };
	struct error e = { 0 };
	struct host h;

	ck_assert_int_eq(host_init(&h, &x86_arch, 0), 0);
	ck_assert_ptr_null(bare_create(&h, "bare", &cfg, &e));
	cfg.len = 1 << 20;
	ck_assert_ptr_null(bare_create(&h, "bare", &cfg, &e));
	cfg.len = 1;
	cfg.boot = BARE_FLAT;
	cfg.load = 1 << 20;
	ck_assert_ptr_null(bare_create(&h, "bare", &cfg, &e));
	host_exit(&h);
}
END_TEST

Suite *modes_suite(void)
{
	Suite *s = suite_create("modes");
	TCase *t = tcase_create("bare");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, boot_image);
	tcase_add_test(t, triple_fault_shuts_down);
	tcase_add_test(t, bad_images_are_named);
	tcase_add_test(t, guest_real);
	tcase_add_test(t, guest_prot);
	tcase_add_test(t, guest_debug);
	tcase_add_test(t, guest_paging);
	tcase_add_test(t, guest_gates);
	tcase_add_test(t, guest_events);
	suite_add_tcase(s, t);
	return s;
}
