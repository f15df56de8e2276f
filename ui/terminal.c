/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The text terminal. libvterm keeps the cells. Those that changed are drawn here, when somebody looks at the display.
 * Left out: selecting text, blinking, other sizes than 80 x 25.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "ui/terminal.h"

#include <stdlib.h>
#include <string.h>

#if HAVE_VTERM
#include <vterm.h>

#include "ui/font.h"

#define WHEEL_LINES 3

/* A cell as it is drawn. */
struct cell {
	u32 ch, fg, bg;
	u32 attrs; /* enum attr */
};

enum attr { ATTR_BOLD = 1, ATTR_UNDERLINE = 2, ATTR_STRIKE = 4 };

struct terminal {
	struct terminal_setup s;
	struct display_console *console;
	VTerm *vt;
	VTermScreen *screen;
	bool dirty[TERMINAL_LINES];
	bool typing; /* what libvterm says now is a key, not an answer */
	bool cursor; /* visible */
	VTermPos at; /* of the cursor */
	/* Lines that left the screen, a ring; shown from back lines above the screen's top. */
	struct cell (*history)[TERMINAL_COLUMNS];
	u32 first, lines, back;
	u32 mods; /* keys held: bits of enum mod */
};

enum mod { MOD_SHIFT_L = 1, MOD_SHIFT_R = 2, MOD_CTRL_L = 4, MOD_CTRL_R = 8, MOD_ALT = 16, MOD_ALTGR = 32 };

bool terminal_available(void)
{
	return true;
}

/* ---- drawing --------------------------------------------------------------------------------------------------- */

static u32 rgb(const struct terminal *t, VTermColor c)
{
	vterm_screen_convert_color_to_rgb(t->screen, &c);
	return (u32)c.rgb.red << 16 | (u32)c.rgb.green << 8 | c.rgb.blue;
}

static struct cell cell_of(const struct terminal *t, const VTermScreenCell *c)
{
	struct cell out = { c->chars[0], rgb(t, c->fg), rgb(t, c->bg), 0 };

	if (out.ch == (u32)-1 || !out.ch)
		out.ch = ' '; /* the right half of a wide one, or nothing */
	if (c->attrs.reverse) {
		u32 fg = out.fg;

		out.fg = out.bg;
		out.bg = fg;
	}
	out.attrs = (c->attrs.bold ? ATTR_BOLD : 0u) | (c->attrs.underline ? ATTR_UNDERLINE : 0u) |
		    (c->attrs.strike ? ATTR_STRIKE : 0u);
	return out;
}

static void cell_glyph(const struct cell *c, u8 glyph[FONT_HEIGHT])
{
	u32 y;

	font_glyph(c->ch, glyph);
	if (c->attrs & ATTR_UNDERLINE)
		glyph[14] = 0xff;
	if (c->attrs & ATTR_STRIKE)
		glyph[8] = 0xff;
	for (y = 0; y < FONT_HEIGHT && c->attrs & ATTR_BOLD; y++)
		glyph[y] |= (u8)(glyph[y] >> 1);
}

/* A line of pixels of a cell. */
static void draw_bits(u32 *p, const struct cell *c, u32 bits)
{
	u32 x;

	for (x = 0; x < FONT_WIDTH; x++)
		p[x] = bits >> (7 - x) & 1 ? c->fg : c->bg;
}

static void draw_cell(struct terminal *t, u32 row, u32 col, const struct cell *c)
{
	const struct surface *s = display_surface(t->console);
	u8 glyph[FONT_HEIGHT];
	u32 y;

	cell_glyph(c, glyph);
	for (y = 0; y < FONT_HEIGHT; y++)
		draw_bits(s->pixels + (size_t)(row * FONT_HEIGHT + y) * s->stride + col * FONT_WIDTH, c, glyph[y]);
}

/* The cell at a place of what is shown. False: there is none. */
static bool cell_at(const struct terminal *t, u32 row, u32 col, struct cell *c)
{
	VTermPos pos = { (int)(row - t->back), (int)col };
	VTermScreenCell vc;

	if (row < t->back) {
		*c = t->history[(t->first + t->lines - t->back + row) % TERMINAL_SCROLLBACK][col];
		return true;
	}
	if (!vterm_screen_get_cell(t->screen, pos, &vc))
		return false;
	*c = cell_of(t, &vc);
	if (t->cursor && !t->back && pos.row == t->at.row && pos.col == t->at.col) {
		u32 fg = c->fg;

		c->fg = c->bg;
		c->bg = fg;
	}
	return true;
}

