/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The strip of snapshots. Files are looked at one at a time, on a thread, when they come into sight, so a folder with many of them
 * does not hold up the guest. Left out: removing snapshots, choosing with the pointer.
 */
#include "ui/strip.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/os_file.h"
#include "base/task.h"
#include "guest/guest.h"
#include "guest/save.h"
#include "guest/snapshot.h"
#include "hw/host/display/keys.h"
#include "snapshot/file.h"
#include "ui/snapshots.h"
#include "ui/strip_draw.h"

#define LOOK_NS 50000000u       /* between looks whether something is done */
#define WORD_NS 3000000000u     /* a word is to be read for so long */
#define FAILURE_NS 10000000000u /* and one about a failure */
#define COLUMNS 8u              /* at most: see strip_columns() */
#define KEPT 16u                /* pictures at either side of those in sight */

enum known { UNKNOWN, READ, BAD };

/* A snapshot. */
struct entry {
	char *tag;
	u64 modified;
	enum known known;
	struct snapshot_about about; /* READ */
	struct picture picture;
};

/* A file that is looked at on a thread. */
struct reading {
	struct task *task;
	char path[1200];
	size_t entry;
	u32 list; /* the number of the list that it is for */
	struct snapshot_about about;
	struct picture picture;
};

struct strip {
	struct strip_setup s;
	struct poll_item *timer; /* NULL: there is nothing to wait for */
	struct surface surface;  /* what is shown */
	char word[600];
	u64 word_until; /* host_now(); 0: as long as the snapshot is being written */

	struct guest_saving *writing; /* NULL: none */
	char tag[64], path[1200];         /* of it */

	bool open;
	struct entry *entry; /* oldest first */
	size_t n, chosen;
	u32 list;
	struct reading *reading; /* NULL: none */
};

static void on_timer(void *opaque, u32 events);

static void wait_for_things(struct strip *s)
{
	if (!s->timer)
		s->timer = poll_every(s->s.guest->host->poll, LOOK_NS, on_timer, s);
}

static void say(struct strip *s, u64 ns, const char *text)
{
	snprintf(s->word, sizeof s->word, "%s", text);
	s->word_until = ns ? host_now() + ns : 0;
	wait_for_things(s);
	display_overlay_changed(s->s.display);
}

/* ---- the list ---------------------------------------------------------------------------------------------------- */

static void forget(struct strip *s)
{
	size_t i;

	for (i = 0; i < s->n; i++) {
		free(s->entry[i].tag);
		picture_free(&s->entry[i].picture);
	}
	free(s->entry);
	s->entry = NULL;
	s->n = s->chosen = 0;
	s->list++;
}

static int by_age(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return x->modified != y->modified ? (x->modified < y->modified ? -1 : 1) : strcmp(x->tag, y->tag);
}

static void list_again(struct strip *s)
{
	struct snapshots_list l = { 0 };
	u32 i;

	forget(s);
	snapshots_list(s->s.folder, &l);
	s->entry = calloc(l.n ? l.n : 1, sizeof *s->entry);
	for (i = 0; i < l.n && s->entry; i++) {
		struct entry *e = &s->entry[s->n];
		struct os_stat st;
		char path[1200];

		if (snapshots_path(s->s.folder, l.tag[i], path, sizeof path, NULL) || os_stat(path, &st))
			continue;
		e->tag = l.tag[i];
		e->modified = st.modified;
		l.tag[i] = NULL;
		s->n++;
	}
	snapshots_list_free(&l);
	if (s->n)
		qsort(s->entry, s->n, sizeof *s->entry, by_age);
	s->chosen = s->n ? s->n - 1 : 0;
	wait_for_things(s);
}

/* The first of those in sight. */
static size_t first_in_sight(const struct strip *s, u32 columns)
{
	size_t half = columns / 2, first = s->chosen > half ? s->chosen - half : 0;

	return first + columns > s->n ? (s->n > columns ? s->n - columns : 0) : first;
}

static int read_one(void *opaque, struct error *e)
{
	struct reading *r = opaque;
	struct image *img;
	u8 *data;
	size_t len;
	int rc = snapshot_open(r->path, &img, &r->about, e);

	if (rc)
		return rc;
	if (!image_chunk(img, SNAPSHOT_PICTURE, 0, &data, &len, NULL)) {
		picture_read(&r->picture, data, len);
		free(data);
	}
	image_close(img);
	return 0;
}

/* Takes over what the thread has read. True: something new is to be seen. */
static bool take_read(struct strip *s)
{
	struct reading *r = s->reading;
	struct error e = { "" };
	struct entry *at;
	int rc;

	if (!r || !task_done(r->task, 0))
		return false;
	rc = task_end(r->task, &e);
	s->reading = NULL;
	at = r->list == s->list ? &s->entry[r->entry] : NULL;
	if (at) {
		at->known = rc ? BAD : READ;
		at->about = r->about;
		at->picture = r->picture;
	} else {
		picture_free(&r->picture);
	}
	free(r);
	return at != NULL;
}

