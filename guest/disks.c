/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opens the images of a guest's drives, gives its domains vbds for them, and changes both while the guest runs. Left
 * out: another medium under the same vbd; the vbd is removed and one is added.
 */
#include "guest/disks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "guest/disks_impl.h"
#include "guest/nodes.h"
#include "xen/time.h"

/*
 * Between the removal of a vbd and another one at its place: the guest's driver must have noticed that the xenstore
 * nodes are gone.
 */
#define PLUG_DELAY 200000000u /* ns of guest time */

static void disk_free(struct disk *d)
{
	if (d->g->d)
		domain_arm(d->g->d, &d->plug, TIME_NEVER);
	block_close(d->block);
	block_close(d->next);
	d->g->disks->slot[d->index] = NULL;
	node_free(d->node);
	free(d);
}

/* ---- images ------------------------------------------------------------------------------------------------------ */

/* What an image of the drive is opened with. */
static struct block_options options_of(const struct guest *g, const struct node *n, const char *format)
{
	struct block_options o = { .format = format, .readonly = node_has(n, "readonly"), .quit = g->host->kill };
	const char *snapshot = node_str(n, "snapshot", NULL), *cache = node_str(n, "cache", NULL);
	const struct node *disks = node_child(g->node, "disks");

	o.no_backing = node_has(n, "no-backing");
	o.folder = node_str(n, "backing-dir", NULL);
	o.reconnect = (u32)node_u64(n, "reconnect-delay", 0) * 1000;
	o.snapshot = snapshot ? !strcmp(snapshot, "on") : disks && node_has(disks, "snapshot");
	if (cache)
		block_cache_parse(cache, &o.cache, NULL);
	/* While the guest runs a person waits at the monitor: a server that does not answer is given up soon. */
	o.open_patience = g->d ? 5000 : 0;
	return o;
}

/* said: what a sentence begins with; NULL: the drive's name. opened: the image, if it was opened before; or NULL. */
static struct block *open_image(struct guest *g, const struct node *n, const char *file, const char *format, const char *said,
				struct block_opening *opened, struct error *e)
{
	struct block_options o = options_of(g, n, format);
	struct error why = { "" };
	struct block *b;
	int rc;

	if (opened && !block_open_is(opened, file, &o)) {
		block_open_drop(opened);
		opened = NULL;
	}
	b = opened ? block_open_end(opened, &rc, &why) : block_open(file, &o, g->host->poll, &rc, &why);
	if (!b && said)
		error_set(e, rc, "%s %s", said, why.text);
	else if (!b)
		error_set(e, rc, "drive %s: %s", n->name, why.text);
	return b;
}

static int disk_open(struct guest *g, struct node *n, struct block_opening *opened, struct disk **out, struct error *e)
{
	const char *file = node_str(n, "file", NULL);
	struct disk *d = calloc(1, sizeof *d);

	if (!d || !file) {
		block_open_drop(opened);
		opened = NULL;
	}
	if (!d)
		return error_set(e, -ENOMEM, "the host is out of memory");
	d->g = g;
	d->node = n;
	d->index = (u32)node_u64(n, "index", 0);
	d->cdrom = !strcmp(node_str(n, "media", ""), "cdrom");
	if (file) {
		d->block = open_image(g, n, file, node_str(n, "format", NULL), node_str(n, "said", NULL), opened, e);
		if (!d->block) {
			free(d);
			return -EINVAL;
		}
	}
	g->disks->slot[d->index] = d;
	*out = d;
	return 0;
}

int guest_disks_open(struct guest *g, struct error *e)
{
	struct node *disks = node_child(g->node, "disks"), *n;
	struct disk *d;
	int rc = 0;

	if (g->disks)
		return 0;
	g->disks = calloc(1, sizeof *g->disks);
	if (!g->disks)
		return error_set(e, -ENOMEM, "the host is out of memory");
	for (n = disks ? disks->first : NULL; n && !rc; n = n->next)
		rc = disk_open(g, n, NULL, &d, e);
	if (rc)
		guest_disks_close(g);
	return rc;
}

int guest_disks_leave(struct guest *g, struct error *e)
{
	u32 i;
	int rc = 0;

	for (i = 0; g->disks && i < DISK_SLOTS && !rc; i++) {
		const struct disk *d = g->disks->slot[i];

		if (!d || !d->block)
			continue;
		rc = block_leave(d->block);
		if (rc)
			error_set(e, rc, "disk %s cannot be written out (%s)", d->node->name, os_strerror(-rc));
	}
	if (rc)
		guest_disks_stay(g);
	return rc;
}

void guest_disks_stay(struct guest *g)
{
	u32 i;

	for (i = 0; g->disks && i < DISK_SLOTS; i++)
		if (g->disks->slot[i] && g->disks->slot[i]->block)
			block_stay(g->disks->slot[i]->block);
}

