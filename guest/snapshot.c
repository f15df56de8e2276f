/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Takes snapshots of guests, and sees whether one fits a guest.
 */
#include "guest/snapshot.h"

#include <errno.h>

#include "guest/disks.h"
#include "guest/guest.h"
#include "guest/screen.h"
#include "pv/suspend.h"
#include "snapshot/migrate.h"

static int take(struct guest *g, const char *name, const struct snapshot_base *on, const struct snapshot_disks *noted, struct snapshot *s,
		struct error *e)
{
	int rc = snapshot_take(g->d, on, s, e);

	if (rc)
		return rc;
	rc = guest_disks_freeze(g, name, noted, s, e);
	if (rc)
		snapshot_free(s);
	else if (guest_display(g))
		s->screen = display_note(guest_display(g));
	return rc;
}

int guest_snapshot_take(struct guest *g, const char *name, bool on_parent, struct snapshot *s, struct error *e)
{
	if (on_parent && !g->base)
		return error_set(e, -EINVAL,
				 "there is no snapshot of guest %s yet that it could be told against: save one without -i first",
				 g->d->name);
	return take(g, name, on_parent ? g->base : NULL, NULL, s, e);
}

int guest_snapshot_take_back(struct guest *g, const struct snapshot *before, struct snapshot *s, struct error *e)
{
	return take(g, GUEST_SNAPSHOT_BACK, NULL, &before->disks, s, e);
}

int guest_snapshot_forget(struct guest *g, const struct snapshot_disks *disks, struct error *e)
{
	return guest_disks_forget(g, disks, e);
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

int guest_snapshot_fits(struct guest *g, const struct snapshot *s, struct error *e)
{
	int rc = snapshot_fits(&s->about, g->d, e);

	return rc || s->suspended ? rc : guest_disks_fit(g, s, e);
}

int guest_snapshot_restore(struct guest *g, struct snapshot *s, struct error *e)
{
	int rc = guest_snapshot_fits(g, s, e);

	if (!rc)
		rc = snapshot_restore(s, g->d, &g->base, e);
	/* The disks last: what they had until now is gone then. */
	return rc ? rc : guest_disks_restore(g, s, e);
}

/* ---- migration --------------------------------------------------------------------------------------------------- */

static int take_part(void *opaque, const struct snapshot_base *on, bool states, struct snapshot *s, struct error *e)
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

const struct migrate_ops guest_migrate_ops = { take_part, leave, stay };
