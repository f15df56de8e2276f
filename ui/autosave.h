/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -autosave: a snapshot of the guest every so many seconds, in the folder of snapshots, as auto-1, auto-2 and so on. The newest
 * takes the place of the oldest. The guest runs on, and cannot tell.
 */
#ifndef UI_AUTOSAVE_H
#define UI_AUTOSAVE_H

#include "base/log.h"
#include "base/types.h"
#include "snapshot/codec.h"

#define AUTOSAVE_KEEP_MAX 99u

struct autosave;
struct buf;
struct guest;

struct autosave_setup {
	struct guest *guest; /* its host is there */
	const char *folder;  /* stays */
	u64 every;           /* ns of the host */
	u32 keep;            /* how many at most, 1 to AUTOSAVE_KEEP_MAX */
	enum image_codec codec;
	void (*before_line)(void *opaque); /* a line is about to go to standard error */
	void *opaque;
};

/* The first comes after a first interval. NULL: no memory. */
struct autosave *autosave_begin(const struct autosave_setup *s);
/* Waits for the one that is being written. NULL is allowed. */
void autosave_end(struct autosave *a);
/* For info autosave; NULL is allowed. */
void autosave_tell(const struct autosave *a, struct buf *out);

#endif
