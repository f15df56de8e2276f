/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opens and closes the faces of a guest's screen, and tells them how the guest is doing.
 */
#include "ui/screen_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os_file.h"
#include "guest/screen.h"
#include "hw/host/display/keys.h"

#define DUMPS_MAX 10000u

static void typed(void *opaque, const u8 *p, size_t n)
{
	struct screen *s = opaque;

	guest_type(s->g, p, n);
}

static void closed(void *opaque)
{
	struct screen *s = opaque;

	if (s->quit)
		s->quit(s->quit_opaque);
}

/* Ctrl-Alt and a key. */
static bool hotkey(void *opaque, u32 code)
{
	struct screen *s = opaque;

	if (code != KEY_P)
		return strip_hotkey(s->strip, code);
	screen_dump(s);
	return true;
}

static int open_vnc(struct screen *s, const struct keymap *keymap, struct error *e)
{
	const char *text = node_str(s->g->node, "vnc", NULL);
	struct error why = { "" };
	struct vnc_spec spec;

	if (!text)
		return 0;
	if (vnc_parse(text, &spec, &why))
		return error_set(e, -EINVAL, "-vnc %.100s: %.380s", text, why.text);
	if (spec.none)
		return 0;
	s->vnc = vnc_open(&spec, s->display, s->g->host->poll, keymap, s->g->node->name, &why);
	memset(spec.secret, 0, sizeof spec.secret);
	return s->vnc ? 0 : error_set(e, -EINVAL, "-vnc %.*s: %.380s", (int)strcspn(text, ","), text, why.text);
}

int screen_open_window(struct screen *s, struct error *e)
{
	struct error why = { "" };
	struct sdl_setup setup;

	if (!s || s->sdl || strcmp(node_str(s->g->node, "display", ""), "sdl"))
		return 0;
	setup = (struct sdl_setup){
		.display = s->display,
		.poll = s->g->host->poll,
		.name = s->g->node->name,
		.full_screen = node_u64(s->g->node, "full-screen", 0) != 0,
		.software = node_u64(s->g->node, "display-software", 0) != 0,
		.closed = closed,
		.opaque = s,
	};

	s->sdl = sdl_open(&setup, &why);
	if (s->sdl)
		return 0;
	if (node_u64(s->g->node, "display-by-default", 0)) {
		msg_warn("there is no window: %s", why.text);
		return 0;
	}
	return error_set(e, -EINVAL, "-display sdl: %.400s", why.text);
}

static int on_attach(struct guest_watch *w, struct domain *d, struct error *e)
{
	sendkey_set_domain(container_of(w, struct screen, watch)->keys, d);
	return 0;
}

static void on_detach(struct guest_watch *w)
{
	struct screen *s = container_of(w, struct screen, watch);

	sendkey_set_domain(s->keys, NULL);
	if (s->terminal)
		terminal_reset(s->terminal);
}

static void on_console(struct guest_watch *w, const u8 *p, size_t n)
{
	struct screen *s = container_of(w, struct screen, watch);

	if (s->terminal)
		terminal_write(s->terminal, p, n);
}

static bool is_live(const struct guest_watch *w)
{
	const struct screen *s = container_of(w, struct screen, watch);

	return s->vnc || s->sdl;
}

static const struct guest_watch_ops watch_ops = { on_attach, on_detach, on_console, is_live };

int screen_open(struct guest *g, void (*quit)(void *opaque), void *opaque, struct screen **out, struct error *e)
{
	const struct keymap *keymap = keymap_find(node_str(g->node, "keymap", NULL));
	struct screen *s;
	int rc;

	*out = NULL;
	if (!guest_display(g))
		return 0;
	s = calloc(1, sizeof *s);
	if (!s)
		return error_set(e, -ENOMEM, "the host is out of memory");
	s->g = g;
	s->display = guest_display(g);
	s->quit = quit;
	s->quit_opaque = opaque;
	guest_watch_add(g, &s->watch, &watch_ops);
	s->keys = sendkey_new(s->display, g->host->poll);
	if (!s->keys) {
		screen_close(s);
		return error_set(e, -ENOMEM, "the host is out of memory");
	}
	display_on_hotkey(s->display, hotkey, s);
	if (terminal_available()) {
		const char *serial = node_str(g->node, "serial0", "");
		struct terminal_setup setup = {
			.display = s->display,
			.slot = SCREEN_TEXT,
			.name = "console",
			.keymap = keymap,
			.typed = typed,
			.opaque = s,
			.answers = !strcmp(serial, "vc") || !strcmp(serial, "null") || !strcmp(serial, "none"),
		};

		s->terminal = terminal_new(&setup);
		if (!s->terminal) {
			screen_close(s);
			return error_set(e, -ENOMEM, "the host is out of memory");
		}
	}
	rc = open_vnc(s, keymap, e);
	if (rc) {
		screen_close(s);
		return rc;
	}
	*out = s;
	return 0;
}

void screen_close(struct screen *s)
{
	if (!s)
		return;
	guest_watch_remove(s->g, &s->watch);
	strip_free(s->strip);
	sendkey_free(s->keys);
	vnc_close(s->vnc);
	sdl_close(s->sdl);
	terminal_free(s->terminal);
	display_on_hotkey(s->display, NULL, NULL);
	free(s);
}

int screen_set_snapshots(struct screen *s, const char *folder, enum image_codec codec, void (*load)(void *opaque, struct snapshot *snapshot),
			 void *opaque)
{
	struct strip_setup setup = { s->g, s->display, folder, codec, load, opaque };

	if (!s->strip)
		s->strip = strip_new(&setup);
	return s->strip ? 0 : -ENOMEM;
}

void screen_tick(struct screen *s, const struct domain *d)
{
	if (s && s->sdl)
		sdl_tick(s->sdl, domain_icount(d));
}

void screen_dump(struct screen *s)
{
	char path[96];
	struct error e = { "" };
	struct os_stat st;
	u32 i;

	if (!s)
		return;
	for (i = 1; i < DUMPS_MAX; i++) {
		snprintf(path, sizeof path, "%s-%u.png", s->g->node->name, i);
		if (os_stat(path, &st))
			break;
	}
	if (display_screendump(s->display, -1, path, SCREENDUMP_PNG, &e))
		msg_warn("%s", e.text);
	else
		msg_info("the screen was written to %s", path);
}
