/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Options of disks into nodes: -drive and those that are short for it (QEMU's invocation manual). Left out: drives of other
 * buses than xen, -blockdev, throttling, werror and rerror.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/disks.h"
#include "hw/host/block/block.h"
#include "ui/disks_option.h"

struct drive {
	char *file, *format, *media, *cache, *id, *index, *readonly, *snapshot, *interface, *backing, *folder, *reconnect;
};

struct key {
	const char *name;
	size_t offset;
};

static const struct key keys[] = {
	{ "file", offsetof(struct drive, file) },         { "format", offsetof(struct drive, format) },
	{ "if", offsetof(struct drive, interface) },      { "media", offsetof(struct drive, media) },
	{ "readonly", offsetof(struct drive, readonly) }, { "read-only", offsetof(struct drive, readonly) },
	{ "cache", offsetof(struct drive, cache) },       { "id", offsetof(struct drive, id) },
	{ "index", offsetof(struct drive, index) },       { "snapshot", offsetof(struct drive, snapshot) },
	{ "backing", offsetof(struct drive, backing) },   { "backing-dir", offsetof(struct drive, folder) },
	{ "reconnect-delay", offsetof(struct drive, reconnect) },
};

static void drive_free(struct drive *d)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(keys); i++) {
		char **p = (char **)(void *)((char *)d + keys[i].offset);

		free(*p);
		*p = NULL;
	}
}

/* The piece up to a single comma, with doubled ones made one. NULL: no memory. */
static char *piece(const char **spec)
{
	const char *p = *spec;
	char *out = malloc(strlen(p) + 1), *q = out;

	for (; out && *p && (*p != ',' || p[1] == ','); p++) {
		p += *p == ',';
		*q++ = *p;
	}
	if (out)
		*q = 0;
	*spec = p + (*p == ',');
	return out;
}

static int drive_parse(struct drive *d, const char *spec, const char *said, struct error *e)
{
	while (*spec) {
		char *word = piece(&spec), *value, *copy, **p;
		u32 i;

		if (!word)
			return error_set(e, -ENOMEM, "%s: the host is out of memory", said);
		value = strchr(word, '=');
		if (value)
			*value++ = 0;
		for (i = 0; i < ARRAY_SIZE(keys) && strcmp(keys[i].name, word); i++)
			;
		if (i == ARRAY_SIZE(keys)) {
			error_set(e, -EINVAL,
				  "%s: '%.80s' is no property of a drive here: there are file, format, if, media, readonly, cache, "
				  "id, index, snapshot, backing, backing-dir and reconnect-delay (a comma in a name is doubled)",
				  said, word);
			free(word);
			return -EINVAL;
		}
		p = (char **)(void *)((char *)d + keys[i].offset);
		if (*p) {
			error_set(e, -EINVAL, "%s: %s is given twice: leave one out", said, word);
			free(word);
			return -EINVAL;
		}
		*p = copy = strdup(value ? value : "on");
		free(word);
		if (!copy)
			return error_set(e, -ENOMEM, "%s: the host is out of memory", said);
	}
	return 0;
}

static int parse_switch(const char *said, const char *key, const char *value, bool *on, struct error *e)
{
	*on = value && !strcmp(value, "on");
	if (!value || *on || !strcmp(value, "off"))
		return 0;
	return error_set(e, -EINVAL, "%s: %s=%.80s is neither on nor off", said, key, value);
}

static const struct node *at_index(const struct node *disks, u32 index)
{
	const struct node *n;

	for (n = disks->first; n && node_u64(n, "index", 0) != index; n = n->next)
		;
	return n;
}

static int find_index(const struct node *disks, const struct drive *d, const char *said, u32 *index, struct error *e)
{
	const struct node *taken;
	char *end;
	unsigned long n;

	if (!d->index) {
		for (*index = 0; *index < DISK_SLOTS && at_index(disks, *index); ++*index)
			;
		return *index < DISK_SLOTS ? 0 : error_set(e, -ENOSPC, "%s: a guest has at most %u disks", said, DISK_SLOTS);
	}
	n = strtoul(d->index, &end, 10);
	if (*d->index < '0' || *d->index > '9' || *end || n >= DISK_SLOTS)
		return error_set(e, -EINVAL, "%s: index=%.80s is no number from 0 (xvda) to %u (xvd%c)", said, d->index,
				 DISK_SLOTS - 1, 'a' + (char)DISK_SLOTS - 1);
	*index = (u32)n;
	taken = at_index(disks, *index);
	if (taken)
		return error_set(e, -EEXIST, "%s %.150s: xvd%c is %s %.150s already: give one of them another place with -drive index=",
				 said, d->file ? d->file : "", 'a' + (int)n, node_str(taken, "said", "a drive"),
				 node_str(taken, "file", "without a medium"));
	return 0;
}

