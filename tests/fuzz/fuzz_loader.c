/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzes what reads a kernel file: bzImage, every codec, ELF, notes; and builds a small guest from what is left.
 */
#include <stdio.h>
#include <stdlib.h>

#include "mmu/frames.h"
#include "pv/build/builder.h"
#include "xen/load/loader.h"

/* A bomb must end at this size; real kernels are larger, fuzzed ones are not. */
#define FUZZ_LIMIT ((size_t)16 << 20)

/* The guest has this many pages of 4 KiB. */
#define FUZZ_PAGES 2048u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void build(const struct xen_kernel *k)
{
	struct frame_pool pool;
	struct mem mem;
	struct pv_build_in in = { .mem = &mem, .mfn_base = 1, .nr_pages = FUZZ_PAGES, .kernel = k, .cmdline = "x" };
	struct pv_build_out out;
	struct error e = { "" };
	u64 mfn;

	in.initrd = (const u8 *)"initrd";
	in.initrd_len = 6;
	if (frame_pool_init(&pool) || mem_init(&mem, &pool, FUZZ_PAGES + 1))
		abort();
	for (mfn = 1; mfn <= FUZZ_PAGES; mfn++)
		if (mem_add(&mem, mfn))
			abort();
	if (pv_build(&in, &out, &e) && !e.text[0])
		abort();
	mem_free(&mem);
	frame_pool_free(&pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct xen_kernel k;
	struct error e = { "" };

	if (xen_kernel_load(&k, data, size, "fuzz", FUZZ_LIMIT, NULL, &e)) {
		/* Every refusal comes with a sentence. */
		if (!e.text[0])
			abort();
		return 0;
	}
	if (!k.nsegments || k.pend <= k.pstart)
		abort();
	if (pv_build_min_mib(&k, 6) <= FUZZ_PAGES / 256)
		build(&k);
	xen_kernel_free(&k);
	return 0;
}
