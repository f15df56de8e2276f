/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the two guests that call with garbage share: interesting words, and calls they must not make because these
 * sleep for ever or end the domain, as they should.
 */
#ifndef GUEST_LIB_FUZZ_H
#define GUEST_LIB_FUZZ_H

#include "tests/guests/lib.h"

static inline u64 fuzz_word(void)
{
	static const u64 words[] = { 0,
				     1,
				     2,
				     3,
				     4,
				     5,
				     7,
				     8,
				     0x7f,
				     0xff,
				     0xfff,
				     0x1000,
				     0x7ff0,
				     0x7ff1,
				     0x7ff2,
				     0x7ff4,
				     0xffff,
				     0x7fffffff,
				     0x80000000,
				     0xffffffff,
				     0x100000000,
				     0x7fffffffffffffff,
				     0x8000000000000000,
				     0xffffffffffffffff,
				     0x00007ffffffff000,
				     0xffff800000000000,
				     0xffff830000000000,
				     0xffff87ffffffffff,
				     0xffff880000000000,
				     0x40000000,
				     0x40000007,
				     0x000ffffffffff007 };

	switch (rnd() & 7) {
	case 0:
		return rnd();
	case 1:
		return rnd() & 0xffffffff;
	case 2:
		return rnd() & 0xfff;
	case 3:
		return rnd() & 31;
	default:
		return words[rnd() % ARRAY_SIZE(words)];
	}
}

static inline int fuzz_skip(u64 nr, const u64 *a)
{
	u32 cmd = (u32)a[0];

	switch (nr) {
	case HC_iret:       /* takes its frame from the stack */
	case HC_console_io: /* a page of garbage on the console */
		return 1;
	case HC_sched_op:
		return cmd >= 1 && cmd <= 6;
	case HC_sched_op_compat:
		return cmd == 1 || cmd == 2;
	case HC_vcpu_op:
		return cmd == 2; /* down */
	default:
		return 0;
	}
}

/* Repairs what a call may have changed by right. */
static inline void fuzz_repair(void)
{
	struct {
		u16 type, flags;
		u32 pad;
		u64 address;
	} cb = { 0, 0, 0, trap_entries[256] };

	traps_install();
	hc2(callback_op, 0, &cb);
	events_off();
}

#endif
