/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An open disk and the threads that work for it.
 */
#ifndef HW_HOST_BLOCK_QUEUE_H
#define HW_HOST_BLOCK_QUEUE_H

#include "hw/host/block/impl.h"

#define BLOCK_THREADS_MAX 16

/* Somebody in block_wait(). */
struct block_waiter {
	const struct block_request *req;
	bool seen;
	struct block_waiter *next;
};

struct block {
	struct block_node *node; /* the uppermost */
	char *spec;
	const char *format, *backing;
	struct block_options options;
	bool guessed; /* raw, as nothing else fitted */
	volatile int drop; /* not 0: opening ends at once, for nobody wants it any more */
	struct block_stats stats;

	/* The caller's thread. */
	struct poll_set *ps;
	struct poll_item *it;
	int wake[2]; /* a byte in it: something is in done */
	bool watched; /* under lock: the poll set is to learn of what completes */
	bool woken;   /* under lock: the byte is there */
	u32 in_flight;
	u32 told; /* kinds of failures a person was told of: BIT(enum fault) */
	struct block_waiter *waiters;

	/* Under lock. */
	struct os_mutex lock;
	struct os_cond work, finished;
	struct block_request *todo, **todo_tail;
	struct block_request *done, **done_tail;
	u32 ntodo, idle; /* requests, and threads that wait for one */
	bool ending;

	pthread_t threads[BLOCK_THREADS_MAX];
	u32 nthreads, threads_max;
};

/* Runs one operation here and now. flags: BLOCK_FUA, BLOCK_UNMAP. s has the length, and the memory of reads and writes. */
int block_run(struct block *b, enum block_op op, u32 flags, u64 off, struct block_slice s);

/* ---- open.c ---- */

/* Opens b->node and what is below it, by b->spec and b->options. 0, or -errno with a sentence; what is open is closed with b. */
int block_open_nodes(struct block *b, struct error *e);

/* ---- block.c: what is before that and behind it, on the caller's thread ---- */

/* A block without nodes; strings of o are not copied. 0, or -errno with a sentence. */
int block_new(const char *spec, const struct block_options *o, struct poll_set *ps, struct block **out, struct error *e);
/* rc is what block_open_nodes() said: b, ready for requests, or NULL, and it is closed. */
struct block *block_opened(struct block *b, int rc);

/* ---- queue.c ---- */

int block_queue_init(struct block *b, struct poll_set *ps);
/* Waits for everything and ends the threads. */
void block_queue_end(struct block *b);

#endif
