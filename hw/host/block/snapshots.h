/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Snapshots inside of a disk's image: internal ones of qcow2, as qemu-img snapshot knows them. Each of these calls leaves an image
 * that is whole, whenever the host dies; what is lost at worst is the use of some clusters. Nothing may be under way.
 */
#ifndef HW_HOST_BLOCK_SNAPSHOTS_H
#define HW_HOST_BLOCK_SNAPSHOTS_H

#include "hw/host/block/block.h"

struct block_snapshot {
	char id[32];    /* qemu-img's ID, unique in the image at a time; what is longer is cut off, here and in name */
	char name[128]; /* its TAG */
	u64 date;       /* ns since 1970 */
	u64 clock;      /* of the guest, ns */
	u64 vm_size;    /* bytes of a machine's state that another program keeps in it */
	u64 bytes;      /* of the disk */
};

/* Whether the image can have any: it is a qcow2 image that is open for writing, and says nothing against it. */
bool block_snapshot_can(const struct block *b);
/* The i-th, in the order of the image: 1, or 0 when there are fewer, or -errno with a sentence. */
int block_snapshot_at(struct block *b, u32 i, struct block_snapshot *out, struct error *e);
/* The first that is wanted, in one pass over them: 1, or 0 when there is none, or -errno with a sentence. */
typedef bool block_snapshot_wanted(const struct block_snapshot *s, const void *opaque);
int block_snapshot_find(struct block *b, block_snapshot_wanted *wanted, const void *opaque, struct block_snapshot *out, struct error *e);
/*
 * The disk as it is now, with all that completed; others of that name may be there. date and clock as above. 0, or -errno with a
 * sentence.
 */
int block_snapshot_create(struct block *b, const char *name, u64 date, u64 clock, struct block_snapshot *out, struct error *e);
/* The disk becomes what it was, its size included; the snapshot stays. 0, or -errno with a sentence: then nothing has changed. */
int block_snapshot_apply(struct block *b, const char *id, struct error *e);
int block_snapshot_delete(struct block *b, const char *id, struct error *e);

#endif
