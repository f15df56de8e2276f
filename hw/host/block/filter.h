/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Faults on demand, for tests: a failing or full host disk, a write that stops half-way, and a witness of all that is
 * written and flushed.
 */
#ifndef HW_HOST_BLOCK_FILTER_H
#define HW_HOST_BLOCK_FILTER_H

#include "hw/host/block/block.h"

#define BLOCK_FAULT_RULES 8

struct block_fault {
	u32 ops;     /* BIT(BLOCK_READ) | ...; 0: the rule is off */
	u64 skip;    /* so many of these pass first */
	u64 count;   /* then so many fail; 0: all */
	u64 partial; /* a write stores so many of its bytes before it fails */
	int error;   /* -EIO, -ENOSPC, ... */
	/* Kept by the filter. */
	u64 seen, failed;
};

/* Set up before the block is opened; rules may change while nothing is under way. Must outlive the block. */
struct block_faults {
	struct block_fault rule[BLOCK_FAULT_RULES];
	u64 space; /* writes beyond this byte fail with -ENOSPC; 0: no limit */
	/* Called on the thread of the request, one at a time, for what reaches the file; NULL: nobody. */
	void (*on_write)(void *opaque, u64 offset, const void *p, size_t n);
	void (*on_resize)(void *opaque, u64 size);
	void (*on_flush)(void *opaque);
	void *opaque;
};

#endif