static void draw_line(struct terminal *t, u32 row)
{
	struct cell c;
	u32 col;

	for (col = 0; col < TERMINAL_COLUMNS; col++)
		if (cell_at(t, row, col, &c))
			draw_cell(t, row, col, &c);
	display_changed(t->console, 0, row * FONT_HEIGHT, TERMINAL_COLUMNS * FONT_WIDTH, FONT_HEIGHT);
}

static void mark(struct terminal *t, int from, int to)
{
	for (from = MAX(from, 0); from < to && from < (int)TERMINAL_LINES; from++)
		t->dirty[from] = true;
	display_poke(t->console);
}

static void refresh(void *opaque)
{
	struct terminal *t = opaque;
	u32 i;

	vterm_screen_flush_damage(t->screen);
	for (i = 0; i < TERMINAL_LINES; i++)
		if (t->dirty[i]) {
			t->dirty[i] = false;
			draw_line(t, i);
		}
}

/* ---- for later --------------------------------------------------------------------------------------------------- */

struct terminal_note {
	struct console_note n; /* first */
	struct cell cells[TERMINAL_LINES][TERMINAL_COLUMNS];
};

static void note_line(struct console_note *n, const void *ram, u32 y, u32 *out)
{
	const struct terminal_note *t = (const struct terminal_note *)n;
	u8 glyph[FONT_HEIGHT];
	u32 col;

	for (col = 0; col < TERMINAL_COLUMNS; col++) {
		const struct cell *c = &t->cells[y / FONT_HEIGHT][col];

		cell_glyph(c, glyph);
		draw_bits(out + col * FONT_WIDTH, c, glyph[y % FONT_HEIGHT]);
	}
}

static void note_free(struct console_note *n)
{
	free(n);
}

static struct console_note *take_note(void *opaque)
{
	const struct terminal *t = opaque;
	struct terminal_note *n = calloc(1, sizeof *n);
	u32 row, col;

	if (!n)
		return NULL;
	n->n = (struct console_note){ TERMINAL_COLUMNS * FONT_WIDTH, TERMINAL_LINES * FONT_HEIGHT, note_line, note_free };
	for (row = 0; row < TERMINAL_LINES; row++)
		for (col = 0; col < TERMINAL_COLUMNS; col++)
			cell_at(t, row, col, &n->cells[row][col]);
	return &n->n;
}

/* ---- what libvterm says ---------------------------------------------------------------------------------------- */

static int on_damage(VTermRect r, void *user)
{
	mark(user, r.start_row, r.end_row);
	return 1;
}

static int on_cursor(VTermPos pos, VTermPos old, int visible, void *user)
{
	struct terminal *t = user;

	mark(t, old.row, old.row + 1);
	mark(t, pos.row, pos.row + 1);
	t->at = pos;
	return 1;
}

static int on_prop(VTermProp prop, VTermValue *val, void *user)
{
	struct terminal *t = user;

	if (prop != VTERM_PROP_CURSORVISIBLE)
		return 0;
	t->cursor = val->boolean;
	mark(t, t->at.row, t->at.row + 1);
	return 1;
}

static int on_line_gone(int cols, const VTermScreenCell *cells, void *user)
{
	struct terminal *t = user;
	struct cell *line;
	int i;

	if (t->lines == TERMINAL_SCROLLBACK)
		t->first = (t->first + 1) % TERMINAL_SCROLLBACK;
	else
		t->lines++;
	line = t->history[(t->first + t->lines - 1) % TERMINAL_SCROLLBACK];
	memset(line, 0, sizeof *t->history);
	for (i = 0; i < cols && i < (int)TERMINAL_COLUMNS; i++)
		line[i] = cell_of(t, &cells[i]);
	/* Who reads what was stays where he is. */
	if (t->back)
		t->back = MIN(t->back + 1, t->lines);
	return 1;
}

static void on_output(const char *s, size_t n, void *user)
{
	struct terminal *t = user;

	if ((t->typing || t->s.answers) && t->s.typed)
		t->s.typed(t->s.opaque, (const u8 *)s, n);
}

/* ---- input ----------------------------------------------------------------------------------------------------- */

static void scroll_to(struct terminal *t, i64 back)
{
	u32 to = (u32)MIN(MAX(back, 0), (i64)t->lines);

	if (to == t->back)
		return;
	t->back = to;
	mark(t, 0, TERMINAL_LINES);
}

struct special {
	u16 code, vterm;
};

