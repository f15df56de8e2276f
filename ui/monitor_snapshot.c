/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands of the monitor about snapshots: savevm, loadvm, delvm, info snapshots (QEMU's HMP), save and restore (xl's). A tag is
 * a file in the folder of snapshots.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/os_file.h"
#include "guest/save.h"
#include "guest/snapshot.h"
#include "snapshot/file.h"
#include "ui/monitor_impl.h"
#include "ui/snapshots.h"
#include "xen/control.h"

#define AT_ONCE 2000000u /* ns we wait at first: a small guest is written by then */
/* How long a guest may take to suspend itself, ns of its time; and of the host's, for a guest whose time stands. */
#define WAIT_GUEST 60000000000ULL
#define WAIT_HOST 600000000000ULL
#define PROGRESS_NS 50000000u /* between two lines of progress */

/* The file of a tag. False: it is none, and that was said. */
static bool tag_path(struct mon *m, const char *tag, char *path, size_t n)
{
	struct error e = { "" };

	if (!snapshots_path(m->all->env.snapshots, tag, path, n, &e))
		return true;
	mon_printf(m, "%s\n", e.text);
	return false;
}

/* A snapshot that is being written while the guest runs; before that, one that waits for the guest to suspend itself. */
struct save_job {
	struct mon_job job;
	struct guest_saving *writing; /* NULL: it waits */
	char *path;
	const char *name; /* for people, of what disks have of it: the end of path, or a tag */
	bool ends;   /* the guest and the program, when it is written */
	bool helped; /* the guest suspended itself for it */
	bool on_parent; /* only what changed since the last one */
	u64 began, shown; /* host_now(); shown: the last line of progress, 0: none */
	u64 since_now, since_host; /* when it was asked to: guest time and host time, ns */
};

void mon_progress(u64 done, u64 all, u64 ns, char *text, size_t n)
{
	double part = all ? (double)MIN(done, all) / (double)all : 0;
	int at = snprintf(text, n, "[ %.0f %% %.1f of %.1f MiB", part * 100, (double)done / 1048576, (double)all / 1048576);

	/* Too early it would be a guess. */
	if (part >= 0.05 && part < 1)
		at += snprintf(text + at, n - (size_t)at, ", %.0f s left", (double)ns / 1e9 * (1 - part) / part);
	snprintf(text + at, n - (size_t)at, part < 1 ? " ]" : ", to the disk ]");
}

/* On a terminal, on the line where the prompt comes back. */
static void show_progress(struct mon *m, struct save_job *j)
{
	u64 now = host_now(), told, all;
	char text[100], line[120];

	if (!m->cd || !chardev_is_terminal(m->cd) || !(m->owned || m->focus) || now - MAX(j->shown, j->began) < PROGRESS_NS)
		return;
	guest_save_progress(j->writing, &told, &all);
	if (!all)
		return;
	j->shown = now;
	mon_progress(told * PAGE_SIZE, all * PAGE_SIZE, now - j->began, text, sizeof text);
	chardev_write(m->cd, line, (size_t)snprintf(line, sizeof line, "\r%s\033[K", text));
}

static void hide_progress(struct mon *m, const struct save_job *j)
{
	if (j->shown && m->cd)
		chardev_write(m->cd, "\r\033[K", 4);
}

static void job_end(struct mon *m)
{
	struct save_job *j = container_of(m->job, struct save_job, job);

	m->job = NULL;
	free(j->path);
	free(j);
}

static bool writing_step(struct mon *m, struct save_job *j, bool alone)
{
	struct error e = { "" };
	bool ends = j->ends, helped = j->helped;
	int rc;

	if (!guest_save_done(j->writing, alone ? PROGRESS_NS : 0)) {
		show_progress(m, j);
		return true;
	}
	hide_progress(m, j);
	rc = guest_save_end(j->writing, true, &e);
	job_end(m);
	if (rc)
		mon_printf(m, "%s%s\n", e.text, helped && ends ? "; the guest goes on" : "");
	else if (ends)
		m->all->env.quit(m->all->env.opaque, 0);
	/* It is suspended for nothing now. */
	if (rc && helped && ends)
		xen_control_resume(xen_dom(mon_domain(m)));
	return false;
}

/* Takes the snapshot, and begins to write it. False: it cannot be, and that was said. */
static bool begin_writing(struct mon *m, struct save_job *j)
{
	struct guest *g = mon_guest(m);
	struct error e = { "" };
	struct snapshot s;

	if (!(j->helped ? guest_suspended_take(g, &s, &e) : guest_snapshot_take(g, j->name, j->on_parent, &s, &e))) {
		j->began = host_now();
		j->writing = guest_save_begin(g, &s, j->path, m->all->env.codec, &e);
	}
	if (!j->writing)
		mon_printf(m, "%s\n", e.text);
	return j->writing;
}

