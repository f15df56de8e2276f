/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A window.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "ui/sdl.h"

#include <errno.h>

bool sdl_available(void)
{
	return false;
}

struct sdl *sdl_open(const struct sdl_setup *setup, struct error *e)
{
	error_set(e, -ENOSYS, "this build has no windows: configure it where SDL2 is (Debian: libsdl2-dev), or use -vnc :0");
	return NULL;
}

void sdl_close(struct sdl *s)
{
}

void sdl_tick(struct sdl *s, u64 icount)
{
}
