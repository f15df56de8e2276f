/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What ui/screen.c and ui/screen_words.c share.
 */
#ifndef UI_SCREEN_IMPL_H
#define UI_SCREEN_IMPL_H

#include "ui/screen.h"
#include "ui/sdl.h"
#include "ui/sendkey.h"
#include "ui/strip.h"
#include "ui/terminal.h"
#include "ui/vnc.h"

struct screen {
	struct guest_watch watch;
	struct guest *g;
	struct display *display; /* the guest's */
	void (*quit)(void *opaque);
	void *quit_opaque;
	struct terminal *terminal; /* NULL without libvterm */
	struct vnc *vnc;
	struct sdl *sdl;
	struct sendkey *keys;
	struct strip *strip; /* NULL: screen_set_snapshots() was not called */
};

#endif