/* Asks, and takes back what was asked, at this very instant where no slot runs. */
static void ask(struct mon *m, enum xen_control_op op)
{
	struct domain *d = mon_domain(m);

	if (!xen_control_post(xen_dom(d), op, 0, NULL) && !d->running)
		door_open(&d->door, domain_icount(d), domain_now(d));
}

/* Whether the guest will not suspend itself any more; that is said. */
static bool waits_in_vain(struct mon *m, const struct save_job *j, bool alone)
{
	struct domain *d = mon_domain(m);

	if (!d || d->end != END_RUNNING || domain_now(d) < j->since_now) {
		mon_printf(m, "%.200s: the guest has ended, and nothing is saved\n", j->path);
		return true;
	}
	if (!alone && domain_now(d) - j->since_now < WAIT_GUEST && host_now() - j->since_host < WAIT_HOST)
		return false;
	mon_printf(m, "%.200s: the guest has not suspended itself%s, and nothing is saved; save without -s needs no help of the guest\n", j->path,
		   xen_control_heeded(xen_dom(d), XEN_CONTROL_SUSPEND) ? " within a minute" : " (it has not said that it can: its control/feature-suspend)");
	ask(m, XEN_CONTROL_SUSPEND_NOT);
	return true;
}

static bool waiting_step(struct mon *m, struct save_job *j, bool alone)
{
	struct domain *d = mon_domain(m);
	bool taken;

	if (!d || !d->suspended) {
		if (!waits_in_vain(m, j, alone))
			return true;
		job_end(m);
		return false;
	}
	taken = begin_writing(m, j);
	if (!taken)
		job_end(m);
	if (!taken || !j->ends)
		xen_control_resume(xen_dom(d));
	return taken;
}

static bool step(struct mon *m, bool alone)
{
	struct save_job *j = container_of(m->job, struct save_job, job);

	return j->writing ? writing_step(m, j, alone) : waiting_step(m, j, alone);
}

/* Nobody is left to wait for. */
static void drop(struct mon *m)
{
	struct save_job *j = container_of(m->job, struct save_job, job);

	if (!j->writing)
		job_end(m);
}

static struct save_job *job_new(struct mon *m, const char *path, bool ends, bool helped)
{
	struct save_job *j = calloc(1, sizeof *j);

	if (j)
		j->path = strdup(path);
	if (!j || !j->path) {
		free(j);
		mon_printf(m, "%.200s: the host is out of memory\n", path);
		return NULL;
	}
	j->name = os_path_last(j->path);
	j->ends = ends;
	j->helped = helped;
	j->job.step = step;
	j->job.drop = drop;
	m->job = &j->job;
	return j;
}

/* Takes a snapshot and begins to write it; a guest that is to end runs no more meanwhile. */
static void save_to(struct mon *m, const char *path, const char *name, bool on_parent, bool ends)
{
	struct save_job *j = job_new(m, path, ends, false);

	if (!j)
		return;
	j->name = name;
	j->on_parent = on_parent;
	if (!begin_writing(m, j))
		job_end(m);
	else if (ends || guest_save_done(j->writing, AT_ONCE))
		while (m->job && step(m, ends))
			;
}

/* Asks the guest to suspend itself, and saves it when it has: as xl save. */
static void save_suspended(struct mon *m, const char *path, bool ends)
{
	struct domain *d = mon_domain(m);
	struct save_job *j;

	if (mon_guest(m)->bare) {
		mon_printf(m, "save -s: this is for Xen guests (-M xenpv), and a bare processor is none\n");
		return;
	}
	if (d->end != END_RUNNING) {
		mon_printf(m, "save -s: the guest has ended; system_reset begins it anew\n");
		return;
	}
	if (d->paused && !d->suspended) {
		mon_printf(m, "save -s: the guest is stopped, so it cannot suspend itself: let it go on (cont), or leave out -s\n");
		return;
	}
	j = job_new(m, path, ends, true);
	if (!j)
		return;
	j->since_now = domain_now(d);
	j->since_host = host_now();
	if (!d->suspended)
		ask(m, XEN_CONTROL_SUSPEND);
}

/* Begins another life of the guest from a file. The one that runs is touched only when the file is whole and fits. */
static void load_from(struct mon *m, const char *path)
{
	struct error e = { "" };
	struct snapshot s;

	if (snapshot_read(&s, &m->all->env.host->frames, path, SNAPSHOT_VERIFY, &e)) {
		mon_printf(m, "%s\n", e.text);
	} else if (guest_snapshot_fits(mon_guest(m), &s, &e)) {
		mon_printf(m, "%.200s: %s\n", path, e.text);
		snapshot_free(&s);
	} else {
		m->all->env.load(m->all->env.opaque, &s);
	}
}

