/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Snapshots of a guest: its domain's (snapshot/snapshot.h), and its disks as they were at the same instant.
 */
#ifndef GUEST_SNAPSHOT_H
#define GUEST_SNAPSHOT_H

#include "base/log.h"

struct guest;
struct snapshot;
struct snapshot_disks;
struct migrate_ops;
/* Of a guest that migrates (snapshot/migrate.h); opaque is the guest. */
extern const struct migrate_ops guest_migrate_ops;

/*
 * Takes one, whole or on_parent: against the last one that was written or loaded. The guest is between two slots; what it wrote is on
 * its disks' host before. name: of the snapshots that are made in images which can have any. 0, or -errno with a sentence; then there
 * is none.
 */
int guest_snapshot_take(struct guest *g, const char *name, bool on_parent, struct snapshot *s, struct error *e);
/* The same of a guest that is about to become before, which fits it: what it goes on from if that fails. */
int guest_snapshot_take_back(struct guest *g, const struct snapshot *before, struct snapshot *s, struct error *e);
#define GUEST_SNAPSHOT_BACK "before-loadvm" /* the name that its snapshots in images have */
/* Removes what taking one made in images of disks. 0, or -errno with a sentence: of some disks it is removed. */
int guest_snapshot_forget(struct guest *g, const struct snapshot_disks *disks, struct error *e);
/*
 * The same of a guest that has suspended itself (d->suspended): in the form that knows no machine frames (pv/suspend.h). It comes
 * back by its own help, and with whatever images its disks have then.
 */
int guest_suspended_take(struct guest *g, struct snapshot *s, struct error *e);
/*
 * Whether the guest, running or just made, could come back from s: nothing is changed. 0, or -EINVAL with a sentence that names
 * what differs.
 */
int guest_snapshot_fits(struct guest *g, const struct snapshot *s, struct error *e);
/*
 * Gives g, whose domain was just made, what s has: memory, states, and at last the disks. 0, or -errno with a sentence: then the
 * domain must be destroyed, and disks are as they were or as in s.
 */
int guest_snapshot_restore(struct guest *g, struct snapshot *s, struct error *e);

#endif
