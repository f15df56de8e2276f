/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Screens, keys and pointers on the host. Who draws (the framebuffer, the text terminal) adds a console with a surface
 * and says which rectangles changed; who shows (a window, VNC) is a listener and brings input. Neither knows the other.
 * Everything here runs on the execution thread; what a guest gets to see of input goes through the one door.
 */
#ifndef HW_HOST_DISPLAY_DISPLAY_H
#define HW_HOST_DISPLAY_DISPLAY_H

#include "base/log.h"
#include "base/poll.h"
#include "base/types.h"

#define DISPLAY_CONSOLES 8u
#define DISPLAY_MAX_WIDTH 8192u /* pixels */
#define DISPLAY_MAX_HEIGHT 8192u
#define DISPLAY_NO_CHAR 0xffffffffu
#define DISPLAY_REFRESH 33000000u /* ns between two looks at what changed */

struct display;
struct display_console;

/* Pixels are 32-bit words of the host, 0x00RRGGBB. */
struct surface {
	u32 width, height;
	u32 stride; /* pixels from one line to the next */
	u32 *pixels;
};

struct rect {
	u32 x, y, w, h;
};

/* The smallest rectangle that holds both, neither of which is empty. */
INLINE struct rect rect_join(const struct rect *a, const struct rect *b)
{
	u32 x = MIN(a->x, b->x), y = MIN(a->y, b->y);

	return (struct rect){ x, y, MAX(a->x + a->w, b->x + b->w) - x, MAX(a->y + a->h, b->y + b->h) - y };
}

enum pointer_button { BUTTON_LEFT = 1, BUTTON_MIDDLE = 2, BUTTON_RIGHT = 4, BUTTON_SIDE = 8, BUTTON_EXTRA = 16 };

struct pointer_event {
	bool absolute;
	i32 x, y;    /* absolute: pixels of the surface; else a move */
	i32 wheel;   /* notches, positive is away from the person */
	u32 buttons; /* those held now, enum pointer_button */
};

/*
 * What a console shows at one instant, noted so that it can be drawn later, on another thread. ram is what the maker of lines reads
 * from: the guest's memory as it was then (struct mem), of which this header knows nothing.
 */
struct console_note {
	u32 width, height; /* neither is 0 */
	void (*line)(struct console_note *n, const void *ram, u32 y, u32 *out); /* width pixels */
	void (*free)(struct console_note *n);
};

/* Who draws a console. Each function may be NULL. */
struct console_ops {
	/* Somebody looks: find out what changed since the last time, and say so with display_changed(). */
	void (*refresh)(void *opaque);
	/*
	 * A key: code as in Linux's input-event-codes.h (KEY_*), 0 when it is none; ch: the character it types, 0 when the
	 * shower cannot tell, DISPLAY_NO_CHAR when it types nothing (or what it types follows with code 0).
	 */
	void (*key)(void *opaque, u32 code, u32 ch, bool down);
	void (*pointer)(void *opaque, const struct pointer_event *ev);
	/* Whether pointer() wants absolute positions. */
	bool (*absolute)(void *opaque);
	/* Notes what it shows, in little time. NULL: it shows nothing, or memory is short. */
	struct console_note *(*note)(void *opaque);
};

/* Who shows consoles. */
struct listener_ops {
	/* The console shown is another one now, or its surface has another size or place: everything is new. */
	void (*switched)(void *opaque, const struct surface *s);
	/* These parts of the surface changed; at most every DISPLAY_REFRESH. */
	void (*update)(void *opaque, const struct surface *s, const struct rect *r, u32 n);
};
struct display_listener;

/* NULL when memory is short. */
struct display *display_new(struct poll_set *poll);
void display_free(struct display *d);

/* ---- who draws ------------------------------------------------------------------------------------------------- */

/*
 * A console in a slot of its own: 0 is graphics, 1 the text terminal of the guest's console. NULL when the slot is taken
 * or memory is short. It is not shown before it has a surface.
 */
struct display_console *display_console_add(struct display *d, u32 slot, const char *name, const struct console_ops *ops,
					    void *opaque);
/* NULL is allowed. */
void display_console_remove(struct display_console *c);
/* Gives it a black surface of this size, or none with 0. 0, -EINVAL (too large) or -ENOMEM: then it keeps what it had. */
int display_resize(struct display_console *c, u32 width, u32 height);
/* The surface to draw on; pixels is NULL when there is none. Valid until the next display_resize(). */
const struct surface *display_surface(const struct display_console *c);
/* What was drawn; cut to the surface. Cheap: nothing happens before the next refresh. */
void display_changed(struct display_console *c, u32 x, u32 y, u32 w, u32 h);
/* Something may have changed: refresh() will be called when somebody looks, soon. */
void display_poke(struct display_console *c);

/* ---- who shows ------------------------------------------------------------------------------------------------- */

