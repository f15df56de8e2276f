/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Determinism on a real kernel: the first tens of millions of instructions of Debian's kernel end in the same state
 * whatever the cache of decoded blocks, with none at all, with a flushed TLB now and then, with somebody who looks at every
 * frame, and traced.
 *
 * The kernel is $PARAVANE_TEST_KERNEL or the first of /boot/vmlinuz-*-amd64; script/test sees to it that there is one,
 * unpacked for a build that lacks the library. Without a kernel, or with one that this build cannot unpack, the tests say
 * so and end there.
 */
#include <stdlib.h>

#include "mmu/look.h"
#include "pv/create.h"
#include "pv/mm/mm.h"
#include "tests/suites.h"
#include "tests/unit/test_kernel.h"
#include "vm/run.h"
#include "vm/x86.h"
#include "xen/load/bzimage.h"
#include "xen/load/decompress.h"

#define PREFIX 60000000ULL

struct life {
	u64 hash, icount, now;
};

static void no_console(void *opaque, const u8 *p, size_t n)
{
}

enum twist { PLAIN, TINY_CACHE, SINGLESTEP, FLUSHED, LOOKED_AT };

/* Runs the kernel for n instructions in this way. */
static struct life live(const struct xen_kernel *k, u32 vcpus, u64 n, enum twist how)
{
	struct pv_create_in in = { .name = "boot", .memory = 200 << 20, .vcpus = vcpus, .maxvcpus = vcpus, .kernel = k,
				   .cmdline = "console=hvc0 nokaslr", .console_out = no_console };
	struct error e = { "" };
	struct life l;
	struct domain *d;
	struct host h;
	u64 step = how == FLUSHED || how == LOOKED_AT ? 300000 : n;
	struct mem_look look = { .mem = NULL };
	u64 *mfns = NULL, written = 0, f;
	u32 i;

	ck_assert_int_eq(host_init(&h, &x86_arch, how == TINY_CACHE ? 100000 : 0), 0);
	h.singlestep = how == SINGLESTEP;
	ck_assert_msg(!pv_create(&h, &in, &d, &e), "%s", e.text);
	/* The host writes to the rings: they must not become page tables. */
	ck_assert_uint_eq(pv_mm_page(pv_dom(d), pv_dom(d)->xen.s.console_mfn)->holds, 1);
	ck_assert_uint_eq(pv_mm_page(pv_dom(d), pv_dom(d)->xen.s.store_mfn)->holds, 1);
	if (how == LOOKED_AT) {
		mfns = calloc(d->mem.limit, sizeof *mfns);
		ck_assert(mfns && !mem_look_start(&look, &d->mem));
		for (f = 0; f < d->mem.limit; f++)
			mfns[f] = f;
	}
	while (d->s.retired < n && domain_run(d, MIN(step, n - d->s.retired))) {
		for (i = 0; how == FLUSHED && i < vcpus; i++)
			mmu_flush(&x86_of(d->vcpus[i])->mmu);
		for (f = 0; mfns && f < d->mem.limit; f++)
			written += mem_look_new(&look, f);
		if (mfns)
			mem_look_seen(&look, mfns, d->mem.limit);
	}
	ck_assert(!mfns || written > d->mem.limit);
	free(mfns);
	ck_assert_msg(d->end == END_RUNNING, "the kernel ended: %s", d->crash);
	l = (struct life){ .icount = d->s.retired, .now = d->time.s.now };
	l.hash = domain_hash(d);
	host_exit(&h);
	return l;
}

/* The kernel's bytes outlive what is loaded from them. */
struct loaded {
	struct xen_kernel k;
	u8 *bytes;
};

/* The library this build would need for it, or NULL when it needs none it has not got. */
static const char *codec_missing(const u8 *file, size_t len, const char *path)
{
	struct bzimage b = { .offset = 0, .len = len };
	struct error e = { "" };
	enum codec c;

	if (bzimage_probe(file, len))
		ck_assert_msg(!bzimage_parse(file, len, path, &b, &e), "%s", e.text);
	c = codec_detect(file + b.offset, b.len);
	return c == CODEC_NONE || codec_builtin(c) ? NULL : codec_name(c);
}

static bool load(struct loaded *l)
{
	struct error e = { "" };
	const char *missing;
	char path[512];
	size_t len;

	if (!find_kernel(path, sizeof path)) {
		printf("skip  boot: no kernel at /boot/vmlinuz-*-amd64; set PARAVANE_TEST_KERNEL\n");
		return false;
	}
	ck_assert_msg(!xen_file_read(path, "kernel", XEN_KERNEL_MAX, NULL, &l->bytes, &len, &e), "%s", e.text);
	missing = codec_missing(l->bytes, len, path);
	if (missing) {
		printf("skip  boot: %s is packed with %s and this build has: %s\n", path, missing, decompress_builtin());
		free(l->bytes);
		return false;
	}
	ck_assert_msg(!xen_kernel_load(&l->k, l->bytes, len, path, XEN_KERNEL_MAX, NULL, &e), "%s", e.text);
	return true;
}

static void same(const struct xen_kernel *k, u32 vcpus, u64 n, enum twist how)
{
	struct life a = live(k, vcpus, n, PLAIN);
	struct life b = live(k, vcpus, n, how);

	ck_assert_uint_eq(a.icount, b.icount);
	ck_assert_uint_eq(a.now, b.now);
	ck_assert_uint_eq(a.hash, b.hash);
}

/* _i: the twist. */
START_TEST(same_state_whatever_the_caches)
{
	struct loaded l;

	if (!load(&l))
		return;
	same(&l.k, 1, _i == SINGLESTEP ? PREFIX / 4 : PREFIX, (enum twist)_i);
	xen_kernel_free(&l.k);
	free(l.bytes);
}
END_TEST

START_TEST(same_state_with_four_vcpus)
{
	struct loaded l;

	if (!load(&l))
		return;
	same(&l.k, 4, PREFIX, _i ? LOOKED_AT : TINY_CACHE);
	xen_kernel_free(&l.k);
	free(l.bytes);
}
END_TEST

Suite *boot_suite(void)
{
	Suite *s = suite_create("boot");
	TCase *t = tcase_create("determinism");

	tcase_set_timeout(t, 300);
	tcase_add_loop_test(t, same_state_whatever_the_caches, PLAIN, LOOKED_AT + 1);
	tcase_add_loop_test(t, same_state_with_four_vcpus, 0, 2);
	suite_add_tcase(s, t);
	return s;
}
