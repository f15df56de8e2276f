/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Specs: texts in QEMU's grammar of lists, "user,id=n0,hostfwd=tcp::2222-:22". Some properties of a guest's node hold
 * one (guest/nodes.h), and options and monitors take them.
 */
#ifndef GUEST_SPEC_H
#define GUEST_SPEC_H

#include "base/types.h"

#define SPEC_ID 64 /* bytes of an id, the zero counted */

/* One word of "a,b=c,,d": the name in front of '=', the value behind it; ",," is a comma. */
struct spec_word {
	char name[64], value[1024];
	bool has_value;
	const char *raw; /* as it stands in the text */
	size_t raw_len;
	bool too_long; /* name or value is cut */
};

/* Takes the word at *s, and moves *s behind it. False at the end. */
bool spec_next(const char **s, struct spec_word *w);
/* The id that a spec has, in id; "" when there is none, or one too long. */
void spec_id(const char *spec, char id[SPEC_ID]);

#endif
