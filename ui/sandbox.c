/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -sandbox (QEMU's invocation manual), and what it allows: what is opened while a guest runs, as its node tells it. How that is
 * held is base/os_sandbox.h's. Left out: obsolete=, elevateprivileges=, spawn= and resourcecontrol= with the value allow.
 */
#include "ui/sandbox.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os_sandbox.h"
#include "guest/bootloader.h"
#include "guest/spec.h"
#include "ui/optvalue.h"

#define PATHS_MAX 128u

/* What is being put together. */
struct policy {
	const struct options *o;
	struct os_sandbox_path path[PATHS_MAX];
	char *names[PATHS_MAX]; /* those to be freed */
	struct os_sandbox s;
	int rc; /* -ENOMEM, -E2BIG: something is missing */
};

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

/* ---- what the guest takes ---- */

static void add(struct policy *p, const char *path, u32 rights)
{
	if (p->s.npaths == PATHS_MAX)
		p->rc = -E2BIG;
	else if (path && *path)
		p->path[p->s.npaths++] = (struct os_sandbox_path){ path, rights };
}

/* As add(), of the first len bytes of path, which need not stay. */
static void add_name(struct policy *p, const char *path, size_t len, u32 rights)
{
	char *name = malloc(len + 1);

	if (!name || p->s.npaths == PATHS_MAX) {
		p->rc = name ? -E2BIG : -ENOMEM;
		free(name);
		return;
	}
	memcpy(name, path, len);
	name[len] = 0;
	p->names[p->s.npaths] = name;
	add(p, name, rights);
}

/* The folder of a file that is to be removed at the end. */
static void add_folder(struct policy *p, const char *file, size_t len)
{
	while (len && file[len - 1] != '/')
		len--;
	add_name(p, len ? file : ".", len ? len : 1, OS_SANDBOX_REMOVE | OS_SANDBOX_MAYBE);
}

/* A chardev's, a screen's or the store's spec. */
static void add_spec(struct policy *p, const char *spec)
{
	if (!spec)
		return;
	if (!strncmp(spec, "mon:", 4))
		spec += 4;
	if (!strncmp(spec, "unix:", 5))
		add_folder(p, spec + 5, strcspn(spec + 5, ","));
	if (!strncmp(spec, "pty", 3))
		add(p, "/dev/pts", OS_SANDBOX_WRITE | OS_SANDBOX_MAYBE);
}

static int add_network(struct policy *p, const struct node *n, struct error *e)
{
	const char *rest = node_str(n, "spec", "");
	bool first = true, script = false;
	struct spec_word w;

	for (; spec_next(&rest, &w); first = false) {
		p->s.connects |= first && !strcmp(w.name, "user");
		if (!strcmp(w.name, "reconnect") || !strcmp(w.name, "reconnect-ms"))
			p->s.connects = p->s.local = true;
		if (!strcmp(w.name, "tftp"))
			add_name(p, w.value, strlen(w.value), OS_SANDBOX_READ);
		if (!strcmp(w.name, "path") || !strcmp(w.name, "addr.path") || !strcmp(w.name, "local.path"))
			add_folder(p, w.value, strlen(w.value));
		if (!strcmp(w.name, "downscript"))
			script = *w.value && strcmp(w.value, "no");
	}
	if (script)
		return error_set(e, -EINVAL, "%s%.200s: with -sandbox on no program can be run at the end: write downscript=no",
				 node_str(n, "option", ""), node_str(n, "spec", ""));
	return 0;
}

static void add_disk(struct policy *p, const struct node *n)
{
	/* Its server is asked for again when it has gone away. */
	if (!strncmp(node_str(n, "file", ""), "nbd", 3))
		p->s.connects = p->s.local = true;
}

static const char *const libraries[] = { "/usr", "/lib", "/lib32", "/lib64", "/libx32", "/etc/ld.so.cache" };
/* getaddrinfo()'s, and libslirp's for the guest. */
static const char *const resolver[] = { "/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf",
	"/etc/services", "/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager" };

static void add_all(struct policy *p, const char *const *list, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		add(p, list[i], OS_SANDBOX_READ | OS_SANDBOX_MAYBE);
}

/* Libraries of windows read their settings, devices of graphics and what lets them into the X server. */
static void add_window(struct policy *p)
{
	static const char *const facts[] = { "/etc", "/sys", "/proc", "/run/udev", "/var/lib/dbus" };
	const char *home = getenv("HOME"), *xauth = getenv("XAUTHORITY");
	char name[1024];

	p->s.window = true;
	add_all(p, facts, ARRAY_SIZE(facts));
	add(p, "/dev/dri", OS_SANDBOX_WRITE | OS_SANDBOX_MAYBE);
	add(p, "/dev/shm", OS_SANDBOX_WRITE | OS_SANDBOX_MAYBE);
	add(p, xauth, OS_SANDBOX_READ | OS_SANDBOX_MAYBE);
	if (home && snprintf(name, sizeof name, "%s/.Xauthority", home) < (int)sizeof name)
		add_name(p, name, strlen(name), OS_SANDBOX_READ | OS_SANDBOX_MAYBE);
}

static int make_policy(struct policy *p, char *loader, size_t loader_size, struct error *e)
{
	const struct node *g = p->o->guest, *list, *n;
	const char *spec;
	u32 i;
	int rc = 0;

	/* A reboot reads them anew. */
	add(p, node_str(g, "kernel", NULL), OS_SANDBOX_READ);
	add(p, node_str(g, "initrd", NULL), OS_SANDBOX_READ);
	add(p, node_str(g, "bios", NULL), OS_SANDBOX_READ);
	if (!node_has(g, "kernel") && !node_has(g, "bios") && !bootloader_find(g, &options_words, loader, loader_size, NULL))
		add(p, loader, OS_SANDBOX_READ);
	add(p, "/dev/null", OS_SANDBOX_WRITE | OS_SANDBOX_MAYBE);
	add_spec(p, node_str(g, "serial0", NULL));
	add_spec(p, node_str(g, "xenstore", NULL));
	add_spec(p, node_str(g, "vnc", NULL));
	for (i = 0; (spec = options_monitor(g, i)); i++)
		add_spec(p, spec);
	if (p->o->pidfile)
		add_folder(p, p->o->pidfile, strlen(p->o->pidfile));
	list = node_child(g, "networks");
	for (n = list ? list->first : NULL; n && !rc; n = n->next)
		rc = add_network(p, n, e);
	list = node_child(g, "disks");
	for (n = list ? list->first : NULL; n; n = n->next)
		add_disk(p, n);
	if (!strcmp(node_str(g, "display", ""), "sdl"))
		add_window(p);
	if (p->s.window || p->s.connects)
		add_all(p, libraries, ARRAY_SIZE(libraries));
	if (p->s.connects)
		add_all(p, resolver, ARRAY_SIZE(resolver));
	for (n = p->o->sandbox->first; n; n = n->next) {
		add(p, node_str(n, "ro", NULL), OS_SANDBOX_READ);
		add(p, node_str(n, "rw", NULL), OS_SANDBOX_WRITE);
	}
	return rc;
}

bool sandbox_wanted(const struct options *o)
{
	return o->sandbox && node_has(o->sandbox, "on");
}

int sandbox_enter(const struct options *o, struct error *e)
{
	struct policy p = { .o = o };
	struct error why = { "" };
	char loader[1024];
	bool files;
	size_t i;
	int rc;

	if (!sandbox_wanted(o))
		return 0;
	p.s.paths = p.path;
	rc = make_policy(&p, loader, sizeof loader, e);
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
	for (i = 0; i < PATHS_MAX; i++)
		free(p.names[i]);
	return rc;
}
