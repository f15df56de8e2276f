/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Snapshots in memory: taken of a domain, and put into a new one.
 */
#include "snapshot/snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hw/host/display/display.h"
#include "vm/x86.h"
#include "xen/xen.h"

static const struct state_field about_fields[] = {
	STATE_BYTES(struct snapshot_about, name),   STATE_INT(struct snapshot_about, kind),
	STATE_INT(struct snapshot_about, is32),	    STATE_INT(struct snapshot_about, vcpus),
	STATE_INT(struct snapshot_about, frames),   STATE_INT(struct snapshot_about, features),
	STATE_INT(struct snapshot_about, shift),    STATE_INT(struct snapshot_about, instructions),
	STATE_INT(struct snapshot_about, now),	    STATE_INT_OPTIONAL(struct snapshot_about, date),
};
STATE_DESC(snapshot_about_desc, "about", 1, struct snapshot_about, about_fields);

static const struct state_field disk_fields[] = {
	STATE_BYTES(struct snapshot_disk, id),
	STATE_INT(struct snapshot_disk, size),
	STATE_INT(struct snapshot_disk, modified),
	STATE_INT(struct snapshot_disk, kind),
	STATE_INT(struct snapshot_disk, bytes),
	STATE_BYTES(struct snapshot_disk, inside_id),
	STATE_BYTES(struct snapshot_disk, inside_name),
	STATE_INT(struct snapshot_disk, inside_date),
	STATE_INT(struct snapshot_disk, inside_clock),
};
static STATE_DESC(disk_desc, "disk", 1, struct snapshot_disk, disk_fields);

static const struct state_field disks_fields[] = {
	STATE_INT(struct snapshot_disks, n),
	STATE_SUBS(struct snapshot_disks, disk, &disk_desc),
};
STATE_DESC(snapshot_disks_desc, "disks", 1, struct snapshot_disks, disks_fields);

static void describe(struct domain *d, struct snapshot_about *a)
{
	memset(a, 0, sizeof *a);
	memcpy(a->name, d->name, strlen(d->name));
	a->kind = d->kind;
	a->is32 = xen_is_guest(d) && xen_dom(d)->s.is32;
	a->vcpus = d->nvcpus;
	a->frames = d->mem.limit;
	a->features = x86_of(d->vcpus[0])->features;
	a->shift = d->time.s.shift;
	a->instructions = domain_icount(d);
	a->now = domain_now(d);
	a->date = (u64)time(NULL);
}

void snapshot_base_free(struct snapshot_base *b)
{
	if (!b)
		return;
	mem_look_stop(&b->look);
	free(b->path);
	free(b);
}

/* That m, at this instant, is as in a file, which is named when it is known. NULL: then no snapshot can be told against it. */
static struct snapshot_base *base_of(struct mem *m)
{
	struct snapshot_base *b = calloc(1, sizeof *b);

	if (b && mem_look_start(&b->look, m)) {
		free(b);
		return NULL;
	}
	if (b)
		mem_look_all_seen(&b->look);
	return b;
}

static int take(struct domain *d, const struct snapshot_base *on, bool states, struct snapshot *s, struct error *e)
{
	int rc;

	memset(s, 0, sizeof *s);
	domain_sync(d);
	describe(d, &s->about);
	/* The states first: a device that has work under way on the host brings it to an end, and that writes memory. */
	if (states)
		state_list_save(&d->states, &s->state);
	rc = mem_init(&s->mem, d->mem.pool, d->mem.limit);
	if (!rc)
		rc = mem_fork(&s->mem, &d->mem);
	if (!rc && on) {
		s->changed = mem_look_changed(&on->look);
		memcpy(s->parent, on->digest, sizeof s->parent);
		rc = s->changed ? 0 : -ENOMEM;
	}
	s->file = base_of(&d->mem);
	if (!rc && !s->state.failed)
		return 0;
	snapshot_free(s);
	return error_set(e, -ENOMEM, "the host has no memory for a snapshot of guest %s", d->name);
}

int snapshot_take(struct domain *d, const struct snapshot_base *on, struct snapshot *s, struct error *e)
{
	return take(d, on, true, s, e);
}

int snapshot_take_memory(struct domain *d, const struct snapshot_base *on, struct snapshot *s, struct error *e)
{
	return take(d, on, false, s, e);
}

void snapshot_begin_suspended(struct domain *d, struct snapshot *s)
{
	memset(s, 0, sizeof *s);
	domain_sync(d);
	describe(d, &s->about);
	s->suspended = true;
}

void snapshot_free(struct snapshot *s)
{
	if (s->mem.root)
		mem_free(&s->mem);
	snapshot_disks_free(s);
	buf_free(&s->state);
	snapshot_base_free(s->file);
	free(s->changed);
	if (s->screen)
		s->screen->free(s->screen);
	memset(s, 0, sizeof *s);
}

int snapshot_fits(const struct snapshot_about *a, struct domain *d, struct error *e)
{
	struct snapshot_about here;

	describe(d, &here);
	if (a->kind != here.kind)
		return error_set(e, -EINVAL, "it is of another machine: give the -M with which it was saved");
	if (a->is32 != here.is32)
		return error_set(e, -EINVAL, "it is of a %u-bit guest, and this one has %u bits", a->is32 ? 32 : 64, here.is32 ? 32 : 64);
	if (a->vcpus != here.vcpus)
		return error_set(e, -EINVAL, "its guest has %llu vCPUs, and this one %llu: give the -smp with which it was saved",
				 (unsigned long long)a->vcpus, (unsigned long long)here.vcpus);
	if (a->frames != here.frames)
		return error_set(e, -EINVAL, "its guest has another size of memory than this one: give the -m with which it was saved");
	if (a->features != here.features)
		return error_set(e, -EINVAL, "its processor has other features than this one's (%llx, here %llx): give the -cpu with which "
				 "it was saved", (unsigned long long)a->features, (unsigned long long)here.features);
	if (a->shift != here.shift)
		return error_set(e, -EINVAL, "an instruction of its guest takes 2^%llu ns, and of this one 2^%llu: give the -icount with "
				 "which it was saved", (unsigned long long)a->shift, (unsigned long long)here.shift);
	return 0;
}

/* The domain is as the snapshot's file. */
static void based_on(const struct snapshot_base *file, struct domain *d, struct snapshot_base **base)
{
	struct snapshot_base *b = base_of(&d->mem);

	if (b)
		b->path = strdup(file->path);
	if (!b || !b->path) {
		snapshot_base_free(b);
		return;
	}
	memcpy(b->digest, file->digest, sizeof b->digest);
	snapshot_base_free(*base);
	*base = b;
}

int snapshot_restore(struct snapshot *s, struct domain *d, struct snapshot_base **base, struct error *e)
{
	struct reader in;
	int rc = snapshot_fits(&s->about, d, e);

	if (rc)
		return rc;
	if (mem_become(&d->mem, &s->mem))
		return error_set(e, -ENOMEM, "the host has no memory for guest %s", d->name);
	if (base && s->file && s->file->path)
		based_on(s->file, d, base);
	reader_init(&in, s->state.p, s->state.len);
	rc = state_list_load(&d->states, &in, e);
	if (!rc)
		rc = state_list_loaded(&d->states, e);
	return rc;
}
