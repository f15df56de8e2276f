/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands of the monitor that send the guest to another process (QEMU's HMP): migrate, migrate_cancel, migrate_set_parameter, info
 * migrate, info migrate_parameters.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/snapshot.h"
#include "snapshot/migrate.h"
#include "ui/monitor_impl.h"

#define STEP_EVERY 1000000u /* ns */

struct monitor_migration {
	struct migrate_parameters parameters;
	struct migration *now; /* the last one; NULL: none yet */
	struct poll_item *tick;
};

static const struct migrate_parameters start = MIGRATE_PARAMETERS_START;

static struct monitor_migration *of(struct monitors *all)
{
	if (!all->migration) {
		all->migration = calloc(1, sizeof *all->migration);
		if (all->migration)
			all->migration->parameters = start;
	}
	return all->migration;
}

static void on_tick(void *opaque, u32 events)
{
	struct monitors *all = opaque;
	struct monitor_migration *g = all->migration;
	struct migrate_info info;

	if (migration_step(g->now, &g->parameters))
		return;
	poll_remove(all->env.host->poll, g->tick);
	g->tick = NULL;
	migration_info(g->now, &info);
	if (info.status == MIGRATE_COMPLETED)
		domain_end(all->env.guest->d, END_MIGRATED);
}

void monitors_migration_drop(struct monitors *all)
{
	struct monitor_migration *g = all->migration;

	if (!g)
		return;
	if (g->tick)
		poll_remove(all->env.host->poll, g->tick);
	g->tick = NULL;
	migration_free(g->now);
	g->now = NULL;
}

/* migrate without -d: the prompt comes when it has ended. */
static bool step(struct mon *m, bool alone)
{
	struct monitor_migration *g = m->all->migration;
	struct migrate_info info;

	if (g && g->tick && !alone)
		return true;
	free(m->job);
	m->job = NULL;
	if (!g || !g->now)
		return false;
	migration_info(g->now, &info);
	if (info.status == MIGRATE_FAILED)
		mon_printf(m, "%s\n", info.error);
	else if (info.status == MIGRATE_CANCELLED)
		mon_printf(m, "the migration was cancelled\n");
	return false;
}

MON_HANDLER(migrate)
{
	struct monitor_migration *g = of(m->all);
	bool alone = !strncmp(a->rest, "-d ", 3); /* the prompt comes at once */
	const char *uri = a->rest + (alone ? 3 + strspn(a->rest + 3, " ") : 0);
	struct error e = { "" };
	struct mon_job *job;

	if (g && g->tick) {
		mon_printf(m, "the guest is on its way already: info migrate\n");
		return;
	}
	if (g) {
		migration_free(g->now);
		g->now = NULL;
	}
	if (!g || !(job = calloc(1, sizeof *job))) {
		mon_printf(m, "the host is out of memory\n");
		return;
	}
	if (!migration_begin(mon_domain(m), uri, &g->parameters, &guest_migrate_ops, mon_guest(m), &g->now, &e)) {
		g->tick = poll_every(m->all->env.host->poll, STEP_EVERY, on_tick, m->all);
		if (!g->tick) {
			migration_free(g->now);
			g->now = NULL;
			error_set(&e, -ENOMEM, "the host is out of memory");
		}
	}
	if (!g->now) {
		mon_printf(m, "%s\n", e.text);
		free(job);
	} else if (alone) {
		free(job);
	} else {
		job->step = step;
		m->job = job;
	}
}

MON_HANDLER(migrate_cancel)
{
	if (m->all->migration && m->all->migration->tick)
		migration_cancel(m->all->migration->now);
}

static const char *const statuses[] = { "none", "setup", "active", "device", "completed", "failed", "cancelled" };

MON_HANDLER(info_migrate)
{
	struct monitor_migration *g = m->all->migration;
	struct migrate_info i;

	if (!g || !g->now)
		return;
	migration_info(g->now, &i);
	mon_printf(m, "Migration status: %s%s%s%s\n", statuses[i.status], *i.error ? " (" : "", i.error, *i.error ? ")" : "");
	mon_printf(m, "total time: %" PRIu64 " ms\n", i.total_time / 1000000);
	if (i.status == MIGRATE_COMPLETED || i.status == MIGRATE_DEVICE)
		mon_printf(m, "downtime: %" PRIu64 ".%03" PRIu64 " ms\n", i.downtime / 1000000, i.downtime / 1000 % 1000);
	else
		mon_printf(m, "expected downtime: %" PRIu64 " ms\n", i.downtime / 1000000);
	mon_printf(m, "setup: %" PRIu64 " ms\ntransferred ram: %" PRIu64 " kbytes\nthroughput: %.2f mbps\n", i.setup_time / 1000000, i.sent >> 10,
		   (double)i.rate * 8 / 1e6);
	mon_printf(m, "remaining ram: %" PRIu64 " kbytes\ntotal ram: %" PRIu64 " kbytes\ndirty sync count: %u\n", i.remaining * 4, i.total * 4,
		   i.rounds);
	if (i.throttle)
		mon_printf(m, "cpu throttle percentage: %u\n", i.throttle);
}

MON_HANDLER(info_migrate_parameters)
{
	const struct migrate_parameters *p = m->all->migration ? &m->all->migration->parameters : &start;

	mon_printf(m, "max-bandwidth: %" PRIu64 " bytes/second\ndowntime-limit: %" PRIu64 " ms\n", p->max_bandwidth, p->downtime_limit);
}

/* A size without a unit is of MiB, as in QEMU. */
static bool size_of(const char *text, u64 *out)
{
	char *end;
	double v = strtod(text, &end);
	const char *unit = strchr("bkmgt", *end | 0x20);
	u32 shift = !*end ? 20 : unit ? (u32)(unit - "bkmgt") * 10 : 64;

	if (end == text || !(v >= 0) || v > 1e15 || shift > 40 || (*end && end[1]))
		return false;
	*out = (u64)(v * (double)((u64)1 << shift));
	return true;
}

MON_HANDLER(migrate_set_parameter)
{
	struct monitor_migration *g = of(m->all);
	char *end;
	u64 n = 0;

	if (!g) {
		mon_printf(m, "the host is out of memory\n");
	} else if (!strcmp(a->w[0], "max-bandwidth")) {
		if (!size_of(a->w[1], &g->parameters.max_bandwidth))
			mon_printf(m, "max-bandwidth: '%.40s' is no size a second, as in 100M; 0 is no limit\n", a->w[1]);
	} else if (!strcmp(a->w[0], "downtime-limit")) {
		errno = 0;
		n = strtoull(a->w[1], &end, 10);
		if (*end || a->w[1][0] < '0' || a->w[1][0] > '9' || errno || n > 2000000)
			mon_printf(m, "downtime-limit: '%.40s' is no number of milliseconds up to 2000000\n", a->w[1]);
		else
			g->parameters.downtime_limit = n;
	} else {
		mon_printf(m, "'%.40s' is no parameter of a migration here: max-bandwidth, downtime-limit\n", a->w[0]);
	}
}
