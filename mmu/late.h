/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pages that are somewhere else, in a snapshot's file say, and are read when somebody first looks at them. For the guest they
 * were always there: reading one is no change of the memory.
 */
#ifndef MMU_LATE_H
#define MMU_LATE_H

#include "mmu/frames.h"

struct mem_source;
enum mem_late_page {
	LATE_DATA,
	LATE_ZERO, /* all zeros; nothing was written to page */
	LATE_LOST, /* it cannot be had */
};
struct mem_source_ops {
	/* The PAGE_SIZE bytes of a page. On any thread. */
	enum mem_late_page (*read)(struct mem_source *s, u64 mfn, u8 *page);
	/* Why a read failed; NULL: none has. On any thread. */
	const char *(*lost)(struct mem_source *s);
	/* Nobody needs it any more. */
	void (*free)(struct mem_source *s);
};
struct mem_source {
	const struct mem_source_ops *ops;
	u32 refs; /* whoever made it has one */
};
void mem_source_put(struct mem_source *s);

/*
 * n frames are in the memory, and wait: s has their bytes. The frames are not there yet, and a memory has one source at most. 0 or -ENOMEM.
 */
int mem_add_late(struct mem *m, u64 mfn, u64 n, struct mem_source *s);
/*
 * Why a page that the memory should have is lost; NULL: none is. Somebody has looked at it, and got zeros: the domain cannot run
 * on. Good as long as the memory has its source.
 */
const char *mem_lost(const struct mem *m);

/* ---- of mmu/ ---- */

/* True when any frame of leaf number n waits for the source. */
bool late_in_leaf(const struct mem *m, u64 n);
/* Dst, which has no source, waits for what src waits for. 0 or -ENOMEM. */
int late_fork(struct mem *dst, const struct mem *src);
/* Nothing waits for the source any more. */
void late_leave(struct mem *m);

#endif
