/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Migration: a guest goes on in another process. Its memory is sent while it runs, then what changed meanwhile, again and again, each as
 * an image told against the one before (snapshot_send()); at last the guest stops, and the rest goes with the states. A peer that can
 * answer says that the guest is there and whole before it is given up here: whatever breaks until then, it runs on here. A peer that
 * cannot, a command or a pipe, has it when all was written and the command has ended well.
 */
#ifndef SNAPSHOT_MIGRATE_H
#define SNAPSHOT_MIGRATE_H

#include "snapshot/file.h"

/* QEMU's names of them. */
enum migrate_status { MIGRATE_NONE, MIGRATE_SETUP, MIGRATE_ACTIVE, MIGRATE_DEVICE, MIGRATE_COMPLETED, MIGRATE_FAILED, MIGRATE_CANCELLED };

struct migrate_parameters {
	u64 max_bandwidth;  /* bytes a second; 0: as many as can be */
	u64 downtime_limit; /* ms */
};
#define MIGRATE_PARAMETERS_START { .downtime_limit = 300 }

/* What there is to tell: bytes, pages, host ns. */
struct migrate_info {
	enum migrate_status status;
	u64 total_time, setup_time, downtime; /* downtime: measured at the end, expected before */
	u64 sent, rate;                       /* bytes in all; bytes a second of the last round */
	u64 remaining, total;                 /* pages */
	u32 rounds, throttle;                 /* throttle: per cent */
	char error[400];
};

/* Whoever has the guest. */
struct migrate_ops {
	/* Takes a snapshot, against an earlier one or whole; states: with them, else its memory is enough. 0, or -errno with a sentence. */
	int (*take)(void *opaque, const struct snapshot_base *on, bool states, struct snapshot *s, struct error *e);
	/* The guest stands still, and leaves: its disks must be free for the peer. 0, or -errno with a sentence. */
	int (*leave)(void *opaque, struct error *e);
	/* It stays after all: its disks are its own again. */
	void (*stay)(void *opaque);
};

struct migration;
/* 0, or -errno with a sentence. */
int migration_begin(struct domain *d, const char *uri, const struct migrate_parameters *p, const struct migrate_ops *ops, void *opaque,
		    struct migration **out, struct error *e);
/*
 * A piece of it, between two slots: to be called every ms. Near the end it waits. Parameters may have changed. True as long as it is
 * under way. When it is completed the domain is paused, and must not run again here.
 */
bool migration_step(struct migration *m, const struct migrate_parameters *p);
/* The guest runs on here. */
void migration_cancel(struct migration *m);
void migration_info(struct migration *m, struct migrate_info *info);
/* Cancels it if it is under way. NULL is allowed. */
void migration_free(struct migration *m);

/* ---- the other side ---- */

struct incoming;
/* Begins to wait for a guest, and to receive it on a thread. Until it is done nobody else uses the pool. 0, or -errno with a sentence. */
int incoming_begin(const char *uri, struct frame_pool *pool, struct incoming **out, struct error *e);
/* Waits at most ns. True when it is here, or cannot come. */
bool incoming_done(struct incoming *in, u64 ns);
/* The guest. 0; paused: it does not run yet; or -errno with a sentence. */
int incoming_take(struct incoming *in, struct snapshot *s, bool *paused, struct error *e);
/*
 * Tells the peer that the guest is whole here (why: NULL), or why it is not; in the first case the peer gives it up. Waits on a thread:
 * incoming_done(), then incoming_free().
 */
void incoming_answer(struct incoming *in, const char *why);
/* Ends what is under way. 0: the guest is ours; or -errno with a sentence. NULL is allowed. */
int incoming_free(struct incoming *in, struct error *e);

#endif
