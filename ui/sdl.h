/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A window (SDL2): -display sdl. Left out: a window for each console, OpenGL.
 */
#ifndef UI_SDL_H
#define UI_SDL_H

#include "hw/host/display/display.h"

struct sdl;

struct sdl_setup {
	struct display *display;
	struct poll_set *poll;
	const char *name; /* the guest's, for the title */
	bool full_screen, software; /* software: do not ask for OpenGL or the like */
	void (*closed)(void *opaque); /* the person closed the window */
	void *opaque;
};

/* False in a build without SDL2. */
bool sdl_available(void);
/* NULL with a sentence. Everything in setup must outlive it. */
struct sdl *sdl_open(const struct sdl_setup *setup, struct error *e);
/* NULL is allowed. */
void sdl_close(struct sdl *s);
/* Now and then: icount, the guest's instructions so far, is shown as a speed in the title. */
void sdl_tick(struct sdl *s, u64 icount);

#endif