void guest_disks_close(struct guest *g)
{
	u32 i;

	if (!g->disks)
		return;
	for (i = 0; i < DISK_SLOTS; i++)
		if (g->disks->slot[i]) {
			block_close(g->disks->slot[i]->block);
			block_close(g->disks->slot[i]->next);
			free(g->disks->slot[i]);
		}
	free(g->disks);
	g->disks = NULL;
}

/* ---- vbds -------------------------------------------------------------------------------------------------------- */

/* Called when the vbd is gone. */
static void on_removed(void *opaque)
{
	struct disk *d = opaque;
	enum fate fate = d->fate;

	d->vbd = NULL;
	d->fate = STAYS;
	if (fate == REMOVED) {
		disk_free(d);
		return;
	}
	if (fate == EJECTED) {
		block_close(d->block);
		d->block = d->next;
		d->next = NULL;
	}
	if (d->block && !d->g->disks->leaving)
		domain_arm(d->g->d, &d->plug, domain_now(d->g->d) + PLUG_DELAY);
}

static int plug(struct disk *d, struct error *e)
{
	struct vbd_config c = {
		.block = d->block, .index = d->index, .cdrom = d->cdrom,
		.removed = on_removed, .opaque = d,
	};

	return d->block && !d->vbd ? vbd_add(xen_dom(d->g->d), &c, &d->vbd, e) : 0;
}

static void on_plug(void *opaque, u64 now)
{
	struct disk *d = opaque;
	struct error e = { "" };

	domain_arm(d->g->d, &d->plug, TIME_NEVER);
	if (plug(d, &e))
		msg_warn("xvd%c: %s", 'a' + (int)d->index, e.text);
}

int guest_disks_attach(struct guest *g, struct error *e)
{
	u32 i;
	int rc = 0;

	for (i = 0; i < DISK_SLOTS && !rc; i++) {
		struct disk *d = g->disks->slot[i];

		if (!d)
			continue;
		vtimer_init(&d->plug, (u32)XEN_TIMER_VBD << 16 | 0x100 | i, on_plug, d);
		rc = plug(d, e);
	}
	return rc;
}

void guest_disks_detach(struct guest *g)
{
	u32 i;

	if (!g->disks || !g->d || g->bare)
		return;
	g->disks->leaving = true;
	for (i = 0; i < DISK_SLOTS; i++)
		if (g->disks->slot[i]) {
			domain_arm(g->d, &g->disks->slot[i]->plug, TIME_NEVER);
			if (g->disks->slot[i]->vbd)
				vbd_remove(g->disks->slot[i]->vbd, true);
		}
	g->disks->leaving = false;
}

/* ---- while it runs ----------------------------------------------------------------------------------------------- */

static struct disk *find(struct guest *g, const char *id, struct error *e)
{
	u32 i;

	for (i = 0; g->disks && i < DISK_SLOTS; i++)
		if (g->disks->slot[i] && !strcmp(g->disks->slot[i]->node->name, id))
			return g->disks->slot[i];
	error_set(e, -ENOENT, "there is no drive '%.80s'", id);
	return NULL;
}

const char *guest_disk_id(struct guest *g, u32 i)
{
	u32 k;

	for (k = 0; g->disks && k < DISK_SLOTS; k++)
		if (g->disks->slot[k] && !i--)
			return g->disks->slot[k]->node->name;
	return NULL;
}

const char *guest_disk_late(struct guest *g)
{
	u32 i;

	for (i = 0; g->disks && i < DISK_SLOTS; i++)
		if (g->disks->slot[i] && g->disks->slot[i]->vbd && vbd_holds(g->disks->slot[i]->vbd))
			return g->disks->slot[i]->node->name;
	return NULL;
}

static int begin(struct guest *g, const struct node *n, const char *file, const char *format, struct block_opening **out, struct error *e)
{
	struct block_options o = options_of(g, n, format);

	*out = file ? block_open_begin(file, &o, g->host->poll, e) : NULL;
	return file && !*out ? -ENOMEM : 0;
}

int guest_disk_add_begin(struct guest *g, const struct node *drive, struct block_opening **out, struct error *e)
{
	return begin(g, drive, node_str(drive, "file", NULL), node_str(drive, "format", NULL), out, e);
}

int guest_disk_add(struct guest *g, struct node *drive, struct block_opening *opened, struct error *e)
{
	struct disk *d;
	int rc;

	if (g->bare || !g->disks) {
		block_open_drop(opened);
		node_free(drive);
		return error_set(e, -ENOTSUP, "this machine has no disks");
	}
	rc = guest_node_check(drive, "disks", e);
	if (rc)
		block_open_drop(opened);
	else
		rc = disk_open(g, drive, opened, &d, e);
	if (rc) {
		node_free(drive);
		return rc;
	}
	vtimer_init(&d->plug, (u32)XEN_TIMER_VBD << 16 | 0x100 | d->index, on_plug, d);
	rc = g->d ? plug(d, e) : 0;
	if (rc)
		disk_free(d);
	return rc;
}

static void let_go(struct vbd *v, bool force)
{
	if (force)
		vbd_expel(v);
	else
		vbd_remove(v, false);
}