static const struct special specials[] = {
	{ KEY_ENTER, VTERM_KEY_ENTER },	      { KEY_KPENTER, VTERM_KEY_ENTER },	  { KEY_TAB, VTERM_KEY_TAB },
	{ KEY_BACKSPACE, VTERM_KEY_BACKSPACE }, { KEY_ESC, VTERM_KEY_ESCAPE },	  { KEY_UP, VTERM_KEY_UP },
	{ KEY_DOWN, VTERM_KEY_DOWN },	      { KEY_LEFT, VTERM_KEY_LEFT },	  { KEY_RIGHT, VTERM_KEY_RIGHT },
	{ KEY_INSERT, VTERM_KEY_INS },	      { KEY_DELETE, VTERM_KEY_DEL },	  { KEY_HOME, VTERM_KEY_HOME },
	{ KEY_END, VTERM_KEY_END },	      { KEY_PAGEUP, VTERM_KEY_PAGEUP },	  { KEY_PAGEDOWN, VTERM_KEY_PAGEDOWN },
};

static u32 special_of(u32 code)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(specials); i++)
		if (specials[i].code == code)
			return specials[i].vterm;
	if (code >= KEY_F1 && code <= KEY_F10)
		return (u32)VTERM_KEY_FUNCTION(1) + code - KEY_F1;
	return code == KEY_F11 || code == KEY_F12 ? (u32)VTERM_KEY_FUNCTION(11) + code - KEY_F11 : 0;
}

static u32 mod_of(u32 code)
{
	switch (code) {
	case KEY_LEFTSHIFT: return MOD_SHIFT_L;
	case KEY_RIGHTSHIFT: return MOD_SHIFT_R;
	case KEY_LEFTCTRL: return MOD_CTRL_L;
	case KEY_RIGHTCTRL: return MOD_CTRL_R;
	case KEY_LEFTALT: return MOD_ALT;
	case KEY_RIGHTALT: return MOD_ALTGR;
	default: return 0;
	}
}

static u32 pad_char(u32 code)
{
	static const u8 codes[] = { KEY_KP0, KEY_KP1, KEY_KP2, KEY_KP3, KEY_KP4, KEY_KP5, KEY_KP6, KEY_KP7,
				    KEY_KP8, KEY_KP9, KEY_KPDOT, KEY_KPPLUS, KEY_KPMINUS, KEY_KPASTERISK, KEY_KPSLASH };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(codes); i++)
		if (codes[i] == code)
			return (u8) "0123456789.+-*/"[i];
	return 0;
}

static void type_char(struct terminal *t, u32 ch)
{
	u8 b[6];
	size_t n = 0;

	if (t->mods & MOD_ALT)
		b[n++] = 0x1b;
	if (t->mods & (MOD_CTRL_L | MOD_CTRL_R)) {
		if ((ch < '@' || ch > '~') && ch != ' ')
			return;
		b[n++] = (u8)(ch & 0x1f);
	} else if (ch < 0x80) {
		b[n++] = (u8)ch;
	} else if (ch < 0x800) {
		b[n++] = (u8)(0xc0 | ch >> 6);
		b[n++] = (u8)(0x80 | (ch & 0x3f));
	} else if (ch < 0x10000) {
		b[n++] = (u8)(0xe0 | ch >> 12);
		b[n++] = (u8)(0x80 | (ch >> 6 & 0x3f));
		b[n++] = (u8)(0x80 | (ch & 0x3f));
	} else {
		b[n++] = (u8)(0xf0 | (ch >> 18 & 7));
		b[n++] = (u8)(0x80 | (ch >> 12 & 0x3f));
		b[n++] = (u8)(0x80 | (ch >> 6 & 0x3f));
		b[n++] = (u8)(0x80 | (ch & 0x3f));
	}
	if (t->s.typed)
		t->s.typed(t->s.opaque, b, n);
}

