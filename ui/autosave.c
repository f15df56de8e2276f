/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Snapshots by the host's clock. A timer of the poll set takes one between two slots, and a thread writes it. One that takes longer
 * than the interval delays the next. What goes wrong is said once, and again after one has worked.
 */
#include "ui/autosave.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/os_file.h"
#include "guest/guest.h"
#include "guest/save.h"
#include "guest/snapshot.h"
#include "snapshot/file.h"
#include "ui/snapshots.h"

#define LOOK_NS 50000000u /* between looks whether one is written */

struct autosave {
	struct autosave_setup s;
	struct poll_item *timer;
	u64 due;                          /* host_now() of the next */
	struct guest_saving *writing; /* NULL: none */
	u64 began;                        /* to be written */
	u32 last;                         /* number of the last that was begun; 0: none yet */
	u64 icount;                       /* of the guest then */
	u32 done;                         /* written so far */
	u32 late;                         /* intervals that passed while one was being written */
	bool failed;                      /* the last one, and that was said */
	struct error e;                   /* why */
};

static int path_of(const struct autosave *a, u32 n, char *path, size_t len, struct error *e)
{
	char tag[16];

	snprintf(tag, sizeof tag, "auto-%u", n);
	return snapshots_path(a->s.folder, tag, path, len, e);
}

/* The first of those that an earlier run left that is missing, else the oldest. */
static u32 first_number(const struct autosave *a)
{
	u64 oldest = UINT64_MAX;
	u32 i, best = 1;

	for (i = 1; i <= a->s.keep; i++) {
		struct os_stat st;
		char path[1200];

		if (path_of(a, i, path, sizeof path, NULL) || os_stat(path, &st))
			return i;
		if (st.modified < oldest) {
			oldest = st.modified;
			best = i;
		}
	}
	return best;
}

/* Whether this number's file may be written over: others may have only what changed since it. */
static bool is_free(const struct autosave *a, u32 n, char *path, size_t len)
{
	char child[80];

	return !path_of(a, n, path, len, NULL) && !snapshots_needed(a->s.folder, path, child, sizeof child);
}

/* The number that is next, and its path. 0, or -errno with a sentence. */
static int choose(const struct autosave *a, u32 *n, char *path, size_t len, struct error *e)
{
	u32 first = a->last ? a->last % a->s.keep + 1 : first_number(a), i;

	for (i = 0; i < a->s.keep; i++) {
		*n = (first - 1 + i) % a->s.keep + 1;
		if (is_free(a, *n, path, len))
			return 0;
	}
	return error_set(e, -EBUSY, "%.200s: each of auto-1 to auto-%u is needed by another snapshot: remove one of those, or keep more", a->s.folder,
			 a->s.keep);
}

static void say(struct autosave *a, const struct error *e)
{
	a->e = *e;
	if (a->failed)
		return;
	a->failed = true;
	if (a->s.before_line)
		a->s.before_line(a->s.opaque);
	msg_warn("-autosave: %s; the guest runs on, and it is tried again", e->text);
}

static void finish(struct autosave *a)
{
	struct error e = { "" };

	if (guest_save_end(a->writing, false, &e)) {
		say(a, &e);
	} else {
		a->failed = false;
		a->done++;
	}
	a->writing = NULL;
}

static void save(struct autosave *a)
{
	struct guest *g = a->s.guest;
	struct error e = { "" };
	struct snapshot s;
	char path[1200], name[20];
	u32 n = 0;
	int rc = snapshots_make_folder(a->s.folder, &e);

	if (!rc)
		rc = choose(a, &n, path, sizeof path, &e);
	if (!rc)
		snprintf(name, sizeof name, "auto-%u", n);
	if (!rc)
		rc = guest_snapshot_take(g, name, false, &s, &e);
	if (!rc) {
		a->icount = domain_icount(g->d);
		a->began = host_now();
		a->writing = guest_save_begin(g, &s, path, a->s.codec, &e);
		if (a->writing)
			a->last = n;
	}
	if (!a->writing)
		say(a, &e);
}

static void on_timer(void *opaque, u32 events)
{
	struct autosave *a = opaque;
	const struct domain *d = a->s.guest->d;
	bool due = host_now() >= a->due;

	if (a->writing && guest_save_done(a->writing, 0))
		finish(a);
	if (!due)
		return;
	a->due = host_now() + a->s.every;
	if (a->writing)
		a->late++;
	/* A guest that is stopped is saved once; one that has ended cannot go on. */
	else if (d && d->end == END_RUNNING && (!a->last || a->failed || domain_icount(d) != a->icount))
		save(a);
}

struct autosave *autosave_begin(const struct autosave_setup *s)
{
	struct autosave *a = calloc(1, sizeof *a);

	if (!a)
		return NULL;
	a->s = *s;
	a->due = host_now() + s->every;
	a->timer = poll_every(s->guest->host->poll, LOOK_NS, on_timer, a);
	if (a->timer)
		return a;
	free(a);
	return NULL;
}

void autosave_end(struct autosave *a)
{
	if (!a)
		return;
	poll_remove(a->s.guest->host->poll, a->timer);
	if (a->writing)
		finish(a);
	free(a);
}

void autosave_tell(const struct autosave *a, struct buf *out)
{
	if (!a) {
		buf_printf(out, "nothing is saved by itself: begin the guest with -autosave SECONDS\n");
		return;
	}
	buf_printf(out, "every %g s, at most %u in %.200s; %u written\n", (double)a->s.every / 1e9, a->s.keep, a->s.folder, a->done);
	if (a->writing)
		buf_printf(out, "auto-%u is being written since %.1f s\n", a->last, (double)(host_now() - a->began) / 1e9);
	else if (a->failed)
		buf_printf(out, "the last failed: %s\n", a->e.text);
	else if (a->last)
		buf_printf(out, "the last is auto-%u, %.0f s ago\n", a->last, (double)(host_now() - a->began) / 1e9);
	if (a->late)
		buf_printf(out, "%u times the one before was not written yet\n", a->late);
}
