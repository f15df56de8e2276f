/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files about a guest's disks share.
 */
#ifndef GUEST_DISKS_IMPL_H
#define GUEST_DISKS_IMPL_H

#include "guest/disks.h"
#include "guest/guest.h"
#include "hw/host/block/block.h"
#include "xen/backend/vbd.h"

/* What becomes of the image when the vbd is gone: kept for the next vbd, closed, or closed with its drive. */
enum fate { STAYS, EJECTED, REMOVED };

struct disk {
	struct guest *g;
	struct node *node;
	u32 index;
	bool cdrom;
	struct block *block, *next; /* NULL: no image; next: takes its place when the vbd is gone */
	struct vbd *vbd;            /* NULL: not plugged in */
	enum fate fate;
	struct vtimer plug;
};

struct guest_disks {
	struct disk *slot[DISK_SLOTS];
	bool leaving; /* the domain is being destroyed: no vbd is added again */
};

#endif
