/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keys by Linux's numbers (input-event-codes.h), and what they type in a layout (-k).
 */
#ifndef HW_HOST_DISPLAY_KEYS_H
#define HW_HOST_DISPLAY_KEYS_H

#include "base/types.h"

enum key_code {
#define KEY(name, code, qemu, xt) KEY_##name = code,
#include "hw/host/display/keys.def"
#undef KEY
	KEYS = 0x200 /* more than the highest number a key may have */
};

/* What a pointer's buttons are to a guest. */
enum key_button { KEY_BTN_LEFT = 0x110, KEY_BTN_RIGHT, KEY_BTN_MIDDLE, KEY_BTN_SIDE, KEY_BTN_EXTRA };

enum keymap_level { KEYMAP_PLAIN, KEYMAP_SHIFT, KEYMAP_ALTGR, KEYMAP_LEVELS };

struct keymap;

/* The layout of this name (QEMU's: "en-us", "de", ...), or NULL. NULL asks for "en-us". */
const struct keymap *keymap_find(const char *name);
/* Names of the layouts, with blanks between them, cut to n bytes. */
void keymap_list(char *out, size_t n);
/* The character a key types, 0: none. */
u32 keymap_char(const struct keymap *m, u32 code, enum keymap_level level);
/* The key that types a character, on any level (level may be NULL), or 0. Keys that type nothing are not found here. */
u32 keymap_code(const struct keymap *m, u32 ch, enum keymap_level *level);
/*
 * What an X11 keysym is (RFC 6143, 7.5.4): its key in the layout, 0 when there is none, and the character it types, 0 for
 * a key like F1.
 */
u32 keymap_keysym(const struct keymap *m, u32 keysym, u32 *ch);

#endif
