/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The list of what a guest's parts open after its start, from its nodes: files that a reboot reads again, servers that
 * are connected to again, socket files that are removed at the end. A new device that opens something late needs a line
 * here.
 */
#include "guest/sandbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guest/bootloader.h"
#include "guest/spec.h"

void guest_sandbox_add(struct guest_sandbox *p, const char *path, u32 rights)
{
	if (p->s.npaths == GUEST_SANDBOX_PATHS)
		p->rc = -E2BIG;
	else if (path && *path)
		p->path[p->s.npaths++] = (struct os_sandbox_path){ path, rights };
}

void guest_sandbox_add_name(struct guest_sandbox *p, const char *path, size_t len, u32 rights)
{
	char *name = malloc(len + 1);

	if (!name || p->s.npaths == GUEST_SANDBOX_PATHS) {
		p->rc = name ? -E2BIG : -ENOMEM;
		free(name);
		return;
	}
	memcpy(name, path, len);
	name[len] = 0;
	p->names[p->s.npaths] = name;
	guest_sandbox_add(p, name, rights);
}

void guest_sandbox_add_folder(struct guest_sandbox *p, const char *file, size_t len)
{
	while (len && file[len - 1] != '/')
		len--;
	guest_sandbox_add_name(p, len ? file : ".", len ? len : 1, OS_SANDBOX_REMOVE | OS_SANDBOX_MAYBE);
}

void guest_sandbox_add_spec(struct guest_sandbox *p, const char *spec)
{
	if (!spec)
		return;
	if (!strncmp(spec, "mon:", 4))
		spec += 4;
	if (!strncmp(spec, "unix:", 5))
		guest_sandbox_add_folder(p, spec + 5, strcspn(spec + 5, ","));
	if (!strncmp(spec, "pty", 3))
		guest_sandbox_add(p, "/dev/pts", OS_SANDBOX_WRITE | OS_SANDBOX_MAYBE);
}

static int add_network(struct guest_sandbox *p, const struct node *n, const struct guest_words *w, struct error *e)
{
	const char *rest = node_str(n, "spec", "");
	bool first = true, script = false;
	struct spec_word word;

	for (; spec_next(&rest, &word); first = false) {
		p->s.connects |= first && !strcmp(word.name, "user");
		if (!strcmp(word.name, "reconnect") || !strcmp(word.name, "reconnect-ms"))
			p->s.connects = p->s.local = true;
		if (!strcmp(word.name, "tftp"))
			guest_sandbox_add_name(p, word.value, strlen(word.value), OS_SANDBOX_READ);
		if (!strcmp(word.name, "path") || !strcmp(word.name, "addr.path") || !strcmp(word.name, "local.path"))
			guest_sandbox_add_folder(p, word.value, strlen(word.value));
		if (!strcmp(word.name, "downscript"))
			script = *word.value && strcmp(word.value, "no");
	}
	if (script)
		return error_set(e, -EINVAL, "%s%.200s: with %s no program can be run at the end: write downscript=no",
				 node_str(n, "option", ""), node_str(n, "spec", ""), w->sandbox);
	return 0;
}

static void add_disk(struct guest_sandbox *p, const struct node *n)
{
	/* Its server is asked for again when it has gone away. */
	if (!strncmp(node_str(n, "file", ""), "nbd", 3))
		p->s.connects = p->s.local = true;
}

static const char *const libraries[] = { "/usr", "/lib", "/lib32", "/lib64", "/libx32", "/etc/ld.so.cache" };
/* getaddrinfo()'s, and libslirp's for the guest. */
static const char *const resolver[] = { "/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf",
	"/etc/services", "/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager" };

void guest_sandbox_add_all(struct guest_sandbox *p, const char *const *list, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		guest_sandbox_add(p, list[i], OS_SANDBOX_READ | OS_SANDBOX_MAYBE);
}

void guest_sandbox_add_libraries(struct guest_sandbox *p)
{
	if (!p->libraries)
		guest_sandbox_add_all(p, libraries, ARRAY_SIZE(libraries));
	p->libraries = true;
}

int guest_sandbox_begin(struct guest_sandbox *p, const struct node *g, const struct guest_words *w, struct error *e)
{
	const struct node *list, *n;
	int rc = 0;

	*p = (struct guest_sandbox){ .rc = 0 };
	p->s.paths = p->path;
	guest_sandbox_add(p, node_str(g, "kernel", NULL), OS_SANDBOX_READ);
	guest_sandbox_add(p, node_str(g, "initrd", NULL), OS_SANDBOX_READ);
	guest_sandbox_add(p, node_str(g, "bios", NULL), OS_SANDBOX_READ);
	if (!node_has(g, "kernel") && !node_has(g, "bios") && !bootloader_find(g, w, p->loader, sizeof p->loader, NULL))
		guest_sandbox_add(p, p->loader, OS_SANDBOX_READ);
	guest_sandbox_add(p, "/dev/null", OS_SANDBOX_WRITE | OS_SANDBOX_MAYBE);
	guest_sandbox_add_spec(p, node_str(g, "serial0", NULL));
	guest_sandbox_add_spec(p, node_str(g, "xenstore", NULL));
	list = node_child(g, "networks");
	for (n = list ? list->first : NULL; n && !rc; n = n->next)
		rc = add_network(p, n, w, e);
	list = node_child(g, "disks");
	for (n = list ? list->first : NULL; n; n = n->next)
		add_disk(p, n);
	if (p->s.connects) {
		guest_sandbox_add_libraries(p);
		guest_sandbox_add_all(p, resolver, ARRAY_SIZE(resolver));
	}
	return rc;
}

void guest_sandbox_end(struct guest_sandbox *p)
{
	u32 i;

	for (i = 0; i < GUEST_SANDBOX_PATHS; i++)
		free(p->names[i]);
}
