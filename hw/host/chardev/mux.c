/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The keys that are ours on a terminal: Ctrl-A and one more (QEMU's "Keys in the character backend multiplexer").
 * Left out: timestamps (Ctrl-A t).
 */
#include <string.h>

#include "hw/host/chardev/impl.h"

#define CTRL_A 1

static void say(struct chardev *cd, const char *text)
{
	if (!chardev_full(cd)) /* keys of somebody who does not read */
		chardev_write(cd, text, strlen(text));
}

/* One key after Ctrl-A. True when the guest gets it. */
static bool escape_key(struct chardev *cd, u8 key)
{
	switch (key) {
	case 'h':
	case '?':
		say(cd, "\r\n"
			"C-a h    print this help\r\n");
		if (cd->env.quit)
			say(cd, "C-a x    exit paravane\r\n");
		say(cd, "C-a s    save disk data back to file (nothing to do: writes go through)\r\n"
			"C-a b    send break (no device here takes one)\r\n"
			"C-a c    switch between console and monitor\r\n"
			"C-a C-a  send C-a; so does C-a a\r\n");
		return false;
	case 'x':
	case 'X':
		if (cd->env.quit) {
			say(cd, "\r\nparavane: terminated by Ctrl-A x\r\n");
			cd->env.quit(cd->env.opaque);
		}
		return false;
	case 'c':
		if (!cd->second) {
			say(cd, "\r\nparavane: no monitor is behind this console\r\n");
			return false;
		}
		cd->focus = !cd->focus;
		cd->second->focus(cd->second_opaque, cd->focus);
		return false;
	case 'a':
	case CTRL_A:
		return true;
	default: /* b and s among them: accepted, nothing to do */
		return false;
	}
}

size_t chardev_mux_filter(struct chardev *cd, u8 *p, size_t n)
{
	size_t i, kept = 0;

	for (i = 0; i < n; i++) {
		u8 key = p[i];

		if (cd->mux == MUX_ESCAPE) {
			cd->mux = MUX_PLAIN;
			if (!escape_key(cd, key))
				continue;
			key = CTRL_A;
		} else if (key == CTRL_A) {
			cd->mux = MUX_ESCAPE;
			continue;
		}
		if (cd->focus)
			cd->second->receive(cd->second_opaque, &key, 1);
		else
			p[kept++] = key;
	}
	return kept;
}
