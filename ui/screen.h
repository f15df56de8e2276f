/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest's screens as its node asks for them: the consoles (graphics, text) and who shows them (VNC, a window).
 */
#ifndef UI_SCREEN_H
#define UI_SCREEN_H

#include "base/node.h"
#include "hw/host/display/display.h"
#include "vm/domain.h"

struct monitor_screen;
struct screen;

struct screen_env {
	struct host *host;
	void (*quit)(void *opaque); /* the window was closed */
	void *quit_opaque;
	void (*typed)(void *opaque, const u8 *p, size_t n); /* at the text console */
	void *opaque;
};

/* Opens what the node's display, vnc and keymap ask for; *out is NULL when that is nothing. 0, or -errno with a sentence. */
int screen_open(const struct node *node, const struct screen_env *env, struct screen **out, struct error *e);
/* The window, unless it is there or there is to be none. NULL is allowed, here and below. 0, or -errno with a sentence. */
int screen_open_window(struct screen *s, struct error *e);
void screen_close(struct screen *s);
/* A life begins: gives a PV domain its framebuffer, keyboard and pointer. And it ends. 0, or -errno with a sentence. */
int screen_attach(struct screen *s, struct domain *d, struct error *e);
void screen_detach(struct screen *s);
/* The guest's output on its console. */
void screen_console(struct screen *s, const u8 *p, size_t n);
/* Now and then: the title of a window. */
void screen_tick(struct screen *s, const struct domain *d);
/* Whether a person could still do something there. */
bool screen_is_live(const struct screen *s);
/* The monitor's words about screens; their opaque is a struct screen (ui/screen_words.c). */
const struct monitor_screen *screen_words(void);
/* Writes the screen shown to the next free file NAME-1.png, NAME-2.png..., and says so. */
void screen_dump(struct screen *s);

#endif