static int check_words(const struct drive *d, const char *said, bool *cdrom, struct error *e)
{
	struct error why = { "" };
	enum block_cache cache;

	if (d->interface && strcmp(d->interface, "xen"))
		return error_set(e, -EINVAL, "%s: if=%.80s: this machine's disks are Xen's: use if=xen, or leave it out", said,
				 d->interface);
	*cdrom = d->media && !strcmp(d->media, "cdrom");
	if (d->media && !*cdrom && strcmp(d->media, "disk"))
		return error_set(e, -EINVAL, "%s: media=%.80s is neither disk nor cdrom", said, d->media);
	if (d->format && !block_format_find(d->format))
		return error_set(e, -EINVAL, "%s: format=%.80s: there are raw and qcow2, and those that qemu-nbd reads: vmdk, vdi, vpc, "
				 "vhdx and so on", said, d->format);
	if (d->cache && block_cache_parse(d->cache, &cache, &why))
		return error_set(e, -EINVAL, "%s: %s", said, why.text);
	if (!d->file && !*cdrom)
		return error_set(e, -EINVAL, "%s: no file is given: name one, as in -drive file=disk.img", said);
	if (d->reconnect && (strspn(d->reconnect, "0123456789") != strlen(d->reconnect) || !*d->reconnect || strlen(d->reconnect) > 5))
		return error_set(e, -EINVAL, "%s: reconnect-delay=%.80s is no number of seconds up to 99999", said, d->reconnect);
	if (d->file && !*d->file)
		return error_set(e, -EINVAL, "%s: the file name is empty: give a path", said);
	return 0;
}

static int write_node(struct node *n, const struct drive *d, u32 index, bool cdrom, bool readonly, const char *said)
{
	int rc = node_set_u64(n, "index", index);

	rc |= d->file ? node_set_str(n, "file", d->file) : 0;
	rc |= d->format ? node_set_str(n, "format", d->format) : 0;
	rc |= node_set_str(n, "media", cdrom ? "cdrom" : "disk");
	rc |= d->cache ? node_set_str(n, "cache", d->cache) : 0;
	rc |= readonly || cdrom ? node_set_flag(n, "readonly") : 0;
	rc |= d->snapshot ? node_set_str(n, "snapshot", d->snapshot) : 0;
	rc |= d->backing && !strcmp(d->backing, "off") ? node_set_flag(n, "no-backing") : 0;
	rc |= d->folder ? node_set_str(n, "backing-dir", d->folder) : 0;
	rc |= d->reconnect ? node_set_u64(n, "reconnect-delay", strtoul(d->reconnect, NULL, 10)) : 0;
	return rc | node_set_str(n, "said", said);
}

static int make_node(struct node *guest, const struct drive *d, const char *said, struct node **out, struct error *e)
{
	struct node *disks = node_make(guest, "disks"), *n;
	bool cdrom = false, readonly = false, snapshot, backing;
	char name[8];
	const char *id = d->id;
	u32 index = 0;
	int rc;

	if (!disks)
		return error_set(e, -ENOMEM, "%s: the host is out of memory", said);
	rc = check_words(d, said, &cdrom, e);
	rc = rc ? rc : parse_switch(said, "readonly", d->readonly, &readonly, e);
	rc = rc ? rc : parse_switch(said, "snapshot", d->snapshot, &snapshot, e);
	rc = rc ? rc : parse_switch(said, "backing", d->backing, &backing, e);
	rc = rc ? rc : find_index(disks, d, said, &index, e);
	if (rc)
		return rc;
	snprintf(name, sizeof name, "xvd%c", 'a' + (int)index);
	id = id ? id : name;
	if (!node_name_ok(id))
		return error_set(e, -EINVAL, "%s: id=%.80s: an id has 1 to %u letters, digits and ,._+-@", said, id, NODE_NAME_MAX);
	if (node_child(disks, id))
		return error_set(e, -EEXIST, "%s: there is a drive with the id %s already: choose another", said, id);
	n = node_new(id);
	if (!n || write_node(n, d, index, cdrom, readonly, said) || node_attach(disks, n)) {
		node_free(n);
		return error_set(e, -ENOMEM, "%s: the host is out of memory", said);
	}
	if (out)
		*out = n;
	return 0;
}

int disks_option_drive(struct node *guest, const char *spec, const char *said, struct node **out, struct error *e)
{
	struct drive d = { 0 };
	int rc = drive_parse(&d, spec, said, e);

	rc = rc ? rc : make_node(guest, &d, said, out, e);
	drive_free(&d);
	return rc;
}

int disks_option_file(struct node *guest, const char *file, u32 index, bool cdrom, const char *said, struct error *e)
{
	char number[16], media[8];
	struct drive d = { .index = number, .media = media, .file = strdup(file) };
	int rc;

	snprintf(number, sizeof number, "%u", index);
	snprintf(media, sizeof media, "%s", cdrom ? "cdrom" : "disk");
	rc = d.file ? make_node(guest, &d, said, NULL, e) : error_set(e, -ENOMEM, "%s: the host is out of memory", said);
	free(d.file);
	return rc;
}

int disks_option_snapshot(struct node *guest)
{
	struct node *disks = node_make(guest, "disks");

	return disks ? node_set_flag(disks, "snapshot") : -ENOMEM;
}
