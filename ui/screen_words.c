/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the monitor can do with screens, keys, the pointer and VNC (struct monitor_screen).
 */
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "guest/screen.h"
#include "ui/monitor.h"
#include "ui/screen_impl.h"

static int dump(void *opaque, const char *file, struct error *e)
{
	struct screen *s = opaque;

	return display_screendump(s->display, -1, file, SCREENDUMP_AUTO, e);
}

static int keys(void *opaque, const char *text, u32 hold, struct error *e)
{
	struct screen *s = opaque;

	return sendkey_add(s->keys, text, hold, e);
}

static int move(void *opaque, i32 dx, i32 dy, i32 dz, struct error *e)
{
	struct screen *s = opaque;

	display_mouse_move(s->display, dx, dy, dz);
	return 0;
}

static int buttons(void *opaque, u32 down, struct error *e)
{
	struct screen *s = opaque;

	if (down > 7)
		return error_set(e, -EINVAL, "there are three buttons: the mask is 0 to 7");
	/* QEMU's order here is another than the pointer's. */
	display_mouse_button(s->display, (down & 1 ? BUTTON_LEFT : 0u) | (down & 2 ? BUTTON_RIGHT : 0u) | (down & 4 ? BUTTON_MIDDLE : 0u));
	return 0;
}

static void vnc(void *opaque, struct buf *out)
{
	struct screen *s = opaque;
	char peer[80];
	u32 i;

	if (!s->vnc) {
		buf_printf(out, "there is no VNC: begin the guest with -vnc :1\n");
		return;
	}
	buf_printf(out, "default:\n  Server: %s\n    Auth: %s\n", vnc_address(s->vnc), vnc_wants_password(s->vnc) ? "vnc" : "none");
	for (i = 0; vnc_viewer_describe(s->vnc, i, peer, sizeof peer); i++)
		buf_printf(out, "  Client: %s\n", peer);
	if (!i)
		buf_printf(out, "  Client: none\n");
}

static void mice(void *opaque, struct buf *out)
{
	struct screen *s = opaque;

	/* The guest's driver says what it wants; until there is one, nothing moves. */
	if (display_shown(s->display) < 0 || !guest_has_pointer(s->g))
		buf_printf(out, "No mouse devices connected\n");
	else
		buf_printf(out, "* Mouse #0: Xen virtual pointer%s\n", display_wants_absolute(s->display) ? " (absolute)" : "");
}

static void displays(void *opaque, struct buf *out)
{
	struct screen *s = opaque;
	const char *name;
	u32 i, w, h;

	for (i = 0; i < DISPLAY_CONSOLES; i++) {
		name = display_describe(s->display, i, &w, &h);
		if (!name)
			continue;
		buf_printf(out, "%c %u: %s", display_shown(s->display) == (int)i ? '*' : ' ', i + 1, name);
		if (w)
			buf_printf(out, ", %u x %u\n", w, h);
		else
			buf_printf(out, ", shows nothing\n");
	}
}

static int password(void *opaque, const char *secret, struct error *e)
{
	struct screen *s = opaque;

	if (!s->vnc)
		return error_set(e, -ENOENT, "there is no VNC: begin the guest with -vnc :1");
	if (strlen(secret) > VNC_PASSWORD_MAX)
		msg_warn("of the VNC password the first %u characters count: the protocol looks at no more", VNC_PASSWORD_MAX);
	vnc_set_password(s->vnc, secret);
	return 0;
}

static int show(void *opaque, u32 slot, struct error *e)
{
	struct screen *s = opaque;

	if (display_select(s->display, slot))
		return error_set(e, -ENOENT, "there is no such screen now: 'info displays' lists them");
	return 0;
}

const struct monitor_screen *screen_words(void)
{
	static const struct monitor_screen words = { dump, keys, move, buttons, vnc, mice, displays, password, show };

	return &words;
}
