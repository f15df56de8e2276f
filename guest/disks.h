/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Disks of a guest: nodes into open images, images into vbds of its domains; and what is done with them while it runs.
 *
 * A slot is a drive the guest has or had: it keeps its id and its device number (xvda, xvdb, ...) when its medium is taken out.
 * Xen's block protocol cannot change a medium: an empty slot has no vbd, and the guest sees the disk go and come.
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

/* ---- a guest's lives (guest/guest.c) ---------------------------------------------------------------------------------- */

/* Opens the images of all nodes; once for all lives. 0, or -errno with a sentence that names option and file. */
int guest_disks_open(struct guest *g, struct error *e);
/* Gives the guest's new domain its vbds. 0, or -errno with a sentence. */
int guest_disks_attach(struct guest *g, struct error *e);
/* The domain is about to be destroyed, or was: images stay open. */
void guest_disks_detach(struct guest *g);
/* Flushes and closes. */
void guest_disks_close(struct guest *g);

/* ---- while it runs (a monitor); each at an instant between two slots, where the door is ----------------------------- */

/*
 * Begin to open what guest_disk_add() or guest_disk_change() will want, while the guest goes on: *out, or NULL where there is
 * nothing to open. 0, or -errno with a sentence. Nothing of it is known to the guest or its nodes.
 */
int guest_disk_add_begin(struct guest *g, const struct node *drive, struct block_opening **out, struct error *e);
int guest_disk_change_begin(struct guest *g, const char *id, const char *file, struct block_opening **out, struct error *e);
/*
 * Adds a drive whose node is below the guest's "disks" already, and plugs it in if it has a file and the guest runs. opened: its
 * image, which is taken over whatever happens; NULL, or another one: the image is opened here and now. 0, or -errno with a
 * sentence: then the node is gone.
 */
int guest_disk_add(struct guest *g, struct node *drive, struct block_opening *opened, struct error *e);
/*
 * Takes a drive away. The guest is asked to let go first, and the drive goes when it has: 0 at once; guest_disk_describe()
 * says "being removed" until then. With force it goes now, and the guest's I/O fails. -ENOENT: no such id.
 */
int guest_disk_remove(struct guest *g, const char *id, bool force, struct error *e);
/* Makes it bytes long (a multiple of 512, not less than it has), and tells the guest. */
int guest_disk_resize(struct guest *g, const char *id, u64 bytes, struct error *e);
/*
 * Puts another image (path, format looked up) into a drive; what was in it is taken out by force first, as eject does. media
 * and read-only stay as they were. said: what a sentence about the file begins with. opened: as above. -EBUSY: it is on its way out.
 */
int guest_disk_change(struct guest *g, const char *id, const char *file, const char *said, struct block_opening *opened,
		      struct error *e);
/* Takes the image out and keeps the drive; without force only of a cdrom (-EBUSY for a disk). */
int guest_disk_eject(struct guest *g, const char *id, bool force, struct error *e);
/* Lines as QEMU's "info block" has them, a drive a paragraph: id, file, format, mode, sizes, counts of requests. */
void guest_disk_describe(struct guest *g, struct buf *out);
/* The id of the first whose image is late, so that the guest's time is held; NULL: none is. */
const char *guest_disk_late(struct guest *g);
/* Ids in order of device numbers: the i-th, or NULL. For completion and "info". */
const char *guest_disk_id(struct guest *g, u32 i);

#endif
