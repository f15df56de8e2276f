/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A window. The surface is a texture, scaled to the window's size. Keys are passed on by their place on the keyboard.
 * SDL has no descriptor to wait for, so its queue is read every SDL_LOOK. All of it runs on the execution thread.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "ui/sdl.h"

#include <errno.h>

#if HAVE_SDL2
#define SDL_MAIN_HANDLED
#include <SDL.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ui/sdl_keys.h"

#define SDL_LOOK 15000000u	   /* ns between looks at what the person did */
#define SPEED_EVERY 1000000000u /* ns between speeds in the title */
#define EMPTY_WIDTH 640
#define EMPTY_HEIGHT 400

struct sdl {
	struct sdl_setup s;
	struct display_listener *listener;
	struct poll_item *timer;
	SDL_Window *window;
	SDL_Renderer *renderer;
	SDL_Texture *texture; /* NULL: nothing is shown */
	u32 width, height;    /* of what is shown */
	bool stale;	      /* the window needs drawing */
	bool grabbed;
	u32 buttons, mods; /* mods: 1 ctrl, 2 alt */
	u64 speed_at, speed_icount;
	u32 mips;
	bool measured; /* mips is known */
};

bool sdl_available(void)
{
	return true;
}

/* ---- what is shown --------------------------------------------------------------------------------------------- */

static void title(struct sdl *s)
{
	char text[192], speed[32] = "";

	if (s->measured)
		snprintf(speed, sizeof speed, " - %u MIPS", s->mips);
	snprintf(text, sizeof text, "Paravane (%s)%s%s", s->s.name, speed, s->grabbed ? " - Ctrl-Alt-G frees the pointer" : "");
	SDL_SetWindowTitle(s->window, text);
}

static void draw(struct sdl *s)
{
	s->stale = false;
	SDL_SetRenderDrawColor(s->renderer, 0, 0, 0, 255);
	SDL_RenderClear(s->renderer);
	if (s->texture)
		SDL_RenderCopy(s->renderer, s->texture, NULL, NULL);
	SDL_RenderPresent(s->renderer);
}

static bool plain_window(const struct sdl *s)
{
	return !(SDL_GetWindowFlags(s->window) & (SDL_WINDOW_FULLSCREEN_DESKTOP | SDL_WINDOW_MAXIMIZED));
}

static void on_update(void *opaque, const struct surface *f, const struct rect *r, u32 n)
{
	struct sdl *s = opaque;
	u32 i;

	for (i = 0; i < n && s->texture; i++) {
		SDL_Rect part = { (int)r[i].x, (int)r[i].y, (int)r[i].w, (int)r[i].h };

		SDL_UpdateTexture(s->texture, &part, f->pixels + (size_t)r[i].y * f->stride + r[i].x, (int)(f->stride * sizeof(u32)));
	}
	draw(s);
}

static void on_switched(void *opaque, const struct surface *f)
{
	struct sdl *s = opaque;
	u32 w = f->pixels ? f->width : EMPTY_WIDTH, h = f->pixels ? f->height : EMPTY_HEIGHT;

	if (s->texture)
		SDL_DestroyTexture(s->texture);
	s->texture = NULL;
	if (w != s->width || h != s->height) {
		s->width = w;
		s->height = h;
		SDL_RenderSetLogicalSize(s->renderer, (int)w, (int)h);
		if (plain_window(s))
			SDL_SetWindowSize(s->window, (int)w, (int)h);
	}
	if (f->pixels)
		s->texture = SDL_CreateTexture(s->renderer, SDL_PIXELFORMAT_RGB888, SDL_TEXTUREACCESS_STREAMING, (int)w, (int)h);
	if (s->texture)
		on_update(s, f, &(struct rect){ 0, 0, w, h }, 1);
	else
		draw(s);
}

/* ---- what the person does -------------------------------------------------------------------------------------- */

static void grab(struct sdl *s, bool on)
{
	if (s->grabbed == on)
		return;
	s->grabbed = on;
	SDL_SetRelativeMouseMode(on ? SDL_TRUE : SDL_FALSE);
	SDL_SetWindowGrab(s->window, on ? SDL_TRUE : SDL_FALSE);
	title(s);
}

/* With Ctrl and Alt. True: it was for us. */
static bool own_key(struct sdl *s, u32 code)
{
	switch (code) {
	case KEY_F:
		SDL_SetWindowFullscreen(s->window, plain_window(s) ? SDL_WINDOW_FULLSCREEN_DESKTOP : 0);
		return true;
	case KEY_G:
		grab(s, !s->grabbed);
		return true;
	case KEY_U:
		SDL_SetWindowFullscreen(s->window, 0);
		SDL_RestoreWindow(s->window);
		SDL_SetWindowSize(s->window, (int)s->width, (int)s->height);
		return true;
	default: return false;
	}
}