/* Begins to read the next that is not known: first those in sight, the chosen one before all. */
static void read_next(struct strip *s)
{
	size_t first = first_in_sight(s, COLUMNS), i = s->chosen;
	struct reading *r;

	if (!s->open || s->reading || !s->n)
		return;
	if (s->entry[i].known != UNKNOWN)
		for (i = first; i < s->n && i < first + COLUMNS && s->entry[i].known != UNKNOWN; i++)
			;
	if (i == s->n || i == first + COLUMNS)
		return;
	r = calloc(1, sizeof *r);
	if (!r)
		return;
	r->entry = i;
	r->list = s->list;
	if (!snapshots_path(s->s.folder, s->entry[i].tag, r->path, sizeof r->path, NULL))
		r->task = task_begin(read_one, r);
	if (r->task) {
		s->reading = r;
		return;
	}
	free(r);
	s->entry[i].known = BAD;
}

/* Pictures far out of sight are read anew when they are wanted. */
static void drop_far(struct strip *s)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		if (s->entry[i].picture.s.pixels && (i + KEPT < s->chosen || i > s->chosen + KEPT)) {
			picture_free(&s->entry[i].picture);
			s->entry[i].known = UNKNOWN;
		}
}

/* ---- what is shown ----------------------------------------------------------------------------------------------- */

static void describe(const struct strip *s, char *line, size_t n)
{
	const struct entry *e = &s->entry[s->chosen];

	if (s->word[0])
		snprintf(line, n, "%s", s->word);
	else if (!s->n)
		snprintf(line, n, "there are no snapshots in %s: Ctrl-Alt-S takes one", s->s.folder);
	else if (e->known == READ)
		snprintf(line, n, "%s: %" PRIu64 ".%03" PRIu64 " s of guest time, %" PRIu64 " instructions", e->tag, e->about.now / 1000000000,
			 e->about.now / 1000000 % 1000, e->about.instructions);
	else
		snprintf(line, n, "%s%s", e->tag, e->known == BAD ? ": it cannot be read" : "");
}

static void describe_cell(const struct entry *e, struct strip_cell *c)
{
	time_t t = (time_t)(e->known == READ ? e->about.date : e->modified / 1000000000);

	c->picture = &e->picture;
	c->waits = e->known == UNKNOWN;
	snprintf(c->name, sizeof c->name, "%s", e->tag);
	strftime(c->date, sizeof c->date, "%Y-%m-%d %H:%M:%S", localtime(&t));
}

static int draw_strip(struct strip *s, u32 width, u32 height)
{
	struct strip_cell cell[COLUMNS];
	char head[200], line[600];
	const char *const text[2] = { head, line };
	u32 columns = MIN(strip_columns(width), COLUMNS), n = 0;
	size_t first = first_in_sight(s, columns);

	memset(cell, 0, sizeof cell);
	for (; n < columns && first + n < s->n; n++)
		describe_cell(&s->entry[first + n], &cell[n]);
	snprintf(head, sizeof head, "Snapshot %zu of %zu   arrows: choose   Enter: go back to it   Esc: leave", s->n ? s->chosen + 1 : 0, s->n);
	describe(s, line, sizeof line);
	return strip_draw_band(&s->surface, width, height, text, cell, n, (u32)(s->chosen - first));
}

static const struct surface *show(void *opaque, u32 width, u32 height, u32 *x, u32 *y)
{
	struct strip *s = opaque;

	if (s->open) {
		if (draw_strip(s, width, height))
			return NULL;
		*x = 0;
		*y = height - s->surface.height;
		return &s->surface;
	}
	if (!s->word[0] || strip_draw_word(&s->surface, width, s->word))
		return NULL;
	*x = (width - MIN(width, s->surface.width)) / 2;
	*y = 0;
	return &s->surface;
}

/* ---- taking one, and going back ---------------------------------------------------------------------------------- */

/* snap-1, or one more than the highest there is. */
static void choose_tag(struct strip *s)
{
	struct snapshots_list l = { 0 };
	u32 i, best = 0;

	snapshots_list(s->s.folder, &l);
	for (i = 0; i < l.n; i++) {
		char *end;
		unsigned long n = strncmp(l.tag[i], "snap-", 5) ? 0 : strtoul(l.tag[i] + 5, &end, 10);

		if (n && !*end && n < 1000000000)
			best = MAX(best, (u32)n);
	}
	snapshots_list_free(&l);
	snprintf(s->tag, sizeof s->tag, "snap-%u", best + 1);
}

static void take(struct strip *s)
{
	struct guest *g = s->s.guest;
	struct error e = { "" };
	struct snapshot snap;
	char text[200];
	int rc;

	if (s->writing || !g->d)
		return;
	rc = snapshots_make_folder(s->s.folder, &e);
	if (!rc) {
		choose_tag(s);
		rc = snapshots_path(s->s.folder, s->tag, s->path, sizeof s->path, &e);
	}
	if (!rc)
		rc = guest_snapshot_take(g, s->tag, false, &snap, &e);
	if (!rc)
		s->writing = guest_save_begin(g, &snap, s->path, s->s.codec, &e);
	if (!s->writing) {
		say(s, FAILURE_NS, e.text);
		return;
	}
	snprintf(text, sizeof text, "Snapshot %s is being written", s->tag);
	say(s, 0, text);
}

