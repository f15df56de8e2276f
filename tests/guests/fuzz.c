/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every hypercall number with garbage for arguments, the same each run: an error or a result, and the domain lives on.
 * Pointers point nowhere here; fuzzptr.c gives them memory.
 */
#include "tests/guests/fuzzing.h"

#define ROUNDS 300

static u64 a[5];

static i64 one(u64 nr, u64 unused)
{
	return hc(nr, a[0], a[1], a[2], a[3], a[4]);
}

void guest_main(void)
{
	u64 nr, i, k, calls = 0, errors = 0, trapped = 0;

	console_by_io = 1;
	if (dom0) /* who may do real harm */
		return;
	for (i = 0; i < ROUNDS; i++) {
		for (nr = 0; nr < 64; nr++) {
			u32 before = ntraps;

			for (k = 0; k < 5; k++)
				a[k] = fuzz_word();
			if (rnd() & 1)
				a[0] = rnd() & 31;
			if (fuzz_skip(nr, a))
				continue;
			calls++;
			errors += TRY(one, nr, 0) < 0;
			trapped += ntraps != before;
			if (i % 16 == 0)
				fuzz_repair();
		}
	}
	fuzz_repair();
	printf("%lu calls, %lu errors, %lu traps\n", calls, errors, trapped);
	ck(calls > 60 * ROUNDS / 2, 1, "calls were made");
	ck(errors > calls / 2, 1, "most are errors");
	ck(hc2(xen_version, 0, NULL) >> 16, 4, "the host still answers");
}