static u32 first_char(const char *p)
{
	const u8 *u = (const u8 *)p;

	if (u[0] < 0x80)
		return u[0];
	if (u[0] < 0xe0 && u[1])
		return (u[0] & 0x1fu) << 6 | (u[1] & 0x3fu);
	if (u[0] < 0xf0 && u[1] && u[2])
		return (u[0] & 0xfu) << 12 | (u[1] & 0x3fu) << 6 | (u[2] & 0x3fu);
	return 0;
}

static void on_key(struct sdl *s, const SDL_KeyboardEvent *ev)
{
	bool down = ev->type == SDL_KEYDOWN;
	u32 code = usb_key((u32)ev->keysym.scancode), ch;

	if (code == KEY_LEFTCTRL || code == KEY_RIGHTCTRL)
		s->mods = down ? s->mods | 1 : s->mods & ~1u;
	if (code == KEY_LEFTALT)
		s->mods = down ? s->mods | 2 : s->mods & ~2u;
	if (s->mods == 3 && code && down && own_key(s, code)) {
		display_release_keys(s->s.display);
		return;
	}
	/*
	 * What it types follows as text: at once, or later when an input method thinks about it. With Ctrl or Alt none
	 * follows.
	 */
	if (down && s->mods && ev->keysym.sym >= ' ' && ev->keysym.sym < 0x7f)
		ch = (u32)ev->keysym.sym;
	else
		ch = DISPLAY_NO_CHAR;
	display_key(s->s.display, code, ch, down);
}

static u32 button(u8 b)
{
	switch (b) {
	case SDL_BUTTON_LEFT: return BUTTON_LEFT;
	case SDL_BUTTON_MIDDLE: return BUTTON_MIDDLE;
	case SDL_BUTTON_RIGHT: return BUTTON_RIGHT;
	case SDL_BUTTON_X1: return BUTTON_SIDE;
	case SDL_BUTTON_X2: return BUTTON_EXTRA;
	default: return 0;
	}
}

static void on_pointer(struct sdl *s, const SDL_Event *ev)
{
	bool absolute = display_wants_absolute(s->s.display);
	struct pointer_event pe = { .absolute = absolute };
	int x, y;

	if (absolute)
		grab(s, false);
	SDL_ShowCursor(absolute ? SDL_DISABLE : SDL_ENABLE);
	switch (ev->type) {
	case SDL_MOUSEBUTTONDOWN:
		/* The first click on a screen that wants moves takes the pointer in. */
		if (!absolute && !s->grabbed) {
			if (display_shown(s->s.display) == 0)
				grab(s, true);
			return;
		}
		s->buttons |= button(ev->button.button);
		break;
	case SDL_MOUSEBUTTONUP: s->buttons &= ~button(ev->button.button); break;
	case SDL_MOUSEWHEEL: pe.wheel = ev->wheel.direction == SDL_MOUSEWHEEL_FLIPPED ? -ev->wheel.y : ev->wheel.y; break;
	default: break;
	}
	pe.buttons = s->buttons;
	if (absolute) {
		float lx, ly;

		SDL_GetMouseState(&x, &y);
		SDL_RenderWindowToLogical(s->renderer, x, y, &lx, &ly);
		pe.x = (i32)lx;
		pe.y = (i32)ly;
	} else if (ev->type == SDL_MOUSEMOTION) {
		if (!s->grabbed)
			return;
		pe.x = ev->motion.xrel;
		pe.y = ev->motion.yrel;
	}
	display_pointer(s->s.display, &pe);
}

static void on_window(struct sdl *s, const SDL_WindowEvent *ev)
{
	switch (ev->event) {
	case SDL_WINDOWEVENT_CLOSE: s->s.closed(s->s.opaque); break;
	case SDL_WINDOWEVENT_FOCUS_LOST:
		grab(s, false);
		s->mods = s->buttons = 0;
		display_release_keys(s->s.display);
		break;
	case SDL_WINDOWEVENT_EXPOSED:
	case SDL_WINDOWEVENT_SIZE_CHANGED:
	case SDL_WINDOWEVENT_RESTORED: s->stale = true; break;
	default: break;
	}
}

static void on_look(void *opaque, u32 events)
{
	struct sdl *s = opaque;
	SDL_Event ev;

	while (SDL_PollEvent(&ev)) {
		switch (ev.type) {
		case SDL_KEYDOWN:
		case SDL_KEYUP: on_key(s, &ev.key); break;
		case SDL_TEXTINPUT: display_key(s->s.display, 0, first_char(ev.text.text), true); break;
		case SDL_MOUSEMOTION:
		case SDL_MOUSEBUTTONDOWN:
		case SDL_MOUSEBUTTONUP:
		case SDL_MOUSEWHEEL: on_pointer(s, &ev); break;
		case SDL_WINDOWEVENT: on_window(s, &ev.window); break;
		case SDL_QUIT: s->s.closed(s->s.opaque); break;
		default: break;
		}
	}
	if (s->stale)
		draw(s);
}

