/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the vendors' processors differ. Ours behave as Intel's: on an AMD host a difference is right when the table has it,
 * and the host does AMD's part of it and ours Intel's.
 */
#ifndef TESTS_SILICON_VENDOR_H
#define TESTS_SILICON_VENDOR_H

#include "tests/silicon/silicon.h"

enum vendor { VENDOR_INTEL = 1, VENDOR_AMD = 2 };

/* What of a result an entry of the table accounts for. */
enum {
	MAY_GPR = 1,
	MAY_FLAGS = 2,
	MAY_X87 = 4,
	MAY_MXCSR = 8,
	MAY_VEC = 16,
	MAY_MEM = 32,
	MAY_BASES = 64,
	MAY_ALL = 255, /* another trap, or another access: all follows from it */
};

/* One case as both vendors have it; intel is what ours does. */
struct vendor_pair {
	const struct sil_case *k;
	const struct sil_result *amd, *intel;
};

struct vendor_entry {
	const char *rows;                          /* blank-separated, one at each end; NULL: any */
	bool (*when)(const struct vendor_pair *p); /* the two do what the columns say */
	u32 may;
	const char *amd, *intel;                   /* in words */
	const char *source;
	bool seen; /* Intel's column was seen on a Xeon (family 6, model 207); else it stands in the manual alone */
};

extern const struct vendor_entry vendor_table[];
extern const u32 vendor_entries;

enum verdict { ALIKE, BY_TABLE, BY_MANUAL, DIFFERENT };

/*
 * What to think of a case that a processor of this vendor (or a record of one) and ours have run. buf: what differs, in
 * words, behind what it holds already (of memory). BY_MANUAL: Intel's processor does what the table has as AMD's, where
 * Intel's column was never seen.
 */
enum verdict judge(const struct sil_case *k, const struct sil_result *host, const struct sil_result *ours, bool memory_alike,
		   u32 vendor, char *buf, size_t n);

/* The byte of an FXSAVE image at va that has AMD's bit of MXCSR_MASK. */
bool vendor_mxcsr_mask(const struct sil_case *k, u64 va);
/* A sequence with an instruction that the vendors have as another one. */
bool vendor_sequence(const struct sil_case *k);

/* ---- known.c ---- */

/* The instruction that some processors of these vendors have at bytes that are none to us; or NULL. */
const char *known_bytes(const u8 *p, u32 vendor);

#endif
