/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Disks of a guest: options into nodes (QEMU's -drive, -hda, -cdrom), nodes into open images, images into vbds; and what a
 * monitor does with them while the guest runs.
 *
 * A slot is a drive the guest has or had: it keeps its id and its device number (xvda, xvdb, ...) when its medium is taken out.
 * Xen's block protocol cannot change a medium: an empty slot has no vbd, and the guest sees the disk go and come.
 */
#ifndef UI_DISKS_H
#define UI_DISKS_H

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
 * Properties of a node /guests/NAME/disks/ID:
 *   index (u64: 0 is xvda), file (str; absent: no medium), format (str: "raw", "qcow2", ...; absent: looked up),
 *   media (str: "disk" or "cdrom"), cache (str), readonly, snapshot, no-backing (flags), backing-dir (str: the only folder in
 *   which images may name files), reconnect-delay (u64: seconds), said (str: what the person wrote, for sentences).
 */

/* ---- the command line -------------------------------------------------------------------------------------------- */

/*
 * Writes the node of one drive below guest ("disks" is made). spec: -drive's value, keys file, format, if, media, readonly,
 * cache, id, index, snapshot, backing, backing-dir, reconnect-delay; a comma in a value is doubled. said: the option with its
 * dash, "-drive file=x". The node in *out
 * (NULL is allowed). 0 or -errno with a sentence.
 */
int disks_option_drive(struct node *guest, const char *spec, const char *said, struct node **out, struct error *e);
/* The same for a file alone, as it is named, at an index: -hda..-hdd, -cdrom. */
int disks_option_file(struct node *guest, const char *file, u32 index, bool cdrom, const char *said, struct error *e);
/* -snapshot: for every disk there is then, and before each later one. */
int disks_option_snapshot(struct node *guest);

/* ---- a guest's lives (ui/guest.c) ---------------------------------------------------------------------------------- */

/* Opens the images of all nodes; once for all lives. 0, or -errno with a sentence that names option and file. */
int guest_open_disks(struct guest *g, struct error *e);
/* Gives the guest's new domain its vbds. 0, or -errno with a sentence. */
int guest_attach_disks(struct guest *g, struct error *e);
/* The domain is about to be destroyed, or was: images stay open. */
void guest_detach_disks(struct guest *g);
/* Flushes and closes. */
void guest_close_disks(struct guest *g);

/* ---- while it runs (a monitor); each at an instant between two slots, where the door is ----------------------------- */

/*
 * Begin to open what guest_disk_add() or guest_disk_change() will want, while the guest goes on: *out, or NULL where there is
 * nothing to open. 0, or -errno with a sentence. Nothing of it is known to the guest or its nodes.
 */
int guest_disk_add_begin(struct guest *g, const char *drive_spec, struct block_opening **out, struct error *e);
int guest_disk_change_begin(struct guest *g, const char *id, const char *file, struct block_opening **out, struct error *e);
/*
 * Adds a drive, spec as -drive has it, and plugs it in if it has a file and the guest runs. opened: its image, which is taken
 * over whatever happens; NULL, or another one: the image is opened here and now. The id it got goes to id_out (n bytes, cut;
 * NULL is allowed). 0, or -errno with a sentence.
 */
int guest_disk_add(struct guest *g, const char *drive_spec, struct block_opening *opened, char *id_out, size_t n, struct error *e);
/*
 * Takes a drive away. The guest is asked to let go first, and the drive goes when it has: 0 at once; guest_disk_describe()
 * says "being removed" until then. With force it goes now, and the guest's I/O fails. -ENOENT: no such id.
 */
int guest_disk_remove(struct guest *g, const char *id, bool force, struct error *e);
/* Makes it bytes long (a multiple of 512, not less than it has), and tells the guest. */
int guest_disk_resize(struct guest *g, const char *id, u64 bytes, struct error *e);
/*
 * Puts another image (path, format looked up) into a drive; what was in it is taken out by force first, as eject does. media
 * and read-only stay as they were. opened: as above.
 */
int guest_disk_change(struct guest *g, const char *id, const char *file, struct block_opening *opened, struct error *e);
/* Takes the image out and keeps the drive; without force only of a cdrom (-EBUSY for a disk). */
int guest_disk_eject(struct guest *g, const char *id, bool force, struct error *e);
/* Lines as QEMU's "info block" has them, a drive a paragraph: id, file, format, mode, sizes, counts of requests. */
void guest_disk_describe(struct guest *g, struct buf *out);
/* The id of the first whose image is late, so that the guest's time is held; NULL: none is. */
const char *guest_disk_late(struct guest *g);
/* Ids in order of device numbers: the i-th, or NULL. For completion and "info". */
const char *guest_disk_id(struct guest *g, u32 i);

#endif