static void on_key(void *opaque, u32 code, u32 ch, bool down)
{
	struct terminal *t = opaque;
	u32 mod = mod_of(code), special = special_of(code);
	bool shift = t->mods & (MOD_SHIFT_L | MOD_SHIFT_R);

	if (mod) {
		t->mods = down ? t->mods | mod : t->mods & ~mod;
		return;
	}
	if (!down)
		return;
	if (shift && (code == KEY_PAGEUP || code == KEY_PAGEDOWN)) {
		scroll_to(t, (i64)t->back + (code == KEY_PAGEUP ? 1 : -1) * (i64)(TERMINAL_LINES / 2));
		return;
	}
	if (special) {
		VTermModifier m = (shift ? VTERM_MOD_SHIFT : 0) | (t->mods & MOD_ALT ? VTERM_MOD_ALT : 0) |
				  (t->mods & (MOD_CTRL_L | MOD_CTRL_R) ? VTERM_MOD_CTRL : 0);

		/* What changes nothing in these would only confuse: Shift-Enter is Enter. */
		if (special == VTERM_KEY_ENTER || special == VTERM_KEY_BACKSPACE || special == VTERM_KEY_ESCAPE)
			m &= VTERM_MOD_ALT;
		scroll_to(t, 0);
		t->typing = true;
		vterm_keyboard_key(t->vt, (VTermKey)special, m);
		t->typing = false;
		return;
	}
	if (!ch)
		ch = pad_char(code);
	if (!ch)
		ch = keymap_char(t->s.keymap, code, t->mods & MOD_ALTGR ? KEYMAP_ALTGR : shift ? KEYMAP_SHIFT : KEYMAP_PLAIN);
	if (!ch || ch == DISPLAY_NO_CHAR)
		return;
	scroll_to(t, 0);
	type_char(t, ch);
}

static void on_pointer(void *opaque, const struct pointer_event *ev)
{
	struct terminal *t = opaque;

	if (ev->wheel)
		scroll_to(t, (i64)t->back + (i64)ev->wheel * WHEEL_LINES);
}

/* ---- life ------------------------------------------------------------------------------------------------------ */

struct terminal *terminal_new(const struct terminal_setup *setup)
{
	static const struct console_ops ops = { refresh, on_key, on_pointer, NULL, take_note };
	static const VTermScreenCallbacks callbacks = {
		.damage = on_damage,
		.movecursor = on_cursor,
		.settermprop = on_prop,
		.sb_pushline = on_line_gone,
	};
	VTermColor fg, bg;
	struct terminal *t = calloc(1, sizeof *t);

	if (!t)
		return NULL;
	t->s = *setup;
	t->history = calloc(TERMINAL_SCROLLBACK, sizeof *t->history);
	t->console = display_console_add(setup->display, setup->slot, setup->name, &ops, t);
	t->vt = t->history && t->console ? vterm_new(TERMINAL_LINES, TERMINAL_COLUMNS) : NULL;
	if (!t->vt) {
		terminal_free(t);
		return NULL;
	}
	vterm_set_utf8(t->vt, 1);
	vterm_output_set_callback(t->vt, on_output, t);
	t->screen = vterm_obtain_screen(t->vt);
	vterm_color_rgb(&fg, 0xc0, 0xc0, 0xc0);
	vterm_color_rgb(&bg, 0, 0, 0);
	vterm_state_set_default_colors(vterm_obtain_state(t->vt), &fg, &bg);
	vterm_screen_set_callbacks(t->screen, &callbacks, t);
	vterm_screen_set_damage_merge(t->screen, VTERM_DAMAGE_SCREEN);
	vterm_screen_enable_altscreen(t->screen, 1);
	t->cursor = true;
	vterm_screen_reset(t->screen, 1);
	mark(t, 0, TERMINAL_LINES);
	if (display_resize(t->console, TERMINAL_COLUMNS * FONT_WIDTH, TERMINAL_LINES * FONT_HEIGHT)) {
		terminal_free(t);
		return NULL;
	}
	return t;
}

void terminal_free(struct terminal *t)
{
	if (!t)
		return;
	display_console_remove(t->console);
	if (t->vt)
		vterm_free(t->vt);
	free(t->history);
	free(t);
}

void terminal_write(struct terminal *t, const u8 *p, size_t n)
{
	vterm_input_write(t->vt, (const char *)p, n);
	display_poke(t->console);
}

void terminal_reset(struct terminal *t)
{
	vterm_screen_reset(t->screen, 1);
	t->mods = 0;
	scroll_to(t, 0);
	mark(t, 0, TERMINAL_LINES);
}

void terminal_line(struct terminal *t, u32 line, char *out, size_t n)
{
	VTermRect r = { (int)line, (int)line + 1, 0, (int)TERMINAL_COLUMNS };
	size_t len = vterm_screen_get_text(t->screen, out, n - 1, r);

	while (len && out[len - 1] == ' ')
		len--;
	out[len] = 0;
}

#else

bool terminal_available(void)
{
	return false;
}

struct terminal *terminal_new(const struct terminal_setup *setup)
{
	return NULL;
}

void terminal_free(struct terminal *t)
{
}

void terminal_write(struct terminal *t, const u8 *p, size_t n)
{
}

void terminal_reset(struct terminal *t)
{
}

void terminal_line(struct terminal *t, u32 line, char *out, size_t n)
{
	*out = 0;
}

#endif
