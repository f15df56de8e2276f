/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A change of what a whole qcow2 image is: another active L1 table, another table of snapshots, other refcounts, all by one write
 * of the header.
 */
#ifndef HW_HOST_BLOCK_QCOW2_CHANGE_H
#define HW_HOST_BLOCK_QCOW2_CHANGE_H

#include "hw/host/block/qcow2.h"

/* An L1 table with all that it leads to, each of which gets or loses a reference. */
struct qcow2_tree {
	const u64 *l1; /* as in the file, host order */
	u32 n;
};

struct qcow2_change {
	struct qcow2_tree more, less; /* n 0: none */
	/* The image as it is to be. */
	const u64 *l1; /* flags are looked after; those entries are a part of what is counted already, or of more */
	u32 l1_size;
	u64 size;
	u8 *snapshots; /* the table, whole; NULL: none */
	size_t snapshots_len;
	u32 nsnapshots;
	/*
	 * True: more is the active L1 table, and the image gets a copy of it, for a snapshot. Where it is is stored, big-endian, at
	 * this place in snapshots.
	 */
	bool copy;
	size_t copy_at;
	/* A table that nobody names any more: bytes in the file. */
	u64 drop, drop_len;
};

/*
 * Makes it so; under the lock for writing. 0, or -errno: then the image is as it was. -E2BIG: its refcounts are too narrow; -EIO:
 * its tables contradict each other, *what (a literal) says how; or what the host says.
 */
int qcow2_change(struct qcow2 *q, const struct qcow2_change *c, const char **what);

#endif