/* A snapshot that others need is not removed, and not written over. True when one does, which was said. */
static bool is_needed(struct mon *m, const char *tag, const char *path)
{
	char child[80];

	if (!snapshots_needed(m->all->env.snapshots, path, child, sizeof child))
		return false;
	mon_printf(m, "%s: the snapshot %s has only what changed since this one and needs it: delvm %s first\n", tag, child, child);
	return true;
}

MON_HANDLER(savevm)
{
	const char *tag = a->w[a->n - 1];
	bool on_parent = a->n == 2;
	const struct snapshot_base *base = mon_guest(m)->base;
	char path[1024];
	struct error e = { "" };

	if (on_parent && strcmp(a->w[0], "-i"))
		mon_printf(m, "usage: savevm [-i] TAG\n");
	else if (!tag_path(m, tag, path, sizeof path) || is_needed(m, tag, path))
		return;
	else if (on_parent && base && !strcmp(base->path, path))
		mon_printf(m, "%s: a snapshot cannot have only what changed since itself: choose another tag\n", tag);
	else if (snapshots_make_folder(m->all->env.snapshots, &e))
		mon_printf(m, "%s\n", e.text);
	else
		save_to(m, path, tag, on_parent, false);
}

MON_HANDLER(loadvm)
{
	char path[1024];

	if (tag_path(m, a->w[0], path, sizeof path))
		load_from(m, path);
}

MON_HANDLER(delvm)
{
	struct error e = { "" };
	char path[1024];

	if (!tag_path(m, a->w[0], path, sizeof path) || is_needed(m, a->w[0], path))
		return;
	if (guest_save_remove(mon_guest(m), path, &e))
		mon_printf(m, "%s\n", e.text);
}

MON_HANDLER(save)
{
	bool goes_on = false, helped = false, known = true;
	u32 i;

	for (i = 0; i + 1 < a->n; i++) {
		goes_on |= !strcmp(a->w[i], "-c");
		helped |= !strcmp(a->w[i], "-s");
		known &= !strcmp(a->w[i], "-c") || !strcmp(a->w[i], "-s");
	}
	if (!known)
		mon_printf(m, "usage: save [-c] [-s] FILE\n");
	else if (helped)
		save_suspended(m, a->w[a->n - 1], !goes_on);
	else
		save_to(m, a->w[a->n - 1], os_path_last(a->w[a->n - 1]), false, !goes_on);
}

MON_HANDLER(restore)
{
	load_from(m, a->w[0]);
}

/* ---- info snapshots ---------------------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool has_picture(const struct image *img)
{
	struct image_chunk_info c;
	u64 i = 0;

	while (image_next_chunk(img, &i, &c))
		if (!strcmp(c.type, SNAPSHOT_PICTURE))
			return true;
	return false;
}

static void show(struct mon *m, const char *tag)
{
	struct snapshot_about about;
	struct error e = { "" };
	struct image *img;
	char path[1024], date[32] = "", of[80] = "-";
	time_t t;

	if (!tag_path(m, tag, path, sizeof path))
		return;
	if (snapshot_open(path, &img, &about, &e)) {
		mon_printf(m, "%-20s %s\n", tag, e.text);
		return;
	}
	if (image_parent(img))
		snapshots_find(m->all->env.snapshots, image_digest(image_parent(img)), false, of, sizeof of);
	t = (time_t)about.date;
	strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S", localtime(&t));
	mon_printf(m, "%-20s %8.1f MiB %s %6" PRIu64 ".%03" PRIu64 " s %15" PRIu64 " %-7s %s\n", tag, (double)image_size(img) / 1048576, date,
		   about.now / 1000000000, about.now / 1000000 % 1000, about.instructions, has_picture(img) ? "yes" : "-", of);
	image_close(img);
}

MON_HANDLER(info_snapshots)
{
	struct snapshots_list l = { 0 };
	u32 i;

	snapshots_list(m->all->env.snapshots, &l);
	if (!l.n)
		mon_printf(m, "there are no snapshots in %.200s\n", m->all->env.snapshots);
	else
		mon_printf(m, "%-20s %12s %-19s %12s %15s %-7s %s\n", "TAG", "SIZE", "DATE", "GUEST TIME", "INSTRUCTIONS", "PICTURE", "PARENT");
	if (l.n)
		qsort(l.tag, l.n, sizeof *l.tag, by_name);
	for (i = 0; i < l.n; i++)
		show(m, l.tag[i]);
	snapshots_list_free(&l);
}

MON_HANDLER(info_autosave)
{
	struct buf text = { 0 };

	if (m->all->autosave)
		m->all->autosave(m->all->autosave_opaque, &text);
	mon_write(m, text.p, text.len);
	buf_free(&text);
}
