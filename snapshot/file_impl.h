/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is in which chunk of a snapshot's file, for those who write and read it.
 */
#ifndef SNAPSHOT_FILE_IMPL_H
#define SNAPSHOT_FILE_IMPL_H

#include "snapshot/file.h"

#define PART "part" /* a chunk of an image that is one of several: struct snapshot_part */
/* Of a guest that has suspended itself: its form, and its pages. */
#define SUSPENDED "pv"
#define PSEUDO "pseudo"
#define PSEUDO_MAX BIT(27) /* pages; more than any guest has */

#define SNAPSHOT_FRAMES_MAX (1u << 28) /* numbers of frames that we have room for: 1 TiB */

/* Writes chunks and memory, and ends w in any case. 0 and the digest, or -errno with a sentence. */
int snapshot_write_all(struct snapshot *s, struct image_writer *w, bool states, u8 *digest, struct error *e);
/* The contents of the chunk about. 0, or -errno with a sentence that begins with name. */
int snapshot_parse_about(const char *name, const u8 *data, size_t len, struct snapshot_about *a, struct snapshot_disks *d, struct error *e);

#endif
