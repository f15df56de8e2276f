/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names and numbers of keys.
 */
#include "hw/host/display/keys.h"

#include <stdlib.h>
#include <string.h>

#include "hw/host/display/display.h"

struct key_row {
	u16 code, xt;
	const char *name;
};

static const struct key_row rows[] = {
#define KEY(name, code, qemu, xt) { code, xt, qemu },
#include "hw/host/display/keys.def"
#undef KEY
};

/* Other names of QEMU's for the same. */
static const struct key_row more[] = {
	{ KEY_RIGHTALT, 0, "altgr" },	{ KEY_ENTER, 0, "kp_ret" },	 { KEY_SPACE, 0, "space" },
	{ KEY_ENTER, 0, "enter" },	{ KEY_DELETE, 0, "del" },	 { KEY_KPASTERISK, 0, "asterisk" },
	{ KEY_SYSRQ, 0, "print" },
};

u32 display_key_by_name(const char *name, size_t len)
{
	char text[32], *end;
	size_t i;

	if (!len || len >= sizeof text)
		return 0;
	memcpy(text, name, len);
	text[len] = 0;
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		if (!strcmp(text, rows[i].name))
			return rows[i].code;
	for (i = 0; i < ARRAY_SIZE(more); i++)
		if (!strcmp(text, more[i].name))
			return more[i].code;
	if (text[0] == '0' && text[1] == 'x' && text[2]) {
		unsigned long xt = strtoul(text + 2, &end, 16);

		return *end || xt > 0xff ? 0 : display_key_by_xt((u32)xt);
	}
	return 0;
}

const char *display_key_name(u32 i)
{
	return i < ARRAY_SIZE(rows) ? rows[i].name : NULL;
}

u32 display_key_by_xt(u32 xt)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].xt == xt)
			return rows[i].code;
	return 0;
}
