/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the Tab key offers in the monitor: commands, items of info, names of files, disks, networks and cards.
 */
#include <stdio.h>
#include <string.h>

#include "base/os_file.h"
#include "guest/disks.h"
#include "ui/monitor_impl.h"

static void offer_table(struct line_edit *le, const struct mon_command *c)
{
	for (; c->name; c++)
		line_candidate(le, c->name);
}

struct offer {
	struct line_edit *le;
	const char *before, *base;
	const char *dir;
};

static void offer_file(void *opaque, const char *name, bool directory)
{
	const struct offer *o = opaque;
	char word[2048];

	if ((name[0] == '.' && *o->base != '.') || strncmp(name, o->base, strlen(o->base)))
		return;
	snprintf(word, sizeof word, "%s%s%.255s%s", o->before, o->dir, name, directory ? "/" : "");
	line_candidate(o->le, word);
}

/* Files that begin with path; before is what stands before it in the word ("file="). */
static void offer_files(struct line_edit *le, const char *before, const char *path)
{
	const char *base = os_path_last(path);
	char dir[1024];
	struct offer o = { le, before, base, dir };

	if ((size_t)(base - path) >= sizeof dir)
		return;
	memcpy(dir, path, (size_t)(base - path));
	dir[base - path] = 0;
	os_list_directory(dir, offer_file, &o);
}

static void offer_nodes(struct line_edit *le, const struct guest *g, const char *dir)
{
	const struct node *n = node_child(g->node, dir);

	for (n = n ? n->first : NULL; n; n = n->next)
		line_candidate(le, n->name);
}

/* The ids that a command's first word can be. */
static void offer_ids(struct line_edit *le, struct guest *g, const char *command)
{
	static const char *const of_disks[] = { "disk_remove", "drive_del", "block_resize", "eject", "change", "device_del" };
	static const char *const of_networks[] = { "netdev_del", "hostfwd_add", "hostfwd_remove", "set_link" };
	static const char *const of_cards[] = { "set_link", "device_del" };
	const char *id;
	u32 i, k;

	for (i = 0; i < ARRAY_SIZE(of_disks); i++)
		for (k = 0; !strcmp(command, of_disks[i]) && (id = guest_disk_id(g, k)); k++)
			line_candidate(le, id);
	for (i = 0; i < ARRAY_SIZE(of_networks); i++)
		if (!strcmp(command, of_networks[i]))
			offer_nodes(le, g, "networks");
	for (i = 0; i < ARRAY_SIZE(of_cards); i++)
		if (!strcmp(command, of_cards[i]))
			offer_nodes(le, g, "nics");
}

void mon_complete(void *opaque, struct line_edit *le, const char *text)
{
	static const char *const filed[] = { "screendump", "logfile", "memsave", "pmemsave", "change" };
	const char *word = strrchr(text, ' '), *p;
	struct mon *m = opaque;
	const struct mon_command *c;
	char first[32];
	size_t n;
	u32 i;

	word = word ? word + 1 : text;
	text += strspn(text, " ");
	n = strcspn(text, " ");
	if (word <= text) {
		offer_table(le, mon_commands);
		return;
	}
	if (n >= sizeof first)
		return;
	memcpy(first, text, n);
	first[n] = 0;
	c = mon_find(mon_commands, first);
	if (!c)
		return;
	p = text + n + strspn(text + n, " ");
	if (!strcmp(c->name, "info") && word == p)
		offer_table(le, mon_infos);
	else if (!strcmp(c->name, "help") && word == p)
		offer_table(le, mon_commands);
	if (word == p && mon_guest(m) && mon_guest(m)->node)
		offer_ids(le, mon_guest(m), c->name);
	for (i = 0; i < ARRAY_SIZE(filed); i++)
		if (!strcmp(c->name, filed[i]) && (strcmp(c->name, "change") || word != p))
			offer_files(le, "", word);
	p = strstr(word, "file=");
	if (p) {
		char before[256];

		p += strlen("file=");
		if ((size_t)(p - word) < sizeof before && !strchr(p, ',')) {
			memcpy(before, word, (size_t)(p - word));
			before[p - word] = 0;
			offer_files(le, before, p);
		}
	}
}
