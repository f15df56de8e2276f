/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Snapshots of a guest: its domain's (snapshot/snapshot.h), and what its disks were then. Disks themselves are not in it: a guest
 * comes back only to disks that are as they were.
 */
#ifndef GUEST_SNAPSHOT_H
#define GUEST_SNAPSHOT_H

#include "base/log.h"

struct guest;
struct snapshot;
struct migrate_ops;
/* Of a guest that migrates (snapshot/migrate.h); opaque is the guest. */
extern const struct migrate_ops guest_migrate_ops;

/*
 * Takes one, whole or on_parent: against the last one that was written or loaded. The guest is between two slots; what it wrote is on
 * its disks' host before. 0, or -errno with a sentence; then there is none.
 */
int guest_snapshot_take(struct guest *g, bool on_parent, struct snapshot *s, struct error *e);
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

#endif
