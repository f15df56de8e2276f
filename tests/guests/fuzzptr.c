/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every hypercall number with pointers to real memory full of garbage, some of it plausible, the same each run.
 */
#include "tests/guests/fuzzing.h"

#define ROUNDS 300
#define BUFFERS 4

static u64 a[5];
static u64 *buffer[BUFFERS];

static i64 one(u64 nr, u64 unused)
{
	return hc(nr, a[0], a[1], a[2], a[3], a[4]);
}

static u64 pointer(void)
{
	u64 at = A_(buffer[rnd() % BUFFERS]);

	switch (rnd() & 3) {
	case 0:
		return at;
	case 1:
		return at + (rnd() & 0xff8);
	case 2:
		return at + 4096 - (rnd() & 63); /* runs into the next page */
	default:
		return at + 4096 - 8 * (rnd() & 7);
	}
}

/* Words as structs of the ABI hold them: frames, machine addresses, pointers, small numbers; two of 32 bits often. */
static u64 plausible(void)
{
	switch (rnd() & 7) {
	case 0:
		return mfn_of(buffer[rnd() % BUFFERS]);
	case 1:
		return mfn_of(buffer[rnd() % BUFFERS]) * PAGE | (rnd() & 0xfff);
	case 2:
		return pointer();
	case 3:
		return (rnd() & 15) << 32 | (rnd() & 15);
	default:
		return fuzz_word();
	}
}

static i64 fill(u64 i, u64 unused)
{
	u64 k;

	for (k = 0; k < 64; k++)
		buffer[i][rnd() & 1 ? k : 511 - k] = plausible();
	return 0;
}

void guest_main(void)
{
	u64 nr, i, k, calls = 0, good = 0, lost = 0;

	console_by_io = 1;
	if (dom0)
		return;
	for (i = 0; i < BUFFERS; i++) {
		page_alloc(); /* a neighbour that may go too */
		buffer[i] = page_alloc();
	}
	for (i = 0; i < ROUNDS; i++) {
		for (k = 0; k < BUFFERS; k++)
			if (TRY(fill, k, 0)) {
				/* A mapping was changed by right: give the page back. */
				va_set(A_(buffer[k]), mfn_of(buffer[k]) * PAGE | P_RWX_, 2);
				if (TRY(fill, k, 0)) {
					buffer[k] = page_alloc();
					lost++;
				}
			}
		for (nr = 0; nr < 64; nr++) {
			a[0] = rnd() & 1 ? rnd() & 31 : pointer();
			a[1] = rnd() & 3 ? pointer() : rnd() & 15;
			a[2] = rnd() & 1 ? rnd() & 15 : pointer();
			a[3] = rnd() & 1 ? DOMID_SELF : fuzz_word();
			a[4] = fuzz_word();
			if (fuzz_skip(nr, a) || nr == HC_multicall)
				continue;
			calls++;
			good += TRY(one, nr, 0) >= 0;
			if (nr == HC_set_trap_table || nr == HC_set_callbacks || nr == HC_callback_op)
				fuzz_repair();
		}
	}
	fuzz_repair();
	printf("%lu calls, %lu without error, %lu pages lost\n", calls, good, lost);
	ck(calls > 60 * ROUNDS / 2, 1, "calls were made");
	ck(good > 100, 1, "some succeed");
	ck(hc2(xen_version, 0, NULL) >> 16, 4, "the host still answers");
}