static void finish(struct strip *s)
{
	struct error e = { "" };
	struct os_stat st;
	char text[200];
	int rc = guest_save_end(s->writing, true, &e);

	s->writing = NULL;
	if (rc) {
		say(s, FAILURE_NS, e.text);
		return;
	}
	snprintf(text, sizeof text, "Snapshot %s was taken: %.1f MiB", s->tag, os_stat(s->path, &st) ? 0 : (double)st.size / 1048576);
	if (s->open)
		list_again(s);
	say(s, WORD_NS, text);
}

static void close_strip(struct strip *s)
{
	s->open = false;
	forget(s);
	display_overlay_keys(s->s.display, false);
	display_overlay_changed(s->s.display);
}

static void open_strip(struct strip *s)
{
	list_again(s);
	s->open = true;
	read_next(s);
	display_overlay_keys(s->s.display, true);
	display_overlay_changed(s->s.display);
}

static void go_back(struct strip *s)
{
	struct error e = { "" };
	struct snapshot snap;
	char path[1200], text[560];

	if (!s->n || !s->s.guest->d || snapshots_path(s->s.folder, s->entry[s->chosen].tag, path, sizeof path, NULL))
		return;
	if (snapshot_read(&snap, &s->s.guest->host->frames, path, SNAPSHOT_VERIFY, &e)) {
		say(s, FAILURE_NS, e.text);
	} else if (guest_snapshot_fits(s->s.guest, &snap, &e)) {
		snprintf(text, sizeof text, "%s: %s", s->entry[s->chosen].tag, e.text);
		say(s, FAILURE_NS, text);
		snapshot_free(&snap);
	} else {
		snprintf(text, sizeof text, "Back to %s", s->entry[s->chosen].tag);
		close_strip(s);
		say(s, WORD_NS, text);
		s->s.load(s->s.opaque, &snap);
	}
}

/* ---- keys and time ----------------------------------------------------------------------------------------------- */

static void on_timer(void *opaque, u32 events)
{
	struct strip *s = opaque;
	bool fresh = false;

	if (s->writing && guest_save_done(s->writing, 0))
		finish(s);
	if (s->word[0] && s->word_until && host_now() >= s->word_until) {
		s->word[0] = 0;
		fresh = true;
	}
	fresh |= take_read(s);
	read_next(s);
	if (fresh)
		display_overlay_changed(s->s.display);
	if (!s->writing && !s->word[0] && !s->reading && s->timer) {
		poll_remove(s->s.guest->host->poll, s->timer);
		s->timer = NULL;
	}
}

static void choose(struct strip *s, size_t to)
{
	s->chosen = s->n ? MIN(to, s->n - 1) : 0;
	drop_far(s);
	read_next(s);
	wait_for_things(s);
	display_overlay_changed(s->s.display);
}

static void on_key(void *opaque, u32 code, u32 ch)
{
	struct strip *s = opaque;
	size_t at = s->chosen, page = COLUMNS / 2;

	switch (code) {
	case KEY_LEFT:
	case KEY_UP:
		choose(s, at ? at - 1 : 0);
		break;
	case KEY_RIGHT:
	case KEY_DOWN:
		choose(s, at + 1);
		break;
	case KEY_PAGEUP:
		choose(s, at > page ? at - page : 0);
		break;
	case KEY_PAGEDOWN:
		choose(s, at + page);
		break;
	case KEY_HOME:
		choose(s, 0);
		break;
	case KEY_END:
		choose(s, s->n);
		break;
	case KEY_ENTER:
	case KEY_KPENTER:
		go_back(s);
		break;
	case KEY_ESC:
		close_strip(s);
		break;
	default:
		break;
	}
}

bool strip_hotkey(struct strip *s, u32 code)
{
	if (!s || (code != KEY_S && code != KEY_R))
		return false;
	if (code == KEY_S)
		take(s);
	else if (s->open)
		close_strip(s);
	else
		open_strip(s);
	return true;
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

struct strip *strip_new(const struct strip_setup *setup)
{
	static const struct overlay_ops ops = { show, on_key };
	struct strip *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->s = *setup;
	display_set_overlay(s->s.display, &ops, s);
	return s;
}

void strip_free(struct strip *s)
{
	struct error e = { "" };

	if (!s)
		return;
	display_set_overlay(s->s.display, NULL, NULL);
	poll_remove(s->s.guest->host->poll, s->timer);
	if (s->writing && guest_save_end(s->writing, false, &e))
		msg_warn("%s", e.text);
	if (s->reading) {
		task_end(s->reading->task, &e);
		picture_free(&s->reading->picture);
		free(s->reading);
	}
	forget(s);
	free(s->surface.pixels);
	free(s);
}
