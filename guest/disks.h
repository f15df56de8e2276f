/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The disks of a guest. A drive is a node; its image is opened once, and each domain gets a vbd for it. While the guest
 * runs, drives are added and removed, and images are changed, ejected and resized.
 *
 * A drive keeps its id and its device number (xvda, xvdb, ...) when its image is taken out. Xen's block protocol cannot
 * change the medium of a vbd. So a drive without an image has no vbd, and with another image it gets another vbd.
 */
#ifndef GUEST_DISKS_H
#define GUEST_DISKS_H

#include "base/buf.h"
#include "base/log.h"
#include "base/node.h"
#include "base/types.h"

struct block_opening; /* hw/host/block/block.h */
struct guest;
struct guest_disks;

#define DISK_SLOTS 26u   /* xvda to xvdz */
#define DISK_ID_MAX 64u  /* bytes of an id, the zero counted */

/*
 * ---- over a guest's lives (guest/guest.c)
 * ----------------------------------------------------------------------------
 */

/* Opens the images of all drives, if that was not done. 0, or -errno with a sentence that names drive and file. */
int guest_disks_open(struct guest *g, struct error *e);
/* Gives the guest's new domain its vbds. 0, or -errno with a sentence. */
int guest_disks_attach(struct guest *g, struct error *e);
/* Takes the vbds away by force, before the domain is destroyed. Images stay open. */
void guest_disks_detach(struct guest *g);
/* Flushes the images and closes them. */
void guest_disks_close(struct guest *g);

/*
 * ---- with a snapshot (guest/disks_snapshot.c): between two slots, nothing is under way
 * ----------------------------------------------------------------------------
 */

struct snapshot;
struct snapshot_disks;
/*
 * What must be remembered of the images that the guest may write, flushed before, when what is in them does not go along: as their
 * files are now; what is no file is taken for the same there. 0, or -errno with a sentence: an image cannot be flushed, or what is
 * written to it is in no file (snapshot=on).
 */
int guest_disks_note(struct guest *g, struct snapshot_disks *out, struct error *e);
/*
 * Another process is to have the guest, whose disks were noted: its images are written out, and free for others. 0, or -errno with a
 * sentence: one cannot be written; then they are as before.
 */
int guest_disks_leave(struct guest *g, struct error *e);
/* The guest stays after all. */
void guest_disks_stay(struct guest *g);
/*
 * Freezes the disks that the guest may write and says in s what is to be put back. name: of snapshots that are made in images. noted:
 * disks of that kind there, which fit, are only noted; NULL: none. 0, or -errno with a sentence: then there is nothing of it.
 */
int guest_disks_freeze(struct guest *g, const char *name, const struct snapshot_disks *noted, struct snapshot *s, struct error *e);
/* Removes what freezing made in images, if it is there. 0, or -errno with a sentence: of some disks it is removed. */
int guest_disks_forget(struct guest *g, const struct snapshot_disks *disks, struct error *e);
/* Whether the disks can be as they were when s was taken: nothing is changed. 0, or -EINVAL with a sentence. */
int guest_disks_fit(struct guest *g, const struct snapshot *s, struct error *e);
/* Puts back what s has of the disks, which fit. What they have now is gone. 0, or -errno with a sentence: of some disks it may be. */
int guest_disks_restore(struct guest *g, struct snapshot *s, struct error *e);

/*
 * ---- while it runs: between two slots, where the door opens
 * ----------------------------------------------------------
 */

/*
 * Begin to open the image that guest_disk_add() or guest_disk_change() will be given, while the guest runs: *out, or
 * NULL when there is no file. 0, or -errno with a sentence. Neither the guest nor its nodes change.
 */
int guest_disk_add_begin(struct guest *g, const struct node *drive, struct block_opening **out, struct error *e);
int guest_disk_change_begin(struct guest *g, const char *id, const char *file, struct block_opening **out, struct error *e);
/*
 * Adds a drive. Its node is below the guest's "disks" already. If it has a file and there is a domain, that gets a vbd.
 * opened: the image from guest_disk_add_begin(), owned by this call from now on; when it is NULL, or not of this file,
 * the image is opened here. 0, or -errno with a sentence; then the node has been freed.
 */
int guest_disk_add(struct guest *g, struct node *drive, struct block_opening *opened, struct error *e);
/*
 * Removes a drive. The guest's driver is asked to close first; this returns 0 at once, and the drive goes when the
 * driver has closed. Until then guest_disk_describe() says "being removed". With force the guest's I/O fails from now
 * on, and the drive goes within VBD_GRACE. -ENOENT: there is no drive of this id.
 */
int guest_disk_remove(struct guest *g, const char *id, bool force, struct error *e);
/* Makes its image this long (bytes: a multiple of 512, not less than now), and tells the guest. */
int guest_disk_resize(struct guest *g, const char *id, u64 bytes, struct error *e);
/*
 * Puts another image into a drive; its format is looked up. The one in it is ejected first. media and readonly stay as
 * they were. said: what a sentence about the file begins with. opened: as above. -EBUSY: the drive is being removed or
 * ejected.
 */
int guest_disk_change(struct guest *g, const char *id, const char *file, const char *said, struct block_opening *opened,
		      struct error *e);
/* Takes the image out and keeps the drive. -EBUSY: it is a disk, not a cdrom, and force is not set. */
int guest_disk_eject(struct guest *g, const char *id, bool force, struct error *e);
/* Lines as QEMU's "info block" has them, a drive a paragraph: id, file, format, mode, sizes, counts of requests. */
void guest_disk_describe(struct guest *g, struct buf *out);
/* The id of the first drive for whose image the guest's time is held; NULL: there is none. */
const char *guest_disk_late(struct guest *g);
/* Ids in order of device numbers: the i-th, or NULL. For completion and "info". */
const char *guest_disk_id(struct guest *g, u32 i);

#endif
