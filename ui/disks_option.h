/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Options of disks, and a monitor's words for the same, into nodes (guest/nodes.h): QEMU's -drive, -hda, -cdrom,
 * -snapshot.
 */
#ifndef UI_DISKS_OPTION_H
#define UI_DISKS_OPTION_H

#include "base/log.h"
#include "base/node.h"
#include "base/types.h"

/*
 * Writes the node of one drive below guest ("disks" is made). spec: -drive's value, keys file, format, if, media,
 * readonly, cache, id, index, snapshot, backing, backing-dir, reconnect-delay; a comma in a value is doubled. said:
 * what sentences begin with, the option with its dash or the monitor's word. The node in *out (NULL is allowed). 0 or
 * -errno with a sentence.
 */
int disks_option_drive(struct node *guest, const char *spec, const char *said, struct node **out, struct error *e);
/* The same for a file alone, as it is named, at an index: -hda..-hdd, -cdrom. */
int disks_option_file(struct node *guest, const char *file, u32 index, bool cdrom, const char *said, struct error *e);
/* -snapshot: for every disk there is then, and before each later one. */
int disks_option_snapshot(struct node *guest);

#endif
