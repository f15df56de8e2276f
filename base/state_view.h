/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A saved list of states (state_list_save()) looked at without the modules whose states they are: by the names that its schema has.
 * For people's tools. An item that a module wrote with functions of its own is bytes here.
 */
#ifndef BASE_STATE_VIEW_H
#define BASE_STATE_VIEW_H

#include "base/log.h"
#include "base/state.h"

struct state_view;

/* The n bytes at p stay the caller's, and must stay. 0, or -EINVAL or -ENOMEM with a sentence that begins with "its". */
int state_view_new(const void *p, size_t n, struct state_view **out, struct error *e);
/* NULL is allowed. */
void state_view_free(struct state_view *v);
/*
 * An integer of the first struct of an item: element index of a field, or of the field sub (not NULL) of that element. False: there
 * is none of these names.
 */
bool state_view_int(const struct state_view *v, const char *item, u32 instance, const char *field, u32 index, const char *sub, u64 *out);

enum state_side { STATE_BOTH, STATE_ONLY_A, STATE_ONLY_B };
struct state_difference {
	char item[64]; /* cut when longer */
	u32 instance;
	enum state_side side; /* who has it */
	char where[256];      /* "x86.seg[1].sel"; "": the item */
	u8 kind;              /* enum state_kind; STATE_KIND_STRUCT: a is no value */
	u64 size_a, size_b;   /* bytes */
	const u8 *a, *b;      /* the values as in the files: integers are little-endian; NULL: that side has none */
};
/* Tells of everything in which two lists differ, by the items' names. */
void state_view_compare(const struct state_view *a, const struct state_view *b,
			void (*fn)(void *opaque, const struct state_difference *d), void *opaque);

#endif
