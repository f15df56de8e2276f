/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The folder of a guest's snapshots.
 */
#include "ui/snapshots.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/node.h"
#include "base/os_file.h"
#include "snapshot/image.h"

#define SUFFIX ".snap"

void snapshots_default_folder(const char *guest, char *path, size_t n)
{
	snprintf(path, n, "%s.snapshots", guest);
}

int snapshots_path(const char *folder, const char *tag, char *path, size_t n, struct error *e)
{
	if (!node_name_ok(tag) || *tag == '.')
		return error_set(e, -EINVAL, "'%.80s': a tag is 1 to 63 letters, digits and any of ,._+-@ and does not begin with a dot", tag);
	if ((size_t)snprintf(path, n, "%s/%s%s", folder, tag, SUFFIX) >= n)
		return error_set(e, -EINVAL, "%.80s: the name of the folder is too long", folder);
	return 0;
}

int snapshots_make_folder(const char *folder, struct error *e)
{
	char inside[1100];
	struct os_stat st;

	/* First whether it is there: inside of a sandbox none is made. A link to one will do. */
	snprintf(inside, sizeof inside, "%.1000s/.", folder);
	if ((!os_stat(inside, &st) && st.kind == OS_DIRECTORY) || !os_mkdir(folder) || errno == EEXIST)
		return 0;
	return error_set(e, -errno, "%.200s: the folder of snapshots cannot be made (%s): name another one with -snapshot-dir", folder,
			 strerror(errno));
}

static void add(void *opaque, const char *name, bool directory)
{
	struct snapshots_list *l = opaque;
	size_t len = strlen(name), end = strlen(SUFFIX);
	char **p = l->tag;
	u32 cap = l->cap ? l->cap * 2 : 16;

	if (directory || len <= end || strcmp(name + len - end, SUFFIX) || *name == '.')
		return;
	if (l->n == l->cap) {
		p = realloc(l->tag, cap * sizeof *p);
		if (!p)
			return;
		l->tag = p;
		l->cap = cap;
	}
	p[l->n] = malloc(len - end + 1);
	if (!p[l->n])
		return;
	memcpy(p[l->n], name, len - end);
	p[l->n++][len - end] = 0;
}

void snapshots_list(const char *folder, struct snapshots_list *l)
{
	os_list_directory(folder, add, l);
}

void snapshots_list_free(struct snapshots_list *l)
{
	while (l->n)
		free(l->tag[--l->n]);
	free(l->tag);
	*l = (struct snapshots_list){ 0 };
}

bool snapshots_find(const char *folder, const u8 *digest, bool parent, char *tag, size_t n)
{
	struct snapshots_list l = { 0 };
	char path[1200];
	bool found = false;
	u32 i;

	snapshots_list(folder, &l);
	for (i = 0; i < l.n && !found; i++) {
		u8 own[IMAGE_DIGEST_BYTES], of[IMAGE_DIGEST_BYTES];
		struct error e;
		int rc = snapshots_path(folder, l.tag[i], path, sizeof path, &e);

		if (!rc)
			rc = image_digests(path, own, of, &e);
		found = (parent ? rc == 1 : rc >= 0) && !memcmp(parent ? of : own, digest, sizeof own);
		if (found)
			snprintf(tag, n, "%s", l.tag[i]);
	}
	snapshots_list_free(&l);
	return found;
}

bool snapshots_needed(const char *folder, const char *path, char *child, size_t n)
{
	u8 digest[IMAGE_DIGEST_BYTES], parent[IMAGE_DIGEST_BYTES];
	struct error e;

	return image_digests(path, digest, parent, &e) >= 0 && snapshots_find(folder, digest, true, child, n);
}
