/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest's disks and snapshots: what is noted of an image, what goes along with a snapshot, and how it comes back.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/os_file.h"
#include "guest/disks_impl.h"
#include "hw/host/block/frozen.h"
#include "hw/host/block/snapshots.h"
#include "snapshot/snapshot.h"

/* The file at a path, through links. */
static bool look_at_file(const char *path, struct os_stat *st)
{
	char *real = os_path_real(path);
	bool plain = real && !os_stat(real, st) && st->kind == OS_FILE;

	free(real);
	return plain;
}

/* The next disk that the guest may write, from slot *i on; NULL: there is none. */
static struct disk *next_writable(struct guest *g, u32 *i)
{
	while (g->disks && *i < DISK_SLOTS) {
		struct disk *d = g->disks->slot[(*i)++];

		if (d && d->block && !block_readonly(d->block))
			return d;
	}
	return NULL;
}

static void describe(const struct disk *d, struct snapshot_disk *out)
{
	memset(out, 0, sizeof *out);
	memcpy(out->id, d->node->name, strlen(d->node->name));
	out->bytes = block_size(d->block);
}

/* Its file as it is now. */
static int note(const struct disk *d, struct snapshot_disk *out, struct error *e)
{
	const char *file = node_str(d->node, "file", "");
	struct os_stat st;
	int rc = block_flush(d->block);

	if (rc)
		return error_set(e, rc, "disk %s: %.200s cannot be flushed (%s)", d->node->name, file, strerror(-rc));
	if (!look_at_file(file, &st))
		return error_set(e, -ENOTSUP, "disk %s: %.200s is no file whose changes could be noticed: give the guest a file, or readonly=on",
				 d->node->name, file);
	describe(d, out);
	out->size = st.size;
	out->modified = st.modified;
	return 0;
}

/* For a process that is given the same: what is no file cannot be told from another, and is taken for the same. */
static int note_shared(const struct disk *d, struct snapshot_disk *out, struct error *e)
{
	struct os_stat st;
	int rc;

	if (look_at_file(node_str(d->node, "file", ""), &st))
		return note(d, out, e);
	rc = block_flush(d->block);
	if (rc)
		return error_set(e, rc, "disk %s: it cannot be flushed (%s)", d->node->name, strerror(-rc));
	describe(d, out);
	out->kind = SNAPSHOT_DISK_SHARED;
	return 0;
}

int guest_disks_note(struct guest *g, struct snapshot_disks *out, struct error *e)
{
	struct disk *d;
	int rc = 0;
	u32 i = 0;

	memset(out, 0, sizeof *out);
	while (!rc && (d = next_writable(g, &i))) {
		if (block_is_temporary(d->block))
			return error_set(e, -ENOTSUP, "disk %s: what is written with snapshot=on is in no file, and would be lost: leave that "
					 "out, or give readonly=on", d->node->name);
		rc = note_shared(d, &out->disk[out->n++], e);
	}
	return rc;
}

static struct disk *find_writable(struct guest *g, const u8 *id)
{
	struct disk *d;
	u32 i = 0;

	while ((d = next_writable(g, &i)) && strcmp(d->node->name, (const char *)id))
		;
	return d;
}

/* ---- freezing ----------------------------------------------------------------------------------------------------- */

static u64 date_now(void)
{
	struct timespec t = { 0, 0 };

	clock_gettime(CLOCK_REALTIME, &t);
	return (u64)t.tv_sec * 1000000000 + (u64)t.tv_nsec;
}

static int freeze_inside(struct disk *d, const char *name, struct snapshot_disk *out, struct error *e)
{
	struct error why = { "" };
	struct block_snapshot s;
	int rc = block_snapshot_create(d->block, name, date_now(), domain_now(d->g->d), &s, &why);

	if (rc)
		return error_set(e, rc, "disk %s: %.440s", d->node->name, why.text);
	describe(d, out);
	out->kind = SNAPSHOT_DISK_INSIDE;
	memcpy(out->inside_id, s.id, strlen(s.id));
	memcpy(out->inside_name, s.name, MIN(strlen(s.name), sizeof out->inside_name - 1));
	out->inside_date = s.date;
	out->inside_clock = s.clock;
	return 0;
}

static bool is_noted(const struct snapshot_disks *noted, const char *id)
{
	u32 i;

	for (i = 0; noted && i < noted->n; i++)
		if (!strcmp((const char *)noted->disk[i].id, id))
			return noted->disk[i].kind == SNAPSHOT_DISK_NOTED;
	return false;
}

static int freeze(struct disk *d, const char *name, bool noted, struct snapshot *s, struct error *e)
{
	u32 k = (u32)s->disks.n;
	int rc;

	if (block_snapshot_can(d->block) && !noted)
		return freeze_inside(d, name, &s->disks.disk[k], e);
	rc = note(d, &s->disks.disk[k], e);
	if (rc || !block_is_temporary(d->block))
		return rc;
	s->disks.disk[k].kind = SNAPSHOT_DISK_WRITTEN;
	s->frozen[k] = block_freeze(d->block, e);
	return s->frozen[k] ? 0 : -ENOMEM;
}

int guest_disks_freeze(struct guest *g, const char *name, const struct snapshot_disks *noted, struct snapshot *s, struct error *e)
{
	struct error why = { "" };
	struct disk *d;
	int rc = 0;
	u32 i = 0;

	while (!rc && (d = next_writable(g, &i))) {
		rc = freeze(d, name, is_noted(noted, d->node->name), s, e);
		s->disks.n += !rc;
	}
	if (rc && guest_disks_forget(g, &s->disks, &why))
		msg_warn("%s", why.text);
	return rc;
}

