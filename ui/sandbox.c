/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -sandbox (QEMU's invocation manual), and what it allows: what the guest's parts take (guest/sandbox.h) and what faces
 * do. How that is held is base/os_sandbox.h's. Left out: obsolete=, elevateprivileges=, spawn= and resourcecontrol=
 * with the value allow.
 */
#include "ui/sandbox.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/sandbox.h"
#include "guest/spec.h"
#include "ui/optvalue.h"
#include "ui/snapshots.h"

/* ---- the option ---- */

int value_sandbox(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	static const char *const denied[] = { "obsolete", "elevateprivileges", "spawn", "resourcecontrol" };
	const char *rest = value;
	struct spec_word w;
	struct node *n;
	char name[24];
	u32 count = 0;
	size_t i;

	node_free(o->sandbox);
	o->sandbox = node_new("sandbox");
	if (!o->sandbox)
		return error_set(e, -ENOMEM, "the host is out of memory");
	while (spec_next(&rest, &w)) {
		if (w.too_long)
			return error_set(e, -ENAMETOOLONG, "-%s %.80s...: a name is too long: shorten it", row->name, value);
		if (!w.has_value && (!strcmp(w.name, "on") || !strcmp(w.name, "off")) && !count++) {
			if (!strcmp(w.name, "on"))
				node_set_flag(o->sandbox, "on");
			continue;
		}
		if ((!strcmp(w.name, "ro") || !strcmp(w.name, "rw")) && *w.value) {
			snprintf(name, sizeof name, "path%u", count++);
			n = node_make(o->sandbox, name);
			if (!n || node_set_str(n, w.name, w.value))
				return error_set(e, -ENOMEM, "the host is out of memory");
			continue;
		}
		for (i = 0; i < ARRAY_SIZE(denied) && strcmp(denied[i], w.name); i++)
			continue;
		if (i == ARRAY_SIZE(denied))
			return error_set(e, -EINVAL, "-%s %.200s: '%.80s' is not known: write on or off, then ro=FOLDER and rw=FOLDER for what the "
					 "monitor is to open, as in -%s on,rw=/srv/guest", row->name, value, w.name, row->name);
		if (strcmp(w.value, "deny"))
			return error_set(e, -EINVAL, "-%s %.200s: %s= is always deny here: leave it out", row->name, value, w.name);
	}
	if (!count)
		return error_set(e, -EINVAL, "-%s '': write on or off", row->name);
	return 0;
}

/* ---- what the faces take ---- */

/* Libraries of windows read their settings, devices of graphics and what lets them into the X server. */
static void add_window(struct guest_sandbox *p)
{
	static const char *const facts[] = { "/etc", "/sys", "/proc", "/run/udev", "/var/lib/dbus" };
	const char *home = getenv("HOME"), *xauth = getenv("XAUTHORITY");
	char name[1024];

	p->s.window = true;
	guest_sandbox_add_libraries(p);
	guest_sandbox_add_all(p, facts, ARRAY_SIZE(facts));
	guest_sandbox_add(p, "/dev/dri", OS_SANDBOX_WRITE | OS_SANDBOX_MAYBE);
	guest_sandbox_add(p, "/dev/shm", OS_SANDBOX_WRITE | OS_SANDBOX_MAYBE);
	guest_sandbox_add(p, xauth, OS_SANDBOX_READ | OS_SANDBOX_MAYBE);
	if (home && snprintf(name, sizeof name, "%s/.Xauthority", home) < (int)sizeof name)
		guest_sandbox_add_name(p, name, strlen(name), OS_SANDBOX_READ | OS_SANDBOX_MAYBE);
}

/* It must be there to be allowed; for who can take snapshots it is made. */
static void add_snapshots(struct guest_sandbox *p, const struct options *o)
{
	bool used = options_monitor(o->guest, 0) || !strncmp(node_str(o->guest, "serial0", ""), "mon:", 4) ||
		    node_has(o->guest, "display") || o->autosave_ns;
	char folder[1024];

	if (o->snapshot_dir)
		snprintf(folder, sizeof folder, "%s", o->snapshot_dir);
	else
		snapshots_default_folder(o->guest->name, folder, sizeof folder);
	/* Whoever takes one says why it could not be made. */
	if (used && !snapshots_make_folder(folder, NULL))
		guest_sandbox_add_name(p, folder, strlen(folder), OS_SANDBOX_WRITE | OS_SANDBOX_MAYBE);
}

static void add_faces(struct guest_sandbox *p, const struct options *o)
{
	const struct node *n;
	const char *spec;
	u32 i;

	guest_sandbox_add_spec(p, node_str(o->guest, "vnc", NULL));
	for (i = 0; (spec = options_monitor(o->guest, i)); i++)
		guest_sandbox_add_spec(p, spec);
	if (o->pidfile)
		guest_sandbox_add_folder(p, o->pidfile, strlen(o->pidfile));
	add_snapshots(p, o);
	if (!strcmp(node_str(o->guest, "display", ""), "sdl"))
		add_window(p);
	for (n = o->sandbox->first; n; n = n->next) {
		guest_sandbox_add(p, node_str(n, "ro", NULL), OS_SANDBOX_READ);
		guest_sandbox_add(p, node_str(n, "rw", NULL), OS_SANDBOX_WRITE);
	}
}

bool sandbox_wanted(const struct options *o)
{
	return o->sandbox && node_has(o->sandbox, "on");
}

int sandbox_enter(const struct options *o, struct error *e)
{
	struct error why = { "" };
	struct guest_sandbox p;
	bool files;
	int rc;

	if (!sandbox_wanted(o))
		return 0;
	rc = guest_sandbox_begin(&p, o->guest, &options_words, e);
	if (!rc)
		add_faces(&p, o);
	if (!rc && p.rc)
		rc = error_set(e, p.rc, "-sandbox on: %s",
			       p.rc == -E2BIG ? "there are too many files and folders to allow: leave some out" : "the host is out of memory");
	if (!rc) {
		rc = os_sandbox_enter(&p.s, &files, &why);
		if (rc)
			error_set(e, rc, "-sandbox on: %.480s", why.text);
		else if (!files)
			msg_warn("-sandbox on: this kernel has no Landlock (5.13 and later have): files are not confined, system calls are");
	}
	guest_sandbox_end(&p);
	return rc;
}
