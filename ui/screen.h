/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The faces of a guest's screen, as its node asks for them: its console as text, VNC, a window; and keys that are sent.
 */
#ifndef UI_SCREEN_H
#define UI_SCREEN_H

#include "guest/guest.h"
#include "snapshot/codec.h"

struct monitor_screen;
struct screen;

/*
 * Opens what the guest's node asks for: text, VNC; *out is NULL when the guest has no screen. quit: the window was
 * closed. 0, or -errno with a sentence.
 */
int screen_open(struct guest *g, void (*quit)(void *opaque), void *opaque, struct screen **out, struct error *e);
/*
 * The window, unless it is there or there is to be none: apart, since window libraries bring threads. NULL is allowed,
 * here and below. 0, or -errno with a sentence.
 */
int screen_open_window(struct screen *s, struct error *e);
void screen_close(struct screen *s);
/*
 * From now on keys take snapshots in this folder, and go back to them (ui/strip.h): load is told of one, which is its own then. 0 or
 * -ENOMEM.
 */
int screen_set_snapshots(struct screen *s, const char *folder, enum image_codec codec, void (*load)(void *opaque, struct snapshot *snapshot),
			 void *opaque);
/* Now and then: the title of a window. */
void screen_tick(struct screen *s, const struct domain *d);
/* The monitor's words about screens; their opaque is a struct screen (ui/screen_words.c). */
const struct monitor_screen *screen_words(void);
/* Writes the screen shown to the next free file NAME-1.png, NAME-2.png..., and says so. */
void screen_dump(struct screen *s);

#endif