static bool is_that(const struct block_snapshot *s, const void *opaque)
{
	const struct snapshot_disk *t = opaque;

	return !strcmp(s->id, (const char *)t->inside_id) && s->date == t->inside_date && s->clock == t->inside_clock;
}

/* Whether the image of d has the snapshot that t means: 1, 0, or -errno with a sentence. */
static int find_inside(const struct disk *d, const struct snapshot_disk *t, struct error *e)
{
	struct block_snapshot s;

	return block_snapshot_find(d->block, is_that, t, &s, e);
}

int guest_disks_forget(struct guest *g, const struct snapshot_disks *disks, struct error *e)
{
	int rc = 0;
	u32 i;

	for (i = 0; i < disks->n; i++) {
		const struct snapshot_disk *t = &disks->disk[i];
		struct disk *d = t->kind == SNAPSHOT_DISK_INSIDE ? find_writable(g, t->id) : NULL;
		struct error why = { "" };
		int err = d && block_snapshot_can(d->block) ? find_inside(d, t, &why) : 0;

		if (err > 0)
			err = block_snapshot_delete(d->block, (const char *)t->inside_id, &why);
		if (err < 0)
			rc = error_set(e, err, "disk %s: %.440s", t->id, why.text);
	}
	return rc;
}

/* ---- coming back -------------------------------------------------------------------------------------------------- */

/* Whether the file of d is what it was. */
static int file_fits(const struct disk *d, const struct snapshot_disk *t, struct error *e)
{
	struct snapshot_disk now;
	int rc = note(d, &now, e);

	if (rc || (now.size == t->size && now.modified == t->modified))
		return rc;
	return error_set(e, -EINVAL,
			 "the image of disk %s was written to since it was taken, and what the guest remembers of the disk would not agree "
			 "with it: put back a copy of that time (cp -p), or give the disk readonly=on",
			 t->id);
}

static int inside_fits(const struct disk *d, const struct snapshot_disk *t, struct error *e)
{
	int rc = block_snapshot_can(d->block) ? find_inside(d, t, e) : -ENOTSUP;

	if (rc == -ENOTSUP)
		return error_set(e, rc, "disk %s is in a snapshot of its qcow2 image, and needs that image, to be written to: not with snapshot=on",
				 t->id);
	if (!rc)
		return error_set(e, -EINVAL, "the image of disk %s has no snapshot '%s' (%s) any more of the time when it was taken", t->id,
				 t->inside_name, t->inside_id);
	return MIN(rc, 0);
}

static int disk_fits(const struct disk *d, const struct snapshot_disk *t, struct error *e)
{
	switch (t->kind) {
	case SNAPSHOT_DISK_NOTED:
		return file_fits(d, t, e);
	case SNAPSHOT_DISK_WRITTEN:
		if (!block_is_temporary(d->block))
			return error_set(e, -EINVAL, "it has what was written to disk %s with snapshot=on: give it that again", t->id);
		if (t->bytes < block_thaw_base(d->block))
			return error_set(e, -EINVAL, "disk %s was smaller than its image is now", t->id);
		return file_fits(d, t, e);
	case SNAPSHOT_DISK_SHARED:
		return t->bytes == block_size(d->block) ? 0 : error_set(e, -EINVAL, "disk %s has another size than there", t->id);
	case SNAPSHOT_DISK_INSIDE:
		return inside_fits(d, t, e);
	default:
		return error_set(e, -EINVAL, "disk %s was saved in a way that this version does not know (%llu)", t->id,
				 (unsigned long long)t->kind);
	}
}

int guest_disks_fit(struct guest *g, const struct snapshot *s, struct error *e)
{
	const struct snapshot_disks *then = &s->disks;
	struct disk *d;
	u32 i, n = 0;
	int rc = 0;

	for (i = 0; i < then->n && !rc; i++) {
		d = find_writable(g, then->disk[i].id);
		rc = d ? disk_fits(d, &then->disk[i], e)
		       : error_set(e, -EINVAL, "it was taken with a disk %s that could be written, and there is none now", then->disk[i].id);
	}
	for (i = 0; next_writable(g, &i); n++)
		;
	if (!rc && n > then->n)
		rc = error_set(e, -EINVAL, "it was taken with %llu disks that could be written, and there are %u now",
			       (unsigned long long)then->n, n);
	return rc;
}

static int restore(struct snapshot *s, u32 i, struct disk *d, struct error *e)
{
	switch (s->disks.disk[i].kind) {
	case SNAPSHOT_DISK_NOTED:
		/* Nothing was written over the image then, and nothing is now. */
		return block_is_temporary(d->block) ? block_thaw(d->block, NULL, block_thaw_base(d->block), e) : 0;
	case SNAPSHOT_DISK_WRITTEN:
		return snapshot_disk_restore(s, i, d->block, e);
	case SNAPSHOT_DISK_INSIDE:
		return block_snapshot_apply(d->block, (const char *)s->disks.disk[i].inside_id, e);
	}
	return 0;
}

int guest_disks_restore(struct guest *g, struct snapshot *s, struct error *e)
{
	int rc = 0;
	u32 i;

	for (i = 0; i < s->disks.n && !rc; i++) {
		struct disk *d = find_writable(g, s->disks.disk[i].id);

		rc = d ? restore(s, i, d, e) : -EINVAL;
	}
	return rc;
}
