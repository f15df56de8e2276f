/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Takes snapshots of guests, and sees whether one fits a guest.
 */
#include "guest/snapshot.h"

#include <errno.h>
#include <string.h>

#include "guest/disks.h"
#include "guest/guest.h"
#include "guest/screen.h"
#include "pv/suspend.h"
#include "snapshot/migrate.h"

int guest_snapshot_take(struct guest *g, bool on_parent, struct snapshot *s, struct error *e)
{
	int rc;

	if (on_parent && !g->base)
		return error_set(e, -EINVAL,
				 "there is no snapshot of guest %s yet that it could be told against: save one without -i first",
				 g->d->name);
	rc = snapshot_take(g->d, on_parent ? g->base : NULL, s, e);

	if (rc)
		return rc;
	rc = guest_disks_note(g, &s->disks, e);
	if (rc)
		snapshot_free(s);
	else if (guest_display(g))
		s->screen = display_note(guest_display(g));
	return rc;
}

int guest_suspended_take(struct guest *g, struct snapshot *s, struct error *e)
{
	int rc;

	snapshot_begin_suspended(g->d, s);
	rc = pv_suspend_take(g->d, &s->mem, &s->state, e);
	if (rc)
		snapshot_free(s);
	return rc;
}

static int disks_fit(struct guest *g, const struct snapshot_disks *then, struct error *e)
{
	struct snapshot_disks now;
	u32 i, k;
	int rc = guest_disks_note(g, &now, e);

	for (i = 0; i < then->n && !rc; i++) {
		const struct snapshot_disk *t = &then->disk[i];

		for (k = 0; k < now.n && strcmp((const char *)now.disk[k].id, (const char *)t->id); k++)
			;
		if (k == now.n)
			rc = error_set(e, -EINVAL, "it was taken with a disk %s that could be written, and there is none now", t->id);
		else if (now.disk[k].size != t->size || now.disk[k].modified != t->modified)
			rc = error_set(e, -EINVAL,
				       "the image of disk %s was written to since it was taken, and what the guest remembers of the disk would "
				       "not agree with it: put back a copy of that time (cp -p), or give the disk readonly=on",
				       t->id);
	}
	if (!rc && now.n > then->n)
		rc = error_set(e, -EINVAL, "it was taken with %llu disks that could be written, and there are %llu now",
			       (unsigned long long)then->n, (unsigned long long)now.n);
	return rc;
}

int guest_snapshot_fits(struct guest *g, const struct snapshot *s, struct error *e)
{
	int rc = snapshot_fits(&s->about, g->d, e);

	return rc || s->suspended ? rc : disks_fit(g, &s->disks, e);
}

/* ---- migration --------------------------------------------------------------------------------------------------- */

static int take(void *opaque, const struct snapshot_base *on, bool states, struct snapshot *s, struct error *e)
{
	struct guest *g = opaque;
	int rc;

	if (!states)
		return snapshot_take_memory(g->d, on, s, e);
	rc = snapshot_take(g->d, on, s, e);
	if (!rc)
		rc = guest_disks_note(g, &s->disks, e);
	return rc;
}

static int leave(void *opaque, struct error *e)
{
	return guest_disks_leave(opaque, e);
}

static void stay(void *opaque)
{
	guest_disks_stay(opaque);
}

const struct migrate_ops guest_migrate_ops = { take, leave, stay };
