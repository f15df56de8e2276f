/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Snapshots by keys, for whoever looks at the screen: Ctrl-Alt-S takes one, Ctrl-Alt-R shows all as a strip of pictures, from which one is
 * gone back to. It is over the screen (struct overlay_ops), and the guest learns nothing of it.
 */
#ifndef UI_STRIP_H
#define UI_STRIP_H

#include "hw/host/display/display.h"
#include "snapshot/codec.h"

struct guest;
struct snapshot; /* snapshot/snapshot.h */
struct strip;

struct strip_setup {
	struct guest *guest;
	struct display *display;
	const char *folder; /* of snapshots; stays */
	enum image_codec codec;
	/* The guest is to go on from this snapshot, which fits it; s is the callee's from now on. */
	void (*load)(void *opaque, struct snapshot *s);
	void *opaque;
};

/* NULL when memory is short. */
struct strip *strip_new(const struct strip_setup *setup);
/* Waits for what is being written. NULL is allowed. */
void strip_free(struct strip *s);
/* A key with Ctrl and Alt: whether it was for us. NULL is allowed. */
bool strip_hotkey(struct strip *s, u32 code);

#endif