int guest_disk_remove(struct guest *g, const char *id, bool force, struct error *e)
{
	struct disk *d = find(g, id, e);

	if (!d)
		return -ENOENT;
	if (!d->vbd) {
		disk_free(d);
		return 0;
	}
	d->fate = REMOVED;
	let_go(d->vbd, force);
	return 0;
}

int guest_disk_resize(struct guest *g, const char *id, u64 bytes, struct error *e)
{
	struct disk *d = find(g, id, e);
	int rc;

	if (!d)
		return -ENOENT;
	if (!d->block)
		return error_set(e, -EINVAL, "%s has no medium", id);
	if (bytes < block_size(d->block))
		return error_set(e, -EINVAL, "%s has %llu bytes and cannot become smaller", id,
				 (unsigned long long)block_size(d->block));
	rc = block_resize(d->block, bytes, e);
	if (!rc && d->vbd)
		vbd_resized(d->vbd);
	return rc;
}

/* Ejects: the image is closed when the vbd is gone, or now if there is none. */
static void take_out(struct disk *d, bool force)
{
	if (d->vbd) {
		/* A drive that is being removed still is. */
		if (d->fate == STAYS)
			d->fate = EJECTED;
		let_go(d->vbd, force);
		return;
	}
	block_close(d->block);
	d->block = d->next;
	d->next = NULL;
	if (d->block && d->g->d)
		domain_arm(d->g->d, &d->plug, domain_now(d->g->d) + PLUG_DELAY);
}

/* The drive of that id, if another image may be put into it. */
static int find_changeable(struct guest *g, const char *id, struct disk **d, struct error *e)
{
	*d = find(g, id, e);
	if (!*d)
		return -ENOENT;
	if ((*d)->fate != STAYS)
		return error_set(e, -EBUSY, "%s is waiting for the guest to let go of it: try again, or eject it with force", id);
	return 0;
}

int guest_disk_change_begin(struct guest *g, const char *id, const char *file, struct block_opening **out, struct error *e)
{
	struct disk *d;
	int rc = find_changeable(g, id, &d, e);

	return rc ? rc : begin(g, d->node, file, NULL, out, e);
}

int guest_disk_change(struct guest *g, const char *id, const char *file, const char *said, struct block_opening *opened,
		      struct error *e)
{
	struct disk *d;
	struct block *b;
	int rc = find_changeable(g, id, &d, e);

	if (rc) {
		block_open_drop(opened);
		return rc;
	}
	b = open_image(g, d->node, file, NULL, said, opened, e);
	if (!b)
		return -EINVAL;
	if (node_set_str(d->node, "file", file)) {
		block_close(b);
		return error_set(e, -ENOMEM, "the host is out of memory");
	}
	node_unset(d->node, "format");
	d->next = b;
	take_out(d, false);
	return 0;
}

int guest_disk_eject(struct guest *g, const char *id, bool force, struct error *e)
{
	struct disk *d = find(g, id, e);

	if (!d)
		return -ENOENT;
	if (!d->cdrom && !force)
		return error_set(e, -EBUSY, "%s is a disk, not a cdrom", id);
	node_unset(d->node, "file");
	node_unset(d->node, "format");
	block_close(d->next);
	d->next = NULL;
	take_out(d, force);
	return 0;
}

void guest_disk_describe(struct guest *g, struct buf *out)
{
	u32 i;

	for (i = 0; g->disks && i < DISK_SLOTS; i++) {
		const struct disk *d = g->disks->slot[i];
		const struct block_stats *host;
		const struct vbd_stats *s;
		char text[700];
		u64 failed = 0;
		u32 op;

		if (!d)
			continue;
		if (!d->block) {
			buf_printf(out, "%s: [not inserted]\n    Removable device: xvd%c, ejected\n", d->node->name,
				   'a' + (int)d->index);
			continue;
		}
		block_describe(d->block, text, sizeof text);
		buf_printf(out, "%s: %s\n    Attached to:      xvd%c (vbd %u), %s%s%s\n", d->node->name, text,
			   'a' + (int)d->index, vbd_number(d->index), d->cdrom ? "cdrom, " : "",
			   !d->vbd                 ? "not plugged in"
			   : vbd_connected(d->vbd) ? "in use by the guest"
						   : "not in use",
			   d->fate == REMOVED   ? ", being removed"
			   : d->fate == EJECTED ? ", being ejected"
						: "");
		if (!d->vbd)
			continue;
		s = vbd_stats(d->vbd);
		host = block_stats(d->block);
		for (op = 0; op < BLOCK_OPS; op++)
			failed += host->errors[op];
		buf_printf(out,
			   "    Requests:         %llu read (%llu bytes), %llu written (%llu bytes), %llu flushes, "
			   "%llu discards, %llu "
			   "refused, %llu failed\n",
			   (unsigned long long)s->reads, (unsigned long long)s->read_bytes,
			   (unsigned long long)s->writes, (unsigned long long)s->written_bytes,
			   (unsigned long long)s->flushes, (unsigned long long)s->discards,
			   (unsigned long long)s->refused, (unsigned long long)failed);
	}
}
