/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands of the monitor that open a disk image. It is opened on a thread while the guest runs, since its server may
 * be slow or silent. Then the line passes the door as it was typed, and the command takes the image. A replayed line
 * opens the image itself.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/disks.h"
#include "hw/host/block/block.h"
#include "ui/disks_option.h"
#include "ui/monitor_impl.h"

#define AT_ONCE 2000000u     /* ns we wait at first: most images are open by then */
#define ALONE 1000000000u

struct open_job {
	struct mon_job job;
	struct block_opening *opening;
	char line[LINE_BYTES + 1];
};

struct block_opening *mon_take_opened(struct mon *m)
{
	struct block_opening *op = m->opened;

	m->opened = NULL;
	return op;
}

static bool step(struct mon *m, bool alone)
{
	struct open_job *j = container_of(m->job, struct open_job, job);

	if (!block_open_done(j->opening, alone ? ALONE : 0))
		return true;
	m->job = NULL;
	block_open_drop(m->opened);
	m->opened = j->opening;
	mon_run_opened(m, j->line, block_open_failed(j->opening));
	/* The command did not take it, and will not, unless the line still waits at the door. */
	if (m->opened && !(mon_guest(m)->d && door_waiting(&mon_domain(m)->door)))
		block_open_drop(mon_take_opened(m));
	free(j);
	return false;
}

static void drop(struct mon *m)
{
	struct open_job *j = container_of(m->job, struct open_job, job);

	m->job = NULL;
	block_open_drop(j->opening);
	free(j);
}

/* Begins to open the image of a drive that a command is to add. */
static void begin_drive(struct mon *m, const char *spec, struct block_opening **op)
{
	struct guest *g = mon_guest(m);
	struct error e = { "" };
	struct node *drive;

	if (disks_option_drive(g->node, spec, "drive", &drive, &e))
		return;
	guest_disk_add_begin(g, drive, op, &e);
	node_free(drive);
}

/* What the words need opened. NULL: nothing, or they are wrong, which the command itself says. */
static struct block_opening *begin(struct mon *m, const struct mon_command *c, struct mon_args *a)
{
	static const char xen_disk[] = "xen-disk,";
	struct block_opening *op = NULL;
	struct error e = { "" };
	const char *last = a->n ? a->w[a->n - 1] : "";

	if (a->n < c->min || a->n > c->max)
		return NULL;
	if (c->run == mon_change && a->n == 2)
		guest_disk_change_begin(mon_guest(m), a->w[0], a->w[1], &op, &e);
	else if (c->run == mon_disk_add || c->run == mon_drive_add)
		begin_drive(m, last, &op);
	else if (c->run == mon_device_add && !strncmp(last, xen_disk, strlen(xen_disk)))
		begin_drive(m, last + strlen(xen_disk), &op);
	return op;
}

bool mon_open_first(struct mon *m, const struct mon_command *c, const char *rest, const char *line)
{
	struct open_job *j;
	struct mon_args a;

	if (c->run != mon_change && c->run != mon_disk_add && c->run != mon_drive_add && c->run != mon_device_add)
		return false;
	j = calloc(1, sizeof *j);
	if (!j)
		return false;
	if (!mon_split(m, &a, rest)) {
		free(j);
		return true; /* that was said */
	}
	j->opening = begin(m, c, &a);
	if (!j->opening) {
		free(j);
		return false;
	}
	j->job.step = step;
	j->job.drop = drop;
	snprintf(j->line, sizeof j->line, "%s", line);
	m->job = &j->job;
	if (block_open_done(j->opening, AT_ONCE))
		step(m, false);
	return true;
}
