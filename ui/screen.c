/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Screens of a guest: which consoles there are and who shows them.
 */
#include "ui/screen_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os_file.h"
#include "hw/host/display/keys.h"
#include "xen/xen.h"
#include "xen/backend/vfb.h"
#include "xen/backend/vkbd.h"

#define SLOT_GRAPHICS 0u
#define SLOT_TEXT 1u
#define DUMPS_MAX 10000u

static void typed(void *opaque, const u8 *p, size_t n)
{
	struct screen *s = opaque;

	if (s->env.typed)
		s->env.typed(s->env.opaque, p, n);
}

static void closed(void *opaque)
{
	struct screen *s = opaque;

	if (s->env.quit)
		s->env.quit(s->env.quit_opaque);
}

/* Ctrl-Alt and a key. */
static bool hotkey(void *opaque, u32 code)
{
	if (code != KEY_P)
		return false;
	screen_dump(opaque);
	return true;
}

static int open_vnc(struct screen *s, const struct keymap *keymap, struct error *e)
{
	const char *text = node_str(s->node, "vnc", NULL);
	struct error why = { "" };
	struct vnc_spec spec;

	if (!text)
		return 0;
	if (vnc_parse(text, &spec, &why))
		return error_set(e, -EINVAL, "-vnc %.100s: %.380s", text, why.text);
	if (spec.none)
		return 0;
	s->vnc = vnc_open(&spec, s->display, s->env.host->poll, keymap, s->node->name, &why);
	memset(spec.secret, 0, sizeof spec.secret);
	return s->vnc ? 0 : error_set(e, -EINVAL, "-vnc %.*s: %.380s", (int)strcspn(text, ","), text, why.text);
}

int screen_open_window(struct screen *s, struct error *e)
{
	struct error why = { "" };
	struct sdl_setup setup;

	if (!s || s->sdl || strcmp(node_str(s->node, "display", ""), "sdl"))
		return 0;
	setup = (struct sdl_setup){
		.display = s->display,
		.poll = s->env.host->poll,
		.name = s->node->name,
		.full_screen = node_u64(s->node, "full-screen", 0) != 0,
		.software = node_u64(s->node, "display-software", 0) != 0,
		.closed = closed,
		.opaque = s,
	};

	s->sdl = sdl_open(&setup, &why);
	if (s->sdl)
		return 0;
	if (node_u64(s->node, "display-by-default", 0)) {
		msg_warn("there is no window: %s", why.text);
		return 0;
	}
	return error_set(e, -EINVAL, "-display sdl: %.400s", why.text);
}

int screen_open(const struct node *node, const struct screen_env *env, struct screen **out, struct error *e)
{
	const struct keymap *keymap = keymap_find(node_str(node, "keymap", NULL));
	struct screen *s;
	int rc;

	*out = NULL;
	if (!node_has(node, "display"))
		return 0;
	s = calloc(1, sizeof *s);
	if (!s)
		return error_set(e, -ENOMEM, "the host is out of memory");
	s->env = *env;
	s->node = node;
	s->display = display_new(env->host->poll);
	if (!s->display) {
		free(s);
		return error_set(e, -ENOMEM, "the host is out of memory");
	}
	s->keys = sendkey_new(s->display, env->host->poll);
	if (!s->keys) {
		screen_close(s);
		return error_set(e, -ENOMEM, "the host is out of memory");
	}
	display_on_hotkey(s->display, hotkey, s);
	if (terminal_available()) {
		const char *serial = node_str(node, "serial0", "");
		struct terminal_setup setup = {
			.display = s->display,
			.slot = SLOT_TEXT,
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
	screen_detach(s);
	sendkey_free(s->keys);
	vnc_close(s->vnc);
	sdl_close(s->sdl);
	terminal_free(s->terminal);
	display_free(s->display);
	free(s);
}

int screen_attach(struct screen *s, struct domain *d, struct error *e)
{
	int rc;

	if (!s)
		return 0;
	sendkey_set_domain(s->keys, d);
	if (!xen_dom(d)->xenbus)
		return 0;
	rc = vfb_add(xen_dom(d), s->display, SLOT_GRAPHICS, &s->vfb, e);
	return rc ? rc : vkbd_add(xen_dom(d), s->vfb, &s->vkbd, e);
}

void screen_detach(struct screen *s)
{
	if (!s)
		return;
	if (s->keys)
		sendkey_set_domain(s->keys, NULL);
	/* The devices went with their domain. */
	vfb_free(s->vfb);
	vkbd_free(s->vkbd);
	s->vfb = NULL;
	s->vkbd = NULL;
	if (s->terminal)
		terminal_reset(s->terminal);
}

void screen_console(struct screen *s, const u8 *p, size_t n)
{
	if (s && s->terminal)
		terminal_write(s->terminal, p, n);
}

void screen_tick(struct screen *s, const struct domain *d)
{
	if (s && s->sdl)
		sdl_tick(s->sdl, domain_icount(d));
}

bool screen_is_live(const struct screen *s)
{
	return s && (s->vnc || s->sdl);
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
		snprintf(path, sizeof path, "%s-%u.png", s->node->name, i);
		if (os_stat(path, &st))
			break;
	}
	if (display_screendump(s->display, -1, path, SCREENDUMP_PNG, &e))
		msg_warn("%s", e.text);
	else
		msg_info("the screen was written to %s", path);
}
