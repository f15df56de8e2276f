/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The folder of a guest's snapshots: TAG.snap each.
 */
#ifndef UI_SNAPSHOTS_H
#define UI_SNAPSHOTS_H

#include <stddef.h>

#include "base/log.h"
#include "base/types.h"

/* Its name when -snapshot-dir does not say: NAME.snapshots, here. Cut off where n is short. */
void snapshots_default_folder(const char *guest, char *path, size_t n);
/* The path of a tag's file. 0, or -EINVAL with a sentence: a tag is letters, digits and any of ",._+-@", no "." first. */
int snapshots_path(const char *folder, const char *tag, char *path, size_t n, struct error *e);
/* Makes the folder if it is not there. 0, or -errno with a sentence. */
int snapshots_make_folder(const char *folder, struct error *e);

struct snapshots_list {
	char **tag;
	u32 n, cap;
};
/* The tags in a folder, in no order. */
void snapshots_list(const char *folder, struct snapshots_list *l);
void snapshots_list_free(struct snapshots_list *l);

/* The tag of a snapshot in a folder that has this digest, or (parent) that is told against the file with it. False: there is none. */
bool snapshots_find(const char *folder, const u8 *digest, bool parent, char *tag, size_t n);
/* Whether a snapshot in the folder, child, has only what changed since this one, which must stay then. */
bool snapshots_needed(const char *folder, const char *path, char *child, size_t n);

#endif
