/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Options about screens: -display, -vnc, -full-screen, -k (QEMU's invocation manual), and the display that is chosen
 * without them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hw/host/display/keys.h"
#include "ui/optvalue.h"
#include "ui/sdl.h"
#include "ui/terminal.h"
#include "ui/vnc.h"

int value_vnc(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	struct error why = { "" };
	struct vnc_spec spec;

	if (vnc_parse(value, &spec, &why))
		return error_set(e, -EINVAL, "-%s %.100s: %.380s", row->name, value, why.text);
	if (!spec.none && !vnc_available())
		return error_set(e, -ENOSYS,
				 "-%s %.100s: this build has no VNC: configure it where libvncserver is (Debian: libvncserver-dev)",
				 row->name, value);
	return node_set_str(o->guest, "vnc", value);
}

int value_display(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	size_t n = strcspn(value, ",");
	int rc;

	if (!strcmp(value, "help")) {
		fprintf(o->out, "Displays:\nnone       screens are there, and nobody sees them\n");
		if (sdl_available())
			fprintf(o->out, "sdl        a window (SDL2)\n");
		if (vnc_available())
			fprintf(o->out, "vnc=HOST:N VNC viewers\n");
		return OPTIONS_DONE;
	}
	if (!strncmp(value, "vnc=", 4)) {
		rc = value_vnc(o, row, value + 4, e);
		return rc ? rc : node_set_str(o->guest, "display", "vnc");
	}
	if (!strcmp(value, "none"))
		return node_set_str(o->guest, "display", "none");
	if (n != 3 || memcmp(value, "sdl", 3))
		return error_set(e, -EINVAL, "-%s %.80s: there is no such display: use sdl, vnc=HOST:N or none", row->name, value);
	if (value[n] && strcmp(value + n, ",gl=off"))
		return error_set(e, -EINVAL, "-%s %.80s: of sdl's options only gl=off is known here: leave the others out", row->name, value);
	if (!sdl_available())
		return error_set(e, -ENOSYS,
				 "-%s sdl: this build has no windows: configure it where SDL2 is (Debian: libsdl2-dev), or use -vnc :0 "
				 "or -nographic",
				 row->name);
	rc = value[n] ? node_set_u64(o->guest, "display-software", 1) : 0;
	return rc ? rc : node_set_str(o->guest, "display", "sdl");
}

int value_full_screen(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	return node_set_u64(o->guest, "full-screen", 1);
}

int value_keymap(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	char list[256];

	keymap_list(list, sizeof list);
	if (!strcmp(value, "help")) {
		fprintf(o->out, "Keyboard layouts: %s\n", list);
		return OPTIONS_DONE;
	}
	if (!keymap_find(value))
		return error_set(e, -EINVAL, "-%s %.40s: there is no such layout: choose one of %s", row->name, value, list);
	return node_set_str(o->guest, "keymap", value);
}

/*
 * Whether a window is opened without -display, as QEMU does. It is when there is a desktop and -serial puts the console
 * elsewhere than on the terminal. It is not for a person who wants the console on the terminal, nor for a script.
 */
static bool window_wanted(const struct options *o)
{
	const char *serial = node_str(o->guest, "serial0", ""), *x = getenv("DISPLAY"), *wayland = getenv("WAYLAND_DISPLAY");

	return sdl_available() && !o->nographic && o->nserial && strcmp(serial, "stdio") && strcmp(serial, "mon:stdio") &&
	       !strcmp(node_str(o->guest, "machine", ""), "xenpv") && ((x && *x) || (wayland && *wayland));
}

int value_finish_display(struct options *o, struct error *e)
{
	struct node *g = o->guest;
	const char *vnc = node_str(g, "vnc", NULL);
	int rc = 0;

	if (!node_has(g, "display")) {
		if (vnc && strncmp(vnc, "none", 4))
			rc = node_set_str(g, "display", "vnc");
		else if (!vnc && window_wanted(o))
			rc = node_set_str(g, "display", "sdl") ? -ENOMEM : node_set_u64(g, "display-by-default", 1);
	}
	if (rc)
		return error_set(e, -ENOMEM, "the host is out of memory");
	if (!strcmp(node_str(g, "serial0", ""), "vc") && !(node_has(g, "display") && terminal_available()))
		return error_set(e, -EINVAL, "-serial vc: the console would be on a screen, and there is none: use -display sdl or -vnc :0, "
					     "or -serial stdio");
	return 0;
}
