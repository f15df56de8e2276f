/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest's snapshot on its way to a file, while the guest runs on; with what its disks' images have for it (guest/snapshot.h): a file
 * that does not come about leaves nothing in them, and neither does one whose place it takes.
 */
#ifndef GUEST_SAVE_H
#define GUEST_SAVE_H

#include "base/log.h"
#include "snapshot/codec.h"

struct guest;
struct snapshot;
struct guest_saving;

/* Takes s over in any case. NULL, with a sentence: then there is nothing of it. */
struct guest_saving *guest_save_begin(struct guest *g, struct snapshot *s, const char *path, enum image_codec codec, struct error *e);
/* Waits at most ns; true when it has ended. */
bool guest_save_done(struct guest_saving *w, u64 ns);
/* As snapshot_write_progress(). */
void guest_save_progress(struct guest_saving *w, u64 *told, u64 *all);
/*
 * Waits for its end, and frees it. is_base: the guest's next snapshot may be told against this one. 0, or -errno with a sentence; a
 * warning says what could not be removed from images.
 */
int guest_save_end(struct guest_saving *w, bool is_base, struct error *e);
/* Removes the file of a snapshot, and what images have for it. 0, or -errno with a sentence. */
int guest_save_remove(struct guest *g, const char *path, struct error *e);

#endif
