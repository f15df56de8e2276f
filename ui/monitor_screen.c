/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The monitor's words about the display, the keyboard and the mouse; the display does the work (struct monitor_screen).
 */
#include <stdlib.h>
#include <string.h>

#include "ui/monitor_impl.h"

static const struct monitor_screen *screen(struct mon *m)
{
	const struct monitor_screen *s = m->all->screen;

	if (!s)
		mon_printf(m, "the guest has no display: begin it with -display none, -display sdl or -vnc :1\n");
	return s;
}

static void say(struct mon *m, int rc, const struct error *e)
{
	if (rc)
		mon_printf(m, "%s\n", *e->text ? e->text : strerror(-rc));
}

/* A name that says another kind of picture would mislead who reads the file. */
static bool name_ok(struct mon *m, const char *file)
{
	static const char *const others[] = { ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".svg", ".pdf", ".xpm", ".pgm", ".pbm" };
	size_t n = strlen(file), i, k;

	for (i = 0; i < ARRAY_SIZE(others); i++) {
		size_t len = strlen(others[i]);

		for (k = 0; n > len && k < len && (file[n - len + k] | 0x20) == (others[i][k] | 0x20); k++)
			;
		if (n > len && k == len) {
			mon_printf(m, "%.200s: pictures are PNG or PPM: name it %.*s.png or .ppm\n", file, (int)MIN(n - len, 200u), file);
			return false;
		}
	}
	return true;
}

MON_HANDLER(screendump)
{
	const struct monitor_screen *s = screen(m);
	struct error e = { "" };

	if (s && name_ok(m, a->w[0]))
		say(m, s->dump(m->all->screen_opaque, a->w[0], &e), &e);
}

MON_HANDLER(sendkey)
{
	const struct monitor_screen *s = screen(m);
	struct error e = { "" };
	u64 hold = 100;

	if (!s || (a->n > 1 && !mon_number(m, "how long, in ms,", a->w[1], &hold)))
		return;
	say(m, s->keys(m->all->screen_opaque, a->w[0], (u32)MIN(hold, 60000u), &e), &e);
}

/* A distance, which may be negative. */
static bool signed_number(struct mon *m, const char *word, i32 *v)
{
	bool minus = *word == '-';
	u64 n;

	if (!mon_number(m, "a distance", word + minus, &n))
		return false;
	n = MIN(n, 1000000u);
	*v = minus ? -(i32)n : (i32)n;
	return true;
}

MON_HANDLER(mouse_move)
{
	const struct monitor_screen *s = screen(m);
	struct error e = { "" };
	i32 d[3] = { 0, 0, 0 };
	u32 i;

	for (i = 0; s && i < a->n; i++)
		if (!signed_number(m, a->w[i], &d[i]))
			return;
	if (s)
		say(m, s->move(m->all->screen_opaque, d[0], d[1], d[2], &e), &e);
}

MON_HANDLER(mouse_button)
{
	const struct monitor_screen *s = screen(m);
	struct error e = { "" };
	u64 down;

	if (s && mon_number(m, "the mask of buttons", a->w[0], &down))
		say(m, s->buttons(m->all->screen_opaque, (u32)down, &e), &e);
}

MON_HANDLER(console)
{
	const struct monitor_screen *s = screen(m);
	struct error e = { "" };
	u64 n;

	if (!s || !mon_number(m, "the number of a screen", a->w[0], &n))
		return;
	say(m, s->show(m->all->screen_opaque, n && n < 1000 ? (u32)n - 1 : 1000, &e), &e);
}

void mon_vnc_password(struct mon *m, const char *secret)
{
	const struct monitor_screen *s = screen(m);
	struct error e = { "" };

	if (s)
		say(m, s->password(m->all->screen_opaque, secret, &e), &e);
}

MON_HANDLER(set_password)
{
	if (strcmp(a->w[0], "vnc"))
		mon_printf(m, "'%s' has no password: only vnc has\n", a->w[0]);
	else
		mon_vnc_password(m, a->w[1]);
}

static void tell(struct mon *m, void (*fn)(void *opaque, struct buf *out))
{
	struct buf text = { 0 };

	fn(m->all->screen_opaque, &text);
	mon_write(m, text.p, text.len);
	buf_free(&text);
}

MON_HANDLER(info_vnc)
{
	const struct monitor_screen *s = screen(m);

	if (s)
		tell(m, s->vnc);
}

MON_HANDLER(info_mice)
{
	const struct monitor_screen *s = screen(m);

	if (s)
		tell(m, s->mice);
}

MON_HANDLER(info_displays)
{
	const struct monitor_screen *s = screen(m);

	if (s)
		tell(m, s->displays);
}
