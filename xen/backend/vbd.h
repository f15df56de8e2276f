/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The block back end: a disk of the host as a vbd of a guest (Xen public/io/blkif.h). What it answers to requests that make
 * no sense is what Linux's xen-blkback answers.
 *
 * The host's part of a request begins when the guest issues it, and runs on threads. The guest sees the end of it at the virtual
 * time of issue plus the latency of a model (vbd_io.c), however long the host took. So a run depends on the bytes of the disk and on
 * nothing else of it.
 */
#ifndef XEN_BACKEND_VBD_H
#define XEN_BACKEND_VBD_H

#include "hw/host/block/block.h"
#include "xen/backend/xenbus.h"

struct vbd;

struct vbd_config {
	struct block *block; /* stays the caller's; open as long as the vbd is there; need not have a poll set */
	u32 index;           /* 0 is xvda; below VBD_INDEXES */
	bool readonly;       /* even if the block is not */
	bool cdrom;          /* read-only and removable */
	/* The vbd is gone: the block may be closed. NULL is allowed. */
	void (*removed)(void *opaque);
	void *opaque;
};

#define VBD_GRACE 2000000000ull /* ns of the guest's time */
#define VBD_INDEXES 26u /* xvda to xvdz */

struct vbd_stats {
	u64 reads, writes, flushes, discards, refused; /* requests; refused: answered without asking the disk */
	u64 read_bytes, written_bytes;
};

/* The device number of a disk, as Xen's tools give it (xen-vbd-interface(7)). */
u32 vbd_number(u32 index);
/* Gives the guest a disk. 0 with it in *out (NULL is allowed), or -errno with a sentence. */
int vbd_add(struct xen_domain *d, const struct vbd_config *c, struct vbd **out, struct error *e);
/* Takes it away: as xenbus_remove(). */
void vbd_remove(struct vbd *v, bool force);
/*
 * Takes it away from a guest that may not want to let go: what is under way is answered at once, what it asks from now on
 * fails, and VBD_GRACE later it is gone. A driver that waits for an answer would hang if it went at once.
 */
void vbd_expel(struct vbd *v);
/* The block has another size than before: the guest is told. */
void vbd_resized(struct vbd *v);
const struct vbd_stats *vbd_stats(const struct vbd *v);
/* Whether a front end uses it now. */
bool vbd_connected(const struct vbd *v);
/* Whether it holds the domain's time: the host has not done yet what is due. */
bool vbd_holds(const struct vbd *v);

#endif