/* From now on; switched() is called at once. NULL when memory is short. */
struct display_listener *display_listen(struct display *d, const struct listener_ops *ops, void *opaque);
void display_unlisten(struct display_listener *l);
/* Whether anybody listens. */
bool display_watched(const struct display *d);

/*
 * Input for the console shown. Ctrl-Alt-1 to -8 switch consoles and go no further; what hotkey() takes with Ctrl-Alt goes no
 * further either.
 */
void display_on_hotkey(struct display *d, bool (*hotkey)(void *opaque, u32 code), void *opaque);
void display_key(struct display *d, u32 code, u32 ch, bool down);
void display_pointer(struct display *d, const struct pointer_event *ev);
bool display_wants_absolute(const struct display *d);
/* Releases every key that is held (a window lost the focus, a viewer left). */
void display_release_keys(struct display *d);

/* ---- over the screen ---------------------------------------------------------------------------------------------- */

/*
 * Something of ours that whoever shows the screen has over it: it is in no console's surface, so no guest, screendump or note has
 * it.
 */
struct overlay_ops {
	/*
	 * What to show on a screen of this size, and where it begins; it may go beyond the screen's edges. NULL: nothing. Good until the
	 * next call.
	 */
	const struct surface *(*picture)(void *opaque, u32 width, u32 height, u32 *x, u32 *y);
	/* A key that went down while the keys are ours, as console_ops.key has it. */
	void (*key)(void *opaque, u32 code, u32 ch);
};
/* There is one at most; NULL takes it away. */
void display_set_overlay(struct display *d, const struct overlay_ops *ops, void *opaque);
/* It shows something else from now on. */
void display_overlay_changed(struct display *d);
/* Whether keys are ours: then none, and no move of the pointer, gets to a console. What a console was told is down goes up first. */
void display_overlay_keys(struct display *d, bool on);

/* ---- commands: the monitor's, and keys' ------------------------------------------------------------------------ */

/*
 * The slot shown now. As long as nobody has chosen, that is the graphics as soon as there are any, else the text.
 * -1: nothing.
 */
int display_shown(const struct display *d);
/* Of the console shown: see console_ops.note. */
struct console_note *display_note(const struct display *d);
/* Shows another. 0 or -ENOENT when there is no such console. */
int display_select(struct display *d, u32 slot);
/* Name and size of the console in a slot; NULL: none there. */
const char *display_describe(const struct display *d, u32 slot, u32 *width, u32 *height);

enum screendump_format { SCREENDUMP_AUTO, SCREENDUMP_PNG, SCREENDUMP_PPM }; /* auto: PPM when the name ends so */

/*
 * Writes a picture of a console (slot -1: the one shown) to a file, as it is now. 0, or -errno with a sentence.
 */
int display_screendump(struct display *d, int slot, const char *path, enum screendump_format format, struct error *e);
/* A key goes down or up on the console shown, whatever it means to us. 0, or -EINVAL when code is none (1 to 0x1ff). */
int display_send_key(struct display *d, u32 code, bool down);
/* Moves the pointer by so much and turns the wheel; buttons stay. Where positions are absolute, it moves from the last. */
void display_mouse_move(struct display *d, i32 dx, i32 dy, i32 wheel);
/* The buttons held from now on, enum pointer_button. */
void display_mouse_button(struct display *d, u32 buttons);

/* ---- names of keys (QEMU's, of sendkey): "ctrl", "ret", "a", "f1", "kp_0" ------------------------------------------ */

/* The code, or 0 when there is no such key. Also "0x1c": an XT scan code, as QEMU takes it. */
u32 display_key_by_name(const char *name, size_t len);
/* The name of row i of the table, NULL at its end: for completion and lists. */
const char *display_key_name(u32 i);
/* QEMU's and VNC's number of a key (XT set 1, 0x80 more behind e0) to its code, or 0. */
u32 display_key_by_xt(u32 xt);

/* ---- pictures (hw/host/display/picture.c) ------------------------------------------------------------------------------ */

struct buf;

int picture_write(const struct surface *s, const char *path, enum screendump_format format, struct error *e);

/* A small picture of a screen. */
#define PICTURE_MAX 320u /* pixels either way */
struct picture {
	struct surface s;  /* its pixels are the picture's own; NULL: there is none */
	u32 width, height; /* of the screen */
};

/* Draws it of what was noted; ram: see struct console_note. Any thread may do this. 0 or -ENOMEM. */
int picture_make(struct console_note *n, const void *ram, struct picture *out);
void picture_free(struct picture *p);
/* As a PNG, which says the size of the screen too. Any thread may do this. 0 or -ENOMEM. */
int picture_png(const struct picture *p, struct buf *out);
/* Reads what picture_png() writes. 0, -EINVAL (it is something else), -ENOTSUP (this build cannot unpack it) or -ENOMEM. */
int picture_read(struct picture *p, const u8 *data, size_t n);

#endif