/* ---- life ------------------------------------------------------------------------------------------------------ */

/* SDL would otherwise take the whole computer's screen where there is no desktop. */
static bool desktop(void)
{
#if defined(_WIN32) || defined(__APPLE__)
	return true;
#else
	const char *names[] = { "DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (getenv(names[i]) && *getenv(names[i]))
			return true;
	return false;
#endif
}

/* Where the desktop that was named cannot be reached, SDL falls back to drawing where nobody sees it. */
static bool on_desktop(void)
{
#if defined(_WIN32) || defined(__APPLE__)
	return true;
#else
	const char *driver = SDL_GetCurrentVideoDriver(), *asked = getenv("SDL_VIDEODRIVER");

	return (asked && *asked) || (driver && (!strcmp(driver, "x11") || !strcmp(driver, "wayland")));
#endif
}

struct sdl *sdl_open(const struct sdl_setup *setup, struct error *e)
{
	static const struct listener_ops ops = { on_switched, on_update };
	struct sdl *s;

	if (!desktop()) {
		error_set(e, -ENODEV, "there is no desktop to open a window on (DISPLAY is not set): use -vnc :0 to look from elsewhere, or "
				      "-nographic for the console alone");
		return NULL;
	}
	s = calloc(1, sizeof *s);
	if (!s) {
		error_set(e, -ENOMEM, "the host is out of memory");
		return NULL;
	}
	s->s = *setup;
	SDL_SetMainReady();
	SDL_SetHint(SDL_HINT_NO_SIGNAL_HANDLERS, "1");
	SDL_SetHint(SDL_HINT_GRAB_KEYBOARD, "1");
	SDL_SetHint("SDL_VIDEO_X11_NET_WM_BYPASS_COMPOSITOR", "0");
	if (setup->software)
		SDL_SetHint(SDL_HINT_RENDER_DRIVER, "software");
	if (!SDL_InitSubSystem(SDL_INIT_VIDEO) && !on_desktop()) {
		error_set(e, -ENODEV, "the desktop %.80s cannot be reached: use -vnc :0 to look from elsewhere, or -nographic for the console "
				      "alone",
			  getenv("DISPLAY") && *getenv("DISPLAY") ? getenv("DISPLAY") : "of WAYLAND_DISPLAY");
		sdl_close(s);
		return NULL;
	}
	if (SDL_WasInit(SDL_INIT_VIDEO)) {
		SDL_EnableScreenSaver();
		s->window = SDL_CreateWindow("Paravane", SDL_WINDOWPOS_UNDEFINED, SDL_WINDOWPOS_UNDEFINED, EMPTY_WIDTH, EMPTY_HEIGHT,
					     SDL_WINDOW_RESIZABLE | (setup->full_screen ? SDL_WINDOW_FULLSCREEN_DESKTOP : 0));
	}
	if (s->window)
		s->renderer = SDL_CreateRenderer(s->window, -1, 0);
	if (s->window && !s->renderer)
		s->renderer = SDL_CreateRenderer(s->window, -1, SDL_RENDERER_SOFTWARE);
	if (!s->renderer) {
		error_set(e, -ENODEV, "no window can be opened (%.200s): use -vnc :0 to look from elsewhere, or -nographic for the console "
				      "alone",
			  SDL_GetError());
		sdl_close(s);
		return NULL;
	}
	s->timer = poll_every(setup->poll, SDL_LOOK, on_look, s);
	title(s);
	SDL_StartTextInput();
	s->listener = s->timer ? display_listen(setup->display, &ops, s) : NULL;
	if (!s->listener) {
		error_set(e, -ENOMEM, "the host is out of memory");
		sdl_close(s);
		return NULL;
	}
	return s;
}

void sdl_close(struct sdl *s)
{
	if (!s)
		return;
	display_unlisten(s->listener);
	poll_remove(s->s.poll, s->timer);
	if (s->texture)
		SDL_DestroyTexture(s->texture);
	if (s->renderer)
		SDL_DestroyRenderer(s->renderer);
	if (s->window)
		SDL_DestroyWindow(s->window);
	SDL_QuitSubSystem(SDL_INIT_VIDEO);
	SDL_Quit();
	free(s);
}

void sdl_tick(struct sdl *s, u64 icount)
{
	u64 now = host_now(), passed = now - s->speed_at;
	bool known = s->speed_at != 0;
	u32 mips;

	if (passed < SPEED_EVERY)
		return;
	/* A guest that began anew counts from 0 again. */
	mips = known && icount >= s->speed_icount ? (u32)((icount - s->speed_icount) * 1000 / passed) : 0;
	s->speed_at = now;
	s->speed_icount = icount;
	if (mips != s->mips || known != s->measured) {
		s->mips = mips;
		s->measured = known;
		title(s);
	}
}

#else

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

#endif
